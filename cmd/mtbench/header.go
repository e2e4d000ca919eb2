package main

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"os"
	"runtime"
	"time"

	"multiturn/internal/httpclient"
	"multiturn/pkg/bench"
	"multiturn/pkg/chat"
	"multiturn/pkg/cli"
	"multiturn/pkg/load"
	"multiturn/pkg/openai"
	"multiturn/pkg/record"
	"multiturn/pkg/server"
)

// header returns the header of a run's records.
func header(
	c *cli.Call, f *runFlags, o *bench.Options, d *dataset, ids []server.Identity, who record.Tokenizer,
	clocks record.ClockSource,
) (*record.Run, error) {
	options, err := json.Marshal(c.Options())
	if err != nil {
		return nil, err
	}
	name, _ := os.Hostname() // a header without a name is no reason not to run
	h := &record.Run{
		ID: runID(o.Start), Start: o.Start, Program: "mtbench " + cli.Version(), Label: f.label,
		Options: options, Model: f.model, URL: httpclient.ShownText(f.openai.URL[0]),
		KeySource: f.keySource, Seed: int64(f.bench.Seed), Clients: f.bench.Clients,
		ActiveConversations: max(f.bench.Active, f.bench.Clients),
		OutputLength:        string(lengthCap), Dataset: d.Dataset, Tokenizer: who, Clocks: clocks,
		Host: record.Host{
			Name: name, OS: runtime.GOOS, Arch: runtime.GOARCH, CPUs: runtime.NumCPU(),
			Go: runtime.Version(),
		},
		Server: described(&ids[0]),
		Load:   askedLoad(o, d),
	}
	if len(ids) > 1 {
		h.Load.Balance = string(o.Balance)
		for i := range ids {
			h.Replicas = append(h.Replicas, record.Replica{
				URL: httpclient.ShownText(f.openai.URL[i]), Server: described(&ids[i]),
			})
		}
	}
	h.Load.API = string(f.openai.Endpoint())
	if f.openai.Endpoint() == openai.Completions {
		h.Load.PromptFormat = f.format().Name
	}
	h.Load.NoStream, h.Load.NoUsage = f.openai.NoStream, f.openai.NoUsage
	if o.Control != load.NoControl {
		h.Control = string(o.Control)
	}
	if f.cacheSalt != saltNone {
		h.CacheSalt = string(f.cacheSalt)
	}
	if o.Exact {
		h.OutputLength = string(lengthExact)
	}
	return h, nil
}

// described is a server as a header has it.
func described(id *server.Identity) record.Server {
	return record.Server{
		Kind: id.Name, Version: id.Version, Models: id.Models, MaxModelLen: id.MaxModelLen,
	}
}

// askedLoad is what a header says of the load that o asks for.
func askedLoad(o *bench.Options, d *dataset) *record.Load {
	l := &record.Load{
		MaxRequests: o.MaxRequests, MaxMessages: o.MaxMessages, MinAnswer: o.LimitMin,
		MaxAnswer: o.LimitMax, Sampling: string(o.Order), Rate: o.Rate, Warmup: o.Warmup,
		Retries: o.Retries, OnFailure: string(o.Failure), History: string(o.History),
		ReasoningField: o.ReasoningField, ThinkMS: meanThink(d.conversations, o.MaxMessages),
	}
	if o.Control != load.NoControl {
		l.ControlMix = string(o.Mix)
	}
	return l
}

// meanThink returns the mean think time of the turns that have one, in
// milliseconds; 0 if none has.
func meanThink(conversations []chat.Conversation, messages int) float64 {
	var sum time.Duration
	n := 0
	for i := range conversations {
		for _, t := range conversations[i].Cut(messages) {
			if t.Think > 0 {
				sum += t.Think
				n++
			}
		}
	}
	return sum.Seconds() * 1000 / float64(max(1, n))
}

// runID sorts by time and is unique.
func runID(start time.Time) string {
	var b [4]byte
	_, _ = rand.Read(b[:]) // never fails
	return start.UTC().Format("20060102T150405Z") + "-" + hex.EncodeToString(b[:])
}
