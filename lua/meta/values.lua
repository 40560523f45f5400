---@meta tidemill
-- Helper functions of job code for times, numbers, hashes, addresses and places: tm.time, tm.number, tm.hash, tm.ip, tm.url,
-- tm.geo. A nil, which is what a null field is, gives nil everywhere. Each example is run by
-- tests/spec/library/examples_spec.lua.

-- # values: Functions for times, numbers and addresses
-- Times with zones, numbers, hashes, addresses and places, for use in functions. nil, which is what a null field is, gives nil everywhere.

---@class tidemill.time moments: milliseconds since 1970 UTC, as a timestamp is
local time = {}

---A time from ISO 8601, or of a form as strptime has it (docs/guide/functions.md lists the directives). The whole string must
---be of the form and the day must exist; else nil and why. A string without an offset is a time of `zone`.
---
---    tm.time.parse("2026-01-02T03:04:05.678Z")  --> 1767323045678
---    tm.time.parse("02/Jan/2026:03:04:05 +0100", "%d/%b/%Y:%H:%M:%S %z")  --> 1767319445000
---    tm.time.parse("2026-07-01 12:00", "%Y-%m-%d %H:%M", "Europe/Paris")  --> 1782900000000
---@param s string?
---@param form? string default ISO 8601
---@param zone? string "UTC" (default), "+02:00", "Europe/Paris"
---@return integer? ms
---@return string? why
function time.parse(s, form, zone) end

---A time as ISO 8601, or in a form as strftime has it; names are English.
---
---    tm.time.format(1767323045678)  --> "2026-01-02T03:04:05.678Z"
---    tm.time.format(1767323045678, "%a %d %b %Y, %H:%M", "Asia/Tokyo")  --> "Fri 02 Jan 2026, 12:04"
---@param ms integer? milliseconds since 1970 UTC
---@param form? string default ISO 8601
---@param zone? string "UTC" (default), "+02:00", "Europe/Paris"
---@return string?
function time.format(ms, form, zone) end

---The time of the batch that runs: the same for all of its rows, and virtual in tests.
---
---    tm.time.now()  --> 1767323045678
---@return integer ms
function time.now() end

---The start of the year, quarter, month, week (Monday), day, hour, minute or second that it lies in, or of a length such as
---"15m".
---
---    tm.time.truncate(1767323045678, "day", "Europe/Paris")  --> 1767308400000
---    tm.time.truncate(1767323045678, "15m")  --> 1767322800000
---@param ms integer? milliseconds since 1970 UTC
---@param unit string
---@param zone? string "UTC" (default), "+02:00", "Europe/Paris"
---@return integer? ms
function time.truncate(ms, unit, zone) end

---So many units later, days and longer by the calendar; a day that the month does not have is its last.
---
---    tm.time.format(tm.time.add(1769817600000, 1, "month"))  --> "2026-02-28T00:00:00.000Z"
---@param ms integer? milliseconds since 1970 UTC
---@param count integer
---@param unit string
---@param zone? string "UTC" (default), "+02:00", "Europe/Paris"
---@return integer? ms
function time.add(ms, count, unit, zone) end

---Whole units from one time to the other; negative when the other is earlier.
---
---    tm.time.diff(0, 1767323045678, "year")  --> 56
---@param from integer?
---@param to integer?
---@param unit string
---@param zone? string "UTC" (default), "+02:00", "Europe/Paris"
---@return integer?
function time.diff(from, to, unit, zone) end

---The time of a date; nil and why when there is no such day.
---
---    tm.time.of(2026, 1, 2, 3, 4, 5.678)  --> 1767323045678
---@param year integer?
---@param month? integer
---@param day? integer
---@param hour? integer
---@param minute? integer
---@param second? number
---@param zone? string "UTC" (default), "+02:00", "Europe/Paris"
---@return integer? ms
---@return string? why
function time.of(year, month, day, hour, minute, second, zone) end

---The year.
---
---    tm.time.year(1767323045678)  --> 2026
---@param ms integer? milliseconds since 1970 UTC
---@param zone? string "UTC" (default), "+02:00", "Europe/Paris"
---@return integer?
function time.year(ms, zone) end

---The quarter, 1 to 4.
---
---    tm.time.quarter(1767323045678)  --> 1
---@param ms integer? milliseconds since 1970 UTC
---@param zone? string "UTC" (default), "+02:00", "Europe/Paris"
---@return integer?
function time.quarter(ms, zone) end

---The month, 1 to 12.
---
---    tm.time.month(1767323045678)  --> 1
---@param ms integer? milliseconds since 1970 UTC
---@param zone? string "UTC" (default), "+02:00", "Europe/Paris"
---@return integer?
function time.month(ms, zone) end

---The week of ISO 8601, 1 to 53.
---
---    tm.time.week(1767323045678)  --> 1
---@param ms integer? milliseconds since 1970 UTC
---@param zone? string "UTC" (default), "+02:00", "Europe/Paris"
---@return integer?
function time.week(ms, zone) end

---The year that the week of ISO 8601 belongs to.
---
---    tm.time.week_year(1767323045678)  --> 2026
---@param ms integer? milliseconds since 1970 UTC
---@param zone? string "UTC" (default), "+02:00", "Europe/Paris"
---@return integer?
function time.week_year(ms, zone) end

---The day of the month.
---
---    tm.time.day(1767323045678)  --> 2
---@param ms integer? milliseconds since 1970 UTC
---@param zone? string "UTC" (default), "+02:00", "Europe/Paris"
---@return integer?
function time.day(ms, zone) end

---The day of the year, from 1.
---
---    tm.time.yearday(1767323045678)  --> 2
---@param ms integer? milliseconds since 1970 UTC
---@param zone? string "UTC" (default), "+02:00", "Europe/Paris"
---@return integer?
function time.yearday(ms, zone) end

---The day of the week, 1 Monday to 7 Sunday.
---
---    tm.time.weekday(1767323045678)  --> 5
---@param ms integer? milliseconds since 1970 UTC
---@param zone? string "UTC" (default), "+02:00", "Europe/Paris"
---@return integer?
function time.weekday(ms, zone) end

---The hour.
---
---    tm.time.hour(1767323045678)  --> 3
---@param ms integer? milliseconds since 1970 UTC
---@param zone? string "UTC" (default), "+02:00", "Europe/Paris"
---@return integer?
function time.hour(ms, zone) end

---The minute.
---
---    tm.time.minute(1767323045678)  --> 4
---@param ms integer? milliseconds since 1970 UTC
---@param zone? string "UTC" (default), "+02:00", "Europe/Paris"
---@return integer?
function time.minute(ms, zone) end

---The second.
---
---    tm.time.second(1767323045678)  --> 5
---@param ms integer? milliseconds since 1970 UTC
---@param zone? string "UTC" (default), "+02:00", "Europe/Paris"
---@return integer?
function time.second(ms, zone) end

---The milliseconds of the second.
---
---    tm.time.millisecond(1767323045678)  --> 678
---@param ms integer? milliseconds since 1970 UTC
---@return integer?
function time.millisecond(ms) end

---What the zone's clock is ahead of UTC, in milliseconds.
---
---    tm.time.offset(1767323045678, "Asia/Kolkata")  --> 19800000
---@param ms integer? milliseconds since 1970 UTC
---@param zone? string "UTC" (default), "+02:00", "Europe/Paris"
---@return integer?
function time.offset(ms, zone) end

---A length of time in milliseconds: ns, us, ms, s, m, h, d, w.
---
---    tm.time.duration("1h30m")  --> 5400000
---@param s string?
---@return number? ms
---@return string? why
function time.duration(s) end

---A length of time as text.
---
---    tm.time.format_duration(93784005)  --> "1d2h3m4.005s"
---@param ms number?
---@return string?
function time.format_duration(ms) end

---@class tidemill.number numbers read strictly, rounded, written
local number = {}

---A number written in full, and nothing else; nil and why. tonumber also takes blanks and hexadecimal digits.
---
---    tm.number.parse("-12.50")  --> -12.5
---@param s string?
---@return number?
---@return string? why
function number.parse(s) end

---A whole number up to 2^53 in a base of 2 to 36.
---
---    tm.number.parse_int("ff", 16)  --> 255
---@param s string?
---@param base? integer default 10
---@return integer?
---@return string? why
function number.parse_int(s, base) end

---With so many decimal places and marks between thousands, as text.
---
---    tm.number.format(1234567.891, 2)  --> "1,234,567.89"
---    tm.number.format(1234567.891, 2, ".", ",")  --> "1.234.567,89"
---@param x number? or a decimal
---@param places? integer default 0
---@param mark? string default ,
---@param point? string default .
---@return string?
function number.format(x, places, mark, point) end

---A whole number in a base of 2 to 36.
---
---    tm.number.to_base(255, 16)  --> "ff"
---@param x integer?
---@param base integer
---@return string?
function number.to_base(x, base) end

---Half up (away from zero) at a decimal place of how the number is written; negative places round whole numbers. Of
---decimals, which stay exact, too.
---
---    tm.number.round(2.675, 2)  --> 2.68
---    tm.number.round(1250, -2)  --> 1300
---@param x number? or a decimal
---@param places? integer default 0
---@return number?
function number.round(x, places) end

---Half to even.
---
---    tm.number.round_even(2.5)  --> 2
---@param x number? or a decimal
---@param places? integer default 0
---@return number?
function number.round_even(x, places) end

---Within bounds.
---
---    tm.number.clamp(150, 0, 100)  --> 100
---@param x number? or a decimal
---@param low number
---@param high number
---@return number?
function number.clamp(x, low, high) end

---The greatest multiple of `step` that is not above it.
---
---    tm.number.floor_to(17, 5)  --> 15
---@param x number?
---@param step number
---@return number?
function number.floor_to(x, step) end

---@class tidemill.hash digests, and hashes that spread keys
local hash = {}

---MD5, as hexadecimal digits.
---
---    tm.hash.md5("tea")  --> "7239ea2b5dc943f61f3c0a0276c20974"
---@param s string?
---@return string?
function hash.md5(s) end

---SHA-1, as hexadecimal digits.
---
---    tm.hash.sha1("tea")  --> "75490f32c06a50051804339453d3fe2f0cd5564b"
---@param s string?
---@return string?
function hash.sha1(s) end

---SHA-224, as hexadecimal digits.
---
---    tm.hash.sha224("tea")  --> "ab2f614346b6ca34caf73da3b89fdf3988f06f87e9e990f7d51180d7"
---@param s string?
---@return string?
function hash.sha224(s) end

---SHA-256, as hexadecimal digits.
---
---    tm.hash.sha256("tea")  --> "a9f74d1ec36ebdeb2da3f6e5868090cd2a2d20b3dcca7b62f60304b1d3d9ef42"
---@param s string?
---@return string?
function hash.sha256(s) end

---SHA-384, as hexadecimal digits.
---
---    tm.hash.sha384("tea"):sub(1, 32)  --> "86fa5b02aa63fd09b67bd9976f9565d7"
---@param s string?
---@return string?
function hash.sha384(s) end

---SHA-512, as hexadecimal digits.
---
---    tm.hash.sha512("tea"):sub(1, 32)  --> "bef801bf86cddac72816a3270f1c7cf5"
---@param s string?
---@return string?
function hash.sha512(s) end

---HMAC with SHA-1, as hexadecimal digits.
---
---    tm.hash.hmac_sha1("tea", "key")  --> "e8a2ed2049e9b00a48b4782264827d3aec86bf8a"
---@param s string?
---@param key string
---@return string?
function hash.hmac_sha1(s, key) end

---HMAC with SHA-256, as hexadecimal digits.
---
---    tm.hash.hmac_sha256("tea", "key")  --> "300fb267ae149d11c584ef6523d9e4b45e587714d4af1b5ec882e82c4c8999df"
---@param s string?
---@param key string
---@return string?
function hash.hmac_sha256(s, key) end

---HMAC with SHA-512, as hexadecimal digits.
---
---    tm.hash.hmac_sha512("tea", "key"):sub(1, 32)  --> "77fbc0bb3863e82f10cb90af2b8fc557"
---@param s string?
---@param key string
---@return string?
function hash.hmac_sha512(s, key) end

---XXH3 of 64 bits, as hexadecimal digits: fast, not for secrets.
---
---    tm.hash.xxh3("")  --> "2d06800538d394c2"
---@param s string?
---@return string?
function hash.xxh3(s) end

---XXH3 of 64 bits as an int64.
---
---    tostring(tm.hash.xxh3_int64(""))  --> "3244421341483603138"
---@param s string?
---@return integer? int64
function hash.xxh3_int64(s) end

---0 to n - 1, evenly and the same for the same string: for sampling and for sharing out.
---
---    tm.hash.bucket("user 7", 100) < 100  --> true
---@param s string?
---@param n integer
---@return integer?
function hash.bucket(s, n) end

---CRC-32 as zlib and PNG have it.
---
---    tm.hash.crc32("tea")  --> 2391201714
---@param s string?
---@return integer?
function hash.crc32(s) end

---The UUID of version 5 of a name in a space: "dns", "url", "oid", "x500" or a UUID.
---
---    tm.hash.uuid5("example.org", "dns")  --> "aad03681-8b63-5304-89e0-8ca8f49461b5"
---@param s string?
---@param space string
---@return string?
function hash.uuid5(s, space) end

---@class tidemill.ip addresses of the internet
local ip = {}

---4 or 6.
---
---    tm.ip.version("2001:db8::1")  --> 6
---@param s string? an address; what is none gives nil
---@return integer?
function ip.version(s) end

---"public", "private", "loopback", "link_local", "shared", "multicast", "unspecified", "documentation" or "reserved".
---
---    tm.ip.kind("192.168.1.7")  --> "private"
---@param s string? an address; what is none gives nil
---@return string?
function ip.kind(s) end

---Is it one of a private network?
---
---    tm.ip.is_private("8.8.8.8")  --> false
---@param s string? an address; what is none gives nil
---@return boolean?
function ip.is_private(s) end

---Does it lie in a network?
---
---    tm.ip.within("10.1.2.3", "10.0.0.0/8")  --> true
---@param s string? an address; what is none gives nil
---@param network string
---@return boolean?
function ip.within(s, network) end

---The network that it lies in: so many bits of it.
---
---    tm.ip.network("10.1.2.3", 24)  --> "10.1.2.0/24"
---@param s string? an address; what is none gives nil
---@param v4_bits integer
---@param v6_bits? integer default 64
---@return string?
function ip.network(s, v4_bits, v6_bits) end

---The one way to write it (RFC 5952).
---
---    tm.ip.canonical("2001:0DB8:0:0:0:0:0:1")  --> "2001:db8::1"
---@param s string? an address; what is none gives nil
---@return string?
function ip.canonical(s) end

---An address of version 4 as a number.
---
---    tm.ip.to_number("10.0.0.1")  --> 167772161
---@param s string? an address; what is none gives nil
---@return integer?
function ip.to_number(s) end

---The address of version 4 of a number.
---
---    tm.ip.from_number(167772161)  --> "10.0.0.1"
---@param x integer?
---@return string?
function ip.from_number(x) end

---@class tidemill.url URLs taken apart; a part that is not there is nil
local url = {}

---Its parts; nil and why when it is none.
---
---    tm.url.parse("https://example.org:8443/a?q=1")  --> { scheme = "https", host = "example.org", port = 8443, path = "/a", query = "q=1" }
---@param s string? a URL, or what logs have of one: /path?query
---@return {scheme:string?,user:string?,password:string?,host:string?,port:integer?,path:string,query:string?,fragment:string?}?
---@return string? why
function url.parse(s) end

---The scheme.
---
---    tm.url.scheme("https://ada@example.org:8443/a/b?q=tea#top")  --> "https"
---@param s string? a URL, or what logs have of one: /path?query
---@return string?
function url.scheme(s) end

---The user.
---
---    tm.url.user("https://ada@example.org:8443/a/b?q=tea#top")  --> "ada"
---@param s string? a URL, or what logs have of one: /path?query
---@return string?
function url.user(s) end

---The host.
---
---    tm.url.host("https://ada@example.org:8443/a/b?q=tea#top")  --> "example.org"
---@param s string? a URL, or what logs have of one: /path?query
---@return string?
function url.host(s) end

---The port, where it is written.
---
---    tm.url.port("https://ada@example.org:8443/a/b?q=tea#top")  --> 8443
---@param s string? a URL, or what logs have of one: /path?query
---@return integer?
function url.port(s) end

---The path.
---
---    tm.url.path("https://ada@example.org:8443/a/b?q=tea#top")  --> "/a/b"
---@param s string? a URL, or what logs have of one: /path?query
---@return string?
function url.path(s) end

---The query, as it stands.
---
---    tm.url.query("https://ada@example.org:8443/a/b?q=tea#top")  --> "q=tea"
---@param s string? a URL, or what logs have of one: /path?query
---@return string?
function url.query(s) end

---What follows #.
---
---    tm.url.fragment("https://ada@example.org:8443/a/b?q=tea#top")  --> "top"
---@param s string? a URL, or what logs have of one: /path?query
---@return string?
function url.fragment(s) end

---The decoded value of a parameter of the query; the first of several.
---
---    tm.url.param("/search?q=tea+%26+cake", "q")  --> "tea & cake"
---@param s string? a URL, or what logs have of one: /path?query
---@param name string
---@return string?
function url.param(s, name) end

---@class tidemill.geo places on the earth
local geo = {}

---Metres between two places on the globe, given in degrees.
---
---    math.floor(tm.geo.distance(48.8566, 2.3522, 52.52, 13.405) / 1000)  --> 877
---@param lat1 number?
---@param lon1 number?
---@param lat2 number?
---@param lon2 number?
---@return number?
function geo.distance(lat1, lon1, lat2, lon2) end
