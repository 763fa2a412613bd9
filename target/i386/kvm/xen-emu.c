/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Xen emulation on KVM: the XenAccelOps, by the kernel's capability bits alone
 *
 * Also implements most of the functions that upstream's target/i386/kvm/kvm.c
 * calls (kvm_xen_*, kvm_get/put_xen_state).
 *
 * Source of the ABI: Linux Documentation/virt/kvm/api.rst, KVM_XEN_*.
 */
#include "qemu/osdep.h"
#include "exec/target_page.h"
#include "qemu/error-report.h"
#include "qemu/main-loop.h"
#include "hw/core/boards.h"
#include "hw/pci/msi.h"
#include "hw/xen/emu/accel-callbacks.h"
#include "hw/xen/emu/evtchn.h"
#include "system/accel-blocker.h"
#include "system/kvm.h"
#include "system/kvm_int.h"
#include "system/hw_accel.h"
#include "system/kvm_xen.h"
#include "cpu.h"
#include "kvm/kvm_i386.h"
#include "kvm/xen-emu.h"
#include "trace/trace-target_i386_xen.h"
#include "xen-internal.h"
#include "xen-ioctl.h"
#include "xen-page.h"
#include "xen-synic.h"

#include "hw/xen/interface/xen.h"
#include "hw/xen/interface/event_channel.h"

static XenAccelOps kvm_ops;
static uint32_t hypercall_msr;
static bool hide_stable_tsc;
static bool evtchn_send;

/* KVM_XEN_HVM_CONFIG can be repeated to change the flags. */
static int configure(bool send)
{
    struct kvm_xen_hvm_config config = {
        .msr = hypercall_msr,
        .flags = KVM_XEN_HVM_CONFIG_INTERCEPT_HCALL,
    };

    if (kvm_ops.hypercall_port) {
        kvm_xen_page_set_msr(hypercall_msr);
        return 0;
    }
    if (send) {
        config.flags |= KVM_XEN_HVM_CONFIG_EVTCHN_SEND;
    }
    if (hide_stable_tsc) {
        config.flags |= KVM_XEN_HVM_CONFIG_PVCLOCK_TSC_UNSTABLE;
    }
    return KVM_XEN_VM_IOCTL(KVM_XEN_HVM_CONFIG, &config);
}

static int kvm_xen_set_evtchn_send(bool on)
{
    int ret = configure(on);

    if (!ret) {
        evtchn_send = on;
    }
    return ret;
}

static int kvm_xen_translate(CPUState *cs, uint64_t gva, bool write,
                             uint64_t *gpa, uint64_t *len)
{
    struct kvm_translation tr = { .linear_address = gva };

    if (KVM_XEN_VCPU_IOCTL(cs, KVM_TRANSLATE, &tr) < 0 || !tr.valid ||
        (write && !tr.writeable)) {
        return -EFAULT;
    }
    *gpa = tr.physical_address;
    *len = MIN(*len, TARGET_PAGE_SIZE - (gva & ~TARGET_PAGE_MASK));
    return 0;
}

/*
 * KVM refuses a memory slot beyond the host's physical addresses, and QEMU
 * aborts then.  CPUs without this leaf have 36 bits.
 */
static unsigned kvm_xen_phys_bits(void)
{
    unsigned bits = kvm_arch_get_supported_cpuid(kvm_state, 0x80000008, 0,
                                                 R_EAX) & 0xff;

    return bits ?: 36;
}

static void kvm_xen_raise_vector(XenVcpu *v, uint8_t vector)
{
    uint32_t apic_id = X86_CPU(v->cs)->apic_id;

    kvm_irqchip_send_msi(kvm_state, xen_upcall_msi(apic_id, vector));
    if (!XEN_ACCEL_HAS(&kvm_ops, UPCALL_VECTOR)) {
        kvm_xen_retry(v);
    }
}

/*
 * The kernel checks evtchn_upcall_pending whenever it enters the guest.  A vCPU
 * that is in the guest, or blocked in the kernel, has to be kicked for that;
 * the current vCPU enters the guest anyway.
 */
static void kvm_xen_raise_callback(XenVcpu *v)
{
    if (!qemu_cpu_is_self(v->cs)) {
        kvm_xen_kick(v);
    }
}

static int kvm_xen_set_callback_vector(uint8_t vector)
{
    struct kvm_xen_hvm_attr attr = {
        .type = KVM_XEN_ATTR_TYPE_UPCALL_VECTOR,
        .u.vector = vector,
    };

    return kvm_xen_set_hvm_attr(&attr);
}

static int kvm_xen_set_long_mode(bool long_mode)
{
    struct kvm_xen_hvm_attr attr = {
        .type = KVM_XEN_ATTR_TYPE_LONG_MODE,
        .u.long_mode = long_mode,
    };

    return kvm_xen_set_hvm_attr(&attr);
}

static int kvm_xen_get_long_mode(bool *long_mode)
{
    struct kvm_xen_hvm_attr attr = { .type = KVM_XEN_ATTR_TYPE_LONG_MODE };
    int ret = KVM_XEN_VM_IOCTL(KVM_XEN_HVM_GET_ATTR, &attr);

    if (!ret) {
        *long_mode = attr.u.long_mode;
    }
    return ret;
}

/*
 * By the address in QEMU's memory if the kernel supports it: its cache of the
 * page then stays valid when memory slots change.
 */
static int kvm_xen_set_shared_info(uint64_t gpa, void *hva)
{
    struct kvm_xen_hvm_attr attr = { };
    int ret;

    if (XEN_ACCEL_HAS(&kvm_ops, SHARED_INFO_HVA)) {
        attr.type = KVM_XEN_ATTR_TYPE_SHARED_INFO_HVA;
        attr.u.shared_info.hva = (uintptr_t)hva;
        ret = kvm_xen_set_hvm_attr(&attr);
        if (!ret) {
            return 0;
        }
        trace_xen_kvm_fallback(-1, "SHARED_INFO_HVA", ret);
    }
    attr.type = KVM_XEN_ATTR_TYPE_SHARED_INFO;
    attr.u.shared_info.gfn = gpa == XEN_GPA_NONE ?
        KVM_XEN_INVALID_GFN : gpa >> XEN_EMU_PAGE_SHIFT;
    return kvm_xen_set_hvm_attr(&attr);
}

static int set_vcpu_gpa(CPUState *cs, uint16_t type, uint64_t gpa)
{
    struct kvm_xen_vcpu_attr attr = { .type = type, .u.gpa = gpa };

    return kvm_xen_set_vcpu_attr(cs, &attr);
}

static int kvm_xen_set_vcpu_info(CPUState *cs, uint64_t gpa, void *hva)
{
    int ret;

    if (hva && XEN_ACCEL_HAS(&kvm_ops, SHARED_INFO_HVA)) {
        struct kvm_xen_vcpu_attr attr = {
            .type = KVM_XEN_VCPU_ATTR_TYPE_VCPU_INFO_HVA,
            .u.hva = (uintptr_t)hva,
        };

        ret = kvm_xen_set_vcpu_attr(cs, &attr);
        if (!ret) {
            return 0;
        }
        trace_xen_kvm_fallback(cs->cpu_index, "VCPU_INFO_HVA", ret);
    }
    ret = set_vcpu_gpa(cs, KVM_XEN_VCPU_ATTR_TYPE_VCPU_INFO, gpa);
    if (ret && gpa != XEN_GPA_NONE) {
        /* The guest does not learn of it if another vCPU registered it. */
        error_report_once("xen: this host's KVM refuses "
                          "KVM_XEN_VCPU_ATTR_TYPE_VCPU_INFO of vCPU %d: %s",
                          cs->cpu_index, strerror(-ret));
    }
    return ret;
}

static int kvm_xen_set_time_info(CPUState *cs, uint64_t gpa)
{
    return set_vcpu_gpa(cs, KVM_XEN_VCPU_ATTR_TYPE_VCPU_TIME_INFO, gpa);
}

static int kvm_xen_set_runstate(CPUState *cs, uint64_t gpa)
{
    return set_vcpu_gpa(cs, KVM_XEN_VCPU_ATTR_TYPE_RUNSTATE_ADDR, gpa);
}

static int kvm_xen_get_runstate(CPUState *cs, XenRunstateSums *sums)
{
    struct kvm_xen_vcpu_attr attr = {
        .type = KVM_XEN_VCPU_ATTR_TYPE_RUNSTATE_DATA,
    };
    int ret = KVM_XEN_VCPU_IOCTL(cs, KVM_XEN_VCPU_GET_ATTR, &attr);

    if (!ret) {
        *sums = (XenRunstateSums) {
            .state = attr.u.runstate.state,
            .entered = attr.u.runstate.state_entry_time,
            .time = {
                attr.u.runstate.time_running, attr.u.runstate.time_runnable,
                attr.u.runstate.time_blocked, attr.u.runstate.time_offline,
            },
        };
    }
    return ret;
}

static int kvm_xen_set_runstate_flag(bool on)
{
    struct kvm_xen_hvm_attr attr = {
        .type = KVM_XEN_ATTR_TYPE_RUNSTATE_UPDATE_FLAG,
        .u.runstate_update_flag = on,
    };

    return kvm_xen_set_hvm_attr(&attr);
}

static int kvm_xen_set_upcall_vector(CPUState *cs, uint8_t vector)
{
    struct kvm_xen_vcpu_attr attr = {
        .type = KVM_XEN_VCPU_ATTR_TYPE_UPCALL_VECTOR,
        .u.vector = vector,
    };

    return kvm_xen_set_vcpu_attr(cs, &attr);
}

static int kvm_xen_set_timer(CPUState *cs, uint32_t port, uint64_t expires_ns)
{
    struct kvm_xen_vcpu_attr attr = {
        .type = KVM_XEN_VCPU_ATTR_TYPE_TIMER,
        .u.timer.port = port,
        .u.timer.priority = KVM_IRQ_ROUTING_XEN_EVTCHN_PRIO_2LEVEL,
        .u.timer.expires_ns = expires_ns,
    };

    return kvm_xen_set_vcpu_attr(cs, &attr);
}

static int kvm_xen_get_timer(CPUState *cs, uint64_t *expires_ns)
{
    struct kvm_xen_vcpu_attr attr = { .type = KVM_XEN_VCPU_ATTR_TYPE_TIMER };
    int ret = KVM_XEN_VCPU_IOCTL(cs, KVM_XEN_VCPU_GET_ATTR, &attr);

    if (!ret) {
        *expires_ns = attr.u.timer.expires_ns;
    }
    return ret;
}

static int kvm_xen_deliver(CPUState *cs, uint32_t port)
{
    struct kvm_irq_routing_xen_evtchn evt = {
        .port = port,
        .vcpu = kvm_arch_vcpu_id(cs),
        .priority = KVM_IRQ_ROUTING_XEN_EVTCHN_PRIO_2LEVEL,
    };
    int ret = KVM_XEN_VM_IOCTL(KVM_XEN_HVM_EVTCHN_SEND, &evt);

    /* The kernel returns the number of vCPUs that it woke. */
    return MIN(ret, 0);
}

static int kvm_xen_assign_port(uint32_t port, uint8_t type, CPUState *cs,
                               uint32_t target_port, int fd)
{
    struct kvm_xen_hvm_attr attr = {
        .type = KVM_XEN_ATTR_TYPE_EVTCHN,
        .u.evtchn.send_port = port,
        .u.evtchn.type = type,
    };

    if (cs) {
        attr.u.evtchn.deliver.port.port = target_port;
        attr.u.evtchn.deliver.port.vcpu = kvm_arch_vcpu_id(cs);
        attr.u.evtchn.deliver.port.priority =
            KVM_IRQ_ROUTING_XEN_EVTCHN_PRIO_2LEVEL;
    } else {
        attr.u.evtchn.deliver.eventfd.fd = fd;
    }
    return kvm_xen_set_hvm_attr(&attr);
}

static int kvm_xen_unassign_port(uint32_t port)
{
    struct kvm_xen_hvm_attr attr = {
        .type = KVM_XEN_ATTR_TYPE_EVTCHN,
        .u.evtchn.send_port = port,
        .u.evtchn.flags = KVM_XEN_EVTCHN_DEASSIGN,
    };

    return kvm_xen_set_hvm_attr(&attr);
}

static void kvm_xen_vcpu_new(XenVcpu *v)
{
    v->accel_data = g_new0(KvmXenVcpu, 1);
    kvm_xen_kick_new_vcpu(v);
    kvm_xen_retry_new_vcpu(v);
}

static void kvm_xen_vcpu_free(XenVcpu *v)
{
    kvm_xen_kick_free_vcpu(v);
    kvm_xen_retry_free_vcpu(v);
    kvm_xen_halt_free_vcpu(v);
    g_free(v->accel_data);
}

static void kvm_xen_vm_state(bool running)
{
    kvm_xen_time_vm_state(running);
    if (!running) {
        kvm_xen_end_all_halts();
    }
}

static const XenAccelOffloadOps offload_ops = {
    .set_callback_vector = kvm_xen_set_callback_vector,
    .set_long_mode = kvm_xen_set_long_mode,
    .get_long_mode = kvm_xen_get_long_mode,
    .set_shared_info = kvm_xen_set_shared_info,
    .set_vcpu_info = kvm_xen_set_vcpu_info,
    .set_time_info = kvm_xen_set_time_info,
    .set_runstate = kvm_xen_set_runstate,
    .get_runstate = kvm_xen_get_runstate,
    .set_runstate_flag = kvm_xen_set_runstate_flag,
    .set_upcall_vector = kvm_xen_set_upcall_vector,
    .set_timer = kvm_xen_set_timer,
    .get_timer = kvm_xen_get_timer,
    .hold_vcpus = accel_ioctl_inhibit_begin,
    .release_vcpus = accel_ioctl_inhibit_end,
    .deliver = kvm_xen_deliver,
    .assign_port = kvm_xen_assign_port,
    .unassign_port = kvm_xen_unassign_port,
    .set_evtchn_send = kvm_xen_set_evtchn_send,
};

static XenAccelOps kvm_ops = {
    .name = "kvm",
    .migrates_vcpus = true,
    .vm_state = kvm_xen_vm_state,
    .cpu = {
        .vcpu_new = kvm_xen_vcpu_new,
        .vcpu_leaving = kvm_xen_kick_vcpu_leaving,
        .vcpu_free = kvm_xen_vcpu_free,
        .phys_bits = kvm_xen_phys_bits,
        .translate = kvm_xen_translate,
        .raise_vector = kvm_xen_raise_vector,
        .raise_callback = kvm_xen_raise_callback,
        .timer_in = kvm_xen_kick_in,
        .halt = kvm_xen_halt,
        .wake = kvm_xen_wake,
    },
    .clock = {
        .system_time = kvm_xen_system_time,
    },
    .offload = &offload_ops,
};

/* What depends on a capability, but is not in offload_ops. */
static void adapt_to_caps(KVMState *s, XenAccelOps *ops)
{
    if (!XEN_ACCEL_HAS(ops, SHARED_INFO)) {
        ops->clock.set_vcpu_info = kvm_xen_set_clock;
        /* Only the kernel can enter a vector that bypasses the LAPIC. */
        ops->cpu.raise_callback = NULL;
    }
    if (ops->hypercall_port && kvm_xen_synic_is_supported(s)) {
        ops->cpu.raise_callback = kvm_xen_synic_raise;
        ops->cpu.upcall_changed = kvm_xen_synic_changed;
    }
}

/*
 * The line of a GSI or INTx upcall is deasserted when the guest clears a flag
 * in memory.  Checking the flag at the EOI needs an I/O APIC in QEMU.
 */
static int choose_irqchip(KVMState *s)
{
    if (s->kernel_irqchip_split == ON_OFF_AUTO_AUTO) {
        s->kernel_irqchip_split = ON_OFF_AUTO_ON;
    }
    if (!s->kernel_irqchip_allowed || !kvm_kernel_irqchip_split()) {
        error_report("xen-version: upcalls of a Xen guest need "
                     "kernel-irqchip=split, not kernel-irqchip=%s",
                     s->kernel_irqchip_allowed ? "on" : "off");
        error_printf("Valid values are: split (the default with "
                     "xen-version)\n");
        return -EINVAL;
    }
    return 0;
}

/* xen-tsc-stable=off */
static int choose_tsc_flag(const XenEmuConfig *config)
{
    hide_stable_tsc = !config->tsc_stable;
    if (hide_stable_tsc && !XEN_ACCEL_HAS(&kvm_ops, TSC_UNSTABLE)) {
        error_report("xen-version: KVM on this host does not support "
                     "xen-tsc-stable=off");
        error_printf("It requires KVM_XEN_HVM_CONFIG_PVCLOCK_TSC_UNSTABLE in "
                     "KVM_CAP_XEN_HVM, which newer kernels with "
                     "CONFIG_KVM_XEN have.\n");
        return -ENOSYS;
    }
    return 0;
}

void xen_emu_kvm_prepare(Object *accel)
{
    KVM_STATE(accel)->xen_version = xen_emu_accel_config(accel)->version;
}

int kvm_xen_init(KVMState *s, uint32_t msr)
{
    const XenEmuConfig *config = xen_emu_accel_config(OBJECT(s));
    int bits, ret;

    hypercall_msr = msr;
    if (xen_emu) {
        /* Called again with another MSR: Hyper-V uses the usual number. */
        return configure(evtchn_send);
    }

    if (config->kvm_fail) {
        ret = kvm_xen_arm_fault(config->kvm_fail);
        if (ret) {
            return ret;
        }
    }
    bits = kvm_xen_find_caps(s, config, &kvm_ops);
    if (bits < 0) {
        return bits;
    }
    ret = choose_irqchip(s) ?: choose_tsc_flag(config);
    if (ret) {
        return ret;
    }
    adapt_to_caps(s, &kvm_ops);
    kvm_xen_time_init();

    ret = configure(evtchn_send);
    if (ret) {
        return kvm_xen_ioctl_failed("KVM_XEN_HVM_CONFIG", ret);
    }
    ret = kvm_xen_probe_vm(&kvm_ops);
    if (ret) {
        return ret;
    }
    if (XEN_ACCEL_HAS(&kvm_ops, EVTCHN_SEND)) {
        struct kvm_xen_hvm_attr attr = {
            .type = KVM_XEN_ATTR_TYPE_XEN_VERSION,
            .u.xen_version = config->version,
        };

        /* Otherwise XENVER_version exits to QEMU. */
        ret = kvm_xen_set_hvm_attr(&attr);
        if (ret) {
            trace_xen_kvm_fallback(-1, "XEN_VERSION", ret);
        }
    }

    s->xen_caps = bits;
    return 0;
}

XenAccelOps *xen_emu_kvm_ops(void)
{
    return &kvm_ops;
}

int kvm_xen_init_vcpu(CPUState *cs)
{
    XenVcpu *v;
    int ret;

    /*
     * The kernel can turn an MSI into a 2-level event only, and must support
     * all ways to notify a vCPU.  If the guest may use something else, MSIs of
     * devices have to be delivered by QEMU.
     */
    if (xen_delivery_fifo_is_allowed() ||
        !XEN_ACCEL_HAS(&kvm_ops, EVTCHN_2LEVEL) ||
        !XEN_ACCEL_HAS(&kvm_ops, UPCALL_VECTOR)) {
        kvm_msi_via_irqfd_allowed = false;
    }

    ret = kvm_xen_probe_vcpu(&kvm_ops, cs);
    if (!ret && kvm_ops.hypercall_port) {
        ret = kvm_xen_page_init_vcpu(cs);
    }
    if (ret) {
        return ret;
    }
    v = xen_vcpu_get(cs->cpu_index);
    kvm_xen_halt_init_vcpu(v);
    kvm_xen_kick_init_vcpu(v);
    if (kvm_ops.cpu.upcall_changed && !kvm_xen_synic_init_vcpu(v)) {
        trace_xen_kvm_fallback(v->id, "callback vector", -ENOSYS);
        kvm_ops.cpu.raise_callback = NULL;
        kvm_ops.cpu.upcall_changed = NULL;
    }
    xen_vcpu_started(cs);
    return 0;
}

/*
 * Called after every exit of a vCPU whose env->xen_callback_asserted is set:
 * vCPU 0, while the line is high, and all, if hypercalls come by a port.
 */
void kvm_xen_maybe_deassert_callback(CPUState *cs)
{
    if (kvm_ops.hypercall_port) {
        kvm_xen_page_check_exit(cs);
    }
    /* Checked without the lock first. */
    if (cs->cpu_index == 0 && xen_upcall_level_asserted() &&
        !xen_evtchn_upcall_pending(xen_emu_evtchn(), 0)) {
        BQL_LOCK_GUARD();
        xen_upcall_update_level();
    }
}

int kvm_put_xen_state(CPUState *cs)
{
    XenVcpu *v = xen_vcpu_get(cs->cpu_index);

    if (v) {
        xen_vcpu_post_load(v);
    }
    return 0;
}

int kvm_get_xen_state(CPUState *cs)
{
    XenVcpu *v = xen_vcpu_get(cs->cpu_index);

    return v ? xen_vcpu_pre_save(v) : 0;
}
