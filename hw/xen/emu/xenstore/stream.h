/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The two parts of xenstore's migration state
 *
 * Numbers are big endian; a "string" ends with a 0.
 *
 * The first is what upstream's QEMU 8.0 to 10.0 writes and reads:
 *
 *   state        last-tx(4) root-tx(4) node transaction* 0(4) watch* ""
 *   transaction  base-tx(4) domid(4) tx(4) node
 *   node         flags(1) content | 4(1) tx(4)
 *   content      length(4) value perm-string+ "" child* ""
 *   child        name-string node
 *   watch        path-string token-string
 *
 * A node whose flags are 4 is the one at the same place in the tree of that
 * transaction, or in the live tree if it is root-tx.  Flag 1: it was modified in
 * this transaction, 2: removed (which we do not write: such a node is not
 * there).  A transaction can be committed only if its base-tx is root-tx.
 *
 * The second is ours, and missing where it would say nothing:
 *
 *   extra        version(1)=1 count(4) tx-paths* depth(4)* count(4) event*
 *   tx-paths     tx(4) flags(1) count(4) tx-path*
 *   tx-path      flags(1) path-string
 *   event        watch(4) path-string
 *
 * with a depth for each watch of the first part, in its order, which is what an
 * event's watch counts.
 */
#ifndef HW_XEN_EMU_XENSTORE_STREAM_H
#define HW_XEN_EMU_XENSTORE_STREAM_H

#include "internal.h"

#define STREAM_MODIFIED     1
#define STREAM_REMOVED      2
#define STREAM_REFERENCE    4

#define STREAM_VERSION      1

#define STREAM_TX_STALE     1
#define STREAM_TX_FAILED    2

#define STREAM_PATH_WHOLE       1
#define STREAM_PATH_MODIFIED    2
#define STREAM_PATH_REMOVED     4
#define STREAM_PATH_FIRE        8

/* Watches and events that wait, without the first event (watch.c). */
typedef void (*XenstoreEventFn)(const XenstoreWatch *w, const char *path,
                                void *opaque);
void xenstore_foreach_event(XenstoreConn *c, XenstoreEventFn fn, void *opaque);

#endif
