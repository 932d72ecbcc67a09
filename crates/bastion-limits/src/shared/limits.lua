-- The three limits of one key, in one step: what ended comes back, what runs keeps its slot, and
-- one call takes a request, its tokens and a slot, or nothing.
--
-- The arithmetic is that of rate.rs, step for step; Redis counts exactly to 53 bits, so what was
-- ever refilled is kept as whole minutes and the parts of the last one. `time` is the server's.
--
-- KEYS  1 the rates: "minutes parts minutes parts" (requests, tokens); 2 the slots: calls by the
--         microsecond in which their lease ends
-- ARGV  1, 2 requests: limit, parts of one; 3, 4 tokens likewise (a limit may be empty: none)
--       5 slots (or empty), 6 a lease in microseconds, 7 tokens to give back (below zero: to take)
--       8 tokens that a call asks for (or empty: none asks), 9 its name
--       10 how many of the names behind have ended; those behind them still run
-- Gives 1 if the call was admitted, else 0; parts that were used of requests and of tokens before
-- it; slots that were taken before it.

local MICROS, SPLIT = 60000000, 262144
local minute = math.floor(time[1] / 60)
local micros = time[1] % 60 * 1000000 + time[2]
local now = time[1] * 1000000 + time[2]

-- floor(micros * capacity / MICROS), without a product above 53 bits.
local function refilled(capacity)
  local low = capacity % SPLIT
  local first = micros * ((capacity - low) / SPLIT)
  local rest = first % MICROS
  return (first - rest) / MICROS * SPLIT + math.floor((rest * SPLIT + micros * low) / MICROS)
end

local function rate(limit, parts, ahead_minutes, ahead_parts)
  limit = tonumber(limit)
  if not limit then return nil end
  local capacity = limit * parts
  local since = refilled(capacity)
  local used = (tonumber(ahead_minutes or 0) - minute) * capacity + tonumber(ahead_parts or 0) - since
  -- Beyond the deepest debt only a clock that was set back can be: time begins anew here.
  local is_ahead = used > 2 * capacity
  used = math.max(0, math.min(used, 2 * capacity))
  return {
    limit = limit, parts = tonumber(parts), capacity = capacity, since = since, used = used,
    is_ahead = is_ahead,
  }
end

local function word(of)
  if not of then return '0 0' end
  local ahead = of.since + of.used
  if of.capacity == 0 then return '0 0' end
  local over = math.floor(ahead / of.capacity)
  return string.format('%.0f %.0f', minute + over, ahead - over * of.capacity)
end

local known = ''
if ARGV[1] ~= '' or ARGV[3] ~= '' then known = redis.call('GET', KEYS[1]) or '' end
local m1, p1, m2, p2 = string.match(known, '^(%d+) (%d+) (%d+) (%d+)$')
local requests = rate(ARGV[1], ARGV[2], m1, p1)
local tokens = rate(ARGV[3], ARGV[4], m2, p2)
local slots = tonumber(ARGV[5])
local changed = (requests and requests.is_ahead) or (tokens and tokens.is_ahead)

local refund = tonumber(ARGV[7])
if tokens and refund ~= 0 then
  local used = tokens.used - refund * tokens.parts
  -- Debt ends at one bucket below zero; what is deeper already is not forgiven.
  tokens.used = math.max(0, math.min(used, math.max(2 * tokens.capacity, tokens.used)))
  changed = true
end

local ended, lease_end = tonumber(ARGV[10]), now + tonumber(ARGV[6])
local taken = 0
if slots then
  redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', string.format('%.0f', now))
  for at = 11, #ARGV do
    if at < 11 + ended then
      redis.call('ZREM', KEYS[2], ARGV[at])
    else
      redis.call('ZADD', KEYS[2], string.format('%.0f', lease_end), ARGV[at])
      changed = true
    end
  end
  taken = redis.call('ZCARD', KEYS[2])
end

local asked = tonumber(ARGV[8])
local before = { requests and requests.used or 0, tokens and tokens.used or 0 }
local fits = asked ~= nil
  and (not requests or (1 <= requests.limit and requests.used + requests.parts <= requests.capacity))
  and (not tokens or (asked <= tokens.limit and tokens.used + asked * tokens.parts <= tokens.capacity))
  and (not slots or taken < slots)
if fits then
  if requests then requests.used = requests.used + requests.parts end
  if tokens then tokens.used = tokens.used + asked * tokens.parts end
  if slots then redis.call('ZADD', KEYS[2], string.format('%.0f', lease_end), ARGV[9]) end
  changed = true
end

if changed then
  -- What is older than the longest debt is a full bucket: it need not be kept.
  if requests or tokens then
    redis.call('SET', KEYS[1], word(requests) .. ' ' .. word(tokens), 'PX', 150000)
  end
  if slots then redis.call('PEXPIRE', KEYS[2], math.ceil(tonumber(ARGV[6]) / 1000) + 1000) end
end
return { fits and 1 or 0, before[1], before[2], taken }
