-- KEYS: link, grant; ARGV: prefix, now, grant digest, name given (1) or not (0), name, bound, ttl_ms
local fields = redis.call('HGETALL', KEYS[1])
if #fields == 0 then
  return {'unknown', {}}
end
local link = {}
for i = 1, #fields, 2 do
  link[fields[i]] = fields[i + 1]
end
if tonumber(link.expires_at) <= tonumber(ARGV[2]) then
  return {'expired', {}}
end
if tonumber(link.uses) >= tonumber(link.max_uses) then
  return {'used-up', {}}
end
local grants = ARGV[1] .. 'gs:' .. link.session
if redis.call('HLEN', grants) >= tonumber(ARGV[6]) then
  for _, digest in ipairs(redis.call('HKEYS', grants)) do
    if redis.call('EXISTS', ARGV[1] .. 'g:' .. digest) == 0 then
      redis.call('HDEL', grants, digest)
    end
  end
  if redis.call('HLEN', grants) >= tonumber(ARGV[6]) then
    return {'full', {}}
  end
end
local name = link.name
if ARGV[4] == '1' then
  name = ARGV[5]
end
redis.call('HSET', KEYS[2], 'session', link.session, 'role', link.role, 'name', name,
  'link_id', link.id, 'may_ask', link.may_ask)
redis.call('PEXPIRE', KEYS[2], ARGV[7])
redis.call('HSET', grants, ARGV[3], link.id)
redis.call('HINCRBY', KEYS[1], 'uses', 1)
return {'ok', redis.call('HGETALL', KEYS[2])}
