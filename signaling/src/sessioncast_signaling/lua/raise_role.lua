-- KEYS: record, roles; ARGV: prefix, subject, role or empty, bound
if ARGV[3] == '' then
  redis.call('HDEL', KEYS[2], ARGV[2])
elseif redis.call('EXISTS', KEYS[1]) == 1 and redis.call('HEXISTS', KEYS[1], 'ended_at') == 0
  and redis.call('HLEN', KEYS[2]) < tonumber(ARGV[4]) then
  redis.call('HSET', KEYS[2], ARGV[2], ARGV[3])
end
