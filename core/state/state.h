// Keyed state: key -> value of fixed size, per key group and namespace (a window's slice; 0 for
// rolling state). Layout (ARCHITECTURE D5): per key group a page table of fixed-size pages (reached
// by index, so that a page can later be frozen, forked or evicted), entries and blobs in pages,
// open-addressing tables of (hash tag, entry reference) per namespace. An entry is {hash, key
// length, value, key bytes}. Slots are placed by the hash's low half in ascending order, so
// iteration runs by (hash low half, hash, key bytes): it depends on the entries alone. One thread.
// Sizes are bounded by the memory account.
#pragma once

#include "core/batch/key.h"

struct tm_state;
struct tm_namespace;

struct tm_state_args {
    struct tm_mem *mem;
    uint32_t max_parallelism;
    uint32_t first_key_group, last_key_group; // inclusive
    uint32_t value_bytes;                     // a multiple of 8; new values are zero
};

int tm_state_new(const struct tm_state_args *args, struct tm_state **state,
                 struct tm_error *err) TM_WARN_UNUSED;
void tm_state_free(struct tm_state *state);

// Namespaces, ascending by id. `create` makes one (NULL: out of memory). Drop frees its entries (in
// bulk).
struct tm_namespace *tm_state_namespace_find(struct tm_state *state, int64_t id);
struct tm_namespace *tm_state_namespace_create(struct tm_state *state, int64_t id) TM_WARN_UNUSED;
struct tm_namespace *tm_state_namespace_first(struct tm_state *state);
struct tm_namespace *tm_state_namespace_next(struct tm_namespace *ns);
int64_t tm_state_namespace_id(const struct tm_namespace *ns);
uint64_t tm_state_namespace_size(const struct tm_namespace *ns); // entries
void tm_state_namespace_drop(struct tm_state *state, struct tm_namespace *ns);

// Find or insert; the value's address holds until the next insertion or drop in this state. NULL:
// out of memory. The key's group must be in range (TM_CHECK).
void *tm_state_upsert(struct tm_state *state, struct tm_namespace *ns, const struct tm_key *key,
                      bool *created) TM_WARN_UNUSED;
void *tm_state_find(struct tm_state *state, struct tm_namespace *ns, const struct tm_key *key);
// A batch of keys: prefetches, then upserts all. Same contract; addresses hold until the next call.
// TM_E_MEMORY.
int tm_state_upsert_batch(struct tm_state *state, struct tm_namespace *ns,
                          const struct tm_key *keys, uint32_t count, void **values,
                          bool *created) TM_WARN_UNUSED;

// Entries of one key group of a namespace, in iteration order. No insertion into `ns` meanwhile.
struct tm_state_cursor {
    struct tm_state *state;
    struct tm_namespace *ns;
    uint32_t key_group;
    uint64_t position; // the cursor's own
};
void tm_state_iterate(struct tm_state *state, struct tm_namespace *ns, uint32_t key_group,
                      struct tm_state_cursor *cursor);
bool tm_state_next(struct tm_state_cursor *cursor, struct tm_key *key, void **value);

// Variable-size values (strings, rows): a blob in the pages of the key's group, referenced from the
// fixed value. All-zero = empty. Setting replaces (and reuses the space when it fits). The address
// holds until the next insertion or set.
struct tm_blob {
    uint32_t reference;
    uint32_t length;
};
int tm_state_blob_set(struct tm_state *state, uint32_t key_group, struct tm_blob *blob,
                      const void *p, uint32_t len) TM_WARN_UNUSED;
const void *tm_state_blob_get(const struct tm_state *state, uint32_t key_group,
                              const struct tm_blob *blob);

int64_t tm_state_used_bytes(const struct tm_state *state);
