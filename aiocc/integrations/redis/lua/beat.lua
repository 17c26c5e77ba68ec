-- Renews a process's membership and the leases of its slots.
-- KEYS: slots by the end of their lease, processes by the end of theirs
-- ARGV: process, microseconds of its lease, of its slots' lease; slots
-- Gives {how many processes there are, this one's number among them from 0}.
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]

redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now)
redis.call('ZADD', KEYS[2], now + ARGV[2], ARGV[1])
for number = 4, #ARGV do
    redis.call('ZADD', KEYS[1], now + ARGV[3], ARGV[number])
end
local names = redis.call('ZRANGE', KEYS[2], 0, -1)
table.sort(names)
for number, name in ipairs(names) do
    if name == ARGV[1] then
        return {#names, number - 1}
    end
end
