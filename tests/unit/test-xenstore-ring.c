/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Xenstore's ring: pieces, order, broken indices, new connections. */
#include <stdio.h>
#include <string.h>
#include "hw/xen/emu/xenstore/ring.h"
#include "xenstore-client.h"

#define HEADER  sizeof(struct xsd_sockmsg)

typedef struct Guest {
    Fixture f;
    XenstoreRing ring;
    struct xenstore_domain_interface *page;
    GByteArray *heard;          /* from the ring, not looked at */
} Guest;

static Guest *guest_new(void)
{
    Guest *g = g_new0(Guest, 1);

    fixture_init(&g->f);
    g->page = g_malloc(4096);
    memset(g->page, 0xa5, sizeof(*g->page));
    g->ring.page = g->page;
    g->ring.conn = g->f.guest;
    g->heard = g_byte_array_new();
    xenstore_ring_reset(&g->ring);
    return g;
}

static void guest_free(Guest *g)
{
    g_byte_array_unref(g->heard);
    fixture_destroy(&g->f);
    g_free(g->page);
    g_free(g);
}

/* As much of it as there is room for; how much. */
static size_t put(Guest *g, const void *data, size_t len)
{
    const char *p = data;
    size_t n = 0;

    while (n < len && g->page->req_prod - g->page->req_cons < 1024) {
        g->page->req[g->page->req_prod++ % 1024] = p[n++];
    }
    return n;
}

/* Takes up to @max bytes. */
static size_t get(Guest *g, size_t max)
{
    size_t n = 0;

    while (n < max && g->page->rsp_prod != g->page->rsp_cons) {
        uint8_t byte = g->page->rsp[g->page->rsp_cons++ % 1024];

        g_byte_array_append(g->heard, &byte, 1);
        n++;
    }
    return n;
}

static size_t message(XenstoreMessage *msg, uint32_t type, uint32_t id,
                      Bytes payload)
{
    msg->hdr = (struct xsd_sockmsg) {
        .type = type, .req_id = id, .len = payload.len,
    };
    memcpy(msg->payload, payload.data, payload.len);
    return HEADER + payload.len;
}

/* The first message that was heard; it must be complete. */
static void next(Guest *g, XenstoreMessage *msg)
{
    g_assert_cmpuint(g->heard->len, >=, HEADER);
    memcpy(&msg->hdr, g->heard->data, HEADER);
    g_assert_cmpuint(g->heard->len, >=, HEADER + msg->hdr.len);
    memcpy(msg->payload, g->heard->data + HEADER, msg->hdr.len);
    g_byte_array_remove_range(g->heard, 0, HEADER + msg->hdr.len);
}

static void expect_next(Guest *g, uint32_t type, uint32_t id, Bytes payload)
{
    g_autofree XenstoreMessage *msg = g_new0(XenstoreMessage, 1);

    next(g, msg);
    g_assert_cmpuint(msg->hdr.type, ==, type);
    g_assert_cmpuint(msg->hdr.req_id, ==, id);
    g_assert_cmpmem(msg->payload, msg->hdr.len, payload.data, payload.len);
}

static void send_now(Guest *g, uint32_t type, uint32_t id, Bytes payload)
{
    g_autofree XenstoreMessage *msg = g_new0(XenstoreMessage, 1);
    size_t len = message(msg, type, id, payload);

    g_assert_cmpuint(put(g, msg, len), ==, len);
}

static void test_features(void)
{
    Guest *g = guest_new();

    g_assert_cmpuint(g->page->server_features, ==, 7);
    g_assert_cmpuint(g->page->connection, ==, XENSTORE_CONNECTED);
    g_assert_cmpuint(g->page->error, ==, XENSTORE_ERROR_NONE);
    g_assert_cmpuint(g->page->req_prod, ==, 0);
    g_assert_false(xenstore_ring_run(&g->ring).notify);
    guest_free(g);
}

/* Any size of a piece on either side, round the ring's end and the index's. */
static void test_pieces(void)
{
    Guest *g = guest_new();
    g_autofree XenstoreMessage *msg = g_new0(XenstoreMessage, 1);
    uint32_t id = 0;

    g->page->req_prod = g->page->req_cons = -2000;
    g->page->rsp_prod = g->page->rsp_cons = -3000;
    for (size_t in = 1; in < 24; in++) {
        for (size_t out = 1; out < 24; out++) {
            size_t len = message(msg, XS_READ, ++id, STRINGS("domid"));

            for (size_t at = 0; at < len; at += in) {
                XenstoreRingResult res;

                g_assert_cmpuint(put(g, (char *)msg + at, MIN(in, len - at)),
                                 ==, MIN(in, len - at));
                res = xenstore_ring_run(&g->ring);
                g_assert_true(res.notify && !res.failed && res.again);
                g_assert_true(xenstore_ring_valid(&g->ring));
            }
            while (get(g, out)) {
                g_assert_false(xenstore_ring_run(&g->ring).failed);
            }
            expect_next(g, XS_READ, id, BYTES("1"));
        }
    }
    g_assert_cmpuint(g->heard->len, ==, 0);
    guest_free(g);
}

/* Messages longer than a ring. */
static void test_long(void)
{
    Guest *g = guest_new();
    g_autofree XenstoreMessage *msg = g_new0(XenstoreMessage, 1);
    g_autofree char *payload = g_malloc0(7 + XENSTORE_MAX_VALUE);
    size_t len, at = 0;

    memcpy(payload, "data/a", 7);
    for (size_t i = 0; i < XENSTORE_MAX_VALUE; i++) {
        payload[7 + i] = i * 7;
    }
    len = message(msg, XS_WRITE, 1, (Bytes) { payload,
                                              7 + XENSTORE_MAX_VALUE });
    while (at < len) {
        at += put(g, (char *)msg + at, len - at);
        g_assert_true(xenstore_ring_run(&g->ring).notify);
    }
    get(g, 9999);
    expect_next(g, XS_WRITE, 1, OK);
    send_now(g, XS_READ, 2, STRINGS("data/a"));
    xenstore_ring_run(&g->ring);
    /* Nothing more comes until the guest reads. */
    g_assert_false(xenstore_ring_run(&g->ring).notify);
    while (get(g, 9999)) {
        xenstore_ring_run(&g->ring);
    }
    expect_next(g, XS_READ, 2, (Bytes) { payload + 7, XENSTORE_MAX_VALUE });
    guest_free(g);
}

/* Answer, then its event; an event before the next answer. */
static void test_order(void)
{
    Guest *g = guest_new();

    send_now(g, XS_WATCH, 1, STRINGS("data\0w"));
    send_now(g, XS_WRITE, 2, BYTES("data/a\0v"));
    send_now(g, XS_WRITE, 3, BYTES("data/b\0v"));
    xenstore_ring_run(&g->ring);
    get(g, 9999);
    expect_next(g, XS_WATCH, 1, OK);
    expect_next(g, XS_WATCH_EVENT, 0, STRINGS("data\0w"));
    expect_next(g, XS_WRITE, 2, OK);
    expect_next(g, XS_WATCH_EVENT, 0, STRINGS("data/a\0w"));
    expect_next(g, XS_WRITE, 3, OK);
    expect_next(g, XS_WATCH_EVENT, 0, STRINGS("data/b\0w"));
    g_assert_cmpuint(g->heard->len, ==, 0);
    client_expect(g->f.admin, XS_WRITE, 0, BYTES(HOME "/data/c\0v"), OK);
    g_assert_true(xenstore_ring_run(&g->ring).notify);
    get(g, 9999);
    expect_next(g, XS_WATCH_EVENT, 0, STRINGS("data/c\0w"));
    guest_free(g);
}

/* A guest that writes and does not read: it waits, nobody else. */
static void test_no_reader(void)
{
    Guest *g = guest_new();
    XenstoreStats stats;
    unsigned sent = 0, answered = 0;
    g_autofree XenstoreMessage *msg = g_new0(XenstoreMessage, 1);

    for (;;) {
        if (g->page->req_prod - g->page->req_cons > 1000) {
            break;
        }
        send_now(g, XS_READ, ++sent, STRINGS("domid"));
        xenstore_ring_run(&g->ring);
        g_assert_cmpuint(sent, <, 1000);
    }
    xenstore_stats(g->f.xs, &stats);
    g_assert_cmpuint(stats.events, ==, 0);
    g_assert_false(xenstore_ring_run(&g->ring).notify);
    do {
        get(g, 9999);
        xenstore_ring_run(&g->ring);
        while (g->heard->len > HEADER) {
            expect_next(g, XS_READ, ++answered, BYTES("1"));
        }
    } while (answered < sent);
    guest_free(g);
}

/* One call is so much work, and no more. */
static void test_budget(void)
{
    Guest *g = guest_new();
    unsigned calls = 0, events = 0;
    XenstoreRingResult res;

    /* Short ones: a ring holds more of them than a budget. */
    for (unsigned i = 0; i < 1024 / HEADER; i++) {
        send_now(g, XS_RESET_WATCHES, i, BYTES(""));
    }
    res = xenstore_ring_run(&g->ring);
    g_assert_true(res.notify);
    while (get(g, 9999)) {
        calls++;
        res = xenstore_ring_run(&g->ring);
    }
    g_assert_cmpuint(g->heard->len, ==, 64 * (HEADER + 3));
    g_byte_array_set_size(g->heard, 0);

    for (unsigned i = 0; i < 30; i++) {
        char token[4];

        snprintf(token, sizeof(token), "%u", i);
        g_assert_cmpint(xenstore_watch(g->f.guest, "data", token, -1, NULL),
                        ==, 0);
        g_assert_cmpint(xenstore_watch(g->f.guest, "domid", token, -1, NULL),
                        ==, 0);
        g_assert_cmpint(xenstore_watch(g->f.guest, "x", token, -1, NULL), ==,
                        0);
    }
    do {
        unsigned before = g->page->rsp_prod;

        res = xenstore_ring_run(&g->ring);
        events += (g->page->rsp_prod - before) / 19;
        get(g, 9999);
        g_assert_cmpuint(events, <=, XENSTORE_RING_BUDGET * 2);
    } while (res.again || xenstore_has_event(g->f.guest));
    guest_free(g);
}

/* A request that takes long is the last of its call. */
static void test_costly(void)
{
    Guest *g = guest_new();
    g_autofree XenstoreMessage *msg = g_new0(XenstoreMessage, 1);
    char path[64];
    uint32_t tx;
    size_t len;

    g_assert_cmpint(xenstore_tx_start(g->f.guest, &tx), ==, 0);
    for (unsigned i = 0; i < 900; i++) {
        snprintf(path, sizeof(path), "data/a/b/c/d/e/f/g/h/%u", i);
        g_assert_cmpint(xenstore_create(g->f.guest, tx, path), ==, 0);
    }
    len = message(msg, XS_TRANSACTION_END, 1, STRINGS("T"));
    msg->hdr.tx_id = tx;
    g_assert_cmpuint(put(g, msg, len), ==, len);
    send_now(g, XS_RESET_WATCHES, 2, BYTES(""));

    g_assert_true(xenstore_ring_run(&g->ring).again);
    get(g, 9999);
    g_assert_cmpuint(g->heard->len, ==, HEADER + 3);
    expect_next(g, XS_TRANSACTION_END, 1, OK);
    xenstore_ring_run(&g->ring);
    get(g, 9999);
    expect_next(g, XS_RESET_WATCHES, 2, OK);
    guest_free(g);
}

/* Indices and lengths that cannot be end the connection, not more. */
static void test_broken(void)
{
    static const struct {
        size_t field;
        uint32_t value, error;
    } breaks[] = {
        { offsetof(struct xenstore_domain_interface, req_prod), 0x80000000,
          XENSTORE_ERROR_RINGIDX },
        { offsetof(struct xenstore_domain_interface, req_prod), 1100,
          XENSTORE_ERROR_RINGIDX },
        { offsetof(struct xenstore_domain_interface, req_cons), 0x40000000,
          XENSTORE_ERROR_RINGIDX },
        { offsetof(struct xenstore_domain_interface, rsp_cons), 0x7fffffff,
          XENSTORE_ERROR_RINGIDX },
        { offsetof(struct xenstore_domain_interface, rsp_prod), 0x10000,
          XENSTORE_ERROR_RINGIDX },
        { SIZE_MAX, XENSTORE_PAYLOAD_MAX + 1, XENSTORE_ERROR_PROTO },
        { SIZE_MAX, UINT32_MAX, XENSTORE_ERROR_PROTO },
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(breaks); i++) {
        Guest *g = guest_new();
        XenstoreRingResult res;
        struct xsd_sockmsg hdr = { .type = XS_READ, .len = breaks[i].value };

        send_now(g, XS_WATCH, 1, STRINGS("data\0w"));
        send_now(g, XS_TRANSACTION_START, 2, STRINGS(""));
        xenstore_ring_run(&g->ring);
        g_byte_array_set_size(g->heard, 0);
        get(g, 9999);
        send_now(g, XS_READ, 3, STRINGS("domid"));
        if (breaks[i].field == SIZE_MAX) {
            put(g, &hdr, sizeof(hdr));
        } else {
            *(uint32_t *)((char *)g->page + breaks[i].field) = breaks[i].value;
        }
        res = xenstore_ring_run(&g->ring);
        g_assert_true(res.failed);
        g_assert_cmpuint(g->page->error, ==, breaks[i].error);
        g_assert_true(xenstore_ring_valid(&g->ring));
        for (int again = 0; again < 2; again++) {
            res = xenstore_ring_run(&g->ring);
            g_assert_true(!res.failed && !res.notify && !res.again);
        }
        /* Nothing of it is left, and nothing comes for it. */
        client_expect(g->f.admin, XS_WRITE, 0, BYTES(HOME "/data\0v"), OK);
        g_assert_false(xenstore_has_event(g->f.guest));

        /* A new one. */
        g->page->connection = XENSTORE_RECONNECT;
        res = xenstore_ring_run(&g->ring);
        g_assert_true(res.notify && !res.failed);
        g_assert_cmpuint(g->page->connection, ==, XENSTORE_CONNECTED);
        g_assert_cmpuint(g->page->error, ==, XENSTORE_ERROR_NONE);
        g_assert_cmpuint(g->page->rsp_prod, ==, 0);
        g_byte_array_set_size(g->heard, 0);
        send_now(g, XS_READ, 4, STRINGS("domid"));
        xenstore_ring_run(&g->ring);
        get(g, 9999);
        expect_next(g, XS_READ, 4, BYTES("1"));
        guest_free(g);
    }
}

/* In the middle of a message, too. */
static void test_reconnect(void)
{
    Guest *g = guest_new();
    g_autofree XenstoreMessage *msg = g_new0(XenstoreMessage, 1);

    send_now(g, XS_WATCH, 1, STRINGS("data\0w"));
    message(msg, XS_READ, 2, STRINGS("data"));
    put(g, msg, HEADER + 2);
    xenstore_ring_run(&g->ring);
    g->page->connection = XENSTORE_RECONNECT;
    xenstore_ring_run(&g->ring);
    client_expect(g->f.admin, XS_WRITE, 0, BYTES(HOME "/data\0v"), OK);
    send_now(g, XS_READ, 3, STRINGS("domid"));
    xenstore_ring_run(&g->ring);
    get(g, 9999);
    expect_next(g, XS_READ, 3, BYTES("1"));
    g_assert_cmpuint(g->heard->len, ==, 0);
    guest_free(g);
}

static void test_valid(void)
{
    Guest *g = guest_new();
    XenstoreRing *r = &g->ring;

    r->req_len = HEADER;
    g_assert_true(xenstore_ring_valid(r));
    r->req_len++;
    g_assert_false(xenstore_ring_valid(r));
    r->req.hdr.len = XENSTORE_PAYLOAD_MAX + 1;
    g_assert_false(xenstore_ring_valid(r));
    r->req_len = HEADER - 1;
    g_assert_true(xenstore_ring_valid(r));
    r->rsp_len = 1;
    g_assert_false(xenstore_ring_valid(r));
    r->rsp_pending = true;
    g_assert_true(xenstore_ring_valid(r));
    r->rsp_len = HEADER;
    g_assert_false(xenstore_ring_valid(r));
    r->rsp.hdr.len = UINT32_MAX;
    g_assert_false(xenstore_ring_valid(r));
    r->error = XENSTORE_ERROR_PROTO;
    g_assert_true(xenstore_ring_valid(r));
    guest_free(g);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/xenstore/ring/features", test_features);
    g_test_add_func("/xenstore/ring/pieces", test_pieces);
    g_test_add_func("/xenstore/ring/long", test_long);
    g_test_add_func("/xenstore/ring/order", test_order);
    g_test_add_func("/xenstore/ring/no-reader", test_no_reader);
    g_test_add_func("/xenstore/ring/budget", test_budget);
    g_test_add_func("/xenstore/ring/costly", test_costly);
    g_test_add_func("/xenstore/ring/broken", test_broken);
    g_test_add_func("/xenstore/ring/reconnect", test_reconnect);
    g_test_add_func("/xenstore/ring/valid", test_valid);
    return g_test_run();
}
