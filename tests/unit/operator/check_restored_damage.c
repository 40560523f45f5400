// Checkpoints that were edited: their checksums are good, and what they hold is anything. What
// comes of it is an error, or a state that can be worked on: never an assertion, never a read of
// what is not there (run under the sanitizers too). And those of other scripts.
#include "core/checkpoint/restored_parts.h"
#include "restored.h"

#include "core/base/hash.h"

enum { EDITS = 150 };
static uint32_t refused, taken;

static void configure(const struct tm_node *node)
{
    world_new(node->kind, 16);
    uint8_t kind = node->kind;
    struct tm_node *to = &world.node;
    to->window = node->window;
    to->size_ms = node->size_ms;
    to->slide_ms = node->slide_ms;
    to->lateness_ms = node->lateness_ms;
    to->processing = node->processing;
    to->trigger = node->trigger;
    to->evictor = node->evictor;
    to->emit_final = node->emit_final;
    to->kind = kind;
    use_key(USER);
    world.ctx.now_ms = 1767225600000;
    world.graph.flush_processing = true;
}

// Some rows.
static void feed_some(struct tm_operator *op, uint32_t batches, int64_t *time)
{
    for (uint32_t step = 0; step < batches; step++) {
        struct row rows[ROWS_AT_ONCE];
        for (uint32_t i = 0; i < ROWS_AT_ONCE; i++)
            rows[i] = random_row(i, *time);
        struct tm_element in = {.kind = TM_ELEMENT_BATCH, .batch = batch_of(rows, ROWS_AT_ONCE)};
        step_all(op, in, true);
        *time += 40;
        in = (struct tm_element){.kind = TM_ELEMENT_WATERMARK, .watermark = *time - 120};
        step_all(op, in, true);
        tick_all(op, true);
    }
}

// Some bytes of a segment become others, and its checksum says so.
static void edit(struct tm_restored *restored)
{
    struct tm__data *data = &restored->data[0];
    struct tm__link *links[4096];
    uint32_t count = 0;
    for (uint32_t p = 0; p < data->index.part_count; p++) {
        struct tm__index_part *part = &data->index.parts[p];
        if (part->kind == TM__PART_ITEMS)
            links[count++] = &part->items;
        for (uint32_t g = 0; part->kind != TM__PART_ITEMS && g <= part->last - part->first; g++)
            for (uint32_t i = 0; i < part->chains[g].count && count < 4000; i++)
                links[count++] = &part->chains[g].links[i];
    }
    struct tm__link *link = links[draw(count)];
    uint8_t *bytes = data->bytes.data + link->offset;
    for (uint32_t n = 1 + (uint32_t)draw(3); n > 0 && link->length >= 8; n--) {
        uint64_t at = draw(link->length - 7), word = draw(4) == 0 ? draw(UINT32_MAX) : draw(40);
        uint32_t old;
        memcpy(&old, bytes + at, sizeof old);
        switch (draw(5)) {
        case 0:
            bytes[at] = (uint8_t)draw(256);
            break;
        case 1: // a word as it stands in pages
            memcpy(bytes + at / 4 * 4, &word, 4);
            break;
        case 2:
            old += (uint32_t)draw(9) - 4;
            memcpy(bytes + at, &old, 4);
            break;
        case 3: // one more of the same
            memcpy(bytes + at, bytes + draw(link->length - 7), 8);
            break;
        default:
            memset(bytes + at, (int)draw(2) * 255, 8);
        }
    }
    link->checksum = tm_hash_bytes(bytes, link->length);
}

static void go_on_with_edits(tm_operator_make *make)
{
    int64_t time = 1000000;
    task_make = make;
    feed_some(world.op, 12, &time);
    struct tm_cut *cut = cut_of(world.op, 0);
    for (uint32_t i = 0; i < EDITS; i++) {
        struct tm_restored *restored = checkpoint_of(&cut, 1);
        struct tm_error err = {0};
        int64_t later = time;
        edit(restored);
        tasks_open(1, i % 4 == 3 ? 32 : 16); // entry by entry, too
        int rc = tasks[0].op->ops->restore(tasks[0].op, restored, &err);
        tm_restored_free(restored);
        if (rc != 0 && rc != TM_E_CHECKPOINT && rc != TM_E_STATE_TYPE)
            ck_abort_msg("%d: %s", rc, err.message);
        refused += rc != 0;
        taken += rc == 0;
        if (rc == 0) {
            feed_some(tasks[0].op, 3, &later);
            step_all(tasks[0].op,
                     (struct tm_element){.kind = TM_ELEMENT_WATERMARK, .watermark = INT64_MAX},
                     true);
            step_all(tasks[0].op,
                     (struct tm_element){.kind = TM_ELEMENT_END, .status = TM_END_DRAIN}, true);
        }
        tasks_free();
        for (uint32_t k = 0; k < other_count; k++)
            free(others[k]);
        other_count = 0;
    }
    tm_cut_free(cut);
    restored_teardown();
}

static const struct tm_node nodes[] = {
    {.kind = TM_NODE_ROLLING},
    {.kind = TM_NODE_ROLLING, .emit_final = true},
    {.kind = TM_NODE_WINDOW, .size_ms = 100, .slide_ms = 100},
    {.kind = TM_NODE_WINDOW, .size_ms = 320, .slide_ms = 20},
    {.kind = TM_NODE_WINDOW, .window = TM_WINDOW_CUMULATE, .size_ms = 300, .slide_ms = 60},
    {.kind = TM_NODE_WINDOW, .window = TM_WINDOW_SESSION, .size_ms = 30, .slide_ms = 30},
    {.kind = TM_NODE_WINDOW, .size_ms = 200, .slide_ms = 50, .lateness_ms = 60},
    {.kind = TM_NODE_WINDOW,
     .size_ms = 200,
     .slide_ms = 200,
     .trigger = {.kind = TM_TRIGGER_COUNT, .value = 30, .timeout_ms = 50}},
    {.kind = TM_NODE_WINDOW, .size_ms = 100, .slide_ms = 100, .evictor = {TM_EVICTOR_COUNT, 0, 3}},
    {.kind = TM_NODE_WINDOW, .window = TM_WINDOW_COUNT, .size_ms = 6, .slide_ms = 4},
};
enum { NODES = sizeof nodes / sizeof nodes[0] };

START_TEST(an_edited_checkpoint_is_refused_or_harmless)
{
    seed_from("an_edited_checkpoint_is_refused_or_harmless");
    random_state += (uint64_t)_i * 7919;
    const struct tm_node *node = &nodes[_i % NODES];
    configure(node);
    uses[_i / NODES]();
    tm_operator_make *make =
        node->kind == TM_NODE_ROLLING ? tm_operator_rolling_new : tm_operator_window_new;
    open_keyed(make);
    go_on_with_edits(make);
    printf("%u refused, %u taken\n", refused, taken);
    ck_assert_uint_ne(refused, 0);
}
END_TEST

START_TEST(edited_rankings_and_identities_are_refused_or_harmless)
{
    seed_from("edited_rankings_and_identities_are_refused_or_harmless");
    random_state += (uint64_t)_i * 7919;
    tm_operator_make *make = _i == 0 ? tm_operator_distinct_new : tm_operator_ranked_new;
    const struct tm_node node = {.kind = _i == 0 ? TM_NODE_DISTINCT : TM_NODE_TOP};
    configure(&node);
    world.node.ttl_ms = _i == 0 ? 500 : 0;
    world.node.field = AMOUNT;
    world.node.limit = _i == 1 ? 4 : 20;
    world.node.rank_field = -1;
    open_with(make, make_schema(input_fields, FIELDS, TS));
    go_on_with_edits(make);
    ck_assert_uint_ne(refused, 0);
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("restored_damage");
    tcase_add_loop_test(tc, an_edited_checkpoint_is_refused_or_harmless, 0, NODES * USES);
    tcase_add_loop_test(tc, edited_rankings_and_identities_are_refused_or_harmless, 0, 3);
    return run_operator_case(tc, "restored_damage");
}
