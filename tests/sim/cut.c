// Reading a checkpoint for the oracle.
#include "tests/sim/cut.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "connectors/file/position.h"
#include "core/checkpoint/restored.h"
#include "tests/sim/kept.h"
#include "tests/sim/partitions.h"

struct reading {
    struct sim_cut *cut;
    const struct sim_job *job;
    const struct tm_restored *restored;
    struct tm_mem mem;
};

// --- where the source stands ---------------------------------------------------------------------

static int file_of(const struct reading *r, const char *path, struct tm_error *err)
{
    unsigned file;
    if (sscanf(path, "in/%u.jsonl", &file) == 1 && file < r->job->file_count)
        return (int)file;
    return tm_error_set(err, TM_E_CHECKPOINT, "it has a position in '%s', which is no input", path);
}

static int take_position(void *arg, uint32_t old_subtask, const void *bytes, size_t size,
                         struct tm_error *err)
{
    struct reading *r = arg;
    struct tm__position position;
    (void)old_subtask;
    if (tm__position_get(&position, bytes, size) != 0)
        return tm_error_set(err, TM_E_CHECKPOINT, "a position cannot be read");
    int file = file_of(r, position.path, err);
    if (file < 0)
        return file;
    const struct sim_job *job = r->job;
    uint32_t first = job->first_row[file], count = job->first_row[file + 1] - first, read = 0;
    size_t offset = (size_t)position.resume.offset;
    while (read < count && job->rows[first + read].end <= offset)
        read++;
    if (offset != (read == 0 ? 0 : job->rows[first + read - 1].end))
        return tm_error_set(err, TM_E_CHECKPOINT, "its position %zu in %s is within a row", offset,
                            position.path);
    if (r->cut->read[file] != UINT32_MAX)
        return tm_error_set(err, TM_E_CHECKPOINT, "it has two positions in %s", position.path);
    r->cut->read[file] = read;
    return 0;
}

struct naming {
    struct reading *r;
    struct tm_error *err;
};

static int take_name(void *arg, enum tm__name_kind kind, const char *path, int64_t begin,
                     int64_t end)
{
    struct naming *naming = arg;
    struct reading *r = naming->r;
    (void)begin;
    (void)end;
    int file = file_of(r, path, naming->err);
    if (file < 0)
        return file;
    if (r->cut->read[file] != UINT32_MAX)
        return tm_error_set(naming->err, TM_E_CHECKPOINT, "it has two positions in %s", path);
    r->cut->read[file] =
        kind == TM__NAME_READ ? r->job->first_row[file + 1] - r->job->first_row[file] : 0;
    return 0;
}

static int take_names(void *arg, uint32_t old_subtask, const void *bytes, size_t size,
                      struct tm_error *err)
{
    struct reading *r = arg;
    struct naming naming = {.r = r, .err = err};
    (void)old_subtask;
    return tm__names_each(&r->mem, bytes, size, take_name, &naming);
}

static int take_partition(void *arg, uint32_t old_subtask, const void *bytes, size_t size,
                          struct tm_error *err)
{
    struct reading *r = arg;
    struct sim_position position;
    (void)old_subtask;
    if (!sim_position_get(&position, bytes, size))
        return tm_error_set(err, TM_E_CHECKPOINT, "a position cannot be read");
    if (r->cut->read[position.partition] != UINT32_MAX)
        return tm_error_set(err, TM_E_CHECKPOINT, "it has two positions in partition %u",
                            position.partition);
    r->cut->read[position.partition] = position.read;
    return 0;
}

// What it has not found yet has no position.
static void settle_positions(struct reading *r)
{
    for (uint32_t f = 0; f < r->job->file_count; f++)
        if (r->cut->read[f] == UINT32_MAX)
            r->cut->read[f] = 0;
}

static int read_source(struct reading *r, const struct tm_manifest_operator *source,
                       struct tm_error *err)
{
    const struct tm_restored_for who = {.operator_name = source->name, .parallelism = 1};
    if (r->job->feed == SIM_FEED_PARTITIONS)
        return tm_restored_items(r->restored, &who, "splits", take_partition, r, err);
    int rc = tm_restored_items(r->restored, &who, "splits", take_position, r, err);
    if (rc == 0)
        rc = tm_restored_items(r->restored, &who, "files", take_names, r, err);
    if (r->job->feed == SIM_FEED_FILES)
        settle_positions(r);
    for (uint32_t f = 0; rc == 0 && f < r->job->file_count; f++)
        if (r->cut->read[f] == UINT32_MAX && r->job->first_row[f] != r->job->first_row[f + 1])
            rc = tm_error_set(err, TM_E_CHECKPOINT, "it has no position in in/%u.jsonl", f);
    return rc;
}

// --- what the process keeps ----------------------------------------------------------------------

static int64_t field_of(const struct tm_layout *layout, const char *name, const uint8_t *value)
{
    int64_t number = 0;
    for (uint32_t i = 0; i < layout->field_count; i++)
        if (strcmp(layout->fields[i].name, name) == 0 && layout->fields[i].bytes == sizeof number)
            memcpy(&number, value + layout->fields[i].offset, sizeof number);
    return number;
}

static int take_entry(void *arg, const struct tm_layout *layout, const struct tm_place *place,
                      const struct tm_key *key, const uint8_t *record, struct tm_error *err)
{
    struct reading *r = arg;
    char text[16];
    unsigned number;
    (void)place;
    snprintf(text, sizeof text, "%.*s", (int)key->length, (const char *)key->bytes);
    if (sscanf(text, "k%u", &number) != 1 || number >= r->job->key_count)
        return tm_error_set(err, TM_E_CHECKPOINT, "it has the key '%s'", text);
    if (r->cut->kept[number].n != 0)
        return tm_error_set(err, TM_E_CHECKPOINT, "it has the key '%s' twice", text);
    r->cut->kept[number] = (struct sim_kept){.n = field_of(layout, "n", record),
                                             .sum = field_of(layout, "sum", record)};
    return 0;
}

// --- what operators say of themselves ------------------------------------------------------------

static int take_counters(void *arg, uint32_t old_subtask, const void *bytes, size_t size,
                         struct tm_error *err)
{
    struct sim_op *op = arg;
    uint64_t counters[SIM_COUNTERS];
    (void)old_subtask;
    if (size < sizeof counters)
        return tm_error_set(err, TM_E_CHECKPOINT, "its counters are cut short");
    memcpy(counters, bytes, sizeof counters);
    for (int i = 0; i < SIM_COUNTERS; i++)
        op->counters[i] += counters[i];
    return 0;
}

static int take_watermark(void *arg, uint32_t old_subtask, const void *bytes, size_t size,
                          struct tm_error *err)
{
    struct sim_op *op = arg;
    int64_t watermark;
    (void)old_subtask;
    if (size < sizeof watermark)
        return tm_error_set(err, TM_E_CHECKPOINT, "a watermark is cut short");
    memcpy(&watermark, bytes, sizeof watermark);
    op->watermark = watermark < op->watermark ? watermark : op->watermark;
    op->timed = true;
    return 0;
}

static int read_op(struct reading *r, const struct tm_manifest_operator *from, struct tm_error *err)
{
    const struct tm_restored_for who = {.operator_name = from->name, .parallelism = 1};
    if (r->cut->op_count == SIM_OPS_MAX)
        return 0;
    struct sim_op *op = &r->cut->ops[r->cut->op_count++];
    snprintf(op->name, sizeof op->name, "%s", from->name);
    op->watermark = INT64_MAX;
    int rc = tm_restored_items(r->restored, &who, "watermark", take_watermark, op, err);
    return rc == 0 ? tm_restored_items(r->restored, &who, "counters", take_counters, op, err) : rc;
}

// --- the whole -----------------------------------------------------------------------------------

static int read_all(struct reading *r, struct tm_error *err)
{
    const struct tm_manifest *manifest = tm_restored_manifest(r->restored);
    int rc = tm_restored_verify(r->restored, err);
    r->cut->checkpoint = manifest->checkpoint;
    r->cut->finished = manifest->finished;
    r->cut->flight_bytes = manifest->flight_bytes;
    r->cut->is_savepoint = manifest->kind == TM_SAVEPOINT;
    for (uint32_t i = 0; rc == 0 && i < manifest->operator_count; i++) {
        const struct tm_manifest_operator *op = &manifest->operators[i];
        rc = read_op(r, op, err);
        if (rc != 0)
            break;
        if (strcmp(op->kind, "source") == 0)
            rc = read_source(r, op, err);
        else if (strcmp(op->name, "count") == 0)
            rc = sim_kept_each(r->restored, &r->mem, op, "keyed", take_entry, r, err);
        else
            rc = sim_kept_read(r->cut, r->job, r->restored, &r->mem, op, err);
    }
    return rc;
}

// Somebody who reads what is there now, and whom nothing happens to.
static struct sim_process *begin_reading(struct sim_universe *universe, bool *was_calm)
{
    struct sim_process *reader = calloc(1, sizeof *reader);
    reader->universe = universe;
    reader->looks = true;
    *was_calm = universe->calm;
    universe->calm = true;
    sim_effects(reader, &reader->fx);
    return reader;
}

static void end_reading(struct sim_process *reader, bool was_calm)
{
    sim_effects_end(reader);
    reader->universe->calm = was_calm;
    free(reader);
}

int sim_cut_read(struct sim_cut *cut, struct sim_universe *universe, const struct sim_job *job,
                 const char *path, uint64_t checkpoint, struct tm_error *err)
{
    struct reading r = {.cut = cut, .job = job};
    struct tm_restored *restored = NULL;
    bool was_calm;
    *cut = (struct sim_cut){.read = malloc(job->file_count * sizeof *cut->read),
                            .kept = calloc(job->key_count, sizeof *cut->kept)};
    memset(cut->read, 0xff, job->file_count * sizeof *cut->read);
    for (uint32_t s = 0; s < SIM_STAGES_MAX; s++)
        cut->furthest[s] = INT64_MIN;
    struct sim_process *reader = begin_reading(universe, &was_calm);
    tm_mem_init(&r.mem, &reader->fx, NULL, 0);
    const struct tm_restored_args args = {
        .mem = &r.mem, .fx = &reader->fx, .path = path, .checkpoint = checkpoint};
    int rc = tm_restored_open(&args, &restored, err);
    r.restored = restored;
    if (rc == 0)
        rc = read_all(&r, err);
    tm_restored_free(restored);
    end_reading(reader, was_calm);
    return rc;
}

static bool is_durable(const struct sim_disk *disk, uint64_t checkpoint)
{
    char path[80];
    snprintf(path, sizeof path, ".tidemill/subject/chk-%llu/MANIFEST",
             (unsigned long long)checkpoint);
    return sim_disk_durable(disk, path) != NULL;
}

// Without LATEST it is the one of the highest number.
uint64_t sim_cut_durable(const struct sim_disk *disk)
{
    const struct sim_bytes *latest = sim_disk_durable(disk, ".tidemill/subject/LATEST");
    char text[64] = "";
    unsigned long long number, highest = 0;
    if (latest != NULL && latest->size < sizeof text) {
        memcpy(text, latest->data, latest->size);
        text[latest->size] = '\0';
        return sscanf(text, "chk-%llu ", &number) == 1 && is_durable(disk, number) ? number : 0;
    }
    for (uint32_t i = 0; latest == NULL && i < disk->durable.count; i++)
        if (sscanf(disk->durable.all[i].name, "chk-%llu", &number) == 1 && number > highest &&
            is_durable(disk, number))
            highest = number;
    return highest;
}

bool sim_cut_has(const struct sim_cut *cut, const struct sim_job *job, uint32_t id)
{
    const struct sim_row *row = &job->rows[id];
    return id - job->first_row[row->file] < cut->read[row->file] &&
           row->nth <= cut->kept[row->key].n;
}

void sim_cut_files(struct sim_universe *universe, void (*each)(void *arg, const char *path),
                   void *arg)
{
    const struct sim_disk *disk = &universe->disk;
    bool was_calm;
    struct sim_process *reader = begin_reading(universe, &was_calm);
    struct tm_mem mem;
    int top = sim_disk_find(disk, ".tidemill/subject");
    tm_mem_init(&mem, &reader->fx, NULL, 0);
    for (uint32_t i = 0; i < disk->now.count; i++) {
        char path[100];
        struct tm_manifest manifest;
        if (disk->now.all[i].folder != top || strncmp(disk->now.all[i].name, "chk-", 4) != 0)
            continue;
        snprintf(path, sizeof path, ".tidemill/subject/%.60s", disk->now.all[i].name);
        tm_manifest_init(&manifest, &mem);
        if (tm_manifest_read(&manifest, &reader->fx, path, NULL) == 0)
            for (uint32_t f = 0; f < manifest.file_count; f++)
                each(arg, manifest.files[f].path);
        tm_manifest_fini(&manifest);
    }
    end_reading(reader, was_calm);
}

void sim_cut_fini(struct sim_cut *cut)
{
    free(cut->read);
    free(cut->kept);
    free(cut->values);
    *cut = (struct sim_cut){0};
}
