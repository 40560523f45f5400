// Keyed state: key -> value of fixed size, per key group and namespace (a window's slice; 0 for
// rolling state). Layout (ARCHITECTURE D5): per key group a page table whose pages hold entries and
// blobs, and per namespace open-addressing slots of (hash tag, entry reference) in the order of the
// hash. Pages are copied before they are written when a snapshot or a fork holds them too, and can
// leave for a store. Iteration runs by (low half of the hash, hash, key bytes): it depends on the
// entries alone. One thread. Sizes are bounded by the memory account. README.md draws the picture.
#pragma once

#include "core/base/buf.h"
#include "core/batch/key.h"

struct tm_state;
struct tm_namespace;

struct tm_state_args {
    struct tm_mem *mem;
    uint32_t max_parallelism;
    uint32_t first_key_group, last_key_group; // inclusive
    uint32_t value_bytes;                     // a multiple of 8; new values are zero
};

// TM_E_MEMORY; TM_E_ARGUMENT when value_bytes is too large for a page.
int tm_state_new(const struct tm_state_args *args, struct tm_state **state,
                 struct tm_error *err) TM_WARN_UNUSED;
void tm_state_free(struct tm_state *state); // NULL is fine

// Namespaces, ascending by id. `create` makes one that does not exist yet (NULL: out of memory).
// Drop frees its entries and blobs in bulk; their memory serves the next ones.
struct tm_namespace *tm_state_namespace_find(struct tm_state *state, int64_t id);
struct tm_namespace *tm_state_namespace_create(struct tm_state *state, int64_t id) TM_WARN_UNUSED;
struct tm_namespace *tm_state_namespace_first(struct tm_state *state);
struct tm_namespace *tm_state_namespace_next(struct tm_namespace *ns);
int64_t tm_state_namespace_id(const struct tm_namespace *ns);
uint64_t tm_state_namespace_size(const struct tm_namespace *ns); // entries
void tm_state_namespace_drop(struct tm_state *state, struct tm_namespace *ns);
// So many keys of a key group will be added, in any order: also in that in which states give them,
// which without this takes time by the square of their number. Nothing happens where the key group
// has keys already. TM_E_MEMORY.
int tm_state_expect(struct tm_state *state, struct tm_namespace *ns, uint32_t key_group,
                    uint32_t keys) TM_WARN_UNUSED;
// Drop the entries and blobs of one key group. TM_E_MEMORY, which only a state that shares them
// with a snapshot meets: nothing has changed.
int tm_state_group_drop(struct tm_state *state, struct tm_namespace *ns,
                        uint32_t key_group) TM_WARN_UNUSED;

// Find or insert; the value's address holds until the next insertion or drop in this state. NULL:
// out of memory. The key's group must be in range (TM_CHECK).
void *tm_state_upsert(struct tm_state *state, struct tm_namespace *ns, const struct tm_key *key,
                      bool *created) TM_WARN_UNUSED;
// For reading, with the same life. NULL: not there.
const void *tm_state_find(struct tm_state *state, struct tm_namespace *ns,
                          const struct tm_key *key);
// 1: the entry is gone (its blobs are the caller's to set to nothing before); 0: there was none;
// TM_E_MEMORY: nothing has changed.
int tm_state_remove(struct tm_state *state, struct tm_namespace *ns,
                    const struct tm_key *key) TM_WARN_UNUSED;
// A batch of keys: prefetches, then upserts all, in order. Same contract; addresses hold until the
// next call (setting blobs does not move values). `created` may be NULL. TM_E_MEMORY: nothing of
// `values` may be used; entries made before stay.
int tm_state_upsert_batch(struct tm_state *state, struct tm_namespace *ns,
                          const struct tm_key *keys, uint32_t count, void **values,
                          bool *created) TM_WARN_UNUSED;
// The same in three calls for a few keys, so that the caller can do something else while memory is
// on its way: `look` asks for the keys' slots, `look_again` for their entries, upsert_looked is
// upsert_batch. Other keys may be upserted in between; nothing may be dropped.
enum { TM_STATE_LOOK = 32 };
struct tm_state_look { // the state's own
    const void *group[TM_STATE_LOOK];
    uint64_t *home[TM_STATE_LOOK];
    uint32_t moves;
    uintptr_t entry[TM_STATE_LOOK];
};
void tm_state_look(struct tm_state *state, struct tm_namespace *ns, const struct tm_key *keys,
                   uint32_t count, struct tm_state_look *look);
void tm_state_look_again(struct tm_state *state, struct tm_namespace *ns, const struct tm_key *keys,
                         uint32_t count, struct tm_state_look *look);
int tm_state_upsert_looked(struct tm_state *state, struct tm_namespace *ns,
                           const struct tm_key *keys, uint32_t count,
                           const struct tm_state_look *look, void **values) TM_WARN_UNUSED;
// As upsert_batch, key i in namespaces[i].
int tm_state_upsert_each(struct tm_state *state, struct tm_namespace *const *namespaces,
                         const struct tm_key *keys, uint32_t count, void **values,
                         bool *created) TM_WARN_UNUSED;

// Entries of one key group of a namespace, in iteration order, for reading. No insertion into `ns`
// and no removal meanwhile.
struct tm_state_cursor {
    struct tm_state *state;
    struct tm_namespace *ns;
    uint32_t key_group;
    int code; // TM_E_MEMORY: the walk ended early
    // The cursor's own: the next slots, picked out some at a time.
    uint32_t entry; // of the directory: the page behind `end`
    uint32_t left;  // at most so many entries were not picked out
    const uint64_t *slot, *end;
    uint32_t ahead_count, ahead_next;
    uint64_t ahead[16]; // TM_STATE_SOME
};
void tm_state_iterate(struct tm_state *state, struct tm_namespace *ns, uint32_t key_group,
                      struct tm_state_cursor *cursor);
// The same from the first entry on whose low half of the hash is `from` or more: where a walk that
// was left goes on, whatever was inserted and removed since.
void tm_state_iterate_from(struct tm_state *state, struct tm_namespace *ns, uint32_t key_group,
                           uint32_t from, struct tm_state_cursor *cursor);
bool tm_state_next(struct tm_state_cursor *cursor, struct tm_key *key, const void **value);
// The next entries, at most TM_STATE_SOME; 0: the end. The last of them can be given back, to be
// next again.
enum { TM_STATE_SOME = 16 };
uint32_t tm_state_next_some(struct tm_state_cursor *cursor, struct tm_key *keys,
                            const void **values);
// False: there may be more. True: there are none, so that one need not ask for them.
static inline bool tm_state_is_over(const struct tm_state_cursor *cursor)
{
    return cursor->left == 0 && cursor->ahead_next == cursor->ahead_count;
}
// A key group with few entries will be walked soon, and `near`: very soon. What the walk reads
// first is asked for; near needs what was asked for before. Any key group is fine.
void tm_state_ask(const struct tm_state *state, struct tm_namespace *ns, uint32_t key_group,
                  bool near);
// For writing: the value of the entry that is `back` from the last one that was given out, 1 to as
// many as then. It may lie elsewhere than the one for reading did. NULL: out of memory.
void *tm_state_edit(struct tm_state_cursor *cursor, uint32_t back);
static inline void tm_state_give_back(struct tm_state_cursor *cursor, uint32_t count)
{
    cursor->ahead_next -= count;
}

// All entries of one key group of a namespace, some at a time, in the order in which they lie: for
// who looks at each once. Slots of a state that came back are made on the way. Nothing may be
// changed meanwhile. `scratch` is room that calls may share. TM_E_MEMORY; TM_E_CHECKPOINT: a key is
// there twice; or the error that `see` returned, which ends it.
typedef int tm_state_see(void *arg, const struct tm_key *keys, const void *const *values,
                         uint32_t count);
int tm_state_see_all(struct tm_state *state, struct tm_namespace *ns, uint32_t key_group,
                     struct tm_buf *scratch, tm_state_see *see, void *arg) TM_WARN_UNUSED;

// Variable-size values (strings, rows): a blob in the pages of the value's namespace and key group,
// referenced from the fixed value. All-zero = empty. Setting replaces (and reuses the space when it
// fits); TM_E_MEMORY leaves the old one, and never comes of a length of 0. `p` may lie in the
// state. The address holds until this blob is set or its namespace dropped. An empty blob's address
// is not NULL.
struct tm_blob {
    uint32_t reference;
    uint32_t length;
};
int tm_state_blob_set(struct tm_state *state, struct tm_namespace *ns, uint32_t key_group,
                      struct tm_blob *blob, const void *p, uint32_t len) TM_WARN_UNUSED;
const void *tm_state_blob_get(const struct tm_state *state, uint32_t key_group,
                              const struct tm_blob *blob);

// Blobs that are written in place (sets, sketches): what they hold must be position independent.
// A new one of `len` bytes, all zero, for a blob that is empty; NULL: out of memory.
void *tm_state_blob_zalloc(struct tm_state *state, struct tm_namespace *ns, uint32_t key_group,
                           struct tm_blob *blob, uint32_t len) TM_WARN_UNUSED;
// Lengthens to `len`, 1 or more: the bytes stay, those that come are zero. NULL: out of memory, the
// blob is as before.
void *tm_state_blob_extend(struct tm_state *state, struct tm_namespace *ns, uint32_t key_group,
                           struct tm_blob *blob, uint32_t len) TM_WARN_UNUSED;
// For writing; of a blob that is not empty. NULL: out of memory.
void *tm_state_blob_edit(struct tm_state *state, uint32_t key_group, const struct tm_blob *blob);

// What a blob of so many bytes takes.
uint32_t tm_state_blob_bytes(uint32_t len);

// What can be done with all of a state at once, for the price of its key groups; pages are copied
// later, one by one, when either side writes them.
struct tm_snapshot;                                                         // a state as it was
struct tm_snapshot *tm_state_freeze(struct tm_state *state) TM_WARN_UNUSED; // NULL: out of memory
void tm_snapshot_free(struct tm_snapshot *snapshot);                        // NULL is fine
// How often a page was copied to be written, or all was frozen: whoever keeps addresses beyond a
// call compares.
uint32_t tm_state_copies(const struct tm_state *state);
// A state of its own that begins as the snapshot: both are written independently of each other.
// On the thread of the state, whose memory it shares. NULL: out of memory.
struct tm_state *tm_state_fork(const struct tm_snapshot *snapshot) TM_WARN_UNUSED;

// Where pages go that are not used for a while (and where they come from when they are). One that
// is read or written comes back by itself.
struct tm_state_store {
    void *context;
    // Keeps `size` bytes; *token is what they are asked for by, below 2^62. 0 or negative.
    int (*put)(void *context, const void *bytes, uint32_t size, uint64_t *token);
    int (*get)(void *context, uint64_t token, void *bytes, uint32_t size);
    void (*retain)(void *context, uint64_t token);  // one holder more
    void (*release)(void *context, uint64_t token); // one less; the last one's bytes can go
};
void tm_state_set_store(struct tm_state *state, const struct tm_state_store *store);
// Up to `count` pages of the key group, from number *page on, go to the store (those that a
// snapshot or a fork holds too stay). *page is where to go on, 0: at the begin again. How many
// bytes of memory became free; negative: the store's error.
int64_t tm_state_evict(struct tm_state *state, uint32_t key_group, uint32_t *page, uint32_t count);

uint32_t tm_state_key_group(const struct tm_state *state, uint64_t hash);
void tm_state_key_groups(const struct tm_state *state, uint32_t *max_parallelism, uint32_t *first,
                         uint32_t *last);                  // inclusive
int64_t tm_state_used_bytes(const struct tm_state *state); // taken from the account
