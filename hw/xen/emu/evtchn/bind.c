/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Binding ports, and what a guest may query or change of a port
 *
 * Errors, and their precedence, are Xen's.
 */
#include "backend.h"
#include "lock.h"
#include "notify.h"
#include "port.h"
#include "send.h"

static bool evtchn_is_self(XenEvtchn *e, uint16_t dom)
{
    return dom == DOMID_SELF || dom == e->domid;
}

/*
 * The domain that an operation works on must be the guest itself.  QEMU's
 * domain exists, but an unprivileged guest has no access to it.
 */
static int evtchn_check_target(XenEvtchn *e, uint16_t dom)
{
    if (evtchn_is_self(e, dom)) {
        return 0;
    }
    return dom == EVTCHN_DOMID_QEMU ? -EPERM : -ESRCH;
}

/* Does @event to an open port.  The configuration lock is held. */
static void evtchn_notify_port(XenEvtchn *e, uint32_t port,
                               XenEvtchnEvent event, XenEvtchnFrame *f,
                               XenEvtchnBatch *batch)
{
    evtchn_try_slow(e, evtchn_try_port,
                    &(XenEvtchnRequest) { .port = port, .event = event },
                    f, batch);
}

/*
 * Opens a port.  @slot: where the engine keeps the only port that may be bound
 * to a VIRQ or PIRQ, or NULL.  *port is set on success.
 */
static int evtchn_bind_new(XenEvtchn *e, XenEvtchnState state, uint32_t vcpu,
                           uint32_t *slot, evtchn_port_t *port)
{
    uint32_t new;
    int ret;

    evtchn_lock_config(e);
    ret = slot && *slot ? -EEXIST : evtchn_alloc_port(e, state, vcpu, &new);
    if (ret == 0) {
        if (slot) {
            __atomic_store_n(slot, new, __ATOMIC_RELEASE);
        }
        evtchn_report_port(e, new, evtchn_port(e, new), state.type);
        *port = new;
    }
    evtchn_unlock_config(e);
    return ret;
}

int xen_evtchn_alloc_unbound(XenEvtchn *e, struct evtchn_alloc_unbound *op)
{
    XenEvtchnState state = { .type = EVTCHNSTAT_unbound };
    int ret = evtchn_check_target(e, op->dom);

    if (ret < 0) {
        return ret;
    }
    /* No third domain exists: none will ever bind to the port. */
    if (op->remote_dom == EVTCHN_DOMID_QEMU) {
        state.to_backend = true;
    } else if (!evtchn_is_self(e, op->remote_dom)) {
        state.val = op->remote_dom;
    }
    return evtchn_bind_new(e, state, 0, NULL, &op->port);
}

/*
 * The new end is interdomain before the old one is, so a sender on the old end
 * finds its peer complete.
 */
static int evtchn_bind_loopback(XenEvtchn *e, uint32_t remote, uint32_t local)
{
    XenEvtchnPort *rp = evtchn_open_port(e, remote);
    XenEvtchnState s = { .type = EVTCHNSTAT_unbound };

    if (rp) {
        s = evtchn_state(rp);
    }
    if (!rp || s.type != EVTCHNSTAT_unbound || s.to_backend || s.val) {
        return -EINVAL;
    }
    evtchn_open_reserved(e, local, (XenEvtchnState) {
                             .type = EVTCHNSTAT_interdomain, .val = remote },
                         0);
    evtchn_change_state(e, rp, (XenEvtchnState) {
                            .type = EVTCHNSTAT_interdomain, .val = local });
    evtchn_report_port(e, local, evtchn_port(e, local),
                       EVTCHNSTAT_interdomain);
    evtchn_report_port(e, remote, rp, EVTCHNSTAT_interdomain);
    return 0;
}

static int evtchn_bind_backend(XenEvtchn *e, uint32_t remote, uint32_t local)
{
    XenEvtchnBackend *be = g_hash_table_lookup(e->backends,
                                               GUINT_TO_POINTER(remote));

    if (!be || be->guest_port) {
        return -EINVAL;
    }
    evtchn_open_reserved(e, local, (XenEvtchnState) {
                             .type = EVTCHNSTAT_unbound, .to_backend = true },
                         0);
    evtchn_backend_connect(e, be, local, evtchn_port(e, local));
    return 0;
}

/* As in Xen, -ENOSPC comes before errors of the remote port. */
static int evtchn_bind_remote(XenEvtchn *e,
                              const struct evtchn_bind_interdomain *op,
                              uint32_t *local)
{
    int ret = evtchn_reserve_port(e, local);

    if (ret < 0) {
        return ret;
    }
    ret = op->remote_dom == EVTCHN_DOMID_QEMU
          ? evtchn_bind_backend(e, op->remote_port, *local)
          : evtchn_bind_loopback(e, op->remote_port, *local);
    if (ret < 0) {
        xen_idmap_release(&e->used_ports, *local);
    }
    return ret;
}

int xen_evtchn_bind_interdomain(XenEvtchn *e,
                                struct evtchn_bind_interdomain *op)
{
    XenEvtchnBatch batch = { 0 };
    XenEvtchnFrame f = { 0 };
    uint32_t local;
    int ret;

    if (!evtchn_is_self(e, op->remote_dom) &&
        op->remote_dom != EVTCHN_DOMID_QEMU) {
        return -ESRCH;
    }

    evtchn_lock_config(e);
    ret = evtchn_bind_remote(e, op, &local);
    if (ret == 0) {
        op->local_port = local;
        /* In place of events that were sent while the end was unbound. */
        evtchn_notify_port(e, local, EVTCHN_RAISE, &f, &batch);
    }
    evtchn_unlock_config(e);
    evtchn_finish(e, &f, 0);
    evtchn_finish_batch(e, &batch);
    return ret;
}

int xen_evtchn_bind_virq(XenEvtchn *e, struct evtchn_bind_virq *op)
{
    XenEvtchnState state = { .type = EVTCHNSTAT_virq, .val = op->virq };

    if (op->virq >= XEN_EVTCHN_NR_VIRQS) {
        return -EINVAL;
    }
    if (evtchn_virq_is_global(op->virq) && op->vcpu != 0) {
        return -EINVAL;
    }
    if (!evtchn_vcpu_exists(e, op->vcpu)) {
        return -ENOENT;
    }
    return evtchn_bind_new(e, state, op->vcpu,
                           &e->vcpus[op->vcpu].virq_port[op->virq], &op->port);
}

int xen_evtchn_bind_pirq(XenEvtchn *e, struct evtchn_bind_pirq *op)
{
    XenEvtchnState state = { .type = EVTCHNSTAT_pirq, .val = op->pirq };

    if (op->pirq >= e->max_pirqs) {
        return -EINVAL;
    }
    return evtchn_bind_new(e, state, 0, &e->pirq_port[op->pirq], &op->port);
}

int xen_evtchn_bind_ipi(XenEvtchn *e, struct evtchn_bind_ipi *op)
{
    XenEvtchnState state = { .type = EVTCHNSTAT_ipi };

    if (!evtchn_vcpu_exists(e, op->vcpu)) {
        return -ENOENT;
    }
    return evtchn_bind_new(e, state, op->vcpu, NULL, &op->port);
}

/* EVTCHNOP_bind_vcpu is allowed on a port in state @s. */
static bool evtchn_may_choose_vcpu(XenEvtchnState s)
{
    switch (s.type) {
    case EVTCHNSTAT_unbound:
    case EVTCHNSTAT_interdomain:
    case EVTCHNSTAT_pirq:
        return true;
    case EVTCHNSTAT_virq:
        return evtchn_virq_is_global(s.val);
    default:
        return false;
    }
}

int xen_evtchn_bind_vcpu(XenEvtchn *e, const struct evtchn_bind_vcpu *op)
{
    XenEvtchnBatch batch = { 0 };
    XenEvtchnFrame f = { 0 };
    XenEvtchnPort *p;
    int ret = -EINVAL;

    if (!evtchn_vcpu_exists(e, op->vcpu)) {
        return -ENOENT;
    }

    evtchn_lock_config(e);
    p = evtchn_open_port(e, op->port);
    if (p && evtchn_may_choose_vcpu(evtchn_state(p))) {
        evtchn_move_port(e, p, op->port, op->vcpu, evtchn_route(p).priority);
        evtchn_report_port(e, op->port, p, evtchn_state(p).type);
        /* An event that the old vCPU has not handled goes to the new one. */
        evtchn_notify_port(e, op->port, EVTCHN_RENOTIFY, &f, &batch);
        ret = 0;
    }
    evtchn_unlock_config(e);
    evtchn_finish(e, &f, 0);
    evtchn_finish_batch(e, &batch);
    return ret;
}

int xen_evtchn_set_priority(XenEvtchn *e,
                            const struct evtchn_set_priority *op)
{
    XenEvtchnPort *p;
    int ret = 0;

    evtchn_lock_config(e);
    p = evtchn_open_port(e, op->port);
    if (!e->fifo_allowed) {
        ret = -ENOSYS;
    } else if (!evtchn_port_is_valid(e, op->port)) {
        ret = -EINVAL;
    } else if (e->abi != &evtchn_abi_fifo) {
        ret = -ENOSYS;
    } else if (!p) {
        ret = -EACCES;
    } else if (op->priority > EVTCHN_FIFO_PRIORITY_MIN) {
        ret = -EINVAL;
    } else {
        evtchn_move_port(e, p, op->port, evtchn_route(p).vcpu, op->priority);
    }
    evtchn_unlock_config(e);
    return ret;
}

static void evtchn_fill_status(XenEvtchn *e, const XenEvtchnPort *p,
                               struct evtchn_status *op)
{
    XenEvtchnState s = evtchn_state(p);

    op->status = s.type;
    op->vcpu = evtchn_route(p).vcpu;
    switch (s.type) {
    case EVTCHNSTAT_unbound:
        op->u.unbound.dom = s.to_backend ? EVTCHN_DOMID_QEMU
                                         : s.val ? s.val : e->domid;
        break;
    case EVTCHNSTAT_interdomain:
        op->u.interdomain.dom = s.to_backend ? EVTCHN_DOMID_QEMU : e->domid;
        op->u.interdomain.port = s.val;
        break;
    case EVTCHNSTAT_pirq:
        op->u.pirq = s.val;
        break;
    case EVTCHNSTAT_virq:
        op->u.virq = s.val;
        break;
    }
}

int xen_evtchn_status(XenEvtchn *e, struct evtchn_status *op)
{
    XenEvtchnPort *p;
    int ret = evtchn_check_target(e, op->dom);

    if (ret == -EPERM && op->port >= EVTCHN_MAX_BE_PORTS) {
        /* Xen checks the port first, and QEMU's domain has none so high. */
        return -EINVAL;
    }
    if (ret < 0) {
        return ret;
    }

    evtchn_lock_config(e);
    p = evtchn_open_port(e, op->port);
    if (p) {
        evtchn_fill_status(e, p, op);
    } else if (evtchn_port_is_valid(e, op->port)) {
        op->status = EVTCHNSTAT_closed;
        op->vcpu = 0;
    } else {
        ret = -EINVAL;
    }
    evtchn_unlock_config(e);
    return ret;
}
