/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The block protocol: see protocol.h
 */
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <glib.h>
#include "hw/xen/interface/io/blkif.h"
#include "protocol.h"

/*
 * Where a field stands in a guest's structures.  Both layouts have the
 * operation at 0, the count of segments (a byte) at 1, an indirect one's
 * operation at 1 and its count (16 bits) at 2.
 */
struct XenBlkLayout {
    uint8_t request_size, response_size;
    uint8_t id, sector, segments;
    uint8_t discard_sectors;
    uint8_t indirect_grefs;
    uint8_t response_op, response_status;
};

/* i386 aligns 64-bit integers to 4. */
static const XenBlkLayout layouts[] = {
    [XEN_BLK_ABI_X86_32] = {
        .request_size = 108, .response_size = 12,
        .id = 4, .sector = 12, .segments = 20,
        .discard_sectors = 20, .indirect_grefs = 24,
        .response_op = 8, .response_status = 10,
    },
    [XEN_BLK_ABI_X86_64] = {
        .request_size = 112, .response_size = 16,
        .id = 8, .sector = 16, .segments = 24,
        .discard_sectors = 24, .indirect_grefs = 28,
        .response_op = 8, .response_status = 10,
    },
};

/* Segments are the same in both, in the request and in an indirect page. */
#define SEGMENT_SIZE    8

/* The headers have the layout of the host. */
#define ON_64BIT(x) (sizeof(void *) != 8 || (x))
G_STATIC_ASSERT(ON_64BIT(sizeof(struct blkif_request) == 112));
G_STATIC_ASSERT(ON_64BIT(offsetof(struct blkif_request, seg) == 24));
G_STATIC_ASSERT(ON_64BIT(offsetof(struct blkif_request_discard,
                                  nr_sectors) == 24));
G_STATIC_ASSERT(ON_64BIT(offsetof(struct blkif_request_indirect,
                                  indirect_grefs) == 28));
G_STATIC_ASSERT(offsetof(struct blkif_response, status) == 10);
G_STATIC_ASSERT(sizeof(struct blkif_request_segment) == SEGMENT_SIZE);
G_STATIC_ASSERT(XEN_BLK_DIRECT_SEGMENTS == BLKIF_MAX_SEGMENTS_PER_REQUEST);
/* One page of an indirect request is enough. */
G_STATIC_ASSERT(XEN_BLK_MAX_SEGMENTS * SEGMENT_SIZE <= XEN_BLK_PAGE_SIZE);

/* The ring's first entry; before it are the indices. */
#define RING_HEADER     64
#define MAX_ENTRY       112

/* ------------------------------------------------------------------ ring -- */

static uint32_t *ring_index(const XenBlkRing *r, size_t offset)
{
    return (uint32_t *)(r->page[0] + offset);
}

#define RING_INDEX(r, field) ring_index(r, offsetof(blkif_sring_t, field))

static uint32_t get_index(const uint32_t *p)
{
    return __atomic_load_n(p, __ATOMIC_RELAXED);
}

static void set_index(uint32_t *p, uint32_t value)
{
    __atomic_store_n(p, value, __ATOMIC_RELAXED);
}

/* Copies between the ring's bytes from @offset on and @buf. */
static void ring_copy(const XenBlkRing *r, size_t offset, void *buf,
                      size_t len, bool to_ring)
{
    while (len) {
        uint8_t *p = r->page[offset / XEN_BLK_PAGE_SIZE] +
                     offset % XEN_BLK_PAGE_SIZE;
        size_t n = MIN(len, XEN_BLK_PAGE_SIZE - offset % XEN_BLK_PAGE_SIZE);

        memcpy(to_ring ? (void *)p : buf, to_ring ? buf : (void *)p, n);
        buf = (uint8_t *)buf + n;
        offset += n;
        len -= n;
    }
}

/* Requests and answers share their places, which are a request long. */
static size_t entry_offset(const XenBlkRing *r, uint32_t index)
{
    return RING_HEADER +
           (size_t)(index & (r->size - 1)) * r->layout->request_size;
}

int xen_blk_ring_init(XenBlkRing *r, XenBlkAbi abi, uint8_t *const page[],
                      unsigned nr_pages)
{
    size_t fit;

    g_assert(nr_pages && nr_pages <= XEN_BLK_MAX_RING_PAGES &&
             !(nr_pages & (nr_pages - 1)));
    *r = (XenBlkRing) { .layout = &layouts[abi], .size = 1 };
    memcpy(r->page, page, nr_pages * sizeof(page[0]));

    fit = (nr_pages * XEN_BLK_PAGE_SIZE - RING_HEADER) /
          r->layout->request_size;
    while (r->size * 2 <= fit) {
        r->size *= 2;
    }
    r->rsp_prod = get_index(RING_INDEX(r, rsp_prod));
    r->req_cons = r->rsp_prod;
    return MIN(xen_blk_ring_pending(r), 0);
}

int xen_blk_ring_pending(const XenBlkRing *r)
{
    uint32_t nr = get_index(RING_INDEX(r, req_prod)) - r->req_cons;
    uint32_t unanswered = r->req_cons - r->rsp_prod;

    /*
     * An index that lies before what was taken is a large number here, and as
     * wrong as one too far ahead: a place is free only when it was answered.
     */
    if (nr > r->size - unanswered) {
        return -EPROTO;
    }
    /* The entries are read after the index that says that they are there. */
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    return nr;
}

bool xen_blk_ring_ask_event(const XenBlkRing *r)
{
    set_index(RING_INDEX(r, req_event), r->req_cons + 1);
    /*
     * The front end writes req_prod and reads req_event; in the other order
     * here, one of the two sees what the other wrote.
     */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    return get_index(RING_INDEX(r, req_prod)) != r->req_cons;
}

bool xen_blk_ring_push(XenBlkRing *r)
{
    uint32_t *shared = RING_INDEX(r, rsp_prod);
    uint32_t old = get_index(shared);

    /* The answers are there before the index that says so. */
    __atomic_thread_fence(__ATOMIC_RELEASE);
    set_index(shared, r->rsp_prod);
    /* As with ask_event(): the front end writes rsp_event, then reads this. */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    return r->rsp_prod - get_index(RING_INDEX(r, rsp_event)) <
           r->rsp_prod - old;
}

void xen_blk_ring_answer(XenBlkRing *r, const XenBlkRequest *req,
                         int16_t status)
{
    uint8_t answer[16] = { 0 };

    memcpy(answer, &req->id, sizeof(req->id));
    /* Linux gives a disk up whose answers to indirect requests say so. */
    answer[r->layout->response_op] = req->action;
    memcpy(answer + r->layout->response_status, &status, sizeof(status));
    ring_copy(r, entry_offset(r, r->rsp_prod), answer,
              r->layout->response_size, true);
    r->rsp_prod++;
}

/* -------------------------------------------------------------- requests -- */

static void get_segments(XenBlkRequest *req, const uint8_t *from)
{
    for (unsigned i = 0; i < req->nr_segments; i++, from += SEGMENT_SIZE) {
        XenBlkSegment *seg = &req->seg[i];

        memcpy(&seg->gref, from, sizeof(seg->gref));
        seg->first = from[4];
        seg->last = from[5];
    }
}

static bool get_indirect(const XenBlkLayout *layout, XenBlkRequest *req,
                         const uint8_t *entry)
{
    uint16_t nr;

    req->action = entry[1];
    memcpy(&nr, entry + 2, sizeof(nr));
    memcpy(&req->indirect_gref, entry + layout->indirect_grefs,
           sizeof(req->indirect_gref));
    req->nr_segments = nr;
    return (req->action == BLKIF_OP_READ || req->action == BLKIF_OP_WRITE) &&
           nr && nr <= XEN_BLK_MAX_SEGMENTS;
}

bool xen_blk_ring_take(XenBlkRing *r, XenBlkRequest *req)
{
    const XenBlkLayout *layout = r->layout;
    uint8_t entry[MAX_ENTRY];

    ring_copy(r, entry_offset(r, r->req_cons++), entry, layout->request_size,
              false);
    req->op = req->action = entry[0];
    req->nr_sectors = 0;
    req->nr_segments = 0;
    memcpy(&req->id, entry + layout->id, sizeof(req->id));
    memcpy(&req->sector, entry + layout->sector, sizeof(req->sector));

    switch (req->op) {
    case BLKIF_OP_DISCARD:
        memcpy(&req->nr_sectors, entry + layout->discard_sectors,
               sizeof(req->nr_sectors));
        return true;
    case BLKIF_OP_INDIRECT:
        return get_indirect(layout, req, entry);
    case BLKIF_OP_READ:
    case BLKIF_OP_WRITE:
    case BLKIF_OP_WRITE_BARRIER:
    case BLKIF_OP_FLUSH_DISKCACHE:
        if (entry[1] > XEN_BLK_DIRECT_SEGMENTS) {
            return false;
        }
        req->nr_segments = entry[1];
        get_segments(req, entry + layout->segments);
        return true;
    default:
        return true;
    }
}

bool xen_blk_ring_retake(XenBlkRing *r)
{
    if (xen_blk_ring_pending(r) < 1) {
        return false;
    }
    r->req_cons++;
    return true;
}

size_t xen_blk_indirect_len(const XenBlkRequest *req)
{
    return req->nr_segments * SEGMENT_SIZE;
}

void xen_blk_add_indirect(XenBlkRequest *req, const void *page)
{
    get_segments(req, page);
}

static bool check_segments(XenBlkRequest *req, const XenBlkDisk *disk)
{
    for (unsigned i = 0; i < req->nr_segments; i++) {
        XenBlkSegment *seg = &req->seg[i];
        unsigned first = seg->first * disk->unit;
        unsigned end = (seg->last + 1u) * disk->unit;

        if (first >= end || end > XEN_BLK_SECTORS_PER_PAGE ||
            (first | end) & (disk->block - 1)) {
            return false;
        }
        seg->first = first;
        seg->last = end - 1;
        req->nr_sectors += end - first;
    }
    return true;
}

/* All of it on the disk; no sum in here can overflow. */
static bool check_range(XenBlkRequest *req, const XenBlkDisk *disk)
{
    if (req->sector > disk->sectors / disk->unit) {
        return false;
    }
    req->sector *= disk->unit;
    return !(req->sector & (disk->block - 1)) &&
           req->nr_sectors <= disk->sectors - req->sector;
}

static int16_t check_discard(XenBlkRequest *req, const XenBlkDisk *disk)
{
    if (!disk->writable || !disk->discard) {
        return BLKIF_RSP_EOPNOTSUPP;
    }
    if (!req->nr_sectors || req->nr_sectors > disk->sectors / disk->unit) {
        return BLKIF_RSP_ERROR;
    }
    req->nr_sectors *= disk->unit;
    if (req->nr_sectors & (disk->block - 1) || !check_range(req, disk)) {
        return BLKIF_RSP_ERROR;
    }
    return BLKIF_RSP_OKAY;
}

int16_t xen_blk_check(XenBlkRequest *req, const XenBlkDisk *disk)
{
    switch (req->action) {
    case BLKIF_OP_READ:
        break;
    case BLKIF_OP_FLUSH_DISKCACHE:
    case BLKIF_OP_WRITE_BARRIER:
        /* Without data their sector says nothing. */
        if (!req->nr_segments) {
            req->sector = 0;
            return BLKIF_RSP_OKAY;
        }
        /* fall through */
    case BLKIF_OP_WRITE:
        if (!disk->writable) {
            return BLKIF_RSP_ERROR;
        }
        break;
    case BLKIF_OP_DISCARD:
        return check_discard(req, disk);
    default:
        return BLKIF_RSP_EOPNOTSUPP;
    }
    return req->nr_segments && check_segments(req, disk) &&
           check_range(req, disk) ? BLKIF_RSP_OKAY : BLKIF_RSP_ERROR;
}

bool xen_blk_is_checked(const XenBlkRequest *req, const XenBlkDisk *disk)
{
    XenBlkDisk in_sectors = *disk;
    XenBlkRequest again;

    again = *req;
    in_sectors.unit = 1;
    if (req->op != req->action &&
        (req->op != BLKIF_OP_INDIRECT || (req->action != BLKIF_OP_READ &&
                                          req->action != BLKIF_OP_WRITE))) {
        return false;
    }
    if (req->action != BLKIF_OP_DISCARD) {
        again.nr_sectors = 0;
    } else if (req->nr_segments) {
        return false;
    }
    return xen_blk_check(&again, &in_sectors) == BLKIF_RSP_OKAY &&
           again.sector == req->sector && again.nr_sectors == req->nr_sectors;
}
