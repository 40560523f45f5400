// List state and map state of a key, kept in blobs of a state and position independent: freezing,
// forking and eviction are those of the state. Small ones are one blob; larger ones are buckets and
// chunks of some KiB under directories of bounded size, so that no change moves more than a bounded
// number of entries. README.md draws the picture. One thread.
#pragma once

#include "core/base/limits.h"
#include "core/state/state.h"

// Where a key's things lie.
struct tm_place {
    struct tm_state *state;
    struct tm_namespace *ns;
    uint32_t key_group;
};

// Bytes in the state, for reading. They hold until the next change in this state.
struct tm_span {
    const void *bytes;
    uint32_t length;
};

// How many entries and references all collections of the state have moved from blob to blob.
uint64_t tm_collections_moved(const struct tm_state *state);

// --- maps ----------------------------------------------------------------------------------------
// Key bytes -> value bytes, in the order of the hash of the key, then of its bytes. All-zero is
// an empty one. It lies where its owner may write (the key's record), and can be moved with it.
// `hash` of a key is tm_hash_bytes of its bytes. Keys and values that are given may not lie in the
// same map. Values are aligned to 8. A map that is not cleared before its record goes loses its
// memory until the namespace is dropped. Codes: TM_E_MEMORY, nothing that can be seen has changed;
// TM_E_LIMIT, key or value are too long (TM_STATE_MAP_KEY_BYTES_MAX,
// TM_STATE_COLLECTION_VALUE_BYTES_MAX) or entries are too many.
struct tm_state_map {
    uint32_t root;    // reference of a bucket or a node; 0: none
    uint32_t count;   // entries
    uint64_t bytes;   // memory of its blobs, as taken from the state
    uint32_t changes; // of its structure; for cursors and who remembers values. Clearing counts too
    uint32_t reserved;
};

// 1: there; 0: not; TM_E_MEMORY.
int tm_state_map_get(const struct tm_place *place, const struct tm_state_map *map,
                     const struct tm_key *key, struct tm_span *value) TM_WARN_UNUSED;
// The same; *own: the value can be written until the next call, as if it had been asked for by
// edit.
int tm_state_map_find(const struct tm_place *place, const struct tm_state_map *map,
                      const struct tm_key *key, struct tm_span *value, bool *own) TM_WARN_UNUSED;
// As get, and its value can be written until the next call.
int tm_state_map_edit(const struct tm_place *place, struct tm_state_map *map,
                      const struct tm_key *key, void **value, uint32_t *length) TM_WARN_UNUSED;
// 1: new; 0: replaced.
int tm_state_map_put(const struct tm_place *place, struct tm_state_map *map,
                     const struct tm_key *key, const void *value, uint32_t length) TM_WARN_UNUSED;
// As put, but *value is to be written, before the next call: it has the old bytes where an entry
// of that length was there (0), else zeros (1: new; 0: of another length).
int tm_state_map_upsert(const struct tm_place *place, struct tm_state_map *map,
                        const struct tm_key *key, uint32_t length, void **value) TM_WARN_UNUSED;
// 1: removed; 0: it was not there.
int tm_state_map_remove(const struct tm_place *place, struct tm_state_map *map,
                        const struct tm_key *key) TM_WARN_UNUSED;
// What cannot be reached for want of memory is lost until the namespace is dropped.
void tm_state_map_clear(const struct tm_place *place, struct tm_state_map *map);

// Asks for memory that calls will read, so that it is on its way meanwhile, for each map of a block
// of rows: a small map, or the begin of a large one.
void tm_state_map_ask(const struct tm_place *place, const struct tm_state_map *map);

// Entries of many maps, at most TM_STATE_LOOK at a time, so that what one needs is on its way while
// others are looked at. What is not to be had at once is not told: calls find it. First `begin`,
// which asks for the maps' memory, then, better after a while, `look`. The hash of the key need not
// be known.
enum tm_state_told { TM_STATE_UNTOLD, TM_STATE_MISSING, TM_STATE_THERE };
struct tm_state_map_look {
    const struct tm_state_map *map;
    uint64_t record_hash; // of the record's key
    struct tm_key key;
    bool plain; // most likely keys are words of 8 bytes, and values one to three such words
    // THERE: the value can be written, and stays where it is as long as the map's `changes` are the
    // same and the state is neither frozen nor evicted.
    enum tm_state_told told;
    uint32_t length;
    void *value;
    // How far it has come.
    const void *group, *at; // at NULL: it is told, or not to be had at once
    uintptr_t page;         // its flags
    uint32_t used, above, child, i;
};
void tm_state_map_look_begin(const struct tm_state *state, struct tm_state_map_look *looks,
                             uint32_t count);
void tm_state_map_look(struct tm_state_map_look *looks, uint32_t count);

// The same of maps whose keys are words of 8 bytes and whose values are of one length, one to three
// such words. What other maps have is not told. Between `begin` and `look` comes `aim`, best with
// other maps' steps between them. `keys` are those of the records in which the maps lie.
struct tm_state_map_words {
    const struct tm_state_map *map[TM_STATE_LOOK]; // NULL: nothing is asked for
    uint64_t word[TM_STATE_LOOK];                  // the key
    uint32_t told;              // a bit each: it is known whether there is such an entry
    void *value[TM_STATE_LOOK]; // where there is, else NULL
    // How far it has come.
    bool nodes; // there may be some
    const void *at[TM_STATE_LOOK];
};
void tm_state_map_words_begin(const struct tm_state *state, struct tm_state_map_words *words,
                              const struct tm_key *keys, uint32_t count);
void tm_state_map_words_aim(const struct tm_state *state, struct tm_state_map_words *words,
                            const struct tm_key *keys, uint32_t count);
void tm_state_map_words_look(struct tm_state_map_words *words, uint32_t count);

// A walk in order. The map can change meanwhile: entries that stay are seen once, those put behind
// the place of the walk are seen too. (Of keys of one hash of 64 bits one may be left out when
// another is removed.) The map must not be cleared. All-zero is the begin.
struct tm_state_map_cursor {
    uint64_t hash;    // of the last entry
    uint32_t passed;  // entries of this hash seen
    uint32_t changes; // of the map, when the rest was right
    uint32_t bucket;  // reference; 0: not known
    uint32_t next;    // entry of the bucket
    uint64_t last;    // hash that can lie in the bucket
};
// 1: the next entry; 0: the end; TM_E_MEMORY: the same again with the next call.
int tm_state_map_next(const struct tm_place *place, const struct tm_state_map *map,
                      struct tm_state_map_cursor *cursor, struct tm_key *key,
                      struct tm_span *value) TM_WARN_UNUSED;

// One step of a walk that takes out what `goes` says of a value: the entries of one bucket, at most
// TM_STATE_MAP_SIFT. 1: *looked_at of them; 0: the end; TM_E_MEMORY: the same again with the next
// call.
enum { TM_STATE_MAP_SIFT = 64 };
typedef bool tm_state_map_goes(void *arg, const struct tm_span *value);
int tm_state_map_sift(const struct tm_place *place, struct tm_state_map *map,
                      struct tm_state_map_cursor *cursor, tm_state_map_goes *goes, void *arg,
                      uint32_t *looked_at) TM_WARN_UNUSED;

// --- lists ---------------------------------------------------------------------------------------
// Values by number from 0. As for maps: all-zero is empty, codes, life of what is returned.
struct tm_state_list {
    uint32_t root;   // reference of a chunk or a node; 0: none
    uint32_t count;  // values
    uint64_t bytes;  // memory of its blobs, as taken from the state
    uint32_t first;  // the first value's place below the root
    uint32_t levels; // nodes above a chunk
};

int tm_state_list_append(const struct tm_place *place, struct tm_state_list *list,
                         const void *value,
                         uint32_t length) TM_WARN_UNUSED; // 0
// In front: what undoes a removal there.
int tm_state_list_prepend(const struct tm_place *place, struct tm_state_list *list,
                          const void *value, uint32_t length) TM_WARN_UNUSED;
// 1; 0: there is no value `i`; TM_E_MEMORY.
int tm_state_list_get(const struct tm_place *place, const struct tm_state_list *list, uint32_t i,
                      struct tm_span *value) TM_WARN_UNUSED;
// The same, and it can be written until the next call.
int tm_state_list_edit(const struct tm_place *place, struct tm_state_list *list, uint32_t i,
                       void **value, uint32_t *length) TM_WARN_UNUSED;
// Values from `i` on, at most `count` and those of one chunk: a walk in steps. How many; 0: there
// is no value `i`; TM_E_MEMORY.
int tm_state_list_some(const struct tm_place *place, const struct tm_state_list *list, uint32_t i,
                       struct tm_span *values, uint32_t count) TM_WARN_UNUSED;
enum { TM_STATE_LIST_SOME = 64 }; // values of a chunk at most
// 1; 0: there is no value `i`.
int tm_state_list_set(const struct tm_place *place, struct tm_state_list *list, uint32_t i,
                      const void *value, uint32_t length) TM_WARN_UNUSED;
// The first or last `count` values go, or all. 0; TM_E_MEMORY. Takes time in proportion to them.
int tm_state_list_remove_first(const struct tm_place *place, struct tm_state_list *list,
                               uint32_t count) TM_WARN_UNUSED;
int tm_state_list_remove_last(const struct tm_place *place, struct tm_state_list *list,
                              uint32_t count) TM_WARN_UNUSED;
void tm_state_list_clear(const struct tm_place *place, struct tm_state_list *list);
void tm_state_list_ask(const struct tm_place *place,
                       const struct tm_state_list *list); // as tm_state_map_ask
