-- KEYS session; ARGV loaded value seconds
local value = redis.pcall('GET', KEYS[1])
if type(value) ~= 'string' then return 0 end
if value ~= ARGV[1] then return 1 end
if ARGV[3] == '' then
  redis.call('SET', KEYS[1], ARGV[2])
elseif tonumber(ARGV[3]) > 0 then
  redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3])
else
  redis.call('DEL', KEYS[1])
end
return 2
