"""The golden values of test_conversions: what a value of each type is in Python, and its one spelling in JSON, CSV and msgpack.

A column is (type, what DuckDB calls it or None, rows); a row is (value, JSON, CSV cell, msgpack). The spellings were written by hand
from the formats' definitions (RFC 8259, RFC 4180, msgpack's specification), not copied from output; f64, text and blob put the head of
msgpack in front of what would be unreadable.
"""
import struct
from datetime import datetime
from decimal import Decimal


def f64(value):
    return b"\xcb" + struct.pack(">d", value)


def text(value):
    """A string of msgpack."""
    data = value.encode()
    n = len(data)
    if n < 32:
        return bytes([0xa0 | n]) + data
    return (b"\xd9" + struct.pack(">B", n) if n < 256 else b"\xda" + struct.pack(">H", n) if n < 65536 else b"\xdb" + struct.pack(">I", n)) + data


def blob(data):
    n = len(data)
    return (b"\xc4" + bytes([n]) if n < 256 else b"\xc5" + struct.pack(">H", n)) + data


def same(value, spelled, packed):
    """JSON and CSV agree."""
    return (value, spelled, spelled, packed)


def string(value, json=None, csv=None):
    """Where nothing needs an escape, JSON has quotes around it and CSV has none."""
    return (value, '"%s"' % value if json is None else json, value if csv is None else csv, text(value))


def nested(value, json, packed):
    """A cell of CSV is the JSON, in quotes where it has commas or quotes in it."""
    return (value, json, '"%s"' % json.replace('"', '""') if set(json) & set(',"') else json, packed)


NULL = (None, "null", "", b"\xc0")

BOOL = [same(True, "true", b"\xc3"), same(False, "false", b"\xc2"), NULL]

INT = [
    same(0, "0", b"\x00"), same(1, "1", b"\x01"), same(-1, "-1", b"\xff"), same(127, "127", b"\x7f"), same(128, "128", b"\xcc\x80"),
    same(255, "255", b"\xcc\xff"), same(256, "256", b"\xcd\x01\x00"), same(65535, "65535", b"\xcd\xff\xff"),
    same(65536, "65536", b"\xce\x00\x01\x00\x00"), same(4294967295, "4294967295", b"\xce\xff\xff\xff\xff"),
    same(4294967296, "4294967296", b"\xcf\x00\x00\x00\x01\x00\x00\x00\x00"), same(-32, "-32", b"\xe0"), same(-33, "-33", b"\xd0\xdf"),
    same(-128, "-128", b"\xd0\x80"), same(-129, "-129", b"\xd1\xff\x7f"), same(-32768, "-32768", b"\xd1\x80\x00"),
    same(-32769, "-32769", b"\xd2\xff\xff\x7f\xff"), same(-2147483648, "-2147483648", b"\xd2\x80\x00\x00\x00"),
    same(-2147483649, "-2147483649", b"\xd3\xff\xff\xff\xff\x7f\xff\xff\xff"),
    same(9007199254740992, "9007199254740992", b"\xcf\x00\x20\x00\x00\x00\x00\x00\x00"),
    same(-9007199254740992, "-9007199254740992", b"\xd3\xff\xe0\x00\x00\x00\x00\x00\x00"), NULL]

INT64 = [
    same(0, "0", b"\x00"), same(-7, "-7", b"\xf9"), same(9007199254740993, "9007199254740993", b"\xcf\x00\x20\x00\x00\x00\x00\x00\x01"),
    same(9223372036854775807, "9223372036854775807", b"\xcf\x7f\xff\xff\xff\xff\xff\xff\xff"),
    same(-9223372036854775808, "-9223372036854775808", b"\xd3\x80\x00\x00\x00\x00\x00\x00\x00"),
    same(1000000000000000000, "1000000000000000000", b"\xcf\x0d\xe0\xb6\xb3\xa7\x64\x00\x00"), NULL]

DOUBLE = [same(value, spelled, f64(value)) for value, spelled in [
    (0.5, "0.5"), (-0.25, "-0.25"), (0.1, "0.1"), (0.30000000000000004, "0.30000000000000004"), (1 / 3, "0.3333333333333333"),
    (1.0, "1"), (-3.0, "-3"), (0.0, "0"), (123456789.125, "123456789.125"), (999999999999999.0, "999999999999999"),
    (1e15, "1e+15"), (1e300, "1e+300"), (-1e-300, "-1e-300"), (1e-05, "1e-05"), (2.5e-07, "2.5e-07"),
    (1.7976931348623157e308, "1.7976931348623157e+308"), (2.2250738585072014e-308, "2.2250738585072014e-308"), (5e-324, "5e-324"),
    (9007199254740993.0, "9007199254740992"), (6.02214076e23, "6.02214076e+23")]] + [NULL]

MONEY = [same(Decimal(spelled), spelled, text(spelled)) for spelled in [
    "0.00", "0.01", "-0.01", "7.00", "12.50", "-12.50", "19.99", "99999999.99", "-99999999.99"]] + [NULL]
WHOLE_DECIMAL = [same(Decimal(spelled), spelled, text(spelled)) for spelled in [
    "0", "1", "-1", "99999999999999999999999999999999999999", "-99999999999999999999999999999999999999",
    "18446744073709551616", "170141183460469231731687303715884105"]] + [NULL]
SMALL_DECIMAL = [same(Decimal(spelled), spelled, text(spelled)) for spelled in [
    "0." + "0" * 37 + "1", "0." + "9" * 38, "-0." + "9" * 38, "0." + "12345678901234567890123456789012345678"]] + [NULL]

STRING = [
    string("", csv='""'), string("a"), string("two words"), string(" blanks around "), string("null"), string("true"), string("1.50"),
    string("semi;colon"), string("#hash"), string("=1+1"), string("it's"), string("a/b"), string("žluť"), string("€"), string("日本語"),
    string("\U0001F600"), string("e\u0301"), string("\u2028\u2029"), string("\ufffd\uffff"), string("\U0010FFFF"), string("\u00a0"),
    string("\x7f"),
    string('say "hi"', '"say \\"hi\\""', '"say ""hi"""'), string('"', '"\\""', '""""'), string("a,b", csv='"a,b"'), string(",", csv='","'),
    string("back\\slash", '"back\\\\slash"'), string("\\n", '"\\\\n"'), string("tab\there", '"tab\\there"'),
    string("line\nbreak", '"line\\nbreak"', '"line\nbreak"'), string("line\r\nbreak", '"line\\r\\nbreak"', '"line\r\nbreak"'),
    string("\r", '"\\r"', '"\r"'), string("\n", '"\\n"', '"\n"'), string("bell\x07", '"bell\\u0007"'), string("\x1f", '"\\u001f"'),
    string("\b\f", '"\\b\\f"'),
    string("[1,2]", csv='"[1,2]"'), string('{"a":1}', '"{\\"a\\":1}"', '"{""a"":1}"'),
    string("x" * 15), string("x" * 16), string("x" * 31), string("x" * 32), string("é" * 127 + "x"), string("x" * 255), string("x" * 256),
    string("y" * 65535), string("z" * 65536), NULL]
# Zero is in the middle of what C calls a text: a case of its own, as DuckDB does not read it everywhere.
ZERO = [string("a\0b", '"a\\u0000b"'), string("\0", '"\\u0000"')]

BYTES = [
    (b"", '""', '""', b"\xc4\x00"), (b"\0", '"AA=="', "AA==", blob(b"\0")), (b"\xff\xfe", '"//4="', "//4=", blob(b"\xff\xfe")),
    (b"abc", '"YWJj"', "YWJj", blob(b"abc")), (b"?>?", '"Pz4/"', "Pz4/", blob(b"?>?")), (b"\xfb\xef\xbe", '"++++"', "++++", blob(b"\xfb\xef\xbe")),
    (b"\n\"\\", '"CiJc"', "CiJc", blob(b"\n\"\\")), (b"\0" * 255, '"%s"' % ("AAAA" * 85), "AAAA" * 85, blob(b"\0" * 255)),
    (b"\0" * 256, '"%sAA=="' % ("AAAA" * 85), "AAAA" * 85 + "AA==", blob(b"\0" * 256)), NULL]


def moment(spelled, *parts):
    return (datetime(*parts), '"%s"' % spelled, spelled, text(spelled))


TIMESTAMP = [
    moment("1970-01-01T00:00:00.000Z", 1970, 1, 1), moment("1970-01-01T00:00:00.001Z", 1970, 1, 1, 0, 0, 0, 1000),
    moment("1969-12-31T23:59:59.999Z", 1969, 12, 31, 23, 59, 59, 999000), moment("2026-03-01T10:00:05.250Z", 2026, 3, 1, 10, 0, 5, 250000),
    moment("2024-02-29T23:59:59.999Z", 2024, 2, 29, 23, 59, 59, 999000), moment("2000-02-29T00:00:00.000Z", 2000, 2, 29),
    moment("1900-02-28T12:00:00.000Z", 1900, 2, 28, 12), moment("1582-10-15T00:00:00.000Z", 1582, 10, 15),
    moment("0001-01-01T00:00:00.000Z", 1, 1, 1), moment("9999-12-31T23:59:59.999Z", 9999, 12, 31, 23, 59, 59, 999000),
    moment("2038-01-19T03:14:08.000Z", 2038, 1, 19, 3, 14, 8), NULL]
# The same with timestamp = "ms" at the sink: numbers.
MILLISECONDS = [
    (datetime(1970, 1, 1), "0", "0", b"\x00"), (datetime(1970, 1, 1, 0, 0, 1), "1000", "1000", b"\xcd\x03\xe8"),
    (datetime(1969, 12, 31, 23, 59, 59, 999000), "-1", "-1", b"\xff"),
    (datetime(2026, 3, 1, 10, 0, 5, 250000), "1772359205250", "1772359205250", b"\xcf\x00\x00\x01\x9c\xa8\xd7\x41\x82"), NULL]

INTS = [
    nested([], "[]", b"\x90"), nested([1], "[1]", b"\x91\x01"), nested([1, -2, 300], "[1,-2,300]", b"\x93\x01\xfe\xcd\x01\x2c"),
    nested([None], "[null]", b"\x91\xc0"), nested([1, None, 3], "[1,null,3]", b"\x93\x01\xc0\x03"),
    nested([0] * 15, "[%s]" % ",".join("0" * 15), b"\x9f" + b"\0" * 15), nested([0] * 16, "[%s]" % ",".join("0" * 16), b"\xdc\x00\x10" + b"\0" * 16),
    NULL]
TEXTS = [
    nested(["a"], '["a"]', b"\x91\xa1a"), nested(["a,b", 'c"d', ""], '["a,b","c\\"d",""]', b"\x93\xa3a,b\xa3c\"d\xa0"),
    nested(["é", "\U0001F600", "\n"], '["é","\U0001F600","\\n"]', b"\x93\xa2\xc3\xa9\xa4\xf0\x9f\x98\x80\xa1\n")]
LISTS = [nested([[1, 2], [], [3]], "[[1,2],[],[3]]", b"\x93\x92\x01\x02\x90\x91\x03"), nested([[None]], "[[null]]", b"\x91\x91\xc0"),
         nested([None, []], "[null,[]]", b"\x92\xc0\x90")]
MONEYS = [nested([Decimal("1.50"), None, Decimal("-0.05")], "[1.50,null,-0.05]", b"\x93\xa41.50\xc0\xa5-0.05")]

MAP = [
    nested({}, "{}", b"\x80"), nested({"a": 1}, '{"a":1}', b"\x81\xa1a\x01"), nested({"a": 1, "b": None}, '{"a":1,"b":null}', b"\x82\xa1a\x01\xa1b\xc0"),
    nested({"": 0, "ключ": -1}, '{"":0,"ключ":-1}', b"\x82\xa0\x00\xa8\xd0\xba\xd0\xbb\xd1\x8e\xd1\x87\xff"),
    nested({'q"q': 5}, '{"q\\"q":5}', b"\x81\xa3q\"q\x05"), NULL]
STRUCT = [
    nested({"a": 1, "b": "x"}, '{"a":1,"b":"x"}', b"\x82\xa1a\x01\xa1b\xa1x"),
    nested({"a": None, "b": None}, '{"a":null,"b":null}', b"\x82\xa1a\xc0\xa1b\xc0"),
    nested({"a": -1, "b": "q\"\\,\n"}, '{"a":-1,"b":"q\\"\\\\,\\n"}', b"\x82\xa1a\xff\xa1b\xa5q\"\\,\n"), NULL]
DEEP = [
    nested({"l": [{"p": Decimal("2.50"), "at": datetime(2026, 1, 1)}, None], "m": {"k": [True, False]}},
           '{"l":[{"p":2.50,"at":"2026-01-01T00:00:00.000Z"},null],"m":{"k":[true,false]}}',
           b"\x82\xa1l\x92\x82\xa1p\xa42.50\xa2at\xb82026-01-01T00:00:00.000Z\xc0\xa1m\x81\xa1k\x92\xc3\xc2"),
    nested({"l": [], "m": {}}, '{"l":[],"m":{}}', b"\x82\xa1l\x90\xa1m\x80"),
    nested({"l": None, "m": None}, '{"l":null,"m":null}', b"\x82\xa1l\xc0\xa1m\xc0")]

ANY = [
    nested(1, "1", b"\x01"), nested(-2.5, "-2.5", f64(-2.5)), nested(True, "true", b"\xc3"), nested("text", '"text"', b"\xa4text"),
    nested([], "[]", b"\x90"), nested({}, "{}", b"\x80"), nested([1, "two", None, [3.5, {}]], '[1,"two",null,[3.5,{}]]',
                                                                b"\x94\x01\xa3two\xc0\x92" + f64(3.5) + b"\x80"),
    nested({"b": 1, "a": {"deep": []}}, '{"b":1,"a":{"deep":[]}}', b"\x82\xa1b\x01\xa1a\x81\xa4deep\x90"),
    nested(9223372036854775807, "9223372036854775807", b"\xcf\x7f\xff\xff\xff\xff\xff\xff\xff"),
    nested(18446744073709551615, "18446744073709551615", b"\xcf\xff\xff\xff\xff\xff\xff\xff\xff"),
    nested(-9223372036854775808, "-9223372036854775808", b"\xd3\x80\x00\x00\x00\x00\x00\x00\x00"),
    nested("", '""', b"\xa0"), nested('q"', '"q\\""', b"\xa2q\""), nested({"": [None]}, '{"":[null]}', b"\x81\xa0\x91\xc0"), NULL]

COLUMNS = [
    ("bool", "BOOLEAN", BOOL), ("int", "BIGINT", INT), ("int64", "BIGINT", INT64), ("double", "DOUBLE", DOUBLE),
    ("decimal(10,2)", "DECIMAL(10,2)", MONEY), ("decimal(38,0)", "DECIMAL(38,0)", WHOLE_DECIMAL), ("decimal(38,38)", "DECIMAL(38,38)", SMALL_DECIMAL),
    ("string", "VARCHAR", STRING), ("string", None, ZERO), ("bytes", "VARCHAR", BYTES), ("timestamp", "TIMESTAMP", TIMESTAMP),
    ("list(int)", "BIGINT[]", INTS), ("list(string)", "VARCHAR[]", TEXTS), ("list(list(int))", "BIGINT[][]", LISTS),
    ("list(decimal(6,2))", "DECIMAL(6,2)[]", MONEYS), ("map(string,int)", "MAP(VARCHAR, BIGINT)", MAP),
    ("struct(a int,b string)", "STRUCT(a BIGINT, b VARCHAR)", STRUCT),
    ("struct(l list(struct(p decimal(6,2),at timestamp)),m map(string,list(bool)))",
     "STRUCT(l STRUCT(p DECIMAL(6,2), \"at\" TIMESTAMP)[], m MAP(VARCHAR, BOOLEAN[]))", DEEP),
    ("any", "JSON", ANY)]

# Other spellings of the same: (type, format, what stands there, JSON). Of msgpack, the bytes.
ACCEPTED = [
    ("int", "json", "1e3", "1000"), ("int", "json", "5.0", "5"), ("int", "json", "-0", "0"), ("int", "json", "9007199254740992.0", "9007199254740992"),
    ("int", "csv", "1e3", "1000"), ("int", "csv", '"12"', "12"), ("int", "csv", "007", "7"), ("int", "csv", '""', "null"), ("int", "csv", "-0", "0"),
    ("int", "msgpack", f64(5.0), "5"), ("int", "msgpack", b"\xd3\x00\x00\x00\x00\x00\x00\x00\x05", "5"), ("int", "msgpack", b"\xd0\x05", "5"),
    ("int", "msgpack", b"\xca\x40\xa0\x00\x00", "5"),
    ("int64", "json", "1e18", "1000000000000000000"), ("int64", "msgpack", b"\xcc\x07", "7"),
    ("double", "json", "1E-2", "0.01"), ("double", "json", "100", "100"), ("double", "json", "1e-400", "0"), ("double", "json", "0.10000000000000000555", "0.1"),
    ("double", "csv", "1E5", "100000"), ("double", "csv", '"0.5"', "0.5"), ("double", "msgpack", b"\x03", "3"),
    ("double", "msgpack", b"\xca\x3f\x00\x00\x00", "0.5"), ("double", "msgpack", b"\xff", "-1"),
    ("decimal(10,2)", "json", '"1.20"', "1.20"), ("decimal(10,2)", "json", "7", "7.00"), ("decimal(10,2)", "json", "1.5e1", "15.00"),
    ("decimal(10,2)", "json", "1.5000", "1.50"), ("decimal(10,2)", "csv", "1e2", "100.00"), ("decimal(10,2)", "csv", "-.5", "-0.50"),
    ("decimal(10,2)", "msgpack", b"\x07", "7.00"), ("decimal(10,2)", "msgpack", f64(0.25), "0.25"), ("decimal(10,2)", "msgpack", b"\xa3-.5", "-0.50"),
    ("string", "json", '"\\u00e9\\ud83d\\ude00\\/"', '"é\U0001F600/"'), ("string", "json", '"\\u0041"', '"A"'), ("string", "csv", '"plain"', '"plain"'),
    ("string", "csv", ' x ', '" x "'), ("string", "csv", "a b", '"a b"'), ("string", "msgpack", b"\xd9\x01x", '"x"'), ("string", "msgpack", b"\xdb\x00\x00\x00\x01x", '"x"'),
    ("bytes", "json", '"AP8"', '"AP8="'), ("bytes", "msgpack", b"\xa2\xc3\xa9", '"w6k="'), ("bytes", "msgpack", b"\xc6\x00\x00\x00\x01\xff", '"/w=="'),
    ("timestamp", "json", "0", '"1970-01-01T00:00:00.000Z"'), ("timestamp", "json", "-1", '"1969-12-31T23:59:59.999Z"'),
    ("timestamp", "json", '"2026-03-01"', '"2026-03-01T00:00:00.000Z"'), ("timestamp", "json", '"2026-03-01 10:00:05.25"', '"2026-03-01T10:00:05.250Z"'),
    ("timestamp", "json", '"2026-03-01T11:00:05.25+01:00"', '"2026-03-01T10:00:05.250Z"'), ("timestamp", "csv", "1772359205250", '"2026-03-01T10:00:05.250Z"'),
    ("timestamp", "csv", "2026-03-01T10:00Z", '"2026-03-01T10:00:00.000Z"'), ("timestamp", "csv", "2026-03-01T10:00:00-05:30", '"2026-03-01T15:30:00.000Z"'),
    ("timestamp", "msgpack", b"\x00", '"1970-01-01T00:00:00.000Z"'), ("timestamp", "msgpack", b"\xd6\xff\x00\x00\x00\x01", '"1970-01-01T00:00:01.000Z"'),
    ("timestamp", "msgpack", b"\xd7\xff" + struct.pack(">Q", (250000000 << 34) | 1772359205), '"2026-03-01T10:00:05.250Z"'),
    ("timestamp", "msgpack", b"\xc7\x0c\xff" + struct.pack(">Iq", 999000000, -1), '"1969-12-31T23:59:59.999Z"'),
    ("list(int)", "json", "[ 1 ,\t2 ]", "[1,2]"), ("list(int)", "csv", '"[ 1, 2 ]"', "[1,2]"), ("list(int)", "msgpack", b"\xdd\x00\x00\x00\x01\x07", "[7]"),
    ("map(string,int)", "json", '{"a":1,"a":2}', '{"a":2}'), ("map(string,int)", "msgpack", b"\xdf\x00\x00\x00\x01\xa1a\x01", '{"a":1}'),
    ("map(int,double)", "json", '{"1":1.5,"-2":2}', '{"-2":2,"1":1.5}'), ("map(int,double)", "msgpack", b"\x82\x01\xca\x3f\xc0\x00\x00\xfe\x02", '{"-2":2,"1":1.5}'),
    ("struct(a int,b string)", "json", '{"b":"x","z":[{}],"a":1}', '{"a":1,"b":"x"}'), ("struct(a int,b string)", "json", "{}", '{"a":null,"b":null}'),
    ("struct(a int,b string)", "msgpack", b"\x81\xa1z\x00", '{"a":null,"b":null}'),
    ("any", "json", '{"a":1,"b":2,"a":3}', '{"b":2,"a":3}'), ("any", "json", "1e2", "100"), ("any", "json", "18446744073709551616", "18446744073709551616"),
    ("any", "csv", '"[1, {""a"": null}]"', '[1,{"a":null}]'), ("any", "csv", "true", "true"), ("any", "csv", '""', "null"),
    ("any", "msgpack", b"\xc4\x02\x00\xff", '"AP8="'), ("any", "msgpack", b"\xd6\xff\x00\x00\x00\x01", '"1970-01-01T00:00:01.000Z"')]

# What only msgpack has, from msgpack to msgpack.
KEPT = [("double", f64(float("nan"))), ("double", f64(float("inf"))), ("double", f64(float("-inf"))), ("double", f64(-0.0)), ("any", f64(-0.0)),
        ("any", blob(b"\0\xff")), ("any", b"\xd6\xff\x00\x00\x00\x01"), ("any", b"\x93\xc3\xc4\x01\x07" + f64(float("inf")))]

# What is refused, and the code that it is counted under: (type, format, what stands there, code).
REFUSED = [
    ("bool", "json", "1", "TM0403"), ("bool", "json", '"true"', "TM0403"), ("bool", "csv", "yes", "TM0403"), ("bool", "msgpack", b"\x01", "TM0403"),
    ("int", "json", "1.5", "TM0403"), ("int", "json", '"1"', "TM0403"), ("int", "json", "9007199254740993", "TM0406"), ("int", "json", "true", "TM0403"),
    ("int", "json", "[1]", "TM0403"), ("int", "csv", "1.5", "TM0403"), ("int", "csv", "one", "TM0403"),
    ("int", "msgpack", f64(1.5), "TM0403"), ("int", "msgpack", b"\xa11", "TM0403"), ("int", "msgpack", b"\xcf\x00\x20\x00\x00\x00\x00\x00\x01", "TM0406"),
    ("int64", "json", "9223372036854775808", "TM0406"), ("int64", "csv", "-9223372036854775809", "TM0406"),
    ("int64", "msgpack", b"\xcf\x80\x00\x00\x00\x00\x00\x00\x00", "TM0406"),
    ("double", "json", "1e400", "TM0406"), ("double", "json", "NaN", "TM0401"), ("double", "json", '"0.5"', "TM0403"), ("double", "csv", "1e400", "TM0406"),
    ("double", "csv", "nan", "TM0403"), ("double", "csv", "0x10", "TM0403"),
    # msgpack has them, JSON does not: refused where they are written
    ("double", "msgpack", f64(float("nan")), "TM0410"), ("double", "msgpack", f64(float("-inf")), "TM0410"), ("any", "msgpack", f64(float("inf")), "TM0410"),
    ("decimal(10,2)", "json", "1.234", "TM0406"), ("decimal(10,2)", "json", "100000000", "TM0406"), ("decimal(10,2)", "json", '"x"', "TM0403"),
    ("decimal(10,2)", "csv", "1.234", "TM0406"), ("decimal(10,2)", "csv", "1,5", "TM0412"), ("decimal(10,2)", "msgpack", f64(0.125), "TM0406"),
    ("string", "json", "1", "TM0403"), ("string", "json", '"\\ud83d"', "TM0401"), ("string", "json", '"\\x"', "TM0401"), ("string", "json", b'"\xff"', "TM0402"),
    ("string", "csv", b"\xff", "TM0402"), ("string", "csv", '"a"b', "TM0411"), ("string", "msgpack", b"\xa1\xff", "TM0402"), ("string", "msgpack", b"\xc4\x01x", "TM0403"),
    ("bytes", "json", '"A"', "TM0403"), ("bytes", "json", '"A*=="', "TM0403"), ("bytes", "csv", "A", "TM0403"),
    ("timestamp", "json", '"1 March"', "TM0409"), ("timestamp", "json", '"2026-02-30"', "TM0409"), ("timestamp", "json", '"2026-13-01"', "TM0409"),
    ("timestamp", "json", "1.5", "TM0403"), ("timestamp", "csv", "24:00", "TM0409"), ("timestamp", "msgpack", b"\xa4noon", "TM0409"),
    ("list(int)", "json", "1", "TM0403"), ("list(int)", "json", "[1,]", "TM0401"), ("list(int)", "json", '["x"]', "TM0403"), ("list(int)", "csv", "1", "TM0403"),
    ("list(int)", "msgpack", b"\x01", "TM0403"), ("map(string,int)", "json", "[]", "TM0403"), ("map(int,double)", "json", '{"x":1}', "TM0403"),
    ("struct(a int,b string)", "json", '{"a":"x"}', "TM0403"), ("any", "json", "[1,]", "TM0401"), ("any", "csv", "plain words", "TM0401")]

# text: what is in a file, and the lines of it. Written, each value ends with one line feed.
LINES = [
    (b"", []), (b"a", ["a"]), (b"a\n", ["a"]), (b"a\r\nb\r\n", ["a", "b"]), (b"\n\n", ["", ""]), ("é\n\U0001F600".encode(), ["é", "\U0001F600"]),
    (b'"quoted", with, commas\n', ['"quoted", with, commas']), (b"\xef\xbb\xbfmarked\n", ["marked"]), (b"a\rb\n", ["a\rb"]), (b"tab\there\\\n", ["tab\there\\"]),
    (b"zero\0\n", ["zero\0"]), (b"x" * 70000 + b"\n", ["x" * 70000])]
BROKEN_LINES = [(b"a\n\xff\nb\n", ["a", "b"], "TM0402")]
# raw: a file is one record.
FILES = [b"\0\xff\n\r\n\"", bytes(range(256)), b"plain", b"\xef\xbb\xbfmark", b"z" * 100000]
