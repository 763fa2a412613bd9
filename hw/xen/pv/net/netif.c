/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Xen's network protocol: the two rings of a vif, as the back end sees them
 */
#include <string.h>
#include <glib.h>
#include "netif.h"

/* Both rings begin alike. */
typedef struct netif_tx_sring RingPage;

#define SAME_PLACE(field)                                               \
    G_STATIC_ASSERT(offsetof(struct netif_tx_sring, field) ==           \
                    offsetof(struct netif_rx_sring, field))
SAME_PLACE(req_prod);
SAME_PLACE(req_event);
SAME_PLACE(rsp_prod);
SAME_PLACE(rsp_event);
SAME_PLACE(ring);

#define RING_BYTES(name)                                                \
    (offsetof(struct name##_sring, ring) +                              \
     XEN_NETIF_RING_SIZE * sizeof(union name##_sring_entry))
G_STATIC_ASSERT(RING_BYTES(netif_tx) <= XEN_NETIF_PAGE_SIZE);
G_STATIC_ASSERT(RING_BYTES(netif_rx) <= XEN_NETIF_PAGE_SIZE);
G_STATIC_ASSERT(sizeof(struct netif_tx_request) == 12);
G_STATIC_ASSERT(sizeof(struct netif_rx_request) == 8);
G_STATIC_ASSERT(sizeof(struct netif_rx_response) == 8);
G_STATIC_ASSERT(sizeof(struct netif_extra_info) == 8);

/* A frame's size is 16 bits wide, so no more than this can be gathered. */
G_STATIC_ASSERT(XEN_NETIF_MAX_TX_SIZE == UINT16_MAX);

static uint32_t load_index(const uint32_t *index)
{
    /* What the index says is there must not be read before the index. */
    return __atomic_load_n(index, __ATOMIC_ACQUIRE);
}

static union netif_tx_sring_entry *tx_slot(const XenNetifRing *ring,
                                           uint32_t index)
{
    struct netif_tx_sring *page = ring->page;

    return &page->ring[index % XEN_NETIF_RING_SIZE];
}

static union netif_rx_sring_entry *rx_slot(const XenNetifRing *ring,
                                           uint32_t index)
{
    struct netif_rx_sring *page = ring->page;

    return &page->ring[index % XEN_NETIF_RING_SIZE];
}

/* The compiler may not read the page a second time. */
static void copy_from_slot(void *copy, const void *slot, size_t len)
{
    memcpy(copy, slot, len);
    __asm__ volatile("" : : "r" (copy) : "memory");
}

bool xen_netif_attach(XenNetifRing *ring, void *page)
{
    RingPage *shared = page;
    uint32_t answered = load_index(&shared->rsp_prod);

    *ring = (XenNetifRing) {
        .page = page,
        .req_cons = answered,
        .rsp_prod = answered,
        .rsp_told = answered,
    };
    return xen_netif_pending(ring) >= 0;
}

/*
 * Between what was taken and what was answered a slot holds a request that is
 * being worked on, so req_prod can be neither there, nor a ring's size ahead
 * of the answers.
 */
int xen_netif_pending(const XenNetifRing *ring)
{
    RingPage *shared = ring->page;
    uint32_t prod = load_index(&shared->req_prod);

    if (prod - ring->req_cons > XEN_NETIF_RING_SIZE ||
        prod - ring->rsp_prod > XEN_NETIF_RING_SIZE) {
        return -1;
    }
    return prod - ring->req_cons;
}

int xen_netif_want_event(XenNetifRing *ring, unsigned more)
{
    RingPage *shared = ring->page;

    __atomic_store_n(&shared->req_event, ring->req_cons + more,
                     __ATOMIC_RELAXED);
    /* The front end writes req_prod and then reads req_event. */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    return xen_netif_pending(ring);
}

bool xen_netif_push_answers(XenNetifRing *ring)
{
    RingPage *shared = ring->page;
    uint32_t event;

    __atomic_store_n(&shared->rsp_prod, ring->rsp_prod, __ATOMIC_RELEASE);
    /* The front end writes rsp_event and then reads rsp_prod. */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    event = __atomic_load_n(&shared->rsp_event, __ATOMIC_RELAXED);
    if (ring->rsp_prod - event < ring->rsp_prod - ring->rsp_told) {
        return true;
    }
    /* What it asks for from now on lies ahead, or it has seen it itself. */
    ring->rsp_told = ring->rsp_prod;
    return false;
}

void xen_netif_event_sent(XenNetifRing *ring)
{
    ring->rsp_told = ring->rsp_prod;
}

/* ------------------------------------------------- from guest to back end */

static XenNetifTx give_up(XenNetifTxFrame *frame, XenNetifTx result,
                          const char *why)
{
    frame->why = why;
    return result;
}

/* Remembers the first reason to fail a frame that has to be taken whole. */
static void fail(XenNetifTxFrame *frame, const char *why)
{
    if (!frame->why) {
        frame->why = why;
    }
}

static XenNetifTx take_gso(XenNetifTxFrame *frame,
                           const netif_extra_info_t *extra)
{
    if (!extra->u.gso.size) {
        return give_up(frame, XEN_NETIF_FATAL, "segment size of 0");
    }
    if (extra->u.gso.type != XEN_NETIF_GSO_TYPE_TCPV4 &&
        extra->u.gso.type != XEN_NETIF_GSO_TYPE_TCPV6) {
        return give_up(frame, XEN_NETIF_FATAL, "unknown type of segments");
    }
    frame->gso_size = extra->u.gso.size;
    frame->gso_type = extra->u.gso.type;
    return XEN_NETIF_FRAME;
}

/* The slots between the first and the second of data: 0 or more, @avail. */
static XenNetifTx take_extras(XenNetifRing *ring, XenNetifTxFrame *frame,
                              unsigned avail)
{
    XenNetifTx result = XEN_NETIF_FRAME;
    netif_extra_info_t extra;
    unsigned seen = 0;

    do {
        if (frame->nr_extras == avail) {
            return give_up(frame, XEN_NETIF_FATAL, "extra slot is missing");
        }
        copy_from_slot(&extra, tx_slot(ring, ring->req_cons), sizeof(extra));
        if (extra.type == XEN_NETIF_EXTRA_TYPE_NONE ||
            extra.type >= XEN_NETIF_EXTRA_TYPE_MAX) {
            return give_up(frame, XEN_NETIF_FATAL, "unknown type of extra");
        }
        ring->req_cons++;
        frame->nr_extras++;
        if (seen & 1u << extra.type) {
            fail(frame, "two extras of a type");
        }
        seen |= 1u << extra.type;
        switch (extra.type) {
        case XEN_NETIF_EXTRA_TYPE_GSO:
            if (take_gso(frame, &extra) == XEN_NETIF_FATAL) {
                return XEN_NETIF_FATAL;
            }
            break;
        case XEN_NETIF_EXTRA_TYPE_MCAST_ADD:
        case XEN_NETIF_EXTRA_TYPE_MCAST_DEL:
            result = XEN_NETIF_MCAST;
            frame->mcast_add = extra.type == XEN_NETIF_EXTRA_TYPE_MCAST_ADD;
            memcpy(frame->mcast, extra.u.mcast.addr, sizeof(frame->mcast));
            break;
        default:
            /* A hash of the frame: of no use to us, and allowed. */
            break;
        }
    } while (extra.flags & XEN_NETIF_EXTRA_FLAG_MORE);

    if ((seen & 1u << XEN_NETIF_EXTRA_TYPE_MCAST_ADD) &&
        (seen & 1u << XEN_NETIF_EXTRA_TYPE_MCAST_DEL)) {
        fail(frame, "a multicast address added and removed");
    }
    return result;
}

/*
 * A slot of data after the first; @left: what the others leave of the frame.
 */
static void add_part(XenNetifTxFrame *frame, const netif_tx_request_t *req,
                     size_t *left)
{
    if (req->size > *left) {
        fail(frame, "slots are larger than the frame");
    } else if (req->offset + req->size > XEN_NETIF_PAGE_SIZE) {
        fail(frame, "slot crosses a page");
    } else if (frame->nr_parts == XEN_NETIF_TX_SLOTS) {
        fail(frame, "too many slots");
    } else {
        *left -= req->size;
        frame->part[frame->nr_parts++] = (XenNetifPart) {
            .gref = req->gref,
            .offset = req->offset,
            .size = req->size,
        };
    }
}

/* The slots of data after the first. */
static XenNetifTx take_more(XenNetifRing *ring, XenNetifTxFrame *frame,
                            unsigned avail, size_t *left)
{
    netif_tx_request_t req;

    do {
        if (!avail--) {
            return give_up(frame, XEN_NETIF_FATAL, "slot is missing");
        }
        if (frame->nr_requests == XEN_NETIF_TX_FATAL) {
            return give_up(frame, XEN_NETIF_FATAL, "far too many slots");
        }
        copy_from_slot(&req, tx_slot(ring, ring->req_cons), sizeof(req));
        ring->req_cons++;
        frame->id[frame->nr_requests++] = req.id;
        add_part(frame, &req, left);
    } while (req.flags & NETTXF_more_data);
    return XEN_NETIF_FRAME;
}

XenNetifTx xen_netif_tx_take(XenNetifRing *ring, XenNetifTxFrame *frame)
{
    int avail = xen_netif_pending(ring);
    XenNetifTx result = XEN_NETIF_FRAME;
    netif_tx_request_t first;
    size_t left;

    frame->why = NULL;
    frame->gso_size = 0;
    frame->gso_type = XEN_NETIF_GSO_TYPE_NONE;
    frame->nr_extras = 0;
    frame->nr_requests = 1;
    /* Its own size is known when those of all others are: see below. */
    frame->nr_parts = 1;
    if (avail < 0) {
        return give_up(frame, XEN_NETIF_FATAL, "req_prod is out of range");
    }
    if (!avail) {
        return XEN_NETIF_EMPTY;
    }
    copy_from_slot(&first, tx_slot(ring, ring->req_cons), sizeof(first));
    ring->req_cons++;
    avail--;
    frame->id[0] = first.id;
    frame->flags = first.flags;
    frame->size = first.size;
    left = first.size;

    if (first.flags & NETTXF_extra_info) {
        result = take_extras(ring, frame, avail);
        if (result == XEN_NETIF_FATAL) {
            return result;
        }
        avail -= frame->nr_extras;
    }
    if (result == XEN_NETIF_MCAST && !(first.flags & NETTXF_more_data)) {
        /* The slot around it carries nothing, whatever it says. */
        return frame->why ? XEN_NETIF_ERROR : result;
    }
    if ((first.flags & NETTXF_more_data) &&
        take_more(ring, frame, avail, &left) == XEN_NETIF_FATAL) {
        return XEN_NETIF_FATAL;
    }
    if (result == XEN_NETIF_MCAST) {
        fail(frame, "multicast address with data");
    }
    if (first.offset + left > XEN_NETIF_PAGE_SIZE) {
        fail(frame, "first slot crosses a page");
    }
    frame->part[0] = (XenNetifPart) {
        .gref = first.gref,
        .offset = first.offset,
        .size = left,
    };
    if (frame->size < XEN_NETIF_MIN_FRAME) {
        fail(frame, "no Ethernet header");
    }
    return frame->why ? XEN_NETIF_ERROR : XEN_NETIF_FRAME;
}

static void answer_one(XenNetifRing *ring, uint16_t id, int16_t status)
{
    netif_tx_response_t *rsp = &tx_slot(ring, ring->rsp_prod)->rsp;

    rsp->id = id;
    rsp->status = status;
    ring->rsp_prod++;
}

void xen_netif_tx_answer(XenNetifRing *ring, const XenNetifTxFrame *frame,
                         int16_t status)
{
    answer_one(ring, frame->id[0], status);
    for (unsigned i = 0; i < frame->nr_extras; i++) {
        tx_slot(ring, ring->rsp_prod)->rsp.status = NETIF_RSP_NULL;
        ring->rsp_prod++;
    }
    for (unsigned i = 1; i < frame->nr_requests; i++) {
        answer_one(ring, frame->id[i], status);
    }
}

/* ------------------------------------------------- from back end to guest */

void xen_netif_rx_take(XenNetifRing *ring, netif_rx_request_t *req,
                       unsigned nr)
{
    for (unsigned i = 0; i < nr; i++) {
        copy_from_slot(&req[i], rx_slot(ring, ring->req_cons), sizeof(*req));
        ring->req_cons++;
    }
}

/* An answer lands in its own request's slot: front ends rely on that. */
void xen_netif_rx_answer(XenNetifRing *ring, uint16_t id, uint16_t offset,
                         uint16_t flags, int16_t status)
{
    rx_slot(ring, ring->rsp_prod)->rsp = (netif_rx_response_t) {
        .id = id,
        .offset = offset,
        .flags = flags,
        .status = status,
    };
    ring->rsp_prod++;
}

void xen_netif_rx_extra(XenNetifRing *ring, const netif_extra_info_t *extra)
{
    memcpy(rx_slot(ring, ring->rsp_prod), extra, sizeof(*extra));
    ring->rsp_prod++;
}
