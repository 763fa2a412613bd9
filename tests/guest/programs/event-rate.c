/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How long an event takes, from the send to the reader, through
 * /dev/xen/evtchn
 *
 *     event-rate EVENTS
 *
 * Runs in a guest.  The two ends of a loop-back channel are sent to and read in
 * turn, so that never more than one event is on its way.  First by one thread,
 * then by two, on the first and the last vCPU, which sleep in between.
 *
 * Prints, for each form, the line
 *   event-ns=NAME NS       of time for an event, on average
 * and, when something fails, error=...; the exit status is then 1.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

/* The kernel's interface: its include/uapi/xen/evtchn.h. */
#define EVTCHN_IOCTL(nr, words) \
    _IOC(_IOC_NONE, 'E', nr, (words) * sizeof(uint32_t))
#define BIND_INTERDOMAIN    EVTCHN_IOCTL(1, 2)  /* remote domain, its port */
#define BIND_UNBOUND_PORT   EVTCHN_IOCTL(2, 1)  /* remote domain */
#define NOTIFY              EVTCHN_IOCTL(4, 1)  /* own port */

#define DOMID_SELF      0x7ff0
#define PATIENCE_MS     20000   /* a busy host may stop vCPUs for seconds */

typedef struct End {
    int fd;
    uint32_t port;
} End;

static End ends[2];
static unsigned events;

static void die(const char *what)
{
    printf("error=event-rate: %s: %s\n", what, strerror(errno));
    fflush(stdout);
    _exit(1);
}

static void bind_end(End *end, unsigned long how, uint32_t remote)
{
    uint32_t arg[2] = { DOMID_SELF, remote };
    int port;

    end->fd = open("/dev/xen/evtchn", O_RDWR | O_CLOEXEC);
    if (end->fd < 0) {
        die("/dev/xen/evtchn");
    }
    port = ioctl(end->fd, how, arg);
    if (port <= 0) {
        die("bind");
    }
    end->port = port;
}

static void notify(const End *end)
{
    if (ioctl(end->fd, NOTIFY, &end->port) != 0) {
        die("notify");
    }
}

/* Waits for the event, and takes the next one from here on. */
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

static void run_on(unsigned cpu)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    if (sched_setaffinity(0, sizeof(set), &set) != 0) {
        die("sched_setaffinity");
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
    bind_end(&ends[0], BIND_UNBOUND_PORT, 0);
    bind_end(&ends[1], BIND_INTERDOMAIN, ends[0].port);
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
