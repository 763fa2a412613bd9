/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Life of the event-channel engine, its layout and delivery mode. */
#include <stdlib.h>
#include "state.h"
#include "abi.h"
#include "fifo-setup.h"
#include "lock.h"
#include "notify.h"
#include "pages.h"
#include "parked.h"

static void *evtchn_alloc_lines(size_t n, size_t size)
{
    void *mem = aligned_alloc(EVTCHN_CACHE_LINE, n * size);

    if (!mem) {
        g_error("%s: cannot allocate %zu bytes", __func__, n * size);
    }
    return memset(mem, 0, n * size);
}

XenEvtchn *xen_evtchn_new(unsigned max_vcpus, unsigned max_pirqs,
                          uint16_t domid, XenPageCache *pages,
                          const XenEvtchnOps *ops, void *opaque)
{
    XenEvtchn *e;

    g_assert(max_vcpus > 0 && max_vcpus <= XEN_EVTCHN_MAX_VCPUS);

    e = evtchn_alloc_lines(1, sizeof(*e));
    e->pages = pages;
    e->ops = ops;
    e->opaque = opaque;
    e->max_vcpus = max_vcpus;
    e->max_pirqs = max_pirqs;
    e->domid = domid;
    e->pirq_port = g_new0(uint32_t, max_pirqs);
    e->vcpus = evtchn_alloc_lines(max_vcpus, sizeof(*e->vcpus));
    e->pollers = evtchn_alloc_lines(max_vcpus, sizeof(*e->pollers));
    for (unsigned i = 0; i < max_vcpus; i++) {
        XenEvtchnVcpu *v = &e->vcpus[i];

        pthread_mutex_init(&v->lock, NULL);
        v->index = i;
        evtchn_page_init_vcpu(&v->info, v);
        evtchn_page_init_vcpu(&v->control, v);
        pthread_mutex_init(&e->pollers[i].lock, NULL);
    }
    for (unsigned i = 0; i < EVTCHN_MAX_ARRAY_PAGES; i++) {
        evtchn_page_init_array(&e->array[i], e);
    }
    pthread_mutex_init(&e->config, NULL);
    xen_idmap_init(&e->used_ports, EVTCHN_MAX_PORTS);
    xen_idmap_take(&e->used_ports, 0);
    xen_idmap_init(&e->used_be_ports, EVTCHN_MAX_BE_PORTS);
    xen_idmap_take(&e->used_be_ports, 0);
    e->backends = g_hash_table_new(NULL, NULL);
    e->nr_valid = EVTCHN_BUCKET_PORTS;
    e->fifo_allowed = true;
    evtchn_set_abi(e, &evtchn_abi_2l, &xen_guest_layout[1]);
    return e;
}

unsigned xen_evtchn_max_vcpus(const XenEvtchn *e)
{
    return e->max_vcpus;
}

void xen_evtchn_free(XenEvtchn *e)
{
    evtchn_for_each_vcpu(e, v) {
        evtchn_page_set_fixed(e, &v->info, NULL, 0);
    }
    evtchn_fifo_teardown(e);
    for (unsigned i = 0; i < e->nr_valid / EVTCHN_BUCKET_PORTS; i++) {
        g_free(e->buckets[i]);
    }
    for (unsigned i = 0; i < e->max_vcpus; i++) {
        pthread_mutex_destroy(&e->vcpus[i].lock);
        pthread_mutex_destroy(&e->pollers[i].lock);
    }
    pthread_mutex_destroy(&e->config);
    xen_idmap_destroy(&e->used_ports);
    xen_idmap_destroy(&e->used_be_ports);
    g_hash_table_destroy(e->backends);
    g_free(e->pirq_port);
    free(e->vcpus);
    free(e->pollers);
    free(e);
}

void xen_evtchn_set_shared_info(XenEvtchn *e, void *shared_info)
{
    XenEvtchnBatch batch = { 0 };

    evtchn_lock_config(e);
    evtchn_lock_all_vcpus(e);
    e->shared_info = shared_info;
    evtchn_unlock_all_vcpus(e);
    evtchn_replay_parked(e, &batch);
    evtchn_unlock_config(e);
    evtchn_finish_batch(e, &batch);
}

void xen_evtchn_set_long_mode(XenEvtchn *e, bool long_mode)
{
    XenEvtchnBatch batch = { 0 };

    evtchn_lock_config(e);
    evtchn_lock_all_vcpus(e);
    evtchn_set_abi(e, e->abi, &xen_guest_layout[long_mode]);
    evtchn_unlock_all_vcpus(e);
    evtchn_replay_parked(e, &batch);
    evtchn_unlock_config(e);
    evtchn_finish_batch(e, &batch);
}

void xen_evtchn_set_kernel_delivery(XenEvtchn *e, bool on)
{
    g_assert(!on || e->ops->kernel_deliver);

    evtchn_lock_config(e);
    evtchn_lock_all_vcpus(e);
    e->kernel_delivery = on;
    evtchn_unlock_all_vcpus(e);
    evtchn_unlock_config(e);
}

void xen_evtchn_allow_fifo(XenEvtchn *e, bool allow)
{
    evtchn_lock_config(e);
    e->fifo_allowed = allow;
    evtchn_unlock_config(e);
}

XenEvtchnAbi xen_evtchn_abi(XenEvtchn *e)
{
    XenEvtchnAbi abi;

    evtchn_lock_config(e);
    abi = e->abi->abi;
    evtchn_unlock_config(e);
    return abi;
}
