/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The block protocol: the ring, and what a request in it asks for
 *
 * A queue is a ring of 1 to 16 pages that belong to the guest.  They need not
 * be contiguous in QEMU, and a 32-bit guest's entries cross their boundaries:
 * entries are therefore copied, in both directions, and a request is parsed
 * from its copy only.  This module knows neither QEMU nor grants.
 *
 * Units: a sector is 512 bytes, whatever the disk's logical block size is;
 * Xen's io/blkif.h has been clear about that since 4.20, and Linux and QEMU's
 * other peers always did so.  A front end that says
 * "feature-large-sector-size" (Windows' drivers for a time) counts in logical
 * blocks instead: see XenBlkDisk.unit.
 *
 * Errors: a request that asks for something impossible gets the status that its
 * answer carries.  A ring whose indices are impossible is broken (-EPROTO): its
 * front end can no longer be understood, and its caller gives the queue up.
 *
 * Threads: a ring belongs to one thread at a time.  The guest changes its pages
 * meanwhile.
 *
 * Source of the ABI: Xen's public io/blkif.h and io/ring.h.
 */
#ifndef HW_XEN_PV_BLOCK_PROTOCOL_H
#define HW_XEN_PV_BLOCK_PROTOCOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define XEN_BLK_PAGE_SIZE           4096u
#define XEN_BLK_SECTOR_SIZE         512u
#define XEN_BLK_SECTORS_PER_PAGE    (XEN_BLK_PAGE_SIZE / XEN_BLK_SECTOR_SIZE)
/* In the request itself, and in the page that an indirect one refers to. */
#define XEN_BLK_DIRECT_SEGMENTS     11
#define XEN_BLK_MAX_SEGMENTS        256
/* 512 requests of a 64-bit guest. */
#define XEN_BLK_MAX_RING_ORDER      4
#define XEN_BLK_MAX_RING_PAGES      (1u << XEN_BLK_MAX_RING_ORDER)

typedef enum XenBlkAbi {
    XEN_BLK_ABI_X86_32,
    XEN_BLK_ABI_X86_64,
} XenBlkAbi;

typedef struct XenBlkLayout XenBlkLayout;

typedef struct XenBlkRing {
    const XenBlkLayout *layout;
    uint8_t *page[XEN_BLK_MAX_RING_PAGES];
    uint32_t size;              /* entries, a power of two */
    uint32_t req_cons;          /* requests taken */
    uint32_t rsp_prod;          /* answers written, pushed or not */
} XenBlkRing;

typedef struct XenBlkSegment {
    uint32_t gref;
    uint8_t first, last;        /* sectors of the page, both inclusive */
} XenBlkSegment;

typedef struct XenBlkRequest {
    uint64_t id;                /* the guest's own */
    uint8_t op;                 /* BLKIF_OP_* */
    uint8_t action;             /* the same, or what an indirect one does */
    uint32_t indirect_gref;     /* page of its segments */
    uint64_t sector;
    uint64_t nr_sectors;
    unsigned nr_segments;
    XenBlkSegment seg[XEN_BLK_MAX_SEGMENTS];
} XenBlkRequest;

/* What requests are checked against. */
typedef struct XenBlkDisk {
    uint64_t sectors;
    uint32_t block;             /* logical block in sectors, a power of two */
    uint32_t unit;              /* what the front end counts in, in sectors */
    bool writable;
    bool discard;               /* offered */
} XenBlkDisk;

/*
 * Starts with the ring in @page[0] to @page[@nr_pages - 1]; @nr_pages is a
 * power of two, at most XEN_BLK_MAX_RING_PAGES.  Goes on where the ring's last
 * answer stands.  -EPROTO: it has more requests than fit.
 */
int xen_blk_ring_init(XenBlkRing *r, XenBlkAbi abi, uint8_t *const page[],
                      unsigned nr_pages);

/* Requests that are to be taken, at most r->size; or -EPROTO. */
int xen_blk_ring_pending(const XenBlkRing *r);
/*
 * Asks the front end for an event at the next request.  True: there is one
 * already, for which no event may come.
 */
bool xen_blk_ring_ask_event(const XenBlkRing *r);
/*
 * Takes the next request; one must be pending.  False: it is malformed as
 * such, and only its id and action can be relied on, for the answer.  Of an
 * indirect one the segments are still to be added.
 */
bool xen_blk_ring_take(XenBlkRing *r, XenBlkRequest *req);
/*
 * Takes the next request, of which the caller has a copy already: its place may
 * have been another's answer since.  False: there is none.
 */
bool xen_blk_ring_retake(XenBlkRing *r);
/* Writes the next answer, which the guest sees with the next push. */
void xen_blk_ring_answer(XenBlkRing *r, const XenBlkRequest *req,
                         int16_t status);
/* True: the front end waits for an event. */
bool xen_blk_ring_push(XenBlkRing *r);

/* Bytes of an indirect request's page that hold its segments. */
size_t xen_blk_indirect_len(const XenBlkRequest *req);
/* From a copy of that page. */
void xen_blk_add_indirect(XenBlkRequest *req, const void *page);

/*
 * Checks a complete request, and turns what it counts into sectors.
 * BLKIF_RSP_OKAY, or the status to answer with.  Then all of [sector, sector +
 * nr_sectors) is on the disk, aligned to its blocks, and nr_sectors is what the
 * segments cover.
 */
int16_t xen_blk_check(XenBlkRequest *req, const XenBlkDisk *disk);

/* Is @req one that passed that check, on a disk like this one? */
bool xen_blk_is_checked(const XenBlkRequest *req, const XenBlkDisk *disk);

/* Sectors of a segment that was checked. */
static inline unsigned xen_blk_segment_sectors(const XenBlkSegment *seg)
{
    return seg->last - seg->first + 1u;
}

#endif
