/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Notes in the memory of the saved guest (tests/bare/saved.c), for the tests
 * that load it
 */
#ifndef TESTS_QTEST_XEN_SAVED_GUEST_H
#define TESTS_QTEST_XEN_SAVED_GUEST_H

#include <stdint.h>

#define SAVED_GUEST_NOTES       0x6000      /* guest physical */
#define SAVED_GUEST_MAGIC       0x5361766564476975ull
#define SAVED_GUEST_VCPUS       2
#define SAVED_GUEST_VECTOR      0x51        /* of each vCPU's upcalls */
#define SAVED_GUEST_CALLBACK    (2ull << 56 | 0x61)
#define SAVED_GUEST_GSI         9
#define SAVED_GUEST_PIRQ        20
/* Later than any save. */
#define SAVED_GUEST_DEADLINE    1000000000000ull
#define SAVED_GUEST_PERIOD      50000000000ull

struct SavedGuestNotes {
    uint64_t magic;             /* written last */
    uint64_t shared_info;
    uint64_t vcpu_info[SAVED_GUEST_VCPUS];
    uint64_t runstate, time;    /* areas of vCPU 0 */
    /* Ports.  vCPU 0 has handled all its events; vCPU 1 handles none. */
    uint32_t idle;              /* vCPU 0, IPI */
    uint32_t masked;            /* vCPU 0, IPI, pending and masked */
    uint32_t other;             /* vCPU 1, IPI, pending */
    uint32_t timer;             /* vCPU 0: at SAVED_GUEST_DEADLINE, once */
    uint32_t other_timer;       /* vCPU 1: each SAVED_GUEST_PERIOD */
    uint32_t loop[2];           /* the ends of a loopback channel */
    uint32_t for_backend;       /* unbound, for QEMU */
    uint32_t pirq;              /* SAVED_GUEST_PIRQ */
    uint32_t taken[64];         /* events handled on vCPU 0, by port */
};

#endif
