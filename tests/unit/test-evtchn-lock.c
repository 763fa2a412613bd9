/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How often the engine looks at a port's route while others change it
 *
 * No guest can be made to change a route between two instructions of the engine.
 * So this file compiles the engine's lock.c with a mutex of its own: whoever takes
 * it finds that another vCPU has moved the port meanwhile.
 */
#include <pthread.h>

static int take(pthread_mutex_t *mutex);

#define pthread_mutex_lock  take
#include "lock.c"
#undef pthread_mutex_lock

#define NR_VCPUS    4
/* More than any bound here: without one the test ends all the same. */
#define TOO_OFTEN   1000

static XenEvtchnVcpu vcpus[NR_VCPUS];
static XenEvtchnPort port;
static unsigned moves, taken;

static int take(pthread_mutex_t *mutex)
{
    int ret = pthread_mutex_trylock(mutex);
    XenEvtchnRoute r = evtchn_route(&port);

    g_assert_cmpint(ret, ==, 0);
    g_assert_cmpuint(++taken, <, TOO_OFTEN);
    if (moves) {
        moves--;
        r.vcpu = (r.vcpu + 1) % NR_VCPUS;
        r.queue_vcpu = (r.vcpu + moves % 2) % NR_VCPUS;
        evtchn_set_route(&port, r);
    }
    return ret;
}

static void expect_no_lock(void)
{
    for (unsigned i = 0; i < NR_VCPUS; i++) {
        g_assert_cmpint(pthread_mutex_trylock(&vcpus[i].lock), ==, 0);
        pthread_mutex_unlock(&vcpus[i].lock);
    }
}

static bool lock_port(XenEvtchn *e, unsigned nr_moves, XenEvtchnHeld *held)
{
    evtchn_set_route(&port, (XenEvtchnRoute) { .vcpu = 0 });
    moves = nr_moves;
    taken = 0;
    return evtchn_lock_port(e, &port, held);
}

static void test_moves(void)
{
    XenEvtchn *e = g_new0(XenEvtchn, 1);
    XenEvtchnHeld held;

    e->vcpus = vcpus;
    e->max_vcpus = NR_VCPUS;
    for (unsigned i = 0; i < NR_VCPUS; i++) {
        pthread_mutex_init(&vcpus[i].lock, NULL);
    }

    g_assert_true(lock_port(e, 0, &held));
    g_assert_cmpuint(taken, ==, 1);
    evtchn_unlock_port(&held);
    /* It moves a few times, and stays. */
    g_assert_true(lock_port(e, 5, &held));
    g_assert_true(held.v == &vcpus[evtchn_route(&port).vcpu]);
    g_assert_true(held.q == &vcpus[evtchn_route(&port).queue_vcpu]);
    evtchn_unlock_port(&held);
    expect_no_lock();
    /* It moves whenever somebody looks. */
    g_assert_false(lock_port(e, UINT_MAX, &held));
    g_assert_cmpuint(taken, <=, 2 * EVTCHN_MAX_RETRIES + 1);
    g_assert_cmpuint(taken, >, EVTCHN_MAX_RETRIES);
    expect_no_lock();
    g_free(e);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/evtchn/lock/moves", test_moves);
    return g_test_run();
}
