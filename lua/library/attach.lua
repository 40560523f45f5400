-- What the host gives the helper functions, before the first of them is loaded: their memory is then a constant of their
-- code, and of the traces through it.
local given

---@param address number? of the state's struct tm_text; none: gives what was attached
---@param read (fun(path: string): string?, string?)? a file, or nil and why
---@return { address: number, read: fun(path: string): string?, string? }?
local function attach(address, read)
  if address then given = { address = address, read = read } end
  return given
end

return attach
