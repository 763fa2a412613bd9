/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "xenstore-model.h"

typedef struct Node {
    char *value, *perms;
    uint64_t version;           /* of these and the set of children */
} Node;

typedef struct Tx {
    unsigned who;
    GHashTable *start, *now;    /* path -> Node */
    GHashTable *looked;         /* set of paths */
    GHashTable *subtrees;       /* set: all below counts */
    GHashTable *changed;        /* set: an event */
    GHashTable *removed;        /* set */
} Tx;

typedef struct Watch {
    unsigned who;
    char *path, *token;
    int depth;
} Watch;

struct Model {
    GHashTable *now;
    uint64_t version;
    GHashTable *txs;
    GPtrArray *watches;
    GHashTable *events[MODEL_CLIENTS];  /* set of "path token" */
};

/* ----------------------------------------------------------------- tables -- */

static void free_node(gpointer opaque)
{
    Node *n = opaque;

    g_free(n->value);
    g_free(n->perms);
    g_free(n);
}

static GHashTable *table_new(void)
{
    return g_hash_table_new_full(g_str_hash, g_str_equal, g_free, free_node);
}

static void put(GHashTable *t, const char *path, const char *value,
                const char *perms, uint64_t version)
{
    Node *n = g_new0(Node, 1);

    n->value = g_strdup(value);
    n->perms = g_strdup(perms);
    n->version = version;
    g_hash_table_replace(t, g_strdup(path), n);
}

static GHashTable *table_copy(GHashTable *from)
{
    GHashTable *t = table_new();
    GHashTableIter i;
    gpointer path, node;

    g_hash_table_iter_init(&i, from);
    while (g_hash_table_iter_next(&i, &path, &node)) {
        put(t, path, ((Node *)node)->value, ((Node *)node)->perms,
            ((Node *)node)->version);
    }
    return t;
}

static GHashTable *set_new(void)
{
    return g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
}

static void set_add(GHashTable *set, const char *text)
{
    g_hash_table_add(set, g_strdup(text));
}

static GList *sorted(GHashTable *t)
{
    return g_list_sort(g_hash_table_get_keys(t), (GCompareFunc)strcmp);
}

static bool is_below(const char *path, const char *top)
{
    size_t len = strlen(top);

    return !strcmp(top, "/") ? path[1] != 0
                             : g_str_has_prefix(path, top) && path[len] == '/';
}

static char *parent_of(const char *path)
{
    char *parent = g_path_get_dirname(path);

    return parent;
}

/* 'r', 'w' or 'o' (change permissions). */
static bool may(unsigned who, const char *perms, char what)
{
    g_auto(GStrv) list = g_strsplit(perms, " ", -1);
    char letter = list[0][0];

    if (who == 0 || (unsigned)atoi(list[0] + 1) == who) {
        return true;
    }
    for (int i = 1; list[i]; i++) {
        if ((unsigned)atoi(list[i] + 1) == who) {
            letter = list[i][0];
            break;
        }
    }
    return what != 'o' && (letter == 'b' || letter == what);
}

/* ----------------------------------------------------------------- events -- */

static int depth_below(const char *path, const char *top)
{
    int n = 0;

    for (const char *p = path + (strcmp(top, "/") ? strlen(top) : 0); *p;
         p++) {
        n += *p == '/';
    }
    return strcmp(path, "/") ? n : 0;
}

static bool may_know(Model *m, GHashTable *before, unsigned who,
                     const char *path)
{
    g_autofree char *parent = parent_of(path);
    Node *nodes[] = {
        g_hash_table_lookup(m->now, path), g_hash_table_lookup(before, path),
        g_hash_table_lookup(m->now, parent) ?:
        g_hash_table_lookup(before, parent),
    };

    for (int i = 0; i < 3; i++) {
        if (nodes[i] && may(who, nodes[i]->perms, 'r')) {
            return true;
        }
    }
    return false;
}

/* @path changed; @removed: it was removed, so what was below it too. */
static void fire(Model *m, GHashTable *before, const char *path, bool removed)
{
    for (guint i = 0; i < m->watches->len; i++) {
        Watch *w = m->watches->pdata[i];
        const char *on = NULL;

        if (!strcmp(path, w->path) || is_below(path, w->path)) {
            if (w->depth < 0 || depth_below(path, w->path) <= w->depth) {
                on = path;
            }
        } else if (removed && is_below(w->path, path) &&
                   g_hash_table_contains(before, w->path) &&
                   !g_hash_table_contains(m->now, w->path)) {
            on = w->path;
        }
        if (on && may_know(m, before, w->who, on)) {
            g_hash_table_add(m->events[w->who],
                             g_strdup_printf("%s %s", on, w->token));
        }
    }
}

char *model_events(Model *m, unsigned who)
{
    GString *text = g_string_new(NULL);
    GList *list = sorted(m->events[who]);

    for (GList *l = list; l; l = l->next) {
        g_string_append_printf(text, "%s\n", (char *)l->data);
    }
    g_list_free(list);
    g_hash_table_remove_all(m->events[who]);
    return g_string_free(text, false);
}

static void free_watch(gpointer opaque)
{
    Watch *w = opaque;

    g_free(w->path);
    g_free(w->token);
    g_free(w);
}

void model_watch(Model *m, unsigned who, const char *path, const char *token,
                 int depth)
{
    Watch *w = g_new0(Watch, 1);

    w->who = who;
    w->path = g_strdup(path);
    w->token = g_strdup(token);
    w->depth = depth;
    g_ptr_array_add(m->watches, w);
    g_hash_table_add(m->events[who], g_strdup_printf("%s %s", path, token));
}

int model_unwatch(Model *m, unsigned who, const char *path, const char *token)
{
    for (guint i = 0; i < m->watches->len; i++) {
        Watch *w = m->watches->pdata[i];

        if (w->who == who && !strcmp(w->path, path) &&
            !strcmp(w->token, token)) {
            g_ptr_array_remove_index(m->watches, i);
            return 0;
        }
    }
    return -ENOENT;
}

/* ------------------------------------------------------------- operations -- */

static void free_tx(gpointer opaque)
{
    Tx *tx = opaque;

    g_hash_table_unref(tx->start);
    g_hash_table_unref(tx->now);
    g_hash_table_unref(tx->looked);
    g_hash_table_unref(tx->subtrees);
    g_hash_table_unref(tx->changed);
    g_hash_table_unref(tx->removed);
    g_free(tx);
}

Model *model_new(void)
{
    Model *m = g_new0(Model, 1);

    m->now = table_new();
    m->txs = g_hash_table_new_full(NULL, NULL, NULL, free_tx);
    m->watches = g_ptr_array_new_with_free_func(free_watch);
    for (int i = 0; i < MODEL_CLIENTS; i++) {
        m->events[i] = set_new();
    }
    put(m->now, "/", "", "n0", ++m->version);
    return m;
}

void model_free(Model *m)
{
    g_hash_table_unref(m->now);
    g_hash_table_unref(m->txs);
    g_ptr_array_unref(m->watches);
    for (int i = 0; i < MODEL_CLIENTS; i++) {
        g_hash_table_unref(m->events[i]);
    }
    g_free(m);
}

static Tx *tx_of(Model *m, uint32_t id)
{
    return id ? g_hash_table_lookup(m->txs, GUINT_TO_POINTER(id)) : NULL;
}

static GHashTable *table_of(Model *m, Tx *tx)
{
    return tx ? tx->now : m->now;
}

static void look(Tx *tx, const char *path)
{
    if (tx) {
        set_add(tx->looked, path);
    }
}

/* 0, -ENOENT or -EACCES: for somebody who wants @what there. */
static int check(GHashTable *t, unsigned who, const char *path, char what)
{
    Node *n = g_hash_table_lookup(t, path);
    g_autofree char *at = g_strdup(path);

    if (n) {
        return may(who, n->perms, what) ? 0 : -EACCES;
    }
    while (!n) {
        char *parent = parent_of(at);

        g_free(at);
        at = parent;
        n = g_hash_table_lookup(t, at);
    }
    /* 'o' is asked together with 'w'. */
    return may(who, n->perms, what == 'o' ? 'w' : what) ? -ENOENT : -EACCES;
}

static void create(Model *m, Tx *tx, GHashTable *t, unsigned who,
                   const char *path, const char *value)
{
    g_autofree char *parent = parent_of(path);
    Node *above;
    g_autofree char *perms = NULL;

    look(tx, path);
    look(tx, parent);
    if (!g_hash_table_contains(t, parent)) {
        create(m, tx, t, who, parent, "");
    }
    above = g_hash_table_lookup(t, parent);
    perms = g_strdup(above->perms);
    if (who) {
        g_autofree char *tail = g_strdup(strchr(perms, ' ') ?: "");
        char letter = perms[0];

        g_free(perms);
        perms = g_strdup_printf("%c%u%s", letter, who, tail);
    }
    above->version = ++m->version;
    put(t, path, value, perms, ++m->version);
}

static void changed(Model *m, Tx *tx, GHashTable *before, const char *path,
                    bool removed)
{
    if (tx) {
        set_add(tx->changed, path);
        if (removed) {
            set_add(tx->removed, path);
        }
    } else {
        fire(m, before, path, removed);
    }
}

int model_write(Model *m, unsigned who, uint32_t id, const char *path,
                const char *value)
{
    Tx *tx = tx_of(m, id);
    GHashTable *t = table_of(m, tx);
    g_autoptr(GHashTable) before = table_copy(t);
    int ret = check(t, who, path, 'w');

    look(tx, path);
    if (ret == -ENOENT) {
        create(m, tx, t, who, path, value);
    } else if (!ret) {
        Node *n = g_hash_table_lookup(t, path);

        g_free(n->value);
        n->value = g_strdup(value);
        n->version = ++m->version;
    } else {
        return ret;
    }
    changed(m, tx, before, path, false);
    return 0;
}

int model_mkdir(Model *m, unsigned who, uint32_t id, const char *path)
{
    Tx *tx = tx_of(m, id);
    GHashTable *t = table_of(m, tx);
    g_autoptr(GHashTable) before = table_copy(t);
    int ret = check(t, who, path, 'w');

    look(tx, path);
    if (ret == -ENOENT) {
        create(m, tx, t, who, path, "");
        changed(m, tx, before, path, false);
        return 0;
    }
    return ret;
}

static void remove_all(Model *m, GHashTable *t, const char *path)
{
    GList *list = g_hash_table_get_keys(t);
    g_autofree char *parent = parent_of(path);

    for (GList *l = list; l; l = l->next) {
        if (!strcmp(l->data, path) || is_below(l->data, path)) {
            g_hash_table_remove(t, l->data);
        }
    }
    g_list_free(list);
    ((Node *)g_hash_table_lookup(t, parent))->version = ++m->version;
}

int model_rm(Model *m, unsigned who, uint32_t id, const char *path)
{
    Tx *tx = tx_of(m, id);
    GHashTable *t = table_of(m, tx);
    g_autoptr(GHashTable) before = table_copy(t);
    g_autofree char *parent = parent_of(path);
    int ret = check(t, who, path, 'w');

    look(tx, path);
    if (ret && ret != -ENOENT) {
        return ret;
    }
    if (!strcmp(path, "/")) {
        return -EINVAL;
    }
    look(tx, parent);
    if (ret) {
        return g_hash_table_contains(t, parent) ? 0 : -ENOENT;
    }
    if (tx) {
        set_add(tx->subtrees, path);
    }
    remove_all(m, t, path);
    changed(m, tx, before, path, true);
    return 0;
}

int model_set_perms(Model *m, unsigned who, uint32_t id, const char *path,
                    const char *perms)
{
    Tx *tx = tx_of(m, id);
    GHashTable *t = table_of(m, tx);
    g_autoptr(GHashTable) before = table_copy(t);
    int ret = check(t, who, path, 'o');
    Node *n = g_hash_table_lookup(t, path);

    look(tx, path);
    if (ret) {
        return ret;
    }
    if (who && atoi(perms + 1) != atoi(n->perms + 1)) {
        return -EPERM;
    }
    g_free(n->perms);
    n->perms = g_strdup(perms);
    n->version = ++m->version;
    changed(m, tx, before, path, false);
    return 0;
}

int model_look(Model *m, unsigned who, uint32_t id, const char *path,
               GString *text)
{
    Tx *tx = tx_of(m, id);
    GHashTable *t = table_of(m, tx);
    int ret = check(t, who, path, 'r');
    Node *n = g_hash_table_lookup(t, path);
    GList *list;

    look(tx, path);
    if (ret) {
        return ret;
    }
    g_string_append_printf(text, "%s [%s]", n->value, n->perms);
    list = sorted(t);
    for (GList *l = list; l; l = l->next) {
        g_autofree char *parent = parent_of(l->data);

        if (strcmp(l->data, "/") && !strcmp(parent, path)) {
            g_string_append_printf(text, " %s",
                                   strrchr(l->data, '/') + 1);
        }
    }
    g_list_free(list);
    return 0;
}

/* ----------------------------------------------------------- transactions -- */

void model_tx_start(Model *m, unsigned who, uint32_t id)
{
    Tx *tx = g_new0(Tx, 1);

    tx->who = who;
    tx->start = table_copy(m->now);
    tx->now = table_copy(m->now);
    tx->looked = set_new();
    tx->subtrees = set_new();
    tx->changed = set_new();
    tx->removed = set_new();
    g_hash_table_insert(m->txs, GUINT_TO_POINTER(id), tx);
}

static bool same(GHashTable *a, GHashTable *b, const char *path)
{
    Node *x = g_hash_table_lookup(a, path), *y = g_hash_table_lookup(b, path);

    return !x == !y && (!x || x->version == y->version);
}

static bool has_conflict(Model *m, Tx *tx)
{
    GHashTable *tables[] = { tx->start, m->now };
    GHashTableIter i, j;
    gpointer path, below;

    g_hash_table_iter_init(&i, tx->looked);
    while (g_hash_table_iter_next(&i, &path, NULL)) {
        if (!same(tx->start, m->now, path)) {
            return true;
        }
    }
    g_hash_table_iter_init(&i, tx->subtrees);
    while (g_hash_table_iter_next(&i, &path, NULL)) {
        for (int t = 0; t < 2; t++) {
            g_hash_table_iter_init(&j, tables[t]);
            while (g_hash_table_iter_next(&j, &below, NULL)) {
                if (is_below(below, path) && !same(tx->start, m->now, below)) {
                    return true;
                }
            }
        }
    }
    return false;
}

int model_tx_end(Model *m, unsigned who, uint32_t id, bool commit)
{
    Tx *tx = tx_of(m, id);
    g_autoptr(GHashTable) before = table_copy(m->now);
    GHashTableIter i;
    gpointer path, node;
    GList *list;
    int ret = 0;

    if (!commit) {
        /* Nothing. */
    } else if (has_conflict(m, tx)) {
        ret = -EAGAIN;
    } else {
        /* What it has that was not so, and what it has not any more. */
        g_hash_table_iter_init(&i, tx->start);
        while (g_hash_table_iter_next(&i, &path, NULL)) {
            if (!g_hash_table_contains(tx->now, path)) {
                g_hash_table_remove(m->now, path);
            }
        }
        g_hash_table_iter_init(&i, tx->now);
        while (g_hash_table_iter_next(&i, &path, &node)) {
            Node *n = node;

            if (!same(tx->start, tx->now, path)) {
                put(m->now, path, n->value, n->perms, ++m->version);
            }
        }
        list = sorted(tx->changed);
        for (GList *l = list; l; l = l->next) {
            if (g_hash_table_contains(before, l->data) ||
                g_hash_table_contains(m->now, l->data)) {
                fire(m, before, l->data,
                     g_hash_table_contains(tx->removed, l->data));
            }
        }
        g_list_free(list);
    }
    g_hash_table_remove(m->txs, GUINT_TO_POINTER(id));
    return ret;
}
