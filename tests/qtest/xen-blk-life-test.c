/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PV disks: closing, unplugging and resets with requests in flight; sizes,
 * media, errors
 *
 * Disks that are slow below hold requests in flight.  "stop" lets QEMU end all
 * of them: what would still be written for a guest that has gone shows then.
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/atomic.h"
#include "qobject/qdict.h"
#include "qobject/qjson.h"
#include "qobject/qlist.h"
#include "libxen-blk.h"

#define SLOW_DISK   "-object iothread,id=io -blockdev null-co,node-name=n," \
                    "size=67108864,read-zeroes=on,latency-ns=200000000 "
#define NR          8           /* requests in flight */
#define PATTERN     0x5b
#define LOOK_AGAIN_US 200

enum { OK = BLKIF_RSP_OKAY, ERR = BLKIF_RSP_ERROR };

static const char *const devices[] = {
    "-device xen-disk,id=x,drive=n",
    "-device xen-disk,id=x,drive=n,iothread=io",
};

static XenVbd *start(const void *long_mode, const char *device,
                     unsigned queues)
{
    g_autofree char *options = g_strdup_printf("-smp 4 " SLOW_DISK "%s",
                                               device);
    XenVbd *v = xen_vbd_start(GPOINTER_TO_INT(long_mode), options);

    xen_vbd_connect(v, queues, 0);
    return v;
}

/* Reads, and one write that is to be indirect, on each queue. */
static void put_requests(XenVbd *v)
{
    memset(xen_vbd_page(v, 0), PATTERN, XEN_VBD_DATA_PAGES * XEN_PAGE_SIZE);
    for (unsigned q = 0; q < v->nr_queues; q++) {
        for (unsigned i = 0; i < NR; i++) {
            xen_vbd_put(v, q, &(XenVbdRequest) {
                .op = i ? BLKIF_OP_READ : BLKIF_OP_WRITE, .indirect = i < 3,
                .id = i, .sector = 8 * i, .page = q * 64 + i, .nr = 1 + i,
                .last = 7,
            });
        }
        xen_vbd_push(v, q);
    }
}

/* The back end has taken them from the rings. */
static void wait_seen(XenVbd *v)
{
    for (unsigned q = 0; q < v->nr_queues; q++) {
        while (qatomic_read(XEN_VBD_INDEX(v, q, req_event)) !=
               v->queue[q].prod + 1) {
            g_usleep(LOOK_AGAIN_US);
        }
    }
}

/* All are in flight. */
static void wait_taken(XenVbd *v)
{
    wait_seen(v);
    for (unsigned q = 0; q < v->nr_queues; q++) {
        g_assert_cmpuint(*XEN_VBD_INDEX(v, q, rsp_prod), ==, 0);
    }
}

/* The guest uses its pages for something else, which must stay. */
static void reuse_pages(XenVbd *v)
{
    for (unsigned q = 0; q < v->nr_queues; q++) {
        memset(v->ram + v->queue[q].gpa, PATTERN, XEN_PAGE_SIZE);
    }
    memset(xen_vbd_page(v, 0), PATTERN, XEN_VBD_DATA_PAGES * XEN_PAGE_SIZE);
}

static void expect_pattern(const uint8_t *p, size_t len)
{
    g_assert_true(p[0] == PATTERN && !memcmp(p, p + 1, len - 1));
}

static void expect_untouched(XenVbd *v)
{
    xen_vbd_qmp(v, "{'execute': 'stop'}");
    xen_vbd_qmp(v, "{'execute': 'cont'}");
    for (unsigned q = 0; q < v->nr_queues; q++) {
        expect_pattern(v->ram + v->queue[q].gpa, XEN_PAGE_SIZE);
    }
    expect_pattern(xen_vbd_page(v, 0), XEN_VBD_DATA_PAGES * XEN_PAGE_SIZE);
}

static void close_ports(XenVbd *v)
{
    for (unsigned q = 0; q < v->nr_queues; q++) {
        xen_close(v->vm, v->queue[q].port);
    }
}

static void come_back(XenVbd *v)
{
    xen_vbd_set_state(v, XenbusStateInitialising);
    xen_vbd_wait_state(v, XenbusStateInitWait);
    xen_vbd_connect(v, 1, 0);
    g_assert_cmpint(xen_vbd_do_pages(v, 0, BLKIF_OP_READ, 0, 0, 1), ==, OK);
}

/* "Closed" comes when all have ended, and nothing is touched after it. */
static void test_close(const void *long_mode)
{
    for (size_t d = 0; d < ARRAY_SIZE(devices); d++) {
        for (unsigned queues = 1; queues <= 3; queues += 2) {
            XenVbd *v = start(long_mode, devices[d], queues);

            put_requests(v);
            wait_taken(v);
            xen_vbd_close(v);
            g_assert_cmpuint(xen_vbd_counter(v, "rd_operations"), ==,
                             queues * (NR - 1));
            g_assert_cmpuint(xen_vbd_counter(v, "wr_operations"), ==, queues);
            reuse_pages(v);
            expect_untouched(v);
            close_ports(v);
            come_back(v);
            xen_vbd_stop(v);
        }
    }
}

/* QEMU's main loop does not wait for the disk. */
static void test_close_is_patient(const void *long_mode)
{
    XenVbd *v = start(long_mode, devices[0], 1);

    put_requests(v);
    wait_taken(v);
    xen_vbd_set_state(v, XenbusStateClosed);
    /* xenstore is served, and the state is not Closed yet. */
    g_assert_cmpuint(xen_vbd_counter(v, "rd_operations"), ==, 0);
    g_assert_cmpint(xen_vbd_state(v), !=, XenbusStateClosed);
    /* A front end that comes back meanwhile gets what it wants afterwards. */
    xen_vbd_set_state(v, XenbusStateInitialising);
    xen_vbd_wait_state(v, XenbusStateInitWait);
    close_ports(v);
    xen_vbd_connect(v, 1, 0);
    g_assert_cmpint(xen_vbd_do_pages(v, 0, BLKIF_OP_READ, 0, 0, 1), ==, OK);
    xen_vbd_stop(v);
}

/* Closed at any moment, again and again. */
static void test_reconnect(const void *long_mode)
{
    for (size_t d = 0; d < ARRAY_SIZE(devices); d++) {
        g_autofree char *options = g_strdup_printf(
            "-smp 4 -object iothread,id=io -blockdev null-co,node-name=n,"
            "size=67108864,read-zeroes=on,latency-ns=100000 %s", devices[d]);
        XenVbd *v = xen_vbd_start(GPOINTER_TO_INT(long_mode), options);

        for (unsigned round = 0; round < 40; round++) {
            xen_vbd_connect(v, 1 + round % 3, round % 2);
            put_requests(v);
            if (round % 4 == 3) {
                g_usleep(50 * round);
            }
            xen_vbd_close(v);
            reuse_pages(v);
            expect_untouched(v);
            close_ports(v);
            xen_vbd_set_state(v, XenbusStateInitialising);
            xen_vbd_wait_state(v, XenbusStateInitWait);
        }
        xen_vbd_stop(v);
    }
}

/* A front end that does not close its end, but begins anew with another ring. */
static void test_anew(const void *long_mode)
{
    for (size_t d = 0; d < ARRAY_SIZE(devices); d++) {
        XenVbd *v = start(long_mode, devices[d], 2);

        put_requests(v);
        /* On a busy host some may have ended by now. */
        wait_seen(v);
        xen_vbd_set_state(v, XenbusStateInitialising);
        xen_vbd_wait_state(v, XenbusStateInitWait);
        reuse_pages(v);
        expect_untouched(v);
        close_ports(v);
        xen_vbd_connect(v, 1, 0);
        g_assert_cmpint(xen_vbd_do_pages(v, 0, BLKIF_OP_READ, 0, 0, 1), ==, OK);
        xen_vbd_stop(v);
    }
}

static void do_unplug(XenVbd *v, bool polite)
{
    xen_vbd_qmp(v, "{'execute': 'device_del', 'arguments': {'id': 'x'}}");
    if (polite) {
        xen_vbd_set_state(v, XenbusStateClosing);
    }
    xen_vbd_set_state(v, XenbusStateClosed);
    qtest_qmp_eventwait(v->vm->qts, "DEVICE_DELETED");
}

static void test_unplug(const void *long_mode)
{
    for (size_t d = 0; d < ARRAY_SIZE(devices); d++) {
        for (int polite = 0; polite < 2; polite++) {
            XenVbd *v = start(long_mode, devices[d], 2);

            put_requests(v);
            wait_taken(v);
            do_unplug(v, polite);
            reuse_pages(v);
            expect_untouched(v);
            xen_vbd_stop(v);
        }
    }
}

/* The next guest's memory is its own from its first instruction on. */
static void test_reset(const void *long_mode)
{
    for (size_t d = 0; d < ARRAY_SIZE(devices); d++) {
        XenVbd *v = start(long_mode, devices[d], 2);

        put_requests(v);
        wait_taken(v);
        qtest_system_reset(v->vm->qts);
        g_assert_cmpuint(*XEN_VBD_INDEX(v, 0, rsp_prod), ==, 0);
        reuse_pages(v);
        expect_untouched(v);

        xen_vm_set_up(v->vm);
        xen_vbd_set_up(v);
        xen_vbd_wait_state(v, XenbusStateInitWait);
        xen_vbd_connect(v, 2, 0);
        g_assert_cmpint(xen_vbd_do_pages(v, 1, BLKIF_OP_READ, 0, 0, 1), ==,
                        OK);
        xen_vbd_stop(v);
    }
}

/* QEMU ends with requests in flight. */
static void test_quit(const void *long_mode)
{
    for (size_t d = 0; d < ARRAY_SIZE(devices); d++) {
        XenVbd *v = start(long_mode, devices[d], 2);

        put_requests(v);
        wait_taken(v);
        xen_vbd_stop(v);
    }
}

/* Nothing is taken from the ring while the VM is stopped. */
static void test_paused(const void *long_mode)
{
    for (size_t d = 0; d < ARRAY_SIZE(devices); d++) {
        XenVbd *v = start(long_mode, devices[d], 1);
        XenVbdAnswer a;

        put_requests(v);
        wait_taken(v);
        xen_vbd_qmp(v, "{'execute': 'stop'}");
        /* All that was in flight was answered before it returned. */
        for (unsigned i = 0; i < NR; i++) {
            g_assert_true(xen_vbd_poll(v, 0, &a));
        }
        put_requests(v);
        g_assert_cmpint(xen_send(v->vm, v->queue[0].port), ==, 0);
        xen_vbd_qmp(v, "{'execute': 'query-status'}");
        g_assert_cmpuint(*XEN_VBD_INDEX(v, 0, req_event), ==, NR + 1);
        xen_vbd_qmp(v, "{'execute': 'cont'}");
        for (unsigned i = 0; i < NR; i++) {
            xen_vbd_get(v, 0, &a);
            g_assert_cmpint(a.status, ==, OK);
        }
        xen_vbd_stop(v);
    }
}

/* -------------------------------------------------------- size and media */

static char *new_image(size_t size, uint8_t byte)
{
    char *path = g_strdup("/tmp/xen-blk-XXXXXX");
    g_autofree uint8_t *data = g_malloc(size);
    int fd = mkstemp(path);

    g_assert_cmpint(fd, >=, 0);
    memset(data, byte, size);
    g_assert_cmpint(write(fd, data, size), ==, size);
    close(fd);
    return path;
}

static void remove_image(char *path)
{
    unlink(path);
    g_free(path);
}

static void wait_sectors(XenVbd *v, uint64_t sectors)
{
    while (xen_vbd_read_uint(v, "sectors") != sectors) {
        g_usleep(LOOK_AGAIN_US);
    }
}

static void test_resize(const void *long_mode)
{
    for (size_t d = 0; d < ARRAY_SIZE(devices); d++) {
        char *path = new_image(1 << 20, 1);
        g_autofree char *options = g_strdup_printf(
            "-object iothread,id=io -blockdev raw,node-name=n,"
            "file.driver=file,file.filename=%s %s", path, devices[d]);
        XenVbd *v = xen_vbd_start(GPOINTER_TO_INT(long_mode), options);

        xen_vbd_connect(v, 1, 0);
        g_assert_cmpint(xen_vbd_do_pages(v, 0, BLKIF_OP_READ, 2048, 0, 1), ==,
                        ERR);
        xen_vbd_qmp(v, "{'execute': 'block_resize',"
                  " 'arguments': {'node-name': 'n', 'size': 4194304}}");
        wait_sectors(v, 8192);
        g_assert_cmpint(xen_vbd_state(v), ==, XenbusStateConnected);
        g_assert_cmpint(xen_vbd_do_pages(v, 0, BLKIF_OP_WRITE, 8184, 0, 1), ==,
                        OK);
        xen_vbd_qmp(v, "{'execute': 'block_resize',"
                  " 'arguments': {'node-name': 'n', 'size': 524288}}");
        wait_sectors(v, 1024);
        g_assert_cmpint(xen_vbd_do_pages(v, 0, BLKIF_OP_READ, 1024, 0, 1), ==,
                        ERR);
        xen_vbd_stop(v);
        remove_image(path);
    }
}

static void change_medium(XenVbd *v, const char *path)
{
    g_autofree char *command = g_strdup_printf(
        "{'execute': 'blockdev-change-medium', 'arguments': "
        "{'id': 'x', 'filename': '%s', 'format': 'raw'}}", path);

    xen_vbd_qmp(v, command);
}

static void test_media(const void *long_mode)
{
    static const char *const drives[] = {
        "-device xen-cdrom,id=x",
        "-drive if=none,id=d -device xen-cdrom,id=x,drive=d",
        "-device xen-cdrom,id=x,iothread=io",
    };
    char *one = new_image(1 << 20, 0x11), *two = new_image(1 << 19, 0x22);

    for (size_t i = 0; i < ARRAY_SIZE(drives); i++) {
        g_autofree char *options = g_strdup_printf("-object iothread,id=io %s",
                                                   drives[i]);
        XenVbd *v = xen_vbd_start(GPOINTER_TO_INT(long_mode), options);

        g_assert_cmpuint(xen_vbd_read_uint(v, "sectors"), ==, 0);
        xen_vbd_connect(v, 1, 0);
        g_assert_cmpint(xen_vbd_do_pages(v, 0, BLKIF_OP_READ, 0, 0, 1), ==,
                        ERR);
        change_medium(v, one);
        wait_sectors(v, 2048);
        g_assert_cmpint(xen_vbd_do_pages(v, 0, BLKIF_OP_READ, 2040, 0, 1), ==,
                        OK);
        g_assert_cmphex(xen_vbd_page(v, 0)[7], ==, 0x11);
        change_medium(v, two);
        wait_sectors(v, 1024);
        g_assert_cmpint(xen_vbd_do_pages(v, 0, BLKIF_OP_READ, 0, 0, 1), ==,
                        OK);
        g_assert_cmphex(xen_vbd_page(v, 0)[7], ==, 0x22);
        xen_vbd_qmp(v, "{'execute': 'eject', 'arguments': {'id': 'x'}}");
        wait_sectors(v, 0);
        g_assert_cmpint(xen_vbd_do_pages(v, 0, BLKIF_OP_READ, 0, 0, 1), ==,
                        ERR);
        xen_vbd_stop(v);
    }
    remove_image(one);
    remove_image(two);
}

/* ---------------------------------------------------------------- errors */

/* The first request of a kind for sector 800 fails. */
#define BAD_DISK(event, number) \
    "-object iothread,id=io -blockdev '{\"driver\":\"raw\",\"node-name\":" \
    "\"n\",\"file\":{\"driver\":\"blkdebug\",\"inject-error\":[{\"event\":" \
    "\"" event "\",\"errno\":" number ",\"sector\":800,\"once\":true}]," \
    "\"image\":" \
    "{\"driver\":\"null-co\",\"size\":1048576,\"read-zeroes\":true}}}' "

#define ALWAYS_BAD_DISK \
    "-object iothread,id=io -blockdev '{\"driver\":\"raw\",\"node-name\":" \
    "\"n\",\"file\":{\"driver\":\"blkdebug\",\"inject-error\":[{\"event\":" \
    "\"read_aio\",\"errno\":5,\"sector\":800}],\"image\":" \
    "{\"driver\":\"null-co\",\"size\":1048576,\"read-zeroes\":true}}}' "

static XenVbd *start_bad(const void *long_mode, const char *disk,
                         const char *device)
{
    g_autofree char *options = g_strconcat(disk, "-device ", device, NULL);
    XenVbd *v = xen_vbd_start(GPOINTER_TO_INT(long_mode), options);

    xen_vbd_connect(v, 1, 0);
    return v;
}

/* As with QEMU's other disks: told to the guest, or the VM stops. */
static void test_errors(const void *long_mode)
{
    static const struct {
        const char *disk, *device;
        uint8_t op;
        bool stops;
        int16_t status;
    } cases[] = {
        { BAD_DISK("read_aio", "5"), "xen-disk,drive=n", BLKIF_OP_READ, false,
          ERR },
        { BAD_DISK("write_aio", "5"), "xen-disk,drive=n", BLKIF_OP_WRITE,
          false, ERR },
        { BAD_DISK("write_aio", "28"), "xen-disk,drive=n", BLKIF_OP_WRITE,
          true, OK },
        { BAD_DISK("write_aio", "28"), "xen-disk,drive=n,iothread=io",
          BLKIF_OP_WRITE, true, OK },
        { BAD_DISK("write_aio", "28"), "xen-disk,drive=n,iothread=io",
          BLKIF_OP_WRITE_BARRIER, true, OK },
        { BAD_DISK("write_aio", "28"), "xen-disk,drive=n,werror=report",
          BLKIF_OP_WRITE, false, ERR },
        { BAD_DISK("write_aio", "5"), "xen-disk,drive=n,werror=stop",
          BLKIF_OP_WRITE, true, OK },
        { BAD_DISK("read_aio", "5"), "xen-disk,drive=n,rerror=stop",
          BLKIF_OP_READ, true, OK },
        { BAD_DISK("read_aio", "5"), "xen-disk,drive=n,rerror=stop,iothread=io",
          BLKIF_OP_READ, true, OK },
        { BAD_DISK("write_aio", "5"), "xen-disk,drive=n,werror=ignore",
          BLKIF_OP_WRITE, false, OK },
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        XenVbd *v = start_bad(long_mode, cases[i].disk, cases[i].device);
        XenVbdAnswer a;

        g_test_message("case %zu", i);
        for (unsigned n = 0; n < 2; n++) {
            xen_vbd_put(v, 0, &(XenVbdRequest) {
                .op = cases[i].op, .id = n, .sector = 800, .nr = 1, .last = 7,
            });
            xen_vbd_push(v, 0);
            if (!n && cases[i].stops) {
                qtest_qmp_eventwait(v->vm->qts, "STOP");
                g_assert_false(xen_vbd_poll(v, 0, &a));
                xen_vbd_qmp(v, "{'execute': 'cont'}");
            }
            xen_vbd_get(v, 0, &a);
            g_assert_cmpuint(a.id, ==, n);
            g_assert_cmpint(a.status, ==, n ? OK : cases[i].status);
        }
        xen_vbd_stop(v);
    }
}

/* Data of a read that failed are the guest's own, not what is left in QEMU. */
static void test_ignored(const void *long_mode)
{
    XenVbd *v = start_bad(long_mode, BAD_DISK("read_aio", "5"),
                          "xen-disk,drive=n,rerror=ignore");

    xen_vbd_fill_page(v, 0, 1);
    xen_vbd_fill_page(v, 1, PATTERN);
    g_assert_cmpint(xen_vbd_do_pages(v, 0, BLKIF_OP_WRITE, 0, 0, 1), ==, OK);
    g_assert_cmpint(xen_vbd_do_pages(v, 0, BLKIF_OP_READ, 800, 1, 1), ==, OK);
    for (unsigned i = 0; i < XEN_PAGE_SIZE; i++) {
        g_assert_cmphex(xen_vbd_page(v, 1)[i], ==, PATTERN);
    }
    /* Once: the disk is of zeroes. */
    g_assert_cmpint(xen_vbd_do_pages(v, 0, BLKIF_OP_READ, 800, 1, 1), ==, OK);
    g_assert_cmphex(xen_vbd_page(v, 1)[0], ==, 0);
    xen_vbd_stop(v);
}

/* A request failed, and the VM is stopped. */
static XenVbd *start_failed(const void *long_mode, const char *disk,
                            bool iothread)
{
    XenVbd *v = start_bad(long_mode, disk, iothread ?
                          "xen-disk,id=x,drive=n,rerror=stop,iothread=io" :
                          "xen-disk,id=x,drive=n,rerror=stop");

    xen_vbd_put(v, 0, &(XenVbdRequest) {
        .op = BLKIF_OP_READ, .sector = 800, .nr = 1, .last = 7,
    });
    xen_vbd_push(v, 0);
    qtest_qmp_eventwait(v->vm->qts, "STOP");
    return v;
}

/*
 * A guest that is stopped does nothing, and neither do xenstore and the disk:
 * what it had asked for just before is done when the VM continues.
 */
static void test_close_failed(const void *long_mode)
{
    static const char closed[] = "device/vbd/51712/state\0" "6";

    for (int iothread = 0; iothread < 2; iothread++) {
        XenVbd *v = start_failed(long_mode, BAD_DISK("read_aio", "5"),
                                 iothread);
        XenStoreMessage answer;

        xen_store_send(&v->store, XS_WRITE, 0, XEN_STORE_BYTES(closed));
        xen_vbd_qmp(v, "{'execute': 'query-status'}");
        xen_vbd_qmp(v, "{'execute': 'cont'}");
        xen_store_get(&v->store, &answer);
        g_assert_cmpuint(answer.header.type, ==, XS_WRITE);
        /* The request is answered now, or never. */
        xen_vbd_wait_state(v, XenbusStateClosed);
        reuse_pages(v);
        expect_untouched(v);
        close_ports(v);
        come_back(v);
        xen_vbd_stop(v);
    }
}

/* While the VM is stopped a user can take the disk away, or reset the VM. */
static void test_end_failed(const void *long_mode)
{
    static const char del[] = "{'execute': 'device_del',"
                              " 'arguments': {'id': 'x'}}";

    for (int i = 0; i < 4; i++) {
        XenVbd *v = start_failed(long_mode, ALWAYS_BAD_DISK, i & 1);

        if (i & 2) {
            qtest_system_reset(v->vm->qts);
        } else {
            xen_vbd_qmp(v, del);
            xen_vbd_qmp(v, del);
            qtest_qmp_eventwait(v->vm->qts, "DEVICE_DELETED");
        }
        g_assert_cmpuint(*XEN_VBD_INDEX(v, 0, rsp_prod), ==, 0);
        reuse_pages(v);
        xen_vbd_qmp(v, "{'execute': 'cont'}");
        expect_untouched(v);
        xen_vbd_stop(v);
    }
}

int main(int argc, char **argv)
{
    static const XenTest tests[] = {
        { "close", test_close },
        { "close-is-patient", test_close_is_patient },
        { "reconnect", test_reconnect },
        { "anew", test_anew },
        { "unplug", test_unplug },
        { "reset", test_reset },
        { "quit", test_quit },
        { "paused", test_paused },
        { "resize", test_resize },
        { "media", test_media },
        { "errors", test_errors },
        { "ignored", test_ignored },
        { "close-failed", test_close_failed },
        { "end-failed", test_end_failed },
    };

    g_test_init(&argc, &argv, NULL);
    xen_add_tests("blk-life", tests, ARRAY_SIZE(tests));
    return g_test_run();
}
