/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PV disks: adjacent requests become one of the block layer
 */
#include "qemu/osdep.h"
#include "libxen-below.h"
#include "libxen-sectors.h"

#define LOOK_AGAIN_US   200

#define DISK_SIZE       (16 * MiB)

static const char null_disk[] = "-blockdev null-co,node-name=n,size=16777216,"
                                "read-zeroes=on";

/* ------------------------------------------------------------------- merge */

/* Of 1 MiB, and its answers were shown together. */
static void expect_one(bool is_write)
{
    XenBelowTrace t;

    /* The trace may be later than the answers. */
    do {
        xen_below_look(&t);
    } while (!t.pushes);
    g_assert_cmpuint(t.pushes, ==, 1);
    g_assert_cmpuint(t.events, ==, 1);
    xen_below_expect(&(XenBelow) { is_write, 0, 1 * MiB }, 1);
}

/* Eight requests, one below, one event; each counts, and its data are right. */
static void try_both(XenVbd *v, unsigned queue, const char *path)
{
    uint64_t reads = xen_vbd_counter(v, "rd_operations");
    uint64_t writes = xen_vbd_counter(v, "wr_operations");
    uint64_t merged_reads = xen_vbd_counter(v, "rd_merged");
    uint64_t merged_writes = xen_vbd_counter(v, "wr_merged");
    unsigned round = 1 + queue;

    xen_below_forget();
    xen_pieces_fill(v, 0, XEN_PIECES, round);
    xen_pieces_push(v, queue, BLKIF_OP_WRITE, XEN_PIECES);
    xen_vbd_get_each_once(v, queue, XEN_PIECES, -1);
    xen_pieces_check_image(path, 0, XEN_PIECES, round);
    expect_one(true);

    memset(xen_vbd_page(v, 0), 0xee, XEN_PIECES * XEN_PIECE_BYTES);
    xen_pieces_push(v, queue, BLKIF_OP_READ, XEN_PIECES);
    xen_vbd_get_each_once(v, queue, XEN_PIECES, -1);
    xen_pieces_check(xen_vbd_page(v, 0), 0, XEN_PIECES, round);
    expect_one(false);

    g_assert_cmpuint(xen_vbd_counter(v, "rd_operations"), ==,
                     reads + XEN_PIECES);
    g_assert_cmpuint(xen_vbd_counter(v, "wr_operations"), ==,
                     writes + XEN_PIECES);
    g_assert_cmpuint(xen_vbd_counter(v, "rd_merged"), ==,
                     merged_reads + XEN_PIECES - 1);
    g_assert_cmpuint(xen_vbd_counter(v, "wr_merged"), ==,
                     merged_writes + XEN_PIECES - 1);
}

static void test_both(const void *long_mode)
{
    static const char *const more[] = {
        "-device xen-disk,drive=n",
        "-object iothread,id=a -device xen-disk,drive=n,iothread=a",
        "-object iothread,id=a -object iothread,id=b -device "
        "'{\"driver\":\"xen-disk\",\"drive\":\"n\",\"iothread-vq-mapping\":"
        "[{\"iothread\":\"a\"},{\"iothread\":\"b\"}]}'",
    };

    for (size_t i = 0; i < ARRAY_SIZE(more); i++) {
        char *path = xen_new_file(DISK_SIZE);
        g_autofree char *disk = xen_below_image(path, "");
        XenVbd *v = xen_below_start(long_mode, disk, more[i]);

        xen_below_connect(v, 3);
        for (unsigned queue = 0; queue < 3; queue++) {
            try_both(v, queue, path);
        }
        xen_below_stop(v);
        xen_remove_file(path);
    }
}

/* Also below a disk that answers each request by itself. */
static void test_one_event(const void *long_mode)
{
    FOR_EACH_DEVICE(d) {
        XenVbd *v = xen_below_start(long_mode, null_disk, xen_below_devices[d]);

        xen_below_connect(v, 1);
        xen_pieces_push(v, 0, BLKIF_OP_READ, XEN_PIECES);
        xen_vbd_get_each_once(v, 0, XEN_PIECES, -1);
        expect_one(false);
        xen_below_stop(v);
    }
}

/* Small ones, which are copied, and such as are mapped. */
static void test_sizes(const void *long_mode)
{
    static const unsigned pages[] = { 1, 7, 8, 2, 11, 40, 1, 1 };

    FOR_EACH_DEVICE(d) {
        char *path = xen_new_file(DISK_SIZE);
        g_autofree char *disk = xen_below_image(path, "");
        XenVbd *v = xen_below_start(long_mode, disk, xen_below_devices[d]);

        xen_below_connect(v, 1);
        xen_pieces_fill(v, 0, XEN_PIECES, 1);
        for (int op = BLKIF_OP_WRITE; op >= BLKIF_OP_READ; op--) {
            unsigned page = 0;

            for (unsigned i = 0; i < ARRAY_SIZE(pages); i++) {
                xen_vbd_put(v, 0, &(XenVbdRequest) {
                    .op = op, .indirect = pages[i] > 11, .id = i,
                    .sector = page * 8, .page = page, .nr = pages[i],
                    .last = 7,
                });
                page += pages[i];
            }
            xen_vbd_push(v, 0);
            xen_vbd_get_each_once(v, 0, ARRAY_SIZE(pages), -1);
            xen_below_expect(&(XenBelow) { op == BLKIF_OP_WRITE, 0,
                                    page * XEN_PAGE_SIZE }, 1);
            xen_pieces_check_image(path, 0, 2, 1);
            xen_pieces_check(xen_vbd_page(v, 0), 0, XEN_PIECES, 1);
            memset(xen_vbd_page(v, 0), 0, page * XEN_PAGE_SIZE);
        }
        xen_below_stop(v);
        xen_remove_file(path);
    }
}

/* ------------------------------------------------------- what is not merged */

#define P   ((uint64_t)XEN_PAGE_SIZE)

/* One after the other on the disk, page for page, but not of one kind. */
static void test_kinds(const void *long_mode)
{
    static const uint8_t ops[] = {
        BLKIF_OP_READ, BLKIF_OP_READ, BLKIF_OP_WRITE, BLKIF_OP_WRITE,
        BLKIF_OP_READ, BLKIF_OP_WRITE, BLKIF_OP_FLUSH_DISKCACHE,
        BLKIF_OP_WRITE, BLKIF_OP_DISCARD, BLKIF_OP_WRITE, BLKIF_OP_WRITE,
        BLKIF_OP_WRITE_BARRIER, BLKIF_OP_WRITE, BLKIF_OP_WRITE,
    };
    static const XenBelow expected[] = {
        { false, 0, 2 * P }, { true, 2 * P, 2 * P }, { false, 4 * P, P },
        { true, 5 * P, P }, { true, 7 * P, P }, { true, 9 * P, 2 * P },
        { true, 11 * P, P }, { true, 12 * P, 2 * P },
    };

    FOR_EACH_DEVICE(d) {
        char *path = xen_new_file(DISK_SIZE);
        g_autofree char *disk = xen_below_image(path, "");
        XenVbd *v = xen_below_start(long_mode, disk, xen_below_devices[d]);

        xen_below_connect(v, 1);
        for (unsigned i = 0; i < ARRAY_SIZE(ops); i++) {
            /* The flush has no data. */
            bool data = ops[i] != BLKIF_OP_FLUSH_DISKCACHE &&
                        ops[i] != BLKIF_OP_DISCARD;

            xen_vbd_put(v, 0, &(XenVbdRequest) {
                .op = ops[i], .id = i, .sector = 8 * i, .nr_sectors = 8,
                .page = i, .nr = data, .last = data ? 7 : 0,
            });
        }
        xen_vbd_push(v, 0);
        xen_vbd_get_each_once(v, 0, ARRAY_SIZE(ops), -1);
        xen_below_expect(expected, ARRAY_SIZE(expected));
        g_assert_cmpuint(xen_vbd_counter(v, "rd_merged"), ==, 1);
        g_assert_cmpuint(xen_vbd_counter(v, "wr_merged"), ==, 3);
        g_assert_cmpuint(xen_vbd_counter(v, "unmap_operations"), ==, 1);
        xen_below_stop(v);
        xen_remove_file(path);
    }
}

/*
 * Writes that overlap, repeat, go backwards or leave a gap: each alone, in
 * their order.  The disk does one at a time, so that the last of them wins.
 */
static void test_order(const void *long_mode)
{
    static const struct {
        unsigned sector, nr;
    } writes[] = {
        { 0, 8 }, { 0, 8 }, { 4, 4 }, { 6, 2 }, { 0, 4 }, { 3, 2 }, { 12, 4 },
        { 8, 4 }, { 8, 8 }, { 17, 1 }, { 16, 1 }, { 15, 1 },
    };
    char *path = xen_new_file(DISK_SIZE);
    g_autofree char *disk = xen_below_image(path, "");
    XenVbd *v = xen_below_start(long_mode, disk, "-object iothread,id=io,"
                      "thread-pool-max=1 -device xen-disk,drive=n,iothread=io");
    XenBelow expected[ARRAY_SIZE(writes)];
    uint8_t sectors[18], *image;
    g_autofree char *text = NULL;

    xen_below_connect(v, 1);
    for (unsigned i = 0; i < ARRAY_SIZE(writes); i++) {
        expected[i] = (XenBelow) { true, writes[i].sector * XEN_SECTOR_SIZE,
                                writes[i].nr * XEN_SECTOR_SIZE };
        memset(sectors + writes[i].sector, 1 + i, writes[i].nr);
        xen_vbd_fill_page(v, i, 1 + i);
        xen_vbd_put(v, 0, &(XenVbdRequest) {
            .op = BLKIF_OP_WRITE, .id = i, .sector = writes[i].sector,
            .page = i, .nr = 1, .last = writes[i].nr - 1,
        });
    }
    xen_vbd_push(v, 0);
    xen_vbd_get_each_once(v, 0, ARRAY_SIZE(writes), -1);
    xen_below_expect(expected, ARRAY_SIZE(expected));
    g_assert_cmpuint(xen_vbd_counter(v, "wr_merged"), ==, 0);
    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    image = (uint8_t *)text;
    for (unsigned s = 0; s < ARRAY_SIZE(sectors); s++) {
        g_assert_cmpuint(image[s * XEN_SECTOR_SIZE], ==, sectors[s]);
    }
    xen_below_stop(v);
    xen_remove_file(path);
}

/* The first that comes to a sector fails: what was collected, not a discard. */
static void test_discard_follows(const void *long_mode)
{
    FOR_EACH_DEVICE(d) {
        XenVbd *v = xen_below_start(
            long_mode, "-blockdev '{\"driver\":\"raw\",\"node-name\":\"n\","
            "\"discard\":\"unmap\",\"file\":{\"driver\":\"blkdebug\","
            "\"inject-error\":[{\"event\":\"none\",\"errno\":5,"
            "\"sector\":1000,\"once\":true}],\"image\":{"
            "\"driver\":\"null-co\",\"size\":16777216}}}'",
            xen_below_devices[d]);

        xen_below_connect(v, 1);
        for (unsigned i = 0; i < 2; i++) {
            xen_vbd_put(v, 0, &(XenVbdRequest) {
                .op = i ? BLKIF_OP_DISCARD : BLKIF_OP_WRITE, .id = i,
                .sector = 1000, .nr_sectors = 8, .nr = !i, .last = i ? 0 : 7,
            });
        }
        xen_vbd_push(v, 0);
        xen_vbd_get_each_once(v, 0, 2, 0);
        xen_below_stop(v);
    }
}

/* ------------------------------------------------------------------ limits */

static void try_limit(const void *long_mode, const char *disk,
                      const XenVbdRequest *r, unsigned bytes, unsigned nr,
                      unsigned below)
{
    FOR_EACH_DEVICE(d) {
        XenVbd *v = xen_below_start(long_mode, disk, xen_below_devices[d]);
        XenBelowTrace t;

        xen_below_connect(v, 1);
        for (unsigned i = 0; i < nr; i++) {
            XenVbdRequest own = *r;

            own.id = i;
            own.sector = i * (bytes / XEN_SECTOR_SIZE);
            xen_vbd_put(v, 0, &own);
        }
        xen_vbd_push(v, 0);
        xen_vbd_get_each_once(v, 0, nr, -1);
        xen_below_look(&t);
        g_assert_cmpuint(t.nr, ==, below);
        for (unsigned i = 0; i < below; i++) {
            g_assert_cmpuint(t.below[i].bytes, ==, nr / below * bytes);
        }
        xen_below_stop(v);
    }
}

static void test_limits(const void *long_mode)
{
    const XenVbdRequest large = { .op = BLKIF_OP_READ, .indirect = true,
                                  .nr = XEN_PIECE_PAGES, .last = 7 };
    const XenVbdRequest split = { .op = BLKIF_OP_READ, .indirect = true,
                                  .nr = 256 };

    /* 1 MiB. */
    try_limit(long_mode, null_disk, &large, 128 * KiB, 32, 4);
    /* Each of 256 pieces: four make 1024. */
    try_limit(long_mode, null_disk, &split, 128 * KiB, 8, 2);
    /* What the disk takes. */
    try_limit(long_mode, "-blockdev blkdebug,node-name=n,max-transfer=262144,"
              "image.driver=null-co,image.size=16777216,image.read-zeroes=on",
              &large, 128 * KiB, 8, 4);
}

/* They are those of the medium that is there now. */
static void test_new_medium(const void *long_mode)
{
    static const char command[] = "{'execute': 'blockdev-insert-medium',"
                                  "'arguments': {'id': 'x', "
                                  "'node-name': 'm'}}";
    XenVbd *v = xen_below_start(long_mode, "-object iothread,id=io -blockdev "
                      "blkdebug,node-name=m,max-transfer=524288,"
                      "image.driver=null-co,image.size=16777216,"
                      "image.read-zeroes=on,read-only=on",
                      "-device xen-cdrom,id=x,iothread=io");

    xen_vbd_connect(v, 1, 0);
    xen_vbd_qmp(v, command);
    while (!xen_vbd_read_uint(v, "sectors")) {
        g_usleep(LOOK_AGAIN_US);
    }
    xen_below_forget();
    xen_pieces_push(v, 0, BLKIF_OP_READ, XEN_PIECES);
    xen_vbd_get_each_once(v, 0, XEN_PIECES, -1);
    xen_below_expect((XenBelow[]) { { false, 0, 512 * KiB },
                             { false, 512 * KiB, 512 * KiB } }, 2);
    xen_below_stop(v);
}

int main(int argc, char **argv)
{
    static const XenTest tests[] = {
        { "both", test_both },
        { "one-event", test_one_event },
        { "sizes", test_sizes },
        { "kinds", test_kinds },
        { "order", test_order },
        { "discard-follows", test_discard_follows },
        { "limits", test_limits },
        { "new-medium", test_new_medium },
    };

    g_test_init(&argc, &argv, NULL);
    xen_add_tests("blk-merge", tests, ARRAY_SIZE(tests));
    return g_test_run();
}
