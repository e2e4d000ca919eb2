//go:build !unix

package bench

import (
	"runtime"
	"time"
)

// cpuTime is not known here; the certificate then says 0.
func cpuTime() time.Duration { return 0 }

// peakMemory is what Go has asked the system for: no less than what was resident.
func peakMemory() int64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.Sys)
}
