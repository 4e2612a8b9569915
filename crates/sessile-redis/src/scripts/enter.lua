-- KEYS index; ARGV member index_value index_ttl now
-- 2, or 3 when it is time to look for what has ended
return enter(KEYS[1], ARGV[1], ARGV[2], ARGV[3], ARGV[4]) and 3 or 2
