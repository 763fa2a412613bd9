/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tests that need a running vCPU, on TCG: halts in hypercalls, wake-ups, soft resets
 *
 * The guest is a few instructions of real-mode code in place of the firmware,
 * and counts its steps in memory.  It runs with interrupts disabled, so that
 * only the end of its poll can wake it.
 */
#include "qemu/osdep.h"
#include "libxen-state.h"
#include "qobject/qdict.h"

#define FIRMWARE_SIZE   0x10000
#define CODE            0xe000      /* in the firmware */
#define RESET_VECTOR    0xfff0

#define SCHED_POLL      0x1000      /* struct sched_poll of a 32-bit guest */
#define POLLED_PORT     0x1010
#define STARTED         0x2000      /* the guest came from its reset */
#define POLLED          0x2004      /* polls that are over */

#define SHUTDOWN        0x1000      /* struct sched_shutdown */
#define UNBOUND         0x1010      /* struct evtchn_alloc_unbound */
#define REQUESTS        0x2004      /* soft resets asked for, and */
#define RESETS          0x2008      /* over */
#define RESULTS         0x200c      /* the sum of what these calls returned */

#define XENSTORE_PORT   1           /* is open from the reset on */
#define PATIENCE        60          /* seconds, on a busy host */
#define QUIET_US        200000
#define LATE_US         20000       /* mostly enough for the loop in reset_code */

static const uint8_t poll_code[] = {
    0x31, 0xc0,                                 /* xor %ax,%ax */
    0x8e, 0xd8,                                 /* mov %ax,%ds */
    0x66, 0xf0, 0xff, 0x06, 0x00, 0x20,         /* lock incl STARTED */
    0x66, 0xb8, 0x1d, 0x00, 0x00, 0x00,         /* poll: mov $29,%eax */
    0x66, 0xbb, 0x03, 0x00, 0x00, 0x00,         /* mov $SCHEDOP_poll,%ebx */
    0x66, 0xb9, 0x00, 0x10, 0x00, 0x00,         /* mov $SCHED_POLL,%ecx */
    0x0f, 0x01, 0xd9,                           /* vmmcall */
    0x66, 0xf0, 0xff, 0x06, 0x04, 0x20,         /* lock incl POLLED */
    0xeb, 0xe3,                                 /* jmp poll */
};
/* It is in the loop most of the time, and not on its way out of a reset. */
static const uint8_t reset_code[] = {
    0x31, 0xc0,                                 /* xor %ax,%ax */
    0x8e, 0xd8,                                 /* mov %ax,%ds */
    0x66, 0xf0, 0xff, 0x06, 0x00, 0x20,         /* lock incl STARTED */
    0x66, 0xb9, 0xa0, 0x86, 0x01, 0x00,         /* again: mov $100000,%ecx */
    0x66, 0x49,                                 /* wait: dec %ecx */
    0x75, 0xfc,                                 /* jnz wait */
    0x66, 0xb8, 0x20, 0x00, 0x00, 0x00,         /* mov $32,%eax */
    0x66, 0xbb, 0x06, 0x00, 0x00, 0x00,         /* mov $..._alloc_unbound,%ebx */
    0x66, 0xb9, 0x10, 0x10, 0x00, 0x00,         /* mov $UNBOUND,%ecx */
    0x0f, 0x01, 0xd9,                           /* vmmcall */
    0x66, 0xf0, 0xff, 0x06, 0x04, 0x20,         /* lock incl REQUESTS */
    0x66, 0xb8, 0x1d, 0x00, 0x00, 0x00,         /* mov $29,%eax */
    0x66, 0xbb, 0x02, 0x00, 0x00, 0x00,         /* mov $SCHEDOP_shutdown,%ebx */
    0x66, 0xb9, 0x00, 0x10, 0x00, 0x00,         /* mov $SHUTDOWN,%ecx */
    0x0f, 0x01, 0xd9,                           /* vmmcall */
    0x66, 0xf0, 0x01, 0x06, 0x0c, 0x20,         /* lock add %eax,RESULTS */
    0x66, 0xf0, 0xff, 0x06, 0x08, 0x20,         /* lock incl RESETS */
    0xeb, 0xb8,                                 /* jmp again */
};
#define VMMCALL_SIZE    3
#define RESET_VMMCALL   65          /* offset of the one for the shutdown */
/* jmp CODE */
static const uint8_t from_reset[] = { 0xe9, 0x0d, 0xe0 };

static char *write_firmware(const uint8_t *code, size_t size)
{
    g_autofree uint8_t *rom = g_malloc0(FIRMWARE_SIZE);
    char *path = NULL;
    int fd = g_file_open_tmp("xen-qtest-XXXXXX", &path, NULL);

    memcpy(rom + CODE, code, size);
    memcpy(rom + RESET_VECTOR, from_reset, sizeof(from_reset));
    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(write(fd, rom, FIRMWARE_SIZE), ==, FIRMWARE_SIZE);
    close(fd);
    return path;
}

typedef struct Thread {
    const char *name, *accel;
} Thread;

static const Thread threads[] = {
    { "multi", "tcg,xen-version=4.17,thread=multi" },
    { "single", "tcg,xen-version=4.17,thread=single" },
};

static QTestState *start(const Thread *t, const char *firmware,
                         const char *options)
{
    return qtest_initf("-accel %s -cpu max -m 20 -nodefaults "
                       "-machine pc -bios %s %s", t->accel, firmware,
                       options);
}

/* The VM is stopped until the guest's poll is in its memory. */
static QTestState *start_guest(const Thread *t, const char *firmware)
{
    QTestState *qts = start(t, firmware, "-S");

    qtest_writel(qts, SCHED_POLL, POLLED_PORT);
    qtest_writel(qts, SCHED_POLL + 4, 1);
    qtest_writeq(qts, SCHED_POLL + 8, 0);       /* no timeout */
    qtest_writel(qts, POLLED_PORT, XENSTORE_PORT);
    qtest_writel(qts, STARTED, 0);
    qtest_writel(qts, POLLED, 0);
    qtest_qmp_assert_success(qts, "{ 'execute': 'cont' }");
    return qts;
}

static void wait_for(QTestState *qts, uint64_t counter, uint32_t value)
{
    for (unsigned i = 0; qtest_readl(qts, counter) != value; i++) {
        if (i == PATIENCE * 1000) {
            g_error("counter 0x%" PRIx64 " is %u, expected %u", counter,
                    qtest_readl(qts, counter), value);
        }
        g_usleep(1000);
    }
}

static void inject(QTestState *qts)
{
    qtest_qmp_assert_success(qts, "{ 'execute': 'xen-event-inject', "
                             "'arguments': { 'port': %u } }", XENSTORE_PORT);
}

/* The vCPU is halted; it has polled @polled times. */
static void expect_quiet(QTestState *qts, uint32_t polled)
{
    g_usleep(QUIET_US);
    g_assert_cmpuint(qtest_readl(qts, POLLED), ==, polled);
}

static void test_poll(const void *opaque)
{
    g_autofree char *firmware = write_firmware(poll_code, sizeof(poll_code));
    QTestState *qts = start_guest(opaque, firmware);

    wait_for(qts, STARTED, 1);
    expect_quiet(qts, 0);
    inject(qts);
    while (!qtest_readl(qts, POLLED)) {
        g_usleep(1000);
    }
    qtest_quit(qts);
    unlink(firmware);
}

/*
 * Pollers are not migrated: the poll ends spuriously in the target, since
 * nothing else would end it.
 */
static void test_poll_migrates(const void *opaque)
{
    g_autofree char *firmware = write_firmware(poll_code, sizeof(poll_code));
    g_autofree char *path = NULL;
    QTestState *qts = start_guest(opaque, firmware);
    XenVm source = { .qts = qts }, target;

    wait_for(qts, STARTED, 1);
    expect_quiet(qts, 0);
    path = xen_state_save(&source);
    target.qts = start(opaque, firmware, "-incoming defer");
    xen_state_load(&target, path);
    qtest_qmp_eventwait(target.qts, "RESUME");
    wait_for(target.qts, POLLED, 1);
    /* The guest polls again, as before. */
    expect_quiet(target.qts, 1);
    inject(target.qts);
    while (qtest_readl(target.qts, POLLED) == 1) {
        g_usleep(1000);
    }

    qtest_quit(qts);
    qtest_quit(target.qts);
    unlink(path);
    unlink(firmware);
}

/* A sleep in S3, after which the guest's first hypercall releases its upcalls. */
static void test_wakeup(const void *opaque)
{
    g_autofree char *firmware = write_firmware(poll_code, sizeof(poll_code));
    QTestState *qts = start_guest(opaque, firmware);
    XenVm vm = { .qts = qts };

    for (uint32_t i = 1; i <= 2; i++) {
        wait_for(qts, STARTED, i);
        xen_vm_suspend(&vm);
        xen_vm_wake_up(&vm);
    }
    wait_for(qts, STARTED, 3);
    qtest_writel(qts, POLLED, 0);
    while (!qtest_readl(qts, POLLED)) {
        inject(qts);
        g_usleep(1000);
    }
    qtest_quit(qts);
    unlink(firmware);
}

/* ------------------------------------------------ soft resets and stops -- */

typedef struct Reset {
    QTestState *qts;
    char *folder, *path;        /* of a pipe, which is QEMU's log */
    char *image;                /* for a snapshot */
    int pipe;                   /* both of its ends */
    int64_t own_ports;          /* of a new domain */
} Reset;

static int64_t nr_ports(QTestState *qts)
{
    QDict *info = qtest_qmp_assert_success_ref(qts,
                                               "{ 'execute': 'query-xen' }");
    int64_t nr = qdict_get_int(info, "ports");

    qobject_unref(info);
    return nr;
}

/* The guest has done a hypercall and nothing after it. */
static bool is_behind_vmmcall(QTestState *qts)
{
    g_autofree char *text = qtest_hmp(qts, "info registers");
    const char *eip = strstr(text, "EIP=");

    g_assert_nonnull(eip);
    return g_ascii_strtoull(eip + 4, NULL, 16) ==
           CODE + RESET_VMMCALL + VMMCALL_SIZE;
}

static void empty_pipe(Reset *r)
{
    char buf[4096];

    while (read(r->pipe, buf, sizeof(buf)) > 0) {
        continue;
    }
}

/*
 * Makes QEMU stop the VM, by @command.  It begins with a line of its log, while it
 * holds its lock; as the pipe is full, it waits until the guest has come to its
 * next hypercall, and waits for the lock there.
 */
static void stop_late(Reset *r, const char *command)
{
    char buf[4096] = { 0 };
    QDict *answer;

    while (write(r->pipe, buf, sizeof(buf)) > 0) {
        continue;
    }
    qtest_qmp_send(r->qts, "{ 'execute': 'human-monitor-command', 'arguments':"
                   " { 'command-line': %s } }", command);
    g_usleep(LATE_US);
    empty_pipe(r);
    answer = qtest_qmp_receive(r->qts);
    g_assert_cmpstr(qdict_get_try_str(answer, "return"), ==, "");
    qobject_unref(answer);
    empty_pipe(r);
}

/*
 * The VM is stopped.  The guest stands still; if it has asked for a soft reset,
 * that is over, and the port is closed that the guest had opened before.  Returns
 * whether it has.
 */
static bool check_stopped(Reset *r)
{
    uint32_t requests = qtest_readl(r->qts, REQUESTS);
    bool requested = is_behind_vmmcall(r->qts);

    if (requested) {
        g_assert_cmpint(nr_ports(r->qts), ==, r->own_ports);
        g_assert_cmpuint(qtest_readl(r->qts, RESETS), ==, requests - 1);
    }
    for (unsigned i = 0; i < 20; i++) {
        g_assert_cmpint(is_behind_vmmcall(r->qts), ==, requested);
        g_assert_cmpuint(qtest_readl(r->qts, REQUESTS), ==, requests);
    }
    return requested;
}

static void run_and_stop(Reset *r, const char *command)
{
    uint32_t resets = qtest_readl(r->qts, RESETS);

    qtest_qmp_assert_success(r->qts, "{ 'execute': 'cont' }");
    while (qtest_readl(r->qts, RESETS) < resets + 2) {
        continue;
    }
    stop_late(r, command);
}

static bool find_by_stop(Reset *r)
{
    run_and_stop(r, "stop");
    return check_stopped(r);
}

/* The stop is part of the command that saves the VM, and lets it run on. */
static bool find_by_save(Reset *r)
{
    g_autofree char *said = NULL;

    run_and_stop(r, "savevm state");
    qtest_qmp_assert_success(r->qts, "{ 'execute': 'stop' }");
    said = qtest_hmp(r->qts, "loadvm state");
    g_assert_cmpstr(said, ==, "");
    return check_stopped(r);
}

/*
 * The VM stops, or is saved, when the guest has asked for a soft reset, and before
 * that comes.
 */
static void check_soft_reset(const Thread *t, bool (*find)(Reset *r))
{
    enum { WANTED = 3, MOST = 1000 };
    g_autofree char *firmware = write_firmware(reset_code, sizeof(reset_code));
    g_autofree char *options = NULL;
    Reset r = { .image = xen_new_file(0) };
    unsigned tries = 0;

    r.folder = g_dir_make_tmp("xen-qtest-XXXXXX", NULL);
    r.path = g_build_filename(r.folder, "log", NULL);
    g_assert_cmpint(mkfifo(r.path, 0600), ==, 0);
    r.pipe = open(r.path, O_RDWR | O_NONBLOCK);
    g_assert_cmpint(r.pipe, >=, 0);
    options = g_strdup_printf("-S -trace runstate_set -D %s", r.path);
    r.qts = start(t, firmware, options);
    xen_create_qcow2(r.qts, r.image, 64 << 10);
    r.own_ports = nr_ports(r.qts);

    qtest_writel(r.qts, SHUTDOWN, 5);           /* SHUTDOWN_soft_reset */
    qtest_writel(r.qts, UNBOUND, DOMID_SELF);   /* remote: domain 0 */
    qtest_writel(r.qts, STARTED, 0);
    qtest_writel(r.qts, REQUESTS, 0);
    qtest_writel(r.qts, RESETS, 0);
    qtest_writel(r.qts, RESULTS, 0);
    for (unsigned found = 0; found < WANTED; found += find(&r)) {
        g_assert_cmpuint(++tries, <, MOST);
    }
    g_test_message("%u tries, %u resets", tries, qtest_readl(r.qts, RESETS));
    g_assert_cmpuint(qtest_readl(r.qts, STARTED), ==, 1);
    g_assert_cmpuint(qtest_readl(r.qts, RESULTS), ==, 0);
    qtest_quit(r.qts);
    close(r.pipe);
    unlink(r.path);
    rmdir(r.folder);
    g_free(r.path);
    g_free(r.folder);
    xen_remove_file(r.image);
    unlink(firmware);
}

static void test_soft_reset_stopped(const void *thread)
{
    check_soft_reset(thread, find_by_stop);
}

static void test_soft_reset_saved(const void *thread)
{
    check_soft_reset(thread, find_by_save);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(const void *thread);
    } tests[] = {
        { "poll", test_poll },
        { "poll-migrates", test_poll_migrates },
        { "wakeup", test_wakeup },
        { "soft-reset-stopped", test_soft_reset_stopped },
        { "soft-reset-saved", test_soft_reset_saved },
    };

    g_test_init(&argc, &argv, NULL);
    if (!qtest_has_accel("tcg")) {
        return g_test_run();
    }
    for (size_t i = 0; i < ARRAY_SIZE(tests); i++) {
        for (size_t j = 0; j < ARRAY_SIZE(threads); j++) {
            g_autofree char *name = g_strdup_printf("xen/tcg/%s/%s",
                                                    threads[j].name,
                                                    tests[i].name);

            qtest_add_data_func(name, &threads[j], tests[i].run);
        }
    }
    return g_test_run();
}
