/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reset of the whole Xen domain
 */
#ifndef HW_XEN_EMU_DEVICE_RESET_H
#define HW_XEN_EMU_DEVICE_RESET_H

/*
 * SHUTDOWN_soft_reset, called by vCPU @cs.  As on Xen no vCPU runs while the
 * domain is reset: the main loop pauses all, resets, and resumes them.  The
 * caller executes no instruction of the guest before that; its hypercall
 * returns 0.  If the accelerator fails, QEMU reports this and shuts down, since
 * the reset is incomplete.  If the VM stops first, the reset is part of the stop,
 * so it is never pending in a saved VM.  A system reset cancels it.  Calls the
 * reset notifiers (domain.h).
 *
 * Not in the vCPU's own thread, which is possible in qtest only: resets at once,
 * and returns 0 or a negative errno of the accelerator.  BQL.
 */
int xen_emu_request_soft_reset(CPUState *cs);

/*
 * A system reset.  vCPUs are stopped.  Calls the reset notifiers.  0 or a negative
 * errno of the accelerator; the reset is incomplete then.  BQL.
 */
int xen_emu_machine_reset(void);

#endif
