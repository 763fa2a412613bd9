/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Monitor commands for event channels: xen-event-list, xen-event-inject
 */
#include "qemu/osdep.h"
#include "monitor/hmp.h"
#include "monitor/monitor.h"
#include "qapi/error.h"
#include "qapi/qapi-commands-misc-i386.h"
#include "qobject/qdict.h"
#include "hw/xen/emu/domain.h"
#include "hw/xen/emu/evtchn.h"

#include "hw/xen/interface/xen.h"
#include "hw/xen/interface/event_channel.h"

/* EvtchnPortType has the values of EVTCHNSTAT_*. */
QEMU_BUILD_BUG_ON(EVTCHN_PORT_TYPE_CLOSED != EVTCHNSTAT_closed);
QEMU_BUILD_BUG_ON(EVTCHN_PORT_TYPE_UNBOUND != EVTCHNSTAT_unbound);
QEMU_BUILD_BUG_ON(EVTCHN_PORT_TYPE_INTERDOMAIN != EVTCHNSTAT_interdomain);
QEMU_BUILD_BUG_ON(EVTCHN_PORT_TYPE_PIRQ != EVTCHNSTAT_pirq);
QEMU_BUILD_BUG_ON(EVTCHN_PORT_TYPE_VIRQ != EVTCHNSTAT_virq);
QEMU_BUILD_BUG_ON(EVTCHN_PORT_TYPE_IPI != EVTCHNSTAT_ipi);

static bool emulation_is_on(Error **errp)
{
    if (!xen_emu_is_on()) {
        error_setg(errp, XEN_EMU_IS_OFF);
        return false;
    }
    return true;
}

static const char *remote_domain(const XenEvtchnPortInfo *port)
{
    if (port->type != EVTCHNSTAT_interdomain) {
        return "";
    }
    return port->to_backend ? "qemu" : "loopback";
}

static EvtchnInfo *describe(const XenEvtchnPortInfo *port, bool fifo)
{
    EvtchnInfo *info = g_new0(EvtchnInfo, 1);

    info->port = port->port;
    info->vcpu = port->vcpu;
    info->type = port->type;
    info->remote_domain = g_strdup(remote_domain(port));
    info->target = port->val;
    info->pending = port->pending;
    info->masked = port->masked;
    if (fifo) {
        info->has_priority = true;
        info->priority = port->priority;
        info->has_queue_vcpu = true;
        info->queue_vcpu = port->queue_vcpu;
        info->has_queue = true;
        info->queue = port->queue_priority;
        info->has_linked = true;
        info->linked = port->linked;
        info->has_busy = true;
        info->busy = port->busy;
    }
    return info;
}

EvtchnInfoList *qmp_xen_event_list(Error **errp)
{
    EvtchnInfoList *head = NULL, **tail = &head;
    XenEvtchnPortInfo port;
    uint32_t end;
    bool fifo;

    if (!emulation_is_on(errp)) {
        return NULL;
    }
    end = xen_evtchn_nr_ports(xen_emu_evtchn());
    fifo = xen_evtchn_abi(xen_emu_evtchn()) == XEN_EVTCHN_ABI_FIFO;
    for (uint32_t i = 1; i < end; i++) {
        if (xen_evtchn_port_info(xen_emu_evtchn(), i, &port)) {
            QAPI_LIST_APPEND(tail, describe(&port, fifo));
        }
    }
    return head;
}

void qmp_xen_event_inject(uint32_t port, Error **errp)
{
    int ret;

    if (!emulation_is_on(errp)) {
        return;
    }
    ret = xen_evtchn_inject(xen_emu_evtchn(), port);
    if (ret == -EINVAL) {
        error_setg(errp, "Port %u is not open", port);
    } else if (ret) {
        error_setg_errno(errp, -ret, "Failed to raise port %u", port);
    }
}

static void print_port(Monitor *mon, const EvtchnInfo *info)
{
    monitor_printf(mon, "port %4u: vcpu: %d %s", info->port, info->vcpu,
                   EvtchnPortType_str(info->type));
    if (*info->remote_domain) {
        monitor_printf(mon, "(%s:%d)", info->remote_domain, info->target);
    } else if (info->type != EVTCHN_PORT_TYPE_IPI) {
        monitor_printf(mon, "(%d)", info->target);
    }
    monitor_printf(mon, "%s%s", info->pending ? " PENDING" : "",
                   info->masked ? " MASKED" : "");
    if (info->has_priority) {
        monitor_printf(mon, " priority: %u%s%s", info->priority,
                       info->linked ? " LINKED" : "",
                       info->busy ? " BUSY" : "");
        if (info->linked) {
            monitor_printf(mon, " queue: %u on vcpu %u", info->queue,
                           info->queue_vcpu);
        }
    }
    monitor_printf(mon, "\n");
}

void hmp_xen_event_list(Monitor *mon, const QDict *qdict)
{
    Error *err = NULL;
    g_autoptr(EvtchnInfoList) list = qmp_xen_event_list(&err);

    if (hmp_handle_error(mon, err)) {
        return;
    }
    for (EvtchnInfoList *entry = list; entry; entry = entry->next) {
        print_port(mon, entry->value);
    }
}

void hmp_xen_event_inject(Monitor *mon, const QDict *qdict)
{
    /* The monitor has checked that it fits 32 bits. */
    uint32_t port = qdict_get_int(qdict, "port");
    Error *err = NULL;

    qmp_xen_event_inject(port, &err);
    if (!hmp_handle_error(mon, err)) {
        monitor_printf(mon, "Delivered port %u\n", port);
    }
}
