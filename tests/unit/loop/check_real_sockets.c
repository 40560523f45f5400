// The real sockets over loopback: connecting, refusing, reading, and waking a parker that waits.
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "core/loop/real.h"
#include "core/loop/waker.h"

static struct tm_fx fx;
static struct tm_error err;
static struct tm_waker waker;

static void open_all(void)
{
    ck_assert_int_eq(tm_real_init(&fx, &err), 0);
    ck_assert_int_eq(tm_waker_init(&waker, &fx, &err), 0);
}

static void close_all(void)
{
    tm_waker_fini(&waker);
    tm_real_fini(&fx);
}

static struct tm_socket *listener(struct tm_address *address)
{
    ck_assert_int_eq(fx.sockets->resolve(fx.ctx, "127.0.0.1", 0, address, 1, &err), 1);
    struct tm_socket *s = fx.sockets->listen(fx.ctx, address, &err);
    ck_assert_msg(s != NULL, "%s", err.message);
    return s;
}

// Until `socket` can be looked at again.
static void sleep_for(struct tm_socket *socket, bool connecting)
{
    fx.sockets->watch(fx.ctx, socket, waker.parker, connecting);
    int64_t before = tm_fx_mono_ns(&fx);
    fx.threads->parker_wait(fx.ctx, waker.parker, before + 20000000000);
    ck_assert_msg(tm_fx_mono_ns(&fx) - before < 15000000000, "nobody woke the parker");
}

static struct tm_socket *connected(const struct tm_address *address)
{
    struct tm_socket *s = fx.sockets->connect(fx.ctx, address, &err);
    ck_assert_msg(s != NULL, "%s", err.message);
    int rc;
    while ((rc = fx.sockets->connected(fx.ctx, s, &err)) == 0)
        sleep_for(s, true);
    ck_assert_int_eq(rc, 1);
    return s;
}

static struct tm_socket *accepted(struct tm_socket *from, struct tm_address *peer)
{
    struct tm_socket *s;
    int rc;
    while ((rc = fx.sockets->accept(fx.ctx, from, &s, peer, &err)) == 0)
        sleep_for(from, false);
    ck_assert_int_eq(rc, 1);
    return s;
}

START_TEST(both_ends_of_a_connection_wake_who_watches_them)
{
    struct tm_address address, peer;
    char text[TM_ADDRESS_TEXT], byte;
    struct tm_socket *l = listener(&address);
    fx.sockets->describe(fx.ctx, &address, text);
    ck_assert_int_eq(strncmp(text, "127.0.0.1:", 10), 0);
    ck_assert_int_gt(atoi(text + 10), 0); // the port that was chosen
    struct tm_socket *client = connected(&address), *server = accepted(l, &peer);
    ck_assert(fx.sockets->is_loopback(fx.ctx, &peer));
    ck_assert_int_eq(fx.sockets->read(fx.ctx, server, &byte, 1, &err), -1);
    fx.sockets->watch(fx.ctx, server, waker.parker, false); // twice is fine
    fx.sockets->close(fx.ctx, client);
    sleep_for(server, false);
    ck_assert_int_eq(fx.sockets->read(fx.ctx, server, &byte, 1, &err), 0);
    fx.sockets->watch(fx.ctx, server, waker.parker, false);
    fx.sockets->close(fx.ctx, server); // while it is watched
    fx.sockets->close(fx.ctx, l);
}
END_TEST

START_TEST(a_port_is_taken_once_and_refuses_when_nobody_listens)
{
    struct tm_address address;
    struct tm_socket *l = listener(&address);
    ck_assert_ptr_null(fx.sockets->listen(fx.ctx, &address, &err));
    ck_assert_int_eq(err.code, TM_E_NETWORK);
    ck_assert_ptr_nonnull(strstr(err.hint, "port = 0"));
    fx.sockets->close(fx.ctx, l);
    struct tm_socket *s = fx.sockets->connect(fx.ctx, &address, &err);
    int rc = s == NULL ? err.code : 0;
    while (rc == 0 && (rc = fx.sockets->connected(fx.ctx, s, &err)) == 0)
        sleep_for(s, true);
    ck_assert_int_eq(rc, TM_E_NETWORK);
    ck_assert_ptr_nonnull(strstr(err.message, "cannot connect to 127.0.0.1:"));
    if (s != NULL)
        fx.sockets->close(fx.ctx, s);
}
END_TEST

START_TEST(addresses_know_who_can_reach_them)
{
    static const struct {
        const char *host;
        bool loopback;
    } cases[] = {{"127.0.0.1", true},        {"127.9.9.9", true}, {"::1", true},
                 {"::ffff:127.0.0.1", true}, {"0.0.0.0", false},  {"::", false},
                 {"10.0.0.1", false}};
    struct tm_address address;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ck_assert_int_eq(fx.sockets->resolve(fx.ctx, cases[i].host, 1, &address, 1, &err), 1);
        ck_assert_int_eq(fx.sockets->is_loopback(fx.ctx, &address), cases[i].loopback);
    }
    char text[TM_ADDRESS_TEXT];
    ck_assert_int_eq(fx.sockets->resolve(fx.ctx, "::1", 80, &address, 1, &err), 1);
    fx.sockets->describe(fx.ctx, &address, text);
    ck_assert_str_eq(text, "[::1]:80");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("real_sockets");
    TCase *tc = tcase_create("all");
    tcase_add_checked_fixture(tc, open_all, close_all);
    tcase_add_test(tc, both_ends_of_a_connection_wake_who_watches_them);
    tcase_add_test(tc, a_port_is_taken_once_and_refuses_when_nobody_listens);
    tcase_add_test(tc, addresses_know_who_can_reach_them);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
