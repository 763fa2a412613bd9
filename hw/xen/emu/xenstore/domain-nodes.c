/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The nodes that a toolstack writes for an HVM domain
 *
 * Names, values and permissions are those of libxl (and docs/misc/
 * xenstore-paths.pandoc of Xen).  All are written by a persistent connection, so
 * a new domain gets them again.
 */
#include "qemu/osdep.h"
#include "qemu/cutils.h"
#include "qemu/main-loop.h"
#include "qemu/notify.h"
#include "qemu/units.h"
#include "qemu/uuid.h"
#include "qobject/qdict.h"
#include "hw/core/boards.h"
#include "hw/core/cpu.h"
#include "hw/xen/emu/domain.h"
#include "hw/i386/x86.h"
#include "hw/core/qdev.h"
#include "hw/xen/xen.h"
#include "hw/xen/xen_backend_ops.h"
#include "system/balloon.h"
#include "system/kvm_xen.h"
#include "system/system.h"
#include "cpu.h"
#include "device.h"

/* Whose node it is, and what the guest may do. */
typedef enum Kind {
    HOST,                       /* nothing */
    READ_ONLY,
    GUEST,                      /* all: it owns the node */
} Kind;

/* Folders, and nodes without a value, below the domain's. */
static const struct {
    const char *name;
    Kind kind;
} empty_nodes[] = {
    { "cpu", READ_ONLY },
    { "memory", READ_ONLY },
    { "device", READ_ONLY },
    { "device/suspend/event-channel", GUEST },
    { "control", READ_ONLY },
    { "hvmloader", READ_ONLY },
    { "control/shutdown", GUEST },
    { "control/feature-poweroff", GUEST },
    { "control/feature-reboot", GUEST },
    { "control/feature-suspend", GUEST },
    { "control/feature-s3", GUEST },
    { "control/feature-s4", GUEST },
    { "control/sysrq", GUEST },
    { "data", GUEST },
    { "drivers", GUEST },
    { "feature", GUEST },
    { "attr", GUEST },
    { "error", GUEST },
};

typedef struct DomainNodes {
    XenstoreConn *conn;
    DeviceListener cpus;
    bool *online;               /* what the node of each possible vCPU says */
    Notifier machine_done;
    QEMUBH *balloon_bh;
    uint64_t target;            /* bytes, of the balloon: what the user said */
    uint64_t target_written;    /* by us, so it is what a new domain gets */
} DomainNodes;

static DomainNodes nodes;

static void set(const char *path, const char *value)
{
    int ret;

    QEMU_LOCK_GUARD(&xen_xenstore_mutex);
    ret = xenstore_write(nodes.conn, 0, path, value, strlen(value));
    /* Valid paths of a client without limits. */
    assert(!ret);
}

static void create(const char *path, Kind kind)
{
    const XenstorePerm perms[] = {
        { .domid = kind == GUEST ? xen_domid : 0 },
        { .domid = xen_domid, .access = XENSTORE_READ },
    };
    int ret;

    QEMU_LOCK_GUARD(&xen_xenstore_mutex);
    ret = xenstore_create(nodes.conn, 0, path);
    assert(!ret);
    ret = xenstore_set_perms(nodes.conn, 0, path, perms,
                             kind == READ_ONLY ? 2 : 1);
    assert(!ret);
}

static void G_GNUC_PRINTF(3, 4) set_below(const char *top, const char *name,
                                          const char *format, ...)
{
    g_autofree char *path = g_strdup_printf("%s/%s", top, name);
    g_autofree char *value = NULL;
    va_list ap;

    va_start(ap, format);
    value = g_strdup_vprintf(format, ap);
    va_end(ap);
    set(path, value);
}

static char *domain_path(void)
{
    return g_strdup_printf("/local/domain/%u", xen_domid);
}

static void create_vm(const char *home)
{
    char uuid[UUID_STR_LEN];
    const char *name = qemu_get_vm_name() ?: "guest";
    g_autofree char *vm = NULL;
    int64_t now = g_get_real_time();

    qemu_uuid_unparse(&qemu_uuid, uuid);
    vm = g_strdup_printf("/vm/%s", uuid);
    create(vm, READ_ONLY);
    set_below(vm, "uuid", "%s", uuid);
    set_below(vm, "name", "%s", name);
    set_below(vm, "rtc/timeoffset", "%s", "");
    set_below(vm, "image/ostype", "hvm");
    set_below(vm, "start_time", "%" PRId64 ".%02d", now / G_USEC_PER_SEC,
              (int)(now % G_USEC_PER_SEC / 10000));
    set_below(home, "vm", "%s", vm);
    set_below(home, "name", "%s", name);
}

static void create_platform(const char *home)
{
    MachineState *ms = MACHINE(qdev_get_machine());
    bool acpi = x86_machine_is_acpi_enabled(X86_MACHINE(ms));
    g_autofree char *flash = NULL;

    set_below(home, "platform/acpi", "%d", acpi);
    set_below(home, "platform/acpi_s3", "%d", acpi);
    set_below(home, "platform/acpi_s4", "%d", acpi);
    set_below(home, "platform/acpi_laptop_slate", "0");
    set_below(home, "platform/device-model", "qemu_xen");
    set_below(home, "control/platform-feature-multiprocessor-suspend", "1");
    set_below(home, "control/platform-feature-xs_reset_watches", "1");

    if (object_property_find(OBJECT(ms), "pflash0")) {
        flash = object_property_get_str(OBJECT(ms), "pflash0", NULL);
    }
    set_below(home, "hvmloader/bios", "%s",
              flash && *flash ? "ovmf" : "seabios");
    set_below(home, "hvmloader/allow-memory-relocate", "0");
}

static void set_cpu(unsigned index, bool online)
{
    g_autofree char *path = g_strdup_printf(
        "/local/domain/%u/cpu/%u/availability", xen_domid, index);

    set(path, online ? "online" : "offline");
    nodes.online[index] = online;
}

static void create_cpus(void)
{
    unsigned max = MACHINE(qdev_get_machine())->smp.max_cpus;

    nodes.online = g_new0(bool, max);
    for (unsigned i = 0; i < max; i++) {
        set_cpu(i, qemu_get_cpu(i));
    }
}

/* A vCPU that is unrealized has no number any more when listeners are called. */
static void find_gone_cpus(void)
{
    unsigned max = MACHINE(qdev_get_machine())->smp.max_cpus;

    for (unsigned i = 0; i < max; i++) {
        if (nodes.online[i] && !qemu_get_cpu(i)) {
            set_cpu(i, false);
        }
    }
}

static void set_target(uint64_t bytes)
{
    g_autofree char *home = domain_path();

    nodes.target = nodes.target_written = bytes;
    set_below(home, "memory/target", "%" PRIu64, bytes / KiB);
}

/* KiB, as all of them */
static void create_memory(const char *home)
{
    uint64_t size = MACHINE(qdev_get_machine())->ram_size;

    set_below(home, "memory/static-max", "%" PRIu64, size / KiB);
    set_target(size);
    /* It is not taken from the guest's memory, as it is on Xen. */
    set_below(home, "memory/videoram", "0");
}

/* What is the host's, for tools that look for it. */
static void create_host(void)
{
    g_autofree char *libxl = g_strdup_printf("/libxl/%u", xen_domid);

    create("/tool", HOST);
    create("/tool/xenstored", HOST);
    create("/local/domain/0", HOST);
    set("/local/domain/0/domid", "0");
    set("/local/domain/0/name", "Domain-0");
    create(libxl, HOST);
    set_below(libxl, "type", "hvm");
    set_below(libxl, "dm-version", "qemu_xen");
}

/* --------------------------------------------------------------- hot plug */

static void device_realized(DeviceListener *listener, DeviceState *dev)
{
    if (object_dynamic_cast(OBJECT(dev), TYPE_CPU)) {
        set_cpu(CPU(dev)->cpu_index, true);
    }
}

static void device_unrealized(DeviceListener *listener, DeviceState *dev)
{
    if (object_dynamic_cast(OBJECT(dev), TYPE_CPU)) {
        find_gone_cpus();
    } else if (object_dynamic_cast(OBJECT(dev), "virtio-balloon-device")) {
        qemu_bh_schedule(nodes.balloon_bh);
    }
}

/* ---------------------------------------------------------------- balloon */

static void balloon_to(void *opaque, ram_addr_t target)
{
    set_target(MIN(target, MACHINE(qdev_get_machine())->ram_size));
}

/* The guest does not say how far it is. */
static void balloon_stat(void *opaque, BalloonInfo *info)
{
    info->actual = nodes.target;
}

static void take_balloon(Notifier *n, void *opaque)
{
    /* A virtio-balloon that is there keeps it. */
    qemu_add_balloon_handler(balloon_to, balloon_stat, &nodes);
}

static void take_balloon_bh(void *opaque)
{
    take_balloon(NULL, NULL);
}

/*
 * A virtio-balloon that comes takes it, and would refuse to be realized while
 * it is ours.  This is called before anybody knows whether the device will be
 * realized, so we ask for it again afterwards.
 */
static bool device_comes(DeviceListener *listener, const QDict *opts,
                         bool from_json, Error **errp)
{
    const char *driver = opts ? qdict_get_try_str(opts, "driver") : NULL;

    if (driver && g_str_has_prefix(driver, "virtio-balloon")) {
        qemu_remove_balloon_handler(&nodes);
        qemu_bh_schedule(nodes.balloon_bh);
    }
    return false;
}

/* ------------------------------------------------------------------- life */

void xen_xenstore_domain_create(XenstoreConn *c)
{
    g_autofree char *home = domain_path();

    nodes.conn = c;
    create_host();
    create(home, READ_ONLY);
    for (size_t i = 0; i < ARRAY_SIZE(empty_nodes); i++) {
        g_autofree char *path = g_strdup_printf("%s/%s", home,
                                                empty_nodes[i].name);

        create(path, empty_nodes[i].kind);
    }
    set_below(home, "domid", "%u", xen_domid);
    create_vm(home);
    create_platform(home);
    create_cpus();
    create_memory(home);

    nodes.balloon_bh = qemu_bh_new(take_balloon_bh, NULL);
    nodes.cpus = (DeviceListener) {
        .realize = device_realized,
        .unrealize = device_unrealized,
        .hide_device = device_comes,
    };
    device_listener_register(&nodes.cpus);
    nodes.machine_done.notify = take_balloon;
    qemu_add_machine_init_done_notifier(&nodes.machine_done);
}

void xen_xenstore_domain_loaded(void)
{
    g_autofree char *path = g_strdup_printf("/local/domain/%u/memory/target",
                                            xen_domid);
    g_autofree char *text = NULL;
    g_autoptr(GBytes) value = NULL;
    uint64_t kib, ram_size = MACHINE(qdev_get_machine())->ram_size;

    WITH_QEMU_LOCK_GUARD(&xen_xenstore_mutex) {
        if (xenstore_read(nodes.conn, 0, path, &value)) {
            return;
        }
    }
    text = g_strndup(g_bytes_get_data(value, NULL) ?: "",
                     g_bytes_get_size(value));
    if (!qemu_strtou64(text, NULL, 10, &kib)) {
        nodes.target = MIN(kib, ram_size / KiB) * KiB;
    }
}

void xen_xenstore_domain_set_ring(uint32_t port, uint64_t gfn)
{
    g_autofree char *home = domain_path();
    uint32_t console = xen_emu_console_port();

    if (nodes.target != nodes.target_written) {
        set_target(nodes.target);
    }
    set_below(home, "store/port", "%" PRIu32, port);
    set_below(home, "store/ring-ref", "%" PRIu64, gfn);
    if (console) {
        set_below(home, "console/ring-ref", "%" PRIu64,
                  xen_emu_console_pfn());
        set_below(home, "console/port", "%" PRIu32, console);
        set_below(home, "console/state", "%u", XenbusStateInitialised);
    }
}
