-- Takes a slot and a place in the rate (GCRA), both or none.
-- KEYS: when the next request is due, slots by the end of their lease
-- ARGV: slot, microseconds between requests, how far ahead a burst may go, most slots (0: any), lease, longest wait
-- Gives {1, wait} or {0, wait that would be needed; -1: all slots are taken}.
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local interval, ahead, most = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])

redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now)
if most > 0 and redis.call('ZCARD', KEYS[2]) >= most then
    return {0, -1}
end
local due = math.max(tonumber(redis.call('GET', KEYS[1]) or 0), now)
local wait = math.max(0, due - ahead - now)
if wait > tonumber(ARGV[6]) then
    return {0, wait}
end
if interval > 0 then
    local kept = math.ceil((due + interval - now + ahead) / 1000) + 1000
    redis.call('SET', KEYS[1], string.format('%.0f', due + interval), 'PX', kept)
end
redis.call('ZADD', KEYS[2], now + wait + tonumber(ARGV[5]), ARGV[1])
return {1, wait}
