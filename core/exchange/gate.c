// The input gate: channels in turn, batches straight through, watermarks and statuses through the
// valve. One control element can mean two for the task (a watermark, then a status), so what the
// valve said is kept and handed out one by one before anything else is taken.
#include "core/exchange/gate.h"

#include "core/exchange/aligner.h"
#include "core/time/valve.h"
#include "core/time/watermark.h"

enum { PENDING_MAX = 4 }; // a barrier, then what an end means: watermark, status, END

struct gate_input {
    struct tm_valve *valve;
    uint32_t first; // of its channels
    bool timeless;  // what it says of time counts for nothing
};

struct tm_gate {
    struct tm_mem *mem;
    struct gate_input inputs[TM_GATE_INPUTS_MAX];
    uint32_t input_count;
    // Several inputs are to each other what the splits of a source are; NULL: there is one.
    struct tm_splits *combined;
    int64_t watermark; // of several inputs: the last that was handed on, and the status
    enum tm_channel_status status;
    uint32_t count, next; // channels; next: the one to look at first
    bool stopped;         // an input was stopped: what is missing of it must not make time move
    int64_t read_ns;      // newest of all watermarks taken, for those that a status or an end moves
    struct tm_element pending[PENDING_MAX];
    uint32_t pending_first, pending_count;
    bool *overtakes;              // by channel: barriers may
    int64_t *since_ns;            // by channel: when its watermark or status has changed last
    struct tm_aligner aligner;    // which channels are open, and which wait
    int64_t begins_at;            // no watermark up to this one is given
    struct tm_gate_holder frozen; // of a gate with a stopped input
    struct tm_channel *channels[];
};

static size_t gate_size(uint32_t count)
{
    return sizeof(struct tm_gate) + (size_t)count * sizeof(struct tm_channel *);
}

static bool make_inputs(struct tm_gate *gate, const uint32_t *counts)
{
    uint32_t first = 0;
    for (uint32_t i = 0; i < gate->input_count; i++) {
        TM_CHECK(counts[i] > 0);
        gate->inputs[i] =
            (struct gate_input){.valve = tm_valve_new(gate->mem, counts[i]), .first = first};
        if (gate->inputs[i].valve == NULL)
            return false;
        first += counts[i];
    }
    if (gate->input_count == 1)
        return true;
    gate->combined = tm_splits_new(gate->mem, gate->input_count);
    for (uint32_t i = 0; gate->combined != NULL && i < gate->input_count; i++)
        tm_splits_set_status(gate->combined, i, TM_SPLIT_ACTIVE);
    return gate->combined != NULL;
}

struct tm_gate *tm_gate_new(struct tm_mem *mem, struct tm_channel *const *channels,
                            const uint32_t *counts, uint32_t inputs)
{
    TM_CHECK(inputs > 0 && inputs <= TM_GATE_INPUTS_MAX);
    uint32_t count = 0;
    for (uint32_t i = 0; i < inputs; i++)
        count += counts[i];
    struct tm_gate *gate = tm_mem_zalloc(mem, gate_size(count));

    if (gate == NULL)
        return NULL;
    gate->mem = mem;
    gate->count = count;
    gate->input_count = inputs;
    gate->watermark = gate->begins_at = TM_WATERMARK_MIN;
    memcpy(gate->channels, channels, (size_t)count * sizeof *channels);
    gate->since_ns = tm_mem_zalloc(mem, count * sizeof *gate->since_ns);
    gate->overtakes = tm_mem_zalloc(mem, count * sizeof *gate->overtakes);
    if (tm_aligner_init(&gate->aligner, mem, count) != 0 || gate->since_ns == NULL ||
        gate->overtakes == NULL || !make_inputs(gate, counts)) {
        tm_gate_free(gate);
        return NULL;
    }
    return gate;
}

void tm_gate_free(struct tm_gate *gate)
{
    if (gate == NULL)
        return;
    for (uint32_t i = 0; i < gate->input_count; i++)
        tm_valve_free(gate->inputs[i].valve);
    tm_splits_free(gate->combined);
    tm_aligner_fini(&gate->aligner);
    tm_mem_free(gate->mem, gate->since_ns, gate->count * sizeof *gate->since_ns);
    tm_mem_free(gate->mem, gate->overtakes, gate->count * sizeof *gate->overtakes);
    tm_mem_free(gate->mem, gate, gate_size(gate->count));
}

void tm_gate_ignore_time(struct tm_gate *gate, uint32_t input)
{
    TM_CHECK(gate->combined != NULL && input < gate->input_count);
    gate->inputs[input].timeless = true;
    tm_splits_set_status(gate->combined, input, TM_SPLIT_FINISHED);
}

int64_t tm_gate_watermark(const struct tm_gate *gate)
{
    int64_t watermark =
        gate->combined == NULL ? tm_valve_current(gate->inputs[0].valve) : gate->watermark;
    return watermark > gate->begins_at ? watermark : gate->begins_at;
}

void tm_gate_abort(struct tm_gate *gate, uint64_t checkpoint)
{
    tm_aligner_abort(&gate->aligner, checkpoint);
}

uint64_t tm_gate_aligning(const struct tm_gate *gate, int64_t *since_ns)
{
    *since_ns = gate->aligner.since_ns;
    return gate->aligner.arrived == 0 ? 0 : gate->aligner.checkpoint;
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
    const struct tm_element status = {.kind = TM_ELEMENT_STATUS, .status = (uint8_t)out.status};
    bool wakes = out.status_changed && out.status == TM_CHANNEL_ACTIVE;
    if (wakes) // before the watermark, or it would not count
        push(gate, status);
    if (out.watermark_moved && !gate->stopped && out.watermark > gate->begins_at)
        push(gate, (struct tm_element){.kind = TM_ELEMENT_WATERMARK,
                                       .watermark = out.watermark,
                                       .read_ns = read_ns != 0 ? read_ns : gate->read_ns});
    if (out.status_changed && out.status == TM_CHANNEL_IDLE) // END says, later, that it is over
        push(gate, status);
}

static uint32_t input_of(const struct tm_gate *gate, uint32_t channel)
{
    uint32_t input = gate->input_count - 1;
    while (channel < gate->inputs[input].first)
        input--;
    return input;
}

int64_t tm_gate_input_watermark(const struct tm_gate *gate, uint32_t input)
{
    TM_CHECK(input < gate->input_count);
    return tm_valve_current(gate->inputs[input].valve);
}

bool tm_gate_is_behind(const struct tm_gate *gate, uint32_t channel)
{
    const struct gate_input *input = &gate->inputs[input_of(gate, channel)];
    return tm_valve_is_behind(input->valve, channel - input->first);
}

void tm_gate_begin_at(struct tm_gate *gate, int64_t watermark)
{
    gate->begins_at = watermark;
}

void tm_gate_begin_input_at(struct tm_gate *gate, uint32_t input, int64_t watermark)
{
    TM_CHECK(input < gate->input_count);
    tm_valve_begin_at(gate->inputs[input].valve, watermark);
    if (gate->combined == NULL || gate->inputs[input].timeless || watermark == TM_WATERMARK_MIN ||
        watermark == TM_WATERMARK_MAX)
        return;
    tm_splits_advance(gate->combined, input, watermark + 1, 0);
    enum tm_channel_status status;
    int64_t combined = tm_splits_combined(gate->combined, &status);
    if (combined > gate->watermark)
        gate->watermark = combined;
}

void tm_gate_begin_behind(struct tm_gate *gate, uint32_t channel)
{
    const struct gate_input *input = &gate->inputs[input_of(gate, channel)];
    tm_valve_begin_behind(input->valve, channel - input->first);
}

static enum tm_split_status split_status(enum tm_channel_status status)
{
    static const enum tm_split_status of[] = {[TM_CHANNEL_ACTIVE] = TM_SPLIT_ACTIVE,
                                              [TM_CHANNEL_IDLE] = TM_SPLIT_IDLE,
                                              [TM_CHANNEL_FINISHED] = TM_SPLIT_FINISHED};
    return of[status];
}

// What one of several inputs says, together with what the others have said.
static struct tm_valve_output combine(struct tm_gate *gate, const struct gate_input *input,
                                      struct tm_valve_output said)
{
    uint32_t index = (uint32_t)(input - gate->inputs);
    struct tm_valve_output out = {0};
    if (said.watermark_moved && said.watermark != TM_WATERMARK_MAX && !input->timeless)
        tm_splits_advance(gate->combined, index, said.watermark + 1, 0);
    if (said.status_changed && !input->timeless)
        tm_splits_set_status(gate->combined, index, split_status(said.status));
    out.watermark = tm_splits_combined(gate->combined, &out.status);
    out.watermark_moved = out.watermark > gate->watermark;
    out.status_changed = out.status != gate->status;
    if (out.watermark_moved)
        gate->watermark = out.watermark;
    gate->status = out.status;
    return out;
}

static struct tm_valve_output tell_watermark(struct tm_gate *gate, uint32_t channel,
                                             int64_t watermark)
{
    struct gate_input *input = &gate->inputs[input_of(gate, channel)];
    struct tm_valve_output said =
        tm_valve_watermark(input->valve, channel - input->first, watermark);
    return gate->combined == NULL ? said : combine(gate, input, said);
}

static struct tm_valve_output tell_status(struct tm_gate *gate, uint32_t channel,
                                          enum tm_channel_status status)
{
    struct gate_input *input = &gate->inputs[input_of(gate, channel)];
    struct tm_valve_output said = tm_valve_status(input->valve, channel - input->first, status);
    return gate->combined == NULL ? said : combine(gate, input, said);
}

static void take_watermark(struct tm_gate *gate, uint32_t channel, const struct tm_element *element)
{
    if (element->read_ns > gate->read_ns)
        gate->read_ns = element->read_ns;
    // MAX comes from an input that is over. As a plain watermark it would end the event time of the
    // others too, were they all idle at that moment; finished, it only stops counting.
    struct tm_valve_output out = element->watermark == TM_WATERMARK_MAX
                                     ? tell_status(gate, channel, TM_CHANNEL_FINISHED)
                                     : tell_watermark(gate, channel, element->watermark);
    push_output(gate, out, element->read_ns);
}

struct tm_gate_holder tm_gate_held_by(const struct tm_gate *gate)
{
    if (gate->stopped)
        return gate->frozen;
    int64_t since_ns;
    int32_t number = gate->combined == NULL ? 0 : tm_splits_holder(gate->combined, &since_ns);
    const struct gate_input *input = &gate->inputs[number < 0 ? 0 : number];
    struct tm_gate_holder holder = {
        .status = gate->combined == NULL ? tm_valve_output_status(input->valve) : gate->status,
        .channel = number < 0 ? -1 : tm_valve_holder(input->valve),
        .watermark = gate->combined == NULL ? tm_valve_current(input->valve) : gate->watermark};
    if (holder.channel >= 0) {
        holder.watermark = tm_valve_watermark_of(input->valve, (uint32_t)holder.channel);
        holder.channel += (int32_t)input->first;
        holder.since_ns = gate->since_ns[holder.channel];
    }
    return holder;
}

static void push_barrier(struct tm_gate *gate, enum tm_aligned aligned)
{
    if (aligned == TM_ALIGN_COMPLETE)
        push(gate, (struct tm_element){.kind = TM_ELEMENT_BARRIER,
                                       .checkpoint = gate->aligner.checkpoint});
}

// The barrier that the others wait for goes first: they ask whether all have theirs, and so does
// what the end means for time.
static void take_end(struct tm_gate *gate, uint32_t channel, enum tm_end end)
{
    push_barrier(gate, tm_aligner_end(&gate->aligner, channel));
    if (end == TM_END_STOP && !gate->stopped) {
        gate->frozen = tm_gate_held_by(gate);
        gate->stopped = true;
    }
    push_output(gate, tell_status(gate, channel, TM_CHANNEL_FINISHED), 0);
    if (gate->aligner.open == 0)
        push(gate, (struct tm_element){.kind = TM_ELEMENT_END,
                                       .status = gate->stopped ? TM_END_STOP : TM_END_DRAIN});
}

static void take_control(struct tm_gate *gate, uint32_t channel, const struct tm_element *element,
                         int64_t now_ns)
{
    if (element->kind == TM_ELEMENT_BARRIER) {
        push_barrier(gate,
                     tm_aligner_barrier(&gate->aligner, channel, element->checkpoint, now_ns));
        return;
    }
    gate->since_ns[channel] = now_ns;
    switch (element->kind) {
    case TM_ELEMENT_WATERMARK:
        take_watermark(gate, channel, element);
        break;
    case TM_ELEMENT_STATUS:
        push_output(gate, tell_status(gate, channel, (enum tm_channel_status)element->status), 0);
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
        if (tm_aligner_may_take(&gate->aligner, c) &&
            tm_channel_receive(gate->channels[c], now_ns, element)) {
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
        if (element->kind == TM_ELEMENT_BATCH) {
            element->input = (uint8_t)input_of(gate, channel);
            return true;
        }
        take_control(gate, channel, element, now_ns);
        if (pop(gate, element))
            return true;
    }
    return false;
}

// --- barriers that do not wait -------------------------------------------------------------------

void tm_gate_let_overtake(struct tm_gate *gate, uint32_t channel)
{
    TM_CHECK(channel < gate->count);
    gate->overtakes[channel] = true;
}

enum tm_gate_can tm_gate_can_overtake(const struct tm_gate *gate, uint64_t checkpoint)
{
    bool any = gate->aligner.checkpoint == checkpoint; // has been taken
    if (!tm_aligner_is_open(&gate->aligner, checkpoint) || gate->aligner.open == 0)
        return TM_GATE_CANNOT;
    for (uint32_t c = 0; c < gate->count; c++) {
        if (!tm_aligner_waits_for(&gate->aligner, c, checkpoint))
            continue;
        enum tm_channel_shows shows =
            gate->overtakes[c] ? tm_channel_shows(gate->channels[c], checkpoint) : TM_SHOWS_NEITHER;
        if (shows == TM_SHOWS_NEITHER)
            return TM_GATE_CANNOT;
        any = any || shows == TM_SHOWS_BARRIER;
    }
    return any ? TM_GATE_CAN : TM_GATE_CAN_IF_NONE_ENDED;
}

bool tm_gate_has_said(const struct tm_gate *gate)
{
    return gate->pending_first != gate->pending_count;
}

uint32_t tm_gate_input_of(const struct tm_gate *gate, uint32_t channel)
{
    return input_of(gate, channel);
}

// A channel at a time: what the visitor of a gate sees of it.
struct showing {
    tm_gate_visit *visit;
    void *arg;
    uint32_t channel;
    int failed; // an earlier element could not be kept: no more of them are shown
};

static int show(void *arg, const struct tm_element *element)
{
    const struct showing *showing = arg;
    return showing->visit == NULL || showing->failed != 0
               ? showing->failed
               : showing->visit(showing->arg, showing->channel, element);
}

int tm_gate_overtake(struct tm_gate *gate, uint64_t checkpoint, tm_gate_visit *visit, void *arg)
{
    struct showing showing = {.visit = visit, .arg = arg};
    TM_CHECK(!tm_gate_has_said(gate));
    for (uint32_t c = 0; c < gate->count; c++) {
        if (!tm_aligner_waits_for(&gate->aligner, c, checkpoint))
            continue;
        showing.channel = c;
        int rc = tm_channel_overtake(gate->channels[c], checkpoint, show, &showing);
        showing.failed = showing.failed != 0 ? showing.failed : rc;
    }
    tm_aligner_overtake(&gate->aligner, checkpoint);
    return showing.failed;
}

bool tm_gate_replay(struct tm_gate *gate, uint32_t channel, int64_t now_ns,
                    struct tm_element *element)
{
    TM_CHECK(channel < gate->count && !tm_gate_has_said(gate));
    if (element->kind == TM_ELEMENT_BATCH) {
        element->input = (uint8_t)input_of(gate, channel);
        return true;
    }
    const struct tm_element said = *element;
    take_control(gate, channel, &said, now_ns);
    return pop(gate, element);
}
