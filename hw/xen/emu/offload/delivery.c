/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Event delivery: in-kernel or by QEMU, and the vector of upcalls
 */
#include "qemu/osdep.h"
#include "qemu/main-loop.h"
#include "qemu/rcu.h"
#include "hw/core/cpu.h"
#include "hw/xen/emu/domain.h"
#include "hw/xen/emu/evtchn.h"
#include "hw/xen/emu/irq/upcall.h"
#include "hw/xen/emu/offload/delivery.h"
#include "hw/xen/emu/offload/ports.h"
#include "hw/xen/emu/offload/timers.h"
#include "hw/xen/emu/vcpu/work.h"
#include "cpu.h"
#include "trace.h"

static struct {
    GRWLock lock;               /* see delivery.h */
    bool kernel_send;           /* KVM handles sends and polls */
    bool switching;             /* the switch to FIFO is in progress */
    uint8_t callback_vector;    /* domain-wide, as set in the accelerator */
} delivery;

static CPUX86State *vcpu_env(XenVcpu *v)
{
    return &X86_CPU(v->cs)->env;
}

int xen_delivery_deliver(uint32_t port, unsigned vcpu)
{
    bool offloaded;
    XenVcpu *v;
    int ret = 0;

    RCU_READ_LOCK_GUARD();
    v = xen_vcpu_get(vcpu);
    g_rw_lock_reader_lock(&delivery.lock);
    offloaded = xen_emu_delivery_is_offloaded();
    if (v && offloaded) {
        ret = xen_emu_offload(EVTCHN_SEND)->deliver(v->cs, port);
    }
    g_rw_lock_reader_unlock(&delivery.lock);
    if (!offloaded) {
        /* It was when the caller checked. */
        ret = -EWOULDBLOCK;
    }
    if (ret) {
        trace_xen_evtchn_not_by_kernel(port, vcpu, ret);
    }
    return ret;
}

bool xen_delivery_fifo_is_allowed(void)
{
    switch (xen_emu_config()->evtchn_abi) {
    case XEN_EMU_ABI_2LEVEL:
        return false;
    case XEN_EMU_ABI_FIFO:
        return true;
    default:
        /* In-kernel delivery gains more than FIFO does. */
        return !XEN_ACCEL_HAS(xen_emu_accel(), EVTCHN_SEND);
    }
}

/* KVM supports the kind of upcall that the guest has set. */
static bool kernel_can_notify(void)
{
    XenVcpu *v = xen_vcpu_get(0);

    if (v && qatomic_read(&vcpu_env(v)->xen_vcpu_callback_vector)) {
        return xen_emu_offload(UPCALL_VECTOR) && !v->vector_refused;
    }
    return xen_upcall_callback_vector();
}

/*
 * Sets whether KVM handles sends and polls.  It must not handle polls while
 * QEMU delivers events, which do not wake its pollers.  Returns success.
 */
static bool set_kernel_send(bool on)
{
    const XenAccelOffloadOps *offload = xen_emu_offload(EVTCHN_SEND);
    int ret;

    if (on == delivery.kernel_send || !offload) {
        return on == delivery.kernel_send;
    }
    ret = offload->set_evtchn_send(on);
    trace_xen_evtchn_kernel_send(on, ret);
    if (ret) {
        return false;
    }
    delivery.kernel_send = on;
    if (!on) {
        /* A vCPU in an in-kernel poll leaves it, and polls again in QEMU. */
        XEN_FOREACH_VCPU(v) {
            qemu_cpu_kick(v->cs);
        }
    }
    return true;
}

static void set_offloaded(bool on)
{
    trace_xen_evtchn_in_kernel(on);
    /* The engine must not use xen_delivery_deliver() while this changes. */
    if (!on) {
        xen_evtchn_set_kernel_delivery(xen_emu_evtchn(), false);
    }
    g_rw_lock_writer_lock(&delivery.lock);
    xen_emu_set_delivery_offloaded(on);
    g_rw_lock_writer_unlock(&delivery.lock);
    if (on) {
        xen_evtchn_set_kernel_delivery(xen_emu_evtchn(), true);
        xen_timer_offload_update_all();
    } else {
        xen_timer_offload_reclaim_all();
    }
}

void xen_delivery_update(void)
{
    bool two_level = xen_evtchn_abi(xen_emu_evtchn()) == XEN_EVTCHN_ABI_2L;
    bool on;

    assert(bql_locked());
    on = xen_emu_offload(EVTCHN_SEND) && two_level && !delivery.switching &&
         !xen_upcall_is_withheld() && kernel_can_notify() &&
         set_kernel_send(true);
    if (on != xen_emu_delivery_is_offloaded()) {
        set_offloaded(on);
    }
    /* Also if only the layout changed, which limits the ports. */
    xen_offload_ports_update(on);
    if (!on) {
        set_kernel_send(false);
    }
}

int xen_delivery_switch_begin(void)
{
    delivery.switching = true;
    xen_delivery_update();
    /* If KVM still handled polls, they would never end. */
    return delivery.kernel_send ? -ENOSYS : 0;
}

void xen_delivery_switch_end(void)
{
    delivery.switching = false;
    xen_delivery_update();
}

/* ------------------------------------------- the domain-wide callback -- */

static bool all_have_own_vectors(void)
{
    XEN_FOREACH_VCPU(v) {
        if (!v->accel_vector) {
            return false;
        }
    }
    return true;
}

/*
 * KVM injects the callback vector into every vCPU until evtchn_upcall_pending
 * is clear, even if the vCPU has its own vector.  A guest that only has a
 * handler for the latter would never clear it.  So KVM has the callback vector
 * only while a vCPU needs it.
 */
static int set_kernel_callback_vector(uint8_t vector)
{
    const XenAccelOffloadOps *offload = xen_emu_offload(SHARED_INFO);
    int ret;

    if (!offload) {
        return 0;
    }
    if (xen_upcall_is_withheld() || all_have_own_vectors()) {
        vector = 0;
    }
    if (vector == delivery.callback_vector) {
        return 0;
    }
    ret = offload->set_callback_vector(vector);
    if (!ret) {
        delivery.callback_vector = vector;
    }
    return ret;
}

void xen_delivery_vcpus_changed(void)
{
    assert(bql_locked());
    set_kernel_callback_vector(xen_upcall_callback_vector());
}

/* Raises a pending upcall again after the kind of upcall has changed. */
static void renotify(XenVcpu *v)
{
    if (xen_evtchn_upcall_pending(xen_emu_evtchn(), v->cs->cpu_index)) {
        xen_upcall_raise(v->cs->cpu_index);
    }
}

/* [vcpu]  The accelerator, too, may have something to do in its thread. */
static int follow_upcall(XenVcpu *v, uint64_t unused)
{
    xen_emu_accel()->cpu.upcall_changed(v);
    if (xen_emu_is_on()) {
        renotify(v);
    }
    return 0;
}

static void upcall_changed(XenVcpu *v)
{
    if (xen_emu_accel()->cpu.upcall_changed) {
        xen_vcpu_run(v, follow_upcall, 0);
    }
}

int xen_delivery_set_callback(uint64_t param)
{
    XenUpcallParam p;
    int ret;

    assert(bql_locked());
    ret = xen_upcall_parse(param, &p) ?: set_kernel_callback_vector(p.vector);
    if (ret) {
        return ret;
    }
    xen_upcall_apply(&p);
    xen_delivery_update();
    XEN_FOREACH_VCPU(v) {
        upcall_changed(v);
        renotify(v);
    }
    return 0;
}

/* ---------------------------------------------- a vCPU's own vector -- */

/*
 * KVM raises a vCPU's own vector not only for the events that it delivers, but also
 * when the vCPU enables its LAPIC with an upcall pending.  Firmware does that, too.
 */
static uint8_t vector_for_accel(XenVcpu *v)
{
    return xen_upcall_is_withheld() ? 0 :
           qatomic_read(&vcpu_env(v)->xen_vcpu_callback_vector);
}

/* Renotifies: earlier in-kernel deliveries did not raise the new vector. */
static int set_accel_vector(XenVcpu *v, uint64_t vector)
{
    int ret;

    assert(bql_locked());
    if (!vector) {
        /* Enable the callback first, so that there is no gap. */
        v->accel_vector = 0;
        xen_delivery_vcpus_changed();
    }
    ret = xen_emu_offload(UPCALL_VECTOR)->set_upcall_vector(v->cs, vector);
    v->vector_refused = ret && vector;
    if (v->vector_refused && v->id == 0) {
        xen_delivery_update();      /* QEMU injects it */
    }
    if (!ret && vector) {
        v->accel_vector = vector;
        xen_delivery_vcpus_changed();
    }
    trace_xen_vcpu_accel_vector(v->id, vector, ret);
    if (vector) {
        renotify(v);
    }
    return ret;
}

void xen_delivery_set_vcpu_vector(XenVcpu *v, uint8_t vector)
{
    assert(bql_locked());
    trace_xen_vcpu_upcall_vector(v->cs->cpu_index, vector);
    qatomic_set(&vcpu_env(v)->xen_vcpu_callback_vector, vector);
    if (xen_emu_offload(UPCALL_VECTOR)) {
        xen_vcpu_run(v, set_accel_vector, vector_for_accel(v));
    }
    upcall_changed(v);
    /* kernel_can_notify() depends on vCPU 0. */
    if (v->cs->cpu_index == 0) {
        xen_delivery_update();
    }
    if (vector) {
        renotify(v);
    }
}

/* ------------------------------------------------------ wake-up from S3 -- */

/*
 * An error of the accelerator is ignored: it did as much before, and only loses
 * the protection.
 */
static void set_withheld(bool withheld)
{
    xen_upcall_set_withheld(withheld);
    if (xen_emu_offload(UPCALL_VECTOR)) {
        XEN_FOREACH_VCPU(v) {
            if (vcpu_env(v)->xen_vcpu_callback_vector) {
                xen_vcpu_run(v, set_accel_vector, vector_for_accel(v));
            }
        }
    }
    xen_delivery_vcpus_changed();
    xen_delivery_update();
}

void xen_delivery_withhold(void)
{
    set_withheld(true);
}

void xen_delivery_release(void)
{
    if (xen_upcall_is_withheld()) {
        set_withheld(false);
        XEN_FOREACH_VCPU(v) {
            renotify(v);
        }
    }
    xen_emu_set_asleep(false);
}

/* ------------------------------------------------------ life of a vCPU -- */

void xen_delivery_vcpu_started(XenVcpu *v)
{
    if (xen_emu_offload(UPCALL_VECTOR)) {
        set_accel_vector(v, 0);
    }
    upcall_changed(v);
}

void xen_delivery_init(void)
{
    g_rw_lock_init(&delivery.lock);
}
