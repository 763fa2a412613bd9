/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Xen emulation on KVM: the ioctls, by name
 *
 * The names are for error messages and for x-kvm-xen-fail.
 */
#include "qemu/osdep.h"
#include <linux/kvm.h>

#include "qemu/error-report.h"
#include "trace/trace-target_i386_xen.h"
#include "system/kvm.h"
#include "system/runstate.h"
#include "xen-ioctl.h"

/* An ioctl or attribute, and the bit of KVM_CAP_XEN_HVM that promises it. */
typedef struct Named {
    const char *name, *bit;
} Named;

#define BIT_HCALL           "KVM_XEN_HVM_CONFIG_INTERCEPT_HCALL"
#define BIT_SHARED_INFO     "KVM_XEN_HVM_CONFIG_SHARED_INFO"
#define BIT_HVA             "KVM_XEN_HVM_CONFIG_SHARED_INFO_HVA"
#define BIT_RUNSTATE        "KVM_XEN_HVM_CONFIG_RUNSTATE"
#define BIT_RUNSTATE_FLAG   "KVM_XEN_HVM_CONFIG_RUNSTATE_UPDATE_FLAG"
#define BIT_SEND            "KVM_XEN_HVM_CONFIG_EVTCHN_SEND"

#define NAMED(what, bit)    [what] = { #what, bit }

static const Named hvm_attrs[] = {
    NAMED(KVM_XEN_ATTR_TYPE_LONG_MODE, BIT_SHARED_INFO),
    NAMED(KVM_XEN_ATTR_TYPE_SHARED_INFO, BIT_SHARED_INFO),
    NAMED(KVM_XEN_ATTR_TYPE_SHARED_INFO_HVA, BIT_HVA),
    NAMED(KVM_XEN_ATTR_TYPE_UPCALL_VECTOR, BIT_SHARED_INFO),
    NAMED(KVM_XEN_ATTR_TYPE_RUNSTATE_UPDATE_FLAG, BIT_RUNSTATE_FLAG),
    NAMED(KVM_XEN_ATTR_TYPE_EVTCHN, BIT_SEND),
    NAMED(KVM_XEN_ATTR_TYPE_XEN_VERSION, BIT_SEND),
};

static const Named vcpu_attrs[] = {
    NAMED(KVM_XEN_VCPU_ATTR_TYPE_VCPU_INFO, BIT_SHARED_INFO),
    NAMED(KVM_XEN_VCPU_ATTR_TYPE_VCPU_INFO_HVA, BIT_HVA),
    NAMED(KVM_XEN_VCPU_ATTR_TYPE_VCPU_TIME_INFO, BIT_SHARED_INFO),
    NAMED(KVM_XEN_VCPU_ATTR_TYPE_RUNSTATE_ADDR, BIT_RUNSTATE),
    NAMED(KVM_XEN_VCPU_ATTR_TYPE_VCPU_ID, BIT_SEND),
    NAMED(KVM_XEN_VCPU_ATTR_TYPE_TIMER, BIT_SEND),
    NAMED(KVM_XEN_VCPU_ATTR_TYPE_UPCALL_VECTOR, BIT_SEND),
};

/* Setting an attribute goes by the name of the attribute. */
static const Named ioctls[] = {
    { "KVM_XEN_HVM_CONFIG", BIT_HCALL },
    { "KVM_XEN_HVM_EVTCHN_SEND", BIT_SEND },
    { "KVM_XEN_HVM_GET_ATTR", BIT_SHARED_INFO },
    { "KVM_XEN_VCPU_GET_ATTR", BIT_SHARED_INFO },
    { "KVM_GET_REGS" }, { "KVM_GET_MP_STATE" }, { "KVM_SET_MP_STATE" },
    { "KVM_SET_MSRS" }, { "KVM_TRANSLATE" },
};

/* Written before the first ioctl. */
static struct {
    char *name;             /* what fails, or NULL */
    bool when_running;      /* only while the guest runs */
} fault;

static const Named *find_in(const Named *list, size_t nr, const char *name)
{
    for (size_t i = 0; i < nr; i++) {
        if (list[i].name && g_str_equal(list[i].name, name)) {
            return &list[i];
        }
    }
    return NULL;
}

static const Named *find(const char *name)
{
    return find_in(hvm_attrs, ARRAY_SIZE(hvm_attrs), name) ?:
           find_in(vcpu_attrs, ARRAY_SIZE(vcpu_attrs), name) ?:
           find_in(ioctls, ARRAY_SIZE(ioctls), name);
}

int kvm_xen_arm_fault(const char *what)
{
    g_auto(GStrv) words = g_strsplit(what, ":", 2);
    const Named *named = words[0] ? find(words[0]) : NULL;

    if (!named || (words[1] && !g_str_equal(words[1], "running"))) {
        error_report("x-kvm-xen-fail: invalid value '%s'", what);
        error_printf("Valid values are names of ioctls and attributes, such as "
                     "KVM_XEN_HVM_CONFIG; with \":running\" appended, they fail "
                     "only while the guest runs.\n");
        return -EINVAL;
    }
    fault.name = g_strdup(named->name);
    fault.when_running = words[1];
    return 0;
}

/* 0, or the injected error, in place of the ioctl. */
static int fault_of(const char *name)
{
    if (likely(!fault.name) || !g_str_equal(fault.name, name) ||
        (fault.when_running && !runstate_is_running())) {
        return 0;
    }
    trace_xen_kvm_fault(name);
    return -EIO;
}

int kvm_xen_vm_ioctl(const char *name, unsigned long type, void *arg)
{
    return fault_of(name) ?: kvm_vm_ioctl(kvm_state, type, arg);
}

int kvm_xen_vcpu_ioctl(const char *name, CPUState *cs, unsigned long type,
                       void *arg)
{
    return fault_of(name) ?: kvm_vcpu_ioctl(cs, type, arg);
}

int kvm_xen_set_hvm_attr(struct kvm_xen_hvm_attr *attr)
{
    int ret = kvm_xen_vm_ioctl(hvm_attrs[attr->type].name,
                               KVM_XEN_HVM_SET_ATTR, attr);

    trace_xen_kvm_hvm_attr(attr->type, ret);
    return ret;
}

int kvm_xen_set_vcpu_attr(CPUState *cs, struct kvm_xen_vcpu_attr *attr)
{
    int ret = kvm_xen_vcpu_ioctl(vcpu_attrs[attr->type].name, cs,
                                 KVM_XEN_VCPU_SET_ATTR, attr);

    trace_xen_kvm_vcpu_attr(cs->cpu_index, attr->type, ret);
    return ret;
}

int kvm_xen_ioctl_failed(const char *name, int ret)
{
    const Named *named = find(name);

    error_report("xen-version: KVM on this host refuses %s: %s", name,
                 strerror(-ret));
    error_printf("It is part of %s, which requires a kernel with "
                 "CONFIG_KVM_XEN.  Otherwise use "
                 "-accel tcg,xen-version=...\n", named->bit);
    return ret;
}

/*
 * Sets the attributes that have no fallback to the values of a new VM.  If the
 * kernel would refuse one later, it refuses it now.
 */
int kvm_xen_probe_vm(const XenAccelOps *ops)
{
    struct kvm_xen_hvm_attr attrs[] = {
        { .type = KVM_XEN_ATTR_TYPE_LONG_MODE },
        { .type = KVM_XEN_ATTR_TYPE_UPCALL_VECTOR },
        {
            .type = KVM_XEN_ATTR_TYPE_SHARED_INFO,
            .u.shared_info.gfn = KVM_XEN_INVALID_GFN,
        },
        { .type = KVM_XEN_ATTR_TYPE_RUNSTATE_UPDATE_FLAG },
    };

    for (size_t i = 0; i < ARRAY_SIZE(attrs); i++) {
        bool used = attrs[i].type == KVM_XEN_ATTR_TYPE_RUNSTATE_UPDATE_FLAG ?
            XEN_ACCEL_HAS(ops, RUNSTATE_FLAG) :
            XEN_ACCEL_HAS(ops, SHARED_INFO);
        int ret = used ? kvm_xen_set_hvm_attr(&attrs[i]) : 0;

        if (ret) {
            return kvm_xen_ioctl_failed(hvm_attrs[attrs[i].type].name, ret);
        }
    }
    return 0;
}

int kvm_xen_probe_vcpu(const XenAccelOps *ops, CPUState *cs)
{
    struct {
        bool used;
        struct kvm_xen_vcpu_attr attr;
    } probes[] = {
        /*
         * Hypercalls refer to vCPUs by this number, which is not the APIC ID
         * and, if threads start in a different order, not KVM's own index
         * either.
         */
        {
            XEN_ACCEL_HAS(ops, EVTCHN_SEND), {
                .type = KVM_XEN_VCPU_ATTR_TYPE_VCPU_ID,
                .u.vcpu_id = cs->cpu_index,
            },
        },
        {
            XEN_ACCEL_HAS(ops, SHARED_INFO), {
                .type = KVM_XEN_VCPU_ATTR_TYPE_VCPU_INFO,
                .u.gpa = KVM_XEN_INVALID_GPA,
            },
        },
        {
            XEN_ACCEL_HAS(ops, SHARED_INFO), {
                .type = KVM_XEN_VCPU_ATTR_TYPE_VCPU_TIME_INFO,
                .u.gpa = KVM_XEN_INVALID_GPA,
            },
        },
        {
            XEN_ACCEL_HAS(ops, RUNSTATE), {
                .type = KVM_XEN_VCPU_ATTR_TYPE_RUNSTATE_ADDR,
                .u.gpa = KVM_XEN_INVALID_GPA,
            },
        },
        {
            XEN_ACCEL_HAS(ops, TIMER), {
                .type = KVM_XEN_VCPU_ATTR_TYPE_TIMER,
                .u.timer.priority = KVM_IRQ_ROUTING_XEN_EVTCHN_PRIO_2LEVEL,
            },
        },
        {
            XEN_ACCEL_HAS(ops, UPCALL_VECTOR), {
                .type = KVM_XEN_VCPU_ATTR_TYPE_UPCALL_VECTOR,
            },
        },
    };

    for (size_t i = 0; i < ARRAY_SIZE(probes); i++) {
        int ret = probes[i].used ?
            kvm_xen_set_vcpu_attr(cs, &probes[i].attr) : 0;

        if (ret) {
            return kvm_xen_ioctl_failed(vcpu_attrs[probes[i].attr.type].name,
                                        ret);
        }
    }
    return 0;
}
