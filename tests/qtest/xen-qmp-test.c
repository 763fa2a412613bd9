/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Monitor commands in QMP and HMP: query-xen, xen-event-list, xen-event-inject;
 * a client of QMP that does not read its events
 */
#include "qemu/osdep.h"
#include "qobject/qdict.h"
#include "qobject/qlist.h"
#include "qobject/qstring.h"
#include "libxen-store.h"

#include "hw/xen/interface/hvm/params.h"
#include "hw/xen/interface/vcpu.h"
#include "hw/xen/interface/version.h"

#define VECTOR      0xf3
#define VIA_GSI_20  20
/* Xenstore's port is bound from the start. */
#define OWN_PORTS   1

static XenVm *start(const void *long_mode)
{
    XenVm *vm = xen_vm_start(2, GPOINTER_TO_INT(long_mode), "-nodefaults");

    g_assert_cmpint(xen_set_upcall_vector(vm, 0, VECTOR), ==, 0);
    g_assert_cmpint(xen_set_upcall_vector(vm, 1, VECTOR), ==, 0);
    return vm;
}

static QDict *query(XenVm *vm)
{
    return qtest_qmp_assert_success_ref(vm->qts,
                                        "{ 'execute': 'query-xen' }");
}

static void expect_error(QDict *reply, const char *text)
{
    const QDict *error = qdict_get_qdict(reply, "error");

    g_assert_nonnull(error);
    g_assert_cmpstr(qdict_get_str(error, "class"), ==, "GenericError");
    g_assert_nonnull(strstr(qdict_get_str(error, "desc"), text));
    qobject_unref(reply);
}

/* Item @index of list @key. */
static const QDict *list_item(const QDict *dict, const char *key, size_t index)
{
    const QListEntry *entry = qlist_first(qdict_get_qlist(dict, key));

    while (index--) {
        entry = qlist_next(entry);
    }
    return qobject_to(QDict, qlist_entry_obj(entry));
}

static void test_query(const void *long_mode)
{
    XenVm *vm = start(long_mode);
    QDict *info = query(vm);
    QList *caps = qdict_get_qlist(info, "capabilities");

    g_assert_cmpstr(qdict_get_str(info, "version"), ==, "4.17");
    g_assert_cmpstr(qdict_get_str(info, "accelerator"), ==, "qtest");
    g_assert_cmpuint(qlist_size(caps), ==, 1);
    g_assert_cmpstr(qstring_get_str(qobject_to(QString, qlist_peek(caps))),
                    ==, "hypercalls");
    g_assert_true(qlist_empty(qdict_get_qlist(info, "missing-capabilities")));
    g_assert_cmpint(qdict_get_bool(info, "long-mode"), ==, vm->long_mode);
    g_assert_cmpstr(qdict_get_str(info, "event-abi"), ==, "two-level");
    g_assert_true(qdict_get_bool(info, "fifo-allowed"));
    g_assert_false(qdict_get_bool(info, "kernel-delivery"));
    g_assert_cmpint(qdict_get_int(info, "callback"), ==, 0);
    g_assert_cmpint(qdict_get_int(info, "ports"), ==, OWN_PORTS);
    g_assert_cmpuint(qlist_size(qdict_get_qlist(info, "vcpus")), ==, 2);
    g_assert_cmpint(qdict_get_int(list_item(info, "vcpus", 1), "vcpu"), ==,
                    1);
    qobject_unref(info);

    xen_bind_ipi(vm, 0);
    g_assert_cmpint(xen_set_param(vm, HVM_PARAM_CALLBACK_IRQ, VIA_GSI_20), ==,
                    0);
    xen_use_fifo(vm, 1);
    info = query(vm);
    g_assert_cmpstr(qdict_get_str(info, "event-abi"), ==, "fifo");
    g_assert_cmpint(qdict_get_int(info, "callback"), ==, VIA_GSI_20);
    g_assert_cmpint(qdict_get_int(info, "ports"), ==, OWN_PORTS + 1);
    qobject_unref(info);
    xen_vm_stop(vm);
}

/* A counter of @vcpu in query-xen. */
static int64_t count(XenVm *vm, unsigned vcpu, const char *name)
{
    QDict *info = query(vm);
    int64_t value = qdict_get_int(list_item(info, "vcpus", vcpu), name);

    qobject_unref(info);
    return value;
}

/* Each event is counted once, for the right vCPU. */
static void test_counts(const void *long_mode)
{
    XenVm *vm = start(long_mode);
    uint32_t port = xen_bind_ipi(vm, 1), other = xen_bind_ipi(vm, 1);
    uint32_t timer = xen_bind_virq(vm, 1, VIRQ_TIMER);
    struct vcpu_set_singleshot_timer op = { .timeout_abs_ns = 1 };

    xen_unmask(vm, port);
    xen_mask(vm, other);
    g_assert_cmpint(count(vm, 1, "upcalls"), ==, 0);

    g_assert_cmpint(xen_send(vm, port), ==, 0);
    g_assert_cmpint(count(vm, 1, "upcalls"), ==, 1);
    g_assert_cmpint(count(vm, 1, "fast") + count(vm, 1, "slow"), ==, 1);
    g_assert_cmpint(xen_send(vm, port), ==, 0);
    g_assert_cmpint(count(vm, 1, "already-pending"), ==, 1);
    g_assert_cmpint(xen_send(vm, other), ==, 0);
    g_assert_cmpint(count(vm, 1, "masked"), ==, 1);
    xen_unmask(vm, other);
    g_assert_cmpint(count(vm, 1, "upcalls"), ==, 1);
    g_assert_cmpint(count(vm, 1, "upcalls-saved"), ==, 1);

    qtest_clock_step(vm->qts, 1000);
    xen_unmask(vm, timer);
    g_assert_cmpint(xen_vcpu_op(vm, 1, VCPUOP_set_singleshot_timer, 1, &op,
                                sizeof(op)), ==, 0);
    g_assert_cmpint(count(vm, 1, "timers-armed"), ==, 1);
    g_assert_cmpint(count(vm, 1, "timers-fired"), ==, 1);
    g_assert_cmpint(count(vm, 1, "timers-past"), ==, 1);
    g_assert_cmpint(count(vm, 0, "fast"), ==, 0);
    g_assert_cmpint(count(vm, 0, "timers-armed"), ==, 0);
    xen_vm_stop(vm);
}

static QDict *event_list(XenVm *vm)
{
    return qtest_qmp(vm->qts, "{ 'execute': 'xen-event-list' }");
}

static void expect_port(const QDict *reply, size_t index, uint32_t port,
                        const char *type, const char *remote, int64_t target)
{
    const QDict *info = list_item(reply, "return", index);

    g_assert_cmpint(qdict_get_int(info, "port"), ==, port);
    g_assert_cmpstr(qdict_get_str(info, "type"), ==, type);
    g_assert_cmpstr(qdict_get_str(info, "remote-domain"), ==, remote);
    g_assert_cmpint(qdict_get_int(info, "target"), ==, target);
}

static void test_list(const void *long_mode)
{
    XenVm *vm = start(long_mode);
    uint32_t ipi = xen_bind_ipi(vm, 1);
    uint32_t virq = xen_bind_virq(vm, 0, VIRQ_TIMER);
    uint32_t unbound = xen_alloc_unbound(vm, 0);
    uint32_t a = xen_alloc_unbound(vm, DOMID_SELF);
    uint32_t b = xen_bind_loopback(vm, a);
    struct evtchn_bind_pirq pirq = { .pirq = 40 };
    QDict *reply;
    const QDict *info;

    g_assert_cmpint(XEN_EVTCHN_OP(vm, 0, EVTCHNOP_bind_pirq, &pirq), ==, 0);
    xen_unmask(vm, ipi);
    xen_mask(vm, virq);
    g_assert_cmpint(xen_send(vm, ipi), ==, 0);

    reply = event_list(vm);
    g_assert_cmpuint(qlist_size(qdict_get_qlist(reply, "return")), ==,
                     OWN_PORTS + 6);
    expect_port(reply, 0, 1, "interdomain", "qemu", 1);
    expect_port(reply, 1, ipi, "ipi", "", 0);
    expect_port(reply, 2, virq, "virq", "", VIRQ_TIMER);
    expect_port(reply, 3, unbound, "unbound", "", 0);
    expect_port(reply, 4, a, "interdomain", "loopback", b);
    expect_port(reply, 5, b, "interdomain", "loopback", a);
    expect_port(reply, 6, pirq.port, "pirq", "", 40);

    info = list_item(reply, "return", 1);
    g_assert_cmpint(qdict_get_int(info, "vcpu"), ==, 1);
    g_assert_true(qdict_get_bool(info, "pending"));
    g_assert_false(qdict_get_bool(info, "masked"));
    g_assert_false(qdict_haskey(info, "priority"));
    info = list_item(reply, "return", 2);
    g_assert_false(qdict_get_bool(info, "pending"));
    g_assert_true(qdict_get_bool(info, "masked"));
    qobject_unref(reply);

    g_assert_cmpint(xen_close(vm, virq), ==, 0);
    reply = event_list(vm);
    expect_port(reply, 2, unbound, "unbound", "", 0);
    qobject_unref(reply);
    xen_vm_stop(vm);
}

static void test_list_fifo(const void *long_mode)
{
    XenVm *vm = start(long_mode);
    uint32_t port;
    const QDict *info;
    QDict *reply;

    xen_use_fifo(vm, 1);
    port = xen_bind_ipi(vm, 1);
    g_assert_cmpint(xen_set_priority(vm, port, 3), ==, 0);
    xen_unmask(vm, port);
    g_assert_cmpint(xen_send(vm, port), ==, 0);
    g_assert_cmpint(xen_set_priority(vm, port, 4), ==, 0);

    reply = event_list(vm);
    expect_port(reply, 1, port, "ipi", "", 0);
    info = list_item(reply, "return", 1);
    g_assert_cmpint(qdict_get_int(info, "priority"), ==, 4);
    g_assert_cmpint(qdict_get_int(info, "queue"), ==, 3);
    g_assert_cmpint(qdict_get_int(info, "queue-vcpu"), ==, 1);
    g_assert_true(qdict_get_bool(info, "linked"));
    g_assert_false(qdict_get_bool(info, "busy"));
    qobject_unref(reply);

    xen_expect_event(vm, 1, port);
    reply = event_list(vm);
    g_assert_false(qdict_get_bool(list_item(reply, "return", 1), "linked"));
    qobject_unref(reply);
    xen_vm_stop(vm);
}

static QDict *inject(QTestState *qts, int64_t port)
{
    return qtest_qmp(qts, "{ 'execute': 'xen-event-inject', "
                     "'arguments': { 'port': %" PRId64 " } }", port);
}

static void test_inject(const void *long_mode)
{
    XenVm *vm = start(long_mode);
    uint32_t port = xen_bind_ipi(vm, 1);
    static const int64_t bad[] = { 0, 100, 131072, UINT32_MAX };
    QDict *reply;

    xen_unmask(vm, port);
    qtest_qmp_assert_success(vm->qts, "{ 'execute': 'xen-event-inject', "
                             "'arguments': { 'port': %u } }", port);
    g_assert_true(xen_take_vector(vm, 1, VECTOR));
    xen_expect_event(vm, 1, port);
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        expect_error(inject(vm->qts, bad[i]), "is not open");
    }
    /* Not port numbers */
    expect_error(inject(vm->qts, -1), "port");
    expect_error(inject(vm->qts, INT64_C(1) << 32), "port");
    reply = qtest_qmp(vm->qts, "{ 'execute': 'xen-event-inject' }");
    expect_error(reply, "port");
    reply = qtest_qmp(vm->qts, "{ 'execute': 'xen-event-inject', "
                      "'arguments': { 'port': 'one' } }");
    expect_error(reply, "port");
    reply = qtest_qmp(vm->qts, "{ 'execute': 'query-xen', "
                      "'arguments': { 'port': 1 } }");
    expect_error(reply, "port");
    g_assert_false(xen_upcall_pending(vm, 1));
    xen_vm_stop(vm);
}

static void expect_text(QTestState *qts, const char *command, const char *part)
{
    g_autofree char *text = qtest_hmp(qts, "%s", command);

    if (!strstr(text, part)) {
        g_error("%s: \"%s\" is not in \"%s\"", command, part, text);
    }
}

static void test_text(const void *long_mode)
{
    XenVm *vm = start(long_mode);
    uint32_t port = xen_bind_ipi(vm, 1);
    uint32_t virq = xen_bind_virq(vm, 0, VIRQ_TIMER);

    g_assert_cmpuint(port, ==, 2);
    g_assert_cmpuint(virq, ==, 3);
    xen_unmask(vm, port);
    xen_mask(vm, virq);

    expect_text(vm->qts, "info xen", vm->long_mode ?
                "Xen 4.17 on qtest, 64-bit layout" :
                "Xen 4.17 on qtest, 32-bit layout");
    expect_text(vm->qts, "info xen", "event ABI two-level (fifo allowed), "
                "3 ports, delivered by QEMU, callback 0x0");
    expect_text(vm->qts, "info xen", "vcpu 1: timers armed 0 fired 0");
    expect_text(vm->qts, "xen-event-list",
                "port    1: vcpu: 0 interdomain(qemu:1)");
    expect_text(vm->qts, "xen-event-list", "port    2: vcpu: 1 ipi");
    expect_text(vm->qts, "xen-event-list", "port    3: vcpu: 0 virq(0) MASKED");
    expect_text(vm->qts, "xen-event-inject 2", "Delivered port 2");
    expect_text(vm->qts, "xen-event-list", "port    2: vcpu: 1 ipi PENDING");
    xen_expect_event(vm, 1, port);

    expect_text(vm->qts, "xen-event-inject 77", "Port 77 is not open");
    expect_text(vm->qts, "xen-event-inject 0xffffffff",
                "Port 4294967295 is not open");
    expect_text(vm->qts, "xen-event-inject -1", "32-bit values");
    expect_text(vm->qts, "xen-event-inject 0x100000002", "32-bit values");
    expect_text(vm->qts, "xen-event-inject", "xen-event-inject");
    expect_text(vm->qts, "xen-event-inject x", "x");
    g_assert_false(xen_upcall_pending(vm, 1));

    xen_use_fifo(vm, 1);
    expect_text(vm->qts, "info xen", "event ABI fifo");
    g_assert_cmpint(xen_send(vm, port), ==, 0);
    expect_text(vm->qts, "xen-event-list",
                "port    2: vcpu: 1 ipi PENDING priority: 7 LINKED "
                "queue: 7 on vcpu 1");
    xen_vm_stop(vm);
}

static void expect_called(XenVm *vm, bool called)
{
    QDict *info = query(vm);

    g_assert_cmpstr(qdict_get_str(info, "hypercall-trap"), ==, "vmcall");
    g_assert_cmpint(qdict_get_bool(info, "called"), ==, called);
    qobject_unref(info);
    expect_text(vm->qts, "info xen", called ? "hypercalls by vmcall, in use" :
                "hypercalls by vmcall, none so far");
}

/* Whether there was a hypercall since the last reset. */
static void test_called(const void *long_mode)
{
    XenVm *vm = xen_vm_start_bare(2, GPOINTER_TO_INT(long_mode), NULL,
                                  "-nodefaults");

    expect_called(vm, false);
    g_assert_cmpint(XEN_CALL(vm, 1, __HYPERVISOR_xen_version, XENVER_version),
                    >, 0);
    expect_called(vm, true);
    qtest_system_reset(vm->qts);
    expect_called(vm, false);
    xen_vm_set_up(vm);
    expect_called(vm, true);
    xen_vm_stop(vm);
}

/* -------------------------------------------------- a client that is slow -- */

/* Each watch gets this many events at once, unmerged: 7 MB for all watches. */
#define WATCHES         64
#define NODES           60
#define ID_SIZE         900
/* Events are sent each 100 ms.  Fewer than 10 batches may do on a busy host. */
#define BATCHES         20
#define BATCH_US        (110 * 1000)
/* Sockets have 0.2 MB of it, and QEMU a backlog of 64 KiB. */
#define UNREAD_MAX      (2 * 1024 * 1024)

static void write_nodes(XenStore *store)
{
    for (unsigned i = 0; i < NODES; i++) {
        char payload[] = "data/nn\0v";

        payload[5] = 'a' + i / 10;
        payload[6] = '0' + i % 10;
        xen_store_expect(store, XS_WRITE, 0,
                         (XenStoreBytes) { payload, sizeof(payload) - 1 },
                         XEN_STORE_STRINGS("OK"));
    }
}

static char *watch_id(unsigned i)
{
    return g_strdup_printf("%0*u", ID_SIZE, i);
}

static void watch(XenVm *vm, unsigned i)
{
    g_autofree char *id = watch_id(i);

    qtest_qmp_assert_success(vm->qts, "{ 'execute': 'xenstore-watch',"
                             " 'arguments': { 'id': %s, 'path': 'data' } }",
                             id);
}

/* What is not sent yet is forgotten. */
static void unwatch(XenVm *vm, unsigned i)
{
    g_autofree char *id = watch_id(i);

    qtest_qmp_assert_success(vm->qts, "{ 'execute': 'xenstore-unwatch',"
                             " 'arguments': { 'id': %s } }", id);
}

static void client_send(int fd, const char *text)
{
    ssize_t len = strlen(text);

    g_assert_cmpint(send(fd, text, len, MSG_NOSIGNAL), ==, len);
}

/* Reads until a line has @text.  How many bytes there were. */
static size_t client_read_until(int fd, const char *text)
{
    g_autoptr(GString) line = g_string_new(NULL);
    size_t bytes = 0;

    while (true) {
        char buf[4096];
        ssize_t len = recv(fd, buf, sizeof(buf), 0);

        g_assert_cmpint(len, >, 0);
        for (ssize_t i = 0; i < len; i++, bytes++) {
            if (buf[i] != '\n') {
                g_string_append_c(line, buf[i]);
            } else if (strstr(line->str, text)) {
                return bytes;
            } else {
                g_string_truncate(line, 0);
            }
        }
    }
}

static void wait_for_last(XenVm *vm)
{
    bool last;

    qtest_qmp_assert_success(vm->qts, "{ 'execute': 'xenstore-watch',"
                             " 'arguments': { 'id': 'last',"
                             " 'path': 'error' } }");
    do {
        QDict *event = qtest_qmp_eventwait_ref(vm->qts, "XENSTORE_CHANGED");

        last = g_str_equal(qdict_get_str(qdict_get_qdict(event, "data"), "id"),
                           "last");
        qobject_unref(event);
    } while (!last);
}

/*
 * The guest writes to watched nodes in a loop, and a client does not read what it
 * is told of them: QEMU keeps no more for it however long this goes on.
 */
static void test_slow_client(const void *long_mode)
{
    g_autofree char *options = NULL;
    XenStore store;
    XenVm *vm;
    int fds[2];

    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), ==, 0);
    /* QEMU is not to have the client's end as well. */
    g_assert_cmpint(fcntl(fds[0], F_SETFD, FD_CLOEXEC), ==, 0);
    options = g_strdup_printf("-nodefaults -chardev socket,id=slow,fd=%d "
                              "-mon chardev=slow,mode=control", fds[1]);
    vm = xen_vm_start(1, GPOINTER_TO_INT(long_mode), options);
    close(fds[1]);
    store = xen_store_open(vm);
    client_read_until(fds[0], "QMP");
    client_send(fds[0], "{ 'execute': 'qmp_capabilities' }");
    client_read_until(fds[0], "return");

    for (unsigned i = 0; i < WATCHES; i++) {
        watch(vm, i);
    }
    for (unsigned i = 0; i < BATCHES; i++) {
        write_nodes(&store);
        g_usleep(BATCH_US);
    }
    for (unsigned i = 0; i < WATCHES; i++) {
        unwatch(vm, i);
    }
    client_send(fds[0], "{ 'execute': 'query-status', 'id': 'end' }");
    g_assert_cmpuint(client_read_until(fds[0], "\"end\""), <=, UNREAD_MAX);

    /* It has caught up. */
    for (unsigned i = 0; i < WATCHES / 8; i++) {
        watch(vm, i);
    }
    client_read_until(fds[0], "XENSTORE_CHANGED");
    /* One that leaves with events unread holds up nobody. */
    for (unsigned i = 0; i < 2; i++) {
        write_nodes(&store);
        g_usleep(BATCH_US);
    }
    close(fds[0]);
    wait_for_last(vm);
    xen_vm_stop(vm);
}

/* A machine without Xen emulation returns errors. */
static void test_no_xen(void)
{
    QTestState *qts = qtest_init("-nodefaults");

    expect_error(qtest_qmp(qts, "{ 'execute': 'query-xen' }"),
                 "xen-version");
    expect_error(qtest_qmp(qts, "{ 'execute': 'xen-event-list' }"),
                 "xen-version=");
    expect_error(inject(qts, 1), "xen-version=");
    expect_text(qts, "info xen", "xen-version");
    expect_text(qts, "xen-event-list", "xen-version=");
    expect_text(qts, "xen-event-inject 1", "xen-version=");
    xen_qtest_quit(qts);
}

/* Those of QEMU's disks without a description, which are not ours to describe. */
static bool is_undescribed(const char *name)
{
    static const char *const names[] = {
        "discard_granularity", "min_io_size", "opt_io_size",
        "stats-intervals",      /* from 10.2 on */
    };

    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        if (g_str_equal(name, names[i])) {
            return true;
        }
    }
    return false;
}

/* All properties of PV devices have one. */
static void test_descriptions(void)
{
    static const char *const types[] = {
        "xen-disk", "xen-cdrom", "xen-net-device", "xen-console",
    };
    QTestState *qts = qtest_init("-nodefaults");

    for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
        QDict *reply = qtest_qmp(qts, "{ 'execute': 'device-list-properties', "
                                 "'arguments': { 'typename': %s } }", types[i]);
        const QListEntry *e;

        QLIST_FOREACH_ENTRY(qdict_get_qlist(reply, "return"), e) {
            const QDict *property = qobject_to(QDict, qlist_entry_obj(e));
            const char *name = qdict_get_str(property, "name");

            if (!qdict_haskey(property, "description") &&
                !is_undescribed(name)) {
                g_error("%s.%s has no description", types[i], name);
            }
        }
        qobject_unref(reply);
    }
    xen_qtest_quit(qts);
}

int main(int argc, char **argv)
{
    static const XenTest tests[] = {
        { "query", test_query },
        { "called", test_called },
        { "counts", test_counts },
        { "list", test_list },
        { "list-fifo", test_list_fifo },
        { "inject", test_inject },
        { "text", test_text },
        { "slow-client", test_slow_client },
    };

    g_test_init(&argc, &argv, NULL);
    xen_add_tests("qmp", tests, ARRAY_SIZE(tests));
    qtest_add_func("xen/qmp/no-xen", test_no_xen);
    qtest_add_func("xen/qmp/descriptions", test_descriptions);
    return g_test_run();
}
