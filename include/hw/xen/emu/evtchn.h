/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Xen event-channel engine: ports, 2-level and FIFO ABIs, delivery
 *
 * A library without QEMU: C11, GLib, pthreads and Xen's public headers.  It
 * knows no accelerator and no CPU model.  It reaches guest memory through
 * XenGuestPageOps and the outside world through XenEvtchnOps.  One
 * XenEvtchn serves one guest ("domain").
 *
 * Source of the ABI: include/hw/xen/interface/event_channel.h and Xen's
 * behaviour where the header is silent (the errors; see tests/unit).
 *
 * Errors
 * ------
 * Functions return 0 or a negative errno, which is Xen's error code for the
 * same case.  A failed operation has changed nothing.  As in Xen, a port is
 * "valid" when it is in the ABI's range and below the end of the bucket with
 * the highest port that was ever open; a valid port that is closed (0 is one)
 * can be asked for its status and be unmasked.
 *
 * Fast and slow
 * -------------
 * Functions named *_fast run in any thread, without the big QEMU lock, do not
 * sleep, do not allocate and take only vCPU locks.  Their answer is final,
 * except -EWOULDBLOCK: a guest page is stale, nothing was delivered, call the
 * function without "_fast".  That one may take the configuration lock, refresh
 * pages and sleep; it ends by running the fast one again, so no event is lost
 * between the two.  Masked, already pending and closed port are final answers.
 * If the page cannot be had at all (no RAM there), the event is parked: it
 * is remembered in the port and raised when the page comes back.
 *
 * Locks, in the order in which they nest
 * --------------------------------------
 *   big QEMU lock         never taken here; callers of slow functions may hold it
 *   XenEvtchn.config      a mutex: binding, closing, FIFO set-up, refresh.
 *                         Without it two binders could take one port.
 *   vCPU locks            one a vCPU, ascending by vCPU number when two are
 *                         needed.  The lock of vCPU n guards: the state of all
 *                         ports whose events go to n (so it is a sharded port
 *                         lock; change a port's vCPU only with both locks),
 *                         the 16 FIFO queues of n, and the validity of every
 *                         XenGuestPage while it is used for a port of n.
 *                         Without it a page could go away under a delivery
 *                         and two senders could corrupt a queue's tail.
 * Callbacks of XenEvtchnOps are called without any vCPU lock, except where
 * stated.  Sends to different vCPUs share no lock and no written cache line of
 * the engine's.
 *
 * A port that was ever open can be looked up without locks for the life of the
 * engine: buckets of ports are allocated once and never freed or moved.
 *
 * Bits that guest and engine both write (pending, mask, the FIFO word) are only
 * touched by atomic read-modify-write.  Everything read from guest memory is
 * read once, then checked.
 */
#ifndef HW_XEN_EMU_EVTCHN_H
#define HW_XEN_EMU_EVTCHN_H

#include <stdint.h>
#include <stdbool.h>
#include "hw/xen/emu/layout.h"
#include "hw/xen/emu/page.h"

#define XEN_EVTCHN_MAX_VCPUS    512     /* more than any PC machine has */
#define XEN_EVTCHN_NR_VIRQS     24
#define XEN_EVTCHN_MAX_POLL     128     /* ports in one SCHEDOP_poll */

typedef struct XenEvtchn XenEvtchn;
typedef struct XenEvtchnBackend XenEvtchnBackend;

typedef enum XenEvtchnAbi {
    XEN_EVTCHN_ABI_2L,
    XEN_EVTCHN_ABI_FIFO,
} XenEvtchnAbi;

/* What a port is and where its events go; also the unit of migration. */
typedef struct XenEvtchnPortInfo {
    uint32_t port;
    uint8_t type;           /* EVTCHNSTAT_* */
    uint8_t priority;       /* 0 (most urgent) .. 15; 7 unless set */
    uint16_t vcpu;          /* notified vCPU */
    /*
     * Remote port, PIRQ or VIRQ number by type.  Unbound: 0, or the id of a
     * third domain that the guest waits for, which never comes.
     */
    uint32_t val;
    bool to_backend;        /* unbound, interdomain: the peer is QEMU */
    bool pending, masked;   /* as the guest's memory says; out only */
    bool linked, busy;      /* FIFO; out only */
    bool parked;            /* raised while its page was missing */
    bool parked_unmask;     /* unmasked while its page was missing */
    uint16_t queue_vcpu;    /* FIFO: the queue it is or was last linked on */
    uint8_t queue_priority;
} XenEvtchnPortInfo;

typedef struct XenEvtchnOps {
    /*
     * evtchn_upcall_pending of @vcpu went from 0 to 1: have the guest enter
     * its handler.  Any thread, no lock held, possibly no BQL.
     */
    void (*raise_upcall)(void *opaque, unsigned vcpu);

    /* @vcpu sleeps in xen_evtchn_poll_wait's caller and must look again. */
    void (*wake_poller)(void *opaque, unsigned vcpu);

    /*
     * The guest sent to back end @be.  The lock of the port's vCPU is held,
     * so that @be cannot go away: only signal (an eventfd write), never wait.
     */
    void (*signal_backend)(void *opaque, XenEvtchnBackend *be, void *cookie);

    /*
     * Optional: deliver a 2-level event in the kernel instead of in memory.
     * Used while xen_evtchn_set_kernel_delivery() is on, by the fast
     * functions; no lock is held.  Negative: it could not; the fast function
     * then gives -EWOULDBLOCK and the slow one delivers in memory.
     */
    int (*kernel_deliver)(void *opaque, uint32_t port, unsigned vcpu);

    /*
     * Optional: a port was bound, changed its vCPU, or is about to be closed
     * (@info->type is then EVTCHNSTAT_closed, the rest as it was).  Lets the
     * accelerator hand the port to the kernel and take it back.  Called with
     * the configuration lock held and no vCPU lock, so it may call nothing
     * here but what is said to be lock-free.  @cookie is the back end's,
     * where the port is connected to one, else NULL.
     */
    void (*port_changed)(void *opaque, const XenEvtchnPortInfo *info,
                         void *cookie);
} XenEvtchnOps;

/* Where an event comes from. */
typedef enum XenEvtchnKind {
    XEN_EVTCHN_TIMER,           /* VIRQ_TIMER */
    XEN_EVTCHN_VIRQ,            /* all other VIRQs */
    XEN_EVTCHN_IPI,
    XEN_EVTCHN_PIRQ,
    XEN_EVTCHN_LOOPBACK,        /* the guest itself, through another port */
    XEN_EVTCHN_BACKEND,         /* a back end in QEMU */
    XEN_EVTCHN_TO_BACKEND,      /* the guest, to a back end: signal_backend */
    XEN_EVTCHN_REPEAT,          /* no port: vcpu_info moved, told again */
    XEN_EVTCHN_NR_KINDS,
} XenEvtchnKind;

/*
 * Per vCPU that is notified and kind of event; all are uint64_t.  An event or
 * unmask that makes a port deliverable counts as fast or slow, and as one
 * upcall or one saved.
 */
typedef struct XenEvtchnStats {
    uint64_t fast;              /* delivered by a fast function */
    uint64_t slow;              /* delivered after a refresh */
    uint64_t would_block;
    uint64_t already_pending;   /* coalesced with one not yet seen */
    uint64_t masked;            /* became pending on a masked port */
    uint64_t kernel;            /* handed to kernel_deliver */
    uint64_t upcalls;           /* raise_upcall called */
    uint64_t upcalls_saved;     /* the vCPU was going to look anyway */
    uint64_t parked;
} XenEvtchnStats;

/*
 * @max_vcpus: vCPU numbers are 0 .. max_vcpus - 1, at most
 * XEN_EVTCHN_MAX_VCPUS.  @max_pirqs: PIRQ numbers below it can be bound.
 * @domid: the guest's own id, what DOMID_SELF means.  @pages, @ops and @opaque
 * must outlive the engine.
 */
XenEvtchn *xen_evtchn_new(unsigned max_vcpus, unsigned max_pirqs,
                          uint16_t domid, XenPageCache *pages,
                          const XenEvtchnOps *ops, void *opaque);
/* No other call may be running or follow. */
void xen_evtchn_free(XenEvtchn *e);

/*
 * ------------------------------------------------------------------------
 * Places in guest memory and modes.  Slow; take the configuration lock.
 */

/* @shared_info: a page that stays put for the life of the engine. */
void xen_evtchn_set_shared_info(XenEvtchn *e, void *shared_info);

/* Which layout shared_info and vcpu_info have from now on. */
void xen_evtchn_set_long_mode(XenEvtchn *e, bool long_mode);
bool xen_evtchn_long_mode(XenEvtchn *e);

/*
 * A vCPU exists (came up or was hot-added) or does not: operations that name
 * an absent vCPU get -ENOENT.
 */
void xen_evtchn_set_vcpu_present(XenEvtchn *e, unsigned vcpu, bool present);

/*
 * The vcpu_info of @vcpu is at @gpa; XEN_GPA_NONE for nowhere.  What is pending
 * for the vCPU is raised again in the new place, so that nothing is lost
 * (@renotify; false when restoring state).
 * -EINVAL: no RAM there, or it crosses a page; -ENXIO: not aligned to the
 * guest's word; -ENOENT: no such vCPU; nothing changed.
 */
int xen_evtchn_set_vcpu_info(XenEvtchn *e, unsigned vcpu, uint64_t gpa,
                             bool renotify);
/* -EINVAL or -ENXIO as set_vcpu_info, as far as @gpa alone tells; or 0. */
int xen_evtchn_check_vcpu_info(XenEvtchn *e, uint64_t gpa);
/*
 * The same as set_vcpu_info for a place that was set and checked already: @page is
 * shared.
 */
void xen_evtchn_share_vcpu_info(XenEvtchn *e, unsigned vcpu,
                                const XenGuestPage *page, bool renotify);
/* The same for a place inside an overlay page, given by address. */
void xen_evtchn_set_vcpu_info_fixed(XenEvtchn *e, unsigned vcpu, void *hva,
                                    bool renotify);
/*
 * Raises again what is pending for @vcpu: the accelerator has set it in another
 * place than where vcpu_info is now, or told nobody.
 */
void xen_evtchn_renotify(XenEvtchn *e, unsigned vcpu);
/*
 * Address of the vcpu_info of @vcpu or NULL, lock-free; valid until the next
 * change or invalidation, so only for peeking (is an upcall pending?).
 */
void *xen_evtchn_peek_vcpu_info(XenEvtchn *e, unsigned vcpu);
/* evtchn_upcall_pending of @vcpu is set.  Any thread; the vCPU's lock. */
bool xen_evtchn_upcall_pending(XenEvtchn *e, unsigned vcpu);

/* Memory was added or came back: tries the parked events again. */
void xen_evtchn_retry_parked(XenEvtchn *e);

/*
 * 2-level events are delivered by kernel_deliver (true) or in memory (false).
 * Has no effect on FIFO events.  Takes all vCPU locks for a moment.
 */
void xen_evtchn_set_kernel_delivery(XenEvtchn *e, bool on);

/* false: EVTCHNOP_init_control, expand_array, set_priority give -ENOSYS. */
void xen_evtchn_allow_fifo(XenEvtchn *e, bool allow);
XenEvtchnAbi xen_evtchn_abi(XenEvtchn *e);

/*
 * ------------------------------------------------------------------------
 * The guest's operations (EVTCHNOP_*), arguments already copied in; on
 * success out-fields are filled.  Slow; take the configuration lock.
 */
struct evtchn_alloc_unbound;
struct evtchn_bind_interdomain;
struct evtchn_bind_virq;
struct evtchn_bind_pirq;
struct evtchn_bind_ipi;
struct evtchn_bind_vcpu;
struct evtchn_status;
struct evtchn_init_control;
struct evtchn_expand_array;
struct evtchn_set_priority;

int xen_evtchn_alloc_unbound(XenEvtchn *e, struct evtchn_alloc_unbound *op);
int xen_evtchn_bind_interdomain(XenEvtchn *e,
                                struct evtchn_bind_interdomain *op);
int xen_evtchn_bind_virq(XenEvtchn *e, struct evtchn_bind_virq *op);
int xen_evtchn_bind_pirq(XenEvtchn *e, struct evtchn_bind_pirq *op);
int xen_evtchn_bind_ipi(XenEvtchn *e, struct evtchn_bind_ipi *op);
int xen_evtchn_bind_vcpu(XenEvtchn *e, const struct evtchn_bind_vcpu *op);
int xen_evtchn_close(XenEvtchn *e, uint32_t port);
int xen_evtchn_status(XenEvtchn *e, struct evtchn_status *op);
/* All ports closed, 2-level again; back ends stay, unconnected. */
int xen_evtchn_reset(XenEvtchn *e, uint16_t dom);
int xen_evtchn_init_control(XenEvtchn *e, struct evtchn_init_control *op);
int xen_evtchn_expand_array(XenEvtchn *e,
                            const struct evtchn_expand_array *op);
int xen_evtchn_set_priority(XenEvtchn *e,
                            const struct evtchn_set_priority *op);

/* EVTCHNOP_send and EVTCHNOP_unmask. */
int xen_evtchn_send_fast(XenEvtchn *e, uint32_t port);
int xen_evtchn_send(XenEvtchn *e, uint32_t port);
int xen_evtchn_unmask_fast(XenEvtchn *e, uint32_t port);
int xen_evtchn_unmask(XenEvtchn *e, uint32_t port);

/*
 * ------------------------------------------------------------------------
 * Events from the emulation itself.  -ENOENT: nothing bound; also final.
 */
int xen_evtchn_raise_virq_fast(XenEvtchn *e, unsigned vcpu, unsigned virq);
int xen_evtchn_raise_virq(XenEvtchn *e, unsigned vcpu, unsigned virq);
/* The port bound to @virq on @vcpu (global VIRQs: on any), or 0. */
uint32_t xen_evtchn_virq_port(XenEvtchn *e, unsigned vcpu, unsigned virq);
int xen_evtchn_raise_pirq_fast(XenEvtchn *e, unsigned pirq);
int xen_evtchn_raise_pirq(XenEvtchn *e, unsigned pirq);
/* The port bound to @pirq, or 0; any thread, lock-free. */
uint32_t xen_evtchn_pirq_port(XenEvtchn *e, unsigned pirq);
/* QMP xen-event-inject: any open port. -EINVAL: not open. */
int xen_evtchn_inject(XenEvtchn *e, uint32_t port);

/*
 * ------------------------------------------------------------------------
 * Back ends: the QEMU side of inter-domain channels.
 */

/* @cookie is handed back to signal_backend. */
XenEvtchnBackend *xen_evtchn_backend_new(XenEvtchn *e, void *cookie);
/* Unbinds first.  After it returns signal_backend is not called for @be. */
void xen_evtchn_backend_free(XenEvtchnBackend *be);
/*
 * Connects @be to @guest_port, which must be unbound with QEMU as its remote,
 * or (after migration) already inter-domain with a back end that is gone; it
 * gets that one's number then.  As in Xen, @be is signalled once, for what
 * the guest sent before.  Returns the back end's own port number (> 0),
 * -ESRCH: wrong @domid, -EINVAL: not such a port, -EBUSY: @be is connected,
 * -ENOSPC.
 */
int xen_evtchn_backend_bind(XenEvtchnBackend *be, uint16_t domid,
                            uint32_t guest_port);
/* @be_port: its own number, or 0 for whatever it has.  Guest port: unbound. */
int xen_evtchn_backend_unbind(XenEvtchnBackend *be, uint32_t be_port);
/* Raises the guest's port. -ENOTCONN: not bound. */
int xen_evtchn_backend_notify(XenEvtchnBackend *be);
uint32_t xen_evtchn_backend_port(const XenEvtchnBackend *be);
uint32_t xen_evtchn_backend_guest_port(const XenEvtchnBackend *be);

/*
 * ------------------------------------------------------------------------
 * SCHEDOP_poll
 *
 *     ret = xen_evtchn_poll_begin(e, vcpu, ports, nr);
 *     if (ret == 0) { sleep until wake_poller(vcpu), a kick, or time-out }
 *     xen_evtchn_poll_end(e, vcpu);
 *
 * begin looks at @ports in their order.  It returns 1 when one is pending (do
 * not sleep; end need not be called, but may), 0 when the vCPU is now
 * registered as a poller of exactly these ports, -EINVAL: too many ports, or
 * one that is not open before the first that is pending.  One that is closed
 * later may be opened again meanwhile, and then counts.  Called by the vCPU's
 * own thread.  No event that becomes pending after begin is missed,
 * masked ones included.  Whether an upcall would interrupt the sleep is the
 * caller's to say, as for HLT: a guest that polls with interrupts off must
 * not be woken by one.
 */
int xen_evtchn_poll_begin(XenEvtchn *e, unsigned vcpu, const uint32_t *ports,
                          unsigned nr);
/* Something it waits for became pending since begin. */
bool xen_evtchn_poll_woken(XenEvtchn *e, unsigned vcpu);
void xen_evtchn_poll_end(XenEvtchn *e, unsigned vcpu);

/*
 * ------------------------------------------------------------------------
 * Inspection and migration.  The VM is stopped for save and restore.
 */

/* One past the highest open port. */
uint32_t xen_evtchn_nr_ports(XenEvtchn *e);
/* false: @port is closed (and *info says so). */
bool xen_evtchn_port_info(XenEvtchn *e, uint32_t port,
                          XenEvtchnPortInfo *info);
/* By kind: an array of XEN_EVTCHN_NR_KINDS.  Any thread; the vCPU's lock. */
void xen_evtchn_stats(XenEvtchn *e, unsigned vcpu, XenEvtchnStats *stats);
/* The sum over all kinds of such an array. */
XenEvtchnStats xen_evtchn_stats_sum(const XenEvtchnStats *stats);

/*
 * Restoring: begin, then ports and FIFO set-up in any order, then finish.
 * begin closes all ports and gives up all back ends' numbers without touching
 * guest memory, which may be the new one already.  restore_port gives -EINVAL
 * for a state that the engine could not have saved (bad type, vCPU, priority,
 * VIRQ, PIRQ bound twice, a port out of range), -EEXIST: open.  finish checks
 * the pairs of loop-back channels, that the ABI has all the ports and that a
 * queue's tail is a port of that queue: -EINVAL, and all ports are closed.
 * After a failure the caller gives up the load; the engine stays safe to use.
 */
void xen_evtchn_restore_begin(XenEvtchn *e);
int xen_evtchn_restore_port(XenEvtchn *e, const XenEvtchnPortInfo *info);
int xen_evtchn_restore_finish(XenEvtchn *e);

/*
 * FIFO set-up for migration; gpa XEN_GPA_NONE: none.  Restoring any of it
 * makes the engine use the FIFO ABI; -EINVAL: not as it could have been
 * saved.  The pages are looked up when they are first needed, so memory may
 * arrive later.
 */
uint64_t xen_evtchn_fifo_control_gpa(XenEvtchn *e, unsigned vcpu);
unsigned xen_evtchn_fifo_nr_array_pages(XenEvtchn *e);
uint64_t xen_evtchn_fifo_array_gfn(XenEvtchn *e, unsigned index);
/* Tail of a queue: what only the engine knows. */
uint32_t xen_evtchn_fifo_tail(XenEvtchn *e, unsigned vcpu, unsigned priority);
int xen_evtchn_restore_fifo_control(XenEvtchn *e, unsigned vcpu,
                                    uint64_t gpa);
int xen_evtchn_restore_fifo_array(XenEvtchn *e, unsigned index, uint64_t gfn);
int xen_evtchn_restore_fifo_tail(XenEvtchn *e, unsigned vcpu,
                                 unsigned priority, uint32_t tail);

#endif
