/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The index of guest RAM, compared with a plain list, and with concurrent
 * readers
 */
#include <glib.h>
#include "hw/xen/emu/memory/slot-index.h"

static XenSlot slot(uint64_t gfn, uint64_t nr_frames)
{
    /* @mr_offset identifies the slot. */
    return (XenSlot) {
        .gfn = gfn, .nr_frames = nr_frames, .mr_offset = gfn * 3,
    };
}

static bool add(XenSlots *slots, uint64_t gfn, uint64_t nr_frames)
{
    XenSlot s = slot(gfn, nr_frames);

    return xen_slots_add(slots, &s);
}

static void test_empty(void)
{
    XenSlots *slots = xen_slots_new();
    XenSlot removed;

    g_assert_cmpuint(xen_slots_count(slots), ==, 0);
    g_assert_null(xen_slots_find(slots, 0));
    g_assert_null(xen_slots_find(slots, UINT64_MAX));
    g_assert_false(xen_slots_remove(slots, 0, 1, &removed));
    XEN_FOREACH_SLOT_OVERLAPPING(s, slots, 0, UINT64_MAX) {
        g_assert_not_reached();
    }
    xen_slots_free(slots);
}

static void test_edges(void)
{
    XenSlots *slots = xen_slots_new();
    const uint64_t end = 1ull << 52;

    g_assert_true(add(slots, 100, 10));
    g_assert_true(add(slots, end - 1, 1));
    g_assert_true(add(slots, 0, 1));
    g_assert_true(add(slots, 110, 1));

    g_assert_cmpuint(xen_slots_find(slots, 0)->gfn, ==, 0);
    g_assert_null(xen_slots_find(slots, 1));
    g_assert_null(xen_slots_find(slots, 99));
    g_assert_cmpuint(xen_slots_find(slots, 100)->gfn, ==, 100);
    g_assert_cmpuint(xen_slots_find(slots, 109)->gfn, ==, 100);
    g_assert_cmpuint(xen_slots_find(slots, 110)->gfn, ==, 110);
    g_assert_null(xen_slots_find(slots, 111));
    g_assert_cmpuint(xen_slots_find(slots, end - 1)->gfn, ==, end - 1);
    g_assert_null(xen_slots_find(slots, end));
    g_assert_null(xen_slots_find(slots, UINT64_MAX));
    xen_slots_free(slots);
}

static void test_refused(void)
{
    XenSlots *slots = xen_slots_new();
    XenSlot removed;

    g_assert_true(add(slots, 100, 10));
    g_assert_false(add(slots, 200, 0));
    g_assert_false(add(slots, 99, 2));
    g_assert_false(add(slots, 109, 2));
    g_assert_false(add(slots, 104, 1));
    g_assert_false(add(slots, 50, 100));
    g_assert_false(add(slots, 100, 10));
    g_assert_false(add(slots, (1ull << 52) - 1, 2));
    g_assert_false(add(slots, 1ull << 52, 1));
    g_assert_false(add(slots, (1ull << 52) + 5, 1));
    g_assert_false(add(slots, 200, UINT64_MAX));

    g_assert_false(xen_slots_remove(slots, 100, 9, &removed));
    g_assert_false(xen_slots_remove(slots, 101, 9, &removed));
    g_assert_cmpuint(xen_slots_count(slots), ==, 1);
    g_assert_true(xen_slots_remove(slots, 100, 10, &removed));
    g_assert_cmpuint(removed.mr_offset, ==, 300);
    g_assert_cmpuint(xen_slots_count(slots), ==, 0);
    xen_slots_free(slots);
}

#define FRAMES  256

/* The expected slot of each frame, by linear search. */
static const XenSlot *holder(const GArray *plain, uint64_t gfn)
{
    for (guint i = 0; i < plain->len; i++) {
        const XenSlot *s = &g_array_index(plain, XenSlot, i);

        if (gfn >= s->gfn && gfn < s->gfn + s->nr_frames) {
            return s;
        }
    }
    return NULL;
}

static void check_same(const XenSlots *slots, const GArray *plain)
{
    g_assert_cmpuint(xen_slots_count(slots), ==, plain->len);

    for (uint64_t gfn = 0; gfn < FRAMES; gfn++) {
        const XenSlot *want = holder(plain, gfn);
        const XenSlot *got = xen_slots_find(slots, gfn);

        g_assert_cmpint(!!got, ==, !!want);
        if (got) {
            g_assert_cmpuint(got->gfn, ==, want->gfn);
            g_assert_cmpuint(got->mr_offset, ==, want->mr_offset);
        }
    }
}

static void check_range(const XenSlots *slots, const GArray *plain,
                        uint64_t gfn, uint64_t nr_frames)
{
    uint64_t next = gfn;

    /* Frames that the iterator skips must be in no slot. */
    XEN_FOREACH_SLOT_OVERLAPPING(s, slots, gfn, nr_frames) {
        for (; next < s->gfn; next++) {
            g_assert_null(holder(plain, next));
        }
        g_assert_cmpuint(next, <, gfn + nr_frames);
        g_assert_cmpuint(holder(plain, next)->gfn, ==, s->gfn);
        next = s->gfn + s->nr_frames;
    }
    for (; next < gfn + nr_frames; next++) {
        g_assert_null(holder(plain, next));
    }
}

static void test_against_list(void)
{
    XenSlots *slots = xen_slots_new();
    GArray *plain = g_array_new(FALSE, FALSE, sizeof(XenSlot));

    for (int step = 0; step < 5000; step++) {
        uint64_t gfn = g_test_rand_int_range(0, FRAMES - 8);
        uint64_t nr = g_test_rand_int_range(1, 8);
        const XenSlot *there = holder(plain, gfn);

        if (there) {
            XenSlot out, want = *there;

            g_assert_true(xen_slots_remove(slots, want.gfn, want.nr_frames,
                                           &out));
            g_assert_cmpuint(out.mr_offset, ==, want.mr_offset);
            g_array_remove_index_fast(plain,
                                      there - (XenSlot *)plain->data);
        } else {
            XenSlot s = slot(gfn, nr);
            bool is_free = true;

            for (uint64_t f = gfn; f < gfn + nr; f++) {
                is_free &= !holder(plain, f);
            }
            g_assert_cmpint(xen_slots_add(slots, &s), ==, is_free);
            if (is_free) {
                g_array_append_val(plain, s);
            }
        }
        check_same(slots, plain);
        check_range(slots, plain, g_test_rand_int_range(0, FRAMES),
                    g_test_rand_int_range(0, FRAMES));
    }
    check_range(slots, plain, 0, FRAMES);
    check_range(slots, plain, 17, 0);
    xen_slots_free(slots);
    g_array_free(plain, TRUE);
}

/*
 * Like ram-index.c: copy, change the copy, publish it.  Readers always find a
 * complete index: RAM at [0, 1000) in slots of 10, except for one.
 */
#define NR      100
#define CHANGES 2000

typedef struct Shared {
    const XenSlots *index;
    int stop;
} Shared;

static void *look(void *opaque)
{
    Shared *shared = opaque;
    unsigned looks = 0;

    while (!__atomic_load_n(&shared->stop, __ATOMIC_RELAXED)) {
        const XenSlots *slots = __atomic_load_n(&shared->index,
                                                __ATOMIC_ACQUIRE);
        uint64_t frames = 0, after = 0;

        XEN_FOREACH_SLOT_OVERLAPPING(s, slots, 0, 10 * NR) {
            g_assert_cmpuint(s->gfn, >=, after);
            after = s->gfn + s->nr_frames;
            frames += s->nr_frames;
        }
        g_assert_cmpuint(frames, ==, 10 * (NR - 1));
        looks++;
    }
    return GUINT_TO_POINTER(looks);
}

static void test_readers(void)
{
    XenSlots *slots = xen_slots_new();
    GPtrArray *old = g_ptr_array_new_with_free_func(
        (GDestroyNotify)xen_slots_free);
    Shared shared = { .index = slots };
    GThread *readers[2];
    int missing = 0;

    for (int i = 1; i < NR; i++) {
        g_assert_true(add(slots, 10 * i, 10));
    }
    for (int i = 0; i < 2; i++) {
        readers[i] = g_thread_new("reader", look, &shared);
    }
    for (int i = 0; i < CHANGES; i++) {
        XenSlots *next = xen_slots_copy(slots, 1);
        int gone = (missing + 1 + i % (NR - 1)) % NR;
        XenSlot removed;

        g_assert_true(xen_slots_remove(next, 10 * gone, 10, &removed));
        g_assert_true(add(next, 10 * missing, 10));
        missing = gone;
        __atomic_store_n(&shared.index, next, __ATOMIC_RELEASE);
        g_ptr_array_add(old, slots);
        slots = next;
        if (i % 16 == 0) {
            g_thread_yield();
        }
    }
    __atomic_store_n(&shared.stop, 1, __ATOMIC_RELAXED);
    for (int i = 0; i < 2; i++) {
        g_thread_join(readers[i]);
    }
    g_ptr_array_free(old, TRUE);
    xen_slots_free(slots);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/xen/slots/empty", test_empty);
    g_test_add_func("/xen/slots/edges", test_edges);
    g_test_add_func("/xen/slots/refused", test_refused);
    g_test_add_func("/xen/slots/against-list", test_against_list);
    g_test_add_func("/xen/slots/readers", test_readers);
    return g_test_run();
}
