/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SCHEDOP_poll: halt until a port is pending or the timeout has expired
 *
 * It may return spuriously, so the number of calls is checked: a vCPU that is
 * really halted makes few.
 */
#include "events.h"
#include "tap.h"

#define MS          1000000ull
#define FAR_AWAY    (1ull << 62)

/*
 * In-kernel polls of KVM: with 2-level events the timeout is taken as relative
 * rather than absolute; with FIFO the vCPU just yields.
 */
static bool time_is_relative(void)
{
    return guest_polls_in_kernel() && !*is_fifo;
}

static bool poll_yields(void)
{
    return guest_polls_in_kernel() && *is_fifo;
}

/* At most 20 polls, plus one per millisecond of @ns. */
static void check_halted(unsigned polls, uint64_t ns)
{
    CHECK(polls * MS <= 20 * MS + ns || poll_yields());
}

static long poll(uint32_t *ports, unsigned nr, uint64_t timeout)
{
    struct sched_poll op = { .nr_ports = nr, .timeout = timeout };

    set_xen_guest_handle(op.ports, ports);
    return SCHED_OP(SCHEDOP_poll, &op);
}

TEST(pending, "poll-pending-already")
{
    uint32_t port = bind_ipi(0);

    port_mask(port);
    CHECK_EQ(port_send(port), 0);
    CHECK_EQ(poll(&port, 1, 0), 0);
    CHECK_EQ(poll(&port, 1, FAR_AWAY), 0);
    CHECK(port_is_pending(port));
    CHECK_EQ(port_count[port], 0);
}

TEST(past, "poll-timeout-past")
{
    uint32_t port = bind_ipi(0);
    uint64_t now = system_time();

    port_mask(port);
    CHECK_EQ(poll(&port, 1, 1), 0);
    if (!time_is_relative()) {
        CHECK_EQ(poll(&port, 1, now), 0);
        CHECK_EQ(poll(NULL, 0, now), 0);
        /* Negative, as a signed number. */
        CHECK_EQ(poll(&port, 1, -1ull << 20), 0);
    }
    CHECK(!port_is_pending(port));
}

static void check_timeout(uint32_t *ports, unsigned nr)
{
    uint64_t end = system_time() + 30 * MS;
    unsigned polls = 0;

    while (system_time() < end && !test_has_failed()) {
        CHECK_EQ(poll(ports, nr, time_is_relative() ? 30 * MS : end), 0);
        polls++;
    }
    check_halted(polls, 30 * MS);
}

TEST(timeout, "poll-timeout")
{
    uint32_t port[2] = { bind_ipi(0), bind_ipi(1 % nr_cpus) };

    port_mask(port[0]);
    port_mask(port[1]);
    check_timeout(port, 1);
    check_timeout(port, 2);
    check_timeout(NULL, 0);
    CHECK(!port_is_pending(port[0]));
}

TEST(timeout_off, "poll-timeout-interrupts-off")
{
    uint32_t port = bind_ipi(0);

    port_mask(port);
    interrupts_off();
    check_timeout(&port, 1);
    interrupts_on();
}

/* A CPU that polls until one of @ports is pending, and its number of polls. */
static struct {
    uint32_t ports[128];
    unsigned nr;
    bool interrupts_off;
    uint64_t timeout;
    _Atomic unsigned polls;
    _Atomic uint32_t found;
} sleeper;

static uint32_t first_pending(void)
{
    for (unsigned i = 0; i < sleeper.nr; i++) {
        if (port_is_pending(sleeper.ports[i])) {
            return sleeper.ports[i];
        }
    }
    return 0;
}

static void poll_until_pending(void *unused)
{
    if (sleeper.interrupts_off) {
        interrupts_off();
    }
    while (!first_pending() && !test_has_failed()) {
        CHECK_EQ(poll(sleeper.ports, sleeper.nr, sleeper.timeout), 0);
        sleeper.polls++;
    }
    interrupts_on();
    sleeper.found = first_pending();
}

static void sleep_on(unsigned nr)
{
    for (unsigned i = 0; i < nr; i++) {
        sleeper.ports[i] = bind_ipi(nr_cpus - 1);
        port_mask(sleeper.ports[i]);
    }
    sleeper.nr = nr;
    sleeper.polls = 0;
    sleeper.found = 0;
    cpu_call(nr_cpus - 1, poll_until_pending, NULL);
}

static void wait_ms(unsigned ms)
{
    uint64_t end = system_time() + ms * MS;

    while (system_time() < end) {
        cpu_relax();
    }
}

/* One round: it halts, then port @i of @nr wakes it. */
static void check_woken(unsigned nr, unsigned i)
{
    uint64_t begin = system_time();

    sleep_on(nr);
    wait_ms(20);
    CHECK_EQ(sleeper.found, 0);
    CHECK_EQ(port_send(sleeper.ports[i]), 0);
    cpu_wait(nr_cpus - 1);
    CHECK_EQ(sleeper.found, sleeper.ports[i]);
    check_halted(sleeper.polls, system_time() - begin);
    events_close_all();
}

static void check_woken_by_all(void)
{
    check_woken(1, 0);
    check_woken(2, 1);
    check_woken(128, 0);
    check_woken(128, 127);
}

TEST(woken, "poll-woken")
{
    sleeper.interrupts_off = false;
    sleeper.timeout = 0;
    check_woken_by_all();
}

TEST(woken_off, "poll-woken-interrupts-off")
{
    sleeper.interrupts_off = true;
    sleeper.timeout = 0;
    check_woken_by_all();
}

TEST(woken_before, "poll-woken-before-timeout")
{
    sleeper.interrupts_off = true;
    sleeper.timeout = FAR_AWAY;
    check_woken_by_all();
}

/* The event is sent at about the time that the other CPU halts. */
TEST(race, "poll-races-with-send")
{
    sleeper.interrupts_off = true;
    sleeper.timeout = 0;
    for (unsigned i = 0; i < 300 && !test_has_failed(); i++) {
        sleep_on(1);
        for (unsigned n = 0; n < i % 50 * 20; n++) {
            cpu_relax();
        }
        CHECK_EQ(port_send(sleeper.ports[0]), 0);
        cpu_wait(nr_cpus - 1);
        CHECK_EQ(port_close(sleeper.ports[0]), 0);
    }
}

/* Other events are handled during the poll. */
TEST(other, "poll-takes-other-events")
{
    uint32_t other = bind_ipi(nr_cpus - 1);

    sleeper.interrupts_off = false;
    sleeper.timeout = 0;
    sleep_on(1);
    for (unsigned i = 1; i <= 10; i++) {
        wait_ms(1);
        CHECK_EQ(port_send(other), 0);
        EXPECT_SOON_EQ(port_count[other], i);
    }
    CHECK_EQ(sleeper.found, 0);
    CHECK_EQ(port_send(sleeper.ports[0]), 0);
    cpu_wait(nr_cpus - 1);
}

TEST(bad, "poll-invalid-arguments")
{
    static uint32_t ports[129];
    uint32_t bad = *is_fifo ? 1u << 17 : NR_PORTS;

    for (unsigned i = 0; i < ARRAY_SIZE(ports); i++) {
        ports[i] = i ? ports[0] : bind_ipi(0);
    }
    CHECK_EQ(port_send(ports[0]), 0);
    if (poll_yields()) {
        CHECK_EQ(poll(ports, 1, 1), 0);
        return;
    }
    CHECK_EQ(poll(ports, 129, 1), -XEN_EINVAL);
    CHECK_EQ(poll(ports, 128, 1), 0);
    CHECK_EQ(poll(&bad, 1, 1), -XEN_EINVAL);
    bad = ~0u;
    CHECK_EQ(poll(&bad, 1, 1), -XEN_EINVAL);
    CHECK_EQ(poll(page_map(3, 0, MAP_NONE), 1, 1), -XEN_EFAULT);
    CHECK_EQ(SCHED_OP(SCHEDOP_poll, page_map(3, 0, MAP_NONE)), -XEN_EFAULT);
}

static _Atomic bool is_out;

static void block(void *unused)
{
    SCHED_OP(SCHEDOP_block, NULL);
    is_out = true;
}

/* An event from before the CPU halted does not wake it. */
TEST(blocked, "block-woken")
{
    uint32_t port = bind_ipi(nr_cpus - 1);

    for (unsigned i = 0; i < 50 && !test_has_failed(); i++) {
        uint32_t sent = 0;

        is_out = false;
        cpu_call(nr_cpus - 1, block, NULL);
        while (!is_out && !test_has_failed()) {
            uint32_t before = port_count[port];

            wait_ms(i % 3);
            CHECK_EQ(port_send(port), 0);
            EXPECT_SOON(port_count[port] > before);
            sent++;
        }
        cpu_wait(nr_cpus - 1);
        CHECK(sent > 0);
    }
}
