-- Gives slots back, with their places in the rate where these were not used.
-- KEYS: when the next request is due, slots by the end of their lease
-- ARGV: microseconds between requests for an unused place, 0 for a used one; slots
for number = 2, #ARGV do
    local held = redis.call('ZREM', KEYS[2], ARGV[number])
    local due = held == 1 and tonumber(ARGV[1]) > 0 and redis.call('GET', KEYS[1])
    if due then
        redis.call('SET', KEYS[1], string.format('%.0f', due - ARGV[1]), 'KEEPTTL')
    end
end
return #ARGV - 1
