/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Runstate of vCPUs: when it changes, what the host stole, where it is shown
 *
 * Where the accelerator has no set_runstate: TCG, KVM without that capability.
 * Four sums of time a vCPU; each instant of system time is in exactly one:
 *   running   the vCPU executes
 *   blocked   it halted, or waits in SCHEDOP_poll; the accelerator says so by
 *             xen_runstate_enter() when it halts and when it goes on (KVM cannot
 *             see that: time in HLT is "running" there)
 *   runnable  of both, the part in which the vCPU's thread was ready to run and
 *             the host ran something else: what Linux calls steal time.  The
 *             host's scheduler counts it for each thread
 *             (/proc/self/task/TID/schedstat, its second number); where it does
 *             not, where vCPUs share a thread, or under qtest, nothing is stolen
 *   offline   a vCPU other than the first, until it first runs
 * The count is read when the state changes, and for a vCPU that just runs, at
 * its Xen timer's expiry (at most once a millisecond): guests look at steal time
 * in their tick.  Between these the area does not change.
 *
 * The area in guest memory may cross a page boundary (not more: it is smaller
 * than a page).  It is a copy; the sums themselves are QEMU's.  After migration
 * they go on from the guest's copy, as its steal clock must not run backwards.
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

/* Any thread.  @vcpu need not have a thread yet. */
XenRunstate *xen_runstate_new(unsigned vcpu);
/* No other call may run or follow.  Any thread. */
void xen_runstate_free(XenRunstate *r);

/*
 * VCPUOP_register_runstate_memory_area: the area is at @gpa, any alignment, and
 * is written at once; XEN_GPA_NONE: nowhere.  -EINVAL where there is no RAM for
 * all of it, nothing changed.  Any thread.
 */
int xen_runstate_set_area(XenRunstate *r, uint64_t gpa);
/*
 * The same after state was loaded: state and sums are taken from the area
 * first.  VM stopped, or the vCPU not yet running.
 */
int xen_runstate_load_area(XenRunstate *r, uint64_t gpa);
/* Domain reset: no area, sums 0.  Any thread. */
void xen_runstate_reset(XenRunstate *r);

/*
 * The vCPU is in @state (RUNSTATE_*) from now on; the time since the last change
 * is charged to the old one.  Any thread, usually its own.
 */
void xen_runstate_enter(XenRunstate *r, int state);
/*
 * Brings the area of a running vCPU up to date, unless it is fresh. [fast] but
 * for a page that must be found again.  Any thread.
 */
void xen_runstate_sample(XenRunstate *r);
/*
 * VCPUOP_get_runstate_info in the guest's layout: bytes written to @buf, at most
 * XEN_RUNSTATE_MAX_SIZE.  Up to date, without touching the area.  Any thread;
 * where the kernel keeps the sums, another thread than the vCPU's own gets what
 * QEMU would have counted.
 */
#define XEN_RUNSTATE_MAX_SIZE   48
size_t xen_runstate_get(XenRunstate *r, void *buf);

/*
 * VMASST_TYPE_runstate_update_flag, for all vCPUs: XEN_RUNSTATE_UPDATE is set
 * in the area while it is being written.  -EINVAL: the kernel writes the areas
 * and cannot do that, so the guest gets Xen's answer to an unknown assist.  Any
 * thread.
 */
int xen_runstate_set_update_flag(bool on);
/* As it was last set.  Any thread. */
bool xen_runstate_update_flag(void);

#endif
