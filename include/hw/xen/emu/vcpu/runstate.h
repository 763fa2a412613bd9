/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Runstate of vCPUs: state changes, steal time, and the area in guest memory
 *
 * Used if the accelerator has no set_runstate: TCG, and KVM without that
 * capability.  Each instant of system time counts as exactly one of:
 *   running   the vCPU executes
 *   blocked   it is halted or waits in SCHEDOP_poll.  The accelerator calls
 *             xen_runstate_enter() on both edges (KVM cannot: there time in HLT
 *             is "running")
 *   runnable  while running or blocked, the vCPU's thread was ready but the
 *             host ran something else: Linux's steal time.  Read from
 *             /proc/self/task/TID/schedstat, second number; 0 if the host has
 *             no such file, if vCPUs share a thread, and under qtest
 *   offline   a vCPU other than the first, until it first runs
 * The area is updated when the state changes and, for a running vCPU, when its
 * Xen timer expires (at most once a millisecond), since guests account for
 * steal time in their tick.
 *
 * The area may cross one page boundary.  It is a copy; QEMU has the sums.
 * After migration they continue from the guest's copy, because its steal clock
 * must not run backwards.
 *
 * Each vCPU's runstate has one lock, which is the user's lock of its pages
 * (page.h).
 *
 * Source of the ABI: include/hw/xen/interface/xen.h, vcpu.h.
 */
#ifndef HW_XEN_EMU_VCPU_RUNSTATE_H
#define HW_XEN_EMU_VCPU_RUNSTATE_H

#include "hw/core/cpu.h"
#include "hw/xen/emu/page.h"

typedef struct XenRunstate XenRunstate;

/* Any thread.  @cs outlives it, and need not have a thread yet. */
XenRunstate *xen_runstate_new(CPUState *cs);
/* No other call may run or follow.  Any thread. */
void xen_runstate_free(XenRunstate *r);

/*
 * VCPUOP_register_runstate_memory_area: sets the area to @gpa, any alignment,
 * and writes it; XEN_GPA_NONE: no area.  -EINVAL if not all of it is RAM;
 * nothing has changed then.  Any thread.
 */
int xen_runstate_set_area(XenRunstate *r, uint64_t gpa);
/*
 * The same after state was loaded: first reads state and sums from the area.
 * The VM is stopped or the vCPU not yet running.
 */
int xen_runstate_load_area(XenRunstate *r, uint64_t gpa);
/* Domain reset: no area, sums are 0.  Any thread. */
void xen_runstate_reset(XenRunstate *r);

/*
 * Enters @state (RUNSTATE_*), after charging the time since the last change to
 * the current one.  Any thread, usually the vCPU's.
 */
void xen_runstate_enter(XenRunstate *r, int state);
/*
 * Updates the area of a running vCPU, if it is older than a millisecond.
 * [fast], except if a page has to be looked up again.  Any thread.
 */
void xen_runstate_sample(XenRunstate *r);
/*
 * VCPUOP_get_runstate_info: writes the current runstate to @buf in the guest's
 * layout and returns its size, at most XEN_RUNSTATE_MAX_SIZE.  The area is not
 * updated.  Any thread; if KVM keeps the sums, only the vCPU's own thread gets
 * them, others get QEMU's own account.
 */
#define XEN_RUNSTATE_MAX_SIZE   48
size_t xen_runstate_get(XenRunstate *r, void *buf);

/*
 * VMASST_TYPE_runstate_update_flag, for all vCPUs: XEN_RUNSTATE_UPDATE is set
 * in the area while it is being written.  -EINVAL, as for an unknown assist, if
 * KVM writes the areas and does not support the flag.  On an error nothing has
 * changed.  Takes the BQL if the caller does not hold it.
 */
int xen_runstate_set_update_flag(bool on);
/* The flag as last set.  Any thread. */
bool xen_runstate_update_flag(void);

#endif
