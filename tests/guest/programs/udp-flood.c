/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sends datagrams from each vCPU as fast as it can, until standard input ends
 *
 *     udp-flood ADDRESS PORT
 *
 * Prints flood=begin when each has sent some, and flood-sent=CPU DATAGRAMS for each
 * at the end, or error=... if something fails; the exit status is then 1.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_CPUS        64
#define MAX_SIZE        1472
#define SOME            10

static struct sockaddr_in to;
static atomic_bool enough;

typedef struct Sender {
    pthread_t thread;
    unsigned cpu;
    _Atomic uint64_t sent;
} Sender;

static void *send_all(void *opaque)
{
    static const char data[MAX_SIZE];
    Sender *s = opaque;
    cpu_set_t set;
    int fd = socket(AF_INET, SOCK_DGRAM, 0);

    CPU_ZERO(&set);
    CPU_SET(s->cpu, &set);
    if (sched_setaffinity(0, sizeof(set), &set) ||
        connect(fd, (struct sockaddr *)&to, sizeof(to))) {
        printf("error=udp-flood: %m\n");
        exit(1);
    }
    /* From a byte to a full frame. */
    for (unsigned size = 1; !enough; size = size * 5 % MAX_SIZE + 1) {
        if (send(fd, data, size, 0) < 0) {
            if (errno != ENOBUFS) {
                printf("error=udp-flood: send: %m\n");
                exit(1);
            }
        } else {
            s->sent++;
        }
    }
    close(fd);
    return NULL;
}

int main(int argc, char **argv)
{
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    Sender sender[MAX_CPUS] = { 0 };
    char byte;

    if (argc != 3 || inet_pton(AF_INET, argv[1], &to.sin_addr) != 1 ||
        cpus > MAX_CPUS) {
        printf("error=usage: udp-flood ADDRESS PORT\n");
        return 2;
    }
    to.sin_family = AF_INET;
    to.sin_port = htons(atoi(argv[2]));
    for (long i = 0; i < cpus; i++) {
        sender[i].cpu = i;
        if (pthread_create(&sender[i].thread, NULL, send_all, &sender[i])) {
            printf("error=udp-flood: no thread\n");
            return 1;
        }
    }
    for (long i = 0; i < cpus; i++) {
        while (sender[i].sent < SOME) {
            sched_yield();
        }
    }
    printf("flood=begin\n");
    fflush(stdout);
    while (read(0, &byte, 1) > 0) {
        /* what it says does not matter */
    }
    enough = true;
    for (long i = 0; i < cpus; i++) {
        pthread_join(sender[i].thread, NULL);
        printf("flood-sent=%u %llu\n", sender[i].cpu,
               (unsigned long long)sender[i].sent);
    }
    return 0;
}
