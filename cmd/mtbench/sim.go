package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"syscall"
	"time"

	"multiturn/internal/human"
	"multiturn/internal/limits"
	"multiturn/pkg/chat/template"
	"multiturn/pkg/cli"
	"multiturn/pkg/kvcache"
	"multiturn/pkg/sim"
	"multiturn/pkg/tokenizer"
)

func runSim(ctx context.Context, c *cli.Call, f *simFlags) error {
	switch {
	case f.listPresets:
		return c.Terms(presets())
	case f.listFaults:
		return c.Terms(faults())
	}
	o, err := f.simulator(ctx, c)
	if err != nil {
		return err
	}
	commit := func() error { return nil }
	if f.truth != "" {
		out, err := c.CreateInPlace(f.truth)
		if err != nil {
			return err
		}
		defer out.Close()
		o.Truth, commit = out, out.Commit
	}
	s, err := sim.New(o)
	if err != nil {
		return cli.Exit(cli.Usage, err)
	}
	err = serveSim(ctx, c, s, f.listen, f.tls)
	if cerr := s.Close(); err == nil {
		err = cerr
	}
	if late := s.Lateness(); late.Writes > 0 {
		c.Remarkf("sim's %s writes were late by p50 %v, p99 %v, max %v",
			human.Thousands(int64(late.Writes)), threeDigits(late.P50), threeDigits(late.P99),
			threeDigits(late.Max))
	}
	if n, first := s.Panics(); n > 0 {
		c.Remarkf("%s ended in a fault of sim's own, which should be reported; the first: %s",
			human.Count(n, "request"), first)
	}
	if err == nil {
		err = commit()
	}
	return err
}

// threeDigits rounds a time to three digits.
func threeDigits(d time.Duration) time.Duration {
	unit := time.Duration(1)
	for d/unit >= 1000 {
		unit *= 10
	}
	return d.Round(unit)
}

// simulator returns the options of the simulator that the flags ask for.
func (f *simFlags) simulator(ctx context.Context, c *cli.Call) (sim.Options, error) {
	o := f.options
	o.Version, o.Template = cli.Version(), template.Named(f.template)
	if err := f.applyPreset(c); err != nil {
		return o, err
	}
	model, err := kvModel(f.machine.Model)
	if err != nil {
		return o, cli.UsageErrorf("flag --kv-model: %w", err)
	}
	if err := f.machine.Apply(&o, model); err != nil {
		return o, cli.Exit(cli.Usage, err)
	}
	if o.Faults, err = sim.ParseFaults(f.faults); err != nil {
		return o, cli.UsageErrorf("flag --fault: %w", err)
	}
	if f.keepAlive > 0 {
		o.Faults = append(sim.Faults{{Name: "idle", Wait: f.keepAlive, Share: 1}}, o.Faults...)
	}
	for _, m := range f.metrics {
		o.Metrics = append(o.Metrics, sim.Dialect(m))
	}
	if f.tokenizer != quadTokenizer {
		t, _, err := c.Tokenizer(ctx, f.tokenizer, "")
		if err != nil {
			return o, err
		}
		o.Tokenizer = vocabulary{t}
	}
	return o, nil
}

// applyPreset starts from the preset's machine and sets again what other flags
// have set.
func (f *simFlags) applyPreset(c *cli.Call) error {
	if f.preset == "" {
		return nil
	}
	m, err := sim.Preset(f.preset)
	if err != nil {
		return cli.UsageErrorf("flag --preset: %w", err)
	}
	given, known := machineGroups(&f.machine, new(string)), machineGroups(&m, new(string))
	for i := range given {
		for k, flag := range given[i].Flags {
			if flag.Name == "preset" || !c.IsSet(flag.Name) {
				continue
			}
			if err := known[i].Flags[k].Value.Set(flag.Value.String()); err != nil {
				return cli.UsageErrorf("flag --%s: %w", flag.Name, err)
			}
		}
	}
	f.machine = m
	return nil
}

// kvModel returns the model of a config.json, or nil if the name is not a
// file's.
func kvModel(name string) (*kvcache.Model, error) {
	if !strings.HasSuffix(name, ".json") {
		return nil, nil
	}
	b, err := limits.ReadFile(name, limits.Settings)
	if err != nil {
		return nil, err
	}
	m, err := kvcache.ParseModel(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return m, nil
}

// serveSim listens, prints where, and serves until the context ends.
func serveSim(ctx context.Context, c *cli.Call, s *sim.Server, listen string, secure bool) error {
	if _, err := strconv.ParseUint(listen, 10, 16); err == nil {
		listen = net.JoinHostPort("127.0.0.1", listen)
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", listen)
	if errors.Is(err, syscall.EADDRINUSE) {
		return cli.UsageErrorf("flag --listen: %s is in use by another program; name another port, "+
			"0 is any free one", listen)
	}
	if err != nil {
		return cli.UsageErrorf("flag --listen: %w", err)
	}
	scheme := "http"
	if secure {
		host, _, _ := net.SplitHostPort(listen)
		config, err := sim.SelfSigned(host)
		if err != nil {
			return err
		}
		l, scheme = tls.NewListener(l, config), "https"
	}
	failed := make(chan error, 1)
	go func() { failed <- s.Serve(l) }()
	if warning := openTo(l.Addr(), s.NeedsKey()); warning != "" {
		c.Remarkf("%s", warning)
	}
	if _, err := fmt.Fprintf(c.TextOut(), "%s://%s\n", scheme, l.Addr()); err != nil {
		return err // nobody would learn the address
	}
	select {
	case err = <-failed:
		return err
	case <-ctx.Done():
		return nil
	}
}

// openTo returns a warning if others than this machine can use a server.
func openTo(addr net.Addr, needsKey bool) string {
	if tcp, ok := addr.(*net.TCPAddr); !ok || tcp.IP.IsLoopback() {
		return ""
	}
	who := "anyone who reaches it can use it (no key is needed: --api-key sets one)"
	if needsKey {
		who = "anyone who reaches it and has the key of --api-key can use it"
	}
	return fmt.Sprintf("sim listens at %s, which is not a loopback address: %s", addr, who)
}

// vocabulary is a model's tokenizer as the simulator takes it.
type vocabulary struct{ *tokenizer.Tokenizer }

func (v vocabulary) Decode(ids []int32) string { return v.Tokenizer.Decode(ids, false) }

// presets explains the machines that are known, with the sources of their numbers.
func presets() (list []cli.Term) {
	for _, m := range sim.Presets() {
		word := "measured"
		if m.Guess {
			word = "a guess"
		}
		list = append(list, cli.Term{Word: m.Name, About: m.About + "\n" + word + " " + m.Source})
	}
	return list
}

// faults explains the faults, each group under its name.
func faults() (list []cli.Term) {
	for _, g := range sim.FaultGroups() {
		list = append(list, cli.Term{Word: g.Name + ": " + g.About})
		for _, f := range g.Faults {
			list = append(list, cli.Term{Word: f.Form, About: f.About})
		}
	}
	return list
}
