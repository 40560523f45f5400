---@meta tidemill
-- Helper functions of job code for strings: tm.re, tm.text, tm.mask, tm.encode, tm.decode. A nil, which is what a null field
-- is, gives nil everywhere. Each example is run by tests/spec/library/examples_spec.lua.

-- # text: Functions for strings
-- Regular expressions, strings, masks and encodings, for use in functions. nil, which is what a null field is, gives nil everywhere.

---@class tidemill
local tm = {}

---A regular expression of PCRE2, compiled once for a pattern: in a variable outside of the functions that use it. Flags: i case
---does not matter, m ^ and $ at lines, s . takes line ends, x blanks and comments, u \w, \d, \b by Unicode, b bytes.
---A match that takes more than a million steps is an error of its record.
---
---    tm.re([[^get /]], "i"):test("GET /index.html")  --> true
---@param pattern string
---@param flags? string
---@return tidemill.Regex
function tm.re(pattern, flags) end

---@class tidemill.Regex
local Regex = {}

---Is there a match?
---
---    tm.re[[^\d+$]]:test("2026")  --> true
---@param s string?
---@return boolean?
function Regex:test(s) end

---The first match. With named groups a table of them, which is a row as it stands; without, what the groups took, or the
---whole match when there are none. nil when nothing matches.
---
---    tm.re[[(?<user>\w+)@(?<host>[\w.]+)]]:match("to ada@example.org")  --> { user = "ada", host = "example.org" }
---    tm.re[[(\d+)-(\d+)]]:match("pages 12-17")  --> "12", "17"
---    tm.re[[\d+]]:match("order 4711")  --> "4711"
---@param s string?
---@return table<string, string>|string|nil
---@return string? ...
function Regex:match(s) end

---Where the first match begins and ends (bytes from 1, as string.find), then what its groups took.
---
---    tm.re[[(\w+)!]]:find("oh my!")  --> 4, 6, "my"
---@param s string?
---@param init? integer where to begin, from 1; negative from the end
---@return integer? from
---@return integer? to
---@return string? ...
function Regex:find(s, init) end

---Iterates over all matches: over tables where groups are named, else as match gives them. A first group that took no part
---is false, as nil ends a loop.
---
---    (function() local n = 0 for d in tm.re[[\d+]]:each("1, 20, 300") do n = n + tonumber(d) end return n end)()  --> 321
---@param s string?
---@return fun(): table<string, string>|string|false|nil, string?
function Regex:each(s) end

---How many matches there are.
---
---    tm.re[[\b\w]]:count("three little words")  --> 3
---@param s string?
---@return integer?
function Regex:count(s) end

---Matches replaced: in `with`, $1 or ${name} is what a group took, $0 the whole match, $$ a dollar.
---
---    tm.re[[(\w+)@(\w+)]]:replace("ada@home", "$1 at $2")  --> "ada at home"
---@param s string?
---@param with string
---@param most? integer how many at most
---@return string?
function Regex:replace(s, with, most) end

---The parts between matches.
---
---    tm.re[[\s*[,;]\s*]]:split("a , b;c")  --> { "a", "b", "c" }
---@param s string?
---@param most? integer how many parts at most
---@return string[]?
function Regex:split(s, most) end

---@class tidemill.text strings; lengths and places count characters
local text = {}

---Count of characters; # counts bytes.
---
---    tm.text.length("čaj")  --> 3
---@param s string?
---@return integer?
function text.length(s) end

---Characters from first to last, negative from the end, as string.sub does with bytes.
---
---    tm.text.sub("smörgås", 3, 4)  --> "ör"
---@param s string?
---@param first integer
---@param last? integer default -1
---@return string?
function text.sub(s, first, last) end

---Upper case, in all scripts.
---
---    tm.text.upper("crème")  --> "CRÈME"
---@param s string?
---@return string?
function text.upper(s) end

---Lower case, in all scripts.
---
---    tm.text.lower("ÀÉÎ")  --> "àéî"
---@param s string?
---@return string?
function text.lower(s) end

---The first letter of each word in upper case, the others in lower.
---
---    tm.text.title("war AND peace")  --> "War And Peace"
---@param s string?
---@return string?
function text.title(s) end

---The first letter in upper case, the rest as it is.
---
---    tm.text.capitalize("élan vital")  --> "Élan vital"
---@param s string?
---@return string?
function text.capitalize(s) end

---Characters in reverse order.
---
---    tm.text.reverse("añb")  --> "bña"
---@param s string?
---@return string?
function text.reverse(s) end

---Without white space at both ends, or without the characters given.
---
---    tm.text.trim("  tea ")  --> "tea"
---    tm.text.trim("--tea-", "-")  --> "tea"
---@param s string?
---@param characters? string
---@return string?
function text.trim(s, characters) end

---As trim, at the start.
---
---    tm.text.ltrim("007", "0")  --> "7"
---@param s string?
---@param characters? string
---@return string?
function text.ltrim(s, characters) end

---As trim, at the end.
---
---    tm.text.rtrim("1.500", "0")  --> "1.5"
---@param s string?
---@param characters? string
---@return string?
function text.rtrim(s, characters) end

---At least `width` characters, filled up at the start.
---
---    tm.text.lpad("7", 3, "0")  --> "007"
---@param s string?
---@param width integer
---@param fill? string default a blank
---@return string?
function text.lpad(s, width, fill) end

---At least `width` characters, filled up at the end.
---
---    tm.text.rpad("ab", 4, ".")  --> "ab.."
---@param s string?
---@param width integer
---@param fill? string default a blank
---@return string?
function text.rpad(s, width, fill) end

---At most `length` characters; with an ending, which counts, where something was cut.
---
---    tm.text.truncate("a long title", 7, "…")  --> "a long…"
---@param s string?
---@param length integer
---@param ending? string
---@return string?
function text.truncate(s, length, ending) end

---At most so many bytes, cut between characters.
---
---    tm.text.truncate_bytes("né", 2)  --> "n"
---@param s string?
---@param bytes integer
---@return string?
function text.truncate_bytes(s, bytes) end

---Without the prefix, where it is there.
---
---    tm.text.remove_prefix("www.example.org", "www.")  --> "example.org"
---@param s string?
---@param prefix string
---@return string?
function text.remove_prefix(s, prefix) end

---Without the suffix, where it is there.
---
---    tm.text.remove_suffix("data.csv", ".csv")  --> "data"
---@param s string?
---@param suffix string
---@return string?
function text.remove_suffix(s, suffix) end

---Does it begin with `part`?
---
---    tm.text.starts_with("/api/users", "/api/")  --> true
---@param s string?
---@param part string
---@return boolean?
function text.starts_with(s, part) end

---Does it end with `part`?
---
---    tm.text.ends_with("photo.jpg", ".png")  --> false
---@param s string?
---@param part string
---@return boolean?
function text.ends_with(s, part) end

---Is `part` in it?
---
---    tm.text.contains("hello world", "o w")  --> true
---@param s string?
---@param part string
---@return boolean?
function text.contains(s, part) end

---The character at which `part` first stands, from 1; nil when it is not there.
---
---    tm.text.find("žluť: kůň", "kůň")  --> 7
---@param s string?
---@param part string
---@param first? integer where to begin, negative from the end
---@return integer?
function text.find(s, part, first) end

---How often `part` stands in it, without overlaps.
---
---    tm.text.count("banana", "an")  --> 2
---@param s string?
---@param part string
---@return integer?
function text.count(s, part) end

---The n-th part between separators, -1 the last; nil when there are not so many.
---
---    tm.text.part("10.0.0.7", ".", 2)  --> "0"
---    tm.text.part("/var/log/app.log", "/", -1)  --> "app.log"
---@param s string?
---@param separator string
---@param n integer
---@return string?
function text.part(s, separator, n) end

---All parts between separators.
---
---    tm.text.split("a,b,,c", ",")  --> { "a", "b", "", "c" }
---@param s string?
---@param separator string
---@param most? integer how many parts at most
---@return string[]?
function text.split(s, separator, most) end

---The elements of a list as one string.
---
---    tm.text.join({ "a", 1, "b" }, "-")  --> "a-1-b"
---@param list any[]?
---@param separator? string
---@return string?
function text.join(list, separator) end

---`old` replaced by `new`, everywhere or so many times.
---
---    tm.text.replace("1.234.567", ".", "")  --> "1234567"
---@param s string?
---@param old string
---@param new string
---@param most? integer
---@return string?
function text.replace(s, old, new, most) end

---Each character of `from` becomes the one at its place in `to`; those without one go.
---
---    tm.text.translate("1.234,50 €", ",.", ".")  --> "1234.50 €"
---@param s string?
---@param from string
---@param to string
---@return string?
function text.translate(s, from, to) end

---Without the control sequences that colour a terminal.
---
---    tm.text.strip_ansi("\27[31mERROR\27[0m disk")  --> "ERROR disk"
---@param s string?
---@return string?
function text.strip_ansi(s) end

---A name in snake_case.
---
---    tm.text.snake("userId")  --> "user_id"
---@param s string?
---@return string?
function text.snake(s) end

---A name in kebab-case.
---
---    tm.text.kebab("HTTPServer")  --> "http-server"
---@param s string?
---@return string?
function text.kebab(s) end

---A name in camelCase.
---
---    tm.text.camel("user_id")  --> "userId"
---@param s string?
---@return string?
function text.camel(s) end

---A name in PascalCase.
---
---    tm.text.pascal("user id")  --> "UserId"
---@param s string?
---@return string?
function text.pascal(s) end

---Is it UTF-8?
---
---    tm.text.is_utf8("\255")  --> false
---@param s string?
---@return boolean?
function text.is_utf8(s) end

---UTF-8: bytes that are none become U+FFFD.
---
---    tm.text.scrub("caf\233")  --> "caf�"
---@param s string?
---@return string?
function text.scrub(s) end

---Levenshtein's distance: how many characters must be changed, added or removed. Strings of at most 4,096 bytes.
---
---    tm.text.distance("kitten", "sitting")  --> 3
---@param a string?
---@param b string?
---@return integer?
function text.distance(a, b) end

---As a pattern of tm.re that matches just this.
---
---    tm.text.escape_re("1.5 $")  --> "1\\.5\\ \\$"
---@param s string?
---@return string?
function text.escape_re(s) end

---@class tidemill.mask parts of strings made unreadable
local mask = {}

---All characters but the first and the last ones replaced. A string that would stay whole is replaced whole.
---
---    tm.mask.middle("4711-0815", 2, 2)  --> "47*****15"
---@param s string?
---@param first integer how many stay at the start
---@param last integer how many stay at the end
---@param with? string default *
---@return string?
function mask.middle(s, first, last, with) end

---The digits of card numbers but the last four: 13 to 19 digits whose check digit is right.
---
---    tm.mask.cards("paid with 4111 1111 1111 1111")  --> "paid with **** **** **** 1111"
---@param s string?
---@return string?
function mask.cards(s) end

---Addresses of mail: of the name the first character stays.
---
---    tm.mask.emails("from ada.lovelace@example.org")  --> "from a***@example.org"
---@param s string?
---@return string?
function mask.emails(s) end

---@class tidemill.encode values as text that other systems take
local encode = {}

---JSON, names of objects in order. A table whose keys are whole numbers from 1 is a list, with null where keys are missing; an empty one
---is an object unless `tm.array` marks it. Lists, maps, structs and records are taken as they are, also by `pairs`, `query` and `csv`.
---
---    tm.encode.json({ b = { 1, 2 }, a = "x" })  --> '{"a":"x","b":[1,2]}'
---@param value any
---@return string
function encode.json(value) end

---name=value pairs in the order of their names, quoted where needed; true is a name alone.
---
---    tm.encode.pairs({ level = "info", msg = "all well", n = 3 })  --> 'level=info msg="all well" n=3'
---@param t table<string,any>?
---@param between? string default a blank
---@param assign? string default =
---@return string?
function encode.pairs(t, between, assign) end

---The query of a URL, names in order.
---
---    tm.encode.query({ q = "tea & cake", page = 2 })  --> "page=2&q=tea%20%26%20cake"
---@param t table<string,any>?
---@return string?
function encode.query(t) end

---A line of CSV.
---
---    tm.encode.csv({ "a", 1, 'say "hi"' })  --> 'a,1,"say ""hi"""'
---@param list any[]?
---@param delimiter? string default ,
---@return string?
function encode.csv(list, delimiter) end

---Base64 (RFC 4648).
---
---    tm.encode.base64("tea?")  --> "dGVhPw=="
---@param s string?
---@return string?
function encode.base64(s) end

---Base64 for URLs and tokens: - and _, no padding.
---
---    tm.encode.base64_url("tea?")  --> "dGVhPw"
---@param s string?
---@return string?
function encode.base64_url(s) end

---Two hexadecimal digits a byte.
---
---    tm.encode.hex("tea")  --> "746561"
---@param s string?
---@return string?
function encode.hex(s) end

---Percent signs for what has a meaning in URLs (RFC 3986).
---
---    tm.encode.percent("a/b c")  --> "a%2Fb%20c"
---@param s string?
---@return string?
function encode.percent(s) end

---References for < > & and quotes.
---
---    tm.encode.html("<b>Q&A</b>")  --> "&lt;b&gt;Q&amp;A&lt;/b&gt;"
---@param s string?
---@return string?
function encode.html(s) end

---@class tidemill.decode values from text of other systems; nil and why when it is not of the form
local decode = {}

---A value from JSON: tables, strings, numbers, booleans, tm.null; whole numbers beyond 2^53 are int64. nil and why when it is
---not JSON.
---
---    tm.decode.json('{"a":[1,2]}')  --> { a = { 1, 2 } }
---@param s string?
---@return any
---@return string? why
function decode.json(s) end

---name=value pairs, values perhaps quoted; a name alone is true. Of a name given twice the first counts.
---
---    tm.decode.pairs('level=info msg="all well" retry')  --> { level = "info", msg = "all well", retry = true }
---@param s string?
---@param between? string default a blank
---@param assign? string default =
---@return table<string, string|true>?
---@return string? why
function decode.pairs(s, between, assign) end

---The query of a URL, or the body of a form.
---
---    tm.decode.query("q=tea+%26+cake&page=2")  --> { q = "tea & cake", page = "2" }
---@param s string?
---@return table<string, string>?
function decode.query(s) end

---The fields of a line of CSV.
---
---    tm.decode.csv('a,"b,c",')  --> { "a", "b,c", "" }
---@param s string?
---@param delimiter? string default ,
---@return string[]?
---@return string? why
function decode.csv(s, delimiter) end

---A line of a web server's access log, in the common or the combined format, as a row. What is - there is nil.
---
---    tm.decode.access_log('10.0.0.1 - ada [02/Jan/2026:03:04:05 +0000] "GET /a?b=1 HTTP/1.1" 200 51')  --> { host = "10.0.0.1", user = "ada", time = 1767323045000, method = "GET", path = "/a?b=1", protocol = "HTTP/1.1", status = 200, bytes = 51 }
---@param s string?
---@return {host:string,user:string?,time:integer,method:string?,path:string?,protocol:string?,status:integer,bytes:integer?,referer:string?,agent:string?}?
---@return string? why
function decode.access_log(s) end

---A message of syslog, RFC 5424 or the older RFC 3164 (whose times are taken for UTC and for the year that ends a day from
---now at the latest), as a row.
---
---    tm.decode.syslog("<165>1 2026-01-02T03:04:05Z web1 app 42 ID7 - started")  --> { time = 1767323045000, host = "web1", app = "app", process = "42", id = "ID7", facility = "local4", severity = "notice", message = "started" }
---@param s string?
---@return {time:integer?,host:string?,app:string?,process:string?,id:string?,facility:string?,severity:string?,data:string?,message:string?}?
---@return string? why
function decode.syslog(s) end

---Bytes from base64, with padding or without.
---
---    tm.decode.base64("dGVhPw==")  --> "tea?"
---@param s string?
---@return string?
---@return string? why
function decode.base64(s) end

---Bytes from base64 for URLs.
---
---    tm.decode.base64_url("dGVhPw")  --> "tea?"
---@param s string?
---@return string?
---@return string? why
function decode.base64_url(s) end

---Bytes from hexadecimal digits.
---
---    tm.decode.hex("746561")  --> "tea"
---@param s string?
---@return string?
---@return string? why
function decode.hex(s) end

---Without percent signs.
---
---    tm.decode.percent("a%2Fb%20c")  --> "a/b c"
---@param s string?
---@return string?
---@return string? why
function decode.percent(s) end

---References of HTML (numbers, and the common names) as characters.
---
---    tm.decode.html("Q&amp;A &#8211; caf&#xE9;")  --> "Q&A – café"
---@param s string?
---@return string?
function decode.html(s) end

---UTF-8 from Latin-1, or Windows-1252, which is mostly meant.
---
---    tm.decode.latin1("caf\233 \128 5")  --> "café € 5"
---@param s string?
---@return string?
function decode.latin1(s) end

---true from true, yes, on, 1, t, y; false from false, no, off, 0, f, n; in small letters, capitals or with a capital first.
---
---    tm.decode.bool("Yes")  --> true
---@param s string?
---@return boolean?
---@return string? why
function decode.bool(s) end
