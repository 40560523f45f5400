"""What is counted, and which kill point is next."""
import json
import os
import re
import threading

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PHASES = ("work", "checkpoint", "commit", "restore")
PATIENCE = 4 # so often a point is tried in vain by a job before it is left alone
BARRIERS = ("aligned", "unaligned", "not told apart")
# Who is killed: a job in one process; below a supervisor the worker process, or the supervisor.
WHO = ("process", "worker", "supervisor", "not told apart")


def read_points():
    with open(os.path.join(ROOT, "core", "base", "kill_points.def"), encoding="utf-8") as f:
        return dict(re.findall(r"^TM_KILL\((\w+), (\w+)\)", f.read(), re.M))


POINTS = read_points()


class Campaign:
    """Counts that add up; of several lanes."""

    def __init__(self, path, resume):
        self.path, self.lock = path, threading.Lock()
        self.counts = {"kills": 0, "random": 0, "phases": {}, "phases at random": {}, "points": {}, "passes": {}, "jobs": {}, "barriers": {},
                       "who": {}, "within": {}, "restarted": {}, "restarts": {}, "ends": {}, "begins": {}, "rounds": 0, "records": 0, "out of memory": 0, "lives": 0,
                       "seconds": 0, "spent": {}, "seeds": [], "faults": []}
        if resume and os.path.exists(path):
            with open(path, encoding="utf-8") as f:
                self.counts.update(json.load(f))
        for name in ("barriers", "who"): # of campaigns that did not tell
            told = sum(self.counts[name].values())
            if told < self.counts["kills"]:
                self.add(name, "not told apart", self.counts["kills"] - told)
        self.faults_before = len(self.counts["faults"])

    def add(self, name, key=None, by=1):
        with self.lock:
            if key is None:
                self.counts[name] += by
            else:
                self.counts[name][key] = self.counts[name].get(key, 0) + by

    def fault(self, text):
        with self.lock:
            self.counts["faults"].append(text)
        print("FAULT " + text, flush=True)

    def failed(self):
        return len(self.counts["faults"]) > self.faults_before

    def save(self):
        with self.lock:
            os.makedirs(os.path.dirname(self.path) or ".", exist_ok=True)
            with open(self.path + ".tmp", "w", encoding="utf-8") as f:
                json.dump(self.counts, f, indent=1, sort_keys=True)
            os.replace(self.path + ".tmp", self.path)

    def killed(self, spec, point, phase, barriers, who):
        """One kill; point None: at a random moment."""
        self.add("kills")
        self.add("jobs", spec)
        self.add("phases", phase)
        self.add("barriers", barriers)
        self.add("who", who)
        if point:
            self.add("points", point)
        else:
            self.add("random")
            self.add("phases at random", phase)

    def least(self):
        """The points that were hit least often, and how often."""
        low = min(self.counts["points"].get(p, 0) for p in POINTS)
        return [p for p in POINTS if self.counts["points"].get(p, 0) == low], low

    def table(self):
        c = self.counts
        lines = ["%d kills in %d lives of %d rounds, %d at random moments; %d records checked; %d lives ran out of memory; %.0f s" % (
            c["kills"], c["lives"], c["rounds"], c["random"], c["records"], c["out of memory"], c["seconds"])]

        def row(title, counts, names=()):
            shown = [n for n in list(names) + sorted(set(counts) - set(names)) if counts.get(n)]
            if shown:
                lines.append("%-18s %s" % (title, ", ".join("%s %d" % (n, counts[n]) for n in shown)))
        row("barriers", c["barriers"], BARRIERS)
        row("killed", c["who"], WHO)
        row("of these", c["within"])
        row("other ends", c["ends"])
        row("begun again", c["begins"])
        row("restarts", c["restarts"], BARRIERS)
        row("killed behind one", c["restarted"], PHASES)
        for phase in PHASES:
            n = c["phases"].get(phase, 0)
            lines.append("%-10s %6d kills, %4.1f %%" % (phase, n, 100.0 * n / max(1, c["kills"])))
            lines += ["  %-22s %6d" % (p, c["points"].get(p, 0)) for p, of in POINTS.items() if of == phase]
        low, count = self.least()
        lines.append("least often: %s, %d times" % (", ".join(low[:5]) + (", ..." if len(low) > 5 else ""), count))
        return "\n".join(lines)


class Chooser:
    """Which point next: the least hit of the least hit phase, if the folder is such that it can come."""

    def __init__(self, campaign, chance, only):
        self.campaign, self.chance, self.only = campaign, chance, only
        self.limits = {} # (job, point): so many passes at most, as far as is known
        self.vain = {}

    def can_come(self, spec, point, look):
        if self.vain.get((spec, point), 0) >= PATIENCE:
            return False
        if POINTS[point] == "restore" and not look.latest and point != "job_locked":
            return False
        needs = {"attempt_removed": any(n.startswith("chk-") for n in look.attempts), "newer_removed": look.newer,
                 "append_cut": look.commits, "leftovers_removed": look.staged}
        return needs.get(point, True)

    def choose(self, spec, look):
        """(point, pass), or None: a random moment."""
        c = self.campaign.counts
        if self.only:
            return (self.only, self.passes(spec, self.only)) if self.can_come(spec, self.only, look) else None
        if self.chance.random() < 0.2:
            return None
        points = [p for p in POINTS if self.can_come(spec, p, look)]
        rare = {"attempt_removed", "newer_removed", "append_cut"}
        urgent = [p for p in points if p in rare and c["points"].get(p, 0) <= min(c["points"].get(q, 0) for q in POINTS) + 3]
        if urgent and self.chance.random() < 0.7:
            point = self.chance.choice(urgent)
        else:
            by_phase = sorted(PHASES, key=lambda phase: c["phases"].get(phase, 0) + self.chance.random())
            phase = by_phase[0] if self.chance.random() < 0.5 else self.chance.choice(PHASES)
            some = [p for p in points if POINTS[p] == phase] or points
            some.sort(key=lambda p: c["points"].get(p, 0) + self.chance.random())
            point = some[0] if self.chance.random() < 0.7 else self.chance.choice(some)
        return point, self.passes(spec, point)

    def passes(self, spec, point):
        if point.startswith("savepoint_"):
            return 1
        mean = {"work": 8, "checkpoint": 3, "commit": 1.5, "restore": 0.7}[POINTS[point]]
        return min(1 + int(self.chance.expovariate(1 / mean)), self.limits.get((spec, point), 1000))

    def missed(self, spec, point, count):
        """It was not passed so often."""
        self.limits[(spec, point)] = max(1, count // 2)
        if count == 1:
            self.vain[(spec, point)] = self.vain.get((spec, point), 0) + 1

    def hit(self, spec, point):
        self.vain[(spec, point)] = 0
