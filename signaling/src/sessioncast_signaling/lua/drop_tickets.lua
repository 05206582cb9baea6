-- KEYS: those of the session, all tickets; ARGV: prefix, identity or empty for all
for _, member in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  local digest, identity = string.match(member, '^([^|]*)|(.*)$')
  if ARGV[2] == '' or identity == ARGV[2] then
    redis.call('DEL', ARGV[1] .. 'k:' .. digest)
    redis.call('ZREM', KEYS[2], digest)
    redis.call('ZREM', KEYS[1], member)
  end
end
