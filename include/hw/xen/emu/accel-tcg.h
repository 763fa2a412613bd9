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
 * enters the next one it looks (xen_tcg_check_pending()): interruptible, it injects the
 * upcall itself; otherwise the bit stays, and as code that enables interrupts
 * also leaves its block, the next look comes just in time.
 *
 * A vCPU that halts waits on an event of its own (wait_until_kicked()), inside
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
#define XEN_TCG_PENDING_VECTOR      1u  /* its own vector, into the LAPIC */
#define XEN_TCG_PENDING_CALLBACK    2u  /* the callback vector, if still pending */
#define XEN_TCG_PENDING_WAKE        4u  /* a sleep is over */

/*
 * The vector of the domain-wide callback if @cs has an upcall pending that
 * goes by it, else -1.  Any thread.
 */
int xen_tcg_upcall_vector(CPUState *cs);

/* Once, before the first vCPU runs: BQL. */
void xen_tcg_pending_init(void);
/* xen_accel.c: sets @what of xen_due and has @v look at it.  [fast] */
void xen_tcg_make_pending(XenVcpu *v, uint32_t what);

/*
 * xen_upcall.c.  Raises XEN_TCG_PENDING_VECTOR in the LAPIC, if it is pending:
 * with the BQL, or taking it.
 */
void xen_tcg_raise_lapic(CPUState *cs);
void xen_tcg_raise_lapic_unlocked(CPUState *cs);
/* The callback vector is pending and @cs would take it now.  Any thread. */
bool xen_tcg_upcall_can_be_taken(CPUState *cs);

/*
 * xen_wait.c.  vCPUs wait without the BQL when they are halted.  False: they
 * share a thread, which waits as always.
 */
bool xen_tcg_vcpus_wait(void);
/* @cs was kicked: it no longer waits.  Any thread. */
void xen_tcg_kicked(CPUState *cs);
/* XenAccelCpuOps.halt and XenAccelOps.vm_state. */
void xen_tcg_halt(XenVcpu *v, int64_t timeout_ns);
void xen_tcg_vm_state(bool running);
/* Its data of @v.  BQL. */
void xen_tcg_wait_init_vcpu(XenVcpu *v);
void xen_tcg_wait_free_vcpu(XenVcpu *v);
/*
 * In the place of the CPU's own functions (accel/xen-hooks.c), which they call:
 * has_work any thread; exec_halt the vCPU's.
 */
bool xen_tcg_has_work(CPUState *cs, bool (*has_work)(CPUState *cs));
bool xen_tcg_exec_halt(CPUState *cs, bool (*exec_halt)(CPUState *cs));

#endif
