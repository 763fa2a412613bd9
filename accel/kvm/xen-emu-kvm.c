/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Xen emulation on KVM: what the kernel does, from its capability bits alone
 *
 * Fills in XenAccelOps for KVM and implements the functions that upstream's
 * target/i386/kvm/kvm.c calls (kvm_xen_*, kvm_get/put_xen_state).
 *
 * Source of the ABI: Linux Documentation/virt/kvm/api.rst, KVM_XEN_*.
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/error-report.h"
#include "qemu/main-loop.h"
#include "hw/boards.h"
#include "hw/i386/apic-msidef.h"
#include "hw/pci/msi.h"
#include "hw/xen/emu/emu.h"
#include "hw/xen/emu/evtchn-dev.h"
#include "hw/xen/emu/hypercall.h"
#include "hw/xen/emu/upcall.h"
#include "hw/xen/emu/vcpu.h"
#include "system/kvm.h"
#include "system/kvm_int.h"
#include "system/kvm_xen.h"
#include "cpu.h"
#include "kvm/kvm_i386.h"
#include "kvm/xen-emu.h"
#include "hw/xen/emu/trace.h"

#include <poll.h>
#include <sys/eventfd.h>

#include "hw/xen/interface/xen.h"
#include "hw/xen/interface/event_channel.h"

/* Kernel capability bits by ours. */
static const uint32_t kvm_cap_bits[XEN_ACCEL_CAP__MAX] = {
    [XEN_ACCEL_CAP_HCALL] = KVM_XEN_HVM_CONFIG_INTERCEPT_HCALL,
    [XEN_ACCEL_CAP_SHARED_INFO] = KVM_XEN_HVM_CONFIG_SHARED_INFO,
    [XEN_ACCEL_CAP_SHARED_INFO_HVA] = KVM_XEN_HVM_CONFIG_SHARED_INFO_HVA,
    [XEN_ACCEL_CAP_RUNSTATE] = KVM_XEN_HVM_CONFIG_RUNSTATE,
    [XEN_ACCEL_CAP_RUNSTATE_FLAG] = KVM_XEN_HVM_CONFIG_RUNSTATE_UPDATE_FLAG,
    [XEN_ACCEL_CAP_EVTCHN_2LEVEL] = KVM_XEN_HVM_CONFIG_EVTCHN_2LEVEL,
    [XEN_ACCEL_CAP_EVTCHN_SEND] = KVM_XEN_HVM_CONFIG_EVTCHN_SEND,
    [XEN_ACCEL_CAP_TSC_UNSTABLE] = KVM_XEN_HVM_CONFIG_PVCLOCK_TSC_UNSTABLE,
};

static XenAccelOps kvm_ops;
static uint32_t hypercall_msr;

static int set_hvm_attr(struct kvm_xen_hvm_attr *attr)
{
    int ret = kvm_vm_ioctl(kvm_state, KVM_XEN_HVM_SET_ATTR, attr);

    trace_xen_kvm_hvm_attr(attr->type, ret);
    return ret;
}

static int set_vcpu_attr(CPUState *cs, struct kvm_xen_vcpu_attr *attr)
{
    int ret = kvm_vcpu_ioctl(cs, KVM_XEN_VCPU_SET_ATTR, attr);

    trace_xen_kvm_vcpu_attr(cs->cpu_index, attr->type, ret);
    return ret;
}

/* KVM_XEN_HVM_CONFIG may be given again, to change the flags. */
static int configure(bool evtchn_send)
{
    struct kvm_xen_hvm_config config = {
        .msr = hypercall_msr,
        .flags = KVM_XEN_HVM_CONFIG_INTERCEPT_HCALL,
    };

    if (evtchn_send) {
        config.flags |= KVM_XEN_HVM_CONFIG_EVTCHN_SEND;
    }
    return kvm_vm_ioctl(kvm_state, KVM_XEN_HVM_CONFIG, &config);
}

static int kvm_xen_translate(CPUState *cs, uint64_t gva, bool write,
                             uint64_t *gpa, uint64_t *len)
{
    struct kvm_translation tr = { .linear_address = gva };

    if (kvm_vcpu_ioctl(cs, KVM_TRANSLATE, &tr) < 0 || !tr.valid ||
        (write && !tr.writeable)) {
        return -EFAULT;
    }
    *gpa = tr.physical_address;
    *len = MIN(*len, TARGET_PAGE_SIZE - (gva & ~TARGET_PAGE_MASK));
    return 0;
}

static uint64_t kvm_xen_system_time(void)
{
    struct kvm_clock_data data = { };

    /* Cannot fail on a kernel that has Xen support. */
    kvm_vm_ioctl(kvm_state, KVM_GET_CLOCK, &data);
    return data.clock;
}

static void kvm_xen_raise_vector(CPUState *cs, uint8_t vector)
{
    uint32_t apic_id = X86_CPU(cs)->apic_id;
    MSIMessage msg = {
        /* KVM takes bits 31:8 of the APIC ID in the upper address word. */
        .address = APIC_DEFAULT_ADDRESS |
                   (apic_id & 0xff) << MSI_ADDR_DEST_ID_SHIFT |
                   (uint64_t)(apic_id & 0xffffff00) << 32,
        .data = vector | 1 << MSI_DATA_LEVEL_SHIFT,
    };

    kvm_irqchip_send_msi(kvm_state, msg);
}

/*
 * The kernel looks at evtchn_upcall_pending whenever it enters the guest; a
 * vCPU in the guest or blocked in the kernel has to come out for that.
 */
static void kvm_xen_raise_callback(CPUState *cs)
{
    qemu_cpu_kick(cs);
}

static int kvm_xen_set_callback_vector(uint8_t vector)
{
    struct kvm_xen_hvm_attr attr = {
        .type = KVM_XEN_ATTR_TYPE_UPCALL_VECTOR,
        .u.vector = vector,
    };

    return set_hvm_attr(&attr);
}

static int kvm_xen_set_long_mode(bool long_mode)
{
    struct kvm_xen_hvm_attr attr = {
        .type = KVM_XEN_ATTR_TYPE_LONG_MODE,
        .u.long_mode = long_mode,
    };

    return set_hvm_attr(&attr);
}

static int kvm_xen_get_long_mode(bool *long_mode)
{
    struct kvm_xen_hvm_attr attr = { .type = KVM_XEN_ATTR_TYPE_LONG_MODE };
    int ret = kvm_vm_ioctl(kvm_state, KVM_XEN_HVM_GET_ATTR, &attr);

    if (!ret) {
        *long_mode = attr.u.long_mode;
    }
    return ret;
}

/*
 * By its address in QEMU, where the kernel knows how: its cache of the page
 * then survives changes of memory slots.
 */
static int kvm_xen_set_shared_info(uint64_t gpa, void *hva)
{
    struct kvm_xen_hvm_attr attr = { };

    if (XEN_ACCEL_HAS(&kvm_ops, SHARED_INFO_HVA)) {
        attr.type = KVM_XEN_ATTR_TYPE_SHARED_INFO_HVA;
        attr.u.shared_info.hva = (uintptr_t)hva;
    } else {
        attr.type = KVM_XEN_ATTR_TYPE_SHARED_INFO;
        attr.u.shared_info.gfn = gpa == XEN_GPA_NONE ?
            KVM_XEN_INVALID_GFN : gpa >> XEN_EMU_PAGE_SHIFT;
    }
    return set_hvm_attr(&attr);
}

static int set_vcpu_gpa(CPUState *cs, uint16_t type, uint64_t gpa)
{
    struct kvm_xen_vcpu_attr attr = { .type = type, .u.gpa = gpa };

    return set_vcpu_attr(cs, &attr);
}

static int kvm_xen_set_vcpu_info(CPUState *cs, uint64_t gpa, void *hva)
{
    if (hva && XEN_ACCEL_HAS(&kvm_ops, SHARED_INFO_HVA)) {
        struct kvm_xen_vcpu_attr attr = {
            .type = KVM_XEN_VCPU_ATTR_TYPE_VCPU_INFO_HVA,
            .u.hva = (uintptr_t)hva,
        };

        return set_vcpu_attr(cs, &attr);
    }
    return set_vcpu_gpa(cs, KVM_XEN_VCPU_ATTR_TYPE_VCPU_INFO, gpa);
}

static int kvm_xen_set_time_info(CPUState *cs, uint64_t gpa)
{
    return set_vcpu_gpa(cs, KVM_XEN_VCPU_ATTR_TYPE_VCPU_TIME_INFO, gpa);
}

static int kvm_xen_set_runstate(CPUState *cs, uint64_t gpa)
{
    return set_vcpu_gpa(cs, KVM_XEN_VCPU_ATTR_TYPE_RUNSTATE_ADDR, gpa);
}

static int kvm_xen_set_upcall_vector(CPUState *cs, uint8_t vector)
{
    struct kvm_xen_vcpu_attr attr = {
        .type = KVM_XEN_VCPU_ATTR_TYPE_UPCALL_VECTOR,
        .u.vector = vector,
    };

    return set_vcpu_attr(cs, &attr);
}

static int kvm_xen_set_timer(CPUState *cs, uint32_t port, uint64_t expires_ns)
{
    struct kvm_xen_vcpu_attr attr = {
        .type = KVM_XEN_VCPU_ATTR_TYPE_TIMER,
        .u.timer.port = port,
        .u.timer.priority = KVM_IRQ_ROUTING_XEN_EVTCHN_PRIO_2LEVEL,
        .u.timer.expires_ns = expires_ns,
    };

    return set_vcpu_attr(cs, &attr);
}

static int kvm_xen_get_timer(CPUState *cs, uint64_t *expires_ns)
{
    struct kvm_xen_vcpu_attr attr = { .type = KVM_XEN_VCPU_ATTR_TYPE_TIMER };
    int ret = kvm_vcpu_ioctl(cs, KVM_XEN_VCPU_GET_ATTR, &attr);

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
    int ret = kvm_vm_ioctl(kvm_state, KVM_XEN_HVM_EVTCHN_SEND, &evt);

    /* The kernel says how many vCPUs it woke. */
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
    return set_hvm_attr(&attr);
}

static int kvm_xen_unassign_port(uint32_t port)
{
    struct kvm_xen_hvm_attr attr = {
        .type = KVM_XEN_ATTR_TYPE_EVTCHN,
        .u.evtchn.send_port = port,
        .u.evtchn.flags = KVM_XEN_EVTCHN_DEASSIGN,
    };

    return set_hvm_attr(&attr);
}

/* Eventfd by vCPU that a thread in SCHEDOP_poll sleeps on. */
static int wake_fds[XEN_EVTCHN_MAX_VCPUS];

/*
 * An interrupt that the kernel injects cannot end this sleep, so it does not
 * last longer than a tick; the guest sees a spurious return, which the ABI
 * allows, and polls again.
 */
#define SLEEP_MAX_NS    (10 * SCALE_MS)

static void kvm_xen_sleep(CPUState *cs, int64_t timeout_ns)
{
    struct pollfd pfd = { .fd = wake_fds[cs->cpu_index], .events = POLLIN };
    struct timespec ts;
    sigset_t blocked, old;
    uint64_t count;

    if (timeout_ns < 0 || timeout_ns > SLEEP_MAX_NS) {
        timeout_ns = SLEEP_MAX_NS;
    }
    ts = (struct timespec) {
        .tv_sec = timeout_ns / NANOSECONDS_PER_SECOND,
        .tv_nsec = timeout_ns % NANOSECONDS_PER_SECOND,
    };

    /* A kick between the look at exit_request and ppoll must end the latter. */
    sigemptyset(&blocked);
    sigaddset(&blocked, SIG_IPI);
    pthread_sigmask(SIG_BLOCK, &blocked, &old);
    if (!qatomic_read(&cs->exit_request)) {
        sigset_t during = old;

        sigdelset(&during, SIG_IPI);
        ppoll(&pfd, 1, &ts, &during);
    }
    pthread_sigmask(SIG_SETMASK, &old, NULL);

    if (read(pfd.fd, &count, sizeof(count)) < 0) {
        /* Not woken: EAGAIN.  Timed out or kicked. */
        return;
    }
}

static void kvm_xen_wake(CPUState *cs)
{
    uint64_t one = 1;

    /* Full (EAGAIN) is as good: it is going to wake. */
    if (write(wake_fds[cs->cpu_index], &one, sizeof(one)) < 0) {
        return;
    }
}

static XenAccelOps kvm_ops = {
    .name = "kvm",
    .translate = kvm_xen_translate,
    .system_time = kvm_xen_system_time,
    .raise_vector = kvm_xen_raise_vector,
    .raise_callback = kvm_xen_raise_callback,
    .set_callback_vector = kvm_xen_set_callback_vector,
    .set_long_mode = kvm_xen_set_long_mode,
    .get_long_mode = kvm_xen_get_long_mode,
    .set_shared_info = kvm_xen_set_shared_info,
    .set_vcpu_info = kvm_xen_set_vcpu_info,
    .set_time_info = kvm_xen_set_time_info,
    .set_runstate = kvm_xen_set_runstate,
    .set_upcall_vector = kvm_xen_set_upcall_vector,
    .set_timer = kvm_xen_set_timer,
    .get_timer = kvm_xen_get_timer,
    .deliver = kvm_xen_deliver,
    .assign_port = kvm_xen_assign_port,
    .unassign_port = kvm_xen_unassign_port,
    .set_evtchn_send = configure,
    .sleep = kvm_xen_sleep,
    .wake = kvm_xen_wake,
};

/* What is not there is NULL, so that QEMU's own code does it. */
static void drop_missing(void)
{
    if (!XEN_ACCEL_HAS(&kvm_ops, EVTCHN_SEND)) {
        kvm_ops.set_upcall_vector = NULL;
        kvm_ops.set_timer = NULL;
        kvm_ops.get_timer = NULL;
        kvm_ops.deliver = NULL;
        kvm_ops.assign_port = NULL;
        kvm_ops.unassign_port = NULL;
        kvm_ops.set_evtchn_send = NULL;
    }
    if (!XEN_ACCEL_HAS(&kvm_ops, RUNSTATE)) {
        kvm_ops.set_runstate = NULL;
    }
}

int kvm_xen_init(KVMState *s, uint32_t msr)
{
    const XenEmuConfig *config = xen_emu_accel_config(OBJECT(s));
    uint32_t bits, needed = KVM_XEN_HVM_CONFIG_HYPERCALL_MSR |
                            KVM_XEN_HVM_CONFIG_INTERCEPT_HCALL |
                            KVM_XEN_HVM_CONFIG_SHARED_INFO;
    Error *err = NULL;
    int ret;

    hypercall_msr = msr;
    if (xen_emu) {
        /* Again, because the Hyper-V MSRs took the usual number. */
        return configure(XEN_ACCEL_HAS(&kvm_ops, EVTCHN_SEND));
    }

    bits = kvm_check_extension(s, KVM_CAP_XEN_HVM) & config->kvm_caps_mask;
    if (needed & ~bits) {
        error_report("xen-version: this host's KVM cannot run Xen guests "
                     "(KVM_CAP_XEN_HVM is 0x%x, needed is 0x%x)", bits,
                     needed);
        error_printf("The kernel option CONFIG_KVM_XEN brings it; without it, "
                     "-accel tcg,xen-version=... runs the guest.\n");
        return -ENOSYS;
    }

    /*
     * The line of a GSI or INTx upcall falls when the guest clears a flag in
     * memory; only an irqchip in QEMU lets us look at that at the EOI.
     */
    if (s->kernel_irqchip_split == ON_OFF_AUTO_AUTO) {
        s->kernel_irqchip_split = ON_OFF_AUTO_ON;
    }
    if (!s->kernel_irqchip_allowed || !kvm_kernel_irqchip_split()) {
        error_report("xen-version: a Xen guest's upcalls need "
                     "kernel-irqchip=split, not 'kernel-irqchip=%s'",
                     s->kernel_irqchip_allowed ? "on" : "off");
        error_printf("Valid is kernel-irqchip=split, which is the default "
                     "with xen-version.\n");
        return -EINVAL;
    }

    for (int cap = 0; cap < XEN_ACCEL_CAP__MAX; cap++) {
        if (bits & kvm_cap_bits[cap]) {
            kvm_ops.caps |= 1u << cap;
        } else {
            kvm_ops.caps_missing |= 1u << cap;
        }
    }
    drop_missing();

    if (XEN_ACCEL_HAS(&kvm_ops, EVTCHN_SEND)) {
        struct kvm_xen_hvm_attr attr = {
            .type = KVM_XEN_ATTR_TYPE_XEN_VERSION,
            .u.xen_version = config->version,
        };

        set_hvm_attr(&attr);
    }
    ret = configure(XEN_ACCEL_HAS(&kvm_ops, EVTCHN_SEND));
    if (ret) {
        error_report("xen-version: KVM_XEN_HVM_CONFIG failed: %s",
                     strerror(-ret));
        return ret;
    }

    if (!xen_emu_init(OBJECT(s), &kvm_ops, &err)) {
        error_report_err(err);
        return -EINVAL;
    }
    s->xen_caps = bits;
    return 0;
}

int kvm_xen_init_vcpu(CPUState *cs)
{
    int fd;

    /*
     * An MSI that the kernel delivers can become a 2-level event, if anything.
     * Where the guest may want another, devices' MSIs have to come to QEMU.
     */
    if (xen_evtchn_dev_fifo_allowed() ||
        !XEN_ACCEL_HAS(&kvm_ops, EVTCHN_2LEVEL)) {
        kvm_msi_via_irqfd_allowed = false;
    }

    /*
     * The guest's hypercalls name vCPUs by this number, which is neither the
     * APIC ID nor, when threads start out of order, KVM's own index.
     */
    if (XEN_ACCEL_HAS(&kvm_ops, EVTCHN_SEND)) {
        struct kvm_xen_vcpu_attr attr = {
            .type = KVM_XEN_VCPU_ATTR_TYPE_VCPU_ID,
            .u.vcpu_id = cs->cpu_index,
        };
        int ret = set_vcpu_attr(cs, &attr);

        if (ret) {
            error_report("xen-version: cannot give KVM the number of vCPU %d: "
                         "%s", cs->cpu_index, strerror(-ret));
            return ret;
        }
    }

    if (!wake_fds[cs->cpu_index]) {
        fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (fd < 0) {
            return -errno;
        }
        wake_fds[cs->cpu_index] = fd;
    }
    return 0;
}

int kvm_xen_handle_exit(X86CPU *cpu, struct kvm_xen_exit *exit)
{
    XenHypercall hc = {
        .cs = CPU(cpu),
        .nr = exit->u.hcall.input,
        .long_mode = exit->u.hcall.longmode,
        .cpl = exit->u.hcall.cpl,
    };

    if (exit->type != KVM_EXIT_XEN_HCALL) {
        return -1;
    }
    for (size_t i = 0; i < ARRAY_SIZE(hc.arg); i++) {
        hc.arg[i] = exit->u.hcall.params[i];
    }

    /* The kernel latches the layout when the hypercall page is made. */
    if (hc.long_mode != qatomic_read(&xen_emu->long_mode)) {
        bool latched;

        if (!kvm_xen_get_long_mode(&latched) &&
            latched != xen_emu->long_mode) {
            BQL_LOCK_GUARD();
            xen_emu_note_long_mode(latched);
        }
    }

    exit->u.hcall.result = xen_hypercall(&hc);
    if (!hc.long_mode) {
        /* The kernel writes all of RAX, 32-bit code writes EAX. */
        exit->u.hcall.result = (uint32_t)exit->u.hcall.result;
    }
    return 0;
}

void kvm_xen_maybe_deassert_callback(CPUState *cs)
{
    /* Looked at without the lock first: this is after every exit. */
    if (!xen_evtchn_upcall_pending(xen_emu->evtchn, 0)) {
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
