/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vif: frames from the guest to QEMU's network layer
 */
#include "qemu/osdep.h"
#include "qemu/units.h"
#include "qapi/error.h"
#include "standard-headers/linux/virtio_net.h"
#include "xen-net.h"
#include "trace.h"

/* In front of a frame; also where the peer wants none. */
#define HEADER      sizeof(struct virtio_net_hdr)

/* The largest frame to gather, and a whole slot more than QEMU's layer has. */
#define FRAME_ROOM  (HEADER + NET_BUFSIZE)
QEMU_BUILD_BUG_ON(NET_BUFSIZE < XEN_NETIF_MAX_TX_SIZE);

size_t xen_net_frame_room(void)
{
    return FRAME_ROOM;
}

/*
 * Copies the frame's parts from the guest to net->tx_frame, behind the header.
 */
static bool gather(XenNetDev *net, const XenNetifTxFrame *frame)
{
    XenDeviceGrantCopySegment seg[XEN_NETIF_TX_SLOTS];
    uint8_t *to = net->tx_frame + HEADER;
    unsigned nr = 0;
    Error *err = NULL;
    bool copied;

    for (unsigned i = 0; i < frame->nr_parts; i++) {
        const XenNetifPart *part = &frame->part[i];

        if (!part->size) {
            continue;
        }
        seg[nr].source.foreign.ref = part->gref;
        seg[nr].source.foreign.offset = part->offset;
        seg[nr].dest.virt = to;
        seg[nr].len = part->size;
        to += part->size;
        nr++;
    }
    xen_device_copy_grant_refs(&net->xendev, false, seg, nr, &err);
    copied = !err;
    error_free(err);
    return copied;
}

/*
 * Fills in @header and, in the frame, what the guest left to others.  False:
 * the guest wants something that cannot be done with this frame.
 */
static bool offload(XenNetDev *net, const XenNetifTxFrame *frame,
                    struct virtio_net_hdr *header)
{
    uint8_t *buf = net->tx_frame + HEADER;
    XenFrame parsed;
    bool tcp_v6;

    memset(header, 0, sizeof(*header));
    if (!frame->gso_size && !(frame->flags & NETTXF_csum_blank)) {
        if (frame->flags & NETTXF_data_validated) {
            header->flags = VIRTIO_NET_HDR_F_DATA_VALID;
        }
        return true;
    }
    if (!xen_frame_parse(buf, frame->size, &parsed)) {
        return false;
    }
    /* Some front ends leave the field 0; so it does not matter what it is. */
    xen_frame_blank_checksum(buf, &parsed);
    if (!net->vnet_hdr) {
        return !frame->gso_size &&
            xen_frame_finish_checksum(buf, parsed.end, parsed.transport,
                                      parsed.checksum - parsed.transport);
    }
    header->flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
    header->csum_start = parsed.transport;
    header->csum_offset = parsed.checksum - parsed.transport;
    if (frame->gso_size) {
        tcp_v6 = frame->gso_type == XEN_NETIF_GSO_TYPE_TCPV6;
        if (parsed.protocol != IPPROTO_TCP || parsed.ipv6 != tcp_v6) {
            return false;
        }
        header->gso_type = tcp_v6 ? VIRTIO_NET_HDR_GSO_TCPV6 :
                                    VIRTIO_NET_HDR_GSO_TCPV4;
        header->gso_size = frame->gso_size;
        header->hdr_len = parsed.payload;
    }
    return true;
}

static void sent(NetClientState *nc, ssize_t ret)
{
    XenNetDev *net = qemu_get_nic_opaque(nc);

    /* 0: the link went down meanwhile, see xen_net_tx_unblock(). */
    if (net->blocked[nc->queue_index] && !--net->blocked[nc->queue_index]) {
        xen_net_tx_resume(net, nc->queue_index);
    }
}

/* The frame is in net->tx_frame.  What the network layer keeps it copies. */
static void send_frame(XenNetQueue *queue, const XenNetifTxFrame *frame,
                       struct virtio_net_hdr *header)
{
    XenNetDev *net = queue->dev;
    NetClientState *nc = xen_net_client(queue);
    uint8_t *start = net->tx_frame + HEADER;
    size_t size = frame->size;

    if (nc->link_down || !nc->peer || !xen_net_owns_nic(net)) {
        queue->stats.tx_dropped++;
        return;
    }
    if (net->vnet_hdr) {
        start -= HEADER;
        size += HEADER;
        memcpy(start, header, HEADER);
    }
    queue->stats.tx_frames++;
    queue->stats.tx_bytes += frame->size;
    if (!qemu_send_packet_async(nc, start, size, sent)) {
        net->blocked[nc->queue_index]++;
    }
}

static int16_t handle_frame(XenNetQueue *queue, const XenNetifTxFrame *frame)
{
    struct virtio_net_hdr header;

    if (frame->gso_size && !queue->dev->vnet_hdr) {
        /* It was not offered. */
        queue->stats.tx_errors++;
        return NETIF_RSP_ERROR;
    }
    if (!gather(queue->dev, frame)) {
        trace_xen_net_tx_bad(queue->dev->dev, queue->index, "copy failed");
        queue->stats.tx_errors++;
        return NETIF_RSP_ERROR;
    }
    if (offload(queue->dev, frame, &header)) {
        send_frame(queue, frame, &header);
    } else {
        trace_xen_net_tx_bad(queue->dev->dev, queue->index, "offload");
        queue->stats.tx_dropped++;
    }
    return NETIF_RSP_OKAY;
}

static int16_t handle(XenNetQueue *queue, XenNetifTx kind,
                      const XenNetifTxFrame *frame)
{
    trace_xen_net_tx(queue->dev->dev, queue->index, frame->size,
                     frame->nr_parts, frame->flags, frame->gso_size);
    switch (kind) {
    case XEN_NETIF_FRAME:
        return handle_frame(queue, frame);
    case XEN_NETIF_MCAST:
        return xen_net_mcast_change(queue->dev, frame->mcast,
                                    frame->mcast_add) ?
            NETIF_RSP_OKAY : NETIF_RSP_ERROR;
    default:
        trace_xen_net_tx_bad(queue->dev->dev, queue->index, frame->why);
        queue->stats.tx_errors++;
        return NETIF_RSP_ERROR;
    }
}

static void push(XenNetQueue *queue)
{
    if (xen_netif_push_answers(&queue->tx) &&
        !timer_pending(queue->tx_timer)) {
        timer_mod_ns(queue->tx_timer,
                     qemu_clock_get_ns(QEMU_CLOCK_REALTIME) +
                     XEN_NET_TX_EVENT_NS);
    }
}

void xen_net_tx_timer(void *opaque)
{
    XenNetQueue *queue = opaque;

    /* When the VM stopped, all were sent. */
    if (queue->dev->running && !queue->dev->broken &&
        xen_netif_push_answers(&queue->tx)) {
        xen_net_notify(queue, &queue->tx, queue->tx_channel);
    }
}

void xen_net_tx_pay_events(XenNetDev *net)
{
    for (unsigned i = 0; i < net->nr_queues; i++) {
        XenNetQueue *queue = &net->queue[i];

        if (!net->broken && xen_netif_push_answers(&queue->tx)) {
            timer_del(queue->tx_timer);
            xen_net_notify(queue, &queue->tx, queue->tx_channel);
        }
    }
}

/* True: the ring is empty, and an event comes when that changes. */
static bool sleep_until_event(XenNetQueue *queue)
{
    push(queue);
    return xen_netif_want_event(&queue->tx, 1) == 0;
}

static bool may_send(const XenNetQueue *queue)
{
    const XenNetDev *net = queue->dev;

    return net->running && !net->broken && queue->tx_page &&
        !net->blocked[xen_net_client(queue)->queue_index];
}

/* One turn; true if it found a request. */
static bool turn(XenNetQueue *queue)
{
    XenNetifTxFrame frame;
    unsigned frames = 0, looks = 0;
    size_t bytes = 0;

    while (may_send(queue)) {
        XenNetifTx kind;

        if (frames + looks == XEN_NET_TURN_FRAMES ||
            bytes >= XEN_NET_TURN_BYTES) {
            queue->stats.tx_turns++;
            qemu_bh_schedule(queue->tx_bh);
            break;
        }
        kind = xen_netif_tx_take(&queue->tx, &frame);
        if (kind == XEN_NETIF_FATAL) {
            xen_net_shut(queue, "transmit", frame.why);
            break;
        }
        if (kind == XEN_NETIF_EMPTY) {
            if (sleep_until_event(queue)) {
                break;
            }
            /*
             * A request came meanwhile, or a bad index: taking it tells.  A guest
             * that moves the index to and fro must not keep the loop busy.
             */
            looks++;
            continue;
        }
        frames++;
        bytes += frame.size;
        xen_netif_tx_answer(&queue->tx, &frame, handle(queue, kind, &frame));
    }
    if (!queue->dev->broken && queue->tx_page) {
        push(queue);
    }
    return frames > 0;
}

bool xen_net_tx_event(void *opaque)
{
    XenNetQueue *queue = opaque;

    queue->stats.events_in++;
    return turn(queue);
}

void xen_net_tx_bh(void *opaque)
{
    turn(opaque);
}

void xen_net_tx_unblock(XenNetDev *net, unsigned client)
{
    net->blocked[client] = 0;
    xen_net_tx_resume(net, client);
}

void xen_net_tx_resume(XenNetDev *net, unsigned client)
{
    for (unsigned i = 0; i < net->nr_queues; i++) {
        XenNetQueue *queue = &net->queue[i];

        if (xen_net_client(queue)->queue_index == client) {
            qemu_bh_schedule(queue->tx_bh);
        }
    }
}
