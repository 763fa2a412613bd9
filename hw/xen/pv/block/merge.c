/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Adjacent requests as one: see merge.h
 */
#include "qemu/osdep.h"
#include "qemu/defer-call.h"
#include "merge.h"
#include "trace.h"

/* In flight below. */
typedef struct Merged {
    XenBlkParts parts;
    QEMUIOVector data;
} Merged;

static void submit(BlockBackend *blk, bool is_write, int64_t offset,
                   QEMUIOVector *data, BdrvRequestFlags flags,
                   BlockCompletionFunc *done, void *opaque)
{
    if (is_write) {
        blk_aio_pwritev(blk, offset, data, flags, done, opaque);
    } else {
        blk_aio_preadv(blk, offset, data, flags, done, opaque);
    }
}

static void alone_done(void *opaque, int ret)
{
    XenBlkPart *part = opaque;

    part->done(part, ret, true);
}

void xen_blk_part_submit(BlockBackend *blk, XenBlkPart *part,
                         BdrvRequestFlags flags)
{
    submit(blk, part->is_write, part->offset, part->data, flags, alone_done,
           part);
}

static void merged_done(void *opaque, int ret)
{
    Merged *merged = opaque;
    XenBlkPart *part;

    qemu_iovec_destroy(&merged->data);
    /* Answers to all parts are shown together; or they go below together. */
    defer_call_begin();
    while ((part = QSIMPLEQ_FIRST(&merged->parts))) {
        QSIMPLEQ_REMOVE_HEAD(&merged->parts, next);
        part->done(part, ret, false);
    }
    defer_call_end();
    g_free(merged);
}

static void submit_merged(XenBlkMerge *m)
{
    BlockBackend *blk = m->owner->blk;
    XenBlkPart *first = QSIMPLEQ_FIRST(&m->parts);
    Merged *merged = g_new(Merged, 1);
    XenBlkPart *part;

    trace_xen_blk_merge(m->nr, first->is_write, first->offset, m->bytes);
    block_acct_merge_done(blk_get_stats(blk), first->is_write ?
                          BLOCK_ACCT_WRITE : BLOCK_ACCT_READ, m->nr - 1);
    qemu_iovec_init(&merged->data, m->niov);
    QSIMPLEQ_FOREACH(part, &m->parts, next) {
        qemu_iovec_concat(&merged->data, part->data, 0, part->data->size);
    }
    QSIMPLEQ_INIT(&merged->parts);
    QSIMPLEQ_CONCAT(&merged->parts, &m->parts);
    submit(blk, first->is_write, first->offset, &merged->data, 0, merged_done,
           merged);
}

void xen_blk_merge_submit(XenBlkMerge *m)
{
    XenBlkPart *first = QSIMPLEQ_FIRST(&m->parts);

    if (m->nr == 1) {
        QSIMPLEQ_INIT(&m->parts);
        xen_blk_part_submit(m->owner->blk, first, 0);
    } else if (m->nr) {
        submit_merged(m);
    }
    m->nr = 0;
    m->bytes = 0;
    m->niov = 0;
}

/* @part goes on where what was collected ends, and there is room for it. */
static bool continues(const XenBlkMerge *m, const XenBlkPart *part)
{
    const XenBlkPart *first = QSIMPLEQ_FIRST(&m->parts);
    size_t max_bytes = MIN(qatomic_read(&m->owner->max_transfer),
                           XEN_BLK_MERGE_BYTES);
    int max_iov = MIN(qatomic_read(&m->owner->max_iov), IOV_MAX);

    return part->is_write == first->is_write &&
           part->offset == first->offset + m->bytes &&
           m->bytes + part->data->size <= max_bytes &&
           m->niov + part->data->niov <= max_iov;
}

void xen_blk_merge_add(XenBlkMerge *m, XenBlkPart *part)
{
    if (m->nr && !continues(m, part)) {
        xen_blk_merge_submit(m);
    }
    QSIMPLEQ_INSERT_TAIL(&m->parts, part, next);
    m->nr++;
    m->bytes += part->data->size;
    m->niov += part->data->niov;
}

void xen_blk_merge_init(XenBlkMerge *m, XenBlkQueueOwner *owner)
{
    *m = (XenBlkMerge) { .owner = owner };
    QSIMPLEQ_INIT(&m->parts);
}
