// Spreading rows by key: each row's key group picks the consumer, and the row is copied into that
// consumer's part-filled batch. The row loop is the hash, a table look-up and a copy; everything
// else happens when a part fills, ages or must give way to a control element.
#include "core/exchange/sender.h"

#include "core/base/limits.h"
#include "core/batch/key_group.h"

struct part {
    struct tm_batch *batch; // NULL: empty; its read_ns is INT64_MAX while no row has one
    int64_t deadline_ns;    // when it must go, full or not
};

struct tm_hash_sender {
    struct tm_mem *mem;
    struct tm_channel **channels; // the sender's
    struct tm_batch_pool *pool;
    uint32_t count, max_parallelism;
    int64_t latency_ns;
    struct tm_key_spec key;
    struct tm_key_reader reader;   // of `schema`
    struct tm_buf scratch;         // its, for keys of several columns
    struct tm_schema *schema;      // of the parts; a reference, NULL before the first batch
    uint16_t *owners;              // channel by key group
    struct part *parts;            // by channel
    int64_t deadline_ns;           // the least of the parts', INT64_MAX: none
    const struct tm_batch *resume; // the batch that was blocked, or NULL
    size_t resume_offset;          // its first row not yet copied
};

int tm__exchange_hash_new(const struct tm_sender_args *args, struct tm_channel **channels,
                          struct tm_hash_sender **out)
{
    struct tm_hash_sender *hash = tm_mem_zalloc(args->mem, sizeof *hash);

    if (hash == NULL)
        return TM_E_MEMORY;
    hash->mem = args->mem;
    hash->channels = channels;
    hash->count = args->count;
    hash->max_parallelism = args->max_parallelism;
    hash->latency_ns = args->latency_ms * 1000000;
    hash->key = *args->key;
    hash->deadline_ns = INT64_MAX;
    tm_buf_init(&hash->scratch, args->mem);
    hash->pool = tm_batch_pool_new(args->mem);
    hash->owners = tm_mem_alloc(args->mem, hash->max_parallelism * sizeof *hash->owners);
    hash->parts = tm_mem_zalloc(args->mem, hash->count * sizeof *hash->parts);
    if (hash->pool == NULL || hash->owners == NULL || hash->parts == NULL) {
        tm__exchange_hash_free(hash);
        return TM_E_MEMORY;
    }
    for (uint32_t group = 0; group < hash->max_parallelism; group++)
        hash->owners[group] =
            (uint16_t)tm_key_group_owner(group, hash->count, hash->max_parallelism);
    *out = hash;
    return 0;
}

void tm__exchange_hash_free(struct tm_hash_sender *hash)
{
    if (hash == NULL)
        return;
    for (uint32_t c = 0; hash->parts != NULL && c < hash->count; c++)
        if (hash->parts[c].batch != NULL)
            tm_batch_release(hash->parts[c].batch);
    tm_schema_unref(hash->schema);
    tm_buf_fini(&hash->scratch);
    if (hash->pool != NULL)
        tm_batch_pool_free(hash->pool);
    tm_mem_free(hash->mem, hash->owners, hash->max_parallelism * sizeof *hash->owners);
    tm_mem_free(hash->mem, hash->parts, hash->count * sizeof *hash->parts);
    tm_mem_free(hash->mem, hash, sizeof *hash);
}

int64_t tm__exchange_hash_deadline_ns(const struct tm_hash_sender *hash)
{
    return hash->deadline_ns;
}

static void find_deadline(struct tm_hash_sender *hash)
{
    int64_t least = INT64_MAX;

    for (uint32_t c = 0; c < hash->count; c++)
        if (hash->parts[c].batch != NULL && hash->parts[c].deadline_ns < least)
            least = hash->parts[c].deadline_ns;
    hash->deadline_ns = least;
}

bool tm__exchange_hash_flush_one(struct tm_hash_sender *hash, uint32_t channel)
{
    struct part *part = &hash->parts[channel];
    struct tm_batch *batch = part->batch;

    if (batch == NULL)
        return true;
    if (!tm_channel_can_send_batch(hash->channels[channel], batch->size_bytes))
        return false;
    if (batch->read_ns == INT64_MAX)
        batch->read_ns = 0;
    tm_channel_send(hash->channels[channel],
                    (struct tm_element){.kind = TM_ELEMENT_BATCH, .batch = batch});
    part->batch = NULL;
    if (part->deadline_ns == hash->deadline_ns)
        find_deadline(hash);
    return true;
}

int tm__exchange_hash_flush(struct tm_hash_sender *hash, int64_t now_ns, bool all)
{
    bool blocked = false;

    if (!all && now_ns < hash->deadline_ns)
        return TM_SENT;
    for (uint32_t c = 0; c < hash->count; c++)
        if (hash->parts[c].batch != NULL && (all || hash->parts[c].deadline_ns <= now_ns))
            blocked |= !tm__exchange_hash_flush_one(hash, c); // the others go all the same
    return blocked ? TM_BLOCKED : TM_SENT;
}

// Rows of another schema do not go into the same batch.
static int use_schema(struct tm_hash_sender *hash, struct tm_schema *schema, int64_t now_ns)
{
    if (hash->schema == schema)
        return TM_SENT;
    if (hash->schema == NULL || !tm_schema_equal(hash->schema, schema)) {
        if (tm__exchange_hash_flush(hash, now_ns, true) == TM_BLOCKED)
            return TM_BLOCKED;
    }
    // Equal schemas have equal layouts, so parts that are begun may go on under either.
    struct tm_schema *before = hash->schema;
    hash->schema = tm_schema_ref(schema);
    tm_schema_unref(before);
    tm_key_reader_init(&hash->reader, schema, &hash->key);
    return TM_SENT;
}

// Room for a row of `size` bytes in the channel's part. A part that the row would make grow goes
// out first, so that batches keep their size in the pool; only a row that is larger than a whole
// batch makes one grow.
static int make_room(struct tm_hash_sender *hash, uint32_t channel, size_t size, int64_t now_ns)
{
    struct part *part = &hash->parts[channel];

    if (part->batch != NULL && !tm__exchange_hash_flush_one(hash, channel))
        return TM_BLOCKED;
    part->batch = tm_batch_acquire(hash->pool, hash->schema);
    if (part->batch == NULL)
        return TM_E_MEMORY;
    part->batch->split = TM_NO_SPLIT;
    part->batch->read_ns = INT64_MAX;
    part->deadline_ns = now_ns + hash->latency_ns;
    if (part->deadline_ns < hash->deadline_ns)
        hash->deadline_ns = part->deadline_ns;
    return tm_batch_reserve(part->batch, size);
}

// Rows are short and multiples of 8: copying in steps of 32 with a tail that may run over is
// several times cheaper than a call. Both batches have 64 bytes of slack for it, and the next row
// of the target overwrites what ran over.
static inline void copy_row(uint8_t *to, const uint8_t *from, size_t size)
{
    if (size <= 256) {
        for (size_t i = 0; i < size; i += 32)
            memcpy(to + i, from + i, 32);
    } else {
        memcpy(to, from, size);
    }
}

static int remember(struct tm_hash_sender *hash, const struct tm_batch *batch, const uint8_t *at)
{
    hash->resume = batch;
    hash->resume_offset = (size_t)(at - batch->data);
    return TM_BLOCKED;
}

static int spread_rows(struct tm_hash_sender *hash, const struct tm_batch *batch, int64_t now_ns)
{
    const uint8_t *at = batch->data + (hash->resume != NULL ? hash->resume_offset : 0);
    const uint8_t *end = batch->data + batch->size_bytes;
    int64_t read_ns = batch->read_ns == 0 ? INT64_MAX : batch->read_ns;
    const uint16_t *owners = hash->owners;
    struct part *parts = hash->parts;

    for (size_t size; at < end; at += size) {
        const struct tm_row *row = (const struct tm_row *)(const void *)at;
        struct tm_key key;
        int rc = tm_key_of_row(&hash->reader, row, &hash->scratch, &key);
        if (TM_UNLIKELY(rc != 0))
            return rc;
        uint32_t c = owners[tm_hash_key_group(key.hash, hash->max_parallelism)];
        struct tm_batch *to = parts[c].batch;
        size = row->size_bytes;
        if (TM_UNLIKELY(to == NULL || to->capacity_bytes - to->size_bytes < size ||
                        tm_batch_is_full(to))) {
            rc = make_room(hash, c, size, now_ns);
            if (rc != 0)
                return rc == TM_BLOCKED ? remember(hash, batch, at) : rc;
            to = parts[c].batch;
        }
        copy_row(to->data + to->size_bytes, at, size);
        to->size_bytes += size;
        to->row_count++;
        if (read_ns < to->read_ns)
            to->read_ns = read_ns;
        if (TM_UNLIKELY(tm_batch_is_full(to)))
            (void)tm__exchange_hash_flush_one(hash, c); // without credit: at its next row
    }
    hash->resume = NULL;
    return TM_SENT;
}

int tm__exchange_hash_send(struct tm_hash_sender *hash, const struct tm_batch *batch,
                           int64_t now_ns)
{
    TM_CHECK(hash->resume == NULL || hash->resume == batch);
    if (hash->resume == NULL) {
        int rc = use_schema(hash, batch->schema, now_ns);
        if (rc != TM_SENT)
            return rc;
    }
    return spread_rows(hash, batch, now_ns);
}
