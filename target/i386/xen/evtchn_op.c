/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * HYPERVISOR_event_channel_op
 *
 * All structures are the same in both layouts.  Sends and unmasks try the fast
 * path first; only -EWOULDBLOCK leads to the slow path.
 */
#include "qemu/osdep.h"
#include "hw/xen/emu/domain.h"
#include "hw/xen/emu/evtchn.h"
#include "hw/xen/emu/debug/bql-check.h"
#include "hw/xen/emu/irq/pirq.h"
#include "hw/xen/emu/offload/delivery.h"
#include "hw/xen/emu/offload/evtchn-ops.h"
#include "internal.h"
#include "trace.h"

#include "hw/xen/interface/event_channel.h"

QEMU_BUILD_BUG_ON(sizeof(evtchn_alloc_unbound_t) != 8);
QEMU_BUILD_BUG_ON(sizeof(evtchn_bind_interdomain_t) != 12);
QEMU_BUILD_BUG_ON(sizeof(evtchn_bind_virq_t) != 12);
QEMU_BUILD_BUG_ON(sizeof(evtchn_bind_pirq_t) != 12);
QEMU_BUILD_BUG_ON(sizeof(evtchn_bind_ipi_t) != 8);
QEMU_BUILD_BUG_ON(sizeof(evtchn_close_t) != 4);
QEMU_BUILD_BUG_ON(sizeof(evtchn_send_t) != 4);
QEMU_BUILD_BUG_ON(sizeof(evtchn_status_t) != 24);
QEMU_BUILD_BUG_ON(sizeof(evtchn_bind_vcpu_t) != 8);
QEMU_BUILD_BUG_ON(sizeof(evtchn_unmask_t) != 4);
QEMU_BUILD_BUG_ON(sizeof(evtchn_reset_t) != 2);
QEMU_BUILD_BUG_ON(sizeof(evtchn_init_control_t) != 24);
QEMU_BUILD_BUG_ON(sizeof(evtchn_expand_array_t) != 8);
QEMU_BUILD_BUG_ON(sizeof(evtchn_set_priority_t) != 8);

/* Large enough for every operation's argument. */
typedef union EvtchnArg {
    evtchn_alloc_unbound_t alloc_unbound;
    evtchn_bind_interdomain_t bind_interdomain;
    evtchn_bind_ipi_t bind_ipi;
    evtchn_bind_pirq_t bind_pirq;
    evtchn_bind_vcpu_t bind_vcpu;
    evtchn_bind_virq_t bind_virq;
    evtchn_close_t close;
    evtchn_expand_array_t expand_array;
    evtchn_init_control_t init_control;
    evtchn_reset_t reset;
    evtchn_send_t send;
    evtchn_set_priority_t set_priority;
    evtchn_status_t status;
    evtchn_unmask_t unmask;
} EvtchnArg;

static const XenOpArg evtchn_args[] = {
    [EVTCHNOP_bind_interdomain] = { sizeof(evtchn_bind_interdomain_t), true },
    [EVTCHNOP_bind_virq] = { sizeof(evtchn_bind_virq_t), true },
    [EVTCHNOP_bind_pirq] = { sizeof(evtchn_bind_pirq_t), true },
    [EVTCHNOP_close] = { sizeof(evtchn_close_t), false },
    [EVTCHNOP_send] = { sizeof(evtchn_send_t), false },
    [EVTCHNOP_status] = { sizeof(evtchn_status_t), true },
    [EVTCHNOP_alloc_unbound] = { sizeof(evtchn_alloc_unbound_t), true },
    [EVTCHNOP_bind_ipi] = { sizeof(evtchn_bind_ipi_t), true },
    [EVTCHNOP_bind_vcpu] = { sizeof(evtchn_bind_vcpu_t), false },
    [EVTCHNOP_unmask] = { sizeof(evtchn_unmask_t), false },
    [EVTCHNOP_reset] = { sizeof(evtchn_reset_t), false },
    [EVTCHNOP_init_control] = { sizeof(evtchn_init_control_t), true },
    [EVTCHNOP_expand_array] = { sizeof(evtchn_expand_array_t), false },
    [EVTCHNOP_set_priority] = { sizeof(evtchn_set_priority_t), false },
};

static int send_event(uint32_t port)
{
    int ret;

    xen_fast_begin();
    ret = xen_evtchn_send_fast(xen_emu_evtchn(), port);
    xen_fast_end();
    if (ret == -EWOULDBLOCK) {
        ret = xen_evtchn_send(xen_emu_evtchn(), port);
        trace_xen_send_slow(port, ret);
    }
    return ret;
}

static int unmask_port(uint32_t port)
{
    int ret;

    xen_fast_begin();
    ret = xen_evtchn_unmask_fast(xen_emu_evtchn(), port);
    xen_fast_end();
    if (ret == -EWOULDBLOCK) {
        ret = xen_evtchn_unmask(xen_emu_evtchn(), port);
        trace_xen_unmask_slow(port, ret);
    }
    return ret;
}

static int do_op(uint32_t cmd, void *op)
{
    EvtchnArg *arg = op;
    XenEvtchn *e = xen_emu_evtchn();

    switch (cmd) {
    case EVTCHNOP_bind_interdomain:
        return xen_evtchn_bind_interdomain(e, &arg->bind_interdomain);
    case EVTCHNOP_bind_virq:
        return xen_evtchn_bind_virq(e, &arg->bind_virq);
    case EVTCHNOP_bind_pirq:
        return xen_pirq_bind(&arg->bind_pirq);
    case EVTCHNOP_close:
        return xen_evtchn_op_close(arg->close.port);
    case EVTCHNOP_send:
        return send_event(arg->send.port);
    case EVTCHNOP_status:
        return xen_evtchn_status(e, &arg->status);
    case EVTCHNOP_alloc_unbound:
        return xen_evtchn_alloc_unbound(e, &arg->alloc_unbound);
    case EVTCHNOP_bind_ipi:
        return xen_evtchn_bind_ipi(e, &arg->bind_ipi);
    case EVTCHNOP_bind_vcpu:
        return xen_evtchn_op_bind_vcpu(&arg->bind_vcpu);
    case EVTCHNOP_unmask:
        return unmask_port(arg->unmask.port);
    case EVTCHNOP_reset:
        return xen_evtchn_op_reset(arg->reset.dom);
    case EVTCHNOP_init_control:
        return xen_evtchn_op_init_control(&arg->init_control);
    case EVTCHNOP_expand_array:
        return xen_evtchn_expand_array(e, &arg->expand_array);
    case EVTCHNOP_set_priority:
        return xen_evtchn_set_priority(e, &arg->set_priority);
    default:
        g_assert_not_reached();
    }
}

int64_t xen_hcall_event_channel_op(XenHypercall *hc)
{
    uint32_t cmd = hc->arg[0];
    uint64_t gva = hc->arg[1];
    EvtchnArg arg;

    if (cmd >= ARRAY_SIZE(evtchn_args) || !evtchn_args[cmd].size) {
        return xen_hypercall_unimplemented(hc);
    }
    return xen_run_op(hc, cmd, gva, &evtchn_args[cmd], &arg, do_op);
}
