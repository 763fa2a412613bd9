/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Xenstore: transactions, watches, reset of the domain. */
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
    } rows[] = {
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

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree XenstoreMessage *answer = g_new(XenstoreMessage, 1);
        Fixture f;
        uint32_t tx;

        fixture_init(&f);
        client_expect(f.guest, XS_WRITE, 0, BYTES("data/a/b\0v"), OK);
        client_expect(f.guest, XS_WRITE, 0, BYTES("data/a\0v"), OK);
        client_expect(f.guest, XS_WRITE, 0, BYTES("data/c\0v"), OK);
        tx = client_start(f.guest);
        client_request(f.guest, rows[i].type, tx, rows[i].payload, answer);
        g_assert_cmpuint(answer->hdr.type, ==, rows[i].type);
        client_request(f.guest, rows[i].other_type, 0, rows[i].other,
                       answer);
        g_assert_cmpuint(answer->hdr.type, ==, rows[i].other_type);
        end(f.guest, tx, rows[i].conflict ? "EAGAIN" : NULL);
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
    g_test_add_func("/xenstore/reset/nodes", test_reset);
    g_test_add_func("/xenstore/reset/transaction", test_reset_transaction);
    return g_test_run();
}
