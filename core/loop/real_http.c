// Requests through libcurl. The library is loaded when the first client is made: linking it would
// cost every start of the program 5 ms (of 10), as it brings some thirty others, and a machine that
// makes no requests does not need it.
#define CURL_DISABLE_TYPECHECK // the functions are called through pointers
#include <curl/curl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/loop/real.h"
#include "core/loop/real_library.h"
#include "core/loop/real_private.h"

enum {
    POLL_MS = 50, // cancelling takes at most this long
    CONNECT_TIMEOUT_MS = 10000,
};

// The functions that are used.
#define FUNCTIONS(X)            \
    X(curl_global_init)         \
    X(curl_easy_init)           \
    X(curl_easy_cleanup)        \
    X(curl_easy_reset)          \
    X(curl_easy_setopt)         \
    X(curl_easy_getinfo)        \
    X(curl_easy_strerror)       \
    X(curl_multi_init)          \
    X(curl_multi_cleanup)       \
    X(curl_multi_add_handle)    \
    X(curl_multi_remove_handle) \
    X(curl_multi_perform)       \
    X(curl_multi_poll)          \
    X(curl_multi_info_read)     \
    X(curl_multi_strerror)      \
    X(curl_slist_append)        \
    X(curl_slist_free_all)

TM__LIBRARY(FUNCTIONS);

static void load(void)
{
    TM__LIBRARY_LOAD("libcurl.so.4", FUNCTIONS);
    if (lib.missing == NULL && lib.curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        lib.missing = "curl_global_init";
}

struct tm_http_client {
    CURL *easy;
    CURLM *multi; // so that a request can be left while it waits
    char error[CURL_ERROR_SIZE];
    struct tm_http_response *response; // of the request under way
};

static void real_client_free(void *ctx, struct tm_http_client *client)
{
    (void)ctx;
    if (client == NULL)
        return;
    if (client->easy != NULL)
        lib.curl_easy_cleanup(client->easy);
    if (client->multi != NULL)
        lib.curl_multi_cleanup(client->multi);
    free(client);
}

static struct tm_http_client *real_client_new(void *ctx, struct tm_error *err)
{
    pthread_once(&lib.once, load);
    if (lib.missing != NULL) {
        tm_error_set(err, TM_E_NOT_FOUND, "requests need libcurl: %s was not found", lib.missing);
        tm_error_hint(err, "on Debian: apt-get install libcurl4");
        return NULL;
    }
    struct tm_http_client *client = calloc(1, sizeof *client);
    if (client != NULL) {
        client->easy = lib.curl_easy_init();
        client->multi = lib.curl_multi_init();
    }
    if (client == NULL || client->easy == NULL || client->multi == NULL) {
        real_client_free(ctx, client);
        tm_error_set(err, TM_E_MEMORY, "out of memory for requests");
        return NULL;
    }
    return client;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *arg)
{
    struct tm_http_response *response = arg;
    size_t len = size * count, room = TM_HTTP_SHOWN - response->shown_bytes;
    memcpy(response->shown + response->shown_bytes, bytes, len < room ? len : room);
    response->shown_bytes += len < room ? len : room;
    return len;
}

static struct curl_slist *header_list(const char *lines)
{
    // "Expect: 100-continue" would cost a round trip, and a second where the server ignores it
    struct curl_slist *list = lib.curl_slist_append(NULL, "Expect:");
    while (list != NULL && *lines != '\0') {
        char line[8192];
        size_t len = strcspn(lines, "\n");
        snprintf(line, sizeof line, "%.*s", (int)len, lines);
        struct curl_slist *more = lib.curl_slist_append(list, line);
        if (more == NULL)
            lib.curl_slist_free_all(list);
        list = more;
        lines += len + (lines[len] == '\n');
    }
    return list;
}

static void set_options(struct tm_http_client *client, const struct tm_http_request *request,
                        const struct curl_slist *headers)
{
    CURL *easy = client->easy;
    int64_t connect_ms =
        request->timeout_ms < CONNECT_TIMEOUT_MS ? request->timeout_ms : CONNECT_TIMEOUT_MS;
    lib.curl_easy_reset(easy); // connections stay
    lib.curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, client->error);
    lib.curl_easy_setopt(easy, CURLOPT_URL, request->url);
    lib.curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    lib.curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    lib.curl_easy_setopt(easy, CURLOPT_POST, 1L);
    lib.curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body_bytes);
    lib.curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request->body);
    lib.curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
    lib.curl_easy_setopt(easy, CURLOPT_USERAGENT, "tidemill/" TM_VERSION);
    lib.curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)request->timeout_ms);
    lib.curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)connect_ms);
    lib.curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    lib.curl_easy_setopt(easy, CURLOPT_WRITEDATA, client->response);
    lib.curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    if (request->insecure) {
        lib.curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L);
        lib.curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L);
    }
    if (request->ca_file != NULL)
        lib.curl_easy_setopt(easy, CURLOPT_CAINFO, request->ca_file);
}

// Until the request is done; CURLE_ABORTED_BY_CALLBACK: cancelled.
static CURLcode perform(struct tm_http_client *client, const _Atomic int *cancel)
{
    int running = 1, left;
    while (running != 0) {
        if (atomic_load_explicit(cancel, memory_order_relaxed) != 0) // it publishes nothing
            return CURLE_ABORTED_BY_CALLBACK;
        CURLMcode rc = lib.curl_multi_perform(client->multi, &running);
        if (rc == CURLM_OK && running != 0)
            rc = lib.curl_multi_poll(client->multi, NULL, 0, POLL_MS, NULL);
        if (rc != CURLM_OK) {
            snprintf(client->error, sizeof client->error, "%s", lib.curl_multi_strerror(rc));
            return rc == CURLM_OUT_OF_MEMORY ? CURLE_OUT_OF_MEMORY : CURLE_FAILED_INIT;
        }
    }
    const CURLMsg *message;
    while ((message = lib.curl_multi_info_read(client->multi, &left)) != NULL) {
        if (message->msg == CURLMSG_DONE)
            return message->data.result;
    }
    return CURLE_FAILED_INIT;
}

static int result_of(struct tm_http_client *client, CURLcode code, struct tm_error *err)
{
    long status = 0;
    curl_off_t retry_after = 0;
    switch (code) {
    case CURLE_OK:
        lib.curl_easy_getinfo(client->easy, CURLINFO_RESPONSE_CODE, &status);
        lib.curl_easy_getinfo(client->easy, CURLINFO_RETRY_AFTER, &retry_after);
        client->response->status = (int)status;
        client->response->retry_after_ms = retry_after > 0 ? (int64_t)retry_after * 1000 : -1;
        return 0;
    case CURLE_ABORTED_BY_CALLBACK:
        return tm_error_set(err, TM_E_STOPPED, "stopped while a request was under way");
    case CURLE_OUT_OF_MEMORY:
        return tm_error_set(err, TM_E_MEMORY, "out of memory for a request");
    default:
        return tm_error_set(err, TM_E_NETWORK, "%s",
                            client->error[0] != '\0' ? client->error
                                                     : lib.curl_easy_strerror(code));
    }
}

static int real_post(void *ctx, struct tm_http_client *client,
                     const struct tm_http_request *request, const _Atomic int *cancel,
                     struct tm_http_response *response, struct tm_error *err)
{
    (void)ctx;
    *response = (struct tm_http_response){.retry_after_ms = -1};
    client->response = response;
    client->error[0] = '\0';
    struct curl_slist *headers = header_list(request->headers);
    if (headers == NULL)
        return tm_error_set(err, TM_E_MEMORY, "out of memory for a request");
    set_options(client, request, headers);
    CURLcode code = CURLE_OUT_OF_MEMORY;
    if (lib.curl_multi_add_handle(client->multi, client->easy) == CURLM_OK)
        code = perform(client, cancel);
    lib.curl_multi_remove_handle(client->multi, client->easy);
    lib.curl_slist_free_all(headers);
    return result_of(client, code, err);
}

const struct tm_fx_http tm__real_http = {
    .client_new = real_client_new, .client_free = real_client_free, .post = real_post};
