// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Measures how late sleeps end
 *
 *     lateness MICROSECONDS:TIMES...
 *
 * Sleeps for MICROSECONDS, TIMES times, on a vCPU that does nothing else.
 * Prints for each argument a line
 *
 *     lateness=MICROSECONDS TIMES PERCENTILE:NANOSECONDS...
 *
 * Lateness is the time from the end of the sleep until the program runs again.
 * The kernel's timer slack is disabled.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>

static const double percentiles[] = {
    0, 10, 25, 50, 75, 90, 95, 99, 99.5, 99.9, 100,
};

static int64_t now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * 1000000000ll + ts.tv_nsec;
}

static int64_t sleep_once(int64_t ns)
{
    struct timespec ts = { .tv_sec = ns / 1000000000,
                           .tv_nsec = ns % 1000000000 };
    int64_t end = now() + ns;

    /* Interrupted only by signals, of which there are none. */
    if (nanosleep(&ts, NULL)) {
        perror("nanosleep");
        exit(1);
    }
    return now() - end;
}

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return x < y ? -1 : x > y;
}

static void measure(long us, long times)
{
    int64_t *late = malloc(times * sizeof(*late));

    if (!late) {
        perror("malloc");
        exit(1);
    }
    /* Warm up caches and pages first. */
    for (long i = -20; i < times; i++) {
        late[i < 0 ? 0 : i] = sleep_once(us * 1000);
    }
    qsort(late, times, sizeof(*late), by_value);
    printf("lateness=%ld %ld", us, times);
    for (size_t i = 0; i < sizeof(percentiles) / sizeof(*percentiles); i++) {
        long rank = (long)(percentiles[i] / 100 * (times - 1) + 0.5);

        printf(" %g:%lld", percentiles[i], (long long)late[rank]);
    }
    printf("\n");
    fflush(stdout);
    free(late);
}

int main(int argc, char **argv)
{
    struct sched_param urgent = { .sched_priority = 50 };

    if (mlockall(MCL_CURRENT | MCL_FUTURE) || prctl(PR_SET_TIMERSLACK, 1) ||
        sched_setscheduler(0, SCHED_FIFO, &urgent)) {
        perror("lateness");
        return 1;
    }
    for (int i = 1; i < argc; i++) {
        long us, times;

        if (sscanf(argv[i], "%ld:%ld", &us, &times) != 2 || us < 0 ||
            us > 10000000 || times < 1 || times > 1000000) {
            fprintf(stderr, "lateness: invalid argument %s\n", argv[i]);
            return 1;
        }
        measure(us, times);
    }
    return 0;
}
