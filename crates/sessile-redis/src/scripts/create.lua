-- KEYS session index; ARGV value ttl prefix_length index_ttl index_value now
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
enter(KEYS[2], string.sub(KEYS[1], ARGV[3] + 1), ARGV[5], ARGV[4], ARGV[6], string.sub(KEYS[1], 1, ARGV[3]))
put(KEYS[1], ARGV[1], ARGV[2])
return 1
