// Counting draws, and where streams of draws are: see draws.h.
#include "core/operator/draws.h"

#include "core/base/hash.h"
#include "core/base/planted.h"
#include "core/state/image.h"

static const struct tm_layout_field count_field = {.name = "draws",
                                                   .type = "int64",
                                                   .kind = TM_LAYOUT_BYTES,
                                                   .bytes = sizeof(uint64_t),
                                                   .present_bit = UINT32_MAX};
static const struct tm_layout layout = {
    .value_bytes = sizeof(uint64_t), .field_count = 1, .fields = &count_field};

// --- of keys -------------------------------------------------------------------------------------

void tm__operator_draws_fini(struct tm__operator_draws *draws)
{
    tm_state_free(draws->state);
    *draws = (struct tm__operator_draws){0};
}

static int begin(struct tm__operator_draws *draws, const struct tm_operator *op,
                 struct tm_error *err)
{
    int rc =
        draws->state != NULL ? 0 : tm__operator_state_new(op, sizeof(uint64_t), &draws->state, err);
    if (rc != 0)
        return rc;
    draws->ns = tm__operator_state_only(draws->state);
    return draws->ns != NULL ? 0 : tm__operator_out_of_memory(op, err);
}

int tm__operator_draws_next(struct tm__operator_draws *draws, const struct tm_operator *op,
                            const struct tm_key *key, uint64_t *key_hash, uint64_t *count)
{
    struct tm_error err;
    if (TM_UNLIKELY(draws->ns == NULL) && begin(draws, op, &err) != 0)
        return TM_E_MEMORY;
    uint64_t *counted = tm_state_upsert(draws->state, draws->ns, key, NULL);
    if (counted == NULL)
        return TM_E_MEMORY;
    *key_hash = key->hash;
    *count = (*counted)++;
    return 0;
}

uint64_t tm__operator_draws_of(const struct tm_node *node)
{
    return tm_hash_bytes(node->name, strlen(node->name));
}

int tm__operator_draws_snapshot(struct tm__operator_draws *draws, const struct tm_operator *op,
                                struct tm_cut *cut, const char *part, struct tm_error *err)
{
    if (draws->state == NULL)
        return 0;
    struct tm_snapshot *snapshot = tm_state_freeze_pages(draws->state);
    if (snapshot == NULL || tm_cut_state(cut, op->node->name, part, snapshot, &layout) != 0)
        return tm__operator_out_of_memory(op, err);
    return 0;
}

int tm__operator_draws_restore(struct tm__operator_draws *draws, const struct tm_operator *op,
                               const struct tm_restored *restored, const char *part,
                               struct tm_error *err)
{
    if (!tm_restored_has(restored, op->node->name, part) || TM_PLANTED(draws_not_restored))
        return 0;
    int rc = tm__operator_state_new(op, sizeof(uint64_t), &draws->state, err);
    if (rc == 0)
        rc = tm_restored_state(restored, op->node->name, part, &layout, draws->state, err);
    return rc == 0 ? begin(draws, op, err) : rc;
}

// --- of subtasks ---------------------------------------------------------------------------------

struct stream { // an item, little-endian
    uint32_t number;
    int32_t words[TM_VM_DRAW_WORDS];
};

int tm__operator_stream_snapshot(const struct tm_operator *op, struct tm_vm_chain *chain,
                                 uint32_t number, struct tm_cut *cut, const char *part,
                                 struct tm_error *err)
{
    struct stream stream = {.number = number};
    int drawn = chain == NULL ? 0 : tm_vm_chain_drawn(chain, stream.words, err);
    if (drawn <= 0)
        return drawn;
    if (tm_cut_item(cut, op->node->name, part, TM_ITEM_SUBTASK, &stream, sizeof stream) != 0)
        return tm__operator_out_of_memory(op, err);
    return 0;
}

int tm__operator_streams_snapshot(const struct tm_operator *op, struct tm_vm_chain *const *chains,
                                  uint32_t count, struct tm_cut *cut, const char *part,
                                  struct tm_error *err)
{
    int rc = 0;
    for (uint32_t i = 0; i < count && rc == 0; i++)
        rc = tm__operator_stream_snapshot(op, chains[i], i, cut, part, err);
    return rc;
}

struct streams {
    const struct tm_operator *op;
    struct tm_vm_chain *const *chains;
    uint32_t count;
};

static int draw_on(void *arg, uint32_t old_subtask, const void *bytes, size_t size,
                   struct tm_error *err)
{
    const struct streams *streams = arg;
    struct stream stream;
    if (size != sizeof stream)
        return tm_error_set(err, TM_E_CHECKPOINT,
                            "operator '%s': a stream of random numbers of %zu"
                            " bytes",
                            streams->op->node->name, size);
    memcpy(&stream, bytes, sizeof stream);
    if (old_subtask != streams->op->ctx->subtask || stream.number >= streams->count ||
        streams->chains[stream.number] == NULL)
        return 0;
    return tm_vm_chain_draw_on(streams->chains[stream.number], stream.words, err);
}

int tm__operator_streams_restore(const struct tm_operator *op, struct tm_vm_chain *const *chains,
                                 uint32_t count, const struct tm_restored *restored,
                                 const char *part, struct tm_error *err)
{
    const struct tm_restored_for who = tm__operator_restored_for(op);
    struct streams streams = {.op = op, .chains = chains, .count = count};
    return tm_restored_items(restored, &who, part, draw_on, &streams, err);
}

struct tm_restored_for tm__operator_restored_for(const struct tm_operator *op)
{
    return (struct tm_restored_for){.operator_name = op->node->name,
                                    .subtask = op->ctx->subtask,
                                    .parallelism = op->ctx->chain->parallelism};
}
