/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest for the event-channel engine: its memory, and a consumer of events
 *
 * The consumer is written from the description of the ABI (Xen's public
 * event_channel.h and xen.h), independently of the engine, so that each checks
 * the other.  It may run concurrently with the engine, in one thread for each
 * vCPU, with any number of senders.
 */
#ifndef TESTS_UNIT_EVTCHN_GUEST_H
#define TESTS_UNIT_EVTCHN_GUEST_H

#include <inttypes.h>
#include <stdint.h>
#include <stdbool.h>
#include <errno.h>
#include <string.h>
#include <glib.h>
#include "hw/xen/interface/xen.h"
#include "hw/xen/interface/event_channel.h"
#include "hw/xen/emu/evtchn.h"

#define GUEST_DOMID         1
#define GUEST_MAX_VCPUS     16
#define GUEST_MAX_PIRQS     64
#define GUEST_NR_PORTS      EVTCHN_FIFO_NR_CHANNELS

/* Frames of the guest's RAM. */
#define GUEST_GFN_SHARED    0
#define GUEST_GFN_INFO      1       /* vcpu_info of vCPU n at n * 64 */
#define GUEST_GFN_INFO2     2       /* a place to move them to */
#define GUEST_GFN_CONTROL   16      /* control block of vCPU n: frame + n */
#define GUEST_GFN_ARRAY     64      /* event array, 128 frames */
#define GUEST_NR_FRAMES     (GUEST_GFN_ARRAY + 128)

typedef struct EvtchnGuest EvtchnGuest;
typedef void EvtchnHandler(EvtchnGuest *g, unsigned vcpu, uint32_t port,
                           void *opaque);

typedef struct EvtchnGuestVcpu {
    unsigned upcalls;           /* raise_upcall */
    unsigned wakes;             /* wake_poller */
    unsigned kernel;            /* kernel_deliver */
    uint8_t *info;              /* vcpu_info, in the guest's view */
    uint32_t ready;             /* FIFO: the consumer's own copies */
    uint32_t head[EVTCHN_FIFO_MAX_QUEUES];
} EvtchnGuestVcpu;

struct EvtchnGuest {
    XenPageCache pages;
    XenEvtchn *e;
    unsigned nr_vcpus;
    bool long_mode;
    bool fifo;                  /* the ABI that the consumer uses */
    struct GuestMemory *memory;
    bool absent[GUEST_NR_FRAMES];
    int pinned;                 /* pages that are pinned now */
    bool upcalls_uncounted;     /* an atomic operation that costs time */
    unsigned signals;
    void *last_cookie;
    int kernel_error;           /* what kernel_deliver returns */
    uint32_t kernel_port;       /* last argument of kernel_deliver */
    XenEvtchnPortInfo changed;  /* last argument of port_changed */
    unsigned nr_changed;
    void (*on_pin)(EvtchnGuest *g, uint64_t gpa);   /* hooks for races */
    void (*on_changed)(EvtchnGuest *g);
    EvtchnGuestVcpu vcpu[GUEST_MAX_VCPUS];
    unsigned *seen;             /* events handled, by port; of memory */
};

/* A guest with shared_info and vcpu_info in place. */
EvtchnGuest *evtchn_guest_new(unsigned nr_vcpus, bool long_mode);
/* No vcpu_info, no vCPU present. */
EvtchnGuest *evtchn_guest_new_bare(unsigned nr_vcpus, bool long_mode);
void evtchn_guest_free(EvtchnGuest *g);

static inline uint64_t evtchn_guest_gpa(uint64_t gfn)
{
    return gfn << XEN_EMU_PAGE_SHIFT;
}

void *evtchn_guest_frame(EvtchnGuest *g, uint64_t gfn);
void evtchn_guest_copy_ram(EvtchnGuest *to, EvtchnGuest *from);
/* Removes or adds RAM, and notifies the engine. */
void evtchn_guest_remove_frame(EvtchnGuest *g, uint64_t gfn);
void evtchn_guest_add_frame(EvtchnGuest *g, uint64_t gfn);

/* Operations that must succeed; they return the port. */
uint32_t evtchn_guest_bind_ipi(EvtchnGuest *g, unsigned vcpu);
uint32_t evtchn_guest_bind_virq(EvtchnGuest *g, unsigned vcpu, unsigned virq);
uint32_t evtchn_guest_bind_pirq(EvtchnGuest *g, unsigned pirq);
uint32_t evtchn_guest_alloc_unbound(EvtchnGuest *g, uint16_t remote);
uint32_t evtchn_guest_bind_loopback(EvtchnGuest *g, uint32_t remote);
void evtchn_guest_bind_vcpu(EvtchnGuest *g, uint32_t port, unsigned vcpu);
void evtchn_guest_set_priority(EvtchnGuest *g, uint32_t port, unsigned prio);

int evtchn_guest_init_control(EvtchnGuest *g, unsigned vcpu);
int evtchn_guest_expand_array(EvtchnGuest *g, unsigned index);
/* Sets up all vCPUs' control blocks and @nr_pages of event array. */
void evtchn_guest_use_fifo(EvtchnGuest *g, unsigned nr_pages);

/* Bits in the guest's memory. */
bool evtchn_guest_pending(EvtchnGuest *g, uint32_t port);
bool evtchn_guest_masked(EvtchnGuest *g, uint32_t port);
uint32_t *evtchn_guest_word(EvtchnGuest *g, uint32_t port);
struct evtchn_fifo_control_block *evtchn_guest_control(EvtchnGuest *g,
                                                       unsigned vcpu);
bool evtchn_guest_upcall_flag(EvtchnGuest *g, unsigned vcpu);
uint64_t evtchn_guest_selector(EvtchnGuest *g, unsigned vcpu);
void evtchn_guest_mask(EvtchnGuest *g, uint32_t port);
/* Unmasks without a hypercall where the ABI allows that. */
void evtchn_guest_unmask(EvtchnGuest *g, uint32_t port);
/* Clears PENDING; returns whether it was set. */
bool evtchn_guest_clear_pending(EvtchnGuest *g, uint32_t port);

/* The engine's counters of @vcpu, summed over all kinds of events. */
XenEvtchnStats evtchn_guest_stats(EvtchnGuest *g, unsigned vcpu);

/*
 * The upcall handler of @vcpu: handles all pending events, counts them in
 * `seen` and calls @handler, if not NULL.  Returns the number of events.
 */
unsigned evtchn_guest_handle(EvtchnGuest *g, unsigned vcpu,
                             EvtchnHandler *handler, void *opaque);

typedef struct EvtchnTest {
    const char *name;
    GTestDataFunc fn;           /* its argument is GINT_TO_POINTER(0 or 1) */
} EvtchnTest;

/* Adds @nr @tests as @suite/variant[0]/name and @suite/variant[1]/name. */
void evtchn_guest_add_tests(const char *suite, const char *const variant[2],
                            const EvtchnTest *tests, size_t nr);

#endif
