-- Takes or renews a lease; each new owner has a greater fence than all before.
-- KEYS: lease, fence, and where there is one what is published under it, with the fence of who did
-- ARGV: owner, milliseconds
-- Gives {1, fence} or {0, milliseconds until it ends}.
local owner, fence = unpack(redis.call('HMGET', KEYS[1], 'owner', 'fence'))
if owner and owner ~= ARGV[1] then
    return {0, redis.call('PTTL', KEYS[1])}
end
if not owner then
    fence = redis.call('INCR', KEYS[2])
    local published = KEYS[3] and tonumber(redis.call('HGET', KEYS[3], 'fence') or 0) or 0
    if fence <= published then
        -- Redis was emptied, and who led before has published again.
        fence = published + 1
        redis.call('SET', KEYS[2], fence)
    end
    redis.call('HSET', KEYS[1], 'owner', ARGV[1], 'fence', fence)
end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return {1, tonumber(fence)}
