// The socket source against a network that the test plays: what peers send, in which pieces, when
// connections are refused, accepted, broken.
#include "connectors/socket/socket.h"
#include "core/loop/waker.h"
#include "tests/unit/connector_file/support.h"

enum { PEERS = 40 };

// What a peer sends: pieces divided by '|'; "." is a moment with nothing, "!" a reset; then the
// end.
struct tm_socket {
    const char *script;
    bool listener, watched;
};

static struct {
    struct tm_fx_sockets table;
    struct tm_fx_clock clock;
    int64_t now_ns;
    int resolve_result;         // addresses, or a code
    int refused;                // connections that are refused before one is not
    int slow;                   // looks at a connection before it is there
    const char *scripts[PEERS]; // of connections in their order
    uint32_t connected, accepted, accepting, open, watches;
    int64_t peak; // memory taken at reads
    bool far;     // the address is no loopback
} N;

static int net_resolve(void *ctx, const char *host, uint16_t port, struct tm_address *addresses,
                       uint32_t max, struct tm_error *err)
{
    (void)ctx, (void)host, (void)port;
    for (int i = 0; i < N.resolve_result; i++)
        addresses[i] = (struct tm_address){.length = (uint32_t)i};
    ck_assert_int_le(N.resolve_result, (int)max);
    if (N.resolve_result < 0)
        tm_error_set(err, N.resolve_result, "no such host");
    return N.resolve_result;
}

static void net_describe(void *ctx, const struct tm_address *address, char text[TM_ADDRESS_TEXT])
{
    (void)ctx;
    snprintf(text, TM_ADDRESS_TEXT, "host%u", address->length);
}

static bool net_is_loopback(void *ctx, const struct tm_address *address)
{
    (void)ctx, (void)address;
    return !N.far;
}

static struct tm_socket *net_socket(const char *script)
{
    struct tm_socket *s = calloc(1, sizeof *s);
    s->script = script;
    N.open++;
    return s;
}

static struct tm_socket *net_connect(void *ctx, const struct tm_address *address,
                                     struct tm_error *err)
{
    (void)ctx;
    if (N.refused > 0) {
        N.refused--;
        tm_error_set(err, TM_E_NETWORK, "cannot connect to host%u: refused", address->length);
        return NULL;
    }
    ck_assert_uint_lt(N.connected, PEERS);
    return net_socket(N.scripts[N.connected++]);
}

static int net_connected(void *ctx, struct tm_socket *socket, struct tm_error *err)
{
    (void)ctx, (void)socket, (void)err;
    return N.slow-- > 0 ? 0 : 1;
}

static struct tm_socket *net_listen(void *ctx, struct tm_address *address, struct tm_error *err)
{
    (void)ctx, (void)err;
    address->length = 7;
    struct tm_socket *s = net_socket("");
    s->listener = true;
    return s;
}

static int net_accept(void *ctx, struct tm_socket *listener, struct tm_socket **socket,
                      struct tm_address *peer, struct tm_error *err)
{
    (void)ctx, (void)err;
    ck_assert(listener->listener);
    if (N.accepted == N.accepting)
        return 0;
    peer->length = 100 + N.accepted;
    *socket = net_socket(N.scripts[N.accepted++]);
    return 1;
}

static int64_t net_read(void *ctx, struct tm_socket *socket, void *buf, size_t len,
                        struct tm_error *err)
{
    (void)ctx;
    const char *p = socket->script;
    size_t n = strcspn(p, "|");
    socket->script += n + (p[n] == '|');
    N.peak = (int64_t)S.mem.used_bytes > N.peak ? (int64_t)S.mem.used_bytes : N.peak;
    if (n == 1 && *p == '.')
        return -1;
    if (n == 1 && *p == '!')
        return tm_error_set(err, TM_E_NETWORK, "cannot read from host0: reset");
    ck_assert_uint_le(n, len);
    memcpy(buf, p, n);
    return (int64_t)n;
}

static void net_watch(void *ctx, struct tm_socket *socket, struct tm_parker *parker,
                      bool connecting)
{
    (void)ctx, (void)parker, (void)connecting;
    socket->watched = true;
    N.watches++;
}

static void net_close(void *ctx, struct tm_socket *socket)
{
    (void)ctx;
    N.open--;
    free(socket);
}

static int64_t net_now(void *ctx)
{
    (void)ctx;
    return N.now_ns;
}

static struct tm_schema *schema;
static struct tm_waker waker;
static struct tm_source *source;

static void open_all(void)
{
    support_open();
    memset(&N, 0, sizeof N);
    N.table = (struct tm_fx_sockets){.resolve = net_resolve,
                                     .describe = net_describe,
                                     .is_loopback = net_is_loopback,
                                     .connect = net_connect,
                                     .connected = net_connected,
                                     .listen = net_listen,
                                     .accept = net_accept,
                                     .read = net_read,
                                     .watch = net_watch,
                                     .close = net_close};
    N.clock = *S.real.clock;
    N.clock.mono_ns = net_now;
    N.resolve_result = 1;
    N.now_ns = 1000000000;
    S.fx.sockets = &N.table;
    S.fx.clock = &N.clock;
    schema = support_schema();
    S.node.schema = tm_schema_ref(schema);
    S.ctx[0].waker = &waker;
    tm_options_set_int(&S.node.options, "port", 9000);
}

static void close_all(void)
{
    ck_assert_uint_eq(N.open, 0);
    tm_schema_unref(schema);
    support_close();
}

static int prepare(void)
{
    S.shared = NULL;
    return tm_connector_socket.source_prepare(&S.fx, &S.mem, &S.node, 1, &S.shared, &S.err);
}

static void start(void)
{
    ck_assert_msg(prepare() == 0, "%s", S.err.message);
    S.ctx[0].splits = tm_splits_new(&S.mem, 1);
    ck_assert_int_eq(tm_connector_socket.source_new(&S.ctx[0], &S.node, S.shared, &source, &S.err),
                     0);
    source->metrics = &S.metrics;
}

static void finish(void)
{
    source->ops->free(source);
    tm_splits_free(S.ctx[0].splits);
    tm_connector_socket.source_release(S.shared);
    S.executor_count = 0;
}

// Reads until END, a failure, or `waits` times of nothing; sums ids and counts rows.
static int read_all(int waits, int64_t *sum, uint32_t *rows)
{
    struct tm_batch *batch;
    *sum = *rows = 0;
    for (;;) {
        S.ctx[0].now_ns = N.now_ns;
        int rc = source->ops->read(source, &batch, &S.err);
        if (rc == TM_READ_WAIT) {
            if (waits-- == 0)
                return rc;
            // what the worker does: sleep until the deadline, if there is one
            int64_t deadline = source->ops->deadline_ns(source);
            N.now_ns = deadline != INT64_MAX ? deadline : N.now_ns + 1000000;
            continue;
        }
        if (rc != TM_READ_BATCH)
            return rc;
        TM_BATCH_EACH(batch, row)
        {
            *sum += tm_row_int(row, schema->fields[0].offset);
            ++*rows;
        }
        tm_batch_release(batch);
    }
}

START_TEST(records_are_whole_wherever_the_stream_is_cut)
{
    static const char text[] = "{\"id\":1}\n{\"id\":20}\n{\"id\":300}";
    int64_t sum;
    uint32_t rows;
    for (size_t cut = 1; cut < sizeof text - 1; cut++) {
        for (size_t second = cut; second < sizeof text - 1; second += 3) {
            char script[128];
            snprintf(script, sizeof script, "%.*s|.|%.*s|%s", (int)cut, text, (int)(second - cut),
                     text + cut, text + second);
            if (second == cut) // an empty piece would be the end
                snprintf(script, sizeof script, "%.*s|.|%s", (int)cut, text, text + cut);
            N.scripts[0] = script;
            N.connected = 0;
            start();
            ck_assert_int_eq(read_all(10, &sum, &rows), TM_READ_END);
            ck_assert_int_eq(sum, 321);
            ck_assert_uint_eq(rows, 3);
            finish();
        }
    }
}
END_TEST

START_TEST(nothing_is_read_from_before_it_is_watched)
{
    int64_t sum;
    uint32_t rows;
    N.scripts[0] = ".|.|{\"id\":1}\n|.|.|";
    start();
    ck_assert_int_eq(read_all(100, &sum, &rows), TM_READ_END);
    ck_assert_uint_eq(N.watches, 4); // once for each moment with nothing
    ck_assert_int_eq(sum, 1);
    finish();
}
END_TEST

START_TEST(all_addresses_are_tried_then_it_fails)
{
    int64_t sum;
    uint32_t rows;
    N.scripts[0] = "{\"id\":5}\n";
    N.resolve_result = 3;
    N.refused = 2;
    start();
    ck_assert_int_eq(read_all(10, &sum, &rows), TM_READ_END);
    ck_assert_int_eq(sum, 5);
    finish();
    N.refused = 3;
    start();
    ck_assert_int_eq(read_all(10, &sum, &rows), TM_E_NETWORK);
    ck_assert_ptr_nonnull(strstr(S.err.message, "host2"));
    ck_assert_ptr_nonnull(strstr(S.err.hint, "reconnect = true"));
    finish();
}
END_TEST

START_TEST(a_connection_that_is_never_made_times_out)
{
    int64_t sum;
    uint32_t rows;
    N.scripts[0] = "";
    N.slow = 1000000;
    start();
    ck_assert_int_eq(read_all(100, &sum, &rows), TM_E_NETWORK);
    ck_assert_ptr_nonnull(strstr(S.err.message, "within 10000 ms"));
    ck_assert_int_le(N.now_ns, 12000000000);
    finish();
}
END_TEST

START_TEST(reconnecting_waits_longer_each_time_and_begins_anew_after_a_connection)
{
    int64_t sum;
    uint32_t rows;
    tm_options_set_bool(&S.node.options, "reconnect", true);
    N.scripts[0] = "{\"id\":1}\n{\"id\":9|!";
    N.scripts[1] = "{\"id\":2}\n";
    N.scripts[2] = "{\"id\":4}\n|.|.|.|.|.|.|.|.|.|.|.|.|.|.|.|.|.|.|.|.|.|.|.|.|.|.|.|.|.|.|.|.|";
    N.refused = 12;
    start();
    ck_assert_int_eq(read_all(30, &sum, &rows), TM_READ_WAIT);
    ck_assert_int_eq(sum, 7); // not the 9
    // 0.1 + 0.2 + ... + 25.6 + 3 * 30 s, each at least half of it
    ck_assert_int_gt(N.now_ns, 70000000000);
    ck_assert_int_lt(N.now_ns, 145000000000);
    ck_assert_ptr_nonnull(strstr(support_text(&S.failures), "7 bytes of a record"));
    finish();
}
END_TEST

START_TEST(connections_take_turns_and_the_listener_outlives_them)
{
    int64_t sum;
    uint32_t rows;
    tm_options_set_bool(&S.node.options, "listen", true);
    start();
    ck_assert_ptr_nonnull(strstr(support_text(&S.failures), "listening on host7"));
    N.scripts[0] = "{\"id\":1}\n|.|{\"id\":10}\n";
    N.scripts[1] = "{\"id\":100}\n{\"id\":10";
    N.scripts[2] = "!";
    N.accepting = 3;
    // the half of a record at an orderly end is one, and not JSON
    ck_assert_int_eq(read_all(10, &sum, &rows), TM_READ_WAIT);
    ck_assert_int_eq(sum, 111);
    ck_assert_ptr_nonnull(strstr(support_text(&S.failures), "bad_json host101:11:2"));
    ck_assert_ptr_nonnull(strstr(support_text(&S.failures), "reset"));
    N.scripts[3] = "{\"id\":7}\n";
    N.accepting = 4;
    ck_assert_int_eq(read_all(10, &sum, &rows), TM_READ_WAIT);
    ck_assert_int_eq(sum, 7);
    ck_assert_uint_eq(N.open, 1);
    finish();
}
END_TEST

// More connections than reads in a turn: a round of all of them must come to its end.
START_TEST(many_connections_with_nothing_to_read_let_the_task_sleep)
{
    int64_t sum;
    uint32_t rows;
    char script[512] = "{\"id\":1}\n|";
    for (int i = 0; i < 100; i++)
        strcat(script, ".|");
    strcat(script, "{\"id\":1000}\n");
    tm_options_set_bool(&S.node.options, "listen", true);
    start();
    for (uint32_t i = 0; i < PEERS; i++)
        N.scripts[i] = script;
    N.accepting = PEERS;
    ck_assert_int_eq(read_all(10, &sum, &rows), TM_READ_WAIT);
    ck_assert_int_eq(sum, PEERS);         // not what comes a hundred looks later
    ck_assert_uint_eq(N.open, PEERS + 1); // with the listener
    ck_assert_int_eq(read_all(200, &sum, &rows), TM_READ_WAIT);
    ck_assert_int_eq(sum, 1000 * PEERS);
    ck_assert_uint_eq(N.open, 1);
    finish();
}
END_TEST

START_TEST(a_record_beyond_the_limit_is_one_bad_record)
{
    int64_t sum;
    uint32_t rows;
    enum { LENGTH = 300000 };
    char *script = malloc(LENGTH + 100), *p = script;
    p += sprintf(p, "{\"id\":1,\"name\":\"");
    for (int i = 0; i < LENGTH; i++)
        *p++ = i % 1000 == 999 ? '|' : 'x';
    sprintf(p, "\"}\n{\"id\":2}\n");
    N.scripts[0] = script;
    tm_options_set_int(&S.node.options, "max_record", 5000);
    start();
    ck_assert_int_eq(read_all(1000, &sum, &rows), TM_READ_END);
    ck_assert_int_eq(sum, 2);
    ck_assert_uint_eq(S.failure_count, 1);
    ck_assert_int_lt(N.peak, 2000000);
    finish();
    free(script);
}
END_TEST

static void refused(const char *message)
{
    ck_assert_int_lt(prepare(), 0);
    ck_assert_msg(strstr(S.err.message, message) != NULL, "%s", S.err.message);
}

START_TEST(options_that_cannot_be_are_refused)
{
    tm_options_set_int(&S.node.options, "port", 0);
    refused("from 1 to 65535");
    tm_options_set_int(&S.node.options, "port", 70000);
    refused("70000");
    tm_options_set_int(&S.node.options, "port", 0);
    tm_options_set_bool(&S.node.options, "listen", true);
    N.far = true;
    refused("can be reached from other machines");
    ck_assert_ptr_nonnull(strstr(S.err.hint, "expose = true"));
    tm_options_set_bool(&S.node.options, "expose", true);
    start(); // now it may
    finish();
    tm_options_set_bool(&S.node.options, "reconnect", true);
    refused("reconnect is for connecting");
    tm_options_set_bool(&S.node.options, "reconnect", false);
    S.fx.sockets = NULL;
    refused("no network");
    S.fx.sockets = &N.table;
}
END_TEST

START_TEST(a_listener_is_closed_also_when_no_task_was_made)
{
    tm_options_set_bool(&S.node.options, "listen", true);
    ck_assert_int_eq(prepare(), 0);
    ck_assert_uint_eq(N.open, 1);
    tm_connector_socket.source_release(S.shared);
    ck_assert_uint_eq(N.open, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("socket source");
    TCase *tc = tcase_create("all");
    tcase_add_checked_fixture(tc, open_all, close_all);
    tcase_set_timeout(tc, 120);
    tcase_add_test(tc, records_are_whole_wherever_the_stream_is_cut);
    tcase_add_test(tc, nothing_is_read_from_before_it_is_watched);
    tcase_add_test(tc, all_addresses_are_tried_then_it_fails);
    tcase_add_test(tc, a_connection_that_is_never_made_times_out);
    tcase_add_test(tc, reconnecting_waits_longer_each_time_and_begins_anew_after_a_connection);
    tcase_add_test(tc, connections_take_turns_and_the_listener_outlives_them);
    tcase_add_test(tc, many_connections_with_nothing_to_read_let_the_task_sleep);
    tcase_add_test(tc, a_record_beyond_the_limit_is_one_bad_record);
    tcase_add_test(tc, options_that_cannot_be_are_refused);
    tcase_add_test(tc, a_listener_is_closed_also_when_no_task_was_made);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
