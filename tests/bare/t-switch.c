/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Timers of other CPUs while one CPU changes their port: a switch to FIFO, a
 * reset, a close
 */
#include "tap.h"
#include "timers.h"

#define SWITCHES    15
#define RESETS      30
#define ARMED       40
#define EVENTS      5       /* of each CPU, before and after */
#define NEW_PORTS   8

static _Atomic bool stop;
static _Atomic uint32_t turns[MAX_CPUS];

static void reset_to_2level(void)
{
    struct evtchn_reset op = { .dom = DOMID_SELF };

    CHECK_EQ(EVTCHN_OP(EVTCHNOP_reset, &op), 0);
    events_forget_abi();
    events_clear_2level();
    events_use_2level();
}

static void start_others(void (*func)(void *))
{
    stop = false;
    for (unsigned cpu = 1; cpu < nr_cpus; cpu++) {
        cpu_call(cpu, func, NULL);
    }
}

static void stop_others(void)
{
    stop = true;
    for (unsigned cpu = 1; cpu < nr_cpus; cpu++) {
        cpu_wait(cpu);
    }
}

static void wait_for_events(void)
{
    for (unsigned cpu = 1; cpu < nr_cpus; cpu++) {
        uint32_t before = port_count[timer_port[cpu]];

        EXPECT_SOON(port_count[timer_port[cpu]] >= before + EVENTS ||
                    test_has_failed());
    }
}

/*
 * Waits until handlers that were running on other CPUs have completed: each CPU
 * has returned to arm_timers() after it.
 */
static void wait_for_handlers(void)
{
    for (unsigned cpu = 1; cpu < nr_cpus; cpu++) {
        uint32_t before = turns[cpu];

        EXPECT_SOON(turns[cpu] != before || test_has_failed());
    }
}

static uint64_t soon(unsigned turn)
{
    return system_time() + turn * 7919 % 300 * US;
}

/* Each timer fires once, in time. */
static void take_timers(void *unused)
{
    for (unsigned turn = this_cpu(); !stop && !test_has_failed(); turn++) {
        uint64_t when = soon(turn);
        uint32_t before = timer_fired();

        CHECK_EQ(turn % 2 ? set_singleshot(when, 0) : set_timer_op(when), 0);
        EXPECT_SOON(timer_fired() != before);
        CHECK_EQ(timer_fired(), before + 1);
        check_not_early(when);
    }
    check_silence(2);
}

static void check_switch(void)
{
    for (unsigned i = 0; i < SWITCHES && !test_has_failed(); i++) {
        reset_to_2level();
        bind_timers();
        start_others(take_timers);
        wait_for_events();
        events_switch_to_fifo();
        wait_for_events();
        stop_others();
    }
}

/* With and without a port bound. */
static void arm_timers(void *unused)
{
    for (unsigned turn = this_cpu(); !stop; turn++) {
        CHECK_EQ(set_singleshot(soon(turn), 0), 0);
        turns[this_cpu()]++;
    }
    CHECK_EQ(stop_singleshot(), 0);
}

/* Ports that reuse a timer port's number do not get its events. */
static void check_reset(void)
{
    for (unsigned i = 0; i < RESETS && !test_has_failed(); i++) {
        uint32_t port[NEW_PORTS];
        uint64_t end;

        bind_timers();
        start_others(arm_timers);
        wait_for_events();
        reset_to_2level();
        wait_for_handlers();
        for (unsigned n = 0; n < NEW_PORTS; n++) {
            port[n] = bind_ipi(n % nr_cpus);
        }
        for (end = system_time() + MS; system_time() < end;) {
            cpu_relax();
        }
        stop_others();
        for (unsigned n = 0; n < NEW_PORTS; n++) {
            CHECK_EQ(port_count[port[n]], 0);
            CHECK(!port_is_pending(port[n]));
            CHECK_EQ(port_close(port[n]), 0);
        }
    }
}

static Live64 deadline;

static void arm_for_deadline(void *ahead)
{
    deadline = system_time() + (uintptr_t)ahead;
    CHECK_EQ(set_singleshot(deadline, 0), 0);
}

static void be_back(void *unused)
{
}

/*
 * A timer whose port was closed must not raise the next port with that number,
 * whether its deadline is before, during or after the close.  That port belongs
 * to another CPU, so a wrong event stays pending.
 */
static void check_close_of_armed(void)
{
    unsigned last = nr_cpus - 1;

    for (unsigned n = 0; n < ARMED && !test_has_failed(); n++) {
        uint32_t port;

        bind_timers();
        cpu_call(last, arm_for_deadline, (void *)(uintptr_t)(n * 50 * US));
        cpu_wait(last);
        CHECK_EQ(port_close(timer_port[last]), 0);
        port = bind_ipi(0);
        CHECK(port == timer_port[last] || *is_fifo);
        while (system_time() < deadline + MS) {
            cpu_relax();
        }
        cpu_call(last, be_back, NULL);
        cpu_wait(last);
        CHECK(!port_is_pending(port));
        events_close_all();
    }
}

/*
 * Like check_reset(), but the port is closed and its number reused immediately.
 */
static void check_close(void)
{
    for (unsigned i = 0; i < RESETS && !test_has_failed(); i++) {
        uint32_t port;
        uint64_t end;

        bind_timers();
        start_others(arm_timers);
        wait_for_events();
        CHECK_EQ(port_close(timer_port[nr_cpus - 1]), 0);
        wait_for_handlers();
        port = bind_ipi(0);
        CHECK(port == timer_port[nr_cpus - 1] || *is_fifo);
        for (end = system_time() + MS; system_time() < end;) {
            cpu_relax();
        }
        stop_others();
        CHECK_EQ(port_count[port], 0);
        events_close_all();
    }
}

TEST(close, "timer-port-closed-by-another")
{
    if (nr_cpus > 1) {
        check_close_of_armed();
        check_close();
    }
}

TEST(end, "timer-of-others-reclaimed")
{
    if (nr_cpus == 1) {
        return;
    }
    if (*is_fifo) {
        check_switch();
    } else {
        check_reset();
    }
}
