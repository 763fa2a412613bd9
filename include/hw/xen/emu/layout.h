/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Layout of the pages that Xen shares with a guest, for both guest ABIs
 *
 * A guest has a 64-bit or a 32-bit layout: the vCPU's mode is latched when the
 * guest sets up its hypercall page or its callback.  Structures that depend on
 * it are described by offsets here, so that the code is the same for both.
 *
 * Both layouts address bits by 32-bit words.  On a little-endian machine bit n
 * of an array of 64-bit words is bit n % 32 of 32-bit word n / 32, so only the
 * selector, which has a bit for each *guest* word, differs.
 *
 * Source of the ABI: include/hw/xen/interface/xen.h and arch-x86/xen*.h.
 * layout.c checks the 64-bit offsets against those headers; the 32-bit ones
 * follow from the i386 ABI, where a 64-bit integer is aligned to 4 bytes.
 */
#ifndef HW_XEN_EMU_LAYOUT_H
#define HW_XEN_EMU_LAYOUT_H

#include <stdint.h>
#include <stdbool.h>

#define XEN_EMU_MAX_VCPUS       512     /* more than any PC machine has */

#define XEN_EMU_PAGE_SHIFT      12
#define XEN_EMU_PAGE_SIZE       (1u << XEN_EMU_PAGE_SHIFT)

/* struct vcpu_info: 64 bytes in both layouts, up to XEN_LEGACY_MAX_VCPUS. */
#define XEN_VCPU_INFO_SIZE              64
#define XEN_VCPU_INFO_UPCALL_PENDING    0   /* uint8_t */
#define XEN_VCPU_INFO_UPCALL_MASK       1   /* uint8_t */
#define XEN_VCPU_INFO_EVENTS_SIZE       16  /* flags and selector, from 0 */
#define XEN_VCPU_INFO_TIME              32  /* struct vcpu_time_info */
#define XEN_VCPU_INFO_TIME_SIZE         32

typedef struct XenGuestLayout {
    uint8_t word_bits;          /* bits in a guest word: 64 or 32 */
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
