/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Areas that the guest registered for a vCPU, made known to the engine and the
 * accelerator
 */
#include "qemu/osdep.h"
#include "qemu/main-loop.h"
#include "hw/core/cpu.h"
#include "hw/xen/emu/domain.h"
#include "hw/xen/emu/memory/guest-page.h"
#include "hw/xen/emu/memory/shared-info.h"
#include "hw/xen/emu/vcpu/areas.h"
#include "hw/xen/emu/vcpu/runstate.h"
#include "hw/xen/emu/vcpu/time.h"
#include "cpu.h"
#include "trace.h"

#include "hw/xen/interface/xen.h"

static CPUX86State *vcpu_env(XenVcpu *v)
{
    return &X86_CPU(v->cs)->env;
}

void xen_vcpu_run(CPUState *cs, run_on_cpu_func func, run_on_cpu_data data)
{
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

/* The accelerator writes to vcpu_info, or at least the time that is in it. */
static bool accel_has_vcpu_info(void)
{
    return xen_emu_offload(SHARED_INFO) ||
           xen_emu_accel()->clock.set_vcpu_info;
}

/*
 * The kernel writes to vcpu_info by its address in QEMU where it can: nothing
 * but QEMU then has to care when memory slots change.
 */
static void accel_set_vcpu_info(CPUState *cs, run_on_cpu_data data)
{
    XenVcpu *v = xen_vcpu_get(cs->cpu_index);
    const XenAccelOffloadOps *offload = xen_emu_offload(SHARED_INFO);
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
            hva = xen_shared_info() +
                  cs->cpu_index * XEN_VCPU_INFO_SIZE;
        } else if (renew_page(&v->info_page, gpa, XEN_VCPU_INFO_SIZE)) {
            hva = v->info_page.hva;
        }
    }
    if (offload) {
        ret = offload->set_vcpu_info(cs, gpa, hva);
    } else {
        ret = xen_emu_accel()->clock.set_vcpu_info(cs, gpa);
    }
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
    int ret = xen_emu_offload(SHARED_INFO)->set_time_info(cs,
                                                          data.host_ulong);

    note_result(cs, ret);
    trace_xen_vcpu_accel(cs->cpu_index, "time_info", data.host_ulong, ret);
}

static void accel_set_runstate(CPUState *cs, run_on_cpu_data data)
{
    int ret = xen_emu_offload(RUNSTATE)->set_runstate(cs, data.host_ulong);

    note_result(cs, ret);
    trace_xen_vcpu_accel(cs->cpu_index, "runstate", data.host_ulong, ret);
}

static void write_time_info(XenVcpu *v)
{
    uint8_t *vi;

    if (!xen_emu_accel()->clock.tsc_is_virtual_clock) {
        return;     /* the accelerator writes it */
    }
    vi = xen_evtchn_peek_vcpu_info(xen_emu_evtchn(), v->cs->cpu_index);
    if (vi) {
        xen_time_write_vcpu_time(vi + XEN_VCPU_INFO_TIME);
    }
}

void xen_vcpu_offload_info(XenVcpu *v, uint64_t gpa)
{
    if (accel_has_vcpu_info()) {
        xen_vcpu_run(v->cs, accel_set_vcpu_info, RUN_ON_CPU_HOST_ULONG(gpa));
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
        xen_vcpu_set_default_info(v, gpa, xen_shared_info() +
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
    xen_vcpu_offload_info(v, gpa);
    if (accel_has_vcpu_info() && result_so_far(v)) {
        ret = result_so_far(v);
        forget_info(v);
        return ret;
    }
    if (accel_has_vcpu_info() && gpa != XEN_GPA_NONE) {
        xen_vcpu_run(v->cs, note_events_again, RUN_ON_CPU_HOST_ULONG(gpa));
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
        xen_vcpu_offload_info(v, gpa);
        if (accel_has_vcpu_info() && gpa != XEN_GPA_NONE) {
            return result_so_far(v);
        }
    }
    return 0;
}

int xen_vcpu_set_time_area(XenVcpu *v, uint64_t gpa)
{
    CPUX86State *env = vcpu_env(v);

    if (xen_emu_offload(SHARED_INFO)) {
        xen_vcpu_run(v->cs, accel_set_time_info, RUN_ON_CPU_HOST_ULONG(gpa));
        if (gpa != XEN_GPA_NONE && result_so_far(v)) {
            return result_so_far(v);
        }
        env->xen_vcpu_time_info_gpa = gpa;
        return 0;
    }

    if (gpa == XEN_GPA_NONE) {
        forget_page(&v->time_page);
    } else if (!xen_emu_accel()->clock.tsc_is_virtual_clock) {
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

    if (xen_emu_offload(RUNSTATE)) {
        xen_vcpu_run(v->cs, accel_set_runstate, RUN_ON_CPU_HOST_ULONG(gpa));
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

void xen_vcpu_invalidate_areas(uint64_t gpa, uint64_t len)
{
    XEN_FOREACH_VCPU(v) {
        /* Its contents never change, so nobody needs to write it again. */
        if (v->time_page.pin &&
            xen_guest_page_overlaps(&v->time_page, gpa, len)) {
            forget_page(&v->time_page);
        }
        if (v->info_page.pin &&
            xen_guest_page_overlaps(&v->info_page, gpa, len)) {
            xen_vcpu_run(v->cs, accel_move_vcpu_info, RUN_ON_CPU_HOST_ULONG(0));
        }
        xen_runstate_invalidate(v->runstate, gpa, len);
    }
}

void xen_vcpu_release_areas(XenVcpu *v)
{
    forget_page(&v->info_page);
}
