/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ethernet frames in the network back end: corner cases that are not covered by
 * the whole frames of xen-net-frames-test
 */
#include <string.h>
#include <glib.h>
#include "frame.h"

/* Ethernet, IPv4, UDP and two bytes of payload, with a checksum of @sum. */
static void make_udp(uint8_t *frame, uint16_t rest)
{
    static const uint8_t udp[] = {
        255, 255, 255, 255, 255, 255, 2, 0, 0, 0, 0, 1, 0x08, 0x00,
        0x45, 0, 0, 30, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2,
        0, 1, 0, 2, 0, 10, 0xde, 0xad, 0, 0,
    };

    memcpy(frame, udp, sizeof(udp));
    frame[42] = rest >> 8;
    frame[43] = rest;
}

#define UDP_FRAME   44

/* In UDP a checksum of 0 means "none": 0xffff is sent instead. */
static void test_zero_checksum(void)
{
    uint8_t frame[UDP_FRAME];
    unsigned zeroes = 0;
    XenFrame parsed;

    for (unsigned rest = 0; rest <= UINT16_MAX; rest++) {
        uint16_t sum;

        make_udp(frame, rest);
        g_assert_true(xen_frame_parse(frame, sizeof(frame), &parsed));
        xen_frame_blank_checksum(frame, &parsed);
        g_assert_true(xen_frame_finish_checksum(frame, sizeof(frame), 34, 6));
        sum = frame[40] << 8 | frame[41];
        g_assert_cmphex(sum, !=, 0);
        zeroes += sum == 0xffff;
    }
    /* One of the payloads has the sum 0xfffe, so two give a checksum of 0. */
    g_assert_cmpuint(zeroes, >=, 1);
    g_assert_cmpuint(zeroes, <=, 2);
}

/* A checksum field outside the frame. */
static void test_outside(void)
{
    uint8_t frame[64] = { 0 };

    g_assert_true(xen_frame_finish_checksum(frame, 64, 0, 62));
    g_assert_false(xen_frame_finish_checksum(frame, 64, 0, 63));
    g_assert_false(xen_frame_finish_checksum(frame, 64, 63, 0));
    g_assert_false(xen_frame_finish_checksum(frame, 64, 64, 0));
    g_assert_false(xen_frame_finish_checksum(frame, 64, 65, 0));
    g_assert_false(xen_frame_finish_checksum(frame, 64, SIZE_MAX, 2));
    g_assert_false(xen_frame_finish_checksum(frame, 64, 2, SIZE_MAX));
}

/* Truncated or modified frames: all accesses are within bounds. */
static void test_bounds(void)
{
    GRand *rand = g_rand_new_with_seed(30);
    unsigned found = 0;

    for (int round = 0; round < 500000; round++) {
        size_t len = g_rand_int_range(rand, 14, 400);
        g_autofree uint8_t *frame = g_malloc(len);
        XenFrame parsed;

        for (size_t i = 0; i < len; i++) {
            /* Small values are valid headers or lengths more often. */
            frame[i] = g_rand_int(rand) & g_rand_int(rand) & 0x3f;
        }
        frame[12] = round & 1 ? 0x86 : 0x08;
        frame[13] = round & 1 ? 0xdd : 0x00;
        if (len > 40) {
            uint8_t next = g_rand_boolean(rand) ? 6 : 17;

            /* Usually pass the first checks. */
            frame[14] = round & 1 ? 0x60 : 0x40 | g_rand_int_range(rand, 5, 9);
            frame[16] = frame[18] = frame[20] = frame[21] = 0;
            frame[round & 1 ? 19 : 17] = g_rand_int_range(rand, 20, 256);
            frame[round & 1 ? 20 : 23] = next;
            frame[round & 1 ? 20 : 23] &= g_rand_int(rand) | g_rand_int(rand);
        }
        xen_frame_flow(frame, len);
        if (!xen_frame_parse(frame, len, &parsed)) {
            continue;
        }
        found++;
        g_assert_cmpuint(parsed.end, <=, len);
        g_assert_cmpuint(parsed.payload, <=, parsed.end);
        g_assert_cmpuint(parsed.checksum + 2, <=, parsed.payload);
        g_assert_cmpuint(parsed.transport, <, parsed.checksum);
        xen_frame_blank_checksum(frame, &parsed);
        g_assert_true(xen_frame_finish_checksum(
            frame, parsed.end, parsed.transport,
            parsed.checksum - parsed.transport));
    }
    g_assert_cmpuint(found, >, 10000);
    g_rand_free(rand);
}

/* Extension headers are skipped up to a limit. */
static void test_extensions(void)
{
    for (unsigned nr = 0; nr <= XEN_FRAME_MAX_EXTENSIONS + 1; nr++) {
        uint8_t frame[14 + 40 + 8 * (XEN_FRAME_MAX_EXTENSIONS + 1) + 8] = {
            [12] = 0x86, [13] = 0xdd, [14] = 0x60,
            [19] = 8 * nr + 8, [20] = nr ? 60 : 17,
        };
        XenFrame parsed;

        for (unsigned i = 0; i < nr; i++) {
            frame[54 + 8 * i] = i < nr - 1 ? 60 : 17;
        }
        g_assert_cmpint(xen_frame_parse(frame, sizeof(frame), &parsed), ==,
                        nr <= XEN_FRAME_MAX_EXTENSIONS);
        if (nr <= XEN_FRAME_MAX_EXTENSIONS) {
            g_assert_cmpuint(parsed.transport, ==, 54 + 8 * nr);
        }
    }
}

/* Frames of the same connection have the same hash, others differ. */
static void test_flow(void)
{
    uint8_t frame[UDP_FRAME], other[UDP_FRAME];

    make_udp(frame, 1);
    make_udp(other, 2);
    g_assert_cmphex(xen_frame_flow(frame, sizeof(frame)), ==,
                    xen_frame_flow(other, sizeof(other)));
    other[35]++;                /* a port */
    g_assert_cmphex(xen_frame_flow(frame, sizeof(frame)), !=,
                    xen_frame_flow(other, sizeof(other)));
    make_udp(other, 2);
    other[29]++;                /* an address */
    g_assert_cmphex(xen_frame_flow(frame, sizeof(frame)), !=,
                    xen_frame_flow(other, sizeof(other)));
    /* Only the first fragment has ports. */
    make_udp(frame, 1);
    frame[20] = other[20] = 0x20;
    memcpy(other, frame, sizeof(frame));
    other[20] = 0;
    other[21] = 8;
    other[35]++;
    g_assert_cmphex(xen_frame_flow(frame, sizeof(frame)), ==,
                    xen_frame_flow(other, sizeof(other)));
}

/*
 * Connections whose ports, or addresses, differ by small numbers: each of 2, 4 and 8
 * queues gets some of them, and none more than three times its share.
 */
static void test_flow_spread(void)
{
    for (unsigned kind = 0; kind < 3; kind++) {
        for (unsigned nr = 2; nr <= 8; nr *= 2) {
            unsigned count[8] = { 0 };

            for (unsigned i = 0; i < 64; i++) {
                uint8_t frame[UDP_FRAME];

                make_udp(frame, 1);
                if (kind == 0) {
                    frame[35] += i;         /* source port */
                }
                if (kind != 2) {
                    frame[37] += i;         /* destination port */
                }
                if (kind == 2) {
                    frame[29] += i;         /* source address */
                }
                count[xen_frame_flow(frame, sizeof(frame)) % nr]++;
            }
            for (unsigned i = 0; i < nr; i++) {
                g_assert_cmpuint(count[i], >, 0);
                g_assert_cmpuint(count[i], <=, 3 * 64 / nr);
            }
        }
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/frame/zero-checksum", test_zero_checksum);
    g_test_add_func("/frame/outside", test_outside);
    g_test_add_func("/frame/bounds", test_bounds);
    g_test_add_func("/frame/extensions", test_extensions);
    g_test_add_func("/frame/flow", test_flow);
    g_test_add_func("/frame/flow-spread", test_flow_spread);
    return g_test_run();
}
