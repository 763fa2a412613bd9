/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Xenstore in QEMU: the domain's nodes, reset, migration, the monitor's commands
 *
 * The protocol as such is tested in tests/unit/test-xenstore-*.c, and the ring in
 * xen-ring-test.c too.
 */
#include "qemu/osdep.h"
#include "qobject/qdict.h"
#include "qobject/qlist.h"
#include "libxen-state.h"
#include "libxen-store.h"

#include "hw/xen/interface/sched.h"

#define OK          XEN_STORE_STRINGS("OK")
#define NOTHING     XEN_STORE_BYTES("")
#define HOME        "/local/domain/1/"
#define UUID        "12345678-9abc-def0-1234-56789abcdef0"

static void expect_watch(XenStore *s, XenStoreBytes expected)
{
    XenStoreMessage msg;

    xen_store_get(s, &msg);
    g_assert_cmpuint(msg.header.type, ==, XS_WATCH_EVENT);
    g_assert_cmpmem(msg.payload, msg.header.len, expected.data, expected.len);
}

static void expect_value(XenStore *s, const char *path, const char *value)
{
    xen_store_expect(s, XS_READ, 0,
                     (XenStoreBytes) { path, strlen(path) + 1 },
                     (XenStoreBytes) { value, strlen(value) });
}

/* ------------------------------------------------------------------- nodes */

static void test_nodes(const void *long_mode)
{
    static const struct {
        const char *path, *value, *perms;
        size_t perms_len;
    } nodes[] = {
#define NODE(path, value, perms)    { path, value, perms, sizeof(perms) }
#define READ_ONLY                   "n0\0r1"
#define GUEST                       "n1"
        NODE("domid", "1", READ_ONLY),
        NODE("name", "vm of mine", READ_ONLY),
        NODE("vm", "/vm/" UUID, READ_ONLY),
        NODE("/vm/" UUID "/name", "vm of mine", READ_ONLY),
        NODE("/vm/" UUID "/uuid", UUID, READ_ONLY),
        NODE("/vm/" UUID "/image/ostype", "hvm", READ_ONLY),
        NODE("cpu/0/availability", "online", READ_ONLY),
        NODE("cpu/1/availability", "online", READ_ONLY),
        NODE("cpu/2/availability", "offline", READ_ONLY),
        NODE("memory/target", "32768", READ_ONLY),
        NODE("memory/static-max", "32768", READ_ONLY),
        NODE("memory/videoram", "0", READ_ONLY),
        NODE("control", "", READ_ONLY),
        NODE("control/shutdown", "", GUEST),
        NODE("control/sysrq", "", GUEST),
        NODE("control/feature-suspend", "", GUEST),
        NODE("control/platform-feature-xs_reset_watches", "1", READ_ONLY),
        NODE("control/platform-feature-multiprocessor-suspend", "1",
             READ_ONLY),
        NODE("platform/acpi", "1", READ_ONLY),
        NODE("platform/device-model", "qemu_xen", READ_ONLY),
        NODE("hvmloader/bios", "seabios", READ_ONLY),
        NODE("device", "", READ_ONLY),
        NODE("device/suspend/event-channel", "", GUEST),
        NODE("data", "", GUEST),
        NODE("drivers", "", GUEST),
        NODE("feature", "", GUEST),
        NODE("attr", "", GUEST),
        NODE("error", "", GUEST),
    };
    XenVm *vm = xen_vm_start(2, GPOINTER_TO_INT(long_mode),
                             "-nodefaults -m 32 -smp 2,maxcpus=3 "
                             "-name 'vm of mine' -uuid " UUID);
    XenStore s = xen_store_open(vm);
    g_autofree char *port = g_strdup_printf("%u", s.port);
    g_autofree char *pfn = g_strdup_printf("%" PRIu64,
                                           s.ring / XEN_PAGE_SIZE);

    for (size_t i = 0; i < ARRAY_SIZE(nodes); i++) {
        expect_value(&s, nodes[i].path, nodes[i].value);
        xen_store_expect(&s, XS_GET_PERMS, 0,
                         (XenStoreBytes) { nodes[i].path,
                                           strlen(nodes[i].path) + 1 },
                         (XenStoreBytes) { nodes[i].perms,
                                           nodes[i].perms_len });
    }
    expect_value(&s, "store/port", port);
    expect_value(&s, "store/ring-ref", pfn);
    xen_store_expect_error(&s, XS_READ, 0, XEN_STORE_STRINGS("cpu/3"),
                           "ENOENT");
    xen_store_expect_error(&s, XS_READ, 0, XEN_STORE_STRINGS("/libxl/1/type"),
                           "EACCES");
    xen_store_expect(&s, XS_DIRECTORY, 0, XEN_STORE_STRINGS("cpu"),
                     XEN_STORE_STRINGS("0\0" "1\0" "2"));
    xen_vm_stop(vm);
}

static void expect_balloon(XenVm *vm, int64_t bytes)
{
    QDict *info = qtest_qmp_assert_success_ref(
        vm->qts, "{ 'execute': 'query-balloon' }");

    g_assert_cmpint(qdict_get_int(info, "actual"), ==, bytes);
    qobject_unref(info);
}

/* What the user has set goes with the guest, and is there after a reset. */
static void test_balloon_moves(bool long_mode)
{
    XenVm *vm = xen_vm_start(1, long_mode, XEN_STATE_SOURCE);
    XenStore s;

    qtest_qmp_assert_success(vm->qts, "{ 'execute': 'balloon', 'arguments': "
                             "{ 'value': 10485760 } }");
    vm = xen_state_move(vm, NULL, 0);
    expect_balloon(vm, 10 << 20);
    qtest_system_reset(vm->qts);
    xen_vm_set_up(vm);
    s = xen_store_open(vm);
    expect_value(&s, "memory/target", "10240");
    expect_balloon(vm, 10 << 20);
    xen_vm_stop(vm);
}

static void test_balloon(const void *long_mode)
{
    XenVm *vm = xen_vm_start(1, GPOINTER_TO_INT(long_mode),
                             "-nodefaults -m 32");
    XenStore s = xen_store_open(vm);

    xen_store_expect(&s, XS_WATCH, 0, XEN_STORE_STRINGS("memory/target\0w"),
                     OK);
    expect_watch(&s, XEN_STORE_STRINGS("memory/target\0w"));
    qtest_qmp_assert_success(vm->qts, "{ 'execute': 'balloon', 'arguments': "
                             "{ 'value': 20971520 } }");
    expect_watch(&s, XEN_STORE_STRINGS("memory/target\0w"));
    expect_value(&s, "memory/target", "20480");
    /* Not more than there is. */
    qtest_qmp_assert_success(vm->qts, "{ 'execute': 'balloon', 'arguments': "
                             "{ 'value': 2000000000 } }");
    expect_watch(&s, XEN_STORE_STRINGS("memory/target\0w"));
    expect_value(&s, "memory/target", "32768");
    expect_balloon(vm, 32 << 20);

    /* A balloon device that cannot come leaves it as it is. */
    qobject_unref(qtest_qmp_assert_failure_ref(vm->qts,
        "{ 'execute': 'device_add', 'arguments': { "
        "'driver': 'virtio-balloon-pci', 'no-such': 'property' } }"));
    qtest_qmp_assert_success(vm->qts, "{ 'execute': 'balloon', 'arguments': "
                             "{ 'value': 20971520 } }");
    expect_watch(&s, XEN_STORE_STRINGS("memory/target\0w"));
    expect_value(&s, "memory/target", "20480");
    xen_vm_stop(vm);

    test_balloon_moves(GPOINTER_TO_INT(long_mode));

    /* A balloon device keeps its command. */
    vm = xen_vm_start(1, GPOINTER_TO_INT(long_mode),
                      "-nodefaults -m 32 -device virtio-balloon-pci");
    s = xen_store_open(vm);
    qtest_qmp_assert_success(vm->qts, "{ 'execute': 'balloon', 'arguments': "
                             "{ 'value': 20971520 } }");
    expect_value(&s, "memory/target", "32768");
    xen_vm_stop(vm);
}

static void restart(XenVm *vm, XenStore *s, bool soft)
{
    struct sched_shutdown op = { .reason = SHUTDOWN_soft_reset };

    if (soft) {
        g_assert_cmpint(xen_op(vm, 0, __HYPERVISOR_sched_op, SCHEDOP_shutdown,
                               &op, sizeof(op)), ==, 0);
    } else {
        qtest_system_reset(vm->qts);
    }
    xen_vm_set_up(vm);
    *s = xen_store_open(vm);
}

static void power_down(XenVm *vm)
{
    qtest_qmp_assert_success(vm->qts, "{ 'execute': 'system_powerdown' }");
    qtest_qmp_eventwait(vm->qts, "POWERDOWN");
}

/*
 * A guest is asked by control/shutdown if it takes that, and only if the power
 * button would not reach it.
 */
static void test_powerdown(const void *long_mode)
{
    XenVm *vm = xen_vm_start(1, GPOINTER_TO_INT(long_mode), "-nodefaults");
    XenStore s = xen_store_open(vm);
    const uint16_t button = 1 << 8;
    uint16_t pm1 = xen_vm_show_pm1(vm);

    power_down(vm);
    expect_value(&s, "control/shutdown", "");
    xen_store_expect(&s, XS_WRITE, 0,
                     XEN_STORE_BYTES("control/feature-poweroff\0" "0"), OK);
    power_down(vm);
    expect_value(&s, "control/shutdown", "");
    xen_store_expect(&s, XS_WRITE, 0,
                     XEN_STORE_BYTES("control/feature-poweroff\0" "1"), OK);

    /* With the button, that is pressed. */
    qtest_outw(vm->qts, pm1 + 2, button);
    power_down(vm);
    expect_value(&s, "control/shutdown", "");
    g_assert_cmphex(qtest_inw(vm->qts, pm1) & button, ==, button);
    qtest_outw(vm->qts, pm1, button);

    qtest_outw(vm->qts, pm1 + 2, 0);
    xen_store_expect(&s, XS_WATCH, 0, XEN_STORE_STRINGS("control/shutdown\0w"),
                     OK);
    expect_watch(&s, XEN_STORE_STRINGS("control/shutdown\0w"));
    power_down(vm);
    expect_watch(&s, XEN_STORE_STRINGS("control/shutdown\0w"));
    expect_value(&s, "control/shutdown", "poweroff");
    g_assert_cmphex(qtest_inw(vm->qts, pm1) & button, ==, 0);

    /* That was for this guest, not for the one after a reset. */
    restart(vm, &s, false);
    expect_value(&s, "control/shutdown", "");
    xen_vm_stop(vm);
}

static void test_cpu_plug(const void *long_mode)
{
    XenVm *vm = xen_vm_start(1, GPOINTER_TO_INT(long_mode),
                             "-nodefaults -smp 1,maxcpus=2 -cpu qemu64");
    XenStore s = xen_store_open(vm);

    xen_store_expect(&s, XS_WATCH, 0, XEN_STORE_STRINGS("cpu\0w"), OK);
    expect_watch(&s, XEN_STORE_STRINGS("cpu\0w"));
    expect_value(&s, "cpu/1/availability", "offline");
    qtest_qmp_assert_success(vm->qts, "{ 'execute': 'device_add', "
                             "'arguments': { 'driver': 'qemu64-x86_64-cpu', "
                             "'id': 'c', 'socket-id': 0, 'core-id': 1, "
                             "'thread-id': 0 } }");
    expect_watch(&s, XEN_STORE_STRINGS("cpu/1/availability\0w"));
    expect_value(&s, "cpu/1/availability", "online");
    xen_vm_stop(vm);
}

/* ------------------------------------------------------------------- reset */

static void test_reset(const void *long_mode)
{
    XenVm *vm = xen_vm_start(1, GPOINTER_TO_INT(long_mode),
                             "-nodefaults -chardev null,id=c "
                             "-device xen-console,chardev=c");
    XenStore s = xen_store_open(vm);

    for (int soft = 0; soft < 2; soft++) {
        g_autofree char *before = NULL, *after = NULL;
        XenStoreMessage answer;
        uint32_t tx;

        xen_store_request(&s, XS_DIRECTORY, 0,
                          XEN_STORE_STRINGS(HOME "control"), &answer);
        before = g_memdup2(answer.payload, answer.header.len + 1);
        xen_store_expect(&s, XS_WRITE, 0, XEN_STORE_BYTES("data/left/x\0v"),
                         OK);
        xen_store_expect(&s, XS_WRITE, 0,
                         XEN_STORE_BYTES("control/feature-suspend\0" "1"), OK);
        xen_store_expect(&s, XS_SET_PERMS, 0, XEN_STORE_STRINGS("data\0b1"),
                         OK);
        xen_store_expect(&s, XS_RM, 0, XEN_STORE_STRINGS("attr"), OK);
        xen_store_expect(&s, XS_RM, 0, XEN_STORE_STRINGS("control/sysrq"), OK);
        qtest_qmp_assert_success(vm->qts, "{ 'execute': 'xenstore-write', "
                                 "'arguments': { 'path': 'control/shutdown', "
                                 "'value': 'poweroff' } }");
        tx = xen_store_start_transaction(&s);
        xen_store_expect(&s, XS_WATCH, 0, XEN_STORE_STRINGS("data\0w"), OK);

        restart(vm, &s, soft);
        xen_store_expect_error(&s, XS_READ, tx, XEN_STORE_STRINGS("data"),
                               "ENOENT");
        xen_store_expect(&s, XS_DIRECTORY, 0, XEN_STORE_STRINGS("data"),
                         NOTHING);
        xen_store_expect(&s, XS_GET_PERMS, 0, XEN_STORE_STRINGS("data"),
                         XEN_STORE_STRINGS("n1"));
        expect_value(&s, "control/feature-suspend", "");
        expect_value(&s, "control/shutdown", "");
        expect_value(&s, "attr", "");
        xen_store_request(&s, XS_DIRECTORY, 0,
                          XEN_STORE_STRINGS(HOME "control"), &answer);
        g_assert_cmpmem(answer.payload, answer.header.len, before,
                        answer.header.len);
        expect_value(&s, "control/sysrq", "");
        /* No event of the old kernel's watch comes. */
        xen_store_expect(&s, XS_WRITE, 0, XEN_STORE_BYTES("data/x\0v"), OK);
        expect_value(&s, "data/x", "v");
    }
    xen_vm_stop(vm);
}

/* --------------------------------------------------------------- migration */

static void test_migration(const void *long_mode)
{
    XenVm *vm = xen_vm_start(1, GPOINTER_TO_INT(long_mode), XEN_STATE_SOURCE);
    XenStore s = xen_store_open(vm);
    XenStoreMessage answer;
    g_autofree char *filler = g_strnfill(2000, 'f');
    g_autofree char *payload = g_strdup_printf("data/fill");
    XenStoreBytes write;
    uint32_t a, b;
    char *p;

    /* Half a request, two transactions, a watch, and events that wait. */
    xen_store_expect(&s, XS_WRITE, 0, XEN_STORE_BYTES("data/x\0old"), OK);
    a = xen_store_start_transaction(&s);
    b = xen_store_start_transaction(&s);
    xen_store_expect(&s, XS_WRITE, a, XEN_STORE_BYTES("data/x\0new"), OK);
    xen_store_expect(&s, XS_READ, b, XEN_STORE_STRINGS("data/x"),
                     XEN_STORE_BYTES("old"));
    xen_store_expect(&s, XS_WATCH, 0, XEN_STORE_STRINGS("data\0w\0" "1"), OK);
    expect_watch(&s, XEN_STORE_STRINGS("data\0w"));
    p = g_malloc(10 + 2000);
    memcpy(p, "data/fill", 10);
    memcpy(p + 10, filler, 2000);
    write = (XenStoreBytes) { p, 2010 };
    xen_store_expect(&s, XS_WRITE, 0, write, OK);
    expect_watch(&s, XEN_STORE_STRINGS("data/fill\0w"));
    xen_store_expect(&s, XS_WRITE, a, XEN_STORE_BYTES("data/y/z\0new"), OK);
    {
        /* An answer longer than the ring keeps what follows back. */
        struct {
            struct xsd_sockmsg header;
            char path[10];
        } read = { { .type = XS_READ, .req_id = 7, .len = 10 }, "data/fill" };

        xen_store_put(&s, &read, sizeof(read.header) + 10,
                      XENSTORE_RING_SIZE);
        while (qtest_readl(vm->qts, s.ring +
                           offsetof(struct xenstore_domain_interface,
                                    rsp_prod)) -
               qtest_readl(vm->qts, s.ring +
                           offsetof(struct xenstore_domain_interface,
                                    rsp_cons)) != XENSTORE_RING_SIZE) {
            g_usleep(200);
        }
    }
    for (int i = 0; i < 100; i++) {
        qtest_qmp_assert_success(vm->qts, "{ 'execute': 'xenstore-write', "
                                 "'arguments': { 'path': %s, 'value': 'v' } }",
                                 i % 2 ? "data/one" : "data/two");
    }

    vm = xen_state_move(vm, NULL, 0);
    s.vm = vm;
    xen_store_get(&s, &answer);
    g_assert_cmpuint(answer.header.type, ==, XS_READ);
    g_assert_cmpuint(answer.header.req_id, ==, 7);
    g_assert_cmpmem(answer.payload, answer.header.len, filler, 2000);
    expect_watch(&s, XEN_STORE_STRINGS("data/two\0w"));
    expect_watch(&s, XEN_STORE_STRINGS("data/one\0w"));
    xen_store_expect_error(&s, XS_WATCH, 0, XEN_STORE_STRINGS("data\0w"),
                           "EEXIST");
    /* It had looked at nothing that changed, and this one had. */
    xen_store_expect(&s, XS_READ, a, XEN_STORE_STRINGS("data/x"),
                     XEN_STORE_BYTES("new"));
    xen_store_expect_error(&s, XS_TRANSACTION_END, a, XEN_STORE_STRINGS("T"),
                           "EAGAIN");
    xen_store_expect_error(&s, XS_TRANSACTION_END, b, XEN_STORE_STRINGS("T"),
                           "EAGAIN");
    /* One that nothing came between. */
    a = xen_store_start_transaction(&s);
    xen_store_expect(&s, XS_WRITE, a, XEN_STORE_BYTES("data/x\0new"), OK);
    xen_store_expect(&s, XS_WRITE, a, XEN_STORE_BYTES("data/y/z\0new"), OK);
    vm = xen_state_move(vm, NULL, 0);
    s.vm = vm;
    xen_store_expect(&s, XS_TRANSACTION_END, a, XEN_STORE_STRINGS("T"), OK);
    expect_watch(&s, XEN_STORE_STRINGS("data/x\0w"));
    expect_value(&s, "data/x", "new");
    expect_value(&s, "data/y/z", "new");
    g_free(p);
    xen_vm_stop(vm);
}

/* ----------------------------------------------------------------- monitor */

static void expect_error(QDict *reply, const char *text)
{
    const QDict *error = qdict_get_qdict(reply, "error");

    g_assert_nonnull(error);
    if (!strstr(qdict_get_str(error, "desc"), text)) {
        g_error("\"%s\", not \"%s\"", qdict_get_str(error, "desc"), text);
    }
    qobject_unref(reply);
}

static void expect_read(XenVm *vm, const char *path, const char *value,
                        const char *format)
{
    QDict *node = qtest_qmp_assert_success_ref(
        vm->qts, "{ 'execute': 'xenstore-read', 'arguments': { 'path': %s } }",
        path);

    g_assert_cmpstr(qdict_get_str(node, "value"), ==, value);
    g_assert_cmpstr(qdict_get_str(node, "format"), ==, format);
    qobject_unref(node);
}

static void test_monitor(const void *long_mode)
{
    XenVm *vm = xen_vm_start(1, GPOINTER_TO_INT(long_mode), "-nodefaults");
    XenStore s = xen_store_open(vm);
    QDict *reply;
    const QListEntry *entry;
    g_autofree char *text = NULL;
    g_autofree char *too_long = g_strnfill(XENSTORE_PAYLOAD_MAX + 1, 'x');

    expect_read(vm, "domid", "1", "utf8");
    expect_read(vm, HOME "domid", "1", "utf8");
    xen_store_expect(&s, XS_WRITE, 0, XEN_STORE_BYTES("data/b\0\xff\0\1"), OK);
    expect_read(vm, "data/b", "/wAB", "base64");
    xen_store_expect(&s, XS_WRITE, 0, XEN_STORE_BYTES("data/b\0a\0b"), OK);
    expect_read(vm, "data/b", "YQBi", "base64");
    qtest_qmp_assert_success(vm->qts, "{ 'execute': 'xenstore-write', "
                             "'arguments': { 'path': 'data/c/d', "
                             "'value': '/wAB', 'format': 'base64' } }");
    xen_store_expect(&s, XS_READ, 0, XEN_STORE_STRINGS("data/c/d"),
                     XEN_STORE_BYTES("\xff\0\1"));
    reply = qtest_qmp(vm->qts, "{ 'execute': 'xenstore-list', "
                      "'arguments': { 'path': 'data' } }");
    entry = qlist_first(qdict_get_qlist(reply, "return"));
    g_assert_cmpstr(qdict_get_str(qobject_to(QDict, qlist_entry_obj(entry)),
                                  "name"), ==, "b");
    entry = qlist_next(entry);
    g_assert_cmpstr(qdict_get_str(qobject_to(QDict, qlist_entry_obj(entry)),
                                  "name"), ==, "c");
    g_assert_null(qlist_next(entry));
    qobject_unref(reply);

    expect_error(qtest_qmp(vm->qts, "{ 'execute': 'xenstore-read', "
                           "'arguments': { 'path': 'data/none' } }"),
                 "No such file");
    expect_error(qtest_qmp(vm->qts, "{ 'execute': 'xenstore-list', "
                           "'arguments': { 'path': 'data//none' } }"),
                 "valid");
    expect_error(qtest_qmp(vm->qts, "{ 'execute': 'xenstore-read', "
                           "'arguments': { 'path': '' } }"), "valid");
    expect_error(qtest_qmp(vm->qts, "{ 'execute': 'xenstore-write', "
                           "'arguments': { 'path': 'data', 'value': '%%', "
                           "'format': 'base64' } }"), "Base64");
    expect_error(qtest_qmp(vm->qts, "{ 'execute': 'xenstore-write', "
                           "'arguments': { 'path': 'data', 'value': %s } }",
                           too_long), "4096");
    expect_error(qtest_qmp(vm->qts, "{ 'execute': 'xenstore-unwatch', "
                           "'arguments': { 'id': 'w' } }"), "no xenstore");

    text = qtest_hmp(vm->qts, "xenstore-list data");
    g_assert_cmpstr(text, ==, "b\r\nc\r\n");
    g_free(text);
    text = qtest_hmp(vm->qts, "xenstore-write data/h \"some text\"");
    g_assert_cmpstr(text, ==, "");
    g_free(text);
    text = qtest_hmp(vm->qts, "xenstore-read data/h");
    g_assert_cmpstr(text, ==, "\"some text\" (n1)\r\n");
    xen_vm_stop(vm);
}

static void expect_changed(XenVm *vm, const char *path)
{
    QDict *event = qtest_qmp_eventwait_ref(vm->qts, "XENSTORE_CHANGED");
    const QDict *data = qdict_get_qdict(event, "data");

    g_assert_cmpstr(qdict_get_str(data, "id"), ==, "w");
    g_assert_cmpstr(qdict_get_str(data, "path"), ==, path);
    qobject_unref(event);
}

/*
 * A guest that writes as fast as it can: events come at most each 100 ms, however
 * long the writes take here.  They come between answers to commands.
 */
static void test_monitor_rate(const void *long_mode)
{
    XenVm *vm = xen_vm_start(1, GPOINTER_TO_INT(long_mode), "-nodefaults");
    XenStore s = xen_store_open(vm);
    gint64 begin = g_get_monotonic_time();
    unsigned nr = 0;
    QDict *event;

    qtest_qmp_assert_success(vm->qts, "{ 'execute': 'xenstore-watch', "
                             "'arguments': { 'id': 'w', 'path': 'data' } }");
    for (int i = 0; i < 400; i++) {
        xen_store_expect(&s, XS_WRITE, 0, XEN_STORE_BYTES("data/x\0v"), OK);
    }
    qtest_qmp_assert_success(vm->qts, "{ 'execute': 'query-status' }");
    while ((event = qtest_qmp_event_ref(vm->qts, "XENSTORE_CHANGED"))) {
        qobject_unref(event);
        nr++;
    }
    /* Two at first: that of the watch itself may come with one of a write. */
    g_assert_cmpuint(nr, <=,
                     2 + 2 * (g_get_monotonic_time() - begin) / 100000);
    xen_vm_stop(vm);
}

static void test_monitor_watch(const void *long_mode)
{
    XenVm *vm = xen_vm_start(1, GPOINTER_TO_INT(long_mode), "-nodefaults");
    XenStore s = xen_store_open(vm);
    QDict *reply;

    qtest_qmp_assert_success(vm->qts, "{ 'execute': 'xenstore-watch', "
                             "'arguments': { 'id': 'w', 'path': 'data' } }");
    expect_changed(vm, HOME "data");
    expect_error(qtest_qmp(vm->qts, "{ 'execute': 'xenstore-watch', "
                           "'arguments': { 'id': 'w', 'path': 'error' } }"),
                 "exists");
    /* A guest that writes as fast as it can. */
    for (int i = 0; i < 200; i++) {
        xen_store_expect(&s, XS_WRITE, 0, XEN_STORE_BYTES("data/x\0v"), OK);
    }
    expect_changed(vm, HOME "data/x");
    qtest_qmp_assert_success(vm->qts, "{ 'execute': 'xenstore-unwatch', "
                             "'arguments': { 'id': 'w' } }");
    qtest_qmp_assert_success(vm->qts, "{ 'execute': 'xenstore-watch', "
                             "'arguments': { 'id': 'w', "
                             "'path': '@introduceDomain' } }");
    while (true) {
        QDict *event = qtest_qmp_eventwait_ref(vm->qts, "XENSTORE_CHANGED");
        bool special = g_str_equal(qdict_get_str(qdict_get_qdict(event,
                                                                 "data"),
                                                 "path"), "@introduceDomain");

        qobject_unref(event);
        if (special) {
            break;
        }
    }
    qtest_system_reset(vm->qts);
    expect_changed(vm, "@introduceDomain");
    for (int i = 0; i < 63; i++) {
        g_autofree char *id = g_strdup_printf("%d", i);

        qtest_qmp_assert_success(vm->qts, "{ 'execute': 'xenstore-watch', "
                                 "'arguments': { 'id': %s, "
                                 "'path': '/none' } }", id);
    }
    reply = qtest_qmp(vm->qts, "{ 'execute': 'xenstore-watch', "
                      "'arguments': { 'id': 'more', 'path': '/none' } }");
    expect_error(reply, "64");
    xen_vm_stop(vm);
}

static void test_no_xen(void)
{
    QTestState *qts = qtest_init("-nodefaults");
    static const char *const commands[] = {
        "{ 'execute': 'xenstore-list', 'arguments': { 'path': 'x' } }",
        "{ 'execute': 'xenstore-read', 'arguments': { 'path': 'x' } }",
        "{ 'execute': 'xenstore-write', 'arguments': { 'path': 'x', "
        "'value': 'v' } }",
        "{ 'execute': 'xenstore-watch', 'arguments': { 'id': 'w', "
        "'path': 'x' } }",
        "{ 'execute': 'xenstore-unwatch', 'arguments': { 'id': 'w' } }",
    };

    for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
        qtest_qmp_send_raw(qts, "%s", commands[i]);
        expect_error(qtest_qmp_receive(qts), "not emulated");
    }
    qtest_quit(qts);
}

int main(int argc, char **argv)
{
    static const XenTest tests[] = {
        { "nodes", test_nodes },
        { "powerdown", test_powerdown },
        { "balloon", test_balloon },
        { "cpu-plug", test_cpu_plug },
        { "reset", test_reset },
        { "migration", test_migration },
        { "monitor", test_monitor },
        { "monitor-watch", test_monitor_watch },
        { "monitor-rate", test_monitor_rate },
    };

    g_test_init(&argc, &argv, NULL);
    xen_add_tests("xenstore", tests, ARRAY_SIZE(tests));
    qtest_add_func("xen/xenstore/no-xen", test_no_xen);
    return g_test_run();
}
