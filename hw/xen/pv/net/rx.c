/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vif: frames from QEMU's network layer to the guest
 */
#include "qemu/osdep.h"
#include "qemu/units.h"
#include "hw/xen/emu/grant.h"
#include "xen-net.h"
#include "hw/xen/interface/grant_table.h"
#include "trace.h"

/* A frame on its way to the guest, and how it is to be described there. */
typedef struct RxFrame {
    const uint8_t *buf;
    size_t size;
    uint16_t flags;             /* NETRXF_*, of its first slot */
    uint16_t gso_size;
    uint8_t gso_type;
    unsigned nr_parts;
} RxFrame;

/*
 * Which of the front end's queues gets it.  A network with as many queues
 * keeps them apart itself; otherwise all frames of a connection must go one
 * way.
 */
static XenNetQueue *choose_queue(XenNetDev *net, NetClientState *nc,
                                 const uint8_t *buf, size_t size)
{
    unsigned i = nc->queue_index;

    if (net->nr_clients < net->nr_queues) {
        i = xen_frame_flow(buf, size);
    }
    return &net->queue[i % net->nr_queues];
}

/* ---------------------------------------------------------------- offloads */

/* Sums up here what the guest would not. */
static bool finish_checksum(XenNetDev *net, RxFrame *frame,
                            const struct virtio_net_hdr *header)
{
    memcpy(net->rx_frame, frame->buf, frame->size);
    frame->buf = net->rx_frame;
    return xen_frame_finish_checksum(net->rx_frame, frame->size,
                                     header->csum_start, header->csum_offset);
}

static bool blank_checksum(XenNetDev *net, RxFrame *frame,
                           const struct virtio_net_hdr *header)
{
    XenFrame parsed;

    /* The front end finds the place by itself: only where it must be this. */
    if (xen_frame_parse(frame->buf, frame->size, &parsed) &&
        (parsed.ipv6 ? net->features.csum_v6 : net->features.csum_v4) &&
        header->csum_start == parsed.transport &&
        header->csum_offset == parsed.checksum - parsed.transport) {
        frame->flags |= NETRXF_csum_blank | NETRXF_data_validated;
        return true;
    }
    return !frame->gso_size && finish_checksum(net, frame, header);
}

/* False: not a frame that this front end can be given. */
static bool offload(XenNetDev *net, RxFrame *frame,
                    const struct virtio_net_hdr *header)
{
    switch (header->gso_type & ~VIRTIO_NET_HDR_GSO_ECN) {
    case VIRTIO_NET_HDR_GSO_NONE:
        break;
    case VIRTIO_NET_HDR_GSO_TCPV4:
        frame->gso_type = XEN_NETIF_GSO_TYPE_TCPV4;
        break;
    case VIRTIO_NET_HDR_GSO_TCPV6:
        frame->gso_type = XEN_NETIF_GSO_TYPE_TCPV6;
        break;
    default:
        return false;
    }
    if (frame->gso_type) {
        frame->gso_size = header->gso_size;
        if (!frame->gso_size ||
            !(frame->gso_type == XEN_NETIF_GSO_TYPE_TCPV6 ?
              net->features.gso_v6 : net->features.gso_v4)) {
            return false;
        }
    }
    if (header->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) {
        return blank_checksum(net, frame, header);
    }
    if (header->flags & VIRTIO_NET_HDR_F_DATA_VALID) {
        frame->flags |= NETRXF_data_validated;
    }
    return true;
}

/* ------------------------------------------------------------------- slots */

/*
 * Copies the frame to the pages of @req.  What fails is told part by part in
 * @seg; the front end drops the frame then.
 */
static bool scatter(XenNetDev *net, const RxFrame *frame,
                    const netif_rx_request_t *req, XenGrantSeg *seg)
{
    for (unsigned i = 0; i < frame->nr_parts; i++) {
        size_t done = i * (size_t)XEN_NETIF_PAGE_SIZE;

        seg[i] = (XenGrantSeg) {
            .ref = req[i].gref,
            .len = MIN(frame->size - done, XEN_NETIF_PAGE_SIZE),
            .to_guest = true,
            .data = (void *)(frame->buf + done),
        };
    }
    return xen_grant_copy(net->xendev.frontend_id, seg, frame->nr_parts) ==
           GNTST_okay;
}

static void answer(XenNetQueue *queue, const RxFrame *frame,
                   const netif_rx_request_t *req, const XenGrantSeg *seg)
{
    for (unsigned i = 0; i < frame->nr_parts; i++) {
        bool last = i == frame->nr_parts - 1;
        uint16_t flags = (i ? 0 : frame->flags) |
                         (last ? 0 : NETRXF_more_data);

        if (!i && frame->gso_size) {
            flags |= NETRXF_extra_info;
        }
        xen_netif_rx_answer(&queue->rx, req[i].id, 0, flags,
                            seg[i].status == GNTST_okay ? seg[i].len :
                                                          NETIF_RSP_ERROR);
        if (!i && frame->gso_size) {
            netif_extra_info_t extra = {
                .type = XEN_NETIF_EXTRA_TYPE_GSO,
                .u.gso = {
                    .size = frame->gso_size,
                    .type = frame->gso_type,
                },
            };

            xen_netif_rx_extra(&queue->rx, &extra);
        }
    }
}

/* The requests are there. */
static void deliver(XenNetQueue *queue, const RxFrame *frame)
{
    netif_rx_request_t req[XEN_NETIF_RX_SLOTS];
    XenGrantSeg seg[XEN_NETIF_RX_SLOTS];

    xen_netif_rx_take(&queue->rx, req, 1);
    if (frame->gso_size) {
        netif_rx_request_t unused;

        /* The second slot is the extra's, so its page gets nothing. */
        xen_netif_rx_take(&queue->rx, &unused, 1);
    }
    xen_netif_rx_take(&queue->rx, req + 1, frame->nr_parts - 1);
    if (scatter(queue->dev, frame, req, seg)) {
        stat64_add(&queue->stats.rx_frames, 1);
        stat64_add(&queue->stats.rx_bytes, frame->size);
    } else {
        stat64_add(&queue->stats.rx_errors, 1);
    }
    answer(queue, frame, req, seg);
    if (xen_netif_push_answers(&queue->rx)) {
        xen_net_notify(queue, &queue->rx, queue->rx_channel);
    }
}

/*
 * True if there are @need requests.  If not there is going to be an event, or
 * a look from time to time, when there are.
 */
static bool have_requests(XenNetQueue *queue, unsigned need)
{
    XenNetDev *net = queue->dev;
    int pending = xen_netif_pending(&queue->rx);

    if (pending >= 0 && pending < need) {
        /* Before the event that another thread may get. */
        qatomic_set(&queue->rx_wanted, need);
        pending = xen_netif_want_event(&queue->rx, need);
    }
    if (pending < 0) {
        xen_net_shut(queue, "receive", "req_prod is out of range");
        return false;
    }
    if (pending >= need) {
        qatomic_set(&queue->rx_wanted, 0);
        return true;
    }
    stat64_add(&queue->stats.rx_waits, 1);
    if (!net->features.rx_notify) {
        timer_mod(net->rx_timer, qemu_clock_get_ms(QEMU_CLOCK_VIRTUAL) +
                                 XEN_NET_RX_POLL_MS);
    }
    return false;
}

/* What cannot be delivered, now or later: it counts as received and lost. */
static ssize_t drop(XenNetQueue *queue, const char *why, size_t size)
{
    trace_xen_net_rx_drop(queue->dev->dev, queue->index, size, why);
    stat64_add(&queue->stats.rx_dropped, 1);
    return size;
}

ssize_t xen_net_receive(NetClientState *nc, const uint8_t *buf, size_t size)
{
    XenNetDev *net = qemu_get_nic_opaque(nc);
    struct virtio_net_hdr header = { 0 };
    RxFrame frame = { .buf = buf, .size = size };
    XenNetQueue *queue;

    if (!net->nr_queues || qatomic_read(&net->broken)) {
        return drop(&net->queue[0], "not connected", size);
    }
    if (!qatomic_read(&net->running)) {
        return 0;
    }
    if (net->vnet_hdr) {
        if (size < XEN_NET_HEADER) {
            return drop(&net->queue[0], "short", size);
        }
        memcpy(&header, buf, XEN_NET_HEADER);
        frame.buf += XEN_NET_HEADER;
        frame.size -= XEN_NET_HEADER;
    }
    if (frame.size < XEN_NETIF_MIN_FRAME) {
        return drop(&net->queue[0], "short", size);
    }
    queue = choose_queue(net, nc, frame.buf, frame.size);
    if (!xen_net_mcast_wanted(net, frame.buf)) {
        stat64_add(&queue->stats.rx_filtered, 1);
        return size;
    }
    frame.nr_parts = DIV_ROUND_UP(frame.size, XEN_NETIF_PAGE_SIZE);
    if (frame.nr_parts > (net->features.sg ? XEN_NETIF_RX_SLOTS : 1) ||
        frame.size > NET_BUFSIZE) {
        return drop(queue, "too large", size);
    }
    if (!offload(net, &frame, &header)) {
        return drop(queue, "offload", size);
    }
    if (!have_requests(queue, frame.nr_parts + !!frame.gso_size)) {
        return qatomic_read(&net->broken) ? drop(queue, "shut", size) : 0;
    }
    trace_xen_net_rx(net->dev, queue->index, frame.size, frame.nr_parts,
                     frame.flags, frame.gso_size);
    deliver(queue, &frame);
    return size;
}

/* ---------------------------------------------------------- waiting frames */

static void flush(XenNetDev *net, unsigned client)
{
    qemu_flush_queued_packets(qemu_get_subqueue(net->nic, client));
}

void xen_net_rx_flush(XenNetDev *net)
{
    for (unsigned i = 0; xen_net_owns_nic(net) && i < net->nr_clients; i++) {
        flush(net, i);
    }
}

/* True if a frame waited, and now there is room for it. */
static bool look(XenNetQueue *queue)
{
    XenNetDev *net = queue->dev;
    int pending;

    if (!queue->rx_wanted || !qatomic_read(&net->running) ||
        qatomic_read(&net->broken)) {
        return false;
    }
    pending = xen_netif_pending(&queue->rx);
    if (pending >= 0 && pending < queue->rx_wanted) {
        return false;
    }
    qatomic_set(&queue->rx_wanted, 0);
    if (pending < 0) {
        xen_net_shut(queue, "receive", "req_prod is out of range");
    }
    /* With fewer clients than queues it may be any of them that waits. */
    xen_net_rx_flush(net);
    return true;
}

bool xen_net_rx_event(void *opaque)
{
    XenNetQueue *queue = opaque;

    stat64_add(&queue->stats.events_in, 1);
    return look(queue);
}

void xen_net_rx_bh(void *opaque)
{
    look(opaque);
}

bool xen_net_event(void *opaque)
{
    XenNetQueue *queue = opaque;
    bool sent = xen_net_tx_event(queue);

    /* The receive ring is the main thread's. */
    if (queue->ctx == qemu_get_aio_context()) {
        return look(queue) || sent;
    }
    if (qatomic_read(&queue->rx_wanted)) {
        qemu_bh_schedule(queue->rx_bh);
    }
    return sent;
}

void xen_net_rx_poll(void *opaque)
{
    XenNetDev *net = opaque;

    for (unsigned i = 0; i < net->nr_queues; i++) {
        XenNetQueue *queue = &net->queue[i];

        if (!look(queue) && queue->rx_wanted) {
            timer_mod(net->rx_timer, qemu_clock_get_ms(QEMU_CLOCK_VIRTUAL) +
                                     XEN_NET_RX_POLL_MS);
        }
    }
}
