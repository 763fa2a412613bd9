/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A hostile guest with all PV devices
 *
 * It makes random steps (libxen-hostile.h) while a second process changes its pages.
 * After each round QEMU must still answer, must not have logged more than LOG_MAX, and
 * after a reset the next kernel's disk must work.  QEMU must not end, nor be silent for
 * PATIENCE_S seconds; built with sanitizers, it says more.
 *
 * XEN_HOSTILE_SECONDS in the environment: so long, instead of a few rounds.
 * XEN_HOSTILE_SEED: of the first VM (1, or in a long run the time).  The next VM's is
 * one more; a failure says which it was.
 */
#include "qemu/osdep.h"
#include "qemu/cutils.h"
#include "qobject/qdict.h"
#include "libxen-hostile.h"

#define STEPS           300     /* in a round */
#define ROUNDS          2       /* of a VM in the short test */
#define LONG_ROUNDS     25      /* and in a long one */
#define IMAGE_SIZE      (8 << 20)
/* In each round.  A device may log 16 lines at once (docs/security.rst). */
#define LOG_MAX         (64 << 10)
#define PATIENCE_S      120

static uint32_t seed_now;
static unsigned round_now;

/* No function of libqtest ends for a QEMU that does not answer. */
static void give_up(int signal_number)
{
    char text[100];
    int len = snprintf(text, sizeof(text), "no answer: XEN_HOSTILE_SEED=%u, round %u\n",
                       seed_now, round_now);

    if (write(STDERR_FILENO, text, len) == len) {
        abort();
    }
    _exit(1);
}

static void check_log(const char *log, off_t *before)
{
    struct stat st;

    g_assert_cmpint(stat(log, &st), ==, 0);
    if (st.st_size - *before > LOG_MAX) {
        g_error("%s: %zu bytes in one round", log, (size_t)(st.st_size - *before));
    }
    *before = st.st_size;
}

/* What the guest has done is over with a reset. */
static void check_next_kernel(XenHostile *h, uint64_t next_page)
{
    XenVm *vm = h->v->vm;

    qtest_system_reset(vm->qts);
    qtest_qmp_assert_success(vm->qts, "{ 'execute': 'cont' }");
    vm->next_page = next_page;
    xen_vm_set_up(vm);
    xen_vbd_set_up(h->v);
    xen_vbd_connect(h->v, 1, 0);
    xen_vbd_check_works(h->v, 0);
    xen_vbd_disconnect(h->v);
}

static void run_vm(uint32_t seed, unsigned rounds, bool moves)
{
    g_autofree char *image = xen_new_file(IMAGE_SIZE), *log = xen_new_file(0);
    g_autofree char *base = xen_hostile_options(image, seed % 4 == 3);
    g_autofree char *options = g_strdup_printf("%s 2>>%s", base, log);
    XenVbd *v = xen_vbd_start(seed % 2, options);
    XenHostile *h = xen_hostile_new(v, seed);
    uint64_t next_page = v->vm->next_page;
    off_t logged = 0;

    g_test_message("XEN_HOSTILE_SEED=%u", seed);
    seed_now = seed;
    h->moves = moves;
    h->options = options;
    for (round_now = 0; round_now < rounds; round_now++) {
        alarm(PATIENCE_S);
        for (unsigned i = 0; i < STEPS; i++) {
            const char *name = xen_hostile_step(h);

            if (g_test_verbose()) {
                g_test_message("%u.%u.%u %s", seed, round_now, i, name);
            }
        }
        xen_changer_pause(h->changer);
        check_log(log, &logged);
        check_next_kernel(h, next_page);
        xen_changer_continue(h->changer);
    }
    alarm(0);
    v = h->v;
    xen_hostile_free(h);
    xen_vbd_stop(v);
    unlink(image);
    unlink(log);
}

static unsigned from_environment(const char *name, unsigned otherwise)
{
    const char *text = g_getenv(name);
    unsigned value;

    if (!text) {
        return otherwise;
    }
    g_assert_cmpint(qemu_strtoui(text, NULL, 0, &value), ==, 0);
    return value;
}

static void test_guests(void)
{
    unsigned seconds = from_environment("XEN_HOSTILE_SECONDS", 0);
    uint32_t seed = from_environment("XEN_HOSTILE_SEED",
                                     seconds ? g_get_real_time() / G_USEC_PER_SEC : 1);
    gint64 end = g_get_monotonic_time() + seconds * G_USEC_PER_SEC;
    const struct sigaction alarmed = { .sa_handler = give_up };
    unsigned vms = 0;

    sigaction(SIGALRM, &alarmed, NULL);
    do {
        run_vm(seed, seconds ? LONG_ROUNDS : ROUNDS, seed % 8 >= 4);
        seed++;
        vms++;
    } while (seconds ? g_get_monotonic_time() < end : vms < 8);
    g_test_message("%u VMs", vms);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    qtest_add_func("xen/hostile/guests", test_guests);
    return g_test_run();
}
