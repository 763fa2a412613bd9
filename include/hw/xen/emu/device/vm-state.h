/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The handler of VM state changes: stop and resume
 *
 * There is a single handler for all parts because their order matters:
 *
 * Stop (vCPUs do not run, system time still advances)
 *   1. single-shot timers are reclaimed from KVM, while its clock is still that
 *      of the guest
 *   2. QEMU's timers stop
 *   3. the accelerator: from here on its clock may be set; it ends halts in
 *      SCHEDOP_poll, which are not migrated
 *   4. areas and timers are saved to CPUX86State, for migration
 *
 * Resume (the accelerator's own handlers have set the clock)
 *   1. the accelerator: the clock advances
 *   2. loaded state takes effect
 *   3. QEMU's timers start; those that are due fire
 *   4. timers can be offloaded again, when the guest next arms them
 */
#ifndef HW_XEN_EMU_DEVICE_VM_STATE_H
#define HW_XEN_EMU_DEVICE_VM_STATE_H

/* Once, when the engine exists; BQL. */
void xen_vm_state_init(void);

#endif
