/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A vCPU is unplugged and plugged again
 *
 * The test writes the machine's hot-plug registers as the guest's ACPI code
 * does.
 */
#include "qemu/osdep.h"
#include "libxen.h"

#include "hw/xen/interface/memory.h"
#include "hw/xen/interface/vcpu.h"

#define OPTIONS     "-smp maxcpus=3,sockets=3 -cpu qemu64"
#define VECTOR      0xf3

/* ACPI CPU hot-plug of a "pc": docs/specs/acpi_cpu_hotplug.rst */
#define HOTPLUG     0xaf00
#define HOTPLUG_FLAGS (HOTPLUG + 4)
#define EJECT       (1u << 3)

static void plug(XenVm *vm)
{
    qtest_qmp_assert_success(vm->qts, "{ 'execute': 'device_add', "
                             "'arguments': { 'driver': 'qemu64-x86_64-cpu', "
                             "'id': 'added', 'socket-id': 2, 'core-id': 0, "
                             "'thread-id': 0 } }");
}

static void unplug(XenVm *vm)
{
    qtest_qmp_assert_success(vm->qts, "{ 'execute': 'device_del', "
                             "'arguments': { 'id': 'added' } }");
    qtest_outl(vm->qts, HOTPLUG, 2);
    qtest_outb(vm->qts, HOTPLUG_FLAGS, EJECT);
    qtest_qmp_eventwait(vm->qts, "DEVICE_DELETED");
}

static int64_t arm(XenVm *vm, uint64_t deadline_ns)
{
    struct vcpu_set_singleshot_timer timer = { .timeout_abs_ns = deadline_ns };

    return xen_vcpu_op(vm, 2, VCPUOP_set_singleshot_timer, 2, &timer,
                       sizeof(timer));
}

static void use(XenVm *vm, uint32_t port)
{
    struct vcpu_set_periodic_timer timer = { .period_ns = 5000000 };

    vm->vcpu_info[2] = xen_vm_page(vm);
    g_assert_cmpint(xen_register_vcpu_info(vm, 2, vm->vcpu_info[2]), ==, 0);
    g_assert_cmpint(xen_set_upcall_vector(vm, 2, VECTOR), ==, 0);
    g_assert_cmpint(xen_send(vm, port), ==, 0);
    g_assert_true(xen_take_vector(vm, 2, VECTOR));
    g_assert_cmpint(arm(vm, 10000000), ==, 0);
    g_assert_cmpint(xen_vcpu_op(vm, 0, VCPUOP_set_periodic_timer, 2, &timer,
                                sizeof(timer)), ==, 0);
}

static void test_replug(const void *long_mode)
{
    XenVm *vm = xen_vm_start_bare(2, GPOINTER_TO_INT(long_mode), NULL, OPTIONS);
    uint32_t port, timer;

    xen_vm_set_up(vm);
    /*
     * Switches from the old registers, which do not support unplug, to the new
     * ones.
     */
    qtest_outb(vm->qts, HOTPLUG, 0);
    plug(vm);
    port = xen_bind_ipi(vm, 2);
    timer = xen_bind_virq(vm, 2, VIRQ_TIMER);
    for (unsigned i = 0; i < 3; i++) {
        use(vm, port);
        unplug(vm);
        g_assert_cmpint(xen_vcpu_op(vm, 0, VCPUOP_is_up, 2, NULL, 0), ==,
                        -ENOENT);
        /* Its ports still exist; no vCPU is notified. */
        g_assert_cmpint(xen_send(vm, port), ==, 0);
        g_assert_cmpint(xen_port_status(vm, timer), ==, EVTCHNSTAT_virq);
        qtest_clock_step(vm->qts, 100000000);
        plug(vm);
        g_assert_cmpint(xen_vcpu_op(vm, 0, VCPUOP_is_up, 2, NULL, 0), ==, 1);
        g_assert_false(xen_take_vector(vm, 2, VECTOR));
    }
    unplug(vm);
    xen_vm_stop(vm);
}

int main(int argc, char **argv)
{
    static const XenTest tests[] = {
        { "replug", test_replug },
    };

    g_test_init(&argc, &argv, NULL);
    xen_add_tests("unplug", tests, ARRAY_SIZE(tests));
    return g_test_run();
}
