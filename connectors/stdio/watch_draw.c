// Lines of a watched table: a heading and the rows that were updated last, each group's together.
// Columns have the widths and the bounds of the table that scrolls (table.h).
#include <stdio.h>
#include <stdlib.h>

#include "connectors/stdio/stdio.h"
#include "connectors/stdio/table.h"
#include "connectors/stdio/watch_private.h"
#include "connectors/stdio/width.h"

static int by_age(const void *a, const void *b)
{
    const struct tm__watch_line *x = a, *y = b;
    return x->entry->updated < y->entry->updated   ? 1
           : x->entry->updated > y->entry->updated ? -1
                                                   : 0; // the newest first
}

static int compare_cells(const struct tm__watch_line *x, const struct tm__watch_line *y)
{
    if (x->cell == NULL || !x->is_number) // timestamps are ordered as texts too
        return x->cell == NULL ? 0 : strcmp(x->cell, y->cell);
    double a = strtod(x->cell, NULL), b = strtod(y->cell, NULL);
    return a < b ? -1 : a > b ? 1 : 0;
}

static int by_place(const void *a, const void *b)
{
    const struct tm__watch_line *x = a, *y = b;
    if (x->entry->group != y->entry->group)
        return x->entry->group < y->entry->group ? -1 : 1;
    int order = compare_cells(x, y);
    if (order != 0)
        return x->descending ? -order : order;
    return x->entry->born < y->entry->born ? -1 : x->entry->born > y->entry->born ? 1 : 0;
}

static const char *ordering_cell(const struct tm_watch *watch, const struct tm__watch_entry *entry)
{
    const char *cell = entry->text;
    if (!watch->by.is_given)
        return NULL;
    for (uint32_t i = 0; watch->shown[i] != watch->by.column; i++)
        cell += strlen(cell) + 1;
    return cell;
}

// The newest entries whose rows fit into `room` lines, in the order in which they are drawn;
// *there: rows that there are in all.
static uint32_t choose(struct tm_watch *watch, uint32_t room, uint64_t *there)
{
    bool is_number =
        watch->by.is_given && tm__table_stands_right(&watch->schema->fields[watch->by.column]);
    uint32_t chosen = 0;
    *there = 0;
    for (uint32_t i = 0; i < watch->count; i++) {
        const struct tm__watch_entry *entry = &watch->entries[i];
        watch->lines[i] = (struct tm__watch_line){.entry = entry,
                                                  .cell = ordering_cell(watch, entry),
                                                  .is_number = is_number,
                                                  .descending = watch->by.descending};
        *there += entry->copies;
    }
    if (*there > room) {
        qsort(watch->lines, watch->count, sizeof *watch->lines, by_age);
        for (uint64_t used = 0; chosen < watch->count && used < room; chosen++)
            used += watch->lines[chosen].entry->copies;
    } else {
        chosen = watch->count;
    }
    qsort(watch->lines, chosen, sizeof *watch->lines, by_place);
    return chosen;
}

// `widths` by column: of the headings and of the chosen entries' cells.
static void measure(const struct tm_watch *watch, uint32_t chosen, uint32_t *widths)
{
    const struct tm_schema *schema = watch->schema;
    for (uint32_t i = 0; i < schema->field_count; i++)
        widths[i] = tm__width_of(schema->fields[i].name, strlen(schema->fields[i].name));
    for (uint32_t n = 0; n < chosen; n++) {
        const char *cell = watch->lines[n].entry->text;
        for (uint32_t i = 0; i < watch->shown_count; i++) {
            size_t length = strlen(cell);
            uint32_t width = tm__width_of(cell, length), *most = &widths[watch->shown[i]];
            *most = *most < width ? width : *most;
            cell += length + 1;
        }
    }
}

// The heading (entry NULL) or a row; columns from `end` on have no room.
static int put_line(struct tm_watch *watch, const struct tm__watch_entry *entry, uint32_t end,
                    const uint32_t *widths, struct tm_buf *out)
{
    static const char more[] = "\xe2\x80\xa6";
    const char *cell = entry == NULL ? NULL : entry->text;
    uint32_t last = tm__table_last(watch->schema);
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < watch->shown_count && watch->shown[i] < end; i++) {
        uint32_t column = watch->shown[i];
        const struct tm_field *field = &watch->schema->fields[column];
        const char *text = entry == NULL ? field->name : cell;
        watch->cell.size_bytes = 0;
        rc = tm_buf_append(&watch->cell, text, strlen(text));
        if (rc == 0)
            rc = tm__table_put(&watch->cell, field, widths[column], column == last, NULL, out);
        cell = entry == NULL ? NULL : cell + strlen(cell) + 1;
    }
    if (rc == 0 && end <= last)
        rc = tm_buf_append(out, more, sizeof more - 1);
    return rc == 0 ? tm_buf_append(out, "\n", 1) : rc;
}

// How many rows are not drawn, in a line that does not wrap either.
static int put_rest(const struct tm_watch *watch, uint64_t rest, uint32_t columns,
                    struct tm_buf *out)
{
    char line[96];
    int length =
        snprintf(line, sizeof line, "... and %llu more%s", (unsigned long long)rest,
                 watch->rows_without_room == 0 ? "" : ", and keys beyond those that are kept");
    if ((uint32_t)length > columns)
        length = (int)columns;
    return tm_buf_printf(out, "%.*s\n", length, line);
}

static int draw(struct tm_watch *watch, uint32_t columns, uint32_t rows, struct tm_buf *out,
                uint32_t *lines)
{
    uint32_t widths[TM_FIELDS_MAX], drawn = 0, room = rows - 2;
    uint64_t there;
    if (watch->count == 0 || rows < 3)
        return 0;
    uint32_t chosen = choose(watch, room, &there);
    measure(watch, chosen, widths);
    uint32_t end = tm__table_fit(watch->schema, 0, columns, widths);
    int rc = put_line(watch, NULL, end, widths, out);
    for (uint32_t n = 0; rc == 0 && n < chosen; n++) {
        const struct tm__watch_entry *entry = watch->lines[n].entry;
        for (uint32_t i = 0; rc == 0 && i < entry->copies && drawn < room; i++, drawn++)
            rc = put_line(watch, entry, end, widths, out);
    }
    *lines = drawn + 1;
    if (rc == 0 && (drawn < there || watch->rows_without_room != 0)) {
        rc = put_rest(watch, there - drawn, columns, out);
        (*lines)++;
    }
    return rc;
}

int tm_watch_draw(struct tm_watch *watch, uint32_t columns, uint32_t rows, struct tm_buf *out,
                  uint32_t *lines)
{
    *lines = 0;
    pthread_mutex_lock(&watch->lock);
    int rc = watch->schema == NULL ? 0 : draw(watch, columns, rows, out, lines);
    pthread_mutex_unlock(&watch->lock);
    return rc;
}
