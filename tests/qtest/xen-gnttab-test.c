/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Grant table: version, size and frames; operations that do not apply to guests
 */
#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "libxen.h"

#include "hw/xen/interface/grant_table.h"
#include "hw/xen/interface/memory.h"

#define MAX_FRAMES          64
#define ENTRY_SIZE          8       /* flags, domain, frame */

static XenVm *start(const void *long_mode)
{
    return xen_vm_start(1, GPOINTER_TO_INT(long_mode), "-nodefaults");
}

static int64_t gnttab_op(XenVm *vm, unsigned cmd, uint64_t gva, uint32_t nr)
{
    return XEN_CALL(vm, 0, __HYPERVISOR_grant_table_op, cmd, gva, nr);
}

/* The same with one element, copied in and out. */
static int64_t one_op(XenVm *vm, unsigned cmd, void *op, size_t len)
{
    int64_t ret;

    qtest_memwrite(vm->qts, vm->scratch, op, len);
    ret = gnttab_op(vm, cmd, vm->scratch, 1);
    qtest_memread(vm->qts, vm->scratch, op, len);
    return ret;
}

static int64_t map_frame(XenVm *vm, uint64_t idx, uint64_t gpa)
{
    return xen_add_to_physmap(vm, XENMAPSPACE_grant_table, idx, gpa);
}

static void expect_size(XenVm *vm, unsigned nr, unsigned max)
{
    struct gnttab_query_size op = { .dom = DOMID_SELF };

    g_assert_cmpint(one_op(vm, GNTTABOP_query_size, &op, sizeof(op)), ==, 0);
    g_assert_cmpint(op.status, ==, GNTST_okay);
    g_assert_cmpuint(op.nr_frames, ==, nr);
    g_assert_cmpuint(op.max_nr_frames, ==, max);
}

/* Only version 1 is supported; the current version is always returned. */
static void test_version(const void *long_mode)
{
    static const struct {
        uint32_t version;
        int ret;
    } sets[] = {
        { 1, 0 }, { 2, -ENOSYS }, { 0, -EINVAL }, { 3, -EINVAL },
    };
    static const struct {
        uint16_t dom;
        int ret;
    } gets[] = {
        { DOMID_SELF, 0 }, { XEN_VM_DOMID, 0 }, { 0, -EPERM }, { 5, -ESRCH },
    };
    XenVm *vm = start(long_mode);

    for (size_t i = 0; i < ARRAY_SIZE(sets); i++) {
        struct gnttab_set_version op = { .version = sets[i].version };

        g_assert_cmpint(one_op(vm, GNTTABOP_set_version, &op, sizeof(op)), ==,
                        sets[i].ret);
        g_assert_cmpuint(op.version, ==, 1);
    }
    for (size_t i = 0; i < ARRAY_SIZE(gets); i++) {
        struct gnttab_get_version op = { .dom = gets[i].dom, .version = 7 };

        g_assert_cmpint(one_op(vm, GNTTABOP_get_version, &op, sizeof(op)), ==,
                        gets[i].ret);
        g_assert_cmpuint(op.version, ==, gets[i].ret ? 7 : 1);
    }
    xen_vm_stop(vm);
}

static void test_size(const void *long_mode)
{
    XenVm *vm = start(long_mode);
    struct gnttab_query_size op = { .dom = 5 };
    uint64_t gpa = xen_vm_page(vm);

    expect_size(vm, 1, MAX_FRAMES);
    g_assert_cmpint(map_frame(vm, 3, gpa), ==, 0);
    expect_size(vm, 4, MAX_FRAMES);
    g_assert_cmpint(map_frame(vm, 1, gpa), ==, 0);
    expect_size(vm, 4, MAX_FRAMES);
    g_assert_cmpint(xen_remove_from_physmap(vm, gpa), ==, 0);
    expect_size(vm, 4, MAX_FRAMES);
    g_assert_cmpint(map_frame(vm, MAX_FRAMES, gpa), ==, -EINVAL);
    g_assert_cmpint(map_frame(vm, MAX_FRAMES - 1, gpa), ==, 0);
    expect_size(vm, MAX_FRAMES, MAX_FRAMES);

    g_assert_cmpint(one_op(vm, GNTTABOP_query_size, &op, sizeof(op)), ==, 0);
    g_assert_cmpint(op.status, ==, GNTST_bad_domain);
    op.dom = 0;
    g_assert_cmpint(one_op(vm, GNTTABOP_query_size, &op, sizeof(op)), ==, 0);
    g_assert_cmpint(op.status, ==, GNTST_permission_denied);
    xen_vm_stop(vm);
}

/*
 * All that the user may allow the guest, each cutting its RAM in two: QEMU has no room
 * for so many parts.  Those that continue one another are one.
 */
static void test_places(const void *long_mode)
{
    const unsigned max = 4096, places = 1024;
    XenVm *vm = xen_vm_start_bare(1, GPOINTER_TO_INT(long_mode),
                                  XEN_VM_ACCEL ",xen-gnttab-max-frames=4096",
                                  "-nodefaults -m 64");
    uint64_t gpa;

    xen_vm_set_up(vm);
    gpa = 16 << 20;
    for (unsigned i = 0; i < places - 1; i++) {
        g_assert_cmpint(map_frame(vm, i, gpa + 2 * i * XEN_PAGE_SIZE), ==, 0);
    }
    gpa += 2 * places * XEN_PAGE_SIZE;
    for (unsigned i = places - 1; i < max; i++) {
        g_assert_cmpint(map_frame(vm, i, gpa + i * XEN_PAGE_SIZE), ==, 0);
    }
    /* It would be one more without its neighbour, or elsewhere. */
    g_assert_cmpint(xen_remove_from_physmap(vm, gpa + (max - 2) *
                                            XEN_PAGE_SIZE), ==, -ENOMEM);
    g_assert_cmpint(map_frame(vm, max - 1, 12 << 20), ==, -ENOMEM);
    g_assert_cmpint(xen_remove_from_physmap(vm, 16 << 20), ==, 0);
    g_assert_cmpint(map_frame(vm, max - 1, 12 << 20), ==, 0);
    xen_vm_stop(vm);
}

/* xen-gnttab-max-frames: minimum and maximum */
static void test_limit(const void *long_mode)
{
    static const unsigned limits[] = { 1, 4096 };

    for (size_t i = 0; i < ARRAY_SIZE(limits); i++) {
        g_autofree char *accel = g_strdup_printf(
            XEN_VM_ACCEL ",xen-gnttab-max-frames=%u", limits[i]);
        XenVm *vm = xen_vm_start_bare(1, GPOINTER_TO_INT(long_mode), accel,
                                      "-nodefaults");
        uint64_t gpa;

        xen_vm_set_up(vm);
        gpa = xen_vm_page(vm);
        expect_size(vm, 1, limits[i]);
        g_assert_cmpint(map_frame(vm, limits[i], gpa), ==, -EINVAL);
        g_assert_cmpint(map_frame(vm, limits[i] - 1, gpa), ==, 0);
        expect_size(vm, limits[i], limits[i]);
        xen_vm_stop(vm);
    }
}

/* Frames keep their entries when they move; they form a single table. */
static void test_frames(const void *long_mode)
{
    XenVm *vm = start(long_mode);
    uint64_t page[4];

    for (unsigned i = 0; i < 4; i++) {
        page[i] = xen_vm_page(vm);
        g_assert_cmpint(map_frame(vm, i, page[i]), ==, 0);
    }
    /* Xenstore's page is granted, and in use by the back end. */
    g_assert_cmphex(qtest_readw(vm->qts, page[0] +
                                GNTTAB_RESERVED_XENSTORE * ENTRY_SIZE), ==,
                    GTF_permit_access | GTF_reading | GTF_writing);
    g_assert_cmpuint(qtest_readw(vm->qts, page[0] +
                                 GNTTAB_RESERVED_XENSTORE * ENTRY_SIZE + 2),
                     ==, 0);
    g_assert_cmphex(qtest_readw(vm->qts, page[0] +
                                GNTTAB_RESERVED_CONSOLE * ENTRY_SIZE), ==, 0);

    for (unsigned i = 0; i < 4; i++) {
        qtest_writel(vm->qts, page[i] + 2000, i + 100);
    }
    /* In reverse order, so that each replaces another. */
    for (unsigned i = 0; i < 4; i++) {
        g_assert_cmpint(map_frame(vm, i, page[3 - i]), ==, 0);
        g_assert_cmpuint(qtest_readl(vm->qts, page[3 - i] + 2000), ==,
                         i + 100);
    }
    for (unsigned i = 2; i < 4; i++) {
        g_assert_cmpint(map_frame(vm, i, page[3 - i]), ==, 0);
    }
    for (unsigned i = 0; i < 4; i++) {
        g_assert_cmpuint(qtest_readl(vm->qts, page[3 - i] + 2000), ==,
                         i + 100);
    }
    xen_vm_stop(vm);
}

/* A reset of the guest resets its table. */
static void test_reset(const void *long_mode)
{
    XenVm *vm = start(long_mode);
    uint64_t page[2];

    for (unsigned i = 0; i < 2; i++) {
        page[i] = xen_vm_page(vm);
        qtest_writel(vm->qts, page[i] + 2000, 0x11111111);
        g_assert_cmpint(map_frame(vm, i + 2, page[i]), ==, 0);
        qtest_writel(vm->qts, page[i] + 2000, 0x22222222);
    }
    g_assert_cmpint(map_frame(vm, 0, xen_vm_page(vm)), ==, 0);
    qtest_system_reset(vm->qts);

    for (unsigned i = 0; i < 2; i++) {
        g_assert_cmphex(qtest_readl(vm->qts, page[i] + 2000), ==, 0x11111111);
    }
    g_assert_cmpint(xen_hypercall_page(vm, xen_vm_page(vm), vm->long_mode),
                    ==, 0);
    expect_size(vm, 1, MAX_FRAMES);
    g_assert_cmpint(map_frame(vm, 2, page[0]), ==, 0);
    g_assert_cmphex(qtest_readl(vm->qts, page[0] + 2000), ==, 0);
    g_assert_cmpint(map_frame(vm, 0, page[0]), ==, 0);
    g_assert_cmphex(qtest_readw(vm->qts, page[0] +
                                GNTTAB_RESERVED_XENSTORE * ENTRY_SIZE), ==,
                    GTF_permit_access | GTF_reading | GTF_writing);
    xen_vm_stop(vm);
}

/* HVM guests map the frames themselves. */
static void test_setup_table(const void *long_mode)
{
    static const struct {
        uint16_t dom;
        unsigned nr_frames;
        int status;
    } cases[] = {
        { DOMID_SELF, 0, GNTST_okay },
        { XEN_VM_DOMID, 0, GNTST_okay },
        { DOMID_SELF, 1, GNTST_general_error },
        { DOMID_SELF, MAX_FRAMES + 1, GNTST_general_error },
        { 0, 1, GNTST_permission_denied },
        { 5, 1, GNTST_bad_domain },
    };
    XenVm *vm = start(long_mode);

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        uint64_t args[] = { cases[i].dom, cases[i].nr_frames, 0x7777, 0 };
        uint8_t op[32];
        size_t len = xen_pack(vm, op, "hwhl", args);

        g_assert_cmpint(one_op(vm, GNTTABOP_setup_table, op, len), ==, 0);
        g_assert_cmpint((int16_t)lduw_le_p(op + 8), ==, cases[i].status);
    }
    xen_vm_stop(vm);
}

/* No domain grants pages to the guest: each element returns an error. */
static void test_elements(const void *long_mode)
{
    XenVm *vm = start(long_mode);
    uint64_t page = xen_vm_page(vm);
    struct gnttab_map_grant_ref map[3] = {
        { .dom = 0, .status = 77 }, { .dom = DOMID_SELF, .status = 77 },
        { .dom = 5, .status = 77 },
    };
    struct gnttab_unmap_grant_ref unmap[2] = { { .status = 77 } };
    struct gnttab_swap_grant_ref swap[2] = { { .status = 77 } };
    unsigned copy_size = vm->long_mode ? 40 : 24;
    unsigned copy_status = vm->long_mode ? 36 : 20;

    qtest_memwrite(vm->qts, page, map, sizeof(map));
    g_assert_cmpint(gnttab_op(vm, GNTTABOP_map_grant_ref, page, 3), ==, 0);
    qtest_memread(vm->qts, page, map, sizeof(map));
    g_assert_cmpint(map[0].status, ==, GNTST_bad_gntref);
    g_assert_cmpint(map[1].status, ==, GNTST_general_error);
    g_assert_cmpint(map[2].status, ==, GNTST_bad_domain);

    qtest_memwrite(vm->qts, page, unmap, sizeof(unmap));
    g_assert_cmpint(gnttab_op(vm, GNTTABOP_unmap_grant_ref, page, 2), ==, 0);
    qtest_memread(vm->qts, page, unmap, sizeof(unmap));
    g_assert_cmpint(unmap[0].status, ==, GNTST_bad_handle);
    g_assert_cmpint(unmap[1].status, ==, GNTST_bad_handle);

    qtest_memwrite(vm->qts, page, swap, sizeof(swap));
    g_assert_cmpint(gnttab_op(vm, GNTTABOP_swap_grant_ref, page, 2), ==, 0);
    qtest_memread(vm->qts, page, swap, sizeof(swap));
    g_assert_cmpint(swap[0].status, ==, GNTST_general_error);
    g_assert_cmpint(swap[1].status, ==, GNTST_general_error);

    qtest_memset(vm->qts, page, 0x55, 3 * copy_size);
    g_assert_cmpint(gnttab_op(vm, GNTTABOP_copy, page, 2), ==, 0);
    for (unsigned i = 0; i < 2; i++) {
        uint64_t status = page + i * copy_size + copy_status;

        g_assert_cmpint((int16_t)qtest_readw(vm->qts, status), ==,
                        GNTST_bad_gntref);
    }
    g_assert_cmphex(qtest_readw(vm->qts, page + 2 * copy_size + copy_status),
                    ==, 0x5555);
    xen_vm_stop(vm);
}

static void test_errors(const void *long_mode)
{
    static const unsigned by_one[] = {
        GNTTABOP_query_size, GNTTABOP_setup_table,
    };
    static const unsigned by_many[] = {
        GNTTABOP_map_grant_ref, GNTTABOP_unmap_grant_ref,
        GNTTABOP_swap_grant_ref, GNTTABOP_copy,
    };
    /* Xen refuses these to HVM guests. */
    static const unsigned refused[] = {
        GNTTABOP_dump_table, GNTTABOP_transfer, GNTTABOP_unmap_and_replace,
        GNTTABOP_get_status_frames, GNTTABOP_cache_flush, 13, 0x7fffffff,
    };
    XenVm *vm = start(long_mode);
    uint64_t page = xen_vm_page(vm);

    for (size_t i = 0; i < ARRAY_SIZE(by_one); i++) {
        g_assert_cmpint(gnttab_op(vm, by_one[i], page, 0), ==, -EINVAL);
        g_assert_cmpint(gnttab_op(vm, by_one[i], page, 2), ==, -EINVAL);
        g_assert_cmpint(gnttab_op(vm, by_one[i], XEN_NO_RAM, 1), ==, -EFAULT);
    }
    for (size_t i = 0; i < ARRAY_SIZE(by_many); i++) {
        g_assert_cmpint(gnttab_op(vm, by_many[i], XEN_NO_RAM, 0), ==, 0);
        g_assert_cmpint(gnttab_op(vm, by_many[i], XEN_NO_RAM, 1), ==,
                        -EFAULT);
        g_assert_cmpint(gnttab_op(vm, by_many[i], page, 0x80000000), ==,
                        -EINVAL);
    }
    g_assert_cmpint(gnttab_op(vm, GNTTABOP_set_version, XEN_NO_RAM, 1), ==,
                    -EFAULT);
    g_assert_cmpint(gnttab_op(vm, GNTTABOP_get_version, XEN_NO_RAM, 1), ==,
                    -EFAULT);
    for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
        g_assert_cmpint(gnttab_op(vm, refused[i], page, 1), ==, -ENOSYS);
    }
    xen_vm_stop(vm);
}

int main(int argc, char **argv)
{
    static const XenTest tests[] = {
        { "version", test_version },
        { "size", test_size },
        { "limit", test_limit },
        { "places", test_places },
        { "frames", test_frames },
        { "reset", test_reset },
        { "setup-table", test_setup_table },
        { "elements", test_elements },
        { "errors", test_errors },
    };

    g_test_init(&argc, &argv, NULL);
    xen_add_tests("gnttab", tests, ARRAY_SIZE(tests));
    return g_test_run();
}
