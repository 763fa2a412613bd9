/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The PCI slot of the platform device
 *
 * The machine puts the platform device in its first free slot, which is part of
 * the migration stream's device path: 2 on "pc", 1 on "q35".  Users and tools who
 * do not know of the device put others there by "addr=".  Before QEMU adds such a
 * device, the platform device moves to a slot that tools do not use by
 * themselves.
 */
#ifndef HW_XEN_MACHINE_PLATFORM_SLOT_H
#define HW_XEN_MACHINE_PLATFORM_SLOT_H

/*
 * From now on, and until the machine is complete, the platform device makes room
 * for others.  May be called again.  BQL.
 */
void xen_platform_make_room(void);
/* Moves the platform device, if there is one, to such a slot.  BQL. */
void xen_platform_move_up(void);
#endif
