/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PIRQs: GSIs and MSIs of emulated devices as event channels
 *
 * A PIRQ number stands for a GSI (PHYSDEVOP_map_pirq) or for an MSI vector
 * whose message carries the PIRQ's number (vector 0).  Bound to a port
 * (EVTCHNOP_bind_pirq), its interrupts become events and do not reach the
 * IO-APIC or LAPIC.
 *
 * Locking: the map of PIRQs is guarded by the BQL; delivery looks the port up
 * in the engine without it.
 *
 * An edge-triggered GSI or an MSI needs no PHYSDEVOP_eoi, a level-triggered
 * GSI does: PHYSDEVOP_irq_status_query says so.  What is level is what the
 * IO-APIC's redirection entry says.
 *
 * Source of the ABI: include/hw/xen/interface/physdev.h.
 */
#ifndef HW_XEN_EMU_PIRQ_H
#define HW_XEN_EMU_PIRQ_H

#include "hw/pci/pci.h"

struct physdev_map_pirq;
struct physdev_unmap_pirq;
struct physdev_eoi;
struct physdev_irq_status_query;
struct physdev_get_free_pirq;
struct evtchn_bind_pirq;

/* @nr: PIRQ numbers are below it. */
void xen_pirq_init(unsigned nr);
void xen_pirq_reset(void);

/* The guest's operations.  Each takes the BQL itself if need be. */
int xen_pirq_map(struct physdev_map_pirq *op);
int xen_pirq_unmap(struct physdev_unmap_pirq *op);
int xen_pirq_eoi(struct physdev_eoi *op);
int xen_pirq_status_query(struct physdev_irq_status_query *op);
int xen_pirq_get_free(struct physdev_get_free_pirq *op);
/* EVTCHNOP_bind_pirq: binds, then unmasks an MSI that waited for it. */
int xen_pirq_bind(struct evtchn_bind_pirq *op);
/* The port of @pirq was closed. */
void xen_pirq_unbound(unsigned pirq);

/*
 * GSI @gsi goes to @level: true when it was a PIRQ's and the IO-APIC must not
 * see it.  BQL.
 */
bool xen_pirq_set_gsi(int gsi, int level);

#endif
