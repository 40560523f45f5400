#!/usr/bin/env python3
"""Writes core/text/case_table.h: Unicode's simple case mappings, one character to one, from Python's database.

    python3 cmake/case_table.py > core/text/case_table.h

Python gives the full mappings. Where these are of several characters, the simple one is that of the title case if it is one
character, else the character itself; U+0130 is the one exception.
"""
import sys
import unicodedata


def simple_upper(c):
    for mapped in (c.upper(), c.title()):
        if len(mapped) == 1:
            return mapped
    return c


def simple_lower(c):
    if c == "\u0130":
        return "i"
    mapped = c.lower()
    return mapped if len(mapped) == 1 else c


def ranges(mapping):
    """[first, last, step, delta]: every step-th character from first to last maps to itself + delta."""
    found = []
    for code in range(0x80, 0x110000):
        if 0xD800 <= code < 0xE000:
            continue
        delta = ord(mapping(chr(code))) - code
        if delta == 0:
            continue
        if found:
            last = found[-1]
            gap = code - last[1]
            if last[3] == delta and (gap == last[2] or (last[0] == last[1] and gap <= 2)):
                last[1], last[2] = code, gap
                continue
        found.append([code, code, 1, delta])
    return found


def write(name, mapping):
    print("\nstatic const struct tm__case_range %s[] = {" % name)
    for first, last, step, delta in ranges(mapping):
        print("    {0x%04X, 0x%04X, %d, %d}," % (first, last, step, delta))
    print("};")


print("// Unicode's simple case mappings beyond ASCII: every step-th character from first to last maps to")
print("// itself + delta. Unicode %s, written by cmake/case_table.py." % unicodedata.unidata_version)
print("// clang-format off")
print("#pragma once")
print("\n#include <stdint.h>")
print("\nstruct tm__case_range {\n    int32_t first, last, step, delta;\n};")
write("tm__to_upper", simple_upper)
write("tm__to_lower", simple_lower)
print("// clang-format on")
sys.stdout.flush()
