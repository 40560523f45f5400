"""What a job's folder shows from outside, and its processes."""
import glob
import os
import re

PF_EXITING = 4


class Look:
    def __init__(self, folder, job):
        self.store = os.path.join(folder, ".tidemill", job)
        self.latest, self.latest_ns = 0, 0
        try:
            path = os.path.join(self.store, "LATEST")
            self.latest_ns = os.stat(path).st_mtime_ns
            with open(path, encoding="ascii") as f:
                self.latest = int(f.read().split()[0][4:])
        except (OSError, ValueError, IndexError):
            pass
        try:
            names = os.listdir(self.store)
        except OSError:
            names = []
        # killed when all had been done: the next life would be of another job
        self.finished = os.path.exists(os.path.join(self.store, "chk-%d" % self.latest, "COMMITTED"))
        self.attempts = {n for n in names if n.endswith(".tmp")}
        self.newer = any(re.fullmatch(r"chk-\d+", n) and int(n[4:]) > self.latest for n in names)
        self.parallelism, self.max_parallelism = self.parallel()
        self.commits, self.records = False, set()
        for record in glob.glob(os.path.join(folder, "**", ".*.committed*"), recursive=True):
            try:
                with open(record, encoding="ascii") as f:
                    numbers = re.search(r"begun (\d+) done (\d+)", f.read())
                self.records.add((record, os.stat(record).st_mtime_ns))
            except OSError:
                continue
            self.commits = self.commits or record.endswith(".new") or bool(
                numbers and os.path.dirname(record) == folder and int(numbers.group(1)) > int(numbers.group(2)))
        self.staged = bool(glob.glob(os.path.join(folder, "**", ".*.inprogress"), recursive=True))

    def parallel(self):
        """Parallelism and max parallelism of the newest checkpoint; 0 where there is none."""
        try:
            with open(os.path.join(self.store, "chk-%d" % self.latest, "MANIFEST"), encoding="utf-8", errors="replace") as f:
                text = f.read()
        except OSError:
            return 0, 0
        most = re.search(r'"max_parallelism": *(\d+)', text)
        return max([int(n) for n in re.findall(r'"parallelism": *(\d+)', text)] or [0]), int(most.group(1)) if most else 0

    def phase_since(self, before):
        """Of a life that was killed at any moment: as well as can be told."""
        if self.commits and self.records != before.records:
            return "commit"
        if self.attempts - before.attempts:
            return "checkpoint"
        if before.latest and self.latest_ns == before.latest_ns:
            return "restore"
        return "work"


# --- processes -----------------------------------------------------------------------------------------------------------

def worker_below(pid):
    """The worker process of a supervisor, or None."""
    try:
        with open("/proc/%d/task/%d/children" % (pid, pid), encoding="ascii") as f:
            return int((f.read().split() or [0])[0]) or None
    except OSError:
        return None


def is_going(pid):
    """Does it do anything still? One that is ending does not, though it may hold its locks for a while."""
    try:
        with open("/proc/%d/stat" % pid, encoding="ascii", errors="replace") as f:
            fields = f.read().rpartition(")")[2].split()
        return fields[0] not in "ZX" and not int(fields[6]) & PF_EXITING
    except OSError:
        return False


def resident_bytes(pid):
    try:
        with open("/proc/%d/statm" % pid, encoding="ascii") as f:
            return int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError):
        return 0
