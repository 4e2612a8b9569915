-- KEYS session; the user it was of
local h = redis.pcall('GETRANGE', KEYS[1], 0, 260)
local kind = type(h) == 'string' and string.sub(h, 1, 3)
redis.call('DEL', KEYS[1])
if kind == 's2L' or kind == 's2P' then return subject_in(h) end
return ''
