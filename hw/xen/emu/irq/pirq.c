/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PIRQs of GSIs, and the guest's PHYSDEVOP_* operations
 */
#include "qemu/osdep.h"
#include "qemu/main-loop.h"
#include "hw/intc/ioapic_internal.h"
#include "hw/xen/xen.h"
#include "hw/xen/emu/domain.h"
#include "hw/xen/emu/evtchn.h"
#include "hw/xen/emu/irq/gsi.h"
#include "hw/xen/emu/irq/upcall.h"
#include "hw/i386/kvm/xen_evtchn.h"
#include "system/kvm_xen.h"
#include "pirq-internal.h"
#include "trace.h"

#include "hw/xen/interface/event_channel.h"
#include "hw/xen/interface/physdev.h"

/* Level-triggered by the interrupt source overrides in the machine's MADT. */
#define MADT_LEVEL_GSIS         (1u << 5 | 1u << 9 | 1u << 10 | 1u << 11)

/* The only other domain is QEMU's. */
static int check_domain(domid_t domid)
{
    if (domid == DOMID_SELF) {
        return 0;
    }
    return domid == xen_domid || domid == DOMID_QEMU ? -EPERM : -ESRCH;
}

static bool gsi_is_level(unsigned gsi)
{
    static IOAPICCommonState *ioapic;

    if (gsi >= XEN_PIRQ_FIRST_FREE_GSI || (MADT_LEVEL_GSIS >> gsi & 1)) {
        return true;
    }
    if (!ioapic) {
        Object *obj = object_resolve_path_type("", TYPE_IOAPIC_COMMON, NULL);

        if (!obj) {
            return false;
        }
        ioapic = IOAPIC_COMMON(obj);
    }
    return ioapic->ioredtbl[gsi] & IOAPIC_LVT_TRIGGER_MODE;
}

/* Level-triggered and still asserted. */
static bool must_come_again(unsigned pirq)
{
    int gsi = xen_pirqs.pirq[pirq].source;

    return gsi >= 0 && xen_gsi_is_high(gsi) && gsi_is_level(gsi);
}

bool xen_pirq_set_gsi(int gsi, int level)
{
    bool was_high;
    unsigned pirq;

    assert(bql_locked());
    if (!xen_pirqs.nr || gsi < 0 || gsi >= IOAPIC_NUM_PINS) {
        return false;
    }

    was_high = xen_gsi_is_high(gsi);
    xen_gsi_set_high(gsi, level);

    /*
     * The line may have been raised at the I/O APIC before the PIRQ was bound,
     * so it is always lowered there.
     */
    pirq = xen_pirqs.gsi_pirq[gsi];
    if (!level || !pirq || !xen_evtchn_pirq_port(xen_emu_evtchn(), pirq)) {
        return false;
    }
    if (!was_high) {
        trace_xen_pirq_gsi(gsi, pirq);
        xen_evtchn_raise_pirq(xen_emu_evtchn(), pirq);
    }
    return true;
}

bool xen_evtchn_set_gsi(int gsi, int *level)
{
    if (!xen_emu_is_on()) {
        return false;
    }
    *level = xen_upcall_merge_gsi(gsi, *level);
    return xen_pirq_set_gsi(gsi, *level);
}

static int map_gsi(struct physdev_map_pirq *op)
{
    int gsi = op->index;
    unsigned pirq;

    if (gsi < 0 || gsi >= IOAPIC_NUM_PINS) {
        return -EINVAL;
    }

    if (op->pirq < 0) {
        /* A kexec'ed kernel maps again what the previous one had mapped. */
        op->pirq = xen_pirqs.gsi_pirq[gsi] ?: xen_pirq_allocate(MAP_PIRQ_TYPE_GSI);
    }
    if (op->pirq <= 0 || op->pirq >= xen_pirqs.nr) {
        return -EINVAL;
    }
    pirq = op->pirq;
    if (xen_pirqs.pirq[pirq].source != XEN_PIRQ_UNMAPPED ||
        xen_pirqs.gsi_pirq[gsi]) {
        return 0;
    }

    xen_pirq_set_allocated(pirq, true);
    xen_pirqs.pirq[pirq].source = gsi;
    xen_pirqs.gsi_pirq[gsi] = pirq;
    return 0;
}

int xen_pirq_map(struct physdev_map_pirq *op)
{
    int ret;

    BQL_LOCK_GUARD();

    ret = check_domain(op->domid);
    if (!ret && !xen_upcall_is_by_vector()) {
        /* A GSI's event would have to be announced by another GSI. */
        ret = -EINVAL;
    }
    if (!ret) {
        ret = op->type == MAP_PIRQ_TYPE_GSI ? map_gsi(op) : -EINVAL;
    }
    trace_xen_pirq_map(op->type, op->index, op->pirq, ret);
    return ret;
}

static void unmap(unsigned pirq)
{
    XenPirq *p = &xen_pirqs.pirq[pirq];

    if (p->source >= 0) {
        xen_pirqs.gsi_pirq[p->source] = 0;
    }
    xen_pirq_forget_vector(pirq);
    p->source = XEN_PIRQ_UNMAPPED;
    p->routed = false;
    xen_pirq_set_allocated(pirq, false);
}

int xen_pirq_unmap(struct physdev_unmap_pirq *op)
{
    bool routed;
    int ret = check_domain(op->domid);

    if (ret || op->pirq < 0 || op->pirq >= xen_pirqs.nr) {
        return ret;
    }

    BQL_LOCK_GUARD();
    trace_xen_pirq_unmap(op->pirq, xen_pirqs.pirq[op->pirq].source);
    routed = xen_pirqs.pirq[op->pirq].routed;
    unmap(op->pirq);
    if (routed) {
        xen_pirq_update_all_routes();
    }
    return 0;
}

int xen_pirq_eoi(struct physdev_eoi *op)
{
    if (op->irq >= xen_pirqs.nr) {
        return -EINVAL;
    }

    BQL_LOCK_GUARD();
    if (xen_pirq_is_free(op->irq)) {
        return -EINVAL;
    }
    trace_xen_pirq_eoi(op->irq, must_come_again(op->irq));
    if (must_come_again(op->irq)) {
        xen_evtchn_raise_pirq(xen_emu_evtchn(), op->irq);
    }
    return 0;
}

int xen_pirq_status_query(struct physdev_irq_status_query *op)
{
    int source;

    if (op->irq >= xen_pirqs.nr) {
        return -EINVAL;
    }

    BQL_LOCK_GUARD();
    source = xen_pirqs.pirq[op->irq].source;
    if (source == XEN_PIRQ_UNMAPPED) {
        return -EINVAL;
    }
    op->flags = source >= 0 && gsi_is_level(source) ? XENIRQSTAT_needs_eoi : 0;
    return 0;
}

int xen_pirq_get_free(struct physdev_get_free_pirq *op)
{
    int pirq;

    BQL_LOCK_GUARD();
    pirq = xen_pirq_allocate(op->type);
    trace_xen_pirq_get_free(op->type, pirq);
    if (pirq < 0) {
        return pirq;
    }
    op->pirq = pirq;
    return 0;
}

int xen_pirq_bind(struct evtchn_bind_pirq *op)
{
    int ret;

    BQL_LOCK_GUARD();
    ret = xen_evtchn_bind_pirq(xen_emu_evtchn(), op);
    trace_xen_pirq_bind(op->pirq, ret ? 0 : op->port, ret);
    if (ret) {
        return ret;
    }
    if (must_come_again(op->pirq)) {
        xen_evtchn_raise_pirq(xen_emu_evtchn(), op->pirq);
    }
    xen_pirq_msi_bound(op->pirq);
    return 0;
}

void xen_pirq_init(unsigned nr)
{
    xen_pirq_map_init(nr);
    xen_pirq_msi_init();
}

void xen_pirq_reset(void)
{
    assert(bql_locked());
    for (unsigned i = 0; i < xen_pirqs.nr; i++) {
        unmap(i);
    }
    xen_pirq_update_all_routes();
}

void xen_pirq_save(XenPirqState *s)
{
    assert(s->nr_words == DIV_ROUND_UP(xen_pirqs.nr, 64));
    memcpy(s->gsi_pirq, xen_pirqs.gsi_pirq, sizeof(s->gsi_pirq));
    memcpy(s->allocated, xen_pirqs.allocated, s->nr_words * sizeof(uint64_t));

    /* Upstream does not see unmapped lines fall, so they would stay high. */
    s->gsi_high = xen_gsi_levels();
    for (unsigned gsi = 0; gsi < IOAPIC_NUM_PINS; gsi++) {
        if (!s->gsi_pirq[gsi]) {
            s->gsi_high &= ~(1u << gsi);
        }
    }
}

static bool state_is_sound(const XenPirqState *s)
{
    unsigned tail = xen_pirqs.nr % 64;

    if (s->nr_words != DIV_ROUND_UP(xen_pirqs.nr, 64) ||
        (tail && s->allocated[s->nr_words - 1] >> tail) ||
        s->gsi_high >> IOAPIC_NUM_PINS) {
        return false;
    }
    for (unsigned gsi = 0; gsi < IOAPIC_NUM_PINS; gsi++) {
        unsigned pirq = s->gsi_pirq[gsi];

        if (!pirq) {
            continue;
        }
        if (pirq >= xen_pirqs.nr ||
            !(s->allocated[pirq / 64] >> (pirq % 64) & 1)) {
            return false;
        }
        for (unsigned other = 0; other < gsi; other++) {
            if (s->gsi_pirq[other] == pirq) {
                return false;
            }
        }
    }
    return true;
}

int xen_pirq_load(const XenPirqState *s)
{
    if (!state_is_sound(s)) {
        return -EINVAL;
    }

    /*
     * The stream does not say which PIRQs are mapped to MSIs; the devices'
     * messages do, and some devices may have been loaded already.  So only
     * PIRQs that were mapped to GSIs, or now are, change here.
     */
    for (unsigned gsi = 0; gsi < IOAPIC_NUM_PINS; gsi++) {
        if (xen_pirqs.gsi_pirq[gsi]) {
            unmap(xen_pirqs.gsi_pirq[gsi]);
        }
    }
    memcpy(xen_pirqs.allocated, s->allocated, s->nr_words * sizeof(uint64_t));
    for (unsigned gsi = 0; gsi < IOAPIC_NUM_PINS; gsi++) {
        unsigned pirq = s->gsi_pirq[gsi];

        if (pirq) {
            xen_pirq_forget_vector(pirq);
            xen_pirqs.pirq[pirq].source = gsi;
            xen_pirqs.gsi_pirq[gsi] = pirq;
        }
    }
    xen_gsi_load_levels(s->gsi_high);
    return 0;
}
