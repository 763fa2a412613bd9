/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Current level of each of the machine's GSIs, as driven by devices
 *
 * The upcall code needs it to restore a line when the callback moves to another
 * GSI; PIRQs need it to deliver a level that was asserted before the PIRQ was
 * bound.
 *
 * All functions: BQL.
 */
#ifndef HW_XEN_EMU_IRQ_GSI_H
#define HW_XEN_EMU_IRQ_GSI_H

#include <stdint.h>
#include <stdbool.h>

/* The last level of GSI @gsi; false if there is no such GSI. */
bool xen_gsi_is_high(unsigned gsi);
/* Records @level for GSI @gsi < IOAPIC_NUM_PINS. */
void xen_gsi_set_high(unsigned gsi, bool level);

/* The levels of all GSIs as a bitmap, for migration. */
uint32_t xen_gsi_levels(void);
void xen_gsi_load_levels(uint32_t levels);

#endif
