/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A vCPU is unplugged and plugged again: what the guest had registered for it is
 * in use again
 *
 * The test writes the machine's hot-plug registers as the guest's ACPI code
 * does.
 */
#include "qemu/osdep.h"
#include "qobject/qdict.h"
#include "qemu/bswap.h"
#include "libxen-state.h"

#include "hw/xen/interface/memory.h"
#include "hw/xen/interface/sched.h"
#include "hw/xen/interface/vcpu.h"

#define OPTIONS     "-smp maxcpus=3,sockets=3 -cpu qemu64"
#define VECTOR      0xf3

/* ACPI CPU hot-plug of a "pc": docs/specs/acpi_cpu_hotplug.rst */
#define HOTPLUG     0xaf00
#define HOTPLUG_FLAGS (HOTPLUG + 4)
#define EJECT       (1u << 3)

/* Of the three vCPUs, the last is there, or is not. */
static void expect_availability(XenVm *vm, const char *value)
{
    QDict *node = qtest_qmp_assert_success_ref(vm->qts,
        "{ 'execute': 'xenstore-read', 'arguments': { "
        "'path': 'cpu/2/availability' } }");
    g_autofree char *all = qtest_hmp(vm->qts, "xenstore-list cpu");

    g_assert_cmpstr(qdict_get_str(node, "value"), ==, value);
    g_assert_cmpstr(all, ==, "0\r\n1\r\n2\r\n");
    qobject_unref(node);
}

static void plug_cpu(XenVm *vm, int cpu)
{
    g_autofree char *id = g_strdup_printf("added%d", cpu);

    qtest_qmp_assert_success(vm->qts, "{ 'execute': 'device_add', "
                             "'arguments': { 'driver': 'qemu64-x86_64-cpu', "
                             "'id': %s, 'socket-id': %d, 'core-id': 0, "
                             "'thread-id': 0 } }", id, cpu);
}

static void unplug_cpu(XenVm *vm, int cpu)
{
    g_autofree char *id = g_strdup_printf("added%d", cpu);

    qtest_qmp_assert_success(vm->qts, "{ 'execute': 'device_del', "
                             "'arguments': { 'id': %s } }", id);
    qtest_outl(vm->qts, HOTPLUG, cpu);
    qtest_outb(vm->qts, HOTPLUG_FLAGS, EJECT);
    qtest_qmp_eventwait(vm->qts, "DEVICE_DELETED");
}

static void plug(XenVm *vm)
{
    plug_cpu(vm, 2);
    expect_availability(vm, "online");
}

static void unplug(XenVm *vm)
{
    unplug_cpu(vm, 2);
    expect_availability(vm, "offline");
}

static XenVm *start(bool long_mode)
{
    XenVm *vm = xen_vm_start_bare(2, long_mode, NULL,
                                  OPTIONS " " XEN_STATE_SOURCE);

    xen_vm_set_up(vm);
    /*
     * Switches from the old registers, which do not support unplug, to the new
     * ones.
     */
    qtest_outb(vm->qts, HOTPLUG, 0);
    plug(vm);
    return vm;
}

static int64_t arm(XenVm *vm, uint64_t deadline_ns)
{
    struct vcpu_set_singleshot_timer timer = { .timeout_abs_ns = deadline_ns };

    return xen_vcpu_op(vm, 2, VCPUOP_set_singleshot_timer, 2, &timer,
                       sizeof(timer));
}

static int64_t register_area(XenVm *vm, unsigned cmd, uint64_t gpa)
{
    uint64_t pointer[1] = { gpa };

    return xen_vcpu_op(vm, 0, cmd, 2, pointer, sizeof(pointer));
}

/* Everything that a guest registers for a vCPU by its number. */
typedef struct Areas {
    uint64_t time, runstate;
    uint32_t port;
} Areas;

static Areas use_all(XenVm *vm)
{
    Areas a = { .port = xen_bind_ipi(vm, 2) };

    vm->vcpu_info[2] = xen_vm_page(vm);
    a.time = xen_vm_page(vm);
    a.runstate = xen_vm_page(vm);
    g_assert_cmpint(xen_register_vcpu_info(vm, 2, vm->vcpu_info[2]), ==, 0);
    g_assert_cmpint(register_area(vm, VCPUOP_register_vcpu_time_memory_area,
                                  a.time), ==, 0);
    g_assert_cmpint(register_area(vm, VCPUOP_register_runstate_memory_area,
                                  a.runstate), ==, 0);
    g_assert_cmpint(xen_set_upcall_vector(vm, 2, VECTOR), ==, 0);
    xen_unmask(vm, a.port);
    g_assert_cmpint(xen_send(vm, a.port), ==, 0);
    g_assert_true(xen_take_vector(vm, 2, VECTOR));
    xen_expect_event(vm, 2, a.port);
    return a;
}

/* The vCPU was offline for as long as it was unplugged, and before. */
static void check_runstate(XenVm *vm, uint64_t now)
{
    unsigned entry = vm->long_mode ? 8 : 4;
    uint8_t info[64];

    g_assert_cmpint(xen_vcpu_op(vm, 0, VCPUOP_get_runstate_info, 2, info,
                                sizeof(info)), ==, 0);
    g_assert_cmpuint(ldl_le_p(info), ==, RUNSTATE_offline);
    g_assert_cmpuint(ldq_le_p(info + entry + 8 + 3 * 8), ==, now);
}

/* What was registered before the unplug is in use, without the guest's doing. */
static void check_all(XenVm *vm, const Areas *a)
{
    g_assert_cmpint(xen_register_vcpu_info(vm, 2, xen_vm_page(vm)), ==,
                    -EINVAL);
    g_assert_cmpuint(qtest_readl(vm->qts, vm->vcpu_info[2] + 32 + 24), !=, 0);
    g_assert_cmpuint(qtest_readl(vm->qts, a->time + 24), !=, 0);
    g_assert_cmpint(xen_send(vm, a->port), ==, 0);
    g_assert_true(xen_take_vector(vm, 2, VECTOR));
    xen_expect_event(vm, 2, a->port);
}

static void test_replug(const void *long_mode)
{
    XenVm *vm = start(GPOINTER_TO_INT(long_mode));
    Areas a = use_all(vm);
    uint64_t now = 0;

    for (unsigned i = 0; i < 3; i++) {
        unplug(vm);
        g_assert_cmpint(xen_vcpu_op(vm, 0, VCPUOP_is_up, 2, NULL, 0), ==,
                        -ENOENT);
        /* The pages are the guest's meanwhile. */
        qtest_memset(vm->qts, vm->vcpu_info[2], 0, 64);
        qtest_memset(vm->qts, a.time, 0, 32);
        /* Its ports still exist; no vCPU is notified. */
        if (i) {
            g_assert_cmpint(xen_send(vm, a.port), ==, 0);
        }
        qtest_clock_step(vm->qts, 100000000);
        now += 100000000;
        g_assert_false(xen_upcall_pending(vm, 2));
        plug(vm);
        g_assert_cmpint(xen_vcpu_op(vm, 0, VCPUOP_is_up, 2, NULL, 0), ==, 1);
        g_assert_true(xen_take_vector(vm, 2, VECTOR) == !!i);
        xen_expect_event(vm, 2, i ? a.port : 0);
        check_runstate(vm, now);
        check_all(vm, &a);
    }
    unplug(vm);
    xen_vm_stop(vm);
}

/* If nothing was registered it is in shared info, as for all vCPUs. */
static void test_default_info(const void *long_mode)
{
    XenVm *vm = start(GPOINTER_TO_INT(long_mode));
    uint32_t port = xen_bind_ipi(vm, 2);

    vm->vcpu_info[2] = vm->shared_info + 2 * 64;
    xen_unmask(vm, port);
    for (unsigned i = 0; i < 2; i++) {
        g_assert_cmpint(xen_send(vm, port), ==, 0);
        xen_expect_event(vm, 2, port);
        unplug(vm);
        plug(vm);
    }
    xen_vm_stop(vm);
}

/* Ports of VIRQs stay bound, but timers are not armed any more. */
static void test_timers(const void *long_mode)
{
    XenVm *vm = start(GPOINTER_TO_INT(long_mode));
    struct vcpu_set_periodic_timer timer = { .period_ns = 5000000 };
    Areas a = use_all(vm);
    uint32_t port = xen_bind_virq(vm, 2, VIRQ_TIMER);

    xen_unmask(vm, port);
    g_assert_cmpint(arm(vm, 10000000), ==, 0);
    g_assert_cmpint(xen_vcpu_op(vm, 0, VCPUOP_set_periodic_timer, 2, &timer,
                                sizeof(timer)), ==, 0);
    unplug(vm);
    g_assert_cmpint(xen_port_status(vm, port), ==, EVTCHNSTAT_virq);
    qtest_clock_step(vm->qts, 100000000);
    plug(vm);
    qtest_clock_step(vm->qts, 100000000);
    g_assert_false(xen_take_vector(vm, 2, VECTOR));
    check_all(vm, &a);
    g_assert_cmpint(arm(vm, 1), ==, 0);
    g_assert_true(xen_take_vector(vm, 2, VECTOR));
    xen_expect_event(vm, 2, port);
    xen_vm_stop(vm);
}

/* A new domain knows nothing of it. */
static void test_reset(const void *long_mode)
{
    XenVm *vm = start(GPOINTER_TO_INT(long_mode));
    struct sched_shutdown reset = { .reason = SHUTDOWN_soft_reset };
    Areas a = use_all(vm);
    uint64_t page = vm->vcpu_info[2];

    unplug(vm);
    g_assert_cmpint(xen_op(vm, 0, __HYPERVISOR_sched_op, SCHEDOP_shutdown,
                           &reset, sizeof(reset)), ==, 0);
    xen_vm_set_up(vm);
    plug(vm);
    a.port = xen_bind_ipi(vm, 2);
    g_assert_cmpint(xen_send(vm, a.port), ==, 0);
    g_assert_false(xen_take_vector(vm, 2, VECTOR));
    g_assert_cmpint(xen_register_vcpu_info(vm, 2, page), ==, 0);
    xen_vm_stop(vm);
}

static char *save_unplugged(XenVm *vm)
{
    unplug(vm);
    qtest_memset(vm->qts, vm->vcpu_info[2], 0, 64);
    return xen_state_save(vm);
}

/* The guest is migrated meanwhile. */
static void test_migrate(const void *long_mode)
{
    XenVm *vm = start(GPOINTER_TO_INT(long_mode)), *target;
    Areas a = use_all(vm);
    g_autofree char *path = save_unplugged(vm);

    target = xen_vm_start_target(vm, NULL, OPTIONS " " XEN_STATE_TARGET);
    xen_state_load(target, path);
    qtest_qmp_eventwait(target->qts, "RESUME");
    plug(target);
    check_all(target, &a);
    unplug(target);
    plug(target);
    check_all(target, &a);
    xen_vm_stop(vm);
    xen_vm_stop(target);
    unlink(path);
}

/* Of the stream's only vCPU that is unplugged; they are big-endian there. */
static const struct {
    const char *field;
    uint64_t value;
} invalid[] = {
    { "id", 0 },                    /* is plugged */
    { "id", 3 },                    /* maxcpus */
    { "id", UINT32_MAX },
    { "registered.info_gpa", 2 },
    { "registered.info_gpa", 0xff0 },
    { "registered.info_gpa", UINT64_C(1) << 52 },
    { "registered.time_info_gpa", UINT64_MAX - 1 },
    { "registered.runstate_gpa", UINT64_C(1) << 52 },
    { "registered.upcall_vector", 15 },
};

static void write_field(const char *path, const XenStateField *f,
                        uint64_t value)
{
    int fd = open(path, O_WRONLY);

    g_assert_cmpint(fd, >=, 0);
    value = cpu_to_be64(value << (64 - 8 * f->size));
    g_assert_cmpint(pwrite(fd, &value, f->size, f->at), ==, f->size);
    close(fd);
}

static uint64_t read_field(const char *path, const XenStateField *f)
{
    int fd = open(path, O_RDONLY);
    uint64_t value = 0;

    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(pread(fd, &value, f->size, f->at), ==, f->size);
    close(fd);
    return be64_to_cpu(value) >> (64 - 8 * f->size);
}

static void test_invalid(const void *long_mode)
{
    XenVm *vm = start(GPOINTER_TO_INT(long_mode)), *target;
    g_autofree char *path = NULL;
    XenStateSection *section;

    use_all(vm);
    path = save_unplugged(vm);
    section = xen_state_section(path, "xen_evtchn", 0, "xen_evtchn/unplugged");
    for (unsigned i = 0; i < ARRAY_SIZE(invalid); i++) {
        g_autofree char *name = g_strconcat(
            "xen_evtchn/unplugged_vcpus.unplugged.", invalid[i].field, NULL);
        const XenStateField *f = xen_state_field(section, name);
        uint64_t good = read_field(path, f);

        write_field(path, f, invalid[i].value);
        target = xen_vm_start_target(vm, NULL, OPTIONS " " XEN_STATE_TARGET);
        xen_state_expect_refused(target, path);
        xen_vm_stop(target);
        write_field(path, f, good);
    }
    xen_state_section_free(section);
    xen_vm_stop(vm);
    unlink(path);
}

/* Two are unplugged: the list is in order, and has each once. */
static void test_invalid_order(const void *long_mode)
{
    static const char options[] = "-smp maxcpus=4,sockets=4 -cpu qemu64 ";
    static const struct {
        uint64_t id[2];
        bool good;
    } lists[] = {
        { { 2, 3 }, true }, { { 2, 2 } }, { { 3, 3 } }, { { 2, 3 }, true },
        { { 3, 2 } }, { { 2, 3 }, true },
    };
    g_autofree char *source = g_strconcat(options, XEN_STATE_SOURCE, NULL);
    g_autofree char *incoming = g_strconcat(options, XEN_STATE_TARGET, NULL);
    g_autofree char *path = NULL;
    XenVm *vm = xen_vm_start_bare(2, GPOINTER_TO_INT(long_mode), NULL, source);
    XenStateSection *section;

    xen_vm_set_up(vm);
    qtest_outb(vm->qts, HOTPLUG, 0);
    for (int cpu = 2; cpu < 4; cpu++) {
        plug_cpu(vm, cpu);
        g_assert_cmpint(xen_register_vcpu_info(vm, cpu, xen_vm_page(vm)), ==, 0);
    }
    for (int cpu = 2; cpu < 4; cpu++) {
        unplug_cpu(vm, cpu);
    }
    path = xen_state_save(vm);
    section = xen_state_section(path, "xen_evtchn", 0, "xen_evtchn/unplugged");
    for (unsigned i = 0; i < ARRAY_SIZE(lists); i++) {
        XenVm *target = xen_vm_start_target(vm, NULL, incoming);

        for (unsigned k = 0; k < 2; k++) {
            g_autofree char *name = g_strdup_printf(
                "xen_evtchn/unplugged_vcpus.unplugged[%u].id", k);

            write_field(path, xen_state_field(section, name), lists[i].id[k]);
        }
        if (lists[i].good) {
            xen_state_load(target, path);
            qtest_qmp_eventwait(target->qts, "RESUME");
        } else {
            xen_state_expect_refused(target, path);
        }
        xen_vm_stop(target);
    }
    xen_state_section_free(section);
    xen_vm_stop(vm);
    unlink(path);
}

int main(int argc, char **argv)
{
    static const XenTest tests[] = {
        { "replug", test_replug },
        { "default-info", test_default_info },
        { "timers", test_timers },
        { "reset", test_reset },
        { "migrate", test_migrate },
        { "invalid", test_invalid },
        { "invalid-order", test_invalid_order },
    };

    g_test_init(&argc, &argv, NULL);
    xen_add_tests("unplug", tests, ARRAY_SIZE(tests));
    return g_test_run();
}
