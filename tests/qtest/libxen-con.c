/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guest's end of a PV console: its rings and event channel
 */
#include "qemu/osdep.h"
#include "libxen-con.h"

#include "hw/xen/interface/grant_table.h"
#include "hw/xen/interface/hvm/params.h"
#include "hw/xen/interface/io/xenbus.h"
#include "hw/xen/interface/memory.h"

/* Polling interval. */
#define LOOK_AGAIN_US       200
/* Iterations of the main loop after which no more bytes are transferred. */
#define SETTLE_LOOPS        8
#define GRANT_ENTRY_SIZE    8

XenCon xen_con_primary(XenVm *vm)
{
    XenCon con = { .vm = vm };
    uint64_t value;

    g_assert_cmpint(xen_get_param(vm, HVM_PARAM_CONSOLE_PFN, &value), ==, 0);
    con.page = value * XEN_PAGE_SIZE;
    g_assert_cmpint(xen_get_param(vm, HVM_PARAM_CONSOLE_EVTCHN, &value), ==,
                    0);
    con.port = value;
    xen_unmask(vm, con.port);
    return con;
}

/* --------------------------------------------------------- further consoles */

static void write_number(XenStore *s, unsigned idx, const char *node,
                         unsigned value)
{
    /* The path and, after its NUL, the value without one */
    g_autofree char *path = g_strdup_printf("device/console/%u/%s", idx, node);
    g_autofree char *number = g_strdup_printf("%u", value);
    g_autoptr(GByteArray) payload = g_byte_array_new();

    g_byte_array_append(payload, (uint8_t *)path, strlen(path) + 1);
    g_byte_array_append(payload, (uint8_t *)number, strlen(number));
    xen_store_expect(s, XS_WRITE, 0,
                     (XenStoreBytes) { payload->data, payload->len },
                     XEN_STORE_STRINGS("OK"));
}

void xen_con_wait_state(XenStore *s, unsigned idx, unsigned be_state)
{
    g_autofree char *path = g_strdup_printf(
        "/local/domain/0/backend/console/%u/%u/state", XEN_VM_DOMID, idx);
    g_autofree char *wanted = g_strdup_printf("%u", be_state);
    XenStoreMessage answer;

    for (;;) {
        xen_store_request(s, XS_READ, 0,
                          (XenStoreBytes) { path, strlen(path) + 1 }, &answer);
        g_assert_cmpuint(answer.header.type, ==, XS_READ);
        if (g_str_equal(answer.payload, wanted)) {
            return;
        }
        g_usleep(LOOK_AGAIN_US);
    }
}

void xen_con_set_state(XenStore *s, unsigned idx, unsigned state,
                       unsigned be_state)
{
    write_number(s, idx, "state", state);
    xen_con_wait_state(s, idx, be_state);
}

void xen_con_offer(XenStore *s, unsigned idx, uint32_t ref, uint32_t port)
{
    write_number(s, idx, "ring-ref", ref);
    write_number(s, idx, "port", port);
}

XenCon xen_con_connect(XenVm *vm, XenStore *s, unsigned idx, uint32_t ref)
{
    XenCon con = {
        .vm = vm, .idx = idx, .page = xen_vm_page(vm),
        .port = xen_alloc_unbound(vm, 0),
    };
    uint64_t table = xen_vm_page(vm);
    uint64_t entry = table + ref * GRANT_ENTRY_SIZE;

    g_assert_cmpint(xen_add_to_physmap(vm, XENMAPSPACE_grant_table, 0, table),
                    ==, 0);
    qtest_writel(vm->qts, entry + 4, con.page / XEN_PAGE_SIZE);
    qtest_writel(vm->qts, entry, GTF_permit_access);
    xen_unmask(vm, con.port);
    xen_con_offer(s, idx, ref, con.port);
    xen_con_set_state(s, idx, XenbusStateConnected, XenbusStateConnected);
    return con;
}

/* -------------------------------------------------------------------- rings */

uint32_t xen_con_unread(const XenCon *con)
{
    return qtest_readl(con->vm->qts, XEN_CON_FIELD(con, out_prod)) -
           qtest_readl(con->vm->qts, XEN_CON_FIELD(con, out_cons));
}

size_t xen_con_put(const XenCon *con, const void *buf, size_t len)
{
    QTestState *qts = con->vm->qts;
    uint32_t prod = qtest_readl(qts, XEN_CON_FIELD(con, out_prod));
    uint32_t at = prod % XEN_CON_OUT_SIZE;
    size_t n = MIN(len, XEN_CON_OUT_SIZE - xen_con_unread(con));
    size_t to_end = MIN(n, XEN_CON_OUT_SIZE - at);

    if (!n) {
        return 0;
    }
    qtest_memwrite(qts, XEN_CON_FIELD(con, out) + at, buf, to_end);
    if (n > to_end) {
        qtest_memwrite(qts, XEN_CON_FIELD(con, out), buf + to_end, n - to_end);
    }
    qtest_writel(qts, XEN_CON_FIELD(con, out_prod), prod + n);
    g_assert_cmpint(xen_send(con->vm, con->port), ==, 0);
    return n;
}

/* The ring is empty; QEMU is not notified. */
void xen_con_put_without_event(const XenCon *con, const char *text, size_t len)
{
    uint32_t prod = qtest_readl(con->vm->qts, XEN_CON_FIELD(con, out_prod));

    g_assert_cmpuint(xen_con_unread(con), ==, 0);
    for (size_t i = 0; i < len; i++) {
        qtest_writeb(con->vm->qts, XEN_CON_FIELD(con, out) +
                     (prod + i) % XEN_CON_OUT_SIZE, text[i]);
    }
    qtest_writel(con->vm->qts, XEN_CON_FIELD(con, out_prod), prod + len);
}

void xen_con_write(const XenCon *con, const void *buf, size_t len)
{
    while (len) {
        size_t n = xen_con_put(con, buf, len);

        buf += n;
        len -= n;
        if (!n) {
            g_usleep(LOOK_AGAIN_US);
        }
    }
}

void xen_con_settle(const XenCon *con)
{
    /* The main loop handles QMP in between other work. */
    for (unsigned i = 0; i < SETTLE_LOOPS; i++) {
        qtest_qmp_assert_success(con->vm->qts, "{ 'execute': 'query-status' }");
    }
}

size_t xen_con_get(const XenCon *con, void *buf, size_t len)
{
    QTestState *qts = con->vm->qts;
    uint32_t cons = qtest_readl(qts, XEN_CON_FIELD(con, in_cons));
    uint32_t avail = qtest_readl(qts, XEN_CON_FIELD(con, in_prod)) - cons;
    uint32_t at = cons % XEN_CON_IN_SIZE;
    size_t n = MIN(len, avail);
    size_t to_end = MIN(n, XEN_CON_IN_SIZE - at);

    g_assert_cmpuint(avail, <=, XEN_CON_IN_SIZE);
    if (!n) {
        return 0;
    }
    qtest_memread(qts, XEN_CON_FIELD(con, in) + at, buf, to_end);
    if (n > to_end) {
        qtest_memread(qts, XEN_CON_FIELD(con, in), buf + to_end, n - to_end);
    }
    qtest_writel(qts, XEN_CON_FIELD(con, in_cons), cons + n);
    g_assert_cmpint(xen_send(con->vm, con->port), ==, 0);
    return n;
}

char *xen_con_text(size_t len, unsigned first)
{
    g_autoptr(GString) text = g_string_new(NULL);

    while (text->len < len) {
        g_string_append_printf(text, "line %u\n", first++);
    }
    g_string_truncate(text, len);
    return g_string_free(g_steal_pointer(&text), false);
}
