/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Notification: what a delivery asks for, and doing it once no lock is held
 *
 * A delivery writes guest memory with a port's locks and notes in a
 * XenEvtchnFrame what else is to be done.  The caller releases the locks and
 * then finishes the frame: the callbacks may take locks of QEMU's, which
 * other threads hold while they wait for ours.
 */
#ifndef HW_XEN_EMU_EVTCHN_NOTIFY_H
#define HW_XEN_EMU_EVTCHN_NOTIFY_H

#include "state.h"

/*
 * How an attempt to deliver is made, and what it leaves to be done.  An attempt
 * that returns -EWOULDBLOCK has changed nothing.
 */
typedef struct XenEvtchnFrame {
    /* in */
    bool slow;                  /* configuration lock is held; in memory */
    bool park;                  /* a page cannot be had: do without it */
    /* out */
    bool upcall;                /* raise_upcall(vcpu) */
    bool kernel;                /* kernel_deliver(port, vcpu) */
    bool wake;                  /* port has pollers */
    uint16_t vcpu;
    uint32_t port;
    XenEvtchnPage *stale;       /* -EWOULDBLOCK: refresh this; or NULL */
} XenEvtchnFrame;

/* The same for operations that concern many ports: bitmaps of vCPUs. */
typedef struct XenEvtchnBatch {
    uint64_t upcall[EVTCHN_VCPU_WORDS];
    uint64_t wake[EVTCHN_VCPU_WORDS];
} XenEvtchnBatch;

/*
 * Sets the upcall flag of @v, after what it announces (selector bit, or head
 * and READY) was written.  The flag alone decides whether the vCPU is notified:
 * if it was set before, the guest has not entered its handler since and will
 * find whatever became pending before this call.  The vCPU's lock is held.
 * @st, one of @v's, counts the upcall.
 */
static inline void evtchn_set_upcall(XenEvtchnVcpu *v, XenEvtchnStats *st,
                                     XenEvtchnFrame *f)
{
    uint8_t *info = xen_guest_page_check(&v->info.page);

    if (!info) {
        /* No vcpu_info yet; registering one renotifies what is pending. */
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

/* Counts a delivered event. */
static inline void evtchn_count_delivery(XenEvtchnStats *st,
                                         const XenEvtchnFrame *f)
{
    if (f->slow) {
        st->slow++;
    } else {
        st->fast++;
    }
}

/* The rest of evtchn_finish(): kernel delivery and pollers. */
int evtchn_finish_rare(XenEvtchn *e, const XenEvtchnFrame *f, int ret);

/*
 * Does what @f asks for.  No lock is held.  Returns @ret, or -EWOULDBLOCK if
 * the kernel could not deliver.
 */
static inline int evtchn_finish(XenEvtchn *e, const XenEvtchnFrame *f, int ret)
{
    if (f->upcall) {
        e->ops->raise_upcall(e->opaque, f->vcpu);
    }
    return evtchn_unlikely(f->kernel || f->wake) ? evtchn_finish_rare(e, f, ret)
                                                 : ret;
}

/* Adds what @f asks for to @batch.  No vCPU lock is held. */
void evtchn_batch_add(XenEvtchn *e, XenEvtchnBatch *batch,
                      const XenEvtchnFrame *f);
/* Does what @batch asks for.  No lock is held. */
void evtchn_finish_batch(XenEvtchn *e, const XenEvtchnBatch *batch);

#endif
