// The sending side of an edge: from one producer subtask to all consumer subtasks.
#pragma once

#include "core/batch/key.h"
#include "core/exchange/channel.h"
#include "core/graph/partition_kind.h"

enum tm_send_result { TM_SENT, TM_BLOCKED };

struct tm_sender;

struct tm_sender_args {
    struct tm_mem *mem;
    enum tm_partition_kind kind;
    struct tm_channel *const *channels; // by consumer subtask; FORWARD uses channels[0] alone
    uint32_t count;
    uint32_t max_parallelism;
    const struct tm_key_spec
        *key; // HASH: which columns; a row's key group picks the consumer (SEMANTICS 13). COLUMN:
              // the int column whose value, modulo `count`, is the consumer's number; never null
    int64_t latency_ms; // a part-filled batch is sent after this
};

int tm_sender_new(const struct tm_sender_args *args, struct tm_sender **sender,
                  struct tm_error *err) TM_WARN_UNUSED;
void tm_sender_free(struct tm_sender *sender);

// Send an element to where it belongs. TM_SENT: consumed (a batch was forwarded whole or its rows
// copied, and it is released). TM_BLOCKED: no credit; call again later with the same element,
// progress is remembered. Rows of a batch stay in order per channel; a control element follows all
// rows before it on every channel. Negative: TM_E_MEMORY.
int tm_sender_send(struct tm_sender *sender, struct tm_element *element,
                   int64_t now_ns) TM_WARN_UNUSED;
// Send part-filled batches older than the latency (or all, when `idle`). TM_SENT or TM_BLOCKED or
// negative.
int tm_sender_flush(struct tm_sender *sender, int64_t now_ns, bool idle) TM_WARN_UNUSED;
// A barrier that goes in front of everything that the sender and its caller still hold, into every
// channel. TM_BLOCKED: some have it; call again with the same, and send nothing else before.
int tm_sender_overtake(struct tm_sender *sender, const struct tm_element *barrier) TM_WARN_UNUSED;
// What of it the sender holds, and of `pending` (which has been given to tm_sender_send and was
// blocked; or NONE), in order: rows that have a consumer already, then others. A control element is
// for consumers from `first` on. Elements are valid during the call only and stay the sender's. A
// `visit` that does not return 0 ends it.
enum { TM_ANY_CONSUMER = UINT32_MAX };
typedef int tm_sender_visit(void *arg, uint32_t consumer, uint32_t first,
                            const struct tm_element *element);
int tm_sender_each_held(const struct tm_sender *sender, const struct tm_element *pending,
                        tm_sender_visit *visit, void *arg) TM_WARN_UNUSED;
// When the oldest part-filled batch must go (mono ns); INT64_MAX: none.
int64_t tm_sender_deadline_ns(const struct tm_sender *sender);
uint64_t tm_sender_rows_sent(const struct tm_sender *sender);
