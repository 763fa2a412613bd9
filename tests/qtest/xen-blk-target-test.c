/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PV disks where a guest is loaded: which may take the place of the one that was
 * saved, and what becomes of those that do not
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/cutils.h"
#include "qobject/qdict.h"
#include "qobject/qjson.h"
#include "libxen-blk.h"
#include "libxen-state.h"

#define LOOK_AGAIN_US 200

enum { OK = BLKIF_RSP_OKAY };

/* ---------------------------------------------------------- what must fit */

/* @target does not take this guest, and says so before it has loaded RAM. */
static void expect_refused(XenVbd *v, const char *path, const char *options,
                           const char *reason)
{
    g_autofree char *log = g_strconcat(path, ".log", NULL);
    g_autofree char *all = g_strdup_printf("%s 2>%s", options, log);
    XenVbd *target = xen_vbd_start_target(v, all);

    g_test_message("%s: %s", options, reason);
    xen_state_expect_reason(target->vm, path, log, reason);
    g_assert_true(buffer_is_zero(xen_vbd_page(target, 0), XEN_PAGE_SIZE));
    xen_vbd_stop(target);
}

static void test_refused(const void *variant)
{
    static const char disk[] = "-blockdev null-co,node-name=n,size=1048576 ";
    static const struct {
        const char *options, *reason;
    } cases[] = {
        { "-device xen-disk,drive=n,num-queues=4,vdev=xvdb",
          "qdisk/1/51712/xen-pv-device" },
        { "-device xen-cdrom,drive=n,num-queues=4",
          "xen-cdrom '51712': the incoming guest has another device there: "
          "xen-disk" },
        { "-blockdev null-co,node-name=s,size=524288 "
          "-device xen-disk,drive=s,num-queues=4",
          "xen-disk '51712': the size in sectors is 1024, but must be at "
          "least 2048" },
        { "-blockdev null-co,node-name=r,size=1048576,read-only=on "
          "-device xen-disk,drive=r,num-queues=4",
          "xen-disk '51712': the access mode (r, read-only, or w) is r, but "
          "must be w" },
        { "-device xen-disk,drive=n,num-queues=4,logical_block_size=4096,"
          "physical_block_size=4096",
          "xen-disk '51712': logical_block_size is 4096, but must be 512" },
        { "-device xen-disk,drive=n,num-queues=3",
          "xen-disk '51712': num-queues is 3, but must be at least 4" },
        { "-device xen-disk,drive=n,num-queues=4,max-ring-page-order=1",
          "max-ring-page-order is 1, but must be at least 4" },
    };
    const XenVariant *va = variant;
    g_autofree char *options = g_strdup_printf(
        "%s -device xen-disk,drive=n,num-queues=4", disk);
    XenVbd *v = xen_vbd_start(va->long_mode, options);
    g_autofree char *path = NULL;

    xen_vbd_connect(v, 1, 0);
    xen_vbd_fill_page(v, 0, 0x99);
    path = xen_state_save(v->vm);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        g_autofree char *target = g_strconcat(disk, cases[i].options, NULL);

        expect_refused(v, path, target, cases[i].reason);
    }
    /* As if a later release had more. */
    xen_state_change_told(path, "feature-max-indirect-segments", '9');
    expect_refused(v, path, options, "xen-disk '51712': the number of segments "
                   "in a request is 256, but must be at least 956");
    unlink(path);
    /* The guest is none the worse for it. */
    xen_vbd_qmp(v, "{'execute': 'cont'}");
    xen_vbd_check_works(v, 0);
    xen_vbd_stop(v);
}

static void test_refused_discard(const void *variant)
{
    const XenVariant *va = variant;
    XenVbd *v = xen_vbd_start(va->long_mode,
                              "-blockdev null-co,node-name=n,size=1048576,"
                              "discard=unmap -device xen-disk,drive=n");
    g_autofree char *path = NULL;

    xen_vbd_connect(v, 1, 0);
    xen_vbd_fill_page(v, 0, 0x99);
    path = xen_state_save(v->vm);
    expect_refused(v, path, "-blockdev null-co,node-name=n,size=1048576 "
                   "-device xen-disk,drive=n",
                   "xen-disk '51712': discard is not set, but must be at least "
                   "1");
    unlink(path);
    xen_vbd_stop(v);
}

/* ------------------------------------------------------------ other disks */

/* Plugged in here, on the command line there; and one more there. */
static void test_hot_plugged(const void *variant)
{
    const XenVariant *va = variant;
    XenVbd *v = xen_vbd_start(va->long_mode,
                              "-blockdev null-co,node-name=n,size=1048576");

    xen_vbd_use(v, 51728);
    xen_vbd_qmp(v, "{'execute': 'device_add', 'arguments': {'driver': 'xen-disk',"
              " 'drive': 'n', 'id': 'x', 'vdev': 'xvdb'}}");
    xen_vbd_connect(v, 1, 0);
    xen_vbd_check_works(v, 0);
    v = xen_vbd_move(v, "-blockdev null-co,node-name=n,size=1048576 "
                     "-blockdev null-co,node-name=m,size=1048576 "
                     "-device xen-disk,drive=n,vdev=xvdb,id=x "
                     "-device xen-disk,drive=m,vdev=xvda");
    xen_vbd_check_works(v, 0);
    /* It works on, and goes when the guest lets go of it. */
    xen_vbd_qmp(v, "{'execute': 'device_del', 'arguments': {'id': 'x'}}");
    xen_vbd_wait_state(v, XenbusStateClosing);
    v = xen_vbd_move(v, "-blockdev null-co,node-name=n,size=1048576 "
                     "-blockdev null-co,node-name=m,size=1048576 "
                     "-device xen-disk,drive=n,vdev=xvdb,id=x "
                     "-device xen-disk,drive=m,vdev=xvda");
    xen_vbd_set_state(v, XenbusStateClosed);
    qtest_qmp_eventwait(v->vm->qts, "DEVICE_DELETED");
    /* The other is new to the guest. */
    xen_vbd_use(v, 51712);
    g_assert_cmpint(xen_vbd_state(v), ==, XenbusStateInitWait);
    xen_vbd_connect(v, 1, 0);
    xen_vbd_check_works(v, 0);
    xen_vbd_stop(v);
}

static uint64_t wait_for_sectors(XenVbd *v, uint64_t sectors)
{
    while (xen_vbd_read_uint(v, "sectors") != sectors) {
        g_usleep(LOOK_AGAIN_US);
    }
    return sectors;
}

/* A larger disk there is one that has grown. */
static void test_larger(const void *variant)
{
    const XenVariant *va = variant;
    XenVbd *v = xen_vbd_start(va->long_mode,
                              "-blockdev null-co,node-name=n,size=1048576 "
                              "-device xen-disk,drive=n");

    xen_vbd_connect(v, 1, 0);
    v = xen_vbd_move(v, "-blockdev null-co,node-name=n,size=2097152 "
                     "-device xen-disk,drive=n");
    wait_for_sectors(v, 4096);
    g_assert_cmpint(xen_vbd_do_pages(v, 0, BLKIF_OP_READ, 4088, 0, 1), ==, OK);
    xen_vbd_stop(v);
}

/*
 * To a disk with more of everything, and back: what the guest is told there is what
 * it was told here, also after a reset.
 */
static void test_back(const void *variant)
{
    static const char *const options[] = {
        "-blockdev null-co,node-name=n,size=1048576 -device xen-disk,drive=n,"
        "num-queues=2,max-ring-page-order=1",
        "-blockdev null-co,node-name=n,size=1048576,discard=unmap "
        "-object iothread,id=io -device xen-disk,drive=n,num-queues=8,"
        "max-ring-page-order=4,iothread=io",
    };
    const XenVariant *va = variant;
    XenVbd *v = xen_vbd_start(va->long_mode, options[0]);

    xen_vbd_connect(v, 2, 1);
    for (unsigned i = 1; i < 5; i++) {
        v = xen_vbd_move(v, options[i & 1]);
        for (unsigned new = i >= 3 ? 2 : 1; new; new--) {
            char *discard = xen_vbd_read(v, "feature-discard");

            g_assert_null(discard);
            g_assert_cmpuint(xen_vbd_read_uint(v, "multi-queue-max-queues"), ==,
                             2);
            g_assert_cmpuint(xen_vbd_read_uint(v, "max-ring-page-order"), ==,
                             1);
            xen_vbd_check_works(v, 1);
            if (new > 1) {
                qtest_system_reset(v->vm->qts);
                xen_vm_set_up(v->vm);
                xen_vbd_set_up(v);
                xen_vbd_connect(v, 2, 1);
            }
        }
    }
    xen_vbd_stop(v);
}

/* -------------------------------------------------------------- snapshots */

/*
 * Back to what was, whatever became of the disk since; also in a VM that is
 * stopped.
 */
static void test_snapshot(const void *variant)
{
    const XenVariant *va = variant;

    for (unsigned i = 0; i < 6; i++) {
        g_autofree char *options = g_strdup_printf(
            "-object iothread,id=io -blockdev null-co,node-name=n,size=1048576,"
            "read-only=on -device xen-disk,drive=n%s",
            i & 1 ? ",iothread=io" : "");
        XenVbd *v = xen_vbd_start(va->long_mode, options);
        XenVbdQueue queue;
        XenSnapshot *s;
        char *said;

        xen_vbd_connect(v, 1, 0);
        g_assert_cmpint(xen_vbd_do_pages(v, 0, BLKIF_OP_READ, 8, 0, 2), ==,
                        OK);
        s = xen_snapshot_new(v->vm);
        queue = v->queue[0];
        xen_vbd_qmp(v, "{'execute': 'cont'}");
        g_assert_cmpint(xen_vbd_do_pages(v, 0, BLKIF_OP_READ, 8, 0, 2), ==,
                        OK);
        if (i / 2 == 1) {
            xen_vbd_disconnect(v);
        } else if (i / 2 == 2) {
            qtest_system_reset(v->vm->qts);
        }
        if (i & 1) {
            xen_vbd_qmp(v, "{'execute': 'stop'}");
        }
        said = xen_snapshot_load(s);
        g_assert_cmpstr(said, ==, NULL);
        if (i & 1) {
            xen_vbd_qmp(v, "{'execute': 'cont'}");
        }
        v->queue[0] = queue;
        v->nr_queues = 1;
        g_assert_cmpint(xen_vbd_state(v), ==, XenbusStateConnected);
        for (unsigned n = 0; n < 40; n++) {
            g_assert_cmpint(xen_vbd_do_pages(v, 0, BLKIF_OP_READ, 8, 0, 2),
                            ==, OK);
        }
        xen_snapshot_free(s);
        xen_vbd_stop(v);
    }
}

static void load_snapshot(XenVbd *v, const char *name)
{
    g_autofree char *command = g_strdup_printf("loadvm %s", name);
    g_autofree char *said = qtest_hmp(v->vm->qts, "%s", command);

    g_assert_cmpstr(said, ==, "");
    xen_vbd_qmp(v, "{'execute': 'cont'}");
}

/*
 * To before a hot plug, from a snapshot after it: the disk stays, and is a new one
 * to the guest.
 */
static void test_snapshot_before(const void *variant)
{
    const XenVariant *va = variant;
    XenVbd *v = xen_vbd_start(va->long_mode,
                              "-blockdev null-co,node-name=n,size=1048576,"
                              "read-only=on");
    XenSnapshot *s = xen_snapshot_new(v->vm);
    g_autofree char *said = NULL;

    xen_vbd_qmp(v, "{'execute': 'cont'}");
    xen_vbd_qmp(v, "{'execute': 'device_add', 'arguments': {'driver': 'xen-disk',"
                " 'drive': 'n', 'id': 'x', 'vdev': 'xvda'}}");
    xen_vbd_connect(v, 1, 0);
    xen_vbd_qmp(v, "{'execute': 'stop'}");
    said = qtest_hmp(v->vm->qts, "savevm after");
    g_assert_cmpstr(said, ==, "");
    load_snapshot(v, "after");
    g_assert_cmpint(xen_vbd_state(v), ==, XenbusStateConnected);
    load_snapshot(v, "state");
    for (unsigned i = 0; i < 10; i++) {
        /* The main loop would have taken it away by now. */
        g_assert_cmpint(xen_vbd_state(v), ==, XenbusStateInitWait);
    }
    xen_vbd_connect(v, 1, 0);
    g_assert_cmpint(xen_vbd_do_pages(v, 0, BLKIF_OP_READ, 8, 0, 2), ==, OK);
    xen_snapshot_free(s);
    xen_vbd_stop(v);
}

int main(int argc, char **argv)
{
    static const XenVariantTest tests[] = {
        { "refused", test_refused, true },
        { "refused-discard", test_refused_discard, true },
        { "hot-plugged", test_hot_plugged, true },
        { "larger", test_larger, true },
        { "back", test_back, true },
        { "snapshot", test_snapshot },
        { "snapshot-before", test_snapshot_before, true },
    };

    g_test_init(&argc, &argv, NULL);
    xen_add_variant_tests("blk-target", tests, ARRAY_SIZE(tests));
    return g_test_run();
}
