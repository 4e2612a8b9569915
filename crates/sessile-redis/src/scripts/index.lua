-- A user's index: a hash of session names, each with "END WRITTEN" (END empty for none).
-- From time to time what has ended is taken out: by its END, and without one by whether
-- the session is there, where `prefix` says that it can be looked for. Whether it was time.
local function enter(index, member, value, ttl, now, prefix)
  local left = redis.call('PTTL', index)
  redis.call('HSET', index, member, value)
  if ttl == '' then
    if left >= 0 then redis.call('PERSIST', index) end
  elseif left ~= -1 and left < tonumber(ttl) then
    redis.call('PEXPIRE', index, ttl)
  end
  local size = redis.call('HLEN', index)
  if size > 64 and size % 16 == 0 then
    local all = redis.call('HGETALL', index)
    for i = 1, #all, 2 do
      local ends = tonumber(string.match(all[i + 1], '^(%d+) '))
      local ended = ends and ends < tonumber(now)
      if not ends and prefix and all[i] ~= member then
        ended = redis.call('EXISTS', prefix .. all[i]) == 0
      end
      if ended then redis.call('HDEL', index, all[i]) end
    end
    return true
  end
  return false
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
