/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Clocks and runstate
 */
#include "events.h"
#include "tap.h"
#include "timers.h"

#define MS              1000000ull
#define STABLE          XEN_PVCLOCK_TSC_STABLE_BIT
#define YEAR_2020       1577836800u

static Live64 latest;
static bool latest_lock;
static _Atomic bool is_stable;

/* The maximum of @now and the times read by any CPU so far. */
static uint64_t latest_with(uint64_t now)
{
    uint64_t time;

    while (__atomic_test_and_set(&latest_lock, __ATOMIC_ACQUIRE)) {
        cpu_relax();
    }
    latest = MAX(latest, now);
    time = latest;
    __atomic_clear(&latest_lock, __ATOMIC_RELEASE);
    return time;
}

/* On all CPUs: no time is before one that was read earlier on any CPU. */
static void read_clock(void *unused)
{
    uint64_t own = 0;

    for (unsigned i = 0; i < 10000 && !test_has_failed(); i++) {
        uint64_t before = latest_with(0);
        uint64_t now = system_time();

        CHECK(now >= own);
        CHECK(now >= before || !is_stable);
        own = now;
        latest_with(now);
    }
}

/* The user can disable the flag, and KVM sets it on some hosts only. */
static void check_promise(unsigned cpu)
{
    if (guest_is("tsc", "unstable")) {
        CHECK(!(vcpu_info[cpu]->time.flags & STABLE));
    } else {
        CHECK(vcpu_info[cpu]->time.flags & STABLE || guest_is("accel", "kvm"));
    }
}

TEST(monotonic, "clock-monotonic")
{
    is_stable = true;
    for (unsigned cpu = 0; cpu < nr_cpus; cpu++) {
        check_promise(cpu);
        /* Without the flag, clocks of different CPUs are not comparable. */
        is_stable = is_stable && vcpu_info[cpu]->time.flags & STABLE;
    }
    latest = 0;
    cpu_call_all(read_clock, NULL);
}

TEST(hypercall_time, "clock-by-hypercall")
{
    for (unsigned i = 0; i < 100; i++) {
        uint64_t before = system_time(), after;
        struct xen_hvm_get_time op;

        CHECK_EQ(HVM_OP(HVMOP_get_time, &op), 0);
        after = system_time();
        if (guest_is("accel", "tcg")) {
            CHECK(before <= op.now && op.now <= after);
        } else {
            /* KVM does not compute the result from this vCPU's TSC. */
            CHECK(op.now + 1000 * MS > before && op.now < after + 1000 * MS);
        }
    }
}

TEST(wall, "wall-clock")
{
    CHECK(!(shared_info->wc_version & 1));
    CHECK(shared_info->wc_sec > YEAR_2020);
    CHECK(shared_info->wc_nsec < 1000000000);
}

TEST(time_area, "time-area")
{
    static struct vcpu_time_info area;
    struct vcpu_register_time_memory_area op = { };
    VcpuTime *t = &area, *known = &vcpu_info[0]->time;

    op.addr.p = (uintptr_t)&area;
    if (guest_calls_by_port()) {
        /* A KVM without Xen support has no such area. */
        CHECK_EQ(VCPU_OP(VCPUOP_register_vcpu_time_memory_area, 0, &op),
                 -XEN_ENOSYS);
        return;
    }
    CHECK_EQ(VCPU_OP(VCPUOP_register_vcpu_time_memory_area, 0, &op), 0);
    /* KVM writes it at the vCPU's next entry. */
    EXPECT_SOON(t->tsc_to_system_mul);
    CHECK_EQ(t->tsc_to_system_mul, known->tsc_to_system_mul);
    CHECK_EQ(t->tsc_shift, known->tsc_shift);
    CHECK(!(t->version & 1));
    op.addr.p = 0;
    CHECK_EQ(VCPU_OP(VCPUOP_register_vcpu_time_memory_area, 0, &op), 0);
}

static uint8_t runstate_pages[2 * PAGE_SIZE] PAGE_ALIGNED;

static long register_runstate(void *area)
{
    struct vcpu_register_runstate_memory_area op = { };

    op.addr.p = (uintptr_t)area;
    return VCPU_OP(VCPUOP_register_runstate_memory_area, this_cpu(), &op);
}

static uint64_t all_time(VcpuRunstate *r)
{
    return r->time[0] + r->time[1] + r->time[2] + r->time[3];
}

/* Halts until the timer fires. */
static void sleep_ms(unsigned ms)
{
    struct vcpu_set_singleshot_timer op = {
        .timeout_abs_ns = system_time() + ms * MS,
    };

    CHECK_EQ(VCPU_OP(VCPUOP_set_singleshot_timer, this_cpu(), &op), 0);
    /* The timer may fire after the time was read. */
    for (interrupts_off(); system_time() + timer_error() < op.timeout_abs_ns;
         interrupts_off()) {
        asm volatile("sti; hlt" : : : "memory");
    }
    interrupts_on();
}

static void check_area(VcpuRunstate *r)
{
    struct vcpu_runstate_info copy;
    uint64_t halted, all;

    bind_virq(VIRQ_TIMER, this_cpu());
    CHECK_EQ(register_runstate((void *)r), 0);
    sleep_ms(2);
    CHECK_EQ(r->state, RUNSTATE_running);
    halted = r->time[RUNSTATE_blocked];
    all = all_time(r);
    sleep_ms(20);
    CHECK_EQ(r->state, RUNSTATE_running);
    /* With KVM's in-kernel runstate, HLT counts as running. */
    CHECK(r->time[RUNSTATE_blocked] > halted || guest_is("accel", "kvm"));
    CHECK(all_time(r) >= all + 15 * MS);
    CHECK(!(r->state_entry_time & XEN_RUNSTATE_UPDATE));
    CHECK(r->state_entry_time <= system_time());

    CHECK_EQ(VCPU_OP(VCPUOP_get_runstate_info, this_cpu(), &copy), 0);
    CHECK_EQ(copy.state, RUNSTATE_running);
    CHECK(all_time(&copy) > 0);
    events_close_all();
}

TEST(runstate, "runstate-area")
{
    check_area((void *)runstate_pages);
    CHECK_EQ(register_runstate(NULL), 0);
}

/* At each offset that a guest's compiler may choose, and more. */
TEST(runstate_crossing, "runstate-area-crosses-pages")
{
    for (unsigned before = 4; before < sizeof(struct vcpu_runstate_info);
         before += 8) {
        uint8_t *at = runstate_pages + PAGE_SIZE - before;

        CHECK_EQ(register_runstate(NULL), 0);
        for (unsigned i = 0; i < 16; i++) {
            at[-1 - (int)i] = 0x5a;
            at[sizeof(struct vcpu_runstate_info) + i] = 0x5a;
        }
        check_area((void *)at);
        for (unsigned i = 0; i < 16; i++) {
            CHECK_EQ(at[-1 - (int)i], 0x5a);
            CHECK_EQ(at[sizeof(struct vcpu_runstate_info) + i], 0x5a);
        }
    }
    CHECK_EQ(register_runstate(NULL), 0);
}
