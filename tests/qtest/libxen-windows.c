/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What Windows' drivers of the bus do: see libxen-windows.h
 */
#include "qemu/osdep.h"
#include "qemu/atomic.h"
#include "libxen-twin.h"
#include "libxen-windows.h"

#include "hw/xen/interface/grant_table.h"
#include "hw/xen/interface/hvm/params.h"
#include "hw/xen/interface/memory.h"

#define PLATFORM_IDS    0x00015853
#define PLATFORM_PORT   0x10
#define HOLE            0xf2000000
#define GRANT_FRAMES    8

/* ------------------------------------------------------------------- boot -- */

/* The driver says who it is, before it asks for anything. */
static void unplug(XenVm *vm)
{
    QTestState *qts = vm->qts;

    g_assert_cmphex(qtest_inw(qts, PLATFORM_PORT), ==, 0x49d2);
    if (qtest_inb(qts, PLATFORM_PORT + 2)) {
        qtest_outw(qts, PLATFORM_PORT + 2, 0xffff);
        qtest_outl(qts, PLATFORM_PORT, 9 << 16 | 1 << 8);
        /* It is not on the list of those that must not be used. */
        g_assert_cmphex(qtest_inw(qts, PLATFORM_PORT), ==, 0x49d2);
    }
    g_assert_cmpuint(xen_ide_sectors(vm, XEN_IDE_PRIMARY, 0), !=, 0);
    g_assert_true(xen_pci_has(vm, 0, XEN_FRONT_NIC_SLOT));
    qtest_outw(qts, PLATFORM_PORT, XEN_UNPLUG_DISKS);
    g_assert_cmpuint(xen_ide_sectors(vm, XEN_IDE_PRIMARY, 0), ==, 0);
    g_assert_true(xen_pci_has(vm, 0, XEN_FRONT_NIC_SLOT));
    qtest_outw(qts, PLATFORM_PORT, XEN_UNPLUG_NICS);
    g_assert_false(xen_pci_has(vm, 0, XEN_FRONT_NIC_SLOT));
}

static void start_system(XenFront *f)
{
    XenVm *vm = f->vm;
    uint64_t page = xen_vm_page(vm);

    for (unsigned i = 0; i < vm->nr_vcpus; i++) {
        vm->vcpu_info[i] = page + i * sizeof(struct vcpu_info);
        g_assert_cmpint(xen_register_vcpu_info(vm, i, vm->vcpu_info[i]), ==,
                        0);
    }
    unplug(vm);
}

/* The firmware's part: it gives the device's BAR an address. */
static uint64_t find_hole(XenVm *vm)
{
    unsigned slot = 0;

    while (xen_pci_read(vm, 0, slot, 0) != PLATFORM_IDS) {
        g_assert_cmpuint(++slot, <, 32);
    }
    xen_pci_write(vm, 0, slot, 0x14, HOLE);
    xen_pci_write(vm, 0, slot, 0x04, xen_pci_read(vm, 0, slot, 0x04) | 2);
    return HOLE;
}

static uint64_t hole_page(XenWin *w)
{
    uint64_t gpa = w->hole;

    w->hole += XEN_PAGE_SIZE;
    return gpa;
}

static void *in_ram(XenFront *f, uint64_t gpa)
{
    return f->vif->ram + gpa;
}

static void unmask_2l(XenFront *f, uint32_t port)
{
    xen_front_clear_mask(f, port);
    if (xen_is_pending(f->vm, port)) {
        xen_mask(f->vm, port);
        xen_unmask(f->vm, port);
    }
}

static void expand_array(XenFront *f)
{
    uint64_t gpa = xen_vm_page(f->vm);
    uint32_t *word = in_ram(f, gpa);

    for (unsigned i = 0; i < XEN_PAGE_SIZE / sizeof(*word); i++) {
        word[i] = 1u << EVTCHN_FIFO_MASKED;
    }
    g_assert_cmpint(xen_expand_array(f->vm, gpa), ==, 0);
}

void xen_win_unmask(XenFront *f, uint32_t port)
{
    XenVm *vm = f->vm;
    uint32_t *word;

    if (!vm->control[0]) {
        unmask_2l(f, port);
        return;
    }
    while (port >= vm->array->len * XEN_PAGE_SIZE / sizeof(*word)) {
        expand_array(f);
    }
    word = in_ram(f, xen_fifo_word(vm, port));
    qatomic_and(word, ~(1u << EVTCHN_FIFO_MASKED));
    if (qatomic_read(word) & 1u << EVTCHN_FIFO_PENDING) {
        qatomic_or(word, 1u << EVTCHN_FIFO_MASKED);
        xen_unmask(vm, port);
    }
}

static void start_events(XenWin *w)
{
    XenFront *f = w->f;
    XenVm *vm = f->vm;

    vm->shared_info = hole_page(w);
    g_assert_cmpint(xen_add_to_physmap(vm, XENMAPSPACE_shared_info, 0,
                                       vm->shared_info), ==, 0);
    xen_front_mask_all(f);
    /* Or 2-level events, if the first of these is refused. */
    for (unsigned i = 0; i < vm->nr_vcpus; i++) {
        int64_t ret = xen_init_control(vm, i, xen_vm_page(vm), 0);

        if (ret) {
            g_assert_cmpint(ret, ==, -ENOSYS);
            g_assert_cmpuint(i, ==, 0);
            break;
        }
    }
    for (unsigned i = 0; i < vm->nr_vcpus; i++) {
        g_assert_cmpint(xen_set_upcall_vector(vm, i, XEN_WIN_VECTOR), ==, 0);
    }
    g_assert_cmpint(xen_set_param(vm, HVM_PARAM_CALLBACK_IRQ, XEN_WIN_LINE), ==, 0);
    if (!w->reloaded) {
        xen_front_expect_no_event(f);
    }
}

static uint64_t param(XenVm *vm, uint32_t index)
{
    uint64_t value;

    g_assert_cmpint(xen_get_param(vm, index, &value), ==, 0);
    return value;
}

/* The toolstack has granted both pages. */
static void start_store(XenWin *w)
{
    XenFront *f = w->f;
    XenVm *vm = f->vm;
    uint64_t table = w->hole;

    g_assert_cmpuint(xen_front_max_frames(f), >=, GRANT_FRAMES);
    for (unsigned i = 0; i < GRANT_FRAMES; i++) {
        g_assert_cmpint(xen_add_to_physmap(vm, XENMAPSPACE_grant_table, i,
                                           hole_page(w)), ==, 0);
    }
    xen_front_use_grants(f, table, GRANT_FRAMES);
    f->store.vm = vm;
    f->store.ring = xen_front_granted(f, GNTTAB_RESERVED_XENSTORE);
    f->store.port = param(vm, HVM_PARAM_STORE_EVTCHN);
    xen_win_unmask(f, f->store.port);
    f->con = (XenCon) {
        .vm = vm, .page = xen_front_granted(f, GNTTAB_RESERVED_CONSOLE),
        .port = param(vm, HVM_PARAM_CONSOLE_EVTCHN),
    };
    xen_win_unmask(f, f->con.port);
}

/* Once its nodes are removed, the guest has no place to make them. */
static void start_bus(XenWin *w)
{
    XenFront *f = w->f;
    g_autofree char *classes = NULL;

    w->debug = xen_bind_virq(f->vm, 0, VIRQ_DEBUG);
    xen_win_unmask(f, w->debug);
    xen_front_watch(f, "device", XEN_WIN_SCAN);
    xen_front_watch(f, "control/shutdown", XEN_WIN_SUSPEND);
    if (w->reloaded) {
        xen_front_expect_error(f, 0, XS_WRITE, "control/feature-suspend", "1",
                               "EACCES");
    } else {
        xen_front_write(f, 0, "control", "feature-suspend", "1");
    }
    xen_front_watch(f, "memory/target", XEN_WIN_BALLOON);
    /* As libxl's permissions are; it does without. */
    xen_front_expect_error(f, 0, XS_WRITE, "control/feature-balloon", "1",
                           "EACCES");
    xen_front_wait_watch(f, XEN_WIN_SCAN);
    classes = xen_front_list(f, "device");
    g_assert_nonnull(strstr(classes, "vbd "));
    g_assert_nonnull(strstr(classes, "vif "));
    xen_front_wait_watch(f, XEN_WIN_SUSPEND);
    xen_front_expect(f, "control/shutdown", "");
    xen_front_wait_watch(f, XEN_WIN_BALLOON);
    xen_front_read_uint(f, "memory/static-max");
    xen_front_read_uint(f, "memory/target");
}

XenWin xen_win_boot(XenFront *f)
{
    XenWin w = { .f = f, .hole = find_hole(f->vm) };

    start_system(f);
    start_events(&w);
    start_store(&w);
    start_bus(&w);
    return w;
}

void xen_win_clear(XenWin *w)
{
    xen_front_device_clear(&w->vbd);
    xen_front_device_clear(&w->vif);
}

/* ----------------------------------------------------------------- unload -- */

typedef struct Remote {
    uint32_t index;             /* the parameter with its port */
    uint16_t domid;
    uint32_t port;
} Remote;

/* The other end of what the toolstack has bound. */
static Remote query(XenVm *vm, uint32_t index)
{
    struct evtchn_status op = {
        .dom = DOMID_SELF, .port = param(vm, index),
    };

    g_assert_cmpint(XEN_EVTCHN_OP(vm, 0, EVTCHNOP_status, &op), ==, 0);
    g_assert_cmpuint(op.status, ==, EVTCHNSTAT_interdomain);
    return (Remote) {
        .index = index, .domid = op.u.interdomain.dom,
        .port = op.u.interdomain.port,
    };
}

static void bind_again(XenVm *vm, const Remote *r)
{
    struct evtchn_bind_interdomain op = {
        .remote_dom = r->domid, .remote_port = r->port,
    };

    g_assert_cmpint(XEN_EVTCHN_OP(vm, 0, EVTCHNOP_bind_interdomain, &op), ==,
                    0);
    g_assert_cmpint(xen_set_param(vm, r->index, op.local_port), ==, 0);
}

static void leave_fifo(XenVm *vm)
{
    const Remote store = query(vm, HVM_PARAM_STORE_EVTCHN);
    const Remote console = query(vm, HVM_PARAM_CONSOLE_EVTCHN);
    struct evtchn_reset reset = { .dom = DOMID_SELF };

    g_assert_cmpint(XEN_EVTCHN_OP(vm, 0, EVTCHNOP_reset, &reset), ==, 0);
    bind_again(vm, &store);
    bind_again(vm, &console);
}

/* The drivers are stopped, and leave the domain as they have found it. */
static void unload(XenWin *w)
{
    XenFront *f = w->f;
    XenVm *vm = f->vm;

    xen_front_unwatch(f, "memory/target", XEN_WIN_BALLOON);
    if (w->reloaded) {
        xen_front_expect_error(f, 0, XS_RM, "control/feature-suspend", NULL,
                               "EACCES");
    } else {
        xen_front_remove(f, 0, "control/feature-suspend");
    }
    xen_front_unwatch(f, "control/shutdown", XEN_WIN_SUSPEND);
    xen_front_unwatch(f, "device", XEN_WIN_SCAN);
    g_assert_cmpint(xen_close(vm, w->debug), ==, 0);
    g_assert_cmpint(xen_set_param(vm, HVM_PARAM_CALLBACK_IRQ, 0), ==, 0);
    for (unsigned i = 0; i < vm->nr_vcpus; i++) {
        /* It does not look whether it can be taken back. */
        g_assert_cmpint(xen_set_upcall_vector(vm, i, 0), ==, -EINVAL);
    }
    if (vm->control[0]) {
        leave_fifo(vm);
    }
    for (uint64_t gpa = HOLE; gpa < w->hole; gpa += XEN_PAGE_SIZE) {
        g_assert_cmpint(xen_remove_from_physmap(vm, gpa), ==, 0);
    }
    xen_win_clear(w);
}

/* The unplug has been done, and stays so. */
static void start_again(XenWin *w)
{
    XenFront *f = w->f;

    xen_front_forget(f);
    *w = (XenWin) { .f = f, .hole = HOLE, .reloaded = true };
    start_events(w);
    start_store(w);
    start_bus(w);
}

void xen_win_reload(XenWin *w)
{
    unload(w);
    start_again(w);
}
