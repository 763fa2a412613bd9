/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Permissions, nodes and trees of them; see tree.h. */
#include <string.h>
#include "tree.h"

/* --------------------------------------------------------- permissions -- */

XenstorePerms *xenstore_perms_new(const XenstorePerm *p, size_t n)
{
    XenstorePerms *perms = g_malloc(sizeof(*perms) + n * sizeof(*p));

    g_assert(n > 0);
    perms->refs = 1;
    perms->n = n;
    memcpy(perms->p, p, n * sizeof(*p));
    return perms;
}

XenstorePerms *xenstore_perms_ref(XenstorePerms *perms)
{
    perms->refs++;
    return perms;
}

void xenstore_perms_unref(XenstorePerms *perms)
{
    if (perms && !--perms->refs) {
        g_free(perms);
    }
}

bool xenstore_perms_equal(const XenstorePerms *a, const XenstorePerms *b)
{
    if (a->n != b->n) {
        return false;
    }
    for (unsigned i = 0; i < a->n; i++) {
        if (a->p[i].domid != b->p[i].domid ||
            a->p[i].access != b->p[i].access) {
            return false;
        }
    }
    return true;
}

unsigned xenstore_perms_access(const XenstorePerms *perms, unsigned domid)
{
    if (domid == 0 || perms->p[0].domid == domid) {
        return XENSTORE_READ | XENSTORE_WRITE;
    }
    for (unsigned i = 1; i < perms->n; i++) {
        if (perms->p[i].domid == domid) {
            return perms->p[i].access;
        }
    }
    return perms->p[0].access;
}

/* ---------------------------------------------------------------- maps -- */

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

/* --------------------------------------------------------------- nodes -- */

XenstoreNode *xenstore_node_new(const char *name, XenstorePerms *perms,
                                GBytes *value, XenstoreMap *children,
                                uint64_t generation, uint64_t tree_generation,
                                unsigned guest)
{
    size_t len = strlen(name) + 1;
    XenstoreNode *node = g_malloc(sizeof(*node) + len);
    bool owned = perms->p[0].domid == guest;

    xenstore_visits++;
    *node = (XenstoreNode) {
        .refs = 1,
        .perms = xenstore_perms_ref(perms),
        .value = value ? g_bytes_ref(value) : g_bytes_new(NULL, 0),
        .children = children,
        .generation = generation,
        .tree_generation = tree_generation,
        .sums = xenstore_map_sums(children),
    };
    memcpy(node->name, name, len);
    node->sums.nodes++;
    if (owned) {
        node->sums.owned++;
        node->sums.bytes += len + g_bytes_get_size(node->value) +
                            perms->n * sizeof(XenstorePerm);
    }
    return node;
}

XenstoreNode *xenstore_node_ref(XenstoreNode *node)
{
    node->refs++;
    return node;
}

void xenstore_node_unref(XenstoreNode *node)
{
    if (!node || --node->refs) {
        return;
    }
    xenstore_map_unref(node->children);
    g_bytes_unref(node->value);
    xenstore_perms_unref(node->perms);
    g_free(node);
}

bool xenstore_node_same(const XenstoreNode *a, const XenstoreNode *b)
{
    return a == b || (g_bytes_equal(a->value, b->value) &&
                      xenstore_perms_equal(a->perms, b->perms));
}

/* --------------------------------------------------------------- trees -- */

/* The name that @path, behind a '/', begins with; what follows in *@rest. */
static const char *component(const char *path, const char **rest, char *buf)
{
    size_t len = strcspn(path, "/");

    memcpy(buf, path, len);
    buf[len] = 0;
    *rest = path + len + (path[len] == '/');
    return buf;
}

XenstoreNode *xenstore_tree_find_nearest(const XenstoreTree *t,
                                         const char *path,
                                         XenstoreNode **nearest)
{
    XenstoreNode *node = t->root;
    char name[XENSTORE_PATH_BUF];

    g_assert(*path == '/');
    xenstore_visits++;
    *nearest = node;
    for (path++; *path && node; ) {
        node = xenstore_map_find(node->children,
                                 component(path, &path, name));
        if (node) {
            *nearest = node;
        }
    }
    return node;
}

size_t xenstore_tree_prefix(const XenstoreTree *t, const char *path)
{
    XenstoreNode *node = t->root;
    char name[XENSTORE_PATH_BUF];
    const char *rest = path + 1;
    size_t len = 1;

    xenstore_visits++;
    while (*rest) {
        node = xenstore_map_find(node->children, component(rest, &rest, name));
        if (!node) {
            break;
        }
        len = rest - path - (*rest != 0);
    }
    return len;
}

XenstoreNode *xenstore_tree_find(const XenstoreTree *t, const char *path)
{
    XenstoreNode *nearest;

    return xenstore_tree_find_nearest(t, path, &nearest);
}

/* What becomes of the node at the end of a path. */
typedef struct Edit {
    unsigned guest;
    uint64_t generation;
    bool remove;
    XenstorePerms *parents;     /* of those that are missing; NULL: none is */
    XenstoreNode *graft;        /* or NULL: set these two */
    XenstorePerms *perms;
    GBytes *value;
    char name[XENSTORE_PATH_BUF];       /* of whatever is looked at */
} Edit;

/* The new node of what was @node (NULL: nothing); NULL: it is removed. */
static XenstoreNode *edit_leaf(const XenstoreNode *node, const char *name,
                               const Edit *e)
{
    if (e->remove) {
        g_assert(node);
        return NULL;
    }
    if (e->graft) {
        return xenstore_node_ref(e->graft);
    }
    if (!node) {
        return xenstore_node_new(name, e->perms, e->value, NULL,
                                 e->generation, e->generation, e->guest);
    }
    return xenstore_node_new(node->name, e->perms ?: node->perms,
                             e->value ?: node->value,
                             xenstore_map_ref(node->children),
                             e->generation, e->generation, e->guest);
}

/*
 * The new node @name, which is not there, on the way to @path: each is made once,
 * from the last to the first.
 */
static XenstoreNode *new_chain(const char *name, const char *path,
                               const Edit *e)
{
    g_autofree char *left = g_strdup(path);
    char *last = strrchr(left, '/');
    XenstoreNode *node = edit_leaf(NULL, last ? last + 1 : left, e);

    for (;;) {
        XenstoreMap *children = xenstore_map_set(NULL, node);
        const char *parent = name;

        xenstore_node_unref(node);
        if (last) {
            *last = 0;
            last = strrchr(left, '/');
            parent = last ? last + 1 : left;
        }
        node = xenstore_node_new(parent, e->parents, NULL, children,
                                 e->generation, e->generation, e->guest);
        if (parent == name) {
            return node;
        }
    }
}

/* The same for @node on the way to @path, which does not begin with '/'. */
static XenstoreNode *edit_node(const XenstoreNode *node, const char *path,
                               Edit *e)
{
    XenstoreNode *old, *new;
    XenstoreMap *children;
    const char *rest;
    bool last;

    component(path, &rest, e->name);
    last = !*rest;
    old = xenstore_map_find(node->children, e->name);
    g_assert(old || last || e->parents);
    if (last) {
        new = edit_leaf(old, e->name, e);
    } else if (old) {
        new = edit_node(old, rest, e);
    } else {
        new = new_chain(e->name, rest, e);
    }

    if (new) {
        children = xenstore_map_set(node->children, new);
        xenstore_node_unref(new);
    } else {
        children = xenstore_map_remove(node->children, old->name);
    }
    /* A child that came or went is a change of this node. */
    return xenstore_node_new(node->name, node->perms, node->value, children,
                             !old || !new ? e->generation : node->generation,
                             e->generation, e->guest);
}

static void edit_tree(XenstoreTree *t, const char *path, Edit *e)
{
    XenstoreNode *old = t->root;

    g_assert(*path == '/');
    t->root = path[1] ? edit_node(old, path + 1, e) : edit_leaf(old, "", e);
    g_assert(t->root);
    xenstore_node_unref(old);
}

void xenstore_tree_put(XenstoreTree *t, const char *path, XenstorePerms *perms,
                       GBytes *value, uint64_t generation)
{
    Edit e = {
        .guest = t->guest, .generation = generation,
        .perms = perms, .value = value,
    };

    edit_tree(t, path, &e);
}

void xenstore_tree_put_with_parents(XenstoreTree *t, const char *path,
                                    XenstorePerms *parents,
                                    XenstorePerms *perms, GBytes *value,
                                    uint64_t generation)
{
    XenstoreNode *nearest, *node = xenstore_tree_find_nearest(t, path,
                                                              &nearest);
    /* The edit drops the last reference to @nearest. */
    XenstorePerms *inherited = xenstore_perms_ref(nearest->perms);
    Edit e = {
        .guest = t->guest, .generation = generation,
        .parents = parents ?: inherited,
        .perms = perms || node ? perms : inherited, .value = value,
    };

    edit_tree(t, path, &e);
    xenstore_perms_unref(inherited);
}

void xenstore_tree_remove(XenstoreTree *t, const char *path,
                          uint64_t generation)
{
    Edit e = { .guest = t->guest, .generation = generation, .remove = true };

    edit_tree(t, path, &e);
}

void xenstore_tree_graft(XenstoreTree *t, const char *path,
                         XenstoreNode *node, uint64_t generation)
{
    Edit e = { .guest = t->guest, .generation = generation, .graft = node };

    edit_tree(t, path, &e);
}
