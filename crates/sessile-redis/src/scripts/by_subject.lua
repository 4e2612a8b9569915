-- KEYS index; ARGV prefix subject
local found = {}
for _, member in ipairs(redis.call('HKEYS', KEYS[1])) do
  local value = redis.pcall('GET', ARGV[1] .. member)
  if type(value) == 'string' and string.sub(value, 1, 3) == 's2L' and subject_in(value) == ARGV[2] then
    found[#found + 1] = member
    found[#found + 1] = value
  else
    redis.call('HDEL', KEYS[1], member)
  end
end
return found
