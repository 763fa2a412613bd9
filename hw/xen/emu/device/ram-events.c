/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reactions to changes of the memory map, and dirty tracking
 */
#include "qemu/osdep.h"
#include "system/address-spaces.h"
#include "system/memory.h"
#include "hw/xen/emu/device/ram-events.h"
#include "hw/xen/emu/domain.h"
#include "hw/xen/emu/evtchn.h"
#include "hw/xen/emu/memory/guest-page.h"
#include "hw/xen/emu/memory/ram-index.h"
#include "hw/i386/kvm/xen_overlay.h"

static void ram_lost(uint64_t gpa, uint64_t len)
{
    xen_page_cache_invalidate(xen_emu_pages(), gpa, len);
}

static void ram_changed(void)
{
    xen_evtchn_retry_parked(xen_emu_evtchn());
}

/* Called before migration reads the dirty bitmap. */
static void log_sync_global(MemoryListener *listener, bool last_stage)
{
    xen_overlay_set_dirty();
    xen_guest_pages_set_dirty();
}

static MemoryListener pages_listener = {
    .name = "xen-guest-pages",
    .log_sync_global = log_sync_global,
};

void xen_ram_events_init(void)
{
    xen_ram_listen(ram_lost, ram_changed);
    memory_listener_register(&pages_listener, &address_space_memory);
}
