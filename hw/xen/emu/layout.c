/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Offsets of the structures that Xen shares with a guest, both layouts
 *
 * The 64-bit column is checked against Xen's public headers when this file is
 * compiled.  The headers describe only the machine they are compiled on, so
 * the 32-bit column is spelled out here from the sizes of i386's types:
 * `unsigned long` and pointers are 4 bytes, a uint64_t aligns to 4.
 */
#include <stddef.h>
#include <stdint.h>
#include "hw/xen/emu/layout.h"
#include "hw/xen/interface/xen.h"
#include "hw/xen/interface/vcpu.h"

/* 32 legacy vcpu_info of 64 bytes come first in both. */
#define SHARED_VCPU_INFOS   (32 * XEN_VCPU_INFO_SIZE)

/* 32-bit: 32 words of 4 bytes a bitmap. */
#define C_PENDING           SHARED_VCPU_INFOS
#define C_MASK              (C_PENDING + 32 * 4)
#define C_WC_VERSION        (C_MASK + 32 * 4)
/* wc_version, wc_sec, wc_nsec; arch: 6 words before wc_sec_hi */
#define C_WC_SEC_HI         (C_WC_VERSION + 3 * 4 + 6 * 4)

const XenGuestLayout xen_guest_layout[2] = {
    [0] = {
        .word_bits = 32,
        .nr_2l_ports = 32 * 32,
        .pending_sel = 4,
        .evtchn_pending = C_PENDING,
        .evtchn_mask = C_MASK,
        .wc_version = C_WC_VERSION,
        .wc_sec_hi = C_WC_SEC_HI,
        .runstate_size = 4 + 5 * 8,
        .runstate_entry = 4,
    },
    [1] = {
        .word_bits = 64,
        .nr_2l_ports = 64 * 64,
        .pending_sel = 8,
        .evtchn_pending = 2048,
        .evtchn_mask = 2560,
        .wc_version = 3072,
        .wc_sec_hi = 3084,
        .runstate_size = 48,
        .runstate_entry = 8,
    },
};

#ifdef __x86_64__
_Static_assert(XEN_LEGACY_MAX_VCPUS == 32, "legacy vcpu_info array");
_Static_assert(sizeof(struct vcpu_info) == XEN_VCPU_INFO_SIZE, "vcpu_info");
_Static_assert(offsetof(struct vcpu_info, evtchn_upcall_pending) ==
               XEN_VCPU_INFO_UPCALL_PENDING, "upcall_pending");
_Static_assert(offsetof(struct vcpu_info, evtchn_upcall_pending) + 1 ==
               XEN_VCPU_INFO_UPCALL_MASK, "upcall_mask");
_Static_assert(offsetof(struct vcpu_info, evtchn_pending_sel) == 8,
               "pending_sel");
_Static_assert(offsetof(struct vcpu_info, time) == XEN_VCPU_INFO_TIME,
               "time");
_Static_assert(sizeof(((struct vcpu_info *)0)->evtchn_pending_sel) * 8 == 64,
               "word_bits");
_Static_assert(offsetof(struct shared_info, evtchn_pending) == 2048,
               "evtchn_pending");
_Static_assert(offsetof(struct shared_info, evtchn_mask) == 2560,
               "evtchn_mask");
_Static_assert(offsetof(struct shared_info, wc_version) == 3072,
               "wc_version");
_Static_assert(offsetof(struct shared_info, wc_sec_hi) == 3084, "wc_sec_hi");
_Static_assert(sizeof(struct vcpu_runstate_info) == 48, "runstate");
_Static_assert(offsetof(struct vcpu_runstate_info, state_entry_time) == 8,
               "state_entry_time");
#endif

_Static_assert(C_PENDING == 2048 && C_MASK == 2176 && C_WC_VERSION == 2304 &&
               C_WC_SEC_HI == 2340, "32-bit shared_info");
