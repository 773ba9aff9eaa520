#!/usr/bin/env python3
"""Waits until the machine gives both of its cores, and prints how many it gave.

On shared machines there are phases in which two busy processes get the time of one; what is measured in
them cannot be compared. Two processes are kept busy for a quarter of a second; their CPU time over the
wall time is what was given. Prints that figure; fails if it stays below 1.7 for a minute.

    cores.py [--patience SECONDS]
"""

import argparse
import multiprocessing
import sys
import time

ENOUGH = 1.7
BUSY = 0.25


def burn(_):
    began = time.process_time()
    until = time.perf_counter() + BUSY
    while time.perf_counter() < until:
        pass
    return time.process_time() - began


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--patience", type=float, default=60.0, metavar="SECONDS")
    deadline = time.perf_counter() + parser.parse_args().patience
    with multiprocessing.Pool(2) as pool:
        while True:
            given = sum(pool.map(burn, range(2), chunksize=1)) / BUSY
            if given >= ENOUGH or time.perf_counter() > deadline:
                break
            time.sleep(0.5)
    print(f"{given:.2f}")
    sys.exit(0 if given >= ENOUGH else 1)


if __name__ == "__main__":
    main()
