/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The rings of xenstore and of the primary console, with their event channels
 */
#include "qemu/osdep.h"
#include "qemu/cutils.h"
#include "libxen-store.h"

#include "hw/xen/interface/hvm/params.h"
#include "hw/xen/interface/io/console.h"

#define VECTOR              0xf3
#define OK                  XEN_STORE_STRINGS("OK")
#define NOTHING             XEN_STORE_BYTES("")
#define LOOK_AGAIN_US       200
#define MAX_TRANSACTIONS    10

/* The guest's domain ID in its own paths, see Xen's xenstore.txt. */
#define DOMID               "1"
#define HOME                "/local/domain/" DOMID "/"

static XenVm *start(const void *long_mode, const char *options)
{
    XenVm *vm = xen_vm_start(1, GPOINTER_TO_INT(long_mode),
                             options ?: "-nodefaults");

    g_assert_cmpint(xen_set_upcall_vector(vm, 0, VECTOR), ==, 0);
    return vm;
}

/* ----------------------------------------------------------- xenstore -- */

/* An event is sent for each response. */
static void test_event(const void *long_mode)
{
    XenVm *vm = start(long_mode, NULL);
    XenStore s = xen_store_open(vm);
    uint32_t seen[2];

    /* Handle the event that QEMU sent when it connected. */
    xen_handle(vm, 0, seen, 2);
    xen_take_vector(vm, 0, VECTOR);
    for (int i = 0; i < 3; i++) {
        xen_store_expect(&s, XS_READ, 0, XEN_STORE_STRINGS("domid"),
                         XEN_STORE_BYTES(DOMID));
        while (!xen_upcall_pending(vm, 0)) {
            g_usleep(LOOK_AGAIN_US);
        }
        g_assert_true(xen_take_vector(vm, 0, VECTOR));
        g_assert_cmpuint(xen_handle(vm, 0, seen, 2), ==, 1);
        g_assert_cmpuint(seen[0], ==, s.port);
    }
    xen_vm_stop(vm);
}

static void test_nodes(const void *long_mode)
{
    XenVm *vm = start(long_mode, NULL);
    XenStore s = xen_store_open(vm);

    xen_store_expect(&s, XS_READ, 0, XEN_STORE_STRINGS(HOME "domid"),
                     XEN_STORE_BYTES(DOMID));
    xen_store_expect(&s, XS_WRITE, 0, XEN_STORE_BYTES("data/a\0text"), OK);
    xen_store_expect(&s, XS_READ, 0, XEN_STORE_STRINGS("data/a"),
                     XEN_STORE_BYTES("text"));
    xen_store_expect(&s, XS_WRITE, 0, XEN_STORE_BYTES("data/a\0"), OK);
    xen_store_expect(&s, XS_READ, 0, XEN_STORE_STRINGS("data/a"), NOTHING);
    xen_store_expect(&s, XS_MKDIR, 0, XEN_STORE_STRINGS("data/b/c"), OK);
    xen_store_expect(&s, XS_MKDIR, 0, XEN_STORE_STRINGS("data/b"), OK);
    xen_store_expect(&s, XS_DIRECTORY, 0, XEN_STORE_STRINGS("data"),
                     XEN_STORE_STRINGS("a\0b"));
    xen_store_expect(&s, XS_GET_PERMS, 0, XEN_STORE_STRINGS("data/b/c"),
                     XEN_STORE_STRINGS("n" DOMID));
    xen_store_expect(&s, XS_SET_PERMS, 0,
                     XEN_STORE_STRINGS("data/b\0n" DOMID "\0r0"), OK);
    xen_store_expect(&s, XS_GET_PERMS, 0, XEN_STORE_STRINGS("data/b"),
                     XEN_STORE_STRINGS("n" DOMID "\0r0"));
    xen_store_expect(&s, XS_RM, 0, XEN_STORE_STRINGS("data/b"), OK);
    xen_store_expect(&s, XS_DIRECTORY, 0, XEN_STORE_STRINGS("data"),
                     XEN_STORE_STRINGS("a"));
    xen_vm_stop(vm);
}

static void test_store_errors(const void *long_mode)
{
    static const struct {
        uint32_t type;
        XenStoreBytes payload;
        const char *error;
    } cases[] = {
        { XS_READ, XEN_STORE_STRINGS("data/none"), "ENOENT" },
        { XS_DIRECTORY, XEN_STORE_STRINGS("none"), "ENOENT" },
        { XS_RM, XEN_STORE_STRINGS("data/none/none"), "ENOENT" },
        { XS_RM, XEN_STORE_STRINGS("none/none"), "EACCES" },
        { XS_READ, XEN_STORE_BYTES("domid"), "EINVAL" },
        { XS_READ, XEN_STORE_STRINGS("data//a"), "EINVAL" },
        { XS_READ, XEN_STORE_STRINGS("da ta"), "EINVAL" },
        { XS_READ, NOTHING, "EINVAL" },
        { XS_WRITE, XEN_STORE_BYTES("data/a"), "EINVAL" },
        { XS_WRITE, NOTHING, "EINVAL" },
        { XS_WRITE, XEN_STORE_BYTES("domid\0" "5"), "EACCES" },
        { XS_WRITE, XEN_STORE_BYTES("/local/domain/0/x\0" "5"), "EACCES" },
        { XS_MKDIR, XEN_STORE_STRINGS("/tool/x"), "EACCES" },
        { XS_SET_PERMS, XEN_STORE_STRINGS("data"), "EINVAL" },
        { XS_SET_PERMS, XEN_STORE_STRINGS("data\0q1"), "EINVAL" },
        { XS_SET_PERMS, XEN_STORE_STRINGS("data\0n5"), "EPERM" },
        { XS_SET_PERMS, XEN_STORE_STRINGS("domid\0n1"), "EACCES" },
        { XS_UNWATCH, XEN_STORE_STRINGS("data\0token"), "ENOENT" },
        { XS_WATCH, XEN_STORE_BYTES("data\0token"), "EINVAL" },
        { XS_TRANSACTION_END, XEN_STORE_STRINGS("X"), "EINVAL" },
        { XS_TRANSACTION_END, XEN_STORE_STRINGS("T"), "ENOENT" },
        { XS_CONTROL, XEN_STORE_STRINGS("help"), "EACCES" },
        { XS_INTRODUCE, XEN_STORE_STRINGS("1"), "EACCES" },
        { XS_RELEASE, XEN_STORE_STRINGS("1"), "EACCES" },
        { XS_RESUME, XEN_STORE_STRINGS("1"), "EACCES" },
        { XS_SET_TARGET, XEN_STORE_STRINGS("1"), "EACCES" },
        { XS_TYPE_COUNT, NOTHING, "ENOSYS" },
        { XS_INVALID, NOTHING, "ENOSYS" },
        { XS_WATCH_EVENT, NOTHING, "ENOSYS" },
    };
    XenVm *vm = start(long_mode, NULL);
    XenStore s = xen_store_open(vm);

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        xen_store_expect_error(&s, cases[i].type, 0, cases[i].payload,
                               cases[i].error);
    }
    xen_store_expect_error(&s, XS_READ, 77, XEN_STORE_STRINGS("domid"),
                           "ENOENT");
    xen_vm_stop(vm);
}

static void test_transactions(const void *long_mode)
{
    XenVm *vm = start(long_mode, NULL);
    XenStore s = xen_store_open(vm);
    uint32_t a, b;

    a = xen_store_start_transaction(&s);
    b = xen_store_start_transaction(&s);
    g_assert_cmpuint(a, !=, b);
    xen_store_expect(&s, XS_WRITE, a, XEN_STORE_BYTES("data/a\0one"), OK);
    xen_store_expect_error(&s, XS_READ, 0, XEN_STORE_STRINGS("data/a"),
                           "ENOENT");
    xen_store_expect(&s, XS_WRITE, b, XEN_STORE_BYTES("data/b\0two"), OK);
    xen_store_expect(&s, XS_TRANSACTION_END, a, XEN_STORE_STRINGS("T"), OK);
    xen_store_expect(&s, XS_READ, 0, XEN_STORE_STRINGS("data/a"),
                     XEN_STORE_BYTES("one"));
    xen_store_expect_error(&s, XS_TRANSACTION_END, b, XEN_STORE_STRINGS("T"),
                           "EAGAIN");
    xen_store_expect_error(&s, XS_READ, 0, XEN_STORE_STRINGS("data/b"),
                           "ENOENT");

    a = xen_store_start_transaction(&s);
    xen_store_expect(&s, XS_RM, a, XEN_STORE_STRINGS("data/a"), OK);
    xen_store_expect(&s, XS_TRANSACTION_END, a, XEN_STORE_STRINGS("F"), OK);
    xen_store_expect(&s, XS_READ, 0, XEN_STORE_STRINGS("data/a"),
                     XEN_STORE_BYTES("one"));
    xen_vm_stop(vm);
}

static void expect_watch(XenStore *s, XenStoreBytes expected)
{
    XenStoreMessage msg;

    xen_store_get(s, &msg);
    g_assert_cmpuint(msg.header.type, ==, XS_WATCH_EVENT);
    g_assert_cmpuint(msg.header.req_id, ==, 0);
    g_assert_cmpmem(msg.payload, msg.header.len, expected.data, expected.len);
}

static void test_watches(const void *long_mode)
{
    XenVm *vm = start(long_mode, NULL);
    XenStore s = xen_store_open(vm);

    /* Each watch fires once when it is set. */
    xen_store_expect(&s, XS_WATCH, 0, XEN_STORE_STRINGS("data\0one"), OK);
    expect_watch(&s, XEN_STORE_STRINGS("data\0one"));
    xen_store_expect_error(&s, XS_WATCH, 0, XEN_STORE_STRINGS("data\0one"),
                           "EEXIST");
    xen_store_expect(&s, XS_WRITE, 0, XEN_STORE_BYTES("data/x\0v"), OK);
    expect_watch(&s, XEN_STORE_STRINGS("data/x\0one"));
    xen_store_expect(&s, XS_RM, 0, XEN_STORE_STRINGS("data/x"), OK);
    expect_watch(&s, XEN_STORE_STRINGS("data/x\0one"));

    /* Several watches on one path; one that is not the first is removed. */
    xen_store_expect(&s, XS_WATCH, 0, XEN_STORE_STRINGS("data\0two"), OK);
    expect_watch(&s, XEN_STORE_STRINGS("data\0two"));
    xen_store_expect(&s, XS_UNWATCH, 0, XEN_STORE_STRINGS("data\0two"), OK);
    xen_store_expect(&s, XS_WRITE, 0, XEN_STORE_BYTES("data\0v"), OK);
    expect_watch(&s, XEN_STORE_STRINGS("data\0one"));
    xen_store_expect_error(&s, XS_UNWATCH, 0, XEN_STORE_STRINGS("data\0two"),
                           "ENOENT");

    /* The watch's path was absolute, so the event's path is, too. */
    xen_store_expect(&s, XS_UNWATCH, 0, XEN_STORE_STRINGS("data\0one"), OK);
    xen_store_expect(&s, XS_WATCH, 0, XEN_STORE_STRINGS(HOME "data\0abs"),
                     OK);
    expect_watch(&s, XEN_STORE_STRINGS(HOME "data\0abs"));
    xen_store_expect(&s, XS_WRITE, 0, XEN_STORE_BYTES("data/y\0v"), OK);
    expect_watch(&s, XEN_STORE_STRINGS(HOME "data/y\0abs"));

    xen_store_expect(&s, XS_RESET_WATCHES, 0, XEN_STORE_STRINGS(""), OK);
    xen_store_expect(&s, XS_WRITE, 0, XEN_STORE_BYTES("data/y\0w"), OK);
    xen_store_expect(&s, XS_READ, 0, XEN_STORE_STRINGS("data/y"),
                     XEN_STORE_BYTES("w"));
    xen_vm_stop(vm);
}

/*
 * Requests are split at any position, even within the header; the ring wraps.
 */
static void test_pieces(const void *long_mode)
{
    XenVm *vm = start(long_mode, NULL);
    XenStore s = xen_store_open(vm);
    struct {
        struct xsd_sockmsg header;
        char path[6];
    } request = {
        .header = { .type = XS_READ, .len = 6 }, .path = "domid",
    };
    XenStoreMessage msg;

    for (size_t piece = 1; piece <= sizeof(request); piece++) {
        for (int i = 0; i < 4; i++) {
            request.header.req_id = piece * 10 + i;
            xen_store_put(&s, &request, sizeof(request.header) + 6, piece);
            xen_store_get(&s, &msg);
            g_assert_cmpuint(msg.header.type, ==, XS_READ);
            g_assert_cmpuint(msg.header.req_id, ==, request.header.req_id);
            g_assert_cmpstr(msg.payload, ==, DOMID);
        }
    }
    xen_vm_stop(vm);
}

/* Messages longer than the ring, in both directions. */
static void test_long(const void *long_mode)
{
    static const char path[] = "data/long";
    XenVm *vm = start(long_mode, NULL);
    XenStore s = xen_store_open(vm);
    g_autofree char *payload = g_malloc(XENSTORE_PAYLOAD_MAX);
    /* The maximum size of a value. */
    size_t len = 2048;
    XenStoreBytes write = { payload, sizeof(path) + len };

    memcpy(payload, path, sizeof(path));
    for (size_t i = 0; i < len; i++) {
        payload[sizeof(path) + i] = i * 7;
    }
    xen_store_expect(&s, XS_WRITE, 0, write, OK);
    xen_store_expect(&s, XS_READ, 0, XEN_STORE_STRINGS(path),
                     (XenStoreBytes) { payload + sizeof(path), len });

    /* One byte too long. */
    write.len++;
    xen_store_expect_error(&s, XS_WRITE, 0, write, "ENOSPC");
    memset(payload, 'x', XENSTORE_PAYLOAD_MAX);
    payload[XENSTORE_PAYLOAD_MAX - 1] = 0;
    xen_store_expect_error(&s, XS_READ, 0,
                           (XenStoreBytes) { payload, XENSTORE_PAYLOAD_MAX },
                           "EINVAL");
    xen_vm_stop(vm);
}

/* Opens the maximum number of transactions; one more is refused. */
static void open_all_transactions(XenStore *s)
{
    for (int i = 0; i < MAX_TRANSACTIONS; i++) {
        xen_store_start_transaction(s);
    }
    xen_store_expect_error(s, XS_TRANSACTION_START, 0, XEN_STORE_STRINGS(""),
                           "ENOSPC");
}

/* Transactions and watches do not survive a reset. */
static void test_store_reset(const void *long_mode)
{
    XenVm *vm = start(long_mode, NULL);
    XenStore s = xen_store_open(vm);

    open_all_transactions(&s);
    xen_store_expect(&s, XS_RESET_WATCHES, 0, XEN_STORE_STRINGS(""), OK);
    open_all_transactions(&s);
    xen_store_expect(&s, XS_WATCH, 0, XEN_STORE_STRINGS("data\0token"), OK);
    expect_watch(&s, XEN_STORE_STRINGS("data\0token"));

    qtest_system_reset(vm->qts);
    xen_vm_set_up(vm);
    s = xen_store_open(vm);
    xen_store_expect(&s, XS_WRITE, 0, XEN_STORE_BYTES("data/x\0v"), OK);
    xen_store_expect(&s, XS_READ, 0, XEN_STORE_STRINGS("data/x"),
                     XEN_STORE_BYTES("v"));
    xen_store_expect(&s, XS_WATCH, 0, XEN_STORE_STRINGS("data\0token"), OK);
    expect_watch(&s, XEN_STORE_STRINGS("data\0token"));
    open_all_transactions(&s);
    xen_vm_stop(vm);
}

/* Invalid indices: xenstore stops using the ring. */
static void test_broken_ring(const void *long_mode)
{
    static const struct {
        unsigned field;
        uint32_t value;
    } breaks[] = {
        { offsetof(struct xenstore_domain_interface, req_prod), 0x80000000 },
        { offsetof(struct xenstore_domain_interface, req_cons), 0x40000000 },
        { offsetof(struct xenstore_domain_interface, rsp_cons), 0x7fffffff },
        { offsetof(struct xenstore_domain_interface, rsp_prod), 0x10000 },
    };
    static const struct xsd_sockmsg too_long = {
        .type = XS_READ, .len = XENSTORE_PAYLOAD_MAX + 1,
    };
    static const struct xsd_sockmsg longest = {
        .type = XS_READ, .len = UINT32_MAX,
    };

    for (size_t i = 0; i < ARRAY_SIZE(breaks) + 2; i++) {
        XenVm *vm = start(long_mode, NULL);
        XenStore s = xen_store_open(vm);

        xen_store_expect(&s, XS_READ, 0, XEN_STORE_STRINGS("domid"),
                         XEN_STORE_BYTES(DOMID));
        if (i < ARRAY_SIZE(breaks)) {
            qtest_writel(vm->qts, s.ring + breaks[i].field, breaks[i].value);
            xen_store_kick(&s);
        } else {
            xen_store_put(&s, i & 1 ? &too_long : &longest, sizeof(too_long),
                          XENSTORE_RING_SIZE);
        }
        xen_store_kick(&s);
        xen_store_kick(&s);

        /* After a reset it works again. */
        qtest_system_reset(vm->qts);
        xen_vm_set_up(vm);
        s = xen_store_open(vm);
        xen_store_expect(&s, XS_READ, 0, XEN_STORE_STRINGS("domid"),
                         XEN_STORE_BYTES(DOMID));
        xen_vm_stop(vm);
    }
}

/* ------------------------------------------------------------ console -- */

typedef struct Console {
    XenVm *vm;
    uint64_t ring;
    uint32_t port;
    int fd;                     /* the other end of the chardev */
} Console;

#define CONS_FIELD(c, name) \
    ((c)->ring + offsetof(struct xencons_interface, name))

static void find_console(Console *c)
{
    uint64_t value;

    g_assert_cmpint(xen_get_param(c->vm, HVM_PARAM_CONSOLE_PFN, &value), ==,
                    0);
    c->ring = value * XEN_PAGE_SIZE;
    g_assert_cmpint(xen_get_param(c->vm, HVM_PARAM_CONSOLE_EVTCHN, &value),
                    ==, 0);
    c->port = value;
    xen_unmask(c->vm, c->port);
}

static Console start_console(const void *long_mode)
{
    g_autofree char *options = NULL;
    Console c;
    int fds[2];

    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), ==, 0);
    options = g_strdup_printf("-nodefaults -chardev socket,id=c,fd=%d "
                              "-device xen-console,chardev=c", fds[1]);
    c.vm = start(long_mode, options);
    c.fd = fds[0];
    close(fds[1]);
    find_console(&c);
    return c;
}

static void stop_console(Console *c)
{
    close(c->fd);
    xen_vm_stop(c->vm);
}

/* The guest writes @text, which arrives at @fd. */
static void expect_output(Console *c, const char *text)
{
    size_t len = strlen(text), got = 0;
    uint32_t prod = qtest_readl(c->vm->qts, CONS_FIELD(c, out_prod));
    g_autofree char *seen = g_malloc0(len + 1);

    for (size_t i = 0; i < len; i++) {
        while (prod - qtest_readl(c->vm->qts, CONS_FIELD(c, out_cons)) ==
               sizeof_field(struct xencons_interface, out)) {
            g_usleep(LOOK_AGAIN_US);
        }
        qtest_writeb(c->vm->qts, CONS_FIELD(c, out) +
                     prod % sizeof_field(struct xencons_interface, out),
                     text[i]);
        qtest_writel(c->vm->qts, CONS_FIELD(c, out_prod), ++prod);
    }
    g_assert_cmpint(xen_send(c->vm, c->port), ==, 0);
    while (got < len) {
        ssize_t n = read(c->fd, seen + got, len - got);

        g_assert_cmpint(n, >, 0);
        got += n;
    }
    g_assert_cmpstr(seen, ==, text);
}

/* @text is written to @fd; the guest is notified and reads it. */
static void expect_input(Console *c, const char *text)
{
    size_t len = strlen(text);
    uint32_t cons = qtest_readl(c->vm->qts, CONS_FIELD(c, in_cons));
    uint32_t seen[2];

    xen_handle(c->vm, 0, seen, 2);
    g_assert_cmpint(write(c->fd, text, len), ==, len);
    for (size_t i = 0; i < len; i++) {
        while (cons == qtest_readl(c->vm->qts, CONS_FIELD(c, in_prod))) {
            g_usleep(LOOK_AGAIN_US);
        }
        g_assert_cmpint(qtest_readb(c->vm->qts, CONS_FIELD(c, in) + cons %
                        sizeof_field(struct xencons_interface, in)), ==,
                        (uint8_t)text[i]);
        qtest_writel(c->vm->qts, CONS_FIELD(c, in_cons), ++cons);
    }
    while (!xen_handle(c->vm, 0, seen, 2)) {
        g_usleep(LOOK_AGAIN_US);
    }
    g_assert_cmpuint(seen[0], ==, c->port);
}

static void test_console(const void *long_mode)
{
    Console c = start_console(long_mode);
    g_autofree char *pattern = g_strnfill(700, 'x');

    expect_output(&c, "hello\n");
    expect_input(&c, "reply\n");
    /* Repeated, so that the rings wrap */
    for (int i = 0; i < 4; i++) {
        expect_output(&c, pattern);
        expect_input(&c, pattern);
    }

    /* Also after resets. */
    for (int i = 0; i < 3; i++) {
        qtest_system_reset(c.vm->qts);
        xen_vm_set_up(c.vm);
        find_console(&c);
        expect_output(&c, "again\n");
        expect_input(&c, "still\n");
    }
    stop_console(&c);
}

static void test_broken_console(const void *long_mode)
{
    Console c = start_console(long_mode);

    expect_output(&c, "before");
    qtest_writel(c.vm->qts, CONS_FIELD(&c, out_prod), 0x80000000);
    qtest_writel(c.vm->qts, CONS_FIELD(&c, in_cons), 0x80000000);
    g_assert_cmpint(xen_send(c.vm, c.port), ==, 0);
    g_assert_cmpint(write(c.fd, "lost", 4), ==, 4);
    g_assert_cmpint(xen_send(c.vm, c.port), ==, 0);

    qtest_system_reset(c.vm->qts);
    xen_vm_set_up(c.vm);
    find_console(&c);
    expect_output(&c, "after");
    stop_console(&c);
}

int main(int argc, char **argv)
{
    static const XenTest tests[] = {
        { "store/event", test_event },
        { "store/nodes", test_nodes },
        { "store/errors", test_store_errors },
        { "store/transactions", test_transactions },
        { "store/watches", test_watches },
        { "store/pieces", test_pieces },
        { "store/long", test_long },
        { "store/reset", test_store_reset },
        { "store/broken-ring", test_broken_ring },
        { "console/text", test_console },
        { "console/broken-ring", test_broken_console },
    };

    g_test_init(&argc, &argv, NULL);
    xen_add_tests("ring", tests, ARRAY_SIZE(tests));
    return g_test_run();
}
