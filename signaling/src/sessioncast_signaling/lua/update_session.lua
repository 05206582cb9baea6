-- KEYS: record; ARGV: prefix, field, value, …; an empty value takes the field away
local known = redis.call('EXISTS', KEYS[1]) == 1
if known and redis.call('HEXISTS', KEYS[1], 'ended_at') == 0 then
  for i = 2, #ARGV, 2 do
    if ARGV[i + 1] == '' then
      redis.call('HDEL', KEYS[1], ARGV[i])
    else
      redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1])
    end
  end
end
return redis.call('HGETALL', KEYS[1])
