/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * HYPERVISOR_memory_op: mapping of Xen's pages, ballooning, sizes
 */
#include "qemu/osdep.h"
#include "qemu/units.h"
#include "libxen.h"
#include "qobject/qdict.h"

#include "hw/xen/interface/memory.h"

/* qtest's machine has 128 MiB. */
#define RAM_BYTES           (UINT64_C(128) << 20)
#define PATTERN             0xa5

/* A frame number beyond the physical address space, as a guest's long */
#define BAD_GFN(vm)         ((vm)->long_mode ? UINT64_C(1) << 53 : 0xffffffff)
#define LAST_GFN            (UINT64_MAX >> 12)

static XenVm *start(const void *long_mode)
{
    return xen_vm_start(1, GPOINTER_TO_INT(long_mode), NULL);
}

static int64_t memory_op(XenVm *vm, unsigned cmd, const char *format,
                         const uint64_t *value)
{
    return xen_packed_op(vm, __HYPERVISOR_memory_op, cmd, format, value);
}
#define MEMORY_OP(vm, cmd, format, ...) \
    memory_op(vm, cmd, format, (const uint64_t[]) { __VA_ARGS__ })

/* A page of RAM filled with a pattern. */
static uint64_t marked_page(XenVm *vm)
{
    uint64_t gpa = xen_vm_page(vm);

    qtest_memset(vm->qts, gpa, PATTERN, XEN_PAGE_SIZE);
    return gpa;
}

static bool is_filled(XenVm *vm, uint64_t gpa, uint8_t byte)
{
    uint8_t page[XEN_PAGE_SIZE];

    qtest_memread(vm->qts, gpa, page, sizeof(page));
    return !memcmp(page, page + 1, sizeof(page) - 1) && page[0] == byte;
}

/* An array in guest memory, with elements of @size bytes. */
static void write_array(XenVm *vm, uint64_t gpa, const uint64_t *value,
                        unsigned nr)
{
    for (unsigned i = 0; i < nr; i++) {
        if (vm->long_mode) {
            qtest_writeq(vm->qts, gpa + i * 8, value[i]);
        } else {
            qtest_writel(vm->qts, gpa + i * 4, value[i]);
        }
    }
}

/* The page covers RAM, keeps its contents when moved, and uncovers the RAM. */
static void test_shared_info(const void *long_mode)
{
    XenVm *vm = start(long_mode);
    uint64_t a = marked_page(vm), b = marked_page(vm);
    uint32_t port = xen_bind_ipi(vm, 0);

    g_assert_cmpint(xen_add_to_physmap(vm, XENMAPSPACE_shared_info, 0, a), ==,
                    0);
    g_assert_false(is_filled(vm, a, PATTERN));
    g_assert_true(is_filled(vm, vm->shared_info, 0));
    vm->shared_info = a;
    g_assert_cmpint(xen_send(vm, port), ==, 0);
    g_assert_true(xen_is_pending(vm, port));
    qtest_writel(vm->qts, a + 4000, 0x12345678);

    g_assert_cmpint(xen_add_to_physmap(vm, XENMAPSPACE_shared_info, 0, b), ==,
                    0);
    g_assert_true(is_filled(vm, a, PATTERN));
    vm->shared_info = b;
    g_assert_true(xen_is_pending(vm, port));
    g_assert_cmphex(qtest_readl(vm->qts, b + 4000), ==, 0x12345678);
    xen_unmask(vm, port);
    xen_expect_event(vm, 0, port);
    /* To its current address. */
    g_assert_cmpint(xen_add_to_physmap(vm, XENMAPSPACE_shared_info, 0, b), ==,
                    0);
    g_assert_cmphex(qtest_readl(vm->qts, b + 4000), ==, 0x12345678);

    /* Unmapped: events become pending all the same. */
    g_assert_cmpint(xen_remove_from_physmap(vm, b), ==, 0);
    g_assert_true(is_filled(vm, b, PATTERN));
    g_assert_cmpint(xen_send(vm, port), ==, 0);
    g_assert_true(xen_upcall_pending(vm, 0));
    g_assert_cmpint(xen_add_to_physmap(vm, XENMAPSPACE_shared_info, 0, a), ==,
                    0);
    vm->shared_info = a;
    xen_expect_event(vm, 0, port);

    xen_vm_stop(vm);
}

/* A page that is covered by another one is unmapped. */
static void test_cover(const void *long_mode)
{
    XenVm *vm = start(long_mode);
    uint64_t a = marked_page(vm), b = marked_page(vm);

    g_assert_cmpint(xen_add_to_physmap(vm, XENMAPSPACE_grant_table, 0, a), ==,
                    0);
    qtest_writel(vm->qts, a + 4000, 1);
    g_assert_cmpint(xen_add_to_physmap(vm, XENMAPSPACE_grant_table, 1, a), ==,
                    0);
    qtest_writel(vm->qts, a + 4000, 2);
    g_assert_cmpint(xen_add_to_physmap(vm, XENMAPSPACE_shared_info, 0, a), ==,
                    0);
    g_assert_cmpint(xen_remove_from_physmap(vm, a), ==, 0);
    g_assert_true(is_filled(vm, a, PATTERN));

    /* All three keep their contents, and can be mapped again. */
    g_assert_cmpint(xen_add_to_physmap(vm, XENMAPSPACE_grant_table, 1, a), ==,
                    0);
    g_assert_cmpuint(qtest_readl(vm->qts, a + 4000), ==, 2);
    g_assert_cmpint(xen_add_to_physmap(vm, XENMAPSPACE_grant_table, 0, b), ==,
                    0);
    g_assert_cmpuint(qtest_readl(vm->qts, b + 4000), ==, 1);
    g_assert_cmpint(xen_remove_from_physmap(vm, b), ==, 0);
    g_assert_true(is_filled(vm, b, PATTERN));
    g_assert_cmpint(xen_remove_from_physmap(vm, a), ==, 0);
    g_assert_true(is_filled(vm, a, PATTERN));

    xen_vm_stop(vm);
}

static int64_t add(XenVm *vm, uint16_t domid, unsigned space, uint64_t idx,
                   uint64_t gfn)
{
    return MEMORY_OP(vm, XENMEM_add_to_physmap, "hhwll", domid, 0, space, idx,
                     gfn);
}

static void test_add_errors(const void *long_mode)
{
    XenVm *vm = start(long_mode);
    uint64_t gpa = marked_page(vm), gfn = gpa / XEN_PAGE_SIZE;

    g_assert_cmpint(add(vm, 5, XENMAPSPACE_shared_info, 0, gfn), ==, -ESRCH);
    g_assert_cmpint(add(vm, DOMID_SELF, XENMAPSPACE_shared_info, 1, gfn), ==,
                    -EINVAL);
    g_assert_cmpint(add(vm, DOMID_SELF, XENMAPSPACE_grant_table, 64, gfn), ==,
                    -EINVAL);
    /* Status frames: version 2 of the grant table only */
    g_assert_cmpint(add(vm, DOMID_SELF, XENMAPSPACE_grant_table, 1u << 31,
                        gfn), ==, -EINVAL);
    g_assert_cmpint(add(vm, DOMID_SELF, XENMAPSPACE_gmfn, gfn + 1, gfn), ==,
                    -EOPNOTSUPP);
    g_assert_cmpint(add(vm, DOMID_SELF, XENMAPSPACE_gmfn_range, gfn + 1, gfn),
                    ==, -EOPNOTSUPP);
    g_assert_cmpint(add(vm, DOMID_SELF, XENMAPSPACE_gmfn_foreign, 0, gfn), ==,
                    -ENOSYS);
    g_assert_cmpint(add(vm, DOMID_SELF, 17, 0, gfn), ==, -EINVAL);
    /* The BIOS's last page, with the reset vector */
    g_assert_cmpint(add(vm, DOMID_SELF, XENMAPSPACE_shared_info, 0, 0xfffff),
                    ==, -EINVAL);
    g_assert_cmpint(add(vm, DOMID_SELF, XENMAPSPACE_grant_table, 0, 0xfffff),
                    ==, -EINVAL);
    if (vm->long_mode) {
        g_assert_cmpint(add(vm, DOMID_SELF, XENMAPSPACE_shared_info, 0,
                            LAST_GFN), ==, -EINVAL);
        g_assert_cmpint(add(vm, DOMID_SELF, XENMAPSPACE_grant_table, 0,
                            LAST_GFN), ==, -EINVAL);
        g_assert_cmpint(add(vm, DOMID_SELF, XENMAPSPACE_shared_info, 0,
                            BAD_GFN(vm)), ==, -EINVAL);
    }
    g_assert_cmpint(XEN_CALL(vm, 0, __HYPERVISOR_memory_op,
                             XENMEM_add_to_physmap, XEN_NO_RAM), ==, -EFAULT);
    /* Nothing was moved. */
    g_assert_true(is_filled(vm, gpa, PATTERN));
    g_assert_false(is_filled(vm, vm->shared_info, 0));

    g_assert_cmpint(MEMORY_OP(vm, XENMEM_remove_from_physmap, "hl", 5, gfn),
                    ==, -ESRCH);
    g_assert_cmpint(MEMORY_OP(vm, XENMEM_remove_from_physmap, "hl", 0, gfn),
                    ==, -EPERM);
    g_assert_cmpint(MEMORY_OP(vm, XENMEM_remove_from_physmap, "hl", DOMID_SELF,
                              XEN_NO_RAM / XEN_PAGE_SIZE), ==, -ENOENT);
    g_assert_cmpint(MEMORY_OP(vm, XENMEM_remove_from_physmap, "hl", DOMID_SELF,
                              BAD_GFN(vm)), ==, -ENOENT);
    g_assert_true(is_filled(vm, gpa, PATTERN));
    g_assert_cmpint(MEMORY_OP(vm, XENMEM_remove_from_physmap, "hl",
                              XEN_VM_DOMID, gfn), ==, 0);
    g_assert_true(is_filled(vm, gpa, 0));

    xen_vm_stop(vm);
}

/*
 * The guest has 40 physical address bits.  KVM refuses memory slots beyond the
 * host's address bits, which makes QEMU exit.
 */
static void test_add_out_of_range(const void *long_mode)
{
    const uint64_t end = UINT64_C(1) << (40 - 12);
    XenVm *vm = start(long_mode);

    for (uint64_t gfn = end; gfn < (vm->long_mode ? UINT64_C(1) << 52
                                                  : UINT64_C(1) << 32);
         gfn <<= 1) {
        g_assert_cmpint(add(vm, DOMID_SELF, XENMAPSPACE_shared_info, 0, gfn),
                        ==, -EINVAL);
        g_assert_cmpint(add(vm, DOMID_SELF, XENMAPSPACE_grant_table, 0,
                            gfn + 1), ==, -EINVAL);
    }
    /* Nothing was moved; and the last valid frame works. */
    g_assert_false(is_filled(vm, vm->shared_info, 0));
    g_assert_cmpint(add(vm, DOMID_SELF, XENMAPSPACE_shared_info, 0, end - 1),
                    ==, 0);
    g_assert_true(is_filled(vm, vm->shared_info, 0));
    vm->shared_info = (end - 1) * XEN_PAGE_SIZE;
    g_assert_false(xen_is_masked(vm, 5));
    xen_mask(vm, 5);
    g_assert_true(xen_is_masked(vm, 5));

    xen_vm_stop(vm);
}

#define BATCH   3

static int64_t add_batch(XenVm *vm, uint16_t domid, unsigned space,
                         unsigned size, uint64_t idxs, uint64_t gfns,
                         uint64_t errs)
{
    return MEMORY_OP(vm, XENMEM_add_to_physmap_batch, "hhhhlll", domid, space,
                     size, 0, idxs, gfns, errs);
}

static void test_batch(const void *long_mode)
{
    XenVm *vm = start(long_mode);
    uint64_t page[BATCH], gfn[BATCH], idx[BATCH] = { 1, 64, 0 };
    uint64_t idxs = xen_vm_page(vm), gfns = xen_vm_page(vm);
    uint64_t errs = xen_vm_page(vm);
    int32_t err[BATCH];

    for (unsigned i = 0; i < BATCH; i++) {
        page[i] = marked_page(vm);
        gfn[i] = page[i] / XEN_PAGE_SIZE;
    }
    write_array(vm, idxs, idx, BATCH);
    write_array(vm, gfns, gfn, BATCH);
    qtest_memset(vm->qts, errs, 0xee, sizeof(err));

    g_assert_cmpint(add_batch(vm, 5, XENMAPSPACE_grant_table, BATCH, idxs,
                              gfns, errs), ==, -ESRCH);
    g_assert_cmpint(add_batch(vm, DOMID_SELF, XENMAPSPACE_gmfn_range, BATCH,
                              idxs, gfns, errs), ==, -EOPNOTSUPP);
    g_assert_cmpint(add_batch(vm, DOMID_SELF, XENMAPSPACE_dev_mmio, BATCH,
                              idxs, gfns, errs), ==, -EACCES);
    g_assert_cmpint(add_batch(vm, DOMID_SELF, XENMAPSPACE_grant_table, BATCH,
                              XEN_NO_RAM, gfns, errs), ==, -EFAULT);
    g_assert_cmpint(add_batch(vm, DOMID_SELF, XENMAPSPACE_grant_table, BATCH,
                              idxs, XEN_NO_RAM, errs), ==, -EFAULT);
    for (unsigned i = 0; i < BATCH; i++) {
        g_assert_true(is_filled(vm, page[i], PATTERN));
    }
    g_assert_cmpint(add_batch(vm, DOMID_SELF, XENMAPSPACE_grant_table, 0, 0,
                              0, 0), ==, 0);
    g_assert_cmphex(qtest_readl(vm->qts, errs), ==, 0xeeeeeeee);

    /* In order, each with its own result. */
    g_assert_cmpint(add_batch(vm, DOMID_SELF, XENMAPSPACE_grant_table, BATCH,
                              idxs, gfns, errs), ==, 0);
    qtest_memread(vm->qts, errs, err, sizeof(err));
    g_assert_cmpint(err[0], ==, 0);
    g_assert_cmpint(err[1], ==, -EINVAL);
    g_assert_cmpint(err[2], ==, 0);
    g_assert_false(is_filled(vm, page[0], PATTERN));
    g_assert_true(is_filled(vm, page[1], PATTERN));
    g_assert_false(is_filled(vm, page[2], PATTERN));

    g_assert_cmpint(add_batch(vm, DOMID_SELF, XENMAPSPACE_gmfn_foreign, 1,
                              idxs, gfns, errs), ==, 0);
    g_assert_cmpint((int32_t)qtest_readl(vm->qts, errs), ==, -EPERM);
    /* A start, as in a continued call, beyond the end */
    g_assert_cmpint(MEMORY_OP(vm, XENMEM_add_to_physmap_batch | 2 << 6,
                              "hhhhlll", DOMID_SELF, XENMAPSPACE_grant_table,
                              1, 0, idxs, gfns, errs), ==, -EILSEQ);
    g_assert_cmpint(MEMORY_OP(vm, XENMEM_add_to_physmap | 1 << 6, "hhwll",
                              DOMID_SELF, 0, XENMAPSPACE_grant_table, 0, 0),
                    ==, -EDOM);

    xen_vm_stop(vm);
}

static int64_t reserve(XenVm *vm, unsigned cmd, uint64_t extents, uint64_t nr,
                       unsigned order, uint16_t domid)
{
    return MEMORY_OP(vm, cmd, "llwwh", extents, nr, order, 0, domid);
}

/* Pages that the guest releases and populates again. */
static void test_balloon(const void *long_mode)
{
    XenVm *vm = start(long_mode);
    uint64_t extents = xen_vm_page(vm), page[3], gfn[3];
    uint64_t huge = 64 << 20;

    for (unsigned i = 0; i < 3; i++) {
        page[i] = marked_page(vm);
        gfn[i] = page[i] / XEN_PAGE_SIZE;
    }
    gfn[1] = XEN_NO_RAM / XEN_PAGE_SIZE;
    write_array(vm, extents, gfn, 3);

    /* The result is the number of frames processed; for every error it is 0. */
    g_assert_cmpint(reserve(vm, XENMEM_decrease_reservation, extents, 3, 0, 5),
                    ==, 0);
    g_assert_cmpint(reserve(vm, XENMEM_decrease_reservation, extents, 3, 10,
                            DOMID_SELF), ==, 0);
    g_assert_cmpint(reserve(vm, XENMEM_decrease_reservation, extents, 0, 0,
                            DOMID_SELF), ==, 0);
    g_assert_cmpint(reserve(vm, XENMEM_decrease_reservation, XEN_NO_RAM, 3, 0,
                            DOMID_SELF), ==, 0);
    g_assert_cmpint(reserve(vm, XENMEM_decrease_reservation, extents, 1u << 26,
                            0, DOMID_SELF), ==, 0);
    g_assert_cmpint(XEN_CALL(vm, 0, __HYPERVISOR_memory_op,
                             XENMEM_decrease_reservation, XEN_NO_RAM), ==, 0);
    g_assert_cmpint(reserve(vm, XENMEM_increase_reservation, extents, 1, 0,
                            DOMID_SELF), ==, 0);
    g_assert_true(is_filled(vm, page[0], PATTERN));

    /* It stops at the first page that is not RAM. */
    g_assert_cmpint(reserve(vm, XENMEM_decrease_reservation, extents, 3, 0,
                            DOMID_SELF), ==, 1);
    g_assert_true(is_filled(vm, page[0], 0));
    g_assert_true(is_filled(vm, page[2], PATTERN));
    g_assert_cmpint(reserve(vm, XENMEM_populate_physmap, extents, 3, 0,
                            DOMID_SELF), ==, 1);
    qtest_memset(vm->qts, page[0], PATTERN, XEN_PAGE_SIZE);
    g_assert_true(is_filled(vm, page[0], PATTERN));

    /* Xen's own pages cannot be released. */
    gfn[0] = vm->shared_info / XEN_PAGE_SIZE;
    write_array(vm, extents, gfn, 1);
    g_assert_cmpint(reserve(vm, XENMEM_decrease_reservation, extents, 1, 0,
                            DOMID_SELF), ==, 0);
    g_assert_false(is_filled(vm, vm->shared_info, 0));

    /* 2 MiB in one extent */
    gfn[0] = huge / XEN_PAGE_SIZE;
    write_array(vm, extents, gfn, 1);
    qtest_memset(vm->qts, huge, PATTERN, XEN_PAGE_SIZE);
    qtest_memset(vm->qts, huge + 511 * XEN_PAGE_SIZE, PATTERN, XEN_PAGE_SIZE);
    qtest_memset(vm->qts, huge + 512 * XEN_PAGE_SIZE, PATTERN, XEN_PAGE_SIZE);
    g_assert_cmpint(reserve(vm, XENMEM_decrease_reservation, extents, 1, 9,
                            DOMID_SELF), ==, 1);
    g_assert_true(is_filled(vm, huge, 0));
    g_assert_true(is_filled(vm, huge + 511 * XEN_PAGE_SIZE, 0));
    g_assert_true(is_filled(vm, huge + 512 * XEN_PAGE_SIZE, PATTERN));
    g_assert_cmpint(reserve(vm, XENMEM_populate_physmap, extents, 1, 9,
                            DOMID_SELF), ==, 1);

    xen_vm_stop(vm);
}

static int64_t give_back(XenVm *vm, uint64_t extents, unsigned nr)
{
    return reserve(vm, XENMEM_decrease_reservation, extents, nr, 0,
                   DOMID_SELF);
}

static unsigned count_lines(const char *file)
{
    g_autofree char *text = NULL;
    unsigned nr = 0;

    g_assert_true(g_file_get_contents(file, &text, NULL, NULL));
    for (const char *p = text; (p = strchr(p, '\n')); p++) {
        nr++;
    }
    return nr;
}

/* RAM that the host does not discard stays, and one line says so. */
static void test_balloon_refused(const void *long_mode)
{
    g_autofree char *ram = NULL, *log = NULL, *options = NULL;
    int ram_fd = g_file_open_tmp("xen-ram-XXXXXX", &ram, NULL);
    int log_fd = g_file_open_tmp("xen-log-XXXXXX", &log, NULL);
    int old = dup(STDERR_FILENO);
    uint64_t extents, page, gfn[64];
    XenVm *vm;

    g_assert_cmpint(ftruncate(ram_fd, RAM_BYTES), ==, 0);
    options = g_strdup_printf("-object memory-backend-file,id=ram,mem-path=%s,"
                              "size=%" PRIu64 ",share=off,readonly=on,rom=off "
                              "-machine memory-backend=ram", ram, RAM_BYTES);
    dup2(log_fd, STDERR_FILENO);
    vm = xen_vm_start(1, GPOINTER_TO_INT(long_mode), options);
    dup2(old, STDERR_FILENO);

    extents = xen_vm_page(vm);
    page = marked_page(vm);
    for (unsigned i = 0; i < ARRAY_SIZE(gfn); i++) {
        gfn[i] = page / XEN_PAGE_SIZE;
    }
    write_array(vm, extents, gfn, ARRAY_SIZE(gfn));
    for (unsigned i = 0; i < 2; i++) {
        g_assert_cmpint(give_back(vm, extents, ARRAY_SIZE(gfn)), ==,
                        ARRAY_SIZE(gfn));
    }
    g_assert_true(is_filled(vm, page, PATTERN));
    g_assert_cmpuint(count_lines(log), ==, 1);

    xen_vm_stop(vm);
    close(old);
    close(ram_fd);
    close(log_fd);
    unlink(ram);
    unlink(log);
}

static void set_snapshot(XenVm *vm, bool on)
{
    qtest_qmp_assert_success(vm->qts,
        "{ 'execute': 'migrate-set-capabilities', 'arguments': {"
        " 'capabilities': [ { 'capability': 'background-snapshot',"
        " 'state': %i } ] } }", on);
}

static bool migration_is(XenVm *vm, const char *status)
{
    QDict *info = qtest_qmp_assert_success_ref(vm->qts,
                                               "{ 'execute': 'query-migrate' }");
    const char *now = qdict_get_try_str(info, "status");
    bool is = now && g_str_equal(now, status);

    g_assert_true(!now || !g_str_equal(now, "failed"));
    qobject_unref(info);
    return is;
}

/* A page that a snapshot has yet to save is not discarded. */
static void test_balloon_snapshot(const void *long_mode)
{
    XenVm *vm = xen_vm_start(1, GPOINTER_TO_INT(long_mode), "-nodefaults");
    uint64_t extents = xen_vm_page(vm), page = marked_page(vm);
    uint64_t gfn = page / XEN_PAGE_SIZE;

    write_array(vm, extents, &gfn, 1);
    set_snapshot(vm, true);
    qtest_qmp_assert_success(vm->qts,
        "{ 'execute': 'migrate-set-parameters',"
        " 'arguments': { 'max-bandwidth': 1000 } }");
    qtest_qmp_assert_success(vm->qts,
        "{ 'execute': 'migrate',"
        " 'arguments': { 'uri': 'exec:cat >/dev/null' } }");
    while (!migration_is(vm, "active")) {
        g_usleep(1000);
    }
    g_assert_cmpint(give_back(vm, extents, 1), ==, 1);
    g_assert_true(migration_is(vm, "active"));
    g_assert_true(is_filled(vm, page, PATTERN));

    qtest_qmp_assert_success(vm->qts, "{ 'execute': 'migrate_cancel' }");
    while (!migration_is(vm, "cancelled")) {
        g_usleep(1000);
    }
    g_assert_cmpint(give_back(vm, extents, 1), ==, 1);
    g_assert_true(is_filled(vm, page, 0));
    xen_vm_stop(vm);
}

static void test_sizes(const void *long_mode)
{
    static const unsigned by_domain[] = {
        XENMEM_current_reservation, XENMEM_maximum_reservation,
        XENMEM_maximum_gpfn,
    };
    XenVm *vm = start(long_mode);
    uint64_t frames = RAM_BYTES / XEN_PAGE_SIZE;

    for (size_t i = 0; i < ARRAY_SIZE(by_domain); i++) {
        int64_t value = by_domain[i] == XENMEM_maximum_gpfn ? frames - 1
                                                            : frames;

        g_assert_cmpint(MEMORY_OP(vm, by_domain[i], "h", DOMID_SELF), ==,
                        value);
        g_assert_cmpint(MEMORY_OP(vm, by_domain[i], "h", XEN_VM_DOMID), ==,
                        value);
        g_assert_cmpint(MEMORY_OP(vm, by_domain[i], "h", 0), ==, -EPERM);
        g_assert_cmpint(MEMORY_OP(vm, by_domain[i], "h", 5), ==, -ESRCH);
    }
    g_assert_cmpint(XEN_CALL(vm, 0, __HYPERVISOR_memory_op,
                             XENMEM_maximum_ram_page, 0), ==, frames);
    g_assert_cmpint(XEN_CALL(vm, 0, __HYPERVISOR_memory_op,
                             XENMEM_maximum_ram_page, vm->scratch), ==,
                    -EINVAL);
    xen_vm_stop(vm);
}

typedef struct QEMU_PACKED E820Entry {
    uint64_t addr, size;
    uint32_t type;
} E820Entry;

/* The number of entries written, or an error. */
static int64_t memory_map(XenVm *vm, unsigned room, uint64_t buffer)
{
    int64_t ret = MEMORY_OP(vm, XENMEM_memory_map, "wl", room, buffer);

    return ret ? ret : (int64_t)qtest_readl(vm->qts, vm->scratch);
}

static bool is_reserved(const E820Entry *entry, uint64_t addr, uint64_t end)
{
    return entry->type == 2 && entry->addr == addr &&
           entry->addr + entry->size == end;
}

/*
 * A boot loader that uses this map must find the tables in RAM that firmware
 * has made: those of the BIOS, and ACPI's at the end of RAM.
 */
static void check_memory_map(XenVm *vm, uint64_t ram_size)
{
    uint64_t buffer = xen_vm_page(vm), ram = 0, low = MIN(ram_size, 3 * GiB);
    E820Entry entry[32];
    int64_t nr = memory_map(vm, ARRAY_SIZE(entry), buffer);
    unsigned bios = 0, tables = 0, special = 0;

    g_assert_cmpint(nr, >=, 2);
    g_assert_cmpint(nr, <, ARRAY_SIZE(entry));
    qtest_memread(vm->qts, buffer, entry, sizeof(entry));
    for (int i = 0; i < nr; i++) {
        uint64_t end = entry[i].addr + entry[i].size;

        ram += entry[i].type == 1 ? entry[i].size : 0;
        bios += is_reserved(&entry[i], 639 * KiB, 1 * MiB);
        tables += is_reserved(&entry[i], low - 1 * MiB, low);
        /* No page can be mapped over those of xenstore and console. */
        special += is_reserved(&entry[i], 0xfeff8000, 0xfeffc000);
        for (int k = 0; k < i; k++) {
            g_assert_true(entry[k].addr >= end ||
                          entry[k].addr + entry[k].size <= entry[i].addr);
        }
    }
    g_assert_cmpuint(bios, ==, 1);
    g_assert_cmpuint(tables, ==, 1);
    g_assert_cmpuint(special, ==, 1);
    g_assert_cmpuint(ram, ==, ram_size - 1 * MiB - (1 * MiB - 639 * KiB));
}

static void test_memory_map(const void *long_mode)
{
    XenVm *vm = start(long_mode);
    uint64_t buffer = xen_vm_page(vm);

    check_memory_map(vm, RAM_BYTES);

    qtest_memset(vm->qts, buffer, 0xee, 2 * sizeof(E820Entry));
    g_assert_cmpint(memory_map(vm, 1, buffer), ==, 1);
    g_assert_cmphex(qtest_readb(vm->qts, buffer + sizeof(E820Entry)), ==,
                    0xee);
    g_assert_cmpint(memory_map(vm, 0, XEN_NO_RAM), ==, 0);
    g_assert_cmpint(memory_map(vm, 1, XEN_NO_RAM), ==, -EFAULT);

    xen_vm_stop(vm);
}

static void test_memory_map_high(const void *long_mode)
{
    XenVm *vm = xen_vm_start(1, GPOINTER_TO_INT(long_mode), "-m 5G");

    check_memory_map(vm, 5 * GiB);
    xen_vm_stop(vm);
}

int main(int argc, char **argv)
{
    static const XenTest tests[] = {
        { "shared-info", test_shared_info },
        { "cover", test_cover },
        { "add-errors", test_add_errors },
        { "add-out-of-range", test_add_out_of_range },
        { "batch", test_batch },
        { "balloon", test_balloon },
        { "balloon-refused", test_balloon_refused },
        { "balloon-snapshot", test_balloon_snapshot },
        { "sizes", test_sizes },
        { "memory-map", test_memory_map },
        { "memory-map-high", test_memory_map_high },
    };

    g_test_init(&argc, &argv, NULL);
    xen_add_tests("memory", tests, ARRAY_SIZE(tests));
    return g_test_run();
}
