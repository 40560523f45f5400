// Building a job's run-time parts from its plan, and taking them down.
#include "core/task/job.h"

#include "core/base/kill_point.h"
#include "core/checkpoint/restored.h"
#include "core/task/dead_letter.h"
#include "core/task/settle.h"
#include "core/task/task.h"
#include "core/task/user_metrics.h"

struct tm_node_metrics *tm_job_metrics(struct tm_job *job, uint32_t node, uint32_t subtask)
{
    return &job->metrics[node * job->metrics_stride + subtask];
}

struct tm_kept *tm_job_kept(struct tm_job *job, uint32_t node, uint32_t subtask)
{
    return &job->kept[node * job->metrics_stride + subtask];
}

struct tm_waiting *tm_job_waiting(struct tm_job *job, uint32_t node, uint32_t subtask)
{
    return &job->waiting[node * job->metrics_stride + subtask];
}

int tm_job_command(struct tm_job *job, enum tm_command_kind kind, const char *text, size_t length)
{
    return tm_job_command_checkpoint(job, kind, 0, TM_PURPOSE_PERIODIC, text, length);
}

int tm_job_command_checkpoint(struct tm_job *job, enum tm_command_kind kind, uint64_t checkpoint,
                              enum tm_checkpoint_purpose purpose, const char *text, size_t length)
{
    int64_t now_ns = tm_fx_mono_ns(job->fx);
    for (uint32_t w = 0; w < job->worker_count; w++) {
        struct tm_command *command = tm_command_new(job->mem, kind, text, length);
        if (command == NULL)
            return TM_E_MEMORY;
        command->checkpoint = checkpoint;
        command->given_ns = now_ns;
        command->purpose = purpose;
        tm_mailbox_post(&job->workers[w].commands, &command->message);
    }
    return 0;
}

static const struct tm_chain *chain_of(const struct tm_plan *plan, uint32_t node)
{
    for (uint32_t c = 0; c < plan->chain_count; c++)
        for (uint32_t i = 0; i < plan->chains[c].node_count; i++)
            if (plan->chains[c].nodes[i] == node)
                return &plan->chains[c];
    return NULL;
}

uint32_t tm_job_node_parallelism(const struct tm_job *job, uint32_t node)
{
    const struct tm_chain *chain = chain_of(job->plan, node);
    return chain == NULL ? 0 : chain->parallelism;
}

struct tm_channel *tm_job_channel(const struct tm_job *job, uint32_t edge, uint32_t producer,
                                  uint32_t consumer)
{
    uint32_t consumers = job->plan->chains[job->plan->edges[edge].to_chain].parallelism;
    return job->channels[job->first_channel[edge] + producer * consumers + consumer];
}

static int out_of_memory(struct tm_error *err)
{
    return tm_error_set(err, TM_E_MEMORY, "out of memory while the job is built");
}

static void *zalloc(struct tm_job *job, size_t count, size_t size)
{
    return tm_mem_zalloc(job->mem, (count == 0 ? 1 : count) * size);
}

static void free_array(struct tm_job *job, void *p, size_t count, size_t size)
{
    if (p != NULL)
        tm_mem_free(job->mem, p, (count == 0 ? 1 : count) * size);
}

// --- parts ---------------------------------------------------------------------------------------

static int make_metrics(struct tm_job *job)
{
    const struct tm_plan *plan = job->plan;
    for (uint32_t c = 0; c < plan->chain_count; c++)
        if (plan->chains[c].parallelism > job->metrics_stride)
            job->metrics_stride = plan->chains[c].parallelism;
    size_t count = (size_t)job->graph->node_count * job->metrics_stride;
    job->metrics = zalloc(job, count, sizeof *job->metrics);
    job->waiting = zalloc(job, count, sizeof *job->waiting);
    job->kept = zalloc(job, count, sizeof *job->kept);
    job->said = zalloc(job, job->graph->node_count, sizeof *job->said);
    if (job->metrics == NULL || job->waiting == NULL || job->kept == NULL || job->said == NULL)
        return TM_E_MEMORY;
    for (size_t i = 0; i < count; i++)
        atomic_init(&job->metrics[i].watermark, TM_WATERMARK_MIN);
    return 0;
}

static int make_channels(struct tm_job *job)
{
    const struct tm_plan *plan = job->plan;
    job->first_channel = zalloc(job, plan->edge_count, sizeof *job->first_channel);
    if (job->first_channel == NULL)
        return TM_E_MEMORY;
    uint32_t total = 0;
    for (uint32_t e = 0; e < plan->edge_count; e++) {
        job->first_channel[e] = total;
        total += plan->chains[plan->edges[e].from_chain].parallelism *
                 plan->chains[plan->edges[e].to_chain].parallelism;
    }
    job->channels = zalloc(job, total, sizeof *job->channels);
    if (job->channels == NULL)
        return TM_E_MEMORY;
    job->channel_count = total;
    for (uint32_t e = 0; e < plan->edge_count; e++) {
        const struct tm_edge *edge = &plan->edges[e];
        uint32_t producers = plan->chains[edge->from_chain].parallelism;
        uint32_t consumers = plan->chains[edge->to_chain].parallelism;
        for (uint32_t i = 0; i < producers * consumers; i++) {
            if (edge->partition == TM_PARTITION_FORWARD && i / consumers != i % consumers)
                continue; // a forward edge connects equal subtasks only
            struct tm_channel *channel = tm_channel_new(job->mem);
            if (channel == NULL)
                return TM_E_MEMORY;
            job->channels[job->first_channel[e] + i] = channel;
        }
    }
    return 0;
}

static bool ends_in_sink(const struct tm_job *job, const struct tm_chain *chain)
{
    return job->graph->nodes[chain->nodes[chain->node_count - 1]].kind == TM_NODE_SINK;
}

static int make_tasks(struct tm_job *job)
{
    const struct tm_plan *plan = job->plan;
    job->first_task = zalloc(job, plan->chain_count, sizeof *job->first_task);
    job->ends = zalloc(job, plan->chain_count, sizeof *job->ends);
    if (job->first_task == NULL || job->ends == NULL)
        return TM_E_MEMORY;
    for (uint32_t c = 0; c < plan->chain_count; c++) {
        job->first_task[c] = job->task_count;
        job->task_count += plan->chains[c].parallelism;
    }
    job->tasks = zalloc(job, job->task_count, sizeof *job->tasks);
    job->failures = zalloc(job, job->task_count, sizeof *job->failures);
    job->held = zalloc(job, job->task_count, sizeof *job->held);
    if (job->tasks == NULL || job->failures == NULL || job->held == NULL)
        return TM_E_MEMORY;
    for (uint32_t c = 0; c < plan->chain_count; c++)
        for (uint32_t s = 0; s < plan->chains[c].parallelism; s++) {
            uint32_t index = job->first_task[c] + s;
            struct tm_task *task = &job->tasks[index];
            task->job = job;
            task->ctx.chain = &plan->chains[c];
            task->ctx.subtask = s;
            task->failures = &job->failures[index];
            task->held = &job->held[index];
            if (ends_in_sink(job, &plan->chains[c]) &&
                (task->latency = zalloc(job, 1, sizeof *task->latency)) == NULL)
                return TM_E_MEMORY;
        }
    return 0;
}

// The watermark operator of a chain whose source is aligned, or NULL.
static const struct tm_node *aligned_by(const struct tm_job *job, const struct tm_chain *chain)
{
    for (uint32_t i = 0; i < chain->node_count; i++) {
        const struct tm_node *node = &job->graph->nodes[chain->nodes[i]];
        if (node->kind == TM_NODE_WATERMARK && node->align_group != NULL)
            return node;
    }
    return NULL;
}

// Members are numbered chain by chain, subtask by subtask. With `alignment` NULL only counts.
static uint32_t join_group(struct tm_job *job, const char *group, struct tm_alignment *alignment)
{
    uint32_t members = 0;
    for (uint32_t c = 0; c < job->plan->chain_count; c++) {
        const struct tm_chain *chain = &job->plan->chains[c];
        const struct tm_node *node = aligned_by(job, chain);
        if (node == NULL || strcmp(node->align_group, group) != 0)
            continue;
        for (uint32_t s = 0; s < chain->parallelism; s++, members++) {
            struct tm_task_context *ctx = &job->tasks[job->first_task[c] + s].ctx;
            if (alignment == NULL)
                continue;
            ctx->alignment = alignment;
            ctx->align_member = members;
            ctx->align_drift_ms = node->align_drift_ms;
            tm_alignment_set_waker(alignment, members, &job->workers[s % job->worker_count].waker);
        }
    }
    return members;
}

static int make_alignments(struct tm_job *job)
{
    job->alignments = zalloc(job, job->graph->node_count, sizeof *job->alignments);
    if (job->alignments == NULL)
        return TM_E_MEMORY;
    for (uint32_t c = 0; c < job->plan->chain_count; c++) {
        const struct tm_node *node = aligned_by(job, &job->plan->chains[c]);
        if (node == NULL || job->tasks[job->first_task[c]].ctx.alignment != NULL)
            continue;
        uint32_t members = join_group(job, node->align_group, NULL);
        job->alignments[node->id] = tm_alignment_new(job->mem, members);
        if (job->alignments[node->id] == NULL)
            return TM_E_MEMORY;
        join_group(job, node->align_group, job->alignments[node->id]);
    }
    return 0;
}

static int make_workers(struct tm_job *job, uint32_t count, struct tm_error *err)
{
    const size_t line = _Alignof(struct tm_worker); // a cache line: threads write side by side
    job->workers_bytes = (count == 0 ? 1 : count) * sizeof *job->workers + line;
    job->workers_block = tm_mem_zalloc(job->mem, job->workers_bytes);
    if (job->workers_block == NULL)
        return out_of_memory(err);
    job->workers =
        (struct tm_worker *)(((uintptr_t)job->workers_block + line - 1) & ~(uintptr_t)(line - 1));
    for (uint32_t w = 0; w < count; w++) {
        struct tm_worker *worker = &job->workers[w];
        worker->job = job;
        worker->index = w;
        tm_mem_init(&worker->mem, job->fx, job->mem, 0);
        int rc = tm_waker_init(&worker->waker, job->fx, err);
        if (rc != 0)
            return rc;
        job->worker_count++;
        tm_mailbox_init(&worker->commands, &worker->waker);
        worker->tasks = zalloc(job, job->task_count, sizeof *worker->tasks);
        if (worker->tasks == NULL)
            return out_of_memory(err);
    }
    const struct tm_plan *plan = job->plan;
    for (uint32_t c = 0; c < plan->chain_count; c++)
        for (uint32_t s = 0; s < plan->chains[c].parallelism; s++) {
            struct tm_worker *worker = &job->workers[s % count];
            worker->tasks[worker->task_count++] = &job->tasks[job->first_task[c] + s];
        }
    return 0;
}

static void connect_wakers(struct tm_job *job)
{
    const struct tm_plan *plan = job->plan;
    for (uint32_t e = 0; e < plan->edge_count; e++) {
        uint32_t producers = plan->chains[plan->edges[e].from_chain].parallelism;
        uint32_t consumers = plan->chains[plan->edges[e].to_chain].parallelism;
        for (uint32_t p = 0; p < producers; p++)
            for (uint32_t c = 0; c < consumers; c++) {
                struct tm_channel *channel = tm_job_channel(job, e, p, c);
                if (channel != NULL)
                    tm_channel_set_wakers(channel, &job->workers[p % job->worker_count].waker,
                                          &job->workers[c % job->worker_count].waker);
            }
    }
}

// What the job's first sink of a connector has made; NULL: there is none before this node.
static void *first_sink(const struct tm_job *job, const struct tm_node *node)
{
    for (uint32_t n = 0; n < node->id; n++) {
        const struct tm_node *other = &job->graph->nodes[n];
        if (other->kind == TM_NODE_SINK && job->shared[n] != NULL &&
            strcmp(other->connector, node->connector) == 0)
            return job->shared[n];
    }
    return NULL;
}

static int prepare_one(struct tm_job *job, const struct tm_connector *connector,
                       const struct tm_node *node, void **shared, struct tm_error *err)
{
    uint32_t parallelism = tm_job_node_parallelism(job, node->id);
    const struct tm_sink_job about = {.name = job->graph->name,
                                      .restored = job->restored,
                                      .settles = job->settles || job->given_up != NULL};
    if (node->kind == TM_NODE_SOURCE)
        return connector->source_prepare == NULL
                   ? 0
                   : connector->source_prepare(job->fx, job->mem, node, parallelism, shared, err);
    *shared = connector->sink_prepare == NULL ? NULL : first_sink(job, node);
    if (job->checkpoints && connector->sink_prepare_checkpoints != NULL)
        return connector->sink_prepare_checkpoints(job->fx, job->mem, node, parallelism, &about,
                                                   shared, err);
    return connector->sink_prepare == NULL
               ? 0
               : connector->sink_prepare(job->fx, job->mem, node, parallelism, shared, err);
}

static int prepare_connectors(struct tm_job *job, struct tm_error *err)
{
    job->shared = zalloc(job, job->graph->node_count, sizeof *job->shared);
    if (job->shared == NULL)
        return out_of_memory(err);
    for (uint32_t n = 0; n < job->graph->node_count; n++) {
        const struct tm_node *node = &job->graph->nodes[n];
        if (node->kind != TM_NODE_SOURCE && node->kind != TM_NODE_SINK)
            continue;
        const struct tm_connector *connector = tm_connector_find(job->connectors, node->connector);
        if (connector == NULL)
            return tm_error_set(err, TM_E_INTERNAL, "operator '%s': no connector '%s'", node->name,
                                node->connector);
        void *shared = NULL;
        int rc = prepare_one(job, connector, node, &shared, err);
        if (rc == 0) {
            job->shared[n] = shared;
        } else {
            if (err->where[0] == '\0')
                tm_error_where(err, "%s", node->where);
            return rc;
        }
    }
    return 0;
}

// A sink that a source of the job reads would never end.
static int check_circles(struct tm_job *job, struct tm_error *err)
{
    for (uint32_t n = 0; n < job->graph->node_count; n++) {
        const struct tm_node *sink = &job->graph->nodes[n];
        if (sink->kind != TM_NODE_SINK)
            continue;
        const struct tm_connector *connector = tm_connector_find(job->connectors, sink->connector);
        for (uint32_t s = 0; connector->sink_check != NULL && s < job->graph->node_count; s++) {
            const struct tm_node *source = &job->graph->nodes[s];
            if (source->kind != TM_NODE_SOURCE || strcmp(source->connector, sink->connector) != 0)
                continue;
            int rc = connector->sink_check(job->shared[n], source, err);
            if (rc != 0) {
                tm_error_where(err, "%s", sink->where);
                return rc;
            }
        }
    }
    return 0;
}

// Output of the damaged checkpoint that is there already would come again.
static int check_damaged(struct tm_job *job, const struct tm_connector *connector,
                         const struct tm_node *node, struct tm_error *err)
{
    bool committed = false;
    if (job->damaged == 0 || connector->sink_committed == NULL || job->shared[node->id] == NULL)
        return 0;
    int rc = connector->sink_committed(job->shared[node->id], job->damaged, &committed, err);
    if (rc != 0 || !committed)
        return rc;
    unsigned long long older = tm_restored_checkpoint(job->restored);
    tm_error_set(err, TM_E_CHECKPOINT_OLD,
                 "checkpoint %llu is damaged, and '%s' has begun to make its output visible: from "
                 "checkpoint %llu rows would come again",
                 (unsigned long long)job->damaged, node->name, older);
    tm_error_hint(err,
                  "decide: bring checkpoint %llu back from a backup; or --from chk-%llu with "
                  "if_exists = \"append\" (rows come twice) or \"replace\"; or --fresh",
                  (unsigned long long)job->damaged, older);
    return TM_E_CHECKPOINT_OLD;
}

// All sinks are asked before one of them changes anything.
static int check_sinks(struct tm_job *job, struct tm_error *err)
{
    int rc = 0;
    for (uint32_t n = 0; n < job->graph->node_count && rc == 0; n++) {
        const struct tm_node *node = &job->graph->nodes[n];
        if (node->kind != TM_NODE_SINK)
            continue;
        rc = check_damaged(job, tm_connector_find(job->connectors, node->connector), node, err);
        if (rc != 0 && err->where[0] == '\0')
            tm_error_where(err, "%s", node->where);
    }
    return rc;
}

// Positions of sources, and what sinks have in the checkpoint. Nothing is changed yet.
static int restore_connectors(struct tm_job *job, struct tm_error *err)
{
    for (uint32_t n = 0; n < job->graph->node_count; n++) {
        const struct tm_node *node = &job->graph->nodes[n];
        if (node->kind != TM_NODE_SOURCE && node->kind != TM_NODE_SINK)
            continue;
        const struct tm_connector *connector = tm_connector_find(job->connectors, node->connector);
        int (*restore)(void *, const struct tm_restored *, const struct tm_node *,
                       struct tm_error *) =
            node->kind == TM_NODE_SOURCE ? connector->source_restore : connector->sink_restore;
        int rc = restore == NULL ? 0 : restore(job->shared[n], job->restored, node, err);
        TM_KILL_POINT(connector_restored);
        if (rc != 0) {
            if (err->where[0] == '\0')
                tm_error_where(err, "%s", node->where);
            return rc;
        }
    }
    return 0;
}

// Once a sink has committed rows of the checkpoint there is no other to begin with, so that it is
// whole is to be known before. Where all have done so already it shows when tasks read it.
static int verify(struct tm_job *job, struct tm_error *err)
{
    bool owes = tm__job_has_left(job);
    for (uint32_t n = 0; n < job->graph->node_count; n++) {
        const struct tm_node *node = &job->graph->nodes[n];
        if (node->kind != TM_NODE_SINK)
            continue;
        const struct tm_connector *connector = tm_connector_find(job->connectors, node->connector);
        bool committed = true;
        int rc = connector->sink_committed == NULL
                     ? 0
                     : connector->sink_committed(
                           job->shared[n], tm_restored_checkpoint(job->restored), &committed, err);
        if (rc != 0)
            return rc;
        owes = owes || !committed;
    }
    return owes ? tm_restored_verify(job->restored, err) : 0;
}

// Commits that the checkpoint owes; what is left over goes.
int tm_job_begin(struct tm_job *job, struct tm_error *err)
{
    int settled = tm__job_settle(job, err);
    if (settled != 0)
        return settled;
    for (uint32_t n = 0; n < job->graph->node_count; n++) {
        const struct tm_node *node = &job->graph->nodes[n];
        if (node->kind != TM_NODE_SINK)
            continue;
        const struct tm_connector *connector = tm_connector_find(job->connectors, node->connector);
        if (connector->sink_begin == NULL)
            continue;
        int rc = connector->sink_begin(job->shared[n], err);
        TM_KILL_POINT(sink_begun);
        if (rc != 0) {
            if (err->where[0] == '\0')
                tm_error_where(err, "%s", node->where);
            return rc;
        }
    }
    return 0;
}

// --- all of it -----------------------------------------------------------------------------------

static int build(struct tm_job *job, const struct tm_job_args *args, struct tm_error *err)
{
    int rc = tm_dead_letter_schema(job->mem, &job->dead_letters, err);
    if (rc != 0)
        return rc;
    if (make_metrics(job) != 0 || tm__user_metrics_make(job) != 0 || make_channels(job) != 0 ||
        make_tasks(job) != 0)
        return out_of_memory(err);
    rc = make_workers(job, args->workers, err);
    if (rc != 0)
        return rc;
    if (job->watch != NULL)
        tm_watch_job(job->watch, job->graph, job->worker_count);
    connect_wakers(job);
    if (make_alignments(job) != 0)
        return out_of_memory(err);
    rc = prepare_connectors(job, err);
    if (rc == 0)
        rc = check_circles(job, err);
    if (rc == 0 && job->restored != NULL)
        rc = check_sinks(job, err);
    if (rc == 0 && job->restored != NULL)
        rc = restore_connectors(job, err);
    if (rc == 0 && job->unverified)
        rc = verify(job, err);
    return rc;
}

int tm_job_new(const struct tm_job_args *args, struct tm_job **result, struct tm_error *err)
{
    struct tm_job *job = tm_mem_zalloc(args->mem, sizeof *job);
    if (job == NULL)
        return out_of_memory(err);
    job->fx = args->fx;
    job->mem = args->mem;
    job->log = args->log;
    job->graph = args->graph;
    job->plan = args->plan;
    job->connectors = args->connectors;
    job->operators = args->operators;
    job->vm = args->vm;
    job->given_watermarks = args->given_watermarks;
    job->given_clock = args->given_clock;
    job->checkpoints = args->checkpoints;
    job->rehearses = args->rehearses;
    job->restored = args->restored;
    job->unverified = args->unverified;
    job->settles = args->settles;
    job->given_up = args->given_up;
    job->damaged = args->damaged;
    job->settled = args->settled;
    job->settled_length = args->settled_length;
    job->writer = args->writer;
    tm_helper_init(&job->reserves, args->fx);
    job->watch = args->watch;
    tm_mailbox_init(&job->events, args->coordinator);
    int rc = build(job, args, err);
    if (rc != 0) {
        tm_job_free(job);
        return rc;
    }
    *result = job;
    return 0;
}

int tm_job_finish(struct tm_job *job, bool ok, struct tm_error *err)
{
    int result = 0;
    for (uint32_t n = 0; n < job->graph->node_count; n++) {
        const struct tm_node *node = &job->graph->nodes[n];
        if (node->kind != TM_NODE_SINK)
            continue;
        const struct tm_connector *connector = tm_connector_find(job->connectors, node->connector);
        if (connector->sink_finish == NULL || job->shared[n] == NULL)
            continue;
        // Every sink is finished, whatever the others do; the first failure is what the user reads.
        struct tm_error one = {0};
        int rc = connector->sink_finish(job->shared[n], ok, &one);
        if (rc == 0 && one.message[0] != '\0') // where the rows of a job that did not finish are
            tm_log_write(job->log, TM_LOG_WARN, "'%s': %s", node->name, one.message);
        if (rc != 0 && result == 0) {
            result = rc;
            *err = one;
            tm_error_where(err, "%s", node->where);
        }
    }
    return result;
}

static void free_shared(struct tm_job *job)
{
    for (uint32_t n = 0; job->shared != NULL && n < job->graph->node_count; n++) {
        const struct tm_node *node = &job->graph->nodes[n];
        if (job->shared[n] == NULL)
            continue;
        const struct tm_connector *connector = tm_connector_find(job->connectors, node->connector);
        if (node->kind == TM_NODE_SOURCE)
            connector->source_release(job->shared[n]);
        else
            connector->sink_release(job->shared[n]);
    }
    free_array(job, job->shared, job->graph->node_count, sizeof *job->shared);
}

static void free_kept(struct tm_job *job)
{
    size_t count = (size_t)job->graph->node_count * job->metrics_stride;
    for (size_t i = 0; job->kept != NULL && i < count; i++)
        free_array(job, job->kept[i].states, job->graph->nodes[i / job->metrics_stride].state_count,
                   sizeof *job->kept[i].states);
    free_array(job, job->kept, count, sizeof *job->kept);
}

bool tm_job_commits_at_once(const struct tm_job *job)
{
    uint64_t steps = 0;
    for (uint32_t n = 0; n < job->graph->node_count; n++) {
        const struct tm_node *node = &job->graph->nodes[n];
        const struct tm_connector *connector =
            node->kind != TM_NODE_SINK ? NULL : tm_connector_find(job->connectors, node->connector);
        if (connector == NULL || connector->sink_commit == NULL)
            continue;
        steps +=
            connector->sink_commit_steps == NULL ? 2 : connector->sink_commit_steps(job->shared[n]);
    }
    return steps <= 1;
}

void tm_job_forget(struct tm_job *job)
{
    for (uint32_t n = 0; n < job->graph->node_count; n++) {
        const struct tm_node *node = &job->graph->nodes[n];
        if (node->kind != TM_NODE_SINK || job->shared[n] == NULL)
            continue;
        const struct tm_connector *connector = tm_connector_find(job->connectors, node->connector);
        if (connector->sink_forget != NULL)
            connector->sink_forget(job->shared[n]);
    }
}

// What came for a worker that had ended.
static void free_commands(struct tm_worker *worker)
{
    struct tm_message *message;
    while ((message = tm_mailbox_take(&worker->commands)) != NULL)
        tm_command_free((struct tm_command *)message);
}

void tm_job_free(struct tm_job *job)
{
    tm_helper_fini(&job->reserves);
    free_shared(job);
    for (uint32_t i = 0; i < job->channel_count; i++)
        if (job->channels[i] != NULL)
            tm_channel_free(job->channels[i]);
    free_array(job, job->channels, job->channel_count, sizeof *job->channels);
    free_array(job, job->first_channel, job->plan->edge_count, sizeof *job->first_channel);
    for (uint32_t w = 0; w < job->worker_count; w++) {
        free_commands(&job->workers[w]);
        tm_waker_fini(&job->workers[w].waker);
        free_array(job, job->workers[w].tasks, job->task_count, sizeof(void *));
    }
    for (uint32_t t = 0; job->tasks != NULL && t < job->task_count; t++)
        free_array(job, job->tasks[t].latency, 1, sizeof *job->tasks[t].latency);
    tm_mem_free(job->mem, job->workers_block, job->workers_bytes);
    free_array(job, job->tasks, job->task_count, sizeof *job->tasks);
    for (uint32_t t = 0; job->failures != NULL && t < job->task_count; t++)
        tm__failures_fini(&job->failures[t]);
    free_array(job, job->failures, job->task_count, sizeof *job->failures);
    for (uint32_t n = 0; job->alignments != NULL && n < job->graph->node_count; n++)
        tm_alignment_free(job->alignments[n]);
    free_array(job, job->alignments, job->graph->node_count, sizeof *job->alignments);
    free_array(job, job->held, job->task_count, sizeof *job->held);
    free_array(job, job->waiting, (size_t)job->graph->node_count * job->metrics_stride,
               sizeof *job->waiting);
    free_kept(job);
    free_array(job, job->first_task, job->plan->chain_count, sizeof *job->first_task);
    free_array(job, (void *)job->ends, job->plan->chain_count, sizeof *job->ends);
    tm__user_metrics_free(job);
    free_array(job, job->metrics, (size_t)job->graph->node_count * job->metrics_stride,
               sizeof *job->metrics);
    free_array(job, job->said, job->graph->node_count, sizeof *job->said);
    tm_schema_unref(job->dead_letters);
    struct tm_message *message;
    while ((message = tm_mailbox_take(&job->events)) != NULL)
        tm_event_free((struct tm_event *)message);
    tm_mem_free(job->mem, job, sizeof *job);
}
