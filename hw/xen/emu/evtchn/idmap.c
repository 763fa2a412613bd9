/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lowest free number in constant time; see idmap.h. */
#include <glib.h>
#include "idmap.h"

static uint32_t idmap_words(const XenIdMap *map)
{
    return (map->size + 63) / 64;
}

void xen_idmap_init(XenIdMap *map, uint32_t size)
{
    g_assert(size <= 64 * 64 * 64);
    *map = (XenIdMap) { .size = size };
    map->used = g_new0(uint64_t, idmap_words(map));
}

void xen_idmap_destroy(XenIdMap *map)
{
    g_free(map->used);
    map->used = NULL;
}

bool xen_idmap_is_used(const XenIdMap *map, uint32_t id)
{
    return map->used[id / 64] >> (id % 64) & 1;
}

void xen_idmap_take(XenIdMap *map, uint32_t id)
{
    uint32_t word = id / 64;

    g_assert(id < map->size);
    map->used[word] |= 1ull << (id % 64);
    map->some[word / 64] |= 1ull << (word % 64);
    if (map->used[word] == UINT64_MAX) {
        map->full[word / 64] |= 1ull << (word % 64);
        if (map->full[word / 64] == UINT64_MAX) {
            map->top |= 1ull << (word / 64);
        }
    }
}

void xen_idmap_release(XenIdMap *map, uint32_t id)
{
    uint32_t word = id / 64;

    g_assert(id < map->size);
    map->used[word] &= ~(1ull << (id % 64));
    if (!map->used[word]) {
        map->some[word / 64] &= ~(1ull << (word % 64));
    }
    map->full[word / 64] &= ~(1ull << (word % 64));
    map->top &= ~(1ull << (word / 64));
}

uint32_t xen_idmap_lowest_free(const XenIdMap *map)
{
    uint32_t group, word, id;

    if (map->top == UINT64_MAX) {
        return map->size;
    }
    group = __builtin_ctzll(~map->top);
    word = group * 64 + __builtin_ctzll(~map->full[group]);
    if (word >= idmap_words(map)) {
        return map->size;
    }
    id = word * 64 + __builtin_ctzll(~map->used[word]);
    return MIN(id, map->size);
}

/* The lowest bit of @bits that is @from or more; 64: none is set. */
static unsigned idmap_bit_from(uint64_t bits, unsigned from)
{
    bits &= UINT64_MAX << from;
    return bits ? __builtin_ctzll(bits) : 64;
}

uint32_t xen_idmap_next(const XenIdMap *map, uint32_t id)
{
    uint32_t word = id / 64, group, bit;

    if (id >= map->size) {
        return map->size;
    }
    bit = idmap_bit_from(map->used[word], id % 64);
    if (bit < 64) {
        return word * 64 + bit;
    }
    word++;
    for (group = word / 64; group < G_N_ELEMENTS(map->some); group++) {
        bit = idmap_bit_from(map->some[group],
                             group == word / 64 ? word % 64 : 0);
        if (bit < 64) {
            word = group * 64 + bit;
            return word * 64 + __builtin_ctzll(map->used[word]);
        }
    }
    return map->size;
}

uint32_t xen_idmap_end(const XenIdMap *map)
{
    for (uint32_t group = G_N_ELEMENTS(map->some); group-- > 0; ) {
        if (map->some[group]) {
            uint32_t word = group * 64 + 63 - __builtin_clzll(map->some[group]);

            return word * 64 + 64 - __builtin_clzll(map->used[word]);
        }
    }
    return 0;
}
