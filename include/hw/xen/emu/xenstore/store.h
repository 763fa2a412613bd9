/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Xenstore: nodes, transactions, permissions, watches, quotas
 *
 * A library without QEMU: C11 and GLib.  A Xenstore is the database of one
 * machine: one guest (a domain without privileges) and clients in QEMU (domain
 * 0, which may do everything).  Each client has a connection.
 *
 * Source of the ABI: docs/misc/xenstore.txt of Xen, and, where that is silent
 * (the errors, the limits), the behaviour of Xen's xenstored.
 *
 * Errors
 * ------
 * Functions return 0 or a negative errno, which is the error that xenstored
 * returns for the same case.  A failed operation has changed nothing.
 *
 * Nodes
 * -----
 * A tree of immutable nodes (hw/xen/emu/xenstore/tree.h): a change copies the
 * nodes between the root and what changes, and everything else is shared.  So
 * a transaction begins by taking a reference to the root, sees the tree as it
 * was then whatever others do, and costs what it changes.  Looking up, reading
 * and changing a node take O(depth * log(children)).  What a domain owns below
 * a node is summed up in the node, so a quota cannot come to differ from what
 * is there.
 *
 * Two trees
 * ---------
 * What persistent connections write (QEMU as the toolstack: the domain's nodes,
 * back ends) also goes into a second tree, the template.  At a reset of the
 * guest xenstore_reset_domain() makes the guest's part of the live tree what
 * the template says: what the guest wrote is gone, what it removed is back.
 *
 * Transactions
 * ------------
 * A transaction notes the paths that it has looked at, with their generation.
 * The end is -EAGAIN if one of them has changed meanwhile (its value,
 * permissions, set of children; for a removal anything below it).  Otherwise
 * its changes are made at once.  An intervening change elsewhere does no harm.
 *
 * Watches and events
 * ------------------
 * A change is an event for each watch on its path or a parent, queued in the
 * watching connection until it is taken with xenstore_next_event().  The same
 * event of the same watch is queued once.  What cannot be queued within the
 * limits below is dropped (guest), or becomes one event with the path of the
 * watch (QEMU's clients, which look at the nodes themselves).
 *
 * Locking
 * -------
 * None: the caller serializes all calls for one Xenstore with a lock.  Callbacks
 * come from within calls, so with that lock held; they must not call back.
 */
#ifndef HW_XEN_EMU_XENSTORE_STORE_H
#define HW_XEN_EMU_XENSTORE_STORE_H

#include <stdint.h>
#include <stdbool.h>
#include <stddef.h>
#include <glib.h>

/*
 * Limits for the guest; QEMU's clients have none but the lengths of paths.
 * Numbers are those of Xen's xenstored where it has one.
 */
/*
 * Nodes that it owns, beside those that QEMU gave it, and one more for each of
 * those: front ends grow with their number (255 disks are some 2,800): ENOSPC
 */
#define XENSTORE_MAX_NODES          1000
#define XENSTORE_MAX_VALUE          2048    /* bytes in a node: ENOSPC */
#define XENSTORE_MAX_PERMS          5       /* entries a node: ENOSPC */
#define XENSTORE_MAX_WATCHES        128     /* ENOSPC */
#define XENSTORE_MAX_TRANSACTIONS   10      /* open at a time: ENOSPC */
#define XENSTORE_MAX_TX_PATHS       1024    /* looked at in one: ENOSPC */
/*
 * Components of all these paths together: ENOSPC.  What the end of a transaction
 * costs grows with them.  A path of the guest's has 5 to 10.
 */
#define XENSTORE_MAX_TX_COMPONENTS  16384
/* Bytes of names, values, permissions of its nodes and of watches: ENOMEM. */
#define XENSTORE_MAX_MEMORY         (2560 * 1024)
/* Events that wait for room in the ring, and their bytes; more are dropped. */
#define XENSTORE_MAX_EVENTS         8192
#define XENSTORE_MAX_EVENT_BYTES    (1024 * 1024)
/* Events of one watch of a client in QEMU before they are merged into one. */
#define XENSTORE_MAX_MERGED_EVENTS  64
/*
 * By these limits, no call of the guest's costs more, in xenstore_visits.  The
 * costliest that is known is half of it: the end of a transaction that removes and
 * creates as many nodes as there may be, all of them watched.
 */
#define XENSTORE_REQUEST_VISITS     1000000
/* The longest canonical path, everybody's; with its 0. */
#define XENSTORE_PATH_BUF           (3072 + 1)

typedef struct Xenstore Xenstore;
typedef struct XenstoreConn XenstoreConn;

typedef enum XenstoreAccess {
    XENSTORE_NONE = 0,
    XENSTORE_READ = 1,
    XENSTORE_WRITE = 2,
} XenstoreAccess;

/* The first entry of a node's permissions names its owner and the default. */
typedef struct XenstorePerm {
    uint32_t domid;
    uint8_t access;             /* XenstoreAccess */
} XenstorePerm;

typedef struct XenstoreConnOps {
    /*
     * The first event is in the empty queue.  From within any call that
     * changes the store, by whatever thread makes it.  May be NULL.
     */
    void (*pending)(void *opaque);
} XenstoreConnOps;

typedef struct XenstoreEvent {
    const char *path, *token;   /* until the next call for the connection */
    void *opaque;               /* the watch's */
} XenstoreEvent;

typedef struct XenstoreStats {
    uint32_t nodes;             /* in the live tree */
    uint32_t guest_nodes;       /* of these, the guest's */
    uint32_t watches, transactions;     /* the guest's */
    uint32_t events;            /* the guest's that wait */
    uint64_t dropped;           /* the guest's that were dropped */
} XenstoreStats;

/* ---------------------------------------------------------------- life -- */

/* An empty store for a guest whose number is @guest_domid, not 0. */
Xenstore *xenstore_new(unsigned guest_domid);
/* All connections must be closed. */
void xenstore_free(Xenstore *xs);
/* "/local/domain/N" */
const char *xenstore_guest_home(const Xenstore *xs);
void xenstore_stats(Xenstore *xs, XenstoreStats *stats);
/*
 * The guest is a new domain: its watches, events and transactions end, its
 * nodes elsewhere are removed, and its home (/local/domain/N) becomes the
 * template's.  Other clients' watches see each node that differs.
 */
void xenstore_reset_domain(Xenstore *xs);
/* The special event @introduceDomain (true) or @releaseDomain of the guest. */
void xenstore_domain_event(Xenstore *xs, bool introduced);

/*
 * A client: the guest if @domid is its number, else domain 0.  @persistent:
 * what it writes is also the template's.  @ops may be NULL.
 */
XenstoreConn *xenstore_connect(Xenstore *xs, unsigned domid, bool persistent,
                               const XenstoreConnOps *ops, void *opaque);
/* Ends its watches and transactions, which are not committed. */
void xenstore_disconnect(XenstoreConn *c);
/* XS_RESET_WATCHES: the same, and the connection stays. */
void xenstore_reset_connection(XenstoreConn *c);

/* --------------------------------------------------------------- nodes -- */
/*
 * @tx: 0, or the number of a transaction of this connection (else -ENOENT).
 * @path: absolute, or relative to the client's home.
 * -EINVAL: no valid path; -EACCES: not allowed, which may hide that there is
 * no such node; -ENOENT: there is none.
 */

/* @value: a reference, to be dropped. */
int xenstore_read(XenstoreConn *c, uint32_t tx, const char *path,
                  GBytes **value);
/* Creates the node and missing parents. -ENOSPC, -ENOMEM: a limit. */
int xenstore_write(XenstoreConn *c, uint32_t tx, const char *path,
                   const void *data, size_t len);
/* Creates the node if it is missing. */
int xenstore_create(XenstoreConn *c, uint32_t tx, const char *path);
/* With all below it.  0 too if there is none, but its parent. */
int xenstore_rm(XenstoreConn *c, uint32_t tx, const char *path);
/* Appends @path's entries to @perms (of XenstorePerm). */
int xenstore_get_perms(XenstoreConn *c, uint32_t tx, const char *path,
                       GArray *perms);
/* @n > 0.  -EPERM: only domain 0 may change the owner. */
int xenstore_set_perms(XenstoreConn *c, uint32_t tx, const char *path,
                       const XenstorePerm *perms, size_t n);
/*
 * Children's names in order of strcmp(), each with its 0.  Appends to @names
 * those that begin @offset bytes from the list's start or later, as far as they
 * fit in @max bytes; @total: length of the whole list.  *@generation changes
 * with the node.
 */
int xenstore_directory(XenstoreConn *c, uint32_t tx, const char *path,
                       uint64_t offset, size_t max, GByteArray *names,
                       uint64_t *total, uint64_t *generation);

/* -------------------------------------------------------- transactions -- */

/* *@id: its number, not 0.  -ENOSPC: too many. */
int xenstore_tx_start(XenstoreConn *c, uint32_t *id);
bool xenstore_tx_is_open(const XenstoreConn *c, uint32_t id);
/* The transaction is over whatever is returned, but -ENOENT: not one. */
int xenstore_tx_end(XenstoreConn *c, uint32_t id, bool commit);

/* ------------------------------------------------------------- watches -- */

/*
 * @depth: levels below @path that count, or -1 for all.  @path may be special
 * (begin with '@').  The first event, with @path itself, comes at once.
 * -EEXIST: the connection has a watch on this path with this token.
 */
int xenstore_watch(XenstoreConn *c, const char *path, const char *token,
                   int depth, void *opaque);
/* Its waiting events are dropped.  -ENOENT */
int xenstore_unwatch(XenstoreConn *c, const char *path, const char *token);
/* The oldest event: false if there is none, else it is gone from the queue. */
bool xenstore_next_event(XenstoreConn *c, XenstoreEvent *event);
bool xenstore_has_event(const XenstoreConn *c);

/* ----------------------------------------------------------- migration -- */
/*
 * Two parts: a state that is upstream's format (and all of it if nothing is
 * under way), and what that cannot hold: the guest's waiting events, depths of
 * watches, what transactions have looked at.
 */

/* Of live tree and the guest's connection @c; @extra is empty if not needed. */
void xenstore_save(Xenstore *xs, XenstoreConn *c, GByteArray *state,
                   GByteArray *extra);
/*
 * Replaces the live tree and the state of @c.  Other clients' watches see each
 * node as changed.  -EINVAL with the reason in *@why (a literal), nothing
 * changed: not a valid state.  @extra may be NULL (upstream's stream).
 */
int xenstore_load(Xenstore *xs, XenstoreConn *c, const uint8_t *state,
                  size_t size, const uint8_t *extra, size_t extra_size,
                  const char **why);

/*
 * How often a node or a link to one was visited or copied: what calls cost, of
 * all stores together.
 */
extern uint64_t xenstore_visits;

#endif
