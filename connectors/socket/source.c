// Reading from sockets on the task's own thread: nothing here waits, the worker's loop wakes it
// when there is something to read. Not reading is the backpressure: the peer's window closes.
//
// Connecting: names are resolved by a helper thread, then address after address is tried. A source
// that reconnects waits longer after each failure, with jitter, so that many of them do not come
// back at once.
#include "connectors/socket/source.h"

#include <stdio.h>

#include "connectors/socket/connection.h"
#include "connectors/socket/options.h"
#include "core/base/limits.h"
#include "core/loop/waker.h"

enum {
    ADDRESSES_MAX = 8,    // of a name that are tried
    READS_PER_TURN = 16,  // before other tasks get theirs
    BACKOFF_MIN_MS = 100, // between attempts to connect; doubles
    BACKOFF_MAX_MS = 30000,
};

enum state {
    RESOLVE, // begin to connect
    RESOLVING,
    CONNECTING,
    WAITING, // until deadline_ns, to connect again
    OPEN,    // connected, or listening
    ENDED,
};

struct resolving {
    struct tm_work work; // first: the helper thread gets this
    const struct tm_fx *fx;
    const struct tm__socket_options *options;
    // Set by the helper thread before the work is done:
    struct tm_address addresses[ADDRESSES_MAX];
    int count; // or a code
    struct tm_error err;
};

struct socket_source {
    struct tm_source base;
    struct tm__socket_options *options;
    struct tm_schema *schema;
    const struct tm_format *format;
    enum state state;
    struct tm_executor *executor; // NULL when listening
    struct resolving resolving;
    int address; // the one that is tried
    struct tm_socket *connecting;
    int64_t deadline_ns; // CONNECTING: give up; WAITING: try again
    uint32_t failures;   // in a row
    struct tm__socket_connection *connections[TM_CONNECTIONS];
    uint32_t count, next; // next: whose turn it is
    uint32_t idle;        // the last so many before `next` had nothing, and are watched
    // Of the call under way:
    const struct tm__socket_connection *current;
    struct tm_error *err;
    bool record_failed;
};

static const struct tm_fx *fx_of(const struct socket_source *self)
{
    return self->base.ctx->fx;
}

static void watch(struct socket_source *self, struct tm_socket *socket, bool connecting)
{
    const struct tm_fx *fx = fx_of(self);
    fx->sockets->watch(fx->ctx, socket, self->base.ctx->waker->parker, connecting);
}

static int fail(struct socket_source *self, struct tm_error *err, int code, const char *hint)
{
    tm_error_prefix(err, "source '%s'", self->base.node->name);
    tm_error_where(err, "%s", self->base.node->where);
    if (hint != NULL)
        tm_error_hint(err, "%s", hint);
    return code;
}

// --- connections ---------------------------------------------------------------------------------

static void notice(void *arg, bool warns, const char *message)
{
    struct socket_source *self = arg;
    if (warns)
        tm_task_warn_once(self->base.ctx, self->base.node, message);
    else
        tm_task_inform_once(self->base.ctx, self->base.node, message);
}

// Takes over the socket.
static int add_connection(struct socket_source *self, struct tm_socket *socket,
                          const struct tm_address *peer, struct tm_error *err)
{
    struct tm_mem *mem = self->base.ctx->mem;
    struct tm__socket_connection *c = tm_mem_alloc(mem, sizeof *c);
    if (c == NULL) {
        fx_of(self)->sockets->close(fx_of(self)->ctx, socket);
        return tm_error_set(err, TM_E_MEMORY, "out of memory for a connection");
    }
    struct tm_decoder_args args = {.mem = mem,
                                   .schema = self->schema,
                                   .used = self->base.node->used,
                                   .max_record = self->options->max_record,
                                   .options = &self->base.node->format_options,
                                   .notice = notice,
                                   .notice_arg = self};
    self->connections[self->count++] = c;
    self->idle = 0; // the new one may stand among them
    return tm__socket_connection_init(c, fx_of(self), mem, socket, peer, self->format, &args, err);
}

static void remove_connection(struct socket_source *self, uint32_t index)
{
    struct tm__socket_connection *c = self->connections[index];
    tm__socket_connection_fini(c);
    tm_mem_free(self->base.ctx->mem, c, sizeof *c);
    self->connections[index] = self->connections[--self->count];
}

static int accept_all(struct socket_source *self, struct tm_error *err)
{
    const struct tm_fx *fx = fx_of(self);
    while (self->count < TM_CONNECTIONS) {
        struct tm_socket *socket;
        struct tm_address peer;
        int rc = fx->sockets->accept(fx->ctx, self->options->listener, &socket, &peer, err);
        if (rc < 0)
            return fail(self, err, rc, NULL);
        if (rc == 0) {
            watch(self, self->options->listener, false);
            return 0;
        }
        rc = add_connection(self, socket, &peer, err);
        if (rc != 0)
            return rc;
    }
    return 0; // those that wait are accepted when others have ended
}

// --- connecting ----------------------------------------------------------------------------------

static void run_resolve(struct tm_work *work)
{
    struct resolving *r = (struct resolving *)work;
    r->count = r->fx->sockets->resolve(r->fx->ctx, r->options->host, r->options->port, r->addresses,
                                       ADDRESSES_MAX, &r->err);
}

static void begin_waiting(struct socket_source *self)
{
    uint32_t doublings = self->failures < 16 ? self->failures : 16;
    uint64_t ms = (uint64_t)BACKOFF_MIN_MS << doublings;
    ms = ms > BACKOFF_MAX_MS ? BACKOFF_MAX_MS : ms;
    // from half of it to all of it
    ms = ms / 2 + fx_of(self)->random->next(fx_of(self)->ctx) % (ms / 2 + 1);
    self->failures++;
    self->deadline_ns = self->base.ctx->now_ns + (int64_t)ms * 1000000;
    self->state = WAITING;
}

// No address could be connected to: err is of the last.
static int not_connected(struct socket_source *self, int code, struct tm_error *err)
{
    if (code == TM_E_MEMORY)
        return code;
    if (!self->options->reconnect)
        return fail(self, err, code,
                    "start the server first; reconnect = true waits for it, and listen = true is "
                    "the server");
    char text[1024];
    snprintf(text, sizeof text, "%.800s; trying again until it works", err->message);
    tm_task_warn_once(self->base.ctx, self->base.node, text);
    tm_error_clear(err);
    begin_waiting(self);
    return 0;
}

// Tries addresses from self->address on.
static int connect_next(struct socket_source *self, int code, struct tm_error *err)
{
    const struct tm_fx *fx = fx_of(self);
    for (; self->address < self->resolving.count; self->address++) {
        tm_error_clear(err);
        self->connecting =
            fx->sockets->connect(fx->ctx, &self->resolving.addresses[self->address], err);
        if (self->connecting != NULL) {
            self->deadline_ns =
                self->base.ctx->now_ns + self->options->connect_timeout_ms * 1000000;
            self->state = CONNECTING;
            return 0;
        }
        code = err->code;
    }
    return not_connected(self, code, err);
}

static int step_resolving(struct socket_source *self, struct tm_error *err)
{
    struct resolving *r = &self->resolving;
    if (!tm_work_is_done(&r->work))
        return 0;
    self->address = 0;
    if (r->count > 0)
        return connect_next(self, TM_E_NETWORK, err);
    *err = r->err;
    return not_connected(self, r->count, err);
}

static int step_connecting(struct socket_source *self, struct tm_error *err)
{
    const struct tm_fx *fx = fx_of(self);
    const struct tm_address *peer = &self->resolving.addresses[self->address];
    int rc = fx->sockets->connected(fx->ctx, self->connecting, err);
    if (rc == 0 && self->base.ctx->now_ns < self->deadline_ns) {
        watch(self, self->connecting, true);
        return 0;
    }
    struct tm_socket *socket = self->connecting;
    self->connecting = NULL;
    if (rc == 1) {
        self->state = OPEN;
        self->failures = 0;
        return add_connection(self, socket, peer, err);
    }
    if (rc == 0) {
        char text[TM_ADDRESS_TEXT];
        fx->sockets->describe(fx->ctx, peer, text);
        rc = tm_error_set(err, TM_E_NETWORK, "cannot connect to %s within %lld ms", text,
                          (long long)self->options->connect_timeout_ms);
    }
    fx->sockets->close(fx->ctx, socket);
    self->address++;
    struct tm_error last = *err;
    if (self->address >= self->resolving.count) {
        *err = last;
        return not_connected(self, rc, err);
    }
    return connect_next(self, rc, err);
}

// As far as it goes without waiting; state says where that is.
static int step(struct socket_source *self, struct tm_error *err)
{
    enum state before;
    int rc = 0;
    do {
        before = self->state;
        switch (self->state) {
        case WAITING:
            if (self->base.ctx->now_ns >= self->deadline_ns)
                self->state = RESOLVE;
            break;
        case RESOLVE:
            self->state = RESOLVING;
            fx_of(self)->threads->executor_submit(fx_of(self)->ctx, self->executor,
                                                  &self->resolving.work);
            break;
        case RESOLVING:
            rc = step_resolving(self, err);
            break;
        case CONNECTING:
            rc = step_connecting(self, err);
            break;
        case OPEN:
        case ENDED:
            break;
        }
    } while (rc == 0 && self->state != before && self->state != WAITING);
    if (rc == 0 && self->state == OPEN && self->options->listen)
        rc = accept_all(self, err);
    return rc;
}

// --- reading -------------------------------------------------------------------------------------

static int bad_record(void *arg, const struct tm_bad_record *record)
{
    struct socket_source *self = arg;
    size_t shown = record->code == TM_E_TOO_LARGE && record->len > 1024 ? 1024 : record->len;
    struct tm_row_failure failure = {.node = self->base.node,
                                     .code = record->code,
                                     .message = record->message,
                                     .message_length = strlen(record->message),
                                     .source = self->current->peer,
                                     .offset = record->offset,
                                     .line = record->line,
                                     .raw = record->bytes,
                                     .raw_length = shown};
    int rc = tm_task_row_failed(self->base.ctx, &failure, self->err);
    self->record_failed = rc != 0;
    return rc;
}

static int decode(struct socket_source *self, struct tm__socket_connection *c,
                  struct tm_batch *batch, struct tm_error *err)
{
    size_t used;
    self->current = c;
    self->err = err;
    self->record_failed = false;
    int rc = tm__socket_connection_decode(c, batch, &used, bad_record, self);
    tm_metric_add(&self->base.metrics->bytes_in, used);
    if (rc != 0 && !self->record_failed)
        return tm_error_set(err, rc, "source '%s': what %s sends cannot be decoded",
                            self->base.node->name, c->peer);
    return rc;
}

// The connection broke: the bytes of a record that was under way are nobody's.
static int lost(struct socket_source *self, struct tm__socket_connection *c, int code,
                struct tm_error *err)
{
    if (code == TM_E_MEMORY)
        return code;
    size_t left = c->bytes.size_bytes - c->begin;
    if (!self->options->listen && !self->options->reconnect)
        return fail(self, err, code, "reconnect = true goes on with a new connection");
    char text[1024];
    snprintf(text, sizeof text, "%.800s; %zu bytes of a record that was under way are dropped",
             err->message, left);
    tm_task_warn_once(self->base.ctx, self->base.node, text);
    tm_error_clear(err);
    c->begin = c->bytes.size_bytes;
    c->at_end = true;
    c->pending = false;
    return 0;
}

static void connection_ended(struct socket_source *self, uint32_t index)
{
    remove_connection(self, index);
    if (self->options->listen)
        return;
    if (self->options->reconnect)
        begin_waiting(self);
    else
        self->state = ENDED;
}

enum { IDLE = 0, BUSY = 1 };

// One read of a connection, or what is left of the one before. BUSY: there may be more.
static int read_connection(struct socket_source *self, uint32_t index, struct tm_batch *batch,
                           struct tm_error *err)
{
    struct tm__socket_connection *c = self->connections[index];
    int rc = TM__SOCKET_SOME;
    if (!c->pending) {
        rc = tm__socket_connection_read(c, err);
        if (rc == TM__SOCKET_NOTHING) {
            watch(self, c->socket, false);
            return IDLE;
        }
        if (rc < 0)
            rc = lost(self, c, rc, err);
        if (rc < 0)
            return rc;
    }
    if (rc == TM__SOCKET_SOME)
        rc = decode(self, c, batch, err);
    if (rc < 0)
        return rc;
    if (tm__socket_connection_is_done(c))
        connection_ended(self, index);
    return BUSY;
}

// Connections in turn, until the batch is full, none has more, or others must have theirs. *more:
// something may be left. There may be more connections than reads in a turn, so that a round that
// finds nothing takes several.
static int fill(struct socket_source *self, struct tm_batch *batch, bool *more,
                struct tm_error *err)
{
    for (int reads = 0; reads < READS_PER_TURN && self->idle < self->count; reads++) {
        uint32_t before = self->count;
        self->next = self->next < self->count ? self->next : 0;
        int rc = read_connection(self, self->next, batch, err);
        if (rc < 0)
            return rc;
        self->idle = rc == IDLE ? self->idle + 1 : 0;
        if (tm_batch_is_full(batch))
            return 0; // the same goes on
        if (self->count == before)
            self->next++;
    }
    *more = self->idle < self->count;
    return 0;
}

static int socket_read(struct tm_source *source, struct tm_batch **out, struct tm_error *err)
{
    struct socket_source *self = (struct socket_source *)source;
    struct tm_task_context *ctx = source->ctx;
    struct tm_error own = {0};
    err = err != NULL ? err : &own;
    int rc = step(self, err);
    if (rc != 0)
        return rc;
    if (self->state == ENDED) {
        tm_splits_set_status(ctx->splits, 0, TM_SPLIT_FINISHED);
        return TM_READ_END;
    }
    if (self->count == 0)
        return TM_READ_WAIT;
    struct tm_batch *batch = tm_batch_acquire(ctx->pool, self->schema);
    if (batch == NULL)
        return tm_error_set(err, TM_E_MEMORY, "out of memory for rows of '%s'", source->node->name);
    bool more = true;
    rc = fill(self, batch, &more, err);
    if (rc == 0 && batch->row_count == 0 && !more && self->state == OPEN) {
        tm_batch_release_local(batch);
        self->idle = 0; // whoever wakes the task does not say which of them has something
        return TM_READ_WAIT;
    }
    if (rc != 0) {
        tm_batch_release_local(batch);
        return rc;
    }
    batch->split = batch->row_count != 0 ? 0 : TM_NO_SPLIT;
    batch->read_ns = tm_fx_mono_ns(ctx->fx);
    *out = batch;
    return TM_READ_BATCH;
}

static int64_t socket_deadline_ns(const struct tm_source *source)
{
    const struct socket_source *self = (const struct socket_source *)source;
    return self->state == CONNECTING || self->state == WAITING ? self->deadline_ns : INT64_MAX;
}

// --- life ----------------------------------------------------------------------------------------

static void socket_free(struct tm_source *source)
{
    struct socket_source *self = (struct socket_source *)source;
    const struct tm_fx *fx = fx_of(self);
    if (self->executor != NULL)
        fx->threads->executor_free(fx->ctx, self->executor);
    while (self->count > 0)
        remove_connection(self, self->count - 1);
    if (self->connecting != NULL)
        fx->sockets->close(fx->ctx, self->connecting);
    if (self->options->listener != NULL)
        fx->sockets->close(fx->ctx, self->options->listener); // here: it is watched here
    self->options->listener = NULL;
    tm_schema_unref(self->schema);
    tm_mem_free(source->ctx->mem, self, sizeof *self);
}

static const struct tm_source_ops socket_ops = {
    .read = socket_read, .deadline_ns = socket_deadline_ns, .free = socket_free};

int tm__socket_source_new(struct tm_task_context *ctx, const struct tm_node *node, void *shared,
                          struct tm_source **source, struct tm_error *err)
{
    struct tm__socket_options *options = shared;
    struct socket_source *self = tm_mem_zalloc(ctx->mem, sizeof *self);
    if (self == NULL)
        return tm_error_set(err, TM_E_MEMORY, "out of memory for the source '%s'", node->name);
    self->base = (struct tm_source){.ops = &socket_ops, .ctx = ctx, .node = node};
    self->options = options;
    self->schema = tm_schema_ref(tm_node_schema(node));
    self->format = tm_format_find(node->format);
    self->resolving = (struct resolving){
        .work = {.run = run_resolve, .waker = ctx->waker}, .fx = ctx->fx, .options = options};
    int rc = 0;
    if (self->format == NULL)
        rc = tm_error_set(err, TM_E_OPTION, "there is no format \"%s\"", node->format);
    if (rc == 0 && !options->listen) {
        self->executor = ctx->fx->threads->executor_new(ctx->fx->ctx, "tm-resolve", err);
        if (self->executor == NULL)
            rc = err != NULL && err->code != 0 ? err->code : TM_E_LIMIT;
    }
    if (rc != 0) {
        socket_free(&self->base);
        return rc;
    }
    if (options->listen) {
        char text[TM_ADDRESS_TEXT + 32];
        self->state = OPEN;
        snprintf(text, sizeof text, "listening on %s", options->listening_on);
        tm_task_inform(ctx, node, text);
    }
    tm_splits_set_status(ctx->splits, 0, TM_SPLIT_ACTIVE);
    *source = &self->base;
    return 0;
}
