-- KEYS index; ARGV prefix subject keep
local ended = 0
for _, member in ipairs(redis.call('HKEYS', KEYS[1])) do
  if member ~= ARGV[3] then
    local h = redis.pcall('GETRANGE', ARGV[1] .. member, 0, 260)
    if type(h) == 'string' and string.sub(h, 1, 3) == 's2L' and subject_in(h) == ARGV[2] then
      redis.call('DEL', ARGV[1] .. member)
      ended = ended + 1
    end
    redis.call('HDEL', KEYS[1], member)
  end
end
return ended
