#!/usr/bin/env python3
"""Asks SpamAssassin's spamd or rspamd of messages, and looks at what they object to in their form.

    spam.py spamd|rspamd PORT FOLDER      FOLDER holds the messages and expected.json

Rules about form (FORM) must not be hit: how MIME, header fields, dates and HTML are made is mailrun's to do. Rules about
what the letters say, or how they came here, are not its own. Every rule that was hit is listed; a hit of one about
form is a finding, unless ALLOWED says why it stands. Findings make the exit code 1.
"""

import json
import re
import socket
import sys
import urllib.request
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

# What counts as form, by the names of rules; both programs name theirs much alike.
FORM = [
    r"MIME_", r".*_MIME", r"MISSING_", r"INVALID_", r"HTML_", r".*_HTML", r"MSGID_", r".*_MSGID", r"MSG_ID", r"MID_",
    r"HEAD(ER)?_", r"DATE_", r"FROM_(EXCESS|ILLEGAL|MISSP|NO_DN$|DN_EQ|HAS_DN$|INVALID|BLANK|UNPARSE)", r"TO_MALFORMED",
    r"TO_NO_BRKTS", r"SUBJ_ILLEGAL", r"SUBJECT_(NEEDS|HAS_)", r".*ENCOD", r"BROKEN_", r".*BOUNDARY", r"CTYPE_",
    r".*CT(E)?_", r"CTE_", r"BAD_", r"R_(BAD|PARTS|MISSING|MIXED|UNDISC|NO_SPACE|SUSPICIOUS)", r"UNPARSEABLE", r"FORGED_",
    r"MULTIPLE_", r"MULTIPART_", r"MPART_", r"EMPTY_", r"PARTS_DIFFER", r"RCPT_COUNT_Z", r"LONG_", r"OBSOLETE",
    r"TRACKER", r"ZERO_", r"FAKE_", r"SUSPICIOUS", r"APOST", r"WRAPPED", r"PREVIOUSLY", r"B64_", r"BASE64", r".*BASE64",
    r"QP_", r"CHARSET", r".*CHARSET", r".*EXCESS", r"UNWANTED_", r"NULL", r"MAILLIST", r"DUP_", r"INFO_TO_", r"MV_CASE",
    r"NO_HEADERS", r"NO_HEADER", r"UNDISC", r"REPLYTO_", r"TO_DN_EQ", r"WEIRD", r"X_",
]

# Hits that stand: in which campaigns (all, where none is named), and why.
ALLOWED = {
    "HTML_MESSAGE": ((), "there is HTML, which is no objection"),
    "MIME_BASE64_TEXT": ((), "a text mostly beyond ASCII is shorter so; of one in ASCII, another rule speaks"),
    "R_MIXED_CHARSET": ((), "letters of several scripts stand in one text, as the people here have them"),
    "APOSTROPHE_TOCC": ((), "an apostrophe stands in the address itself"),
    "MIME_HTML_ONLY": (("markup", "odd"), "the campaign has no text; a cell of HTML makes a text look like a page"),
    "R_PARTS_DIFFER": (("unbroken", "odd"), "words are counted, and a whole text is one word or a page is its cell"),
    "WEIRD_QUOTING": (("fields", "odd"), "a cell holds quotes in a row"),
    "TO_EXCESS_QP": (("fields", "odd"), "a name of ASCII looks like an encoded-word, or is one long word, and so is encoded"),
    "SUBJ_EXCESS_QP": (("fields", "odd"), "a subject of ASCII looks like an encoded-word, and so must be one"),
    "MIME_BAD_UNICODE": (("files",), "a file is named after a person whose emoji is joined by U+200D"),
    "MIME_BASE64_TEXT_BOGUS": (("files",), "an attached text keeps its octets, a lone CR among them, so it travels in base64"),
    "R_UNDISC_RCPT": (("odd",), "somebody is called undisclosed-recipients"),
}


def ask_spamd(port, octets):
    """The rules that spamd hit (spamd(1), PROTOCOL: SYMBOLS)."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as line:
        line.sendall(b"SYMBOLS SPAMC/1.5\r\nContent-length: %d\r\n\r\n" % len(octets) + octets)
        line.shutdown(socket.SHUT_WR)
        answer = b"".join(iter(lambda: line.recv(65536), b"")).decode()
    head, _, body = answer.partition("\r\n\r\n")
    if " 0 EX_OK" not in head.splitlines()[0]:
        raise RuntimeError(f"spamd says {head!r}")
    return [name for name in body.strip().split(",") if name]


def ask_rspamd(port, octets):
    """The symbols that rspamd hit with a score of their own."""
    request = urllib.request.Request(f"http://127.0.0.1:{port}/checkv2", data=octets)
    with urllib.request.urlopen(request, timeout=60) as answer:
        symbols = json.load(answer)["symbols"]
    return [name for name, symbol in symbols.items() if symbol["score"] > 0]


def is_form(rule):
    return any(re.match(pattern, rule) for pattern in FORM)


def is_allowed(rule, campaign):
    campaigns, _ = ALLOWED.get(rule, (("none",), ""))
    return not campaigns or campaign in campaigns


def main(program, port, folder):
    ask = {"spamd": ask_spamd, "rspamd": ask_rspamd}[program]
    letters = json.loads((folder / "expected.json").read_text("utf-8"))
    hits = Counter()
    findings = 0
    # Both judge two messages at once.
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda expected: ask(port, (folder / expected["file"]).read_bytes()), letters))
    for expected, rules in zip(letters, answers):
        hits.update(rules)
        objections = [rule for rule in rules if is_form(rule) and not is_allowed(rule, expected["campaign"])]
        if objections:
            print(f"{expected['file']} ({expected['campaign']}, {expected['to']['address']}): {', '.join(objections)}")
        findings += len(objections)
    print("hit: " + ", ".join(f"{rule} {count}" for rule, count in hits.most_common()))
    print(f"{program}: {len(letters)} messages, {findings} findings")
    return 1 if findings or not letters else 0


if __name__ == "__main__":
    if len(sys.argv) != 4 or sys.argv[1] not in ("spamd", "rspamd"):
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])))
