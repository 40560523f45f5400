"""The same small tasks with what people use now: DuckDB, Python, awk, jq. Part of bench/run (--only peers).

Each tool writes its result to a file; before anything is printed all results are compared with Tidemill's, as sets of rows.
Times are of whole processes, with as many threads as each tool takes by itself. DuckDB is the one that
`./dev setup` installs from PyPI into the build's folder; a tool that is not there is left out, and said.
"""
import csv
import os
import shutil
import statistics
import subprocess
import sys

from measure import JOBS, data, pattern, run, say

RUNS = 3


def duckdb(place):
    """Where DuckDB's Python module is, which `./dev setup` installs; None: it is not."""
    folder = os.path.join(place.build, "python")
    if os.path.exists(os.path.join(folder, "duckdb")):
        return folder
    say("DuckDB is not in %s, left out; ./dev setup installs it" % os.path.relpath(folder))
    return None


# --- the tasks: what each tool is given --------------------------------------------------------------------------------
# Programs of Python, awk and jq get the files as arguments and write to standard output: CSV, or fields with tabs. In SQL,
# {input} is the pattern of the files. In jq, `.[$k] += 1` would copy all of the object each time.

PAYMENTS_CSV = """read_csv('{input}', header = true, columns = {{user_id: 'VARCHAR', amount: 'DOUBLE', country: 'VARCHAR',
  ts: 'TIMESTAMP', note: 'VARCHAR'}})"""

TASKS = {
    "words": {
        "what": "how often each word occurs, from text",
        "data": "words",
        "duckdb": """SELECT word, count(*) FROM (SELECT unnest(string_split(line, ' ')) AS word FROM read_csv('{input}',
            columns = {{line: 'VARCHAR'}}, header = false, delim = '\t', quote = '', escape = '', auto_detect = false))
            GROUP BY word""",
        "python": """
import collections, sys
counts = collections.Counter()
for path in sys.argv[1:]:
    with open(path) as lines:
        for line in lines:
            counts.update(line.split())
for word, n in counts.items():
    print(word, n, sep="\\t")
""",
        "mawk": r"""{ for (i = 1; i <= NF; i++) n[$i]++ } END { for (w in n) printf "%s\t%d\n", w, n[w] }""",
        "jq": (["-nRr"], r"""reduce (inputs / " " | .[]) as $w ({}; .[$w] = .[$w] + 1) | to_entries[] | [.key, .value] | @tsv"""),
    },
    "users": {
        "what": "records per user, from JSON Lines",
        "data": "payments",
        "duckdb": """SELECT user_id, count(*) FROM read_json('{input}', format = 'newline_delimited', columns = {{
            user_id: 'VARCHAR', amount: 'DOUBLE', country: 'VARCHAR', ts: 'BIGINT', note: 'VARCHAR'}}) GROUP BY user_id""",
        "python": """
import collections, json, sys
counts = collections.Counter()
for path in sys.argv[1:]:
    with open(path) as lines:
        for line in lines:
            counts[json.loads(line)["user_id"]] += 1
for user, n in counts.items():
    print(user, n, sep="\\t")
""",
        "jq": (["-nr"], "reduce inputs.user_id as $u ({}; .[$u] = .[$u] + 1) | to_entries[] | [.key, .value] | @tsv"),
    },
    "convert": {
        "what": "a filter and a computed column, CSV to CSV",
        "data": "csv",
        "duckdb": "SELECT user_id, country, amount, floor(amount * 2.9 + 30.5) / 100 FROM " + PAYMENTS_CSV +
                  " WHERE amount >= 50 AND country <> 'US'",
        "python": """
import csv, math, sys
out = csv.writer(sys.stdout, lineterminator="\\n")
for path in sys.argv[1:]:
    with open(path, newline="") as lines:
        for e in csv.DictReader(lines):
            amount = float(e["amount"])
            if amount >= 50 and e["country"] != "US":
                out.writerow((e["user_id"], e["country"], amount, math.floor(amount * 2.9 + 30.5) / 100))
""",
        # no quotes stand in front of the last field, which is not needed: commas alone will do for awk and jq
        "mawk": r"""BEGIN { FS = "," } FNR > 1 && $2 >= 50 && $3 != "US" {
            printf "%s,%s,%s,%.12g\n", $1, $3, $2, int($2 * 2.9 + 30.5) / 100 }""",
        "jq": (["-Rr"], r"""split(",") | select(.[0] != "user_id") | (.[1] | tonumber) as $amount
            | select($amount >= 50 and .[2] != "US") | [.[0], .[2], $amount, ($amount * 2.9 + 30.5 | floor) / 100] | @csv"""),
    },
    "sums": {
        "what": "a sum per country, from CSV",
        "data": "csv",
        "duckdb": "SELECT country, sum(amount) FROM " + PAYMENTS_CSV + " GROUP BY country",
        "python": """
import collections, csv, sys
sums = collections.Counter()
for path in sys.argv[1:]:
    with open(path, newline="") as lines:
        for e in csv.DictReader(lines):
            sums[e["country"]] += float(e["amount"])
for country, total in sums.items():
    print(country, total, sep="\\t")
""",
        "mawk": r"""BEGIN { FS = "," } FNR > 1 { s[$3] += $2 } END { for (c in s) printf "%s\t%.12g\n", c, s[c] }""",
        "jq": (["-nRr"], r"""reduce (inputs | split(",") | select(.[0] != "user_id")) as $e ({};
            .[$e[2]] = .[$e[2]] + ($e[1] | tonumber))
            | to_entries[] | [.key, .value] | @tsv"""),
    },
}


def commands(place, name, files, output, duckdb_at):
    """For each tool that is there: (command, environment). It writes to `output`, or to standard output."""
    task = TASKS[name]
    found = {"tidemill": ([place.tidemill, "run", os.path.join(JOBS, "peers", name + ".lua"), "--quiet", "--set",
                           "input=" + pattern(files), "--set", "output=" + output], None)}
    if duckdb_at:
        sql = "COPY (%s) TO '%s' (FORMAT csv, HEADER false)" % (task["duckdb"].format(input=pattern(files)), output)
        found["duckdb"] = ([sys.executable, "-c", "import duckdb, sys; duckdb.sql(sys.argv[1])", sql],
                           dict(os.environ, PYTHONPATH=duckdb_at))
    found["python"] = ([sys.executable, "-c", task["python"]] + files, None)
    if "mawk" in task and shutil.which("mawk"):
        found["mawk"] = ([shutil.which("mawk"), task["mawk"]] + files, None)
    if "jq" in task and shutil.which("jq"):
        options, program = task["jq"]
        found["jq"] = ([shutil.which("jq")] + options + [program] + files, None)
    return found


# --- comparing ---------------------------------------------------------------------------------------------------------

def value(cell):
    try:
        return "%.9g" % float(cell)
    except ValueError:
        return cell


def result(path, header):
    """The rows of a result, sorted; numbers to nine digits, as the order of adding is free."""
    with open(path, newline="") as lines:
        first = lines.readline()
        lines.seek(0)
        rows = list(csv.reader(lines, delimiter="\t" if "\t" in first else ","))
    return sorted(tuple(map(value, row)) for row in (rows[1:] if header else rows))


# --- the table ---------------------------------------------------------------------------------------------------------

def measure(place, rows, runs):
    """A list of figures, one for each task and tool."""
    figures = []
    duckdb_at = duckdb(place)
    for name, task in TASKS.items():
        files = data(place, task["data"], rows)
        output, stdout = os.path.join(place.work, "out.csv"), os.path.join(place.work, "out.txt")
        tools = commands(place, name, files, output, duckdb_at)
        expected, times = None, {tool: [] for tool in tools}
        for turn in range(runs + 1): # the first one warms the page cache and is compared
            for tool, (command, environment) in tools.items():
                finished = run(place, command, stdout, environment)
                if turn > 0:
                    times[tool].append(finished)
                    continue
                rows_of_tool = result(output if os.path.exists(output) else stdout, tool == "tidemill")
                expected = expected or rows_of_tool
                if rows_of_tool != expected or not expected:
                    different = sorted(set(rows_of_tool) ^ set(expected))[:4]
                    sys.exit("bench: %s: %s gives another result, such as %s" % (name, tool, different))
        say("  %s: %d rows, the same from %s" % (name, len(expected), ", ".join(tools)))
        for tool, finished in times.items():
            figures.append({"task": name, "what": task["what"], "tool": tool, "rows": rows,
                            "wall": statistics.median(r.wall for r in finished),
                            "cpu": statistics.median(r.cpu for r in finished)})
    return figures


def print_table(figures):
    print("\nthe same tasks with other tools, %d records" % figures[0]["rows"])
    print("%-10s%-10s%10s%10s%14s%13s" % ("task", "tool", "wall s", "CPU s", "wall, times", "CPU, times"))
    for f in figures:
        ours = next(g for g in figures if g["task"] == f["task"])
        print("%-10s%-10s%10.2f%10.2f%14.1f%13.1f" % (f["task"], f["tool"], f["wall"], f["cpu"], f["wall"] / ours["wall"],
                                                      f["cpu"] / ours["cpu"]))
    for name, task in TASKS.items():
        print("  %s: %s" % (name, task["what"]))
