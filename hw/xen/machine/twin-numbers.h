/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The numbers of PV twins where a guest is loaded
 *
 * A twin has the first number that is free when it is made.  So what was plugged in
 * and out before decides about it, but the QEMU to which the guest is moved is
 * started with the devices that are left, and would count anew.  Once PV devices
 * have come or gone, the state says which number belongs to the twin of the device
 * at which place, before anything else that has to do with PV devices; a target
 * whose twins have other numbers makes them again with these.  Of a guest without
 * such a history there is nothing in the state, as in that of older releases.
 *
 * A stream is somebody else's data.
 */
#ifndef HW_XEN_MACHINE_TWIN_NUMBERS_H
#define HW_XEN_MACHINE_TWIN_NUMBERS_H

/* Before the first PV device; may be called again.  BQL. */
void xen_twin_numbers_init(void);
#endif
