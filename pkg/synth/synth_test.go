package synth

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"multiturn/pkg/chat"
	"multiturn/pkg/tokenizer"
)

// letters is a tokenizer of one token a byte.
type letters struct{}

func (letters) Encode(text string) []int32 {
	ids := make([]int32, len(text))
	for i := range ids {
		ids[i] = int32(text[i])
	}
	return ids
}

func (letters) Count(text string) int { return len(text) }

func (letters) Decode(ids []int32, _ bool) string {
	b := make([]byte, len(ids))
	for i, id := range ids {
		b[i] = byte(id)
	}
	return string(b)
}

var (
	_ Tokenizer = letters{}
	_ Tokenizer = (*tokenizer.Tokenizer)(nil)
)

func ExampleGenerator_All() {
	cfg, err := Parse([]byte(`{
		"filetype": "generate_conversations", "num_conversations": 2, "text_files": ["abc.txt"],
		"prompt_input": {
			"num_turns": {"distribution": "constant", "value": 2},
			"prefix_num_tokens": {"distribution": "constant", "value": 5},
			"num_tokens": {"distribution": "constant", "value": 90}
		},
		"prompt_output": {"num_tokens": {"distribution": "constant", "value": 10}}
	}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	corpus := NewCorpus(letters{})
	if err := corpus.Add("abc.txt", "abcdefghijklmnopqrstuvwxyz0123456789"); err != nil {
		fmt.Println(err)
		return
	}
	g, err := New(context.Background(), cfg, corpus, Options{Seed: 99})
	if err != nil {
		fmt.Println(err)
		return
	}
	for c, err := range g.All(context.Background()) {
		fmt.Println(c.ID, err)
		for _, m := range c.Messages {
			fmt.Printf("  %s: %s\n", m.Role, m.Text)
		}
	}
	// Output:
	// CONV_ID_0 <nil>
	//   user: 0 is a nice number... 0, abcdePlease rewrite the following text and add more content: fghijklmnopq
	//   assistant: abcdefghij
	// CONV_ID_1 <nil>
	//   user: 1 is a nice number... 1, hijklPlease rewrite the following text and add more content: mnopqrstuvwx
	//   assistant: abcdefghij
}

// build makes a small config by replacing parts of a good one.
func build(replace ...string) []byte {
	text := strings.NewReplacer(replace...).Replace(`{
		"filetype": "generate_conversations", "num_conversations": 3, "text_files": ["t"],
		"prompt_input": {
			"num_turns": {"distribution": "constant", "value": 4},
			"prefix_num_tokens": {"distribution": "constant", "value": 10},
			"num_tokens": {"distribution": "constant", "value": 90}
		},
		"prompt_output": {"num_tokens": {"distribution": "constant", "value": 20}}
	}`)
	return []byte(text)
}

func generator(t *testing.T, config []byte, text string, opts Options) (*Generator, error) {
	t.Helper()
	cfg, err := Parse(config)
	if err != nil {
		t.Fatal(err)
	}
	c := NewCorpus(letters{})
	if err := c.Add("t", text); err != nil {
		t.Fatal(err)
	}
	return New(t.Context(), cfg, c, opts)
}

// TestParse lists what is said of bad configs beyond what packages field and
// dist say.
func TestParse(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		replace []string
		want    []string // lines, or none if it is good
	}{
		{"good", nil, nil},
		{"reals for tokens",
			[]string{`"value": 90`, `"value": 90.5`, `"value": 20`, `"value": "20"`},
			nil},
		{"no prefix, though real", []string{`"value": 10`, `"value": 0.0`}, nil},
		{"switch", []string{`"text_files"`, `"print_stats": true, "text_files"`}, nil},
		{"text for a prefix", []string{`"value": 10`, `"value": "10"`}, []string{
			`prompt_input.prefix_num_tokens: holds {"distribution":"constant","value":"10"}, ` +
				`which gives reals or text, want a distribution of whole numbers (write 3, not 3.0 or "3")`}},
		{"reals for turns", []string{`"constant", "value": 4`, `"uniform", "min": 2, "max": 4.0`},
			[]string{
				`prompt_input.num_turns: holds {"distribution":"uniform","min":2,"max":4.0}, ` +
					`which gives reals or text, want a distribution of whole numbers (write 3, not 3.0 or "3")`}},
		{"no turns below one", []string{`"value": 4`, `"value": 0.0`}, []string{
			`prompt_input.num_turns: holds {"distribution":"constant","value":0.0}, which gives ` +
				`reals or text, want a distribution of whole numbers (write 3, not 3.0 or "3")`}},
		{"not a number of conversations", []string{`: 3,`, `: true,`}, []string{
			"num_conversations: holds true, want a whole number from 1 to 2147483647"}},
		{"all at once",
			[]string{`"generate_conversations"`, `"generate"`, `: 3,`, `: 3.0,`, `["t"]`,
				`"t"`, `"prompt_output"`, `"prompt_outputs"`}, []string{
				"prompt_outputs: unknown key, did you mean prompt_output?",
				`filetype: holds "generate", want "generate_conversations"`,
				"num_conversations: holds 3.0, want a whole number from 1 to 2147483647",
				`text_files: holds "t", want a list of one or more file names: ["book.txt"]`,
				"prompt_output: is missing, want an object with num_tokens"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := Parse(build(c.replace...))
			got := ""
			if err != nil {
				got = err.Error()
			}
			if want := strings.Join(c.want, "\n"); got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
	if _, err := Parse(Reference); err != nil {
		t.Errorf("the reference's config: %v", err)
	}
}

// TestShortText checks who is blamed, and that the text is needed to the last
// token and not one more.
func TestShortText(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		replace []string
		want    ShortTextError
	}{
		{"prompt", []string{`: 3,`, `: 1,`},
			ShortTextError{Need: 10 + 2*90 + 12 + 1, Field: "prompt_input.num_tokens"}},
		{"turns", []string{`: 3,`, `: 1,`, `"value": 4`, `"value": 400`},
			ShortTextError{Need: 10 + 398*90 + 12 + 1, Field: "prompt_input.num_turns"}},
		{"prefix", []string{`"value": 10`, `"value": 500`},
			ShortTextError{Need: 3*500 + 2*4 + 2*90 + 12 + 1,
				Field: "prompt_input.prefix_num_tokens"}},
		{"conversations", []string{`: 3,`, `: 300,`},
			ShortTextError{Need: 3000 + 299*4 + 2*90 + 10 + 1, Fit: 29,
				Field: "prompt_input.prefix_num_tokens"}},
		{"a million", []string{`: 3,`, `: 1000000,`},
			ShortTextError{Need: 14*100029 + 10 + 2*90 + 7 + 1, Part: true, Fit: 29,
				Field: "prompt_input.prefix_num_tokens"}},
		{"answer", []string{`"value": 20`, `"value": 2000`},
			ShortTextError{Need: 2001, Field: "prompt_output.num_tokens"}},
		{"common prefix", []string{`"num_tokens"`,
			`"common_prefix_num_tokens": {"distribution": "constant", "value": 5000}, "num_tokens"`},
			ShortTextError{Need: 5000 + 30 + 2*4 + 2*90 + 12 + 1,
				Field: "prompt_input.common_prefix_num_tokens"}},
		{"nothing but a prefix",
			[]string{`"value": 90`, `"value": 1`, `: 3,`, `: 1,`, `"value": 10`,
				`"value": 1000`},
			ShortTextError{Need: 1001, Field: "prompt_input.prefix_num_tokens"}},
		{"beyond any text",
			[]string{`: 3,`, `: 1,`, `"value": 4`, `"value": 1048576`, `"value": 90`,
				`"value": 9000000000000000`},
			ShortTextError{Need: 10 + 1048574*tooMany + tooMany - 78 + 1,
				Field: "prompt_input.num_tokens"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			config := build(c.replace...)
			if c.name == "common prefix" { // only that of the input
				config = bytes.Replace(config,
					[]byte(`{"common_prefix_num_tokens": {"distribution": "constant", "value": `+
						`5000}, "num_tokens"`), []byte(`{"num_tokens"`), 1)
			}
			have := 600
			if c.want.Need < 600 {
				have = c.want.Need - 1
			}
			_, err := generator(t, config, strings.Repeat("x", have), Options{})
			var short *ShortTextError
			if !errors.As(err, &short) {
				t.Fatalf("the error is %v", err)
			}
			c.want.Have = have
			if *short != c.want {
				t.Errorf("got %+v\nwant %+v", *short, c.want)
			}
			if c.want.Part || c.want.Need > 1<<20 {
				return
			}
			g, err := generator(t, config, strings.Repeat("x", c.want.Need), Options{})
			if err != nil {
				t.Fatalf("with as much text as is needed: %v", err)
			}
			for _, err := range g.All(t.Context()) {
				if err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

func TestTooManyTurns(t *testing.T) {
	t.Parallel()
	_, err := generator(t, build(`"value": 4`, `"value": 2000000`), "x", Options{})
	if err == nil || !strings.HasPrefix(err.Error(),
		"prompt_input.num_turns: 2000000 turns were drawn for conversation 0, at most 1048576") {
		t.Errorf("the error is %v", err)
	}
}

func TestCorpus(t *testing.T) {
	t.Parallel()
	c := NewCorpus(letters{})
	for name, text := range map[string]string{"a": "\uFEFFa\r\nb\rc\n", "b": ""} {
		if err := c.Add(name, text); err != nil {
			t.Fatal(err)
		}
	}
	if got := (letters{}).Decode(c.ids, false); got != "\uFEFFa\nb\nc\n" {
		t.Errorf("the text is %q", got)
	}
	if err := c.Add("c", "fine \uFFFD\nbad \xff"); err == nil ||
		err.Error() != "c: line 2: not UTF-8 (byte 0xff): convert the text to UTF-8 first" {
		t.Errorf("the error is %v", err)
	}
	if len(c.ids) != 9 {
		t.Errorf("%d tokens, want 9", len(c.ids))
	}
}

// TestOrder checks that the work of several workers comes out in order, and the
// same as that of one.
func TestOrder(t *testing.T) {
	t.Parallel()
	config := build(`: 3,`, `: 500,`, `"constant", "value": 4`, `"uniform", "min": 2, "max": 9`)
	text := strings.Repeat("all work and no play ", 1000)
	var want []byte
	for _, workers := range []int{1, 2, 7, 0} {
		g, err := generator(t, config, text, Options{Seed: 5, Workers: workers})
		if err != nil {
			t.Fatal(err)
		}
		var got []byte
		for item, err := range Map(t.Context(), g,
			func(c *chat.Conversation) []byte { return chat.JSONL.Append(nil, c) }) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, item...)
		}
		if want == nil {
			want = got
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%d workers: differs from one", workers)
		}
	}
}

// TestStop checks that nothing is left running when the conversations are not
// all wanted.
func TestStop(t *testing.T) {
	before := runtime.NumGoroutine()
	g, err := generator(t, build(`: 3,`, `: 100000,`, `"value": 10`, `"value": 0`),
		strings.Repeat("x", 500000), Options{Workers: 4})
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, err := range g.All(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if n++; n == 10 {
			break
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	n = 0
	var last error
	for _, err := range g.All(ctx) {
		if last = err; err != nil {
			break
		}
		if n++; n == 10 {
			cancel()
		}
	}
	if !errors.Is(last, context.Canceled) || n > 1000 {
		t.Errorf("after a cancel, %d conversations and the error %v", n, last)
	}
	// A goroutine counts until the scheduler has put it away, after its last line.
	after := runtime.NumGoroutine()
	for range 1000 {
		if after <= before {
			return
		}
		time.Sleep(5 * time.Millisecond)
		after = runtime.NumGoroutine()
	}
	t.Errorf("%d goroutines, %d before", after, before)
}

// FuzzParse: whatever the config, there is an error or one that can be run.
func FuzzParse(f *testing.F) {
	f.Add(Reference)
	f.Add(build())
	f.Add(build(`: 3,`, `: 1e9,`))
	f.Add(build(`"constant", "value": 4`, `"zipf", "alpha": 1.2, "max": -1`))
	f.Fuzz(func(t *testing.T, text []byte) {
		cfg, err := Parse(text)
		if err != nil {
			if cfg != nil || err.Error() == "" {
				t.Fatalf("config %v with error %q", cfg, err)
			}
			return
		}
		cfg.NumConversations = min(cfg.NumConversations, 3)
		turns := newPlanner(cfg, 0, 1).turns
		for range cfg.NumConversations {
			if turns.Next() > 1000 {
				return // too much work for a fuzz test
			}
		}
		c := NewCorpus(letters{})
		if err := c.Add("t", strings.Repeat("x", 5000)); err != nil {
			t.Fatal(err)
		}
		g, err := New(t.Context(), cfg, c, Options{})
		if err != nil {
			return
		}
		for _, err := range g.All(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
		}
	})
}

func BenchmarkGenerate(b *testing.B) {
	tok := tokenizer.O200kBase()
	cfg := parseFile(b, "testdata", "opticks_reference.json")
	c := corpus(b, tok, cfg, "../../examples")
	tokens, n := 0, 0
	for b.Loop() {
		g, err := New(b.Context(), cfg, c, Options{})
		if err != nil {
			b.Fatal(err)
		}
		for item, err := range Map(b.Context(), g,
			func(c *chat.Conversation) []byte { return chat.Generated.Append(nil, c) }) {
			if err != nil {
				b.Fatal(err)
			}
			n += len(item)
		}
	}
	b.StopTimer()
	g, err := New(b.Context(), cfg, c, Options{})
	if err != nil {
		b.Fatal(err)
	}
	for conversation := range g.All(b.Context()) {
		for _, m := range conversation.Messages {
			tokens += tok.Count(m.Text)
		}
	}
	b.SetBytes(int64(n / b.N))
	b.ReportMetric(float64(tokens)*float64(b.N)/b.Elapsed().Seconds(), "tokens/s")
}
