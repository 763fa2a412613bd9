/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Single-shot timers in the kernel: handing them over and taking them back
 */
#include "qemu/osdep.h"
#include "qemu/main-loop.h"
#include "hw/core/cpu.h"
#include "hw/xen/emu/domain.h"
#include "hw/xen/emu/evtchn.h"
#include "hw/xen/emu/memory/shared-info.h"
#include "hw/xen/emu/offload/timers.h"
#include "hw/xen/emu/vcpu/timer-calc.h"
#include "hw/xen/emu/vcpu/timer.h"
#include "cpu.h"
#include "trace.h"

#include "hw/xen/interface/xen.h"

/* As device/vm-state.c says.  BQL. */
static bool vm_running;

/*
 * The port that the kernel's timer of @v shall raise; 0: QEMU keeps that timer.
 * No lock of the engine.
 */
static uint32_t port_for_kernel(XenVcpu *v)
{
    return xen_emu_delivery_is_offloaded() ?
           xen_evtchn_virq_port(xen_emu_evtchn(), v->cs->cpu_index,
                                VIRQ_TIMER) : 0;
}

/* The event is pending, by the bit that the kernel sets when a timer fires. */
static bool has_fired(uint32_t port)
{
    uint32_t *word = xen_shared_info() +
                     xen_emu_layout()->evtchn_pending;

    return qatomic_read(&word[port / 32]) & 1u << (port % 32);
}

/*
 * @v is out of the guest.  Nobody may be waited for: who has a lock may wait for
 * the kernel, which is on hold.  The timer goes on until it is stopped, so it
 * may fire when its deadline has been read.
 */
static void reclaim(XenVcpu *v)
{
    uint32_t port = v->kernel_timer_port;
    bool fired_before = has_fired(port);
    uint64_t deadline = 0;

    assert(bql_locked());
    if (xen_emu_offload(TIMER)->get_timer(v->cs, &deadline)) {
        /* Early is better than never: the guest looks at its clock. */
        deadline = 1;
    }
    xen_emu_offload(TIMER)->set_timer(v->cs, 0, 0);
    v->kernel_timer_port = 0;
    if (deadline && !fired_before && has_fired(port)) {
        deadline = 0;
    }
    trace_xen_timer_kernel_take_back(v->cs->cpu_index, port, deadline);
    if (deadline) {
        xen_vcpu_timer_put_singleshot(v->timer, deadline);
    }
}

void xen_timer_offload_reclaim(XenVcpu *v)
{
    if (v->kernel_timer_port) {
        xen_emu_offload(TIMER)->hold_vcpus();
        reclaim(v);
        xen_emu_offload(TIMER)->release_vcpus();
    }
}

void xen_timer_offload_reclaim_all(void)
{
    bool held = false;

    XEN_FOREACH_VCPU(v) {
        if (v->kernel_timer_port) {
            if (!held) {
                xen_emu_offload(TIMER)->hold_vcpus();
                held = true;
            }
            reclaim(v);
        }
    }
    if (held) {
        xen_emu_offload(TIMER)->release_vcpus();
    }
}

void xen_timer_offload_reclaim_port(uint32_t port)
{
    XEN_FOREACH_VCPU(v) {
        if (v->kernel_timer_port == port) {
            xen_timer_offload_reclaim(v);
        }
    }
}

/*
 * The kernel gets the timer of @v with @deadline_ns, or 0 for none.  False: it
 * refuses.  @v's thread, BQL.
 */
static bool offload(XenVcpu *v, uint32_t port, uint64_t deadline_ns)
{
    int ret = xen_emu_offload(TIMER)->set_timer(v->cs, port, deadline_ns);

    trace_xen_timer_kernel_hand_over(v->id, port, deadline_ns, ret);
    if (!ret) {
        v->kernel_timer_port = port;
    }
    return !ret;
}

static void update(CPUState *cs, run_on_cpu_data data)
{
    XenVcpu *v = xen_vcpu_get(cs->cpu_index);
    uint64_t deadline;
    uint32_t port;

    assert(bql_locked());
    if (!v) {
        return;
    }
    port = port_for_kernel(v);
    if (!vm_running) {
        qatomic_set(&v->timer_stays, true);
    }
    if (port == v->kernel_timer_port) {
        return;
    }
    xen_timer_offload_reclaim(v);
    if (!port || v->timer_stays) {
        return;
    }
    deadline = xen_vcpu_timer_take_singleshot(v->timer);
    if (!offload(v, port, deadline) && deadline) {
        xen_vcpu_timer_put_singleshot(v->timer, deadline);
    }
}

void xen_timer_offload_update(XenVcpu *v)
{
    if (xen_emu_offload(TIMER) && v->cs->created) {
        /* Never immediately, even if it is ourselves: the engine may be locked. */
        async_run_on_cpu(v->cs, update, RUN_ON_CPU_NULL);
    }
}

void xen_timer_offload_update_all(void)
{
    XEN_FOREACH_VCPU(v) {
        xen_timer_offload_update(v);
    }
}

/*
 * The guest arms or stops a timer that QEMU has kept since the VM was stopped:
 * from now on the kernel may have it.  True: it has, with this deadline.
 */
static bool offload_kept_timer(XenVcpu *v, uint64_t deadline_ns)
{
    uint32_t port;

    if (likely(!qatomic_read(&v->timer_stays))) {
        return false;
    }
    BQL_LOCK_GUARD();
    qatomic_set(&v->timer_stays, false);
    port = port_for_kernel(v);
    if (!port) {
        return false;
    }
    /* What was armed before must not fire as well. */
    xen_vcpu_timer_take_singleshot(v->timer);
    return offload(v, port, deadline_ns);
}

void xen_timer_set_singleshot(XenVcpu *v, uint64_t deadline_ns)
{
    /* To the kernel 0 means no timer; to the guest, long ago. */
    deadline_ns = MAX(deadline_ns, 1);
    if (!offload_kept_timer(v, deadline_ns)) {
        xen_vcpu_timer_set_singleshot(v->timer, deadline_ns);
    }
}

void xen_timer_stop_singleshot(XenVcpu *v)
{
    if (!offload_kept_timer(v, 0)) {
        xen_vcpu_timer_take_singleshot(v->timer);
    }
}

void xen_timer_set_timer_op(XenVcpu *v, uint64_t timeout_ns)
{
    if (timeout_ns == 0) {
        xen_timer_stop_singleshot(v);
    } else {
        xen_timer_set_singleshot(v, xen_timer_op_deadline(
                                        timeout_ns, xen_emu_system_time()));
    }
}

void xen_timer_offload_loaded(XenVcpu *v)
{
    assert(!v->kernel_timer_port);
    qatomic_set(&v->timer_stays, xen_emu_offload(TIMER) &&
                                 cpu_env(v->cs)->xen_virq[VIRQ_TIMER]);
}

int xen_timer_offload_deadline(XenVcpu *v, uint64_t *deadline_ns)
{
    *deadline_ns = 0;
    return v->kernel_timer_port ?
        xen_emu_offload(TIMER)->get_timer(v->cs, deadline_ns) : 0;
}

void xen_timer_offload_started(XenVcpu *v)
{
    if (xen_emu_offload(TIMER)) {
        xen_emu_offload(TIMER)->set_timer(v->cs, 0, 0);
    }
}

void xen_timer_offload_stop(void)
{
    vm_running = false;
    XEN_FOREACH_VCPU(v) {
        if (v->kernel_timer_port) {
            qatomic_set(&v->timer_stays, true);
        }
    }
    xen_timer_offload_reclaim_all();
}

void xen_timer_offload_resume(void)
{
    vm_running = true;
}
