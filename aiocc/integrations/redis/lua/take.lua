-- Takes slots and places in the rate (GCRA): for each slot both or none, and as many as there are.
-- KEYS: when the next request is due, slots by the end of their lease
-- ARGV: microseconds between requests, how far ahead a burst may go, most slots (0: any), lease, longest wait; slots
-- Gives {how many, the wait of each} or {0, wait that would be needed; -1: all slots are taken}.
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local interval, ahead, most = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])

redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now)
local free = most > 0 and most - redis.call('ZCARD', KEYS[2]) or #ARGV
local due = math.max(tonumber(redis.call('GET', KEYS[1]) or 0), now)
local taken = {0}
for number = 6, #ARGV do
    local wait = math.max(0, due - ahead - now)
    if taken[1] >= free or wait > tonumber(ARGV[5]) then
        if taken[1] == 0 then
            return {0, free < 1 and -1 or wait}
        end
        break
    end
    due = due + interval
    redis.call('ZADD', KEYS[2], now + wait + tonumber(ARGV[4]), ARGV[number])
    taken[1] = taken[1] + 1
    taken[#taken + 1] = wait
end
if interval > 0 then
    local kept = math.ceil((due - now + ahead) / 1000) + 1000
    redis.call('SET', KEYS[1], string.format('%.0f', due), 'PX', kept)
end
return taken
