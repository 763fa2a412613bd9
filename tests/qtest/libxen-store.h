/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guest's end of xenstore: its ring and event channel
 *
 * xenstore answers from QEMU's main loop, when that comes to it: functions here
 * wait for it by looking at the ring, however long it takes.
 */
#ifndef TESTS_QTEST_LIBXEN_STORE_H
#define TESTS_QTEST_LIBXEN_STORE_H

#include "libxen.h"

#include "hw/xen/interface/io/xs_wire.h"

typedef struct XenStore {
    XenVm *vm;
    uint64_t ring;              /* address of its page */
    uint32_t port;
    uint32_t next_id;
} XenStore;

typedef struct XenStoreMessage {
    struct xsd_sockmsg header;
    char payload[XENSTORE_PAYLOAD_MAX + 1];     /* with a 0 behind it */
} XenStoreMessage;

/* Page and port as the HVM parameters say; the port is unmasked. */
XenStore xen_store_open(XenVm *vm);

/* Sends an event; xenstore looks at its ring. */
void xen_store_kick(XenStore *s);
/*
 * Puts @len bytes of @data into the ring as it gets room, kicking after each
 * piece of at most @piece bytes.
 */
void xen_store_put(XenStore *s, const void *data, size_t len, size_t piece);
/* Waits for the next message of xenstore's: an answer or a watch's event. */
void xen_store_get(XenStore *s, XenStoreMessage *msg);

/* What a message carries: of a literal, with or without its last 0. */
typedef struct XenStoreBytes {
    const void *data;
    size_t len;
} XenStoreBytes;

#define XEN_STORE_STRINGS(s)    ((XenStoreBytes) { (s), sizeof(s) })
#define XEN_STORE_BYTES(s)      ((XenStoreBytes) { (s), sizeof(s) - 1 })

/*
 * Sends a request without waiting for its answer, which xen_store_get() gets.
 * Its number.
 */
uint32_t xen_store_send(XenStore *s, uint32_t type, uint32_t tx,
                        XenStoreBytes payload);
/*
 * A request of @type in transaction @tx and its answer, whose type is @type or
 * XS_ERROR.  A watch must not fire.
 */
void xen_store_request(XenStore *s, uint32_t type, uint32_t tx,
                       XenStoreBytes payload, XenStoreMessage *answer);
/* The answer is @expected, or an error. */
void xen_store_expect(XenStore *s, uint32_t type, uint32_t tx,
                      XenStoreBytes payload, XenStoreBytes expected);
void xen_store_expect_error(XenStore *s, uint32_t type, uint32_t tx,
                            XenStoreBytes payload, const char *error);
/* Its number. */
uint32_t xen_store_start_transaction(XenStore *s);

#endif
