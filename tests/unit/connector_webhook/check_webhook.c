// The webhook sink against answers that the test gives, helper threads that run when it says, and a
// clock that moves when somebody waits.
#include "connectors/webhook/options.h"
#include "connectors/webhook/webhook.h"
#include "core/loop/waker.h"
#include "tests/unit/connector_file/support.h"

struct tm_http_client {
    int unused;
};
struct tm_parker {
    int unused;
};

static struct {
    struct tm_fx_http http;
    struct tm_fx_clock clock;
    struct tm_fx_random random;
    int64_t now_ns;
    int answers[16]; // status, or a negative code; 0: 200 from here on
    const char *bad; // requests that hold this text are answered with bad_status
    int bad_status;
    int64_t retry_after_ms;
    uint32_t posts, clients;
    struct tm_buf bodies; // of all requests, each ended by '|'
    char headers[512];
    int64_t waits_ms[16];
    uint32_t wait_count;
} H;

static struct tm_http_client *fake_client_new(void *ctx, struct tm_error *err)
{
    (void)ctx, (void)err;
    H.clients++;
    return calloc(1, sizeof(struct tm_http_client));
}

static void fake_client_free(void *ctx, struct tm_http_client *client)
{
    (void)ctx;
    H.clients--;
    free(client);
}

static int fake_post(void *ctx, struct tm_http_client *client,
                     const struct tm_http_request *request, const _Atomic int *cancel,
                     struct tm_http_response *response, struct tm_error *err)
{
    (void)ctx, (void)client;
    *response = (struct tm_http_response){.retry_after_ms = H.retry_after_ms, .status = 200};
    if (*cancel != 0)
        return tm_error_set(err, TM_E_STOPPED, "stopped");
    snprintf(H.headers, sizeof H.headers, "%s", request->headers);
    ck_assert_int_eq(tm_buf_append(&H.bodies, request->body, request->body_bytes), 0);
    ck_assert_int_eq(tm_buf_append(&H.bodies, "|", 1), 0);
    int answer = H.answers[H.posts++ & 15];
    if (answer == 0 && H.bad != NULL &&
        memmem(request->body, request->body_bytes, H.bad, strlen(H.bad)) != NULL)
        answer = H.bad_status;
    if (answer < 0)
        return tm_error_set(err, answer, "nobody is there");
    if (answer != 0) {
        response->status = answer;
        response->shown_bytes =
            (size_t)snprintf(response->shown, sizeof response->shown, "because\n\x01 \xc3");
    }
    return 0;
}

static struct tm_parker *fake_parker_new(void *ctx, struct tm_error *err)
{
    (void)ctx, (void)err;
    return calloc(1, sizeof(struct tm_parker));
}

static void fake_parker_wait(void *ctx, struct tm_parker *parker, int64_t deadline_ns)
{
    (void)ctx, (void)parker;
    H.waits_ms[H.wait_count++ & 15] = (deadline_ns - H.now_ns) / 1000000;
    H.now_ns = deadline_ns;
}

static void fake_parker_wake(void *ctx, struct tm_parker *parker)
{
    (void)ctx, (void)parker;
}

static void fake_parker_free(void *ctx, struct tm_parker *parker)
{
    (void)ctx;
    free(parker);
}

static int64_t fake_now(void *ctx)
{
    (void)ctx;
    return H.now_ns;
}

static uint64_t fake_random(void *ctx)
{
    (void)ctx;
    return 12345;
}

static struct tm_schema *schema;
static struct tm_waker waker;
static struct tm_sink *sink;

static void open_all(void)
{
    support_open();
    memset(&H, 0, sizeof H);
    H.http = (struct tm_fx_http){fake_client_new, fake_client_free, fake_post};
    H.clock = *S.real.clock;
    H.clock.mono_ns = fake_now;
    H.random.next = fake_random;
    H.now_ns = 1000000000;
    H.retry_after_ms = -1;
    S.threads.parker_new = fake_parker_new;
    S.threads.parker_wait = fake_parker_wait;
    S.threads.parker_wake = fake_parker_wake;
    S.threads.parker_free = fake_parker_free;
    S.fx.http = &H.http;
    S.fx.clock = &H.clock;
    S.fx.random = &H.random;
    S.ctx[0].waker = &waker;
    schema = support_schema();
    tm_buf_init(&H.bodies, &S.mem);
    support_option("url", "http://user:pass@host/p?token=1");
}

static void close_all(void)
{
    ck_assert_uint_eq(H.clients, 0);
    tm_buf_fini(&H.bodies);
    tm_schema_unref(schema);
    support_close();
}

static int prepare(void)
{
    S.shared = NULL;
    return tm_connector_webhook.sink_prepare(&S.fx, &S.mem, &S.node, 1, &S.shared, &S.err);
}

static void start(void)
{
    ck_assert_msg(prepare() == 0, "%s", S.err.message);
    S.ctx[0].now_ns = H.now_ns;
    sink = support_sink(&tm_connector_webhook, 0, schema);
}

static void finish(void)
{
    sink->ops->free(sink);
    tm_connector_webhook.sink_release(S.shared);
    S.executor_count = 0;
}

// Writes a batch as the operator does; how often it had to wait.
static int write_rows(int64_t first, int count)
{
    struct tm_batch *batch = support_batch(schema, first, count, "x");
    const struct tm_row *row = tm_batch_first(batch);
    int rc, waits = 0;
    while ((rc = sink->ops->write(sink, batch, &row, &S.err)) == TM_STEP_WAIT) {
        ck_assert_msg(support_run(), "it waits for nothing");
        waits++;
    }
    tm_batch_release(batch);
    return rc < 0 ? rc : waits;
}

static int flush_all(void)
{
    int rc;
    while ((rc = sink->ops->flush(sink, true, &S.err)) == TM_STEP_WAIT)
        support_run();
    return rc;
}

#define ROW(id, value) "{\"id\":" #id ",\"value\":" value ",\"name\":\"x\"}"

START_TEST(rows_are_sent_in_batches_and_the_rest_at_the_end)
{
    tm_options_set_int(&S.node.options, "batch", 2);
    start();
    ck_assert_int_eq(write_rows(1, 5), 0);
    ck_assert_int_eq(flush_all(), TM_STEP_DONE);
    ck_assert_str_eq(support_text(&H.bodies),
                     ROW(1, "0.25") "\n" ROW(2, "0.5") "\n|" ROW(3, "0.75") "\n" ROW(
                         4, "1") "\n|" ROW(5, "1.25") "\n|");
    ck_assert_uint_eq(S.metrics.used, 5);
    ck_assert_uint_eq(S.latency.count, 5);
    ck_assert_ptr_nonnull(strstr(H.headers, "Content-Type: application/x-ndjson"));
    ck_assert_ptr_nonnull(strstr(support_text(&S.failures), "http://***@host/p?***"));
    ck_assert_ptr_nonnull(strstr(support_text(&S.failures), "at least once"));
    finish();
}
END_TEST

START_TEST(an_array_is_closed_also_when_rows_of_it_cannot_be_written)
{
    support_option("body", "array");
    support_option("headers", "content-type: text/x");
    start();
    struct tm_batch *batch = support_batch(schema, 1, 3, "x");
    const struct tm_row *row = tm_batch_first(batch);
    // the first and the last hold what JSON has no word for
    double nan = 0.0 / 0.0;
    memcpy(batch->data + schema->fields[1].offset, &nan, sizeof nan);
    const struct tm_row *last = tm_row_next(tm_row_next(row));
    memcpy(batch->data + ((const uint8_t *)last - batch->data) + schema->fields[1].offset, &nan,
           sizeof nan);
    ck_assert_int_eq(sink->ops->write(sink, batch, &row, &S.err), TM_STEP_DONE);
    tm_batch_release(batch);
    ck_assert_int_eq(flush_all(), TM_STEP_DONE);
    ck_assert_str_eq(support_text(&H.bodies), "[" ROW(2, "0.5") "]|");
    ck_assert_uint_eq(S.failure_count, 2);
    ck_assert_str_eq(H.headers, "content-type: text/x\n");
    finish();
}
END_TEST

START_TEST(a_record_is_a_request)
{
    support_option("body", "record");
    start();
    ck_assert_int_eq(write_rows(1, 2), 0);
    ck_assert_int_eq(flush_all(), TM_STEP_DONE);
    ck_assert_str_eq(support_text(&H.bodies), ROW(1, "0.25") "|" ROW(2, "0.5") "|");
    finish();
}
END_TEST

START_TEST(a_row_waits_for_others_no_longer_than_said)
{
    tm_options_set_int(&S.node.options, "every", 500);
    start();
    ck_assert_int_eq(write_rows(1, 1), 0);
    ck_assert_int_eq(sink->ops->flush(sink, false, &S.err), TM_STEP_DONE);
    ck_assert_uint_eq(H.posts, 0);
    ck_assert_int_eq(sink->ops->deadline_ns(sink), H.now_ns + 500000000);
    S.ctx[0].now_ns = H.now_ns + 500000000;
    ck_assert_int_eq(sink->ops->flush(sink, false, &S.err), TM_STEP_DONE);
    ck_assert_uint_eq(H.posts, 1);
    ck_assert_int_eq(sink->ops->deadline_ns(sink), INT64_MAX);
    finish();
}
END_TEST

START_TEST(with_all_requests_under_way_it_waits_and_bounds_what_it_holds)
{
    S.hold = true;
    tm_options_set_int(&S.node.options, "batch", 10);
    tm_options_set_int(&S.node.options, "in_flight", 2);
    start();
    struct tm_batch *batch = support_batch(schema, 0, 100, "x");
    const struct tm_row *row = tm_batch_first(batch);
    ck_assert_int_eq(sink->ops->write(sink, batch, &row, &S.err), TM_STEP_WAIT);
    // two under way and one filled
    ck_assert_int_eq(tm_row_int(row, schema->fields[0].offset), 30);
    ck_assert_int_eq(sink->ops->write(sink, batch, &row, &S.err), TM_STEP_WAIT);
    int rc, waits = 0;
    while ((rc = sink->ops->write(sink, batch, &row, &S.err)) == TM_STEP_WAIT && ++waits < 100)
        support_run();
    ck_assert_int_eq(rc, TM_STEP_DONE);
    tm_batch_release(batch);
    ck_assert_int_eq(flush_all(), TM_STEP_DONE);
    ck_assert_uint_eq(H.posts, 10);
    ck_assert_uint_eq(S.metrics.used, 100);
    finish();
}
END_TEST

START_TEST(attempts_wait_longer_each_time_with_jitter)
{
    static const int answers[] = {500, TM_E_NETWORK, 503, 429, 408, 425, 500, 500};
    memcpy(H.answers, answers, sizeof answers);
    tm_options_set_int(&S.node.options, "retry_min", 100);
    tm_options_set_int(&S.node.options, "retry_max", 1000);
    start();
    ck_assert_int_eq(write_rows(1, 1), 0);
    ck_assert_int_eq(flush_all(), TM_STEP_DONE);
    ck_assert_uint_eq(H.posts, 9);
    ck_assert_uint_eq(H.wait_count, 8);
    int64_t most = 100, different = 0;
    for (int i = 0; i < 8; i++) {
        ck_assert_int_ge(H.waits_ms[i], most / 2);
        ck_assert_int_le(H.waits_ms[i], most);
        different += H.waits_ms[i] != most && H.waits_ms[i] != most / 2;
        most = most * 2 > 1000 ? 1000 : most * 2;
    }
    ck_assert_int_gt(different, 3);
    ck_assert_uint_eq(S.metrics.used, 1);
    ck_assert_ptr_nonnull(strstr(support_text(&S.failures),
                                 "warning POST http://***@host/p?*** was answered 500: because"));
    finish();
}
END_TEST

START_TEST(a_server_that_asks_for_a_pause_gets_it)
{
    H.answers[0] = 429;
    H.retry_after_ms = 7000;
    start();
    ck_assert_int_eq(write_rows(1, 1), 0);
    ck_assert_int_eq(flush_all(), TM_STEP_DONE);
    ck_assert_int_eq(H.waits_ms[0], 7000);
    finish();
    H.posts = H.wait_count = 0;
    H.retry_after_ms = 86400000; // not for a day
    start();
    ck_assert_int_eq(write_rows(1, 1), 0);
    ck_assert_int_eq(flush_all(), TM_STEP_DONE);
    ck_assert_int_eq(H.waits_ms[0], 600000);
    finish();
}
END_TEST

START_TEST(when_attempts_are_used_up_the_job_fails)
{
    for (int i = 0; i < 16; i++)
        H.answers[i] = 502;
    tm_options_set_int(&S.node.options, "retry_attempts", 4);
    start();
    ck_assert_int_eq(write_rows(1, 1), 0);
    ck_assert_int_eq(flush_all(), TM_E_NETWORK);
    ck_assert_uint_eq(H.posts, 4);
    ck_assert_str_eq(S.err.message,
                     "sink 'node': POST http://***@host/p?*** was answered 502: because");
    finish();
}
END_TEST

// Two batches of four rows, of which the server does not take row 6.
static void refuse_the_sixth(const char *body, int status)
{
    support_option("body", body);
    tm_options_set_int(&S.node.options, "batch", 4);
    S.node.on_error = TM_ON_ERROR_SKIP;
    H.bad = "\"id\":6";
    H.bad_status = status;
    start();
    write_rows(1, 8);
    ck_assert_int_eq(flush_all(), TM_STEP_DONE);
    finish();
}

// What is sent of rows 1 to 8 in two requests, with what stands before, between and behind the
// rows.
static const char *sent(const char *before, const char *between, const char *behind)
{
    static const int8_t requests[][2] = {{1, 4}, {5, 8}, {5, 6}, {5, 5}, {6, 6}, {7, 8}};
    static char text[2048];
    size_t n = 0;
    for (size_t r = 0; r < sizeof requests / sizeof *requests; r++) {
        n += (size_t)sprintf(text + n, "%s", before);
        for (int id = requests[r][0]; id <= requests[r][1]; id++)
            n += (size_t)sprintf(text + n, "{\"id\":%d,\"value\":%g,\"name\":\"x\"}%s", id,
                                 id * 0.25, id == requests[r][1] ? behind : between);
        n += (size_t)sprintf(text + n, "|");
    }
    return text;
}

START_TEST(a_row_that_is_refused_is_found_and_the_others_are_taken)
{
    refuse_the_sixth("lines", 422);
    ck_assert_str_eq(support_text(&H.bodies), sent("", "\n", "\n"));
    ck_assert_uint_eq(S.failure_count, 1);
    ck_assert_uint_eq(S.metrics.used, 7);
    ck_assert_uint_eq(S.latency.count, 7);
}
END_TEST

START_TEST(parts_of_an_array_are_arrays)
{
    refuse_the_sixth("array", 400);
    ck_assert_str_eq(support_text(&H.bodies), sent("[", ",", "]"));
    ck_assert_uint_eq(S.failure_count, 1);
    ck_assert_uint_eq(S.metrics.used, 7);
}
END_TEST

START_TEST(an_answer_that_is_not_about_the_rows_is_for_all_of_them)
{
    refuse_the_sixth("lines", 403);
    ck_assert_uint_eq(H.posts, 2);
    ck_assert_uint_eq(S.failure_count, 4);
    ck_assert_uint_eq(S.metrics.used, 4);
}
END_TEST

START_TEST(the_first_bad_row_fails_the_job_and_nothing_behind_it_is_sent)
{
    tm_options_set_int(&S.node.options, "batch", 8);
    S.node.on_error = TM_ON_ERROR_FAIL;
    S.failure_result = TM_E_REJECTED;
    H.bad = "\"id\":3";
    H.bad_status = 413;
    start();
    int rc = write_rows(1, 8);
    rc = rc < 0 ? rc : flush_all();
    ck_assert_int_eq(rc, TM_E_REJECTED);
    ck_assert_uint_eq(S.failure_count, 1);
    ck_assert_uint_eq(H.posts, 5); // 1-8, 1-4, 1-2, 3-4, 3
    finish();
}
END_TEST

START_TEST(a_server_that_takes_nothing_is_not_asked_without_end)
{
    tm_options_set_int(&S.node.options, "batch", 5000);
    S.node.on_error = TM_ON_ERROR_SKIP;
    H.bad = "id";
    H.bad_status = 400;
    start();
    write_rows(1, 5000);
    ck_assert_int_eq(flush_all(), TM_STEP_DONE);
    ck_assert_uint_eq(S.failure_count, 5000);
    ck_assert_uint_eq(S.metrics.used, 0);
    ck_assert_uint_le(H.posts, 2 * TM_WEBHOOK_PARTS);
    finish();
}
END_TEST

START_TEST(a_server_that_goes_down_between_parts_fails_the_job)
{
    H.answers[0] = 422;
    H.answers[1] = 500;
    tm_options_set_int(&S.node.options, "retry_attempts", 1);
    tm_options_set_int(&S.node.options, "batch", 2);
    S.node.on_error = TM_ON_ERROR_SKIP;
    start();
    int rc = write_rows(1, 2);
    rc = rc < 0 ? rc : flush_all();
    ck_assert_int_eq(rc, TM_E_NETWORK);
    finish();
}
END_TEST

START_TEST(a_redirect_is_not_followed)
{
    H.answers[0] = 301;
    start();
    ck_assert_int_eq(write_rows(1, 1), 0);
    ck_assert_int_eq(flush_all(), TM_E_NETWORK);
    ck_assert_uint_eq(H.posts, 1);
    ck_assert_ptr_nonnull(strstr(S.err.hint, "redirects are not followed"));
    finish();
}
END_TEST

START_TEST(what_is_under_way_is_given_up_when_the_sink_is_freed)
{
    S.hold = true;
    tm_options_set_int(&S.node.options, "batch", 1);
    start();
    write_rows(1, 1);
    finish(); // runs the helper's work, which sees that nobody waits
    ck_assert_uint_eq(H.posts, 0);
}
END_TEST

START_TEST(credentials_are_not_shown)
{
    static const char *const cases[][2] = {
        {"https://a.b/c", "https://a.b/c"},
        {"https://u:p@a.b:1/c?d=e#f", "https://***@a.b:1/c?***"},
        {"http://u@a.b", "http://***@a.b"},
        {"http://a.b/x@y", "http://a.b/x@y"},
        {"http://u:p@x@a.b/", "http://***@a.b/"},
        {"nonsense", "nonsense"},
    };
    char text[64];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tm__webhook_show_url(cases[i][0], text, sizeof text);
        ck_assert_str_eq(text, cases[i][1]);
    }
}
END_TEST

START_TEST(options_that_cannot_be_are_refused)
{
    static const struct {
        const char *name;
        int64_t value;
    } cases[] = {{"batch", 0}, {"in_flight", 17}, {"timeout", 0}, {"retry_attempts", 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tm_options_set_int(&S.node.options, cases[i].name, cases[i].value);
        ck_assert_int_eq(prepare(), TM_E_OPTION);
        ck_assert_ptr_nonnull(strstr(S.err.message, cases[i].name));
        tm_options_set_int(&S.node.options, cases[i].name, 1);
    }
    support_option("url", "ftp://host/");
    ck_assert_int_eq(prepare(), TM_E_OPTION);
    ck_assert_ptr_nonnull(strstr(S.err.message, "http://"));
    support_option("url", "HTTP://host/");
    S.fx.http = NULL;
    ck_assert_int_eq(prepare(), TM_E_NETWORK);
    S.fx.http = &H.http;
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("webhook");
    TCase *tc = tcase_create("all");
    tcase_add_checked_fixture(tc, open_all, close_all);
    tcase_add_test(tc, rows_are_sent_in_batches_and_the_rest_at_the_end);
    tcase_add_test(tc, an_array_is_closed_also_when_rows_of_it_cannot_be_written);
    tcase_add_test(tc, a_record_is_a_request);
    tcase_add_test(tc, a_row_waits_for_others_no_longer_than_said);
    tcase_add_test(tc, with_all_requests_under_way_it_waits_and_bounds_what_it_holds);
    tcase_add_test(tc, attempts_wait_longer_each_time_with_jitter);
    tcase_add_test(tc, a_server_that_asks_for_a_pause_gets_it);
    tcase_add_test(tc, when_attempts_are_used_up_the_job_fails);
    tcase_add_test(tc, a_row_that_is_refused_is_found_and_the_others_are_taken);
    tcase_add_test(tc, parts_of_an_array_are_arrays);
    tcase_add_test(tc, an_answer_that_is_not_about_the_rows_is_for_all_of_them);
    tcase_add_test(tc, the_first_bad_row_fails_the_job_and_nothing_behind_it_is_sent);
    tcase_add_test(tc, a_server_that_takes_nothing_is_not_asked_without_end);
    tcase_add_test(tc, a_server_that_goes_down_between_parts_fails_the_job);
    tcase_add_test(tc, a_redirect_is_not_followed);
    tcase_add_test(tc, what_is_under_way_is_given_up_when_the_sink_is_freed);
    tcase_add_test(tc, credentials_are_not_shown);
    tcase_add_test(tc, options_that_cannot_be_are_refused);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
