-- tm.geo: places on the earth.
local context = require "library.context"

local not_number, wrong = context.not_number, context.wrong
local type, rad, sin, cos, asin, sqrt, min = type, math.rad, math.sin, math.cos, math.asin, math.sqrt, math.min

local MEAN_RADIUS_M = 6371008.8

local geo = {}

local function degrees(x, limit, argument)
  if type(x) ~= "number" or not (x >= -limit and x <= limit) then
    wrong("tm.geo.distance", argument, ("degrees from -%d to %d"):format(limit, limit), x)
  end
end

function geo.distance(lat1, lon1, lat2, lon2)
  if lat1 == nil or lon1 == nil or lat2 == nil or lon2 == nil then return nil end
  if type(lat1) ~= "number" then return not_number(lat1, "tm.geo.distance") end
  degrees(lat1, 90, "lat1")
  degrees(lon1, 180, "lon1")
  degrees(lat2, 90, "lat2")
  degrees(lon2, 180, "lon2")
  local a, b = rad(lat1), rad(lat2)
  local x, y = sin((b - a) / 2), sin(rad(lon2 - lon1) / 2)
  return 2 * MEAN_RADIUS_M * asin(min(1, sqrt(x * x + cos(a) * cos(b) * y * y)))
end

return { name = "tm.geo", functions = geo, results = { double = "distance" } }
