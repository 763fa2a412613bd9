/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A vCPU's timers: none lost, none early
 */
#include "events.h"
#include "tap.h"

#define US          1000ull
#define MS          1000000ull

static long set_singleshot(uint64_t when, uint32_t flags)
{
    struct vcpu_set_singleshot_timer op = {
        .timeout_abs_ns = when, .flags = flags,
    };

    return VCPU_OP(VCPUOP_set_singleshot_timer, this_cpu(), &op);
}

static long stop_singleshot(void)
{
    return VCPU_OP(VCPUOP_stop_singleshot_timer, this_cpu(), NULL);
}

static long set_timer_op(uint64_t when)
{
#if IS_64BIT
    return hypercall(__HYPERVISOR_set_timer_op, when);
#else
    return hypercall(__HYPERVISOR_set_timer_op, (uint32_t)when, when >> 32);
#endif
}

/* Each CPU's timer port, and when its last event was taken. */
static uint32_t timer_port[MAX_CPUS];
static volatile uint64_t fired_at[MAX_CPUS];

static void note_time(uint32_t port)
{
    fired_at[this_cpu()] = system_time();
}

static uint32_t fired(void)
{
    return port_count[timer_port[this_cpu()]];
}

static void bind_timers(void)
{
    for (unsigned cpu = 0; cpu < nr_cpus; cpu++) {
        timer_port[cpu] = bind_virq(VIRQ_TIMER, cpu);
        port_handler[timer_port[cpu]] = note_time;
    }
}

/* Nothing for @ms, but for an event that is pending already. */
static void check_silence(unsigned ms)
{
    uint64_t end = system_time() + ms * MS;
    uint32_t before;

    EXPECT_SOON(!port_is_pending(timer_port[this_cpu()]));
    before = fired();
    while (system_time() < end) {
        cpu_relax();
    }
    CHECK_EQ(fired(), before);
}

static void arm_past(void *unused)
{
    uint64_t now = system_time();
    uint32_t before = fired();

    CHECK_EQ(set_singleshot(now, 0), 0);
    EXPECT_SOON(fired() == before + 1);
    CHECK_EQ(set_singleshot(1, 0), 0);
    EXPECT_SOON(fired() == before + 2);
    CHECK_EQ(set_timer_op(now), 0);
    EXPECT_SOON(fired() == before + 3);
}

TEST(past, "timer-past")
{
    bind_timers();
    cpu_call_all(arm_past, NULL);
}

/* "Only if it is in the future" is a wish that Xen no longer grants. */
TEST(future_flag, "timer-future-flag")
{
    bind_timers();
    CHECK_EQ(set_singleshot(system_time() - MS, VCPU_SSHOTTMR_future), 0);
    EXPECT_SOON(fired() == 1);
    CHECK_EQ(set_singleshot(system_time() + MS, VCPU_SSHOTTMR_future), 0);
    EXPECT_SOON(fired() == 2);
}

static void arm_often(void *by_set_timer)
{
    unsigned cpu = this_cpu();

    for (unsigned i = 0; i < 50 && !test_has_failed(); i++) {
        uint64_t when = system_time() + i * 7919 % 500 * US;
        uint32_t before = fired();

        CHECK_EQ(by_set_timer ? set_timer_op(when) : set_singleshot(when, 0),
                 0);
        EXPECT_SOON(fired() == before + 1);
        if (fired_at[cpu] < when) {
            test_failed(__FILE__, __LINE__, "%lld ns early",
                        (long long)(when - fired_at[cpu]));
        }
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
        uint32_t before = fired();

        CHECK_EQ(set_singleshot(when, 0), 0);
        while (i % 2 && system_time() < when) {
            cpu_relax();
        }
        CHECK_EQ(i % 3 ? stop_singleshot() : set_timer_op(0), 0);
        /* It came in time or not at all, and the next one comes. */
        EXPECT_SOON(!port_is_pending(timer_port[this_cpu()]));
        CHECK(fired() <= before + 1);
        before = fired();
        CHECK_EQ(set_singleshot(system_time() + 200 * US, 0), 0);
        EXPECT_SOON(fired() == before + 1);
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
 * The event is set while this CPU does nothing but change bits near it, of its
 * own port and of another.  Xen and guest never overwrite each other's.
 */
TEST(locked, "timer-against-locked-instructions")
{
    uint32_t port, neighbour = bind_ipi(0);

    bind_timers();
    port = timer_port[this_cpu()];
    for (unsigned i = 0; i < 300 && !test_has_failed(); i++) {
        uint64_t when = system_time() + 50 * US;

        CHECK_EQ(set_singleshot(when, 0), 0);
        while (fired() == i && system_time() < when + 1000 * MS) {
            for (unsigned n = 0; n < 50; n++) {
                port_mask(port);
                port_clear_pending(neighbour);
                port_unmask_gently(port);
            }
        }
        CHECK_EQ(fired(), i + 1);
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

/* Each replaces the one before: only the last one comes. */
TEST(rearmed, "timer-rearmed-in-loop")
{
    unsigned n = rearms();

    bind_timers();
    for (unsigned i = 0; i < n && !test_has_failed(); i++) {
        CHECK_EQ(set_singleshot(system_time() + 1000000 * MS + i, 0), 0);
    }
    CHECK_EQ(fired(), 0);
    CHECK_EQ(set_singleshot(system_time() + MS, 0), 0);
    EXPECT_SOON(fired() == 1);
    check_silence(5);
}

static void tick(void *unused)
{
    struct vcpu_set_periodic_timer op = { .period_ns = 2 * MS };
    unsigned cpu = this_cpu();
    uint64_t first, last;
    uint32_t before;

    CHECK_EQ(VCPU_OP(VCPUOP_set_periodic_timer, cpu, &op), 0);
    EXPECT_SOON(fired() >= 2);
    first = fired_at[cpu];
    before = fired();
    EXPECT_SOON(fired() >= before + 5);
    last = fired_at[cpu];
    /* Late ticks may follow one another closely, but not overtake time. */
    CHECK(last - first >= 3 * op.period_ns);
    CHECK_EQ(VCPU_OP(VCPUOP_stop_periodic_timer, cpu, NULL), 0);
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
    struct vcpu_set_periodic_timer op = { .period_ns = 1000 * MS };
    uint32_t before;

    bind_timers();
    CHECK_EQ(VCPU_OP(VCPUOP_set_periodic_timer, 0, &op), 0);
    for (unsigned i = 0; i < 20 && !test_has_failed(); i++) {
        before = fired();
        CHECK_EQ(set_singleshot(system_time() + MS, 0), 0);
        EXPECT_SOON(fired() > before);
    }
    CHECK_EQ(VCPU_OP(VCPUOP_stop_periodic_timer, 0, NULL), 0);
    op.period_ns = 999 * US;
    CHECK_EQ(VCPU_OP(VCPUOP_set_periodic_timer, 0, &op), -XEN_EINVAL);
}

/* A vCPU sets its own single-shot timer only. */
TEST(other, "timer-of-another-vcpu")
{
    struct vcpu_set_singleshot_timer op = { .timeout_abs_ns = 1 };

    if (nr_cpus > 1) {
        CHECK_EQ(VCPU_OP(VCPUOP_set_singleshot_timer, 1, &op), -XEN_EINVAL);
        CHECK_EQ(VCPU_OP(VCPUOP_stop_singleshot_timer, 1, NULL), -XEN_EINVAL);
    }
    CHECK_EQ(VCPU_OP(VCPUOP_set_singleshot_timer, nr_cpus, &op), -XEN_ENOENT);
}
