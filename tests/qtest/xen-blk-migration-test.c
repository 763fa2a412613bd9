/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PV disks that are saved and loaded at each point of a request's life
 *
 * Each request is answered once, by whichever QEMU; the guest does not connect
 * anew.  Both layouts, with and without an iothread, both event-channel ABIs.
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/atomic.h"
#include "qemu/cutils.h"
#include "qobject/qdict.h"
#include "qobject/qjson.h"
#include "qobject/qlist.h"
#include "libxen-blk.h"
#include "libxen-state.h"

#define NR          8           /* requests in flight */
#define BAD_SECTOR  800
#define IMAGE_SIZE  (1 << 20)
#define LOOK_AGAIN_US 200

enum { OK = BLKIF_RSP_OKAY, ERR = BLKIF_RSP_ERROR };

static const char *const devices[] = {
    "-device xen-disk,id=x,drive=n,werror=stop,rerror=stop,num-queues=4",
    "-object iothread,id=io "
    "-device xen-disk,id=x,drive=n,werror=stop,rerror=stop,iothread=io,"
    "num-queues=4",
};

/* ---------------------------------------------------------------- images */

static void expect_image(const char *path, uint64_t sector, const void *data,
                         size_t len)
{
    g_autofree void *buf = g_malloc(len);
    int fd = open(path, O_RDONLY);

    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(pread(fd, buf, len, sector * XEN_VBD_SECTOR), ==, len);
    g_assert_cmpmem(buf, len, data, len);
    close(fd);
}

/* Options for a disk with this image. */
static char *good_disk(const char *path, unsigned device)
{
    return g_strdup_printf("-blockdev raw,node-name=n,discard=unmap,"
                           "file.driver=file,file.filename=%s %s", path,
                           devices[device]);
}

/* The first request of a kind for BAD_SECTOR fails. */
static char *bad_disk(const char *path, const char *event, unsigned device)
{
    return g_strdup_printf(
        "-blockdev '{\"driver\":\"raw\",\"node-name\":\"n\","
        "\"discard\":\"unmap\",\"file\":{"
        "\"driver\":\"blkdebug\",\"inject-error\":[{\"event\":\"%s\","
        "\"errno\":5,\"sector\":%u,\"once\":true}],\"image\":{"
        "\"driver\":\"file\",\"filename\":\"%s\"}}}' %s", event, BAD_SECTOR,
        path, devices[device]);
}

static char *slow_disk(unsigned device)
{
    return g_strdup_printf("-blockdev null-co,node-name=n,size=%u,"
                           "read-zeroes=on,latency-ns=200000000 %s",
                           IMAGE_SIZE, devices[device]);
}

/* ---------------------------------------------------------------- guests */

typedef struct Guest {
    XenVbd *v;
    char *image;
    unsigned device;
} Guest;

static void start(Guest *g, const XenVariant *variant, unsigned device,
                  const char *options)
{
    g->device = device;
    g->v = xen_vbd_start(variant->long_mode, options);
    if (variant->fifo) {
        xen_use_fifo(g->v->vm, 2);
    }
}

static void start_image(Guest *g, const XenVariant *variant, unsigned device,
                        const char *bad_event)
{
    g_autofree char *options = NULL;

    g->image = xen_new_file(IMAGE_SIZE);
    options = bad_event ? bad_disk(g->image, bad_event, device) :
                          good_disk(g->image, device);
    start(g, variant, device, options);
}

/* To a QEMU whose disk is without faults. */
static void move(Guest *g)
{
    g_autofree char *options = g->image ? good_disk(g->image, g->device) :
                                          slow_disk(g->device);

    g->v = xen_vbd_move(g->v, options);
}

static void move_stopped(Guest *g)
{
    g_autofree char *options = good_disk(g->image, g->device);

    g->v = xen_vbd_move_stopped(g->v, options);
}

static void stop(Guest *g)
{
    xen_vbd_stop(g->v);
    if (g->image) {
        xen_remove_file(g->image);
    }
}

/* Requests of this QEMU's that wrote. */
static uint64_t written(XenVbd *v)
{
    QDict *answer = qtest_qmp(v->vm->qts, "{'execute': 'query-blockstats'}");
    QDict *first = qobject_to(QDict,
                              qlist_peek(qdict_get_qlist(answer, "return")));
    uint64_t value = qdict_get_int(qdict_get_qdict(first, "stats"),
                                   "wr_operations");

    qobject_unref(answer);
    return value;
}

/* All @nr requests, numbered from 0, are answered, each once. */
static void put_requests(XenVbd *v, unsigned queue)
{
    for (unsigned i = 0; i < NR; i++) {
        xen_vbd_put(v, queue, &(XenVbdRequest) {
            .op = i & 1 ? BLKIF_OP_READ : BLKIF_OP_WRITE, .indirect = i < 3,
            .id = i, .sector = 64 * i, .page = queue * 64 + 8 * i, .nr = 1 + i,
            .last = 7,
        });
    }
    xen_vbd_push(v, queue);
}

/* Nothing is in the ring that the back end has not taken. */
static void wait_taken(XenVbd *v, unsigned queue)
{
    while (qatomic_read(XEN_VBD_INDEX(v, queue, req_event)) !=
           v->queue[queue].prod + 1) {
        g_usleep(LOOK_AGAIN_US);
    }
}

#define FOR_EACH_DEVICE(d) \
    for (unsigned d = 0; d < ARRAY_SIZE(devices); d++)

/* ----------------------------------------------------- a request's life -- */

/* There and back, and on: connected, closed, connected anew, reset. */
static void test_idle(const void *variant)
{
    FOR_EACH_DEVICE(d) {
        Guest g = { };
        uint32_t port;

        start_image(&g, variant, d, NULL);
        xen_vbd_connect(g.v, 2, d);
        port = g.v->queue[1].port;
        for (unsigned i = 0; i < 3; i++) {
            xen_vbd_check_works(g.v, i & 1);
            move(&g);
            g_assert_cmpint(xen_vbd_state(g.v), ==, XenbusStateConnected);
        }
        xen_vbd_check_works(g.v, 0);
        xen_vbd_check_works(g.v, 1);
        g_assert_cmpint(xen_port_status(g.v->vm, port), ==,
                        EVTCHNSTAT_interdomain);
        xen_vbd_disconnect(g.v);
        move(&g);
        xen_vbd_wait_state(g.v, XenbusStateInitWait);
        xen_vbd_connect(g.v, 1, 0);
        xen_vbd_check_works(g.v, 0);

        qtest_system_reset(g.v->vm->qts);
        g_array_set_size(g.v->vm->array, 0);
        xen_vm_set_up(g.v->vm);
        if (((const XenVariant *)variant)->fifo) {
            xen_use_fifo(g.v->vm, 2);
        }
        xen_vbd_set_up(g.v);
        xen_vbd_wait_state(g.v, XenbusStateInitWait);
        xen_vbd_connect(g.v, 1, 0);
        xen_vbd_check_works(g.v, 0);
        stop(&g);
    }
}

/* In flight below: answered by the QEMU that took them. */
static void test_in_flight(const void *variant)
{
    FOR_EACH_DEVICE(d) {
        g_autofree char *options = slow_disk(d);
        Guest g = { };

        start(&g, variant, d, options);
        xen_vbd_connect(g.v, 3, 0);
        memset(xen_vbd_page(g.v, 64), 0x5b, 64 * XEN_PAGE_SIZE);
        for (unsigned q = 0; q < 3; q++) {
            put_requests(g.v, q);
            wait_taken(g.v, q);
        }
        move(&g);
        for (unsigned q = 0; q < 3; q++) {
            /* Before the new one could. */
            g_assert_cmpuint(*XEN_VBD_INDEX(g.v, q, rsp_prod), ==, NR);
            xen_vbd_get_each_once(g.v, q, NR, -1);
        }
        /* What was read is there, too. */
        for (unsigned i = 1; i < NR; i += 2) {
            const uint8_t *p = xen_vbd_page(g.v, 64 + 8 * i);

            g_assert_true(buffer_is_zero(p, (1 + i) * XEN_PAGE_SIZE));
        }
        xen_vbd_check_works(g.v, 0);
        stop(&g);
    }
}

/*
 * The front end begins anew, and is saved before the back end has seen it.  The one
 * that is loaded never was connected.
 */
static void test_anew(const void *variant)
{
    FOR_EACH_DEVICE(d) {
        Guest g = { };

        start_image(&g, variant, d, NULL);
        xen_vbd_connect(g.v, 2, 0);
        xen_vbd_qmp(g.v, "{'execute': 'stop'}");
        move_stopped(&g);
        /* As if it had been so before: nobody looks before it runs. */
        xen_vbd_qmp(g.v, "{'execute': 'xenstore-write', 'arguments': {"
                         " 'path': 'device/vbd/51712/state',"
                         " 'value': '1' } }");
        xen_vbd_qmp(g.v, "{'execute': 'cont'}");
        xen_vbd_wait_state(g.v, XenbusStateInitWait);
        xen_vbd_connect(g.v, 1, 0);
        xen_vbd_check_works(g.v, 0);
        stop(&g);
    }
}

/*
 * The guest is asked to let go of the disk, and does not (it is mounted), or has not
 * heard of it: both ends' states are "Closing", or one, and it goes on.  Then it does,
 * or is not asked the second time.
 */
static void test_asked(const void *variant)
{
    static const char ask[] =
        "{'execute': 'device_del', 'arguments': {'id': 'x'}}";

    for (unsigned i = 0; i < 8; i++) {
        Guest g = { };

        start_image(&g, variant, i & 1, NULL);
        xen_vbd_connect(g.v, 2, 0);
        xen_vbd_qmp(g.v, ask);
        if (i & 2) {
            xen_vbd_set_state(g.v, XenbusStateClosing);
        }
        xen_vbd_check_works(g.v, 0);
        xen_vbd_qmp(g.v, "{'execute': 'stop'}");
        put_requests(g.v, 1);
        g_assert_cmpint(xen_send(g.v->vm, g.v->queue[1].port), ==, 0);
        move_stopped(&g);
        xen_vbd_qmp(g.v, "{'execute': 'cont'}");
        xen_vbd_get_each_once(g.v, 1, NR, -1);
        xen_vbd_check_works(g.v, 0);
        g_assert_cmpint(xen_vbd_state(g.v), ==, XenbusStateClosing);
        if (i & 4) {
            xen_vbd_qmp(g.v, ask);
        } else {
            xen_vbd_set_state(g.v, XenbusStateClosed);
        }
        qtest_qmp_eventwait(g.v->vm->qts, "DEVICE_DELETED");
        stop(&g);
    }
}

/* In the ring of a VM that is stopped. */
static void test_in_ring(const void *variant)
{
    FOR_EACH_DEVICE(d) {
        Guest g = { };

        start_image(&g, variant, d, NULL);
        xen_vbd_connect(g.v, 2, 1);
        xen_vbd_check_works(g.v, 1);
        xen_vbd_qmp(g.v, "{'execute': 'stop'}");
        put_requests(g.v, 1);
        g_assert_cmpint(xen_send(g.v->vm, g.v->queue[1].port), ==, 0);
        move_stopped(&g);
        /* It is stopped there as well; the disk does not begin. */
        g_assert_cmpuint(*XEN_VBD_INDEX(g.v, 1, rsp_prod), ==, 2);
        xen_vbd_qmp(g.v, "{'execute': 'cont'}");
        xen_vbd_get_each_once(g.v, 1, NR, -1);
        xen_vbd_check_works(g.v, 0);
        stop(&g);
    }
}

/*
 * A failed request waits, and others that came later were answered, in its
 * place in the ring.
 */
static void test_failed(const void *variant)
{
    static const struct {
        const char *event;
        uint8_t op;
        bool indirect;
    } cases[] = {
        { "read_aio", BLKIF_OP_READ, false },
        { "read_aio", BLKIF_OP_READ, true },
        { "write_aio", BLKIF_OP_WRITE, false },
        { "write_aio", BLKIF_OP_WRITE, true },
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        unsigned d = i & 1;
        Guest g = { };
        XenVbdAnswer a;

        g_test_message("case %zu", i);
        start_image(&g, variant, d, cases[i].event);
        xen_vbd_connect(g.v, 2, 0);
        for (unsigned page = 0; page < 3; page++) {
            xen_vbd_fill_page(g.v, page, 0x30 + page);
        }
        xen_vbd_put(g.v, 1, &(XenVbdRequest) {
            .op = cases[i].op, .indirect = cases[i].indirect, .id = 77,
            .sector = BAD_SECTOR, .nr = 3, .last = 7,
        });
        for (unsigned n = 0; n < 3; n++) {
            xen_vbd_put(g.v, 1, &(XenVbdRequest) {
                .op = BLKIF_OP_WRITE, .id = n, .sector = 8 * n,
                .page = 10 + n, .nr = 1, .last = 7,
            });
        }
        xen_vbd_push(g.v, 1);
        qtest_qmp_eventwait(g.v->vm->qts, "STOP");
        xen_vbd_get_each_once(g.v, 1, 3, -1);
        /* Also by way of a QEMU where the VM does not run. */
        for (unsigned n = 0; n <= d; n++) {
            move_stopped(&g);
        }
        xen_vbd_qmp(g.v, "{'execute': 'cont'}");
        xen_vbd_get(g.v, 1, &a);
        g_assert_cmpuint(a.id, ==, 77);
        g_assert_cmpuint(a.op, ==, cases[i].op);
        g_assert_cmpint(a.status, ==, OK);
        if (cases[i].op == BLKIF_OP_WRITE) {
            expect_image(g.image, BAD_SECTOR, xen_vbd_page(g.v, 0),
                         3 * XEN_PAGE_SIZE);
        } else {
            g_assert_true(buffer_is_zero(xen_vbd_page(g.v, 0),
                                         3 * XEN_PAGE_SIZE));
        }
        g_assert_false(xen_vbd_poll(g.v, 1, &a));
        xen_vbd_check_works(g.v, 1);
        xen_vbd_check_works(g.v, 0);
        stop(&g);
    }
}

/* A barrier waits behind a write that has failed. */
static void test_held(const void *variant)
{
    FOR_EACH_DEVICE(d) {
        Guest g = { };
        XenVbdAnswer a;

        start_image(&g, variant, d, "write_aio");
        xen_vbd_connect(g.v, 1, 0);
        xen_vbd_fill_page(g.v, 0, 0x11);
        xen_vbd_fill_page(g.v, 1, 0x22);
        for (unsigned n = 0; n < 2; n++) {
            xen_vbd_put(g.v, 0, &(XenVbdRequest) {
                .op = n ? BLKIF_OP_WRITE_BARRIER : BLKIF_OP_WRITE, .id = n,
                .sector = BAD_SECTOR, .page = n, .nr = 1, .last = 7,
            });
        }
        xen_vbd_push(g.v, 0);
        qtest_qmp_eventwait(g.v->vm->qts, "STOP");
        g_assert_false(xen_vbd_poll(g.v, 0, &a));
        move_stopped(&g);
        g_assert_false(xen_vbd_poll(g.v, 0, &a));
        xen_vbd_qmp(g.v, "{'execute': 'cont'}");
        for (unsigned n = 0; n < 2; n++) {
            xen_vbd_get(g.v, 0, &a);
            g_assert_cmpuint(a.id, ==, n);
            g_assert_cmpint(a.status, ==, OK);
        }
        expect_image(g.image, BAD_SECTOR, xen_vbd_page(g.v, 1), XEN_PAGE_SIZE);
        xen_vbd_check_works(g.v, 0);

        /* They are answered: neither the next QEMU nor another ring has them. */
        move(&g);
        g_assert_cmpint(xen_vbd_state(g.v), ==, XenbusStateConnected);
        xen_vbd_check_works(g.v, 0);
        xen_vbd_disconnect(g.v);
        xen_vbd_connect(g.v, 1, 0);
        xen_vbd_check_works(g.v, 0);
        stop(&g);
    }
}

/*
 * A barrier takes two steps, each FLUSH_US long.  The VM stops in the first:
 * the next is not taken where the state has been saved.
 */
#define FLUSH_US    200000

static void test_steps(const void *variant)
{
    FOR_EACH_DEVICE(d) {
        g_autofree char *options = g_strdup_printf(
            "-blockdev null-co,node-name=n,size=1048576,read-zeroes=on,"
            "latency-ns=%u000 %s", FLUSH_US, devices[d]);
        g_autofree char *path = NULL;
        Guest g = { };
        XenVbd *target;
        XenVbdAnswer a;

        start(&g, variant, d, options);
        xen_vbd_connect(g.v, 1, 0);
        xen_vbd_put(g.v, 0, &(XenVbdRequest) {
            .op = BLKIF_OP_WRITE_BARRIER, .sector = 8, .nr = 1, .last = 7,
        });
        xen_vbd_push(g.v, 0);
        g_usleep(FLUSH_US / 4);
        xen_vbd_qmp(g.v, "{'execute': 'stop'}");
        path = xen_state_save(g.v->vm);
        target = xen_vbd_start_target(g.v, options);
        xen_state_load(target->vm, path);
        xen_state_wait(target->vm);
        xen_vbd_qmp(target, "{'execute': 'cont'}");
        xen_vbd_get(target, 0, &a);
        g_assert_cmpint(a.status, ==, OK);
        /* Wherever it was, there is one write. */
        g_assert_cmpuint(written(g.v) + written(target), ==, 1);
        g_assert_false(xen_vbd_poll(target, 0, &a));
        xen_vbd_stop(g.v);
        unlink(path);
        g.v = target;
        xen_vbd_check_works(g.v, 0);
        stop(&g);
    }
}

int main(int argc, char **argv)
{
    static const XenVariantTest tests[] = {
        { "idle", test_idle },
        { "in-flight", test_in_flight },
        { "anew", test_anew, .once = true },
        { "asked", test_asked, .once = true },
        { "in-ring", test_in_ring },
        { "failed", test_failed, .once = true },
        { "held", test_held, .once = true },
        { "steps", test_steps, .once = true },
    };

    g_test_init(&argc, &argv, NULL);
    xen_add_variant_tests("blk-migration", tests, ARRAY_SIZE(tests));
    return g_test_run();
}
