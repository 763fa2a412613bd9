/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the CPU has a part in: the instructions, modes and registers of a
 * hypercall, the hypercall page, CPUID
 */
#include "guest.h"
#include "tap.h"

TEST(version, "version")
{
    CHECK_EQ(hypercall(__HYPERVISOR_xen_version, XENVER_version, NULL),
             0x40011);
}
