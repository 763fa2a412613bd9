/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * xen-net-device: rings that break the protocol or come to their end
 */
#include "qemu/osdep.h"
#include "qemu/atomic.h"
#include "libxen-net.h"

/* A grant reference behind the table. */
#define WILD_REF        0xffffff

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

/* ------------------------------------------------- requests that are wrong */

typedef struct Slot {
    uint32_t ref;
    uint16_t offset, flags, size;
    /* Or an extra, if it has a type: */
    uint8_t type, more, gso_type;
    uint16_t gso_size;
} Slot;

#define GOOD    64              /* xen_vif_tx_ref(0) */
#define MORE    NETTXF_more_data
#define EXTRA   NETTXF_extra_info
#define MCAST_ADD   XEN_NETIF_EXTRA_TYPE_MCAST_ADD
#define MCAST_DEL   XEN_NETIF_EXTRA_TYPE_MCAST_DEL
#define GSO         XEN_NETIF_EXTRA_TYPE_GSO

typedef struct BadRequest {
    const char *name;
    int status;                 /* of all its slots; 0: the vif is shut */
    unsigned repeat;            /* the second slot, so many times */
    Slot slot[4];
} BadRequest;

static const BadRequest bad_requests[] = {
    { "too-short", -1, 0, { { GOOD, 0, 0, 13 } } },
    { "empty", -1, 0, { { GOOD, 0, 0, 0 } } },
    { "crosses-page", -1, 0, { { GOOD, 4000, 0, 97 } } },
    { "offset-beyond-page", -1, 0, { { GOOD, 65535, 0, 65535 } } },
    { "not-granted", -1, 0, { { XEN_VIF_BAD_REF, 0, 0, 100 } } },
    { "no-grant-entry", -1, 0, { { WILD_REF, 0, 0, 100 } } },
    { "second-not-granted", -1, 0,
      { { GOOD, 0, MORE, 200 }, { XEN_VIF_BAD_REF, 0, 0, 100 } } },
    { "second-crosses-page", -1, 0,
      { { GOOD, 0, MORE, 200 }, { GOOD, 4090, 0, 100 } } },
    { "second-too-large", -1, 0,
      { { GOOD, 0, MORE, 200 }, { GOOD, 0, 0, 201 } } },
    { "sum-too-large", -1, 0,
      { { GOOD, 0, MORE, 200 }, { GOOD, 0, MORE, 150 }, { GOOD, 0, 0, 51 } } },
    { "first-crosses-page", -1, 0,
      { { GOOD, 4000, MORE, 200 }, { GOOD, 0, 0, 100 } } },
    { "nineteen-more", -1, 18,
      { { GOOD, 0, MORE, 200 }, { GOOD, 0, MORE, 1 }, { GOOD, 0, 0, 1 } } },
    { "twenty-more", -1, 19,
      { { GOOD, 0, MORE, 200 }, { GOOD, 0, MORE, 1 }, { GOOD, 0, 0, 1 } } },
    { "twenty-one-more", 0, 20,
      { { GOOD, 0, MORE, 200 }, { GOOD, 0, MORE, 1 }, { GOOD, 0, 0, 1 } } },
    { "more-without-end", 0, 200,
      { { GOOD, 0, MORE, 200 }, { GOOD, 0, MORE, 1 } } },
    { "more-is-missing", 0, 0, { { GOOD, 0, MORE, 200 } } },
    { "extra-is-missing", 0, 0, { { GOOD, 0, EXTRA, 200 } } },
    { "second-extra-is-missing", 0, 0,
      { { GOOD, 0, EXTRA, 200 }, { .type = MCAST_ADD, .more = 1 } } },
    { "extras-without-end", 0, 0,
      { { GOOD, 0, EXTRA, 200 },
        { .type = 7, .more = 1 }, { .type = 7, .more = 1 } } },
    { "extra-of-unknown-type", 0, 0,
      { { GOOD, 0, EXTRA, 200 }, { .type = XEN_NETIF_EXTRA_TYPE_MAX } } },
    { "segments-of-0", 0, 0,
      { { GOOD, 0, EXTRA, 200 }, { .type = GSO, .gso_type = 1 } } },
    { "segments-of-unknown-type", 0, 0,
      { { GOOD, 0, EXTRA, 200 },
        { .type = GSO, .gso_size = 100, .gso_type = 3 } } },
    /* This network cannot cut them, as the back end said. */
    { "segments", -1, 0,
      { { GOOD, 0, EXTRA, 200 },
        { .type = GSO, .gso_size = 100, .gso_type = 1 } } },
    { "extra-twice", -1, 0,
      { { GOOD, 0, EXTRA, 200 }, { .type = MCAST_ADD, .more = 1 },
        { .type = MCAST_ADD } } },
    { "multicast-added-and-removed", -1, 0,
      { { GOOD, 0, EXTRA, 200 }, { .type = MCAST_ADD, .more = 1 },
        { .type = MCAST_DEL } } },
    { "multicast-with-data", -1, 0,
      { { GOOD, 0, EXTRA | MORE, 200 }, { .type = MCAST_ADD },
        { GOOD, 0, 0, 100 } } },
};

static void put_slot(XenVif *vif, const Slot *slot)
{
    netif_extra_info_t extra = {
        .type = slot->type,
        .flags = slot->more,
        .u.gso = { .size = slot->gso_size, .type = slot->gso_type },
    };

    if (slot->type) {
        xen_vif_put_extra(vif, 0, &extra);
    } else {
        xen_vif_put_tx(vif, 0, slot->ref, slot->offset, slot->flags,
                       slot->size);
    }
}

static void put_bad(XenVif *vif, const BadRequest *bad)
{
    for (size_t i = 0; i < ARRAY_SIZE(bad->slot); i++) {
        const Slot *slot = &bad->slot[i];

        for (unsigned n = 0; n < (i == 1 && bad->repeat ? bad->repeat : 1);
             n++) {
            if (slot->ref || slot->type) {
                put_slot(vif, slot);
            }
        }
    }
}

/*
 * Each slot gets one answer, none of the data leaves, and what follows works.
 */
static void check_failed(XenVif *vif, const BadRequest *bad)
{
    XenVifQueue *q = &vif->queue[0];
    uint64_t errors = xen_vif_counter(vif, "tx-errors");
    unsigned nr = 0;

    put_bad(vif, bad);
    xen_vif_push_tx(vif, 0);
    while (q->tx_cons != q->tx_prod) {
        unsigned i = nr++;
        int got = xen_vif_answer(vif, 0);

        g_assert_cmpint(got, ==, i < ARRAY_SIZE(bad->slot) &&
                                 bad->slot[i].type ? NETIF_RSP_NULL :
                                                     bad->status);
    }
    g_assert_cmpuint(xen_vif_counter(vif, "tx-errors"), ==, errors + 1);
    xen_vif_check_send(vif, 0, 0x77);
}

/* Nothing is done for it any more, until it starts afresh. */
static void check_shut(XenVif *vif)
{
    XenVifQueue *q = &vif->queue[0];
    uint32_t answered;

    xen_vif_wait_state(vif, XenbusStateClosing);
    answered = q->tx->rsp_prod;
    xen_vif_check_alive(vif);
    xen_vif_write(vif, "state", "4");
    xen_vif_put_tx(vif, 0, GOOD, 0, 0, 100);
    xen_vif_push_tx(vif, 0);
    xen_send(vif->vm, q->tx_port);
    xen_vif_check_alive(vif);
    xen_vif_check_backend(vif, "state", "5");
    g_assert_cmpuint(q->tx->rsp_prod, ==, answered);

    xen_vif_disconnect(vif);
    g_assert_cmpint(xen_vif_connect(vif, 1, false, XEN_VIF_NODES), ==,
                    XenbusStateConnected);
    xen_vif_check_send(vif, 0, 0x78);
    xen_vif_check_receive(vif, 0, 0x79);
}

static void test_bad_requests(const void *long_mode)
{
    XenVif *vif = start_connected(long_mode);

    memset(xen_vif_tx_page(vif, 0), 0xee, XEN_PAGE_SIZE);
    for (size_t i = 0; i < ARRAY_SIZE(bad_requests); i++) {
        const BadRequest *bad = &bad_requests[i];

        g_test_message("%s", bad->name);
        if (bad->status) {
            check_failed(vif, bad);
        } else {
            put_bad(vif, bad);
            xen_vif_push_tx(vif, 0);
            check_shut(vif);
        }
    }
    xen_vif_stop(vif);
}

/* req_prod anywhere but where it can be, on each ring */
static void test_bad_index(const void *long_mode)
{
    static const int32_t jumps[] = {
        XEN_VIF_RING_SIZE + 1, 0x7fffffff, INT32_MIN, -1,
        -(int)XEN_VIF_RING_SIZE,
    };
    XenVif *vif = start_connected(long_mode);
    XenVifQueue *q = &vif->queue[0];
    uint8_t frame[XEN_VIF_TEST_FRAME];

    xen_vif_make_frame(frame, sizeof(frame), 1);
    for (size_t i = 0; i < ARRAY_SIZE(jumps); i++) {
        xen_vif_check_send(vif, 0, i);
        qatomic_set(&q->tx->req_prod, q->tx_prod + jumps[i]);
        xen_send(vif->vm, q->tx_port);
        check_shut(vif);

        xen_vif_check_receive(vif, 0, i);
        qatomic_set(&q->rx->req_prod, q->rx_prod + jumps[i]);
        xen_vif_network_send(vif, frame, sizeof(frame));
        check_shut(vif);
    }
    xen_vif_stop(vif);
}

/* A frame waits for requests, and then they are nonsense. */
static void test_bad_index_later(const void *long_mode)
{
    XenVif *vif = start_connected(long_mode);
    XenVifQueue *q = &vif->queue[0];
    uint8_t frame[XEN_VIF_TEST_FRAME];

    xen_vif_make_frame(frame, sizeof(frame), 1);
    xen_vif_network_send(vif, frame, sizeof(frame));
    while (!xen_vif_counter(vif, "rx-waits")) {
        g_usleep(100);
    }
    qatomic_set(&q->rx->req_prod, q->rx_prod + 1000);
    xen_send(vif->vm, q->rx_port);
    check_shut(vif);
    xen_vif_stop(vif);
}

/* ----------------------------------------------------------------- receive */

/* Too few requests: the frame waits, and so do those behind it, in order. */
static void test_rx_waits(const void *long_mode)
{
    XenVif *vif = start_connected(long_mode);
    g_autofree XenVifFrame *got = g_new(XenVifFrame, 1);
    uint8_t frame[10000];

    for (uint8_t i = 0; i < 4; i++) {
        xen_vif_make_frame(frame, sizeof(frame), i);
        xen_vif_network_send(vif, frame, sizeof(frame));
    }
    while (xen_vif_counter(vif, "rx-waits") < 1) {
        g_usleep(100);
    }
    for (uint8_t i = 0; i < 4; i++) {
        /* The event comes with the third request, and not before. */
        uint64_t events = xen_vif_counter(vif, "events-in");

        xen_vif_post_rx(vif, 0, 1);
        xen_vif_post_rx(vif, 0, 1);
        xen_vif_check_alive(vif);
        g_assert(!xen_vif_has_rx(vif, 0));
        g_assert_cmpuint(xen_vif_counter(vif, "events-in"), ==, events);
        xen_vif_post_rx(vif, 0, 1);
        xen_vif_get_frame(vif, 0, got);
        xen_vif_make_frame(frame, sizeof(frame), i);
        g_assert_cmpmem(got->data, got->size, frame, sizeof(frame));
        g_assert_cmpuint(got->nr_slots, ==, 3);
        if (i < 3) {
            /* The next one found nothing, and waits as well. */
            while (xen_vif_counter(vif, "rx-waits") < i + 2) {
                g_usleep(100);
            }
        }
    }
    g_assert_cmpuint(xen_vif_counter(vif, "rx-dropped"), ==, 0);
    xen_vif_stop(vif);
}

/* Without feature-rx-notify nobody tells: the back end looks by itself. */
static void test_rx_no_notify(const void *long_mode)
{
    XenVif *vif = start(long_mode, NULL);
    g_autofree XenVifFrame *got = g_new(XenVifFrame, 1);
    XenVifQueue *q = &vif->queue[0];
    netif_rx_request_t req = { .id = 0, .gref = xen_vif_rx_ref(0) };
    uint8_t frame[XEN_VIF_TEST_FRAME];

    g_assert_cmpint(xen_vif_connect(vif, 1, false, "request-rx-copy=1"), ==,
                    XenbusStateConnected);
    xen_vif_make_frame(frame, sizeof(frame), 5);
    xen_vif_network_send(vif, frame, sizeof(frame));
    while (!xen_vif_counter(vif, "rx-waits")) {
        g_usleep(100);
    }
    qtest_clock_step(vif->vm->qts, 100 * 1000 * 1000);
    g_assert(!xen_vif_has_rx(vif, 0));
    memcpy(&q->rx->ring[0], &req, sizeof(req));
    q->rx_prod = 1;
    qatomic_store_release(&q->rx->req_prod, 1);
    xen_vif_check_alive(vif);
    g_assert(!xen_vif_has_rx(vif, 0));
    qtest_clock_step(vif->vm->qts, 100 * 1000 * 1000);
    xen_vif_get_frame(vif, 0, got);
    g_assert_cmpmem(got->data, got->size, frame, sizeof(frame));
    xen_vif_stop(vif);
}

/* A front end without feature-sg gets what fits one slot. */
static void test_rx_no_sg(const void *long_mode)
{
    XenVif *vif = start(long_mode, NULL);
    g_autofree XenVifFrame *got = g_new(XenVifFrame, 1);
    uint8_t frame[XEN_PAGE_SIZE + 1];

    g_assert_cmpint(xen_vif_connect(vif, 1, false, "request-rx-copy=1"), ==,
                    XenbusStateConnected);
    xen_vif_post_rx(vif, 0, 10);
    xen_vif_make_frame(frame, sizeof(frame), 6);
    xen_vif_network_send(vif, frame, sizeof(frame));
    xen_vif_network_send(vif, frame, sizeof(frame) - 1);
    xen_vif_get_frame(vif, 0, got);
    g_assert_cmpmem(got->data, got->size, frame, XEN_PAGE_SIZE);
    g_assert_cmpuint(xen_vif_counter(vif, "rx-dropped"), ==, 1);
    xen_vif_stop(vif);
}

/* Pages that are not there: the slot says so, the next frame is whole. */
static void test_rx_not_granted(const void *long_mode)
{
    XenVif *vif = start_connected(long_mode);
    g_autofree XenVifFrame *got = g_new(XenVifFrame, 1);
    XenVifQueue *q = &vif->queue[0];
    uint8_t frame[2 * XEN_PAGE_SIZE];

    xen_vif_make_frame(frame, sizeof(frame), 7);
    for (unsigned bad = 0; bad < 2; bad++) {
        netif_rx_request_t req = {
            .id = q->rx_prod + bad,
            .gref = XEN_VIF_BAD_REF,
        };

        /* The request is changed before the frame comes. */
        xen_vif_post_rx(vif, 0, 2);
        memcpy(&q->rx->ring[req.id], &req, sizeof(req));
        xen_vif_network_send(vif, frame, sizeof(frame));
        xen_vif_get_frame(vif, 0, got);
        g_assert(got->failed);
        g_assert_cmpuint(got->nr_slots, ==, 2);
    }
    g_assert_cmpuint(xen_vif_counter(vif, "rx-errors"), ==, 2);
    xen_vif_check_receive(vif, 0, 8);
    xen_vif_stop(vif);
}

int main(int argc, char **argv)
{
    static const XenTest tests[] = {
        { "bad-requests", test_bad_requests },
        { "bad-index", test_bad_index },
        { "bad-index-later", test_bad_index_later },
        { "rx-waits", test_rx_waits },
        { "rx-no-notify", test_rx_no_notify },
        { "rx-no-sg", test_rx_no_sg },
        { "rx-not-granted", test_rx_not_granted },
    };

    g_test_init(&argc, &argv, NULL);
    xen_add_vif_tests("net-ring", tests, ARRAY_SIZE(tests));
    return g_test_run();
}
