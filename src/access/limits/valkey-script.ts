import { createHash } from 'node:crypto';
import { windowShapes } from './limit-counter.ts';
import { slotWaitMs } from './verdict.ts';

const shapes = Object.entries(windowShapes).flatMap(([kind, shape]) => (shape === undefined ? [] : [`${kind} = { ${shape.windowMs}, ${shape.bucketMs} }`]));

/**
 * Everything that Moongate does in Valkey or Redis (7.0 and later), as one script, so that whoever has loaded it for one act
 * has it for all. Each act is atomic. ARGV 1 is the act, 2 for how long a beat holds in milliseconds, 3 the replica's member.
 *
 * KEYS 1, 2: `meta` (hash: `era`, a name of the data's life that is lost together with the data; `now`, the latest time
 * seen) and `nodes` (sorted set: member of a replica, time of its last beat). All others: counters.
 *
 * A window is a hash: `s` its sum, `o` its oldest and `n` its newest bucket that may hold something, and an amount for each
 * bucket. Slots are a hash of open requests by the member of the replica that holds them: those of a member without a recent
 * beat count no longer. The semantics are those of `WindowCounter` and `LocalCounters`.
 *
 * Time is the server's, which may be set back: it then stands still for a minute at most.
 */
export const valkeyScript = `
local shapes = { ${shapes.join(', ')} }
local clockSlack = 60000
local keepMs = 90000000
local act, ttl, member = ARGV[1], tonumber(ARGV[2]), ARGV[3]
local meta, nodes = KEYS[1], KEYS[2]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local latest = tonumber(redis.call('HGET', meta, 'now') or 0)
if latest > now and latest - now <= clockSlack then now = latest end

local function isAlive(name)
  local beat = redis.call('ZSCORE', nodes, name)
  return beat and tonumber(beat) >= now - ttl
end

local function amounts(key, from, to)
  local names = {}
  for bucket = from, to do names[#names + 1] = string.format('%.0f', bucket) end
  return names, redis.call('HMGET', key, unpack(names))
end

local function window(key, kind)
  local windowMs, bucketMs = shapes[kind][1], shapes[kind][2]
  local head = redis.call('HMGET', key, 's', 'o', 'n')
  if not head[1] then return { sum = 0, reset = 0 } end
  local sum, oldest, newest = tonumber(head[1]), tonumber(head[2]), tonumber(head[3])
  local expired = math.floor((now - windowMs) / bucketMs) - 1
  if newest <= expired or newest * bucketMs > now + clockSlack + bucketMs then
    redis.call('DEL', key)
    return { sum = 0, reset = 0 }
  end
  if oldest <= expired then
    local names, gone = amounts(key, oldest, expired)
    for _, amount in ipairs(gone) do
      if amount then sum = sum - amount end
    end
    redis.call('HDEL', key, unpack(names))
    oldest = expired + 1
    redis.call('HSET', key, 's', sum, 'o', oldest)
  end
  return { sum = sum, oldest = oldest, newest = newest, reset = (newest + 1) * bucketMs + windowMs - now }
end

local function waitFor(key, kind, state, need)
  local windowMs, bucketMs = shapes[kind][1], shapes[kind][2]
  local freed, from = 0, state.oldest
  while from and from <= state.newest do
    local to = math.min(from + 63, state.newest)
    local _, found = amounts(key, from, to)
    for index = 1, to - from + 1 do
      if found[index] then freed = freed + found[index] end
      if freed >= need then return (from + index) * bucketMs + windowMs - now end
    end
    from = to + 1
  end
  return -1
end

local function add(key, kind, state, bucket, amount)
  redis.call('HINCRBY', key, string.format('%.0f', bucket), amount)
  redis.call('HSET', key, 's', state.sum + amount, 'o', math.min(state.oldest or bucket, bucket), 'n', math.max(state.newest or bucket, bucket))
  redis.call('PEXPIRE', key, shapes[kind][1] + clockSlack + 2 * shapes[kind][2])
end

local function openOf(key)
  local open, all = 0, redis.call('HGETALL', key)
  for index = 1, #all, 2 do
    if isAlive(all[index]) then open = open + all[index + 1] else redis.call('HDEL', key, all[index]) end
  end
  return open
end

local function living()
  redis.call('ZREMRANGEBYSCORE', nodes, '-inf', '(' .. string.format('%.0f', now - ttl))
  return redis.call('ZRANGE', nodes, 0, -1)
end

-- ARGV 4: the member that this replica was until now; 5: a name for the era if there is none.
if act == 'enter' then
  local era = redis.call('HGET', meta, 'era')
  if not era then
    era = ARGV[5]
    redis.call('HSET', meta, 'era', era)
  end
  redis.call('HSET', meta, 'now', now)
  local known = isAlive(ARGV[4]) and 1 or 0
  redis.call('ZREM', nodes, ARGV[4])
  redis.call('ZADD', nodes, now, member)
  return { now, era, known, unpack(living()) }
end

if act == 'leave' then
  return redis.call('ZREM', nodes, member)
end

if act == 'beat' then
  if not isAlive(member) then return { -1 } end
  redis.call('HSET', meta, 'now', now)
  redis.call('ZADD', nodes, now, member)
  return { now, unpack(living()) }
end

-- ARGV 4: tokens; then kind and limit of each counter. Answers { now, met (0: let in), its wait, count and reset of each }.
if act == 'take' then
  if not isAlive(member) then return { -1 } end
  local tokens, met, metWait = tonumber(ARGV[4]), 0, 0
  local states, needs = {}, {}
  for index = 1, #KEYS - 2 do
    local key, kind, limit = KEYS[index + 2], ARGV[index * 2 + 3], tonumber(ARGV[index * 2 + 4])
    local need = (kind == 'tpm' or kind == 'tpd') and tokens or 1
    local state = kind == 'concurrency' and { sum = openOf(key), reset = 0 } or window(key, kind)
    states[index], needs[index] = state, need
    if state.sum + need > limit then
      local wait = -1
      if need <= limit then
        wait = kind == 'concurrency' and ${slotWaitMs} or waitFor(key, kind, state, state.sum + need - limit)
      end
      if met == 0 or (metWait >= 0 and (wait < 0 or wait > metWait)) then met, metWait = index, wait end
    end
  end
  local answer = { now, met, metWait }
  for index, state in ipairs(states) do
    local key, kind = KEYS[index + 2], ARGV[index * 2 + 3]
    local count, reset = state.sum, state.reset
    if met == 0 then
      count = count + needs[index]
      if kind == 'concurrency' then
        redis.call('HINCRBY', key, member, 1)
        redis.call('PEXPIRE', key, keepMs)
      else
        local bucket = math.floor(now / shapes[kind][2])
        add(key, kind, state, bucket, needs[index])
        reset = (math.max(state.newest or bucket, bucket) + 1) * shapes[kind][2] + shapes[kind][1] - now
      end
    end
    answer[#answer + 1] = count
    answer[#answer + 1] = reset
  end
  if met == 0 then redis.call('HSET', meta, 'now', now) end
  return answer
end

-- ARGV 4: era; 5: when it was let in; 6: change of requests; 7: change of tokens; 8: slots to free of each counter of slots
-- (0 or 1); then the kind of each counter.
if act == 'end' then
  local sameEra = redis.call('HGET', meta, 'era') == ARGV[4]
  local freeing = ARGV[8] == '1' and isAlive(member)
  for index = 1, #KEYS - 2 do
    local key, kind = KEYS[index + 2], ARGV[index + 8]
    if kind == 'concurrency' then
      local open = freeing and redis.call('HGET', key, member)
      if open then
        if tonumber(open) > 1 then redis.call('HINCRBY', key, member, -1) else redis.call('HDEL', key, member) end
      end
    elseif sameEra then
      local delta = tonumber(kind == 'rpm' and ARGV[6] or ARGV[7])
      local bucket = string.format('%.0f', math.floor(ARGV[5] / shapes[kind][2]))
      local amount = delta ~= 0 and redis.call('HGET', key, bucket)
      if amount then
        local corrected = math.max(0, amount + delta)
        redis.call('HSET', key, bucket, corrected)
        redis.call('HINCRBY', key, 's', corrected - amount)
      end
    end
  end
  return 1
end

-- For each counter its kind, how many numbers follow, and the numbers: buckets and amounts, or the open requests.
if act == 'publish' then
  if not isAlive(member) then return { -1 } end
  local at = 4
  for index = 3, #KEYS do
    local key, kind, length = KEYS[index], ARGV[at], tonumber(ARGV[at + 1])
    if kind == 'concurrency' then
      redis.call('HSET', key, member, ARGV[at + 2])
      redis.call('PEXPIRE', key, keepMs)
    else
      local expired = math.floor((now - shapes[kind][1]) / shapes[kind][2]) - 1
      for pair = at + 2, at + length, 2 do
        local bucket = tonumber(ARGV[pair])
        if bucket > expired then add(key, kind, window(key, kind), bucket, tonumber(ARGV[pair + 1])) end
      end
    end
    at = at + 2 + length
  end
  return { now }
end

return redis.error_reply('moongate: no such act')
`;

/** By which the server knows the script. */
export const valkeyScriptSha = createHash('sha1').update(valkeyScript).digest('hex');
