// Looking into the states of a job that runs: a question to every worker, which each answers
// between two batches of its tasks. What one worker says is of one moment; workers are not at the
// same one.
#pragma once

#include "core/task/job.h"

struct tm_worker;
struct tm_command;

// What a state is kept for.
enum tm_question_of {
    TM_OF_KEYS,     // each key
    TM_OF_JOB,      // all of the job: broadcast, the same everywhere
    TM_OF_SUBTASKS, // each subtask
    TM_OF_EXCHANGE, // keys, in front of an exchange: rows that are added up and not sent yet
    TM_OFS
};

// A copy goes with TM_COMMAND_ASK: this, the name of the state, NUL, and the bytes of the key.
struct tm_question {
    uint64_t number;     // comes back with the answers (tm_event.checkpoint)
    uint32_t node;       // whose operators are asked
    uint32_t limit;      // of a scan: so many keys at most of each worker. 0: one key, or none
    uint32_t name_bytes; // of the state; 0: all states of the operator, as an object
    uint32_t key_bytes;
    uint64_t key_hash;
    uint32_t of; // enum tm_question_of; JOB without a name: of the subtasks too
};

enum { TM_ANSWER_BYTES_MAX = 16 << 20 }; // of a worker: then it has said enough

// What can be asked for: calls each(arg, node, name, of) with the states of operators that can be
// looked at; what is not 0 ends it and is given back. On the coordinator's thread.
int tm_job_each_state(const struct tm_job *job,
                      int (*each)(void *arg, const struct tm_node *node, const char *state,
                                  enum tm_question_of of),
                      void *arg);
// Sends it. TM_E_MEMORY.
int tm_job_ask(struct tm_job *job, const struct tm_question *question, const char *name,
               const void *key) TM_WARN_UNUSED;

// The worker's side: posts one TM_EVENT_ANSWER, whose text is JSON objects, {"key":..,"value":..},
// a line each, of at most `limit` keys and one line "more" where there are others. What is of
// subtasks has "subtask" in front of the value, what is of no key has no key.
void tm__worker_answer(struct tm_worker *worker, const struct tm_command *command);
