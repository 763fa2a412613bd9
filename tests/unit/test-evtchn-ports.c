/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Event-channel engine: every operation, and every error that Xen gives. */
#include "evtchn-guest.h"

/*
 * The stage on which the table's operations are tried: 2 vCPUs of which
 * vCPU 3 is absent, and one port of each kind.
 */
typedef struct Stage {
    EvtchnGuest *g;
    uint32_t unbound, unbound_be, foreign, loop_a, loop_b, ipi, timer, console,
             pirq, connected;
    XenEvtchnBackend *be;
    uint32_t be_port;
} Stage;

static Stage *stage_new(bool fifo)
{
    Stage *s = g_new0(Stage, 1);
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

static void stage_free(Stage *s)
{
    xen_evtchn_backend_free(s->be);
    evtchn_guest_free(s->g);
    g_free(s);
}

/* ------------------------------------------------------- the operations */

static int op_alloc_unbound(Stage *s, uint64_t dom, uint64_t remote)
{
    struct evtchn_alloc_unbound op = { .dom = dom, .remote_dom = remote };

    return xen_evtchn_alloc_unbound(s->g->e, &op);
}

static int op_bind_interdomain(Stage *s, uint64_t dom, uint64_t port)
{
    struct evtchn_bind_interdomain op = { .remote_dom = dom,
                                          .remote_port = port };

    return xen_evtchn_bind_interdomain(s->g->e, &op);
}

static int op_bind_virq(Stage *s, uint64_t virq, uint64_t vcpu)
{
    struct evtchn_bind_virq op = { .virq = virq, .vcpu = vcpu };

    return xen_evtchn_bind_virq(s->g->e, &op);
}

static int op_bind_pirq(Stage *s, uint64_t pirq, uint64_t unused)
{
    struct evtchn_bind_pirq op = { .pirq = pirq };

    return xen_evtchn_bind_pirq(s->g->e, &op);
}

static int op_bind_ipi(Stage *s, uint64_t vcpu, uint64_t unused)
{
    struct evtchn_bind_ipi op = { .vcpu = vcpu };

    return xen_evtchn_bind_ipi(s->g->e, &op);
}

static int op_bind_vcpu(Stage *s, uint64_t port, uint64_t vcpu)
{
    struct evtchn_bind_vcpu op = { .port = port, .vcpu = vcpu };

    return xen_evtchn_bind_vcpu(s->g->e, &op);
}

static int op_close(Stage *s, uint64_t port, uint64_t unused)
{
    return xen_evtchn_close(s->g->e, port);
}

static int op_send(Stage *s, uint64_t port, uint64_t unused)
{
    int fast = xen_evtchn_send_fast(s->g->e, port);

    g_assert_cmpint(xen_evtchn_send(s->g->e, port), ==, fast);
    return fast;
}

static int op_unmask(Stage *s, uint64_t port, uint64_t unused)
{
    int fast = xen_evtchn_unmask_fast(s->g->e, port);

    g_assert_cmpint(xen_evtchn_unmask(s->g->e, port), ==, fast);
    return fast;
}

static int op_status(Stage *s, uint64_t dom, uint64_t port)
{
    struct evtchn_status op = { .dom = dom, .port = port };

    return xen_evtchn_status(s->g->e, &op);
}

static int op_reset(Stage *s, uint64_t dom, uint64_t unused)
{
    return xen_evtchn_reset(s->g->e, dom);
}

static int op_init_control(Stage *s, uint64_t gfn, uint64_t vcpu)
{
    struct evtchn_init_control op = { .control_gfn = gfn, .vcpu = vcpu };

    return xen_evtchn_init_control(s->g->e, &op);
}

static int op_init_control_at(Stage *s, uint64_t offset, uint64_t vcpu)
{
    struct evtchn_init_control op = {
        .control_gfn = GUEST_GFN_CONTROL + 2, .offset = offset, .vcpu = vcpu,
    };

    return xen_evtchn_init_control(s->g->e, &op);
}

static int op_expand_array(Stage *s, uint64_t gfn, uint64_t unused)
{
    struct evtchn_expand_array op = { .array_gfn = gfn };

    return xen_evtchn_expand_array(s->g->e, &op);
}

static int op_set_priority(Stage *s, uint64_t port, uint64_t priority)
{
    struct evtchn_set_priority op = { .port = port, .priority = priority };

    return xen_evtchn_set_priority(s->g->e, &op);
}

static int op_raise_virq(Stage *s, uint64_t vcpu, uint64_t virq)
{
    int fast = xen_evtchn_raise_virq_fast(s->g->e, vcpu, virq);

    g_assert_cmpint(xen_evtchn_raise_virq(s->g->e, vcpu, virq), ==, fast);
    return fast;
}

static int op_raise_pirq(Stage *s, uint64_t pirq, uint64_t unused)
{
    int fast = xen_evtchn_raise_pirq_fast(s->g->e, pirq);

    g_assert_cmpint(xen_evtchn_raise_pirq(s->g->e, pirq), ==, fast);
    return fast;
}

static int op_inject(Stage *s, uint64_t port, uint64_t unused)
{
    return xen_evtchn_inject(s->g->e, port);
}

/* ------------------------------------------------------------ the table */

/* Stands for a port of the stage. */
#define PORT(member)    (0x100000000ull | offsetof(Stage, member))

typedef struct Case {
    const char *condition;
    int (*op)(Stage *s, uint64_t a, uint64_t b);
    uint64_t a, b;
    int err_2l, err_fifo;
} Case;

#define BOTH(err)       (err), (err)

static const Case cases[] = {
    /* alloc_unbound: dom, remote_dom */
    { "self", op_alloc_unbound, DOMID_SELF, DOMID_SELF, BOTH(0) },
    { "own id", op_alloc_unbound, GUEST_DOMID, 0, BOTH(0) },
    { "remote never exists", op_alloc_unbound, DOMID_SELF, 1234, BOTH(0) },
    { "in domain 0", op_alloc_unbound, 0, DOMID_SELF, BOTH(-EPERM) },
    { "in no domain", op_alloc_unbound, 99, DOMID_SELF, BOTH(-ESRCH) },
    { "in a special domain", op_alloc_unbound, DOMID_XEN, 0, BOTH(-ESRCH) },

    /* bind_interdomain: remote_dom, remote_port */
    { "loop back", op_bind_interdomain, DOMID_SELF, PORT(unbound), BOTH(0) },
    { "own id", op_bind_interdomain, GUEST_DOMID, PORT(unbound), BOTH(0) },
    { "no such domain", op_bind_interdomain, 99, PORT(unbound),
      BOTH(-ESRCH) },
    { "port for QEMU", op_bind_interdomain, DOMID_SELF, PORT(unbound_be),
      BOTH(-EINVAL) },
    { "port for another", op_bind_interdomain, DOMID_SELF, PORT(foreign),
      BOTH(-EINVAL) },
    { "bound already", op_bind_interdomain, DOMID_SELF, PORT(loop_a),
      BOTH(-EINVAL) },
    { "an IPI", op_bind_interdomain, DOMID_SELF, PORT(ipi), BOTH(-EINVAL) },
    { "closed", op_bind_interdomain, DOMID_SELF, 60, BOTH(-EINVAL) },
    { "port 0", op_bind_interdomain, DOMID_SELF, 0, BOTH(-EINVAL) },
    { "out of range", op_bind_interdomain, DOMID_SELF, UINT32_MAX,
      BOTH(-EINVAL) },
    { "no such back end", op_bind_interdomain, 0, 4000, BOTH(-EINVAL) },
    { "back end busy", op_bind_interdomain, 0, PORT(be_port),
      BOTH(-EINVAL) },

    /* bind_virq: virq, vcpu */
    { "timer", op_bind_virq, VIRQ_TIMER, 0, BOTH(0) },
    { "timer again", op_bind_virq, VIRQ_TIMER, 1, BOTH(-EEXIST) },
    { "timer, absent vCPU", op_bind_virq, VIRQ_TIMER, 3, BOTH(-ENOENT) },
    { "timer, no vCPU", op_bind_virq, VIRQ_TIMER, UINT32_MAX,
      BOTH(-ENOENT) },
    { "global", op_bind_virq, VIRQ_DOM_EXC, 0, BOTH(0) },
    { "global, not on 0", op_bind_virq, VIRQ_DOM_EXC, 1, BOTH(-EINVAL) },
    { "global again", op_bind_virq, VIRQ_CONSOLE, 0, BOTH(-EEXIST) },
    { "global, no vCPU", op_bind_virq, VIRQ_CONSOLE, 99, BOTH(-EINVAL) },
    { "architecture's", op_bind_virq, VIRQ_ARCH_0, 1, BOTH(-EINVAL) },
    { "no such VIRQ", op_bind_virq, 24, 0, BOTH(-EINVAL) },
    { "no such VIRQ, no vCPU", op_bind_virq, UINT32_MAX, 99,
      BOTH(-EINVAL) },

    /* bind_pirq: pirq */
    { "free", op_bind_pirq, 6, 0, BOTH(0) },
    { "bound", op_bind_pirq, 5, 0, BOTH(-EEXIST) },
    { "no such PIRQ", op_bind_pirq, GUEST_MAX_PIRQS, 0, BOTH(-EINVAL) },
    { "no such PIRQ", op_bind_pirq, UINT32_MAX, 0, BOTH(-EINVAL) },

    /* bind_ipi: vcpu */
    { "present", op_bind_ipi, 1, 0, BOTH(0) },
    { "absent", op_bind_ipi, 3, 0, BOTH(-ENOENT) },
    { "none", op_bind_ipi, 4, 0, BOTH(-ENOENT) },
    { "none", op_bind_ipi, UINT32_MAX, 0, BOTH(-ENOENT) },

    /* bind_vcpu: port, vcpu */
    { "unbound", op_bind_vcpu, PORT(unbound), 1, BOTH(0) },
    { "inter-domain", op_bind_vcpu, PORT(loop_a), 1, BOTH(0) },
    { "back end's", op_bind_vcpu, PORT(connected), 1, BOTH(0) },
    { "PIRQ", op_bind_vcpu, PORT(pirq), 1, BOTH(0) },
    { "global VIRQ", op_bind_vcpu, PORT(console), 1, BOTH(0) },
    { "per-vCPU VIRQ", op_bind_vcpu, PORT(timer), 1, BOTH(-EINVAL) },
    { "IPI", op_bind_vcpu, PORT(ipi), 1, BOTH(-EINVAL) },
    { "closed", op_bind_vcpu, 60, 1, BOTH(-EINVAL) },
    { "port 0", op_bind_vcpu, 0, 1, BOTH(-EINVAL) },
    { "out of range", op_bind_vcpu, 1u << 17, 1, BOTH(-EINVAL) },
    { "absent vCPU", op_bind_vcpu, PORT(unbound), 3, BOTH(-ENOENT) },
    { "no vCPU, no port", op_bind_vcpu, 1u << 17, 4, BOTH(-ENOENT) },

    /* close: port */
    { "unbound", op_close, PORT(unbound), 0, BOTH(0) },
    { "inter-domain", op_close, PORT(loop_a), 0, BOTH(0) },
    { "back end's", op_close, PORT(connected), 0, BOTH(0) },
    { "IPI", op_close, PORT(ipi), 0, BOTH(0) },
    { "VIRQ", op_close, PORT(timer), 0, BOTH(0) },
    { "PIRQ", op_close, PORT(pirq), 0, BOTH(0) },
    { "closed", op_close, 60, 0, BOTH(-EINVAL) },
    { "port 0", op_close, 0, 0, BOTH(-EINVAL) },
    { "out of range", op_close, UINT32_MAX, 0, BOTH(-EINVAL) },

    /* send: port */
    { "IPI", op_send, PORT(ipi), 0, BOTH(0) },
    { "inter-domain", op_send, PORT(loop_a), 0, BOTH(0) },
    { "back end's", op_send, PORT(connected), 0, BOTH(0) },
    { "unbound: dropped", op_send, PORT(unbound), 0, BOTH(0) },
    { "VIRQ", op_send, PORT(timer), 0, BOTH(-EINVAL) },
    { "PIRQ", op_send, PORT(pirq), 0, BOTH(-EINVAL) },
    { "closed", op_send, 60, 0, BOTH(-EINVAL) },
    { "port 0", op_send, 0, 0, BOTH(-EINVAL) },
    { "never open", op_send, 3000, 0, BOTH(-EINVAL) },
    { "out of range", op_send, UINT32_MAX, 0, BOTH(-EINVAL) },

    /* unmask: port */
    { "VIRQ", op_unmask, PORT(timer), 0, BOTH(0) },
    { "closed: no effect", op_unmask, 60, 0, BOTH(0) },
    { "port 0: no effect", op_unmask, 0, 0, BOTH(0) },
    { "never open", op_unmask, 3000, 0, BOTH(-EINVAL) },
    { "out of range", op_unmask, UINT32_MAX, 0, BOTH(-EINVAL) },

    /* status: dom, port */
    { "self", op_status, DOMID_SELF, PORT(ipi), BOTH(0) },
    { "own id", op_status, GUEST_DOMID, PORT(ipi), BOTH(0) },
    { "closed", op_status, DOMID_SELF, 60, BOTH(0) },
    { "port 0", op_status, DOMID_SELF, 0, BOTH(0) },
    { "domain 0", op_status, 0, PORT(ipi), BOTH(-EPERM) },
    { "no such domain", op_status, 99, PORT(ipi), BOTH(-ESRCH) },
    { "never open", op_status, DOMID_SELF, 3000, BOTH(-EINVAL) },
    { "out of range", op_status, DOMID_SELF, 1u << 17, BOTH(-EINVAL) },

    /* reset: dom */
    { "self", op_reset, DOMID_SELF, 0, BOTH(0) },
    { "own id", op_reset, GUEST_DOMID, 0, BOTH(0) },
    { "domain 0", op_reset, 0, 0, BOTH(-EPERM) },
    { "no such domain", op_reset, 99, 0, BOTH(-ESRCH) },

    /* init_control: gfn, vcpu; init_control_at: offset, vcpu */
    { "first or second", op_init_control, GUEST_GFN_CONTROL + 2, 2, BOTH(0) },
    { "twice", op_init_control, GUEST_GFN_CONTROL + 2, 1, 0, -EINVAL },
    { "absent vCPU", op_init_control, GUEST_GFN_CONTROL, 3, BOTH(-ENOENT) },
    { "no vCPU", op_init_control, GUEST_GFN_CONTROL, 4, BOTH(-ENOENT) },
    { "no RAM", op_init_control, 1u << 20, 2, BOTH(-EINVAL) },
    { "gfn beyond addresses", op_init_control, UINT64_MAX, 2,
      BOTH(-EINVAL) },
    { "gfn that wraps to RAM", op_init_control,
      (1ull << 52) + GUEST_GFN_CONTROL, 2, BOTH(-EINVAL) },
    { "last offset", op_init_control_at, 4096 - 72, 2, BOTH(0) },
    { "crosses the page", op_init_control_at, 4096 - 64, 2, BOTH(-EINVAL) },
    { "far offset", op_init_control_at, UINT32_MAX - 7, 2, BOTH(-EINVAL) },
    { "not aligned", op_init_control_at, 4, 2, BOTH(-EINVAL) },

    /* expand_array: gfn */
    { "RAM", op_expand_array, GUEST_GFN_ARRAY + 1, 0, -EOPNOTSUPP, 0 },
    { "no RAM", op_expand_array, 1u << 20, 0, -EOPNOTSUPP, -EINVAL },
    { "gfn that wraps to RAM", op_expand_array,
      (1ull << 52) + GUEST_GFN_ARRAY, 0, -EOPNOTSUPP, -EINVAL },

    /* set_priority: port, priority */
    { "open", op_set_priority, PORT(ipi), 15, -ENOSYS, 0 },
    { "too low", op_set_priority, PORT(ipi), 16, -ENOSYS, -EINVAL },
    { "closed", op_set_priority, 60, 3, -ENOSYS, -EACCES },
    { "port 0", op_set_priority, 0, 3, -ENOSYS, -EACCES },
    { "never open", op_set_priority, 3000, 3, BOTH(-EINVAL) },
    { "out of range", op_set_priority, 1u << 17, 3, BOTH(-EINVAL) },

    /* raise_virq: vcpu, virq; raise_pirq: pirq; inject: port */
    { "bound", op_raise_virq, 1, VIRQ_TIMER, BOTH(0) },
    { "global, any vCPU", op_raise_virq, 2, VIRQ_CONSOLE, BOTH(0) },
    { "other vCPU", op_raise_virq, 0, VIRQ_TIMER, BOTH(-ENOENT) },
    { "not bound", op_raise_virq, 0, VIRQ_DEBUG, BOTH(-ENOENT) },
    { "no such VIRQ", op_raise_virq, 0, 24, BOTH(-ENOENT) },
    { "no such vCPU", op_raise_virq, 99, VIRQ_TIMER, BOTH(-ENOENT) },
    { "bound", op_raise_pirq, 5, 0, BOTH(0) },
    { "not bound", op_raise_pirq, 6, 0, BOTH(-ENOENT) },
    { "no such PIRQ", op_raise_pirq, GUEST_MAX_PIRQS, 0, BOTH(-ENOENT) },
    { "open", op_inject, PORT(unbound), 0, BOTH(0) },
    { "closed", op_inject, 60, 0, BOTH(-EINVAL) },
    { "out of range", op_inject, UINT32_MAX, 0, BOTH(-EINVAL) },
};

static uint64_t resolve(Stage *s, uint64_t arg)
{
    return arg >> 32 == 1 ? *(uint32_t *)((char *)s + (uint32_t)arg) : arg;
}

/* All that the engine tells about its state. */
static char *describe(XenEvtchn *e)
{
    GString *str = g_string_new(NULL);

    g_string_printf(str, "abi %d pages %u\n", xen_evtchn_abi(e),
                    xen_evtchn_fifo_nr_array_pages(e));
    for (unsigned v = 0; v < 4; v++) {
        g_string_append_printf(str, "control %" PRIx64 "\n",
                               xen_evtchn_fifo_control_gpa(e, v));
    }
    for (uint32_t port = 0; port < xen_evtchn_nr_ports(e); port++) {
        XenEvtchnPortInfo i;

        if (xen_evtchn_port_info(e, port, &i)) {
            g_string_append_printf(str, "%u: %u %u %u %u %d%d%d%d\n", port,
                                   i.type, i.priority, i.vcpu, i.val,
                                   i.to_backend, i.pending, i.masked,
                                   i.parked);
        }
    }
    return g_string_free(str, FALSE);
}

static void test_case(const Case *c, bool fifo)
{
    Stage *s = stage_new(fifo);
    int expected = fifo ? c->err_fifo : c->err_2l, ret;
    g_autofree char *before = describe(s->g->e), *after = NULL;

    ret = c->op(s, resolve(s, c->a), resolve(s, c->b));
    if (ret != expected) {
        g_test_message("case %d, \"%s\", %s: %d instead of %d",
                       (int)(c - cases), c->condition,
                       fifo ? "FIFO" : "2-level", ret, expected);
    }
    g_assert_cmpint(ret, ==, expected);
    if (ret < 0) {
        after = describe(s->g->e);
        g_assert_cmpstr(before, ==, after);
    }
    stage_free(s);
}

static void test_errors(gconstpointer fifo)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        test_case(&cases[i], GPOINTER_TO_INT(fifo));
    }
}

/* An old Xen: what is FIFO's is not there at all. */
static void test_no_fifo(void)
{
    Stage *s = stage_new(false);
    struct evtchn_init_control op = { .control_gfn = GUEST_GFN_CONTROL };

    xen_evtchn_allow_fifo(s->g->e, false);
    g_assert_cmpint(xen_evtchn_init_control(s->g->e, &op), ==, -ENOSYS);
    g_assert_cmpint(op_init_control(s, 1u << 20, 99), ==, -ENOSYS);
    g_assert_cmpint(op_expand_array(s, GUEST_GFN_ARRAY, 0), ==, -ENOSYS);
    g_assert_cmpint(op_set_priority(s, 1u << 20, 0), ==, -ENOSYS);
    g_assert_cmpint(xen_evtchn_abi(s->g->e), ==, XEN_EVTCHN_ABI_2L);
    stage_free(s);
}

static void test_status(void)
{
    Stage *s = stage_new(false);
    struct {
        uint32_t port, status, vcpu;
        int dom;
        uint32_t val;
    } want[] = {
        { s->unbound, EVTCHNSTAT_unbound, 0, GUEST_DOMID, 0 },
        { s->unbound_be, EVTCHNSTAT_unbound, 0, 0, 0 },
        { s->foreign, EVTCHNSTAT_unbound, 0, 77, 0 },
        { s->loop_a, EVTCHNSTAT_interdomain, 0, GUEST_DOMID, s->loop_b },
        { s->loop_b, EVTCHNSTAT_interdomain, 0, GUEST_DOMID, s->loop_a },
        { s->connected, EVTCHNSTAT_interdomain, 0, 0, s->be_port },
        { s->ipi, EVTCHNSTAT_ipi, 1, -1, 0 },
        { s->timer, EVTCHNSTAT_virq, 1, -1, VIRQ_TIMER },
        { s->console, EVTCHNSTAT_virq, 0, -1, VIRQ_CONSOLE },
        { s->pirq, EVTCHNSTAT_pirq, 0, -1, 5 },
        { 60, EVTCHNSTAT_closed, 0, -1, 0 },
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(want); i++) {
        struct evtchn_status op = { .dom = DOMID_SELF, .port = want[i].port };

        g_assert_cmpint(xen_evtchn_status(s->g->e, &op), ==, 0);
        g_assert_cmpuint(op.status, ==, want[i].status);
        g_assert_cmpuint(op.vcpu, ==, want[i].vcpu);
        switch (op.status) {
        case EVTCHNSTAT_unbound:
            g_assert_cmpint(op.u.unbound.dom, ==, want[i].dom);
            break;
        case EVTCHNSTAT_interdomain:
            g_assert_cmpint(op.u.interdomain.dom, ==, want[i].dom);
            g_assert_cmpuint(op.u.interdomain.port, ==, want[i].val);
            break;
        case EVTCHNSTAT_virq:
            g_assert_cmpuint(op.u.virq, ==, want[i].val);
            break;
        case EVTCHNSTAT_pirq:
            g_assert_cmpuint(op.u.pirq, ==, want[i].val);
            break;
        }
    }
    stage_free(s);
}

/* Closing one end of a pair leaves the other waiting for a new one. */
static void test_close_pair(void)
{
    Stage *s = stage_new(false);
    struct evtchn_status op = { .dom = DOMID_SELF, .port = s->loop_b };
    uint32_t again;

    g_assert_cmpint(xen_evtchn_close(s->g->e, s->loop_a), ==, 0);
    g_assert_cmpint(xen_evtchn_status(s->g->e, &op), ==, 0);
    g_assert_cmpuint(op.status, ==, EVTCHNSTAT_unbound);
    g_assert_cmpuint(op.u.unbound.dom, ==, GUEST_DOMID);
    g_assert_cmpint(xen_evtchn_send(s->g->e, s->loop_b), ==, 0);
    again = evtchn_guest_bind_loopback(s->g, s->loop_b);
    g_assert_cmpuint(again, ==, s->loop_a);
    g_assert_cmpint(xen_evtchn_send(s->g->e, again), ==, 0);
    g_assert_true(evtchn_guest_pending(s->g, s->loop_b));
    stage_free(s);
}

/* What is closed can be bound anew, and is not what it was. */
static void test_rebind(void)
{
    Stage *s = stage_new(false);
    XenEvtchn *e = s->g->e;

    g_assert_cmpuint(xen_evtchn_virq_port(e, 1, VIRQ_TIMER), ==, s->timer);
    g_assert_cmpuint(xen_evtchn_virq_port(e, 2, VIRQ_CONSOLE), ==,
                     s->console);
    g_assert_cmpuint(xen_evtchn_pirq_port(e, 5), ==, s->pirq);

    evtchn_guest_bind_vcpu(s->g, s->console, 1);
    g_assert_cmpint(xen_evtchn_raise_virq_fast(e, 0, VIRQ_CONSOLE), ==, 0);
    g_assert_cmpuint(s->g->vcpu[1].upcalls, ==, 1);

    xen_evtchn_raise_virq(e, 1, VIRQ_TIMER);
    xen_evtchn_raise_pirq(e, 5);
    g_assert_cmpint(xen_evtchn_close(e, s->timer), ==, 0);
    g_assert_cmpint(xen_evtchn_close(e, s->pirq), ==, 0);
    g_assert_cmpint(xen_evtchn_close(e, s->console), ==, 0);
    g_assert_cmpint(xen_evtchn_raise_virq(e, 1, VIRQ_TIMER), ==, -ENOENT);
    g_assert_cmpint(xen_evtchn_raise_virq(e, 0, VIRQ_CONSOLE), ==, -ENOENT);
    g_assert_cmpint(xen_evtchn_raise_pirq(e, 5), ==, -ENOENT);

    /* The lowest free ports come first, with nothing pending. */
    g_assert_cmpuint(evtchn_guest_bind_pirq(s->g, 5), ==, s->timer);
    g_assert_false(evtchn_guest_pending(s->g, s->timer));
    g_assert_cmpuint(evtchn_guest_bind_virq(s->g, 0, VIRQ_CONSOLE), ==,
                     s->console);
    g_assert_cmpuint(evtchn_guest_bind_virq(s->g, 1, VIRQ_TIMER), ==,
                     s->pirq);
    stage_free(s);
}

static void test_reset(void)
{
    Stage *s = stage_new(true);
    XenEvtchn *e = s->g->e;

    xen_evtchn_send(e, s->ipi);
    g_assert_cmpint(xen_evtchn_reset(e, DOMID_SELF), ==, 0);
    g_assert_cmpint(xen_evtchn_abi(e), ==, XEN_EVTCHN_ABI_2L);
    g_assert_cmpuint(xen_evtchn_nr_ports(e), ==, 0);
    g_assert_cmpuint(xen_evtchn_virq_port(e, 1, VIRQ_TIMER), ==, 0);
    g_assert_cmpuint(xen_evtchn_backend_guest_port(s->be), ==, 0);
    /* Only the vcpu_info pages are left. */
    g_assert_cmpint(s->g->pinned, ==, 4);
    s->g->fifo = false;
    g_assert_cmpuint(evtchn_guest_bind_ipi(s->g, 1), ==, 1);
    g_assert_cmpint(xen_evtchn_send(e, 1), ==, 0);
    g_assert_true(evtchn_guest_pending(s->g, 1));
    stage_free(s);
}

/* port_changed hears of every binding. */
static void test_port_changed(void)
{
    EvtchnGuest *g = evtchn_guest_new(2, true);
    uint32_t a = evtchn_guest_alloc_unbound(g, DOMID_SELF), b;

    g_assert_cmpuint(g->nr_changed, ==, 1);
    g_assert_cmpuint(g->changed.port, ==, a);
    g_assert_cmpuint(g->changed.type, ==, EVTCHNSTAT_unbound);
    b = evtchn_guest_bind_loopback(g, a);
    g_assert_cmpuint(g->nr_changed, ==, 3);
    g_assert_cmpuint(g->changed.port, ==, a);
    g_assert_cmpuint(g->changed.val, ==, b);
    evtchn_guest_bind_vcpu(g, b, 1);
    g_assert_cmpuint(g->nr_changed, ==, 4);
    g_assert_cmpuint(g->changed.vcpu, ==, 1);
    g_assert_cmpint(xen_evtchn_close(g->e, b), ==, 0);
    g_assert_cmpuint(g->nr_changed, ==, 6);
    g_assert_cmpuint(g->changed.port, ==, a);
    g_assert_cmpuint(g->changed.type, ==, EVTCHNSTAT_unbound);
    g_assert_cmpint(xen_evtchn_close(g->e, a), ==, 0);
    g_assert_cmpuint(g->changed.type, ==, EVTCHNSTAT_closed);
    g_assert_cmpuint(g->changed.port, ==, a);
    evtchn_guest_free(g);
}

/* Freed numbers are found again in any order, the lowest first. */
static void test_lowest_first(void)
{
    EvtchnGuest *g = evtchn_guest_new(1, true);
    g_autofree bool *open = g_new0(bool, 4096);

    for (unsigned i = 0; i < 20000; i++) {
        uint32_t port = g_test_rand_int_range(1, 4096), lowest = 1;

        if (open[port]) {
            g_assert_cmpint(xen_evtchn_close(g->e, port), ==, 0);
            open[port] = false;
            continue;
        }
        while (lowest < 4096 && open[lowest]) {
            lowest++;
        }
        port = evtchn_guest_bind_ipi(g, 0);
        g_assert_cmpuint(port, ==, lowest);
        open[port] = true;
    }
    evtchn_guest_free(g);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_data_func("/evtchn/ports/errors/2l", GINT_TO_POINTER(false),
                         test_errors);
    g_test_add_data_func("/evtchn/ports/errors/fifo", GINT_TO_POINTER(true),
                         test_errors);
    g_test_add_func("/evtchn/ports/no-fifo", test_no_fifo);
    g_test_add_func("/evtchn/ports/status", test_status);
    g_test_add_func("/evtchn/ports/close-pair", test_close_pair);
    g_test_add_func("/evtchn/ports/rebind", test_rebind);
    g_test_add_func("/evtchn/ports/reset", test_reset);
    g_test_add_func("/evtchn/ports/port-changed", test_port_changed);
    g_test_add_func("/evtchn/ports/lowest-first", test_lowest_first);
    return g_test_run();
}
