// reduce: kept rows, repeated keys, failing rows, full outputs, the end. The chunk is a double that
// keeps the contract of chain.ffi.h: it adds the cents and takes the new row's note.
#define SUPPORT_OWN_CHAINS
#include "core/vm/vm.h"
#include "support.h"

static struct {
    struct tm_vm_chain_args args;
    struct tm_chain_ctx ctx;
    int entries, freed, settles;
    uint32_t stop_after; // rows per entry, then FULL; 0: only at the output's limit
    bool unsettled;      // ask for types once
} vm;

int tm_vm_chain_new(struct tm_vm *unused, const struct tm_vm_chain_args *args,
                    struct tm_vm_chain **chain, struct tm_error *err)
{
    (void)unused;
    (void)err;
    vm.args = *args;
    *chain = (struct tm_vm_chain *)(void *)&vm;
    return 0;
}
void tm_vm_chain_free(struct tm_vm_chain *chain)
{
    (void)chain;
    vm.freed++;
}
struct tm_chain_ctx *tm_vm_chain_ctx(struct tm_vm_chain *chain)
{
    (void)chain;
    return &vm.ctx;
}
int tm_vm_chain_drawn(struct tm_vm_chain *unused, int32_t words[TM_VM_DRAW_WORDS],
                      struct tm_error *err)
{
    (void)unused, (void)words, (void)err;
    return 0;
}
int tm_vm_chain_draw_on(struct tm_vm_chain *unused, const int32_t words[TM_VM_DRAW_WORDS],
                        struct tm_error *err)
{
    (void)unused, (void)words, (void)err;
    return 0;
}
const char *tm_vm_chain_proposal(struct tm_vm_chain *chain, size_t *length)
{
    (void)chain;
    *length = 4;
    return "text";
}
int tm_task_settle(struct tm_task *task, const char *proposal, size_t length)
{
    (void)task;
    ck_assert_int_eq(memcmp(proposal, "text", length), 0);
    vm.settles++;
    return 0;
}

// Append accumulated + row, built in a batch of its own.
static void append_result(const struct tm_row *kept, const struct tm_row *row)
{
    struct tm_batch *scratch = tm_batch_acquire(world.ctx.pool, world.input);
    if (kept == NULL) {
        ck_assert_int_eq(tm_batch_append_row(scratch, row), 0);
    } else {
        struct tm_builder b;
        ck_assert_int_eq(tm_builder_begin(&b, scratch), 0);
        for (uint32_t f = 0; f < FIELDS; f++)
            ck_assert_int_eq(
                tm_builder_copy(&b, f, f == NOTE || f == TS ? row : kept, world.input, f), 0);
        uint32_t offset = world.input->fields[CENTS].offset;
        tm_builder_put_int(&b, CENTS, tm_row_int(kept, offset) + tm_row_int(row, offset));
        ck_assert_int_eq(tm_builder_end(&b), 0);
    }
    if (vm.ctx.out_capacity - vm.ctx.out_size < scratch->size_bytes)
        ck_assert_int_eq(vm.args.grow(vm.args.arg, &vm.ctx, scratch->size_bytes), 0);
    memcpy(vm.ctx.out + vm.ctx.out_size, scratch->data, scratch->size_bytes);
    vm.ctx.out_size += scratch->size_bytes;
    vm.ctx.out_rows++;
    tm_batch_release(scratch);
}

int tm_vm_chain_run(struct tm_vm_chain *chain, struct tm_error *err)
{
    (void)chain;
    uint32_t rows = 0;
    vm.entries++;
    if (vm.unsettled) {
        vm.unsettled = false;
        return TM_VM_RUN_SETTLE;
    }
    ck_assert_uint_eq(vm.ctx.slot_index, 0);
    while (vm.ctx.in < vm.ctx.in_end) {
        const struct tm_row *row = (const struct tm_row *)(const void *)vm.ctx.in;
        const struct tm_row *kept =
            (const struct tm_row *)(const void *)vm.ctx.slots[vm.ctx.slot_index];
        uint32_t length;
        const char *note = tm_row_string(row, world.input->fields[NOTE].offset, &length);
        if (length == 3 && memcmp(note, "bad", 3) == 0) {
            int rc = (vm.args.fail)(vm.args.arg, 0, row, 0, TM_E_USER_CODE, "bad", 3);
            if (rc != 0)
                return tm_error_set(err, rc, "stopped");
        } else {
            append_result(kept, row);
        }
        vm.ctx.in += row->size_bytes;
        vm.ctx.slot_index++;
        if (vm.ctx.out_rows >= vm.ctx.out_full || ++rows == vm.stop_after)
            return TM_VM_RUN_FULL;
    }
    return TM_VM_RUN_DONE;
}

static void reduce(bool emit_final)
{
    memset(&vm, 0, sizeof vm);
    world_new(TM_NODE_REDUCE, 128);
    world.node.emit_final = emit_final;
    use_key(ITEM);
    world.output = tm_schema_ref(world.input);
    world.node.schema = world.output;
    ck_assert_int_eq(tm_operator_reduce_new(&world.ctx, &world.node, &world.op, &world.err), 0);
    world.op->metrics = &world.metrics;
    ck_assert_int_eq(world.op->ops->open(world.op, world.input, &world.err), 0);
}

static void teardown(void)
{
    lines_clear();
    check_account();
    world_free();
    ck_assert_int_eq(vm.freed, 1);
}

// item:cents:note of each row
static void take(const struct tm_element *element)
{
    if (element->kind != TM_ELEMENT_BATCH) {
        lines_take(element);
        return;
    }
    TM_BATCH_EACH(element->batch, row)
    {
        char text[64];
        uint32_t length;
        const char *note = tm_row_string(row, world.input->fields[NOTE].offset, &length);
        snprintf(text, sizeof text, "%lld:%lld:%.*s",
                 (long long)tm_row_int(row, world.input->fields[ITEM].offset),
                 (long long)tm_row_int(row, world.input->fields[CENTS].offset), (int)length, note);
        lines_add(text);
    }
}

START_TEST(the_first_row_is_itself_and_later_ones_are_reduced)
{
    reduce(false);
    struct row rows[] = {
        {.item = 1, .cents = 5, .note = "a"},  {.item = 2, .cents = 7, .note = "b"},
        {.item = 1, .cents = 6, .note = "c"},  {.item = 1, .cents = 1, .note = "d"},
        {.item = 2, .cents = -7, .note = "e"},
    };
    ck_assert_int_eq(feed_rows(rows, 5, take), 0);
    expect_line(0, "1:5:a");
    expect_line(1, "2:7:b");
    expect_line(2, "1:11:c");
    expect_line(3, "1:12:d");
    expect_line(4, "2:0:e");
    ck_assert_int_eq(vm.entries, 3); // cut before rows 2 and 3
    ck_assert_uint_eq(world.metrics.used, 5);
    ck_assert_uint_eq(world.metrics.rows_out, 5);
    feed_end(TM_END_DRAIN, take);
    expect_lines(6);
    teardown();
}
END_TEST

START_TEST(the_function_has_the_slots_of_its_operator)
{
    reduce(false);
    ck_assert_ptr_eq(vm.args.slots_of[0], &metric_slot);
    ck_assert_int_eq(vm.args.buckets(vm.args.arg, &metric_slot), 0);
    ck_assert_uint_eq(metric_slot.is_set, 1);
    teardown();
}
END_TEST
START_TEST(a_failed_row_leaves_the_kept_one)
{
    reduce(false);
    struct row rows[] = {
        {.item = 1, .cents = 5, .note = "bad"}, {.item = 2, .cents = 7, .note = "x"},
        {.item = 1, .cents = 6, .note = "y"},   {.item = 2, .cents = 1, .note = "bad"},
        {.item = 3, .cents = 1, .note = "z"},   {.item = 2, .cents = 1, .note = "w"},
    };
    ck_assert_int_eq(feed_rows(rows, 6, take), 0);
    ck_assert_int_eq(world.failures, 2);
    expect_line(0, "2:7:x");
    expect_line(1, "1:6:y");
    expect_line(2, "3:1:z");
    expect_line(3, "2:8:w");
    expect_lines(4);
    teardown();
}
END_TEST

START_TEST(a_failed_row_ends_the_job_when_the_task_says_so)
{
    reduce(false);
    struct row row = {.item = 1, .note = "bad"};
    world.fail_with = TM_E_USER_CODE;
    ck_assert_int_eq(feed_rows(&row, 1, take), TM_E_USER_CODE);
    ck_assert_str_eq(world.err.message, "bad");
    world.metrics.rows_in = world.metrics.skipped; // the batch was given up
    teardown();
}
END_TEST

START_TEST(random_rows_agree_with_a_plain_sum_however_the_chunk_stops)
{
    seed_from("reduce");
    for (int emit_final = 0; emit_final < 2; emit_final++) {
        static int64_t sums[300];
        memset(sums, 0, sizeof sums);
        reduce(emit_final);
        uint64_t fed = 0;
        for (int batch = 0; batch < 60; batch++) {
            static struct row rows[3000];
            uint32_t n = (uint32_t)draw(3000);
            static char note[3000];
            memset(note, 'n', sizeof note - 1);
            vm.stop_after = (uint32_t)draw(2) * (uint32_t)draw(50);
            vm.unsettled = false;
            for (uint32_t i = 0; i < n; i++) {
                int64_t item = (int64_t)draw(draw(3) == 0 ? 5 : 300);
                rows[i] = (struct row){.item = item, .cents = (int64_t)draw(100)};
                rows[i].note = draw(10) == 0 ? "bad" : draw(200) == 0 ? note : "n";
                if (strcmp(rows[i].note, "bad") != 0)
                    sums[item] += rows[i].cents;
            }
            lines_clear();
            ck_assert_int_eq(feed_rows(rows, n, take), 0);
            fed += n;
            ck_assert_uint_eq(world.metrics.rows_in, fed);
            check_account();
        }
        lines_clear();
        for (int64_t item = 0; item < 300 && !emit_final; item++) { // the next row shows the sum
            struct row row = {.item = item, .note = "n"};
            ck_assert_int_eq(feed_rows(&row, 1, take), 0);
        }
        feed_end(TM_END_DRAIN, take);
        expect_lines(301);
        for (uint32_t i = 0; i < 300; i++) {
            long long item, cents;
            ck_assert_int_eq(sscanf(lines[i], "%lld:%lld:", &item, &cents), 2);
            ck_assert_int_eq(cents, sums[item]);
        }
        teardown();
    }
}
END_TEST

START_TEST(types_are_settled_before_a_row_is_taken)
{
    reduce(false);
    vm.unsettled = true;
    struct row rows[] = {{.item = 1, .cents = 5, .note = "a"},
                         {.item = 1, .cents = 6, .note = "b"}};
    struct tm_element in = {.kind = TM_ELEMENT_BATCH, .batch = batch_of(rows, 2)}, out = {0};
    ck_assert_int_eq(world.op->ops->step(world.op, &in, &out, &world.err), TM_STEP_WAIT);
    ck_assert_int_eq(vm.settles, 1);
    ck_assert_int_eq(out.kind, TM_ELEMENT_NONE);
    ck_assert_int_eq(feed(in, take), 0);
    expect_line(0, "1:5:a");
    expect_line(1, "1:11:b");
    teardown();
}
END_TEST

START_TEST(final_rows_are_not_given_when_the_job_is_stopped)
{
    reduce(true);
    struct row rows[] = {{.item = 1, .cents = 5, .note = "a"},
                         {.item = 1, .cents = 6, .note = "b"}};
    ck_assert_int_eq(feed_rows(rows, 2, take), 0);
    expect_lines(0);
    feed_end(TM_END_STOP, take);
    expect_line(0, "END");
    expect_lines(1);
    teardown();
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("reduce");
    tcase_add_test(tc, the_first_row_is_itself_and_later_ones_are_reduced);
    tcase_add_test(tc, the_function_has_the_slots_of_its_operator);
    tcase_add_test(tc, a_failed_row_leaves_the_kept_one);
    tcase_add_test(tc, a_failed_row_ends_the_job_when_the_task_says_so);
    tcase_add_test(tc, random_rows_agree_with_a_plain_sum_however_the_chunk_stops);
    tcase_add_test(tc, types_are_settled_before_a_row_is_taken);
    tcase_add_test(tc, final_rows_are_not_given_when_the_job_is_stopped);
    return run_operator_case(tc, "reduce");
}
