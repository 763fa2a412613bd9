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
#include "owner.h"
#include "protocol.h"

/* The most that one step of a discard covers. */
#define XEN_BLK_DISCARD_STEP    (1 * GiB)

typedef struct XenBlkIo XenBlkIo;

/* The part of a queue that its requests use. */
typedef struct XenBlkQueueBase {
    XenBlkQueueOwner *owner;
    /* Of the queue's context only.  True: the guest's pages are left alone. */
    bool stopping;
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
    bool started;               /* its data are in buf */
    bool flush;                 /* the step that is under way or next */
    uint64_t done;              /* bytes that a discard has come to */
    uint8_t *buf;               /* kept from one request to the next */
    size_t buf_size;
    QEMUIOVector iov;
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
/* Its first step.  The queue's end() is called, now or later. */
void xen_blk_io_start(XenBlkIo *io);
/* The step that failed, again; or the first. */
void xen_blk_io_retry(XenBlkIo *io);

#endif
