/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Xen guests are saved and loaded during traffic: no event is lost or
 * duplicated
 *
 * Per-vCPU checks are made for each vCPU; the guests have 1 to 64.
 */
#include "qemu/osdep.h"
#include "libxen-state.h"

#include "hw/xen/interface/memory.h"
#include "hw/xen/interface/vcpu.h"
#include "hw/xen/interface/hvm/params.h"

#define VECTOR          0xf3
#define SAVED_AT        1000000     /* ns, as all times here */
#define FIRST_DEADLINE  5000000
#define DEADLINE_STEP   1000        /* from vCPU to vCPU */
#define PERIOD          20000000
#define CALLBACK_VECTOR (UINT64_C(2) << 56 | 0x61)

typedef struct Variant {
    const char *name;
    bool long_mode, fifo;
    unsigned nr_vcpus;
} Variant;

static const Variant variants[] = {
    { "2level/64", true, false, 2 },
    { "2level/32", false, false, 2 },
    { "fifo/64", true, true, 2 },
    { "fifo/32", false, true, 2 },
    { "2level/64/1-vcpu", true, false, 1 },
    { "2level/64/64-vcpus", true, false, 64 },
    { "2level/32/64-vcpus", false, false, 64 },
    { "fifo/64/1-vcpu", true, true, 1 },
    { "fifo/64/64-vcpus", true, true, 64 },
    { "fifo/32/64-vcpus", false, true, 64 },
};

/* Per vCPU. */
typedef struct Ports {
    uint32_t pending, masked, idle, timer;
} Ports;

static XenVm *start(const Variant *v)
{
    XenVm *vm = xen_vm_start(v->nr_vcpus, v->long_mode, XEN_STATE_SOURCE);

    for (unsigned i = 0; i < v->nr_vcpus; i++) {
        g_assert_cmpint(xen_set_upcall_vector(vm, i, VECTOR), ==, 0);
    }
    if (v->fifo) {
        xen_use_fifo(vm, 2);
    }
    qtest_clock_step(vm->qts, SAVED_AT);
    return vm;
}

static uint32_t unmasked(XenVm *vm, uint32_t port)
{
    xen_unmask(vm, port);
    return port;
}

/* ---------------------------------------------------------------- traffic */

static void bind_ports(XenVm *vm, unsigned vcpu, Ports *p)
{
    p->pending = unmasked(vm, xen_bind_ipi(vm, vcpu));
    p->masked = unmasked(vm, xen_bind_ipi(vm, vcpu));
    p->idle = unmasked(vm, xen_bind_ipi(vm, vcpu));
    p->timer = unmasked(vm, xen_bind_virq(vm, vcpu, VIRQ_TIMER));
    xen_mask(vm, p->masked);
}

static void make_traffic(XenVm *vm, unsigned vcpu, const Ports *p)
{
    struct vcpu_set_singleshot_timer timer = {
        .timeout_abs_ns = FIRST_DEADLINE + vcpu * DEADLINE_STEP,
    };

    g_assert_cmpint(xen_vcpu_op(vm, vcpu, VCPUOP_set_singleshot_timer, vcpu,
                                &timer, sizeof(timer)), ==, 0);
    g_assert_cmpint(xen_send(vm, p->pending), ==, 0);
    g_assert_cmpint(xen_send(vm, p->masked), ==, 0);
}

static void expect_traffic(XenVm *vm, unsigned vcpu, const Ports *p)
{
    uint32_t seen[2];

    g_assert_true(xen_is_pending(vm, p->pending));
    g_assert_true(xen_is_pending(vm, p->masked));
    g_assert_true(xen_is_masked(vm, p->masked));
    g_assert_true(xen_upcall_pending(vm, vcpu));
    /* The upcall was raised before; it is in the LAPIC's state. */
    g_assert_true(xen_take_vector(vm, vcpu, VECTOR));
    /* In FIFO this port is linked behind the tail. */
    g_assert_cmpint(xen_send(vm, p->idle), ==, 0);
    g_assert_cmpuint(xen_handle(vm, vcpu, seen, 2), ==, 2);
    g_assert_cmpuint(seen[0], ==, p->pending);
    g_assert_cmpuint(seen[1], ==, p->idle);
    xen_expect_event(vm, vcpu, 0);

    xen_unmask(vm, p->masked);
    g_assert_true(xen_take_vector(vm, vcpu, VECTOR));
    xen_expect_event(vm, vcpu, p->masked);
    g_assert_cmpint(xen_send(vm, p->idle), ==, 0);
    g_assert_true(xen_take_vector(vm, vcpu, VECTOR));
    xen_expect_event(vm, vcpu, p->idle);
    g_assert_cmpint(xen_port_status(vm, p->timer), ==, EVTCHNSTAT_virq);
}

/* Nothing before the first deadline, then each timer at its time. */
static void expect_timers(XenVm *vm, const Ports *p)
{
    qtest_clock_set(vm->qts, FIRST_DEADLINE - 1);
    xen_expect_event(vm, 0, 0);
    qtest_clock_step(vm->qts, 1);
    for (unsigned i = 0; i < vm->nr_vcpus; i++) {
        xen_expect_event(vm, i, p[i].timer);
        if (i + 1 < vm->nr_vcpus) {
            xen_expect_event(vm, i + 1, 0);
        }
        qtest_clock_step(vm->qts, DEADLINE_STEP);
        xen_expect_event(vm, i, 0);
    }
}

static void test_traffic(const void *opaque)
{
    const Variant *v = opaque;
    XenVm *vm = start(v);
    Ports p[XEN_VM_MAX_VCPUS];

    for (unsigned i = 0; i < v->nr_vcpus; i++) {
        bind_ports(vm, i, &p[i]);
    }
    for (unsigned i = 0; i < v->nr_vcpus; i++) {
        make_traffic(vm, i, &p[i]);
    }
    vm = xen_state_move(vm, NULL, SAVED_AT);
    for (unsigned i = 0; i < v->nr_vcpus; i++) {
        expect_traffic(vm, i, &p[i]);
    }
    expect_timers(vm, p);

    /* New ports do not reuse the numbers of old ones. */
    g_assert_cmpuint(xen_bind_ipi(vm, 0), ==,
                     p[v->nr_vcpus - 1].timer + 1);
    xen_vm_stop(vm);
}

/* ----------------------------------------------------------------- timers */

/* The period is migrated, the phase is not: it restarts. */
static void test_periodic(const void *opaque)
{
    XenVm *vm = start(opaque);
    struct vcpu_set_periodic_timer timer = { .period_ns = PERIOD };
    unsigned last = vm->nr_vcpus - 1;
    uint32_t port = unmasked(vm, xen_bind_virq(vm, last, VIRQ_TIMER));

    g_assert_cmpint(xen_vcpu_op(vm, last, VCPUOP_set_periodic_timer, last,
                                &timer, sizeof(timer)), ==, 0);
    /*
     * The first tick is immediate: it is relative to the last tick, at time 0.
     */
    qtest_clock_step(vm->qts, 2 * PERIOD);
    xen_expect_event(vm, last, port);

    vm = xen_state_move(vm, NULL, 0);
    for (unsigned i = 0; i < 3; i++) {
        qtest_clock_step(vm->qts, PERIOD - 1);
        xen_expect_event(vm, last, 0);
        qtest_clock_step(vm->qts, 1);
        xen_expect_event(vm, last, port);
    }
    xen_vm_stop(vm);
}

/*
 * The deadline has passed when the state is loaded: it fires once, immediately.
 */
static void test_overdue(const void *opaque)
{
    XenVm *vm = start(opaque);
    struct vcpu_set_singleshot_timer timer = {
        .timeout_abs_ns = FIRST_DEADLINE,
    };
    uint32_t port = unmasked(vm, xen_bind_virq(vm, 0, VIRQ_TIMER));

    g_assert_cmpint(xen_vcpu_op(vm, 0, VCPUOP_set_singleshot_timer, 0, &timer,
                                sizeof(timer)), ==, 0);
    vm = xen_state_move(vm, NULL, FIRST_DEADLINE + 1);
    qtest_clock_step(vm->qts, 1);
    xen_expect_event(vm, 0, port);
    qtest_clock_step(vm->qts, FIRST_DEADLINE);
    xen_expect_event(vm, 0, 0);
    xen_vm_stop(vm);
}

/* ------------------------------------------------------ places and upcalls */

/* The default vcpu_info, in shared_info. */
static void test_default_info(const void *opaque)
{
    const Variant *v = opaque;
    XenVm *vm = xen_vm_start_bare(v->nr_vcpus, v->long_mode, NULL,
                                  XEN_STATE_SOURCE);
    uint32_t port;

    g_assert_cmpint(xen_hypercall_page(vm, xen_vm_page(vm), v->long_mode), ==,
                    0);
    vm->shared_info = xen_vm_page(vm);
    g_assert_cmpint(xen_add_to_physmap(vm, XENMAPSPACE_shared_info, 0,
                                       vm->shared_info), ==, 0);
    vm->vcpu_info[0] = vm->shared_info;
    if (v->fifo) {
        xen_use_fifo(vm, 1);
    }
    port = unmasked(vm, xen_bind_ipi(vm, 0));
    vm = xen_state_move(vm, NULL, 0);
    xen_expect_event(vm, 0, 0);
    g_assert_cmpint(xen_send(vm, port), ==, 0);
    xen_expect_event(vm, 0, port);
    xen_vm_stop(vm);
}

static void test_callback(const void *opaque)
{
    XenVm *vm = start(opaque);
    uint32_t port = unmasked(vm, xen_bind_ipi(vm, 0));
    uint64_t param;

    g_assert_cmpint(xen_set_upcall_vector(vm, 0, 0x10), ==, 0);
    g_assert_cmpint(xen_set_param(vm, HVM_PARAM_CALLBACK_IRQ,
                                  CALLBACK_VECTOR), ==, 0);
    vm = xen_state_move(vm, NULL, 0);
    g_assert_cmpint(xen_get_param(vm, HVM_PARAM_CALLBACK_IRQ, &param), ==, 0);
    g_assert_cmphex(param, ==, CALLBACK_VECTOR);
    /* A vCPU's own vector takes precedence. */
    g_assert_cmpint(xen_send(vm, port), ==, 0);
    g_assert_true(xen_take_vector(vm, 0, 0x10));
    g_assert_cmpuint(xen_take_callbacks(vm, 0), ==, 0);
    xen_expect_event(vm, 0, port);
    xen_vm_stop(vm);
}

/* ---------------------------------------------------------- FIFO's queues */

/*
 * Partly handled queues, with ports that were closed, masked or changed
 * priority while linked.
 */
static void test_queues(const void *opaque)
{
    XenVm *vm = start(opaque);
    uint32_t port[8], seen[8];

    for (unsigned i = 0; i < ARRAY_SIZE(port); i++) {
        port[i] = unmasked(vm, xen_bind_ipi(vm, 0));
        g_assert_cmpint(xen_set_priority(vm, port[i], i / 4 ? 2 : 9), ==, 0);
        g_assert_cmpint(xen_send(vm, port[i]), ==, 0);
    }
    xen_mask(vm, port[1]);
    g_assert_cmpint(xen_close(vm, port[2]), ==, 0);
    g_assert_cmpint(xen_set_priority(vm, port[3], 0), ==, 0);
    g_assert_cmpint(xen_close(vm, port[7]), ==, 0);     /* a tail */
    vm = xen_state_move(vm, NULL, SAVED_AT);

    g_assert_cmpuint(xen_handle(vm, 0, seen, 8), ==, 5);
    g_assert_cmpuint(seen[0], ==, port[4]);
    g_assert_cmpuint(seen[1], ==, port[5]);
    g_assert_cmpuint(seen[2], ==, port[6]);
    g_assert_cmpuint(seen[3], ==, port[0]);
    g_assert_cmpuint(seen[4], ==, port[3]);

    /* The new priority applies from now on: the highest is handled first. */
    g_assert_cmpint(xen_send(vm, port[4]), ==, 0);
    g_assert_cmpint(xen_send(vm, port[3]), ==, 0);
    xen_unmask(vm, port[1]);
    g_assert_cmpuint(xen_handle(vm, 0, seen, 8), ==, 3);
    g_assert_cmpuint(seen[0], ==, port[3]);
    g_assert_cmpuint(seen[1], ==, port[4]);
    g_assert_cmpuint(seen[2], ==, port[1]);
    xen_vm_stop(vm);
}

/* The guest has unlinked the first port of a queue; the rest is migrated. */
static void test_half_handled(const void *opaque)
{
    XenVm *vm = start(opaque);
    uint32_t port[3], seen[4];

    for (unsigned i = 0; i < ARRAY_SIZE(port); i++) {
        port[i] = unmasked(vm, xen_bind_ipi(vm, 0));
    }
    g_assert_cmpint(xen_send(vm, port[0]), ==, 0);
    xen_expect_event(vm, 0, port[0]);
    /* The tail is stale: its port is no longer linked. */
    vm = xen_state_move(vm, NULL, SAVED_AT);
    g_assert_cmpint(xen_send(vm, port[1]), ==, 0);
    g_assert_cmpint(xen_send(vm, port[0]), ==, 0);
    vm = xen_state_move(vm, NULL, SAVED_AT);
    g_assert_cmpint(xen_send(vm, port[2]), ==, 0);
    g_assert_cmpuint(xen_handle(vm, 0, seen, 4), ==, 3);
    g_assert_cmpuint(seen[0], ==, port[1]);
    g_assert_cmpuint(seen[1], ==, port[0]);
    g_assert_cmpuint(seen[2], ==, port[2]);
    xen_vm_stop(vm);
}

/* Linked on one vCPU's queue, and bound to another vCPU: both are migrated. */
static void test_moved(const void *opaque)
{
    XenVm *vm = start(opaque);
    uint32_t a = unmasked(vm, xen_alloc_unbound(vm, DOMID_SELF));
    uint32_t b = unmasked(vm, xen_bind_loopback(vm, a));

    xen_expect_event(vm, 0, b);
    g_assert_cmpint(xen_send(vm, b), ==, 0);
    g_assert_cmpint(xen_bind_vcpu(vm, a, 1), ==, 0);
    vm = xen_state_move(vm, NULL, SAVED_AT);
    xen_expect_event(vm, 1, 0);
    xen_expect_event(vm, 0, a);
    g_assert_cmpint(xen_send(vm, b), ==, 0);
    xen_expect_event(vm, 0, 0);
    xen_expect_event(vm, 1, a);
    xen_vm_stop(vm);
}

/* Pending since before the switch; the guest has no event array yet. */
static void test_parked(const void *opaque)
{
    const Variant *v = opaque;
    XenVm *vm = xen_vm_start(2, v->long_mode, XEN_STATE_SOURCE);
    uint32_t port = unmasked(vm, xen_bind_ipi(vm, 1));

    g_assert_cmpint(xen_send(vm, port), ==, 0);
    g_assert_true(xen_is_pending(vm, port));
    for (unsigned i = 0; i < 2; i++) {
        g_assert_cmpint(xen_init_control(vm, i, xen_vm_page(vm), 0), ==, 0);
    }
    qtest_writeb(vm->qts, vm->vcpu_info[1], 0);
    vm = xen_state_move(vm, NULL, SAVED_AT);
    xen_expect_event(vm, 1, 0);
    g_assert_cmpint(xen_expand_array(vm, xen_vm_page(vm)), ==, 0);
    xen_expect_event(vm, 1, port);
    xen_expect_event(vm, 1, 0);
    xen_vm_stop(vm);
}

/* The page of the port's word is missing at the unmask. */
static void test_unmask_hidden(const void *opaque)
{
    const Variant *v = opaque;
    XenVm *vm = xen_vm_start(1, v->long_mode, XEN_STATE_SOURCE);
    uint32_t port[2];

    g_assert_cmpint(xen_set_upcall_vector(vm, 0, VECTOR), ==, 0);
    xen_use_fifo(vm, 0);
    xen_vm_show_page(vm, true);
    qtest_memset(vm->qts, XEN_VM_HIDEABLE, 0, XEN_PAGE_SIZE);
    g_assert_cmpint(xen_expand_array(vm, XEN_VM_HIDEABLE), ==, 0);
    for (unsigned i = 0; i < 2; i++) {
        port[i] = xen_bind_ipi(vm, 0);
        xen_mask(vm, port[i]);
        g_assert_cmpint(xen_send(vm, port[i]), ==, 0);
    }
    xen_vm_show_page(vm, false);
    xen_unmask(vm, port[0]);
    vm = xen_state_move(vm, NULL, 0);
    xen_expect_event(vm, 0, 0);
    xen_vm_show_page(vm, true);
    xen_expect_event(vm, 0, port[0]);
    g_assert_true(xen_is_masked(vm, port[1]));
    g_assert_true(xen_is_pending(vm, port[1]));
    xen_vm_stop(vm);
}

/* -------------------------------------------------------------- snapshots */

/* The same QEMU goes back to an earlier state. */
static void test_snapshot(const void *opaque)
{
    const Variant *v = opaque;
    XenVm *vm = start(v);
    Ports p;
    XenSnapshot *s;

    bind_ports(vm, 0, &p);
    make_traffic(vm, 0, &p);
    s = xen_snapshot_new(vm);

    for (unsigned i = 0; i < 2; i++) {
        qtest_qmp_assert_success(vm->qts, "{ 'execute': 'cont' }");
        expect_traffic(vm, 0, &p);
        if (v->fifo) {
            /* The guest kernel's own data is restored with its memory. */
            memset(vm->head, 0, sizeof(vm->head));
        }
        g_assert_cmpint(xen_close(vm, p.pending), ==, 0);
        g_assert_cmpint(xen_close(vm, p.timer), ==, 0);
        g_assert_null(xen_snapshot_load(s));
    }
    qtest_qmp_assert_success(vm->qts, "{ 'execute': 'cont' }");
    expect_traffic(vm, 0, &p);
    qtest_clock_set(vm->qts, FIRST_DEADLINE - 1);
    xen_expect_event(vm, 0, 0);
    qtest_clock_step(vm->qts, 1);
    xen_expect_event(vm, 0, p.timer);
    xen_snapshot_free(s);
    xen_vm_stop(vm);
}

static bool state_has(const char *path, const char *text)
{
    g_autofree char *state = NULL;
    size_t len;

    g_assert_true(g_file_get_contents(path, &state, &len, NULL));
    return memmem(state, len, text, strlen(text));
}

/* A QEMU that loaded it can save it again. */
static void test_runstate_flag(const void *opaque)
{
    const Variant *v = opaque;
    XenVm *vm = start(v);

    for (unsigned i = 0; i < 3; i++) {
        bool on = i > 0;
        g_autofree char *path = NULL;
        XenVm *target;

        if (i == 1) {
            g_assert_cmpint(XEN_CALL(vm, 0, __HYPERVISOR_vm_assist,
                                     VMASST_CMD_enable,
                                     VMASST_TYPE_runstate_update_flag), ==, 0);
        }
        path = xen_state_save(vm);
        g_assert_cmpint(state_has(path, "xen_evtchn/runstate_flag"), ==, on);
        target = xen_vm_start_target(vm, NULL, XEN_STATE_TARGET);
        xen_state_load(target, path);
        qtest_qmp_eventwait(target->qts, "RESUME");
        xen_vm_stop(vm);
        unlink(path);
        vm = target;
    }
    xen_vm_stop(vm);
}

/* It is stopped, and may be saved all the same; so is the one that is loaded. */
static void test_failed_loadvm(const void *variant)
{
    const Variant *v = variant;
    XenVm *vm = start(v);
    g_autofree char *said = qtest_hmp(vm->qts, "loadvm none");
    g_autofree char *path = NULL;
    XenVm *target;

    g_assert_cmpstr(said, !=, "");
    path = xen_state_save(vm);
    target = xen_vm_start_target(vm, NULL, XEN_STATE_TARGET);
    xen_state_load(target, path);
    xen_state_wait(target);
    qtest_qmp_assert_success(target->qts, "{ 'execute': 'cont' }");
    xen_vm_stop(vm);
    xen_vm_stop(target);
    unlink(path);
}

static const struct {
    const char *name;
    void (*run)(const void *variant);
    bool fifo_only, any_vcpus;
} tests[] = {
    { "traffic", test_traffic, .any_vcpus = true },
    { "periodic", test_periodic },
    { "overdue", test_overdue },
    { "default-info", test_default_info },
    { "callback", test_callback },
    { "snapshot", test_snapshot },
    { "runstate-flag", test_runstate_flag },
    { "failed-loadvm", test_failed_loadvm },
    { "queues", test_queues, .fifo_only = true },
    { "half-handled", test_half_handled, .fifo_only = true },
    { "moved", test_moved, .fifo_only = true },
    { "parked", test_parked, .fifo_only = true },
    { "unmask-hidden", test_unmask_hidden, .fifo_only = true },
};

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (size_t i = 0; i < ARRAY_SIZE(variants); i++) {
        for (size_t j = 0; j < ARRAY_SIZE(tests); j++) {
            const Variant *v = &variants[i];
            g_autofree char *path = g_strdup_printf("xen/migration/%s/%s",
                                                    v->name, tests[j].name);

            if ((v->fifo || !tests[j].fifo_only) &&
                (v->nr_vcpus == 2 || tests[j].any_vcpus)) {
                qtest_add_data_func(path, v, tests[j].run);
            }
        }
    }
    return g_test_run();
}
