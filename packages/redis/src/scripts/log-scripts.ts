import { COMMON, LOG_COMMON } from "./common-script.ts";

/**
 * The page of a log after a position.
 *
 * KEYS: head, log, moved, ids. ARGV: epoch for a new life, head ms, history size, history ms, epoch, offset and tag
 * asked for, items, bytes, "1" to trust tags. Reply: {"kind"}, or gap, place before, place after, "1" at the top, chunks.
 */
export const READ_LOG: string = `${COMMON}${LOG_COMMON}
local keys = { log = KEYS[2], moved = KEYS[3], ids = KEYS[4] }
local now = clock()
local head = readHead(KEYS[1], 'l', ARGV[1])
if head.kind ~= 'l' then return { 'kind' } end
if head.isNew then
  writeHead(KEYS[1], head)
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
local items, bytes = tonumber(ARGV[8]), tonumber(ARGV[9])
local floor = floorOf(head, keys.log, keys.moved, tonumber(ARGV[3]), tonumber(ARGV[4]), now)
local start = tonumber(ARGV[6])
local gap = verify(head, keys.log, keys.moved, floor, ARGV[5], start, ARGV[7], ARGV[10] == '1')
if gap then start = floor end
local from = { epoch = head.epoch, offset = start, tag = tagAt(head, keys.log, keys.moved, start) }
local chunks, size, count, pos = {}, 0, 0, start
while pos < head.offset and count < items do
  local entries = entriesOf(keys, pos + 1, math.min(head.offset, pos + 32, pos + items - count), now)
  if entries.err then return entries end
  local isFull = false
  for _, entry in ipairs(entries) do
    size = size + #entry[2] - 1
    if size > bytes and count > 0 then isFull = true break end
    chunks[#chunks + 1] = chunk(entry[1], entry[2])
    count, pos = count + 1, pos + 1
  end
  if isFull then break end
end
local to = { epoch = head.epoch, offset = pos, tag = tagAt(head, keys.log, keys.moved, pos) }
return { gap or '', place(from), place(to), pos == head.offset and '1' or '0', table.concat(chunks) }
`;

/**
 * Publications before a position, the newest page first.
 *
 * KEYS: head, log, moved, ids. ARGV: epoch for a new life, head ms, history size, history ms, epoch, offset and tag
 * asked for (epoch "top": none), limit, "1" to trust tags. Reply: {"kind"}, or "", place before, place after, "1" if
 * there is more, chunks in order.
 */
export const HISTORY: string = `${COMMON}${LOG_COMMON}
local keys = { log = KEYS[2], moved = KEYS[3], ids = KEYS[4] }
local now = clock()
local head = readHead(KEYS[1], 'l', ARGV[1])
if head.kind ~= 'l' then return { 'kind' } end
if head.isNew then
  writeHead(KEYS[1], head)
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
local floor = floorOf(head, keys.log, keys.moved, tonumber(ARGV[3]), tonumber(ARGV[4]), now)
local last, limit = head.offset, tonumber(ARGV[8])
if ARGV[5] ~= 'top' then
  last = tonumber(ARGV[6])
  if verify(head, keys.log, keys.moved, floor, ARGV[5], last, ARGV[7], ARGV[9] == '1') then last = floor end
end
local found, offset = {}, last
while offset > floor and #found < limit do
  local entries = entriesOf(keys, math.max(floor + 1, offset - 31), offset, now)
  if entries.err then return entries end
  for index = #entries, 1, -1 do
    if #found == limit then break end
    local entry = entries[index]
    if string.match(entry[1], '^%S+ %d+ %d+ (%a)') == 'p' then found[#found + 1] = chunk(entry[1], entry[2]) end
    offset = offset - 1
  end
end
local chunks = {}
for index = #found, 1, -1 do chunks[#chunks + 1] = found[index] end
local from = { epoch = head.epoch, offset = offset, tag = tagAt(head, keys.log, keys.moved, offset) }
local to = { epoch = head.epoch, offset = last, tag = tagAt(head, keys.log, keys.moved, last) }
return { '', place(from), place(to), offset > floor and '1' or '0', table.concat(chunks) }
`;

/**
 * The top of a channel of either kind; one that is not there begins a life.
 *
 * KEYS: head, ends, count. ARGV: epoch for a new life, head ms, kind. Reply: place, ms until the next entry ends or "",
 * changes in the bucket.
 */
export const TOP: string = `${COMMON}
local head = readHead(KEYS[1], ARGV[3], ARGV[1])
if head.isNew then
  writeHead(KEYS[1], head)
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
local first = redis.call('ZRANGE', KEYS[2], 0, 0, 'WITHSCORES')
local ms = first[2] and int(math.max(0, tonumber(first[2]) - clock())) or ''
return { place(head), ms, redis.call('GET', KEYS[3]) or '0' }
`;

/**
 * Begins another life of a channel.
 *
 * KEYS: head, then everything that the channel has; then count, journal, cut. ARGV: epoch, head ms, kind, shard channel,
 * channel. Reply: place.
 */
export const REMOVE: string = `${COMMON}
local last = #KEYS
for index = 1, last - 3 do redis.call('DEL', KEYS[index]) end
local head = { epoch = ARGV[1], offset = 0, tag = ZERO, kind = ARGV[3], at = 0, floor = 0, window = 0, count = 0, isNew = true }
-- The memory of ids goes on: what was published in the life before is not published again in this one.
head.window = clock()
writeHead(KEYS[1], head)
redis.call('PEXPIRE', KEYS[1], ARGV[2])
note(KEYS[last - 2], KEYS[last - 1], KEYS[last], ARGV[5])
redis.pcall('SPUBLISH', ARGV[4], place(head) .. '\\n' .. place(head) .. '\\n')
return { place(head) }
`;
