/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Live migration: pages to which events are written are sent again
 *
 * Events are written without dirty tracking.  So an event that is sent after
 * the guest's RAM was transferred only arrives in the target if the page is
 * reported dirty.  QEMU's own pages (shared info, rings) are transferred last;
 * tests of these send events after that.
 */
#include "qemu/osdep.h"
#include "qobject/qdict.h"
#include "libxen-state.h"
#include "libxen-store.h"

#include "hw/xen/interface/grant_table.h"
#include "hw/xen/interface/memory.h"

#define RAM_SIZE    (20 << 20)      /* as XEN_STATE_SOURCE says */
#define SLOW        65536           /* bytes a second */

static QDict *status_of(XenVm *vm, char **status)
{
    QDict *info = qtest_qmp_assert_success_ref(vm->qts,
                                               "{ 'execute': 'query-migrate' }");

    *status = g_strdup(qdict_get_str(info, "status"));
    g_assert_cmpstr(*status, !=, "failed");
    return info;
}

static void wait_for_status(XenVm *vm, const char *wanted)
{
    g_autofree char *status = NULL;

    do {
        g_free(status);
        g_usleep(1000);
        qobject_unref(status_of(vm, &status));
    } while (!g_str_equal(status, wanted));
}

/*
 * RAM, as the largest block, is transferred first.  Also returns when
 * everything has been transferred (on a slow host): the migration then waits.
 */
static void wait_for_ram_sent(XenVm *vm)
{
    for (;;) {
        g_autofree char *status = NULL;
        QDict *info = status_of(vm, &status);
        QDict *ram = qdict_get_qdict(info, "ram");
        bool sent = g_str_equal(status, "pre-switchover") ||
            (g_str_equal(status, "active") && ram &&
             qdict_get_int(ram, "transferred") > 0 &&
             qdict_get_int(ram, "remaining") <=
             qdict_get_int(ram, "total") - RAM_SIZE);

        qobject_unref(info);
        if (sent) {
            return;
        }
        g_usleep(1000);
    }
}

static void set_bandwidth(XenVm *vm, int64_t bytes)
{
    qtest_qmp_assert_success(vm->qts, "{ 'execute': 'migrate-set-parameters', "
                             "'arguments': { 'max-bandwidth': %" PRId64 " } }",
                             bytes);
}

/* Stops before the last bytes; returns the file's name, to be freed. */
static char *start_migration(XenVm *vm)
{
    g_autofree char *uri = NULL;
    char *path = NULL;
    int fd = g_file_open_tmp("xen-qtest-XXXXXX", &path, NULL);

    g_assert_cmpint(fd, >=, 0);
    close(fd);
    uri = g_strdup_printf("file:%s", path);
    qtest_qmp_assert_success(vm->qts,
        "{ 'execute': 'migrate-set-capabilities', 'arguments': { "
        "'capabilities': [ { 'capability': 'pause-before-switchover', "
        "'state': true } ] } }");
    qtest_qmp_assert_success(vm->qts, "{ 'execute': 'migrate', "
                             "'arguments': { 'uri': %s } }", uri);
    return path;
}

/* Completes the migration; the guest runs in the target. */
static XenVm *end_migration(XenVm *vm, const char *path)
{
    XenVm *target;

    qtest_qmp_assert_success(vm->qts, "{ 'execute': 'migrate-continue', "
                             "'arguments': { 'state': 'pre-switchover' } }");
    wait_for_status(vm, "completed");

    target = xen_vm_start_target(vm, NULL, XEN_STATE_TARGET);
    xen_state_load(target, path);
    qtest_qmp_eventwait(target->qts, "RESUME");
    unlink(path);
    return target;
}

/* @last: after all memory was transferred, else after the RAM was. */
static void late_event(bool long_mode, bool fifo, bool last)
{
    XenVm *vm = xen_vm_start(2, long_mode, XEN_STATE_SOURCE), *target;
    g_autofree char *path = NULL;
    uint32_t port;

    if (fifo) {
        xen_use_fifo(vm, 1);
    }
    port = xen_bind_ipi(vm, 1);
    xen_unmask(vm, port);

    if (!last) {
        set_bandwidth(vm, SLOW);
    }
    path = start_migration(vm);
    if (last) {
        wait_for_status(vm, "pre-switchover");
    } else {
        wait_for_ram_sent(vm);
    }
    g_assert_cmpint(xen_send(vm, port), ==, 0);
    set_bandwidth(vm, 0);
    wait_for_status(vm, "pre-switchover");
    target = end_migration(vm, path);
    xen_expect_event(target, 1, port);

    xen_vm_stop(vm);
    xen_vm_stop(target);
}

static void test_2level(const void *long_mode)
{
    late_event(GPOINTER_TO_INT(long_mode), false, false);
}

static void test_fifo(const void *long_mode)
{
    late_event(GPOINTER_TO_INT(long_mode), true, false);
}

static void test_2level_last(const void *long_mode)
{
    late_event(GPOINTER_TO_INT(long_mode), false, true);
}

static void test_fifo_last(const void *long_mode)
{
    late_event(GPOINTER_TO_INT(long_mode), true, true);
}

/*
 * A request that arrives after the ring was transferred.  It must be handled
 * once, by the target: the source must not change a page that is not
 * transferred again.
 */
static void test_xenstore(const void *long_mode)
{
    XenVm *vm = xen_vm_start(1, GPOINTER_TO_INT(long_mode), XEN_STATE_SOURCE);
    XenStore store = xen_store_open(vm);
    static const char path[] = "data";
    const XenStoreMessage request = {
        .header = { .type = XS_RM, .req_id = 1, .len = sizeof(path) },
        .payload = "data",
    };
    const size_t len = sizeof(request.header) + sizeof(path);
    uint64_t taken = store.ring +
                     offsetof(struct xenstore_domain_interface, req_cons);
    g_autofree char *file = NULL;
    XenStoreMessage answer;

    xen_mask(vm, store.port);
    qtest_memwrite(vm->qts, store.ring, &request, len);
    qtest_writel(vm->qts, store.ring + offsetof(
                     struct xenstore_domain_interface, req_prod), len);
    file = start_migration(vm);
    wait_for_status(vm, "pre-switchover");
    xen_store_kick(&store);
    /* The main loop has handled the event before it answers this. */
    for (int i = 0; i < 10; i++) {
        qtest_qmp_assert_success(vm->qts, "{ 'execute': 'query-status' }");
    }
    g_assert_cmpuint(qtest_readl(vm->qts, taken), ==, 0);
    store.vm = end_migration(vm, file);
    xen_store_get(&store, &answer);
    g_assert_cmpuint(answer.header.type, ==, XS_RM);
    g_assert_cmpstr(answer.payload, ==, "OK");

    xen_vm_stop(vm);
    xen_vm_stop(store.vm);
}

/*
 * Back ends write to granted pages: by copy, and at any time through a mapping.
 */
static void test_grants(const void *long_mode)
{
    XenVm *vm = xen_vm_start(1, GPOINTER_TO_INT(long_mode), XEN_STATE_SOURCE);
    uint64_t table = xen_vm_page(vm), copied = xen_vm_page(vm);
    uint64_t mapped = xen_vm_page(vm);
    g_autofree char *path = NULL;
    XenVm *target;

    g_assert_cmpint(xen_add_to_physmap(vm, XENMAPSPACE_grant_table, 0, table),
                    ==, 0);
    for (unsigned i = 0; i < 2; i++) {
        qtest_writel(vm->qts, table + 8 * (16 + i) + 4,
                     (i ? mapped : copied) / XEN_PAGE_SIZE);
        qtest_writel(vm->qts, table + 8 * (16 + i), GTF_permit_access);
    }
    g_assert_cmphex(xen_command(vm, "xen_grant_map 0 1 17 1"), ==, 0);
    set_bandwidth(vm, SLOW);
    path = start_migration(vm);
    wait_for_ram_sent(vm);
    g_assert_cmphex(xen_command(vm, "xen_grant_copy 0 1 16 0 4 1") & 0xffff,
                    ==, GNTST_okay);
    xen_command(vm, "xen_grant_poke 0 0 8 0x12345678");
    set_bandwidth(vm, 0);
    wait_for_status(vm, "pre-switchover");
    target = end_migration(vm, path);
    g_assert_cmphex(qtest_readl(target->qts, copied), ==, 0xa5a5a5a5);
    g_assert_cmphex(qtest_readl(target->qts, mapped + 8), ==, 0x12345678);

    xen_vm_stop(vm);
    xen_vm_stop(target);
}

int main(int argc, char **argv)
{
    static const XenTest tests[] = {
        { "2level", test_2level },
        { "fifo", test_fifo },
        { "2level-last", test_2level_last },
        { "fifo-last", test_fifo_last },
        { "xenstore", test_xenstore },
        { "grants", test_grants },
    };

    g_test_init(&argc, &argv, NULL);
    xen_add_tests("dirty", tests, ARRAY_SIZE(tests));
    return g_test_run();
}
