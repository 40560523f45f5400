// How many calls of a key have drawn random numbers (math.random): with the job's seed, the
// operator and the key it says which numbers a call draws, whatever the parallelism is and after a
// restart too. Kept from the first draw on, for keys that have drawn, and for as long as the job
// has state.
#pragma once

#include "core/checkpoint/restored.h"
#include "core/operator/block.h"
#include "core/vm/vm.h"

struct tm__operator_draws {
    struct tm_state *state; // NULL: nobody has drawn
    struct tm_namespace *ns;
};

void tm__operator_draws_fini(struct tm__operator_draws *draws);
// As struct tm_vm_chain_args has it. TM_E_MEMORY.
int tm__operator_draws_next(struct tm__operator_draws *draws, const struct tm_operator *op,
                            const struct tm_key *key, uint64_t *key_hash,
                            uint64_t *count) TM_WARN_UNUSED;
// Of an operator's name, for struct tm_vm_chain_args.
uint64_t tm__operator_draws_of(const struct tm_node *node);
int tm__operator_draws_snapshot(struct tm__operator_draws *draws, const struct tm_operator *op,
                                struct tm_cut *cut, const char *part,
                                struct tm_error *err) TM_WARN_UNUSED;
int tm__operator_draws_restore(struct tm__operator_draws *draws, const struct tm_operator *op,
                               const struct tm_restored *restored, const char *part,
                               struct tm_error *err) TM_WARN_UNUSED;

// Where calls without a key are in the stream of a chunk: one of some that the operator has
// (`number`), which may be NULL. Items of the part.
int tm__operator_stream_snapshot(const struct tm_operator *op, struct tm_vm_chain *chain,
                                 uint32_t number, struct tm_cut *cut, const char *part,
                                 struct tm_error *err) TM_WARN_UNUSED;
int tm__operator_streams_restore(const struct tm_operator *op, struct tm_vm_chain *const *chains,
                                 uint32_t count, const struct tm_restored *restored,
                                 const char *part, struct tm_error *err) TM_WARN_UNUSED;
// The same of all that an operator has; any may be NULL.
int tm__operator_streams_snapshot(const struct tm_operator *op, struct tm_vm_chain *const *chains,
                                  uint32_t count, struct tm_cut *cut, const char *part,
                                  struct tm_error *err) TM_WARN_UNUSED;
// Who asks a checkpoint for items.
struct tm_restored_for tm__operator_restored_for(const struct tm_operator *op);
