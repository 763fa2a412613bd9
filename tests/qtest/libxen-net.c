/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A vif's front end in a qtest, and the network at the other side of QEMU
 */
#include "qemu/osdep.h"
#include <sys/mman.h>
#include <sys/socket.h>
#include "qemu/atomic.h"
#include "libxen-net.h"

#include "hw/xen/interface/grant_table.h"
#include "hw/xen/interface/memory.h"

#define RAM_SIZE        (64u << 20)
#define GRANT_FRAMES    4
#define GRANTS_A_FRAME  (XEN_PAGE_SIZE / sizeof(grant_entry_v1_t))
#define FIRST_REF       16      /* behind the reserved ones */
#define TX_RING_REF(q)  (FIRST_REF + 2 * (q))
#define RX_RING_REF(q)  (FIRST_REF + 2 * (q) + 1)
#define FIRST_TX_REF    64
#define FIRST_RX_REF    (FIRST_TX_REF + XEN_VIF_TX_PAGES)
#define LOOK_AGAIN_US   50
/* Much longer than anything takes on a busy machine. */
#define PATIENCE_S      60

G_STATIC_ASSERT(FIRST_RX_REF + XEN_VIF_RX_PAGES <=
                GRANT_FRAMES * GRANTS_A_FRAME);

uint32_t xen_vif_tx_ref(unsigned page)
{
    return FIRST_TX_REF + page;
}

uint32_t xen_vif_rx_ref(unsigned page)
{
    return FIRST_RX_REF + page;
}

/* ------------------------------------------------------------------ set-up */

static uint64_t new_pages(XenVm *vm, unsigned nr)
{
    uint64_t gpa = xen_vm_page(vm);

    for (unsigned i = 1; i < nr; i++) {
        xen_vm_page(vm);
    }
    g_assert_cmpuint(vm->next_page, <=, RAM_SIZE);
    return gpa;
}

static void grant(grant_entry_v1_t *table, uint32_t ref, uint64_t gpa,
                  unsigned nr)
{
    for (unsigned i = 0; i < nr; i++) {
        table[ref + i] = (grant_entry_v1_t) {
            .flags = GTF_permit_access,
            .frame = gpa / XEN_PAGE_SIZE + i,
        };
    }
}

static void set_up_grants(XenVif *vif)
{
    g_autofree grant_entry_v1_t *table =
        g_new0(grant_entry_v1_t, GRANT_FRAMES * GRANTS_A_FRAME);

    for (unsigned i = 0; i < GRANT_FRAMES; i++) {
        g_assert_cmpint(xen_add_to_physmap(vif->vm, XENMAPSPACE_grant_table, i,
                                           vif->table + i * XEN_PAGE_SIZE), ==,
                        0);
    }
    for (unsigned i = 0; i < XEN_VIF_MAX_QUEUES; i++) {
        grant(table, TX_RING_REF(i), vif->queue[i].tx_gpa, 1);
        grant(table, RX_RING_REF(i), vif->queue[i].rx_gpa, 1);
    }
    grant(table, FIRST_TX_REF, vif->tx_data, XEN_VIF_TX_PAGES);
    grant(table, FIRST_RX_REF, vif->rx_data, XEN_VIF_RX_PAGES);
    /* The reserved entries are the machine's. */
    qtest_memwrite(vif->vm->qts, vif->table + FIRST_REF * sizeof(*table),
                   table + FIRST_REF,
                   (GRANT_FRAMES * GRANTS_A_FRAME - FIRST_REF) *
                   sizeof(*table));
}

static int share_ram(XenVif *vif)
{
    int fd = g_file_open_tmp("xen-vif-XXXXXX", &vif->ram_path, NULL);

    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(ftruncate(fd, RAM_SIZE), ==, 0);
    vif->ram = mmap(NULL, RAM_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    g_assert(vif->ram != MAP_FAILED);
    return fd;
}

/*
 * @device: for netdev "net".  @old: NULL, or whose guest it waits for.
 * @nr_vcpus: 0 for one vCPU whose guest has taken its first steps.
 */
static void start_qemu(XenVif *vif, const XenVm *old, unsigned nr_vcpus,
                       bool long_mode, const char *accel, const char *device,
                       const char *netdev)
{
    g_autofree char *options = NULL, *socket_netdev = NULL;
    const struct timeval patience = { .tv_sec = PATIENCE_S };
    int fds[2] = { -1, -1 }, ram = share_ram(vif);

    vif->network = -1;
    if (!netdev) {
        g_assert_cmpint(socketpair(AF_UNIX, SOCK_DGRAM, 0, fds), ==, 0);
        vif->network = fds[0];
        g_assert_cmpint(setsockopt(fds[0], SOL_SOCKET, SO_RCVTIMEO, &patience,
                                   sizeof(patience)), ==, 0);
        socket_netdev = g_strdup_printf(
            "dgram,id=net,local.type=fd,local.str=%d", fds[1]);
    }
    options = g_strdup_printf(
        "-nodefaults -m %uM -object memory-backend-file,id=ram,share=on,"
        "size=%uM,mem-path=%s -machine memory-backend=ram "
        "-netdev %s -object iothread,id=io %s%s", RAM_SIZE >> 20,
        RAM_SIZE >> 20, vif->ram_path, netdev ?: socket_netdev, device,
        old ? " -incoming defer" : "");
    vif->vm = old ? xen_vm_start_target(old, NULL, options) :
              nr_vcpus ? xen_vm_start_bare(nr_vcpus, long_mode, accel, options) :
              xen_vm_start(1, long_mode, options);
    close(ram);
    if (fds[1] >= 0) {
        close(fds[1]);
    }
    unlink(vif->ram_path);
}

static char *pv_device(const char *properties)
{
    return g_strdup_printf("-device xen-net-device,netdev=net,id=vif%s%s%s",
                           xen_vif_iothread ? ",iothread=io" : "",
                           properties ? "," : "", properties ?: "");
}

static char *twin_device(const char *device, const char *options)
{
    return g_strdup_printf("-machine xen-pv-twins=on %s -device "
                           "%s,netdev=net,id=vif", options, device);
}

static XenVif *start_target(const XenVif *vif, const char *device,
                            const char *netdev)
{
    XenVif *target = g_memdup2(vif, sizeof(*vif));

    start_qemu(target, vif->vm, 0, false, NULL, device, netdev);
    target->backend = g_strdup(vif->backend);
    target->store.vm = target->vm;
    /* Only the test's own frames: QEMU would say where the MAC is now. */
    qtest_qmp_assert_success(target->vm->qts,
                             "{ 'execute': 'migrate-set-parameters',"
                             " 'arguments': { 'announce-rounds': 0 } }");
    for (unsigned i = 0; i < XEN_VIF_MAX_QUEUES; i++) {
        XenVifQueue *q = &target->queue[i];

        q->tx = (void *)(target->ram + q->tx_gpa);
        q->rx = (void *)(target->ram + q->rx_gpa);
    }
    return target;
}

XenVif *xen_vif_start_target(const XenVif *vif, const char *properties,
                             const char *netdev)
{
    g_autofree char *device = pv_device(properties);

    return start_target(vif, device, netdev);
}

XenVif *xen_vif_start_twin_target(const XenVif *vif, const char *device,
                                  const char *options)
{
    g_autofree char *all = twin_device(device, options);

    return start_target(vif, all, NULL);
}

void xen_vif_set_up(XenVif *vif)
{
    XenStoreMessage answer;

    for (unsigned i = 0; i < XEN_VIF_MAX_QUEUES; i++) {
        vif->queue[i].tx_port = xen_alloc_unbound(vif->vm, 0);
        vif->queue[i].rx_port = xen_alloc_unbound(vif->vm, 0);
    }
    set_up_grants(vif);
    vif->store = xen_store_open(vif->vm);
    xen_store_request(&vif->store, XS_READ, 0,
                      XEN_STORE_STRINGS("device/vif/0/backend"), &answer);
    g_assert_cmpuint(answer.header.type, ==, XS_READ);
    g_free(vif->backend);
    vif->backend = g_strdup(answer.payload);
}

static XenVif *start_bare(unsigned nr_vcpus, bool long_mode, const char *accel,
                          const char *device, const char *netdev)
{
    XenVif *vif = g_new0(XenVif, 1);

    start_qemu(vif, NULL, nr_vcpus, long_mode, accel, device, netdev);
    for (unsigned i = 0; i < XEN_VIF_MAX_QUEUES; i++) {
        XenVifQueue *q = &vif->queue[i];

        q->tx_gpa = new_pages(vif->vm, 1);
        q->rx_gpa = new_pages(vif->vm, 1);
        q->tx = (void *)(vif->ram + q->tx_gpa);
        q->rx = (void *)(vif->ram + q->rx_gpa);
    }
    vif->table = new_pages(vif->vm, GRANT_FRAMES);
    vif->tx_data = new_pages(vif->vm, XEN_VIF_TX_PAGES);
    vif->rx_data = new_pages(vif->vm, XEN_VIF_RX_PAGES);
    return vif;
}

static XenVif *start(bool long_mode, const char *device, const char *netdev)
{
    XenVif *vif = start_bare(0, long_mode, NULL, device, netdev);

    xen_vif_set_up(vif);
    return vif;
}

XenVif *xen_vif_start(bool long_mode, const char *properties,
                      const char *netdev)
{
    g_autofree char *device = pv_device(properties);

    return start(long_mode, device, netdev);
}

XenVif *xen_vif_start_twin(bool long_mode, const char *device,
                           const char *options)
{
    g_autofree char *all = twin_device(device, options);
    XenVif *vif = start(long_mode, all, NULL);

    vif->twin = true;
    return vif;
}

XenVif *xen_vif_start_twin_bare(unsigned nr_vcpus, bool long_mode,
                                const char *accel, const char *device,
                                const char *options)
{
    g_autofree char *all = twin_device(device, options);
    XenVif *vif = start_bare(nr_vcpus, long_mode, accel, all, NULL);

    vif->twin = true;
    return vif;
}

void xen_vif_stop(XenVif *vif)
{
    xen_vm_stop(vif->vm);
    munmap(vif->ram, RAM_SIZE);
    if (vif->network >= 0) {
        close(vif->network);
    }
    g_free(vif->ram_path);
    g_free(vif->backend);
    g_free(vif);
}

/* ---------------------------------------------------------------- xenstore */

void xen_vif_write(XenVif *vif, const char *key, const char *value)
{
    /* The value follows the path's last 0, and has none itself. */
    g_autoptr(GString) payload = g_string_new(NULL);

    g_string_printf(payload, "device/vif/0/%s", key);
    g_string_append_c(payload, 0);
    g_string_append(payload, value);
    xen_store_expect(&vif->store, XS_WRITE, 0,
                     (XenStoreBytes) { payload->str, payload->len },
                     XEN_STORE_STRINGS("OK"));
}

static void write_number(XenVif *vif, const char *key, unsigned value)
{
    g_autofree char *text = g_strdup_printf("%u", value);

    xen_vif_write(vif, key, text);
}

char *xen_vif_read_backend(XenVif *vif, const char *key)
{
    g_autofree char *path = g_strdup_printf("%s/%s", vif->backend, key);
    XenStoreMessage answer;

    xen_store_request(&vif->store, XS_READ, 0,
                      (XenStoreBytes) { path, strlen(path) + 1 }, &answer);
    return answer.header.type == XS_READ ? g_strdup(answer.payload) : NULL;
}

static enum xenbus_state backend_state(XenVif *vif)
{
    g_autofree char *state = xen_vif_read_backend(vif, "state");

    g_assert(state);
    return atoi(state);
}

void xen_vif_wait_state(XenVif *vif, enum xenbus_state state)
{
    while (backend_state(vif) != state) {
        g_usleep(LOOK_AGAIN_US);
    }
}

static void init_rings(XenVifQueue *q)
{
    SHARED_RING_INIT(q->tx);
    SHARED_RING_INIT(q->rx);
    q->tx_prod = q->tx_cons = q->rx_prod = q->rx_cons = 0;
}

static void write_queue(XenVif *vif, unsigned i, unsigned nr_queues,
                        bool split)
{
    XenVifQueue *q = &vif->queue[i];
    g_autofree char *prefix =
        nr_queues == 1 ? g_strdup("") : g_strdup_printf("queue-%u/", i);
    const struct {
        const char *key;
        unsigned value;
        bool needed;
    } nodes[] = {
        { "tx-ring-ref", TX_RING_REF(i), true },
        { "rx-ring-ref", RX_RING_REF(i), true },
        { "event-channel-tx", q->tx_port, split },
        { "event-channel-rx", q->rx_port, split },
        { "event-channel", q->tx_port, !split },
    };

    for (size_t n = 0; n < ARRAY_SIZE(nodes); n++) {
        g_autofree char *key = g_strconcat(prefix, nodes[n].key, NULL);

        if (nodes[n].needed) {
            write_number(vif, key, nodes[n].value);
        }
    }
    if (!split) {
        q->rx_port = q->tx_port;
    }
}

enum xenbus_state xen_vif_connect(XenVif *vif, unsigned nr_queues, bool split,
                                  const char *nodes)
{
    g_auto(GStrv) pairs = g_strsplit(nodes, " ", 0);
    enum xenbus_state state;

    vif->nr_queues = nr_queues;
    xen_vif_wait_state(vif, XenbusStateInitWait);
    for (unsigned i = 0; i < nr_queues; i++) {
        init_rings(&vif->queue[i]);
        write_queue(vif, i, nr_queues, split);
    }
    if (nr_queues > 1) {
        write_number(vif, "multi-queue-num-queues", nr_queues);
    }
    for (char **pair = pairs; *pair; pair++) {
        char *value = strchr(*pair, '=');

        *value++ = 0;
        xen_vif_write(vif, *pair, value);
    }
    write_number(vif, "state", XenbusStateConnected);
    do {
        state = backend_state(vif);
    } while (state == XenbusStateInitWait);
    return state;
}

void xen_vif_disconnect(XenVif *vif)
{
    write_number(vif, "state", XenbusStateClosing);
    xen_vif_wait_state(vif, XenbusStateClosing);
    write_number(vif, "state", XenbusStateClosed);
    xen_vif_wait_state(vif, XenbusStateClosed);
    write_number(vif, "state", XenbusStateInitialising);
    xen_vif_wait_state(vif, XenbusStateInitWait);
}

/* -------------------------------------------------------------------- send */

static void put_slot(XenVifQueue *q, const void *slot, size_t len)
{
    memcpy(&q->tx->ring[q->tx_prod % XEN_VIF_RING_SIZE], slot, len);
    q->tx_prod++;
}

void xen_vif_put_tx(XenVif *vif, unsigned queue, uint32_t ref, uint16_t offset,
                    uint16_t flags, uint16_t size)
{
    netif_tx_request_t req = {
        .gref = ref, .offset = offset, .flags = flags, .size = size,
        .id = vif->queue[queue].tx_prod,
    };

    put_slot(&vif->queue[queue], &req, sizeof(req));
}

void xen_vif_put_extra(XenVif *vif, unsigned queue,
                       const netif_extra_info_t *extra)
{
    put_slot(&vif->queue[queue], extra, sizeof(*extra));
}

unsigned xen_vif_put_frame(XenVif *vif, unsigned queue, unsigned page,
                           const uint8_t *frame, size_t size,
                           const size_t *piece, unsigned nr, uint16_t flags,
                           const netif_extra_info_t *extra)
{
    size_t done = 0;

    for (unsigned i = 0; i < nr; i++) {
        /* As far back on its page as it may be. */
        unsigned offset = XEN_PAGE_SIZE - piece[i];

        memcpy(xen_vif_tx_page(vif, page + i) + offset, frame + done,
               piece[i]);
        done += piece[i];
        xen_vif_put_tx(vif, queue, xen_vif_tx_ref(page + i), offset,
                       (i ? 0 : flags) |
                       (i < nr - 1 ? NETTXF_more_data : 0) |
                       (!i && extra ? NETTXF_extra_info : 0),
                       i ? piece[i] : size);
        if (!i && extra) {
            xen_vif_put_extra(vif, queue, extra);
        }
    }
    g_assert_cmpuint(done, ==, size);
    return nr + !!extra;
}

/* New requests from @old on are to be seen; true: they ask for an event. */
static bool publish(RING_IDX *prod, RING_IDX *event, uint32_t new)
{
    uint32_t old = *prod;

    qatomic_store_release(prod, new);
    /* The back end writes req_event and then reads req_prod. */
    smp_mb();
    return new - qatomic_read(event) < new - old;
}

void xen_vif_push_tx(XenVif *vif, unsigned queue)
{
    XenVifQueue *q = &vif->queue[queue];

    if (publish(&q->tx->req_prod, &q->tx->req_event, q->tx_prod)) {
        xen_send(vif->vm, q->tx_port);
    }
}

int xen_vif_answer(XenVif *vif, unsigned queue)
{
    XenVifQueue *q = &vif->queue[queue];
    gint64 start = g_get_monotonic_time();
    netif_tx_response_t rsp;

    while (qatomic_load_acquire(&q->tx->rsp_prod) == q->tx_cons) {
        g_assert_cmpint(g_get_monotonic_time() - start, <,
                        PATIENCE_S * G_USEC_PER_SEC);
        g_usleep(LOOK_AGAIN_US);
    }
    rsp = q->tx->ring[q->tx_cons % XEN_VIF_RING_SIZE].rsp;
    if (rsp.status != NETIF_RSP_NULL) {
        g_assert_cmpuint(rsp.id, ==, (uint16_t)q->tx_cons);
    }
    q->tx_cons++;
    return rsp.status;
}

void xen_vif_expect_answers(XenVif *vif, unsigned queue, int status)
{
    XenVifQueue *q = &vif->queue[queue];

    while (q->tx_cons != q->tx_prod) {
        int got = xen_vif_answer(vif, queue);

        if (got != NETIF_RSP_NULL) {
            g_assert_cmpint(got, ==, status);
        }
    }
    g_assert_cmpuint(qatomic_read(&q->tx->rsp_prod), ==, q->tx_prod);
}

/* ----------------------------------------------------------------- receive */

/* Each slot of a ring has its own page. */
static unsigned rx_page(unsigned queue, uint32_t index)
{
    return queue * XEN_VIF_RING_SIZE + index % XEN_VIF_RING_SIZE;
}

void xen_vif_post_rx(XenVif *vif, unsigned queue, unsigned nr)
{
    XenVifQueue *q = &vif->queue[queue];

    for (unsigned i = 0; i < nr; i++, q->rx_prod++) {
        netif_rx_request_t req = {
            .id = q->rx_prod,
            .gref = xen_vif_rx_ref(rx_page(queue, q->rx_prod)),
        };

        memcpy(&q->rx->ring[q->rx_prod % XEN_VIF_RING_SIZE], &req,
               sizeof(req));
    }
    if (publish(&q->rx->req_prod, &q->rx->req_event, q->rx_prod)) {
        xen_send(vif->vm, q->rx_port);
    }
}

bool xen_vif_has_rx(XenVif *vif, unsigned queue)
{
    XenVifQueue *q = &vif->queue[queue];

    return qatomic_load_acquire(&q->rx->rsp_prod) != q->rx_cons;
}

static void next_rx(XenVif *vif, unsigned queue, void *slot)
{
    XenVifQueue *q = &vif->queue[queue];
    gint64 start = g_get_monotonic_time();

    while (!xen_vif_has_rx(vif, queue)) {
        g_assert_cmpint(g_get_monotonic_time() - start, <,
                        PATIENCE_S * G_USEC_PER_SEC);
        g_usleep(LOOK_AGAIN_US);
    }
    memcpy(slot, &q->rx->ring[q->rx_cons % XEN_VIF_RING_SIZE],
           sizeof(netif_rx_response_t));
    q->rx_cons++;
}

void xen_vif_get_frame(XenVif *vif, unsigned queue, XenVifFrame *frame)
{
    netif_rx_response_t rsp;

    frame->size = 0;
    frame->nr_slots = 0;
    frame->failed = false;
    frame->extra.type = 0;
    do {
        uint32_t index = vif->queue[queue].rx_cons;

        next_rx(vif, queue, &rsp);
        g_assert_cmpuint(rsp.id, ==, (uint16_t)index);
        if (rsp.status < 0) {
            frame->failed = true;
        } else {
            g_assert_cmpuint(rsp.offset + rsp.status, <=, XEN_PAGE_SIZE);
            g_assert_cmpuint(frame->size + rsp.status, <=,
                             sizeof(frame->data));
            memcpy(frame->data + frame->size,
                   xen_vif_rx_page(vif, rx_page(queue, index)) + rsp.offset,
                   rsp.status);
            frame->size += rsp.status;
        }
        if (!frame->nr_slots) {
            frame->flags = rsp.flags;
            if (rsp.flags & NETRXF_extra_info) {
                next_rx(vif, queue, &frame->extra);
                g_assert(!(frame->extra.flags & XEN_NETIF_EXTRA_FLAG_MORE));
            }
        }
        frame->nr_slots++;
    } while (rsp.flags & NETRXF_more_data);
}
