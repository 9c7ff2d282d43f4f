-- Load for intake: every event is unique in id, person and time and at least 600 bytes long.
-- Arguments after "--": path, write key in base64 with its colon, events per request, run id, mean pause in ms or 0.

dofile(debug.getinfo(1, "S").source:match("^@(.*/)") .. "load.lua")

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
  began()
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
  return made(text)
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
