-- KEYS session; ARGV version value ttl [listed]
-- 0 gone, 1 conflict, 2 written, 3 not ours, 4 not listed yet, 5 pending
local h = redis.pcall('GETRANGE', KEYS[1], 0, 260)
if type(h) ~= 'string' then return 3 end
local kind = string.sub(h, 1, 3)
if kind == 's2L' and #h < 61 then return 3 end
if kind == 's2P' then return 5 end
if kind ~= 's2L' then
  if h == '' or kind == 's2M' or kind == 's2T' then return 0 end
  return 3
end
if string.sub(h, 4, 11) ~= ARGV[1] then return 1 end
if not ARGV[4] then
  local new = subject_in(ARGV[2])
  if new ~= '' and (new ~= subject_in(h) or string.sub(h, 20, 27) ~= string.sub(ARGV[2], 20, 27)) then
    return 4
  end
end
put(KEYS[1], later(ARGV[2], ARGV[3], h))
return 2
