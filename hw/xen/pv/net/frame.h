/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a network back end has to know of an Ethernet frame
 *
 * Xen's protocol says of a frame only that its checksum is blank; QEMU's
 * network layer (and a tap) wants to know where the sum starts and where it
 * goes.  And frames of one connection must stay in one queue.
 *
 * Frames come from a guest or from the network: all lengths in them are
 * checked against the bytes that are there.  Needs GLib, nothing of QEMU's.
 */
#ifndef HW_XEN_PV_NET_FRAME_H
#define HW_XEN_PV_NET_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * IPv6 extension headers that are looked through before a frame counts as one
 * without TCP or UDP.  The longest sensible chain (hop by hop, destination,
 * routing, fragment, authentication, destination) has six.
 */
#define XEN_FRAME_MAX_EXTENSIONS    8

/*
 * Where the parts of a TCP or UDP frame over IP are, in bytes from its start.
 */
typedef struct XenFrame {
    bool ipv6;
    uint8_t protocol;           /* IPPROTO_TCP or IPPROTO_UDP */
    uint16_t network;           /* IP header */
    uint16_t transport;         /* TCP or UDP header */
    uint16_t checksum;          /* its checksum field */
    uint16_t payload;           /* TCP: its data.  UDP: behind the header */
    uint32_t end;               /* of what IP carries */
} XenFrame;

/*
 * Finds them, behind up to two VLAN tags.  False: no TCP or UDP, a fragment,
 * or a frame whose headers are damaged.
 */
bool xen_frame_parse(const uint8_t *buf, size_t len, XenFrame *frame);

/*
 * Writes the sum of the pseudo-header to the checksum field, from where
 * xen_frame_finish_checksum() or a network card can go on.
 */
void xen_frame_blank_checksum(uint8_t *buf, const XenFrame *frame);

/*
 * Sums up the bytes from @start to @len, and puts the result @offset bytes
 * behind @start.  False: that is not within the frame.
 */
bool xen_frame_finish_checksum(uint8_t *buf, size_t len, size_t start,
                               size_t offset);

/* A number that is the same for all frames of a connection one way. */
uint32_t xen_frame_flow(const uint8_t *buf, size_t len);

#endif
