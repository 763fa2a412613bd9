/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Migration of vCPUs: updates CPUX86State before a save; checks it and puts it
 * into effect after a load
 */
#include "qemu/osdep.h"
#include "qemu/error-report.h"
#include "hw/core/cpu.h"
#include "hw/xen/emu/accel-callbacks.h"
#include "hw/xen/emu/device/vcpu.h"
#include "hw/xen/emu/domain.h"
#include "hw/xen/emu/evtchn.h"
#include "hw/xen/emu/irq/upcall.h"
#include "hw/xen/emu/offload/delivery.h"
#include "hw/xen/emu/offload/timers.h"
#include "hw/xen/emu/vcpu/areas.h"
#include "hw/xen/emu/vcpu/runstate.h"
#include "hw/xen/emu/vcpu/timer.h"
#include "cpu.h"

static CPUX86State *vcpu_env(XenVcpu *v)
{
    return &X86_CPU(v->cs)->env;
}

int xen_vcpu_pre_save(XenVcpu *v)
{
    CPUX86State *env = vcpu_env(v);
    uint64_t deadline, in_kernel;
    int ret;

    xen_vcpu_timer_get_state(v->timer, &deadline,
                             &env->xen_periodic_timer_period);
    ret = xen_timer_offload_deadline(v, &in_kernel);
    if (ret) {
        return ret;
    }
    env->xen_singleshot_timer_ns = in_kernel ?: deadline;
    return 0;
}

/* Past the highest physical address of any CPU. */
#define GPA_END     (1ull << 52)

static bool gpa_is_sound(uint64_t gpa)
{
    return gpa == XEN_GPA_NONE || gpa < GPA_END;
}

XenVcpuRegistered xen_vcpu_get_registered(CPUState *cs)
{
    const CPUX86State *env = cpu_env(cs);

    return (XenVcpuRegistered) {
        .info_gpa = env->xen_vcpu_info_gpa,
        .time_info_gpa = env->xen_vcpu_time_info_gpa,
        .runstate_gpa = env->xen_vcpu_runstate_gpa,
        .upcall_vector = env->xen_vcpu_callback_vector,
    };
}

void xen_vcpu_put_registered(CPUState *cs, const XenVcpuRegistered *r)
{
    CPUX86State *env = cpu_env(cs);

    env->xen_vcpu_info_gpa = r->info_gpa;
    env->xen_vcpu_time_info_gpa = r->time_info_gpa;
    env->xen_vcpu_runstate_gpa = r->runstate_gpa;
    qatomic_set(&env->xen_vcpu_callback_vector, r->upcall_vector);
}

int xen_vcpu_check_registered(unsigned id, const XenVcpuRegistered *r)
{
    uint64_t info = r->info_gpa;

    if (info != XEN_GPA_NONE &&
        (info >= GPA_END || info % sizeof(uint32_t) ||
         info % XEN_EMU_PAGE_SIZE > XEN_EMU_PAGE_SIZE - XEN_VCPU_INFO_SIZE)) {
        error_report("xen: vCPU %u in the incoming state has its vcpu_info at "
                     "the invalid address 0x%" PRIx64, id, info);
        return -EINVAL;
    }
    if (!gpa_is_sound(r->time_info_gpa) || !gpa_is_sound(r->runstate_gpa)) {
        error_report("xen: vCPU %u in the incoming state has a time or "
                     "runstate area at an invalid address", id);
        return -EINVAL;
    }
    if (r->upcall_vector && r->upcall_vector < XEN_UPCALL_LOWEST_VECTOR) {
        error_report("xen: vCPU %u in the incoming state has the invalid "
                     "upcall vector %u", id, r->upcall_vector);
        error_printf("Valid values are 0 and %u to 255.\n",
                     XEN_UPCALL_LOWEST_VECTOR);
        return -EINVAL;
    }
    return 0;
}

int xen_vcpu_check_loaded_all(void)
{
    CPUState *cs;

    CPU_FOREACH(cs) {
        XenVcpuRegistered r = xen_vcpu_get_registered(cs);
        int ret = xen_vcpu_check_registered(cs->cpu_index, &r);

        if (ret) {
            return ret;
        }
    }
    return 0;
}

/*
 * The guest may have freed the RAM of an area that it had registered, so this
 * is no error: only that area is not updated.
 */
static void check_area(XenVcpu *v, const char *what, uint64_t gpa, int ret)
{
    if (ret) {
        warn_report("xen: vCPU %d has its %s at 0x%" PRIx64 ", which is not "
                    "RAM", v->cs->cpu_index, what, gpa);
    }
}

void xen_vcpu_post_load(XenVcpu *v)
{
    CPUX86State *env = vcpu_env(v);
    uint64_t gpa = env->xen_vcpu_info_gpa;
    int ret;

    /*
     * If none is registered, loading shared info has set the default one.  Back
     * ends may have raised events since the ports were loaded, before there was
     * a vcpu_info to notify in: xen_vcpu_load_info() renotifies.
     */
    if (gpa != XEN_GPA_NONE) {
        check_area(v, "vcpu_info", gpa, xen_vcpu_load_info(v));
    }

    gpa = env->xen_vcpu_time_info_gpa;
    check_area(v, "time info", gpa, xen_vcpu_set_time_area(v, gpa));

    gpa = env->xen_vcpu_runstate_gpa;
    ret = xen_emu_offload(RUNSTATE) ?
        xen_vcpu_set_runstate_area(v, gpa) :
        xen_runstate_load_area(v->runstate, gpa);
    check_area(v, "runstate", gpa, ret);

    xen_vcpu_timer_set_state(v->timer, env->xen_singleshot_timer_ns,
                             env->xen_periodic_timer_period);
    xen_delivery_set_vcpu_vector(v, env->xen_vcpu_callback_vector);
    xen_timer_offload_loaded(v);
}

/* xen_vcpu_post_load_all() was called since the VM last ran.  BQL. */
static bool post_load_is_pending;

void xen_vcpu_post_load_all(void)
{
    post_load_is_pending = !xen_emu_accel()->migrates_vcpus;
}

void xen_vcpu_run_post_load(void)
{
    if (!post_load_is_pending) {
        return;
    }
    post_load_is_pending = false;
    XEN_FOREACH_VCPU(v) {
        xen_vcpu_post_load(v);
        if (xen_evtchn_upcall_pending(xen_emu_evtchn(), v->id)) {
            /* The notification from before the save may not be handled yet. */
            xen_upcall_raise(v->id);
        }
    }
}

void xen_vcpu_pre_save_all(void)
{
    if (xen_emu_accel()->migrates_vcpus) {
        return;
    }
    XEN_FOREACH_VCPU(v) {
        xen_vcpu_pre_save(v);
    }
}
