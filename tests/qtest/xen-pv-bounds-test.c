/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Bounds of PV devices: docs/security.rst lists them, and xen-bounds-test others
 */
#include "qemu/osdep.h"
#include "qemu/atomic.h"
#include "libxen-below.h"
#include "libxen-net.h"

#define SECOND_NS       INT64_C(1000000000)

/* --------------------------------------------------------------------- log */

typedef struct Log {
    char *path;
    gint64 begun;
} Log;

/* An option for a VM whose messages can be counted. */
static char *log_to_file(Log *log, const char *options)
{
    int fd = g_file_open_tmp("xen-qtest-XXXXXX", &log->path, NULL);

    g_assert_cmpint(fd, >=, 0);
    close(fd);
    log->begun = g_get_monotonic_time();
    return g_strdup_printf("%s 2>%s", options, log->path);
}

/* Lines with @text of a VM that has ended: one at once, then one in @seconds. */
static void check_log(Log *log, const char *text, unsigned seconds)
{
    gint64 took = (g_get_monotonic_time() - log->begun) / G_USEC_PER_SEC;
    g_autofree char *all = NULL;
    g_auto(GStrv) lines = NULL;
    unsigned nr = 0;

    g_assert_true(g_file_get_contents(log->path, &all, NULL, NULL));
    unlink(log->path);
    g_free(log->path);
    lines = g_strsplit(all, "\n", -1);
    for (char **l = lines; *l; l++) {
        nr += strstr(*l, text) != NULL;
    }
    g_assert_cmpuint(nr, >=, 1);
    g_assert_cmpuint(nr, <=, 1 + (took + 1) / seconds);
}

/* A guest that breaks a vif's ring, again and again. */
static void test_net_log(const void *long_mode)
{
    Log log;
    g_autofree char *netdev = log_to_file(&log, "hubport,id=net,hubid=0");
    XenVif *vif = xen_vif_start(GPOINTER_TO_INT(long_mode), NULL, netdev);

    for (int i = 0; i < 20; i++) {
        XenVifQueue *q = &vif->queue[0];

        g_assert_cmpint(xen_vif_connect(vif, 1, false, XEN_VIF_NODES), ==,
                        XenbusStateConnected);
        qatomic_set(&q->tx->req_prod, q->tx_prod + 1000);
        g_assert_cmpint(xen_send(vif->vm, q->tx_port), ==, 0);
        xen_vif_wait_state(vif, XenbusStateClosing);
        xen_vif_disconnect(vif);
    }
    xen_vif_stop(vif);
    check_log(&log, "broke the protocol", 10);
}

/* ----------------------------------------------------------------- network */

static void push_ring(XenVif *vif)
{
    XenVifQueue *q = &vif->queue[0];

    while (q->tx_prod - q->tx_cons < XEN_VIF_RING_SIZE) {
        xen_vif_put_tx(vif, 0, xen_vif_tx_ref(0), 0, 0, XEN_VIF_TEST_FRAME);
    }
    xen_vif_push_tx(vif, 0);
    for (int i = 0; i < 10; i++) {
        xen_vif_check_alive(vif);
    }
}

/* Answers of now; their number. */
static unsigned take_answers(XenVif *vif)
{
    XenVifQueue *q = &vif->queue[0];
    unsigned nr = 0;

    for (; q->tx_cons != qatomic_read(&q->tx->rsp_prod); nr++) {
        g_assert_cmpint(xen_vif_answer(vif, 0), ==, NETIF_RSP_OKAY);
    }
    return nr;
}

/*
 * The network takes no more, and the guest connects again and again to a ring that
 * is full.  What QEMU has of its frames does not grow, and all of it is sent later.
 */
static void try_slow_network(bool long_mode)
{
    XenVif *vif = xen_vif_start(long_mode, NULL, NULL);
    uint8_t buf[XEN_VIF_TEST_FRAME];
    unsigned sent = 0;
    uint64_t frames;

    g_assert_cmpint(xen_vif_connect(vif, 1, false, XEN_VIF_NODES), ==,
                    XenbusStateConnected);
    do {
        push_ring(vif);
        sent += take_answers(vif);
    } while (!xen_vif_counter(vif, "tx-waits"));
    frames = xen_vif_counter(vif, "tx-frames");
    for (int i = 0; i < 10; i++) {
        xen_vif_disconnect(vif);
        sent += take_answers(vif);
        g_assert_cmpint(xen_vif_connect(vif, 1, false, XEN_VIF_NODES), ==,
                        XenbusStateConnected);
        push_ring(vif);
    }
    g_assert_cmpuint(xen_vif_counter(vif, "tx-frames"), ==, frames);

    for (sent += vif->queue[0].tx_prod - vif->queue[0].tx_cons; sent; sent--) {
        xen_vif_network_get(vif, buf, sizeof(buf));
    }
    xen_vif_expect_answers(vif, 0, NETIF_RSP_OKAY);
    xen_vif_check_alive(vif);
    g_assert_cmpint(recv(vif->network, buf, 1, MSG_DONTWAIT), ==, -1);
    xen_vif_stop(vif);
}

static void test_slow_network(const void *long_mode)
{
    try_slow_network(GPOINTER_TO_INT(long_mode));
    xen_vif_iothread = true;
    try_slow_network(GPOINTER_TO_INT(long_mode));
    xen_vif_iothread = false;
}

/* -------------------------------------------------------------------- disk */

/* As much data of a disk's as there may be is below; the rest waits. */
static void test_disk_buffers(const void *long_mode)
{
    enum { NR = 32, BELOW = 16, PAGES = XEN_VBD_MAX_SEGMENTS };
    XenVbd *v = xen_below_start(long_mode, "", "");
    XenBelowTrace t;
    XenVbdAnswer a;

    xen_vm_add_slow_disk(v->vm, false);
    xen_below_connect(v, 1);
    for (unsigned i = 0; i < NR; i++) {
        xen_vbd_put(v, 0, &(XenVbdRequest) {
            .op = BLKIF_OP_READ, .indirect = true, .id = i,
            .sector = i * PAGES * 8, .page = i * PAGES % XEN_VBD_DATA_PAGES,
            .nr = PAGES, .last = 7,
        });
    }
    xen_vbd_push(v, 0);
    do {
        xen_below_look(&t);
    } while (t.nr < BELOW);
    for (unsigned i = 0; i < 20; i++) {
        g_assert_cmpint(xen_vbd_state(v), ==, XenbusStateConnected);
    }
    xen_below_look(&t);
    /* The first of them need not wait. */
    g_assert_cmpuint(t.nr - qatomic_read(XEN_VBD_INDEX(v, 0, rsp_prod)), ==,
                     BELOW);

    for (unsigned i = 0; i < NR; i++) {
        while (!xen_vbd_poll(v, 0, &a)) {
            qtest_clock_step(v->vm->qts, SECOND_NS);
        }
        g_assert_cmpint(a.status, ==, BLKIF_RSP_OKAY);
        xen_below_look(&t);
        g_assert_cmpuint(t.nr, <=, BELOW + i + 2);
    }
    xen_below_stop(v);
}

int main(int argc, char **argv)
{
    static const XenTest tests[] = {
        { "net-log", test_net_log },
        { "slow-network", test_slow_network },
        { "disk-buffers", test_disk_buffers },
    };

    g_test_init(&argc, &argv, NULL);
    xen_add_tests("pv-bounds", tests, ARRAY_SIZE(tests));
    return g_test_run();
}
