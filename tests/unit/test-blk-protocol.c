/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The block protocol: rings of all layouts, valid and invalid requests
 *
 * The front end's side is written byte by byte, from the description of the
 * ABI.
 */
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <glib.h>
#include "hw/xen/interface/io/blkif.h"
#include "protocol.h"

#define RANDOM_REQUESTS 200000

/* -------------------------------------------------------- the front end -- */

/* Offsets in the ring's first page. */
enum { REQ_PROD = 0, REQ_EVENT = 4, RSP_PROD = 8, RSP_EVENT = 12, FIRST = 64 };

typedef struct Guest {
    XenBlkAbi abi;
    unsigned nr_pages;
    uint8_t *mem;               /* its pages, in an order other than QEMU's */
    uint8_t *page[XEN_BLK_MAX_RING_PAGES];
    XenBlkRing ring;
    uint32_t prod;
} Guest;

static unsigned entry_size(const Guest *g)
{
    return g->abi == XEN_BLK_ABI_X86_64 ? 112 : 108;
}

static uint32_t *word(Guest *g, unsigned at)
{
    return (uint32_t *)(g->page[0] + at);
}

/* Byte @i of ring entry @index. */
static uint8_t *entry_byte(Guest *g, uint32_t index, unsigned i)
{
    size_t at = FIRST + index % g->ring.size * entry_size(g) + i;

    return g->page[at / 4096] + at % 4096;
}

static void put(Guest *g, uint32_t index, unsigned at, uint64_t value,
                unsigned size)
{
    for (unsigned i = 0; i < size; i++) {
        *entry_byte(g, index, at + i) = value >> (8 * i);
    }
}

static uint64_t get(Guest *g, uint32_t index, unsigned at, unsigned size)
{
    uint64_t value = 0;

    for (unsigned i = 0; i < size; i++) {
        value |= (uint64_t)*entry_byte(g, index, at + i) << (8 * i);
    }
    return value;
}

static int guest_start_at(Guest *g, XenBlkAbi abi, unsigned nr_pages,
                          uint32_t index)
{
    *g = (Guest) { .abi = abi, .nr_pages = nr_pages, .prod = index };
    g->mem = g_malloc0(nr_pages * 4096);
    for (unsigned i = 0; i < nr_pages; i++) {
        g->page[i] = g->mem + (nr_pages - 1 - i) * 4096;
    }
    *word(g, REQ_PROD) = *word(g, RSP_PROD) = index;
    *word(g, RSP_EVENT) = index + 1;
    return xen_blk_ring_init(&g->ring, abi, g->page, nr_pages);
}

static void guest_start(Guest *g, XenBlkAbi abi, unsigned nr_pages)
{
    g_assert_cmpint(guest_start_at(g, abi, nr_pages, 0), ==, 0);
}

static void guest_stop(Guest *g)
{
    g_free(g->mem);
}

/* A request, encoded in the layout of the ABI. */
typedef struct Wire {
    uint8_t op, nr, indirect_op;
    uint16_t indirect_nr;
    uint64_t id, sector, nr_sectors;
    uint32_t gref;              /* of the first segment; consecutive */
    uint8_t first, last;
} Wire;

static void guest_put(Guest *g, const Wire *w)
{
    bool is64 = g->abi == XEN_BLK_ABI_X86_64;
    unsigned id = is64 ? 8 : 4, sector = is64 ? 16 : 12;
    uint32_t at = g->prod++;

    for (unsigned i = 0; i < entry_size(g); i++) {
        *entry_byte(g, at, i) = 0xa5;
    }
    put(g, at, 0, w->op, 1);
    put(g, at, 1, w->nr, 1);
    put(g, at, id, w->id, 8);
    put(g, at, sector, w->sector, 8);
    if (w->op == BLKIF_OP_DISCARD) {
        put(g, at, sector + 8, w->nr_sectors, 8);
    } else if (w->op == BLKIF_OP_INDIRECT) {
        put(g, at, 1, w->indirect_op, 1);
        put(g, at, 2, w->indirect_nr, 2);
        put(g, at, is64 ? 28 : 24, w->gref, 4);
    } else {
        for (unsigned i = 0; i < w->nr && i < 11; i++) {
            put(g, at, sector + 8 + 8 * i, w->gref + i, 4);
            put(g, at, sector + 8 + 8 * i + 4, w->first, 1);
            put(g, at, sector + 8 + 8 * i + 5, w->last, 1);
        }
    }
    *word(g, REQ_PROD) = g->prod;
}

static bool take(Guest *g, XenBlkRequest *req)
{
    g_assert_cmpint(xen_blk_ring_pending(&g->ring), >, 0);
    return xen_blk_ring_take(&g->ring, req);
}

/* ----------------------------------------------------------------- rings -- */

static void test_size(gconstpointer abi)
{
    static const unsigned sizes[][2] = {
        { 1, 32 }, { 2, 64 }, { 4, 128 }, { 8, 256 }, { 16, 512 },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(sizes); i++) {
        Guest g;

        guest_start(&g, GPOINTER_TO_INT(abi), sizes[i][0]);
        g_assert_cmpuint(g.ring.size, ==, sizes[i][1]);
        guest_stop(&g);
    }
}

/* All valid producer indices are accepted, all others refused. */
static void test_indices(gconstpointer abi)
{
    static const uint32_t starts[] = { 0, 1, 31, 32, 0x7fffffff, 0xffffffe8 };

    for (size_t i = 0; i < G_N_ELEMENTS(starts); i++) {
        uint32_t base = starts[i];
        XenBlkRequest req;
        Guest g;

        g_assert_cmpint(guest_start_at(&g, GPOINTER_TO_INT(abi), 1, base), ==,
                        0);
        /* Nothing consumed: 0 to 32 requests can be pending. */
        for (unsigned n = 0; n <= 32; n++) {
            *word(&g, REQ_PROD) = base + n;
            g_assert_cmpint(xen_blk_ring_pending(&g.ring), ==, n);
        }
        *word(&g, REQ_PROD) = base + 33;
        g_assert_cmpint(xen_blk_ring_pending(&g.ring), ==, -EPROTO);
        *word(&g, REQ_PROD) = base - 1;
        g_assert_cmpint(xen_blk_ring_pending(&g.ring), ==, -EPROTO);
        *word(&g, REQ_PROD) = base + 0x80000000;
        g_assert_cmpint(xen_blk_ring_pending(&g.ring), ==, -EPROTO);

        /* 20 consumed, 8 of them answered: up to 20 more can be pending. */
        *word(&g, REQ_PROD) = base + 20;
        for (unsigned n = 0; n < 20; n++) {
            xen_blk_ring_take(&g.ring, &req);
        }
        for (unsigned n = 0; n < 8; n++) {
            xen_blk_ring_answer(&g.ring, &req, 0);
        }
        for (int n = -25; n < 60; n++) {
            bool good = n >= 20 && n <= 40;

            *word(&g, REQ_PROD) = base + n;
            g_assert_cmpint(xen_blk_ring_pending(&g.ring), ==,
                            good ? n - 20 : -EPROTO);
        }
        guest_stop(&g);
    }
}

static void test_start(gconstpointer abi)
{
    Guest g;

    g_assert_cmpint(guest_start_at(&g, GPOINTER_TO_INT(abi), 1, 0xfffffff0),
                    ==, 0);
    *word(&g, REQ_PROD) = 5;
    g_assert_cmpint(xen_blk_ring_init(&g.ring, g.abi, g.page, 1), ==, 0);
    g_assert_cmpint(xen_blk_ring_pending(&g.ring), ==, 21);
    *word(&g, REQ_PROD) = 0xffffffef;
    g_assert_cmpint(xen_blk_ring_init(&g.ring, g.abi, g.page, 1), ==, -EPROTO);
    guest_stop(&g);
}

/* Each position in rings of each size, including entries that cross pages. */
static void test_places(gconstpointer abi)
{
    for (unsigned pages = 1; pages <= XEN_BLK_MAX_RING_PAGES; pages *= 2) {
        unsigned answer_size =
            GPOINTER_TO_INT(abi) == XEN_BLK_ABI_X86_64 ? 16 : 12;
        XenBlkRequest req;
        Guest g;

        guest_start(&g, GPOINTER_TO_INT(abi), pages);
        for (uint32_t i = 0; i < 3 * g.ring.size; i++) {
            Wire w = {
                .op = BLKIF_OP_WRITE, .nr = 11, .id = 0x123456789abc0000 + i,
                .sector = 0xfedcba9800000000 + i, .gref = i * 16, .first = 1,
                .last = 6,
            };
            uint8_t beyond;

            guest_put(&g, &w);
            g_assert_true(take(&g, &req));
            g_assert_cmphex(req.id, ==, w.id);
            g_assert_cmphex(req.sector, ==, w.sector);
            g_assert_cmpuint(req.nr_segments, ==, 11);
            for (unsigned s = 0; s < 11; s++) {
                g_assert_cmpuint(req.seg[s].gref, ==, w.gref + s);
                g_assert_cmpuint(req.seg[s].first, ==, 1);
                g_assert_cmpuint(req.seg[s].last, ==, 6);
            }
            beyond = get(&g, i, answer_size, 1);
            xen_blk_ring_answer(&g.ring, &req, BLKIF_RSP_ERROR);
            g_assert_cmphex(get(&g, i, 0, 8), ==, w.id);
            g_assert_cmphex(get(&g, i, 8, 1), ==, BLKIF_OP_WRITE);
            g_assert_cmphex(get(&g, i, 10, 2), ==, 0xffff);
            /* Padding has nothing of QEMU's in it. */
            g_assert_cmphex(get(&g, i, 9, 1), ==, 0);
            g_assert_cmphex(get(&g, i, 12, answer_size - 12), ==, 0);
            g_assert_cmphex(get(&g, i, answer_size, 1), ==, beyond);
        }
        guest_stop(&g);
    }
}

/* When to notify, and when to check for more requests. */
static void test_events(gconstpointer abi)
{
    Wire w = { .op = BLKIF_OP_FLUSH_DISKCACHE };
    XenBlkRequest req;
    Guest g;

    guest_start(&g, GPOINTER_TO_INT(abi), 1);
    g_assert_false(xen_blk_ring_ask_event(&g.ring));
    g_assert_cmpuint(*word(&g, REQ_EVENT), ==, 1);
    for (int i = 0; i < 4; i++) {
        guest_put(&g, &w);
    }
    g_assert_true(xen_blk_ring_ask_event(&g.ring));
    for (int i = 0; i < 4; i++) {
        take(&g, &req);
    }
    g_assert_false(xen_blk_ring_ask_event(&g.ring));
    g_assert_cmpuint(*word(&g, REQ_EVENT), ==, 5);

    /* The front end waits for the first response. */
    xen_blk_ring_answer(&g.ring, &req, 0);
    g_assert_cmpuint(*word(&g, RSP_PROD), ==, 0);
    g_assert_true(xen_blk_ring_push(&g.ring));
    g_assert_cmpuint(*word(&g, RSP_PROD), ==, 1);
    /* It did not request a notification for the second, but for the fourth. */
    xen_blk_ring_answer(&g.ring, &req, 0);
    g_assert_false(xen_blk_ring_push(&g.ring));
    *word(&g, RSP_EVENT) = 4;
    xen_blk_ring_answer(&g.ring, &req, 0);
    g_assert_false(xen_blk_ring_push(&g.ring));
    xen_blk_ring_answer(&g.ring, &req, 0);
    g_assert_true(xen_blk_ring_push(&g.ring));
    g_assert_false(xen_blk_ring_push(&g.ring));
    guest_stop(&g);
}

/* -------------------------------------------------------------- requests -- */

static const XenBlkDisk disk_512 = {
    .sectors = 1000, .block = 1, .unit = 1, .writable = true, .discard = true,
};

static int16_t check(Guest *g, const Wire *w, const XenBlkDisk *disk,
                     XenBlkRequest *req)
{
    int16_t status = BLKIF_RSP_ERROR;

    guest_put(g, w);
    if (take(g, req)) {
        status = xen_blk_check(req, disk);
    }
    xen_blk_ring_answer(&g->ring, req, status);
    return status;
}

typedef struct CheckCase {
    Wire w;
    int16_t status;
    uint64_t nr_sectors;        /* the expected number, if valid */
} CheckCase;

static void run_checks(XenBlkAbi abi, const CheckCase *c, size_t nr,
                       const XenBlkDisk *disk)
{
    Guest g;

    guest_start(&g, abi, 1);
    for (size_t i = 0; i < nr; i++) {
        XenBlkRequest req;

        g_test_message("case %zu", i);
        g_assert_cmpint(check(&g, &c[i].w, disk, &req), ==, c[i].status);
        if (!c[i].status) {
            g_assert_cmpuint(req.nr_sectors, ==, c[i].nr_sectors);
        }
    }
    guest_stop(&g);
}

#define RW(op_, nr_, sector_, first_, last_) \
    { .op = (op_), .nr = (nr_), .sector = (sector_), .first = (first_), \
      .last = (last_) }
#define DISCARD(sector_, nr_) \
    { .op = BLKIF_OP_DISCARD, .sector = (sector_), .nr_sectors = (nr_) }

enum {
    OK = BLKIF_RSP_OKAY, ERR = BLKIF_RSP_ERROR, NOTSUP = BLKIF_RSP_EOPNOTSUPP,
};

static void test_check(gconstpointer abi)
{
    static const CheckCase cases[] = {
        { RW(BLKIF_OP_READ, 1, 0, 0, 7), OK, 8 },
        { RW(BLKIF_OP_WRITE, 11, 912, 0, 7), OK, 88 },
        { RW(BLKIF_OP_WRITE, 11, 913, 0, 7), ERR },
        { RW(BLKIF_OP_READ, 1, 999, 3, 3), OK, 1 },
        { RW(BLKIF_OP_READ, 1, 1000, 0, 0), ERR },
        { RW(BLKIF_OP_READ, 1, UINT64_MAX, 0, 0), ERR },
        { RW(BLKIF_OP_READ, 1, UINT64_MAX / 512 + 1, 0, 7), ERR },
        { RW(BLKIF_OP_WRITE, 1, UINT64_MAX - 7, 0, 7), ERR },
        { RW(BLKIF_OP_READ, 0, 0, 0, 0), ERR },
        { RW(BLKIF_OP_WRITE, 12, 0, 0, 7), ERR },
        { RW(BLKIF_OP_READ, 255, 0, 0, 7), ERR },
        { RW(BLKIF_OP_READ, 1, 0, 4, 3), ERR },
        { RW(BLKIF_OP_READ, 1, 0, 0, 8), ERR },
        { RW(BLKIF_OP_READ, 1, 0, 8, 8), ERR },
        { RW(BLKIF_OP_READ, 1, 0, 0, 255), ERR },
        { RW(BLKIF_OP_READ, 1, 0, 255, 255), ERR },
        { RW(BLKIF_OP_FLUSH_DISKCACHE, 0, UINT64_MAX, 0, 0), OK, 0 },
        { RW(BLKIF_OP_FLUSH_DISKCACHE, 2, 10, 0, 7), OK, 16 },
        { RW(BLKIF_OP_FLUSH_DISKCACHE, 2, 990, 0, 7), ERR },
        { RW(BLKIF_OP_WRITE_BARRIER, 0, 5000, 0, 0), OK, 0 },
        { RW(BLKIF_OP_WRITE_BARRIER, 1, 1, 0, 0), OK, 1 },
        { RW(BLKIF_OP_WRITE_BARRIER, 1, 1, 0, 9), ERR },
        { DISCARD(0, 1000), OK, 1000 },
        { DISCARD(999, 1), OK, 1 },
        { DISCARD(0, 0), ERR },
        { DISCARD(0, 1001), ERR },
        { DISCARD(1, 1000), ERR },
        { DISCARD(1000, 1), ERR },
        { DISCARD(0, (1ull << 54) - 1), ERR },
        { DISCARD(0, UINT64_MAX), ERR },
        { DISCARD(2, UINT64_MAX - 1), ERR },
        { DISCARD(UINT64_MAX, 2), ERR },
        { RW(BLKIF_OP_RESERVED_1, 1, 0, 0, 7), NOTSUP },
        { RW(7, 1, 0, 0, 7), NOTSUP },
        { RW(0x77, 1, 0, 0, 7), NOTSUP },
        { RW(255, 0, 0, 0, 0), NOTSUP },
    };

    run_checks(GPOINTER_TO_INT(abi), cases, G_N_ELEMENTS(cases), &disk_512);
}

static void test_read_only(gconstpointer abi)
{
    static const CheckCase cases[] = {
        { RW(BLKIF_OP_READ, 1, 0, 0, 7), OK, 8 },
        { RW(BLKIF_OP_WRITE, 1, 0, 0, 7), ERR },
        { RW(BLKIF_OP_FLUSH_DISKCACHE, 0, 0, 0, 0), OK, 0 },
        { RW(BLKIF_OP_FLUSH_DISKCACHE, 1, 0, 0, 7), ERR },
        { RW(BLKIF_OP_WRITE_BARRIER, 1, 0, 0, 7), ERR },
        { DISCARD(0, 8), NOTSUP },
    };
    XenBlkDisk disk = disk_512;

    disk.writable = false;
    run_checks(GPOINTER_TO_INT(abi), cases, G_N_ELEMENTS(cases), &disk);
    disk.writable = true;
    disk.discard = false;
    run_checks(GPOINTER_TO_INT(abi), &cases[5], 1, &disk);
}

/* Blocks of 4 KiB: sectors are 512 bytes, in multiples of eight. */
static void test_large_blocks(gconstpointer abi)
{
    static const CheckCase cases[] = {
        { RW(BLKIF_OP_READ, 2, 8, 0, 7), OK, 16 },
        { RW(BLKIF_OP_READ, 1, 992, 0, 7), OK, 8 },
        { RW(BLKIF_OP_READ, 1, 996, 0, 7), ERR },
        { RW(BLKIF_OP_READ, 1, 4, 0, 7), ERR },
        { RW(BLKIF_OP_READ, 1, 8, 0, 3), ERR },
        { RW(BLKIF_OP_READ, 1, 8, 4, 7), ERR },
        { RW(BLKIF_OP_WRITE, 1, 8, 0, 0), ERR },
        { DISCARD(8, 16), OK, 16 },
        { DISCARD(8, 12), ERR },
        { DISCARD(12, 8), ERR },
    };
    /* Front ends that count in blocks: the same requests in other units. */
    static const CheckCase block_cases[] = {
        { RW(BLKIF_OP_READ, 2, 1, 0, 0), OK, 16 },
        { RW(BLKIF_OP_READ, 1, 124, 0, 0), OK, 8 },
        { RW(BLKIF_OP_READ, 1, 125, 0, 0), ERR },
        { RW(BLKIF_OP_READ, 1, 1ull << 61, 0, 0), ERR },
        { RW(BLKIF_OP_READ, 1, 1, 0, 1), ERR },
        { RW(BLKIF_OP_READ, 1, 1, 32, 32), ERR },
        { DISCARD(1, 2), OK, 16 },
        { DISCARD(0, 1ull << 61), ERR },
        { DISCARD(0, 126), ERR },
    };
    XenBlkDisk disk = disk_512;

    disk.block = 8;
    run_checks(GPOINTER_TO_INT(abi), cases, G_N_ELEMENTS(cases), &disk);
    disk.unit = 8;
    run_checks(GPOINTER_TO_INT(abi), block_cases, G_N_ELEMENTS(block_cases),
               &disk);
}

static void test_indirect(gconstpointer abi)
{
    static const struct {
        uint8_t op;
        uint16_t nr;
        bool good;
    } cases[] = {
        { BLKIF_OP_READ, 1, true }, { BLKIF_OP_WRITE, 256, true },
        { BLKIF_OP_READ, 12, true }, { BLKIF_OP_READ, 0, false },
        { BLKIF_OP_READ, 257, false }, { BLKIF_OP_WRITE, 65535, false },
        { BLKIF_OP_DISCARD, 1, false }, { BLKIF_OP_INDIRECT, 1, false },
        { BLKIF_OP_WRITE_BARRIER, 1, false },
        { BLKIF_OP_FLUSH_DISKCACHE, 1, false }, { 99, 1, false },
    };
    XenBlkDisk disk = { .sectors = 5000, .block = 1, .unit = 1,
                        .writable = true };
    uint8_t page[XEN_BLK_PAGE_SIZE];
    XenBlkRequest req;
    Guest g;

    for (unsigned i = 0; i < XEN_BLK_PAGE_SIZE / 8; i++) {
        uint32_t gref = 1000 + i;

        memcpy(page + 8 * i, &gref, 4);
        page[8 * i + 4] = i % 3;
        page[8 * i + 5] = 7 - i % 3;
    }
    guest_start(&g, GPOINTER_TO_INT(abi), 1);
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        Wire w = {
            .op = BLKIF_OP_INDIRECT, .indirect_op = cases[i].op,
            .indirect_nr = cases[i].nr, .id = i, .sector = 77, .gref = 4242,
        };
        uint64_t sum = 0;

        guest_put(&g, &w);
        g_assert_cmpint(take(&g, &req), ==, cases[i].good);
        if (cases[i].good) {
            g_assert_cmpuint(req.indirect_gref, ==, 4242);
            g_assert_cmpuint(xen_blk_indirect_len(&req), ==, 8 * cases[i].nr);
            xen_blk_add_indirect(&req, page);
            g_assert_cmpint(xen_blk_check(&req, &disk), ==, BLKIF_RSP_OKAY);
            for (unsigned s = 0; s < cases[i].nr; s++) {
                g_assert_cmpuint(req.seg[s].gref, ==, 1000 + s);
                sum += 8 - 2 * (s % 3);
            }
            g_assert_cmpuint(req.sector, ==, 77);
            g_assert_cmpuint(req.nr_sectors, ==, sum);
        }
        xen_blk_ring_answer(&g.ring, &req, 0);
        g_assert_cmphex(get(&g, g.prod - 1, 8, 1), ==, cases[i].op);
    }
    guest_stop(&g);
}

/* Random requests: all that are accepted are within bounds. */
static void test_random(gconstpointer abi)
{
    unsigned accepted = 0;
    XenBlkRequest req;
    Guest g;

    guest_start(&g, GPOINTER_TO_INT(abi), 2);
    for (unsigned i = 0; i < RANDOM_REQUESTS; i++) {
        XenBlkDisk disk = {
            .sectors = g_test_rand_int_range(0, 4000),
            .block = 1u << g_test_rand_int_range(0, 4),
            .unit = 1, .writable = true, .discard = true,
        };
        Wire w = {
            .op = g_test_rand_int_range(0, 8), .nr = g_test_rand_int() % 13,
            .sector = g_test_rand_int_range(0, 4096),
            .nr_sectors = g_test_rand_int_range(0, 4096),
            .first = g_test_rand_int() % 9, .last = g_test_rand_int() % 9,
        };
        uint64_t sum = 0;

        disk.sectors &= ~(disk.block - 1);
        if (g_test_rand_bit()) {
            disk.unit = disk.block;
        }
        guest_put(&g, &w);
        for (int n = g_test_rand_int_range(0, 3); n; n--) {
            put(&g, g.prod - 1, g_test_rand_int() % entry_size(&g),
                g_test_rand_int(), 1);
        }
        if (take(&g, &req) && req.op != BLKIF_OP_INDIRECT &&
            !xen_blk_check(&req, &disk)) {
            accepted++;
            g_assert_cmpuint(req.sector, <=, disk.sectors);
            g_assert_cmpuint(req.nr_sectors, <=, disk.sectors - req.sector);
            g_assert_cmpuint((req.sector | req.nr_sectors) % disk.block, ==,
                             0);
            for (unsigned s = 0; s < req.nr_segments; s++) {
                g_assert_cmpuint(req.seg[s].first, <=, req.seg[s].last);
                g_assert_cmpuint(req.seg[s].last, <, 8);
                sum += xen_blk_segment_sectors(&req.seg[s]);
            }
            g_assert_true(req.op == BLKIF_OP_DISCARD || sum == req.nr_sectors);
        }
        xen_blk_ring_answer(&g.ring, &req, 0);
    }
    g_assert_cmpuint(accepted, >, RANDOM_REQUESTS / 100);
    guest_stop(&g);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        GTestDataFunc fn;
    } tests[] = {
        { "size", test_size }, { "indices", test_indices },
        { "start", test_start }, { "places", test_places },
        { "events", test_events }, { "check", test_check },
        { "read-only", test_read_only },
        { "large-blocks", test_large_blocks },
        { "indirect", test_indirect }, { "random", test_random },
    };

    g_test_init(&argc, &argv, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(tests); i++) {
        g_autofree char *path32 = g_strdup_printf("/blk-protocol/32/%s",
                                                  tests[i].name);
        g_autofree char *path64 = g_strdup_printf("/blk-protocol/64/%s",
                                                  tests[i].name);

        g_test_add_data_func(path32, GINT_TO_POINTER(XEN_BLK_ABI_X86_32),
                             tests[i].fn);
        g_test_add_data_func(path64, GINT_TO_POINTER(XEN_BLK_ABI_X86_64),
                             tests[i].fn);
    }
    return g_test_run();
}
