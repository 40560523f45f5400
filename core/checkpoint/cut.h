// What one task gives to one checkpoint: frozen states and small items, collected while the barrier
// passes its operators, written behind by a helper thread, freed by the task. Collecting only
// freezes and copies a few bytes: nothing here waits.
//
// Everything is known by the names of operator and part, so that a restore finds it whatever the
// plan looks like then. A part is either a state or items.
#pragma once

#include "core/checkpoint/layout.h"
#include "core/state/timers.h"

struct tm_cut;

// How the items of a part are dealt out when there are more or fewer subtasks at the restore.
enum tm_item_kind {
    TM_ITEM_SUBTASK, // each reader sees those of all subtasks, and knows which is whose
    TM_ITEM_SPLIT,   // each item goes to one subtask: to its own where parallelism is unchanged,
                     // else round robin
    TM_ITEM_COPY,    // the same in every subtask: the first one's go to all
    TM_ITEM_FLIGHT,  // what a barrier has overtaken on an edge; read as those of SUBTASK
    TM_ITEM_KINDS
};

int tm_cut_new(struct tm_mem *mem, uint64_t checkpoint, uint32_t chain, uint32_t subtask,
               struct tm_cut **cut) TM_WARN_UNUSED;
// Frees what it holds, snapshots too: by the task, when nobody writes it any more. NULL is fine.
void tm_cut_free(struct tm_cut *cut);
// The same in steps, each of about so many pages: true when all is done and the cut is gone. Once
// begun, nothing else may be done with it.
bool tm_cut_free_some(struct tm_cut *cut, uint32_t budget) TM_WARN_UNUSED;
uint64_t tm_cut_checkpoint(const struct tm_cut *cut);

// A frozen state (tm_state_freeze_pages), taken over also where this fails: TM_E_MEMORY. `operator`
// and `part` are copied. The layout is the operator's and outlives the cut.
int tm_cut_state(struct tm_cut *cut, const char *operator_name, const char *part,
                 struct tm_snapshot *snapshot, const struct tm_layout *layout) TM_WARN_UNUSED;
// Timers (tm_timers_freeze_pages), the same.
int tm_cut_timers(struct tm_cut *cut, const char *operator_name, const char *part,
                  struct tm_snapshot *snapshot) TM_WARN_UNUSED;
// One item more of a part, copied. All items of a part are of one kind. An operator that has none
// now gives none: then the restore sees none.
int tm_cut_item(struct tm_cut *cut, const char *operator_name, const char *part,
                enum tm_item_kind kind, const void *bytes, size_t size) TM_WARN_UNUSED;
