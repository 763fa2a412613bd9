/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Node writes of a back end's threads: how many can wait, and in which order. */
#include <glib.h>
#include "write-list.h"

static int devices[2];

static XenPvWrite *add(GQueue *list, int device, bool frontend,
                       const char *key, unsigned value)
{
    XenPvWrite *w = g_new0(XenPvWrite, 1);

    w->device = &devices[device];
    w->frontend = frontend;
    w->key = g_strdup(key);
    w->state = value;
    return xen_pv_write_list_add(list, w);
}

static void discard(XenPvWrite *w)
{
    if (w) {
        g_free(w->key);
        g_free(w);
    }
}

static void expect(GQueue *list, int device, const char *key, unsigned value)
{
    XenPvWrite *w = xen_pv_write_list_take(list);

    g_assert_nonnull(w);
    g_assert_true(w->device == &devices[device]);
    g_assert_cmpstr(w->key, ==, key);
    g_assert_cmpuint(w->state, ==, value);
    discard(w);
}

/* However often they are written: once for each node. */
static void test_bound(void)
{
    static const char *const keys[] = { "sectors", "state", NULL, "error" };
    GQueue list = G_QUEUE_INIT;

    for (unsigned i = 0; i < 100000; i++) {
        discard(add(&list, i & 1, i & 2, keys[i / 4 % 4], i));
        g_assert_cmpuint(list.length, <=, 16);
    }
    g_assert_cmpuint(list.length, ==, 16);
    for (unsigned i = 0; i < 16; i++) {
        expect(&list, i & 1, keys[i / 4], 100000 - 16 + i);
    }
    g_assert_null(xen_pv_write_list_take(&list));
}

/* A node that announces another stays behind it. */
static void test_order(void)
{
    GQueue list = G_QUEUE_INIT;
    XenPvWrite *old;

    g_assert_null(add(&list, 0, false, "sectors", 1));
    g_assert_null(add(&list, 0, false, "state", 4));
    g_assert_null(add(&list, 1, false, "sectors", 7));
    g_assert_null(add(&list, 0, true, "sectors", 8));
    old = add(&list, 0, false, "sectors", 2);
    g_assert_cmpuint(old->state, ==, 1);
    discard(old);
    discard(add(&list, 0, false, "state", 4));
    expect(&list, 1, "sectors", 7);
    expect(&list, 0, "sectors", 8);
    expect(&list, 0, "sectors", 2);
    expect(&list, 0, "state", 4);
    g_assert_null(xen_pv_write_list_take(&list));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/pv-writes/bound", test_bound);
    g_test_add_func("/pv-writes/order", test_order);
    return g_test_run();
}
