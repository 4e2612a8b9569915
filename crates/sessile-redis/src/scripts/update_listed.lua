-- KEYS session [index]; ARGV version value ttl prefix_length [index_ttl index_value now]
-- 0 gone, 1 conflict, 2 written, 3 not ours
local h = redis.pcall('GETRANGE', KEYS[1], 0, 260)
if type(h) ~= 'string' then return 3 end
local kind = string.sub(h, 1, 3)
if kind == 's2L' and #h < 61 then return 3 end
if kind ~= 's2L' then
  if h == '' or kind == 's2M' or kind == 's2T' or kind == 's2P' then return 0 end
  return 3
end
if string.sub(h, 4, 11) ~= ARGV[1] then return 1 end
local old = subject_in(h)
if old ~= '' or KEYS[2] then
  local member = string.sub(KEYS[1], ARGV[4] + 1)
  local new = subject_in(ARGV[2])
  if old ~= '' and old ~= new then
    redis.call('HDEL', string.sub(KEYS[1], 1, ARGV[4]) .. 'u:' .. old, member)
  end
  if KEYS[2] and (old ~= new or string.sub(h, 20, 27) ~= string.sub(ARGV[2], 20, 27)) then
    enter(KEYS[2], member, ARGV[6], ARGV[5], ARGV[7], string.sub(KEYS[1], 1, ARGV[4]))
  end
end
put(KEYS[1], later(ARGV[2], ARGV[3], h))
return 2
