-- KEYS session; ARGV seconds milliseconds_to_seen
if redis.call('TYPE', KEYS[1])['ok'] ~= 'string' then return 0 end
local left = redis.call('PTTL', KEYS[1])
if left == -2 or (left >= 0 and left <= tonumber(ARGV[2])) then return 0 end
if ARGV[1] ~= '' and left ~= -1 and tonumber(ARGV[1]) * 1000 > left then
  redis.call('EXPIRE', KEYS[1], ARGV[1])
end
return 2
