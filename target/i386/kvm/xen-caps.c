/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Xen emulation on KVM: the capabilities of this kernel
 *
 * They depend on its capability bits alone, never on its version.  A bit counts
 * as missing if another one that it depends on is missing (or masked by
 * x-kvm-xen-caps): the kernel cannot set bits in a shared_info page that it
 * does not support.
 *
 * Source of the ABI: Linux Documentation/virt/kvm/api.rst, KVM_CAP_XEN_HVM.
 */
#include "qemu/osdep.h"
#include <linux/kvm.h>

#include "qemu/config-file.h"
#include "qemu/error-report.h"
#include "qemu/option.h"
#include "hw/xen/emu/accel-callbacks.h"
#include "trace/trace-target_i386_xen.h"
#include "xen-internal.h"
#include "xen-page.h"

/*
 * Pseudo bits for parts of KVM_XEN_HVM_CONFIG_EVTCHN_SEND, so that
 * x-kvm-xen-caps can mask them separately.
 */
#define PART_TIMER          (1u << 16)
#define PART_UPCALL_VECTOR  (1u << 17)

static const struct {
    uint32_t bit;
    XenAccelCap needs;      /* the capability itself: nothing */
} kernel_caps[XEN_ACCEL_CAP__MAX] = {
    /* Implies KVM_XEN_HVM_CONFIG_HYPERCALL_MSR. */
    [XEN_ACCEL_CAP_HCALL] = {
        KVM_XEN_HVM_CONFIG_INTERCEPT_HCALL, XEN_ACCEL_CAP_HCALL,
    },
    /* Implies the ioctls that all others use. */
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

/* For qemu_opts_foreach(): @opts are those of an accelerator after KVM. */
static int comes_after_kvm(void *opaque, QemuOpts *opts, Error **errp)
{
    bool *seen_kvm = opaque;

    if (*seen_kvm) {
        return true;
    }
    *seen_kvm = !g_strcmp0(qemu_opt_get(opts, "accel"), "kvm");
    return false;
}

/*
 * QEMU would try another accelerator next.  Whoever asks for that had TCG on a KVM
 * without Xen support up to now, where any guest runs.
 */
static bool has_fallback(void)
{
    bool seen_kvm = false;

    return qemu_opts_foreach(qemu_find_opts("accel"), comes_after_kvm,
                             &seen_kvm, NULL);
}

/* Whether hypercalls come from the page; -ENOSYS, reported: not possible. */
static int choose_page(KVMState *s, const XenEmuConfig *config,
                       uint32_t offered)
{
    bool intercepts = offered & KVM_XEN_HVM_CONFIG_INTERCEPT_HCALL;
    const char *missing = kvm_xen_page_missing(s);

    switch (config->hypercalls) {
    case XEN_EMU_HYPERCALLS_KVM:
        if (intercepts) {
            return false;
        }
        break;
    case XEN_EMU_HYPERCALLS_PAGE:
        if (!missing) {
            return true;
        }
        error_report("xen-hypercalls=page: KVM on this host lacks %s", missing);
        return -ENOSYS;
    default:
        if (intercepts || (!missing && !has_fallback())) {
            return !intercepts;
        }
    }
    error_report("xen-version: KVM on this host does not support Xen "
                 "guests: KVM_CAP_XEN_HVM is 0x%x, without "
                 "KVM_XEN_HVM_CONFIG_INTERCEPT_HCALL (0x%x)",
                 offered, KVM_XEN_HVM_CONFIG_INTERCEPT_HCALL);
    error_printf("It requires a kernel with CONFIG_KVM_XEN.  Otherwise use %s"
                 "-accel tcg,xen-version=...\n",
                 missing ? "" : "xen-hypercalls=page or ");
    return -ENOSYS;
}

int kvm_xen_find_caps(KVMState *s, const XenEmuConfig *config,
                      XenAccelOps *ops)
{
    uint32_t mask = config->kvm_caps_mask;
    uint32_t offered = kvm_check_extension(s, KVM_CAP_XEN_HVM);
    uint32_t bits = (offered | PART_TIMER | PART_UPCALL_VECTOR) & mask;
    int by_page = choose_page(s, config, offered & mask);

    if (by_page < 0) {
        return by_page;
    }
    if (by_page) {
        /* The ioctls of KVM's Xen support are not used at all. */
        ops->hypercall_port = KVM_XEN_HYPERCALL_PORT;
        bits = 0;
    }

    /* Capabilities come after those that they need. */
    ops->caps = 1u << XEN_ACCEL_CAP_HCALL;
    for (int cap = XEN_ACCEL_CAP_HCALL + 1; cap < XEN_ACCEL_CAP__MAX; cap++) {
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
