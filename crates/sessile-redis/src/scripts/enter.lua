-- KEYS index; ARGV member index_value index_ttl now
enter(KEYS[1], ARGV[1], ARGV[2], ARGV[3], ARGV[4])
return 2
