/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Events while a CPU's LAPIC is off, or changes to x2APIC and back; and among
 * NMIs and SMIs: none is lost
 *
 * A LAPIC that is off takes no vector, and one that was turned off by its MSR has
 * forgotten what was requested.  The event and evtchn_upcall_pending are in
 * memory.
 */
#include "events.h"
#include "tap.h"

static void use(enum Upcall how)
{
    if (how != UPCALL_VCPU) {
        events_remove_vcpu_vectors();
    }
    events_set_up_abi();
    CHECK_EQ(events_use(how), 0);
}

/* ------------------------------------------------------------ LAPIC modes -- */

struct Detour {
    void (*leave)(void);
    void (*come_back)(void);
};

static void software_off(void)
{
    lapic_set_enabled(false);
}

static void software_on(void)
{
    lapic_set_enabled(true);
}

static void off(void)
{
    lapic_set_mode(LAPIC_OFF);
}

static void on(void)
{
    lapic_set_mode(LAPIC_XAPIC);
    lapic_init();
}

static void x2apic(void)
{
    lapic_set_mode(LAPIC_X2APIC);
}

/* There is no direct way. */
static void xapic(void)
{
    off();
    on();
}

/* When the event is sent, and whether it is handled before the way back. */
static void check_detour(enum Upcall how, const struct Detour *d,
                         unsigned moment, bool handled)
{
    uint32_t port = bind_ipi(0), before = interrupts[0][upcall_vector(how)];

    interrupts_off();
    if (moment == 0) {
        CHECK_EQ(port_send(port), 0);
    }
    d->leave();
    if (moment == 1) {
        CHECK_EQ(port_send(port), 0);
    }
    if (handled && moment < 2) {
        interrupts_on();
        EXPECT_SOON_EQ(port_count[port], 1);
        interrupts_off();
    }
    d->come_back();
    if (moment == 2) {
        CHECK_EQ(port_send(port), 0);
    }
    interrupts_on();
    EXPECT_SOON_EQ(port_count[port], 1);
    CHECK_EQ(port_send(port), 0);
    EXPECT_SOON_EQ(port_count[port], 2);
    CHECK_EQ(interrupts[0][upcall_vector(how)], before + 2);
    CHECK_EQ(port_close(port), 0);
}

/* @handled: events can be handled on the way. */
static void check_detours(enum Upcall how, const struct Detour *d, bool handled)
{
    use(how);
    for (unsigned moment = 0; moment < 3 && !test_has_failed(); moment++) {
        check_detour(how, d, moment, false);
        if (handled) {
            check_detour(how, d, moment, true);
        }
    }
}

/*
 * The callback vector does not come by the LAPIC, except on a KVM without Xen
 * support, where it waits until the LAPIC is enabled.
 */
static void check_off(enum Upcall how)
{
    static const struct Detour by_software = { software_off, software_on };
    static const struct Detour by_msr = { off, on };
    bool handled = how == UPCALL_VECTOR && !guest_calls_by_port();

    check_detours(how, &by_software, handled);
    check_detours(how, &by_msr, handled);
}

static void check_x2apic(enum Upcall how)
{
    static const struct Detour d = { x2apic, xapic };

    if (!lapic_has_x2apic()) {
        test_skip("the CPU has no x2APIC");
        return;
    }
    check_detours(how, &d, true);
}

TEST_EARLY(off_callback, "lapic-off-callback-vector")
{
    check_off(UPCALL_VECTOR);
}

TEST_EARLY(x2apic_callback, "x2apic-callback-vector")
{
    check_x2apic(UPCALL_VECTOR);
}

TEST(off_own, "lapic-off-vcpu-vector")
{
    check_off(UPCALL_VCPU);
}

TEST(x2apic_own, "x2apic-vcpu-vector")
{
    check_x2apic(UPCALL_VCPU);
}

/* ------------------------------------------------------------- NMI and SMI -- */

#define TURNS   40

static _Atomic bool stop;

static void spin(void *unused)
{
    while (!stop) {
        cpu_relax();
    }
}

static void halt(void *unused)
{
    /* The last event may come after "stop" was read. */
    for (interrupts_off(); !stop; interrupts_off()) {
        asm volatile("sti; hlt" : : : "memory");
    }
    interrupts_on();
}

static void poll(void *port)
{
    uint32_t ports[] = { (uintptr_t)port };
    struct sched_poll op = { .nr_ports = 1 };

    set_xen_guest_handle(op.ports, ports);
    while (!stop) {
        CHECK_EQ(SCHED_OP(SCHEDOP_poll, &op), 0);
    }
}

static void call(void *unused)
{
    while (!stop) {
        hypercall(__HYPERVISOR_xen_version, XENVER_version);
    }
}

/* Each of both kinds comes before, after, or with an event for CPU 1. */
static void check_among(void (*func)(void *), void (*interrupt)(unsigned cpu))
{
    uint32_t port = bind_ipi(1), other = bind_ipi(1);

    if (func == poll) {
        /* So that it stays pending, and also ends a poll that begins after it. */
        port_mask(other);
    }
    stop = false;
    cpu_call(1, func, (void *)(uintptr_t)other);
    for (unsigned i = 1; i <= TURNS && !test_has_failed(); i++) {
        if (i % 2) {
            interrupt(1);
        }
        CHECK_EQ(port_send(port), 0);
        if (i % 2 == 0) {
            interrupt(1);
        }
        EXPECT_SOON_EQ(port_count[port], i);
        CHECK_EQ(port_cpu[port], 1);
    }
    stop = true;
    CHECK_EQ(port_send(other), 0);
    cpu_wait(1);
    CHECK_EQ(port_close(other), 0);
    CHECK_EQ(port_close(port), 0);
}

static void check_among_all(enum Upcall how, void (*interrupt)(unsigned cpu),
                            bool halts)
{
    static void (*const funcs[])(void *) = { spin, poll, call, halt };

    use(how);
    for (unsigned i = 0; i < ARRAY_SIZE(funcs) && !test_has_failed(); i++) {
        if (funcs[i] != halt || halts) {
            check_among(funcs[i], interrupt);
        }
    }
}

static void take_nmi(void)
{
}

/* Two that come together are one, so each is waited for. */
static void send_nmi(unsigned cpu)
{
    uint32_t before = interrupts[cpu][VECTOR_NMI];

    lapic_nmi(cpu);
    EXPECT_SOON(interrupts[cpu][VECTOR_NMI] != before);
}

static void check_nmi(enum Upcall how)
{
    if (nr_cpus == 1) {
        test_skip("it needs two CPUs");
        return;
    }
    set_handler(VECTOR_NMI, take_nmi);
    check_among_all(how, send_nmi, true);
    set_handler(VECTOR_NMI, NULL);
}

static void send_smi(unsigned cpu)
{
    uint32_t before = LIVE(*smi_count());

    lapic_smi(cpu);
    if (guest_is("accel", "tcg")) {
        EXPECT_SOON(LIVE(*smi_count()) != before);
    }
}

/* The firmware sets up SMM on CPU 0 only. */
static void check_smi(enum Upcall how)
{
    if (nr_cpus == 1) {
        test_skip("it needs two CPUs");
        return;
    }
    smi_set_up();
    /*
     * A KVM without Xen support may be one of before Linux 6.2, which forgets in SMM
     * that STI shields the next instruction: after an SMI between STI and HLT, the
     * interrupt that should end the HLT comes before it.
     */
    check_among_all(how, send_smi, !guest_calls_by_port());
}

TEST_EARLY(nmi_callback, "nmi-callback-vector")
{
    check_nmi(UPCALL_VECTOR);
}

TEST_EARLY(smi_callback, "smi-callback-vector")
{
    check_smi(UPCALL_VECTOR);
}

TEST(nmi_own, "nmi-vcpu-vector")
{
    check_nmi(UPCALL_VCPU);
}

TEST(smi_own, "smi-vcpu-vector")
{
    check_smi(UPCALL_VCPU);
}
