/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The segment of the firmware's code, over a sleep in S3
 *
 * SeaBIOS runs from a copy in RAM and has variables there.  It write-protects the
 * segment before it starts the guest's system, and again before it returns to it
 * from S3, but does not make it writable in between.  QEMU keeps the chip set's PAM
 * registers over a reset, so what SeaBIOS writes at a wake-up is lost: the number
 * of vCPUs that have answered its start-up IPI stays what it was at boot, and so
 * does the lock for which these vCPUs spin.
 *
 * With the number of vCPUs at boot SeaBIOS then waits for none of them, and restores
 * the memory from which they start while they may still execute it.  If a vCPU was
 * plugged since, it waits forever.
 */
#include "qemu/osdep.h"
#include "qemu/main-loop.h"
#include "qemu/notify.h"
#include "hw/pci/pci_device.h"
#include "hw/pci-host/i440fx.h"
#include "hw/pci-host/q35.h"
#include "qom/object.h"
#include "system/runstate.h"
#include "firmware-segment.h"
#include "trace.h"

#define I440FX_PAM0     0x59

/* The upper half of PAM0: where the segment's reads and writes go to RAM. */
#define PAM0_READ       0x10
#define PAM0_WRITE      0x20

static PCIDevice *find(const char *type)
{
    return (PCIDevice *)object_resolve_path_type("", type, NULL);
}

static void woken_up(Notifier *n, void *reason)
{
    PCIDevice *bridge = find(TYPE_I440FX_PCI_DEVICE);
    unsigned pam0 = I440FX_PAM0;
    uint8_t value;

    assert(bql_locked());
    if (!bridge) {
        bridge = find(TYPE_MCH_PCI_DEVICE);
        pam0 = MCH_HOST_BRIDGE_PAM0;
    }
    if (!bridge) {
        return;
    }
    value = bridge->config[pam0];
    trace_xen_firmware_segment(value);
    /* Firmware that has no copy in RAM does not run from there. */
    if (value & PAM0_READ) {
        bridge->config_write(bridge, pam0, value | PAM0_WRITE, 1);
    }
}

void xen_firmware_segment_init(void)
{
    static Notifier wakeup = { .notify = woken_up };
    static bool registered;

    if (!registered) {
        qemu_register_wakeup_notifier(&wakeup);
        registered = true;
    }
}
