/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vif: the transmit ring, from which frames go to QEMU's network layer (out.c)
 */
#include "qemu/osdep.h"
#include "qemu/lockable.h"
#include "qemu/units.h"
#include "hw/xen/emu/grant.h"
#include "xen-net.h"
#include "hw/xen/interface/grant_table.h"
#include "trace.h"

/* Copies the frame's parts from the guest to @to. */
static bool gather(XenNetDev *net, const XenNetifTxFrame *frame, uint8_t *to)
{
    XenGrantSeg seg[XEN_NETIF_TX_SLOTS];
    unsigned nr = 0;

    for (unsigned i = 0; i < frame->nr_parts; i++) {
        const XenNetifPart *part = &frame->part[i];

        if (part->size) {
            seg[nr++] = (XenGrantSeg) {
                .ref = part->gref,
                .offset = part->offset,
                .len = part->size,
                .data = to,
            };
            to += part->size;
        }
    }
    return xen_grant_copy(net->xendev.frontend_id, seg, nr) == GNTST_okay;
}

/*
 * Fills in @header and, in the frame, what the guest left to others.  False:
 * the guest wants something that cannot be done with this frame.
 */
static bool offload(XenNetDev *net, const XenNetifTxFrame *frame, uint8_t *buf,
                    struct virtio_net_hdr *header)
{
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

/* @place: see xen_net_out_place(). */
static int16_t handle_frame(XenNetQueue *queue, const XenNetifTxFrame *frame,
                            uint8_t *place)
{
    uint8_t *buf = place + XEN_NET_HEADER;
    struct virtio_net_hdr header;

    if (frame->gso_size && !queue->dev->vnet_hdr) {
        /* It was not offered. */
        stat64_add(&queue->stats.tx_errors, 1);
        return NETIF_RSP_ERROR;
    }
    if (!gather(queue->dev, frame, buf)) {
        trace_xen_net_tx_bad(queue->dev->dev, queue->index, "copy failed");
        stat64_add(&queue->stats.tx_errors, 1);
        return NETIF_RSP_ERROR;
    }
    if (offload(queue->dev, frame, buf, &header)) {
        memcpy(place, &header, XEN_NET_HEADER);
        xen_net_out_add(queue, frame->size);
    } else {
        trace_xen_net_tx_bad(queue->dev->dev, queue->index, "offload");
        stat64_add(&queue->stats.tx_dropped, 1);
    }
    return NETIF_RSP_OKAY;
}

static int16_t handle(XenNetQueue *queue, XenNetifTx kind,
                      const XenNetifTxFrame *frame, uint8_t *place)
{
    trace_xen_net_tx(queue->dev->dev, queue->index, frame->size,
                     frame->nr_parts, frame->flags, frame->gso_size);
    switch (kind) {
    case XEN_NETIF_FRAME:
        return handle_frame(queue, frame, place);
    case XEN_NETIF_MCAST:
        return xen_net_mcast_change(queue->dev, frame->mcast,
                                    frame->mcast_add) ?
            NETIF_RSP_OKAY : NETIF_RSP_ERROR;
    default:
        trace_xen_net_tx_bad(queue->dev->dev, queue->index, frame->why);
        stat64_add(&queue->stats.tx_errors, 1);
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

static bool may_take(const XenNetQueue *queue)
{
    return qatomic_read(&queue->dev->running) &&
        !qatomic_read(&queue->dev->broken) && queue->tx_page;
}

void xen_net_tx_timer(void *opaque)
{
    XenNetQueue *queue = opaque;

    QEMU_LOCK_GUARD(&queue->lock);
    /* When the VM stopped, all were sent. */
    if (may_take(queue) && xen_netif_push_answers(&queue->tx)) {
        xen_net_notify(queue, &queue->tx, queue->tx_channel);
    }
}

void xen_net_tx_stop(XenNetQueue *queue)
{
    QEMU_LOCK_GUARD(&queue->lock);
    if (queue->tx_page && !qatomic_read(&queue->dev->broken) &&
        xen_netif_push_answers(&queue->tx)) {
        timer_del(queue->tx_timer);
        xen_net_notify(queue, &queue->tx, queue->tx_channel);
    }
}

/* True: the ring is empty, and an event comes when that changes. */
static bool sleep_until_event(XenNetQueue *queue)
{
    push(queue);
    return xen_netif_want_event(&queue->tx, 1) == 0;
}

/* One turn; true if it found a request. */
static bool turn(XenNetQueue *queue)
{
    XenNetifTxFrame frame;
    unsigned frames = 0, looks = 0;
    size_t bytes = 0;

    QEMU_LOCK_GUARD(&queue->lock);
    while (may_take(queue)) {
        XenNetifTx kind;
        uint8_t *place;

        if (frames + looks == XEN_NET_TURN_FRAMES ||
            bytes >= XEN_NET_TURN_BYTES) {
            stat64_add(&queue->stats.tx_turns, 1);
            qemu_bh_schedule(queue->tx_bh);
            break;
        }
        place = xen_net_out_place(queue);
        if (!place) {
            break;
        }
        kind = xen_netif_tx_take(&queue->tx, &frame);
        if (kind == XEN_NETIF_FATAL) {
            xen_net_shut(queue, "transmit", frame.why);
            break;
        }
        if (kind == XEN_NETIF_EMPTY) {
            xen_net_out_hand_over(queue);
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
        xen_netif_tx_answer(&queue->tx, &frame,
                            handle(queue, kind, &frame, place));
    }
    /* First: a guest that sees an answer may rely on the frame's being sent. */
    xen_net_out_hand_over(queue);
    if (queue->tx_page && !qatomic_read(&queue->dev->broken)) {
        push(queue);
    }
    return frames > 0;
}

bool xen_net_tx_event(void *opaque)
{
    XenNetQueue *queue = opaque;

    stat64_add(&queue->stats.events_in, 1);
    return turn(queue);
}

void xen_net_tx_bh(void *opaque)
{
    turn(opaque);
}
