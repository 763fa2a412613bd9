/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PV console: slow, missing and new readers; input; multiplexers
 */
#include "qemu/osdep.h"
#include "qobject/qdict.h"
#include "qobject/qjson.h"
#include "libxen-con-reader.h"

#include "hw/xen/interface/io/xenbus.h"

/* As in hw/xen/pv/console/console.h */
#define LIMIT_MAX       (1u << 20)

/* ------------------------------------------------------------------ output */

/* If the reader does not read, the guest blocks, and QEMU buffers nothing. */
static void test_slow_reader(const void *long_mode)
{
    g_autofree char *text = xen_con_text(XEN_CON_MUCH, 1);
    uint32_t ports[4];
    size_t len, got = 0;
    int fd;
    XenCon con = xen_con_start_pair(long_mode, &fd);

    len = xen_con_fill(&con, text, XEN_CON_MUCH);
    g_assert_cmpuint(xen_con_waiting(fd), ==, len - XEN_CON_OUT_SIZE);
    xen_handle(con.vm, 0, ports, ARRAY_SIZE(ports));
    while (got < len) {
        size_t n = MIN(5000, len - got);

        xen_con_expect_bytes(fd, text + got, n);
        got += n;
    }
    /* All of it arrived without another event of the guest. */
    xen_con_expect_nothing(&con, fd);
    g_assert_cmpuint(xen_con_unread(&con), ==, 0);
    xen_con_expect_notified(&con);
    close(fd);
    xen_vm_stop(con.vm);
}

/* Pieces of all sizes, wrapping around the ring many times */
static void test_pieces(const void *long_mode)
{
    g_autofree char *text = xen_con_text(64 << 10, 1);
    size_t done = 0;
    int fd;
    XenCon con = xen_con_start_pair(long_mode, &fd);

    for (size_t n = 1; done < (64 << 10); n = n * 5 % 2039 + 1) {
        n = MIN(n, (64 << 10) - done);
        xen_con_expect_output(&con, fd, text + done, n);
        done += n;
    }
    xen_con_expect_nothing(&con, fd);
    close(fd);
    xen_vm_stop(con.vm);
}

/* Without a reader the guest does not block; the newest output is kept. */
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
        g_autofree char *path = xen_con_server_path();
        XenCon con = xen_con_start_server(long_mode, path, "",
                                          cases[i].property);
        int fd;

        xen_con_write(&con, text, len);
        xen_con_wait_read(&con);
        fd = xen_con_connect_to(path);
        xen_con_expect_bytes(fd, text + len - cases[i].limit, cases[i].limit);
        xen_con_settle(&con);
        xen_con_expect_output(&con, fd, "now\n", 4);
        xen_con_expect_nothing(&con, fd);
        close(fd);
        xen_vm_stop(con.vm);
        unlink(path);
    }
}

/* Output between two readers goes to the second one. */
static void test_reconnect(const void *long_mode)
{
    g_autofree char *text = xen_con_text(9000, 1);
    g_autofree char *path = xen_con_server_path();
    XenCon con = xen_con_start_server(long_mode, path, "", "");

    for (unsigned i = 0; i < 4; i++) {
        int fd = xen_con_connect_to(path);

        if (i) {
            xen_con_expect_bytes(fd, text, 9000);
        }
        xen_con_expect_output(&con, fd, "hello\n", 6);
        xen_con_expect_nothing(&con, fd);
        close(fd);
        /* Wait until QEMU has noticed it, as reported by the monitor. */
        for (;;) {
            QDict *answer = qtest_qmp(con.vm->qts,
                                      "{ 'execute': 'query-chardev' }");
            g_autoptr(GString) json = qobject_to_json(QOBJECT(answer));
            bool away = strstr(json->str, "disconnected:");

            qobject_unref(answer);
            if (away) {
                break;
            }
            g_usleep(XEN_CON_LOOK_AGAIN_US);
        }
        xen_con_write(&con, text, 9000);
    }
    xen_vm_stop(con.vm);
    unlink(path);
}

/* With a log file no output is kept for a reader. */
static void test_logfile(const void *long_mode)
{
    g_autofree char *text = xen_con_text(9000, 1);
    g_autofree char *path = xen_con_server_path();
    g_autofree char *log = g_strdup_printf("%s.log", path);
    g_autofree char *chardev = g_strdup_printf(",logfile=%s", log);
    XenCon con = xen_con_start_server(long_mode, path, chardev, "");
    int fd;

    xen_con_write(&con, text, 9000);
    xen_con_wait_read(&con);
    xen_con_expect_file(log, text, 9000);
    fd = xen_con_connect_to(path);
    xen_con_expect_nothing(&con, fd);
    xen_con_expect_output(&con, fd, "now\n", 4);
    close(fd);
    xen_vm_stop(con.vm);
    unlink(path);
    unlink(log);
}

/* Output is flushed when QEMU exits, with or without an event. */
static void test_exit(const void *long_mode)
{
    g_autofree char *text = xen_con_text(XEN_CON_OUT_SIZE, 1);
    int fd;
    XenCon con = xen_con_start_pair(long_mode, &fd);

    xen_con_put_without_event(&con, text, XEN_CON_OUT_SIZE);
    xen_vm_stop(con.vm);
    xen_con_expect_bytes(fd, text, XEN_CON_OUT_SIZE);
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

/* The nodes are libxl's; output from before the pty was opened is kept. */
static void test_pty(const void *long_mode)
{
    g_autofree char *text = xen_con_text(9000, 1);
    XenVm *vm = xen_con_start(long_mode, "-chardev pty,id=c "
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
    xen_con_wait_read(&con);
    fd = open(tty, O_RDWR | O_NOCTTY);
    g_assert_cmpint(fd, >=, 0);
    xen_con_expect_bytes(fd, text + 2000, 7000);
    close(fd);
    xen_vm_stop(vm);
}

/* The chardev is replaced while the guest writes. */
static void test_chardev_change(const void *long_mode)
{
    g_autofree char *text = xen_con_text(9000, 1);
    g_autofree char *path = xen_con_server_path();
    int fd;
    XenCon con = xen_con_start_pair(long_mode, &fd);

    xen_con_expect_output(&con, fd, "before", 6);
    qtest_qmp_assert_success(con.vm->qts, "{ 'execute': 'chardev-change', "
        "'arguments': { 'id': 'c', 'backend': { 'type': 'file', "
        "'data': { 'out': %s } } } }", path);
    xen_con_write(&con, text, 9000);
    xen_con_wait_read(&con);
    xen_con_expect_file(path, text, 9000);
    close(fd);
    xen_vm_stop(con.vm);
    unlink(path);
}

/* ------------------------------------------------------------------- input */

/* Input waits for room in the ring, and none is lost. */
static void test_input(const void *long_mode)
{
    g_autofree char *text = xen_con_text(64 << 10, 1);
    uint32_t ports[4];
    int fd;
    XenCon con = xen_con_start_pair(long_mode, &fd);

    xen_handle(con.vm, 0, ports, ARRAY_SIZE(ports));
    g_assert_cmpint(write(fd, text, 64 << 10), ==, 64 << 10);
    while (qtest_readl(con.vm->qts, XEN_CON_FIELD(&con, in_prod)) !=
           XEN_CON_IN_SIZE) {
        g_usleep(XEN_CON_LOOK_AGAIN_US);
    }
    xen_con_settle(&con);
    g_assert_cmpuint(qtest_readl(con.vm->qts, XEN_CON_FIELD(&con, in_prod)),
                     ==, XEN_CON_IN_SIZE);
    xen_con_expect_notified(&con);
    xen_con_expect_input(&con, text, 64 << 10, 333);
    close(fd);
    xen_vm_stop(con.vm);
}

/* ------------------------------------------------------------ multiplexers */

/* Two consoles with one reader: a key selects the one that gets input. */
static void test_mux(const void *long_mode)
{
    g_autofree char *text = xen_con_text(3000, 1);
    int fd;
    g_autofree char *chardev = xen_con_pair_option("m", &fd);
    g_autofree char *options = g_strdup_printf(
        "%s,mux=on -device xen-console,chardev=m "
        "-device xen-console,chardev=m", chardev);
    XenVm *vm = xen_con_start(long_mode, options);
    XenStore s = xen_store_open(vm);
    XenCon con[2] = { xen_con_primary(vm) };

    xen_con_close_option_fd(chardev);
    con[1] = xen_con_connect(vm, &s, 1, 20);
    for (unsigned i = 0; i < 4; i++) {
        xen_con_expect_output(&con[i & 1], fd, text, 3000);
    }
    /* The console added last gets the input. */
    for (unsigned i = 1; i < 5; i++) {
        /* The second time the multiplexer only has the last bytes. */
        size_t len = i < 3 ? 3000 : XEN_CON_IN_SIZE + 20;

        g_assert_cmpint(write(fd, text, len), ==, len);
        while (len < 3000 && xen_con_unsent(fd)) {
            g_usleep(XEN_CON_LOOK_AGAIN_US);
        }
        xen_con_expect_input(&con[i & 1], text, len, 700);
        g_assert_cmpint(write(fd, "\001c", 2), ==, 2);
    }
    close(fd);
    xen_vm_stop(vm);
}

/* The multiplexer does not report that its chardev has no client yet. */
static void test_mux_away(const void *long_mode)
{
    g_autofree char *text = xen_con_text(9000, 1);
    g_autofree char *path = xen_con_server_path();
    XenCon con = xen_con_start_server(long_mode, path, ",mux=on", "");
    int fd;

    xen_con_write(&con, text, 9000);
    xen_con_wait_read(&con);
    fd = xen_con_connect_to(path);
    xen_con_expect_bytes(fd, text, 9000);
    xen_con_settle(&con);
    xen_con_expect_output(&con, fd, "now\n", 4);
    xen_con_expect_nothing(&con, fd);
    close(fd);
    xen_vm_stop(con.vm);
    unlink(path);
}

/* A guest cannot let go of its primary console, so nobody can take it away. */
static void test_primary_stays(const void *long_mode)
{
    XenVm *vm = xen_con_start(long_mode, "-chardev null,id=c "
                              "-device xen-console,chardev=c,id=con");

    for (unsigned i = 0; i < 2; i++) {
        QDict *answer = qtest_qmp(vm->qts, "{ 'execute': 'device_del', "
                                  "'arguments': { 'id': 'con' } }");
        const QDict *error = qdict_get_qdict(answer, "error");

        g_assert_nonnull(error);
        g_assert_nonnull(strstr(qdict_get_str(error, "desc"),
                                "primary console"));
        qobject_unref(answer);
        qtest_system_reset(vm->qts);
        xen_vm_set_up(vm);
    }
    xen_vm_stop(vm);
}

/* A port that is none: QEMU logs which. */
static void test_bad_port(const void *long_mode)
{
    g_autofree char *log = xen_con_server_path(), *text = NULL;
    g_autofree char *options = g_strdup_printf(
        "-chardev null,id=c -device xen-console,chardev=c,idx=1 2>%s", log);
    XenVm *vm = xen_con_start(long_mode, options);
    XenStore s = xen_store_open(vm);

    xen_con_connect(vm, &s, 1, 20);
    xen_con_set_state(&s, 1, XenbusStateClosed, XenbusStateClosed);
    xen_con_set_state(&s, 1, XenbusStateInitialising, XenbusStateInitWait);
    xen_con_offer(&s, 1, 20, 4000);
    xen_con_set_state(&s, 1, XenbusStateConnected, XenbusStateClosing);
    xen_vm_stop(vm);
    g_assert_true(g_file_get_contents(log, &text, NULL, NULL));
    g_assert_nonnull(strstr(text, "xen-console 1: port 4000: "));
    unlink(log);
}

int main(int argc, char **argv)
{
    static const XenTest tests[] = {
        { "primary/stays", test_primary_stays },
        { "bad-port", test_bad_port },
        { "output/slow-reader", test_slow_reader },
        { "output/pieces", test_pieces },
        { "output/no-reader", test_away },
        { "output/reconnect", test_reconnect },
        { "output/logfile", test_logfile },
        { "output/exit", test_exit },
        { "output/pty", test_pty },
        { "output/chardev-change", test_chardev_change },
        { "input/flow", test_input },
        { "mux/two", test_mux },
        { "mux/no-reader", test_mux_away },
    };

    g_test_init(&argc, &argv, NULL);
    xen_add_tests("console", tests, ARRAY_SIZE(tests));
    return g_test_run();
}
