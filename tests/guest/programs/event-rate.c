/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The latency of an event, from send to read, through /dev/xen/evtchn
 *
 *     event-rate EVENTS
 *
 * Runs in a guest.  Sends to the two ends of a loopback channel alternately, so
 * that at most one event is pending.  First with one thread, then with two, on
 * the first and the last vCPU, which block in between.
 *
 * Prints for each of them the line
 *   event-ns=NAME NS       average time per event
 * or, if something fails, error=..., with exit status 1.
 */
#define _GNU_SOURCE
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>
#include "evtchn.h"

typedef struct End {
    int fd;
    uint32_t port;
} End;

static End ends[2];
static unsigned events;

static void notify(const End *end)
{
    evtchn_notify(end->fd, end->port);
}

/* Waits for the event, and unmasks the port. */
static void take(const End *end)
{
    struct pollfd pfd = { .fd = end->fd, .events = POLLIN };
    uint32_t port;

    if (poll(&pfd, 1, PATIENCE_MS) != 1 ||
        read(end->fd, &port, sizeof(port)) != sizeof(port) ||
        port != end->port ||
        write(end->fd, &port, sizeof(port)) != sizeof(port)) {
        die("an event");
    }
}

static uint64_t now_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * UINT64_C(1000000000) + ts.tv_nsec;
}

static void report(const char *name, uint64_t start)
{
    printf("event-ns=%s %llu\n", name,
           (unsigned long long)((now_ns() - start) / events));
    fflush(stdout);
}

static void *answer(void *cpu)
{
    run_on((uintptr_t)cpu);
    for (unsigned i = 0; i < events / 2; i++) {
        take(&ends[1]);
        notify(&ends[1]);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    unsigned last = sysconf(_SC_NPROCESSORS_ONLN) - 1;
    pthread_t other;
    uint64_t start;

    events = argc == 2 ? atoi(argv[1]) / 2 * 2 : 0;
    if (!events) {
        printf("error=usage: event-rate EVENTS\n");
        return 2;
    }
    run_on(0);
    ends[0].fd = evtchn_open();
    ends[0].port = evtchn_bind_unbound(ends[0].fd);
    ends[1].fd = evtchn_open();
    ends[1].port = evtchn_bind_loopback(ends[1].fd, ends[0].port);
    take(&ends[1]);         /* binding raised it */

    start = now_ns();
    for (unsigned i = 0; i < events; i++) {
        notify(&ends[i % 2]);
        take(&ends[!(i % 2)]);
    }
    report("one-thread", start);

    if (pthread_create(&other, NULL, answer, (void *)(uintptr_t)last) != 0) {
        die("pthread_create");
    }
    start = now_ns();
    for (unsigned i = 0; i < events / 2; i++) {
        notify(&ends[0]);
        take(&ends[0]);
    }
    report("two-threads", start);
    pthread_join(other, NULL);
    return 0;
}
