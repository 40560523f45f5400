// The input gate: channels in turn, batches straight through, watermarks and statuses through the
// valve. One control element can mean two for the task (a watermark, then a status), so what the
// valve said is kept and handed out one by one before anything else is taken.
#include "core/exchange/gate.h"

#include "core/time/valve.h"

enum { PENDING_MAX = 3 }; // watermark, status, END

struct tm_gate {
    struct tm_mem *mem;
    struct tm_valve *valve;
    uint32_t count, next; // next: the channel to look at first
    uint32_t ended_count;
    bool stopped;    // an input was stopped: what is missing of it must not make time move
    int64_t read_ns; // newest of all watermarks taken, for those that a status or an end moves
    struct tm_element pending[PENDING_MAX];
    uint32_t pending_first, pending_count;
    bool *ended; // by channel
    struct tm_channel *channels[];
};

static size_t gate_size(uint32_t count)
{
    return sizeof(struct tm_gate) + (size_t)count * sizeof(struct tm_channel *);
}

struct tm_gate *tm_gate_new(struct tm_mem *mem, struct tm_channel *const *channels, uint32_t count)
{
    TM_CHECK(count > 0);
    struct tm_gate *gate = tm_mem_zalloc(mem, gate_size(count));

    if (gate == NULL)
        return NULL;
    gate->mem = mem;
    gate->count = count;
    memcpy(gate->channels, channels, (size_t)count * sizeof *channels);
    gate->ended = tm_mem_zalloc(mem, count * sizeof *gate->ended);
    gate->valve = tm_valve_new(mem, count);
    if (gate->ended == NULL || gate->valve == NULL) {
        tm_gate_free(gate);
        return NULL;
    }
    return gate;
}

void tm_gate_free(struct tm_gate *gate)
{
    if (gate == NULL)
        return;
    tm_valve_free(gate->valve);
    tm_mem_free(gate->mem, gate->ended, gate->count * sizeof *gate->ended);
    tm_mem_free(gate->mem, gate, gate_size(gate->count));
}

static void push(struct tm_gate *gate, struct tm_element element)
{
    TM_CHECK(gate->pending_count < PENDING_MAX);
    gate->pending[gate->pending_count++] = element;
}

static bool pop(struct tm_gate *gate, struct tm_element *element)
{
    if (gate->pending_first == gate->pending_count)
        return false;
    *element = gate->pending[gate->pending_first++];
    if (gate->pending_first == gate->pending_count)
        gate->pending_first = gate->pending_count = 0;
    return true;
}

static void push_output(struct tm_gate *gate, struct tm_valve_output out, int64_t read_ns)
{
    if (out.watermark_moved && !gate->stopped)
        push(gate, (struct tm_element){.kind = TM_ELEMENT_WATERMARK,
                                       .watermark = out.watermark,
                                       .read_ns = read_ns != 0 ? read_ns : gate->read_ns});
    if (out.status_changed && out.status != TM_CHANNEL_FINISHED) // which END says, later
        push(gate, (struct tm_element){.kind = TM_ELEMENT_STATUS, .status = (uint8_t)out.status});
}

static void take_watermark(struct tm_gate *gate, uint32_t channel, const struct tm_element *element)
{
    if (element->read_ns > gate->read_ns)
        gate->read_ns = element->read_ns;
    // MAX comes from an input that is over. As a plain watermark it would end the event time of the
    // others too, were they all idle at that moment; finished, it only stops counting.
    struct tm_valve_output out = element->watermark == TM_WATERMARK_MAX
                                     ? tm_valve_status(gate->valve, channel, TM_CHANNEL_FINISHED)
                                     : tm_valve_watermark(gate->valve, channel, element->watermark);
    push_output(gate, out, element->read_ns);
}

static void take_end(struct tm_gate *gate, uint32_t channel, enum tm_end end)
{
    TM_CHECK(!gate->ended[channel]);
    gate->ended[channel] = true;
    gate->stopped = gate->stopped || end == TM_END_STOP;
    push_output(gate, tm_valve_status(gate->valve, channel, TM_CHANNEL_FINISHED), 0);
    if (++gate->ended_count == gate->count)
        push(gate, (struct tm_element){.kind = TM_ELEMENT_END,
                                       .status = gate->stopped ? TM_END_STOP : TM_END_DRAIN});
}

static void take_control(struct tm_gate *gate, uint32_t channel, const struct tm_element *element)
{
    switch (element->kind) {
    case TM_ELEMENT_WATERMARK:
        take_watermark(gate, channel, element);
        break;
    case TM_ELEMENT_STATUS:
        push_output(gate,
                    tm_valve_status(gate->valve, channel, (enum tm_channel_status)element->status),
                    0);
        break;
    case TM_ELEMENT_END:
        take_end(gate, channel, (enum tm_end)element->status);
        break;
    default:
        TM_CHECK(false && "an element of a kind that does not travel");
    }
}

// The first element from any channel, starting after the one that was served last.
static bool receive_any(struct tm_gate *gate, int64_t now_ns, uint32_t *channel,
                        struct tm_element *element)
{
    for (uint32_t i = 0; i < gate->count; i++) {
        uint32_t c = gate->next;
        gate->next = c + 1 == gate->count ? 0 : c + 1;
        if (!gate->ended[c] && tm_channel_receive(gate->channels[c], now_ns, element)) {
            *channel = c;
            return true;
        }
    }
    return false;
}

bool tm_gate_poll(struct tm_gate *gate, int64_t now_ns, struct tm_element *element)
{
    uint32_t channel;

    if (pop(gate, element))
        return true;
    // Ends: each round takes an element out of a ring, and what only the valve needed to see is
    // rare.
    while (receive_any(gate, now_ns, &channel, element)) {
        if (element->kind == TM_ELEMENT_BATCH)
            return true;
        take_control(gate, channel, element);
        if (pop(gate, element))
            return true;
    }
    return false;
}
