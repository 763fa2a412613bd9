/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A request: see request.h
 */
#include "qemu/osdep.h"
#include "qemu/memalign.h"
#include "qemu/units.h"
#include "hw/xen/interface/io/blkif.h"
#include "request.h"
#include "trace.h"

QEMU_BUILD_BUG_ON(XEN_BLK_DISCARD_STEP > BDRV_REQUEST_MAX_BYTES);
QEMU_BUILD_BUG_ON(XEN_BLK_MAX_SEGMENTS > XEN_GRANT_MAP_MAX);

static void io_step(XenBlkIo *io);

XenBlkIo *xen_blk_io_new(XenBlkQueueBase *queue)
{
    XenBlkIo *io = g_new0(XenBlkIo, 1);

    io->queue = queue;
    return io;
}

void xen_blk_io_free(XenBlkIo *io)
{
    g_assert(!io->map);
    qemu_vfree(io->buf);
    if (io->pages.iov) {
        qemu_iovec_destroy(&io->pages);
    }
    g_free(io);
}

/* ------------------------------------------------------------------ data -- */

static bool copied(XenBlkIo *io, XenGrantSeg *seg, unsigned nr)
{
    int16_t status = xen_grant_copy(io->queue->owner->xendev->frontend_id,
                                    seg, nr);

    if (status != GNTST_okay) {
        trace_xen_blk_copy_failed(io->req.id, xen_grant_strstatus(status));
    }
    return status == GNTST_okay;
}

/* Between the guest's pages and the buffer.  False: a grant is not good. */
static bool copy_data(XenBlkIo *io, bool to_guest)
{
    XenGrantSeg seg[XEN_BLK_MAX_SEGMENTS];
    uint8_t *buf = io->buf;

    for (unsigned i = 0; i < io->req.nr_segments; i++) {
        const XenBlkSegment *s = &io->req.seg[i];

        seg[i] = (XenGrantSeg) {
            .ref = s->gref,
            .offset = s->first * XEN_BLK_SECTOR_SIZE,
            .len = xen_blk_segment_sectors(s) * XEN_BLK_SECTOR_SIZE,
            .to_guest = to_guest,
            .data = buf,
        };
        buf += seg[i].len;
    }
    return copied(io, seg, io->req.nr_segments);
}

static bool read_indirect(XenBlkIo *io)
{
    uint8_t page[XEN_BLK_PAGE_SIZE];
    XenGrantSeg seg = {
        .ref = io->req.indirect_gref,
        .len = xen_blk_indirect_len(&io->req),
        .data = page,
    };

    if (!copied(io, &seg, 1)) {
        return false;
    }
    xen_blk_add_indirect(&io->req, page);
    return true;
}

static void use_buffer(XenBlkIo *io, size_t size)
{
    if (io->buf_size < size) {
        qemu_vfree(io->buf);
        io->buf = qemu_memalign(XEN_BLK_PAGE_SIZE, size);
        io->buf_size = size;
    }
    qemu_iovec_init_buf(&io->iov, io->buf, size);
}

static bool is_mapped_directly(const XenBlkIo *io)
{
    return xen_blk_io_bytes(io) >= XEN_BLK_MAP_BYTES;
}

static void add_page(QEMUIOVector *pages, uint8_t *data, size_t len)
{
    struct iovec *last = pages->niov ? &pages->iov[pages->niov - 1] : NULL;

    if (last && (uint8_t *)last->iov_base + last->iov_len == data) {
        last->iov_len += len;
        pages->size += len;
    } else {
        qemu_iovec_add(pages, data, len);
    }
}

/* False: a grant is not good. */
static bool map_data(XenBlkIo *io)
{
    const XenBlkRequest *req = &io->req;
    uint32_t ref[XEN_BLK_MAX_SEGMENTS];
    int16_t status;

    for (unsigned i = 0; i < req->nr_segments; i++) {
        ref[i] = req->seg[i].gref;
    }
    io->map = xen_grant_map(io->queue->owner->xendev->frontend_id, ref,
                            req->nr_segments, req->action == BLKIF_OP_READ,
                            &status);
    if (!io->map) {
        trace_xen_blk_copy_failed(req->id, xen_grant_strstatus(status));
        return false;
    }
    if (!io->pages.iov) {
        qemu_iovec_init(&io->pages, XEN_BLK_MAX_SEGMENTS);
    }
    qemu_iovec_reset(&io->pages);
    for (unsigned i = 0; i < req->nr_segments; i++) {
        const XenBlkSegment *s = &req->seg[i];
        uint8_t *page = xen_grant_map_page(io->map, i);

        add_page(&io->pages, page + s->first * XEN_BLK_SECTOR_SIZE,
                 xen_blk_segment_sectors(s) * XEN_BLK_SECTOR_SIZE);
    }
    return true;
}

static void unmap_data(XenBlkIo *io)
{
    xen_grant_unmap(io->map);
    io->map = NULL;
}

/* Before the first step, and again if what was mapped no longer is. */
static bool prepare_data(XenBlkIo *io)
{
    if (is_mapped_directly(io)) {
        return io->map || map_data(io);
    }
    if (io->started || !xen_blk_io_bytes(io)) {
        return true;
    }
    use_buffer(io, xen_blk_io_bytes(io));
    return io->req.action == BLKIF_OP_READ || copy_data(io, false);
}

/* The last that is done with a request. */
static void end_io(XenBlkIo *io, int16_t status)
{
    unmap_data(io);
    io->queue->end(io, status);
}

static void retry_io_later(XenBlkIo *io, bool failed)
{
    unmap_data(io);
    io->queue->retry_later(io, failed);
}

/* ----------------------------------------------------------------- check -- */

/* What a request counts as; of a flush with data that is its write. */
static enum BlockAcctType acct_type(const XenBlkIo *io)
{
    if (io->flush) {
        return BLOCK_ACCT_FLUSH;
    }
    switch (io->req.action) {
    case BLKIF_OP_READ:
        return BLOCK_ACCT_READ;
    case BLKIF_OP_DISCARD:
        return BLOCK_ACCT_UNMAP;
    default:
        return BLOCK_ACCT_WRITE;
    }
}

static XenBlkDisk read_disk(const XenBlkIo *io)
{
    XenBlkDisk disk = io->queue->owner->disk;

    disk.sectors = qatomic_read(&io->queue->owner->disk.sectors);
    return disk;
}

static void begin_steps(XenBlkIo *io)
{
    io->started = false;
    io->done = 0;
    io->flush = io->req.action == BLKIF_OP_FLUSH_DISKCACHE ||
                io->req.action == BLKIF_OP_WRITE_BARRIER;
}

int16_t xen_blk_io_check(XenBlkIo *io, bool well_formed)
{
    XenBlkQueueOwner *owner = io->queue->owner;
    XenBlkRequest *req = &io->req;
    XenBlkDisk disk = read_disk(io);
    int16_t status = BLKIF_RSP_ERROR;

    if (well_formed && (req->op != BLKIF_OP_INDIRECT || read_indirect(io))) {
        status = xen_blk_check(req, &disk);
    }
    begin_steps(io);
    if (status != BLKIF_RSP_OKAY) {
        trace_xen_blk_bad_request(req->id, req->op, req->sector,
                                  req->nr_segments, status);
        block_acct_invalid(blk_get_stats(owner->blk), acct_type(io));
    }
    return status;
}

bool xen_blk_io_restore(XenBlkIo *io, const XenBlkRequest *req)
{
    XenBlkDisk disk = read_disk(io);

    io->req = *req;
    begin_steps(io);
    return xen_blk_is_checked(req, &disk);
}

/* ----------------------------------------------------------------- steps -- */

/* It was when it was taken, but the disk may have become smaller since. */
static bool is_on_disk(const XenBlkIo *io)
{
    uint64_t sectors = read_disk(io).sectors;

    return io->req.sector <= sectors &&
           io->req.nr_sectors <= sectors - io->req.sector;
}

/* False: the request waits or has ended; true: as if there were no error. */
static bool handle_error(XenBlkIo *io, int error)
{
    BlockBackend *blk = io->queue->owner->blk;
    bool is_read = io->req.action == BLKIF_OP_READ;
    BlockErrorAction action;

    trace_xen_blk_error(io->req.id, io->req.op, error);
    if (io->req.action == BLKIF_OP_DISCARD && error == ENOTSUP) {
        block_acct_failed(blk_get_stats(blk), &io->acct);
        end_io(io, BLKIF_RSP_EOPNOTSUPP);
        return false;
    }
    if (!is_on_disk(io)) {
        /* Not the disk's error, at which the VM might stop. */
        block_acct_failed(blk_get_stats(blk), &io->acct);
        end_io(io, BLKIF_RSP_ERROR);
        return false;
    }
    action = blk_get_error_action(blk, is_read, error);
    if (action == BLOCK_ERROR_ACTION_STOP) {
        retry_io_later(io, true);
    } else if (action == BLOCK_ERROR_ACTION_REPORT) {
        block_acct_failed(blk_get_stats(blk), &io->acct);
        end_io(io, BLKIF_RSP_ERROR);
    }
    blk_error_action(blk, action, is_read, error);
    return action == BLOCK_ERROR_ACTION_IGNORE;
}

static void next_step(XenBlkIo *io)
{
    if (qatomic_read(&io->queue->owner->paused)) {
        retry_io_later(io, false);
    } else {
        io_step(io);
    }
}

/*
 * After an error that the user ignores, the buffer has what QEMU or another
 * request left in memory, which is not for the guest: its pages stay as they are.
 */
static void end_read(XenBlkIo *io, bool failed)
{
    bool good = io->map || failed || copy_data(io, true);

    end_io(io, good ? BLKIF_RSP_OKAY : BLKIF_RSP_ERROR);
}

static void step_done(void *opaque, int ret)
{
    XenBlkIo *io = opaque;
    BlockBackend *blk = io->queue->owner->blk;

    if (io->queue->stopping) {
        /* Nobody waits for it any more. */
        block_acct_done(blk_get_stats(blk), &io->acct);
        end_io(io, BLKIF_RSP_ERROR);
        return;
    }
    if (ret < 0 && !handle_error(io, -ret)) {
        return;
    }
    block_acct_done(blk_get_stats(blk), &io->acct);

    if (io->flush) {
        io->flush = false;
        if (io->req.nr_segments) {
            next_step(io);
            return;
        }
    } else if (io->req.action == BLKIF_OP_READ) {
        end_read(io, ret < 0);
        return;
    } else if (io->req.action == BLKIF_OP_DISCARD) {
        uint64_t bytes = io->req.nr_sectors * XEN_BLK_SECTOR_SIZE;

        io->done += MIN(bytes - io->done, XEN_BLK_DISCARD_STEP);
        if (io->done < bytes) {
            next_step(io);
            return;
        }
    }
    end_io(io, BLKIF_RSP_OKAY);
}

/* Of several parts that have failed together, this one. */
static void do_alone(XenBlkIo *io)
{
    if (qatomic_read(&io->queue->owner->paused)) {
        retry_io_later(io, false);
    } else {
        xen_blk_part_submit(io->queue->owner->blk, &io->part, 0);
    }
}

static void part_done(XenBlkPart *part, int ret, bool alone)
{
    XenBlkIo *io = container_of(part, XenBlkIo, part);

    if (ret < 0 && !alone && !io->queue->stopping) {
        do_alone(io);
    } else {
        step_done(io, ret);
    }
}

/* Not what has a second step. */
static bool is_mergeable(const XenBlkIo *io)
{
    return io->req.action == BLKIF_OP_READ || io->req.action == BLKIF_OP_WRITE;
}

static void io_step(XenBlkIo *io)
{
    BlockBackend *blk = io->queue->owner->blk;
    XenBlkMerge *merge = &io->queue->merge;
    int64_t offset = io->req.sector * XEN_BLK_SECTOR_SIZE;
    size_t bytes = xen_blk_io_bytes(io);

    if (io->flush) {
        bytes = 0;
    } else if (io->req.action == BLKIF_OP_DISCARD) {
        offset += io->done;
        bytes = MIN(io->req.nr_sectors * XEN_BLK_SECTOR_SIZE - io->done,
                    XEN_BLK_DISCARD_STEP);
    }
    io->part = (XenBlkPart) {
        .is_write = io->req.action != BLKIF_OP_READ,
        .offset = offset,
        .data = io->map ? &io->pages : &io->iov,
        .done = part_done,
    };
    block_acct_start(blk_get_stats(blk), &io->acct, bytes, acct_type(io));
    trace_xen_blk_step(io->req.id, io->req.op, io->flush, offset, bytes);

    if (is_mergeable(io)) {
        xen_blk_merge_add(merge, &io->part);
        return;
    }
    /* Nothing that came before it is begun after it. */
    xen_blk_merge_submit(merge);
    if (io->flush) {
        blk_aio_flush(blk, step_done, io);
    } else if (io->req.action == BLKIF_OP_DISCARD) {
        blk_aio_pdiscard(blk, offset, bytes, step_done, io);
    } else {
        /* A barrier's data are on the disk before what follows it. */
        xen_blk_part_submit(blk, &io->part,
                            io->req.action == BLKIF_OP_WRITE_BARRIER ?
                            BDRV_REQ_FUA : 0);
    }
}

void xen_blk_io_start(XenBlkIo *io)
{
    if (!prepare_data(io)) {
        block_acct_invalid(blk_get_stats(io->queue->owner->blk),
                           io->req.action == BLKIF_OP_READ ? BLOCK_ACCT_READ :
                                                             BLOCK_ACCT_WRITE);
        end_io(io, BLKIF_RSP_ERROR);
        return;
    }
    io->started = true;
    io_step(io);
}
