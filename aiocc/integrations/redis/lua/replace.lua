-- Puts a new GUID in the place of the one whose answer brought it, if that is still the current one.
-- KEYS: session
-- ARGV: digest of the old GUID, of the new one, closed text
if redis.call('HGET', KEYS[1], 'digest') ~= ARGV[1] then
    return 0
end
redis.call('HSET', KEYS[1], 'digest', ARGV[2], 'text', ARGV[3])
return 1
