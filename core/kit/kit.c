// Making a test's job, feeding it, moving its times, and what came out.
#include <stdlib.h>

#include "core/base/limits.h"
#include "core/kit/kit_private.h"
#include "core/operator/order.h"
#include "core/task/sample.h"

enum { SLACK = 64 };

// --- the connectors ------------------------------------------------------------------------------

static int no_sample(const struct tm_fx *fx, struct tm_mem *mem, const struct tm_node *node,
                     struct tm_sampler *sampler, struct tm_buf *head, struct tm_error *err)
{
    (void)fx;
    (void)mem;
    (void)sampler;
    (void)head;
    tm_error_set(err, TM_E_SCHEMA_MISSING,
                 "%s: a test has nothing to infer a schema from but files", node->name);
    tm_error_hint(err, "declare it: schema = { ... }");
    return TM_E_SCHEMA_MISSING;
}

// With one split where the job makes its own watermarks, as if one file were read by one subtask:
// the others have nothing to wait for.
static uint32_t one_split(const void *shared, uint32_t subtask, uint32_t parallelism)
{
    (void)shared;
    (void)parallelism;
    return subtask == 0 ? 1 : 0;
}

// Those of production by name, limits and samples: plans are the same. Files are sampled, as
// planning does; what else a source reads is not there.
static int replace_connectors(struct tm_kit *kit, const struct tm_connector *const *originals)
{
    uint32_t count = 0;
    while (originals[count] != NULL)
        count++;
    kit->connector_count = count;
    kit->connectors = tm_mem_zalloc(&kit->mem, count * sizeof *kit->connectors);
    kit->connector_list = tm_mem_zalloc(&kit->mem, (count + 1) * sizeof(void *));
    if (kit->connectors == NULL || kit->connector_list == NULL)
        return TM_E_MEMORY;
    for (uint32_t i = 0; i < count; i++) {
        const struct tm_connector *original = originals[i];
        kit->connectors[i] = (struct tm_connector){
            .name = original->name,
            .source_options = original->source_options,
            .sink_options = original->sink_options,
            .source_limit = original->source_limit,
            .source_new = tm__kit_source_new,
            .source_sample = original->replayable ? original->source_sample : no_sample,
            .split_count = kit->args.job_watermarks ? one_split : NULL,
            .sink_new = tm__kit_sink_new};
        kit->connector_list[i] = &kit->connectors[i];
    }
    return 0;
}

// --- life ----------------------------------------------------------------------------------------

static int infer(void *arg, uint32_t index, const struct tm_node *source,
                 const struct tm_infer_column **columns, uint32_t *count, struct tm_error *err)
{
    struct tm_kit *kit = arg;
    return tm_samples_columns(kit->samples, index, source, columns, count, err);
}

static void find_watermarks(struct tm_kit *kit, const struct tm_node *node)
{
    if (node->kind == TM_NODE_SOURCE)
        kit->ends[node->id].has_watermark = true;
    for (uint32_t i = 0; i < node->input_count; i++)
        find_watermarks(kit, &kit->drive.graph->nodes[node->inputs[i]]);
}

static int look_at_ends(struct tm_kit *kit)
{
    const struct tm_graph *graph = kit->drive.graph;
    kit->node_count = graph->node_count;
    kit->ends = tm_mem_zalloc(&kit->mem, graph->node_count * sizeof *kit->ends);
    if (kit->ends == NULL)
        return TM_E_MEMORY;
    for (uint32_t n = 0; n < graph->node_count; n++) {
        kit->ends[n].watermark = TM_WATERMARK_MIN;
        if (graph->nodes[n].kind == TM_NODE_WATERMARK)
            find_watermarks(kit, &graph->nodes[n]);
    }
    return 0;
}

int tm__kit_rest(struct tm_kit *kit, struct tm_error *err)
{
    int rc = kit->trial == NULL ? tm_drive_rest(&kit->drive, err) : tm__kit_trial_rest(kit, err);
    if (rc < 0)
        kit->failure = *err;
    return rc;
}

// Where the job makes its own watermarks the input is one file: other subtasks have none.
static int end_others(struct tm_kit *kit, struct tm_error *err)
{
    const struct tm__kit_item item = {.kind = TM__KIT_END};
    int rc = 0;
    for (struct tm__kit_source *s = kit->sources; s != NULL && rc == 0; s = s->next)
        if (kit->args.job_watermarks && s->base.ctx->subtask != 0)
            rc = tm__kit_source_give(kit, s->base.node->id, s->base.ctx->subtask, &item);
    return rc == 0 ? 0 : tm_error_set(err, rc, "out of memory for a test");
}

static int new_samples(struct tm_kit *kit, struct tm_error *err)
{
    struct tm_samples_args samples = {.fx = &kit->world.fx,
                                      .mem = &kit->mem,
                                      .log = &kit->log,
                                      .connectors = kit->connector_list};
    kit->samples = tm_samples_new(&samples);
    return kit->samples == NULL ? tm_error_set(err, TM_E_MEMORY, "out of memory") : 0;
}

int tm__kit_start(struct tm_kit *kit, uint32_t parallelism, uint32_t max_parallelism,
                  const char *settled, size_t settled_length, struct tm_error *err)
{
    const struct tm_kit_args *args = &kit->args;
    struct tm_drive_args drive = {.fx = &kit->world.fx,
                                  .mem = &kit->mem,
                                  .log = &kit->log,
                                  .connectors = kit->connector_list,
                                  .parallelism = parallelism,
                                  .max_parallelism = max_parallelism,
                                  .restored = kit->restored,
                                  .settled = settled,
                                  .settled_length = settled_length,
                                  .writer = &kit->writer,
                                  .given_watermarks = !args->job_watermarks,
                                  .given_clock = !args->job_clock,
                                  .keeps_workers = true,
                                  .watch = args->watch == NULL ? NULL : &args->watch->watch,
                                  .help = tm_kit_world_help,
                                  .arg = &kit->world};
    drive.vm = (struct tm_vm_args){.fx = &kit->world.fx,
                                   .mem = &kit->mem,
                                   .memory_limit_bytes = TM_LUA_MEMORY_BYTES,
                                   .seed = args->seed,
                                   .test = true,
                                   .program = args->program,
                                   .script_path = args->path,
                                   .script_text = args->text,
                                   .script_length = args->length,
                                   .set_names = args->set_names,
                                   .set_values = args->set_values,
                                   .set_count = args->set_count,
                                   .infer = infer,
                                   .infer_arg = kit};
    int rc = tm_drive_plan(&kit->drive, &drive, err);
    if (rc != 0) {
        if (kit->drive.vm != NULL && strchr(err->where, '\n') == NULL)
            tm_vm_locate(kit->drive.vm, err->message, err->where, sizeof err->where);
        return rc;
    }
    if (kit->ends == NULL && look_at_ends(kit) != 0)
        return tm_error_set(err, TM_E_MEMORY, "out of memory for a test");
    if (args->watch != NULL) { // from here on it is the job's to say
        args->watch->names_of = kit;
        atomic_store(&args->watch->timeout_ms, kit->drive.graph->batch_timeout_ms);
    }
    rc = tm_drive_start(&kit->drive, err);
    return rc != 0 ? rc : end_others(kit, err);
}

static int start(struct tm_kit *kit, struct tm_error *err)
{
    uint32_t parallelism = kit->args.parallelism;
    if (parallelism == 0)
        parallelism = kit->trial == NULL ? 1 : tm__kit_trial_parallelism(kit->trial);
    int rc = new_samples(kit, err);
    if (rc == 0)
        rc = tm__kit_start(kit, parallelism, 0, NULL, 0, err);
    return rc != 0 ? rc : tm__kit_rest(kit, err);
}

static int write_nothing(void *ctx, int fd, const void *buf, size_t len, const _Atomic int *cancel,
                         struct tm_error *err)
{
    (void)ctx;
    (void)fd;
    (void)buf;
    (void)len;
    (void)cancel;
    (void)err;
    return 0;
}

int tm_kit_new(const struct tm_kit_args *args, struct tm_kit **result, struct tm_error *err)
{
    struct tm_mem own;
    tm_mem_init(&own, args->real, NULL, 0);
    struct tm_kit *kit = tm_mem_zalloc(&own, sizeof *kit);
    if (kit == NULL)
        return tm_error_set(err, TM_E_MEMORY, "out of memory for a test");
    kit->own = own;
    tm_kit_world_init(&kit->world, args->real, args->seed, args->now_ms);
    if (args->heaps != NULL)
        tm_kit_world_keep_states(&kit->world, args->heaps);
    tm_mem_init(&kit->mem, &kit->world.fx, NULL, 0);
    // What the engine says of rows that fail is what a spec may want: it asks for counters and dead
    // letters.
    kit->quiet_files = *args->real->files;
    kit->quiet_files.write_all = write_nothing;
    kit->quiet = kit->world.fx;
    kit->quiet.files = &kit->quiet_files;
    kit->log = (struct tm_log){.fx = &kit->quiet, .level = TM_LOG_ERROR};
    tm_buf_init(&kit->scratch, &kit->mem);
    for (int i = 0; i < TM_KIT_BUFFERS; i++)
        tm_buf_init(&kit->buffers[i], &kit->mem);
    kit->writer = (struct tm_cut_writer){.arg = kit, .write = tm__kit_take_cut};
    int rc = tm__kit_keep_args(kit, args);
    if (rc == 0)
        rc = replace_connectors(kit, args->connectors);
    if (rc == 0 && args->trial != NULL)
        rc = tm__kit_trial_new(kit, args->trial);
    rc = rc != 0 ? tm_error_set(err, rc, "out of memory for a test") : start(kit, err);
    if (rc == 0 && kit->trial != NULL)
        rc = tm__kit_trial_begin(kit, err);
    if (rc != 0) {
        tm_kit_free(kit);
        return rc;
    }
    *result = kit;
    return 0;
}

static void free_rows(struct tm_kit *kit, struct tm_kit_row *rows, uint32_t count,
                      uint32_t capacity)
{
    for (uint32_t i = 0; i < count; i++)
        tm__kit_row_free(kit, &rows[i]);
    tm_mem_free(&kit->mem, rows, capacity * sizeof *rows);
}

static void forget_taken(struct tm_kit *kit)
{
    free_rows(kit, kit->taken, kit->taken_count, kit->taken_capacity);
    kit->taken = NULL;
    kit->taken_count = kit->taken_capacity = 0;
}

void tm_kit_free(struct tm_kit *kit)
{
    if (kit == NULL)
        return;
    if (kit->args.watch != NULL && kit->args.watch->names_of == kit)
        kit->args.watch->names_of = NULL;
    forget_taken(kit);
    free_rows(kit, kit->rows, kit->row_count, kit->row_capacity);
    tm_buf_fini(&kit->scratch);
    for (int i = 0; i < TM_KIT_BUFFERS; i++)
        tm_buf_fini(&kit->buffers[i]);
    if (kit->ends != NULL)
        tm_mem_free(&kit->mem, kit->ends, kit->node_count * sizeof *kit->ends);
    tm_drive_close(&kit->drive);
    tm__kit_trial_free(kit);
    tm_restored_free(kit->restored);
    tm__kit_free_args(kit);
    if (kit->samples != NULL)
        tm_samples_free(kit->samples);
    tm_mem_free(&kit->mem, kit->connectors, kit->connector_count * sizeof *kit->connectors);
    tm_mem_free(&kit->mem, kit->connector_list, (kit->connector_count + 1) * sizeof(void *));
    // What operators took they have given back: every test of a job is a test of that.
    TM_CHECK(atomic_load(&kit->mem.used_bytes) == 0);
    struct tm_mem own = kit->own;
    tm_mem_free(&own, kit, sizeof *kit);
}

// --- what it has ---------------------------------------------------------------------------------

const struct tm_graph *tm_kit_graph(const struct tm_kit *kit)
{
    return kit->drive.graph;
}

struct tm_job *tm_kit_job(const struct tm_kit *kit)
{
    return kit->drive.job;
}

struct tm_kit_watch *tm_kit_call_begin(const struct tm_kit *kit, void *caller)
{
    struct tm_kit_watch *watch = kit->args.watch;
    const struct tm_drive *drive = &kit->drive;
    if (watch == NULL || drive->graph == NULL || drive->job == NULL)
        return NULL;
    if (watch->names_of != kit)
        tm_watch_job(&watch->watch, drive->graph, drive->job->worker_count);
    watch->names_of = kit;
    tm_kit_watch_begin(watch, drive->graph->batch_timeout_ms, caller);
    return watch;
}

struct tm_buf *tm_kit_buffer(struct tm_kit *kit, enum tm_kit_buffer which)
{
    return &kit->buffers[which];
}

int64_t tm_kit_now_ms(const struct tm_kit *kit)
{
    return tm_fx_wall_ms(&kit->world.fx);
}

int32_t tm_kit_find(const struct tm_kit *kit, uint8_t kind, const char *name)
{
    const struct tm_graph *graph = kit->drive.graph;
    for (uint32_t n = 0; n < graph->node_count; n++)
        if (graph->nodes[n].kind == kind && strcmp(graph->nodes[n].name, name) == 0)
            return (int32_t)n;
    return -1;
}

// --- what happens --------------------------------------------------------------------------------

int tm__kit_begin(struct tm_kit *kit, struct tm_error *err)
{
    forget_taken(kit);
    if (kit->failure.code != 0) {
        *err = kit->failure;
        return err->code;
    }
    kit->cause++;
    return 0;
}

static const char *name_of(const struct tm_kit *kit, uint32_t node)
{
    return kit->drive.graph->nodes[node].name;
}

static uint32_t subtasks_of(const struct tm_kit *kit, uint32_t node)
{
    return tm_job_node_parallelism(kit->drive.job, node);
}

static int give(struct tm_kit *kit, uint32_t node, uint32_t subtask,
                const struct tm__kit_item *item, struct tm_error *err)
{
    if (tm__kit_source_give(kit, node, subtask, item) == 0)
        return 0;
    return tm_error_set(err, TM_E_MEMORY, "source '%s': out of memory", name_of(kit, node));
}

int tm__kit_give_all(struct tm_kit *kit, uint32_t node, const struct tm__kit_item *item,
                     struct tm_error *err)
{
    int rc = 0;
    for (uint32_t s = 0; rc == 0 && s < subtasks_of(kit, node); s++)
        rc = give(kit, node, s, item, err);
    return rc;
}

int tm__kit_give_status(struct tm_kit *kit, uint32_t node, bool idle, struct tm_error *err)
{
    struct tm__kit_item item = {.kind = TM__KIT_CONTROL,
                                .element = {.kind = TM_ELEMENT_STATUS,
                                            .status = idle ? TM_CHANNEL_IDLE : TM_CHANNEL_ACTIVE}};
    kit->ends[node].is_idle = idle;
    if (!kit->args.job_watermarks)
        return tm__kit_give_all(kit, node, &item, err);
    for (struct tm__kit_source *s = kit->sources; s != NULL; s = s->next)
        if (s->base.node->id == node && tm_splits_count(s->base.ctx->splits) != 0)
            tm_splits_set_status(s->base.ctx->splits, 0, idle ? TM_SPLIT_IDLE : TM_SPLIT_ACTIVE);
    return 0;
}

static int ended(const struct tm_kit *kit, uint32_t node, struct tm_error *err)
{
    if (!kit->ends[node].has_ended)
        return 0;
    return tm_error_set(err, TM_E_TEST_USE, "the source \"%s\" has ended: finish was called",
                        name_of(kit, node));
}

static bool is_one_line(const char *json, size_t length)
{
    const char *line_end = memchr(json, '\n', length);
    return line_end == NULL || line_end + 1 == json + length;
}

static int push(struct tm_kit *kit, const struct tm__kit_op *op, struct tm_error *err)
{
    uint32_t source = (uint32_t)op->source;
    const char *json = op->json;
    size_t length = op->length;
    struct tm__kit_end *end = &kit->ends[source];
    int rc = tm__kit_begin(kit, err);
    if (rc == 0 && op->has_begun)
        kit->cause--;
    rc = rc != 0 ? rc : ended(kit, source, err);
    if (rc == 0 && end->is_idle)
        rc = tm__kit_give_status(kit, source, false, err);
    if (rc != 0)
        return rc;
    struct tm__kit_item item = {
        .kind = TM__KIT_RECORDS, .size_bytes = length, .offset = end->pushed_bytes};
    item.bytes = tm_mem_alloc(&kit->mem, length + SLACK);
    if (item.bytes == NULL)
        return tm_error_set(err, TM_E_MEMORY, "source '%s': out of memory", name_of(kit, source));
    memcpy(item.bytes, json, length);
    memset(item.bytes + length, 0, SLACK);
    kit->several = op->has_begun || op->goes_on || !is_one_line(json, length);
    uint32_t subtask = kit->args.job_watermarks ? 0 : end->pushes % subtasks_of(kit, source);
    end->pushes += !op->goes_on;
    end->pushed_bytes += (int64_t)length;
    end->pushed_ns = kit->world.clock_ns;
    rc = give(kit, source, subtask, &item, err);
    if (rc != 0) {
        tm_mem_free(&kit->mem, item.bytes, length + SLACK);
        return rc;
    }
    return tm__kit_rest(kit, err);
}

static int check_watermark(struct tm_kit *kit, uint32_t node, int64_t at, struct tm_error *err)
{
    const struct tm__kit_end *end = &kit->ends[node];
    if (at >= end->watermark)
        return ended(kit, node, err);
    tm_error_set(err, TM_E_TEST_USE,
                 "the watermark of \"%s\" is %lld and would go back to %lld: event time only goes "
                 "forward",
                 name_of(kit, node), (long long)end->watermark, (long long)at);
    tm_error_hint(err, "a new tm.test begins anew");
    return TM_E_TEST_USE;
}

static int give_watermark(struct tm_kit *kit, uint32_t node, int64_t at, struct tm_error *err)
{
    struct tm__kit_item item = {.kind = TM__KIT_CONTROL,
                                .element = {.kind = TM_ELEMENT_WATERMARK, .watermark = at}};
    if (at == kit->ends[node].watermark)
        return 0;
    kit->ends[node].watermark = at;
    // As in production: who has a watermark to tell is not idle.
    int rc = kit->ends[node].is_idle ? tm__kit_give_status(kit, node, false, err) : 0;
    return rc != 0 ? rc : tm__kit_give_all(kit, node, &item, err);
}

static bool is_source(const struct tm_kit *kit, uint32_t node)
{
    return kit->drive.graph->nodes[node].kind == TM_NODE_SOURCE;
}

static int no_watermarks(const struct tm_kit *kit, int32_t source, struct tm_error *err)
{
    if (kit->args.job_watermarks)
        return tm_error_set(err, TM_E_TEST_USE,
                            "the job makes its own watermarks in this test: watermarks = \"job\"");
    if (source >= 0)
        tm_error_set(err, TM_E_NO_WATERMARK,
                     "the source \"%s\" has no watermark: in production its event time never goes "
                     "forward",
                     name_of(kit, (uint32_t)source));
    else
        tm_error_set(err, TM_E_NO_WATERMARK,
                     "no source of the job has a watermark: in production its event time never "
                     "goes forward");
    tm_error_hint(err, "say which column is the event time: :watermark(\"ts\")");
    return err->code;
}

static int watermark(struct tm_kit *kit, int32_t source, int64_t at, struct tm_error *err)
{
    int rc = tm__kit_begin(kit, err);
    bool any = false;
    if (rc != 0)
        return rc;
    kit->several = true;
    for (uint32_t n = 0; rc == 0 && n < kit->drive.graph->node_count; n++) {
        if (!is_source(kit, n) || (source >= 0 && (uint32_t)source != n) ||
            !kit->ends[n].has_watermark || kit->args.job_watermarks)
            continue;
        any = true;
        if (source < 0 && kit->ends[n].has_ended)
            continue;
        rc = check_watermark(kit, n, at, err);
    }
    if (rc == 0 && !any)
        rc = no_watermarks(kit, source, err);
    for (uint32_t n = 0; rc == 0 && n < kit->drive.graph->node_count; n++)
        if (is_source(kit, n) && (source < 0 || (uint32_t)source == n) &&
            kit->ends[n].has_watermark && !kit->ends[n].has_ended)
            rc = give_watermark(kit, n, at, err);
    return rc != 0 ? rc : tm__kit_rest(kit, err);
}

static int idle(struct tm_kit *kit, uint32_t source, struct tm_error *err)
{
    int rc = tm__kit_begin(kit, err);
    rc = rc != 0 ? rc : ended(kit, source, err);
    kit->several = true;
    rc = rc != 0 ? rc : tm__kit_give_status(kit, source, true, err);
    return rc != 0 ? rc : tm__kit_rest(kit, err);
}

static int finish(struct tm_kit *kit, int32_t source, struct tm_error *err)
{
    const struct tm__kit_item item = {.kind = TM__KIT_END};
    int rc = tm__kit_begin(kit, err);
    kit->several = true;
    if (rc == 0 && source >= 0)
        rc = ended(kit, (uint32_t)source, err);
    for (uint32_t n = 0; rc == 0 && n < kit->drive.graph->node_count; n++) {
        if (!is_source(kit, n) || (source >= 0 && (uint32_t)source != n) || kit->ends[n].has_ended)
            continue;
        kit->ends[n].has_ended = true;
        kit->ends[n].watermark = TM_WATERMARK_MAX;
        rc = tm__kit_give_all(kit, n, &item, err);
    }
    return rc != 0 ? rc : tm__kit_rest(kit, err);
}

static int advance(struct tm_kit *kit, int64_t ms, struct tm_error *err)
{
    int rc = tm__kit_begin(kit, err);
    if (rc != 0)
        return rc;
    kit->several = true;
    int64_t target = kit->world.clock_ns + ms * 1000000;
    int64_t begin_ns = tm_fx_mono_ns(&kit->world.fx) - kit->world.clock_ns;
    for (;;) {
        int64_t deadline = tm_drive_deadline_ns(&kit->drive);
        int64_t at = deadline == INT64_MAX ? INT64_MAX : deadline - begin_ns;
        if (at > target || at <= kit->world.clock_ns)
            break; // what is due already and has not been done cannot be done now
        kit->world.clock_ns = at;
        rc = tm__kit_rest(kit, err);
        if (rc != 0)
            return rc;
        kit->cause++;
    }
    kit->world.clock_ns = target;
    return tm__kit_rest(kit, err);
}

int tm__kit_apply(struct tm_kit *kit, const struct tm__kit_op *op, struct tm_error *err)
{
    switch (op->kind) {
    case TM__KIT_PUSH:
        return push(kit, op, err);
    case TM__KIT_WATERMARK:
        return watermark(kit, op->source, op->number, err);
    case TM__KIT_ADVANCE:
        return advance(kit, op->number, err);
    case TM__KIT_IDLE:
        return idle(kit, (uint32_t)op->source, err);
    case TM__KIT_FINISH:
        break;
    }
    return finish(kit, op->source, err);
}

static int happen(struct tm_kit *kit, const struct tm__kit_op *op, struct tm_error *err)
{
    return kit->trial == NULL ? tm__kit_apply(kit, op, err) : tm__kit_trial_apply(kit, op, err);
}

int tm_kit_push(struct tm_kit *kit, uint32_t source, const char *json, size_t length,
                struct tm_error *err)
{
    const struct tm__kit_op op = {
        .kind = TM__KIT_PUSH, .source = (int32_t)source, .json = json, .length = length};
    return happen(kit, &op, err);
}

int tm_kit_watermark(struct tm_kit *kit, int32_t source, int64_t at, struct tm_error *err)
{
    const struct tm__kit_op op = {.kind = TM__KIT_WATERMARK, .source = source, .number = at};
    return happen(kit, &op, err);
}

int tm_kit_idle(struct tm_kit *kit, uint32_t source, struct tm_error *err)
{
    const struct tm__kit_op op = {.kind = TM__KIT_IDLE, .source = (int32_t)source};
    return happen(kit, &op, err);
}

int tm_kit_finish(struct tm_kit *kit, int32_t source, struct tm_error *err)
{
    const struct tm__kit_op op = {.kind = TM__KIT_FINISH, .source = source};
    return happen(kit, &op, err);
}

int tm_kit_advance(struct tm_kit *kit, int64_t ms, struct tm_error *err)
{
    const struct tm__kit_op op = {.kind = TM__KIT_ADVANCE, .number = ms};
    return happen(kit, &op, err);
}

// --- what came out -------------------------------------------------------------------------------

static int compare_bytes(const uint8_t *a, uint32_t a_bytes, const uint8_t *b, uint32_t b_bytes)
{
    int order = memcmp(a, b, a_bytes < b_bytes ? a_bytes : b_bytes);
    return order != 0 ? order : (a_bytes > b_bytes) - (a_bytes < b_bytes);
}

// Column by column, nulls first.
static int compare_values(const struct tm_kit_row *a, const struct tm_kit_row *b)
{
    const struct tm_row *x = (const void *)a->bytes, *y = (const void *)b->bytes;
    const struct tm_schema *schema = a->schema;
    int order = (schema->fingerprint > b->schema->fingerprint) -
                (schema->fingerprint < b->schema->fingerprint);
    for (uint32_t i = 0; order == 0 && i < schema->field_count; i++) {
        bool x_null = tm_row_is_null(x, i), y_null = tm_row_is_null(y, i);
        order = x_null || y_null
                    ? y_null - x_null
                    : tm_operator_order(schema->fields[i].type, x, schema->fields[i].offset, y,
                                        schema->fields[i].offset);
    }
    return order;
}

static int compare_arrival(const void *x, const void *y)
{
    const struct tm_kit_row *a = x, *b = y;
    return (a->arrival > b->arrival) - (a->arrival < b->arrival);
}

static int compare_cause(const void *x, const void *y)
{
    const struct tm_kit_row *a = x, *b = y;
    if (a->cause != b->cause)
        return a->cause > b->cause ? 1 : -1;
    if (a->time != b->time)
        return a->time > b->time ? 1 : -1;
    int order = 0;
    if (a->key != NULL && b->key != NULL)
        order = compare_bytes(a->key, a->key_bytes, b->key, b->key_bytes);
    else if (a->by_value && b->by_value)
        order = compare_values(a, b);
    return order != 0 ? order : compare_arrival(a, b);
}

int tm_kit_take(struct tm_kit *kit, uint32_t sink, bool by_arrival, const struct tm_kit_row **rows,
                uint32_t *count, struct tm_error *err)
{
    forget_taken(kit);
    if (kit->failure.code != 0) {
        *err = kit->failure;
        return err->code;
    }
    uint32_t n = 0, left = 0;
    for (uint32_t i = 0; i < kit->row_count; i++)
        n += kit->rows[i].node == sink;
    *rows = NULL;
    *count = n;
    if (n == 0)
        return kit->trial == NULL ? 0 : tm__kit_trial_taken(kit, sink);
    kit->taken = tm_mem_alloc(&kit->mem, n * sizeof *kit->taken);
    if (kit->taken == NULL)
        return tm_error_set(err, TM_E_MEMORY, "out of memory for the rows of a sink");
    kit->taken_capacity = n;
    for (uint32_t i = 0; i < kit->row_count; i++) {
        if (kit->rows[i].node == sink)
            kit->taken[kit->taken_count++] = kit->rows[i];
        else
            kit->rows[left++] = kit->rows[i];
    }
    kit->row_count = left;
    if (kit->trial != NULL && tm__kit_trial_taken(kit, sink) != 0)
        return tm_error_set(err, TM_E_MEMORY, "out of memory for the rows of a sink");
    qsort(kit->taken, n, sizeof *kit->taken, by_arrival ? compare_arrival : compare_cause);
    *rows = kit->taken;
    return 0;
}
