/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Trees of immutable nodes
 *
 * Once made, a node, a map of children and a list of permissions never change,
 * so they may be in any number of trees; each counts its references (not
 * atomically: see store.h, Locking).  Functions that "return a new" thing
 * return a reference that the caller must drop; arguments are borrowed.
 *
 * A map is a treap: a search tree by name, whose shape follows from random
 * numbers that the guest cannot know, so it is balanced whatever the names.
 *
 * Depth of recursion: at most one level for each component of a path (1,536, by
 * the length of a path), and the depth of the maps on the way.
 */
#ifndef HW_XEN_EMU_XENSTORE_TREE_H
#define HW_XEN_EMU_XENSTORE_TREE_H

#include "hw/xen/emu/xenstore/store.h"

typedef struct XenstorePerms {
    unsigned refs;
    unsigned n;                 /* at least 1 */
    XenstorePerm p[];
} XenstorePerms;

/* What is below a node or a link of a map, itself included. */
typedef struct XenstoreSums {
    uint32_t nodes;
    uint32_t owned;             /* nodes of the guest */
    uint64_t bytes;             /* that these take */
} XenstoreSums;

typedef struct XenstoreMap XenstoreMap;

typedef struct XenstoreNode {
    unsigned refs;
    XenstorePerms *perms;
    GBytes *value;
    XenstoreMap *children;      /* NULL: none */
    uint64_t generation;        /* value, permissions, set of children */
    uint64_t tree_generation;   /* anything in it or below */
    XenstoreSums sums;
    char name[];
} XenstoreNode;

/* A tree that changes: its root, and whose nodes are summed up. */
typedef struct XenstoreTree {
    XenstoreNode *root;
    unsigned guest;             /* domain */
} XenstoreTree;

/* --------------------------------------------------------- permissions -- */

XenstorePerms *xenstore_perms_new(const XenstorePerm *p, size_t n);
XenstorePerms *xenstore_perms_ref(XenstorePerms *perms);
void xenstore_perms_unref(XenstorePerms *perms);
bool xenstore_perms_equal(const XenstorePerms *a, const XenstorePerms *b);
/* What @domid may do: XenstoreAccess. */
unsigned xenstore_perms_access(const XenstorePerms *perms, unsigned domid);

/* ---------------------------------------------------------------- maps -- */

/* @map, which may be NULL. */
XenstoreMap *xenstore_map_ref(XenstoreMap *map);
void xenstore_map_unref(XenstoreMap *map);
/* Borrowed, or NULL. */
XenstoreNode *xenstore_map_find(const XenstoreMap *map, const char *name);
/* A new map with @node in the place of the one of its name, or added. */
XenstoreMap *xenstore_map_set(const XenstoreMap *map, XenstoreNode *node);
/* A new map without @name, which must be there. */
XenstoreMap *xenstore_map_remove(const XenstoreMap *map, const char *name);
/* Length of all names, each with its 0. */
uint64_t xenstore_map_name_bytes(const XenstoreMap *map);
XenstoreSums xenstore_map_sums(const XenstoreMap *map);
/* In order of names.  Stops when @fn returns false, and then returns false. */
typedef bool (*XenstoreMapFn)(XenstoreNode *node, void *opaque);
bool xenstore_map_foreach(const XenstoreMap *map, XenstoreMapFn fn,
                          void *opaque);
/* The same, from the first name @offset bytes from the list's start or later. */
bool xenstore_map_foreach_from(const XenstoreMap *map, uint64_t offset,
                               XenstoreMapFn fn, void *opaque);

/* --------------------------------------------------------------- nodes -- */

/* A new node; @value may be NULL (empty), as may @children, which is taken. */
XenstoreNode *xenstore_node_new(const char *name, XenstorePerms *perms,
                                GBytes *value, XenstoreMap *children,
                                uint64_t generation, uint64_t tree_generation,
                                unsigned guest);
XenstoreNode *xenstore_node_ref(XenstoreNode *node);
void xenstore_node_unref(XenstoreNode *node);
/* Value and permissions are the same. */
bool xenstore_node_same(const XenstoreNode *a, const XenstoreNode *b);
static inline unsigned xenstore_node_owner(const XenstoreNode *node)
{
    return node->perms->p[0].domid;
}

/* --------------------------------------------------------------- trees -- */
/*
 * @path is canonical and absolute.  @generation: what the nodes that change
 * get, a number that was never used before.
 */

/* Borrowed, or NULL: there is none. */
XenstoreNode *xenstore_tree_find(const XenstoreTree *t, const char *path);
/* The same; *@nearest: the node, or the last parent on the way that exists. */
XenstoreNode *xenstore_tree_find_nearest(const XenstoreTree *t,
                                         const char *path,
                                         XenstoreNode **nearest);
/* The length of the part of @path that exists; 1: only the root. */
size_t xenstore_tree_prefix(const XenstoreTree *t, const char *path);
/*
 * Sets value or permissions (NULL: as they are; of a new node, empty and
 * @perms must be given).  The parent must exist.
 */
void xenstore_tree_put(XenstoreTree *t, const char *path, XenstorePerms *perms,
                       GBytes *value, uint64_t generation);
/*
 * The same, where parents may be missing: they get @parents.  Where @parents, or
 * @perms of a new node, is NULL, they are the permissions of the last that
 * exists.  What it costs is linear in the depth, however many are missing.
 */
void xenstore_tree_put_with_parents(XenstoreTree *t, const char *path,
                                    XenstorePerms *parents,
                                    XenstorePerms *perms, GBytes *value,
                                    uint64_t generation);
/* Removes the node and all below; not the root.  It must exist. */
void xenstore_tree_remove(XenstoreTree *t, const char *path,
                          uint64_t generation);
/* Puts @node, with all below, in the place of what is at @path or is not. */
void xenstore_tree_graft(XenstoreTree *t, const char *path,
                         XenstoreNode *node, uint64_t generation);

#endif
