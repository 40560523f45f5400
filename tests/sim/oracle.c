// The rules about what is visible and what checkpoints have: those of rows are their judges'
// (judge.h), here are S2, O6, T2, T5, C1 to C3, R1.
#include "tests/sim/oracle.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/accounts.h"
#include "tests/sim/judge.h"
#include "tests/sim/kept.h"

void sim_violate(struct sim_oracle *oracle, const char *format, ...)
{
    va_list args;
    if (oracle->violation[0] != '\0')
        return;
    va_start(args, format);
    vsnprintf(oracle->violation, sizeof oracle->violation, format, args);
    va_end(args);
    sim_tell(oracle->universe, "# %s", oracle->violation);
}

// --- files that are visible ----------------------------------------------------------------------

// Of rows of one place.
static struct sim_look begin_look(struct sim_oracle *oracle, uint32_t output, const char *name)
{
    return (struct sim_look){.oracle = oracle,
                             .file = name,
                             .output = output,
                             .memory = oracle->memory[output],
                             .last = calloc(sim_job_lanes(oracle->job), sizeof(uint32_t))};
}

static void look_at_file(struct sim_oracle *oracle, uint32_t output, const char *name, int inode,
                         size_t size)
{
    const struct sim_bytes *bytes = &oracle->universe->disk.inodes[inode].now;
    struct sim_look l = begin_look(oracle, output, name);
    char line[1024];
    for (size_t at = 0; at < size && oracle->violation[0] == '\0';) {
        const uint8_t *begin = bytes->data + at;
        const uint8_t *end = memchr(begin, '\n', size - at);
        size_t length = end == NULL ? size - at : (size_t)(end - begin);
        length = length < sizeof line ? length : sizeof line - 1;
        memcpy(line, begin, length);
        line[length] = '\0';
        if (end == NULL)
            sim_violate(oracle, "O6: %s ends within a row: %.200s", name, line);
        else
            oracle->job->outputs[output].judge->line(&l, line);
        at += end == NULL ? length : (size_t)(end - begin) + 1;
    }
    free(l.last);
}

// One file is appended to: what was committed stays, behind it there may be the rest of a commit
// that was cut short.
static void look_at_one(struct sim_oracle *oracle, uint32_t output, bool settled)
{
    char name[32];
    snprintf(name, sizeof name, "%s.jsonl", oracle->job->outputs[output].name);
    int inode = sim_disk_find(&oracle->universe->disk, name);
    size_t size = inode < 0 ? 0 : oracle->universe->disk.inodes[inode].now.size;
    size_t *committed = &oracle->committed[output];
    if (size < *committed)
        sim_violate(oracle, "O1: %s had %zu bytes committed, and has %zu", name, *committed, size);
    else if (inode >= 0)
        look_at_file(oracle, output, name, inode, settled ? size : *committed);
    if (settled)
        *committed = size;
}

static void look_at_folder(struct sim_oracle *oracle, uint32_t output)
{
    const struct sim_disk *disk = &oracle->universe->disk;
    int folder = sim_disk_find(disk, oracle->job->outputs[output].name);
    for (uint32_t i = 0; folder >= 0 && i < disk->now.count; i++) {
        const struct sim_name *name = &disk->now.all[i];
        if (name->folder == folder && name->name[0] != '.')
            look_at_file(oracle, output, name->name, name->inode,
                         disk->inodes[name->inode].now.size);
    }
}

// --- the log -------------------------------------------------------------------------------------

// Lines of an output as they are visible, up to what is open: `each` returns false to stop.
static void each_line(const struct sim_oracle *oracle, uint32_t output,
                      bool (*each)(void *arg, const struct sim_log_transaction *t,
                                   const char *line),
                      void *arg)
{
    const struct sim_log *log = &oracle->universe->log;
    const char *name = oracle->job->outputs[output].name;
    for (uint32_t i = 0; i < log->line_count; i++) {
        const struct sim_log_transaction *t = &log->transactions[log->lines[i].transaction];
        if (strcmp(log->writers[t->writer].name, name) != 0)
            continue;
        if (t->state == SIM_LOG_OPEN)
            return;
        if (t->state == SIM_LOG_ABORTED)
            oracle->universe->saw[SIM_SAW_log_aborted]++;
        else if (!each(arg, t, log->lines[i].text))
            return;
    }
}

static bool look_at_log_line(void *arg, const struct sim_log_transaction *t, const char *line)
{
    struct sim_look *l = arg;
    if (t->marker == 0)
        sim_violate(l->oracle,
                    "O2: a transaction of process %u in %s is committed, and no checkpoint: %.100s",
                    t->process, l->file, line);
    if (t->late)
        sim_violate(l->oracle,
                    "C5: process %u wrote to %s, or committed, when another had taken its place: "
                    "%.100s",
                    t->process, l->file, line);
    l->oracle->job->outputs[l->output].judge->line(l, line);
    return l->oracle->violation[0] == '\0';
}

static void look_at_log(struct sim_oracle *oracle, uint32_t output)
{
    struct sim_look l = begin_look(oracle, output, oracle->job->outputs[output].name);
    each_line(oracle, output, look_at_log_line, &l);
    free(l.last);
}

// --- ids -----------------------------------------------------------------------------------------

static void each_id_of(const struct sim_bytes *bytes, const char *file,
                       void (*each)(void *arg, int64_t id, const char *file), void *arg)
{
    for (size_t at = 0; at < bytes->size;) {
        const char *line = (const char *)bytes->data + at;
        const char *end = memchr(line, '\n', bytes->size - at);
        char text[40];
        if (end == NULL)
            return;
        snprintf(text, sizeof text, "%.*s", (int)(end - line), line);
        each(arg, sim_number_of(text, "\"id\":"), file);
        at += (size_t)(end - line) + 1;
    }
}

struct ids {
    void (*each)(void *arg, int64_t id, const char *file);
    void *arg;
};

static bool id_of_line(void *arg, const struct sim_log_transaction *t, const char *line)
{
    struct ids *ids = arg;
    (void)t;
    ids->each(ids->arg, sim_number_of(line, "\"id\":"), "the log");
    return true;
}

void sim_oracle_each_id(struct sim_oracle *oracle,
                        void (*each)(void *arg, int64_t id, const char *file), void *arg)
{
    const struct sim_disk *disk = &oracle->universe->disk;
    struct ids ids = {each, arg};
    if (oracle->job->outputs[0].log) {
        each_line(oracle, 0, id_of_line, &ids);
        return;
    }
    bool one_file = oracle->job->outputs[0].one_file;
    int folder = one_file ? 0 : sim_disk_find(disk, "out");
    for (uint32_t i = 0; folder >= 0 && i < disk->now.count; i++) {
        const struct sim_name *name = &disk->now.all[i];
        if (name->folder == folder && name->name[0] != '.' &&
            (!one_file || strcmp(name->name, "out.jsonl") == 0))
            each_id_of(&disk->inodes[name->inode].now, name->name, each, arg);
    }
}

void sim_oracle_log(struct sim_oracle *oracle, uint32_t process)
{
    const struct sim_log *log = &oracle->universe->log;
    for (uint32_t i = 0; i < log->transaction_count; i++) {
        const struct sim_log_transaction *t = &log->transactions[i];
        bool by_zombie = t->process < 64 && (oracle->zombies >> t->process & 1) != 0 &&
                         t->begun_ns > oracle->begun_ns;
        if (t->state == SIM_LOG_OPEN && t->process < process && !by_zombie)
            sim_violate(oracle,
                        "O4: process %u has completed a checkpoint, and a transaction of process "
                        "%u is open in %s",
                        process, t->process, log->writers[t->writer].name);
    }
}

// --- all of them ---------------------------------------------------------------------------------

static size_t memory_of(const struct sim_oracle *oracle, uint32_t output)
{
    const struct sim_judge *judge = oracle->job->outputs[output].judge;
    return judge->memory == NULL ? 0 : judge->memory(oracle->job, &oracle->job->outputs[output]);
}

static void look(struct sim_oracle *oracle, bool settled)
{
    const struct sim_job *job = oracle->job;
    for (uint32_t o = 0; o < job->output_count; o++)
        memset(oracle->memory[o], 0, memory_of(oracle, o));
    oracle->looks++;
    for (uint32_t o = 0; o < job->output_count; o++)
        if (job->outputs[o].log)
            look_at_log(oracle, o);
        else if (job->outputs[o].one_file)
            look_at_one(oracle, o, settled);
        else
            look_at_folder(oracle, o);
    for (uint32_t o = 0; o < job->output_count; o++)
        if (job->outputs[o].judge->looked != NULL)
            job->outputs[o].judge->looked(oracle, o);
}

void sim_oracle_look(struct sim_oracle *oracle)
{
    look(oracle, false);
}

// Has the job still got this output?
static bool goes_on(const struct sim_oracle *oracle, uint32_t output)
{
    const struct sim_job *job = oracle->job;
    return output == 0 || !oracle->changed ||
           job->stages[job->outputs[output].stage].only != SIM_AT_FIRST;
}

void sim_oracle_committed(struct sim_oracle *oracle)
{
    const struct sim_job *job = oracle->job;
    look(oracle, true);
    for (uint32_t o = 0; o < job->output_count; o++)
        if (job->outputs[o].judge->committed != NULL && goes_on(oracle, o))
            job->outputs[o].judge->committed(oracle, o);
}

void sim_oracle_left_out(struct sim_oracle *oracle)
{
    const struct sim_job *job = oracle->job;
    for (uint32_t o = 0; o < job->output_count; o++) {
        const struct sim_output *output = &job->outputs[o];
        if (goes_on(oracle, o) || output->log)
            continue;
        memset(oracle->memory[o], 0, memory_of(oracle, o));
        if (output->one_file)
            look_at_one(oracle, o, true);
        else
            look_at_folder(oracle, o);
        if (output->judge->looked != NULL)
            output->judge->looked(oracle, o);
        if (output->judge->committed != NULL)
            output->judge->committed(oracle, o);
    }
}

// --- what is kept --------------------------------------------------------------------------------

// Who goes on from it must not have input behind the end of time.
static void look_at_end_of_time(struct sim_oracle *oracle, const struct sim_cut *cut)
{
    const struct sim_job *job = oracle->job;
    bool all = cut->finished;
    for (uint32_t f = 0; !all && cut->read[f] == job->first_row[f + 1] - job->first_row[f];)
        all = ++f == job->file_count;
    for (uint32_t i = 0; i < cut->op_count && !all; i++)
        if (cut->ops[i].timed && cut->ops[i].watermark == INT64_MAX)
            sim_violate(oracle,
                        "T2: in checkpoint %llu %s is at the end of time, and not all is read",
                        (unsigned long long)cut->checkpoint, cut->ops[i].name);
}

// The fold of what a cut has read, per key; with rows in flight, of less.
void sim_oracle_cut(struct sim_oracle *oracle, const struct sim_cut *cut)
{
    const struct sim_job *job = oracle->job;
    struct sim_kept *fold = calloc(job->key_count, sizeof *fold);
    bool *possible = calloc(job->key_count, sizeof *possible);
    for (uint32_t key = 0; key < job->key_count; key++)
        possible[key] = cut->kept[key].n == 0 && cut->kept[key].sum == 0;
    for (uint32_t id = 0; id < job->row_count; id++) {
        const struct sim_row *row = &job->rows[id];
        if (id - job->first_row[row->file] >= cut->read[row->file])
            continue;
        fold[row->key] = (struct sim_kept){.n = row->nth, .sum = row->sum};
        possible[row->key] = possible[row->key] || (cut->kept[row->key].n == row->nth &&
                                                    cut->kept[row->key].sum == row->sum);
    }
    for (uint32_t key = 0; key < job->key_count; key++) {
        const struct sim_kept *kept = &cut->kept[key];
        bool equal = kept->n == fold[key].n && kept->sum == fold[key].sum;
        if (cut->flight_bytes == 0 ? equal : possible[key])
            continue;
        sim_violate(oracle,
                    "S2: checkpoint %llu has of key k%u n %lld, sum %lld; what it has read "
                    "comes to %lld, %lld",
                    (unsigned long long)cut->checkpoint, key, (long long)kept->n,
                    (long long)kept->sum, (long long)fold[key].n, (long long)fold[key].sum);
        break;
    }
    free(possible);
    free(fold);
    sim_accounts_look(oracle, cut);
    look_at_end_of_time(oracle, cut);
    sim_kept_look(oracle, cut);
}

static const struct sim_op *op_of(const struct sim_cut *cut, const char *name)
{
    for (uint32_t i = 0; i < cut->op_count; i++)
        if (strcmp(cut->ops[i].name, name) == 0)
            return &cut->ops[i];
    return NULL;
}

// A job that is begun again in its process goes back, too, where reading the newest has failed.
static bool has_fallen_back(struct sim_oracle *oracle)
{
    const struct sim_universe *universe = oracle->universe;
    uint64_t fell_back = universe->saw[SIM_SAW_fell_back];
    uint64_t reads_failed = universe->faults[SIM_read_fails];
    bool has = fell_back != oracle->fell_back && reads_failed != oracle->reads_failed;
    oracle->fell_back = fell_back;
    oracle->reads_failed = reads_failed;
    return has;
}

// Event time does not go back from a checkpoint to the next one.
static void look_at_progress(struct sim_oracle *oracle, const struct sim_cut *cut)
{
    const struct sim_cut *before = &oracle->cut;
    bool turned_back = has_fallen_back(oracle) || oracle->turned_back;
    for (uint32_t i = 0; i < cut->op_count && !turned_back; i++) {
        const struct sim_op *was = op_of(before, cut->ops[i].name);
        if (was != NULL && cut->ops[i].watermark < was->watermark)
            sim_violate(
                oracle, "T2: the watermark of %s was %lld in checkpoint %llu, is %lld in %llu",
                was->name, (long long)was->watermark, (unsigned long long)before->checkpoint,
                (long long)cut->ops[i].watermark, (unsigned long long)cut->checkpoint);
    }
    oracle->turned_back = false;
}

void sim_oracle_completed(struct sim_oracle *oracle, uint64_t checkpoint)
{
    struct sim_cut cut;
    struct tm_error err = {0};
    int rc = sim_cut_read(&cut, oracle->universe, oracle->job, ".tidemill/subject", 0, &err);
    if (checkpoint < SIM_COMPLETED_MAX)
        oracle->completed[checkpoint] = 1;
    if (rc != 0)
        sim_violate(oracle, "C2: checkpoint %llu is complete and cannot be read: %s",
                    (unsigned long long)checkpoint, err.message);
    else if (cut.checkpoint != checkpoint)
        sim_violate(oracle, "C1: checkpoint %llu is complete, and %llu is the newest",
                    (unsigned long long)checkpoint, (unsigned long long)cut.checkpoint);
    else if (checkpoint <= oracle->highest)
        sim_violate(oracle, "C1: checkpoint %llu comes behind %llu", (unsigned long long)checkpoint,
                    (unsigned long long)oracle->highest);
    else {
        sim_oracle_cut(oracle, &cut);
        look_at_progress(oracle, &cut);
    }
    oracle->highest = checkpoint > oracle->highest ? checkpoint : oracle->highest;
    oracle->cuts++;
    oracle->universe->saw[SIM_SAW_overtaken] += cut.flight_bytes != 0;
    sim_tell(oracle->universe, "  checkpoint %llu is complete%s", (unsigned long long)checkpoint,
             cut.flight_bytes != 0 ? ", with rows in flight" : "");
    sim_cut_fini(&oracle->cut);
    oracle->cut = cut;
}

static bool is_kept(const struct sim_oracle *oracle, uint64_t checkpoint)
{
    char path[64];
    snprintf(path, sizeof path, ".tidemill/subject/chk-%llu/MANIFEST",
             (unsigned long long)checkpoint);
    return sim_disk_find(&oracle->universe->disk, path) >= 0;
}

void sim_oracle_kept(struct sim_oracle *oracle)
{
    for (uint64_t n = 1; n < oracle->cut.checkpoint && n < SIM_COMPLETED_MAX; n++) {
        struct sim_cut cut;
        struct tm_error err = {0};
        if (!oracle->completed[n] || !is_kept(oracle, n) || n == oracle->rotten)
            continue;
        if (sim_cut_read(&cut, oracle->universe, oracle->job, ".tidemill/subject", n, &err) != 0)
            sim_violate(oracle, "C3: checkpoint %llu is kept and cannot be read: %s",
                        (unsigned long long)n, err.message);
        else
            sim_oracle_cut(oracle, &cut);
        oracle->universe->saw[SIM_SAW_older_kept]++;
        sim_cut_fini(&cut);
    }
}

void sim_oracle_survived(struct sim_oracle *oracle, bool older)
{
    struct sim_cut cut;
    struct tm_error err = {0};
    int rc = sim_cut_read(&cut, oracle->universe, oracle->job, ".tidemill/subject", 0, &err);
    if (rc != 0 && oracle->rotten != 0) { // nobody has gone back yet
        sim_cut_fini(&cut);
        return;
    }
    older = older || oracle->rotten != 0;
    oracle->rotten = 0;
    if (rc == TM_E_CHECKPOINT_MISSING && oracle->turned_back) { // the savepoint took their place
        sim_cut_fini(&oracle->cut);
        rc = 0;
    } else if (oracle->cut.checkpoint == 0 && rc == TM_E_CHECKPOINT_MISSING)
        rc = 0;
    else if (rc != 0)
        sim_violate(oracle, "C2: checkpoint %llu was complete, and the newest cannot be read: %s",
                    (unsigned long long)oracle->cut.checkpoint, err.message);
    else if (!older && cut.checkpoint < oracle->cut.checkpoint)
        sim_violate(oracle, "C2: checkpoint %llu was complete, and the newest is %llu",
                    (unsigned long long)oracle->cut.checkpoint, (unsigned long long)cut.checkpoint);
    else
        sim_oracle_cut(oracle, &cut);
    // One whose process was killed before LATEST was durable may be lost with the power yet.
    if (rc == 0 && cut.checkpoint > oracle->cut.checkpoint &&
        sim_cut_durable(&oracle->universe->disk) < cut.checkpoint) {
        sim_cut_fini(&cut);
        return;
    }
    if (rc == 0 && cut.checkpoint != 0) {
        oracle->universe->saw[SIM_SAW_newest_outlived] += cut.checkpoint > oracle->cut.checkpoint;
        oracle->turned_back = oracle->turned_back || cut.checkpoint < oracle->cut.checkpoint;
        sim_cut_fini(&oracle->cut);
        oracle->cut = cut;
        sim_oracle_kept(oracle);
    } else {
        sim_cut_fini(&cut);
    }
}

// --- the end -------------------------------------------------------------------------------------

void sim_oracle_finished(struct sim_oracle *oracle, bool closed)
{
    const struct sim_disk *disk = &oracle->universe->disk;
    look(oracle, true);
    for (uint32_t o = 0; o < oracle->job->output_count; o++)
        if (oracle->job->outputs[o].judge->finished != NULL && goes_on(oracle, o))
            oracle->job->outputs[o].judge->finished(oracle, o);
    // One that could not be removed once stays: it only takes space.
    const uint64_t *faults = oracle->universe->faults;
    bool all = closed && faults[SIM_name_fails] == 0 && faults[SIM_locks_lost] == 0 &&
               faults[SIM_changed] == 0;
    sim_oracle_log(oracle, UINT32_MAX);
    for (uint32_t i = 0; all && i < disk->now.count; i++)
        if (strstr(disk->now.all[i].name, ".inprogress") != NULL)
            sim_violate(oracle, "R1: the job has finished and left %s", disk->now.all[i].name);
}

// --- the whole -----------------------------------------------------------------------------------

void sim_oracle_init(struct sim_oracle *oracle, struct sim_universe *universe,
                     const struct sim_job *job)
{
    *oracle = (struct sim_oracle){.universe = universe, .job = job};
    for (uint32_t s = 0; s < SIM_STAGES_MAX; s++)
        oracle->furthest[s] = INT64_MIN;
    for (uint32_t o = 0; o < job->output_count; o++)
        oracle->memory[o] = calloc(memory_of(oracle, o) + 1, 1);
}

void sim_oracle_fini(struct sim_oracle *oracle)
{
    for (uint32_t o = 0; o < SIM_OUTPUTS_MAX; o++)
        free(oracle->memory[o]);
    sim_cut_fini(&oracle->cut);
}
