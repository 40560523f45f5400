// Requests as a running job understands them.
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "core/cluster/request.h"

static const char *arguments[8]; // name, value, ...; NULL ends
static struct tm_request request;
static struct tm_error err;

static const char *argument(void *arg, const char *name)
{
    (void)arg;
    for (int i = 0; arguments[i] != NULL; i += 2)
        if (strcmp(arguments[i], name) == 0)
            return arguments[i + 1];
    return NULL;
}

static int parse(const char *method, const char *path)
{
    const struct tm_request_text text = {.method = method, .path = path, .argument = argument};
    tm_error_clear(&err);
    return tm_request_parse(&text, &request, &err);
}

static int parse_with(const char *method, const char *path, const char *name, const char *value)
{
    arguments[0] = name;
    arguments[1] = value;
    arguments[2] = NULL;
    int status = parse(method, path);
    arguments[0] = NULL;
    return status;
}

START_TEST(each_path_has_its_method)
{
    static const struct {
        const char *method, *path;
        enum tm_request_kind kind;
    } all[] = {{"GET", "/v1/job", TM_REQUEST_JOB},
               {"GET", "/v1/report", TM_REQUEST_REPORT},
               {"GET", "/metrics", TM_REQUEST_METRICS},
               {"GET", "/v1/states", TM_REQUEST_STATES},
               {"POST", "/v1/savepoint", TM_REQUEST_SAVEPOINT},
               {"POST", "/v1/stop", TM_REQUEST_STOP},
               {"POST", "/v1/cancel", TM_REQUEST_CANCEL}};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        ck_assert_int_eq(parse(all[i].method, all[i].path), 0);
        ck_assert_int_eq(request.kind, all[i].kind);
        ck_assert_int_eq(parse(all[i].method[0] == 'G' ? "POST" : "GET", all[i].path), 405);
        ck_assert_ptr_nonnull(strstr(err.message, all[i].path));
    }
}
END_TEST

START_TEST(a_path_that_is_not_there_names_the_nearest)
{
    ck_assert_int_eq(parse("GET", "/v1/jobs"), 404);
    ck_assert_str_eq(err.hint, "did you mean /v1/job?");
    ck_assert_int_eq(parse("GET", ""), 404);
    ck_assert_int_eq(parse("GET", "/v2/job/../../etc/passwd"), 404);
    ck_assert_int_eq(parse("", "/v1/job"), 405);
}
END_TEST

START_TEST(a_key_makes_a_scan_a_get)
{
    ck_assert_int_eq(parse_with("GET", "/v1/state", "name", "op.state"), 0);
    ck_assert_int_eq(request.kind, TM_REQUEST_STATE_SCAN);
    ck_assert_uint_eq(request.limit, TM_REQUEST_LIMIT);
    arguments[2] = "key";
    arguments[3] = "k";
    arguments[4] = NULL;
    arguments[0] = "name";
    arguments[1] = "op.state";
    ck_assert_int_eq(parse("GET", "/v1/state"), 0);
    ck_assert_int_eq(request.kind, TM_REQUEST_STATE_GET);
    ck_assert_str_eq(request.key, "k");
    arguments[0] = NULL;
    ck_assert_int_eq(parse("GET", "/v1/state"), 400); // without a name
    ck_assert_int_eq(parse_with("GET", "/v1/state", "name", ""), 400);
}
END_TEST

START_TEST(a_state_of_no_key_is_asked_for_without_one)
{
    arguments[0] = "name";
    arguments[1] = "op.state";
    arguments[2] = "keyless";
    arguments[4] = NULL;
    for (int i = 0; i < 3; i++) {
        static const char *const flags[] = {"true", "", "false"};
        arguments[3] = flags[i];
        ck_assert_int_eq(parse("GET", "/v1/state"), 0);
        ck_assert_int_eq(request.kind, TM_REQUEST_STATE_SCAN);
        ck_assert_int_eq(request.keyless, i != 2);
    }
    arguments[3] = "maybe";
    ck_assert_int_eq(parse("GET", "/v1/state"), 400);
    ck_assert_str_eq(err.message, "keyless is true or false, not: 'maybe'");
    arguments[3] = "true";
    arguments[4] = "key";
    arguments[5] = "k";
    arguments[6] = NULL;
    ck_assert_int_eq(parse("GET", "/v1/state"), 400); // one or the other
    arguments[0] = NULL;
}
END_TEST

START_TEST(limits_are_whole_numbers_in_bounds)
{
    static const char *const bad[] = {"0", "-1", "100001", "9999999999999999999", "1x", "", " 1"};
    arguments[2] = "name";
    arguments[3] = "op.state";
    arguments[4] = NULL;
    arguments[0] = "limit";
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        arguments[1] = bad[i];
        ck_assert_int_eq(parse("GET", "/v1/state"), 400);
    }
    arguments[1] = "100000";
    ck_assert_int_eq(parse("GET", "/v1/state"), 0);
    ck_assert_uint_eq(request.limit, 100000);
    arguments[0] = NULL;
}
END_TEST

START_TEST(drain_is_true_or_false)
{
    ck_assert_int_eq(parse_with("POST", "/v1/stop", "drain", "true"), 0);
    ck_assert_int_eq(request.kind, TM_REQUEST_DRAIN);
    ck_assert_int_eq(parse_with("POST", "/v1/stop", "drain", ""), 0);
    ck_assert_int_eq(request.kind, TM_REQUEST_DRAIN);
    ck_assert_int_eq(parse_with("POST", "/v1/stop", "drain", "false"), 0);
    ck_assert_int_eq(request.kind, TM_REQUEST_STOP);
    ck_assert_int_eq(parse_with("POST", "/v1/stop", "drain", "maybe"), 400);
}
END_TEST

START_TEST(a_savepoint_s_path_is_whole_and_bounded)
{
    static char long_path[TM_REQUEST_VALUE_MAX + 3];
    memset(long_path, 'a', sizeof long_path - 1);
    long_path[0] = '/';
    ck_assert_int_eq(parse_with("POST", "/v1/savepoint", "path", "/x/y"), 0);
    ck_assert_str_eq(request.path, "/x/y");
    ck_assert_int_eq(parse_with("POST", "/v1/savepoint", "path", "x/y"), 400);
    ck_assert_int_eq(parse_with("POST", "/v1/savepoint", "path", long_path), 400);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("request");
    TCase *tests = tcase_create("request");
    tcase_add_test(tests, each_path_has_its_method);
    tcase_add_test(tests, a_path_that_is_not_there_names_the_nearest);
    tcase_add_test(tests, a_key_makes_a_scan_a_get);
    tcase_add_test(tests, a_state_of_no_key_is_asked_for_without_one);
    tcase_add_test(tests, limits_are_whole_numbers_in_bounds);
    tcase_add_test(tests, drain_is_true_or_false);
    tcase_add_test(tests, a_savepoint_s_path_is_whole_and_bounded);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
