// What the files of core/kit share.
#pragma once

#include "core/checkpoint/restored.h"
#include "core/kit/kit.h"

enum tm__kit_item_kind { TM__KIT_RECORDS, TM__KIT_CONTROL, TM__KIT_END };

// What a source has yet to give, in order.
struct tm__kit_item {
    enum tm__kit_item_kind kind;
    struct tm_element element; // CONTROL
    uint8_t *bytes;            // RECORDS: with slack behind them
    size_t size_bytes, used_bytes;
    int64_t offset; // RECORDS: how much was pushed to the source before, as places are told
    struct tm__kit_item *next;
};

// A source of the job in one of its subtasks.
struct tm__kit_source {
    struct tm_source base;
    struct tm_kit *kit;
    struct tm_schema *schema;
    struct tm_decoder *decoder;
    struct tm_error *err; // of the call under way
    bool record_failed;
    int64_t decoded; // by the decoder, before the first item
    struct tm__kit_item *first, *last;
    struct tm__kit_source *next; // of the kit
};

// What is known of a source or sink of the job.
struct tm__kit_end {
    bool has_watermark; // SOURCE: an operator below takes its event time
    bool is_idle, has_ended;
    int64_t watermark;
    uint32_t pushes;
    int64_t pushed_bytes;
    int64_t pushed_ns; // by the clock: the last record
    // SINK: the key that its rows were made under, by columns of their own; count 0: none. Looked
    // for when the first row comes.
    bool key_known;
    bool keyed; // but the columns may be missing
    struct tm_key_reader key;
};

enum tm__kit_op_kind {
    TM__KIT_PUSH,
    TM__KIT_WATERMARK,
    TM__KIT_ADVANCE,
    TM__KIT_IDLE,
    TM__KIT_FINISH
};

// What a test does to its job: tm_kit_push and the like.
struct tm__kit_op {
    enum tm__kit_op_kind kind;
    int32_t source;
    int64_t number;   // event time, or ms of the clock
    const char *json; // PUSH
    size_t length;
    // PUSH: a piece of one. It has begun before, with the same cause; it goes on behind this.
    bool has_begun, goes_on;
};

struct tm_kit {
    struct tm_kit_world world; // first: the sources' and sinks' effects are its
    struct tm_mem mem;
    struct tm_mem own; // of this itself
    struct tm_log log;
    struct tm_fx quiet; // the log's: it is not written
    struct tm_fx_files quiet_files;
    struct tm_kit_args args; // with texts of its own, for a job that is made once more
    struct tm_connector *connectors;
    const struct tm_connector **connector_list;
    uint32_t connector_count;
    struct tm_samples *samples;
    struct tm_drive drive;
    uint64_t checkpoint; // the last one that was taken
    uint32_t node_count; // of `ends`
    struct tm_cut_writer writer;
    const struct tm_cut **cuts; // of the tasks, while it is taken
    uint32_t cut_count, cuts_wanted;
    struct tm_restored *restored; // what the job began with; NULL: anew
    struct tm_buf kept;           // what `args` and the sets point to
    char **sets;                  // names, then values
    struct tm_error failure;      // of the job
    struct tm__kit_end *ends;     // by node
    struct tm__kit_trial *trial;  // NULL: none
    struct tm__kit_source *sources;
    uint64_t cause; // of what happens now
    bool several;   // it can reach several keys: it is no push of one record
    uint64_t arrivals;
    struct tm_kit_row *rows;
    uint32_t row_count, row_capacity, taken_count; // taken: in front, freed by the next call
    struct tm_kit_row *taken;
    uint32_t taken_capacity;
    struct tm_buf scratch;
    struct tm_buf buffers[TM_KIT_BUFFERS];
};

// Plans the job and starts it, from kit->restored on.
int tm__kit_start(struct tm_kit *kit, uint32_t parallelism, uint32_t max_parallelism,
                  const char *settled, size_t settled_length, struct tm_error *err) TM_WARN_UNUSED;
// One of them; TM__KIT_DIED: the job is to die here (of a trial).
int tm__kit_apply(struct tm_kit *kit, const struct tm__kit_op *op,
                  struct tm_error *err) TM_WARN_UNUSED;
// As tm_kit_rest and others begin and end: the failure of the job before, or of this.
int tm__kit_begin(struct tm_kit *kit, struct tm_error *err) TM_WARN_UNUSED;
int tm__kit_rest(struct tm_kit *kit, struct tm_error *err) TM_WARN_UNUSED;
// struct tm_cut_writer: nothing is written, what the tasks give is gathered.
int tm__kit_take_cut(void *arg, const struct tm_write_args *args, struct tm_written **written,
                     struct tm_error *err);
// To all subtasks of a source.
int tm__kit_give_all(struct tm_kit *kit, uint32_t node, const struct tm__kit_item *item,
                     struct tm_error *err) TM_WARN_UNUSED;
int tm__kit_give_status(struct tm_kit *kit, uint32_t node, bool idle,
                        struct tm_error *err) TM_WARN_UNUSED;
// Copies what the caller's arguments point to. TM_E_MEMORY.
int tm__kit_keep_args(struct tm_kit *kit, const struct tm_kit_args *args) TM_WARN_UNUSED;
void tm__kit_free_args(struct tm_kit *kit);

// source.c, sink.c: what stands in for the connectors of production.
int tm__kit_source_new(struct tm_task_context *ctx, const struct tm_node *node, void *shared,
                       struct tm_source **source, struct tm_error *err) TM_WARN_UNUSED;
int tm__kit_sink_new(struct tm_task_context *ctx, const struct tm_node *node,
                     struct tm_schema *schema, void *shared, struct tm_sink **sink,
                     struct tm_error *err) TM_WARN_UNUSED;
// Give an item to one subtask of a source: takes `bytes` (allocated with 64 of slack).
int tm__kit_source_give(struct tm_kit *kit, uint32_t node, uint32_t subtask,
                        const struct tm__kit_item *item) TM_WARN_UNUSED;
void tm__kit_row_free(struct tm_kit *kit, struct tm_kit_row *row);

// restore.c: takes a checkpoint; the job goes on. And begins anew from kit->restored (NULL: from
// the start), with these subtasks and key groups (0: as many as there were) and settled types.
int tm__kit_checkpoint(struct tm_kit *kit, struct tm_restored **restored,
                       struct tm_error *err) TM_WARN_UNUSED;
int tm__kit_begin_again(struct tm_kit *kit, uint32_t parallelism, uint32_t max_parallelism,
                        const char *settled, size_t settled_length,
                        struct tm_error *err) TM_WARN_UNUSED;
bool tm__kit_has_ended(const struct tm_kit *kit);

// trial.c
enum { TM__KIT_DIED = 1 };

int tm__kit_trial_new(struct tm_kit *kit, struct tm_kit_trial *args) TM_WARN_UNUSED;
void tm__kit_trial_free(struct tm_kit *kit);
uint32_t tm__kit_trial_parallelism(struct tm__kit_trial *trial);
// The job has begun.
int tm__kit_trial_begin(struct tm_kit *kit, struct tm_error *err) TM_WARN_UNUSED;
// As tm_drive_rest, with drawn turns. TM__KIT_DIED.
int tm__kit_trial_rest(struct tm_kit *kit, struct tm_error *err) TM_WARN_UNUSED;
int tm__kit_trial_apply(struct tm_kit *kit, const struct tm__kit_op *op,
                        struct tm_error *err) TM_WARN_UNUSED;
// The test takes a checkpoint of its own: the job does not die until it has begun from that.
void tm__kit_trial_hold(struct tm_kit *kit);
// The test's own checkpoint has been taken, and the job has begun from it.
int tm__kit_trial_restored(struct tm_kit *kit, struct tm_error *err) TM_WARN_UNUSED;
// kit->taken goes to the test. TM_E_MEMORY.
int tm__kit_trial_taken(struct tm_kit *kit, uint32_t sink) TM_WARN_UNUSED;
// A row has come: true when it was given to the test before the job died.
bool tm__kit_trial_came_before(struct tm_kit *kit, const struct tm_kit_row *row);
