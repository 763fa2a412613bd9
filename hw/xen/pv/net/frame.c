/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a network back end has to know of an Ethernet frame
 */
#include <netinet/in.h>
#include <string.h>
#include <glib.h>
#include "frame.h"

#define MAC_BYTES       6
#define TYPE_AT         (2 * MAC_BYTES)
#define TYPE_IPV4       0x0800
#define TYPE_IPV6       0x86dd
#define TYPE_VLAN       0x8100
#define TYPE_QINQ       0x88a8
#define VLAN_BYTES      4

#define IPV4_BYTES      20      /* without options */
#define IPV4_SOURCE     12      /* both addresses from here on */
#define IPV6_BYTES      40
#define IPV6_SOURCE     8
#define TCP_BYTES       20
#define TCP_CHECKSUM    16
#define UDP_BYTES       8
#define UDP_CHECKSUM    6

static uint16_t get16(const uint8_t *p)
{
    return p[0] << 8 | p[1];
}

static void put16(uint8_t *p, uint16_t value)
{
    p[0] = value >> 8;
    p[1] = value;
}

/* ----------------------------------------------------------------- parsing */

/* What follows an IPv6 header; false if it is no TCP or UDP. */
static bool skip_extensions(const uint8_t *buf, XenFrame *frame, uint8_t next,
                            size_t at)
{
    for (int i = 0; i <= XEN_FRAME_MAX_EXTENSIONS; i++) {
        size_t size;

        if (next == IPPROTO_TCP || next == IPPROTO_UDP) {
            frame->protocol = next;
            frame->transport = at;
            return true;
        }
        if (at + 8 > frame->end) {
            return false;
        }
        switch (next) {
        case IPPROTO_HOPOPTS:
        case IPPROTO_ROUTING:
        case IPPROTO_DSTOPTS:
            size = (buf[at + 1] + 1) * 8;
            break;
        case IPPROTO_AH:
            size = (buf[at + 1] + 2) * 4;
            break;
        default:
            /* IPPROTO_FRAGMENT too: the sum is over all fragments. */
            return false;
        }
        next = buf[at];
        at += size;
    }
    return false;
}

static bool parse_ipv4(const uint8_t *buf, size_t len, XenFrame *frame)
{
    const uint8_t *ip = buf + frame->network;
    size_t header, total;

    if (frame->network + IPV4_BYTES > len || ip[0] >> 4 != 4) {
        return false;
    }
    header = (ip[0] & 0xf) * 4;
    total = get16(ip + 2);
    if (header < IPV4_BYTES || total < header ||
        frame->network + total > len) {
        return false;
    }
    if (get16(ip + 6) & 0x3fff) {
        return false;           /* a fragment */
    }
    frame->ipv6 = false;
    frame->end = frame->network + total;
    frame->transport = frame->network + header;
    frame->protocol = ip[9];
    return frame->protocol == IPPROTO_TCP || frame->protocol == IPPROTO_UDP;
}

static bool parse_ipv6(const uint8_t *buf, size_t len, XenFrame *frame)
{
    const uint8_t *ip = buf + frame->network;

    if (frame->network + IPV6_BYTES > len || ip[0] >> 4 != 6) {
        return false;
    }
    frame->ipv6 = true;
    frame->end = frame->network + IPV6_BYTES + get16(ip + 4);
    return frame->end <= len &&
        skip_extensions(buf, frame, ip[6], frame->network + IPV6_BYTES);
}

/* The type of what the frame carries; 0: nothing that is known. */
static uint16_t find_network(const uint8_t *buf, size_t len, XenFrame *frame)
{
    size_t at = TYPE_AT;

    for (int tags = 0; tags <= 2 && at + 2 <= len; tags++) {
        uint16_t type = get16(buf + at);

        if (type != TYPE_VLAN && type != TYPE_QINQ) {
            frame->network = at + 2;
            return type;
        }
        at += VLAN_BYTES;
    }
    return 0;
}

bool xen_frame_parse(const uint8_t *buf, size_t len, XenFrame *frame)
{
    uint16_t type = find_network(buf, len, frame);
    size_t header;

    if (type == TYPE_IPV4 ? !parse_ipv4(buf, len, frame) :
        type != TYPE_IPV6 || !parse_ipv6(buf, len, frame)) {
        return false;
    }
    if (frame->protocol == IPPROTO_UDP) {
        header = UDP_BYTES;
        frame->checksum = frame->transport + UDP_CHECKSUM;
    } else {
        if (frame->transport + TCP_BYTES > frame->end) {
            return false;
        }
        header = (buf[frame->transport + 12] >> 4) * 4;
        if (header < TCP_BYTES) {
            return false;
        }
        frame->checksum = frame->transport + TCP_CHECKSUM;
    }
    frame->payload = frame->transport + header;
    return frame->transport + header <= frame->end;
}

/* --------------------------------------------------------------- checksums */

/* One's complement sum of 16-bit words in memory order, not folded. */
static uint64_t sum_words(const uint8_t *p, size_t len)
{
    uint64_t sum = 0;
    uint32_t word;

    for (; len >= sizeof(word); p += sizeof(word), len -= sizeof(word)) {
        memcpy(&word, p, sizeof(word));
        sum += word;
    }
    if (len) {
        word = 0;
        memcpy(&word, p, len);
        sum += word;
    }
    return sum;
}

/* To 16 bits, in host order. */
static uint16_t fold(uint64_t sum)
{
    while (sum >> 16) {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return GUINT16_FROM_BE(sum);
}

void xen_frame_blank_checksum(uint8_t *buf, const XenFrame *frame)
{
    const uint8_t *ip = buf + frame->network;
    uint32_t rest[2] = {
        GUINT32_TO_BE(frame->end - frame->transport),
        GUINT32_TO_BE(frame->protocol),
    };
    uint64_t sum = sum_words((uint8_t *)rest, sizeof(rest));

    if (frame->ipv6) {
        sum += sum_words(ip + IPV6_SOURCE, 2 * sizeof(struct in6_addr));
    } else {
        sum += sum_words(ip + IPV4_SOURCE, 2 * sizeof(struct in_addr));
    }
    put16(buf + frame->checksum, fold(sum));
}

bool xen_frame_finish_checksum(uint8_t *buf, size_t len, size_t start,
                               size_t offset)
{
    uint16_t sum;

    if (start > len || offset > len - start || len - start - offset < 2) {
        return false;
    }
    sum = ~fold(sum_words(buf + start, len - start));
    /* 0 is UDP's "no checksum"; for others both zeroes are the same. */
    put16(buf + start + offset, sum ? sum : 0xffff);
    return true;
}

/* ------------------------------------------------------------------- flows */

static uint32_t mix(uint32_t hash, const uint8_t *p, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        hash = (hash ^ p[i]) * 16777619u;       /* FNV-1a */
    }
    return hash;
}

uint32_t xen_frame_flow(const uint8_t *buf, size_t len)
{
    XenFrame frame;
    uint32_t hash = 2166136261u;
    const uint8_t *ip;
    uint16_t type;

    if (xen_frame_parse(buf, len, &frame)) {
        hash = mix(hash, buf + frame.transport, 4);
    }
    /* All fragments of a datagram go one way: by addresses alone. */
    type = find_network(buf, len, &frame);
    ip = buf + frame.network;
    if (type == TYPE_IPV4 && frame.network + IPV4_BYTES <= len) {
        hash = mix(hash, ip + IPV4_SOURCE, 2 * sizeof(struct in_addr));
    } else if (type == TYPE_IPV6 && frame.network + IPV6_BYTES <= len) {
        hash = mix(hash, ip + IPV6_SOURCE, 2 * sizeof(struct in6_addr));
    } else {
        hash = mix(hash, buf, MIN(len, TYPE_AT));
    }
    return hash ^ hash >> 16;
}
