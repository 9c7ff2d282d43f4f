-- Load for intake: every event is unique in id, person and time and at least 600 bytes long.
-- Arguments after "--": path, write key in base64 with its colon, events per request, run id.

local threads = 0

function setup(thread)
  thread:set("number", threads)
  threads = threads + 1
end

local filler = string.rep("x", 170)
local template = '{"type":"track","event":"Product Viewed","messageId":"%s-%d","userId":"p%s%d",' ..
  '"anonymousId":"%s-%d-0c4f-4d1c-9f6e-7a3b52e1d9c0","timestamp":"%s.%03dZ",' ..
  '"context":{"library":{"name":"analytics.js","version":"2.11.1"},"locale":"de-DE","page":{"path":"/p/%d",' ..
  '"referrer":"","title":"Bergschuh Alpin","url":"https://shop.example/p/%d"},"userAgent":"Mozilla/5.0"},' ..
  '"properties":{"product_id":"%d","sku":"A-%d","name":"Bergschuh Alpin","category":"Schuhe > Wandern",' ..
  '"brand":"Gipfel","price":129.9,"quantity":1,"currency":"EUR","url":"%s"}}'
local stamp, head, path, per_request

function init(args)
  path = args[1]
  per_request = tonumber(args[3])
  -- Several runs against one server must not repeat themselves.
  stamp = args[4] .. "-" .. number
  head = { ["Content-Type"] = "application/json", ["Authorization"] = "Basic " .. args[2] }
  counter = 0
  answered = 0
  refused = 0
end

local function event()
  counter = counter + 1
  local n = counter
  local seconds = os.date("!%Y-%m-%dT%H:%M:%S", os.time() - math.floor(n / 1000) % 3600)
  return string.format(template, stamp, n, stamp, n, stamp, n, seconds, n % 1000, n % 100000, n % 100000,
    n % 100000, n % 100000, filler)
end

function request()
  if per_request == 1 then
    return wrk.format("POST", path, head, event())
  end
  local events = {}
  for i = 1, per_request do
    events[i] = event()
  end
  return wrk.format("POST", path, head, '{"batch":[' .. table.concat(events, ",") .. "]}")
end

function response(status)
  if status == 200 then
    answered = answered + 1
  else
    refused = refused + 1
  end
end

-- One line that the benchmark reads: requests answered with 200, others, errors, microseconds, latency percentiles.
local all = {}
local original = setup
function setup(thread)
  original(thread)
  table.insert(all, thread)
end

function done(summary, latency)
  local good, bad = 0, 0
  for _, thread in ipairs(all) do
    good = good + thread:get("answered")
    bad = bad + thread:get("refused")
  end
  local e = summary.errors
  io.write(string.format('\nRESULT {"answered":%d,"refused":%d,"errors":%d,"microseconds":%d,"p50_us":%d,"p99_us":%d}\n',
    good, bad, e.connect + e.read + e.write + e.timeout, summary.duration, latency:percentile(50), latency:percentile(99)))
end
