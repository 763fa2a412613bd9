/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Grants give back ends access to the guest's RAM, and to nothing else
 */
#include "qemu/osdep.h"
#include "libxen.h"

#include "hw/xen/interface/grant_table.h"
#include "hw/xen/interface/memory.h"
#include "hw/xen/interface/sched.h"

#define REF             16
#define PER_FRAME       (XEN_PAGE_SIZE / sizeof(grant_entry_v1_t))
#define COPIED          0xa5a5a5a5
#define BIOS            UINT64_C(0xfffff000)
#define LAPIC           UINT64_C(0xfee00000)
#define FLASH_SIZE      (128 << 10)
#define DIMM            (UINT64_C(4) << 30)

typedef struct Guest {
    XenVm *vm;
    uint64_t table, page;
} Guest;

static void map_table(Guest *g)
{
    g->table = xen_vm_page(g->vm);
    g_assert_cmpint(xen_add_to_physmap(g->vm, XENMAPSPACE_grant_table, 0,
                                       g->table), ==, 0);
}

static Guest start(const void *long_mode, const char *options)
{
    Guest g = { .vm = xen_vm_start(1, GPOINTER_TO_INT(long_mode), options) };

    map_table(&g);
    g.page = xen_vm_page(g.vm);
    return g;
}

static void set_entry(Guest *g, uint32_t ref, uint16_t flags, uint16_t domid,
                      uint32_t gfn)
{
    uint64_t entry = g->table + ref * sizeof(grant_entry_v1_t);

    qtest_writel(g->vm->qts, entry, 0);
    qtest_writel(g->vm->qts, entry + offsetof(grant_entry_v1_t, frame), gfn);
    qtest_writel(g->vm->qts, entry, flags | (uint32_t)domid << 16);
}

static void grant(Guest *g, uint16_t flags, uint64_t gpa)
{
    set_entry(g, REF, flags, 0, gpa / XEN_PAGE_SIZE);
}

static void expect_flags(Guest *g, uint16_t flags)
{
    g_assert_cmphex(qtest_readw(g->vm->qts, g->table + REF *
                                sizeof(grant_entry_v1_t)), ==, flags);
}

static int copy_of(Guest *g, unsigned domid, uint32_t ref, unsigned offset,
                   unsigned len, bool to_guest, uint32_t *data)
{
    uint64_t result = xen_command(g->vm, "xen_grant_copy 0 %u %u %u %u %d",
                                  domid, ref, offset, len, to_guest);

    if (data) {
        *data = result >> 32;
    }
    return (int16_t)result;
}

static int copy_to(Guest *g)
{
    return copy_of(g, XEN_VM_DOMID, REF, 0, 4, true, NULL);
}

static int copy_from(Guest *g, uint32_t *data)
{
    return copy_of(g, XEN_VM_DOMID, REF, 0, 4, false, data);
}

static int map(Guest *g, bool write)
{
    return (int64_t)xen_command(g->vm, "xen_grant_map 0 %u %u %d",
                                XEN_VM_DOMID, REF, write);
}

static uint32_t peek(Guest *g, int mapping, unsigned offset)
{
    return xen_command(g->vm, "xen_grant_peek 0 %d %u", mapping, offset);
}

static void poke(Guest *g, int mapping, unsigned offset, uint32_t value)
{
    xen_command(g->vm, "xen_grant_poke 0 %d %u %u", mapping, offset, value);
}

static void unmap(Guest *g, int mapping)
{
    xen_command(g->vm, "xen_grant_unmap 0 %d", mapping);
}

/* -------------------------------------------------------------------- copy */

static void test_copy(const void *long_mode)
{
    Guest g = start(long_mode, "-nodefaults");
    uint32_t data;

    qtest_writel(g.vm->qts, g.page, 0x12345678);
    qtest_writel(g.vm->qts, g.page + XEN_PAGE_SIZE - 4, 0x87654321);
    grant(&g, GTF_permit_access, g.page);
    g_assert_cmpint(copy_from(&g, &data), ==, GNTST_okay);
    g_assert_cmphex(data, ==, 0x12345678);
    g_assert_cmpint(copy_of(&g, XEN_VM_DOMID, REF, XEN_PAGE_SIZE - 4, 4, false,
                            &data), ==, GNTST_okay);
    g_assert_cmphex(data, ==, 0x87654321);

    g_assert_cmpint(copy_of(&g, XEN_VM_DOMID, REF, 1, 2, true, NULL), ==,
                    GNTST_okay);
    g_assert_cmphex(qtest_readl(g.vm->qts, g.page), ==, 0x12a5a578);
    g_assert_cmpint(copy_of(&g, XEN_VM_DOMID, REF, 0, XEN_PAGE_SIZE, true,
                            NULL), ==, GNTST_okay);
    for (unsigned i = 0; i < XEN_PAGE_SIZE; i += 4) {
        g_assert_cmphex(qtest_readl(g.vm->qts, g.page + i), ==, COPIED);
    }
    expect_flags(&g, GTF_permit_access);
    xen_vm_stop(g.vm);
}

static void test_errors(const void *long_mode)
{
    static const struct {
        unsigned domid;
        uint32_t ref;
        unsigned offset, len;
        uint16_t flags, to;
        int status;
    } cases[] = {
        { 1, REF, 0, 4, GTF_permit_access, 0, GNTST_okay },
        { 1, REF, 4096, 0, GTF_permit_access, 0, GNTST_okay },
        { 0, REF, 0, 4, GTF_permit_access, 0, GNTST_bad_domain },
        { 2, REF, 0, 4, GTF_permit_access, 0, GNTST_bad_domain },
        { DOMID_SELF, REF, 0, 4, GTF_permit_access, 0, GNTST_bad_domain },
        { 1, PER_FRAME, 0, 4, GTF_permit_access, 0, GNTST_bad_gntref },
        { 1, UINT32_MAX, 0, 4, GTF_permit_access, 0, GNTST_bad_gntref },
        { 1, REF + 1, 0, 4, GTF_permit_access, 0, GNTST_general_error },
        { 1, REF, 0, 4, GTF_invalid, 0, GNTST_general_error },
        { 1, REF, 0, 4, GTF_accept_transfer, 0, GNTST_general_error },
        { 1, REF, 0, 4, GTF_transitive, 0, GNTST_general_error },
        { 1, REF, 0, 4, GTF_permit_access | GTF_sub_page, 0,
          GNTST_general_error },
        { 1, REF, 0, 4, GTF_permit_access, 1, GNTST_general_error },
        { 1, REF, 0, 4, GTF_permit_access, DOMID_SELF, GNTST_general_error },
        { 1, REF, 4093, 4, GTF_permit_access, 0, GNTST_bad_copy_arg },
        { 1, REF, 1, 4096, GTF_permit_access, 0, GNTST_bad_copy_arg },
        { 1, REF, 65535, 4096, GTF_permit_access, 0, GNTST_bad_copy_arg },
    };
    Guest g = start(long_mode, "-nodefaults");

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        for (int to_guest = 0; to_guest < 2; to_guest++) {
            set_entry(&g, REF, cases[i].flags, cases[i].to,
                      g.page / XEN_PAGE_SIZE);
            g_assert_cmpint(copy_of(&g, cases[i].domid, cases[i].ref,
                                    cases[i].offset, cases[i].len, to_guest,
                                    NULL), ==, cases[i].status);
            expect_flags(&g, cases[i].flags);
        }
    }
    xen_vm_stop(g.vm);
}

static void test_readonly(const void *long_mode)
{
    Guest g = start(long_mode, "-nodefaults");
    uint32_t data;
    int m;

    qtest_writel(g.vm->qts, g.page, 0x12345678);
    grant(&g, GTF_permit_access | GTF_readonly, g.page);
    g_assert_cmpint(copy_from(&g, &data), ==, GNTST_okay);
    g_assert_cmphex(data, ==, 0x12345678);
    g_assert_cmpint(copy_to(&g), ==, GNTST_general_error);
    g_assert_cmpint(map(&g, true), ==, GNTST_general_error);
    m = map(&g, false);
    g_assert_cmpint(m, >=, 0);
    expect_flags(&g, GTF_permit_access | GTF_readonly | GTF_reading);
    g_assert_cmpint(copy_to(&g), ==, GNTST_general_error);
    unmap(&g, m);
    g_assert_cmphex(qtest_readl(g.vm->qts, g.page), ==, 0x12345678);
    expect_flags(&g, GTF_permit_access | GTF_readonly);
    xen_vm_stop(g.vm);
}

/* ------------------------------------------------------- pages without RAM */

static void expect_no_ram(Guest *g, uint64_t gpa)
{
    uint32_t before = qtest_readl(g->vm->qts, gpa);

    grant(g, GTF_permit_access, gpa);
    g_assert_cmpint(copy_to(g), ==, GNTST_bad_page);
    g_assert_cmpint(copy_from(g, NULL), ==, GNTST_bad_page);
    g_assert_cmpint(map(g, true), ==, GNTST_bad_page);
    g_assert_cmpint(map(g, false), ==, GNTST_bad_page);
    expect_flags(g, GTF_permit_access);
    g_assert_cmphex(qtest_readl(g->vm->qts, gpa), ==, before);
}

static void test_no_ram(const void *long_mode)
{
    Guest g = start(long_mode, "-device VGA");
    static const uint64_t places[] = {
        BIOS, LAPIC, XEN_NO_RAM, 0xf0000, 0xa0000,
        (uint64_t)UINT32_MAX << 12, UINT64_C(1) << 43,
    };

    for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
        expect_no_ram(&g, places[i]);
    }
    xen_vm_stop(g.vm);
}

static void test_flash(const void *long_mode)
{
    g_autofree char *path = NULL, *options = NULL;
    g_autofree char *content = g_malloc0(FLASH_SIZE);
    int fd = g_file_open_tmp("xen-qtest-XXXXXX", &path, NULL);
    Guest g;

    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(write(fd, content, FLASH_SIZE), ==, FLASH_SIZE);
    close(fd);
    options = g_strdup_printf("-nodefaults -drive if=pflash,format=raw,file=%s",
                              path);
    g = start(long_mode, options);
    expect_no_ram(&g, BIOS);
    expect_no_ram(&g, 0x100000000 - FLASH_SIZE);
    xen_vm_stop(g.vm);
    unlink(path);
}

/* --------------------------------------------------- RAM that is removed */

/* The chip set hides RAM behind option ROMs, or shows it. */
static void test_hidden(const void *long_mode)
{
    Guest g = start(long_mode, "-nodefaults");
    int m;

    xen_vm_show_page(g.vm, true);
    qtest_writel(g.vm->qts, XEN_VM_HIDEABLE, 0x12345678);
    grant(&g, GTF_permit_access, XEN_VM_HIDEABLE);
    g_assert_cmpint(copy_to(&g), ==, GNTST_okay);
    g_assert_cmphex(qtest_readl(g.vm->qts, XEN_VM_HIDEABLE), ==, COPIED);
    m = map(&g, true);
    g_assert_cmpint(m, >=, 0);

    xen_vm_show_page(g.vm, false);
    g_assert_cmpint(copy_to(&g), ==, GNTST_bad_page);
    g_assert_cmpint(map(&g, true), ==, GNTST_bad_page);
    poke(&g, m, 0, 0x11111111);
    g_assert_cmphex(peek(&g, m, 0), ==, 0x11111111);
    g_assert_cmphex(qtest_readl(g.vm->qts, XEN_VM_HIDEABLE), !=, 0x11111111);
    expect_flags(&g, GTF_permit_access | GTF_reading | GTF_writing);
    unmap(&g, m);
    expect_flags(&g, GTF_permit_access);

    xen_vm_show_page(g.vm, true);
    g_assert_cmpint(copy_to(&g), ==, GNTST_okay);
    xen_vm_stop(g.vm);
}

/* Memory is unplugged while it is mapped. */
static void test_unplugged(const void *long_mode)
{
    Guest g = start(long_mode, "-nodefaults -m 64M,slots=1,maxmem=1G "
                    "-object memory-backend-ram,id=m0,size=128M "
                    "-device pc-dimm,id=dimm0,memdev=m0");
    QTestState *qts = g.vm->qts;
    int m;

    qtest_writel(qts, DIMM, 0x12345678);
    grant(&g, GTF_permit_access, DIMM);
    m = map(&g, true);
    g_assert_cmpint(m, >=, 0);
    g_assert_cmphex(peek(&g, m, 0), ==, 0x12345678);

    xen_vm_remove_dimm(g.vm, "dimm0", "m0");

    g_assert_cmpint(copy_to(&g), ==, GNTST_bad_page);
    for (unsigned i = 0; i < XEN_PAGE_SIZE; i += 4) {
        poke(&g, m, i, i);
    }
    g_assert_cmphex(peek(&g, m, 8), ==, 8);
    unmap(&g, m);
    expect_flags(&g, GTF_permit_access);
    xen_vm_stop(g.vm);
}

/* ----------------------------------------------- entries and reset, mapped */

/* Changes by the guest to an entry in use have no effect. */
static void test_changed_in_use(const void *long_mode)
{
    Guest g = start(long_mode, "-nodefaults");
    uint64_t other = xen_vm_page(g.vm);
    uint32_t data;
    int m;

    qtest_writel(g.vm->qts, g.page, 0x11111111);
    qtest_writel(g.vm->qts, other, 0x22222222);
    grant(&g, GTF_permit_access, g.page);
    m = map(&g, false);
    g_assert_cmpint(m, >=, 0);
    grant(&g, GTF_permit_access | GTF_readonly, other);
    g_assert_cmphex(peek(&g, m, 0), ==, 0x11111111);
    g_assert_cmpint(copy_from(&g, &data), ==, GNTST_okay);
    g_assert_cmphex(data, ==, 0x11111111);
    g_assert_cmpint(copy_to(&g), ==, GNTST_general_error);
    set_entry(&g, REF, 0, 0, 0);
    g_assert_cmphex(peek(&g, m, 0), ==, 0x11111111);
    unmap(&g, m);
    expect_flags(&g, 0);
    g_assert_cmpint(copy_from(&g, NULL), ==, GNTST_general_error);
    xen_vm_stop(g.vm);
}

static void soft_reset(Guest *g)
{
    struct sched_shutdown op = { .reason = SHUTDOWN_soft_reset };

    g_assert_cmpint(xen_op(g->vm, 0, __HYPERVISOR_sched_op, SCHEDOP_shutdown,
                           &op, sizeof(op)), ==, 0);
}

/* Mappings end at a reset; grants of the next domain are separate. */
static void test_reset(const void *long_mode)
{
    Guest g = start(long_mode, "-nodefaults");
    int old, new;

    for (int soft = 0; soft < 2; soft++) {
        qtest_writel(g.vm->qts, g.page, 0x11111111);
        grant(&g, GTF_permit_access, g.page);
        old = map(&g, true);
        g_assert_cmpint(old, >=, 0);
        if (soft) {
            soft_reset(&g);
        } else {
            qtest_system_reset(g.vm->qts);
        }
        qtest_writel(g.vm->qts, g.page, 0x22222222);
        g_assert_cmphex(peek(&g, old, 0), ==, 0);
        poke(&g, old, 0, 0x33333333);
        g_assert_cmphex(qtest_readl(g.vm->qts, g.page), ==, 0x22222222);
        g_assert_cmpint(copy_from(&g, NULL), ==, GNTST_general_error);

        xen_vm_set_up(g.vm);
        map_table(&g);
        expect_flags(&g, 0);
        grant(&g, GTF_permit_access, g.page);
        new = map(&g, true);
        g_assert_cmpint(new, >=, 0);
        unmap(&g, old);
        expect_flags(&g, GTF_permit_access | GTF_reading | GTF_writing);
        g_assert_cmphex(peek(&g, new, 0), ==, 0x22222222);
        unmap(&g, new);
        expect_flags(&g, GTF_permit_access);
    }
    xen_vm_stop(g.vm);
}

int main(int argc, char **argv)
{
    static const XenTest tests[] = {
        { "copy", test_copy },
        { "errors", test_errors },
        { "readonly", test_readonly },
        { "no-ram", test_no_ram },
        { "flash", test_flash },
        { "hidden", test_hidden },
        { "unplugged", test_unplugged },
        { "changed-in-use", test_changed_in_use },
        { "reset", test_reset },
    };

    g_test_init(&argc, &argv, NULL);
    xen_add_tests("grant-ram", tests, ARRAY_SIZE(tests));
    return g_test_run();
}
