/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * EVTCHNOP_* that affect offloaded ports, timers and MSI routes
 */
#include "qemu/osdep.h"
#include "qemu/main-loop.h"
#include "hw/xen/emu/domain.h"
#include "hw/xen/emu/evtchn.h"
#include "hw/xen/emu/irq/pirq.h"
#include "hw/xen/emu/offload/delivery.h"
#include "hw/xen/emu/offload/evtchn-ops.h"
#include "hw/xen/emu/offload/timers.h"
#include "trace.h"

#include "hw/xen/interface/event_channel.h"

int xen_evtchn_op_init_control(struct evtchn_init_control *op)
{
    int ret;

    BQL_LOCK_GUARD();
    if (xen_evtchn_abi(xen_emu_evtchn()) == XEN_EVTCHN_ABI_2L &&
        xen_delivery_fifo_is_allowed()) {
        ret = xen_delivery_switch_begin() ?:
              xen_evtchn_init_control(xen_emu_evtchn(), op);
        xen_delivery_switch_end();
        xen_pirq_update_all_routes();
    } else {
        ret = xen_evtchn_init_control(xen_emu_evtchn(), op);
    }
    trace_xen_evtchn_init_control(op->vcpu, op->control_gfn, ret);
    return ret;
}

int xen_evtchn_op_reset(uint16_t dom)
{
    int ret;

    BQL_LOCK_GUARD();
    xen_timer_offload_reclaim_all();
    ret = xen_evtchn_reset(xen_emu_evtchn(), dom);
    trace_xen_evtchn_reset(dom, ret);
    xen_delivery_update();
    if (ret) {
        xen_timer_offload_update_all();
    }
    xen_pirq_update_routes();
    return ret;
}

int xen_evtchn_op_close(uint32_t port)
{
    int ret;

    if (xen_emu_delivery_is_offloaded()) {
        /*
         * The BQL is held until the port is closed.  Otherwise the vCPU could
         * offload its timer again in between, and raise a port that is reused.
         */
        BQL_LOCK_GUARD();
        xen_timer_offload_reclaim_port(port);
        ret = xen_evtchn_close(xen_emu_evtchn(), port);
    } else {
        ret = xen_evtchn_close(xen_emu_evtchn(), port);
    }
    xen_pirq_update_routes();
    return ret;
}

int xen_evtchn_op_bind_vcpu(const struct evtchn_bind_vcpu *op)
{
    int ret = xen_evtchn_bind_vcpu(xen_emu_evtchn(), op);

    xen_pirq_update_routes();
    return ret;
}
