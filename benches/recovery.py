#!/usr/bin/env python3
"""How long it takes from a kill -9 at full rate to the first message that a server takes anew.

    cargo build --release && cargo build --release --example receiver
    benches/recovery.py [RECIPIENTS [ACCEPTED]]

A campaign of RECIPIENTS (1000000) is sent to benches/receiver and killed with SIGKILL when about ACCEPTED (nine in
ten) were taken. Then `resume` is started against a server that notes when it takes its first message. Beside it:
how long `status` takes, and the most memory the resumed run had until then. Three kills, one after the other.

To be set: MAILRUN_BINARY, RECEIVER, PORT (25260), TMPDIR for a disk with some 2 GB (4 KB a recipient).
"""

import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
MAILRUN = os.environ.get("MAILRUN_BINARY", str(ROOT / "target/release/mailrun"))
RECEIVER = os.environ.get("RECEIVER", str(ROOT / "target/release/examples/receiver"))
PORT = int(os.environ.get("PORT", "25260"))
KILLS = 3


def main():
    recipients = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    most = int(sys.argv[2]) if len(sys.argv) > 2 else recipients * 9 // 10
    scratch = pathlib.Path(tempfile.mkdtemp(prefix="mailrun-recovery-"))
    try:
        workspace = scratch / "workspace"
        relay = ["--relay", f"127.0.0.1:{PORT}", "--sessions", "50"]
        subprocess.run(["python3", ROOT / "benches/make_campaign.py", workspace, str(recipients), *relay], check=True)
        for kill in range(KILLS):
            verb = ["send", "bench", "--yes"] if kill == 0 else ["resume", "bench", "--uncertain", "skip"]
            run_until(workspace, verb, most * (kill + 1) // KILLS)
            measure(workspace)
    finally:
        shutil.rmtree(scratch)


def mailrun(workspace, words, **how):
    return subprocess.Popen([MAILRUN, *words, "--dir", str(workspace)], **how)


def accepted(workspace):
    done = subprocess.run([MAILRUN, "status", "bench", "--json", "--dir", workspace], capture_output=True)
    return json.loads(done.stdout)["recipients"]["accepted"] if done.returncode == 0 else 0


def run_until(workspace, verb, enough):
    """Sends at full rate and kills when `enough` are accepted."""
    receiver = subprocess.Popen([RECEIVER, "--listen", f"127.0.0.1:{PORT}", "--chunking"], stdout=subprocess.DEVNULL)
    wait_for_port()
    with open(os.devnull, "w") as null:
        run = mailrun(workspace, [*verb, "--progress", "none"], stdout=null, stderr=null)
        while accepted(workspace) < enough:
            if run.poll() is not None:
                sys.exit(f"the run ended by itself with {run.returncode}")
            time.sleep(0.05)
        run.kill()
        run.wait()
    receiver.terminate()
    receiver.wait()


def wait_for_port():
    for _ in range(100):
        try:
            socket.create_connection(("127.0.0.1", PORT)).close()
            return
        except OSError:
            time.sleep(0.05)
    sys.exit("the receiver does not listen")


def measure(workspace):
    before = time.monotonic()
    done = accepted(workspace)
    status = time.monotonic() - before
    server = First()
    began = time.monotonic()
    run = mailrun(workspace, ["resume", "bench", "--uncertain", "skip", "--progress", "plain"], stderr=subprocess.PIPE)
    said = threading.Thread(target=lambda: run.stderr.read())
    said.start()
    first = server.first() - began
    memory = peak(run.pid)
    run.kill()
    run.wait()
    said.join()
    server.close()
    size = sum(file.stat().st_blocks * 512 for file in (workspace / ".mailrun/journal").iterdir())
    print(
        f"{done} accepted: status {status * 1000:.0f} ms, resume to the first acceptance {first * 1000:.0f} ms, "
        f"{memory >> 10} MiB by then, journal {size >> 20} MiB allocated",
        flush=True,
    )


def peak(pid):
    """The most memory a process ever had, in KiB."""
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1])
    return 0


class First:
    """A server that takes one message, notes when, and then says nothing more."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", PORT), backlog=100)
        self.taken = threading.Event()
        self.when = None
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                peer, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.talk, args=(peer,), daemon=True).start()

    def talk(self, peer):
        try:
            with peer, peer.makefile("rb") as lines:
                self.answer(peer, lines)
        except OSError:
            # The run was killed.
            pass

    def answer(self, peer, lines):
        peer.sendall(b"220 first ESMTP\r\n")
        while words := lines.readline():
            verb = words[:4].upper()
            if verb == b"EHLO":
                peer.sendall(b"250-first\r\n250 8BITMIME\r\n")
                continue
            if verb == b"DATA":
                peer.sendall(b"354 go on\r\n")
                while lines.readline() not in (b".\r\n", b""):
                    pass
                if not self.taken.is_set():
                    self.when = time.monotonic()
                    self.taken.set()
            peer.sendall(b"250 2.0.0 Ok\r\n")

    def first(self):
        if not self.taken.wait(120):
            sys.exit("nothing was taken within two minutes")
        return self.when

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
if __name__ == "__main__":
    main()
