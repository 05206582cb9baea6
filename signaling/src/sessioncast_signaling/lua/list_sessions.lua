-- KEYS: index; all records, newest first; those that have died leave the index
local found = {}
for _, id in ipairs(redis.call('ZREVRANGE', KEYS[1], 0, -1)) do
  local record = redis.call('HGETALL', ARGV[1] .. 's:' .. id)
  if #record == 0 then
    redis.call('ZREM', KEYS[1], id)
  else
    found[#found + 1] = record
  end
end
return found
