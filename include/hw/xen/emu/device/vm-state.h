/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The handler of VM state changes: stop and resume
 *
 * There is a single handler for all parts because their order matters:
 *
 * Stop (vCPUs do not run, system time still advances)
 *   0. a soft reset that the guest has requested is done
 *   1. single-shot timers are reclaimed from KVM, while its clock is still that
 *      of the guest
 *   2. QEMU's timers stop
 *   3. the accelerator: from here on its clock may be set; it ends halts in
 *      SCHEDOP_poll, which are not migrated
 *   4. areas and timers are saved to CPUX86State, for migration
 *   5. PV devices, by handlers of their own: nothing new is taken from a ring,
 *      and events that are held back are sent.  Then QEMU drains all disks, and
 *      what was in flight is answered.  The last changes of guest memory come
 *      from here; all sections are written later.
 *
 * Load (the VM is stopped, and was just reset)
 *   1. each PV device's configuration is compared: "xen-pv-device", before RAM
 *   2. RAM; then the sections in the order in which their devices were created:
 *      event channels, grant table, xenstore, PV devices, vCPUs among them
 *   3. a PV device only stores what its section says.  Until the VM runs nothing
 *      touches a ring, whatever xenstore's watches say.
 *
 * Resume (the accelerator's own handlers have set the clock)
 *   1. the accelerator: the clock advances
 *   2. loaded state takes effect
 *   3. QEMU's timers start; those that are due fire
 *   4. timers can be offloaded again, when the guest next arms them
 *   5. PV devices that were loaded take over their rings and channels, as
 *      xenstore says.  Not before 2: an event would find no vcpu_info.
 *
 * S3 is not a stop.  At wake-up, after the reset of vCPUs and devices and before
 * the guest runs:
 *   1. the wall clock is set, since system time may have stood still
 *   2. upcalls are withheld until the guest makes a hypercall: firmware runs
 *      first.  Then pending ones are raised again, since interrupt controllers
 *      have lost them.  A VM that is saved until then says so in its stream.
 */
#ifndef HW_XEN_EMU_DEVICE_VM_STATE_H
#define HW_XEN_EMU_DEVICE_VM_STATE_H

/* Once, when the engine exists; BQL. */
void xen_vm_state_init(void);

#endif
