/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A queue: see queue.h
 */
#include "qemu/osdep.h"
#include "qemu/defer-call.h"
#include "qemu/main-loop.h"
#include "qemu/memalign.h"
#include "qemu/units.h"
#include "qapi/error.h"
#include "qemu/aio-wait.h"
#include "hw/xen/emu/grant.h"
#include "hw/xen/interface/io/blkif.h"
#include "queue.h"
#include "request.h"
#include "trace.h"

struct XenBlkQueue {
    XenBlkQueueBase base;
    AioContext *ctx;
    XenEventChannel *channel;
    QEMUBH *bh;
    XenBlkRing ring;
    XenGrantMap *ring_pages;

    /* Of its context's thread only */
    unsigned in_flight;
    size_t bytes;               /* in buffers of requests in flight */
    size_t kept_bytes;          /* in buffers of free requests */
    size_t max_bytes;
    XenBlkIo *held;             /* taken from the ring, not in flight yet */
    bool barrier;               /* one is in flight, alone */
    bool failed;                /* one has, at some time */
    unsigned failed_at;         /* owner->resumes when one failed last */
    bool waiting;               /* look at the ring when a request has ended */
    bool broken;
    bool told_idle;
    bool push_deferred;         /* to the end of a defer_call() section */
    QSIMPLEQ_HEAD(, XenBlkIo) free, retry;

    bool idle;                  /* of the main thread */
};

static XenBlkQueue *queue_of(const XenBlkIo *io)
{
    return container_of(io->queue, XenBlkQueue, base);
}

/* --------------------------------------------------------------- answers -- */

/*
 * The event comes with the answers: a guest that has found them by itself takes
 * one that comes later for spurious, and Linux then delays the next.
 */
static void push_answers(void *opaque)
{
    XenBlkQueue *q = opaque;
    bool event;

    q->push_deferred = false;
    if (q->base.stopping) {
        /* The ring is not ours any more; idle may have waited for this. */
        qemu_bh_schedule(q->bh);
        return;
    }
    event = xen_blk_ring_push(&q->ring);
    trace_xen_blk_push(q, event);
    if (event) {
        /* It fails only when the guest has closed its port. */
        xen_device_notify_event_channel(q->base.owner->xendev, q->channel,
                                        NULL);
    }
}

/*
 * Requests that the block layer ends together are answered together: the guest
 * is then interrupted once for all of them.
 */
static void answer(XenBlkQueue *q, const XenBlkRequest *req, int16_t status)
{
    trace_xen_blk_answer(req->id, req->op, status);
    xen_blk_ring_answer(&q->ring, req, status);
    q->push_deferred = true;
    defer_call(push_answers, q);
}

static void put_back(XenBlkQueue *q, XenBlkIo *io)
{
    if (q->kept_bytes + io->buf_size > q->max_bytes) {
        qemu_vfree(io->buf);
        io->buf = NULL;
        io->buf_size = 0;
    }
    q->kept_bytes += io->buf_size;
    QSIMPLEQ_INSERT_HEAD(&q->free, io, next);
}

static XenBlkIo *get_free(XenBlkQueue *q)
{
    XenBlkIo *io = QSIMPLEQ_FIRST(&q->free);

    if (!io) {
        return xen_blk_io_new(&q->base);
    }
    QSIMPLEQ_REMOVE_HEAD(&q->free, next);
    q->kept_bytes -= io->buf_size;
    return io;
}

static void leave_flight(XenBlkIo *io)
{
    XenBlkQueue *q = queue_of(io);

    q->in_flight--;
    if (q->waiting || q->base.stopping) {
        qemu_bh_schedule(q->bh);
    }
}

/* XenBlkQueueBase.end */
static void end_request(XenBlkIo *io, int16_t status)
{
    XenBlkQueue *q = queue_of(io);

    if (!q->base.stopping && !q->broken) {
        answer(q, &io->req, status);
    }
    if (io->req.op == BLKIF_OP_WRITE_BARRIER) {
        q->barrier = false;
    }
    q->bytes -= xen_blk_io_bytes(io);
    leave_flight(io);
    put_back(q, io);
}

/* XenBlkQueueBase.retry_later */
static void retry_later(XenBlkIo *io, bool failed)
{
    XenBlkQueue *q = queue_of(io);

    QSIMPLEQ_INSERT_TAIL(&q->retry, io, next);
    if (failed) {
        q->failed = true;
        q->failed_at = qatomic_read(&q->base.owner->resumes);
    }
    leave_flight(io);
}

/* -------------------------------------------------------------- requests -- */

/* The held request may start. */
static bool has_room(const XenBlkQueue *q)
{
    const XenBlkIo *io = q->held;

    if (q->in_flight == 0 && QSIMPLEQ_EMPTY(&q->retry)) {
        return true;
    }
    return io->req.op != BLKIF_OP_WRITE_BARRIER &&
           q->bytes + xen_blk_io_bytes(io) <= q->max_bytes;
}

static void start_held(XenBlkQueue *q)
{
    XenBlkIo *io = q->held;

    q->held = NULL;
    q->in_flight++;
    q->bytes += xen_blk_io_bytes(io);
    q->barrier = io->req.op == BLKIF_OP_WRITE_BARRIER;
    xen_blk_io_start(io);
}

static void take_request(XenBlkQueue *q)
{
    XenBlkIo *io = get_free(q);
    bool well_formed = xen_blk_ring_take(&q->ring, &io->req);
    int16_t status = xen_blk_io_check(io, well_formed);

    trace_xen_blk_request(io->req.id, io->req.op, io->req.sector,
                          io->req.nr_sectors);
    if (status == BLKIF_RSP_OKAY) {
        q->held = io;
    } else {
        answer(q, &io->req, status);
        put_back(q, io);
    }
}

static void retry_all(XenBlkQueue *q)
{
    XenBlkIo *io;

    if (q->failed && q->failed_at == qatomic_read(&q->base.owner->resumes)) {
        /* The VM is about to stop. */
        return;
    }
    while ((io = QSIMPLEQ_FIRST(&q->retry))) {
        QSIMPLEQ_REMOVE_HEAD(&q->retry, next);
        q->in_flight++;
        xen_blk_io_start(io);
    }
}

/* Takes the next request or starts it.  False: nothing more can be done now. */
static bool advance(XenBlkQueue *q)
{
    int nr;

    if (q->barrier) {
        q->waiting = true;
        return false;
    }
    if (q->held) {
        if (!has_room(q)) {
            q->waiting = true;
            return false;
        }
        start_held(q);
        return true;
    }
    nr = xen_blk_ring_pending(&q->ring);
    if (nr < 0) {
        q->broken = true;
        q->base.owner->broken(q->base.owner);
        return false;
    }
    if (!nr) {
        /*
         * First, since it takes a while: what the guest adds meanwhile is found
         * below without an event.
         */
        xen_blk_merge_submit(&q->base.merge);
        return xen_blk_ring_ask_event(&q->ring);
    }
    take_request(q);
    return true;
}

/* True: something was done. */
static bool run_queue(XenBlkQueue *q)
{
    XenBlkQueueOwner *owner = q->base.owner;
    /*
     * A request takes two turns, and a guest that keeps adding some or plays
     * with the index gets the rest in a later round of the event loop.
     */
    unsigned budget = 2 * q->ring.size;
    bool any = false;

    q->waiting = false;
    if (q->base.stopping || q->broken || qatomic_read(&owner->drained) ||
        qatomic_read(&owner->paused)) {
        return false;
    }
    defer_call_begin();
    retry_all(q);
    while (advance(q)) {
        any = true;
        if (!--budget) {
            qemu_bh_schedule(q->bh);
            break;
        }
    }
    xen_blk_merge_submit(&q->base.merge);
    defer_call_end();
    return any;
}

static bool queue_event(void *opaque)
{
    return run_queue(opaque);
}

static void become_idle(void *opaque)
{
    XenBlkQueue *q = opaque;

    q->idle = true;
    q->base.owner->idle(q->base.owner);
}

static void queue_bh(void *opaque)
{
    XenBlkQueue *q = opaque;

    if (!q->base.stopping) {
        run_queue(q);
    } else if (!q->in_flight && !q->push_deferred && !q->told_idle) {
        q->told_idle = true;
        /*
         * The last that this thread does with the queue: the main loop may free
         * it before this function returns.
         */
        aio_bh_schedule_oneshot(qemu_get_aio_context(), become_idle, q);
    }
}

/* ------------------------------------------------------------------ life -- */

static void nothing(void *opaque)
{
}

void xen_blk_queue_sync(XenBlkQueue *q)
{
    if (q->ctx != qemu_get_aio_context()) {
        aio_wait_bh_oneshot(q->ctx, nothing, NULL);
    }
}

static bool map_ring(XenBlkQueue *q, XenBlkAbi abi, const uint32_t *refs,
                     unsigned nr_refs, Error **errp)
{
    uint8_t *page[XEN_BLK_MAX_RING_PAGES];
    int16_t status;

    q->ring_pages = xen_grant_map(q->base.owner->xendev->frontend_id, refs,
                                  nr_refs, true, &status);
    if (!q->ring_pages) {
        error_setg(errp, "the ring's grants (%u%s) are not good: %s", refs[0],
                   nr_refs > 1 ? " and on" : "", xen_grant_strstatus(status));
        return false;
    }
    for (unsigned i = 0; i < nr_refs; i++) {
        page[i] = xen_grant_map_page(q->ring_pages, i);
    }
    if (xen_blk_ring_init(&q->ring, abi, page, nr_refs) < 0) {
        error_setg(errp, "the ring's indices are impossible");
        return false;
    }
    return true;
}

XenBlkQueue *xen_blk_queue_new(XenBlkQueueOwner *owner, AioContext *ctx,
                               XenBlkAbi abi, const uint32_t *refs,
                               unsigned nr_refs, uint32_t port, Error **errp)
{
    ERRP_GUARD();
    XenBlkQueue *q = g_new0(XenBlkQueue, 1);

    q->base = (XenBlkQueueBase) {
        .owner = owner,
        .end = end_request,
        .retry_later = retry_later,
    };
    xen_blk_merge_init(&q->base.merge, owner);
    q->ctx = ctx;
    q->max_bytes = XEN_BLK_MAX_BYTES / owner->nr_queues;
    QSIMPLEQ_INIT(&q->free);
    QSIMPLEQ_INIT(&q->retry);

    if (!map_ring(q, abi, refs, nr_refs, errp)) {
        goto fail;
    }
    q->bh = aio_bh_new(ctx, queue_bh, q);
    q->channel = xen_device_bind_event_channel(owner->xendev, port,
                                               queue_event, q, errp);
    if (!q->channel) {
        error_prepend(errp, "event channel %u: ", port);
        goto fail;
    }
    /* Not in the main loop, where binding put it. */
    xen_device_set_event_channel_context(owner->xendev, q->channel, NULL,
                                         &error_abort);
    return q;

fail:
    xen_blk_queue_free(q);
    return NULL;
}

void xen_blk_queue_start(XenBlkQueue *q)
{
    xen_device_set_event_channel_context(q->base.owner->xendev, q->channel, q->ctx,
                                         &error_abort);
    /* What came before its event could be seen. */
    qemu_bh_schedule(q->bh);
}

void xen_blk_queue_kick(XenBlkQueue *q)
{
    qemu_bh_schedule(q->bh);
}

static void drop_waiting(XenBlkQueue *q)
{
    XenBlkIo *io;

    while ((io = QSIMPLEQ_FIRST(&q->retry))) {
        QSIMPLEQ_REMOVE_HEAD(&q->retry, next);
        q->bytes -= xen_blk_io_bytes(io);
        put_back(q, io);
    }
    if (q->held) {
        put_back(q, q->held);
        q->held = NULL;
    }
}

/*
 * In the queue's own context, so that the handler is not running, and does not
 * run any more when this has returned.
 */
static void stop_in_context(void *opaque)
{
    XenBlkQueue *q = opaque;

    xen_device_set_event_channel_context(q->base.owner->xendev, q->channel, NULL,
                                         &error_abort);
    q->base.stopping = true;
    drop_waiting(q);
    qemu_bh_schedule(q->bh);
}

void xen_blk_queue_stop(XenBlkQueue *q)
{
    if (q->ctx == qemu_get_aio_context()) {
        stop_in_context(q);
    } else {
        aio_bh_schedule_oneshot(q->ctx, stop_in_context, q);
    }
}

/* ------------------------------------------------------------- migration -- */

void xen_blk_queue_for_each_unanswered(const XenBlkQueue *q,
                                       XenBlkUnansweredFn *fn, void *opaque)
{
    const XenBlkIo *io;

    if (q->broken) {
        return;
    }
    QSIMPLEQ_FOREACH(io, &q->retry, next) {
        fn(&io->req, false, opaque);
    }
    if (q->held) {
        fn(&q->held->req, true, opaque);
    }
}

bool xen_blk_queue_restore(XenBlkQueue *q, const XenBlkRequest *req, bool held)
{
    XenBlkIo *io = get_free(q);

    if (!xen_blk_io_restore(io, req) || !xen_blk_ring_retake(&q->ring) ||
        (held && q->held)) {
        put_back(q, io);
        return false;
    }
    if (held) {
        q->held = io;
        return true;
    }
    QSIMPLEQ_INSERT_TAIL(&q->retry, io, next);
    q->bytes += xen_blk_io_bytes(io);
    q->barrier |= io->req.op == BLKIF_OP_WRITE_BARRIER;
    return true;
}

bool xen_blk_queue_is_idle(const XenBlkQueue *q)
{
    return q->idle;
}

void xen_blk_queue_free(XenBlkQueue *q)
{
    XenBlkIo *io;

    if (q->bh) {
        qemu_bh_delete(q->bh);
    }
    g_assert(!q->in_flight);
    /* Of a queue that was never started. */
    drop_waiting(q);
    if (q->channel) {
        xen_device_unbind_event_channel(q->base.owner->xendev, q->channel, NULL);
    }
    xen_grant_unmap(q->ring_pages);
    while ((io = QSIMPLEQ_FIRST(&q->free))) {
        QSIMPLEQ_REMOVE_HEAD(&q->free, next);
        xen_blk_io_free(io);
    }
    g_free(q);
}
