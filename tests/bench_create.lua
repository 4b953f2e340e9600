-- Creates of customers for wrk, each with another email. Prints the median time of one.
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
local salt, count = io.open("/dev/urandom"):read(6):gsub(".", function(byte) return ("%02x"):format(byte:byte()) end), 0
function request()
    count = count + 1
    return wrk.format(nil, nil, nil, ('{"email":"%s.%d@shop.example"}'):format(salt, count))
end
function done(summary, latency)
    if summary.errors.status > 0 then error("a create was refused") end
    print("p50", latency:percentile(50))
end
