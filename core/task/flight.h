// Elements in flight: what stood on an edge, or waited to go there, when a barrier overtook it. It
// is a part of the checkpoint, as items of the operators at the edge's ends: "in flight" of the one
// that it leads to, which stood in a channel, and "unsent" of the one that it comes from. A job
// that begins with the checkpoint puts it in front of everything that comes then, in its order, in
// whatever subtask it belongs to now. Private to core/task but for tm_edge_overtakes; on the task's
// own thread.
//
// Rows of a hash edge go where their keys are now, others by their consumer or, where there are
// more or fewer, in turn.
// Watermarks and statuses count where the edge has as many producers and consumers as it had, and
// each producer says of time what it said (none whose splits are dealt anew). They are left out
// else: those that come say the same or more, and no row is late that was not.
//
// Rows are given where the old subtask stood that they were on their way to: those of one that was
// behind come first, then time goes on to where the next one stood (stood.h). So no key sees time
// go back, and no row is late that was not.
//
// An edge may lie inside a task now. What was on it had left the operators in front of it: it goes
// to its stage before anything passes these, the furthest down first, and only then is said what
// time it was at the task's beginning.
#pragma once

#include "core/exchange/gate.h"
#include "core/exchange/partition.h"

struct tm_task;
struct tm_task_output;
struct tm_cut;
struct tm_edge;
struct tm_graph;
struct tm_node;

#define TM_FLIGHT_ARRIVED "in flight"
#define TM_FLIGHT_UNSENT "unsent"

// May barriers overtake the rows of this edge? Only where they can be given to any number of
// subtasks afterwards: not where rows stay in their subtask, nor where each has a copy. Rows of a
// changelog that are dealt in turn would be in two places at once.
bool tm_edge_overtakes(const struct tm_graph *graph, const struct tm_edge *edge);

// What the checkpoint that the job begins with had in flight for this task, in order.
struct tm_task_flight {
    struct tm_element element; // a batch is owned
    const struct tm_node *to, *from;
    bool dead_letter;
    bool inside;                  // the edge is not one of the gate's
    uint32_t stage;               // the slot that it goes into
    uint32_t channel;             // of a control element: of the gate
    uint32_t producer, producers; // the same: of its edge
    int64_t time;            // the operator has to stand there first; an element NONE is that alone
    uint32_t section, order; // those of one stage and node; in it those of equal time
};
struct tm_task_flights {
    struct tm_task_flight *list;    // by section, in these by time
    uint32_t count, capacity, next; // those before `next` are under way
    uint32_t sections;
    uint32_t section; // of those that are given: time has come to `told` there
    int64_t told;
};

// Into a cut: an element of a channel of the gate; what an output holds for its edge (its batches
// stay); what is left of an earlier checkpoint's. TM_E_MEMORY.
int tm__task_cut_arrived(struct tm_task *task, struct tm_cut *cut, uint32_t channel,
                         const struct tm_element *element) TM_WARN_UNUSED;
int tm__task_cut_unsent(struct tm_task *task, struct tm_cut *cut,
                        const struct tm_task_output *output) TM_WARN_UNUSED;
int tm__task_cut_flights(struct tm_task *task, struct tm_cut *cut) TM_WARN_UNUSED;

// Does the checkpoint have something for this node from that one, which may follow it in one chunk?
bool tm__task_has_flights(const struct tm_task *task, const struct tm_node *node);
// All of it, when operators and gate have begun. TM_E_IN_FLIGHT: the rows do not fit the job as it
// is now.
int tm__task_load_flights(struct tm_task *task, struct tm_error *err) TM_WARN_UNUSED;
static inline bool tm__task_flies(const struct tm_task_flights *flights)
{
    return flights->next < flights->count;
}
// The next one, when nothing is under way in the task, into its slot; or to the gate.
void tm__task_put_flight(struct tm_task *task);
void tm__task_free_flights(struct tm_task *task);
