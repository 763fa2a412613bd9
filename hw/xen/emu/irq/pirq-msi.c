/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * MSIs as PIRQs
 *
 * To receive a device's MSI as an event, a guest writes a message with vector 0
 * and the PIRQ's number in place of the destination: bits 7:0 in address bits
 * 19:12, bits 31:8 in address bits 63:40.
 */
#include "qemu/osdep.h"
#include "qemu/main-loop.h"
#include "hw/pci/msi.h"
#include "hw/pci/msix.h"
#include "hw/xen/emu/accel-callbacks.h"
#include "hw/xen/emu/domain.h"
#include "hw/xen/emu/evtchn.h"
#include "hw/i386/kvm/xen_evtchn.h"
#include "pirq-internal.h"
#include "trace.h"

#include "hw/xen/interface/event_channel.h"

#define MSI_WINDOW          0xfee00000u
#define MSI_WINDOW_MASK     0xfff00000u

typedef struct XenPirqVector {
    PCIDevice *dev;
    unsigned vector;
    bool is_msix;
} XenPirqVector;

/* The port of a PIRQ with routed == true has changed.  Atomic. */
static bool some_route_stale;

static guint vector_hash(gconstpointer key)
{
    const XenPirqVector *v = key;

    return g_direct_hash(v->dev) * 31 + v->vector * 2 + v->is_msix;
}

static gboolean vector_equal(gconstpointer a, gconstpointer b)
{
    const XenPirqVector *v = a, *w = b;

    return v->dev == w->dev && v->vector == w->vector &&
           v->is_msix == w->is_msix;
}

/* The PIRQ number in a message; 0: an ordinary MSI. */
static uint32_t message_pirq(uint64_t address, uint32_t data)
{
    if ((data & 0xff) ||
        ((uint32_t)address & MSI_WINDOW_MASK) != MSI_WINDOW) {
        return 0;
    }
    return (address >> 32 & 0xffffff00) | (address >> 12 & 0xff);
}

static XenPirqVector vector_of(const XenPirq *p)
{
    return (XenPirqVector) {
        .dev = p->dev, .vector = p->vector, .is_msix = p->is_msix,
    };
}

void xen_pirq_forget_vector(unsigned pirq)
{
    XenPirq *p = &xen_pirqs.pirq[pirq];
    XenPirqVector v = vector_of(p);

    if (p->dev) {
        g_hash_table_remove(xen_pirqs.by_vector, &v);
    }
    p->dev = NULL;
    p->is_masked = false;
}

/* The device's vector that had @pirq now has another message. */
static void unmap_vector(unsigned pirq)
{
    xen_pirq_forget_vector(pirq);
    xen_pirqs.pirq[pirq].source = XEN_PIRQ_UNMAPPED;
}

void xen_evtchn_snoop_msi(PCIDevice *dev, bool is_msix, unsigned int vector,
                          uint64_t addr, uint32_t data, bool is_masked)
{
    XenPirqVector key = { .dev = dev, .vector = vector, .is_msix = is_msix };
    uint32_t pirq = message_pirq(addr, data);
    gpointer old;
    XenPirq *p;

    if (!xen_pirqs.nr) {
        return;
    }
    assert(bql_locked());

    if (pirq >= xen_pirqs.nr || xen_pirqs.pirq[pirq].source >= 0) {
        pirq = 0;
    }
    old = g_hash_table_lookup(xen_pirqs.by_vector, &key);
    if (old && GPOINTER_TO_UINT(old) != pirq) {
        unmap_vector(GPOINTER_TO_UINT(old));
        old = NULL;
    }
    if (!pirq) {
        return;
    }

    p = &xen_pirqs.pirq[pirq];
    if (!old) {
        /* If several vectors have the same PIRQ, the last one is unmasked. */
        xen_pirq_forget_vector(pirq);
        p->source = XEN_PIRQ_MSI;
        p->dev = dev;
        p->vector = vector;
        p->is_msix = is_msix;
        g_hash_table_insert(xen_pirqs.by_vector,
                            g_memdup2(&key, sizeof(key)),
                            GUINT_TO_POINTER(pirq));
        trace_xen_pirq_msi(pirq, dev->name, vector, is_masked);
    }
    p->is_masked = is_masked;
}

static gboolean is_of_device(gpointer key, gpointer value, gpointer dev)
{
    unsigned pirq = GPOINTER_TO_UINT(value);
    XenPirqVector *v = key;

    if (v->dev != dev) {
        return false;
    }
    /* The caller removes the hash table's entry. */
    xen_pirqs.pirq[pirq].dev = NULL;
    unmap_vector(pirq);
    return true;
}

void xen_evtchn_remove_pci_device(PCIDevice *dev)
{
    if (xen_pirqs.nr) {
        g_hash_table_foreach_remove(xen_pirqs.by_vector, is_of_device, dev);
    }
}

bool xen_evtchn_deliver_pirq_msi(uint64_t address, uint32_t data)
{
    uint32_t pirq = message_pirq(address, data);

    if (!pirq || !xen_pirqs.nr) {
        return false;
    }
    if (pirq < xen_pirqs.nr && xen_pirqs.pirq[pirq].source < 0) {
        xen_pirqs.pirq[pirq].source = XEN_PIRQ_MSI;
        xen_evtchn_raise_pirq(xen_emu_evtchn(), pirq);
    }
    return true;
}

XenPirqMsi xen_pirq_route_msi(uint64_t address, uint32_t data,
                              uint32_t *port, unsigned *vcpu,
                              void (*stale)(void))
{
    uint32_t pirq = message_pirq(address, data);
    XenEvtchnPortInfo info;
    XenPirq *p;

    if (!pirq || !xen_pirqs.nr) {
        return XEN_PIRQ_MSI_NOT;
    }
    assert(bql_locked());
    if (pirq >= xen_pirqs.nr) {
        return XEN_PIRQ_MSI_NOWHERE;
    }

    p = &xen_pirqs.pirq[pirq];
    p->routed = true;
    xen_pirqs.routes_stale = stale;

    *port = xen_evtchn_pirq_port(xen_emu_evtchn(), pirq);
    if (p->source >= 0 || !*port ||
        !xen_evtchn_port_info(xen_emu_evtchn(), *port, &info)) {
        return XEN_PIRQ_MSI_NOWHERE;
    }
    *vcpu = info.vcpu;
    return XEN_PIRQ_MSI_PORT;
}

void xen_pirq_update_all_routes(void)
{
    BQL_LOCK_GUARD();

    qatomic_set(&some_route_stale, false);
    if (xen_pirqs.routes_stale) {
        trace_xen_pirq_update_routes();
        xen_pirqs.routes_stale();
    }
}

void xen_pirq_update_routes(void)
{
    if (qatomic_read(&some_route_stale)) {
        xen_pirq_update_all_routes();
    }
}

static void update_routes_bh(void *opaque)
{
    xen_pirq_update_routes();
}

/*
 * The engine's lock is held, inside which the BQL must not be taken.  Callers
 * that can call xen_pirq_update_routes() after it do; for the others there is
 * the bottom half.
 */
void xen_pirq_port_changed(unsigned pirq)
{
    if (qatomic_read(&xen_pirqs.pirq[pirq].routed)) {
        qatomic_set(&some_route_stale, true);
        qemu_bh_schedule(xen_pirqs.routes_bh);
    }
}

void xen_pirq_msi_bound(unsigned pirq)
{
    XenPirq *p = &xen_pirqs.pirq[pirq];

    if (p->source == XEN_PIRQ_MSI && p->dev && p->is_masked) {
        if (p->is_msix) {
            /* Calls xen_evtchn_snoop_msi() and the MSI-X notifiers. */
            msix_set_mask(p->dev, p->vector, false);
        } else {
            msi_set_mask(p->dev, p->vector, false, NULL);
            p->is_masked = false;
        }
    } else if (p->routed) {
        xen_pirq_update_all_routes();
    }
}

void xen_pirq_msi_init(void)
{
    xen_pirqs.by_vector = g_hash_table_new_full(vector_hash, vector_equal,
                                                g_free, NULL);
    xen_pirqs.routes_bh = qemu_bh_new(update_routes_bh, NULL);
}
