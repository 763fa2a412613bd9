/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What happens to the emulation when the guest's RAM changes
 */
#ifndef HW_XEN_EMU_DEVICE_RAM_EVENTS_H
#define HW_XEN_EMU_DEVICE_RAM_EVENTS_H

/* Follow the system address space.  Once, when the engine exists.  BQL. */
void xen_ram_events_init(void);

#endif
