/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Time and runstate areas that QEMU keeps where the kernel does not
 *
 * Time
 * ----
 * vcpu_time_info (in vcpu_info, and the secondary copy that
 * VCPUOP_register_vcpu_time_memory_area names) where the accelerator says
 * tsc_is_virtual_clock (TCG, qtest).  The guest's TSC runs at exactly
 * XEN_EMU_TSC_KHZ there (target/i386 derives it from QEMU_CLOCK_VIRTUAL), so
 * one pair of factors is right for all vCPUs for ever, they agree to the
 * nanosecond, and the areas are written once, not at every tick.  Elsewhere the
 * accelerator writes them.
 *
 * The wall clock in shared_info, where the accelerator has no SHARED_INFO.
 *
 * Runstate
 * --------
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
 * Each vCPU's runstate has one lock, held while the area is written.  Nothing
 * that waits for the BQL is done under it.
 *
 * Source of the ABI: include/hw/xen/interface/xen.h, vcpu.h.
 */
#ifndef HW_XEN_EMU_VCPU_TIME_H
#define HW_XEN_EMU_VCPU_TIME_H

#include "hw/core/cpu.h"
#include "hw/xen/emu/page.h"

#define XEN_EMU_TSC_KHZ     1000000u    /* 1 GHz: a tick is a nanosecond */

/* System time in ns by QEMU_CLOCK_VIRTUAL. [fast] */
uint64_t xen_emu_virtual_time(void);

/*
 * Writes the wall clock into @shared_info in the current layout, under its
 * version protocol: UTC at system time 0, by QEMU_CLOCK_HOST.  After the page
 * was mapped, the layout changed, or the host's clock was set.  BQL.
 */
void xen_time_write_wallclock(void *shared_info);

/*
 * Writes a vcpu_time_info at @hva (32 bytes, any alignment), under its version
 * protocol.  Any thread, but one writer at a time for one @hva.
 */
void xen_time_write_vcpu_time(void *hva);
/*
 * Makes the vcpu_time_info @to like @from, which somebody else may be writing:
 * then this does nothing.  Any thread, one writer at a time for one @to.
 */
void xen_time_copy_vcpu_time(void *to, const void *from);

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
 * TCG: @cs has halted, or goes on.  Does nothing in a VM without Xen.  The
 * vCPU's thread; no BQL.
 */
void xen_runstate_halted(CPUState *cs, bool halted);
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
 * Guest physical memory at [gpa, gpa + len) is no longer what it was.  Takes
 * the lock only if the area lies there.  Any thread.
 */
void xen_runstate_invalidate(XenRunstate *r, uint64_t gpa, uint64_t len);

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
