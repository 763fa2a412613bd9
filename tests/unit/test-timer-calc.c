/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Arithmetic of Xen's timers: overflow rule, ticks without drift, waits
 */
#include <glib.h>
#include "hw/xen/emu/vcpu/timer-calc.h"

#define MS      1000000ull
#define NOW     (5000 * MS)
#define FAR     (1ull << 50)

static void test_due(void)
{
    g_assert_true(xen_timer_is_due(NOW - 1, NOW));
    g_assert_true(xen_timer_is_due(NOW, NOW));
    g_assert_false(xen_timer_is_due(NOW + 1, NOW));
    g_assert_true(xen_timer_is_due(0, 0));
    /* The guest's value is signed. */
    g_assert_false(xen_timer_is_due(INT64_MAX, NOW));
    g_assert_true(xen_timer_is_due((uint64_t)INT64_MAX + 1, NOW));
    g_assert_true(xen_timer_is_due(UINT64_MAX, NOW));
}

static void test_op_overflow(void)
{
    uint64_t later = NOW + 100 * MS;

    g_assert_cmpuint(xen_timer_op_deadline(NOW + 1, NOW), ==, NOW + 1);
    g_assert_cmpuint(xen_timer_op_deadline(NOW - 1, NOW), ==, NOW - 1);
    g_assert_cmpuint(xen_timer_op_deadline(1, NOW), ==, 1);

    g_assert_cmpuint(xen_timer_op_deadline(NOW + FAR - 1, NOW), ==,
                     NOW + FAR - 1);
    g_assert_cmpuint(xen_timer_op_deadline(NOW + FAR, NOW), ==, later);
    g_assert_cmpuint(xen_timer_op_deadline(INT64_MAX, NOW), ==, later);

    g_assert_cmpuint(xen_timer_op_deadline((uint64_t)INT64_MAX + 1, NOW), ==,
                     later);
    g_assert_cmpuint(xen_timer_op_deadline(UINT64_MAX, NOW), ==, later);
}

static void test_period_range(void)
{
    g_assert_false(xen_timer_period_valid(0));
    g_assert_false(xen_timer_period_valid(MS - 1));
    g_assert_true(xen_timer_period_valid(MS));
    g_assert_true(xen_timer_period_valid((1ull << 62) - 1));
    g_assert_false(xen_timer_period_valid(1ull << 62));
    g_assert_false(xen_timer_period_valid(UINT64_MAX));
}

static void test_next_tick(void)
{
    /* In time, or late by less than a period: no drift. */
    g_assert_cmpuint(xen_timer_next_tick(NOW, MS, NOW), ==, NOW + MS);
    g_assert_cmpuint(xen_timer_next_tick(NOW, MS, NOW + 1), ==, NOW + MS);
    g_assert_cmpuint(xen_timer_next_tick(NOW, MS, NOW + MS - 1), ==, NOW + MS);
    /* Late by whole periods: these ticks are skipped, the phase stays. */
    g_assert_cmpuint(xen_timer_next_tick(NOW, MS, NOW + MS), ==, NOW + 2 * MS);
    g_assert_cmpuint(xen_timer_next_tick(NOW, MS, NOW + 7 * MS + 3), ==,
                     NOW + 8 * MS);
    /* The longest period, after the longest possible uptime. */
    g_assert_cmpuint(xen_timer_next_tick(0, XEN_TIMER_PERIOD_MAX_NS, 5), ==,
                     XEN_TIMER_PERIOD_MAX_NS);
    g_assert_cmpuint(xen_timer_next_tick(0, XEN_TIMER_PERIOD_MAX_NS,
                                         INT64_MAX - 2), <,
                     UINT64_MAX - XEN_TIMER_PERIOD_MAX_NS);
}

/* 1000 ticks with random delays end at the deadline of the 1000th. */
static void test_no_drift(void)
{
    uint64_t period = 1234567;
    uint64_t due = NOW;

    for (int i = 0; i < 1000; i++) {
        uint64_t served = due + g_test_rand_int_range(0, period);

        due = xen_timer_next_tick(due, period, served);
    }
    g_assert_cmpuint(due, ==, NOW + 1000 * period);
}

static void test_wait(void)
{
    g_assert_cmpint(xen_timer_wait_ns(NOW - 1, NOW, false), ==, 0);
    g_assert_cmpint(xen_timer_wait_ns(UINT64_MAX, NOW, true), ==, 0);
    g_assert_cmpint(xen_timer_wait_ns(NOW + 1000 * MS, NOW, true), ==,
                    1000 * MS);
    g_assert_cmpint(xen_timer_wait_ns(INT64_MAX, 1, true), ==, INT64_MAX - 1);
    /* With another clock a short wait is not shortened... */
    g_assert_cmpint(xen_timer_wait_ns(NOW + 100 * MS, NOW, false), ==,
                    100 * MS);
    g_assert_cmpint(xen_timer_wait_ns(NOW + 1, NOW, false), ==, 1);
}

/* ...and a long one is late by no more than a short one, at any drift. */
static void test_wait_drifting(void)
{
    for (int ppm = -500; ppm <= 500; ppm += 100) {
        uint64_t deadline = 3600 * 1000 * MS;
        uint64_t now = 0;
        int waits = 0;

        while (!xen_timer_is_due(deadline, now)) {
            int64_t wait = xen_timer_wait_ns(deadline, now, false);

            g_assert_cmpint(wait, >, 0);
            now += wait + (wait * ppm + 999999) / 1000000;
            waits++;
        }
        g_assert_cmpuint(now - deadline, <=, 100 * MS * 500 / 1000000 + 1);
        /* With a slow clock the last waits are a few ns. */
        g_assert_cmpint(waits, <, 12);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/xen/timer-calc/due", test_due);
    g_test_add_func("/xen/timer-calc/op-overflow", test_op_overflow);
    g_test_add_func("/xen/timer-calc/period-range", test_period_range);
    g_test_add_func("/xen/timer-calc/next-tick", test_next_tick);
    g_test_add_func("/xen/timer-calc/no-drift", test_no_drift);
    g_test_add_func("/xen/timer-calc/wait", test_wait);
    g_test_add_func("/xen/timer-calc/wait-drifting", test_wait_drifting);
    return g_test_run();
}
