-- Opens settled requests again, on the word of whoever continues a job.
-- KEYS: job, plan, open, contents, records, claims, maybe
-- ARGV: delivery, milliseconds after which they may be claimed, places
-- Gives how many were opened.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local opened = 0

for at = 3, #ARGV do
    local record = redis.call('HGET', KEYS[5], ARGV[at])
    record = record and cjson.decode(record)
    if record and record.delivery == ARGV[1] and not record.split then
        local receivers = #cjson.decode(redis.call('HGET', KEYS[2], ARGV[at])).to
        if record.delivery == 'unknown' then
            redis.call('SADD', KEYS[7], ARGV[at])
        end
        redis.call('HDEL', KEYS[5], ARGV[at])
        redis.call('ZADD', KEYS[3], now + ARGV[2], ARGV[at])
        redis.call('HINCRBY', KEYS[1], 'requests:' .. ARGV[1], -1)
        redis.call('HINCRBY', KEYS[1], 'receivers:' .. ARGV[1], -receivers)
        opened = opened + 1
    end
end
return opened
