/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A guest for tests of operations. */
#include "evtchn-stage.h"

EvtchnStage *evtchn_stage_new(bool fifo)
{
    EvtchnStage *s = g_new0(EvtchnStage, 1);
    EvtchnGuest *g = evtchn_guest_new(4, true);

    s->g = g;
    xen_evtchn_set_vcpu_present(g->e, 3, false);
    if (fifo) {
        g_assert_cmpint(evtchn_guest_init_control(g, 0), ==, 0);
        g_assert_cmpint(evtchn_guest_init_control(g, 1), ==, 0);
        g_assert_cmpint(evtchn_guest_expand_array(g, 0), ==, 0);
    }
    s->unbound = evtchn_guest_alloc_unbound(g, DOMID_SELF);
    s->unbound_be = evtchn_guest_alloc_unbound(g, 0);
    s->foreign = evtchn_guest_alloc_unbound(g, 77);
    s->loop_a = evtchn_guest_alloc_unbound(g, GUEST_DOMID);
    s->loop_b = evtchn_guest_bind_loopback(g, s->loop_a);
    s->ipi = evtchn_guest_bind_ipi(g, 1);
    s->timer = evtchn_guest_bind_virq(g, 1, VIRQ_TIMER);
    s->console = evtchn_guest_bind_virq(g, 0, VIRQ_CONSOLE);
    s->pirq = evtchn_guest_bind_pirq(g, 5);
    s->connected = evtchn_guest_alloc_unbound(g, 0);
    s->be = xen_evtchn_backend_new(g->e, NULL);
    s->be_port = xen_evtchn_backend_bind(s->be, GUEST_DOMID, s->connected);
    return s;
}

void evtchn_stage_free(EvtchnStage *s)
{
    xen_evtchn_backend_free(s->be);
    evtchn_guest_free(s->g);
    g_free(s);
}
