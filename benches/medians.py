#!/usr/bin/env python3
"""Turns the raw lines of a bench into a table of medians and ratios.

Reads `NAME TAB COUNT TAB WALL TAB CPU TAB PEAK_KIB` a run from standard input. The first name is what the
others are held against; NAME=AGAINST as an argument holds NAME against AGAINST instead.
"""

import collections
import statistics
import sys


def main():
    against = dict(argument.split("=", 1) for argument in sys.argv[1:])
    runs = collections.defaultdict(list)
    for line in sys.stdin:
        name, count, wall, cpu, peak = line.rstrip("\n").split("\t")
        runs[name].append((int(count), float(wall), float(cpu), int(peak)))
    speeds = {
        name: sorted(count / wall for count, wall, _, _ in measured) for name, measured in runs.items()
    }
    first = next(iter(runs))
    print(f"{'':34} {'a second':>10} {'min':>9} {'max':>9} {'CPU s/1000':>11} {'peak MiB':>9}  ratio")
    for name, measured in runs.items():
        speed = statistics.median(speeds[name])
        cpu = statistics.median(1000 * cpu / count for count, _, cpu, _ in measured)
        peak = statistics.median(peak for _, _, _, peak in measured) / 1024
        base = against.get(name, first)
        ratio = speed / statistics.median(speeds[base])
        words = "" if base == name else f"{ratio:5.2f} x {base}"
        print(
            f"{name:34} {speed:10,.0f} {speeds[name][0]:9,.0f} {speeds[name][-1]:9,.0f} "
            f"{cpu:11.4f} {peak:9.0f}  {words}"
        )


if __name__ == "__main__":
    main()
