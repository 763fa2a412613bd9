/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reset of the whole Xen domain
 */
#include "qemu/osdep.h"
#include "qemu/main-loop.h"
#include "hw/core/cpu.h"
#include "hw/xen/emu/device/reset.h"
#include "hw/xen/emu/device/vcpu.h"
#include "hw/xen/emu/device/vcpu-unplugged.h"
#include "hw/xen/emu/domain.h"
#include "hw/xen/emu/offload/delivery.h"
#include "hw/xen/emu/vcpu/runstate.h"
#include "hw/i386/kvm/xen_evtchn.h"
#include "hw/i386/kvm/xen_gnttab.h"
#include "hw/i386/kvm/xen_overlay.h"
#include "hw/i386/kvm/xen_xenstore.h"
#include "system/kvm_xen.h"
#include "trace.h"

static int reset_domain(void)
{
    int ret;

    /* Ports first: events must not be raised while pages are reset. */
    ret = xen_evtchn_soft_reset();
    if (ret) {
        return ret;
    }
    xen_delivery_release();
    ret = xen_delivery_set_callback(0);
    if (ret) {
        return ret;
    }
    /* Ignore the error: if KVM does not support it, it was not set. */
    xen_runstate_set_update_flag(false);
    XEN_FOREACH_VCPU(v) {
        xen_vcpu_soft_reset(v);
    }
    xen_unplugged_forget_all();
    ret = xen_overlay_clear();
    if (ret) {
        return ret;
    }

    ret = xen_gnttab_reset();
    if (ret) {
        return ret;
    }
    xen_emu_notify_reset(XEN_RESET_RINGS);
    return xen_xenstore_reset();
}

int xen_emu_soft_reset(void)
{
    int ret;

    assert(bql_locked());
    trace_xen_emu_soft_reset();
    /* Back ends disconnect while all that they use still works. */
    xen_emu_notify_reset(XEN_RESET_BEGIN);
    ret = reset_domain();
    xen_emu_notify_reset(XEN_RESET_END);
    return ret;
}

int xen_emu_machine_reset(void)
{
    xen_emu_notify_reset(XEN_RESET_MACHINE);
    return xen_emu_soft_reset();
}
