/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Arguments in memory: across pages, in unmapped pages, in pages without RAM
 */
#include "guest.h"
#include "tap.h"

#define LAPIC_PAGE  0xfee00000
#define IOAPIC_PAGE 0xfec00000
#define NO_RAM      0xd0000000

static uint8_t pages[3][PAGE_SIZE] PAGE_ALIGNED;
static uint8_t *const first = pages[0];
static uint8_t *const between = pages[1];
static uint8_t *const second = pages[2];

/* Maps @first and @second next to each other; their frames are not adjacent. */
static uint8_t *two_pages(int how_first, int how_second)
{
    uint8_t *va = page_map(0, (uintptr_t)first, how_first);

    page_map(1, (uintptr_t)second, how_second);
    return va;
}

static long status_of_port_0(void *arg)
{
    struct evtchn_status *op = arg;

    op->dom = DOMID_SELF;
    op->port = 0;
    op->status = 99;
    return EVTCHN_OP(EVTCHNOP_status, op);
}

/* A structure that is input and output. */
TEST_EARLY(crossing, "argument-crosses-pages")
{
    uint8_t *va = two_pages(MAP_WRITABLE, MAP_WRITABLE);

    for (unsigned before = 1; before < sizeof(struct evtchn_status);
         before++) {
        struct evtchn_status *op = (void *)(va + PAGE_SIZE - before);

        CHECK_EQ(status_of_port_0(op), 0);
        CHECK_EQ(op->status, EVTCHNSTAT_closed);
    }
}

/* A kilobyte of output; the page between the two frames does not change. */
TEST_EARLY(crossing_output, "output-crosses-pages")
{
    static uint8_t whole[sizeof(xen_capabilities_info_t)];
    uint8_t *va = two_pages(MAP_WRITABLE, MAP_WRITABLE) + PAGE_SIZE - 10;

    for (unsigned i = 0; i < PAGE_SIZE; i++) {
        between[i] = 0x5a;
    }
    CHECK_EQ(hypercall(__HYPERVISOR_xen_version, XENVER_capabilities, whole),
             0);
    CHECK_EQ(hypercall(__HYPERVISOR_xen_version, XENVER_capabilities, va), 0);
    CHECK(whole[0] == 'x' || whole[0] == 'h');
    for (unsigned i = 0; i < sizeof(whole); i++) {
        if (va[i] != whole[i]) {
            test_failed(__FILE__, __LINE__, "byte %u differs", i);
            break;
        }
    }
    for (unsigned i = 0; i < PAGE_SIZE; i++) {
        if (between[i] != 0x5a) {
            test_failed(__FILE__, __LINE__, "byte %u of another page", i);
            break;
        }
    }
}

TEST_EARLY(half_there, "argument-partly-unmapped")
{
    uint8_t *va = two_pages(MAP_WRITABLE, MAP_NONE);
    struct evtchn_status *op = (void *)(va + PAGE_SIZE - sizeof(*op));

    CHECK_EQ(status_of_port_0(op), 0);
    op = (void *)(va + PAGE_SIZE - sizeof(*op) + 4);
    CHECK_EQ(EVTCHN_OP(EVTCHNOP_status, op), -XEN_EFAULT);
    CHECK_EQ(EVTCHN_OP(EVTCHNOP_status, va + PAGE_SIZE), -XEN_EFAULT);
}

/* As input it is valid.  KVM_TRANSLATE does not report write protection. */
TEST_EARLY(read_only, "argument-in-read-only-page")
{
    uint8_t *va = two_pages(MAP_READ_ONLY, MAP_WRITABLE);
    struct evtchn_status *op = (void *)first;
    long written = guest_is("accel", "kvm") ? 0 : -XEN_EFAULT;

    op->dom = DOMID_SELF;
    op->port = 1;
    CHECK_EQ(EVTCHN_OP(EVTCHNOP_send, va), -XEN_EINVAL);
    op->port = 0;
    op->status = 99;
    CHECK_EQ(EVTCHN_OP(EVTCHNOP_status, va), written);
    CHECK_EQ(op->status == 99, written != 0);
}

/* Device registers are not memory: they are neither read nor written. */
TEST_EARLY(mmio, "argument-in-device")
{
    static const uint32_t places[] = { LAPIC_PAGE, IOAPIC_PAGE, NO_RAM };

    for (unsigned i = 0; i < ARRAY_SIZE(places); i++) {
        void *va = page_map(2, places[i], MAP_WRITABLE);

        CHECK_EQ(EVTCHN_OP(EVTCHNOP_status, va), -XEN_EFAULT);
        CHECK_EQ(hypercall(__HYPERVISOR_xen_version, XENVER_capabilities, va),
                 -XEN_EFAULT);
    }
}

/* The argument wraps around to address 0, which is RAM here. */
TEST_EARLY(no_such_frame, "frame-out-of-range")
{
    struct xen_add_to_physmap op = {
        .domid = DOMID_SELF, .space = XENMAPSPACE_grant_table,
    };

    for (unsigned bit = 52 - 12; bit-- > 43 - 12; ) {
        if (bit < sizeof(op.gpfn) * 8) {
            op.gpfn = (xen_pfn_t)1 << bit;
            CHECK_EQ(MEMORY_OP(XENMEM_add_to_physmap, &op), -XEN_EINVAL);
        }
    }
}

TEST_EARLY(elsewhere, "argument-out-of-range")
{
#if IS_64BIT
    CHECK_EQ(EVTCHN_OP(EVTCHNOP_status, 0x7ffffffff000), -XEN_EFAULT);
    CHECK_EQ(EVTCHN_OP(EVTCHNOP_status, 0x800000000000), -XEN_EFAULT);
    CHECK_EQ(EVTCHN_OP(EVTCHNOP_status, -4), -XEN_EFAULT);
#else
    /* Beyond the last address comes the first, which is RAM here. */
    CHECK_EQ(EVTCHN_OP(EVTCHNOP_send, -2), -XEN_EINVAL);
#endif
}
