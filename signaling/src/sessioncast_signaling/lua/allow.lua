-- KEYS: counter, and perhaps: bans, record
-- ARGV: prefix, now, interval, burst: as rates.gcra, times in microseconds; field of the ban
-- returns how long to wait, the ban and the record
local now, interval = tonumber(ARGV[2]), tonumber(ARGV[3])
local start = math.max(tonumber(redis.call('GET', KEYS[1]) or '0'), now)
local wait = start + interval - now - interval * tonumber(ARGV[4])
if wait > 0 then
  return {wait, '', {}}
end
local due = start + interval
redis.call('SET', KEYS[1], string.format('%.0f', due), 'PX', math.max(1, math.ceil((due - now) / 1000)))
if #KEYS == 1 then
  return {0}
end
return {0, redis.call('HGET', KEYS[2], ARGV[5]) or '', redis.call('HGETALL', KEYS[3])}
