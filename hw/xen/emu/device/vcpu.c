/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Life cycle of a vCPU: realize, start, plug, reset, unrealize
 */
#include "qemu/osdep.h"
#include "qemu/main-loop.h"
#include "hw/core/cpu.h"
#include "hw/xen/emu/accel-callbacks.h"
#include "hw/xen/emu/device/vcpu.h"
#include "hw/xen/emu/device/vcpu-unplugged.h"
#include "hw/xen/emu/domain.h"
#include "hw/xen/emu/evtchn.h"
#include "hw/xen/emu/irq/upcall.h"
#include "hw/xen/emu/offload/delivery.h"
#include "hw/xen/emu/offload/timers.h"
#include "hw/xen/emu/vcpu/areas.h"
#include "hw/xen/emu/vcpu/runstate.h"
#include "hw/xen/emu/vcpu/timer.h"
#include "hw/xen/emu/vcpu/work.h"
#include "hw/i386/kvm/xen_overlay.h"
#include "cpu.h"
#include "evtchn-dev-internal.h"

#include "hw/xen/interface/vcpu.h"

static CPUX86State *vcpu_env(XenVcpu *v)
{
    return &X86_CPU(v->cs)->env;
}

/* The state of a vCPU that was just created or reset. */
static void clear_registered(CPUX86State *env)
{
    env->xen_vcpu_info_gpa = XEN_GPA_NONE;
    env->xen_vcpu_info_default_gpa = XEN_GPA_NONE;
    env->xen_vcpu_time_info_gpa = XEN_GPA_NONE;
    env->xen_vcpu_runstate_gpa = XEN_GPA_NONE;
    env->xen_vcpu_callback_vector = 0;
    memset(env->xen_virq, 0, sizeof(env->xen_virq));
    env->xen_singleshot_timer_ns = 0;
    env->xen_periodic_timer_period = 0;
}

void xen_vcpu_realize(CPUState *cs)
{
    XenVcpuRegistered registered = xen_unplugged_take(cs->cpu_index);
    XenVcpu *v = g_new0(XenVcpu, 1);

    assert(bql_locked());
    assert(!xen_vcpu_get(cs->cpu_index));

    clear_registered(&X86_CPU(cs)->env);
    xen_vcpu_put_registered(cs, &registered);
    v->id = cs->cpu_index;
    v->cs = cs;
    object_ref(OBJECT(cs));
    if (xen_emu_accel()->cpu.vcpu_new) {
        xen_emu_accel()->cpu.vcpu_new(v);
    }
    v->work = xen_vcpu_work_list_new();
    v->timer = xen_vcpu_timer_new(v);
    v->runstate = xen_runstate_new(cs);
    xen_vcpu_init_areas(v);
    xen_vcpu_set(cs->cpu_index, v);

    if (xen_emu_evtchn()) {
        xen_evtchn_set_vcpu_present(xen_emu_evtchn(), cs->cpu_index, true);
        xen_evtchn_note_virqs(cs->cpu_index);
        xen_overlay_vcpu_added(cs->cpu_index);
        xen_delivery_vcpus_changed();
    }
}

/* KVM reuses an unplugged vCPU, with its state, for the same number. */
void xen_vcpu_started(CPUState *cs)
{
    XenVcpu *v = xen_vcpu_get(cs->cpu_index);

    assert(bql_locked() && qemu_cpu_is_self(cs));
    xen_vcpu_start_areas(v);
    xen_delivery_vcpu_started(v);
    xen_timer_offload_started(v);
}

/*
 * What the guest had registered before an unplug takes effect here, since the
 * reset of the vCPU drops interrupts.  Events may be pending by now.
 */
void xen_vcpu_ready(CPUState *cs)
{
    XenVcpu *v = xen_vcpu_get(cs->cpu_index);

    if (!v || DEVICE(cs)->realized) {
        return;     /* a load, or the start of the machine */
    }
    if (xen_emu_accel()->migrates_vcpus) {
        return;     /* it has called xen_vcpu_post_load() by itself */
    }
    xen_vcpu_post_load(v);
    if (xen_evtchn_upcall_pending(xen_emu_evtchn(), v->id)) {
        xen_upcall_raise(v->id);
    }
}

static void reclaim_vcpu(XenVcpu *v)
{
    xen_vcpu_timer_free(v->timer);
    xen_runstate_free(v->runstate);
    if (xen_emu_accel()->cpu.vcpu_free) {
        xen_emu_accel()->cpu.vcpu_free(v);
    }
    object_unref(OBJECT(v->cs));
    g_free(v->work);
    g_free(v);
}

void xen_vcpu_leaving(CPUState *cs)
{
    XenVcpu *v = xen_vcpu_get(cs->cpu_index);

    if (v && xen_emu_accel()->cpu.vcpu_leaving) {
        xen_emu_accel()->cpu.vcpu_leaving(v);
    }
}

void xen_vcpu_unrealize(CPUState *cs)
{
    XenVcpu *v = xen_vcpu_get(cs->cpu_index);
    XenVcpuRegistered registered;

    if (!v) {
        return;
    }
    registered = xen_vcpu_get_registered(cs);
    xen_unplugged_keep(v->id, &registered);
    /* Its times continue from the guest's area. */
    xen_runstate_enter(v->runstate, RUNSTATE_offline);
    /*
     * The kernel keeps the vCPU, for the next one of that number.  It must have
     * forgotten the addresses in QEMU's memory before these are unpinned.
     */
    xen_vcpu_soft_reset(v);
    xen_vcpu_release_areas(v);
    xen_evtchn_set_vcpu_present(xen_emu_evtchn(), cs->cpu_index, false);
    xen_vcpu_set(cs->cpu_index, NULL);
    /* Events of this vCPU are the engine's again, which keeps them. */
    xen_delivery_vcpus_changed();
    xen_delivery_update();

    /* Other threads may still be sending events to it. */
    call_rcu(v, reclaim_vcpu, rcu);
}

void xen_vcpu_engine_ready(void)
{
    CPUState *cs;

    CPU_FOREACH(cs) {
        xen_evtchn_set_vcpu_present(xen_emu_evtchn(), cs->cpu_index, true);
    }
}

void xen_vcpu_soft_reset(XenVcpu *v)
{
    xen_vcpu_unset_info(v);
    clear_registered(vcpu_env(v));
    xen_timer_offload_reclaim(v);
    xen_vcpu_timer_reset(v->timer);
    xen_runstate_reset(v->runstate);

    xen_vcpu_set_time_area(v, XEN_GPA_NONE);
    xen_vcpu_set_runstate_area(v, XEN_GPA_NONE);
    xen_delivery_set_vcpu_vector(v, 0);
}
