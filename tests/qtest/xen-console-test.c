/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PV console: readers who are slow, away or come back, broken rings, reset
 */
#include "qemu/osdep.h"
#include <poll.h>
#include <sys/ioctl.h>
#include "qobject/qdict.h"
#include "qobject/qjson.h"
#include "libxen.h"
#include "libxen-con.h"
#include "libxen-state.h"

#include "hw/xen/interface/io/xenbus.h"
#include "hw/xen/interface/sched.h"

/* More than a socket, a ring and everything in between hold. */
#define MUCH            (2u << 20)
/* A test that hangs fails; nothing is judged by how long it takes. */
#define PATIENCE_MS     (120 * 1000)
#define LOOK_AGAIN_US   200
/* As in hw/xen/pv/console/console.h */
#define LIMIT_MAX       (1u << 20)
#define LOG_SECONDS     10

/* ----------------------------------------------------------------- readers */

/* A chardev whose other end is *@fd. */
static char *pair_option(const char *id, int *fd)
{
    int fds[2];

    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), ==, 0);
    *fd = fds[0];
    g_assert_cmpint(fcntl(fds[0], F_SETFD, FD_CLOEXEC), ==, 0);
    return g_strdup_printf("-chardev socket,id=%s,fd=%d", id, fds[1]);
}

/* The fd that the option names is QEMU's alone now. */
static void close_option_fd(const char *option)
{
    close(atoi(strstr(option, "fd=") + 3));
}

static char *server_path(void)
{
    static unsigned nr;

    return g_strdup_printf("%s/xen-con-%d-%u.sock", g_get_tmp_dir(), getpid(),
                           nr++);
}

static int connect_to(const char *path)
{
    struct sockaddr_un un = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    g_assert_cmpuint(strlen(path), <, sizeof(un.sun_path));
    strcpy(un.sun_path, path);
    g_assert_cmpint(connect(fd, (struct sockaddr *)&un, sizeof(un)), ==, 0);
    return fd;
}

static size_t waiting(int fd)
{
    int n;

    g_assert_cmpint(ioctl(fd, FIONREAD, &n), ==, 0);
    return n;
}

/* Bytes that QEMU has not read yet, or 0. */
static size_t unsent(int fd)
{
    int n;

    g_assert_cmpint(ioctl(fd, TIOCOUTQ, &n), ==, 0);
    return n;
}

/* The next @len bytes are @text. */
static void expect_bytes(int fd, const char *text, size_t len)
{
    g_autofree char *got = g_malloc(len);
    size_t n = 0;

    while (n < len) {
        struct pollfd pfd = { .fd = fd, .events = POLLIN };
        ssize_t ret;

        if (poll(&pfd, 1, PATIENCE_MS) <= 0) {
            g_error("%zu of %zu bytes have come", n, len);
        }
        ret = read(fd, got + n, len - n);
        g_assert_cmpint(ret, >, 0);
        n += ret;
    }
    for (size_t i = 0; i < len; i++) {
        if (got[i] != text[i]) {
            g_error("byte %zu of %zu: \"%.20s\", not \"%.20s\"", i, len,
                    got + i, text + i);
        }
    }
}

static void expect_nothing(const XenCon *con, int fd)
{
    xen_con_settle(con);
    g_assert_cmpuint(waiting(fd), ==, 0);
}

static void expect_file(const char *path, const char *text, size_t len)
{
    g_autofree char *content = NULL;
    gsize size;

    g_assert_true(g_file_get_contents(path, &content, &size, NULL));
    g_assert_cmpmem(content, size, text, len);
}

/* Fills everything up to the ring's last byte; how much of @text went in. */
static size_t fill(const XenCon *con, const char *text, size_t len)
{
    size_t done = 0, n;

    do {
        n = xen_con_put(con, text + done, len - done);
        if (!n) {
            xen_con_settle(con);
            n = xen_con_put(con, text + done, len - done);
        }
        done += n;
    } while (n);
    g_assert_cmpuint(done, <, len);
    g_assert_cmpuint(xen_con_unread(con), ==, XEN_CON_OUT_SIZE);
    return done;
}

static XenVm *start(const void *long_mode, const char *options)
{
    g_autofree char *all = g_strdup_printf("-nodefaults -m 20 %s", options);

    return xen_vm_start(1, GPOINTER_TO_INT(long_mode), all);
}

/* A VM with one console, whose reader is *@fd. */
static XenCon start_pair(const void *long_mode, int *fd)
{
    g_autofree char *chardev = pair_option("c", fd);
    g_autofree char *options = g_strdup_printf(
        "%s -device xen-console,chardev=c", chardev);
    XenVm *vm = start(long_mode, options);

    close_option_fd(chardev);
    return xen_con_primary(vm);
}

/* One whose readers connect to @path; @properties of xen-console. */
static XenCon start_server(const void *long_mode, const char *path,
                           const char *chardev, const char *properties)
{
    g_autofree char *options = g_strdup_printf(
        "-chardev socket,id=c,path=%s,server=on,wait=off%s "
        "-device xen-console,chardev=c%s", path, chardev, properties);

    return xen_con_primary(start(long_mode, options));
}

/* The guest has been notified since the last look. */
static void expect_notified(const XenCon *con)
{
    uint32_t port[4];

    g_assert_cmpuint(xen_handle(con->vm, 0, port, ARRAY_SIZE(port)), ==, 1);
    g_assert_cmpuint(port[0], ==, con->port);
}

/* ------------------------------------------------------------------ output */

/* A reader who does not read stops the guest, and QEMU keeps nothing. */
static void test_slow_reader(const void *long_mode)
{
    g_autofree char *text = xen_con_text(MUCH, 1);
    uint32_t ports[4];
    size_t len, got = 0;
    int fd;
    XenCon con = start_pair(long_mode, &fd);

    len = fill(&con, text, MUCH);
    g_assert_cmpuint(waiting(fd), ==, len - XEN_CON_OUT_SIZE);
    xen_handle(con.vm, 0, ports, ARRAY_SIZE(ports));
    while (got < len) {
        size_t n = MIN(5000, len - got);

        expect_bytes(fd, text + got, n);
        got += n;
    }
    /* All of it came without another event of the guest's. */
    expect_nothing(&con, fd);
    g_assert_cmpuint(xen_con_unread(&con), ==, 0);
    expect_notified(&con);
    close(fd);
    xen_vm_stop(con.vm);
}

/* In pieces of all sizes, around the ring's end many times */
static void test_pieces(const void *long_mode)
{
    g_autofree char *text = xen_con_text(64 << 10, 1);
    size_t done = 0;
    int fd;
    XenCon con = start_pair(long_mode, &fd);

    for (size_t n = 1; done < (64 << 10); n = n * 5 % 2039 + 1) {
        n = MIN(n, (64 << 10) - done);
        xen_con_write(&con, text + done, n);
        expect_bytes(fd, text + done, n);
        done += n;
    }
    expect_nothing(&con, fd);
    close(fd);
    xen_vm_stop(con.vm);
}

/* A guest without a reader goes on; the newest output waits for one. */
static void test_away(const void *long_mode)
{
    static const struct {
        const char *property;
        size_t limit;
    } cases[] = {
        { ",limit=5000", 5000 }, { ",limit=1", 1 }, { ",limit=0", 0 },
        { "", LIMIT_MAX },
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        size_t len = cases[i].limit + 20000;
        g_autofree char *text = xen_con_text(len, 1);
        g_autofree char *path = server_path();
        XenCon con = start_server(long_mode, path, "", cases[i].property);
        int fd;

        xen_con_write(&con, text, len);
        while (xen_con_unread(&con)) {
            g_usleep(LOOK_AGAIN_US);
        }
        fd = connect_to(path);
        expect_bytes(fd, text + len - cases[i].limit, cases[i].limit);
        xen_con_settle(&con);
        xen_con_write(&con, "now\n", 4);
        expect_bytes(fd, "now\n", 4);
        expect_nothing(&con, fd);
        close(fd);
        xen_vm_stop(con.vm);
        unlink(path);
    }
}

/* The guest's output from one reader to the next is the next one's. */
static void test_reconnect(const void *long_mode)
{
    g_autofree char *text = xen_con_text(9000, 1);
    g_autofree char *path = server_path();
    XenCon con = start_server(long_mode, path, "", "");

    for (unsigned i = 0; i < 4; i++) {
        int fd = connect_to(path);

        if (i) {
            expect_bytes(fd, text, 9000);
        }
        xen_con_write(&con, "hello\n", 6);
        expect_bytes(fd, "hello\n", 6);
        expect_nothing(&con, fd);
        close(fd);
        /* QEMU has seen it, and the monitor says so. */
        for (;;) {
            QDict *answer = qtest_qmp(con.vm->qts,
                                      "{ 'execute': 'query-chardev' }");
            g_autoptr(GString) json = qobject_to_json(QOBJECT(answer));
            bool away = strstr(json->str, "disconnected:");

            qobject_unref(answer);
            if (away) {
                break;
            }
            g_usleep(LOOK_AGAIN_US);
        }
        xen_con_write(&con, text, 9000);
    }
    xen_vm_stop(con.vm);
    unlink(path);
}

/* A log file has everything at once, so nothing is kept for a reader. */
static void test_logfile(const void *long_mode)
{
    g_autofree char *text = xen_con_text(9000, 1);
    g_autofree char *path = server_path();
    g_autofree char *log = g_strdup_printf("%s.log", path);
    g_autofree char *chardev = g_strdup_printf(",logfile=%s", log);
    XenCon con = start_server(long_mode, path, chardev, "");
    int fd;

    xen_con_write(&con, text, 9000);
    while (xen_con_unread(&con)) {
        g_usleep(LOOK_AGAIN_US);
    }
    expect_file(log, text, 9000);
    fd = connect_to(path);
    expect_nothing(&con, fd);
    xen_con_write(&con, "now\n", 4);
    expect_bytes(fd, "now\n", 4);
    close(fd);
    xen_vm_stop(con.vm);
    unlink(path);
    unlink(log);
}

/* The ring is empty, and QEMU does not hear that it no longer is. */
static void put_without_event(const XenCon *con, const char *text, size_t len)
{
    uint32_t prod = qtest_readl(con->vm->qts, XEN_CON_FIELD(con, out_prod));

    g_assert_cmpuint(xen_con_unread(con), ==, 0);
    for (size_t i = 0; i < len; i++) {
        qtest_writeb(con->vm->qts, XEN_CON_FIELD(con, out) +
                     (prod + i) % XEN_CON_OUT_SIZE, text[i]);
    }
    qtest_writel(con->vm->qts, XEN_CON_FIELD(con, out_prod), prod + len);
}

/* The last words of a guest are out when QEMU ends, event or not. */
static void test_exit(const void *long_mode)
{
    g_autofree char *text = xen_con_text(XEN_CON_OUT_SIZE, 1);
    int fd;
    XenCon con = start_pair(long_mode, &fd);

    put_without_event(&con, text, XEN_CON_OUT_SIZE);
    xen_vm_stop(con.vm);
    expect_bytes(fd, text, XEN_CON_OUT_SIZE);
    close(fd);
}

static char *read_node(XenStore *s, const char *path)
{
    XenStoreMessage answer;

    xen_store_request(s, XS_READ, 0,
                      (XenStoreBytes) { path, strlen(path) + 1 }, &answer);
    g_assert_cmpuint(answer.header.type, ==, XS_READ);
    return g_strdup(answer.payload);
}

/* The nodes of libxl; the terminal has what came before it was opened. */
static void test_pty(const void *long_mode)
{
    g_autofree char *text = xen_con_text(9000, 1);
    XenVm *vm = start(long_mode, "-chardev pty,id=c "
                      "-device xen-console,chardev=c,limit=7000");
    XenCon con = xen_con_primary(vm);
    XenStore s = xen_store_open(vm);
    g_autofree char *tty = read_node(&s, "console/tty");
    g_autofree char *limit = read_node(&s, "console/limit");
    g_autofree char *type = read_node(&s, "console/type");
    g_autofree char *output = read_node(&s, "console/output");
    g_autofree char *port = read_node(&s, "console/port");
    int fd;

    g_assert_cmpstr(limit, ==, "7000");
    g_assert_cmpstr(type, ==, "ioemu");
    g_assert_cmpstr(output, ==, "pty");
    g_assert_cmpint(atoi(port), ==, con.port);
    xen_con_write(&con, text, 9000);
    while (xen_con_unread(&con)) {
        g_usleep(LOOK_AGAIN_US);
    }
    fd = open(tty, O_RDWR | O_NOCTTY);
    g_assert_cmpint(fd, >=, 0);
    expect_bytes(fd, text + 2000, 7000);
    close(fd);
    xen_vm_stop(vm);
}

/* Another chardev takes over while the guest writes. */
static void test_chardev_change(const void *long_mode)
{
    g_autofree char *text = xen_con_text(9000, 1);
    g_autofree char *path = server_path();
    int fd;
    XenCon con = start_pair(long_mode, &fd);

    xen_con_write(&con, "before", 6);
    expect_bytes(fd, "before", 6);
    qtest_qmp_assert_success(con.vm->qts, "{ 'execute': 'chardev-change', "
        "'arguments': { 'id': 'c', 'backend': { 'type': 'file', "
        "'data': { 'out': %s } } } }", path);
    xen_con_write(&con, text, 9000);
    while (xen_con_unread(&con)) {
        g_usleep(LOOK_AGAIN_US);
    }
    expect_file(path, text, 9000);
    close(fd);
    xen_vm_stop(con.vm);
    unlink(path);
}

/* ------------------------------------------------------------------- input */

/* The guest's next @len bytes of input are @text. */
static void expect_input(const XenCon *con, const char *text, size_t len,
                         size_t piece)
{
    size_t done = 0;

    while (done < len) {
        g_autofree char *got = g_malloc(piece);
        size_t n = xen_con_get(con, got, MIN(piece, len - done));

        g_assert_cmpmem(got, n, text + done, n);
        done += n;
        if (!n) {
            g_usleep(LOOK_AGAIN_US);
        }
    }
}

/* What the guest has no room for waits, and nothing is lost. */
static void test_input(const void *long_mode)
{
    g_autofree char *text = xen_con_text(64 << 10, 1);
    uint32_t ports[4];
    int fd;
    XenCon con = start_pair(long_mode, &fd);

    xen_handle(con.vm, 0, ports, ARRAY_SIZE(ports));
    g_assert_cmpint(write(fd, text, 64 << 10), ==, 64 << 10);
    while (qtest_readl(con.vm->qts, XEN_CON_FIELD(&con, in_prod)) !=
           XEN_CON_IN_SIZE) {
        g_usleep(LOOK_AGAIN_US);
    }
    xen_con_settle(&con);
    g_assert_cmpuint(qtest_readl(con.vm->qts, XEN_CON_FIELD(&con, in_prod)),
                     ==, XEN_CON_IN_SIZE);
    expect_notified(&con);
    expect_input(&con, text, 64 << 10, 333);
    close(fd);
    xen_vm_stop(con.vm);
}

/* -------------------------------------------------------- several consoles */

static void test_second(const void *long_mode)
{
    g_autofree char *text = xen_con_text(20000, 1);
    g_autofree char *path = server_path();
    g_autofree char *options = g_strdup_printf(
        "-chardev null,id=c0 -device xen-console,chardev=c0 "
        "-chardev socket,id=c1,path=%s,server=on,wait=off "
        "-device xen-console,chardev=c1", path);
    XenVm *vm = start(long_mode, options);
    XenStore s = xen_store_open(vm);
    XenCon con;
    int fd;

    /* The toolstack's word, which is not the guest's to change */
    xen_store_expect(&s, XS_WRITE, 0,
                     XEN_STORE_BYTES("device/console/1/limit\0" "1"),
                     XEN_STORE_STRINGS("OK"));
    con = xen_con_connect(vm, &s, 1, 20);
    xen_con_write(&con, text, 20000);
    fd = connect_to(path);
    expect_bytes(fd, text, 20000);
    g_assert_cmpint(write(fd, text, 5000), ==, 5000);
    expect_input(&con, text, 5000, 5000);

    /* Last words of a front end that closes, and the first of the next. */
    put_without_event(&con, "last", 4);
    xen_con_set_state(&s, 1, XenbusStateClosing, XenbusStateClosing);
    xen_con_set_state(&s, 1, XenbusStateClosed, XenbusStateClosed);
    xen_con_set_state(&s, 1, XenbusStateInitialising, XenbusStateInitWait);
    con = xen_con_connect(vm, &s, 1, 21);
    xen_con_write(&con, "first", 5);
    expect_bytes(fd, "lastfirst", 9);
    close(fd);
    xen_vm_stop(vm);
    unlink(path);
}

/* The old front end's page is the new guest's: nobody touches it. */
static void test_second_reset(const void *long_mode)
{
    g_autofree char *text = xen_con_text(MUCH, 1);
    int fd;
    g_autofree char *chardev = pair_option("c1", &fd);
    g_autofree char *options = g_strdup_printf(
        "-chardev null,id=c0 -device xen-console,chardev=c0 "
        "%s -device xen-console,chardev=c1", chardev);
    XenVm *vm = start(long_mode, options);
    XenStore s = xen_store_open(vm);
    XenCon con;
    size_t len;
    uint32_t before[4], after[4];

    close_option_fd(chardev);
    con = xen_con_connect(vm, &s, 1, 20);
    len = fill(&con, text, MUCH);
    qtest_system_reset(vm->qts);
    qtest_memread(vm->qts, XEN_CON_FIELD(&con, in_cons), before, 16);
    g_assert_cmpint(write(fd, "input", 5), ==, 5);
    expect_bytes(fd, text, len);
    xen_con_settle(&con);
    qtest_memread(vm->qts, XEN_CON_FIELD(&con, in_cons), after, 16);
    g_assert_cmpmem(before, 16, after, 16);

    xen_vm_set_up(vm);
    s = xen_store_open(vm);
    xen_con_wait_state(&s, 1, XenbusStateInitWait);
    con = xen_con_connect(vm, &s, 1, 20);
    xen_con_write(&con, "new", 3);
    expect_bytes(fd, "new", 3);
    expect_input(&con, "input", 5, 5);
    close(fd);
    xen_vm_stop(vm);
}

/* One reader for two: a key changes who is typed to. */
static void test_mux(const void *long_mode)
{
    g_autofree char *text = xen_con_text(3000, 1);
    int fd;
    g_autofree char *chardev = pair_option("m", &fd);
    g_autofree char *options = g_strdup_printf(
        "%s,mux=on -device xen-console,chardev=m "
        "-device xen-console,chardev=m", chardev);
    XenVm *vm = start(long_mode, options);
    XenStore s = xen_store_open(vm);
    XenCon con[2] = { xen_con_primary(vm) };

    close_option_fd(chardev);
    con[1] = xen_con_connect(vm, &s, 1, 20);
    for (unsigned i = 0; i < 4; i++) {
        xen_con_write(&con[i & 1], text, 3000);
        expect_bytes(fd, text, 3000);
    }
    /* The console that came last is the one that is typed to. */
    for (unsigned i = 1; i < 5; i++) {
        /* The second time the multiplexer has the last bytes, and no more. */
        size_t len = i < 3 ? 3000 : XEN_CON_IN_SIZE + 20;

        g_assert_cmpint(write(fd, text, len), ==, len);
        while (len < 3000 && unsent(fd)) {
            g_usleep(LOOK_AGAIN_US);
        }
        expect_input(&con[i & 1], text, len, 700);
        g_assert_cmpint(write(fd, "\001c", 2), ==, 2);
    }
    close(fd);
    xen_vm_stop(vm);
}

/* The multiplexer does not say that its chardev has no client yet. */
static void test_mux_away(const void *long_mode)
{
    g_autofree char *text = xen_con_text(9000, 1);
    g_autofree char *path = server_path();
    XenCon con = start_server(long_mode, path, ",mux=on", "");
    int fd;

    xen_con_write(&con, text, 9000);
    while (xen_con_unread(&con)) {
        g_usleep(LOOK_AGAIN_US);
    }
    fd = connect_to(path);
    expect_bytes(fd, text, 9000);
    xen_con_settle(&con);
    xen_con_write(&con, "now\n", 4);
    expect_bytes(fd, "now\n", 4);
    expect_nothing(&con, fd);
    close(fd);
    xen_vm_stop(con.vm);
    unlink(path);
}

/* ------------------------------------------------------------ broken rings */

typedef struct Break {
    uint32_t out_cons, out_prod, in_cons, in_prod;
    bool valid;
} Break;

static const Break breaks[] = {
    { .out_cons = 5, .out_prod = 5 + 2048, .valid = true },
    { .out_cons = 5, .out_prod = 5 + 2049 },
    { .out_cons = 5, .out_prod = 4 },
    { .out_prod = 0x80000000 },
    { .out_prod = 0xffffffff },
    { .out_cons = 0xffffffff, .out_prod = 7, .valid = true },
    { .in_cons = 0xffffff00, .in_prod = 0x300, .valid = true },
    { .in_cons = 7, .in_prod = 7 + 1025 },
    { .in_cons = 8, .in_prod = 7 },
    { .in_cons = 0x80000000 },
};

static void write_indices(const XenCon *con, const Break *b)
{
    /* In the order of struct xencons_interface */
    uint32_t index[] = { b->in_cons, b->in_prod, b->out_cons, b->out_prod };

    qtest_memwrite(con->vm->qts, XEN_CON_FIELD(con, in_cons), index,
                   sizeof(index));
    xen_send(con->vm, con->port);
}

/* Nothing moves any more, either way. */
static void expect_lost(const XenCon *con, int fd)
{
    uint32_t before[4], after[4];

    xen_con_settle(con);
    g_assert_cmpint(write(fd, "x", 1), ==, 1);
    qtest_memread(con->vm->qts, XEN_CON_FIELD(con, in_cons), before, 16);
    xen_send(con->vm, con->port);
    expect_nothing(con, fd);
    qtest_memread(con->vm->qts, XEN_CON_FIELD(con, in_cons), after, 16);
    g_assert_cmpmem(before, 16, after, 16);
}

static void test_broken_primary(const void *long_mode)
{
    for (size_t i = 0; i < ARRAY_SIZE(breaks); i++) {
        const Break *b = &breaks[i];
        int fd;
        XenCon con = start_pair(long_mode, &fd);
        char out[XEN_CON_OUT_SIZE];

        xen_con_write(&con, "before", 6);
        expect_bytes(fd, "before", 6);
        write_indices(&con, b);
        if (b->valid) {
            qtest_memread(con.vm->qts, XEN_CON_FIELD(&con, out), out,
                          sizeof(out));
            for (uint32_t at = b->out_cons; at != b->out_prod; at++) {
                expect_bytes(fd, &out[at % sizeof(out)], 1);
            }
            expect_nothing(&con, fd);
        } else {
            expect_lost(&con, fd);
        }
        /* The next kernel has a console. */
        qtest_system_reset(con.vm->qts);
        xen_vm_set_up(con.vm);
        con = xen_con_primary(con.vm);
        xen_con_write(&con, "after", 5);
        expect_bytes(fd, "after", 5);
        close(fd);
        xen_vm_stop(con.vm);
    }
}

static unsigned count_lines(const char *path, const char *part)
{
    g_autofree char *content = NULL;
    unsigned nr = 0;

    g_assert_true(g_file_get_contents(path, &content, NULL, NULL));
    for (char *p = content; (p = strstr(p, part)); p++) {
        nr++;
    }
    return nr;
}

/* The device is lost, closes and can be had again; the log stays short. */
static void test_broken_second(const void *long_mode)
{
    static const uint32_t offers[][2] = {
        /* Entry of the grant table, port: neither is there */
        { 500, 1 }, { 0xffffffff, 0xffffffff },
    };
    int fd;
    g_autofree char *chardev = pair_option("c", &fd);
    g_autofree char *log = server_path();
    g_autofree char *options = g_strdup_printf(
        "%s -device xen-console,chardev=c,idx=1 2>%s", chardev, log);
    int64_t begin = g_get_monotonic_time();
    XenVm *vm = start(long_mode, options);
    XenStore s = xen_store_open(vm);
    unsigned lines;
    int64_t seconds;

    close_option_fd(chardev);
    for (size_t i = 0; i < 4 * ARRAY_SIZE(breaks); i++) {
        const Break *b = &breaks[i % ARRAY_SIZE(breaks)];
        XenCon con = xen_con_connect(vm, &s, 1, 20 + i);
        char input[XEN_CON_IN_SIZE];

        if (!b->valid) {
            write_indices(&con, b);
            xen_con_wait_state(&s, 1, XenbusStateClosing);
            expect_lost(&con, fd);
            /* More of the same does not connect it. */
            xen_con_set_state(&s, 1, XenbusStateInitialised,
                              XenbusStateClosing);
            xen_con_set_state(&s, 1, XenbusStateConnected, XenbusStateClosing);
        }
        xen_con_set_state(&s, 1, XenbusStateClosed, XenbusStateClosed);
        xen_con_set_state(&s, 1, XenbusStateInitialising, XenbusStateInitWait);
        con = xen_con_connect(vm, &s, 1, 20 + i);
        xen_con_write(&con, "after", 5);
        expect_bytes(fd, "after", 5);
        /* What was typed meanwhile */
        if (!b->valid) {
            expect_input(&con, "x", 1, 1);
        }
        g_assert_cmpuint(xen_con_get(&con, input, sizeof(input)), ==, 0);
        xen_con_set_state(&s, 1, XenbusStateClosed, XenbusStateClosed);
        xen_con_set_state(&s, 1, XenbusStateInitialising, XenbusStateInitWait);
    }
    for (size_t i = 0; i < 20; i++) {
        xen_con_offer(&s, 1, offers[i & 1][0], offers[i & 1][1]);
        xen_con_set_state(&s, 1, XenbusStateConnected, XenbusStateClosing);
        xen_con_set_state(&s, 1, XenbusStateClosed, XenbusStateClosed);
        xen_con_set_state(&s, 1, XenbusStateInitialising, XenbusStateInitWait);
    }
    close(fd);
    xen_vm_stop(vm);
    lines = count_lines(log, "xen-console 1:");
    seconds = (g_get_monotonic_time() - begin) / G_USEC_PER_SEC;
    g_assert_cmpuint(lines, >=, 1);
    g_assert_cmpuint(lines, <=, 1 + seconds / LOG_SECONDS);
    unlink(log);
}

/* ------------------------------------------------------------------- reset */

/* What old kernels said comes first, in order, whatever resets them. */
static void test_reset(const void *long_mode)
{
    g_autofree char *text = xen_con_text(MUCH, 1);
    uint32_t ports[4];
    size_t len;
    int fd;
    XenCon con = start_pair(long_mode, &fd);

    len = fill(&con, text, MUCH);
    for (unsigned i = 0; i < 4; i++) {
        if (i & 1) {
            qtest_system_reset(con.vm->qts);
        } else {
            g_assert_cmpint(XEN_PACKED_OP(con.vm, __HYPERVISOR_sched_op,
                                          SCHEDOP_shutdown, "w",
                                          SHUTDOWN_soft_reset), ==, 0);
        }
        xen_vm_set_up(con.vm);
        con = xen_con_primary(con.vm);
        g_assert_cmpuint(xen_con_unread(&con), ==, 0);
        g_assert_cmpuint(xen_con_put(&con, text + len, 1000 + i), ==,
                         1000 + i);
        len += 1000 + i;
    }
    expect_bytes(fd, text, len);
    expect_nothing(&con, fd);
    /* Events go both ways again. */
    xen_handle(con.vm, 0, ports, ARRAY_SIZE(ports));
    xen_con_write(&con, "new", 3);
    expect_bytes(fd, "new", 3);
    expect_nothing(&con, fd);
    expect_notified(&con);
    g_assert_cmpint(write(fd, "input", 5), ==, 5);
    expect_input(&con, "input", 5, 5);
    close(fd);
    xen_vm_stop(con.vm);
}

/* ---------------------------------------------------------- save and load */

static XenVm *load(XenVm *source, const char *path, const char *devices,
                   int *fd)
{
    g_autofree char *chardev = pair_option("c", fd);
    g_autofree char *options = g_strdup_printf(
        XEN_STATE_TARGET " %s %s", chardev, devices);
    XenVm *vm = xen_vm_start_target(source, NULL, options);

    close_option_fd(chardev);
    xen_state_load(vm, path);
    qtest_qmp_eventwait(vm->qts, "RESUME");
    return vm;
}

/* In the midst of output: no byte is missing, none comes twice. */
static void test_save(const void *long_mode)
{
    g_autofree char *text = xen_con_text(MUCH, 1);
    g_autofree char *state = NULL;
    size_t len;
    int fd, target_fd;
    XenCon con = start_pair(long_mode, &fd);
    XenCon target = con;

    len = fill(&con, text, MUCH - 4000);
    state = xen_state_save(con.vm);
    /* Here the reader reads on, and gets what was sent, and no more. */
    expect_bytes(fd, text, len - XEN_CON_OUT_SIZE);
    expect_nothing(&con, fd);

    target.vm = load(con.vm, state, "-device xen-console,chardev=c",
                     &target_fd);
    xen_vm_stop(con.vm);
    g_assert_cmpint(read(fd, text, 1), ==, 0);
    close(fd);

    expect_bytes(target_fd, text + len - XEN_CON_OUT_SIZE, XEN_CON_OUT_SIZE);
    xen_con_write(&target, text + len, 4000);
    expect_bytes(target_fd, text + len, 4000);
    expect_nothing(&target, target_fd);
    g_assert_cmpint(write(target_fd, text, 3000), ==, 3000);
    expect_input(&target, text, 3000, 500);

    /* The next kernel there */
    qtest_system_reset(target.vm->qts);
    xen_vm_set_up(target.vm);
    target = xen_con_primary(target.vm);
    xen_con_write(&target, "again", 5);
    expect_bytes(target_fd, "again", 5);
    close(target_fd);
    xen_vm_stop(target.vm);
    unlink(state);
}

/* The same with a ring that the guest has granted. */
static void test_save_second(const void *long_mode)
{
    static const char devices[] =
        "-chardev null,id=c0 -device xen-console,chardev=c0 "
        "-device xen-console,chardev=c";
    g_autofree char *text = xen_con_text(MUCH, 1);
    g_autofree char *state = NULL;
    int fd, target_fd;
    g_autofree char *chardev = pair_option("c", &fd);
    g_autofree char *options = g_strdup_printf("%s %s", chardev, devices);
    XenVm *vm = start(long_mode, options);
    XenStore s = xen_store_open(vm);
    XenCon con, target;
    size_t len;

    close_option_fd(chardev);
    con = target = xen_con_connect(vm, &s, 1, 20);
    len = fill(&con, text, MUCH - 4000);
    state = xen_state_save(vm);
    expect_bytes(fd, text, len - XEN_CON_OUT_SIZE);
    expect_nothing(&con, fd);

    target.vm = load(vm, state, devices, &target_fd);
    xen_vm_stop(vm);
    close(fd);
    expect_bytes(target_fd, text + len - XEN_CON_OUT_SIZE, XEN_CON_OUT_SIZE);
    xen_con_write(&target, text + len, 4000);
    expect_bytes(target_fd, text + len, 4000);
    g_assert_cmpint(write(target_fd, text, 3000), ==, 3000);
    expect_input(&target, text, 3000, 500);

    /* The front end closes there and connects again. */
    s.vm = target.vm;
    xen_con_set_state(&s, 1, XenbusStateClosed, XenbusStateClosed);
    xen_con_set_state(&s, 1, XenbusStateInitialising, XenbusStateInitWait);
    target = xen_con_connect(target.vm, &s, 1, 21);
    xen_con_write(&target, "again", 5);
    expect_bytes(target_fd, "again", 5);
    expect_nothing(&target, target_fd);
    close(target_fd);
    xen_vm_stop(target.vm);
    unlink(state);
}

/* What is kept for a reader moves along. */
static void test_save_backlog(const void *long_mode)
{
    g_autofree char *text = xen_con_text(9000, 1);
    g_autofree char *path = server_path();
    g_autofree char *state = NULL;
    int fd;
    XenCon con = start_server(long_mode, path, "", ",limit=5000");
    XenCon target = con;

    xen_con_write(&con, text, 9000);
    while (xen_con_unread(&con)) {
        g_usleep(LOOK_AGAIN_US);
    }
    state = xen_state_save(con.vm);
    target.vm = load(con.vm, state, "-device xen-console,chardev=c", &fd);
    xen_vm_stop(con.vm);
    expect_bytes(fd, text + 4000, 5000);
    xen_con_write(&target, "now", 3);
    expect_bytes(fd, "now", 3);
    expect_nothing(&target, fd);
    close(fd);
    xen_vm_stop(target.vm);
    unlink(state);
    unlink(path);
}

/* A snapshot has what was not delivered when it was made. */
static void test_snapshot(const void *long_mode)
{
    g_autofree char *text = xen_con_text(MUCH, 1);
    uint32_t ports[4];
    size_t len;
    int fd;
    XenCon con = start_pair(long_mode, &fd);
    XenSnapshot *snapshot;

    len = fill(&con, text, MUCH);
    snapshot = xen_snapshot_new(con.vm);
    /* The VM is stopped; what its guest had written comes out. */
    expect_bytes(fd, text, len);
    for (unsigned i = 0; i < 3; i++) {
        g_autofree char *words = NULL;

        qtest_qmp_assert_success(con.vm->qts, "{ 'execute': 'stop' }");
        words = xen_snapshot_load(snapshot);
        g_assert_null(words);
        expect_nothing(&con, fd);
        qtest_qmp_assert_success(con.vm->qts, "{ 'execute': 'cont' }");
        expect_bytes(fd, text + len - XEN_CON_OUT_SIZE, XEN_CON_OUT_SIZE);
        xen_handle(con.vm, 0, ports, ARRAY_SIZE(ports));
        xen_con_write(&con, "new", 3);
        expect_bytes(fd, "new", 3);
        expect_nothing(&con, fd);
        expect_notified(&con);
        g_assert_cmpint(write(fd, "input", 5), ==, 5);
        expect_input(&con, "input", 5, 5);
    }
    xen_snapshot_free(snapshot);
    close(fd);
    xen_vm_stop(con.vm);
}

/* A stream whose backlog is longer than any can be. */
static void test_save_bad(const void *long_mode)
{
    g_autofree char *path = server_path();
    XenCon con = start_server(long_mode, path, "", "");
    XenSnapshot *snapshot;
    XenStateSection *section;
    const XenStateField *field;
    uint8_t length[4] = { 0, 0x10, 0, 1 };
    g_autofree char *words = NULL, *good = NULL;

    xen_con_write(&con, "text", 4);
    while (xen_con_unread(&con)) {
        g_usleep(LOOK_AGAIN_US);
    }
    snapshot = xen_snapshot_new(con.vm);
    section = xen_state_section(snapshot->path,
                                "/local/domain/0/backend/console/1/0/"
                                "xen-console", 0, NULL);
    field = xen_state_field(section, "xen-console/backlog.saved_len");
    g_assert_cmpuint(field->size, ==, 4);
    good = xen_snapshot_load(snapshot);
    g_assert_null(good);
    g_assert_cmpint(pwrite(snapshot->fd, length, 4, field->at), ==, 4);
    words = xen_snapshot_load(snapshot);
    g_assert_nonnull(words);
    g_assert_nonnull(strstr(words, "has a backlog of"));
    xen_state_section_free(section);
    xen_snapshot_free(snapshot);
    xen_vm_stop(con.vm);
    unlink(path);
}

/* ----------------------------------------------------------------- options */

static void test_options(void)
{
    static const struct {
        const char *options, *words;
    } refused[] = {
        { "-device xen-console", "no backing character device" },
        { "-device xen-console,chardev=c,limit=1048577", "limit=1048577" },
        { "-device xen-console,chardev=c,idx=-2", "idx=-2" },
        { "-device xen-console,chardev=c,idx=3 "
          "-device xen-console,chardev=d,idx=3", "idx=3" },
        { "-device xen-console,chardev=c "
          "-device xen-console,chardev=d,idx=0", "idx=0" },
    };

    for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
        g_autofree char *line = g_strdup_printf(
            "echo quit | %s -nodefaults -display none -S -monitor stdio "
            XEN_VM_ACCEL " -chardev null,id=c -chardev null,id=d %s 2>&1",
            getenv("QTEST_QEMU_BINARY"), refused[i].options);
        char *argv[] = { (char *)"/bin/sh", (char *)"-c", line, NULL };
        g_autofree char *words = NULL;
        int status;

        g_assert_true(g_spawn_sync(NULL, argv, NULL, 0, NULL, NULL, &words,
                                   NULL, &status, NULL));
        if (!strstr(words, refused[i].words)) {
            g_error("\"%s\" is not in \"%s\"", refused[i].words, words);
        }
        g_assert_cmpint(WEXITSTATUS(status), ==, 1);
    }
}

/* The primary one is there from the start; others come and go. */
static void test_hotplug(const void *long_mode)
{
    g_autofree char *path = server_path();
    g_autofree char *options = g_strdup_printf(
        "-chardev socket,id=c,path=%s,server=on,wait=off", path);
    XenVm *vm = start(long_mode, options);

    for (unsigned i = 0; i < 3; i++) {
        QDict *answer = qtest_qmp(vm->qts, "{ 'execute': 'device_add', "
            "'arguments': { 'driver': 'xen-console', 'chardev': 'c', "
            "'idx': 0 } }");
        XenStore s = xen_store_open(vm);
        XenCon con;
        int fd;

        g_assert_true(qdict_haskey(answer, "error"));
        qobject_unref(answer);
        qtest_qmp_assert_success(vm->qts, "{ 'execute': 'device_add', "
            "'arguments': { 'driver': 'xen-console', 'chardev': 'c', "
            "'id': 'con' } }");
        con = xen_con_connect(vm, &s, 1, 20 + i);
        fd = connect_to(path);
        xen_con_write(&con, "plugged", 7);
        expect_bytes(fd, "plugged", 7);
        qtest_qmp_assert_success(vm->qts, "{ 'execute': 'device_del', "
                                 "'arguments': { 'id': 'con' } }");
        xen_con_wait_state(&s, 1, XenbusStateClosing);
        xen_con_write(&con, "bye", 3);
        expect_bytes(fd, "bye", 3);
        xen_store_expect(&s, XS_WRITE, 0,
                         XEN_STORE_BYTES("device/console/1/state\0" "6"),
                         XEN_STORE_STRINGS("OK"));
        qtest_qmp_eventwait(vm->qts, "DEVICE_DELETED");
        close(fd);
    }
    xen_vm_stop(vm);
    unlink(path);
}

int main(int argc, char **argv)
{
    static const XenTest tests[] = {
        { "output/slow-reader", test_slow_reader },
        { "output/pieces", test_pieces },
        { "output/no-reader", test_away },
        { "output/reconnect", test_reconnect },
        { "output/logfile", test_logfile },
        { "output/exit", test_exit },
        { "output/pty", test_pty },
        { "output/chardev-change", test_chardev_change },
        { "input/flow", test_input },
        { "second/connect", test_second },
        { "second/reset", test_second_reset },
        { "second/broken", test_broken_second },
        { "second/save", test_save_second },
        { "second/hotplug", test_hotplug },
        { "mux/two", test_mux },
        { "mux/no-reader", test_mux_away },
        { "primary/broken", test_broken_primary },
        { "primary/reset", test_reset },
        { "primary/save", test_save },
        { "primary/snapshot", test_snapshot },
        { "primary/save-backlog", test_save_backlog },
        { "primary/save-invalid", test_save_bad },
    };

    g_test_init(&argc, &argv, NULL);
    xen_add_tests("console", tests, ARRAY_SIZE(tests));
    qtest_add_func("xen/console/options", test_options);
    return g_test_run();
}
