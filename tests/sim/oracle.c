// The rules about what is visible and what checkpoints have: S1, S2, O1, O6, T1, T2, T4 to T6, C1
// to C3, R1.
#include "tests/sim/oracle.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

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

// --- rows that are visible -----------------------------------------------------------------------

// The number behind "NAME": in a line; -1: there is none.
static int64_t number_of(const char *line, const char *name)
{
    const char *at = strstr(line, name);
    return at == NULL ? -1 : strtoll(at + strlen(name), NULL, 10);
}

// The time behind window_start, in ms; -1: there is none.
static int64_t time_of(const char *line)
{
    static const char name[] = "\"window_start\":\"";
    const char *at = strstr(line, name);
    struct tm time = {0};
    if (at == NULL || sscanf(at + sizeof name - 1, "%d-%d-%dT%d:%d:%d", &time.tm_year, &time.tm_mon,
                             &time.tm_mday, &time.tm_hour, &time.tm_min, &time.tm_sec) != 6)
        return -1;
    time.tm_year -= 1900;
    time.tm_mon -= 1;
    return (int64_t)timegm(&time) * 1000;
}

struct looking {
    struct sim_oracle *oracle;
    const char *file;
    const struct sim_output *output;
    uint32_t *last; // by key or group: the row before it in the file
};

static void look_at_row(struct looking *l, const char *line)
{
    struct sim_oracle *oracle = l->oracle;
    const struct sim_job *job = oracle->job;
    int64_t id = number_of(line, "\"id\":"), n = number_of(line, "\"n\":");
    int64_t key = number_of(line, "\"key\":\"k"), sum = number_of(line, "\"sum\":");
    if (id < 0 || id >= job->row_count) {
        sim_violate(oracle, "O1: %s has a row that no input has: %.100s", l->file, line);
        return;
    }
    const struct sim_row *row = &job->rows[id];
    if (oracle->seen[id]++ != 0)
        sim_violate(oracle, "O1: the row of id %lld is visible twice, again in %s", (long long)id,
                    l->file);
    if (key != row->key || n != row->nth || sum != row->sum)
        sim_violate(oracle, "S1: %s has %.100s, and key k%u had n %u, sum %lld by then", l->file,
                    line, row->key, row->nth, (long long)row->sum);
    if (row->nth <= l->last[row->key])
        sim_violate(oracle, "T1: %s has row %u of key k%u behind its row %u", l->file, row->nth,
                    row->key, l->last[row->key]);
    l->last[row->key] = row->nth;
}

// Of late rows n and total are those of the rows that came in time, see look_for_all.
static bool is_total(const struct sim_oracle *oracle, const struct sim_total *expected, int64_t n,
                     int64_t total)
{
    if (oracle->drained)
        return true;
    return oracle->job->has_late ? n > 0 && n <= expected->n
                                 : n == expected->n && total == expected->total;
}

static void look_at_total(struct looking *l, const char *line)
{
    struct sim_oracle *oracle = l->oracle;
    const struct sim_job *job = oracle->job;
    const struct sim_stage *stage = &job->stages[l->output->stage];
    int64_t group = number_of(line, "\"group\":\"g"), n = number_of(line, "\"n\":");
    int64_t total = number_of(line, "\"total\":"), given = number_of(line, "\"given\":");
    int64_t slot = time_of(line) < job->first_slot_ms
                       ? -1
                       : (time_of(line) - job->first_slot_ms) / SIM_SLOT_MS;
    if (group < 0 || group >= job->group_count || slot < 0 || slot >= job->slot_count) {
        sim_violate(oracle, "O1: %s has a row that is of no input: %.120s", l->file, line);
        return;
    }
    size_t at = (size_t)group * job->slot_count + (size_t)slot;
    const struct sim_total *expected = &stage->totals[at];
    if (oracle->given[l->output->stage][at]++ != 0)
        sim_violate(oracle, "T4: group g%lld fires twice for one time, again in %s: %.120s",
                    (long long)group, l->file, line);
    if (!is_total(oracle, expected, n, total))
        sim_violate(oracle, "S1: %s has %.120s, and n is %lld, total %lld", l->file, line,
                    (long long)expected->n, (long long)expected->total);
    if (!oracle->drained && stage->kind == SIM_TIMED && given != expected->nth)
        sim_violate(oracle, "T4: %s has %.120s, and it is timer %u of its group", l->file, line,
                    expected->nth);
    if (slot + 1 <= l->last[group])
        sim_violate(oracle, "T4: %s has %.120s behind a later one", l->file, line);
    l->last[group] = (uint32_t)slot + 1;
    oracle->totals[l->output->stage][0][at] = n;
    oracle->totals[l->output->stage][1][at] = total;
}

// A row of the input by the number behind NAME; NULL: it is none that may be here, or comes again.
static const struct sim_row *look_for_row(struct looking *l, const char *line, const char *name,
                                          uint8_t *seen, const char *what)
{
    struct sim_oracle *oracle = l->oracle;
    int64_t id = number_of(line, name);
    if (id < 0 || id >= oracle->job->row_count)
        sim_violate(oracle, "O1: %s has a row that no input has: %.100s", l->file, line);
    else if (seen != NULL && seen[id]++ != 0)
        sim_violate(oracle, "O1: the row of id %lld is %s twice, again in %s", (long long)id, what,
                    l->file);
    else
        return &oracle->job->rows[id];
    return NULL;
}

static void look_at_recent(struct looking *l, const char *line)
{
    struct sim_oracle *oracle = l->oracle;
    const struct sim_row *row = look_for_row(l, line, "\"id\":", NULL, "");
    if (row == NULL)
        return;
    struct sim_recent *recent = &oracle->recent[row - oracle->job->rows];
    if (recent->there)
        sim_violate(oracle, "O1: the row of id %td is visible twice, again in %s",
                    row - oracle->job->rows, l->file);
    *recent = (struct sim_recent){
        .there = true, .at = number_of(line, "\"at\":"), .seen = number_of(line, "\"seen\":")};
}

static void look_at_line(struct looking *l, const char *line)
{
    struct sim_oracle *oracle = l->oracle;
    const struct sim_row *row;
    switch (l->output->kind) {
    case SIM_OUT_ROWS:
        look_at_row(l, line);
        break;
    case SIM_OUT_TOTALS:
        look_at_total(l, line);
        break;
    case SIM_OUT_RECENT:
        look_at_recent(l, line);
        break;
    case SIM_OUT_LATE:
        row = look_for_row(l, line, "\"id\":", oracle->late, "late");
        oracle->universe->saw[SIM_SAW_was_late]++;
        if (row != NULL && !row->late && !oracle->drained)
            sim_violate(oracle, "T2: %s has a row that was not late: %.100s", l->file, line);
        break;
    case SIM_OUT_DEAD:
        row = look_for_row(l, line, "\\\"id\\\":", oracle->dead, "a dead letter");
        oracle->universe->saw[SIM_SAW_was_refused]++;
        if (row != NULL && !row->failed)
            sim_violate(oracle, "O1: %s has a row that did not fail: %.200s", l->file, line);
        break;
    }
}

static void look_at_file(struct sim_oracle *oracle, uint32_t output, const char *name, int inode,
                         size_t size)
{
    const struct sim_bytes *bytes = &oracle->universe->disk.inodes[inode].now;
    const struct sim_job *job = oracle->job;
    uint32_t most = job->key_count > job->group_count ? job->key_count : job->group_count;
    struct looking l = {.oracle = oracle,
                        .file = name,
                        .output = &job->outputs[output],
                        .last = calloc(most, sizeof *l.last)};
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
            look_at_line(&l, line);
        at += end == NULL ? length : (size_t)(end - begin) + 1;
    }
    free(l.last);
}

// --- files that are visible ----------------------------------------------------------------------

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
    struct looking *l = arg;
    if (t->marker == 0)
        sim_violate(l->oracle,
                    "O2: a transaction of process %u in %s is committed, and no checkpoint: %.100s",
                    t->process, l->file, line);
    if (t->late)
        sim_violate(l->oracle,
                    "C5: process %u wrote to %s, or committed, when another had taken its place: "
                    "%.100s",
                    t->process, l->file, line);
    look_at_line(l, line);
    return l->oracle->violation[0] == '\0';
}

static void look_at_log(struct sim_oracle *oracle, uint32_t output)
{
    const struct sim_job *job = oracle->job;
    uint32_t most = job->key_count > job->group_count ? job->key_count : job->group_count;
    struct looking l = {.oracle = oracle,
                        .file = job->outputs[output].name,
                        .output = &job->outputs[output],
                        .last = calloc(most, sizeof *l.last)};
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
        each(arg, number_of(text, "\"id\":"), file);
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
    ids->each(ids->arg, number_of(line, "\"id\":"), "the log");
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

// --- time ----------------------------------------------------------------------------------------

// What a key has in the stage "recent", row by row as they are visible.
struct keeping {
    bool any, unknown; // a row in front of this one is not visible
    uint32_t last;
    int64_t since; // from when on its value is kept: the latest of those that set it
};

// What it kept is there as long as it is to be, and its time does not go back.
static void look_at_recent_row(struct sim_oracle *oracle, uint32_t id, struct keeping *keeping)
{
    const struct sim_job *job = oracle->job;
    const struct sim_recent *now = &oracle->recent[id];
    int64_t at = job->ttl_event ? job->rows[id].ts : now->at;
    bool kept = keeping->any && keeping->since + job->ttl_ms > now->at;
    if (keeping->any)
        oracle->universe->saw[kept ? SIM_SAW_was_kept : SIM_SAW_was_over]++;
    if (keeping->any && now->at < oracle->recent[keeping->last].at)
        sim_violate(oracle, "T2: time was %lld at id %u, and %lld at id %u behind it",
                    (long long)oracle->recent[keeping->last].at, keeping->last, (long long)now->at,
                    id);
    if (now->seen != (kept ? (int64_t)keeping->last : -1))
        sim_violate(oracle,
                    "T6: at %lld the row of id %u saw %lld; the one before it is %u, kept from "
                    "%lld for %lld ms",
                    (long long)now->at, id, (long long)now->seen, keeping->last,
                    (long long)keeping->since, (long long)job->ttl_ms);
    keeping->since = kept && keeping->since > at ? keeping->since : at;
    keeping->last = id;
    keeping->any = true;
}

static void look_at_times(struct sim_oracle *oracle)
{
    const struct sim_job *job = oracle->job;
    struct keeping *keys = job->ttl_ms == 0 ? NULL : calloc(job->key_count, sizeof *keys);
    for (uint32_t id = 0; keys != NULL && id < job->row_count; id++) {
        struct keeping *keeping = &keys[job->rows[id].key];
        keeping->unknown = keeping->unknown || !oracle->recent[id].there;
        if (!keeping->unknown)
            look_at_recent_row(oracle, id, keeping);
    }
    free(keys);
}

static size_t totals_of(const struct sim_job *job)
{
    return (size_t)job->group_count * job->slot_count;
}

static void look(struct sim_oracle *oracle, bool settled)
{
    const struct sim_job *job = oracle->job;
    memset(oracle->seen, 0, job->row_count);
    memset(oracle->late, 0, job->row_count);
    memset(oracle->dead, 0, job->row_count);
    memset(oracle->recent, 0, job->row_count * sizeof *oracle->recent);
    for (uint32_t s = 0; s < job->stage_count; s++)
        memset(oracle->given[s], 0, totals_of(job));
    oracle->looks++;
    for (uint32_t o = 0; o < job->output_count; o++)
        if (job->outputs[o].log)
            look_at_log(oracle, o);
        else if (job->outputs[o].one_file)
            look_at_one(oracle, o, settled);
        else
            look_at_folder(oracle, o);
    look_at_times(oracle);
}

void sim_oracle_look(struct sim_oracle *oracle)
{
    look(oracle, false);
}

// Of a file: its rows are visible up to a place, and which.
static uint32_t visible_of(struct sim_oracle *oracle, uint32_t file)
{
    const struct sim_job *job = oracle->job;
    uint32_t id = job->first_row[file];
    while (id < job->first_row[file + 1] && oracle->seen[id])
        id++;
    return id - job->first_row[file];
}

// Rows of a key are visible up to one of them, also where others that were overtaken are not.
static void look_at_gaps(struct sim_oracle *oracle)
{
    const struct sim_job *job = oracle->job;
    uint32_t *visible = calloc(job->key_count, sizeof *visible);
    for (uint32_t id = 0; id < job->row_count; id++) {
        const struct sim_row *row = &job->rows[id];
        if (!oracle->seen[id])
            continue;
        if (++visible[row->key] != row->nth)
            sim_violate(oracle, "S2: row %u of key k%u is visible, and one in front of it is not",
                        row->nth, row->key);
    }
    free(visible);
}

void sim_oracle_committed(struct sim_oracle *oracle)
{
    const struct sim_job *job = oracle->job;
    const struct sim_cut *cut = &oracle->cut;
    look(oracle, true);
    look_at_gaps(oracle);
    if (cut->checkpoint == 0)
        return;
    for (uint32_t id = 0; id < job->row_count; id++) {
        const struct sim_row *row = &job->rows[id];
        bool covered = sim_cut_has(cut, job, id);
        if (covered == (oracle->seen[id] != 0))
            continue;
        sim_violate(oracle,
                    "O6: checkpoint %llu is committed, %s row %u of in/%u.jsonl, and it is %s",
                    (unsigned long long)cut->checkpoint, covered ? "covers" : "does not cover",
                    id - job->first_row[row->file], row->file, covered ? "not visible" : "visible");
        return;
    }
    for (uint32_t f = 0; f < job->file_count && cut->flight_bytes == 0; f++)
        if (visible_of(oracle, f) != cut->read[f] && job->first_row[f] != job->first_row[f + 1])
            sim_violate(
                oracle, "S2: checkpoint %llu has read %u rows of in/%u.jsonl, %u are visible",
                (unsigned long long)cut->checkpoint, cut->read[f], f, visible_of(oracle, f));
}

// --- what is kept --------------------------------------------------------------------------------

// What the process "count" says to have taken is what it has counted.
static void look_at_counters(struct sim_oracle *oracle, const struct sim_cut *cut)
{
    int64_t counted = 0;
    for (uint32_t key = 0; key < oracle->job->key_count; key++)
        counted += cut->kept[key].n;
    if (cut->rows_in != (uint64_t)counted)
        sim_violate(oracle, "T5: checkpoint %llu has %lld rows counted, and %llu taken in",
                    (unsigned long long)cut->checkpoint, (long long)counted,
                    (unsigned long long)cut->rows_in);
}

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
    look_at_counters(oracle, cut);
    look_at_end_of_time(oracle, cut);
}

// Event time does not go back from a checkpoint to the next one.
static void look_at_progress(struct sim_oracle *oracle, const struct sim_cut *cut)
{
    const struct sim_cut *before = &oracle->cut;
    for (uint32_t i = 0; i < cut->op_count && i < before->op_count && !oracle->turned_back; i++)
        if (cut->ops[i].watermark < before->ops[i].watermark)
            sim_violate(oracle,
                        "T2: the watermark of %s was %lld in checkpoint %llu, is %lld in %llu",
                        cut->ops[i].name, (long long)before->ops[i].watermark,
                        (unsigned long long)before->checkpoint, (long long)cut->ops[i].watermark,
                        (unsigned long long)cut->checkpoint);
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
    else if (checkpoint <= oracle->cut.checkpoint)
        sim_violate(oracle, "C1: checkpoint %llu comes behind %llu", (unsigned long long)checkpoint,
                    (unsigned long long)oracle->cut.checkpoint);
    else {
        sim_oracle_cut(oracle, &cut);
        look_at_progress(oracle, &cut);
    }
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

// Of a slot: what came too late for it is in the output for that.
static void look_for_late(struct sim_oracle *oracle)
{
    const struct sim_job *job = oracle->job;
    int64_t *late = calloc(totals_of(job), 2 * sizeof *late);
    for (uint32_t id = 0; id < job->row_count; id++) {
        const struct sim_row *row = &job->rows[id];
        size_t at =
            row->group * job->slot_count + (size_t)((row->ts - job->first_slot_ms) / SIM_SLOT_MS);
        late[2 * at] += oracle->late[id];
        late[2 * at + 1] += oracle->late[id] * row->value;
    }
    for (size_t at = 0; at < totals_of(job); at++) {
        const struct sim_total *expected = &job->stages[0].totals[at];
        bool given = oracle->given[0][at] != 0;
        int64_t n = late[2 * at] + (given ? oracle->totals[0][0][at] : 0);
        int64_t total = late[2 * at + 1] + (given ? oracle->totals[0][1][at] : 0);
        if (n != expected->n || total != expected->total)
            sim_violate(
                oracle, "T5: slot %zu of group g%zu had %lld rows, %lld came to its window or late",
                at % job->slot_count, at / job->slot_count, (long long)expected->n, (long long)n);
    }
    free(late);
}

static void look_for_totals(struct sim_oracle *oracle, uint32_t s)
{
    const struct sim_job *job = oracle->job;
    for (size_t at = 0; at < totals_of(job); at++)
        if (job->stages[s].totals[at].n != 0 && oracle->given[s][at] == 0)
            sim_violate(oracle,
                        "O1: the job has finished, and slot %zu of group g%zu is not in the output "
                        "of stage %u",
                        at % job->slot_count, at / job->slot_count, s);
}

static void look_for_all(struct sim_oracle *oracle)
{
    const struct sim_job *job = oracle->job;
    for (uint32_t id = 0; id < job->row_count; id++) {
        if (!oracle->seen[id])
            sim_violate(oracle, "O1: the job has finished, and the row of id %u is not visible",
                        id);
        if (job->ttl_ms != 0 && !oracle->recent[id].there)
            sim_violate(oracle, "O1: the job has finished, and the row of id %u is not in recent",
                        id);
        if (job->rows[id].failed && !oracle->dead[id])
            sim_violate(oracle, "O1: the job has finished, and the dead letter of id %u is missing",
                        id);
    }
    for (uint32_t s = 0; s < job->stage_count; s++)
        if (job->stages[s].kind != SIM_RECENT && !job->has_late)
            look_for_totals(oracle, s);
    if (job->has_late && !oracle->drained)
        look_for_late(oracle);
}

void sim_oracle_finished(struct sim_oracle *oracle, bool closed)
{
    const struct sim_disk *disk = &oracle->universe->disk;
    look(oracle, true);
    look_for_all(oracle);
    // One that could not be removed once stays: it only takes space.
    const uint64_t *faults = oracle->universe->faults;
    bool all = closed && faults[SIM_name_fails] == 0 && faults[SIM_locks_lost] == 0;
    sim_oracle_log(oracle, UINT32_MAX);
    for (uint32_t i = 0; all && i < disk->now.count; i++)
        if (strstr(disk->now.all[i].name, ".inprogress") != NULL)
            sim_violate(oracle, "R1: the job has finished and left %s", disk->now.all[i].name);
}

// --- the whole -----------------------------------------------------------------------------------

void sim_oracle_init(struct sim_oracle *oracle, struct sim_universe *universe,
                     const struct sim_job *job)
{
    *oracle = (struct sim_oracle){.universe = universe,
                                  .job = job,
                                  .seen = calloc(job->row_count, 1),
                                  .late = calloc(job->row_count, 1),
                                  .dead = calloc(job->row_count, 1),
                                  .recent = calloc(job->row_count, sizeof *oracle->recent)};
    for (uint32_t s = 0; s < job->stage_count; s++) {
        oracle->given[s] = calloc(totals_of(job), 1);
        for (int i = 0; i < 2; i++)
            oracle->totals[s][i] = calloc(totals_of(job), sizeof(int64_t));
    }
}

void sim_oracle_fini(struct sim_oracle *oracle)
{
    free(oracle->seen);
    free(oracle->late);
    free(oracle->dead);
    free(oracle->recent);
    for (uint32_t s = 0; s < SIM_STAGES_MAX; s++) {
        free(oracle->given[s]);
        free(oracle->totals[s][0]);
        free(oracle->totals[s][1]);
    }
    sim_cut_fini(&oracle->cut);
}
