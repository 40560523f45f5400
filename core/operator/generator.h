// A watermark generator of the job (tm.watermarks): its functions, and what they keep of each split
// (lua/codegen/accumulate.lua, roles event and periodic). What it gives comes back as numbers; the
// watermark operator makes of them what it sends.
#pragma once

#include "core/task/operator.h"
#include "core/vm/vm.h"

struct tm__operator_generator;

// For the operator of a node with generator_bytes. `splits`: of the source, a state each; NULL: one
// stream.
int tm__operator_generator_new(struct tm_operator *op, const struct tm_splits *splits,
                               struct tm__operator_generator **generator,
                               struct tm_error *err) TM_WARN_UNUSED;
void tm__operator_generator_free(struct tm__operator_generator *generator); // NULL is fine

// What the functions keep of a split (0 where there are none), to read and to write.
struct tm__generator_state {
    uint8_t *bytes;
    uint32_t size;
};
struct tm__generator_state tm__operator_generator_state(struct tm__operator_generator *generator,
                                                        uint32_t split);
// Its chunks: where their random numbers are.
enum { TM__GENERATOR_CHUNKS = 2 };
void tm__operator_generator_chunks(struct tm__operator_generator *generator,
                                   struct tm_vm_chain *chunks[TM__GENERATOR_CHUNKS]);

// The rows of a batch go to event, in order. Rows whose call fails are told, and leave the batch.
// *marks: what the others gave, one a row, TM__OPERATOR_NO_MARK where nothing; valid until the next
// call; NULL: no row gave anything.
#define TM__OPERATOR_NO_MARK (-(double)INFINITY)
int tm__operator_generator_event(struct tm__operator_generator *generator, struct tm_batch *batch,
                                 const double **marks, struct tm_error *err) TM_WARN_UNUSED;
// Asks periodic of the split (0 where there are none). *mark: what it gave; TM_WATERMARK_MIN:
// nothing. An error of its ends the job.
int tm__operator_generator_periodic(struct tm__operator_generator *generator, uint32_t split,
                                    int64_t *mark, struct tm_error *err) TM_WARN_UNUSED;
