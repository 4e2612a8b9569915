-- KEYS session; ARGV subject (empty: anybody's) committed
-- the user it was of when it was ended, else where to look next: 'M' or 'P' and a name
local h = redis.pcall('GETRANGE', KEYS[1], 0, 800)
if type(h) ~= 'string' then return {'', ''} end
local kind = string.sub(h, 1, 3)
if kind == 's2M' or kind == 's2T' then return {'', 'M' .. string.sub(h, 12)} end
if kind ~= 's2L' and kind ~= 's2P' then return {'', ''} end
local subject = subject_in(h)
if subject ~= ARGV[1] then return {'', ''} end
if kind == 's2P' and ARGV[2] == '' then
  local at = 61 + string.byte(h, 61)
  local length = string.byte(h, at + 1) * 256 + string.byte(h, at + 2)
  return {'', 'P' .. string.sub(h, at + 3, at + 2 + length)}
end
redis.call('DEL', KEYS[1])
return {subject, ''}
