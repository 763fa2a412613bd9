/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Bounds of what a guest can cause outside of its own devices: log lines, and what
 * it is told of QEMU's memory
 *
 * docs/security.rst lists all bounds with their tests.
 */
#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "qemu/units.h"
#include "libxen-state.h"
#include "libxen-store.h"

#include "hw/xen/interface/memory.h"
#include "hw/xen/interface/sched.h"
#include "hw/xen/interface/version.h"

#define DIMM_BYTES      (128 << 20)
#define DIMM            (UINT64_C(4) << 30)

/* The platform device's port for the guest's log, and the longest line. */
#define PLATFORM_LOG    0x12
#define LOG_LINE        256

#define NR_CRASHES      1000

/* ------------------------------------------------------- what QEMU logs -- */

typedef struct Logged {
    XenVm *vm;
    char *path;                 /* what QEMU writes to stderr */
} Logged;

static Logged start(const void *long_mode, const char *options)
{
    Logged l;
    int fd = g_file_open_tmp("xen-log-XXXXXX", &l.path, NULL);
    int old = dup(STDERR_FILENO);

    g_assert_cmpint(fd, >=, 0);
    dup2(fd, STDERR_FILENO);
    l.vm = xen_vm_start(1, GPOINTER_TO_INT(long_mode), options);
    dup2(old, STDERR_FILENO);
    close(old);
    close(fd);
    return l;
}

static void stop(Logged *l)
{
    xen_vm_stop(l->vm);
    unlink(l->path);
    g_free(l->path);
}

/* The lines that contain @text. */
static unsigned count_lines(const Logged *l, const char *text)
{
    g_autofree char *log = NULL;
    g_auto(GStrv) lines = NULL;
    unsigned nr = 0;

    g_assert_true(g_file_get_contents(l->path, &log, NULL, NULL));
    lines = g_strsplit(log, "\n", 0);
    for (char **line = lines; *line; line++) {
        nr += **line && strstr(*line, text);
    }
    return nr;
}

static void expect_lines(const Logged *l, const char *text, unsigned nr)
{
    unsigned found = count_lines(l, text);

    if (found != nr) {
        g_autofree char *log = NULL;

        g_file_get_contents(l->path, &log, NULL, NULL);
        g_error("%u lines with \"%s\", not %u:\n%s", found, text, nr, log);
    }
}

/* ----------------------------------------------------------- ballooning -- */

/* RCU unmaps the memory of a device some time after it is gone. */
static void wait_until_unmapped(QTestState *qts, const char *file)
{
    g_autofree char *maps = g_strdup_printf("/proc/%d/maps", qtest_pid(qts));
    bool mapped;

    do {
        g_autofree char *text = NULL;

        g_assert_true(g_file_get_contents(maps, &text, NULL, NULL));
        mapped = strstr(text, file);
        g_usleep(1000);
    } while (mapped);
}

/*
 * A page of a file that is open for reading is not discarded: QEMU says so for
 * each RAMBlock once, also if another one had its place before.
 */
static void test_balloon_replaced(const void *long_mode)
{
    g_autofree char *ram = xen_new_file(DIMM_BYTES);
    Logged l = start(long_mode, "-nodefaults -m 64M,slots=1,maxmem=1G");
    QTestState *qts = l.vm->qts;
    uint64_t extents = xen_vm_page(l.vm), gfn = DIMM / XEN_PAGE_SIZE;

    for (unsigned plugged = 1; plugged <= 4; plugged++) {
        qtest_qmp_assert_success(qts, "{ 'execute': 'object-add', 'arguments':"
            " { 'qom-type': 'memory-backend-file', 'id': 'm0', 'size': %d,"
            " 'mem-path': %s, 'share': false, 'readonly': true, 'rom': 'off' }"
            " }", DIMM_BYTES, ram);
        qtest_qmp_assert_success(qts, "{ 'execute': 'device_add', 'arguments':"
            " { 'driver': 'pc-dimm', 'id': 'dimm0', 'memdev': 'm0' } }");
        for (unsigned i = 0; i < 20; i++) {
            qtest_memwrite(qts, extents, &gfn, l.vm->long_mode ? 8 : 4);
            g_assert_cmpint(XEN_PACKED_OP(l.vm, __HYPERVISOR_memory_op,
                                          XENMEM_decrease_reservation, "llwwh",
                                          extents, 1, 0, 0, DOMID_SELF), ==, 1);
        }
        expect_lines(&l, "", plugged);

        xen_vm_remove_dimm(l.vm, "dimm0", "m0");
        /* So that the next one gets its address. */
        wait_until_unmapped(qts, ram);
    }
    stop(&l);
    unlink(ram);
}

/* XSA-231: flags of an extent name a NUMA node, which is not looked for. */
static void test_extent_flags(const void *long_mode)
{
    static const uint32_t flags[] = {
        XENMEMF_node(0), XENMEMF_node(200), XENMEMF_exact_node(254),
        XENMEMF_vnode | 255 << 8, UINT32_MAX,
    };
    Logged l = start(long_mode, NULL);
    uint64_t extents = xen_vm_page(l.vm);
    uint64_t gfn = xen_vm_page(l.vm) / XEN_PAGE_SIZE;

    qtest_memwrite(l.vm->qts, extents, &gfn, l.vm->long_mode ? 8 : 4);
    for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
        g_assert_cmpint(XEN_PACKED_OP(l.vm, __HYPERVISOR_memory_op,
                                      XENMEM_decrease_reservation, "llwwh",
                                      extents, 1, 0, flags[i], DOMID_SELF), ==,
                        1);
        g_assert_cmpint(XEN_PACKED_OP(l.vm, __HYPERVISOR_memory_op,
                                      XENMEM_populate_physmap, "llwwh",
                                      extents, 1, 0, flags[i], DOMID_SELF), ==,
                        1);
    }
    stop(&l);
}

/* ------------------------------------------------------------ log lines -- */

static bool field_is(XenStore *s, size_t field, uint32_t value)
{
    return qtest_readl(s->vm->qts, s->ring + field) == value;
}
#define RING_FIELD(name)    offsetof(struct xenstore_domain_interface, name)

/* Breaks xenstore's ring, and connects again. */
static void break_ring(XenStore *s)
{
    uint32_t cons = qtest_readl(s->vm->qts, s->ring + RING_FIELD(req_cons));

    qtest_writel(s->vm->qts, s->ring + RING_FIELD(req_prod),
                 cons + XENSTORE_RING_SIZE + 1);
    xen_store_kick(s);
    while (!field_is(s, RING_FIELD(error), XENSTORE_ERROR_RINGIDX)) {
        continue;
    }
    qtest_writel(s->vm->qts, s->ring + RING_FIELD(connection),
                 XENSTORE_RECONNECT);
    xen_store_kick(s);
    while (!field_is(s, RING_FIELD(connection), XENSTORE_CONNECTED)) {
        continue;
    }
}

/* One line in the life of a guest, however often it does that. */
static void test_store_lines(const void *long_mode)
{
    Logged l = start(long_mode, "-nodefaults");
    XenStore s = xen_store_open(l.vm);

    for (unsigned i = 0; i < 20; i++) {
        break_ring(&s);
    }
    xen_store_expect(&s, XS_READ, 0, XEN_STORE_STRINGS("domid"),
                     XEN_STORE_BYTES("1"));
    expect_lines(&l, "xenstore: the guest sent", 1);
    expect_lines(&l, "", 1);
    /* Not more than one a life; if these are short, none. */
    for (unsigned life = 2; life <= 4; life++) {
        qtest_system_reset(l.vm->qts);
        xen_vm_set_up(l.vm);
        s = xen_store_open(l.vm);
        break_ring(&s);
        break_ring(&s);
        g_assert_cmpuint(count_lines(&l, ""), <=, life);
    }
    stop(&l);
}

/* Nothing that a guest calls is worth a line, unless the user asks for it. */
static void test_no_lines(const void *long_mode)
{
    static const unsigned with_commands[] = {
        __HYPERVISOR_event_channel_op, __HYPERVISOR_grant_table_op,
        __HYPERVISOR_hvm_op, __HYPERVISOR_memory_op, __HYPERVISOR_physdev_op,
        __HYPERVISOR_sched_op, __HYPERVISOR_vcpu_op, __HYPERVISOR_vm_assist,
        __HYPERVISOR_xen_version,
    };
    Logged l = start(long_mode, "-nodefaults");

    for (unsigned nr = 0; nr < 80; nr++) {
        if (nr != __HYPERVISOR_sched_op && nr != __HYPERVISOR_sched_op_compat) {
            XEN_CALL(l.vm, 0, nr, UINT64_MAX, UINT64_MAX, UINT64_MAX);
            XEN_CALL(l.vm, 0, nr, 1000, XEN_NO_RAM, XEN_NO_RAM);
        }
    }
    for (size_t i = 0; i < ARRAY_SIZE(with_commands); i++) {
        for (unsigned cmd = 40; cmd < 60; cmd++) {
            XEN_CALL(l.vm, 0, with_commands[i], cmd, XEN_NO_RAM, 1);
        }
    }
    expect_lines(&l, "", 0);
    stop(&l);
}

static bool count_crash(QTestState *qts, const char *name, QDict *event,
                        void *nr)
{
    *(unsigned *)nr += g_str_equal(name, "GUEST_PANICKED");
    return false;
}

/* A guest that goes on after it has crashed, as the user wants, and crashes again. */
static void test_crashes(const void *long_mode)
{
    XenVm *vm = xen_vm_start(1, GPOINTER_TO_INT(long_mode),
                             "-nodefaults -action panic=none");
    struct sched_shutdown op = { .reason = SHUTDOWN_crash };
    unsigned nr = 0;

    qtest_qmp_set_event_callback(vm->qts, count_crash, &nr);
    for (unsigned i = 0; i < NR_CRASHES; i++) {
        g_assert_cmpint(xen_op(vm, 0, __HYPERVISOR_sched_op, SCHEDOP_shutdown,
                               &op, sizeof(op)), ==, 0);
    }
    qtest_qmp_assert_success(vm->qts, "{ 'execute': 'query-status' }");
    /* One a second, however long that took. */
    g_assert_cmpuint(nr, >, 0);
    g_assert_cmpuint(nr, <, NR_CRASHES);
    xen_vm_stop(vm);
}

/* A line of the guest's that has no end is traced in parts. */
static void test_platform_lines(const void *long_mode)
{
    g_autofree char *log = xen_new_file(0), *text = NULL;
    g_autofree char *options = g_strdup_printf(
        "-nodefaults -trace xen_platform_guest_log -D %s", log);
    Logged l = start(long_mode, options);
    g_auto(GStrv) lines = NULL;
    unsigned nr = 0;

    for (unsigned i = 0; i < 3 * LOG_LINE + 10; i++) {
        qtest_outb(l.vm->qts, PLATFORM_LOG, 'x');
    }
    qtest_outb(l.vm->qts, PLATFORM_LOG, '\n');
    qtest_outb(l.vm->qts, PLATFORM_LOG, '\n');
    xen_vm_stop(l.vm);

    g_assert_true(g_file_get_contents(log, &text, NULL, NULL));
    lines = g_strsplit(text, "\n", 0);
    for (char **line = lines; *line; line++) {
        char *xs = strstr(*line, "xxx");

        if (xs) {
            g_assert_cmpuint(strlen(xs), ==, nr < 3 ? LOG_LINE : 10);
            nr++;
        }
    }
    g_assert_cmpuint(nr, ==, 4);
    unlink(log);
    unlink(l.path);
    g_free(l.path);
}

/* ---------------------------------------------------------- what it reads -- */

/* A string in a field of fixed size: what is behind its end is 0. */
static void expect_padded(const uint8_t *field, size_t size)
{
    size_t len = strnlen((const char *)field, size);

    g_assert_cmpuint(len, <, size);
    for (size_t i = len; i < size; i++) {
        g_assert_cmphex(field[i], ==, 0);
    }
}

/* XSA-122: strings are all that the guest gets. */
static void test_version_strings(const void *long_mode)
{
    static const struct {
        unsigned cmd;
        size_t end[4];          /* of each field */
    } cases[] = {
        { XENVER_extraversion, { 16 } },
        { XENVER_compile_info, { 64, 80, 112, 144 } },
        { XENVER_capabilities, { 1024 } },
        { XENVER_changeset, { 64 } },
        { XENVER_commandline, { sizeof("<denied>") } },
    };
    Logged l = start(long_mode, NULL);
    uint64_t page = xen_vm_page(l.vm);
    uint8_t data[XEN_PAGE_SIZE];

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        size_t at = 0;

        qtest_memset(l.vm->qts, page, 0xa5, XEN_PAGE_SIZE);
        g_assert_cmpint(XEN_CALL(l.vm, 0, __HYPERVISOR_xen_version,
                                 cases[i].cmd, page), ==, 0);
        qtest_memread(l.vm->qts, page, data, sizeof(data));
        for (size_t f = 0; f < 4 && cases[i].end[f]; f++) {
            expect_padded(data + at, cases[i].end[f] - at);
            at = cases[i].end[f];
        }
        for (; at < sizeof(data); at++) {
            g_assert_cmphex(data[at], ==, 0xa5);
        }
    }
    stop(&l);
}

/* ------------------------------------------------------- what is loaded -- */

#define CONSOLE     "/local/domain/0/backend/console/1/0/xen-pv-device"
#define CONFIG_MAX  (128 * KiB)

/* A device's configuration in a stream, longer than one can be. */
static void test_pv_config(const void *long_mode)
{
    static const uint32_t wrong[] = {
        CONFIG_MAX + 1, 64 * MiB, INT32_MAX, UINT32_MAX,
    };
    Logged l = start(long_mode, "-nodefaults -m 20 -chardev null,id=c "
                     "-device xen-console,chardev=c");
    XenSnapshot *snapshot = xen_snapshot_new(l.vm);
    XenStateSection *section = xen_state_section(snapshot->path, CONSOLE, 0,
                                                 NULL);
    size_t at = xen_state_field(section, "config_len")->at;

    for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
        uint32_t len = cpu_to_be32(wrong[i]);
        g_autofree char *said = NULL;

        g_assert_cmpint(pwrite(snapshot->fd, &len, 4, at), ==, 4);
        said = xen_snapshot_load(snapshot);
        g_assert_nonnull(said);
        g_assert_nonnull(strstr(said, "length"));
    }
    xen_state_section_free(section);
    xen_snapshot_free(snapshot);
    stop(&l);
}

int main(int argc, char **argv)
{
    static const XenTest tests[] = {
        { "balloon-replaced", test_balloon_replaced },
        { "extent-flags", test_extent_flags },
        { "store-lines", test_store_lines },
        { "no-lines", test_no_lines },
        { "crashes", test_crashes },
        { "platform-lines", test_platform_lines },
        { "version-strings", test_version_strings },
        { "pv-config", test_pv_config },
    };

    g_test_init(&argc, &argv, NULL);
    xen_add_tests("bounds", tests, ARRAY_SIZE(tests));
    return g_test_run();
}
