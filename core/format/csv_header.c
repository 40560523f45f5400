// Which column of the schema each field of a CSV file is: by the names in its header, or by place.
#include <stdio.h>

#include "core/base/text.h"
#include "core/format/csv_guess.h"
#include "core/format/csv_read.h"
#include "core/format/json_chunk.h"

static struct tm__csv_column column_of(const struct tm__csv_decoder *d, uint32_t index)
{
    const struct tm_field *field = &d->schema->fields[index];
    uint64_t bit = UINT64_C(1) << (index & 63);
    return (struct tm__csv_column){.type = field->type,
                                   .offset = field->offset,
                                   .word = index >> 6,
                                   .bit = bit,
                                   .keep =
                                       (d->masks.used[index >> 6] & bit) != 0 ? ~UINT64_C(0) : 0,
                                   .name = d->columns_of.names[index],
                                   .field = index};
}

static bool is_visible(const struct tm_schema *schema, uint32_t index)
{
    return (schema->fields[index].flags & TM_FIELD_HIDDEN) == 0;
}

static int make_columns(struct tm__csv_decoder *d, uint32_t count)
{
    d->columns = tm_mem_zalloc(d->mem, count * sizeof *d->columns);
    d->width = d->columns == NULL ? 0 : count;
    return d->columns == NULL ? TM_E_MEMORY : 0;
}

int tm__csv_columns_of_schema(struct tm__csv_decoder *d)
{
    uint32_t visible = 0, next = 0;
    for (uint32_t i = 0; i < d->schema->field_count; i++)
        visible += is_visible(d->schema, i);
    int rc = make_columns(d, visible == 0 ? 1 : visible);
    for (uint32_t i = 0; rc == 0 && i < d->schema->field_count; i++) {
        if (is_visible(d->schema, i))
            d->columns[next++] = column_of(d, i);
    }
    return rc;
}

// --- headers

struct header {
    struct tm__csv_decoder *d;
    char *text;    // the names, one behind the other, each with a zero byte behind it
    size_t *names; // where each begins, and where the text ends
    uint32_t count;
    uint64_t seen[TM__CSV_NULL_WORDS];
};

__attribute__((format(printf, 3, 4))) static void fail(struct tm__csv_decoder *d, int code,
                                                       const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(d->header.message, sizeof d->header.message, format, args);
    va_end(args);
    d->header.code = code;
}

// The name in field [p, p + len) to `out`; returns its length.
static size_t take_name(const struct tm__csv_decoder *d, const uint8_t *p, size_t len, char *out)
{
    uint8_t escape = tm__csv_escape(d);
    if (len != 0 && d->options.quote != 0 && *p == d->options.quote) {
        p++;
        len -= 2;
    }
    if (escape != 0)
        return tm__csv_unescape(p, p + len, (uint8_t *)out, escape);
    memcpy(out, p, len);
    return len;
}

static void take_names(struct header *h, const uint8_t *text, uint32_t start, uint32_t end,
                       const uint32_t *ends)
{
    size_t used = 0;
    for (uint32_t i = 0; i < h->count; i++) {
        uint32_t behind = i + 1 < h->count ? ends[i] : end;
        h->names[i] = used;
        used += take_name(h->d, text + start, behind - start, h->text + used);
        h->text[used++] = 0;
        start = ends[i] + 1;
    }
    h->names[h->count] = used;
    if (h->d->options.trailing_delimiter && h->count > 1 && h->text[h->names[h->count - 1]] == 0)
        h->count--;
}

// "a, b, c", as many as there is room for.
static void list_names(char *list, size_t size, const char *(*name)(void *arg, uint32_t i),
                       void *arg, uint32_t count)
{
    size_t used = 0;
    list[0] = 0;
    for (uint32_t i = 0; i < count; i++) {
        const char *text = name(arg, i);
        if (text == NULL)
            continue;
        size_t need = strlen(text) + 2;
        if (used + need + 4 > size) {
            snprintf(list + used, size - used, "...");
            return;
        }
        used += (size_t)snprintf(list + used, size - used, "%s, ", text);
    }
    if (used >= 2)
        list[used - 2] = 0;
}

static const char *header_name(void *arg, uint32_t i)
{
    struct header *h = arg;
    return h->text + h->names[i];
}

static const char *schema_name(void *arg, uint32_t i)
{
    const struct tm_schema *schema = arg;
    return is_visible(schema, i) ? schema->fields[i].name : NULL;
}

// The column that is called so in the header, or -1.
static int32_t find_column(const struct tm__csv_decoder *d, const char *name, size_t len)
{
    for (uint32_t i = 0; i < d->schema->field_count; i++) {
        const char *own = d->columns_of.names[i];
        if (strlen(own) == len && memcmp(own, name, len) == 0)
            return (int32_t)i;
    }
    return -1;
}

// The name in the header that may be meant by a column that is not there: one that is no other
// column's.
static const char *nearest_name(struct header *h, const char *name)
{
    const char *names[256];
    uint32_t count = 0;
    for (uint32_t i = 0; i < h->count && count < 256; i++)
        if (h->d->columns[i].type.kind == TM_TYPE_UNKNOWN)
            names[count++] = header_name(h, i);
    return tm_text_nearest(name, names, count);
}

static void fail_missing(struct header *h, uint32_t index)
{
    const char *name = h->d->columns_of.names[index], *near = nearest_name(h, name);
    char list[200];
    list_names(list, sizeof list, header_name, h, h->count);
    fail(h->d, TM_E_REQUIRED, "field %s is required and not in the header%s%s%s, which has %s",
         name, near == NULL ? "" : " (is it \"", near == NULL ? "" : near,
         near == NULL ? "" : "\"?)", list);
}

static bool is_missing(const struct header *h, uint32_t index)
{
    return is_visible(h->d->schema, index) && (h->seen[index >> 6] >> (index & 63) & 1) == 0;
}

static const char *missing_name(void *arg, uint32_t i)
{
    struct header *h = arg;
    return is_missing(h, i) ? h->d->columns_of.names[i] : NULL;
}

// Columns that may be absent, and are: more likely misspelt than meant.
static void notice_missing(struct header *h)
{
    const struct tm_schema *schema = h->d->schema;
    uint32_t count = 0, first = 0;
    for (uint32_t i = schema->field_count; i > 0; i--)
        if (is_missing(h, i - 1)) {
            count++;
            first = i - 1;
        }
    if (count == 0 || h->d->notice == NULL)
        return;
    const char *near = nearest_name(h, schema->fields[first].name);
    char missing[200], has[200], text[800], hint[200] = "";
    list_names(missing, sizeof missing, missing_name, h, schema->field_count);
    list_names(has, sizeof has, header_name, h, h->count);
    if (near != NULL && count > 1)
        snprintf(hint, sizeof hint, " (is %.80s \"%.80s\"?)", schema->fields[first].name, near);
    else if (near != NULL)
        snprintf(hint, sizeof hint, " (is it \"%.80s\"?)", near);
    snprintf(text, sizeof text,
             "column%s %s %s not in the header%s, and null in every row; the header has %s",
             count == 1 ? "" : "s", missing, count == 1 ? "is" : "are", hint, has);
    h->d->notice(h->d->notice_arg, true, text);
}

static void fail_other(struct header *h)
{
    char has[150], wanted[150];
    list_names(has, sizeof has, header_name, h, h->count);
    list_names(wanted, sizeof wanted, schema_name, h->d->schema, h->d->schema->field_count);
    const char *name = header_name(h, 0);
    char divider =
        h->count == 1 ? tm_csv_guess_delimiter((const uint8_t *)name, strlen(name)) : '\0';
    if (divider != '\0')
        fail(h->d, TM_E_BAD_CSV,
             "the header has none of the schema's columns (%s): it is %s; format = tm.csv { "
             "delimiter = %s } divides it",
             wanted, has, tm_csv_show_delimiter(divider));
    else
        fail(h->d, TM_E_BAD_CSV,
             "the header has none of the schema's columns (%s): it is %s; a file without a header "
             "needs header = false",
             wanted, has);
}

static void match_names(struct header *h)
{
    struct tm__csv_decoder *d = h->d;
    bool any = false;
    for (uint32_t i = 0; i < h->count; i++) {
        const char *name = header_name(h, i);
        size_t length = h->names[i + 1] - h->names[i] - 1;
        int32_t found = find_column(d, name, length);
        if (found < 0 || !is_visible(d->schema, (uint32_t)found)) {
            d->has_strangers = d->strangers != NULL;
            if (d->has_strangers)
                tm__strangers_name(d->strangers, name, length);
            continue;
        }
        d->columns[i] = column_of(d, (uint32_t)found);
        uint64_t *seen = &h->seen[d->columns[i].word];
        if ((*seen & d->columns[i].bit) != 0) {
            fail(d, TM_E_BAD_CSV, "the header has the column %s twice", name);
            return;
        }
        *seen |= d->columns[i].bit;
        any = true;
    }
    if (!any) {
        fail_other(h);
        return;
    }
    for (uint32_t i = 0; i < d->schema->field_count; i++) {
        uint64_t given = h->seen[i >> 6] | d->columns_of.defaulted[i >> 6];
        if (((d->masks.required[i >> 6] & ~given) >> (i & 63) & 1) != 0) {
            fail_missing(h, i);
            return;
        }
    }
    notice_missing(h);
}

// A map has each name once.
static void check_repeated(struct header *h)
{
    for (uint32_t i = 1; i < h->count; i++) {
        for (uint32_t k = 0; k < i && h->d->header.code == 0; k++)
            if (strcmp(header_name(h, i), header_name(h, k)) == 0)
                fail(h->d, TM_E_BAD_CSV, "the header has the column %s twice", header_name(h, i));
    }
}

int tm__csv_read_header(struct tm__csv_decoder *d, const uint8_t *text, uint32_t start,
                        uint32_t end, const uint32_t *ends, uint32_t count)
{
    struct header h = {.d = d, .count = count};
    size_t text_bytes = (size_t)(end - start) + count + 1 + TM__CHUNK_BYTES,
           names_bytes = (count + 1) * sizeof *h.names;
    h.text = tm_mem_alloc(d->mem, text_bytes);
    h.names = tm_mem_alloc(d->mem, names_bytes);
    int rc = h.text == NULL || h.names == NULL ? TM_E_MEMORY : 0;
    if (rc == 0) {
        take_names(&h, text, start, end, ends);
        rc = make_columns(d, h.count);
    }
    if (rc == 0 && d->columns_of.whole >= 0) {
        check_repeated(&h);
        rc = tm__csv_whole_names(d, h.text, h.names, h.count);
    } else if (rc == 0)
        match_names(&h);
    tm_mem_free(d->mem, h.text, text_bytes);
    tm_mem_free(d->mem, h.names, names_bytes);
    return rc;
}
