"""A bound of memory that the kernel keeps to: a group of processes (cgroup), where the machine lets us make one. Beyond it the kernel kills
the process that has the most.
"""
import itertools
import os
import time

numbers = itertools.count()
# Files of the two forms of groups: the bound, and how often the kernel has killed.
FORMS = {"memory.max": "memory.events", "memory.limit_in_bytes": "memory.oom_control"}


def own_groups():
    """Folders of the groups that this process is in, those that may have a bound of memory."""
    with open("/proc/self/cgroup", encoding="ascii") as f:
        for line in f:
            _, controllers, path = line.rstrip("\n").split(":", 2)
            if "memory" in controllers.split(","):
                yield os.path.join("/sys/fs/cgroup/memory", path.lstrip("/"))
            elif not controllers:
                yield os.path.join("/sys/fs/cgroup", path.lstrip("/"))


class Group:
    """limit: bytes of all its processes together. Raises OSError where there can be none."""

    def __init__(self, limit):
        error = OSError("no group of processes has a bound of memory here")
        self.folder = None
        for parent in own_groups():
            folder = os.path.join(parent, "tidemill-storm-%d-%d" % (os.getpid(), next(numbers)))
            try:
                os.mkdir(folder)
            except OSError as e:
                error = e
                continue
            bound = next((name for name in FORMS if os.path.exists(os.path.join(folder, name))), None)
            try:
                if bound is None:
                    raise OSError("no bound of memory in " + folder)
                self.write(folder, bound, limit)
                self.folder, self.kills_file = folder, FORMS[bound]
                return
            except OSError as e:
                os.rmdir(folder)
                error = e
        raise error

    @staticmethod
    def write(folder, name, value):
        with open(os.path.join(folder, name), "w", encoding="ascii") as f:
            f.write(str(value))

    def enter(self):
        """The calling process, and what it begins."""
        self.write(self.folder, "cgroup.procs", os.getpid())

    def kills(self):
        """How often the kernel has killed one of its processes."""
        with open(os.path.join(self.folder, self.kills_file), encoding="ascii") as f:
            return sum(int(line.split()[1]) for line in f if line.startswith("oom_kill "))

    def remove(self):
        """When all its processes have ended, which may take them a moment."""
        until = time.monotonic() + 10
        while True:
            try:
                os.rmdir(self.folder)
                return
            except OSError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.01)


def allowed():
    """May the storm make such groups?"""
    try:
        Group(64 << 20).remove()
    except OSError:
        return False
    return True
