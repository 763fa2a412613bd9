/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The PIRQ map, shared by pirq.c (GSIs) and pirq-msi.c (MSIs)
 */
#ifndef HW_XEN_EMU_PIRQ_INTERNAL_H
#define HW_XEN_EMU_PIRQ_INTERNAL_H

#include "hw/xen/emu/irq/pirq.h"

/* Below are ISA interrupts, whose PIRQ numbers Xen does not allocate. */
#define XEN_PIRQ_FIRST_FREE_GSI     16

/* Values of XenPirq.source other than a GSI. */
#define XEN_PIRQ_UNMAPPED   -1
#define XEN_PIRQ_MSI        -2

typedef struct XenPirq {
    int16_t source;         /* a GSI, XEN_PIRQ_UNMAPPED or XEN_PIRQ_MSI */
    bool routed;            /* the accelerator has a route for its MSI */
    /* XEN_PIRQ_MSI: the device's vector with the message; dev NULL: unknown */
    bool is_msix, is_masked;
    uint16_t vector;
    PCIDevice *dev;
} XenPirq;

/* Protected by the BQL. */
typedef struct XenPirqMap {
    unsigned nr;
    XenPirq *pirq;
    uint64_t *allocated;            /* bitmap, by PIRQ */
    uint16_t gsi_pirq[IOAPIC_NUM_PINS];     /* 0: none */
    GHashTable *by_vector;          /* XenPirqVector -> PIRQ */
    void (*routes_stale)(void);     /* of the accelerator; NULL: no routes */
    QEMUBH *routes_bh;
} XenPirqMap;

extern XenPirqMap xen_pirqs;

/* pirq-map.c.  BQL. */
void xen_pirq_map_init(unsigned nr);
bool xen_pirq_is_allocated(unsigned pirq);
void xen_pirq_set_allocated(unsigned pirq, bool allocated);
/* @pirq is neither allocated nor mapped nor bound. */
bool xen_pirq_is_free(unsigned pirq);
/* Allocates a number for MAP_PIRQ_TYPE_* @type; -ENOSPC if none is free. */
int xen_pirq_allocate(int type);

/* pirq-msi.c */
void xen_pirq_msi_init(void);
/* Drops the association of @pirq with a device's MSI vector. */
void xen_pirq_forget_vector(unsigned pirq);
/* A port was bound to @pirq: unmask its MSI, or update its route. */
void xen_pirq_msi_bound(unsigned pirq);

#endif
