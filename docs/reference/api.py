"""The pages about the API as Markdown, from the definitions (definitions.py)."""
import re

from definitions import PREFIX, Alias, Class, Function, Param, take_type


def cell(text):
    return text.replace("|", "\\|")


def code(text):
    return "`%s`" % cell(text) if text else ""


def split_top(text, separator):
    parts, depth, quote, start = [], 0, None, 0
    for i, c in enumerate(text):
        if quote:
            quote = None if c == quote else quote
        elif c in "\"'":
            quote = c
        elif c in "({[<":
            depth += 1
        elif c in ")}]>":
            depth -= 1
        elif depth == 0 and text.startswith(separator, i):
            parts.append(text[start:i])
            start = i + len(separator)
    return [p.strip() for p in parts + [text[start:]]]


def table_of(type_):
    """The table `{ name: type, ... }` among the alternatives of a type, or None."""
    for part in split_top(type_.rstrip("?"), "|"):
        m = re.match(r"\{ (\w+: .*) \}$", part)
        if m:
            return m[1]
    return None


def inline_fields(type_, text):
    """The fields of a table written as a type, with `name: what it is` of the text; and the text that is about no field."""
    inner, found = table_of(type_), []
    names = [p.partition(":")[0] for p in split_top(inner, ", ")]
    docs, rest = {}, []
    for part in text.split("; "):
        m = re.match(r"(\w+): (.*)$", part)
        if m and m[1] in names:
            docs[m[1]] = m[2]
        elif docs:
            docs[list(docs)[-1]] += "; " + part
        else:
            rest.append(part)
    for part in split_top(inner, ", "):
        name, _, t = part.partition(":")
        if t.strip() == "nil": # never taken
            continue
        t, maybe = t.strip(), t.endswith("?") and not t.startswith("fun(") or t.endswith(")?") or "|nil" in t
        found.append(Param(name + ("?" if maybe else ""), (t[:-1] if t.endswith("?") and maybe else t).replace("|nil", ""),
                           docs.get(name, "")))
    return found, "; ".join(rest)


def short(type_):
    return type_.replace(PREFIX, "")


def options_table(fields):
    text = "| option | type | |\n| --- | --- | --- |\n"
    for f in fields:
        text += "| `%s`%s | %s | %s |\n" % (f.name, "" if f.optional else " (needed)", code(short(f.type)), cell(f.text))
    return text + "\n"


def lua(lines):
    return "```lua\n%s\n```\n\n" % "\n".join(lines)


def prose(comment, examples=True):
    text = ""
    for part in comment.text:
        if isinstance(part, list):
            text += lua(part) if examples else ""
        elif part:
            text += part + "\n\n"
    return text


def function(f, definitions):
    c = f.comment
    text = "### %s\n\n" % f.signature
    examples = "".join(lua(e) for e in c.examples)
    text += prose(c, examples=False)
    tables = ""
    for p in c.params:
        fields, doc, type_ = None, p.text, p.type
        for part in split_top(type_, "|"):
            if part.endswith(".options") and part in definitions.classes:
                fields, type_ = definitions.classes[part].fields, type_.replace(part, "table")
        if fields is None and table_of(type_):
            inner = table_of(type_)
            fields, doc = inline_fields(type_, doc)
            type_ = type_.replace("{ %s }" % inner, "table")
        text += "- `%s`%s: `%s`%s\n" % (p.name, "" if not p.optional or fields else ", which may be left out", short(type_),
                                      ": " + doc if doc else "")
        tables += options_table(fields) if fields else ""
    text += "\n" if c.params else ""
    text += tables
    if c.returns:
        text += "Gives %s.\n\n" % ", ".join("`%s`" % short(t) + (" (%s)" % doc if doc else "") for t, doc in c.returns)
    return text + examples


def class_(c):
    text = ""
    if c.text and not c.fields and c.methods:
        text += "## %s\n\n%s\n\n" % (c.methods[0].spoken, c.text[0].upper() + c.text[1:] + ".")
    if c.comment:
        text += prose(c.comment)
    for f in c.fields if c.name == PREFIX else []:
        if f.text:
            text += "- `tm.%s`: %s\n" % (f.name, f.text)
    return text + ("\n" if c.name == PREFIX and c.fields else "")


def alias(a):
    text = "### %s\n\n" % short(a.name) + (a.text + "\n\n" if a.text else "")
    if not a.choices:
        return text + "`%s`\n\n" % short(a.type)
    rows = "".join("| %s | %s |\n" % (code(c), cell(d)) for c, d in a.choices if c != "string")
    return text + "| | |\n| --- | --- |\n%s\n" % rows


def page(p, definitions, made):
    text = made + "# %s\n\n" % p.title
    if p.intro:
        text += "\n".join(p.intro) + "\n\n"
    for item in p.items:
        if isinstance(item, Function):
            text += function(item, definitions)
        elif isinstance(item, Class):
            text += class_(item)
        elif isinstance(item, Alias):
            text += alias(item)
    return text.rstrip("\n") + "\n"
