/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Event-channel engine: every error that Xen returns, as a table of operation,
 * condition and error
 *
 * If several errors apply, the expected one is that which Xen finds first.
 */
#include "evtchn-stage.h"

/* ------------------------------------------------------- the operations */

static int op_alloc_unbound(EvtchnStage *s, uint64_t dom, uint64_t remote)
{
    struct evtchn_alloc_unbound op = { .dom = dom, .remote_dom = remote };

    return xen_evtchn_alloc_unbound(s->g->e, &op);
}

static int op_bind_interdomain(EvtchnStage *s, uint64_t dom, uint64_t port)
{
    struct evtchn_bind_interdomain op = { .remote_dom = dom,
                                          .remote_port = port };

    return xen_evtchn_bind_interdomain(s->g->e, &op);
}

static int op_bind_virq(EvtchnStage *s, uint64_t virq, uint64_t vcpu)
{
    struct evtchn_bind_virq op = { .virq = virq, .vcpu = vcpu };

    return xen_evtchn_bind_virq(s->g->e, &op);
}

static int op_bind_pirq(EvtchnStage *s, uint64_t pirq, uint64_t unused)
{
    struct evtchn_bind_pirq op = { .pirq = pirq };

    return xen_evtchn_bind_pirq(s->g->e, &op);
}

static int op_bind_ipi(EvtchnStage *s, uint64_t vcpu, uint64_t unused)
{
    struct evtchn_bind_ipi op = { .vcpu = vcpu };

    return xen_evtchn_bind_ipi(s->g->e, &op);
}

static int op_bind_vcpu(EvtchnStage *s, uint64_t port, uint64_t vcpu)
{
    struct evtchn_bind_vcpu op = { .port = port, .vcpu = vcpu };

    return xen_evtchn_bind_vcpu(s->g->e, &op);
}

static int op_close(EvtchnStage *s, uint64_t port, uint64_t unused)
{
    return xen_evtchn_close(s->g->e, port);
}

static int op_send(EvtchnStage *s, uint64_t port, uint64_t unused)
{
    int fast = xen_evtchn_send_fast(s->g->e, port);

    g_assert_cmpint(xen_evtchn_send(s->g->e, port), ==, fast);
    return fast;
}

static int op_unmask(EvtchnStage *s, uint64_t port, uint64_t unused)
{
    int fast = xen_evtchn_unmask_fast(s->g->e, port);

    g_assert_cmpint(xen_evtchn_unmask(s->g->e, port), ==, fast);
    return fast;
}

static int op_status(EvtchnStage *s, uint64_t dom, uint64_t port)
{
    struct evtchn_status op = { .dom = dom, .port = port };

    return xen_evtchn_status(s->g->e, &op);
}

static int op_reset(EvtchnStage *s, uint64_t dom, uint64_t unused)
{
    return xen_evtchn_reset(s->g->e, dom);
}

static int op_init_control(EvtchnStage *s, uint64_t gfn, uint64_t vcpu)
{
    struct evtchn_init_control op = { .control_gfn = gfn, .vcpu = vcpu };

    return xen_evtchn_init_control(s->g->e, &op);
}

static int op_init_control_at(EvtchnStage *s, uint64_t offset, uint64_t vcpu)
{
    struct evtchn_init_control op = {
        .control_gfn = GUEST_GFN_CONTROL + 2, .offset = offset, .vcpu = vcpu,
    };

    return xen_evtchn_init_control(s->g->e, &op);
}

static int op_expand_array(EvtchnStage *s, uint64_t gfn, uint64_t unused)
{
    struct evtchn_expand_array op = { .array_gfn = gfn };

    return xen_evtchn_expand_array(s->g->e, &op);
}

static int op_set_priority(EvtchnStage *s, uint64_t port, uint64_t priority)
{
    struct evtchn_set_priority op = { .port = port, .priority = priority };

    return xen_evtchn_set_priority(s->g->e, &op);
}

static int op_raise_virq(EvtchnStage *s, uint64_t vcpu, uint64_t virq)
{
    int fast = xen_evtchn_raise_virq_fast(s->g->e, vcpu, virq);

    g_assert_cmpint(xen_evtchn_raise_virq(s->g->e, vcpu, virq), ==, fast);
    return fast;
}

static int op_raise_pirq(EvtchnStage *s, uint64_t pirq, uint64_t unused)
{
    int fast = xen_evtchn_raise_pirq_fast(s->g->e, pirq);

    g_assert_cmpint(xen_evtchn_raise_pirq(s->g->e, pirq), ==, fast);
    return fast;
}

static int op_inject(EvtchnStage *s, uint64_t port, uint64_t unused)
{
    return xen_evtchn_inject(s->g->e, port);
}

static int op_poll(EvtchnStage *s, uint64_t first, uint64_t second)
{
    uint32_t ports[] = { first, second };
    int ret = xen_evtchn_poll_begin(s->g->e, 2, ports, 2);

    if (ret == 0) {
        xen_evtchn_poll_end(s->g->e, 2);
    }
    return ret;
}

/* ------------------------------------------------------------ the table */

/* Stands for a port of the stage. */
#define PORT(member)    (0x100000000ull | offsetof(EvtchnStage, member))

typedef struct Case {
    const char *condition;
    int (*op)(EvtchnStage *s, uint64_t a, uint64_t b);
    uint64_t a, b;
    int err[2];                 /* 2-level, FIFO */
} Case;

#define BOTH(err)       { (err), (err) }

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
    { "domain 0, out of range", op_status, 0, 1u << 17, BOTH(-EINVAL) },
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
    { "twice", op_init_control, GUEST_GFN_CONTROL + 2, 1, { 0, -EINVAL } },
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
    { "RAM", op_expand_array, GUEST_GFN_ARRAY + 1, 0, { -EOPNOTSUPP, 0 } },
    { "no RAM", op_expand_array, 1u << 20, 0, { -EOPNOTSUPP, -EINVAL } },
    { "gfn that wraps to RAM", op_expand_array,
      (1ull << 52) + GUEST_GFN_ARRAY, 0, { -EOPNOTSUPP, -EINVAL } },

    /* set_priority: port, priority */
    { "open", op_set_priority, PORT(ipi), 15, { -ENOSYS, 0 } },
    { "too low", op_set_priority, PORT(ipi), 16, { -ENOSYS, -EINVAL } },
    { "closed", op_set_priority, 60, 3, { -ENOSYS, -EACCES } },
    { "port 0", op_set_priority, 0, 3, { -ENOSYS, -EACCES } },
    { "never open", op_set_priority, 3000, 3, BOTH(-EINVAL) },
    { "out of range", op_set_priority, 1u << 17, 3, BOTH(-EINVAL) },

    /* poll: two ports */
    { "open", op_poll, PORT(ipi), PORT(unbound), BOTH(0) },
    { "closed", op_poll, 60, PORT(ipi), BOTH(-EINVAL) },
    { "port 0", op_poll, PORT(ipi), 0, BOTH(-EINVAL) },
    { "pending, closed", op_poll, PORT(loop_b), 60, BOTH(1) },
    { "never open", op_poll, PORT(ipi), 3000, BOTH(-EINVAL) },
    { "out of range", op_poll, UINT32_MAX, PORT(ipi), BOTH(-EINVAL) },
    { "pending, out of range", op_poll, PORT(loop_b), UINT32_MAX, BOTH(1) },

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

/* The same when all ports are in use. */
static const Case full_cases[] = {
    { "self", op_alloc_unbound, DOMID_SELF, DOMID_SELF, BOTH(-ENOSPC) },
    { "in domain 0", op_alloc_unbound, 0, DOMID_SELF, BOTH(-EPERM) },
    { "in no domain", op_alloc_unbound, 99, DOMID_SELF, BOTH(-ESRCH) },
    { "loop back", op_bind_interdomain, DOMID_SELF, PORT(unbound),
      BOTH(-ENOSPC) },
    { "bound already", op_bind_interdomain, DOMID_SELF, PORT(loop_a),
      BOTH(-ENOSPC) },
    { "out of range", op_bind_interdomain, DOMID_SELF, UINT32_MAX,
      BOTH(-ENOSPC) },
    { "no such back end", op_bind_interdomain, 0, 4000, BOTH(-ENOSPC) },
    { "no such domain", op_bind_interdomain, 99, PORT(unbound),
      BOTH(-ESRCH) },
    { "timer", op_bind_virq, VIRQ_TIMER, 0, BOTH(-ENOSPC) },
    { "timer again", op_bind_virq, VIRQ_TIMER, 1, BOTH(-EEXIST) },
    { "timer, absent vCPU", op_bind_virq, VIRQ_TIMER, 3, BOTH(-ENOENT) },
    { "global, not on 0", op_bind_virq, VIRQ_DOM_EXC, 1, BOTH(-EINVAL) },
    { "free", op_bind_pirq, 6, 0, BOTH(-ENOSPC) },
    { "bound", op_bind_pirq, 5, 0, BOTH(-EEXIST) },
    { "no such PIRQ", op_bind_pirq, GUEST_MAX_PIRQS, 0, BOTH(-EINVAL) },
    { "present", op_bind_ipi, 1, 0, BOTH(-ENOSPC) },
    { "absent", op_bind_ipi, 3, 0, BOTH(-ENOENT) },
};

static uint64_t resolve(EvtchnStage *s, uint64_t arg)
{
    return arg >> 32 == 1 ? *(uint32_t *)((char *)s + (uint32_t)arg) : arg;
}

/* All state that the engine exposes. */
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
    EvtchnStage *s = evtchn_stage_new(fifo);
    const char *abi = fifo ? "FIFO" : "2-level";
    int expected = c->err[fifo], ret;
    g_autofree char *before = describe(s->g->e), *after = NULL;

    ret = c->op(s, resolve(s, c->a), resolve(s, c->b));
    if (ret != expected) {
        g_test_message("case %d, \"%s\", %s: %d instead of %d",
                       (int)(c - cases), c->condition, abi, ret, expected);
    }
    g_assert_cmpint(ret, ==, expected);
    if (ret < 0) {
        after = describe(s->g->e);
        g_assert_cmpstr(before, ==, after);
    }
    evtchn_stage_free(s);
}

static void test_errors(gconstpointer fifo)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        test_case(&cases[i], GPOINTER_TO_INT(fifo));
    }
}

static void test_errors_full(gconstpointer data)
{
    bool fifo = GPOINTER_TO_INT(data);
    EvtchnStage *s = evtchn_stage_new(fifo);
    struct evtchn_bind_ipi op = { .vcpu = 0 };
    uint32_t end = 0;

    while (xen_evtchn_bind_ipi(s->g->e, &op) == 0) {
        end = op.port + 1;
    }
    g_assert_cmpuint(end, ==, fifo ? GUEST_NR_PORTS : 4096);
    for (unsigned i = 0; i < G_N_ELEMENTS(full_cases); i++) {
        const Case *c = &full_cases[i];
        int ret = c->op(s, resolve(s, c->a), resolve(s, c->b));

        if (ret != c->err[0]) {
            g_test_message("case %u, \"%s\", full", i, c->condition);
        }
        g_assert_cmpint(ret, ==, c->err[0]);
    }
    /* A port that is freed is allocated next: no other one has leaked. */
    g_assert_cmpint(xen_evtchn_close(s->g->e, end - 1), ==, 0);
    g_assert_cmpuint(evtchn_guest_bind_ipi(s->g, 1), ==, end - 1);
    evtchn_stage_free(s);
}

/* A bind that fails releases the number that it has reserved. */
static void test_bind_fails(void)
{
    EvtchnStage *s = evtchn_stage_new(false);
    uint32_t next = evtchn_guest_bind_ipi(s->g, 0) + 1;

    g_assert_cmpint(op_bind_interdomain(s, DOMID_SELF, s->ipi), ==, -EINVAL);
    g_assert_cmpint(op_bind_interdomain(s, DOMID_SELF, next), ==, -EINVAL);
    g_assert_cmpint(op_bind_interdomain(s, 0, 4000), ==, -EINVAL);
    g_assert_cmpuint(evtchn_guest_bind_ipi(s->g, 0), ==, next);
    evtchn_stage_free(s);
}

/* As in an old Xen: the FIFO operations do not exist. */
static void test_no_fifo(void)
{
    EvtchnStage *s = evtchn_stage_new(false);
    struct evtchn_init_control op = { .control_gfn = GUEST_GFN_CONTROL };

    xen_evtchn_allow_fifo(s->g->e, false);
    g_assert_cmpint(xen_evtchn_init_control(s->g->e, &op), ==, -ENOSYS);
    g_assert_cmpint(op_init_control(s, 1u << 20, 99), ==, -ENOSYS);
    g_assert_cmpint(op_expand_array(s, GUEST_GFN_ARRAY, 0), ==, -ENOSYS);
    g_assert_cmpint(op_set_priority(s, 1u << 20, 0), ==, -ENOSYS);
    g_assert_cmpint(xen_evtchn_abi(s->g->e), ==, XEN_EVTCHN_ABI_2L);
    evtchn_stage_free(s);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_data_func("/evtchn/errors/2l", GINT_TO_POINTER(false),
                         test_errors);
    g_test_add_data_func("/evtchn/errors/fifo", GINT_TO_POINTER(true),
                         test_errors);
    g_test_add_data_func("/evtchn/errors/full/2l", GINT_TO_POINTER(false),
                         test_errors_full);
    g_test_add_data_func("/evtchn/errors/full/fifo", GINT_TO_POINTER(true),
                         test_errors_full);
    g_test_add_func("/evtchn/errors/bind-fails", test_bind_fails);
    g_test_add_func("/evtchn/errors/no-fifo", test_no_fifo);
    return g_test_run();
}
