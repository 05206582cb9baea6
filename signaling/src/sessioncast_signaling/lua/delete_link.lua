-- KEYS: links of the session, its grants; ARGV: prefix, link id, with grants (1) or not (0)
local digest = redis.call('HGET', KEYS[1], ARGV[2])
local found = 0
if digest then
  redis.call('HDEL', KEYS[1], ARGV[2])
  found = redis.call('DEL', ARGV[1] .. 'l:' .. digest)
end
if ARGV[3] == '1' then
  local grants = redis.call('HGETALL', KEYS[2])
  for i = 1, #grants, 2 do
    if grants[i + 1] == ARGV[2] then
      redis.call('DEL', ARGV[1] .. 'g:' .. grants[i])
      redis.call('HDEL', KEYS[2], grants[i])
    end
  end
end
return found
