/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A process that changes the guest's words all the time: see libxen-hostile.h
 */
#include "qemu/osdep.h"
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include "qemu/atomic.h"
#include "libxen-hostile.h"

/* Words changed between two looks at what it is told. */
#define BURST       8
/* QEMU gets a CPU, and sees some values unchanged. */
#define REST_US     50
#define LOOK_AGAIN_US 20

/* Shared by both processes. */
typedef struct Control {
    uint32_t wanted;            /* odd: to pause; counts up */
    uint32_t reached;           /* the last of these that it has obeyed */
} Control;

struct XenChanger {
    Control *control;
    pid_t pid;
};

static void change(GRand *rand, uint32_t *word, size_t nr)
{
    uint32_t *w = &word[g_rand_int_range(rand, 0, nr)];

    switch (g_rand_int_range(rand, 0, 5)) {
    case 0:
        qatomic_set(w, g_rand_int(rand));
        break;
    case 1:
        qatomic_set(w, g_rand_int_range(rand, 0, 64));
        break;
    case 2:
        qatomic_xor(w, 1u << g_rand_int_range(rand, 0, 32));
        break;
    case 3:
        qatomic_inc(w);
        break;
    case 4:
        /* What some other place holds is often plausible. */
        qatomic_set(w, qatomic_read(&word[g_rand_int_range(rand, 0, nr)]));
        break;
    }
}

static G_NORETURN void run(Control *control, uint32_t *word, size_t nr,
                           uint32_t seed)
{
    GRand *rand = g_rand_new_with_seed(seed);

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (;;) {
        uint32_t wanted = qatomic_load_acquire(&control->wanted);

        qatomic_store_release(&control->reached, wanted);
        if (!(wanted & 1)) {
            for (int i = 0; i < BURST; i++) {
                change(rand, word, nr);
            }
        }
        g_usleep(REST_US);
    }
}

XenChanger *xen_changer_new(uint8_t *words, size_t size, uint32_t seed)
{
    XenChanger *c = g_new0(XenChanger, 1);

    c->control = mmap(NULL, sizeof(*c->control), PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    g_assert_true(c->control != MAP_FAILED);
    c->pid = fork();
    g_assert_cmpint(c->pid, >=, 0);
    if (!c->pid) {
        run(c->control, (uint32_t *)words, size / sizeof(uint32_t), seed);
    }
    return c;
}

static void tell(XenChanger *c)
{
    uint32_t wanted = c->control->wanted + 1;

    qatomic_store_release(&c->control->wanted, wanted);
    while (qatomic_load_acquire(&c->control->reached) != wanted) {
        g_usleep(LOOK_AGAIN_US);
    }
}

void xen_changer_pause(XenChanger *c)
{
    g_assert_false(c->control->wanted & 1);
    tell(c);
}

void xen_changer_continue(XenChanger *c)
{
    g_assert_true(c->control->wanted & 1);
    tell(c);
}

void xen_changer_free(XenChanger *c)
{
    kill(c->pid, SIGKILL);
    g_assert_cmpint(waitpid(c->pid, NULL, 0), ==, c->pid);
    munmap(c->control, sizeof(*c->control));
    g_free(c);
}
