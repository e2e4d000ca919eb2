//go:build linux

package main

import (
	"context"
	"math/rand/v2"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"syscall"
	"time"
)

// scenario is what disturbs the client.
type scenario struct {
	name    string
	hogs    int           // processes that use the client's processor
	nice    bool          // the client has a lower priority
	on, off time.Duration // it runs and is stopped, in turn
	stop    time.Duration // it is stopped once
}

func (s scenario) named() string { return s.name }

var scenarios = []scenario{
	{name: "quiet"},
	{name: "1hog", hogs: 1},
	{name: "3hogs", hogs: 3, nice: true},
	{name: "stop50", on: 50 * time.Millisecond, off: 50 * time.Millisecond},
	{name: "stop90", on: 10 * time.Millisecond, off: 90 * time.Millisecond},
	{name: "stop500", stop: 500 * time.Millisecond},
}

// clock is a source of times, as flags of mtbench.
type clock struct {
	name string
	args []string
}

func (c clock) named() string { return c.name }

var clocks = []clock{
	{"packets", []string{"--clocks", "packets"}},
	{"kernel", []string{"--clocks", "kernel"}},
	{"nethttp", []string{"--clocks", "kernel", "--transport", "net/http"}},
}

// The server has the last processor, the client and those that disturb it the
// others.
var (
	serverCPU = strconv.Itoa(runtime.NumCPU() - 1)
	clientCPU = "0-" + strconv.Itoa(max(0, runtime.NumCPU()-2))
)

// lowPriority leaves the client 3 % of a processor beside three hogs. At 19 it
// would be 0.5 %, and a run would take a minute.
const lowPriority = "10"

// child makes a process that ends with this one.
func child(cpus string, nice bool, args ...string) *exec.Cmd {
	args = append([]string{"taskset", "-c", cpus}, args...)
	if nice {
		args = append([]string{"nice", "-n", lowPriority}, args...)
	}
	cmd := exec.Command(args[0], args[1:]...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd
}

// startLimit is how long a client may take to start, several times its usual time.
const startLimit = 5 * time.Second

// hogLimit ends a hog that nobody ended.
const hogLimit = time.Minute

// hog uses a processor.
func hog() {
	for end := time.Now().Add(hogLimit); time.Now().Before(end); {
	}
}

// startHogs starts the scenario's hogs when the client has made its records: its
// own start would take long beside them. end ends them.
func (s *scenario) startHogs(records string) (end func(), err error) {
	var all []*exec.Cmd
	end = func() {
		for _, h := range all {
			_ = h.Process.Kill()
			_ = h.Wait()
		}
	}
	self, err := os.Executable()
	if err != nil {
		return end, err
	}
	for began := time.Now(); s.hogs > 0 && time.Since(began) < startLimit; {
		if info, err := os.Stat(records); err == nil && info.Size() > 0 {
			break
		}
		time.Sleep(time.Millisecond)
	}
	for range s.hogs {
		h := child(clientCPU, false, self, "hog")
		h.Env = append(os.Environ(), "GOMAXPROCS=1")
		if err := h.Start(); err != nil {
			return end, err
		}
		all = append(all, h)
	}
	return end, nil
}

// The one stop comes while the client sends: it needs a while to start, and a run
// takes two seconds.
const firstStop, lastStop = 800 * time.Millisecond, 1600 * time.Millisecond

// stopping stops and continues the client until it is done.
func (s *scenario) stopping(ctx context.Context, client *os.Process, random *rand.Rand) {
	pause := func(d time.Duration) bool {
		select {
		case <-time.After(d):
			return true
		case <-ctx.Done():
			return false
		}
	}
	defer client.Signal(syscall.SIGCONT)
	stop := func(d time.Duration) bool {
		_ = client.Signal(syscall.SIGSTOP)
		ok := pause(d)
		_ = client.Signal(syscall.SIGCONT)
		return ok
	}
	switch {
	case s.stop > 0:
		if pause(firstStop + time.Duration(random.Int64N(int64(lastStop-firstStop)))) {
			stop(s.stop)
		}
	case s.off > 0:
		for stop(s.off) && pause(s.on) {
		}
	}
}
