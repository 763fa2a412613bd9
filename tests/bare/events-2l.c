/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The 2-level ABI: bitmaps in shared info, a selector in vcpu_info
 *
 * A bitmap has as many words as a word has bits.
 */
#include "events-abi.h"

#define WORD_BITS   (8 * sizeof(unsigned long))

static unsigned long bit_of(uint32_t port)
{
    return 1ul << port % WORD_BITS;
}

static EventBits *pending_word(uint32_t port)
{
    return &shared_info->evtchn_pending[port / WORD_BITS];
}

static EventBits *mask_word(uint32_t port)
{
    return &shared_info->evtchn_mask[port / WORD_BITS];
}

/* False: another CPU took it (the port has moved). */
static bool take_pending(uint32_t port)
{
    return __atomic_fetch_and(pending_word(port), ~bit_of(port),
                              __ATOMIC_SEQ_CST) & bit_of(port);
}

void twolevel_take_events(VcpuInfo *v, unsigned cpu)
{
    xen_ulong_t words = __atomic_exchange_n(&v->evtchn_pending_sel, 0,
                                            __ATOMIC_SEQ_CST);

    for (; words; words &= words - 1) {
        uint32_t first = __builtin_ctzl(words) * WORD_BITS;
        xen_ulong_t bits = *pending_word(first) & ~*mask_word(first);

        for (; bits; bits &= bits - 1) {
            uint32_t port = first + __builtin_ctzl(bits);

            if (event_is_of(port, cpu) && take_pending(port)) {
                event_arrived(port);
            }
        }
    }
}

bool twolevel_is_pending(uint32_t port)
{
    return *pending_word(port) & bit_of(port);
}

bool twolevel_is_masked(uint32_t port)
{
    return *mask_word(port) & bit_of(port);
}

void twolevel_mask(uint32_t port)
{
    __atomic_fetch_or(mask_word(port), bit_of(port), __ATOMIC_SEQ_CST);
}

void twolevel_clear_pending(uint32_t port)
{
    take_pending(port);
}

bool twolevel_unmask(uint32_t port)
{
    /*
     * Xen does not set the selector for a port that is masked.  So events from
     * before the mask is cleared are found here, and later ones set the
     * selector.
     */
    __atomic_fetch_and(mask_word(port), ~bit_of(port), __ATOMIC_SEQ_CST);
    if (!twolevel_is_pending(port)) {
        return false;
    }
    twolevel_mask(port);
    return true;
}
