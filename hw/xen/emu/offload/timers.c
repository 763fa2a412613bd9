/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Offloaded single-shot timers
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

/* Set by device/vm-state.c.  BQL. */
static bool vm_running;

/*
 * The port that KVM's timer of @v should raise; 0: do not offload the timer.
 * No lock of the engine.
 */
static uint32_t port_for_kernel(XenVcpu *v)
{
    return xen_emu_delivery_is_offloaded() ?
           xen_evtchn_virq_port(xen_emu_evtchn(), v->cs->cpu_index,
                                VIRQ_TIMER) : 0;
}

/* The event is pending in shared_info, where KVM sets it when a timer fires. */
static bool has_fired(uint32_t port)
{
    uint32_t *word = xen_shared_info() +
                     xen_emu_layout()->evtchn_pending;

    return qatomic_read(&word[port / 32]) & 1u << (port % 32);
}

/*
 * vCPUs are held, so this must not wait for a lock: its holder may be waiting
 * to enter KVM.  The timer keeps running until it is stopped, so it may fire
 * after its deadline was read.
 */
static void reclaim(XenVcpu *v)
{
    uint32_t port = v->kernel_timer_port;
    bool fired_before = has_fired(port);
    uint64_t deadline = 0;

    assert(bql_locked());
    if (xen_emu_offload(TIMER)->get_timer(v->cs, &deadline)) {
        /* Fire immediately: guests expect spurious timer events. */
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
 * Offloads the timer of @v with @deadline_ns; 0: not armed.  False: KVM
 * refused. @v's thread, BQL.
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
    /* Before the port is read: it may change from now on. */
    qatomic_set_mb(&v->timer_update_queued, false);
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
    /* Once, however often the guest binds and closes the port meanwhile. */
    if (xen_emu_offload(TIMER) && v->cs->created &&
        !qatomic_xchg(&v->timer_update_queued, true)) {
        /* Queued even in its own thread: the engine may be locked. */
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
 * The guest arms or stops the timer: if QEMU kept it since the VM was stopped,
 * it can be offloaded again.  True: it is, with this deadline.
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
    /* The old deadline must not fire as well. */
    xen_vcpu_timer_take_singleshot(v->timer);
    return offload(v, port, deadline_ns);
}

void xen_timer_set_singleshot(XenVcpu *v, uint64_t deadline_ns)
{
    /* For KVM 0 means "not armed", for the guest a time in the past. */
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
