-- A user's index: a hash of session names, each with "END WRITTEN" (END empty for none).
--
-- A write into a long one looks at a few of its entries, wherever it begins to, and takes out
-- those that have ended: by their END, and those without one if the session is not there, where
-- `prefix` says that it can be looked for. However long the index is, that is the same work; and
-- as one write adds one entry and looks at more, ended ones stay a small part of it.
-- Without `prefix` it returns up to 8 names that may have ended, written before `old`.
local function enter(index, member, value, ttl, now, prefix, old)
  local left = redis.call('PTTL', index)
  redis.call('HSET', index, member, value)
  if ttl == '' then
    if left >= 0 then redis.call('PERSIST', index) end
  elseif left ~= -1 and left < tonumber(ttl) then
    redis.call('PEXPIRE', index, ttl)
  end
  local unknown = {}
  if redis.call('HLEN', index) <= 64 then return unknown end
  -- Any number is a place to begin at. Lua's own random ones are the same in every call.
  local from = tonumber(string.sub(redis.sha1hex(member .. now), 1, 8), 16)
  local some = redis.call('HSCAN', index, from, 'COUNT', 32)[2]
  for i = 1, #some, 2 do
    local name, ends, written = some[i], string.match(some[i + 1], '^(%d*) (%d+)$')
    ends = tonumber(ends)
    local ended = ends and ends < tonumber(now)
    if not ends and name ~= member then
      if prefix then
        ended = redis.call('EXISTS', prefix .. name) == 0
      elseif #unknown < 8 and (tonumber(written) or 0) < tonumber(old) then
        unknown[#unknown + 1] = name
      end
    end
    if ended then redis.call('HDEL', index, name) end
  end
  return unknown
end
local function subject_in(value)
  return string.sub(value, 62, 61 + (string.byte(value, 61) or 0))
end
-- `L`, `M`, `P` or `T`, or nil for what is none of ours or cut off.
local function kind_of(value)
  local kind = type(value) == 'string' and string.match(value, '^s2([LMPT])')
  local pointer = kind == 'M' or kind == 'T'
  return kind and (pointer or #value > 60) and kind or nil
end
local function put(key, value, ttl)
  if ttl == '' then redis.call('SET', key, value) else redis.call('SET', key, value, 'PX', ttl) end
end
