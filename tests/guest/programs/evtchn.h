/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * /dev/xen/evtchn, for programs that run in a guest
 *
 * An error ends the program with exit status 1, after a line error=... on
 * standard output.
 */
#ifndef TESTS_GUEST_PROGRAMS_EVTCHN_H
#define TESTS_GUEST_PROGRAMS_EVTCHN_H

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* The kernel's ABI: include/uapi/xen/evtchn.h. */
#define EVTCHN_IOCTL(nr, words) \
    _IOC(_IOC_NONE, 'E', nr, (words) * sizeof(uint32_t))
#define BIND_INTERDOMAIN    EVTCHN_IOCTL(1, 2)  /* remote domain, its port */
#define BIND_UNBOUND_PORT   EVTCHN_IOCTL(2, 1)  /* remote domain */
#define NOTIFY              EVTCHN_IOCTL(4, 1)  /* own port */

#define DOMID_SELF      0x7ff0
#define MAX_PORTS       131072  /* of the FIFO ABI */
/* A busy host may stop vCPUs for seconds. */
#define PATIENCE_MS     20000

static inline void die(const char *what)
{
    printf("error=%s: %s: %s\n", program_invocation_short_name, what,
           strerror(errno));
    fflush(stdout);
    _exit(1);
}

static inline int evtchn_open(void)
{
    int fd = open("/dev/xen/evtchn", O_RDWR | O_CLOEXEC);

    if (fd < 0) {
        die("/dev/xen/evtchn");
    }
    return fd;
}

/* Returns a port for BIND_INTERDOMAIN. */
static inline uint32_t evtchn_bind_unbound(int fd)
{
    uint32_t remote = DOMID_SELF;
    int port = ioctl(fd, BIND_UNBOUND_PORT, &remote);

    if (port <= 0 || port >= MAX_PORTS) {
        die("bind unbound");
    }
    return port;
}

/* Connects to @remote; both ends are this guest's. */
static inline uint32_t evtchn_bind_loopback(int fd, uint32_t remote)
{
    uint32_t arg[] = { DOMID_SELF, remote };
    int port = ioctl(fd, BIND_INTERDOMAIN, arg);

    if (port <= 0 || port >= MAX_PORTS) {
        die("bind interdomain");
    }
    return port;
}

static inline void evtchn_notify(int fd, uint32_t port)
{
    if (ioctl(fd, NOTIFY, &port) != 0) {
        die("notify");
    }
}

/* Pins the calling thread to vCPU @cpu. */
static inline void run_on(unsigned cpu)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    if (sched_setaffinity(0, sizeof(set), &set) != 0) {
        die("sched_setaffinity");
    }
}

#endif
