-- Writes down what became of a claimed request.
-- KEYS: job, plan, open, contents, records, claims
-- ARGV: number, token, delivery, detail; milliseconds after which it may be claimed again, -1 for never
-- Gives 1; 0 where the claim is another's by now.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local number = ARGV[1]
local record = redis.call('HGET', KEYS[5], number)
record = record and cjson.decode(record)
if not record or record.token ~= ARGV[2] then
    return 0
end
local receivers = #cjson.decode(redis.call('HGET', KEYS[2], number)).to
if record.delivery then
    if not record.lapsed then
        return record.delivery == ARGV[3] and 1 or 0
    end
    -- The lease had ended before the answer was written down: nobody has sent it again, so the answer stands.
    redis.call('HINCRBY', KEYS[1], 'requests:unknown', -1)
    redis.call('HINCRBY', KEYS[1], 'receivers:unknown', -receivers)
end
redis.call('ZREM', KEYS[6], number)
redis.call('HSET', KEYS[1], 'touched', now)
if tonumber(ARGV[5]) >= 0 then
    redis.call('HDEL', KEYS[5], number)
    redis.call('ZADD', KEYS[3], now + ARGV[5], number)
    return 1
end
local settled = {token = ARGV[2], delivery = ARGV[3]}
if ARGV[4] ~= '' then
    settled.detail = ARGV[4]
end
redis.call('HSET', KEYS[5], number, cjson.encode(settled))
redis.call('HINCRBY', KEYS[1], 'requests:' .. ARGV[3], 1)
redis.call('HINCRBY', KEYS[1], 'receivers:' .. ARGV[3], receivers)
return 1
