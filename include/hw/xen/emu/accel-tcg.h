/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Xen emulation: what TCG's CPU code (target/i386/tcg) and its accelerator
 * (accel/tcg) ask of each other
 *
 * How a vCPU is told without the BQL
 * ----------------------------------
 * A sender sets a bit of CPUX86State.xen_due and has the vCPU look at it.
 *
 * A vCPU that runs guest code is asked to leave its block of code.  Before it
 * enters the next one it looks (xen_tcg_look()): interruptible, it injects the
 * upcall itself; otherwise the bit stays, and as code that enables interrupts
 * also leaves its block, the next look comes just in time.
 *
 * A vCPU that halts waits on an event of its own (xen_emu_tcg_wait()), inside
 * the halting instruction and without any lock, and injects when it wakes up.
 * Whatever else QEMU wants of it (a kick) ends that wait too; it then goes the
 * usual way.
 *
 * With all vCPUs in one thread (thread=single, icount) a halted vCPU has no
 * thread that could wait for it, and QEMU's own wait needs the BQL to be ended.
 * There the main loop does it.
 *
 * A vCPU's own vector (HVMOP_set_evtchn_upcall_vector) goes through its LAPIC,
 * which is QEMU's and guarded by the BQL: the vCPU takes that, not the sender.
 */
#ifndef HW_XEN_EMU_ACCEL_TCG_H
#define HW_XEN_EMU_ACCEL_TCG_H

#include "hw/xen/emu/accel.h"

/* Bits of CPUX86State.xen_due; atomic. */
#define XEN_TCG_DUE_VECTOR      1u  /* its own vector, into the LAPIC */
#define XEN_TCG_DUE_CALLBACK    2u  /* the callback vector, if still pending */
#define XEN_TCG_DUE_WAKE        4u  /* a sleep is over */

/*
 * The vector of the domain-wide callback if @cs has an upcall pending that
 * goes by it, else -1.  Any thread.
 */
int xen_emu_tcg_upcall_vector(CPUState *cs);

/* vCPUs wait by xen_emu_tcg_wait().  False: they share a thread. */
bool xen_emu_tcg_vcpus_wait(void);
/*
 * One round of waiting: begin, look whether there is a reason not to wait,
 * then wait until kicked or told.  The vCPU's thread, no BQL; begin any.
 */
void xen_emu_tcg_wait_begin(CPUState *cs);
void xen_emu_tcg_wait(CPUState *cs);

/*
 * target/i386's part: what accel/tcg puts in the place of the CPU's own
 * functions.  A halted vCPU goes on: any thread; the vCPU's thread.
 */
bool xen_tcg_has_work(CPUState *cs, bool (*has_work)(CPUState *cs));
bool xen_tcg_exec_halt(CPUState *cs, bool (*exec_halt)(CPUState *cs));
/* XEN_TCG_DUE_VECTOR, if due.  BQL. */
void xen_tcg_tell_lapic(CPUState *cs);

#endif
