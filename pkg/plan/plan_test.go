package plan

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"multiturn/pkg/chat"
	"multiturn/pkg/chat/template"
	"multiturn/pkg/kvcache"
	"multiturn/pkg/load"
	"multiturn/pkg/record"
	"multiturn/pkg/render"
)

var update = flag.Bool("update", false, "write the golden files")

// words is a tokenizer whose tokens are words, so that tests can count.
type words struct{}

func (words) Append(dst []int32, text string) []int32 {
	for _, w := range strings.Fields(text) {
		h := uint32(17)
		for i := range len(w) {
			h = h*31 + uint32(w[i])
		}
		dst = append(dst, int32(h>>4))
	}
	return dst
}

func say(n int, word string) string { return strings.TrimSpace(strings.Repeat(word+" ", n)) }

// talk is a conversation of turns with so many words asked and answered.
func talk(id string, asked, answered int, turns int) chat.Conversation {
	c := chat.Conversation{ID: id}
	for i := range turns {
		c.Messages = append(c.Messages,
			chat.Message{Role: chat.User, Text: say(asked, fmt.Sprintf("%s-q%d", id, i))},
			chat.Message{Role: chat.Assistant, Text: say(answered, fmt.Sprintf("%s-a%d", id, i))})
	}
	return c
}

func simulate(t *testing.T, conversations []chat.Conversation, l Simulation) *Workload {
	t.Helper()
	w, err := Simulate(t.Context(), conversations, words{}, l)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// fromTurns returns the workload of turns that are all in memory.
func fromTurns(turns []*record.Turn, o Executed) *Workload {
	return FromTurns(len(turns), func(i int) *record.Turn { return turns[i] }, o)
}

func analyse(t *testing.T, w *Workload, c *kvcache.Config) *Analysis {
	t.Helper()
	var caches Caches
	if c != nil {
		caches = Caches{*c}
	}
	a, err := Analyse(w, caches, kvcache.PromptAndOutput)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func gpu(blockSize, blocks int) *kvcache.Config {
	return &kvcache.Config{BlockSize: blockSize,
		Tiers: [kvcache.NumTiers]kvcache.TierConfig{kvcache.GPU: {Blocks: blocks}}}
}

// The built-in template, by hand: <|im_start|> user \n text <|im_end|> \n, and
// <|im_start|> assistant \n.
func TestTokensOfConversations(t *testing.T) {
	t.Parallel()
	c := []chat.Conversation{talk("a", 10, 7, 3)}
	for name, test := range map[string]struct {
		load    Simulation
		prompts []int
		outputs []int
		fresh   []int
	}{
		"built in": {Simulation{}, []int{18, 18 + 7 + 2 + 15 + 3, 2*(18+7+2) + 18},
			[]int{7, 7, 7}, []int{18, 20, 20}},
		"no template": {Simulation{Template: template.Opaque(0)}, []int{10, 27, 44},
			[]int{7, 7, 7}, []int{10, 10, 10}},
		"four a message": {Simulation{Template: template.Opaque(4)}, []int{18, 43, 68},
			[]int{7, 7, 7}, []int{18, 18, 18}},
		"two messages": {Simulation{Options: load.Options{MaxMessages: 2}}, []int{18},
			[]int{7}, []int{18}},
		"three messages": {Simulation{Options: load.Options{MaxMessages: 3}}, []int{18, 45},
			[]int{7, 7}, []int{18, 20}},
		"shorter answers": {Simulation{LimitMax: 3}, []int{18, 41, 64}, []int{3, 3, 3},
			[]int{18, 20, 20}},
		"longer answers": {Simulation{LimitMin: 9, LimitMax: 9}, []int{18, 47, 76}, []int{9, 9, 9},
			[]int{18, 20, 20}},
		"dataset history": {Simulation{LimitMax: 3, DatasetHistory: true}, []int{18, 45, 72},
			[]int{3, 3, 3}, []int{18, 27, 27}},
	} {
		w := simulate(t, c, test.load)
		var prompts, outputs, fresh []int
		for _, r := range w.Requests {
			prompts, outputs, fresh = append(prompts, r.Prompt), append(outputs, r.Output),
				append(fresh, int(r.New))
			if want := (r.Prompt + r.Output) / w.BlockSize; len(r.Hashes) != want {
				t.Errorf("%s: %d blocks for %d + %d tokens", name, len(r.Hashes),
					r.Prompt, r.Output)
			}
		}
		if !slices.Equal(prompts, test.prompts) || !slices.Equal(outputs, test.outputs) ||
			!slices.Equal(fresh, test.fresh) {
			t.Errorf("%s: prompts %v, answers %v, new %v; want %v, %v, %v", name, prompts, outputs,
				fresh, test.prompts, test.outputs, test.fresh)
		}
	}
}

// What is hit, by hand: blocks of 4 tokens, no template.
func TestPossibleHits(t *testing.T) {
	t.Parallel()
	shared := func(id string) chat.Conversation {
		c := talk(id, 6, 5, 2)
		c.Messages = append([]chat.Message{{Role: chat.System, Text: say(9, "system")}},
			c.Messages...)
		return c
	}
	agent := func(id string) chat.Conversation {
		c := talk(id, 6, 5, 2)
		c.Messages = append([]chat.Message{{Role: chat.System}}, c.Messages...)
		asAgent(&c)
		c.Messages = c.Messages[1:]
		return c
	}
	bare := Simulation{BlockSize: 4, Template: template.Opaque(0)}
	dataset := bare
	dataset.DatasetHistory = true
	longer := bare
	longer.LimitMin, longer.LimitMax = 8, 8
	for name, test := range map[string]struct {
		conversations []chat.Conversation
		load          Simulation
		want          []int
	}{
		// 6 + 5 tokens, the last of which is never computed; then 17.
		"history":         {[]chat.Conversation{talk("a", 6, 5, 2)}, bare, []int{0, 8}},
		"what was thrown": {[]chat.Conversation{talk("a", 6, 5, 2)}, dataset, []int{0, 4}},
		"made up answers": {[]chat.Conversation{talk("a", 6, 5, 2)}, longer, []int{0, 12}},
		"shared": {[]chat.Conversation{shared("a"), shared("b")}, bare,
			[]int{0, 16, 8, 16}},
		"the same twice": {[]chat.Conversation{talk("a", 8, 5, 1), talk("a", 8, 5, 1)}, bare,
			[]int{0, 4}},
		"nothing": {[]chat.Conversation{talk("a", 6, 5, 1), talk("b", 6, 5, 1)}, bare,
			[]int{0, 0}},
		// Tools are the first 30 tokens of both. The call that was generated is thrown
		// away where the dataset's stays: 36 tokens of the first prompt are hit.
		"agents": {[]chat.Conversation{agent("a"), agent("b")}, bare, []int{0, 36, 28, 36}},
	} {
		var got []int
		for _, turn := range analyse(t, simulate(t, test.conversations, test.load), nil).Turns {
			got = append(got, int(turn.Possible))
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%s: possible hits %v, want %v", name, got, test.want)
		}
	}
}

// Real vLLM under eviction: its twelve counts of cached tokens, from records of the run.
func TestCompareGivesWhatVLLMHit(t *testing.T) {
	t.Parallel()
	for _, file := range goldens(t, "../kvcache/testdata/vllm_lru.json", "data/metrics/vllm-lru-golden.json") {
		var golden struct {
			BlockSize    int `json:"block_size"`
			UsableBlocks int `json:"usable_blocks"`
			Generated    int
			Requests     []struct{ Round, Conv, Prompt, Cached int }
		}
		readJSON(t, file, &golden)
		var turns []*record.Turn
		for i, r := range golden.Requests {
			turns = append(turns, &record.Turn{
				Conversation: fmt.Sprint(r.Conv), Turn: r.Round,
				Exchange: record.Exchange{Outcome: record.OK,
					Sent: record.Clock(1 + 10*i), End: record.Clock(5 + 10*i),
					Usage: &record.Usage{Prompt: r.Prompt, Completion: golden.Generated}},
			})
		}
		got, notes, err := Compare(turns, gpu(golden.BlockSize, golden.UsableBlocks), Executed{})
		if err != nil || len(notes) > 0 {
			t.Fatal(err, notes)
		}
		if len(got) != 12 {
			t.Fatalf("%d turns", len(got))
		}
		for i, r := range golden.Requests {
			if got[i].Predicted() != r.Cached {
				t.Errorf("%s: conversation %d, round %d: %d tokens predicted, vLLM hit %d", file,
					r.Conv, r.Round, got[i].Predicted(), r.Cached)
			}
		}
	}
}

// goldens are a file of the project, and one of SHARED if that is set.
func goldens(t *testing.T, own, shared string) []string {
	t.Helper()
	files := []string{own}
	if dir := os.Getenv("SHARED"); dir != "" {
		files = append(files, filepath.Join(dir, shared))
	} else {
		t.Logf("without %s: SHARED is not set", shared)
	}
	return files
}

func readJSON(t *testing.T, file string, into any) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, into); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}

// Without texts, the possible hit of a turn is the bound that follows from token
// counts alone, whatever the order of the records.
func TestCountsAlone(t *testing.T) {
	t.Parallel()
	for seed := range uint64(30) {
		rng := rand.New(rand.NewPCG(seed, 1))
		size := 1 + rng.IntN(20)
		o := Executed{BlockSize: size}
		last := map[string]kvcache.Turn{}
		number := map[string]int{}
		var turns []*record.Turn
		var want []int
		for i := range 120 {
			name := fmt.Sprint(rng.IntN(7))
			now := kvcache.Turn{Prompt: last[name].Prompt + last[name].Output + 1 + rng.IntN(60),
				Output: rng.IntN(40)}
			want = append(want,
				kvcache.Bound(last[name], now.Prompt, size, kvcache.PromptAndOutput))
			turns = append(turns, &record.Turn{
				Conversation: name, Turn: number[name],
				Exchange: record.Exchange{Outcome: record.OK, Sent: record.Clock(10 * (i + 1)),
					End:   record.Clock(10*(i+1) + 9),
					Usage: &record.Usage{Prompt: now.Prompt, Completion: now.Output}},
			})
			last[name] = now
			number[name]++
		}
		w := fromTurns(turns, o)
		a := analyse(t, w, nil)
		for i := range want {
			if int(a.Turns[i].Possible) != want[i] {
				t.Fatalf("seed %d turn %d: possible %d, bound %d", seed, i, a.Turns[i].Possible, want[i])
			}
		}
		// In another order of the records, the same.
		shuffled := slices.Clone(turns)
		rng.Shuffle(len(shuffled), func(i, j int) {
			shuffled[i], shuffled[j] = shuffled[j], shuffled[i]
		})
		compared, _, err := Compare(shuffled, nil, o)
		if err != nil {
			t.Fatal(err)
		}
		for i, turn := range shuffled {
			if int(compared[i].Possible) != want[slices.Index(turns, turn)] {
				t.Fatalf("seed %d: shuffled turn %d has %d", seed, i, compared[i].Possible)
			}
		}
	}
}

// Every capacity against a plain LRU list, of requests that overlap.
func TestCurveOfOverlap(t *testing.T) {
	t.Parallel()
	for seed := range uint64(25) {
		rng := rand.New(rand.NewPCG(seed, 3))
		var conversations []chat.Conversation
		for i := range 6 {
			conversations = append(conversations,
				talk(fmt.Sprint(i%4), 1+rng.IntN(30), 1+rng.IntN(30), 1+rng.IntN(5)))
			conversations[i].ID = fmt.Sprint(i)
		}
		var o Simulation
		o.Clients, o.Active = 1+rng.IntN(3), 3+rng.IntN(3)
		o.Order, o.Seed = []load.Order{load.RoundRobin, load.Random}[rng.IntN(2)], uint32(seed)
		o.BlockSize, o.DatasetHistory = 4, rng.IntN(2) == 0
		o.Speed = Speed{
			Base: time.Millisecond, PerToken: time.Duration(rng.IntN(1000)),
			Interval: time.Duration(rng.IntN(1000)),
		}
		w := simulate(t, conversations, o)
		a := analyse(t, w, nil)
		for capacity := range a.Curve.Possible().Capacity + 2 {
			if got, want := a.Curve.At(capacity).HitBlocks, plainLRU(w, capacity); got != want {
				t.Fatalf("seed %d: %d blocks hit %d, a plain list %d", seed, capacity, got, want)
			}
		}
		sum := int64(0)
		for _, turn := range a.Turns {
			sum += int64(turn.Possible)
		}
		if sum != a.Curve.Possible().HitTokens {
			t.Fatalf("seed %d: turns' possible hits sum to %d, the curve ends at %d", seed, sum,
				a.Curve.Possible().HitTokens)
		}
	}
}

// plainLRU counts the blocks that a list of so many hits.
func plainLRU(w *Workload, capacity int) (hits int64) {
	var list []kvcache.Hash // most recently used last
	use := func(hashes []kvcache.Hash) {
		for _, h := range slices.Backward(hashes) {
			list = append(slices.DeleteFunc(list, func(x kvcache.Hash) bool { return x == h }), h)
		}
		list = list[max(0, len(list)-capacity):]
	}
	plays := make([]kvcache.Play, len(w.Requests))
	for i := range w.Requests {
		plays[i] = w.Requests[i].Play
	}
	for i, end := range kvcache.Timeline(kvcache.PlayList(plays)) {
		p := plays[i]
		if end {
			use(p.Hashes[:min(len(p.Hashes), (p.Prompt+p.Output-1)/w.BlockSize)])
			continue
		}
		for _, h := range p.Hashes[:(p.Prompt-1)/w.BlockSize] {
			if !slices.Contains(list, h) {
				break
			}
			hits++
		}
		use(p.Hashes[:p.Prompt/w.BlockSize])
	}
	return hits
}

// A cache that is never full hits what the unlimited one does; a shape under
// which nothing runs says so.
func TestPrediction(t *testing.T) {
	t.Parallel()
	w := simulate(t, []chat.Conversation{talk("a", 30, 20, 4), talk("b", 30, 20, 4)},
		Simulation{Options: load.Options{Clients: 2}, BlockSize: 8})
	for _, turn := range analyse(t, w, gpu(8, 1000)).Turns {
		if turn.Predicted() != int(turn.Possible) || turn.Waited || turn.TooLarge {
			t.Errorf("%+v", turn)
		}
	}
	waited, large := 0, 0
	for _, turn := range analyse(t, w, gpu(8, 20)).Turns {
		if turn.Waited {
			waited++
		}
		if turn.TooLarge {
			large++
		}
		if turn.Predicted() > int(turn.Possible) {
			t.Errorf("%+v: more than the unlimited cache", turn)
		}
	}
	if waited == 0 || large == 0 {
		t.Errorf("%d waited, %d too large", waited, large)
	}
	if _, err := Analyse(w, Caches{*gpu(0, 5)}, kvcache.PromptAndOutput); err == nil {
		t.Error("blocks of no tokens are taken")
	}
}

// What records may hold.
func TestTurnsThatNobodySaw(t *testing.T) {
	t.Parallel()
	turn := func(conversation string, number, sent, end, prompt, output int) *record.Turn {
		return &record.Turn{
			Conversation: conversation, Turn: number, Messages: 2*number + 1,
			Exchange: record.Exchange{
				Outcome: record.OK, Sent: record.Clock(sent), End: record.Clock(end),
				Usage: &record.Usage{Prompt: prompt, Completion: output},
			},
		}
	}
	refused := turn("a", 2, 50, 51, 300, 0)
	refused.Outcome, refused.Usage = record.HTTPStatus, nil
	broken := turn("a", 3, 60, 70, 200, 5)
	broken.Outcome, broken.FirstToken = record.Truncated, 65
	uncounted := turn("c", 0, 80, 90, 0, 0)
	uncounted.Usage, uncounted.Implausible = nil, "usage.prompt -5"
	estimated := turn("d", 0, 90, 95, 0, 0)
	estimated.Usage, estimated.Counted = nil, record.Counted{Input: 40, Output: 6}
	empty := turn("f", 0, 180, 190, 64, 1)
	empty.Outcome, empty.History = record.Empty, record.HistoryDataset
	warm := turn("e", 0, 1, 2, 64, 1)
	warm.Warmup = true
	turns := []*record.Turn{
		turn("a", 1, 30, 40, 150, 10), turn("a", 0, 10, 20, 100, 40), refused, broken,
		uncounted, estimated, turn("b", 0, 100, 110, 100, 40), turn("b", 1, 120, 130, 120, 10),
		turn("b", 2, 140, 150, 50, 10), warm, turn("e", 1, 160, 170, 100, 1),
		empty, turn("f", 1, 192, 195, 80, 1),
	}
	got, _, err := Compare(turns, gpu(16, 1000), Executed{})
	if err != nil {
		t.Fatal(err)
	}
	type row struct{ prompt, fresh, possible, predicted int }
	want := []*row{
		{150, 10, 128, 128}, {100, 100, 0, 0}, nil, {200, 40, 144, 144}, nil, {48, 48, 0, 0},
		{100, 100, 0, 0}, {120, 20, 96, 96}, {50, 50, 0, 0}, {64, 64, 0, 0}, {100, 35, 64, 64},
		{64, 64, 0, 0}, {80, 16, 64, 64},
	}
	for i, w := range want {
		switch {
		case (w == nil) != (got[i] == nil):
			t.Errorf("turn %d: %+v, want %+v", i, got[i], w)
		case w != nil && *w != row{int(got[i].Prompt), int(got[i].New), int(got[i].Possible), got[i].Predicted()}:
			t.Errorf("turn %d: %+v, want %+v", i, *got[i], *w)
		}
	}
	reasoned, thinking := turn("r", 0, 200, 210, 100, 40), 30
	reasoned.Usage.Reasoning = &thinking
	turns = append(turns, reasoned, turn("r", 1, 220, 230, 200, 40))
	again, notes, err := Compare(turns, gpu(16, 1000), Executed{})
	if err != nil {
		t.Fatal(err)
	}
	if last := *again[len(again)-1]; last.Possible != 96 || last.New != 100 {
		t.Errorf("behind reasoning: %+v", last)
	}
	wantNotes := []string{
		"1 turn left out: the request failed", "1 turn left out: neither", "1 turn without usage",
		"1 prompt after an answer with reasoning", "1 prompt after an answer that something else",
		"1 prompt too short", "1 prompt shorter",
		"1 turn with numbers that cannot be true, which are taken as unknown: the first is usage.prompt -5",
	}
	if len(notes) != len(wantNotes) {
		t.Fatalf("notes %q", notes)
	}
	for i, n := range wantNotes {
		if !strings.HasPrefix(notes[i], n) {
			t.Errorf("note %q, want %q", notes[i], n)
		}
	}
	s := Summarise(analyse(t, fromTurns(turns, Executed{}), gpu(16, 1000)),
		View{Name: "x", Kind: Records})
	if s.Requests != 12 || s.Conversations != 6 || s.All.Prompt != s.PromptTokens ||
		s.All.Possible != s.Possible.HitTokens {
		t.Errorf("summary %+v", s)
	}
}

// With texts, executed turns share what conversations do: the records of a
// simulated run give the simulation's hits, also where the dataset's answers with
// the calls of tools stay in the history.
func TestTextsOfTheExecuted(t *testing.T) {
	t.Parallel()
	for _, dataset := range []bool{false, true} {
		for _, tools := range []bool{false, true} {
			var conversations []chat.Conversation
			for i := range 5 {
				c := talk(fmt.Sprint(i), 10+i, 8, 4)
				c.Messages = append([]chat.Message{{Role: chat.System, Text: say(50, "system")}},
					c.Messages...)
				if tools {
					asAgent(&c)
				}
				conversations = append(conversations, c)
			}
			checkExecuted(t, conversations, dataset, tools)
		}
	}
}

// asAgent gives a conversation tools, and makes its first answer a call, which the
// message after it returns.
func asAgent(c *chat.Conversation) {
	c.Fields = []chat.Field{{Name: "tools", Value: json.RawMessage(`["` + say(30, "tool") + `"]`)}}
	c.Messages[2].Raw = json.RawMessage(`{"role":"assistant","content":"x","tool_calls":[{"id":"1",` +
		`"function":{"name":" f","arguments":"` + say(12, " call") + `"}}]}`)
	c.Messages[3].Role = chat.Tool
}

func checkExecuted(t *testing.T, conversations []chat.Conversation, dataset, tools bool) {
	t.Helper()
	texts := map[string]*chat.Conversation{}
	for i := range conversations {
		texts[conversations[i].ID] = &conversations[i]
	}
	w := simulate(t, conversations, Simulation{
		Options: load.Options{Clients: 2, Active: 3}, BlockSize: 8, DatasetHistory: dataset,
		Speed: Speed{Base: time.Second, Interval: time.Millisecond},
	})
	var turns []*record.Turn
	for _, r := range w.Requests {
		turn := &record.Turn{
			Conversation: r.Conversation, Turn: int(r.Index),
			Exchange: record.Exchange{Outcome: record.OK, Sent: record.Clock(r.Start) + 1,
				End:   record.Clock(r.End) + 1,
				Usage: &record.Usage{Prompt: r.Prompt, Completion: r.Output}},
		}
		if tools && r.Index == 0 && !dataset {
			turn.History = record.HistoryTool
		}
		turns = append(turns, turn)
	}
	config := gpu(8, 60)
	want := analyse(t, w, config)
	got, notes, err := Compare(turns, config,
		Executed{Texts: texts, Tokenizer: words{}, DatasetHistory: dataset})
	if err != nil {
		t.Fatal(err)
	}
	if replaced := tools && !dataset; replaced != (len(notes) == 1 &&
		strings.HasPrefix(notes[0], "5 prompts after an answer that something else stands for")) ||
		!replaced && len(notes) > 0 {
		t.Errorf("notes %q", notes)
	}
	for i := range got {
		if *got[i] != want.Turns[i] {
			t.Errorf("dataset history %v, turn %d of %s: %+v, simulated %+v", dataset,
				w.Requests[i].Index, w.Requests[i].Conversation, *got[i], want.Turns[i])
		}
	}
}

// Control arms: the measured turns hit as if the others were conversations of
// their own, which hit nothing.
func TestArmsShareNothing(t *testing.T) {
	t.Parallel()
	var turns []*record.Turn
	for i := range 4 {
		for j, arm := range []string{record.ArmMeasured, record.ArmNoReuse, record.ArmAA1, record.ArmCold} {
			turns = append(turns, &record.Turn{
				Conversation: "a", Arm: arm, Turn: i,
				Exchange: record.Exchange{Outcome: record.OK, Sent: record.Clock(100*i + 10*j + 1),
					End:   record.Clock(100*i + 10*j + 9),
					Usage: &record.Usage{Prompt: 100 * (i + 1), Completion: 33}},
			})
		}
	}
	got, notes, err := Compare(turns, gpu(16, 1000),
		Executed{Texts: map[string]*chat.Conversation{"a": {ID: "a"}}, Tokenizer: words{}})
	if err != nil || len(notes) > 0 {
		t.Fatal(err, notes)
	}
	for i, turn := range got {
		want := 0
		if i%4 == 0 && i > 0 {
			want = (100*(i/4) + 32) / 16 * 16
		}
		if int(turn.Possible) != want || turn.Predicted() != want {
			t.Errorf("turn %d in arm %s: %+v, want %d", turns[i].Turn, turns[i].Arm, *turn, want)
		}
	}
}

func TestTraceWorkload(t *testing.T) {
	t.Parallel()
	const lines = `{"timestamp": 0, "input_length": 20, "output_length": 4, "hash_ids": [1, 2]}
{"timestamp": 1000, "input_length": 40, "output_length": 4, "hash_ids": [1, 2, 3]}`
	w, err := FromTrace(strings.NewReader(lines), 16, Speed{})
	if err != nil {
		t.Fatal(err)
	}
	a := analyse(t, w, gpu(16, 100))
	// Published results count the block of 4 tokens as one; a server shares full blocks only.
	if a.Turns[1].Possible != 32 || a.Turns[1].Predicted() != 16 {
		t.Errorf("%+v", a.Turns[1])
	}
	timed, err := FromTrace(strings.NewReader(lines), 16, Speed{Base: 3 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	if r := timed.Requests[1]; !timed.Timed || r.Start != time.Second || r.End != 4*time.Second {
		t.Errorf("%+v", r)
	}
	for _, bad := range []string{"", "x", `{"timestamp": 0, "input_length": 20, "hash_ids": [1]}` + "\n"} {
		if _, err := FromTrace(strings.NewReader(bad), 8, Speed{}); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

func TestSimulationValidate(t *testing.T) {
	t.Parallel()
	for _, bad := range []Simulation{
		{Options: load.Options{Clients: 3, Active: 2}}, {Options: load.Options{Rate: -1}},
		{LimitMin: 5, LimitMax: 2}, {Speed: Speed{Base: -1}}, {BlockSize: -4}, {AnswerTokens: -1},
	} {
		if bad.Validate() == nil {
			t.Errorf("%+v is taken", bad)
		}
	}
	silent := chat.Conversation{ID: "a", Messages: []chat.Message{{Role: chat.System, Text: "x"}}}
	if _, err := Simulate(t.Context(), []chat.Conversation{silent}, words{}, Simulation{}); err == nil {
		t.Error("a conversation without a question is taken")
	}
}

var detected = map[string]struct {
	text string
	want Kind
}{
	"array":                {`[{"id": "a", "messages": []}]`, Conversations},
	"lines":                {"{\"id\": \"a\", \"messages\": [{\"role\": \"user\"}]}\n", Conversations},
	"over lines":           {"\n{\n \"id\": \"a\",\n \"messages\": [\n]}", Conversations},
	"lines of messages":    {"[{\"role\": \"user\"}]\n[{\"role\": \"user\"}]", Conversations},
	"an array of messages": {"[\n {\"role\": \"user\", \"content\": \"x\"}\n]", Conversations},
	"generator":            {`{"filetype": "generate_conversations", "text_files": []}`, Generator},
	"records":              {`{"type": "run", "format": "multiturn-records"}`, Records},
	"turns only":           {`{"type": "turn"}`, Records},
	"broken first":         {"{\"type\": \"ru\n{\"type\": \"turn\"}\n", Records},
	"unknown first":        {"{\"type\": \"note\"}\n{\"type\": \"turn\"}\n", Records},
	"samples":              {`[{"ttft_ms": 1.5, "latency_ms": 2}]`, Samples},
	"trace":                {`{"timestamp": 0, "input_length": 3, "hash_ids": [1]}`, Trace},
	"trace, no ids":        {`{"timestamp": 0, "input_length": 3}`, Trace},
	"empty":                {"", ""},
	"empty array":          {"[]", ""},
	"text":                 {"It was a dark and stormy night.", ""},
	"something else":       {`{"a": 1}`, ""},
	"messages a text":      {`{"messages": "hello"}`, ""},
	"numbers":              {"1 2 3", ""},
}

func TestDetect(t *testing.T) {
	t.Parallel()
	for name, test := range detected {
		kind, r, err := Detect(strings.NewReader(test.text))
		if kind != test.want || (err == nil) != (kind != "") {
			t.Errorf("%s: %q, %v; want %q", name, kind, err, test.want)
			continue
		}
		if err != nil {
			want := ErrUnknown
			if strings.HasPrefix(name, "empty") {
				want = ErrEmpty
			}
			if !errors.Is(err, want) {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if all, err := io.ReadAll(r); string(all) != test.text || err != nil {
			t.Errorf("%s: %q is left to read, %v", name, all, err)
		}
	}
}

func FuzzDetect(f *testing.F) {
	for _, test := range detected {
		f.Add([]byte(test.text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		kind, r, err := Detect(bytes.NewReader(data))
		if (err == nil) != (kind != "") {
			t.Fatalf("%q, %v", kind, err)
		}
		if err != nil || bytes.HasPrefix(data, []byte{0x1f, 0x8b}) {
			return
		}
		if all, err := io.ReadAll(r); !bytes.Equal(all, data) || err != nil {
			t.Errorf("%q is left of %q, %v", all, data, err)
		}
	})
}

// Any row of turns is taken: clocks that did not tick or went back, counts that make no sense.
func FuzzFromTurns(f *testing.F) {
	f.Add(uint64(1), 20)
	f.Fuzz(func(t *testing.T, seed uint64, n int) {
		rng := rand.New(rand.NewPCG(seed, 1))
		var turns []*record.Turn
		for range min(max(n, 0), 200) {
			x := &record.Turn{
				Conversation: fmt.Sprint(rng.IntN(5)), Turn: rng.IntN(6) - 1,
				Messages: rng.IntN(9) - 2, Issued: record.Clock(rng.IntN(50)),
				Arm:    []string{"", "", record.ArmMeasured, record.ArmNoReuse}[rng.IntN(4)],
				Warmup: rng.IntN(8) == 0, Counted: record.Counted{Input: rng.IntN(300) - 50,
					Output: rng.IntN(50) - 10},
				Exchange: record.Exchange{
					Outcome: record.Outcomes[rng.IntN(len(record.Outcomes))],
					Sent:    record.Clock(rng.IntN(50)), FirstToken: record.Clock(rng.IntN(2)),
					End: record.Clock(rng.IntN(60)),
				},
			}
			if rng.IntN(3) > 0 {
				x.Usage = &record.Usage{Prompt: rng.IntN(300) - 50, Completion: rng.IntN(50) - 10}
			}
			turns = append(turns, x)
		}
		texts := map[string]*chat.Conversation{}
		for i := range 3 {
			c := talk(fmt.Sprint(i), 5, 5, 3)
			texts[c.ID] = &c
		}
		for _, o := range []Executed{{BlockSize: 4},
			{BlockSize: 4, Texts: texts, Tokenizer: words{}},
			{BlockSize: 4, DatasetHistory: true, Texts: texts, Tokenizer: words{}}} {
			got, _, err := Compare(turns, gpu(4, 40), o)
			if err != nil {
				t.Fatal(err)
			}
			for i, x := range got {
				if x != nil && (x.Possible < 0 || x.Possible >= x.Prompt || x.Predicted() >= int(x.Prompt)) {
					t.Errorf("turn %d: %+v", i, *x)
				}
			}
			w := fromTurns(turns, o)
			s := Summarise(analyse(t, w, gpu(4, 40)), View{})
			if err := render.WriteText(io.Discard, []render.Document{s.Document()}, false); err != nil {
				t.Fatal(err)
			}
			if err := SVG(io.Discard, s); err != nil {
				t.Fatal(err)
			}
			if _, err := json.Marshal(s); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// What people see.
func TestGolden(t *testing.T) {
	t.Parallel()
	var conversations []chat.Conversation
	for i := range 12 {
		c := talk(fmt.Sprint(i), 40+i, 60, 3+i%4)
		c.Messages = append([]chat.Message{{Role: chat.System, Text: say(64, "system")}},
			c.Messages...)
		conversations = append(conversations, c)
	}
	model, ok := kvcache.ModelByName("Llama-3.1-8B")
	if !ok {
		t.Fatal("no such model")
	}
	tiers := gpu(16, 120)
	tiers.Tiers[kvcache.CPU] = kvcache.TierConfig{Blocks: 180, Store: kvcache.PromptOnly}
	order := simulate(t, conversations,
		Simulation{Options: load.Options{Clients: 2, Active: 6}, AnswerTokens: 5})
	timed := simulate(t, conversations, Simulation{
		Options: load.Options{Clients: 2, Active: 6},
		Speed: Speed{
			Base: 20 * time.Millisecond, PerToken: 50 * time.Microsecond,
			Interval: 10 * time.Millisecond,
		},
	})
	for name, s := range map[string]*Summary{
		"order": Summarise(analyse(t, order, nil), View{Name: "<order>.json", Kind: Conversations}),
		"timed": Summarise(analyse(t, timed, tiers),
			View{Name: "timed.json", Kind: Conversations,
				Sizes: Sizes{Model: model, Serving: kvcache.Serving{TP: 2}}}),
		"none": Summarise(analyse(t,
			simulate(t, []chat.Conversation{talk("a", 3, 3, 1)}, Simulation{}), nil),
			View{Name: "none"}),
	} {
		var text, svg bytes.Buffer
		if err := render.WriteText(&text, []render.Document{s.Document()}, false); err != nil {
			t.Fatal(err)
		}
		if err := SVG(&svg, s); err != nil {
			t.Fatal(err)
		}
		if err := xml.Unmarshal(svg.Bytes(), new(struct{})); err != nil {
			t.Errorf("%s: the picture is not XML: %v", name, err)
		}
		for file, got := range map[string][]byte{name + ".txt": text.Bytes(), name + ".svg": svg.Bytes()} {
			file = filepath.Join("testdata", file)
			if *update {
				if err := os.WriteFile(file, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("%s differs; go test -update writes it anew:\n%s", file, got)
			}
		}
	}
}

func TestSampleTurn(t *testing.T) {
	t.Parallel()
	got := SampleTurn(&record.Sample{Conversation: "a", Client: 2, StartMS: 1000, TTFTMS: 20,
		LatencyMS: 500, InputTurns: 5, InputTokens: 70, OutputTokens: 9})
	if got.Turn != 2 || got.Messages != 5 || got.Sent.MS() != 1000 || got.End.MS() != 1500 ||
		got.Counted.Input != 70 || got.Counted.Output != 9 || !got.Outcome.OK() {
		t.Errorf("%+v", got)
	}
}

// Twelve million block accesses: 600 conversations of 40 turns, 32 in progress.
func BenchmarkAnalyse(b *testing.B) {
	s := Simulation{Options: load.Options{Clients: 8, Active: 32}}.withDefaults()
	var conversations []chat.Conversation
	var scripts []script
	for n := range 600 {
		conversations = append(conversations, talk(fmt.Sprint(n), 1, 1, 40))
		chain := kvcache.NewChain(16, "")
		var script script
		for i := range 40 {
			chain.AppendOwn(own(n, 2*i), 300)
			r := Request{Dialogue: &Dialogue{Conversation: fmt.Sprint(n)}, Index: int32(i)}
			r.Prompt, r.Output = chain.Tokens(), 90
			chain.AppendOwn(own(n, 2*i+1), 90)
			script.requests = append(script.requests, r)
			script.computed = append(script.computed, 300)
		}
		for i := range script.requests {
			r := &script.requests[i]
			r.Hashes = chain.Hashes()[:(r.Prompt+r.Output)/16]
		}
		scripts = append(scripts, script)
	}
	scheduler, err := load.New(s.Options, conversations)
	if err != nil {
		b.Fatal(err)
	}
	w := &Workload{BlockSize: 16, Requests: s.play(scheduler, scripts, nil)}
	b.ReportAllocs()
	for b.Loop() {
		a, err := Analyse(w, Caches{*gpu(16, 8000)}, kvcache.PromptAndOutput)
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(a.Curve.Accesses), "blocks/op")
	}
}
