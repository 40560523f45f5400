// What a checkpoint is taken for.
#pragma once

enum tm_checkpoint_purpose {
    TM_CHECKPOINT_PERIODIC,  // to begin again from after a failure
    TM_CHECKPOINT_SAVEPOINT, // for the user to keep: complete in itself
    TM_CHECKPOINT_STOP,      // the last one: sources read no more behind its barrier
    TM_CHECKPOINT_END,       // the input has ended: it makes the last rows visible
};
