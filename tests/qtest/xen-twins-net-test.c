/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PV twins of emulated NICs: who has the network, hot plug, migration
 */
#include "qemu/osdep.h"
#include "qobject/qdict.h"
#include "libxen-net.h"
#include "libxen-state.h"
#include "libxen-twin.h"

#define MAC         "52:54:00:01:02:03"
#define SLOT        8
#define E1000       "e1000,addr=8,mac=" MAC
/* ACPI's register by which the guest lets go of slots. */
#define EJECT       0xae08
#define LOOK_AGAIN_US 100

static XenVif *start(const void *long_mode)
{
    return xen_vif_start_twin(GPOINTER_TO_INT(long_mode), E1000, "");
}

static void connect_vif(XenVif *vif)
{
    g_assert_cmpint(xen_vif_connect(vif, 1, true, XEN_VIF_NODES), ==,
                    XenbusStateConnected);
}

static void expect_works(XenVif *vif)
{
    xen_vif_check_backend(vif, "carrier", "1");
    xen_vif_check_send(vif, 0, 0x21);
    xen_vif_check_receive(vif, 0, 0x22);
}

static void reset(XenVif *vif)
{
    qtest_system_reset(vif->vm->qts);
    xen_vm_set_up(vif->vm);
    xen_vif_set_up(vif);
}

static char *read_node(XenVif *vif, const char *path)
{
    XenStoreMessage answer;

    xen_store_request(&vif->store, XS_READ, 0,
                      (XenStoreBytes) { path, strlen(path) + 1 }, &answer);
    return answer.header.type == XS_READ ? g_strdup(answer.payload) : NULL;
}

static void set_link(XenVif *vif, bool up)
{
    qtest_qmp_assert_success(vif->vm->qts, "{ 'execute': 'set_link',"
                             " 'arguments': { 'name': 'vif', 'up': %i } }",
                             up);
}

/* The vif sends and gets nothing: the network is the emulated NIC's. */
static void expect_no_network(XenVif *vif, uint8_t mark)
{
    uint64_t dropped = xen_vif_counter(vif, "tx-dropped");
    uint8_t frame[XEN_VIF_TEST_FRAME];
    size_t piece[] = { sizeof(frame) };

    xen_vif_check_backend(vif, "carrier", "0");
    xen_vif_make_frame(frame, sizeof(frame), mark);
    xen_vif_post_rx(vif, 0, 1);
    xen_vif_network_send(vif, frame, sizeof(frame));
    xen_vif_put_frame(vif, 0, 100, frame, sizeof(frame), piece, 1, 0, NULL);
    xen_vif_push_tx(vif, 0);
    xen_vif_expect_answers(vif, 0, NETIF_RSP_OKAY);
    g_assert_cmpuint(xen_vif_counter(vif, "tx-dropped"), ==, dropped + 1);
    g_assert_false(xen_vif_has_rx(vif, 0));
}

static void test_owner(const void *long_mode)
{
    XenVif *vif = start(long_mode);
    XenVm *vm = vif->vm;
    g_autofree char *mac = read_node(vif, "device/vif/0/mac");

    g_assert_cmpstr(mac, ==, MAC);
    for (int round = 0; round < 3; round++) {
        g_assert_true(xen_pci_has(vm, 0, SLOT));
        /* Also if it is connected before the unplug. */
        if (round) {
            connect_vif(vif);
            expect_no_network(vif, round);
        }
        xen_unplug(vm, XEN_UNPLUG_NICS);
        g_assert_false(xen_pci_has(vm, 0, SLOT));
        if (!round) {
            connect_vif(vif);
        }
        if (round) {
            /* What came for the emulated NIC is not for this one. */
            xen_vif_check_backend(vif, "carrier", "1");
            xen_vif_check_send(vif, 0, 0x21);
        } else {
            expect_works(vif);
        }
        reset(vif);
        xen_vif_check_backend(vif, "carrier", "0");
    }
    g_assert_null(qtest_qmp_event_ref(vm->qts, "DEVICE_DELETED"));
    xen_vif_stop(vif);
}

/* By the emulated NIC's id, whoever has the network. */
static void test_link(const void *long_mode)
{
    XenVif *vif = start(long_mode);

    connect_vif(vif);
    set_link(vif, false);
    xen_vif_check_backend(vif, "carrier", "0");
    xen_unplug(vif->vm, XEN_UNPLUG_NICS);
    xen_vif_check_backend(vif, "carrier", "0");
    set_link(vif, true);
    expect_works(vif);
    set_link(vif, false);
    xen_vif_check_backend(vif, "carrier", "0");
    set_link(vif, true);
    expect_works(vif);
    xen_vif_stop(vif);
}

/* The name, its netdev and the rx-filter are those of one NIC. */
static void test_queries(const void *long_mode)
{
    XenVif *vif = start(long_mode);
    g_autofree char *before = qtest_hmp(vif->vm->qts, "info network");
    g_autofree char *after = NULL;
    QDict *answer;

    xen_unplug(vif->vm, XEN_UNPLUG_NICS);
    after = qtest_hmp(vif->vm->qts, "info network");
    g_assert_cmpstr(after, ==, before);
    g_assert_null(strstr(after, "xen-net-device"));
    answer = qtest_qmp(vif->vm->qts, "{ 'execute': 'query-rx-filter',"
                       " 'arguments': { 'name': 'vif' } }");
    g_assert_true(qdict_haskey(answer, "return"));
    qobject_unref(answer);
    xen_vif_stop(vif);
}

static XenVif *move_to(XenVif *vif, const char *options)
{
    g_autofree char *path = xen_state_save(vif->vm);
    XenVif *target = xen_vif_start_twin_target(vif, E1000, options);

    xen_state_load(target->vm, path);
    xen_state_wait(target->vm);
    xen_vif_stop(vif);
    unlink(path);
    return target;
}

static XenVif *move(XenVif *vif)
{
    return move_to(vif, "");
}

static void test_migration(const void *long_mode)
{
    XenVif *vif = start(long_mode);

    connect_vif(vif);
    vif = move(vif);
    expect_no_network(vif, 1);
    xen_unplug(vif->vm, XEN_UNPLUG_NICS);
    xen_vif_check_send(vif, 0, 1);
    vif = move(vif);
    g_assert_false(xen_pci_has(vif->vm, 0, SLOT));
    xen_vif_check_send(vif, 0, 2);
    reset(vif);
    g_assert_true(xen_pci_has(vif->vm, 0, SLOT));
    xen_vif_check_backend(vif, "carrier", "0");
    xen_vif_stop(vif);
}

static void wait_deleted(XenVif *vif, const char *id)
{
    const char *deleted;
    bool found;

    do {
        QDict *event = qtest_qmp_eventwait_ref(vif->vm->qts,
                                               "DEVICE_DELETED");

        deleted = qdict_get_try_str(qdict_get_qdict(event, "data"), "device");
        found = deleted && g_str_equal(deleted, id);
        qobject_unref(event);
    } while (!found);
}

static void delete_vif(XenVif *vif)
{
    qtest_qmp_assert_success(vif->vm->qts, "{ 'execute': 'device_del',"
                             " 'arguments': { 'id': 'vif' } }");
}

/* A NIC that goes when the guest lets go of its twin does so where it is moved. */
static void test_leaving(const void *long_mode)
{
    for (int stopped = 0; stopped < 2; stopped++) {
        XenVif *vif = start(long_mode);

        connect_vif(vif);
        xen_unplug(vif->vm, XEN_UNPLUG_NICS);
        delete_vif(vif);
        xen_vif_wait_state(vif, XenbusStateClosing);
        vif = move(vif);
        xen_vif_check_send(vif, 0, 1);
        if (stopped) {
            delete_vif(vif);
        } else {
            xen_vif_write(vif, "state", "6");
        }
        wait_deleted(vif, "vif");
        xen_vif_stop(vif);
    }
}

/* Where a guest is loaded that was not asked, none goes. */
static void test_leaving_snapshot(const void *long_mode)
{
    XenVif *vif = start(long_mode);
    XenSnapshot *snapshot;
    g_autofree char *said = NULL;

    xen_unplug(vif->vm, XEN_UNPLUG_NICS);
    connect_vif(vif);
    snapshot = xen_snapshot_new(vif->vm);
    qtest_qmp_assert_success(vif->vm->qts, "{ 'execute': 'cont' }");
    delete_vif(vif);
    said = xen_snapshot_load(snapshot);
    g_assert_null(said);
    /* The twin is taken away: the guest is asked, and lets go. */
    qtest_qmp_assert_success(vif->vm->qts, "{ 'execute': 'device_del',"
                             " 'arguments': { 'id':"
                             " '/machine/peripheral/vif/xen-twin' } }");
    xen_vif_wait_state(vif, XenbusStateClosing);
    xen_vif_write(vif, "state", "6");
    xen_vif_check_alive(vif);
    qtest_system_reset(vif->vm->qts);
    g_assert_true(xen_pci_has(vif->vm, 0, SLOT));
    xen_snapshot_free(snapshot);
    xen_vif_stop(vif);
}

/* -------------------------------------------------------------- hot plug -- */

static void add_nic(XenVif *vif, const char *id, const char *slot)
{
    qtest_qmp_assert_success(vif->vm->qts, "{ 'execute': 'device_add',"
                             " 'arguments': { 'driver': 'e1000', 'id': %s,"
                             " 'addr': %s } }", id, slot);
}

static void test_hot_plug(const void *long_mode)
{
    XenVif *vif = start(long_mode);
    XenVm *vm = vif->vm;

    for (int round = 0; round < 3; round++) {
        g_autofree char *there = NULL, *gone = NULL;

        add_nic(vif, "hot", "9");
        there = read_node(vif, "device/vif/1/mac");
        g_assert_nonnull(there);
        qtest_qmp_assert_success(vm->qts, "{ 'execute': 'device_del',"
                                 " 'arguments': { 'id': 'hot' } }");
        qtest_outl(vm->qts, EJECT, 1 << 9);
        qtest_qmp_eventwait(vm->qts, "DEVICE_DELETED");
        gone = read_node(vif, "device/vif/1/mac");
        g_assert_null(gone);
    }
    /* Its twin works as well. */
    connect_vif(vif);
    xen_unplug(vm, XEN_UNPLUG_NICS);
    expect_works(vif);
    xen_vif_stop(vif);
}

static char *mac_of(XenVif *vif, unsigned number)
{
    g_autofree char *path = g_strdup_printf("device/vif/%u/mac", number);

    return read_node(vif, path);
}

static void expect_mac(XenVif *vif, unsigned number, const char *expected)
{
    g_autofree char *mac = mac_of(vif, number);

    g_assert_cmpstr(mac, ==, expected);
}

static void delete_nic(XenVif *vif, const char *id, unsigned slot)
{
    qtest_qmp_assert_success(vif->vm->qts, "{ 'execute': 'device_del',"
                             " 'arguments': { 'id': %s } }", id);
    qtest_outl(vif->vm->qts, EJECT, 1 << slot);
    wait_deleted(vif, id);
}

static void write_state(XenVif *vif, unsigned number, unsigned state)
{
    g_autoptr(GString) payload = g_string_new(NULL);

    g_string_printf(payload, "device/vif/%u/state", number);
    g_string_append_c(payload, 0);
    g_string_append_printf(payload, "%u", state);
    xen_store_expect(&vif->store, XS_WRITE, 0,
                     (XenStoreBytes) { payload->str, payload->len },
                     XEN_STORE_STRINGS("OK"));
}

/*
 * After the unplug, a NIC that is plugged in is only a PV one to the guest, and
 * goes when the guest lets go of that.
 */
static void test_hot_plug_hidden(const void *long_mode)
{
    XenVif *vif = start(long_mode);
    XenVm *vm = vif->vm;

    xen_unplug(vm, XEN_UNPLUG_NICS);
    for (int round = 0; round < 3; round++) {
        g_autofree char *there = NULL, *still = NULL, *gone = NULL;

        add_nic(vif, "hot", "9");
        there = mac_of(vif, 1);
        g_assert_nonnull(there);
        while (xen_pci_has(vm, 0, 9)) {
            g_usleep(LOOK_AGAIN_US);
        }
        /* Its front end has begun, and lets go when it is asked to. */
        if (round) {
            write_state(vif, 1, XenbusStateInitialised);
        }
        qtest_qmp_assert_success(vm->qts, "{ 'execute': 'device_del',"
                                 " 'arguments': { 'id': 'hot' } }");
        if (round == 1) {
            still = mac_of(vif, 1);
            g_assert_nonnull(still);
            write_state(vif, 1, XenbusStateClosed);
        } else if (round == 2) {
            /* Or the user does not wait. */
            qtest_qmp_assert_success(vm->qts, "{ 'execute': 'device_del',"
                                     " 'arguments': { 'id': 'hot' } }");
        }
        wait_deleted(vif, "hot");
        gone = mac_of(vif, 1);
        g_assert_null(gone);
    }
    /* What the guest has asked for is known after a migration, too. */
    vif = move(vif);
    add_nic(vif, "hot", "9");
    while (xen_pci_has(vif->vm, 0, 9)) {
        g_usleep(LOOK_AGAIN_US);
    }
    /* A new guest has not asked yet. */
    reset(vif);
    g_assert_true(xen_pci_has(vif->vm, 0, 9));
    add_nic(vif, "third", "a");
    qobject_unref(qtest_qmp(vif->vm->qts, "{ 'execute': 'query-status' }"));
    g_assert_true(xen_pci_has(vif->vm, 0, 10));
    xen_vif_stop(vif);
}

/* ---------------------------------------------- numbers where it is loaded -- */

#define FIRST_MAC   "52:54:00:01:02:99"
#define FIRST       "-device e1000,id=first,addr=5,mac=" FIRST_MAC

/* The first NIC is gone: the second's twin keeps its number, there and further. */
static void test_first_gone(const void *long_mode)
{
    XenVif *vif = xen_vif_start_twin(GPOINTER_TO_INT(long_mode), E1000, FIRST);

    expect_mac(vif, 0, FIRST_MAC);
    expect_mac(vif, 1, MAC);
    delete_nic(vif, "first", 5);
    for (unsigned i = 0; i < 3; i++) {
        if (i == 1) {
            /* A NIC that only the target has gets what is free. */
            vif = move_to(vif, FIRST);
            expect_mac(vif, 0, FIRST_MAC);
            delete_nic(vif, "first", 5);
        } else {
            vif = move(vif);
        }
        expect_mac(vif, 0, NULL);
        expect_mac(vif, 1, MAC);
        write_state(vif, 1, XenbusStateInitialised);
        qtest_system_reset(vif->vm->qts);
        xen_vm_set_up(vif->vm);
        vif->store = xen_store_open(vif->vm);
        expect_mac(vif, 0, NULL);
        expect_mac(vif, 1, MAC);
    }
    xen_vif_stop(vif);
}

/*
 * A NIC was plugged in at a slot before the other's: where both are there from the
 * start, it would be the first.  The guest goes on with its vif, as it was.
 */
static void test_swapped(const void *long_mode)
{
    static const char both[] = "-device e1000,id=hot,addr=5,mac=" FIRST_MAC;
    XenVif *vif = start(long_mode);

    qtest_qmp_assert_success(vif->vm->qts, "{ 'execute': 'device_add',"
                             " 'arguments': { 'driver': 'e1000',"
                             " 'id': 'hot', 'addr': '5', 'mac': %s } }",
                             FIRST_MAC);
    connect_vif(vif);
    for (unsigned i = 0; i < 3; i++) {
        vif = move_to(vif, both);
        expect_mac(vif, 0, MAC);
        expect_mac(vif, 1, FIRST_MAC);
        if (!i) {
            expect_no_network(vif, 1);
            xen_unplug(vif->vm, XEN_UNPLUG_NICS);
        }
        xen_vif_check_backend(vif, "carrier", "1");
        xen_vif_check_send(vif, 0, 0x30 + i);
        g_assert_false(xen_pci_has(vif->vm, 0, SLOT));
    }
    /* The emulated NICs are as they were at first. */
    reset(vif);
    g_assert_true(xen_pci_has(vif->vm, 0, 5));
    g_assert_true(xen_pci_has(vif->vm, 0, SLOT));
    connect_vif(vif);
    xen_unplug(vif->vm, XEN_UNPLUG_NICS);
    expect_works(vif);
    xen_vif_stop(vif);
}

/* A snapshot knows the numbers as well, for a VM where they have changed since. */
static void test_snapshot_numbers(const void *long_mode)
{
    XenVif *vif = xen_vif_start_twin(GPOINTER_TO_INT(long_mode), E1000, FIRST);
    XenSnapshot *snapshot;
    g_autofree char *said = NULL;

    delete_nic(vif, "first", 5);
    snapshot = xen_snapshot_new(vif->vm);
    qtest_qmp_assert_success(vif->vm->qts, "{ 'execute': 'cont' }");
    delete_nic(vif, "vif", SLOT);
    qtest_qmp_assert_success(vif->vm->qts, "{ 'execute': 'device_add',"
                             " 'arguments': { 'driver': 'e1000',"
                             " 'id': 'vif', 'addr': '8', 'netdev': 'net',"
                             " 'mac': %s } }", MAC);
    expect_mac(vif, 0, MAC);
    said = xen_snapshot_load(snapshot);
    g_assert_null(said);
    qtest_qmp_assert_success(vif->vm->qts, "{ 'execute': 'cont' }");
    expect_mac(vif, 0, NULL);
    expect_mac(vif, 1, MAC);
    xen_snapshot_free(snapshot);
    xen_vif_stop(vif);
}

static void expect_refused(XenVif *vif, const char *path, const char *device,
                           const char *options, const char *reason)
{
    g_autofree char *log = g_strdup_printf("%s.log", path);
    g_autofree char *all = g_strdup_printf("%s 2>%s", options, log);
    XenVif *target = xen_vif_start_twin_target(vif, device, all);

    xen_state_expect_reason(target->vm, path, log, reason);
    xen_vif_stop(target);
}

static void test_refused(const void *long_mode)
{
    XenVif *vif = xen_vif_start_twin(GPOINTER_TO_INT(long_mode), E1000, FIRST);
    g_autofree char *path = NULL;

    delete_nic(vif, "first", 5);
    path = xen_state_save(vif->vm);
    expect_refused(vif, path, "e1000,addr=9,mac=" MAC, "",
                   "xen-pv-twins: the incoming guest has a PV twin of a device "
                   "at 0000:00:08.0, and this machine has not");
    expect_refused(vif, path, E1000, "-device xen-net-device,idx=1",
                   "xen-pv-twins: the twin of the device at 0000:00:08.0: "
                   "there is a vif 1 already");
    xen_state_change(path, "1 0000:00:08.0", 0, 'x');
    expect_refused(vif, path, E1000, "",
                   "xen-pv-twins: its list of numbers is not a valid one");
    /* 64 KiB more than it has; an instance and a version are before the length. */
    xen_state_change(path, "xen-pv-twins", strlen("xen-pv-twins") + 8 + 1, 1);
    expect_refused(vif, path, E1000, "",
                   "xen-pv-twins/list of numbers too long");
    unlink(path);
    xen_vif_stop(vif);
}

/* The NIC goes while its twin has the network. */
static void test_netdev_goes(const void *long_mode)
{
    XenVif *vif = start(long_mode);

    connect_vif(vif);
    xen_unplug(vif->vm, XEN_UNPLUG_NICS);
    expect_works(vif);
    qtest_qmp_assert_success(vif->vm->qts, "{ 'execute': 'netdev_del',"
                             " 'arguments': { 'id': 'net' } }");
    xen_vif_check_backend(vif, "carrier", "0");
    reset(vif);
    g_assert_true(xen_pci_has(vif->vm, 0, SLOT));
    xen_vif_stop(vif);
}

/* As libvirt places a q35 machine's devices; and an e1000e has headers. */
static void test_root_port(const void *long_mode)
{
    XenVif *vif = xen_vif_start_twin(
        GPOINTER_TO_INT(long_mode), "e1000e,bus=rp,mac=" MAC,
        "-machine q35 -device pcie-root-port,id=rp,addr=8,chassis=1");

    xen_pci_write(vif->vm, 0, 8, 0x18, 0x00010100);
    g_assert_true(xen_pci_has(vif->vm, 1, 0));
    connect_vif(vif);
    xen_unplug(vif->vm, XEN_UNPLUG_NICS);
    g_assert_false(xen_pci_has(vif->vm, 1, 0));
    expect_works(vif);
    reset(vif);
    xen_pci_write(vif->vm, 0, 8, 0x18, 0x00010100);
    g_assert_true(xen_pci_has(vif->vm, 1, 0));
    xen_vif_check_backend(vif, "carrier", "0");
    xen_vif_stop(vif);
}

/* Each kind of PCI NIC has a twin; virtio has none. */
static void test_kinds(void)
{
    static const struct {
        const char *device;
        bool twin;
    } kinds[] = {
        { "e1000", true }, { "e1000e", true }, { "rtl8139", true },
        { "ne2k_pci", true }, { "pcnet", true }, { "i82551", true },
        { "vmxnet3", true }, { "igb", true }, { "tulip", true },
        { "virtio-net-pci", false },
    };

    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        g_autofree char *options = g_strdup_printf(
            "-machine q35,xen-pv-twins=on -nodefaults -device %s,id=nic",
            kinds[i].device);
        XenVm *vm = xen_vm_start_bare(1, true, NULL, options);
        QDict *answer = qtest_qmp(vm->qts, "{ 'execute': 'qom-get',"
                                  " 'arguments': {"
                                  " 'path': '/machine/peripheral/nic/xen-twin',"
                                  " 'property': 'type' } }");

        g_test_message("%s", kinds[i].device);
        g_assert_cmpint(qdict_haskey(answer, "return"), ==, kinds[i].twin);
        qobject_unref(answer);
        xen_unplug(vm, XEN_UNPLUG_NICS);
        qtest_system_reset(vm->qts);
        xen_vm_stop(vm);
    }
}

int main(int argc, char **argv)
{
    static const XenTest tests[] = {
        { "owner", test_owner },
        { "link", test_link },
        { "queries", test_queries },
        { "migration", test_migration },
        { "leaving", test_leaving },
        { "leaving-snapshot", test_leaving_snapshot },
        { "hot-plug", test_hot_plug },
        { "hot-plug-hidden", test_hot_plug_hidden },
        { "first-gone", test_first_gone },
        { "swapped", test_swapped },
        { "snapshot-numbers", test_snapshot_numbers },
        { "refused", test_refused },
        { "netdev-goes", test_netdev_goes },
        { "root-port", test_root_port },
    };

    g_test_init(&argc, &argv, NULL);
    xen_add_tests("twins-net", tests, ARRAY_SIZE(tests));
    qtest_add_func("xen/twins-net/kinds", test_kinds);
    return g_test_run();
}
