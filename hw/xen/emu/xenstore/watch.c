/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Watches, events, and their queues
 *
 * Paths with watches are in a hash table, for the parents of a node that
 * changes, and in order, for what is below a node that goes.  The hash of each
 * parent of a path falls out of the hash of the path, so finding its watches
 * takes one walk over its letters.
 */
#include <stdio.h>
#include "stream.h"

typedef struct QueuedEvent {
    XenstoreWatch *watch;
    GList watch_link, conn_link;
    uint32_t hash;
    bool merged;                /* stands for several: is the watch's path */
    char path[];
} QueuedEvent;

/* ------------------------------------------------- paths with a watch on -- */

/*
 * This QEMU's own.  A guest that can tell which names have the same hash chooses
 * a thousand of them, and then each of its events is compared with all others.
 */
static uint32_t hash_start;

/*
 * Which names have the same hash depends on where it starts: that takes the
 * shift, since bits of a product depend on lower ones only.
 */
static uint32_t hash_step(uint32_t hash, char c)
{
    hash = (hash ^ (unsigned char)c) * 0x9e3779b1u;
    return hash ^ hash >> 15;
}

static uint32_t hash_string(const char *s)
{
    uint32_t hash = hash_start;

    for (; *s; s++) {
        hash = hash_step(hash, *s);
    }
    return hash;
}

static guint path_hash(gconstpointer p)
{
    return ((const XenstoreWatchPath *)p)->hash;
}

static gboolean path_equal(gconstpointer a, gconstpointer b)
{
    const XenstoreWatchPath *p = a, *q = b;

    xenstore_visits++;
    return p->hash == q->hash && p->len == q->len &&
           !memcmp(p->name, q->name, p->len);
}

static gint path_order(gconstpointer a, gconstpointer b, gpointer opaque)
{
    const XenstoreWatchPath *p = a, *q = b;

    return strcmp(p->name, q->name);
}

static guint event_hash(gconstpointer p)
{
    const QueuedEvent *ev = p;

    return ev->hash ^ g_direct_hash(ev->watch);
}

static gboolean event_equal(gconstpointer a, gconstpointer b)
{
    const QueuedEvent *e = a, *f = b;

    xenstore_visits++;
    return e->watch == f->watch && e->hash == f->hash &&
           !strcmp(e->path, f->path);
}

void xenstore_watches_init(Xenstore *xs)
{
    while (!hash_start) {
        hash_start = g_random_int();
    }
    xs->watches = g_hash_table_new(path_hash, path_equal);
    xs->watch_order = g_sequence_new(NULL);
    xs->queued = g_hash_table_new(event_hash, event_equal);
}

void xenstore_watches_free(Xenstore *xs)
{
    g_assert(!g_hash_table_size(xs->watches) &&
             !g_hash_table_size(xs->queued));
    g_hash_table_unref(xs->watches);
    g_hash_table_unref(xs->queued);
    g_sequence_free(xs->watch_order);
}

/* The first @len bytes of @name, whose hash is @hash. */
static XenstoreWatchPath *find_path(Xenstore *xs, const char *name, size_t len,
                                    uint32_t hash)
{
    XenstoreWatchPath key = { .hash = hash, .len = len, .name = name };

    xenstore_visits++;
    return g_hash_table_lookup(xs->watches, &key);
}

static XenstoreWatchPath *get_path(Xenstore *xs, const char *name)
{
    size_t len = strlen(name);
    uint32_t hash = hash_string(name);
    XenstoreWatchPath *path = find_path(xs, name, len, hash);

    if (path) {
        return path;
    }
    path = g_malloc0(sizeof(*path) + len + 1);
    memcpy(path->buf, name, len + 1);
    path->name = path->buf;
    path->len = len;
    path->hash = hash;
    g_queue_init(&path->watches);
    path->place = g_sequence_insert_sorted(xs->watch_order, path, path_order,
                                           NULL);
    g_hash_table_add(xs->watches, path);
    return path;
}

static void put_path(Xenstore *xs, XenstoreWatchPath *path)
{
    if (g_queue_is_empty(&path->watches)) {
        g_hash_table_remove(xs->watches, path);
        g_sequence_remove(path->place);
        g_free(path);
    }
}

/* ---------------------------------------------------------------- queues -- */

/* Of what the client gets: paths of a relative watch are relative. */
static size_t event_size(const XenstoreWatch *w, const char *path)
{
    return strlen(path) - w->skip + strlen(w->token) + 2;
}

/* It stays allocated. */
static void unqueue(QueuedEvent *ev)
{
    XenstoreConn *c = ev->watch->conn;

    g_hash_table_remove(c->xs->queued, ev);
    g_queue_unlink(&ev->watch->events, &ev->watch_link);
    g_queue_unlink(&c->events, &ev->conn_link);
    c->event_bytes -= event_size(ev->watch, ev->path);
}

static void drop_events(XenstoreWatch *w)
{
    while (w->events.head) {
        QueuedEvent *ev = w->events.head->data;

        unqueue(ev);
        g_free(ev);
    }
}

/* A client in QEMU looks at its nodes itself: one event does for many. */
static bool merge(XenstoreWatch *w)
{
    QueuedEvent *first;

    if (xenstore_is_guest(w->conn) ||
        w->events.length < XENSTORE_MAX_MERGED_EVENTS) {
        return false;
    }
    first = w->events.head->data;
    if (!first->merged) {
        drop_events(w);
        xenstore_event_queue(w, w->path->name);
        first = w->events.head->data;
        first->merged = true;
    }
    return true;
}

void xenstore_event_queue(XenstoreWatch *w, const char *path)
{
    XenstoreConn *c = w->conn;
    size_t size = event_size(w, path), len = strlen(path) + 1;
    bool was_empty = g_queue_is_empty(&c->events);
    QueuedEvent *first = w->events.head ? w->events.head->data : NULL;
    QueuedEvent *ev;

    /* It has a message to fit into. */
    if (size > XENSTORE_PAYLOAD_MAX || (first && first->merged)) {
        c->dropped += size > XENSTORE_PAYLOAD_MAX;
        return;
    }
    if (xenstore_is_guest(c) &&
        (c->events.length >= XENSTORE_MAX_EVENTS ||
         c->event_bytes + size > XENSTORE_MAX_EVENT_BYTES)) {
        c->dropped++;
        return;
    }
    if (merge(w)) {
        return;
    }
    ev = g_malloc0(sizeof(*ev) + len);
    memcpy(ev->path, path, len);
    ev->watch = w;
    ev->hash = hash_string(path);
    /* Special events count: a second one is a second domain. */
    if (!xenstore_is_special(path) &&
        g_hash_table_contains(c->xs->queued, ev)) {
        g_free(ev);
        return;
    }
    ev->watch_link.data = ev->conn_link.data = ev;
    g_hash_table_add(c->xs->queued, ev);
    g_queue_push_tail_link(&w->events, &ev->watch_link);
    g_queue_push_tail_link(&c->events, &ev->conn_link);
    c->event_bytes += size;
    if (was_empty && c->ops && c->ops->pending) {
        c->ops->pending(c->opaque);
    }
}

bool xenstore_has_event(const XenstoreConn *c)
{
    return c->events.length > 0;
}

bool xenstore_next_event(XenstoreConn *c, XenstoreEvent *event)
{
    QueuedEvent *ev;

    g_clear_pointer((gpointer *)&c->taken, g_free);
    if (!c->events.head) {
        return false;
    }
    ev = c->events.head->data;
    unqueue(ev);
    c->taken = ev;
    *event = (XenstoreEvent) {
        .path = ev->path + ev->watch->skip,
        .token = ev->watch->token,
        .opaque = ev->watch->opaque,
    };
    return true;
}

/* --------------------------------------------------------------- watches -- */

XenstoreWatch *xenstore_watch_add(XenstoreConn *c, const char *path,
                                  const char *token, unsigned skip, int depth,
                                  void *opaque)
{
    size_t len = strlen(token) + 1;
    XenstoreWatch *w = g_malloc0(sizeof(*w) + len);

    w->conn = c;
    w->path = get_path(c->xs, path);
    w->depth = depth;
    w->skip = skip;
    w->opaque = opaque;
    memcpy(w->token, token, len);
    w->path_link.data = w->conn_link.data = w;
    g_queue_init(&w->events);
    g_queue_push_tail_link(&w->path->watches, &w->path_link);
    g_queue_push_tail_link(&c->watches, &w->conn_link);
    c->watch_bytes += w->path->len + len;
    return w;
}

static void remove_watch(XenstoreWatch *w)
{
    XenstoreConn *c = w->conn;

    drop_events(w);
    g_queue_unlink(&c->watches, &w->conn_link);
    c->watch_bytes -= w->path->len + strlen(w->token) + 1;
    g_queue_unlink(&w->path->watches, &w->path_link);
    put_path(c->xs, w->path);
    g_free(w);
}

void xenstore_watches_remove(XenstoreConn *c)
{
    while (c->watches.head) {
        remove_watch(c->watches.head->data);
    }
}

static XenstoreWatch *find_watch(XenstoreConn *c, const char *canonical,
                                 const char *token)
{
    XenstoreWatchPath *path = find_path(c->xs, canonical, strlen(canonical),
                                        hash_string(canonical));

    for (GList *l = path ? path->watches.head : NULL; l; l = l->next) {
        XenstoreWatch *w = l->data;

        if (w->conn == c && !strcmp(w->token, token)) {
            return w;
        }
    }
    return NULL;
}

int xenstore_watch(XenstoreConn *c, const char *path, const char *token,
                   int depth, void *opaque)
{
    char canonical[XENSTORE_PATH_BUF];
    XenstoreWatch *w;
    unsigned skip = 0;
    int ret = xenstore_canonical(c, path, true, canonical);

    if (ret) {
        return ret;
    }
    if (depth < -1) {
        return -EINVAL;
    }
    if (find_watch(c, canonical, token)) {
        return -EEXIST;
    }
    if (xenstore_is_guest(c)) {
        if (c->watches.length >= XENSTORE_MAX_WATCHES) {
            return -ENOSPC;
        }
        ret = xenstore_check_limits(c, &c->xs->live, 0,
                                    strlen(canonical) + strlen(token) + 1);
        if (ret) {
            return ret;
        }
    }
    if (*path != '/' && !xenstore_is_special(path)) {
        skip = strlen(c->home) + 1;
    }
    w = xenstore_watch_add(c, canonical, token, skip, depth, opaque);
    xenstore_event_queue(w, canonical);
    return 0;
}

int xenstore_unwatch(XenstoreConn *c, const char *path, const char *token)
{
    char canonical[XENSTORE_PATH_BUF];
    XenstoreWatch *w;
    int ret = xenstore_canonical(c, path, true, canonical);

    if (ret) {
        return ret;
    }
    w = find_watch(c, canonical, token);
    if (!w) {
        return -ENOENT;
    }
    remove_watch(w);
    return 0;
}

/* ---------------------------------------------------------------- firing -- */

/* A change of a node, and whether the guest may hear of it once that is known. */
typedef struct Change {
    Xenstore *xs;
    const char *path;
    const XenstoreTree *before;
    const XenstoreNode *old, *new;
    int for_guest;              /* -1: not known yet */
} Change;

/* The guest may read the node, or could, or may read its parent. */
static bool guest_may_know(Change *change)
{
    Xenstore *xs = change->xs;
    char parent[XENSTORE_PATH_BUF];
    const XenstoreNode *node;

    if (change->for_guest < 0) {
        strcpy(parent, change->path);
        xenstore_parent(parent);
        node = xenstore_tree_find(&xs->live, parent) ?:
               xenstore_tree_find(change->before, parent);
        change->for_guest =
            (change->new && xenstore_perms_access(change->new->perms,
                                                  xs->guest) & XENSTORE_READ) ||
            (change->old && xenstore_perms_access(change->old->perms,
                                                  xs->guest) & XENSTORE_READ) ||
            (node && xenstore_perms_access(node->perms,
                                           xs->guest) & XENSTORE_READ);
    }
    return change->for_guest;
}

/* @levels: how far below the watch's path the change is. */
static void fire_path(XenstoreWatchPath *path, Change *change, int levels)
{
    for (GList *l = path->watches.head; l; l = l->next) {
        XenstoreWatch *w = l->data;

        xenstore_visits++;
        if (w->depth >= 0 && levels > w->depth) {
            continue;
        }
        if (xenstore_is_guest(w->conn) && !guest_may_know(change)) {
            continue;
        }
        xenstore_event_queue(w, change->path);
    }
}

void xenstore_fire(Xenstore *xs, const char *path, const XenstoreTree *before,
                   const XenstoreNode *old, const XenstoreNode *new)
{
    Change change = {
        .xs = xs, .path = path, .before = before, .old = old, .new = new,
        .for_guest = -1,
    };
    int components = 0, seen = 0;
    uint32_t hash = hash_start;
    XenstoreWatchPath *on;

    for (const char *p = path; *p; p++) {
        components += *p == '/';
    }
    if (!path[1]) {
        components = 0;
    }
    on = find_path(xs, "/", 1, hash_step(hash_start, '/'));
    if (on) {
        fire_path(on, &change, components);
    }
    if (!components) {
        return;
    }
    for (size_t i = 0; path[i]; i++) {
        hash = hash_step(hash, path[i]);
        if (path[i + 1] != '/' && path[i + 1]) {
            continue;
        }
        seen++;
        on = find_path(xs, path, i + 1, hash);
        if (on) {
            fire_path(on, &change, components - seen);
        }
    }
}

void xenstore_removal_begin(Xenstore *xs)
{
    xs->removal++;
}

void xenstore_fire_removed_below(Xenstore *xs, const char *path,
                                 const XenstoreTree *before)
{
    XenstoreWatchPath key = { .name = path };
    /* Behind all that is equal: path itself has been dealt with. */
    GSequenceIter *i = g_sequence_search(xs->watch_order, &key, path_order,
                                         NULL);

    for (; !g_sequence_iter_is_end(i); i = g_sequence_iter_next(i)) {
        XenstoreWatchPath *on = g_sequence_get(i);
        const XenstoreNode *old;

        xenstore_visits++;
        if (strncmp(on->name, path, strlen(path))) {
            break;
        }
        /* "a-b" is between "a" and "a/b". */
        if (on->removal == xs->removal ||
            !xenstore_path_covers(path, on->name)) {
            continue;
        }
        on->removal = xs->removal;
        old = xenstore_tree_find(before, on->name);
        if (old && !xenstore_tree_find(&xs->live, on->name)) {
            Change change = {
                .xs = xs, .path = on->name, .before = before, .old = old,
                .for_guest = -1,
            };

            fire_path(on, &change, 0);
        }
    }
}

void xenstore_domain_event(Xenstore *xs, bool introduced)
{
    static const char *const names[] = { "@releaseDomain", "@introduceDomain" };
    const char *name = names[introduced];
    g_autofree char *with_id = g_strdup_printf("%s/%u", name, xs->guest);

    for (int with = 0; with < 2; with++) {
        const char *path = with ? with_id : name;
        XenstoreWatchPath *on = find_path(xs, path, strlen(path),
                                          hash_string(path));

        for (GList *l = on ? on->watches.head : NULL; l; l = l->next) {
            XenstoreWatch *w = l->data;

            if (xenstore_is_guest(w->conn) &&
                !(xenstore_perms_access(xs->special[introduced],
                                        xs->guest) & XENSTORE_READ)) {
                continue;
            }
            xenstore_event_queue(w, w->depth > 0 ? with_id : path);
        }
    }
}

/* ------------------------------------------------------------- migration -- */

void xenstore_foreach_event(XenstoreConn *c, XenstoreEventFn fn, void *opaque)
{
    for (GList *l = c->events.head; l; l = l->next) {
        const QueuedEvent *ev = l->data;

        fn(ev->watch, ev->path, opaque);
    }
}
