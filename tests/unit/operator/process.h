// A process operator whose chunks are doubles that keep the contract of chain.ffi.h: a call is a
// line of words, which a row has as its note, and a timer gets from the test. The words:
//
//   n=5 n+ n-     the value of a fixed size: set, add one, clear
//   s=text s-     the value of varying size
//   @100/name     an event timer; !100/name deletes it; @c100 one of the clock
//   emit          a row: key, what is kept, what was called
//   b=5           the broadcast value, of rules
//   fail          the call fails here
//   pass          (of a rule) a pass over all keys, whose calls are `pass_words`
#pragma once

#include "support.h"

#include "core/operator/process.h"

enum { OUT_USER, OUT_TEXT, OUT_FIELDS };
static struct tm_state_field process_states[4] = {
    {.name = "n", .type = {TM_TYPE_INT, 0, 0, 0}},
    {.name = "s", .type = {TM_TYPE_STRING, 0, 0, 0}},
    {.name = "old", .type = {TM_TYPE_INT, 0, 0, 0}, .ttl_ms = 100, .clock = TM_TTL_PROCESSING},
    {.name = "rule", .type = {TM_TYPE_INT, 0, 0, 0}, .scope = TM_SCOPE_BROADCAST},
};
enum { RECORD_N = 8, RECORD_S = 16, RECORD_BYTES_MAX = 64 };

static struct {
    const char *(*on_timer)(const char *user, int64_t at, const char *name);
    const char *(*on_pass)(const char *user); // NULL: all do pass_words
    const char *pass_words;
    uint32_t calls, longest; // since begin; the most of one entry
    uint32_t full_after;     // calls after which the output counts as full; 0: never
} script;

struct call {
    struct chain *chain;
    uint8_t **slot;
    const struct tm_row *row;
    const char *user;
    const char *what; // "each", "100/name"
    uint8_t before[RECORD_BYTES_MAX], broadcast_before[16];
    uint64_t out_size;
    uint32_t out_rows;
    bool written;
};

static uint64_t *bits_of(const struct call *call)
{
    return (uint64_t *)(void *)*call->slot;
}

static struct tm__operator_process *process_of(void)
{
    return (struct tm__operator_process *)world.op;
}

static uint32_t record_bytes(void)
{
    return process_of()->keyed.record.bytes;
}

// As the chunk: the record as it was is copied at a call's first write.
static void will_write(struct call *call)
{
    if (!call->written)
        memcpy(call->before, *call->slot, record_bytes());
    call->written = true;
}

static void set_n(struct call *call, int64_t n)
{
    will_write(call);
    *bits_of(call) |= 1;
    memcpy(*call->slot + RECORD_N, &n, sizeof n);
}

static int64_t get_n(const struct call *call)
{
    int64_t n;
    memcpy(&n, *call->slot + RECORD_N, sizeof n);
    return (*bits_of(call) & 1) != 0 ? n : 0;
}

static void set_s(struct call *call, const char *text, uint32_t length)
{
    struct chain *chain = call->chain;
    will_write(call);
    ck_assert_int_eq((chain->args.keep)(chain->args.arg, call->slot + 1, *call->slot + RECORD_S,
                                        (const uint8_t *)text, length),
                     0);
    *bits_of(call) = length != 0 ? *bits_of(call) | 2 : *bits_of(call) & ~(uint64_t)2;
    if (length == 0)
        chain->ctx.emptied = 1;
}

// Of a rule; the record is the word of what is there, and the value.
static int64_t *broadcast_of(const struct call *call)
{
    return (int64_t *)(void *)call->chain->ctx.broadcast[-1];
}

static void emit(struct call *call)
{
    struct tm_chain_ctx *ctx = &call->chain->ctx;
    struct tm_batch *scratch = tm_batch_acquire(world.ctx.pool, world.output);
    struct tm_builder b;
    char text[600];
    uint32_t length = 0;
    const uint8_t *s = (const uint8_t *)"";
    if ((*bits_of(call) & 2) != 0) {
        s = (call->chain->args.blob)(call->chain->args.arg, call->slot + 1, 0,
                                     *call->slot + RECORD_S);
        memcpy(&length, *call->slot + RECORD_S + 4, sizeof length);
    }
    int size = snprintf(text, sizeof text, "n=%lld s=%.*s %s", (long long)get_n(call), (int)length,
                        s, call->what);
    if (call->chain->ctx.broadcast != NULL)
        size += snprintf(text + size, sizeof text - (size_t)size, " b=%lld",
                         (long long)broadcast_of(call)[1]);
    ck_assert_int_eq(tm_builder_begin(&b, scratch), 0);
    ck_assert_int_eq(tm_builder_put_bytes(&b, OUT_USER, call->user, (uint32_t)strlen(call->user)),
                     0);
    ck_assert_int_eq(tm_builder_put_bytes(&b, OUT_TEXT, text, (uint32_t)size), 0);
    ck_assert_int_eq(tm_builder_end(&b), 0);
    if (ctx->out_capacity - ctx->out_size < scratch->size_bytes)
        ck_assert_int_eq((call->chain->args.grow)(call->chain->args.arg, ctx, scratch->size_bytes),
                         0);
    memcpy(ctx->out + ctx->out_size, scratch->data, scratch->size_bytes);
    ctx->out_size += scratch->size_bytes;
    ctx->out_rows++;
    tm_batch_release(scratch);
}

static void timer(struct call *call, const char *word)
{
    bool clock = word[1] == 'c', remove = word[0] == '!';
    char *name;
    int64_t at = strtoll(word + 1 + clock, &name, 10);
    name += *name == '/';
    ck_assert_int_eq((call->chain->args.timer)(call->chain->args.arg, call->slot + 1,
                                               clock ? TM_TIMER_PROCESSING : TM_TIMER_EVENT, remove,
                                               at, name, (uint32_t)strlen(name)),
                     0);
}

// 0, or the job ends.
static int fail_call(struct call *call)
{
    struct chain *chain = call->chain;
    if (call->written)
        memcpy(*call->slot, call->before, record_bytes());
    if (chain->ctx.broadcast != NULL)
        memcpy(broadcast_of(call), call->broadcast_before, sizeof call->broadcast_before);
    ck_assert_int_eq((chain->args.settle)(chain->args.arg, false), 0);
    chain->ctx.out_size = call->out_size;
    chain->ctx.out_rows = call->out_rows;
    return (chain->args.fail)(chain->args.arg, 0, call->row, 0, TM_E_USER_CODE, call->what,
                              strlen(call->what));
}

static int run_call(struct call *call, const char *words)
{
    char line[256], *rest = NULL;
    struct chain *chain = call->chain;
    snprintf(line, sizeof line, "%s", words);
    chain->ctx.call++;
    call->out_size = chain->ctx.out_size;
    call->out_rows = chain->ctx.out_rows;
    script.calls++;
    if (chain->ctx.broadcast != NULL)
        memcpy(call->broadcast_before, broadcast_of(call), sizeof call->broadcast_before);
    for (char *word = strtok_r(line, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest)) {
        if (strcmp(word, "fail") == 0)
            return fail_call(call);
        if (strcmp(word, "emit") == 0)
            emit(call);
        else if (strcmp(word, "pass") == 0)
            chain->ctx.interrupt++;
        else if (word[0] == '@' || word[0] == '!')
            timer(call, word);
        else if (word[0] == 'b')
            broadcast_of(call)[0] = 1, broadcast_of(call)[1] = atoll(word + 2);
        else if (word[0] == 's')
            set_s(call, word + 2, word[1] == '=' ? (uint32_t)strlen(word + 2) : 0);
        else if (word[1] == '=')
            set_n(call, atoll(word + 2));
        else if (word[1] == '+')
            set_n(call, get_n(call) + 1);
        else {
            will_write(call);
            *bits_of(call) &= ~(uint64_t)1;
            chain->ctx.emptied = 1;
        }
    }
    if (chain->ctx.journal != 0)
        ck_assert_int_eq((chain->args.settle)(chain->args.arg, true), 0);
    return 0;
}

static void text_of(const struct tm_schema *schema, const struct tm_row *row, uint32_t field,
                    char text[256])
{
    uint32_t length;
    text[0] = '\0';
    if (tm_row_is_null(row, field))
        return;
    const char *s = tm_row_string(row, schema->fields[field].offset, &length);
    snprintf(text, 256, "%.*s", (int)length, s);
}

static int run(struct chain *chain, struct tm_error *err)
{
    struct tm_chain_ctx *ctx = &chain->ctx;
    bool is_timer = strcmp(chain->args.role, "timer") == 0;
    bool is_pass = strcmp(chain->args.role, "pass") == 0;
    const struct tm_schema *schema = is_timer  ? process_of()->timer_schema
                                     : is_pass ? process_of()->pass_schema
                                               : world.input;
    uint32_t calls = 0;
    ck_assert_uint_le(ctx->in_rows, TM__OPERATOR_BLOCK);
    while (ctx->in_rows != 0) {
        const struct tm_row *row = (const struct tm_row *)(const void *)ctx->in;
        char user[256], words[256], name[256] = "", what[300] = "each";
        text_of(schema, row, is_timer || is_pass ? 0 : USER, user);
        struct call call = {.chain = chain,
                            .slot = &ctx->slots[ctx->slot_index],
                            .row = row,
                            .user = user,
                            .what = what};
        const char *line = words;
        if (is_timer) {
            int64_t at = tm_row_int(row, schema->fields[1].offset);
            text_of(schema, row, 2, name);
            snprintf(what, sizeof what, "%lld/%s", (long long)at, name);
            line = script.on_timer(user, at, name);
        } else if (is_pass) {
            snprintf(what, sizeof what, "pass %u", ctx->pass);
            line = script.on_pass != NULL ? script.on_pass(user) : script.pass_words;
        } else {
            text_of(schema, row, NOTE, words);
        }
        ctx->in += row->size_bytes;
        ctx->in_rows--;
        ctx->slot_index++;
        int failures = world.failures, rc = run_call(&call, line);
        if (rc != 0)
            return tm_error_set(err, rc, "stopped");
        ctx->counts[TM_CHAIN_USED] += world.failures == failures;
        script.longest = ++calls > script.longest ? calls : script.longest;
        if (ctx->interrupt != 0 || ctx->out_rows >= ctx->out_full ||
            (script.full_after != 0 && calls == script.full_after))
            return ctx->in_rows == 0 ? TM_VM_RUN_DONE : TM_VM_RUN_FULL;
    }
    ck_assert_ptr_eq(ctx->in, ctx->in_end);
    return TM_VM_RUN_DONE;
}

int tm_vm_chain_finish(struct tm_vm_chain *chain, struct tm_error *err)
{
    (void)chain;
    (void)err;
    return TM_VM_RUN_DONE;
}

int tm_vm_chain_open(struct tm_vm_chain *chain, struct tm_error *err)
{
    (void)chain;
    (void)err;
    return 0;
}

static const char *say(const char *user, int64_t at, const char *name)
{
    (void)user;
    (void)at;
    (void)name;
    return "emit";
}

static uint64_t process_counts[TM_CHAIN_COUNTS * 4];

static struct tm_node input_node;

// Opened on the first so many states; with rules, a second input without a key.
static void open_process(uint32_t states, bool rules)
{
    static const struct tm_field_def fields[OUT_FIELDS] = {
        {"user", {TM_TYPE_STRING, 0, 0, 0}, 0},
        {"text", {TM_TYPE_STRING, 0, 0, 0}, 0},
    };
    memset(&chains, 0, sizeof chains);
    memset(&script, 0, sizeof script);
    memset(process_counts, 0, sizeof process_counts);
    chains.run = run;
    script.on_timer = say;
    world_new(TM_NODE_PROCESS, 16);
    use_key(USER);
    world.node.states = process_states;
    world.node.state_count = states;
    world.node.has_timer = true;
    world.node.input_count = rules ? 2 : 1; // both are of the only other node
    input_node.schema = world.input;
    world.graph.nodes = &input_node;
    world.output = make_schema(fields, OUT_FIELDS, -1);
    world.node.schema = world.output;
    ck_assert_int_eq(tm_operator_process_new(&world.ctx, &world.node, &world.op, &world.err), 0);
    world.op->metrics = &world.metrics;
    for (uint32_t i = 0; i < chains.count; i++)
        chains.made[i].ctx.counts = process_counts + (size_t)i * TM_CHAIN_COUNTS;
    ck_assert_int_eq(world.op->ops->open(world.op, world.input, &world.err), 0);
    if (rules)
        ck_assert_int_eq(world.op->ops->open_second(world.op, world.input, &world.err), 0);
}

static inline void process(uint32_t states)
{
    open_process(states, false);
}

static void teardown(void)
{
    lines_clear();
    world_free();
    for (uint32_t i = 0; i < chains.count; i++)
        ck_assert(chains.made[i].freed);
}

// user|text of each row
static void take(const struct tm_element *element)
{
    if (element->kind != TM_ELEMENT_BATCH) {
        lines_take(element);
        return;
    }
    TM_BATCH_EACH(element->batch, row)
    {
        char line[256];
        row_text(world.output, row, line, sizeof line);
        lines_add(line);
    }
}

static inline void rule(const char *words)
{
    struct row row = {.user = "", .note = words};
    ck_assert_int_eq(
        feed((struct tm_element){.kind = TM_ELEMENT_BATCH, .batch = batch_of(&row, 1), .input = 1},
             take),
        0);
}

static void call(const char *user, const char *words)
{
    struct row row = {.user = user, .note = words};
    ck_assert_int_eq(feed_rows(&row, 1, take), 0);
}

static inline uint64_t keys(void)
{
    return tm_state_namespace_size(process_of()->keyed.ns);
}
static inline uint64_t timers(enum tm_timer_domain domain)
{
    return tm_timers_count(process_of()->keyed.timers, domain);
}
