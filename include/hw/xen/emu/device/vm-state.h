/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The emulation when the VM stops and resumes
 *
 * One handler for all parts, since they depend on each other's order:
 *
 * Stop (vCPUs are out of the guest, system time still moves)
 *   1. single-shot timers are reclaimed from the kernel: their deadlines are
 *      read while the kernel's clock still shows what the guest saw
 *   2. QEMU's timers stop
 *   3. the accelerator: its clock may be set from now on; a vCPU that is halted
 *      in a poll is not any more, since a poll is not in a migration stream
 *   4. areas and timers are noted in CPUX86State, for a save
 *
 * Resume (the accelerator's own handlers have set the clock)
 *   1. the accelerator: the clock moves
 *   2. state that was loaded is acted upon
 *   3. QEMU's timers wait again; what is due meanwhile fires
 *   4. the kernel may have timers again, once the guest arms them
 */
#ifndef HW_XEN_EMU_DEVICE_VM_STATE_H
#define HW_XEN_EMU_DEVICE_VM_STATE_H

/* Once, when the engine exists; BQL. */
void xen_vm_state_init(void);

#endif
