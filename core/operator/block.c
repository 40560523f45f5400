// What keyed operators share: keys of a block of rows, their state, failures of rows.
#include "core/operator/block.h"

#include <stdio.h>

#include "core/base/planted.h"
#include "core/batch/key_group.h"

void tm__operator_keys_init(struct tm__operator_keys *keys, struct tm_mem *mem,
                            const struct tm_schema *schema, const struct tm_key_spec *spec)
{
    tm_key_reader_init(&keys->reader, schema, spec);
    tm_buf_init(&keys->scratch, mem);
    tm_buf_init(&keys->bytes, mem);
}

void tm__operator_keys_fini(struct tm__operator_keys *keys)
{
    if (keys->scratch.mem == NULL)
        return;
    tm_buf_fini(&keys->scratch);
    tm_buf_fini(&keys->bytes);
}

// Keys of several columns: gathered in one buffer, addressed by offset while it grows.
static int read_composite(struct tm__operator_keys *keys, struct tm__operator_block *block)
{
    keys->bytes.size_bytes = 0;
    for (uint32_t i = 0; i < block->count; i++) {
        struct tm_key *key = &block->keys[i];
        int rc = tm_key_of_row(&keys->reader, block->rows[i], &keys->scratch, key);
        if (rc != 0)
            return rc;
        size_t offset = keys->bytes.size_bytes;
        rc = tm_buf_append(&keys->bytes, key->bytes, key->length);
        if (rc != 0)
            return rc;
        key->bytes = (const void *)(uintptr_t)offset;
    }
    for (uint32_t i = 0; i < block->count; i++)
        block->keys[i].bytes = keys->bytes.data + (uintptr_t)block->keys[i].bytes;
    return 0;
}

int tm__operator_keys_read(struct tm__operator_keys *keys, struct tm__operator_block *block)
{
    const struct tm_key_reader *reader = &keys->reader;
    if (reader->spec.count != 1)
        return read_composite(keys, block);
    if (reader->fast == 0) { // one column of a type with a canonical form; points into the row
        for (uint32_t i = 0; i < block->count; i++) {
            int rc = tm_key_of_row(reader, block->rows[i], &keys->scratch, &block->keys[i]);
            if (rc != 0)
                return rc;
        }
        return 0;
    }
    for (uint32_t i = 0; i < block->count; i++) {
        int rc = tm_key_of_row(reader, block->rows[i], NULL, &block->keys[i]);
        (void)rc; // the fast ways do not fail
    }
    return 0;
}

// Rows are walked, and their keys made, in one go: where a row ends is read from it, so that each
// walk takes the time of as many loads, one behind the other.
static const struct tm_row *fill_words(const struct tm__operator_keys *keys,
                                       struct tm__operator_block *block, const struct tm_row *row,
                                       const void *end)
{
    uint32_t offset = keys->reader.offset, count = 0;
    for (; (const void *)row != end && count < TM__OPERATOR_BLOCK; row = tm_row_next(row)) {
        struct tm_key *key = &block->keys[count];
        block->rows[count++] = row;
        key->bytes = (const uint8_t *)row + offset;
        key->length = sizeof(uint64_t);
        key->hash = tm_hash_bytes(key->bytes, sizeof(uint64_t));
    }
    block->count = count;
    return row;
}

int tm__operator_block_fill(struct tm__operator_keys *keys, struct tm__operator_block *block,
                            const struct tm_row **row, const void *end)
{
    if (keys != NULL && tm_key_is_word(&keys->reader)) {
        *row = fill_words(keys, block, *row, end);
        return 0;
    }
    const struct tm_row *next = *row;
    uint32_t count = 0;
    for (; (const void *)next != end && count < TM__OPERATOR_BLOCK; next = tm_row_next(next))
        block->rows[count++] = next;
    block->count = count;
    *row = next;
    return keys == NULL ? 0 : tm__operator_keys_read(keys, block);
}

int tm__operator_block_upsert(const struct tm_operator *op, struct tm__operator_keys *keys,
                              struct tm__operator_block *block, struct tm_state *state,
                              struct tm_namespace *ns, const struct tm_row **row, const void *end,
                              struct tm_error *err)
{
    int rc = tm__operator_block_fill(keys, block, row, end);
    if (rc == 0)
        rc = tm_state_upsert_batch(state, ns, block->keys, block->count, block->values, NULL);
    return rc == 0 ? 0 : tm__operator_out_of_memory(op, err);
}

void tm__operator_key_groups(const struct tm_operator *op, uint32_t *first, uint32_t *last)
{
    const struct tm_task_context *ctx = op->ctx;
    tm_key_group_range(ctx->subtask, ctx->chain->parallelism, ctx->plan->max_parallelism, first,
                       last);
    if (TM_PLANTED(key_group_twice) && *last + 1 < ctx->plan->max_parallelism)
        ++*last;
}

int tm__operator_state_new(const struct tm_operator *op, uint32_t value_bytes,
                           struct tm_state **state, struct tm_error *err)
{
    struct tm_state_args args = {
        .mem = op->ctx->mem,
        .max_parallelism = op->ctx->plan->max_parallelism,
        .value_bytes = value_bytes,
    };
    tm__operator_key_groups(op, &args.first_key_group, &args.last_key_group);
    int rc = tm_state_new(&args, state, err);
    if (rc != 0)
        tm_error_prefix(err, "operator '%s'", op->node->name);
    return rc;
}

struct tm_namespace *tm__operator_state_only(struct tm_state *state)
{
    struct tm_namespace *ns = tm_state_namespace_find(state, 0);
    return ns != NULL ? ns : tm_state_namespace_create(state, 0);
}

struct tm_schema *tm__operator_output(const struct tm_operator *op, struct tm_error *err)
{
    struct tm_schema *schema = tm_node_schema(op->node);
    if (schema == NULL)
        tm_error_set(err, TM_E_INTERNAL, "operator '%s': rows came before its types were settled",
                     op->node->name);
    return schema;
}

int tm__operator_out_of_memory(const struct tm_operator *op, struct tm_error *err)
{
    return tm_error_set(err, TM_E_MEMORY, "operator '%s': out of memory", op->node->name);
}

const char *tm__operator_free_name(const struct tm_field_def *defs, uint32_t count,
                                   const char *name)
{
    for (uint32_t i = 0; i < count; i++)
        if (strcmp(defs[i].name, name + 1) == 0)
            return name;
    return name + 1;
}

int tm__operator_failed(const struct tm_operator *op, enum tm_failed failed,
                        const struct tm_schema *schema, const struct tm_row *row, int code,
                        struct tm_error *err, const char *fmt, va_list args)
{
    char message[768];
    int length = vsnprintf(message, sizeof message, fmt, args);
    if (length < 0)
        length = 0;
    struct tm_row_failure failure = {
        .node = op->node,
        .code = code,
        .message = message,
        .message_length = (size_t)length < sizeof message ? (size_t)length : sizeof message - 1,
        .schema = schema,
        .row = row,
        .input = failed == TM_FAILED_ROW ? 0 : TM_NO_INPUT,
        .failed = failed,
        .offset = -1,
        .line = -1,
    };
    return tm_task_row_failed(op->ctx, &failure, err);
}

int tm__operator_row_failed(const struct tm_operator *op, const struct tm_schema *schema,
                            const struct tm_row *row, int code, struct tm_error *err,
                            const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    int rc = tm__operator_failed(op, TM_FAILED_ROW, schema, row, code, err, fmt, args);
    va_end(args);
    return rc;
}

int tm__operator_drop_rows(struct tm_operator *op, struct tm_batch *batch, tm__operator_look *look,
                           struct tm_error *err)
{
    uint8_t *read = batch->data, *write = batch->data, *end = batch->data + batch->size_bytes;
    uint32_t kept = 0;
    while (read < end) {
        const struct tm_row *row = (const struct tm_row *)(const void *)read;
        uint32_t size = row->size_bytes;
        int rc = look(op, batch, row, err);
        if (rc < 0)
            return rc;
        if (rc == 0) {
            if (write != read)
                memmove(write, read, size);
            write += size;
            kept++;
        }
        read += size;
    }
    batch->size_bytes = (size_t)(write - batch->data);
    batch->row_count = kept;
    return 0;
}

int tm__operator_run_all(const struct tm_operator *op, struct tm_vm_chain *chain,
                         struct tm_error *failure, struct tm_error *err)
{
    tm_error_clear(failure);
    int rc = tm_vm_chain_run(chain, err);
    if (rc < 0) {
        if (failure->code != 0)
            *err = *failure;
        else if (rc == TM_E_USER_MEMORY || rc == TM_E_MEMORY)
            tm_error_prefix(err, "operator '%s'", op->node->name);
        return rc;
    }
    if (rc != TM_VM_RUN_DONE || tm_vm_chain_ctx(chain)->in_rows != 0)
        return tm_error_set(err, TM_E_INTERNAL,
                            "operator '%s': the chunk stopped before its last row", op->node->name);
    return 0;
}

int tm__operator_grow(struct tm_batch *batch, struct tm_chain_ctx *entry, uint64_t more)
{
    batch->size_bytes = entry->out_size;
    int rc = tm_batch_reserve(batch, more);
    entry->out = batch->data;
    entry->out_capacity = batch->capacity_bytes;
    return rc;
}
