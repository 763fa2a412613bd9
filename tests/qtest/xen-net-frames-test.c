/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * xen-net-device: frames arrive as they were sent, both ways, in any slots
 *
 * "-m slow" has every length and split and a million random frames; without it
 * there are samples.
 */
#include "qemu/osdep.h"
#include "qemu/atomic.h"
#include "qemu/bswap.h"
#include "libxen-net.h"

#define MIN_FRAME       14
#define MAX_PIECES      19
#define FEW_FRAMES      20000
#define MANY_FRAMES     1000000

static XenVif *start(const void *long_mode)
{
    XenVif *vif = xen_vif_start(GPOINTER_TO_INT(long_mode), NULL, NULL);

    g_assert_cmpint(xen_vif_connect(vif, 1, false, XEN_VIF_NODES), ==,
                    XenbusStateConnected);
    return vif;
}

static void fill(uint8_t *frame, size_t size, GRand *rand)
{
    uint32_t word = g_rand_int(rand);

    for (size_t i = 0; i < size; i++) {
        word = word * 1664525 + 1013904223;
        frame[i] = word >> 24;
    }
}

/* ----------------------------------------------------------------- one way */

static void send_pieces(XenVif *vif, const uint8_t *frame, size_t size,
                        const size_t *piece, unsigned nr)
{
    xen_vif_put_frame(vif, 0, 0, frame, size, piece, nr, 0, NULL);
    xen_vif_push_tx(vif, 0);
    xen_vif_network_expect(vif, frame, size);
    xen_vif_expect_answers(vif, 0, NETIF_RSP_OKAY);
}

/* As few slots as can be. */
static unsigned cut_in_pages(size_t size, size_t *piece)
{
    unsigned nr = 0;

    for (; size; size -= piece[nr++]) {
        piece[nr] = MIN(size, XEN_PAGE_SIZE);
    }
    return nr;
}

static size_t next_length(size_t size)
{
    if (g_test_slow() || size < 80) {
        return size + 1;
    }
    /* Around each multiple of a page all; otherwise steps of a prime. */
    if ((size + 3) % XEN_PAGE_SIZE < 6 || size >= XEN_VIF_MAX_FRAME - 3) {
        return size + 1;
    }
    return MIN(size + 331, MIN(XEN_VIF_MAX_FRAME - 3,
                               ROUND_UP(size + 4, XEN_PAGE_SIZE) - 3));
}

static void test_tx_lengths(const void *long_mode)
{
    XenVif *vif = start(long_mode);
    GRand *rand = g_rand_new_with_seed(1);
    g_autofree uint8_t *frame = g_malloc(XEN_VIF_MAX_FRAME);
    size_t piece[MAX_PIECES];

    for (size_t size = MIN_FRAME; size <= XEN_VIF_MAX_FRAME;
         size = next_length(size)) {
        fill(frame, size, rand);
        send_pieces(vif, frame, size, piece, cut_in_pages(size, piece));
    }
    g_rand_free(rand);
    xen_vif_stop(vif);
}

/* All splits in two, some of them with a third slot that is empty. */
static void test_tx_two_slots(const void *long_mode)
{
    static const size_t sizes[] = { 14, 60, 1514, 4096, 8192 };
    XenVif *vif = start(long_mode);
    GRand *rand = g_rand_new_with_seed(2);
    uint8_t frame[8192];

    for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
        size_t size = sizes[i];
        size_t step = g_test_slow() || size < 100 ? 1 : 37;
        size_t first = size > XEN_PAGE_SIZE ? size - XEN_PAGE_SIZE : 0;

        for (; first <= MIN(size, XEN_PAGE_SIZE); first += step) {
            size_t piece[] = { first, size - first, 0 };

            fill(frame, size, rand);
            send_pieces(vif, frame, size, piece, 2 + first % 2);
        }
    }
    g_rand_free(rand);
    xen_vif_stop(vif);
}

static unsigned cut_at_random(GRand *rand, size_t size, size_t *piece)
{
    unsigned least = DIV_ROUND_UP(size, XEN_PAGE_SIZE);
    unsigned nr = g_rand_int_range(rand, least, MAX_PIECES + 1);

    for (unsigned i = 0; i < nr; i++) {
        /* What the others can take, and what they must be able to. */
        size_t room = (nr - 1 - i) * XEN_PAGE_SIZE;
        size_t low = size > room ? size - room : 0;
        size_t high = MIN(size, XEN_PAGE_SIZE);

        piece[i] = i == nr - 1 ? size : g_rand_int_range(rand, low, high + 1);
        size -= piece[i];
    }
    return nr;
}

static void test_tx_many_slots(const void *long_mode)
{
    XenVif *vif = start(long_mode);
    GRand *rand = g_rand_new_with_seed(3);
    g_autofree uint8_t *frame = g_malloc(XEN_VIF_MAX_FRAME);
    size_t piece[MAX_PIECES];

    for (int i = 0; i < (g_test_slow() ? 100000 : 1000); i++) {
        size_t size = g_rand_int_range(rand, MIN_FRAME, XEN_VIF_MAX_FRAME + 1);

        fill(frame, size, rand);
        send_pieces(vif, frame, size, piece,
                    cut_at_random(rand, size, piece));
    }
    g_rand_free(rand);
    xen_vif_stop(vif);
}

static void test_rx_lengths(const void *long_mode)
{
    XenVif *vif = start(long_mode);
    GRand *rand = g_rand_new_with_seed(4);
    g_autofree uint8_t *frame = g_malloc(XEN_VIF_MAX_FRAME);
    g_autofree XenVifFrame *got = g_new(XenVifFrame, 1);

    for (size_t size = MIN_FRAME; size <= XEN_VIF_MAX_FRAME;
         size = next_length(size)) {
        unsigned slots = DIV_ROUND_UP(size, XEN_PAGE_SIZE);

        fill(frame, size, rand);
        xen_vif_post_rx(vif, 0, slots);
        xen_vif_network_send(vif, frame, size);
        xen_vif_get_frame(vif, 0, got);
        g_assert(!got->failed);
        g_assert_cmpmem(got->data, got->size, frame, size);
        g_assert_cmpuint(got->nr_slots, ==, slots);
        g_assert_cmphex(got->flags & ~NETRXF_more_data, ==, 0);
    }
    g_assert(!xen_vif_has_rx(vif, 0));
    g_rand_free(rand);
    xen_vif_stop(vif);
}

/* --------------------------------------------------------------- checksums */


/* Word by word as RFC 1071 has it, not as the code under test does it. */
static uint16_t internet_sum(const uint8_t *p, size_t len, uint32_t sum)
{
    for (size_t i = 0; i < len; i++) {
        sum += i % 2 ? p[i] : p[i] << 8;
    }
    while (sum > 0xffff) {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return sum;
}

typedef struct Packet {
    const char *name;
    uint16_t type;              /* Ethernet's */
    bool vlan;
    uint8_t protocol;
    uint8_t options;            /* bytes between IP's header and TCP's */
    uint16_t fragment;
    bool summed;                /* the back end knows how to */
} Packet;

static const Packet packets[] = {
    { "tcp4", 0x0800, false, 6, 0, 0, true },
    { "udp4", 0x0800, false, 17, 0, 0, true },
    { "tcp4-options", 0x0800, false, 6, 12, 0, true },
    { "tcp4-vlan", 0x0800, true, 6, 0, 0, true },
    { "tcp4-dont-fragment", 0x0800, false, 6, 0, 0x4000, true },
    { "tcp6", 0x86dd, false, 6, 0, 0, true },
    { "udp6", 0x86dd, false, 17, 0, 0, true },
    { "tcp6-extension", 0x86dd, false, 6, 8, 0, true },
    { "udp6-vlan", 0x86dd, true, 17, 0, 0, true },
    { "icmp4", 0x0800, false, 1, 0, 0, false },
    { "first-fragment", 0x0800, false, 17, 0, 0x2000, false },
    { "last-fragment", 0x0800, false, 17, 0, 0x0010, false },
    { "arp", 0x0806, false, 0, 0, 0, false },
};

/* Its size; *sum_at: where TCP's or UDP's checksum is. */
static size_t build(const Packet *p, uint8_t *frame, size_t payload,
                    GRand *rand, size_t *ip_at, size_t *l4_at, size_t *sum_at)
{
    size_t header = p->protocol == 6 ? 20 : 8;
    size_t at = 12;

    fill(frame, 256 + payload, rand);
    if (p->vlan) {
        stw_be_p(frame + at, 0x8100);
        at += 4;
    }
    stw_be_p(frame + at, p->type);
    at += 2;
    *ip_at = at;
    if (p->type == 0x86dd) {
        frame[at] = 0x60;
        stw_be_p(frame + at + 4, p->options + header + payload);
        frame[at + 6] = p->options ? 0 : p->protocol;
        at += 40;
        if (p->options) {
            frame[at] = p->protocol;
            frame[at + 1] = p->options / 8 - 1;
            at += p->options;
        }
    } else {
        frame[at] = 0x45 + p->options / 4;
        stw_be_p(frame + at + 2, 20 + p->options + header + payload);
        stw_be_p(frame + at + 6, p->fragment);
        frame[at + 9] = p->protocol;
        at += 20 + p->options;
    }
    *l4_at = at;
    if (p->protocol == 6) {
        frame[at + 12] = 0x50;
        *sum_at = at + 16;
    } else {
        stw_be_p(frame + at + 4, header + payload);
        *sum_at = at + 6;
    }
    return at + header + payload;
}

/* The sum over it all with the right checksum in place is 0xffff. */
static uint16_t transport_sum(const Packet *p, const uint8_t *frame,
                              size_t size, size_t ip_at, size_t l4_at)
{
    const uint8_t *addresses = frame + ip_at + (p->type == 0x86dd ? 8 : 12);
    uint32_t sum = p->protocol + (size - l4_at);

    sum = internet_sum(addresses, p->type == 0x86dd ? 32 : 8, sum);
    return internet_sum(frame + l4_at, size - l4_at, sum);
}

/* A blank checksum is filled in where the network cannot do it. */
static void test_tx_checksum(const void *long_mode)
{
    XenVif *vif = start(long_mode);
    GRand *rand = g_rand_new_with_seed(5);
    uint8_t frame[4096], got[4096];
    uint64_t dropped = 0;

    for (size_t i = 0; i < ARRAY_SIZE(packets); i++) {
        for (size_t payload = 0; payload < 64; payload++) {
            size_t ip_at, l4_at, sum_at;
            size_t size = build(&packets[i], frame, payload, rand, &ip_at,
                                &l4_at, &sum_at);
            size_t piece[] = { size };

            xen_vif_put_frame(vif, 0, 0, frame, size, piece, 1,
                              NETTXF_csum_blank | NETTXF_data_validated,
                              NULL);
            xen_vif_push_tx(vif, 0);
            xen_vif_expect_answers(vif, 0, NETIF_RSP_OKAY);
            if (!packets[i].summed) {
                g_assert_cmpuint(xen_vif_counter(vif, "tx-dropped"), ==,
                                 ++dropped);
                continue;
            }
            g_assert_cmpuint(xen_vif_network_get(vif, got, sizeof(got)), ==,
                             size);
            g_assert_cmphex(transport_sum(&packets[i], got, size, ip_at,
                                          l4_at), ==, 0xffff);
            g_assert_cmphex(lduw_be_p(got + sum_at), !=, 0);
            /* Nothing else may have changed. */
            memcpy(got + sum_at, frame + sum_at, 2);
            g_assert_cmpmem(got, size, frame, size);
        }
    }
    g_rand_free(rand);
    xen_vif_stop(vif);
}

/* Headers that say more than there is must not be believed. */
static void test_tx_damaged_headers(const void *long_mode)
{
    XenVif *vif = start(long_mode);
    GRand *rand = g_rand_new_with_seed(6);
    uint8_t frame[512], got[512];
    unsigned sent = 0;

    for (int i = 0; i < (g_test_slow() ? 100000 : 3000); i++) {
        const Packet *p = &packets[g_rand_int_range(rand, 0,
                                                    ARRAY_SIZE(packets))];
        size_t ip_at, l4_at, sum_at;
        size_t size = build(p, frame, g_rand_int_range(rand, 0, 64), rand,
                            &ip_at, &l4_at, &sum_at);
        size_t piece[1];

        frame[g_rand_int_range(rand, 12, size)] = g_rand_int(rand);
        size = g_rand_int_range(rand, MIN_FRAME, size + 1);
        piece[0] = size;
        xen_vif_put_frame(vif, 0, 0, frame, size, piece, 1, NETTXF_csum_blank,
                          NULL);
        xen_vif_push_tx(vif, 0);
        xen_vif_expect_answers(vif, 0, NETIF_RSP_OKAY);
        while (recv(vif->network, got, sizeof(got), MSG_DONTWAIT) > 0) {
            sent++;
        }
    }
    g_assert_cmpuint(xen_vif_counter(vif, "tx-frames"), ==, sent);
    g_assert_cmpuint(sent, >, 0);
    g_rand_free(rand);
    xen_vif_stop(vif);
}

/* -------------------------------------------------------------------- load */

/*
 * A frame of this load: its number, its size by the number, then bytes that
 * follow from it, so that the other side knows what has to come.
 */
static size_t numbered(uint8_t *frame, uint32_t number, unsigned seed)
{
    GRand *rand = g_rand_new_with_seed(number ^ seed << 24);
    /* Small ones mostly, and each length now and then. */
    size_t most = g_rand_int_range(rand, 0, 64) ? 1514 : XEN_VIF_MAX_FRAME;
    size_t size = g_rand_int_range(rand, MIN_FRAME + 4, most + 1);

    fill(frame, size, rand);
    stl_be_p(frame + MIN_FRAME, number);
    g_rand_free(rand);
    return size;
}

typedef struct Load {
    XenVif *vif;
    uint32_t nr, sent, came;    /* frames of the way in question */
    GRand *rand;
    uint8_t *frame, *got;
} Load;

/* Puts frames on the ring as long as there is room. */
static void load_put_tx(Load *l)
{
    XenVifQueue *q = &l->vif->queue[0];
    size_t piece[MAX_PIECES];

    while (l->sent < l->nr && q->tx_prod - q->tx_cons + MAX_PIECES <=
                              XEN_VIF_RING_SIZE) {
        size_t size = numbered(l->frame, l->sent, 1);

        /* Pages are used again after two rings: long after their answers. */
        xen_vif_put_frame(l->vif, 0, q->tx_prod % (2 * XEN_VIF_RING_SIZE -
                                                   MAX_PIECES),
                          l->frame, size, piece,
                          cut_at_random(l->rand, size, piece), 0, NULL);
        l->sent++;
    }
    xen_vif_push_tx(l->vif, 0);
}

static void load_take_answers(Load *l)
{
    XenVifQueue *q = &l->vif->queue[0];

    while (q->tx_cons != qatomic_read(&q->tx->rsp_prod)) {
        g_assert_cmpint(xen_vif_answer(l->vif, 0), ==, NETIF_RSP_OKAY);
    }
    /* The next answer is worth an event, which nobody looks at. */
    q->tx->rsp_event = q->tx_cons + 1;
}

static void load_take_network(Load *l)
{
    ssize_t got;

    while ((got = recv(l->vif->network, l->got, XEN_VIF_MAX_FRAME + 1,
                       MSG_DONTWAIT)) > 0) {
        size_t size = numbered(l->frame, l->came, 1);

        g_assert_cmpmem(l->got, got, l->frame, size);
        l->came++;
    }
}

static void load_send_network(Load *l)
{
    while (l->sent < l->nr) {
        size_t size = numbered(l->frame, l->sent, 2);

        if (send(l->vif->network, l->frame, size, MSG_DONTWAIT) < 0) {
            g_assert_cmpint(errno, ==, EAGAIN);
            return;
        }
        l->sent++;
    }
}

static void load_take_rx(Load *l, XenVifFrame *frame)
{
    XenVifQueue *q = &l->vif->queue[0];

    while (xen_vif_has_rx(l->vif, 0)) {
        xen_vif_get_frame(l->vif, 0, frame);
        g_assert(!frame->failed);
        g_assert_cmpmem(frame->data, frame->size, l->frame,
                        numbered(l->frame, l->came, 2));
        l->came++;
    }
    /* Few or many at a time, at most the ring. */
    xen_vif_post_rx(l->vif, 0, g_rand_int_range(l->rand, 0,
        XEN_VIF_RING_SIZE - (q->rx_prod - q->rx_cons) + 1));
}

static Load load_new(XenVif *vif, unsigned seed)
{
    return (Load) {
        .vif = vif,
        .nr = g_test_slow() ? MANY_FRAMES : FEW_FRAMES,
        .rand = g_rand_new_with_seed(seed),
        .frame = g_malloc(XEN_VIF_MAX_FRAME + 1),
        .got = g_malloc(XEN_VIF_MAX_FRAME + 1),
    };
}

static void load_free(Load *l)
{
    g_rand_free(l->rand);
    g_free(l->frame);
    g_free(l->got);
}

/* Both ways at once; none is lost, changed, doubled or overtaken. */
static void test_load(const void *long_mode)
{
    XenVif *vif = start(long_mode);
    g_autofree XenVifFrame *frame = g_new(XenVifFrame, 1);
    Load out = load_new(vif, 10), in = load_new(vif, 11);

    while (out.came < out.nr || in.came < in.nr) {
        load_put_tx(&out);
        load_send_network(&in);
        load_take_network(&out);
        load_take_rx(&in, frame);
        load_take_answers(&out);
    }
    xen_vif_expect_answers(vif, 0, NETIF_RSP_OKAY);
    g_assert_cmpint(recv(vif->network, out.got, 1, MSG_DONTWAIT), ==, -1);
    g_assert(!xen_vif_has_rx(vif, 0));
    g_assert_cmpuint(xen_vif_counter(vif, "tx-frames"), ==, out.nr);
    g_assert_cmpuint(xen_vif_counter(vif, "rx-frames"), ==, in.nr);
    load_free(&out);
    load_free(&in);
    xen_vif_stop(vif);
}

int main(int argc, char **argv)
{
    static const XenTest tests[] = {
        { "load", test_load },
        { "tx-many-slots", test_tx_many_slots },
        { "tx-lengths", test_tx_lengths },
        { "rx-lengths", test_rx_lengths },
        { "tx-two-slots", test_tx_two_slots },
        { "tx-checksum", test_tx_checksum },
        { "tx-damaged-headers", test_tx_damaged_headers },
    };

    g_test_init(&argc, &argv, NULL);
    xen_add_vif_tests("net-frames", tests, ARRAY_SIZE(tests));
    return g_test_run();
}
