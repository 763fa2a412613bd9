/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Xenstore's ring; see include/hw/xen/emu/xenstore/ring.h. */
#include <string.h>
#include "hw/xen/emu/xenstore/ring.h"

#define HEADER  sizeof(struct xsd_sockmsg)

G_STATIC_ASSERT(offsetof(XenstoreMessage, payload) == HEADER);

static void end_connection(XenstoreRing *ring, uint32_t error)
{
    ring->error = error;
    ring->req_len = ring->rsp_len = 0;
    ring->rsp_pending = false;
    xenstore_reset_connection(ring->conn);
    __atomic_store_n(&ring->page->error, error, __ATOMIC_RELEASE);
}

void xenstore_ring_reset(XenstoreRing *ring)
{
    memset(ring->page, 0, sizeof(*ring->page));
    ring->page->server_features = XENSTORE_RING_FEATURES;
    ring->req_len = ring->rsp_len = 0;
    ring->rsp_pending = false;
    ring->error = XENSTORE_ERROR_NONE;
}

bool xenstore_ring_valid(const XenstoreRing *ring)
{
    bool req, rsp;

    if (ring->error) {
        return true;
    }
    req = ring->req_len < HEADER ||
          (ring->req.hdr.len <= XENSTORE_PAYLOAD_MAX &&
           ring->req_len <= HEADER + ring->req.hdr.len);
    if (ring->rsp_pending) {
        rsp = ring->rsp.hdr.len <= XENSTORE_PAYLOAD_MAX &&
              ring->rsp_len < HEADER + ring->rsp.hdr.len;
    } else {
        rsp = ring->rsp_len == 0;
    }
    return req && rsp;
}

/*
 * A guest may send an event only where one is needed: for a request, if all
 * before it had been read; for room, if there was none.  It stores its index and
 * then reads ours.  We store ours and then read its again, until nothing is left
 * to do: so one of the two sees what the other has stored.  Without this fence
 * both could read what was there before, and wait for each other.  For a guest
 * without a fence of its own there is XenstoreRingResult.again.
 */
static void fence_after_index(void)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

/* Copies what has come, up to @len bytes; sets *@bad where indices are. */
static uint32_t take(XenstoreRing *ring, void *to, uint32_t len, bool *bad)
{
    struct xenstore_domain_interface *page = ring->page;
    XENSTORE_RING_IDX cons = __atomic_load_n(&page->req_cons,
                                             __ATOMIC_RELAXED);
    /* The bytes are there when the index says so. */
    XENSTORE_RING_IDX prod = __atomic_load_n(&page->req_prod,
                                             __ATOMIC_ACQUIRE);
    uint32_t n = prod - cons, at = MASK_XENSTORE_IDX(cons), first;

    if (n > XENSTORE_RING_SIZE) {
        *bad = true;
        return 0;
    }
    n = MIN(n, len);
    if (n) {
        first = MIN(n, XENSTORE_RING_SIZE - at);
        memcpy(to, page->req + at, first);
        memcpy((char *)to + first, page->req, n - first);
        /* Not before they are read: the guest overwrites them then. */
        __atomic_store_n(&page->req_cons, cons + n, __ATOMIC_RELEASE);
        fence_after_index();
    }
    return n;
}

static uint32_t give(XenstoreRing *ring, const void *from, uint32_t len,
                     bool *bad)
{
    struct xenstore_domain_interface *page = ring->page;
    XENSTORE_RING_IDX prod = __atomic_load_n(&page->rsp_prod,
                                             __ATOMIC_RELAXED);
    /* The guest has read them when the index says so. */
    XENSTORE_RING_IDX cons = __atomic_load_n(&page->rsp_cons,
                                             __ATOMIC_ACQUIRE);
    uint32_t used = prod - cons, at = MASK_XENSTORE_IDX(prod), first, n;

    if (used > XENSTORE_RING_SIZE) {
        *bad = true;
        return 0;
    }
    n = MIN(XENSTORE_RING_SIZE - used, len);
    if (n) {
        first = MIN(n, XENSTORE_RING_SIZE - at);
        memcpy(page->rsp + at, from, first);
        memcpy(page->rsp, (const char *)from + first, n - first);
        __atomic_store_n(&page->rsp_prod, prod + n, __ATOMIC_RELEASE);
        fence_after_index();
    }
    return n;
}

/* The guest wants a new connection.  It looks at nothing else until then. */
static bool reconnect(XenstoreRing *ring)
{
    struct xenstore_domain_interface *page = ring->page;

    if (__atomic_load_n(&page->connection, __ATOMIC_ACQUIRE) !=
        XENSTORE_RECONNECT) {
        return false;
    }
    xenstore_reset_connection(ring->conn);
    ring->req_len = ring->rsp_len = 0;
    ring->rsp_pending = false;
    ring->error = XENSTORE_ERROR_NONE;
    page->req_cons = page->req_prod = page->rsp_cons = page->rsp_prod = 0;
    page->error = XENSTORE_ERROR_NONE;
    __atomic_store_n(&page->connection, XENSTORE_CONNECTED, __ATOMIC_RELEASE);
    return true;
}

/* What remains of a message is said; false: there is no room for all of it. */
static bool say(XenstoreRing *ring, XenstoreRingResult *res)
{
    uint32_t len = HEADER + ring->rsp.hdr.len, n;
    bool bad = false;

    /* Until the ring is seen to be full: see fence_after_index(). */
    while (ring->rsp_len < len) {
        n = give(ring, (char *)&ring->rsp + ring->rsp_len, len - ring->rsp_len,
                 &bad);
        if (bad) {
            end_connection(ring, XENSTORE_ERROR_RINGIDX);
            res->failed = true;
            return false;
        }
        if (!n) {
            return false;
        }
        res->notify = true;
        ring->rsp_len += n;
    }
    ring->rsp_len = 0;
    ring->rsp_pending = false;
    return true;
}

/* More of a request is read; true: it is complete. */
static bool hear(XenstoreRing *ring, XenstoreRingResult *res)
{
    uint32_t n;
    bool bad = false;

    for (;;) {
        uint32_t len = HEADER;

        if (ring->req_len >= HEADER) {
            if (ring->req.hdr.len > XENSTORE_PAYLOAD_MAX) {
                end_connection(ring, XENSTORE_ERROR_PROTO);
                res->failed = true;
                return false;
            }
            len += ring->req.hdr.len;
            if (ring->req_len == len) {
                return true;
            }
        }
        n = take(ring, (char *)&ring->req + ring->req_len,
                 len - ring->req_len, &bad);
        if (bad) {
            end_connection(ring, XENSTORE_ERROR_RINGIDX);
            res->failed = true;
            return false;
        }
        if (!n) {
            return false;
        }
        res->notify = true;
        ring->req_len += n;
    }
}

static void respond(XenstoreRing *ring)
{
    ring->rsp_pending = true;
    if (ring->response) {
        ring->response(ring->opaque, &ring->rsp);
    }
}

static XenstoreRingResult run(XenstoreRing *ring)
{
    XenstoreRingResult res = { .notify = reconnect(ring) };
    unsigned budget = XENSTORE_RING_BUDGET;
    uint64_t visits = xenstore_visits;

    if (ring->error) {
        return res;
    }
    for (;;) {
        if (ring->rsp_pending && !say(ring, &res)) {
            /*
             * It reads on where it can, so that a guest which writes a long
             * request before it reads an answer does not wait for us.
             */
            if (!res.failed) {
                hear(ring, &res);
            }
            return res;
        }
        if (!budget || xenstore_visits - visits > XENSTORE_RING_VISITS) {
            res.again = true;
            return res;
        }
        if (xenstore_wire_event(ring->conn, &ring->rsp)) {
            budget--;
            respond(ring);
        } else if (hear(ring, &res)) {
            budget--;
            if (ring->request) {
                ring->request(ring->opaque, &ring->req);
            }
            xenstore_wire_request(ring->conn, &ring->req, &ring->rsp);
            ring->req_len = 0;
            respond(ring);
        } else {
            return res;
        }
    }
}

XenstoreRingResult xenstore_ring_run(XenstoreRing *ring)
{
    XenstoreRingResult res = run(ring);

    res.again |= res.notify;
    return res;
}
