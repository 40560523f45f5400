// The seeded scheduler.
#include "tests/sim/scheduler.h"

#include "connectors/discard/discard.h"
#include "connectors/file/file.h"
#include "connectors/generator/generator.h"
#include "connectors/socket/socket.h"
#include "connectors/stdio/stdio.h"
#include "connectors/webhook/webhook.h"
#include "core/kit/drive.h"

static const struct tm_connector *const connectors[] = {
    &tm_connector_file,    &tm_connector_stdin,  &tm_connector_print,   &tm_connector_generator,
    &tm_connector_discard, &tm_connector_socket, &tm_connector_webhook, NULL,
};

// Nothing happened by chance for a while: try everybody. Twice, since who found nothing to do may
// have asked another for it (a read of a helper thread, an answer of the coordinator).
static bool turn_all(struct tm_drive *drive)
{
    return tm_drive_turn_all(drive) || tm_drive_turn_all(drive);
}

static bool help(void *world)
{
    return tm_single_run(world, 0);
}

static int loop(struct world *world, struct tm_drive *drive, int64_t steps_max,
                struct tm_error *err)
{
    uint32_t actors = drive->job->worker_count + 2;
    uint32_t idle = 0;
    for (int64_t step = 0; step < steps_max; step++) {
        if (drive->coordinator.state == TM_JOB_DONE)
            return 0;
        uint64_t draw = world_random(world);
        uint32_t actor = (uint32_t)(draw % actors);
        bool progress;
        if (actor < drive->job->worker_count)
            progress = tm_drive_turn_worker(drive, actor, (uint32_t)(draw >> 32) % 1024);
        else if (actor == drive->job->worker_count)
            progress = tm_single_run(&world->single, draw >> 32);
        else
            progress = tm_drive_turn_coordinator(drive);
        idle = progress ? 0 : idle + 1;
        if (idle < actors * 8 || turn_all(drive))
            continue;
        int64_t deadline = tm_drive_deadline_ns(drive);
        if (deadline == INT64_MAX)
            return tm_error_set(err, TM_E_INTERNAL, "deadlock after %lld steps", (long long)step);
        if (deadline > world->mono_ns)
            world->mono_ns = deadline;
        idle = 0;
    }
    return tm_error_set(err, TM_E_LIMIT, "not done after %lld steps", (long long)steps_max);
}

static int read_script(struct world *world, const char *path, struct tm_error *err)
{
    struct tm_error ignored = {0};
    int fd = world->fx.files->open(world, path, TM_FILE_READ, err);
    if (fd >= 0)
        (void)world->fx.files->close(world, fd, &ignored);
    return fd < 0 ? fd : 0;
}

int sim_run(struct world *world, const struct sim_args *args, struct tm_error *err)
{
    struct tm_mem mem;
    struct tm_log log = {.fx = &world->fx, .level = TM_LOG_INFO};
    size_t length;
    tm_mem_init(&mem, &world->fx, NULL, 0);
    int rc = read_script(world, args->script_path, err);
    if (rc != 0)
        return rc;
    const char *script = world_file_data(world, args->script_path, &length);
    struct tm_drive drive;
    struct tm_drive_args drive_args = {
        .fx = &world->fx,
        .mem = &mem,
        .log = &log,
        .connectors = connectors,
        .parallelism = args->parallelism,
        .help = help,
        .arg = world,
        .vm =
            {
                .fx = &world->fx,
                .mem = &mem,
                .seed = 1,
                .script_path = args->script_path,
                .script_text = script,
                .script_length = length,
                .set_names = args->set_names,
                .set_values = args->set_values,
                .set_count = args->set_count,
            },
    };
    rc = tm_drive_plan(&drive, &drive_args, err);
    if (rc == 0)
        rc = tm_drive_start(&drive, err);
    if (rc == 0) {
        rc = loop(world, &drive, args->steps_max, err);
        if (rc != 0)
            return rc; // tasks are in the middle of something: this world ends here, unfreed
        rc = tm_drive_finish(&drive, err);
    }
    tm_drive_close(&drive);
    return rc;
}
