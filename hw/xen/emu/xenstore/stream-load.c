/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Migration: what is read; see stream.h
 *
 * A stream is somebody else's data.  It is read into structures of its own, each
 * number and name is checked, and only what is valid as a whole becomes the
 * state.
 */
#include <stdio.h>
#include "stream.h"

/* What is left of a part. */
typedef struct Reader {
    const uint8_t *p;
    size_t left;
    const char *why;            /* not NULL: it is invalid */
} Reader;

static bool fail(Reader *r, const char *why)
{
    if (!r->why) {
        r->why = why;
    }
    return false;
}

static bool get_u8(Reader *r, uint8_t *value)
{
    if (r->left < 1) {
        return fail(r, "it ends too early");
    }
    *value = *r->p++;
    r->left--;
    return true;
}

static bool get_u32(Reader *r, uint32_t *value)
{
    uint32_t be;

    if (r->left < sizeof(be)) {
        return fail(r, "it ends too early");
    }
    memcpy(&be, r->p, sizeof(be));
    *value = GUINT32_FROM_BE(be);
    r->p += sizeof(be);
    r->left -= sizeof(be);
    return true;
}

static bool get_string(Reader *r, const char **s)
{
    const uint8_t *end = memchr(r->p, 0, r->left);

    if (!end) {
        return fail(r, "a string has no end");
    }
    *s = (const char *)r->p;
    r->left -= end + 1 - r->p;
    r->p = end + 1;
    return true;
}

/* ----------------------------------------------------------------- trees -- */

typedef struct LoadedTx {
    uint32_t base, domid;
    XenstoreTx *tx;
    bool has_paths;
} LoadedTx;

/*
 * The guest's, and at most as many of clients in QEMU, which ended with that
 * QEMU.  So a linear search is enough.
 */
#define MAX_LOADED_TXS      (2 * XENSTORE_MAX_TRANSACTIONS)

typedef struct LoadedWatch {
    const char *path, *token;
    char canonical[XENSTORE_PATH_BUF];
    int depth;
} LoadedWatch;

typedef struct Load {
    Reader r;
    Xenstore *xs;
    XenstoreConn *c;
    uint32_t last_tx, root_tx;
    XenstoreTree live;
    GPtrArray *txs;             /* LoadedTx, up to MAX_LOADED_TXS */
    unsigned nr_guest_txs;
    GPtrArray *watches;         /* LoadedWatch */
    uint64_t generation;
    size_t len;
    char path[XENSTORE_PATH_BUF];
} Load;

static const char *this_path(const Load *l)
{
    return l->len ? l->path : "/";
}

static LoadedTx *find_tx(Load *l, uint32_t id)
{
    for (guint i = 0; i < l->txs->len; i++) {
        LoadedTx *loaded = l->txs->pdata[i];

        if (loaded->tx->id == id) {
            return loaded;
        }
    }
    return NULL;
}

/* The node that a reference to the tree @tx means; borrowed. */
static XenstoreNode *referenced(Load *l, uint32_t tx)
{
    LoadedTx *loaded;

    if (tx == l->root_tx) {
        return l->live.root ? xenstore_tree_find(&l->live, this_path(l)) : NULL;
    }
    loaded = find_tx(l, tx);
    return loaded ? xenstore_tree_find(&loaded->tx->tree, this_path(l)) : NULL;
}

static bool get_perms(Load *l, XenstorePerms **perms)
{
    g_autoptr(GArray) list = g_array_new(false, false, sizeof(XenstorePerm));
    static const char letters[] = "nrwb";
    const char *text;

    for (;;) {
        XenstorePerm p;
        const char *letter;
        unsigned domid;
        int end;

        if (!get_string(&l->r, &text)) {
            return false;
        }
        if (!*text) {
            break;
        }
        letter = strchr(letters, *text);
        end = 0;
        if (!letter || !g_ascii_isdigit(text[1]) ||
            sscanf(text + 1, "%10u%n", &domid, &end) != 1 || text[1 + end] ||
            domid > UINT16_MAX) {
            return fail(&l->r, "a permission is invalid");
        }
        p.access = letter - letters;
        p.domid = domid;
        g_array_append_val(list, p);
        if (list->len > XENSTORE_MAX_PERMS) {
            return fail(&l->r, "a node has too many permissions");
        }
    }
    if (!list->len) {
        return fail(&l->r, "a node has no permissions");
    }
    *perms = xenstore_perms_new((const void *)list->data, list->len);
    return true;
}

static bool valid_name(const char *name)
{
    return !name[strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                              "abcdefghijklmnopqrstuvwxyz0123456789-_@")];
}

static XenstoreNode *get_node(Load *l, const char *name);

static bool get_children(Load *l, XenstoreMap **children)
{
    for (;;) {
        XenstoreMap *more;
        XenstoreNode *child;
        const char *name;
        size_t len = l->len, room = sizeof(l->path) - len;
        bool removed = false;

        if (!get_string(&l->r, &name)) {
            return false;
        }
        if (!*name) {
            return true;
        }
        if (!valid_name(name) || strlen(name) + 2 > room) {
            return fail(&l->r, "a name is invalid");
        }
        if (xenstore_map_find(*children, name)) {
            return fail(&l->r, "a node is there twice");
        }
        removed = l->r.left && (*l->r.p & STREAM_REMOVED) &&
                  !(*l->r.p & STREAM_REFERENCE);
        l->len += snprintf(l->path + len, room, "/%s", name);
        child = get_node(l, name);
        l->len = len;
        l->path[len] = 0;
        if (!child) {
            return false;
        }
        if (!removed) {
            more = xenstore_map_set(*children, child);
            xenstore_map_unref(*children);
            *children = more;
        }
        xenstore_node_unref(child);
    }
}

/* A new reference; NULL: invalid. */
static XenstoreNode *get_node(Load *l, const char *name)
{
    g_autoptr(GBytes) value = NULL;
    XenstorePerms *perms = NULL;
    XenstoreMap *children = NULL;
    XenstoreNode *node = NULL;
    uint8_t flags;
    uint32_t n;

    if (!get_u8(&l->r, &flags)) {
        return NULL;
    }
    if (flags == STREAM_REFERENCE) {
        if (!get_u32(&l->r, &n)) {
            return NULL;
        }
        node = referenced(l, n);
        if (!node) {
            fail(&l->r, "a reference leads nowhere");
            return NULL;
        }
        return xenstore_node_ref(node);
    }
    if (flags & ~(STREAM_MODIFIED | STREAM_REMOVED)) {
        fail(&l->r, "a node's flags are invalid");
        return NULL;
    }
    if (!get_u32(&l->r, &n)) {
        return NULL;
    }
    if (n > l->r.left) {
        fail(&l->r, "a value is too long");
        return NULL;
    }
    value = g_bytes_new(l->r.p, n);
    l->r.p += n;
    l->r.left -= n;
    if (get_perms(l, &perms) && get_children(l, &children)) {
        node = xenstore_node_new(name, perms, value, children, l->generation,
                                 l->generation, l->xs->guest);
    } else {
        xenstore_map_unref(children);
    }
    xenstore_perms_unref(perms);
    return node;
}

/* ---------------------------------------------------------- transactions -- */

/*
 * Upstream does not say what a transaction looked at: all of the tree then, and
 * it changed whatever is different.
 */
typedef struct Compare {
    XenstoreTx *tx;
    const XenstoreTree *other;
    bool gone;                  /* look for what is not in other */
    size_t len;
    char path[XENSTORE_PATH_BUF];
} Compare;

static bool compare_node(XenstoreNode *node, void *opaque)
{
    Compare *cmp = opaque;
    size_t len = cmp->len;
    const XenstoreNode *other;
    XenstoreTxPath *entry;

    cmp->len += snprintf(cmp->path + len, sizeof(cmp->path) - len, "/%s",
                         node->name);
    other = xenstore_tree_find(cmp->other, cmp->path);
    if (other != node) {
        bool found = cmp->gone ? !other
                               : !other || !xenstore_node_same(node, other);

        if (found) {
            entry = xenstore_tx_path(cmp->tx, cmp->path);
            entry->modified = entry->fire = true;
            entry->removed |= cmp->gone;
        }
        if (other || !cmp->gone) {
            xenstore_map_foreach(node->children, compare_node, cmp);
        }
    }
    cmp->path[len] = 0;
    cmp->len = len;
    return true;
}

static void guess_paths(XenstoreTx *tx)
{
    Compare gone = { .tx = tx, .other = &tx->tree, .gone = true };
    Compare new = { .tx = tx, .other = &tx->base };

    xenstore_tx_path(tx, "/")->whole = true;
    xenstore_map_foreach(tx->base.root->children, compare_node, &gone);
    xenstore_map_foreach(tx->tree.root->children, compare_node, &new);
}

static void free_tx(gpointer opaque)
{
    LoadedTx *loaded = opaque;

    if (loaded->tx) {
        xenstore_tx_free(loaded->tx);
    }
    g_free(loaded);
}

static bool get_transaction(Load *l, uint32_t base)
{
    LoadedTx *loaded;
    XenstoreNode *root;
    uint32_t domid, id;

    if (!get_u32(&l->r, &domid) || !get_u32(&l->r, &id)) {
        return false;
    }
    if (!id || id > l->last_tx || id == l->root_tx || find_tx(l, id)) {
        return fail(&l->r, "a transaction's number is invalid");
    }
    if (l->txs->len == MAX_LOADED_TXS ||
        (domid == l->c->domid && l->nr_guest_txs++ == XENSTORE_MAX_TRANSACTIONS)) {
        return fail(&l->r, "there are too many transactions");
    }
    root = get_node(l, "");
    if (!root) {
        return false;
    }
    loaded = g_new0(LoadedTx, 1);
    loaded->base = base;
    loaded->domid = domid;
    loaded->tx = xenstore_tx_new(l->xs, id, root);
    xenstore_node_unref(root);
    xenstore_node_unref(loaded->tx->base.root);
    loaded->tx->base.root = xenstore_node_ref(l->live.root);
    loaded->tx->stale = base != l->root_tx;
    g_ptr_array_add(l->txs, loaded);
    return true;
}

/* ------------------------------------------------------------- first part -- */

static bool get_watch(Load *l, const char *path)
{
    LoadedWatch *w = g_new0(LoadedWatch, 1);

    g_ptr_array_add(l->watches, w);
    w->path = path;
    w->depth = -1;
    if (!get_string(&l->r, &w->token)) {
        return false;
    }
    if (xenstore_canonical(l->c, path, true, w->canonical)) {
        return fail(&l->r, "a watch's path is invalid");
    }
    if (l->watches->len > XENSTORE_MAX_WATCHES) {
        return fail(&l->r, "there are too many watches");
    }
    for (guint i = 0; i + 1 < l->watches->len; i++) {
        const LoadedWatch *other = l->watches->pdata[i];

        if (!strcmp(w->canonical, other->canonical) &&
            !strcmp(w->token, other->token)) {
            return fail(&l->r, "a watch is there twice");
        }
    }
    return true;
}

static bool get_state(Load *l)
{
    const char *path;
    uint32_t base;

    if (!get_u32(&l->r, &l->last_tx) || !get_u32(&l->r, &l->root_tx)) {
        return false;
    }
    if (l->root_tx > l->last_tx) {
        return fail(&l->r, "a transaction's number is invalid");
    }
    l->live.root = get_node(l, "");
    if (!l->live.root) {
        return false;
    }
    for (;;) {
        if (!get_u32(&l->r, &base)) {
            return false;
        }
        if (!base) {
            break;
        }
        if (!get_transaction(l, base)) {
            return false;
        }
    }
    for (;;) {
        if (!get_string(&l->r, &path)) {
            return false;
        }
        if (!*path) {
            break;
        }
        if (!get_watch(l, path)) {
            return false;
        }
    }
    return !l->r.left || fail(&l->r, "something follows it");
}

/* ------------------------------------------------------------ second part -- */

/* The guest sees nodes of QEMU's clients, whose paths may be longer than its own. */
static bool is_canonical(const char *path, bool special)
{
    const XenstoreConn of_qemu = { .home = (char *)"/local/domain/0" };
    char canonical[XENSTORE_PATH_BUF];

    return (*path == '/' || (special && *path == '@')) &&
           !xenstore_canonical(&of_qemu, path, special, canonical);
}

static bool get_paths(Load *l)
{
    LoadedTx *loaded;
    uint32_t id, n;
    uint8_t flags;
    const char *path;

    if (!get_u32(&l->r, &id) || !get_u8(&l->r, &flags) || !get_u32(&l->r, &n)) {
        return false;
    }
    loaded = find_tx(l, id);
    if (!loaded || loaded->has_paths || n > XENSTORE_MAX_TX_PATHS) {
        return fail(&l->r, "a transaction is invalid");
    }
    loaded->has_paths = true;
    loaded->tx->stale |= !!(flags & STREAM_TX_STALE);
    loaded->tx->failed = flags & STREAM_TX_FAILED;
    while (n--) {
        XenstoreTxPath *entry;

        if (!get_u8(&l->r, &flags) || !get_string(&l->r, &path)) {
            return false;
        }
        if (!is_canonical(path, false) ||
            (!path[1] && (flags & STREAM_PATH_REMOVED))) {
            return fail(&l->r, "a transaction's path is invalid");
        }
        entry = xenstore_tx_path(loaded->tx, path);
        entry->whole = flags & STREAM_PATH_WHOLE;
        entry->modified = flags & STREAM_PATH_MODIFIED;
        entry->removed = flags & STREAM_PATH_REMOVED;
        entry->fire = flags & STREAM_PATH_FIRE;
    }
    return true;
}

typedef struct LoadedEvent {
    uint32_t watch;
    const char *path;
} LoadedEvent;

static bool get_extra(Load *l, GArray *events)
{
    uint8_t version;
    uint32_t n;

    if (!get_u8(&l->r, &version)) {
        return false;
    }
    if (version != STREAM_VERSION) {
        return fail(&l->r, "its version is unknown");
    }
    if (!get_u32(&l->r, &n)) {
        return false;
    }
    while (n--) {
        if (!get_paths(l)) {
            return false;
        }
    }
    for (guint i = 0; i < l->watches->len; i++) {
        LoadedWatch *w = l->watches->pdata[i];
        uint32_t depth;

        if (!get_u32(&l->r, &depth)) {
            return false;
        }
        w->depth = (int32_t)depth;
        if (w->depth < -1) {
            return fail(&l->r, "a watch's depth is invalid");
        }
    }
    if (!get_u32(&l->r, &n)) {
        return false;
    }
    if (n > XENSTORE_MAX_EVENTS) {
        return fail(&l->r, "there are too many events");
    }
    while (n--) {
        LoadedEvent ev;
        const LoadedWatch *w;

        if (!get_u32(&l->r, &ev.watch) || !get_string(&l->r, &ev.path)) {
            return false;
        }
        w = ev.watch < l->watches->len ? l->watches->pdata[ev.watch] : NULL;
        if (!w || !is_canonical(ev.path, true) ||
            !xenstore_path_covers(w->canonical, ev.path)) {
            return fail(&l->r, "an event is invalid");
        }
        g_array_append_val(events, ev);
    }
    return !l->r.left || fail(&l->r, "something follows it");
}

/* ------------------------------------------------------------------- all -- */

static void take_over(Load *l, const GArray *events)
{
    XenstoreTree before = l->xs->live;
    g_autofree XenstoreWatch **watches = g_new0(XenstoreWatch *, l->watches->len);

    xenstore_reset_connection(l->c);
    l->xs->live.root = l->live.root;
    l->live.root = NULL;
    l->c->last_tx = l->last_tx;
    for (guint i = 0; i < l->txs->len; i++) {
        LoadedTx *loaded = l->txs->pdata[i];

        /* Those of clients in QEMU ended with that QEMU. */
        if (loaded->domid == l->c->domid) {
            if (!loaded->has_paths) {
                guess_paths(loaded->tx);
            }
            g_hash_table_insert(l->c->tx, GUINT_TO_POINTER(loaded->tx->id),
                                loaded->tx);
            loaded->tx = NULL;
        }
    }
    /* Before the guest's watches are there: it knows all this. */
    xenstore_fire_differences(l->xs, &before);
    xenstore_node_unref(before.root);
    for (guint i = 0; i < l->watches->len; i++) {
        const LoadedWatch *w = l->watches->pdata[i];

        watches[i] = xenstore_watch_add(l->c, w->canonical, w->token,
                                        strlen(w->canonical) -
                                        strlen(w->path), w->depth, NULL);
    }
    for (guint i = 0; i < events->len; i++) {
        const LoadedEvent *ev = &g_array_index(events, LoadedEvent, i);

        xenstore_event_queue(watches[ev->watch], ev->path);
    }
}

int xenstore_load(Xenstore *xs, XenstoreConn *c, const uint8_t *state,
                  size_t size, const uint8_t *extra, size_t extra_size,
                  const char **why)
{
    g_autofree Load *l = g_new0(Load, 1);
    g_autoptr(GArray) events = g_array_new(false, false, sizeof(LoadedEvent));

    l->r = (Reader) { .p = state, .left = size };
    l->xs = xs;
    l->c = c;
    l->generation = xenstore_next_generation(xs);
    l->live.guest = xs->guest;
    l->txs = g_ptr_array_new_with_free_func(free_tx);
    l->watches = g_ptr_array_new_with_free_func(g_free);
    get_state(l);
    if (!l->r.why && extra) {
        l->r = (Reader) { .p = extra, .left = extra_size };
        get_extra(l, events);
    }
    if (!l->r.why) {
        take_over(l, events);
    } else {
        xenstore_node_unref(l->live.root);
    }
    g_ptr_array_unref(l->txs);
    g_ptr_array_unref(l->watches);
    *why = l->r.why;
    return l->r.why ? -EINVAL : 0;
}
