/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Timers while the host stops and continues the VM repeatedly
 *
 * System time stands still while the VM is stopped, and so must timers: one
 * that is armed fires exactly once, when system time has reached its deadline.
 */
#include "tap.h"
#include "timers.h"

static uint32_t over_port;

static bool is_over(void)
{
    return port_count[over_port] || test_has_failed();
}

/* Alternately, the vCPU is busy or halted while its timer is armed. */
static void wait_for_event(uint32_t before, bool halted)
{
    if (!halted) {
        EXPECT_SOON(timer_fired() != before);
        return;
    }
    interrupts_off();
    while (timer_fired() == before) {
        asm volatile("sti; hlt; cli" : : : "memory");
    }
    interrupts_on();
}

/* Most are short; the long ones span several stops. */
static uint64_t delay(unsigned turn)
{
    return turn % 8 ? turn * 7919 % 3000 * US : 60 * MS;
}

static void arm_again_and_again(long (*arm)(uint64_t when))
{
    uint64_t latest = 0;

    for (unsigned turn = 0; !is_over(); turn++) {
        uint32_t before = timer_fired();
        uint64_t now = system_time(), when = now + delay(turn);

        CHECK(now >= latest);
        CHECK_EQ(arm(when), 0);
        wait_for_event(before, turn % 2);
        CHECK_EQ(timer_fired(), before + 1);
        check_not_early(when);
        latest = timer_fired_at[this_cpu()];
    }
    check_silence(10);
}

static long arm_singleshot(uint64_t when)
{
    return set_singleshot(when, 0);
}

/* Missed ticks are coalesced into one, which may fire immediately. */
static void tick_again_and_again(void)
{
    const uint64_t period = 2 * MS;
    uint64_t begin = system_time();
    uint32_t first;

    CHECK_EQ(set_periodic(period), 0);
    EXPECT_SOON(timer_fired());
    first = timer_fired();
    while (!is_over()) {
        uint32_t before = timer_fired();

        wait_for_event(before, before % 2);
        interrupts_off();
        check_not_early(begin + (timer_fired() - first) * period);
        interrupts_on();
    }
    CHECK_EQ(stop_periodic(), 0);
    check_silence(10);
}

static void keep_timing(void *unused)
{
    switch (this_cpu() % 3) {
    case 0:
        arm_again_and_again(arm_singleshot);
        break;
    case 1:
        arm_again_and_again(set_timer_op);
        break;
    default:
        tick_again_and_again();
        break;
    }
}

/*
 * The host waits for the message, and raises an event when it is done: only the
 * host knows how often it has stopped the VM.
 */
TEST(paused, "timer-across-pauses")
{
    if (!guest_is("pauses", "yes")) {
        test_skip("the host does not stop the VM");
        return;
    }
    bind_timers();
    over_port = bind_ipi(0);
    say("pauses: until port %u", over_port);
    cpu_call_all(keep_timing, NULL);
}
