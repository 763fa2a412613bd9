/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vcpu_info: where it is, and moving it. */
#include "state.h"
#include "abi.h"
#include "lock.h"
#include "notify.h"
#include "pages.h"
#include "parked.h"
#include "port.h"

/*
 * Renotifies what is pending for @v, since its selector bits and upcall flag
 * were at the old place, if anywhere.
 *
 * Xen sets the flag and all selector bits instead.  On a vCPU that is not up
 * yet, the flag is then set without an event: its LAPIC drops the interrupt,
 * and the flag suppresses all later ones.
 */
static void evtchn_renotify_vcpu(XenEvtchn *e, XenEvtchnVcpu *v,
                                 XenEvtchnBatch *batch)
{
    const struct evtchn_fifo_control_block *cb;
    XenEvtchnFrame f;

    evtchn_for_each_used(e, port) {
        XenEvtchnPort *p = evtchn_open_port(e, port);
        XenEvtchnHeld held;

        if (!p || evtchn_route(p).vcpu != v->index) {
            continue;
        }
        evtchn_lock_settled_port(e, p, &held);
        f = (XenEvtchnFrame) { .slow = true, .park = true };
        e->abi->deliver(e, &held, p, port, EVTCHN_RENOTIFY, &f);
        evtchn_unlock_port(&held);
        evtchn_batch_add(e, batch, &f);
    }

    f = (XenEvtchnFrame) { 0 };
    evtchn_lock_vcpu(v);
    cb = xen_guest_page_check(&v->control.page);
    if (cb && __atomic_load_n(&cb->ready, __ATOMIC_SEQ_CST)) {
        evtchn_set_upcall(v, &v->stats[XEN_EVTCHN_REPEAT], &f);
    }
    evtchn_unlock_vcpu(v);
    evtchn_batch_add(e, batch, &f);
}

/* The configuration lock is held, and released here. */
static void evtchn_vcpu_info_moved(XenEvtchn *e, XenEvtchnVcpu *v,
                                   bool renotify)
{
    XenEvtchnBatch batch = { 0 };

    if (renotify) {
        evtchn_renotify_vcpu(e, v, &batch);
    }
    evtchn_replay_parked(e, &batch);
    evtchn_unlock_config(e);
    evtchn_finish_batch(e, &batch);
}

int xen_evtchn_check_vcpu_info(XenEvtchn *e, uint64_t gpa)
{
    int ret = 0;

    if (gpa % XEN_EMU_PAGE_SIZE > XEN_EMU_PAGE_SIZE - XEN_VCPU_INFO_SIZE) {
        return -ENXIO;
    }
    evtchn_lock_config(e);
    if (gpa % (e->layout->word_bits / 8)) {
        ret = -ENXIO;
    }
    evtchn_unlock_config(e);
    return ret;
}

int xen_evtchn_set_vcpu_info(XenEvtchn *e, unsigned vcpu, uint64_t gpa,
                             bool renotify)
{
    XenEvtchnVcpu *v;
    int ret;

    if (vcpu >= e->max_vcpus) {
        return -ENOENT;
    }
    v = &e->vcpus[vcpu];

    if (gpa == XEN_GPA_NONE) {
        xen_evtchn_set_vcpu_info_fixed(e, vcpu, NULL, false);
        return 0;
    }
    ret = xen_evtchn_check_vcpu_info(e, gpa);
    if (ret < 0) {
        return ret;
    }

    evtchn_lock_config(e);
    ret = evtchn_page_set(e, &v->info, gpa, XEN_VCPU_INFO_SIZE);
    if (ret < 0) {
        evtchn_unlock_config(e);
        return ret;
    }
    evtchn_vcpu_info_moved(e, v, renotify);
    return 0;
}

void xen_evtchn_share_vcpu_info(XenEvtchn *e, unsigned vcpu,
                                const XenGuestPage *page, bool renotify)
{
    XenEvtchnVcpu *v = &e->vcpus[vcpu];

    g_assert(vcpu < e->max_vcpus);

    evtchn_lock_config(e);
    xen_guest_page_share(e->pages, &v->info.page, page);
    evtchn_vcpu_info_moved(e, v, renotify);
}

void xen_evtchn_set_vcpu_info_fixed(XenEvtchn *e, unsigned vcpu, void *hva,
                                    bool renotify)
{
    XenEvtchnVcpu *v = &e->vcpus[vcpu];

    g_assert(vcpu < e->max_vcpus);

    evtchn_lock_config(e);
    evtchn_page_set_fixed(e, &v->info, hva, XEN_VCPU_INFO_SIZE);
    evtchn_vcpu_info_moved(e, v, renotify);
}

/*
 * A change of the memory map makes the page stale until the next event needs it.
 * What the guest and others have written is still there.  Not with @v's lock.
 */
static void refresh_info(XenEvtchn *e, XenEvtchnVcpu *v)
{
    if (!xen_guest_page_check(&v->info.page)) {
        evtchn_page_refresh(e, &v->info);
    }
}

void *xen_evtchn_peek_vcpu_info(XenEvtchn *e, unsigned vcpu)
{
    XenEvtchnVcpu *v = &e->vcpus[vcpu];

    g_assert(vcpu < e->max_vcpus);
    refresh_info(e, v);
    return xen_guest_page_check(&v->info.page);
}

bool xen_evtchn_upcall_pending(XenEvtchn *e, unsigned vcpu)
{
    XenEvtchnVcpu *v = &e->vcpus[vcpu];
    const uint8_t *info;
    bool pending;

    g_assert(vcpu < e->max_vcpus);

    refresh_info(e, v);
    evtchn_lock_vcpu(v);
    info = xen_guest_page_check(&v->info.page);
    pending = info && __atomic_load_n(info + XEN_VCPU_INFO_UPCALL_PENDING,
                                      __ATOMIC_SEQ_CST);
    evtchn_unlock_vcpu(v);
    return pending;
}

void xen_evtchn_set_vcpu_present(XenEvtchn *e, unsigned vcpu, bool present)
{
    g_assert(vcpu < e->max_vcpus);
    __atomic_store_n(&e->vcpus[vcpu].present, present, __ATOMIC_RELAXED);
}
