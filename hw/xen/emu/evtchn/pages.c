/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Guest pages: set, refresh, invalidate
 *
 * `pages_lock` orders refreshes against invalidations.  A refresh pins
 * without it, since that may sleep, and starts over if any invalidation came
 * in between; after a few times it pins with the lock held and so comes to an
 * end.  A vCPU's lock is taken only to change a page.
 */
#include "internal.h"

#define REFRESH_RETRIES     4

/* Returns with pages_lock held and a result that no invalidation outdates. */
static void *evtchn_pin_current(XenEvtchn *e, uint64_t gpa, uint32_t len,
                                void **pin)
{
    const XenGuestPageOps *ops = &e->ops->page;
    uint64_t before;
    void *hva;

    for (unsigned i = 0; i < REFRESH_RETRIES; i++) {
        pthread_mutex_lock(&e->pages_lock);
        before = e->invalidations;
        pthread_mutex_unlock(&e->pages_lock);

        *pin = NULL;
        hva = ops->pin(e->opaque, gpa, len, pin);

        pthread_mutex_lock(&e->pages_lock);
        if (before == e->invalidations) {
            return hva;
        }
        pthread_mutex_unlock(&e->pages_lock);
        if (hva) {
            ops->unpin(e->opaque, gpa, len, *pin);
        }
    }
    pthread_mutex_lock(&e->pages_lock);
    *pin = NULL;
    return ops->pin(e->opaque, gpa, len, pin);
}

static void evtchn_lock_page_users(XenEvtchn *e, const XenEvtchnPage *p)
{
    if (p->owner == EVTCHN_ALL_VCPUS) {
        evtchn_lock_all_vcpus(e);
    } else {
        evtchn_lock_vcpu(&e->vcpus[p->owner]);
    }
}

static void evtchn_unlock_page_users(XenEvtchn *e, const XenEvtchnPage *p)
{
    if (p->owner == EVTCHN_ALL_VCPUS) {
        evtchn_unlock_all_vcpus(e);
    } else {
        evtchn_unlock_vcpu(&e->vcpus[p->owner]);
    }
}

/* Puts @new in place under the locks of the page's users; gives the old. */
static XenGuestPage evtchn_page_swap(XenEvtchn *e, XenEvtchnPage *p,
                                     const XenGuestPage *new)
{
    XenGuestPage old;

    evtchn_lock_page_users(e, p);
    old = p->page;
    p->page.gpa = new->gpa;
    p->page.len = new->len;
    p->page.fixed = new->fixed;
    p->page.pin = new->pin;
    __atomic_store_n(&p->page.hva, new->hva, __ATOMIC_RELEASE);
    evtchn_unlock_page_users(e, p);
    return old;
}

static void evtchn_unpin(XenEvtchn *e, const XenGuestPage *old)
{
    if (old->hva && !old->fixed) {
        e->ops->page.unpin(e->opaque, old->gpa, old->len, old->pin);
    }
}

static void evtchn_page_replace(XenEvtchn *e, XenEvtchnPage *p,
                                const XenGuestPage *new)
{
    XenGuestPage old;

    pthread_mutex_lock(&e->pages_lock);
    old = evtchn_page_swap(e, p, new);
    pthread_mutex_unlock(&e->pages_lock);
    evtchn_unpin(e, &old);
}

int evtchn_page_set(XenEvtchn *e, XenEvtchnPage *p, uint64_t gpa,
                    uint32_t len)
{
    XenGuestPage new = { .gpa = gpa, .len = len }, old;

    new.hva = evtchn_pin_current(e, gpa, len, &new.pin);
    if (!new.hva) {
        pthread_mutex_unlock(&e->pages_lock);
        return -EINVAL;
    }
    old = evtchn_page_swap(e, p, &new);
    pthread_mutex_unlock(&e->pages_lock);
    evtchn_unpin(e, &old);
    return 0;
}

void evtchn_page_set_stale(XenEvtchn *e, XenEvtchnPage *p, uint64_t gpa,
                           uint32_t len)
{
    XenGuestPage new = { .gpa = gpa, .len = len };

    evtchn_page_replace(e, p, &new);
}

void evtchn_page_set_fixed(XenEvtchn *e, XenEvtchnPage *p, void *hva,
                           uint32_t len)
{
    XenGuestPage new = {
        .gpa = XEN_GPA_NONE, .hva = hva, .len = len, .fixed = hva != NULL,
    };

    evtchn_page_replace(e, p, &new);
}

int evtchn_page_refresh(XenEvtchn *e, XenEvtchnPage *p)
{
    /* Only we, with the configuration lock, change gpa and len. */
    if (!evtchn_page_is_stale(p)) {
        return 0;
    }
    return evtchn_page_set(e, p, p->page.gpa, p->page.len);
}

static unsigned evtchn_page_make_stale(XenEvtchn *e, XenEvtchnPage *p,
                                       uint64_t gpa, uint64_t len,
                                       GArray **unpin)
{
    XenGuestPage old = p->page;

    if (!xen_guest_page_overlaps(&p->page, gpa, len) || !old.hva) {
        return 0;
    }
    evtchn_lock_page_users(e, p);
    __atomic_store_n(&p->page.hva, NULL, __ATOMIC_RELEASE);
    evtchn_unlock_page_users(e, p);
    p->page.pin = NULL;
    if (!*unpin) {
        *unpin = g_array_new(FALSE, FALSE, sizeof(old));
    }
    g_array_append_val(*unpin, old);
    return 1;
}

unsigned xen_evtchn_invalidate(XenEvtchn *e, uint64_t gpa, uint64_t len)
{
    GArray *unpin = NULL;
    unsigned n = 0;

    pthread_mutex_lock(&e->pages_lock);
    e->invalidations++;
    for (unsigned i = 0; i < e->max_vcpus; i++) {
        XenEvtchnVcpu *v = &e->vcpus[i];

        n += evtchn_page_make_stale(e, &v->info, gpa, len, &unpin);
        n += evtchn_page_make_stale(e, &v->control, gpa, len, &unpin);
    }
    for (unsigned i = 0; i < EVTCHN_MAX_ARRAY_PAGES; i++) {
        n += evtchn_page_make_stale(e, &e->array[i], gpa, len, &unpin);
    }
    pthread_mutex_unlock(&e->pages_lock);

    if (unpin) {
        for (unsigned i = 0; i < unpin->len; i++) {
            evtchn_unpin(e, &g_array_index(unpin, XenGuestPage, i));
        }
        g_array_free(unpin, TRUE);
    }
    return n;
}
