//go:build linux

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"time"

	"multiturn/pkg/record"
	"multiturn/scripts/internal/simrun"
)

// bench plays runs.
type bench struct {
	program, data, work string
	random              *rand.Rand
}

// A run is 12 conversations of 5 turns, 6 at a time, with answers of 40 tokens: it
// takes about two seconds.
const (
	conversations, turns = 12, 5
	clients, tokens      = 6, 40
)

func newBench(s *settings) (*bench, error) {
	program, err := simrun.Program(s.bin)
	if err != nil {
		return nil, err
	}
	b := &bench{program: program, work: s.work, data: filepath.Join(s.work, "conversations.json"),
		random: rand.New(rand.NewPCG(s.seed, 1))}
	return b, b.writeConversations()
}

// writeConversations writes conversations of two kinds: requests that leave in one
// burst, and larger ones.
func (b *bench) writeConversations() error {
	type message struct {
		Role    string `json:"role"`
		Content string `json:"content"`
	}
	type conversation struct {
		ID       string    `json:"id"`
		Messages []message `json:"messages"`
	}
	var all []conversation
	for i := range conversations {
		c := conversation{ID: fmt.Sprint("c", i)}
		for t := range turns {
			words := 30
			if t == 0 {
				words = []int{300, 3000}[i%2]
			}
			text := fmt.Sprintf("Question %d of conversation %d:", t, i)
			for range words {
				text += fmt.Sprint(" ", b.random.IntN(1000))
			}
			c.Messages = append(c.Messages, message{"user", text}, message{"assistant", "Yes."})
		}
		all = append(all, c)
	}
	return writeJSON(b.data, all)
}

// runLimit is how long a run may take, ten times its usual time and more.
const runLimit = time.Minute

// cell plays the runs of a cell against one server.
func (b *bench) cell(ctx context.Context, d scenario, c clock, n int) ([]result, error) {
	base := filepath.Join(b.work, d.name+"-"+c.name)
	server := child(serverCPU, false, b.program, "sim", "--listen", "127.0.0.1:0", "--tokenizer",
		"o200k_base", "--ttft-base", "20ms", "--ttft-per-token", "5us", "--itl", "4ms",
		"--truth", base+".truth.jsonl", "--truth-gaps", "-q")
	out, err := server.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := server.Start(); err != nil {
		return nil, err
	}
	ended := false
	end := func() error {
		if ended {
			return nil
		}
		ended = true
		_ = server.Process.Signal(os.Interrupt)
		late := time.AfterFunc(10*time.Second, func() { _ = server.Process.Kill() })
		defer late.Stop()
		if err := server.Wait(); err != nil && server.ProcessState.ExitCode() != 130 {
			return fmt.Errorf("mtbench sim: %w", err) // 130 is after an interrupt
		}
		return nil
	}
	defer end()
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return nil, fmt.Errorf("mtbench sim did not start: %w", err)
	}
	var logs []*record.Log
	for i := range n {
		l, err := b.play(ctx, d, c, strings.TrimSpace(line), fmt.Sprintf("%s-%d", base, i))
		if err != nil {
			return nil, fmt.Errorf("%s, %s, run %d: %w", d.name, c.name, i+1, err)
		}
		logs = append(logs, l)
	}
	if err := end(); err != nil {
		return nil, err
	}
	truth, err := simrun.ReadTruth(base + ".truth.jsonl")
	if err != nil {
		return nil, err
	}
	var results []result
	for _, l := range logs {
		r, err := evaluate(l, truth)
		if err != nil {
			return nil, fmt.Errorf("%s, %s: %w", d.name, c.name, err)
		}
		results = append(results, r)
	}
	return results, nil
}

// play plays one run and returns its records.
func (b *bench) play(ctx context.Context, d scenario, c clock, url, base string) (*record.Log,
	error) {
	ctx, cancel := context.WithTimeoutCause(ctx, runLimit, fmt.Errorf("not done after %v", runLimit))
	defer cancel()
	records := base + ".jsonl"
	_ = os.Remove(records)
	client := child(clientCPU, d.nice, append([]string{b.program, "-i", b.data, "-m", "sim",
		"--tokenizer", "o200k_base", "-u", url, "-p", fmt.Sprint(clients), "-k", fmt.Sprint(clients),
		"--limit-min-tokens", fmt.Sprint(tokens), "--limit-max-tokens", fmt.Sprint(tokens),
		"--send-conversation-id", "--records", records, "-q"}, c.args...)...)
	log, err := os.Create(base + ".log")
	if err != nil {
		return nil, err
	}
	defer log.Close()
	client.Stdout, client.Stderr = log, log
	if err := client.Start(); err != nil {
		return nil, err
	}
	kill := context.AfterFunc(ctx, func() { _ = client.Process.Kill() })
	defer kill()
	endHogs, hogErr := d.startHogs(records)
	defer endHogs()
	disturbed := make(chan struct{})
	done, stop := context.WithCancel(ctx)
	go func() {
		d.stopping(done, client.Process, b.random)
		close(disturbed)
	}()
	err = errors.Join(hogErr, client.Wait())
	stop()
	<-disturbed
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("mtbench: %w (%s)", err, log.Name())
	}
	return readLog(records)
}

func readLog(path string) (*record.Log, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	logs, err := record.ReadLogs(record.NewReader(f, path))
	if err != nil {
		return nil, err
	}
	if len(logs) != 1 || logs[0].Run == nil || logs[0].End == nil {
		return nil, fmt.Errorf("%s: not one complete run", path)
	}
	return logs[0], nil
}
