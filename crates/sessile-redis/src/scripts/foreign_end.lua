-- KEYS old; ARGV loaded
local value = redis.pcall('GET', KEYS[1])
if type(value) ~= 'string' then return 0 end
if value ~= ARGV[1] then return 1 end
redis.call('DEL', KEYS[1])
return 2
