/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Events of all kinds concurrently on all CPUs: none is lost or spurious
 *
 * With the option "move", until the guest has been migrated to another QEMU.
 */
#include "stream.h"
#include "tap.h"

#define MS              1000000ull
#define DEBUG_CONSOLE   0xe9
/* The value of the other QEMU's debug console (its option readback). */
#define MOVED           0xea

/* Per CPU; written only by its timer's handler. */
static struct {
    _Atomic uint32_t ticks;
    uint64_t last;
} timers[MAX_CPUS];

static void arm(void *unused)
{
    struct vcpu_set_singleshot_timer op = {
        .timeout_abs_ns = system_time() + MS,
    };

    CHECK_EQ(VCPU_OP(VCPUOP_set_singleshot_timer, this_cpu(), &op), 0);
}

static void tick(uint32_t port)
{
    unsigned cpu = this_cpu();
    uint64_t now = system_time();

    CHECK(now >= timers[cpu].last + MS);
    timers[cpu].last = now;
    timers[cpu].ticks++;
    arm(NULL);
}

static void start_timers(void)
{
    for (unsigned cpu = 0; cpu < nr_cpus; cpu++) {
        uint32_t port = bind_virq(VIRQ_TIMER, cpu);

        timers[cpu].last = 0;
        port_handler[port] = tick;
    }
    cpu_call_all(arm, NULL);
}

static void wait_for_all(void)
{
    stream_wait_seen(0, 20);
    stream_wait_seen(1, 20);
    for (unsigned cpu = 0; cpu < nr_cpus; cpu++) {
        uint32_t before = timers[cpu].ticks;

        EXPECT_SOON(timers[cpu].ticks - before >= 5);
    }
}

TEST(all, "everything-at-once")
{
    uint32_t held, other = nr_cpus - 1;

    held = bind_ipi(other);
    port_mask(held);
    CHECK_EQ(port_send(held), 0);
    stream_by_ipi(0, 0);
    stream_by_loopback(1, other);
    start_timers();
    for (unsigned cpu = 1; cpu < nr_cpus; cpu++) {
        stream_start(cpu, 0, 2);
    }
    if (nr_cpus > 1) {
        wait_for_all();
    }
    if (guest_option("move")) {
        say("XENEMU: move=now");
        while (inb(DEBUG_CONSOLE) != MOVED && !test_has_failed()) {
            cpu_relax();
        }
        wait_for_all();
    }
    CHECK(port_is_pending(held) && port_is_masked(held));
    CHECK_EQ(port_count[held], 0);
    CHECK_EQ(port_unmask(held), 0);
    EXPECT_SOON(port_count[held]);
    stream_stop();
    CHECK_EQ(port_count[held], 1);
}
