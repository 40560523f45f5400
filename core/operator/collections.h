// Maps and lists of a key's record (keyed.h): their heads stand at its end, behind what a call's
// first write copies. What chunks call of chain.ffi.h; each change leaves its inverse in the
// journal of the call.
//
// An entry of a state with a time to live begins with its last access, a double. One that is over
// is seen by nobody, and goes when the search behind a block comes to it.
#pragma once

#include "core/batch/type.h"
#include "core/graph/graph.h"
#include "core/state/collection.h"
#include "core/vm/vm.h"

// As in the record; what follows the union only where entries have a time to live.
struct tm__operator_collection {
    union {
        struct tm_state_map map;
        struct tm_state_list list;
    };
    double oldest; // no entry was accessed before
    double newest; // of a list: its last one's access; +inf: they do not ascend
};
enum {
    TM__OPERATOR_COLLECTION_BYTES = 24, // without a time to live
    TM__OPERATOR_WALKS = 16             // of the call under way that can go on
};

struct tm__operator_collection_spec {
    bool is_map, event, refreshes;
    bool is_fixed; // values are all of one length
    bool is_word;  // that of a word, without a time to live: the chunk itself may write them
    uint8_t bit;   // of the record's first word: there are entries
    struct tm_type key;
    int32_t ahead;   // the column that is the key of a row's entry; -1: not known
    uint32_t offset; // of the head
    int64_t ttl_ms;  // 0: for ever
};

struct tm__operator_walk {
    double number; // 0: none; its place among the walks is number % TM__OPERATOR_WALKS
    double call;   // whose it is
    uint64_t used; // as of struct tm__operator_walks
    uint32_t n, index;
    uint64_t changes; // of the call, when `values` were looked up
    bool ended;
    struct tm_state_map_cursor cursor; // of a map
    uint32_t next;                     // of a list
    uint32_t value, value_count;       // those of `values` that are left
    struct tm_span values[TM_STATE_LIST_SOME];
};

struct tm__operator_walks {
    double last;   // of numbers, rounded down to what all places have in common
    uint64_t used; // counts steps of all walks
    struct tm__operator_walk walks[TM__OPERATOR_WALKS];
};

// Where the search for entries that are over has left a map.
struct tm__operator_sweep {
    uint64_t key_hash; // of the record's key
    bool goes_on;
    uint32_t n, passed;
    uint64_t hash; // of the map's last entry, the `passed`th of this hash
};

struct tm__operator_keyed;
struct tm__operator_change;

extern const struct tm_vm_collections tm__operator_collections; // of a struct tm__operator_keyed

// Once the record is known: memory for what is known of entries. TM_E_MEMORY.
int tm__operator_collections_open(struct tm__operator_keyed *keyed) TM_WARN_UNUSED;
void tm__operator_collections_fini(struct tm__operator_keyed *keyed);
// Of the records of a block: finds the entries that its rows will want, where a column is known to
// be their key (keyed->ahead); else asks for the collections' memory.
void tm__operator_collections_ask(const struct tm__operator_keyed *keyed);

// What the call under way has written without the journal: to the journal, before anything else is
// changed; or taken back.
int tm__operator_collections_note_written(struct tm__operator_keyed *keyed) TM_WARN_UNUSED;
void tm__operator_collections_take_back(struct tm__operator_keyed *keyed);
// Takes back a change.
int tm__operator_collection_undo(struct tm__operator_keyed *keyed,
                                 const struct tm__operator_change *change) TM_WARN_UNUSED;
// A collection that was cleared stays so: its memory goes.
void tm__operator_collection_drop(struct tm__operator_keyed *keyed,
                                  const struct tm__operator_change *change);

// Is there something in the record's collections that may be over?
bool tm__operator_collections_expire(const struct tm__operator_keyed *keyed, const void *record);
// Takes out what is over, with *budget entries looked at at most. 1: there is more; 0; TM_E_MEMORY.
int tm__operator_collections_sweep(struct tm__operator_keyed *keyed, const struct tm_key *key,
                                   void *record, uint32_t *budget) TM_WARN_UNUSED;
