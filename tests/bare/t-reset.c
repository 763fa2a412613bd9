/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * EVTCHNOP_reset, and a soft reset as in a kexec
 */
#include "stream.h"
#include "tap.h"

#define MS      1000000ull
#define ROUNDS  3

static void arm_timer(uint64_t when)
{
    struct vcpu_set_singleshot_timer op = { .timeout_abs_ns = when };

    CHECK_EQ(VCPU_OP(VCPUOP_set_singleshot_timer, this_cpu(), &op), 0);
}

/* Events of all kinds are delivered to all CPUs. */
static void check_life(void)
{
    uint32_t timer = bind_virq(VIRQ_TIMER, 0), pair[2];

    for (unsigned cpu = 0; cpu < nr_cpus; cpu++) {
        uint32_t port = bind_ipi(cpu);

        CHECK_EQ(port_send(port), 0);
        EXPECT_SOON_EQ(port_count[port], 1);
    }
    bind_loopback(pair);
    CHECK_EQ(port_send(pair[0]), 0);
    EXPECT_SOON_EQ(port_count[pair[1]], 1);
    arm_timer(system_time() + MS);
    EXPECT_SOON_EQ(port_count[timer], 1);
    events_close_all();
}

/* Leaves pending, masked and linked ports at the time of the reset. */
static void leave_traces(void)
{
    interrupts_off();
    for (unsigned i = 0; i < 40; i++) {
        uint32_t port = bind_ipi(i % nr_cpus);

        if (i % 3 == 0) {
            port_mask(port);
        }
        CHECK_EQ(port_send(port), 0);
    }
    interrupts_on();
}

TEST(evtchn, "evtchn-reset")
{
    struct evtchn_reset op = { .dom = DOMID_SELF };

    for (unsigned i = 0; i < ROUNDS && !test_has_failed(); i++) {
        struct evtchn_status status = { .dom = DOMID_SELF };

        check_life();
        leave_traces();
        CHECK_EQ(EVTCHN_OP(EVTCHNOP_reset, &op), 0);
        status.port = bind_ipi(0);
        CHECK_EQ(EVTCHN_OP(EVTCHNOP_status, &status), 0);
        CHECK_EQ(status.status, EVTCHNSTAT_ipi);
        CHECK_EQ(EVTCHN_OP(EVTCHNOP_reset, &op), 0);
        CHECK_EQ(port_send(status.port), -XEN_EINVAL);
        events_clear_2level();
        events_forget_abi();
        events_set_up();
        check_life();
    }
}

/* Even a port that the armed timer of another vCPU would raise is closed. */
TEST(timer, "evtchn-reset-with-timer-armed")
{
    struct evtchn_reset op = { .dom = DOMID_SELF };
    uint32_t timer = bind_virq(VIRQ_TIMER, 0), before;

    arm_timer(system_time() + 2 * MS);
    CHECK_EQ(EVTCHN_OP(EVTCHNOP_reset, &op), 0);
    events_clear_2level();
    events_forget_abi();
    events_set_up();
    /* It may have been raised before the reset. */
    before = port_count[timer];
    for (uint64_t end = system_time() + 5 * MS; system_time() < end;) {
        cpu_relax();
    }
    CHECK_EQ(port_count[timer], before);
    timer = bind_virq(VIRQ_TIMER, 0);
    CHECK_EQ(port_count[timer], 0);
    arm_timer(system_time() + MS);
    EXPECT_SOON_EQ(port_count[timer], 1);
}

TEST(soft, "soft-reset")
{
    struct sched_shutdown op = { .reason = SHUTDOWN_soft_reset };

    for (unsigned i = 0; i < ROUNDS && !test_has_failed(); i++) {
        SharedInfo *old = shared_info;

        check_life();
        leave_traces();
        CHECK(old->wc_sec != 0);
        CHECK_EQ(SCHED_OP(SCHEDOP_shutdown, &op), 0);
        /*
         * The shared info page is unmapped, and the RAM below is visible again.
         */
        CHECK_EQ(old->wc_sec, 0);
        events_forget();
        CHECK_EQ(guest_map_shared_info(i % SHARED_INFO_PLACES), 0);
        CHECK(shared_info->wc_sec != 0);
        events_clear_2level();
        events_set_up();
        check_life();
    }
}

/* All kinds of upcalls work again. */
TEST(soft_upcall, "soft-reset-upcall")
{
    struct sched_shutdown op = { .reason = SHUTDOWN_soft_reset };
    static const enum Upcall ways[] = {
        UPCALL_VECTOR, UPCALL_GSI, UPCALL_VCPU,
    };

    for (unsigned i = 0; i < ARRAY_SIZE(ways) && !test_has_failed(); i++) {
        uint8_t vector = upcall_vector(ways[i]);
        uint32_t port, before;

        CHECK_EQ(SCHED_OP(SCHEDOP_shutdown, &op), 0);
        events_forget();
        CHECK_EQ(guest_map_shared_info(0), 0);
        events_clear_2level();
        events_set_up_abi();
        CHECK_EQ(events_use(ways[i]), 0);
        port = bind_ipi(0);
        before = interrupts[0][vector];
        CHECK_EQ(port_send(port), 0);
        EXPECT_SOON_EQ(port_count[port], 1);
        CHECK(interrupts[0][vector] != before);
    }
}

static _Atomic uint32_t busy_turns[MAX_CPUS];
static _Atomic bool busy_stop;

/* Hypercalls that look at ports, whatever becomes of these. */
static void be_busy(void *arg)
{
    while (!busy_stop && !test_has_failed()) {
        struct evtchn_status op = { .dom = DOMID_SELF, .port = 1 };

        CHECK_EQ(EVTCHN_OP(EVTCHNOP_status, &op), 0);
        busy_turns[this_cpu()]++;
    }
}

static bool all_are_busy(void)
{
    for (unsigned cpu = 1; cpu < nr_cpus; cpu++) {
        if (busy_turns[cpu] == 0) {
            return false;
        }
    }
    return true;
}

static void wait_until_busy(void)
{
    for (unsigned cpu = 0; cpu < nr_cpus; cpu++) {
        busy_turns[cpu] = 0;
    }
    EXPECT_SOON(all_are_busy());
}

static void request_soft_reset(void *arg)
{
    struct sched_shutdown op = { .reason = SHUTDOWN_soft_reset };

    CHECK_EQ(SCHED_OP(SCHEDOP_shutdown, &op), 0);
}

static void begin_again(void)
{
    events_forget();
    CHECK_EQ(guest_map_shared_info(0), 0);
    events_clear_2level();
    events_set_up();
}

/* vCPUs are paused wherever they are, and run on: QEMU checks the former. */
TEST(soft_busy, "soft-reset-others-busy")
{
    busy_stop = false;
    for (unsigned cpu = 1; cpu < nr_cpus; cpu++) {
        cpu_call(cpu, be_busy, NULL);
    }
    for (unsigned i = 0; i < ROUNDS && !test_has_failed(); i++) {
        wait_until_busy();
        request_soft_reset(NULL);
    }
    wait_until_busy();
    busy_stop = true;
    for (unsigned cpu = 1; cpu < nr_cpus; cpu++) {
        cpu_wait(cpu);
    }
    begin_again();
    check_life();
}

/* One reset or several, each request returns once there is none pending. */
TEST(soft_many, "soft-reset-by-all")
{
    for (unsigned i = 0; i < ROUNDS && !test_has_failed(); i++) {
        cpu_call_all(request_soft_reset, NULL);
        begin_again();
        check_life();
    }
}
