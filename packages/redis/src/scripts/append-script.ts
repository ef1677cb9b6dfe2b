import { COMMON, LOG_COMMON } from "./common-script.ts";

/**
 * Appends publications and amendments to one log channel: checks ids, appends, trims, journals and publishes as one act.
 *
 * KEYS: head, log, moved, ids, new ids, old ids, mark of the bucket, count, journal, cut.
 * ARGV: epoch of ids, epoch for a new life, salt, history size, history ms, window ms, head ms, shard channel, channel,
 * "1" without deduplication; then for each request: id, head, payload, the publisher's user, scope, fingerprint, and what
 * most requests have not, or "": `<expires in ms> <time of the earlier attempt> <1 if there is room for an id> <bytes of
 * epoch> <bytes of user>`, a line break, epoch of the earlier attempt, user who alone may, target. Few arguments, since
 * each costs the server as much as a small command.
 * Reply: {"lost"}, {"kind"}, or place before, place after, and a result for each request.
 */
export const APPEND: string = `${COMMON}${LOG_COMMON}
local headKey, logKey, movedKey, idsKey, newKey, oldKey = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local mark = redis.call('GET', KEYS[7])
if mark ~= ARGV[1] then return { 'lost' } end
local salt, size, ttl, window = ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local isForgetful = ARGV[10] == '1'
local FIRST, FIELDS = 11, 7
local now = clock()
local head = readHead(headKey, 'l', ARGV[2])
if head.kind ~= 'l' then return { 'kind' } end
local before = place(head)
-- Ages are told from times, and found by halving: within a channel time never goes backwards.
local at = math.max(now, head.at)
if head.isNew then redis.call('DEL', logKey, movedKey, idsKey) end
-- How long keys live is said anew every ten seconds, not with each call; they live a minute longer than they must.
local renews = math.floor(at / 10000) ~= math.floor(head.at / 10000)

-- What is asked of the tables of ids is asked at once, and what is to be written is written at once: calls from Lua are
-- what costs most here. In between the tables below stand for them.
local fields, names = {}, {}
local usual, rare = { expires = 0, resentAt = 0, hasRoom = true, resent = '', onlyBy = '', target = '' }, {}
local function readRare(text)
  local expires, at, room, epochBytes, userBytes, start = string.match(text, '^(%d+) (%d+) (%d) (%d+) (%d+)\\n()')
  local userAt = start + epochBytes
  local targetAt = userAt + userBytes
  return { expires = tonumber(expires), resentAt = tonumber(at), hasRoom = room == '1', resent = string.sub(text, start, userAt - 1),
    onlyBy = string.sub(text, userAt, targetAt - 1), target = string.sub(text, targetAt) }
end
for i = FIRST, #ARGV, FIELDS do
  local more = usual
  if ARGV[i + 6] ~= '' then
    more = readRare(ARGV[i + 6])
    rare[i] = more
  end
  if ARGV[i + 4] ~= '' then fields[#fields + 1] = ARGV[i + 4] .. '\\n' .. ARGV[i] end
  names[#names + 1] = more.target ~= '' and more.target or ARGV[i]
end
local usesIds = #fields > 0
local recent, older, index, freshIds, freshIndex = {}, {}, {}, {}, {}

local function fetch(key, keys, into)
  local values = redis.call('HMGET', key, unpack(keys))
  for at, name in ipairs(keys) do into[name] = values[at] end
end

-- Ids are kept in two tables that take turns, so that they are forgotten together and cheaply.
if usesIds and now - head.window >= window then
  if now - head.window >= 2 * window then redis.call('DEL', newKey, oldKey)
  elseif redis.call('EXISTS', newKey) == 1 then redis.call('RENAME', newKey, oldKey)
  else redis.call('DEL', oldKey) end
  head.window = now
  renews = true
  -- At once: a call that appends nothing must not leave the turn half done, or the next would forget too early.
  if not head.isNew then redis.call('HSET', headKey, 'w', int(now)) end
  -- The table begins here and gets its end below, so that no later call need ask whether it has one.
  redis.call('HSET', newKey, '', '')
  redis.call('PEXPIRE', newKey, 2 * window + 60000)
end
if usesIds then
  fetch(newKey, fields, recent)
  fetch(oldKey, fields, older)
end
if not head.isNew then fetch(idsKey, names, index) end

local function remembered(field)
  if isForgetful then return nil end
  local value = recent[field] or older[field]
  if not value then return nil end
  local since, result, fingerprint = string.match(value, '^(%d+) (%d+ %S+ %d+ %S+) (.*)$')
  if tonumber(since) <= now - window then return nil end
  return fingerprint, result
end

local function isRetained(offset)
  if offset <= head.floor or offset <= head.offset - size then return false end
  local line = lineAt(logKey, movedKey, offset)
  return line and atOf(line) >= now - ttl
end

-- Lets go of what is over the size or the age, oldest first, at most so many.
local function trim(limit)
  local oldest, floor, gone = now - ttl, head.floor, {}
  local last = math.min(head.offset, floor + limit)
  while floor < last do
    local to = math.min(last, floor + 64)
    local found, index, done = redis.call('XRANGE', logKey, int(floor + 1), int(to)), 1, false
    local names, offsets, ended = {}, {}, {}
    for offset = floor + 1, to do
      local item, line, id = found[index], nil, int(offset)
      if item and item[1] == id .. '-0' then line, index = item[2][2], index + 1
      else line = redis.call('HGET', movedKey, id) gone[#gone + 1] = id end
      if line then
        if offset > head.offset - size and atOf(line) >= oldest then done = true break end
        names[#names + 1], offsets[#offsets + 1] = string.match(line, '^%S+ %d+ %d+ %a (%S+)'), id
      end
      floor = offset
    end
    if #names > 0 then
      local places = redis.call('HMGET', idsKey, unpack(names))
      for at, where in ipairs(places) do
        if where and string.match(where, '^%d+') == offsets[at] then ended[#ended + 1] = names[at] end
      end
      if #ended > 0 then redis.call('HDEL', idsKey, unpack(ended)) end
    end
    if done then break end
  end
  if floor == head.floor then return end
  redis.call('XTRIM', logKey, 'MINID', int(floor + 1))
  for _, offset in ipairs(gone) do if tonumber(offset) <= floor then redis.call('HDEL', movedKey, offset) end end
  head.floor = floor
end

-- Spelled once: a number costs more to write than to know.
local atText, nowText = int(at), int(now)
-- What is published: places before and after, then the chunks in pieces.
local results, chunks, failed = {}, { before, '\\n', '', '\\n' }, {}
local hasAppended = false

local function decide(i)
  local id, scope, more = ARGV[i], ARGV[i + 4], rare[i] or usual
  local target = more.target
  if failed[scope] then return '-out_of_order' end
  local field = scope .. '\\n' .. id
  if scope ~= '' then
    local fingerprint, result = remembered(field)
    if fingerprint then
      if fingerprint == ARGV[i + 5] then return '=' .. result end
      return '-id_reused'
    end
    local resent = more.resent
    if resent ~= '' and (resent ~= ARGV[1] or more.resentAt <= now - window) then return '-epoch_changed' end
    if not more.hasRoom then
      failed[scope] = true
      return '-overloaded'
    end
  end
  local kind, name, expires, user = 'p', id, more.expires, ARGV[i + 3]
  if expires ~= 0 then expires = at + expires end
  if target == '' then
    local where = not isForgetful and index[id]
    if where and isRetained(tonumber(string.match(where, '^%d+'))) then return '-id_reused' end
  else
    local where = index[target]
    local latest = where and string.match(where, '^%d+')
    if not latest or not isRetained(tonumber(latest)) then return '-unknown_publication' end
    expires, user = string.match(where, '^%d+ (%d+) (.*)$')
    if more.onlyBy ~= '' and more.onlyBy ~= user then return '-not_owner' end
    kind, name = 'a', target
    -- The payload moves to the amendment: no copy of it stays behind.
    local line = redis.call('XRANGE', logKey, latest, latest)[1][2][2]
    redis.call('XDEL', logKey, latest)
    redis.call('HSET', movedKey, latest, line)
    renews = true
  end
  local ends, data = int(expires), ARGV[i + 2]
  local line = head.tag .. ' ' .. atText .. ' ' .. ends .. ' ' .. kind .. ' ' .. name .. '\\n' .. ARGV[i + 1]
  head.offset = head.offset + 1
  local offset = int(head.offset)
  head.tag = nextTag(head.tag, offset, atText, id, salt)
  if size > 0 then
    redis.call('XADD', logKey, offset .. '-0', 'm', line, 'd', data)
    index[name] = offset .. ' ' .. ends .. ' ' .. user
    freshIndex[#freshIndex + 1], freshIndex[#freshIndex + 2] = name, index[name]
  end
  hasAppended = true
  local last = #chunks
  chunks[last + 1], chunks[last + 2], chunks[last + 3] = #line .. ' ' .. #data .. '\\n', line, data
  local result = atText .. ' ' .. head.epoch .. ' ' .. offset .. ' ' .. head.tag
  if scope ~= '' then
    recent[field] = nowText .. ' ' .. result .. ' ' .. ARGV[i + 5]
    freshIds[#freshIds + 1], freshIds[#freshIds + 2] = field, recent[field]
  end
  return '+' .. result
end

for i = FIRST, #ARGV, FIELDS do results[#results + 1] = decide(i) end
if not hasAppended and not head.isNew then return { before, before, unpack(results) } end

head.at = at
if #freshIndex > 0 then redis.call('HSET', idsKey, unpack(freshIndex)) end
if #freshIds > 0 then redis.call('HSET', newKey, unpack(freshIds)) end
if size == 0 then
  if head.floor < head.offset then redis.call('DEL', logKey, movedKey, idsKey) end
  head.floor = head.offset
else
  -- In strides: taking entries away one by one costs more than keeping some for a while. Reads hold to the bounds.
  local excess = math.min(256, math.max(16, math.floor(size / 4)))
  if head.offset - head.floor - size >= excess or head.offset % 64 < #results then trim(1024) end
  -- A silent channel lets go of everything by itself.
  if renews then for k = 2, 4 do redis.call('PEXPIRE', KEYS[k], ttl + 60000) end end
end
writeHead(headKey, head)
if renews then
  redis.call('PEXPIRE', headKey, math.max(tonumber(ARGV[7]), ttl + 120000))
  redis.call('PEXPIRE', newKey, 2 * window + 60000)
end
if hasAppended then
  note(KEYS[8], KEYS[9], KEYS[10], ARGV[9])
  chunks[3] = place(head)
  redis.pcall('SPUBLISH', ARGV[8], table.concat(chunks))
end
return { before, place(head), unpack(results) }
`;
