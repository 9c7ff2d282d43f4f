-- Load in the format of one vendor. Arguments after "--": format, path, write key in base64 with its colon, events per request,
-- run id. Every event is unique in id and person.

local numbers = 0
local all = {}

function setup(thread)
  thread:set("number", numbers)
  numbers = numbers + 1
  table.insert(all, thread)
end

local filler = string.rep("x", 90)
local page = "https://shop.example/p/"
local product = '{"product_id":"%d","name":"Bergschuh Alpin","category":"Schuhe > Wandern","brand":"Gipfel","price":129.9,' ..
  '"quantity":1,"currency":"EUR","note":"' .. filler .. '"}'
local action = '{\\"schema\\":\\"iglu:com.snowplowanalytics.snowplow/unstruct_event/jsonschema/1-0-0\\",\\"data\\":' ..
  '{\\"schema\\":\\"iglu:com.snowplowanalytics.snowplow.ecommerce/snowplow_ecommerce_action/jsonschema/1-0-2\\",' ..
  '\\"data\\":{\\"type\\":\\"product_view\\"}}}'
local entity = '{\\"schema\\":\\"iglu:com.snowplowanalytics.snowplow/contexts/jsonschema/1-0-0\\",\\"data\\":[{\\"schema\\":' ..
  '\\"iglu:com.snowplowanalytics.snowplow.ecommerce/product/jsonschema/1-0-0\\",\\"data\\":{\\"id\\":\\"%d\\",' ..
  '\\"name\\":\\"Bergschuh Alpin\\",\\"price\\":129.9,\\"currency\\":\\"EUR\\",\\"category\\":\\"Schuhe\\"}}]}'

-- One event by format: id, person, product.
local events = {
  segment = function(id, who, n)
    return '{"type":"track","event":"Product Viewed","messageId":"' .. id .. '","userId":"' .. who ..
      '","anonymousId":"' .. who .. '-0c4f-4d1c","context":{"library":{"name":"analytics.js","version":"2.11.1"},' ..
      '"locale":"de-DE","page":{"path":"/p","url":"' .. page .. n .. '"},"userAgent":"Mozilla/5.0"},"properties":' ..
      string.format(product, n) .. "}"
  end,
  snowplow = function(id, who, n)
    return '{"e":"ue","aid":"shop","duid":"' .. who .. '","eid":"' .. id .. '","tv":"js-4","p":"web","url":"' .. page .. n ..
      '","dtm":"1772500000000","stm":"1772500000001","ue_pr":"' .. action .. '","co":"' .. string.format(entity, n) .. '"}'
  end,
  posthog = function(id, who, n)
    return '{"event":"Product Viewed","uuid":"' .. id .. '","distinct_id":"' .. who .. '","properties":{"$device_id":"' ..
      who .. '","$current_url":"' .. page .. n .. '","$lib":"web","product_id":"' .. n .. '","name":"Bergschuh Alpin",' ..
      '"price":129.9,"currency":"EUR","note":"' .. filler .. filler .. '"}}'
  end,
  unomi = function(id, who, n)
    return '{"eventType":"Product Viewed","scope":"shop","itemId":"' .. id .. '","profileId":"' .. who ..
      '","properties":' .. string.format(product, n) .. ',"source":{"itemType":"page","scope":"shop","itemId":"p",' ..
      '"properties":{"pageInfo":{"pagePath":"/p","destinationURL":"' .. page .. n .. '"}}}}'
  end,
}
local around = {
  segment = { '{"batch":[', "]}" },
  snowplow = { '{"schema":"iglu:com.snowplowanalytics.snowplow/payload_data/jsonschema/1-0-4","data":[', "]}" },
  posthog = { '{"api_key":"unused","batch":[', "]}" },
  unomi = { '{"sessionId":"s","events":[', "]}" },
}
local kind, path, head, per_request, stamp

function init(args)
  kind, path, per_request, stamp = args[1], args[2], tonumber(args[4]), args[5] .. number
  head = { ["Content-Type"] = "application/json", ["Authorization"] = "Basic " .. args[3] }
  counter, answered, refused, sent = 0, 0, 0, 0
end

function request()
  local made = {}
  for i = 1, per_request do
    counter = counter + 1
    made[i] = events[kind](stamp .. "-" .. counter, "p" .. stamp .. "-" .. counter, counter % 100000)
  end
  local body = table.concat(made, ",")
  if per_request > 1 or kind ~= "segment" then
    body = around[kind][1] .. body .. around[kind][2]
  end
  sent = #body
  return wrk.format("POST", path, head, body)
end

function response(status)
  if status == 200 then answered = answered + 1 else refused = refused + 1 end
end

-- One line for the benchmark to read.
function done(summary, latency)
  local good, bad, size = 0, 0, 0
  for _, thread in ipairs(all) do
    good, bad, size = good + thread:get("answered"), bad + thread:get("refused"), thread:get("sent")
  end
  local e = summary.errors
  io.write(string.format(
    '\nRESULT {"answered":%d,"refused":%d,"errors":%d,"seconds":%f,"p50_ms":%f,"p99_ms":%f,"smallest_event_bytes":%d}\n',
    good, bad, e.connect + e.read + e.write + e.timeout, summary.duration / 1e6, latency:percentile(50) / 1e3,
    latency:percentile(99) / 1e3, size))
end
