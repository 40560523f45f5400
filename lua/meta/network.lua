---@meta tidemill
-- What speaks to other machines: tm.socket, tm.webhook.

---@class tidemill
local tm = {}

-- # sources: Sources

---@class tidemill.socket.options
---@field port integer to listen also 0: the system chooses one, and the log says which
---@field host? string where to connect to, or to listen; default "127.0.0.1"
---@field listen? boolean accept connections, instead of connecting to a server
---@field reconnect? boolean connect again when the connection ends or cannot be made; without it the end of the connection is the end of the input
---@field expose? boolean listen on an address that other machines can reach: whoever reaches it can send records
---@field connect_timeout? tidemill.duration default "10s"
---@field format? tidemill.format default: "json" with a schema, "text" without
---@field schema? tidemill.Schema|tidemill.fields
---@field max_record? tidemill.size the longest record; default "1MB"
---@field name? string
---@field renamed_from? string its name in older checkpoints
---@field on_error? tidemill.on_error

---Records that come over TCP. What was read cannot be read again.
---
---    tm.from(tm.socket { port = 9000, listen = true, format = "json", schema = { user = "string" } })
---@param options tidemill.socket.options
---@return tidemill.Connector source
function tm.socket(options) end

-- # sinks: Sinks

---@class tidemill.webhook.options
---@field url string http:// or https://; user, password and query are in no message
---@field body? "lines"|"array"|"record" JSON Lines (default), one JSON array, or one record in each request
---@field batch? integer rows in a request, at most; default 100
---@field batch_bytes? tidemill.size no row is added to a request that holds as much; default "1MB"
---@field every? tidemill.duration how long a row waits for others; default "1s"
---@field in_flight? integer requests under way at once, of each subtask, up to 16; default 1, which keeps the order
---@field timeout? tidemill.duration of one attempt; default "30s"
---@field headers? table<string, string>
---@field retry? { attempts: integer?, min: tidemill.duration?, max: tidemill.duration? } default 10 attempts, with pauses of "200ms", doubling, up to "30s"; then the job fails
---@field verify? boolean check the server's certificate; default true
---@field ca? string file with the certificates to trust, instead of the system's
---@field nulls? "write"|"omit" default "write"
---@field timestamp? "iso"|"ms" default "iso"
---@field schema? tidemill.Schema|tidemill.fields
---@field name? string
---@field renamed_from? string its name in older checkpoints
---@field on_error? tidemill.on_error of rows that the server refuses (4xx) or JSON cannot hold
---@field format? "json"

---Rows as JSON in HTTP requests, at least once.
---
---    stream:to(tm.webhook { url = "https://example.com/orders", batch = 50, headers = { Authorization = "Bearer " .. tm.arg("token", "") } })
---@param options tidemill.webhook.options
---@return tidemill.Connector sink
function tm.webhook(options) end
