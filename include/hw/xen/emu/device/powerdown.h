/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * system_powerdown by control/shutdown
 *
 * Source of the ABI: docs/misc/xenstore-paths.pandoc of Xen.
 */
#ifndef HW_XEN_EMU_DEVICE_POWERDOWN_H
#define HW_XEN_EMU_DEVICE_POWERDOWN_H

/* Once; BQL. */
void xen_powerdown_init(void);

#endif
