/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Levels of the machine's GSIs, as devices drive them
 *
 * Upcalls by a line and PIRQs both need to know how high a GSI is: the one to
 * hand the line back as its devices want it, the other to deliver a level that
 * was there before the PIRQ was bound.
 *
 * All functions: BQL.
 */
#ifndef HW_XEN_EMU_IRQ_GSI_H
#define HW_XEN_EMU_IRQ_GSI_H

#include <stdint.h>
#include <stdbool.h>

/* The level that GSI @gsi last went to; false where there is no such GSI. */
bool xen_gsi_is_high(unsigned gsi);
/* GSI @gsi, below IOAPIC_NUM_PINS, goes to @level. */
void xen_gsi_set_high(unsigned gsi, bool level);

/* All of them, a bit for each, for the migration stream. */
uint32_t xen_gsi_levels(void);
void xen_gsi_load_levels(uint32_t levels);

#endif
