/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PV disks: adjacent requests that are one below, and one of them fails
 *
 * Its error is its own: at once, while the VM stops, after a migration.  And
 * what waits or fails when the front end has gone.
 */
#include "qemu/osdep.h"
#include "qemu/atomic.h"
#include "libxen-below.h"

#define DISK_SIZE       (16 * MiB)
#define BAD             3       /* the request that fails */
#define SECOND_NS       INT64_C(1000000000)
#define LOOK_AGAIN_US   200

enum { OK = BLKIF_RSP_OKAY };

/* What request @bad of eight begins with cannot be read or written. */
static char *bad_disk(const char *path, unsigned bad)
{
    return g_strdup_printf(
        "-blockdev '{\"driver\":\"raw\",\"node-name\":\"n\",\"file\":{"
        "\"driver\":\"blkdebug\",\"inject-error\":[{\"event\":\"none\","
        "\"errno\":5,\"sector\":%u}],\"image\":{\"driver\":\"file\","
        "\"filename\":\"%s\"}}}'", bad * XEN_PIECE_SECTORS, path);
}

/* Nothing is in the ring that the back end has not taken. */
static void wait_taken(XenVbd *v, unsigned queue)
{
    while (qatomic_read(XEN_VBD_INDEX(v, queue, req_event)) !=
           v->queue[queue].prod + 1) {
        g_usleep(LOOK_AGAIN_US);
    }
}

/* ------------------------------------------------------------------ errors */

/* The bad one has an error, the others have none. */
static void test_error(const void *long_mode)
{
    FOR_EACH_DEVICE(d) {
        char *path = xen_new_file(DISK_SIZE);
        g_autofree char *disk = bad_disk(path, BAD);
        XenVbd *v = xen_below_start(long_mode, disk, xen_below_devices[d]);
        XenBelowTrace t;

        xen_below_connect(v, 1);
        xen_pieces_fill(v, 0, XEN_PIECES, 1);
        xen_pieces_push(v, 0, BLKIF_OP_WRITE, XEN_PIECES);
        xen_vbd_get_each_once(v, 0, XEN_PIECES, BAD);
        xen_pieces_check_image(path, 0, BAD, 1);
        xen_pieces_check_image(path, BAD + 1, XEN_PIECES, 1);
        xen_below_look(&t);
        g_assert_cmpuint(t.nr, ==, 1 + XEN_PIECES);
        g_assert_cmpuint(xen_vbd_counter(v, "wr_operations"), ==,
                         XEN_PIECES - 1);
        g_assert_cmpuint(xen_vbd_counter(v, "failed_wr_operations"), ==, 1);

        memset(xen_vbd_page(v, 0), 0, XEN_PIECES * XEN_PIECE_BYTES);
        xen_pieces_push(v, 0, BLKIF_OP_READ, XEN_PIECES);
        xen_vbd_get_each_once(v, 0, XEN_PIECES, BAD);
        xen_pieces_check(xen_vbd_page(v, 0), 0, BAD, 1);
        xen_pieces_check(xen_vbd_page(v, 0), BAD + 1, XEN_PIECES, 1);
        g_assert_cmpuint(xen_vbd_counter(v, "rd_operations"), ==,
                         XEN_PIECES - 1);
        g_assert_cmpuint(xen_vbd_counter(v, "failed_rd_operations"), ==, 1);
        xen_below_stop(v);
        xen_remove_file(path);
    }
}

/* A grant that is not good is its request's alone, too. */
static void test_bad_grant(const void *long_mode)
{
    static const uint32_t refs[XEN_PIECE_PAGES] = { 1u << 30 };
    XenVbd *v = xen_below_start(long_mode, "-blockdev null-co,node-name=n,"
                                "size=16777216,read-zeroes=on",
                                xen_below_devices[0]);

    xen_below_connect(v, 1);
    for (unsigned i = 0; i < XEN_PIECES; i++) {
        if (i != BAD) {
            xen_piece_put(v, 0, BLKIF_OP_READ, i);
            continue;
        }
        xen_vbd_put(v, 0, &(XenVbdRequest) {
            .op = BLKIF_OP_READ, .indirect = true, .id = i,
            .sector = i * XEN_PIECE_SECTORS, .nr = XEN_PIECE_PAGES,
            .last = 7, .ref = refs,
        });
    }
    xen_vbd_push(v, 0);
    xen_vbd_get_each_once(v, 0, XEN_PIECES, BAD);
    xen_below_expect((XenBelow[]) {
        { false, 0, BAD * XEN_PIECE_BYTES },
        { false, (BAD + 1) * XEN_PIECE_BYTES,
          (XEN_PIECES - 1 - BAD) * XEN_PIECE_BYTES } }, 2);
    xen_below_stop(v);
}

/* ------------------------------------------ one that waits or is failing */

/*
 * A disk that does a request a second, so that the next one waits; then a
 * sector of it fails.
 */
static XenVbd *start_slow(const void *long_mode, const char *path, size_t d)
{
    XenVbd *v = xen_below_start(long_mode, "-object iothread,id=io", "");
    g_autofree char *disk = g_strdup_printf(
        "{'execute': 'blockdev-add', 'arguments': {'driver': 'throttle', "
        "'node-name': 'n', 'throttle-group': 't', 'file': {'driver': 'raw', "
        "'file': {'driver': 'blkdebug', 'inject-error': [{'event': 'none', "
        "'errno': 5, 'sector': %u}], 'image': {'driver': 'file', "
        "'filename': '%s'}}}}}", BAD * XEN_PIECE_SECTORS, path);

    xen_vbd_qmp(v, "{'execute': 'object-add', 'arguments': {"
                  "'qom-type': 'throttle-group', 'id': 't', "
                  "'limits': {'iops-total': 1}}}");
    xen_vbd_qmp(v, disk);
    qtest_qmp_device_add(v->vm->qts, "xen-disk", "x",
                         d ? "{'drive': 'n', 'iothread': 'io', "
                         "'werror': 'stop'}" :
                         "{'drive': 'n', 'werror': 'stop'}");
    xen_vbd_use(v, 51712);
    return v;
}

/* Eight writes are one that waits. */
static void let_wait(XenVbd *v)
{
    XenVbdAnswer a;

    xen_below_connect(v, 1);
    /* This second's; it may have to wait as well. */
    xen_vbd_put(v, 0, &(XenVbdRequest) { .op = BLKIF_OP_READ, .sector = 8000,
                                         .nr = 1, .last = 7 });
    xen_vbd_push(v, 0);
    qtest_clock_step(v->vm->qts, SECOND_NS);
    xen_vbd_get(v, 0, &a);
    g_assert_cmpint(a.status, ==, OK);
    xen_pieces_fill(v, 0, XEN_PIECES, 1);
    xen_below_forget();
    xen_pieces_push(v, 0, BLKIF_OP_WRITE, XEN_PIECES);
    wait_taken(v, 0);
    xen_below_expect(&(XenBelow) { true, 0, 1 * MiB }, 1);
    g_assert_cmpuint(*XEN_VBD_INDEX(v, 0, rsp_prod), ==, 1);
}

/* Throttling counts what goes below: all eight are one. */
static void test_throttle(const void *long_mode)
{
    FOR_EACH_DEVICE(d) {
        XenVbd *v = xen_below_start(long_mode, "-object iothread,id=io", "");

        xen_vm_add_slow_disk(v->vm, d);
        xen_vbd_use(v, 51712);
        let_wait(v);
        qtest_clock_step(v->vm->qts, SECOND_NS);
        xen_vbd_get_each_once(v, 0, XEN_PIECES, -1);
        xen_below_stop(v);
    }
}

/*
 * The VM stops while it is in flight, and it fails: no part is begun again, and
 * each is saved by itself.  With @from_here the VM goes on without a migration.
 */
static void try_stop(const void *long_mode, size_t d, bool from_here)
{
    char *path = xen_new_file(DISK_SIZE), *good;
    XenVbd *v = start_slow(long_mode, path, d);
    XenVbdAnswer a;
    XenBelowTrace t;

    let_wait(v);
    xen_vbd_qmp(v, "{'execute': 'stop'}");
    xen_below_look(&t);
    g_assert_cmpuint(t.nr, ==, 0);
    g_assert_false(xen_vbd_poll(v, 0, &a));
    if (from_here) {
        /* Once more as one; then each, a second after the other. */
        xen_vbd_qmp(v, "{'execute': 'cont'}");
        for (unsigned i = 0; i < XEN_PIECES - 1; i++) {
            while (!xen_vbd_poll(v, 0, &a)) {
                qtest_clock_step(v->vm->qts, SECOND_NS);
            }
            g_assert_cmpuint(a.id, !=, BAD);
            g_assert_cmpint(a.status, ==, OK);
        }
        qtest_qmp_eventwait(v->vm->qts, "STOP");
        xen_below_look(&t);
        g_assert_cmpuint(t.nr, ==, 1 + XEN_PIECES);
        xen_pieces_check_image(path, 0, BAD, 1);
        xen_pieces_check_image(path, BAD + 1, XEN_PIECES, 1);
        g_assert_false(xen_vbd_poll(v, 0, &a));
    } else {
        good = xen_below_image(path, " -smp 4 -object iothread,id=io -device "
                          "xen-disk,drive=n,werror=stop");
        v = xen_vbd_move_stopped(v, good);
        g_free(good);
        xen_vbd_qmp(v, "{'execute': 'cont'}");
        xen_vbd_get_each_once(v, 0, XEN_PIECES, -1);
        xen_pieces_check_image(path, 0, XEN_PIECES, 1);
        g_assert_cmpuint(xen_vbd_counter(v, "wr_operations"), ==, XEN_PIECES);
        g_assert_cmpuint(xen_vbd_counter(v, "wr_merged"), ==, XEN_PIECES - 1);
        xen_vbd_check_works(v, 0);
    }
    xen_below_stop(v);
    xen_remove_file(path);
}

static void test_stop(const void *long_mode)
{
    FOR_EACH_DEVICE(d) {
        try_stop(long_mode, d, true);
        try_stop(long_mode, d, false);
    }
}

/* werror=stop: the others have their answers, and one is saved. */
static void test_saved(const void *long_mode)
{
    FOR_EACH_DEVICE(d) {
        char *path = xen_new_file(DISK_SIZE);
        g_autofree char *disk = bad_disk(path, BAD);
        g_autofree char *device = g_strconcat(xen_below_devices[d],
                                              ",werror=stop", NULL);
        g_autofree char *good = xen_below_image(path, "");
        g_autofree char *options = g_strdup_printf("-smp 4 %s %s", good,
                                                   device);
        XenVbd *v = xen_below_start(long_mode, disk, device);
        XenVbdAnswer a;

        xen_below_connect(v, 1);
        xen_pieces_fill(v, 0, XEN_PIECES, 1);
        xen_pieces_push(v, 0, BLKIF_OP_WRITE, XEN_PIECES);
        qtest_qmp_eventwait(v->vm->qts, "STOP");
        for (unsigned i = 0; i < XEN_PIECES - 1; i++) {
            xen_vbd_get(v, 0, &a);
            g_assert_cmpuint(a.id, !=, BAD);
            g_assert_cmpint(a.status, ==, OK);
        }
        v = xen_vbd_move_stopped(v, options);
        xen_vbd_qmp(v, "{'execute': 'cont'}");
        xen_vbd_get(v, 0, &a);
        g_assert_cmpuint(a.id, ==, BAD);
        g_assert_cmpint(a.status, ==, OK);
        g_assert_cmpuint(xen_vbd_counter(v, "wr_operations"), ==, 1);
        xen_pieces_check_image(path, 0, XEN_PIECES, 1);
        xen_vbd_check_works(v, 0);
        xen_below_stop(v);
        xen_remove_file(path);
    }
}

static void end_by_reset(XenVbd *v)
{
    qtest_system_reset(v->vm->qts);
}

static void end_by_close(XenVbd *v)
{
    xen_vbd_set_state(v, XenbusStateClosed);
    g_assert_cmpint(xen_vbd_state(v), !=, XenbusStateClosed);
    qtest_clock_step(v->vm->qts, SECOND_NS);
    xen_vbd_wait_state(v, XenbusStateClosed);
}

static void end_by_unplug(XenVbd *v)
{
    xen_vbd_qmp(v, "{'execute': 'device_del', 'arguments': {'id': 'x'}}");
    xen_vbd_set_state(v, XenbusStateClosed);
    qtest_clock_step(v->vm->qts, SECOND_NS);
    qtest_qmp_eventwait(v->vm->qts, "DEVICE_DELETED");
}

/* It fails when nobody waits for it any more: it is not done again. */
static void test_end(const void *long_mode)
{
    static void (*const ends[])(XenVbd *v) = {
        end_by_reset, end_by_close, end_by_unplug,
    };

    for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
        FOR_EACH_DEVICE(d) {
            char *path = xen_new_file(DISK_SIZE);
            XenVbd *v = start_slow(long_mode, path, d);
            XenBelowTrace t;

            let_wait(v);
            ends[i](v);
            xen_below_look(&t);
            g_assert_cmpuint(t.nr, ==, 0);
            g_assert_cmpuint(t.pushes, ==, 0);
            g_assert_cmpuint(*XEN_VBD_INDEX(v, 0, rsp_prod), ==, 1);
            xen_below_stop(v);
            xen_remove_file(path);
        }
    }
}

int main(int argc, char **argv)
{
    static const XenTest tests[] = {
        { "error", test_error },
        { "bad-grant", test_bad_grant },
        { "throttle", test_throttle },
        { "stop", test_stop },
        { "saved", test_saved },
        { "end", test_end },
    };

    g_test_init(&argc, &argv, NULL);
    xen_add_tests("blk-parts", tests, ARRAY_SIZE(tests));
    return g_test_run();
}
