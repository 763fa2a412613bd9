/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Halts in hypercalls that QEMU handles: SCHEDOP_block, and SCHEDOP_poll inside
 * a multicall, which QEMU handles with every accelerator
 *
 * They may return spuriously, so the number of calls is checked: a vCPU that is
 * really halted makes few.
 */
#include "events.h"
#include "tap.h"

#define NS_PER_MS       1000000
#define QUIET_NS        (300 * NS_PER_MS)
/* The longest halt while delivery is offloaded. */
#define LONGEST_NS      (10 * NS_PER_MS)
#define FEW             4

static _Atomic bool enough;
static _Atomic uint32_t returns;

/* Returns how long it was: the host may have preempted this CPU. */
static uint64_t wait_ns(uint64_t ns)
{
    uint64_t begin = system_time(), now;

    do {
        cpu_relax();
        now = system_time();
    } while (now - begin < ns);
    return now - begin;
}

static void block_until_enough(void *unused)
{
    while (!enough) {
        CHECK_EQ(SCHED_OP(SCHEDOP_block, NULL), 0);
        returns++;
    }
}

TEST(block, "block-until-interrupt")
{
    uint32_t port = bind_ipi(1), sent = 0;

    enough = false;
    returns = 0;
    cpu_call(1, block_until_enough, NULL);
    wait_ns(QUIET_NS);
    CHECK(returns <= FEW);
    for (unsigned i = 0; i < 20; i++) {
        uint32_t before = port_count[port];

        CHECK_EQ(port_send(port), 0);
        sent++;
        EXPECT_SOON_EQ(port_count[port], before + 1);
    }
    CHECK_EQ(port_cpu[port], 1);
    CHECK(returns <= sent + FEW);

    /* It may be between this check and the halt. */
    enough = true;
    for (unsigned i = 0; i < 100; i++) {
        CHECK_EQ(port_send(port), 0);
        wait_ns(NS_PER_MS);
    }
    cpu_wait(1);
}

static long poll_in_multicall(uint32_t port, uint64_t timeout_ns)
{
    evtchn_port_t ports[] = { port };
    struct sched_poll poll = {
        .nr_ports = 1, .timeout = timeout_ns,
    };
    struct multicall_entry call = {
        .op = __HYPERVISOR_sched_op,
        .args = { SCHEDOP_poll, (uintptr_t)&poll },
    };

    set_xen_guest_handle(poll.ports, ports);
    CHECK_EQ(hypercall(__HYPERVISOR_multicall, &call, 1), 0);
    returns++;
    return call.result;
}

static void poll_until_pending(void *port_number)
{
    uint32_t port = (uintptr_t)port_number;

    interrupts_off();
    while (!port_is_pending(port)) {
        CHECK_EQ(poll_in_multicall(port, 0), 0);
    }
}

TEST(poll_wakes, "poll-in-multicall")
{
    uint32_t port = bind_ipi(1);
    uint64_t waited;

    port_mask(port);
    returns = 0;
    cpu_call(1, poll_until_pending, (void *)(uintptr_t)port);
    waited = wait_ns(QUIET_NS);
    CHECK((uint64_t)returns * LONGEST_NS <= waited + FEW * LONGEST_NS);
    CHECK_EQ(port_send(port), 0);
    cpu_wait(1);
    port_clear_pending(port);
}

TEST(poll_ends, "poll-in-multicall-ends")
{
    uint32_t port = bind_ipi(0);
    uint64_t end = system_time() + QUIET_NS;

    port_mask(port);
    returns = 0;
    while (system_time() < end) {
        CHECK_EQ(poll_in_multicall(port, end), 0);
    }
    CHECK(returns <= QUIET_NS / LONGEST_NS + FEW);

    /* A deadline in the past or a pending event does not block. */
    CHECK_EQ(poll_in_multicall(port, 1), 0);
    CHECK_EQ(port_send(port), 0);
    CHECK_EQ(poll_in_multicall(port, 0), 0);
    port_clear_pending(port);
}
