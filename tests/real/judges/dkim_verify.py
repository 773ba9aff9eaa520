#!/usr/bin/env python3
"""Verifies the DKIM signatures of messages with dkimpy.

    dkim_verify.py FOLDER      FOLDER holds the messages, expected.json, and keys.json: an object of records, by name

Every message must bear as many signatures as `signatures` in expected.json says, all of them valid. Findings go to
stdout; any make the exit code 1.
"""

import json
import re
import sys
from pathlib import Path

import dkim


def main(folder):
    records = {name.rstrip("."): text.encode() for name, text in json.loads((folder / "keys.json").read_text("utf-8")).items()}
    letters = json.loads((folder / "expected.json").read_text("utf-8"))
    findings = signatures = 0

    def ask(name, timeout=5):
        return records.get(name.decode().rstrip(".").lower())

    for expected in letters:
        octets = (folder / expected["file"]).read_bytes()
        header = octets.split(b"\r\n\r\n")[0]
        count = len(re.findall(rb"(?im)^DKIM-Signature:", header))
        found = []
        if count != expected["signatures"]:
            found.append(f"{count} signatures, and should be {expected['signatures']}")
        for index in range(count):
            try:
                if not dkim.DKIM(octets).verify(index, dnsfunc=ask):
                    found.append(f"signature {index} does not verify")
            except dkim.DKIMException as error:
                found.append(f"signature {index}: {error!r}")
        for words in found:
            print(f"{expected['file']} ({expected['campaign']}, {expected['to']['address']}): {words}")
        findings += len(found)
        signatures += count
    print(f"dkimpy: {len(letters)} messages, {signatures} signatures, {findings} findings")
    return 1 if findings or not signatures else 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(main(Path(sys.argv[1])))
