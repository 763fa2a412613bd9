/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PV disks: each operation, each feature, each malformed request
 */
#include "qemu/osdep.h"
#include "qobject/qdict.h"
#include "qobject/qlist.h"
#include "libxen-blk.h"

#include "hw/xen/interface/grant_table.h"

#define DISK_SIZE       (8u << 20)
#define DISK_SECTORS    (DISK_SIZE / XEN_VBD_SECTOR)

enum { OK = BLKIF_RSP_OKAY, ERR = BLKIF_RSP_ERROR,
       NOTSUP = BLKIF_RSP_EOPNOTSUPP };

/* ------------------------------------------------------------------ images */

/* @drive: more of -drive's; @device: the whole -device but its drive. */
static XenVbd *start(const void *long_mode, const char *path,
                     const char *drive, const char *device)
{
    g_autofree char *options = g_strdup_printf(
        "-smp 4 -object iothread,id=io "
        "-drive if=none,id=d,format=raw,file=%s%s -device %s,drive=d",
        path, drive, device);

    return xen_vbd_start(GPOINTER_TO_INT(long_mode), options);
}

/* What stands in sector @sector when it was written the @round'th time. */
static void fill(uint8_t *p, uint64_t sector, unsigned nr, uint64_t round)
{
    for (unsigned s = 0; s < nr; s++) {
        for (unsigned i = 0; i < XEN_VBD_SECTOR / 8; i++) {
            uint64_t word = (sector + s) * 0x9e3779b97f4a7c15 ^ round << 32 ^
                            i;

            memcpy(p + s * XEN_VBD_SECTOR + 8 * i, &word, 8);
        }
    }
}

static void expect_filled(const uint8_t *p, uint64_t sector, unsigned nr,
                          uint64_t round)
{
    g_autofree uint8_t *expected = g_malloc(nr * XEN_VBD_SECTOR);

    fill(expected, sector, nr, round);
    g_assert_cmpmem(p, nr * XEN_VBD_SECTOR, expected, nr * XEN_VBD_SECTOR);
}

/* ------------------------------------------------------------- transports */

typedef struct Transport {
    const char *device;
    unsigned queues, order;
} Transport;

/* Data to the disk and back, by requests of every size. */
static void try_transport(const void *long_mode, const Transport *t)
{
    static const unsigned sizes[] = { 1, 2, 11, 12, 64, 255, 256 };
    char *path = xen_new_file(DISK_SIZE);
    XenVbd *v = start(long_mode, path, "", t->device);

    xen_vbd_connect(v, t->queues, t->order);
    for (unsigned q = 0; q < t->queues; q++) {
        for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
            unsigned nr = sizes[i];
            uint64_t sector = q * 1024 + i * 8;

            fill(xen_vbd_page(v, 0), sector, nr * 8, q);
            g_assert_cmpint(xen_vbd_do_pages(v, q, BLKIF_OP_WRITE, sector, 0,
                                             nr), ==, OK);
            g_assert_cmpint(xen_vbd_do_pages(v, q, BLKIF_OP_READ, sector, 300,
                                             nr), ==, OK);
            expect_filled(xen_vbd_page(v, 300), sector, nr * 8, q);
        }
        /* Around the ring's end, and as much as it holds at once. */
        for (unsigned round = 0; round < 3; round++) {
            XenVbdAnswer a;

            for (unsigned i = 0; i < v->queue[q].size; i++) {
                xen_vbd_put(v, q, &(XenVbdRequest) {
                    .op = BLKIF_OP_READ, .id = i, .sector = i % 64,
                    .page = 512 + i % 512, .nr = 1, .first = 3, .last = 3,
                });
            }
            xen_vbd_push(v, q);
            for (unsigned i = 0; i < v->queue[q].size; i++) {
                xen_vbd_get(v, q, &a);
                g_assert_cmpint(a.status, ==, OK);
            }
        }
    }
    /* Sectors in the middle of pages, and nothing beside them. */
    memset(xen_vbd_page(v, 0), 0x11, 2 * XEN_PAGE_SIZE);
    fill(xen_vbd_page(v, 0) + 1024, 7000, 3, 9);
    g_assert_cmpint(xen_vbd_do(v, 0, &(XenVbdRequest) {
        .op = BLKIF_OP_WRITE, .sector = 7000, .nr = 1, .first = 2, .last = 4,
    }), ==, OK);
    memset(xen_vbd_page(v, 1), 0x22, XEN_PAGE_SIZE);
    g_assert_cmpint(xen_vbd_do(v, 0, &(XenVbdRequest) {
        .op = BLKIF_OP_READ, .sector = 7000, .page = 1, .nr = 1, .first = 5,
        .last = 7,
    }), ==, OK);
    expect_filled(xen_vbd_page(v, 1) + 5 * 512, 7000, 3, 9);
    g_assert_cmphex(xen_vbd_page(v, 1)[5 * 512 - 1], ==, 0x22);

    xen_vbd_stop(v);
    xen_remove_file(path);
}

static void test_plain(const void *long_mode)
{
    try_transport(long_mode, &(Transport) { "xen-disk", 1, 0 });
}

static void test_ring_pages(const void *long_mode)
{
    for (unsigned order = 1; order <= 4; order++) {
        try_transport(long_mode, &(Transport) { "xen-disk", 1, order });
    }
}

static void test_queues(const void *long_mode)
{
    try_transport(long_mode, &(Transport) { "xen-disk", 4, 0 });
    try_transport(long_mode, &(Transport) { "xen-disk", 3, 2 });
}

static void test_iothread(const void *long_mode)
{
    try_transport(long_mode, &(Transport) { "xen-disk,iothread=io", 1, 0 });
    try_transport(long_mode, &(Transport) { "xen-disk,iothread=io", 4, 1 });
}

/* --------------------------------------------------------------- features */

static void test_nodes(const void *long_mode)
{
    static const struct {
        const char *device, *key, *value;
    } nodes[] = {
        { "xen-disk", "feature-flush-cache", "1" },
        { "xen-disk", "feature-barrier", "1" },
        { "xen-disk", "feature-max-indirect-segments", "256" },
        { "xen-disk", "max-ring-page-order", "4" },
        { "xen-disk", "multi-queue-max-queues", "4" },
        { "xen-disk", "feature-discard", NULL },
        { "xen-disk", "feature-persistent", NULL },
        { "xen-disk", "sectors", "16384" },
        { "xen-disk", "sector-size", "512" },
        { "xen-disk", "mode", "w" },
        { "xen-disk", "dev", "xvda" },
        { "xen-disk", "type", "qdisk" },
        { "xen-disk", "info", "0" },
        { "xen-disk,max-ring-page-order=2", "max-ring-page-order", "2" },
        { "xen-disk,num-queues=2", "multi-queue-max-queues", "2" },
        { "xen-disk,num-queues=32", "multi-queue-max-queues", "32" },
        { "xen-disk,logical_block_size=4096,physical_block_size=4096",
          "sector-size", "4096" },
        { "xen-disk,logical_block_size=4096,physical_block_size=4096",
          "sectors", "16384" },
        { "xen-disk,physical_block_size=4096", "physical-sector-size",
          "4096" },
        { "xen-cdrom", "mode", "r" },
        { "xen-cdrom", "info", "5" },
        { "xen-cdrom", "type", "qdisk" },
    };
    char *path = xen_new_file(DISK_SIZE);

    for (size_t i = 0; i < ARRAY_SIZE(nodes); i++) {
        XenVbd *v = start(long_mode, path, "", nodes[i].device);
        g_autofree char *value = xen_vbd_read(v, nodes[i].key);

        g_test_message("%s %s", nodes[i].device, nodes[i].key);
        g_assert_cmpstr(value, ==, nodes[i].value);
        xen_vbd_stop(v);
    }
    xen_remove_file(path);
}

static void test_flush(const void *long_mode)
{
    char *path = xen_new_file(DISK_SIZE);
    XenVbd *v = start(long_mode, path, ",cache=writeback", "xen-disk");
    XenVbdRequest flush = { .op = BLKIF_OP_FLUSH_DISKCACHE, .sector = -1 };
    XenVbdRequest barrier = { .op = BLKIF_OP_WRITE_BARRIER };
    uint64_t before = xen_vbd_counter(v, "flush_operations");

    xen_vbd_connect(v, 1, 0);
    g_assert_cmpint(xen_vbd_do(v, 0, &flush), ==, OK);
    g_assert_cmpuint(xen_vbd_counter(v, "flush_operations"), ==, before + 1);
    /* With data it is a write after a flush. */
    flush.sector = 80;
    flush.nr = 2;
    flush.last = 7;
    fill(xen_vbd_page(v, 0), 80, 16, 1);
    g_assert_cmpint(xen_vbd_do(v, 0, &flush), ==, OK);
    g_assert_cmpuint(xen_vbd_counter(v, "flush_operations"), ==, before + 2);
    g_assert_cmpuint(xen_vbd_counter(v, "wr_bytes"), ==, 2 * XEN_PAGE_SIZE);
    g_assert_cmpint(xen_vbd_do(v, 0, &barrier), ==, OK);
    g_assert_cmpuint(xen_vbd_counter(v, "flush_operations"), ==, before + 3);
    g_assert_cmpint(xen_vbd_do_pages(v, 0, BLKIF_OP_READ, 80, 10, 2), ==, OK);
    expect_filled(xen_vbd_page(v, 10), 80, 16, 1);
    xen_vbd_stop(v);
    xen_remove_file(path);
}

/* A barrier between writes to one place: what follows it wins, each time. */
static void test_barrier_order(const void *long_mode)
{
    char *path = xen_new_file(DISK_SIZE);
    XenVbd *v = start(long_mode, path, "", "xen-disk,iothread=io");

    xen_vbd_connect(v, 1, 0);
    for (unsigned round = 0; round < 50; round++) {
        XenVbdAnswer a;

        for (unsigned i = 0; i < 30; i++) {
            fill(xen_vbd_page(v, i), 640, 8, round * 100 + i);
            xen_vbd_put(v, 0, &(XenVbdRequest) {
                .op = i % 3 == 2 ? BLKIF_OP_WRITE_BARRIER : BLKIF_OP_WRITE,
                .id = i, .sector = i % 3 == 2 ? 640 : 640 + 8 * (i % 3),
                .page = i, .nr = 1, .last = 7,
            });
        }
        xen_vbd_push(v, 0);
        for (unsigned i = 0; i < 30; i++) {
            xen_vbd_get(v, 0, &a);
            g_assert_cmpint(a.status, ==, OK);
            if (i % 3 == 2) {
                /* Nothing overtakes it, in neither direction. */
                g_assert_cmpuint(a.id, ==, i);
            }
        }
        g_assert_cmpint(xen_vbd_do_pages(v, 0, BLKIF_OP_READ, 640, 100, 1), ==,
                        OK);
        expect_filled(xen_vbd_page(v, 100), 640, 8, round * 100 + 29);
    }
    xen_vbd_stop(v);
    xen_remove_file(path);
}

static int16_t discard(XenVbd *v, uint64_t sector, uint64_t nr)
{
    return xen_vbd_do(v, 0, &(XenVbdRequest) {
        .op = BLKIF_OP_DISCARD, .sector = sector, .nr_sectors = nr,
    });
}

static void test_discard(const void *long_mode)
{
    char *path = xen_new_file(DISK_SIZE);
    XenVbd *v = start(long_mode, path, ",discard=unmap", "xen-disk");
    static const uint8_t zero[XEN_PAGE_SIZE];

    g_assert_cmpuint(xen_vbd_read_uint(v, "feature-discard"), ==, 1);
    xen_vbd_connect(v, 1, 0);
    fill(xen_vbd_page(v, 0), 0, 80, 1);
    g_assert_cmpint(xen_vbd_do_pages(v, 0, BLKIF_OP_WRITE, 0, 0, 10), ==, OK);
    g_assert_cmpint(discard(v, 8, 8), ==, OK);
    g_assert_cmpuint(xen_vbd_counter(v, "unmap_bytes"), ==, XEN_PAGE_SIZE);
    g_assert_cmpint(xen_vbd_do_pages(v, 0, BLKIF_OP_READ, 0, 20, 3), ==, OK);
    expect_filled(xen_vbd_page(v, 20), 0, 8, 1);
    g_assert_cmpmem(xen_vbd_page(v, 21), XEN_PAGE_SIZE, zero, XEN_PAGE_SIZE);
    expect_filled(xen_vbd_page(v, 22), 16, 8, 1);

    g_assert_cmpint(discard(v, 0, DISK_SECTORS), ==, OK);
    g_assert_cmpint(discard(v, 0, DISK_SECTORS + 1), ==, ERR);
    g_assert_cmpint(discard(v, DISK_SECTORS, 1), ==, ERR);
    g_assert_cmpint(discard(v, 0, (1ull << 54) - 1), ==, ERR);
    g_assert_cmpint(discard(v, 16, UINT64_MAX - 15), ==, ERR);
    g_assert_cmpint(discard(v, UINT64_MAX, 2), ==, ERR);
    g_assert_cmpuint(xen_vbd_counter(v, "unmap_bytes"), ==, XEN_PAGE_SIZE + DISK_SIZE);
    xen_vbd_stop(v);

    /* Not offered: refused, and nothing happens. */
    for (int i = 0; i < 3; i++) {
        v = start(long_mode, path, i == 0 ? "" : i == 1 ? ",discard=unmap" :
                  ",discard=unmap,read-only=on", i == 1 ? "xen-cdrom" :
                  "xen-disk");
        g_assert_null(xen_vbd_read(v, "feature-discard"));
        xen_vbd_connect(v, 1, 0);
        g_assert_cmpint(discard(v, 8, 8), ==, NOTSUP);
        g_assert_cmpuint(xen_vbd_counter(v, "unmap_operations"), ==, 0);
        xen_vbd_stop(v);
    }
    xen_remove_file(path);
}

/* A large one goes in steps, of which one is under way at a time. */
static void test_large_discard(const void *long_mode)
{
    XenVbd *v = xen_vbd_start(GPOINTER_TO_INT(long_mode),
        "-blockdev null-co,node-name=n,size=1099511627776,read-zeroes=on,"
        "discard=unmap -device xen-disk,drive=n");

    xen_vbd_connect(v, 1, 0);
    g_assert_cmpint(discard(v, 0, 1ull << 31), ==, OK);
    g_assert_cmpuint(xen_vbd_counter(v, "unmap_operations"), ==, 1024);
    g_assert_cmpuint(xen_vbd_counter(v, "unmap_bytes"), ==, 1ull << 40);
    /* The last step is what is left. */
    g_assert_cmpint(discard(v, 1, (1 << 21) + 1), ==, OK);
    g_assert_cmpuint(xen_vbd_counter(v, "unmap_operations"), ==, 1026);
    g_assert_cmpuint(xen_vbd_counter(v, "unmap_bytes"), ==,
                     (1ull << 40) + (1 << 30) + 512);
    xen_vbd_stop(v);
}

/* Blocks of 4 KiB; and of a front end that counts in them. */
static void test_blocks(const void *long_mode)
{
    static const char device[] = "xen-disk,logical_block_size=4096,"
                                 "physical_block_size=4096";
    char *path = xen_new_file(DISK_SIZE + 1024);
    XenVbd *v = start(long_mode, path, "", device);
    XenVbdRequest r = { .op = BLKIF_OP_READ, .nr = 1, .sector = 8, .last = 3 };

    xen_vbd_connect(v, 1, 0);
    g_assert_cmpuint(xen_vbd_read_uint(v, "sectors"), ==, DISK_SECTORS);
    fill(xen_vbd_page(v, 0), 24, 16, 4);
    g_assert_cmpint(xen_vbd_do_pages(v, 0, BLKIF_OP_WRITE, 24, 0, 2), ==, OK);
    g_assert_cmpint(xen_vbd_do(v, 0, &r), ==, ERR);
    r.last = 7;
    r.sector = 12;
    g_assert_cmpint(xen_vbd_do(v, 0, &r), ==, ERR);
    xen_vbd_disconnect(v);

    xen_vbd_write(v, "feature-large-sector-size", "1");
    xen_vbd_connect(v, 1, 0);
    g_assert_cmpuint(xen_vbd_read_uint(v, "sectors"), ==, DISK_SECTORS / 8);
    r = (XenVbdRequest) { .op = BLKIF_OP_READ, .nr = 2, .sector = 3,
                          .page = 50 };
    g_assert_cmpint(xen_vbd_do(v, 0, &r), ==, OK);
    expect_filled(xen_vbd_page(v, 50), 24, 16, 4);
    r.sector = DISK_SECTORS / 8 - 1;
    g_assert_cmpint(xen_vbd_do(v, 0, &r), ==, ERR);
    xen_vbd_stop(v);
    xen_remove_file(path);
}

static void test_read_only(const void *long_mode)
{
    static const char *const device[] = { "xen-disk", "xen-cdrom" };
    char *path = xen_new_file(DISK_SIZE);

    for (size_t i = 0; i < ARRAY_SIZE(device); i++) {
        XenVbd *v = start(long_mode, path, i ? "" : ",read-only=on",
                          device[i]);

        xen_vbd_connect(v, 1, 0);
        g_assert_cmpint(xen_vbd_do_pages(v, 0, BLKIF_OP_READ, 0, 0, 1), ==,
                        OK);
        g_assert_cmpint(xen_vbd_do_pages(v, 0, BLKIF_OP_WRITE, 0, 0, 1), ==,
                        ERR);
        g_assert_cmpint(xen_vbd_do_pages(v, 0, BLKIF_OP_WRITE, 0, 0, 20), ==,
                        ERR);
        g_assert_cmpint(xen_vbd_do_pages(v, 0, BLKIF_OP_WRITE_BARRIER, 0, 0,
                                         1), ==, ERR);
        g_assert_cmpint(xen_vbd_do_pages(v, 0, BLKIF_OP_FLUSH_DISKCACHE, 0, 0,
                                         1), ==, ERR);
        g_assert_cmpuint(xen_vbd_counter(v, "wr_operations"), ==, 0);
        xen_vbd_stop(v);
    }
    xen_remove_file(path);
}

/* -------------------------------------------------------------- malformed */

static uint64_t invalid_operations(XenVbd *v)
{
    return xen_vbd_counter(v, "invalid_rd_operations") +
           xen_vbd_counter(v, "invalid_wr_operations") +
           xen_vbd_counter(v, "invalid_flush_operations") +
           xen_vbd_counter(v, "invalid_unmap_operations");
}

static void test_malformed(const void *long_mode)
{
    static const uint32_t no_grant[] = { 8 * 512 - 1 };
    static const uint32_t no_entry[] = { UINT32_MAX };
    static const struct {
        XenVbdRequest r;
        int16_t status;
    } cases[] = {
        { { .op = BLKIF_OP_READ, .nr = 0 }, ERR },
        { { .op = BLKIF_OP_READ, .nr = 12, .last = 7 }, ERR },
        { { .op = BLKIF_OP_WRITE, .nr = 255, .last = 7 }, ERR },
        { { .op = BLKIF_OP_READ, .nr = 1, .first = 1, .last = 0 }, ERR },
        { { .op = BLKIF_OP_READ, .nr = 1, .last = 8 }, ERR },
        { { .op = BLKIF_OP_WRITE, .nr = 2, .last = 255 }, ERR },
        { { .op = BLKIF_OP_READ, .nr = 1, .sector = DISK_SECTORS }, ERR },
        { { .op = BLKIF_OP_READ, .nr = 1, .sector = DISK_SECTORS - 7,
            .last = 7 }, ERR },
        { { .op = BLKIF_OP_WRITE, .nr = 1, .sector = UINT64_MAX }, ERR },
        { { .op = BLKIF_OP_WRITE, .nr = 1, .sector = 1ull << 55 }, ERR },
        { { .op = BLKIF_OP_READ, .nr = 1, .last = 7, .ref = no_grant }, ERR },
        { { .op = BLKIF_OP_WRITE, .nr = 1, .last = 7, .ref = no_grant }, ERR },
        { { .op = BLKIF_OP_READ, .nr = 1, .last = 7, .ref = no_entry }, ERR },
        { { .op = BLKIF_OP_WRITE, .nr = 1, .last = 7, .ref = no_entry }, ERR },
        { { .op = BLKIF_OP_READ, .indirect = true, .nr = 0 }, ERR },
        { { .op = BLKIF_OP_READ, .indirect = true, .nr = 257, .last = 7 },
          ERR },
        { { .op = BLKIF_OP_WRITE, .indirect = true, .nr = 512, .last = 7 },
          ERR },
        { { .op = BLKIF_OP_WRITE, .indirect = true, .nr = 65535, .last = 7 },
          ERR },
        { { .op = BLKIF_OP_DISCARD, .indirect = true, .nr = 1 }, ERR },
        { { .op = BLKIF_OP_INDIRECT, .indirect = true, .nr = 1 }, ERR },
        { { .op = BLKIF_OP_FLUSH_DISKCACHE, .indirect = true, .nr = 1 }, ERR },
        { { .op = BLKIF_OP_WRITE, .indirect = true, .nr = 2, .last = 9 },
          ERR },
        { { .op = BLKIF_OP_RESERVED_1, .nr = 1 }, NOTSUP },
        { { .op = 7 }, NOTSUP },
        { { .op = 0x77, .nr = 1, .last = 7 }, NOTSUP },
    };
    char *path = xen_new_file(DISK_SIZE);

    for (int io = 0; io < 2; io++) {
        XenVbd *v = start(long_mode, path, "",
                          io ? "xen-disk,iothread=io" : "xen-disk");
        unsigned invalid = 0;

        xen_vbd_connect(v, 1, 0);
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
            g_test_message("case %zu", i);
            memset(xen_vbd_page(v, 0), 0x33, XEN_PAGE_SIZE);
            g_assert_cmpint(xen_vbd_do(v, 0, &cases[i].r), ==,
                            cases[i].status);
            g_assert_cmphex(xen_vbd_page(v, 0)[0], ==, 0x33);
            /* What is read is found to have no place only then. */
            invalid += !cases[i].r.ref || cases[i].r.op == BLKIF_OP_WRITE;
            g_assert_cmpuint(invalid_operations(v), ==, invalid);
        }
        g_assert_cmpuint(xen_vbd_counter(v, "wr_operations"), ==, 0);

        /* A page that may only be read cannot take what is read. */
        xen_vbd_set_grant(v, 5, GTF_permit_access | GTF_readonly);
        g_assert_cmpint(xen_vbd_do_pages(v, 0, BLKIF_OP_READ, 0, 5, 1), ==,
                        ERR);
        g_assert_cmpint(xen_vbd_do_pages(v, 0, BLKIF_OP_WRITE, 0, 5, 1), ==,
                        OK);
        /* Neither the page of an indirect request's segments. */
        xen_vbd_set_grant(v, XEN_VBD_DATA_PAGES + v->queue[0].prod %
                          v->queue[0].size, 0);
        g_assert_cmpint(xen_vbd_do_pages(v, 0, BLKIF_OP_READ, 0, 10, 20), ==,
                        ERR);
        /* And it works on. */
        g_assert_cmpint(xen_vbd_do_pages(v, 0, BLKIF_OP_READ, 0, 10, 11), ==,
                        OK);
        g_assert_cmpint(xen_vbd_state(v), ==, XenbusStateConnected);
        xen_vbd_stop(v);
    }
    xen_remove_file(path);
}

/* Impossible indices: that disk is lost, with one line, and can come back. */
static void test_broken_ring(const void *long_mode)
{
    static const int32_t jumps[] = { 33, 64, 0x7fffffff, INT32_MIN, -1, -3 };
    char *path = xen_new_file(DISK_SIZE);
    XenVbd *v = start(long_mode, path, "", "xen-disk,iothread=io");

    for (size_t i = 0; i < ARRAY_SIZE(jumps); i++) {
        g_autofree char *error = NULL;
        g_autofree char *gone = NULL;

        xen_vbd_connect(v, i % 2 + 1, i % 3);
        for (int n = 0; n < 5; n++) {
            g_assert_cmpint(xen_vbd_do_pages(v, 0, BLKIF_OP_READ, 0, 0, 1), ==,
                            OK);
        }
        memset(v->ram + v->queue[0].gpa + 64, 0x77, XEN_PAGE_SIZE - 64);
        v->queue[0].prod += jumps[i] + (jumps[i] > 0 ? v->queue[0].size : 0);
        *XEN_VBD_INDEX(v, 0, req_prod) = v->queue[0].prod;
        g_assert_cmpint(xen_send(v->vm, v->queue[0].port), ==, 0);
        xen_vbd_wait_state(v, XenbusStateClosing);
        error = xen_vbd_read(v, "error");
        g_assert_nonnull(error);
        /* No request of the many was looked at. */
        g_assert_cmpuint(*XEN_VBD_INDEX(v, 0, rsp_prod), ==, 5);
        /* It does not come back without having been closed. */
        xen_vbd_set_state(v, XenbusStateConnected);
        g_assert_cmpint(xen_vbd_state(v), ==, XenbusStateClosing);
        xen_vbd_disconnect(v);
    }
    xen_vbd_connect(v, 1, 0);
    g_assert_cmpint(xen_vbd_do_pages(v, 0, BLKIF_OP_READ, 0, 0, 1), ==, OK);
    xen_vbd_stop(v);
    xen_remove_file(path);
}

/* What a front end writes to xenstore is as little to be trusted. */
static void test_bad_offer(const void *long_mode)
{
    static const struct {
        const char *key, *value;
    } offers[] = {
        { "ring-ref", "4095" }, { "ring-ref", "4294967295" },
        { "ring-ref", "x" }, { "ring-ref", "" },
        { "event-channel", "0" }, { "event-channel", "4000" },
        { "event-channel", "4294967295" }, { "event-channel", "" },
        { "ring-page-order", "5" }, { "ring-page-order", "4294967295" },
        { "ring-page-order", "1" },
        { "multi-queue-num-queues", "0" }, { "multi-queue-num-queues", "5" },
        { "multi-queue-num-queues", "4294967295" },
        { "multi-queue-num-queues", "2" },
    };
    char *path = xen_new_file(DISK_SIZE);

    for (size_t i = 0; i < ARRAY_SIZE(offers); i++) {
        XenVbd *v = start(long_mode, path, "", "xen-disk");
        g_autofree char *error = NULL;

        g_test_message("%s %s", offers[i].key, offers[i].value);
        xen_vbd_offer(v, 1, 0);
        xen_vbd_wait_state(v, XenbusStateConnected);
        xen_vbd_disconnect(v);
        xen_vbd_write(v, "ring-ref", "16");
        xen_vbd_write(v, offers[i].key, offers[i].value);
        xen_vbd_set_state(v, XenbusStateConnected);
        xen_vbd_wait_state(v, XenbusStateClosing);
        error = xen_vbd_read(v, "error");
        g_assert_nonnull(error);
        xen_vbd_close(v);
        xen_vbd_stop(v);
    }
    xen_remove_file(path);
}

/* Queues and pages that are there, but more of them than the disk offers. */
static void test_too_much(const void *long_mode)
{
    char *path = xen_new_file(DISK_SIZE);
    XenVbd *v = start(long_mode, path, "",
                      "xen-disk,num-queues=2,max-ring-page-order=1");

    for (int i = 0; i < 2; i++) {
        xen_vbd_offer(v, i ? 1 : 3, i ? 2 : 0);
        xen_vbd_wait_state(v, XenbusStateClosing);
        xen_vbd_disconnect(v);
    }
    xen_vbd_connect(v, 2, 1);
    xen_vbd_check_works(v, 1);
    xen_vbd_stop(v);
    xen_remove_file(path);
}

int main(int argc, char **argv)
{
    static const XenTest tests[] = {
        { "plain", test_plain },
        { "ring-pages", test_ring_pages },
        { "queues", test_queues },
        { "iothread", test_iothread },
        { "nodes", test_nodes },
        { "flush", test_flush },
        { "barrier-order", test_barrier_order },
        { "discard", test_discard },
        { "large-discard", test_large_discard },
        { "blocks", test_blocks },
        { "read-only", test_read_only },
        { "malformed", test_malformed },
        { "broken-ring", test_broken_ring },
        { "bad-offer", test_bad_offer },
        { "too-much", test_too_much },
    };

    g_test_init(&argc, &argv, NULL);
    xen_add_tests("blk", tests, ARRAY_SIZE(tests));
    return g_test_run();
}
