/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A vif that is saved and loaded with frames in its rings: none is doubled, and
 * none in a ring is lost
 *
 * The guest does not connect anew.  Both layouts, one channel or two, one queue
 * or several, both event-channel ABIs, with and without an iothread.
 */
#include "qemu/osdep.h"
#include "qemu/atomic.h"
#include "qemu/cutils.h"
#include "qapi/error.h"
#include "qobject/qdict.h"
#include "qobject/qjson.h"
#include "libxen-net.h"
#include "libxen-state.h"

#define PROPERTIES  "queues=2,mac=52:54:00:01:02:03"
#define MCAST_ADD   XEN_NETIF_EXTRA_TYPE_MCAST_ADD
#define LOOK_AGAIN_US 200

static XenVif *start(const XenVariant *variant, unsigned nr_queues, bool split,
                     const char *nodes)
{
    XenVif *vif;

    /* Of either ABI and layout one with, one without. */
    xen_vif_iothread = variant->fifo == variant->long_mode;
    vif = xen_vif_start(variant->long_mode, PROPERTIES, NULL);
    if (variant->fifo) {
        xen_use_fifo(vif->vm, 2);
    }
    g_assert_cmpint(xen_vif_connect(vif, nr_queues, split, nodes), ==,
                    XenbusStateConnected);
    return vif;
}

static void qmp_ok(XenVif *vif, const char *command)
{
    qtest_qmp_assert_success(vif->vm->qts, "%p",
                             qobject_from_json(command, &error_abort));
}

/* The VM goes on there as it was here. */
static XenVif *move_to(XenVif *vif, const char *properties)
{
    g_autofree char *path = xen_state_save(vif->vm);
    XenVif *target = xen_vif_start_target(vif, properties, NULL);

    xen_state_load(target->vm, path);
    xen_state_wait(target->vm);
    xen_vif_stop(vif);
    unlink(path);
    return target;
}

static XenVif *move(XenVif *vif)
{
    return move_to(vif, PROPERTIES);
}

static void expect_works(XenVif *vif)
{
    for (unsigned q = 0; q < vif->nr_queues; q++) {
        xen_vif_post_rx(vif, q, 2);
    }
    for (unsigned i = 0; i < 4; i++) {
        xen_vif_check_send(vif, i % vif->nr_queues, 0x40 + i);
    }
}

/* There and on, closed and connected anew. */
static void test_idle(const void *variant)
{
    for (unsigned i = 0; i < 4; i++) {
        XenVif *vif = start(variant, 1 + (i & 1), i & 2, XEN_VIF_NODES);

        for (unsigned n = 0; n < 3; n++) {
            expect_works(vif);
            vif = move(vif);
            xen_vif_check_backend(vif, "state", "4");
        }
        expect_works(vif);
        if (vif->nr_queues == 1) {
            xen_vif_check_receive(vif, 0, 0x55);
        }
        /* The events come, too. */
        while (!xen_is_pending(vif->vm, vif->queue[0].tx_port)) {
            g_usleep(LOOK_AGAIN_US);
        }
        xen_vif_disconnect(vif);
        vif = move(vif);
        g_assert_cmpint(xen_vif_connect(vif, vif->nr_queues, i & 2,
                                        XEN_VIF_NODES), ==,
                        XenbusStateConnected);
        expect_works(vif);
        xen_vif_stop(vif);
    }
}

static void put_frame(XenVif *vif, unsigned page, uint8_t mark)
{
    uint8_t frame[2 * XEN_VIF_TEST_FRAME];
    size_t piece[] = { XEN_VIF_TEST_FRAME, XEN_VIF_TEST_FRAME };

    xen_vif_make_frame(frame, sizeof(frame), mark);
    xen_vif_put_frame(vif, 0, page, frame, sizeof(frame), piece, 2, 0, NULL);
}

/* Frames that a VM which is stopped has in its ring leave there, once each. */
static void test_tx_ring(const void *variant)
{
    XenVif *vif = start(variant, 1, true, XEN_VIF_NODES);
    uint8_t frame[2 * XEN_VIF_TEST_FRAME];

    for (unsigned i = 0; i < 3; i++) {
        xen_vif_check_send(vif, 0, i);
    }
    qmp_ok(vif, "{'execute': 'stop'}");
    for (unsigned i = 0; i < 20; i++) {
        put_frame(vif, 2 * i, 100 + i);
    }
    xen_vif_push_tx(vif, 0);
    vif = move(vif);
    g_assert_cmpuint(vif->queue[0].tx->rsp_prod, ==, 3);
    qmp_ok(vif, "{'execute': 'cont'}");
    for (unsigned i = 0; i < 20; i++) {
        xen_vif_make_frame(frame, sizeof(frame), 100 + i);
        xen_vif_network_expect(vif, frame, sizeof(frame));
    }
    xen_vif_expect_answers(vif, 0, NETIF_RSP_OKAY);
    expect_works(vif);
    xen_vif_stop(vif);
}

/*
 * Frames were answered, and their event waits for its timer when the VM stops:
 * the guest, whose ring is full, waits for it.
 */
static void test_owed_event(const void *variant)
{
    XenVif *vif = start(variant, 1, true, XEN_VIF_NODES);
    uint8_t frame[2 * XEN_VIF_TEST_FRAME];

    for (unsigned i = 0; i < XEN_VIF_RING_SIZE / 2; i++) {
        put_frame(vif, 2 * i, i);
    }
    xen_vif_push_tx(vif, 0);
    for (unsigned i = 0; i < XEN_VIF_RING_SIZE / 2; i++) {
        xen_vif_make_frame(frame, sizeof(frame), i);
        xen_vif_network_expect(vif, frame, sizeof(frame));
    }
    qmp_ok(vif, "{'execute': 'stop'}");
    vif = move(vif);
    g_assert_true(xen_is_pending(vif->vm, vif->queue[0].tx_port));
    qmp_ok(vif, "{'execute': 'cont'}");
    xen_vif_expect_answers(vif, 0, NETIF_RSP_OKAY);
    expect_works(vif);
    xen_vif_stop(vif);
}

/* Pages that the guest gave for frames stay given, each for one frame. */
static void test_rx_ring(const void *variant)
{
    XenVif *vif = start(variant, 1, false, XEN_VIF_NODES);

    xen_vif_post_rx(vif, 0, 40);
    for (unsigned i = 0; i < 5; i++) {
        xen_vif_check_receive(vif, 0, i);
    }
    vif = move(vif);
    for (unsigned i = 5; i < 40; i++) {
        xen_vif_check_receive(vif, 0, i);
    }
    g_assert_cmpuint(vif->queue[0].rx->rsp_prod, ==, 40);
    xen_vif_stop(vif);
}

static void add_mcast(XenVif *vif, uint8_t last)
{
    netif_extra_info_t extra = {
        .type = MCAST_ADD,
        .u.mcast.addr = { 0x01, 0, 0x5e, 0, 0, last },
    };

    xen_vif_put_tx(vif, 0, XEN_VIF_BAD_REF, 0, NETTXF_extra_info, 0);
    xen_vif_put_extra(vif, 0, &extra);
    xen_vif_push_tx(vif, 0);
    xen_vif_expect_answers(vif, 0, NETIF_RSP_OKAY);
}

/* What the guest asked for is what it gets. */
static void test_mcast(const void *variant)
{
    XenVif *vif = start(variant, 1, false,
                        XEN_VIF_NODES " request-multicast-control=1");
    XenVifFrame got;

    add_mcast(vif, 7);
    add_mcast(vif, 9);
    /* Also by way of a QEMU where the VM does not run. */
    qmp_ok(vif, "{'execute': 'stop'}");
    vif = move(vif);
    vif = move(vif);
    qmp_ok(vif, "{'execute': 'cont'}");
    xen_vif_post_rx(vif, 0, 20);
    for (unsigned i = 6; i <= 9; i++) {
        uint8_t frame[XEN_VIF_TEST_FRAME] = { 0x01, 0, 0x5e, 0, 0, i };

        xen_vif_network_send(vif, frame, sizeof(frame));
    }
    for (unsigned i = 7; i <= 9; i += 2) {
        xen_vif_get_frame(vif, 0, &got);
        g_assert_cmpuint(got.data[5], ==, i);
    }
    g_assert_cmpuint(xen_vif_counter(vif, "rx-filtered"), ==, 2);
    xen_vif_stop(vif);
}

/* The link is the target's; the guest is told. */
static void test_link(const void *variant)
{
    XenVif *vif = start(variant, 1, false, XEN_VIF_NODES);

    qmp_ok(vif, "{'execute': 'set_link', 'arguments': {'name': 'vif',"
                " 'up': false}}");
    xen_vif_check_backend(vif, "carrier", "0");
    vif = move(vif);
    xen_vif_check_backend(vif, "carrier", "1");
    expect_works(vif);
    xen_vif_stop(vif);
}

/* It stays shut until the guest has closed it. */
static void test_broken(const void *variant)
{
    XenVif *vif = start(variant, 1, false, XEN_VIF_NODES);

    vif->queue[0].tx->req_prod += 1000;
    g_assert_cmpint(xen_send(vif->vm, vif->queue[0].tx_port), ==, 0);
    xen_vif_wait_state(vif, XenbusStateClosing);
    vif = move(vif);
    xen_vif_write(vif, "state", "4");
    xen_vif_check_alive(vif);
    xen_vif_check_backend(vif, "state", "5");
    xen_vif_disconnect(vif);
    g_assert_cmpint(xen_vif_connect(vif, 1, false, XEN_VIF_NODES), ==,
                    XenbusStateConnected);
    expect_works(vif);
    xen_vif_stop(vif);
}

/* The front end begins anew, and is saved before the back end has seen it. */
static void test_anew(const void *variant)
{
    XenVif *vif = start(variant, 1, false, XEN_VIF_NODES);

    qmp_ok(vif, "{'execute': 'stop'}");
    vif = move(vif);
    /* As if it had been so before: nobody looks before it runs. */
    qmp_ok(vif, "{'execute': 'xenstore-write', 'arguments': {"
                " 'path': 'device/vif/0/state', 'value': '1'}}");
    qmp_ok(vif, "{'execute': 'cont'}");
    g_assert_cmpint(xen_vif_connect(vif, 1, false, XEN_VIF_NODES), ==,
                    XenbusStateConnected);
    expect_works(vif);
    xen_vif_stop(vif);
}

/* It is asked to go, and has not heard of it: it works until it closes. */
static void test_asked(const void *variant)
{
    XenVif *vif = start(variant, 1, false,
                        XEN_VIF_NODES " request-multicast-control=1");
    uint8_t frame[XEN_VIF_TEST_FRAME] = { 0x01, 0, 0x5e, 0, 0, 7 };
    XenVifFrame got;

    add_mcast(vif, 7);
    qmp_ok(vif, "{'execute': 'device_del', 'arguments': {'id': 'vif'}}");
    expect_works(vif);
    vif = move(vif);
    expect_works(vif);
    xen_vif_network_send(vif, frame, sizeof(frame));
    xen_vif_get_frame(vif, 0, &got);
    g_assert_cmpmem(got.data, got.size, frame, sizeof(frame));
    xen_vif_check_backend(vif, "state", "5");
    xen_vif_write(vif, "state", "6");
    qtest_qmp_eventwait(vif->vm->qts, "DEVICE_DELETED");
    xen_vif_stop(vif);
}

/*
 * To a device with more queues, with or without an iothread, and back: what the
 * guest is told there is what it was told here, also after a reset.
 */
static void test_back(const void *variant)
{
    XenVif *vif = start(variant, 2, true, XEN_VIF_NODES);

    for (unsigned i = 0; i < 4; i++) {
        xen_vif_iothread = i & 1;
        vif = move_to(vif, i & 1 ? PROPERTIES :
                                   "queues=4,mac=52:54:00:01:02:03");
        xen_vif_check_backend(vif, "multi-queue-max-queues", "2");
        expect_works(vif);
        if (i >= 2) {
            qtest_system_reset(vif->vm->qts);
            xen_vm_set_up(vif->vm);
            xen_vif_set_up(vif);
            xen_vif_check_backend(vif, "multi-queue-max-queues", "2");
            g_assert_cmpint(xen_vif_connect(vif, 2, true, XEN_VIF_NODES), ==,
                            XenbusStateConnected);
            expect_works(vif);
        }
    }
    xen_vif_stop(vif);
}

static void expect_refused(XenVif *vif, const char *path,
                           const char *properties, const char *reason)
{
    g_autofree char *log = g_strdup_printf("%s.log", path);
    g_autofree char *all = g_strdup_printf("%s 2>%s", properties, log);
    XenVif *target = xen_vif_start_target(vif, all, NULL);

    xen_state_expect_reason(target->vm, path, log, reason);
    xen_vif_stop(target);
}

static void test_refused(const void *variant)
{
    static const struct {
        const char *properties, *reason;
    } cases[] = {
        { "queues=2,mac=52:54:00:01:02:04",
          "xen-net-device '0': mac is 52:54:00:01:02:04, but must be "
          "52:54:00:01:02:03" },
        { "queues=1,mac=52:54:00:01:02:03",
          "xen-net-device '0': queues is 1, but must be at least 2" },
        { PROPERTIES ",idx=1", "qnic/1/0/xen-pv-device" },
    };
    XenVif *vif = start(variant, 2, false, XEN_VIF_NODES);
    g_autofree char *path = xen_state_save(vif->vm);

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        expect_refused(vif, path, cases[i].properties, cases[i].reason);
    }
    /* Here no netdev has these headers: as if one there had. */
    xen_state_change_told(path, "feature-gso-tcpv6", '1');
    expect_refused(vif, path, PROPERTIES,
                   "xen-net-device '0': the netdev's vnet header is 0, but must "
                   "be at least 1");
    unlink(path);
    qmp_ok(vif, "{'execute': 'cont'}");
    expect_works(vif);
    xen_vif_stop(vif);
}

int main(int argc, char **argv)
{
    static const XenVariantTest tests[] = {
        { "idle", test_idle },
        { "tx-ring", test_tx_ring },
        { "owed-event", test_owed_event },
        { "rx-ring", test_rx_ring },
        { "mcast", test_mcast, true },
        { "link", test_link, true },
        { "broken", test_broken, true },
        { "anew", test_anew, true },
        { "asked", test_asked },
        { "back", test_back },
        { "refused", test_refused, true },
    };

    g_test_init(&argc, &argv, NULL);
    xen_add_variant_tests("net-migration", tests, ARRAY_SIZE(tests));
    return g_test_run();
}
