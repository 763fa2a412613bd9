/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Grants: the guest writes entries, back ends copy and map
 *
 * What a back end reads is what the guest sees there.  That holds while no
 * mapping exists, which keeps the frame that an entry had before.
 */
#include "qemu/osdep.h"
#include "qemu/atomic.h"
#include "system/address-spaces.h"
#include "system/memory.h"
#include "hw/xen/emu/grant.h"
#include "hw/xen/interface/xen.h"
#include "hw/xen/interface/grant_table.h"
#include "hw/xen/xen.h"
#include "qemu-fuzz.h"

#define NR_MAPPINGS     4
#define MAX_SEGMENTS    3
#define ENTRY_SIZE      sizeof(grant_entry_v1_t)

static XenGrantMap *mappings[NR_MAPPINGS];

static uint32_t any_ref(Record *r)
{
    uint8_t b = record_u8(r);

    /* Also of the second frame, and beyond the table. */
    return b < 224 ? b % 16 : b < 248 ? 512 + b % 4 : record_u32(r);
}

/* The guest writes an entry, wherever it has placed the table. */
void xen_fuzz_grant_entry(XenFuzzProgram *p, Record *r)
{
    static const uint16_t flags[] = {
        GTF_permit_access, GTF_permit_access | GTF_readonly,
        GTF_permit_access | GTF_sub_page, GTF_accept_transfer, GTF_invalid,
        GTF_permit_access | GTF_reading | GTF_writing,
    };
    uint64_t table = xen_fuzz_gfn(r) * XEN_FUZZ_PAGE;
    uint32_t ref = any_ref(r) % (XEN_FUZZ_PAGE / ENTRY_SIZE);
    uint8_t which = record_u8(r);
    grant_entry_v1_t entry = {
        .flags = which < 240 ? flags[which % ARRAY_SIZE(flags)]
                             : record_u16(r),
        .domid = record_u8(r) < 224 ? 0 : record_u16(r),
        .frame = xen_fuzz_gfn(r),
    };

    xen_fuzz_write(table + ref * ENTRY_SIZE, &entry, ENTRY_SIZE);
}

static bool nothing_is_mapped(void)
{
    for (unsigned i = 0; i < NR_MAPPINGS; i++) {
        if (mappings[i]) {
            return false;
        }
    }
    return true;
}

/* The frame that entry @ref has in the table, for the guest's own pages. */
static bool frame_of(uint32_t ref, uint64_t *gfn)
{
    for (unsigned i = 0; i < XEN_FUZZ_NR_POOL; i++) {
        hwaddr gpa = (XEN_FUZZ_FIRST_GFN + i) * UINT64_C(4096);
        MemoryRegionSection s = memory_region_find(get_system_memory(), gpa,
                                                   XEN_FUZZ_PAGE);
        grant_entry_v1_t entry;
        bool here;

        here = s.mr && g_str_equal(memory_region_name(s.mr),
                                   "xen:grant_table") &&
               s.offset_within_region == ref * ENTRY_SIZE / XEN_FUZZ_PAGE *
                                         XEN_FUZZ_PAGE;
        if (s.mr) {
            memory_region_unref(s.mr);
        }
        if (here) {
            xen_fuzz_read(gpa + ref * ENTRY_SIZE % XEN_FUZZ_PAGE, &entry,
                          ENTRY_SIZE);
            *gfn = entry.frame;
            return true;
        }
    }
    return false;
}

static void check_segment(const XenGrantSeg *s)
{
    uint8_t seen[XEN_FUZZ_PAGE];
    uint64_t gfn;

    if (s->status == GNTST_okay && nothing_is_mapped() &&
        frame_of(s->ref, &gfn)) {
        xen_fuzz_read(gfn * XEN_FUZZ_PAGE + s->offset, seen, s->len);
        g_assert(memcmp(seen, s->data, s->len) == 0);
    }
}

void xen_fuzz_grant_copy(XenFuzzProgram *p, Record *r)
{
    XenGrantSeg seg[MAX_SEGMENTS] = { };
    unsigned nr = record_u8(r) % MAX_SEGMENTS + 1;
    uint8_t dom = record_u8(r);

    for (unsigned i = 0; i < nr; i++) {
        uint8_t where = record_u8(r);
        uint16_t len = record_u8(r);

        len = len < 200 ? len : len < 250 ? XEN_FUZZ_PAGE - where * 16 :
              XEN_FUZZ_PAGE;
        seg[i] = (XenGrantSeg) {
            .ref = any_ref(r), .offset = where * 16, .len = len,
            .to_guest = where & 1,
            /* A block of its own, so that each byte too much shows. */
            .data = memset(g_malloc(len + 1), where, len + 1) + 1,
        };
    }
    xen_grant_copy(dom < 250 ? xen_domid : dom, seg, nr);
    if (nr == 1) {
        check_segment(&seg[0]);
    }
    for (unsigned i = 0; i < nr; i++) {
        g_free(seg[i].data - 1);
    }
}

void xen_fuzz_grant_map(XenFuzzProgram *p, Record *r)
{
    uint8_t how = record_u8(r);
    XenGrantMap **map = &mappings[how % NR_MAPPINGS];
    uint32_t refs[XEN_GRANT_MAP_MAX], first = any_ref(r);
    uint8_t nr = record_u8(r) % 4 + 1, same = record_u8(r) & 1;
    int16_t status;

    if (*map) {
        return;
    }
    for (unsigned i = 0; i < nr; i++) {
        refs[i] = first + (same ? 0 : i);
    }
    *map = xen_grant_map(xen_domid, refs, nr, how & 16, &status);
    g_assert(!*map == (status != GNTST_okay));
    for (unsigned i = 0; *map && i < nr; i++) {
        uint8_t *page = xen_grant_map_page(*map, i);

        if (how & 16) {
            memset(page, how, XEN_FUZZ_PAGE);
        } else {
            qatomic_read(&page[XEN_FUZZ_PAGE - 1]);
        }
    }
}

void xen_fuzz_grant_unmap(XenFuzzProgram *p, Record *r)
{
    XenGrantMap **map = &mappings[record_u8(r) % NR_MAPPINGS];

    if (*map) {
        /* Its address is valid until now, whatever the guest has done. */
        qatomic_read((uint8_t *)xen_grant_map_page(*map, 0));
    }
    xen_grant_unmap(*map);
    *map = NULL;
}

void xen_fuzz_grant_end(void)
{
    for (unsigned i = 0; i < NR_MAPPINGS; i++) {
        xen_grant_unmap(mappings[i]);
        mappings[i] = NULL;
    }
}
