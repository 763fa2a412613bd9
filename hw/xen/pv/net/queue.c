/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vif: what both directions of a queue need
 */
#include "qemu/osdep.h"
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
    stat64_add(&queue->stats.events_out, 1);
    xen_device_notify_event_channel(&queue->dev->xendev, channel, NULL);
}

void xen_net_shut(XenNetQueue *queue, const char *ring, const char *why)
{
    XenNetDev *net = queue->dev;

    if (!qatomic_xchg(&net->broken, true)) {
        trace_xen_net_shut(net->dev, queue->index, ring, why);
        net->shut_queue = queue->index;
        net->shut_ring = ring;
        net->shut_why = why;
        /* Somebody above us on the stack works with the queue. */
        qemu_bh_schedule(net->shut_bh);
    }
}
