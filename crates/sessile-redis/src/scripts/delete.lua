-- KEYS session; ARGV prefix_length
local h = redis.pcall('GETRANGE', KEYS[1], 0, 260)
if type(h) == 'string' and string.sub(h, 1, 3) == 's2L' then
  local old = subject_in(h)
  if old ~= '' then
    redis.call('HDEL', string.sub(KEYS[1], 1, ARGV[1]) .. 'u:' .. old, string.sub(KEYS[1], ARGV[1] + 1))
  end
end
return redis.call('DEL', KEYS[1])
