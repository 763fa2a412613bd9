/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Mapping and layout of the shared-info page
 *
 * A change of either is put into effect for everything in the page: in the
 * accelerator, for the vcpu_info of the first vCPUs, the engine's bits and the
 * wall clock.
 */
#include "qemu/osdep.h"
#include "qemu/main-loop.h"
#include "hw/xen/xen.h"
#include "hw/xen/emu/accel-callbacks.h"
#include "hw/xen/emu/domain.h"
#include "hw/xen/emu/evtchn.h"
#include "hw/xen/emu/memory/shared-info.h"
#include "hw/xen/emu/vcpu/areas.h"
#include "hw/xen/emu/vcpu/time.h"
#include "hw/i386/kvm/xen_overlay.h"
#include "trace.h"

#include "hw/xen/interface/xen.h"

static int accel_set_shared_info(uint64_t gpa, void *hva)
{
    const XenAccelOffloadOps *offload = xen_emu_offload(SHARED_INFO);

    return offload ? offload->set_shared_info(gpa, hva) : 0;
}

static int set_default_vcpu_info(XenVcpu *v)
{
    return xen_vcpu_set_default_info(v, xen_shared_info_page.gpa +
                                        v->id * XEN_VCPU_INFO_SIZE,
                                     xen_shared_info_vcpu(v->id));
}

/* The vcpu_info of the first vCPUs are at the start of shared_info. */
static int set_default_vcpu_infos(void)
{
    XEN_FOREACH_VCPU(v) {
        int ret = v->id < XEN_LEGACY_MAX_VCPUS ? set_default_vcpu_info(v) : 0;

        if (ret) {
            return ret;
        }
    }
    return 0;
}

int xen_overlay_map_shinfo_page(uint64_t gpa)
{
    XenSharedInfo *s = &xen_shared_info_page;
    int ret;

    assert(bql_locked());
    trace_xen_overlay_shared_info(gpa);

    /* KVM must not write to the page while its mapping changes. */
    if (s->gpa != XEN_GPA_NONE) {
        ret = accel_set_shared_info(XEN_GPA_NONE, NULL);
        if (ret) {
            return ret;
        }
    }
    xen_overlay_do_map_page(&s->mem, gpa);
    s->gpa = gpa;
    if (gpa == XEN_GPA_NONE) {
        return 0;
    }

    ret = accel_set_shared_info(gpa, s->hva) ?: set_default_vcpu_infos();
    if (ret) {
        /* Unmap it, rather than leave it where KVM does not write to it. */
        accel_set_shared_info(XEN_GPA_NONE, NULL);
        xen_overlay_do_map_page(&s->mem, XEN_GPA_NONE);
        s->gpa = XEN_GPA_NONE;
        return ret;
    }
    if (!XEN_ACCEL_HAS(xen_emu_accel(), SHARED_INFO)) {
        xen_time_write_wallclock(s->hva);
    }
    return 0;
}

void xen_overlay_vcpu_added(unsigned vcpu)
{
    if (xen_shared_info_page.gpa != XEN_GPA_NONE &&
        vcpu < XEN_LEGACY_MAX_VCPUS) {
        set_default_vcpu_info(xen_vcpu_get(vcpu));
    }
}

void *xen_overlay_get_shinfo_ptr(void)
{
    return xen_shared_info();
}

int xen_overlay_clear(void)
{
    if (!xen_shared_info()) {
        return 0;
    }
    memset(xen_shared_info(), 0, XEN_EMU_PAGE_SIZE);
    return xen_overlay_map_shinfo_page(XEN_GPA_NONE);
}

static void use_layout(bool long_mode)
{
    bool changed = xen_emu_long_mode() != long_mode;

    assert(bql_locked());
    xen_emu_set_layout(long_mode);
    xen_evtchn_set_long_mode(xen_emu_evtchn(), long_mode);
    if (changed && xen_shared_info_page.gpa != XEN_GPA_NONE &&
        !XEN_ACCEL_HAS(xen_emu_accel(), SHARED_INFO)) {
        xen_time_write_wallclock(xen_shared_info());
    }
}

/*
 * Whoever mapped the page got a wall clock in the layout of before: the firmware's,
 * if the guest makes its hypercalls without a page.  That of 32 bits is where 64 have
 * the pending bits of ports 2048 to 2143.  No event is lost by this: until now the
 * guest's layout was that of 32 bits, whose 2-level ports end at 1,023.  (A guest that
 * changes it at will loses what it would lose anyway: all its bits have other meanings
 * then.)
 */
void xen_emu_note_long_mode(bool long_mode)
{
    const XenGuestLayout *old = xen_emu_layout();

    use_layout(long_mode);
    if (xen_emu_layout() != old && xen_shared_info_page.gpa != XEN_GPA_NONE) {
        xen_time_erase_wallclock(xen_shared_info(), old);
    }
}

static int set_in_accel(bool long_mode)
{
    const XenAccelOffloadOps *offload = xen_emu_offload(SHARED_INFO);

    return offload ? offload->set_long_mode(long_mode) : 0;
}

int xen_set_long_mode(bool long_mode)
{
    int ret = set_in_accel(long_mode);

    if (!ret) {
        xen_emu_note_long_mode(long_mode);
    }
    return ret;
}

int xen_restore_long_mode(bool long_mode)
{
    int ret = set_in_accel(long_mode);

    if (!ret) {
        use_layout(long_mode);
    }
    return ret;
}

int xen_sync_long_mode(void)
{
    const XenAccelOffloadOps *offload = xen_emu_offload(SHARED_INFO);
    bool long_mode;
    int ret;

    if (!offload) {
        return 0;
    }
    ret = offload->get_long_mode(&long_mode);
    if (!ret) {
        /* It latched some time ago: the wall clock's place may have events by now. */
        use_layout(long_mode);
    }
    return ret;
}
