-- Decodes LuaJIT bytecode into instructions with names. The names come in the order of LuaJIT 2.1's lj_bc.h, the same
-- since 2.1's first beta; a start-up check compares them with the bytecode of known functions, so that another order
-- is found out and analysis then follows nothing instead of something wrong (types then come from the first rows).
local util = require "jit.util"

local opcodes = {}

local NAMES = {
  "ISLT", "ISGE", "ISLE", "ISGT", "ISEQV", "ISNEV", "ISEQS", "ISNES", "ISEQN", "ISNEN", "ISEQP", "ISNEP",
  "ISTC", "ISFC", "IST", "ISF", "ISTYPE", "ISNUM", "MOV", "NOT", "UNM", "LEN",
  "ADDVN", "SUBVN", "MULVN", "DIVVN", "MODVN", "ADDNV", "SUBNV", "MULNV", "DIVNV", "MODNV",
  "ADDVV", "SUBVV", "MULVV", "DIVVV", "MODVV", "POW", "CAT",
  "KSTR", "KCDATA", "KSHORT", "KNUM", "KPRI", "KNIL",
  "UGET", "USETV", "USETS", "USETN", "USETP", "UCLO", "FNEW",
  "TNEW", "TDUP", "GGET", "GSET", "TGETV", "TGETS", "TGETB", "TGETR", "TSETV", "TSETS", "TSETB", "TSETM", "TSETR",
  "CALLM", "CALL", "CALLMT", "CALLT", "ITERC", "ITERN", "VARG", "ISNEXT", "RETM", "RET", "RET0", "RET1",
  "FORI", "JFORI", "FORL", "IFORL", "JFORL", "ITERL", "IITERL", "JITERL", "LOOP", "ILOOP", "JLOOP", "JMP",
  "FUNCF", "IFUNCF", "JFUNCF", "FUNCV", "IFUNCV", "JFUNCV", "FUNCC", "FUNCCW",
}

-- Instructions whose operand D is split in B and C.
local THREE = {}
for name in ([[ADDVN SUBVN MULVN DIVVN MODVN ADDNV SUBNV MULNV DIVNV MODNV ADDVV SUBVV MULVV DIVVV MODVV POW CAT
  TGETV TGETS TGETB TGETR TSETV TSETS TSETB TSETR CALLM CALL ITERC ITERN VARG]]):gmatch("%u+") do THREE[name] = true end

-- Jumps: D counts from the next instruction, biased.
local JUMPS = {}
for name in ("JMP UCLO ISNEXT FORI JFORI FORL IFORL ITERL IITERL LOOP ILOOP"):gmatch("%u+") do JUMPS[name] = true end

local decoded = setmetatable({}, { __mode = "k" }) -- by function, and by prototype, which all its closures have

---The instructions of a Lua function, in order; `code[pc]`, pc from 1. Nil for C functions and where names are unknown.
---What is analysed is the function as it was loaded: loops of one that ran hot already, in the script or as another closure, are
---patched, and so their traces go first. Remembered, so that it is not done to those that run.
---@return table[]? { op, a, b, c, d, target, line }
function opcodes.decode(fn)
  if decoded[fn] then return decoded[fn] end
  if opcodes.unknown then return nil end
  local info = util.funcinfo(fn)
  if not info.bytecodes then return nil end
  local code = decoded[info.proto or fn]
  if code then
    decoded[fn] = code
    return code
  end
  jit.flush(fn)
  code = {}
  for pc = 1, info.bytecodes - 1 do
    local ins = util.funcbc(fn, pc)
    local op = NAMES[bit.band(ins, 0xff) + 1]
    local i = { op = op, a = bit.band(bit.rshift(ins, 8), 0xff), d = bit.rshift(ins, 16),
      line = util.funcinfo(fn, pc).currentline }
    if THREE[op] then
      i.c, i.b = bit.band(i.d, 0xff), bit.rshift(i.d, 8)
    elseif JUMPS[op] then
      i.target = pc + 1 + i.d - 0x8000
    end
    code[pc] = i
  end
  decoded[fn], decoded[info.proto or fn] = code, code
  return code
end

---The prototypes of the functions that a function makes, in order.
function opcodes.functions(fn)
  local made, last = {}, util.funcinfo(fn).bytecodes or 0
  for pc = 1, opcodes.unknown and 0 or last - 1 do
    local ins = util.funcbc(fn, pc)
    if NAMES[bit.band(ins, 0xff) + 1] == "FNEW" then made[#made + 1] = opcodes.constant(fn, bit.rshift(ins, 16)) end
  end
  return made
end

---The name and operand D of the instruction as it is now, compiled or given up.
function opcodes.name_at(fn, pc)
  local ins = util.funcbc(fn, pc)
  return NAMES[bit.band(ins, 0xff) + 1], bit.rshift(ins, 16)
end

local numbers = {}
for i, name in ipairs(NAMES) do numbers[name] = i - 1 end
---The number of an instruction by its name.
function opcodes.number_of(name) return numbers[name] end

---The constant of a string, table or function operand.
function opcodes.constant(fn, d) return util.funck(fn, -d - 1) end
---The constant of a number operand.
function opcodes.number(fn, d) return util.funck(fn, d) end

-- Slots between a called function and its arguments: one for the function, one more in 64-bit GC builds.
opcodes.CALL_GAP = 1 + (require("ffi").abi("gc64") and 1 or 0)

local function check()
  local sample = loadstring [[
    local up = ...
    return function(e, out)
      if e.a == "x" and not up then return { k = 1 } end
      for i = 1, #e.b do out(i .. "y", e[i] * 2, -e.c) end
      e.d = up % e.a
      return e
    end]]
  local ops = {}
  for pc, i in ipairs(opcodes.decode(sample(1)) or {}) do ops[pc] = i.op end
  local want = "TGETS ISNES JMP UGET IST JMP TDUP RET1 KSHORT TGETS LEN KSHORT FORI MOV MOV KSTR CAT TGETV MULVN TGETS UNM "
    .. "CALL FORL UGET TGETS MODVV TSETS RET1"
  return table.concat(ops, " ") == want
end

if not check() then opcodes.unknown = true end

return opcodes
