// TM_CHECK ends the process and says where; this is a program error, so the test watches a child.
#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/check.h"

START_TEST(a_false_condition_aborts_and_names_itself)
{
    int fds[2];
    ck_assert_int_eq(pipe(fds), 0);
    pid_t child = fork();
    if (child == 0) {
        dup2(fds[1], 2);
        close(fds[0]);
        TM_CHECK(1 + 1 == 3);
        _exit(0);
    }
    close(fds[1]);
    char text[512] = "";
    size_t size = 0;
    ssize_t n;
    while ((n = read(fds[0], text + size, sizeof(text) - 1 - size)) > 0)
        size += (size_t)n;
    close(fds[0]);
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    ck_assert_ptr_nonnull(strstr(text, "check_check.c:"));
    ck_assert_ptr_nonnull(strstr(text, "1 + 1 == 3"));
}
END_TEST

START_TEST(a_true_condition_is_an_expression_without_effect)
{
    int evaluated = 0;
    TM_CHECK(++evaluated == 1);
    ck_assert_int_eq(evaluated, 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("check");
    TCase *tcase = tcase_create("check");
    tcase_add_test(tcase, a_false_condition_aborts_and_names_itself);
    tcase_add_test(tcase, a_true_condition_is_an_expression_without_effect);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
