/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inside the xenstore library
 *
 * The manual is include/hw/xen/emu/xenstore/store.h; this file is for those who
 * change the library.  Which file does what:
 *
 *   tree.c      permissions, immutable nodes and maps, trees of them
 *   path.c      canonical paths
 *   watch.c     watches, events and their queues
 *   tx.c        transactions: what they looked at, conflicts, commit
 *   limits.c    what the guest may have
 *   template.c  what a new domain gets
 *   store.c     life, connections, reset of the domain
 *   node-ops.c  operations on nodes: permissions, limits, both trees
 *   stream-save.c, stream-load.c    migration; the format is in stream.h
 *   wire.c      the protocol's messages
 *   ring.c      the page that the guest shares
 */
#ifndef HW_XEN_EMU_XENSTORE_INTERNAL_H
#define HW_XEN_EMU_XENSTORE_INTERNAL_H

#include <errno.h>
#include <string.h>
#include "hw/xen/emu/xenstore/store.h"
#include "hw/xen/interface/io/xs_wire.h"
#include "tree.h"

/* ------------------------------------------------------------- watches -- */

/* All watches on one path. */
typedef struct XenstoreWatchPath {
    uint32_t hash;              /* of its name; the key of Xenstore.watches */
    uint32_t len;
    GSequenceIter *place;       /* in Xenstore.watch_order */
    GQueue watches;             /* of XenstoreWatch.path_link */
    uint64_t removal;           /* the last one that was looked at for it */
    const char *name;
    char buf[];
} XenstoreWatchPath;

typedef struct XenstoreWatch {
    XenstoreConn *conn;
    XenstoreWatchPath *path;
    GList path_link, conn_link;
    GQueue events;              /* of QueuedEvent.watch_link */
    int depth;                  /* -1: any */
    unsigned skip;              /* bytes that its events' paths leave out */
    void *opaque;
    char token[];
} XenstoreWatch;

/* -------------------------------------------------------- transactions -- */

/* A path that a transaction has looked at. */
typedef struct XenstoreTxPath {
    bool whole;                 /* with all below: that was removed */
    bool modified;              /* written here, or not any more */
    bool removed;               /* was removed here, whatever came after */
    bool fire;                  /* an event on it at the end */
    char path[];
} XenstoreTxPath;

typedef struct XenstoreTx {
    uint32_t id;
    XenstoreTree base;          /* the live one when it began */
    XenstoreTree tree;
    GTree *paths;               /* path -> XenstoreTxPath, parents first */
    unsigned components;        /* of all of them */
    bool stale;                 /* it was outdated already when it was loaded */
    bool failed;                /* came to a limit: the end is ENOMEM */
} XenstoreTx;

/* --------------------------------------------------------------- store -- */

struct XenstoreConn {
    Xenstore *xs;
    unsigned domid;
    bool persistent;
    const XenstoreConnOps *ops;
    void *opaque;
    char *home;                 /* "/local/domain/N" */
    GQueue watches;             /* of XenstoreWatch.conn_link */
    size_t watch_bytes;
    GQueue events;              /* of QueuedEvent.conn_link, oldest first */
    size_t event_bytes;
    struct QueuedEvent *taken;  /* lent to the caller */
    uint64_t dropped;
    GHashTable *tx;             /* number -> XenstoreTx */
    uint32_t last_tx;
};

struct Xenstore {
    unsigned guest;
    char *home;                 /* the guest's */
    XenstoreTree live, template;
    uint64_t generation;        /* the last one given */
    uint64_t removal;           /* the number of the last one */
    GList *conns;
    GHashTable *watches;        /* set of XenstoreWatchPath */
    GSequence *watch_order;     /* the same, by name */
    GHashTable *queued;         /* set of QueuedEvent, by watch and path */
    XenstorePerms *special[2];  /* of @releaseDomain, @introduceDomain */
};

static inline bool xenstore_is_guest(const XenstoreConn *c)
{
    return c->domid != 0;
}

static inline uint64_t xenstore_next_generation(Xenstore *xs)
{
    return ++xs->generation;
}

/* What a call works on: the tree of @tx, or the live one. */
static inline XenstoreTree *xenstore_tree(XenstoreConn *c, XenstoreTx *tx)
{
    return tx ? &tx->tree : &c->xs->live;
}

/* ---------------------------------------------------------------- path.c -- */

/*
 * Writes the absolute form of @path to @out.  0 or -EINVAL.  @special: one that
 * begins with '@' is valid, and stays.
 */
int xenstore_canonical(const XenstoreConn *c, const char *path, bool special,
                       char out[XENSTORE_PATH_BUF]);
bool xenstore_is_special(const char *path);
/* Cuts the last component off; "/" stays. */
void xenstore_parent(char *path);
/* @path is @below itself, or a node on the way to it. */
bool xenstore_path_covers(const char *path, const char *below);

/* --------------------------------------------------------------- watch.c -- */

void xenstore_watches_init(Xenstore *xs);
void xenstore_watches_free(Xenstore *xs);
/* Adds one without limits or first event; the path is canonical. */
XenstoreWatch *xenstore_watch_add(XenstoreConn *c, const char *path,
                                  const char *token, unsigned skip, int depth,
                                  void *opaque);
/* All of @c's, with their events. */
void xenstore_watches_remove(XenstoreConn *c);
/* Puts an event in the queue, or drops or merges it. */
void xenstore_event_queue(XenstoreWatch *w, const char *path);
/*
 * The node at canonical @path changed from @old to @new; one may be NULL.  The
 * live tree is as it is after the change; @before as before it.
 */
void xenstore_fire(Xenstore *xs, const char *path, const XenstoreTree *before,
                   const XenstoreNode *old, const XenstoreNode *new);
/*
 * @path was removed: events for watches below it on nodes that are gone.  A change
 * may remove many paths, one below another: xenstore_removal_begin() comes before
 * all of them, and each watched path is looked up once until the next.
 */
void xenstore_removal_begin(Xenstore *xs);
void xenstore_fire_removed_below(Xenstore *xs, const char *path,
                                 const XenstoreTree *before);

/* ------------------------------------------------------------------ tx.c -- */

/* *@tx: the transaction @id of @c, or NULL for 0.  -ENOENT */
int xenstore_tx_find(XenstoreConn *c, uint32_t id, XenstoreTx **tx);
void xenstore_tx_free(gpointer tx);
/*
 * @tx (NULL: no-op) looks at canonical @path.  The entry, in @entry unless it
 * is NULL.  -ENOSPC: it has looked at too many, or too deep ones; it fails.
 */
int xenstore_tx_look(XenstoreConn *c, XenstoreTx *tx, const char *path,
                     XenstoreTxPath **entry);
/* One that began with the live tree of @xs and holds @root now. */
XenstoreTx *xenstore_tx_new(Xenstore *xs, uint32_t id, XenstoreNode *root);
/* The same without a limit. */
XenstoreTxPath *xenstore_tx_path(XenstoreTx *tx, const char *path);
/* Nothing that @tx looked at has changed outside. */
bool xenstore_tx_valid(const Xenstore *xs, XenstoreTx *tx);

/* --------------------------------------------------------------- store.c -- */

/* The live tree was @before: events for all nodes that differ. */
void xenstore_fire_differences(Xenstore *xs, const XenstoreTree *before);

/* ------------------------------------------------------------ template.c -- */

/* Sets a node and missing parents, as a client in QEMU does. */
void xenstore_template_put(Xenstore *xs, const char *path,
                           XenstorePerms *perms, GBytes *value);
void xenstore_template_remove(Xenstore *xs, const char *path);

/* -------------------------------------------------------------- limits.c -- */

/* 0, or a negative errno: @t with @nodes more and @bytes more is too much. */
int xenstore_check_limits(const XenstoreConn *c, const XenstoreTree *t,
                          uint64_t nodes, uint64_t bytes);

#endif
