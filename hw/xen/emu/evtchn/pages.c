/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The engine's guest pages: whose locks guard them
 *
 * A vCPU's lock guards its vcpu_info and control block.  Deliveries to any vCPU
 * use the event array, so all vCPUs' locks are taken to change a page of it.
 * page.h has the rest.
 */
#include "pages.h"
#include "lock.h"

static void lock_vcpu(void *opaque)
{
    evtchn_lock_vcpu(opaque);
}

static void unlock_vcpu(void *opaque)
{
    evtchn_unlock_vcpu(opaque);
}

static void lock_all(void *opaque)
{
    evtchn_lock_all_vcpus(opaque);
}

static void unlock_all(void *opaque)
{
    evtchn_unlock_all_vcpus(opaque);
}

static const XenGuestPageUser vcpu_user = {
    .lock = lock_vcpu,
    .unlock = unlock_vcpu,
};

static const XenGuestPageUser array_user = {
    .lock = lock_all,
    .unlock = unlock_all,
};

void evtchn_page_init_vcpu(XenEvtchnPage *p, XenEvtchnVcpu *v)
{
    xen_guest_page_init(&p->page, &vcpu_user, v);
}

void evtchn_page_init_array(XenEvtchnPage *p, XenEvtchn *e)
{
    xen_guest_page_init(&p->page, &array_user, e);
}

int evtchn_page_set(XenEvtchn *e, XenEvtchnPage *p, uint64_t gpa,
                    uint32_t len)
{
    return xen_guest_page_set(e->pages, &p->page, gpa, len);
}

void evtchn_page_set_stale(XenEvtchn *e, XenEvtchnPage *p, uint64_t gpa,
                           uint32_t len)
{
    xen_guest_page_set_stale(e->pages, &p->page, gpa, len);
}

void evtchn_page_set_fixed(XenEvtchn *e, XenEvtchnPage *p, void *hva,
                           uint32_t len)
{
    xen_guest_page_set_fixed(e->pages, &p->page, hva, len);
}

int evtchn_page_refresh(XenEvtchn *e, XenEvtchnPage *p)
{
    return xen_guest_page_refresh(e->pages, &p->page);
}
