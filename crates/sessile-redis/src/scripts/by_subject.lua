-- KEYS index; ARGV prefix subject [look]. With `look` nothing is taken out of the index. How many cannot be read, then names and values.
local found = {0}
for _, member in ipairs(redis.call('HKEYS', KEYS[1])) do
  local value = redis.pcall('GET', ARGV[1] .. member)
  local kind = kind_of(value)
  if kind == 'L' and subject_in(value) == ARGV[2] then
    found[#found + 1] = member
    found[#found + 1] = value
  elseif kind or not value then
    if not ARGV[3] then redis.call('HDEL', KEYS[1], member) end
  else
    found[1] = found[1] + 1
  end
end
return found
