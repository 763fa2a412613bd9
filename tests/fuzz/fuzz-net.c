/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A hostile guest, and a hostile network, against the network protocol: both
 * rings, and what is read out of frames
 *
 * The input is a list of steps: bytes written to a ring, an index changed, frames
 * taken off the transmit ring and answered, requests of the receive ring answered,
 * a frame parsed.  The parts of a frame that is taken must add up to its size and
 * lie in their pages.
 */
#include <stdint.h>
#include <string.h>
#include <glib.h>
#include "frame.h"
#include "netif.h"
#include "fuzz.h"

#define STEPS           256     /* of one input */

typedef struct Fuzz {
    const uint8_t *p, *end;
    void *tx_page, *rx_page;
    XenNetifRing tx, rx;
    bool tx_works, rx_works;
} Fuzz;

/* 0 where the input has ended. */
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

static void write_ring(Fuzz *f, uint8_t *page)
{
    uint32_t at = word(f);

    for (unsigned n = 1 + byte(f) % 128; n; n--) {
        page[at++ % XEN_NETIF_PAGE_SIZE] = byte(f);
    }
}

static void check_frame(const XenNetifTxFrame *frame)
{
    size_t size = 0;

    g_assert_cmpuint(frame->nr_parts, <=, XEN_NETIF_TX_SLOTS);
    g_assert_cmpuint(frame->nr_parts, >=, 1);
    g_assert_cmpuint(frame->size, >=, XEN_NETIF_MIN_FRAME);
    for (unsigned i = 0; i < frame->nr_parts; i++) {
        const XenNetifPart *part = &frame->part[i];

        g_assert_cmpuint(part->offset + part->size, <=, XEN_NETIF_PAGE_SIZE);
        size += part->size;
    }
    g_assert_cmpuint(size, ==, frame->size);
}

static void take_frames(Fuzz *f)
{
    XenNetifTxFrame *frame = g_new(XenNetifTxFrame, 1);

    for (unsigned n = byte(f); n && f->tx_works; n--) {
        XenNetifTx kind = xen_netif_tx_take(&f->tx, frame);

        if (kind == XEN_NETIF_FATAL) {
            g_assert_nonnull(frame->why);
            f->tx_works = false;
        } else if (kind == XEN_NETIF_EMPTY) {
            break;
        } else {
            uint32_t answered = f->tx.rsp_prod;

            if (kind == XEN_NETIF_FRAME) {
                check_frame(frame);
            }
            xen_netif_tx_answer(&f->tx, frame, NETIF_RSP_OKAY);
            /* Each request has one answer. */
            g_assert_cmpuint(f->tx.rsp_prod, ==, f->tx.req_cons);
            g_assert_cmpuint(f->tx.rsp_prod - answered, <=,
                             XEN_NETIF_RING_SIZE);
        }
    }
    g_free(frame);
}

static void answer_rx(Fuzz *f)
{
    int pending = xen_netif_pending(&f->rx);
    netif_rx_request_t *req;
    netif_extra_info_t extra = { .type = XEN_NETIF_EXTRA_TYPE_GSO };
    unsigned nr;

    if (pending < 0) {
        f->rx_works = false;
        return;
    }
    g_assert_cmpint(pending, <=, XEN_NETIF_RING_SIZE);
    nr = 1 + byte(f);
    nr = MIN(nr, pending);
    req = g_new(netif_rx_request_t, nr);
    xen_netif_rx_take(&f->rx, req, nr);
    for (unsigned i = 0; i < nr; i++) {
        if (i == 1 && byte(f) % 2) {
            xen_netif_rx_extra(&f->rx, &extra);
        } else {
            xen_netif_rx_answer(&f->rx, req[i].id, 0, 0, byte(f));
        }
    }
    g_free(req);
}

static void push(Fuzz *f, XenNetifRing *ring)
{
    if (xen_netif_push_answers(ring) && byte(f) % 2) {
        xen_netif_event_sent(ring);
    }
    xen_netif_want_event(ring, 1 + byte(f));
}

/* Its end is the end of a block of memory. */
static void parse(Fuzz *f)
{
    size_t len = 1 + word(f) % 300;
    g_autofree uint8_t *buf = g_malloc0(len);
    XenFrame frame;

    for (size_t i = 0; i < len; i++) {
        buf[i] = byte(f);
    }
    xen_frame_flow(buf, len);
    if (xen_frame_parse(buf, len, &frame)) {
        g_assert_cmpuint(frame.end, <=, len);
        g_assert_cmpuint(frame.network, <, frame.transport);
        g_assert_cmpuint(frame.transport, <, frame.checksum);
        g_assert_cmpuint(frame.checksum + 2, <=, frame.payload);
        g_assert_cmpuint(frame.payload, <=, frame.end);
        xen_frame_blank_checksum(buf, &frame);
        g_assert_true(xen_frame_finish_checksum(
            buf, frame.end, frame.transport,
            frame.checksum - frame.transport));
    }
    /* As a peer of the network may ask for it. */
    xen_frame_finish_checksum(buf, len, byte(f), byte(f));
}

static void step(Fuzz *f)
{
    uint32_t *tx_index = f->tx_page, *rx_index = f->rx_page;

    switch (byte(f) % 8) {
    case 0:
        write_ring(f, f->tx_page);
        break;
    case 1:
        /* req_prod, req_event, rsp_prod, rsp_event */
        tx_index[byte(f) % 4] = word(f);
        rx_index[byte(f) % 4] = word(f);
        break;
    case 2:
        tx_index[0] = f->tx.req_cons + byte(f);
        rx_index[0] = f->rx.req_cons + byte(f);
        break;
    case 3 ... 4:
        take_frames(f);
        break;
    case 5:
        if (f->rx_works) {
            answer_rx(f);
        }
        break;
    case 6:
        push(f, &f->tx);
        push(f, &f->rx);
        break;
    case 7:
        if (byte(f) % 2) {
            parse(f);
            break;
        }
        /* Closed and opened again. */
        f->tx_works = xen_netif_attach(&f->tx, f->tx_page);
        f->rx_works = xen_netif_attach(&f->rx, f->rx_page);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Fuzz *f = g_new0(Fuzz, 1);

    f->p = data;
    f->end = data + size;
    f->tx_page = g_malloc0(XEN_NETIF_PAGE_SIZE);
    f->rx_page = g_malloc0(XEN_NETIF_PAGE_SIZE);
    f->tx_works = xen_netif_attach(&f->tx, f->tx_page);
    f->rx_works = xen_netif_attach(&f->rx, f->rx_page);
    for (unsigned i = 0; i < STEPS && f->p < f->end; i++) {
        step(f);
    }
    g_free(f->tx_page);
    g_free(f->rx_page);
    g_free(f);
    return 0;
}
