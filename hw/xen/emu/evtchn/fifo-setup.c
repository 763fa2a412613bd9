/* SPDX-License-Identifier: GPL-2.0-or-later */
/* FIFO ABI: control blocks, event array, switching to it and back. */
#include "fifo-setup.h"
#include "abi.h"
#include "lock.h"
#include "notify.h"
#include "pages.h"
#include "parked.h"
#include "port.h"

#define CONTROL_BLOCK_LEN   sizeof(struct evtchn_fifo_control_block)

/* All vCPU locks are held. */
static void evtchn_fifo_switch_on(XenEvtchn *e)
{
    evtchn_for_each_used(e, port) {
        XenEvtchnPort *p = evtchn_open_port(e, port);
        XenEvtchnHeld held;
        XenEvtchnRoute r;

        if (!p) {
            continue;
        }
        r = evtchn_route(p);
        held.v = &e->vcpus[r.vcpu];
        held.q = held.v;
        r.priority = EVTCHN_FIFO_PRIORITY_DEFAULT;
        r.queue_priority = EVTCHN_FIFO_PRIORITY_DEFAULT;
        r.queue_vcpu = r.vcpu;
        evtchn_set_route(p, r);
        /*
         * There is no event array yet, so what is pending is parked until
         * there is.  Another vCPU may be in its 2-level handler: the event goes
         * to that handler or to the array, never to both.
         */
        if (e->abi->clear_pending(e, port)) {
            evtchn_park(e, &held, p, EVTCHN_RAISE);
        }
    }
    evtchn_set_abi(e, &evtchn_abi_fifo, e->layout);
}

static bool evtchn_control_offset_ok(uint32_t offset)
{
    return offset <= XEN_EMU_PAGE_SIZE - CONTROL_BLOCK_LEN && offset % 8 == 0;
}

/* XEN_GPA_NONE if the address would not fit in 64 bits. */
static uint64_t evtchn_gfn_to_gpa(uint64_t gfn)
{
    return gfn > UINT64_MAX >> XEN_EMU_PAGE_SHIFT ? XEN_GPA_NONE
                                                  : gfn << XEN_EMU_PAGE_SHIFT;
}

int xen_evtchn_init_control(XenEvtchn *e, struct evtchn_init_control *op)
{
    XenEvtchnBatch batch = { 0 };
    uint64_t gpa = evtchn_gfn_to_gpa(op->control_gfn);
    XenEvtchnVcpu *v;
    int ret;

    evtchn_lock_config(e);
    if (!e->fifo_allowed) {
        ret = -ENOSYS;
        goto out;
    }
    op->link_bits = EVTCHN_FIFO_LINK_BITS;
    if (!evtchn_vcpu_exists(e, op->vcpu)) {
        ret = -ENOENT;
        goto out;
    }
    v = &e->vcpus[op->vcpu];
    if (!evtchn_control_offset_ok(op->offset) || gpa == XEN_GPA_NONE ||
        xen_guest_page_is_set(&v->control.page)) {
        ret = -EINVAL;
        goto out;
    }
    ret = evtchn_page_set(e, &v->control, gpa + op->offset,
                          CONTROL_BLOCK_LEN);
    if (ret == 0) {
        if (e->abi != &evtchn_abi_fifo) {
            evtchn_lock_all_vcpus(e);
            evtchn_fifo_switch_on(e);
            evtchn_unlock_all_vcpus(e);
        }
        evtchn_replay_parked(e, &batch);
    }
out:
    evtchn_unlock_config(e);
    evtchn_finish_batch(e, &batch);
    return ret;
}

int xen_evtchn_expand_array(XenEvtchn *e, const struct evtchn_expand_array *op)
{
    XenEvtchnBatch batch = { 0 };
    uint64_t gpa = evtchn_gfn_to_gpa(op->array_gfn);
    int ret;

    evtchn_lock_config(e);
    if (!e->fifo_allowed) {
        ret = -ENOSYS;
    } else if (e->abi != &evtchn_abi_fifo) {
        ret = -EOPNOTSUPP;
    } else if (e->nr_array_pages == EVTCHN_MAX_ARRAY_PAGES) {
        ret = -ENOSPC;
    } else if (gpa == XEN_GPA_NONE) {
        ret = -EINVAL;
    } else {
        ret = evtchn_page_set(e, &e->array[e->nr_array_pages], gpa,
                              XEN_EMU_PAGE_SIZE);
    }
    if (ret == 0) {
        /* Senders use the page as soon as they see the number. */
        __atomic_store_n(&e->nr_array_pages, e->nr_array_pages + 1,
                         __ATOMIC_RELEASE);
        evtchn_replay_parked(e, &batch);
    }
    evtchn_unlock_config(e);
    evtchn_finish_batch(e, &batch);
    return ret;
}

void evtchn_fifo_teardown(XenEvtchn *e)
{
    uint32_t nr = e->nr_array_pages;

    evtchn_lock_all_vcpus(e);
    evtchn_set_abi(e, &evtchn_abi_2l, e->layout);
    __atomic_store_n(&e->nr_array_pages, 0, __ATOMIC_RELEASE);
    evtchn_for_each_vcpu(e, v) {
        memset(v->tail, 0, sizeof(v->tail));
    }
    evtchn_unlock_all_vcpus(e);

    evtchn_for_each_vcpu(e, v) {
        evtchn_page_set_fixed(e, &v->control, NULL, 0);
    }
    for (unsigned i = 0; i < nr; i++) {
        evtchn_page_set_fixed(e, &e->array[i], NULL, 0);
    }
}

/* -------------------------------------------------------- migration -- */

uint64_t xen_evtchn_fifo_control_gpa(XenEvtchn *e, unsigned vcpu)
{
    uint64_t gpa;

    g_assert(vcpu < e->max_vcpus);
    evtchn_lock_config(e);
    gpa = e->vcpus[vcpu].control.page.gpa;
    evtchn_unlock_config(e);
    return gpa;
}

unsigned xen_evtchn_fifo_nr_array_pages(XenEvtchn *e)
{
    return __atomic_load_n(&e->nr_array_pages, __ATOMIC_ACQUIRE);
}

uint64_t xen_evtchn_fifo_array_gfn(XenEvtchn *e, unsigned index)
{
    uint64_t gpa;

    g_assert(index < EVTCHN_MAX_ARRAY_PAGES);
    evtchn_lock_config(e);
    gpa = e->array[index].page.gpa;
    evtchn_unlock_config(e);
    return gpa == XEN_GPA_NONE ? gpa : gpa >> XEN_EMU_PAGE_SHIFT;
}

uint32_t xen_evtchn_fifo_tail(XenEvtchn *e, unsigned vcpu, unsigned priority)
{
    XenEvtchnVcpu *v = &e->vcpus[vcpu];
    uint32_t tail;

    g_assert(vcpu < e->max_vcpus && priority < EVTCHN_NR_QUEUES);
    evtchn_lock_vcpu(v);
    tail = v->tail[priority];
    evtchn_unlock_vcpu(v);
    return tail;
}

/* FIFO state in a stream means that the ABI was FIFO when it was saved. */
static void evtchn_restore_fifo_abi(XenEvtchn *e)
{
    if (e->abi != &evtchn_abi_fifo) {
        evtchn_lock_all_vcpus(e);
        evtchn_set_abi(e, &evtchn_abi_fifo, e->layout);
        evtchn_unlock_all_vcpus(e);
    }
}

int xen_evtchn_restore_fifo_control(XenEvtchn *e, unsigned vcpu, uint64_t gpa)
{
    int ret = -EINVAL;

    if (vcpu >= e->max_vcpus ||
        (gpa != XEN_GPA_NONE &&
         !evtchn_control_offset_ok(gpa % XEN_EMU_PAGE_SIZE))) {
        return -EINVAL;
    }
    evtchn_lock_config(e);
    if (!xen_guest_page_is_set(&e->vcpus[vcpu].control.page)) {
        if (gpa != XEN_GPA_NONE) {
            evtchn_page_set_stale(e, &e->vcpus[vcpu].control, gpa,
                                  CONTROL_BLOCK_LEN);
            evtchn_restore_fifo_abi(e);
        }
        ret = 0;
    }
    evtchn_unlock_config(e);
    return ret;
}

int xen_evtchn_restore_fifo_array(XenEvtchn *e, unsigned index, uint64_t gfn)
{
    uint64_t gpa = evtchn_gfn_to_gpa(gfn);
    int ret = -EINVAL;

    evtchn_lock_config(e);
    if (index == e->nr_array_pages && index < EVTCHN_MAX_ARRAY_PAGES &&
        gpa != XEN_GPA_NONE) {
        evtchn_page_set_stale(e, &e->array[index], gpa, XEN_EMU_PAGE_SIZE);
        __atomic_store_n(&e->nr_array_pages, index + 1, __ATOMIC_RELEASE);
        evtchn_restore_fifo_abi(e);
        ret = 0;
    }
    evtchn_unlock_config(e);
    return ret;
}

int xen_evtchn_restore_fifo_tail(XenEvtchn *e, unsigned vcpu,
                                 unsigned priority, uint32_t tail)
{
    if (vcpu >= e->max_vcpus || priority >= EVTCHN_NR_QUEUES ||
        tail >= EVTCHN_MAX_PORTS) {
        return -EINVAL;
    }
    evtchn_lock_vcpu(&e->vcpus[vcpu]);
    e->vcpus[vcpu].tail[priority] = tail;
    evtchn_unlock_vcpu(&e->vcpus[vcpu]);
    return 0;
}
