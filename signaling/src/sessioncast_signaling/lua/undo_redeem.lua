-- KEYS: grant, link; ARGV: prefix, grant digest
local session = redis.call('HGET', KEYS[1], 'session')
if session then
  redis.call('HDEL', ARGV[1] .. 'gs:' .. session, ARGV[2])
  redis.call('DEL', KEYS[1])
end
if tonumber(redis.call('HGET', KEYS[2], 'uses') or '0') > 0 then
  redis.call('HINCRBY', KEYS[2], 'uses', -1)
end
