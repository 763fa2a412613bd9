/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Grants: QEMU's gnttab_backend_ops
 *
 * What back ends use that also run on Xen.  A handle is a list of mappings,
 * which it ends when it is closed.  Like upstream's emulation it maps one frame
 * at a time, and says so by its features.
 */
#include "qemu/osdep.h"
#include "qemu/lockable.h"
#include "qemu/queue.h"
#include "qemu/thread.h"
#include "qapi/error.h"
#include "hw/xen/xen_backend_ops.h"
#include "internal.h"

typedef struct HandleMap {
    QLIST_ENTRY(HandleMap) next;
    XenGrantMap *map;
    void *address;              /* that the back end has */
    uint32_t ref;
} HandleMap;

struct xengntdev_handle {
    QemuMutex lock;             /* guards maps */
    QLIST_HEAD(, HandleMap) maps;
};

static struct xengntdev_handle *handle_open(void)
{
    struct xengntdev_handle *h = g_new0(struct xengntdev_handle, 1);

    qemu_mutex_init(&h->lock);
    return h;
}

static void end_map(HandleMap *m)
{
    QLIST_REMOVE(m, next);
    xen_grant_unmap(m->map);
    g_free(m);
}

static int handle_close(struct xengntdev_handle *h)
{
    while (!QLIST_EMPTY(&h->maps)) {
        end_map(QLIST_FIRST(&h->maps));
    }
    qemu_mutex_destroy(&h->lock);
    g_free(h);
    return 0;
}

/* XEN_GRANT_MAX_USERS of an entry is all the limit that there is. */
static int handle_set_max_grants(struct xengntdev_handle *h,
                                 uint32_t nr_grants)
{
    return 0;
}

static void *handle_map(struct xengntdev_handle *h, uint32_t count,
                        uint32_t domid, uint32_t *refs, int prot)
{
    XenGrantMap *map = NULL;
    HandleMap *m;

    if (count == 1) {
        map = xen_grant_map(domid, refs, 1, prot & PROT_WRITE, NULL);
    }
    if (!map) {
        errno = EINVAL;
        return NULL;
    }
    m = g_new(HandleMap, 1);
    *m = (HandleMap) {
        .map = map, .address = xen_grant_map_page(map, 0), .ref = refs[0],
    };
    QEMU_LOCK_GUARD(&h->lock);
    QLIST_INSERT_HEAD(&h->maps, m, next);
    return m->address;
}

/* 0, or -1 with errno, as the library for Xen proper has it. */
static int handle_unmap(struct xengntdev_handle *h, void *start_address,
                        uint32_t *refs, uint32_t count)
{
    HandleMap *m;

    QEMU_LOCK_GUARD(&h->lock);
    QLIST_FOREACH(m, &h->maps, next) {
        if (count == 1 && m->address == start_address && m->ref == refs[0]) {
            end_map(m);
            return 0;
        }
    }
    errno = EINVAL;
    return -1;
}

static int copy_segment(bool to_domain, uint32_t domid,
                        const XenGrantCopySegment *s, Error **errp)
{
    uint32_t ref = to_domain ? s->dest.foreign.ref : s->source.foreign.ref;
    off_t offset = to_domain ? s->dest.foreign.offset
                             : s->source.foreign.offset;
    int16_t status = GNTST_bad_copy_arg;

    /* What does not fit the fields cannot fit the page. */
    if (offset >= 0 && offset <= XEN_GRANT_PAGE_SIZE &&
        s->len <= XEN_GRANT_PAGE_SIZE) {
        XenGrantSeg seg = {
            .ref = ref, .offset = offset, .len = s->len,
            .to_guest = to_domain,
            .data = to_domain ? s->source.virt : s->dest.virt,
        };

        status = xen_grant_copy(domid, &seg, 1);
    }
    if (status == GNTST_okay) {
        return 0;
    }
    error_setg(errp, "copy %s grant %" PRIu32 " failed: %s",
               to_domain ? "to" : "from", ref, xen_grant_strstatus(status));
    return -EINVAL;
}

/* The first failure ends it. */
static int handle_copy(struct xengntdev_handle *h, bool to_domain,
                       uint32_t domid, XenGrantCopySegment *segs,
                       uint32_t nr_segs, Error **errp)
{
    for (uint32_t i = 0; i < nr_segs; i++) {
        int ret = copy_segment(to_domain, domid, &segs[i], errp);

        if (ret) {
            return ret;
        }
    }
    return 0;
}

void xen_grant_register_backend_ops(void)
{
    static struct gnttab_backend_ops ops = {
        .open = handle_open,
        .close = handle_close,
        .set_max_grants = handle_set_max_grants,
        .map_refs = handle_map,
        .unmap = handle_unmap,
        .grant_copy = handle_copy,
    };

    xen_gnttab_ops = &ops;
}
