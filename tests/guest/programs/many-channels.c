/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Binds thousands of event channels through /dev/xen/evtchn, and counts the
 * events of each of them
 *
 *     many-channels CHANNELS
 *
 * Runs in a guest.  The channels are both ends of loopback pairs, so a send to
 * one end raises an event on the other.  There is a thread for each vCPU, with
 * an equal share of the pairs, and all threads send concurrently.  In each pass
 * each channel must deliver exactly the expected number of events to its
 * reader:
 *
 *   bind    binding the second end raises it once
 *   sent    each end is sent to once
 *   masked  again, while the kernel keeps each channel masked: no event
 *   unmask  unmasking each delivers what was sent while it was masked
 *   quiet   no further event
 *
 * Prints lines KEY=VALUE:
 *   channels-bound=N        ports bound
 *   channels-highest=N      the highest port
 *   channels-pass=NAME EVENTS WRONG
 *                           events read; channels with a wrong number of events
 *   channels-vcpu=CPU N     interrupts of the channels on that vCPU
 *   channels-irqs=N TWICE THRICE
 *                           interrupts in total; channels with two or three
 *                           (the first and second ends, if all is well)
 * or, if something fails, error=..., with exit status 1.
 */
#define _GNU_SOURCE
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include "evtchn.h"

#define MAX_CPUS        64
#define PORTS_A_READ    1024
#define QUIET_MS        300

typedef struct Share {
    pthread_t thread;
    unsigned cpu;
    int fd;
    unsigned nr;                /* channels: first, second, first, ... */
    uint32_t *port;
} Share;

static unsigned nr_cpus;
static Share shares[MAX_CPUS];
static pthread_barrier_t barrier;
/* By port; each is written by one thread only. */
static uint8_t seen[MAX_PORTS];

static void bind_share(Share *s)
{
    for (unsigned i = 0; i < s->nr; i += 2) {
        s->port[i] = evtchn_bind_unbound(s->fd);
        s->port[i + 1] = evtchn_bind_loopback(s->fd, s->port[i]);
    }
}

static void send_share(const Share *s)
{
    for (unsigned i = 0; i < s->nr; i++) {
        evtchn_notify(s->fd, s->port[i]);
    }
}

/* Unmasks the channels, by writing their ports to the device. */
static void unmask_share(const Share *s, unsigned first, unsigned step)
{
    uint32_t ports[PORTS_A_READ];
    unsigned n = 0;

    for (unsigned i = first; i < s->nr; i += step) {
        ports[n++] = s->port[i];
        if (n == PORTS_A_READ || i + step >= s->nr) {
            if (write(s->fd, ports, n * sizeof(*ports)) < 0) {
                die("write");
            }
            n = 0;
        }
    }
}

/*
 * Reads @wanted events, and checks that there are no more.  Counts in seen[].
 */
static void read_share(const Share *s, unsigned wanted)
{
    struct pollfd pfd = { .fd = s->fd, .events = POLLIN };
    uint32_t ports[PORTS_A_READ];
    unsigned got = 0;

    while (poll(&pfd, 1, got < wanted ? PATIENCE_MS : QUIET_MS) > 0) {
        ssize_t len = read(s->fd, ports, sizeof(ports));

        if (len <= 0) {
            die("read");
        }
        for (unsigned i = 0; i < len / sizeof(*ports); i++) {
            seen[ports[i] % MAX_PORTS]++;
        }
        got += len / sizeof(*ports);
    }
}

/*
 * All threads have finished a pass: one of them checks it.  The first end of
 * each pair must have had @first events, the second @second.
 */
static void judge(const char *name, unsigned first, unsigned second)
{
    unsigned events = 0, wrong = 0;

    if (pthread_barrier_wait(&barrier) == PTHREAD_BARRIER_SERIAL_THREAD) {
        for (unsigned cpu = 0; cpu < nr_cpus; cpu++) {
            Share *s = &shares[cpu];

            for (unsigned i = 0; i < s->nr; i++) {
                uint32_t port = s->port[i];

                events += seen[port];
                wrong += seen[port] != (i % 2 ? second : first);
                seen[port] = 0;
            }
        }
        /* Events of ports that are not bound here. */
        for (unsigned port = 0; port < MAX_PORTS; port++) {
            wrong += seen[port] != 0;
            seen[port] = 0;
        }
        printf("channels-pass=%s %u %u\n", name, events, wrong);
        fflush(stdout);
    }
    pthread_barrier_wait(&barrier);
}

static void *run_share(void *opaque)
{
    Share *s = opaque;

    run_on(s->cpu);
    bind_share(s);
    read_share(s, s->nr / 2);
    judge("bind", 0, 1);

    unmask_share(s, 1, 2);
    send_share(s);
    read_share(s, s->nr);
    judge("sent", 1, 1);

    send_share(s);
    read_share(s, 0);
    judge("masked", 0, 0);

    unmask_share(s, 0, 1);
    read_share(s, s->nr);
    judge("unmask", 1, 1);

    unmask_share(s, 0, 1);
    read_share(s, 0);
    judge("quiet", 0, 0);
    return NULL;
}

/* The kernel's interrupt counts, per vCPU and in total. */
static void report_interrupts(void)
{
    static const char name[] = "evtchn:many-channels";
    unsigned long per_cpu[MAX_CPUS] = { 0 }, all = 0;
    unsigned twice = 0, thrice = 0;
    FILE *f = fopen("/proc/interrupts", "r");
    char *line = NULL;
    size_t size = 0;

    if (!f) {
        die("/proc/interrupts");
    }
    while (getline(&line, &size, f) > 0) {
        char *at = strchr(line, ':');
        unsigned long sum = 0;

        if (!at || !strstr(at, name)) {
            continue;
        }
        at++;
        for (unsigned cpu = 0; cpu < nr_cpus; cpu++) {
            unsigned long n = 0;
            int len = 0;

            sscanf(at, "%lu%n", &n, &len);
            at += len;
            per_cpu[cpu] += n;
            sum += n;
        }
        twice += sum == 2;
        thrice += sum == 3;
        all += sum;
    }
    free(line);
    fclose(f);
    for (unsigned cpu = 0; cpu < nr_cpus; cpu++) {
        printf("channels-vcpu=%u %lu\n", cpu, per_cpu[cpu]);
    }
    printf("channels-irqs=%lu %u %u\n", all, twice, thrice);
}

int main(int argc, char **argv)
{
    unsigned channels = argc == 2 ? atoi(argv[1]) : 0;
    uint32_t highest = 0, bound = 0;

    nr_cpus = sysconf(_SC_NPROCESSORS_ONLN);
    if (nr_cpus > MAX_CPUS || channels < 2 * nr_cpus) {
        fprintf(stderr, "usage: many-channels CHANNELS\n");
        return 2;
    }
    pthread_barrier_init(&barrier, NULL, nr_cpus);
    for (unsigned cpu = 0; cpu < nr_cpus; cpu++) {
        Share *s = &shares[cpu];

        s->cpu = cpu;
        s->nr = channels / nr_cpus / 2 * 2;
        s->port = calloc(s->nr, sizeof(*s->port));
        if (!s->port) {
            die("calloc");
        }
        s->fd = evtchn_open();
        bound += s->nr;
    }
    for (unsigned cpu = 0; cpu < nr_cpus; cpu++) {
        if (pthread_create(&shares[cpu].thread, NULL, run_share,
                           &shares[cpu]) != 0) {
            die("pthread_create");
        }
    }
    for (unsigned cpu = 0; cpu < nr_cpus; cpu++) {
        Share *s = &shares[cpu];

        pthread_join(s->thread, NULL);
        for (unsigned i = 0; i < s->nr; i++) {
            highest = s->port[i] > highest ? s->port[i] : highest;
        }
    }
    printf("channels-bound=%u\nchannels-highest=%u\n", bound, highest);
    report_interrupts();
    return 0;
}
