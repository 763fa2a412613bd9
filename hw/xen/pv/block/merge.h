/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Adjacent reads, or writes, of a queue as one request of the block layer
 *
 * A front end cuts what its guest wants into requests of a limited size: Linux
 * makes eight of 1 MiB.  Of those that a queue takes in one turn, each that begins
 * where the one before it ends, and does the same, is collected with it; the
 * block layer gets what was collected as one request, before anything else and at
 * the end of the turn.  So nothing waits for a request that may not come.
 *
 * Order: requests come to the block layer in that of the ring.  What overlaps is
 * not adjacent, so it is never in one request, and neither comes earlier.
 *
 * Errors: if one of several parts fails, so does the whole, and it does not say
 * which it was.  The parts are then done again, each alone, and each gets its
 * own result.  To write the same data twice before the answer is what a disk
 * may do anyway.
 *
 * Bounds: XEN_BLK_MERGE_BYTES, and what the disk below takes at once.
 *
 * All functions: the queue's AioContext.
 */
#ifndef HW_XEN_PV_BLOCK_MERGE_H
#define HW_XEN_PV_BLOCK_MERGE_H

#include "qemu/iov.h"
#include "qemu/queue.h"
#include "qemu/units.h"
#include "owner.h"

#define XEN_BLK_MERGE_BYTES     (1 * MiB)

/* A read or write that may become part of a larger one. */
typedef struct XenBlkPart XenBlkPart;
struct XenBlkPart {
    QSIMPLEQ_ENTRY(XenBlkPart) next;
    bool is_write;
    int64_t offset;             /* bytes */
    QEMUIOVector *data;         /* unchanged until it is done */
    /*
     * @ret: 0 or -errno.  Not @alone: the error may be another part's, and this
     * one is to be done by xen_blk_part_submit().
     */
    void (*done)(XenBlkPart *part, int ret, bool alone);
};

typedef QSIMPLEQ_HEAD(XenBlkParts, XenBlkPart) XenBlkParts;

/* What was collected: adjacent, in this order, all reads or all writes. */
typedef struct XenBlkMerge {
    XenBlkQueueOwner *owner;
    XenBlkParts parts;
    unsigned nr;
    size_t bytes;
    int niov;
} XenBlkMerge;

void xen_blk_merge_init(XenBlkMerge *m, XenBlkQueueOwner *owner);
/* Submits what was collected before if @part does not continue it. */
void xen_blk_merge_add(XenBlkMerge *m, XenBlkPart *part);
/* All that was collected; done() is called later. */
void xen_blk_merge_submit(XenBlkMerge *m);

/* By itself.  done() is called later. */
void xen_blk_part_submit(BlockBackend *blk, XenBlkPart *part,
                         BdrvRequestFlags flags);

#endif
