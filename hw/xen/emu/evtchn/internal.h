/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inside the event-channel engine
 *
 * The manual of the module is include/hw/xen/emu/evtchn.h; this file is for
 * those who change the engine.  Which file does what:
 *
 *   engine.c      life of the engine, layout, ABI and delivery mode
 *   lock.c        the locks that guard a port
 *   port.c        ports: look-up, allocation, moving to another vCPU
 *   idmap.c       the lowest free number in constant time
 *   pages.c       guest pages: whose locks guard them
 *   vcpu.c        vcpu_info: where it is
 *   bind.c        the EVTCHNOP_bind_* family, bind_vcpu, status, priority
 *   close.c       closing a port, all ports
 *   notify.c      upcalls and pollers, once no lock is held
 *   send.c        fast and slow frame; send, unmask, VIRQ, PIRQ
 *   parked.c      events whose guest page was missing
 *   abi-2l.c      the two ABIs, each behind a XenEvtchnAbiOps
 *   abi-fifo.c
 *   fifo-setup.c  init_control, expand_array, back to 2-level
 *   backend.c     QEMU's side of inter-domain channels
 *   poll.c        SCHEDOP_poll
 *   info.c        inspection: state of ports, statistics
 *   restore.c     migration
 *
 * Lock order: config, the page cache's (page.h), vCPU locks ascending, a poller's
 * lock.
 */
#ifndef HW_XEN_EMU_EVTCHN_INTERNAL_H
#define HW_XEN_EMU_EVTCHN_INTERNAL_H

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
 * Back-end port numbers; upstream's migration format has 15 bits for them and
 * its own limit is this.
 */
#define EVTCHN_MAX_BE_PORTS     4096

/*
 * How often a lock-free reader looks again when what it read has changed
 * under it.  Each change is a hypercall of another vCPU, so once is rare;
 * after that many the caller takes the configuration lock instead.
 */
#define EVTCHN_MAX_RETRIES      8

/* Bits of an event word; peek() answers in them for both ABIs. */
#define EVTCHN_PENDING          (1u << EVTCHN_FIFO_PENDING)
#define EVTCHN_MASKED           (1u << EVTCHN_FIFO_MASKED)
#define EVTCHN_LINKED           (1u << EVTCHN_FIFO_LINKED)
#define EVTCHN_BUSY             (1u << EVTCHN_FIFO_BUSY)
#define EVTCHN_LINK_MASK        ((uint32_t)EVTCHN_FIFO_LINK_MASK)

#define evtchn_likely(x)        __builtin_expect(!!(x), 1)
#define evtchn_unlikely(x)      __builtin_expect(!!(x), 0)

/*
 * What a port is.  One atomic word: senders read the peer of a loop-back
 * channel from it before they know which vCPU's lock to take.
 */
typedef struct XenEvtchnState {
    uint8_t type;               /* EVTCHNSTAT_* */
    bool to_backend;            /* unbound, interdomain: the peer is QEMU */
    uint16_t unused;            /* 0 */
    /* Remote port, PIRQ or VIRQ; unbound: id of a third domain, else 0. */
    uint32_t val;
} XenEvtchnState;

/*
 * Where a port's events go.  `vcpu` and `queue_vcpu` name the locks that
 * guard the port; both are held to change either.
 */
typedef struct XenEvtchnRoute {
    uint16_t vcpu;
    uint16_t queue_vcpu;        /* FIFO: queue it is or was last linked on; */
    uint8_t queue_priority;     /* 2-level: queue_vcpu == vcpu */
    uint8_t priority;
    uint16_t unused;            /* 0 */
} XenEvtchnRoute;

typedef struct XenEvtchnPort {
    uint64_t state;             /* XenEvtchnState; atomic */
    uint64_t route;             /* XenEvtchnRoute; atomic */
    XenEvtchnBackend *backend;  /* NULL: none, or not back since migration */
    uint32_t pollers;           /* times that it is named in poll.c */
    uint8_t parked;             /* EVTCHN_PARKED_*; atomic */
    uint8_t kind;               /* XenEvtchnKind; follows from state */
} XenEvtchnPort;

/* What waits for a port's pages. */
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
    uint32_t tail[EVTCHN_NR_QUEUES];        /* 0: queue known to be empty */
    XenEvtchnStats stats[XEN_EVTCHN_NR_KINDS];
    uint32_t virq_port[XEN_EVTCHN_NR_VIRQS]; /* atomic */
    bool present;                           /* atomic */
} __attribute__((aligned(EVTCHN_CACHE_LINE))) XenEvtchnVcpu;

/* A vCPU in SCHEDOP_poll. */
typedef struct XenEvtchnPoller {
    pthread_mutex_t lock;       /* innermost; guards what follows */
    unsigned nr;
    bool woken;
    uint32_t ports[XEN_EVTCHN_MAX_POLL];
} __attribute__((aligned(EVTCHN_CACHE_LINE))) XenEvtchnPoller;

struct XenEvtchnBackend {
    XenEvtchn *engine;
    void *cookie;
    uint32_t port;              /* its own number or 0; atomic */
    uint32_t guest_port;        /* 0: not connected; atomic */
};

/*
 * What has to be done once no lock is held, and how an attempt is made.
 * An attempt that gives -EWOULDBLOCK has changed nothing.
 */
typedef struct XenEvtchnFrame {
    /* in */
    bool slow;                  /* configuration lock is held; in memory */
    bool park;                  /* pages cannot be had: do what is possible */
    /* out */
    bool upcall;                /* raise_upcall(vcpu) */
    bool kernel;                /* kernel_deliver(port, vcpu) */
    bool wake;                  /* port has pollers */
    uint16_t vcpu;
    uint32_t port;
    XenEvtchnPage *stale;       /* -EWOULDBLOCK: refresh this; or NULL */
} XenEvtchnFrame;

/* The same for operations that concern many ports. */
typedef struct XenEvtchnBatch {
    uint64_t upcall[EVTCHN_VCPU_WORDS];
    uint64_t wake[EVTCHN_VCPU_WORDS];
} XenEvtchnBatch;

/* vCPU locks held for a port. */
typedef struct XenEvtchnHeld {
    XenEvtchnVcpu *v;           /* its vCPU */
    XenEvtchnVcpu *q;           /* its queue's vCPU, often the same */
} XenEvtchnHeld;

/* The up to three vCPUs whose locks moving a port needs, ascending. */
typedef struct XenEvtchnLockSet {
    unsigned n;
    unsigned vcpu[3];
} XenEvtchnLockSet;

typedef enum XenEvtchnEvent {
    EVTCHN_RAISE,               /* set PENDING, then notify */
    EVTCHN_UNMASK,              /* clear MASKED, then notify if PENDING */
    EVTCHN_RENOTIFY,            /* notify if PENDING and not MASKED */
} XenEvtchnEvent;

/* An ABI.  All with the port's locks held, none called with a closed port. */
typedef struct XenEvtchnAbiOps {
    XenEvtchnAbi abi;
    /* One past the highest port of a guest with @layout. */
    uint32_t (*port_limit)(const XenGuestLayout *layout);
    /* 0, or -EWOULDBLOCK with @f->stale. */
    int (*deliver)(XenEvtchn *e, const XenEvtchnHeld *held, XenEvtchnPort *p,
                   uint32_t port, XenEvtchnEvent event, XenEvtchnFrame *f);
    /* EVTCHN_PENDING and so on; *stale is set when that cannot be known. */
    uint32_t (*peek)(XenEvtchn *e, uint32_t port, XenEvtchnPage **stale);
    /* Atomic, beside a guest that does the same: whether we were the one. */
    bool (*clear_pending)(XenEvtchn *e, uint32_t port);
} XenEvtchnAbiOps;

struct XenEvtchn {
    /* Constant, or changed with all vCPU locks: read with any of them. */
    XenPageCache *pages;
    const XenEvtchnOps *ops;
    void *opaque;
    unsigned max_vcpus;
    unsigned max_pirqs;
    uint16_t domid;
    bool kernel_delivery;
    bool long_mode;             /* atomic for readers without a lock */
    const XenEvtchnAbiOps *abi;
    const XenGuestLayout *layout;
    void *shared_info;
    XenEvtchnVcpu *vcpus;
    XenEvtchnPoller *pollers;
    uint32_t *pirq_port;        /* atomic */
    uint32_t port_limit;        /* atomic; of this ABI and layout */
    uint32_t nr_array_pages;    /* grows after the page is in place */
    XenEvtchnPage array[EVTCHN_MAX_ARRAY_PAGES];
    XenEvtchnPort *buckets[EVTCHN_NR_BUCKETS];  /* atomic; never go away */

    /* Written more often, away from what senders read. */
    uint64_t polling[EVTCHN_VCPU_WORDS]         /* atomic; vCPUs in poll */
        __attribute__((aligned(EVTCHN_CACHE_LINE)));
    uint32_t nr_parked;         /* atomic */

    pthread_mutex_t config
        __attribute__((aligned(EVTCHN_CACHE_LINE)));
    unsigned config_waiters;    /* atomic */
    /* All below: config. */
    bool fifo_allowed;
    XenIdMap used_ports;
    uint32_t nr_valid;          /* ports below it are "valid" as in Xen */
    uint32_t nr_closing;        /* closed while linked: head and tail of a */
    uint32_t closing_head;      /* list threaded through their state.val */
    uint32_t closing_tail;
    XenIdMap used_be_ports;
    GHashTable *backends;       /* own port number -> XenEvtchnBackend */
};

/* ------------------------------------------------------------------------
 * port.c
 */
static inline XenEvtchnState evtchn_state(const XenEvtchnPort *p)
{
    union { uint64_t word; XenEvtchnState s; } u;

    u.word = __atomic_load_n(&p->state, __ATOMIC_ACQUIRE);
    return u.s;
}

/* What the events of a port in state @s are counted as. */
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

/* All vCPU locks, or no other thread is there yet. */
static inline void evtchn_set_abi(XenEvtchn *e, const XenEvtchnAbiOps *abi,
                                  const XenGuestLayout *layout)
{
    e->abi = abi;
    e->layout = layout;
    __atomic_store_n(&e->port_limit, abi->port_limit(layout),
                     __ATOMIC_RELAXED);
}

/* Lock-free.  NULL: out of range, or no such port was ever open. */
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

/* Counts those who wait, for the sake of who would hold it for long. */
static inline void evtchn_lock_config(XenEvtchn *e)
{
    if (pthread_mutex_trylock(&e->config) != 0) {
        __atomic_fetch_add(&e->config_waiters, 1, __ATOMIC_RELAXED);
        pthread_mutex_lock(&e->config);
        __atomic_fetch_sub(&e->config_waiters, 1, __ATOMIC_RELAXED);
    }
}

static inline void evtchn_unlock_config(XenEvtchn *e)
{
    pthread_mutex_unlock(&e->config);
}

static inline void evtchn_lock_vcpu(XenEvtchnVcpu *v)
{
    pthread_mutex_lock(&v->lock);
}

static inline void evtchn_unlock_vcpu(XenEvtchnVcpu *v)
{
    pthread_mutex_unlock(&v->lock);
}

bool evtchn_lock_port_pair(XenEvtchn *e, XenEvtchnPort *p,
                           XenEvtchnHeld *held);
void evtchn_unlock_port_pair(const XenEvtchnHeld *held);

/*
 * Takes the locks that guard @p.  false: it moved each time, which cannot
 * happen to a caller that holds the configuration lock.
 */
static inline bool evtchn_lock_port(XenEvtchn *e, XenEvtchnPort *p,
                                    XenEvtchnHeld *held)
{
    XenEvtchnRoute seen = evtchn_route(p), now;

    if (evtchn_likely(seen.vcpu == seen.queue_vcpu)) {
        held->v = held->q = &e->vcpus[seen.vcpu];
        evtchn_lock_vcpu(held->v);
        now = evtchn_route(p);
        if (evtchn_likely(now.vcpu == seen.vcpu &&
                          now.queue_vcpu == seen.queue_vcpu)) {
            return true;
        }
        evtchn_unlock_vcpu(held->v);
    }
    return evtchn_lock_port_pair(e, p, held);
}

static inline void evtchn_unlock_port(const XenEvtchnHeld *held)
{
    if (evtchn_likely(held->v == held->q)) {
        evtchn_unlock_vcpu(held->v);
    } else {
        evtchn_unlock_port_pair(held);
    }
}

void evtchn_lock_all_vcpus(XenEvtchn *e);
void evtchn_unlock_all_vcpus(XenEvtchn *e);

/*
 * Takes the locks of @p and of @vcpu and returns @p's route, which does not
 * change while they are held.  With the configuration lock.
 */
XenEvtchnRoute evtchn_lock_to_move(XenEvtchn *e, XenEvtchnPort *p,
                                   unsigned vcpu, XenEvtchnLockSet *set);
void evtchn_unlock_set(XenEvtchn *e, const XenEvtchnLockSet *set);

/* The rest with the configuration lock. */
/* @port counts as existing, though maybe closed; port 0 always does. */
bool evtchn_port_is_valid(XenEvtchn *e, uint32_t port);
/* An open port or NULL. */
XenEvtchnPort *evtchn_open_port(XenEvtchn *e, uint32_t port);
/* The port that @p, a loop-back channel's end, names as its peer names it. */
bool evtchn_pair_is_whole(XenEvtchn *e, uint32_t port,
                          const XenEvtchnPort *p);
/* Makes @p's bucket exist; @port is below EVTCHN_MAX_PORTS. */
XenEvtchnPort *evtchn_make_port(XenEvtchn *e, uint32_t port);
/*
 * Takes the lowest free number, to be opened, or given back to used_ports.
 * -ENOSPC.
 */
int evtchn_reserve_port(XenEvtchn *e, uint32_t *port);
void evtchn_open_reserved(XenEvtchn *e, uint32_t port, XenEvtchnState state,
                          unsigned vcpu);
/* Both: opens the lowest free port.  -ENOSPC. */
int evtchn_alloc_port(XenEvtchn *e, XenEvtchnState state, unsigned vcpu,
                      uint32_t *port);
/* The number of a closed port becomes free, now or once it is unlinked. */
void evtchn_free_port_number(XenEvtchn *e, uint32_t port);
/* No port is linked any more. */
void evtchn_free_all_closing(XenEvtchn *e);
/* Future events of @p go to @vcpu with @priority. */
void evtchn_move_port(XenEvtchn *e, XenEvtchnPort *p, uint32_t port,
                      unsigned vcpu, unsigned priority);
/* Changes state under the port's locks. */
void evtchn_change_state(XenEvtchn *e, XenEvtchnPort *p, XenEvtchnState s);
/* Calls port_changed.  @type: what to say that it is. */
void evtchn_report_port(XenEvtchn *e, uint32_t port, const XenEvtchnPort *p,
                        unsigned type);
void evtchn_fill_info(const XenEvtchnPort *p, uint32_t port,
                      XenEvtchnPortInfo *info);

/* A vCPU that the guest may name. */
static inline bool evtchn_vcpu_exists(XenEvtchn *e, uint32_t vcpu)
{
    return vcpu < e->max_vcpus &&
           __atomic_load_n(&e->vcpus[vcpu].present, __ATOMIC_RELAXED);
}

/* ------------------------------------------------------------------------
 * pages.c; configuration lock, no vCPU lock.
 */
/* Unset; guarded by the lock of @v, or by all vCPUs' locks. */
void evtchn_page_init_vcpu(XenEvtchnPage *p, XenEvtchnVcpu *v);
void evtchn_page_init_array(XenEvtchnPage *p, XenEvtchn *e);
/* Sets @p to @len bytes at @gpa, which must be RAM: -EINVAL. */
int evtchn_page_set(XenEvtchn *e, XenEvtchnPage *p, uint64_t gpa,
                    uint32_t len);
/* The same, stale: to be looked up when needed. */
void evtchn_page_set_stale(XenEvtchn *e, XenEvtchnPage *p, uint64_t gpa,
                           uint32_t len);
/* Sets @p to an address that never changes; NULL: unset. */
void evtchn_page_set_fixed(XenEvtchn *e, XenEvtchnPage *p, void *hva,
                           uint32_t len);
/* Makes a set page valid.  -EINVAL: no RAM there. */
int evtchn_page_refresh(XenEvtchn *e, XenEvtchnPage *p);

/* ------------------------------------------------------------------------
 * The upcall flag; the vCPU's lock.
 */

/*
 * For what is already in the guest's memory: selector bit, head and READY.
 * The flag is the only thing that says whether the vCPU must be told: if it
 * was set already, the guest has not entered its handler since, and will find
 * whatever was made pending before this call.  Counted in @st, one of @v's.
 */
static inline void evtchn_set_upcall(XenEvtchnVcpu *v, XenEvtchnStats *st,
                                     XenEvtchnFrame *f)
{
    uint8_t *info = xen_guest_page_check(&v->info.page);

    if (!info) {
        /* No vcpu_info yet; registering one looks for what is pending. */
        return;
    }
    if (__atomic_exchange_n(info + XEN_VCPU_INFO_UPCALL_PENDING, 1,
                            __ATOMIC_SEQ_CST)) {
        st->upcalls_saved++;
    } else {
        st->upcalls++;
        f->upcall = true;
        f->vcpu = v->index;
    }
}

/* An event was delivered. */
static inline void evtchn_count_delivery(XenEvtchnStats *st,
                                         const XenEvtchnFrame *f)
{
    if (f->slow) {
        st->slow++;
    } else {
        st->fast++;
    }
}

static inline bool evtchn_page_is_stale(const XenEvtchnPage *p)
{
    return xen_guest_page_is_stale(&p->page);
}

/* ------------------------------------------------------------------------
 * notify.c
 */
/* The kernel's part and the pollers'. */
int evtchn_finish_rare(XenEvtchn *e, const XenEvtchnFrame *f, int ret);

/* No lock.  Does what @f asks for and returns the final answer. */
static inline int evtchn_finish(XenEvtchn *e, const XenEvtchnFrame *f, int ret)
{
    if (f->upcall) {
        e->ops->raise_upcall(e->opaque, f->vcpu);
    }
    return evtchn_unlikely(f->kernel || f->wake) ? evtchn_finish_rare(e, f, ret)
                                                 : ret;
}

void evtchn_finish_batch(XenEvtchn *e, const XenEvtchnBatch *batch);
void evtchn_batch_add(XenEvtchn *e, XenEvtchnBatch *batch,
                      const XenEvtchnFrame *f);

/* ------------------------------------------------------------------------
 * send.c
 */
typedef struct XenEvtchnRequest {
    uint32_t port;
    unsigned vcpu;
    unsigned virq;
    XenEvtchnBackend *be;
    XenEvtchnEvent event;
} XenEvtchnRequest;

typedef int XenEvtchnTry(XenEvtchn *e, const XenEvtchnRequest *r,
                         XenEvtchnFrame *f);

/*
 * Tries until it does not block any more; parks the event if it must.  With
 * the configuration lock; the caller finishes @f and @batch without it.
 */
int evtchn_try_slow(XenEvtchn *e, XenEvtchnTry *attempt,
                    const XenEvtchnRequest *r, XenEvtchnFrame *f,
                    XenEvtchnBatch *batch);
/* Fast, then slow. */
int evtchn_do(XenEvtchn *e, XenEvtchnTry *attempt, const XenEvtchnRequest *r);
/* Does @r->event to @r->port if it is open. */
int evtchn_try_port(XenEvtchn *e, const XenEvtchnRequest *r,
                    XenEvtchnFrame *f);

/* ------------------------------------------------------------------------
 * parked.c
 */
/* The port's locks.  Remembers what cannot be done as a page is missing. */
void evtchn_park(XenEvtchn *e, const XenEvtchnHeld *held, XenEvtchnPort *p,
                 XenEvtchnEvent event);
/* The port's locks.  Forgets, and gives the EVTCHN_PARKED_* that were there. */
static inline unsigned evtchn_unpark(XenEvtchn *e, XenEvtchnPort *p)
{
    unsigned parked = p->parked;

    if (evtchn_unlikely(parked)) {
        __atomic_store_n(&p->parked, 0, __ATOMIC_RELAXED);
        __atomic_fetch_sub(&e->nr_parked, 1, __ATOMIC_RELAXED);
    }
    return parked;
}
/* Configuration lock.  Raises again what can be raised now. */
void evtchn_replay_parked(XenEvtchn *e, XenEvtchnBatch *batch);

/* ------------------------------------------------------------------------
 * The rest; configuration lock unless stated.
 */
extern const XenEvtchnAbiOps evtchn_abi_2l;
extern const XenEvtchnAbiOps evtchn_abi_fifo;

/* close.c: closes an open port.  @clear: also its pending bit. */
void evtchn_close_port(XenEvtchn *e, uint32_t port, XenEvtchnPort *p,
                       bool clear);
/* fifo-setup.c: forgets all FIFO state and unpins its pages. */
void evtchn_fifo_teardown(XenEvtchn *e);
/* backend.c: the guest's port @p is unbound again. */
void evtchn_backend_disconnect(XenEvtchn *e, XenEvtchnPort *p);
/* backend.c: connects @be, whose number is @state.val, to the port. */
void evtchn_backend_connect(XenEvtchn *e, XenEvtchnBackend *be, uint32_t port,
                            XenEvtchnPort *p);

/* VIRQs of which each vCPU has one; the others are the guest's. */
#define EVTCHN_VCPU_VIRQS   (1u << VIRQ_TIMER | 1u << VIRQ_DEBUG | \
                             1u << VIRQ_XENOPROF | 1u << VIRQ_XENPMU)

/* @virq is below XEN_EVTCHN_NR_VIRQS. */
static inline bool evtchn_virq_is_global(unsigned virq)
{
    return !(EVTCHN_VCPU_VIRQS >> virq & 1);
}

#endif
