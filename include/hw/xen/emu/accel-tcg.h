/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Xen emulation on TCG: the interface between the files of the accelerator
 * (target/i386/tcg/system/xen_*.c) and the hooks (accel/xen-hooks.c)
 *
 * How a vCPU is notified without the BQL
 * --------------------------------------
 * A sender sets a bit of CPUX86State.xen_pending and kicks the vCPU.
 *
 * A vCPU that runs guest code leaves its translation block.  Before it enters
 * the next one, it checks the word (xen_tcg_check_pending()).  If interrupts
 * are enabled, it injects the upcall.  Otherwise the bit stays set.  Code that
 * enables interrupts also ends its block, so the next check follows
 * immediately.
 *
 * A halted vCPU waits on an event of its own (wait_until_kicked()), inside the
 * halting instruction and without any lock, and injects when it wakes up.  A
 * kick for other work also ends the wait; the vCPU then returns to its outer
 * loop.
 *
 * If all vCPUs share a thread (thread=single, icount), that thread cannot wait
 * for one of them, and its wait for work can only be ended with the BQL.  The
 * main loop does that.
 *
 * The own vector of a vCPU (HVMOP_set_evtchn_upcall_vector) is raised in its
 * LAPIC, which QEMU emulates under the BQL.  The vCPU takes the BQL for that,
 * not the sender.
 */
#ifndef HW_XEN_EMU_ACCEL_TCG_H
#define HW_XEN_EMU_ACCEL_TCG_H

#include "hw/xen/emu/accel.h"

/* Requests: bits of CPUX86State.xen_pending; atomic. */
#define XEN_TCG_PENDING_VECTOR      1u  /* raise its own vector in the LAPIC */
#define XEN_TCG_PENDING_CALLBACK    2u  /* inject the callback vector */
#define XEN_TCG_PENDING_WAKE        4u  /* end SCHEDOP_poll or SCHEDOP_block */

/*
 * ------------------------------------------------------------------------
 * xen_pending.c
 */

/* Before the first vCPU runs; no-op if called again.  BQL. */
void xen_tcg_pending_init(void);
/* Makes the requests @what pending and kicks @v.  [fast] */
void xen_tcg_make_pending(XenVcpu *v, uint32_t what);
/*
 * The callback vector, if @cs has an upcall pending for it, else -1.  Any
 * thread.
 */
int xen_tcg_upcall_vector(CPUState *cs);
/*
 * Raises the vCPU's own vector in its LAPIC if XEN_TCG_PENDING_VECTOR is set.
 * raise_lapic: BQL.  raise_lapic_unlocked: without the BQL; takes it if needed.
 */
void xen_tcg_raise_lapic(CPUState *cs);
void xen_tcg_raise_lapic_unlocked(CPUState *cs);
/*
 * Each vCPU has a thread, which waits without the BQL when the vCPU is halted.
 * False: they share a thread, which waits as without Xen.  Any thread.
 */
bool xen_tcg_vcpus_wait(void);
/* @cs was kicked: ends its wait.  Any thread. */
void xen_tcg_kicked(CPUState *cs);

/*
 * ------------------------------------------------------------------------
 * xen_upcall.c
 */

/* The callback vector is pending and @cs would take it now.  Any thread. */
bool xen_tcg_upcall_can_be_taken(CPUState *cs);

/*
 * ------------------------------------------------------------------------
 * xen_wait.c
 */

/* XenAccelCpuOps.halt and XenAccelOps.vm_state. */
void xen_tcg_halt(XenVcpu *v, int64_t timeout_ns);
void xen_tcg_vm_state(bool running);
/* Allocates and frees the accelerator's data of @v.  BQL. */
void xen_tcg_wait_init_vcpu(XenVcpu *v);
void xen_tcg_wait_free_vcpu(XenVcpu *v);
/*
 * Hooks of CPUClass (accel/xen-hooks.c); the parent is an argument.  has_work:
 * any thread.  exec_halt: [vcpu].
 */
bool xen_tcg_has_work(CPUState *cs, bool (*has_work)(CPUState *cs));
bool xen_tcg_exec_halt(CPUState *cs, bool (*exec_halt)(CPUState *cs));

#endif
