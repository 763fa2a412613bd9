/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inside queue.c and request.c
 */
#ifndef HW_XEN_PV_BLOCK_INTERNAL_H
#define HW_XEN_PV_BLOCK_INTERNAL_H

#include "qemu/queue.h"
#include "hw/xen/emu/grant.h"
#include "queue.h"

typedef struct XenBlkIo XenBlkIo;

/* A request on its way. */
struct XenBlkIo {
    XenBlkRequest req;
    XenBlkQueue *queue;
    QSIMPLEQ_ENTRY(XenBlkIo) next;      /* in free or retry */
    bool flush;                 /* the step that is under way or next */
    uint64_t done;              /* bytes that a discard has come to */
    uint8_t *buf;               /* kept from one request to the next */
    size_t buf_size;
    QEMUIOVector iov;
    BlockAcctCookie acct;
};

struct XenBlkQueue {
    XenBlkQueueOwner *owner;
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
    unsigned failed_at;         /* owner->resumes when one failed last */
    bool waiting;               /* look at the ring when a request has ended */
    bool broken;
    bool stopping;
    bool told_idle;
    QSIMPLEQ_HEAD(, XenBlkIo) free, retry;

    bool idle;                  /* of the main thread */
};

/* ------------------------------------------------------------ request.c -- */

static inline size_t xen_blk_io_bytes(const XenBlkIo *io)
{
    return io->req.nr_segments ? io->req.nr_sectors * XEN_BLK_SECTOR_SIZE : 0;
}

XenBlkIo *xen_blk_io_new(XenBlkQueue *q);
void xen_blk_io_free(XenBlkIo *io);
/*
 * Completes and checks a request that was taken; @well_formed as
 * xen_blk_ring_take() said.  BLKIF_RSP_OKAY, or what to answer.
 */
int16_t xen_blk_io_check(XenBlkIo *io, bool well_formed);
/* Its first step.  xen_blk_queue_end() comes, now or later. */
void xen_blk_io_start(XenBlkIo *io);
/* The step that failed, again. */
void xen_blk_io_retry(XenBlkIo *io);

/* -------------------------------------------------------------- queue.c -- */

/* A request in flight has come to its end: answers it with @status. */
void xen_blk_queue_end(XenBlkIo *io, int16_t status);
/* It failed, and is to be tried again when the VM continues. */
void xen_blk_queue_retry_later(XenBlkIo *io);

#endif
