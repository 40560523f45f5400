#!/usr/bin/env -S python3 -B
"""Writes what fuzz_api.c makes up calls from: every function of the definitions (lua/meta), with the types of its parameters.

    python3 tests/fuzz/api_types.py OUT.h

A type is a node of one table: its kind, a text, and the nodes below it (`first`, `count` in a second table). So a function that is added to
the definitions is fuzzed from then on, with arguments of the types it says and others.
"""
import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "docs", "reference"))
from definitions import Definitions, take_type  # noqa: E402

BASIC = {"string": "STRING", "number": "NUMBER", "integer": "INTEGER", "boolean": "BOOLEAN", "nil": "NIL", "any": "ANY", "T": "ANY"}
# Texts that only some strings are, by the name of the type or of the parameter.
TEXTS = {"tidemill.duration": "DURATION", "tidemill.size": "SIZE", "tidemill.type": "TYPE"}
FIELDS = {"field", "fields", "by", "key", "partition_by", "keys"}
# Loads what is outside of the job.
LEFT_OUT = set()


class Table:
    def __init__(self, definitions):
        self.definitions, self.nodes, self.children, self.known = definitions, [], [], {}

    def add(self, kind, text="", below=()):
        node = (kind, text, tuple(below))
        if node not in self.known:
            self.known[node] = len(self.nodes)
            self.nodes.append(node)
        return self.known[node]

    def type(self, text, name="", seen=()):
        """The node of a type's text; `name` is the parameter's or field's."""
        text = text.strip()
        parts = split(text, "|")
        if len(parts) > 1:
            return self.add("CHOICE", "", [self.type(p, name, seen) for p in parts])
        if text.endswith("?"):
            return self.add("CHOICE", "", [self.type(text[:-1], name, seen), self.add("NIL")])
        if text.endswith("[]"):
            return self.add("LIST", "", [self.type(text[:-2], name, seen)])
        if text.startswith("fun("):
            return self.add("FUNCTION")
        if text.startswith("(") and text.endswith(")"):
            return self.type(text[1:-1], name, seen)
        if text.startswith("{"):
            return self.fields([f.partition(":")[::2] for f in split(text[1:-1], ",") if ":" in f], seen)
        if text.startswith("table<"):
            return self.add("MAP", "", [self.type(t, "", seen) for t in split(text[6:-1], ",")])
        if text[0] == '"':
            return self.add("LITERAL", text)
        if text in TEXTS:
            return self.add(TEXTS[text])
        if text == "string" and name.rstrip("?") in FIELDS:
            return self.add("FIELD")
        return self.add(BASIC[text]) if text in BASIC else self.named(text, seen)

    def named(self, text, seen):
        """An alias or a class: options, or what functions give."""
        definitions = self.definitions
        alias = definitions.aliases.get(text)
        if alias and text not in seen:
            return self.type(alias.type or "string", "", seen + (text,))
        c = definitions.classes.get(text)
        made = any(f.comment.returns and f.comment.returns[0][0] == text for f in definitions.functions)
        if c and c.fields and not made and text not in seen:
            return self.fields([(p.name + ("?" if p.optional else ""), p.type) for p in c.fields], seen + (text,))
        return self.add("CLASS", text) if c else self.add("ANY")

    def fields(self, fields, seen):
        below = [self.add("KEY", name.strip().strip("[]").rstrip("?"), [self.type(t, name.strip(), seen)]) for name, t in fields]
        return self.add("TABLE", "", below)


def split(text, mark):
    """At the marks outside of brackets and quotes; a function's result belongs to it."""
    parts, depth, quoted, start = [], 0, False, 0
    for i, c in enumerate(text):
        if c == '"':
            quoted = not quoted
        elif not quoted and c in "({<[":
            depth += 1
        elif not quoted and c in ")}>]":
            depth -= 1
        elif c == mark and depth == 0 and not quoted:
            parts.append(text[start:i])
            start = i + 1
    return [p for p in parts + [text[start:]] if p.strip()]


def functions(table):
    """(how it is called, class that it is called on, class that it gives, node of the parameters)."""
    for f in table.definitions.functions:
        if f.call in LEFT_OUT:
            continue
        by_name = {p.name: p for p in f.comment.params}
        parameters = []
        for name in f.parameters:
            p = by_name.get(name)
            parameters.append(table.type(p.type if p else "any", name))
        given = f.comment.returns[0][0] if f.comment.returns else ""
        method = f.dot == ":"
        yield (":" + f.name if method else f.call, "tidemill." + f.cls if method else "", given, table.add("TABLE", "()", parameters))


def quoted(text):
    return '"%s"' % text.replace("\\", "\\\\").replace('"', '\\"')


def main():
    table = Table(Definitions())
    calls = list(functions(table))
    out = ["// Made by tests/fuzz/api_types.py.", "#pragma once", ""]
    children = []
    out.append("static const struct type_node type_nodes[] = {")
    for kind, text, below in table.nodes:
        out.append("    {TYPE_%s, %s, %d, %d}," % (kind, quoted(text), len(children), len(below)))
        children += below
    out.append("};\nstatic const uint16_t type_children[] = {%s};" % ", ".join(map(str, children or [0])))
    out.append("static const struct api_call api_calls[] = {")
    for name, on, given, node in calls:
        out.append("    {%s, %s, %s, %d}," % (quoted(name), quoted(on), quoted(given), node))
    out.append("};\n")
    text = "\n".join(out)
    with open(sys.argv[1], "w") as f:
        f.write(text)
    kinds = sorted({kind for kind, _, _ in table.nodes})
    assert len(calls) > 100 and "CLASS" in kinds, "the definitions were not understood"


if __name__ == "__main__":
    main()
