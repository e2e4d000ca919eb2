package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"multiturn/scripts/internal/simrun"
)

// process is a running program, with a log of its output and a watch on what it
// uses.
type process struct {
	cmd     *exec.Cmd
	log     *os.File
	started time.Time
	watch   *watch
	spare   func() bool // cancels that it is killed with the context
}

// start runs a program. Its stderr, and its stdout unless that is set already,
// go to a log file. When ctx is done, the program and its descendants are
// killed. With tree the watch includes the descendants.
func start(ctx context.Context, log string, cmd *exec.Cmd, tree bool) (*process, error) {
	f, err := os.Create(log)
	if err != nil {
		return nil, err
	}
	if cmd.Stdout == nil {
		cmd.Stdout = f
	}
	cmd.Stderr = f
	// It has a process group of its own: this program passes an interrupt at the terminal on, once.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	p := &process{cmd: cmd, log: f, started: time.Now()}
	if err := cmd.Start(); err != nil {
		f.Close()
		return nil, err
	}
	pid := cmd.Process.Pid
	p.watch = newWatch(pid, tree)
	p.spare = context.AfterFunc(ctx, func() { _ = syscall.Kill(-pid, syscall.SIGKILL) })
	return p, nil
}

// wait waits until the process has ended.
func (p *process) wait() (usage, error) {
	err := p.cmd.Wait()
	p.spare()
	u := p.watch.stop(p.cmd.ProcessState)
	p.log.Close()
	return u, err
}

// tail returns the end of the log, for errors.
func (p *process) tail() string {
	b, err := os.ReadFile(p.log.Name())
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	return strings.Join(lines[max(0, len(lines)-8):], "\n")
}

// server is a running `mtbench sim`.
type server struct {
	*process
	url string
}

// startServer starts the simulated server of a point; its truth goes to
// base.truth.jsonl.
func startServer(ctx context.Context, bin, base string, p point,
	first time.Duration) (*server, error) {
	if p.Interval == 0 {
		first = 0
	}
	program, err := simrun.Program(bin)
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(program, "sim", "--listen", "127.0.0.1:0", "--max-model-len", "1000000",
		"--ttft-base", first.String(), "--ttft-per-token", "0s", "--itl", p.Interval.String(),
		"--truth", base+".truth.jsonl", "--truth-gaps")
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	proc, err := start(ctx, base+".sim.log", cmd, false)
	if err != nil {
		return nil, err
	}
	s := &server{process: proc}
	line, err := bufio.NewReader(out).ReadString('\n')
	if s.url = strings.TrimSpace(line); err != nil || !strings.HasPrefix(s.url, "http://") {
		_ = cmd.Process.Kill()
		_, werr := s.wait()
		return nil, fmt.Errorf("mtbench sim did not start: %w\n%s",
			errors.Join(err, werr), s.tail())
	}
	return s, nil
}

// stop ends the server, which completes the truth.
func (s *server) stop() (usage, error) {
	_ = s.cmd.Process.Signal(os.Interrupt)
	late := time.AfterFunc(30*time.Second, func() { _ = s.cmd.Process.Kill() })
	u, err := s.wait()
	late.Stop()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == 130 {
		err = nil // the exit code after an interrupt
	}
	if err != nil {
		err = fmt.Errorf("mtbench sim: %w\n%s", err, s.tail())
	}
	return u, err
}

// version returns the version of mtbench.
func version(ctx context.Context, bin string) (string, error) {
	path, err := simrun.Program(bin)
	if err != nil {
		return "", err
	}
	out, err := exec.CommandContext(ctx, path, "--version").Output()
	if err != nil {
		return "", fmt.Errorf("%s --version: %w", path, err)
	}
	first, _, _ := strings.Cut(string(out), "\n")
	return first, nil
}

// itoa is for command lines.
func itoa(n int) string { return strconv.Itoa(n) }
