// What the helper thread of a keeper does for it.
#pragma once

#include "core/cluster/keeper.h"

enum { TM__SAVEPOINT_PATH = 4200 }; // bytes

// A checkpoint from its begin until nothing of it is left to do.
struct tm__kept {
    struct tm__kept *next;
    uint64_t checkpoint;
    enum tm_checkpoint_purpose purpose;
    int64_t begun_ns;
    struct tm_pending *pending; // the store's; NULL: not yet, or published or discarded
    bool placed, ended;
    uint64_t bytes, flight_bytes;
    struct tm_part **parts; // by task: what each has written
    char *path;             // of a savepoint: where it goes; "": where savepoints of the job go
};

enum tm__errand_kind {
    TM__ERRAND_PLACE,   // of what is written: kept->pending
    TM__ERRAND_PUBLISH, // what all tasks have written, with a manifest
    TM__ERRAND_DISCARD,
    TM__ERRAND_COMMIT, // by all sinks, then files of earlier checkpoints go
};

// Made by the keeper, whose again when its work is done.
struct tm__errand {
    struct tm_work work; // first
    struct tm__errand *next;
    const struct tm_keeper_args *args;
    enum tm__errand_kind kind;
    struct tm__kept *kept;
    char *settled; // of PUBLISH: types as they are known now
    size_t settled_size;
    int code;
    struct tm_error err;
};

// On the helper thread: carries it out.
void tm__errand_run(struct tm_work *work);
