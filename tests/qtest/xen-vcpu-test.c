/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vcpu_info, runstate and time areas, wall clock, kinds of upcalls
 *
 * Offsets are numbers, not names: this is an ABI.
 */
#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "libxen.h"

#include "hw/xen/interface/memory.h"
#include "hw/xen/interface/vcpu.h"
#include "hw/xen/interface/hvm/params.h"

#define VECTOR              0xf3
#define CALLBACK_GSI(gsi)   (uint64_t)(gsi)
#define CALLBACK_VECTOR(v)  (UINT64_C(2) << 56 | (v))

/* The default vcpu_info, until one is registered; pending state moves along. */
static void test_vcpu_info(const void *long_mode)
{
    XenVm *vm = xen_vm_start_bare(2, GPOINTER_TO_INT(long_mode), NULL, NULL);
    uint64_t page = xen_vm_page(vm);
    uint32_t port;

    g_assert_cmpint(xen_hypercall_page(vm, xen_vm_page(vm), vm->long_mode),
                    ==, 0);
    vm->shared_info = xen_vm_page(vm);
    g_assert_cmpint(xen_add_to_physmap(vm, XENMAPSPACE_shared_info, 0,
                                       vm->shared_info), ==, 0);
    vm->vcpu_info[0] = vm->shared_info;
    vm->vcpu_info[1] = vm->shared_info + 64;

    port = xen_bind_ipi(vm, 1);
    xen_unmask(vm, port);
    g_assert_cmpint(xen_send(vm, port), ==, 0);
    xen_expect_event(vm, 1, port);

    g_assert_cmpint(xen_send(vm, port), ==, 0);
    g_assert_cmpint(xen_register_vcpu_info(vm, 1, page + 4096 - 60), ==,
                    -ENXIO);
    g_assert_cmpint(xen_register_vcpu_info(vm, 1, UINT64_C(1) << 44), ==,
                    -EINVAL);
    g_assert_cmpint(xen_register_vcpu_info(vm, 1, page + 128), ==, 0);
    vm->vcpu_info[1] = page + 128;
    xen_expect_event(vm, 1, port);
    g_assert_cmpint(xen_send(vm, port), ==, 0);
    xen_expect_event(vm, 1, port);
    g_assert_cmpint(xen_register_vcpu_info(vm, 1, page), ==, -EINVAL);

    xen_vm_stop(vm);
}

/* Events before shared_info is mapped; on Xen it exists before. */
static void test_before_shared_info(const void *long_mode)
{
    XenVm *vm = xen_vm_start_bare(2, GPOINTER_TO_INT(long_mode), NULL, NULL);
    uint32_t port;

    g_assert_cmpint(xen_hypercall_page(vm, xen_vm_page(vm), vm->long_mode),
                    ==, 0);
    g_assert_cmpint(xen_set_upcall_vector(vm, 1, VECTOR), ==, 0);
    port = xen_bind_ipi(vm, 1);
    g_assert_cmpint(xen_send(vm, port), ==, 0);
    vm->shared_info = xen_vm_page(vm);
    vm->vcpu_info[1] = vm->shared_info + 64;
    g_assert_cmpint(xen_add_to_physmap(vm, XENMAPSPACE_shared_info, 0,
                                       vm->shared_info), ==, 0);
    g_assert_true(xen_take_vector(vm, 1, VECTOR));
    xen_expect_event(vm, 1, port);

    /* It moves with its contents: no vCPU has to be renotified. */
    g_assert_cmpint(xen_send(vm, port), ==, 0);
    g_assert_true(xen_take_vector(vm, 1, VECTOR));
    vm->shared_info = xen_vm_page(vm);
    vm->vcpu_info[1] = vm->shared_info + 64;
    g_assert_cmpint(xen_add_to_physmap(vm, XENMAPSPACE_shared_info, 0,
                                       vm->shared_info), ==, 0);
    g_assert_false(xen_take_vector(vm, 1, VECTOR));
    xen_expect_event(vm, 1, port);
    xen_vm_stop(vm);
}

/* As Linux counts for a thread how long it waited for a CPU. */
static void write_delay(const char *path, unsigned delay)
{
    g_autofree char *text = g_strdup_printf("1000 %u 3\n", delay);
    int fd = open(path, O_WRONLY);

    g_assert_cmpint(write(fd, text, strlen(text)), ==, strlen(text));
    close(fd);
}

static void test_runstate(const void *long_mode)
{
    g_autofree char *path = xen_new_file(0), *options = g_strdup_printf("<%s", path);
    XenVm *vm = xen_vm_start(2, GPOINTER_TO_INT(long_mode), options);
    unsigned entry = vm->long_mode ? 8 : 4, size = entry + 5 * 8;
    /* Across a page boundary */
    uint64_t first = xen_vm_page(vm), area = first + 4096 - 20;
    uint64_t sum = 0, pointer[1] = { area };
    uint8_t info[64];

    xen_vm_page(vm);
    qtest_memset(vm->qts, area, 0xee, 64);
    g_assert_cmpint(xen_vcpu_op(vm, 0, VCPUOP_register_runstate_memory_area,
                                0, pointer, sizeof(pointer)), ==, 0);
    g_assert_cmpuint(qtest_readl(vm->qts, area), ==, RUNSTATE_running);
    g_assert_cmpuint(qtest_readb(vm->qts, area + size), ==, 0xee);
    g_assert_cmpuint(qtest_readb(vm->qts, area + size - 1), ==, 0);

    /* Of QEMU's standard input, which is nobody's statistics. */
    write_delay(path, 1000000);
    qtest_clock_step(vm->qts, 123456789);
    g_assert_cmpint(xen_vcpu_op(vm, 0, VCPUOP_get_runstate_info, 0, info,
                                sizeof(info)), ==, 0);
    for (int i = 0; i < 4; i++) {
        sum += ldq_le_p(info + entry + 8 + i * 8);
    }
    g_assert_cmpuint(sum, ==, 123456789);
    g_assert_cmpuint(ldq_le_p(info + entry + 8), ==, 123456789);
    /* It has been in this state from the beginning. */
    g_assert_cmpuint(ldl_le_p(info), ==, RUNSTATE_running);
    g_assert_cmpuint(ldq_le_p(info + entry), ==, 0);

    /* vCPU 1 has never run. */
    g_assert_cmpint(xen_vcpu_op(vm, 0, VCPUOP_get_runstate_info, 1, info,
                                sizeof(info)), ==, 0);
    g_assert_cmpuint(ldl_le_p(info), ==, RUNSTATE_offline);
    g_assert_cmpuint(ldq_le_p(info + entry), ==, 0);
    g_assert_cmpuint(ldq_le_p(info + entry + 8 + 3 * 8), ==, 123456789);

    xen_vm_stop(vm);
    unlink(path);
}

static void test_time(const void *long_mode)
{
    XenVm *vm = xen_vm_start(1, GPOINTER_TO_INT(long_mode), NULL);
    uint64_t area = xen_vm_page(vm) + 32, pointer[1] = { area };
    unsigned wc = vm->long_mode ? 3072 : 2304;
    unsigned sec_hi = vm->long_mode ? 3084 : 2340;
    uint64_t sec, real = g_get_real_time() / G_USEC_PER_SEC;
    uint8_t own[32], copy[32];

    g_assert_cmpint(xen_vcpu_op(vm, 0, VCPUOP_register_vcpu_time_memory_area,
                                0, pointer, sizeof(pointer)), ==, 0);
    qtest_memread(vm->qts, area, copy, sizeof(copy));
    qtest_memread(vm->qts, vm->vcpu_info[0] + 32, own, sizeof(own));
    g_assert_cmpuint(ldl_le_p(copy) & 1, ==, 0);
    g_assert_cmpuint(ldl_le_p(own) & 1, ==, 0);
    g_assert_cmpmem(copy + 8, 24, own + 8, 24);
    /* 1 GHz: (ticks << shift) * mul >> 32 is ticks */
    g_assert_cmpfloat((uint32_t)ldl_le_p(copy + 24) / 4294967296.0 *
                      (1 << (int8_t)copy[28]), ==, 1.0);

    g_assert_cmpuint(qtest_readl(vm->qts, vm->shared_info + wc), !=, 0);
    g_assert_cmpuint(qtest_readl(vm->qts, vm->shared_info + wc) & 1, ==, 0);
    sec = qtest_readl(vm->qts, vm->shared_info + wc + 4) |
          (uint64_t)qtest_readl(vm->qts, vm->shared_info + sec_hi) << 32;
    g_assert_cmpuint(sec, >, real - 100);
    g_assert_cmpuint(sec, <, real + 100);

    xen_vm_stop(vm);
}

/* Each kind of upcall, changed while events are pending. */
static void test_upcalls(const void *long_mode)
{
    XenVm *vm = xen_vm_start(2, GPOINTER_TO_INT(long_mode), NULL);
    uint32_t port0 = xen_bind_ipi(vm, 0), port1 = xen_bind_ipi(vm, 1);
    uint64_t value;

    qtest_irq_intercept_in(vm->qts, "ioapic");
    xen_unmask(vm, port0);
    xen_unmask(vm, port1);

    /* A GSI follows vCPU 0's flag; vCPU 1's has no effect. */
    g_assert_cmpint(xen_set_param(vm, HVM_PARAM_CALLBACK_IRQ,
                                  CALLBACK_GSI(20)), ==, 0);
    g_assert_cmpint(xen_send(vm, port1), ==, 0);
    g_assert_false(qtest_get_irq(vm->qts, 20));
    xen_expect_event(vm, 1, port1);
    g_assert_cmpint(xen_send(vm, port0), ==, 0);
    g_assert_true(qtest_get_irq(vm->qts, 20));

    /*
     * Another kind: the line is lowered, and the pending upcall is raised
     * again.
     */
    g_assert_cmpint(xen_set_param(vm, HVM_PARAM_CALLBACK_IRQ,
                                  CALLBACK_VECTOR(VECTOR)), ==, 0);
    g_assert_false(qtest_get_irq(vm->qts, 20));
    g_assert_cmpuint(xen_take_callbacks(vm, 0), ==, 1);
    g_assert_cmpuint(xen_take_callbacks(vm, 1), ==, 0);
    xen_expect_event(vm, 0, port0);
    g_assert_cmpint(xen_get_param(vm, HVM_PARAM_CALLBACK_IRQ, &value), ==, 0);
    g_assert_cmpuint(value, ==, CALLBACK_VECTOR(VECTOR));

    g_assert_cmpint(xen_send(vm, port1), ==, 0);
    g_assert_cmpuint(xen_take_callbacks(vm, 1), ==, 1);
    g_assert_false(xen_take_vector(vm, 1, VECTOR));
    xen_expect_event(vm, 1, port1);

    /* A vCPU's own vector takes precedence. */
    g_assert_cmpint(xen_set_upcall_vector(vm, 1, VECTOR + 1), ==, 0);
    g_assert_cmpint(xen_send(vm, port1), ==, 0);
    g_assert_cmpuint(xen_take_callbacks(vm, 1), ==, 0);
    g_assert_true(xen_take_vector(vm, 1, VECTOR + 1));
    xen_expect_event(vm, 1, port1);
    g_assert_cmpint(xen_send(vm, port0), ==, 0);
    g_assert_cmpuint(xen_take_callbacks(vm, 0), ==, 1);
    xen_expect_event(vm, 0, port0);

    g_assert_cmpint(xen_set_upcall_vector(vm, 0, 15), ==, -EINVAL);
    g_assert_cmpint(xen_set_upcall_vector(vm, 2, VECTOR), ==, -ENOENT);

    xen_vm_stop(vm);
}

int main(int argc, char **argv)
{
    static const XenTest tests[] = {
        { "vcpu-info", test_vcpu_info },
        { "before-shared-info", test_before_shared_info },
        { "runstate", test_runstate },
        { "time", test_time },
        { "upcalls", test_upcalls },
    };

    g_test_init(&argc, &argv, NULL);
    xen_add_tests("vcpu", tests, ARRAY_SIZE(tests));
    return g_test_run();
}
