/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sets of numbers (evtchn/idmap.h) against a plain array. */
#include <string.h>
#include <glib.h>
#include "idmap.h"

#define SIZE    131072
#define ROUNDS  3000

static bool used[SIZE];

static uint32_t model_next(uint32_t id)
{
    while (id < SIZE && !used[id]) {
        id++;
    }
    return id;
}

static uint32_t model_end(void)
{
    uint32_t end = SIZE;

    while (end && !used[end - 1]) {
        end--;
    }
    return end;
}

static uint32_t model_lowest_free(void)
{
    uint32_t id = 0;

    while (id < SIZE && used[id]) {
        id++;
    }
    return id;
}

static void change(XenIdMap *map, uint32_t id, bool take)
{
    if (take) {
        xen_idmap_take(map, id);
    } else {
        xen_idmap_release(map, id);
    }
    used[id] = take;
}

static void check_walk(const XenIdMap *map)
{
    uint32_t id = model_next(0);

    for (uint32_t i = xen_idmap_next(map, 0); i < SIZE;
         i = xen_idmap_next(map, i + 1)) {
        g_assert_cmpuint(i, ==, id);
        id = model_next(id + 1);
    }
    g_assert_cmpuint(id, ==, SIZE);
    g_assert_cmpuint(xen_idmap_end(map), ==, model_end());
}

/* Few numbers, around the ends of words and of groups of words. */
static void test_sparse(void)
{
    static const uint32_t ids[] = {
        0, 1, 63, 64, 127, 4095, 4096, 4159, 8191, 65536, 131008, 131071,
    };
    XenIdMap map;

    memset(used, 0, sizeof(used));
    xen_idmap_init(&map, SIZE);
    check_walk(&map);
    for (unsigned set = 1; set < 1u << G_N_ELEMENTS(ids); set++) {
        for (unsigned i = 0; i < G_N_ELEMENTS(ids); i++) {
            change(&map, ids[i], set >> i & 1);
        }
        for (unsigned i = 0; i < G_N_ELEMENTS(ids); i++) {
            /* The next one is in ids[], or there is none. */
            unsigned k = i;

            while (k < G_N_ELEMENTS(ids) && !(set >> k & 1)) {
                k++;
            }
            g_assert_cmpuint(xen_idmap_next(&map, ids[i]), ==,
                             k < G_N_ELEMENTS(ids) ? ids[k] : SIZE);
        }
    }
    g_assert_cmpuint(xen_idmap_next(&map, SIZE), ==, SIZE);
    xen_idmap_destroy(&map);
}

static void test_random(void)
{
    GRand *rand = g_rand_new_with_seed(15);
    XenIdMap map;

    memset(used, 0, sizeof(used));
    xen_idmap_init(&map, SIZE);
    for (unsigned i = 0; i < ROUNDS; i++) {
        /* Dense runs, so that words and groups get full, and empty again. */
        uint32_t id = g_rand_int_range(rand, 0, SIZE);
        uint32_t n = g_rand_int_range(rand, 1, 6000);
        bool take = g_rand_boolean(rand);

        for (; n && id < SIZE; n--, id++) {
            change(&map, id, take);
        }
        if (i % 100 == 0) {
            check_walk(&map);
            g_assert_cmpuint(xen_idmap_lowest_free(&map), ==,
                             model_lowest_free());
        }
    }
    xen_idmap_destroy(&map);
    g_rand_free(rand);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/idmap/sparse", test_sparse);
    g_test_add_func("/idmap/random", test_random);
    return g_test_run();
}
