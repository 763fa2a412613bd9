/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PIRQs: the map of their numbers, which pirq.c (GSIs) and pirq-msi.c (messages)
 * share
 */
#ifndef HW_XEN_EMU_PIRQ_INTERNAL_H
#define HW_XEN_EMU_PIRQ_INTERNAL_H

#include "hw/xen/emu/irq/pirq.h"

/* Below this are ISA interrupts, which Xen gives no PIRQ of its own choice. */
#define XEN_PIRQ_FIRST_FREE_GSI     16

/* What a PIRQ stands for, besides a GSI, which is its number. */
#define XEN_PIRQ_UNMAPPED   -1
#define XEN_PIRQ_MSI        -2

typedef struct XenPirq {
    int16_t source;         /* a GSI, XEN_PIRQ_UNMAPPED or XEN_PIRQ_MSI */
    bool routed;            /* the accelerator asked where its MSI goes */
    /* XEN_PIRQ_MSI: the vector that holds the message, if one is known */
    bool is_msix, is_masked;
    uint16_t vector;
    PCIDevice *dev;
} XenPirq;

/* The map; all of it guarded by the BQL. */
typedef struct XenPirqMap {
    unsigned nr;
    XenPirq *pirq;
    uint64_t *allocated;            /* bitmap, by PIRQ */
    uint16_t gsi_pirq[IOAPIC_NUM_PINS];     /* 0: none */
    GHashTable *by_vector;          /* XenPirqVector -> PIRQ */
    void (*routes_stale)(void);     /* who asked for a route */
    QEMUBH *routes_bh;
} XenPirqMap;

extern XenPirqMap xen_pirqs;

/* pirq-map.c; all: BQL. */
void xen_pirq_map_init(unsigned nr);
bool xen_pirq_is_allocated(unsigned pirq);
void xen_pirq_set_allocated(unsigned pirq, bool allocated);
/* The guest neither allocated nor mapped nor bound it. */
bool xen_pirq_is_free(unsigned pirq);
/* A free number, allocated now, of those that MAP_PIRQ_TYPE_* @type gets; or -ENOSPC. */
int xen_pirq_allocate(int type);

/* pirq-msi.c */
void xen_pirq_msi_init(void);
/* No vector's message names @pirq, as far as we know. */
void xen_pirq_forget_vector(unsigned pirq);
/* A port was bound to @pirq, which is an MSI's: let it come. */
void xen_pirq_msi_bound(unsigned pirq);

#endif
