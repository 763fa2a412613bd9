/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Events between CPUs: none is lost or spurious
 */
#include "stream.h"
#include "tap.h"

#define ROUNDS  500
#define MOVES   20

static void send_to(void *port)
{
    CHECK_EQ(port_send((uintptr_t)port), 0);
}

static void send_from(unsigned cpu, uint32_t port)
{
    if (cpu == 0) {
        CHECK_EQ(port_send(port), 0);
    } else {
        cpu_call(cpu, send_to, (void *)(uintptr_t)port);
        cpu_wait(cpu);
    }
}

TEST(ipi, "ipi-all-pairs")
{
    for (unsigned from = 0; from < nr_cpus; from++) {
        for (unsigned to = 0; to < nr_cpus; to++) {
            uint32_t port = bind_ipi(to);

            send_from(from, port);
            EXPECT_SOON_EQ(port_count[port], 1);
            CHECK_EQ(port_cpu[port], to);
        }
    }
}

TEST(coalesced, "sends-coalesce")
{
    uint32_t port = bind_ipi(0);

    interrupts_off();
    for (unsigned i = 0; i < 5; i++) {
        send_from(0, port);
    }
    interrupts_on();
    EXPECT_SOON_EQ(port_count[port], 1);
    send_from(0, port);
    EXPECT_SOON_EQ(port_count[port], 2);
}

TEST(loopback, "loopback-both-ways")
{
    uint32_t port[2];

    bind_loopback(port);
    for (unsigned to = 0; to < nr_cpus; to++) {
        CHECK_EQ(port_bind_vcpu(port[0], to), 0);
        CHECK_EQ(port_bind_vcpu(port[1], nr_cpus - 1 - to), 0);
        for (unsigned end = 0; end < 2; end++) {
            send_from(to, port[end]);
            EXPECT_SOON_EQ(port_count[port[!end]], to + 1);
            CHECK_EQ(port_cpu[port[!end]], end ? to : nr_cpus - 1 - to);
        }
    }
}

TEST(masked, "masked-until-unmasked")
{
    for (unsigned to = 0; to < nr_cpus; to++) {
        uint32_t port = bind_ipi(to);

        port_mask(port);
        send_from(0, port);
        send_from(nr_cpus - 1, port);
        CHECK(port_is_pending(port));
        CHECK_EQ(port_count[port], 0);
        CHECK_EQ(port_unmask(port), 0);
        EXPECT_SOON_EQ(port_count[port], 1);
        CHECK(!port_is_masked(port));

        port_mask(port);
        port_unmask_gently(port);
        CHECK_EQ(port_count[port], 1);
        port_mask(port);
        send_from(0, port);
        port_unmask_gently(port);
        EXPECT_SOON_EQ(port_count[port], 2);
    }
}

/* More ports than fit one word or page of either ABI. */
TEST(many, "many-ports")
{
    static uint32_t ports[3000];
    unsigned nr = *is_fifo || IS_64BIT ? ARRAY_SIZE(ports) : 900;

    for (unsigned i = 0; i < nr && !test_has_failed(); i++) {
        ports[i] = bind_ipi(i % nr_cpus);
        CHECK_EQ(port_send(ports[i]), 0);
    }
    for (unsigned i = 0; i < nr && !test_has_failed(); i++) {
        EXPECT_SOON_EQ(port_count[ports[i]], 1);
        CHECK_EQ(port_cpu[ports[i]], i % nr_cpus);
    }
}

static uint32_t order[EVTCHN_FIFO_MAX_QUEUES];
static unsigned order_length;

static void note_order(uint32_t port)
{
    if (order_length < ARRAY_SIZE(order)) {
        order[order_length++] = port;
    }
}

TEST(priorities, "priorities")
{
    uint32_t ports[EVTCHN_FIFO_MAX_QUEUES];

    if (!*is_fifo) {
        uint32_t port = bind_ipi(0);

        CHECK_EQ(port_set_priority(port, 0), -XEN_ENOSYS);
        return;
    }
    order_length = 0;
    interrupts_off();
    for (unsigned i = 0; i < ARRAY_SIZE(ports); i++) {
        ports[i] = bind_ipi(0);
        port_handler[ports[i]] = note_order;
        CHECK_EQ(port_set_priority(ports[i], ARRAY_SIZE(ports) - 1 - i), 0);
        CHECK_EQ(port_send(ports[i]), 0);
    }
    interrupts_on();
    EXPECT_SOON_EQ(order_length, ARRAY_SIZE(ports));
    for (unsigned i = 0; i < ARRAY_SIZE(ports); i++) {
        CHECK_EQ(order[i], ports[ARRAY_SIZE(ports) - 1 - i]);
    }
    CHECK_EQ(port_set_priority(ports[0], EVTCHN_FIFO_MAX_QUEUES),
             -XEN_EINVAL);
}

static void send_rounds(void *unused)
{
    for (unsigned i = 0; i < ROUNDS && !test_has_failed(); i++) {
        for (unsigned cpu = 0; cpu < nr_cpus; cpu++) {
            stream_send(cpu);
        }
    }
}

TEST(ipi_storm, "ipi-storm")
{
    for (unsigned cpu = 0; cpu < nr_cpus; cpu++) {
        stream_by_ipi(cpu, cpu);
    }
    cpu_call_all(send_rounds, NULL);
    CHECK_EQ(stream_sent(), nr_cpus * nr_cpus * ROUNDS);
    stream_stop();
}

TEST(loopback_storm, "loopback-storm")
{
    for (unsigned cpu = 0; cpu < nr_cpus; cpu++) {
        stream_by_loopback(cpu, cpu);
    }
    cpu_call_all(send_rounds, NULL);
    stream_stop();
}

/* All CPUs mask and unmask the ports that the others send to. */
static void mask_rounds(void *gently)
{
    for (unsigned i = 0; i < ROUNDS && !test_has_failed(); i++) {
        unsigned cpu = (i + this_cpu()) % nr_cpus;
        uint32_t port = streams[cpu].arrive_port;

        port_mask(port);
        stream_send(cpu);
        if (gently) {
            port_unmask_gently(port);
        } else {
            CHECK_EQ(port_unmask(port), 0);
        }
    }
}

TEST(mask_storm, "mask-storm")
{
    for (unsigned cpu = 0; cpu < nr_cpus; cpu++) {
        stream_by_ipi(cpu, cpu);
    }
    cpu_call_all(mask_rounds, NULL);
    stream_stop();
}

/*
 * With the guest's own unmask, which may race with senders only: each CPU masks
 * its own port and sends to the next CPU's.
 */
static void mask_own(void *unused)
{
    unsigned self = this_cpu(), next = (self + 1) % nr_cpus;

    for (unsigned i = 0; i < ROUNDS && !test_has_failed(); i++) {
        port_mask(streams[self].arrive_port);
        stream_send(next);
        port_unmask_gently(streams[self].arrive_port);
    }
}

TEST(own_mask_storm, "own-mask-storm")
{
    for (unsigned cpu = 0; cpu < nr_cpus; cpu++) {
        stream_by_loopback(cpu, cpu);
    }
    cpu_call_all(mask_own, NULL);
    stream_stop();
}

TEST(moving, "port-moves-between-cpus")
{
    stream_by_loopback(0, 0);
    for (unsigned cpu = 1; cpu < nr_cpus; cpu++) {
        stream_start(cpu, 0, 1);
    }
    for (unsigned i = 0; i < MOVES; i++) {
        CHECK_EQ(port_bind_vcpu(streams[0].arrive_port, i % nr_cpus), 0);
        if (nr_cpus == 1) {
            stream_send(0);
        } else {
            stream_wait_seen(0, 1);
        }
    }
    stream_stop();
}

/*
 * The sender may find the port closed or reused.  The number of a FIFO port
 * that is linked when it is closed is not reused yet.
 */
static _Atomic uint32_t closing_port;

static void send_to_closing(void *unused)
{
    while (closing_port) {
        long ret = port_send(closing_port);

        CHECK(ret == 0 || ret == -XEN_EINVAL);
    }
}

TEST(closing_storm, "port-closes-while-sent-to")
{
    closing_port = bind_ipi(0);
    for (unsigned cpu = 1; cpu < nr_cpus; cpu++) {
        cpu_call(cpu, send_to_closing, NULL);
    }
    for (unsigned i = 0; i < MOVES && !test_has_failed(); i++) {
        CHECK_EQ(port_close(closing_port), 0);
        closing_port = bind_ipi(i % nr_cpus);
    }
    closing_port = 0;
    for (unsigned cpu = 1; cpu < nr_cpus; cpu++) {
        cpu_wait(cpu);
    }
}
