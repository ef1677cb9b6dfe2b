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
 * KEYS: bus. ARGV: shard channel, messages kept, the message. Reply: its id. What is published is the id of the one
 * before it ("" if there is none), its id, and the message, each on a line of its own.
 */
export const SEND = `
local last = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
local id = redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[2], '*', 'm', ARGV[3])
redis.pcall('SPUBLISH', ARGV[1], (last and last[1] or '') .. '\\n' .. id .. '\\n' .. ARGV[3])
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
 * What a node has not yet seen of the bus. KEYS: bus. ARGV: the last that it has seen, messages at most. Reply: "1" if
 * some of what came after it is gone, for there were too many; then the messages.
 */
export const MESSAGES = `
local function isAfter(one, other)
  local a, b = string.match(one, '^(%d+)%-(%d+)$')
  local c, d = string.match(other, '^(%d+)%-(%d+)$')
  a, b, c, d = tonumber(a), tonumber(b), tonumber(c), tonumber(d)
  return a > c or (a == c and b > d)
end
local first = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)[1]
local isCut = '0'
if first and isAfter(first[1], ARGV[1]) then
  local facts, info = {}, redis.call('XINFO', 'STREAM', KEYS[1])
  for index = 1, #info, 2 do facts[info[index]] = info[index + 1] end
  -- A stream that lost nothing by its bound is another one: Redis was emptied, or put back.
  if facts['entries-added'] > facts['length'] then isCut = '1' end
end
return { isCut, redis.call('XRANGE', KEYS[1], '(' .. ARGV[1], '+', 'COUNT', ARGV[2]) }
`;

/**
 * Beats for a node and tells of those that have fallen silent. If nobody has beaten for a while, that proves nothing but
 * that Redis could not be reached: all get the whole time again.
 *
 * KEYS: nodes. ARGV: incarnation, ms of silence, ms without any beat that are an outage. Reply: 1 if the node was not in
 * the list, ms until the next falls silent, then the silent.
 */
export const BEAT = `
local function int(n) return string.format('%.0f', n) end
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local silence = tonumber(ARGV[2])
local latest = redis.call('ZREVRANGE', KEYS[1], 0, 0, 'WITHSCORES')
if latest[2] and tonumber(latest[2]) < now - ARGV[3] then
  for _, member in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do redis.call('ZADD', KEYS[1], int(now), member) end
end
local isNew = redis.call('ZADD', KEYS[1], int(now), ARGV[1])
local silent = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', int(now - silence), 'LIMIT', 0, 16)
local next = redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. int(now - silence), '+inf', 'WITHSCORES', 'LIMIT', 0, 1)
return { isNew, next[2] and int(tonumber(next[2]) + silence - now) or ARGV[2], unpack(silent) }
`;

/** The nodes that have beaten lately and did not leave. KEYS: nodes, left. ARGV: ms of silence. Reply: their names. */
export const NODES = `
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local alive = {}
for _, member in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], string.format('%.0f', now - ARGV[1]), '+inf')) do
  if redis.call('SISMEMBER', KEYS[2], member) == 0 then alive[#alive + 1] = member end
end
return alive
`;

/**
 * A node leaves: from now on nobody counts it, and what it holds has the grace from now. KEYS: nodes, left. ARGV:
 * incarnation. Reply: 1.
 */
export const LEAVE = `
local t = redis.call('TIME')
redis.call('ZADD', KEYS[1], string.format('%.0f', t[1] * 1000 + math.floor(t[2] / 1000)), ARGV[1])
redis.call('SADD', KEYS[2], ARGV[1])
return 1
`;

/**
 * A node is dead: refuses what it may still write in a bucket. KEYS: dead, channels of the node. ARGV: its incarnation, ms
 * for which to remember it. Reply: the channels of the bucket where it may have entries.
 */
export const BURY = `
redis.call('HSET', KEYS[1], ARGV[1], '1')
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return redis.call('SMEMBERS', KEYS[2])
`;
