/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Guest pages: set, share, refresh, invalidate
 */
#include <errno.h>
#include <string.h>
#include <glib.h>
#include "hw/xen/emu/layout.h"
#include "hw/xen/emu/page.h"

#define NR_FRAMES   8
#define FRAME(n)    ((uint64_t)(n) * XEN_EMU_PAGE_SIZE)
#define LEN         64

/* Guest memory that counts pins. */
typedef struct Ram {
    XenPageCache cache;
    uint8_t bytes[NR_FRAMES * XEN_EMU_PAGE_SIZE];
    bool absent[NR_FRAMES];
    unsigned pins, unpins;
    /* Called once, at the next pin. */
    void (*on_pin)(struct Ram *ram);
    unsigned invalidations_left;
} Ram;

static void *ram_pin(void *opaque, uint64_t gpa, uint32_t len, void **pin)
{
    Ram *ram = opaque;
    uint64_t gfn = gpa / XEN_EMU_PAGE_SIZE;

    g_assert_cmpuint(gpa % XEN_EMU_PAGE_SIZE + len, <=, XEN_EMU_PAGE_SIZE);
    if (ram->on_pin) {
        void (*on_pin)(Ram *) = ram->on_pin;

        ram->on_pin = NULL;
        on_pin(ram);
    }
    if (gfn >= NR_FRAMES || ram->absent[gfn]) {
        return NULL;
    }
    ram->pins++;
    *pin = ram->bytes + gpa;
    return *pin;
}

static void ram_unpin(void *opaque, uint64_t gpa, uint32_t len, void *pin)
{
    Ram *ram = opaque;

    g_assert_true(pin == ram->bytes + gpa);
    ram->unpins++;
}

static const XenGuestPageOps ram_ops = { .pin = ram_pin, .unpin = ram_unpin };

static Ram *ram_new(void)
{
    Ram *ram = g_new0(Ram, 1);

    xen_page_cache_init(&ram->cache, &ram_ops, ram);
    return ram;
}

static unsigned pinned(const Ram *ram)
{
    return ram->pins - ram->unpins;
}

static void ram_free(Ram *ram)
{
    xen_page_cache_destroy(&ram->cache);
    g_assert_cmpuint(pinned(ram), ==, 0);
    g_free(ram);
}

static void test_set(void)
{
    Ram *ram = ram_new();
    XenGuestPage page;

    xen_guest_page_init(&page, NULL, NULL);
    g_assert_false(xen_guest_page_is_set(&page));
    g_assert_cmpint(xen_guest_page_set(&ram->cache, &page, FRAME(1) + 8, LEN),
                    ==, 0);
    g_assert_true(xen_guest_page_check(&page) == ram->bytes + FRAME(1) + 8);

    /* On error nothing changes. */
    ram->absent[2] = true;
    g_assert_cmpint(xen_guest_page_set(&ram->cache, &page, FRAME(2), LEN), ==,
                    -EINVAL);
    g_assert_cmphex(page.gpa, ==, FRAME(1) + 8);
    g_assert_nonnull(xen_guest_page_check(&page));
    g_assert_cmpuint(pinned(ram), ==, 1);

    g_assert_cmpint(xen_guest_page_set(&ram->cache, &page, FRAME(3), LEN), ==,
                    0);
    g_assert_cmpuint(pinned(ram), ==, 1);
    xen_guest_page_unset(&ram->cache, &page);
    g_assert_false(xen_guest_page_is_set(&page));
    ram_free(ram);
}

static void test_fixed(void)
{
    Ram *ram = ram_new();
    uint8_t own[LEN];
    XenGuestPage page;

    xen_guest_page_init(&page, NULL, NULL);
    xen_guest_page_set_fixed(&ram->cache, &page, own, sizeof(own));
    g_assert_true(xen_guest_page_is_set(&page));
    g_assert_cmpuint(xen_page_cache_invalidate(&ram->cache, 0, UINT64_MAX), ==,
                     0);
    g_assert_true(xen_guest_page_check(&page) == own);
    xen_guest_page_unset(&ram->cache, &page);
    g_assert_cmpuint(ram->pins, ==, 0);
    ram_free(ram);
}

static void test_invalidate(void)
{
    static const struct {
        uint64_t gpa, len;
        bool hit;
    } ranges[] = {
        { FRAME(1), XEN_EMU_PAGE_SIZE, true },
        { FRAME(1) + 100, 1, true },
        { FRAME(1) + 100 + LEN - 1, 1, true },
        { FRAME(1) + 99, 1, false },
        { FRAME(1) + 100 + LEN, 1, false },
        { FRAME(1) + 100, 0, false },
        { 0, UINT64_MAX, true },
        { FRAME(1), UINT64_MAX - FRAME(1) + 1, true },
        { FRAME(2), UINT64_MAX - FRAME(2) + 1, false },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(ranges); i++) {
        Ram *ram = ram_new();
        XenGuestPage page;

        xen_guest_page_init(&page, NULL, NULL);
        xen_guest_page_set(&ram->cache, &page, FRAME(1) + 100, LEN);
        g_assert_cmpuint(xen_page_cache_invalidate(&ram->cache, ranges[i].gpa,
                                                   ranges[i].len), ==,
                         ranges[i].hit);
        g_assert_cmpint(xen_guest_page_is_stale(&page), ==, ranges[i].hit);
        g_assert_cmpuint(pinned(ram), ==, !ranges[i].hit);

        g_assert_cmpint(xen_guest_page_refresh(&ram->cache, &page), ==, 0);
        g_assert_true(xen_guest_page_check(&page) ==
                      ram->bytes + FRAME(1) + 100);
        xen_guest_page_unset(&ram->cache, &page);
        ram_free(ram);
    }
}

static void test_refresh_absent(void)
{
    Ram *ram = ram_new();
    XenGuestPage page;

    xen_guest_page_init(&page, NULL, NULL);
    xen_guest_page_set_stale(&ram->cache, &page, FRAME(4), LEN);
    g_assert_true(xen_guest_page_is_stale(&page));
    ram->absent[4] = true;
    g_assert_cmpint(xen_guest_page_refresh(&ram->cache, &page), ==, -EINVAL);
    g_assert_true(xen_guest_page_is_stale(&page));
    ram->absent[4] = false;
    g_assert_cmpint(xen_guest_page_refresh(&ram->cache, &page), ==, 0);
    g_assert_nonnull(xen_guest_page_check(&page));

    /* Nothing to look up for an unset or valid page. */
    g_assert_cmpint(xen_guest_page_refresh(&ram->cache, &page), ==, 0);
    xen_guest_page_unset(&ram->cache, &page);
    g_assert_cmpint(xen_guest_page_refresh(&ram->cache, &page), ==, 0);
    g_assert_cmpuint(ram->pins, ==, 1);
    ram_free(ram);
}

/* The page is invalidated during each lookup. */
static void invalidate_while_pinning(Ram *ram)
{
    if (ram->invalidations_left) {
        ram->invalidations_left--;
        xen_page_cache_invalidate(&ram->cache, FRAME(5), 1);
        ram->on_pin = invalidate_while_pinning;
    }
}

static void test_invalidated_lookup(void)
{
    for (unsigned n = 1; n <= 4; n++) {
        Ram *ram = ram_new();
        XenGuestPage page;

        xen_guest_page_init(&page, NULL, NULL);
        ram->invalidations_left = n;
        ram->on_pin = invalidate_while_pinning;
        g_assert_cmpint(xen_guest_page_set(&ram->cache, &page, FRAME(1), LEN),
                        ==, 0);
        /* Results of outdated lookups are dropped. */
        g_assert_cmpuint(ram->pins, ==, n + 1);
        g_assert_cmpuint(pinned(ram), ==, 1);
        xen_guest_page_unset(&ram->cache, &page);
        ram_free(ram);
    }
}

/* An area at each offset around a page boundary. */
static void test_two_pages(void)
{
    Ram *ram = ram_new();
    XenGuestPage page[XEN_GUEST_PAGES_MAX];

    for (unsigned i = 0; i < XEN_GUEST_PAGES_MAX; i++) {
        xen_guest_page_init(&page[i], NULL, NULL);
    }
    for (uint64_t gpa = FRAME(2) - LEN - 1; gpa <= FRAME(2) + 1; gpa++) {
        uint32_t first = MIN(LEN, FRAME(2) - gpa);

        if (gpa >= FRAME(2)) {
            first = LEN;
        }
        g_assert_cmpint(xen_guest_pages_set(&ram->cache, page, gpa, LEN), ==,
                        0);
        g_assert_cmpuint(page[0].len, ==, first);
        g_assert_true(page[0].hva == ram->bytes + gpa);
        g_assert_cmpuint(page[1].len, ==, LEN - first);
        g_assert_cmpint(xen_guest_page_is_set(&page[1]), ==, first < LEN);
        if (first < LEN) {
            g_assert_true(page[1].hva == ram->bytes + FRAME(2));
        }
        g_assert_cmpuint(pinned(ram), ==, first < LEN ? 2 : 1);
    }

    /* Either both pages are set or none. */
    xen_guest_pages_set(&ram->cache, page, FRAME(3) - 1, LEN);
    ram->absent[4] = true;
    g_assert_cmpint(xen_guest_pages_set(&ram->cache, page, FRAME(4) - 1, LEN),
                    ==, -EINVAL);
    g_assert_cmphex(page[0].gpa, ==, FRAME(3) - 1);
    g_assert_nonnull(page[1].hva);
    g_assert_cmpuint(pinned(ram), ==, 2);

    /* Beyond the end of the address space. */
    g_assert_cmpint(xen_guest_pages_set(&ram->cache, page, UINT64_MAX - 1, LEN),
                    ==, -EINVAL);
    for (unsigned i = 0; i < XEN_GUEST_PAGES_MAX; i++) {
        xen_guest_page_unset(&ram->cache, &page[i]);
    }
    ram_free(ram);
}

static void test_share(void)
{
    Ram *ram = ram_new();
    XenGuestPage a, b;

    xen_guest_page_init(&a, NULL, NULL);
    xen_guest_page_init(&b, NULL, NULL);
    xen_guest_page_set(&ram->cache, &a, FRAME(1), LEN);
    xen_guest_page_share(&ram->cache, &b, &a);
    g_assert_true(xen_guest_page_check(&b) == xen_guest_page_check(&a));
    g_assert_cmpuint(ram->pins, ==, 1);

    xen_guest_page_unset(&ram->cache, &a);
    g_assert_cmpuint(ram->unpins, ==, 0);
    g_assert_cmpuint(xen_page_cache_invalidate(&ram->cache, FRAME(1), 1), ==,
                     1);
    g_assert_cmpuint(ram->unpins, ==, 1);

    /* A stale page is shared as stale, with its pin. */
    xen_guest_page_share(&ram->cache, &a, &b);
    g_assert_true(xen_guest_page_is_stale(&a));
    xen_guest_page_unset(&ram->cache, &a);
    xen_guest_page_unset(&ram->cache, &b);
    ram_free(ram);
}

/* A user whose pages stay pinned when stale (like KVM's). */
typedef struct User {
    unsigned locked, times_locked, times_stale;
    bool keep;
} User;

static void user_lock(void *opaque)
{
    User *user = opaque;

    g_assert_cmpuint(user->locked++, ==, 0);
    user->times_locked++;
}

static void user_unlock(void *opaque)
{
    User *user = opaque;

    g_assert_cmpuint(user->locked--, ==, 1);
}

static bool user_stale(void *opaque)
{
    User *user = opaque;

    g_assert_cmpuint(user->locked, ==, 0);
    user->times_stale++;
    return user->keep;
}

static const XenGuestPageUser counting_user = {
    .lock = user_lock, .unlock = user_unlock, .stale = user_stale,
};

static void test_stale_hook(void)
{
    for (int keep = 0; keep < 2; keep++) {
        Ram *ram = ram_new();
        User user = { .keep = keep };
        XenGuestPage page;

        xen_guest_page_init(&page, &counting_user, &user);
        xen_guest_page_set(&ram->cache, &page, FRAME(1), LEN);
        g_assert_cmpuint(user.times_locked, ==, 1);
        xen_page_cache_invalidate(&ram->cache, FRAME(1), LEN);
        g_assert_cmpuint(user.times_locked, ==, 2);
        g_assert_cmpuint(user.times_stale, ==, 1);
        g_assert_true(xen_guest_page_is_stale(&page));
        g_assert_cmpuint(pinned(ram), ==, keep);

        /* It was stale before: the hook is not called again. */
        xen_page_cache_invalidate(&ram->cache, FRAME(1), LEN);
        g_assert_cmpuint(user.times_stale, ==, 1);

        xen_guest_page_set(&ram->cache, &page, FRAME(2), LEN);
        g_assert_cmpuint(pinned(ram), ==, 1);
        xen_guest_page_unset(&ram->cache, &page);
        ram_free(ram);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/xen/pages/set", test_set);
    g_test_add_func("/xen/pages/fixed", test_fixed);
    g_test_add_func("/xen/pages/invalidate", test_invalidate);
    g_test_add_func("/xen/pages/refresh-absent", test_refresh_absent);
    g_test_add_func("/xen/pages/invalidated-lookup", test_invalidated_lookup);
    g_test_add_func("/xen/pages/two-pages", test_two_pages);
    g_test_add_func("/xen/pages/share", test_share);
    g_test_add_func("/xen/pages/stale-hook", test_stale_hook);
    return g_test_run();
}
