#!/usr/bin/env python3
"""Serves the tables of a file to snmpd (pass_persist): a line is a name, a type and a value.

The file is read anew for every request, so that a test changes what a switch shows by writing it.
What is set is appended to FILE.set, and shown from then on.
"""

import sys

path = sys.argv[1]


def arcs(name):
    return tuple(int(arc) for arc in name.strip(".").split("."))


def table():
    rows = {}
    for each in (path, path + ".set"):
        try:
            with open(each, encoding="utf-8") as lines:
                for line in lines:
                    name, kind, value = line.rstrip("\n").split(" ", 2)
                    rows[arcs(name)] = (kind, value)
        except FileNotFoundError:
            pass
    return rows


def answer(*lines):
    sys.stdout.write("".join(line + "\n" for line in lines))
    sys.stdout.flush()


def show(name, row):
    answer("." + ".".join(map(str, name)), *row)


while True:
    line = sys.stdin.readline()
    command = line.strip()
    if command in ("PING", "ping"):
        answer("PONG")
    elif command == "get":
        name = arcs(sys.stdin.readline())
        row = table().get(name)
        show(name, row) if row else answer("NONE")
    elif command == "getnext":
        name = arcs(sys.stdin.readline())
        rows = table()
        after = min((each for each in rows if each > name), default=None)
        show(after, rows[after]) if after else answer("NONE")
    elif command == "set":
        name = sys.stdin.readline().strip()
        kind, value = sys.stdin.readline().strip().split(" ", 1)
        with open(path + ".set", "a", encoding="utf-8") as lines:
            lines.write(f"{name.strip('.')} {kind} {value.strip(chr(34))}\n")
        answer("DONE")
    elif not line:
        # The end; a blank line alone is what snmpd writes after each value to be set.
        break
