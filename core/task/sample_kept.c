// Inferred schemas as text, for the manifests of checkpoints, and back. A job that goes on has the
// columns that it began with, whatever its inputs look like by then.
//
// A line for each source, "source NAME", and behind it one for each column, "column NAME TYPE NAME
// IN THE SOURCE", divided by tabs; the last is empty where it is the same.
#include <stdio.h>
#include <string.h>

#include "core/task/sample_parts.h"

// --- writing -------------------------------------------------------------------------------------

// No tab and no end of a line is left.
static int put_text(struct tm_buf *out, const char *text)
{
    int rc = 0;
    for (const unsigned char *p = (const unsigned char *)text; *p != '\0' && rc == 0; p++)
        rc = *p < ' ' || *p == '%' || *p == 0x7f ? tm_buf_printf(out, "%%%02x", *p)
                                                 : tm_buf_append(out, p, 1);
    return rc;
}

static int put_column(struct tm_buf *out, const struct tm_infer_column *column)
{
    int rc = tm_buf_append(out, "column\t", 7);
    if (rc == 0)
        rc = put_text(out, column->name);
    if (rc == 0)
        rc = tm_buf_append(out, "\t", 1);
    if (rc == 0)
        rc = put_text(out, column->type);
    if (rc == 0)
        rc = tm_buf_append(out, "\t", 1);
    if (rc == 0 && column->source != NULL)
        rc = put_text(out, column->source);
    return rc == 0 ? tm_buf_append(out, "\n", 1) : rc;
}

// The source that the script has asked for as number `index`: they were made in that order.
static const struct tm_node *source_of(const struct tm_graph *graph, uint32_t index)
{
    for (uint32_t n = 0; n < graph->node_count; n++)
        if (graph->nodes[n].kind == TM_NODE_SOURCE && graph->nodes[n].inferred && index-- == 0)
            return &graph->nodes[n];
    return NULL;
}

int tm_samples_put(const struct tm_samples *samples, const struct tm_graph *graph,
                   struct tm_buf *out)
{
    int rc = 0;
    for (uint32_t i = 0; i < samples->count && rc == 0; i++) {
        const struct tm_node *node = source_of(graph, i);
        if (node == NULL)
            break;
        rc = tm_buf_append(out, "source\t", 7);
        if (rc == 0)
            rc = put_text(out, node->name);
        if (rc == 0)
            rc = tm_buf_append(out, "\n", 1);
        for (uint32_t c = 0; c < samples->samples[i].count && rc == 0; c++)
            rc = put_column(out, &samples->samples[i].columns[c]);
    }
    return rc;
}

// --- reading -------------------------------------------------------------------------------------

static int digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

// The text of a line that ends before `end`. NULL: out of memory.
static const char *take_text(struct tm_arena *arena, const char *from, const char *end)
{
    char *text = tm_arena_strndup(arena, from, (size_t)(end - from)), *to = text;
    for (const char *p = from; text != NULL && p < end; p++) {
        bool escaped = *p == '%' && end - p > 2 && digit(p[1]) >= 0 && digit(p[2]) >= 0;
        *to++ = escaped ? (char)((unsigned)digit(p[1]) << 4 | (unsigned)digit(p[2])) : *p;
        p += escaped ? 2 : 0;
    }
    if (text != NULL)
        *to = '\0';
    return text;
}

// The lines behind that of the source; NULL: there is no such source.
static const char *find_source(const char *text, const char *name)
{
    while (text != NULL && *text != '\0') {
        size_t length = strcspn(text, "\n");
        const char *next = text + length + (text[length] == '\n');
        bool found = false;
        if (strncmp(text, "source\t", 7) == 0) {
            const char *p = text + 7, *q = name;
            for (; p < text + length && *q != '\0'; q++) {
                char code[4] = {*q, '\0', '\0', '\0'};
                if ((unsigned char)*q < ' ' || *q == '%' || *q == 0x7f)
                    snprintf(code, sizeof code, "%%%02x", (unsigned char)*q);
                if (strncmp(p, code, strlen(code)) != 0)
                    break;
                p += strlen(code);
            }
            found = p == text + length && *q == '\0';
        }
        if (found)
            return next;
        text = next;
    }
    return NULL;
}

static uint32_t count_columns(const char *lines)
{
    uint32_t count = 0;
    for (; strncmp(lines, "column\t", 7) == 0; count++)
        lines += strcspn(lines, "\n") + (lines[strcspn(lines, "\n")] == '\n');
    return count;
}

static bool take_column(struct tm_arena *arena, const char *line, struct tm_infer_column *column)
{
    const char *end = line + strcspn(line, "\n"), *name = line + 7;
    const char *type = memchr(name, '\t', (size_t)(end - name));
    const char *source = type == NULL ? NULL : memchr(type + 1, '\t', (size_t)(end - type - 1));
    *column = (struct tm_infer_column){0};
    if (source == NULL)
        return false;
    column->name = take_text(arena, name, type);
    column->type = take_text(arena, type + 1, source);
    column->source = source + 1 == end ? NULL : take_text(arena, source + 1, end);
    return column->name != NULL && column->type != NULL &&
           (source + 1 == end || column->source != NULL);
}

static bool same_columns(const struct tm__sample *sample, const struct tm_infer_column *columns,
                         uint32_t count)
{
    if (sample->count != count)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        const struct tm_infer_column *a = &sample->columns[i], *b = &columns[i];
        if (strcmp(a->name, b->name) != 0 || strcmp(a->type, b->type) != 0 ||
            (a->source == NULL) != (b->source == NULL) ||
            (a->source != NULL && strcmp(a->source, b->source) != 0))
            return false;
    }
    return true;
}

// 1: other columns than were sampled.
static int bring_back(struct tm_samples *samples, struct tm__sample *sample, const char *lines)
{
    uint32_t count = count_columns(lines);
    struct tm_infer_column *columns = tm_arena_alloc(&samples->kept, (count + 1) * sizeof *columns);
    if (columns == NULL)
        return TM_E_MEMORY;
    for (uint32_t c = 0; c < count; c++) {
        if (!take_column(&samples->kept, lines, &columns[c]))
            return TM_E_MEMORY;
        lines += strcspn(lines, "\n") + (lines[strcspn(lines, "\n")] == '\n');
    }
    if (count == 0 || same_columns(sample, columns, count))
        return 0;
    sample->columns = columns;
    sample->count = count;
    return 1;
}

int tm_samples_bring_back(struct tm_samples *samples, const struct tm_graph *graph,
                          const char *text)
{
    int result = 0;
    for (uint32_t i = 0; i < samples->count; i++) {
        const struct tm_node *node = source_of(graph, i);
        const char *lines = node == NULL ? NULL : find_source(text, node->name);
        if (lines == NULL && node != NULL && node->renamed_from != NULL)
            lines = find_source(text, node->renamed_from);
        int rc = lines == NULL ? 0 : bring_back(samples, &samples->samples[i], lines);
        if (rc < 0)
            return rc;
        result |= rc;
    }
    return result;
}
