// What a checkpoint is taken for.
#pragma once

enum tm_checkpoint_purpose {
    TM_PURPOSE_PERIODIC,  // to begin again from after a failure
    TM_PURPOSE_SAVEPOINT, // for the user to keep: complete in itself
    TM_PURPOSE_STOP,      // the last one: sources read no more behind its barrier
    TM_PURPOSE_END,       // the input has ended: it makes the last rows visible
    TM_PURPOSE_CLOSE,     // the same where nothing is there to begin again from and none is needed,
                          // because one step makes all rows visible: nothing is written
};
