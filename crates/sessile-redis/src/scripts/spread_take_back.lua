-- KEYS new; ARGV version
local h = redis.pcall('GETRANGE', KEYS[1], 0, 10)
if type(h) ~= 'string' then return 0 end
if string.sub(h, 1, 3) ~= 's2P' or string.sub(h, 4, 11) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
