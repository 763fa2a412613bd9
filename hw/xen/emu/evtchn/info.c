/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inspection: for QMP, and for saving the state. */
#include "state.h"
#include "abi.h"
#include "lock.h"
#include "pages.h"
#include "port.h"

uint32_t xen_evtchn_nr_ports(XenEvtchn *e)
{
    uint32_t end;

    evtchn_lock_config(e);
    end = xen_idmap_end(&e->used_ports);
    /* Closed ports that are still linked also count as used. */
    while (end > 1 && !evtchn_open_port(e, end - 1)) {
        end--;
    }
    evtchn_unlock_config(e);
    return end > 1 ? end : 0;
}

bool xen_evtchn_port_info(XenEvtchn *e, uint32_t port,
                          XenEvtchnPortInfo *info)
{
    XenEvtchnPage *stale = NULL;
    XenEvtchnHeld held;
    XenEvtchnPort *p;
    uint32_t word;

    *info = (XenEvtchnPortInfo) { .port = port, .type = EVTCHNSTAT_closed };

    evtchn_lock_config(e);
    p = evtchn_open_port(e, port);
    if (p) {
        e->abi->peek(e, port, &stale);
        if (stale) {
            evtchn_page_refresh(e, stale);
        }
        evtchn_fill_info(p, port, info);
        evtchn_lock_settled_port(e, p, &held);
        word = e->abi->peek(e, port, &stale);
        evtchn_unlock_port(&held);
        info->pending = word & EVTCHN_PENDING;
        info->masked = word & EVTCHN_MASKED;
        info->linked = word & EVTCHN_LINKED;
        info->busy = word & EVTCHN_BUSY;
    }
    evtchn_unlock_config(e);
    return p != NULL;
}

void xen_evtchn_stats(XenEvtchn *e, unsigned vcpu, XenEvtchnStats *stats)
{
    XenEvtchnVcpu *v = &e->vcpus[vcpu];

    g_assert(vcpu < e->max_vcpus);
    evtchn_lock_vcpu(v);
    memcpy(stats, v->stats, sizeof(v->stats));
    evtchn_unlock_vcpu(v);
}

XenEvtchnStats xen_evtchn_stats_sum(const XenEvtchnStats *stats)
{
    XenEvtchnStats sum = { 0 };
    uint64_t *total = (uint64_t *)&sum;

    for (unsigned kind = 0; kind < XEN_EVTCHN_NR_KINDS; kind++) {
        const uint64_t *count = (const uint64_t *)&stats[kind];

        for (unsigned i = 0; i < sizeof(sum) / sizeof(*total); i++) {
            total[i] += count[i];
        }
    }
    return sum;
}
