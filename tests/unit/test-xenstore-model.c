/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Random operations of two clients, in and out of transactions: xenstore and the
 * simplest store that could be (xenstore-model.c) must look the same.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "xenstore-client.h"
#include "xenstore-model.h"

#define ROUNDS          300
#define STEPS           300
#define MAX_OPEN        4
#define MAX_NUMBER      (STEPS + 1)     /* of a transaction */

typedef struct Pair {
    Xenstore *xs;
    XenstoreConn *conn[MODEL_CLIENTS];
    Model *m;
    uint32_t tx[MODEL_CLIENTS][MAX_OPEN];
    unsigned nr_tx[MODEL_CLIENTS];
    bool migrate;               /* at random moments */
    bool migrated[MAX_NUMBER];  /* the guest's transactions, when open */
    GString *log;
} Pair;

static const char *const perm_texts[] = {
    "n0", "n1", "r0", "b1 n1", "n0 r1", "n0 w1", "n0 b1", "n1 r0 w2", "r1",
};

static size_t parse_perms(const char *text, XenstorePerm *perms)
{
    g_auto(GStrv) list = g_strsplit(text, " ", -1);
    size_t n = 0;

    for (; list[n]; n++) {
        perms[n].access = strchr("nrwb", list[n][0]) - "nrwb";
        perms[n].domid = g_ascii_strtoull(list[n] + 1, NULL, 10);
    }
    return n;
}

static char *random_path(GRand *rand)
{
    static const char *const names[] = { "a", "b", "a-", "c" };
    GString *path = g_string_new(NULL);
    int depth = g_rand_int_range(rand, 0, 4);

    for (int i = 0; i < depth; i++) {
        g_string_append_printf(path, "/%s", names[g_rand_int_range(rand, 0,
                                                  G_N_ELEMENTS(names))]);
    }
    if (!depth) {
        g_string_append_c(path, '/');
    }
    return g_string_free(path, false);
}

static int real_look(Pair *p, unsigned who, uint32_t tx, const char *path,
                     GString *text)
{
    XenstoreConn *c = p->conn[who];
    g_autoptr(GBytes) value = NULL;
    g_autoptr(GArray) perms = g_array_new(false, false, sizeof(XenstorePerm));
    g_autoptr(GByteArray) names = g_byte_array_new();
    uint64_t total, generation;
    int ret = xenstore_read(c, tx, path, &value);

    if (ret) {
        return ret;
    }
    g_assert_cmpint(xenstore_get_perms(c, tx, path, perms), ==, 0);
    g_assert_cmpint(xenstore_directory(c, tx, path, 0, SIZE_MAX, names, &total,
                                       &generation), ==, 0);
    g_assert_cmpuint(names->len, ==, total);
    g_string_append_len(text, g_bytes_get_data(value, NULL),
                        g_bytes_get_size(value));
    for (guint i = 0; i < perms->len; i++) {
        const XenstorePerm *e = &g_array_index(perms, XenstorePerm, i);

        g_string_append_printf(text, "%s%c%u", i ? " " : " [",
                               "nrwb"[e->access], e->domid);
    }
    g_string_append_c(text, ']');
    for (guint i = 0; i < names->len;
         i += strlen((char *)names->data + i) + 1) {
        g_string_append_printf(text, " %s", (char *)names->data + i);
    }
    return 0;
}

static char *real_events(XenstoreConn *c)
{
    g_autoptr(GPtrArray) list = g_ptr_array_new_with_free_func(g_free);
    GString *text = g_string_new(NULL);
    XenstoreEvent ev;
    GList *lines = NULL;

    while (xenstore_next_event(c, &ev)) {
        g_ptr_array_add(list, g_strdup_printf("%s %s", ev.path, ev.token));
    }
    /* Two watches with one token look like one that fires twice. */
    for (guint i = 0; i < list->len; i++) {
        if (!g_list_find_custom(lines, list->pdata[i], (GCompareFunc)strcmp)) {
            lines = g_list_insert_sorted(lines, list->pdata[i],
                                         (GCompareFunc)strcmp);
        }
    }
    for (GList *l = lines; l; l = l->next) {
        g_string_append_printf(text, "%s\n", (char *)l->data);
    }
    g_list_free(lines);
    return g_string_free(text, false);
}

static void expect_same(Pair *p, const char *what, const char *real,
                        const char *model)
{
    if (strcmp(real, model)) {
        g_error("%s\n%s: \"%s\", expected \"%s\"", p->log->str, what, real,
                model);
    }
}

static void expect_same_result(Pair *p, int real, int model)
{
    if (real != model) {
        g_error("%s\nresult %d (%s), expected %d (%s)", p->log->str, real,
                g_strerror(-real), model, g_strerror(-model));
    }
}

static void save_and_load(Pair *p)
{
    g_autoptr(GByteArray) state = g_byte_array_new();
    g_autoptr(GByteArray) extra = g_byte_array_new();
    const char *why;

    xenstore_save(p->xs, p->conn[GUEST], state, extra);
    if (xenstore_load(p->xs, p->conn[GUEST], state->data, state->len,
                      extra->len ? extra->data : NULL, extra->len, &why)) {
        g_error("%s\n%s", p->log->str, why);
    }
    for (unsigned i = 0; i < p->nr_tx[GUEST]; i++) {
        p->migrated[p->tx[GUEST][i] % MAX_NUMBER] = true;
    }
}

static uint32_t model_id(unsigned who, uint32_t tx)
{
    return tx ? tx * MODEL_CLIENTS + who : 0;
}

static void step(Pair *p, GRand *rand)
{
    unsigned who = g_rand_int_range(rand, 0, MODEL_CLIENTS);
    XenstoreConn *c = p->conn[who];
    unsigned open = p->nr_tx[who];
    unsigned which = open ? g_rand_int_range(rand, 0, open) : 0;
    uint32_t tx = open && g_rand_boolean(rand) ? p->tx[who][which] : 0;
    g_autofree char *path = random_path(rand);
    g_autofree char *value = g_strdup_printf("%u",
                                             g_rand_int_range(rand, 0, 9));
    const char *text = perm_texts[g_rand_int_range(rand, 0,
                                                   G_N_ELEMENTS(perm_texts))];
    XenstorePerm perms[4];
    size_t n;
    int depth, ret;
    /* The model's numbers are of both clients. */
    uint32_t id = model_id(who, tx);

    switch (g_rand_int_range(rand, 0, 16)) {
    case 0 ... 3:
        g_string_append_printf(p->log, "%u/%u write %s %s\n", who, tx, path,
                               value);
        expect_same_result(p, xenstore_write(c, tx, path, value,
                                             strlen(value)),
                           model_write(p->m, who, id, path, value));
        break;
    case 4:
        g_string_append_printf(p->log, "%u/%u mkdir %s\n", who, tx, path);
        expect_same_result(p, xenstore_create(c, tx, path),
                           model_mkdir(p->m, who, id, path));
        break;
    case 5 ... 6:
        g_string_append_printf(p->log, "%u/%u rm %s\n", who, tx, path);
        expect_same_result(p, xenstore_rm(c, tx, path),
                           model_rm(p->m, who, id, path));
        break;
    case 7 ... 8:
        g_string_append_printf(p->log, "%u/%u perms %s %s\n", who, tx, path,
                               text);
        n = parse_perms(text, perms);
        expect_same_result(p, xenstore_set_perms(c, tx, path, perms, n),
                           model_set_perms(p->m, who, id, path, text));
        break;
    case 9 ... 10:
    {
        g_autoptr(GString) real = g_string_new(NULL);
        g_autoptr(GString) model = g_string_new(NULL);

        g_string_append_printf(p->log, "%u/%u look %s\n", who, tx, path);
        expect_same_result(p, real_look(p, who, tx, path, real),
                           model_look(p->m, who, id, path, model));
        expect_same(p, path, real->str, model->str);
        break;
    }
    case 11 ... 12:
        /* What a client of QEMU's has open does not move with it. */
        if (open < MAX_OPEN && !(p->migrate && who == 0)) {
            g_assert_cmpint(xenstore_tx_start(c, &tx), ==, 0);
            g_string_append_printf(p->log, "%u/%u start\n", who, tx);
            p->tx[who][open] = tx;
            model_tx_start(p->m, who, model_id(who, tx));
            p->nr_tx[who]++;
        }
        break;
    case 13:
        if (open) {
            bool commit = g_rand_int_range(rand, 0, 4);

            tx = p->tx[who][which];
            g_string_append_printf(p->log, "%u/%u end %d\n", who, tx, commit);
            ret = xenstore_tx_end(c, tx, commit);
            if (p->migrated[tx % MAX_NUMBER] && ret == -EAGAIN) {
                /* It need not know what changed before it moved. */
                model_tx_end(p->m, who, model_id(who, tx), false);
            } else {
                expect_same_result(p, ret, model_tx_end(p->m, who,
                                                        model_id(who, tx),
                                                        commit));
            }
            p->tx[who][which] = p->tx[who][open - 1];
            p->nr_tx[who]--;
        }
        break;
    case 14:
        depth = g_rand_int_range(rand, -1, 3);
        g_string_append_printf(p->log, "%u watch %s %s %d\n", who, path,
                               value, depth);
        if (!xenstore_watch(c, path, value, depth, NULL)) {
            model_watch(p->m, who, path, value, depth);
        }
        break;
    case 15:
        g_string_append_printf(p->log, "%u unwatch %s %s\n", who, path, value);
        {
            /* Its events are gone; the model has them all taken before. */
            g_autofree char *real = real_events(c);
            g_autofree char *model = model_events(p->m, who);

            expect_same(p, "events", real, model);
        }
        expect_same_result(p, xenstore_unwatch(c, path, value),
                           model_unwatch(p->m, who, path, value));
        break;
    }
    if (g_rand_int_range(rand, 0, 4) == 0) {
        g_autofree char *real = real_events(c);
        g_autofree char *model = model_events(p->m, who);

        expect_same(p, "events", real, model);
    }
}

static void run(bool migrate)
{
    uint32_t seed = g_test_rand_int();

    for (unsigned round = 0; round < ROUNDS; round++) {
        GRand *rand = g_rand_new_with_seed(seed + round);
        Pair p = {
            .xs = xenstore_new(GUEST), .m = model_new(),
            .migrate = migrate, .log = g_string_new(NULL),
        };

        for (unsigned who = 0; who < MODEL_CLIENTS; who++) {
            p.conn[who] = xenstore_connect(p.xs, who, false, NULL, NULL);
        }
        for (unsigned i = 0; i < STEPS; i++) {
            if (migrate && g_rand_int_range(rand, 0, 8) == 0) {
                g_string_append(p.log, "migrate\n");
                save_and_load(&p);
            }
            step(&p, rand);
        }
        g_string_free(p.log, true);
        for (unsigned who = 0; who < MODEL_CLIENTS; who++) {
            xenstore_disconnect(p.conn[who]);
        }
        xenstore_free(p.xs);
        model_free(p.m);
        g_rand_free(rand);
    }
}

static void test_random(void)
{
    run(false);
}

static void test_migrate(void)
{
    run(true);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/xenstore/model/random", test_random);
    g_test_add_func("/xenstore/model/migrate", test_migrate);
    return g_test_run();
}
