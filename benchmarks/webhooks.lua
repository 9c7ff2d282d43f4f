-- Deliveries of one shop system. Arguments after "--": path, file with a line a delivery: signature header, signature, topic
-- header, topic, delivery header, body, parted by tabs. Where the delivery's id stands in a header, each has its own.

local numbers = 0
local all = {}

function setup(thread)
  thread:set("number", numbers)
  numbers = numbers + 1
  table.insert(all, thread)
end

local path, lines, stamp

function init(args)
  path, stamp, lines = args[1], os.time() .. "-" .. number, {}
  for line in io.lines(args[2]) do
    local parts = {}
    for part in (line .. "\t"):gmatch("(.-)\t") do parts[#parts + 1] = part end
    lines[#lines + 1] = parts
  end
  counter, answered, refused, sent = 0, 0, 0, 0
end

function request()
  counter = counter + 1
  local d = lines[(counter - 1) % #lines + 1]
  local head = { ["Content-Type"] = "application/json", [d[1]] = d[2] }
  if d[3] ~= "" then head[d[3]] = d[4] end
  if d[5] ~= "" then head[d[5]] = stamp .. "-" .. counter end
  sent = #d[6]
  return wrk.format("POST", path, head, d[6])
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
