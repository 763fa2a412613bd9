/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A node's children: immutable treaps; see tree.h. */
#include <string.h>
#include "tree.h"

struct XenstoreMap {
    unsigned refs;
    uint32_t priority;          /* not below that of the links under it */
    XenstoreNode *node;
    XenstoreMap *left, *right;
    uint64_t name_bytes;
    XenstoreSums sums;
};

uint64_t xenstore_visits;

static XenstoreMap *ref(XenstoreMap *map)
{
    if (map) {
        map->refs++;
    }
    return map;
}

XenstoreMap *xenstore_map_ref(XenstoreMap *map)
{
    return ref(map);
}

void xenstore_map_unref(XenstoreMap *map)
{
    if (!map || --map->refs) {
        return;
    }
    xenstore_map_unref(map->left);
    xenstore_map_unref(map->right);
    xenstore_node_unref(map->node);
    g_free(map);
}

uint64_t xenstore_map_name_bytes(const XenstoreMap *map)
{
    return map ? map->name_bytes : 0;
}

XenstoreSums xenstore_map_sums(const XenstoreMap *map)
{
    static const XenstoreSums none;

    return map ? map->sums : none;
}

static void add(XenstoreSums *sums, XenstoreSums more)
{
    sums->nodes += more.nodes;
    sums->owned += more.owned;
    sums->bytes += more.bytes;
}

/* @left and @right are taken. */
static XenstoreMap *link_new(XenstoreNode *node, uint32_t priority,
                             XenstoreMap *left, XenstoreMap *right)
{
    XenstoreMap *map = g_new(XenstoreMap, 1);

    xenstore_visits++;
    *map = (XenstoreMap) {
        .refs = 1,
        .priority = priority,
        .node = xenstore_node_ref(node),
        .left = left,
        .right = right,
        .name_bytes = strlen(node->name) + 1,
        .sums = node->sums,
    };
    for (int i = 0; i < 2; i++) {
        XenstoreMap *child = i ? right : left;

        map->name_bytes += xenstore_map_name_bytes(child);
        add(&map->sums, xenstore_map_sums(child));
    }
    return map;
}

XenstoreNode *xenstore_map_find(const XenstoreMap *map, const char *name)
{
    while (map) {
        int order = strcmp(name, map->node->name);

        xenstore_visits++;
        if (!order) {
            return map->node;
        }
        map = order < 0 ? map->left : map->right;
    }
    return NULL;
}

/* New maps of what is before @name and what is after it; it is in neither. */
static void split(const XenstoreMap *map, const char *name,
                  XenstoreMap **before, XenstoreMap **after)
{
    XenstoreMap *part;

    if (!map) {
        *before = *after = NULL;
    } else if (strcmp(map->node->name, name) < 0) {
        split(map->right, name, &part, after);
        *before = link_new(map->node, map->priority, ref(map->left), part);
    } else {
        split(map->left, name, before, &part);
        *after = link_new(map->node, map->priority, part, ref(map->right));
    }
}

/* A new map of both; all names of @a are before those of @b. */
static XenstoreMap *join(XenstoreMap *a, XenstoreMap *b)
{
    if (!a || !b) {
        return ref(a ? a : b);
    }
    if (a->priority >= b->priority) {
        return link_new(a->node, a->priority, ref(a->left),
                        join(a->right, b));
    }
    return link_new(b->node, b->priority, join(a, b->left), ref(b->right));
}

static XenstoreMap *replace(const XenstoreMap *map, XenstoreNode *node)
{
    int order = strcmp(node->name, map->node->name);

    if (order < 0) {
        return link_new(map->node, map->priority, replace(map->left, node),
                        ref(map->right));
    }
    if (order > 0) {
        return link_new(map->node, map->priority, ref(map->left),
                        replace(map->right, node));
    }
    return link_new(node, map->priority, ref(map->left), ref(map->right));
}

static XenstoreMap *insert(const XenstoreMap *map, XenstoreNode *node,
                           uint32_t priority)
{
    XenstoreMap *before, *after;

    if (!map || priority > map->priority) {
        split(map, node->name, &before, &after);
        return link_new(node, priority, before, after);
    }
    if (strcmp(node->name, map->node->name) < 0) {
        return link_new(map->node, map->priority,
                        insert(map->left, node, priority), ref(map->right));
    }
    return link_new(map->node, map->priority, ref(map->left),
                    insert(map->right, node, priority));
}

XenstoreMap *xenstore_map_set(const XenstoreMap *map, XenstoreNode *node)
{
    if (xenstore_map_find(map, node->name)) {
        return replace(map, node);
    }
    return insert(map, node, g_random_int());
}

XenstoreMap *xenstore_map_remove(const XenstoreMap *map, const char *name)
{
    int order = strcmp(name, map->node->name);

    if (order < 0) {
        return link_new(map->node, map->priority,
                        xenstore_map_remove(map->left, name),
                        ref(map->right));
    }
    if (order > 0) {
        return link_new(map->node, map->priority, ref(map->left),
                        xenstore_map_remove(map->right, name));
    }
    return join(map->left, map->right);
}

bool xenstore_map_foreach(const XenstoreMap *map, XenstoreMapFn fn,
                          void *opaque)
{
    if (!map) {
        return true;
    }
    xenstore_visits++;
    return xenstore_map_foreach(map->left, fn, opaque) &&
           fn(map->node, opaque) &&
           xenstore_map_foreach(map->right, fn, opaque);
}

bool xenstore_map_foreach_from(const XenstoreMap *map, uint64_t offset,
                               XenstoreMapFn fn, void *opaque)
{
    uint64_t before, end;

    if (!map) {
        return true;
    }
    xenstore_visits++;
    before = xenstore_map_name_bytes(map->left);
    end = before + strlen(map->node->name) + 1;
    if (offset >= end) {
        return xenstore_map_foreach_from(map->right, offset - end, fn, opaque);
    }
    if (offset < before &&
        !xenstore_map_foreach_from(map->left, offset, fn, opaque)) {
        return false;
    }
    if (offset <= before && !fn(map->node, opaque)) {
        return false;
    }
    return xenstore_map_foreach(map->right, fn, opaque);
}
