/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Grant entries: permissions and use, while the guest changes them concurrently
 */
#include <glib.h>
#include <string.h>
#include "entries.h"

#define PER_PAGE        512
#define NR_ENTRIES      (2 * PER_PAGE)
#define BACKEND         0
#define GFN             0x1234

typedef struct Table {
    grant_entry_v1_t entry[NR_ENTRIES];
    XenGrantEntries *e;
} Table;

static Table *table_new(void)
{
    Table *t = g_new0(Table, 1);

    t->e = xen_grant_entries_new(t->entry, NR_ENTRIES);
    xen_grant_entries_set_count(t->e, PER_PAGE);
    return t;
}

static void table_free(Table *t)
{
    xen_grant_entries_free(t->e);
    g_free(t);
}

static void grant(Table *t, uint32_t ref, uint16_t flags, uint32_t gfn)
{
    t->entry[ref] = (grant_entry_v1_t) {
        .flags = flags, .domid = BACKEND, .frame = gfn,
    };
}

static int hold(Table *t, uint32_t ref, bool write, XenGrantHold *h)
{
    return xen_grant_hold(t->e, ref, BACKEND, write, false, h);
}

static void expect_flags(Table *t, uint32_t ref, uint16_t flags)
{
    g_assert_cmphex(t->entry[ref].flags, ==, flags);
}

static void test_permission(void)
{
    static const struct {
        uint16_t flags, domid;
        int status[2];          /* to read, to write */
    } cases[] = {
        { GTF_permit_access, 0, { GNTST_okay, GNTST_okay } },
        { GTF_permit_access | GTF_PWT | GTF_PCD, 0,
          { GNTST_okay, GNTST_okay } },
        { GTF_permit_access | GTF_readonly, 0,
          { GNTST_okay, GNTST_general_error } },
        { GTF_permit_access, 1,
          { GNTST_general_error, GNTST_general_error } },
        { GTF_permit_access, DOMID_SELF,
          { GNTST_general_error, GNTST_general_error } },
        { GTF_permit_access | GTF_sub_page, 0,
          { GNTST_general_error, GNTST_general_error } },
        { GTF_invalid, 0, { GNTST_general_error, GNTST_general_error } },
        { GTF_accept_transfer, 0,
          { GNTST_general_error, GNTST_general_error } },
        { GTF_transitive, 0, { GNTST_general_error, GNTST_general_error } },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        for (int write = 0; write < 2; write++) {
            Table *t = table_new();
            int expected = cases[i].status[write];
            XenGrantHold h;

            grant(t, 7, cases[i].flags, GFN);
            t->entry[7].domid = cases[i].domid;
            g_assert_cmpint(hold(t, 7, write, &h), ==, expected);
            if (expected == GNTST_okay) {
                uint16_t in_use = write ? GTF_reading | GTF_writing
                                        : GTF_reading;

                g_assert_cmphex(h.gfn, ==, GFN);
                expect_flags(t, 7, cases[i].flags | in_use);
                xen_grant_release(t->e, &h);
            }
            expect_flags(t, 7, cases[i].flags);
            table_free(t);
        }
    }
}

static void test_count(void)
{
    Table *t = table_new();
    XenGrantHold h;

    for (uint32_t ref = 0; ref < NR_ENTRIES; ref++) {
        grant(t, ref, GTF_permit_access, ref);
    }
    g_assert_cmpint(hold(t, PER_PAGE, false, &h), ==, GNTST_bad_gntref);
    g_assert_cmpint(hold(t, UINT32_MAX, false, &h), ==, GNTST_bad_gntref);
    g_assert_cmpint(hold(t, PER_PAGE - 1, false, &h), ==, GNTST_okay);
    xen_grant_release(t->e, &h);

    xen_grant_entries_set_count(t->e, NR_ENTRIES);
    g_assert_cmpint(hold(t, PER_PAGE, false, &h), ==, GNTST_okay);
    g_assert_cmphex(h.gfn, ==, PER_PAGE);
    xen_grant_release(t->e, &h);
    g_assert_cmpint(hold(t, NR_ENTRIES, false, &h), ==, GNTST_bad_gntref);
    table_free(t);
}

/* Flags follow the number of readers and writers. */
static void test_users(void)
{
    Table *t = table_new();
    XenGrantHold r[2], w[2];
    const uint16_t reading = GTF_permit_access | GTF_reading;

    grant(t, 3, GTF_permit_access, GFN);
    g_assert_cmpint(hold(t, 3, false, &r[0]), ==, GNTST_okay);
    expect_flags(t, 3, reading);
    g_assert_cmpint(hold(t, 3, true, &w[0]), ==, GNTST_okay);
    expect_flags(t, 3, reading | GTF_writing);
    g_assert_cmpint(hold(t, 3, true, &w[1]), ==, GNTST_okay);
    xen_grant_release(t->e, &w[0]);
    expect_flags(t, 3, reading | GTF_writing);
    xen_grant_release(t->e, &w[1]);
    expect_flags(t, 3, reading);
    xen_grant_release(t->e, &r[0]);
    expect_flags(t, 3, GTF_permit_access);

    /* The writer was first; the reader remains. */
    g_assert_cmpint(hold(t, 3, true, &w[0]), ==, GNTST_okay);
    g_assert_cmpint(hold(t, 3, false, &r[0]), ==, GNTST_okay);
    g_assert_cmpint(hold(t, 3, false, &r[1]), ==, GNTST_okay);
    xen_grant_release(t->e, &w[0]);
    expect_flags(t, 3, reading);
    xen_grant_release(t->e, &r[1]);
    expect_flags(t, 3, reading);
    xen_grant_release(t->e, &r[0]);
    expect_flags(t, 3, GTF_permit_access);
    table_free(t);
}

/* While an entry is in use, changes by the guest have no effect. */
static void test_changed_in_use(void)
{
    Table *t = table_new();
    XenGrantHold first, second;

    grant(t, 3, GTF_permit_access | GTF_readonly, GFN);
    g_assert_cmpint(hold(t, 3, false, &first), ==, GNTST_okay);
    grant(t, 3, GTF_permit_access | GTF_readonly, 0x99);
    g_assert_cmpint(hold(t, 3, false, &second), ==, GNTST_okay);
    g_assert_cmphex(second.gfn, ==, GFN);
    xen_grant_release(t->e, &second);

    /* Nor can it be granted for writing a second time. */
    g_assert_cmpint(hold(t, 3, true, &second), ==, GNTST_general_error);
    memset(&t->entry[3], 0, sizeof(t->entry[3]));
    g_assert_cmpint(hold(t, 3, false, &second), ==, GNTST_okay);
    g_assert_cmphex(second.gfn, ==, GFN);
    xen_grant_release(t->e, &second);
    xen_grant_release(t->e, &first);
    expect_flags(t, 3, 0);

    /* When it is no longer in use, it is checked again. */
    g_assert_cmpint(hold(t, 3, false, &first), ==, GNTST_general_error);
    grant(t, 3, GTF_permit_access, 0x99);
    g_assert_cmpint(hold(t, 3, true, &first), ==, GNTST_okay);
    g_assert_cmphex(first.gfn, ==, 0x99);
    xen_grant_release(t->e, &first);

    /* A writer that joins readers is checked, and gets their frame. */
    grant(t, 3, GTF_permit_access, GFN);
    g_assert_cmpint(hold(t, 3, false, &first), ==, GNTST_okay);
    t->entry[3].frame = 0x99;
    g_assert_cmpint(hold(t, 3, true, &second), ==, GNTST_okay);
    g_assert_cmphex(second.gfn, ==, GFN);
    xen_grant_release(t->e, &second);
    xen_grant_release(t->e, &first);
    table_free(t);
}

static void test_limit(void)
{
    Table *t = table_new();
    XenGrantHold *h = g_new(XenGrantHold, UINT16_MAX + 1);

    for (int write = 0; write < 2; write++) {
        grant(t, 3, GTF_permit_access, GFN);
        for (unsigned i = 0; i < UINT16_MAX; i++) {
            g_assert_cmpint(hold(t, 3, write, &h[i]), ==, GNTST_okay);
        }
        g_assert_cmpint(hold(t, 3, write, &h[UINT16_MAX]), ==,
                        GNTST_general_error);
        xen_grant_release(t->e, &h[0]);
        g_assert_cmpint(hold(t, 3, write, &h[0]), ==, GNTST_okay);
        for (unsigned i = 0; i < UINT16_MAX; i++) {
            xen_grant_release(t->e, &h[i]);
        }
        expect_flags(t, 3, GTF_permit_access);
    }
    g_free(h);
    table_free(t);
}

static void test_reset(void)
{
    Table *t = table_new();
    XenGrantHold old, new;

    grant(t, 3, GTF_permit_access, GFN);
    g_assert_cmpint(hold(t, 3, true, &old), ==, GNTST_okay);
    g_assert_true(xen_grant_hold_is_current(t->e, &old));
    xen_grant_entries_reset(t->e);
    g_assert_false(xen_grant_hold_is_current(t->e, &old));
    expect_flags(t, 3, 0);
    g_assert_cmpint(hold(t, 3, true, &new), ==, GNTST_bad_gntref);

    xen_grant_entries_set_count(t->e, PER_PAGE);
    g_assert_cmpint(hold(t, 3, true, &new), ==, GNTST_general_error);
    grant(t, 3, GTF_permit_access, 0x99);
    g_assert_cmpint(hold(t, 3, true, &new), ==, GNTST_okay);
    g_assert_cmphex(new.gfn, ==, 0x99);
    /* Releasing a hold from before a reset does not affect a new one. */
    xen_grant_release(t->e, &old);
    expect_flags(t, 3, GTF_permit_access | GTF_reading | GTF_writing);
    xen_grant_release(t->e, &new);
    expect_flags(t, 3, GTF_permit_access);
    table_free(t);
}

static void test_touched(void)
{
    Table *t = table_new();
    XenGrantHold h;

    xen_grant_entries_set_count(t->e, NR_ENTRIES);
    grant(t, PER_PAGE + 1, GTF_permit_access, GFN);
    g_assert_cmpint(hold(t, PER_PAGE + 1, false, &h), ==, GNTST_okay);
    g_assert_false(xen_grant_entries_test_and_clear_touched(t->e, 0));
    g_assert_true(xen_grant_entries_test_and_clear_touched(t->e, PER_PAGE));
    g_assert_false(xen_grant_entries_test_and_clear_touched(t->e, PER_PAGE));
    xen_grant_release(t->e, &h);
    g_assert_true(xen_grant_entries_test_and_clear_touched(t->e, PER_PAGE));
    xen_grant_entries_reset(t->e);
    g_assert_true(xen_grant_entries_test_and_clear_touched(t->e, 0));
    table_free(t);
}

/* ---------------------------------------------------------------- threads */

typedef struct Brief {
    Table *t;
    XenGrantHold h;
    gint reset_done;
} Brief;

static gpointer reset_thread(gpointer opaque)
{
    Brief *b = opaque;

    xen_grant_entries_reset(b->t->e);
    g_atomic_int_set(&b->reset_done, 1);
    return NULL;
}

/* A reset waits for copies in progress, and blocks new ones. */
static void test_reset_waits(void)
{
    Brief b = { .t = table_new() };
    GThread *thread;
    XenGrantHold h;

    grant(b.t, 3, GTF_permit_access, GFN);
    g_assert_cmpint(xen_grant_hold(b.t->e, 3, BACKEND, true, true, &b.h), ==,
                    GNTST_okay);
    thread = g_thread_new("reset", reset_thread, &b);
    for (;;) {
        int status = xen_grant_hold(b.t->e, 3, BACKEND, false, true, &h);

        if (status != GNTST_okay) {
            g_assert_cmpint(status, ==, GNTST_bad_gntref);
            break;
        }
        xen_grant_release(b.t->e, &h);
        g_thread_yield();
    }
    /* The reset is in progress. */
    for (int i = 0; i < 100; i++) {
        g_assert_false(g_atomic_int_get(&b.reset_done));
        g_assert_cmphex(b.t->entry[3].flags & GTF_writing, ==, GTF_writing);
        g_thread_yield();
    }
    xen_grant_release(b.t->e, &b.h);
    g_thread_join(thread);
    g_assert_true(b.reset_done);
    table_free(b.t);
}

#define NR_BACKENDS     3
#define NR_HOLDS        20000
/* The guest's frames: grants alternate between all but the last one. */
#define NR_GFNS         4

typedef struct Race {
    Table *t;
    gint stop;
} Race;

static gpointer hostile_guest(gpointer opaque)
{
    Race *r = opaque;
    uint64_t *entry = (uint64_t *)&r->t->entry[3];

    for (unsigned i = 0; !g_atomic_int_get(&r->stop); i++) {
        grant_entry_v1_t v = {
            .flags = i % 3 ? GTF_permit_access : GTF_invalid,
            .frame = i % 3 ? i % NR_GFNS : NR_GFNS,
        };
        uint64_t raw;

        memcpy(&raw, &v, sizeof(raw));
        __atomic_store_n(entry, raw, __ATOMIC_SEQ_CST);
    }
    return NULL;
}

static gpointer backend(gpointer opaque)
{
    Race *r = opaque;

    for (unsigned i = 0; i < NR_HOLDS;) {
        XenGrantHold h, again;

        if (hold(r->t, 3, i & 1, &h) != GNTST_okay) {
            g_thread_yield();
            continue;
        }
        i++;
        g_assert_cmphex(h.gfn, <, NR_GFNS);
        /* An entry in use keeps the same frame, whatever the guest writes. */
        g_assert_cmpint(hold(r->t, 3, false, &again), ==, GNTST_okay);
        g_assert_cmphex(again.gfn, ==, h.gfn);
        xen_grant_release(r->t->e, &again);
        xen_grant_release(r->t->e, &h);
    }
    return NULL;
}

static void test_race(void)
{
    Race r = { .t = table_new() };
    GThread *guest, *backends[NR_BACKENDS];

    guest = g_thread_new("guest", hostile_guest, &r);
    for (int i = 0; i < NR_BACKENDS; i++) {
        backends[i] = g_thread_new("backend", backend, &r);
    }
    for (int i = 0; i < NR_BACKENDS; i++) {
        g_thread_join(backends[i]);
    }
    g_atomic_int_set(&r.stop, 1);
    g_thread_join(guest);
    /* All counts are 0 again. */
    table_free(r.t);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/grant-entries/permission", test_permission);
    g_test_add_func("/grant-entries/count", test_count);
    g_test_add_func("/grant-entries/users", test_users);
    g_test_add_func("/grant-entries/changed-in-use", test_changed_in_use);
    g_test_add_func("/grant-entries/limit", test_limit);
    g_test_add_func("/grant-entries/reset", test_reset);
    g_test_add_func("/grant-entries/touched", test_touched);
    g_test_add_func("/grant-entries/reset-waits", test_reset_waits);
    g_test_add_func("/grant-entries/race", test_race);
    return g_test_run();
}
