/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tap.h"
#include "timers.h"

uint32_t timer_port[MAX_CPUS];
Live64 timer_fired_at[MAX_CPUS];

static void note_time(uint32_t port)
{
    timer_fired_at[this_cpu()] = system_time();
}

void bind_timers(void)
{
    for (unsigned cpu = 0; cpu < nr_cpus; cpu++) {
        timer_port[cpu] = bind_virq(VIRQ_TIMER, cpu);
        port_handler[timer_port[cpu]] = note_time;
    }
}

uint32_t timer_fired(void)
{
    return port_count[timer_port[this_cpu()]];
}

long set_singleshot(uint64_t when, uint32_t flags)
{
    struct vcpu_set_singleshot_timer op = {
        .timeout_abs_ns = when, .flags = flags,
    };

    return VCPU_OP(VCPUOP_set_singleshot_timer, this_cpu(), &op);
}

long stop_singleshot(void)
{
    return VCPU_OP(VCPUOP_stop_singleshot_timer, this_cpu(), NULL);
}

long set_timer_op(uint64_t when)
{
#if IS_64BIT
    return hypercall(__HYPERVISOR_set_timer_op, when);
#else
    return hypercall(__HYPERVISOR_set_timer_op, (uint32_t)when, when >> 32);
#endif
}

long set_periodic(uint64_t period)
{
    struct vcpu_set_periodic_timer op = { .period_ns = period };

    return VCPU_OP(VCPUOP_set_periodic_timer, this_cpu(), &op);
}

long stop_periodic(void)
{
    return VCPU_OP(VCPUOP_stop_periodic_timer, this_cpu(), NULL);
}

static void stop_timers(void *unused)
{
    CHECK_EQ(stop_singleshot(), 0);
    CHECK_EQ(stop_periodic(), 0);
}

void stop_all_timers(void)
{
    cpu_call_all(stop_timers, NULL);
}

uint64_t timer_error(void)
{
    bool is_stable = vcpu_info[this_cpu()]->time.flags & XEN_PVCLOCK_TSC_STABLE_BIT;

    return guest_calls_by_port() && !is_stable ? MS : 0;
}

void check_not_early(uint64_t when)
{
    uint64_t fired_at = timer_fired_at[this_cpu()];

    if (fired_at + timer_error() < when) {
        test_failed(__FILE__, __LINE__, "%lld ns early",
                    (long long)(when - fired_at));
    }
}

void check_silence(unsigned ms)
{
    uint64_t end = system_time() + ms * MS;
    uint32_t before;

    EXPECT_SOON(!port_is_pending(timer_port[this_cpu()]));
    before = timer_fired();
    while (system_time() < end) {
        cpu_relax();
    }
    CHECK_EQ(timer_fired(), before);
}
