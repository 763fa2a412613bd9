/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Guest pages.  The caller holds the configuration lock and no vCPU lock. */
#ifndef HW_XEN_EMU_EVTCHN_PAGES_H
#define HW_XEN_EMU_EVTCHN_PAGES_H

#include "state.h"

/* Unset; guarded by the lock of @v, or by all vCPUs' locks. */
void evtchn_page_init_vcpu(XenEvtchnPage *p, XenEvtchnVcpu *v);
void evtchn_page_init_array(XenEvtchnPage *p, XenEvtchn *e);
/* Sets @p to @len bytes at @gpa.  -EINVAL: there is no RAM. */
int evtchn_page_set(XenEvtchn *e, XenEvtchnPage *p, uint64_t gpa,
                    uint32_t len);
/* The same, but stale: it is pinned when it is first needed. */
void evtchn_page_set_stale(XenEvtchn *e, XenEvtchnPage *p, uint64_t gpa,
                           uint32_t len);
/* Sets @p to an address that never changes, or unsets it if @hva is NULL. */
void evtchn_page_set_fixed(XenEvtchn *e, XenEvtchnPage *p, void *hva,
                           uint32_t len);
/* Makes a page that is set valid.  -EINVAL: there is no RAM. */
int evtchn_page_refresh(XenEvtchn *e, XenEvtchnPage *p);

/* Set but not valid.  With a lock that guards the page. */
static inline bool evtchn_page_is_stale(const XenEvtchnPage *p)
{
    return xen_guest_page_is_stale(&p->page);
}

#endif
