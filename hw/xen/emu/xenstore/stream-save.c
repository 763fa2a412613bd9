/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Migration: what is written; see stream.h. */
#include <stdio.h>
#include "stream.h"

static void put_u8(GByteArray *out, uint8_t value)
{
    g_byte_array_append(out, &value, 1);
}

static void put_u32(GByteArray *out, uint32_t value)
{
    uint32_t be = GUINT32_TO_BE(value);

    g_byte_array_append(out, (const void *)&be, sizeof(be));
}

static void put_string(GByteArray *out, const char *s)
{
    g_byte_array_append(out, (const void *)s, strlen(s) + 1);
}

typedef struct Save {
    GByteArray *out;
    const XenstoreTree *live;   /* to refer to; NULL: it is the one */
    uint32_t root_tx;
    const XenstoreTx *tx;
    size_t len;
    char path[XENSTORE_PATH_BUF];
} Save;

static void save_node(Save *s, const XenstoreNode *node);

static bool save_child(XenstoreNode *node, void *opaque)
{
    Save *s = opaque;
    size_t len = s->len;

    put_string(s->out, node->name);
    s->len += snprintf(s->path + len, sizeof(s->path) - len, "/%s",
                       node->name);
    save_node(s, node);
    s->len = len;
    s->path[len] = 0;
    return true;
}

static void save_node(Save *s, const XenstoreNode *node)
{
    const XenstoreTxPath *entry;
    const char *path = *s->path ? s->path : "/";
    uint8_t flags = 0;
    gsize len;
    const void *data = g_bytes_get_data(node->value, &len);

    if (s->live && xenstore_tree_find(s->live, path) == node) {
        put_u8(s->out, STREAM_REFERENCE);
        put_u32(s->out, s->root_tx);
        return;
    }
    entry = s->tx ? g_tree_lookup(s->tx->paths, path) : NULL;
    if (entry && entry->modified) {
        flags |= STREAM_MODIFIED;
    }
    put_u8(s->out, flags);
    put_u32(s->out, len);
    g_byte_array_append(s->out, data, len);
    for (unsigned i = 0; i < node->perms->n; i++) {
        char text[16];

        snprintf(text, sizeof(text), "%c%u", "nrwb"[node->perms->p[i].access],
                 node->perms->p[i].domid);
        put_string(s->out, text);
    }
    put_string(s->out, "");
    xenstore_map_foreach(node->children, save_child, s);
    put_string(s->out, "");
}

static void save_tree(GByteArray *out, const XenstoreTree *t, uint32_t tx_id,
                      const XenstoreTree *live, uint32_t root_tx,
                      const XenstoreTx *tx)
{
    Save s = { .out = out, .live = live, .root_tx = root_tx, .tx = tx };

    put_u32(out, tx_id);
    save_node(&s, t->root);
}

static gboolean save_path(gpointer key, gpointer value, gpointer opaque)
{
    const XenstoreTxPath *e = value;

    put_u8(opaque, (e->whole ? STREAM_PATH_WHOLE : 0) |
                   (e->modified ? STREAM_PATH_MODIFIED : 0) |
                   (e->removed ? STREAM_PATH_REMOVED : 0) |
                   (e->fire ? STREAM_PATH_FIRE : 0));
    put_string(opaque, e->path);
    return false;
}

static void save_event(const XenstoreWatch *w, const char *path, void *opaque)
{
    put_u32(opaque, g_queue_link_index(&w->conn->watches,
                                       (GList *)&w->conn_link));
    put_string(opaque, path);
}

/*
 * The tree that a transaction began with is not in the stream.  If it is not the
 * live one any more, what it has not looked at yet might be another by now: so
 * its end is -EAGAIN after the migration, as if it had looked at everything.
 */
static bool is_stale(const Xenstore *xs, const XenstoreTx *tx)
{
    return tx->stale || tx->base.root != xs->live.root;
}

static void save_extra(XenstoreConn *c, GList *transactions, GByteArray *extra)
{
    bool needed = transactions || c->events.length;

    for (GList *l = c->watches.head; l && !needed; l = l->next) {
        needed = ((XenstoreWatch *)l->data)->depth >= 0;
    }
    if (!needed) {
        return;
    }
    put_u8(extra, STREAM_VERSION);
    put_u32(extra, g_list_length(transactions));
    for (GList *l = transactions; l; l = l->next) {
        XenstoreTx *tx = l->data;

        put_u32(extra, tx->id);
        put_u8(extra, (is_stale(c->xs, tx) ? STREAM_TX_STALE : 0) |
                      (tx->failed ? STREAM_TX_FAILED : 0));
        put_u32(extra, g_tree_nnodes(tx->paths));
        g_tree_foreach(tx->paths, save_path, extra);
    }
    for (GList *l = c->watches.head; l; l = l->next) {
        put_u32(extra, ((XenstoreWatch *)l->data)->depth);
    }
    put_u32(extra, c->events.length);
    xenstore_foreach_event(c, save_event, extra);
}

static gint by_id(gconstpointer a, gconstpointer b, gpointer opaque)
{
    const XenstoreTx *x = a, *y = b;

    return x->id < y->id ? -1 : x->id > y->id;
}

void xenstore_save(Xenstore *xs, XenstoreConn *c, GByteArray *state,
                   GByteArray *extra)
{
    g_autoptr(GList) transactions = g_list_sort_with_data(
        g_hash_table_get_values(c->tx), by_id, NULL);
    uint32_t root_tx = 1, last_tx = c->last_tx;

    for (GList *l = transactions; l; l = l->next) {
        uint32_t id = ((XenstoreTx *)l->data)->id;

        last_tx = MAX(last_tx, id);
        root_tx += id == root_tx;
    }
    put_u32(state, MAX(last_tx, root_tx));
    save_tree(state, &xs->live, root_tx, NULL, 0, NULL);
    for (GList *l = transactions; l; l = l->next) {
        XenstoreTx *tx = l->data;

        /* Any other number than the root's makes its end -EAGAIN. */
        put_u32(state, is_stale(xs, tx) ? tx->id : root_tx);
        put_u32(state, c->domid);
        save_tree(state, &tx->tree, tx->id, &xs->live, root_tx, tx);
    }
    put_u32(state, 0);
    for (GList *l = c->watches.head; l; l = l->next) {
        XenstoreWatch *w = l->data;

        put_string(state, w->path->name + w->skip);
        put_string(state, w->token);
    }
    put_string(state, "");
    save_extra(c, transactions, extra);
}
