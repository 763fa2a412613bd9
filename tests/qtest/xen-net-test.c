/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * xen-net-device: what both ends agree on, queues, events, the device's life
 */
#include "qemu/osdep.h"
#include "qemu/atomic.h"
#include "qapi/error.h"
#include "qobject/qdict.h"
#include "qobject/qjson.h"
#include "libxen-net.h"

static XenVif *start(const void *long_mode, const char *properties)
{
    return xen_vif_start(GPOINTER_TO_INT(long_mode), properties, NULL);
}

static XenVif *start_connected(const void *long_mode)
{
    XenVif *vif = start(long_mode, NULL);

    g_assert_cmpint(xen_vif_connect(vif, 1, false, XEN_VIF_NODES), ==,
                    XenbusStateConnected);
    return vif;
}

/* ------------------------------------------------------------- negotiation */

static void check_frontend(XenVif *vif, const char *key, const char *value)
{
    g_autofree char *path = g_strconcat("device/vif/0/", key, NULL);
    XenStoreBytes payload = { path, strlen(path) + 1 };
    XenStoreMessage answer;

    xen_store_request(&vif->store, XS_READ, 0, payload, &answer);
    g_assert_cmpstr(answer.payload, ==, value);
}

static void test_announced(const void *long_mode)
{
    XenVif *vif = start(long_mode,
                        "queues=3,host_mtu=9000,mac=00:16:3e:01:02:03");

    check_frontend(vif, "mac", "00:16:3e:01:02:03");
    check_frontend(vif, "handle", "0");
    xen_vif_check_backend(vif, "mac", "00:16:3e:01:02:03");
    xen_vif_check_backend(vif, "handle", "0");
    xen_vif_check_backend(vif, "feature-rx-copy", "1");
    xen_vif_check_backend(vif, "feature-rx-flip", "0");
    xen_vif_check_backend(vif, "feature-sg", "1");
    xen_vif_check_backend(vif, "feature-ipv6-csum-offload", "1");
    xen_vif_check_backend(vif, "feature-split-event-channels", "1");
    xen_vif_check_backend(vif, "feature-multicast-control", "1");
    xen_vif_check_backend(vif, "feature-dynamic-multicast-control", "1");
    /* A network that cannot cut segments. */
    xen_vif_check_backend(vif, "feature-gso-tcpv4", "0");
    xen_vif_check_backend(vif, "feature-gso-tcpv6", "0");
    xen_vif_check_backend(vif, "multi-queue-max-queues", "3");
    xen_vif_check_backend(vif, "carrier", "1");
    check_frontend(vif, "mtu", "9000");
    xen_vif_stop(vif);
}

/* QEMU has logged the reason why it refuses a front end. */
static void check_reason(const char *log, const char *reason)
{
    g_autofree char *text = NULL, *line = g_strdup_printf(
        "xen-net-device '0': %s", reason);

    g_assert_true(g_file_get_contents(log, &text, NULL, NULL));
    if (!strstr(text, line)) {
        g_error("no \"%s\" in: %s", line, text);
    }
}

/* What a front end may not leave out or get wrong. */
static void test_refused(const void *long_mode)
{
    static const struct {
        unsigned queues;
        const char *nodes, *reason;
    } tries[] = {
        { 1, "request-rx-copy=0", "front end does not do rx-copy" },
        { 1, "multi-queue-num-queues=0",
          "front end wants 0 queues, there are 1 to 3" },
        { 1, "multi-queue-num-queues=4", "front end wants 4 queues" },
        { 1, "multi-queue-num-queues=4294967295",
          "front end wants 4294967295 queues" },
        /* Without their nodes; with them. */
        { 1, "multi-queue-num-queues=3", "queue 0: no tx-ring-ref" },
        { 4, "feature-sg=1", "front end wants 4 queues" },
        /* Not granted */
        { 1, "tx-ring-ref=40", "queue 0: tx-ring-ref 40: " },
        { 1, "rx-ring-ref=4294967295", "queue 0: rx-ring-ref 4294967295: " },
        { 1, "event-channel=4294967295",
          "queue 0: event channel 4294967295: " },
        { 1, "event-channel-tx=1000 event-channel-rx=1001",
          "queue 0: event channel 1000: " },
        { 3, "queue-1/event-channel=x", "queue 1: no event-channel" },
        { 3, "queue-2/tx-ring-ref=40", "queue 2: tx-ring-ref 40: " },
        /* Two queues at one channel. */
        { 3, "queue-1/event-channel=1 queue-2/event-channel=1",
          "queue 1: event channel 1: " },
    };

    for (size_t i = 0; i < ARRAY_SIZE(tries); i++) {
        g_autofree char *log = xen_new_file(0), *properties = g_strdup_printf(
            "queues=3 2>%s", log);
        XenVif *vif = start(long_mode, properties);
        g_autofree char *nodes = g_strconcat("request-rx-copy=1 ",
                                             tries[i].nodes, NULL);

        g_assert_cmpint(xen_vif_connect(vif, tries[i].queues, false, nodes),
                        ==, XenbusStateClosing);
        check_reason(log, tries[i].reason);
        xen_vif_check_alive(vif);
        xen_vif_disconnect(vif);
        xen_vif_stop(vif);
        unlink(log);
    }
}

/* The same device is used again and again. */
static void test_reconnect(const void *long_mode)
{
    XenVif *vif = start(long_mode, "queues=4");

    for (unsigned i = 1; i < 9; i++) {
        g_autofree char *nodes = g_strdup_printf(
            "%s multi-queue-num-queues=%u", XEN_VIF_NODES, i % 2 ? 1 : 4);

        g_assert_cmpint(xen_vif_connect(vif, i % 2 ? 1 : 4, false, nodes), ==,
                        XenbusStateConnected);
        xen_vif_check_send(vif, 0, i);
        for (unsigned q = 0; q < vif->nr_queues; q++) {
            xen_vif_post_rx(vif, q, 10);
        }
        xen_vif_disconnect(vif);
    }
    xen_vif_stop(vif);
}

/* A back end takes over rings that another one has used. */
static void test_used_rings(const void *long_mode)
{
    XenVif *vif = start_connected(long_mode);
    XenVifQueue *q = &vif->queue[0];
    uint8_t frame[XEN_VIF_TEST_FRAME];
    size_t piece[] = { sizeof(frame) };
    XenVifQueue kept;

    xen_vif_check_send(vif, 0, 1);
    xen_vif_check_receive(vif, 0, 1);
    kept = *q;
    xen_vif_disconnect(vif);
    xen_vif_wait_state(vif, XenbusStateInitWait);
    /* As xen_vif_connect(), without new rings. */
    g_assert_cmpuint(q->tx->rsp_prod, ==, 1);
    /* A request that is there already: no event is going to tell of it. */
    xen_vif_make_frame(frame, sizeof(frame), 9);
    xen_vif_put_frame(vif, 0, 0, frame, sizeof(frame), piece, 1, 0, NULL);
    qatomic_store_release(&q->tx->req_prod, q->tx_prod);
    xen_vif_write(vif, "state", "4");
    xen_vif_wait_state(vif, XenbusStateConnected);
    xen_vif_network_expect(vif, frame, sizeof(frame));
    xen_vif_expect_answers(vif, 0, NETIF_RSP_OKAY);
    g_assert_cmpuint(kept.tx_prod + 1, ==, q->tx_prod);
    xen_vif_check_send(vif, 0, 2);
    xen_vif_check_receive(vif, 0, 2);
    xen_vif_disconnect(vif);

    /* More than a ring's requests without an answer. */
    qatomic_set(&q->tx->req_prod, q->tx->rsp_prod + XEN_VIF_RING_SIZE + 1);
    xen_vif_write(vif, "state", "4");
    xen_vif_wait_state(vif, XenbusStateClosing);
    xen_vif_stop(vif);
}

/* ------------------------------------------------------- multicast control */

#define MCAST_ADD   XEN_NETIF_EXTRA_TYPE_MCAST_ADD
#define MCAST_DEL   XEN_NETIF_EXTRA_TYPE_MCAST_DEL

static void change_mcast(XenVif *vif, uint8_t type, uint8_t last, int status)
{
    netif_extra_info_t extra = {
        .type = type,
        .u.mcast.addr = { 0x01, 0, 0x5e, 0, 0, last },
    };

    xen_vif_put_tx(vif, 0, 0, 0, NETTXF_extra_info, 0);
    xen_vif_put_extra(vif, 0, &extra);
    xen_vif_push_tx(vif, 0);
    g_assert_cmpint(xen_vif_answer(vif, 0), ==, status);
    g_assert_cmpint(xen_vif_answer(vif, 0), ==, NETIF_RSP_NULL);
}

/* A frame for each of some addresses: only @wanted come through. */
static void check_mcast(XenVif *vif, const char *wanted)
{
    static const uint8_t addresses[][6] = {
        { 0x01, 0, 0x5e, 0, 0, 1 }, { 0x01, 0, 0x5e, 0, 0, 2 },
        { 0x52, 0x54, 0, 0, 0, 3 }, { 255, 255, 255, 255, 255, 255 },
    };
    g_autofree XenVifFrame *got = g_new(XenVifFrame, 1);

    for (unsigned i = 0; i < ARRAY_SIZE(addresses); i++) {
        uint8_t frame[XEN_VIF_TEST_FRAME];

        xen_vif_make_frame(frame, sizeof(frame), i);
        memcpy(frame, addresses[i], 6);
        xen_vif_network_send(vif, frame, sizeof(frame));
        if (strchr(wanted, '1' + i)) {
            xen_vif_post_rx(vif, 0, 1);
            xen_vif_get_frame(vif, 0, got);
            g_assert_cmpmem(got->data, got->size, frame, sizeof(frame));
        }
    }
}

static void test_multicast(const void *long_mode)
{
    XenVif *vif = start_connected(long_mode);

    check_mcast(vif, "1234");
    change_mcast(vif, MCAST_ADD, 2, NETIF_RSP_OKAY);
    check_mcast(vif, "1234");
    xen_vif_write(vif, "request-multicast-control", "1");
    check_mcast(vif, "234");
    change_mcast(vif, MCAST_ADD, 2, NETIF_RSP_OKAY);
    change_mcast(vif, MCAST_DEL, 2, NETIF_RSP_OKAY);
    change_mcast(vif, MCAST_DEL, 2, NETIF_RSP_OKAY);
    check_mcast(vif, "34");
    for (unsigned i = 0; i < 64; i++) {
        change_mcast(vif, MCAST_ADD, 100 + i, NETIF_RSP_OKAY);
    }
    change_mcast(vif, MCAST_ADD, 1, NETIF_RSP_ERROR);
    check_mcast(vif, "34");
    change_mcast(vif, MCAST_DEL, 120, NETIF_RSP_OKAY);
    change_mcast(vif, MCAST_ADD, 1, NETIF_RSP_OKAY);
    check_mcast(vif, "134");
    xen_vif_write(vif, "request-multicast-control", "0");
    check_mcast(vif, "1234");
    xen_vif_stop(vif);
}

/* ------------------------------------------------------- queues and events */

static void test_queues(const void *long_mode)
{
    XenVif *vif = start(long_mode, "queues=4");
    g_autofree XenVifFrame *got = g_new(XenVifFrame, 1);
    unsigned used = 0, home[64];

    g_assert_cmpint(xen_vif_connect(vif, 4, true, XEN_VIF_NODES), ==,
                    XenbusStateConnected);
    for (unsigned q = 0; q < 4; q++) {
        xen_vif_check_send(vif, q, q);
        xen_vif_post_rx(vif, q, 200);
    }
    /* A connection keeps its queue; connections use all of them. */
    for (unsigned i = 0; i < 128; i++) {
        uint8_t frame[XEN_VIF_TEST_FRAME] = {
            [12] = 8, [14] = 0x45, [17] = 40, [23] = 6,
            [35] = i % 64, [46] = 0x50,
        };
        unsigned queue;

        xen_vif_network_send(vif, frame, sizeof(frame));
        for (queue = 0; !xen_vif_has_rx(vif, queue); queue = (queue + 1) % 4) {
            g_usleep(10);
        }
        xen_vif_get_frame(vif, queue, got);
        g_assert_cmpmem(got->data, got->size, frame, sizeof(frame));
        used |= 1 << queue;
        if (i < 64) {
            home[i] = queue;
        }
        g_assert_cmpuint(home[i % 64], ==, queue);
    }
    g_assert_cmphex(used, ==, 0xf);
    xen_vif_stop(vif);
}

static bool take_event(XenVif *vif, uint32_t port)
{
    uint32_t ports[16];
    unsigned nr = xen_handle(vif->vm, 0, ports, ARRAY_SIZE(ports));

    for (unsigned i = 0; i < nr; i++) {
        if (ports[i] == port) {
            return true;
        }
    }
    return false;
}

static void wait_event(XenVif *vif, uint32_t port)
{
    while (!take_event(vif, port)) {
        g_usleep(100);
    }
}

/* Events for sent frames come a little later: see XEN_NET_TX_EVENT_NS. */
static void expect_no_event(XenVif *vif, uint32_t port)
{
    g_usleep(5000);
    xen_vif_check_alive(vif);
    g_assert(!take_event(vif, port));
}

/* Events are sent where they are asked for, on the ring's own channel. */
static void test_events(const void *long_mode)
{
    XenVif *vif = start(long_mode, NULL);
    XenVifQueue *q = &vif->queue[0];
    uint64_t in, out;

    g_assert_cmpint(xen_vif_connect(vif, 1, true, XEN_VIF_NODES), ==,
                    XenbusStateConnected);
    xen_unmask(vif->vm, q->tx_port);
    xen_unmask(vif->vm, q->rx_port);
    take_event(vif, 0);
    /* Each channel has one when it is bound, which an I/O thread takes when it can. */
    xen_vif_wait_counter(vif, "events-in", 2);
    in = xen_vif_counter(vif, "events-in");
    out = xen_vif_counter(vif, "events-out");

    /* rsp_event is 1 in a new ring. */
    xen_vif_check_send(vif, 0, 1);
    wait_event(vif, q->tx_port);
    g_assert_cmpuint(xen_vif_counter(vif, "events-in"), ==, ++in);
    g_assert_cmpuint(xen_vif_counter(vif, "events-out"), ==, ++out);
    /* Now nothing is asked for. */
    xen_vif_check_send(vif, 0, 2);
    expect_no_event(vif, q->tx_port);
    g_assert_cmpuint(xen_vif_counter(vif, "events-in"), ==, ++in);
    g_assert_cmpuint(xen_vif_counter(vif, "events-out"), ==, out);
    /* And now for the second of two. */
    q->tx->rsp_event = q->tx_cons + 2;
    xen_vif_check_send(vif, 0, 3);
    expect_no_event(vif, q->tx_port);
    xen_vif_check_send(vif, 0, 4);
    wait_event(vif, q->tx_port);
    g_assert_cmpuint(xen_vif_counter(vif, "events-out"), ==, ++out);

    xen_vif_check_receive(vif, 0, 5);
    wait_event(vif, q->rx_port);
    xen_vif_check_receive(vif, 0, 6);
    expect_no_event(vif, q->rx_port);
    /* From the guest: two sends, and the first request of a new ring. */
    g_assert_cmpuint(xen_vif_counter(vif, "events-in"), ==, in + 3);
    xen_vif_stop(vif);
}

/* ----------------------------------------------------------- device's life */

static void qmp_ok(XenVif *vif, const char *command)
{
    QDict *answer = qtest_qmp(vif->vm->qts, "%p",
                              qobject_from_json(command, &error_abort));

    g_assert(qdict_haskey(answer, "return"));
    qobject_unref(answer);
}

/* A full ring is worked off in turns, and between them the main loop turns. */
static void test_budget(const void *long_mode)
{
    XenVif *vif = start_connected(long_mode);
    uint8_t buf[XEN_VIF_TEST_FRAME];

    for (unsigned i = 0; i < XEN_VIF_RING_SIZE; i++) {
        xen_vif_put_tx(vif, 0, xen_vif_tx_ref(0), 0, 0, XEN_VIF_TEST_FRAME);
    }
    xen_vif_push_tx(vif, 0);
    for (unsigned i = 0; i < XEN_VIF_RING_SIZE; i++) {
        xen_vif_network_get(vif, buf, sizeof(buf));
    }
    xen_vif_expect_answers(vif, 0, NETIF_RSP_OKAY);
    g_assert_cmpuint(xen_vif_counter(vif, "tx-turns"), >=, 3);
    xen_vif_stop(vif);
}

/* So are a few large frames, which the network does not hold up. */
static void test_byte_budget(const void *long_mode)
{
    enum { FRAMES = 16, SLOTS = XEN_VIF_RING_SIZE / FRAMES };
    XenVif *vif = start_connected(long_mode);

    qmp_ok(vif, "{ 'execute': 'set_link',"
                "  'arguments': { 'name': 'vif', 'up': false } }");
    for (unsigned i = 0; i < XEN_VIF_RING_SIZE; i++) {
        bool first = i % SLOTS == 0, last = i % SLOTS == SLOTS - 1;

        xen_vif_put_tx(vif, 0, xen_vif_tx_ref(i), 0,
                       last ? 0 : NETTXF_more_data,
                       first ? XEN_VIF_MAX_FRAME :
                       last ? XEN_PAGE_SIZE - 1 : XEN_PAGE_SIZE);
    }
    xen_vif_push_tx(vif, 0);
    xen_vif_expect_answers(vif, 0, NETIF_RSP_OKAY);
    xen_vif_wait_counter(vif, "tx-dropped", FRAMES);
    /* Five frames each; an iothread may also have to wait for the main loop. */
    g_assert_cmpuint(xen_vif_counter(vif, "tx-turns"), >=,
                     xen_vif_iothread ? 1 : 3);
    xen_vif_stop(vif);
}

/* A stopped VM's memory does not change; nothing is lost over the stop. */
static void test_stop(const void *long_mode)
{
    XenVif *vif = start_connected(long_mode);
    g_autofree XenVifFrame *got = g_new(XenVifFrame, 1);
    XenVifQueue *q = &vif->queue[0];
    uint8_t frame[XEN_VIF_TEST_FRAME];
    size_t piece[] = { XEN_VIF_TEST_FRAME };

    xen_vif_make_frame(frame, sizeof(frame), 9);
    xen_vif_post_rx(vif, 0, 1);
    qmp_ok(vif, "{ 'execute': 'stop' }");
    xen_vif_network_send(vif, frame, sizeof(frame));
    xen_vif_put_frame(vif, 0, 0, frame, sizeof(frame), piece, 1, 0, NULL);
    xen_vif_push_tx(vif, 0);
    for (int i = 0; i < 10; i++) {
        xen_vif_check_alive(vif);
    }
    g_assert_cmpuint(q->tx->rsp_prod, ==, 0);
    g_assert_cmpuint(q->rx->rsp_prod, ==, 0);
    qmp_ok(vif, "{ 'execute': 'cont' }");
    xen_vif_network_expect(vif, frame, sizeof(frame));
    xen_vif_expect_answers(vif, 0, NETIF_RSP_OKAY);
    xen_vif_get_frame(vif, 0, got);
    g_assert_cmpmem(got->data, got->size, frame, sizeof(frame));
    xen_vif_stop(vif);
}

static void test_link(const void *long_mode)
{
    XenVif *vif = start_connected(long_mode);
    uint8_t frame[XEN_VIF_TEST_FRAME] = { 0 };
    size_t piece[] = { XEN_VIF_TEST_FRAME };

    qmp_ok(vif, "{ 'execute': 'set_link',"
                "  'arguments': { 'name': 'vif', 'up': false } }");
    xen_vif_check_backend(vif, "carrier", "0");
    xen_vif_put_frame(vif, 0, 0, frame, sizeof(frame), piece, 1, 0, NULL);
    xen_vif_push_tx(vif, 0);
    xen_vif_expect_answers(vif, 0, NETIF_RSP_OKAY);
    xen_vif_wait_counter(vif, "tx-dropped", 1);
    qmp_ok(vif, "{ 'execute': 'set_link',"
                "  'arguments': { 'name': 'vif', 'up': true } }");
    xen_vif_check_backend(vif, "carrier", "1");
    xen_vif_check_send(vif, 0, 1);
    xen_vif_check_receive(vif, 0, 2);
    xen_vif_stop(vif);
}

/* The network takes no more: the guest's frames wait in the guest. */
static void test_slow_network(const void *long_mode)
{
    XenVif *vif = start_connected(long_mode);
    XenVifQueue *q = &vif->queue[0];
    uint8_t buf[XEN_VIF_TEST_FRAME];
    uint32_t sent = 0;

    /* Until a whole ring does not get an answer. */
    while (q->tx_prod - q->tx_cons < XEN_VIF_RING_SIZE) {
        while (q->tx_prod - q->tx_cons < XEN_VIF_RING_SIZE) {
            xen_vif_put_tx(vif, 0, xen_vif_tx_ref(0), 0, 0, XEN_VIF_TEST_FRAME);
            sent++;
        }
        xen_vif_push_tx(vif, 0);
        xen_vif_check_alive(vif);
        xen_vif_check_alive(vif);
        while (q->tx_cons != qatomic_read(&q->tx->rsp_prod)) {
            g_assert_cmpint(xen_vif_answer(vif, 0), ==, NETIF_RSP_OKAY);
        }
    }
    while (sent--) {
        xen_vif_network_get(vif, buf, sizeof(buf));
    }
    xen_vif_expect_answers(vif, 0, NETIF_RSP_OKAY);
    g_assert_cmpint(recv(vif->network, buf, 1, MSG_DONTWAIT), ==, -1);
    xen_vif_stop(vif);
}

/* The device goes, and its number is free again. */
static void test_unplug(const void *long_mode)
{
    XenVif *vif = start_connected(long_mode);
    QDict *answer;

    answer = qtest_qmp(vif->vm->qts,
        "{ 'execute': 'device_add', 'arguments': {"
        "  'driver': 'xen-net-device', 'id': 'more', 'idx': 0 } }");
    g_assert(qdict_haskey(answer, "error"));
    qobject_unref(answer);
    qmp_ok(vif, "{ 'execute': 'device_add', 'arguments': {"
                "  'driver': 'xen-net-device', 'id': 'more' } }");
    xen_store_expect(&vif->store, XS_READ, 0,
                     XEN_STORE_STRINGS("device/vif/1/state"),
                     XEN_STORE_BYTES("1"));
    qmp_ok(vif, "{ 'execute': 'device_del', 'arguments': {"
                "  'id': 'vif' } }");
    xen_vif_wait_state(vif, XenbusStateClosing);
    xen_vif_write(vif, "state", "6");
    qtest_qmp_eventwait(vif->vm->qts, "DEVICE_DELETED");
    xen_vif_check_alive(vif);
    qmp_ok(vif, "{ 'execute': 'device_add', 'arguments': {"
                "  'driver': 'xen-net-device', 'id': 'vif', 'netdev': 'net',"
                "  'idx': 0 } }");
    g_assert_cmpint(xen_vif_connect(vif, 1, false, XEN_VIF_NODES), ==,
                    XenbusStateConnected);
    xen_vif_check_send(vif, 0, 1);
    xen_vif_check_receive(vif, 0, 2);
    xen_vif_stop(vif);
}

static void test_bad_properties(const void *long_mode)
{
    static const struct {
        const char *name;
        int value;
        bool good;
    } tries[] = {
        { "queues", 65, false }, { "queues", 64, true },
        { "idx", -2, false },
        { "host_mtu", 67, false }, { "host_mtu", 68, true },
        { "host_mtu", 65517, true }, { "host_mtu", 65518, false },
    };
    XenVif *vif = start(long_mode, NULL);

    for (size_t i = 0; i < ARRAY_SIZE(tries); i++) {
        g_autofree char *id = g_strdup_printf("try%zu", i);
        QDict *args = qdict_new(), *answer;

        qdict_put_str(args, "driver", "xen-net-device");
        qdict_put_str(args, "id", id);
        qdict_put_int(args, tries[i].name, tries[i].value);
        answer = qtest_qmp(vif->vm->qts, "{ 'execute': 'device_add',"
                           " 'arguments': %p }", args);
        g_test_message("%s=%d", tries[i].name, tries[i].value);
        g_assert_cmpint(qdict_haskey(answer, "error"), !=, tries[i].good);
        qobject_unref(answer);
    }
    xen_vif_stop(vif);
}

int main(int argc, char **argv)
{
    static const XenTest tests[] = {
        { "announced", test_announced },
        { "bad-properties", test_bad_properties },
        { "refused", test_refused },
        { "reconnect", test_reconnect },
        { "used-rings", test_used_rings },
        { "multicast", test_multicast },
        { "queues", test_queues },
        { "events", test_events },
        { "budget", test_budget },
        { "byte-budget", test_byte_budget },
        { "stop", test_stop },
        { "link", test_link },
        { "slow-network", test_slow_network },
        { "unplug", test_unplug },
    };

    g_test_init(&argc, &argv, NULL);
    xen_add_vif_tests("net", tests, ARRAY_SIZE(tests));
    return g_test_run();
}
