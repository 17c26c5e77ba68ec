-- Claims a request before it is sent.
-- KEYS: job, plan, open, contents, records, claims
-- ARGV: number, token, milliseconds of the lease
-- Gives {"granted", text, content}, {"held", milliseconds}, {"later", milliseconds}, {"settled", delivery},
-- {"paused"}, {"cancelled"}, or {"gone"} where no such request is written down.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local number, token = ARGV[1], ARGV[2]
local state = redis.call('HGET', KEYS[1], 'state')
local text = state and redis.call('HGET', KEYS[2], number)
if not text then
    return {'gone'}
end
local request = cjson.decode(text)
local record = redis.call('HGET', KEYS[5], number)

if record then
    record = cjson.decode(record)
    if record.delivery then
        return {'settled', record.delivery}
    end
    if record.token ~= token then
        local left = (redis.call('ZSCORE', KEYS[6], number) or 0) - now
        if left > 0 then
            return {'held', left}
        end
        -- Claimed, and never settled: it may have arrived.
        record.delivery, record.lapsed = 'unknown', true
        redis.call('HSET', KEYS[5], number, cjson.encode(record))
        redis.call('ZREM', KEYS[6], number)
        redis.call('HINCRBY', KEYS[1], 'requests:unknown', 1)
        redis.call('HINCRBY', KEYS[1], 'receivers:unknown', #request.to)
        return {'settled', 'unknown'}
    end
else
    if state ~= 'open' then
        return {state}
    end
    local wait = redis.call('ZSCORE', KEYS[3], number) - now
    if wait > 0 then
        return {'later', wait}
    end
    redis.call('HSET', KEYS[5], number, cjson.encode({token = token}))
    redis.call('ZREM', KEYS[3], number)
end
redis.call('ZADD', KEYS[6], now + ARGV[3], number)
redis.call('HSET', KEYS[1], 'touched', now)
return {'granted', text, redis.call('HGET', KEYS[4], request.content)}
