// Attempts. A request that was not answered may have arrived all the same, and is sent again: at
// least once. What a server says about the request itself (4xx) is not tried again; what it says
// about itself (5xx, 429, 408) is, later each time.
//
// One row that a server cannot take makes it refuse all that came with it. So when the answer is
// about what was sent (400, 409, 413, 422), the request is sent again in halves, and their halves,
// until what is refused is single rows: of n rows with one bad one about 2 log2 n requests more.
#include "connectors/webhook/post.h"

#include <stdio.h>

#include "core/base/text.h"

struct part {
    uint32_t begin, end; // numbers of rows
};

enum {
    // A server may ask for a pause; one that asks for more than this is taken as down.
    RETRY_AFTER_MAX_MS = 600000,
    SHOWN_BYTES = 200,
};

static bool is_temporary(int status)
{
    return status >= 500 || status == 429 || status == 408 || status == 425;
}

// The beginning of an answer's body, as one line of text.
static void show_body(const struct tm_http_response *response, char *text, size_t size)
{
    size_t len = response->shown_bytes < SHOWN_BYTES ? response->shown_bytes : SHOWN_BYTES;
    while (len > 0 && !tm_text_is_utf8(response->shown, len))
        len--; // never cuts a character; of what is no text, the part that is
    size_t n = (size_t)snprintf(text, size, "%s", len == 0 ? "" : ": ");
    for (size_t i = 0; i < len && n + 1 < size; i++) {
        char c = response->shown[i];
        text[n++] = (uint8_t)c < 0x20 || c == 0x7f ? ' ' : c;
    }
    while (n > 0 && text[n - 1] == ' ')
        n--;
    text[n] = '\0';
}

// What came of an attempt. *again: it is worth another.
static int judge(struct tm__webhook_post *post, int rc, const struct tm_http_response *response,
                 bool *again)
{
    const char *url = post->options->shown_url;
    char shown[SHOWN_BYTES + 8];
    *again = false;
    if (rc != 0) {
        *again = rc == TM_E_NETWORK;
        tm_error_prefix(&post->err, "POST %s", url);
        return rc;
    }
    if (response->status >= 200 && response->status < 300)
        return 0;
    show_body(response, shown, sizeof shown);
    *again = is_temporary(response->status);
    post->status = response->status;
    bool refused = response->status >= 400 && !*again;
    tm_error_set(&post->err, refused ? TM_E_REJECTED : TM_E_NETWORK, "POST %s was answered %d%s",
                 url, response->status, shown);
    if (response->status >= 300 && response->status < 400)
        tm_error_hint(&post->err, "redirects are not followed: give the url that it leads to");
    return post->err.code;
}

// Exponential, of which a random part from half to all is waited: many clients do not come at once.
static int64_t backoff_ms(struct tm__webhook_post *post, int64_t retry_after_ms)
{
    const struct tm__webhook_options *o = post->options;
    int64_t ms = o->retry_min_ms;
    for (uint32_t i = 1; i < post->attempts && ms < o->retry_max_ms; i++)
        ms *= 2;
    ms = ms > o->retry_max_ms ? o->retry_max_ms : ms;
    post->random = post->random * 6364136223846793005u + 1442695040888963407u;
    ms = ms / 2 + (int64_t)((post->random >> 33) % (uint64_t)(ms - ms / 2 + 1));
    if (retry_after_ms > RETRY_AFTER_MAX_MS)
        retry_after_ms = RETRY_AFTER_MAX_MS;
    return retry_after_ms > ms ? retry_after_ms : ms;
}

// Waits; false: cancelled.
static bool wait_ms(struct tm__webhook_post *post, int64_t ms)
{
    const struct tm_fx *fx = post->fx;
    int64_t until_ns = tm_fx_mono_ns(fx) + ms * 1000000;
    while (atomic_load_explicit(post->cancel, memory_order_relaxed) == 0) { // publishes nothing
        if (tm_fx_mono_ns(fx) >= until_ns)
            return true;
        fx->threads->parker_wait(fx->ctx, post->lane->parker, until_ns);
    }
    return false;
}

// Sends it until it is answered: 0, TM_E_REJECTED, or why the job cannot go on.
static int send_bytes(struct tm__webhook_post *post, const uint8_t *body, size_t size_bytes)
{
    const struct tm_fx *fx = post->fx;
    struct tm_http_request request = post->options->request;
    request.body = body;
    request.body_bytes = size_bytes;
    post->attempts = 0;
    for (;;) {
        struct tm_http_response response;
        bool again;
        tm_error_clear(&post->err);
        int rc = fx->http->post(fx->ctx, post->lane->client, &request, post->cancel, &response,
                                &post->err);
        post->attempts++;
        int64_t retry_after_ms = rc == 0 ? response.retry_after_ms : -1;
        rc = judge(post, rc, &response, &again);
        if (!again)
            return rc;
        if (post->attempts >= post->options->attempts) {
            tm_error_hint(&post->err, "tried %u time%s; retry = { attempts = %u } waits longer",
                          post->attempts, post->attempts == 1 ? "" : "s", post->attempts * 10);
            return rc;
        }
        int64_t ms = backoff_ms(post, retry_after_ms);
        char text[512];
        snprintf(text, sizeof text, "%.400s; trying again in %lld ms", post->err.message,
                 (long long)ms);
        tm_task_warn_once(post->ctx, post->node, text);
        if (!wait_ms(post, ms))
            return tm_error_set(&post->err, TM_E_STOPPED, "stopped before POST %s succeeded",
                                post->options->shown_url);
    }
}

static size_t end_of(const struct tm__webhook_post *post, uint32_t row)
{
    return ((const size_t *)(const void *)post->ends.data)[row];
}

// Some of the rows as a request of their own. Brackets of an array are put for the time where
// commas are.
static int send_part(struct tm__webhook_post *post, const struct part *part)
{
    size_t begin = part->begin == 0 ? 0 : end_of(post, part->begin - 1);
    size_t end = end_of(post, part->end - 1);
    uint8_t *data = post->body.data;
    uint8_t before = ' ', behind = data[end - 1];
    if (post->options->body == TM__WEBHOOK_ARRAY) {
        begin -= part->begin == 0 ? 0 : 1;
        before = data[begin];
        data[begin] = '[';
        data[end - 1] = ']';
    }
    int rc = send_bytes(post, data + begin, end - begin);
    if (post->options->body == TM__WEBHOOK_ARRAY) {
        data[begin] = before;
        data[end - 1] = behind;
    }
    post->taken_bytes += rc == 0 ? end - begin : 0;
    return rc;
}

static bool is_about_rows(int status)
{
    return status == 400 || status == 409 || status == 413 || status == 422;
}

static int refuse(struct tm__webhook_post *post, const struct part *part)
{
    struct tm__webhook_refusal refusal = {.begin = part->begin, .end = part->end};
    snprintf(refusal.message, sizeof refusal.message, "%.*s", (int)sizeof refusal.message - 1,
             post->err.message);
    return tm_buf_append(&post->refused, &refusal, sizeof refusal);
}

// The whole, and parts of what is refused, first rows first.
static int send_all(struct tm__webhook_post *post)
{
    struct part parts[2 * 32] = {{.begin = 0, .end = post->row_count}}; // halves of halves
    uint32_t count = 1, sent = 0;
    while (count > 0) {
        struct part part = parts[--count];
        int rc = send_part(post, &part);
        if (rc != 0 && rc != TM_E_REJECTED)
            return rc;
        if (rc == 0)
            continue;
        if (part.end - part.begin > 1 && is_about_rows(post->status) && ++sent < TM_WEBHOOK_PARTS) {
            uint32_t middle = part.begin + (part.end - part.begin) / 2;
            parts[count++] = (struct part){.begin = middle, .end = part.end};
            parts[count++] = (struct part){.begin = part.begin, .end = middle};
            continue;
        }
        if (refuse(post, &part) != 0)
            return tm_error_set(&post->err, TM_E_MEMORY, "out of memory for answers");
        if (post->node->on_error == TM_ON_ERROR_FAIL)
            break;
    }
    return post->refused.size_bytes == 0 ? 0 : TM_E_REJECTED;
}

static void run(struct tm_work *work)
{
    struct tm__webhook_post *post = (struct tm__webhook_post *)work;
    post->taken_bytes = 0;
    post->code = send_all(post);
    post->done_ns = tm_fx_mono_ns(post->fx);
}

void tm__webhook_post_init(struct tm__webhook_post *post, const struct tm_fx *fx,
                           struct tm_mem *mem, const struct tm__webhook_options *options,
                           struct tm_task_context *ctx, const struct tm_node *node,
                           const _Atomic int *cancel)
{
    *post = (struct tm__webhook_post){.work = {.run = run, .waker = ctx->waker},
                                      .fx = fx,
                                      .options = options,
                                      .ctx = ctx,
                                      .node = node,
                                      .cancel = cancel,
                                      .random = fx->random->next(fx->ctx)};
    tm_buf_init(&post->body, mem);
    tm_buf_init(&post->rows, mem);
    tm_buf_init(&post->ends, mem);
    tm_buf_init(&post->refused, mem);
}

void tm__webhook_post_empty(struct tm__webhook_post *post)
{
    post->row_count = 0;
    post->body.size_bytes = post->rows.size_bytes = 0;
    post->ends.size_bytes = post->refused.size_bytes = 0;
}

void tm__webhook_post_fini(struct tm__webhook_post *post)
{
    tm_buf_fini(&post->body);
    tm_buf_fini(&post->rows);
    tm_buf_fini(&post->ends);
    tm_buf_fini(&post->refused);
}
