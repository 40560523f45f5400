-- The catalogue of errors: records of sources and what sinks write (TM04xx). on_error says what becomes of such a record.
return {
  { "BAD_JSON", group = "records",
    cause = [[A line is not one whole JSON object: it is cut, has something behind its end, or breaks a rule of JSON (single
      quotes, a comma too many, NaN).]],
    fix = [[Mend what writes it. To go on without such records: on_error = "skip" in the source, or a sink for dead letters:
      on_error = tm.file { path = "dead.jsonl" }.]],
    run = [[echo '{"n": 1,}' | tidemill run -e 'tm.from(tm.stdin { format = "json", schema = { n = "int" } })']] },
  { "BAD_UTF8", group = "records",
    cause = [[Text in a record is not valid UTF-8: it was written in another encoding (Latin-1, Windows-1252, UTF-16), or is no
      text at all.]],
    fix = [[Convert it first: iconv -f latin1 -t utf-8. Bytes that are no text go into a field of type bytes.]],
    run = [[printf 'caf\351\n' | tidemill run -e 'tm.from(tm.lines())']] },
  { "BAD_TYPE", group = "records",
    cause = [[A field of a record has a value of another type than the schema says.]],
    fix = [[Correct the schema if the field is of another type; if it is of both, declare it as string and convert in map:
      tonumber(e.amount).]],
    run = [[echo '{"amount": "a lot"}' | tidemill run -e 'tm.from(tm.stdin { format = "json", schema = { amount = "double" } })']] },
  { "REQUIRED", group = "records",
    cause = [[A field that is declared `required` is missing or null in a record, or a function gave nil for it.]],
    fix = [[Leave `required` out where null is possible, and look for nil in the functions; or send such records to dead
      letters.]],
    run = [[echo '{}' | tidemill run -e 'tm.from(tm.stdin { format = "json", schema = { id = { "int", required = true } } })']] },
  { "TOO_LARGE", group = "records",
    cause = [[A record is longer than max_record, 1 MiB unless the source says otherwise. So a file without line ends does not
      take all memory.]],
    fix = [[Raise it: max_record = "16MB" in the source. But look first whether the file has one record per line.]],
    run = [[head -c 2000000 /dev/zero | tr '\0' 'x' | tidemill run -e 'tm.from(tm.lines())']] },
  { "BAD_NUMBER", group = "records",
    cause = [[A number does not fit the field's type: an int beyond 2^53, an int64 beyond 64 bits, a decimal with more digits
      than it has, a fraction in a whole number.]],
    fix = [[Declare a wider type: int64, double, or a decimal with more digits: "decimal(38,10)".]],
    run = [[echo '{"n": 90071992547409930}' | tidemill run -e 'tm.from(tm.stdin { format = "json", schema = { n = "int" } })']] },
  { "NULL_KEY", group = "records",
    cause = [[The key of a row is null. Rows without a key belong to no group, and to put them all into one would hide it.]],
    fix = [[Filter them out before key_by: :filter(function(e) return e.user ~= nil end); or give them a key of their own:
      :key_by(function(e) return e.user or "none" end).]],
    run = [[echo '{}' | tidemill run -e 'tm.from(tm.stdin { format = "json", schema = { user = "string" } }):key_by("user"):count()']] },
  { "NULL_TIMESTAMP", group = "records",
    cause = [[The field that is the time of rows is null in this one.]],
    fix = [[Declare it `required` at the source, so that such records fail there, or filter them out before :watermark.]],
    run = [[echo '{}' | tidemill run -e 'tm.from(tm.stdin { format = "json", schema = { ts = "timestamp" } }):watermark("ts", { out_of_order = "1s" })']] },
  { "BAD_TIMESTAMP", group = "records",
    cause = [[A text in a timestamp field is not a time in ISO 8601: 2026-01-31T12:00:00Z, with an offset or without (UTC).]],
    fix = [[Declare the field as string and make a number of milliseconds since 1970 of it in map.]],
    run = [[echo '{"ts": "31/01/2026"}' | tidemill run -e 'tm.from(tm.stdin { format = "json", schema = { ts = "timestamp" } }):watermark("ts", { out_of_order = "1s" })']] },
  { "NOT_ENCODABLE", group = "records",
    cause = [[A value cannot be written in the sink's format: JSON has no NaN and no infinity, a line of text no line break.]],
    fix = [[Give something else in map: nil becomes null. A division by zero is the usual reason of NaN.]],
    run = [[echo 0 | tidemill run -e 'tm.from(tm.lines()):map(function(l) return { r = 1 / tonumber(l) } end)']] },
  { "BAD_CSV", group = "records",
    cause = [[A record breaks the rules of CSV: a quote inside of a field that is not quoted, text behind a closing quote, a
      quoted field without an end.]],
    fix = [[Say how the file is made: tm.csv { quote = false } for files that have no quotes, escape = "backslash",
      delimiter = ";".]],
    run = [[printf 'a,b\n1,"x"y\n' | tidemill run -e 'tm.from(tm.stdin { format = "csv", schema = { a = "int", b = "string" } })']] },
  { "FIELD_COUNT", group = "records",
    cause = [[A record of a CSV file has fewer or more fields than the header or the schema.]],
    fix = [[tm.csv { ragged = "pad" } fills up with nulls, "truncate" drops what is too much, "both" does both. Look at the delimiter
      first.]],
    run = [[printf 'a,b\n1,2,3\n' | tidemill run -e 'tm.from(tm.stdin { format = "csv", schema = { a = "int", b = "int" } })']] },
  { "BAD_MSGPACK", group = "records",
    cause = [[The bytes of a msgpack input are not msgpack, or end in the middle of a value; or a record is no map of fields.]],
    fix = [[The message says where. Bytes behind the place cannot be told apart any more: they are lost with the record.]],
    run = [[printf '\301' | tidemill run -e 'tm.from(tm.stdin { format = "msgpack", schema = { a = "int" } })']] },
  { "BAD_ARCHIVE", group = "records",
    cause = [[A compressed file (.gz, .zst) is damaged, ends in the middle, or has something else behind it. The records in front of
      that place are good.]],
    fix = [[Fetch or compress the file again; the message has the byte of the file where it ends to make sense. With on_error =
      "skip" the rest of the file is left out and counted as one failure.]],
    run = [[printf 'a\nb\n' | gzip | head -c 20 >cut.txt.gz
tidemill run -e 'tm.from(tm.file { path = "cut.txt.gz" })']] },
}
