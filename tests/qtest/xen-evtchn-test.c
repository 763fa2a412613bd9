/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Event channels by hypercall, in both ABIs and both layouts
 *
 * Tests that are the same for both ABIs.  The VMs have two vCPUs, whose upcalls
 * are LAPIC vectors.
 */
#include "qemu/osdep.h"
#include "qobject/qdict.h"
#include "qobject/qlist.h"
#include "libxen.h"

#include "hw/xen/interface/sched.h"

#define VECTOR      0xf3

static XenVm *start(const XenVariant *v)
{
    XenVm *vm = xen_vm_start(2, v->long_mode, NULL);

    g_assert_cmpint(xen_set_upcall_vector(vm, 0, VECTOR), ==, 0);
    g_assert_cmpint(xen_set_upcall_vector(vm, 1, VECTOR), ==, 0);
    if (v->fifo) {
        xen_use_fifo(vm, 4);
    }
    return vm;
}

static void test_ipi(const void *opaque)
{
    XenVm *vm = start(opaque);
    uint32_t port = xen_bind_ipi(vm, 1);

    xen_unmask(vm, port);
    g_assert_false(xen_upcall_pending(vm, 1));
    g_assert_cmpint(xen_send(vm, port), ==, 0);
    g_assert_true(xen_is_pending(vm, port));
    g_assert_true(xen_take_vector(vm, 1, VECTOR));
    g_assert_false(xen_take_vector(vm, 0, VECTOR));
    g_assert_false(xen_upcall_pending(vm, 0));
    xen_expect_event(vm, 1, port);
    g_assert_false(xen_is_pending(vm, port));
    xen_expect_event(vm, 1, 0);

    xen_vm_stop(vm);
}

/* One upcall for any number of events until the guest handles them. */
static void test_one_upcall(const void *opaque)
{
    XenVm *vm = start(opaque);
    uint32_t port[3], seen[3];

    for (int i = 0; i < 3; i++) {
        port[i] = xen_bind_ipi(vm, 0);
        xen_unmask(vm, port[i]);
    }
    g_assert_cmpint(xen_send(vm, port[0]), ==, 0);
    g_assert_true(xen_take_vector(vm, 0, VECTOR));
    g_assert_cmpint(xen_send(vm, port[0]), ==, 0);
    g_assert_cmpint(xen_send(vm, port[1]), ==, 0);
    g_assert_cmpint(xen_send(vm, port[2]), ==, 0);
    g_assert_false(xen_take_vector(vm, 0, VECTOR));

    g_assert_cmpuint(xen_handle(vm, 0, seen, 3), ==, 3);
    for (int i = 0; i < 3; i++) {
        g_assert_cmpuint(seen[i], ==, port[i]);
    }
    g_assert_cmpint(xen_send(vm, port[1]), ==, 0);
    g_assert_true(xen_take_vector(vm, 0, VECTOR));
    xen_expect_event(vm, 0, port[1]);

    xen_vm_stop(vm);
}

static void test_mask(const void *opaque)
{
    XenVm *vm = start(opaque);
    uint32_t port = xen_bind_ipi(vm, 0);

    xen_unmask(vm, port);
    xen_mask(vm, port);
    g_assert_cmpint(xen_send(vm, port), ==, 0);
    g_assert_true(xen_is_pending(vm, port));
    g_assert_true(xen_is_masked(vm, port));
    g_assert_false(xen_upcall_pending(vm, 0));
    g_assert_false(xen_take_vector(vm, 0, VECTOR));

    xen_unmask(vm, port);
    g_assert_false(xen_is_masked(vm, port));
    g_assert_true(xen_take_vector(vm, 0, VECTOR));
    xen_expect_event(vm, 0, port);

    /* Nothing is pending: an unmask notifies no vCPU. */
    xen_mask(vm, port);
    xen_unmask(vm, port);
    g_assert_false(xen_upcall_pending(vm, 0));
    g_assert_false(xen_take_vector(vm, 0, VECTOR));

    xen_vm_stop(vm);
}

static void test_loopback(const void *opaque)
{
    XenVm *vm = start(opaque);
    uint32_t a = xen_alloc_unbound(vm, DOMID_SELF);
    uint32_t b;

    g_assert_cmpint(xen_port_status(vm, a), ==, EVTCHNSTAT_unbound);
    xen_unmask(vm, a);
    b = xen_bind_loopback(vm, a);
    g_assert_cmpint(xen_port_status(vm, a), ==, EVTCHNSTAT_interdomain);
    g_assert_cmpint(xen_port_status(vm, b), ==, EVTCHNSTAT_interdomain);
    xen_unmask(vm, b);
    /* Connecting notifies, since events may have been sent before. */
    xen_expect_event(vm, 0, b);

    g_assert_cmpint(xen_send(vm, a), ==, 0);
    xen_expect_event(vm, 0, b);
    g_assert_cmpint(xen_send(vm, b), ==, 0);
    xen_expect_event(vm, 0, a);

    g_assert_cmpint(xen_close(vm, b), ==, 0);
    g_assert_cmpint(xen_port_status(vm, a), ==, EVTCHNSTAT_unbound);
    g_assert_cmpint(xen_port_status(vm, b), ==, EVTCHNSTAT_closed);

    xen_vm_stop(vm);
}

static void test_bind_vcpu(const void *opaque)
{
    XenVm *vm = start(opaque);
    uint32_t a = xen_alloc_unbound(vm, DOMID_SELF);
    uint32_t b = xen_bind_loopback(vm, a);

    xen_expect_event(vm, 0, b);
    xen_unmask(vm, a);
    g_assert_cmpint(xen_bind_vcpu(vm, a, 1), ==, 0);
    g_assert_cmpint(xen_send(vm, b), ==, 0);
    g_assert_false(xen_upcall_pending(vm, 0));
    xen_expect_event(vm, 1, a);
    g_assert_cmpint(xen_bind_vcpu(vm, a, 0), ==, 0);
    g_assert_cmpint(xen_send(vm, b), ==, 0);
    g_assert_false(xen_upcall_pending(vm, 1));
    xen_expect_event(vm, 0, a);

    xen_vm_stop(vm);
}

/* A port that was closed while pending is not pending when it is reused. */
static void test_close_pending(const void *opaque)
{
    XenVm *vm = start(opaque);
    uint32_t port = xen_bind_ipi(vm, 0), seen[1];

    xen_unmask(vm, port);
    g_assert_cmpint(xen_send(vm, port), ==, 0);
    g_assert_cmpint(xen_close(vm, port), ==, 0);
    g_assert_cmpint(xen_send(vm, port), ==, -EINVAL);
    g_assert_false(xen_is_pending(vm, port));
    g_assert_cmpuint(xen_handle(vm, 0, seen, 1), ==, 0);

    g_assert_cmpuint(xen_bind_ipi(vm, 0), ==, port);
    g_assert_false(xen_is_pending(vm, port));
    xen_unmask(vm, port);
    g_assert_cmpint(xen_send(vm, port), ==, 0);
    xen_expect_event(vm, 0, port);

    xen_vm_stop(vm);
}

static void test_reset(const void *opaque)
{
    XenVm *vm = start(opaque);
    uint32_t port = xen_bind_ipi(vm, 1);
    struct evtchn_reset reset = { .dom = 5 };

    g_assert_cmpint(XEN_EVTCHN_OP(vm, 0, EVTCHNOP_reset, &reset), ==, -ESRCH);
    g_assert_cmpint(xen_port_status(vm, port), ==, EVTCHNSTAT_ipi);
    reset.dom = DOMID_SELF;
    g_assert_cmpint(XEN_EVTCHN_OP(vm, 0, EVTCHNOP_reset, &reset), ==, 0);
    g_assert_cmpint(xen_port_status(vm, port), ==, EVTCHNSTAT_closed);

    /* After the reset the ABI is 2-level. */
    memset(vm->control, 0, sizeof(vm->control));
    g_array_set_size(vm->array, 0);
    port = xen_bind_ipi(vm, 1);
    xen_unmask(vm, port);
    g_assert_cmpint(xen_send(vm, port), ==, 0);
    xen_expect_event(vm, 1, port);

    xen_vm_stop(vm);
}

/* Allocates all ports; the highest one works. */
static void test_all_ports(const void *opaque)
{
    const XenVariant *v = opaque;
    XenVm *vm = start(v);
    /* FIFO: limited by the test's event array */
    uint32_t max = v->fifo ? 4096 : v->long_mode ? 4096 : 1024;
    size_t nr = max - 16;
    g_autofree evtchn_op_t *ops = g_new0(evtchn_op_t, nr);
    g_autofree int64_t *ret = g_new(int64_t, nr);
    struct evtchn_bind_ipi op = { .vcpu = 1 };
    uint32_t port, last = 0;

    for (size_t i = 0; i < nr; i++) {
        ops[i].cmd = EVTCHNOP_bind_ipi;
        ops[i].u.bind_ipi.vcpu = 1;
    }
    xen_evtchn_ops(vm, ops, ret, nr);
    for (size_t i = 0; i < nr; i++) {
        g_assert_cmpint(ret[i], ==, 0);
        g_assert_cmpuint(ops[i].u.bind_ipi.port, >, last);
        last = ops[i].u.bind_ipi.port;
    }
    while (last < max - 1) {
        port = xen_bind_ipi(vm, 1);
        g_assert_cmpuint(port, >, last);
        last = port;
    }
    g_assert_cmpint(XEN_EVTCHN_OP(vm, 0, EVTCHNOP_bind_ipi, &op), ==,
                    v->fifo ? 0 : -ENOSPC);
    xen_unmask(vm, last);
    g_assert_cmpint(xen_send(vm, last), ==, 0);
    xen_expect_event(vm, 1, last);

    xen_vm_stop(vm);
}

/* SCHEDOP_poll returns immediately, since no vCPU runs in a qtest. */
static void test_poll(const void *opaque)
{
    XenVm *vm = start(opaque);
    uint32_t port = xen_bind_ipi(vm, 0), closed = port + 1, bad = 3000;
    uint64_t ports = xen_vm_page(vm);
    uint8_t op[24] = { 0 };
    size_t len = vm->long_mode ? 24 : 16;

    memcpy(op, &ports, len == 24 ? 8 : 4);
    op[len == 24 ? 8 : 4] = 1;          /* nr_ports */
    qtest_memwrite(vm->qts, ports, &port, sizeof(port));
    g_assert_cmpint(xen_op(vm, 0, __HYPERVISOR_sched_op, SCHEDOP_poll, op,
                           len), ==, 0);
    qtest_memwrite(vm->qts, ports, &closed, sizeof(closed));
    g_assert_cmpint(xen_op(vm, 0, __HYPERVISOR_sched_op, SCHEDOP_poll, op,
                           len), ==, -EINVAL);
    qtest_memwrite(vm->qts, ports, &bad, sizeof(bad));
    g_assert_cmpint(xen_op(vm, 0, __HYPERVISOR_sched_op, SCHEDOP_poll, op,
                           len), ==, -EINVAL);
    op[len == 24 ? 8 : 4] = 129;
    g_assert_cmpint(xen_op(vm, 0, __HYPERVISOR_sched_op, SCHEDOP_poll, op,
                           len), ==, -EINVAL);

    xen_vm_stop(vm);
}

/* The counters of @vcpu in @info, the result of query-xen. */
static QDict *vcpu_counts(QDict *info, unsigned vcpu)
{
    QDict *counts = qobject_to(QDict, qlist_pop(qdict_get_qlist(info,
                                                                "vcpus")));

    for (; vcpu > 0; vcpu--) {
        qobject_unref(counts);
        counts = qobject_to(QDict, qlist_pop(qdict_get_qlist(info, "vcpus")));
    }
    return counts;
}

/* query-xen counts by kind of event, and in total. */
static void test_counts(const void *opaque)
{
    XenVm *vm = start(opaque);
    uint32_t ipi = xen_bind_ipi(vm, 1);
    uint32_t port = xen_alloc_unbound(vm, DOMID_SELF);
    uint32_t sender = xen_bind_loopback(vm, port);
    g_autofree char *table = NULL;
    const QListEntry *entry;
    QDict *info, *vcpu;
    int64_t fast = 0;

    g_assert_cmpint(xen_bind_vcpu(vm, port, 1), ==, 0);
    xen_unmask(vm, ipi);
    xen_unmask(vm, port);
    for (int i = 0; i < 3; i++) {
        g_assert_cmpint(xen_send(vm, ipi), ==, 0);
    }
    g_assert_cmpint(xen_send(vm, sender), ==, 0);

    info = qtest_qmp_assert_success_ref(vm->qts, "{ 'execute': 'query-xen' }");
    vcpu = vcpu_counts(info, 1);
    g_assert_cmpint(qdict_get_int(vcpu, "vcpu"), ==, 1);
    QLIST_FOREACH_ENTRY(qdict_get_qlist(vcpu, "kinds"), entry) {
        QDict *kind = qobject_to(QDict, qlist_entry_obj(entry));
        bool is_ipi = !strcmp(qdict_get_str(kind, "kind"), "ipi");

        g_assert_true(is_ipi ||
                      !strcmp(qdict_get_str(kind, "kind"), "loopback"));
        g_assert_cmpint(qdict_get_int(kind, "fast"), ==, 1);
        g_assert_cmpint(qdict_get_int(kind, "already-pending"), ==,
                        is_ipi ? 2 : 0);
        g_assert_cmpint(qdict_get_int(kind, "upcalls"), ==, is_ipi);
        g_assert_cmpint(qdict_get_int(kind, "upcalls-saved"), ==, !is_ipi);
        fast += qdict_get_int(kind, "fast");
    }
    g_assert_cmpint(fast, ==, 2);
    g_assert_cmpint(qdict_get_int(vcpu, "fast"), ==, fast);
    g_assert_cmpint(qdict_get_int(vcpu, "upcalls"), ==, 1);
    qobject_unref(vcpu);
    qobject_unref(info);

    table = qtest_hmp(vm->qts, "info xen");
    g_assert_nonnull(strstr(table, "\n  ipi "));
    g_assert_nonnull(strstr(table, "\n  loopback "));
    g_assert_null(strstr(table, "\n  pirq "));
    xen_vm_stop(vm);
}

static const XenVariantTest tests[] = {
    { "ipi", test_ipi },
    { "one-upcall", test_one_upcall },
    { "mask", test_mask },
    { "loopback", test_loopback },
    { "bind-vcpu", test_bind_vcpu },
    { "close-pending", test_close_pending },
    { "reset", test_reset },
    { "all-ports", test_all_ports },
    { "poll", test_poll },
    { "counts", test_counts },
};

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);

    xen_add_variant_tests("evtchn", tests, ARRAY_SIZE(tests));
    return g_test_run();
}
