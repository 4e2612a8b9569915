-- KEYS old new [index]; ARGV version value ttl pointer pointer_ttl prefix_length
--   [index_ttl index_value now]
local h = redis.pcall('GETRANGE', KEYS[1], 0, 260)
if type(h) ~= 'string' then return 3 end
local kind = string.sub(h, 1, 3)
if kind == 's2L' and #h < 61 then return 3 end
if kind ~= 's2L' then
  if h == '' or kind == 's2M' or kind == 's2T' or kind == 's2P' then return 0 end
  return 3
end
if string.sub(h, 4, 11) ~= ARGV[1] or redis.call('EXISTS', KEYS[2]) == 1 then return 1 end
if KEYS[3] then
  enter(KEYS[3], string.sub(KEYS[2], ARGV[6] + 1), ARGV[8], ARGV[7], ARGV[9], string.sub(KEYS[2], 1, ARGV[6]))
end
put(KEYS[2], later(ARGV[2], ARGV[3], h))
if ARGV[4] == '' then redis.call('DEL', KEYS[1]) else put(KEYS[1], ARGV[4], ARGV[5]) end
local old = subject_in(h)
if old ~= '' then
  redis.call('HDEL', string.sub(KEYS[1], 1, ARGV[6]) .. 'u:' .. old, string.sub(KEYS[1], ARGV[6] + 1))
end
return 2
