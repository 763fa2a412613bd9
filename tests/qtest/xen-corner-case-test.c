/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Migration in corner cases: guests that are saved or resumed at rare moments,
 * or in states that only an unusual guest reaches
 */
#include "qemu/osdep.h"
#include "qobject/qdict.h"
#include "libxen-state.h"
#include "libxen-store.h"

#define VECTOR  0xf3

/*
 * A channel for a domain that does not exist, which Xen allows for any number.
 * In the stream the number shares 16 bits with the flag "connected to QEMU".
 */
static void test_third_domain(const void *opaque)
{
    static const uint16_t domid[] = { 2, 0x7fef, 0x7fff, 0x8000, 0x9000,
                                      0xffff };
    const XenVariant *v = opaque;
    XenVm *vm = xen_vm_start(1, v->long_mode, XEN_STATE_SOURCE);
    uint32_t port[ARRAY_SIZE(domid)];

    if (v->fifo) {
        xen_use_fifo(vm, 1);
    }
    for (unsigned i = 0; i < ARRAY_SIZE(domid); i++) {
        port[i] = xen_alloc_unbound(vm, domid[i]);
    }
    vm = xen_state_move(vm, NULL, 0);
    for (unsigned i = 0; i < ARRAY_SIZE(domid); i++) {
        struct evtchn_status status = { .dom = DOMID_SELF, .port = port[i] };
        struct evtchn_bind_interdomain bind = {
            .remote_dom = DOMID_SELF, .remote_port = port[i],
        };

        g_assert_cmpint(XEN_EVTCHN_OP(vm, 0, EVTCHNOP_status, &status), ==, 0);
        g_assert_cmpuint(status.status, ==, EVTCHNSTAT_unbound);
        if (v->fifo || domid[i] <= 0x7fff) {
            g_assert_cmpuint(status.u.unbound.dom, ==, domid[i]);
        }
        /* Unbound, for neither the guest nor QEMU. */
        g_assert_cmpuint(status.u.unbound.dom, !=, DOMID_SELF);
        g_assert_cmpuint(status.u.unbound.dom, !=, 0);
        g_assert_cmpint(XEN_EVTCHN_OP(vm, 0, EVTCHNOP_bind_interdomain, &bind),
                        ==, -EINVAL);
    }
    xen_vm_stop(vm);
}

/*
 * A 64-bit kernel starts a 32-bit one, which has fewer ports: one end of a
 * channel is out of range, and not migrated.
 */
static void test_fewer_ports(const void *opaque)
{
    const XenVariant *v = opaque;
    XenVm *vm = xen_vm_start(1, true, XEN_STATE_SOURCE);
    uint32_t low = xen_alloc_unbound(vm, DOMID_SELF), high;

    do {
        high = xen_bind_ipi(vm, 0);
    } while (high < 1023);
    high = xen_bind_loopback(vm, low);
    g_assert_cmpuint(high, ==, 1024);
    g_assert_cmpint(xen_hypercall_page(vm, xen_vm_page(vm), v->long_mode), ==,
                    0);
    vm->long_mode = v->long_mode;
    vm = xen_state_move(vm, NULL, 0);
    g_assert_cmpint(xen_port_status(vm, low), ==,
                    v->long_mode ? EVTCHNSTAT_interdomain : EVTCHNSTAT_unbound);
    g_assert_cmpint(xen_port_status(vm, high), ==,
                    v->long_mode ? EVTCHNSTAT_interdomain : -EINVAL);
    g_assert_cmpint(xen_close(vm, low), ==, 0);
    xen_vm_stop(vm);
}

static void wait_until_loaded(XenVm *vm)
{
    for (;;) {
        QDict *info = qtest_qmp_assert_success_ref(vm->qts,
            "{ 'execute': 'query-status' }");
        bool loaded = g_str_equal(qdict_get_str(info, "status"), "paused");

        qobject_unref(info);
        if (loaded) {
            return;
        }
        g_usleep(1000);
    }
}

/* A back end sends an event after the load, before the guest runs. */
static void test_event_before_resume(const void *opaque)
{
    const XenVariant *v = opaque;
    XenVm *vm = xen_vm_start(2, v->long_mode, XEN_STATE_SOURCE), *target;
    g_autofree char *path = NULL;
    uint32_t port;

    g_assert_cmpint(xen_set_upcall_vector(vm, 1, VECTOR), ==, 0);
    if (v->fifo) {
        xen_use_fifo(vm, 1);
    }
    port = xen_bind_ipi(vm, 1);
    xen_unmask(vm, port);
    path = xen_state_save(vm);

    target = xen_vm_start_target(vm, NULL, XEN_STATE_TARGET " -S");
    xen_state_load(target, path);
    wait_until_loaded(target);
    qtest_qmp_assert_success(target->qts, "{ 'execute': 'xen-event-inject', "
                             "'arguments': { 'port': %u } }", port);
    qtest_qmp_assert_success(target->qts, "{ 'execute': 'cont' }");
    g_assert_true(xen_take_vector(target, 1, VECTOR));
    xen_expect_event(target, 1, port);

    xen_vm_stop(vm);
    xen_vm_stop(target);
    unlink(path);
}

/*
 * One of two open transactions has no changes, so it has no nodes in the
 * stream.
 */
static void test_transactions(const void *opaque)
{
    const XenVariant *v = opaque;
    XenVm *vm = xen_vm_start(1, v->long_mode, XEN_STATE_SOURCE);
    XenStore s = xen_store_open(vm);
    uint32_t unchanged = xen_store_start_transaction(&s);
    uint32_t changed = xen_store_start_transaction(&s);

    xen_store_expect(&s, XS_WRITE, changed, XEN_STORE_BYTES("data/new\0text"),
                     XEN_STORE_STRINGS("OK"));
    s.vm = vm = xen_state_move(vm, NULL, 0);
    xen_store_expect(&s, XS_READ, unchanged, XEN_STORE_STRINGS("domid"),
                     XEN_STORE_BYTES("1"));
    xen_store_expect_error(&s, XS_READ, unchanged,
                           XEN_STORE_STRINGS("data/new"), "ENOENT");
    xen_store_expect(&s, XS_READ, changed, XEN_STORE_STRINGS("data/new"),
                     XEN_STORE_BYTES("text"));
    xen_vm_stop(vm);
}

/* A load begins with a reset.  The new vCPU was never told to stop. */
static void test_plugged_while_stopped(const void *opaque)
{
    const XenVariant *v = opaque;
    XenVm *vm = xen_vm_start(1, v->long_mode,
                             XEN_STATE_SOURCE " -smp 1,sockets=2,maxcpus=2");
    XenSnapshot *s = xen_snapshot_new(vm);

    qtest_qmp_device_add(vm->qts, "qemu64-x86_64-cpu", "added",
                         "{ 'socket-id': 1, 'core-id': 0, 'thread-id': 0 }");
    g_assert_null(xen_snapshot_load(s));
    qtest_system_reset(vm->qts);
    xen_snapshot_free(s);
    xen_vm_stop(vm);
}

int main(int argc, char **argv)
{
    static const XenVariantTest tests[] = {
        { "third-domain", test_third_domain },
        { "fewer-ports", test_fewer_ports, true },
        { "event-before-resume", test_event_before_resume },
        { "transactions", test_transactions, true },
        { "plugged-while-stopped", test_plugged_while_stopped, true },
    };

    g_test_init(&argc, &argv, NULL);
    xen_add_variant_tests("corner-case", tests, ARRAY_SIZE(tests));
    return g_test_run();
}
