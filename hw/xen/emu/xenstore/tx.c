/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Transactions
 *
 * Conflicts are those of Xen's xenstored: a path that was looked at, be it to
 * read or to write, must be as it was.  A node is not when its generation is
 * another; that a value below changed does not count.
 */
#include "internal.h"

static gint compare_paths(gconstpointer a, gconstpointer b, gpointer opaque)
{
    return strcmp(a, b);
}

static unsigned components(const char *path)
{
    unsigned n = 0;

    for (; *path; path++) {
        n += *path == '/';
    }
    return n;
}

XenstoreTx *xenstore_tx_new(Xenstore *xs, uint32_t id, XenstoreNode *root)
{
    XenstoreTx *tx = g_new0(XenstoreTx, 1);

    tx->id = id;
    tx->base = tx->tree = xs->live;
    xenstore_node_ref(tx->base.root);
    tx->tree.root = xenstore_node_ref(root);
    /* In this order a node comes before all below it. */
    tx->paths = g_tree_new_full(compare_paths, NULL, NULL, g_free);
    return tx;
}

void xenstore_tx_free(gpointer opaque)
{
    XenstoreTx *tx = opaque;

    g_tree_unref(tx->paths);
    xenstore_node_unref(tx->base.root);
    xenstore_node_unref(tx->tree.root);
    g_free(tx);
}

int xenstore_tx_find(XenstoreConn *c, uint32_t id, XenstoreTx **tx)
{
    *tx = NULL;
    if (id) {
        *tx = g_hash_table_lookup(c->tx, GUINT_TO_POINTER(id));
        if (!*tx) {
            return -ENOENT;
        }
    }
    return 0;
}

bool xenstore_tx_is_open(const XenstoreConn *c, uint32_t id)
{
    return g_hash_table_contains(c->tx, GUINT_TO_POINTER(id));
}

XenstoreTxPath *xenstore_tx_path(XenstoreTx *tx, const char *path)
{
    XenstoreTxPath *entry = g_tree_lookup(tx->paths, path);
    size_t len = strlen(path) + 1;

    if (!entry) {
        entry = g_malloc0(sizeof(*entry) + len);
        memcpy(entry->path, path, len);
        g_tree_insert(tx->paths, entry->path, entry);
        tx->components += components(path);
    }
    return entry;
}

/* One more path, which it has not looked at before. */
static bool is_too_much(const XenstoreTx *tx, const char *path)
{
    return g_tree_nnodes(tx->paths) >= XENSTORE_MAX_TX_PATHS ||
           tx->components + components(path) > XENSTORE_MAX_TX_COMPONENTS;
}

int xenstore_tx_look(XenstoreConn *c, XenstoreTx *tx, const char *path,
                     XenstoreTxPath **entry)
{
    XenstoreTxPath *e = NULL;

    if (tx) {
        if (xenstore_is_guest(c) && is_too_much(tx, path) &&
            !g_tree_lookup(tx->paths, path)) {
            tx->failed = true;
            return -ENOSPC;
        }
        e = xenstore_tx_path(tx, path);
    }
    if (entry) {
        *entry = e;
    }
    return 0;
}

int xenstore_tx_start(XenstoreConn *c, uint32_t *id)
{
    if (xenstore_is_guest(c) &&
        g_hash_table_size(c->tx) >= XENSTORE_MAX_TRANSACTIONS) {
        return -ENOSPC;
    }
    do {
        *id = ++c->last_tx;
    } while (!*id || g_hash_table_contains(c->tx, GUINT_TO_POINTER(*id)));
    g_hash_table_insert(c->tx, GUINT_TO_POINTER(*id),
                        xenstore_tx_new(c->xs, *id, c->xs->live.root));
    return 0;
}

/* ------------------------------------------------------------- conflicts -- */

typedef struct Check {
    const XenstoreTree *base, *live;
    bool valid;
} Check;

static gboolean check_path(gpointer key, gpointer value, gpointer opaque)
{
    const XenstoreTxPath *e = value;
    Check *check = opaque;
    const XenstoreNode *was = xenstore_tree_find(check->base, e->path);
    const XenstoreNode *is = xenstore_tree_find(check->live, e->path);

    if (was != is) {
        check->valid = was && is && was->generation == is->generation &&
                       (!e->whole ||
                        was->tree_generation == is->tree_generation);
    }
    return !check->valid;
}

bool xenstore_tx_valid(const Xenstore *xs, XenstoreTx *tx)
{
    Check check = { .base = &tx->base, .live = &xs->live, .valid = !tx->stale };

    if (check.valid && tx->base.root != xs->live.root) {
        g_tree_foreach(tx->paths, check_path, &check);
    }
    return check.valid;
}

/* ---------------------------------------------------------------- commit -- */

typedef struct Commit {
    Xenstore *xs;
    const XenstoreTx *tx;
    XenstoreTree before, after;
    uint64_t generation;
} Commit;

static gboolean apply_path(gpointer key, gpointer value, gpointer opaque)
{
    const XenstoreTxPath *e = value;
    Commit *commit = opaque;
    const XenstoreNode *node;

    if (!e->modified) {
        return false;
    }
    if (e->removed && xenstore_tree_find(&commit->after, e->path)) {
        xenstore_tree_remove(&commit->after, e->path, commit->generation);
    }
    node = xenstore_tree_find(&commit->tx->tree, e->path);
    if (node) {
        /* The parents are there, but what was loaded may contradict itself. */
        xenstore_tree_put_with_parents(&commit->after, e->path, NULL,
                                       node->perms, node->value, commit->generation);
    }
    return false;
}

static gboolean apply_to_template(gpointer key, gpointer value,
                                  gpointer opaque)
{
    const XenstoreTxPath *e = value;
    Commit *commit = opaque;
    const XenstoreNode *node;

    if (!e->modified) {
        return false;
    }
    if (e->removed) {
        xenstore_template_remove(commit->xs, e->path);
    }
    node = xenstore_tree_find(&commit->tx->tree, e->path);
    if (node) {
        xenstore_template_put(commit->xs, e->path, node->perms, node->value);
    }
    return false;
}

static gboolean fire_path(gpointer key, gpointer value, gpointer opaque)
{
    const XenstoreTxPath *e = value;
    Commit *commit = opaque;
    const XenstoreNode *old, *new;

    if (!e->fire) {
        return false;
    }
    old = xenstore_tree_find(&commit->before, e->path);
    new = xenstore_tree_find(&commit->after, e->path);
    /* What was made and removed again never was. */
    if (old || new) {
        xenstore_fire(commit->xs, e->path, &commit->before, old, new);
    }
    if (old && e->removed) {
        xenstore_fire_removed_below(commit->xs, e->path, &commit->before);
    }
    return false;
}

static int commit_tx(XenstoreConn *c, XenstoreTx *tx)
{
    Xenstore *xs = c->xs;
    Commit commit = {
        .xs = xs, .tx = tx, .before = xs->live, .after = xs->live,
    };
    XenstoreSums was = xs->live.root->sums;
    int ret = 0;

    /* One that was loaded may have come from a QEMU without this limit. */
    if (tx->failed || (xenstore_is_guest(c) &&
                       tx->components > XENSTORE_MAX_TX_COMPONENTS)) {
        return -ENOMEM;
    }
    if (!xenstore_tx_valid(xs, tx)) {
        return -EAGAIN;
    }
    commit.generation = xenstore_next_generation(xs);
    xenstore_node_ref(commit.after.root);
    g_tree_foreach(tx->paths, apply_path, &commit);
    /* Others may have taken what there was room for meanwhile. */
    if (commit.after.root->sums.owned > was.owned ||
        commit.after.root->sums.bytes > was.bytes) {
        ret = xenstore_check_limits(c, &commit.after, 0, 0);
    }
    if (ret) {
        xenstore_node_unref(commit.after.root);
        return ret;
    }
    xs->live.root = commit.after.root;
    xenstore_removal_begin(xs);
    g_tree_foreach(tx->paths, fire_path, &commit);
    xenstore_node_unref(commit.before.root);
    if (c->persistent) {
        g_tree_foreach(tx->paths, apply_to_template, &commit);
    }
    return 0;
}

int xenstore_tx_end(XenstoreConn *c, uint32_t id, bool commit)
{
    XenstoreTx *tx;
    int ret = xenstore_tx_find(c, id, &tx);

    if (ret || !tx) {
        return -ENOENT;
    }
    g_hash_table_steal(c->tx, GUINT_TO_POINTER(id));
    if (commit) {
        ret = commit_tx(c, tx);
    }
    xenstore_tx_free(tx);
    return ret;
}
