// A job of two tasks for the tests of checkpoints: a keyed state that changes at random, and items;
// and what each checkpoint of it must give back.
#pragma once

#include "core/checkpoint/restored_parts.h"
#include "core/checkpoint/store.h"
#include "core/state/image.h"
#include "tests/unit/checkpoint/disk.h"

enum { TASKS = 2, GROUPS = 8, KEYS_MAX = 512, CHECKPOINTS_MAX = 64 };

struct subject {
    struct tm_mem mem;
    uint32_t keys; // how many there are
    struct tm_state *states[TASKS];
    struct tm_cut *base_cuts[TASKS];
    struct tm_written *bases[TASKS];
    uint64_t values[KEYS_MAX]; // 0: not there
    uint64_t at[CHECKPOINTS_MAX][KEYS_MAX];
    uint64_t random;
    uint32_t piece_bytes; // not 0: what is read comes in such pieces, and is not verified before
};

static struct subject subject;

static const struct tm_layout_field subject_fields[] = {
    {.name = "number", .type = "int64", .bytes = 8, .present_bit = UINT32_MAX},
    {.name = "more", .type = "", .offset = 8, .bytes = 8, .present_bit = UINT32_MAX}};
static const struct tm_layout subject_layout = {16, 2, subject_fields};

static inline uint64_t subject_draw(uint64_t below)
{
    subject.random ^= subject.random << 13;
    subject.random ^= subject.random >> 7;
    subject.random ^= subject.random << 17;
    return (subject.random >> 11) % below;
}

static inline struct tm_key subject_key(const uint64_t *number)
{
    return (struct tm_key){tm_hash_bytes(number, sizeof *number), number, sizeof *number};
}

static inline struct tm_state *subject_state(uint32_t first, uint32_t last)
{
    struct tm_state_args args = {&subject.mem, GROUPS, first, last, 16};
    struct tm_state *state;
    ck_assert_int_eq(tm_state_new(&args, &state, NULL), 0);
    ck_assert_ptr_nonnull(tm_state_namespace_create(state, 0));
    return state;
}

// Before the disk is made: the memory of both is plain.
static inline void subject_init(uint32_t keys, uint64_t seed)
{
    memset(&subject, 0, sizeof subject);
    tm_mem_init(&subject.mem, &disk_fx, NULL, 0);
    subject.keys = keys;
    subject.random = seed * 0x9e3779b97f4a7c15u + 1;
    for (uint32_t i = 0; i < TASKS; i++)
        subject.states[i] = subject_state(i * GROUPS / TASKS, (i + 1) * GROUPS / TASKS - 1);
}

static inline void subject_forget_base(void)
{
    for (uint32_t i = 0; i < TASKS; i++) {
        tm_cut_free(subject.base_cuts[i]);
        tm_written_free(subject.bases[i]);
        subject.base_cuts[i] = NULL;
        subject.bases[i] = NULL;
    }
}

static inline void subject_fini(void)
{
    subject_forget_base();
    for (uint32_t i = 0; i < TASKS; i++)
        tm_state_free(subject.states[i]);
    ck_assert_int_eq(subject.mem.used_bytes, 0);
}

static inline void subject_set(uint64_t number, uint64_t value)
{
    struct tm_key key = subject_key(&number);
    uint32_t task = tm_hash_key_group(key.hash, GROUPS) / (GROUPS / TASKS);
    struct tm_state *state = subject.states[task];
    struct tm_namespace *ns = tm_state_namespace_find(state, 0);
    if (value == 0) {
        ck_assert_int_ge(tm_state_remove(state, ns, &key), 0);
    } else {
        uint64_t *found = tm_state_upsert(state, ns, &key, NULL);
        found[0] = value;
        found[1] = ~value;
    }
    subject.values[number] = value;
}

static inline void subject_change(uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) { // one draw after the other, whatever compiles it
        uint64_t value = subject_draw(8) == 0 ? 0 : 1 + subject_draw(1000000);
        subject_set(subject_draw(subject.keys), value);
    }
}

static inline struct tm_cut *subject_cut(uint64_t checkpoint, uint32_t task)
{
    struct tm_cut *cut;
    ck_assert_int_eq(tm_cut_new(&subject.mem, checkpoint, 0, task, &cut), 0);
    struct tm_snapshot *snapshot = tm_state_freeze_pages(subject.states[task]);
    ck_assert_ptr_nonnull(snapshot);
    ck_assert_int_eq(tm_cut_state(cut, "count", "totals", snapshot, &subject_layout), 0);
    ck_assert_int_eq(
        tm_cut_item(cut, "read", "position", TM_ITEM_SUBTASK, &checkpoint, sizeof checkpoint), 0);
    memcpy(subject.at[checkpoint], subject.values, sizeof subject.values);
    return cut;
}

static inline int subject_manifest(struct tm_manifest *manifest, uint64_t checkpoint,
                                   struct tm_written *const *written, struct tm_error *err)
{
    tm_manifest_init(manifest, &subject.mem);
    manifest->job = "subject";
    manifest->checkpoint = checkpoint;
    manifest->created_ms = 1767225600000;
    manifest->max_parallelism = GROUPS;
    manifest->script = "tm.from(...)";
    ck_assert_int_eq(tm_manifest_add_operator(manifest, "read", "source", "file", TASKS), 0);
    ck_assert_int_eq(tm_manifest_add_operator(manifest, "count", "process", "", TASKS), 0);
    int rc = 0;
    for (uint32_t i = 0; i < TASKS && rc == 0; i++)
        rc = tm_manifest_add_written(manifest, written[i], err);
    return rc;
}

// One checkpoint from its beginning to its end, as the tasks and the coordinator do it. What the
// store says; `publish` false: it is given up before. A savepoint goes to `path`.
static inline int subject_take(struct tm_store *store, uint64_t checkpoint, bool publish,
                               const char *path, struct tm_error *err)
{
    struct tm_pending *pending;
    struct tm_manifest manifest;
    struct tm_cut *cuts[TASKS];
    struct tm_written *written[TASKS] = {NULL};
    for (uint32_t i = 0; i < TASKS; i++)
        cuts[i] = subject_cut(checkpoint, i);
    int rc = path == NULL ? tm_store_begin(store, checkpoint, &pending, err)
                          : tm_store_begin_savepoint(store, checkpoint, path, &pending, err);
    bool begun = rc == 0;
    for (uint32_t i = 0; i < TASKS && rc == 0; i++) {
        struct tm_write_args args = {.mem = &subject.mem,
                                     .fx = &disk_fx,
                                     .place = tm_pending_place(pending),
                                     .cut = cuts[i],
                                     .base_cut = path == NULL ? subject.base_cuts[i] : NULL,
                                     .base = path == NULL ? subject.bases[i] : NULL};
        rc = tm_cut_write(&args, &written[i], err);
    }
    if (rc == 0 && publish) {
        ck_assert_int_eq(subject_manifest(&manifest, checkpoint, written, err), 0);
        manifest.kind = path == NULL ? TM_CHECKPOINT : TM_SAVEPOINT;
        rc = tm_store_publish(store, pending, &manifest, err);
        tm_manifest_fini(&manifest);
    } else if (begun) {
        tm_store_discard(store, pending);
    }
    bool completed = rc == 0 && publish && path == NULL;
    if (completed)
        subject_forget_base();
    for (uint32_t i = 0; i < TASKS; i++)
        if (completed) {
            subject.base_cuts[i] = cuts[i];
            subject.bases[i] = written[i];
        } else {
            tm_cut_free(cuts[i]);
            tm_written_free(written[i]);
        }
    return rc;
}

// --- what it must give back ----------------------------------------------------------------------

static inline int subject_see(void *arg, uint32_t old_subtask, const void *bytes, size_t size,
                              struct tm_error *err)
{
    uint64_t *seen = arg;
    (void)err;
    if (size != sizeof *seen || old_subtask != seen[0]++)
        return TM_E_INTERNAL;
    memcpy(&seen[1], bytes, size);
    return 0;
}

// All of a checkpoint, compared with what there was: 0, or the error of reading it. What it has
// that was never there is TM_E_INTERNAL.
static inline int subject_compare(const struct tm_restored *restored, struct tm_error *err)
{
    uint64_t checkpoint = tm_restored_checkpoint(restored), seen[2] = {0};
    struct tm_restored_for reader = {"read", 0, 1};
    if (checkpoint >= CHECKPOINTS_MAX)
        return TM_E_INTERNAL;
    int rc = tm_restored_items(restored, &reader, "position", subject_see, seen, err);
    if (rc != 0)
        return rc;
    struct tm_state *state = subject_state(0, GROUPS - 1);
    rc = tm_restored_state(restored, "count", "totals", &subject_layout, state, err);
    struct tm_namespace *ns = rc == 0 ? tm_state_namespace_find(state, 0) : NULL;
    uint64_t count = 0;
    bool same = seen[0] == TASKS && seen[1] == checkpoint;
    for (uint64_t i = 0; i < subject.keys && rc == 0; i++) {
        struct tm_key key = subject_key(&i);
        const uint64_t *value = ns == NULL ? NULL : tm_state_find(state, ns, &key);
        uint64_t was = subject.at[checkpoint][i];
        same = same && (value == NULL ? was == 0 : value[0] == was && value[1] == ~was);
        count += was != 0;
    }
    if (rc == 0 && (!same || (ns != NULL ? tm_state_namespace_size(ns) : 0) != count))
        rc = TM_E_INTERNAL;
    tm_state_free(state);
    return rc;
}

// Opened, everything read, and compared. *checkpoint: which one it was.
static inline int subject_open(const char *path, uint64_t number, uint64_t *checkpoint,
                               struct tm_error *err)
{
    struct tm_restored_args args = {
        .mem = &subject.mem, .fx = &disk_fx, .path = path, .checkpoint = number, .job = "subject"};
    struct tm_restored *restored;
    int rc = tm_restored_open(&args, &restored, err);
    if (rc != 0)
        return rc;
    *checkpoint = tm_restored_checkpoint(restored);
    if (subject.piece_bytes != 0)
        restored->piece_bytes = subject.piece_bytes;
    else
        rc = tm_restored_verify(restored, err);
    if (rc == 0)
        rc = subject_compare(restored, err);
    tm_restored_free(restored);
    return rc;
}

static inline int subject_store(struct tm_store **store, struct tm_error *err)
{
    struct tm_store_args args = {.mem = &subject.mem,
                                 .fx = &disk_fx,
                                 .folder = "work/subject",
                                 .job = "subject",
                                 .retain = 3};
    return tm_store_open(&args, store, err);
}
