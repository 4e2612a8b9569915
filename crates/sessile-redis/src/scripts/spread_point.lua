-- KEYS old; ARGV version pointer ttl
local h = redis.call('GETRANGE', KEYS[1], 0, 10)
local kind = string.sub(h, 1, 3)
if kind == 's1P' then return 5 end
if kind ~= 's1L' then
  if h == '' or kind == 's1M' or kind == 's1T' then return 0 end
  return 3
end
if string.sub(h, 4, 11) ~= ARGV[1] then return 1 end
put(KEYS[1], ARGV[2], ARGV[3])
return 2
