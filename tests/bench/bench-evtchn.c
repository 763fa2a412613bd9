/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Event-channel engine: time per send, unmask and allocation
 *
 *     bench-evtchn [--json FILE] [--quick | --smoke]
 *
 * With one thread, and with two, each with its own vCPU and half of the ports
 * (if there is only one port, both use it).  Each result is the fastest of many
 * short rounds, to exclude other load of the host.
 *
 * The FIFO send to an empty queue is compared with the bare atomic operations
 * that the ABI requires, measured in the same run: set PENDING, set LINKED,
 * store the head, set READY, set the upcall flag.
 *
 * The exit status is 1 if an operation fails, or if the engine's counters do
 * not match the events sent; it never depends on a time.  --quick: fewer
 * rounds; --smoke: one, as a test of the benchmark itself.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include "evtchn-guest.h"

/* Ports per page of the FIFO event array. */
#define PAGE_PORTS      (XEN_EMU_PAGE_SIZE / sizeof(uint32_t))
#define ARRAY_PAGES     (EVTCHN_FIFO_NR_CHANNELS / PAGE_PORTS)

/* --smoke: reaches the second page of the array, if there is one. */
#define SMOKE_BATCH     1500

/* A round is shorter than a time slice of the host's scheduler. */
static unsigned rounds = 100;
static unsigned batch = 20000;

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

/*
 * A guest with @n IPI ports, in equal shares for @nr_vcpus vCPUs: the first
 * ports are vCPU 0's.
 */
static EvtchnGuest *bench_guest(bool fifo, unsigned n, unsigned nr_vcpus)
{
    EvtchnGuest *g = evtchn_guest_new(nr_vcpus, true);
    unsigned share = MAX(1, n / nr_vcpus);

    /* Measure the engine, not the guest. */
    g->upcalls_uncounted = true;
    if (fifo) {
        evtchn_guest_use_fifo(g, n / 1024 + 1);
    }
    for (unsigned i = 0; i < n; i++) {
        evtchn_guest_bind_ipi(g, MIN(i / share, nr_vcpus - 1));
    }
    return g;
}

/* ------------------------------------------------- what one thread does */

typedef struct Work {
    EvtchnGuest *g;
    unsigned vcpu;              /* notified by its ports */
    uint32_t first, n;          /* its ports */
    uint32_t bound;             /* alloc: the port that it closes next */
    uint64_t events;            /* sent in all rounds */
    int failed;                 /* not 0: an operation has failed */
} Work;

/*
 * Does the operation @batch times, or less if noted, and updates w->events and
 * w->failed.  Returns ns per operation.
 */
typedef double Loop(Work *w);

/* A division would cost as much as an atomic operation. */
static inline uint32_t next_port(const Work *w, uint32_t port)
{
    return port == w->first + w->n - 1 ? w->first : port + 1;
}

/* Like a guest that has handled all events: queue empty, flag clear. */
static inline void empty_fifo(uint32_t *word,
                              struct evtchn_fifo_control_block *cb,
                              uint8_t *flag)
{
    __atomic_store_n(word, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&cb->ready, 0, __ATOMIC_RELAXED);
    __atomic_store_n(flag, 0, __ATOMIC_RELAXED);
}

/* Compiles to one instruction if only this bit of the old value is used. */
static inline bool test_and_set(uint32_t *word, uint32_t bit)
{
    return __atomic_fetch_or(word, bit, __ATOMIC_SEQ_CST) & bit;
}

static double loop_bare_atomics(Work *w)
{
    uint8_t *flag = xen_evtchn_peek_vcpu_info(w->g->e, 0);
    struct evtchn_fifo_control_block *cb = evtchn_guest_control(w->g, 0);
    uint32_t *word = evtchn_guest_word(w->g, 1);
    unsigned was_set = 0;
    uint64_t start = now_ns();

    for (unsigned i = 0; i < batch; i++) {
        was_set += test_and_set(word, 1u << EVTCHN_FIFO_PENDING);
        was_set += test_and_set(word, 1u << EVTCHN_FIFO_LINKED);
        __atomic_store_n(&cb->head[7], 1, __ATOMIC_RELEASE);
        was_set += test_and_set(&cb->ready, 1u << 7);
        was_set += __atomic_exchange_n(flag, 1, __ATOMIC_SEQ_CST);
        empty_fifo(word, cb, flag);
    }
    g_assert_cmpuint(was_set, ==, 0);
    return (double)(now_ns() - start) / batch;
}

static double loop_send_empty_fifo(Work *w)
{
    EvtchnGuest *g = w->g;
    uint8_t *flag = xen_evtchn_peek_vcpu_info(g->e, w->vcpu);
    struct evtchn_fifo_control_block *cb = evtchn_guest_control(g, w->vcpu);
    uint32_t *page[ARRAY_PAGES], port = w->first;
    uint64_t start;

    for (unsigned i = 0; i < ARRAY_PAGES; i++) {
        page[i] = evtchn_guest_word(g, i * PAGE_PORTS);
    }
    start = now_ns();
    for (unsigned i = 0; i < batch; i++) {
        xen_evtchn_send_fast(g->e, port);
        empty_fifo(&page[port / PAGE_PORTS][port % PAGE_PORTS], cb, flag);
        port = next_port(w, port);
    }
    w->events += batch;
    return (double)(now_ns() - start) / batch;
}

static double loop_send_empty_2l(Work *w)
{
    EvtchnGuest *g = w->g;
    uint8_t *flag = xen_evtchn_peek_vcpu_info(g->e, w->vcpu);
    uint32_t *pending = (uint32_t *)evtchn_guest_frame(g, GUEST_GFN_SHARED) +
                        2048 / sizeof(uint32_t);
    uint32_t port = w->first;
    uint64_t start = now_ns();

    for (unsigned i = 0; i < batch; i++) {
        xen_evtchn_send_fast(g->e, port);
        __atomic_store_n(flag, 0, __ATOMIC_RELAXED);
        __atomic_store_n((uint64_t *)(flag + 8), 0, __ATOMIC_RELAXED);
        /* Another vCPU's ports may share the word. */
        __atomic_fetch_and(&pending[port / 32], ~(1u << port % 32),
                           __ATOMIC_RELAXED);
        port = next_port(w, port);
    }
    w->events += batch;
    return (double)(now_ns() - start) / batch;
}

/* The port stays pending, as in most sends on a busy channel. */
static double loop_send(Work *w)
{
    uint32_t port = w->first;
    uint64_t start = now_ns();

    for (unsigned i = 0; i < batch; i++) {
        xen_evtchn_send_fast(w->g->e, port);
        port = next_port(w, port);
    }
    w->events += batch;
    return (double)(now_ns() - start) / batch;
}

/* Send and handle all events: the cost of both sides. */
static double loop_send_and_handle(Work *w)
{
    unsigned times = MAX(1, batch / w->n), n = 0;
    uint64_t start = now_ns();

    for (unsigned t = 0; t < times; t++) {
        for (uint32_t i = 0; i < w->n; i++) {
            xen_evtchn_send_fast(w->g->e, w->first + i);
        }
        n += evtchn_guest_handle(w->g, w->vcpu, NULL, NULL);
    }
    w->failed |= n != times * w->n;
    w->events += n;
    return (double)(now_ns() - start) / n;
}

static double loop_unmask(Work *w)
{
    uint32_t port = w->first;
    uint64_t start = now_ns();
    int failed = 0;

    for (unsigned i = 0; i < batch; i++) {
        failed |= xen_evtchn_unmask_fast(w->g->e, port);
        port = next_port(w, port);
    }
    w->failed |= failed;
    return (double)(now_ns() - start) / batch;
}

/* With all other ports in use: a linear search would show. */
static double loop_alloc_close(Work *w)
{
    unsigned n = batch / 10;
    uint64_t start = now_ns();

    for (unsigned i = 0; i < n; i++) {
        struct evtchn_bind_ipi op = { .vcpu = w->vcpu };

        w->failed |= xen_evtchn_close(w->g->e, w->bound);
        w->failed |= xen_evtchn_bind_ipi(w->g->e, &op);
        w->bound = op.port;
    }
    return (double)(now_ns() - start) / n;
}

/* ------------------------------------------------------ one thread or two */

#define MAX_THREADS     2

typedef struct Thread {
    Work work;
    Loop *loop;
    int *waiting;
    double ns;
} Thread;

static gpointer run_thread(gpointer opaque)
{
    Thread *t = opaque;

    __atomic_fetch_sub(t->waiting, 1, __ATOMIC_SEQ_CST);
    while (__atomic_load_n(t->waiting, __ATOMIC_SEQ_CST)) {
        /* until all threads have started */
    }
    t->ns = t->loop(&t->work);
    return NULL;
}

/* Events counted by the engine, as delivered or already pending. */
static uint64_t counted(EvtchnGuest *g)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < g->nr_vcpus; i++) {
        XenEvtchnStats st = evtchn_guest_stats(g, i);

        sum += st.fast + st.already_pending;
    }
    return sum;
}

/*
 * @seen events were counted in all rounds.  Two threads that use the same port
 * also clear each other's bits, so an event may find the port linked, which
 * does not count as delivery.
 */
static void check_rounds(const Thread *t, unsigned threads, uint64_t seen)
{
    bool shared = threads > 1 && t[0].work.first == t[1].work.first;
    uint64_t events = 0;

    for (unsigned i = 0; i < threads; i++) {
        if (t[i].work.failed) {
            fprintf(stderr, "bench-evtchn: an operation failed, %u ports "
                    "from %u\n", t[i].work.n, t[i].work.first);
            exit(1);
        }
        events += t[i].work.events;
    }
    if (shared ? seen > events || (events && !seen) : seen != events) {
        fprintf(stderr, "bench-evtchn: %" PRIu64 " of %" PRIu64 " events "
                "counted, %u threads, %u ports each\n", seen, events, threads,
                t[0].work.n);
        exit(1);
    }
}

/* The time of the slower thread in the fastest round. */
static double best_of(Loop *loop, EvtchnGuest *g, unsigned threads,
                      unsigned ports)
{
    unsigned share = MAX(1, ports / threads);
    Thread t[MAX_THREADS];
    uint64_t before = counted(g);
    double best = 1e12;
    int waiting;

    for (unsigned i = 0; i < threads; i++) {
        /* A single port is shared by all threads. */
        uint32_t first = ports == 1 ? 1 : 1 + i * share;

        t[i] = (Thread) {
            .work = {
                .g = g, .vcpu = MIN(i, g->nr_vcpus - 1), .first = first,
                .n = share, .bound = first + share - 1,
            },
            .loop = loop, .waiting = &waiting,
        };
    }
    for (unsigned round = 0; round < rounds; round++) {
        GThread *other = NULL;
        double slower;

        waiting = threads;
        if (threads > 1) {
            other = g_thread_new("other", run_thread, &t[1]);
        }
        run_thread(&t[0]);
        slower = t[0].ns;
        if (other) {
            g_thread_join(other);
            slower = MAX(slower, t[1].ns);
        }
        best = MIN(best, slower);
    }
    check_rounds(t, threads, counted(g) - before);
    return best;
}

/* ---------------------------------------------------------------- report */

static void bench_ports(bool fifo, unsigned threads, unsigned ports)
{
    const char *abi = fifo ? "FIFO" : "2-level";
    /* Two threads and one port: both send to the vCPU that it notifies. */
    unsigned vcpus = MIN(threads, ports);
    EvtchnGuest *g = bench_guest(fifo, ports, vcpus);

    note("send, nothing pending", abi, threads, ports,
         best_of(fifo ? loop_send_empty_fifo : loop_send_empty_2l, g, threads,
                 ports));
    evtchn_guest_free(g);

    g = bench_guest(fifo, ports, vcpus);
    if (threads == 1) {
        note("send and handle", abi, threads, ports,
             best_of(loop_send_and_handle, g, threads, ports));
    }
    for (uint32_t port = 1; port <= ports; port++) {
        xen_evtchn_send_fast(g->e, port);
    }
    note("send, pending already", abi, threads, ports,
         best_of(loop_send, g, threads, ports));
    note("unmask, pending", abi, threads, ports,
         best_of(loop_unmask, g, threads, ports));
    evtchn_guest_free(g);

    g = bench_guest(fifo, ports, vcpus);
    note("unmask, nothing pending", abi, threads, ports,
         best_of(loop_unmask, g, threads, ports));
    evtchn_guest_free(g);

    /* Each thread closes and allocates its own port. */
    if (ports >= threads) {
        g = bench_guest(fifo, ports, vcpus);
        note("close and allocate", abi, threads, ports,
             best_of(loop_alloc_close, g, threads, ports));
        evtchn_guest_free(g);
    }
}

static void bench_all(void)
{
    static const unsigned ports[] = { 1, 64, 4095, 131071 };

    for (unsigned threads = 1; threads <= MAX_THREADS; threads++) {
        for (unsigned i = 0; i < G_N_ELEMENTS(ports); i++) {
            if (ports[i] < EVTCHN_2L_NR_CHANNELS) {
                bench_ports(false, threads, ports[i]);
            }
        }
        for (unsigned i = 0; i < G_N_ELEMENTS(ports); i++) {
            bench_ports(true, threads, ports[i]);
        }
    }
}

/* Alternately, so that changes of clock speed affect both. */
static void bench_bare_and_send(double *bare, double *send)
{
    Thread t = {
        .work = {
            .g = bench_guest(true, 1, 1), .first = 1, .n = 1, .bound = 1,
        },
    };
    uint64_t before = counted(t.work.g);

    *bare = *send = 1e12;
    for (unsigned i = 0; i < rounds; i++) {
        *bare = MIN(*bare, loop_bare_atomics(&t.work));
        *send = MIN(*send, loop_send_empty_fifo(&t.work));
    }
    check_rounds(&t, 1, counted(t.work.g) - before);
    evtchn_guest_free(t.work.g);
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
            "  \"figures\": [\n", bare, send, send / bare);
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

/*
 * In a process with only one thread the C library's mutexes use no atomic
 * operations.  QEMU always has several threads.
 */
static gpointer idle_thread(gpointer opaque)
{
    for (;;) {
        g_usleep(G_USEC_PER_SEC);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    const char *json = NULL;
    double bare, send;

    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--json") && i + 1 < argc) {
            json = argv[++i];
        } else if (!strcmp(argv[i], "--quick")) {
            rounds = 20;
            batch = 10000;
        } else if (!strcmp(argv[i], "--smoke")) {
            rounds = 1;
            batch = SMOKE_BATCH;
        } else {
            fprintf(stderr, "usage: %s [--json FILE] [--quick | --smoke]\n",
                    argv[0]);
            return 2;
        }
    }

    g_thread_unref(g_thread_new("idle", idle_thread, NULL));
    printf("%-28s %-8s %7s %9s %10s\n", "operation", "ABI", "threads", "ports",
           "ns");
    bench_bare_and_send(&bare, &send);
    note("bare atomics of a send", "FIFO", 1, 1, bare);
    note("send to an empty queue", "FIFO", 1, 1, send);
    bench_all();
    printf("FIFO send to an empty queue: %.1f ns, %.2f times its bare atomic "
           "operations (%.1f ns)\n", send, send / bare, bare);
    if (json) {
        write_json(json, bare, send);
    }
    return 0;
}
