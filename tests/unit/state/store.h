// A store of pages in memory, for states that put pages away; it can fail.
#pragma once

#include <check.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/state/state.h"

enum { STORE_PAGES = 100000 };
static struct {
    void *bytes[STORE_PAGES];
    uint32_t size[STORE_PAGES], holders[STORE_PAGES], used, fetched;
    bool broken;
} disk;
static int disk_put(void *context, const void *bytes, uint32_t size, uint64_t *token)
{
    (void)context;
    if (disk.used == STORE_PAGES)
        return TM_E_IO;
    *token = disk.used++;
    disk.bytes[*token] = malloc(size);
    memcpy(disk.bytes[*token], bytes, size);
    disk.size[*token] = size;
    disk.holders[*token] = 1;
    return 0;
}
static int disk_get(void *context, uint64_t token, void *bytes, uint32_t size)
{
    (void)context;
    if (disk.broken)
        return TM_E_IO;
    ck_assert_uint_eq(size, disk.size[token]);
    memcpy(bytes, disk.bytes[token], size);
    disk.fetched++;
    return 0;
}
static void disk_retain(void *context, uint64_t token)
{
    (void)context;
    disk.holders[token]++;
}
static void disk_release(void *context, uint64_t token)
{
    (void)context;
    if (--disk.holders[token] == 0)
        free(disk.bytes[token]);
}
static const struct tm_state_store store = {NULL, disk_put, disk_get, disk_retain, disk_release};
