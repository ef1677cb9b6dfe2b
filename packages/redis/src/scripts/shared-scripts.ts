/** Puts a credential if it is what it was. KEYS: credential. ARGV: before, after, ms to keep it. Reply: 1 if it was. */
export const SWAP = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1
`;

/** Keeps a revocation with the time of the store. KEYS: revocation. ARGV: ms to keep it. Reply: 1. */
export const REVOKE = `
local t = redis.call('TIME')
redis.call('SET', KEYS[1], string.format('%.0f', t[1] * 1000 + math.floor(t[2] / 1000)), 'PX', ARGV[1])
return 1
`;

/** The time of a revocation, "0" for none, and the time now. KEYS: revocation. Reply: both. */
export const REVOKED_AT = `
local t = redis.call('TIME')
return { redis.call('GET', KEYS[1]) or '0', string.format('%.0f', t[1] * 1000 + math.floor(t[2] / 1000)) }
`;

/**
 * Sends a control message: keeps it for those who miss it, and publishes it.
 *
 * KEYS: bus. ARGV: shard channel, messages kept, the message. Reply: its id.
 */
export const SEND = `
local id = redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[2], '*', 'm', ARGV[3])
redis.pcall('SPUBLISH', ARGV[1], id .. '\\n' .. ARGV[3])
return id
`;

/**
 * Begins another life of the memory of ids, unless somebody else has. KEYS: epoch. ARGV: the epoch that was lost, the
 * new one. Reply: the epoch in force.
 */
export const RENEW_EPOCH = `
local now = redis.call('GET', KEYS[1])
if now and now ~= ARGV[1] then return now end
redis.call('SET', KEYS[1], ARGV[2])
return ARGV[2]
`;

/**
 * The channels of a bucket that have changed. KEYS: count, journal, cut. ARGV: the count known, the name of a channel's
 * head in front of and behind the channel's name. Reply: count now, "1" if that is all of them, then channel and place
 * in turn.
 */
export const CHANGES = `
local since, count = tonumber(ARGV[1]), tonumber(redis.call('GET', KEYS[1]) or '0')
if count < since or since < tonumber(redis.call('GET', KEYS[3]) or '0') then return { count, '0' } end
local found = redis.call('ZRANGEBYSCORE', KEYS[2], '(' .. ARGV[1], '+inf', 'WITHSCORES', 'LIMIT', 0, 1000)
local reply = { count, '1' }
-- The rest is asked for the next time.
if #found == 2000 then reply[1] = tonumber(found[2000]) end
for index = 1, #found, 2 do
  local m = redis.call('HMGET', ARGV[2] .. found[index], 'e', 'o', 't')
  reply[#reply + 1] = found[index]
  reply[#reply + 1] = m[1] and (m[1] .. ' ' .. m[2] .. ' ' .. m[3]) or ''
end
return reply
`;

/**
 * Beats for a node and tells of those that have fallen silent. KEYS: nodes. ARGV: incarnation, ms of silence. Reply: 1 if
 * the node was not in the list, then the silent.
 */
export const BEAT = `
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local isNew = redis.call('ZADD', KEYS[1], string.format('%.0f', now), ARGV[1])
local silent = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', now - ARGV[2]), 'LIMIT', 0, 16)
return { isNew, unpack(silent) }
`;
