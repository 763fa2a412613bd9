/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Xenstore's protocol: a message of a client in, the answer out
 *
 * Part of the library (store.h: errors, locking).  Source of the ABI: the header
 * io/xs_wire.h and docs/misc/xenstore.txt of Xen.
 *
 * Supported are all types that a guest may use.  Those of a toolstack (CONTROL,
 * INTRODUCE, RELEASE, RESUME, SET_TARGET, IS_DOMAIN_INTRODUCED) are answered
 * EACCES, and any other ENOSYS.  A watch may have a depth
 * (XENSTORE_SERVER_FEATURE_WATCHDEPTH).
 */
#ifndef HW_XEN_EMU_XENSTORE_WIRE_H
#define HW_XEN_EMU_XENSTORE_WIRE_H

#include <errno.h>
#include "hw/xen/emu/xenstore/store.h"
#include "hw/xen/interface/io/xs_wire.h"

/* Newer than the header. */
#ifndef XENSTORE_SERVER_FEATURE_WATCHDEPTH
#define XENSTORE_SERVER_FEATURE_WATCHDEPTH  4
#endif

/* A whole message, in the byte order of the guest (little endian). */
typedef struct XenstoreMessage {
    struct xsd_sockmsg hdr;
    char payload[XENSTORE_PAYLOAD_MAX + 1];     /* one more, for a 0 */
} XenstoreMessage;

/*
 * Carries out @req, whose length is at most XENSTORE_PAYLOAD_MAX, for @c and
 * fills @reply.  Any content is fine.
 */
void xenstore_wire_request(XenstoreConn *c, XenstoreMessage *req,
                           XenstoreMessage *reply);
/* Fills @msg with the oldest event of @c; false: it has none. */
bool xenstore_wire_event(XenstoreConn *c, XenstoreMessage *msg);
/* "READ", or "?" */
const char *xenstore_wire_name(uint32_t type);

#endif
