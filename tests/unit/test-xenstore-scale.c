/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Xenstore with 100,000 nodes: what an operation costs, in nodes and links that
 * it visits or copies (xenstore_visits), whatever the machine's speed.
 */
#include <stdio.h>
#include <string.h>
#include "xenstore-client.h"

#define MANY        100000
/*
 * A balanced tree of that many is 17 levels; by random numbers, some 40.  Twice
 * that to find and to copy, on each of the few levels of a path.
 */
#define ONE         400

static uint64_t visits(void)
{
    static uint64_t last;
    uint64_t n = xenstore_visits - last;

    last = xenstore_visits;
    return n;
}

static void many(Fixture *f)
{
    char path[64];

    fixture_init(f);
    g_assert_cmpint(xenstore_create(f->qemu, 0, "/many"), ==, 0);
    for (unsigned i = 0; i < MANY; i++) {
        snprintf(path, sizeof(path), "/many/%u", i);
        g_assert_cmpint(xenstore_create(f->qemu, 0, path), ==, 0);
    }
    visits();
}

static void test_operations(void)
{
    Fixture f;
    g_autoptr(GByteArray) names = g_byte_array_new();
    g_autoptr(GBytes) value = NULL;
    uint64_t total, generation;
    char path[64];

    many(&f);
    for (unsigned i = 0; i < MANY; i += MANY / 100) {
        snprintf(path, sizeof(path), "/many/%u", i);
        g_assert_cmpint(xenstore_read(f.admin, 0, path, &value), ==, 0);
        g_clear_pointer(&value, g_bytes_unref);
        g_assert_cmpuint(visits(), <, ONE / 4);
        g_assert_cmpint(xenstore_write(f.admin, 0, path, "v", 1), ==, 0);
        g_assert_cmpuint(visits(), <, ONE);
        g_assert_cmpint(xenstore_rm(f.admin, 0, path), ==, 0);
        g_assert_cmpuint(visits(), <, ONE);
        g_assert_cmpint(xenstore_create(f.admin, 0, path), ==, 0);
        g_assert_cmpuint(visits(), <, ONE);
    }
    /* A part of the list, in the middle of it. */
    g_assert_cmpint(xenstore_directory(f.admin, 0, "/many", 300000, 4000,
                                       names, &total, &generation), ==, 0);
    g_assert_cmpuint(names->len, >, 3900);
    g_assert_cmpuint(total, ==, 588890);
    g_assert_cmpuint(visits(), <, 4000);
    /* All of it at once. */
    g_assert_cmpint(xenstore_rm(f.admin, 0, "/many"), ==, 0);
    g_assert_cmpuint(visits(), <, ONE);
    fixture_destroy(&f);
}

/* Starting costs nothing, the end what was changed. */
static void test_transaction(void)
{
    Fixture f;
    uint32_t tx[2];
    char path[64];

    many(&f);
    for (unsigned i = 0; i < 2; i++) {
        g_assert_cmpint(xenstore_tx_start(f.admin, &tx[i]), ==, 0);
    }
    g_assert_cmpuint(visits(), ==, 0);
    for (unsigned i = 0; i < 100; i++) {
        snprintf(path, sizeof(path), "/many/%u", i * 7);
        g_assert_cmpint(xenstore_write(f.admin, tx[0], path, "v", 1), ==, 0);
    }
    g_assert_cmpuint(visits(), <, 100 * ONE);
    g_assert_cmpint(xenstore_write(f.admin, 0, "/many/99999", "v", 1), ==, 0);
    visits();
    g_assert_cmpint(xenstore_tx_end(f.admin, tx[0], true), ==, 0);
    g_assert_cmpuint(visits(), <, 100 * 2 * ONE);
    g_assert_cmpint(xenstore_tx_end(f.admin, tx[1], true), ==, 0);
    g_assert_cmpuint(visits(), <, ONE);
    fixture_destroy(&f);
}

static void test_reset(void)
{
    Fixture f;

    many(&f);
    g_assert_cmpint(xenstore_create(f.guest, 0, "data/x"), ==, 0);
    visits();
    xenstore_reset_domain(f.xs);
    g_assert_cmpuint(visits(), <, 2 * ONE);
    fixture_destroy(&f);
}

/*
 * What once kept QEMU's main loop for seconds: one message that fires as many
 * watches as a guest may have, for as many nodes as one transaction can hold.
 */
static void test_flood(void)
{
    Fixture f;
    XenstoreStats stats;
    char path[300], token[300];
    uint32_t tx;

    fixture_init(&f);
    for (unsigned i = 0; i < XENSTORE_MAX_WATCHES; i++) {
        memset(token, 'a' + i % 20, sizeof(token));
        snprintf(token + 290, 10, "%u", i);
        g_assert_cmpint(xenstore_watch(f.guest, "data", token, -1, NULL), ==,
                        0);
    }
    client_drain(f.guest);
    g_assert_cmpint(xenstore_tx_start(f.guest, &tx), ==, 0);
    for (unsigned i = 0; i < 900; i++) {
        snprintf(path, sizeof(path), "data/%0200d/n%u", 0, i);
        g_assert_cmpint(xenstore_create(f.guest, tx, path), ==, 0);
    }
    visits();
    g_assert_cmpint(xenstore_tx_end(f.guest, tx, true), ==, 0);
    g_assert_cmpuint(visits(), <, 900 * (XENSTORE_MAX_WATCHES + 2 * ONE));
    xenstore_stats(f.xs, &stats);
    g_assert_cmpuint(stats.events, <=, XENSTORE_MAX_EVENTS);
    g_assert_cmpuint(stats.events + stats.dropped, ==,
                     900 * XENSTORE_MAX_WATCHES);
    fixture_destroy(&f);
}

/* Nodes one in another, as deep as a path can say. */
static void test_deep(void)
{
    Fixture f;
    GString *path = g_string_new("data");
    uint32_t tx;

    fixture_init(&f);
    while (path->len + 2 <= 1990) {
        g_string_append(path, "/x");
    }
    g_assert_cmpint(xenstore_watch(f.guest, path->str, "w", -1, NULL), ==, 0);
    g_assert_cmpint(xenstore_watch(f.guest, "data", "w", -1, NULL), ==, 0);
    client_drain(f.guest);
    visits();
    g_assert_cmpint(xenstore_create(f.guest, 0, path->str), ==, 0);
    g_assert_cmpuint(visits(), <, 1000 * 20);
    g_assert_cmpuint(client_drain(f.guest), ==, 2);
    g_assert_cmpint(xenstore_tx_start(f.guest, &tx), ==, 0);
    visits();
    g_assert_cmpint(xenstore_write(f.guest, tx, path->str, "v", 1), ==, 0);
    g_assert_cmpint(xenstore_tx_end(f.guest, tx, true), ==, 0);
    g_assert_cmpuint(visits(), <, 1000 * 20);
    g_assert_cmpint(xenstore_rm(f.guest, 0, "data/x"), ==, 0);
    g_string_free(path, true);
    fixture_destroy(&f);
}

/* "data", with @depth nodes one in another. */
static GString *deep_path(unsigned depth)
{
    GString *path = g_string_new("data");

    for (unsigned i = 0; i < depth; i++) {
        g_string_append(path, "/x");
    }
    return path;
}

/*
 * The end of a transaction that removes nodes one in another from the bottom up;
 * watches are far below all of them.
 */
static void test_deep_transaction(void)
{
    enum { DEPTH = 850 };
    Fixture f;
    g_autoptr(GString) bottom = deep_path(DEPTH);
    unsigned depth = 0, sum = 0;
    char token[16];
    uint32_t tx;

    fixture_init(&f);
    g_assert_cmpint(xenstore_create(f.guest, 0, bottom->str), ==, 0);
    for (unsigned i = 0; i < XENSTORE_MAX_WATCHES; i++) {
        g_autofree char *path = g_strdup_printf("%s/%u", bottom->str, i);

        snprintf(token, sizeof(token), "%u", i);
        g_assert_cmpint(xenstore_create(f.guest, 0, path), ==, 0);
        g_assert_cmpint(xenstore_watch(f.guest, path, token, -1, NULL), ==, 0);
    }
    client_drain(f.guest);

    /* As many as it may look at, and as deep; each is looked at with its parent. */
    while (sum + 2 * (4 + depth) < XENSTORE_MAX_TX_COMPONENTS) {
        depth++;
        sum += 4 + depth;
    }
    g_assert_cmpint(xenstore_tx_start(f.guest, &tx), ==, 0);
    for (; depth; depth--) {
        g_autoptr(GString) path = deep_path(depth);

        g_assert_cmpint(xenstore_rm(f.guest, tx, path->str), ==, 0);
    }
    /* The tree is no longer the one that it began with. */
    g_assert_cmpint(xenstore_create(f.admin, 0, "/other"), ==, 0);
    visits();
    g_assert_cmpint(xenstore_tx_end(f.guest, tx, true), ==, 0);
    g_assert_cmpuint(visits(), <, XENSTORE_REQUEST_VISITS);
    g_assert_cmpuint(client_drain(f.guest), ==, XENSTORE_MAX_WATCHES);
    fixture_destroy(&f);
}

/*
 * The costliest one that is known: it removes and creates as many nodes as a guest
 * may have, as deep as it may look at so many, and all its watches see each.
 */
static void test_wide_transaction(void)
{
    enum { NODES = 980, DEPTH = XENSTORE_MAX_TX_COMPONENTS / NODES - 5 };
    Fixture f;
    g_autoptr(GString) parent = deep_path(DEPTH);
    char token[16];
    uint32_t tx;

    fixture_init(&f);
    for (unsigned i = 0; i < XENSTORE_MAX_WATCHES; i++) {
        snprintf(token, sizeof(token), "%u", i);
        g_assert_cmpint(xenstore_watch(f.guest, "data", token, -1, NULL), ==,
                        0);
    }
    for (unsigned i = 0; i < NODES; i++) {
        g_autofree char *path = g_strdup_printf("%s/%u", parent->str, i);

        g_assert_cmpint(xenstore_create(f.guest, 0, path), ==, 0);
    }
    client_drain(f.guest);
    g_assert_cmpint(xenstore_tx_start(f.guest, &tx), ==, 0);
    for (unsigned i = 0; i < NODES; i++) {
        g_autofree char *path = g_strdup_printf("%s/%u", parent->str, i);

        g_assert_cmpint(xenstore_rm(f.guest, tx, path), ==, 0);
        g_assert_cmpint(xenstore_create(f.guest, tx, path), ==, 0);
    }
    g_assert_cmpint(xenstore_create(f.admin, 0, "/other"), ==, 0);
    visits();
    g_assert_cmpint(xenstore_tx_end(f.guest, tx, true), ==, 0);
    g_assert_cmpuint(visits(), <, XENSTORE_REQUEST_VISITS);
    g_assert_cmpuint(client_drain(f.guest), >, 0);
    fixture_destroy(&f);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/xenstore/scale/operations", test_operations);
    g_test_add_func("/xenstore/scale/transaction", test_transaction);
    g_test_add_func("/xenstore/scale/reset", test_reset);
    g_test_add_func("/xenstore/scale/flood", test_flood);
    g_test_add_func("/xenstore/scale/deep", test_deep);
    g_test_add_func("/xenstore/scale/deep-transaction", test_deep_transaction);
    g_test_add_func("/xenstore/scale/wide-transaction", test_wide_transaction);
    return g_test_run();
}
