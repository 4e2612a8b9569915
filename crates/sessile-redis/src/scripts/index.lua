-- A user's index: a hash of session names, each with "END WRITTEN" (END empty for none).
local function enter(index, member, value, ttl, now)
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
      if ends and ends < tonumber(now) then redis.call('HDEL', index, all[i]) end
    end
  end
end
local function subject_in(value)
  return string.sub(value, 62, 61 + string.byte(value, 61))
end
local function put(key, value, ttl)
  if ttl == '' then redis.call('SET', key, value) else redis.call('SET', key, value, 'PX', ttl) end
end
