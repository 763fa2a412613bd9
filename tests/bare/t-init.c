/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Events for a CPU that is reset by INIT and started again: none is lost
 *
 * INIT clears the vectors requested in the LAPIC.  The event and
 * evtchn_upcall_pending are in memory, so they stay, and so do the kind of
 * upcall and the registered vcpu_info, as in Xen.
 */
#include "events.h"
#include "tap.h"

/* What the CPU does when it gets the INIT. */
static _Atomic bool ready;

static void spin_disabled(void *unused)
{
    interrupts_off();
    ready = true;
    for (;;) {
        cpu_relax();
    }
}

/*
 * A poll may end early, or because of the event that is sent.  A CPU that went idle
 * then would take the event, and INIT could end its handler in the middle: the guest
 * itself would have lost it.
 */
static void poll_forever(void *port)
{
    uint32_t ports[] = { (uintptr_t)port };
    struct sched_poll op = { .nr_ports = 1 };

    set_xen_guest_handle(op.ports, ports);
    interrupts_off();
    ready = true;
    for (;;) {
        SCHED_OP(SCHEDOP_poll, &op);
    }
}

static void be_idle(void *unused)
{
    ready = true;
}

/* When the event is sent. */
enum Moment { BEFORE_INIT, BEFORE_SIPI, AFTER_SIPI };

static void check(enum Upcall how, void (*func)(void *), enum Moment moment)
{
    uint32_t port = bind_ipi(1), other = bind_ipi(1), before;

    CHECK_EQ(port_send(port), 0);
    EXPECT_SOON_EQ(port_count[port], 1);
    before = interrupts[1][upcall_vector(how)];

    ready = false;
    cpu_call(1, func, (void *)(uintptr_t)other);
    EXPECT_SOON(ready);
    if (moment == BEFORE_INIT) {
        CHECK_EQ(port_send(port), 0);
    }
    cpu_stop(1);
    if (moment == BEFORE_SIPI) {
        CHECK_EQ(port_send(port), 0);
    }
    cpu_start(1);
    if (moment == AFTER_SIPI) {
        CHECK_EQ(port_send(port), 0);
    }
    EXPECT_SOON_EQ(port_count[port], 2);
    CHECK_EQ(port_cpu[port], 1);
    CHECK(interrupts[1][upcall_vector(how)] != before);
    CHECK_EQ(port_send(port), 0);
    EXPECT_SOON_EQ(port_count[port], 3);
    CHECK_EQ(port_count[other], 0);
    CHECK_EQ(port_close(other), 0);
    CHECK_EQ(port_close(port), 0);
}

static void check_all(enum Upcall how)
{
    static void (*const funcs[])(void *) = {
        spin_disabled, poll_forever, be_idle,
    };

    if (nr_cpus == 1) {
        test_skip("it needs two CPUs");
        return;
    }
    if (how != UPCALL_VCPU) {
        events_remove_vcpu_vectors();
    }
    events_set_up_abi();
    CHECK_EQ(events_use(how), 0);
    for (unsigned i = 0; i < ARRAY_SIZE(funcs) && !test_has_failed(); i++) {
        /* A CPU with interrupts enabled takes the event before the INIT. */
        if (funcs[i] != be_idle) {
            check(how, funcs[i], BEFORE_INIT);
        }
        check(how, funcs[i], BEFORE_SIPI);
        check(how, funcs[i], AFTER_SIPI);
    }
}

TEST_EARLY(callback, "init-callback-vector")
{
    check_all(UPCALL_VECTOR);
}

TEST(own, "init-vcpu-vector")
{
    check_all(UPCALL_VCPU);
}
