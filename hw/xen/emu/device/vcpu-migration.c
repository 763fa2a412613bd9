/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vCPUs in a migration stream: CPUX86State is brought up to date before a save,
 * and checked and acted upon after a load
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

/* No address that RAM can have. */
#define GPA_END     (1ull << 52)

static bool gpa_is_sound(uint64_t gpa)
{
    return gpa == XEN_GPA_NONE || gpa < GPA_END;
}

static int check_loaded(const CPUState *cs, const CPUX86State *env)
{
    uint64_t info = env->xen_vcpu_info_gpa;

    if (info != XEN_GPA_NONE &&
        (info >= GPA_END || info % sizeof(uint32_t) ||
         info % XEN_EMU_PAGE_SIZE > XEN_EMU_PAGE_SIZE - XEN_VCPU_INFO_SIZE)) {
        error_report("xen: vcpu_info of vCPU %d in the incoming state is at "
                     "0x%" PRIx64 ", where there cannot be one",
                     cs->cpu_index, info);
        return -EINVAL;
    }
    if (!gpa_is_sound(env->xen_vcpu_time_info_gpa) ||
        !gpa_is_sound(env->xen_vcpu_runstate_gpa)) {
        error_report("xen: vCPU %d of the incoming state has a time or "
                     "runstate area past all memory", cs->cpu_index);
        return -EINVAL;
    }
    if (env->xen_vcpu_callback_vector &&
        env->xen_vcpu_callback_vector < XEN_UPCALL_LOWEST_VECTOR) {
        error_report("xen: vCPU %d of the incoming state has upcall vector %u "
                     "(valid: %u to 255, or 0)", cs->cpu_index,
                     env->xen_vcpu_callback_vector, XEN_UPCALL_LOWEST_VECTOR);
        return -EINVAL;
    }
    return 0;
}

int xen_vcpu_check_loaded_all(void)
{
    CPUState *cs;

    CPU_FOREACH(cs) {
        int ret = check_loaded(cs, &X86_CPU(cs)->env);

        if (ret) {
            return ret;
        }
    }
    return 0;
}

/*
 * The guest may have given up the RAM under what it had registered.  It gets
 * nothing there then, and everything else.
 */
static void check_area(XenVcpu *v, const char *what, uint64_t gpa, int ret)
{
    if (ret) {
        warn_report("xen: vCPU %d has its %s at 0x%" PRIx64 ", where there is "
                    "no RAM", v->cs->cpu_index, what, gpa);
    }
}

void xen_vcpu_post_load(XenVcpu *v)
{
    CPUX86State *env = vcpu_env(v);
    uint64_t gpa = env->xen_vcpu_info_gpa;
    int ret;

    /*
     * Without one, shared info's own load has set the default place.  What came
     * for the vCPU since its ports were loaded, from a back end, is pending, but
     * could be noted nowhere.
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

/* State was loaded since the VM last ran; for all vCPUs at once.  BQL. */
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
            /* Notified before it was saved, it may not have looked yet. */
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
