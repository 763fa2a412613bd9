/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Xen emulation on KVM: the domain-wide callback vector without Xen support
 */
#include "qemu/osdep.h"
#include <linux/kvm.h>

#include "hw/pci/msi.h"
#include "hw/xen/emu/accel-callbacks.h"
#include "cpu.h"
#include "hyperv-proto.h"
#include "trace/trace-target_i386_xen.h"
#include "xen-internal.h"
#include "xen-ioctl.h"
#include "xen-synic.h"

/* The last ones, which guests use least. */
#define FIRST_SINT_MSR  HV_X64_MSR_SINT14

bool kvm_xen_synic_is_supported(KVMState *s)
{
    return kvm_check_extension(s, KVM_CAP_HYPERV_SYNIC2) > 0;
}

static int write_sint(XenVcpu *v, unsigned nr, uint64_t value)
{
    struct {
        struct kvm_msrs head;
        struct kvm_msr_entry msr;
    } msrs = {
        .head.nmsrs = 1,
        .msr = { .index = FIRST_SINT_MSR + nr, .data = value },
    };
    /* The number of MSRs that were written. */
    int ret = KVM_XEN_VCPU_IOCTL(v->cs, KVM_SET_MSRS, &msrs);

    trace_xen_kvm_sint(v->id, nr, value, ret);
    return ret == 1 ? 0 : ret < 0 ? ret : -EINVAL;
}

static void mask_all(XenVcpu *v)
{
    KvmXenVcpu *kv = kvm_xen_vcpu(v);

    qatomic_set(&kv->synic.vector, 0);
    for (unsigned i = 0; i < KVM_XEN_SINTS; i++) {
        if (kv->synic.sint[i]) {
            kv->synic.sint[i] = 0;
            write_sint(v, i, HV_SINT_MASKED);
        }
    }
}

void kvm_xen_synic_changed(XenVcpu *v)
{
    KvmXenVcpu *kv = kvm_xen_vcpu(v);
    uint8_t vector = xen_upcall_callback_vector();

    if (qatomic_read(&cpu_env(v->cs)->xen_vcpu_callback_vector)) {
        mask_all(v);
        return;
    }
    if (vector && vector != kv->synic.sint[0] &&
        vector != kv->synic.sint[1]) {
        unsigned next = !kv->synic.last;

        if (write_sint(v, next, vector | HV_SINT_AUTO_EOI)) {
            return;     /* no interrupt is better than one that stays */
        }
        kv->synic.sint[next] = vector;
        kv->synic.last = next;
    }
    /* Those who raise from now on find it; the caller renotifies. */
    qatomic_set_mb(&kv->synic.vector, vector);
}

bool kvm_xen_synic_init_vcpu(XenVcpu *v)
{
    if (hyperv_feat_enabled(X86_CPU(v->cs), HYPERV_FEAT_SYNIC) ||
        kvm_vcpu_enable_cap(v->cs, KVM_CAP_HYPERV_SYNIC2, 0)) {
        return false;
    }
    /* KVM reuses an unplugged vCPU with its SINTs. */
    for (unsigned i = 0; i < KVM_XEN_SINTS; i++) {
        write_sint(v, i, HV_SINT_MASKED);
    }
    return true;
}

void kvm_xen_synic_raise(XenVcpu *v)
{
    uint8_t vector;

    /* The caller has set evtchn_upcall_pending before. */
    smp_mb();
    vector = qatomic_read(&kvm_xen_vcpu(v)->synic.vector);
    if (vector && vector == xen_upcall_callback_vector()) {
        MSIMessage msi = xen_upcall_msi(X86_CPU(v->cs)->apic_id, vector);

        kvm_irqchip_send_msi(kvm_state, msi);
        kvm_xen_retry(v);
    }
}
