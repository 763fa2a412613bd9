/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * HPET: how often QEMU wakes up for a periodic timer
 *
 * A step of the clock goes to the next timer of QEMU's, so steps are wake-ups.
 * Timer 0 is the periodic one, and timer 1 ends the count: it is due once,
 * after PERIODS periods.
 */
#include "qemu/osdep.h"
#include "libqtest.h"
#include "hw/timer/hpet.h"

#define HPET            HPET_BASE
#define TIMER(n, reg)   (HPET + 0x100 + 0x20 * (n) + (reg))
#define PERIODS         25

/* In ticks; Linux's tick is this long. */
#define PERIOD          (4000000 / HPET_CLK_PERIOD)
#define IRQ0_PIN        2

static QTestState *qts;

static uint64_t counter(void)
{
    return qtest_readq(qts, HPET + HPET_COUNTER);
}

/* As Linux does it. */
static void start_periodic(uint64_t flags)
{
    qtest_writeq(qts, TIMER(0, HPET_TN_CFG),
                 HPET_TN_ENABLE | HPET_TN_PERIODIC | HPET_TN_SETVAL | flags);
    qtest_writeq(qts, TIMER(0, HPET_TN_CMP), counter() + PERIOD);
    qtest_writeq(qts, TIMER(0, HPET_TN_CMP), PERIOD);
}

static void set_enabled(bool on)
{
    uint64_t cfg = qtest_readq(qts, TIMER(0, HPET_TN_CFG));

    qtest_writeq(qts, TIMER(0, HPET_TN_CFG),
                 on ? cfg | HPET_TN_ENABLE : cfg & ~HPET_TN_ENABLE);
}

/* A timer that QEMU sets for itself, long from now. */
static uint64_t start_single(void)
{
    uint64_t due = counter() + PERIODS * PERIOD + PERIOD / 2;

    qtest_writeq(qts, TIMER(1, HPET_TN_CFG), 0);
    qtest_writeq(qts, TIMER(1, HPET_TN_CMP), due);
    return due;
}

static unsigned wakeups_until(uint64_t due)
{
    unsigned n = 0;

    while (counter() < due) {
        qtest_clock_step_next(qts);
        n++;
    }
    return n;
}

static void begin(void)
{
    qts = qtest_init("-machine pc,hpet=on -accel qtest");
    qtest_irq_intercept_in(qts, "ioapic");
    qtest_writeq(qts, HPET + HPET_CFG, HPET_CFG_ENABLE | HPET_CFG_LEGACY);
}

static void test_enabled(void)
{
    uint64_t due;

    begin();
    start_periodic(0);
    due = start_single();
    g_assert_cmpuint(wakeups_until(due), >, PERIODS);
    qtest_quit(qts);
}

/* @flags: 32-bit or not. */
static void test_unseen(const void *flags)
{
    uint64_t first, due;

    begin();
    start_periodic(*(const uint64_t *)flags);
    first = qtest_readq(qts, TIMER(0, HPET_TN_CMP));
    set_enabled(false);
    due = start_single();
    g_assert_cmpuint(wakeups_until(due), ==, 1);

    /* It has run all the same. */
    g_assert_cmpuint(qtest_readq(qts, TIMER(0, HPET_TN_CMP)), ==,
                     first + PERIODS * PERIOD);
    qtest_clock_step(qts, PERIODS * PERIOD * HPET_CLK_PERIOD);
    set_enabled(true);
    g_assert_false(qtest_get_irq(qts, IRQ0_PIN));
    g_assert_cmpuint(qtest_readq(qts, TIMER(0, HPET_TN_CMP)), ==,
                     first + 2 * PERIODS * PERIOD);
    qtest_clock_step_next(qts);
    g_assert_cmpuint(counter(), ==, first + 2 * PERIODS * PERIOD);
    qtest_quit(qts);
}

/* The counter is stopped meanwhile; the comparator stays where it had come. */
static void test_stopped(void)
{
    uint64_t first;

    begin();
    start_periodic(HPET_TN_32BIT);
    first = qtest_readq(qts, TIMER(0, HPET_TN_CMP));
    set_enabled(false);
    qtest_clock_step(qts, (PERIODS * PERIOD + PERIOD / 2) * HPET_CLK_PERIOD);
    qtest_writeq(qts, HPET + HPET_CFG, HPET_CFG_LEGACY);
    qtest_clock_step(qts, PERIODS * PERIOD * HPET_CLK_PERIOD);
    qtest_writeq(qts, HPET + HPET_CFG, HPET_CFG_ENABLE | HPET_CFG_LEGACY);
    set_enabled(true);
    qtest_clock_step_next(qts);
    g_assert_cmpuint(counter(), ==, first + PERIODS * PERIOD);
    qtest_quit(qts);
}

/* Its status bit can be read, so it runs. */
static void test_level(void)
{
    begin();
    start_periodic(HPET_TN_TYPE_LEVEL);
    set_enabled(false);
    g_assert_cmphex(qtest_readq(qts, HPET + HPET_STATUS), ==, 0);
    qtest_clock_step(qts, PERIOD * HPET_CLK_PERIOD);
    g_assert_cmphex(qtest_readq(qts, HPET + HPET_STATUS), ==, 1);
    qtest_quit(qts);
}

int main(int argc, char **argv)
{
    static const uint64_t wide = 0, narrow = HPET_TN_32BIT;

    g_test_init(&argc, &argv, NULL);
    qtest_add_func("hpet/enabled", test_enabled);
    qtest_add_data_func("hpet/unseen/64", &wide, test_unseen);
    qtest_add_data_func("hpet/unseen/32", &narrow, test_unseen);
    qtest_add_func("hpet/stopped", test_stopped);
    qtest_add_func("hpet/level", test_level);
    return g_test_run();
}
