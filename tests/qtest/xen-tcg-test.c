/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tests that need a running vCPU: halts in hypercalls, on TCG
 *
 * The guest is a few instructions of real-mode code in place of the firmware,
 * and counts its steps in memory.  It runs with interrupts disabled, so that
 * only the end of its poll can wake it.
 */
#include "qemu/osdep.h"
#include "libxen-state.h"

#define FIRMWARE_SIZE   0x10000
#define CODE            0xe000      /* in the firmware */
#define RESET_VECTOR    0xfff0

#define SCHED_POLL      0x1000      /* struct sched_poll of a 32-bit guest */
#define POLLED_PORT     0x1010
#define STARTED         0x2000      /* the guest came from its reset */
#define POLLED          0x2004      /* polls that are over */

#define XENSTORE_PORT   1           /* is open from the reset on */
#define PATIENCE        60          /* seconds, on a busy host */
#define QUIET_US        200000

static const uint8_t code[] = {
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
/* jmp CODE */
static const uint8_t from_reset[] = { 0xe9, 0x0d, 0xe0 };

static char *write_firmware(void)
{
    g_autofree uint8_t *rom = g_malloc0(FIRMWARE_SIZE);
    char *path = NULL;
    int fd = g_file_open_tmp("xen-qtest-XXXXXX", &path, NULL);

    memcpy(rom + CODE, code, sizeof(code));
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
    g_autofree char *firmware = write_firmware();
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
    g_autofree char *firmware = write_firmware(), *path = NULL;
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

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(const void *thread);
    } tests[] = {
        { "poll", test_poll },
        { "poll-migrates", test_poll_migrates },
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
