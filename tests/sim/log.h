// A model of a log with transactions, a service beside the processes (D7 of the architecture): rows
// of a transaction are visible when it is committed, in the order in which they came, up to the
// first that is still open. Each writer has a name for ever and an epoch, which a new beginning
// raises; who has an older one is fenced. With its rows a transaction carries a marker, the number
// of a checkpoint, that lasts if the transaction does.
//
// Requests may be lost, come late, come twice, or be carried out though nobody gets the answer. The
// log itself loses nothing.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SIM_LOG_WRITERS_MAX = 8, SIM_LOG_LATE_MAX = 32, SIM_LOG_NAME = 40 };

struct sim_universe;

enum sim_log_kind {
    SIM_LOG_BEGIN,   // a new epoch; what an older one has open is aborted
    SIM_LOG_PRODUCE, // rows into the transaction, which begins with them
    SIM_LOG_MARK,    // the marker of the transaction, which may have no rows
    SIM_LOG_COMMIT,
    SIM_LOG_MARKER, // what is the newest one that lasts?
};

enum sim_log_result {
    SIM_LOG_OK,
    SIM_LOG_FENCED,
    SIM_LOG_NOTHING_OPEN,
    SIM_LOG_UNSTABLE,  // a marker is in a transaction that is open
    SIM_LOG_NO_ANSWER, // carried out or not, or later
};

struct sim_log_request {
    enum sim_log_kind kind;
    uint32_t writer, epoch;
    uint32_t process; // whose it is
    uint64_t number;  // of rows and markers: how many of them were before it in its epoch
    uint64_t marker;
    const char *rows; // lines
    size_t size;
};

struct sim_log_answer {
    enum sim_log_result result;
    uint32_t epoch;
    uint64_t marker;
};

enum sim_log_state { SIM_LOG_OPEN, SIM_LOG_COMMITTED, SIM_LOG_ABORTED };

struct sim_log_transaction {
    uint32_t writer, epoch, process;
    enum sim_log_state state;
    int64_t begun_ns;
    uint64_t marker;
    bool fenced; // a newer epoch has begun
    bool late;   // it was written to, or committed, since then
};

struct sim_log_line {
    uint32_t transaction;
    char *text; // without its line end
};

struct sim_log_writer {
    char name[SIM_LOG_NAME];
    uint32_t epoch;
    int64_t open;      // its transaction; -1: none
    uint64_t requests; // with rows and markers, of the epoch: one that comes again changes nothing
    uint64_t marker;
};

struct sim_log_late {
    struct sim_log_request request; // its rows are its own
    int64_t at_ns;
    int64_t meets; // waits for a transaction of its writer from this one on; 0: for none
};

struct sim_log {
    struct sim_log_writer writers[SIM_LOG_WRITERS_MAX];
    uint32_t writer_count;
    struct sim_log_transaction *transactions;
    uint32_t transaction_count, transaction_capacity;
    struct sim_log_line *lines;
    uint32_t line_count, line_capacity;
    struct sim_log_late late[SIM_LOG_LATE_MAX];
    uint32_t late_count;
    int64_t timeout_ns;    // of transactions
    int64_t late_ns;       // the most that a request is late; 0: some seconds
    bool meets_next;       // a commit that comes twice comes again when the next one is open
    int64_t away_until_ns; // it does not answer before then
};

void sim_log_fini(struct sim_log *log);
// The writer of this name, made when it is not there.
uint32_t sim_log_writer(struct sim_log *log, const char *name);
struct sim_log_answer sim_log_call(struct sim_universe *universe,
                                   const struct sim_log_request *request);
// What time has brought: requests that were late, transactions that took too long.
void sim_log_turn(struct sim_universe *universe);
