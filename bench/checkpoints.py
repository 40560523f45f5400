"""What checkpoints cost, what is written for them, and how soon a job that was killed is at work again. Part of bench/run
(`bench/run checkpoint`).

CPU times are by the clocks of threads (bench/threads), with and without checkpoints in turns. Beside the helper threads' stands the
floor: as many bytes copied and written by a program that does nothing else (reference/copy_write.c).
"""
import glob
import json
import os
import select
import signal
import statistics
import subprocess
import sys
import time

from measure import JOBS, clear, run, say

# keys, rows, interval, share of the workers' CPU time; the second only with --long: it takes three gigabytes and half an hour. Counted are
# all rows; the second half alone is told beside: by then the memory for two checkpoints is there, which the system has given once.
COUNTS = [("1 M keys every 1 s", 1_000_000, 160_000_000, "1s", 1.03), ("20 M keys every 10 s", 20_000_000, 400_000_000, "10s", 1.03)]
# what is changed of a million keys between two checkpoints, and how many bytes may be written for each of keys and values
SHARES = [0.001, 0.01, 0.1, 1]
KEYS, ENTRY_BYTES, BYTES_MOST, MANIFEST_MOST = 1_000_000, 16 + 32, 1.5, 64 * 1024
IDLE_MOST = 32 * 1024 # of one without changes: its index
# state, keys that make so much of it, milliseconds to the first new row; the second only with --long: it takes five gigabytes
RESTORES = [("256 MB", 3_500_000, 256 << 20, 500), ("4 GB", 56_000_000, 4 << 30, 4000)]
DEADLINE_S = 120


class Waiting:
    """A deadline for what is waited for: `while waiting: ...` ends the benchmark when it has passed."""

    def __init__(self, what):
        self.what, self.until = what, time.monotonic() + DEADLINE_S

    def step(self, seconds=0.005):
        if time.monotonic() > self.until:
            sys.exit("bench: no %s after %d s" % (self.what, DEADLINE_S))
        time.sleep(seconds)


# --- folders of checkpoints ----------------------------------------------------------------------------------------------

def newest(folder):
    """The number of the newest checkpoint of a job's folder; 0: there is none."""
    try:
        with open(os.path.join(folder, "LATEST")) as latest:
            return int(latest.read().split()[0].removeprefix("chk-"))
    except FileNotFoundError:
        return 0


def wait_for(folder, number):
    """Until checkpoint `number`, or a later one, is there: which."""
    waiting = Waiting("checkpoint %d" % number)
    while newest(folder) < number:
        waiting.step()
    return newest(folder)


def data_bytes(folder, number):
    return sum(os.path.getsize(path) for path in glob.glob(os.path.join(folder, "chk-%d" % number, "*.data")))


def referenced_bytes(folder, number):
    """Of all files that a checkpoint is made of."""
    with open(os.path.join(folder, "chk-%d" % number, "MANIFEST")) as f:
        manifest = json.loads(f.read().rsplit("\n", 2)[0])
    return sum(file["length"] for file in manifest["files"])


def drop_cache(folder):
    """What was written is read from the disk next."""
    for path in glob.glob(os.path.join(folder, "chk-*", "*")):
        try:
            fd = os.open(path, os.O_RDONLY)
        except FileNotFoundError: # given up meanwhile
            continue
        os.fsync(fd)
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(fd)


# --- CPU time ------------------------------------------------------------------------------------------------------------

class Threads:
    """CPU-seconds of a finished run by kind of thread; its checkpoints."""

    def __init__(self, told, taken, size):
        self.workers, self.later = told["workers_ns"] / 1e9, (told["workers_ns"] - told["from_ns"]) / 1e9
        self.helpers = (told["process_ns"] - told["workers_ns"] - told["first_ns"]) / 1e9
        self.taken, self.size = taken, size


def counted(place, keys, rows, every, checkpoints):
    out, folder = os.path.join(place.work, "threads.json"), os.path.join(place.work, "dir")
    run(place, [place.program("threads"), "run", os.path.join(JOBS, "count.lua"), "--quiet", "--parallelism", "1",
                "--set", "keys=%d" % keys, "--set", "count=%d" % rows, "--set", "every=" + every] +
        (["--dir", folder] if checkpoints else ["--no-checkpoints"]), environment=dict(os.environ, TM_THREADS_OUT=out, TM_THREADS_FROM=str(rows // 2)))
    with open(out) as f:
        told = json.load(f)
    last = newest(os.path.join(folder, "count")) if checkpoints else 0
    return Threads(told, last, sum(data_bytes(os.path.join(folder, "count"), i + 1) for i in range(last)))


def floor_seconds(place, size, times):
    out = subprocess.run([place.program("ref_copy_write"), os.path.join(place.work, "floor"), str(size), str(times)],
                         capture_output=True, text=True, check=True)
    return json.loads(out.stdout)["cpu_ns"] / 1e9


def first_touch_ms(place, size):
    """What it takes to touch so much memory for the first time, by as many threads as there are workers."""
    out = subprocess.run([place.program("ref_first_touch"), str(size), str(os.cpu_count())], capture_output=True, text=True, check=True)
    return json.loads(out.stdout)["wall_ms"]


def count_pairs(place, what, keys, rows, every, goal, pairs, figure):
    runs, floors = [], []
    for i in range(pairs + 1): # the first pair warms up
        both = [counted(place, keys, rows, every, checkpoints) for checkpoints in ((True, False) if i % 2 == 0 else (False, True))]
        with_some, without = both if i % 2 == 0 else both[::-1]
        if with_some.taken == 0:
            sys.exit("bench: %s: no checkpoint was taken" % what)
        if i == 0:
            continue
        runs.append((with_some, without))
        floors.append(floor_seconds(place, with_some.size // with_some.taken, with_some.taken))
        say("  %s pair %d: workers %.3f s with %d checkpoints, %.3f s without; helpers %.3f s, %.3f s; floor %.3f s" % (
            what, i, with_some.workers, with_some.taken, without.workers, with_some.helpers, without.helpers, floors[-1]))
    ratios = [a.workers / b.workers for a, b in runs]
    median = statistics.median
    ratio, spread = median(ratios), "%.3f-%.3f" % (min(ratios), max(ratios))
    taken = median(a.taken for a, _ in runs)
    figure("count, %s: workers" % what, "%.3f s CPU" % median(a.workers for a, _ in runs),
           "%.3f s CPU without" % median(b.workers for _, b in runs), ratio, spread, "<= %.2f" % goal, ratio <= goal,
           "the second half of the rows, when the memory for it is there, %.3f; %d checkpoints of %.1f MB in all; where other processes "
           "take the CPU there are more of them" % (median(a.later / b.later for a, b in runs), taken,
                                                    median(a.size / a.taken for a, _ in runs) / 1e6))
    more = [(a.helpers - b.helpers) / f for (a, b), f in zip(runs, floors)]
    figure("count, %s: helper threads" % what, "%.3f s CPU" % median(a.helpers - b.helpers for a, b in runs),
           "%.3f s CPU" % median(floors), median(more), "%.2f-%.2f" % (min(more), max(more)), "-", None,
           "beyond those of a run without; the reference copies and writes as many bytes")


# --- bytes ---------------------------------------------------------------------------------------------------------------

def key_of(i):
    return "%016x" % (i * 0x9e3779b97f4a7c15 % 2**64)


def put_changes(path, keys, stride):
    """Each `stride`-th key gets another value. One write, so that the source sees all at once."""
    lines = ["%s,%s\n" % (key_of(i), os.urandom(16).hex()) for i in range(0, keys, stride)]
    with open(path, "a") as out:
        out.write("".join(lines))
    return len(lines)


def bytes_for(path, folder, keys, share, idle):
    """What the one checkpoint that has these changes has written, for each byte of their keys and values, and how large its manifest is.
    Where they fell into two they are made again. `idle`: bytes of one without changes."""
    for _ in range(10):
        before = wait_for(folder, newest(folder) + 1) # a whole interval is left
        changed = put_changes(path, keys, round(1 / share)) * ENTRY_BYTES
        number, sizes, nothing = before, [idle], idle + changed / 50 + 4096 # an index grows a little
        while max(sizes) <= nothing or sizes[-1] > nothing: # until one without changes follows
            number = wait_for(folder, number + 1)
            sizes.append(data_bytes(folder, number))
        if sorted(sizes)[-2] <= nothing:
            with_all = before + sizes.index(max(sizes))
            return max(sizes) / changed, os.path.getsize(os.path.join(folder, "chk-%d" % with_all, "MANIFEST"))
    sys.exit("bench: %.1f %% of the keys changed in two checkpoints, ten times" % (100 * share))


def incremental(place, keys, shares, every, figure):
    clear(place.work)
    path, dir_, out = (os.path.join(place.work, name) for name in ("changes.csv", "dir", "last.out"))
    put_changes(path, keys, 1)
    folder = os.path.join(dir_, "last")
    with open(out, "w") as log:
        p = subprocess.Popen([place.tidemill, "run", os.path.join(JOBS, "last.lua"), "--quiet", "--parallelism", "1", "--set",
                              "input=" + path, "--set", "every=" + every, "--dir", dir_], stdout=log, stderr=log)
        try:
            number = 0
            while number == 0 or data_bytes(folder, number) > IDLE_MOST: # until one has nothing new
                number = wait_for(folder, number + 1)
            idle = data_bytes(folder, number)
            for share in shares:
                ratio, manifest = bytes_for(path, folder, keys, share, idle)
                figure("bytes of a checkpoint, %g %% changed" % (100 * share), "%.3f" % ratio, "1 (keys, values)", ratio, "",
                       "<= %.2f" % BYTES_MOST, ratio <= BYTES_MOST and manifest <= MANIFEST_MOST,
                       "of %d keys; and a manifest of %.1f KiB; %d bytes are written where nothing changed" % (keys, manifest / 1024, idle))
        finally:
            p.kill()
            p.wait()


# --- kill and restore ----------------------------------------------------------------------------------------------------

def children(pid):
    found = []
    for path in glob.glob("/proc/%d/task/*/children" % pid):
        with open(path) as f:
            found += [int(child) for child in f.read().split()]
    return found


def runs_workers(pid):
    for path in glob.glob("/proc/%d/task/*/comm" % pid):
        try:
            with open(path) as f:
                if f.read().startswith("worker-"):
                    return True
        except FileNotFoundError: # a thread that has ended meanwhile
            pass
    return False


class Job:
    """restored.lua, its output read as it comes. The process with the workers may be a child of the one that was started."""

    def __init__(self, command):
        self.command, self.p = command, None
        self.start()

    def start(self):
        self.p = subprocess.Popen(self.command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        os.set_blocking(self.p.stdout.fileno(), False)

    def read_some(self, seconds):
        """True: rows came. It ends the benchmark when none ever will."""
        if not select.select([self.p.stdout], [], [], seconds)[0]:
            return False
        if not self.p.stdout.read(1 << 16):
            sys.exit("bench: %s ended: %s" % (" ".join(self.command), self.p.wait()))
        return True

    def wait_row(self, what):
        waiting = Waiting(what)
        while not self.read_some(0.1):
            waiting.step(0)
        return time.monotonic()

    def wait_checkpoint(self, folder, number):
        waiting = Waiting("checkpoint %d" % number)
        while newest(folder) < number: # reading all the while, or the job would wait
            self.read_some(0.01)
            waiting.step(0)

    def worker(self):
        """The process with the workers."""
        worker = next((pid for pid in [self.p.pid] + children(self.p.pid) if runs_workers(pid)), None)
        if worker is None:
            sys.exit("bench: no process with workers: %s" % " ".join(self.command))
        return worker

    def memory_bytes(self):
        """What the process with the workers has in memory of its own."""
        with open("/proc/%d/status" % self.worker()) as f:
            return next(int(line.split()[1]) << 10 for line in f if line.startswith("RssAnon:"))

    def kill_to_row(self):
        """Kills the process with the workers, and begins it anew if nobody else does: seconds to the first row."""
        worker = self.worker()
        begin = time.monotonic()
        os.kill(worker, signal.SIGKILL)
        if worker == self.p.pid:
            self.p.wait()
            self.p.stdout.close()
            self.start()
        else: # what is in the pipe was written by the one that died: the next takes longer to begin
            while select.select([self.p.stdout], [], [], 0)[0]:
                self.p.stdout.read(1 << 16)
        return self.wait_row("row after a kill") - begin

    def end(self):
        all_of_them = [self.p.pid] + children(self.p.pid) # the first would begin the others anew
        for pid in all_of_them:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError: # it went with its parent
                pass
        self.p.wait()
        self.p.stdout.close()


def restore(place, what, keys, goal_bytes, goal_ms, rounds, every, figure):
    clear(place.work)
    dir_ = os.path.join(place.work, "dir")
    folder = os.path.join(dir_, "restored")
    command = [place.tidemill, "run", os.path.join(JOBS, "restored.lua"), "--quiet", "--set", "keys=%d" % keys, "--set", "every=" + every,
               "--dir", dir_]
    warm, cold, floors = [], [], []
    for i in range(rounds + 1):
        job = Job(command)
        try:
            job.wait_row("row of %s" % what)
            job.wait_checkpoint(folder, newest(folder) + 2) # begun when all of the state was there
            size = referenced_bytes(folder, newest(folder))
            if i == rounds:
                drop_cache(folder)
            (cold if i == rounds else warm).append(1000 * job.kill_to_row())
            memory = job.memory_bytes()
        finally:
            job.end()
        floors.append(first_touch_ms(place, memory)) # as the job did: behind a process that had as much
        say("  %s: %.0f ms%s, touching %.0f MB alone %.0f ms" % (what, (warm + cold)[-1], " (cold)" if cold else "", memory / 1e6, floors[-1]))
    ms = statistics.median(warm)
    if size < goal_bytes:
        sys.exit("bench: %s: the checkpoint has %d bytes" % (what, size))
    figure("kill to first row, %s" % what, "%.0f ms" % ms, "", None, "%.0f-%.0f" % (min(warm), max(warm)), "<= %d ms" % goal_ms,
           ms <= goal_ms, "%.0f MB in files; %.0f ms when they are not in the page cache; touching as much memory alone %.0f ms (%.0f-%.0f)" %
           (size / 1e6, cold[0], statistics.median(floors), min(floors), max(floors)))


# --- all of it -----------------------------------------------------------------------------------------------------------

def measure(place, figure, tiny, long, pairs):
    os.makedirs(place.work, exist_ok=True)
    for what, keys, rows, every, goal in COUNTS[:2 if long else 1]:
        if tiny: # much of the time is waiting for the first checkpoint
            keys, rows, every = 1000, 2_000_000, "20ms"
        count_pairs(place, what, keys, rows, every, goal, 1 if tiny else max(pairs, 15), figure)
    incremental(place, 20_000 if tiny else KEYS, SHARES[2:] if tiny else SHARES, "700ms" if tiny else "4s", figure)
    for what, keys, size, goal_ms in RESTORES[:2 if long else 1]:
        restore(place, what, 1000 if tiny else keys, 0 if tiny else size, goal_ms, 1 if tiny else 5, "50ms" if tiny else "1s", figure)
    clear(place.work)
