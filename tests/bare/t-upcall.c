/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Kinds of upcalls: each interrupts the right CPU
 */
#include "events.h"
#include "tap.h"

/* An event for @cpu interrupts it by @how, and by nothing else. */
static void check_arrival(enum Upcall how, unsigned cpu)
{
    static const uint8_t vectors[] = {
        VECTOR_UPCALL, VECTOR_CALLBACK, VECTOR_LINE,
    };
    uint32_t port = bind_ipi(cpu), before[ARRAY_SIZE(vectors)];

    for (unsigned i = 0; i < ARRAY_SIZE(vectors); i++) {
        before[i] = interrupts[cpu][vectors[i]];
    }
    CHECK_EQ(port_send(port), 0);
    EXPECT_SOON_EQ(port_count[port], 1);
    CHECK_EQ(port_cpu[port], cpu);
    for (unsigned i = 0; i < ARRAY_SIZE(vectors); i++) {
        CHECK_EQ(interrupts[cpu][vectors[i]] != before[i],
                 vectors[i] == upcall_vector(how));
    }
    CHECK_EQ(port_close(port), 0);
}

/* On CPU 0: taken when interrupts are enabled, not before. */
static void check_deferred(void)
{
    uint32_t port = bind_ipi(0);

    interrupts_off();
    CHECK_EQ(port_send(port), 0);
    for (unsigned i = 0; i < 1000; i++) {
        cpu_relax();
    }
    CHECK_EQ(port_count[port], 0);
    CHECK_EQ(vcpu_info[0]->evtchn_upcall_pending, 1);
    interrupts_on();
    EXPECT_SOON_EQ(port_count[port], 1);
    CHECK_EQ(vcpu_info[0]->evtchn_upcall_pending, 0);
    CHECK_EQ(port_close(port), 0);
}

static void send_it(void *port)
{
    CHECK_EQ(port_send((uintptr_t)port), 0);
}

/* Another CPU sends to CPU 0, which is in HLT. */
static void check_wakes(void)
{
    uint32_t port = bind_ipi(0);

    if (nr_cpus == 1) {
        return;
    }
    for (unsigned i = 1; i <= 20; i++) {
        cpu_call(1, send_it, (void *)(uintptr_t)port);
        interrupts_off();
        while (port_count[port] < i) {
            asm volatile("sti; hlt; cli" : : : "memory");
        }
        interrupts_on();
        cpu_wait(1);
        CHECK_EQ(port_count[port], i);
    }
    CHECK_EQ(port_close(port), 0);
}

static void check_way(enum Upcall how, unsigned cpus)
{
    events_set_up_abi();
    CHECK_EQ(events_use(how), 0);
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned cpu = 0; cpu < cpus; cpu++) {
            check_arrival(how, cpu);
        }
    }
    check_deferred();
    check_wakes();
}

/* The line is lowered after its cause is gone: no spurious interrupt. */
static void check_falls(void)
{
    uint32_t port = bind_ipi(0), before;

    for (unsigned i = 1; i <= 5; i++) {
        CHECK_EQ(port_send(port), 0);
        EXPECT_SOON_EQ(port_count[port], i);
    }
    before = interrupts[0][VECTOR_LINE];
    for (unsigned i = 0; i < 1000; i++) {
        hypercall(__HYPERVISOR_xen_version, XENVER_version);
    }
    CHECK_EQ(interrupts[0][VECTOR_LINE], before);
}

TEST_EARLY(vector, "upcall-vector")
{
    check_way(UPCALL_VECTOR, nr_cpus);
}

TEST_EARLY(gsi, "upcall-gsi")
{
    check_way(UPCALL_GSI, 1);
    check_falls();
}

TEST_EARLY(intx, "upcall-intx")
{
    check_way(UPCALL_INTX, 1);
    check_falls();
}

/* The event was sent before the guest set the kind of upcall. */
TEST_EARLY(late, "upcall-set-after-event")
{
    static const enum Upcall ways[] = {
        UPCALL_VECTOR, UPCALL_GSI, UPCALL_INTX, UPCALL_VECTOR,
    };
    uint32_t port;

    events_set_up_abi();
    port = bind_ipi(0);
    for (unsigned i = 0; i < ARRAY_SIZE(ways) && !test_has_failed(); i++) {
        CHECK_EQ(events_use(UPCALL_NONE), 0);
        CHECK_EQ(port_send(port), 0);
        CHECK_EQ(port_count[port], i);
        CHECK_EQ(events_use(ways[i]), 0);
        EXPECT_SOON_EQ(port_count[port], i + 1);
    }
}

/* The kind of upcall is changed while one is pending. */
TEST_EARLY(changed, "upcall-changed-while-pending")
{
    static const enum Upcall ways[] = {
        UPCALL_GSI, UPCALL_VECTOR, UPCALL_INTX, UPCALL_GSI, UPCALL_VECTOR,
    };
    uint32_t port;

    events_set_up_abi();
    CHECK_EQ(events_use(UPCALL_INTX), 0);
    port = bind_ipi(0);
    for (unsigned i = 0; i < ARRAY_SIZE(ways); i++) {
        interrupts_off();
        CHECK_EQ(port_send(port), 0);
        CHECK_EQ(events_use(ways[i]), 0);
        interrupts_on();
        EXPECT_SOON_EQ(port_count[port], i + 1);
    }
}

TEST(vcpu, "upcall-vcpu-vector")
{
    check_way(UPCALL_VCPU, nr_cpus);
}
