-- Writes requests down that may be claimed from now on; what is there already stays as it is.
-- KEYS: job, plan, open, contents
-- ARGV: content's name, content, then for each request: number, text, receivers
-- Gives {how many were new}, or {-1, number} for one that is there as another.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local added = 0

for at = 3, #ARGV, 3 do
    local kept = redis.call('HGET', KEYS[2], ARGV[at])
    if kept and kept ~= ARGV[at + 1] then
        return {-1, tonumber(ARGV[at])}
    end
    if not kept then
        redis.call('HSET', KEYS[2], ARGV[at], ARGV[at + 1])
        redis.call('ZADD', KEYS[3], now, ARGV[at])
        redis.call('HINCRBY', KEYS[1], 'requests', 1)
        redis.call('HINCRBY', KEYS[1], 'receivers', ARGV[at + 2])
        added = added + 1
    end
end
redis.call('HSETNX', KEYS[4], ARGV[1], ARGV[2])
return {added}
