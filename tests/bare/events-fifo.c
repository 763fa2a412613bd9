/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The FIFO ABI: a word per port, linked into queues; a control block per vCPU
 */
#include "events-abi.h"
#include "tap.h"

#define WORDS_PER_PAGE  (PAGE_SIZE / sizeof(event_word_t))
#define PENDING         (1u << EVTCHN_FIFO_PENDING)
#define MASKED          (1u << EVTCHN_FIFO_MASKED)
#define LINKED          (1u << EVTCHN_FIFO_LINKED)
#define BUSY            (1u << EVTCHN_FIFO_BUSY)

typedef volatile event_word_t EventWord;        /* volatile: Xen writes, too */
typedef volatile struct evtchn_fifo_control_block ControlBlock; /* likewise */

static EventWord words[NR_PORTS] PAGE_ALIGNED;
static uint8_t control_pages[MAX_CPUS][PAGE_SIZE] PAGE_ALIGNED;
static uint32_t heads[MAX_CPUS][EVTCHN_FIFO_MAX_QUEUES];

static ControlBlock *control(unsigned cpu)
{
    return (void *)control_pages[cpu];
}

static void zero_pages(void *start, size_t size)
{
    for (Live32 *p = start; size; size -= sizeof(*p)) {
        *p++ = 0;
    }
}

void fifo_set_up(void)
{
    zero_pages((void *)words, sizeof(words));
    zero_pages(control_pages, sizeof(control_pages));
    zero_pages(heads, sizeof(heads));
    for (unsigned cpu = 0; cpu < nr_cpus; cpu++) {
        struct evtchn_init_control op = {
            .control_gfn = (uintptr_t)control(cpu) / PAGE_SIZE, .vcpu = cpu,
        };

        if (EVTCHN_OP(EVTCHNOP_init_control, &op)) {
            tap_bail_out("no FIFO control block on CPU %u", cpu);
        }
    }
    for (unsigned i = 0; i < NR_PORTS / WORDS_PER_PAGE; i++) {
        struct evtchn_expand_array op = {
            .array_gfn = (uintptr_t)&words[i * WORDS_PER_PAGE] / PAGE_SIZE,
        };

        if (EVTCHN_OP(EVTCHNOP_expand_array, &op)) {
            tap_bail_out("no FIFO array page %u", i);
        }
    }
}

/* Unlinks @port from the head of its queue; returns the next port or 0. */
static uint32_t unlink(uint32_t port)
{
    event_word_t old = words[port], new;

    do {
        new = old & ~(LINKED | EVTCHN_FIFO_LINK_MASK);
    } while (!__atomic_compare_exchange_n(&words[port], &old, new, false,
                                          __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST));
    return old & EVTCHN_FIFO_LINK_MASK;
}

/* Takes the first event of a queue; returns whether there are more. */
static bool take_one(unsigned cpu, unsigned queue)
{
    uint32_t port = heads[cpu][queue];
    event_word_t word;

    if (!port) {
        /* A new list: the acquire pairs with Xen's release of the head. */
        port = __atomic_load_n(&control(cpu)->head[queue], __ATOMIC_ACQUIRE);
    }
    if (!port || port >= NR_PORTS) {
        test_failed(__FILE__, __LINE__, "queue %u of CPU %u begins with %u",
                    queue, cpu, port);
        return false;
    }
    heads[cpu][queue] = unlink(port);
    word = words[port];
    if (word & PENDING && !(word & MASKED)) {
        fifo_clear_pending(port);
        event_arrived(port);
    }
    return heads[cpu][queue] != 0;
}

void fifo_take_events(unsigned cpu)
{
    uint32_t ready = 0;

    for (;;) {
        unsigned queue;

        ready |= __atomic_exchange_n(&control(cpu)->ready, 0,
                                     __ATOMIC_SEQ_CST);
        if (!ready) {
            return;
        }
        /* By priority, checked again after each event. */
        queue = __builtin_ctz(ready);
        if (!take_one(cpu, queue)) {
            ready &= ~(1u << queue);
        }
    }
}

bool fifo_is_pending(uint32_t port)
{
    return words[port] & PENDING;
}

bool fifo_is_masked(uint32_t port)
{
    return words[port] & MASKED;
}

void fifo_mask(uint32_t port)
{
    __atomic_fetch_or(&words[port], MASKED, __ATOMIC_SEQ_CST);
}

void fifo_clear_pending(uint32_t port)
{
    __atomic_fetch_and(&words[port], ~PENDING, __ATOMIC_SEQ_CST);
}

bool fifo_unmask(uint32_t port)
{
    event_word_t old = words[port];

    do {
        if (old & PENDING) {
            return true;
        }
        /* Xen is updating the word. */
        old &= ~BUSY;
    } while (!__atomic_compare_exchange_n(&words[port], &old, old & ~MASKED,
                                          false, __ATOMIC_SEQ_CST,
                                          __ATOMIC_SEQ_CST));
    return false;
}
