/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What queues and their requests need of their device
 *
 * It belongs to the device, which outlives its queues.
 */
#ifndef HW_XEN_PV_BLOCK_OWNER_H
#define HW_XEN_PV_BLOCK_OWNER_H

#include "hw/xen/xen-bus.h"
#include "system/block-backend.h"
#include "protocol.h"

typedef struct XenBlkQueueOwner {
    XenDevice *xendev;
    BlockBackend *blk;
    unsigned nr_queues;
    /* Requests are checked against it.  "sectors" changes: atomic. */
    XenBlkDisk disk;
    /* The largest request that the disk below does in one piece.  Atomic. */
    uint32_t max_transfer;
    int max_iov;
    /* Not 0, true: nothing is taken from rings.  Atomic; then kick. */
    int drained;
    bool paused;
    /* How often the VM has continued: failed requests wait for the next. */
    unsigned resumes;
    /*
     * The ring is broken; the queue takes nothing any more.  Called in the
     * queue's AioContext.
     */
    void (*broken)(struct XenBlkQueueOwner *owner);
    /* A queue that was stopped has become idle.  Main loop, BQL. */
    void (*idle)(struct XenBlkQueueOwner *owner);
} XenBlkQueueOwner;

#endif
