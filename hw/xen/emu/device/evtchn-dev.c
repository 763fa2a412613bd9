/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The xen-evtchn device: the engine in the machine
 */
#include "qemu/osdep.h"
#include "qemu/main-loop.h"
#include "qemu/rcu.h"
#include "hw/boards.h"
#include "hw/core/cpu.h"
#include "hw/xen/xen.h"
#include "hw/xen/emu/emu.h"
#include "hw/xen/emu/device/evtchn-dev.h"
#include "hw/xen/emu/debug/bql-check.h"
#include "hw/xen/emu/memory/guest-page.h"
#include "hw/xen/emu/offload/timers.h"
#include "hw/xen/emu/irq/upcall.h"
#include "hw/xen/emu/vcpu/vcpu.h"
#include "hw/i386/kvm/xen_evtchn.h"
#include "hw/i386/kvm/xen_overlay.h"
#include "system/kvm_xen.h"
#include "evtchn-dev-internal.h"
#include "hw/xen/emu/offload/ports.h"
#include "cpu.h"
#include "trace.h"

static struct {
    unsigned max_vcpus;
    /*
     * Delivery in the kernel.  Readers hold the lock while they ask the kernel
     * to deliver, so that after a change no event goes the old way any more.
     */
    GRWLock lock;
    bool in_kernel;
    bool kernel_send;       /* the kernel was told to look at sends and polls */
    bool switching;         /* from 2-level to FIFO, at this moment */
} dev;

unsigned xen_evtchn_dev_max_vcpus(void)
{
    return dev.max_vcpus;
}

bool xen_evtchn_dev_in_kernel(void)
{
    return qatomic_read(&dev.in_kernel);
}

bool xen_evtchn_dev_upcall_by_vector(void)
{
    XenVcpu *v = xen_vcpu_get(0);

    return xen_upcall_callback_vector() ||
           (v && qatomic_read(&X86_CPU(v->cs)->env.xen_vcpu_callback_vector));
}

uint32_t xen_evtchn_dev_timer_port(unsigned vcpu)
{
    return xen_evtchn_dev_in_kernel() ?
           xen_evtchn_virq_port(xen_emu_evtchn(), vcpu, VIRQ_TIMER) : 0;
}

static void update_all_timers(void)
{
    CPUState *cs;

    CPU_FOREACH(cs) {
        XenVcpu *v = xen_vcpu_get(cs->cpu_index);

        if (v) {
            xen_timer_kernel_update(v);
        }
    }
}

/* The kernel knows the way by which the guest wants to be told of events. */
static bool kernel_can_tell(void)
{
    XenVcpu *v = xen_vcpu_get(0);

    if (v && qatomic_read(&X86_CPU(v->cs)->env.xen_vcpu_callback_vector)) {
        return xen_emu_accel()->set_upcall_vector && !v->vector_refused;
    }
    return xen_upcall_callback_vector();
}

/*
 * Has the kernel look at sends and polls, or leave them to QEMU.  It must not
 * look at polls while QEMU delivers events: it would not hear of them.
 */
static bool set_kernel_send(bool on)
{
    const XenAccelOps *accel = xen_emu_accel();
    CPUState *cs;
    int ret;

    if (on == dev.kernel_send || !accel->set_evtchn_send) {
        return on == dev.kernel_send;
    }
    ret = accel->set_evtchn_send(on);
    trace_xen_evtchn_kernel_send(on, ret);
    if (ret) {
        return false;
    }
    dev.kernel_send = on;
    if (!on) {
        /* A vCPU may be in a poll in the kernel: it comes out, to poll anew. */
        CPU_FOREACH(cs) {
            qemu_cpu_kick(cs);
        }
    }
    return true;
}

void xen_evtchn_dev_update_delivery(void)
{
    bool two_level = xen_evtchn_abi(xen_emu_evtchn()) == XEN_EVTCHN_ABI_2L;
    bool on = xen_emu_accel()->deliver && two_level && !dev.switching &&
              kernel_can_tell() && set_kernel_send(true);

    assert(bql_locked());
    if (on != dev.in_kernel) {
        trace_xen_evtchn_in_kernel(on);
        /* The engine hands us events only while we know what to do. */
        if (!on) {
            xen_evtchn_set_kernel_delivery(xen_emu_evtchn(), false);
        }
        g_rw_lock_writer_lock(&dev.lock);
        qatomic_set(&dev.in_kernel, on);
        g_rw_lock_writer_unlock(&dev.lock);
        if (on) {
            xen_evtchn_set_kernel_delivery(xen_emu_evtchn(), true);
            update_all_timers();
        } else {
            xen_timer_kernel_take_back_all();
        }
    }
    /* Also for the layout, which limits what the kernel can take. */
    xen_evtchn_kernel_deliver(on);
    if (!on) {
        set_kernel_send(false);
    }
}

int xen_evtchn_dev_init_control(struct evtchn_init_control *op)
{
    int ret;

    BQL_LOCK_GUARD();
    if (xen_evtchn_abi(xen_emu_evtchn()) == XEN_EVTCHN_ABI_2L &&
        xen_evtchn_dev_fifo_allowed()) {
        /* First, so that the engine finds all that is pending. */
        dev.switching = true;
        xen_evtchn_dev_update_delivery();
        /* A kernel that goes on looking at polls would never end one. */
        ret = dev.kernel_send ? -ENOSYS :
              xen_evtchn_init_control(xen_emu_evtchn(), op);
        dev.switching = false;
        xen_evtchn_dev_update_delivery();
        xen_pirq_update_all_routes();
    } else {
        ret = xen_evtchn_init_control(xen_emu_evtchn(), op);
    }
    trace_xen_evtchn_init_control(op->vcpu, op->control_gfn, ret);
    return ret;
}

int xen_evtchn_dev_reset(uint16_t dom)
{
    int ret;

    BQL_LOCK_GUARD();
    xen_timer_kernel_take_back_all();
    ret = xen_evtchn_reset(xen_emu_evtchn(), dom);
    trace_xen_evtchn_reset(dom, ret);
    xen_evtchn_dev_update_delivery();
    if (ret) {
        update_all_timers();
    }
    xen_pirq_update_routes();
    return ret;
}

int xen_evtchn_soft_reset(void)
{
    int ret;

    if (!xen_emu_is_on()) {
        return -ENOTSUP;
    }
    ret = xen_evtchn_dev_reset(DOMID_SELF);
    if (!ret) {
        xen_pirq_reset();
    }
    return ret;
}

int xen_evtchn_dev_close(uint32_t port)
{
    int ret;

    if (xen_evtchn_dev_in_kernel()) {
        /* Until it is closed: that vCPU may be about to hand its timer over. */
        BQL_LOCK_GUARD();
        xen_timer_kernel_take_back_port(port);
        ret = xen_evtchn_close(xen_emu_evtchn(), port);
    } else {
        ret = xen_evtchn_close(xen_emu_evtchn(), port);
    }
    xen_pirq_update_routes();
    return ret;
}

int xen_evtchn_dev_bind_vcpu(const struct evtchn_bind_vcpu *op)
{
    int ret = xen_evtchn_bind_vcpu(xen_emu_evtchn(), op);

    xen_pirq_update_routes();
    return ret;
}

int xen_evtchn_alloc_unbound_op(struct evtchn_alloc_unbound *alloc)
{
    return xen_evtchn_alloc_unbound(xen_emu_evtchn(), alloc);
}

int xen_evtchn_bind_interdomain_op(struct evtchn_bind_interdomain *interdomain)
{
    return xen_evtchn_bind_interdomain(xen_emu_evtchn(), interdomain);
}

/* ---------------------------------- what the engine asks of the world -- */

/* They may be in any thread, and name a vCPU that is being unplugged. */

static void raise_upcall(void *opaque, unsigned vcpu)
{
    RCU_READ_LOCK_GUARD();
    xen_fast_begin();
    xen_upcall_raise(vcpu);
    xen_fast_end();
}

static void wake_poller(void *opaque, unsigned vcpu)
{
    XenVcpu *v;

    RCU_READ_LOCK_GUARD();
    v = xen_vcpu_get(vcpu);
    if (v && xen_emu_accel()->wake) {
        xen_fast_begin();
        xen_emu_accel()->wake(v->cs);
        xen_fast_end();
    }
}

static void signal_backend(void *opaque, XenEvtchnBackend *be, void *cookie)
{
    xen_evtchn_backend_signal(cookie);
}

static int kernel_deliver(void *opaque, uint32_t port, unsigned vcpu)
{
    XenVcpu *v;
    bool in_kernel;
    int ret = 0;

    RCU_READ_LOCK_GUARD();
    v = xen_vcpu_get(vcpu);
    g_rw_lock_reader_lock(&dev.lock);
    in_kernel = dev.in_kernel;
    if (v && in_kernel) {
        ret = xen_emu_accel()->deliver(v->cs, port);
    }
    g_rw_lock_reader_unlock(&dev.lock);
    if (ret || !in_kernel) {
        trace_xen_evtchn_not_by_kernel(port, vcpu, ret);
    }

    /* The engine decided on the kernel just before that was over. */
    return in_kernel ? ret : xen_evtchn_inject(xen_emu_evtchn(), port);
}

/* env.xen_virq is what upstream's stream has; larger ports do not fit. */
static void note_virq(unsigned vcpu, unsigned virq, uint32_t port)
{
    XenVcpu *v = xen_vcpu_get(vcpu);

    if (!v || virq >= XEN_NR_VIRQS) {
        return;
    }
    qatomic_set(&X86_CPU(v->cs)->env.xen_virq[virq],
                port > UINT16_MAX ? 0 : port);
    if (virq == VIRQ_TIMER) {
        xen_timer_kernel_update(v);
    }
}

static bool is_virq_port(unsigned vcpu, unsigned virq, uint32_t port)
{
    XenVcpu *v = xen_vcpu_get(vcpu);

    return v && virq < XEN_NR_VIRQS &&
           qatomic_read(&X86_CPU(v->cs)->env.xen_virq[virq]) == port;
}

/* A global VIRQ is vCPU 0's for the stream, whoever is notified. */
static unsigned virq_owner(unsigned vcpu, unsigned virq)
{
    return virq == VIRQ_TIMER || virq == VIRQ_DEBUG || virq == VIRQ_XENOPROF ||
           virq == VIRQ_XENPMU ? vcpu : 0;
}

static void virq_changed(const XenEvtchnPortInfo *info)
{
    unsigned vcpu = info->vcpu;

    if (info->type == EVTCHNSTAT_virq) {
        note_virq(virq_owner(vcpu, info->val), info->val, info->port);
        return;
    }
    /* What closes was a VIRQ's port only if it is noted as such. */
    for (unsigned virq = 0; virq < XEN_NR_VIRQS; virq++) {
        unsigned owner = virq_owner(vcpu, virq);

        if (is_virq_port(owner, virq, info->port)) {
            note_virq(owner, virq, 0);
        }
    }
}

static void port_changed(void *opaque, const XenEvtchnPortInfo *info,
                         void *cookie)
{
    trace_xen_evtchn_port(info->port, info->type, info->vcpu, info->val);

    RCU_READ_LOCK_GUARD();
    xen_evtchn_kernel_port(info, cookie ? xen_evtchn_backend_fd(cookie) : -1);

    switch (info->type) {
    case EVTCHNSTAT_pirq:
        xen_pirq_port_changed(info->val);
        break;
    case EVTCHNSTAT_virq:
        virq_changed(info);
        break;
    case EVTCHNSTAT_closed:
        virq_changed(info);
        if (xen_evtchn_pirq_port(xen_emu_evtchn(), info->val) == info->port) {
            xen_pirq_port_changed(info->val);
        }
        break;
    }
}

static const XenEvtchnOps engine_ops = {
    .page = {
        .pin = xen_guest_page_pin,
        .unpin = xen_guest_page_unpin,
    },
    .raise_upcall = raise_upcall,
    .wake_poller = wake_poller,
    .signal_backend = signal_backend,
    .kernel_deliver = kernel_deliver,
    .port_changed = port_changed,
};

/* ------------------------------------------------------- the device -- */

bool xen_evtchn_dev_fifo_allowed(void)
{
    switch (xen_emu_config()->evtchn_abi) {
    case XEN_EMU_ABI_2LEVEL:
        return false;
    case XEN_EMU_ABI_FIFO:
        return true;
    default:
        /* What the kernel delivers is faster than what a guest gains. */
        return !XEN_ACCEL_HAS(xen_emu_accel(), EVTCHN_SEND);
    }
}

void xen_evtchn_dev_loaded(void)
{
    xen_evtchn_dev_update_delivery();
    xen_pirq_update_all_routes();
}

static void xen_evtchn_class_init(ObjectClass *klass, void *data)
{
    DeviceClass *dc = DEVICE_CLASS(klass);

    dc->vmsd = &xen_evtchn_vmstate;
    dc->user_creatable = false;
}

static const TypeInfo xen_evtchn_types[] = {
    {
        .name = TYPE_XEN_EVTCHN,
        .parent = TYPE_SYS_BUS_DEVICE,
        .instance_size = sizeof(XenEvtchnDevice),
        .class_init = xen_evtchn_class_init,
    },
};
DEFINE_TYPES(xen_evtchn_types)

void xen_evtchn_create(unsigned int nr_gsis, qemu_irq *system_gsis)
{
    MachineState *ms = MACHINE(qdev_get_machine());
    unsigned nr_pirqs = kvm_xen_get_evtchn_max_pirq();

    dev.max_vcpus = MIN(ms->smp.max_cpus, XEN_EVTCHN_MAX_VCPUS);
    xen_evtchn_kernel_init();
    xen_emu->evtchn = xen_evtchn_new(dev.max_vcpus, nr_pirqs, xen_domid,
                                     &engine_ops, NULL);
    xen_evtchn_allow_fifo(xen_emu_evtchn(), xen_evtchn_dev_fifo_allowed());
    xen_evtchn_set_shared_info(xen_emu_evtchn(), xen_overlay_get_shinfo_ptr());

    xen_pirq_init(nr_pirqs);
    xen_upcall_init(nr_gsis, system_gsis);
    xen_vcpu_engine_ready();
    xen_guest_page_listen();
    xen_evtchn_backend_register();

    sysbus_create_simple(TYPE_XEN_EVTCHN, -1, NULL);
}
