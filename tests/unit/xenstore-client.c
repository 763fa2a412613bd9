/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>
#include "xenstore-client.h"

static void put(XenstoreConn *c, const char *path, const char *value,
                const XenstorePerm *perms, size_t n)
{
    g_assert_cmpint(xenstore_write(c, 0, path, value, strlen(value)), ==, 0);
    g_assert_cmpint(xenstore_set_perms(c, 0, path, perms, n), ==, 0);
}

void fixture_init(Fixture *f)
{
    static const XenstorePerm read_only[] = {
        { 0, XENSTORE_NONE }, { GUEST, XENSTORE_READ },
    };
    static const XenstorePerm own[] = { { GUEST, XENSTORE_NONE } };
    static const XenstorePerm none[] = { { 0, XENSTORE_NONE } };

    f->xs = xenstore_new(GUEST);
    f->qemu = xenstore_connect(f->xs, 0, true, NULL, NULL);
    f->admin = xenstore_connect(f->xs, 0, false, NULL, NULL);
    f->guest = xenstore_connect(f->xs, GUEST, false, NULL, NULL);
    put(f->qemu, HOME, "", read_only, 2);
    put(f->qemu, HOME "/domid", "1", read_only, 2);
    put(f->qemu, HOME "/data", "", own, 1);
    put(f->qemu, "/secret", "", none, 1);
}

void fixture_destroy(Fixture *f)
{
    xenstore_disconnect(f->guest);
    xenstore_disconnect(f->admin);
    xenstore_disconnect(f->qemu);
    xenstore_free(f->xs);
}

void client_request(XenstoreConn *c, uint32_t type, uint32_t tx, Bytes payload,
                    XenstoreMessage *answer)
{
    g_autofree XenstoreMessage *req = g_new0(XenstoreMessage, 1);

    g_assert_cmpuint(payload.len, <=, XENSTORE_PAYLOAD_MAX);
    req->hdr = (struct xsd_sockmsg) {
        .type = type, .req_id = 77, .tx_id = tx, .len = payload.len,
    };
    memcpy(req->payload, payload.data, payload.len);
    /* What follows a message in a client's memory is no part of it. */
    memset(req->payload + payload.len, 'x',
           sizeof(req->payload) - payload.len);
    memset(answer, 'y', sizeof(*answer));
    xenstore_wire_request(c, req, answer);
    g_assert_cmpuint(answer->hdr.req_id, ==, 77);
    g_assert_cmpuint(answer->hdr.tx_id, ==, tx);
    g_assert_cmpuint(answer->hdr.len, <=, XENSTORE_PAYLOAD_MAX);
    answer->payload[answer->hdr.len] = 0;
}

void client_expect(XenstoreConn *c, uint32_t type, uint32_t tx, Bytes payload,
                   Bytes expected)
{
    g_autofree XenstoreMessage *answer = g_new(XenstoreMessage, 1);

    client_request(c, type, tx, payload, answer);
    if (answer->hdr.type == XS_ERROR) {
        g_error("%s %s: %s", xenstore_wire_name(type),
                (const char *)payload.data, answer->payload);
    }
    g_assert_cmpuint(answer->hdr.type, ==, type);
    g_assert_cmpmem(answer->payload, answer->hdr.len, expected.data,
                    expected.len);
}

void client_expect_error(XenstoreConn *c, uint32_t type, uint32_t tx,
                         Bytes payload, const char *error)
{
    g_autofree XenstoreMessage *answer = g_new(XenstoreMessage, 1);

    client_request(c, type, tx, payload, answer);
    if (answer->hdr.type != XS_ERROR || strcmp(answer->payload, error)) {
        g_error("%s %s: %s, not %s", xenstore_wire_name(type),
                (const char *)payload.data,
                answer->hdr.type == XS_ERROR ? answer->payload : "no error",
                error);
    }
    g_assert_cmpuint(answer->hdr.len, ==, strlen(error) + 1);
}

uint32_t client_start(XenstoreConn *c)
{
    g_autofree XenstoreMessage *answer = g_new(XenstoreMessage, 1);

    client_request(c, XS_TRANSACTION_START, 0, STRINGS(""), answer);
    g_assert_cmpuint(answer->hdr.type, ==, XS_TRANSACTION_START);
    g_assert_cmpuint(strlen(answer->payload) + 1, ==, answer->hdr.len);
    return g_ascii_strtoull(answer->payload, NULL, 10);
}

void client_expect_event(XenstoreConn *c, Bytes expected)
{
    g_autofree XenstoreMessage *msg = g_new(XenstoreMessage, 1);

    g_assert_true(xenstore_wire_event(c, msg));
    g_assert_cmpuint(msg->hdr.type, ==, XS_WATCH_EVENT);
    g_assert_cmpuint(msg->hdr.req_id, ==, 0);
    g_assert_cmpuint(msg->hdr.tx_id, ==, 0);
    g_assert_cmpmem(msg->payload, msg->hdr.len, expected.data, expected.len);
}

void client_expect_no_event(XenstoreConn *c)
{
    XenstoreEvent ev;

    if (xenstore_next_event(c, &ev)) {
        g_error("an event: %s %s", ev.path, ev.token);
    }
}

unsigned client_drain(XenstoreConn *c)
{
    XenstoreEvent ev;
    unsigned n = 0;

    while (xenstore_next_event(c, &ev)) {
        n++;
    }
    return n;
}
