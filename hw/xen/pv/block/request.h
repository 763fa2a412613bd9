/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A request of a queue: its data, its steps, its errors
 *
 * See queue.h for the life of a request.  What becomes of one that has ended or
 * failed is its queue's to say: a request knows no more of it than
 * XenBlkQueueBase.
 *
 * All functions: the queue's AioContext.
 */
#ifndef HW_XEN_PV_BLOCK_REQUEST_H
#define HW_XEN_PV_BLOCK_REQUEST_H

#include "qemu/iov.h"
#include "qemu/queue.h"
#include "block/accounting.h"
#include "hw/xen/emu/grant.h"
#include "merge.h"
#include "owner.h"
#include "protocol.h"

/* The most that one step of a discard covers. */
#define XEN_BLK_DISCARD_STEP    (1 * GiB)

/*
 * Data of a request from this size on goes directly between the disk and the
 * guest's pages, which are mapped for as long as it is in flight.  Smaller ones
 * are copied: mapping a page costs about as much as copying it.
 */
#define XEN_BLK_MAP_BYTES       (32 * KiB)

typedef struct XenBlkIo XenBlkIo;

/* The part of a queue that its requests use. */
typedef struct XenBlkQueueBase {
    XenBlkQueueOwner *owner;
    /* Of the queue's context only.  True: nothing more is begun or copied. */
    bool stopping;
    /* Of a turn; empty between turns. */
    XenBlkMerge merge;
    /* A request in flight has come to its end: answers it with @status. */
    void (*end)(XenBlkIo *io, int16_t status);
    /*
     * It is to go on when the VM continues: it @failed, or the VM is stopped and
     * another step would be in flight after QEMU has drained.
     */
    void (*retry_later)(XenBlkIo *io, bool failed);
} XenBlkQueueBase;

/* A request on its way. */
struct XenBlkIo {
    XenBlkRequest req;
    XenBlkQueueBase *queue;
    QSIMPLEQ_ENTRY(XenBlkIo) next;      /* in free or retry */
    bool started;               /* its data are in buf, or were mapped */
    bool flush;                 /* the step that is under way or next */
    uint64_t done;              /* bytes that a discard has come to */
    uint8_t *buf;               /* kept from one request to the next */
    size_t buf_size;
    XenGrantMap *map;           /* the guest's pages, in flight only */
    QEMUIOVector iov;           /* of buf */
    QEMUIOVector pages;         /* of map; its array is kept */
    XenBlkPart part;            /* a read or write below */
    BlockAcctCookie acct;
};

static inline size_t xen_blk_io_bytes(const XenBlkIo *io)
{
    return io->req.nr_segments ? io->req.nr_sectors * XEN_BLK_SECTOR_SIZE : 0;
}

XenBlkIo *xen_blk_io_new(XenBlkQueueBase *queue);
void xen_blk_io_free(XenBlkIo *io);
/*
 * Completes and checks a request that was taken; @well_formed as
 * xen_blk_ring_take() said.  BLKIF_RSP_OKAY, or what to answer.
 */
int16_t xen_blk_io_check(XenBlkIo *io, bool well_formed);
/*
 * One that another QEMU had taken, checked, and not answered: from the start,
 * since doing some of it twice changes nothing until it is answered.  False: it
 * is none that this disk could have.
 */
bool xen_blk_io_restore(XenBlkIo *io, const XenBlkRequest *req);
/*
 * Its first step; or, after retry_later(), the one that is next or failed.
 * Between these two nothing of the guest's is mapped: its grants may be saved.
 * The queue's end() or retry_later() is called, now or later.  A read or write is
 * collected: submitted at the latest when the caller submits queue->merge.
 */
void xen_blk_io_start(XenBlkIo *io);

#endif
