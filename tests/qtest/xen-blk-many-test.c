/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PV disks by "-drive if=xen": 255 of them, throttling, and errors as the monitor
 * sees them
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qobject/qdict.h"
#include "qobject/qjson.h"
#include "libxen-blk.h"

#define DISKS           255
#define OK              BLKIF_RSP_OKAY
#define ERR             BLKIF_RSP_ERROR

/* xvda to xvdp have 16 minor numbers each, later ones are of the other kind. */
static unsigned number_of(unsigned disk)
{
    return disk < 16 ? 202 << 8 | disk << 4 : 1 << 28 | disk << 8;
}

static void test_many(const void *long_mode)
{
    g_autoptr(GString) options = g_string_new("");
    XenVbd *v;

    for (unsigned i = 0; i < DISKS; i++) {
        g_string_append_printf(options, " -drive if=xen,driver=null-co,size=%u,"
                               "read-zeroes=on", (i + 1) * 4096);
    }
    v = xen_vbd_start(GPOINTER_TO_INT(long_mode), options->str);
    for (unsigned i = 0; i < DISKS; i++) {
        xen_vbd_use(v, number_of(i));
        g_assert_cmpuint(xen_vbd_read_uint(v, "sectors"), ==, (i + 1) * 8);
    }
    xen_vbd_use(v, number_of(DISKS));
    g_assert_null(xen_vbd_read(v, "sectors"));

    xen_vbd_use(v, number_of(DISKS - 1));
    xen_vbd_wait_state(v, XenbusStateInitWait);
    xen_vbd_connect(v, 1, 0);
    g_assert_cmpint(xen_vbd_do_pages(v, 0, BLKIF_OP_READ, (DISKS - 1) * 8, 0,
                                     1), ==, OK);
    g_assert_cmpint(xen_vbd_do_pages(v, 0, BLKIF_OP_READ, DISKS * 8, 0, 1), ==,
                    ERR);
    xen_vbd_stop(v);
}

/* ------------------------------------------------------------ throttling */

#define NR      8               /* requests */
#define PAGES   64              /* of each */

/*
 * One operation a second, and 512 bytes are one: after the first request the next
 * has to wait for minutes, so it does not come before the limit is lifted, however
 * slow the host is.
 */
static void expect_throttled(XenVbd *v, const char *lift)
{
    XenVbdAnswer a;

    for (unsigned i = 0; i < NR; i++) {
        xen_vbd_put(v, 0, &(XenVbdRequest) {
            .op = BLKIF_OP_READ, .indirect = true, .id = i, .page = i * PAGES,
            .nr = PAGES, .last = 7,
        });
    }
    xen_vbd_push(v, 0);
    for (unsigned i = 0; i < NR; i++) {
        xen_vbd_get(v, 0, &a);
        g_assert_cmpint(a.status, ==, OK);
        if (!i) {
            xen_vbd_qmp(v, "{'execute': 'query-status'}");
            g_assert_false(xen_vbd_poll(v, 0, &a));
            xen_vbd_qmp(v, lift);
        }
    }
}

#define SET_LIMIT(iops, more) \
    "{'execute': 'block_set_io_throttle', 'arguments': {'id': 'x', 'bps': 0," \
    " 'bps_rd': 0, 'bps_wr': 0, 'iops': " iops ", 'iops_rd': 0," \
    " 'iops_wr': 0" more "}}"

/* The option of -drive, and the monitor's command */
static void test_throttling(const void *long_mode)
{
    static const struct {
        const char *disk, *set, *lift;
    } cases[] = {
        { "-drive if=xen,id=d,driver=null-co,size=1M,read-zeroes=on,"
          "throttling.iops-total=1,throttling.iops-size=512", NULL,
          "{'execute': 'block_set_io_throttle', 'arguments': {'device': 'd',"
          " 'bps': 0, 'bps_rd': 0, 'bps_wr': 0, 'iops': 0, 'iops_rd': 0,"
          " 'iops_wr': 0}}" },
        { "-object iothread,id=io "
          "-blockdev null-co,node-name=n,size=1048576,read-zeroes=on "
          "-device xen-disk,id=x,drive=n,iothread=io",
          SET_LIMIT("1", ", 'iops_size': 512"), SET_LIMIT("0", "") },
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        XenVbd *v = xen_vbd_start(GPOINTER_TO_INT(long_mode), cases[i].disk);

        g_test_message("%s", cases[i].disk);
        xen_vbd_connect(v, 1, 0);
        if (cases[i].set) {
            xen_vbd_qmp(v, cases[i].set);
        }
        expect_throttled(v, cases[i].lift);
        xen_vbd_stop(v);
    }
}

/* ---------------------------------------------------------------- errors */

#define BAD_DRIVE(event, number, more) \
    "-drive if=xen,id=d,driver=raw,file.driver=blkdebug," \
    "file.inject-error.0.event=" event "," \
    "file.inject-error.0.errno=" number "," \
    "file.inject-error.0.once=on,file.inject-error.0.sector=8," \
    "file.image.driver=null-co,file.image.size=1M," \
    "file.image.read-zeroes=on" more

static void expect_event(XenVbd *v, const char *operation, const char *action,
                         bool nospace)
{
    QDict *event = qtest_qmp_eventwait_ref(v->vm->qts, "BLOCK_IO_ERROR");
    QDict *data = qdict_get_qdict(event, "data");

    g_assert_cmpstr(qdict_get_str(data, "device"), ==, "d");
    g_assert_cmpstr(qdict_get_str(data, "operation"), ==, operation);
    g_assert_cmpstr(qdict_get_str(data, "action"), ==, action);
    g_assert_cmpint(qdict_get_try_bool(data, "nospace", false), ==, nospace);
    qobject_unref(event);
}

static void expect_status(XenVbd *v, const char *status)
{
    QDict *answer = qtest_qmp(v->vm->qts, "{'execute': 'query-status'}");

    g_assert_cmpstr(qdict_get_str(qdict_get_qdict(answer, "return"),
                                  "status"), ==, status);
    qobject_unref(answer);
}

/* As a management tool sees them, with the options of -drive */
static void test_error_events(const void *long_mode)
{
    static const struct {
        const char *disk, *operation, *action;
        uint8_t op;
        bool nospace;           /* told only of a VM that stops */
        int16_t status;
    } cases[] = {
        { BAD_DRIVE("read_aio", "5", ""), "read", "report", BLKIF_OP_READ,
          false, ERR },
        { BAD_DRIVE("read_aio", "5", ",rerror=stop"), "read", "stop",
          BLKIF_OP_READ, false, OK },
        { BAD_DRIVE("read_aio", "5", ",rerror=ignore"), "read", "ignore",
          BLKIF_OP_READ, false, OK },
        { BAD_DRIVE("write_aio", "5", ",werror=stop"), "write", "stop",
          BLKIF_OP_WRITE, false, OK },
        { BAD_DRIVE("write_aio", "28", ""), "write", "stop", BLKIF_OP_WRITE,
          true, OK },
        { BAD_DRIVE("write_aio", "28", ",werror=report"), "write", "report",
          BLKIF_OP_WRITE, false, ERR },
        { BAD_DRIVE("write_aio", "5", ",werror=enospc"), "write", "report",
          BLKIF_OP_WRITE, false, ERR },
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        XenVbd *v = xen_vbd_start(GPOINTER_TO_INT(long_mode), cases[i].disk);
        XenVbdAnswer a;

        g_test_message("case %zu", i);
        xen_vbd_connect(v, 1, 0);
        xen_vbd_put(v, 0, &(XenVbdRequest) {
            .op = cases[i].op, .id = 7, .sector = 8, .nr = 1, .last = 7,
        });
        xen_vbd_push(v, 0);
        expect_event(v, cases[i].operation, cases[i].action,
                     cases[i].nospace);
        if (!strcmp(cases[i].action, "stop")) {
            qtest_qmp_eventwait(v->vm->qts, "STOP");
            expect_status(v, "io-error");
            g_assert_false(xen_vbd_poll(v, 0, &a));
            xen_vbd_qmp(v, "{'execute': 'cont'}");
        }
        xen_vbd_get(v, 0, &a);
        g_assert_cmpuint(a.id, ==, 7);
        g_assert_cmpint(a.status, ==, cases[i].status);
        expect_status(v, "running");
        xen_vbd_stop(v);
    }
}

int main(int argc, char **argv)
{
    static const XenTest tests[] = {
        { "255-disks", test_many },
        { "throttling", test_throttling },
        { "error-events", test_error_events },
    };

    g_test_init(&argc, &argv, NULL);
    xen_add_tests("blk-many", tests, ARRAY_SIZE(tests));
    return g_test_run();
}
