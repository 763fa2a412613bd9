/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The network protocol: the rings of a vif, without a guest
 */
#include <string.h>
#include <glib.h>
#include "netif.h"

#define SIZE    XEN_NETIF_RING_SIZE

typedef struct Tx {
    struct netif_tx_sring *page;
    XenNetifRing ring;
    XenNetifTxFrame frame;
} Tx;

/* Rings can start at any index; this one is about to pass 2^32. */
static void start(Tx *t, uint32_t index)
{
    t->page = g_malloc0(XEN_NETIF_PAGE_SIZE);
    t->page->req_prod = t->page->rsp_prod = index;
    t->page->req_event = t->page->rsp_event = index + 1;
    g_assert_true(xen_netif_attach(&t->ring, t->page));
}

static void end(Tx *t)
{
    g_free(t->page);
}

static void put(Tx *t, uint16_t offset, uint16_t flags, uint16_t size)
{
    uint32_t i = t->page->req_prod++;

    t->page->ring[i % SIZE].req = (netif_tx_request_t) {
        .gref = i + 1000, .offset = offset, .flags = flags, .id = i,
        .size = size,
    };
}

static void put_extra(Tx *t, uint8_t type, uint8_t flags)
{
    netif_extra_info_t extra = { .type = type, .flags = flags };

    memcpy(&t->page->ring[t->page->req_prod++ % SIZE], &extra, sizeof(extra));
}

static void expect_answers(Tx *t, uint32_t from, unsigned nr, int16_t status)
{
    for (uint32_t i = from; i != from + nr; i++) {
        g_assert_cmpint(t->page->ring[i % SIZE].rsp.id, ==, (uint16_t)i);
        g_assert_cmpint(t->page->ring[i % SIZE].rsp.status, ==, status);
    }
}

/*
 * The first slot's size is that of the frame; its own part is the difference.
 */
static void test_gather(void)
{
    Tx t;

    for (unsigned nr = 1; nr <= XEN_NETIF_TX_SLOTS; nr++) {
        start(&t, UINT32_MAX - 3);
        put(&t, 5, nr > 1 ? NETTXF_more_data : 0, 1000);
        for (unsigned i = 1; i < nr; i++) {
            put(&t, i, i < nr - 1 ? NETTXF_more_data : 0, 10 + i);
        }
        g_assert_cmpint(xen_netif_pending(&t.ring), ==, nr);
        g_assert_cmpint(xen_netif_tx_take(&t.ring, &t.frame), ==,
                        XEN_NETIF_FRAME);
        g_assert_cmpuint(t.frame.size, ==, 1000);
        g_assert_cmpuint(t.frame.nr_parts, ==, nr);
        g_assert_cmpuint(t.frame.part[0].size, ==,
                         1000 - 10 * (nr - 1) - nr * (nr - 1) / 2);
        for (unsigned i = 0; i < nr; i++) {
            g_assert_cmpuint(t.frame.part[i].gref, ==,
                             (uint32_t)(UINT32_MAX - 3 + i + 1000));
            g_assert_cmpuint(t.frame.part[i].offset, ==, i ? i : 5);
        }
        xen_netif_tx_answer(&t.ring, &t.frame, NETIF_RSP_OKAY);
        /* Not published yet. */
        g_assert_cmpuint(t.page->rsp_prod, ==, UINT32_MAX - 3);
        g_assert_true(xen_netif_push_answers(&t.ring));
        g_assert_cmpuint(t.page->rsp_prod, ==, t.page->req_prod);
        expect_answers(&t, UINT32_MAX - 3, nr, NETIF_RSP_OKAY);
        g_assert_cmpint(xen_netif_tx_take(&t.ring, &t.frame), ==,
                        XEN_NETIF_EMPTY);
        end(&t);
    }
}

/* A frame to be failed is consumed completely; the next one is not affected. */
static void test_fail_whole(void)
{
    static const struct {
        uint16_t offset, size, second_offset, second_size;
    } cases[] = {
        { 0, 100, 4000, 97 },   /* the second crosses its page */
        { 4090, 100, 0, 90 },   /* the first crosses its page */
        { 0, 100, 0, 101 },     /* the parts are longer than the frame */
        { 0, 13, 0, 1 },        /* no header */
        { 65535, 100, 0, 50 }, { 0, 100, 65535, 50 },
    };
    Tx t;

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        start(&t, 7);
        put(&t, cases[i].offset, NETTXF_more_data, cases[i].size);
        put(&t, cases[i].second_offset, NETTXF_more_data,
            cases[i].second_size);
        put(&t, 0, 0, 0);
        put(&t, 0, 0, 60);
        g_assert_cmpint(xen_netif_tx_take(&t.ring, &t.frame), ==,
                        XEN_NETIF_ERROR);
        g_assert_nonnull(t.frame.why);
        xen_netif_tx_answer(&t.ring, &t.frame, NETIF_RSP_ERROR);
        g_assert_cmpint(xen_netif_tx_take(&t.ring, &t.frame), ==,
                        XEN_NETIF_FRAME);
        g_assert_cmpuint(t.frame.size, ==, 60);
        xen_netif_tx_answer(&t.ring, &t.frame, NETIF_RSP_OKAY);
        expect_answers(&t, 7, 3, NETIF_RSP_ERROR);
        expect_answers(&t, 10, 1, NETIF_RSP_OKAY);
        end(&t);
    }
}

/*
 * The maximum number of slots; more, which are failed; too many, which is
 * fatal.
 */
static void test_too_many(void)
{
    Tx t;

    for (unsigned nr = XEN_NETIF_TX_SLOTS; nr < 30; nr++) {
        XenNetifTx expected = nr <= XEN_NETIF_TX_SLOTS ? XEN_NETIF_FRAME :
                              nr <= XEN_NETIF_TX_FATAL ? XEN_NETIF_ERROR :
                                                         XEN_NETIF_FATAL;

        start(&t, 3);
        for (unsigned i = 0; i < nr; i++) {
            put(&t, 0, i < nr - 1 ? NETTXF_more_data : 0, i ? 1 : 1000);
        }
        g_assert_cmpint(xen_netif_tx_take(&t.ring, &t.frame), ==, expected);
        if (expected != XEN_NETIF_FATAL) {
            xen_netif_tx_answer(&t.ring, &t.frame, NETIF_RSP_ERROR);
            expect_answers(&t, 3, nr, NETIF_RSP_ERROR);
        }
        end(&t);
    }
}

/* Up to the last byte of a page, but not beyond. */
static void test_page_end(void)
{
    Tx t;

    start(&t, 0);
    put(&t, 4096 - 60, 0, 60);
    put(&t, 4096 - 60, 0, 61);
    put(&t, 4095, NETTXF_more_data, 61);
    put(&t, 4036, 0, 60);
    g_assert_cmpint(xen_netif_tx_take(&t.ring, &t.frame), ==,
                    XEN_NETIF_FRAME);
    g_assert_cmpint(xen_netif_tx_take(&t.ring, &t.frame), ==,
                    XEN_NETIF_ERROR);
    g_assert_cmpint(xen_netif_tx_take(&t.ring, &t.frame), ==,
                    XEN_NETIF_FRAME);
    end(&t);
}

/*
 * Requests consumed but not answered: req_prod can neither be before them, nor
 * more than the size of the ring ahead.
 */
static void test_index_range(void)
{
    Tx t;

    start(&t, UINT32_MAX - 100);
    for (int i = 0; i < 10; i++) {
        put(&t, 0, 0, 60);
        g_assert_cmpint(xen_netif_tx_take(&t.ring, &t.frame), ==,
                        XEN_NETIF_FRAME);
    }
    g_assert_cmpint(xen_netif_pending(&t.ring), ==, 0);
    /* Ten are pending; the rest of the ring is free. */
    t.page->req_prod += SIZE - 10;
    g_assert_cmpint(xen_netif_pending(&t.ring), ==, SIZE - 10);
    t.page->req_prod++;
    g_assert_cmpint(xen_netif_pending(&t.ring), ==, -1);
    t.page->req_prod -= SIZE - 10 + 1;
    for (int i = 0; i < 10; i++) {
        t.page->req_prod--;
        g_assert_cmpint(xen_netif_pending(&t.ring), ==, -1);
        g_assert_cmpint(xen_netif_want_event(&t.ring, 1), ==, -1);
        g_assert_cmpint(xen_netif_tx_take(&t.ring, &t.frame), ==,
                        XEN_NETIF_FATAL);
    }
    end(&t);
}

/* Responses continue at the index where the previous back end stopped. */
static void test_attach(void)
{
    Tx t;
    XenNetifRing other;

    start(&t, 500);
    put(&t, 0, 0, 60);
    put(&t, 0, 0, 61);
    g_assert_true(xen_netif_attach(&other, t.page));
    g_assert_cmpint(xen_netif_tx_take(&other, &t.frame), ==, XEN_NETIF_FRAME);
    xen_netif_tx_answer(&other, &t.frame, NETIF_RSP_OKAY);
    expect_answers(&t, 500, 1, NETIF_RSP_OKAY);
    t.page->req_prod = 500 + SIZE;
    g_assert_true(xen_netif_attach(&other, t.page));
    t.page->req_prod++;
    g_assert_false(xen_netif_attach(&other, t.page));
    t.page->req_prod = 499;
    g_assert_false(xen_netif_attach(&other, t.page));
    end(&t);
}

/* Notifications are sent once, when the other side has requested them. */
static void test_events(void)
{
    Tx t;

    start(&t, UINT32_MAX);
    for (unsigned wanted = 1; wanted <= 4; wanted++) {
        t.page->rsp_event = t.page->rsp_prod + wanted;
        for (unsigned i = 1; i <= 6; i++) {
            put(&t, 0, 0, 60);
            xen_netif_tx_take(&t.ring, &t.frame);
            xen_netif_tx_answer(&t.ring, &t.frame, NETIF_RSP_OKAY);
            g_assert_cmpint(xen_netif_push_answers(&t.ring), ==, i == wanted);
            if (i == wanted) {
                /* True until it is sent. */
                g_assert_true(xen_netif_push_answers(&t.ring));
                xen_netif_event_sent(&t.ring);
            }
            g_assert_false(xen_netif_push_answers(&t.ring));
        }
    }
    /* The front end consumes the responses before it is notified. */
    t.page->rsp_event = t.page->rsp_prod + 1;
    put(&t, 0, 0, 60);
    xen_netif_tx_take(&t.ring, &t.frame);
    xen_netif_tx_answer(&t.ring, &t.frame, NETIF_RSP_OKAY);
    g_assert_true(xen_netif_push_answers(&t.ring));
    t.page->rsp_event = t.page->rsp_prod + 1;
    g_assert_false(xen_netif_push_answers(&t.ring));
    g_assert_cmpint(xen_netif_want_event(&t.ring, 3), ==, 0);
    g_assert_cmpuint(t.page->req_event, ==, t.page->req_prod + 3);
    end(&t);
}

/* Extra slots do not count as data, and have responses of their own. */
static void test_extras(void)
{
    Tx t;

    start(&t, 0);
    put(&t, 0, NETTXF_extra_info | NETTXF_more_data, 100);
    put_extra(&t, XEN_NETIF_EXTRA_TYPE_HASH, 0);
    put(&t, 0, 0, 40);
    t.page->ring[2].req.id = 77;
    g_assert_cmpint(xen_netif_tx_take(&t.ring, &t.frame), ==,
                    XEN_NETIF_FRAME);
    g_assert_cmpuint(t.frame.nr_parts, ==, 2);
    g_assert_cmpuint(t.frame.part[0].size, ==, 60);
    xen_netif_tx_answer(&t.ring, &t.frame, NETIF_RSP_OKAY);
    g_assert_cmpuint(t.ring.rsp_prod, ==, 3);
    g_assert_cmpint(t.page->ring[1].rsp.status, ==, NETIF_RSP_NULL);
    g_assert_cmpuint(t.page->ring[2].rsp.id, ==, 77);
    end(&t);
}

/* An address to add or remove: an extra slot around which nothing is. */
static void test_mcast(void)
{
    static const uint8_t address[6] = { 1, 0, 0x5e, 2, 3, 4 };
    static const struct {
        uint8_t type[2];            /* the second: 0 if there is none */
        uint16_t flags;
        XenNetifTx expected;
    } cases[] = {
        { { XEN_NETIF_EXTRA_TYPE_MCAST_ADD }, 0, XEN_NETIF_MCAST },
        { { XEN_NETIF_EXTRA_TYPE_MCAST_DEL }, 0, XEN_NETIF_MCAST },
        { { XEN_NETIF_EXTRA_TYPE_HASH, XEN_NETIF_EXTRA_TYPE_MCAST_ADD }, 0,
          XEN_NETIF_MCAST },
        { { XEN_NETIF_EXTRA_TYPE_MCAST_ADD, XEN_NETIF_EXTRA_TYPE_MCAST_DEL }, 0,
          XEN_NETIF_ERROR },
        { { XEN_NETIF_EXTRA_TYPE_MCAST_DEL, XEN_NETIF_EXTRA_TYPE_MCAST_DEL }, 0,
          XEN_NETIF_ERROR },
        { { XEN_NETIF_EXTRA_TYPE_MCAST_ADD }, NETTXF_more_data, XEN_NETIF_ERROR },
        { { XEN_NETIF_EXTRA_TYPE_HASH }, NETTXF_more_data, XEN_NETIF_FRAME },
        { { XEN_NETIF_EXTRA_TYPE_HASH, XEN_NETIF_EXTRA_TYPE_HASH }, 0,
          XEN_NETIF_ERROR },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        unsigned nr = 1 + !!cases[i].type[1];
        Tx t;

        start(&t, 0);
        put(&t, 0, NETTXF_extra_info | cases[i].flags, 100);
        for (unsigned k = 0; k < nr; k++) {
            put_extra(&t, cases[i].type[k],
                      (k + 1 < nr) * XEN_NETIF_EXTRA_FLAG_MORE);
            memcpy((uint8_t *)&t.page->ring[1 + k] +
                   offsetof(netif_extra_info_t, u.mcast.addr),
                   address, sizeof(address));
        }
        if (cases[i].flags) {
            put(&t, 0, 0, 40);
        }
        g_assert_cmpint(xen_netif_tx_take(&t.ring, &t.frame), ==,
                        cases[i].expected);
        g_assert_cmpint(!t.frame.why, ==, cases[i].expected != XEN_NETIF_ERROR);
        g_assert_cmpuint(t.ring.req_cons, ==, t.page->req_prod);
        g_assert_cmpuint(t.frame.nr_extras, ==, nr);
        if (cases[i].expected == XEN_NETIF_MCAST) {
            g_assert_cmpmem(t.frame.mcast, sizeof(t.frame.mcast), address,
                            sizeof(address));
            g_assert_cmpint(t.frame.mcast_add, ==, cases[i].type[nr - 1] ==
                                                   XEN_NETIF_EXTRA_TYPE_MCAST_ADD);
        }
        xen_netif_tx_answer(&t.ring, &t.frame, NETIF_RSP_OKAY);
        g_assert_cmpuint(t.ring.rsp_prod, ==, t.page->req_prod);
        end(&t);
    }
}

/* An incomplete frame: nothing beyond req_prod is consumed. */
static void test_missing(void)
{
    static const struct {
        uint16_t flags;
        uint8_t extra, extra_flags;
    } cases[] = {
        { NETTXF_more_data, 0, 0 },
        { NETTXF_extra_info, 0, 0 },
        { NETTXF_extra_info | NETTXF_more_data, XEN_NETIF_EXTRA_TYPE_HASH, 0 },
        { NETTXF_extra_info, XEN_NETIF_EXTRA_TYPE_HASH,
          XEN_NETIF_EXTRA_FLAG_MORE },
    };
    Tx t;

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        uint32_t prod;

        start(&t, 0);
        put(&t, 0, cases[i].flags, 100);
        if (cases[i].extra) {
            put_extra(&t, cases[i].extra, cases[i].extra_flags);
        }
        /* It would be valid if it were published. */
        prod = t.page->req_prod;
        if (cases[i].extra_flags || !(cases[i].flags & NETTXF_more_data)) {
            put_extra(&t, XEN_NETIF_EXTRA_TYPE_GSO, 0);
        } else {
            put(&t, 0, 0, 10);
        }
        t.page->req_prod = prod;
        g_assert_cmpint(xen_netif_tx_take(&t.ring, &t.frame), ==,
                        XEN_NETIF_FATAL);
        g_assert_cmpstr(strstr(t.frame.why, "missing"), ==, "missing");
        g_assert_cmpuint(t.ring.req_cons, ==, prod);
        end(&t);
    }
}

/*
 * Random ring contents and indices: all that is consumed is within bounds, and
 * each request of a frame gets one response.
 */
static void test_noise(void)
{
    GRand *rand = g_rand_new_with_seed(20);
    Tx t;

    start(&t, 0);
    for (int round = 0; round < 200000; round++) {
        uint32_t taken = t.ring.req_cons;
        size_t sum = 0;
        XenNetifTx result;

        for (unsigned i = 0; i < 24; i++) {
            t.page->ring[(taken + i) % SIZE].req = (netif_tx_request_t) {
                .gref = g_rand_int(rand) & g_rand_int(rand) & 0x01ff,
                .offset = g_rand_int_range(rand, 0, 8) ? 0 : g_rand_int(rand),
                .flags = g_rand_int(rand) & g_rand_int(rand),
                .size = g_rand_int(rand) >> g_rand_int_range(rand, 16, 32),
                .id = i,
            };
        }
        t.page->req_prod = taken + g_rand_int_range(rand, 0, SIZE + 1);
        result = xen_netif_tx_take(&t.ring, &t.frame);
        g_assert_cmpuint(t.ring.req_cons - taken, <=,
                         t.page->req_prod - taken);
        if (result == XEN_NETIF_FATAL) {
            g_assert_nonnull(t.frame.why);
            t.ring.req_cons = t.ring.rsp_prod;
            continue;
        }
        if (result == XEN_NETIF_EMPTY) {
            g_assert_cmpuint(t.page->req_prod, ==, taken);
            continue;
        }
        g_assert_cmpuint(t.frame.nr_requests, <=, XEN_NETIF_TX_FATAL);
        if (result == XEN_NETIF_FRAME) {
            g_assert_cmpuint(t.frame.nr_parts, <=, XEN_NETIF_TX_SLOTS);
            g_assert_cmpuint(t.frame.size, >=, XEN_NETIF_MIN_FRAME);
            for (unsigned i = 0; i < t.frame.nr_parts; i++) {
                g_assert_cmpuint(t.frame.part[i].offset +
                                 t.frame.part[i].size, <=,
                                 XEN_NETIF_PAGE_SIZE);
                sum += t.frame.part[i].size;
            }
            g_assert_cmpuint(sum, ==, t.frame.size);
        }
        xen_netif_tx_answer(&t.ring, &t.frame, NETIF_RSP_OKAY);
        g_assert_cmpuint(t.ring.rsp_prod, ==, t.ring.req_cons);
        xen_netif_push_answers(&t.ring);
    }
    g_rand_free(rand);
    end(&t);
}

static void test_rx(void)
{
    struct netif_rx_sring *page = g_malloc0(XEN_NETIF_PAGE_SIZE);
    netif_extra_info_t extra = { .type = XEN_NETIF_EXTRA_TYPE_GSO, .flags = 9 };
    netif_rx_request_t req[3];
    XenNetifRing ring;

    page->req_prod = page->rsp_prod = UINT32_MAX;
    g_assert_true(xen_netif_attach(&ring, page));
    for (uint32_t i = UINT32_MAX; i != 2; i++) {
        page->ring[i % SIZE].req.id = i + 10;
        page->ring[i % SIZE].req.gref = i + 20;
    }
    page->req_prod = 2;
    g_assert_cmpint(xen_netif_pending(&ring), ==, 3);
    xen_netif_rx_take(&ring, req, 3);
    g_assert_cmpuint(req[0].id, ==, 9);
    g_assert_cmpuint(req[2].gref, ==, 21);
    xen_netif_rx_answer(&ring, 9, 3, NETRXF_extra_info, 1500);
    xen_netif_rx_extra(&ring, &extra);
    xen_netif_rx_answer(&ring, 11, 0, 0, NETIF_RSP_ERROR);
    g_assert_cmpuint(page->ring[255].rsp.id, ==, 9);
    g_assert_cmpuint(page->ring[255].rsp.offset, ==, 3);
    g_assert_cmpint(page->ring[255].rsp.status, ==, 1500);
    g_assert_cmpmem(&page->ring[0], sizeof(extra), &extra, sizeof(extra));
    g_assert_cmpint(page->ring[1].rsp.status, ==, NETIF_RSP_ERROR);
    xen_netif_push_answers(&ring);
    g_assert_cmpuint(page->rsp_prod, ==, 2);
    g_free(page);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/netif/gather", test_gather);
    g_test_add_func("/netif/fail-whole", test_fail_whole);
    g_test_add_func("/netif/too-many", test_too_many);
    g_test_add_func("/netif/page-end", test_page_end);
    g_test_add_func("/netif/index-range", test_index_range);
    g_test_add_func("/netif/attach", test_attach);
    g_test_add_func("/netif/events", test_events);
    g_test_add_func("/netif/extras", test_extras);
    g_test_add_func("/netif/mcast", test_mcast);
    g_test_add_func("/netif/missing", test_missing);
    g_test_add_func("/netif/noise", test_noise);
    g_test_add_func("/netif/rx", test_rx);
    return g_test_run();
}
