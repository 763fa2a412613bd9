/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inside the event-channel engine: its state
 *
 * The manual of the module is include/hw/xen/emu/evtchn.h; this folder is for
 * those who change the engine.  Which file does what, the lowest first; each
 * uses only files above it in this list:
 *
 *   state.h       state of the engine, a vCPU, a port; reading and writing it
 *   idmap.c       the lowest free number in constant time
 *   lock.c        the locks that guard a port
 *   notify.c      upcalls and pollers, once no lock is held
 *   pages.c       guest pages: whose locks guard them
 *   abi.h         what the two ABIs have in common: a table of operations
 *   port.c        ports: look-up, allocation, moving to another vCPU
 *   parked.c      events whose guest page is missing
 *   abi-2l.c      the two ABIs
 *   abi-fifo.c
 *   send.c        fast and slow path; send, unmask, VIRQ, PIRQ
 *   fifo-setup.c  init_control, expand_array, back to 2-level
 *   engine.c      life of the engine, layout, ABI and delivery mode
 *   vcpu.c        where each vcpu_info is
 *   backend.c     QEMU's side of inter-domain channels
 *   bind.c        the EVTCHNOP_bind_* family, status, priority
 *   close.c       closing one port or all
 *   poll.c        SCHEDOP_poll
 *   info.c        inspection: state of ports, statistics
 *   restore.c     migration
 *
 * Lock order: config, the page cache's lock (page.h), vCPU locks ascending, a
 * poller's lock.
 */
#ifndef HW_XEN_EMU_EVTCHN_STATE_H
#define HW_XEN_EMU_EVTCHN_STATE_H

#include <stdint.h>
#include <stdbool.h>
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <glib.h>
#include "hw/xen/interface/xen.h"
#include "hw/xen/interface/event_channel.h"
#include "hw/xen/emu/evtchn.h"
#include "idmap.h"

#define EVTCHN_DOMID_QEMU       0
#define EVTCHN_MAX_PORTS        EVTCHN_FIFO_NR_CHANNELS
#define EVTCHN_BUCKET_PORTS     64
#define EVTCHN_NR_BUCKETS       (EVTCHN_MAX_PORTS / EVTCHN_BUCKET_PORTS)
#define EVTCHN_WORDS_PER_PAGE   (XEN_EMU_PAGE_SIZE / sizeof(event_word_t))
#define EVTCHN_MAX_ARRAY_PAGES  (EVTCHN_MAX_PORTS / EVTCHN_WORDS_PER_PAGE)
#define EVTCHN_NR_QUEUES        EVTCHN_FIFO_MAX_QUEUES
#define EVTCHN_VCPU_WORDS       (XEN_EVTCHN_MAX_VCPUS / 64)
#define EVTCHN_CACHE_LINE       64

/*
 * Limit of the port numbers of back ends.  It is upstream's, whose migration
 * format has 15 bits for them.
 */
#define EVTCHN_MAX_BE_PORTS     4096

/*
 * How often a lock-free reader tries again when the state that it read has
 * changed.  Each change is a hypercall of another vCPU, so even one is rare;
 * after this many the caller takes the configuration lock instead.
 */
#define EVTCHN_MAX_RETRIES      8

/* Bits of an event word; peek() returns them for both ABIs. */
#define EVTCHN_PENDING          (1u << EVTCHN_FIFO_PENDING)
#define EVTCHN_MASKED           (1u << EVTCHN_FIFO_MASKED)
#define EVTCHN_LINKED           (1u << EVTCHN_FIFO_LINKED)
#define EVTCHN_BUSY             (1u << EVTCHN_FIFO_BUSY)
#define EVTCHN_LINK_MASK        ((uint32_t)EVTCHN_FIFO_LINK_MASK)

#define evtchn_likely(x)        __builtin_expect(!!(x), 1)
#define evtchn_unlikely(x)      __builtin_expect(!!(x), 0)

/*
 * Type of a port, and its peer.  One atomic word, since senders read the peer
 * of a loop-back channel before they know which vCPU's lock to take.
 */
typedef struct XenEvtchnState {
    uint8_t type;               /* EVTCHNSTAT_* */
    bool to_backend;            /* unbound, interdomain: the peer is QEMU */
    uint16_t unused;            /* 0 */
    /* Remote port, PIRQ or VIRQ; unbound: id of a third domain, else 0. */
    uint32_t val;
} XenEvtchnState;

/*
 * Where a port's events go.  The locks of `vcpu` and `queue_vcpu` guard the
 * port; both are held to change either.
 */
typedef struct XenEvtchnRoute {
    uint16_t vcpu;
    uint16_t queue_vcpu;        /* FIFO: the queue that it is, or was last, */
    uint8_t queue_priority;     /* linked on; 2-level: queue_vcpu == vcpu */
    uint8_t priority;
    uint16_t unused;            /* 0 */
} XenEvtchnRoute;

typedef struct XenEvtchnPort {
    uint64_t state;             /* XenEvtchnState; atomic */
    uint64_t route;             /* XenEvtchnRoute; atomic */
    XenEvtchnBackend *backend;  /* NULL: none, or not yet after migration */
    uint32_t pollers;           /* how often vCPUs poll it now; see poll.c */
    uint8_t parked;             /* EVTCHN_PARKED_*; atomic */
    uint8_t kind;               /* XenEvtchnKind; derived from state */
} XenEvtchnPort;

/* What is parked until a port's pages are there. */
#define EVTCHN_PARKED_EVENT     1
#define EVTCHN_PARKED_UNMASK    2

_Static_assert(sizeof(XenEvtchnState) == 8, "one atomic word");
_Static_assert(sizeof(XenEvtchnRoute) == 8, "one atomic word");
_Static_assert(sizeof(XenEvtchnPort) <= 32, "two ports a cache line");

/* A guest page; pages.c says whose lock guards it. */
typedef struct XenEvtchnPage {
    XenGuestPage page;
} XenEvtchnPage;

typedef struct XenEvtchnVcpu {
    pthread_mutex_t lock;
    uint16_t index;
    XenEvtchnPage info;                     /* its vcpu_info */
    XenEvtchnPage control;                  /* its FIFO control block */
    uint32_t tail[EVTCHN_NR_QUEUES];        /* 0: the queue is empty */
    XenEvtchnStats stats[XEN_EVTCHN_NR_KINDS];
    uint32_t virq_port[XEN_EVTCHN_NR_VIRQS]; /* atomic */
    bool present;                           /* atomic */
} __attribute__((aligned(EVTCHN_CACHE_LINE))) XenEvtchnVcpu;

/* A vCPU in SCHEDOP_poll. */
typedef struct XenEvtchnPoller {
    pthread_mutex_t lock;       /* innermost; guards the rest */
    unsigned nr;
    bool woken;
    uint32_t ports[XEN_EVTCHN_MAX_POLL];
} __attribute__((aligned(EVTCHN_CACHE_LINE))) XenEvtchnPoller;

struct XenEvtchnBackend {
    XenEvtchn *engine;
    void *cookie;
    uint32_t port;              /* own number or 0; atomic */
    uint32_t guest_port;        /* 0: not connected; atomic */
};

typedef struct XenEvtchnAbiOps XenEvtchnAbiOps;    /* abi.h */

struct XenEvtchn {
    /* Constant, or changed with all vCPU locks and read with any of them. */
    XenPageCache *pages;
    const XenEvtchnOps *ops;
    void *opaque;
    unsigned max_vcpus;
    unsigned max_pirqs;
    uint16_t domid;
    bool kernel_delivery;
    const XenEvtchnAbiOps *abi;
    const XenGuestLayout *layout;
    void *shared_info;
    XenEvtchnVcpu *vcpus;
    XenEvtchnPoller *pollers;
    uint32_t *pirq_port;        /* atomic */
    uint32_t port_limit;        /* atomic; of this ABI and layout */
    uint32_t nr_array_pages;    /* incremented after the page is set */
    XenEvtchnPage array[EVTCHN_MAX_ARRAY_PAGES];
    XenEvtchnPort *buckets[EVTCHN_NR_BUCKETS];  /* atomic; never freed */

    /* Written more often, so in other cache lines than what senders read. */
    uint64_t polling[EVTCHN_VCPU_WORDS]         /* atomic; vCPUs in poll */
        __attribute__((aligned(EVTCHN_CACHE_LINE)));
    uint32_t nr_parked;         /* atomic */

    pthread_mutex_t config
        __attribute__((aligned(EVTCHN_CACHE_LINE)));
    unsigned config_waiters;    /* atomic */
    /* The rest is guarded by config. */
    bool fifo_allowed;
    XenIdMap used_ports;
    uint32_t nr_valid;          /* ports below it are "valid" as in Xen */
    uint32_t nr_closing;        /* ports closed while linked: a list, */
    uint32_t closing_head;      /* linked through their state.val */
    uint32_t closing_tail;
    XenIdMap used_be_ports;
    GHashTable *backends;       /* own port number -> XenEvtchnBackend */
};

static inline XenEvtchnState evtchn_state(const XenEvtchnPort *p)
{
    union { uint64_t word; XenEvtchnState s; } u;

    u.word = __atomic_load_n(&p->state, __ATOMIC_ACQUIRE);
    return u.s;
}

/* The kind that the events of a port in state @s are counted as. */
static inline XenEvtchnKind evtchn_kind(XenEvtchnState s)
{
    switch (s.type) {
    case EVTCHNSTAT_virq:
        return s.val == VIRQ_TIMER ? XEN_EVTCHN_TIMER : XEN_EVTCHN_VIRQ;
    case EVTCHNSTAT_ipi:
        return XEN_EVTCHN_IPI;
    case EVTCHNSTAT_pirq:
        return XEN_EVTCHN_PIRQ;
    default:
        return s.to_backend ? XEN_EVTCHN_BACKEND : XEN_EVTCHN_LOOPBACK;
    }
}

/* The port's locks are held. */
static inline void evtchn_set_state(XenEvtchnPort *p, XenEvtchnState s)
{
    union { uint64_t word; XenEvtchnState s; } u = { .s = s };

    p->kind = evtchn_kind(s);
    __atomic_store_n(&p->state, u.word, __ATOMIC_RELEASE);
}

static inline bool evtchn_same_state(XenEvtchnState a, XenEvtchnState b)
{
    return a.type == b.type && a.to_backend == b.to_backend && a.val == b.val;
}

static inline XenEvtchnRoute evtchn_route(const XenEvtchnPort *p)
{
    union { uint64_t word; XenEvtchnRoute r; } u;

    u.word = __atomic_load_n(&p->route, __ATOMIC_ACQUIRE);
    return u.r;
}

/* The port's locks are held. */
static inline void evtchn_set_route(XenEvtchnPort *p, XenEvtchnRoute r)
{
    union { uint64_t word; XenEvtchnRoute r; } u = { .r = r };

    __atomic_store_n(&p->route, u.word, __ATOMIC_RELEASE);
}

/* Lock-free.  NULL: @port is out of range, or its bucket does not exist. */
static inline XenEvtchnPort *evtchn_port(XenEvtchn *e, uint32_t port)
{
    XenEvtchnPort *bucket;

    if (port >= __atomic_load_n(&e->port_limit, __ATOMIC_RELAXED)) {
        return NULL;
    }
    bucket = __atomic_load_n(&e->buckets[port / EVTCHN_BUCKET_PORTS],
                             __ATOMIC_ACQUIRE);
    return bucket ? &bucket[port % EVTCHN_BUCKET_PORTS] : NULL;
}

/* Declares @v, a XenEvtchnVcpu *: each vCPU, ascending. */
#define evtchn_for_each_vcpu(e, v) \
    for (XenEvtchnVcpu *v = (e)->vcpus; v < (e)->vcpus + (e)->max_vcpus; v++)

/*
 * Declares @port: each number in use, ascending, also of ports that are closed
 * but still linked.  The loop may close ports.  The configuration lock is held.
 */
#define evtchn_for_each_used(e, port) \
    for (uint32_t port = xen_idmap_next(&(e)->used_ports, 1); \
         port < EVTCHN_MAX_PORTS; \
         port = xen_idmap_next(&(e)->used_ports, port + 1))

/* A vCPU that the guest may name. */
static inline bool evtchn_vcpu_exists(XenEvtchn *e, uint32_t vcpu)
{
    return vcpu < e->max_vcpus &&
           __atomic_load_n(&e->vcpus[vcpu].present, __ATOMIC_RELAXED);
}

/* VIRQs that exist once for each vCPU; others exist once for the guest. */
#define EVTCHN_VCPU_VIRQS   (1u << VIRQ_TIMER | 1u << VIRQ_DEBUG | \
                             1u << VIRQ_XENOPROF | 1u << VIRQ_XENPMU)

/* @virq is below XEN_EVTCHN_NR_VIRQS. */
static inline bool evtchn_virq_is_global(unsigned virq)
{
    return !(EVTCHN_VCPU_VIRQS >> virq & 1);
}

#endif
