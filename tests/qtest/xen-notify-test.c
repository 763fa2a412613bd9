/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A vCPU is notified exactly when it has to be
 *
 * Each case of the list in include/hw/xen/emu/irq/upcall.h, and its opposite.
 * Upcalls are by callback vector, which qtest counts, and are raised without
 * the BQL, which QEMU checks.
 */
#include "qemu/osdep.h"
#include "qobject/qdict.h"
#include "qobject/qlist.h"
#include "libxen.h"

#include "hw/xen/interface/memory.h"
#include "hw/xen/interface/vcpu.h"
#include "hw/xen/interface/hvm/params.h"

#define VECTOR              0xf3
#define OWN_VECTOR          0xf4
#define CALLBACK_NONE       0
#define CALLBACK_VECTOR     (UINT64_C(2) << 56 | VECTOR)
#define CHECK               ",x-xen-bql-check=on"

typedef struct Guest {
    XenVm *vm;
    uint32_t port, second;      /* to vCPU 1, not masked */
    uint32_t to_first;          /* to vCPU 0, not masked */
} Guest;

static void set_callback(XenVm *vm, uint64_t param)
{
    g_assert_cmpint(xen_set_param(vm, HVM_PARAM_CALLBACK_IRQ, param), ==, 0);
}

static Guest start(const XenVariant *v)
{
    Guest g = { .vm = xen_vm_start_bare(2, v->long_mode, XEN_VM_ACCEL CHECK,
                                        "-nodefaults") };

    xen_vm_set_up(g.vm);
    if (v->fifo) {
        xen_use_fifo(g.vm, 1);
    }
    set_callback(g.vm, CALLBACK_VECTOR);
    g.port = xen_bind_ipi(g.vm, 1);
    g.second = xen_bind_ipi(g.vm, 1);
    g.to_first = xen_bind_ipi(g.vm, 0);
    xen_unmask(g.vm, g.port);
    xen_unmask(g.vm, g.second);
    xen_unmask(g.vm, g.to_first);
    xen_take_callbacks(g.vm, 0);
    xen_take_callbacks(g.vm, 1);
    return g;
}

/* vCPU 1 was notified @times times since the last call, vCPU 0 not at all. */
static void expect_notified(Guest *g, unsigned times)
{
    g_assert_cmpuint(xen_take_callbacks(g->vm, 1), ==, times);
    g_assert_cmpuint(xen_take_callbacks(g->vm, 0), ==, 0);
}

static void send_to(Guest *g, uint32_t port)
{
    g_assert_cmpint(xen_send(g->vm, port), ==, 0);
}

static uint64_t count(Guest *g, const char *name)
{
    QDict *info = qtest_qmp_assert_success_ref(g->vm->qts,
                                               "{ 'execute': 'query-xen' }");
    QDict *vcpu = qobject_to(QDict,
                             qlist_entry_obj(QTAILQ_NEXT(qlist_first(
                                 qdict_get_qlist(info, "vcpus")), next)));
    uint64_t n = qdict_haskey(info, name) ? qdict_get_int(info, name)
                                          : qdict_get_int(vcpu, name);

    qobject_unref(info);
    return n;
}

/* ------------------------------------- an event became deliverable -- */

static void test_raised(Guest *g)
{
    send_to(g, g->port);
    expect_notified(g, 1);
    xen_expect_event(g->vm, 1, g->port);
    send_to(g, g->port);
    expect_notified(g, 1);
}

static void test_already_pending(Guest *g)
{
    uint64_t pending = count(g, "already-pending");

    send_to(g, g->port);
    expect_notified(g, 1);
    send_to(g, g->port);
    expect_notified(g, 0);
    g_assert_cmpuint(count(g, "already-pending"), ==, pending + 1);
}

static void test_already_notified(Guest *g)
{
    uint64_t upcalls = count(g, "upcalls"), saved = count(g, "upcalls-saved");

    send_to(g, g->port);
    send_to(g, g->second);
    expect_notified(g, 1);
    g_assert_cmpuint(count(g, "upcalls"), ==, upcalls + 1);
    /* FIFO: the queue was ready already, so the flag was not even read. */
    g_assert_cmpuint(count(g, "upcalls-saved") - saved, <=, 1);
}

static void test_masked(Guest *g)
{
    xen_mask(g->vm, g->port);
    send_to(g, g->port);
    expect_notified(g, 0);
    g_assert_false(xen_upcall_pending(g->vm, 1));
}

static void test_closed(Guest *g)
{
    g_assert_cmpint(xen_close(g->vm, g->port), ==, 0);
    g_assert_cmpint(xen_send(g->vm, g->port), ==, -EINVAL);
    expect_notified(g, 0);
}

/* The other end is unbound, or QEMU's. */
static void test_unbound(Guest *g)
{
    send_to(g, xen_alloc_unbound(g->vm, DOMID_SELF));
    send_to(g, xen_alloc_unbound(g->vm, 0));
    expect_notified(g, 0);
}

static void test_timer(Guest *g)
{
    struct vcpu_set_singleshot_timer op = { .timeout_abs_ns = 5000000 };
    uint32_t port = xen_bind_virq(g->vm, 1, VIRQ_TIMER);

    xen_unmask(g->vm, port);
    g_assert_cmpint(xen_vcpu_op(g->vm, 1, VCPUOP_set_singleshot_timer, 1, &op,
                                sizeof(op)), ==, 0);
    expect_notified(g, 0);
    qtest_clock_step(g->vm->qts, 10000000);
    expect_notified(g, 1);
    xen_expect_event(g->vm, 1, port);
}

/* ----------------------------------------------- the guest unmasked -- */

static void test_unmask_pending(Guest *g)
{
    xen_mask(g->vm, g->port);
    send_to(g, g->port);
    expect_notified(g, 0);
    xen_unmask(g->vm, g->port);
    expect_notified(g, 1);
    xen_expect_event(g->vm, 1, g->port);
}

static void test_unmask_idle(Guest *g)
{
    xen_mask(g->vm, g->port);
    xen_unmask(g->vm, g->port);
    xen_unmask(g->vm, g->port);
    expect_notified(g, 0);
}

static void test_unmask_notified(Guest *g)
{
    xen_mask(g->vm, g->port);
    send_to(g, g->port);
    send_to(g, g->second);
    expect_notified(g, 1);
    xen_unmask(g->vm, g->port);
    expect_notified(g, 0);
}

/* ------------------------ the place or kind of notification has changed -- */

static void test_new_callback(Guest *g)
{
    set_callback(g->vm, CALLBACK_NONE);
    send_to(g, g->port);
    expect_notified(g, 0);
    set_callback(g->vm, CALLBACK_VECTOR);
    expect_notified(g, 1);
    xen_expect_event(g->vm, 1, g->port);

    set_callback(g->vm, CALLBACK_VECTOR);
    expect_notified(g, 0);
}

static void test_own_vector(Guest *g)
{
    set_callback(g->vm, CALLBACK_NONE);
    send_to(g, g->port);
    g_assert_cmpint(xen_set_upcall_vector(g->vm, 1, OWN_VECTOR), ==, 0);
    g_assert_true(xen_take_vector(g->vm, 1, OWN_VECTOR));
    xen_expect_event(g->vm, 1, g->port);

    g_assert_cmpint(xen_set_upcall_vector(g->vm, 1, OWN_VECTOR), ==, 0);
    g_assert_false(xen_take_vector(g->vm, 1, OWN_VECTOR));
}

/* vcpu_info can be registered only once, so this needs a VM of its own. */
static void place_vcpu_info(const XenVariant *v, bool pending)
{
    Guest g = { .vm = xen_vm_start_bare(2, v->long_mode, XEN_VM_ACCEL CHECK,
                                        "-nodefaults") };
    XenVm *vm = g.vm;
    uint64_t page = xen_vm_page(vm);

    g_assert_cmpint(xen_hypercall_page(vm, xen_vm_page(vm), vm->long_mode),
                    ==, 0);
    vm->shared_info = xen_vm_page(vm);
    g_assert_cmpint(xen_add_to_physmap(vm, XENMAPSPACE_shared_info, 0,
                                       vm->shared_info), ==, 0);
    for (unsigned i = 0; i < 2; i++) {
        vm->vcpu_info[i] = vm->shared_info + i * 64;
    }
    if (v->fifo) {
        xen_use_fifo(vm, 1);
    }
    set_callback(vm, CALLBACK_VECTOR);
    g.port = xen_bind_ipi(vm, 1);
    xen_unmask(vm, g.port);
    if (pending) {
        send_to(&g, g.port);
        expect_notified(&g, 1);
    }
    vm->vcpu_info[1] = page;
    /* Memory with any contents: flags that are set there are not events. */
    qtest_memset(vm->qts, page, 0xff, 64);
    g_assert_cmpint(xen_register_vcpu_info(vm, 1, page), ==, 0);
    expect_notified(&g, pending);
    xen_expect_event(vm, 1, pending ? g.port : 0);
    xen_vm_stop(vm);
}

static void test_vcpu_info(const void *variant)
{
    place_vcpu_info(variant, true);
    place_vcpu_info(variant, false);
}

/* A notification from before the save may not have reached vCPU 1. */
static void test_load(const void *variant)
{
    Guest g = start(variant), target;
    g_autofree char *uri = NULL;
    char *path;
    int fd = g_file_open_tmp("xen-qtest-XXXXXX", &path, NULL);

    g_assert_cmpint(fd, >=, 0);
    close(fd);
    uri = g_strdup_printf("file:%s", path);
    send_to(&g, g.port);
    qtest_qmp_assert_success(g.vm->qts, "{ 'execute': 'migrate', "
                             "'arguments': { 'uri': %s } }", uri);
    qtest_qmp_eventwait(g.vm->qts, "STOP");
    for (;;) {
        QDict *info = qtest_qmp_assert_success_ref(g.vm->qts,
            "{ 'execute': 'query-migrate' }");
        bool done = g_str_equal(qdict_get_str(info, "status"), "completed");

        qobject_unref(info);
        if (done) {
            break;
        }
        g_usleep(1000);
    }

    target = g;
    target.vm = xen_vm_start_target(g.vm, XEN_VM_ACCEL CHECK,
                                    "-nodefaults -incoming defer");
    qtest_qmp_assert_success(target.vm->qts, "{ 'execute': 'migrate-incoming', "
                             "'arguments': { 'uri': %s } }", uri);
    qtest_qmp_eventwait(target.vm->qts, "RESUME");
    expect_notified(&target, 1);
    xen_expect_event(target.vm, 1, g.port);

    xen_vm_stop(g.vm);
    xen_vm_stop(target.vm);
    unlink(path);
    free(path);
}

/* -------------------------------------------------- the BQL -- */

/* Sends, unmasks, timer expiries and upcalls are checked for the BQL. */
static void test_bql_check(Guest *g)
{
    static const char name[] = "bql-checked";
    struct vcpu_set_singleshot_timer op = { .timeout_abs_ns = 5000000 };
    uint32_t timer = xen_bind_virq(g->vm, 1, VIRQ_TIMER);
    uint64_t n = count(g, name);

    send_to(g, g->port);
    g_assert_cmpuint(count(g, name), ==, n + 1);
    xen_unmask(g->vm, timer);
    g_assert_cmpuint(count(g, name), ==, n + 2);
    g_assert_cmpint(xen_vcpu_op(g->vm, 1, VCPUOP_set_singleshot_timer, 1, &op,
                                sizeof(op)), ==, 0);
    g_assert_cmpuint(count(g, name), ==, n + 2);
    qtest_clock_step(g->vm->qts, 10000000);
    g_assert_cmpuint(count(g, name), ==, n + 3);
}

static const struct {
    const char *name;
    void (*run)(Guest *g);
} tests[] = {
    { "raised", test_raised },
    { "already-pending", test_already_pending },
    { "already-notified", test_already_notified },
    { "masked", test_masked },
    { "closed", test_closed },
    { "unbound", test_unbound },
    { "timer", test_timer },
    { "unmask-pending", test_unmask_pending },
    { "unmask-idle", test_unmask_idle },
    { "unmask-notified", test_unmask_notified },
    { "new-callback", test_new_callback },
    { "own-vector", test_own_vector },
    { "bql-check", test_bql_check },
};

typedef struct Case {
    const XenVariant *variant;
    void (*run)(Guest *g);
} Case;

static void run_case(const void *opaque)
{
    const Case *c = opaque;
    Guest g = start(c->variant);

    c->run(&g);
    xen_vm_stop(g.vm);
}

int main(int argc, char **argv)
{
    static const XenVariantTest own_vm[] = {
        { "vcpu-info", test_vcpu_info }, { "load", test_load },
    };
    static Case cases[ARRAY_SIZE(xen_variants)][ARRAY_SIZE(tests)];

    g_test_init(&argc, &argv, NULL);
    for (size_t i = 0; i < ARRAY_SIZE(xen_variants); i++) {
        for (size_t j = 0; j < ARRAY_SIZE(tests); j++) {
            g_autofree char *path = g_strdup_printf("xen/notify/%s/%s",
                                                    xen_variants[i].name,
                                                    tests[j].name);

            cases[i][j] = (Case) { &xen_variants[i], tests[j].run };
            qtest_add_data_func(path, &cases[i][j], run_case);
        }
    }
    xen_add_variant_tests("notify", own_vm, ARRAY_SIZE(own_vm));
    return g_test_run();
}
