#!/usr/bin/env python3
"""Imports a list into sqlite with Python's csv: what `benches/plan.sh` holds `mailrun plan` against.

One table, a column a column, a unique index over the address in lower case, one transaction.

    import.py LIST.csv DATABASE.sqlite
"""

import csv
import sqlite3
import sys


def main():
    source, target = sys.argv[1:]
    with open(source, encoding="utf-8", newline="") as file:
        rows = csv.reader(file)
        columns = next(rows)
        email = columns.index("email")
        database = sqlite3.connect(target)
        names = ", ".join(f'"{column}" TEXT' for column in columns)
        database.execute(f"CREATE TABLE recipients (address TEXT, {names})")
        database.execute("CREATE UNIQUE INDEX by_address ON recipients (address)")
        marks = ", ".join("?" * (len(columns) + 1))
        with database:
            database.executemany(
                f"INSERT OR IGNORE INTO recipients VALUES ({marks})",
                ([row[email].strip().lower(), *row] for row in rows),
            )
        (count,) = database.execute("SELECT count(*) FROM recipients").fetchone()
        print(f"{count} rows")


if __name__ == "__main__":
    main()
