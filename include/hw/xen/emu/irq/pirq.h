/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PIRQs: GSIs and MSIs of emulated devices as event channels
 *
 * A PIRQ is mapped to a GSI (PHYSDEVOP_map_pirq) or to an MSI whose message
 * carries the PIRQ's number and vector 0.  While it is bound to a port
 * (EVTCHNOP_bind_pirq), its interrupts become events and do not reach the
 * I/O APIC or LAPIC.
 *
 * Locking: the mapping is protected by the BQL.  Delivery finds the port in the
 * engine without it.
 *
 * Level or edge
 * -------------
 * A level-triggered GSI needs PHYSDEVOP_eoi, which PHYSDEVOP_irq_status_query
 * reports; the event is raised again if the line is still high then.  An edge
 * or an MSI needs no EOI.  A guest that uses a PIRQ does not program the I/O
 * APIC for it, so the trigger mode is that of the machine's ACPI tables: level
 * for GSIs 5, 9, 10, 11 and all above 15, and for any that the guest did
 * configure as level in the I/O APIC.
 *
 * Numbers
 * -------
 * Allocated as Xen does: 0 to 15 only if the guest asks for that number; GSIs
 * get the lowest free one from 16 up to the number of I/O APIC pins; MSIs, and
 * GSIs when these are used up, get the highest free one.  0 cannot be mapped:
 * in the migration stream it means "none".
 *
 * Source of the ABI: include/hw/xen/interface/physdev.h, and Xen's behaviour.
 */
#ifndef HW_XEN_EMU_IRQ_PIRQ_H
#define HW_XEN_EMU_IRQ_PIRQ_H

#include "hw/pci/pci.h"
#include "hw/intc/ioapic.h"

/* @nr: PIRQ numbers are below it.  Once; BQL. */
void xen_pirq_init(unsigned nr);
/* Unmaps and frees all PIRQs; their ports are closed by the engine.  BQL. */
void xen_pirq_reset(void);

/*
 * The guest's operations; each takes the BQL itself if it is not held.  Errors:
 *
 * map         -ESRCH: no such domain; -EPERM: a domain other than DOMID_SELF;
 *             -EINVAL: not a GSI, the GSI or PIRQ is out of range, none is
 *             free, or upcalls are not by vector.  As in Xen, mapping a GSI or
 *             PIRQ that is mapped already is a no-op and returns 0.  If pirq <
 *             0, the number is filled in; unlike in Xen, a GSI that is mapped
 *             already keeps its number.
 * unmap       -ESRCH, -EPERM as above; 0 even if nothing was mapped.
 * eoi         -EINVAL: out of range, or the PIRQ is not in use.
 * status      -EINVAL: out of range, or mapped to neither a GSI nor an MSI.
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
 * EVTCHNOP_bind_pirq.  Also raises the event if a level-triggered line is high
 * already, and unmasks the MSI, which guests leave to Xen.
 */
struct evtchn_bind_pirq;
int xen_pirq_bind(struct evtchn_bind_pirq *op);

/*
 * The port of @pirq was closed or its vCPU changed.  Called with the engine's
 * configuration lock held.
 */
void xen_pirq_port_changed(unsigned pirq);
/*
 * Updates KVM's MSI routes if xen_pirq_port_changed() made one stale.  Takes
 * the BQL if it is not held; no lock of the engine may be.
 */
void xen_pirq_update_routes(void);
/* Updates all routes, when the ABI has changed.  Same locks. */
void xen_pirq_update_all_routes(void);

/*
 * A device sets GSI @gsi to @level.  True: the GSI is a PIRQ's, and the I/O
 * APIC must not see the change.  BQL.
 */
bool xen_pirq_set_gsi(int gsi, int level);

/* accel-callbacks.h has xen_pirq_route_msi(). */

/* Migration state, in the units of upstream's stream. */
typedef struct XenPirqState {
    uint16_t gsi_pirq[IOAPIC_NUM_PINS];     /* 0: none */
    uint16_t nr_words;          /* in allocated; set by the configuration */
    uint64_t *allocated;        /* bitmap, by PIRQ */
    uint32_t gsi_high;          /* bitmap: mapped GSIs whose line is high */
} XenPirqState;

/* Fills @s; @s->allocated has room for @s->nr_words.  BQL. */
void xen_pirq_save(XenPirqState *s);
/* -EINVAL if @s is inconsistent; nothing has changed then.  BQL. */
int xen_pirq_load(const XenPirqState *s);

#endif
