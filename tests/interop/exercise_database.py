"""exercise_database.py write DATABASE MODEL SEED COUNT    COUNT transactions, each also on a model of the table
exercise_database.py check DATABASE MODEL               whether SQLite finds it whole and the model's rows in it

Half of the transactions are made with a rollback journal, half with a write-ahead log; some are rolled back.
"""

import json
import random
import sqlite3
import sys


def connect(path, mode):
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute(f"PRAGMA journal_mode={mode}")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("CREATE TABLE IF NOT EXISTS things (key INTEGER PRIMARY KEY, value TEXT)")
    connection.execute("CREATE INDEX IF NOT EXISTS values_of_things ON things (value)")
    return connection


def change(connection, choice, rows):
    rows = dict(rows)
    connection.execute("BEGIN IMMEDIATE")
    for _ in range(choice.randrange(1, 50)):
        key = choice.randrange(2000)
        if choice.random() < 0.2:
            connection.execute("DELETE FROM things WHERE key = ?", (key,))
            rows.pop(key, None)
        else:
            value = choice.randbytes(choice.randrange(1500)).hex()
            connection.execute("INSERT OR REPLACE INTO things VALUES (?, ?)", (key, value))
            rows[key] = value
    return rows


def write(path, model, seed, count):
    choice, rows = random.Random(seed), {}
    for mode in ("DELETE", "WAL"):
        connection = connect(path, mode)
        for _ in range(int(count) // 2):
            changed = change(connection, choice, rows)
            if choice.random() < 0.1:
                connection.execute("ROLLBACK")
            else:
                connection.execute("COMMIT")
                rows = changed
        connection.close()
    with open(model, "w", encoding="ascii") as out:
        json.dump(sorted(rows.items()), out)


def check(path, model):
    connection = sqlite3.connect(path)
    found = connection.execute("PRAGMA integrity_check").fetchall()
    if found != [("ok",)]:
        sys.exit(f"exercise_database.py: {path}: {found}")
    with open(model, encoding="ascii") as text:
        wanted = json.load(text)
    if [list(row) for row in connection.execute("SELECT key, value FROM things ORDER BY key")] != wanted:
        sys.exit(f"exercise_database.py: {path}: the rows are not the model's")


{"write": write, "check": check}[sys.argv[1]](*sys.argv[2:])
