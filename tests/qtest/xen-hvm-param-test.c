/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * HVM parameters: which exist, access rights, values
 *
 * Indexes are numbers, not names: this is an ABI.
 */
#include "qemu/osdep.h"
#include "libxen.h"

#include "hw/xen/interface/grant_table.h"
#include "hw/xen/interface/hvm/hvm_op.h"
#include "hw/xen/interface/hvm/params.h"

/* One past the last parameter of Xen 4.17 */
#define NR_PARAMS           39

#define CONSOLE_OPTIONS     "-chardev null,id=c -device xen-console,chardev=c"

static XenVm *start(const void *long_mode)
{
    return xen_vm_start(1, GPOINTER_TO_INT(long_mode), CONSOLE_OPTIONS);
}

/* Results of setting a parameter to 0, and of getting it; GOOD is 0. */
#define GOOD    0
static const struct {
    int set, get;
} expected[] = {
    [0] = { GOOD, GOOD },               /* callback */
    [1] = { -EPERM, GOOD },             /* xenstore's page */
    [2] = { GOOD, GOOD },               /* and port */
    [3] = { -EPERM, -EPERM },           /* not accessible */
    [4] = { -EINVAL, -EINVAL },         /* obsolete */
    [5] = { -EPERM, -EPERM },
    [6] = { -EPERM, -EPERM },
    [7] = { -EPERM, -EPERM },
    [8] = { -EPERM, -EPERM },
    [9] = { -EPERM, -EPERM },
    [10] = { -EPERM, -EPERM },
    [11] = { -EPERM, -EPERM },
    [12] = { -EPERM, -EPERM },
    [13] = { -EINVAL, -EINVAL },        /* obsolete */
    [14] = { -EPERM, -EPERM },
    [15] = { GOOD, GOOD },              /* virtual-8086 TSS */
    [16] = { -EPERM, -EPERM },
    [17] = { -EPERM, GOOD },            /* console's page */
    [18] = { GOOD, GOOD },              /* and port */
    [19] = { -EINVAL, GOOD },           /* ACPI ports cannot be moved */
    [20 ... 26] = { -EINVAL, -EINVAL }, /* obsolete */
    [27 ... 29] = { -EPERM, -EPERM },
    [30] = { -EINVAL, -EINVAL },        /* obsolete */
    [31 ... 33] = { -EPERM, -EPERM },
    [34] = { GOOD, GOOD },              /* generation ID */
    [35] = { -EPERM, GOOD },            /* altp2m */
    [36] = { GOOD, GOOD },              /* x87 FIP width */
    [37] = { -EINVAL, GOOD },           /* TSS with a size; 0 is invalid */
    [38] = { -EPERM, -EPERM },
    [NR_PARAMS] = { -EINVAL, -EINVAL },
};

static void test_all(const void *long_mode)
{
    XenVm *vm = start(long_mode);
    uint64_t value;

    for (uint32_t i = 0; i <= NR_PARAMS; i++) {
        g_assert_cmpint(xen_get_param(vm, i, &value), ==, expected[i].get);
    }
    for (uint32_t i = 0; i <= NR_PARAMS; i++) {
        if (i != HVM_PARAM_CONSOLE_EVTCHN) {
            g_assert_cmpint(xen_set_param(vm, i, 0), ==, expected[i].set);
        }
    }
    g_assert_cmpint(xen_set_param(vm, UINT32_MAX, 0), ==, -EINVAL);
    g_assert_cmpint(xen_get_param(vm, UINT32_MAX, &value), ==, -EINVAL);
    xen_vm_stop(vm);
}

static int64_t hvm_op(XenVm *vm, unsigned cmd, uint16_t domid, uint32_t index)
{
    struct xen_hvm_param op = { .domid = domid, .index = index };

    return xen_op(vm, 0, __HYPERVISOR_hvm_op, cmd, &op, sizeof(op));
}

/* The index is checked first, then the domain, then the rest. */
static void test_domains(const void *long_mode)
{
    static const unsigned cmds[] = { HVMOP_set_param, HVMOP_get_param };
    XenVm *vm = start(long_mode);

    for (size_t i = 0; i < ARRAY_SIZE(cmds); i++) {
        g_assert_cmpint(hvm_op(vm, cmds[i], XEN_VM_DOMID, 0), ==, 0);
        g_assert_cmpint(hvm_op(vm, cmds[i], 7, 0), ==, -ESRCH);
        g_assert_cmpint(hvm_op(vm, cmds[i], 7, 4), ==, -ESRCH);
        g_assert_cmpint(hvm_op(vm, cmds[i], 7, NR_PARAMS), ==, -EINVAL);
        /* QEMU's domain exists, but is not an HVM guest. */
        g_assert_cmpint(hvm_op(vm, cmds[i], 0, 0), ==, -EINVAL);
        g_assert_cmpint(hvm_op(vm, cmds[i], 0, 5), ==, -EINVAL);
    }
    xen_vm_stop(vm);
}

static uint64_t get(XenVm *vm, uint32_t index)
{
    uint64_t value;

    g_assert_cmpint(xen_get_param(vm, index, &value), ==, 0);
    return value;
}

/* Xenstore and console are where the parameters say. */
static void test_pages(const void *long_mode)
{
    XenVm *vm = start(long_mode);
    uint64_t store = get(vm, HVM_PARAM_STORE_PFN);
    uint64_t console = get(vm, HVM_PARAM_CONSOLE_PFN);
    uint64_t gnttab = xen_vm_page(vm);

    g_assert_cmpint(xen_port_status(vm, get(vm, HVM_PARAM_STORE_EVTCHN)), ==,
                    EVTCHNSTAT_interdomain);
    g_assert_cmpint(xen_port_status(vm, get(vm, HVM_PARAM_CONSOLE_EVTCHN)),
                    ==, EVTCHNSTAT_interdomain);

    /* They have the first grants. */
    g_assert_cmpint(xen_add_to_physmap(vm, 1, 0, gnttab), ==, 0);
    g_assert_cmphex(qtest_readl(vm->qts, gnttab + 8 *
                                GNTTAB_RESERVED_XENSTORE + 4), ==, store);
    g_assert_cmphex(qtest_readl(vm->qts, gnttab + 8 *
                                GNTTAB_RESERVED_CONSOLE + 4), ==, console);
    g_assert_cmphex(store, !=, console);

    /* Both are RAM. */
    qtest_writel(vm->qts, store * XEN_PAGE_SIZE + 4000, 0x12345678);
    qtest_writel(vm->qts, console * XEN_PAGE_SIZE + 4000, 0x9abcdef0);
    g_assert_cmphex(qtest_readl(vm->qts, store * XEN_PAGE_SIZE + 4000), ==,
                    0x12345678);
    g_assert_cmphex(qtest_readl(vm->qts, console * XEN_PAGE_SIZE + 4000), ==,
                    0x9abcdef0);
    xen_vm_stop(vm);
}

/* Without a console its page and port are 0. */
static void test_no_console(const void *long_mode)
{
    XenVm *vm = xen_vm_start(1, GPOINTER_TO_INT(long_mode), "-nodefaults");
    uint64_t value;

    g_assert_cmpint(xen_get_param(vm, HVM_PARAM_CONSOLE_PFN, &value), ==,
                    -EINVAL);
    g_assert_cmpint(xen_get_param(vm, HVM_PARAM_CONSOLE_EVTCHN, &value), ==,
                    -EINVAL);
    xen_vm_stop(vm);
}

static void check_initial(XenVm *vm, uint64_t store_port)
{
    g_assert_cmphex(get(vm, HVM_PARAM_CALLBACK_IRQ), ==, 0);
    g_assert_cmphex(get(vm, HVM_PARAM_STORE_EVTCHN), ==, store_port);
    g_assert_cmphex(get(vm, HVM_PARAM_VM86_TSS), ==, 0);
    g_assert_cmphex(get(vm, HVM_PARAM_VM86_TSS_SIZED), ==, 0);
    g_assert_cmphex(get(vm, HVM_PARAM_VM_GENERATION_ID_ADDR), ==, 0);
    g_assert_cmphex(get(vm, HVM_PARAM_X87_FIP_WIDTH), ==, 0);
    g_assert_cmphex(get(vm, HVM_PARAM_ALTP2M), ==, 0);
    g_assert_cmphex(get(vm, HVM_PARAM_ACPI_IOPORTS_LOCATION), ==, 0);
}

/* Values that a guest sets, as modified by Xen, until a reset. */
static void test_values(const void *long_mode)
{
    XenVm *vm = start(long_mode);
    uint64_t store_port = get(vm, HVM_PARAM_STORE_EVTCHN);

    check_initial(vm, store_port);
    g_assert_cmpint(xen_set_param(vm, HVM_PARAM_STORE_EVTCHN, 77), ==, 0);
    g_assert_cmpint(xen_set_param(vm, HVM_PARAM_CONSOLE_EVTCHN, 78), ==, 0);
    g_assert_cmpint(xen_set_param(vm, HVM_PARAM_VM_GENERATION_ID_ADDR,
                                  UINT64_C(0x123456789abc)), ==, 0);
    g_assert_cmphex(get(vm, HVM_PARAM_STORE_EVTCHN), ==, 77);
    g_assert_cmphex(get(vm, HVM_PARAM_CONSOLE_EVTCHN), ==, 78);
    g_assert_cmphex(get(vm, HVM_PARAM_VM_GENERATION_ID_ADDR), ==,
                    UINT64_C(0x123456789abc));

    for (uint64_t i = 0; i < 10; i++) {
        bool valid = i == 0 || i == 4 || i == 8;

        g_assert_cmpint(xen_set_param(vm, HVM_PARAM_X87_FIP_WIDTH, i), ==,
                        valid ? 0 : -EINVAL);
    }
    g_assert_cmphex(get(vm, HVM_PARAM_X87_FIP_WIDTH), ==, 8);

    /* Without a size, the TSS has 128 bytes. */
    g_assert_cmpint(xen_set_param(vm, HVM_PARAM_VM86_TSS, 0xfc000), ==, 0);
    g_assert_cmphex(get(vm, HVM_PARAM_VM86_TSS), ==, 0xfc000);
    g_assert_cmphex(get(vm, HVM_PARAM_VM86_TSS_SIZED), ==,
                    UINT64_C(0x80000fc000));
    g_assert_cmpint(xen_set_param(vm, HVM_PARAM_VM86_TSS,
                                  UINT64_C(0x1000fc000)), ==, -EINVAL);
    g_assert_cmpint(xen_set_param(vm, HVM_PARAM_VM86_TSS_SIZED,
                                  UINT64_C(103) << 32), ==, -EINVAL);
    g_assert_cmphex(get(vm, HVM_PARAM_VM86_TSS), ==, 0xfc000);
    g_assert_cmpint(xen_set_param(vm, HVM_PARAM_VM86_TSS_SIZED,
                                  UINT64_C(104) << 32 | 0xfd000), ==, 0);
    g_assert_cmphex(get(vm, HVM_PARAM_VM86_TSS_SIZED), ==,
                    UINT64_C(104) << 32 | 0xfd000);
    g_assert_cmphex(get(vm, HVM_PARAM_VM86_TSS), ==, 0xfd000);
    /* Larger sizes are clipped to the maximum. */
    g_assert_cmpint(xen_set_param(vm, HVM_PARAM_VM86_TSS_SIZED,
                                  UINT64_C(0xffffffff) << 32 | 0xfd000), ==,
                    0);
    g_assert_cmphex(get(vm, HVM_PARAM_VM86_TSS_SIZED), ==,
                    (UINT64_C(104) + 32 + 8192 + 1) << 32 | 0xfd000);

    qtest_system_reset(vm->qts);
    check_initial(vm, store_port);
    xen_vm_stop(vm);
}

/* As in Xen, setting the callback latches the caller's layout. */
static void test_latch(const void *long_mode)
{
    XenVm *vm = start(long_mode);
    /* The offset of the wall clock depends on the layout. */
    unsigned here = vm->long_mode ? 3072 : 2304;
    unsigned other = vm->long_mode ? 2304 : 3072;

    g_assert_cmpuint(qtest_readl(vm->qts, vm->shared_info + here), !=, 0);
    vm->long_mode = !vm->long_mode;
    g_assert_cmpint(xen_set_param(vm, HVM_PARAM_CALLBACK_IRQ, 0), ==, 0);
    /* Where it was are pending bits, in the other layout. */
    for (unsigned i = 0; i < 12; i += 4) {
        g_assert_cmpuint(qtest_readl(vm->qts, vm->shared_info + here + i), ==,
                         0);
    }
    g_assert_cmpuint(qtest_readl(vm->qts, vm->shared_info + other), !=, 0);
    xen_vm_stop(vm);
}

int main(int argc, char **argv)
{
    static const XenTest tests[] = {
        { "all", test_all },
        { "domains", test_domains },
        { "pages", test_pages },
        { "no-console", test_no_console },
        { "values", test_values },
        { "latch", test_latch },
    };

    g_test_init(&argc, &argv, NULL);
    xen_add_tests("hvm-param", tests, ARRAY_SIZE(tests));
    return g_test_run();
}
