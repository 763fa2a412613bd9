/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Event-channel engine with many threads on both sides
 *
 *     stress-evtchn [--seconds N] [--seed S] [--abi 2l|2l32|fifo]
 *
 * Four vCPUs handle upcalls as a guest does, each in its own thread.  Senders
 * wait until a burst of events is handled before they send to the same ports
 * again, since a second event on a port would hide the loss of the first.
 * Meanwhile other threads mask and unmask ports, move them between vCPUs and
 * priorities, open and close ports, and make pages of the guest stale or
 * missing for a while.
 *
 * An event that is not handled in time, or a report of a sanitizer, ends the
 * run with status 1; the seed is printed first.  "In time" includes that each
 * vCPU looks for events again after PATIENCE_NS: a machine that stood still for
 * that long, with its clock going on, has lost none.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include "evtchn-guest.h"

#define NR_VCPUS        4
#define NR_SENDERS      2
#define NR_CHANNELS     96
#define BURST           16
#ifndef PATIENCE_NS
#define PATIENCE_NS     (30 * 1000000000ull)
#endif
#define PASSES          10000
#define MAX_LIVE        32

typedef enum Kind {
    KIND_IPI,
    KIND_LOOPBACK,
    KIND_BACKEND,
    KIND_PIRQ,
    NR_KINDS,
} Kind;

/* A port that stays open, and counters of its events. */
typedef struct Channel {
    Kind kind;
    uint32_t port;              /* where events arrive */
    uint32_t sender;            /* loop-back: the other end */
    unsigned pirq;
    XenEvtchnBackend *be;
    uint64_t sent, seen;        /* atomic */
} Channel;

typedef struct Stress {
    EvtchnGuest *g;
    uint32_t seed;
    bool stop_senders, stop;
    Channel channel[NR_CHANNELS];
    Channel *by_port[GUEST_NR_PORTS];
    uint64_t short_seen[GUEST_NR_PORTS];    /* ports that closer() opens */
    uint64_t passes[NR_VCPUS];              /* of consumer() */
    uint64_t events, moves, masks, closes, invalidations;
} Stress;

/* A wait for an event. */
typedef struct Wait {
    uint64_t start_ns;
    bool expired;
    uint64_t passes[NR_VCPUS];              /* since it expired */
} Wait;

typedef struct Thread {
    Stress *s;
    unsigned index;
    GRand *rand;
} Thread;

static uint64_t now_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * 1000000000ull + ts.tv_nsec;
}

static bool stopped(const bool *flag)
{
    return __atomic_load_n(flag, __ATOMIC_SEQ_CST);
}

static void count(uint64_t *counter)
{
    __atomic_fetch_add(counter, 1, __ATOMIC_RELAXED);
}

/* Prints the queue of a port whose event is lost, as each side sees it. */
static void dump_queue(EvtchnGuest *g, unsigned vcpu, unsigned priority)
{
    struct evtchn_fifo_control_block *cb = evtchn_guest_control(g, vcpu);
    uint32_t port = cb->head[priority];

    fprintf(stderr, "vcpu %u: upcall flag %d ready %x own %x; queue %u: head "
            "%u own %u tail %u\n", vcpu, evtchn_guest_upcall_flag(g, vcpu),
            cb->ready, g->vcpu[vcpu].ready, priority, port,
            g->vcpu[vcpu].head[priority],
            xen_evtchn_fifo_tail(g->e, vcpu, priority));
    for (unsigned i = 0; port && i < 20; i++) {
        uint32_t word = *evtchn_guest_word(g, port);

        fprintf(stderr, "  port %u: word %08x\n", port, word);
        port = word & EVTCHN_FIFO_LINK_MASK;
    }
}

static void G_GNUC_NORETURN lost(Stress *s, uint32_t port, const char *what)
{
    XenEvtchnPortInfo i;

    xen_evtchn_port_info(s->g->e, port, &i);
    fprintf(stderr, "stress-evtchn: seed %u: lost %s: port %u type %u vcpu %u "
            "priority %u pending %d masked %d linked %d parked %d queue "
            "%u/%u\n", s->seed, what, port, i.type, i.vcpu, i.priority,
            i.pending, i.masked, i.linked, i.parked, i.queue_vcpu,
            i.queue_priority);
    if (s->g->fifo) {
        dump_queue(s->g, i.queue_vcpu, i.queue_priority);
    }
    exit(1);
}

/* ------------------------------------------------------------- consumers */

static void handle(EvtchnGuest *g, unsigned vcpu, uint32_t port, void *opaque)
{
    Stress *s = opaque;
    Channel *c = s->by_port[port];
    uint64_t sent, seen;

    if (!c) {
        __atomic_fetch_add(&s->short_seen[port], 1, __ATOMIC_SEQ_CST);
        return;
    }
    /* PENDING was cleared before, so all events counted by now are handled. */
    sent = __atomic_load_n(&c->sent, __ATOMIC_SEQ_CST);
    seen = __atomic_load_n(&c->seen, __ATOMIC_SEQ_CST);
    while (seen < sent &&
           !__atomic_compare_exchange_n(&c->seen, &seen, sent, false,
                                        __ATOMIC_SEQ_CST,
                                        __ATOMIC_SEQ_CST)) {
        /* another vCPU handles the same port */
    }
    count(&s->events);
}

static gpointer consumer(gpointer opaque)
{
    Thread *t = opaque;

    while (!stopped(&t->s->stop)) {
        count(&t->s->passes[t->index]);
        if (!evtchn_guest_handle(t->s->g, t->index, handle, t->s)) {
            g_thread_yield();
        }
    }
    return NULL;
}

/* --------------------------------------------------------------- senders */

static int channel_send(Stress *s, Channel *c)
{
    XenEvtchn *e = s->g->e;

    switch (c->kind) {
    case KIND_IPI:
        return xen_evtchn_send(e, c->port);
    case KIND_LOOPBACK:
        return xen_evtchn_send(e, c->sender);
    case KIND_BACKEND:
        return xen_evtchn_backend_notify(c->be);
    case KIND_PIRQ:
        return xen_evtchn_raise_pirq(e, c->pirq);
    default:
        g_assert_not_reached();
    }
}

/* Called again and again until it returns true or the wait ends. */
static bool is_too_long(Stress *s, Wait *w)
{
    if (!w->expired) {
        w->expired = now_ns() - w->start_ns > PATIENCE_NS;
        for (unsigned i = 0; i < NR_VCPUS; i++) {
            w->passes[i] = __atomic_load_n(&s->passes[i], __ATOMIC_RELAXED);
        }
        return false;
    }
    for (unsigned i = 0; i < NR_VCPUS; i++) {
        if (__atomic_load_n(&s->passes[i], __ATOMIC_RELAXED) - w->passes[i] <
            PASSES) {
            return false;
        }
    }
    return true;
}

static void wait_seen(Stress *s, Channel *c, uint64_t number)
{
    Wait w = { .start_ns = now_ns() };

    while (__atomic_load_n(&c->seen, __ATOMIC_SEQ_CST) < number) {
        g_thread_yield();
        if (is_too_long(s, &w)) {
            lost(s, c->port, "an event");
        }
    }
}

static gpointer sender(gpointer opaque)
{
    Thread *t = opaque;
    Stress *s = t->s;

    while (!stopped(&s->stop_senders)) {
        unsigned n = g_rand_int_range(t->rand, 1, BURST + 1);
        Channel *c[BURST];
        uint64_t number[BURST];

        for (unsigned i = 0; i < n; i++) {
            c[i] = &s->channel[g_rand_int_range(t->rand, 0, NR_CHANNELS)];
            number[i] = __atomic_add_fetch(&c[i]->sent, 1, __ATOMIC_SEQ_CST);
            if (channel_send(s, c[i]) != 0) {
                lost(s, c[i]->port, "a send");
            }
        }
        for (unsigned i = 0; i < n; i++) {
            wait_seen(s, c[i], number[i]);
        }
    }
    return NULL;
}

/* ------------------------------------------------------------ disturbances */

static gpointer masker(gpointer opaque)
{
    Thread *t = opaque;
    Stress *s = t->s;

    while (!stopped(&s->stop_senders)) {
        unsigned n = g_rand_int_range(t->rand, 1, 9), first;

        first = g_rand_int_range(t->rand, 0, NR_CHANNELS - 8);
        for (unsigned i = 0; i < n; i++) {
            evtchn_guest_mask(s->g, s->channel[first + i].port);
        }
        if (g_rand_boolean(t->rand)) {
            g_thread_yield();
        }
        for (unsigned i = 0; i < n; i++) {
            evtchn_guest_unmask(s->g, s->channel[first + i].port);
        }
        count(&s->masks);
    }
    return NULL;
}

static gpointer mover(gpointer opaque)
{
    Thread *t = opaque;
    Stress *s = t->s;

    while (!stopped(&s->stop_senders)) {
        Channel *c = &s->channel[g_rand_int_range(t->rand, 0, NR_CHANNELS)];

        if (s->g->fifo && g_rand_boolean(t->rand)) {
            evtchn_guest_set_priority(s->g, c->port,
                                      g_rand_int_range(t->rand, 0, 16));
        }
        if (c->kind != KIND_IPI) {
            evtchn_guest_bind_vcpu(s->g, c->port,
                                   g_rand_int_range(t->rand, 0, NR_VCPUS));
        }
        count(&s->moves);
        if (g_rand_int_range(t->rand, 0, 4) == 0) {
            g_thread_yield();
        }
    }
    return NULL;
}

/* An event on a newly opened port must arrive, too. */
static void check_new_port(Stress *s, uint32_t port)
{
    uint64_t before = __atomic_load_n(&s->short_seen[port], __ATOMIC_SEQ_CST);
    Wait w = { .start_ns = now_ns() };

    if (xen_evtchn_send(s->g->e, port) != 0) {
        lost(s, port, "a send on a new port");
    }
    while (__atomic_load_n(&s->short_seen[port], __ATOMIC_SEQ_CST) ==
           before) {
        g_thread_yield();
        if (is_too_long(s, &w)) {
            lost(s, port, "an event on a new port");
        }
    }
}

static gpointer closer(gpointer opaque)
{
    Thread *t = opaque;
    Stress *s = t->s;
    uint32_t live[MAX_LIVE];
    unsigned n = 0;

    while (!stopped(&s->stop_senders)) {
        if (n < MAX_LIVE && g_rand_boolean(t->rand)) {
            uint32_t port;

            port = evtchn_guest_bind_ipi(s->g, g_rand_int_range(t->rand, 0,
                                                                NR_VCPUS));
            evtchn_guest_unmask(s->g, port);
            if (g_rand_int_range(t->rand, 0, 8) == 0) {
                check_new_port(s, port);
            }
            live[n++] = port;
        } else if (n) {
            unsigned i = g_rand_int_range(t->rand, 0, n);

            if (g_rand_boolean(t->rand)) {
                xen_evtchn_send(s->g->e, live[i]);
            }
            if (xen_evtchn_close(s->g->e, live[i]) != 0) {
                lost(s, live[i], "a port");
            }
            live[i] = live[--n];
            count(&s->closes);
        }
    }
    return NULL;
}

/* A frame that the engine uses, to be made stale or missing. */
static uint64_t random_frame(GRand *rand)
{
    switch (g_rand_int_range(rand, 0, 3)) {
    case 0:
        return GUEST_GFN_INFO;
    case 1:
        return GUEST_GFN_CONTROL + g_rand_int_range(rand, 0, NR_VCPUS);
    default:
        return GUEST_GFN_ARRAY;
    }
}

static gpointer invalidator(gpointer opaque)
{
    Thread *t = opaque;
    Stress *s = t->s;

    while (!stopped(&s->stop_senders)) {
        uint64_t gfn = random_frame(t->rand);

        if (g_rand_int_range(t->rand, 0, 8) == 0) {
            evtchn_guest_remove_frame(s->g, gfn);
            g_usleep(g_rand_int_range(t->rand, 0, 200));
            evtchn_guest_add_frame(s->g, gfn);
        } else {
            xen_page_cache_invalidate(&s->g->pages, evtchn_guest_gpa(gfn),
                                  XEN_EMU_PAGE_SIZE);
        }
        count(&s->invalidations);
        g_usleep(g_rand_int_range(t->rand, 0, 300));
    }
    return NULL;
}

/* ------------------------------------------------------------------ a run */

static void open_channel(Stress *s, unsigned i)
{
    Channel *c = &s->channel[i];
    EvtchnGuest *g = s->g;

    c->kind = i % NR_KINDS;
    switch (c->kind) {
    case KIND_IPI:
        c->port = evtchn_guest_bind_ipi(g, i / NR_KINDS % NR_VCPUS);
        break;
    case KIND_LOOPBACK:
        c->port = evtchn_guest_alloc_unbound(g, DOMID_SELF);
        c->sender = evtchn_guest_bind_loopback(g, c->port);
        break;
    case KIND_BACKEND:
        c->port = evtchn_guest_alloc_unbound(g, 0);
        c->be = xen_evtchn_backend_new(g->e, NULL);
        xen_evtchn_backend_bind(c->be, GUEST_DOMID, c->port);
        break;
    default:
        c->pirq = i / NR_KINDS;
        c->port = evtchn_guest_bind_pirq(g, c->pirq);
        break;
    }
    s->by_port[c->port] = c;
}

static void run(const char *abi, unsigned seconds, uint32_t seed)
{
    static const struct {
        const char *name;
        GThreadFunc fn;
        unsigned n;
        bool consumer;
    } roles[] = {
        { "consumer", consumer, NR_VCPUS, true },
        { "sender", sender, NR_SENDERS },
        { "masker", masker, 1 },
        { "mover", mover, 1 },
        { "closer", closer, 1 },
        { "invalidator", invalidator, 1 },
    };
    Stress *s = g_new0(Stress, 1);
    GThread *threads[16];
    Thread arg[16];
    unsigned n = 0;

    s->seed = seed;
    s->g = evtchn_guest_new(NR_VCPUS, strcmp(abi, "2l32") != 0);
    if (!strcmp(abi, "fifo")) {
        evtchn_guest_use_fifo(s->g, 1);
    }
    for (unsigned i = 0; i < NR_CHANNELS; i++) {
        open_channel(s, i);
    }
    for (unsigned r = 0; r < G_N_ELEMENTS(roles); r++) {
        for (unsigned i = 0; i < roles[r].n; i++, n++) {
            arg[n] = (Thread) { s, i, g_rand_new_with_seed(seed + n) };
            threads[n] = g_thread_new(roles[r].name, roles[r].fn, &arg[n]);
        }
    }
    g_usleep(seconds * 1000000ull);
    __atomic_store_n(&s->stop_senders, true, __ATOMIC_SEQ_CST);
    for (unsigned i = NR_VCPUS; i < n; i++) {
        g_thread_join(threads[i]);
    }
    for (unsigned i = 0; i < NR_CHANNELS; i++) {
        wait_seen(s, &s->channel[i], s->channel[i].sent);
    }
    __atomic_store_n(&s->stop, true, __ATOMIC_SEQ_CST);
    for (unsigned i = 0; i < NR_VCPUS; i++) {
        g_thread_join(threads[i]);
    }
    for (unsigned i = 0; i < n; i++) {
        g_rand_free(arg[i].rand);
    }
    for (unsigned i = 0; i < NR_CHANNELS; i++) {
        if (s->channel[i].be) {
            xen_evtchn_backend_free(s->channel[i].be);
        }
    }
    printf("%s: %" PRIu64 " events seen, none lost; %" PRIu64 " moves, %"
           PRIu64 " maskings, %" PRIu64 " closes, %" PRIu64
           " invalidations\n", abi, s->events, s->moves, s->masks, s->closes,
           s->invalidations);
    fflush(stdout);
    evtchn_guest_free(s->g);
    g_free(s);
}

int main(int argc, char **argv)
{
    static const char *const abis[] = { "2l", "2l32", "fifo" };
    unsigned seconds = 2;
    const char *only = NULL;
    uint32_t seed = g_random_int();

    for (int i = 1; i + 1 < argc; i += 2) {
        if (!strcmp(argv[i], "--seconds")) {
            seconds = atoi(argv[i + 1]);
        } else if (!strcmp(argv[i], "--seed")) {
            seed = g_ascii_strtoull(argv[i + 1], NULL, 0);
        } else if (!strcmp(argv[i], "--abi")) {
            only = argv[i + 1];
        }
    }
    printf("seed %u\n", seed);
    fflush(stdout);
    for (unsigned i = 0; i < G_N_ELEMENTS(abis); i++) {
        if (!only || !strcmp(only, abis[i])) {
            run(abis[i], seconds, seed);
        }
    }
    return 0;
}
