/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Paravirtual spinlocks: a waiter polls a port of its own, and is kicked
 *
 * A ticket lock like Linux's former one for Xen.  If a kick is lost, the lock
 * stays stuck.
 */
#include "events.h"
#include "tap.h"

#define ROUNDS      400
#define KICK_EVERY  20          /* rounds */
#define SPINS       5           /* before a CPU goes to sleep */
#define WORK        200         /* with the lock held */

struct Lock {
    _Atomic uint32_t next, owner;
};

struct Waiting {
    struct Lock *_Atomic lock;
    _Atomic uint32_t want;
    _Atomic bool polls_now;
    uint32_t port;              /* masked: used for polling only */
    uint32_t polls;
};

static struct Lock lock;
static struct Waiting waiting[MAX_CPUS];
static uint32_t counter;
static _Atomic uint32_t kicks, started, contending;

static long poll_port(uint32_t *port)
{
    struct sched_poll op = { .nr_ports = 1 };

    set_xen_guest_handle(op.ports, port);
    return SCHED_OP(SCHEDOP_poll, &op);
}

static void wait_slowly(struct Lock *l, uint32_t ticket)
{
    struct Waiting *w = &waiting[this_cpu()];

    while (l->owner != ticket && !test_has_failed()) {
        w->want = ticket;
        w->lock = l;
        port_clear_pending(w->port);
        __sync_synchronize();
        /* An owner that does not see us waiting has unlocked already. */
        if (l->owner != ticket) {
            w->polls_now = true;
            CHECK_EQ(poll_port(&w->port), 0);
            w->polls_now = false;
            w->polls++;
        }
        w->lock = NULL;
    }
}

static void take(struct Lock *l)
{
    uint32_t ticket = l->next++;

    for (unsigned i = 0; i < SPINS; i++) {
        if (l->owner == ticket) {
            return;
        }
        cpu_relax();
    }
    wait_slowly(l, ticket);
}

static void release(struct Lock *l)
{
    uint32_t next = ++l->owner;

    for (unsigned cpu = 0; cpu < nr_cpus; cpu++) {
        struct Waiting *w = &waiting[cpu];

        if (w->lock == l && w->want == next) {
            kicks++;
            CHECK_EQ(port_send(w->port), 0);
            return;
        }
    }
}

/* Holding the lock, waits until the next waiter polls, if there is one. */
static void wait_for_sleeper(struct Lock *l)
{
    bool sleeps = false;

    while (!sleeps && contending > 1 && !test_has_failed()) {
        for (unsigned cpu = 0; cpu < nr_cpus; cpu++) {
            sleeps |= waiting[cpu].polls_now &&
                      waiting[cpu].want == l->owner + 1;
        }
        /* The host may have fewer CPUs than the guest. */
        SCHED_OP(SCHEDOP_yield, NULL);
    }
}

static void contend(void *with_interrupts_off)
{
    started++;
    WAIT_FOR(started == nr_cpus);
    for (unsigned i = 0; i < ROUNDS; i++) {
        if (test_has_failed()) {
            break;
        }
        if (with_interrupts_off) {
            interrupts_off();
        }
        take(&lock);
        /* Not atomic: relies on the lock. */
        counter = counter + 1;
        for (unsigned n = 0; n < WORK; n++) {
            barrier();
        }
        if (i % KICK_EVERY == 0) {
            wait_for_sleeper(&lock);
        }
        release(&lock);
        interrupts_on();
    }
    contending--;
}

static void check_lock(void *with_interrupts_off)
{
    /* KVM does not support in-kernel polls of FIFO ports. */
    bool polls_yield = *is_fifo && guest_polls_in_kernel();
    uint32_t polls = 0;

    counter = kicks = started = 0;
    contending = nr_cpus;
    for (unsigned cpu = 0; cpu < nr_cpus; cpu++) {
        waiting[cpu] = (struct Waiting) { .port = bind_ipi(cpu) };
        port_mask(waiting[cpu].port);
    }
    cpu_call_all(contend, with_interrupts_off);
    CHECK_EQ(counter, nr_cpus * ROUNDS);
    for (unsigned cpu = 0; cpu < nr_cpus; cpu++) {
        polls += waiting[cpu].polls;
    }
    /* There was contention, and waiters did not spin by polling. */
    CHECK(nr_cpus == 1 || (kicks > 0 && polls > 0));
    CHECK(polls <= 2 * kicks + 100 || polls_yield);
}

TEST(spinlock, "spinlock")
{
    check_lock(NULL);
}

TEST(spinlock_off, "spinlock-interrupts-off")
{
    check_lock(&lock);
}
