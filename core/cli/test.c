// `tidemill test`: specs in a Lua state of their own, with all of Lua's libraries: they are trusted
// as the shell is. The jobs that they test run in the sandbox, as ever.
#include <lauxlib.h>
#include <lualib.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/text.h"
#include "core/cli/engine.h"
#include "core/cli/test_watch.h"
#include "core/kit/lua.h"
#include "core/loop/real.h"
#include "core/vm/embedded.h"

enum {
    SEEDS_DEFAULT = 1000,  // with --kills alone
    HEAP_BYTES = 64 << 20, // of a test's Lua state, under seeds; it may have more
};

struct testing {
    const struct tm_cli_options *options;
    struct tm_kit_host host;
    bool silent; // nothing is printed of how it went
    int code;
};

// Modules of lua/kit are what specs can name, "tidemill" is the first of them; and what kit.clean
// has in common with the planner. NULL: none.
static const struct tm_embedded *module_of(const char *name)
{
    if (strcmp(name, "tidemill") == 0)
        name = "kit";
    for (const struct tm_embedded *e = tm_embedded_files; e->name != NULL; e++)
        if (strcmp(e->name, name) == 0 &&
            (strncmp(name, "kit", 3) == 0 || strcmp(name, "tidemill.utf8") == 0))
            return e;
    return NULL;
}

static int find_module(lua_State *lua)
{
    const char *name = luaL_checkstring(lua, 1);
    const struct tm_embedded *module = module_of(name);
    if (module == NULL) {
        lua_pushfstring(lua, "\n\tno module '%s' in tidemill", name);
        return 1;
    }
    const char *chunk = lua_pushfstring(lua, "=tidemill:%s", module->name);
    if (luaL_loadbuffer(lua, module->text, module->length, chunk) != 0)
        return lua_error(lua);
    return 1;
}

// module(name): its text, for another Lua; nil
static int module_text(lua_State *lua)
{
    const struct tm_embedded *module = module_of(luaL_checkstring(lua, 1));
    if (module == NULL)
        return 0;
    lua_pushlstring(lua, module->text, module->length);
    return 1;
}

static int nearest(lua_State *lua)
{
    const char *names[256];
    size_t count = 0;
    const char *name = luaL_checkstring(lua, 1);
    luaL_checktype(lua, 2, LUA_TTABLE);
    for (int i = 1; i <= (int)lua_objlen(lua, 2) && count < 256; i++) {
        lua_rawgeti(lua, 2, i);
        names[count++] = lua_tostring(lua, -1);
        lua_pop(lua, 1); // the table keeps it
    }
    lua_pushstring(lua, tm_text_nearest(name, names, count));
    return 1;
}

// kind_of(path): "file", "folder", or nil
static int kind_of(lua_State *lua)
{
    const struct testing *testing = lua_touserdata(lua, lua_upvalueindex(1));
    const struct tm_fx *fx = testing->host.real;
    struct tm_file_info info;
    struct tm_error ignored = {0};
    if (fx->files->stat(fx->ctx, luaL_checkstring(lua, 1), &info, &ignored) != 0)
        return 0;
    lua_pushstring(lua, info.is_directory ? "folder" : "file");
    return 1;
}

static void open_modules(lua_State *lua, struct testing *testing)
{
    luaL_openlibs(lua);
    lua_getglobal(lua, "package");
    lua_getfield(lua, -1, "loaded");
    tm_kit_lua_open(lua, &testing->host);
    lua_pushlightuserdata(lua, testing);
    lua_pushcclosure(lua, kind_of, 1);
    lua_setfield(lua, -2, "kind_of");
    lua_pushcfunction(lua, nearest);
    lua_setfield(lua, -2, "nearest");
    lua_pushcfunction(lua, module_text);
    lua_setfield(lua, -2, "module");
    lua_setfield(lua, -2, "kit.engine");
    lua_pop(lua, 1);
    // Ours come first, so that "tidemill" is this binary's whatever lies about.
    lua_getfield(lua, -1, "loaders");
    for (int i = (int)lua_objlen(lua, -1); i >= 1; i--) {
        lua_rawgeti(lua, -1, i);
        lua_rawseti(lua, -2, i + 1);
    }
    lua_pushcfunction(lua, find_module);
    lua_rawseti(lua, -2, 1);
    lua_pop(lua, 2);
}

static int run(lua_State *lua)
{
    struct testing *testing = lua_touserdata(lua, 1);
    const struct tm_cli_options *options = testing->options;
    open_modules(lua, testing);
    lua_getglobal(lua, "require");
    lua_pushstring(lua, options->serve == NULL ? "kit.runner" : "kit.server");
    lua_call(lua, 1, 1);
    lua_getfield(lua, -1, "run");
    if (options->serve != NULL) {
        lua_pushstring(lua, options->serve);
        lua_call(lua, 1, 1);
        testing->code = (int)lua_tointeger(lua, -1);
        return 0;
    }
    lua_newtable(lua);
    if (testing->silent) {
        lua_pushliteral(lua, "--output=silent");
        lua_rawseti(lua, -2, 1);
    } else if (testing->host.trial != NULL) {
        lua_pushliteral(lua, "--helper=kit.story");
        lua_rawseti(lua, -2, 1);
    }
    for (uint32_t i = 0; i < options->rest_count; i++) {
        if (testing->silent && strcmp(options->rest[i], "--output") == 0) {
            i++;
            continue;
        }
        if (options->rest[i][0] == '-') { // a flag and its value
            lua_pushfstring(lua, "%s=%s", options->rest[i], options->rest[i + 1]);
            i++;
        } else {
            lua_pushstring(lua, options->rest[i]);
        }
        lua_rawseti(lua, -2, (int)lua_objlen(lua, -2) + 1);
    }
    lua_call(lua, 1, 1);
    testing->code = (int)lua_tointeger(lua, -1);
    return 0;
}

// In a Lua state of its own: testing->code.
static int run_once(struct testing *testing, struct tm_error *err)
{
    lua_State *lua = luaL_newstate();
    int rc = lua == NULL ? tm_error_set(err, TM_E_MEMORY, "no memory for a Lua state") : 0;
    if (rc == 0 && lua_cpcall(lua, run, testing) != 0)
        rc = tm_error_set(err, TM_E_INTERNAL, "%s", lua_tostring(lua, -1));
    if (lua != NULL)
        lua_close(lua);
    return rc;
}

static int run_seed(struct testing *testing, uint32_t seed, bool silent, struct tm_error *err)
{
    testing->silent = silent;
    testing->host.seed = seed;
    return run_once(testing, err);
}

// How to run a seed again.
static void print_again(const struct testing *testing, uint32_t seed)
{
    const struct tm_cli_options *options = testing->options;
    fprintf(stderr, "tidemill test --seed %u%s", seed, options->kills ? " --kills" : "");
    for (uint32_t i = 0; i < options->rest_count; i++) {
        if (strcmp(options->rest[i], "--output") == 0)
            i++;
        else
            fprintf(stderr, " '%s'", options->rest[i]);
    }
    fputc('\n', stderr);
}

// A form of results that was asked for is printed, also when nothing fails: of the last seed.
static bool has_output(const struct tm_cli_options *options)
{
    for (uint32_t i = 0; i < options->rest_count; i++)
        if (strcmp(options->rest[i], "--output") == 0)
            return true;
    return false;
}

// Do the specs fail without any of it?
static int run_without(struct testing *testing, bool *fails, struct tm_error *err)
{
    struct tm_kit_trial *trial = testing->host.trial;
    testing->host.trial = NULL;
    int rc = run_seed(testing, 0, true, err);
    testing->host.trial = trial;
    *fails = testing->code != TM_EXIT_FINISHED;
    return rc;
}

static int tell_failure(struct testing *testing, uint32_t seed, int code, struct tm_error *err)
{
    bool again = testing->code == code, without;
    int rc = run_without(testing, &without, err);
    testing->code = code;
    if (rc != 0)
        return rc;
    fprintf(stderr, "seed %u: the specs fail%s: ", seed,
            without ? ", and without a seed, too"
            : again ? ""
                    : ", though not a second time: they depend on more than the seed");
    print_again(testing, seed);
    return 0;
}

static int nothing_to_try(struct testing *testing, struct tm_error *err)
{
    testing->code = TM_EXIT_USAGE;
    tm_error_set(err, TM_E_USAGE,
                 "--seeds tries jobs, and no spec that ran has made a test of one");
    tm_error_hint(err, "tm.test(\"job.lua\") makes one; --seeds and --kills are for specs that do");
    return err->code;
}

// Where somebody waits and nothing is printed yet.
static void tell_progress(const struct testing *testing, uint32_t done, uint32_t count)
{
    const struct tm_fx *fx = testing->host.real;
    if (fx->files->is_terminal(fx->ctx, 2))
        fprintf(stderr, done == count ? "\r\033[K" : "\r%u of %u seeds pass\033[K", done, count);
}

// One after the other until one fails, which then runs once more and says how.
static int run_seeds(struct testing *testing, struct tm_error *err)
{
    const struct tm_cli_options *options = testing->options;
    const struct tm_kit_trial *trial = testing->host.trial;
    uint32_t first = options->seed == 0 ? 1 : options->seed;
    uint32_t count = options->seeds != 0 ? options->seeds : options->seed != 0 ? 1 : SEEDS_DEFAULT;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t seed = first + i;
        bool told = count == 1 || (i + 1 == count && has_output(options));
        if (told && i != 0)
            tell_progress(testing, count, count);
        int rc = run_seed(testing, seed, !told, err);
        if (rc != 0 || (count == 1 && testing->code != TM_EXIT_FINISHED))
            return rc;
        tell_progress(testing, testing->code == TM_EXIT_FINISHED ? i + 1 : count, count);
        if (testing->code == TM_EXIT_FINISHED && trial->tests == 0)
            return nothing_to_try(testing, err);
        if (testing->code == TM_EXIT_FINISHED)
            continue;
        int code = testing->code;
        rc = told ? 0 : run_seed(testing, seed, false, err);
        return rc != 0 || code == TM_EXIT_USAGE ? rc : tell_failure(testing, seed, code, err);
    }
    fprintf(
        stderr,
        "seeds %u to %u: the specs pass; %llu checkpoints, %llu deaths, after %llu of them another "
        "parallelism\n",
        first, first + count - 1, (unsigned long long)trial->checkpoints,
        (unsigned long long)trial->deaths, (unsigned long long)trial->rescales);
    return 0;
}

int tm_cli_test(const struct tm_cli_options *options)
{
    struct tm_fx fx;
    struct tm_error err = {0};
    struct testing testing = {.options = options, .code = TM_EXIT_USAGE};
    struct tm_kit_trial trial = {.kills = options->kills};
    struct tm_heaps heaps;
    struct tm_test_watch *watch = NULL;
    bool tries = options->seeds != 0 || options->seed != 0 || options->kills;
    if (tm_real_init(&fx, &err) != 0)
        return tm_cli_fail(options, &err, TM_EXIT_FAILED);
    tm_heaps_init(&heaps, &fx, HEAP_BYTES);
    testing.host = (struct tm_kit_host){.real = &fx,
                                        .connectors = tm_engine_connectors,
                                        .trial = tries ? &trial : NULL,
                                        .heaps = tries ? &heaps : NULL};
    int rc = tm_test_watch_new(options, &watch, &err);
    if (rc == 0) {
        testing.host.watch = tm_test_watch_kit(watch);
        rc = tries ? run_seeds(&testing, &err) : run_once(&testing, &err);
    }
    if (rc != 0)
        testing.code = tm_cli_fail(options, &err, TM_EXIT_USAGE);
    tm_test_watch_free(watch);
    tm_heaps_fini(&heaps);
    tm_real_fini(&fx);
    return testing.code;
}
