// Requests to a server in this process, asked by another thread.
#include <check.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/buf.h"
#include "core/loop/real.h"
#include "core/loop/real_server.h"

static struct tm_fx fx;
static struct tm_mem mem, asking_mem;
static struct tm_log log_;
static struct tm_parker *parker;
static struct tm_server *server;
static struct tm_error err;
static char folder[64];
static struct tm_server_request *kept; // to be answered later
static int handled;

struct asked {
    pthread_t thread;
    const char *target;
    char path[4096];
    struct tm_buf body;
    struct tm_error err;
    int rc;
    struct tm_reply reply;
    _Atomic int done; // partner: the loop's load
};

static void handle(void *arg, struct tm_server_request *request)
{
    char text[400];
    const char *value = tm_server_argument(request, "a");
    (void)arg;
    handled++;
    if (strcmp(tm_server_path(request), "/later") == 0) {
        kept = request;
        return;
    }
    int n = snprintf(text, sizeof text, "%s %s a=%s local=%d", tm_server_method(request),
                     tm_server_path(request), value == NULL ? "none" : value,
                     tm_server_is_local(request));
    tm_server_answer(request, 200, "text/plain", text, (size_t)n);
}

static void *ask(void *arg)
{
    struct asked *asked = arg;
    asked->rc = tm_real_ask(asked->path, "GET", asked->target, 20000, &asked->reply, &asked->body,
                            &asked->err);
    (void)tm_buf_append(&asked->body, "", 1);
    atomic_store(&asked->done, 1);
    return NULL;
}

static void begin(struct asked *asked, const char *socket, const char *target)
{
    *asked = (struct asked){.target = target};
    snprintf(asked->path, sizeof asked->path, "%s/%s", folder, socket);
    tm_buf_init(&asked->body, &asking_mem);
    ck_assert_int_eq(pthread_create(&asked->thread, NULL, ask, asked), 0);
}

static void end(struct asked *asked)
{
    pthread_join(asked->thread, NULL);
    tm_buf_fini(&asked->body);
}

// The server's thread does its work until the answer is there, or so many turns.
static void serve(struct asked *asked, int most)
{
    for (int i = 0; i < most && !atomic_load(&asked->done); i++) {
        int64_t until = fx.clock->mono_ns(fx.ctx) + 5000000,
                deadline = tm_server_deadline_ns(server);
        if (!tm_server_turn(server))
            fx.threads->parker_wait(fx.ctx, parker, deadline < until ? deadline : until);
    }
}

static void setup(void)
{
    tm_error_clear(&err);
    ck_assert_int_eq(tm_real_init(&fx, &err), 0);
    tm_mem_init(&mem, &fx, NULL, 0);
    tm_mem_init(&asking_mem, &fx, NULL, 0);
    log_ = (struct tm_log){.fx = &fx, .level = TM_LOG_INFO};
    parker = fx.threads->parker_new(fx.ctx, &err);
    snprintf(folder, sizeof folder, "/tmp/check_server_XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    const struct tm_server_args args = {
        .fx = &fx, .mem = &mem, .log = &log_, .parker = parker, .handle = handle};
    ck_assert_int_eq(tm_server_new(&args, &server, &err), 0);
    kept = NULL;
    handled = 0;
}

static void teardown(void)
{
    tm_server_free(server);
    fx.threads->parker_free(fx.ctx, parker);
    ck_assert_int_eq(rmdir(folder), 0); // no socket is left
    ck_assert_int_eq(atomic_load(&mem.used_bytes), 0);
    ck_assert_int_eq(atomic_load(&asking_mem.used_bytes), 0);
    tm_real_fini(&fx);
}

START_TEST(a_request_comes_with_its_parts)
{
    struct asked asked;
    struct stat info;
    ck_assert_int_eq(tm_server_listen_path(server, folder, "s", &err), 0);
    begin(&asked, "s", "/x/y?b=1&a=%41+%2f%C3%A4");
    serve(&asked, 4000);
    ck_assert_int_eq(asked.rc, 0);
    ck_assert_int_eq(asked.reply.status, 200);
    ck_assert_str_eq((const char *)asked.body.data, "GET /x/y a=A /\xc3\xa4 local=1");
    ck_assert_int_eq(asked.reply.pid, getpid());
    ck_assert_int_eq(stat(asked.path, &info), 0);
    ck_assert_uint_eq(info.st_mode & 0777, 0600);
    end(&asked);
}
END_TEST

START_TEST(an_answer_may_come_later)
{
    struct asked later, now;
    ck_assert_int_eq(tm_server_listen_path(server, folder, "s", &err), 0);
    begin(&later, "s", "/later");
    for (int i = 0; i < 4000 && kept == NULL; i++)
        serve(&later, 1);
    ck_assert_ptr_nonnull(kept);
    begin(&now, "s", "/now"); // who waits holds nobody up
    serve(&now, 4000);
    ck_assert_int_eq(now.reply.status, 200);
    ck_assert_int_eq(atomic_load(&later.done), 0);
    tm_server_answer(kept, 409, "text/plain", "no", 2);
    serve(&later, 4000);
    ck_assert_int_eq(later.reply.status, 409);
    ck_assert_str_eq((const char *)later.body.data, "no");
    end(&later);
    end(&now);
}
END_TEST

START_TEST(who_waits_at_the_end_is_told)
{
    struct asked asked;
    ck_assert_int_eq(tm_server_listen_path(server, folder, "s", &err), 0);
    begin(&asked, "s", "/later");
    for (int i = 0; i < 4000 && kept == NULL; i++)
        serve(&asked, 1);
    tm_server_free(server);
    server = NULL;
    pthread_join(asked.thread, NULL);
    ck_assert_int_eq(asked.reply.status, 503);
    tm_buf_fini(&asked.body);
}
END_TEST

START_TEST(a_path_may_be_longer_than_a_socket_s_address)
{
    char name[220], inner[300];
    struct asked asked;
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    snprintf(inner, sizeof inner, "%s/%s", folder, name);
    ck_assert_int_eq(mkdir(inner, 0700), 0);
    ck_assert_int_eq(tm_server_listen_path(server, inner, "s", &err), 0);
    char socket[300];
    snprintf(socket, sizeof socket, "%s/s", name);
    begin(&asked, socket, "/now");
    serve(&asked, 4000);
    ck_assert_int_eq(asked.rc, 0);
    end(&asked);
    tm_server_free(server);
    server = NULL;
    ck_assert_int_eq(rmdir(inner), 0);
}
END_TEST

START_TEST(a_socket_that_nobody_listens_at_is_told_apart)
{
    struct asked asked;
    begin(&asked, "nothing", "/now");
    end(&asked);
    ck_assert_int_eq(asked.rc, TM_E_NETWORK);
    ck_assert(asked.reply.refused);
    ck_assert_int_eq(handled, 0);
}
END_TEST

START_TEST(a_port_is_of_loopback_and_not_local)
{
    uint16_t port = 0, same;
    ck_assert_int_eq(tm_server_listen_port(server, &port, &err), 0);
    ck_assert_uint_ne(port, 0);
    same = port;
    ck_assert_int_eq(tm_server_listen_port(server, &same, &err), TM_E_NETWORK);
    ck_assert_ptr_nonnull(strstr(err.message, "127.0.0.1"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("real_server");
    TCase *tests = tcase_create("requests");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, a_request_comes_with_its_parts);
    tcase_add_test(tests, an_answer_may_come_later);
    tcase_add_test(tests, who_waits_at_the_end_is_told);
    tcase_add_test(tests, a_path_may_be_longer_than_a_socket_s_address);
    tcase_add_test(tests, a_socket_that_nobody_listens_at_is_told_apart);
    tcase_add_test(tests, a_port_is_of_loopback_and_not_local);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
