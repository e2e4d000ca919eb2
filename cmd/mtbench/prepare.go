package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"multiturn/internal/crash"
	"multiturn/pkg/bench"
	"multiturn/pkg/chat/template"
	"multiturn/pkg/cli"
	"multiturn/pkg/openai"
	"multiturn/pkg/plan"
	"multiturn/pkg/report"
	"multiturn/pkg/sockclock"
)

// setup is a run that is set up: what follows from the flags alone.
type setup struct {
	*runFlags
	call    *cli.Call
	options bench.Options
	clients openai.Replicas
	salts   *salts
	cache   report.CacheOptions
	out     *outputs
	waiting *waiting
}

// prepare checks the flags, opens the outputs and makes the client. Nothing is
// sent, and no input is read.
func prepare(c *cli.Call, f *runFlags) (s *setup, err error) {
	s = &setup{runFlags: f, call: c, options: f.bench}
	if err := f.view.check(); err != nil {
		return nil, err
	}
	if f.keySource, err = f.findKey(c); err != nil {
		return nil, err
	}
	if err := errors.Join(f.readCertificate(c), f.findProxy(c)); err != nil {
		return nil, err
	}
	if s.salts, err = newSalts(f); err != nil {
		return nil, err
	}
	s.waiting = &waiting{
		limit: f.wait, asked: c.IsSet("wait"), stop: c.Drain(), say: c.Remarkf,
	}
	s.options.NotReady = s.waiting.notReady
	if !f.keepGoing {
		s.options.GiveUp = giveUpAfter
	}
	s.options.Reset = func(ctx context.Context) error {
		_, err := s.clients.ResetCache(ctx)
		return err
	}
	s.options.Replicas = len(f.openai.URL)
	s.options.OnCrash = s.onCrash()
	s.salts.apply(f, &s.options, nil) // once more when there is a tokenizer
	if err := s.options.Validate(); err != nil {
		return nil, cli.Exit(cli.Usage, err)
	}
	if err := errors.Join(s.stateCache(), checkFiles(f)); err != nil {
		return nil, err
	}
	if s.out, err = openOutputs(c, f); err != nil {
		return nil, err
	}
	c.HTTP = f.openai.Elsewhere()
	s.options.Start = time.Now()
	if s.clients, err = s.newClients(); err != nil {
		s.out.close()
		return nil, cli.Exit(cli.Usage, err)
	}
	// All captures of the run are open. What reads the answers needs no such right.
	if err := sockclock.DropRight(); err != nil {
		c.Log.Debug("the right to capture packets stays", "error", err)
	}
	s.remarkFormat()
	return s, nil
}

// remarkFormat says which format of prompts was chosen, or that none is used.
func (s *setup) remarkFormat() {
	api := s.runFlags.openai.Endpoint()
	if api != openai.Completions && s.call.IsSet("prompt-format") {
		s.call.Remarkf("--prompt-format is not used: the server makes the prompts of --api %s", api)
	}
	if api != openai.Completions || s.promptFormat != "" {
		return
	}
	why := "the model's name does not show another"
	if template.OfModel(s.model) != nil {
		why = "as the model's name shows"
	}
	s.call.Remarkf("prompts are in the format %s, %s; --prompt-format has others",
		s.format().Name, why)
}

// stateCache takes what the flags state of the server's cache. The GPU's size may
// yet come from the server's metrics.
func (s *setup) stateCache() (err error) {
	f := &s.runFlags.cache
	if s.cache.Stated, err = f.stated(s.call); err != nil {
		return err
	}
	s.cache.Model = s.model
	var nothing plan.Evidence
	_, err = nothing.Shape(s.cache.Stated, s.model)
	if errors.Is(err, plan.ErrNoGPU) {
		return nil
	}
	return f.refused(err)
}

// newClients returns the clients of the measured requests.
func (s *setup) newClients() (openai.Replicas, error) {
	o, err := s.clientOptions(s.options.Start)
	if err != nil {
		return nil, err
	}
	o.Fields = s.salts.fields(s.runFlags, s.salts.used)
	o.OnCrash = s.options.OnCrash
	return openai.NewReplicas(o)
}

// onCrash returns what shows where the program panicked, once: what set it off may
// come with every turn.
func (s *setup) onCrash() func(*crash.Error) {
	var once sync.Once
	return func(c *crash.Error) {
		once.Do(func() {
			fmt.Fprintf(s.call.Stderr, "mtbench: a fault of mtbench at %s; please report it with "+
				"what follows\n%s", c.Place, c.Stack)
		})
	}
}

func (s *setup) close() {
	s.clients.Close()
	s.out.close()
}
