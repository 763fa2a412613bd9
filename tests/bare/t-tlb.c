/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * HVMOP_flush_tlbs: all CPUs drop their TLB entries
 */
#include "guest.h"
#include "tap.h"

#define ROUNDS  50

static uint32_t place[2][PAGE_SIZE / sizeof(uint32_t)] PAGE_ALIGNED;
static Live32 *window;
static uint32_t seen[MAX_CPUS];

static void look(void *unused)
{
    seen[this_cpu()] = *window;
}

/*
 * This CPU changes a mapping, and uses it; the others use the old one until
 * their TLBs are flushed.
 */
TEST_EARLY(flush, "flush-tlbs")
{
    long ret = hypercall(__HYPERVISOR_hvm_op, HVMOP_flush_tlbs, 0);

    if (guest_is("accel", "kvm")) {
        CHECK_EQ(ret, -XEN_ENOSYS);
        return;
    }
    CHECK_EQ(ret, 0);
    place[0][0] = 1;
    place[1][0] = 2;
    window = page_map(0, (uintptr_t)place[0], MAP_READ_ONLY);
    cpu_call_all(look, NULL);
    for (unsigned i = 1; i <= ROUNDS && !test_has_failed(); i++) {
        page_map(0, (uintptr_t)place[i % 2], MAP_READ_ONLY);
        CHECK_EQ(hypercall(__HYPERVISOR_hvm_op, HVMOP_flush_tlbs, 0), 0);
        cpu_call_all(look, NULL);
        for (unsigned cpu = 0; cpu < nr_cpus; cpu++) {
            CHECK_EQ(seen[cpu], place[i % 2][0]);
        }
    }
    page_map(0, 0, MAP_NONE);
}
