-- KEYS: bans; ARGV: prefix, field, until, value ("until identity")
local known = redis.call('HGET', KEYS[1], ARGV[2])
if not known or tonumber(string.match(known, '^%S+')) < tonumber(ARGV[3]) then
  redis.call('HSET', KEYS[1], ARGV[2], ARGV[4])
end
