/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PIRQs: GSIs and MSIs of emulated devices as event channels
 *
 * A PIRQ number stands for a GSI (PHYSDEVOP_map_pirq) or for an MSI whose
 * message carries the PIRQ's number and vector 0.  Bound to a port
 * (EVTCHNOP_bind_pirq), its interrupts become events and do not reach the
 * IO-APIC or LAPIC.
 *
 * Locking: what a PIRQ stands for is guarded by the BQL; delivery looks the
 * port up in the engine without it.
 *
 * Level or edge
 * -------------
 * A level-triggered GSI needs PHYSDEVOP_eoi, after which the event comes again
 * if the line is still high; PHYSDEVOP_irq_status_query says so.  An edge or
 * an MSI needs none.  A guest that uses a PIRQ does not program the IO-APIC for
 * it, so what is level is what the machine's ACPI tables tell the guest: GSIs
 * 5, 9, 10, 11 and all above 15; and any that the guest did set up as level in
 * the IO-APIC.
 *
 * Numbers
 * -------
 * As Xen gives them out: 0 to 15 only on the guest's own wish; 16 up to the
 * number of IO-APIC pins for GSIs, counting up; from the top down for MSIs and
 * when the former are used up.  0 cannot be mapped: in the migration stream it
 * means "none".
 *
 * Source of the ABI: include/hw/xen/interface/physdev.h, and Xen's behaviour.
 */
#ifndef HW_XEN_EMU_IRQ_PIRQ_H
#define HW_XEN_EMU_IRQ_PIRQ_H

#include "hw/pci/pci.h"
#include "hw/intc/ioapic.h"

/* @nr: PIRQ numbers are below it.  Once; BQL. */
void xen_pirq_init(unsigned nr);
/* No PIRQ is allocated or mapped; ports are the engine's to close.  BQL. */
void xen_pirq_reset(void);

/*
 * The guest's operations; each takes the BQL itself if need be.  Errors:
 *
 * map         -ESRCH no such domain; -EPERM a domain other than DOMID_SELF;
 *             -EINVAL not a GSI, the GSI or PIRQ out of range, none free, or
 *             upcalls not by vector.  As in Xen a GSI or PIRQ that is in use
 *             otherwise gives 0 and stays as it is.  For pirq < 0 the number
 *             is filled in; unlike in Xen it is the GSI's, where it has one.
 * unmap       -ESRCH, -EPERM as above; 0 also where nothing was mapped.
 * eoi         -EINVAL: out of range, or nobody ever used that PIRQ.
 * status      -EINVAL: out of range or neither mapped nor an MSI's.
 * get_free    -ENOSPC.
 */
struct physdev_map_pirq;
int xen_pirq_map(struct physdev_map_pirq *op);
struct physdev_unmap_pirq;
int xen_pirq_unmap(struct physdev_unmap_pirq *op);
struct physdev_eoi;
int xen_pirq_eoi(struct physdev_eoi *op);
struct physdev_irq_status_query;
int xen_pirq_status_query(struct physdev_irq_status_query *op);
struct physdev_get_free_pirq;
int xen_pirq_get_free(struct physdev_get_free_pirq *op);
/*
 * EVTCHNOP_bind_pirq: binds, raises a level line that is high already, and
 * unmasks an MSI that waited for it: guests leave that to Xen.
 */
struct evtchn_bind_pirq;
int xen_pirq_bind(struct evtchn_bind_pirq *op);

/*
 * The port of @pirq was closed, or its vCPU changed.  Called by the engine
 * with its configuration lock held.
 */
void xen_pirq_port_changed(unsigned pirq);
/*
 * Makes the kernel's MSI routes right if such a change concerned one.  No lock
 * of the engine; the BQL is taken if need be.
 */
void xen_pirq_update_routes(void);
/* The same for all routes: the ABI has changed. */
void xen_pirq_update_all_routes(void);

/*
 * GSI @gsi goes to @level: true when it was a PIRQ's and the IO-APIC must not
 * see it.  BQL.
 */
bool xen_pirq_set_gsi(int gsi, int level);

/* accel-callbacks.h has xen_pirq_route_msi(). */

/* What migration keeps, in upstream's units. */
typedef struct XenPirqState {
    uint16_t gsi_pirq[IOAPIC_NUM_PINS];     /* 0: none */
    uint16_t nr_words;          /* of allocated, fixed by the configuration */
    uint64_t *allocated;        /* bitmap */
    uint32_t gsi_high;          /* bitmap: mapped GSIs whose line is high */
} XenPirqState;

/* Fills @s; @s->allocated has room for @s->nr_words.  BQL. */
void xen_pirq_save(XenPirqState *s);
/*
 * Takes @s over.  -EINVAL: not what save could have given; nothing changed.
 * BQL.
 */
int xen_pirq_load(const XenPirqState *s);

#endif
