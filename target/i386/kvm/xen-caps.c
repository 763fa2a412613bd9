/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Xen emulation on KVM: what this kernel can do
 *
 * By its capability bits alone, never by its version.  A bit that needs another
 * one which is missing (or hidden by x-kvm-xen-caps) counts as missing too: the
 * kernel cannot set bits of a shared_info that it does not know.
 *
 * Source of the ABI: Linux Documentation/virt/kvm/api.rst, KVM_CAP_XEN_HVM.
 */
#include "qemu/osdep.h"
#include <linux/kvm.h>

#include "qemu/error-report.h"
#include "hw/xen/emu/accel-callbacks.h"
#include "trace/trace-target_i386_xen.h"
#include "xen-internal.h"

/*
 * Parts of KVM_XEN_HVM_CONFIG_EVTCHN_SEND that have no bit of their own, so
 * that x-kvm-xen-caps can hide them one by one.
 */
#define PART_TIMER          (1u << 16)
#define PART_UPCALL_VECTOR  (1u << 17)

static const struct {
    uint32_t bit;
    XenAccelCap needs;      /* itself: nothing */
} kernel_caps[XEN_ACCEL_CAP__MAX] = {
    /* The ioctl that HYPERCALL_MSR stands for is implied by this one. */
    [XEN_ACCEL_CAP_HCALL] = {
        KVM_XEN_HVM_CONFIG_INTERCEPT_HCALL, XEN_ACCEL_CAP_HCALL,
    },
    /* Also stands for the ioctls that all the rest is done with. */
    [XEN_ACCEL_CAP_SHARED_INFO] = {
        KVM_XEN_HVM_CONFIG_SHARED_INFO, XEN_ACCEL_CAP_HCALL,
    },
    [XEN_ACCEL_CAP_SHARED_INFO_HVA] = {
        KVM_XEN_HVM_CONFIG_SHARED_INFO_HVA, XEN_ACCEL_CAP_SHARED_INFO,
    },
    [XEN_ACCEL_CAP_RUNSTATE] = {
        KVM_XEN_HVM_CONFIG_RUNSTATE, XEN_ACCEL_CAP_SHARED_INFO,
    },
    [XEN_ACCEL_CAP_RUNSTATE_FLAG] = {
        KVM_XEN_HVM_CONFIG_RUNSTATE_UPDATE_FLAG, XEN_ACCEL_CAP_RUNSTATE,
    },
    [XEN_ACCEL_CAP_EVTCHN_2LEVEL] = {
        KVM_XEN_HVM_CONFIG_EVTCHN_2LEVEL, XEN_ACCEL_CAP_SHARED_INFO,
    },
    [XEN_ACCEL_CAP_EVTCHN_SEND] = {
        KVM_XEN_HVM_CONFIG_EVTCHN_SEND, XEN_ACCEL_CAP_SHARED_INFO,
    },
    [XEN_ACCEL_CAP_TSC_UNSTABLE] = {
        KVM_XEN_HVM_CONFIG_PVCLOCK_TSC_UNSTABLE, XEN_ACCEL_CAP_SHARED_INFO,
    },
    [XEN_ACCEL_CAP_TIMER] = {
        PART_TIMER, XEN_ACCEL_CAP_EVTCHN_SEND,
    },
    [XEN_ACCEL_CAP_UPCALL_VECTOR] = {
        PART_UPCALL_VECTOR, XEN_ACCEL_CAP_EVTCHN_SEND,
    },
};

int kvm_xen_find_caps(KVMState *s, uint32_t mask, XenAccelOps *ops)
{
    uint32_t offered = kvm_check_extension(s, KVM_CAP_XEN_HVM);
    uint32_t bits = (offered | PART_TIMER | PART_UPCALL_VECTOR) & mask;

    if (!(bits & KVM_XEN_HVM_CONFIG_INTERCEPT_HCALL)) {
        error_report("xen-version: this host's KVM cannot run Xen guests: "
                     "KVM_CAP_XEN_HVM is 0x%x, without "
                     "KVM_XEN_HVM_CONFIG_INTERCEPT_HCALL (0x%x)",
                     offered & mask, KVM_XEN_HVM_CONFIG_INTERCEPT_HCALL);
        error_printf("The kernel option CONFIG_KVM_XEN brings it; without it, "
                     "-accel tcg,xen-version=... runs the guest.\n");
        return -ENOSYS;
    }

    /* What a capability needs comes before it. */
    ops->caps = 1u << XEN_ACCEL_CAP_HCALL;
    for (int cap = 0; cap < XEN_ACCEL_CAP__MAX; cap++) {
        bool there = (bits & kernel_caps[cap].bit) &&
                     (ops->caps & 1u << kernel_caps[cap].needs);

        if (there) {
            ops->caps |= 1u << cap;
        } else {
            ops->caps_missing |= 1u << cap;
        }
    }
    trace_xen_kvm_caps(offered, mask, ops->caps, ops->caps_missing);
    return offered & mask;
}
