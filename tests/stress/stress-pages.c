/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The page cache with threads: each kind of user, and an invalidator
 *
 *     stress-pages [--seconds N] [--seed S]
 *
 *   writers     write to a page under the lock of its user, and refresh it when
 *               it is stale, as the engine does
 *   areas       the same with an area of two pages that is set again all the
 *               time, as a runstate area is
 *   sharer      sets a page and shares it with another whose pin is kept after
 *               an invalidation until it is set again, like a vcpu_info that
 *               KVM writes to; a "kernel" thread writes there without any lock
 *   invalidator removes frames and adds them again
 *
 * After xen_page_cache_invalidate() has returned, a removed frame must not be
 * written to, except by the kernel thread while it is pinned for that; memory
 * that is not pinned must never be written to.  If these checks or a sanitizer
 * find an error, the exit status is 1.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <glib.h>
#include "hw/xen/emu/layout.h"
#include "hw/xen/emu/page.h"

#define NR_FRAMES   4
#define NR_WRITERS  2
#define NR_AREAS    2
#define AREA_LEN    48

typedef struct Frame {
    uint32_t present;           /* atomic; else it must not be pinned */
    uint32_t pins;              /* atomic */
    uint64_t words[XEN_EMU_PAGE_SIZE / 8];
} Frame;

static Frame frames[NR_FRAMES];
static XenPageCache cache;
static bool stop;               /* atomic */
static uint64_t writes, invalidations, kernel_writes;   /* atomic */

static void fail(const char *what)
{
    fprintf(stderr, "stress-pages: %s\n", what);
    exit(1);
}

static void *pin_frame(void *opaque, uint64_t gpa, uint32_t len, void **pin)
{
    Frame *f = &frames[gpa / XEN_EMU_PAGE_SIZE % NR_FRAMES];

    if (gpa / XEN_EMU_PAGE_SIZE >= NR_FRAMES ||
        !__atomic_load_n(&f->present, __ATOMIC_SEQ_CST)) {
        return NULL;
    }
    __atomic_fetch_add(&f->pins, 1, __ATOMIC_SEQ_CST);
    *pin = f;
    return (uint8_t *)f->words + gpa % XEN_EMU_PAGE_SIZE;
}

static void unpin_frame(void *opaque, uint64_t gpa, uint32_t len, void *pin)
{
    Frame *f = pin;

    if (!__atomic_fetch_sub(&f->pins, 1, __ATOMIC_SEQ_CST)) {
        fail("unpinned more often than pinned");
    }
}

static const XenGuestPageOps ops = { .pin = pin_frame, .unpin = unpin_frame };

static Frame *frame_of(void *hva)
{
    return &frames[((uintptr_t)hva - (uintptr_t)frames) / sizeof(Frame)];
}

static void write_to(void *hva, uint64_t *counter)
{
    if (!__atomic_load_n(&frame_of(hva)->pins, __ATOMIC_SEQ_CST)) {
        fail("write to memory that is not pinned");
    }
    __atomic_fetch_add((uint32_t *)hva, 1, __ATOMIC_RELAXED);
    __atomic_fetch_add(counter, 1, __ATOMIC_RELAXED);
}

typedef struct User {
    pthread_mutex_t lock;
    XenGuestPage page[XEN_GUEST_PAGES_MAX];
    uint32_t seed;
} User;

static void lock(void *opaque)
{
    pthread_mutex_lock(&((User *)opaque)->lock);
}

static void unlock(void *opaque)
{
    pthread_mutex_unlock(&((User *)opaque)->lock);
}

static const XenGuestPageUser plain = { .lock = lock, .unlock = unlock };

static bool keep_pin(void *opaque)
{
    return true;
}

static const XenGuestPageUser kernels = {
    .lock = lock, .unlock = unlock, .stale = keep_pin,
};

static bool going_on(void)
{
    return !__atomic_load_n(&stop, __ATOMIC_RELAXED);
}

static void write_pages(User *u)
{
    pthread_mutex_lock(&u->lock);
    for (unsigned i = 0; i < XEN_GUEST_PAGES_MAX; i++) {
        void *hva = xen_guest_page_check(&u->page[i]);

        if (hva) {
            write_to(hva, &writes);
        }
    }
    pthread_mutex_unlock(&u->lock);
}

static void refresh_pages(User *u)
{
    for (unsigned i = 0; i < XEN_GUEST_PAGES_MAX; i++) {
        xen_guest_page_refresh(&cache, &u->page[i]);
    }
}

static void *writer(void *opaque)
{
    User *u = opaque;

    while (going_on()) {
        write_pages(u);
        refresh_pages(u);
    }
    return NULL;
}

static void *placer(void *opaque)
{
    User *u = opaque;
    g_autoptr(GRand) rand = g_rand_new_with_seed(u->seed);

    while (going_on()) {
        /* 4-byte aligned, like all data written here. */
        uint64_t gpa = g_rand_int_range(rand, 0, NR_FRAMES *
                                        XEN_EMU_PAGE_SIZE / 4 - 16) * 4;

        xen_guest_pages_set(&cache, u->page, gpa, AREA_LEN);
        write_pages(u);
    }
    return NULL;
}

/* The address that the kernel thread writes to, or NULL.  Atomic. */
static void *kernel_hva;

static void *kernel(void *opaque)
{
    while (going_on()) {
        User *u = opaque;
        void *hva;

        pthread_mutex_lock(&u->lock);       /* the vCPU leaves the kernel */
        hva = kernel_hva;
        if (hva) {
            write_to(hva, &kernel_writes);
        }
        pthread_mutex_unlock(&u->lock);
    }
    return NULL;
}

/*
 * The kernel's address is set under a lock of its own, not under the page's
 * user's lock; therefore the pin must be kept.
 */
typedef struct Sharer {
    User kernels_page;          /* the pin that is kept for the kernel */
    User engines_page;
    User kernel, momentary;     /* their locks only */
} Sharer;

static void *sharer(void *opaque)
{
    Sharer *s = opaque;
    g_autoptr(GRand) rand = g_rand_new_with_seed(s->kernel.seed);

    while (going_on()) {
        XenGuestPage page;
        uint64_t gpa = g_rand_int_range(rand, 0, NR_FRAMES) *
                       XEN_EMU_PAGE_SIZE;
        void *hva = NULL;

        xen_guest_page_init(&page, &kernels, &s->momentary);
        if (!xen_guest_page_set(&cache, &page, gpa, 64)) {
            hva = xen_guest_page_check(&page);
        }
        /* The pin of @page is kept at least until here. */
        pthread_mutex_lock(&s->kernel.lock);
        kernel_hva = hva;
        pthread_mutex_unlock(&s->kernel.lock);

        xen_guest_page_share(&cache, &s->engines_page.page[0], &page);
        xen_guest_page_share(&cache, &s->kernels_page.page[0], &page);
        xen_guest_page_unset(&cache, &page);
        write_pages(&s->engines_page);
    }
    pthread_mutex_lock(&s->kernel.lock);
    kernel_hva = NULL;
    pthread_mutex_unlock(&s->kernel.lock);
    return NULL;
}

static void *invalidator(void *opaque)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed(GPOINTER_TO_UINT(opaque));

    while (going_on()) {
        unsigned n = g_rand_int_range(rand, 0, NR_FRAMES);

        __atomic_store_n(&frames[n].present, 0, __ATOMIC_SEQ_CST);
        xen_page_cache_invalidate(&cache, (uint64_t)n * XEN_EMU_PAGE_SIZE,
                                  XEN_EMU_PAGE_SIZE);
        g_usleep(g_rand_int_range(rand, 0, 100));
        __atomic_store_n(&frames[n].present, 1, __ATOMIC_SEQ_CST);
        __atomic_fetch_add(&invalidations, 1, __ATOMIC_RELAXED);
        g_usleep(g_rand_int_range(rand, 0, 100));
    }
    return NULL;
}

static void init_user(User *u, const XenGuestPageUser *user, uint32_t seed)
{
    pthread_mutex_init(&u->lock, NULL);
    u->seed = seed;
    for (unsigned i = 0; i < XEN_GUEST_PAGES_MAX; i++) {
        xen_guest_page_init(&u->page[i], user, u);
    }
}

static void unset_user(User *u)
{
    for (unsigned i = 0; i < XEN_GUEST_PAGES_MAX; i++) {
        xen_guest_page_unset(&cache, &u->page[i]);
    }
}

int main(int argc, char **argv)
{
    static User user[NR_WRITERS + NR_AREAS];
    static Sharer s;
    GThread *thread[NR_WRITERS + NR_AREAS + 3];
    unsigned n = 0, seconds = 2;
    uint32_t seed = g_random_int();

    for (int i = 1; i + 1 < argc; i += 2) {
        if (!strcmp(argv[i], "--seconds")) {
            seconds = atoi(argv[i + 1]);
        } else if (!strcmp(argv[i], "--seed")) {
            seed = g_ascii_strtoull(argv[i + 1], NULL, 0);
        }
    }
    printf("seed 0x%x\n", seed);
    xen_page_cache_init(&cache, &ops, NULL);
    for (unsigned i = 0; i < NR_FRAMES; i++) {
        frames[i].present = 1;
    }

    init_user(&s.kernels_page, &kernels, seed);
    init_user(&s.engines_page, &plain, seed);
    init_user(&s.kernel, NULL, seed);
    init_user(&s.momentary, NULL, seed);
    for (unsigned i = 0; i < G_N_ELEMENTS(user); i++) {
        init_user(&user[i], &plain, seed + i);
        if (i < NR_WRITERS) {
            xen_guest_page_set(&cache, &user[i].page[0],
                               i * XEN_EMU_PAGE_SIZE, 64);
        }
        thread[n++] = g_thread_new("user", i < NR_WRITERS ? writer : placer,
                                   &user[i]);
    }
    thread[n++] = g_thread_new("sharer", sharer, &s);
    thread[n++] = g_thread_new("kernel", kernel, &s.kernel);
    thread[n++] = g_thread_new("invalidator", invalidator,
                               GUINT_TO_POINTER(seed));
    g_usleep(seconds * G_USEC_PER_SEC);
    __atomic_store_n(&stop, true, __ATOMIC_RELAXED);
    while (n > 0) {
        g_thread_join(thread[--n]);
    }

    for (unsigned i = 0; i < G_N_ELEMENTS(user); i++) {
        unset_user(&user[i]);
    }
    unset_user(&s.kernels_page);
    unset_user(&s.engines_page);
    xen_page_cache_destroy(&cache);
    for (unsigned i = 0; i < NR_FRAMES; i++) {
        if (frames[i].pins) {
            fail("a frame is still pinned");
        }
    }
    if (!writes || !kernel_writes || !invalidations) {
        fail("a thread has done nothing");
    }
    printf("%" G_GUINT64_FORMAT " writes, %" G_GUINT64_FORMAT " by the kernel, "
           "%" G_GUINT64_FORMAT " invalidations\n", writes, kernel_writes,
           invalidations);
    return 0;
}
