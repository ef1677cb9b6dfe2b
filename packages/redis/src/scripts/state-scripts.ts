import { COMMON } from "./common-script.ts";

/**
 * What the scripts of state channels have in common. An entry is kept as
 * `version at ownerBytes holderBytes nodeBytes`, a line break, then owner (`instance`, line break, user), holder, node
 * and payload. A removed key is kept for as long as the journal knows of the removal: as `version`, `-` if nobody but the
 * store ended it, for the silence of its node, else `+`, and the last holder that had to do with it.
 *
 * KEYS: head, log, entries, ends, owned, count, journal, cut, dead. ARGV: epoch for a new life, head ms, salt, journal
 * size, shard channel, channel, ….
 */
const STATE_COMMON = `${COMMON}
local headKey, logKey, entriesKey, endsKey, ownedKey = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local salt, journalMax = ARGV[3], tonumber(ARGV[4])
local now = clock()
local head = readHead(headKey, 's', ARGV[1])
if head.kind ~= 's' then return { 'kind' } end
local before = place(head)
local chunks, hasChanged = {}, head.isNew

local function parse(value)
  if not value then return nil end
  local version, at, ownerSize, holderSize, nodeSize, start = string.match(value, '^(%d+) (%d+) (%d+) (%d+) (%d+)\\n()')
  -- A tombstone.
  if not version then return nil end
  local owner = string.sub(value, start, start + ownerSize - 1)
  start = start + ownerSize
  local holder = string.sub(value, start, start + holderSize - 1)
  start = start + holderSize
  local node = string.sub(value, start, start + nodeSize - 1)
  return { version = tonumber(version), at = at, owner = owner, instance = string.match(owner, '^(.-)\\n') or '',
    holder = holder, node = node, data = string.sub(value, start + nodeSize) }
end

-- The version of a removal, whether it was for the silence of a node, and the last holder.
local function removalOf(value)
  local version, mark, holder = string.match(value or '', '^(%d+) ?([+-]?) ?([^\\n]*)$')
  return version, mark == '-', holder
end

local function removal(version, mark, holder) return int(version) .. ' ' .. mark .. ' ' .. holder end

local function store(key, entry)
  redis.call('HSET', entriesKey, key, int(entry.version) .. ' ' .. entry.at .. ' ' .. #entry.owner .. ' ' .. #entry.holder
    .. ' ' .. #entry.node .. '\\n' .. entry.owner .. entry.holder .. entry.node .. entry.data)
end

local function entryChunk(key, entry)
  return chunk('e ' .. int(entry.version) .. ' ' .. entry.at .. ' ' .. #key .. '\\n' .. key .. entry.owner, entry.data)
end

local function removalChunk(key, version) return chunk('r ' .. int(version) .. ' 0 ' .. #key .. '\\n' .. key, '-') end

local function advance(key)
  local tag = head.tag
  head.offset = head.offset + 1
  head.tag = nextTag(tag, int(head.offset), int(now), key, salt)
  redis.call('XADD', logKey, int(head.offset) .. '-0', 'b', tag, 'k', key)
  hasChanged = true
end

local function remove(key, entry, mark, holder)
  advance(key)
  redis.call('HSET', entriesKey, key, removal(head.offset, mark, holder))
  redis.call('ZREM', endsKey, key)
  if entry.instance ~= '' then redis.call('ZREM', ownedKey, entry.instance .. '\\n' .. key) end
  head.count = head.count - 1
  chunks[#chunks + 1] = removalChunk(key, head.offset)
end

-- Ends every entry whose time has come: whoever looks finds it ended, though nobody was there to end it.
local function expire()
  for _, key in ipairs(redis.call('ZRANGEBYSCORE', endsKey, '-inf', int(now), 'LIMIT', 0, 5000)) do
    local entry = parse(redis.call('HGET', entriesKey, key))
    if entry then remove(key, entry, '+', entry.holder) else redis.call('ZREM', endsKey, key) end
  end
end

local function trim()
  local excess = redis.call('XLEN', logKey) - journalMax
  if excess < math.min(256, math.max(16, math.floor(journalMax / 4))) then return end
  local old = redis.call('XRANGE', logKey, '-', '+', 'COUNT', math.min(excess, 2048))
  local last
  for _, item in ipairs(old) do
    last = string.match(item[1], '^%d+')
    if removalOf(redis.call('HGET', entriesKey, item[2][4]) or '') == last then redis.call('HDEL', entriesKey, item[2][4]) end
  end
  redis.call('XTRIM', logKey, 'MINID', int(tonumber(last) + 1))
end

-- Writes the head, journals and publishes what has happened in this call.
local function finish()
  if not hasChanged then return end
  trim()
  writeHead(headKey, head)
  if head.count > 0 then
    for index = 1, 5 do redis.call('PERSIST', KEYS[index]) end
  else
    for index = 1, 5 do redis.call('PEXPIRE', KEYS[index], ARGV[2]) end
  end
  if #chunks == 0 then return end
  note(KEYS[6], KEYS[7], KEYS[8], ARGV[6])
  redis.pcall('SPUBLISH', ARGV[5], before .. '\\n' .. place(head) .. '\\n' .. table.concat(chunks))
end

local function untilNext()
  local first = redis.call('ZRANGE', endsKey, 0, 0, 'WITHSCORES')
  return first[2] and int(math.max(0, tonumber(first[2]) - now)) or ''
end
`;

/**
 * Changes entries of one state channel, in order.
 *
 * ARGV further: TTL in ms, entries at most, this node's incarnation, key of the incarnation's channels; then for each
 * change: op, key, payload, expected version or "" (of a restoration: the version that it had), owner or "", holder, whose entry it has to be ("": anybody's, else
 * "=" and the instance). Reply: {"kind"}, {"dead"}, or ms until the next entry ends, and a result for each change.
 */
export const APPLY: string = `${STATE_COMMON}
local ttl, entriesMax, node = tonumber(ARGV[7]), tonumber(ARGV[8]), ARGV[9]
local FIRST, FIELDS = 11, 7
-- What a node writes after others have declared it dead and ended its entries would stay for ever.
if redis.call('HEXISTS', KEYS[9], node) == 1 then return { 'dead' } end
expire()
local results = {}

-- Whether a holder is a later session of the same instance than the other; see core/holder.ts.
local function isLater(holder, than)
  if holder == than then return false end
  local instance, term = string.match(holder, '^([^/]+)/(%d+)/[^/]+$')
  local other, otherTerm = string.match(than, '^([^/]+)/(%d+)/[^/]+$')
  return instance ~= nil and instance == other and tonumber(term) > tonumber(otherTerm)
end

local function done(version) return '+' .. int(version) .. ' ' .. place(head) end

local function release(instance, holder)
  local from, to = '[' .. instance .. '\\n', '(' .. instance .. '\\11'
  for _, member in ipairs(redis.call('ZRANGEBYLEX', ownedKey, from, to)) do
    local key = string.sub(member, #instance + 2)
    local entry = parse(redis.call('HGET', entriesKey, key))
    if entry and entry.instance == instance and entry.holder == holder then remove(key, entry, '+', holder) end
  end
  return done(head.offset)
end

local function change(i)
  local op, key, data, expect, owner, holder, whose =
    ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3], ARGV[i + 4], ARGV[i + 5], ARGV[i + 6]
  if op == 'release' then return release(key, holder) end
  local value = redis.call('HGET', entriesKey, key)
  local held = parse(value)
  local version = held and held.version or 0
  local gone, isReaped, last = removalOf(value)
  if held then last = held.holder end
  if last and isLater(last, holder) then return '-replaced' end
  if op ~= 'restore' and expect ~= '' and tonumber(expect) ~= version then return '-conflict ' .. int(version) end
  if whose ~= '' and held and held.instance ~= string.sub(whose, 2) then return '-not_owner' end
  if op == 'remove' then
    local remover = holder
    if remover == '' then remover = last or '' end
    if held then remove(key, held, '+', remover)
    -- Somebody wants it gone: it is not set again by a node that comes back.
    elseif isReaped then redis.call('HSET', entriesKey, key, removal(tonumber(gone), '+', remover)) end
    return done(head.offset)
  end
  local restores = op == 'restore'
  if not held and head.count >= entriesMax then return '-too_large' end
  local instance = string.match(owner, '^(.-)\\n') or ''
  if restores then
    local isOwn = held and held.instance == instance and (held.holder == holder or isLater(holder, held.holder))
    if held and not isOwn then return '-conflict ' .. int(version) end
    local isUndone = gone and not isReaped and tonumber(gone) > tonumber(expect)
    if isUndone and not isLater(holder, last) then return '-conflict 0' end
  end
  if ttl ~= 0 and not (restores and held) then redis.call('ZADD', endsKey, int(now + ttl), key) end
  if instance ~= '' then redis.call('SADD', ARGV[10], ARGV[6]) end
  if instance ~= '' and held and held.instance == instance and held.data == data then
    -- Nobody is told, but the entry gets the new holder and lives on for its whole TTL.
    held.holder, held.node = holder, node
    store(key, held)
    return done(version)
  end
  advance(key)
  if held and held.instance ~= '' and held.instance ~= instance then
    redis.call('ZREM', ownedKey, held.instance .. '\\n' .. key)
  end
  if instance ~= '' then redis.call('ZADD', ownedKey, 0, instance .. '\\n' .. key) end
  if not held then head.count = head.count + 1 end
  local entry = { version = head.offset, at = int(now), owner = owner, holder = holder,
    node = instance ~= '' and node or '', data = data }
  store(key, entry)
  chunks[#chunks + 1] = entryChunk(key, entry)
  return done(entry.version)
end

for i = FIRST, #ARGV, FIELDS do results[#results + 1] = change(i) end
finish()
return { untilNext(), unpack(results) }
`;

/** Ends the entries whose time has come. Reply: {"kind"}, or ms until the next entry ends or "". */
export const EXPIRE: string = `${STATE_COMMON}
expire()
finish()
return { untilNext() }
`;

/**
 * The latest change of each key after a position.
 *
 * ARGV further: epoch, offset and tag asked for, items, bytes, "1" to trust tags. Reply: {"kind"}, or gap, place before,
 * place after, "1" at the top, chunks.
 */
export const READ_STATE: string = `${STATE_COMMON}
expire()
finish()
local start, items, bytes = tonumber(ARGV[8]), tonumber(ARGV[10]), tonumber(ARGV[11])
local function tagAt(offset)
  if offset == head.offset then return head.tag end
  local item = redis.call('XRANGE', logKey, int(offset + 1), int(offset + 1))[1]
  return item and item[2][2]
end
local top = place(head)
local isKnown = ARGV[7] == head.epoch and start <= head.offset and start >= head.offset - journalMax
local tag = isKnown and tagAt(start)
if not tag or (tag ~= ARGV[9] and ARGV[12] ~= '1') then return { 'trimmed', top, top, '1', '' } end
local found, size, count, pos, isFull = {}, 0, 0, start, false
while pos < head.offset and not isFull do
  local page = redis.call('XRANGE', logKey, int(pos + 1), '+', 'COUNT', 64)
  if #page == 0 then return { 'trimmed', top, top, '1', '' } end
  for _, item in ipairs(page) do
    local version, key = string.match(item[1], '^%d+'), item[2][4]
    local value = redis.call('HGET', entriesKey, key)
    local entry = parse(value)
    local made
    if entry and int(entry.version) == version then made = entryChunk(key, entry)
    elseif removalOf(value or '') == version then made = removalChunk(key, tonumber(version)) end
    if made then
      size = size + (entry and #entry.data - 1 or 0)
      if count == items or (size > bytes and count > 0) then isFull = true break end
      found[#found + 1] = made
      count = count + 1
    end
    pos = tonumber(version)
  end
end
local to = { epoch = head.epoch, offset = pos, tag = tagAt(pos) }
local from = { epoch = head.epoch, offset = start, tag = tag }
return { '', place(from), place(to), pos == head.offset and '1' or '0', table.concat(found) }
`;

/** All entries at one moment. Reply: {"kind"}, or place, then keys and values in turn, tombstones among them. */
export const SNAPSHOT: string = `${STATE_COMMON}
expire()
if head.isNew then hasChanged = true end
finish()
return { place(head), redis.call('HGETALL', entriesKey) }
`;

/**
 * Ends entries of a node that died, a part of the channel at a time, so that Redis is not busy with one channel for long.
 * What comes back to be ended again was ended, and is passed over. ARGV further: its incarnation, where to go on, about
 * how many to look at. Reply: {"kind"}, or the number of entries that ended and where to go on, "0" at the end.
 */
export const REAP: string = `${STATE_COMMON}
local node = ARGV[7]
expire()
local ended = 0
local page = redis.call('HSCAN', entriesKey, ARGV[8], 'COUNT', ARGV[9])
for index = 1, #page[2], 2 do
  local key = page[2][index]
  local entry = parse(redis.call('HGET', entriesKey, key))
  if entry and entry.node == node and entry.instance ~= '' then
    remove(key, entry, '-', entry.holder)
    ended = ended + 1
  end
end
finish()
return { ended, page[1] }
`;
