// tm.list: the values of a key in order of their arrival, one after the other in a blob of the
// state; and so are the rows of a window.
//
// An entry is the number of its row (where slices are merged: they are cut by time, and the list
// goes by arrival), then a word, a decimal, or a length and as many bytes, all padded to 8. Within
// an accumulator the numbers ascend, so merging two is one pass over both. A list that must be
// whole and got too long gives its memory back and remembers only that.
#include "core/batch/wire.h"
#include "core/operator/accumulator.h"
#include "core/operator/cut.h"

struct list {
    struct tm_blob blob; // its length is the room that there is
    uint32_t count;      // of values, or OVERFULL
    uint32_t used_bytes;
    uint64_t last; // number of the last value's row
};
_Static_assert(sizeof(struct list) == TM__LIST_VALUE_BYTES, "the part in the key's value");
enum { OVERFULL = UINT32_MAX };

static struct list *list_at(void *acc)
{
    return (struct list *)acc;
}

uint32_t tm__operator_list_bytes(const void *acc)
{
    return ((const struct list *)acc)->used_bytes;
}

static uint32_t padded(uint32_t length)
{
    return (length + 7) & ~(uint32_t)7;
}

static bool has_length(item_t *item)
{
    return item->action == TM__LIST_BYTES || item->action == TM__LIST_ROWS;
}

// Bytes before the value: the number, and a length.
static uint32_t head_bytes(item_t *item)
{
    return 8 * ((uint32_t)item->ordered + (uint32_t)has_length(item));
}

static uint32_t value_bytes(item_t *item, const uint8_t *entry, uint32_t *length)
{
    *length = item->action == TM__LIST_DECIMAL ? 16 : 8;
    if (has_length(item))
        memcpy(length, entry + head_bytes(item) - 8, sizeof *length);
    return padded(*length);
}

static uint32_t entry_bytes(item_t *item, const uint8_t *entry)
{
    uint32_t length;
    return head_bytes(item) + value_bytes(item, entry, &length);
}

static int overfill(struct list *list, const struct tm__operator_home *home)
{
    int rc = tm_state_blob_set(home->state, home->ns, home->key_group, &list->blob, "", 0);
    list->count = OVERFULL;
    list->used_bytes = 0;
    return rc;
}

// Where the next `size` bytes go; NULL and *rc: it is full (0), or TM_E_MEMORY.
static uint8_t *room_for(struct list *list, const struct tm__operator_home *home, uint32_t size,
                         int *rc)
{
    uint64_t wanted = (uint64_t)list->used_bytes + size, doubled = 2 * (uint64_t)list->blob.length;
    if (wanted > TM_LIST_BYTES_MAX) {
        *rc = overfill(list, home);
        return NULL;
    }
    if (wanted > list->blob.length) {
        if (doubled > TM_LIST_BYTES_MAX)
            doubled = TM_LIST_BYTES_MAX;
        uint32_t length = (uint32_t)(wanted > doubled ? wanted : doubled);
        if (tm_state_blob_extend(home->state, home->ns, home->key_group, &list->blob, length) ==
            NULL) {
            *rc = TM_E_MEMORY;
            return NULL;
        }
    }
    uint8_t *at = tm_state_blob_edit(home->state, home->key_group, &list->blob);
    if (at == NULL) {
        *rc = TM_E_MEMORY;
        return NULL;
    }
    at += list->used_bytes;
    list->used_bytes = (uint32_t)wanted;
    return at;
}

// Is there place for one more value? Else *rc says what became of it.
static bool takes_one(item_t *item, struct list *list, const struct tm__operator_home *home,
                      int *rc)
{
    if (list->count < item->limit)
        return true;
    *rc = list->count == OVERFULL || item->cut ? 0 : overfill(list, home);
    return false;
}

int tm__operator_list_add(item_t *item, const struct tm__operator_home *home, void *acc,
                          const uint8_t *slot, const void *bytes, uint32_t length, uint64_t arrival)
{
    struct list *list = list_at(acc);
    int rc = 0;
    if (!takes_one(item, list, home, &rc))
        return rc;
    if (!has_length(item)) {
        bytes = slot;
        length = item->action == TM__LIST_DECIMAL ? 16 : 8;
    } else if (length > TM_LIST_BYTES_MAX) {
        return overfill(list, home);
    }
    uint8_t *at = room_for(list, home, head_bytes(item) + padded(length), &rc);
    if (at == NULL)
        return rc;
    if (item->ordered) {
        memcpy(at, &arrival, sizeof arrival);
        at += sizeof arrival;
    }
    if (has_length(item)) {
        uint64_t word = length;
        memcpy(at, &word, sizeof word);
        at += sizeof word;
    }
    if (length != 0)
        memcpy(at, bytes, length);
    list->count++;
    list->last = arrival;
    return 0;
}

// --- rows ----------------------------------------------------------------------------------------

int tm__operator_list_rows(item_t *item, const struct tm__operator_home *home, const void *acc,
                           struct tm_buf *rows)
{
    const struct list *list = acc;
    if (list->count == OVERFULL)
        return TM_E_OVERFLOW;
    const uint8_t *entry =
        list->count == 0 ? NULL : tm_state_blob_get(home->state, home->key_group, &list->blob);
    for (uint32_t i = 0; i < list->count; i++) {
        uint32_t length, size = value_bytes(item, entry, &length);
        entry += head_bytes(item);
        int rc = tm_buf_append(rows, &entry, sizeof entry);
        if (rc != 0)
            return rc;
        entry += size;
    }
    return 0;
}

int tm__operator_list_keep(item_t *item, const struct tm__operator_home *home, void *acc,
                           const uint8_t *keep)
{
    struct list *list = acc;
    uint8_t *bytes = tm_state_blob_edit(home->state, home->key_group, &list->blob);
    if (bytes == NULL)
        return TM_E_MEMORY;
    uint32_t from = 0, to = 0, kept = 0;
    for (uint32_t i = 0; i < list->count; i++) {
        uint32_t size = entry_bytes(item, bytes + from);
        if (keep[i]) {
            memmove(bytes + to, bytes + from, size);
            to += size;
            kept++;
        }
        from += size;
    }
    list->count = kept;
    list->used_bytes = to;
    if (kept != 0)
        return 0;
    return tm_state_blob_set(home->state, home->ns, home->key_group, &list->blob, "", 0);
}

// --- merging -------------------------------------------------------------------------------------

static uint64_t number_of(const uint8_t *entry)
{
    uint64_t number;
    memcpy(&number, entry, sizeof number);
    return number;
}

static const uint8_t *bytes_of(const struct list *list, const struct tm__operator_home *home)
{
    return tm_state_blob_get(home->state, home->key_group, &list->blob);
}

// All of `from` came after all of `to`: the common case.
static int append(item_t *item, const struct tm__operator_home *home, struct list *to,
                  const struct list *from, const uint8_t *bytes)
{
    uint32_t room = to->count < item->limit ? item->limit - to->count : 0;
    uint32_t take = room < from->count ? room : from->count;
    uint32_t size = 0;
    int rc = 0;
    if (take == from->count)
        size = from->used_bytes;
    else if (!item->cut)
        return overfill(to, home);
    else
        for (uint32_t i = 0; i < take; i++)
            size += entry_bytes(item, bytes + size);
    if (take == 0)
        return 0;
    uint8_t *at = room_for(to, home, size, &rc);
    if (at == NULL)
        return rc;
    memcpy(at, bytes, size);
    to->count += take;
    to->last = from->last; // of one that was cut nobody asks
    return 0;
}

// Row by row into a new blob.
static int interleave(item_t *item, const struct tm__operator_home *home, struct list *to,
                      const struct list *from, const uint8_t *b)
{
    uint64_t total = (uint64_t)to->used_bytes + from->used_bytes;
    if ((!item->cut && (uint64_t)to->count + from->count > item->limit) ||
        total > TM_LIST_BYTES_MAX * (uint64_t)2)
        return overfill(to, home);
    struct list merged = {0};
    uint8_t *at =
        tm_state_blob_zalloc(home->state, home->ns, home->key_group, &merged.blob, (uint32_t)total);
    if (at == NULL)
        return TM_E_MEMORY;
    const uint8_t *a = bytes_of(to, home), *a_end = a + to->used_bytes;
    const uint8_t *b_end = b + from->used_bytes;
    while (merged.count < item->limit && (a != a_end || b != b_end)) {
        bool first = b == b_end || (a != a_end && number_of(a) < number_of(b));
        const uint8_t **next = first ? &a : &b;
        uint32_t size = entry_bytes(item, *next);
        memcpy(at + merged.used_bytes, *next, size);
        merged.last = number_of(*next);
        merged.used_bytes += size;
        merged.count++;
        *next += size;
    }
    int rc = tm_state_blob_set(home->state, home->ns, home->key_group, &to->blob, "", 0);
    *to = merged;
    return rc == 0 && to->used_bytes > TM_LIST_BYTES_MAX ? overfill(to, home) : rc;
}

int tm__operator_list_merge(item_t *item, const struct tm__operator_home *to_home, void *to,
                            const struct tm__operator_home *from_home, const void *from)
{
    struct list *list = list_at(to);
    const struct list *other = from;
    if (other->count == 0 || list->count == OVERFULL)
        return 0;
    if (other->count == OVERFULL)
        return overfill(list, to_home);
    const uint8_t *bytes = bytes_of(other, from_home);
    if (list->count == 0 || !item->ordered || number_of(bytes) > list->last)
        return append(item, to_home, list, other, bytes);
    return interleave(item, to_home, list, other, bytes);
}

// A row as a struct of its visible columns. One without hidden columns is that already.
static int put_row(item_t *item, struct tm_type of, const uint8_t *bytes, uint32_t length,
                   struct tm_nest *nest)
{
    const struct tm_schema *from = item->rows;
    const struct tm_row *row = (const void *)bytes;
    if (from->field_count == of.of->field_count)
        return tm_nest_put_copy(nest, 0, of, bytes, length);
    int rc = tm_nest_open(nest, of);
    uint32_t to = 0;
    for (uint32_t f = 0; f < from->field_count && rc == 0; f++) {
        const struct tm_field *field = &from->fields[f];
        uint32_t size;
        if ((field->flags & TM_FIELD_HIDDEN) != 0)
            continue;
        if (tm_row_is_null(row, f)) {
            to++;
        } else if (tm_type_is_reference(field->type)) {
            const void *value = tm_row_string(row, field->offset, &size);
            rc = tm_nest_put_copy(nest, to++, field->type, value, size);
        } else if (field->type.kind == TM_TYPE_DECIMAL) {
            rc = tm_nest_put_decimal(nest, to++, tm_row_decimal(row, field->offset));
        } else {
            rc = tm_nest_put_word(nest, to++, (uint64_t)tm_row_int(row, field->offset));
        }
    }
    return rc == 0 ? tm_nest_close(nest, 0) : rc;
}

// --- the result ----------------------------------------------------------------------------------

int tm__operator_list_put(item_t *item, const struct tm__operator_home *home, const void *acc,
                          struct tm_nest *nest)
{
    const struct list *list = acc;
    if (list->count == 0)
        return 0;
    if (list->count == OVERFULL)
        return TM_E_OVERFLOW;
    struct tm_type type = nest->b->batch->schema->fields[item->output_field].type;
    struct tm_type of = type.of->fields[0].type;
    const uint8_t *entry = bytes_of(list, home);
    int rc = tm_nest_open(nest, type);
    for (uint32_t i = 0; rc == 0 && i < list->count; i++) {
        uint32_t length, size = value_bytes(item, entry, &length);
        entry += head_bytes(item);
        if (item->action == TM__LIST_WORD)
            rc = tm_nest_put_word(nest, 0, (uint64_t)get_int(entry));
        else if (item->action == TM__LIST_DECIMAL)
            rc = tm_nest_put_decimal(nest, 0, get_decimal(entry));
        else if (item->action == TM__LIST_ROWS)
            rc = put_row(item, of, entry, length, nest);
        else
            rc = tm_nest_put_copy(nest, 0, of, entry, length);
        entry += size;
    }
    return rc == 0 ? tm_nest_close(nest, item->output_field) : rc;
}

// --- from outside --------------------------------------------------------------------------------

// The values fill what is used, one behind the other.
const char *tm__operator_list_wrong(item_t *item, const struct tm_field *field,
                                    struct tm__operator_seen *seen, const void *acc)
{
    const struct list *list = acc;
    const uint8_t *bytes = tm__operator_seen_blob(seen, &list->blob);
    uint32_t at = 0, head = head_bytes(item);
    if (bytes == NULL)
        return "a list that is nowhere";
    if (list->used_bytes > list->blob.length || list->used_bytes > TM_LIST_BYTES_MAX ||
        (list->count == OVERFULL && list->blob.length != 0))
        return "a list beyond its end";
    for (uint32_t i = 0; list->count != OVERFULL && i < list->count; i++) {
        uint32_t length;
        if (list->used_bytes - at < head)
            return "a list that is cut short";
        (void)value_bytes(item, bytes + at, &length);
        at += head;
        if (length > list->used_bytes - at || padded(length) > list->used_bytes - at)
            return "a list that is cut short";
        int rc = field == NULL
                     ? tm_wire_check_rows(item->rows, NULL, bytes + at, length, 1, &seen->why)
                     : tm_wire_check_value(field, bytes + at, length, &seen->why);
        if (rc != 0)
            return seen->why.message;
        at += padded(length);
    }
    return list->count == OVERFULL || at == list->used_bytes ? NULL
                                                             : "a list with more than its values";
}
