/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Life of a store and its connections, and reset of the domain. */
#include <stdio.h>
#include "internal.h"

static void tree_init(XenstoreTree *t, XenstorePerms *perms, Xenstore *xs)
{
    t->guest = xs->guest;
    t->root = xenstore_node_new("", perms, NULL, NULL,
                                xenstore_next_generation(xs), xs->generation,
                                xs->guest);
}

Xenstore *xenstore_new(unsigned guest_domid)
{
    static const XenstorePerm of_domain_0 = { .domid = 0 };
    XenstorePerms *perms = xenstore_perms_new(&of_domain_0, 1);
    Xenstore *xs = g_new0(Xenstore, 1);

    g_assert(guest_domid);
    xs->guest = guest_domid;
    xs->home = g_strdup_printf("/local/domain/%u", guest_domid);
    tree_init(&xs->live, perms, xs);
    tree_init(&xs->template, perms, xs);
    for (int i = 0; i < 2; i++) {
        xs->special[i] = xenstore_perms_ref(perms);
    }
    xenstore_perms_unref(perms);
    xenstore_watches_init(xs);
    return xs;
}

void xenstore_free(Xenstore *xs)
{
    g_assert(!xs->conns);
    xenstore_watches_free(xs);
    xenstore_node_unref(xs->live.root);
    xenstore_node_unref(xs->template.root);
    for (int i = 0; i < 2; i++) {
        xenstore_perms_unref(xs->special[i]);
    }
    g_free(xs->home);
    g_free(xs);
}

XenstoreConn *xenstore_connect(Xenstore *xs, unsigned domid, bool persistent,
                               const XenstoreConnOps *ops, void *opaque)
{
    XenstoreConn *c = g_new0(XenstoreConn, 1);

    g_assert(domid == 0 || domid == xs->guest);
    c->xs = xs;
    c->domid = domid;
    c->persistent = persistent;
    c->ops = ops;
    c->opaque = opaque;
    c->home = g_strdup_printf("/local/domain/%u", domid);
    g_queue_init(&c->watches);
    g_queue_init(&c->events);
    c->tx = g_hash_table_new_full(NULL, NULL, NULL, xenstore_tx_free);
    xs->conns = g_list_prepend(xs->conns, c);
    return c;
}

void xenstore_reset_connection(XenstoreConn *c)
{
    xenstore_watches_remove(c);
    g_hash_table_remove_all(c->tx);
}

void xenstore_disconnect(XenstoreConn *c)
{
    xenstore_reset_connection(c);
    g_clear_pointer((gpointer *)&c->taken, g_free);
    c->xs->conns = g_list_remove(c->xs->conns, c);
    g_hash_table_unref(c->tx);
    g_free(c->home);
    g_free(c);
}

const char *xenstore_guest_home(const Xenstore *xs)
{
    return xs->home;
}

void xenstore_stats(Xenstore *xs, XenstoreStats *stats)
{
    *stats = (XenstoreStats) {
        .nodes = xs->live.root->sums.nodes,
        .guest_nodes = xs->live.root->sums.owned,
    };
    for (GList *l = xs->conns; l; l = l->next) {
        XenstoreConn *c = l->data;

        if (xenstore_is_guest(c)) {
            stats->watches += c->watches.length;
            stats->transactions += g_hash_table_size(c->tx);
            stats->events += c->events.length;
            stats->dropped += c->dropped;
        }
    }
}

/* ----------------------------------------------------------------- reset -- */

/* A walk over a tree with the path of where it is. */
typedef struct Walk {
    Xenstore *xs;
    XenstoreTree before;
    GPtrArray *paths;           /* found */
    size_t len;
    char path[XENSTORE_PATH_BUF];
} Walk;

static size_t enter(Walk *walk, const char *name)
{
    size_t len = walk->len;

    walk->len += snprintf(walk->path + len, sizeof(walk->path) - len, "/%s",
                          name);
    return len;
}

static void leave(Walk *walk, size_t len)
{
    walk->path[len] = 0;
    walk->len = len;
}

/* The guest's nodes outside of its home, the topmost of each. */
static bool find_owned(XenstoreNode *node, void *opaque)
{
    Walk *walk = opaque;
    size_t len;

    if (!node->sums.owned) {
        return true;
    }
    len = enter(walk, node->name);
    if (!strcmp(walk->path, walk->xs->home)) {
        /* Not these. */
    } else if (xenstore_node_owner(node) == walk->xs->guest) {
        g_ptr_array_add(walk->paths, g_strdup(walk->path));
    } else {
        xenstore_map_foreach(node->children, find_owned, walk);
    }
    leave(walk, len);
    return true;
}

/* Events for what is new or other in @node than it was. */
static bool fire_new(XenstoreNode *node, void *opaque)
{
    Walk *walk = opaque;
    size_t len = enter(walk, node->name);
    const XenstoreNode *old = xenstore_tree_find(&walk->before, walk->path);

    if (old != node) {
        if (!old || !xenstore_node_same(old, node)) {
            xenstore_fire(walk->xs, walk->path, &walk->before, old, node);
        }
        xenstore_map_foreach(node->children, fire_new, walk);
    }
    leave(walk, len);
    return true;
}

/* Events for what was there and is not any more. */
static bool fire_gone(XenstoreNode *node, void *opaque)
{
    Walk *walk = opaque;
    size_t len = enter(walk, node->name);
    const XenstoreNode *new = xenstore_tree_find(&walk->xs->live, walk->path);

    if (!new) {
        xenstore_fire(walk->xs, walk->path, &walk->before, node, NULL);
        xenstore_fire_removed_below(walk->xs, walk->path, &walk->before);
    } else if (new != node) {
        xenstore_map_foreach(node->children, fire_gone, walk);
    }
    leave(walk, len);
    return true;
}

void xenstore_fire_differences(Xenstore *xs, const XenstoreTree *before)
{
    Walk walk = { .xs = xs, .before = *before };

    xenstore_removal_begin(xs);
    xenstore_map_foreach(before->root->children, fire_gone, &walk);
    xenstore_map_foreach(xs->live.root->children, fire_new, &walk);
}

void xenstore_reset_domain(Xenstore *xs)
{
    Walk walk = { .xs = xs, .paths = g_ptr_array_new_with_free_func(g_free) };
    XenstoreTree before = xs->live;
    XenstoreNode *home = xenstore_tree_find(&xs->template, xs->home);
    char parent[XENSTORE_PATH_BUF];

    for (GList *l = xs->conns; l; l = l->next) {
        if (xenstore_is_guest(l->data)) {
            xenstore_reset_connection(l->data);
        }
    }

    xenstore_node_ref(before.root);
    xenstore_map_foreach(xs->live.root->children, find_owned, &walk);
    for (guint i = 0; i < walk.paths->len; i++) {
        xenstore_tree_remove(&xs->live, walk.paths->pdata[i],
                             xenstore_next_generation(xs));
    }
    g_ptr_array_unref(walk.paths);

    if (home) {
        snprintf(parent, sizeof(parent), "%s", xs->home);
        xenstore_parent(parent);
        /* Nobody but QEMU can remove it, but it may. */
        if (!xenstore_tree_find(&xs->live, parent)) {
            xenstore_tree_put_with_parents(&xs->live, parent, NULL, NULL, NULL,
                                           xenstore_next_generation(xs));
        }
        xenstore_tree_graft(&xs->live, xs->home, home,
                            xenstore_next_generation(xs));
    }
    xenstore_fire_differences(xs, &before);
    xenstore_node_unref(before.root);
}
