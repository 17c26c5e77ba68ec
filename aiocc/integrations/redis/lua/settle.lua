-- Writes down what became of a claimed request.
-- KEYS: job, plan, open, contents, records, claims, maybe
-- ARGV: place, token, record
-- Gives the delivery that stands; nil where the claim is another's by now.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local place = ARGV[1]
local kept = redis.call('HGET', KEYS[5], place)
kept = kept and cjson.decode(kept)
if not kept or kept.token ~= ARGV[2] then
    return false
end
local record = cjson.decode(ARGV[3])
if record.delivery ~= 'accepted' and redis.call('SISMEMBER', KEYS[7], place) == 1 then
    record.delivery = 'unknown' -- an earlier claim may have arrived, whatever became of this one
end
local receivers = #cjson.decode(redis.call('HGET', KEYS[2], place)).to
if kept.delivery then
    if not kept.lapsed then
        return kept.delivery == record.delivery and kept.delivery
    end
    -- The lease had ended before the answer was written down: nobody has sent it again, so the answer stands.
    redis.call('HINCRBY', KEYS[1], 'requests:unknown', -1)
    redis.call('HINCRBY', KEYS[1], 'receivers:unknown', -receivers)
end
record.token = ARGV[2]
redis.call('ZREM', KEYS[6], place)
redis.call('HSET', KEYS[5], place, cjson.encode(record))
redis.call('HSET', KEYS[1], 'touched', now)
redis.call('HINCRBY', KEYS[1], 'requests:' .. record.delivery, 1)
redis.call('HINCRBY', KEYS[1], 'receivers:' .. record.delivery, receivers)
return record.delivery
