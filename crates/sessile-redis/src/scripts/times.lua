-- Times in a session's value, in milliseconds: the idle span at 12, the absolute
-- deadline at 20, when it was last seen at 28. The smallest number stands for none.
local none = '\128\0\0\0\0\0\0\0'
local function number(bytes)
  return (struct.unpack('>i8', bytes))
end
-- The first moment it ends at, nil for none; the one place where it is made here.
local function ends(value)
  local idle, absolute, seen = string.sub(value, 12, 19), string.sub(value, 20, 27), string.sub(value, 28, 35)
  local first
  if idle ~= none and seen ~= none then first = number(seen) + number(idle) end
  if absolute ~= none then first = math.min(first or number(absolute), number(absolute)) end
  return first
end
-- The value to write over `there`, and its time to live: `seen` does not go backward.
local function later(value, ttl, there)
  local was, is = string.sub(there, 28, 35), string.sub(value, 28, 35)
  if was == is or was == none or (is ~= none and number(was) <= number(is)) then return value, ttl end
  if ttl and ttl ~= '' and is ~= none then
    ttl = string.format('%.0f', tonumber(ttl) + number(was) - number(is))
  end
  return string.sub(value, 1, 27) .. was .. string.sub(value, 36), ttl
end
