/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A hostile guest against the block protocol: ring, requests, answers
 *
 * The input chooses the layout, the ring's size and the disk, and is then a list
 * of steps: bytes written to the ring, an index changed, requests taken, checked
 * and answered in any order.  What is checked as good must lie on the disk and in
 * its pages, and no more requests may be under way than the ring has places.
 */
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <glib.h>
#include "hw/xen/interface/io/blkif.h"
#include "protocol.h"
#include "fuzz.h"

#define STEPS           256     /* of one input */
#define MAX_REQUESTS    512     /* of the largest ring */

typedef struct Fuzz {
    const uint8_t *p, *end;
    XenBlkAbi abi;
    XenBlkDisk disk;
    XenBlkRing ring;
    unsigned nr_pages;
    /* Each a block of memory of its own, so that every step beyond it shows. */
    uint8_t *page[XEN_BLK_MAX_RING_PAGES];
    /* Taken and not answered. */
    XenBlkRequest *taken[MAX_REQUESTS];
    unsigned nr_taken;
} Fuzz;

/* 0 where the input has ended. */
static uint8_t byte(Fuzz *f)
{
    return f->p < f->end ? *f->p++ : 0;
}

static uint32_t word(Fuzz *f)
{
    uint32_t value = byte(f);

    value |= byte(f) << 8;
    value |= byte(f) << 16;
    return value | (uint32_t)byte(f) << 24;
}

static void check_good(Fuzz *f, const XenBlkRequest *req)
{
    uint64_t sectors = 0;

    g_assert_cmpuint(req->sector, <=, f->disk.sectors);
    g_assert_cmpuint(req->nr_sectors, <=, f->disk.sectors - req->sector);
    g_assert_cmpuint((req->sector | req->nr_sectors) % f->disk.block, ==, 0);
    g_assert_true(f->disk.writable || req->action == BLKIF_OP_READ ||
                  !req->nr_segments);
    if (req->action == BLKIF_OP_DISCARD) {
        g_assert_true(f->disk.discard && f->disk.writable);
        return;
    }
    g_assert_cmpuint(req->nr_segments, <=, XEN_BLK_MAX_SEGMENTS);
    for (unsigned i = 0; i < req->nr_segments; i++) {
        const XenBlkSegment *seg = &req->seg[i];

        g_assert_cmpuint(seg->first, <=, seg->last);
        g_assert_cmpuint(seg->last, <, XEN_BLK_SECTORS_PER_PAGE);
        sectors += xen_blk_segment_sectors(seg);
    }
    g_assert_cmpuint(sectors, ==, req->nr_sectors);
}

static void take(Fuzz *f)
{
    XenBlkRequest *req = g_new(XenBlkRequest, 1);
    bool good = xen_blk_ring_take(&f->ring, req);

    if (good && req->op == BLKIF_OP_INDIRECT) {
        /* Of its page only these bytes are there. */
        size_t len = xen_blk_indirect_len(req);
        g_autofree uint8_t *segments = g_malloc(MAX(len, 1));

        g_assert_cmpuint(len, <=, XEN_BLK_PAGE_SIZE);
        for (size_t i = 0; i < len; i++) {
            segments[i] = byte(f);
        }
        xen_blk_add_indirect(req, segments);
    }
    if (good && xen_blk_check(req, &f->disk) == BLKIF_RSP_OKAY) {
        check_good(f, req);
    }
    g_assert_cmpuint(f->nr_taken, <, f->ring.size);
    f->taken[f->nr_taken++] = req;
}

static void answer(Fuzz *f, unsigned which)
{
    XenBlkRequest *req = f->taken[which];

    xen_blk_ring_answer(&f->ring, req, (int8_t)byte(f));
    f->taken[which] = f->taken[--f->nr_taken];
    g_free(req);
}

static void forget(Fuzz *f)
{
    while (f->nr_taken) {
        g_free(f->taken[--f->nr_taken]);
    }
}

static void write_ring(Fuzz *f)
{
    uint32_t at = word(f) % (f->nr_pages * XEN_BLK_PAGE_SIZE);

    for (unsigned n = 1 + byte(f) % 128; n; n--, at++) {
        f->page[at / XEN_BLK_PAGE_SIZE % f->nr_pages]
               [at % XEN_BLK_PAGE_SIZE] = byte(f);
    }
}

static void step(Fuzz *f)
{
    uint32_t *index = (uint32_t *)f->page[0];
    int pending, wish;

    switch (byte(f) % 8) {
    case 0 ... 1:
        write_ring(f);
        break;
    case 2:
        /* req_prod, req_event, rsp_prod, rsp_event */
        index[byte(f) % 4] = word(f);
        break;
    case 3:
        index[0] = f->ring.req_cons + byte(f);
        break;
    case 4:
        pending = xen_blk_ring_pending(&f->ring);
        if (pending < 0) {
            g_assert_cmpint(pending, ==, -EPROTO);
            break;
        }
        g_assert_cmpuint(f->nr_taken + pending, <=, f->ring.size);
        wish = byte(f);
        for (int n = MIN(pending, wish); n > 0; n--) {
            take(f);
        }
        break;
    case 5:
        if (f->nr_taken) {
            answer(f, word(f) % f->nr_taken);
        }
        break;
    case 6:
        xen_blk_ring_push(&f->ring);
        xen_blk_ring_ask_event(&f->ring);
        break;
    case 7:
        /* Another back end goes on with the ring. */
        forget(f);
        xen_blk_ring_init(&f->ring, f->abi, f->page, f->nr_pages);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Fuzz *f = g_new0(Fuzz, 1);
    uint8_t what;

    f->p = data;
    f->end = data + size;
    what = byte(f);
    f->abi = what & 1 ? XEN_BLK_ABI_X86_64 : XEN_BLK_ABI_X86_32;
    f->nr_pages = 1u << (what >> 1) % (XEN_BLK_MAX_RING_ORDER + 1);
    what = byte(f);
    f->disk = (XenBlkDisk) {
        .block = what & 1 ? 8 : 1,
        .unit = (what & 3) == 3 ? 8 : 1,
        .writable = what & 4,
        .discard = what & 8,
        .sectors = (what & 16 ? (uint64_t)word(f) << 32 | word(f) :
                    byte(f) * UINT64_C(8)),
    };
    /* A disk has whole blocks, and less than 2^63 bytes. */
    f->disk.sectors &= (UINT64_C(1) << 54) - 8;
    for (unsigned i = 0; i < f->nr_pages; i++) {
        f->page[i] = g_malloc0(XEN_BLK_PAGE_SIZE);
    }
    xen_blk_ring_init(&f->ring, f->abi, f->page, f->nr_pages);
    for (unsigned i = 0; i < STEPS && f->p < f->end; i++) {
        step(f);
    }
    forget(f);
    for (unsigned i = 0; i < f->nr_pages; i++) {
        g_free(f->page[i]);
    }
    g_free(f);
    return 0;
}
