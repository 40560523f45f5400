// Keyed state and timers of an operator whose logic runs in Lua: one record for all its states of a
// key, found by one lookup and written in place by the chunk (lua/codegen/keyed.lua knows the same
// layout); and the journal of a call, which takes back what the call has done beyond the record.
//
// A record: a word with a bit for every value that is there; then for each value its slot as in a
// row, where what varies in size is a tm_blob; behind the slots of a state with a time to live the
// last access as a double. At the end the heads of maps and lists (collections.h), and sometimes
// eight bytes of nothing, which fill a cache line (keyed.c).
#pragma once

#include "core/base/limits.h"
#include "core/checkpoint/restored.h"
#include "core/operator/block.h"
#include "core/operator/collections.h"
#include "core/state/timers.h"
#include "core/vm/chain.ffi.h"

struct tm__operator_ttl {
    uint64_t bits; // of the state's values
    uint32_t access_offset;
    bool event; // counted by the watermark; else by the wall clock
    int64_t ms;
};

struct tm__operator_record {
    uint32_t bytes, value_count, ttl_count;
    uint32_t blob_offsets[TM_STATES_MAX]; // by bit; 0: of a fixed size
    struct tm__operator_ttl ttls[TM_STATES_MAX];
    uint32_t collection_count;
    bool collections_expire; // one has a time to live
    struct tm__operator_collection_spec collections[TM_STATES_MAX];
};

// What a record holds: the states of a key, the broadcast ones, those of the operator, or of a
// window of a key.
enum tm__operator_scope {
    TM__SCOPE_KEY,
    TM__SCOPE_BROADCAST,
    TM__SCOPE_OPERATOR,
    TM__SCOPE_WINDOW,
    TM__SCOPES
};
enum tm__operator_scope tm__operator_scope_of(const struct tm_state_field *state);

// TM_E_LIMIT: more values than a word has bits.
int tm__operator_record_init(struct tm__operator_record *record, const struct tm_node *node,
                             enum tm__operator_scope scope, struct tm_error *err) TM_WARN_UNUSED;

struct tm__operator_keyed {
    const struct tm_operator *op;
    struct tm_mem *mem;
    enum tm__operator_scope scope;
    struct tm__operator_record record;
    struct tm_layout layout; // of the record, for checkpoints: made when one is asked for
    struct tm__operator_keys keys;
    struct tm_state *state;
    struct tm_namespace *ns;
    struct tm_timers *timers;
    struct tm__operator_block *block;     // the keys under way
    uint8_t *slots[TM__OPERATOR_BLOCK];   // their records
    uint64_t stateless;                   // the record of all keys where nothing is kept
    struct tm_chain_ctx *entry;           // of the chunk under way
    int64_t watermark, clock_ms;          // MIN: none yet; the wall clock, which never goes back
    double call;                          // of the journal, as in chain.ffi.h
    struct tm_buf changes, bytes;         // of that call; `bytes`: what changes refer to
    uint64_t mutations;                   // ever
    uint64_t entries;                     // that there were when the block began
    struct tm_buf scratch;                // of one value
    struct tm__operator_walks *walks;     // NULL where there are no collections
    struct tm_buf gone;                   // bytes of keys whose entries go
    uint32_t sweep_group, sweep_position; // where the search for what is over goes on
    struct tm__operator_sweep sweep;
    const struct tm_schema *ahead; // of the block's rows, where their columns may be keys of maps
    struct tm_chain_known *known;  // as in chain.ffi.h; NULL where there are no maps
};

// The journal of a call.
enum tm__operator_change_kind {
    TM__CHANGE_VALUE, // of varying size
    TM__CHANGE_TIMER_ADDED,
    TM__CHANGE_TIMER_REMOVED,
    TM__CHANGE_MAP_NEW,       // an entry of this key
    TM__CHANGE_MAP_OLD,       // replaced or removed, or its last access
    TM__CHANGE_LIST_APPENDED, // so many values
    TM__CHANGE_LIST_ACCESSED,
    TM__CHANGE_CLEARED, // the head as it was
};
struct tm__operator_change {
    uint8_t kind;   // enum tm__operator_change_kind
    uint8_t domain; // of a timer
    uint8_t n;      // of a collection
    uint32_t index; // of the key in the block
    union {
        struct {
            struct tm_blob old, fresh;
        } value;
        struct {
            int64_t time;
            uint32_t name, name_length; // in `bytes`
        } timer;
        struct {
            uint32_t bytes, key_length, value_length; // key, value, in `bytes`
        } entry;
        struct {
            double newest; // before
            uint32_t count;
        } appended;
        struct {
            double access; // before
            uint32_t i;
        } accessed;
        uint32_t cleared; // in `bytes`
    };
};

// Room for a change with so many bytes, so that noting it does not fail. 0; TM_E_MEMORY;
// TM_E_LIMIT.
int tm__operator_keyed_make_room(struct tm__operator_keyed *keyed, size_t bytes) TM_WARN_UNUSED;
static inline int tm__operator_keyed_prepare(struct tm__operator_keyed *keyed, size_t bytes)
{
    const struct tm_buf *changes = &keyed->changes, *kept = &keyed->bytes;
    if (TM_UNLIKELY(keyed->call != keyed->entry->call || keyed->entry->written != NULL) ||
        TM_UNLIKELY(changes->capacity_bytes - changes->size_bytes <
                    sizeof(struct tm__operator_change)) ||
        TM_UNLIKELY(kept->capacity_bytes - kept->size_bytes < bytes))
        return tm__operator_keyed_make_room(keyed, bytes);
    return 0;
}

// A change for which there is room.
static inline void tm__operator_keyed_note(struct tm__operator_keyed *keyed,
                                           const struct tm__operator_change *change)
{
    memcpy(keyed->changes.data + keyed->changes.size_bytes, change, sizeof *change);
    keyed->changes.size_bytes += sizeof *change;
    keyed->mutations++;
}

// Most keys and values are words.
static inline void tm__operator_keyed_copy(void *to, const void *from, size_t length)
{
    if (TM_LIKELY(length == sizeof(uint64_t)))
        memcpy(to, from, sizeof(uint64_t));
    else if (length != 0)
        memcpy(to, from, length);
}

// The next bytes of `bytes`, for which there is room; where they are.
static inline uint32_t tm__operator_keyed_put_aside(struct tm__operator_keyed *keyed, const void *p,
                                                    size_t length)
{
    uint32_t at = (uint32_t)keyed->bytes.size_bytes;
    tm__operator_keyed_copy(keyed->bytes.data + at, p, length);
    keyed->bytes.size_bytes += length;
    return at;
}

static inline uint32_t tm__operator_keyed_index(const struct tm__operator_keyed *keyed,
                                                uint8_t **slot)
{
    return (uint32_t)(slot - keyed->slots) - 1;
}
static inline uint32_t tm__operator_keyed_group(const struct tm__operator_keyed *keyed,
                                                uint32_t index)
{
    return tm_state_key_group(keyed->state, keyed->block->keys[index].hash);
}

// `keys` is the operator's to initialise, where its rows have some. `key_bytes`: of every key; 0:
// they vary.
int tm__operator_keyed_open(struct tm__operator_keyed *keyed, const struct tm_operator *op,
                            enum tm__operator_scope scope, uint32_t key_bytes,
                            struct tm_error *err) TM_WARN_UNUSED;
void tm__operator_keyed_fini(struct tm__operator_keyed *keyed); // also of one that is all zero

// Records of the block's keys, made where there is none. Addresses hold until keyed_leave.
int tm__operator_keyed_enter(struct tm__operator_keyed *keyed) TM_WARN_UNUSED; // TM_E_MEMORY
// The block is done: entries that hold nothing go, and some that are over.
int tm__operator_keyed_leave(struct tm__operator_keyed *keyed) TM_WARN_UNUSED; // TM_E_MEMORY
// All that the record of the block's key `index` holds goes.
int tm__operator_keyed_forget(struct tm__operator_keyed *keyed, uint32_t index) TM_WARN_UNUSED;
// Bits of a record's values that are over.
uint64_t tm__operator_keyed_expired(const struct tm__operator_keyed *keyed, const void *record);
// A chunk is entered. What it sees of time; brings the clock forward.
void tm__operator_keyed_tell_time(struct tm__operator_keyed *keyed, struct tm_chain_ctx *entry);

// What chunks call (core/vm/chain.ffi.h), of the key whose slot is in front of `slot`.
const uint8_t *tm__operator_keyed_blob(struct tm__operator_keyed *keyed, uint8_t **slot,
                                       const uint8_t *ref);
int tm__operator_keyed_keep(struct tm__operator_keyed *keyed, uint8_t **slot, uint8_t *ref,
                            const uint8_t *p, uint32_t length) TM_WARN_UNUSED;
// 1: the set of timers has changed; 0; TM_E_MEMORY, TM_E_LIMIT.
int tm__operator_keyed_timer(struct tm__operator_keyed *keyed, uint8_t **slot,
                             enum tm_timer_domain domain, bool remove, int64_t at, const char *name,
                             uint32_t length) TM_WARN_UNUSED;
int tm__operator_keyed_settle(struct tm__operator_keyed *keyed, bool keeps) TM_WARN_UNUSED;

// keyed_saved.c: what a checkpoint has of the records, as the part of this name of the operator,
// and which of their states have a time to live. Between two blocks.
int tm__operator_keyed_snapshot(struct tm__operator_keyed *keyed, struct tm_cut *cut,
                                const char *part, struct tm_error *err) TM_WARN_UNUSED;
// A filled state of its records (keyed_look.c). TM_E_CHECKPOINT.
int tm__operator_keyed_look(const struct tm__operator_keyed *keyed, const char *part,
                            struct tm_state *state, struct tm_error *err) TM_WARN_UNUSED;
// Once the clock and the watermark are known: from them on count accesses of states that had no
// time to live before.
int tm__operator_keyed_restore(struct tm__operator_keyed *keyed, const struct tm_restored *restored,
                               const char *part, struct tm_error *err) TM_WARN_UNUSED;
// The records of all subtasks of that time, in a state of its own. NULL: there are none.
int tm__operator_keyed_restore_all(struct tm__operator_keyed *keyed,
                                   const struct tm_restored *restored, const char *part,
                                   struct tm_state **state, struct tm_error *err) TM_WARN_UNUSED;
// The type of a layout's field: "map(" and a key, "list(", or nothing, in front of `type`.
int tm__operator_put_type(struct tm_mem *mem, struct tm_layout_field *field, const char *verb,
                          const struct tm_type *key, struct tm_type type) TM_WARN_UNUSED;
void tm__operator_keyed_saved_fini(struct tm__operator_keyed *keyed);
