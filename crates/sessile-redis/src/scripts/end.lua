-- KEYS session; ARGV prefix_length
-- Removes it unless it is a pointer; where that leads, or nothing.
local h = redis.pcall('GETRANGE', KEYS[1], 0, 800)
local kind = kind_of(h)
if kind == 'M' or kind == 'T' then return string.sub(h, 12) end
if kind == 'L' then
  local old = subject_in(h)
  if old ~= '' then
    redis.call('HDEL', string.sub(KEYS[1], 1, ARGV[1]) .. 'u:' .. old, string.sub(KEYS[1], ARGV[1] + 1))
  end
end
redis.call('DEL', KEYS[1])
return ''
