-- Ends the lease of a credential and keeps what was fetched; a fetch whose lease went to another displaces nothing.
-- KEYS: lease, credential
-- ARGV: owner; what to keep, empty for nothing; milliseconds
local owner = redis.call('HGET', KEYS[1], 'owner')
if owner == ARGV[1] then
    redis.call('DEL', KEYS[1])
end
if ARGV[2] == '' or (owner and owner ~= ARGV[1] and redis.call('EXISTS', KEYS[2]) == 1) then
    return 0
end
redis.call('SET', KEYS[2], ARGV[2], 'PX', ARGV[3])
return 1
