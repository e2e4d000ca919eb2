//go:build linux

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"multiturn/pkg/record"
)

const recordsFile = "records.jsonl"

// sample is what a process has at one time.
type sample struct {
	at    time.Duration
	bytes int64 // resident
	files int   // open
}

// played is a run as it was seen from outside.
type played struct {
	took    time.Duration
	exit    int
	last    string // line of the client's stderr
	client  []sample
	server  []sample // the last one is after the client has ended
	planned int
	clients int
	end     *record.End
	counts  map[record.Outcome]int
}

// play runs the simulator and the client.
func (s *soak) play(ctx context.Context) (*played, error) {
	input := filepath.Join(s.dir, "conversations.jsonl")
	planned, err := s.write(input)
	if err != nil {
		return nil, err
	}
	list, err := faults(s.share)
	if err != nil {
		return nil, err
	}
	server := exec.CommandContext(ctx, s.program, "sim", "--listen", "127.0.0.1:0", "--itl", "0",
		"--ttft-base", "0", "--ttft-per-token", "0", "--gpu-cache", "5000", "--fault", list)
	url, err := begin(server)
	if err != nil {
		return nil, err
	}
	defer func() {
		_ = server.Process.Signal(syscall.SIGTERM)
		_ = server.Wait()
	}()
	stderr, err := os.Create(filepath.Join(s.dir, "client.log"))
	if err != nil {
		return nil, err
	}
	defer stderr.Close()
	client := exec.CommandContext(ctx, s.program, "-i", input, "-m", "sim", "-u", url,
		"--tokenizer", "o200k_base", "-p", strconv.Itoa(s.clients),
		"-k", strconv.Itoa(min(2*s.clients, s.conversations)),
		"--on-failure", "dataset", "--history", "dataset", "--keep-going", "--wait", "0",
		"--request-timeout-sec", "30", "--identify=false", "--metrics", "off",
		"--force", "--records", filepath.Join(s.dir, recordsFile))
	client.Stdout, client.Stderr = stderr, stderr
	start := time.Now()
	if err := client.Start(); err != nil {
		return nil, err
	}
	p := &played{planned: planned, clients: s.clients}
	ended := make(chan error, 1)
	go func() { ended <- client.Wait() }()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for running := true; running; {
		select {
		case err = <-ended:
			running = false
		case <-tick.C:
			p.client = watch(p.client, client.Process.Pid, time.Since(start))
			p.server = watch(p.server, server.Process.Pid, time.Since(start))
		}
	}
	p.took = time.Since(start)
	if ctx.Err() != nil {
		return nil, fmt.Errorf("the run did not end within %v", s.limit)
	}
	var status *exec.ExitError
	if errors.As(err, &status) {
		p.exit = status.ExitCode()
	} else if err != nil {
		return nil, err
	}
	time.Sleep(time.Second) // the server closes what the client has left
	p.server = watch(p.server, server.Process.Pid, time.Since(start))
	p.last, err = lastLine(stderr.Name())
	return p, err
}

// write writes conversations with short turns, and returns the number of turns.
func (s *soak) write(path string) (int, error) {
	f, err := os.Create(path)
	if err != nil {
		return 0, err
	}
	w := bufio.NewWriter(f)
	each, n := s.turns/s.conversations, 0
	for c := range s.conversations {
		fmt.Fprintf(w, `{"id":"c%d","messages":[`, c)
		for i := range each {
			if i > 0 {
				w.WriteByte(',')
			}
			fmt.Fprintf(w, `{"role":"user","content":"turn %d of %d"},`+
				`{"role":"assistant","content":"the answer","output_tokens":3}`, i, c)
			n++
		}
		w.WriteString("]}\n")
	}
	return n, errors.Join(w.Flush(), f.Close())
}

// begin starts a simulator and returns its address.
func begin(cmd *exec.Cmd) (string, error) {
	out, err := cmd.StdoutPipe()
	if err != nil {
		return "", err
	}
	if err := cmd.Start(); err != nil {
		return "", err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return "", fmt.Errorf("the simulator does not start: %w", errors.Join(err, cmd.Wait()))
	}
	return strings.TrimSpace(line), nil
}

// watch appends what a process has now, unless it has ended.
func watch(list []sample, pid int, at time.Duration) []sample {
	dir := filepath.Join("/proc", strconv.Itoa(pid))
	text, err := os.ReadFile(filepath.Join(dir, "statm"))
	if err != nil {
		return list
	}
	files, err := os.ReadDir(filepath.Join(dir, "fd"))
	fields := strings.Fields(string(text))
	if err != nil || len(fields) < 2 {
		return list
	}
	pages, err := strconv.ParseInt(fields[1], 10, 64)
	if err != nil || pages == 0 {
		return list
	}
	return append(list, sample{at, pages * int64(os.Getpagesize()), len(files)})
}

// lastLine returns the last line of a file.
func lastLine(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	last := ""
	in := bufio.NewReader(f)
	for {
		line, err := in.ReadString('\n')
		if line = strings.TrimSpace(line); line != "" {
			last = line
		}
		if err == io.EOF {
			return last, nil
		}
		if err != nil {
			return "", err
		}
	}
}
