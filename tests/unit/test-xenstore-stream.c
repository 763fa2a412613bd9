/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Xenstore's migration state: what it keeps, upstream's, and invalid ones. */
#include <errno.h>
#include <string.h>
#include "xenstore-client.h"

typedef struct State {
    GByteArray *state, *extra;
} State;

static State save(Fixture *f)
{
    State s = { g_byte_array_new(), g_byte_array_new() };

    xenstore_save(f->xs, f->guest, s.state, s.extra);
    return s;
}

static void state_free(State *s)
{
    g_byte_array_unref(s->state);
    g_byte_array_unref(s->extra);
}

static int load(Fixture *f, const State *s, const char **why)
{
    return xenstore_load(f->xs, f->guest, s->state->data, s->state->len,
                         s->extra->len ? s->extra->data : NULL, s->extra->len,
                         why);
}

static void move(Fixture *from, Fixture *to)
{
    State s = save(from);
    const char *why;

    fixture_init(to);
    g_assert_cmpint(load(to, &s, &why), ==, 0);
    fixture_destroy(from);
    state_free(&s);
}

static void test_nodes(void)
{
    Fixture f, to;
    State s;

    fixture_init(&f);
    client_expect(f.guest, XS_WRITE, 0, BYTES("data/a/b\0\1\0\2"), OK);
    client_expect(f.guest, XS_SET_PERMS, 0, STRINGS("data/a\0n1\0b7\0w8"), OK);
    client_expect(f.guest, XS_MKDIR, 0, STRINGS("data/c"), OK);
    s = save(&f);
    /* Upstream can have all of it. */
    g_assert_cmpuint(s.extra->len, ==, 0);
    state_free(&s);
    move(&f, &to);
    client_expect(to.guest, XS_READ, 0, STRINGS("data/a/b"), BYTES("\1\0\2"));
    client_expect(to.guest, XS_GET_PERMS, 0, STRINGS("data/a"),
                  STRINGS("n1\0b7\0w8"));
    client_expect(to.guest, XS_DIRECTORY, 0, STRINGS("data"), STRINGS("a\0c"));
    client_expect_error(to.guest, XS_READ, 0, STRINGS("/secret"), "EACCES");
    /* The template is this QEMU's own. */
    xenstore_reset_domain(to.xs);
    client_expect(to.guest, XS_DIRECTORY, 0, STRINGS("data"), BYTES(""));
    fixture_destroy(&to);
}

static void test_transactions(void)
{
    Fixture f, to;
    uint32_t a, b, c, again;

    fixture_init(&f);
    client_expect(f.guest, XS_WRITE, 0, BYTES("data/x\0old"), OK);
    client_expect(f.guest, XS_WRITE, 0, BYTES("data/gone/too\0v"), OK);
    c = client_start(f.guest);
    client_expect(f.guest, XS_WRITE, 0, BYTES("data/z\0v"), OK);
    a = client_start(f.guest);
    b = client_start(f.guest);
    client_expect(f.guest, XS_WRITE, a, BYTES("data/x\0new"), OK);
    client_expect(f.guest, XS_RM, a, STRINGS("data/gone"), OK);
    client_expect(f.guest, XS_WRITE, a, BYTES("data/n/o\0v"), OK);
    client_expect(f.guest, XS_READ, b, STRINGS("data/x"), BYTES("old"));
    move(&f, &to);

    again = client_start(to.guest);
    g_assert_cmpuint(again, !=, a);
    g_assert_cmpuint(again, !=, b);
    client_expect(to.guest, XS_READ, 0, STRINGS("data/x"), BYTES("old"));
    client_expect(to.guest, XS_READ, a, STRINGS("data/x"), BYTES("new"));
    client_expect_error(to.guest, XS_READ, a, STRINGS("data/gone"), "ENOENT");
    client_expect(to.guest, XS_WATCH, 0, STRINGS("data\0w"), OK);
    client_drain(to.guest);
    client_expect(to.guest, XS_TRANSACTION_END, a, STRINGS("T"), OK);
    client_expect_event(to.guest, STRINGS("data/gone\0w"));
    client_expect_event(to.guest, STRINGS("data/n/o\0w"));
    client_expect_event(to.guest, STRINGS("data/x\0w"));
    client_expect_no_event(to.guest);
    client_expect(to.guest, XS_DIRECTORY, 0, STRINGS("data"),
                  STRINGS("n\0x\0z"));
    /* This one has looked at what changed since, and that one is too old. */
    client_expect_error(to.guest, XS_TRANSACTION_END, b, STRINGS("T"),
                        "EAGAIN");
    client_expect_error(to.guest, XS_TRANSACTION_END, c, STRINGS("T"),
                        "EAGAIN");
    fixture_destroy(&to);
}

static void test_events(void)
{
    Fixture f, to;

    fixture_init(&f);
    client_expect(f.guest, XS_WATCH, 0, STRINGS("data\0rel\0" "1"), OK);
    client_expect(f.guest, XS_WATCH, 0, STRINGS(HOME "/data\0abs"), OK);
    client_expect(f.guest, XS_WATCH, 0, STRINGS("@releaseDomain\0s"), OK);
    client_drain(f.guest);
    client_expect(f.guest, XS_WRITE, 0, BYTES("data/x/y\0v"), OK);
    client_expect(f.guest, XS_WRITE, 0, BYTES("data/x\0v"), OK);
    move(&f, &to);
    client_expect_event(to.guest, STRINGS(HOME "/data/x/y\0abs"));
    client_expect_event(to.guest, STRINGS("data/x\0rel"));
    client_expect_event(to.guest, STRINGS(HOME "/data/x\0abs"));
    client_expect_no_event(to.guest);
    client_expect(to.guest, XS_WRITE, 0, BYTES("data/x/y\0v"), OK);
    client_expect_event(to.guest, STRINGS(HOME "/data/x/y\0abs"));
    client_expect_no_event(to.guest);
    client_expect(to.guest, XS_UNWATCH, 0, STRINGS("data\0rel"), OK);
    client_expect(to.guest, XS_UNWATCH, 0, STRINGS("@releaseDomain\0s"), OK);
    fixture_destroy(&to);
}

/* What QEMU's clients write may have a longer path than what the guest does. */
static void test_long_paths(void)
{
    const size_t len = XENSTORE_ABS_PATH_MAX - strlen(HOME "/data/");
    g_autofree char *name = g_strnfill(len, 'n');
    g_autofree char *path = g_strconcat(HOME "/data/", name, NULL);
    g_autofree char *event = g_strconcat("data/", name, "?w", NULL);
    size_t event_len = strlen(event) + 1;
    Fixture f, to;

    event[event_len - 3] = 0;
    fixture_init(&f);
    client_expect(f.guest, XS_WATCH, 0, STRINGS("data\0w"), OK);
    client_drain(f.guest);
    g_assert_cmpint(xenstore_write(f.admin, 0, path, "v", 1), ==, 0);
    move(&f, &to);
    client_expect_event(to.guest, (Bytes) { event, event_len });
    client_expect_no_event(to.guest);
    fixture_destroy(&to);
}

/* QEMU's clients hear of what is not as it was. */
static void test_others_watches(void)
{
    Fixture f, to;
    State s;
    const char *why;

    fixture_init(&f);
    fixture_init(&to);
    client_expect(f.guest, XS_WRITE, 0, BYTES("data/x\0v"), OK);
    client_expect(f.guest, XS_WATCH, 0, STRINGS("data\0w"), OK);
    client_drain(f.guest);
    client_expect(to.guest, XS_WRITE, 0, BYTES("data/y\0v"), OK);
    client_expect(to.admin, XS_WATCH, 0, STRINGS("/\0w"), OK);
    client_drain(to.admin);
    s = save(&f);
    g_assert_cmpint(load(&to, &s, &why), ==, 0);
    client_expect_event(to.admin, STRINGS(HOME "/data/y\0w"));
    client_expect_event(to.admin, STRINGS(HOME "/data/x\0w"));
    client_expect_no_event(to.admin);
    client_expect_no_event(to.guest);
    state_free(&s);
    fixture_destroy(&f);
    fixture_destroy(&to);
}

/* ------------------------------------------------------------ upstream's -- */

/*
 * As upstream saves it: a tree of domain 0's with /local/domain/1/data, and a
 * transaction (number 5) that wrote data/new and removed data/old.
 */
#define N0          "n0\0\0"
#define EMPTY(perms) "\0\0\0\0\0" perms
#define LINK(tx)    "\4\0\0\0" tx

static const char upstream[] =
    "\0\0\0\5" "\0\0\0\3"
    EMPTY(N0)
      "local\0" EMPTY(N0)
        "domain\0" EMPTY(N0)
          "1\0" EMPTY("n0\0r1\0\0")
            "data\0" EMPTY("n1\0\0")
              "old\0" "\0\0\0\0\1v" "n1\0\0" "\0"
              "kept\0" "\0\0\0\0\2xy" "n1\0\0" "\0"
              "\0"
            "\0"
          "\0"
        "\0"
      "\0"
    "\0\0\0\3" "\0\0\0\1" "\0\0\0\5"
    EMPTY(N0)
      "local\0" EMPTY(N0)
        "domain\0" EMPTY(N0)
          "1\0" EMPTY("n0\0r1\0\0")
            "data\0" EMPTY("n1\0\0")
              "old\0" "\2\0\0\0\0" "n1\0\0" "\0"
              "new\0" "\1\0\0\0\1n" "n1\0\0" "\0"
              "kept\0" LINK("\3")
              "\0"
            "\0"
          "\0"
        "\0"
      "\0"
    "\0\0\0\0"
    "data\0token\0"
    HOME "/data/kept\0token\0"
    ;

static void test_upstream(void)
{
    for (int interfere = 0; interfere < 2; interfere++) {
        Fixture f;
        const char *why = NULL;

        fixture_init(&f);
        /* With the literal's own 0, which ends the watches. */
        g_assert_cmpint(xenstore_load(f.xs, f.guest, (const void *)upstream,
                                      sizeof(upstream), NULL, 0, &why), ==, 0);
        client_expect_no_event(f.guest);
        client_expect(f.guest, XS_DIRECTORY, 0, STRINGS("data"),
                      STRINGS("kept\0old"));
        client_expect(f.guest, XS_DIRECTORY, 5, STRINGS("data"),
                      STRINGS("kept\0new"));
        client_expect(f.guest, XS_READ, 5, STRINGS("data/kept"), BYTES("xy"));
        if (interfere) {
            client_expect(f.guest, XS_WRITE, 0, BYTES("data/other\0v"), OK);
            client_expect_error(f.guest, XS_TRANSACTION_END, 5, STRINGS("T"),
                                "EAGAIN");
        } else {
            client_expect(f.guest, XS_TRANSACTION_END, 5, STRINGS("T"), OK);
            client_expect_event(f.guest, STRINGS("data/new\0token"));
            client_expect_event(f.guest, STRINGS("data/old\0token"));
            client_expect_no_event(f.guest);
            client_expect(f.guest, XS_DIRECTORY, 0, STRINGS("data"),
                          STRINGS("kept\0new"));
        }
        g_assert_cmpuint(client_start(f.guest), ==, 6);
        fixture_destroy(&f);
    }
}

/*
 * What upstream gets: a tree, and a transaction that wrote data/x.  Only that node is
 * one that the transaction modified; what it shares with the live tree is a reference.
 */
static const char saved[] =
    "\0\0\0\2" "\0\0\0\2"
    EMPTY(N0)
      "local\0" EMPTY(N0)
        "domain\0" EMPTY(N0)
          "1\0" EMPTY("n0\0r1\0\0")
            "data\0" EMPTY("n1\0\0")
              "x\0" "\0\0\0\0\3old" "n1\0\0" "\0"
              "\0"
            "domid\0" "\0\0\0\0\1" "1" "n0\0r1\0\0" "\0"
            "\0"
          "\0"
        "\0"
      "secret\0" EMPTY(N0) "\0"
      "\0"
    "\0\0\0\2" "\0\0\0\1" "\0\0\0\1"
    EMPTY(N0)
      "local\0" EMPTY(N0)
        "domain\0" EMPTY(N0)
          "1\0" EMPTY("n0\0r1\0\0")
            "data\0" EMPTY("n1\0\0")
              "x\0" "\1\0\0\0\2" "ab" "n1\0\0" "\0"
              "\0"
            "domid\0" LINK("\2")
            "\0"
          "\0"
        "\0"
      "secret\0" LINK("\2")
      "\0"
    "\0\0\0\0"
    "data\0token\0"
    ;

static void test_saved(void)
{
    Fixture f;
    uint32_t tx;
    State s;

    fixture_init(&f);
    client_expect(f.guest, XS_WRITE, 0, BYTES("data/x\0old"), OK);
    client_expect(f.guest, XS_WATCH, 0, STRINGS("data\0token"), OK);
    tx = client_start(f.guest);
    g_assert_cmpuint(tx, ==, 1);
    client_expect(f.guest, XS_READ, tx, STRINGS("domid"), BYTES("1"));
    client_expect(f.guest, XS_WRITE, tx, BYTES("data/x\0ab"), OK);
    s = save(&f);
    g_assert_cmpmem(s.state->data, s.state->len, saved, sizeof(saved));
    state_free(&s);
    fixture_destroy(&f);
}

/* --------------------------------------------------------------- invalid -- */

static void fill(Fixture *f)
{
    uint32_t tx;

    fixture_init(f);
    client_expect(f->guest, XS_WRITE, 0, BYTES("data/a/b\0v"), OK);
    client_expect(f->guest, XS_WATCH, 0, STRINGS("data\0w\0" "2"), OK);
    tx = client_start(f->guest);
    client_expect(f->guest, XS_WRITE, tx, BYTES("data/a/c/d\0v"), OK);
    client_expect(f->guest, XS_RM, tx, STRINGS("data/a/b"), OK);
}

/* Uses what was loaded, whatever it is. */
static void use(Fixture *f)
{
    static const uint32_t types[] = { XS_READ, XS_DIRECTORY, XS_RM, XS_MKDIR };
    g_autofree XenstoreMessage *answer = g_new(XenstoreMessage, 1);
    State s;

    for (uint32_t tx = 0; tx < 10; tx++) {
        for (unsigned i = 0; i < G_N_ELEMENTS(types); i++) {
            client_request(f->guest, types[i], tx, STRINGS("data/a"), answer);
        }
        client_request(f->guest, XS_TRANSACTION_END, tx, STRINGS("T"), answer);
    }
    s = save(f);
    state_free(&s);
    client_drain(f->guest);
    xenstore_reset_domain(f->xs);
    client_expect(f->guest, XS_READ, 0, STRINGS("domid"), BYTES("1"));
}

/* Each byte other, and each length less. */
static void test_damaged(void)
{
    static const uint8_t with[] = { 0xff, 0x80, 1, 4 };
    Fixture from;
    State s;

    fill(&from);
    s = save(&from);
    fixture_destroy(&from);
    g_assert_cmpuint(s.extra->len, >, 50);
    for (int part = 0; part < 2; part++) {
        GByteArray *a = part ? s.extra : s.state;
        guint len = a->len;

        for (guint at = 0; at < len; at++) {
            for (unsigned i = 0; i < G_N_ELEMENTS(with) + 1; i++) {
                Fixture f;
                const char *why = NULL;
                int ret;

                fixture_init(&f);
                if (i == G_N_ELEMENTS(with)) {
                    a->len = at;
                    ret = xenstore_load(f.xs, f.guest, s.state->data,
                                        s.state->len, s.extra->data,
                                        s.extra->len, &why);
                    a->len = len;
                    g_assert_cmpint(ret, ==, -EINVAL);
                } else {
                    a->data[at] ^= with[i];
                    ret = load(&f, &s, &why);
                    a->data[at] ^= with[i];
                }
                g_assert_true(ret ? ret == -EINVAL && why : !why);
                if (ret) {
                    /* Nothing changed. */
                    client_expect(f.guest, XS_DIRECTORY, 0, STRINGS("data"),
                                  BYTES(""));
                }
                use(&f);
                fixture_destroy(&f);
            }
        }
    }
    state_free(&s);
}

#define START   "\0\0\0\2" "\0\0\0\1"
#define NO_MORE "\0\0\0\0"

static void test_invalid(void)
{
    static const struct {
        Bytes state;
        const char *why;
    } cases[] = {
        { BYTES(""), "too early" },
        { BYTES(START), "too early" },
        { BYTES("\0\0\0\1\0\0\0\2" EMPTY(N0) "\0" NO_MORE "\0"), "number" },
        { BYTES(START EMPTY("\0") "\0" NO_MORE "\0"), "no permissions" },
        { BYTES(START EMPTY("x0\0\0") "\0" NO_MORE "\0"), "permission" },
        { BYTES(START EMPTY("n-1\0\0") "\0" NO_MORE "\0"), "permission" },
        { BYTES(START EMPTY("n65536\0\0") "\0" NO_MORE "\0"), "permission" },
        { BYTES(START EMPTY("n0\0r1\0r2\0r3\0r4\0r5\0\0") "\0" NO_MORE "\0"),
          "too many permissions" },
        { BYTES(START "\0\xff\0\0\0" N0 "\0" NO_MORE "\0"), "too long" },
        { BYTES(START "\x08\0\0\0\0" N0 "\0" NO_MORE "\0"), "flags" },
        { BYTES(START LINK("\1") NO_MORE "\0"), "nowhere" },
        { BYTES(START EMPTY(N0) "a/b\0" EMPTY(N0) "\0\0" NO_MORE "\0"),
          "name" },
        { BYTES(START EMPTY(N0) "a\0" EMPTY(N0) "\0" "a\0" EMPTY(N0) "\0\0"
                NO_MORE "\0"), "twice" },
        { BYTES(START EMPTY(N0) "\0" "\0\0\0\1\0\0\0\1\0\0\0\3" LINK("\1")
                NO_MORE "\0"), "number" },
        { BYTES(START EMPTY(N0) "\0" "\0\0\0\1\0\0\0\1\0\0\0\1" LINK("\1")
                NO_MORE "\0"), "number" },
        { BYTES(START EMPTY(N0) "\0" "\0\0\0\1\0\0\0\1\0\0\0\2" LINK("\7")
                NO_MORE "\0"), "nowhere" },
        { BYTES(START EMPTY(N0) "\0" NO_MORE "a//b\0t\0\0"), "watch" },
        { BYTES(START EMPTY(N0) "\0" NO_MORE "a\0t\0" "a\0t\0\0"), "twice" },
        { BYTES(START EMPTY(N0) "\0" NO_MORE "\0x"), "follows" },
    };
    Fixture f;

    fixture_init(&f);
    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        const char *why = NULL;

        g_assert_cmpint(xenstore_load(f.xs, f.guest, cases[i].state.data,
                                      cases[i].state.len, NULL, 0, &why), ==,
                        -EINVAL);
        if (!strstr(why, cases[i].why)) {
            g_error("%u: \"%s\", not \"%s\"", i, why, cases[i].why);
        }
    }
    /* A tree as deep as a path can say, and one deeper. */
    for (int over = 0; over < 2; over++) {
        g_autoptr(GByteArray) s = g_byte_array_new();
        unsigned depth = XENSTORE_ABS_PATH_MAX / 2 + over;
        const char *why;

        g_byte_array_append(s, (const void *)START, 8);
        for (unsigned i = 0; i <= depth; i++) {
            if (i) {
                g_byte_array_append(s, (const void *)"a", 2);
            }
            g_byte_array_append(s, (const void *)(EMPTY(N0)),
                                sizeof(EMPTY(N0)) - 1);
        }
        for (unsigned i = 0; i <= depth; i++) {
            g_byte_array_append(s, (const void *)"", 1);
        }
        g_byte_array_append(s, (const void *)(NO_MORE "\0"), 5);
        g_assert_cmpint(xenstore_load(f.xs, f.guest, s->data, s->len, NULL, 0,
                                      &why), ==, over ? -EINVAL : 0);
    }
    fixture_destroy(&f);
}

/* The guest has as many as it could start; QEMU's clients, up to that many. */
static void test_transaction_limit(void)
{
    static const struct {
        unsigned guest, others;
        int ret;
    } cases[] = {
        { XENSTORE_MAX_TRANSACTIONS, XENSTORE_MAX_TRANSACTIONS, 0 },
        { XENSTORE_MAX_TRANSACTIONS + 1, 0, -EINVAL },
        { XENSTORE_MAX_TRANSACTIONS, XENSTORE_MAX_TRANSACTIONS + 1, -EINVAL },
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GByteArray) s = g_byte_array_new();
        const char *why = NULL;
        Fixture f;

#define APPEND(bytes) g_byte_array_append(s, (const void *)(bytes), \
                                          sizeof(bytes) - 1)
        APPEND("\0\0\0\x40" "\0\0\0\1" EMPTY(N0) "\0");
        for (unsigned n = 0; n < cases[i].guest + cases[i].others; n++) {
            uint8_t id[] = { 0, 0, 0, n + 2 };
            uint8_t domid[] = { 0, 0, 0, n < cases[i].guest };

            APPEND("\0\0\0\1");
            g_byte_array_append(s, domid, sizeof(domid));
            g_byte_array_append(s, id, sizeof(id));
            APPEND(LINK("\1"));
        }
        APPEND(NO_MORE "\0");
#undef APPEND
        fixture_init(&f);
        g_assert_cmpint(xenstore_load(f.xs, f.guest, s->data, s->len, NULL, 0,
                                      &why), ==, cases[i].ret);
        if (cases[i].ret) {
            g_assert_nonnull(strstr(why, "too many transactions"));
        } else {
            client_expect(f.guest, XS_TRANSACTION_END, 2, STRINGS("F"), OK);
            client_expect_error(f.guest, XS_TRANSACTION_END,
                                2 + XENSTORE_MAX_TRANSACTIONS, STRINGS("F"),
                                "ENOENT");
        }
        fixture_destroy(&f);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/xenstore/stream/nodes", test_nodes);
    g_test_add_func("/xenstore/stream/transaction-limit",
                    test_transaction_limit);
    g_test_add_func("/xenstore/stream/transactions", test_transactions);
    g_test_add_func("/xenstore/stream/events", test_events);
    g_test_add_func("/xenstore/stream/long-paths", test_long_paths);
    g_test_add_func("/xenstore/stream/others-watches", test_others_watches);
    g_test_add_func("/xenstore/stream/upstream", test_upstream);
    g_test_add_func("/xenstore/stream/saved", test_saved);
    g_test_add_func("/xenstore/stream/damaged", test_damaged);
    g_test_add_func("/xenstore/stream/invalid", test_invalid);
    return g_test_run();
}
