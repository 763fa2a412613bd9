/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Commands that Xen emulation adds to the qtest protocol: invalid ones are
 * refused
 */
#include "qemu/osdep.h"
#include "libxen.h"

#define VECTOR      0xf3

/* Arguments of a hypercall: all 0. */
#define SIX         " 0 0 0 0 0 0"

static const char *const refused[] = {
    /* too few, too many, or no arguments */
    "xen_hypercall",
    "xen_hypercall 0",
    "xen_hypercall 0 1 0 17 0 0 0 0 0",
    "xen_hypercall 0 1 0 17" SIX " 0",
    "xen_hypercall_page",
    "xen_hypercall_page 0 1",
    "xen_hypercall_page 0 1 0x1000 0",
    "xen_cpuid",
    "xen_cpuid 0 0x40000000 0",
    "xen_cpuid 0 0x40000000 0 0 0",
    "xen_take_vector",
    "xen_take_vector 0",
    "xen_take_vector 0 0xf3 0",
    "xen_take_callbacks",
    "xen_take_callbacks 0 0",
    /* not a number, or not only a number */
    "xen_hypercall zero 1 0 17" SIX,
    "xen_hypercall 0 1 0 0x" SIX,
    "xen_hypercall 0 1 0 17g" SIX,
    "xen_hypercall 0 1 0  17" SIX,
    "xen_hypercall 0 1 0 17" SIX " ",
    "xen_hypercall 0 1 0 17 0 0 0 0 0 0x10000000000000000",
    "xen_hypercall 0 1 0 99999999999999999999" SIX,
    "xen_take_vector 0 vector",
    "xen_take_callbacks \"0\"",
    /* no such vCPU */
    "xen_hypercall 2 1 0 17" SIX,
    "xen_hypercall -1 1 0 17" SIX,
    "xen_hypercall 2147483647 1 0 17" SIX,
    "xen_hypercall 2147483648 1 0 17" SIX,
    "xen_hypercall 4294967296 1 0 17" SIX,
    "xen_hypercall 0xffffffffffffffff 1 0 17" SIX,
    "xen_hypercall_page 2 1 0x1000",
    "xen_cpuid 2 0x40000000 0 0",
    "xen_take_vector 512 0xf3",
    "xen_take_callbacks 511",
    "xen_take_callbacks 18446744073709551615",
    /* invalid mode, CPL, leaf, register, vector */
    "xen_hypercall 0 2 0 17" SIX,
    "xen_hypercall 0 1 4 17" SIX,
    "xen_hypercall 0 1 256 17" SIX,
    "xen_hypercall_page 0 2 0x1000",
    "xen_cpuid 0 0x3fffffff 0 0",
    "xen_cpuid 0 0x40000100 0 0",
    "xen_cpuid 0 0x140000000 0 0",
    "xen_cpuid 0 0x40000000 0 4",
    "xen_cpuid 0 0x40000000 0 -1",
    "xen_take_vector 0 256",
    "xen_take_vector 0 0x100000000000000f3",
    /* no such command */
    "xen_",
    "xen_hypercalls 0 1 0 17" SIX,
    "xen_hyperca 0 1 0 17" SIX,
    "XEN_HYPERCALL 0 1 0 17" SIX,
};

static void test_refused(const void *long_mode)
{
    XenVm *vm = xen_vm_start(2, GPOINTER_TO_INT(long_mode), "-nodefaults");
    uint64_t value;

    g_assert_cmpint(xen_set_upcall_vector(vm, 0, VECTOR), ==, 0);
    for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
        if (xen_qtest_command(vm->qts, refused[i], &value)) {
            g_error("\"%s\" was not refused", refused[i]);
        }
    }
    /* Valid commands still work. */
    g_assert_cmphex(xen_command(vm, "xen_hypercall 0 1 0 17" SIX), ==,
                    0x40011);
    g_assert_cmphex(xen_command(vm, "xen_cpuid 1 0x40000001 0 0"), ==,
                    0x40011);
    xen_vm_stop(vm);
}

/* Xen refuses hypercalls from user mode. */
static void test_cpl(const void *long_mode)
{
    XenVm *vm = xen_vm_start(1, GPOINTER_TO_INT(long_mode), "-nodefaults");

    for (int cpl = 0; cpl <= 3; cpl++) {
        int64_t ret = (int32_t)xen_command(vm, "xen_hypercall 0 %d %d 17" SIX,
                                           vm->long_mode, cpl);

        g_assert_cmpint(ret, ==, cpl ? -EPERM : 0x40011);
    }
    xen_vm_stop(vm);
}

/* The hypercall page: valid addresses, and its contents. */
static void check_page(const void *long_mode, const char *options, uint8_t trap)
{
    XenVm *vm = xen_vm_start(1, GPOINTER_TO_INT(long_mode), options);
    uint64_t gpa = xen_vm_page(vm);
    /* mov $17, %eax; vmcall or vmmcall; ret; then int3 */
    const uint8_t stub[] = { 0xb8, 17, 0, 0, 0, 0x0f, 0x01, trap, 0xc3, 0xcc };
    /* iret is not supported: ud2 */
    static const uint8_t undefined[] = { 0x0f, 0x0b };
    uint8_t page[XEN_PAGE_SIZE];

    /* Page 1, which does not exist; no RAM. */
    g_assert_cmpint((int32_t)xen_hypercall_page(vm, gpa + 1, vm->long_mode),
                    ==, -EFAULT);
    g_assert_cmpint((int32_t)xen_hypercall_page(vm, XEN_NO_RAM,
                                                vm->long_mode), ==, -EFAULT);
    qtest_memread(vm->qts, gpa, page, sizeof(page));
    g_assert_cmpuint(page[0], ==, 0);

    g_assert_cmpint(xen_hypercall_page(vm, gpa, vm->long_mode), ==, 0);
    qtest_memread(vm->qts, gpa, page, sizeof(page));
    g_assert_cmpmem(page + 17 * 32, sizeof(stub), stub, sizeof(stub));
    g_assert_cmpmem(page + 23 * 32, sizeof(undefined), undefined,
                    sizeof(undefined));
    g_assert_cmpuint(page[127 * 32 + 1], ==, 127);
    xen_vm_stop(vm);
}

static void test_page(const void *long_mode)
{
    check_page(long_mode, "-nodefaults -cpu qemu64,vendor=AuthenticAMD", 0xd9);
    check_page(long_mode, "-nodefaults -cpu qemu64,vendor=GenuineIntel", 0xc1);
}

/* The commands do not exist without Xen emulation. */
static void test_no_xen(void)
{
    QTestState *qts = qtest_init("-nodefaults");
    uint64_t value;

    g_assert_false(xen_qtest_command(qts, "xen_hypercall 0 1 0 17" SIX,
                                     &value));
    g_assert_false(xen_qtest_command(qts, "xen_take_callbacks 0", &value));
    xen_qtest_quit(qts);
}

int main(int argc, char **argv)
{
    static const XenTest tests[] = {
        { "refused", test_refused },
        { "cpl", test_cpl },
        { "page", test_page },
    };

    g_test_init(&argc, &argv, NULL);
    xen_add_tests("command", tests, ARRAY_SIZE(tests));
    qtest_add_func("xen/command/no-xen", test_no_xen);
    return g_test_run();
}
