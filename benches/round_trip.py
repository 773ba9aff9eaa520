#!/usr/bin/env python3
"""Measures the round trip of a line with an SMTP server at its end: the median of ten NOOPs.

    round_trip.py PORT
"""

import socket
import statistics
import sys
import time

TIMES = 10


def main():
    with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as line:
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        line.recv(4096)
        took = []
        for _ in range(TIMES):
            began = time.perf_counter()
            line.sendall(b"NOOP\r\n")
            line.recv(4096)
            took.append(time.perf_counter() - began)
    print(f"{1000 * statistics.median(took):.1f} ms a round trip")


if __name__ == "__main__":
    main()
