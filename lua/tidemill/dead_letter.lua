-- The rows of dead letters: what failed, where, and the row. The columns and their order are core's
-- (tm_dead_letter_schema); a sink of dead letters gets these rows from every operator that names it in on_error.
local schema = require "tidemill.schema"

local dead_letter = {}

---A fresh copy of the schema.
function dead_letter.schema()
  return schema.make {
    { name = "code", type = "string" },     -- "TM0403"
    { name = "message", type = "string" },
    { name = "operator", type = "string" }, -- its name
    { name = "subtask", type = "int" },
    { name = "row", type = "string" },      -- as JSON; null when there is none
    { name = "source", type = "string" },   -- of sources: the file; else null, as the next three
    { name = "offset", type = "int" },
    { name = "line", type = "int" },
    { name = "raw", type = "string" },       -- the record as it was read, where it is UTF-8
    { name = "raw_base64", type = "bytes" }, -- where it is not
  }
end

return dead_letter
