/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PV devices: which thread handles which queue
 *
 * What the properties of a device say: "iothread", one for all queues, or
 * "iothread-vq-mapping", a list as virtio-blk has it, or neither, and the main
 * loop handles all of them.
 *
 * Main loop's thread, BQL held.
 */
#ifndef HW_XEN_PV_THREADS_H
#define HW_XEN_PV_THREADS_H

#include "qapi/qapi-types-virtio.h"
#include "qemu/aio.h"
#include "system/iothread.h"

typedef struct XenPvThreads {
    AioContext **ctx;           /* of each queue; valid until cleanup */
    GPtrArray *used;            /* of the list, with a reference each */
} XenPvThreads;

/*
 * In realize().  Both properties may be NULL.  False with *errp: both are given,
 * or the list does not fit the number of queues or names no iothread.
 */
bool xen_pv_threads_init(XenPvThreads *t, IOThread *iothread,
                         IOThreadVirtQueueMappingList *mapping,
                         unsigned nr_queues, Error **errp);
/* In unrealize(), also if realize() failed; no queue is in use. */
void xen_pv_threads_cleanup(XenPvThreads *t);

#endif
