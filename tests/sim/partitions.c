// A source of partitions, which come while the job runs, and whose rows are given again from a
// position, in other batches. It takes the place of tm.socket in simulated processes. A partition
// that has not come holds the watermark; one that is read is over.
#include <stdio.h>
#include <string.h>

#include "connectors/socket/socket.h"
#include "core/batch/batch.h"
#include "core/checkpoint/cut.h"
#include "core/checkpoint/restored.h"
#include "tests/sim/partitions.h"
#include "tests/sim/process.h"

enum { BATCH_ROWS_MAX = 64, SLACK = 64, RECORD_BYTES_MAX = 1 << 20 };

struct shared {
    const struct tm_fx *fx;
    struct tm_mem *mem;
    uint32_t parallelism;
    struct sim_position positions[SIM_FEED_MAX]; // by partition
};

struct partitions {
    struct tm_source base;
    struct shared *shared;
    struct tm_schema *schema;
    struct tm_decoder *decoder;
    uint32_t read[SIM_FEED_MAX]; // rows, by partition
    bool opened[SIM_FEED_MAX], over[SIM_FEED_MAX];
};

static struct sim_universe *universe_of(const struct tm_fx *fx)
{
    return ((struct sim_process *)fx->ctx)->universe;
}

static uint32_t partition_of(const struct partitions *self, uint32_t split)
{
    return split * self->shared->parallelism + self->base.ctx->subtask;
}

static uint32_t split_count(const void *shared, uint32_t subtask, uint32_t parallelism)
{
    const struct shared *s = shared;
    uint32_t count = universe_of(s->fx)->feed.count;
    return subtask >= count ? 0 : (count - subtask + parallelism - 1) / parallelism;
}

// --- reading -------------------------------------------------------------------------------------

static uint32_t rows_of(const struct partitions *self, uint32_t partition)
{
    return universe_of(self->base.ctx->fx)->feed.parts[partition].rows;
}

// What has come since is begun; what has been read and given is over.
static void look_around(struct partitions *self)
{
    struct sim_universe *universe = universe_of(self->base.ctx->fx);
    struct tm_splits *splits = self->base.ctx->splits;
    uint32_t count = split_count(self->shared, self->base.ctx->subtask, self->shared->parallelism);
    for (uint32_t split = 0; split < count; split++) {
        uint32_t p = partition_of(self, split);
        if (!self->opened[p] && sim_feed_has_come(universe, p)) {
            self->opened[p] = true;
            tm_splits_set_status(splits, split, TM_SPLIT_ACTIVE);
        }
        if (self->opened[p] && !self->over[p] && self->read[p] == rows_of(self, p)) {
            self->over[p] = true;
            tm_splits_set_status(splits, split, TM_SPLIT_FINISHED);
        }
    }
}

static bool has_rows(void *arg, uint32_t split)
{
    const struct partitions *self = arg;
    uint32_t p = partition_of(self, split);
    return self->read[p] < sim_feed_rows(universe_of(self->base.ctx->fx), p);
}

static bool is_over(const struct partitions *self)
{
    uint32_t count = split_count(self->shared, self->base.ctx->subtask, self->shared->parallelism);
    for (uint32_t split = 0; split < count; split++)
        if (!self->over[partition_of(self, split)])
            return false;
    return !universe_of(self->base.ctx->fx)->feed.endless;
}

static int bad_record(void *arg, const struct tm_bad_record *record)
{
    (void)arg;
    return record->code;
}

// Some rows, as many as it happens.
static int fill(struct partitions *self, struct tm_batch *batch, uint32_t partition,
                struct tm_error *err)
{
    struct sim_universe *universe = universe_of(self->base.ctx->fx);
    const struct sim_fed *fed = &universe->feed.parts[partition];
    uint32_t from = self->read[partition], left = sim_feed_rows(universe, partition) - from;
    uint32_t rows =
        (uint32_t)sim_magnitude(&universe->calls, left < BATCH_ROWS_MAX ? left : BATCH_ROWS_MAX);
    size_t begin = from == 0 ? 0 : fed->ends[from - 1], size = fed->ends[from + rows - 1] - begin;
    char bytes[size + SLACK];
    size_t used = 0;
    memcpy(bytes, fed->text + begin, size);
    memset(bytes + size, 0, SLACK);
    int rc = self->decoder->ops->decode(self->decoder, (const uint8_t *)bytes, size, false, batch,
                                        &used, bad_record, self);
    if (rc == 0 && (used != size || batch->row_count != rows))
        rc = TM_E_INTERNAL;
    self->read[partition] = from + rows;
    return rc == 0 ? 0
                   : tm_error_set(err, rc, "partition %u cannot be read from row %u on", partition,
                                  from);
}

static int read_next(struct tm_source *source, struct tm_batch **out, struct tm_error *err)
{
    struct partitions *self = (struct partitions *)source;
    struct tm_task_context *ctx = source->ctx;
    look_around(self);
    if (is_over(self))
        return TM_READ_END;
    int32_t split = tm_splits_lowest(ctx->splits, has_rows, self);
    if (split < 0)
        return TM_READ_WAIT;
    struct tm_batch *batch = tm_batch_acquire(ctx->pool, self->schema);
    if (batch == NULL)
        return tm_error_set(err, TM_E_MEMORY, "out of memory for a batch");
    int rc = fill(self, batch, partition_of(self, (uint32_t)split), err);
    if (rc != 0) {
        tm_batch_release_local(batch);
        return rc;
    }
    batch->split = split;
    batch->read_ns = ctx->now_ns;
    *out = batch;
    return TM_READ_BATCH;
}

static int64_t deadline_ns(const struct tm_source *source)
{
    const struct partitions *self = (const struct partitions *)source;
    const struct sim_universe *universe = universe_of(source->ctx->fx);
    uint32_t count = split_count(self->shared, source->ctx->subtask, self->shared->parallelism);
    int64_t deadline = INT64_MAX;
    for (uint32_t split = 0; split < count; split++) {
        uint32_t p = partition_of(self, split);
        int64_t at = self->read[p] < sim_feed_rows(universe, p) ? 0 : sim_feed_next_ns(universe, p);
        deadline = at < deadline ? at : deadline;
    }
    return deadline;
}

static int snapshot(struct tm_source *source, struct tm_cut *cut, struct tm_error *err)
{
    const struct partitions *self = (const struct partitions *)source;
    uint32_t count = split_count(self->shared, source->ctx->subtask, self->shared->parallelism);
    for (uint32_t split = 0; split < count; split++) {
        uint32_t p = partition_of(self, split);
        struct sim_position position = {.partition = p,
                                        .read = self->read[p],
                                        .watermark =
                                            tm_splits_watermark(source->ctx->splits, split)};
        if (tm_cut_item(cut, source->node->name, "splits", TM_ITEM_SUBTASK, &position,
                        sizeof position) != 0)
            return tm_error_set(err, TM_E_MEMORY, "out of memory for a position");
    }
    return 0;
}

static void free_source(struct tm_source *source)
{
    struct partitions *self = (struct partitions *)source;
    if (self->decoder != NULL)
        self->decoder->ops->free(self->decoder);
    tm_schema_unref(self->schema);
    tm_mem_free(source->ctx->mem, self, sizeof *self);
}

static const struct tm_source_ops ops = {
    .read = read_next, .deadline_ns = deadline_ns, .free = free_source, .snapshot = snapshot};

// --- beginning -----------------------------------------------------------------------------------

static int new_source(struct tm_task_context *ctx, const struct tm_node *node, void *shared,
                      struct tm_source **source, struct tm_error *err)
{
    struct partitions *self = tm_mem_zalloc(ctx->mem, sizeof *self);
    if (self == NULL)
        return tm_error_set(err, TM_E_MEMORY, "out of memory for the source '%s'", node->name);
    self->base = (struct tm_source){.ops = &ops, .ctx = ctx, .node = node};
    self->shared = shared;
    self->schema = tm_schema_ref(tm_node_schema(node));
    const struct tm_decoder_args args = {.mem = ctx->mem,
                                         .schema = self->schema,
                                         .used = node->used,
                                         .max_record = RECORD_BYTES_MAX,
                                         .options = &node->format_options};
    int rc = tm_format_json.decoder_new(&args, &self->decoder, err);
    if (rc != 0) {
        free_source(&self->base);
        return rc;
    }
    uint32_t count = split_count(shared, ctx->subtask, self->shared->parallelism);
    for (uint32_t split = 0; split < count; split++) {
        uint32_t p = partition_of(self, split);
        self->read[p] = self->shared->positions[p].read;
        if (self->read[p] != 0)
            tm_splits_raise(ctx->splits, split, self->shared->positions[p].watermark);
    }
    *source = &self->base;
    return 0;
}

static int prepare(const struct tm_fx *fx, struct tm_mem *mem, const struct tm_node *node,
                   uint32_t parallelism, void **shared, struct tm_error *err)
{
    struct shared *s = tm_mem_zalloc(mem, sizeof *s);
    if (s == NULL)
        return tm_error_set(err, TM_E_MEMORY, "out of memory for the source '%s'", node->name);
    *s = (struct shared){.fx = fx, .mem = mem, .parallelism = parallelism};
    *shared = s;
    return 0;
}

static void release(void *shared)
{
    struct shared *s = shared;
    if (s != NULL)
        tm_mem_free(s->mem, s, sizeof *s);
}

static int take_position(void *arg, uint32_t old_subtask, const void *bytes, size_t size,
                         struct tm_error *err)
{
    struct shared *s = arg;
    struct sim_position position;
    (void)old_subtask;
    if (!sim_position_get(&position, bytes, size))
        return tm_error_set(err, TM_E_CHECKPOINT, "a position cannot be read");
    s->positions[position.partition] = position;
    return 0;
}

static int restore(void *shared, const struct tm_restored *restored, const struct tm_node *node,
                   struct tm_error *err)
{
    const struct tm_restored_for who = {.operator_name = node->name, .parallelism = 1};
    return tm_restored_items(restored, &who, "splits", take_position, shared, err);
}

static const struct tm_option_def options[] = {{.name = NULL}};

const struct tm_connector tm_connector_socket = {
    .name = "socket",
    .source_options = options,
    .replayable = true,
    .never_idle = true,
    .source_prepare = prepare,
    .source_new = new_source,
    .source_release = release,
    .source_restore = restore,
    .split_count = split_count,
};
