// Sampling: bytes through the decoder that will read them, each record as one value of type any.
#include "core/task/sample_parts.h"

#include <stdio.h>
#include <string.h>

#include "core/base/limits.h"
#include "core/base/text.h"
#include "core/format/csv_guess.h"
#include "core/format/csv_options.h"

struct tm_sampler {
    const struct tm_samples *samples;
    const struct tm_node *node;
    const struct tm_format *format;
    struct tm_schema *schema; // one column of type any
    struct tm_options options;
    struct tm_csv_options csv;
    struct tm_infer *infer;
    struct tm_batch_pool *pool;
    // Of the input under way:
    struct tm_decoder *decoder;
    char path[256];                         // what messages call it
    uint32_t inputs, records, first_record; // of all inputs; how many there were before this one
    size_t used;                            // bytes of it that are decoded
    char bad[256];                          // the first record that could not be read
    const char *advice;                     // for what is no text at all, or NULL
    bool is_foreign;                        // it begins as a file of another kind does
    bool has_bytes;                         // some input has
    char divider;  // not a comma, and seems to divide the header's fields; 0: none seen
    char line[64]; // the beginning of that header
};

static const char whole[] = "record";

struct tm_samples *tm_samples_new(const struct tm_samples_args *args)
{
    struct tm_samples *samples = tm_mem_zalloc(args->mem, sizeof *samples);
    if (samples == NULL)
        return NULL;
    tm_arena_init(&samples->kept, args->mem);
    samples->args = *args;
    if (args->records == 0)
        samples->args.records = TM_SAMPLE_ROWS;
    return samples;
}

void tm_samples_free(struct tm_samples *samples)
{
    if (samples == NULL)
        return;
    for (uint32_t i = 0; i < samples->count; i++) {
        tm_infer_free(samples->samples[i].infer);
        tm_buf_fini(&samples->samples[i].head);
    }
    tm_arena_fini(&samples->kept);
    tm_mem_free(samples->args.mem, samples, sizeof *samples);
}

// --- a sampler -----------------------------------------------------------------------------------

static int out_of_memory(const struct tm_node *node, struct tm_error *err)
{
    return tm_error_set(err, TM_E_MEMORY, "%s: out of memory for a sample", node->name);
}

static int make_infer(struct tm_sampler *s, struct tm_error *err)
{
    struct tm_mem *mem = s->samples->args.mem;
    struct tm_infer_texts texts;
    bool is_csv = strcmp(s->node->format, "csv") == 0;
    if (is_csv) {
        int rc = tm_csv_options_parse(mem, &s->node->format_options, &s->csv, err);
        if (rc != 0)
            return rc;
        texts = (struct tm_infer_texts){.point = (char)s->csv.decimal,
                                        .bools = {s->csv.bools[0].bytes, s->csv.bools[1].bytes}};
    }
    s->infer = tm_infer_new(mem, is_csv ? &texts : NULL);
    return s->infer == NULL ? out_of_memory(s->node, err) : 0;
}

static int sampler_init(struct tm_sampler *s, const struct tm_samples *samples,
                        const struct tm_node *node, struct tm_error *err)
{
    struct tm_mem *mem = samples->args.mem;
    *s = (struct tm_sampler){
        .samples = samples, .node = node, .format = tm_format_find(node->format), .inputs = 1};
    tm_options_init(&s->options, mem);
    if (s->format == NULL)
        return tm_error_set(err, TM_E_OPTION, "there is no format \"%s\"", node->format);
    const struct tm_field_def def = {.name = whole, .type = tm_type_of_kind(TM_TYPE_ANY)};
    s->pool = tm_batch_pool_new(mem);
    if (s->pool == NULL || tm_options_copy(&s->options, &node->format_options) != 0 ||
        tm_options_set_string(&s->options, "whole", whole) != 0)
        return out_of_memory(node, err);
    int rc = tm_schema_new(mem, &def, 1, -1, &s->schema, err);
    return rc != 0 ? rc : make_infer(s, err);
}

static void close_input(struct tm_sampler *s)
{
    if (s->decoder != NULL)
        s->decoder->ops->free(s->decoder);
    s->decoder = NULL;
}

// Keeps `infer` for who asked.
static void sampler_fini(struct tm_sampler *s)
{
    close_input(s);
    tm_options_fini(&s->options);
    tm_schema_unref(s->schema);
    if (s->pool != NULL)
        tm_batch_pool_free(s->pool);
}

int tm_sampler_begin(struct tm_sampler *s, const char *path, uint32_t inputs, struct tm_error *err)
{
    close_input(s);
    snprintf(s->path, sizeof s->path, "%s", path);
    s->inputs = inputs == 0 ? 1 : inputs;
    s->first_record = s->records;
    s->used = 0;
    struct tm_decoder_args args = {
        .mem = s->samples->args.mem,
        .schema = s->schema,
        .max_record = (size_t)tm_options_integer(&s->node->options, "max_record", TM_RECORD_BYTES),
        .options = &s->options};
    return s->format->decoder_new(&args, &s->decoder, err);
}

static int bad_record(void *arg, const struct tm_bad_record *record)
{
    struct tm_sampler *s = arg;
    if (s->bad[0] == '\0' && s->advice == NULL && record->code == TM_E_BAD_UTF8)
        s->advice = "convert it first, for example: iconv -f WINDOWS-1252 -t UTF-8";
    if (s->bad[0] == '\0')
        snprintf(s->bad, sizeof s->bad, "%.80s:%lld: %.150s", s->path, (long long)record->line,
                 record->message);
    return 0; // it is for on_error to decide, when the job runs
}

static uint32_t share(const struct tm_sampler *s)
{
    uint32_t records = s->samples->args.records / s->inputs;
    return records == 0 ? 1 : records;
}

static int look_at(struct tm_sampler *s, const struct tm_batch *batch)
{
    uint32_t offset = s->schema->fields[0].offset;
    int rc = 0;
    TM_BATCH_EACH(batch, row)
    {
        uint32_t len;
        if (rc != 0 || s->records - s->first_record == share(s))
            break;
        if (tm_row_is_null(row, 0))
            continue;
        const char *record = tm_row_string(row, offset, &len);
        rc = tm_infer_add(s->infer, (const uint8_t *)record, len);
        s->records++;
    }
    return rc;
}

// What other files begin with.
static const struct {
    const char *bytes;
    uint8_t length;
    const char *advice;
} FOREIGN[] = {
    {"\x1f\x8b", 2, "it is compressed: give it a name that ends in .gz"},
    {"\x28\xb5\x2f\xfd", 4, "it is compressed: give it a name that ends in .zst"},
    {"BZh", 3, "it is compressed by bzip2: bzcat FILE | tidemill run ..., with tm.stdin"},
    {"\xfd"
     "7zXZ",
     5, "it is compressed by xz: xzcat FILE | tidemill run ..., with tm.stdin"},
    {"PK\x03\x04", 4,
     "it is a zip archive or a workbook: unpack it, or save its sheet as CSV (UTF-8)"},
    {"PAR1", 4, "it is Parquet, which is not read: write it as CSV or JSON Lines first"},
    {"\xff\xfe", 2, "it is UTF-16: convert it first: iconv -f UTF-16 -t UTF-8"},
    {"\xfe\xff", 2, "it is UTF-16: convert it first: iconv -f UTF-16 -t UTF-8"},
};

static void look_for_foreign(struct tm_sampler *s, const uint8_t *p, size_t len)
{
    for (size_t i = 0; s->used == 0 && i < sizeof FOREIGN / sizeof *FOREIGN; i++)
        if (len >= FOREIGN[i].length && memcmp(p, FOREIGN[i].bytes, FOREIGN[i].length) == 0)
            s->is_foreign = true, s->advice = FOREIGN[i].advice;
}

// A header without a comma, where nobody has said what divides its fields.
static void look_for_divider(struct tm_sampler *s, const uint8_t *p, size_t len)
{
    bool first = !s->has_bytes;
    s->has_bytes |= len != 0;
    if (!first || len == 0 || strcmp(s->node->format, "csv") != 0 || s->csv.skip_lines != 0 ||
        tm_options_get(&s->node->format_options, "delimiter") != NULL)
        return;
    if (len >= 3 && memcmp(p, "\xef\xbb\xbf", 3) == 0) {
        p += 3;
        len -= 3;
    }
    s->divider = tm_csv_guess_delimiter(p, len);
    size_t shown = 0;
    while (shown < len && shown < sizeof s->line - 1 && (p[shown] >= 0x20 || p[shown] == 0x09))
        shown++;
    while (shown > 0 && !tm_text_is_utf8((const char *)p, shown))
        shown--; // cuts no character
    snprintf(s->line, sizeof s->line, "%.*s", (int)shown, (const char *)p);
}

int tm_sampler_take(struct tm_sampler *s, const uint8_t *p, size_t len, bool at_end,
                    struct tm_error *err)
{
    size_t used = 1;
    bool full = true;
    int rc = 0;
    look_for_foreign(s, p, len);
    look_for_divider(s, p, len);
    while (rc == 0 && (used != 0 || full) && s->records - s->first_record < share(s)) {
        struct tm_batch *batch = tm_batch_acquire(s->pool, s->schema);
        if (batch == NULL)
            return out_of_memory(s->node, err);
        used = 0;
        rc = s->decoder->ops->decode(s->decoder, p + s->used, len - s->used, at_end, batch, &used,
                                     bad_record, s);
        s->used += used;
        rc = rc == 0 ? look_at(s, batch) : rc;
        full = tm_batch_is_full(batch);
        tm_batch_release(batch);
    }
    if (rc != 0)
        return tm_error_set(err, rc, "%s: %s cannot be decoded", s->node->name, s->path);
    return s->records - s->first_record >= share(s) || len >= tm_sampler_limit(s);
}

size_t tm_sampler_limit(const struct tm_sampler *s)
{
    return TM_SAMPLE_BYTES / s->inputs;
}

uint32_t tm_sampler_records(const struct tm_sampler *s)
{
    return s->records - s->first_record;
}

const struct tm_log *tm_sampler_log(const struct tm_sampler *s)
{
    return s->samples->args.log;
}

// --- a source's columns --------------------------------------------------------------------------

static int nothing_there(const struct tm_sampler *s, struct tm_error *err)
{
    if (s->is_foreign)
        tm_error_set(err, TM_E_SCHEMA_MISSING, "%s is no file of the format %s", s->path,
                     s->node->format);
    else if (s->bad[0] != '\0')
        tm_error_set(err, TM_E_SCHEMA_MISSING,
                     "no record of the sample can be read, so no schema follows from it: %s",
                     s->bad);
    else
        tm_error_set(err, TM_E_SCHEMA_MISSING, "there are no records to infer a schema from: %s %s",
                     s->path[0] == '\0' ? s->node->name : s->path,
                     s->has_bytes && strcmp(s->node->format, "csv") == 0
                         ? "has a header and nothing else"
                     : s->has_bytes ? "has none"
                                    : "is empty");
    if (s->advice != NULL)
        tm_error_hint(err, "%s", s->advice);
    return err->code;
}

// All of a line as one column is hardly what anybody wants of CSV.
static int other_dialect(const struct tm_sampler *s, struct tm_error *err)
{
    const char *divider = tm_csv_show_delimiter(s->divider);
    tm_error_set(err, TM_E_SCHEMA_MISSING, "the header of %s has no comma, and %s instead: %s",
                 s->path, divider, s->line);
    tm_error_hint(err,
                  "say what divides its fields: format = tm.csv { delimiter = %s }; "
                  "delimiter = \",\" if it is one column",
                  divider);
    return err->code;
}

static int take_sample(struct tm_samples *samples, struct tm__sample *sample,
                       const struct tm_node *node, struct tm_error *err)
{
    const struct tm_connector *connector =
        tm_connector_find(samples->args.connectors, node->connector);
    struct tm_sampler s;
    if (connector == NULL || connector->source_sample == NULL) {
        tm_error_set(err, TM_E_SCHEMA_MISSING,
                     "its records come when the job runs: there is nothing yet to infer a schema "
                     "from");
        return err->code;
    }
    if (node->format[0] == '\0') {
        int rc =
            connector->source_sample(samples->args.fx, samples->args.mem, node, NULL, NULL, err);
        return rc != 0 ? rc : tm_error_set(err, TM_E_SCHEMA_MISSING, "it has no format");
    }
    if (samples->args.touched != NULL && !connector->replayable)
        atomic_store(samples->args.touched, 1);
    tm_buf_init(&sample->head, samples->args.mem);
    int rc = sampler_init(&s, samples, node, err);
    rc = rc != 0 ? rc
                 : connector->source_sample(samples->args.fx, samples->args.mem, node, &s,
                                            &sample->head, err);
    rc = rc == 0 && (s.records == 0 || s.is_foreign) ? nothing_there(&s, err) : rc;
    rc = rc != 0 ? rc : tm_infer_columns(s.infer, &sample->columns, &sample->count, err);
    if (s.divider != 0 && !s.is_foreign &&
        (rc == TM_E_SCHEMA_MISSING || (rc == 0 && sample->count == 1)))
        rc = other_dialect(&s, err);
    sample->infer = s.infer;
    sample->connector = connector->name;
    sampler_fini(&s);
    if (rc != 0) {
        tm_infer_free(sample->infer);
        tm_buf_fini(&sample->head);
    }
    return rc;
}

int tm_samples_columns(struct tm_samples *samples, uint32_t index, const struct tm_node *node,
                       const struct tm_infer_column **columns, uint32_t *count,
                       struct tm_error *err)
{
    if (index >= TM__SAMPLES_MAX)
        return tm_error_set(err, TM_E_LIMIT, "more than %d sources without a schema",
                            TM__SAMPLES_MAX);
    if (index > samples->count)
        return tm_error_set(err, TM_E_GRAPH_DIFFERS,
                            "the script has other sources here than where it was planned");
    if (index == samples->count) {
        int rc = take_sample(samples, &samples->samples[index], node, err);
        if (rc != 0)
            return rc;
        samples->count++;
    }
    *columns = samples->samples[index].columns;
    *count = samples->samples[index].count;
    return 0;
}

void tm_samples_hand_over(const struct tm_samples *samples, struct tm_graph *graph)
{
    for (uint32_t i = 0; i < samples->count; i++) {
        const struct tm__sample *sample = &samples->samples[i];
        // What is read only once has one source in a job (lua/tidemill/ends.lua).
        for (uint32_t n = 0; sample->head.size_bytes != 0 && n < graph->node_count; n++) {
            struct tm_node *node = &graph->nodes[n];
            if (node->kind == TM_NODE_SOURCE && strcmp(node->connector, sample->connector) == 0) {
                node->head = sample->head.data;
                node->head_bytes = sample->head.size_bytes;
            }
        }
    }
}
