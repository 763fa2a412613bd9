/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Time areas in guest memory: vcpu_time_info and the wall clock
 */
#include "qemu/osdep.h"
#define __XEN_INTERFACE_VERSION__ 0x00040e00    /* vcpu_time_info.flags */
#include "qemu/atomic.h"
#include "qemu/bswap.h"
#include "qemu/timer.h"
#include "hw/xen/interface/xen.h"
#include "hw/xen/emu/accel-callbacks.h"
#include "hw/xen/emu/domain.h"
#include "hw/xen/emu/vcpu/time.h"

/*
 * ns = ((tsc << TSC_SHIFT) * TSC_MUL) >> 32, where a tick is 1 ns.  TSC_MUL is
 * less than 2^32, so a factor of 1 is expressed as 2 * 1/2.
 */
#define TSC_SHIFT   1
#define TSC_MUL     (UINT32_C(1) << 31)

/* At 1 GHz (XEN_EMU_TSC_KHZ) both start at 0 and stay equal. */
#define TSC_AT_START    0
#define NS_AT_START     0

QEMU_BUILD_BUG_ON(XEN_EMU_TSC_KHZ != 1000000);
QEMU_BUILD_BUG_ON(sizeof(struct vcpu_time_info) != 32);

uint64_t xen_emu_virtual_time(void)
{
    return qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL);
}

/*
 * The version is odd while the data is being written, and a different even
 * number afterwards.  The old value is in guest memory, so it may be anything.
 */
static uint32_t begin_write(uint8_t *version)
{
    uint32_t odd = ldl_le_p(version) | 1;

    stl_le_p(version, odd);
    smp_wmb();      /* the odd version is visible before the data changes */
    return odd;
}

static void end_write(uint8_t *version, uint32_t odd)
{
    smp_wmb();      /* the data is visible before the even version */
    stl_le_p(version, odd + 1);
}

void xen_time_write_vcpu_time(void *hva)
{
    uint8_t *time = hva;
    uint8_t *version = time + offsetof(struct vcpu_time_info, version);
    uint32_t odd = begin_write(version);

    stq_le_p(time + offsetof(struct vcpu_time_info, tsc_timestamp),
             TSC_AT_START);
    stq_le_p(time + offsetof(struct vcpu_time_info, system_time), NS_AT_START);
    stl_le_p(time + offsetof(struct vcpu_time_info, tsc_to_system_mul),
             TSC_MUL);
    stb_p(time + offsetof(struct vcpu_time_info, tsc_shift), TSC_SHIFT);
    stb_p(time + offsetof(struct vcpu_time_info, flags),
          xen_emu_config()->tsc_stable ? XEN_PVCLOCK_TSC_STABLE_BIT : 0);

    end_write(version, odd);
}

void xen_time_copy_vcpu_time(void *to, const void *from)
{
    const size_t begin = offsetof(struct vcpu_time_info, tsc_timestamp);
    uint8_t copy[sizeof(struct vcpu_time_info)];
    uint32_t before, after, odd;

    before = ldl_le_p(from);
    smp_rmb();      /* the contents are read after the version */
    memcpy(copy, from, sizeof(copy));
    smp_rmb();      /* and before the version is read again */
    after = ldl_le_p(from);
    if ((before & 1) || before != after ||
        !memcmp((uint8_t *)to + begin, copy + begin, sizeof(copy) - begin)) {
        return;
    }
    odd = begin_write(to);
    memcpy((uint8_t *)to + begin, copy + begin, sizeof(copy) - begin);
    end_write(to, odd);
}

void xen_time_write_wallclock(void *shared_info)
{
    const XenGuestLayout *layout = xen_emu_layout();
    uint8_t *version = (uint8_t *)shared_info + layout->wc_version;
    uint8_t *sec = version + 4;
    uint8_t *nsec = version + 8;
    uint8_t *sec_hi = (uint8_t *)shared_info + layout->wc_sec_hi;
    uint64_t utc_now = qemu_clock_get_ns(QEMU_CLOCK_HOST);
    uint64_t up = xen_emu_system_time();
    uint64_t utc_at_start = utc_now - MIN(utc_now, up);
    uint32_t odd = begin_write(version);

    stl_le_p(sec, utc_at_start / NANOSECONDS_PER_SECOND);
    stl_le_p(nsec, utc_at_start % NANOSECONDS_PER_SECOND);
    stl_le_p(sec_hi, utc_at_start / NANOSECONDS_PER_SECOND >> 32);

    end_write(version, odd);
}

void xen_time_erase_wallclock(void *shared_info, const XenGuestLayout *layout)
{
    memset((uint8_t *)shared_info + layout->wc_version, 0,
           3 * sizeof(uint32_t));
    memset((uint8_t *)shared_info + layout->wc_sec_hi, 0, sizeof(uint32_t));
}
