/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A queue: one ring, its event channel, and the life of its requests
 *
 * The life of a queue:
 *
 *   new        ring mapped, channel bound; nothing is taken from the ring yet
 *   start      the ring's events are handled in the queue's AioContext
 *   stop       no event is handled any more, nothing more is taken; what is in
 *              flight goes on to its end below, but the ring is not touched
 *              again, and granted pages only by what is in flight
 *   idle       nothing is in flight any more: told to the device, once
 *   free       channel unbound, ring unmapped
 *
 * The life of a request: taken from the ring (copied and checked), held back
 * while too much is in flight or a barrier is, then in flight: one or more
 * steps one after the other (flush, write, pieces of a discard), each an
 * asynchronous request of the block layer, or a part of one (merge.h); then
 * answered.  With rerror=stop or werror=stop a failed one waits in "retry" until
 * the VM runs again.
 *
 * When the VM stops, nothing more is taken, and QEMU drains all disks: each
 * request in flight comes to the end of its step.  Then it is in one of these
 * places, and a VM that is saved goes on from there:
 *
 *   in the ring        not taken: it is taken where the VM is loaded
 *   held               taken and checked, not begun: saved
 *   retry, failed      saved, and done from the start
 *   retry, between     one of several steps has ended, and the next would be in
 *   two steps          flight after the drain: as above.  A flush, a write of
 *                      the same data or a discard that is done twice before its
 *                      answer is what a disk may do anyway.
 *   retry, part        a request that was made of several has failed, and each
 *                      would be done again by itself: as above
 *   answered           the answer is in the ring, its event was sent
 *
 * What was taken and not answered cannot be taken from the ring once more:
 * requests are answered in the order in which they end, and an answer lies in
 * the place of the oldest request, which may be another one.  So it is the
 * request itself that is saved, as it was checked; its data are the guest's, who
 * must not change them before there is an answer.
 *
 * Where it is loaded, the ring is attached where its last answer stands, and as
 * many requests as were saved count as taken.
 *
 * Threads: functions here are for the main loop's thread with the BQL held,
 * unless they say more; of them only xen_blk_queue_sync() polls the main
 * AioContext.  What happens to requests happens in the queue's AioContext,
 * without locks.  The block back end need not be at home there: since QEMU's
 * block layer takes requests from any thread, it stays where other users of the
 * node want it.
 *
 * Bounds: as many requests as the ring has places; see XEN_BLK_MAX_BYTES for
 * their data.
 */
#ifndef HW_XEN_PV_BLOCK_QUEUE_H
#define HW_XEN_PV_BLOCK_QUEUE_H

#include "qemu/aio.h"
#include "owner.h"
#include "protocol.h"

/*
 * Buffers of all queues of a disk, in bytes: those that are used, and as much
 * again that waits to be used.  A request that would be over it waits, unless
 * it is its queue's only one.
 */
#define XEN_BLK_MAX_BYTES       (16 * MiB)

typedef struct XenBlkQueue XenBlkQueue;

/*
 * @refs: @nr_refs grant references of the ring's pages; a power of two.
 * @port: the guest's end of the channel.  NULL and @errp: a grant or a port
 * that the guest does not have, or a ring that is broken from the start.
 */
XenBlkQueue *xen_blk_queue_new(XenBlkQueueOwner *owner, AioContext *ctx,
                               XenBlkAbi abi, const uint32_t *refs,
                               unsigned nr_refs, uint32_t port, Error **errp);
void xen_blk_queue_start(XenBlkQueue *q);
/* Has the queue look at its ring, in its own context.  Any thread. */
void xen_blk_queue_kick(XenBlkQueue *q);
/*
 * Returns when the queue heeds the owner's new "paused" or "drained".  Polls:
 * the queue may be gone then.
 */
void xen_blk_queue_sync(XenBlkQueue *q);
/*
 * Nothing of the guest's is touched any more once the queue is idle, which it
 * is not yet when this returns.
 */
void xen_blk_queue_stop(XenBlkQueue *q);

typedef void XenBlkUnansweredFn(const XenBlkRequest *req, bool held,
                                void *opaque);
/*
 * What was taken and not answered, in the order in which it is to go on.  The VM
 * is stopped and QEMU has drained.
 */
void xen_blk_queue_for_each_unanswered(const XenBlkQueue *q,
                                       XenBlkUnansweredFn *fn, void *opaque);
/*
 * One of these, before the queue is started, in that order.  False: the ring or
 * the disk does not have such a request.
 */
bool xen_blk_queue_restore(XenBlkQueue *q, const XenBlkRequest *req, bool held);
bool xen_blk_queue_is_idle(const XenBlkQueue *q);
/* The queue must be idle, or never have been started. */
void xen_blk_queue_free(XenBlkQueue *q);

#endif
