-- KEYS: record, index; ARGV: prefix, bound, created_at, session, field, value, …
if redis.call('EXISTS', KEYS[1]) == 1 then
  return {0, redis.call('HGETALL', KEYS[1])}
end
if redis.call('ZCARD', KEYS[2]) >= tonumber(ARGV[2]) then
  for _, id in ipairs(redis.call('ZRANGE', KEYS[2], 0, -1)) do
    if redis.call('EXISTS', ARGV[1] .. 's:' .. id) == 0 then
      redis.call('ZREM', KEYS[2], id)
    end
  end
  if redis.call('ZCARD', KEYS[2]) >= tonumber(ARGV[2]) then
    return {-1, {}}
  end
end
for i = 5, #ARGV, 2 do
  redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1])
end
redis.call('ZADD', KEYS[2], ARGV[3], ARGV[4])
return {1, redis.call('HGETALL', KEYS[1])}
