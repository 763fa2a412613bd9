/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Guest pages that are shared with the emulation
 *
 * The guest registers a structure in its memory (a vcpu_info, a FIFO control
 * block, a page of the event array, a runstate area), which the emulation
 * accesses from any thread.  A XenGuestPage caches its address in QEMU.  The
 * domain's XenPageCache has a list of all pages that are set, and makes them
 * stale when their memory goes away.  As with Linux's pfn cache, check is a
 * load, and only refresh makes a stale page valid again.
 *
 * States of a page: unset (gpa is XEN_GPA_NONE) -> set, stale (hva NULL) <->
 * set, valid.  A fixed page points to memory of QEMU and never becomes stale.
 *
 * Locks
 * -----
 * Each page has a user, whose lock keeps hva valid: it is held from check until
 * the last access, and taken here briefly to change the page.  The cache has
 * its own lock, which orders lookups and invalidations.  A lookup pins memory
 * without it, since that may sleep, and is repeated if there was an
 * invalidation meanwhile; after a few times it pins with the lock, so that it
 * ends.
 *
 * Order: cache lock, then the user's.  So only check may be called with a
 * user's lock held.
 *
 * The memory at hva stays pinned (XenGuestPageOps) while a page refers to it,
 * so a writer that races with an invalidation writes to memory that still
 * exists.
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
     * Pins the RAM at guest physical [gpa, gpa + len), stores a reference in
     * *pin and returns its address; NULL: there is no RAM.  Called without a
     * user's lock; may sleep; must not take the BQL.
     */
    void *(*pin)(void *opaque, uint64_t gpa, uint32_t len, void **pin);
    /* Drops what pin returned; @gpa range may have been written (dirty). */
    void (*unpin)(void *opaque, uint64_t gpa, uint32_t len, void *pin);
} XenGuestPageOps;

typedef struct XenGuestPage XenGuestPage;

/* The user of a page; @opaque is that of xen_guest_page_init(). */
typedef struct XenGuestPageUser {
    void (*lock)(void *opaque);
    void (*unlock)(void *opaque);
    /*
     * Optional: the page has become stale.  Called with the cache lock, so it
     * may only schedule work.  Returns true if the memory is still written by
     * its address without the user's lock (by KVM); it then stays pinned until
     * the page is next set or unset.
     */
    bool (*stale)(void *opaque);
} XenGuestPageUser;

typedef struct XenPageCache {
    const XenGuestPageOps *ops;
    void *opaque;               /* for ops */
    pthread_mutex_t lock;
    /* The rest is protected by the lock. */
    uint64_t invalidations;
    XenGuestPage *pages;        /* list of pages that have a gpa */
} XenPageCache;

/* Pinned memory, shared by the pages that refer to it.  Private to page.c. */
typedef struct XenPagePin XenPagePin;

struct XenGuestPage {
    void *hva;          /* NULL: stale or unset; atomic; user's lock */
    uint64_t gpa;       /* guest physical address of the first byte */
    uint32_t len;       /* bytes; never crosses a page boundary */
    bool fixed;         /* memory of QEMU: never becomes stale */
    XenPagePin *pin;
    const XenGuestPageUser *user;
    void *opaque;       /* for user */
    XenGuestPage *next, **link;     /* in the cache's list, or link NULL */
};

/* @ops and @opaque must outlive the cache. */
void xen_page_cache_init(XenPageCache *cache, const XenGuestPageOps *ops,
                         void *opaque);
/* No page may be set. */
void xen_page_cache_destroy(XenPageCache *cache);

/*
 * The mapping of guest physical memory at [gpa, gpa + len) has changed: makes
 * the pages there stale.  `pin` must find the new memory already, or a lookup
 * could restore the old mapping.  Takes the user's lock of each such page
 * briefly.  Does not wait for memory to be pinned, except after four
 * invalidations in a row.  Returns the number of pages that became stale.
 */
unsigned xen_page_cache_invalidate(XenPageCache *cache, uint64_t gpa,
                                   uint64_t len);

/* Initially unset.  @user NULL: the page is not used concurrently. */
void xen_guest_page_init(XenGuestPage *page, const XenGuestPageUser *user,
                         void *opaque);

/*
 * Sets @page to @len bytes at @gpa, which must not cross a page boundary.
 * -EINVAL: there is no RAM; the page is unchanged.
 *
 * Functions that set the same page must not run concurrently, except refresh.
 */
int xen_guest_page_set(XenPageCache *cache, XenGuestPage *page, uint64_t gpa,
                       uint32_t len);
/*
 * The same for an area that may cross one page boundary; both pages have the
 * same user.  Both are set, or neither; page[1] is unset if the area needs only
 * one.
 */
int xen_guest_pages_set(XenPageCache *cache,
                        XenGuestPage page[XEN_GUEST_PAGES_MAX],
                        uint64_t gpa, uint32_t len);
/* As set, but stale: the memory is looked up when it is first needed. */
void xen_guest_page_set_stale(XenPageCache *cache, XenGuestPage *page,
                              uint64_t gpa, uint32_t len);
/* Sets @page to an address that never changes, or unsets it if @hva is NULL. */
void xen_guest_page_set_fixed(XenPageCache *cache, XenGuestPage *page,
                              void *hva, uint32_t len);
/*
 * Sets @page to the address of @from, valid or stale, and shares its pin.
 */
void xen_guest_page_share(XenPageCache *cache, XenGuestPage *page,
                          const XenGuestPage *from);
/*
 * Makes a page that is set valid.  -EINVAL: there is no RAM.  May run
 * concurrently with any other function.
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

/* The address, or NULL if the page is stale or unset. */
static inline void *xen_guest_page_check(const XenGuestPage *page)
{
    return __atomic_load_n(&page->hva, __ATOMIC_ACQUIRE);
}

static inline bool xen_guest_page_is_stale(const XenGuestPage *page)
{
    return !xen_guest_page_check(page) && xen_guest_page_is_set(page);
}

#endif
