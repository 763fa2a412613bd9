/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Xen event-channel engine: ports, 2-level and FIFO ABIs, delivery
 *
 * A library that does not depend on QEMU: C11, GLib, pthreads and Xen's public
 * headers.  It knows nothing of accelerators and CPUs.  It accesses guest
 * memory through XenGuestPageOps and calls QEMU through XenEvtchnOps.  One
 * XenEvtchn serves one guest ("domain").
 *
 * Source of the ABI: include/hw/xen/interface/event_channel.h and, for what the
 * header does not specify (the errors; see tests/unit), Xen's behaviour.
 *
 * Errors
 * ------
 * Functions return 0 or a negative errno, which is Xen's error code for the
 * same case.  A failed operation has changed nothing.  As in Xen, a port is
 * "valid" if it is in the ABI's range and not above the bucket with the highest
 * port that was ever open.  EVTCHNOP_status and unmask succeed on a valid port
 * even if it is closed, as port 0 always is.
 *
 * Fast and slow
 * -------------
 * Functions named *_fast may be called from any thread without the BQL, do not
 * sleep or allocate, and take vCPU locks only.  Their result is final, also for
 * a port that is masked, pending already or closed.  The exception is
 * -EWOULDBLOCK: a guest page is stale and nothing was delivered; the caller
 * then calls the function without "_fast".  That one may take the
 * configuration lock, refresh pages and sleep, and delivers the event, so that
 * none is lost between the two.  If there is no RAM for the page, the event is
 * parked: it is remembered in the port and delivered once the page is back.
 *
 * Locks, in the order in which they nest
 * --------------------------------------
 *   BQL                   never taken here; callers of slow functions may
 *                         hold it.
 *   XenEvtchn.config      the configuration lock, a mutex: for binding,
 *                         closing, FIFO set-up, refresh.  Without it two
 *                         threads could bind the same port.
 *   vCPU locks            one for each vCPU; several are taken in ascending
 *                         order.  The lock of vCPU n guards the state of all
 *                         ports that notify n (a port's vCPU is changed with
 *                         both vCPUs' locks), the 16 FIFO queues of n, and the
 *                         validity of each XenGuestPage while it is used for a
 *                         port of n.  Without it a page could go away during a
 *                         delivery, and two senders could corrupt the tail of a
 *                         queue.
 * Callbacks of XenEvtchnOps are called without any vCPU lock, except where
 * stated.  Sends to different vCPUs share no lock, and write no cache line of
 * the engine in common.
 *
 * Ports are looked up without locks: they are allocated in buckets, which are
 * neither freed nor moved while the engine exists.
 *
 * Bits that both guest and engine write (pending, mask, the FIFO word) are
 * changed by atomic read-modify-write only.  Everything in guest memory is
 * read once, then checked.
 */
#ifndef HW_XEN_EMU_EVTCHN_H
#define HW_XEN_EMU_EVTCHN_H

#include <stdint.h>
#include <stdbool.h>
#include "hw/xen/emu/layout.h"
#include "hw/xen/emu/page.h"

#define XEN_EVTCHN_MAX_VCPUS    XEN_EMU_MAX_VCPUS
#define XEN_EVTCHN_NR_VIRQS     24
#define XEN_EVTCHN_MAX_POLL     128     /* ports in one SCHEDOP_poll */

typedef struct XenEvtchn XenEvtchn;
typedef struct XenEvtchnBackend XenEvtchnBackend;

typedef enum XenEvtchnAbi {
    XEN_EVTCHN_ABI_2L,
    XEN_EVTCHN_ABI_FIFO,
} XenEvtchnAbi;

/* State of a port; also the unit of migration. */
typedef struct XenEvtchnPortInfo {
    uint32_t port;
    uint8_t type;           /* EVTCHNSTAT_* */
    uint8_t priority;       /* 0 (most urgent) .. 15; 7 unless set */
    uint16_t vcpu;          /* notified vCPU */
    /*
     * By type: remote port, PIRQ or VIRQ.  Unbound: 0, or the id of a third
     * domain as the remote one, which does not exist.
     */
    uint32_t val;
    bool to_backend;        /* unbound, interdomain: the peer is QEMU */
    bool pending, masked;   /* as in guest memory; out only */
    bool linked, busy;      /* FIFO; out only */
    bool parked;            /* raised while its page was missing */
    bool parked_unmask;     /* unmasked while its page was missing */
    uint16_t queue_vcpu;    /* FIFO: queue that it is, or was last, linked on */
    uint8_t queue_priority;
} XenEvtchnPortInfo;

typedef struct XenEvtchnOps {
    /*
     * evtchn_upcall_pending of @vcpu went from 0 to 1: inject the upcall.
     * Called from any thread, with no lock held, possibly without the BQL.
     */
    void (*raise_upcall)(void *opaque, unsigned vcpu);

    /* @vcpu is blocked in SCHEDOP_poll: unblock it. */
    void (*wake_poller)(void *opaque, unsigned vcpu);

    /*
     * The guest sent to back end @be.  Called with the lock of the port's vCPU,
     * so that @be cannot go away: may signal (write an eventfd), but not wait.
     */
    void (*signal_backend)(void *opaque, XenEvtchnBackend *be, void *cookie);

    /*
     * Optional: have KVM deliver a 2-level event instead of writing it to guest
     * memory.  The fast functions call it while
     * xen_evtchn_set_kernel_delivery() is on; no lock is held.  Negative: KVM
     * could not; the fast function then returns -EWOULDBLOCK and the slow one
     * writes the event to memory.
     */
    int (*kernel_deliver)(void *opaque, uint32_t port, unsigned vcpu);

    /*
     * Optional: a port was bound, changed its vCPU, or is about to be closed
     * (@info->type is then EVTCHNSTAT_closed, the rest as it was).  Lets the
     * accelerator offload the port to KVM and reclaim it.  Called with the
     * configuration lock and no vCPU lock, so it may call only those functions
     * of the engine that are said to be lock-free.  @cookie: that of the back
     * end that the port is connected to, or NULL.
     */
    void (*port_changed)(void *opaque, const XenEvtchnPortInfo *info,
                         void *cookie);
} XenEvtchnOps;

/* Kinds of events, by source. */
typedef enum XenEvtchnKind {
    XEN_EVTCHN_TIMER,           /* VIRQ_TIMER */
    XEN_EVTCHN_VIRQ,            /* all other VIRQs */
    XEN_EVTCHN_IPI,
    XEN_EVTCHN_PIRQ,
    XEN_EVTCHN_LOOPBACK,        /* the guest itself, through another port */
    XEN_EVTCHN_BACKEND,         /* a back end in QEMU */
    XEN_EVTCHN_TO_BACKEND,      /* the guest, to a back end: signal_backend */
    XEN_EVTCHN_REPEAT,          /* no port: vcpu_info moved, renotified */
    XEN_EVTCHN_NR_KINDS,
} XenEvtchnKind;

/*
 * Counters, for each notified vCPU and kind of event; all are uint64_t.  An
 * event or unmask that makes a port deliverable counts once as fast or slow,
 * and once as an upcall or a saved one.
 */
typedef struct XenEvtchnStats {
    uint64_t fast;              /* delivered by a fast function */
    uint64_t slow;              /* delivered after a refresh */
    uint64_t would_block;
    uint64_t already_pending;   /* coalesced with one not handled yet */
    uint64_t masked;            /* became pending on a masked port */
    uint64_t kernel;            /* passed to kernel_deliver */
    uint64_t upcalls;           /* raise_upcall called */
    uint64_t upcalls_saved;     /* the vCPU finds the event without one */
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
/* As it was created. */
unsigned xen_evtchn_max_vcpus(const XenEvtchn *e);
/* No other call may be running, or follow. */
void xen_evtchn_free(XenEvtchn *e);

/*
 * ------------------------------------------------------------------------
 * Places in guest memory and modes.  Slow; take the configuration lock.
 */

/* @shared_info: a page that stays mapped there while the engine exists. */
void xen_evtchn_set_shared_info(XenEvtchn *e, void *shared_info);

/* The layout of shared_info and vcpu_info, from now on. */
void xen_evtchn_set_long_mode(XenEvtchn *e, bool long_mode);

/*
 * Whether a vCPU exists (was created or hot-plugged).  Operations that name an
 * absent vCPU return -ENOENT.  Lock-free.
 */
void xen_evtchn_set_vcpu_present(XenEvtchn *e, unsigned vcpu, bool present);

/*
 * The vcpu_info of @vcpu is at @gpa, or nowhere if that is XEN_GPA_NONE.
 * @renotify: what is pending for the vCPU is notified again in the new place,
 * so that nothing is lost; false when state is restored.
 * -ENXIO: it crosses a page boundary, or is not aligned to the guest's word;
 * -EINVAL: there is no RAM; -ENOENT: no such vCPU.
 */
int xen_evtchn_set_vcpu_info(XenEvtchn *e, unsigned vcpu, uint64_t gpa,
                             bool renotify);
/* -ENXIO, the error of set_vcpu_info that @gpa alone causes, or 0. */
int xen_evtchn_check_vcpu_info(XenEvtchn *e, uint64_t gpa);
/*
 * As set_vcpu_info, for a place that has been checked: shares the memory that
 * @page keeps pinned.
 */
void xen_evtchn_share_vcpu_info(XenEvtchn *e, unsigned vcpu,
                                const XenGuestPage *page, bool renotify);
/* The same for a place inside an overlay page, given by address. */
void xen_evtchn_set_vcpu_info_fixed(XenEvtchn *e, unsigned vcpu, void *hva,
                                    bool renotify);
/*
 * The address of the vcpu_info of @vcpu, or NULL.  Without the vCPU's lock; valid
 * only until the next change or invalidation.  In QEMU both happen under the
 * BQL, so only holders of the BQL may access it, and not after they have
 * released it.
 */
void *xen_evtchn_peek_vcpu_info(XenEvtchn *e, unsigned vcpu);
/*
 * evtchn_upcall_pending of @vcpu is set, also if the memory map has changed since
 * the last event.  Any thread; takes the vCPU's lock.
 */
bool xen_evtchn_upcall_pending(XenEvtchn *e, unsigned vcpu);

/* Memory was added: tries to deliver the parked events. */
void xen_evtchn_retry_parked(XenEvtchn *e);

/*
 * Whether the fast functions deliver 2-level events by kernel_deliver or in
 * memory.  Has no effect on FIFO events.  Takes all vCPU locks briefly.
 */
void xen_evtchn_set_kernel_delivery(XenEvtchn *e, bool on);

/* false: EVTCHNOP_init_control, expand_array, set_priority return -ENOSYS. */
void xen_evtchn_allow_fifo(XenEvtchn *e, bool allow);
XenEvtchnAbi xen_evtchn_abi(XenEvtchn *e);

/*
 * ------------------------------------------------------------------------
 * The guest's operations, EVTCHNOP_*.  @op is QEMU's copy of the arguments;
 * its output fields are set on success.  Slow; take the configuration lock.
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
/* Closes all ports and returns to 2-level; back ends stay, unconnected. */
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
 * Events from the emulation.  -ENOENT: no port is bound; this is final, too.
 */
int xen_evtchn_raise_virq_fast(XenEvtchn *e, unsigned vcpu, unsigned virq);
int xen_evtchn_raise_virq(XenEvtchn *e, unsigned vcpu, unsigned virq);
/* The port bound to @virq on @vcpu (global VIRQs: on any), or 0; lock-free. */
uint32_t xen_evtchn_virq_port(XenEvtchn *e, unsigned vcpu, unsigned virq);
int xen_evtchn_raise_pirq_fast(XenEvtchn *e, unsigned pirq);
int xen_evtchn_raise_pirq(XenEvtchn *e, unsigned pirq);
/* The port bound to @pirq, or 0; any thread, lock-free. */
uint32_t xen_evtchn_pirq_port(XenEvtchn *e, unsigned pirq);
/* QMP xen-event-inject: raises any open port.  -EINVAL: not open. */
int xen_evtchn_inject(XenEvtchn *e, uint32_t port);

/*
 * ------------------------------------------------------------------------
 * Back ends: the QEMU side of inter-domain channels.
 */

/* @cookie is passed to signal_backend. */
XenEvtchnBackend *xen_evtchn_backend_new(XenEvtchn *e, void *cookie);
/* Unbinds first.  signal_backend is not called for @be after it returns. */
void xen_evtchn_backend_free(XenEvtchnBackend *be);
/*
 * Connects @be to @guest_port, which must be unbound with QEMU's domain as its
 * remote or, after migration, interdomain with a back end that has not
 * reconnected, whose number @be gets.  As in Xen, @be is signalled once, since
 * the guest may have sent before.  Returns the back end's own port number,
 * above 0.  -ESRCH: wrong @domid; -EINVAL: not such a port; -EBUSY: @be is
 * connected; -ENOSPC: no number is free.
 */
int xen_evtchn_backend_bind(XenEvtchnBackend *be, uint16_t domid,
                            uint32_t guest_port);
/*
 * Disconnects @be, if it is connected, and releases its number; the guest's
 * port is unbound again.  @be_port: that number, or 0 to skip the check.
 */
int xen_evtchn_backend_unbind(XenEvtchnBackend *be, uint32_t be_port);
/* Raises the guest's port.  -ENOTCONN: @be is not connected. */
int xen_evtchn_backend_notify(XenEvtchnBackend *be);
uint32_t xen_evtchn_backend_port(const XenEvtchnBackend *be);
uint32_t xen_evtchn_backend_guest_port(const XenEvtchnBackend *be);

/*
 * ------------------------------------------------------------------------
 * SCHEDOP_poll
 *
 *     ret = xen_evtchn_poll_begin(e, vcpu, ports, nr);
 *     if (ret == 0) { block until wake_poller(vcpu), a kick, or the timeout }
 *     xen_evtchn_poll_end(e, vcpu);
 *
 * begin checks @ports in order.  It returns 1 if one is pending (the vCPU does
 * not block; calling end is optional) and 0 if the vCPU is now registered as a
 * poller of these ports.  -EINVAL: too many ports, or one that is not open
 * comes before the first that is pending.  A port that is closed later and
 * opened again still counts.  Called from the vCPU's thread.  No event that
 * becomes pending after begin is missed, even on a masked port.  The caller
 * decides whether an upcall unblocks the vCPU, as for HLT: it must not if the
 * guest polls with interrupts disabled.
 */
int xen_evtchn_poll_begin(XenEvtchn *e, unsigned vcpu, const uint32_t *ports,
                          unsigned nr);
/* A port that @vcpu polls has become pending since begin. */
bool xen_evtchn_poll_woken(XenEvtchn *e, unsigned vcpu);
void xen_evtchn_poll_end(XenEvtchn *e, unsigned vcpu);

/*
 * ------------------------------------------------------------------------
 * Inspection and migration.  The VM is stopped for save and restore.
 */

/* One past the highest open port. */
uint32_t xen_evtchn_nr_ports(XenEvtchn *e);
/* Returns false if @port is closed, as *info then says. */
bool xen_evtchn_port_info(XenEvtchn *e, uint32_t port,
                          XenEvtchnPortInfo *info);
/*
 * @stats: an array of XEN_EVTCHN_NR_KINDS, by kind.  Any thread; takes the
 * vCPU's lock.
 */
void xen_evtchn_stats(XenEvtchn *e, unsigned vcpu, XenEvtchnStats *stats);
/* The sum over all kinds of such an array. */
XenEvtchnStats xen_evtchn_stats_sum(const XenEvtchnStats *stats);

/*
 * To restore: begin, then ports and FIFO set-up in any order, then finish.
 * begin closes all ports and releases the numbers of all back ends; it does not
 * write guest memory, which may already be the incoming one.  restore_port
 * returns -EINVAL for a state that the engine cannot have saved (invalid type,
 * vCPU, priority or VIRQ, a PIRQ that is bound twice, a port out of range) and
 * -EEXIST for a port that is open.  finish checks that loop-back channels have
 * both ends, that the ABI has all the ports and that the tail of a queue is a
 * port of that queue; if not, it closes all ports and returns -EINVAL.  After a
 * failure the caller fails the load; the engine stays safe to use.
 */
void xen_evtchn_restore_begin(XenEvtchn *e);
int xen_evtchn_restore_port(XenEvtchn *e, const XenEvtchnPortInfo *info);
int xen_evtchn_restore_finish(XenEvtchn *e);

/*
 * FIFO set-up for migration; a gpa of XEN_GPA_NONE means none.  Restoring any
 * of it switches to the FIFO ABI.  -EINVAL: the engine cannot have saved this.
 * Pages are pinned when they are first needed, so memory may be loaded later.
 */
uint64_t xen_evtchn_fifo_control_gpa(XenEvtchn *e, unsigned vcpu);
unsigned xen_evtchn_fifo_nr_array_pages(XenEvtchn *e);
uint64_t xen_evtchn_fifo_array_gfn(XenEvtchn *e, unsigned index);
/* The tail of a queue, which is not in guest memory. */
uint32_t xen_evtchn_fifo_tail(XenEvtchn *e, unsigned vcpu, unsigned priority);
int xen_evtchn_restore_fifo_control(XenEvtchn *e, unsigned vcpu,
                                    uint64_t gpa);
int xen_evtchn_restore_fifo_array(XenEvtchn *e, unsigned index, uint64_t gfn);
int xen_evtchn_restore_fifo_tail(XenEvtchn *e, unsigned vcpu,
                                 unsigned priority, uint32_t tail);

#endif
