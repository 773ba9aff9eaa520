#!/usr/bin/env python3
"""Notes the runs of `against_smtp_source.sh`, and holds them against their bars and goals in one table.

    bars.py note RUNS --round N --name NAME --count N --cores C --time FILE --counted FILE
    bars.py table RUNS

`note` takes what GNU time wrote (`%e %U %S %M`) and what the receiver counted, refuses a run in which not
exactly COUNT were accepted or anybody twice, and appends the run to RUNS, a line of JSON each. A bar must
hold, a goal is what we are after. Ratios are taken within a round, and their median counts.
"""

import argparse
import collections
import json
import pathlib
import statistics
import sys

# Below this, cores.py says, the machine did not give both of its cores.
ENOUGH = 1.7
# The bars are for at least so many messages, so that start-up is a small part.
LEAST = 100_000
# Seconds and memory are for exactly so many rows.
MILLION = 1_000_000


def rate(run):
    """Messages a second of the whole process, start-up included."""
    return run["count"] / run["wall"]


def steady(run):
    """Messages a second by the receiver's clock, from the first acceptance to the last."""
    return (run["count"] - 1) / run["span"]


def round_trips(run):
    return run["round_trips"] / run["count"]


def cpu(run):
    """CPU seconds of the program, user and system, per 1,000 messages."""
    return 1000 * run["cpu"] / run["count"]


def wall(run):
    return run["wall"]


def peak(run):
    return run["peak_kib"] / 1024


MORE, LESS = "more", "less"
# How a figure is written.
FORMATS = {rate: ",.0f", steady: ",.1f", round_trips: ".3f", cpu: ".4f", wall: ".2f", peak: ".0f"}

Row = collections.namedtuple("Row", "words name measure against bar goal better")


def row(words, name, measure, bar, goal, against=None):
    """A row judged by its ratio to `against`, where more is better, or else by its figure, where less is."""
    return Row(words, name, measure, against, bar, goal, MORE if against else LESS)


TABLES = {
    "against smtp-source": [
        row("messages/s into smtp-sink", "sink", rate, 1.0, 1.6, "source_sink"),
        row("messages/s, cheap receiver, no CHUNKING", "grouped", rate, 1.0, 2.0, "source"),
        row("messages/s, cheap receiver, CHUNKING", "streamed", rate, 2.0, 5.0, "source"),
        row("long line, one session, no CHUNKING", "line_grouped", steady, 3.0, 3.9, "line_source"),
        row("long line, one session, CHUNKING", "line_streamed", steady, 30.0, 60.0, "line_source"),
    ],
    "by itself": [
        row("round trips a message, grouped", "grouped", round_trips, 1.1, 1.02),
        row("round trips a message, streamed", "streamed", round_trips, 0.3, 0.15),
        row("CPU s per 1,000 messages, grouped", "grouped", cpu, 0.040, 0.020),
        row("CPU s per 1,000 messages, streamed", "streamed", cpu, 0.030, 0.012),
        row("{rows} rows to all accepted, grouped, s", "rows_grouped", wall, 30.0, 15.0),
        row("{rows} rows to all accepted, streamed, s", "rows_streamed", wall, 20.0, 8.0),
        row("peak memory in that run, grouped, MiB", "rows_grouped", peak, 256, 128),
        row("peak memory in that run, streamed, MiB", "rows_streamed", peak, 256, 128),
        row("kept with TLS on, grouped", "tls_grouped", rate, 0.75, 0.9, "grouped"),
        row("kept with TLS on, streamed", "tls_streamed", rate, 0.75, 0.9, "streamed"),
        row("kept with the journal durable, grouped", "grouped", rate, 0.85, 0.95, "memory_grouped"),
        row("kept with the journal durable, streamed", "streamed", rate, 0.85, 0.95, "memory_streamed"),
    ],
}


def note(arguments):
    counted = json.loads(arguments.counted.read_text()) if arguments.counted.exists() else {}
    took, user, kernel, peak_kib = arguments.time.read_text().split()
    run = {
        **counted,
        "round": arguments.round,
        "name": arguments.name,
        "count": arguments.count,
        "cores": arguments.cores,
        "wall": float(took),
        "receiver_cpu": counted.get("cpu"),
        "cpu": float(user) + float(kernel),
        "peak_kib": int(peak_kib),
    }
    begin = f"round {run['round']}  {run['name']:16}"
    wrong = faults(run)
    if wrong:
        print(f"{begin} DOES NOT COUNT: {', '.join(wrong)}")
        sys.exit(1)
    with open(arguments.runs, "a", encoding="utf-8") as runs:
        runs.write(json.dumps(run) + "\n")
    print(f"{begin} {line(run)}")


def faults(run):
    """Why a run does not count. smtp-sink counts nothing; smtp-source writes to one address only."""
    wrong = []
    if "messages" in run and run["messages"] != run["count"]:
        wrong.append(f"{run['messages']} of {run['count']} were accepted")
    if "distinct" in run and "source" not in run["name"]:
        if run["duplicates"]:
            wrong.append(f"{run['duplicates']} were accepted twice")
        if run["distinct"] != run["count"]:
            wrong.append(f"{run['count'] - run['distinct']} are missing")
    return wrong


def line(run):
    """A run in a line, for whoever watches."""
    words = f"{rate(run):9,.0f}/s in {run['wall']:6.2f} s, CPU {1000 * cpu(run):5.1f} us, {peak(run):4.0f} MiB"
    if run["receiver_cpu"] is not None:
        words += (
            f" | receiver: {steady(run):9,.1f}/s, {1e6 * run['receiver_cpu'] / run['count']:4.1f} us, "
            f"{run['octets'] // run['count']} octets, {round_trips(run):.3f} round trips"
        )
    return f"{words} | {run['cores']:.2f} cores{'' if run['cores'] >= ENOUGH else ' only'}"


def table(arguments):
    if not arguments.runs.exists():
        sys.exit("no run counted")
    runs = collections.defaultdict(dict)
    with open(arguments.runs, encoding="utf-8") as lines:
        for run in map(json.loads, lines):
            runs[run["name"]][run["round"]] = run
    for words, rows in TABLES.items():
        there = [each for each in rows if each.name in runs and (each.against is None or each.against in runs)]
        if there:
            heading(words)
            for each in there:
                print(judged(each, runs))
            print()
    footnotes(runs)


def heading(words):
    columns = f"{'figure':>9} {'min':>9} {'max':>9} {'beside':>9} {'ratio':>7} {'bar':>6} {'goal':>6}  met"
    print(f"{words:42} {columns}")


def judged(each, runs):
    """One row: median, span, what it stands beside, and what of it is met."""
    own = runs[each.name]
    words = each.words.format(rows=f"{next(iter(own.values()))['count']:,}")
    figures = sorted(each.measure(run) for run in own.values())
    figure = value = statistics.median(figures)
    beside = ratio = ""
    used = list(own.values())
    if each.against:
        others = runs[each.against]
        ratios = [each.measure(own[turn]) / each.measure(others[turn]) for turn in own if turn in others]
        if not ratios:
            return f"{words:42} no round in which both runs counted"
        value = statistics.median(ratios)
        theirs = statistics.median(each.measure(run) for run in others.values())
        beside = format(theirs, FORMATS[each.measure])
        ratio = f"{value:.2f}"
        used += others.values()
    written = [format(number, FORMATS[each.measure]) for number in (figure, figures[0], figures[-1])]
    met = verdict(each, value) if is_for_its_bar(each, used) else "not judged"
    mark = " *" if any(run["cores"] < ENOUGH for run in used) else ""
    return (
        f"{words:42} {written[0]:>9} {written[1]:>9} {written[2]:>9} {beside:>9} {ratio:>7} "
        f"{each.bar:>6g} {each.goal:>6g}  {met}{mark}"
    )


def is_for_its_bar(each, used):
    """Whether the runs were as large as the bar asks. Over the long line start-up is left out anyway."""
    if each.measure in (wall, peak):
        return all(run["count"] == MILLION for run in used)
    return each.measure == steady or all(run["count"] >= LEAST for run in used)


def verdict(each, value):
    def reaches(mark):
        return value >= mark if each.better == MORE else value <= mark

    if reaches(each.goal):
        return "goal"
    return "bar" if reaches(each.bar) else "NO"


def footnotes(runs):
    rounds = max(len(turns) for turns in runs.values())
    print(f"Rounds: {rounds}. Figures are medians, with the least and the greatest; a ratio is the median of those")
    print("within a round, and it is what is judged where there is one. \"Beside\" is what it is held against.")
    if "source" in runs:
        source = runs["source"].values()
        print(
            f"smtp-source itself: {statistics.median(map(cpu, source)):.4f} CPU s per 1,000 messages, "
            f"{statistics.median(map(round_trips, source)):.2f} round trips a message."
        )
    for name in ("grouped", "streamed"):
        spent = [1e6 * run["receiver_cpu"] / run["count"] for run in runs.get(name, {}).values()]
        if spent:
            print(f"The receiver shares the cores and took {statistics.median(spent):.1f} us a message, {name}.")
    if any(run["cores"] < ENOUGH for turns in runs.values() for run in turns.values()):
        print(f"* not all of its runs began with {ENOUGH} cores given: measure again on a quiet machine.")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(required=True)
    noting = commands.add_parser("note", help="note one run")
    noting.set_defaults(act=note)
    noting.add_argument("runs", type=pathlib.Path)
    noting.add_argument("--round", type=int, required=True)
    noting.add_argument("--name", required=True)
    noting.add_argument("--count", type=int, required=True)
    noting.add_argument("--cores", type=float, required=True)
    noting.add_argument("--time", type=pathlib.Path, required=True)
    noting.add_argument("--counted", type=pathlib.Path, required=True)
    printing = commands.add_parser("table", help="print the table")
    printing.set_defaults(act=table)
    printing.add_argument("runs", type=pathlib.Path)
    arguments = parser.parse_args()
    arguments.act(arguments)


if __name__ == "__main__":
    main()
