/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Callbacks of the event-channel engine (XenEvtchnOps)
 *
 * They are called in any thread, and for vCPUs that are being unplugged, so
 * each has an RCU read-side critical section.
 */
#include "qemu/osdep.h"
#include "qemu/rcu.h"
#include "hw/xen/emu/debug/bql-check.h"
#include "hw/xen/emu/domain.h"
#include "hw/xen/emu/evtchn.h"
#include "hw/xen/emu/irq/pirq.h"
#include "hw/xen/emu/irq/upcall.h"
#include "hw/xen/emu/offload/delivery.h"
#include "hw/xen/emu/offload/ports.h"
#include "hw/xen/emu/offload/timers.h"
#include "cpu.h"
#include "evtchn-dev-internal.h"
#include "trace.h"

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
    if (v && xen_emu_accel()->cpu.wake) {
        xen_fast_begin();
        xen_emu_accel()->cpu.wake(v);
        xen_fast_end();
    }
}

static void signal_backend(void *opaque, XenEvtchnBackend *be, void *cookie)
{
    xen_evtchn_backend_signal(cookie);
}

static int kernel_deliver(void *opaque, uint32_t port, unsigned vcpu)
{
    return xen_delivery_deliver(port, vcpu);
}

/* env.xen_virq is 16 bits, in upstream's stream; larger ports are left out. */
static void note_virq(unsigned vcpu, unsigned virq, uint32_t port)
{
    XenVcpu *v = xen_vcpu_get(vcpu);

    if (!v || virq >= XEN_NR_VIRQS) {
        return;
    }
    qatomic_set(&X86_CPU(v->cs)->env.xen_virq[virq],
                port > UINT16_MAX ? 0 : port);
    if (virq == VIRQ_TIMER) {
        xen_timer_offload_update(v);
    }
}

static bool is_virq_port(unsigned vcpu, unsigned virq, uint32_t port)
{
    XenVcpu *v = xen_vcpu_get(vcpu);

    return v && virq < XEN_NR_VIRQS &&
           qatomic_read(&X86_CPU(v->cs)->env.xen_virq[virq]) == port;
}

/* In the stream global VIRQs belong to vCPU 0, whichever vCPU is notified. */
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
    /* The port has been closed; find the VIRQ that it was bound to, if any. */
    for (unsigned virq = 0; virq < XEN_NR_VIRQS; virq++) {
        unsigned owner = virq_owner(vcpu, virq);

        if (is_virq_port(owner, virq, info->port)) {
            note_virq(owner, virq, 0);
        }
    }
}

void xen_evtchn_note_virqs(unsigned vcpu)
{
    for (unsigned virq = 0; virq < XEN_NR_VIRQS; virq++) {
        if (virq_owner(vcpu, virq) == vcpu) {
            note_virq(vcpu, virq,
                      xen_evtchn_virq_port(xen_emu_evtchn(), vcpu, virq));
        }
    }
}

static void port_changed(void *opaque, const XenEvtchnPortInfo *info,
                         void *cookie)
{
    trace_xen_evtchn_port(info->port, info->type, info->vcpu, info->val);

    RCU_READ_LOCK_GUARD();
    xen_offload_port_changed(info, cookie ? xen_evtchn_backend_fd(cookie) : -1);

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

const XenEvtchnOps xen_evtchn_engine_ops = {
    .raise_upcall = raise_upcall,
    .wake_poller = wake_poller,
    .signal_backend = signal_backend,
    .kernel_deliver = kernel_deliver,
    .port_changed = port_changed,
};
