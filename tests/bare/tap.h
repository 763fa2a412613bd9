/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The test framework, with output in the Test Anything Protocol
 *
 * TEST() defines and registers a test.  It runs on CPU 0 with interrupts
 * enabled; checks may also be made on other CPUs.
 */
#ifndef TESTS_BARE_TAP_H
#define TESTS_BARE_TAP_H

#include <stdbool.h>
#include <stdint.h>
#include "cpu.h"

struct Test {
    const char *name;
    void (*run)(void);
    bool early;
};

/*
 * The names are also in a section for the runner, which thus notices tests that
 * the guest did not reach.
 */
#define TEST_(func, title, is_early)                                    \
    static void func(void);                                             \
    static const char name_##func[]                                     \
        __attribute__((section(".names"), used, aligned(1))) = title;   \
    static const struct Test test_##func =                              \
        { name_##func, func, is_early };                                \
    static const struct Test *const place_##func                        \
        __attribute__((section(".tests"), used)) = &test_##func;        \
    static void func(void)

#define TEST(func, title)       TEST_(func, title, false)
/* A test that is run before upcalls and FIFO are set up. */
#define TEST_EARLY(func, title) TEST_(func, title, true)

/* Supports %d %u %x %s, with l and ll. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Runs the tests in @only, or all (NULL), and prints the results. */
void tests_run(const char *only);

/* Fails the current test, and prints "# FILE:LINE: ...". */
void test_failed(const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void test_skip(const char *why);
/* The current test has failed. */
bool test_has_failed(void);

void tap_bail_out(const char *format, ...)
    __attribute__((format(printf, 1, 2), noreturn));

#define CHECK(cond)                                                     \
    do {                                                                \
        if (!(cond)) {                                                  \
            test_failed(__FILE__, __LINE__, "false: %s", #cond);        \
        }                                                               \
    } while (0)

#define CHECK_EQ(a, b)                                                  \
    do {                                                                \
        long long a_ = (a), b_ = (b);                                   \
                                                                        \
        if (a_ != b_) {                                                 \
            test_failed(__FILE__, __LINE__, "%s is %lld (0x%llx), not " \
                        "%lld", #a, a_, a_, b_);                        \
        }                                                               \
    } while (0)

/*
 * Waits until @cond, or for WAIT_TICKS of the TSC, since clocks are under test.
 * That is tens of seconds, so that a busy host does not cause failures.  The TSC
 * may go on while the whole host stands still, hence also so many turns.
 */
#define WAIT_TICKS  60000000000ull
#define WAIT_TURNS  1000000
#define WAIT_FOR(cond)                                                  \
    do {                                                                \
        uint64_t begin_ = rdtsc();                                      \
        uint32_t turns_ = 0;                                            \
                                                                        \
        while (!(cond) && (turns_++ < WAIT_TURNS ||                     \
                           rdtsc() - begin_ < WAIT_TICKS)) {            \
            cpu_relax();                                                \
        }                                                               \
    } while (0)

#define EXPECT_SOON(cond)                                               \
    do {                                                                \
        WAIT_FOR(cond);                                                 \
        if (!(cond)) {                                                  \
            test_failed(__FILE__, __LINE__, "timed out: %s", #cond);    \
        }                                                               \
    } while (0)

#define EXPECT_SOON_EQ(a, b)                                            \
    do {                                                                \
        WAIT_FOR((a) == (b));                                           \
        if ((a) != (b)) {                                               \
            long long a_ = (a), b_ = (b);                               \
                                                                        \
            test_failed(__FILE__, __LINE__, "timed out: %s is %lld, "   \
                        "not %lld", #a, a_, b_);                        \
        }                                                               \
    } while (0)

/* Startup. */
void bare_main(void) __attribute__((noreturn));
void power_off(void) __attribute__((noreturn));
unsigned machine_cpus(void);
void lapic_init(void);
void lapic_stop(unsigned cpu);
void lapic_start(unsigned cpu, uint8_t page);
void pic_off(void);

#endif
