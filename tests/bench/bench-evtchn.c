/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Event-channel engine: nanoseconds a send, an unmask, an allocation
 *
 *     bench-evtchn [--json FILE] [--quick] [--check]
 *
 * Each figure is the fastest of several rounds: what the code costs, not what
 * else the machine did.  The FIFO send to an empty queue is compared with the
 * bare atomic operations that the ABI asks of it, measured in the same run:
 * set PENDING, set LINKED, store the head, set READY, set the upcall flag;
 * --check fails (exit status 1) when it needs more than twice their time.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include "evtchn-guest.h"

#define BUDGET      2.0

static unsigned rounds = 15;
static unsigned batch = 200000;

typedef struct Figure {
    const char *what, *abi;
    unsigned threads, ports;
    double ns;
} Figure;

static Figure figures[128];
static unsigned nr_figures;

static uint64_t now_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * 1000000000ull + ts.tv_nsec;
}

static void note(const char *what, const char *abi, unsigned threads,
                 unsigned ports, double ns)
{
    g_assert(nr_figures < G_N_ELEMENTS(figures));
    figures[nr_figures++] = (Figure) { what, abi, threads, ports, ns };
    printf("%-28s %-8s %7u %9u %10.1f\n", what, abi, threads, ports, ns);
    fflush(stdout);
}

/* A guest with @n IPI ports on @nr_vcpus vCPUs; port i + 1 on vCPU i % n. */
static EvtchnGuest *bench_guest(bool fifo, unsigned n, unsigned nr_vcpus)
{
    EvtchnGuest *g = evtchn_guest_new(nr_vcpus, true);

    if (fifo) {
        evtchn_guest_use_fifo(g, n / 1024 + 1);
    }
    for (unsigned i = 0; i < n; i++) {
        evtchn_guest_bind_ipi(g, i % nr_vcpus);
    }
    return g;
}

/* ------------------------------------------------ single-threaded loops */

static double best_of(double (*loop)(EvtchnGuest *g, unsigned ports),
                      EvtchnGuest *g, unsigned ports)
{
    double best = 1e12;

    for (unsigned i = 0; i < rounds; i++) {
        best = MIN(best, loop(g, ports));
    }
    return best;
}

/* As a guest does that has handled everything: queue empty, flag clear. */
static inline void empty_fifo(EvtchnGuest *g, uint32_t *word,
                              struct evtchn_fifo_control_block *cb,
                              uint8_t *flag)
{
    __atomic_store_n(word, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&cb->ready, 0, __ATOMIC_RELAXED);
    __atomic_store_n(flag, 0, __ATOMIC_RELAXED);
}

static double loop_bare_atomics(EvtchnGuest *g, unsigned ports)
{
    uint8_t *flag = xen_evtchn_peek_vcpu_info(g->e, 0);
    struct evtchn_fifo_control_block *cb = evtchn_guest_control(g, 0);
    uint32_t *word = evtchn_guest_word(g, 1);
    unsigned sum = 0;
    uint64_t start = now_ns();

    for (unsigned i = 0; i < batch; i++) {
        sum += __atomic_fetch_or(word, 1u << EVTCHN_FIFO_PENDING,
                                 __ATOMIC_SEQ_CST) >> 31;
        sum += __atomic_fetch_or(word, 1u << EVTCHN_FIFO_LINKED,
                                 __ATOMIC_SEQ_CST) >> 31;
        __atomic_store_n(&cb->head[7], 1, __ATOMIC_RELEASE);
        sum += __atomic_fetch_or(&cb->ready, 1u << 7, __ATOMIC_SEQ_CST);
        sum += __atomic_exchange_n(flag, 1, __ATOMIC_SEQ_CST);
        empty_fifo(g, word, cb, flag);
    }
    g_assert_cmpuint(sum, ==, batch);
    return (double)(now_ns() - start) / batch;
}

static double loop_send_empty_fifo(EvtchnGuest *g, unsigned ports)
{
    uint8_t *flag = xen_evtchn_peek_vcpu_info(g->e, 0);
    struct evtchn_fifo_control_block *cb = evtchn_guest_control(g, 0);
    uint64_t start = now_ns();

    for (unsigned i = 0; i < batch; i++) {
        uint32_t port = i % ports + 1;

        xen_evtchn_send_fast(g->e, port);
        empty_fifo(g, evtchn_guest_word(g, port), cb, flag);
    }
    return (double)(now_ns() - start) / batch;
}

static double loop_send_empty_2l(EvtchnGuest *g, unsigned ports)
{
    uint8_t *flag = xen_evtchn_peek_vcpu_info(g->e, 0);
    uint64_t *shared = evtchn_guest_frame(g, GUEST_GFN_SHARED);
    uint64_t start = now_ns();

    for (unsigned i = 0; i < batch; i++) {
        uint32_t port = i % ports + 1;

        xen_evtchn_send_fast(g->e, port);
        __atomic_store_n(flag, 0, __ATOMIC_RELAXED);
        __atomic_store_n((uint64_t *)(flag + 8), 0, __ATOMIC_RELAXED);
        __atomic_store_n(shared + 256 + port / 64, 0, __ATOMIC_RELAXED);
    }
    return (double)(now_ns() - start) / batch;
}

/* What is pending stays so: the answer to most sends on a busy channel. */
static double loop_send_pending(EvtchnGuest *g, unsigned ports)
{
    uint64_t start = now_ns();

    for (unsigned i = 0; i < batch; i++) {
        xen_evtchn_send_fast(g->e, i % ports + 1);
    }
    return (double)(now_ns() - start) / batch;
}

/* Send all, handle all: the cost of both sides together. */
static double loop_send_and_handle(EvtchnGuest *g, unsigned ports)
{
    unsigned times = MAX(1, batch / ports), n = 0;
    uint64_t start = now_ns();

    for (unsigned t = 0; t < times; t++) {
        for (uint32_t port = 1; port <= ports; port++) {
            xen_evtchn_send_fast(g->e, port);
        }
        n += evtchn_guest_handle(g, 0, NULL, NULL);
    }
    g_assert_cmpuint(n, ==, times * ports);
    return (double)(now_ns() - start) / n;
}

static double loop_unmask(EvtchnGuest *g, unsigned ports)
{
    uint64_t start = now_ns();

    for (unsigned i = 0; i < batch; i++) {
        xen_evtchn_unmask_fast(g->e, i % ports + 1);
    }
    return (double)(now_ns() - start) / batch;
}

/* With all other ports in use: a search would show here. */
static double loop_alloc_close(EvtchnGuest *g, unsigned ports)
{
    unsigned n = batch / 10;
    uint64_t start = now_ns();

    for (unsigned i = 0; i < n; i++) {
        struct evtchn_bind_ipi op = { .vcpu = 0 };

        xen_evtchn_close(g->e, ports);
        xen_evtchn_bind_ipi(g->e, &op);
    }
    return (double)(now_ns() - start) / n;
}

/* ---------------------------------------------------------- two threads */

typedef struct Sender {
    EvtchnGuest *g;
    uint32_t port;
    int *ready;
    double ns;
} Sender;

static gpointer sender_thread(gpointer opaque)
{
    Sender *s = opaque;
    uint64_t start;

    __atomic_fetch_sub(s->ready, 1, __ATOMIC_SEQ_CST);
    while (__atomic_load_n(s->ready, __ATOMIC_SEQ_CST)) {
        /* until both are there */
    }
    start = now_ns();
    for (unsigned i = 0; i < batch; i++) {
        xen_evtchn_send_fast(s->g->e, s->port);
    }
    s->ns = (double)(now_ns() - start) / batch;
    return NULL;
}

/* Two senders, to the same vCPU or each to its own. */
static double two_senders(bool fifo, bool same_vcpu)
{
    EvtchnGuest *g = bench_guest(fifo, 4 * 64, 2);
    double best = 1e12;

    for (unsigned i = 0; i < rounds; i++) {
        int ready = 2;
        Sender a = { g, 1, &ready, 0 };
        /* Far enough apart not to share a line of guest memory, either. */
        Sender b = { g, same_vcpu ? 129 : 130, &ready, 0 };
        GThread *thread = g_thread_new("b", sender_thread, &b);

        sender_thread(&a);
        g_thread_join(thread);
        best = MIN(best, MAX(a.ns, b.ns));
    }
    evtchn_guest_free(g);
    return best;
}

/* ---------------------------------------------------------------- report */

static void bench_ports(bool fifo, unsigned ports)
{
    const char *abi = fifo ? "FIFO" : "2-level";
    EvtchnGuest *g = bench_guest(fifo, ports, 1);

    note("send, nothing pending", abi, 1, ports,
         best_of(fifo ? loop_send_empty_fifo : loop_send_empty_2l, g, ports));
    evtchn_guest_free(g);

    g = bench_guest(fifo, ports, 1);
    note("send and handle", abi, 1, ports,
         best_of(loop_send_and_handle, g, ports));
    for (uint32_t port = 1; port <= ports; port++) {
        xen_evtchn_send_fast(g->e, port);
    }
    note("send, pending already", abi, 1, ports,
         best_of(loop_send_pending, g, ports));
    note("unmask, pending", abi, 1, ports, best_of(loop_unmask, g, ports));
    evtchn_guest_free(g);

    g = bench_guest(fifo, ports, 1);
    note("unmask, nothing pending", abi, 1, ports,
         best_of(loop_unmask, g, ports));
    note("close and allocate", abi, 1, ports,
         best_of(loop_alloc_close, g, ports));
    evtchn_guest_free(g);
}

/* Both in turn, so that a change of clock speed meets both. */
static double bench_ratio(double *bare, double *send)
{
    EvtchnGuest *g = bench_guest(true, 1, 1);

    *bare = *send = 1e12;
    for (unsigned i = 0; i < rounds; i++) {
        *bare = MIN(*bare, loop_bare_atomics(g, 1));
        *send = MIN(*send, loop_send_empty_fifo(g, 1));
    }
    evtchn_guest_free(g);
    return *send / *bare;
}

static void write_json(const char *name, double bare, double send)
{
    FILE *f = fopen(name, "w");

    if (!f) {
        fprintf(stderr, "bench-evtchn: cannot write %s: %s\n", name,
                g_strerror(errno));
        exit(1);
    }
    fprintf(f, "{\n  \"unit\": \"ns\",\n  \"bare_atomics\": %.2f,\n"
            "  \"fifo_send_empty_queue\": %.2f,\n  \"ratio\": %.2f,\n"
            "  \"budget\": %.1f,\n  \"figures\": [\n", bare, send,
            send / bare, BUDGET);
    for (unsigned i = 0; i < nr_figures; i++) {
        Figure *fig = &figures[i];

        fprintf(f, "    { \"what\": \"%s\", \"abi\": \"%s\", \"threads\": %u,"
                " \"ports\": %u, \"ns\": %.2f }%s\n", fig->what, fig->abi,
                fig->threads, fig->ports, fig->ns,
                i + 1 < nr_figures ? "," : "");
    }
    fprintf(f, "  ]\n}\n");
    fclose(f);
}

int main(int argc, char **argv)
{
    static const unsigned fifo_ports[] = { 1, 64, 4095, 131071 };
    const char *json = NULL;
    bool check = false;
    double bare, send, ratio;

    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--json") && i + 1 < argc) {
            json = argv[++i];
        } else if (!strcmp(argv[i], "--quick")) {
            rounds = 5;
            batch = 50000;
        } else if (!strcmp(argv[i], "--check")) {
            check = true;
        } else {
            fprintf(stderr, "usage: %s [--json FILE] [--quick] [--check]\n",
                    argv[0]);
            return 2;
        }
    }

    printf("%-28s %-8s %7s %9s %10s\n", "operation", "ABI", "threads", "ports",
           "ns");
    ratio = bench_ratio(&bare, &send);
    note("bare atomics of a send", "FIFO", 1, 1, bare);
    note("send to an empty queue", "FIFO", 1, 1, send);
    for (unsigned i = 0; i < 3; i++) {
        bench_ports(false, fifo_ports[i]);
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(fifo_ports); i++) {
        bench_ports(true, fifo_ports[i]);
    }
    for (int fifo = 0; fifo < 2; fifo++) {
        const char *abi = fifo ? "FIFO" : "2-level";

        note("send, each to its own vCPU", abi, 2, 2,
             two_senders(fifo, false));
        note("send, both to one vCPU", abi, 2, 2, two_senders(fifo, true));
    }
    printf("FIFO send to an empty queue: %.1f ns, %.2f times its bare atomic "
           "operations (%.1f ns); budget %.1f\n", send, ratio, bare, BUDGET);
    if (json) {
        write_json(json, bare, send);
    }
    return check && ratio > BUDGET;
}
