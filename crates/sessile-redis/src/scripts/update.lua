-- KEYS session; ARGV kind_and_version value last ttl
-- 0 gone, 1 conflict, 2 written, 3 not ours, 6 its user or its end changes, so the index must be told
local h = redis.pcall('GETRANGE', KEYS[1], 0, ARGV[3])
if type(h) ~= 'string' then return 3 end
if string.sub(h, 1, 3) == 's2L' and #h < 61 then return 3 end
if string.sub(h, 1, 11) == ARGV[1] then
  local v = ARGV[2]
  if ARGV[3] == '60' then
    if string.byte(h, 61) ~= 0 then return 6 end
  elseif string.sub(h, 61) ~= string.sub(v, 61, #h) or string.sub(h, 20, 27) ~= string.sub(v, 20, 27) then
    return 6
  end
  local ttl
  v, ttl = later(v, ARGV[4], h)
  if ttl then redis.call('SET', KEYS[1], v, 'PX', ttl) else redis.call('SET', KEYS[1], v) end
  return 2
end
local kind = string.sub(h, 1, 3)
if kind == 's2L' then return 1 end
if h == '' or kind == 's2M' or kind == 's2T' or kind == 's2P' then return 0 end
return 3
