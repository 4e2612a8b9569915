-- KEYS old; ARGV version pointer ttl
-- When it was last seen, once it points; 0 gone, 1 conflict, 3 not ours, 5 pending
local h = redis.pcall('GETRANGE', KEYS[1], 0, 60)
if type(h) ~= 'string' then return 3 end
local kind = string.sub(h, 1, 3)
if kind == 's2P' then return 5 end
if kind ~= 's2L' then
  if h == '' or kind == 's2M' or kind == 's2T' then return 0 end
  return 3
end
if #h < 61 then return 3 end
if string.sub(h, 4, 11) ~= ARGV[1] then return 1 end
put(KEYS[1], ARGV[2], ARGV[3])
return string.sub(h, 28, 35)
