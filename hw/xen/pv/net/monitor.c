/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vif: what the monitor shows of it
 */
#include "qemu/osdep.h"
#include "qemu/lockable.h"
#include "qemu/units.h"
#include "qapi/error.h"
#include "qapi/visitor.h"
#include "xen-net.h"

#define COUNTER(name, field)    { name, offsetof(XenNetStats, field) }

static const struct {
    const char *name;
    size_t offset;
} counters[] = {
    COUNTER("tx-frames", tx_frames),
    COUNTER("tx-bytes", tx_bytes),
    COUNTER("tx-errors", tx_errors),
    COUNTER("tx-dropped", tx_dropped),
    COUNTER("tx-waits", tx_waits),
    COUNTER("tx-turns", tx_turns),
    COUNTER("tx-batches", tx_batches),
    COUNTER("rx-frames", rx_frames),
    COUNTER("rx-bytes", rx_bytes),
    COUNTER("rx-errors", rx_errors),
    COUNTER("rx-dropped", rx_dropped),
    COUNTER("rx-filtered", rx_filtered),
    COUNTER("rx-waits", rx_waits),
    COUNTER("events-in", events_in),
    COUNTER("events-out", events_out),
};

static bool visit_queue(Visitor *v, const XenNetStats *stats, Error **errp)
{
    bool ok = true;

    if (!visit_start_struct(v, NULL, NULL, 0, errp)) {
        return false;
    }
    for (size_t i = 0; ok && i < ARRAY_SIZE(counters); i++) {
        uint64_t value = stat64_get((void *)stats + counters[i].offset);

        ok = visit_type_uint64(v, counters[i].name, &value, errp);
    }
    visit_end_struct(v, NULL);
    return ok;
}

static void get_stats(Object *obj, Visitor *v, const char *name, void *opaque,
                      Error **errp)
{
    XenNetDev *net = XEN_NET_DEVICE(obj);
    bool ok = true;

    if (!visit_start_list(v, name, NULL, 0, errp)) {
        return;
    }
    for (unsigned i = 0; ok && net->queue && i < net->max_queues; i++) {
        ok = visit_queue(v, &net->queue[i].stats, errp);
    }
    visit_end_list(v, NULL);
}

void xen_net_add_stats(ObjectClass *oc)
{
    object_class_property_add(oc, "queue-stats", "list", get_stats, NULL,
                              NULL, NULL);
    object_class_property_set_description(oc, "queue-stats",
        "frames, bytes, errors and events of each queue");
}

RxFilterInfo *xen_net_query_rx_filter(NetClientState *nc)
{
    XenNetDev *net = qemu_get_nic_opaque(nc);
    RxFilterInfo *info = g_new0(RxFilterInfo, 1);

    info->name = g_strdup(nc->name);
    info->main_mac = qemu_mac_strdup_printf(net->conf.macaddr.a);
    /* There is no filter but that of multicast addresses. */
    info->promiscuous = true;
    info->broadcast_allowed = true;
    info->unicast = RX_STATE_ALL;
    info->vlan = RX_STATE_ALL;
    info->multicast = net->mcast_control ? RX_STATE_NORMAL : RX_STATE_ALL;
    QEMU_LOCK_GUARD(&net->mcast_lock);
    for (unsigned i = 0; i < net->nr_mcast; i++) {
        QAPI_LIST_PREPEND(info->multicast_table,
                          qemu_mac_strdup_printf(net->mcast[i]));
    }
    return info;
}
