package main

import (
	"bytes"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// usage is what a process and its descendants used.
type usage struct {
	CPU time.Duration // from start to end
	// Memory is the peak in bytes: for one process its resident memory, for several the largest
	// observed sum of their proportional shares.
	Memory int64
	// history is the processor time used so far, at several times.
	history []cpuAt
}

type cpuAt struct {
	at  time.Time
	cpu time.Duration
}

// before returns the processor time used before t, as far as observed.
func (u *usage) before(t time.Time) time.Duration {
	var cpu time.Duration
	for _, h := range u.history {
		if h.at.After(t) {
			break
		}
		cpu = h.cpu
	}
	return cpu
}

// watch observes a process in /proc until it ends. On other systems than Linux
// it sees nothing, and the kernel's account at the end is used alone.
//
// On Linux the account's peak of memory is not used, since a child begins with
// the peak of the process that started it.
type watch struct {
	pid  int
	tree bool
	quit chan struct{}
	done chan usage
}

func newWatch(pid int, tree bool) *watch {
	w := &watch{pid: pid, tree: tree, quit: make(chan struct{}), done: make(chan usage, 1)}
	go w.run()
	return w
}

// stop ends the watch after the process has ended.
func (w *watch) stop(state *os.ProcessState) usage {
	close(w.quit)
	u := <-w.done
	u.CPU = state.UserTime() + state.SystemTime()
	if r, ok := state.SysUsage().(*syscall.Rusage); ok && u.Memory == 0 {
		u.Memory = int64(r.Maxrss)
		if runtime.GOOS != "darwin" {
			u.Memory *= 1024
		}
	}
	return u
}

func (w *watch) run() {
	var u usage
	period := 50 * time.Millisecond
	timer := time.NewTimer(period)
	defer timer.Stop()
	for {
		select {
		case <-w.quit:
			w.done <- u
			return
		case <-timer.C:
		}
		begin := time.Now()
		if w.tree {
			cpu, memory := lookAtTree(w.pid)
			if cpu > 0 {
				u.history = append(u.history, cpuAt{begin, cpu})
			}
			u.Memory = max(u.Memory, memory)
			// Observing a thousand processes is work: it may take at most a fiftieth of the time.
			period = max(200*time.Millisecond, 50*time.Since(begin))
		} else {
			u.Memory = max(u.Memory, field(w.pid, "status", "VmHWM:"))
		}
		timer.Reset(period)
	}
}

// lookAtTree returns the processor time and memory of a process and its
// descendants.
func lookAtTree(root int) (cpu time.Duration, memory int64) {
	for _, pid := range descendants(root) {
		if s, ok := readStat(pid); ok {
			cpu += s.cpu
			memory += field(pid, "smaps_rollup", "Pss:")
		}
	}
	return cpu, memory
}

// descendants returns a process and its descendants.
func descendants(root int) []int {
	all := []int{root}
	for i := 0; i < len(all); i++ {
		tasks, err := os.ReadDir("/proc/" + itoa(all[i]) + "/task")
		if err != nil {
			continue
		}
		for _, t := range tasks {
			b, err := os.ReadFile("/proc/" + itoa(all[i]) + "/task/" + t.Name() + "/children")
			if err != nil {
				continue
			}
			for _, f := range strings.Fields(string(b)) {
				if pid, err := strconv.Atoi(f); err == nil {
					all = append(all, pid)
				}
			}
		}
	}
	return all
}

type stat struct{ cpu time.Duration }

// readStat reads the processor time of a process, including children that have
// ended.
func readStat(pid int) (stat, bool) {
	b, err := os.ReadFile("/proc/" + itoa(pid) + "/stat")
	if err != nil {
		return stat{}, false
	}
	return parseStat(b)
}

// parseStat adds up utime, stime, cutime and cstime, fields 14 to 17, in
// hundredths of a second.
func parseStat(b []byte) (stat, bool) {
	i := bytes.LastIndexByte(b, ')') // the name before it may contain anything
	if i < 0 {
		return stat{}, false
	}
	f := strings.Fields(string(b[i+1:]))
	if len(f) < 15 {
		return stat{}, false
	}
	var ticks int64
	for _, s := range f[11:15] {
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			return stat{}, false
		}
		ticks += n
	}
	return stat{cpu: time.Duration(ticks) * 10 * time.Millisecond}, true
}

// field returns a number of kB in a file of a process, in bytes; 0 if it is
// missing.
func field(pid int, file, name string) int64 {
	b, err := os.ReadFile("/proc/" + itoa(pid) + "/" + file)
	if err != nil {
		return 0
	}
	return parseField(string(b), name)
}

func parseField(text, name string) int64 {
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, name); ok {
			if f := strings.Fields(rest); len(f) > 0 {
				n, _ := strconv.ParseInt(f[0], 10, 64)
				return n * 1024
			}
		}
	}
	return 0
}
