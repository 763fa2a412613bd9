/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The grant table's entries, and who uses them
 */
#include <assert.h>
#include <pthread.h>
#include <string.h>
#include <glib.h>
#include "entries.h"

#define ENTRIES_PER_PAGE    (4096 / sizeof(grant_entry_v1_t))

/* The guest and we change an entry by compare-and-swap, all of it at once. */
G_STATIC_ASSERT(sizeof(grant_entry_v1_t) == sizeof(uint64_t));

typedef union Entry {
    grant_entry_v1_t v1;
    uint64_t raw;
} Entry;

/* What is remembered of an entry in use. */
typedef struct Users {
    uint32_t gfn;
    uint16_t readers, writers;
} Users;

struct XenGrantEntries {
    pthread_mutex_t lock;       /* guards all below but the guest's table */
    pthread_cond_t no_brief;
    grant_entry_v1_t *table;
    Users *users;               /* [max]; zeroed pages until they are used */
    uint8_t *touched;           /* [pages of table], atomic */
    uint32_t max, count;
    uint32_t generation;        /* atomic for readers without the lock */
    uint32_t nr_brief;
};

XenGrantEntries *xen_grant_entries;

XenGrantEntries *xen_grant_entries_new(grant_entry_v1_t *table, uint32_t max)
{
    XenGrantEntries *e = g_new0(XenGrantEntries, 1);

    pthread_mutex_init(&e->lock, NULL);
    pthread_cond_init(&e->no_brief, NULL);
    e->table = table;
    e->max = max;
    e->users = g_new0(Users, max);
    e->touched = g_new0(uint8_t, max / ENTRIES_PER_PAGE);
    return e;
}

void xen_grant_entries_free(XenGrantEntries *e)
{
    for (uint32_t ref = 0; ref < e->max; ref++) {
        assert(!e->users[ref].readers && !e->users[ref].writers);
    }
    pthread_mutex_destroy(&e->lock);
    pthread_cond_destroy(&e->no_brief);
    g_free(e->users);
    g_free(e->touched);
    g_free(e);
}

void xen_grant_entries_set_count(XenGrantEntries *e, uint32_t nr)
{
    assert(nr <= e->max);
    pthread_mutex_lock(&e->lock);
    e->count = nr;
    pthread_mutex_unlock(&e->lock);
}

static void touch(XenGrantEntries *e, uint32_t ref)
{
    __atomic_store_n(&e->touched[ref / ENTRIES_PER_PAGE], 1, __ATOMIC_RELEASE);
}

static bool permits(const grant_entry_v1_t *v1, domid_t domid, bool write)
{
    uint16_t must_be_clear = GTF_sub_page | (write ? GTF_readonly : 0);

    return (v1->flags & GTF_type_mask) == GTF_permit_access &&
           !(v1->flags & must_be_clear) && v1->domid == domid;
}

/*
 * Sets the flags of a use in the guest's entry, if the entry permits it.  One
 * compare-and-swap over flags, domain and frame: what was checked is what was
 * marked.
 */
static bool mark(XenGrantEntries *e, uint32_t ref, domid_t domid, bool write,
                 uint32_t *gfn)
{
    uint64_t *word = (uint64_t *)&e->table[ref];

    for (unsigned i = 0; i < XEN_GRANT_MAX_TRIES; i++) {
        Entry old = { .raw = __atomic_load_n(word, __ATOMIC_RELAXED) };
        Entry new = old;

        if (!permits(&old.v1, domid, write)) {
            return false;
        }
        new.v1.flags |= GTF_reading | (write ? GTF_writing : 0);
        if (__atomic_compare_exchange_n(word, &old.raw, new.raw, false,
                                        __ATOMIC_SEQ_CST, __ATOMIC_RELAXED)) {
            touch(e, ref);
            *gfn = old.v1.frame;
            return true;
        }
    }
    return false;
}

static void unmark(XenGrantEntries *e, uint32_t ref, uint16_t flags)
{
    /* The data is in place before the guest may take the page back. */
    __atomic_fetch_and(&e->table[ref].flags, (uint16_t)~flags,
                       __ATOMIC_SEQ_CST);
    touch(e, ref);
}

static int16_t hold_locked(XenGrantEntries *e, uint32_t ref, domid_t domid,
                           bool write, XenGrantHold *hold)
{
    Users *u;
    uint32_t gfn;

    if (ref >= e->count) {
        return GNTST_bad_gntref;
    }
    u = &e->users[ref];
    if ((write ? u->writers : u->readers) == UINT16_MAX) {
        return GNTST_general_error;
    }
    /* The first to read, and the first to write, ask the guest's entry. */
    if (!u->writers && (write || !u->readers)) {
        if (!mark(e, ref, domid, write, &gfn)) {
            return GNTST_general_error;
        }
        if (!u->readers) {
            u->gfn = gfn;
        }
    }
    if (write) {
        u->writers++;
    } else {
        u->readers++;
    }
    *hold = (XenGrantHold) {
        .ref = ref, .generation = e->generation, .gfn = u->gfn, .write = write,
    };
    return GNTST_okay;
}

int16_t xen_grant_hold(XenGrantEntries *e, uint32_t ref, domid_t domid,
                       bool write, bool brief, XenGrantHold *hold)
{
    int16_t status;

    pthread_mutex_lock(&e->lock);
    status = hold_locked(e, ref, domid, write, hold);
    if (status == GNTST_okay) {
        hold->brief = brief;
        e->nr_brief += brief;
    }
    pthread_mutex_unlock(&e->lock);
    return status;
}

static void release_locked(XenGrantEntries *e, const XenGrantHold *hold)
{
    Users *u = &e->users[hold->ref];
    uint16_t flags = 0;

    if (hold->write) {
        assert(u->writers);
        if (--u->writers == 0) {
            flags |= GTF_writing;
        }
    } else {
        assert(u->readers);
        u->readers--;
    }
    if (!u->readers && !u->writers) {
        flags |= GTF_reading;
    }
    if (flags) {
        unmark(e, hold->ref, flags);
    }
}

void xen_grant_release(XenGrantEntries *e, const XenGrantHold *hold)
{
    pthread_mutex_lock(&e->lock);
    if (hold->generation == e->generation) {
        release_locked(e, hold);
    }
    if (hold->brief && --e->nr_brief == 0) {
        pthread_cond_broadcast(&e->no_brief);
    }
    pthread_mutex_unlock(&e->lock);
}

bool xen_grant_hold_is_current(XenGrantEntries *e, const XenGrantHold *hold)
{
    return hold->generation == __atomic_load_n(&e->generation,
                                               __ATOMIC_ACQUIRE);
}

void xen_grant_entries_reset(XenGrantEntries *e)
{
    pthread_mutex_lock(&e->lock);
    /*
     * First the count: a copy that comes while we wait must not find an entry,
     * or we might wait for ever.
     */
    e->count = 0;
    while (e->nr_brief) {
        pthread_cond_wait(&e->no_brief, &e->lock);
    }
    __atomic_store_n(&e->generation, e->generation + 1, __ATOMIC_RELEASE);
    memset(e->users, 0, e->max * sizeof(Users));
    memset(e->table, 0, e->max * sizeof(grant_entry_v1_t));
    memset(e->touched, 1, e->max / ENTRIES_PER_PAGE);
    pthread_mutex_unlock(&e->lock);
}

bool xen_grant_entries_test_and_clear_touched(XenGrantEntries *e,
                                              uint32_t first)
{
    return __atomic_exchange_n(&e->touched[first / ENTRIES_PER_PAGE], 0,
                               __ATOMIC_ACQ_REL);
}
