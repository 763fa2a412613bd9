/* SPDX-License-Identifier: GPL-2.0-or-later */
/* For tests of the xenstore library: clients that send messages. */
#ifndef TESTS_UNIT_XENSTORE_CLIENT_H
#define TESTS_UNIT_XENSTORE_CLIENT_H

#include "hw/xen/emu/xenstore/wire.h"

#define GUEST   1
#define HOME    "/local/domain/1"

/* A payload: a literal with its last 0, or without. */
typedef struct Bytes {
    const void *data;
    size_t len;
} Bytes;

#define STRINGS(s)  ((Bytes) { (s), sizeof(s) })
#define BYTES(s)    ((Bytes) { (s), sizeof(s) - 1 })

/*
 * A store as a guest finds it: HOME (n0, r1), HOME/data (n1), HOME/domid (n0, r1)
 * with the value "1", and /secret (n0).
 */
typedef struct Fixture {
    Xenstore *xs;
    XenstoreConn *guest;
    XenstoreConn *qemu;         /* persistent */
    XenstoreConn *admin;        /* domain 0, not persistent */
} Fixture;

void fixture_init(Fixture *f);
void fixture_destroy(Fixture *f);

/* Carries out a request; the answer's type is in the header. */
void client_request(XenstoreConn *c, uint32_t type, uint32_t tx, Bytes payload,
                    XenstoreMessage *answer);
/* The answer must be that. */
void client_expect(XenstoreConn *c, uint32_t type, uint32_t tx, Bytes payload,
                   Bytes expected);
void client_expect_error(XenstoreConn *c, uint32_t type, uint32_t tx,
                         Bytes payload, const char *error);
#define OK STRINGS("OK")
uint32_t client_start(XenstoreConn *c);
/* The next event must be that: path and token. */
void client_expect_event(XenstoreConn *c, Bytes expected);
void client_expect_no_event(XenstoreConn *c);
/* Takes all events; how many. */
unsigned client_drain(XenstoreConn *c);

#endif
