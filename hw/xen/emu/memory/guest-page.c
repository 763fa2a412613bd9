/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * XenGuestPageOps for guest RAM: pinning, and dirty tracking of pinned pages
 */
#include "qemu/osdep.h"
#include "qemu/lockable.h"
#include "qemu/rcu.h"
#include "system/memory.h"
#include "hw/xen/emu/debug/fault-inject.h"
#include "hw/xen/emu/layout.h"
#include "hw/xen/emu/memory/guest-page.h"
#include "hw/xen/emu/memory/ram-index.h"

typedef struct GuestPin {
    MemoryRegion *mr;
    hwaddr offset;
    uint32_t len;
    QLIST_ENTRY(GuestPin) next;
} GuestPin;

static QemuMutex pins_lock;     /* protects pins; innermost */
static QLIST_HEAD(, GuestPin) pins = QLIST_HEAD_INITIALIZER(pins);

static void __attribute__((constructor)) pins_init(void)
{
    qemu_mutex_init(&pins_lock);
}

/* The range must be RAM that the guest can write, within one slot. */
static bool find_ram(uint64_t gpa, uint32_t len, GuestPin *p)
{
    const XenSlot *slot;
    uint64_t offset;

    RCU_READ_LOCK_GUARD();
    slot = xen_slots_find(xen_ram_slots(), gpa >> XEN_EMU_PAGE_SHIFT);
    if (!slot || !slot->writable || memory_region_is_ram_device(slot->mr)) {
        return false;
    }
    offset = gpa - (slot->gfn << XEN_EMU_PAGE_SHIFT);
    if (offset + len > slot->nr_frames << XEN_EMU_PAGE_SHIFT) {
        return false;
    }
    memory_region_ref(slot->mr);
    *p = (GuestPin) {
        .mr = slot->mr, .offset = slot->mr_offset + offset, .len = len,
    };
    return true;
}

static void *pin_page(void *opaque, uint64_t gpa, uint32_t len, void **pin)
{
    GuestPin found, *p;

    if (xen_fault(XEN_FAULT_PIN) || !find_ram(gpa, len, &found)) {
        return NULL;
    }
    p = g_memdup2(&found, sizeof(found));
    WITH_QEMU_LOCK_GUARD(&pins_lock) {
        QLIST_INSERT_HEAD(&pins, p, next);
    }
    *pin = p;
    return memory_region_get_ram_ptr(p->mr) + p->offset;
}

static void unpin_page(void *opaque, uint64_t gpa, uint32_t len, void *pin)
{
    GuestPin *p = pin;

    WITH_QEMU_LOCK_GUARD(&pins_lock) {
        QLIST_REMOVE(p, next);
    }
    memory_region_set_dirty(p->mr, p->offset, p->len);
    memory_region_unref(p->mr);
    g_free(p);
}

const XenGuestPageOps xen_guest_page_ops = {
    .pin = pin_page,
    .unpin = unpin_page,
};

void xen_guest_pages_set_dirty(void)
{
    GuestPin *p;

    QEMU_LOCK_GUARD(&pins_lock);
    QLIST_FOREACH(p, &pins, next) {
        memory_region_set_dirty(p->mr, p->offset, p->len);
    }
}
