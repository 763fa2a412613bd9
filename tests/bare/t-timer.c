/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Timers of a vCPU: no event is lost or early
 */
#include "tap.h"
#include "timers.h"

static void arm_past(void *unused)
{
    uint64_t now = system_time();
    uint32_t before = timer_fired();

    CHECK_EQ(set_singleshot(now, 0), 0);
    EXPECT_SOON_EQ(timer_fired(), before + 1);
    CHECK_EQ(set_singleshot(1, 0), 0);
    EXPECT_SOON_EQ(timer_fired(), before + 2);
    CHECK_EQ(set_timer_op(now), 0);
    EXPECT_SOON_EQ(timer_fired(), before + 3);
}

TEST(past, "timer-past")
{
    bind_timers();
    cpu_call_all(arm_past, NULL);
}

/* Xen ignores VCPU_SSHOTTMR_future. */
TEST(future_flag, "timer-future-flag")
{
    bind_timers();
    CHECK_EQ(set_singleshot(system_time() - MS, VCPU_SSHOTTMR_future), 0);
    EXPECT_SOON_EQ(timer_fired(), 1);
    CHECK_EQ(set_singleshot(system_time() + MS, VCPU_SSHOTTMR_future), 0);
    EXPECT_SOON_EQ(timer_fired(), 2);
}

static void arm_often(void *by_set_timer)
{
    for (unsigned i = 0; i < 50 && !test_has_failed(); i++) {
        uint64_t when = system_time() + i * 7919 % 500 * US;
        uint32_t before = timer_fired();

        CHECK_EQ(by_set_timer ? set_timer_op(when) : set_singleshot(when, 0),
                 0);
        EXPECT_SOON_EQ(timer_fired(), before + 1);
        check_not_early(when);
    }
}

TEST(singleshot, "timer-single-shot")
{
    bind_timers();
    cpu_call_all(arm_often, NULL);
}

TEST(timer_op, "timer-set-timer-op")
{
    bind_timers();
    cpu_call_all(arm_often, &timer_port);
}

static void stop_often(void *unused)
{
    for (unsigned i = 0; i < 30 && !test_has_failed(); i++) {
        uint64_t when = system_time() + i * 7919 % 97 * US;
        uint32_t before = timer_fired();

        CHECK_EQ(set_singleshot(when, 0), 0);
        while (i % 2 && system_time() < when) {
            cpu_relax();
        }
        CHECK_EQ(i % 3 ? stop_singleshot() : set_timer_op(0), 0);
        /* It fired in time or not at all, and the next one fires. */
        EXPECT_SOON(!port_is_pending(timer_port[this_cpu()]));
        CHECK(timer_fired() <= before + 1);
        before = timer_fired();
        CHECK_EQ(set_singleshot(system_time() + 200 * US, 0), 0);
        EXPECT_SOON_EQ(timer_fired(), before + 1);
    }
    CHECK_EQ(set_singleshot(system_time() + 20 * MS, 0), 0);
    CHECK_EQ(stop_singleshot(), 0);
    check_silence(40);
}

TEST(stopped, "timer-stopped-while-firing")
{
    bind_timers();
    cpu_call_all(stop_often, NULL);
}

/*
 * The event is raised while this CPU only changes neighbouring bits, of its own
 * port and of another one.  Neither Xen nor the guest may lose an update of the
 * other.
 */
TEST(locked, "timer-against-locked-instructions")
{
    uint32_t port, neighbour = bind_ipi(0);

    bind_timers();
    port = timer_port[this_cpu()];
    for (unsigned i = 0; i < 300 && !test_has_failed(); i++) {
        uint64_t when = system_time() + 50 * US;

        CHECK_EQ(set_singleshot(when, 0), 0);
        while (timer_fired() == i && system_time() < when + 1000 * MS) {
            for (unsigned n = 0; n < 50; n++) {
                port_mask(port);
                port_clear_pending(neighbour);
                port_unmask_gently(port);
            }
        }
        CHECK_EQ(timer_fired(), i + 1);
    }
}

static unsigned rearms(void)
{
    const char *number = guest_option("rearms");
    unsigned n = 0;

    while (number && *number >= '0' && *number <= '9') {
        n = 10 * n + *number++ - '0';
    }
    return n ? n : 20000;
}

/* Each deadline replaces the previous one, and only the last one fires. */
TEST(rearmed, "timer-rearmed-in-loop")
{
    unsigned n = rearms();

    bind_timers();
    for (unsigned i = 0; i < n && !test_has_failed(); i++) {
        CHECK_EQ(set_singleshot(system_time() + 1000000 * MS + i, 0), 0);
    }
    CHECK_EQ(timer_fired(), 0);
    CHECK_EQ(set_singleshot(system_time() + MS, 0), 0);
    EXPECT_SOON_EQ(timer_fired(), 1);
    check_silence(5);
}

static void tick(void *unused)
{
    const uint64_t period = 2 * MS;
    unsigned cpu = this_cpu();
    uint64_t first, last;
    uint32_t before;

    CHECK_EQ(set_periodic(period), 0);
    EXPECT_SOON(timer_fired() >= 2);
    first = timer_fired_at[cpu];
    before = timer_fired();
    EXPECT_SOON(timer_fired() >= before + 5);
    last = timer_fired_at[cpu];
    /* Late ticks may follow each other closely, but not be early. */
    CHECK(last - first >= 3 * period);
    CHECK_EQ(stop_periodic(), 0);
    check_silence(10);
}

TEST(periodic, "timer-periodic")
{
    bind_timers();
    cpu_call_all(tick, NULL);
}

/* Both timers of a vCPU raise the same event. */
TEST(both, "timer-both")
{
    uint32_t before;

    bind_timers();
    CHECK_EQ(set_periodic(1000 * MS), 0);
    for (unsigned i = 0; i < 20 && !test_has_failed(); i++) {
        before = timer_fired();
        CHECK_EQ(set_singleshot(system_time() + MS, 0), 0);
        EXPECT_SOON(timer_fired() > before);
    }
    CHECK_EQ(stop_periodic(), 0);
    CHECK_EQ(set_periodic(999 * US), -XEN_EINVAL);
}

/* A vCPU can only set its own single-shot timer. */
TEST(other, "timer-of-another-vcpu")
{
    struct vcpu_set_singleshot_timer op = { .timeout_abs_ns = 1 };

    if (nr_cpus > 1) {
        CHECK_EQ(VCPU_OP(VCPUOP_set_singleshot_timer, 1, &op), -XEN_EINVAL);
        CHECK_EQ(VCPU_OP(VCPUOP_stop_singleshot_timer, 1, NULL), -XEN_EINVAL);
    }
    CHECK_EQ(VCPU_OP(VCPUOP_set_singleshot_timer, nr_cpus, &op), -XEN_ENOENT);
}
