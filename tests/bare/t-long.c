/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Preemption of long hypercalls: they return early and are continued
 *
 * When the first element is done, another CPU sends an event and also makes
 * QEMU kick this CPU, because on KVM an event alone does not exit to QEMU.
 */
#include "events.h"
#include "guest.h"
#include "tap.h"

#include "hw/xen/interface/grant_table.h"

#define NR      2048
#define UNDONE  0x5555

static struct multicall_entry calls[NR];
static struct gnttab_unmap_grant_ref unmaps[NR];

static bool (*_Atomic is_done)(unsigned i);
static _Atomic bool left_early;
static uint32_t port;

static bool call_is_done(unsigned i)
{
    return LIVE(calls[i].result) != UNDONE;
}

static bool unmap_is_done(unsigned i)
{
    return LIVE(unmaps[i].status) != UNDONE;
}

static void came(uint32_t unused)
{
    left_early |= !is_done(NR - 1);
}

static void want_cpu_0(void *unused)
{
    struct xen_hvm_evtchn_upcall_vector op = {
        .vcpu = 0, .vector = upcall_vector(UPCALL_VCPU),
    };

    while (!is_done(0)) {
        cpu_relax();
    }
    CHECK_EQ(port_send(port), 0);
    CHECK_EQ(HVM_OP(HVMOP_set_evtchn_upcall_vector, &op), 0);
}

static void forget_results(void)
{
    for (unsigned i = 0; i < NR; i++) {
        calls[i] = (struct multicall_entry) {
            .op = __HYPERVISOR_xen_version, .result = UNDONE,
            .args = { XENVER_version },
        };
        unmaps[i].status = UNDONE;
    }
}

/* Retried if the other CPU was too late. */
static void check_left_early(bool (*done)(unsigned i), void (*call)(void))
{
    uint64_t begin = rdtsc();

    is_done = done;
    left_early = false;
    port = bind_ipi(0);
    port_handler[port] = came;
    for (unsigned i = 0; !left_early && !test_has_failed() &&
                         rdtsc() - begin < WAIT_TICKS; i++) {
        forget_results();
        cpu_call(1, want_cpu_0, NULL);
        call();
        cpu_wait(1);
        EXPECT_SOON_EQ(port_count[port], i + 1);
    }
    CHECK(left_early);
}

static void call_many(void)
{
    long version = hypercall(__HYPERVISOR_xen_version, XENVER_version);

    CHECK_EQ(hypercall(__HYPERVISOR_multicall, calls, NR), 0);
    for (unsigned i = 0; i < NR && !test_has_failed(); i++) {
        CHECK_EQ((long)calls[i].result, version);
    }
}

TEST(many, "multicall-preempted")
{
    check_left_early(call_is_done, call_many);
}

static void check_unmapped(void)
{
    for (unsigned i = 0; i < NR && !test_has_failed(); i++) {
        CHECK_EQ(unmaps[i].status, GNTST_bad_handle);
    }
}

static void unmap_many(void)
{
    CHECK_EQ(hypercall(__HYPERVISOR_grant_table_op, GNTTABOP_unmap_grant_ref,
                       unmaps, NR), 0);
    check_unmapped();
}

TEST(elements, "array-preempted")
{
    check_left_early(unmap_is_done, unmap_many);
}

/* The second of three entries; the others must be executed once. */
static void unmap_many_in_multicall(void)
{
    calls[1].op = __HYPERVISOR_grant_table_op;
    calls[1].args[0] = GNTTABOP_unmap_grant_ref;
    calls[1].args[1] = (uintptr_t)unmaps;
    calls[1].args[2] = NR;
    CHECK_EQ(hypercall(__HYPERVISOR_multicall, calls, 3), 0);
    CHECK_EQ((long)calls[1].result, 0);
    CHECK((long)calls[0].result > 0 && calls[2].result == calls[0].result);
    CHECK_EQ(calls[3].result, UNDONE);
    check_unmapped();
}

TEST(entry, "multicall-entry-preempted")
{
    check_left_early(unmap_is_done, unmap_many_in_multicall);
}
