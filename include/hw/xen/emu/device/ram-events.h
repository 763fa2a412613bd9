/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reactions to changes of the memory map, and dirty tracking
 */
#ifndef HW_XEN_EMU_DEVICE_RAM_EVENTS_H
#define HW_XEN_EMU_DEVICE_RAM_EVENTS_H

/* Registers the listeners.  Once, when the engine exists; BQL. */
void xen_ram_events_init(void);

#endif
