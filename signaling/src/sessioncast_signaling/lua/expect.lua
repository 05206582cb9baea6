-- KEYS: record, expected, admitted, their order
-- ARGV: prefix, now, until, identity, viewer, bound, oldest remembered
if redis.call('EXISTS', KEYS[1]) == 0 or redis.call('HEXISTS', KEYS[1], 'ended_at') == 1 then
  return 0
end
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', ARGV[2])
redis.call('ZADD', KEYS[2], ARGV[3], ARGV[4])
redis.call('HSET', KEYS[3], ARGV[4], ARGV[5])
redis.call('ZADD', KEYS[4], ARGV[2], ARGV[4])
local over = redis.call('ZCARD', KEYS[4]) - tonumber(ARGV[6])
local gone = redis.call('ZRANGEBYSCORE', KEYS[4], '-inf', ARGV[7], 'LIMIT', 0, 1000)
if over > 0 then
  for _, identity in ipairs(redis.call('ZRANGE', KEYS[4], 0, over - 1)) do
    gone[#gone + 1] = identity
  end
end
for _, identity in ipairs(gone) do
  redis.call('ZREM', KEYS[4], identity)
  redis.call('ZREM', KEYS[2], identity)
  redis.call('HDEL', KEYS[3], identity)
end
return 1
