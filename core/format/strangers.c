// Counting fields that are no columns.
#include "core/format/strangers.h"

#include <stdio.h>
#include <string.h>

void tm__strangers_name(struct tm_strangers *s, const void *name, size_t len)
{
    if (len > TM_STRANGERS_NAME_BYTES - 1) {
        len = TM_STRANGERS_NAME_BYTES - 1;
        while (len > 0 && (((const uint8_t *)name)[len] & 0xc0) == 0x80) // between characters
            len--;
    }
    for (uint32_t i = 0; i < s->name_count; i++)
        if (strlen(s->names[i]) == len && memcmp(s->names[i], name, len) == 0)
            return;
    if (s->name_count == TM_STRANGERS_NAMES)
        return;
    memcpy(s->names[s->name_count], name, len);
    s->names[s->name_count++][len] = 0;
}

void tm__strangers_add(struct tm_strangers *s, const void *record, const void *name, size_t len)
{
    s->records += record != s->last;
    s->last = record;
    tm__strangers_name(s, name, len);
}

const char *tm_strangers_list(const struct tm_strangers *s, char *text, size_t size)
{
    size_t used = 0;
    text[0] = 0;
    for (uint32_t i = 0; i < s->name_count; i++) {
        int n = snprintf(text + used, size - used, "%s%s", i == 0 ? "" : ", ",
                         s->names[i][0] == 0 ? "\"\"" : s->names[i]);
        if (n < 0 || used + (size_t)n >= size)
            break;
        used += (size_t)n;
    }
    return text;
}
