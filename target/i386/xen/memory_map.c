/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * XENMEM_memory_map: the guest's memory as an e820 table
 *
 * A boot loader that has no firmware to ask uses it: GRUB for PVH, which is
 * started by -kernel.  The machine's own table is not enough for that.  It is
 * what firmware begins with, and has all RAM as usable; firmware then puts ACPI
 * and other tables into RAM and tells others so by a table of its own, which
 * QEMU does not see.  So what firmware may use is reserved here.  Otherwise a
 * boot loader would overwrite the tables and the kernel would find none.
 */
#include "qemu/osdep.h"
#include "qemu/units.h"
#include "hw/i386/e820_memory_layout.h"
#include "compat.h"
#include "internal.h"
#include "memory_op.h"

#include "hw/xen/interface/memory.h"

/* From the extended BIOS data area (at most 1 KiB) to the BIOS. */
#define BIOS_START  (639 * KiB)
#define BIOS_END    (1 * MiB)
/*
 * SeaBIOS has its tables at the end of RAM below 4 GiB: 256 KiB, and more only
 * if ACPI tables are larger.
 */
#define TABLES_SIZE (1 * MiB)

/* An e820 entry has 20 bytes, without padding. */
typedef struct QEMU_PACKED XenE820Entry {
    uint64_t addr;
    uint64_t size;
    uint32_t type;
} XenE820Entry;

typedef struct Range {
    uint64_t start, end;
} Range;

static void add(GArray *map, uint64_t start, uint64_t end, uint32_t type)
{
    XenE820Entry entry = { .addr = start, .size = end - start, .type = type };

    if (start < end) {
        g_array_append_val(map, entry);
    }
}

/* @reserved: in order, apart from each other. */
static void add_ram(GArray *map, uint64_t start, uint64_t end,
                    const Range *reserved, unsigned nr)
{
    for (unsigned i = 0; i < nr; i++) {
        uint64_t from = MAX(start, reserved[i].start);
        uint64_t to = MIN(end, reserved[i].end);

        if (from < to) {
            add(map, start, from, E820_RAM);
            add(map, from, to, E820_RESERVED);
            start = to;
        }
    }
    add(map, start, end, E820_RAM);
}

static uint64_t low_ram_end(unsigned nr)
{
    uint64_t start, len, end = 0;

    for (unsigned i = 0; i < nr; i++) {
        if (e820_get_entry(i, E820_RAM, &start, &len) && start < 4 * GiB) {
            end = MAX(end, start + len);
        }
    }
    return end;
}

/* Bounded by the machine's table, which has an entry or two a RAM slot. */
static GArray *make_map(void)
{
    struct e820_entry *table;
    unsigned nr = e820_get_table(&table);
    uint64_t low_end = low_ram_end(nr);
    Range reserved[] = {
        { BIOS_START, BIOS_END },
        { MAX(low_end, BIOS_END + TABLES_SIZE) - TABLES_SIZE, low_end },
    };
    GArray *map = g_array_new(false, false, sizeof(XenE820Entry));

    for (unsigned i = 0; i < nr; i++) {
        uint64_t start = le64_to_cpu(table[i].address);
        uint64_t end = start + le64_to_cpu(table[i].length);
        uint32_t type = le32_to_cpu(table[i].type);

        if (type == E820_RAM) {
            add_ram(map, start, end, reserved, ARRAY_SIZE(reserved));
        } else {
            add(map, start, end, type);
        }
    }
    return map;
}

int xen_memory_map(XenHypercall *hc, uint64_t gva)
{
    g_autoptr(GArray) map = make_map();
    xen_memory_map_t op;
    uint64_t buffer;
    uint32_t nr;

    if (XEN_GET_ARG(hc, &op, gva, &xen_arg_memory_map)) {
        return -EFAULT;
    }
    buffer = (uintptr_t)op.buffer.p;
    nr = MIN(map->len, op.nr_entries);
    for (uint32_t i = 0; i < nr; i++) {
        if (XEN_PUT(hc, buffer + i * sizeof(XenE820Entry),
                    &g_array_index(map, XenE820Entry, i))) {
            return -EFAULT;
        }
    }
    /* The count is the first field in both layouts. */
    return XEN_PUT(hc, gva, &nr);
}
