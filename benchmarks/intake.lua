-- Load for intake: every event is unique in id, person and time and at least 600 bytes long.
-- Arguments after "--": path, write key in base64 with its colon, events per request, run id, mean pause in ms or 0.

local numbers = 0
local all = {}

function setup(thread)
  thread:set("number", numbers)
  numbers = numbers + 1
  table.insert(all, thread)
end

local filler = string.rep("x", 90)
local template = '{"type":"track","event":"Product Viewed","messageId":"%s-%d","userId":"p%s-%d",' ..
  '"anonymousId":"%s-%d-0c4f-4d1c-9f6e-7a3b52e1d9c0","timestamp":"%s.%03dZ",' ..
  '"context":{"library":{"name":"analytics.js","version":"2.11.1"},"locale":"de-DE","page":{"path":"/p/%d",' ..
  '"referrer":"","title":"Bergschuh Alpin","url":"https://shop.example/p/%d"},"userAgent":"Mozilla/5.0"},' ..
  '"properties":{"product_id":"%d","name":"Bergschuh Alpin","category":"Schuhe > Wandern",' ..
  '"brand":"Gipfel","price":129.9,"quantity":1,"currency":"EUR","url":"%s"}}'
local stamp, head, path, per_request, pause

function init(args)
  path = args[1]
  head = { ["Content-Type"] = "application/json", ["Authorization"] = "Basic " .. args[2] }
  per_request = tonumber(args[3])
  stamp = args[4] .. number
  pause = tonumber(args[5])
  counter = 0
  answered = 0
  refused = 0
  smallest = 1e9
  if pause > 0 then
    delay = function() return math.random(0, 2 * pause) end
  end
end

local function event()
  counter = counter + 1
  local n = counter
  -- Times of the last hours, each of this thread once.
  local seconds = os.date("!%Y-%m-%dT%H:%M:%S", os.time() - 60 - math.floor(n / 1000) % 36000)
  local product = n % 100000
  local text = string.format(template, stamp, n, stamp, n, stamp, n, seconds, n % 1000, product, product, product, filler)
  if #text < smallest then smallest = #text end
  return text
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

-- One line for the benchmark to read.
function done(summary, latency)
  local good, bad, least = 0, 0, 1e9
  for _, thread in ipairs(all) do
    good = good + thread:get("answered")
    bad = bad + thread:get("refused")
    least = math.min(least, thread:get("smallest"))
  end
  local e = summary.errors
  io.write(string.format(
    '\nRESULT {"answered":%d,"refused":%d,"errors":%d,"seconds":%f,"p50_ms":%f,"p99_ms":%f,"smallest_event_bytes":%d}\n',
    good, bad, e.connect + e.read + e.write + e.timeout, summary.duration / 1e6, latency:percentile(50) / 1e3,
    latency:percentile(99) / 1e3, least))
end
