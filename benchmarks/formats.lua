-- Load in the format of one vendor. Arguments after "--": format, path, write key in base64 with its colon, events per request,
-- run id. Every event is unique in id and person.

dofile(debug.getinfo(1, "S").source:match("^@(.*/)") .. "load.lua")

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
  began()
end

function request()
  local calls = {}
  for i = 1, per_request do
    counter = counter + 1
    calls[i] = events[kind](stamp .. "-" .. counter, "p" .. stamp .. "-" .. counter, counter % 100000)
  end
  local body = table.concat(calls, ",")
  if per_request > 1 or kind ~= "segment" then
    body = around[kind][1] .. body .. around[kind][2]
  end
  return wrk.format("POST", path, head, made(body))
end
