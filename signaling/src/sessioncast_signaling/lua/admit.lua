-- KEYS: record, expected, admitted, their order, tickets of the session, bans, all tickets, ticket
-- ARGV: prefix, now, until, identity, viewer, bound, oldest remembered, field of a ban or empty,
--       digest of the ticket or empty, dies at, ticket, bound of tickets, ttl_ms
if redis.call('EXISTS', KEYS[1]) == 0 or redis.call('HEXISTS', KEYS[1], 'ended_at') == 1 then
  return 'ended'
end
local ban = ARGV[8] ~= '' and redis.call('HGET', KEYS[6], ARGV[8])
if ban and tonumber(string.match(ban, '^%S+')) > tonumber(ARGV[2]) then
  return 'banned'
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
if ARGV[9] == '' then
  return 'in'
end
redis.call('ZREMRANGEBYSCORE', KEYS[7], '-inf', ARGV[2])
redis.call('ZREMRANGEBYSCORE', KEYS[5], '-inf', ARGV[2])
if redis.call('ZCARD', KEYS[7]) >= tonumber(ARGV[12]) then
  return 'without-ticket'
end
redis.call('SET', KEYS[8], ARGV[11], 'PX', ARGV[13])
redis.call('ZADD', KEYS[7], ARGV[10], ARGV[9])
redis.call('ZADD', KEYS[5], ARGV[10], ARGV[9] .. '|' .. ARGV[4])
if redis.call('PTTL', KEYS[5]) < tonumber(ARGV[13]) then
  redis.call('PEXPIRE', KEYS[5], ARGV[13])
end
return 'in'
