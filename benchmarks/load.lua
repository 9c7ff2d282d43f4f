-- What every load of wrk shares: threads numbered from 0, answers counted, and one line for the benchmark to read.
-- A script runs this file, calls `began()` in its `init` and tells the size of each event by `made(text)`.

local numbers = 0
local all = {}

function setup(thread)
  thread:set("number", numbers)
  numbers = numbers + 1
  table.insert(all, thread)
end

function began()
  counter, answered, refused, smallest = 0, 0, 0, 1e9
end

function made(text)
  if #text < smallest then smallest = #text end
  return text
end

function response(status)
  if status == 200 then answered = answered + 1 else refused = refused + 1 end
end

function done(summary, latency)
  local good, bad, least = 0, 0, 1e9
  for _, thread in ipairs(all) do
    good, bad = good + thread:get("answered"), bad + thread:get("refused")
    least = math.min(least, thread:get("smallest"))
  end
  local e = summary.errors
  io.write(string.format(
    '\nRESULT {"answered":%d,"refused":%d,"errors":%d,"seconds":%f,"p50_ms":%f,"p99_ms":%f,"smallest_event_bytes":%d}\n',
    good, bad, e.connect + e.read + e.write + e.timeout, summary.duration / 1e6, latency:percentile(50) / 1e3,
    latency:percentile(99) / 1e3, least))
end
