/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest.h"
#include "symbols.h"
#include "tap.h"

/* The offset of the command line's address in struct hvm_start_info. */
#define START_INFO_CMDLINE  24
#define COMMAND_LINE_MAX    2048

uint8_t hypercall_page[PAGE_SIZE] PAGE_ALIGNED;
SharedInfo *shared_info;
VcpuInfo *vcpu_info[MAX_CPUS];

static uint8_t shared_info_place[SHARED_INFO_PLACES][PAGE_SIZE] PAGE_ALIGNED;
static char command_line[COMMAND_LINE_MAX];

static void copy_command_line(void)
{
    const char *from = (const char *)(uintptr_t)
        *(uint64_t *)(uintptr_t)(start_info + START_INFO_CMDLINE);

    for (unsigned i = 0; from && from[i] && i < COMMAND_LINE_MAX - 1; i++) {
        command_line[i] = from[i];
    }
}

static bool is_end(char c)
{
    return !c || c == ' ';
}

const char *guest_option(const char *key)
{
    const char *p = command_line;

    while (*p) {
        const char *k = key;

        while (*k && *p == *k) {
            p++;
            k++;
        }
        if (!*k && *p == '=') {
            return p + 1;
        }
        while (!is_end(*p)) {
            p++;
        }
        while (*p == ' ') {
            p++;
        }
    }
    return NULL;
}

bool guest_is(const char *key, const char *value)
{
    const char *is = guest_option(key);

    while (is && !is_end(*is) && *is == *value) {
        is++;
        value++;
    }
    return is && is_end(*is) && !*value;
}

bool guest_is_intel(void)
{
    uint32_t reg[4];

    cpuid(0, 0, reg);
    return reg[1] == 0x756e6547;        /* "Genu" of "GenuineIntel" */
}

bool guest_calls_by_port(void)
{
    return hypercall_page[5] == 0xe6;   /* out %al, $imm8 */
}

bool guest_polls_in_kernel(void)
{
    return guest_is("accel", "kvm") && !guest_calls_by_port();
}

long guest_map_shared_info(unsigned place)
{
    struct xen_add_to_physmap op = {
        .domid = DOMID_SELF,
        .space = XENMAPSPACE_shared_info,
        .gpfn = (uintptr_t)shared_info_place[place] / PAGE_SIZE,
    };
    long ret = MEMORY_OP(XENMEM_add_to_physmap, &op);
    SharedInfo *old = shared_info;

    if (ret) {
        return ret;
    }
    shared_info = (void *)shared_info_place[place];
    for (unsigned cpu = 0; cpu < MAX_CPUS; cpu++) {
        if (!vcpu_info[cpu] || vcpu_info[cpu] == &old->vcpu_info[cpu]) {
            vcpu_info[cpu] = &shared_info->vcpu_info[cpu];
        }
    }
    return 0;
}

long guest_register_vcpu_info(unsigned cpu, VcpuInfo *at)
{
    struct vcpu_register_vcpu_info op = {
        .mfn = (uintptr_t)at / PAGE_SIZE,
        .offset = (uintptr_t)at % PAGE_SIZE,
    };
    long ret = VCPU_OP(VCPUOP_register_vcpu_info, cpu, &op);

    if (!ret) {
        vcpu_info[cpu] = at;
    }
    return ret;
}

long guest_set_param(uint32_t index, uint64_t val)
{
    struct xen_hvm_param op = {
        .domid = DOMID_SELF, .index = index, .value = val,
    };

    return HVM_OP(HVMOP_set_param, &op);
}

long guest_get_param(uint32_t index, uint64_t *val)
{
    struct xen_hvm_param op = { .domid = DOMID_SELF, .index = index };
    long ret = HVM_OP(HVMOP_get_param, &op);

    *val = op.value;
    return ret;
}

/* (ticks * mul) >> 32; the product has 96 bits. */
static uint64_t scale(uint64_t ticks, uint32_t mul)
{
    return (ticks >> 32) * mul + ((ticks & 0xffffffff) * mul >> 32);
}

uint64_t system_time(void)
{
    VcpuTime *t = &vcpu_info[this_cpu()]->time;
    uint64_t now;
    uint32_t version;

    do {
        uint64_t ticks;

        version = t->version;
        barrier();
        ticks = rdtsc() - t->tsc_timestamp;
        ticks = t->tsc_shift < 0 ? ticks >> -t->tsc_shift :
                                   ticks << t->tsc_shift;
        now = t->system_time + scale(ticks, t->tsc_to_system_mul);
        barrier();
    } while (version & 1 || version != t->version);
    return now;
}

void guest_set_up(void)
{
    copy_command_line();
    if (try_wrmsr(XEN_MSR_HYPERCALL, (uintptr_t)hypercall_page) != NO_FAULT) {
        tap_bail_out("no hypercall page");
    }
    if (guest_map_shared_info(0)) {
        tap_bail_out("no shared info page");
    }
}
