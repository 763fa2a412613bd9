/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Guest pages: pinning, invalidation, dirty reporting
 */
#include "qemu/osdep.h"
#include "qemu/lockable.h"
#include "exec/address-spaces.h"
#include "exec/memory.h"
#include "hw/xen/emu/emu.h"
#include "hw/xen/emu/guest-page.h"
#include "hw/xen/emu/vcpu.h"

typedef struct GuestPin {
    MemoryRegion *mr;
    hwaddr offset;
    uint32_t len;
    QLIST_ENTRY(GuestPin) next;
} GuestPin;

static QemuMutex pins_lock;     /* guards pins; never held while sleeping */
static QLIST_HEAD(, GuestPin) pins = QLIST_HEAD_INITIALIZER(pins);

static void __attribute__((constructor)) pins_init(void)
{
    qemu_mutex_init(&pins_lock);
}

void *xen_guest_page_pin(void *opaque, uint64_t gpa, uint32_t len, void **pin)
{
    MemoryRegionSection mrs = memory_region_find(get_system_memory(), gpa, len);
    GuestPin *p;

    if (!mrs.mr) {
        return NULL;
    }
    if (!memory_region_is_ram(mrs.mr) || mrs.mr->readonly ||
        memory_region_is_ram_device(mrs.mr) ||
        int128_lt(mrs.size, int128_make64(len))) {
        memory_region_unref(mrs.mr);
        return NULL;
    }

    p = g_new(GuestPin, 1);
    p->mr = mrs.mr;
    p->offset = mrs.offset_within_region;
    p->len = len;
    WITH_QEMU_LOCK_GUARD(&pins_lock) {
        QLIST_INSERT_HEAD(&pins, p, next);
    }
    *pin = p;
    return memory_region_get_ram_ptr(p->mr) + p->offset;
}

void xen_guest_page_unpin(void *opaque, uint64_t gpa, uint32_t len, void *pin)
{
    GuestPin *p = pin;

    WITH_QEMU_LOCK_GUARD(&pins_lock) {
        QLIST_REMOVE(p, next);
    }
    memory_region_set_dirty(p->mr, p->offset, p->len);
    memory_region_unref(p->mr);
    g_free(p);
}

static void pages_region_del(MemoryListener *listener,
                             MemoryRegionSection *section)
{
    hwaddr gpa = section->offset_within_address_space;
    uint64_t len = int128_get64(section->size);

    if (!memory_region_is_ram(section->mr)) {
        return;
    }
    xen_evtchn_invalidate(xen_emu->evtchn, gpa, len);
    xen_vcpu_invalidate(gpa, len);
}

static void pages_commit(MemoryListener *listener)
{
    xen_evtchn_retry_parked(xen_emu->evtchn);
}

/* Before migration reads the dirty bitmap. */
static void pages_log_sync_global(MemoryListener *listener, bool last_stage)
{
    GuestPin *p;

    QEMU_LOCK_GUARD(&pins_lock);
    QLIST_FOREACH(p, &pins, next) {
        memory_region_set_dirty(p->mr, p->offset, p->len);
    }
}

static MemoryListener pages_listener = {
    .name = "xen-guest-pages",
    /* After the accelerators' own listeners know of a change. */
    .priority = MEMORY_LISTENER_PRIORITY_DEV_BACKEND,
    .region_del = pages_region_del,
    .commit = pages_commit,
    .log_sync_global = pages_log_sync_global,
};

void xen_guest_page_listen(void)
{
    memory_listener_register(&pages_listener, &address_space_memory);
}
