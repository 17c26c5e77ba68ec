-- Takes or renews a lease; each new owner has a greater fence than all before.
-- KEYS: lease, fence
-- ARGV: owner, milliseconds
-- Gives {1, fence} or {0, milliseconds until it ends}.
local owner, fence = unpack(redis.call('HMGET', KEYS[1], 'owner', 'fence'))
if owner and owner ~= ARGV[1] then
    return {0, redis.call('PTTL', KEYS[1])}
end
if not owner then
    fence = redis.call('INCR', KEYS[2])
    redis.call('HSET', KEYS[1], 'owner', ARGV[1], 'fence', fence)
end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return {1, tonumber(fence)}
