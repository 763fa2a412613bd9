/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Xen timers, exact to the nanosecond
 */
#include "qemu/osdep.h"
#include "libxen.h"

#include "hw/xen/interface/vcpu.h"
#include "hw/xen/interface/hvm/hvm_op.h"

#define VECTOR      0xf3
#define MS          1000000
#define NO_RAM      0xd0000000  /* in a hole for PCI */

typedef struct Guest {
    XenVm *vm;
    uint32_t port;
} Guest;

static uint64_t now(XenVm *vm)
{
    struct xen_hvm_get_time op = { 0 };

    g_assert_cmpint(xen_op(vm, 0, __HYPERVISOR_hvm_op, HVMOP_get_time, &op,
                           sizeof(op)), ==, 0);
    return op.now;
}

/* Some time after the machine was started, with VIRQ_TIMER bound on vCPU 0. */
static Guest start(const void *long_mode)
{
    Guest g = { .vm = xen_vm_start(2, GPOINTER_TO_INT(long_mode), NULL) };
    uint64_t at_start = now(g.vm);

    g_assert_cmpint(xen_set_upcall_vector(g.vm, 0, VECTOR), ==, 0);
    g.port = xen_bind_virq(g.vm, 0, VIRQ_TIMER);
    xen_unmask(g.vm, g.port);
    qtest_clock_step(g.vm->qts, 10 * MS);
    g_assert_cmpuint(now(g.vm), ==, at_start + 10 * MS);
    return g;
}

static int64_t singleshot(XenVm *vm, unsigned vcpu, unsigned target,
                          uint64_t timeout_ns)
{
    struct vcpu_set_singleshot_timer op = { .timeout_abs_ns = timeout_ns };

    return xen_vcpu_op(vm, vcpu, VCPUOP_set_singleshot_timer, target, &op,
                       sizeof(op));
}

static int64_t periodic(XenVm *vm, unsigned vcpu, uint64_t period_ns)
{
    struct vcpu_set_periodic_timer op = { .period_ns = period_ns };

    return xen_vcpu_op(vm, vcpu, VCPUOP_set_periodic_timer, vcpu, &op,
                       sizeof(op));
}

static int64_t set_timer_op(XenVm *vm, uint64_t timeout_ns)
{
    if (vm->long_mode) {
        return XEN_CALL(vm, 0, __HYPERVISOR_set_timer_op, timeout_ns);
    }
    return XEN_CALL(vm, 0, __HYPERVISOR_set_timer_op, (uint32_t)timeout_ns,
                    timeout_ns >> 32);
}

/* The event is raised after exactly @ns. */
static void expect_after(Guest *g, uint64_t ns)
{
    qtest_clock_step(g->vm->qts, ns - 1);
    g_assert_false(xen_upcall_pending(g->vm, 0));
    qtest_clock_step(g->vm->qts, 1);
    g_assert_true(xen_take_vector(g->vm, 0, VECTOR));
    xen_expect_event(g->vm, 0, g->port);
}

static void test_singleshot(const void *long_mode)
{
    Guest g = start(long_mode);

    g_assert_cmpint(singleshot(g.vm, 0, 0, now(g.vm) + 12345), ==, 0);
    expect_after(&g, 12345);
    qtest_clock_step(g.vm->qts, 1000 * MS);
    xen_expect_event(g.vm, 0, 0);

    /* A second deadline replaces the first. */
    g_assert_cmpint(singleshot(g.vm, 0, 0, now(g.vm) + 1000), ==, 0);
    g_assert_cmpint(singleshot(g.vm, 0, 0, now(g.vm) + 5000), ==, 0);
    expect_after(&g, 5000);

    g_assert_cmpint(singleshot(g.vm, 0, 0, now(g.vm) + 1000), ==, 0);
    g_assert_cmpint(xen_vcpu_op(g.vm, 0, VCPUOP_stop_singleshot_timer, 0,
                                NULL, 0), ==, 0);
    qtest_clock_step(g.vm->qts, MS);
    xen_expect_event(g.vm, 0, 0);

    xen_vm_stop(g.vm);
}

static void test_past(const void *long_mode)
{
    Guest g = start(long_mode);

    g_assert_cmpint(singleshot(g.vm, 0, 0, now(g.vm) - 1), ==, 0);
    xen_expect_event(g.vm, 0, g.port);
    g_assert_cmpint(set_timer_op(g.vm, 1), ==, 0);
    xen_expect_event(g.vm, 0, g.port);

    xen_vm_stop(g.vm);
}

static void test_set_timer_op(const void *long_mode)
{
    Guest g = start(long_mode);

    /* A deadline with a non-zero high half. */
    qtest_clock_step(g.vm->qts, INT64_C(5000) * MS);
    g_assert_cmpint(set_timer_op(g.vm, now(g.vm) + 777), ==, 0);
    expect_after(&g, 777);

    g_assert_cmpint(set_timer_op(g.vm, now(g.vm) + 777), ==, 0);
    g_assert_cmpint(set_timer_op(g.vm, 0), ==, 0);
    qtest_clock_step(g.vm->qts, MS);
    xen_expect_event(g.vm, 0, 0);

    /* Xen's rule for timeouts that look like an overflow. */
    g_assert_cmpint(set_timer_op(g.vm, UINT64_MAX), ==, 0);
    expect_after(&g, 100 * MS);
    g_assert_cmpint(set_timer_op(g.vm, now(g.vm) + (UINT64_C(1) << 51)), ==,
                    0);
    expect_after(&g, 100 * MS);

    xen_vm_stop(g.vm);
}

static void test_periodic(const void *long_mode)
{
    Guest g = start(long_mode);

    /* The last tick is longer ago than that. */
    g_assert_cmpint(periodic(g.vm, 0, 2 * MS), ==, 0);
    xen_expect_event(g.vm, 0, g.port);
    for (int i = 0; i < 5; i++) {
        expect_after(&g, 2 * MS);
    }
    /* Three ticks were missed: one event, and no drift. */
    qtest_clock_step(g.vm->qts, 7 * MS);
    xen_take_vector(g.vm, 0, VECTOR);
    xen_expect_event(g.vm, 0, g.port);
    expect_after(&g, MS);

    g_assert_cmpint(xen_vcpu_op(g.vm, 0, VCPUOP_stop_periodic_timer, 0, NULL,
                                0), ==, 0);
    qtest_clock_step(g.vm->qts, 100 * MS);
    xen_expect_event(g.vm, 0, 0);

    xen_vm_stop(g.vm);
}

/* Stopped before it is due: nothing wakes QEMU for it. */
static void test_periodic_stopped(const void *long_mode)
{
    Guest g = start(long_mode);
    int64_t due, next;

    g_assert_cmpint(periodic(g.vm, 0, 7654321), ==, 0);
    xen_take_vector(g.vm, 0, VECTOR);
    xen_expect_event(g.vm, 0, g.port);
    due = qtest_clock_step(g.vm->qts, 1) - 1 + 7654321;
    g_assert_cmpint(xen_vcpu_op(g.vm, 0, VCPUOP_stop_periodic_timer, 0, NULL,
                                0), ==, 0);
    do {
        next = qtest_clock_step_next(g.vm->qts);
        g_assert_cmpint(next, !=, due);
    } while (next < due);
    xen_expect_event(g.vm, 0, 0);
    xen_vm_stop(g.vm);
}

/* A timer's event also brings a runstate area up to date that is not. */
static void test_runstate(const void *long_mode)
{
    Guest g = start(long_mode);
    const unsigned entry = g.vm->long_mode ? 8 : 4;
    uint64_t area[1] = { xen_vm_page(g.vm) }, running = area[0] + entry + 8;
    uint64_t at_first;

    g_assert_cmpint(xen_vcpu_op(g.vm, 0, VCPUOP_register_runstate_memory_area, 0,
                                area, sizeof(area)), ==, 0);
    at_first = qtest_readq(g.vm->qts, running);
    g_assert_cmpuint(qtest_readl(g.vm->qts, area[0]), ==, RUNSTATE_running);
    for (unsigned i = 1; i <= 2; i++) {
        qtest_clock_step(g.vm->qts, 3 * MS);
        g_assert_cmpuint(qtest_readq(g.vm->qts, running), ==,
                         at_first + (i - 1) * 5 * MS);
        g_assert_cmpint(singleshot(g.vm, 0, 0, now(g.vm) + 2 * MS), ==, 0);
        expect_after(&g, 2 * MS);
        g_assert_cmpuint(qtest_readq(g.vm->qts, running), ==,
                         at_first + i * 5 * MS);
    }
    xen_vm_stop(g.vm);
}

static void test_errors(const void *long_mode)
{
    Guest g = start(long_mode);

    g_assert_cmpint(periodic(g.vm, 0, MS - 1), ==, -EINVAL);
    g_assert_cmpint(periodic(g.vm, 0, INT64_MAX), ==, -EINVAL);
    g_assert_cmpint(singleshot(g.vm, 0, 1, 1), ==, -EINVAL);
    g_assert_cmpint(singleshot(g.vm, 0, 2, 1), ==, -ENOENT);
    g_assert_cmpint(XEN_CALL(g.vm, 0, __HYPERVISOR_vcpu_op,
                             VCPUOP_set_singleshot_timer, 0, NO_RAM),
                    ==, -EFAULT);
    qtest_clock_step(g.vm->qts, 1000 * MS);
    xen_expect_event(g.vm, 0, 0);

    xen_vm_stop(g.vm);
}

/* While the VM is stopped its clock stands still, and nothing fires. */
static void test_pause(const void *long_mode)
{
    Guest g = start(long_mode);

    g_assert_cmpint(singleshot(g.vm, 0, 0, now(g.vm) + 1000), ==, 0);
    qtest_qmp_assert_success(g.vm->qts, "{ 'execute': 'stop' }");
    xen_expect_event(g.vm, 0, 0);
    qtest_qmp_assert_success(g.vm->qts, "{ 'execute': 'cont' }");
    expect_after(&g, 1000);

    xen_vm_stop(g.vm);
}

/* Xen's system time jumps by @by. */
static void move_clock(XenVm *vm, int64_t by)
{
    uint64_t then = now(vm);

    g_assert_cmpuint(xen_command(vm, "xen_set_clock 0 0x%" PRIx64, then + by),
                     ==, then);
    g_assert_cmpuint(now(vm), ==, then + by);
}

/*
 * Deadlines are in Xen system time: if it is set back while a timer waits, the
 * wait ends early and is continued.
 */
static void test_clock_back(const void *long_mode)
{
    Guest g = start(long_mode);

    g_assert_cmpint(singleshot(g.vm, 0, 0, now(g.vm) + 10 * MS), ==, 0);
    move_clock(g.vm, -5 * MS);
    expect_after(&g, 15 * MS);

    g_assert_cmpint(periodic(g.vm, 0, 10 * MS), ==, 0);
    xen_expect_event(g.vm, 0, g.port);      /* it has never ticked */
    xen_take_vector(g.vm, 0, VECTOR);
    move_clock(g.vm, -5 * MS);
    expect_after(&g, 15 * MS);
    expect_after(&g, 10 * MS);

    xen_vm_stop(g.vm);
}

/* KVM's clock is set when a VM resumes, for example after migration. */
static void test_clock_set_while_stopped(const void *long_mode)
{
    static const struct {
        int64_t by, late;   /* jump of the clock; event after resume */
    } jumps[] = {
        { -3 * MS, 8 * MS }, { 3 * MS, 2 * MS }, { -1, 5 * MS + 1 },
    };
    Guest g = start(long_mode);

    for (size_t i = 0; i < ARRAY_SIZE(jumps); i++) {
        g_assert_cmpint(singleshot(g.vm, 0, 0, now(g.vm) + 5 * MS), ==, 0);
        qtest_qmp_assert_success(g.vm->qts, "{ 'execute': 'stop' }");
        move_clock(g.vm, jumps[i].by);
        qtest_qmp_assert_success(g.vm->qts, "{ 'execute': 'cont' }");
        expect_after(&g, jumps[i].late);
    }

    /*
     * A deadline in the past fires immediately at resume, and so does a tick.
     */
    g_assert_cmpint(singleshot(g.vm, 0, 0, now(g.vm) + 5 * MS), ==, 0);
    qtest_qmp_assert_success(g.vm->qts, "{ 'execute': 'stop' }");
    move_clock(g.vm, 1000 * MS);
    xen_expect_event(g.vm, 0, 0);
    qtest_qmp_assert_success(g.vm->qts, "{ 'execute': 'cont' }");
    qtest_clock_step(g.vm->qts, 1);
    g_assert_true(xen_take_vector(g.vm, 0, VECTOR));
    xen_expect_event(g.vm, 0, g.port);

    xen_vm_stop(g.vm);
}

/* With two clocks that drift apart, no wait ends too early. */
static void test_clock_drifts(const void *long_mode)
{
    Guest g = start(long_mode);
    const uint64_t wait = INT64_C(10000) * MS;
    uint64_t deadline;

    move_clock(g.vm, 0);
    deadline = now(g.vm) + wait;
    g_assert_cmpint(singleshot(g.vm, 0, 0, deadline), ==, 0);
    for (unsigned second = 0; second < 10; second++) {
        qtest_clock_step(g.vm->qts, 1000 * MS);
        xen_expect_event(g.vm, 0, 0);
        move_clock(g.vm, -MS / 2);          /* slower by 500 ppm */
    }
    expect_after(&g, deadline - now(g.vm));

    xen_vm_stop(g.vm);
}

int main(int argc, char **argv)
{
    static const XenTest tests[] = {
        { "singleshot", test_singleshot },
        { "past", test_past },
        { "set-timer-op", test_set_timer_op },
        { "periodic", test_periodic },
        { "periodic-stopped", test_periodic_stopped },
        { "runstate", test_runstate },
        { "errors", test_errors },
        { "pause", test_pause },
        { "clock-back", test_clock_back },
        { "clock-set-while-stopped", test_clock_set_while_stopped },
        { "clock-drifts", test_clock_drifts },
    };

    g_test_init(&argc, &argv, NULL);
    xen_add_tests("timer", tests, ARRAY_SIZE(tests));
    return g_test_run();
}
