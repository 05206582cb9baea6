-- KEYS: grant; ARGV: prefix, ttl_ms: each use starts its time anew
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return redis.call('HGETALL', KEYS[1])
