/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How often a grant entry is tried to be marked while the guest changes it
 *
 * In a race nobody knows how often one side lost.  So this file compiles
 * entries.c with a compare-and-swap that the guest always wins, by a change to
 * another entry that permits the use.
 */
#include <glib.h>
#include <stdint.h>
#include <stdbool.h>

static bool guest_is_faster(uint64_t *entry);

#define __atomic_compare_exchange_n(p, old, new, weak, success, failure) \
    guest_is_faster(p)
#include "entries.c"
#undef __atomic_compare_exchange_n

/* More than any bound here: without one the test ends all the same. */
#define TOO_OFTEN   1000
#define REF         3

static grant_entry_v1_t table[ENTRIES_PER_PAGE];
static unsigned tries;

static bool guest_is_faster(uint64_t *entry)
{
    g_assert_true(entry == (uint64_t *)&table[REF]);
    g_assert_cmpuint(++tries, <, TOO_OFTEN);
    table[REF].frame++;
    return false;
}

static void test_tries(void)
{
    XenGrantEntries *e = xen_grant_entries_new(table, ENTRIES_PER_PAGE);
    XenGrantHold h;

    xen_grant_entries_set_count(e, ENTRIES_PER_PAGE);
    table[REF] = (grant_entry_v1_t) { .flags = GTF_permit_access };
    for (int write = 0; write < 2; write++) {
        tries = 0;
        g_assert_cmpint(xen_grant_hold(e, REF, 0, write, false, &h), ==,
                        GNTST_general_error);
        g_assert_cmpuint(tries, ==, XEN_GRANT_MAX_TRIES);
        g_assert_cmphex(table[REF].flags, ==, GTF_permit_access);
    }
    /* Nobody uses an entry, which this asserts. */
    xen_grant_entries_free(e);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/grant-entries/tries", test_tries);
    return g_test_run();
}
