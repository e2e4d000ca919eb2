package main

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// host is the machine and its state at the start of the measurement.
type host struct {
	Time    time.Time `json:"time"`
	OS      string    `json:"os"`
	Kernel  string    `json:"kernel,omitempty"`
	CPU     string    `json:"cpu,omitempty"`
	CPUs    int       `json:"cpus"`
	Go      string    `json:"go"`
	Mtbench string    `json:"mtbench,omitempty"` // its version
	Load    float64   `json:"load_average"`      // of the last minute; -1 = unknown
	Files   uint64    `json:"open_files_limit"`
}

// filesBeside is how many files a process may have open beside its connections:
// ample for logs, records and pipes.
const filesBeside = 64

// thisHost describes the machine. It also raises the limit of open files to its
// maximum, since client and server have one for each stream.
func thisHost(streams int) (host, error) {
	h := host{
		Time:   time.Now().UTC().Truncate(time.Second),
		OS:     runtime.GOOS + "/" + runtime.GOARCH,
		Kernel: firstLine("/proc/sys/kernel/osrelease"),
		CPU:    processor(),
		CPUs:   runtime.NumCPU(),
		Go:     runtime.Version(),
		Load:   loadAverage(),
	}
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return h, fmt.Errorf("limit of open files: %w", err)
	}
	limit.Cur = limit.Max
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return h, fmt.Errorf("raise the limit of open files to %d: %w", limit.Max, err)
	}
	h.Files = uint64(limit.Cur)
	if need := uint64(streams + filesBeside); h.Files < need {
		return h, fmt.Errorf("a process may have %d files open here, and %d streams need %d: "+
			"raise the limit (ulimit -n) or leave the point out", h.Files, streams, need)
	}
	return h, nil
}

func (h *host) print(w io.Writer) {
	fmt.Fprintf(w, "%s, %d x %s, %s %s, %s; %d open files a process (raised to the maximum)\n",
		h.Time.Format(time.DateTime), h.CPUs, h.CPU, h.OS, h.Kernel, h.Go, h.Files)
	switch {
	case h.Load < 0:
		fmt.Fprintln(w, "load average: unknown; make sure that nothing else runs")
	case h.Load > 0.1*float64(h.CPUs):
		fmt.Fprintf(w, "load average %.2f: WARNING, something else runs or ran a moment ago; "+
			"the numbers will not be reliable\n", h.Load)
	default:
		fmt.Fprintf(w, "load average %.2f\n", h.Load)
	}
}

func firstLine(path string) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	line, _, _ := strings.Cut(string(b), "\n")
	return line
}

func processor() string {
	b, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return "processor"
	}
	for line := range strings.Lines(string(b)) {
		if name, value, ok := strings.Cut(line, ":"); ok &&
			strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "processor"
}

// loadAverage returns the load of the last minute; -1 if unknown.
func loadAverage() float64 {
	f := strings.Fields(firstLine("/proc/loadavg"))
	if len(f) == 0 {
		return -1
	}
	v, err := strconv.ParseFloat(f[0], 64)
	if err != nil {
		return -1
	}
	return v
}

// availableMemory returns the memory available to new processes, in bytes; 0 if
// unknown.
func availableMemory() int64 {
	b, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0
	}
	return parseField(string(b), "MemAvailable:")
}
