-- KEYS: ticket, all tickets, those of the session
-- ARGV: prefix, now, dies at, digest, identity, ticket, bound, ttl_ms
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', ARGV[2])
redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', ARGV[2])
if redis.call('ZCARD', KEYS[2]) >= tonumber(ARGV[7]) then
  return 0
end
redis.call('SET', KEYS[1], ARGV[6], 'PX', ARGV[8])
redis.call('ZADD', KEYS[2], ARGV[3], ARGV[4])
redis.call('ZADD', KEYS[3], ARGV[3], ARGV[4] .. '|' .. ARGV[5])
if redis.call('PTTL', KEYS[3]) < tonumber(ARGV[8]) then
  redis.call('PEXPIRE', KEYS[3], ARGV[8])
end
return 1
