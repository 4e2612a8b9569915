-- KEYS session; ARGV seen idle now slack
local h = redis.call('GETRANGE', KEYS[1], 0, 34)
local kind = string.sub(h, 1, 3)
if kind ~= 's1L' then
  if h == '' or kind == 's1M' or kind == 's1T' or kind == 's1P' then return 0 end
  return 3
end
local none = '\128\0\0\0\0\0\0\0'
local function number(bytes)
  return (struct.unpack('>i8', bytes))
end
local seen = number(ARGV[1])
local idle, absolute, was = string.sub(h, 12, 19), string.sub(h, 20, 27), string.sub(h, 28, 35)
if idle ~= none and number(idle) <= seen then return 0 end
if absolute ~= none and number(absolute) <= seen then return 0 end
local later = ARGV[2] ~= '' and idle ~= none and number(ARGV[2]) > number(idle)
if was == none or number(was) < seen then was = ARGV[1] end
if later then idle = ARGV[2] end
local times = idle .. absolute .. was
if times ~= string.sub(h, 12, 35) then redis.call('SETRANGE', KEYS[1], 11, times) end
if later then
  local ends = number(idle)
  if absolute ~= none then ends = math.min(ends, number(absolute)) end
  local left = math.max(ends - tonumber(ARGV[3]), 0)
  if left < 31622400000000 then
    redis.call('PEXPIRE', KEYS[1], string.format('%.0f', left + tonumber(ARGV[4])))
  else
    redis.call('PERSIST', KEYS[1])
  end
end
return 2
