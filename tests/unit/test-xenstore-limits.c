/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Xenstore: what a guest may have, and what happens beyond that. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "xenstore-client.h"

static void watch(XenstoreConn *c, Bytes payload, Bytes first)
{
    client_expect(c, XS_WATCH, 0, payload, OK);
    client_expect_event(c, first);
    client_expect_no_event(c);
}

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
        ret = xenstore_create(f.guest, 0, path);
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
    /* The next domain begins with what it is given. */
    xenstore_reset_domain(f.xs);
    g_assert_cmpuint(guest_nodes(&f), ==, given);
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
            g_assert_cmpint(xenstore_create(f.guest, tx[i], path), ==, 0);
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

/* Entries in a message, each with its 0. */
static Bytes perms_of(const char *path, unsigned nr, char *buf)
{
    size_t len = sprintf(buf, "%s", path) + 1;

    for (unsigned i = 0; i < nr; i++) {
        len += sprintf(buf + len, "%c%u", i ? 'r' : 'n', i + 1) + 1;
    }
    return (Bytes) { buf, len };
}

static void test_perms_limit(void)
{
    Fixture f;
    char buf[1024];
    uint32_t tx;

    fixture_init(&f);
    client_expect(f.guest, XS_SET_PERMS, 0,
                  perms_of("data", XENSTORE_MAX_PERMS, buf), OK);
    client_expect_error(f.guest, XS_SET_PERMS, 0,
                        perms_of("data", XENSTORE_MAX_PERMS + 1, buf),
                        "ENOSPC");
    tx = client_start(f.guest);
    client_expect_error(f.guest, XS_SET_PERMS, tx,
                        perms_of("data", 200, buf), "ENOSPC");
    client_expect(f.guest, XS_TRANSACTION_END, tx, STRINGS("T"), OK);
    /* QEMU's have none, and what they set is no hindrance. */
    client_expect(f.admin, XS_SET_PERMS, 0,
                  perms_of(HOME "/data", 2 * XENSTORE_MAX_PERMS, buf), OK);
    client_expect(f.guest, XS_SET_PERMS, 0, perms_of("data", 1, buf), OK);
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

/*
 * Looks, in a transaction, at a node that does not exist, @depth below "data".
 * 0: it has; else the error.
 */
static int deep_read(XenstoreConn *c, uint32_t tx, unsigned n, unsigned depth)
{
    g_autoptr(GString) path = g_string_new("data");
    GBytes *value;
    int ret;

    for (unsigned i = 1; i < depth; i++) {
        g_string_append(path, "/x");
    }
    g_string_append_printf(path, "/%u", n);
    ret = xenstore_read(c, tx, path->str, &value);
    return ret == -ENOENT ? 0 : ret;
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
            /* The second time as part of one of those that it ends. */
            client_expect(f.guest, XS_RESET_WATCHES, round > 1 ? tx[1] : 0,
                          STRINGS(""), OK);
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

    /* Few paths, but deep ones. */
    tx[0] = client_start(f.guest);
    for (n = 0; !deep_read(f.guest, tx[0], n, 200); n++) {
        continue;
    }
    /* Three in the guest's home, and the 'data' there. */
    g_assert_cmpuint(n, ==, XENSTORE_MAX_TX_COMPONENTS / 204);
    g_assert_cmpint(xenstore_write(f.guest, tx[0], "data/x", "v", 1), ==, 0);
    client_expect_error(f.guest, XS_TRANSACTION_END, tx[0], STRINGS("T"),
                        "ENOMEM");
    client_expect_error(f.guest, XS_READ, 0, STRINGS("data/x"), "ENOENT");
    /* One of them is looked at twice for free. */
    tx[0] = client_start(f.guest);
    for (n = 0; n < XENSTORE_MAX_TX_COMPONENTS; n++) {
        g_assert_cmpint(deep_read(f.guest, tx[0], 7, 200), ==, 0);
    }
    client_expect(f.guest, XS_TRANSACTION_END, tx[0], STRINGS("T"), OK);

    /* QEMU's have none. */
    tx[0] = client_start(f.admin);
    for (n = 0; n < XENSTORE_MAX_TX_COMPONENTS / 200 + 1; n++) {
        g_assert_cmpint(deep_read(f.admin, tx[0], n, 200), ==, 0);
    }
    client_expect(f.admin, XS_TRANSACTION_END, tx[0], STRINGS("T"), OK);
    tx[0] = client_start(f.admin);
    for (n = 0; n < 2 * XENSTORE_MAX_TX_PATHS; n++) {
        snprintf(path, sizeof(path), "/%u", n);
        g_assert_cmpint(xenstore_create(f.admin, tx[0], path), ==, 0);
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
        g_assert_cmpint(xenstore_create(f.guest, 0, path), ==, 0);
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
        g_assert_cmpint(xenstore_create(f.guest, 0, path), ==, 0);
    }
    xenstore_stats(f.xs, &stats);
    g_assert_cmpuint(stats.events, ==, XENSTORE_MAX_EVENT_BYTES /
                     (sizeof("data/00") + sizeof(char[2001])));
    g_assert_cmpuint(stats.events + stats.dropped, ==, 1000);
    /*
     * An event that fits in no message is none.  What the guest gets counts: the
     * path as it is for its watch.
     */
    client_expect(f.guest, XS_RESET_WATCHES, 0, STRINGS(""), OK);
    for (int over = 0; over < 2; over++) {
        size_t len = XENSTORE_PAYLOAD_MAX - sizeof("data") - 1 + over;
        g_autofree char *long_token = g_strnfill(len, 't');
        g_autofree char *event = g_malloc(XENSTORE_PAYLOAD_MAX);

        g_assert_cmpint(xenstore_watch(f.guest, "data", long_token, -1, NULL),
                        ==, 0);
        if (!over) {
            memcpy(event, "data", sizeof("data"));
            memcpy(event + sizeof("data"), long_token, len + 1);
            client_expect_event(f.guest,
                                (Bytes) { event, XENSTORE_PAYLOAD_MAX });
        }
        client_expect_no_event(f.guest);
    }
    fixture_destroy(&f);
}

/*
 * Hundreds of names that all hash to the same where a hash is the sum of letters
 * times powers of 33: what is compared counts as visited, too.
 */
static void test_colliding_names(void)
{
    const unsigned nr = 512, watches = 4;
    XenstoreStats stats;
    uint64_t visits;
    Fixture f;

    fixture_init(&f);
    for (unsigned i = 0; i < watches; i++) {
        char token[16];

        snprintf(token, sizeof(token), "%u", i);
        g_assert_cmpint(xenstore_watch(f.guest, "data", token, -1, NULL), ==,
                        0);
    }
    client_drain(f.guest);
    visits = xenstore_visits;
    for (unsigned i = 0; i < nr; i++) {
        char path[32] = "data/";

        for (unsigned bit = 0; bit < 9; bit++) {
            strcat(path, i >> bit & 1 ? "Ez" : "FY");
        }
        g_assert_cmpint(xenstore_create(f.guest, 0, path), ==, 0);
    }
    /* Some 40 levels of the tree, twice; and each event is looked up. */
    g_assert_cmpuint(xenstore_visits - visits, <, nr * (200 + 16 * watches));
    xenstore_stats(f.xs, &stats);
    g_assert_cmpuint(stats.events, ==, nr * watches);
    fixture_destroy(&f);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/xenstore/limit/nodes", test_node_limit);
    g_test_add_func("/xenstore/limit/nodes-commit", test_node_limit_commit);
    g_test_add_func("/xenstore/limit/memory", test_memory_limit);
    g_test_add_func("/xenstore/limit/permissions", test_perms_limit);
    g_test_add_func("/xenstore/limit/watches", test_watch_limit);
    g_test_add_func("/xenstore/limit/transactions", test_transaction_limits);
    g_test_add_func("/xenstore/limit/events", test_event_limits);
    g_test_add_func("/xenstore/limit/event-bytes", test_event_bytes);
    g_test_add_func("/xenstore/limit/colliding-names", test_colliding_names);
    return g_test_run();
}
