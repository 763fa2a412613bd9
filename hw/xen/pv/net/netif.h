/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Xen's network protocol: the two rings of a vif, as the back end sees them
 *
 * Needs GLib and Xen's public headers, nothing of QEMU's, so that unit tests
 * and a fuzzer can drive it.  It knows no guest memory but the two ring pages.
 *
 * The ABI is that of Xen's public headers io/ring.h and io/netif.h.  It is the
 * same for 32- and 64-bit guests.  What those headers leave open is done as
 * Linux's netback does it: a frame that is wrong is answered whole with
 * NETIF_RSP_ERROR; where it is no longer known which requests belong together
 * (XEN_NETIF_FATAL) the vif is shut.  There is one difference: netback also
 * shuts it for a slot that crosses a page.
 *
 * The front end may write to a ring page at any time.  Requests and indices
 * are read once, into a copy, and only the copy is looked at.
 *
 * Threads: none; a ring belongs to one caller at a time.
 */
#ifndef HW_XEN_PV_NET_NETIF_H
#define HW_XEN_PV_NET_NETIF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "hw/xen/interface/xen.h"
#include "hw/xen/interface/io/netif.h"

/* A ring is one page; both rings have this many slots. */
#define XEN_NETIF_PAGE_SIZE     4096u
#define XEN_NETIF_RING_SIZE     256u

/*
 * Slots of data in a frame from the guest: the first, and 18 that follow it,
 * as many as the oldest front ends send and netback takes.  A frame with up to
 * two more is failed, a longer one shuts the vif, both as netback does.
 */
#define XEN_NETIF_TX_SLOTS      (1 + XEN_NETIF_NR_SLOTS_MIN)
#define XEN_NETIF_TX_FATAL      (XEN_NETIF_TX_SLOTS + 2)

/*
 * Slots of data in a frame to the guest: Linux's front end takes no more.  It
 * is enough for 64 KiB with all headers.
 */
#define XEN_NETIF_RX_SLOTS      XEN_NETIF_NR_SLOTS_MIN

/* Destination, source, type. */
#define XEN_NETIF_MIN_FRAME     14u

typedef struct XenNetifRing {
    void *page;                 /* shared with the guest */
    uint32_t req_cons;          /* requests that were taken */
    uint32_t rsp_prod;          /* answers that were written */
    uint32_t rsp_told;          /* of these, what needs no event any more */
} XenNetifRing;

/* What a slot of data refers to: @size bytes at @offset of a granted page. */
typedef struct XenNetifPart {
    uint32_t gref;
    uint16_t offset;
    uint16_t size;
} XenNetifPart;

typedef enum XenNetifTx {
    XEN_NETIF_EMPTY,            /* no request waits */
    XEN_NETIF_FRAME,            /* a frame to send */
    XEN_NETIF_MCAST,            /* a change of the multicast list, no frame */
    XEN_NETIF_ERROR,            /* to be answered with NETIF_RSP_ERROR */
    XEN_NETIF_FATAL,            /* the front end broke the protocol */
} XenNetifTx;

/* The requests of one frame, taken off the transmit ring. */
typedef struct XenNetifTxFrame {
    const char *why;            /* ERROR, FATAL: what is wrong */
    size_t size;                /* of the frame in bytes */
    uint16_t flags;             /* NETTXF_* of its first slot */
    uint16_t gso_size;          /* 0: not segmented */
    uint8_t gso_type;           /* XEN_NETIF_GSO_TYPE_* */
    bool mcast_add;             /* MCAST: add, or else remove */
    uint8_t mcast[6];
    unsigned nr_parts;
    XenNetifPart part[XEN_NETIF_TX_SLOTS];
    /* For the answers: first slot, extras, the other slots. */
    unsigned nr_requests;
    unsigned nr_extras;
    uint16_t id[XEN_NETIF_TX_FATAL];
} XenNetifTxFrame;

/*
 * Starts with a ring as the front end left it on @page.  A front end may hand
 * over a ring that was in use with another back end; it goes on where the
 * answers stand.  False: there are more requests without an answer than a ring
 * has slots.
 */
bool xen_netif_attach(XenNetifRing *ring, void *page);

/* Requests that wait, or -1: req_prod is no index that it can have. */
int xen_netif_pending(const XenNetifRing *ring);

/*
 * Has the front end send an event when @more requests beyond those taken are
 * there.  Returns what xen_netif_pending() does, after that: if it is @more or
 * above there may be no event.
 */
int xen_netif_want_event(XenNetifRing *ring, unsigned more);

/*
 * Shows the front end all answers.  True: it asked for an event at one of those
 * that it has not been sent one for.
 */
bool xen_netif_push_answers(XenNetifRing *ring);
/* That event is being sent now: what was shown up to here needs no other. */
void xen_netif_event_sent(XenNetifRing *ring);

/*
 * Takes the next frame's requests off the transmit ring.  @frame is filled as
 * far as the result says; xen_netif_tx_answer() must follow unless the result
 * is XEN_NETIF_EMPTY or XEN_NETIF_FATAL.
 */
XenNetifTx xen_netif_tx_take(XenNetifRing *ring, XenNetifTxFrame *frame);

/* Answers each slot of @frame; @status is NETIF_RSP_*. */
void xen_netif_tx_answer(XenNetifRing *ring, const XenNetifTxFrame *frame,
                         int16_t status);

/*
 * Takes @nr requests, which must be there, off the receive ring.  Each is to
 * be answered, in order, by one of the two functions below.
 */
void xen_netif_rx_take(XenNetifRing *ring, netif_rx_request_t *req,
                       unsigned nr);

/* @status: bytes at @offset of the page, or NETIF_RSP_*; @flags: NETRXF_*. */
void xen_netif_rx_answer(XenNetifRing *ring, uint16_t id, uint16_t offset,
                         uint16_t flags, int16_t status);
/* Uses up a request's slot for @extra. */
void xen_netif_rx_extra(XenNetifRing *ring, const netif_extra_info_t *extra);

#endif
