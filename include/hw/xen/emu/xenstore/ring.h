/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Xenstore's ring: the page that the guest shares
 *
 * Part of the library (store.h: locking).  Source of the ABI: the header
 * io/xs_wire.h, docs/misc/xenstore-ring.txt of Xen.
 *
 * The guest puts requests in one ring, of 1 KiB, and finds answers and events in
 * the other; a message may be longer than a ring and come in any pieces.  A
 * request is taken when everything that there is to say has been said: so
 * there is one outstanding request, answers and events come in the order in which
 * they happened, and a guest that does not read is not served.
 *
 * All in the page is the guest's to change at any time.  An index is read once
 * and checked; an impossible one, or a message that is too long, ends the
 * connection: the ring's error field says why (the guest may have overwritten
 * it), and nothing more happens until the guest asks for a new connection
 * (feature "reconnection") or the domain is reset.
 */
#ifndef HW_XEN_EMU_XENSTORE_RING_H
#define HW_XEN_EMU_XENSTORE_RING_H

#include "hw/xen/emu/xenstore/wire.h"

/* Features that the page announces. */
#define XENSTORE_RING_FEATURES  (XENSTORE_SERVER_FEATURE_RECONNECTION | \
                                 XENSTORE_SERVER_FEATURE_ERROR | \
                                 XENSTORE_SERVER_FEATURE_WATCHDEPTH)

/*
 * Requests that one call of xenstore_ring_run() carries out, and events that it
 * sends: the main loop has others to serve.
 */
#define XENSTORE_RING_BUDGET    64
/*
 * What they may cost together, in nodes visited (xenstore_visits); the one that
 * comes beyond it is the last.  An ordinary request takes some hundred, none more
 * than XENSTORE_REQUEST_VISITS.
 */
#define XENSTORE_RING_VISITS    100000

typedef struct XenstoreRing {
    struct xenstore_domain_interface *page;
    XenstoreConn *conn;
    XenstoreMessage req;        /* came as far as req_len bytes */
    uint32_t req_len;
    XenstoreMessage rsp;        /* went as far as rsp_len bytes, if pending */
    uint32_t rsp_len;
    bool rsp_pending;
    uint32_t error;             /* XENSTORE_ERROR_*, 0: it works */
    /* What is about to be carried out; for a trace.  May be NULL. */
    void (*request)(void *opaque, const XenstoreMessage *req);
    /* And what is said. */
    void (*response)(void *opaque, const XenstoreMessage *rsp);
    void *opaque;
} XenstoreRing;

typedef struct XenstoreRingResult {
    bool notify;                /* bytes moved: tell the guest */
    /*
     * Call again soon: the budget is used up, or bytes moved.  Linux has no
     * fence between its index, which it writes, and ours, by which it decides
     * on an event: so one may be missing for what came in the last moment.
     */
    bool again;
    bool failed;                /* this call ended the connection */
} XenstoreRingResult;

/* A new domain: the page is cleared, and its features are announced. */
void xenstore_ring_reset(XenstoreRing *ring);
/* Moves what there is to move, and carries out requests. */
XenstoreRingResult xenstore_ring_run(XenstoreRing *ring);
/* Lengths, pending and error fit together: not so in any migration stream. */
bool xenstore_ring_valid(const XenstoreRing *ring);

#endif
