/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Back ends: the QEMU side of inter-domain channels
 *
 * A back end has its own port number from its first bind until unbind or free.
 * When the guest closes its end, the back end keeps the number and the guest
 * can connect to it again.  A number that a migrated port of the guest names
 * as its peer is in use even before a back end takes it.
 */
#include "backend.h"
#include "lock.h"
#include "port.h"
#include "send.h"

static void evtchn_set_be_port(XenEvtchn *e, XenEvtchnBackend *be,
                               uint32_t number)
{
    __atomic_store_n(&be->port, number, __ATOMIC_RELEASE);
    g_hash_table_insert(e->backends, GUINT_TO_POINTER(number), be);
}

static void evtchn_drop_be_port(XenEvtchn *e, XenEvtchnBackend *be)
{
    if (be->port) {
        g_hash_table_remove(e->backends, GUINT_TO_POINTER(be->port));
        xen_idmap_release(&e->used_be_ports, be->port);
        __atomic_store_n(&be->port, 0, __ATOMIC_RELEASE);
    }
}

void evtchn_backend_connect(XenEvtchn *e, XenEvtchnBackend *be, uint32_t port,
                            XenEvtchnPort *p)
{
    XenEvtchnHeld held;

    evtchn_lock_settled_port(e, p, &held);
    p->backend = be;
    evtchn_set_state(p, (XenEvtchnState) {
                         .type = EVTCHNSTAT_interdomain, .to_backend = true,
                         .val = be->port });
    __atomic_store_n(&be->guest_port, port, __ATOMIC_RELEASE);
    evtchn_unlock_port(&held);
    evtchn_report_port(e, port, p, EVTCHNSTAT_interdomain);
}

void evtchn_backend_disconnect(XenEvtchn *e, XenEvtchnPort *p)
{
    XenEvtchnBackend *be = p->backend;
    XenEvtchnHeld held;

    evtchn_lock_settled_port(e, p, &held);
    p->backend = NULL;
    if (be) {
        __atomic_store_n(&be->guest_port, 0, __ATOMIC_RELEASE);
    } else {
        /* The number was kept for a back end that did not reconnect. */
        xen_idmap_release(&e->used_be_ports, evtchn_state(p).val);
    }
    /* With the same locks as the above, so that senders see both or none. */
    evtchn_set_state(p, (XenEvtchnState) {
                         .type = EVTCHNSTAT_unbound, .to_backend = true });
    evtchn_unlock_port(&held);
}

/*
 * Events that the guest sent before there was a back end are lost: signals the
 * back end once, so that it checks for work.
 */
static void evtchn_backend_signal(XenEvtchn *e, XenEvtchnBackend *be,
                                  XenEvtchnPort *p)
{
    XenEvtchnHeld held;

    evtchn_lock_settled_port(e, p, &held);
    e->ops->signal_backend(e->opaque, be, be->cookie);
    evtchn_unlock_port(&held);
}

XenEvtchnBackend *xen_evtchn_backend_new(XenEvtchn *e, void *cookie)
{
    XenEvtchnBackend *be = g_new0(XenEvtchnBackend, 1);

    be->engine = e;
    be->cookie = cookie;
    return be;
}

void xen_evtchn_backend_free(XenEvtchnBackend *be)
{
    if (be) {
        xen_evtchn_backend_unbind(be, 0);
        g_free(be);
    }
}

/*
 * Takes the number that @be has once it is connected to a port in state @s.
 * 0: none is free.
 */
static uint32_t evtchn_choose_be_port(XenEvtchn *e, XenEvtchnBackend *be,
                                      XenEvtchnState s)
{
    uint32_t number = be->port;

    if (s.type == EVTCHNSTAT_interdomain) {
        /* Migrated: the guest knows the number, and it is in use. */
        evtchn_drop_be_port(e, be);
        return s.val;
    }
    if (!number) {
        number = xen_idmap_lowest_free(&e->used_be_ports);
        if (number >= EVTCHN_MAX_BE_PORTS) {
            return 0;
        }
        xen_idmap_take(&e->used_be_ports, number);
    }
    return number;
}

int xen_evtchn_backend_bind(XenEvtchnBackend *be, uint16_t domid,
                            uint32_t guest_port)
{
    XenEvtchn *e = be->engine;
    XenEvtchnPort *p;
    XenEvtchnState s;
    uint32_t number;
    int ret;

    if (domid != e->domid) {
        return -ESRCH;
    }

    evtchn_lock_config(e);
    p = evtchn_open_port(e, guest_port);
    if (be->guest_port) {
        ret = -EBUSY;
        goto out;
    }
    if (!p || !evtchn_state(p).to_backend || p->backend) {
        ret = -EINVAL;
        goto out;
    }
    s = evtchn_state(p);
    number = evtchn_choose_be_port(e, be, s);
    if (!number) {
        ret = -ENOSPC;
        goto out;
    }
    evtchn_set_be_port(e, be, number);
    evtchn_backend_connect(e, be, guest_port, p);
    evtchn_backend_signal(e, be, p);
    ret = number;
out:
    evtchn_unlock_config(e);
    return ret;
}

int xen_evtchn_backend_unbind(XenEvtchnBackend *be, uint32_t be_port)
{
    XenEvtchn *e = be->engine;
    int ret = 0;

    evtchn_lock_config(e);
    if (be_port && be_port != be->port) {
        ret = -EINVAL;
    } else {
        if (be->guest_port) {
            uint32_t port = be->guest_port;
            XenEvtchnPort *p = evtchn_make_port(e, port);

            evtchn_backend_disconnect(e, p);
            evtchn_report_port(e, port, p, EVTCHNSTAT_unbound);
        }
        evtchn_drop_be_port(e, be);
    }
    evtchn_unlock_config(e);
    return ret;
}

static int evtchn_try_backend(XenEvtchn *e, const XenEvtchnRequest *r,
                              XenEvtchnFrame *f)
{
    uint32_t port = __atomic_load_n(&r->be->guest_port, __ATOMIC_ACQUIRE);
    XenEvtchnPort *p = port ? evtchn_port(e, port) : NULL;
    XenEvtchnHeld held;
    int ret = -ENOTCONN;

    if (!p) {
        return -ENOTCONN;
    }
    if (!evtchn_lock_port(e, p, &held)) {
        return -EWOULDBLOCK;
    }
    if (p->backend == r->be) {
        ret = e->abi->deliver(e, &held, p, port, EVTCHN_RAISE, f);
    }
    evtchn_unlock_port(&held);
    return ret;
}

int xen_evtchn_backend_notify(XenEvtchnBackend *be)
{
    return evtchn_do(be->engine, evtchn_try_backend,
                     &(XenEvtchnRequest) { .be = be });
}

uint32_t xen_evtchn_backend_port(const XenEvtchnBackend *be)
{
    return __atomic_load_n(&be->port, __ATOMIC_ACQUIRE);
}

uint32_t xen_evtchn_backend_guest_port(const XenEvtchnBackend *be)
{
    return __atomic_load_n(&be->guest_port, __ATOMIC_ACQUIRE);
}
