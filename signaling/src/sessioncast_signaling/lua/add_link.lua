-- KEYS: link, links of the session; ARGV: prefix, bound, ttl_ms, link id, digest, field, value, …
for _, pair in ipairs({redis.call('HGETALL', KEYS[2])}) do
  for i = 1, #pair, 2 do
    if redis.call('EXISTS', ARGV[1] .. 'l:' .. pair[i + 1]) == 0 then
      redis.call('HDEL', KEYS[2], pair[i])
    end
  end
end
if redis.call('HLEN', KEYS[2]) >= tonumber(ARGV[2]) then
  return 0
end
redis.call('HSET', KEYS[2], ARGV[4], ARGV[5])
for i = 6, #ARGV, 2 do
  redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1])
end
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1
