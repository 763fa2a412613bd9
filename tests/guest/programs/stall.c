// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Blocks QEMU's main loop: an LD_PRELOAD library for any build of QEMU
 *
 *     STALL=BLOCK,PERIOD     between SIGUSR2 and the next SIGUSR2, the main
 *                            loop blocks for BLOCK ms of every PERIOD ms with
 *                            the BQL held, like a monitor command that takes so
 *                            long
 *     XEN_HVM_CAPS=MASK      KVM_CAP_XEN_HVM has only these bits
 *
 * QEMU's main loop holds the BQL whenever it is not in ppoll().  The next
 * function that it calls, still with the BQL, is g_main_context_check(): this
 * blocks.  The timeout of ppoll() is limited so that it is called in time.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <glib.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define KVM_CHECK_EXTENSION     0xae03
#define KVM_CAP_XEN_HVM         38

static long block_ns, period_ns, next_ns;
static volatile sig_atomic_t blocking;

static long now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * 1000000000l + ts.tv_nsec;
}

static int in_main_loop(void)
{
    return blocking && gettid() == getpid();
}

static void turn(int number)
{
    blocking = !blocking;
}

static void __attribute__((constructor)) init(void)
{
    const char *stall = getenv("STALL");
    struct sigaction action = { .sa_handler = turn, .sa_flags = SA_RESTART };
    long block, period;

    if (stall && sscanf(stall, "%ld,%ld", &block, &period) == 2) {
        block_ns = block * 1000000;
        period_ns = period * 1000000;
        sigaction(SIGUSR2, &action, NULL);
    }
}

static void limit(struct timespec *limited, const struct timespec **timeout)
{
    long left = next_ns - now();

    if (left < 0) {
        left = 0;
    }
    if (!*timeout || (*timeout)->tv_sec * 1000000000l + (*timeout)->tv_nsec >
                     left) {
        limited->tv_sec = left / 1000000000l;
        limited->tv_nsec = left % 1000000000l;
        *timeout = limited;
    }
}

typedef int Ppoll(struct pollfd *fds, nfds_t nr, const struct timespec *timeout,
                  const sigset_t *mask);

int ppoll(struct pollfd *fds, nfds_t nr, const struct timespec *timeout,
          const sigset_t *mask)
{
    static Ppoll *real;
    struct timespec limited;

    if (!real) {
        real = (Ppoll *)dlsym(RTLD_NEXT, "ppoll");
    }
    if (in_main_loop()) {
        limit(&limited, &timeout);
    }
    return real(fds, nr, timeout, mask);
}

int __ppoll_chk(struct pollfd *fds, nfds_t nr, const struct timespec *timeout,
                const sigset_t *mask, size_t size)
{
    return ppoll(fds, nr, timeout, mask);
}

typedef gboolean Check(GMainContext *context, gint priority, GPollFD *fds,
                       gint nr);

gboolean g_main_context_check(GMainContext *context, gint priority,
                              GPollFD *fds, gint nr)
{
    static Check *real;

    if (!real) {
        real = (Check *)dlsym(RTLD_NEXT, "g_main_context_check");
    }
    if (in_main_loop() && now() >= next_ns) {
        struct timespec block = { .tv_nsec = block_ns };

        next_ns = now() + period_ns;
        nanosleep(&block, NULL);
    }
    return real(context, priority, fds, nr);
}

typedef int Ioctl(int fd, unsigned long request, void *arg);

int ioctl(int fd, unsigned long request, ...)
{
    static Ioctl *real;
    const char *caps = getenv("XEN_HVM_CAPS");
    void *arg;
    va_list ap;
    int ret;

    if (!real) {
        real = (Ioctl *)dlsym(RTLD_NEXT, "ioctl");
    }
    va_start(ap, request);
    arg = va_arg(ap, void *);
    va_end(ap);
    ret = real(fd, request, arg);
    if (request == KVM_CHECK_EXTENSION && (long)arg == KVM_CAP_XEN_HVM &&
        ret > 0 && caps) {
        ret &= g_ascii_strtoull(caps, NULL, 0);
    }
    return ret;
}
