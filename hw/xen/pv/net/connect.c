/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vif: what both ends tell each other in xenstore, and the queues that follow
 */
#include "qemu/osdep.h"
#include "qemu/lockable.h"
#include "qemu/units.h"
#include "hw/xen/emu/qemu-compat.h"
#include "hw/xen/xen-bus-helper.h"
#include "qapi/error.h"
#include "xen-net.h"
#include "trace.h"

/* Longer than "queue-63/event-channel-rx". */
#define KEY_SIZE    40

/* ----------------------------------------------------------- back end says */

static bool has_carrier(XenNetDev *net)
{
    return xen_net_owns_nic(net) && !qemu_get_queue(net->nic)->link_down;
}

void xen_net_announce_carrier(XenNetDev *net)
{
    xen_device_backend_printf(&net->xendev, "carrier", "%u", has_carrier(net));
}

void xen_net_announce(XenNetDev *net)
{
    XenDevice *xendev = &net->xendev;
    static const char *const always[] = {
        "feature-rx-copy", "feature-sg", "feature-ipv6-csum-offload",
        "feature-split-event-channels", "feature-multicast-control",
        "feature-dynamic-multicast-control",
    };

    for (size_t i = 0; i < ARRAY_SIZE(always); i++) {
        xen_device_backend_printf(xendev, always[i], "1");
    }
    xen_device_backend_printf(xendev, "feature-rx-flip", "0");
    /* Segments are for the peer to cut: there must be one that can. */
    xen_device_backend_printf(xendev, "feature-gso-tcpv4", "%u",
                              net->vnet_hdr);
    xen_device_backend_printf(xendev, "feature-gso-tcpv6", "%u",
                              net->vnet_hdr);
    xen_device_backend_printf(xendev, "multi-queue-max-queues", "%u",
                              net->max_queues);
    xen_net_announce_carrier(net);
    if (net->host_mtu) {
        xen_device_frontend_printf(xendev, "mtu", "%u", net->host_mtu);
    }
}

/* ---------------------------------------------------------- front end says */

static unsigned front_end_number(XenNetDev *net, const char *key,
                                 unsigned otherwise)
{
    unsigned value;

    return xen_device_frontend_scanf(&net->xendev, key, "%u", &value) == 1 ?
        value : otherwise;
}

static void read_features(XenNetDev *net)
{
    XenNetFeatures *f = &net->features;

    f->sg = front_end_number(net, "feature-sg", 0);
    f->csum_v4 = !front_end_number(net, "feature-no-csum-offload", 0);
    f->csum_v6 = front_end_number(net, "feature-ipv6-csum-offload", 0);
    f->rx_notify = front_end_number(net, "feature-rx-notify", 0);
    /* Segments that were not cut have blank checksums, and are large. */
    f->gso_v4 = f->sg && f->csum_v4 &&
        front_end_number(net, "feature-gso-tcpv4", 0);
    f->gso_v6 = f->sg && f->csum_v6 &&
        front_end_number(net, "feature-gso-tcpv6", 0);
}

/* What the peers may send us; nothing but plain frames if @f is NULL. */
static void set_peer_offloads(XenNetDev *net, const XenNetFeatures *f)
{
    static const XenNetFeatures none;

    if (!net->vnet_hdr || !xen_net_owns_nic(net)) {
        return;
    }
    f = f ?: &none;
    for (unsigned i = 0; i < net->nr_clients; i++) {
        /* One bit for both: what the front end cannot is summed up here. */
        xen_set_offload(qemu_get_subqueue(net->nic, i)->peer,
                        f->csum_v4 || f->csum_v6, f->gso_v4, f->gso_v6);
    }
}

void xen_net_set_offloads(XenNetDev *net, bool on)
{
    set_peer_offloads(net, on && net->nr_queues ? &net->features : NULL);
}

static void mcast_control_changed(void *opaque, const char *path)
{
    XenNetDev *net = opaque;

    net->mcast_control = front_end_number(net, "request-multicast-control", 0);
    trace_xen_net_mcast_control(net->dev, net->mcast_control);
}

/* ------------------------------------------------------------------ queues */

/* A queue has keys of its own where there is more than one. */
static bool read_key(XenNetQueue *queue, unsigned nr_queues, const char *name,
                     unsigned *value)
{
    char key[KEY_SIZE];

    if (nr_queues == 1) {
        snprintf(key, sizeof(key), "%s", name);
    } else {
        snprintf(key, sizeof(key), "queue-%u/%s", queue->index, name);
    }
    return xen_device_frontend_scanf(&queue->dev->xendev, key, "%u",
                                     value) == 1;
}

static bool map_ring(XenNetQueue *queue, unsigned nr_queues, const char *key,
                     uint32_t *ref, void **page, XenNetifRing *ring,
                     Error **errp)
{
    if (!read_key(queue, nr_queues, key, ref)) {
        error_setg(errp, "queue %u: no %s", queue->index, key);
        return false;
    }
    *page = xen_device_map_grant_refs(&queue->dev->xendev, ref, 1,
                                      PROT_READ | PROT_WRITE, errp);
    if (!*page) {
        error_prepend(errp, "queue %u: %s %u: ", queue->index, key, *ref);
        return false;
    }
    if (!xen_netif_attach(ring, *page)) {
        error_setg(errp, "queue %u: %s %u: indices out of range",
                   queue->index, key, *ref);
        return false;
    }
    return true;
}

/* Bound, and not handled yet. */
static XenEventChannel *bind_channel(XenNetQueue *queue, unsigned port,
                             XenEventHandler handler, Error **errp)
{
    XenDevice *xendev = &queue->dev->xendev;
    XenEventChannel *channel = xen_device_bind_event_channel(
        xendev, port, handler, queue, errp);

    if (channel) {
        xen_device_set_event_channel_context(xendev, channel, NULL,
                                             &error_abort);
    } else {
        error_prepend(errp, "queue %u: event channel %u: ", queue->index,
                      port);
    }
    return channel;
}

static bool bind_channels(XenNetQueue *queue, unsigned nr_queues,
                          Error **errp)
{
    unsigned tx, rx;

    if (read_key(queue, nr_queues, "event-channel-tx", &tx) &&
        read_key(queue, nr_queues, "event-channel-rx", &rx)) {
        queue->tx_channel = bind_channel(queue, tx, xen_net_tx_event, errp);
        if (!queue->tx_channel) {
            return false;
        }
        queue->rx_channel = bind_channel(queue, rx, xen_net_rx_event, errp);
        return queue->rx_channel;
    }
    if (!read_key(queue, nr_queues, "event-channel", &tx)) {
        error_setg(errp, "queue %u: no event-channel", queue->index);
        return false;
    }
    queue->tx_channel = bind_channel(queue, tx, xen_net_event, errp);
    queue->rx_channel = queue->tx_channel;
    return queue->tx_channel;
}

static bool connect_rings(XenNetQueue *queue, unsigned nr_queues, Error **errp)
{
    DeviceState *dev = DEVICE(queue->dev);

    QEMU_LOCK_GUARD(&queue->lock);
    /* The guard is for the main thread, and for what calls other devices. */
    queue->tx_bh = queue->ctx == qemu_get_aio_context() ?
        qemu_bh_new_guarded(xen_net_tx_bh, queue, &dev->mem_reentrancy_guard) :
        aio_bh_new(queue->ctx, xen_net_tx_bh, queue);
    queue->tx_timer = aio_timer_new(queue->ctx, QEMU_CLOCK_REALTIME, SCALE_NS,
                                    xen_net_tx_timer, queue);
    return map_ring(queue, nr_queues, "tx-ring-ref", &queue->tx_ref,
                    &queue->tx_page, &queue->tx, errp) &&
        map_ring(queue, nr_queues, "rx-ring-ref", &queue->rx_ref,
                 &queue->rx_page, &queue->rx, errp);
}

static bool connect_queue(XenNetQueue *queue, unsigned nr_queues,
                          Error **errp)
{
    xen_net_out_init(queue);
    return connect_rings(queue, nr_queues, errp) &&
        bind_channels(queue, nr_queues, errp);
}

/* Binding a channel has raised an event: what is there already is seen. */
static void start_queue(XenNetQueue *queue)
{
    XenDevice *xendev = &queue->dev->xendev;

    if (queue->rx_channel != queue->tx_channel) {
        xen_device_set_event_channel_context(xendev, queue->rx_channel,
                                             qemu_get_aio_context(),
                                             &error_abort);
    }
    xen_device_set_event_channel_context(xendev, queue->tx_channel, queue->ctx,
                                         &error_abort);
}

static void unmap_ring(XenNetQueue *queue, uint32_t *ref, void **page)
{
    if (*page) {
        xen_device_unmap_grant_refs(&queue->dev->xendev, *page, ref, 1, NULL);
        *page = NULL;
    }
}

static void unbind(XenNetQueue *queue, XenEventChannel *channel)
{
    if (channel) {
        xen_device_unbind_event_channel(&queue->dev->xendev, channel, NULL);
    }
}

/*
 * Its bottom half and timer may be about to run once more: they find no page, or
 * the next front end's.
 */
static void disconnect_tx(XenNetQueue *queue)
{
    QEMU_LOCK_GUARD(&queue->lock);
    if (queue->tx_bh) {
        qemu_bh_delete(queue->tx_bh);
        queue->tx_bh = NULL;
        timer_free(queue->tx_timer);
        queue->tx_timer = NULL;
    }
    unmap_ring(queue, &queue->tx_ref, &queue->tx_page);
}

/* Events first, for what they start needs all the rest. */
static void disconnect_queue(XenNetQueue *queue)
{
    if (queue->rx_channel != queue->tx_channel) {
        unbind(queue, queue->rx_channel);
    }
    unbind(queue, queue->tx_channel);
    queue->rx_channel = NULL;
    queue->tx_channel = NULL;
    disconnect_tx(queue);
    /* They were answered, so they are sent: now, or when the network takes more. */
    xen_net_out_flush(queue);
    unmap_ring(queue, &queue->rx_ref, &queue->rx_page);
    qatomic_set(&queue->rx_wanted, 0);
}

/* --------------------------------------------------------------- the whole */

static bool connect_queues(XenNetDev *net, unsigned nr, Error **errp)
{
    for (unsigned i = 0; i < nr; i++) {
        if (!connect_queue(&net->queue[i], nr, errp)) {
            return false;
        }
    }
    net->mcast_watch = xs_node_watch(net->xendev.xsh,
                                     net->xendev.frontend_path,
                                     "request-multicast-control",
                                     mcast_control_changed, net, errp);
    return net->mcast_watch;
}

/* The guest was loaded: what the front end knows must be true here, too. */
static void take_over(XenNetDev *net)
{
    unsigned carrier, own = has_carrier(net);

    xen_net_mcast_restore(net);
    if (xs_node_scanf(net->xendev.xsh, XBT_NULL, net->xendev.backend_path,
                      "carrier", NULL, "%u", &carrier) != 1 ||
        carrier != own) {
        xen_net_announce_carrier(net);
    }
}

bool xen_net_connect(XenNetDev *net, Error **errp)
{
    unsigned nr = front_end_number(net, "multi-queue-num-queues", 1);

    if (!front_end_number(net, "request-rx-copy", 0)) {
        error_setg(errp, "front end does not do rx-copy");
        return false;
    }
    if (!nr || nr > net->max_queues) {
        error_setg(errp, "front end wants %u queues, there are 1 to %u",
                   nr, net->max_queues);
        return false;
    }
    read_features(net);
    if (!connect_queues(net, nr, errp)) {
        xen_net_disconnect(net);
        return false;
    }
    set_peer_offloads(net, &net->features);
    mcast_control_changed(net, NULL);
    net->nr_queues = nr;
    /* One that is asked to go was not left Connected where it was saved. */
    if (!net->xendev.backend_online ||
        xen_device_backend_get_state(&net->xendev) == XenbusStateConnected) {
        take_over(net);
    }
    trace_xen_net_connect(net->dev, nr,
                          net->queue[0].rx_channel != net->queue[0].tx_channel,
                          net->features.sg,
                          net->features.gso_v4 | net->features.gso_v6 << 1,
                          net->features.csum_v4 | net->features.csum_v6 << 1);
    for (unsigned i = 0; i < nr; i++) {
        start_queue(&net->queue[i]);
    }
    return true;
}

void xen_net_disconnect(XenNetDev *net)
{
    bool was_connected = net->nr_queues;

    net->nr_queues = 0;
    for (unsigned i = 0; i < net->max_queues; i++) {
        disconnect_queue(&net->queue[i]);
    }
    if (net->mcast_watch) {
        xs_node_unwatch(net->xendev.xsh, net->mcast_watch);
        net->mcast_watch = NULL;
    }
    timer_del(net->rx_timer);
    xen_net_mcast_clear(net);
    net->mcast_control = false;
    if (was_connected) {
        trace_xen_net_disconnect(net->dev);
        set_peer_offloads(net, NULL);
        /* Frames that waited for this guest are not for the next one. */
        xen_net_rx_flush(net);
    }
}
