// Which channels wait for a barrier: a state per channel, and how many have arrived.
#include "core/exchange/aligner.h"

#include "core/base/check.h"
#include "core/base/planted.h"

enum { SKIPPED_BITS = 64 };

int tm_aligner_init(struct tm_aligner *aligner, struct tm_mem *mem, uint32_t channels)
{
    *aligner = (struct tm_aligner){.mem = mem, .count = channels, .open = channels};
    aligner->state = tm_mem_zalloc(mem, channels);
    return aligner->state == NULL ? TM_E_MEMORY : 0;
}

void tm_aligner_fini(struct tm_aligner *aligner)
{
    tm_mem_free(aligner->mem, aligner->state, aligner->count);
}

static void release(struct tm_aligner *aligner)
{
    for (uint32_t c = 0; c < aligner->count; c++)
        if (aligner->state[c] == TM_ALIGNER_BLOCKED)
            aligner->state[c] = TM_ALIGNER_OPEN;
    aligner->arrived = 0;
}

// Up to this checkpoint everything is decided.
static void move_to(struct tm_aligner *aligner, uint64_t checkpoint)
{
    uint64_t by = checkpoint - aligner->checkpoint;
    aligner->skipped = by >= SKIPPED_BITS ? 0 : aligner->skipped >> by;
    aligner->checkpoint = checkpoint;
}

// Has it been given up before it began? It is newer than the last one.
static bool is_skipped(const struct tm_aligner *aligner, uint64_t checkpoint)
{
    uint64_t ahead = checkpoint - aligner->checkpoint - 1;
    return ahead < SKIPPED_BITS && (aligner->skipped >> ahead & 1) != 0;
}

static enum tm_aligned complete(struct tm_aligner *aligner)
{
    bool all = aligner->arrived >= aligner->open ||
               (TM_PLANTED(barrier_not_aligned) && aligner->arrived > 1);
    if (aligner->arrived == 0 || !all)
        return TM_ALIGN_NONE;
    release(aligner);
    return TM_ALIGN_COMPLETE;
}

enum tm_aligned tm_aligner_barrier(struct tm_aligner *aligner, uint32_t channel,
                                   uint64_t checkpoint, int64_t now_ns)
{
    bool aligning = aligner->arrived != 0;
    TM_CHECK(tm_aligner_may_take(aligner, channel));
    if (checkpoint < aligner->checkpoint || (checkpoint == aligner->checkpoint && !aligning))
        return TM_ALIGN_NONE;
    if (checkpoint > aligner->checkpoint) {
        bool skipped = is_skipped(aligner, checkpoint);
        release(aligner);
        move_to(aligner, checkpoint);
        if (skipped)
            return TM_ALIGN_NONE;
        aligner->since_ns = now_ns;
    }
    aligner->state[channel] = TM_ALIGNER_BLOCKED;
    aligner->arrived++;
    return complete(aligner);
}

enum tm_aligned tm_aligner_end(struct tm_aligner *aligner, uint32_t channel)
{
    TM_CHECK(tm_aligner_may_take(aligner, channel));
    aligner->state[channel] = TM_ALIGNER_ENDED;
    aligner->open--;
    return complete(aligner);
}

bool tm_aligner_is_open(const struct tm_aligner *aligner, uint64_t checkpoint)
{
    if (checkpoint > aligner->checkpoint)
        return !is_skipped(aligner, checkpoint);
    return checkpoint == aligner->checkpoint && aligner->arrived != 0;
}

void tm_aligner_overtake(struct tm_aligner *aligner, uint64_t checkpoint)
{
    TM_CHECK(tm_aligner_is_open(aligner, checkpoint));
    release(aligner);
    move_to(aligner, checkpoint);
}

void tm_aligner_abort(struct tm_aligner *aligner, uint64_t checkpoint)
{
    if (checkpoint < aligner->checkpoint)
        return;
    if (checkpoint == aligner->checkpoint) {
        release(aligner);
        return;
    }
    if (checkpoint - aligner->checkpoint > SKIPPED_BITS) {
        release(aligner);
        move_to(aligner, checkpoint - SKIPPED_BITS);
    }
    aligner->skipped |= (uint64_t)1 << (checkpoint - aligner->checkpoint - 1);
}
