/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * xen-net-device at a tap: checksums and segments that are left to others
 *
 * In a network namespace of its own, with the other side of the tap at a packet
 * socket that tells of each frame what the tap was told.  It takes a kernel
 * that lets this process have such a namespace; without it all is skipped.
 */
#include "qemu/osdep.h"
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include "qemu/bswap.h"
#include "standard-headers/linux/virtio_net.h"
#include "libxen-net.h"

#define TAP             "xentap"
#define PATIENCE_S      60
#define HEADER          sizeof(struct virtio_net_hdr)
#define ALL_FEATURES    XEN_VIF_NODES " feature-gso-tcpv4=1 " \
                        "feature-gso-tcpv6=1 feature-ipv6-csum-offload=1"
/* Marks our frames: a tap carries those of the kernel as well. */
#define MARK            0x4e

typedef struct Tap {
    XenVif *vif;
    int fd, packets;
} Tap;

static bool have_namespace;

/* -------------------------------------------------------------------- packets */

/* TCP over IPv4 or IPv6; all else of the frame is chosen by @seed. */
static size_t make_tcp(uint8_t *frame, bool ipv6, size_t payload, uint8_t seed)
{
    size_t ip = 14, tcp = ip + (ipv6 ? 40 : 20);

    for (size_t i = 0; i < tcp + 20 + payload; i++) {
        frame[i] = seed + i * 7;
    }
    memset(frame, 0xff, 6);
    memset(frame + 6, 0x52, 5);
    frame[11] = MARK;
    stw_be_p(frame + 12, ipv6 ? 0x86dd : 0x0800);
    if (ipv6) {
        frame[ip] = 0x60;
        stw_be_p(frame + ip + 4, 20 + payload);
        frame[ip + 6] = 6;
    } else {
        frame[ip] = 0x45;
        stw_be_p(frame + ip + 2, 40 + payload);
        stw_be_p(frame + ip + 6, 0x4000);
        frame[ip + 9] = 6;
        stw_be_p(frame + ip + 10, 0);
    }
    frame[tcp + 12] = 0x50;
    frame[tcp + 13] = 0x10;
    return tcp + 20 + payload;
}

static size_t transport(const uint8_t *frame)
{
    return 14 + (frame[12] == 0x86 ? 40 : 20);
}

static uint16_t add_up(const uint8_t *p, size_t len, uint32_t sum)
{
    for (size_t i = 0; i < len; i++) {
        sum += i % 2 ? p[i] : p[i] << 8;
    }
    while (sum > 0xffff) {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return sum;
}

/* Of the addresses, the protocol and the length: what a blank field holds. */
static uint16_t pseudo_sum(const uint8_t *frame, size_t size)
{
    bool ipv6 = frame[12] == 0x86;

    return add_up(frame + 14 + (ipv6 ? 8 : 12), ipv6 ? 32 : 8,
                  6 + size - transport(frame));
}

static bool sum_is_right(const uint8_t *frame, size_t size)
{
    size_t tcp = transport(frame);

    return add_up(frame + tcp, size - tcp, pseudo_sum(frame, size)) == 0xffff;
}

/* ------------------------------------------------------------------ the tap */

static void open_tap(Tap *tap)
{
    struct ifreq ifr = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };
    struct sockaddr_ll address = {
        .sll_family = AF_PACKET,
        .sll_protocol = htons(ETH_P_ALL),
    };
    const struct timeval patience = { .tv_sec = PATIENCE_S };
    int one = 1, any;

    tap->fd = open("/dev/net/tun", O_RDWR);
    g_assert_cmpint(tap->fd, >=, 0);
    g_strlcpy(ifr.ifr_name, TAP, sizeof(ifr.ifr_name));
    g_assert_cmpint(ioctl(tap->fd, TUNSETIFF, &ifr), ==, 0);

    any = socket(AF_INET, SOCK_DGRAM, 0);
    ifr.ifr_flags = IFF_UP | IFF_NOARP;
    g_assert_cmpint(ioctl(any, SIOCSIFFLAGS, &ifr), ==, 0);
    close(any);

    tap->packets = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL));
    g_assert_cmpint(tap->packets, >=, 0);
    g_assert_cmpint(setsockopt(tap->packets, SOL_PACKET, PACKET_VNET_HDR, &one,
                               sizeof(one)), ==, 0);
    g_assert_cmpint(setsockopt(tap->packets, SOL_SOCKET, SO_RCVTIMEO,
                               &patience, sizeof(patience)), ==, 0);
    address.sll_ifindex = if_nametoindex(TAP);
    g_assert_cmpint(bind(tap->packets, (struct sockaddr *)&address,
                         sizeof(address)), ==, 0);
}

static bool start(Tap *tap, const void *long_mode, const char *nodes)
{
    g_autofree char *netdev = NULL;

    if (!have_namespace) {
        g_test_skip("no network namespace, or no /dev/net/tun");
        return false;
    }
    open_tap(tap);
    netdev = g_strdup_printf("tap,id=net,fd=%d", tap->fd);
    tap->vif = xen_vif_start(GPOINTER_TO_INT(long_mode), NULL, netdev);
    close(tap->fd);
    g_assert_cmpint(xen_vif_connect(tap->vif, 1, false, nodes), ==,
                    XenbusStateConnected);
    return true;
}

static void stop(Tap *tap)
{
    xen_vif_stop(tap->vif);
    close(tap->packets);
}

/* The next frame of the guest's that came out of the tap. */
static size_t get(Tap *tap, struct virtio_net_hdr *header, uint8_t *frame)
{
    for (;;) {
        struct sockaddr_ll from;
        struct iovec iov[] = {
            { header, HEADER }, { frame, XEN_VIF_MAX_FRAME },
        };
        struct msghdr msg = {
            .msg_name = &from, .msg_namelen = sizeof(from),
            .msg_iov = iov, .msg_iovlen = 2,
        };
        ssize_t got = recvmsg(tap->packets, &msg, 0);

        g_assert_cmpint(got, >=, (ssize_t)HEADER + 14);
        if (from.sll_pkttype != PACKET_OUTGOING && frame[11] == MARK) {
            return got - HEADER;
        }
    }
}

static void put(Tap *tap, const struct virtio_net_hdr *header,
                const uint8_t *frame, size_t size)
{
    g_autofree uint8_t *all = g_malloc(HEADER + size);

    memcpy(all, header, HEADER);
    memcpy(all + HEADER, frame, size);
    g_assert_cmpint(send(tap->packets, all, HEADER + size, 0), ==,
                    HEADER + size);
}

static void get_guest(Tap *tap, XenVifFrame *got)
{
    do {
        xen_vif_get_frame(tap->vif, 0, got);
    } while (got->data[11] != MARK);
}

static void guest_sends(Tap *tap, const uint8_t *frame, size_t size,
                        uint16_t flags, uint8_t gso_type, uint16_t gso_size)
{
    netif_extra_info_t extra = {
        .type = XEN_NETIF_EXTRA_TYPE_GSO,
        .u.gso = { .type = gso_type, .size = gso_size },
    };
    size_t piece[XEN_NETIF_NR_SLOTS_MIN];
    unsigned nr = 0;

    for (size_t done = 0; done < size; done += piece[nr++]) {
        piece[nr] = MIN(size - done, XEN_PAGE_SIZE);
    }
    xen_vif_put_frame(tap->vif, 0, 0, frame, size, piece, nr, flags,
                      gso_size ? &extra : NULL);
    xen_vif_push_tx(tap->vif, 0);
    xen_vif_expect_answers(tap->vif, 0, NETIF_RSP_OKAY);
}

/* -------------------------------------------------------------------- tests */

static void test_announced(const void *long_mode)
{
    Tap tap;

    if (start(&tap, long_mode, XEN_VIF_NODES)) {
        xen_vif_check_backend(tap.vif, "feature-gso-tcpv4", "1");
        xen_vif_check_backend(tap.vif, "feature-gso-tcpv6", "1");
        stop(&tap);
    }
}

/* From the guest: the tap hears where the sum is blank, and the segments' size. */
static void test_tx(const void *long_mode)
{
    static const struct {
        bool ipv6;
        size_t payload;
        uint16_t flags, gso_size;
    } rows[] = {
        { false, 100, 0, 0 },
        { false, 100, NETTXF_csum_blank, 0 },
        { true, 101, NETTXF_csum_blank | NETTXF_data_validated, 0 },
        { false, 20000, NETTXF_csum_blank, 1448 },
        { true, 20001, NETTXF_csum_blank, 1428 },
        { false, 65535 - 54, NETTXF_csum_blank, 1448 },
        { true, 65535 - 74, NETTXF_csum_blank, 8000 },
        /* Segments without a word of the checksum. */
        { false, 3000, 0, 1000 },
    };
    g_autofree uint8_t *frame = g_malloc(XEN_VIF_MAX_FRAME);
    g_autofree uint8_t *got = g_malloc(XEN_VIF_MAX_FRAME);
    struct virtio_net_hdr header;
    Tap tap;

    if (!start(&tap, long_mode, ALL_FEATURES)) {
        return;
    }
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        bool blank = rows[i].flags & NETTXF_csum_blank || rows[i].gso_size;
        size_t size = make_tcp(frame, rows[i].ipv6, rows[i].payload, i);
        size_t tcp = transport(frame);

        guest_sends(&tap, frame, size, rows[i].flags,
                    rows[i].ipv6 ? XEN_NETIF_GSO_TYPE_TCPV6 :
                                    XEN_NETIF_GSO_TYPE_TCPV4,
                    rows[i].gso_size);
        g_assert_cmpuint(get(&tap, &header, got), ==, size);
        g_assert_cmphex(header.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM, ==,
                        blank ? VIRTIO_NET_HDR_F_NEEDS_CSUM : 0);
        g_assert_cmphex(header.gso_type, ==,
                        !rows[i].gso_size ? VIRTIO_NET_HDR_GSO_NONE :
                        rows[i].ipv6 ? VIRTIO_NET_HDR_GSO_TCPV6 :
                                        VIRTIO_NET_HDR_GSO_TCPV4);
        g_assert_cmpuint(header.gso_size, ==, rows[i].gso_size);
        if (blank) {
            g_assert_cmpuint(header.csum_start, ==, tcp);
            g_assert_cmpuint(header.csum_offset, ==, 16);
            g_assert_cmphex(lduw_be_p(got + tcp + 16), ==,
                            pseudo_sum(got, size));
            memcpy(got + tcp + 16, frame + tcp + 16, 2);
        }
        g_assert_cmpmem(got, size, frame, size);
    }
    stop(&tap);
}

/* Segments of what has none are not sent. */
static void test_tx_refused(const void *long_mode)
{
    uint8_t frame[4096], got[XEN_VIF_MAX_FRAME];
    struct virtio_net_hdr header;
    size_t size;
    Tap tap;

    if (!start(&tap, long_mode, ALL_FEATURES)) {
        return;
    }
    size = make_tcp(frame, false, 3000, 1);
    guest_sends(&tap, frame, size, NETTXF_csum_blank,
                XEN_NETIF_GSO_TYPE_TCPV6, 1000);
    frame[14 + 9] = 17;         /* UDP, of a length that cannot be */
    guest_sends(&tap, frame, size, NETTXF_csum_blank,
                XEN_NETIF_GSO_TYPE_TCPV4, 1000);
    frame[14 + 9] = 1;
    guest_sends(&tap, frame, size, NETTXF_csum_blank,
                XEN_NETIF_GSO_TYPE_TCPV4, 1000);
    g_assert_cmpuint(xen_vif_counter(tap.vif, "tx-dropped"), ==, 3);
    size = make_tcp(frame, false, 99, 2);
    guest_sends(&tap, frame, size, 0, 0, 0);
    g_assert_cmpuint(get(&tap, &header, got), ==, size);
    stop(&tap);
}

typedef struct Wanted {
    uint16_t flags, gso_size;
    uint8_t gso_type;
} Wanted;

/* @size bytes from the network: the guest gets them in one piece. */
static void check_rx(Tap *tap, bool ipv6, size_t payload, uint16_t gso_size,
                     const Wanted *w, uint8_t seed)
{
    g_autofree uint8_t *frame = g_malloc(XEN_VIF_MAX_FRAME);
    g_autofree XenVifFrame *got = g_new(XenVifFrame, 1);
    size_t size = make_tcp(frame, ipv6, payload, seed);
    size_t tcp = transport(frame);
    struct virtio_net_hdr header = {
        .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
        .csum_start = tcp,
        .csum_offset = 16,
    };

    if (gso_size) {
        header.gso_type = ipv6 ? VIRTIO_NET_HDR_GSO_TCPV6 :
                                 VIRTIO_NET_HDR_GSO_TCPV4;
        header.gso_size = gso_size;
        header.hdr_len = tcp + 20;
    }
    stw_be_p(frame + tcp + 16, pseudo_sum(frame, size));
    put(tap, &header, frame, size);
    get_guest(tap, got);
    g_assert(!got->failed);
    g_assert_cmphex(got->flags & ~NETRXF_more_data, ==, w->flags);
    g_assert_cmpuint(got->extra.type, ==,
                     w->gso_size ? XEN_NETIF_EXTRA_TYPE_GSO : 0);
    if (w->gso_size) {
        g_assert_cmpuint(got->extra.u.gso.size, ==, w->gso_size);
        g_assert_cmpuint(got->extra.u.gso.type, ==, w->gso_type);
    }
    g_assert_cmpuint(got->size, ==, size);
    if (!(w->flags & NETRXF_csum_blank)) {
        g_assert(sum_is_right(got->data, size));
        memcpy(got->data + tcp + 16, frame + tcp + 16, 2);
    }
    g_assert_cmpmem(got->data, size, frame, size);
}

#define BLANK   (NETRXF_csum_blank | NETRXF_data_validated)

static void test_rx(const void *long_mode)
{
    static const Wanted blank = { BLANK, 0, 0 };
    static const Wanted v4 = { BLANK | NETRXF_extra_info, 1448,
                               XEN_NETIF_GSO_TYPE_TCPV4 };
    static const Wanted v6 = { BLANK | NETRXF_extra_info, 1428,
                               XEN_NETIF_GSO_TYPE_TCPV6 };
    Tap tap;

    if (!start(&tap, long_mode, ALL_FEATURES)) {
        return;
    }
    xen_vif_post_rx(tap.vif, 0, 200);
    check_rx(&tap, false, 100, 0, &blank, 1);
    check_rx(&tap, true, 100, 0, &blank, 2);
    check_rx(&tap, false, 20000, 1448, &v4, 3);
    check_rx(&tap, true, 20000, 1428, &v6, 4);
    check_rx(&tap, false, 65535 - 54, 1448, &v4, 5);
    check_rx(&tap, true, 65535 - 74, 1428, &v6, 6);
    stop(&tap);
}

/* What the front end cannot do is done for it. */
static void test_rx_checksum(const void *long_mode)
{
    static const struct {
        const char *nodes;
        bool blank_v4, blank_v6;
    } rows[] = {
        { XEN_VIF_NODES, true, false },
        { XEN_VIF_NODES " feature-ipv6-csum-offload=1", true, true },
        { XEN_VIF_NODES " feature-no-csum-offload=1", false, false },
        { XEN_VIF_NODES " feature-no-csum-offload=1 "
          "feature-ipv6-csum-offload=1", false, true },
        /* Segments without checksums would be of no use. */
        { XEN_VIF_NODES " feature-no-csum-offload=1 feature-gso-tcpv4=1 "
          "feature-gso-tcpv6=1", false, false },
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        Wanted v4 = { rows[i].blank_v4 ? BLANK : 0, 0, 0 };
        Wanted v6 = { rows[i].blank_v6 ? BLANK : 0, 0, 0 };
        Tap tap;

        if (!start(&tap, long_mode, rows[i].nodes)) {
            return;
        }
        xen_vif_post_rx(tap.vif, 0, 100);
        check_rx(&tap, false, 1001, 0, &v4, i);
        check_rx(&tap, true, 1001, 0, &v6, i);
        stop(&tap);
    }
}

/* A front end that takes no segments gets frames, each with its checksum. */
static void check_rx_cut(const void *long_mode, const char *nodes)
{
    g_autofree XenVifFrame *got = g_new(XenVifFrame, 1);
    uint8_t frame[20000];
    size_t size = make_tcp(frame, false, 14480, 9);
    struct virtio_net_hdr header = {
        .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
        .csum_start = 34,
        .csum_offset = 16,
        .gso_type = VIRTIO_NET_HDR_GSO_TCPV4,
        .gso_size = 1448,
        .hdr_len = 54,
    };
    Tap tap;

    if (!start(&tap, long_mode, nodes)) {
        return;
    }
    xen_vif_post_rx(tap.vif, 0, 200);
    stw_be_p(frame + 50, pseudo_sum(frame, size));
    put(&tap, &header, frame, size);
    for (int i = 0; i < 10; i++) {
        get_guest(&tap, got);
        g_assert_cmpuint(got->size, ==, 54 + 1448);
        g_assert_cmphex(got->flags & NETRXF_csum_blank, ==, 0);
        g_assert(sum_is_right(got->data, got->size));
        g_assert_cmpmem(got->data + 54, 1448, frame + 54 + i * 1448, 1448);
    }
    stop(&tap);
}

static void test_rx_cut(const void *long_mode)
{
    check_rx_cut(long_mode, XEN_VIF_NODES " feature-no-csum-offload=1");
    /* It says that it takes segments, but not what they come with. */
    check_rx_cut(long_mode, XEN_VIF_NODES " feature-no-csum-offload=1 "
                 "feature-ipv6-csum-offload=1 feature-gso-tcpv4=1");
    check_rx_cut(long_mode, "request-rx-copy=1 feature-no-csum-offload=1 "
                 "feature-rx-notify=1 feature-gso-tcpv4=1");
}

/* Short frames keep their length. */
static void test_rx_short(const void *long_mode)
{
    g_autofree XenVifFrame *got = g_new(XenVifFrame, 1);
    struct virtio_net_hdr header = { 0 };
    uint8_t frame[60];
    Tap tap;

    if (!start(&tap, long_mode, ALL_FEATURES)) {
        return;
    }
    xen_vif_post_rx(tap.vif, 0, 200);
    make_tcp(frame, false, 6, 1);
    for (size_t size = 14; size <= sizeof(frame); size++) {
        stw_be_p(frame + 12, 0x9999);
        put(&tap, &header, frame, size);
        get_guest(&tap, got);
        g_assert_cmpmem(got->data, got->size, frame, size);
    }
    stop(&tap);
}

int main(int argc, char **argv)
{
    static const XenTest tests[] = {
        { "announced", test_announced },
        { "tx", test_tx },
        { "tx-refused", test_tx_refused },
        { "rx", test_rx },
        { "rx-checksum", test_rx_checksum },
        { "rx-cut", test_rx_cut },
        { "rx-short", test_rx_short },
    };

    /* Before any thread; QEMU is going to be in it too. */
    have_namespace = access("/dev/net/tun", R_OK | W_OK) == 0 &&
        (unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0 ||
         unshare(CLONE_NEWNET) == 0);
    g_test_init(&argc, &argv, NULL);
    xen_add_vif_tests("net-tap", tests, ARRAY_SIZE(tests));
    return g_test_run();
}
