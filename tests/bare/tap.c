/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Output in TAP format, to the debug console, a port that takes bytes
 */
#include <stdarg.h>
#include "events.h"
#include "symbols.h"
#include "tap.h"
#include "timers.h"

#define DEBUG_CONSOLE   0xe9

#define MOST_REASONS    5       /* printed per test */

static struct {
    _Atomic unsigned failures;
    const char *skipped;
} current;

static bool print_lock;

/* Interrupt handlers print, too. */
static unsigned long lock_output(void)
{
    unsigned long flags;

    asm volatile("pushf; pop %0; cli" : "=r"(flags) : : "memory");
    while (__atomic_test_and_set(&print_lock, __ATOMIC_ACQUIRE)) {
        cpu_relax();
    }
    return flags;
}

static void unlock_output(unsigned long flags)
{
    __atomic_clear(&print_lock, __ATOMIC_RELEASE);
    asm volatile("push %0; popf" : : "r"(flags) : "memory", "cc");
}

static void put(char c)
{
    outb(DEBUG_CONSOLE, c);
}

static void put_string(const char *s)
{
    while (*s) {
        put(*s++);
    }
}

/* 32-bit code has no 64-bit division without libgcc. */
static unsigned divide(uint64_t *val, unsigned base)
{
    uint32_t high = *val >> 32, low = *val, rest;

    rest = high % base;
    high /= base;
    asm("divl %4" : "=a"(low), "=d"(rest)
        : "0"(low), "1"(rest), "r"(base) : "cc");
    *val = (uint64_t)high << 32 | low;
    return rest;
}

static void put_number(uint64_t val, unsigned base)
{
    char digits[24];
    unsigned n = 0;

    do {
        digits[n++] = "0123456789abcdef"[divide(&val, base)];
    } while (val);
    while (n) {
        put(digits[--n]);
    }
}

static void put_signed(int64_t val)
{
    if (val < 0) {
        put('-');
    }
    put_number(val < 0 ? -(uint64_t)val : (uint64_t)val, 10);
}

static void put_formatted(const char *format, va_list args)
{
    for (; *format; format++) {
        unsigned longs = 0;

        if (*format != '%') {
            put(*format);
            continue;
        }
        while (*++format == 'l') {
            longs++;
        }
        switch (*format) {
        case 's':
            put_string(va_arg(args, const char *));
            break;
        case 'd':
            put_signed(longs == 2 ? va_arg(args, long long) :
                       longs ? va_arg(args, long) : va_arg(args, int));
            break;
        default:
            put_number(longs == 2 ? va_arg(args, unsigned long long) :
                       longs ? va_arg(args, unsigned long) :
                       va_arg(args, unsigned), *format == 'x' ? 16 : 10);
            break;
        }
    }
}

void say(const char *format, ...)
{
    unsigned long flags = lock_output();
    va_list args;

    va_start(args, format);
    put_formatted(format, args);
    va_end(args);
    put('\n');
    unlock_output(flags);
}

void test_failed(const char *file, int line, const char *format, ...)
{
    unsigned long flags = lock_output();
    va_list args;

    if (++current.failures > MOST_REASONS) {
        unlock_output(flags);
        return;
    }
    put_string("# ");
    put_string(file);
    put(':');
    put_number(line, 10);
    put_string(": ");
    va_start(args, format);
    put_formatted(format, args);
    va_end(args);
    put('\n');
    unlock_output(flags);
}

bool test_has_failed(void)
{
    return current.failures;
}

void test_skip(const char *why)
{
    current.skipped = why;
}

void tap_bail_out(const char *format, ...)
{
    va_list args;

    lock_output();
    put_string("Bail out! ");
    va_start(args, format);
    put_formatted(format, args);
    va_end(args);
    put('\n');
    power_off();
}

/* @name is in @list: words separated by commas, up to a blank. */
static bool is_listed(const char *name, const char *list)
{
    while (*list && *list != ' ') {
        const char *n = name;

        while (*n && *n == *list) {
            n++;
            list++;
        }
        if (!*n && (!*list || *list == ',' || *list == ' ')) {
            return true;
        }
        while (*list && *list != ' ' && *list++ != ',') {
            continue;
        }
    }
    return false;
}

void tests_run(const char *only)
{
    unsigned count = 0, number = 0;

    for (const struct Test *const *p = tests_begin; p < tests_end; p++) {
        count += !only || is_listed((*p)->name, only);
    }
    say("TAP version 13");
    say("1..%u", count);
    for (const struct Test *const *p = tests_begin; p < tests_end; p++) {
        const struct Test *t = *p;

        if (only && !is_listed(t->name, only)) {
            continue;
        }
        current.failures = 0;
        current.skipped = NULL;
        if (!t->early) {
            events_set_up();
        }
        t->run();
        events_close_all();
        /* Else the next test's VIRQ_TIMER gets the event of a timer left armed. */
        stop_all_timers();
        number++;
        if (current.skipped && !current.failures) {
            say("ok %u - %s # SKIP %s", number, t->name, current.skipped);
        } else {
            say("%s %u - %s", current.failures ? "not ok" : "ok", number,
                t->name);
        }
    }
}
