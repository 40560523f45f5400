"""Running programs and comparing what they give: what the tables of bench/run and of peers.py share.

Outputs of earlier runs are removed before each run, of either side: who writes beside an older output writes to memory that
the machine has not touched for a while, which in a virtual machine costs several times more.
"""
import glob
import itertools
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
JOBS = os.path.join(ROOT, "bench", "jobs")


class Place:
    """Where things are: the build's folder and what lies in it."""

    def __init__(self, build):
        self.build = os.path.abspath(build)
        self.work = os.path.join(self.build, "bench", "work")
        self.tidemill = os.path.join(self.build, "tidemill")

    def program(self, name):
        return os.path.join(self.build, "bench", name)


def say(text):
    print(text, file=sys.stderr, flush=True)


# --- running -----------------------------------------------------------------------------------------------------------

class Run:
    """One finished process: CPU-seconds and wall-seconds."""

    def __init__(self, cpu, wall):
        self.cpu, self.wall = cpu, wall


def start(command, stdout, environment=None):
    """Starts without waiting: (pid, begin, log of standard error)."""
    log = tempfile.TemporaryFile()
    begin = time.monotonic()
    pid = os.posix_spawn(command[0], command, environment or os.environ, file_actions=[
        (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, stdout, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666),
        (os.POSIX_SPAWN_DUP2, log.fileno(), 2)])
    return pid, begin, log


def finish(command, started):
    pid, begin, log = started
    _, status, usage = os.wait4(pid, 0)
    wall = time.monotonic() - begin
    if os.waitstatus_to_exitcode(status) != 0:
        log.seek(0)
        sys.exit("bench: %s failed:\n%s" % (" ".join(command), log.read().decode(errors="replace")))
    log.close()
    return Run(usage.ru_utime + usage.ru_stime, wall)


def clear(folder):
    for name in os.listdir(folder):
        path = os.path.join(folder, name)
        shutil.rmtree(path) if os.path.isdir(path) else os.unlink(path)


def run(place, command, stdout="/dev/null", environment=None):
    clear(place.work)
    return finish(command, start(command, stdout, environment))


def run_together(place, commands, stdouts):
    clear(place.work)
    started = [start(c, o) for c, o in zip(commands, stdouts)]
    runs = [finish(c, s) for c, s in zip(commands, started)]
    return Run(sum(r.cpu for r in runs), max(r.wall for r in runs))


# --- data --------------------------------------------------------------------------------------------------------------

PACKERS = {"gz": ["gzip", "-6", "-k"], "zst": ["zstd", "-3", "-q", "-k"]}


def data(place, kind, rows, users=1_000_000, files=8):
    """The files of a kind that generate.c makes; `payments.gz`: packed; `payments:1000`: of so many users. Made once for each
    number of rows."""
    kind, _, packed = kind.partition(".")
    kind, _, fewer = kind.partition(":")
    users = int(fewer or users)
    folder = os.path.join(place.build, "bench", "data-%s-%d-%d-%d" % (kind, rows, users, files))
    generator = place.program("ref_generate")
    done = os.path.join(folder, "done")
    if not os.path.exists(done) or os.path.getmtime(done) < os.path.getmtime(generator):
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
        say("generating %d records into %s" % (rows, os.path.relpath(folder)))
        subprocess.run([generator, "--dir", folder, "--kind", kind, "--rows", str(rows), "--users", str(users), "--files",
                        str(files)], check=True)
        open(done, "w").close()
    plain = sorted(f for f in glob.glob(os.path.join(folder, "part-*")) if not f.endswith((".gz", ".zst")))
    if not packed:
        return plain
    for path in plain:
        if not os.path.exists(path + "." + packed):
            subprocess.run(PACKERS[packed] + [path], check=True)
    return [path + "." + packed for path in plain]


def pattern(files):
    """The one pattern that stands for all of these files and no others."""
    name = os.path.basename(files[0])
    return os.path.join(os.path.dirname(files[0]), "part-*" + name[name.index("."):])


# --- equality ----------------------------------------------------------------------------------------------------------

def sort_file(path):
    out = path + ".sorted"
    subprocess.run(["sort", "-S", "1G", "-o", out, path], env=dict(os.environ, LC_ALL="C"), check=True)
    return out


def same_value(a, b):
    if isinstance(a, (int, float)) and isinstance(b, (int, float)) and not isinstance(a, bool):
        return a == b or abs(a - b) <= 1e-9 * max(abs(a), abs(b))
    return a == b


def same_line(a, b):
    if a == b:
        return True
    if not a.startswith(b"{") or not b.startswith(b"{"):
        return False
    x, y = json.loads(a), json.loads(b)
    return list(x) == list(y) and all(same_value(x[k], y[k]) for k in x)


def check_equal(name, engine_file, reference_file):
    """Sorted lines are equal, or equal up to the last digits of sums of doubles (the order of adding is free)."""
    a, b = sort_file(engine_file), sort_file(reference_file)
    if subprocess.run(["cmp", "-s", a, b]).returncode == 0:
        with open(a, "rb") as lines:
            count = sum(1 for _ in lines)
        if count == 0:
            sys.exit("bench: %s: both sides wrote nothing" % name)
        say("  %s: %d lines, equal byte by byte" % (name, count))
        return
    count = 0
    with open(a, "rb") as fa, open(b, "rb") as fb:
        for la, lb in itertools.zip_longest(fa, fb):
            count += 1
            if la is None or lb is None:
                sys.exit("bench: %s: one side has more lines than the other" % name)
            if not same_line(la, lb):
                sys.exit("bench: %s: outputs differ:\n  engine    %s  reference %s" % (name, la.decode(), lb.decode()))
    say("  %s: %d lines, equal as values" % (name, count))
