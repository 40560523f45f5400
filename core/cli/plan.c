// `tidemill plan`: the task plan for people or machines, and the text generated for each chunk.
#include "core/graph/plan.h"

#include <stdio.h>

#include "core/cli/against.h"
#include "core/cli/engine.h"

static int put_sources(struct tm_engine *engine, struct tm_buf *out, struct tm_error *err)
{
    for (uint32_t c = 0; c < engine->plan->chain_count; c++) {
        const struct tm_chain *chain = &engine->plan->chains[c];
        for (uint32_t i = 0; i < chain->node_count;) {
            uint8_t kind = engine->graph->nodes[chain->nodes[i]].kind;
            uint32_t run = 1;
            while (kind == TM_NODE_FUNCTION && i + run < chain->node_count &&
                   engine->graph->nodes[chain->nodes[i + run]].kind == TM_NODE_FUNCTION)
                run++;
            if (tm_node_has_functions(&engine->graph->nodes[chain->nodes[i]])) {
                int rc = tm_vm_chain_source(engine->vm, chain->nodes + i, run, out, err);
                if (rc != 0)
                    return rc;
                if (tm_buf_append(out, "\n", 1) != 0)
                    return tm_error_set(err, TM_E_MEMORY, "out of memory for the plan");
            }
            i += run;
        }
    }
    return 0;
}

static int put_plan(struct tm_engine *engine, struct tm_error *err)
{
    const struct tm_cli_options *options = engine->options;
    struct tm_buf out;
    tm_buf_init(&out, &engine->mem);
    int rc = options->source ? put_sources(engine, &out, err)
             : options->json ? tm_plan_print_json(engine->plan, &out)
                             : tm_plan_print(engine->plan, &out);
    if (rc == 0 && out.size_bytes != 0)
        fwrite(out.data, 1, out.size_bytes, options->out);
    else if (rc != 0 && err->code == 0)
        tm_error_set(err, rc, "out of memory for the plan");
    tm_buf_fini(&out);
    return rc;
}

// What makes no sense together.
static int check_flags(const struct tm_cli_options *options, struct tm_error *err)
{
    if (options->against != NULL && options->source)
        return tm_error_set(err, TM_E_USAGE, "--source and --against print different things");
    if (options->against != NULL || (options->drop_count == 0 && options->dir == NULL))
        return 0;
    tm_error_set(err, TM_E_USAGE, "%s is about the checkpoint that --against names",
                 options->dir != NULL ? "--dir" : "--drop-state");
    tm_error_hint(err, "tidemill plan %s --against chk-12 ...", tm_cli_job_name(options));
    return TM_E_USAGE;
}

int tm_cli_plan(const struct tm_cli_options *options)
{
    struct tm_engine engine;
    struct tm_error err = {0};
    int code = TM_EXIT_FINISHED;
    int rc = check_flags(options, &err);
    if (rc != 0)
        return tm_cli_fail(options, &err, TM_EXIT_USAGE);
    rc = tm_engine_open(&engine, options, &err);
    if (rc == 0 && options->against != NULL) {
        rc = tm_against(&engine, &err);
        code = rc == 1 ? TM_EXIT_FAILED : code;
        rc = rc == 1 ? 0 : rc;
    } else if (rc == 0) {
        rc = put_plan(&engine, &err);
    }
    if (rc == 0) {
        int warnings = tm_engine_log_findings(&engine, false, &err);
        rc = warnings < 0 ? warnings : 0;
    }
    if (rc != 0)
        code = tm_engine_failed(options, &err, rc);
    tm_engine_close(&engine);
    return code;
}
