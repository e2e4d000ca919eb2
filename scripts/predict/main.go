// Predict compares the hits that a report predicts with those of the simulated
// server, at several sizes of cache: conversations are played against `mtbench
// sim`, and the report's prediction from the records stands beside usage and the
// server's truth.
package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	"multiturn/pkg/measure"
	"multiturn/scripts/internal/simrun"
)

func main() {
	check := func(err error) {
		if err != nil {
			fmt.Fprintln(os.Stderr, "predict:", err)
			os.Exit(1)
		}
	}
	var b bench
	flag.StringVar(&b.bin, "bin", "bin", "folder of the commands")
	flag.StringVar(&b.out, "out", "out/predict", "folder for records and truths")
	flag.IntVar(&b.clients, "p", 4, "requests in flight")
	flag.IntVar(&b.active, "k", 10, "conversations in progress")
	only := flag.String("only", "", "play the settings whose names contain this")
	fast := flag.Bool("fast", false, "a server with microseconds between events")
	flag.Parse()
	b.speeds = speeds
	if *fast {
		b.speeds = fastSpeeds
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	check(os.MkdirAll(b.out, 0o777))
	check(b.generate(ctx))
	var rows []row
	for _, s := range settings {
		if !strings.Contains(s.String(), *only) {
			continue
		}
		r, err := b.run(ctx, s)
		check(err)
		rows = append(rows, r)
	}
	check(writeTable(os.Stdout, rows))
}

// setting is a server to predict for, in blocks.
type setting struct {
	engine     string
	size       int // of a block, in tokens
	gpu, cpu   int
	answersToo bool // the CPU tier keeps answers too
	exclusive  bool
}

var settings = []setting{
	{engine: "fixed", size: 16, gpu: 1100}, {engine: "fixed", size: 16, gpu: 1300},
	{engine: "fixed", size: 16, gpu: 1100, cpu: 1400},
	{engine: "batch", size: 16, gpu: 1000}, {engine: "batch", size: 16, gpu: 1300},
	{engine: "batch", size: 32, gpu: 600}, {engine: "batch", size: 32, gpu: 800},
	{engine: "batch", size: 16, gpu: 1100, cpu: 1400},
	{engine: "batch", size: 16, gpu: 1100, cpu: 700, exclusive: true},
	{engine: "batch", size: 32, gpu: 550, cpu: 800, answersToo: true},
}

// String describes the setting in a table.
func (s setting) String() string {
	text := fmt.Sprintf("%s, %d x %d", s.engine, s.gpu, s.size)
	if s.cpu > 0 {
		text += fmt.Sprintf(" + %d", s.cpu)
	}
	switch {
	case s.exclusive:
		text += " exclusive"
	case s.answersToo:
		text += " with answers"
	}
	return text
}

// speeds of the simulated server: of the order of a small model on a GPU.
var speeds = map[string][]string{
	"fixed": {"--ttft-base", "20ms", "--ttft-per-token", "66us", "--itl", "5ms"},
	"batch": {"--step", "5ms", "--step-per-seq", "20us", "--prefill-rate", "15000"},
}

// fastSpeeds leave microseconds between events, so that the order in which the
// client saw them is often not the server's.
var fastSpeeds = map[string][]string{
	"fixed": {"--ttft-base", "1ms", "--ttft-per-token", "1us", "--itl", "100us"},
	"batch": {"--step", "200us", "--step-per-seq", "5us", "--prefill-rate", "1000000"},
}

// lower is what the CPU tier keeps.
func (s setting) lower() string {
	if s.answersToo {
		return "prompt+output"
	}
	return "prompt"
}

// shared are the flags that the server and the client have in common.
func (s setting) shared() []string {
	flags := []string{"--block-size", fmt.Sprint(s.size)}
	if s.exclusive {
		flags = append(flags, "--exclusive")
	}
	return flags
}

// bench plays the settings.
type bench struct {
	bin, out        string
	clients, active int
	speeds          map[string][]string
}

// row is a setting's result, in tokens.
type row struct {
	setting
	turns                                     int
	prompt, possible, predicted, usage, truth int
}

// off returns the prediction's error as a share of the hits.
func (r *row) off() float64 { return float64(r.predicted-r.truth) / float64(max(1, r.truth)) }

func (b *bench) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, filepath.Join(b.bin, name), args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	return cmd
}

// conversations is the file that is played.
func (b *bench) conversations() string { return filepath.Join(b.out, "conversations.json") }

func (b *bench) generate(ctx context.Context) error {
	return output(b.command(ctx, "genconv", "--text", "examples/opticks.txt", "--tokenizer",
		"o200k_base", "--seed", "0", "-o", b.conversations(), "-q"))
}

// output runs a command; its error has what the command wrote.
func output(cmd *exec.Cmd) error {
	text, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w\n%s", strings.Join(cmd.Args, " "), err, text)
	}
	return nil
}

// run plays a setting and reads its report and its truth.
func (b *bench) run(ctx context.Context, s setting) (row, error) {
	name := strings.NewReplacer(" ", "-", ",", "", "+", "and").Replace(s.String())
	base := filepath.Join(b.out, name)
	r := row{setting: s}
	if err := b.play(ctx, s, base); err != nil {
		return r, err
	}
	if err := b.report(ctx, base, &r); err != nil {
		return r, err
	}
	truth, err := simrun.ReadTruth(base + ".truth.jsonl")
	if err != nil {
		return r, err
	}
	for i := range truth.Requests {
		c := truth.Requests[i].Cached
		r.truth += c.GPU + c.CPU + c.Disk
	}
	return r, nil
}

// play starts the server, plays the conversations and stops it.
func (b *bench) play(ctx context.Context, s setting, base string) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	server := b.command(ctx, "mtbench", b.serverArgs(s, base)...)
	out, err := server.StdoutPipe()
	if err != nil {
		return err
	}
	if err := server.Start(); err != nil {
		return err
	}
	url, err := bufio.NewReader(out).ReadString('\n')
	if err == nil {
		err = output(b.command(ctx, "mtbench", b.clientArgs(s, strings.TrimSpace(url), base)...))
	}
	cancel()
	if werr := server.Wait(); werr != nil && !errors.Is(werr, context.Canceled) {
		err = cmp.Or(err, werr)
	}
	return err
}

func (b *bench) serverArgs(s setting, base string) []string {
	return slices.Concat([]string{"sim", "--listen", "127.0.0.1:0", "--tokenizer", "o200k_base", "-q",
		"--truth", base + ".truth.jsonl", "--engine", s.engine, "--gpu-cache", fmt.Sprint(s.gpu),
		"--cpu-cache", fmt.Sprint(s.cpu), "--offload-store", s.lower()}, s.shared(),
		b.speeds[s.engine])
}

func (b *bench) clientArgs(s setting, url, base string) []string {
	args := slices.Concat([]string{"run", "-i", b.conversations(), "-m", "sim", "--tokenizer",
		"o200k_base", "-u", url, "-p", fmt.Sprint(b.clients), "-k", fmt.Sprint(b.active), "-q",
		"--preflight", "off", "--send-conversation-id", "--records", base + ".jsonl",
		"--gpu-blocks", fmt.Sprint(s.gpu), "--store", "cpu=" + s.lower()}, s.shared())
	if s.cpu > 0 {
		args = append(args, "--cpu-blocks", fmt.Sprint(s.cpu))
	}
	return args
}

// report reads the prediction from the report.
func (b *bench) report(ctx context.Context, base string, r *row) error {
	text, err := b.command(ctx, "mtbench", "report", base+".jsonl", "--conversations",
		b.conversations(), "--format", "json", "-q").Output()
	if err != nil {
		return fmt.Errorf("report of %s: %w", base, err)
	}
	var docs []struct {
		Details struct {
			CachePlan struct {
				All struct {
					N         int `json:"n"`
					Prompt    int `json:"prompt_tokens"`
					Possible  int `json:"possible_tokens"`
					Predicted int `json:"predicted_tokens"`
					Cached    int `json:"cached_tokens"`
				} `json:"all_turns"`
			} `json:"cache_plan"`
		} `json:"details"`
	}
	if err := json.Unmarshal(text, &docs); err != nil || len(docs) != 1 {
		return fmt.Errorf("report of %s: %d runs: %w", base, len(docs), err)
	}
	all := docs[0].Details.CachePlan.All
	r.turns, r.prompt, r.possible = all.N, all.Prompt, all.Possible
	r.predicted, r.usage = all.Predicted, all.Cached
	return nil
}

func writeTable(w io.Writer, rows []row) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "engine, gpu blocks x tokens + cpu blocks\tturns\tprompt\tpossible\t"+
		"predicted\tusage\ttruth\toff\t% of hits\t")
	var off []float64
	for i := range rows {
		r := &rows[i]
		fmt.Fprintf(t, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t%+d\t%+.2f\t\n", r.setting, r.turns, r.prompt,
			r.possible, r.predicted, r.usage, r.truth, r.predicted-r.truth, 100*r.off())
		off = append(off, math.Abs(r.off()))
	}
	if err := t.Flush(); err != nil || len(off) == 0 {
		return err
	}
	all := measure.New(off)
	_, err := fmt.Fprintf(w, "\n%d runs: median off by %.2f %% of hits, at most %.2f %%\n", all.N(),
		100*all.Median(), 100*all.Max())
	return err
}
