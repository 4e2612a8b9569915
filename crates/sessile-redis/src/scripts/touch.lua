-- KEYS session; ARGV seen now slack
local h = redis.pcall('GETRANGE', KEYS[1], 0, 60)
if type(h) ~= 'string' then return 3 end
local kind = string.sub(h, 1, 3)
if kind ~= 's2L' then
  if h == '' or kind == 's2M' or kind == 's2T' or kind == 's2P' then return 0 end
  return 3
end
if #h < 61 then return 3 end
local seen, was = number(ARGV[1]), string.sub(h, 28, 35)
local ended = ends(h)
if ended and ended <= seen then return 0 end
if was ~= none and number(was) >= seen then return 2 end
redis.call('SETRANGE', KEYS[1], 27, ARGV[1])
ended = ends(string.sub(h, 1, 27) .. ARGV[1])
if ended then
  local left = math.max(ended - tonumber(ARGV[2]), 0)
  if left < 31622400000000 then
    redis.call('PEXPIRE', KEYS[1], string.format('%.0f', left + tonumber(ARGV[3])))
  else
    redis.call('PERSIST', KEYS[1])
  end
end
return 2
