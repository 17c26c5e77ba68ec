-- Publishes an agent's session; one whose keeper had its lease before the present one displaces nothing.
-- KEYS: session
-- ARGV: fence, digest of the GUID, closed text
if tonumber(ARGV[1]) < tonumber(redis.call('HGET', KEYS[1], 'fence') or 0) then
    return 0
end
redis.call('HSET', KEYS[1], 'fence', ARGV[1], 'digest', ARGV[2], 'text', ARGV[3])
return 1
