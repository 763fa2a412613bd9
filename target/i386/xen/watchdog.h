/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SCHEDOP_watchdog: two timers that a guest must restart before they expire
 *
 * When one expires, QEMU does what the user chose for watchdogs (-action
 * watchdog=...), as for an emulated watchdog device.
 *
 * Source of the ABI: include/hw/xen/interface/sched.h.
 */
#ifndef TARGET_I386_XEN_WATCHDOG_H
#define TARGET_I386_XEN_WATCHDOG_H

/*
 * @id 0: starts an unused watchdog and returns its number, 1 or 2.  Otherwise
 * restarts watchdog @id, or stops it if @timeout_s is 0, and returns 0.
 * @timeout_s is in seconds of QEMU_CLOCK_VIRTUAL.  -EINVAL: no such watchdog,
 * or it is not running; -ENOSPC: both are in use.  Any thread; takes the BQL.
 */
int xen_watchdog_set(uint32_t id, uint32_t timeout_s);

/* Once, with the BQL: registers reset and migration. */
void xen_watchdog_init(void);

#endif
