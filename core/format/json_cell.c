// JSON text of one value: read as a record that stands alone is, of a copy that ends with a line
// end, where every string stops that is not closed.
#include "core/format/json_cell.h"

#include "core/format/json_token.h"

int tm__json_cell_init(struct tm__json_cell *cell, struct tm_mem *mem, struct tm_schema *schema,
                       const char *const *names, const uint64_t *used)
{
    struct tm__json_decoder *d = &cell->d;
    memset(cell, 0, sizeof *cell);
    d->mem = mem;
    d->schema = schema;
    tm_nest_init(&d->nest, mem);
    tm_buf_init(&d->any_keys, mem);
    tm_buf_init(&cell->text, mem);
    int rc = tm__keys_init(&d->keys, mem, schema, names, used);
    if (rc != 0)
        d->keys.mem = NULL;
    return rc;
}

void tm__json_cell_fini(struct tm__json_cell *cell)
{
    struct tm__json_decoder *d = &cell->d;
    if (d->mem == NULL)
        return;
    if (d->keys.mem != NULL)
        tm__keys_fini(&d->keys);
    tm_nest_fini(&d->nest);
    tm_buf_fini(&d->any_keys);
    tm_buf_fini(&cell->text);
}

// A value that is neither nested nor of type any.
static const uint8_t *read_scalar(struct tm__json_record *r, const struct tm__key_node *node,
                                  const uint8_t *p)
{
    const uint8_t *text = r->place.text;
    const uint8_t *end = *p == '"' ? tm__json_skip_string(r, p + 1) : tm__json_skip_word(r, p);
    if (end == NULL || end == p) {
        if (end == NULL)
            tm__json_fail_structure(&r->d->fail, &r->place, r->place.end, "");
        else
            tm__json_fail_type(&r->d->fail, &r->place, node->type, (uint32_t)(p - text));
        return NULL;
    }
    return tm__json_read_scalar(r, node, (uint32_t)(p - text), (uint32_t)(end - p)) < 0 ? NULL
                                                                                        : end;
}

int tm__json_cell_read(struct tm__json_cell *cell, struct tm_batch *batch, uint32_t field,
                       const uint8_t *p, size_t len, size_t more, uint8_t **row, uint8_t **heap)
{
    struct tm__json_decoder *d = &cell->d;
    const struct tm__key_node *node = &d->keys.nodes[field];
    size_t used = (size_t)(*heap - *row), need = used + len + more + 2 * TM__CHUNK_BYTES;
    cell->text.size_bytes = 0;
    if (tm_buf_reserve(&cell->text, len + 80) != 0 || tm_batch_reserve(batch, need) != 0)
        return tm__json_fail_room(&d->fail, TM_E_MEMORY);
    uint8_t *text = cell->text.data;
    memcpy(text, p, len);
    memset(text + len, '\n', 80);
    struct tm__json_record r = {.d = d,
                                .place = {.text = text, .end = (uint32_t)len},
                                .batch = batch,
                                .row = batch->data + batch->size_bytes,
                                .end = text + len,
                                .numbers = text + TM__CHUNK_BYTES,
                                .framed = true};
    r.heap = r.row + used;
    const uint8_t *at = tm__json_skip_space(&r, text);
    if (at == r.end)
        return tm__json_fail_structure(&d->fail, &r.place, (uint32_t)len, "a value");
    // The text must not end where a token does: the line end behind it may be looked at.
    r.end++;
    at = node->type.kind > TM_TYPE_TIMESTAMP ? tm__json_read_column(&r, node, at)
                                             : read_scalar(&r, node, at);
    r.end--;
    if (at == NULL)
        return d->fail.code;
    at = tm__json_skip_space(&r, at);
    if (at < r.end)
        return tm__json_fail_structure(&d->fail, &r.place, (uint32_t)(at - text),
                                       "the end of the value");
    used = (size_t)(r.heap - r.row);
    if (tm_batch_reserve(batch, used + more) != 0)
        return tm__json_fail_room(&d->fail, TM_E_MEMORY);
    *row = batch->data + batch->size_bytes;
    *heap = *row + used;
    return (r.present[node->word] & node->bit) != 0 ? TM__VALUE_OK : TM__VALUE_NULL;
}
