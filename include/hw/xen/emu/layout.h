/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Layout of the pages that Xen shares with a guest, for both guest ABIs
 *
 * A guest is 64-bit or 32-bit to Xen: it latches one when it asks for its
 * hypercall page or sets its callback.  Structures whose size depends on
 * that are described here by offsets, so that code is written once and
 * handed the layout; nothing else in the project knows two variants.
 *
 * Bits are addressed in 32-bit words in both layouts.  On a little-endian
 * machine bit n of an array of 64-bit words is bit n % 32 of 32-bit word
 * n / 32, so only the selector (one bit per *guest* word) differs.
 *
 * Source of the ABI: include/hw/xen/interface/xen.h and arch-x86/xen*.h.
 * The 64-bit offsets are pinned against those headers in layout.c; the
 * 32-bit ones follow from i386's rule that a 64-bit integer aligns to 4.
 */
#ifndef HW_XEN_EMU_LAYOUT_H
#define HW_XEN_EMU_LAYOUT_H

#include <stdint.h>
#include <stdbool.h>

#define XEN_EMU_PAGE_SHIFT      12
#define XEN_EMU_PAGE_SIZE       (1u << XEN_EMU_PAGE_SHIFT)

/* struct vcpu_info: 64 bytes in both layouts, up to XEN_LEGACY_MAX_VCPUS. */
#define XEN_VCPU_INFO_SIZE              64
#define XEN_VCPU_INFO_UPCALL_PENDING    0   /* uint8_t */
#define XEN_VCPU_INFO_UPCALL_MASK       1   /* uint8_t */
#define XEN_VCPU_INFO_TIME              32  /* struct vcpu_time_info */

typedef struct XenGuestLayout {
    uint8_t word_bits;          /* bits in a word of the guest: 64 or 32 */
    uint16_t nr_2l_ports;       /* ports of the 2-level ABI: 4096 or 1024 */
    uint16_t pending_sel;       /* vcpu_info: evtchn_pending_sel */
    uint16_t evtchn_pending;    /* shared_info: first pending word */
    uint16_t evtchn_mask;       /* shared_info: first mask word */
    uint16_t wc_version;        /* shared_info: wc_version, wc_sec, wc_nsec */
    uint16_t wc_sec_hi;         /* shared_info: high half of wc_sec */
    uint16_t runstate_size;     /* struct vcpu_runstate_info */
    uint16_t runstate_entry;    /* its state_entry_time; the 4 times follow */
} XenGuestLayout;

/* [0]: 32-bit, [1]: 64-bit; index with the latched long mode. */
extern const XenGuestLayout xen_guest_layout[2];

#endif
