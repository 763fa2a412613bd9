/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vCPUs: what the guest registered for each, made known to engine and
 * accelerator
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/error-report.h"
#include "qemu/main-loop.h"
#include "hw/core/cpu.h"
#include "hw/xen/emu/emu.h"
#include "hw/xen/emu/device/evtchn-dev.h"
#include "hw/xen/emu/memory/guest-page.h"
#include "hw/xen/emu/offload/timers.h"
#include "hw/xen/emu/irq/upcall.h"
#include "hw/xen/emu/vcpu/vcpu.h"
#include "hw/i386/kvm/xen_overlay.h"
#include "system/runstate.h"
#include "cpu.h"
#include "trace.h"

#include "hw/xen/interface/xen.h"

static CPUX86State *vcpu_env(XenVcpu *v)
{
    return &X86_CPU(v->cs)->env;
}

/*
 * The accelerator's part runs in the thread of the vCPU: KVM's vCPU ioctls
 * wait for as long as the vCPU runs.  While the VM is stopped the work is done
 * before the vCPU runs again, which is as good.  A vCPU that is just being
 * added has no thread yet; xen_vcpu_started() will do it.
 */
static void run_in_vcpu(CPUState *cs, run_on_cpu_func func, uint64_t arg)
{
    run_on_cpu_data data = RUN_ON_CPU_HOST_ULONG(arg);

    if (qemu_cpu_is_self(cs)) {
        func(cs, data);
    } else if (cs->created) {
        async_run_on_cpu(cs, func, data);
    }
}

static void forget_page(XenGuestPage *page)
{
    if (page->pin) {
        xen_guest_page_unpin(NULL, page->gpa, page->len, page->pin);
    }
    *page = (XenGuestPage) { .gpa = XEN_GPA_NONE };
}

/* False: there is no RAM; *page is as it was. */
static bool renew_page(XenGuestPage *page, uint64_t gpa, uint32_t len)
{
    void *pin, *hva = xen_guest_page_pin(NULL, gpa, len, &pin);

    if (!hva) {
        return false;
    }
    forget_page(page);
    *page = (XenGuestPage) {
        .hva = hva, .gpa = gpa, .pin = pin, .len = len,
    };
    return true;
}

static void note_result(CPUState *cs, int ret)
{
    XenVcpu *v = xen_vcpu_get(cs->cpu_index);

    if (v) {
        v->accel_ret = ret;
    }
}

/*
 * What the accelerator said of the area that it has just been told of.  Where
 * another vCPU's thread is going to tell it, there is no answer yet.
 */
static int result_so_far(const XenVcpu *v)
{
    return qemu_cpu_is_self(v->cs) ? v->accel_ret : 0;
}

/*
 * The kernel writes to vcpu_info by its address in QEMU where it can: nothing
 * but QEMU then has to care when memory slots change.
 */
static void accel_set_vcpu_info(CPUState *cs, run_on_cpu_data data)
{
    XenVcpu *v = xen_vcpu_get(cs->cpu_index);
    uint64_t gpa = data.host_ulong;
    XenGuestPage old;
    void *hva = NULL;
    int ret;

    if (!v) {
        return;
    }
    assert(bql_locked());
    old = v->info_page;
    v->info_page = (XenGuestPage) { .gpa = XEN_GPA_NONE };
    if (XEN_ACCEL_HAS(xen_emu_accel(), SHARED_INFO_HVA) &&
        gpa != XEN_GPA_NONE) {
        if (gpa == vcpu_env(v)->xen_vcpu_info_default_gpa) {
            hva = xen_overlay_get_shinfo_ptr() +
                  cs->cpu_index * XEN_VCPU_INFO_SIZE;
        } else if (renew_page(&v->info_page, gpa, XEN_VCPU_INFO_SIZE)) {
            hva = v->info_page.hva;
        }
    }
    ret = xen_emu_accel()->set_vcpu_info(cs, gpa, hva);
    note_result(cs, ret);
    trace_xen_vcpu_accel_info(cs->cpu_index, gpa, hva, ret);
    forget_page(&old);
}

/* Other memory is where vcpu_info was: events may have gone to the old one. */
static void accel_move_vcpu_info(CPUState *cs, run_on_cpu_data data)
{
    uint64_t gpa = cpu_env(cs)->xen_vcpu_info_gpa;

    if (gpa != XEN_GPA_NONE) {
        accel_set_vcpu_info(cs, RUN_ON_CPU_HOST_ULONG(gpa));
        xen_evtchn_set_vcpu_info(xen_emu_evtchn(), cs->cpu_index, gpa, true);
    }
}

static void accel_set_time_info(CPUState *cs, run_on_cpu_data data)
{
    int ret = xen_emu_accel()->set_time_info(cs, data.host_ulong);

    note_result(cs, ret);
    trace_xen_vcpu_accel(cs->cpu_index, "time_info", data.host_ulong, ret);
}

static void accel_set_runstate(CPUState *cs, run_on_cpu_data data)
{
    int ret = xen_emu_accel()->set_runstate(cs, data.host_ulong);

    note_result(cs, ret);
    trace_xen_vcpu_accel(cs->cpu_index, "runstate", data.host_ulong, ret);
}

/*
 * What the accelerator delivered since the guest asked for the vector, and before
 * it knew of it, raised no interrupt.
 */
static void accel_set_upcall_vector(CPUState *cs, run_on_cpu_data data)
{
    XenVcpu *v = xen_vcpu_get(cs->cpu_index);
    int ret;

    if (!v) {
        return;
    }
    BQL_LOCK_GUARD();
    if (!data.host_ulong) {
        /* First the other way, so that there is one at any time. */
        v->accel_vector = 0;
        xen_upcall_own_vectors_changed();
    }
    ret = xen_emu_accel()->set_upcall_vector(cs, data.host_ulong);
    v->vector_refused = ret && data.host_ulong;
    if (v->vector_refused && cs->cpu_index == 0) {
        xen_evtchn_dev_update_delivery();   /* QEMU injects it */
    }
    if (!ret && data.host_ulong) {
        v->accel_vector = data.host_ulong;
        xen_upcall_own_vectors_changed();
    }
    trace_xen_vcpu_accel(cs->cpu_index, "upcall_vector", data.host_ulong, ret);
    if (data.host_ulong &&
        xen_evtchn_upcall_pending(xen_emu_evtchn(), cs->cpu_index)) {
        xen_upcall_raise(cs->cpu_index);
    }
}

static void write_time_info(XenVcpu *v)
{
    uint8_t *vi;

    if (!xen_emu_accel()->tsc_is_virtual_clock) {
        return;     /* the accelerator writes it */
    }
    vi = xen_evtchn_peek_vcpu_info(xen_emu_evtchn(), v->cs->cpu_index);
    if (vi) {
        xen_time_write_vcpu_time(vi + XEN_VCPU_INFO_TIME);
    }
}

static void tell_accel_vcpu_info(XenVcpu *v, uint64_t gpa)
{
    if (xen_emu_accel()->set_vcpu_info) {
        run_in_vcpu(v->cs, accel_set_vcpu_info, gpa);
    }
    write_time_info(v);
}

/*
 * The engine has moved before the accelerator has.  What that delivered in the
 * meantime is pending, but noted in the old place only.
 */
static void note_events_again(CPUState *cs, run_on_cpu_data data)
{
    XenVcpu *v = xen_vcpu_get(cs->cpu_index);

    if (v && vcpu_env(v)->xen_vcpu_info_gpa == data.host_ulong) {
        xen_evtchn_set_vcpu_info(xen_emu_evtchn(), cs->cpu_index,
                                 data.host_ulong, true);
    }
}

/* The vcpu_info that was registered is none: back to the one that v has. */
static void forget_info(XenVcpu *v)
{
    uint64_t gpa = vcpu_env(v)->xen_vcpu_info_default_gpa;
    unsigned vcpu = v->cs->cpu_index;

    vcpu_env(v)->xen_vcpu_info_gpa = XEN_GPA_NONE;
    xen_evtchn_set_vcpu_info(xen_emu_evtchn(), vcpu, XEN_GPA_NONE, false);
    if (gpa != XEN_GPA_NONE) {
        xen_vcpu_set_default_info(v, gpa, xen_overlay_get_shinfo_ptr() +
                                  vcpu * XEN_VCPU_INFO_SIZE);
    }
}

int xen_vcpu_set_info(XenVcpu *v, uint64_t gpa)
{
    CPUX86State *env = vcpu_env(v);
    int ret;

    trace_xen_vcpu_set_info(v->cs->cpu_index, gpa);

    /* Once registered it stays, as in Xen, until the domain is reset. */
    if (gpa != XEN_GPA_NONE && env->xen_vcpu_info_gpa != XEN_GPA_NONE) {
        return -EINVAL;
    }
    ret = xen_evtchn_set_vcpu_info(xen_emu_evtchn(), v->cs->cpu_index, gpa,
                                   true);
    if (ret) {
        return ret;
    }
    env->xen_vcpu_info_gpa = gpa;
    tell_accel_vcpu_info(v, gpa);
    if (xen_emu_accel()->set_vcpu_info && result_so_far(v)) {
        ret = result_so_far(v);
        forget_info(v);
        return ret;
    }
    if (xen_emu_accel()->set_vcpu_info && gpa != XEN_GPA_NONE) {
        run_in_vcpu(v->cs, note_events_again, gpa);
    }
    return 0;
}

int xen_vcpu_set_default_info(XenVcpu *v, uint64_t gpa, void *hva)
{
    CPUX86State *env = vcpu_env(v);
    unsigned vcpu = v->cs->cpu_index;
    bool first = !xen_evtchn_peek_vcpu_info(xen_emu_evtchn(), vcpu);

    env->xen_vcpu_info_default_gpa = gpa;
    if (env->xen_vcpu_info_gpa == XEN_GPA_NONE) {
        /* What came before could be noted nowhere. */
        xen_evtchn_set_vcpu_info_fixed(xen_emu_evtchn(), vcpu, hva, first);
        tell_accel_vcpu_info(v, gpa);
        if (xen_emu_accel()->set_vcpu_info && gpa != XEN_GPA_NONE) {
            return result_so_far(v);
        }
    }
    return 0;
}

int xen_vcpu_set_time_area(XenVcpu *v, uint64_t gpa)
{
    CPUX86State *env = vcpu_env(v);

    if (xen_emu_accel()->set_time_info) {
        run_in_vcpu(v->cs, accel_set_time_info, gpa);
        if (gpa != XEN_GPA_NONE && result_so_far(v)) {
            return result_so_far(v);
        }
        env->xen_vcpu_time_info_gpa = gpa;
        return 0;
    }

    if (gpa == XEN_GPA_NONE) {
        forget_page(&v->time_page);
    } else if (!xen_emu_accel()->tsc_is_virtual_clock) {
        /* The accelerator knows one place; guests make do without this one. */
        return -ENOSYS;
    } else if (!renew_page(&v->time_page, gpa, sizeof(vcpu_time_info_t))) {
        return -EINVAL;
    } else {
        xen_time_write_vcpu_time(v->time_page.hva);
    }
    env->xen_vcpu_time_info_gpa = gpa;
    return 0;
}

int xen_vcpu_set_runstate_area(XenVcpu *v, uint64_t gpa)
{
    CPUX86State *env = vcpu_env(v);
    int ret;

    if (xen_emu_accel()->set_runstate) {
        run_in_vcpu(v->cs, accel_set_runstate, gpa);
        if (gpa != XEN_GPA_NONE && result_so_far(v)) {
            return result_so_far(v);
        }
    } else {
        ret = xen_runstate_set_area(v->runstate, gpa);
        if (ret) {
            return ret;
        }
    }
    env->xen_vcpu_runstate_gpa = gpa;
    return 0;
}

int xen_vcpu_set_upcall_vector(XenVcpu *v, uint8_t vector)
{
    CPUX86State *env = vcpu_env(v);

    trace_xen_vcpu_upcall_vector(v->cs->cpu_index, vector);
    qatomic_set(&env->xen_vcpu_callback_vector, vector);
    if (xen_emu_accel()->set_upcall_vector) {
        run_in_vcpu(v->cs, accel_set_upcall_vector, vector);
    }
    /* Whether the kernel can deliver depends on vCPU 0's. */
    if (v->cs->cpu_index == 0) {
        BQL_LOCK_GUARD();
        xen_evtchn_dev_update_delivery();
    }
    /* An upcall that is due comes by the new vector, as in Xen. */
    if (vector && xen_evtchn_upcall_pending(xen_emu_evtchn(),
                                            v->cs->cpu_index)) {
        xen_upcall_raise(v->cs->cpu_index);
    }
    return 0;
}

/* Nothing registered; the state of a vCPU that was just made or reset. */
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
    XenVcpu *v = g_new0(XenVcpu, 1);

    assert(bql_locked());
    assert(!xen_vcpu_get(cs->cpu_index));

    clear_registered(&X86_CPU(cs)->env);
    v->cs = cs;
    object_ref(OBJECT(cs));
    if (xen_emu_accel()->vcpu_new) {
        xen_emu_accel()->vcpu_new(cs);
    }
    v->timer = xen_vcpu_timer_new(cs);
    v->runstate = xen_runstate_new(cs->cpu_index);
    v->time_page.gpa = XEN_GPA_NONE;
    v->info_page.gpa = XEN_GPA_NONE;
    xen_vcpu_set(cs->cpu_index, v);

    if (xen_emu_evtchn()) {
        xen_evtchn_set_vcpu_present(xen_emu_evtchn(), cs->cpu_index, true);
        xen_overlay_vcpu_added(cs->cpu_index);
        xen_upcall_own_vectors_changed();
    }
}

/* KVM keeps what was unplugged, for the next vCPU of that number. */
void xen_vcpu_started(CPUState *cs)
{
    XenVcpu *v = xen_vcpu_get(cs->cpu_index);

    assert(bql_locked() && qemu_cpu_is_self(cs));
    tell_accel_vcpu_info(v, vcpu_env(v)->xen_vcpu_info_default_gpa);
    if (xen_emu_accel()->set_time_info) {
        xen_vcpu_set_time_area(v, XEN_GPA_NONE);
    }
    if (xen_emu_accel()->set_runstate) {
        xen_vcpu_set_runstate_area(v, XEN_GPA_NONE);
    }
    if (xen_emu_accel()->set_upcall_vector) {
        run_in_vcpu(cs, accel_set_upcall_vector, 0);
    }
    xen_timer_kernel_started(v);
}

static void reclaim_vcpu(XenVcpu *v)
{
    xen_vcpu_timer_free(v->timer);
    xen_runstate_free(v->runstate);
    object_unref(OBJECT(v->cs));
    g_free(v);
}

void xen_vcpu_unrealize(CPUState *cs)
{
    XenVcpu *v = xen_vcpu_get(cs->cpu_index);

    if (!v) {
        return;
    }
    xen_vcpu_soft_reset(v);
    forget_page(&v->info_page);
    xen_evtchn_set_vcpu_present(xen_emu_evtchn(), cs->cpu_index, false);
    xen_vcpu_set(cs->cpu_index, NULL);

    /* Hypercalls of other vCPUs may be looking at it, and who tells it. */
    call_rcu(v, reclaim_vcpu, rcu);
}

/* The VM is stopped before it is saved, and its timers do not move then. */
static void pre_save_when_stopped(void *opaque, bool running, RunState state)
{
    CPUState *cs;

    if (running) {
        return;
    }
    CPU_FOREACH(cs) {
        XenVcpu *v = xen_vcpu_get(cs->cpu_index);

        if (v) {
            xen_vcpu_pre_save(v);
        }
    }
}

void xen_vcpu_engine_ready(void)
{
    CPUState *cs;

    CPU_FOREACH(cs) {
        xen_evtchn_set_vcpu_present(xen_emu_evtchn(), cs->cpu_index, true);
    }
    xen_timer_kernel_init();
    if (!xen_emu_accel()->migrates_vcpus) {
        qemu_add_vm_change_state_handler(pre_save_when_stopped, NULL);
    }
}

void xen_vcpu_soft_reset(XenVcpu *v)
{
    xen_evtchn_set_vcpu_info(xen_emu_evtchn(), v->cs->cpu_index, XEN_GPA_NONE,
                             false);
    clear_registered(vcpu_env(v));
    xen_timer_kernel_take_back(v);
    xen_vcpu_timer_reset(v->timer);
    xen_runstate_reset(v->runstate);

    tell_accel_vcpu_info(v, XEN_GPA_NONE);
    xen_vcpu_set_time_area(v, XEN_GPA_NONE);
    xen_vcpu_set_runstate_area(v, XEN_GPA_NONE);
    xen_vcpu_set_upcall_vector(v, 0);
}

void xen_vcpu_invalidate(uint64_t gpa, uint64_t len)
{
    CPUState *cs;

    CPU_FOREACH(cs) {
        XenVcpu *v = xen_vcpu_get(cs->cpu_index);

        if (!v) {
            continue;
        }
        /* Its contents never change, so nobody needs to write it again. */
        if (v->time_page.pin &&
            xen_guest_page_overlaps(&v->time_page, gpa, len)) {
            forget_page(&v->time_page);
        }
        if (v->info_page.pin &&
            xen_guest_page_overlaps(&v->info_page, gpa, len)) {
            run_in_vcpu(v->cs, accel_move_vcpu_info, 0);
        }
        xen_runstate_invalidate(v->runstate, gpa, len);
    }
}

int xen_vcpu_pre_save(XenVcpu *v)
{
    CPUX86State *env = vcpu_env(v);
    uint64_t deadline, in_kernel;
    int ret;

    xen_vcpu_timer_get_state(v->timer, &deadline,
                             &env->xen_periodic_timer_period);
    ret = xen_timer_kernel_deadline(v, &in_kernel);
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
static bool area_is_back(XenVcpu *v, const char *what, uint64_t gpa, int ret)
{
    if (ret) {
        warn_report("xen: vCPU %d has its %s at 0x%" PRIx64 ", where there is "
                    "no RAM", v->cs->cpu_index, what, gpa);
    }
    return !ret;
}

void xen_vcpu_post_load(XenVcpu *v)
{
    CPUX86State *env = vcpu_env(v);
    CPUState *cs = v->cs;
    uint64_t gpa = env->xen_vcpu_info_gpa;
    int ret;

    /*
     * Without one, shared info's own load has set the default place.  What came
     * for the vCPU since its ports were loaded, from a back end, is pending, but
     * could be noted nowhere.
     */
    if (gpa != XEN_GPA_NONE &&
        area_is_back(v, "vcpu_info", gpa,
                     xen_evtchn_set_vcpu_info(xen_emu_evtchn(), cs->cpu_index,
                                              gpa, true))) {
        tell_accel_vcpu_info(v, gpa);
    }

    gpa = env->xen_vcpu_time_info_gpa;
    area_is_back(v, "time info", gpa, xen_vcpu_set_time_area(v, gpa));

    gpa = env->xen_vcpu_runstate_gpa;
    ret = xen_emu_accel()->set_runstate ?
        xen_vcpu_set_runstate_area(v, gpa) :
        xen_runstate_load_area(v->runstate, gpa);
    area_is_back(v, "runstate", gpa, ret);

    xen_vcpu_timer_set_state(v->timer, env->xen_singleshot_timer_ns,
                             env->xen_periodic_timer_period);
    xen_vcpu_set_upcall_vector(v, env->xen_vcpu_callback_vector);
    xen_timer_kernel_loaded(v);
}

static VMChangeStateEntry *post_load_entry;

static void post_load_when_running(void *opaque, bool running, RunState state)
{
    CPUState *cs;

    if (!running) {
        return;
    }
    qemu_del_vm_change_state_handler(post_load_entry);
    post_load_entry = NULL;

    CPU_FOREACH(cs) {
        XenVcpu *v = xen_vcpu_get(cs->cpu_index);

        if (!v) {
            continue;
        }
        xen_vcpu_post_load(v);
        if (xen_evtchn_upcall_pending(xen_emu_evtchn(), cs->cpu_index)) {
            /* Told before it was saved, it may not have come to look. */
            xen_upcall_raise(cs->cpu_index);
        }
    }
}

void xen_vcpu_post_load_all(void)
{
    if (xen_emu_accel()->migrates_vcpus || post_load_entry) {
        return;
    }
    post_load_entry =
        qemu_add_vm_change_state_handler(post_load_when_running, NULL);
}
