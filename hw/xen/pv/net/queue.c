/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vif: what both directions of a queue need
 */
#include "qemu/osdep.h"
#include "qemu/error-report.h"
#include "xen-net.h"
#include "trace.h"

NetClientState *xen_net_client(const XenNetQueue *queue)
{
    return qemu_get_subqueue(queue->dev->nic,
                             queue->index % queue->dev->nr_clients);
}

void xen_net_notify(XenNetQueue *queue, XenNetifRing *ring,
                    XenEventChannel *channel)
{
    xen_netif_event_sent(ring);
    queue->stats.events_out++;
    xen_device_notify_event_channel(&queue->dev->xendev, channel, NULL);
}

void xen_net_shut(XenNetQueue *queue, const char *ring, const char *why)
{
    XenNetDev *net = queue->dev;
    gint64 now = g_get_monotonic_time();

    if (net->broken) {
        return;
    }
    net->broken = true;
    trace_xen_net_shut(net->dev, queue->index, ring, why);
    if (!net->logged_at || now - net->logged_at >= XEN_NET_LOG_INTERVAL_US) {
        net->logged_at = now;
        error_report("vif%d: guest broke the protocol, device is shut: "
                     "%s ring %u: %s", net->dev, ring, queue->index, why);
    }
    /* Somebody above us on the stack works with the queue. */
    qemu_bh_schedule(net->shut_bh);
}
