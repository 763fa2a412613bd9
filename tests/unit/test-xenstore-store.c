/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Xenstore: transactions, watches, limits, reset of the domain. */
#include <stdio.h>
#include <string.h>
#include "xenstore-client.h"

/* ---------------------------------------------------------- transactions -- */

static void end(XenstoreConn *c, uint32_t tx, const char *error)
{
    if (error) {
        client_expect_error(c, XS_TRANSACTION_END, tx, STRINGS("T"), error);
    } else {
        client_expect(c, XS_TRANSACTION_END, tx, STRINGS("T"), OK);
    }
    client_expect_error(c, XS_TRANSACTION_END, tx, STRINGS("T"), "ENOENT");
}

static void test_isolation(void)
{
    Fixture f;
    uint32_t a, b;

    fixture_init(&f);
    client_expect(f.guest, XS_WRITE, 0, BYTES("data/x\0old"), OK);
    a = client_start(f.guest);
    b = client_start(f.guest);
    g_assert_cmpuint(a, !=, b);
    client_expect_error(f.guest, XS_TRANSACTION_START, a, STRINGS(""),
                        "EBUSY");
    client_expect(f.guest, XS_WRITE, a, BYTES("data/x\0new"), OK);
    client_expect(f.guest, XS_WRITE, a, BYTES("data/y/z\0v"), OK);
    client_expect(f.guest, XS_READ, a, STRINGS("data/x"), BYTES("new"));
    client_expect(f.guest, XS_DIRECTORY, a, STRINGS("data"), STRINGS("x\0y"));
    client_expect(f.guest, XS_READ, 0, STRINGS("data/x"), BYTES("old"));
    client_expect(f.guest, XS_READ, b, STRINGS("data/x"), BYTES("old"));
    client_expect_error(f.guest, XS_READ, 0, STRINGS("data/y/z"), "ENOENT");
    /* Another client's transaction is none of this one's. */
    client_expect_error(f.admin, XS_READ, a, STRINGS("/"), "ENOENT");
    end(f.guest, a, NULL);
    client_expect(f.guest, XS_READ, 0, STRINGS("data/x"), BYTES("new"));
    client_expect(f.guest, XS_READ, 0, STRINGS("data/y/z"), BYTES("v"));
    /* It sees the tree as it was, and cannot be committed. */
    client_expect(f.guest, XS_READ, b, STRINGS("data/x"), BYTES("old"));
    client_expect(f.guest, XS_DIRECTORY, b, STRINGS("data"), STRINGS("x"));
    end(f.guest, b, "EAGAIN");
    a = client_start(f.guest);
    client_expect(f.guest, XS_RM, a, STRINGS("data/x"), OK);
    client_expect(f.guest, XS_TRANSACTION_END, a, STRINGS("F"), OK);
    client_expect(f.guest, XS_READ, 0, STRINGS("data/x"), BYTES("new"));
    fixture_destroy(&f);
}

/* A node that was removed in it is gone in it, once. */
static void test_removed(void)
{
    Fixture f;
    XenstoreStats was, is;
    uint32_t tx;

    fixture_init(&f);
    client_expect(f.guest, XS_WRITE, 0, BYTES("data/z/a/b\0" "1"), OK);
    client_expect(f.guest, XS_WRITE, 0, BYTES("data/z/c/d\0" "1"), OK);
    xenstore_stats(f.xs, &was);
    tx = client_start(f.guest);
    client_expect(f.guest, XS_RM, tx, STRINGS("data/z"), OK);
    client_expect_error(f.guest, XS_READ, tx, STRINGS("data/z"), "ENOENT");
    client_expect_error(f.guest, XS_DIRECTORY, tx, STRINGS("data/z/a"),
                        "ENOENT");
    client_expect(f.guest, XS_DIRECTORY, tx, STRINGS("data"), BYTES(""));
    for (int i = 0; i < 100; i++) {
        client_expect(f.guest, XS_RM, tx, STRINGS("data/z"), OK);
    }
    client_expect_error(f.guest, XS_RM, tx, STRINGS("data/z/a"), "ENOENT");
    /* Another in its place has none of its children. */
    client_expect(f.guest, XS_WRITE, tx, BYTES("data/z/e\0n"), OK);
    client_expect(f.guest, XS_DIRECTORY, tx, STRINGS("data/z"), STRINGS("e"));
    end(f.guest, tx, NULL);
    client_expect(f.guest, XS_DIRECTORY, 0, STRINGS("data/z"), STRINGS("e"));
    xenstore_stats(f.xs, &is);
    g_assert_cmpuint(was.guest_nodes - is.guest_nodes, ==, 3);
    fixture_destroy(&f);
}

/* What somebody else does in the middle, and what that does to the end. */
static void test_conflicts(void)
{
    static const struct {
        uint32_t type;          /* in the transaction */
        Bytes payload;
        uint32_t other_type;    /* meanwhile */
        Bytes other;
        bool conflict;
    } cases[] = {
        { XS_READ, STRINGS("data/a"), XS_WRITE, BYTES("data/a\0w"), true },
        { XS_READ, STRINGS("data/a"), XS_WRITE, BYTES("data/a\0v"), true },
        { XS_READ, STRINGS("data/a"), XS_RM, STRINGS("data/a"), true },
        { XS_READ, STRINGS("data/a"), XS_SET_PERMS, STRINGS("data/a\0n1\0r0"),
          true },
        { XS_READ, STRINGS("data/a"), XS_MKDIR, STRINGS("data/a/new"), true },
        { XS_READ, STRINGS("data/a"), XS_WRITE, BYTES("data/a/b\0w"), false },
        { XS_READ, STRINGS("data/a"), XS_WRITE, BYTES("data/c\0w"), false },
        { XS_READ, STRINGS("data/a"), XS_MKDIR, STRINGS("data/n"), false },
        { XS_READ, STRINGS("data/a"), XS_READ, STRINGS("data/a"), false },
        { XS_DIRECTORY, STRINGS("data"), XS_MKDIR, STRINGS("data/n"), true },
        { XS_DIRECTORY, STRINGS("data"), XS_RM, STRINGS("data/c"), true },
        { XS_DIRECTORY, STRINGS("data"), XS_RM, STRINGS("data/none"), false },
        { XS_DIRECTORY, STRINGS("data"), XS_WRITE, BYTES("data/c\0w"), false },
        { XS_GET_PERMS, STRINGS("data/c"), XS_SET_PERMS,
          STRINGS("data/c\0n1"), true },
        { XS_WRITE, BYTES("data/a\0x"), XS_WRITE, BYTES("data/a\0w"), true },
        { XS_WRITE, BYTES("data/a\0x"), XS_WRITE, BYTES("data/c\0w"), false },
        { XS_WRITE, BYTES("data/n\0x"), XS_WRITE, BYTES("data/o\0w"), true },
        { XS_WRITE, BYTES("data/a/n\0x"), XS_WRITE, BYTES("data/o\0w"),
          false },
        { XS_MKDIR, STRINGS("data/n"), XS_MKDIR, STRINGS("data/n"), true },
        { XS_RM, STRINGS("data/a"), XS_WRITE, BYTES("data/a/b\0w"), true },
        { XS_RM, STRINGS("data/a"), XS_MKDIR, STRINGS("data/a/n"), true },
        { XS_RM, STRINGS("data/a"), XS_WRITE, BYTES("data/c\0w"), false },
        { XS_RM, STRINGS("data/none"), XS_MKDIR, STRINGS("data/none"), true },
        { XS_SET_PERMS, STRINGS("data/a\0n1"), XS_WRITE, BYTES("data/a\0w"),
          true },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree XenstoreMessage *answer = g_new(XenstoreMessage, 1);
        Fixture f;
        uint32_t tx;

        fixture_init(&f);
        client_expect(f.guest, XS_WRITE, 0, BYTES("data/a/b\0v"), OK);
        client_expect(f.guest, XS_WRITE, 0, BYTES("data/a\0v"), OK);
        client_expect(f.guest, XS_WRITE, 0, BYTES("data/c\0v"), OK);
        tx = client_start(f.guest);
        client_request(f.guest, cases[i].type, tx, cases[i].payload, answer);
        g_assert_cmpuint(answer->hdr.type, ==, cases[i].type);
        client_request(f.guest, cases[i].other_type, 0, cases[i].other,
                       answer);
        g_assert_cmpuint(answer->hdr.type, ==, cases[i].other_type);
        end(f.guest, tx, cases[i].conflict ? "EAGAIN" : NULL);
        fixture_destroy(&f);
    }
}

/* What both did is there. */
static void test_merge(void)
{
    Fixture f;
    uint32_t tx;

    fixture_init(&f);
    client_expect(f.guest, XS_WRITE, 0, BYTES("data/a/b\0v"), OK);
    client_expect(f.guest, XS_WRITE, 0, BYTES("data/c\0v"), OK);
    tx = client_start(f.guest);
    client_expect(f.guest, XS_WRITE, tx, BYTES("data/a/b\0tx"), OK);
    client_expect(f.guest, XS_WRITE, tx, BYTES("data/a/n/o\0tx"), OK);
    client_expect(f.guest, XS_WRITE, 0, BYTES("data/c\0other"), OK);
    client_expect(f.guest, XS_WRITE, 0, BYTES("data/d\0other"), OK);
    end(f.guest, tx, NULL);
    client_expect(f.guest, XS_READ, 0, STRINGS("data/a/b"), BYTES("tx"));
    client_expect(f.guest, XS_READ, 0, STRINGS("data/a/n/o"), BYTES("tx"));
    client_expect(f.guest, XS_READ, 0, STRINGS("data/c"), BYTES("other"));
    client_expect(f.guest, XS_READ, 0, STRINGS("data/d"), BYTES("other"));
    fixture_destroy(&f);
}

/* --------------------------------------------------------------- watches -- */

static void watch(XenstoreConn *c, Bytes payload, Bytes first)
{
    client_expect(c, XS_WATCH, 0, payload, OK);
    client_expect_event(c, first);
    client_expect_no_event(c);
}

static void test_watches(void)
{
    Fixture f;

    fixture_init(&f);
    watch(f.guest, STRINGS("data\0one"), STRINGS("data\0one"));
    client_expect_error(f.guest, XS_WATCH, 0, STRINGS("data\0one"), "EEXIST");
    client_expect_error(f.guest, XS_WATCH, 0, STRINGS(HOME "/data\0one"),
                        "EEXIST");
    client_expect(f.guest, XS_WRITE, 0, BYTES("data/x/y\0v"), OK);
    client_expect_event(f.guest, STRINGS("data/x/y\0one"));
    client_expect_no_event(f.guest);
    client_expect(f.guest, XS_MKDIR, 0, STRINGS("data/x"), OK);
    client_expect(f.guest, XS_READ, 0, STRINGS("data/x"), BYTES(""));
    client_expect(f.guest, XS_RM, 0, STRINGS("data/none"), OK);
    client_expect_no_event(f.guest);
    client_expect(f.guest, XS_SET_PERMS, 0, STRINGS("data/x\0n1\0r0"), OK);
    client_expect_event(f.guest, STRINGS("data/x\0one"));
    /* Names that begin alike, and a parent, are others. */
    client_expect(f.admin, XS_WRITE, 0, BYTES(HOME "/data2\0v"), OK);
    client_expect(f.admin, XS_WRITE, 0, BYTES(HOME "/data-\0v"), OK);
    client_expect(f.admin, XS_WRITE, 0, BYTES(HOME "\0v"), OK);
    client_expect_no_event(f.guest);
    /* By its absolute name the path stays absolute. */
    watch(f.guest, STRINGS(HOME "/data/x/y\0two"),
          STRINGS(HOME "/data/x/y\0two"));
    client_expect(f.guest, XS_WRITE, 0, BYTES("data/x/y\0w"), OK);
    client_expect_event(f.guest, STRINGS("data/x/y\0one"));
    client_expect_event(f.guest, STRINGS(HOME "/data/x/y\0two"));
    /* A removal: the node's own event, and the watch's below with its path. */
    watch(f.guest, STRINGS("data/x/none\0three"),
          STRINGS("data/x/none\0three"));
    client_expect(f.guest, XS_RM, 0, STRINGS("data/x"), OK);
    client_expect_event(f.guest, STRINGS("data/x\0one"));
    client_expect_event(f.guest, STRINGS(HOME "/data/x/y\0two"));
    client_expect_no_event(f.guest);

    client_expect(f.guest, XS_UNWATCH, 0, STRINGS("data\0one"), OK);
    client_expect_error(f.guest, XS_UNWATCH, 0, STRINGS("data\0one"),
                        "ENOENT");
    client_expect(f.guest, XS_WRITE, 0, BYTES("data/x/y\0w"), OK);
    client_expect_event(f.guest, STRINGS(HOME "/data/x/y\0two"));
    client_expect_no_event(f.guest);
    client_expect(f.guest, XS_WRITE, 0, BYTES("data/x/y\0w"), OK);
    client_expect(f.guest, XS_RESET_WATCHES, 0, STRINGS(""), OK);
    client_expect_no_event(f.guest);
    client_expect(f.guest, XS_WRITE, 0, BYTES("data/x/y\0w"), OK);
    client_expect_no_event(f.guest);
    fixture_destroy(&f);
}

static void test_watch_depth(void)
{
    Fixture f;

    fixture_init(&f);
    watch(f.guest, STRINGS("data\0zero\0" "0"), STRINGS("data\0zero"));
    client_expect(f.guest, XS_WATCH, 0, STRINGS("data\0two\0" "2"), OK);
    client_expect(f.guest, XS_WATCH, 0, STRINGS("data\0all\0"), OK);
    client_drain(f.guest);
    client_expect(f.guest, XS_WRITE, 0, BYTES("data/a/b/c\0v"), OK);
    client_expect_event(f.guest, STRINGS("data/a/b/c\0all"));
    client_expect(f.guest, XS_WRITE, 0, BYTES("data/a/b\0v"), OK);
    client_expect_event(f.guest, STRINGS("data/a/b\0two"));
    client_expect_event(f.guest, STRINGS("data/a/b\0all"));
    client_expect(f.guest, XS_WRITE, 0, BYTES("data\0v"), OK);
    client_expect_event(f.guest, STRINGS("data\0zero"));
    client_expect_event(f.guest, STRINGS("data\0two"));
    client_expect_event(f.guest, STRINGS("data\0all"));
    client_expect_no_event(f.guest);
    watch(f.admin, STRINGS("/\0root\0" "1"), STRINGS("/\0root"));
    client_expect(f.guest, XS_WRITE, 0, BYTES("data\0v"), OK);
    client_expect_no_event(f.admin);
    client_expect(f.admin, XS_WRITE, 0, BYTES("/new\0v"), OK);
    client_expect_event(f.admin, STRINGS("/new\0root"));
    fixture_destroy(&f);
}

/* An event comes at the end of a transaction, if it is committed. */
static void test_watch_transaction(void)
{
    Fixture f;
    uint32_t tx;

    fixture_init(&f);
    client_expect(f.guest, XS_WRITE, 0, BYTES("data/r/s\0v"), OK);
    client_expect(f.guest, XS_WATCH, 0, STRINGS("data\0w"), OK);
    client_expect(f.guest, XS_WATCH, 0, STRINGS("data/r/s\0w"), OK);
    client_drain(f.guest);
    for (int commit = 0; commit < 2; commit++) {
        tx = client_start(f.guest);
        client_expect(f.guest, XS_WRITE, tx, BYTES("data/a\0v"), OK);
        client_expect(f.guest, XS_WRITE, tx, BYTES("data/a\0w"), OK);
        client_expect(f.guest, XS_WRITE, tx, BYTES("data/gone\0w"), OK);
        client_expect(f.guest, XS_RM, tx, STRINGS("data/gone"), OK);
        client_expect(f.guest, XS_RM, tx, STRINGS("data/r"), OK);
        client_expect_no_event(f.guest);
        client_expect(f.guest, XS_TRANSACTION_END, tx,
                      commit ? STRINGS("T") : STRINGS("F"), OK);
    }
    client_expect_event(f.guest, STRINGS("data/a\0w"));
    client_expect_event(f.guest, STRINGS("data/r\0w"));
    client_expect_event(f.guest, STRINGS("data/r/s\0w"));
    client_expect_no_event(f.guest);
    fixture_destroy(&f);
}

/* It hears of what it may read, and what it might read before. */
static void test_watch_permissions(void)
{
    Fixture f;

    fixture_init(&f);
    client_expect(f.admin, XS_WRITE, 0, BYTES("/secret/a/b\0v"), OK);
    watch(f.guest, STRINGS("/secret\0w"), STRINGS("/secret\0w"));
    client_expect(f.admin, XS_WRITE, 0, BYTES("/secret/a\0w"), OK);
    client_expect(f.admin, XS_WRITE, 0, BYTES("/secret\0w"), OK);
    client_expect(f.admin, XS_RM, 0, STRINGS("/secret/a/b"), OK);
    client_expect_no_event(f.guest);
    client_expect(f.admin, XS_SET_PERMS, 0, STRINGS("/secret/a\0n0\0r1"), OK);
    client_expect_event(f.guest, STRINGS("/secret/a\0w"));
    client_expect(f.admin, XS_WRITE, 0, BYTES("/secret/a/c\0w"), OK);
    client_expect_event(f.guest, STRINGS("/secret/a/c\0w"));
    client_expect(f.admin, XS_SET_PERMS, 0, STRINGS("/secret/a\0n0"), OK);
    client_expect_event(f.guest, STRINGS("/secret/a\0w"));
    client_expect(f.admin, XS_WRITE, 0, BYTES("/secret/a\0w"), OK);
    client_expect_no_event(f.guest);
    /* Domain 0 hears of all. */
    watch(f.admin, STRINGS("/\0w"), STRINGS("/\0w"));
    client_expect(f.admin, XS_RM, 0, STRINGS("/secret"), OK);
    client_expect_event(f.admin, STRINGS("/secret\0w"));
    client_expect_no_event(f.guest);
    fixture_destroy(&f);
}

static void test_special(void)
{
    Fixture f;

    fixture_init(&f);
    watch(f.guest, STRINGS("@releaseDomain\0w"), STRINGS("@releaseDomain\0w"));
    watch(f.admin, STRINGS("@releaseDomain\0w"), STRINGS("@releaseDomain\0w"));
    watch(f.admin, STRINGS("@releaseDomain/1\0only"),
          STRINGS("@releaseDomain/1\0only"));
    watch(f.admin, STRINGS("@introduceDomain\0id\0" "1"),
          STRINGS("@introduceDomain\0id"));
    xenstore_domain_event(f.xs, false);
    client_expect_event(f.admin, STRINGS("@releaseDomain\0w"));
    client_expect_event(f.admin, STRINGS("@releaseDomain/1\0only"));
    client_expect_no_event(f.admin);
    client_expect_no_event(f.guest);
    xenstore_domain_event(f.xs, true);
    client_expect_event(f.admin, STRINGS("@introduceDomain/1\0id"));
    client_expect(f.admin, XS_SET_PERMS, 0,
                  STRINGS("@releaseDomain\0n0\0r1"), OK);
    xenstore_domain_event(f.xs, false);
    client_expect_event(f.guest, STRINGS("@releaseDomain\0w"));
    fixture_destroy(&f);
}

/* ---------------------------------------------------------------- limits -- */

static uint32_t guest_nodes(Fixture *f)
{
    XenstoreStats stats;

    xenstore_stats(f->xs, &stats);
    return stats.guest_nodes;
}

static void test_node_limit(void)
{
    Fixture f;
    const unsigned given = 1, max = XENSTORE_MAX_NODES + 2 * given;
    unsigned n = 0;
    uint32_t tx;
    int ret;

    fixture_init(&f);
    g_assert_cmpuint(guest_nodes(&f), ==, given);
    for (;;) {
        char path[64];

        snprintf(path, sizeof(path), "data/n%u", n);
        ret = xenstore_mkdir(f.guest, 0, path);
        if (ret) {
            break;
        }
        n++;
    }
    g_assert_cmpint(ret, ==, -ENOSPC);
    g_assert_cmpuint(n, ==, max - given);
    g_assert_cmpuint(guest_nodes(&f), ==, max);
    client_expect_error(f.guest, XS_WRITE, 0, BYTES("data/x\0v"), "ENOSPC");
    client_expect_error(f.guest, XS_MKDIR, 0, STRINGS("data/n1/x"), "ENOSPC");
    /* What is there may change, and QEMU is not held up. */
    client_expect(f.guest, XS_WRITE, 0, BYTES("data/n1\0v"), OK);
    client_expect(f.admin, XS_MKDIR, 0, STRINGS("/more/and/more"), OK);
    /* It comes back exactly, in whatever way nodes go. */
    client_expect(f.guest, XS_RM, 0, STRINGS("data/n1"), OK);
    tx = client_start(f.guest);
    for (int i = 0; i < 3; i++) {
        client_expect(f.guest, XS_RM, tx, STRINGS("data/n2"), OK);
        client_expect(f.guest, XS_WRITE, tx, BYTES("data/n2\0v"), OK);
        client_expect(f.guest, XS_RM, tx, STRINGS("data/n2"), OK);
    }
    client_expect(f.guest, XS_TRANSACTION_END, tx, STRINGS("T"), OK);
    g_assert_cmpuint(guest_nodes(&f), ==, max - 2);
    client_expect(f.guest, XS_MKDIR, 0, STRINGS("data/a/b"), OK);
    client_expect_error(f.guest, XS_MKDIR, 0, STRINGS("data/c"), "ENOSPC");
    /* A path of which only a part fits leaves nothing behind. */
    client_expect(f.guest, XS_RM, 0, STRINGS("data/a/b"), OK);
    client_expect_error(f.guest, XS_MKDIR, 0, STRINGS("data/p/q"), "ENOSPC");
    client_expect_error(f.guest, XS_READ, 0, STRINGS("data/p"), "ENOENT");
    g_assert_cmpuint(guest_nodes(&f), ==, max - 1);
    /* Nodes that are not its own do not count. */
    client_expect(f.admin, XS_SET_PERMS, 0, STRINGS(HOME "/data/n5\0n0"), OK);
    g_assert_cmpuint(guest_nodes(&f), ==, max - 2);
    fixture_destroy(&f);
}

/* Two transactions that fit, but not both. */
static void test_node_limit_commit(void)
{
    Fixture f;
    uint32_t tx[2];
    char path[64];

    fixture_init(&f);
    client_expect(f.guest, XS_MKDIR, 0, STRINGS("data/0"), OK);
    client_expect(f.guest, XS_MKDIR, 0, STRINGS("data/1"), OK);
    for (int i = 0; i < 2; i++) {
        tx[i] = client_start(f.guest);
        for (int n = 0; n < 600; n++) {
            snprintf(path, sizeof(path), "data/%d/%d", i, n);
            g_assert_cmpint(xenstore_mkdir(f.guest, tx[i], path), ==, 0);
        }
    }
    client_expect(f.guest, XS_TRANSACTION_END, tx[0], STRINGS("T"), OK);
    client_expect_error(f.guest, XS_TRANSACTION_END, tx[1], STRINGS("T"),
                        "ENOSPC");
    g_assert_cmpuint(guest_nodes(&f), ==, 603);
    fixture_destroy(&f);
}

static void test_memory_limit(void)
{
    Fixture f;
    g_autofree char *value = g_strnfill(XENSTORE_MAX_VALUE, 'v');
    g_autofree char *long_name = g_strnfill(1900, 'n');
    char path[XENSTORE_PATH_BUF];
    int ret = 0;
    unsigned n;

    fixture_init(&f);
    for (n = 0; !ret; n++) {
        snprintf(path, sizeof(path), "data/%s%03u", long_name, n);
        ret = xenstore_write(f.guest, 0, path, value, XENSTORE_MAX_VALUE);
    }
    g_assert_cmpint(ret, ==, -ENOMEM);
    /* Name, value, an entry of permissions each. */
    g_assert_cmpuint(n - 1, ==, (XENSTORE_MAX_MEMORY - 5 - 8) /
                     (1904 + XENSTORE_MAX_VALUE + sizeof(XenstorePerm)));
    snprintf(path, sizeof(path), "data/%s", long_name);
    /* There may be room for one. */
    xenstore_watch(f.guest, path, long_name, -1, NULL);
    long_name[0] = 'x';
    g_assert_cmpint(xenstore_watch(f.guest, path, long_name, -1, NULL), ==,
                    -ENOMEM);
    client_expect(f.guest, XS_RESET_WATCHES, 0, STRINGS(""), OK);
    g_assert_cmpint(xenstore_write(f.guest, 0, "data", value,
                                   XENSTORE_MAX_VALUE), ==, 0);
    g_assert_cmpint(xenstore_write(f.guest, 0, "data/more", value,
                                   XENSTORE_MAX_VALUE), ==, -ENOMEM);
    g_assert_cmpint(xenstore_write(f.guest, 0, "data", "", 0), ==, 0);
    fixture_destroy(&f);
}

static void test_watch_limit(void)
{
    Fixture f;
    char token[16];

    fixture_init(&f);
    for (unsigned i = 0; i < XENSTORE_MAX_WATCHES; i++) {
        snprintf(token, sizeof(token), "%u", i);
        g_assert_cmpint(xenstore_watch(f.guest, "data", token, -1, NULL), ==,
                        0);
        g_assert_cmpint(xenstore_watch(f.admin, "data", token, -1, NULL), ==,
                        0);
    }
    client_expect_error(f.guest, XS_WATCH, 0, STRINGS("data\0more"), "ENOSPC");
    client_expect(f.admin, XS_WATCH, 0, STRINGS("/\0more"), OK);
    client_expect(f.guest, XS_UNWATCH, 0, STRINGS("data\0" "100"), OK);
    client_expect(f.guest, XS_WATCH, 0, STRINGS("data\0more"), OK);
    fixture_destroy(&f);
}

static void test_transaction_limits(void)
{
    Fixture f;
    uint32_t tx[XENSTORE_MAX_TRANSACTIONS];
    unsigned n = 0;
    char path[64];
    int ret;

    fixture_init(&f);
    for (int round = 0; round < 3; round++) {
        for (unsigned i = 0; i < XENSTORE_MAX_TRANSACTIONS; i++) {
            tx[i] = client_start(f.guest);
        }
        client_expect_error(f.guest, XS_TRANSACTION_START, 0, STRINGS(""),
                            "ENOSPC");
        if (round) {
            client_expect(f.guest, XS_RESET_WATCHES, 0, STRINGS(""), OK);
            client_expect_error(f.guest, XS_TRANSACTION_END, tx[0],
                                STRINGS("T"), "ENOENT");
        } else {
            for (unsigned i = 0; i < XENSTORE_MAX_TRANSACTIONS; i++) {
                client_expect(f.guest, XS_TRANSACTION_END, tx[i],
                              STRINGS("F"), OK);
            }
        }
    }
    tx[0] = client_start(f.guest);
    do {
        snprintf(path, sizeof(path), "data/%u", n++);
        ret = xenstore_rm(f.guest, tx[0], path);
    } while (!ret);
    g_assert_cmpint(ret, ==, -ENOSPC);
    g_assert_cmpuint(n - 1, ==, XENSTORE_MAX_TX_PATHS - 1);
    client_expect_error(f.guest, XS_TRANSACTION_END, tx[0], STRINGS("T"),
                        "ENOMEM");
    /* QEMU's have none. */
    tx[0] = client_start(f.admin);
    for (n = 0; n < 2 * XENSTORE_MAX_TX_PATHS; n++) {
        snprintf(path, sizeof(path), "/%u", n);
        g_assert_cmpint(xenstore_mkdir(f.admin, tx[0], path), ==, 0);
    }
    client_expect(f.admin, XS_TRANSACTION_END, tx[0], STRINGS("T"), OK);
    fixture_destroy(&f);
}

static void test_event_limits(void)
{
    Fixture f;
    XenstoreStats stats;
    XenstoreEvent ev;
    char path[64];

    fixture_init(&f);
    for (unsigned i = 0; i < XENSTORE_MAX_WATCHES; i++) {
        snprintf(path, sizeof(path), "%u", i);
        g_assert_cmpint(xenstore_watch(f.guest, "data", path, -1, NULL), ==,
                        0);
    }
    client_drain(f.guest);
    /* The same event waits once. */
    for (unsigned i = 0; i < 100; i++) {
        client_expect(f.guest, XS_WRITE, 0, BYTES("data/x\0v"), OK);
    }
    g_assert_cmpuint(client_drain(f.guest), ==, XENSTORE_MAX_WATCHES);
    client_expect(f.guest, XS_WRITE, 0, BYTES("data/x\0v"), OK);
    g_assert_cmpuint(client_drain(f.guest), ==, XENSTORE_MAX_WATCHES);
    for (unsigned i = 0; i < 900; i++) {
        snprintf(path, sizeof(path), "data/n%u", i);
        g_assert_cmpint(xenstore_mkdir(f.guest, 0, path), ==, 0);
    }
    xenstore_stats(f.xs, &stats);
    g_assert_cmpuint(stats.events, ==, XENSTORE_MAX_EVENTS);
    g_assert_cmpuint(stats.dropped, ==,
                     900 * XENSTORE_MAX_WATCHES - XENSTORE_MAX_EVENTS);
    g_assert_cmpuint(client_drain(f.guest), ==, XENSTORE_MAX_EVENTS);

    /* A client in QEMU gets one for many. */
    watch(f.admin, STRINGS(HOME "/data\0w"), STRINGS(HOME "/data\0w"));
    for (unsigned i = 0; i < 900; i++) {
        snprintf(path, sizeof(path), "data/n%u", i);
        g_assert_cmpint(xenstore_rm(f.guest, 0, path), ==, 0);
        if (i == XENSTORE_MAX_MERGED_EVENTS - 1) {
            g_assert_cmpuint(client_drain(f.admin), ==,
                             XENSTORE_MAX_MERGED_EVENTS);
        }
    }
    g_assert_true(xenstore_next_event(f.admin, &ev));
    g_assert_cmpstr(ev.path, ==, HOME "/data");
    client_expect_no_event(f.admin);
    client_expect(f.guest, XS_WRITE, 0, BYTES("data/x\0v"), OK);
    client_expect_event(f.admin, STRINGS(HOME "/data/x\0w"));
    fixture_destroy(&f);
}

static void test_event_bytes(void)
{
    Fixture f;
    XenstoreStats stats;
    g_autofree char *token = g_strnfill(2000, 't');
    char path[64];

    fixture_init(&f);
    for (unsigned i = 0; i < 10; i++) {
        token[0] = 'a' + i;
        g_assert_cmpint(xenstore_watch(f.guest, "data", token, -1, NULL), ==,
                        0);
    }
    client_drain(f.guest);
    for (unsigned i = 0; i < 100; i++) {
        snprintf(path, sizeof(path), "data/%02u", i);
        g_assert_cmpint(xenstore_mkdir(f.guest, 0, path), ==, 0);
    }
    xenstore_stats(f.xs, &stats);
    g_assert_cmpuint(stats.events, ==, XENSTORE_MAX_EVENT_BYTES /
                     (sizeof(HOME "/data/00") + sizeof(char[2001])));
    g_assert_cmpuint(stats.events + stats.dropped, ==, 1000);
    /* An event that fits in no message is none. */
    client_expect(f.guest, XS_RESET_WATCHES, 0, STRINGS(""), OK);
    {
        g_autofree char *long_token = g_strnfill(4080, 't');

        g_assert_cmpint(xenstore_watch(f.guest, "data", long_token, -1, NULL),
                        ==, 0);
        client_expect_no_event(f.guest);
    }
    fixture_destroy(&f);
}

/* ----------------------------------------------------------------- reset -- */

static void test_reset(void)
{
    Fixture f;

    fixture_init(&f);
    client_expect(f.qemu, XS_WRITE, 0, BYTES(HOME "/device/vbd/1/state\0" "1"),
                  OK);
    client_expect(f.qemu, XS_SET_PERMS, 0, STRINGS(HOME "/device\0n1"), OK);
    client_expect(f.qemu, XS_SET_PERMS, 0,
                  STRINGS(HOME "/device/vbd/1/state\0n1"), OK);
    client_expect(f.qemu, XS_WRITE, 0, BYTES("/backend/1\0" "2"), OK);
    /* A place where the guest may write, made by somebody at run time. */
    client_expect(f.admin, XS_WRITE, 0, BYTES("/shared\0host"), OK);
    client_expect(f.admin, XS_SET_PERMS, 0, STRINGS("/shared\0n0\0b1"), OK);

    client_expect(f.guest, XS_WRITE, 0, BYTES("/shared/mine/too\0v"), OK);
    client_expect(f.guest, XS_WRITE, 0, BYTES("/shared\0guest"), OK);
    client_expect(f.guest, XS_WRITE, 0, BYTES("data/left\0v"), OK);
    client_expect(f.guest, XS_SET_PERMS, 0, STRINGS("data\0r1"), OK);
    client_expect(f.guest, XS_WRITE, 0, BYTES("device/vbd/1/state\0" "4"), OK);
    client_expect(f.admin, XS_WRITE, 0, BYTES(HOME "/control\0off"), OK);
    client_start(f.guest);
    client_expect(f.guest, XS_WATCH, 0, STRINGS("data\0w"), OK);
    watch(f.admin, STRINGS("/\0w"), STRINGS("/\0w"));

    xenstore_reset_domain(f.xs);
    client_expect_event(f.admin, STRINGS(HOME "/control\0w"));
    client_expect_event(f.admin, STRINGS(HOME "/data/left\0w"));
    client_expect_event(f.admin, STRINGS("/shared/mine\0w"));
    client_expect_event(f.admin, STRINGS(HOME "/data\0w"));
    client_expect_event(f.admin, STRINGS(HOME "/device/vbd/1/state\0w"));
    client_expect_no_event(f.admin);
    client_expect_no_event(f.guest);
    client_expect_error(f.guest, XS_READ, 0, STRINGS("data/left"), "ENOENT");
    client_expect_error(f.guest, XS_READ, 0, STRINGS("control"), "ENOENT");
    client_expect(f.guest, XS_GET_PERMS, 0, STRINGS("data"), STRINGS("n1"));
    client_expect(f.guest, XS_READ, 0, STRINGS("device/vbd/1/state"),
                  BYTES("1"));
    client_expect(f.admin, XS_READ, 0, STRINGS("/backend/1"), BYTES("2"));
    client_expect(f.admin, XS_READ, 0, STRINGS("/shared"), BYTES("guest"));
    client_expect(f.admin, XS_DIRECTORY, 0, STRINGS("/shared"), BYTES(""));

    /* What it removed is back, again and again. */
    for (int i = 0; i < 3; i++) {
        client_expect(f.guest, XS_RM, 0, STRINGS("device"), OK);
        client_expect(f.guest, XS_RM, 0, STRINGS("data"), OK);
        xenstore_reset_domain(f.xs);
        client_expect(f.guest, XS_READ, 0, STRINGS("device/vbd/1/state"),
                      BYTES("1"));
    }
    /* QEMU takes a device away while the guest has removed it. */
    client_expect(f.guest, XS_RM, 0, STRINGS("device"), OK);
    client_expect_error(f.qemu, XS_RM, 0, STRINGS(HOME "/device/vbd/1"),
                        "ENOENT");
    xenstore_reset_domain(f.xs);
    client_expect(f.guest, XS_DIRECTORY, 0, STRINGS("device/vbd"), BYTES(""));
    fixture_destroy(&f);
}

/* A back end's transaction is the template's too. */
static void test_reset_transaction(void)
{
    Fixture f;
    uint32_t tx;

    fixture_init(&f);
    for (int commit = 0; commit < 2; commit++) {
        tx = client_start(f.qemu);
        client_expect(f.qemu, XS_WRITE, tx, BYTES(HOME "/dev/a/b\0v"), OK);
        client_expect(f.qemu, XS_RM, tx, STRINGS(HOME "/domid"), OK);
        client_expect(f.qemu, XS_TRANSACTION_END, tx,
                      commit ? STRINGS("T") : STRINGS("F"), OK);
        xenstore_reset_domain(f.xs);
        client_expect(f.guest, XS_DIRECTORY, 0, STRINGS(HOME),
                      commit ? STRINGS("data\0dev") : STRINGS("data\0domid"));
    }
    client_expect(f.guest, XS_READ, 0, STRINGS("dev/a/b"), BYTES("v"));
    fixture_destroy(&f);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/xenstore/tx/isolation", test_isolation);
    g_test_add_func("/xenstore/tx/removed", test_removed);
    g_test_add_func("/xenstore/tx/conflicts", test_conflicts);
    g_test_add_func("/xenstore/tx/merge", test_merge);
    g_test_add_func("/xenstore/watch/events", test_watches);
    g_test_add_func("/xenstore/watch/depth", test_watch_depth);
    g_test_add_func("/xenstore/watch/transaction", test_watch_transaction);
    g_test_add_func("/xenstore/watch/permissions", test_watch_permissions);
    g_test_add_func("/xenstore/watch/special", test_special);
    g_test_add_func("/xenstore/limit/nodes", test_node_limit);
    g_test_add_func("/xenstore/limit/nodes-commit", test_node_limit_commit);
    g_test_add_func("/xenstore/limit/memory", test_memory_limit);
    g_test_add_func("/xenstore/limit/watches", test_watch_limit);
    g_test_add_func("/xenstore/limit/transactions", test_transaction_limits);
    g_test_add_func("/xenstore/limit/events", test_event_limits);
    g_test_add_func("/xenstore/limit/event-bytes", test_event_bytes);
    g_test_add_func("/xenstore/reset/nodes", test_reset);
    g_test_add_func("/xenstore/reset/transaction", test_reset_transaction);
    return g_test_run();
}
