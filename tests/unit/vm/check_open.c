// States that begin where an earlier one has come to, in a world that keeps them.
#include <lauxlib.h>

#include "core/vm/vm_private.h"
#include "tests/unit/vm/support.h"

enum { HEAP_BYTES = 64 << 20, KEPT = 4 };

// One heap, whose blocks are never given back, and what was kept of it.
struct world {
    struct tm_fx fx, heap;
    uint8_t *bytes;
    size_t used;
    bool is_open, compiles, shares;
    struct {
        uint64_t key;
        void *root;
        uint8_t *bytes;
        size_t used;
    } kept[KEPT];
    int kept_count, recalled;
};

static struct world world;

static void *heap_alloc(void *ctx, size_t size)
{
    size_t rounded = (size + 15) / 16 * 16;
    (void)ctx;
    if (rounded > HEAP_BYTES - world.used)
        return NULL;
    world.used += rounded;
    return world.bytes + world.used - rounded;
}

static void *heap_realloc(void *ctx, void *p, size_t old_size, size_t new_size)
{
    void *moved = heap_alloc(ctx, new_size);
    if (moved != NULL && p != NULL)
        memcpy(moved, p, old_size < new_size ? old_size : new_size);
    return moved;
}

static void heap_free(void *ctx, void *p, size_t size)
{
    (void)ctx;
    if (p != NULL)
        memset(p, 0xdd, size);
}

static const struct tm_fx_memory heap_memory = {heap_alloc, heap_realloc, heap_free, NULL, NULL};

static bool compiles(void *ctx)
{
    (void)ctx;
    return world.compiles;
}

static const struct tm_fx *open_heap(void *ctx, uint64_t key)
{
    (void)ctx;
    (void)key;
    if (world.is_open)
        return NULL;
    world.is_open = true;
    world.used = 0;
    return &world.heap;
}

static void close_heap(void *ctx, const struct tm_fx *heap)
{
    (void)ctx;
    ck_assert_ptr_eq(heap, &world.heap);
    ck_assert(world.is_open);
    world.is_open = false;
    memset(world.bytes, 0xdd, world.used);
}

static void *recall(void *ctx, const struct tm_fx *heap, uint64_t key)
{
    (void)ctx;
    (void)heap;
    for (int i = 0; i < world.kept_count; i++)
        if (world.kept[i].key == key) {
            world.used = world.kept[i].used;
            memcpy(world.bytes, world.kept[i].bytes, world.used);
            world.recalled++;
            return world.kept[i].root;
        }
    return NULL;
}

static void keep(void *ctx, const struct tm_fx *heap, uint64_t key, void *root)
{
    (void)ctx;
    (void)heap;
    int i = world.kept_count++;
    ck_assert_int_lt(i, KEPT);
    world.kept[i].key = key;
    world.kept[i].root = root;
    world.kept[i].used = world.used;
    world.kept[i].bytes = malloc(world.used);
    memcpy(world.kept[i].bytes, world.bytes, world.used);
}

static bool shares(void *ctx)
{
    (void)ctx;
    return world.shares;
}

static const struct tm_fx_states states = {compiles, open_heap, close_heap, recall, keep, shares};

static void world_init(struct fixture *f)
{
    fixture_init(f);
    world = (struct world){.bytes = malloc(HEAP_BYTES)};
    world.heap = (struct tm_fx){.memory = &heap_memory};
    f->fx.states = &states;
}

static void world_fini(struct fixture *f)
{
    fixture_fini(f);
    ck_assert(!world.is_open);
    for (int i = 0; i < world.kept_count; i++)
        free(world.kept[i].bytes);
    free(world.bytes);
}

static const char script[] = HEAD "return rows:map(function(e) e.twice = e.n * 2 return e end)\n"
                                  "  :to(tm.discard())\n";

// Its names, one after the other.
static void names_of(const struct tm_graph *graph, char *text, size_t size)
{
    text[0] = '\0';
    for (uint32_t n = 0; n < graph->node_count; n++)
        snprintf(text + strlen(text), size - strlen(text), "%s;", graph->nodes[n].name);
}

START_TEST(what_a_script_has_built_is_there_again)
{
    struct fixture f;
    char first[200], again[200];
    world_init(&f);
    ck_assert_int_eq(fixture_plan(&f, script), 0);
    names_of(f.graph, first, sizeof first);
    uint64_t fingerprint = f.graph->fingerprint;
    int64_t used = f.mem.used_bytes;
    ck_assert_int_eq(world.kept_count, 2);
    fixture_reset(&f);
    ck_assert_int_eq(f.mem.used_bytes, 0);

    ck_assert_int_eq(fixture_plan(&f, script), 0);
    ck_assert_int_eq(world.recalled, 1);
    ck_assert_int_eq(world.kept_count, 2);
    names_of(f.graph, again, sizeof again);
    ck_assert_str_eq(first, again);
    ck_assert_int_eq(f.mem.used_bytes, used);
    fixture_reset(&f);

    ck_assert_int_eq(fixture_state(&f, script, 0), 0);
    ck_assert_int_eq(tm_vm_evaluate(f.vm, fingerprint, &f.err), 0);
    ck_assert_int_eq(world.recalled, 2);
    world_fini(&f);
}
END_TEST

START_TEST(another_script_finds_its_modules_loaded)
{
    struct fixture f;
    world_init(&f);
    ck_assert_int_eq(fixture_plan(&f, script), 0);
    fixture_reset(&f);
    ck_assert_int_eq(fixture_plan(&f, HEAD "return rows:to(tm.discard())\n"), 0);
    ck_assert_int_eq(world.recalled, 1);
    ck_assert_uint_eq(f.graph->node_count, 2);
    world_fini(&f);
}
END_TEST

START_TEST(what_a_script_has_asked_for_is_asked_again)
{
    struct fixture f;
    world_init(&f);
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(
            fixture_plan(&f,
                         HEAD "local now = os.time()\nreturn rows:filter(function(e) return e.n "
                              "< now end):to(tm.discard())\n"),
            0);
        fixture_reset(&f);
    }
    ck_assert_int_eq(world.kept_count, 1); // the modules
    world_fini(&f);
}
END_TEST

START_TEST(a_script_that_fails_is_not_kept)
{
    struct fixture f;
    world_init(&f);
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(fixture_plan(&f, HEAD "return rows:no_such()\n"), TM_E_UNKNOWN_NAME);
        fixture_reset(&f);
    }
    ck_assert_int_eq(world.kept_count, 1);
    world_fini(&f);
}
END_TEST

START_TEST(where_no_heap_is_free_a_state_is_made_as_ever)
{
    struct fixture f;
    world_init(&f);
    world.is_open = true;
    ck_assert_int_eq(fixture_plan(&f, script), 0);
    ck_assert_int_eq(world.kept_count, 0);
    fixture_reset(&f);
    world.is_open = false;
    world_fini(&f);
}
END_TEST

START_TEST(a_state_that_begins_there_is_limited_too)
{
    struct fixture f;
    world_init(&f);
    ck_assert_int_eq(fixture_plan(&f, script), 0);
    fixture_reset(&f);
    struct tm_mem small = {0};
    tm_mem_init(&small, &f.fx, &f.mem, 100000);
    struct tm_vm_args args = {.fx = &f.fx,
                              .mem = &small,
                              .seed = 42,
                              .script_path = "job.lua",
                              .script_text = script,
                              .script_length = strlen(script)};
    ck_assert_int_eq(tm_vm_new(&args, &f.vm, &f.err), TM_E_MEMORY);
    ck_assert_int_eq(small.used_bytes, 0);
    world_fini(&f);
}
END_TEST

START_TEST(its_code_is_compiled_where_the_world_says_so)
{
    struct fixture f;
    struct tm_vm_traces traces;
    world_init(&f);
    for (int i = 0; i < 4; i++) { // anew, and from what was kept
        world.compiles = i % 2 != 0;
        ck_assert_int_eq(fixture_plan(&f, script), 0);
        for (int n = 0; n < 200; n++)
            tm_vm_traces(f.vm, &traces);
        ck_assert_int_eq(traces.started != 0, world.compiles);
        fixture_reset(&f);
    }
    world_fini(&f);
}
END_TEST

START_TEST(workers_have_the_state_that_planned_where_the_world_says_so)
{
    struct fixture f;
    world_init(&f);
    for (int i = 0; i < 2; i++) { // anew, and from what was kept
        struct tm_vm *workers[2];
        world.shares = false;
        ck_assert_int_eq(fixture_plan(&f, script), 0);
        ck_assert_ptr_null(tm_vm_shared(f.vm));
        world.shares = true;
        const struct tm_vm_args args = {.fx = &f.fx, .mem = &f.mem, .shared = tm_vm_shared(f.vm)};
        for (int w = 0; w < 2; w++) {
            ck_assert_int_eq(tm_vm_new(&args, &workers[w], &f.err), 0);
            ck_assert_ptr_eq(workers[w], f.vm);
            ck_assert_int_eq(tm_vm_evaluate(workers[w], f.graph->fingerprint, &f.err), 0);
            ck_assert_int_eq(tm_vm_evaluate(workers[w], f.graph->fingerprint + 1, &f.err),
                             TM_E_GRAPH_DIFFERS);
        }
        for (int w = 0; w < 2; w++)
            tm_vm_free(workers[w]);
        ck_assert(world.is_open); // who planned has it yet
        fixture_reset(&f);
        ck_assert(!world.is_open);
    }
    world_fini(&f);
}
END_TEST

START_TEST(a_fingerprint_is_the_same_in_c_and_in_lua)
{
    static const char chunk[] =
        "local fingerprint = require 'tidemill.fingerprint'\n"
        "local texts = { '', 'a', 'foobar', ('\\0\\255 of many bytes'):rep(1000) }\n"
        "local function all()\n"
        "  local hashes = {}\n"
        "  for i, text in ipairs(texts) do hashes[i] = bit.tohex(fingerprint.hash(text), 16) end\n"
        "  return table.concat(hashes, ' ')\n"
        "end\n"
        "local by_c = all()\n"
        "fingerprint.set_hash(nil)\n"
        "return by_c == all() and by_c:find('^cbf29ce484222325 af63dc4c8601ec8c 85944171f73967e8 "
        "') ~= "
        "nil";
    struct fixture f;
    fixture_init(&f);
    ck_assert_int_eq(fixture_state(&f, script, 0), 0);
    ck_assert_int_eq(luaL_dostring(f.vm->lua, chunk), 0);
    ck_assert_int_eq(lua_toboolean(f.vm->lua, -1), 1);
    lua_pop(f.vm->lua, 1);
    fixture_fini(&f);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("open");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, workers_have_the_state_that_planned_where_the_world_says_so);
    tcase_add_test(tests, a_fingerprint_is_the_same_in_c_and_in_lua);
    tcase_add_test(tests, what_a_script_has_built_is_there_again);
    tcase_add_test(tests, another_script_finds_its_modules_loaded);
    tcase_add_test(tests, what_a_script_has_asked_for_is_asked_again);
    tcase_add_test(tests, a_script_that_fails_is_not_kept);
    tcase_add_test(tests, where_no_heap_is_free_a_state_is_made_as_ever);
    tcase_add_test(tests, a_state_that_begins_there_is_limited_too);
    tcase_add_test(tests, its_code_is_compiled_where_the_world_says_so);
    return run_case(tests, "vm/open");
}
