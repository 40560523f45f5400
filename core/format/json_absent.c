// Columns that no record has, where the records have a key of nearly that name: said once, after
// the first rows. A field may be absent, so this is no error; but a name that is misspelt in a
// schema gives nulls, and nothing else would ever say so.
#include <stdio.h>

#include "core/base/text.h"
#include "core/format/json_value.h"

// Has a row of the batch a value there?
static bool is_ever_set(const struct tm_batch *batch, uint32_t column)
{
    TM_BATCH_EACH(batch, row)
    {
        if (!tm_row_is_null(row, column))
            return true;
    }
    return false;
}

// Does the key stand anywhere in the text? With escapes it is not found, and taken for absent only
// where another key is near.
static bool is_in(const char *name, const uint8_t *p, size_t len)
{
    char key[TM_NAME_MAX + 3];
    int n = snprintf(key, sizeof key, "\"%.*s\"", TM_NAME_MAX, name);
    return memmem(p, len, key, (size_t)n) != NULL;
}

enum { NEAR_BYTES = 64 };

// The key of no column that may be meant. False: there is none.
static bool find_near(const struct tm__json_decoder *d, const char *name, char near[NEAR_BYTES])
{
    const char *names[TM__KEYS_UNKNOWN];
    char texts[TM__KEYS_UNKNOWN][NEAR_BYTES];
    uint32_t count = 0;
    for (uint32_t i = 0; i < d->keys.unknown_count && i < TM__KEYS_UNKNOWN; i++) {
        const struct tm__key_node *node = &d->keys.nodes[d->keys.field_count + i];
        if (node->length >= NEAR_BYTES)
            continue;
        memcpy(texts[count], node->name, node->length);
        texts[count][node->length] = '\0';
        names[count] = texts[count];
        count++;
    }
    const char *found = tm_text_nearest(name, names, count);
    snprintf(near, NEAR_BYTES, "%s", found == NULL ? "" : found);
    return found != NULL;
}

void tm__json_notice_absent(struct tm__json_decoder *d, const struct tm_batch *batch,
                            const uint8_t *p, size_t len)
{
    char near[NEAR_BYTES], text[320], records[48] = "the first record";
    d->has_looked = true;
    for (uint32_t i = 0; i < d->schema->field_count; i++) {
        const char *name = d->columns.names[i];
        bool is_used = (d->masks.used[i >> 6] >> (i & 63) & 1) != 0;
        if (!is_used || is_ever_set(batch, i) || is_in(name, p, len))
            continue;
        if (!find_near(d, name, near))
            continue;
        if (batch->row_count > 1)
            snprintf(records, sizeof records, "any of the first %u records", batch->row_count);
        snprintf(text, sizeof text, "field %.80s is not in %s, and null (is it \"%s\"?)", name,
                 records, near);
        d->notice(d->notice_arg, true, text);
        return; // one is enough to look at the schema again
    }
}
