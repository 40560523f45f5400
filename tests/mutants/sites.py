"""Where a source can be made wrong by one token: every comparison, and every number, of C and of Lua."""

import collections
import hashlib
import re
from dataclasses import dataclass

COMPARISONS = {"<": "<=", "<=": "<", ">": ">=", ">=": ">", "==": "!=", "!=": "==", "~=": "=="}
C_TOKEN = re.compile(r"""
    (?P<skip>//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|^[ \t]*\#(?:\\\n|[^\n])*)
  | (?P<number>\b(?:0[xX][0-9a-fA-F]+|[0-9]+(?:\.[0-9]+)?)[uUlL]*\b)
  | (?P<compare><=|>=|==|!=|<(?![<=])|>(?![>=]))
  | (?P<word>[A-Za-z_]\w*)
  | (?P<other><<=|>>=|<<|>>|->|.)
""", re.X | re.S | re.M)
LUA_TOKEN = re.compile(r"""
    (?P<skip>--\[\[.*?\]\]|--[^\n]*|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|\[(?P<eq>=*)\[.*?\](?P=eq)\])
  | (?P<number>\b(?:0[xX][0-9a-fA-F]+|[0-9]+(?:\.[0-9]+)?)\b)
  | (?P<compare><=|>=|==|~=|<|>)
  | (?P<word>[A-Za-z_]\w*)
  | (?P<other>.)
""", re.X | re.S | re.M)
# Sizes of arrays and budgets: one more or less of them is another size, and no other result.
SIZE = re.compile(r"^(?:static |const |unsigned |struct )*\w+ (?:[*\w, ]*|\w+\(.*[ *])\w+\[|\b\w+_(?:BUDGET|LANES|MAX|BYTES) = ")
# What is no rule of time: whether memory was there, whether a call went well, checks of the engine's own invariants.
NO_RULE = re.compile(r"\bNULL\b|\brc\b|\bTM_CHECK\b|_Static_assert|\bTM_E_\w+\s*[!=]=|[!=]=\s*TM_E_|\bnil\b|\breturn -1;")


@dataclass(frozen=True)
class Site:
    path: str  # below the root
    offset: int
    old: str
    new: str
    line: int
    text: str  # the line
    twin: int  # how many of the same key stand before it in the file
    nth: int  # which of the same in its line; 0: there is no other

    def change(self):
        return f"{self.old} -> {self.new}{f' ({self.nth})' if self.nth else ''} in `{self.text}`"

    def name(self):
        return f"{self.path}:{self.line}: {self.change()}" + (f" [{self.twin}]" if self.twin else "")

    def key(self):
        """The same wherever the line stands."""
        return f"{self.path}: {self.old} -> {self.new} in `{self.text}`"

    def place(self, seed):
        """Where it comes in what a seed draws; other lines may come and go."""
        return hashlib.sha256(f"{seed} {self.twin} {self.key()}".encode()).digest()

    def apply(self, source):
        assert source.startswith(self.old, self.offset)
        return source[:self.offset] + self.new + source[self.offset + len(self.old):]


def flipped(kind, token, is_lua):
    if kind == "compare":
        return "~=" if token == "==" and is_lua else COMPARISONS[token]
    digits = token.rstrip("uUlL")
    if "." in digits:
        return None
    value = int(digits, 16 if digits[:2] in ("0x", "0X") else 10)
    return str(0 if value == 1 else value + 1) + token[len(digits):]


def sites_of(path, source):
    """All of a file's, in its order."""
    lines = source.split("\n")
    pattern = LUA_TOKEN if path.endswith(".lua") else C_TOKEN
    found, twins, of_line = [], collections.Counter(), collections.defaultdict(list)
    tokens = [m for m in pattern.finditer(source) if m.lastgroup in ("number", "compare")]
    for match in tokens:
        of_line[source.count("\n", 0, match.start())].append(match)
    for match in tokens:
        kind = match.lastgroup
        number = source.count("\n", 0, match.start())
        text = lines[number].strip()
        new = flipped(kind, match.group(), path.endswith(".lua"))
        if new is not None and not NO_RULE.search(text) and not (kind == "number" and SIZE.search(text)):
            same = [m.start() for m in of_line[number] if m.group() == match.group()]
            nth = same.index(match.start()) + 1 if len(same) > 1 else 0
            found.append(Site(path, match.start(), match.group(), new, number + 1, text, twins[match.group(), text], nth))
            twins[match.group(), text] += 1
    return found
