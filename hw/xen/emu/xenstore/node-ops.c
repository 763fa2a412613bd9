/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Operations on nodes: permissions, limits, both trees, events. */
#include "internal.h"

#define OWNER   4               /* beside XenstoreAccess: may change both */

static unsigned access_of(const XenstoreConn *c, const XenstorePerms *perms)
{
    if (!xenstore_is_guest(c) || perms->p[0].domid == c->domid) {
        return XENSTORE_READ | XENSTORE_WRITE | OWNER;
    }
    return xenstore_perms_access(perms, c->domid);
}

/* What an operation works on. */
typedef struct Op {
    XenstoreConn *c;
    XenstoreTx *tx;             /* or NULL */
    XenstoreTree *t;
    XenstoreNode *node;         /* or NULL */
    XenstoreNode *nearest;      /* it, or the last on the way that exists */
    XenstoreTxPath *entry;      /* of path; NULL without tx */
    char path[XENSTORE_PATH_BUF];
} Op;

/*
 * Finds the node, for somebody who needs all of @need.  A client that may not
 * do that to the last node on the way is not told whether there are more.
 */
static int find(Op *op, XenstoreConn *c, uint32_t tx, const char *path,
                unsigned need)
{
    int ret;

    op->c = c;
    ret = xenstore_tx_find(c, tx, &op->tx);
    if (ret) {
        return ret;
    }
    op->t = xenstore_tree(c, op->tx);
    ret = xenstore_canonical(c, path, false, op->path);
    if (ret) {
        return ret;
    }
    ret = xenstore_tx_look(c, op->tx, op->path, &op->entry);
    if (ret) {
        return ret;
    }
    op->node = xenstore_tree_find_nearest(op->t, op->path, &op->nearest);
    if (op->node) {
        return (access_of(c, op->node->perms) & need) == need ? 0 : -EACCES;
    }
    return access_of(c, op->nearest->perms) & need ? -ENOENT : -EACCES;
}

/* --------------------------------------------------------------- reading -- */

int xenstore_read(XenstoreConn *c, uint32_t tx, const char *path,
                  GBytes **value)
{
    Op op;
    int ret = find(&op, c, tx, path, XENSTORE_READ);

    if (!ret) {
        *value = g_bytes_ref(op.node->value);
    }
    return ret;
}

int xenstore_get_perms(XenstoreConn *c, uint32_t tx, const char *path,
                       GArray *perms)
{
    XenstorePerms *p;
    Op op;
    int ret;

    if (xenstore_is_special(path)) {
        ret = xenstore_canonical(c, path, true, op.path);
        if (ret) {
            return ret;
        }
        if (strcmp(path, "@introduceDomain") && strcmp(path, "@releaseDomain")) {
            return xenstore_is_guest(c) ? -EACCES : -ENOENT;
        }
        p = c->xs->special[path[1] == 'i'];
        if (!(access_of(c, p) & XENSTORE_READ)) {
            return -EACCES;
        }
    } else {
        ret = find(&op, c, tx, path, XENSTORE_READ);
        if (ret) {
            return ret;
        }
        p = op.node->perms;
    }
    g_array_append_vals(perms, p->p, p->n);
    return 0;
}

typedef struct Names {
    GByteArray *out;
    size_t max;
} Names;

static bool append_name(XenstoreNode *node, void *opaque)
{
    Names *names = opaque;
    size_t len = strlen(node->name) + 1;

    if (len > names->max) {
        return false;
    }
    g_byte_array_append(names->out, (const void *)node->name, len);
    names->max -= len;
    return true;
}

int xenstore_directory(XenstoreConn *c, uint32_t tx, const char *path,
                       uint64_t offset, size_t max, GByteArray *names,
                       uint64_t *total, uint64_t *generation)
{
    Op op;
    Names out = { .out = names, .max = max };
    int ret = find(&op, c, tx, path, XENSTORE_READ);

    if (ret) {
        return ret;
    }
    *total = xenstore_map_name_bytes(op.node->children);
    *generation = op.node->generation;
    xenstore_map_foreach_from(op.node->children, offset, append_name, &out);
    return 0;
}

/* -------------------------------------------------------------- changing -- */

/* The change is made: in a transaction it is noted, else all hear of it. */
static void changed(Op *op, XenstoreTree *before, XenstoreNode *old)
{
    Xenstore *xs = op->c->xs;

    if (op->tx) {
        op->entry->modified = op->entry->fire = true;
    } else {
        xenstore_fire(xs, op->path, before, old,
                      xenstore_tree_find(&xs->live, op->path));
    }
}

/* Creates the node and missing parents; none of it if anything fails. */
static int create(Op *op, GBytes *value, uint64_t generation)
{
    XenstoreConn *c = op->c;
    XenstoreNode *nearest = op->nearest;
    char path[XENSTORE_PATH_BUF];
    size_t existing = xenstore_tree_prefix(op->t, op->path);
    uint64_t nodes = 0, bytes = value ? g_bytes_get_size(value) : 0;
    XenstorePerms *perms;
    XenstorePerm *own;
    XenstoreTxPath *entry;
    int ret;

    /* The parents that are missing; the last look is at one that exists. */
    strcpy(path, op->path);
    do {
        nodes++;
        bytes += strlen(strrchr(path, '/')) +
                 nearest->perms->n * sizeof(XenstorePerm);
        xenstore_parent(path);
        ret = xenstore_tx_look(c, op->tx, path, NULL);
        if (ret) {
            return ret;
        }
    } while (strlen(path) > existing);
    ret = xenstore_check_limits(c, op->t, nodes, bytes);
    if (ret) {
        return ret;
    }

    own = g_memdup2(nearest->perms->p, nearest->perms->n * sizeof(*own));
    if (xenstore_is_guest(c)) {
        own[0].domid = c->domid;
    }
    perms = xenstore_perms_new(own, nearest->perms->n);
    g_free(own);
    xenstore_tree_put_with_parents(op->t, op->path, perms, perms, value,
                                   generation);
    strcpy(path, op->path);
    for (char *p = path + existing; op->tx && (p = strchr(p + 1, '/')); ) {
        *p = 0;
        entry = xenstore_tx_path(op->tx, path);
        entry->modified = true;
        *p = '/';
    }
    xenstore_perms_unref(perms);
    return 0;
}

int xenstore_write(XenstoreConn *c, uint32_t tx, const char *path,
                   const void *data, size_t len)
{
    g_autoptr(GBytes) value = NULL;
    XenstoreTree before;
    Op op;
    size_t old_len;
    uint64_t generation;
    int ret = find(&op, c, tx, path, XENSTORE_WRITE);

    if (ret && ret != -ENOENT) {
        return ret;
    }
    if (xenstore_is_guest(c) && len > XENSTORE_MAX_VALUE) {
        return -ENOSPC;
    }
    before = *op.t;
    xenstore_node_ref(before.root);
    value = g_bytes_new(data, len);
    generation = xenstore_next_generation(c->xs);
    if (ret) {
        ret = create(&op, value, generation);
    } else {
        old_len = g_bytes_get_size(op.node->value);
        if (len > old_len) {
            ret = xenstore_check_limits(c, op.t, 0, len - old_len);
        }
        if (!ret) {
            xenstore_tree_put(op.t, op.path, NULL, value, generation);
        }
    }
    if (!ret) {
        changed(&op, &before, op.node);
        if (!tx && c->persistent) {
            xenstore_template_put(c->xs, op.path, NULL, value);
        }
    }
    xenstore_node_unref(before.root);
    return ret;
}

int xenstore_create(XenstoreConn *c, uint32_t tx, const char *path)
{
    XenstoreTree before;
    Op op;
    int ret = find(&op, c, tx, path, XENSTORE_WRITE);

    if (ret != -ENOENT) {
        if (!ret && !tx && c->persistent &&
            !xenstore_tree_find(&c->xs->template, op.path)) {
            xenstore_template_put(c->xs, op.path, NULL, NULL);
        }
        return ret;
    }
    before = *op.t;
    xenstore_node_ref(before.root);
    ret = create(&op, NULL, xenstore_next_generation(c->xs));
    if (!ret) {
        changed(&op, &before, NULL);
        if (!tx && c->persistent) {
            xenstore_template_put(c->xs, op.path, NULL, NULL);
        }
    }
    xenstore_node_unref(before.root);
    return ret;
}

int xenstore_rm(XenstoreConn *c, uint32_t tx, const char *path)
{
    char parent[XENSTORE_PATH_BUF];
    XenstoreTree before;
    Op op;
    int ret = find(&op, c, tx, path, XENSTORE_WRITE);

    if (ret && ret != -ENOENT) {
        return ret;
    }
    if (!op.path[1]) {
        return -EINVAL;
    }
    strcpy(parent, op.path);
    xenstore_parent(parent);
    if (ret) {
        ret = xenstore_tx_look(c, op.tx, parent, NULL);
        if (ret) {
            return ret;
        }
        /* Of the template's it may be gone already by the guest's doing. */
        if (!tx && c->persistent) {
            xenstore_template_remove(c->xs, op.path);
        }
        return xenstore_tree_find(op.t, parent) ? 0 : -ENOENT;
    }
    ret = xenstore_tx_look(c, op.tx, parent, NULL);
    if (ret) {
        return ret;
    }
    before = *op.t;
    xenstore_node_ref(before.root);
    xenstore_tree_remove(op.t, op.path, xenstore_next_generation(c->xs));
    if (op.tx) {
        op.entry->whole = op.entry->removed = true;
    }
    changed(&op, &before, op.node);
    if (!op.tx) {
        xenstore_removal_begin(c->xs);
        xenstore_fire_removed_below(c->xs, op.path, &before);
        if (c->persistent) {
            xenstore_template_remove(c->xs, op.path);
        }
    }
    xenstore_node_unref(before.root);
    return 0;
}

int xenstore_set_perms(XenstoreConn *c, uint32_t tx, const char *path,
                       const XenstorePerm *p, size_t n)
{
    XenstorePerms *perms;
    XenstoreTree before;
    Op op;
    int ret;

    if (!n) {
        return -EINVAL;
    }
    if (xenstore_is_guest(c) && n > XENSTORE_MAX_PERMS) {
        return -ENOSPC;
    }
    if (xenstore_is_special(path)) {
        ret = xenstore_canonical(c, path, true, op.path);
        if (ret) {
            return ret;
        }
        if (xenstore_is_guest(c)) {
            return -EACCES;
        }
        if (strcmp(path, "@introduceDomain") && strcmp(path, "@releaseDomain")) {
            return -ENOENT;
        }
        xenstore_perms_unref(c->xs->special[path[1] == 'i']);
        c->xs->special[path[1] == 'i'] = xenstore_perms_new(p, n);
        return 0;
    }
    ret = find(&op, c, tx, path, XENSTORE_WRITE | OWNER);
    if (ret) {
        return ret;
    }
    if (xenstore_is_guest(c)) {
        if (p[0].domid != xenstore_node_owner(op.node)) {
            return -EPERM;
        }
        if (n > op.node->perms->n) {
            ret = xenstore_check_limits(c, op.t, 0, (n - op.node->perms->n) *
                                        sizeof(*p));
            if (ret) {
                return ret;
            }
        }
    }
    before = *op.t;
    xenstore_node_ref(before.root);
    perms = xenstore_perms_new(p, n);
    xenstore_tree_put(op.t, op.path, perms, NULL,
                      xenstore_next_generation(c->xs));
    changed(&op, &before, op.node);
    if (!tx && c->persistent) {
        xenstore_template_put(c->xs, op.path, perms, NULL);
    }
    xenstore_perms_unref(perms);
    xenstore_node_unref(before.root);
    return 0;
}
