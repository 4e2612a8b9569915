-- KEYS index; ARGV prefix subject keep
local ended = 0
for _, member in ipairs(redis.call('HKEYS', KEYS[1])) do
  if member ~= ARGV[3] then
    local h = redis.pcall('GETRANGE', ARGV[1] .. member, 0, 260)
    local kind = kind_of(h)
    -- What cannot be read but is listed as theirs may be a newer release's.
    if kind == 'L' and subject_in(h) == ARGV[2] or not kind then
      ended = ended + redis.call('DEL', ARGV[1] .. member)
    end
    redis.call('HDEL', KEYS[1], member)
  end
end
return ended
