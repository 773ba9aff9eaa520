#!/usr/bin/env python3
"""Makes a workspace for benches: one campaign, `bench`, of as many recipients as asked for.

The message has ten variables, a partial, a loop and a condition, and comes to about 4 kB of text and HTML.
The same arguments always make the same files.

    make_campaign.py FOLDER [RECIPIENTS] [--relay HOST:PORT] [--sessions N] [--tls-ca FILE]

Without RECIPIENTS only the relay is written, over a workspace that is there.
"""

import argparse
import pathlib

FIRST = ["Ada", "Grace", "Jörg", "Zoë", "Łukasz", "Мария", "Ελένη", "优", "さくら", "Amina"]
LAST = ["Lovelace", "Hopper", "Müller", "Nguyễn", "Kowalski", "Иванова", "Παπαδοπούλου", "李", "田中", "Okafor"]
CITIES = ["Berlin", "Łódź", "São Paulo", "Zürich", "Kraków", "Malmö", "Lisboa", "Praha"]
PLANS = ["basic", "plus", "team"]
ITEMS = ["a notebook", "two pencils", "a map", "an atlas", "a lamp", "some string"]

CAMPAIGN = """\
subject = "{{first_name}}, your autumn letter"
from = "Example News <news@example.com>"
template = "bench"
relays = ["bench"]
list_id = "news.example.com"
[list]
file = "recipients.csv"
name = "{{first_name}} {{last_name}}"
split = { items = ";" }
[unsubscribe]
url = "https://u.example.com/{{token}}"
mailto = "unsubscribe@example.com"
"""

RELAY = """\
[relays.bench]
host = "{host}"
port = {port}
{tls}
sessions = {sessions}
messages_per_session = 1000000
"""

PARAGRAPH = (
    "The days grow shorter, and there is more time to read. We have put together what our readers "
    "in {{city}} asked for most, and a few things that nobody asked for and everybody will want. "
)

TEXT = (
    "Dear {{first_name}} {{last_name}},\n\n"
    + (PARAGRAPH + "\n\n") * 5
    + "Your order of {{since}} with {{company}}:\n"
    "{{#each items}}\n- {{this}}\n{{/each}}\n"
    "In all: {{total}}, to {{city}}, {{country}}.\n"
    '{{#if link}}See {{link}}\n{{/if}}\n'
    "{{> bench_footer}}\n"
)

HTML = (
    "<!doctype html>\n<html><body style=\"font-family: sans-serif\">\n"
    "<h1>Dear {{first_name}} {{last_name}},</h1>\n"
    + ("<p style=\"margin: 0 0 1em 0; line-height: 1.5\">" + PARAGRAPH + "</p>\n") * 8
    + "<p>Your order of {{since}} with {{company}}:</p>\n<ul>\n"
    "{{#each items}}\n<li>{{this}}</li>\n{{/each}}\n</ul>\n"
    "<p>In all: <b>{{total}}</b>, to {{city}}, {{country}}.</p>\n"
    "{{#if link}}<p><a href=\"{{link}}\">See your order</a></p>{{/if}}\n"
    "{{> bench_footer}}\n</body></html>\n"
)

FOOTER = "You get this letter as a reader of Example News, on the plan {{plan}}.\n"

HEADER = "email,first_name,last_name,company,city,country,plan,items,total,since,link\n"


def row(number):
    """One recipient, as different from the one before as names allow."""
    items = ";".join(ITEMS[(number + step) % len(ITEMS)] for step in range(1 + number % 4))
    return (
        f"reader{number}@example.net,{FIRST[number % 10]},{LAST[number // 10 % 10]},Company {number % 997},"
        f"{CITIES[number % 8]},Country {number % 37},{PLANS[number % 3]},{items},"
        f"{number % 500}.{number % 100:02d} EUR,2026-{1 + number % 12:02d}-{1 + number % 28:02d},"
        f"https://shop.example.com/orders/{number}\n"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("recipients", type=int, nargs="?")
    parser.add_argument("--relay", default="127.0.0.1:2525", metavar="HOST:PORT")
    parser.add_argument("--sessions", type=int, default=8)
    parser.add_argument("--tls-ca", type=pathlib.Path, metavar="FILE", help="implicit TLS, with this authority")
    arguments = parser.parse_args()

    write_relay(arguments)
    if arguments.recipients is not None:
        write_campaign(arguments.folder, arguments.recipients)


def write_relay(arguments):
    host, port = arguments.relay.rsplit(":", 1)
    tls = 'tls = "none"'
    if arguments.tls_ca:
        tls = f'tls = "implicit"\ntls_ca = "{arguments.tls_ca.resolve()}"'
    relay = RELAY.format(host=host, port=port, sessions=arguments.sessions, tls=tls)
    write(arguments.folder / "campaigns/relays.toml", relay)


def write_campaign(folder, recipients):
    files = {
        "campaigns/bench/campaign.toml": CAMPAIGN,
        "templates/bench/body.txt.hbs": TEXT,
        "templates/bench/body.html.hbs": HTML,
        "templates/partials/bench_footer.hbs": FOOTER,
    }
    for path, content in files.items():
        write(folder / path, content)
    with open(folder / "campaigns/bench/recipients.csv", "w", encoding="utf-8") as rows:
        rows.write(HEADER)
        rows.writelines(row(number) for number in range(recipients))


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="utf-8")


if __name__ == "__main__":
    main()
