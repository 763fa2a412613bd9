/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "stream.h"
#include "tap.h"

struct Stream streams[MAX_CPUS];

static struct {
    unsigned first, end;
    bool busy;
} senders[MAX_CPUS];

static _Atomic bool stop;

static void note(uint32_t port)
{
    for (unsigned i = 0; i < MAX_CPUS; i++) {
        if (streams[i].arrive_port == port) {
            streams[i].seen = streams[i].sent;
        }
    }
}

static void set_up(unsigned i, uint32_t send_port, uint32_t arrive_port)
{
    streams[i] = (struct Stream) {
        .send_port = send_port, .arrive_port = arrive_port,
    };
    port_handler[arrive_port] = note;
}

void stream_by_ipi(unsigned i, unsigned cpu)
{
    uint32_t port = bind_ipi(cpu);

    set_up(i, port, port);
}

void stream_by_loopback(unsigned i, unsigned cpu)
{
    uint32_t port[2];

    bind_loopback(port);
    CHECK_EQ(port_bind_vcpu(port[1], cpu), 0);
    set_up(i, port[0], port[1]);
}

void stream_send(unsigned i)
{
    streams[i].sent++;
    CHECK_EQ(port_send(streams[i].send_port), 0);
}

static void send_until_stopped(void *unused)
{
    unsigned cpu = this_cpu();

    while (!stop && !test_has_failed()) {
        for (unsigned i = senders[cpu].first; i < senders[cpu].end; i++) {
            stream_send(i);
        }
    }
}

void stream_start(unsigned cpu, unsigned first, unsigned end)
{
    stop = false;
    senders[cpu].first = first;
    senders[cpu].end = end;
    senders[cpu].busy = true;
    cpu_call(cpu, send_until_stopped, NULL);
}

void stream_stop(void)
{
    stop = true;
    for (unsigned cpu = 0; cpu < nr_cpus; cpu++) {
        if (senders[cpu].busy) {
            cpu_wait(cpu);
            senders[cpu].busy = false;
        }
    }
    for (unsigned i = 0; i < MAX_CPUS; i++) {
        if (streams[i].sent) {
            EXPECT_SOON_EQ(streams[i].seen, streams[i].sent);
        }
        streams[i] = (struct Stream) { 0 };
    }
}

uint32_t stream_sent(void)
{
    uint32_t sum = 0;

    for (unsigned i = 0; i < MAX_CPUS; i++) {
        sum += streams[i].sent;
    }
    return sum;
}

void stream_wait_seen(unsigned i, uint32_t nr)
{
    uint32_t first = streams[i].seen;

    EXPECT_SOON(streams[i].seen - first >= nr);
}
