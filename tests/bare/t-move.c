/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Shared memory is moved while events are sent: none is lost
 *
 * Only the CPU that moves a page takes events at that time: other CPUs could
 * use the old address.
 */
#include "stream.h"
#include "tap.h"

#define MOVES           30
#define PLATFORM_VENDOR 0x5853
#define PLATFORM_DEVICE 0x0001
#define PCI_BAR_1       0x14
#define BAR_DISTANCE    0x04000000

static void events_to_this_cpu(void)
{
    stream_by_ipi(0, 0);
    stream_by_loopback(1, 0);
    for (unsigned cpu = 1; cpu < nr_cpus; cpu++) {
        stream_start(cpu, 0, 2);
    }
}

static void wait_for_both(void)
{
    stream_wait_seen(0, 1);
    stream_wait_seen(1, 1);
}

TEST(shared, "shared-info-moves")
{
    if (nr_cpus == 1) {
        return;
    }
    events_to_this_cpu();
    for (unsigned i = 1; i <= MOVES && !test_has_failed(); i++) {
        interrupts_off();
        CHECK_EQ(guest_map_shared_info(i % SHARED_INFO_PLACES), 0);
        interrupts_on();
        wait_for_both();
    }
    stream_stop();
}

TEST(bar, "pci-bar-moves")
{
    int platform = pci_find(PLATFORM_VENDOR, PLATFORM_DEVICE);
    uint32_t bar = pci_read(platform, PCI_BAR_1);

    CHECK(platform >= 0 && bar);
    if (nr_cpus == 1 || test_has_failed()) {
        return;
    }
    events_to_this_cpu();
    for (unsigned i = 1; i <= MOVES && !test_has_failed(); i++) {
        pci_write(platform, PCI_BAR_1, bar - i % 2 * BAR_DISTANCE);
        wait_for_both();
    }
    pci_write(platform, PCI_BAR_1, bar);
    stream_stop();
}

/* One per CPU, in separate pages; they are not moved again. */
static uint8_t infos[MAX_CPUS][PAGE_SIZE] PAGE_ALIGNED;

static VcpuInfo *info_place(unsigned cpu)
{
    return (VcpuInfo *)infos[cpu] + cpu;
}

static void register_own(void *unused)
{
    unsigned cpu = this_cpu();

    stream_wait_seen(0, 1);
    interrupts_off();
    CHECK_EQ(guest_register_vcpu_info(cpu, info_place(cpu)), 0);
    interrupts_on();
    stream_wait_seen(0, 10);
}

TEST(registered, "vcpu-info-moves")
{
    for (unsigned cpu = 0; cpu < nr_cpus && !test_has_failed(); cpu++) {
        /* CPU 0 is not involved unless it is the one that moves. */
        unsigned sender = cpu + 1 < nr_cpus ? cpu + 1 : cpu - 1;

        if (nr_cpus < 3) {
            return;
        }
        stream_by_ipi(0, cpu);
        stream_start(sender, 0, 1);
        if (cpu == 0) {
            register_own(NULL);
        } else {
            cpu_call(cpu, register_own, NULL);
            cpu_wait(cpu);
        }
        stream_stop();
    }
}

/* The old places are ordinary memory again; no other can be registered. */
TEST(registered_once, "vcpu-info-registered-once")
{
    unsigned last = nr_cpus - 1;
    uint32_t port = bind_ipi(last);

    if (vcpu_info[last] == &shared_info->vcpu_info[last]) {
        CHECK_EQ(guest_register_vcpu_info(last, info_place(last)), 0);
    }
    CHECK_EQ(guest_register_vcpu_info(last, (void *)(infos[last] + 2048)),
             -XEN_EINVAL);
    /* It may have a pending upcall from before. */
    shared_info->vcpu_info[last].evtchn_upcall_pending = 0;
    CHECK_EQ(port_send(port), 0);
    EXPECT_SOON_EQ(port_count[port], 1);
    CHECK_EQ(shared_info->vcpu_info[last].evtchn_upcall_pending, 0);
}
