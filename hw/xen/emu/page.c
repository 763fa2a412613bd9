/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Guest pages that are shared with the emulation
 */
#include <errno.h>
#include <glib.h>
#include "hw/xen/emu/layout.h"
#include "hw/xen/emu/page.h"

/* Lookups without the cache lock before one is made with it. */
#define PIN_RETRIES     4

struct XenPagePin {
    unsigned refs;              /* cache lock */
    uint64_t gpa;
    uint32_t len;
    void *pin;                  /* from XenGuestPageOps */
};

typedef struct PageRange {
    uint64_t gpa;
    uint32_t len;               /* 0: no such page */
} PageRange;

/* The new contents of a XenGuestPage, before they are published. */
typedef struct NewPage {
    void *hva;
    uint64_t gpa;
    uint32_t len;
    bool fixed;
    XenPagePin *pin;
} NewPage;

void xen_page_cache_init(XenPageCache *cache, const XenGuestPageOps *ops,
                         void *opaque)
{
    *cache = (XenPageCache) { .ops = ops, .opaque = opaque };
    pthread_mutex_init(&cache->lock, NULL);
}

void xen_page_cache_destroy(XenPageCache *cache)
{
    g_assert(!cache->pages);
    pthread_mutex_destroy(&cache->lock);
}

void xen_guest_page_init(XenGuestPage *page, const XenGuestPageUser *user,
                         void *opaque)
{
    *page = (XenGuestPage) {
        .gpa = XEN_GPA_NONE, .user = user, .opaque = opaque,
    };
}

/* ---------------------------------------------------------------- pins -- */

/* No lock, except for the cache lock in the last try. */
static XenPagePin *pin_range(XenPageCache *cache, const PageRange *range,
                             void **hva)
{
    void *pin = NULL;
    XenPagePin *p;

    *hva = cache->ops->pin(cache->opaque, range->gpa, range->len, &pin);
    if (!*hva) {
        return NULL;
    }
    p = g_new(XenPagePin, 1);
    *p = (XenPagePin) {
        .refs = 1, .gpa = range->gpa, .len = range->len, .pin = pin,
    };
    return p;
}

/* No lock; the last reference is gone. */
static void unpin(XenPageCache *cache, XenPagePin *p)
{
    cache->ops->unpin(cache->opaque, p->gpa, p->len, p->pin);
    g_free(p);
}

/* Cache lock.  True: it was the last one; unpin it without the lock. */
static bool drop_ref(XenPagePin *p)
{
    return p && --p->refs == 0;
}

static void unpin_all(XenPageCache *cache, NewPage *new, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        if (new[i].pin) {
            unpin(cache, new[i].pin);
            new[i].pin = NULL;
        }
    }
}

/* Pins all ranges that are not empty, or none. */
static bool pin_all(XenPageCache *cache, const PageRange *range, NewPage *new,
                    unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        new[i] = (NewPage) { .gpa = XEN_GPA_NONE };
    }
    for (unsigned i = 0; i < n && range[i].len; i++) {
        new[i].gpa = range[i].gpa;
        new[i].len = range[i].len;
        new[i].pin = pin_range(cache, &range[i], &new[i].hva);
        if (!new[i].pin) {
            unpin_all(cache, new, n);
            return false;
        }
    }
    return true;
}

/*
 * Returns with the cache lock held, and a result that is up to date.
 */
static bool pin_current(XenPageCache *cache, const PageRange *range,
                        NewPage *new, unsigned n)
{
    for (unsigned i = 0; i < PIN_RETRIES; i++) {
        uint64_t before;
        bool ok;

        pthread_mutex_lock(&cache->lock);
        before = cache->invalidations;
        pthread_mutex_unlock(&cache->lock);

        ok = pin_all(cache, range, new, n);

        pthread_mutex_lock(&cache->lock);
        if (before == cache->invalidations) {
            return ok;
        }
        pthread_mutex_unlock(&cache->lock);
        if (ok) {
            unpin_all(cache, new, n);
        }
    }
    pthread_mutex_lock(&cache->lock);
    return pin_all(cache, range, new, n);
}

/* --------------------------------------------------- changing a page -- */

static void lock_user(const XenGuestPage *page)
{
    if (page->user) {
        page->user->lock(page->opaque);
    }
}

static void unlock_user(const XenGuestPage *page)
{
    if (page->user) {
        page->user->unlock(page->opaque);
    }
}

/* Cache lock. */
static void list_page(XenPageCache *cache, XenGuestPage *page)
{
    bool wanted = page->gpa != XEN_GPA_NONE;

    if (wanted && !page->link) {
        page->next = cache->pages;
        page->link = &cache->pages;
        if (page->next) {
            page->next->link = &page->next;
        }
        cache->pages = page;
    } else if (!wanted && page->link) {
        *page->link = page->next;
        if (page->next) {
            page->next->link = page->link;
        }
        page->next = NULL;
        page->link = NULL;
    }
}

/*
 * Releases the cache lock.  Sets the pages to @new, atomically for their user,
 * and unpins the old memory.
 */
static void replace_and_unlock(XenPageCache *cache, XenGuestPage *page,
                               const NewPage *new, unsigned n)
{
    XenPagePin *old[XEN_GUEST_PAGES_MAX];

    lock_user(page);
    for (unsigned i = 0; i < n; i++) {
        old[i] = page[i].pin;
        __atomic_store_n(&page[i].gpa, new[i].gpa, __ATOMIC_RELAXED);
        page[i].len = new[i].len;
        page[i].fixed = new[i].fixed;
        page[i].pin = new[i].pin;
        __atomic_store_n(&page[i].hva, new[i].hva, __ATOMIC_RELEASE);
    }
    unlock_user(page);
    for (unsigned i = 0; i < n; i++) {
        list_page(cache, &page[i]);
        if (!drop_ref(old[i])) {
            old[i] = NULL;
        }
    }
    pthread_mutex_unlock(&cache->lock);

    for (unsigned i = 0; i < n; i++) {
        if (old[i]) {
            unpin(cache, old[i]);
        }
    }
}

static int set_ranges(XenPageCache *cache, XenGuestPage *page,
                      const PageRange *range, unsigned n)
{
    NewPage new[XEN_GUEST_PAGES_MAX];

    if (!pin_current(cache, range, new, n)) {
        pthread_mutex_unlock(&cache->lock);
        return -EINVAL;
    }
    replace_and_unlock(cache, page, new, n);
    return 0;
}

int xen_guest_page_set(XenPageCache *cache, XenGuestPage *page, uint64_t gpa,
                       uint32_t len)
{
    PageRange range = { gpa, len };

    return set_ranges(cache, page, &range, 1);
}

int xen_guest_pages_set(XenPageCache *cache,
                        XenGuestPage page[XEN_GUEST_PAGES_MAX],
                        uint64_t gpa, uint32_t len)
{
    uint32_t room = XEN_EMU_PAGE_SIZE - gpa % XEN_EMU_PAGE_SIZE;
    uint32_t first = MIN(len, room);
    PageRange range[] = { { gpa, first }, { gpa + first, len - first } };

    if (gpa > UINT64_MAX - len) {
        return -EINVAL;
    }
    return set_ranges(cache, page, range, G_N_ELEMENTS(range));
}

static void replace(XenPageCache *cache, XenGuestPage *page, NewPage new)
{
    pthread_mutex_lock(&cache->lock);
    replace_and_unlock(cache, page, &new, 1);
}

void xen_guest_page_set_stale(XenPageCache *cache, XenGuestPage *page,
                              uint64_t gpa, uint32_t len)
{
    replace(cache, page, (NewPage) { .gpa = gpa, .len = len });
}

void xen_guest_page_set_fixed(XenPageCache *cache, XenGuestPage *page,
                              void *hva, uint32_t len)
{
    replace(cache, page, (NewPage) {
        .gpa = XEN_GPA_NONE, .hva = hva, .len = len, .fixed = hva != NULL,
    });
}

void xen_guest_page_share(XenPageCache *cache, XenGuestPage *page,
                          const XenGuestPage *from)
{
    NewPage new;

    pthread_mutex_lock(&cache->lock);
    new = (NewPage) {
        .gpa = from->gpa, .len = from->len, .fixed = from->fixed,
        .hva = xen_guest_page_check(from),
    };
    /* Also of a stale page, whose user may still need it. */
    if (from->pin) {
        new.pin = from->pin;
        new.pin->refs++;
    }
    replace_and_unlock(cache, page, &new, 1);
}

int xen_guest_page_refresh(XenPageCache *cache, XenGuestPage *page)
{
    PageRange range;
    NewPage new;
    bool pinned;

    for (;;) {
        pthread_mutex_lock(&cache->lock);
        range = (PageRange) { page->gpa, page->len };
        pinned = !xen_guest_page_is_stale(page);
        pthread_mutex_unlock(&cache->lock);
        if (pinned) {
            return 0;
        }

        pinned = pin_current(cache, &range, &new, 1);
        if (page->gpa == range.gpa && page->len == range.len &&
            xen_guest_page_is_stale(page)) {
            break;
        }
        /* Another thread has set or refreshed it. */
        pthread_mutex_unlock(&cache->lock);
        if (pinned) {
            unpin(cache, new.pin);
        }
    }
    if (!pinned) {
        pthread_mutex_unlock(&cache->lock);
        return -EINVAL;
    }
    replace_and_unlock(cache, page, &new, 1);
    return 0;
}

/* -------------------------------------------------------- invalidation -- */

static bool overlaps(const XenGuestPage *page, uint64_t gpa, uint64_t len)
{
    /* gpa + len may be 2^64 */
    return page->gpa >= gpa ? page->gpa - gpa < len
                            : gpa - page->gpa < page->len && len;
}

/* Cache lock.  Returns the pin to drop without the lock, or NULL. */
static XenPagePin *make_stale(XenGuestPage *page)
{
    XenPagePin *pin = page->pin;

    lock_user(page);
    __atomic_store_n(&page->hva, NULL, __ATOMIC_RELEASE);
    unlock_user(page);
    if (page->user && page->user->stale && page->user->stale(page->opaque)) {
        return NULL;
    }
    page->pin = NULL;
    return drop_ref(pin) ? pin : NULL;
}

unsigned xen_page_cache_invalidate(XenPageCache *cache, uint64_t gpa,
                                   uint64_t len)
{
    g_autoptr(GPtrArray) unused = NULL;
    unsigned n = 0;

    pthread_mutex_lock(&cache->lock);
    cache->invalidations++;
    for (XenGuestPage *page = cache->pages; page; page = page->next) {
        XenPagePin *pin;

        if (!xen_guest_page_check(page) || !overlaps(page, gpa, len)) {
            continue;
        }
        n++;
        pin = make_stale(page);
        if (pin) {
            unused = unused ?: g_ptr_array_new();
            g_ptr_array_add(unused, pin);
        }
    }
    pthread_mutex_unlock(&cache->lock);

    for (unsigned i = 0; unused && i < unused->len; i++) {
        unpin(cache, g_ptr_array_index(unused, i));
    }
    return n;
}
