/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Guests that are no Linux: the machine, its devices' rings; see libxen-front.h
 */
#include "qemu/osdep.h"
#include "qemu/atomic.h"
#include "libxen-con-reader.h"
#include "libxen-front.h"

#include "hw/xen/interface/grant_table.h"
#include "hw/xen/interface/memory.h"
#include "hw/xen/interface/sched.h"

/* Behind those of libxen-blk (indirect pages) and libxen-net (buffers). */
#define FIRST_REF       1700
#define REFS_A_FRAME    (XEN_PAGE_SIZE / sizeof(grant_entry_v1_t))
#define SECTORS_A_PAGE  (XEN_PAGE_SIZE / XEN_VBD_SECTOR)

/* ---------------------------------------------------------------- machine -- */

XenFront *xen_front_start(const XenFrontSystem *system, bool long_mode)
{
    XenFront *f = g_new0(XenFront, 1);
    g_autofree char *console = xen_con_pair_option("con", &f->reader);
    g_autofree char *options = NULL;

    f->image = xen_new_file(XEN_FRONT_DISK_SIZE);
    options = g_strdup_printf(
        "%s -device xen-console,chardev=con "
        "-blockdev file,node-name=file,filename=%s "
        "-blockdev raw,node-name=fmt,file=file "
        "-device ide-hd,drive=fmt,id=hd,bus=ide.0,unit=0", console, f->image);
    f->system = system;
    f->vif = xen_vif_start_twin_bare(
        system->nr_vcpus, long_mode, system->accel,
        "e1000,addr=" stringify(XEN_FRONT_NIC_SLOT) ",mac=" XEN_FRONT_MAC,
        options);
    xen_con_close_option_fd(console);
    f->vm = f->vif->vm;
    f->vbd = (XenVbd) {
        .vm = f->vm, .ram = f->vif->ram, .number = XEN_FRONT_DISK,
        .rings = f->vm->next_page,
        .data = f->vm->next_page + XEN_PAGE_SIZE *
                (XEN_VBD_MAX_QUEUES << XEN_VBD_MAX_ORDER),
    };
    f->vm->next_page = f->vbd.data + XEN_PAGE_SIZE *
                       (XEN_VBD_DATA_PAGES + XEN_VBD_INDIRECT_PAGES);
    f->watches = g_queue_new();
    f->refs = g_array_new(false, false, sizeof(uint32_t));
    qtest_irq_intercept_in(f->vm->qts, "ioapic");
    return f;
}

void xen_front_forget(XenFront *f)
{
    XenVm *vm = f->vm;

    memset(f->fired, 0, sizeof(f->fired));
    memset(f->masked, 0, sizeof(f->masked));
    g_queue_clear_full(f->watches, g_free);
    g_array_set_size(f->refs, 0);
    g_array_set_size(vm->array, 0);
    memset(vm->control, 0, sizeof(vm->control));
    memset(vm->head, 0, sizeof(vm->head));
    memset(vm->vcpu_of, 0, sizeof(vm->vcpu_of));
    f->store.next_id = 1;
}

void xen_front_stop(XenFront *f)
{
    xen_front_forget(f);
    xen_vif_stop(f->vif);
    close(f->reader);
    xen_remove_file(f->image);
    g_queue_free(f->watches);
    g_array_free(f->refs, true);
    g_free(f);
}

static int64_t shut_down(XenFront *f, unsigned reason)
{
    struct sched_shutdown op = { .reason = reason };

    return xen_op(f->vm, 0, __HYPERVISOR_sched_op, SCHEDOP_shutdown, &op,
                  sizeof(op));
}

void xen_front_reboot(XenFront *f)
{
    shut_down(f, SHUTDOWN_reboot);
    qtest_qmp_eventwait(f->vm->qts, "RESET");
    xen_front_forget(f);
}

void xen_front_suspend(XenFront *f)
{
    /* 1: everything is as it was. */
    g_assert_cmpint(shut_down(f, SHUTDOWN_suspend), ==, 1);
    qtest_qmp_eventwait(f->vm->qts, "STOP");
    qtest_qmp_assert_success(f->vm->qts, "{ 'execute': 'cont' }");
    qtest_qmp_eventwait(f->vm->qts, "RESUME");
}

void xen_front_host_write(XenFront *f, const char *path, const char *value)
{
    qtest_qmp_assert_success(f->vm->qts, "{ 'execute': 'xenstore-write', "
                             "'arguments': { 'path': %s, 'value': %s } }",
                             path, value);
}

/* ----------------------------------------------------------------- grants -- */

static uint64_t entry_gpa(XenFront *f, uint32_t ref)
{
    return f->table + ref * sizeof(grant_entry_v1_t);
}

/* One command of the protocol, since there are many of them. */
static void write_entry(XenFront *f, uint32_t ref, uint64_t gpa,
                        uint16_t flags)
{
    const grant_entry_v1_t entry = {
        .flags = flags, .frame = gpa / XEN_PAGE_SIZE,
    };

    qtest_memwrite(f->vm->qts, entry_gpa(f, ref), &entry, sizeof(entry));
}

unsigned xen_front_max_frames(XenFront *f)
{
    struct gnttab_query_size op = { .dom = DOMID_SELF };
    XenVm *vm = f->vm;

    qtest_memwrite(vm->qts, vm->scratch, &op, sizeof(op));
    g_assert_cmpint(XEN_CALL(vm, 0, __HYPERVISOR_grant_table_op,
                             GNTTABOP_query_size, vm->scratch, 1), ==, 0);
    qtest_memread(vm->qts, vm->scratch, &op, sizeof(op));
    g_assert_cmpint(op.status, ==, GNTST_okay);
    return op.max_nr_frames;
}

void xen_front_use_grants(XenFront *f, uint64_t table, unsigned nr_frames)
{
    g_array_set_size(f->refs, 0);
    f->table = f->vbd.table = f->vif->table = table;
    for (uint32_t ref = nr_frames * REFS_A_FRAME - 1; ref >= FIRST_REF; ref--) {
        g_array_append_val(f->refs, ref);
    }
    g_assert_cmpuint(f->refs->len, >, 0);
    for (unsigned i = 0; i < XEN_VIF_RX_PAGES / 2; i++) {
        write_entry(f, xen_vif_rx_ref(i), f->vif->rx_data + i * XEN_PAGE_SIZE,
                    GTF_permit_access);
    }
}

void xen_front_map_grants(XenFront *f, unsigned nr_frames)
{
    uint64_t table = f->vm->next_page;

    f->vm->next_page += nr_frames * XEN_PAGE_SIZE;
    g_assert_cmpuint(xen_front_max_frames(f), >=, nr_frames);
    for (unsigned i = 0; i < nr_frames; i++) {
        g_assert_cmpint(xen_add_to_physmap(f->vm, XENMAPSPACE_grant_table, i,
                                           table + i * XEN_PAGE_SIZE), ==, 0);
    }
    xen_front_use_grants(f, table, nr_frames);
}

uint32_t xen_front_grant(XenFront *f, uint64_t gpa, bool read_only)
{
    uint32_t ref = g_array_index(f->refs, uint32_t, f->refs->len - 1);

    g_array_set_size(f->refs, f->refs->len - 1);
    write_entry(f, ref, gpa, GTF_permit_access | (read_only ? GTF_readonly : 0));
    return ref;
}

void xen_front_revoke(XenFront *f, uint32_t ref)
{
    uint16_t flags = qtest_readw(f->vm->qts, entry_gpa(f, ref));

    g_assert_cmphex(flags & (GTF_reading | GTF_writing), ==, 0);
    write_entry(f, ref, 0, 0);
    g_array_append_val(f->refs, ref);
}

uint64_t xen_front_granted(XenFront *f, uint32_t ref)
{
    g_assert_cmphex(qtest_readw(f->vm->qts, entry_gpa(f, ref)) & GTF_type_mask,
                    ==, GTF_permit_access);
    return (uint64_t)qtest_readl(f->vm->qts, entry_gpa(f, ref) +
                                 offsetof(grant_entry_v1_t, frame)) *
           XEN_PAGE_SIZE;
}

/* ------------------------------------------------------------------- disk -- */

void xen_front_disk_ring(XenFront *f, unsigned queue, unsigned order,
                         uint32_t port, uint32_t *ref)
{
    XenVbdQueue *q = &f->vbd.queue[queue];

    f->vbd.order = order;
    *q = (XenVbdQueue) {
        .gpa = f->vbd.rings + (queue << XEN_VBD_MAX_ORDER) * XEN_PAGE_SIZE,
        .port = port, .size = 32u << order,
    };
    memset(f->vbd.ram + q->gpa, 0, XEN_PAGE_SIZE << order);
    *XEN_VBD_INDEX(&f->vbd, queue, req_event) = 1;
    *XEN_VBD_INDEX(&f->vbd, queue, rsp_event) = 1;
    for (unsigned i = 0; i < 1u << order; i++) {
        ref[i] = xen_front_grant(f, q->gpa + i * XEN_PAGE_SIZE, false);
    }
}

static void get_answer(XenFront *f, unsigned queue, XenVbdAnswer *a)
{
    while (!xen_vbd_poll(&f->vbd, queue, a)) {
        /* It has set rsp_event after it took the one before. */
        smp_mb();
        if (xen_vbd_poll(&f->vbd, queue, a)) {
            return;
        }
        xen_front_wait(f, f->vbd.queue[queue].port);
    }
}

/* A request that is in the ring. */
typedef struct Request {
    uint8_t op;
    unsigned page, nr, indirect_page;
    uint32_t ref[XEN_VBD_MAX_SEGMENTS];
} Request;

/* Where xen_vbd_put() will write the segments. */
static unsigned indirect_page(XenFront *f, unsigned queue)
{
    XenVbdQueue *q = &f->vbd.queue[queue];

    return XEN_VBD_DATA_PAGES + (queue * 128 + q->prod % q->size) %
           XEN_VBD_INDIRECT_PAGES;
}

static void put_request(XenFront *f, unsigned queue, Request *r,
                        uint64_t sector, uint64_t id)
{
    bool indirect = r->nr > 11;

    for (unsigned i = 0; i < r->nr; i++) {
        r->ref[i] = xen_front_grant(
            f, f->vbd.data + (r->page + i) * XEN_PAGE_SIZE,
            r->op == BLKIF_OP_WRITE);
    }
    if (indirect) {
        r->indirect_page = indirect_page(f, queue);
        xen_vbd_set_grant(&f->vbd, r->indirect_page,
                          GTF_permit_access | GTF_readonly);
    }
    xen_vbd_put(&f->vbd, queue, &(XenVbdRequest) {
        .op = r->op, .indirect = indirect, .id = id, .sector = sector,
        .nr = r->nr, .last = SECTORS_A_PAGE - 1, .ref = r->ref,
    });
}

static void end_request(XenFront *f, Request *r)
{
    for (unsigned i = 0; i < r->nr; i++) {
        xen_front_revoke(f, r->ref[i]);
    }
    if (r->nr > 11) {
        xen_vbd_set_grant(&f->vbd, r->indirect_page, 0);
    }
}

int16_t xen_front_disk_request(XenFront *f, unsigned queue, uint8_t op,
                               uint64_t sector, unsigned page, unsigned nr)
{
    Request r = { .op = op, .page = page, .nr = nr };
    XenVbdAnswer a;

    put_request(f, queue, &r, sector, 77);
    xen_vbd_push(&f->vbd, queue);
    get_answer(f, queue, &a);
    g_assert_cmpuint(a.id, ==, 77);
    g_assert_cmpuint(a.op, ==, op);
    end_request(f, &r);
    return a.status;
}

static void fill(uint8_t *data, size_t size, uint32_t seed)
{
    for (size_t i = 0; i < size; i++) {
        seed = seed * 1103515245 + 12345;
        data[i] = seed >> 16;
    }
}

static void expect_file(XenFront *f, uint64_t offset, const uint8_t *data,
                        size_t size)
{
    g_autofree uint8_t *got = g_malloc(size);
    int fd = open(f->image, O_RDONLY);

    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(pread(fd, got, size, offset), ==, size);
    close(fd);
    g_assert_true(!memcmp(got, data, size));
}

#define AT_ONCE     4

/* All are in the ring before the back end hears of the first. */
static void disk_requests(XenFront *f, unsigned queue, uint8_t op,
                          unsigned page, unsigned nr)
{
    g_autofree Request *r = g_new0(Request, AT_ONCE);
    XenVbdAnswer a;

    for (unsigned i = 0; i < AT_ONCE; i++) {
        r[i] = (Request) { .op = op, .page = page + i * nr, .nr = nr };
        put_request(f, queue, &r[i], i * nr * SECTORS_A_PAGE, i);
    }
    xen_vbd_push(&f->vbd, queue);
    for (unsigned i = 0; i < AT_ONCE; i++) {
        get_answer(f, queue, &a);
        g_assert_cmpuint(a.id, <, AT_ONCE);
        g_assert_cmpuint(a.op, ==, op);
        g_assert_cmpint(a.status, ==, BLKIF_RSP_OKAY);
        end_request(f, &r[a.id]);
        r[a.id].nr = 0;
    }
}

void xen_front_check_disk(XenFront *f, unsigned queue, unsigned nr,
                          uint8_t mark)
{
    size_t size = AT_ONCE * nr * XEN_PAGE_SIZE;
    g_autofree uint8_t *data = g_malloc(size);
    uint8_t *written = xen_vbd_page(&f->vbd, 0);
    uint8_t *got = xen_vbd_page(&f->vbd, AT_ONCE * nr);

    g_assert_cmpuint(2 * AT_ONCE * nr, <=, XEN_VBD_DATA_PAGES);
    g_assert_cmpuint(size, <=, XEN_FRONT_DISK_SIZE);
    fill(data, size, mark);
    memcpy(written, data, size);
    disk_requests(f, queue, BLKIF_OP_WRITE, 0, nr);
    g_assert_cmpint(xen_front_disk_request(f, queue, BLKIF_OP_FLUSH_DISKCACHE,
                                           0, 0, 0), ==, BLKIF_RSP_OKAY);
    memset(got, 0, size);
    disk_requests(f, queue, BLKIF_OP_READ, AT_ONCE * nr, nr);
    g_assert_true(!memcmp(got, data, size));
    g_assert_true(!memcmp(written, data, size));
    expect_file(f, 0, data, size);
}

/* ---------------------------------------------------------------- network -- */

void xen_front_net_rings(XenFront *f, unsigned queue, uint32_t tx_port,
                         uint32_t rx_port, uint32_t *tx_ref, uint32_t *rx_ref)
{
    XenVifQueue *q = &f->vif->queue[queue];

    memset(q->tx, 0, XEN_PAGE_SIZE);
    memset(q->rx, 0, XEN_PAGE_SIZE);
    SHARED_RING_INIT(q->tx);
    SHARED_RING_INIT(q->rx);
    q->tx_prod = q->tx_cons = q->rx_prod = q->rx_cons = 0;
    q->tx_port = tx_port;
    q->rx_port = rx_port;
    *tx_ref = xen_front_grant(f, q->tx_gpa, false);
    *rx_ref = xen_front_grant(f, q->rx_gpa, false);
}

static void wait_ring(XenFront *f, uint32_t port, RING_IDX *prod,
                      RING_IDX *event, uint32_t cons)
{
    for (;;) {
        qatomic_set(event, cons + 1);
        /* Before the last look: with the back end's, which does the reverse. */
        smp_mb();
        if (qatomic_load_acquire(prod) != cons) {
            return;
        }
        xen_front_wait(f, port);
    }
}

#define MAX_PIECES  3

static void send_frame(XenFront *f, unsigned queue, unsigned nr, uint8_t mark)
{
    static const size_t sizes[MAX_PIECES + 1] = { 0, 1400, 3000, 7000 };
    XenVif *vif = f->vif;
    XenVifQueue *q = &vif->queue[queue];
    size_t size = sizes[nr], done = 0;
    g_autofree uint8_t *frame = g_malloc(size);
    uint32_t ref[MAX_PIECES];

    fill(frame, size, mark);
    memset(frame, 0xff, 6);
    for (unsigned i = 0; i < nr; i++) {
        size_t piece = i < nr - 1 ? size / nr : size - done;

        ref[i] = xen_front_grant(f, vif->tx_data + i * XEN_PAGE_SIZE, true);
        memcpy(xen_vif_tx_page(vif, i) + 64, frame + done, piece);
        xen_vif_put_tx(vif, queue, ref[i], 64,
                       i < nr - 1 ? NETTXF_more_data : 0, i ? piece : size);
        done += piece;
    }
    xen_vif_push_tx(vif, queue);
    xen_vif_network_expect(vif, frame, size);
    for (unsigned i = 0; i < nr; i++) {
        wait_ring(f, q->tx_port, &q->tx->rsp_prod, &q->tx->rsp_event,
                  q->tx_cons);
        g_assert_cmpint(xen_vif_answer(vif, queue), ==, NETIF_RSP_OKAY);
        xen_front_revoke(f, ref[i]);
    }
}

static void receive_frame(XenFront *f, unsigned queue, size_t size,
                          uint8_t mark)
{
    g_autofree XenVifFrame *got = g_new(XenVifFrame, 1);
    g_autofree uint8_t *frame = g_malloc(size);
    XenVifQueue *q = &f->vif->queue[queue];

    fill(frame, size, mark);
    memset(frame, 0xff, 6);
    xen_vif_network_send(f->vif, frame, size);
    wait_ring(f, q->rx_port, &q->rx->rsp_prod, &q->rx->rsp_event, q->rx_cons);
    xen_vif_get_frame(f->vif, queue, got);
    g_assert_false(got->failed);
    g_assert_cmpmem(got->data, got->size, frame, size);
    xen_vif_post_rx(f->vif, queue, got->nr_slots);
}

void xen_front_check_net(XenFront *f, unsigned queue, bool sg, uint8_t mark)
{
    for (unsigned nr = 1; nr <= (sg ? MAX_PIECES : 1); nr++) {
        send_frame(f, queue, nr, mark + nr);
    }
    receive_frame(f, queue, 1400, mark + 10);
    receive_frame(f, queue, 60, mark + 11);
    if (sg) {
        receive_frame(f, queue, 9000, mark + 12);
    }
}

/* ---------------------------------------------------------------- console -- */

void xen_front_check_console(XenFront *f, uint8_t mark)
{
    g_autofree char *out = g_strdup_printf("guest says %u\r\n", mark);
    g_autofree char *in = g_strdup_printf("host says %u\n", mark);
    char got[32];
    size_t n = 0;

    xen_con_write(&f->con, out, strlen(out));
    xen_con_expect_bytes(f->reader, out, strlen(out));
    g_assert_cmpint(write(f->reader, in, strlen(in)), ==, strlen(in));
    while (n < strlen(in)) {
        size_t now = xen_con_get(&f->con, got + n, strlen(in) - n);

        n += now;
        if (!now) {
            xen_front_wait(f, f->con.port);
        }
    }
    g_assert_cmpmem(got, n, in, strlen(in));
}
