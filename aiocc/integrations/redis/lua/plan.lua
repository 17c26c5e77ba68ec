-- Writes requests of one content down, to be claimed from now on. What is settled or claimed stays as it is.
-- KEYS: job, plan, open, contents, records, claims, maybe
-- ARGV: content's name, content, then for each request: place, hash, text
-- Gives {how many were new}, or {-1, place} for one that is there as another.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local added = 0

for at = 3, #ARGV, 3 do
    local place, hash, text = ARGV[at], ARGV[at + 1], ARGV[at + 2]
    local kept = redis.call('HGET', KEYS[2], place)
    if kept and cjson.decode(kept).hash ~= hash then
        return {-1, place}
    end
    if not kept then
        redis.call('ZADD', KEYS[3], now, place)
        redis.call('HINCRBY', KEYS[1], 'requests', 1)
        redis.call('HINCRBY', KEYS[1], 'receivers', #cjson.decode(text).to)
        added = added + 1
    end
    if not redis.call('HGET', KEYS[5], place) then
        redis.call('HSET', KEYS[2], place, text)
    end
end
redis.call('HSETNX', KEYS[4], ARGV[1], ARGV[2])
return {added}
