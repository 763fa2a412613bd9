/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Grants: the guest's RAM behind a frame number
 */
#include "qemu/osdep.h"
#include "qemu/rcu.h"
#include "system/address-spaces.h"
#include "hw/xen/emu/layout.h"
#include "hw/xen/emu/memory/ram-index.h"
#include "internal.h"

QEMU_BUILD_BUG_ON(XEN_GRANT_PAGE_SIZE != XEN_EMU_PAGE_SIZE);

/*
 * The index has neither MMIO nor RAM of devices, and knows of RAM that is
 * read-only at this address.  What the memory API says of the region alone is
 * not enough: a PC's shadow RAM is ordinary RAM behind a read-only alias.
 */
bool xen_grant_ram_find(uint32_t gfn, XenGrantRam *ram)
{
    const XenSlot *slot;
    uint64_t offset;

    RCU_READ_LOCK_GUARD();
    slot = xen_slots_find(xen_ram_slots(), gfn);
    if (!slot || !slot->writable || slot->mr->rom_device) {
        return false;
    }
    offset = slot->mr_offset + ((gfn - slot->gfn) << XEN_EMU_PAGE_SHIFT);
    /* The index has a reference until the RCU section ends. */
    memory_region_ref(slot->mr);
    *ram = (XenGrantRam) {
        .mr = slot->mr, .hva = memory_region_get_ram_ptr(slot->mr) + offset,
    };
    return true;
}

/*
 * The end of a DMA mapping is what QEMU has for "written by its address in
 * QEMU": memory_region_set_dirty() does not drop translated code, and even
 * hides it from the next write of a CPU.  It drops a reference of a mapping,
 * which is the one taken here.
 */
void xen_grant_ram_written(const XenGrantRam *ram, unsigned offset,
                           unsigned len)
{
    if (len) {
        memory_region_ref(ram->mr);
        address_space_unmap(&address_space_memory, ram->hva + offset, len,
                            true, len);
    }
}

void xen_grant_ram_unref(XenGrantRam *ram)
{
    memory_region_unref(ram->mr);
    *ram = (XenGrantRam) { };
}
