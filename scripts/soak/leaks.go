//go:build linux

package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"runtime"
	"sync"
	"time"

	"multiturn/pkg/openai"
	"multiturn/pkg/sim"
)

// leakTurns is how many requests a client of this process sends, for each
// transport.
const leakTurns = 5000

// leaks sends requests under all faults from this process, over both transports,
// and returns how many goroutines are left of the clients once they are closed.
func leaks(ctx context.Context, share float64) (int, error) {
	log.SetOutput(io.Discard) // net/http reports answers that nobody asked for
	text, err := faults(share)
	if err != nil {
		return 0, err
	}
	list, err := sim.ParseFaults(text)
	if err != nil {
		return 0, err
	}
	before := runtime.NumGoroutine()
	for _, transport := range []openai.Transport{openai.Reactor, openai.NetHTTP} {
		if err := leak(ctx, list, transport); err != nil {
			return 0, err
		}
	}
	left := 0
	for range 100 {
		if left = runtime.NumGoroutine() - before; left <= 0 {
			return 0, nil
		}
		time.Sleep(100 * time.Millisecond)
	}
	return left, fmt.Errorf("%d goroutines are left", left)
}

func leak(ctx context.Context, faults sim.Faults, transport openai.Transport) error {
	server, err := sim.New(sim.Options{Faults: faults})
	if err != nil {
		return err
	}
	defer server.Close()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	go func() { _ = server.Serve(l) }()
	client, err := openai.New(openai.Options{
		URL: "http://" + l.Addr().String(), Model: "sim", Transport: transport,
	})
	if err != nil {
		return err
	}
	var wg sync.WaitGroup
	const tasks = 50
	for range tasks {
		wg.Go(func() {
			for range leakTurns / tasks {
				client.Do(ctx, &openai.Request{
					Messages:  [][]byte{[]byte(`{"role":"user","content":"hello"}`)},
					MaxTokens: 3, MinTokens: 3, Timeout: 10 * time.Second,
				})
			}
		})
	}
	wg.Wait()
	return client.Close()
}
