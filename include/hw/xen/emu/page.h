/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Guest pages that the emulation reads and writes without locks
 *
 * The guest names a place in its memory (a vcpu_info, a FIFO control block, a
 * page of the event array, a runstate area); the emulation writes there whenever
 * an event comes, in any thread.  A XenGuestPage remembers where that place is in
 * QEMU's address space; one XenPageCache knows all pages that are set, and makes
 * those stale whose memory goes away.  It is like Linux's pfn cache: check is a
 * load, refresh the only way back.
 *
 * States of a page: unset (gpa is XEN_GPA_NONE) -> set, stale (hva NULL) <-> set,
 * valid.  A fixed page points into memory of QEMU's own and never goes stale.
 *
 * Locks
 * -----
 * Each page has a user, who owns the lock that guards hva while it is used:
 * whoever checks a page and then writes to it holds that lock, and it is taken
 * here for a moment to change the page.  The cache has a lock of its own, which
 * orders lookups against invalidations: a lookup pins memory without it, since
 * that may sleep, and starts over if an invalidation came in between; after a few
 * times it pins with the lock held and so comes to an end.
 *
 * Order: cache lock, then the user's.  So call nothing here but check with a
 * user's lock held.
 *
 * The memory behind hva is pinned by the provider (XenGuestPageOps) for as long as
 * a page refers to it, so that a writer which raced with an invalidation writes to
 * memory that still exists.
 *
 * A library without QEMU (C11, GLib, pthreads).  All functions: any thread.
 */
#ifndef HW_XEN_EMU_PAGE_H
#define HW_XEN_EMU_PAGE_H

#include <pthread.h>
#include <stdint.h>
#include <stddef.h>
#include <stdbool.h>

#define XEN_GPA_NONE    UINT64_MAX

/* Pages that xen_guest_pages_set() sets together. */
#define XEN_GUEST_PAGES_MAX     2

typedef struct XenGuestPageOps {
    /*
     * Finds RAM that holds guest physical [gpa, gpa + len), pins it in *pin
     * and returns its address, or NULL where there is no such RAM.  Never
     * called with a user's lock held; may sleep; must not take the BQL.
     */
    void *(*pin)(void *opaque, uint64_t gpa, uint32_t len, void **pin);
    /* Drops what pin returned; @gpa range may have been written (dirty). */
    void (*unpin)(void *opaque, uint64_t gpa, uint32_t len, void *pin);
} XenGuestPageOps;

typedef struct XenGuestPage XenGuestPage;

/* Who uses a page; all get the opaque pointer of xen_guest_page_init(). */
typedef struct XenGuestPageUser {
    void (*lock)(void *opaque);
    void (*unlock)(void *opaque);
    /*
     * Optional: the page has become stale.  Called with the cache lock, so it may
     * only schedule what follows.  True: somebody who is not subject to the lock
     * still writes to the memory by its address (the accelerator's kernel), so
     * it stays pinned until the page is next set or unset.
     */
    bool (*stale)(void *opaque);
} XenGuestPageUser;

typedef struct XenPageCache {
    const XenGuestPageOps *ops;
    void *opaque;               /* for ops */
    pthread_mutex_t lock;
    /* All below: lock */
    uint64_t invalidations;
    XenGuestPage *pages;        /* list of those that have a gpa */
} XenPageCache;

/* Pinned memory, shared by the pages that refer to it.  Private to page.c. */
typedef struct XenPagePin XenPagePin;

struct XenGuestPage {
    void *hva;          /* NULL: stale or unset.  Atomic; user's lock */
    uint64_t gpa;       /* guest physical address of the first byte */
    uint32_t len;       /* bytes; never crosses a page boundary */
    bool fixed;         /* points into memory of QEMU's: never goes stale */
    XenPagePin *pin;
    const XenGuestPageUser *user;
    void *opaque;       /* for user */
    XenGuestPage *next, **link;     /* in the cache's list, or link NULL */
};

/* @ops and @opaque outlive the cache. */
void xen_page_cache_init(XenPageCache *cache, const XenGuestPageOps *ops,
                         void *opaque);
/* No page is set any more. */
void xen_page_cache_destroy(XenPageCache *cache);

/*
 * Guest physical memory at [gpa, gpa + len) is no longer what it was: makes the
 * pages there stale.  Call it when `pin` already sees the new memory, or a lookup
 * could bring back the old.  Takes the user's lock of each such page for a moment;
 * waits for no pin, except behind a fourth invalidation in a row.  Returns the
 * number of pages made stale.
 */
unsigned xen_page_cache_invalidate(XenPageCache *cache, uint64_t gpa,
                                   uint64_t len);

/* Unset.  @user NULL: nobody uses the page concurrently. */
void xen_guest_page_init(XenGuestPage *page, const XenGuestPageUser *user,
                         void *opaque);

/*
 * Sets @page to @len bytes at @gpa, which must not cross a page boundary.
 * -EINVAL: no RAM there, and the page is as it was.
 *
 * Calls that set the same page must not run concurrently, but for refresh.
 */
int xen_guest_page_set(XenPageCache *cache, XenGuestPage *page, uint64_t gpa,
                       uint32_t len);
/*
 * The same for an area that may cross one page boundary, of two pages with the
 * same user: both are set together or not at all; page[1] is unset where the area
 * needs only one.
 */
int xen_guest_pages_set(XenPageCache *cache,
                        XenGuestPage page[XEN_GUEST_PAGES_MAX],
                        uint64_t gpa, uint32_t len);
/* The same as set, stale: to be looked up when needed. */
void xen_guest_page_set_stale(XenPageCache *cache, XenGuestPage *page,
                              uint64_t gpa, uint32_t len);
/* Sets @page to an address that never changes; @hva NULL: unsets it. */
void xen_guest_page_set_fixed(XenPageCache *cache, XenGuestPage *page,
                              void *hva, uint32_t len);
/*
 * Sets @page to where @from is, valid or stale, sharing the memory that @from keeps
 * pinned.
 */
void xen_guest_page_share(XenPageCache *cache, XenGuestPage *page,
                          const XenGuestPage *from);
/*
 * Makes a set page valid.  -EINVAL: no RAM there.  May run concurrently with any
 * other function.
 */
int xen_guest_page_refresh(XenPageCache *cache, XenGuestPage *page);

static inline void xen_guest_page_unset(XenPageCache *cache, XenGuestPage *page)
{
    xen_guest_page_set_fixed(cache, page, NULL, 0);
}

static inline bool xen_guest_page_is_set(const XenGuestPage *page)
{
    return page->gpa != XEN_GPA_NONE || page->fixed;
}

/* The address, or NULL: stale or unset. */
static inline void *xen_guest_page_check(const XenGuestPage *page)
{
    return __atomic_load_n(&page->hva, __ATOMIC_ACQUIRE);
}

static inline bool xen_guest_page_is_stale(const XenGuestPage *page)
{
    return !xen_guest_page_check(page) && xen_guest_page_is_set(page);
}

#endif
