-- KEYS session; ARGV subject (empty: anybody's) committed
-- 'ended' and the user it was of, 'pointer' and where it leads, 'unfinished' and the name that it
-- is moving from, or nothing.
local h = redis.pcall('GETRANGE', KEYS[1], 0, 800)
local kind = kind_of(h)
if not kind then
  -- What cannot be read but is listed as theirs may be a newer release's.
  return {redis.call('DEL', KEYS[1]) == 1 and 'ended' or '', ARGV[1]}
end
if kind == 'M' or kind == 'T' then return {'pointer', string.sub(h, 12)} end
local subject = subject_in(h)
if ARGV[1] ~= '' and subject ~= ARGV[1] then return {'', ''} end
if kind == 'P' and ARGV[2] == '' then
  local at = 61 + string.byte(h, 61)
  local high, low = string.byte(h, at + 1, at + 2)
  if not low then return {'', ''} end
  return {'unfinished', string.sub(h, at + 3, at + 2 + high * 256 + low)}
end
redis.call('DEL', KEYS[1])
return {'ended', subject}
