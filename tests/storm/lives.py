"""One command `tidemill run` of a round, from its start to its end, and what is done to it meanwhile."""
import os
import re
import resource
import signal
import subprocess
import time

from look import Look, is_going, resident_bytes, worker_below

LIFE_SECONDS = 120 # of one life: longer is a hang
LOOK_SECONDS = 0.004
RESTARTED = "starting it again" # in the process, by the strategy of the job


class Life:
    """kill: TIDEMILL_KILL; supervised: below a supervisor; memory: limit of the address space of each process, or 0; group: a bound that the kernel keeps
    to by killing (memory.py), or None."""

    def __init__(self, round_, binary, kill, supervised=False, memory=0, group=None):
        self.round, self.binary, self.supervised, self.memory, self.group = round_, binary, supervised, memory, group
        self.folder = round_.folder
        words = [binary] + round_.words() + ([] if supervised else ["--no-supervisor"])
        round_.history.append("TIDEMILL_KILL=%s%s %s" % (kill, " (memory %d MB)" % (memory >> 20) if memory else "", " ".join(words[1:])))
        self.number = len(round_.history)
        self.err_path = os.path.join(self.folder, "err-%d" % self.number)
        self.failed = False # something was taken from it for a while
        self.said = 0 # of what it wrote, so much has been looked at

        def limit():
            if group:
                group.enter()
            if memory:
                resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
        with open(self.err_path, "wb") as err:
            self.process = subprocess.Popen(words, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=err,
                                            env=dict(os.environ, TIDEMILL_KILL=kill, XDG_RUNTIME_DIR=self.folder), preexec_fn=limit,
                                            start_new_session=True)

    def note(self, text):
        self.round.history[self.number - 1] += " # " + text

    def kills_by_kernel(self):
        """In its group, which goes: all of it has ended."""
        kills = self.group.kills() if self.group else 0
        if self.group:
            self.group.remove()
            self.group = None
        if kills:
            self.note("the kernel has killed %d for their memory" % kills)
        return kills

    def is_going(self):
        return self.process.poll() is None

    def err(self):
        with open(self.err_path, encoding="utf-8", errors="replace") as f:
            return f.read()

    def wait(self, seconds):
        """True: it has ended meanwhile."""
        try:
            self.process.wait(timeout=max(0, seconds))
            return True
        except subprocess.TimeoutExpired:
            return False

    def end(self):
        """Exit code, when all of it has ended; a hang is a fault."""
        worker = worker_below(self.process.pid) if self.supervised else None
        if not self.wait(LIFE_SECONDS):
            self.signal(signal.SIGKILL, group=True)
            self.process.wait()
            self.round.fault("a life did not end in %d s (%s)\n%s" % (LIFE_SECONDS, self.round.history[self.number - 1], self.err()[-1500:]))
        self.let_worker_end(worker)
        return self.process.returncode

    @staticmethod
    def let_worker_end(worker):
        """It ends with its supervisor; where it was is looked at afterwards. It may hold locks and memory still."""
        until = time.monotonic() + LIFE_SECONDS
        while worker and is_going(worker) and time.monotonic() < until:
            time.sleep(0.001)

    def signal(self, number, group=False):
        try:
            (os.killpg if group else os.kill)(self.process.pid, number)
        except ProcessLookupError:
            pass

    def kill(self):
        """The command as it is: with it ends its worker process."""
        going = self.is_going()
        worker = worker_below(self.process.pid) if self.supervised else None
        self.signal(signal.SIGKILL)
        self.process.wait()
        self.let_worker_end(worker)
        return going and self.process.returncode == -signal.SIGKILL

    def kill_worker(self):
        """At this moment, which is looked at: what the folder shows then, or None where there was none to be killed."""
        worker = worker_below(self.process.pid)
        if not worker:
            return None
        try:
            os.kill(worker, signal.SIGSTOP)
            state = self.stopped_state(worker)
            look = Look(self.folder, self.round.job) if state == "T" else None
            os.kill(worker, signal.SIGKILL)
        except ProcessLookupError:
            return None
        self.let_worker_end(worker)
        return look

    @staticmethod
    def stopped_state(pid):
        """T when it has stopped, else it has ended."""
        until = time.monotonic() + 10
        while time.monotonic() < until:
            try:
                with open("/proc/%d/stat" % pid, encoding="ascii", errors="replace") as f:
                    state = f.read().rpartition(")")[2].split()[0]
            except OSError:
                return "X"
            if state in "TZX":
                return state
            time.sleep(0.0005)
        return "?"

    def points_hit(self):
        """Of the processes that have ended at one since the last call: (name, restarted in the process before)."""
        text = self.err()
        new = text[self.said:]
        self.said = len(text)
        return [(found.group(2), RESTARTED in found.group(1))
                for found in re.finditer(r"(?s)(.*?)^killed at (\w+), pass \d+$", new, re.M) if found]

    def resident(self):
        return resident_bytes(worker_below(self.process.pid) or self.process.pid)

    def fail_for(self, which, seconds):
        """For so long its process can open no file more, or write none that is longer than some KB."""
        self.failed = True
        pid = worker_below(self.process.pid) or self.process.pid
        name, low = {"files": (resource.RLIMIT_NOFILE, 3), "sizes": (resource.RLIMIT_FSIZE, 4096)}[which]
        try:
            _, most = resource.prlimit(pid, name)
            resource.prlimit(pid, name, (low, most))
            self.wait(seconds)
            resource.prlimit(pid, name, (most, most))
        except (ProcessLookupError, ValueError):
            return
        self.note("no %s for %.0f ms" % (which, seconds * 1000))

    # --- what a user asks of it ------------------------------------------------------------------------------------------

    def place(self):
        return os.path.join(self.folder, ".tidemill", self.round.job)

    def wait_for_socket(self):
        until = time.monotonic() + LIFE_SECONDS / 2
        while self.is_going() and not os.path.exists(os.path.join(self.place(), "control")) and time.monotonic() < until:
            time.sleep(LOOK_SECONDS)

    def ask(self, *words):
        """`tidemill WORDS`: its exit code and what it said."""
        done = subprocess.run([self.binary, *words], cwd=self.folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, check=False, timeout=LIFE_SECONDS,
                              env=dict(os.environ, XDG_RUNTIME_DIR=self.folder))
        return done.returncode, done.stdout.decode(errors="replace")

    def take_savepoint(self):
        """Of a job that runs; it may end meanwhile, or be killed. One that is there is whole."""
        self.wait_for_socket()
        folder = os.path.join(self.folder, "points", str(self.number))
        code, said = self.ask("savepoint", self.place(), folder)
        if code not in (0, 1):
            self.round.fault("a savepoint ended with %d: %s" % (code, said[-1000:]))
        elif os.path.exists(folder):
            whole, said = self.ask("checkpoint", "verify", folder)
            if whole != 0:
                self.round.fault("a savepoint is not whole: %s" % said[-1000:])
            self.round.storm.campaign.add("ends", "savepoints taken")
