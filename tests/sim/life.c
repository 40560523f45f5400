// The life of one seed: swarm, supervisor, phases.
#include "tests/sim/life.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/again.h"
#include "tests/sim/changes.h"
#include "tests/sim/heaps.h"
#include "tests/sim/kinds.h"
#include "tests/sim/left.h"
#include "tests/sim/oracle.h"
#include "tests/sim/process.h"
#include "tests/sim/rot.h"
#include "tests/sim/seen.h"
#include "tests/sim/swarm.h"

enum {
    PROCESSES_MAX = 60,
    RESTARTS_MAX = 6,          // of a job in a process; then it has peace
    TROUBLE_TURNS_MAX = 10000, // of one process; then it has peace
    TURNS_MAX = 400000,        // of one process that has
    CALLS_MAX = 10000,         // into its life that a process dies
    ASK_TURNS_MAX = 2000,      // into its life that a user wants something
    AGAIN_TURNS_MAX = 60,      // behind that, that one wants something more
    BEHIND_MAX = 200,          // calls behind a checkpoint, within which power is lost
    ZOMBIE_TURNS_MAX = 3000,   // of a process that another has taken the place of
    NAP_CALLS = 12,            // into publishing that it falls asleep
    NAPS_STREAM = 23,          // see sim_random_of
};

struct life {
    struct sim_universe universe;
    struct sim_job job;
    struct sim_oracle oracle;
    struct sim_seen seen;
    struct sim_left left;
    struct sim_again again;
    struct sim_rot rot;
    struct sim_changes changes;
    bool stopped;     // for good, and rightly so
    bool told_to_end; // the process, which has read all of an input without an end
    struct sim_outcome *outcome;
    struct sim_process *process;
    uint32_t troubled; // processes that trouble comes to
    uint32_t death_permille;
    uint32_t parallelism;
    bool rescales, closes;      // processes that exit free what they have
    bool asks, drained;         // users want something of the job; it was told to end
    uint64_t asks_at;           // turns
    bool sleeps;                // processes may get no turn for long
    uint64_t sleeps_at;         // turns
    struct sim_process *zombie; // whose locks were lost, and that lives beside the process
    uint64_t zombie_turns, zombie_newest; // the newest checkpoint when it fell asleep
    bool zombie_publishes;  // the one under way counts: nobody had the folder when it woke up
    struct sim_random naps; // of falling asleep within a work of a helper
    bool naps_at_all, napping, begun; // one does; the next process has begun meanwhile
    struct tm_kill armed;             // at which kill point that one dies
    uint64_t turns;                   // of the process
    char savepoint[SIM_PATH];         // that was taken; "": none
    bool just_saved;                  // by the last process
    bool begins_from, refused;        // the process begins with it; it may not
    bool committing;                  // the last process died while it committed
    enum tm_kill_point died_at;       // TM_KILL_COUNT: not at a kill point
    uint64_t commits, completed;      // of the process, that were looked at: newest, how many
};

// --- the swarm -----------------------------------------------------------------------------------

// Each subtask has a Lua state, and those take most of the time.
static uint32_t draw_parallelism(struct sim_random *random)
{
    static const uint32_t choices[] = {1, 1, 1, 2, 2, 2, 2, 3, 3, 5};
    return choices[sim_below(random, sizeof choices / sizeof choices[0])];
}

static void draw_swarm(struct life *life)
{
    struct sim_random *random = &life->universe.users;
    life->troubled = (uint32_t)sim_between(random, 1, 5);
    life->death_permille = (uint32_t)sim_between(random, 500, 1000);
    life->parallelism = draw_parallelism(random);
    bool compiles = sim_chance(random, 80);
    sim_heaps_begin(compiles, life->universe.wider.shares);
    life->rescales = sim_chance(random, 500);
    life->closes = sim_chance(random, 250);
    life->asks = sim_chance(random, 400);
    life->sleeps = sim_chance(random, 150);
    life->sleeps = life->sleeps || life->universe.wider.zombie;
    life->naps = sim_random_of(life->universe.seed, NAPS_STREAM);
    life->naps_at_all = sim_chance(&life->naps, 50);
    life->asks = life->asks || life->universe.wider.drains || life->universe.wider.dies_rarely;
    if (!life->universe.wider.single)
        return;
    life->parallelism = 1;
    life->rescales = false;
}

// --- users ---------------------------------------------------------------------------------------

static void ask(struct life *life)
{
    static const enum sim_fault wishes[] = {SIM_stopped,   SIM_stopped,   SIM_cancelled,
                                            SIM_savepoint, SIM_savepoint, SIM_savepoint,
                                            SIM_savepoint, SIM_drained};
    struct sim_random *random = &life->universe.users;
    enum sim_fault wish = wishes[sim_below(random, sizeof wishes / sizeof wishes[0])];
    bool drains = life->universe.wider.drains;
    if (drains)
        wish = life->drained ? SIM_savepoint : SIM_drained;
    bool unwanted = wish == SIM_drained && life->universe.wider.single;
    if (unwanted || life->universe.less.faults[wish] || !sim_process_ask(life->process, wish))
        return;
    sim_fault(&life->universe, wish, "");
    life->drained = life->oracle.drained = life->drained || wish == SIM_drained;
    life->asks_at += wish == SIM_savepoint ? sim_magnitude(random, ASK_TURNS_MAX) : 0;
    life->asks_at += drains ? sim_magnitude(&life->universe.odds, AGAIN_TURNS_MAX) : 0;
}

// Up to a day, either way; rarely.
static void jump(struct life *life)
{
    struct sim_universe *universe = &life->universe;
    bool back = sim_happens(universe, SIM_clock_back);
    if (!back && !sim_happens(universe, SIM_clock_ahead))
        return;
    int64_t by_ms = (int64_t)sim_magnitude(&universe->calls, 86400000);
    char what[40];
    universe->wall_ms += back ? -by_ms : by_ms;
    snprintf(what, sizeof what, "by %lld ms", (long long)by_ms);
    sim_fault(universe, back ? SIM_clock_back : SIM_clock_ahead, what);
}

// A savepoint stays as it is, whatever happens.
static void look_at_savepoint(struct life *life)
{
    struct tm_error err = {0};
    struct sim_cut cut;
    if (life->savepoint[0] == '\0')
        return;
    int rc = sim_cut_read(&cut, &life->universe, &life->job, life->savepoint, 0, &err);
    if (rc != 0)
        sim_violate(&life->oracle, "C2: the savepoint %s was taken and cannot be read: %s",
                    life->savepoint, err.message);
    else
        sim_oracle_cut(&life->oracle, &cut);
    sim_cut_fini(&cut);
}

// --- processes -----------------------------------------------------------------------------------

enum { PHASE_work, PHASE_checkpoint, PHASE_commit, PHASE_restore };
static const uint8_t phases[TM_KILL_COUNT] = {
#define TM_KILL(name, phase) PHASE_##phase,
#include "core/base/kill_points.def"
#undef TM_KILL
};

// The first process restores nothing.
static void arm_kill_point(const struct life *life, struct sim_random *random)
{
    do
        tm_kill_switch.of.at = (enum tm_kill_point)sim_below(random, TM_KILL_COUNT);
    while (life->outcome->processes == 0 && phases[tm_kill_switch.of.at] == PHASE_restore);
    // A beginning passes its points once or a few times.
    bool begins = phases[tm_kill_switch.of.at] == PHASE_restore;
    tm_kill_switch.of.after = sim_magnitude(random, begins ? 3 : 20);
}

// First in a commit, then in what does that again.
static void arm_committing(bool again, struct sim_random *random)
{
    static const enum tm_kill_point first[] = {TM_KILL_append_torn,    TM_KILL_append_torn,
                                               TM_KILL_append_written, TM_KILL_append_synced,
                                               TM_KILL_part_renamed,   TM_KILL_record_renamed};
    static const enum tm_kill_point behind[] = {TM_KILL_append_cut,     TM_KILL_append_cut,
                                                TM_KILL_append_written, TM_KILL_sink_recommits,
                                                TM_KILL_part_renamed,   TM_KILL_staged_removed};
    _Static_assert(sizeof first == sizeof behind, "one draw is for both");
    uint64_t which = sim_below(random, sizeof first / sizeof first[0]);
    tm_kill_switch.of.at = again ? behind[which] : first[which];
    tm_kill_switch.of.after = sim_magnitude(random, again ? 2 : 100);
}

// In a commit, before the output has all of it.
static void arm_owing(struct sim_random *random)
{
    static const enum tm_kill_point points[] = {TM_KILL_commit_begins, TM_KILL_commit_begins,
                                                TM_KILL_commit_begins, TM_KILL_commit_begins,
                                                TM_KILL_part_renamed,  TM_KILL_append_torn};
    tm_kill_switch.of.at = points[sim_below(random, sizeof points / sizeof points[0])];
    tm_kill_switch.of.after = sim_magnitude(random, 6);
}

// Points that few processes pass, or once in their life; what a checkpoint that LATEST does not
// name has left is removed only behind one that died while it named it.
static void arm_rarely(enum tm_kill_point before, struct sim_random *random)
{
    static const enum tm_kill_point points[] = {
        TM_KILL_savepoint_staged,   TM_KILL_savepoint_listed, TM_KILL_savepoint_published,
        TM_KILL_connector_restored, TM_KILL_append_named,     TM_KILL_operator_resumes,
        TM_KILL_operator_resumed,   TM_KILL_sink_begun,       TM_KILL_checkpoint_renamed,
        TM_KILL_checkpoint_named,   TM_KILL_checkpoint_named, TM_KILL_job_resumes};
    bool naming = before == TM_KILL_checkpoint_renamed || before == TM_KILL_checkpoint_named;
    uint64_t which = sim_below(random, sizeof points / sizeof points[0]);
    tm_kill_switch.of.at = naming ? TM_KILL_newer_removed : points[which];
    bool names =
        points[which] == TM_KILL_checkpoint_renamed || points[which] == TM_KILL_checkpoint_named;
    tm_kill_switch.of.after = names && !naming ? 1 + sim_magnitude(random, 5) : 1; // not the first
}

static uint64_t draw_death(struct life *life, enum sim_fault *by)
{
    static const enum sim_fault ways[] = {SIM_kill,  SIM_torn_write, SIM_power,
                                          SIM_power, SIM_kill_point, SIM_kill_point};
    struct sim_random *random = &life->universe.users;
    *by = SIM_kill;
    bool first = life->outcome->processes == 0;
    if (life->universe.calm || (!first && !sim_chance(random, life->death_permille)))
        return 0;
    *by = ways[sim_below(random, sizeof ways / sizeof ways[0])];
    if (life->universe.less.faults[*by])
        return 0;
    if (life->universe.wider.loses_behind && sim_chance(&life->universe.odds, 800))
        return 0; // power is lost, later
    if (life->universe.wider.dies_rarely && !life->universe.less.faults[SIM_kill_point] &&
        sim_chance(&life->universe.odds, 500)) {
        arm_rarely(life->died_at, &life->universe.odds);
        return 0;
    }
    if (life->universe.wider.dies_again && !life->universe.less.faults[SIM_kill_point]) {
        arm_committing(life->committing, &life->universe.odds);
        return 0;
    }
    if (life->universe.wider.leaves_owing && !life->universe.less.faults[SIM_kill_point] &&
        life->outcome->processes < life->job.changes_at) {
        arm_owing(&life->universe.odds);
        return 0;
    }
    if (*by != SIM_kill_point)
        return sim_magnitude(random, CALLS_MAX);
    arm_kill_point(life, random);
    return 0;
}

// Does the process begin with a savepoint? Whoever has begun with one says so again until the job
// has a checkpoint of its own, as the supervisor does.
static bool draw_from(struct life *life)
{
    bool again = life->begins_from && !life->refused && life->completed == 0;
    bool drawn = life->savepoint[0] != '\0' && !life->universe.calm &&
                 sim_chance(&life->universe.users, 300) &&
                 sim_changes_allow_from(&life->changes, &life->oracle);
    drawn =
        drawn || (life->just_saved && !life->universe.calm &&
                  sim_changes_want_from(&life->changes, &life->oracle, life->outcome->processes));
    life->begins_from = (again || drawn) && !life->universe.less.faults[SIM_from_savepoint];
    return life->begins_from;
}

// The liveness phase begins.
static void calm_down(struct life *life)
{
    if (life->universe.calm)
        return;
    life->universe.calm = true;
    tm_kill_switch.of.at = TM_KILL_COUNT;
    if (life->process != NULL)
        life->process->dies_at = 0;
    sim_tell(&life->universe, "from here on nothing goes wrong");
}

// Which kinds of stages there are, of the job as it is now: bits.
static uint32_t stages_of(const struct life *life)
{
    uint32_t stages = 0;
    for (uint32_t bit = 0; sim_kind(bit) != NULL; bit++)
        for (uint32_t s = 0; s < life->job.stage_count; s++)
            if (life->job.stages[s].kind == sim_kind(bit) &&
                sim_stage_is(&life->job.stages[s], life->changes.changed))
                stages |= 1u << bit;
    return stages;
}

static void note_restored(struct life *life)
{
    uint32_t stages = stages_of(life);
    for (uint32_t bit = 0; sim_kind(bit) != NULL; bit++)
        life->universe.saw[SIM_SAW_with_tens + bit] += stages >> bit & 1;
}

// From a stream of its own: other seeds stay as they are.
static void draw_nap(struct life *life)
{
    const struct sim_universe *universe = &life->universe;
    uint32_t at = 1 + (uint32_t)sim_below(&life->naps, 4);
    uint32_t calls = 1 + (uint32_t)sim_below(&life->naps, NAP_CALLS);
    if (!life->naps_at_all || universe->calm || life->zombie != NULL ||
        universe->less.faults[SIM_asleep] || universe->less.faults[SIM_locks_lost])
        return;
    life->process->naps_at = at;
    life->process->nap_calls = calls;
    life->sleeps_at = 0;
}

static void begin_process(struct life *life)
{
    struct sim_universe *universe = &life->universe;
    struct tm_cli_options options = {.command = "run"};
    enum sim_fault by;
    uint32_t before = life->parallelism;
    if (life->rescales && !universe->less.faults[SIM_rescaled] && life->outcome->processes != 0 &&
        sim_chance(&universe->users, 500)) {
        life->parallelism = draw_parallelism(&universe->users);
        if (before != life->parallelism)
            universe->faults[SIM_rescaled]++;
    }
    options.parallelism = life->parallelism;
    if (life->outcome->processes >= life->troubled)
        calm_down(life);
    memset((void *)tm_kill_switch.passes, 0, sizeof tm_kill_switch.passes);
    tm_kill_switch.of.at = TM_KILL_COUNT;
    uint64_t dies_at = draw_death(life, &by);
    life->asks_at =
        life->asks && !universe->calm ? sim_magnitude(&universe->users, ASK_TURNS_MAX) : 0;
    life->sleeps_at =
        life->sleeps && !universe->calm ? sim_magnitude(&universe->users, ASK_TURNS_MAX) : 0;
    if (draw_from(life)) {
        options.from = life->savepoint;
        life->oracle.turned_back = true;
        sim_fault(universe, SIM_from_savepoint, life->savepoint);
        sim_seen_began_with(&life->seen, life->savepoint);
    }
    sim_changes_begin(&life->changes, &life->oracle, life->outcome->processes, life->begins_from,
                      &options);
    if (life->oracle.cut.checkpoint != 0 && !life->begins_from)
        note_restored(life);
    sim_left_begin(&life->left, universe);
    life->process = calloc(1, sizeof *life->process);
    life->commits = life->completed = 0;
    life->told_to_end = false;
    if (life->oracle.cut.flight_bytes != 0 && !life->begins_from)
        universe->saw[before == life->parallelism ? SIM_SAW_flights_restored
                                                  : SIM_SAW_flights_rescaled]++;
    life->outcome->processes++;
    life->oracle.begun_ns = universe->mono_ns;
    sim_tell(universe, "process %llu begins, parallelism %u",
             (unsigned long long)life->outcome->processes, options.parallelism);
    sim_process_begin(life->process, universe, (uint32_t)life->outcome->processes, &options,
                      dies_at, by);
    life->turns = 0;
    draw_nap(life);
    sim_seen_look(&life->seen);
}

static void take_passes(struct life *life, bool died)
{
    for (int i = 0; i < TM_KILL_COUNT; i++)
        life->outcome->passes[i] += tm_kill_switch.passes[i];
    if (died && tm_kill_switch.of.at != TM_KILL_COUNT)
        life->outcome->kills[tm_kill_switch.of.at]++;
}

static void end_zombie(struct life *life)
{
    enum tm_kill_point at = tm_kill_switch.of.at;
    const char *left = sim_process_end(life->zombie, life->closes);
    tm_kill_switch.of.at = at;
    if (left != NULL)
        sim_violate(&life->oracle, "%s", left);
    free(life->zombie);
    life->zombie = NULL;
}

static void end_process(struct life *life)
{
    struct sim_process *process = life->process;
    struct sim_universe *universe = &life->universe;
    bool died = process->state == SIM_DEAD;
    take_passes(life, died);
    life->outcome->checkpoints += sim_process_figures(process).completed;
    if (died) {
        enum sim_fault by =
            tm_kill_switch.of.at != TM_KILL_COUNT ? SIM_kill_point : process->dies_by;
        life->outcome->deaths++;
        life->committing = tm_kill_switch.passes[TM_KILL_commit_begins] >
                               tm_kill_switch.passes[TM_KILL_commit_ends] ||
                           (life->committing && tm_kill_switch.passes[TM_KILL_commit_begins] == 0);
        universe->saw[SIM_SAW_died_committing] += tm_kill_switch.passes[TM_KILL_commit_begins] >
                                                  tm_kill_switch.passes[TM_KILL_commit_ends];
        life->died_at = tm_kill_switch.of.at;
        sim_fault(universe, by,
                  by == SIM_kill_point ? tm_kill_point_name(tm_kill_switch.of.at) : "");
        if (by == SIM_power && life->zombie != NULL)
            end_zombie(life);
        if (by == SIM_power)
            sim_disk_lose(&universe->disk, &universe->calls);
    } else {
        sim_tell(universe, "process %u ends with code %d%s%s", process->number, process->exit_code,
                 process->error.code == 0 ? "" : ": ", process->error.message);
    }
    life->just_saved = process->savepoint[0] != '\0';
    if (life->just_saved) {
        snprintf(life->savepoint, sizeof life->savepoint, "%s", process->savepoint);
        sim_changes_saved(&life->changes);
    }
    const char *left = sim_process_end(process, life->closes);
    if (left != NULL)
        sim_violate(&life->oracle, "%s", left);
    universe->mono_ns += (int64_t)sim_magnitude(&universe->users, 5000) * 1000000;
    look_at_savepoint(life);
    sim_oracle_look(&life->oracle);
    sim_oracle_survived(&life->oracle, universe->faults[SIM_open_fails] != 0 ||
                                           universe->faults[SIM_read_fails] != 0);
    bool ended = !died && process->exit_code == TM_EXIT_FINISHED;
    if (universe->wider.rots && !ended && !universe->calm && sim_chance(&universe->widths, 500))
        sim_rot(&life->rot, &life->oracle);
}

// --- turns ---------------------------------------------------------------------------------------

static void look_at_checkpoints(struct life *life)
{
    if (life->process->state != SIM_RUNS)
        return;
    struct tm_keeper_figures figures = sim_process_figures(life->process);
    if (figures.completed == life->completed)
        return;
    life->completed = figures.completed;
    if (life->changes.drops && life->process->saving.life.first == life->oracle.cut.checkpoint)
        sim_oracle_left_out(&life->oracle);
    sim_oracle_completed(&life->oracle, figures.checkpoint);
    sim_oracle_log(&life->oracle, life->process->number);
    sim_changes_completed(&life->changes, &life->oracle);
    sim_again_completed(&life->again, &life->oracle, life->parallelism);
    if (life->process->sync_failed && !life->universe.calm)
        sim_process_lose_power(life->process, sim_magnitude(&life->universe.odds, BEHIND_MAX));
    life->process->sync_failed = false;
}

// A commit that has succeeded is whole. One that took long may be that of an earlier checkpoint
// than the newest, of which the oracle knows.
static void look_at_commits(struct life *life)
{
    if (life->process->state != SIM_RUNS)
        return;
    uint64_t committed = sim_process_figures(life->process).committed;
    if (committed == life->commits)
        return;
    life->commits = committed;
    sim_left_look(&life->left, &life->oracle); // which has collected
    if (committed == life->oracle.cut.checkpoint)
        sim_oracle_committed(&life->oracle);
}

// Its locks hold nothing: the other one goes on, and it wakes up beside that.
static void leave_behind(struct life *life)
{
    struct tm_error err = {0};
    struct sim_cut cut;
    sim_fault(&life->universe, SIM_locks_lost, "");
    (void)sim_cut_read(&cut, &life->universe, &life->job, ".tidemill/subject", 0, &err);
    life->zombie_newest = cut.checkpoint;
    life->zombie_publishes = false;
    sim_cut_fini(&cut);
    life->zombie = life->process;
    life->zombie->locks_lost = true;
    life->zombie->naps_at = 0;
    life->oracle.zombies |= UINT64_C(1) << life->zombie->number;
    life->zombie->dies_at = 0;
    life->zombie_turns = 0;
    life->process = NULL;
}

// The process gets no turn for so long that the supervisor takes it for dead and starts another one
// beside it. What lies in the folder is the first one's: the other must find that out before it
// changes anything.
static void fall_asleep(struct life *life)
{
    struct sim_universe *universe = &life->universe;
    const struct tm_cli_options options = {.command = "run",
                                           .file = sim_job_file(life->changes.changed),
                                           .parallelism = life->parallelism};
    struct sim_process *other = calloc(1, sizeof *other);
    struct tm_kill armed = tm_kill_switch.of;
    uint64_t version = universe->disk.version;
    tm_kill_switch.of.at = TM_KILL_COUNT;
    sim_fault(universe, SIM_asleep, "");
    universe->mono_ns += (int64_t)sim_magnitude(&universe->users, 60000) * 1000000;
    if (universe->wider.zombie && life->zombie == NULL && !universe->less.faults[SIM_locks_lost]) {
        free(other);
        leave_behind(life);
        return;
    }
    sim_process_begin(other, universe, life->process->number + 1000, &options, 0, SIM_kill);
    if (other->state != SIM_EXITED)
        sim_violate(&life->oracle, "C5: another process runs beside process %u",
                    life->process->number);
    universe->saw[SIM_SAW_second_refused] += other->error.code == TM_E_JOB_RUNNING;
    if (universe->disk.version != version && other->state == SIM_EXITED)
        sim_violate(&life->oracle,
                    "C5: a process that may not run has changed what is on the disk");
    sim_tell(universe, "the process beside it ends: %s", other->error.message);
    const char *left = sim_process_end(other, life->closes);
    if (left != NULL)
        sim_violate(&life->oracle, "%s", left);
    free(other);
    tm_kill_switch.of = armed;
}

// Input without an end: when all that there is has been read, and a checkpoint has it, the job is
// told to end.
static void end_endless(struct life *life)
{
    const struct sim_cut *cut = &life->oracle.cut;
    if (!life->universe.feed.endless || !life->universe.calm || life->told_to_end ||
        cut->checkpoint == 0 || life->completed == 0 || cut->flight_bytes != 0)
        return;
    for (uint32_t f = 0; f < life->job.file_count; f++)
        if (cut->read[f] != life->job.first_row[f + 1] - life->job.first_row[f])
            return;
    life->told_to_end = sim_process_ask(life->process, SIM_drained);
    life->universe.saw[SIM_SAW_endless_ended] += life->told_to_end;
}

// It ends when it finds that another has its place.
static void look_at_zombie(struct life *life, bool runs)
{
    struct tm_keeper_figures figures = sim_process_figures(life->zombie);
    if (figures.checkpoint > life->zombie_newest && life->zombie_publishes) {
        life->zombie_newest = figures.checkpoint; // savepoints have numbers of the same row
        life->zombie_publishes = false;
    }
    if (figures.checkpoint > life->zombie_newest)
        sim_violate(&life->oracle,
                    "C5: process %u, which another has taken the place of, has completed "
                    "checkpoint %llu",
                    life->zombie->number, (unsigned long long)figures.checkpoint);
    if (runs && ++life->zombie_turns < ZOMBIE_TURNS_MAX)
        return;
    life->universe.saw[SIM_SAW_zombie_refused] += life->zombie->error.code == TM_E_JOB_RUNNING;
    sim_tell(&life->universe, "process %u, which had slept, ends: %s", life->zombie->number,
             life->zombie->error.message);
    end_zombie(life);
}

// It goes on as if nothing had happened.
static void turn_zombie(struct life *life)
{
    struct tm_kill armed = tm_kill_switch.of;
    uint64_t passes[TM_KILL_COUNT];
    memcpy(passes, (const void *)tm_kill_switch.passes, sizeof passes);
    tm_kill_switch.of.at = TM_KILL_COUNT;
    bool runs = sim_process_turn(life->zombie);
    tm_kill_switch.of = armed;
    memcpy((void *)tm_kill_switch.passes, passes, sizeof passes);
    look_at_zombie(life, runs);
}

static void run_process(struct life *life, uint64_t most_turns);

// What its file LOCK says.
static uint64_t owner_of(const struct life *life)
{
    const struct sim_disk *disk = &life->universe.disk;
    int inode = sim_disk_find(disk, ".tidemill/subject/LOCK");
    uint64_t owner = 0;
    if (inode >= 0 && disk->inodes[inode].now.size >= sizeof owner)
        memcpy(&owner, disk->inodes[inode].now.data, sizeof owner);
    return owner;
}

// A process falls asleep in the middle of publishing a checkpoint, its locks hold nothing, and
// another one begins and has some turns before it wakes up. If that one has not come so far as to
// take the folder over, and to look at what is there, what is published counts.
static bool nap(void *arg, struct sim_process *process)
{
    struct life *life = arg;
    struct sim_universe *universe = &life->universe;
    uint64_t owner = owner_of(life);
    if (life->process != process || life->zombie != NULL || universe->calm)
        return true;
    sim_fault(universe, SIM_asleep, "while it published a checkpoint");
    universe->mono_ns += (int64_t)sim_magnitude(&life->naps, 60000) * 1000000;
    leave_behind(life);
    life->napping = life->begun = true;
    begin_process(life);
    run_process(life, sim_magnitude(&life->naps, ZOMBIE_TURNS_MAX));
    life->napping = false;
    bool power = life->process->state == SIM_DEAD && tm_kill_switch.of.at == TM_KILL_COUNT &&
                 life->process->dies_by == SIM_power;
    bool taken = owner_of(life) != owner && life->process->has_attempt;
    life->zombie_publishes = !taken;
    universe->saw[SIM_SAW_zombie_published] += taken;
    life->armed = tm_kill_switch.of;
    tm_kill_switch.of.at = TM_KILL_COUNT;
    sim_process_enter(process);
    sim_tell(universe, "process %u wakes up", process->number);
    return !power;
}

static void look_around(struct life *life, bool runs)
{
    jump(life);
    sim_log_turn(&life->universe);
    sim_feed_turn(&life->universe);
    sim_seen_look(&life->seen);
    look_at_checkpoints(life);
    look_at_commits(life);
    if (runs)
        end_endless(life);
}

static void run_process(struct life *life, uint64_t most_turns)
{
    struct sim_universe *universe = &life->universe;
    struct sim_process *process = life->process;
    bool runs = process->state == SIM_RUNS || process->state == SIM_WAITS;
    for (; runs && life->oracle.violation[0] == '\0' && most_turns != 0; most_turns--) {
        if (life->zombie != NULL && !life->napping && sim_chance(&universe->widths, 300))
            turn_zombie(life);
        if (life->turns == TROUBLE_TURNS_MAX || process->restarts.count > RESTARTS_MAX)
            calm_down(life);
        if (life->turns == TURNS_MAX) {
            sim_violate(&life->oracle, "C6: process %u does not come to an end after %llu turns",
                        process->number, (unsigned long long)life->turns);
            return;
        }
        runs = sim_process_turn(process);
        life->outcome->turns++;
        if (life->process != process) { // it has slept meanwhile, and is the zombie
            look_at_zombie(life, runs);
            tm_kill_switch.of = life->armed;
            return;
        }
        life->turns++;
        if (runs && life->turns == life->asks_at)
            ask(life);
        if (runs && life->turns == life->sleeps_at && !universe->less.faults[SIM_asleep])
            fall_asleep(life);
        if (life->process == NULL)
            return;
        look_around(life, runs);
    }
}

// True: the job is done.
static bool next_process(struct life *life)
{
    if (!life->begun)
        begin_process(life);
    life->begun = false;
    run_process(life, UINT64_MAX);
    struct sim_process *process = life->process;
    if (process == NULL || life->begun) // another one is begun, or has been
        return false;
    bool finished = process->state == SIM_EXITED && process->exit_code == TM_EXIT_FINISHED;
    bool failed = process->state == SIM_EXITED &&
                  (process->exit_code == TM_EXIT_FAILED || process->exit_code == TM_EXIT_USAGE);
    // Its output has gone on since, or what was staged then has been cleared away.
    life->universe.saw[SIM_SAW_gave_up] += failed;
    life->refused = failed && (process->error.code == TM_E_CHECKPOINT_OLD ||
                               process->error.code == TM_E_OUTPUT_CHANGED);
    life->universe.saw[SIM_SAW_savepoint_refused] += life->begins_from && life->refused;
    life->stopped =
        failed && sim_rot_stops(&life->rot, &life->oracle, &process->error, life->begins_from);
    bool otherwise = failed && sim_changes_refused(&life->changes, &life->oracle, &process->error);
    if (failed && life->universe.calm && !life->stopped && !otherwise &&
        !(life->begins_from && life->refused))
        sim_violate(&life->oracle, "C6: nothing went wrong any more, and the job failed: %s %s",
                    process->error.message, process->error.hint);
    end_process(life);
    free(process);
    life->process = NULL;
    return finished;
}

// --- the whole -----------------------------------------------------------------------------------

static void fill_outcome(struct life *life)
{
    struct sim_outcome *outcome = life->outcome;
    outcome->trace = life->universe.trace;
    outcome->rows = life->job.row_count;
    outcome->stages = stages_of(life);
    outcome->effects = life->universe.effects;
    outcome->virtual_ns = life->universe.mono_ns;
    outcome->cuts = life->oracle.cuts;
    memcpy(outcome->faults, life->universe.faults, sizeof outcome->faults);
    memcpy(outcome->saw, life->universe.saw, sizeof outcome->saw);
    snprintf(outcome->failure, sizeof outcome->failure, "%s", life->oracle.violation);
}

void sim_live(uint64_t seed, const struct sim_less *less, bool tells, struct sim_outcome *outcome)
{
    struct life *life = calloc(1, sizeof *life);
    life->died_at = TM_KILL_COUNT;
    *outcome = (struct sim_outcome){.seed = seed};
    life->outcome = outcome;
    sim_memory_json();
    sim_universe_init(&life->universe, seed);
    life->universe.tells = tells;
    if (less != NULL)
        life->universe.less = *less;
    tm_kill_switch.on = 1;
    life->universe.bed = (struct sim_bed){life, nap};
    sim_swarm_draw(&life->universe);
    draw_swarm(life);
    sim_job_init(&life->job, &life->universe);
    sim_tell(&life->universe, "seed %llu: %s", (unsigned long long)seed, life->job.told);
    sim_oracle_init(&life->oracle, &life->universe, &life->job);
    sim_again_init(&life->again, &life->universe);
    life->left.looks = life->universe.wider.watched;
    if (life->universe.wider.watched)
        sim_seen_init(&life->seen, &life->oracle);
    bool finished = false;
    while (!finished && !life->stopped && life->oracle.violation[0] == '\0' &&
           outcome->processes < PROCESSES_MAX)
        finished = next_process(life);
    life->universe.saw[SIM_SAW_drained_to_end] += finished && life->drained;
    while (life->zombie != NULL && life->oracle.violation[0] == '\0')
        turn_zombie(life);
    sim_seen_look(&life->seen);
    if (life->zombie != NULL)
        end_zombie(life);
    if (life->stopped)
        sim_oracle_look(&life->oracle);
    else if (finished && life->drained)
        sim_oracle_committed(&life->oracle);
    else if (finished)
        sim_oracle_finished(&life->oracle, life->closes);
    else
        sim_violate(&life->oracle, "C6: the job did not finish in %u processes", PROCESSES_MAX);
    if (finished && life->oracle.violation[0] == '\0' && !life->drained)
        sim_again_look(&life->again, &life->oracle);
    fill_outcome(life);
    sim_again_fini(&life->again);
    sim_seen_fini(&life->seen);
    sim_oracle_fini(&life->oracle);
    sim_job_fini(&life->job);
    sim_universe_fini(&life->universe);
    free(life);
}
