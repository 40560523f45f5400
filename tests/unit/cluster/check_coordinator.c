// The coordinator's decisions, with an environment that only writes down what it was told.
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/cluster/coordinator.h"
#include "core/loop/real.h"

static struct tm_fx fx;
static struct tm_mem mem;
static struct tm_coordinator c;
static enum tm_command_kind commands[32];
static char texts[32][64];
static int command_count;
static int settle_code, command_code;
static bool settle_waits;
static int begins, begin_code;  // what had to begin; what that came to
static int turns, turns_before; // BEGIN to the workers: how often, and before what had to begin

static int note_command(void *arg, enum tm_command_kind kind, const char *text, size_t length)
{
    (void)arg;
    if (kind == TM_COMMAND_BEGIN) { // each job that runs has one
        turns++;
        turns_before += begins == 0;
        return command_code;
    }
    commands[command_count] = kind;
    snprintf(texts[command_count], sizeof texts[0], "%.*s", (int)length, text == NULL ? "" : text);
    command_count++;
    return command_code;
}

static int note_begin(void *arg, struct tm_error *err)
{
    (void)arg;
    begins++;
    return begin_code == 0 ? 0 : tm_error_set(err, begin_code, "no");
}

static int answer_settle(void *arg, const char *proposal, size_t length, struct tm_buf *settled,
                         struct tm_error *err)
{
    (void)arg;
    if (settle_code != 0)
        return tm_error_set(err, settle_code, "no");
    if (settle_waits)
        return 1;
    int rc = tm_buf_append(settled, "settled ", 8);
    return rc != 0 ? rc : tm_buf_append(settled, proposal, length);
}

static int saves[4], save_count; // enum tm_checkpoint_purpose

static void note_save(void *arg, enum tm_checkpoint_purpose purpose)
{
    (void)arg;
    saves[save_count++] = (int)purpose;
}

static void init(void (*save)(void *arg, enum tm_checkpoint_purpose purpose))
{
    struct tm_coordinator_env env = {
        .command = note_command, .begin = note_begin, .settle = answer_settle, .save = save};
    tm_coordinator_init(&c, &env, &mem, 2, 3);
}

static void setup(void)
{
    struct tm_error err = {0};
    ck_assert_int_eq(tm_real_init(&fx, &err), 0);
    tm_mem_init(&mem, &fx, NULL, 0);
    command_count = settle_code = command_code = save_count = 0;
    begins = begin_code = turns = turns_before = 0;
    settle_waits = false;
    init(NULL);
}

static void teardown(void)
{
    ck_assert_int_eq(atomic_load(&mem.used_bytes), 0);
    tm_real_fini(&fx);
}

static void send(enum tm_event_kind kind)
{
    struct tm_event event = {.kind = kind};
    tm_coordinator_event(&c, &event);
}

static void fail_with(int code)
{
    struct tm_event event = {.kind = TM_EVENT_FAILED};
    tm_error_set(&event.error, code, "code %d", code);
    tm_coordinator_event(&c, &event);
}

START_TEST(a_job_runs_once_every_worker_is_ready)
{
    send(TM_EVENT_READY);
    ck_assert_int_eq(c.state, TM_JOB_STARTING);
    send(TM_EVENT_READY);
    ck_assert_int_eq(c.state, TM_JOB_RUNNING);
    ck_assert_int_eq(command_count, 0);
}
END_TEST

START_TEST(what_cannot_be_taken_back_waits_for_the_last_worker_and_tasks_wait_for_it)
{
    send(TM_EVENT_READY);
    ck_assert_int_eq(begins + turns, 0);
    send(TM_EVENT_READY);
    ck_assert_int_eq(begins, 1);
    ck_assert_int_eq(turns, 1);
    ck_assert_int_eq(turns_before, 0);
}
END_TEST

START_TEST(a_worker_that_cannot_start_keeps_all_from_beginning)
{
    send(TM_EVENT_READY);
    fail_with(TM_E_USER_CODE);
    send(TM_EVENT_READY); // of another, which was on its way
    ck_assert_int_eq(begins + turns, 0);
    ck_assert(!c.ran);
    ck_assert_int_eq(commands[0], TM_COMMAND_CANCEL);
}
END_TEST

START_TEST(a_beginning_that_fails_is_the_end_of_a_job_that_has_not_run)
{
    begin_code = TM_E_NO_SPACE;
    send(TM_EVENT_READY);
    send(TM_EVENT_READY);
    ck_assert_int_eq(turns, 0);
    ck_assert(!c.ran);
    ck_assert_int_eq(c.error.code, TM_E_NO_SPACE);
    ck_assert_int_eq(commands[0], TM_COMMAND_CANCEL);
}
END_TEST

START_TEST(a_job_that_was_stopped_while_it_started_begins_to_end_in_order)
{
    tm_coordinator_stop(&c);
    ck_assert_int_eq(commands[0], TM_COMMAND_STOP);
    send(TM_EVENT_READY);
    send(TM_EVENT_READY);
    ck_assert_int_eq(begins, 1);
    ck_assert_int_eq(turns, 1);
    ck_assert_int_eq(c.state, TM_JOB_STOPPING);
}
END_TEST

START_TEST(workers_exit_after_the_last_task_and_the_job_is_done_after_the_last_worker)
{
    send(TM_EVENT_READY);
    send(TM_EVENT_READY);
    send(TM_EVENT_TASK_FINISHED);
    send(TM_EVENT_TASK_FINISHED);
    ck_assert_int_eq(command_count, 0);
    send(TM_EVENT_TASK_FINISHED);
    ck_assert_int_eq(command_count, 1);
    ck_assert_int_eq(commands[0], TM_COMMAND_EXIT);
    send(TM_EVENT_EXITED);
    ck_assert_int_eq(c.state, TM_JOB_EXITING);
    send(TM_EVENT_EXITED);
    ck_assert_int_eq(c.state, TM_JOB_DONE);
    ck_assert_int_eq(tm_coordinator_outcome(&c), TM_JOB_FINISHED);
}
END_TEST

START_TEST(only_the_first_failure_counts_and_cancels_once)
{
    fail_with(TM_E_USER_CODE);
    fail_with(TM_E_IO);
    ck_assert_int_eq(command_count, 1);
    ck_assert_int_eq(commands[0], TM_COMMAND_CANCEL);
    ck_assert_int_eq(c.error.code, TM_E_USER_CODE);
    send(TM_EVENT_EXITED);
    send(TM_EVENT_EXITED);
    ck_assert_int_eq(c.state, TM_JOB_DONE);
    ck_assert_int_eq(tm_coordinator_outcome(&c), TM_JOB_FAILED);
}
END_TEST

START_TEST(the_culprit_is_that_of_the_first_failure)
{
    struct tm_event first = {.kind = TM_EVENT_FAILED, .error = {.code = TM_E_USER_CODE}};
    struct tm_event second = first;
    first.culprit = (struct tm_culprit){{1, 2}};
    second.culprit = (struct tm_culprit){{3, 4}};
    ck_assert(!c.ran);
    tm_coordinator_event(&c, &(struct tm_event){.kind = TM_EVENT_READY});
    ck_assert(!c.ran);
    tm_coordinator_event(&c, &(struct tm_event){.kind = TM_EVENT_READY});
    ck_assert(c.ran);
    tm_coordinator_event(&c, &first);
    tm_coordinator_event(&c, &second);
    ck_assert_uint_eq(c.culprit.hash[0], 1);
    ck_assert_uint_eq(c.culprit.hash[1], 2);
}
END_TEST

START_TEST(a_closed_pipe_is_an_end_and_not_a_failure)
{
    fail_with(TM_E_CLOSED_PIPE);
    ck_assert_int_eq(commands[0], TM_COMMAND_CANCEL);
    ck_assert_int_eq(tm_coordinator_outcome(&c), TM_JOB_FINISHED);
}
END_TEST

START_TEST(a_proposal_is_answered_to_all_workers)
{
    struct tm_event *event = tm_event_new(&mem, TM_EVENT_PROPOSAL, 1, "p1", 2);
    tm_coordinator_event(&c, event);
    tm_event_free(event);
    ck_assert_int_eq(command_count, 1);
    ck_assert_int_eq(commands[0], TM_COMMAND_SETTLED);
    ck_assert_str_eq(texts[0], "settled p1");
}
END_TEST

START_TEST(a_proposal_that_needs_others_is_answered_with_theirs)
{
    settle_waits = true;
    send(TM_EVENT_PROPOSAL);
    ck_assert_int_eq(command_count, 0);
    ck_assert_int_eq(c.error.code, 0);
    settle_waits = false;
    struct tm_event *event = tm_event_new(&mem, TM_EVENT_PROPOSAL, 1, "p2", 2);
    tm_coordinator_event(&c, event);
    tm_event_free(event);
    ck_assert_int_eq(command_count, 1);
    ck_assert_str_eq(texts[0], "settled p2");
}
END_TEST

START_TEST(a_proposal_that_cannot_be_settled_fails_the_job)
{
    settle_code = TM_E_RETURNS_NEEDED;
    send(TM_EVENT_PROPOSAL);
    ck_assert_int_eq(commands[0], TM_COMMAND_CANCEL);
    ck_assert_int_eq(c.error.code, TM_E_RETURNS_NEEDED);
}
END_TEST

START_TEST(a_proposal_after_a_failure_is_not_answered)
{
    fail_with(TM_E_IO);
    send(TM_EVENT_PROPOSAL);
    ck_assert_int_eq(command_count, 1);
}
END_TEST

START_TEST(the_first_stop_ends_sources_and_the_second_cancels)
{
    send(TM_EVENT_READY);
    send(TM_EVENT_READY);
    tm_coordinator_stop(&c);
    ck_assert_int_eq(commands[0], TM_COMMAND_STOP);
    ck_assert_int_eq(c.state, TM_JOB_STOPPING);
    tm_coordinator_stop(&c);
    ck_assert_int_eq(commands[1], TM_COMMAND_CANCEL);
    ck_assert_int_eq(tm_coordinator_outcome(&c), TM_JOB_STOPPED);
}
END_TEST

START_TEST(a_stopped_job_whose_tasks_finish_is_stopped_and_not_finished)
{
    tm_coordinator_stop(&c);
    for (int i = 0; i < 3; i++)
        send(TM_EVENT_TASK_FINISHED);
    ck_assert_int_eq(commands[1], TM_COMMAND_EXIT);
    ck_assert_int_eq(tm_coordinator_outcome(&c), TM_JOB_STOPPED);
}
END_TEST

START_TEST(a_stop_after_the_last_task_sends_nothing)
{
    for (int i = 0; i < 3; i++)
        send(TM_EVENT_TASK_FINISHED);
    tm_coordinator_stop(&c);
    ck_assert_int_eq(command_count, 1);
}
END_TEST

START_TEST(a_command_that_cannot_be_sent_fails_the_job)
{
    command_code = TM_E_MEMORY;
    tm_coordinator_stop(&c);
    ck_assert_int_eq(c.error.code, TM_E_MEMORY);
    ck_assert_int_eq(c.state, TM_JOB_CANCELLING);
}
END_TEST

// --- with checkpoints

static void run_saving(void)
{
    init(note_save);
    send(TM_EVENT_READY);
    send(TM_EVENT_READY);
}

START_TEST(a_job_whose_tasks_have_ended_takes_a_last_checkpoint_before_workers_exit)
{
    run_saving();
    for (int i = 0; i < 3; i++)
        send(TM_EVENT_TASK_FINISHED);
    ck_assert_int_eq(c.state, TM_JOB_SAVING);
    ck_assert_int_eq(command_count, 0);
    ck_assert_int_eq(save_count, 1);
    ck_assert_int_eq(saves[0], TM_PURPOSE_END);
    tm_coordinator_saved(&c);
    ck_assert_int_eq(commands[0], TM_COMMAND_EXIT);
    ck_assert_int_eq(tm_coordinator_outcome(&c), TM_JOB_FINISHED);
}
END_TEST

START_TEST(a_stop_takes_a_last_checkpoint_before_sources_end)
{
    run_saving();
    tm_coordinator_stop(&c);
    ck_assert_int_eq(saves[0], TM_PURPOSE_STOP);
    ck_assert_int_eq(command_count, 0);
    tm_coordinator_saved(&c);
    ck_assert_int_eq(commands[0], TM_COMMAND_STOP);
    for (int i = 0; i < 3; i++)
        send(TM_EVENT_TASK_FINISHED);
    ck_assert_int_eq(save_count, 1); // what came after it is not kept
    ck_assert_int_eq(commands[1], TM_COMMAND_EXIT);
    ck_assert_int_eq(tm_coordinator_outcome(&c), TM_JOB_STOPPED);
}
END_TEST

START_TEST(tasks_that_end_while_the_last_checkpoint_is_taken_wait_for_it)
{
    run_saving();
    tm_coordinator_stop(&c);
    for (int i = 0; i < 3; i++)
        send(TM_EVENT_TASK_FINISHED);
    ck_assert_int_eq(command_count, 0);
    tm_coordinator_saved(&c);
    ck_assert_int_eq(command_count, 1);
    ck_assert_int_eq(commands[0], TM_COMMAND_EXIT);
}
END_TEST

START_TEST(a_second_stop_waits_for_no_checkpoint)
{
    run_saving();
    tm_coordinator_stop(&c);
    tm_coordinator_stop(&c);
    ck_assert_int_eq(commands[0], TM_COMMAND_CANCEL);
    tm_coordinator_saved(&c); // too late: it changes nothing
    ck_assert_int_eq(command_count, 1);
}
END_TEST

START_TEST(a_stop_while_workers_start_waits_for_all_of_them)
{
    init(note_save);
    send(TM_EVENT_READY);
    tm_coordinator_stop(&c); // the first worker may have written rows
    ck_assert_int_eq(save_count, 0);
    ck_assert_int_eq(command_count, 0);
    send(TM_EVENT_READY);
    ck_assert_int_eq(saves[0], TM_PURPOSE_STOP);
    tm_coordinator_saved(&c);
    ck_assert_int_eq(commands[0], TM_COMMAND_STOP);
}
END_TEST

START_TEST(a_second_stop_while_workers_start_waits_for_nothing)
{
    init(note_save);
    tm_coordinator_stop(&c);
    tm_coordinator_stop(&c);
    ck_assert_int_eq(commands[0], TM_COMMAND_CANCEL);
    send(TM_EVENT_READY);
    send(TM_EVENT_READY);
    ck_assert_int_eq(save_count, 0);
}
END_TEST

START_TEST(a_drained_job_ends_as_one_whose_input_has)
{
    run_saving();
    ck_assert(tm_coordinator_drain(&c));
    ck_assert(tm_coordinator_drain(&c)); // once
    ck_assert_int_eq(command_count, 1);
    ck_assert_int_eq(commands[0], TM_COMMAND_DRAIN);
    for (int i = 0; i < 3; i++)
        send(TM_EVENT_TASK_FINISHED);
    ck_assert_int_eq(saves[0], TM_PURPOSE_END);
    tm_coordinator_saved(&c);
    ck_assert_int_eq(tm_coordinator_outcome(&c), TM_JOB_FINISHED);
}
END_TEST

START_TEST(a_job_that_stops_is_not_drained)
{
    run_saving();
    tm_coordinator_stop(&c);
    ck_assert(!tm_coordinator_drain(&c));
    ck_assert_int_eq(command_count, 0);
}
END_TEST

START_TEST(a_cancel_waits_for_nothing_and_takes_no_checkpoint)
{
    run_saving();
    tm_coordinator_cancel(&c);
    ck_assert_int_eq(save_count, 0);
    ck_assert_int_eq(commands[0], TM_COMMAND_CANCEL);
    tm_coordinator_cancel(&c);
    ck_assert_int_eq(command_count, 1);
    ck_assert_int_eq(tm_coordinator_outcome(&c), TM_JOB_STOPPED);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("coordinator");
    TCase *tc = tcase_create("decisions");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, a_job_runs_once_every_worker_is_ready);
    tcase_add_test(tc, what_cannot_be_taken_back_waits_for_the_last_worker_and_tasks_wait_for_it);
    tcase_add_test(tc, a_worker_that_cannot_start_keeps_all_from_beginning);
    tcase_add_test(tc, a_beginning_that_fails_is_the_end_of_a_job_that_has_not_run);
    tcase_add_test(tc, a_job_that_was_stopped_while_it_started_begins_to_end_in_order);
    tcase_add_test(tc, workers_exit_after_the_last_task_and_the_job_is_done_after_the_last_worker);
    tcase_add_test(tc, only_the_first_failure_counts_and_cancels_once);
    tcase_add_test(tc, the_culprit_is_that_of_the_first_failure);
    tcase_add_test(tc, a_closed_pipe_is_an_end_and_not_a_failure);
    tcase_add_test(tc, a_proposal_is_answered_to_all_workers);
    tcase_add_test(tc, a_proposal_that_needs_others_is_answered_with_theirs);
    tcase_add_test(tc, a_proposal_that_cannot_be_settled_fails_the_job);
    tcase_add_test(tc, a_proposal_after_a_failure_is_not_answered);
    tcase_add_test(tc, the_first_stop_ends_sources_and_the_second_cancels);
    tcase_add_test(tc, a_stopped_job_whose_tasks_finish_is_stopped_and_not_finished);
    tcase_add_test(tc, a_stop_after_the_last_task_sends_nothing);
    tcase_add_test(tc, a_command_that_cannot_be_sent_fails_the_job);
    tcase_add_test(tc, a_job_whose_tasks_have_ended_takes_a_last_checkpoint_before_workers_exit);
    tcase_add_test(tc, a_stop_takes_a_last_checkpoint_before_sources_end);
    tcase_add_test(tc, tasks_that_end_while_the_last_checkpoint_is_taken_wait_for_it);
    tcase_add_test(tc, a_second_stop_waits_for_no_checkpoint);
    tcase_add_test(tc, a_stop_while_workers_start_waits_for_all_of_them);
    tcase_add_test(tc, a_second_stop_while_workers_start_waits_for_nothing);
    tcase_add_test(tc, a_drained_job_ends_as_one_whose_input_has);
    tcase_add_test(tc, a_job_that_stops_is_not_drained);
    tcase_add_test(tc, a_cancel_waits_for_nothing_and_takes_no_checkpoint);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
