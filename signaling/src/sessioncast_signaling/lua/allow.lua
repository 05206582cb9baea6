-- KEYS: counter; ARGV: prefix, now, interval_s, burst: as rates.gcra; times in microseconds
local now, interval = tonumber(ARGV[2]), tonumber(ARGV[3])
local start = math.max(tonumber(redis.call('GET', KEYS[1]) or '0'), now)
local wait = start + interval - now - interval * tonumber(ARGV[4])
if wait > 0 then
  return wait
end
local due = start + interval
redis.call('SET', KEYS[1], string.format('%.0f', due), 'PX', math.max(1, math.ceil((due - now) / 1000)))
return 0
