-- Claims a request before it is sent.
-- KEYS: job, plan, open, contents, records, claims, maybe
-- ARGV: place, token, milliseconds of the lease, hash, deliveries of which one that is settled is claimed anew
-- Gives {"granted"}, {"held", milliseconds}, {"later", milliseconds}, {"settled", record}, {"paused"},
-- {"cancelled"}, {"other"} for another request of this place, or {"gone"} where none is written down.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local place, token = ARGV[1], ARGV[2]
local state = redis.call('HGET', KEYS[1], 'state')
local text = state and redis.call('HGET', KEYS[2], place)
if not text then
    return {'gone'}
end
local request = cjson.decode(text)
if request.hash ~= ARGV[4] then
    return {'other'}
end
local record = redis.call('HGET', KEYS[5], place)
record = record and cjson.decode(record)

if record and not record.delivery and record.token ~= token then
    local left = (redis.call('ZSCORE', KEYS[6], place) or 0) - now
    if left > 0 then
        return {'held', left}
    end
    -- Claimed, and never settled: it may have arrived.
    record.delivery, record.lapsed = 'unknown', true
    redis.call('HSET', KEYS[5], place, cjson.encode(record))
    redis.call('ZREM', KEYS[6], place)
    redis.call('HINCRBY', KEYS[1], 'requests:unknown', 1)
    redis.call('HINCRBY', KEYS[1], 'receivers:unknown', #request.to)
end
if record and record.delivery then
    if record.split or not string.find(ARGV[5], record.delivery, 1, true) then
        return {'settled', cjson.encode(record)}
    end
    if record.delivery == 'unknown' then
        redis.call('SADD', KEYS[7], place)
    end
    redis.call('HDEL', KEYS[5], place)
    redis.call('ZADD', KEYS[3], now, place)
    redis.call('HINCRBY', KEYS[1], 'requests:' .. record.delivery, -1)
    redis.call('HINCRBY', KEYS[1], 'receivers:' .. record.delivery, -#request.to)
    record = nil
end
if not record then
    if state ~= 'open' then
        return {state}
    end
    local wait = redis.call('ZSCORE', KEYS[3], place) - now
    if wait > 0 then
        return {'later', wait}
    end
    redis.call('HSET', KEYS[5], place, cjson.encode({token = token}))
    redis.call('ZREM', KEYS[3], place)
end
redis.call('ZADD', KEYS[6], now + ARGV[3], place)
redis.call('HSET', KEYS[1], 'touched', now)
return {'granted'}
