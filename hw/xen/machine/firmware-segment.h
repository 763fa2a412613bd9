/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The segment of the firmware's code, 0xf0000-0xfffff, over a sleep in S3
 *
 * Source: Intel's 440FX data sheet (PAM0), SeaBIOS' use of it.
 */
#ifndef HW_XEN_MACHINE_FIRMWARE_SEGMENT_H
#define HW_XEN_MACHINE_FIRMWARE_SEGMENT_H

/* Makes it writable at each wake-up.  BQL; calls after the first have no effect. */
void xen_firmware_segment_init(void);

#endif
