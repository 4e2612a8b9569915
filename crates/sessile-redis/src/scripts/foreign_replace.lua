-- KEYS old new; ARGV loaded value seconds
local value = redis.pcall('GET', KEYS[1])
if type(value) ~= 'string' then return 0 end
if value ~= ARGV[1] or redis.call('EXISTS', KEYS[2]) == 1 then return 1 end
if ARGV[3] == '' then
  redis.call('SET', KEYS[2], ARGV[2])
elseif tonumber(ARGV[3]) > 0 then
  redis.call('SET', KEYS[2], ARGV[2], 'EX', ARGV[3])
end
redis.call('DEL', KEYS[1])
return 2
