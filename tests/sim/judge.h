// What must be true of the rows of an output, as they are visible: judges. A judge looks at each of
// its output's rows whenever the oracle looks, at all of them behind that, and more closely when a
// checkpoint has been committed and when the job has finished.
#pragma once

#include "tests/sim/oracle.h"

// Rows of one file, or of the log, in their order.
struct sim_look {
    struct sim_oracle *oracle;
    const char *file;
    uint32_t output;
    void *memory;   // that the judge has of the output
    uint32_t *last; // by key or group: a number of the row before it in the file, from 1
};

struct sim_judge {
    // Bytes that it has of an output; they are zero when a look begins. NULL: none.
    size_t (*memory)(const struct sim_job *job, const struct sim_output *output);
    void (*line)(struct sim_look *look, const char *line);
    // The others may be NULL. All rows of all outputs have been seen:
    void (*looked)(struct sim_oracle *oracle, uint32_t output);
    // ... and visible is what the newest checkpoint covers, if there is one.
    void (*committed)(struct sim_oracle *oracle, uint32_t output);
    // ... and the job has finished.
    void (*finished)(struct sim_oracle *oracle, uint32_t output);
    // Its bytes follow from the input, with one split at parallelism 1.
    bool settled;
};

extern const struct sim_judge sim_judge_rows;   // of the input, with what was counted
extern const struct sim_judge sim_judge_totals; // of groups and slots
extern const struct sim_judge sim_judge_late; // what windows of the output before it have left out
extern const struct sim_judge sim_judge_dead; // dead letters of rows that have failed
extern const struct sim_judge sim_judge_recent;  // with what was kept of the row before it
extern const struct sim_judge sim_judge_parts;   // of what groups and slots have
extern const struct sim_judge sim_judge_firings; // totals that grow with rows that are late
// Rows of a key that follow each other, from "first" to "newest": all of them in such runs, in
// their order. Not more at a time than the stage's number, which is 0 where that does not matter.
extern const struct sim_judge sim_judge_runs;
// Each row of the input, with its number in the order of its key ("n"), of its group ("m"), or
// both, where that order is not that of the input.
extern const struct sim_judge sim_judge_numbers;
extern const struct sim_judge sim_judge_lines; // whole lines, see sim_expect

// The number behind `name`, which is written as in `"id":`; -1: there is none.
int64_t sim_number_of(const char *line, const char *name);
// The time behind window_start, in ms; -1: there is none.
int64_t sim_time_of(const char *line);
// A row of the input by the number behind `name`; NULL: it is none that may be here, or comes
// again, where `seen` counts. `what`: a row of that kind is.
const struct sim_row *sim_look_for_row(struct sim_look *look, const char *line, const char *name,
                                       uint8_t *seen, const char *what);
// The slot of a total's row; -1: it is of no input, which is said.
int64_t sim_look_for_slot(struct sim_look *look, const char *line);

// A line that an output must have, for the judge of lines, without the end of the line. Those of a
// lane (a key or a group) are told in their order: they are visible in it, up to one of them.
// `cause`: the row that brings it, so that a checkpoint has one if it has the other; SIM_BY_TIME:
// none does.
enum { SIM_BY_TIME = -1 };
void sim_expect(struct sim_job *job, uint32_t output, uint32_t lane, int64_t cause,
                const char *format, ...) TM_PRINTF(5, 6);
void sim_lines_free(struct sim_lines *lines);
