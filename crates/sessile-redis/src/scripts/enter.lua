-- KEYS index; ARGV member index_value index_ttl now old
-- names of sessions that were listed before `old` and may have ended
return enter(KEYS[1], ARGV[1], ARGV[2], ARGV[3], ARGV[4], nil, ARGV[5])
