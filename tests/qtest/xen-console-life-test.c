/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PV console: several consoles, invalid rings, reset, save and load, options
 */
#include "qemu/osdep.h"
#include "qobject/qdict.h"
#include "libxen-con-reader.h"
#include "libxen-state.h"

#include "hw/xen/interface/io/xenbus.h"
#include "hw/xen/interface/sched.h"

/* As in hw/xen/pv/console/console.h */
#define LOG_SECONDS     10

/* -------------------------------------------------------- several consoles */

static void test_second(const void *long_mode)
{
    g_autofree char *text = xen_con_text(20000, 1);
    g_autofree char *path = xen_con_server_path();
    g_autofree char *options = g_strdup_printf(
        "-chardev null,id=c0 -device xen-console,chardev=c0 "
        "-chardev socket,id=c1,path=%s,server=on,wait=off "
        "-device xen-console,chardev=c1", path);
    XenVm *vm = xen_con_start(long_mode, options);
    XenStore s = xen_store_open(vm);
    XenCon con;
    int fd;

    /* Written by the toolstack; the guest cannot change it */
    xen_store_expect(&s, XS_WRITE, 0,
                     XEN_STORE_BYTES("device/console/1/limit\0" "1"),
                     XEN_STORE_STRINGS("OK"));
    con = xen_con_connect(vm, &s, 1, 20);
    xen_con_write(&con, text, 20000);
    fd = xen_con_connect_to(path);
    xen_con_expect_bytes(fd, text, 20000);
    g_assert_cmpint(write(fd, text, 5000), ==, 5000);
    xen_con_expect_input(&con, text, 5000, 5000);

    /*
     * Output written just before the close is delivered, before the next one.
     */
    xen_con_put_without_event(&con, "last", 4);
    xen_con_set_state(&s, 1, XenbusStateClosing, XenbusStateClosing);
    xen_con_set_state(&s, 1, XenbusStateClosed, XenbusStateClosed);
    xen_con_set_state(&s, 1, XenbusStateInitialising, XenbusStateInitWait);
    con = xen_con_connect(vm, &s, 1, 21);
    xen_con_write(&con, "first", 5);
    xen_con_expect_bytes(fd, "lastfirst", 9);

    /* The same without a close. */
    xen_con_put_without_event(&con, "end", 3);
    xen_con_set_state(&s, 1, XenbusStateInitialising, XenbusStateInitWait);
    con = xen_con_connect(vm, &s, 1, 22);
    xen_con_write(&con, "begin", 5);
    xen_con_expect_bytes(fd, "endbegin", 8);
    close(fd);
    xen_vm_stop(vm);
    unlink(path);
}

/* After a reset the old ring is the new guest's memory: it is not accessed. */
static void test_second_reset(const void *long_mode)
{
    g_autofree char *text = xen_con_text(XEN_CON_MUCH, 1);
    int fd;
    g_autofree char *chardev = xen_con_pair_option("c1", &fd);
    g_autofree char *options = g_strdup_printf(
        "-chardev null,id=c0 -device xen-console,chardev=c0 "
        "%s -device xen-console,chardev=c1", chardev);
    XenVm *vm = xen_con_start(long_mode, options);
    XenStore s = xen_store_open(vm);
    XenCon con;
    size_t len;
    uint32_t before[4], after[4];

    xen_con_close_option_fd(chardev);
    con = xen_con_connect(vm, &s, 1, 20);
    len = xen_con_fill(&con, text, XEN_CON_MUCH);
    qtest_system_reset(vm->qts);
    qtest_memread(vm->qts, XEN_CON_FIELD(&con, in_cons), before, 16);
    g_assert_cmpint(write(fd, "input", 5), ==, 5);
    xen_con_expect_bytes(fd, text, len);
    xen_con_settle(&con);
    qtest_memread(vm->qts, XEN_CON_FIELD(&con, in_cons), after, 16);
    g_assert_cmpmem(before, 16, after, 16);

    xen_vm_set_up(vm);
    s = xen_store_open(vm);
    xen_con_wait_state(&s, 1, XenbusStateInitWait);
    con = xen_con_connect(vm, &s, 1, 20);
    xen_con_expect_output(&con, fd, "new", 3);
    xen_con_expect_input(&con, "input", 5, 5);
    close(fd);
    xen_vm_stop(vm);
}

/* ---------------------------------------------------------- invalid rings */

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

/* Nothing is transferred any more, in either direction. */
static void expect_lost(const XenCon *con, int fd)
{
    uint32_t before[4], after[4];

    xen_con_settle(con);
    g_assert_cmpint(write(fd, "x", 1), ==, 1);
    qtest_memread(con->vm->qts, XEN_CON_FIELD(con, in_cons), before, 16);
    xen_send(con->vm, con->port);
    xen_con_expect_nothing(con, fd);
    qtest_memread(con->vm->qts, XEN_CON_FIELD(con, in_cons), after, 16);
    g_assert_cmpmem(before, 16, after, 16);
}

static void test_broken_primary(const void *long_mode)
{
    for (size_t i = 0; i < ARRAY_SIZE(breaks); i++) {
        const Break *b = &breaks[i];
        int fd;
        XenCon con = xen_con_start_pair(long_mode, &fd);
        char out[XEN_CON_OUT_SIZE];

        xen_con_expect_output(&con, fd, "before", 6);
        write_indices(&con, b);
        if (b->valid) {
            qtest_memread(con.vm->qts, XEN_CON_FIELD(&con, out), out,
                          sizeof(out));
            for (uint32_t at = b->out_cons; at != b->out_prod; at++) {
                xen_con_expect_bytes(fd, &out[at % sizeof(out)], 1);
            }
            xen_con_expect_nothing(&con, fd);
        } else {
            expect_lost(&con, fd);
        }
        /* After a reset it works again. */
        qtest_system_reset(con.vm->qts);
        xen_vm_set_up(con.vm);
        con = xen_con_primary(con.vm);
        xen_con_expect_output(&con, fd, "after", 5);
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

/* The device closes and can be connected again; few log messages. */
static void test_broken_second(const void *long_mode)
{
    static const uint32_t offers[][2] = {
        /* Invalid grant reference and port */
        { 500, 1 }, { 0xffffffff, 0xffffffff },
    };
    int fd;
    g_autofree char *chardev = xen_con_pair_option("c", &fd);
    g_autofree char *log = xen_con_server_path();
    g_autofree char *options = g_strdup_printf(
        "%s -device xen-console,chardev=c,idx=1 2>%s", chardev, log);
    int64_t begin = g_get_monotonic_time();
    XenVm *vm = xen_con_start(long_mode, options);
    XenStore s = xen_store_open(vm);
    unsigned lines;
    int64_t seconds;

    xen_con_close_option_fd(chardev);
    for (size_t i = 0; i < 4 * ARRAY_SIZE(breaks); i++) {
        const Break *b = &breaks[i % ARRAY_SIZE(breaks)];
        XenCon con = xen_con_connect(vm, &s, 1, 20 + i);
        char input[XEN_CON_IN_SIZE];

        if (!b->valid) {
            write_indices(&con, b);
            xen_con_wait_state(&s, 1, XenbusStateClosing);
            expect_lost(&con, fd);
            /* This state does not connect it. */
            xen_con_set_state(&s, 1, XenbusStateInitialised,
                              XenbusStateClosing);
            xen_con_set_state(&s, 1, XenbusStateConnected, XenbusStateClosing);
        }
        xen_con_set_state(&s, 1, XenbusStateClosed, XenbusStateClosed);
        xen_con_set_state(&s, 1, XenbusStateInitialising, XenbusStateInitWait);
        con = xen_con_connect(vm, &s, 1, 20 + i);
        xen_con_expect_output(&con, fd, "after", 5);
        /* Input from the time in between */
        if (!b->valid) {
            xen_con_expect_input(&con, "x", 1, 1);
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

/* Output and input arrive, and the guest is notified. */
static void check_both_ways(const XenCon *con, int fd)
{
    uint32_t ports[4];

    xen_handle(con->vm, 0, ports, ARRAY_SIZE(ports));
    xen_con_expect_output(con, fd, "new", 3);
    xen_con_expect_nothing(con, fd);
    xen_con_expect_notified(con);
    g_assert_cmpint(write(fd, "input", 5), ==, 5);
    xen_con_expect_input(con, "input", 5, 5);
}

/* Output of the old kernels is delivered first, in order, with both resets. */
static void test_reset(const void *long_mode)
{
    g_autofree char *text = xen_con_text(XEN_CON_MUCH, 1);
    size_t len;
    int fd;
    XenCon con = xen_con_start_pair(long_mode, &fd);

    len = xen_con_fill(&con, text, XEN_CON_MUCH);
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
    xen_con_expect_bytes(fd, text, len);
    xen_con_expect_nothing(&con, fd);
    check_both_ways(&con, fd);
    close(fd);
    xen_vm_stop(con.vm);
}

/* ---------------------------------------------------------- save and load */

static XenVm *load(XenVm *source, const char *path, const char *devices,
                   int *fd)
{
    g_autofree char *chardev = xen_con_pair_option("c", fd);
    g_autofree char *options = g_strdup_printf(
        XEN_STATE_TARGET " %s %s", chardev, devices);
    XenVm *vm = xen_vm_start_target(source, NULL, options);

    xen_con_close_option_fd(chardev);
    xen_state_load(vm, path);
    qtest_qmp_eventwait(vm->qts, "RESUME");
    return vm;
}

/*
 * Saves @con during output and moves it to another QEMU: no byte is lost or
 * duplicated.  @devices: of the target; @fd: the reader, before and after.
 */
static XenCon move_during_output(const XenCon *con, const char *devices,
                                 int *fd)
{
    g_autofree char *text = xen_con_text(XEN_CON_MUCH, 1);
    size_t len = xen_con_fill(con, text, XEN_CON_MUCH - 4000);
    g_autofree char *state = xen_state_save(con->vm);
    XenCon target = *con;
    int source_fd = *fd;

    /* The source's reader gets what was sent before the save, and no more. */
    xen_con_expect_bytes(source_fd, text, len - XEN_CON_OUT_SIZE);
    xen_con_expect_nothing(con, source_fd);

    target.vm = load(con->vm, state, devices, fd);
    xen_vm_stop(con->vm);
    g_assert_cmpint(read(source_fd, text, 1), ==, 0);
    close(source_fd);
    unlink(state);

    xen_con_expect_bytes(*fd, text + len - XEN_CON_OUT_SIZE, XEN_CON_OUT_SIZE);
    xen_con_expect_output(&target, *fd, text + len, 4000);
    xen_con_expect_nothing(&target, *fd);
    g_assert_cmpint(write(*fd, text, 3000), ==, 3000);
    xen_con_expect_input(&target, text, 3000, 500);
    return target;
}

static void test_save(const void *long_mode)
{
    int fd;
    XenCon con = xen_con_start_pair(long_mode, &fd);

    con = move_during_output(&con, "-device xen-console,chardev=c", &fd);
    /* After a reset */
    qtest_system_reset(con.vm->qts);
    xen_vm_set_up(con.vm);
    con = xen_con_primary(con.vm);
    xen_con_expect_output(&con, fd, "again", 5);
    close(fd);
    xen_vm_stop(con.vm);
}

/* The same with a granted ring. */
static void test_save_second(const void *long_mode)
{
    static const char devices[] =
        "-chardev null,id=c0 -device xen-console,chardev=c0 "
        "-device xen-console,chardev=c";
    int fd;
    g_autofree char *chardev = xen_con_pair_option("c", &fd);
    g_autofree char *options = g_strdup_printf("%s %s", chardev, devices);
    XenVm *vm = xen_con_start(long_mode, options);
    XenStore s = xen_store_open(vm);
    XenCon con;

    xen_con_close_option_fd(chardev);
    con = xen_con_connect(vm, &s, 1, 20);
    con = move_during_output(&con, devices, &fd);
    /* The front end closes and connects again. */
    s.vm = con.vm;
    xen_con_set_state(&s, 1, XenbusStateClosed, XenbusStateClosed);
    xen_con_set_state(&s, 1, XenbusStateInitialising, XenbusStateInitWait);
    con = xen_con_connect(con.vm, &s, 1, 21);
    xen_con_expect_output(&con, fd, "again", 5);
    xen_con_expect_nothing(&con, fd);
    close(fd);
    xen_vm_stop(con.vm);
}

/* It is asked to go, and has not heard of it: it works until it closes. */
static void test_save_asked(const void *long_mode)
{
    static const char devices[] =
        "-chardev null,id=c0 -device xen-console,chardev=c0 "
        "-device xen-console,chardev=c,id=con";
    int fd;
    g_autofree char *chardev = xen_con_pair_option("c", &fd);
    g_autofree char *options = g_strdup_printf("%s %s", chardev, devices);
    XenVm *vm = xen_con_start(long_mode, options);
    XenStore s = xen_store_open(vm);
    XenCon con;

    xen_con_close_option_fd(chardev);
    con = xen_con_connect(vm, &s, 1, 20);
    qtest_qmp_assert_success(vm->qts, "{ 'execute': 'device_del', "
                             "'arguments': { 'id': 'con' } }");
    con = move_during_output(&con, devices, &fd);
    s.vm = con.vm;
    xen_store_expect(&s, XS_READ, 0, XEN_STORE_STRINGS(
                         "/local/domain/0/backend/console/1/1/state"),
                     XEN_STORE_BYTES("5"));
    xen_con_expect_output(&con, fd, "bye", 3);
    xen_store_expect(&s, XS_WRITE, 0,
                     XEN_STORE_BYTES("device/console/1/state\0" "6"),
                     XEN_STORE_STRINGS("OK"));
    qtest_qmp_eventwait(con.vm->qts, "DEVICE_DELETED");
    close(fd);
    xen_vm_stop(con.vm);
}

/* Output that is kept for a reader is migrated. */
static void test_save_backlog(const void *long_mode)
{
    g_autofree char *text = xen_con_text(9000, 1);
    g_autofree char *path = xen_con_server_path();
    g_autofree char *state = NULL;
    int fd;
    XenCon con = xen_con_start_server(long_mode, path, "", ",limit=5000");
    XenCon target = con;

    xen_con_write(&con, text, 9000);
    xen_con_wait_read(&con);
    state = xen_state_save(con.vm);
    target.vm = load(con.vm, state, "-device xen-console,chardev=c", &fd);
    xen_vm_stop(con.vm);
    xen_con_expect_bytes(fd, text + 4000, 5000);
    xen_con_expect_output(&target, fd, "now", 3);
    xen_con_expect_nothing(&target, fd);
    close(fd);
    xen_vm_stop(target.vm);
    unlink(state);
    unlink(path);
}

/* A snapshot has the output not delivered when it was made. */
static void test_snapshot(const void *long_mode)
{
    g_autofree char *text = xen_con_text(XEN_CON_MUCH, 1);
    size_t len;
    int fd;
    XenCon con = xen_con_start_pair(long_mode, &fd);
    XenSnapshot *snapshot;

    len = xen_con_fill(&con, text, XEN_CON_MUCH);
    snapshot = xen_snapshot_new(con.vm);
    /* The VM is stopped, but pending output is delivered. */
    xen_con_expect_bytes(fd, text, len);
    for (unsigned i = 0; i < 3; i++) {
        g_autofree char *words = NULL;

        qtest_qmp_assert_success(con.vm->qts, "{ 'execute': 'stop' }");
        words = xen_snapshot_load(snapshot);
        g_assert_null(words);
        xen_con_expect_nothing(&con, fd);
        qtest_qmp_assert_success(con.vm->qts, "{ 'execute': 'cont' }");
        xen_con_expect_bytes(fd, text + len - XEN_CON_OUT_SIZE,
                             XEN_CON_OUT_SIZE);
        check_both_ways(&con, fd);
    }
    xen_snapshot_free(snapshot);
    close(fd);
    xen_vm_stop(con.vm);
}

/* A stream with a backlog above the limit. */
static void test_save_bad(const void *long_mode)
{
    g_autofree char *path = xen_con_server_path();
    XenCon con = xen_con_start_server(long_mode, path, "", "");
    XenSnapshot *snapshot;
    XenStateSection *section;
    const XenStateField *field;
    uint8_t length[4] = { 0, 0x10, 0, 1 };
    g_autofree char *words = NULL, *good = NULL;

    xen_con_write(&con, "text", 4);
    xen_con_wait_read(&con);
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

/* The primary console cannot be hot-plugged, others can. */
static void test_hotplug(const void *long_mode)
{
    g_autofree char *path = xen_con_server_path();
    g_autofree char *options = g_strdup_printf(
        "-chardev socket,id=c,path=%s,server=on,wait=off", path);
    XenVm *vm = xen_con_start(long_mode, options);

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
        fd = xen_con_connect_to(path);
        xen_con_expect_output(&con, fd, "plugged", 7);
        qtest_qmp_assert_success(vm->qts, "{ 'execute': 'device_del', "
                                 "'arguments': { 'id': 'con' } }");
        xen_con_wait_state(&s, 1, XenbusStateClosing);
        xen_con_expect_output(&con, fd, "bye", 3);
        xen_store_expect(&s, XS_WRITE, 0,
                         XEN_STORE_BYTES("device/console/1/state\0" "6"),
                         XEN_STORE_STRINGS("OK"));
        qtest_qmp_eventwait(vm->qts, "DEVICE_DELETED");
        close(fd);
        /* Nobody tells it of these. */
        qtest_qmp_assert_success(vm->qts, "{ 'execute': 'stop' }");
        qtest_qmp_assert_success(vm->qts, "{ 'execute': 'cont' }");
    }
    xen_vm_stop(vm);
    unlink(path);
}

int main(int argc, char **argv)
{
    static const XenTest tests[] = {
        { "second/connect", test_second },
        { "second/reset", test_second_reset },
        { "second/broken", test_broken_second },
        { "second/save", test_save_second },
        { "second/save-asked", test_save_asked },
        { "second/hotplug", test_hotplug },
        { "primary/broken", test_broken_primary },
        { "primary/reset", test_reset },
        { "primary/save", test_save },
        { "primary/snapshot", test_snapshot },
        { "primary/save-backlog", test_save_backlog },
        { "primary/save-invalid", test_save_bad },
    };

    g_test_init(&argc, &argv, NULL);
    xen_add_tests("console-life", tests, ARRAY_SIZE(tests));
    qtest_add_func("xen/console-life/options", test_options);
    return g_test_run();
}
