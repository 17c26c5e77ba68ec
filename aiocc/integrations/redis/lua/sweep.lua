-- Settles as unknown what was claimed and never settled, and gives what is to be put into the queue once more.
-- KEYS: job, plan, open, contents, records, claims, maybe
-- ARGV: how many at most; milliseconds of silence after which a job's open requests are taken for lost in the queue,
-- -1 for never; 1 to let every claim lapse
-- Gives {how many were settled so, places}.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local most, silence = ARGV[1], tonumber(ARGV[2])

local lapsed = redis.call('ZRANGEBYSCORE', KEYS[6], '-inf', ARGV[3] == '1' and '+inf' or now, 'LIMIT', 0, most)
for _, place in ipairs(lapsed) do
    local record = cjson.decode(redis.call('HGET', KEYS[5], place))
    local receivers = #cjson.decode(redis.call('HGET', KEYS[2], place)).to
    record.delivery, record.lapsed = 'unknown', true
    redis.call('HSET', KEYS[5], place, cjson.encode(record))
    redis.call('ZREM', KEYS[6], place)
    redis.call('HINCRBY', KEYS[1], 'requests:unknown', 1)
    redis.call('HINCRBY', KEYS[1], 'receivers:unknown', receivers)
end

local state, touched = unpack(redis.call('HMGET', KEYS[1], 'state', 'touched'))
if silence < 0 or state ~= 'open' or touched + silence > now then
    return {#lapsed, {}}
end
local lost = redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', now - silence, 'LIMIT', 0, most)
for _, place in ipairs(lost) do
    redis.call('ZADD', KEYS[3], now, place)
end
return {#lapsed, lost}
