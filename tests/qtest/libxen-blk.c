/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A disk's front end in a qtest: see libxen-blk.h
 */
#include "qemu/osdep.h"
#include <sys/mman.h>
#include "qapi/error.h"
#include "qemu/atomic.h"
#include "qobject/qdict.h"
#include "qobject/qjson.h"
#include "qobject/qlist.h"
#include "libxen-blk.h"
#include "libxen-state.h"

#include "hw/xen/interface/grant_table.h"
#include "hw/xen/interface/memory.h"

/* Small: most tests' QEMUs live shortly, and a migration reads all of it. */
#define RAM_MIB         32u
#define RAM_SIZE        (RAM_MIB << 20)
#define LOOK_AGAIN_US   100
/* Of a grant table that must hold them all, 512 entries a page. */
#define TABLE_PAGES     8
#define FIRST_REF       16
#define RING_PAGES      (XEN_VBD_MAX_QUEUES << XEN_VBD_MAX_ORDER)
#define DATA_REF        (FIRST_REF + RING_PAGES)
#define ALL_DATA        (XEN_VBD_DATA_PAGES + XEN_VBD_INDIRECT_PAGES)

QEMU_BUILD_BUG_ON(DATA_REF + ALL_DATA > TABLE_PAGES * 512);

/* ------------------------------------------------------------- the guest -- */

static void write_grant(XenVbd *v, uint32_t ref, uint16_t flags, uint64_t gpa)
{
    grant_entry_v1_t entry = { .flags = flags, .frame = gpa / XEN_PAGE_SIZE };

    /* The table is Xen's page: not in the RAM that is shared. */
    qtest_memwrite(v->vm->qts, v->table + ref * sizeof(entry), &entry,
                   sizeof(entry));
}

static void grant_all(XenVbd *v)
{
    g_autofree grant_entry_v1_t *entry = g_new0(grant_entry_v1_t,
                                                DATA_REF + ALL_DATA);

    for (unsigned i = 0; i < RING_PAGES; i++) {
        entry[FIRST_REF + i].flags = GTF_permit_access;
        entry[FIRST_REF + i].frame = v->rings / XEN_PAGE_SIZE + i;
    }
    for (unsigned i = 0; i < ALL_DATA; i++) {
        entry[DATA_REF + i].flags = GTF_permit_access;
        entry[DATA_REF + i].frame = v->data / XEN_PAGE_SIZE + i;
    }
    qtest_memwrite(v->vm->qts, v->table + FIRST_REF * sizeof(*entry),
                   entry + FIRST_REF,
                   (DATA_REF + ALL_DATA - FIRST_REF) * sizeof(*entry));
}

void xen_vbd_set_up(XenVbd *v)
{
    for (unsigned i = 0; i < TABLE_PAGES; i++) {
        g_assert_cmpint(xen_add_to_physmap(v->vm, XENMAPSPACE_grant_table, i,
                                           v->table + i * XEN_PAGE_SIZE), ==,
                        0);
    }
    grant_all(v);
    v->store = xen_store_open(v->vm);
}

void xen_vm_add_slow_disk(XenVm *vm, bool in_iothread)
{
    qtest_qmp_assert_success(vm->qts, "{ 'execute': 'object-add', "
        "'arguments': { 'qom-type': 'throttle-group', 'id': 't', "
        "'limits': { 'iops-total': 1 } } }");
    qtest_qmp_assert_success(vm->qts, "{ 'execute': 'blockdev-add', "
        "'arguments': { 'driver': 'throttle', 'node-name': 'd', "
        "'throttle-group': 't', 'file': { 'driver': 'null-co', "
        "'size': 67108864, 'read-zeroes': true } } }");
    if (in_iothread) {
        qtest_qmp_device_add(vm->qts, "xen-disk", "x", "{ 'drive': 'd', "
                             "'vdev': 'xvda', 'iothread': 'io' }");
    } else {
        qtest_qmp_device_add(vm->qts, "xen-disk", "x", "{ 'drive': 'd', "
                             "'vdev': 'xvda' }");
    }
}

static uint64_t pages(XenVbd *v, unsigned nr)
{
    uint64_t gpa = xen_vm_page(v->vm);

    for (unsigned i = 1; i < nr; i++) {
        g_assert_cmphex(xen_vm_page(v->vm), ==, gpa + i * XEN_PAGE_SIZE);
    }
    return gpa;
}

/* New RAM, shared with a QEMU that has these options; freed by the caller. */
static char *new_ram(XenVbd *v, const char *options)
{
    int fd;

    v->ram_path = g_strdup("/tmp/xen-vbd-XXXXXX");
    fd = mkstemp(v->ram_path);
    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(ftruncate(fd, RAM_SIZE), ==, 0);
    v->ram = mmap(NULL, RAM_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    g_assert_true(v->ram != MAP_FAILED);
    close(fd);
    return g_strdup_printf("-nodefaults -m %u -machine memory-backend=ram "
                           "-object memory-backend-file,id=ram,size=%u,"
                           "mem-path=%s,share=on %s", RAM_MIB, RAM_SIZE,
                           v->ram_path, options);
}

static void free_ram(XenVbd *v)
{
    munmap(v->ram, RAM_SIZE);
    unlink(v->ram_path);
    g_free(v->ram_path);
}

XenVbd *xen_vbd_start(bool long_mode, const char *options)
{
    XenVbd *v = g_new0(XenVbd, 1);
    g_autofree char *all = new_ram(v, options);

    v->vm = xen_vm_start(1, long_mode, all);
    v->number = 51712;
    v->table = pages(v, TABLE_PAGES);
    v->rings = pages(v, RING_PAGES);
    v->data = pages(v, ALL_DATA);
    g_assert_cmphex(v->data + ALL_DATA * XEN_PAGE_SIZE, <=, RAM_SIZE);
    xen_vbd_set_up(v);
    return v;
}

void xen_vbd_qmp(XenVbd *v, const char *command)
{
    qtest_qmp_assert_success(v->vm->qts, "%p",
                             qobject_from_json(command, &error_abort));
}

uint64_t xen_vbd_counter(XenVbd *v, const char *name)
{
    QDict *answer = qtest_qmp(v->vm->qts, "{'execute': 'query-blockstats'}");
    QDict *first = qobject_to(QDict,
                              qlist_peek(qdict_get_qlist(answer, "return")));
    uint64_t value = qdict_get_int(qdict_get_qdict(first, "stats"), name);

    qobject_unref(answer);
    return value;
}

void xen_vbd_stop(XenVbd *v)
{
    xen_vm_stop(v->vm);
    free_ram(v);
    g_free(v);
}

XenVbd *xen_vbd_start_target(const XenVbd *v, const char *options)
{
    XenVbd *target = g_memdup2(v, sizeof(*v));
    g_autofree char *incoming = g_strconcat("-incoming defer ", options, NULL);
    g_autofree char *all = new_ram(target, incoming);

    target->vm = xen_vm_start_target(v->vm, NULL, all);
    target->store.vm = target->vm;
    return target;
}

XenVbd *xen_vbd_move(XenVbd *v, const char *options)
{
    g_autofree char *path = xen_state_save(v->vm);
    XenVbd *target = xen_vbd_start_target(v, options);

    xen_state_load(target->vm, path);
    qtest_qmp_eventwait(target->vm->qts, "RESUME");
    xen_vbd_stop(v);
    unlink(path);
    return target;
}

XenVbd *xen_vbd_move_stopped(XenVbd *v, const char *options)
{
    g_autofree char *path = xen_state_save(v->vm);
    XenVbd *target = xen_vbd_start_target(v, options);

    xen_state_load(target->vm, path);
    xen_state_wait(target->vm);
    xen_vbd_stop(v);
    unlink(path);
    return target;
}

void xen_vbd_use(XenVbd *v, unsigned number)
{
    v->number = number;
}

/* --------------------------------------------------------------- xenstore -- */

void xen_vbd_write(XenVbd *v, const char *key, const char *value)
{
    g_autoptr(GString) payload = g_string_new(NULL);

    g_string_printf(payload, "device/vbd/%u/%s", v->number, key);
    g_string_append_len(payload, "", 1);
    g_string_append(payload, value);
    xen_store_expect(&v->store, XS_WRITE, 0,
                     (XenStoreBytes) { payload->str, payload->len },
                     XEN_STORE_STRINGS("OK"));
}

static void write_uint(XenVbd *v, const char *key, unsigned value)
{
    g_autofree char *text = g_strdup_printf("%u", value);

    xen_vbd_write(v, key, text);
}

char *xen_vbd_read(XenVbd *v, const char *key)
{
    g_autofree char *path = g_strdup_printf("/local/domain/0/backend/qdisk/%u/"
                                            "%u/%s", XEN_VM_DOMID, v->number,
                                            key);
    XenStoreMessage answer;

    xen_store_request(&v->store, XS_READ, 0,
                      (XenStoreBytes) { path, strlen(path) + 1 }, &answer);
    return answer.header.type == XS_ERROR ? NULL :
           g_strndup(answer.payload, answer.header.len);
}

uint64_t xen_vbd_read_uint(XenVbd *v, const char *key)
{
    g_autofree char *text = xen_vbd_read(v, key);

    g_assert_nonnull(text);
    return g_ascii_strtoull(text, NULL, 10);
}

void xen_vbd_set_state(XenVbd *v, enum xenbus_state state)
{
    write_uint(v, "state", state);
}

enum xenbus_state xen_vbd_state(XenVbd *v)
{
    return xen_vbd_read_uint(v, "state");
}

void xen_vbd_wait_state(XenVbd *v, enum xenbus_state state)
{
    while (xen_vbd_state(v) != state) {
        g_usleep(LOOK_AGAIN_US);
    }
}

/* ------------------------------------------------------------------- link -- */

static bool is_64(XenVbd *v)
{
    return v->vm->long_mode;
}

static unsigned entry_size(XenVbd *v)
{
    return is_64(v) ? 112 : 108;
}

static void new_ring(XenVbd *v, unsigned i)
{
    XenVbdQueue *q = &v->queue[i];

    *q = (XenVbdQueue) {
        .gpa = v->rings + (i << v->order) * XEN_PAGE_SIZE,
        .port = xen_alloc_unbound(v->vm, 0),
        .size = 32u << v->order,
    };
    memset(v->ram + q->gpa, 0, XEN_PAGE_SIZE << v->order);
    *XEN_VBD_INDEX(v, i, req_event) = 1;
    *XEN_VBD_INDEX(v, i, rsp_event) = 1;
}

static void write_queue(XenVbd *v, unsigned i)
{
    g_autofree char *prefix = v->nr_queues == 1 ? g_strdup("") :
                              g_strdup_printf("queue-%u/", i);
    g_autofree char *port = g_strconcat(prefix, "event-channel", NULL);

    for (unsigned page = 0; page < 1u << v->order; page++) {
        g_autofree char *ref = v->order ?
            g_strdup_printf("%sring-ref%u", prefix, page) :
            g_strconcat(prefix, "ring-ref", NULL);

        write_uint(v, ref, FIRST_REF + (i << v->order) + page);
    }
    write_uint(v, port, v->queue[i].port);
}

void xen_vbd_offer(XenVbd *v, unsigned nr_queues, unsigned order)
{
    /* As front ends that do not know these nodes, or take them back. */
    if (order || v->order) {
        write_uint(v, "ring-page-order", order);
    }
    if (nr_queues > 1 || v->nr_queues > 1) {
        write_uint(v, "multi-queue-num-queues", nr_queues);
    }
    v->nr_queues = nr_queues;
    v->order = order;
    for (unsigned i = 0; i < nr_queues; i++) {
        new_ring(v, i);
        write_queue(v, i);
    }
    xen_vbd_write(v, "protocol", is_64(v) ? "x86_64-abi" : "x86_32-abi");
    xen_vbd_set_state(v, XenbusStateConnected);
}

void xen_vbd_connect(XenVbd *v, unsigned nr_queues, unsigned order)
{
    xen_vbd_offer(v, nr_queues, order);
    xen_vbd_wait_state(v, XenbusStateConnected);
}

void xen_vbd_close(XenVbd *v)
{
    xen_vbd_set_state(v, XenbusStateClosed);
    xen_vbd_wait_state(v, XenbusStateClosed);
}

void xen_vbd_disconnect(XenVbd *v)
{
    xen_vbd_close(v);
    for (unsigned i = 0; i < v->nr_queues; i++) {
        xen_close(v->vm, v->queue[i].port);
    }
    xen_vbd_set_state(v, XenbusStateInitialising);
    xen_vbd_wait_state(v, XenbusStateInitWait);
}

/* --------------------------------------------------------------- requests -- */

uint32_t xen_vbd_ref(unsigned page)
{
    return DATA_REF + page;
}

void xen_vbd_set_grant(XenVbd *v, unsigned page, uint16_t flags)
{
    write_grant(v, xen_vbd_ref(page), flags, v->data + page * XEN_PAGE_SIZE);
}

static uint8_t *entry(XenVbd *v, unsigned queue, uint32_t index)
{
    const XenVbdQueue *q = &v->queue[queue];

    return v->ram + q->gpa + 64 + index % q->size * entry_size(v);
}

static void put_segment(uint8_t *p, const XenVbdRequest *r, unsigned i)
{
    uint32_t ref = r->ref ? r->ref[i] : xen_vbd_ref(r->page + i);

    memcpy(p, &ref, 4);
    p[4] = r->first;
    p[5] = r->last;
    p[6] = p[7] = 0x5a;
}

void xen_vbd_put(XenVbd *v, unsigned queue, const XenVbdRequest *r)
{
    XenVbdQueue *q = &v->queue[queue];
    uint8_t *p = entry(v, queue, q->prod);
    unsigned body = is_64(v) ? 24 : 20;

    memset(p, 0x5a, entry_size(v));
    p[0] = r->indirect ? BLKIF_OP_INDIRECT : r->op;
    p[1] = r->indirect ? r->op : r->nr;
    memcpy(p + body - 16, &r->id, 8);
    memcpy(p + body - 8, &r->sector, 8);
    if (r->indirect) {
        /* No two of one ring alike, nor of small rings of several queues. */
        unsigned page = XEN_VBD_DATA_PAGES +
                        (queue * 128 + q->prod % q->size) %
                        XEN_VBD_INDIRECT_PAGES;
        uint16_t nr = r->nr;
        uint32_t ref = xen_vbd_ref(page);

        memcpy(p + 2, &nr, 2);
        memcpy(p + body + 4, &ref, 4);
        for (unsigned i = 0; i < MIN(r->nr, XEN_PAGE_SIZE / 8); i++) {
            put_segment(xen_vbd_page(v, page) + 8 * i, r, i);
        }
    } else if (r->op == BLKIF_OP_DISCARD) {
        p[1] = 0;
        memcpy(p + body, &r->nr_sectors, 8);
    } else {
        for (unsigned i = 0; i < MIN(r->nr, 11); i++) {
            put_segment(p + body + 8 * i, r, i);
        }
    }
    q->prod++;
}

uint8_t *xen_vbd_last_entry(XenVbd *v, unsigned queue, unsigned offset)
{
    return entry(v, queue, v->queue[queue].prod - 1) + offset;
}

void xen_vbd_push(XenVbd *v, unsigned queue)
{
    XenVbdQueue *q = &v->queue[queue];
    uint32_t *shared = XEN_VBD_INDEX(v, queue, req_prod);
    uint32_t old = *shared;

    /* Requests before their index: with the back end's read barrier. */
    smp_wmb();
    qatomic_set(shared, q->prod);
    /*
     * The new req_prod before a look at req_event: with the back end's, which
     * sets req_event before its last look at req_prod.  One of the two sees
     * what the other wrote.
     */
    smp_mb();
    if (q->prod - qatomic_read(XEN_VBD_INDEX(v, queue, req_event)) <
        q->prod - old) {
        g_assert_cmpint(xen_send(v->vm, q->port), ==, 0);
    }
}

bool xen_vbd_poll(XenVbd *v, unsigned queue, XenVbdAnswer *a)
{
    XenVbdQueue *q = &v->queue[queue];
    uint32_t ready = qatomic_read(XEN_VBD_INDEX(v, queue, rsp_prod)) - q->cons;
    const uint8_t *p = entry(v, queue, q->cons);

    g_assert_cmpuint(ready, <=, q->prod - q->cons);
    if (!ready) {
        return false;
    }
    /* The index before the answer: with the back end's write barrier. */
    smp_rmb();
    memcpy(&a->id, p, 8);
    a->op = p[8];
    memcpy(&a->status, p + 10, 2);
    q->cons++;
    *XEN_VBD_INDEX(v, queue, rsp_event) = q->cons + 1;
    return true;
}

void xen_vbd_get(XenVbd *v, unsigned queue, XenVbdAnswer *a)
{
    while (!xen_vbd_poll(v, queue, a)) {
        g_usleep(LOOK_AGAIN_US);
    }
}

void xen_vbd_get_each_once(XenVbd *v, unsigned queue, unsigned nr, int bad)
{
    g_autofree bool *seen = g_new0(bool, nr);
    XenVbdAnswer a;

    for (unsigned i = 0; i < nr; i++) {
        xen_vbd_get(v, queue, &a);
        g_assert_cmpuint(a.id, <, nr);
        g_assert_false(seen[a.id]);
        g_assert_cmpint(a.status, ==,
                        a.id == bad ? BLKIF_RSP_ERROR : BLKIF_RSP_OKAY);
        seen[a.id] = true;
    }
    g_assert_false(xen_vbd_poll(v, queue, &a));
}

int16_t xen_vbd_do(XenVbd *v, unsigned queue, const XenVbdRequest *r)
{
    XenVbdRequest own = *r;
    XenVbdAnswer a;

    own.id = 0xfeed000000000000 + v->queue[queue].prod;
    xen_vbd_put(v, queue, &own);
    xen_vbd_push(v, queue);
    xen_vbd_get(v, queue, &a);
    g_assert_cmphex(a.id, ==, own.id);
    g_assert_cmpuint(a.op, ==, r->op);
    return a.status;
}

int16_t xen_vbd_do_pages(XenVbd *v, unsigned queue, uint8_t op,
                         uint64_t sector, unsigned page, unsigned nr)
{
    return xen_vbd_do(v, queue, &(XenVbdRequest) {
        .op = op, .indirect = nr > 11, .sector = sector, .page = page,
        .nr = nr, .last = 7,
    });
}

void xen_vbd_fill_page(XenVbd *v, unsigned page, uint8_t byte)
{
    memset(xen_vbd_page(v, page), byte, XEN_PAGE_SIZE);
}

void xen_vbd_check_works(XenVbd *v, unsigned queue)
{
    xen_vbd_fill_page(v, 900, 0x77);
    xen_vbd_fill_page(v, 901, 0);
    g_assert_cmpint(xen_vbd_do_pages(v, queue, BLKIF_OP_WRITE, 1600, 900, 1),
                    ==, BLKIF_RSP_OKAY);
    g_assert_cmpint(xen_vbd_do_pages(v, queue, BLKIF_OP_READ, 1600, 901, 1),
                    ==, BLKIF_RSP_OKAY);
    while (!xen_is_pending(v->vm, v->queue[queue].port)) {
        g_usleep(LOOK_AGAIN_US);
    }
}
