"""What the functional tests share: running the binary, reading its report, counting cases.

A test program defines functions with @case and ends with main(). It prints one line per case and, last, `N passed, N
failed`. TIDEMILL is the binary (default: build/tidemill). Everything that depends on the form of the report is here.
"""
import atexit
import decimal
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TIDEMILL = os.path.abspath(os.environ.get("TIDEMILL", os.path.join(ROOT, "build", "tidemill")))
JOBS = os.path.join(ROOT, "jobs")
# Where runs take place that do not say: what one leaves behind (checkpoints) is nothing to another program's.
SCRATCH = tempfile.mkdtemp(prefix="tidemill-test-")
atexit.register(shutil.rmtree, SCRATCH, True)
os.environ["XDG_RUNTIME_DIR"] = SCRATCH # where running jobs are found: those of a test are its own
TIMEOUT = float(os.environ.get("TIDEMILL_TEST_TIMEOUT", "120"))

CASES = []


def case(function):
    """Its first docstring line states the fact."""
    CASES.append(function)
    return function


class Failed(Exception):
    pass


def check(condition, message):
    if not condition:
        raise Failed(message)


def equal(actual, expected, what):
    if actual != expected:
        raise Failed("%s: got %s, expected %s" % (what, short(actual), short(expected)))


def short(value):
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) < 600 else text[:600] + "..."


def same_lines(actual, expected, what):
    """Two lists of lines as multisets; says the first that differs."""
    a, b = sorted(actual), sorted(expected)
    if a == b:
        return
    only_a = first_only(a, b)
    only_b = first_only(b, a)
    raise Failed("%s: %d lines, expected %d; first unexpected: %s; first missing: %s" % (what, len(a), len(b), only_a, only_b))


def first_only(a, b):
    rest = {}
    for line in b:
        rest[line] = rest.get(line, 0) + 1
    for line in a:
        if rest.get(line, 0) == 0:
            return short(line)
        rest[line] -= 1
    return "none"


class Result:
    """A finished run of the binary."""

    def __init__(self, code, out, err, seconds):
        self.code, self.out, self.err, self.seconds = code, out, err, seconds

    @property
    def report(self):
        return report_of(self.err)

    def lines(self):
        return self.out.decode().splitlines()

    def rows(self):
        return [read_json(line) for line in self.lines()]

    def expect(self, code):
        check(self.code == code, "exit code %s, expected %s; standard error:\n%s" % (self.code, code, self.err[-3000:]))
        return self


def read_json(line):
    """Decimals exactly, as the text says."""
    return json.loads(line, parse_float=decimal.Decimal)


def report_of(err):
    """The report of `run --json`: the last line of standard error that is a JSON object with `operators`."""
    for line in reversed(err.splitlines()):
        if line.startswith("{") and '"operators"' in line:
            return json.loads(line)
    raise Failed("no report on standard error:\n" + err[-2000:])


def command(*args):
    return [TIDEMILL] + [str(a) for a in args]


def tidemill(*args, stdin=b"", cwd=None, env=None, timeout=None):
    begin = time.monotonic()
    try:
        p = subprocess.run(command(*args), input=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=cwd or SCRATCH,
                           env=None if env is None else dict(os.environ, **env), timeout=timeout or TIMEOUT)
    except subprocess.TimeoutExpired as e:
        raise Failed("tidemill %s did not end within %s s; standard error:\n%s" % (
            " ".join(map(str, args)), timeout or TIMEOUT, (e.stderr or b"").decode(errors="replace")[-2000:]))
    return Result(p.returncode, p.stdout, p.stderr.decode(errors="replace"), time.monotonic() - begin)


# --- the report --------------------------------------------------------------------------------------------------------

def operators(report, verb):
    return [o for o in report["operators"] if o["verb"] == verb]


def operator(report, verb):
    found = operators(report, verb)
    check(len(found) == 1, "%d operators `%s` in the report, expected one" % (len(found), verb))
    return found[0]


def errors_by_code(report):
    counts = {}
    for e in report["errors"]:
        counts[e["code"]] = counts.get(e["code"], 0) + e["count"]
    return counts


def check_accounts(report):
    """Of every operator in = used + filtered + late + skipped + dead-lettered; on every edge sent = received."""
    for o in report["operators"]:
        check(o["used"] >= 0, "operator %s: used is negative: %r" % (o["name"], o))
        total = o["used"] + o["filtered"] + o["late"] + o["skipped"] + o["dead_lettered"]
        check(o["rows_in"] == total, "operator %s: %d rows in, %d accounted for: %r" % (o["name"], o["rows_in"], total, o))
    for e in report["edges"]:
        check(e["sent"] == e["received"], "edge %s -> %s: %d sent, %d received" % (e["from"], e["to"], e["sent"], e["received"]))


def iso(ms):
    seconds, millis = divmod(ms, 1000)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + ".%03dZ" % millis


# --- files -------------------------------------------------------------------------------------------------------------

class Folder:
    """A temporary folder with a few helpers, removed at the end."""

    def __enter__(self):
        self.path = tempfile.mkdtemp(prefix="tidemill-test-")
        return self

    def __exit__(self, *exc):
        shutil.rmtree(self.path, ignore_errors=True)

    def join(self, *names):
        return os.path.join(self.path, *names)

    def write(self, name, content):
        path = self.join(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as f:
            f.write(content if isinstance(content, bytes) else content.encode())
        return path

    def read_lines(self, name):
        """Lines of a file, or of all part files of a folder."""
        path = self.join(name)
        paths = [path] if not os.path.isdir(path) else sorted(os.path.join(path, n) for n in os.listdir(path))
        lines = []
        for p in paths:
            with open(p, "rb") as f:
                lines += f.read().decode().splitlines()
        return lines


def processes_below(pid):
    try:
        with open("/proc/%d/task/%d/children" % (pid, pid), encoding="ascii") as f:
            return [int(n) for n in f.read().split()]
    except FileNotFoundError:
        return []


def worker_of(pid):
    """The process that does the job of `tidemill run`, below its supervisor; where it has none, itself."""
    return (processes_below(pid) or [pid])[0]


def threads_of(pid):
    """Names of the threads of a process, not of those below it."""
    names = []
    for task in os.listdir("/proc/%d/task" % pid):
        with open("/proc/%d/task/%s/comm" % (pid, task), encoding="ascii") as f:
            names.append(f.read().strip())
    return names


# Of a job's process, or of the worker process below it:

def memory_kib(pid):
    """Resident memory of a process that is its own: anonymous and shared memory, without file pages."""
    with open("/proc/%d/status" % worker_of(pid)) as status:
        text = status.read()
    return sum(int(n) for n in re.findall(r"Rss(?:Anon|Shmem):\s+(\d+) kB", text))


def cpu_seconds(pid):
    """What a process has computed so far."""
    with open("/proc/%d/stat" % worker_of(pid), encoding="ascii") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def catches(pid, number):
    """Does the process handle this signal?"""
    with open("/proc/%d/status" % worker_of(pid), encoding="ascii") as f:
        return int(re.search(r"SigCgt:\s+(\w+)", f.read()).group(1), 16) >> (number - 1) & 1 == 1


def wait_until(condition, seconds, what, every=0.02):
    """Polls; returns the first true value."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        check(time.monotonic() < end, "waited %s s for %s" % (seconds, what))
        time.sleep(every)


def wait_for_reading(process, size=1 << 20):
    """Until it has read so many bytes, its program and script among them, and would stop in order."""
    def reads():
        check(process.poll() is None, "the job ended, with %s, before it was seen to read" % process.returncode)
        with open("/proc/%d/io" % worker_of(process.pid), encoding="ascii") as f:
            return int(f.readline().split()[1]) > size and catches(process.pid, signal.SIGINT)
    wait_until(reads, TIMEOUT, "the job to read", every=0.002)


def main():
    chosen = [a for a in sys.argv[1:] if not a.startswith("-")]
    passed = failed = skipped = 0
    if not os.path.exists(TIDEMILL):
        print("no binary at %s (set TIDEMILL)" % TIDEMILL)
        print("0 passed, 1 failed")
        sys.exit(1)
    for function in CASES:
        if chosen and not any(c in function.__name__ for c in chosen):
            continue
        fact = (function.__doc__ or function.__name__).strip().splitlines()[0]
        begin = time.monotonic()
        try:
            outcome = function()
            if outcome == "skip":
                skipped += 1
                print("skip  %s" % fact, flush=True)
                continue
            passed += 1
            print("ok    %s (%.1f s)" % (fact, time.monotonic() - begin), flush=True)
        except Failed as e:
            failed += 1
            print("FAIL  %s\n      %s" % (fact, str(e).replace("\n", "\n      ")), flush=True)
        except Exception:  # a bug of the test or an unreadable output: the rest still runs
            failed += 1
            print("FAIL  %s\n%s" % (fact, traceback.format_exc()), flush=True)
    if skipped:
        print("%d skipped" % skipped)
    print("%d passed, %d failed" % (passed, failed)) # the last line, which ./dev adds up
    sys.exit(1 if failed or not passed and not skipped else 0)
