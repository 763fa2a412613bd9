/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Hypercalls of a fuzzed guest
 *
 * A table has the operations with the fields of their arguments, so that most
 * programs get past the first check.  An argument is built in the layout of the
 * caller.
 */
#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "qemu/main-loop.h"
#include "hw/xen/emu/hypercall.h"
#include "qemu-fuzz.h"

#ifndef __XEN_INTERFACE_VERSION__
#define __XEN_INTERFACE_VERSION__ 0x00040e00
#endif
#include "hw/xen/interface/xen.h"
#include "hw/xen/interface/event_channel.h"
#include "hw/xen/interface/grant_table.h"
#include "hw/xen/interface/memory.h"
#include "hw/xen/interface/physdev.h"
#include "hw/xen/interface/sched.h"
#include "hw/xen/interface/vcpu.h"
#include "hw/xen/interface/version.h"
#include "hw/xen/interface/hvm/hvm_op.h"
#include "hw/xen/interface/hvm/params.h"

/* How often a preempted call is continued; the rest is abandoned. */
#define MAX_CONTINUED   4
/* Longer lists are always preempted, as on a host that has other work. */
#define LONG_LIST       1024
#define MAX_ENTRIES     8       /* of a multicall */

/* Pages of arguments: of calls, of multicalls' lists, lists of ports and frames. */
#define ARGS_GFN        (XEN_FUZZ_FIRST_GFN + XEN_FUZZ_NR_POOL)
#define ARGS            (ARGS_GFN * UINT64_C(4096))
#define MULTICALLS      (ARGS + 4096)
#define LIST            (ARGS + 2 * 4096)

/* What the registers are besides the command, which is the first. */
typedef enum CallForm {
    ARGUMENT,                   /* its address */
    VCPU_ARGUMENT,              /* a vCPU, its address */
    COUNTED,                    /* its address, a count */
    REGISTERS,                  /* the fields themselves */
    PLAIN,                      /* the same without a command */
} CallForm;

/*
 * Fields: bhwql unsigned integers of 8, 16, 32, 64 bits and a long; D domain, P
 * port, C vCPU, I VIRQ, Q PIRQ or GSI, S space of frames, X parameter, R grant,
 * O offset in a page, N small number, o order of an extent, s size (16 bits); G
 * frame as a long, g the same in 64 bits; A address of a list, as a pointer; a
 * address of an area, in 64 bits; T time in 64 bits; n small number as a long.
 */
typedef struct Call {
    uint8_t kind, nr, cmd, form;
    const char *fields;
} Call;

#define EVTCHN(cmd, fields) \
    { XEN_FUZZ_EVENTS, __HYPERVISOR_event_channel_op, EVTCHNOP_##cmd, \
      ARGUMENT, fields }
#define SCHED(cmd, fields) \
    { XEN_FUZZ_EVENTS, __HYPERVISOR_sched_op, SCHEDOP_##cmd, ARGUMENT, fields }
#define VCPU(cmd, fields) \
    { XEN_FUZZ_AREAS, __HYPERVISOR_vcpu_op, VCPUOP_##cmd, VCPU_ARGUMENT, \
      fields }
#define MEMORY(cmd, fields) \
    { XEN_FUZZ_MEMORY, __HYPERVISOR_memory_op, XENMEM_##cmd, ARGUMENT, fields }
#define GRANT(cmd, fields) \
    { XEN_FUZZ_GRANTS, __HYPERVISOR_grant_table_op, GNTTABOP_##cmd, COUNTED, \
      fields }
#define PHYSDEV(cmd, fields) \
    { XEN_FUZZ_EVENTS, __HYPERVISOR_physdev_op, PHYSDEVOP_##cmd, ARGUMENT, \
      fields }
#define HVM(cmd, fields) \
    { XEN_FUZZ_OTHERS, __HYPERVISOR_hvm_op, HVMOP_##cmd, ARGUMENT, fields }

static const Call calls[] = {
    EVTCHN(bind_interdomain, "DPw"),
    EVTCHN(bind_virq, "ICw"),
    EVTCHN(bind_pirq, "Qww"),
    EVTCHN(close, "P"),
    EVTCHN(send, "P"),
    EVTCHN(status, "DP"),
    EVTCHN(alloc_unbound, "DDw"),
    EVTCHN(bind_ipi, "Cw"),
    EVTCHN(bind_vcpu, "PC"),
    EVTCHN(unmask, "P"),
    EVTCHN(reset, "D"),
    EVTCHN(init_control, "gOCb"),
    EVTCHN(expand_array, "g"),
    EVTCHN(set_priority, "PN"),
    SCHED(yield, ""),
    SCHED(block, ""),
    SCHED(shutdown, "N"),
    SCHED(poll, "ANT"),
    SCHED(remote_shutdown, "DN"),
    SCHED(watchdog, "NN"),
    PHYSDEV(irq_status_query, "Qw"),
    PHYSDEV(eoi, "Q"),
    PHYSDEV(map_pirq, "DNQQwwwq"),
    PHYSDEV(unmap_pirq, "DQ"),
    PHYSDEV(get_free_pirq, "Nw"),
    VCPU(initialise, "q"),
    VCPU(up, ""),
    VCPU(down, ""),
    VCPU(is_up, ""),
    VCPU(get_runstate_info, ""),
    VCPU(register_runstate_memory_area, "a"),
    VCPU(set_periodic_timer, "T"),
    VCPU(stop_periodic_timer, ""),
    VCPU(set_singleshot_timer, "TN"),
    VCPU(stop_singleshot_timer, ""),
    VCPU(register_vcpu_info, "gOw"),
    VCPU(send_nmi, ""),
    VCPU(get_physid, ""),
    VCPU(register_vcpu_time_memory_area, "a"),
    MEMORY(increase_reservation, "AnoND"),
    MEMORY(decrease_reservation, "AnoND"),
    MEMORY(populate_physmap, "AnoND"),
    MEMORY(maximum_ram_page, "N"),
    MEMORY(current_reservation, "D"),
    MEMORY(maximum_gpfn, "D"),
    MEMORY(add_to_physmap, "DsSnG"),
    MEMORY(add_to_physmap, "DsSnG"),
    MEMORY(add_to_physmap_batch, "DhshAAA"),
    MEMORY(remove_from_physmap, "DG"),
    MEMORY(memory_map, "NA"),
    MEMORY(machine_memory_map, "NA"),
    GRANT(map_grant_ref, "TNRDhwq"),
    GRANT(unmap_grant_ref, "TTwh"),
    GRANT(setup_table, "DNhA"),
    GRANT(copy, "GDhGDhhhh"),
    GRANT(query_size, "DNNh"),
    GRANT(set_version, "N"),
    GRANT(get_version, "DhN"),
    GRANT(swap_grant_ref, "RRh"),
    HVM(set_param, "DXT"),
    HVM(get_param, "DXT"),
    HVM(flush_tlbs, ""),
    HVM(pagetable_dying, "Dg"),
    HVM(get_time, "q"),
    HVM(xentrace, "hhq"),
    HVM(get_mem_type, "Dhhg"),
    HVM(set_evtchn_upcall_vector, "Cb"),
    { XEN_FUZZ_OTHERS, __HYPERVISOR_vm_assist, 0, REGISTERS, "N" },
    { XEN_FUZZ_OTHERS, __HYPERVISOR_vm_assist, 1, REGISTERS, "N" },
    { XEN_FUZZ_OTHERS, __HYPERVISOR_xen_version, XENVER_version, ARGUMENT, "" },
    { XEN_FUZZ_OTHERS, __HYPERVISOR_xen_version, XENVER_extraversion, ARGUMENT,
      "" },
    { XEN_FUZZ_OTHERS, __HYPERVISOR_xen_version, XENVER_get_features, ARGUMENT,
      "Nw" },
    { XEN_FUZZ_EVENTS, __HYPERVISOR_set_timer_op, 0, PLAIN, "T" },
    { XEN_FUZZ_OTHERS, __HYPERVISOR_console_io, 0, REGISTERS, "NA" },
};

unsigned xen_fuzz_call_kinds;

/* Number @which of the calls of xen_fuzz_call_kinds. */
static const Call *pick_call(uint8_t which)
{
    unsigned n = 0;

    for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
        n += !!(calls[i].kind & xen_fuzz_call_kinds);
    }
    which %= n;
    for (const Call *c = calls; ; c++) {
        if ((c->kind & xen_fuzz_call_kinds) && !which--) {
            return c;
        }
    }
}

/* ----------------------------------------------------------------- fields -- */

/* One of the last in three numbers is any. */
static uint64_t small_or_any(Record *r, unsigned limit)
{
    uint8_t b = record_u8(r);

    return b < 240 ? b % limit : record_u32(r);
}

static uint64_t domain(Record *r)
{
    static const uint16_t domains[] = {
        DOMID_SELF, DOMID_SELF, DOMID_SELF, 0, 1, 2, DOMID_XEN,
    };
    uint8_t b = record_u8(r);

    return b < 250 ? domains[b % ARRAY_SIZE(domains)] : record_u16(r);
}

static uint64_t any_port(Record *r)
{
    uint8_t b = record_u8(r);

    return b < 192 ? b % 24 : b < 240 ? b * 64 - 12288 + 1020 :
           record_u32(r);
}

static uint64_t any_time(Record *r)
{
    uint8_t b = record_u8(r);
    uint64_t ns = record_u16(r);

    /* In the near future, past, or never. */
    return b < 128 ? qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL) + ns * 1000 :
           b < 192 ? ns << (b & 63) : -ns;
}

static uint64_t field(char type, Record *r)
{
    switch (type) {
    case 'b':
        return record_u8(r);
    case 'h':
        return record_u16(r);
    case 'w':
        return record_u32(r);
    case 'D':
        return domain(r);
    case 'P':
        return any_port(r);
    case 'C':
        return small_or_any(r, XEN_FUZZ_VCPUS + 1);
    case 'I':
        return small_or_any(r, 26);
    case 'Q':
        return small_or_any(r, 28);
    case 'S':
        return small_or_any(r, 7);
    case 'X':
        return small_or_any(r, HVM_NR_PARAMS + 2);
    case 'R':
        return small_or_any(r, 32);
    case 'O':
        return small_or_any(r, 64) * 64;
    case 'N':
    case 'n':
        return small_or_any(r, 20);
    case 'o':
        return small_or_any(r, 240) < 200 ? 0 : record_u8(r) % 12;
    case 's':
        return small_or_any(r, 100);
    case 'G':
    case 'g':
        return xen_fuzz_gfn(r);
    case 'A':
        return record_u8(r) < 224 ? LIST + record_u8(r) * 4
                                      : xen_fuzz_gpa(r);
    case 'a':
        return xen_fuzz_gpa(r);
    case 'T':
        return any_time(r);
    default:
        return record_u64(r);
    }
}

static size_t field_size(char type, size_t word)
{
    switch (type) {
    case 'b':
        return 1;
    case 'h':
    case 's':
    case 'D':
        return 2;
    case 'q':
    case 'g':
    case 'a':
    case 'T':
        return 8;
    case 'l':
    case 'n':
    case 'G':
    case 'A':
        return word;
    default:
        return 4;
    }
}

/* Of at most 9 fields of 8 bytes. */
#define MAX_ARGUMENT    80

static size_t build(const char *fields, bool long_mode, Record *r,
                    uint8_t *buf)
{
    size_t word = long_mode ? 8 : 4, len = 0;

    memset(buf, 0, MAX_ARGUMENT);
    for (; *fields; fields++) {
        size_t size = field_size(*fields, word);

        len = ROUND_UP(len, MIN(size, word));
        g_assert(len + size <= MAX_ARGUMENT);
        stn_le_p(buf + len, size, field(*fields, r));
        len += size;
    }
    return len;
}

/* ------------------------------------------------------------------- calls -- */

int64_t xen_fuzz_hypercall(CPUState *cs, bool long_mode, uint8_t cpl,
                           uint64_t nr, const uint64_t arg[6], bool kick)
{
    XenHypercall hc = {
        .cs = cs, .nr = nr, .long_mode = long_mode, .cpl = cpl,
        .can_restart = true,
    };
    int64_t ret = 0;

    for (unsigned i = 0; i < XEN_HYPERCALL_ARGS; i++) {
        hc.arg[i] = long_mode ? arg[i] : (uint32_t)arg[i];
    }
    for (unsigned i = 0; i < MAX_CONTINUED; i++) {
        qatomic_set(&cs->exit_request, kick);
        ret = xen_hypercall(&hc);
        if (!hc.restart) {
            break;
        }
        hc.nr = nr;
    }
    qatomic_set(&cs->exit_request, false);
    return ret;
}

/* The registers of a call, whose argument is placed for it; where, is in @at. */
typedef struct Prepared {
    uint64_t nr, arg[XEN_HYPERCALL_ARGS];
    bool long_mode, kick;
    uint8_t cpl;
    CPUState *cs;
} Prepared;

static void prepare(Record *r, unsigned place, Prepared *c)
{
    uint8_t which = record_u8(r), how = record_u8(r);
    const Call *call = pick_call(which);
    uint8_t buf[MAX_ARGUMENT];
    uint64_t at = ARGS + place * 128, count;
    size_t len;

    *c = (Prepared) {
        .cs = xen_fuzz_cpu(how), .long_mode = how & 2, .kick = how & 4,
        .cpl = (how & 0xf8) == 0xf8 ? 3 : 0, .nr = call->nr,
    };
    if (call->form == REGISTERS || call->form == PLAIN) {
        unsigned n = 0;

        if (call->form == REGISTERS) {
            c->arg[n++] = call->cmd;
        }
        for (const char *f = call->fields; *f; f++) {
            c->arg[n] = field(*f, r);
            if (!c->long_mode && *f == 'T') {
                c->arg[n + 1] = c->arg[n] >> 32;
                n++;
            }
            n++;
        }
        return;
    }
    c->arg[0] = call->cmd;
    c->arg[1] = at;
    if (call->form == VCPU_ARGUMENT) {
        c->arg[1] = field('C', r);
        c->arg[2] = at;
    }
    if (call->form == COUNTED) {
        count = small_or_any(r, 130);
        c->arg[2] = count < 64 ? 1 : count;
        c->kick |= count > LONG_LIST;
    }
    if ((how & 0x70) == 0x70) {
        /* Somewhere else: ROM, registers, no RAM. */
        c->arg[1 + (call->form == VCPU_ARGUMENT)] = xen_fuzz_gpa(r);
        c->kick = true;
    }
    len = build(call->fields, c->long_mode, r, buf);
    xen_fuzz_write(at, buf, len);
    /* Lists of hundreds of thousands are walked to the end of RAM. */
    c->kick |= call->nr == __HYPERVISOR_memory_op;
}

void xen_fuzz_call(XenFuzzProgram *p, Record *r)
{
    Prepared c;

    prepare(r, 0, &c);
    xen_fuzz_hypercall(c.cs, c.long_mode, c.cpl, c.nr, c.arg, c.kick);
}

static void put_entry(unsigned i, bool long_mode, const Prepared *c)
{
    size_t word = long_mode ? 8 : 4;
    uint8_t entry[8 * 8] = { 0 };

    stn_le_p(entry, word, c->nr);
    for (unsigned k = 0; k < XEN_HYPERCALL_ARGS; k++) {
        stn_le_p(entry + (2 + k) * word, word, c->arg[k]);
    }
    xen_fuzz_write(MULTICALLS + i * 8 * word, entry, 8 * word);
}

/* The next records are its entries. */
void xen_fuzz_multicall(XenFuzzProgram *p, Record *r)
{
    uint8_t how = record_u8(r), nr = record_u8(r) % (MAX_ENTRIES + 1);
    bool long_mode = how & 2, kick = how & 4;
    uint64_t count = record_u8(r) < 240 ? nr : record_u8(r);
    uint64_t arg[XEN_HYPERCALL_ARGS] = { MULTICALLS, count };
    Record entry;
    Prepared c;

    for (unsigned i = 0; i < nr && xen_fuzz_next(p, &entry); i++) {
        /* Its operation is of no use. */
        record_u8(&entry);
        prepare(&entry, 1 + i, &c);
        if (record_u8(&entry) == 0xff) {
            c.nr = __HYPERVISOR_multicall;
        }
        put_entry(i, long_mode, &c);
        kick |= c.kick;
    }
    xen_fuzz_hypercall(xen_fuzz_cpu(how), long_mode, 0,
                       __HYPERVISOR_multicall, arg, kick);
}

/* Ports, frames, or the numbers of Xen's pages. */
void xen_fuzz_list(XenFuzzProgram *p, Record *r)
{
    uint8_t how = record_u8(r), nr = record_u8(r) % 130;
    size_t size = how & 1 ? 8 : 4;
    uint64_t at = LIST + record_u8(r) * 4;
    uint64_t value = how & 2 ? xen_fuzz_gfn(r) : record_u8(r);
    uint8_t step = record_u8(r) % 4, buf[130 * 8];

    for (unsigned i = 0; i < nr; i++, value += step) {
        stn_le_p(buf + i * size, size, value);
    }
    xen_fuzz_write(at, buf, nr * size);
}

/* ------------------------------------------------------------------ set-up -- */

static void place_page(bool long_mode, unsigned space, uint64_t idx,
                       uint64_t gfn)
{
    uint8_t buf[MAX_ARGUMENT] = { 0 };
    uint64_t arg[XEN_HYPERCALL_ARGS] = { XENMEM_add_to_physmap, ARGS };
    size_t word = long_mode ? 8 : 4;

    stw_le_p(buf, DOMID_SELF);
    stl_le_p(buf + 4, space);
    stn_le_p(buf + 8, word, idx);
    stn_le_p(buf + 8 + word, word, gfn);
    xen_fuzz_write(ARGS, buf, 8 + 2 * word);
    xen_fuzz_hypercall(xen_fuzz_cpu(0), long_mode, 0, __HYPERVISOR_memory_op,
                       arg, false);
}

static void place_infos(bool long_mode, uint64_t gfn)
{
    for (unsigned i = 0; i < XEN_FUZZ_VCPUS; i++) {
        struct vcpu_register_vcpu_info op = { .mfn = gfn, .offset = i * 64 };
        uint64_t arg[XEN_HYPERCALL_ARGS] = {
            VCPUOP_register_vcpu_info, i, ARGS,
        };

        xen_fuzz_write(ARGS, &op, sizeof(op));
        xen_fuzz_hypercall(xen_fuzz_cpu(i), long_mode, 0,
                           __HYPERVISOR_vcpu_op, arg, false);
    }
}

static void use_fifo(bool long_mode, uint64_t gfn)
{
    uint64_t arg[XEN_HYPERCALL_ARGS] = { EVTCHNOP_init_control, ARGS };
    struct evtchn_expand_array array = { .array_gfn = gfn + XEN_FUZZ_VCPUS };

    for (unsigned i = 0; i < XEN_FUZZ_VCPUS; i++) {
        struct evtchn_init_control op = { .control_gfn = gfn + i, .vcpu = i };

        xen_fuzz_write(ARGS, &op, sizeof(op));
        xen_fuzz_hypercall(xen_fuzz_cpu(i), long_mode, 0,
                           __HYPERVISOR_event_channel_op, arg, false);
    }
    arg[0] = EVTCHNOP_expand_array;
    xen_fuzz_write(ARGS, &array, sizeof(array));
    xen_fuzz_hypercall(xen_fuzz_cpu(0), long_mode, 0,
                       __HYPERVISOR_event_channel_op, arg, false);
}

void xen_fuzz_set_up(XenFuzzProgram *p, Record *r)
{
    uint8_t what = record_u8(r);
    bool long_mode = what & 1;
    uint64_t gfn = XEN_FUZZ_FIRST_GFN + record_u8(r) % XEN_FUZZ_NR_POOL;

    switch (what >> 1 & 7) {
    case 0:
        xen_hypercall_page_write(xen_fuzz_cpu(0), gfn * XEN_FUZZ_PAGE,
                                 long_mode);
        break;
    case 1 ... 2:
        place_page(long_mode, XENMAPSPACE_shared_info, 0, gfn);
        break;
    case 3:
        place_infos(long_mode, gfn);
        break;
    case 4:
        use_fifo(long_mode, gfn);
        break;
    default:
        place_page(long_mode, XENMAPSPACE_grant_table,
                   record_u8(r) % 4, gfn);
        break;
    }
}
