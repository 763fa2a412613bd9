/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PIRQs: GSIs, MSIs and MSI-X vectors as events
 *
 * vCPU 0 is notified by its own LAPIC vector, because PIRQs require an upcall
 * by vector.  The edge-triggered line is that of the serial port, the
 * level-triggered one is edu's pin.
 */
#include "qemu/osdep.h"
#include "libqos/pci-pc.h"
#include "hw/pci/pci_regs.h"
#include "libxen-edu.h"
#include "libxen-state.h"

#include "hw/xen/interface/physdev.h"

#define VECTOR              0xf3
/* The vector of an ordinary MSI. */
#define MSI_VECTOR          0x41

#define SERIAL_GSI          4
#define SERIAL_IER          0x3f9
#define SERIAL_IER_THRE     2

#define NR_PIRQS            256
#define FIRST_GSI_PIRQ      16
#define NR_GSIS             24

/* e1000e: software can trigger a cause, on vector 0 of MSI-X. */
#define E1000E_OPTIONS      "-machine q35 -netdev hubport,id=n,hubid=0 " \
                            "-device e1000e,addr=6,netdev=n"
#define E1000E_DEVFN        QPCI_DEVFN(6, 0)
#define E1000E_ICR          0xc0
#define E1000E_ICS          0xc8
#define E1000E_IMS          0xd0
#define E1000E_IVAR         0xe4
#define E1000E_OTHER        (1u << 24)
#define E1000E_IVAR_OTHER   (8u << 16)      /* valid, vector 0 */
/* The minimum interval between interrupts. */
#define E1000E_THROTTLE_NS  1000000

static XenVm *start(const void *long_mode, const char *options)
{
    XenVm *vm = xen_vm_start(1, GPOINTER_TO_INT(long_mode), options);

    g_assert_cmpint(xen_set_upcall_vector(vm, 0, VECTOR), ==, 0);
    return vm;
}

static int64_t physdev_op(XenVm *vm, unsigned cmd, void *op, size_t len)
{
    return xen_op(vm, 0, __HYPERVISOR_physdev_op, cmd, op, len);
}

/* Returns the PIRQ or an error; @pirq -1: any. */
static int64_t map_pirq(XenVm *vm, uint16_t domid, int type, int index,
                        int pirq)
{
    struct physdev_map_pirq op = {
        .domid = domid, .type = type, .index = index, .pirq = pirq,
    };
    int64_t ret = physdev_op(vm, PHYSDEVOP_map_pirq, &op, sizeof(op));

    return ret ? ret : op.pirq;
}

static int64_t map_gsi(XenVm *vm, int gsi, int pirq)
{
    return map_pirq(vm, DOMID_SELF, MAP_PIRQ_TYPE_GSI, gsi, pirq);
}

static int64_t unmap_pirq(XenVm *vm, uint16_t domid, int pirq)
{
    struct physdev_unmap_pirq op = { .domid = domid, .pirq = pirq };

    return physdev_op(vm, PHYSDEVOP_unmap_pirq, &op, sizeof(op));
}

static int64_t get_free_pirq(XenVm *vm, int type)
{
    struct physdev_get_free_pirq op = { .type = type };
    int64_t ret = physdev_op(vm, PHYSDEVOP_get_free_pirq, &op, sizeof(op));

    return ret ? ret : (int64_t)op.pirq;
}

static int64_t eoi(XenVm *vm, uint32_t pirq)
{
    struct physdev_eoi op = { .irq = pirq };

    return physdev_op(vm, PHYSDEVOP_eoi, &op, sizeof(op));
}

/* XENIRQSTAT_* or an error. */
static int64_t irq_status(XenVm *vm, uint32_t pirq)
{
    struct physdev_irq_status_query op = { .irq = pirq, .flags = ~0u };
    int64_t ret = physdev_op(vm, PHYSDEVOP_irq_status_query, &op, sizeof(op));

    return ret ? ret : (int64_t)op.flags;
}

/* GSIs that are level-triggered by the MADT, or belong to PCI's pins only. */
#define LEVEL_GSIS          0xff0e20u

static void test_status(const void *long_mode)
{
    XenVm *vm = start(long_mode, "-nodefaults");

    g_assert_cmpint(irq_status(vm, FIRST_GSI_PIRQ), ==, -EINVAL);
    for (int gsi = 0; gsi < NR_GSIS; gsi++) {
        int64_t pirq = map_gsi(vm, gsi, -1);

        g_assert_cmpint(pirq, >, 0);
        g_assert_cmpint(irq_status(vm, pirq), ==,
                        LEVEL_GSIS >> gsi & 1 ? XENIRQSTAT_needs_eoi : 0);
    }
    xen_vm_stop(vm);
}

/* The port or an error. */
static int64_t bind_pirq(XenVm *vm, uint32_t pirq, uint32_t flags)
{
    struct evtchn_bind_pirq op = { .pirq = pirq, .flags = flags };
    int64_t ret = XEN_EVTCHN_OP(vm, 0, EVTCHNOP_bind_pirq, &op);

    return ret ? ret : (int64_t)op.port;
}

/* Binds and unmasks it. */
static uint32_t open_pirq(XenVm *vm, uint32_t pirq)
{
    int64_t port = bind_pirq(vm, pirq, 0);

    g_assert_cmpint(port, >, 0);
    xen_unmask(vm, port);
    return port;
}

static void set_serial_irq(XenVm *vm, bool high)
{
    qtest_outb(vm->qts, SERIAL_IER, high ? SERIAL_IER_THRE : 0);
}

/* Allocation and release of numbers. */
static void test_numbers(const void *long_mode)
{
    XenVm *vm = start(long_mode, NULL);

    g_assert_cmpint(get_free_pirq(vm, MAP_PIRQ_TYPE_MSI), ==, NR_PIRQS - 1);
    g_assert_cmpint(get_free_pirq(vm, MAP_PIRQ_TYPE_MSI), ==, NR_PIRQS - 2);
    for (int i = FIRST_GSI_PIRQ; i < NR_GSIS; i++) {
        g_assert_cmpint(get_free_pirq(vm, MAP_PIRQ_TYPE_GSI), ==, i);
    }
    /* Only then are those for MSIs used. */
    g_assert_cmpint(get_free_pirq(vm, MAP_PIRQ_TYPE_GSI), ==, NR_PIRQS - 3);

    g_assert_cmpint(unmap_pirq(vm, DOMID_SELF, 20), ==, 0);
    g_assert_cmpint(get_free_pirq(vm, MAP_PIRQ_TYPE_GSI), ==, 20);
    g_assert_cmpint(unmap_pirq(vm, DOMID_SELF, NR_PIRQS - 1), ==, 0);
    g_assert_cmpint(get_free_pirq(vm, MAP_PIRQ_TYPE_MSI), ==, NR_PIRQS - 1);

    /* A number that is only bound is not free, either. */
    g_assert_cmpint(bind_pirq(vm, NR_PIRQS - 4, 0), >, 0);
    for (int i = NR_PIRQS - 5; i >= NR_GSIS; i--) {
        g_assert_cmpint(get_free_pirq(vm, MAP_PIRQ_TYPE_MSI), ==, i);
    }
    g_assert_cmpint(get_free_pirq(vm, MAP_PIRQ_TYPE_MSI), ==, -ENOSPC);
    g_assert_cmpint(get_free_pirq(vm, MAP_PIRQ_TYPE_GSI), ==, -ENOSPC);
    g_assert_cmpint(map_gsi(vm, 7, -1), ==, -EINVAL);

    xen_vm_stop(vm);
}

static void test_map(const void *long_mode)
{
    XenVm *vm = xen_vm_start(1, GPOINTER_TO_INT(long_mode), NULL);

    /* PIRQs are not allowed while the upcall is a line. */
    g_assert_cmpint(map_gsi(vm, 4, -1), ==, -EINVAL);
    g_assert_cmpint(xen_set_upcall_vector(vm, 0, VECTOR), ==, 0);

    g_assert_cmpint(map_gsi(vm, 4, -1), ==, FIRST_GSI_PIRQ);
    /* A kernel started by kexec maps it again. */
    g_assert_cmpint(map_gsi(vm, 4, -1), ==, FIRST_GSI_PIRQ);
    g_assert_cmpint(map_gsi(vm, 5, 5), ==, 5);
    g_assert_cmpint(map_gsi(vm, 23, 255), ==, 255);
    /* An existing mapping does not change. */
    g_assert_cmpint(map_gsi(vm, 6, 5), ==, 5);
    g_assert_cmpint(map_gsi(vm, 6, -1), ==, FIRST_GSI_PIRQ + 1);
    g_assert_cmpint(map_gsi(vm, 5, -1), ==, 5);

    g_assert_cmpint(map_gsi(vm, -1, -1), ==, -EINVAL);
    g_assert_cmpint(map_gsi(vm, NR_GSIS, -1), ==, -EINVAL);
    g_assert_cmpint(map_gsi(vm, 7, 0), ==, -EINVAL);
    g_assert_cmpint(map_gsi(vm, 7, NR_PIRQS), ==, -EINVAL);
    g_assert_cmpint(map_pirq(vm, DOMID_SELF, MAP_PIRQ_TYPE_MSI, 7, -1), ==,
                    -EINVAL);
    g_assert_cmpint(map_pirq(vm, 0, MAP_PIRQ_TYPE_GSI, 7, -1), ==, -EPERM);
    g_assert_cmpint(map_pirq(vm, XEN_VM_DOMID, MAP_PIRQ_TYPE_GSI, 7, -1), ==,
                    -EPERM);
    g_assert_cmpint(map_pirq(vm, 5, MAP_PIRQ_TYPE_GSI, 7, -1), ==, -ESRCH);

    g_assert_cmpint(unmap_pirq(vm, 0, 5), ==, -EPERM);
    g_assert_cmpint(unmap_pirq(vm, XEN_VM_DOMID, 5), ==, -EPERM);
    g_assert_cmpint(unmap_pirq(vm, 5, 5), ==, -ESRCH);
    g_assert_cmpint(irq_status(vm, 5), >=, 0);
    g_assert_cmpint(unmap_pirq(vm, DOMID_SELF, 5), ==, 0);
    g_assert_cmpint(irq_status(vm, 5), ==, -EINVAL);
    g_assert_cmpint(unmap_pirq(vm, DOMID_SELF, 5), ==, 0);
    g_assert_cmpint(unmap_pirq(vm, DOMID_SELF, NR_PIRQS), ==, 0);
    g_assert_cmpint(unmap_pirq(vm, DOMID_SELF, -1), ==, 0);

    g_assert_cmpint(irq_status(vm, NR_PIRQS), ==, -EINVAL);
    g_assert_cmpint(irq_status(vm, 200), ==, -EINVAL);
    g_assert_cmpint(eoi(vm, NR_PIRQS), ==, -EINVAL);
    g_assert_cmpint(eoi(vm, 200), ==, -EINVAL);
    g_assert_cmpint(eoi(vm, 255), ==, 0);

    xen_vm_stop(vm);
}

/* A kernel that was started by kexec after a panic may have vCPU 1 only. */
static void test_vcpu1_vector(const void *long_mode)
{
    XenVm *vm = xen_vm_start(2, GPOINTER_TO_INT(long_mode), NULL);
    int64_t pirq, port;

    g_assert_cmpint(map_gsi(vm, SERIAL_GSI, -1), ==, -EINVAL);
    g_assert_cmpint(xen_set_upcall_vector(vm, 1, VECTOR), ==, 0);
    pirq = map_gsi(vm, SERIAL_GSI, -1);
    g_assert_cmpint(pirq, ==, FIRST_GSI_PIRQ);

    port = bind_pirq(vm, pirq, 0);
    g_assert_cmpint(xen_bind_vcpu(vm, port, 1), ==, 0);
    xen_unmask(vm, port);
    set_serial_irq(vm, true);
    g_assert_true(xen_take_vector(vm, 1, VECTOR));
    xen_expect_event(vm, 1, port);

    xen_vm_stop(vm);
}

static void test_bind(const void *long_mode)
{
    XenVm *vm = start(long_mode, NULL);
    struct evtchn_status status = { .dom = DOMID_SELF };
    int64_t port = bind_pirq(vm, 30, 0);

    g_assert_cmpint(port, >, 0);
    g_assert_cmpint(bind_pirq(vm, 30, 0), ==, -EEXIST);
    g_assert_cmpint(bind_pirq(vm, 30, BIND_PIRQ__WILL_SHARE), ==, -EEXIST);
    g_assert_cmpint(bind_pirq(vm, NR_PIRQS, 0), ==, -EINVAL);

    status.port = port;
    g_assert_cmpint(XEN_EVTCHN_OP(vm, 0, EVTCHNOP_status, &status), ==, 0);
    g_assert_cmpuint(status.status, ==, EVTCHNSTAT_pirq);
    g_assert_cmpuint(status.u.pirq, ==, 30);
    /* A guest cannot send to a PIRQ's port. */
    g_assert_cmpint(xen_send(vm, port), ==, -EINVAL);

    g_assert_cmpint(xen_close(vm, port), ==, 0);
    g_assert_cmpint(bind_pirq(vm, 30, BIND_PIRQ__WILL_SHARE), ==, port);

    xen_vm_stop(vm);
}

/* One event per edge, without EOI. */
static void test_edge(const void *long_mode)
{
    XenVm *vm = start(long_mode, NULL);
    uint32_t port;
    int64_t pirq;

    qtest_irq_intercept_in(vm->qts, "ioapic");
    set_serial_irq(vm, true);
    g_assert_true(qtest_get_irq(vm->qts, SERIAL_GSI));
    set_serial_irq(vm, false);
    g_assert_false(qtest_get_irq(vm->qts, SERIAL_GSI));

    pirq = map_gsi(vm, SERIAL_GSI, -1);
    g_assert_cmpint(irq_status(vm, pirq), ==, 0);
    port = open_pirq(vm, pirq);
    xen_expect_event(vm, 0, 0);

    set_serial_irq(vm, true);
    g_assert_false(qtest_get_irq(vm->qts, SERIAL_GSI));
    g_assert_true(xen_take_vector(vm, 0, VECTOR));
    xen_expect_event(vm, 0, port);
    g_assert_cmpint(eoi(vm, pirq), ==, 0);
    xen_expect_event(vm, 0, 0);
    set_serial_irq(vm, false);
    xen_expect_event(vm, 0, 0);
    set_serial_irq(vm, true);
    xen_expect_event(vm, 0, port);
    set_serial_irq(vm, false);

    /* Unbound: the I/O APIC delivers it again. */
    g_assert_cmpint(xen_close(vm, port), ==, 0);
    set_serial_irq(vm, true);
    g_assert_true(qtest_get_irq(vm->qts, SERIAL_GSI));
    /* An edge from before the bind is lost. */
    port = open_pirq(vm, pirq);
    xen_expect_event(vm, 0, 0);
    set_serial_irq(vm, false);
    g_assert_false(qtest_get_irq(vm->qts, SERIAL_GSI));

    g_assert_cmpint(unmap_pirq(vm, DOMID_SELF, pirq), ==, 0);
    set_serial_irq(vm, true);
    xen_expect_event(vm, 0, 0);
    g_assert_true(qtest_get_irq(vm->qts, SERIAL_GSI));

    xen_vm_stop(vm);
}

/* What the saved state has of the lines: those that are high and mapped. */
static uint64_t saved_levels(XenVm *vm)
{
    g_autofree char *path = xen_state_save(vm);
    XenStateSection *section = xen_state_section(path, "xen_evtchn", 0, "pirq.");
    const XenStateField *field = xen_state_field(section, "pirq.gsi_high");
    g_autofree char *state = NULL;
    uint64_t levels = 0;

    g_assert_true(g_file_get_contents(path, &state, NULL, NULL));
    for (size_t i = 0; i < field->size; i++) {
        levels = levels << 8 | (uint8_t)state[field->at + i];
    }
    xen_state_section_free(section);
    unlink(path);
    return levels;
}

/*
 * Upstream does not see a line fall that is not mapped.  If it found it high it would
 * take the next edge, after the guest has mapped it, for none.
 */
static void test_saved_levels(const void *mapped)
{
    XenVm *vm = start(GINT_TO_POINTER(true), XEN_STATE_SOURCE " -serial null");

    set_serial_irq(vm, true);
    if (GPOINTER_TO_INT(mapped)) {
        g_assert_cmpint(map_gsi(vm, SERIAL_GSI, -1), >, 0);
    }
    g_assert_cmphex(saved_levels(vm), ==,
                    GPOINTER_TO_INT(mapped) ? 1u << SERIAL_GSI : 0);
    xen_vm_stop(vm);
}

/* A level raises an event at each EOI until the device lowers it. */
static void check_level(XenVm *vm, unsigned wish)
{
    XenEdu *edu = xen_edu_new(vm);
    unsigned gsi;
    uint32_t port;
    int64_t pirq;

    qtest_irq_intercept_in(vm->qts, "ioapic");
    gsi = xen_edu_find_gsi(vm, edu, wish);
    pirq = map_gsi(vm, gsi, -1);
    g_assert_cmpint(pirq, >, 0);
    g_assert_cmpint(irq_status(vm, pirq), ==, XENIRQSTAT_needs_eoi);
    port = open_pirq(vm, pirq);
    xen_expect_event(vm, 0, 0);

    xen_edu_raise(edu);
    g_assert_false(qtest_get_irq(vm->qts, gsi));
    xen_expect_event(vm, 0, port);
    xen_expect_event(vm, 0, 0);
    g_assert_cmpint(eoi(vm, pirq), ==, 0);
    xen_expect_event(vm, 0, port);
    xen_edu_lower(edu);
    g_assert_cmpint(eoi(vm, pirq), ==, 0);
    xen_expect_event(vm, 0, 0);

    /* Masked: pending, and delivered at the unmask. */
    xen_mask(vm, port);
    xen_edu_raise(edu);
    g_assert_true(xen_is_pending(vm, port));
    g_assert_false(xen_upcall_pending(vm, 0));
    xen_unmask(vm, port);
    xen_expect_event(vm, 0, port);

    /* Still high at the next bind. */
    g_assert_cmpint(xen_close(vm, port), ==, 0);
    port = open_pirq(vm, pirq);
    xen_expect_event(vm, 0, port);
    xen_edu_lower(edu);
    g_assert_cmpint(eoi(vm, pirq), ==, 0);
    xen_expect_event(vm, 0, 0);

    xen_edu_free(edu);
    xen_vm_stop(vm);
}

/* A level-triggered ISA interrupt, as on PIIX3. */
static void test_level(const void *long_mode)
{
    check_level(start(long_mode, XEN_EDU_OPTION), 10);
}

/* A GSI above the ISA interrupts. */
static void test_level_q35(const void *long_mode)
{
    check_level(start(long_mode, "-machine q35 " XEN_EDU_OPTION), 0);
}

static void test_msi(const void *long_mode)
{
    XenVm *vm = start(long_mode, XEN_EDU_OPTION);
    XenEdu *edu = xen_edu_new(vm);
    int64_t pirq = get_free_pirq(vm, MAP_PIRQ_TYPE_MSI), other;
    uint32_t port;

    /* An ordinary message goes to the LAPIC. */
    xen_edu_set_msi(edu, 0xfee00000, MSI_VECTOR);
    xen_edu_raise(edu);
    g_assert_true(xen_take_vector(vm, 0, MSI_VECTOR));
    xen_edu_lower(edu);

    g_assert_cmpint(irq_status(vm, pirq), ==, -EINVAL);
    xen_edu_set_msi(edu, xen_msi_pirq_address(pirq), XEN_MSI_DATA);
    /* No EOI is needed for a message. */
    g_assert_cmpint(irq_status(vm, pirq), ==, 0);
    xen_edu_raise(edu);
    xen_edu_lower(edu);
    port = open_pirq(vm, pirq);
    /* It was sent before the port was bound. */
    xen_expect_event(vm, 0, 0);
    xen_edu_raise(edu);
    g_assert_true(xen_take_vector(vm, 0, VECTOR));
    xen_expect_event(vm, 0, port);
    g_assert_cmpint(eoi(vm, pirq), ==, 0);
    xen_expect_event(vm, 0, 0);
    xen_edu_raise(edu);
    xen_expect_event(vm, 0, port);

    /* The device switches to another PIRQ. */
    other = get_free_pirq(vm, MAP_PIRQ_TYPE_MSI);
    g_assert_cmpint(other, !=, pirq);
    xen_edu_set_msi(edu, xen_msi_pirq_address(other), XEN_MSI_DATA);
    g_assert_cmpint(irq_status(vm, pirq), ==, -EINVAL);
    g_assert_cmpint(irq_status(vm, other), ==, 0);
    xen_edu_raise(edu);
    xen_expect_event(vm, 0, 0);
    port = open_pirq(vm, other);
    xen_edu_raise(edu);
    xen_expect_event(vm, 0, port);

    /* The device switches to an ordinary MSI. */
    xen_edu_set_msi(edu, 0xfee00000, MSI_VECTOR);
    xen_edu_raise(edu);
    xen_expect_event(vm, 0, 0);
    g_assert_true(xen_take_vector(vm, 0, MSI_VECTOR));
    g_assert_cmpint(irq_status(vm, other), ==, -EINVAL);

    xen_edu_free(edu);
    xen_vm_stop(vm);
}

/* PIRQ numbers with more than 8 bits, and invalid ones. */
static void test_msi_wide(const void *long_mode)
{
    XenVm *vm = start(long_mode, XEN_EDU_OPTION);
    XenEdu *edu = xen_edu_new(vm);
    uint32_t port;

    xen_edu_set_msi(edu, xen_msi_pirq_address(NR_PIRQS), XEN_MSI_DATA);
    xen_edu_raise(edu);
    xen_edu_set_msi(edu, xen_msi_pirq_address(0xffffffff), XEN_MSI_DATA);
    xen_edu_raise(edu);
    /* A message cannot use the PIRQ of a GSI. */
    g_assert_cmpint(map_gsi(vm, 6, 100), ==, 100);
    port = open_pirq(vm, 100);
    xen_edu_set_msi(edu, xen_msi_pirq_address(100), XEN_MSI_DATA);
    xen_edu_raise(edu);
    xen_expect_event(vm, 0, 0);
    g_assert_cmpint(xen_close(vm, port), ==, 0);
    xen_edu_free(edu);
    xen_vm_stop(vm);

    vm = xen_vm_start_bare(1, GPOINTER_TO_INT(long_mode),
                           XEN_VM_ACCEL ",xen-evtchn-max-pirq=1500",
                           XEN_EDU_OPTION);
    xen_vm_set_up(vm);
    g_assert_cmpint(xen_set_upcall_vector(vm, 0, VECTOR), ==, 0);
    edu = xen_edu_new(vm);
    g_assert_cmpint(get_free_pirq(vm, MAP_PIRQ_TYPE_MSI), ==, 1499);
    port = open_pirq(vm, 1499);
    xen_edu_set_msi(edu, xen_msi_pirq_address(1499), XEN_MSI_DATA);
    xen_edu_raise(edu);
    xen_expect_event(vm, 0, port);
    xen_edu_free(edu);
    xen_vm_stop(vm);
}

/* More vectors than the device has: refused. */
static void test_msi_count(const void *long_mode)
{
    XenVm *vm = start(long_mode, XEN_EDU_OPTION);
    XenEdu *edu = xen_edu_new(vm);
    uint8_t cap = qpci_find_capability(edu->dev, PCI_CAP_ID_MSI, 0);
    uint32_t port = open_pirq(vm, 40);

    qpci_config_writew(edu->dev, cap + PCI_MSI_FLAGS,
                       PCI_MSI_FLAGS_QSIZE | PCI_MSI_FLAGS_ENABLE);
    xen_edu_set_msi(edu, xen_msi_pirq_address(40), XEN_MSI_DATA);
    xen_edu_raise(edu);
    xen_expect_event(vm, 0, port);

    xen_edu_free(edu);
    xen_vm_stop(vm);
}

/* As in Xen, binding a PIRQ unmasks its vector, on which guests rely. */
static void test_msix(const void *long_mode)
{
    XenVm *vm = start(long_mode, E1000E_OPTIONS);
    QPCIBus *bus = qpci_new_pc(vm->qts, NULL);
    QPCIDevice *dev = qpci_device_find(bus, E1000E_DEVFN);
    int64_t pirq = get_free_pirq(vm, MAP_PIRQ_TYPE_MSI);
    QPCIBar bar;
    uint64_t entry;
    uint32_t port;

    qpci_device_enable(dev);
    bar = qpci_iomap(dev, 0, NULL);
    qpci_msix_enable(dev);
    entry = dev->msix_table_off;
    qpci_io_writel(dev, bar, E1000E_IVAR, E1000E_IVAR_OTHER);
    qpci_io_writel(dev, bar, E1000E_IMS, E1000E_OTHER);

    qpci_io_writel(dev, dev->msix_table_bar, entry + PCI_MSIX_ENTRY_VECTOR_CTRL,
                   PCI_MSIX_ENTRY_CTRL_MASKBIT);
    qpci_io_writel(dev, dev->msix_table_bar, entry + PCI_MSIX_ENTRY_DATA,
                   XEN_MSI_DATA);
    qpci_io_writel(dev, dev->msix_table_bar, entry + PCI_MSIX_ENTRY_LOWER_ADDR,
                   xen_msi_pirq_address(pirq));
    qpci_io_writel(dev, dev->msix_table_bar, entry + PCI_MSIX_ENTRY_UPPER_ADDR,
                   xen_msi_pirq_address(pirq) >> 32);
    g_assert_true(qpci_msix_masked(dev, 0));
    qpci_io_writel(dev, bar, E1000E_ICS, E1000E_OTHER);
    g_assert_true(qpci_msix_pending(dev, 0));
    g_assert_cmpint(irq_status(vm, pirq), ==, 0);

    port = open_pirq(vm, pirq);
    g_assert_false(qpci_msix_masked(dev, 0));
    g_assert_false(qpci_msix_pending(dev, 0));
    xen_expect_event(vm, 0, port);

    qpci_io_writel(dev, bar, E1000E_ICR, E1000E_OTHER);
    qtest_clock_step(vm->qts, E1000E_THROTTLE_NS);
    qpci_io_writel(dev, bar, E1000E_ICS, E1000E_OTHER);
    xen_expect_event(vm, 0, port);

    g_free(dev);
    qpci_free_pc(bus);
    xen_vm_stop(vm);
}

int main(int argc, char **argv)
{
    static const XenTest tests[] = {
        { "numbers", test_numbers },
        { "map", test_map },
        { "vcpu1-vector", test_vcpu1_vector },
        { "bind", test_bind },
        { "status", test_status },
        { "edge", test_edge },
        { "level", test_level },
        { "level-q35", test_level_q35 },
        { "msi", test_msi },
        { "msi-wide", test_msi_wide },
        { "msi-count", test_msi_count },
        { "msix", test_msix },
    };

    g_test_init(&argc, &argv, NULL);
    xen_add_tests("pirq", tests, ARRAY_SIZE(tests));
    qtest_add_data_func("xen/pirq/saved-levels/mapped", GINT_TO_POINTER(true),
                        test_saved_levels);
    qtest_add_data_func("xen/pirq/saved-levels/unmapped", GINT_TO_POINTER(false),
                        test_saved_levels);
    return g_test_run();
}
