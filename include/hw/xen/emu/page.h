/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest page that the emulation reads and writes without locks
 *
 * The guest names a place in its memory (a vcpu_info, a FIFO control block,
 * a page of the event array); the emulation writes there whenever an event
 * comes, in any thread.  A XenGuestPage remembers where that place is in
 * QEMU's address space.  It is like Linux's pfn cache: `check` is a load,
 * `refresh` is the only function that sleeps.
 *
 * States: unset (gpa is XEN_GPA_NONE) -> set, stale (hva NULL) <-> set, valid.
 *
 * Who may do what:
 *   check       any thread; the owner says which lock keeps the result valid
 *               while it is used (the engine: the lock of the vCPU whose
 *               event is being delivered; invalidation takes that lock too).
 *   the rest    slow: owner's configuration lock, may sleep.
 *
 * The memory behind `hva` is pinned by the provider (XenGuestPageOps) until
 * release, so that a writer which raced with an invalidation writes to memory
 * that still exists.
 */
#ifndef HW_XEN_EMU_PAGE_H
#define HW_XEN_EMU_PAGE_H

#include <stdint.h>
#include <stddef.h>
#include <stdbool.h>

#define XEN_GPA_NONE    UINT64_MAX

typedef struct XenGuestPage {
    void *hva;          /* NULL: stale or unset.  Written with the lock above */
    uint64_t gpa;       /* guest physical address of the first byte */
    uint32_t len;       /* bytes; never crosses a page boundary */
    bool fixed;         /* points into an overlay page: never goes stale */
    void *pin;          /* provider's reference on the memory */
} XenGuestPage;

typedef struct XenGuestPageOps {
    /*
     * Finds RAM that holds guest physical [gpa, gpa + len), pins it in *pin
     * and returns its address, or NULL where there is no such RAM.  Never
     * called with a fast lock held; may sleep; must not take the BQL.
     */
    void *(*pin)(void *opaque, uint64_t gpa, uint32_t len, void **pin);
    /* Drops what pin returned; @gpa range may have been written (dirty). */
    void (*unpin)(void *opaque, uint64_t gpa, uint32_t len, void *pin);
} XenGuestPageOps;

static inline void xen_guest_page_init(XenGuestPage *page)
{
    *page = (XenGuestPage) { .gpa = XEN_GPA_NONE };
}

static inline bool xen_guest_page_is_set(const XenGuestPage *page)
{
    return page->gpa != XEN_GPA_NONE || page->fixed;
}

static inline void *xen_guest_page_check(const XenGuestPage *page)
{
    return __atomic_load_n(&page->hva, __ATOMIC_ACQUIRE);
}

static inline bool xen_guest_page_overlaps(const XenGuestPage *page,
                                           uint64_t gpa, uint64_t len)
{
    /* gpa + len may be 2^64 */
    return page->gpa != XEN_GPA_NONE &&
           (page->gpa >= gpa ? page->gpa - gpa < len
                             : gpa - page->gpa < page->len && len);
}

#endif
