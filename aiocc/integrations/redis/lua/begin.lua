-- Begins a job, or goes on with it.
-- KEYS: job, jobs
-- ARGV: name, digest of its plan (empty where that is not known), requests a second (empty: any), burst
-- Gives {1 for a new one, 0 for one that is there, -1 for another of this name}.
local kept = redis.call('HGET', KEYS[1], 'digest')
if kept and kept ~= '' and ARGV[2] ~= '' and kept ~= ARGV[2] then
    return -1
end
if not kept or kept == '' then
    redis.call('HSET', KEYS[1], 'digest', ARGV[2])
end
redis.call('SADD', KEYS[2], ARGV[1])
redis.call('HSET', KEYS[1], 'rate', ARGV[3], 'burst', ARGV[4])
if kept then
    return 0
end
redis.call('HSET', KEYS[1], 'state', 'open', 'touched', 0)
return 1
