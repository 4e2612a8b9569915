-- KEYS new; ARGV version, and when the old one was last seen or nothing. A pending entry becomes live: its old key's name goes.
local v = redis.pcall('GET', KEYS[1])
if type(v) ~= 'string' then return 0 end
if string.sub(v, 1, 3) ~= 's2P' or string.sub(v, 4, 11) ~= ARGV[1] then return 1 end
local at = 61 + (string.byte(v, 61) or 0)
local high, low = string.byte(v, at + 1, at + 2)
if not low then return 1 end
local length = high * 256 + low
local live = 's2L' .. string.sub(v, 4, at) .. string.sub(v, at + 3 + length)
if ARGV[2] ~= '' then live = later(live, nil, string.rep('\0', 27) .. ARGV[2]) end
redis.call('SET', KEYS[1], live, 'KEEPTTL')
return 2
