-- KEYS: record; ARGV: prefix, session, ended_at, tombstone_ms, grant_ms
local session = ARGV[2]
if redis.call('EXISTS', KEYS[1]) == 0 then
  return {}
end
if redis.call('HEXISTS', KEYS[1], 'ended_at') == 0 then
  redis.call('HSET', KEYS[1], 'ended_at', ARGV[3])
  redis.call('PEXPIRE', KEYS[1], ARGV[4])
  for _, digest in ipairs(redis.call('HVALS', ARGV[1] .. 'ls:' .. session)) do
    redis.call('DEL', ARGV[1] .. 'l:' .. digest)
  end
  for _, member in ipairs(redis.call('ZRANGE', ARGV[1] .. 'ks:' .. session, 0, -1)) do
    local digest = string.match(member, '^[^|]*')
    redis.call('DEL', ARGV[1] .. 'k:' .. digest)
    redis.call('ZREM', ARGV[1] .. 'tickets', digest)
  end
  for _, kind in ipairs({'ls:', 'ks:', 'e:', 'a:', 'az:', 'r:'}) do
    redis.call('DEL', ARGV[1] .. kind .. session)
  end
  for _, kind in ipairs({'t:', 'u:'}) do
    redis.call('PEXPIRE', ARGV[1] .. kind .. session, ARGV[4])
  end
  redis.call('PEXPIRE', ARGV[1] .. 'gs:' .. session, ARGV[5])
end
return redis.call('HGETALL', KEYS[1])
