"""Reads the definitions for the Lua language server, lua/meta/*.lua: the one source of the pages about the API.

What the reader takes from a file, beyond what the language server does:

    -- # streams: Streams         a plain comment: what follows stands on the page streams.md, called Streams
    -- Rows on their way.         lines right below it introduce the page
    ---    stream:select("id")    an indented line of a comment is the example of what the comment is about
    ---    --> {"id":1}           what it gives: a row, a value, or a printed line
    --- of a class: an example that begins `local NAME =` is what NAME is in other examples; one with `...` in it is what stands around
    --- the examples of functions that give the class

Without a marker a file's page has the file's name.
"""
import glob
import os
import re

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
PREFIX = "tidemill."


class Function:
    """One function: `owner` is the variable before it (tm, stream), `cls` its class without `tidemill.`."""

    def __init__(self, owner, dot, name, parameters, comment):
        self.owner, self.dot, self.name, self.parameters, self.comment = owner, dot, name, parameters, comment
        self.cls = self.page = None

    @property
    def call(self):
        return "%s%s%s" % (self.spoken, self.dot, self.name)

    @property
    def spoken(self):
        """How jobs call what owns it."""
        return self.owner if self.dot == ":" or not self.cls else "tm." + self.cls

    @property
    def signature(self):
        optional = {p.name for p in self.comment.params if p.optional}
        return "%s(%s)" % (self.call, ", ".join(p + ("?" if p in optional else "") for p in self.parameters))


class Param:
    def __init__(self, name, type_, text):
        self.name, self.optional, self.type, self.text = name.rstrip("?"), name.endswith("?"), type_, text


class Class:
    def __init__(self, name, text):
        self.name, self.text, self.fields, self.methods, self.comment, self.page = name, text, [], [], None, None


class Alias:
    def __init__(self, name, type_):
        (self.type, self.text), self.name, self.choices, self.page = take_type(type_), name, [], None


class Comment:
    """Text, examples and tags in front of a function or class."""

    def __init__(self):
        self.text, self.examples, self.params, self.returns, self.overloads, self.cls = [], [], [], [], [], None

    def add_line(self, line):
        if line.startswith("    "):
            if self.text and isinstance(self.text[-1], list):
                self.text[-1].append(line[4:])
            else:
                self.text.append([line[4:]])
                self.examples.append(self.text[-1])
        elif self.text and isinstance(self.text[-1], str) and line and self.text[-1]:
            self.text[-1] += " " + line
        else:
            self.text.append(line.strip())

    @property
    def first(self):
        return next((t for t in self.text if isinstance(t, str) and t), "")


def take_type(text):
    """A type in front, and the words behind it."""
    depth, quote, i = 0, None, 0
    while i < len(text):
        c = text[i]
        if quote:
            quote = None if c == quote else quote
        elif c in "\"'":
            quote = c
        elif c in "({[<":
            depth += 1
        elif c in ")}]>":
            depth -= 1
        elif c == " " and depth == 0 and text[i - 1] not in ":|," and not re.match(r"\s*\|", text[i:]):
            break
        i += 1
    return text[:i], text[i:].strip()


class Page:
    def __init__(self, name, title):
        self.name, self.title, self.intro, self.items = name, title, [], []


class Definitions:
    def __init__(self, folder=None):
        self.pages, self.functions, self.classes, self.aliases = {}, [], {}, {}
        for path in sorted(glob.glob(os.path.join(folder or os.path.join(ROOT, "lua", "meta"), "*.lua")), key=self._order):
            self._read(path)

    @staticmethod
    def _order(path):
        return (os.path.basename(path) != "tidemill.lua", path)

    def _page(self, name, title):
        return self.pages.setdefault(name, Page(name, title))

    def _read(self, path):
        stem = os.path.splitext(os.path.basename(path))[0]
        page, intro, comment, owners, last = None, False, Comment(), {}, None
        with open(path) as f:
            lines = f.read().splitlines()
        for number, line in enumerate(lines, 1):
            marker = re.match(r"-- # (\w+): (.+)$", line)
            if marker:
                page, intro = self._page(*marker.groups()), True
            elif line.startswith("---@meta"):
                pass
            elif line.startswith("---"):
                intro = False
                page = page or self._page(stem, stem.capitalize())
                last = self._tag(line[3:], comment, page, last)
            elif line.startswith("-- ") and intro:
                page.intro.append(line[3:])
            elif line.startswith("local ") and last:
                owners[re.match(r"local (\w+)", line).group(1)] = last
                comment = Comment()
            elif line.startswith("function "):
                m = re.match(r"function (\w+)([.:])(\w+)\((.*)\) end$", line)
                if not m:
                    raise ValueError("%s:%d: a function that cannot be read" % (path, number))
                f = Function(m[1], m[2], m[3], [p for p in m[4].split(", ") if p], comment)
                f.cls, f.page = owners[m[1]].name[len(PREFIX):], page
                f.where = "%s:%d" % (os.path.relpath(path, ROOT), number)
                self.functions.append(f)
                owners[m[1]].methods.append(f)
                page.items.append(f)
                comment, last = Comment(), None
            elif not line.startswith("--"):
                comment, last, intro = Comment(), None, False

    def _tag(self, text, comment, page, last):
        m = re.match(r"@(\w+) ?(.*)$", text)
        if text.startswith("| ") and isinstance(last, Alias):
            choice, _, doc = text[2:].partition(" # ")
            last.choices.append((choice.strip(), doc))
        elif text.startswith("|") or text.startswith("@generic"):
            pass
        elif not m:
            comment.add_line(text)
        elif m[1] == "class":
            name, _, doc = m[2].partition(" ")
            c = self.classes.setdefault(name + "." if name == "tidemill" else name, Class(name + "." if name == "tidemill" else name, doc))
            if c.page is None:
                c.page = page
                page.items.append(c)
            if comment.text:
                c.comment = comment
            return c
        elif m[1] == "field":
            name, _, rest = m[2].partition(" ")
            last.fields.append(Param(name, *take_type(rest)))
        elif m[1] == "alias":
            name, _, rest = m[2].partition(" ")
            a = self.aliases[name] = Alias(name, rest)
            a.page, a.text = page, " ".join([a.text] + [t for t in comment.text if isinstance(t, str) and t]).strip()
            comment.__init__()
            page.items.append(a)
            return a
        elif m[1] == "param":
            name, _, rest = m[2].partition(" ")
            comment.params.append(Param(name, *take_type(rest)))
        elif m[1] == "return":
            comment.returns.append(take_type(m[2]))
        elif m[1] == "overload":
            comment.overloads.append(m[2])
        return last

    # --- examples as jobs

    def preludes(self):
        """{variable: text} of the classes whose example says what a variable is."""
        found = {}
        for c in self.classes.values():
            for example in c.comment.examples if c.comment else []:
                m = re.match(r"local (\w+) = ", example[0])
                if m:
                    found[m[1]] = "\n".join(example)
        return found

    def frame(self, function):
        """What stands around the examples of a function, by the class that it gives; or None."""
        for type_, _ in function.comment.returns[:1]:
            c = self.classes.get(type_)
            for example in c.comment.examples if c and c.comment else []:
                if any("..." in line for line in example):
                    return "\n".join(example)
        return None

    def script(self, function, example):
        """An example as a whole job, and the lines that it says it prints."""
        code = [line for line in example if not line.startswith("--> ")]
        shown = [line[4:] for line in example if line.startswith("--> ")]
        text = "\n".join(code)
        frame = self.frame(function)
        if frame and not re.search(r"\btm\.from\(|\bstream:|^return ", text, re.M):
            text = frame.replace("...", ", ".join(code) if not text.endswith(",") else text)
        missing = self.preludes()
        while any(is_free(name, text) for name in missing):
            name = next(name for name in missing if is_free(name, text))
            text = missing.pop(name) + "\n" + text
        return 'local tm = require "tidemill"\n' + with_return(text) + "\n", shown


def is_free(name, text):
    """Does the text use this variable, and not make it?"""
    return re.search(r"(?<![\w.:\"])%s[:.]" % name, text) and not re.search(r"\blocal %s =" % name, text)


def with_return(text):
    """`return` in front of the last statement, where it may stand and does not."""
    lines = text.split("\n")
    starts = [i for i, line in enumerate(lines) if line and not re.match(r"\s|end\b|[)}\]]", line)]
    if starts and not re.match(r"(return|local|for|if|function)\b", lines[starts[-1]]):
        lines[starts[-1]] = "return " + lines[starts[-1]]
    return "\n".join(lines)


def values(example):
    """[(expression, value)] of an example whose lines all say what they give."""
    pairs = [re.match(r"(.*?)  --> (.*)$", line) for line in example]
    return [m.groups() for m in pairs] if all(pairs) else None
