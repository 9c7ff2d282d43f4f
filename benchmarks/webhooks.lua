-- Deliveries of one shop system. Arguments after "--": path, file with a line a delivery: signature header, signature, topic
-- header, topic, delivery header, body, parted by tabs. Where the delivery's id stands in a header, each has its own.

dofile(debug.getinfo(1, "S").source:match("^@(.*/)") .. "load.lua")

local path, lines, stamp

function init(args)
  path, stamp, lines = args[1], os.time() .. "-" .. number, {}
  for line in io.lines(args[2]) do
    local parts = {}
    for part in (line .. "\t"):gmatch("(.-)\t") do parts[#parts + 1] = part end
    lines[#lines + 1] = parts
  end
  began()
end

function request()
  counter = counter + 1
  local d = lines[(counter - 1) % #lines + 1]
  local head = { ["Content-Type"] = "application/json", [d[1]] = d[2] }
  if d[3] ~= "" then head[d[3]] = d[4] end
  if d[5] ~= "" then head[d[5]] = stamp .. "-" .. counter end
  return wrk.format("POST", path, head, made(d[6]))
end
