/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Migration: restores what xen_evtchn_port_info() and the xen_evtchn_fifo_*
 * functions returned.  Pending and mask bits are part of guest memory.
 */
#include "close.h"
#include "fifo-setup.h"
#include "lock.h"
#include "notify.h"
#include "parked.h"
#include "port.h"

/* Closes all ports.  Guest memory, which may be the new one, is not written. */
static void evtchn_forget_all(XenEvtchn *e)
{
    GHashTableIter iter;
    gpointer be;

    evtchn_fifo_teardown(e);
    evtchn_for_each_used(e, port) {
        XenEvtchnPort *p = evtchn_make_port(e, port);

        if (evtchn_state(p).type != EVTCHNSTAT_closed) {
            evtchn_close_port(e, port, p, false);
        }
    }
    evtchn_free_all_closing(e);

    /* The numbers of back ends are those of the incoming guest. */
    g_hash_table_iter_init(&iter, e->backends);
    while (g_hash_table_iter_next(&iter, NULL, &be)) {
        xen_idmap_release(&e->used_be_ports,
                          xen_evtchn_backend_port(be));
        __atomic_store_n(&((XenEvtchnBackend *)be)->port, 0,
                         __ATOMIC_RELEASE);
        g_hash_table_iter_remove(&iter);
    }
}

void xen_evtchn_restore_begin(XenEvtchn *e)
{
    evtchn_lock_config(e);
    evtchn_forget_all(e);
    evtchn_unlock_config(e);
}

/* Where the engine keeps the port of a VIRQ or PIRQ; NULL for other types. */
static uint32_t *evtchn_binding_slot(XenEvtchn *e,
                                     const XenEvtchnPortInfo *info)
{
    if (info->type == EVTCHNSTAT_virq) {
        unsigned vcpu = evtchn_virq_is_global(info->val) ? 0 : info->vcpu;

        return &e->vcpus[vcpu].virq_port[info->val];
    }
    return info->type == EVTCHNSTAT_pirq ? &e->pirq_port[info->val] : NULL;
}

static bool evtchn_info_is_sane(XenEvtchn *e, const XenEvtchnPortInfo *info)
{
    if (!info->port || info->port >= EVTCHN_MAX_PORTS ||
        info->vcpu >= e->max_vcpus || info->queue_vcpu >= e->max_vcpus ||
        info->priority >= EVTCHN_NR_QUEUES ||
        info->queue_priority >= EVTCHN_NR_QUEUES) {
        return false;
    }
    if (info->to_backend && info->type != EVTCHNSTAT_unbound &&
        info->type != EVTCHNSTAT_interdomain) {
        return false;
    }
    switch (info->type) {
    case EVTCHNSTAT_unbound:
        return info->to_backend ? !info->val
                                : info->val <= UINT16_MAX &&
                                  info->val != e->domid;
    case EVTCHNSTAT_interdomain:
        return info->to_backend
               ? info->val && info->val < EVTCHN_MAX_BE_PORTS &&
                 !xen_idmap_is_used(&e->used_be_ports, info->val)
               : info->val && info->val < EVTCHN_MAX_PORTS &&
                 info->val != info->port;
    case EVTCHNSTAT_pirq:
        return info->val < e->max_pirqs && !*evtchn_binding_slot(e, info);
    case EVTCHNSTAT_virq:
        return info->val < XEN_EVTCHN_NR_VIRQS &&
               !*evtchn_binding_slot(e, info);
    case EVTCHNSTAT_ipi:
        return !info->val;
    default:
        return false;
    }
}

int xen_evtchn_restore_port(XenEvtchn *e, const XenEvtchnPortInfo *info)
{
    XenEvtchnHeld held;
    XenEvtchnPort *p;
    uint32_t *slot;
    int ret = 0;

    evtchn_lock_config(e);
    if (!evtchn_info_is_sane(e, info)) {
        ret = -EINVAL;
        goto out;
    }
    p = evtchn_make_port(e, info->port);
    if (evtchn_state(p).type != EVTCHNSTAT_closed) {
        ret = -EEXIST;
        goto out;
    }
    xen_idmap_take(&e->used_ports, info->port);
    if (info->type == EVTCHNSTAT_interdomain && info->to_backend) {
        xen_idmap_take(&e->used_be_ports, info->val);
    }
    slot = evtchn_binding_slot(e, info);
    if (slot) {
        __atomic_store_n(slot, info->port, __ATOMIC_RELEASE);
    }

    evtchn_lock_all_vcpus(e);
    held.v = &e->vcpus[info->vcpu];
    evtchn_set_route(p, (XenEvtchnRoute) {
                         .vcpu = info->vcpu,
                         .priority = info->priority,
                         .queue_vcpu = info->queue_vcpu,
                         .queue_priority = info->queue_priority });
    evtchn_set_state(p, (XenEvtchnState) {
                         .type = info->type,
                         .to_backend = info->to_backend,
                         .val = info->val });
    if (info->parked) {
        evtchn_park(e, &held, p, EVTCHN_RAISE);
    }
    if (info->parked_unmask) {
        evtchn_park(e, &held, p, EVTCHN_UNMASK);
    }
    evtchn_unlock_all_vcpus(e);
out:
    evtchn_unlock_config(e);
    return ret;
}

static bool evtchn_restored_is_whole(XenEvtchn *e)
{
    evtchn_for_each_used(e, port) {
        XenEvtchnPort *p = evtchn_make_port(e, port);

        if (evtchn_state(p).type == EVTCHNSTAT_closed) {
            continue;
        }
        if (port >= e->port_limit ||
            (evtchn_state(p).type == EVTCHNSTAT_interdomain &&
             !evtchn_state(p).to_backend &&
             !evtchn_pair_is_whole(e, port, p))) {
            return false;
        }
    }
    return true;
}

static bool evtchn_tail_is_right(XenEvtchn *e, const XenEvtchnVcpu *v,
                                 unsigned priority)
{
    XenEvtchnRoute r = evtchn_route(evtchn_make_port(e, v->tail[priority]));

    return r.queue_vcpu == v->index && r.queue_priority == priority;
}

/* Closed ports are not saved, but may still be the tail of a queue. */
static void evtchn_route_closed_tail(XenEvtchn *e, const XenEvtchnVcpu *v,
                                     unsigned priority)
{
    XenEvtchnPort *p = evtchn_make_port(e, v->tail[priority]);
    XenEvtchnRoute r = evtchn_route(p);

    if (evtchn_state(p).type == EVTCHNSTAT_closed) {
        evtchn_lock_all_vcpus(e);
        r.queue_vcpu = v->index;
        r.queue_priority = priority;
        evtchn_set_route(p, r);
        evtchn_unlock_all_vcpus(e);
    }
}

/*
 * Checks that the tail of each queue is a port whose route names that queue;
 * otherwise the tail would not be cleared when the port is linked on another.
 */
static bool evtchn_restore_tails(XenEvtchn *e)
{
    bool right = true;

    for (unsigned check = 0; check < 2; check++) {
        evtchn_for_each_vcpu(e, v) {
            for (unsigned q = 0; q < EVTCHN_NR_QUEUES; q++) {
                if (!v->tail[q]) {
                    continue;
                }
                if (check) {
                    right &= e->abi == &evtchn_abi_fifo &&
                             evtchn_tail_is_right(e, v, q);
                } else {
                    evtchn_route_closed_tail(e, v, q);
                }
            }
        }
    }
    return right;
}

int xen_evtchn_restore_finish(XenEvtchn *e)
{
    XenEvtchnBatch batch = { 0 };
    bool whole;

    evtchn_lock_config(e);
    whole = evtchn_restored_is_whole(e) && evtchn_restore_tails(e);
    if (whole) {
        evtchn_for_each_used(e, port) {
            XenEvtchnPort *p = evtchn_open_port(e, port);

            if (p) {
                evtchn_report_port(e, port, p, evtchn_state(p).type);
            }
        }
        evtchn_replay_parked(e, &batch);
    } else {
        evtchn_forget_all(e);
    }
    evtchn_unlock_config(e);
    evtchn_finish_batch(e, &batch);
    return whole ? 0 : -EINVAL;
}
