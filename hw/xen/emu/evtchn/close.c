/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Closing one port or all ports. */
#include "close.h"
#include "abi.h"
#include "backend.h"
#include "fifo-setup.h"
#include "lock.h"
#include "pages.h"
#include "parked.h"
#include "port.h"

/*
 * How many ports a reset closes before it releases the configuration lock, so
 * that other threads wait microseconds for it and not until all are closed.
 */
#define RESET_CHUNK     512
#define RESET_PAUSE_US  50

/* The other end of a loop-back channel is unbound again. */
static void evtchn_detach_peer(XenEvtchn *e, uint32_t port,
                               const XenEvtchnPort *p)
{
    uint32_t number = evtchn_state(p).val;

    /* Not whole only while an invalid migration stream is loaded. */
    if (evtchn_pair_is_whole(e, port, p)) {
        XenEvtchnPort *peer = evtchn_make_port(e, number);

        evtchn_change_state(e, peer, (XenEvtchnState) {
                                .type = EVTCHNSTAT_unbound });
        evtchn_report_port(e, number, peer, EVTCHNSTAT_unbound);
    }
}

/* Removes all references to @p: by VIRQ, by PIRQ, and its peer's. */
static void evtchn_detach_port(XenEvtchn *e, uint32_t port, XenEvtchnPort *p)
{
    XenEvtchnState s = evtchn_state(p);

    switch (s.type) {
    case EVTCHNSTAT_virq: {
        unsigned vcpu = evtchn_virq_is_global(s.val) ? 0
                                                     : evtchn_route(p).vcpu;

        __atomic_store_n(&e->vcpus[vcpu].virq_port[s.val], 0,
                         __ATOMIC_RELEASE);
        break;
    }
    case EVTCHNSTAT_pirq:
        __atomic_store_n(&e->pirq_port[s.val], 0, __ATOMIC_RELEASE);
        break;
    case EVTCHNSTAT_interdomain:
        if (s.to_backend) {
            evtchn_backend_disconnect(e, p);
        } else {
            evtchn_detach_peer(e, port, p);
        }
        break;
    }
}

void evtchn_close_port(XenEvtchn *e, uint32_t port, XenEvtchnPort *p,
                       bool clear)
{
    XenEvtchnPage *stale = NULL;
    XenEvtchnHeld held;

    evtchn_report_port(e, port, p, EVTCHNSTAT_closed);
    evtchn_detach_port(e, port, p);
    if (clear) {
        e->abi->peek(e, port, &stale);
        if (stale) {
            evtchn_page_refresh(e, stale);
        }
    }
    evtchn_lock_settled_port(e, p, &held);
    evtchn_set_state(p, (XenEvtchnState) { .type = EVTCHNSTAT_closed });
    if (clear) {
        /* The next user of the number must not see this event. */
        e->abi->clear_pending(e, port);
    }
    evtchn_unpark(e, p);
    evtchn_unlock_port(&held);

    evtchn_move_port(e, p, port, 0, EVTCHN_FIFO_PRIORITY_DEFAULT);
    evtchn_free_port_number(e, port);
}

int xen_evtchn_close(XenEvtchn *e, uint32_t port)
{
    XenEvtchnPort *p;

    evtchn_lock_config(e);
    p = evtchn_open_port(e, port);
    if (p) {
        evtchn_close_port(e, port, p, true);
    }
    evtchn_unlock_config(e);
    return p ? 0 : -EINVAL;
}

/*
 * Closes the open ones among the first @max used ports from @from on.  Returns the
 * next used one; EVTCHN_MAX_PORTS: there is none.
 */
static uint32_t evtchn_close_some(XenEvtchn *e, uint32_t from, uint32_t max)
{
    uint32_t port = xen_idmap_next(&e->used_ports, from);

    for (; port < EVTCHN_MAX_PORTS && max; max--) {
        XenEvtchnPort *p = evtchn_make_port(e, port);

        if (evtchn_state(p).type != EVTCHNSTAT_closed) {
            evtchn_close_port(e, port, p, true);
        }
        port = xen_idmap_next(&e->used_ports, port + 1);
    }
    return port;
}

int xen_evtchn_reset(XenEvtchn *e, uint16_t dom)
{
    if (dom != DOMID_SELF && dom != e->domid) {
        return dom == EVTCHN_DOMID_QEMU ? -EPERM : -ESRCH;
    }

    for (uint32_t from = 1; from < EVTCHN_MAX_PORTS; ) {
        evtchn_lock_config(e);
        from = evtchn_close_some(e, from, RESET_CHUNK);
        evtchn_unlock_config(e);
        if (from < EVTCHN_MAX_PORTS &&
            __atomic_load_n(&e->config_waiters, __ATOMIC_RELAXED)) {
            /* Else this thread takes the lock again before a waiter runs. */
            g_usleep(RESET_PAUSE_US);
        }
    }

    /*
     * Ports that another vCPU opened meanwhile must be closed with the same
     * lock as the ABI changes: they may be beyond the 2-level limit.
     */
    evtchn_lock_config(e);
    evtchn_close_some(e, 1, UINT32_MAX);
    evtchn_fifo_teardown(e);
    evtchn_free_all_closing(e);
    evtchn_unlock_config(e);
    return 0;
}
