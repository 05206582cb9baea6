-- KEYS: ticket, all tickets; ARGV: prefix, digest
local ticket = redis.call('GET', KEYS[1])
redis.call('DEL', KEYS[1])
redis.call('ZREM', KEYS[2], ARGV[2])
return ticket
