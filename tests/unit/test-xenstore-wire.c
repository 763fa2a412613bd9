/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Xenstore's protocol: each operation, each error. */
#include <stdio.h>
#include <string.h>
#include "xenstore-client.h"

#define NOTHING BYTES("")

static void test_nodes(void)
{
    Fixture f;

    fixture_init(&f);
    client_expect(f.guest, XS_READ, 0, STRINGS("domid"), BYTES("1"));
    client_expect(f.guest, XS_READ, 0, STRINGS(HOME "/domid"), BYTES("1"));
    client_expect(f.guest, XS_WRITE, 0, BYTES("data/a\0text"), OK);
    client_expect(f.guest, XS_READ, 0, STRINGS("data/a"), BYTES("text"));
    /* Any bytes, and none */
    client_expect(f.guest, XS_WRITE, 0, BYTES("data/a\0\0\1\0z\0"), OK);
    client_expect(f.guest, XS_READ, 0, STRINGS("data/a"), BYTES("\0\1\0z\0"));
    client_expect(f.guest, XS_WRITE, 0, STRINGS("data/a"), OK);
    client_expect(f.guest, XS_READ, 0, STRINGS("data/a"), NOTHING);
    /* Parents */
    client_expect(f.guest, XS_WRITE, 0, BYTES("data/p/q/r\0v"), OK);
    client_expect(f.guest, XS_READ, 0, STRINGS("data/p/q"), NOTHING);
    client_expect(f.guest, XS_DIRECTORY, 0, STRINGS("data/p"), STRINGS("q"));
    client_expect(f.guest, XS_DIRECTORY, 0, STRINGS("data"), STRINGS("a\0p"));
    client_expect(f.guest, XS_DIRECTORY, 0, STRINGS("data/a"), NOTHING);
    /* MKDIR leaves what is there. */
    client_expect(f.guest, XS_MKDIR, 0, STRINGS("data/p/q/r"), OK);
    client_expect(f.guest, XS_READ, 0, STRINGS("data/p/q/r"), BYTES("v"));
    client_expect(f.guest, XS_MKDIR, 0, STRINGS("data/m/n"), OK);
    client_expect(f.guest, XS_READ, 0, STRINGS("data/m/n"), NOTHING);
    /* RM takes all below, and is fine where there is nothing. */
    client_expect(f.guest, XS_RM, 0, STRINGS("data/p"), OK);
    client_expect_error(f.guest, XS_READ, 0, STRINGS("data/p/q/r"), "ENOENT");
    client_expect(f.guest, XS_RM, 0, STRINGS("data/p"), OK);
    client_expect(f.guest, XS_RM, 0, STRINGS("data/none"), OK);
    client_expect_error(f.guest, XS_RM, 0, STRINGS("data/none/x"), "ENOENT");
    client_expect(f.guest, XS_DIRECTORY, 0, STRINGS("data"), STRINGS("a\0m"));
    fixture_destroy(&f);
}

static void test_permissions(void)
{
    Fixture f;

    fixture_init(&f);
    client_expect(f.guest, XS_GET_PERMS, 0, STRINGS("domid"),
                  STRINGS("n0\0r1"));
    /* The guest owns what it makes, with its parent's other entries. */
    client_expect(f.admin, XS_SET_PERMS, 0,
                  STRINGS(HOME "/data\0n0\0b1\0r7"), OK);
    client_expect(f.guest, XS_WRITE, 0, BYTES("data/a\0v"), OK);
    client_expect(f.guest, XS_GET_PERMS, 0, STRINGS("data/a"),
                  STRINGS("n1\0b1\0r7"));
    client_expect(f.guest, XS_SET_PERMS, 0,
                  STRINGS("data/a\0n1\0r2\0w3\0b4\0n65535"), OK);
    client_expect(f.guest, XS_GET_PERMS, 0, STRINGS("data/a"),
                  STRINGS("n1\0r2\0w3\0b4\0n65535"));
    client_expect_error(f.guest, XS_SET_PERMS, 0,
                        STRINGS("data/a\0n1\0r2\0r3\0r4\0r5\0r6"), "ENOSPC");
    client_expect_error(f.guest, XS_SET_PERMS, 0, STRINGS("data/a\0n2"),
                        "EPERM");
    /* It may write this, and still does not own it. */
    client_expect_error(f.guest, XS_SET_PERMS, 0, STRINGS("data\0n1"),
                        "EACCES");
    client_expect(f.admin, XS_SET_PERMS, 0, STRINGS(HOME "/data/a\0n2\0r1"),
                  OK);
    client_expect(f.guest, XS_READ, 0, STRINGS("data/a"), BYTES("v"));
    client_expect_error(f.guest, XS_WRITE, 0, BYTES("data/a\0w"), "EACCES");
    /* To write only; the first entry is everybody's. */
    client_expect(f.admin, XS_SET_PERMS, 0, STRINGS(HOME "/data/a\0n2\0w1"),
                  OK);
    client_expect(f.guest, XS_WRITE, 0, BYTES("data/a\0w"), OK);
    client_expect_error(f.guest, XS_READ, 0, STRINGS("data/a"), "EACCES");
    client_expect(f.admin, XS_SET_PERMS, 0, STRINGS(HOME "/data/a\0r2"), OK);
    client_expect(f.guest, XS_READ, 0, STRINGS("data/a"), BYTES("w"));
    /* What is special is a privileged client's. */
    client_expect_error(f.guest, XS_GET_PERMS, 0, STRINGS("@releaseDomain"),
                        "EACCES");
    client_expect_error(f.guest, XS_SET_PERMS, 0,
                        STRINGS("@releaseDomain\0n1"), "EACCES");
    client_expect(f.admin, XS_SET_PERMS, 0,
                  STRINGS("@releaseDomain\0n0\0r1"), OK);
    client_expect(f.guest, XS_GET_PERMS, 0, STRINGS("@releaseDomain"),
                  STRINGS("n0\0r1"));
    fixture_destroy(&f);
}

static void test_errors(void)
{
    static const struct {
        uint32_t type;
        Bytes payload;
        const char *error;
    } rows[] = {
        { XS_READ, STRINGS("data/none"), "ENOENT" },
        { XS_READ, STRINGS("none/none"), "ENOENT" },
        { XS_READ, STRINGS("/secret"), "EACCES" },
        /* Not a word about what is in it. */
        { XS_READ, STRINGS("/secret/none"), "EACCES" },
        { XS_READ, STRINGS("/"), "EACCES" },
        { XS_READ, STRINGS("/local/domain/7/x"), "EACCES" },
        { XS_READ, BYTES("domid"), "EINVAL" },
        { XS_READ, STRINGS("domid\0"), "EINVAL" },
        { XS_READ, STRINGS("domid\0x"), "EINVAL" },
        { XS_READ, STRINGS(""), "EINVAL" },
        { XS_READ, NOTHING, "EINVAL" },
        { XS_READ, STRINGS("data//a"), "EINVAL" },
        { XS_READ, STRINGS("data/"), "EINVAL" },
        { XS_READ, STRINGS("//"), "EINVAL" },
        { XS_READ, STRINGS("da ta"), "EINVAL" },
        { XS_READ, STRINGS("da\xe4ta"), "EINVAL" },
        { XS_READ, STRINGS("@releaseDomain"), "EINVAL" },
        { XS_DIRECTORY, STRINGS("none"), "ENOENT" },
        { XS_DIRECTORY, STRINGS("/secret"), "EACCES" },
        { XS_DIRECTORY, BYTES("data"), "EINVAL" },
        { XS_DIRECTORY_PART, STRINGS("data"), "EINVAL" },
        { XS_DIRECTORY_PART, STRINGS("data\0"), "EINVAL" },
        { XS_DIRECTORY_PART, STRINGS("data\0x"), "EINVAL" },
        { XS_DIRECTORY_PART, STRINGS("data\0-1"), "EINVAL" },
        { XS_DIRECTORY_PART, STRINGS("data\0" "0\0" "0"), "EINVAL" },
        { XS_DIRECTORY_PART, STRINGS("none\0" "0"), "ENOENT" },
        { XS_WRITE, BYTES("data/a"), "EINVAL" },
        { XS_WRITE, NOTHING, "EINVAL" },
        { XS_WRITE, BYTES("domid\0" "5"), "EACCES" },
        { XS_WRITE, BYTES("new\0" "5"), "EACCES" },
        { XS_WRITE, BYTES("/local/domain/0/x\0" "5"), "EACCES" },
        { XS_WRITE, BYTES("@x\0" "5"), "EINVAL" },
        { XS_MKDIR, STRINGS("/tool/x"), "EACCES" },
        { XS_MKDIR, STRINGS("domid"), "EACCES" },
        { XS_MKDIR, BYTES("data/a"), "EINVAL" },
        { XS_RM, STRINGS("domid"), "EACCES" },
        { XS_RM, STRINGS("none"), "EACCES" },
        { XS_RM, STRINGS("/"), "EACCES" },
        { XS_RM, BYTES("data/a"), "EINVAL" },
        { XS_GET_PERMS, STRINGS("data/none"), "ENOENT" },
        { XS_GET_PERMS, STRINGS("/secret"), "EACCES" },
        { XS_GET_PERMS, BYTES("data"), "EINVAL" },
        { XS_GET_PERMS, STRINGS("@none"), "EACCES" },
        { XS_SET_PERMS, STRINGS("data"), "EINVAL" },
        { XS_SET_PERMS, STRINGS("data\0"), "EINVAL" },
        { XS_SET_PERMS, STRINGS("data\0q1"), "EINVAL" },
        { XS_SET_PERMS, STRINGS("data\0n"), "EINVAL" },
        { XS_SET_PERMS, STRINGS("data\0n1x"), "EINVAL" },
        { XS_SET_PERMS, STRINGS("data\0n65536"), "EINVAL" },
        { XS_SET_PERMS, STRINGS("data\0n5"), "EPERM" },
        { XS_SET_PERMS, STRINGS("data/none\0n1"), "ENOENT" },
        { XS_SET_PERMS, STRINGS("domid\0n1"), "EACCES" },
        { XS_UNWATCH, STRINGS("data\0token"), "ENOENT" },
        { XS_UNWATCH, STRINGS("data"), "EINVAL" },
        { XS_UNWATCH, STRINGS("data/\0x"), "EINVAL" },
        { XS_WATCH, BYTES("data\0token"), "EINVAL" },
        { XS_WATCH, STRINGS("data"), "EINVAL" },
        { XS_WATCH, STRINGS("da ta\0x"), "EINVAL" },
        { XS_WATCH, STRINGS("data\0x\0-1"), "EINVAL" },
        { XS_WATCH, STRINGS("data\0x\0y"), "EINVAL" },
        { XS_WATCH, STRINGS("data\0x\0" "1\0" "1"), "EINVAL" },
        { XS_TRANSACTION_END, STRINGS("X"), "EINVAL" },
        { XS_TRANSACTION_END, STRINGS("TT"), "EINVAL" },
        { XS_TRANSACTION_END, BYTES("T"), "EINVAL" },
        { XS_TRANSACTION_END, STRINGS("T"), "ENOENT" },
        { XS_GET_DOMAIN_PATH, STRINGS("x"), "EINVAL" },
        { XS_GET_DOMAIN_PATH, BYTES("1"), "EINVAL" },
        { XS_GET_DOMAIN_PATH, STRINGS(""), "EINVAL" },
        { XS_GET_DOMAIN_PATH, STRINGS("99999"), "EINVAL" },
        { XS_CONTROL, STRINGS("help"), "EACCES" },
        { XS_INTRODUCE, STRINGS("1"), "EACCES" },
        { XS_RELEASE, STRINGS("1"), "EACCES" },
        { XS_RESUME, STRINGS("1"), "EACCES" },
        { XS_SET_TARGET, STRINGS("1"), "EACCES" },
        { XS_IS_DOMAIN_INTRODUCED, STRINGS("1"), "EACCES" },
        { XS_WATCH_EVENT, STRINGS("data\0x"), "ENOSYS" },
        { XS_ERROR, STRINGS("EINVAL"), "ENOSYS" },
        { XS_SET_TARGET + 1, STRINGS("1"), "ENOSYS" },
        { XS_TYPE_COUNT, NOTHING, "ENOSYS" },
        { XS_INVALID, NOTHING, "ENOSYS" },
        { UINT32_MAX, NOTHING, "ENOSYS" },
    };
    Fixture f;

    fixture_init(&f);
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        client_expect_error(f.guest, rows[i].type, 0, rows[i].payload,
                            rows[i].error);
    }
    client_expect_error(f.admin, XS_RM, 0, STRINGS("/"), "EINVAL");
    /* Types that have a transaction need one that is. */
    for (uint32_t type = 0; type < XS_TYPE_COUNT; type++) {
        switch (type) {
        case XS_DIRECTORY: case XS_READ: case XS_GET_PERMS: case XS_WRITE:
        case XS_MKDIR: case XS_RM: case XS_SET_PERMS: case XS_DIRECTORY_PART:
        case XS_TRANSACTION_START: case XS_TRANSACTION_END:
        case XS_GET_DOMAIN_PATH: case XS_RESET_WATCHES:
            client_expect_error(f.guest, type, 99, STRINGS("data"), "ENOENT");
        }
    }
    client_expect(f.guest, XS_DIRECTORY, 0, STRINGS("data"), NOTHING);
    fixture_destroy(&f);
}

static void test_domain_path(void)
{
    Fixture f;

    fixture_init(&f);
    client_expect(f.guest, XS_GET_DOMAIN_PATH, 0, STRINGS("1"), STRINGS(HOME));
    client_expect(f.guest, XS_GET_DOMAIN_PATH, 0, STRINGS("65535"),
                  STRINGS("/local/domain/65535"));
    fixture_destroy(&f);
}

/* Paths as long as they may be, and one longer. */
static void test_path_lengths(void)
{
    static const struct {
        const char *start;
        size_t total;
        bool guest, valid;
    } rows[] = {
        { "data/", XENSTORE_REL_PATH_MAX, true, true },
        { "data/", XENSTORE_REL_PATH_MAX + 1, true, false },
        { HOME "/data/", XENSTORE_REL_PATH_MAX + sizeof(HOME), true, true },
        { HOME "/data/", XENSTORE_REL_PATH_MAX + sizeof(HOME) + 1, true,
          false },
        { "/x", XENSTORE_REL_PATH_MAX + 1, true, false },
        { "/x", XENSTORE_ABS_PATH_MAX, false, true },
        { "/x", XENSTORE_ABS_PATH_MAX + 1, false, false },
        { "x", XENSTORE_ABS_PATH_MAX - strlen(HOME) - 1, false, true },
        { "x", XENSTORE_ABS_PATH_MAX - strlen(HOME), false, false },
    };
    Fixture f;

    fixture_init(&f);
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        XenstoreConn *c = rows[i].guest ? f.guest : f.admin;
        g_autofree char *path = g_strnfill(rows[i].total, 'p');
        int ret;

        memcpy(path, rows[i].start, strlen(rows[i].start));
        ret = xenstore_create(c, 0, path);
        g_assert_cmpint(ret, ==, rows[i].valid ? 0 : -EINVAL);
    }
    fixture_destroy(&f);
}

static void test_value_lengths(void)
{
    Fixture f;
    char payload[XENSTORE_PAYLOAD_MAX] = "data/a";
    Bytes message = { payload, 7 + XENSTORE_MAX_VALUE };

    fixture_init(&f);
    memset(payload + 7, 'v', sizeof(payload) - 7);
    client_expect(f.guest, XS_WRITE, 0, message, OK);
    client_expect(f.guest, XS_READ, 0, STRINGS("data/a"),
                  (Bytes) { payload + 7, XENSTORE_MAX_VALUE });
    message.len++;
    client_expect_error(f.guest, XS_WRITE, 0, message, "ENOSPC");
    memcpy(payload, "data/b", 7);
    client_expect_error(f.guest, XS_WRITE, 0, message, "ENOSPC");
    client_expect(f.guest, XS_DIRECTORY, 0, STRINGS("data"), STRINGS("a"));
    /* QEMU may, and then it may be too long for an answer. */
    g_assert_cmpint(xenstore_write(f.admin, 0, HOME "/data/a", payload,
                                   XENSTORE_PAYLOAD_MAX), ==, 0);
    client_expect(f.guest, XS_READ, 0, STRINGS("data/a"),
                  (Bytes) { payload, XENSTORE_PAYLOAD_MAX });
    g_assert_cmpint(xenstore_write(f.admin, 0, HOME "/data/a",
                                   "", 0), ==, 0);
    {
        g_autofree char *more = g_strnfill(XENSTORE_PAYLOAD_MAX + 1, 'x');

        g_assert_cmpint(xenstore_write(f.admin, 0, HOME "/data/a", more,
                                       XENSTORE_PAYLOAD_MAX + 1), ==, 0);
    }
    client_expect_error(f.guest, XS_READ, 0, STRINGS("data/a"), "E2BIG");
    fixture_destroy(&f);
}

/* A list that takes several messages. */
static void test_directory_part(void)
{
    Fixture f;
    g_autofree XenstoreMessage *answer = g_new(XenstoreMessage, 1);
    g_autoptr(GString) expected = g_string_new(NULL);
    g_autoptr(GString) seen = g_string_new(NULL);
    char generation[32] = "";
    unsigned messages = 0;

    fixture_init(&f);
    client_expect(f.guest, XS_DIRECTORY_PART, 0, STRINGS("domid\0" "0"),
                  (client_request(f.guest, XS_DIRECTORY_PART, 0,
                                  STRINGS("domid\0" "0"), answer),
                   (Bytes) { answer->payload, answer->hdr.len }));
    /* Its generation, and an empty name. */
    g_assert_cmpuint(strlen(answer->payload) + 2, ==, answer->hdr.len);
    g_assert_cmpint(answer->payload[answer->hdr.len - 1], ==, 0);

    for (unsigned i = 0; i < 600; i++) {
        char name[32], path[64];

        snprintf(name, sizeof(name), "node-with-number-%03u", i);
        snprintf(path, sizeof(path), "data/%s", name);
        g_assert_cmpint(xenstore_create(f.guest, 0, path), ==, 0);
        g_string_append_len(expected, name, strlen(name) + 1);
    }
    client_expect_error(f.guest, XS_DIRECTORY, 0, STRINGS("data"), "E2BIG");
    for (;;) {
        char request[64];
        int len = snprintf(request, sizeof(request), "data%c%zu", 0,
                           seen->len) + 1;
        size_t at;

        client_request(f.guest, XS_DIRECTORY_PART, 0,
                       (Bytes) { request, len }, answer);
        g_assert_cmpuint(answer->hdr.type, ==, XS_DIRECTORY_PART);
        at = strlen(answer->payload) + 1;
        if (*generation) {
            g_assert_cmpstr(answer->payload, ==, generation);
        }
        g_strlcpy(generation, answer->payload, sizeof(generation));
        g_string_append_len(seen, answer->payload + at, answer->hdr.len - at);
        messages++;
        /* Two zeros: the last name's and the empty one. */
        if (!answer->payload[answer->hdr.len - 2]) {
            g_string_truncate(seen, seen->len - 1);
            break;
        }
    }
    g_assert_cmpmem(seen->str, seen->len, expected->str, expected->len);
    g_assert_cmpuint(messages, ==, 4);

    /* Behind the end; and a changed list has another generation. */
    client_request(f.guest, XS_DIRECTORY_PART, 0, STRINGS("data\0" "99999"),
                   answer);
    g_assert_cmpuint(answer->hdr.len, ==, strlen(generation) + 2);
    g_assert_cmpint(xenstore_rm(f.guest, 0, "data/node-with-number-000"), ==,
                    0);
    client_request(f.guest, XS_DIRECTORY_PART, 0, STRINGS("data\0" "3"),
                   answer);
    g_assert_cmpstr(answer->payload, !=, generation);
    /* 3 is within the first name: from the next one. */
    g_assert_cmpstr(answer->payload + strlen(answer->payload) + 1, ==,
                    "node-with-number-002");
    fixture_destroy(&f);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/xenstore/wire/nodes", test_nodes);
    g_test_add_func("/xenstore/wire/permissions", test_permissions);
    g_test_add_func("/xenstore/wire/errors", test_errors);
    g_test_add_func("/xenstore/wire/domain-path", test_domain_path);
    g_test_add_func("/xenstore/wire/path-lengths", test_path_lengths);
    g_test_add_func("/xenstore/wire/value-lengths", test_value_lengths);
    g_test_add_func("/xenstore/wire/directory-part", test_directory_part);
    return g_test_run();
}
