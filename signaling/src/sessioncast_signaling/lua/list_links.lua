-- KEYS: links of the session
local found = {}
for _, digest in ipairs(redis.call('HVALS', KEYS[1])) do
  local link = redis.call('HGETALL', ARGV[1] .. 'l:' .. digest)
  if #link > 0 then
    found[#found + 1] = link
  end
end
return found
