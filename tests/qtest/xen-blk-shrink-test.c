/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PV disks that become smaller under requests that were good before
 *
 * They are the guest's errors then.  With werror=stop an error of the disk stops
 * the VM, and it would do so again each time that a user has it continue.
 */
#include "qemu/osdep.h"
#include "qemu/atomic.h"
#include "qemu/units.h"
#include "qobject/qdict.h"
#include "libxen-blk.h"

#define DISK_SIZE       (16 * MiB)
#define SMALL           "8388608"
#define LAST_SECTOR     (DISK_SIZE / XEN_VBD_SECTOR - 8)
#define SECOND_NS       INT64_C(1000000000)

/* A request a second; the next ones wait. */
static XenVbd *start_slow(const void *long_mode, const char *path,
                          bool in_iothread)
{
    XenVbd *v = xen_vbd_start(GPOINTER_TO_INT(long_mode),
                              "-object iothread,id=io");
    g_autofree char *disk = g_strdup_printf(
        "{'execute': 'blockdev-add', 'arguments': {'driver': 'throttle', "
        "'node-name': 'n', 'throttle-group': 't', 'file': {"
        "'driver': 'file', 'filename': '%s'}}}", path);

    xen_vbd_qmp(v, "{'execute': 'object-add', 'arguments': {"
                  "'qom-type': 'throttle-group', 'id': 't', "
                  "'limits': {'iops-total': 1}}}");
    xen_vbd_qmp(v, disk);
    qtest_qmp_device_add(v->vm->qts, "xen-disk", "x", in_iothread ?
                         "{'drive': 'n', 'iothread': 'io', "
                         "'werror': 'stop', 'rerror': 'stop'}" :
                         "{'drive': 'n', 'werror': 'stop', "
                         "'rerror': 'stop'}");
    return v;
}

static void put(XenVbd *v, uint8_t op, uint64_t id, uint64_t sector)
{
    xen_vbd_put(v, 0, &(XenVbdRequest) {
        .op = op, .id = id, .sector = sector, .nr = 1, .last = 7,
    });
}

/*
 * Gives the queue time to take what was pushed.  What it takes later is checked
 * against the new size, and then nothing is tested, but nothing fails either.
 */
static void let_take(XenVbd *v)
{
    for (int i = 0; i < 20; i++) {
        g_assert_cmpint(xen_vbd_state(v), ==, XenbusStateConnected);
        g_usleep(1000);
    }
}

static void expect_running(XenVbd *v)
{
    QDict *answer = qtest_qmp(v->vm->qts, "{'execute': 'query-status'}");

    g_assert_true(qdict_get_bool(qdict_get_qdict(answer, "return"),
                                 "running"));
    qobject_unref(answer);
}

static void get(XenVbd *v, XenVbdAnswer *a)
{
    while (!xen_vbd_poll(v, 0, a)) {
        qtest_clock_step(v->vm->qts, SECOND_NS);
        expect_running(v);
        g_usleep(200);
    }
}

/* A barrier waits for the requests before it. */
static void test_barrier(const void *long_mode)
{
    for (int in_iothread = 0; in_iothread < 2; in_iothread++) {
        char *path = xen_new_file(DISK_SIZE);
        XenVbd *v = start_slow(long_mode, path, in_iothread);
        XenVbdAnswer a;

        xen_vbd_connect(v, 1, 0);
        put(v, BLKIF_OP_READ, 0, 0);
        xen_vbd_push(v, 0);
        get(v, &a);
        g_assert_cmpint(a.status, ==, BLKIF_RSP_OKAY);
        /* The first of these need not wait, the second must. */
        put(v, BLKIF_OP_READ, 1, 0);
        put(v, BLKIF_OP_READ, 2, 2048);
        put(v, BLKIF_OP_WRITE_BARRIER, 3, LAST_SECTOR);
        xen_vbd_push(v, 0);
        let_take(v);
        xen_vbd_qmp(v, "{'execute': 'block_resize', 'arguments': {"
                      "'node-name': 'n', 'size': " SMALL "}}");
        for (int i = 1; i <= 3; i++) {
            get(v, &a);
            g_assert_true((a.id == 3) == (i == 3));
            /* The barrier may have come before the new size, on a busy host. */
            if (i < 3 || a.status != BLKIF_RSP_ERROR) {
                g_assert_cmpint(a.status, ==, BLKIF_RSP_OKAY);
            }
        }
        expect_running(v);
        g_assert_cmpint(xen_vbd_do_pages(v, 0, BLKIF_OP_WRITE, LAST_SECTOR, 0,
                                         1), ==, BLKIF_RSP_ERROR);
        xen_vbd_stop(v);
        xen_remove_file(path);
    }
}

int main(int argc, char **argv)
{
    static const XenTest tests[] = {
        { "barrier", test_barrier },
    };

    g_test_init(&argc, &argv, NULL);
    xen_add_tests("blk-shrink", tests, ARRAY_SIZE(tests));
    return g_test_run();
}
