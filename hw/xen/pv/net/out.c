/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vif: frames of the guest, into QEMU's network layer
 *
 * In the main thread each frame is sent when it is complete.  An iothread puts
 * frames into one of two batches and hands it over to the main loop when it is
 * full or the ring is empty; so one is filled while the other is sent.  The two
 * threads share nothing but how many batches were handed over and came back.
 *
 * QEMU's network layer keeps a frame that the network does not take, without a limit if
 * somebody waits for it as we do.  So no other is sent before it is gone, be it that the
 * front end leaves or the VM stops: what a guest has waiting is two batches, also if it
 * connects again and again.
 */
#include "qemu/osdep.h"
#include "qemu/lockable.h"
#include "qemu/units.h"
#include "xen-net.h"

QEMU_BUILD_BUG_ON(NET_BUFSIZE < XEN_NETIF_MAX_TX_SIZE);

#define NR_BATCHES  2
/* A frame is added if there was room before; see XEN_NET_TURN_BYTES. */
#define BATCH_ROOM  (XEN_NET_TURN_BYTES + XEN_NET_FRAME_ROOM)

typedef struct Batch {
    unsigned nr, next;          /* frames; the first that was not sent */
    size_t used;
    struct {
        uint32_t at, size;
    } frame[XEN_NET_TURN_FRAMES];
    uint8_t *data;
} Batch;

struct XenNetOut {
    Batch batch[NR_BATCHES];
    unsigned handed_over;       /* by the iothread; atomic */
    unsigned returned;          /* by the main thread; atomic */
    bool starved;               /* the iothread waits for a batch; atomic */
    QEMUBH *bh;                 /* of the main loop */
};

/* -------------------------------------------------------- the network layer */

/*
 * All queues that send through @client go on, also one that is not connected any more:
 * it may have batches.
 */
static void resume(XenNetDev *net, unsigned client)
{
    for (unsigned i = 0; i < net->max_queues; i++) {
        XenNetQueue *queue = &net->queue[i];
        QEMUBH *bh = queue->out ? queue->out->bh : queue->tx_bh;

        if (bh && xen_net_client(queue)->queue_index == client) {
            qemu_bh_schedule(bh);
        }
    }
}

/* The network took a frame that it had kept; or 0, the link went down. */
static void sent(NetClientState *nc, ssize_t ret)
{
    XenNetDev *net = qemu_get_nic_opaque(nc);
    unsigned client = nc->queue_index;

    /* 0 already: see xen_net_out_unblock(). */
    if (net->blocked[client] && !--net->blocked[client]) {
        resume(net, client);
    }
}

/* @frame has a header, and @size does not count it. */
static void send_frame(XenNetQueue *queue, const uint8_t *frame, size_t size)
{
    XenNetDev *net = queue->dev;
    NetClientState *nc = xen_net_client(queue);

    if (nc->link_down || !nc->peer || !xen_net_owns_nic(net)) {
        stat64_add(&queue->stats.tx_dropped, 1);
        return;
    }
    stat64_add(&queue->stats.tx_frames, 1);
    stat64_add(&queue->stats.tx_bytes, size);
    if (net->vnet_hdr) {
        size += XEN_NET_HEADER;
    } else {
        frame += XEN_NET_HEADER;
    }
    if (!qemu_send_packet_async(nc, frame, size, sent)) {
        net->blocked[nc->queue_index]++;
        stat64_add(&queue->stats.tx_waits, 1);
    }
}

static bool is_blocked(const XenNetQueue *queue)
{
    return queue->dev->blocked[xen_net_client(queue)->queue_index];
}

void xen_net_out_unblock(XenNetDev *net, unsigned client)
{
    net->blocked[client] = 0;
    resume(net, client);
}

/* ------------------------------------------------------------ the main loop */

/* The oldest batch that was handed over, or NULL. */
static Batch *next_batch(XenNetOut *out)
{
    return out->returned == qatomic_load_acquire(&out->handed_over) ? NULL :
           &out->batch[out->returned % NR_BATCHES];
}

static void return_batch(XenNetQueue *queue, Batch *batch)
{
    XenNetOut *out = queue->out;

    batch->nr = batch->next = batch->used = 0;
    qatomic_store_release(&out->returned, out->returned + 1);
    /* The iothread says that it waits, and then looks for a batch again. */
    smp_mb();
    if (qatomic_read(&out->starved)) {
        qatomic_set(&out->starved, false);
        WITH_QEMU_LOCK_GUARD(&queue->lock) {
            if (queue->tx_bh) {
                qemu_bh_schedule(queue->tx_bh);
            }
        }
    }
}

/* False: the network is slow, and more can be sent when it is ready. */
static bool send_batch(XenNetQueue *queue, Batch *batch)
{
    while (batch->next < batch->nr) {
        unsigned i = batch->next;

        if (is_blocked(queue)) {
            return false;
        }
        batch->next++;
        send_frame(queue, batch->data + batch->frame[i].at,
                   batch->frame[i].size);
    }
    return_batch(queue, batch);
    return true;
}

static void out_bh(void *opaque)
{
    XenNetQueue *queue = opaque;
    Batch *batch = next_batch(queue->out);

    if (batch && send_batch(queue, batch) && next_batch(queue->out)) {
        /* Others that wait for the main loop come first. */
        qemu_bh_schedule(queue->out->bh);
    }
}

void xen_net_out_flush(XenNetQueue *queue)
{
    Batch *batch;

    while (queue->out && (batch = next_batch(queue->out)) &&
           send_batch(queue, batch)) {
        continue;
    }
}

/* ------------------------------------------------------- the queue's context */

/* The one that is being filled, or NULL: the main loop has all of them. */
static Batch *current_batch(XenNetOut *out)
{
    unsigned away = out->handed_over - qatomic_load_acquire(&out->returned);

    return away == NR_BATCHES ? NULL :
           &out->batch[out->handed_over % NR_BATCHES];
}

uint8_t *xen_net_out_place(XenNetQueue *queue)
{
    XenNetOut *out = queue->out;
    Batch *batch;

    if (!out) {
        return is_blocked(queue) ? NULL : queue->dev->tx_frame;
    }
    batch = current_batch(out);
    if (!batch) {
        qatomic_set(&out->starved, true);
        /* As in return_batch(). */
        smp_mb();
        batch = current_batch(out);
    }
    return batch ? batch->data + batch->used : NULL;
}

void xen_net_out_add(XenNetQueue *queue, size_t size)
{
    Batch *batch;

    if (!queue->out) {
        send_frame(queue, queue->dev->tx_frame, size);
        return;
    }
    batch = current_batch(queue->out);
    batch->frame[batch->nr].at = batch->used;
    batch->frame[batch->nr].size = size;
    batch->used += QEMU_ALIGN_UP(XEN_NET_HEADER + size, sizeof(uint64_t));
    batch->nr++;
    if (batch->nr == XEN_NET_TURN_FRAMES || batch->used >= XEN_NET_TURN_BYTES) {
        xen_net_out_hand_over(queue);
    }
}

void xen_net_out_hand_over(XenNetQueue *queue)
{
    XenNetOut *out = queue->out;
    Batch *batch = out ? current_batch(out) : NULL;

    if (!batch || !batch->nr) {
        return;
    }
    stat64_add(&queue->stats.tx_batches, 1);
    qatomic_store_release(&out->handed_over, out->handed_over + 1);
    qemu_bh_schedule(out->bh);
}

/* ----------------------------------------------------------------- its life */

void xen_net_out_init(XenNetQueue *queue)
{
    DeviceState *dev = DEVICE(queue->dev);

    if (queue->ctx == qemu_get_aio_context() || queue->out) {
        return;
    }
    queue->out = g_new0(XenNetOut, 1);
    for (unsigned i = 0; i < NR_BATCHES; i++) {
        queue->out->batch[i].data = g_malloc(BATCH_ROOM);
    }
    queue->out->bh = qemu_bh_new_guarded(out_bh, queue,
                                         &dev->mem_reentrancy_guard);
}

void xen_net_out_cleanup(XenNetQueue *queue)
{
    if (queue->out) {
        qemu_bh_delete(queue->out->bh);
        for (unsigned i = 0; i < NR_BATCHES; i++) {
            g_free(queue->out->batch[i].data);
        }
        g_clear_pointer(&queue->out, g_free);
    }
}
