/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Guest memory areas of a vCPU: vcpu_info, secondary time info, runstate
 */
#include "qemu/osdep.h"
#include "qemu/cutils.h"
#include "qemu/main-loop.h"
#include "hw/core/cpu.h"
#include "hw/xen/emu/accel-callbacks.h"
#include "hw/xen/emu/domain.h"
#include "hw/xen/emu/evtchn.h"
#include "hw/xen/emu/memory/shared-info.h"
#include "hw/xen/emu/vcpu/areas.h"
#include "hw/xen/emu/vcpu/runstate.h"
#include "hw/xen/emu/vcpu/time.h"
#include "hw/xen/emu/vcpu/work.h"
#include "cpu.h"
#include "trace.h"

#include "hw/xen/interface/xen.h"

static CPUX86State *vcpu_env(XenVcpu *v)
{
    return &X86_CPU(v->cs)->env;
}

/* ------------------------------------------------------------ vcpu_info -- */

/* The accelerator writes vcpu_info, or at least the time info in it. */
static bool accel_has_info(void)
{
    return xen_emu_offload(SHARED_INFO) ||
           xen_emu_accel()->clock.set_vcpu_info;
}

/* [vcpu]  @hva: the same in QEMU's address space; NULL: unknown. */
static int set_accel_info(XenVcpu *v, uint64_t gpa, void *hva)
{
    const XenAccelOffloadOps *offload = xen_emu_offload(SHARED_INFO);
    int ret;

    if (offload) {
        ret = offload->set_vcpu_info(v->cs, gpa, hva);
    } else {
        ret = xen_emu_accel()->clock.set_vcpu_info(v->cs, gpa);
    }
    trace_xen_vcpu_accel_info(v->id, gpa, hva, ret);
    return ret;
}

static void write_time_info(XenVcpu *v)
{
    uint8_t *vi;

    if (!xen_emu_accel()->clock.tsc_is_virtual_clock) {
        return;     /* the accelerator writes it */
    }
    vi = xen_evtchn_peek_vcpu_info(xen_emu_evtchn(), v->id);
    if (vi) {
        xen_time_write_vcpu_time(vi + XEN_VCPU_INFO_TIME);
    }
}

/*
 * KVM writes the time when it next enters the vCPU.  A kernel that is started by
 * kexec after a panic reads it of vCPU 0, which is halted for good, on whatever
 * vCPU it has.  It gets what was written last, which is still a right function
 * of the TSC: a soft reset leaves both clocks alone.  After any other reset the
 * vCPU has its own before it can read this.
 */
static void keep_time(XenVcpu *v)
{
    uint8_t *vi = xen_evtchn_peek_vcpu_info(xen_emu_evtchn(), v->id);

    if (vi && !buffer_is_zero(vi + XEN_VCPU_INFO_TIME,
                              XEN_VCPU_INFO_TIME_SIZE)) {
        xen_time_copy_vcpu_time(v->last_time, vi + XEN_VCPU_INFO_TIME);
    }
}

/* @hva: a vcpu_info.  If there is a time, KVM has written to it. */
static void write_kept_time(XenVcpu *v, void *hva)
{
    uint8_t *time = (uint8_t *)hva + XEN_VCPU_INFO_TIME;

    if (buffer_is_zero(time, XEN_VCPU_INFO_TIME_SIZE)) {
        xen_time_copy_vcpu_time(time, v->last_time);
    }
}

static int move_info(XenVcpu *v, uint64_t unused);

/*
 * KVM writes to vcpu_info by its address in QEMU if it supports that.  The page
 * then stays pinned, also if it is no longer the guest's RAM, until KVM has
 * been given another address.
 */
static bool kernel_info_is_stale(void *opaque)
{
    XenVcpu *v = opaque;

    xen_vcpu_run_later(v, move_info, 0);
    return true;
}

/* Only the thread of the vCPU uses the page. */
static void no_lock(void *opaque)
{
}

static const XenGuestPageUser kernel_info_user = {
    .lock = no_lock,
    .unlock = no_lock,
    .stale = kernel_info_is_stale,
};

/* For pages of local scope: the pin is kept even if the page goes stale. */
static bool keep_pin(void *opaque)
{
    return true;
}

static const XenGuestPageUser momentary_user = {
    .lock = no_lock,
    .unlock = no_lock,
    .stale = keep_pin,
};

/*
 * KVM has been given @page, or none (NULL): keep it pinned, and unpin the one
 * before.
 */
static void keep_for_kernel(XenVcpu *v, const XenGuestPage *page)
{
    if (page && xen_emu_offload(SHARED_INFO_HVA)) {
        xen_guest_page_share(xen_emu_pages(), &v->kernel_info, page);
        if (xen_guest_page_is_stale(&v->kernel_info)) {
            /* It went stale after the lookup, before the hook was set. */
            xen_vcpu_run_later(v, move_info, 0);
        }
    } else {
        xen_guest_page_unset(xen_emu_pages(), &v->kernel_info);
    }
}

/*
 * A guest may register memory with any contents.  A flag that is set there
 * would suppress the upcall of each event.  What is pending is set again when
 * the engine has moved here and renotifies.
 */
static void clear_events(const XenGuestPage *page)
{
    memset(page->hva, 0, XEN_VCPU_INFO_EVENTS_SIZE);
}

/*
 * The accelerator comes first: an upcall must not be raised while it still has
 * the old place.  Then the engine moves and renotifies.  One pin serves both.
 * @is_new: the guest has just registered it.  [vcpu] if accel_has_info().
 */
static int place_info(XenVcpu *v, const XenGuestPage *page, bool is_new)
{
    int ret = 0;

    if (accel_has_info()) {
        ret = set_accel_info(v, page->gpa, xen_emu_offload(SHARED_INFO_HVA) ?
                                           page->hva : NULL);
    }
    if (!ret) {
        if (is_new) {
            clear_events(page);
        }
        xen_evtchn_share_vcpu_info(xen_emu_evtchn(), v->id, page, true);
        keep_for_kernel(v, page);
    }
    return ret;
}

/*
 * [vcpu]  The memory under vcpu_info has changed; or another vCPU registered it
 * and has already moved the engine.  Events delivered by the accelerator up to
 * now are pending in the old place only, so the engine renotifies again.
 */
static int move_info(XenVcpu *v, uint64_t unused)
{
    uint64_t gpa = vcpu_env(v)->xen_vcpu_info_gpa;
    XenGuestPage page;
    int ret;

    assert(bql_locked());
    if (gpa == XEN_GPA_NONE) {
        return 0;       /* reset in the meantime */
    }
    xen_guest_page_init(&page, &momentary_user, NULL);
    ret = xen_guest_page_set(xen_emu_pages(), &page, gpa, XEN_VCPU_INFO_SIZE);
    if (ret) {
        /* No RAM.  KVM looks up the address itself when RAM is back. */
        set_accel_info(v, gpa, NULL);
        keep_for_kernel(v, NULL);
        return ret;
    }
    ret = place_info(v, &page, false);
    xen_guest_page_unset(xen_emu_pages(), &page);
    return ret;
}

/* @is_new: the guest registers it; otherwise it was loaded. */
static int set_info(XenVcpu *v, uint64_t gpa, bool is_new)
{
    CPUX86State *env = vcpu_env(v);
    XenGuestPage page;
    int ret;

    trace_xen_vcpu_set_info(v->id, gpa);

    ret = xen_evtchn_check_vcpu_info(xen_emu_evtchn(), gpa);
    if (ret) {
        return ret;
    }
    /* Once registered it stays, as in Xen, until the domain is reset. */
    if (is_new && env->xen_vcpu_info_gpa != XEN_GPA_NONE) {
        return -EINVAL;
    }
    xen_guest_page_init(&page, &momentary_user, NULL);
    ret = xen_guest_page_set(xen_emu_pages(), &page, gpa, XEN_VCPU_INFO_SIZE);
    if (ret) {
        return ret;
    }
    if (!accel_has_info() || qemu_cpu_is_self(v->cs)) {
        ret = place_info(v, &page, is_new);
    } else {
        if (is_new) {
            clear_events(&page);
        }
        /* Takes effect now in the engine, later for the accelerator. */
        xen_evtchn_share_vcpu_info(xen_emu_evtchn(), v->id, &page, false);
        xen_vcpu_run_later(v, move_info, 0);
    }
    xen_guest_page_unset(xen_emu_pages(), &page);
    if (!ret) {
        env->xen_vcpu_info_gpa = gpa;
        write_time_info(v);
    }
    return ret;
}

int xen_vcpu_set_info(XenVcpu *v, uint64_t gpa)
{
    return set_info(v, gpa, true);
}

int xen_vcpu_load_info(XenVcpu *v)
{
    return set_info(v, vcpu_env(v)->xen_vcpu_info_gpa, false);
}

/* [vcpu]  @gpa: in shared info, or XEN_GPA_NONE. */
static int set_accel_default_info(XenVcpu *v, uint64_t gpa)
{
    void *hva = NULL;
    int ret;

    if (vcpu_env(v)->xen_vcpu_info_gpa != XEN_GPA_NONE) {
        return 0;       /* another has been registered in the meantime */
    }
    if (gpa != XEN_GPA_NONE && xen_emu_offload(SHARED_INFO_HVA)) {
        hva = xen_shared_info_vcpu(v->id);
    }
    ret = set_accel_info(v, gpa, hva);
    keep_for_kernel(v, NULL);
    return ret;
}

int xen_vcpu_set_default_info(XenVcpu *v, uint64_t gpa, void *hva)
{
    bool first = !xen_evtchn_peek_vcpu_info(xen_emu_evtchn(), v->id);
    int ret = 0;

    vcpu_env(v)->xen_vcpu_info_default_gpa = gpa;
    if (vcpu_env(v)->xen_vcpu_info_gpa != XEN_GPA_NONE) {
        return 0;
    }
    if (accel_has_info()) {
        if (gpa != XEN_GPA_NONE) {
            write_kept_time(v, hva);
        }
        ret = xen_vcpu_run(v, set_accel_default_info, gpa);
    }
    /* Events before the first place could not set evtchn_upcall_pending. */
    xen_evtchn_set_vcpu_info_fixed(xen_emu_evtchn(), v->id, hva, first);
    write_time_info(v);
    return gpa == XEN_GPA_NONE ? 0 : ret;
}

void xen_vcpu_unset_info(XenVcpu *v)
{
    keep_time(v);
    vcpu_env(v)->xen_vcpu_info_gpa = XEN_GPA_NONE;
    vcpu_env(v)->xen_vcpu_info_default_gpa = XEN_GPA_NONE;
    xen_evtchn_set_vcpu_info(xen_emu_evtchn(), v->id, XEN_GPA_NONE, false);
    if (accel_has_info()) {
        xen_vcpu_run(v, set_accel_default_info, XEN_GPA_NONE);
    }
}

/* [vcpu] */
static int set_accel_clock(XenVcpu *v, uint64_t unused)
{
    CPUX86State *env = vcpu_env(v);
    uint64_t gpa = env->xen_vcpu_info_gpa;

    if (gpa == XEN_GPA_NONE) {
        gpa = env->xen_vcpu_info_default_gpa;
    }
    return xen_emu_accel()->clock.set_vcpu_info(v->cs, gpa);
}

void xen_vcpu_woken_up(XenVcpu *v)
{
    if (!xen_emu_offload(SHARED_INFO) &&
        xen_emu_accel()->clock.set_vcpu_info) {
        xen_vcpu_run(v, set_accel_clock, 0);
    }
}

/* ------------------------------------------------ time and runstate -- */

static int set_accel_time_info(XenVcpu *v, uint64_t gpa)
{
    int ret = xen_emu_offload(SHARED_INFO)->set_time_info(v->cs, gpa);

    trace_xen_vcpu_accel(v->id, "time_info", gpa, ret);
    return ret;
}

/* The contents are constant, so the area is written once and not kept. */
static int write_time_area(uint64_t gpa)
{
    XenGuestPage page;
    void *hva;
    int ret;

    xen_guest_page_init(&page, NULL, NULL);
    ret = xen_guest_page_set(xen_emu_pages(), &page, gpa,
                             sizeof(vcpu_time_info_t));
    hva = xen_guest_page_check(&page);
    if (!ret && hva) {
        xen_time_write_vcpu_time(hva);
    }
    xen_guest_page_unset(xen_emu_pages(), &page);
    return ret;
}

int xen_vcpu_set_time_area(XenVcpu *v, uint64_t gpa)
{
    int ret = 0;

    if (xen_emu_offload(SHARED_INFO)) {
        ret = xen_vcpu_run(v, set_accel_time_info, gpa);
    } else if (gpa != XEN_GPA_NONE) {
        /* Other accelerators support one place; this area is optional. */
        ret = xen_emu_accel()->clock.tsc_is_virtual_clock ?
              write_time_area(gpa) : -ENOSYS;
    }
    if (ret && gpa != XEN_GPA_NONE) {
        return ret;
    }
    vcpu_env(v)->xen_vcpu_time_info_gpa = gpa;
    return 0;
}

static int set_accel_runstate(XenVcpu *v, uint64_t gpa)
{
    int ret = xen_emu_offload(RUNSTATE)->set_runstate(v->cs, gpa);

    trace_xen_vcpu_accel(v->id, "runstate", gpa, ret);
    return ret;
}

int xen_vcpu_set_runstate_area(XenVcpu *v, uint64_t gpa)
{
    int ret;

    if (xen_emu_offload(RUNSTATE)) {
        ret = xen_vcpu_run(v, set_accel_runstate, gpa);
    } else {
        ret = xen_runstate_set_area(v->runstate, gpa);
    }
    if (ret && gpa != XEN_GPA_NONE) {
        return ret;
    }
    vcpu_env(v)->xen_vcpu_runstate_gpa = gpa;
    return 0;
}

/* -------------------------------------------------------- life of a vCPU -- */

void xen_vcpu_init_areas(XenVcpu *v)
{
    xen_guest_page_init(&v->kernel_info, &kernel_info_user, v);
}

void xen_vcpu_start_areas(XenVcpu *v)
{
    if (accel_has_info()) {
        set_accel_default_info(v, vcpu_env(v)->xen_vcpu_info_default_gpa);
    }
    if (xen_emu_offload(SHARED_INFO)) {
        set_accel_time_info(v, XEN_GPA_NONE);
    }
    if (xen_emu_offload(RUNSTATE)) {
        set_accel_runstate(v, XEN_GPA_NONE);
    }
}

void xen_vcpu_release_areas(XenVcpu *v)
{
    xen_guest_page_unset(xen_emu_pages(), &v->kernel_info);
}
