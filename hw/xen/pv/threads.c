/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PV devices: which thread handles which queue
 */
#include "qemu/osdep.h"
#include "qemu/main-loop.h"
#include "qapi/error.h"
#include "hw/virtio/iothread-vq-mapping.h"
#include "hw/xen/pv/threads.h"

/*
 * By address: upstream's cleanup looks iothreads up by their names, and a user
 * may have deleted the name meanwhile.
 */
static void note_used(XenPvThreads *t, IOThreadVirtQueueMappingList *mapping)
{
    for (; mapping; mapping = mapping->next) {
        g_ptr_array_add(t->used, iothread_by_id(mapping->value->iothread));
    }
}

bool xen_pv_threads_init(XenPvThreads *t, IOThread *iothread,
                         IOThreadVirtQueueMappingList *mapping,
                         unsigned nr_queues, Error **errp)
{
    AioContext *ctx = iothread ? iothread_get_aio_context(iothread) :
                                 qemu_get_aio_context();

    if (iothread && mapping) {
        error_setg(errp, "iothread and iothread-vq-mapping are mutually "
                   "exclusive");
        return false;
    }
    t->ctx = g_new(AioContext *, nr_queues);
    t->used = g_ptr_array_new_with_free_func((GDestroyNotify)object_unref);
    for (unsigned i = 0; i < nr_queues; i++) {
        t->ctx[i] = ctx;
    }
    if (!mapping) {
        return true;
    }
    /* This takes a reference of each. */
    if (!iothread_vq_mapping_apply(mapping, t->ctx, nr_queues, errp)) {
        return false;
    }
    note_used(t, mapping);
    return true;
}

void xen_pv_threads_cleanup(XenPvThreads *t)
{
    g_clear_pointer(&t->ctx, g_free);
    g_clear_pointer(&t->used, g_ptr_array_unref);
}
