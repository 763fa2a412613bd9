/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Grants: mapping
 *
 * A mapping is revoked when the domain ends.  Its memory stays referenced even
 * so until the back end unmaps: an address that a back end still has must not
 * point to memory that was freed.
 */
#include "qemu/osdep.h"
#include "qemu/lockable.h"
#include "qemu/queue.h"
#include "qemu/thread.h"
#include "hw/xen/xen.h"
#include "hw/xen/interface/xen.h"
#include "system/kvm_xen.h"
#include "internal.h"
#include "trace.h"

typedef struct MappedFrame {
    XenGrantHold hold;
    XenGrantRam ram;
} MappedFrame;

struct XenGrantMap {
    QLIST_ENTRY(XenGrantMap) next;
    bool write;
    void *nobody;               /* all frames once revoked, or NULL; atomic */
    unsigned nr;
    MappedFrame frame[];
};

/* Guards the list.  Held while frames are set dirty, never while sleeping. */
static QemuMutex maps_lock;
static QLIST_HEAD(, XenGrantMap) maps = QLIST_HEAD_INITIALIZER(maps);

void xen_grant_map_init(void)
{
    qemu_mutex_init(&maps_lock);
}

static int16_t map_frame(MappedFrame *f, uint32_t ref, bool write)
{
    int16_t status = xen_grant_hold(xen_grant_entries, ref, DOMID_QEMU, write,
                                    false, &f->hold);

    if (status == GNTST_okay && !xen_grant_ram_find(f->hold.gfn, &f->ram)) {
        xen_grant_release(xen_grant_entries, &f->hold);
        status = GNTST_bad_page;
    }
    if (status != GNTST_okay) {
        trace_xen_grant_map_failed(ref, write, status);
    }
    return status;
}

/* Before its hold ends: the guest may reuse the page then. */
static void set_frames_dirty(XenGrantMap *map)
{
    unsigned nr;

    if (!map->write || map->nobody) {
        return;
    }
    for (unsigned i = 0; i < map->nr; i += nr) {
        const XenGrantRam *first = &map->frame[i].ram;

        for (nr = 1; i + nr < map->nr; nr++) {
            const XenGrantRam *next = &map->frame[i + nr].ram;

            if (next->mr != first->mr ||
                next->hva != first->hva + nr * XEN_GRANT_PAGE_SIZE) {
                break;
            }
        }
        xen_grant_ram_written(first, 0, nr * XEN_GRANT_PAGE_SIZE);
    }
}

/* Of @map the first @nr. */
static void unmap_frames(XenGrantMap *map, unsigned nr)
{
    for (unsigned i = 0; i < nr; i++) {
        MappedFrame *f = &map->frame[i];

        xen_grant_release(xen_grant_entries, &f->hold);
        xen_grant_ram_unref(&f->ram);
    }
}

XenGrantMap *xen_grant_map(unsigned domid, const uint32_t *refs, unsigned nr,
                           bool write, int16_t *status)
{
    XenGrantMap *map;
    int16_t ret = GNTST_bad_domain;
    unsigned i;

    assert(nr >= 1 && nr <= XEN_GRANT_MAP_MAX);
    trace_xen_grant_map(nr, write);
    map = g_malloc0(sizeof(*map) + nr * sizeof(map->frame[0]));
    map->nr = nr;
    map->write = write;
    if (domid == xen_domid && xen_grant_entries) {
        /* Frames and list at once: a reset revokes all of it or none. */
        QEMU_LOCK_GUARD(&maps_lock);

        for (i = 0; i < nr; i++) {
            ret = map_frame(&map->frame[i], refs[i], write);
            if (ret != GNTST_okay) {
                break;
            }
        }
        if (ret == GNTST_okay) {
            QLIST_INSERT_HEAD(&maps, map, next);
        } else {
            unmap_frames(map, i);
        }
    }
    if (status) {
        *status = ret;
    }
    if (ret != GNTST_okay) {
        g_free(map);
        return NULL;
    }
    return map;
}

void *xen_grant_map_page(XenGrantMap *map, unsigned i)
{
    void *nobody = qatomic_load_acquire(&map->nobody);

    assert(i < map->nr);
    return nobody ? nobody + i * XEN_GRANT_PAGE_SIZE : map->frame[i].ram.hva;
}

void xen_grant_unmap(XenGrantMap *map)
{
    if (!map) {
        return;
    }
    WITH_QEMU_LOCK_GUARD(&maps_lock) {
        QLIST_REMOVE(map, next);
        set_frames_dirty(map);
        unmap_frames(map, map->nr);
    }
    g_free(map->nobody);
    g_free(map);
}

void xen_grant_end_domain(void)
{
    XenGrantMap *map;

    /* A mapping made meanwhile is of the next domain. */
    QEMU_LOCK_GUARD(&maps_lock);
    QLIST_FOREACH(map, &maps, next) {
        if (!map->nobody) {
            trace_xen_grant_map_revoked(map->frame[0].hold.ref, map->nr);
            set_frames_dirty(map);
            qatomic_store_release(&map->nobody,
                                  g_malloc0(map->nr * XEN_GRANT_PAGE_SIZE));
        }
    }
    xen_grant_entries_reset(xen_grant_entries);
}

void xen_grant_map_set_dirty(void)
{
    XenGrantMap *map;

    QEMU_LOCK_GUARD(&maps_lock);
    QLIST_FOREACH(map, &maps, next) {
        set_frames_dirty(map);
    }
}
