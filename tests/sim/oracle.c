// The rules about what is visible and what checkpoints have: S1, S2, O1, O6, T1, T4, C1, C2, R1.
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
    uint32_t output; // 0: "out", else of a stage
    uint32_t *last;  // by key or group: the row before it in the file
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

static void look_at_total(struct looking *l, const char *line)
{
    struct sim_oracle *oracle = l->oracle;
    const struct sim_job *job = oracle->job;
    const struct sim_stage *stage = &job->stages[l->output - 1];
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
    if (oracle->given[l->output - 1][at]++ != 0)
        sim_violate(oracle, "T4: group g%lld fires twice for one time, again in %s: %.120s",
                    (long long)group, l->file, line);
    if (!oracle->drained && (n != expected->n || total != expected->total))
        sim_violate(oracle, "S1: %s has %.120s, and n is %lld, total %lld", l->file, line,
                    (long long)expected->n, (long long)expected->total);
    if (!oracle->drained && stage->kind == SIM_TIMED && given != expected->nth)
        sim_violate(oracle, "T4: %s has %.120s, and it is timer %u of its group", l->file, line,
                    expected->nth);
    if (slot + 1 <= l->last[group])
        sim_violate(oracle, "T4: %s has %.120s behind a later one", l->file, line);
    l->last[group] = (uint32_t)slot + 1;
}

static void look_at_file(struct sim_oracle *oracle, uint32_t output, const char *name, int inode,
                         size_t size)
{
    const struct sim_bytes *bytes = &oracle->universe->disk.inodes[inode].now;
    const struct sim_job *job = oracle->job;
    uint32_t most = job->key_count > job->group_count ? job->key_count : job->group_count;
    struct looking l = {
        .oracle = oracle, .file = name, .output = output, .last = calloc(most, sizeof *l.last)};
    char line[256];
    for (size_t at = 0; at < size && oracle->violation[0] == '\0';) {
        const uint8_t *begin = bytes->data + at;
        const uint8_t *end = memchr(begin, '\n', size - at);
        size_t length = end == NULL ? size - at : (size_t)(end - begin);
        length = length < sizeof line ? length : sizeof line - 1;
        memcpy(line, begin, length);
        line[length] = '\0';
        if (end == NULL)
            sim_violate(oracle, "O6: %s ends within a row: %s", name, line);
        else if (output == 0)
            look_at_row(&l, line);
        else
            look_at_total(&l, line);
        at += length + 1;
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

static size_t totals_of(const struct sim_job *job)
{
    return (size_t)job->group_count * job->slot_count;
}

static void look(struct sim_oracle *oracle, bool settled)
{
    const struct sim_job *job = oracle->job;
    memset(oracle->seen, 0, job->row_count);
    for (uint32_t s = 0; s < job->stage_count; s++)
        memset(oracle->given[s], 0, totals_of(job));
    oracle->looks++;
    for (uint32_t o = 0; o <= job->stage_count; o++)
        if (job->outputs[o].one_file)
            look_at_one(oracle, o, settled);
        else
            look_at_folder(oracle, o);
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
        bool covered = id - job->first_row[row->file] < cut->read[row->file] &&
                       row->nth <= cut->kept[row->key].n;
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
}

void sim_oracle_completed(struct sim_oracle *oracle, uint64_t checkpoint)
{
    struct sim_cut cut;
    struct tm_error err = {0};
    int rc = sim_cut_read(&cut, oracle->universe, oracle->job, ".tidemill/subject", 0, &err);
    if (rc != 0)
        sim_violate(oracle, "C2: checkpoint %llu is complete and cannot be read: %s",
                    (unsigned long long)checkpoint, err.message);
    else if (cut.checkpoint != checkpoint)
        sim_violate(oracle, "C1: checkpoint %llu is complete, and %llu is the newest",
                    (unsigned long long)checkpoint, (unsigned long long)cut.checkpoint);
    else if (checkpoint <= oracle->cut.checkpoint)
        sim_violate(oracle, "C1: checkpoint %llu comes behind %llu", (unsigned long long)checkpoint,
                    (unsigned long long)oracle->cut.checkpoint);
    else
        sim_oracle_cut(oracle, &cut);
    oracle->cuts++;
    sim_tell(oracle->universe, "  checkpoint %llu is complete%s", (unsigned long long)checkpoint,
             cut.flight_bytes != 0 ? ", with rows in flight" : "");
    sim_cut_fini(&oracle->cut);
    oracle->cut = cut;
}

void sim_oracle_survived(struct sim_oracle *oracle, bool older)
{
    struct sim_cut cut;
    struct tm_error err = {0};
    int rc = sim_cut_read(&cut, oracle->universe, oracle->job, ".tidemill/subject", 0, &err);
    if (oracle->cut.checkpoint == 0 && rc == TM_E_CHECKPOINT_MISSING)
        rc = 0;
    else if (rc != 0)
        sim_violate(oracle, "C2: checkpoint %llu was complete, and the newest cannot be read: %s",
                    (unsigned long long)oracle->cut.checkpoint, err.message);
    else if (!older && cut.checkpoint < oracle->cut.checkpoint)
        sim_violate(oracle, "C2: checkpoint %llu was complete, and the newest is %llu",
                    (unsigned long long)oracle->cut.checkpoint, (unsigned long long)cut.checkpoint);
    else
        sim_oracle_cut(oracle, &cut);
    if (rc == 0 && cut.checkpoint != 0) {
        sim_cut_fini(&oracle->cut);
        oracle->cut = cut;
    } else {
        sim_cut_fini(&cut);
    }
}

// --- the end -------------------------------------------------------------------------------------

static void look_for_all(struct sim_oracle *oracle)
{
    const struct sim_job *job = oracle->job;
    for (uint32_t id = 0; id < job->row_count; id++)
        if (!oracle->seen[id]) {
            sim_violate(oracle, "O1: the job has finished, and the row of id %u is not visible",
                        id);
            return;
        }
    for (uint32_t s = 0; s < job->stage_count; s++)
        for (size_t at = 0; at < totals_of(job); at++)
            if (job->stages[s].totals[at].n != 0 && oracle->given[s][at] == 0) {
                sim_violate(oracle,
                            "O1: the job has finished, and slot %zu of group g%zu is not in %s",
                            at % job->slot_count, at / job->slot_count, job->outputs[s + 1].name);
                return;
            }
}

void sim_oracle_finished(struct sim_oracle *oracle, bool closed)
{
    const struct sim_disk *disk = &oracle->universe->disk;
    look(oracle, true);
    look_for_all(oracle);
    for (uint32_t i = 0; closed && i < disk->now.count; i++)
        if (strstr(disk->now.all[i].name, ".inprogress") != NULL)
            sim_violate(oracle, "R1: the job has finished and left %s", disk->now.all[i].name);
}

// --- the whole -----------------------------------------------------------------------------------

void sim_oracle_init(struct sim_oracle *oracle, struct sim_universe *universe,
                     const struct sim_job *job)
{
    *oracle =
        (struct sim_oracle){.universe = universe, .job = job, .seen = calloc(job->row_count, 1)};
    for (uint32_t s = 0; s < job->stage_count; s++)
        oracle->given[s] = calloc(totals_of(job), 1);
}

void sim_oracle_fini(struct sim_oracle *oracle)
{
    free(oracle->seen);
    for (uint32_t s = 0; s < SIM_STAGES_MAX; s++)
        free(oracle->given[s]);
    sim_cut_fini(&oracle->cut);
}
