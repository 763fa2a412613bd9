/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A hostile guest against the xenstore library: ring, messages, migration state
 *
 * The input is a list of steps.  Each step is a byte for the operation and
 * bytes for its arguments: a message, an index of the ring, a modified part of
 * a saved state.  A client in QEMU also makes changes.  After all steps the
 * counts of nodes must be right and the limits kept.
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include "hw/xen/emu/xenstore/ring.h"
#include "fuzz.h"

#define GUEST   1
#define HOME    "/local/domain/1"
#define STEPS   256             /* of one input */

typedef struct Fuzz {
    const uint8_t *p, *end;
    Xenstore *xs;
    XenstoreConn *guest, *qemu;
    XenstoreRing ring;
    struct xenstore_domain_interface page;
} Fuzz;

/* 0 at the end of the input. */
static uint8_t byte(Fuzz *f)
{
    return f->p < f->end ? *f->p++ : 0;
}

static uint32_t word(Fuzz *f)
{
    uint32_t value = byte(f);

    value |= byte(f) << 8;
    value |= byte(f) << 16;
    return value | (uint32_t)byte(f) << 24;
}

/* Words of the protocol, so that the fuzzer need not find them. */
static const char *const words[] = {
    "data", "data/a", "data/a/b", "data/c", HOME "/data", HOME, "/", "domid",
    "@releaseDomain", "@introduceDomain", "n1", "b1", "r0", "n0", "T", "F",
    "0", "1", "token", "", "data/a-", "device/vbd", "/x",
};

static size_t make_payload(Fuzz *f, char *out, size_t max)
{
    size_t len = 0;
    unsigned parts = byte(f) % 5;

    for (unsigned i = 0; i < parts; i++) {
        uint8_t what = byte(f);
        const char *text = words[what % G_N_ELEMENTS(words)];
        size_t n = strlen(text);

        if (what & 0x80) {
            n = byte(f);
            if (what & 0x40) {
                n *= 16;
            }
            for (size_t k = 0; k < n && len < max; k++) {
                out[len++] = what & 0x20 ? 'x' : (char)byte(f);
            }
        } else {
            for (size_t k = 0; k < n && len < max; k++) {
                out[len++] = text[k];
            }
        }
        if (!(what & 0x20) && len < max) {
            out[len++] = 0;
        }
    }
    return len;
}

static void check(Fuzz *f)
{
    XenstoreStats stats;

    xenstore_stats(f->xs, &stats);
    g_assert_cmpuint(stats.guest_nodes, <=, stats.nodes);
    g_assert_cmpuint(stats.watches, <=, XENSTORE_MAX_WATCHES);
    g_assert_cmpuint(stats.transactions, <=, XENSTORE_MAX_TRANSACTIONS);
    g_assert_cmpuint(stats.events, <=, XENSTORE_MAX_EVENTS);
    g_assert_true(xenstore_ring_valid(&f->ring));
}

static void send_message(Fuzz *f, bool through_ring)
{
    g_autofree XenstoreMessage *req = g_new0(XenstoreMessage, 1);
    g_autofree XenstoreMessage *rsp = g_new0(XenstoreMessage, 1);
    size_t len;

    req->hdr.type = byte(f) % 25;
    req->hdr.tx_id = byte(f) % 16;
    req->hdr.len = make_payload(f, req->payload, XENSTORE_PAYLOAD_MAX);
    if (!through_ring) {
        xenstore_wire_request(f->guest, req, rsp);
        g_assert_cmpuint(rsp->hdr.len, <=, XENSTORE_PAYLOAD_MAX);
        return;
    }
    len = sizeof(req->hdr) + req->hdr.len;
    for (size_t i = 0; i < len; i++) {
        f->page.req[MASK_XENSTORE_IDX(f->page.req_prod++)] = ((char *)req)[i];
        if (i % 500 == 499 || i == len - 1) {
            xenstore_ring_run(&f->ring);
            f->page.rsp_cons = f->page.rsp_prod;
        }
    }
}

static void migrate(Fuzz *f)
{
    g_autoptr(GByteArray) state = g_byte_array_new();
    g_autoptr(GByteArray) extra = g_byte_array_new();
    unsigned changes = byte(f) % 4;
    const char *why;

    xenstore_save(f->xs, f->guest, state, extra);
    for (unsigned i = 0; i < changes; i++) {
        GByteArray *a = byte(f) % 2 && extra->len ? extra : state;

        a->data[word(f) % a->len] ^= byte(f);
    }
    if (byte(f) % 16 == 1) {
        state->len = word(f) % state->len;
    }
    xenstore_load(f->xs, f->guest, state->data, state->len,
                  extra->len ? extra->data : NULL, extra->len, &why);
}

static void step(Fuzz *f)
{
    char path[XENSTORE_PATH_BUF];
    XenstoreEvent ev;

    switch (byte(f) % 16) {
    case 0 ... 5:
        send_message(f, false);
        break;
    case 6 ... 8:
        send_message(f, true);
        break;
    case 9:
        ((uint32_t *)&f->page.req_cons)[byte(f) % 7] = word(f);
        xenstore_ring_run(&f->ring);
        break;
    case 10:
        while (xenstore_next_event(f->guest, &ev)) {
            g_assert_cmpuint(strlen(ev.path) + strlen(ev.token) + 2, <=,
                             XENSTORE_PAYLOAD_MAX);
        }
        break;
    case 11:
        snprintf(path, sizeof(path), "%s",
                 words[byte(f) % G_N_ELEMENTS(words)]);
        xenstore_write(f->qemu, 0, *path == '/' ? path : HOME "/data/q", path,
                       strlen(path));
        break;
    case 12:
        xenstore_rm(f->qemu, 0, byte(f) % 2 ? HOME "/data" : HOME "/data/a");
        break;
    case 13:
        xenstore_reset_domain(f->xs);
        break;
    case 14:
        migrate(f);
        break;
    case 15:
        memset(&f->page, byte(f), sizeof(f->page));
        xenstore_ring_run(&f->ring);
        xenstore_ring_reset(&f->ring);
        break;
    }
    check(f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const XenstorePerm own = { GUEST, XENSTORE_NONE };
    Fuzz *f = g_new0(Fuzz, 1);

    f->p = data;
    f->end = data + size;
    f->xs = xenstore_new(GUEST);
    f->qemu = xenstore_connect(f->xs, 0, true, NULL, NULL);
    f->guest = xenstore_connect(f->xs, GUEST, false, NULL, NULL);
    xenstore_create(f->qemu, 0, HOME "/data");
    xenstore_set_perms(f->qemu, 0, HOME "/data", &own, 1);
    xenstore_watch(f->qemu, "/", "all", -1, NULL);
    f->ring = (XenstoreRing) { .page = &f->page, .conn = f->guest };
    xenstore_ring_reset(&f->ring);
    for (unsigned i = 0; i < STEPS && f->p < f->end; i++) {
        step(f);
    }
    xenstore_disconnect(f->guest);
    xenstore_disconnect(f->qemu);
    xenstore_free(f->xs);
    g_free(f);
    return 0;
}
