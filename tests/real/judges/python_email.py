#!/usr/bin/env python3
"""Reads messages with Python's email package (policy default), and compares what each says with what it should.

    python_email.py FOLDER      FOLDER holds the messages and expected.json

A defect of a message, of a part or of a header field is a finding. Findings go to stdout; any make the exit code 1.
"""

import hashlib
import json
import re
import sys
from email import policy
from email.header import decode_header, make_header
from email.parser import BytesParser
from html.parser import HTMLParser
from pathlib import Path

WAY_OUT = "⟦way out⟧"
# Stands for the address of a picture that the message brings along, by the name of its file.
PICTURE = re.compile("⟦cid ([^⟧]*)⟧")
# Elements of which nothing is shown, with what stands in them.
UNSEEN = ("head", "title", "style", "script")
# The end of an encoded-word and the beginning of another.
SPLIT_NAME = re.compile(r"\?=\s+=\?")


class Structure(HTMLParser):
    """What a browser would see of a page: its tags with their attributes, and its text."""

    def __init__(self, page):
        super().__init__(convert_charrefs=True)
        self.seen = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.seen.append((tag, attributes))

    def handle_endtag(self, tag):
        self.seen.append(("/" + tag,))

    def handle_decl(self, declaration):
        self.seen.append(("!" + declaration,))

    def handle_data(self, data):
        self.seen.append(data)

    def without_styles(self):
        """The same, but for what tags have in the attribute `style`."""
        return [
            (one[0], [(name, value) for name, value in one[1] if name != "style"]) if begins(one) else one
            for one in self.seen
        ]

    def styles(self):
        """The attributes `style`, tag by tag."""
        return [dict(one[1]).get("style") for one in self.seen if begins(one)]

    def words(self):
        """What is shown of it, word by word."""
        words, within = [], None
        for one in self.seen:
            if isinstance(one, str):
                words += [] if within else one.split()
            elif within is None and one[0] in UNSEEN:
                within = one[0]
            elif one[0] == f"/{within}":
                within = None
        return words


def begins(one):
    """Whether an element begins with what was seen."""
    return isinstance(one, tuple) and len(one) == 2


def mailboxes(header, raw):
    """The names and addresses of a field; `raw` is the same field as it came."""
    found = [{"name": one.display_name, "address": one.addr_spec} for one in header.addresses]
    if len(found) == 1 and SPLIT_NAME.search(raw):
        # This parser keeps the space between two encoded-words of a name, which RFC 2047, 6.2 has readers drop
        # (https://github.com/python/cpython/issues/128110); its older sister in the same package drops it.
        phrase = raw.rpartition("<")[0].strip()
        found[0]["name"] = str(make_header(decode_header(phrase)))
    return found


def ways_out(message):
    return [way.strip().strip("<>") for way in (message["List-Unsubscribe"] or "").split(",")]


def compare(message, raw, expected):
    """Yields (what, found, expected) of everything that is compared."""
    for name, key in (("From", "from"), ("To", "to"), ("Reply-To", "reply_to")):
        wanted = [expected[key]] if expected[key] else None
        yield name, mailboxes(message[name], raw[name]) if message[name] else None, wanted
    yield "Subject", str(message["Subject"]), expected["subject"]
    for name, value in expected["headers"].items():
        yield name, message.get_all(name), [value]
    yield "List-Id", message["List-Id"], expected["list_id"]
    ways = ways_out(message)
    schemes = [scheme for scheme, has in (("https", expected["link"]), ("mailto", expected["mailto"])) if has]
    yield "List-Unsubscribe", [way.split(":")[0] for way in ways], schemes
    one_click = "List-Unsubscribe=One-Click" if expected["link"] else None
    yield "List-Unsubscribe-Post", message["List-Unsubscribe-Post"], one_click
    for name in ("From", "To", "Subject", "Date", "Message-ID", "MIME-Version"):
        yield f"the number of {name}", len(message.get_all(name, [])), 1
    yield "Date", message["Date"].datetime.utcoffset().total_seconds(), 0
    yield from compare_bodies(message, expected, ways[0])
    yield from compare_files(message, expected)


def compare_bodies(message, expected, way_out):
    for kind, subtype in (("text", "plain"), ("html", "html")):
        part = message.get_body(preferencelist=(subtype,))
        wanted = expected[kind]
        if wanted is None or part is None:
            yield f"whether there is {kind}", part is not None, wanted is not None
            continue
        content = part.get_content().replace("\r\n", "\n")
        wanted = PICTURE.sub(lambda match: picture(message, match[1]), wanted.replace(WAY_OUT, way_out))
        if kind == "text":
            free = expected.get("spaces_of_text") == "free"
            yield kind, content.split() if free else content, wanted.split() if free else wanted
        else:
            yield from compare_pages(content, wanted, expected.get("compared", "octets"))


def compare_pages(content, wanted, compared):
    """What must be the same of two pages: all of it, all but the attributes `style`, or the words that are shown."""
    found, due = Structure(content), Structure(wanted)
    if compared == "octets":
        yield "html", content, wanted
        yield "the structure of html", found.seen, due.seen
    elif compared == "all but styles":
        yield "the structure of html", found.without_styles(), due.without_styles()
        yield "whether styles were written into elements", found.styles() != due.styles(), True
    else:
        yield "the words of html", found.words(), due.words()


def picture(message, name):
    """The address of the inline part with that file name."""
    shown = [part for part in message.walk() if part.get_content_disposition() == "inline"]
    ids = [str(part["Content-ID"]).strip("<>") for part in shown if part.get_filename() == name]
    return f"cid:{ids[0]}" if len(ids) == 1 else f"one picture of {len(ids)}"


def compare_files(message, expected):
    """Attachments and inline images, by name, type and content."""
    found = []
    for part in message.walk():
        if part.is_multipart() or part.get_content_type() in ("text/plain", "text/html") and not part.is_attachment():
            continue
        octets = part.get_payload(decode=True)
        found.append(
            {
                "name": part.get_filename(),
                "type": part.get_content_type(),
                "disposition": part.get_content_disposition(),
                "sha256": hashlib.sha256(octets).hexdigest(),
            }
        )
    yield "files", found, expected.get("files", [])


def defects(message):
    for part in message.walk():
        for defect in part.defects:
            yield f"{part.get_content_type()}: {defect!r}"
        for name, value in part.items():
            for defect in getattr(value, "defects", ()):
                yield f"{name}: {defect!r}"


def main(folder):
    findings = 0
    letters = json.loads((folder / "expected.json").read_text("utf-8"))
    for expected in letters:
        octets = (folder / expected["file"]).read_bytes()
        message = BytesParser(policy=policy.default).parsebytes(octets)
        raw = BytesParser(policy=policy.compat32).parsebytes(octets)
        found = [f"defect: {words}" for words in defects(message)]
        for what, got, wanted in compare(message, raw, expected):
            if got != wanted:
                found.append(f"{what}: {shorten(got)}, and should be {shorten(wanted)}")
        for words in found:
            print(f"{expected['file']} ({expected['campaign']}, {expected['to']['address']}): {words}")
        findings += len(found)
    print(f"Python's email: {len(letters)} messages, {findings} findings")
    return 1 if findings or not letters else 0


def shorten(value):
    text = ascii(value)
    return text if len(text) <= 400 else f"{text[:400]}... ({len(text)} characters)"


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(main(Path(sys.argv[1])))
