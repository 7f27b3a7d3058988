package shared

import "github.com/redis/go-redis/v9"

// The state of a key in Redis is "AHEAD LAST": how far it was paid ahead, in nanoseconds, at a time
// of Redis's clock, in microseconds. It is gone when nothing is paid ahead any more. A clock that
// goes back, as after a failover, makes no request wait for it.
const (
	// readClock is the first line of the script, which a test replaces.
	readClock = "local t = redis.call('TIME')\nlocal now = t[1] * 1000000 + t[2]\n"

	// scriptBody counts ARGV[3] events that have passed, or takes back as many, and grants some of
	// ARGV[4] further ones: a quarter of the remaining ones, so that the next caller still gets a
	// share. It returns these, and how far the key is paid ahead.
	scriptBody = `local period, burst, passed, want = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local ahead = 0
local state = redis.call('GET', KEYS[1])
if state then
  local a, last = string.match(state, '^(%d+) (%d+)$')
  if a then
    ahead = math.max(0, tonumber(a) - math.max(0, now - tonumber(last)) * 1000)
  end
end
ahead = math.max(0, ahead + passed * period)
local left = math.max(0, math.floor((burst * period - ahead) / period))
local granted = math.min(want, math.ceil(left / 4))
ahead = ahead + granted * period
if ahead > 0 then
  redis.call('SET', KEYS[1], string.format('%.0f %.0f', ahead, now), 'PX', string.format('%.0f', math.ceil(ahead / 1000000) + 1))
elseif state then
  redis.call('DEL', KEYS[1])
end
return {granted, ahead}
`
)

var script = redis.NewScript(readClock + scriptBody)
