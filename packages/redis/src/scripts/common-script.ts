/**
 * What the scripts have in common. Each script is one file of Lua behind this prelude, and runs as one act: nothing
 * else happens in Redis meanwhile, so what it validates still holds when it writes. A failed script is not rolled back;
 * so each decides first and writes afterwards, and publishes last, by `pcall`: what can't be published (an ACL without
 * the channel) is stored all the same, and found by those who look for what they missed.
 *
 * How a place is stored: offset and tag in the channel's head, and in each log entry the tag before it. A tag is 64
 * bits of SHA-1 over the tag before, the offset, the store time, the id, and a number drawn for the call.
 */
export const COMMON = `
local ZERO = '0000000000000000'

local function clock()
  local t = redis.call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end

-- Numbers above 1e14 would come out as '1e+14'. Not '%.0f', which divides at length, and took a tenth of an append.
local format = string.format
local function int(n) return format('%d', n) end

-- Offset and time as text.
local function nextTag(tag, offset, at, id, salt)
  return string.sub(redis.sha1hex(tag .. ' ' .. offset .. ' ' .. at .. ' ' .. id .. ' ' .. salt), 1, 16)
end

local function place(head) return head.epoch .. ' ' .. int(head.offset) .. ' ' .. head.tag end

-- The head of a channel: identity, top, and what is retained. A channel that is not there begins a life.
local function readHead(key, kind, epoch)
  local m = redis.call('HMGET', key, 'e', 'o', 't', 'k', 'a', 'f', 'w', 'n')
  if m[1] then
    return { epoch = m[1], offset = tonumber(m[2]), tag = m[3], kind = m[4], at = tonumber(m[5]),
      floor = tonumber(m[6]), window = tonumber(m[7]), count = tonumber(m[8]) }
  end
  return { epoch = epoch, offset = 0, tag = ZERO, kind = kind, at = 0, floor = 0, window = 0, count = 0, isNew = true }
end

-- Of a head that is there only what can have changed: every field is written to the append-only file as well.
local function writeHead(key, head)
  if head.isNew then
    redis.call('HSET', key, 'o', int(head.offset), 't', head.tag, 'a', int(head.at), 'f', int(head.floor),
      'n', int(head.count), 'e', head.epoch, 'k', head.kind, 'w', int(head.window))
  elseif head.kind == 'l' then
    redis.call('HSET', key, 'o', int(head.offset), 't', head.tag, 'a', int(head.at), 'f', int(head.floor))
  else
    redis.call('HSET', key, 'o', int(head.offset), 't', head.tag, 'a', int(head.at), 'f', int(head.floor), 'n', int(head.count))
  end
end

local JOURNAL_MAX = 8192
local JOURNAL_KEPT = 4096

-- Notes that the channel has changed, so that who missed the message learns of it (P6).
local function note(countKey, journalKey, cutKey, channel)
  local n = redis.call('INCR', countKey)
  redis.call('ZADD', journalKey, n, channel)
  if n % 256 ~= 0 then return end
  local size = redis.call('ZCARD', journalKey)
  if size > JOURNAL_MAX then
    local last = redis.call('ZRANGE', journalKey, size - JOURNAL_KEPT - 1, size - JOURNAL_KEPT - 1, 'WITHSCORES')
    redis.call('SET', cutKey, last[2])
    redis.call('ZREMRANGEBYRANK', journalKey, 0, size - JOURNAL_KEPT - 1)
  end
end

local function chunk(m, d) return #m .. ' ' .. #d .. '\\n' .. m .. d end
`;

/** What scripts that read logs have in common. */
export const LOG_COMMON = `
-- The head line of the entry at an offset; nil if it is gone.
local function lineAt(logKey, movedKey, offset)
  local id = int(offset)
  local found = redis.call('XRANGE', logKey, id, id)
  if found[1] then return found[1][2][2] end
  return redis.call('HGET', movedKey, id) or nil
end

local function atOf(line) return tonumber(string.match(line, '^%S+ (%d+)')) end

-- The offset up to which nothing is retained, by size and by age. Times never go backwards within a channel.
local function floorOf(head, logKey, movedKey, size, ttl, now)
  local low = math.max(head.floor, head.offset - size)
  if low >= head.offset then return head.offset end
  local line = lineAt(logKey, movedKey, low + 1)
  -- The entries have expired as a whole, or were taken away by somebody: what is left is the top.
  if not line then return head.offset end
  local oldest = now - ttl
  if atOf(line) >= oldest then return low end
  local high = head.offset
  -- The entry behind low is too old, the one behind high is not, or high is the top.
  while high - low > 1 do
    local middle = math.floor((low + high) / 2)
    line = lineAt(logKey, movedKey, middle + 1)
    if not line then return head.offset end
    if atOf(line) >= oldest then high = middle else low = middle end
  end
  return high
end

-- The tag of the place at an offset, which is at the floor or above.
local function tagAt(head, logKey, movedKey, offset)
  if offset == head.offset then return head.tag end
  local line = lineAt(logKey, movedKey, offset + 1)
  return line and string.match(line, '^%S+') or ''
end

-- What is wrong with a position; nil if nothing is (P5).
local function verify(head, logKey, movedKey, floor, epoch, offset, tag, trusts)
  if epoch == '' then return 'unreadable' end
  if epoch ~= head.epoch then return 'epoch' end
  if offset > head.offset then return 'rollback' end
  if offset < floor then return 'trimmed' end
  if trusts or tagAt(head, logKey, movedKey, offset) == tag then return nil end
  return 'rollback'
end

-- The entries of a stretch that is retained, in order: {head line, payload}. An entry whose payload has moved to a
-- later amendment gets the payload from there.
local function entriesOf(keys, from, to, now)
  local found = redis.call('XRANGE', keys.log, int(from), int(to))
  local entries, index, latest = {}, 1, {}
  for offset = from, to do
    local item = found[index]
    local line, data
    if item and string.match(item[1], '^%d+') == int(offset) then
      line, data, index = item[2][2], item[2][4], index + 1
    else
      line = redis.call('HGET', keys.moved, int(offset))
      if not line then return redis.error_reply('ERR carillon: an entry of a log is missing') end
      local id = string.match(line, '^%S+ %d+ %d+ %a (%S+)')
      if latest[id] == nil then
        local where = redis.call('HGET', keys.ids, id)
        where = where and string.match(where, '^%d+')
        local newest = where and redis.call('XRANGE', keys.log, where, where)[1]
        latest[id] = newest and newest[2][4] or '-0:'
      end
      data = latest[id]
    end
    local expires = tonumber(string.match(line, '^%S+ %d+ (%d+)'))
    if expires ~= 0 and expires <= now then data = '-' .. string.match(data, '^.(%d*:)') end
    entries[#entries + 1] = { line, data }
  end
  return entries
end
`;
