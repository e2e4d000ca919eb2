package sharegpt

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"multiturn/pkg/chat"
)

func number(n int) *int { return &n }

// short writes conversations as lines of "id: u text | a text", sorted.
func short(t *testing.T, out string) []string {
	t.Helper()
	r := chat.NewReader(strings.NewReader(out), "output")
	var lines []string
	for r.Scan() {
		c := r.Conversation()
		var ms []string
		for _, m := range c.Messages {
			ms = append(ms, m.Role[:1]+" "+m.Text)
		}
		lines = append(lines, c.ID+": "+strings.Join(ms, " | "))
	}
	if r.Err() != nil {
		t.Fatal(r.Err())
	}
	slices.Sort(lines)
	return lines
}

// turns writes a list of turns: "u hello|a there" with letters for human, gpt,
// system and robot, which is no role.
func turns(list string) string {
	names := map[byte]string{'u': "human", 'a': "gpt", 's': "system", 't': "robot"}
	var all []string
	for _, t := range strings.Split(list, "|") {
		text, _ := json.Marshal(t[2:])
		all = append(all, fmt.Sprintf(`{"from": %q, "value": %s}`, names[t[0]], text))
	}
	return "[" + strings.Join(all, ", ") + "]"
}

func share(id, list string) string {
	return fmt.Sprintf(`{"id": %q, "conversations": %s}`, id, turns(list))
}

// chats are lines of role and content, each of which ends with its own id.
func chats(ids ...string) string {
	var in strings.Builder
	for _, id := range ids {
		fmt.Fprintf(&in, `{"id": %q, "messages": [{"role": "user", "content": "hi"}, {"role": `+
			`"assistant", "content": %q}]}`+"\n", id, id)
	}
	return in.String()
}

func TestConvert(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name  string
		in    string
		o     Options
		want  []string
		drops string // reason=number, ...
	}{
		{name: "plain English is kept", in: share("x_0", "u hi|a there"),
			want: []string{"x: u hi | a there"}},
		{name: "parts in the order of their index (C2)",
			in: "[" + share("p_10", "u c|a d") + "," + share("p_2", "u a|a b") + "," + share("p_11",
				"u e|a f") + "]",
			want: []string{"p: u a | a b | u c | a d | u e | a f"}},
		{name: "a part that repeats the role before it", in: share("p_0", "u a|a b|u c") +
			share("p_1", "u c|a d"),
			want: []string{"p: u a | a b | u c | a d"}},
		{name: "a part that is a repeated role only", in: share("p_0", "u a|a b|u c|a d") +
			share("p_1", "a d"),
			want: []string{"p: u a | a b | u c | a d"}},
		{name: "a duplicate of such a part", in: share("p_0", "u a|a b") +
			share("p_1", "a b") + share("p_1", "u c|a d"),
			want: []string{"p: u a | a b"}, drops: "same id as an earlier item=1"},
		{name: "a question at the end (C3)", in: share("x_0", "u a|a b|u c"),
			want: []string{"x: u a | a b"}},
		{name: "a question at the end, kept", in: share("x_0", "u a|a b|u c") + share("y_0", "u a"),
			o:    Options{KeepOdd: true},
			want: []string{"x: u a | a b | u c", "y: u a"}},
		{name: "a question only", in: share("x_0", "u a") + share("y_0", "u a|a b"),
			want: []string{"y: u a | a b"}, drops: "too few turns=1"},
		{name: "bad items cost nothing else (C4)",
			in: share("x_0", "u a|t b|u c|a d") + "\n" + share("no-index", "u 1|a 2") + "\n" +
				share("three_part_id_7", "u 3|a 4") + "\n[1, \"x\", null, {\"id\": \"q_0\"}]\n" +
				`{"id": [1], "conversations": ` + turns("u a|a b") + "}\n" +
				`{"id": "v_0", "conversations": [{"from": "human"}, {"value": "x"}]}` + "\n" +
				`{"id": "w_0", "conversations": [{"from": "human", "value": null}, {"from": ` +
				`"gpt", "value": 7}]}` + "\n" + `{"id": "e_0", "conversations": []}` +
				"\n{broken}\n",
			want: []string{"704f7070348b9d97: u a | a b", "no-index: u 1 | a 2",
				"three_part_id: u 3 | a 4"},
			drops: "not an object with a list of turns=4, a turn without role or text=2, " +
				"no turns=1, not valid JSON=1, unknown role=1"},
		{name: "a leading system message (C5)", in: share("x_0", "s be kind|u a|a b"),
			want: []string{"x: s be kind | u a | a b"}},
		{name: "a leading answer", in: share("x_0", "a hello|u a|a b"),
			want: []string{"x: u a | a b"}},
		{name: "a later system message", in: share("x_0", "u a|s no|a b") + share("y_0", "u a|a b"),
			want: []string{"y: u a | a b"}, drops: "roles do not alternate=1"},
		{name: "max turns after a dropped lead (C6)", in: share("x_0", "a hello|u a|a b|u c|a d"),
			o: Options{MaxTurns: number(2)}, want: []string{"x: u a | a b"}},
		{name: "max turns after a system message", in: share("x_0", "s be kind|u a|a b|u c|a d"),
			o: Options{MaxTurns: number(3)}, want: []string{"x: s be kind | u a | a b"}},
		{name: "an unknown role behind the cut", in: share("x_0", "u a|a b|t c"),
			o: Options{MaxTurns: number(2)}, want: []string{"x: u a | a b"}},
		{name: "min turns judges what is left (C8)", in: share("x_0", "a 0|u 1|a 2|u 3") +
			share("y_0", "u 1|a 2|u 3|a 4"), o: Options{MinTurns: number(3)},
			want: []string{"y: u 1 | a 2 | u 3 | a 4"}, drops: "too few turns=1"},
		{name: "lengths are characters",
			in: share("x_0", "u 你好|a 🙂🙂") + share("y_0", "u 你|a 你好") +
				share("z_0", "u 你好吗|a 你好"),
			o:     Options{MinLength: number(2), MaxLength: number(2)},
			want:  []string{"x: u 你好 | a 🙂🙂"},
			drops: "a message is too long=1, a message is too short=1"},
		{name: "ascii", in: share("x_0", "u hi|a you") + share("y_0", "u hi|a café") + share("z_0",
			"u é|a è"), o: Options{Language: ASCII},
			want: []string{"x: u hi | a you"}, drops: "language=2"},
		{name: "non-ascii", in: share("x_0", "u hi|a you") +
			share("y_0", "u hi|a café") + share("z_0",
			"u é|a è"), o: Options{Language: NonASCII},
			want: []string{"z: u é | a è"}, drops: "language=2"},
		{name: "duplicates", in: share("x_0", "u a|a b") + share("x_0", "u a|a b") + share("plain",
			"u c|a d") + share("plain", "u e|a f"),
			want:  []string{"plain: u c | a d", "x: u a | a b"},
			drops: "same id as an earlier item=2"},
		{name: "other shapes", in: `{"conversation": [{"role": "user", "content": "a"}, ` +
			`{"role": "assistant", "content": [{"type": "text", "text": "b"}, {"type": "text", ` +
			`"text": "c"}]}]}` + "\n" +
			`{"id": 7, "messages": [{"from": "human", "value": "d", "x": [1]}, {"from": "bard", ` +
			`"value": "e"}]}` + "\n" +
			`{"id": null, "conversations": ` + turns("u f|a g") + `}` + "\n" +
			share("item-3", "u h|a i") +
			"\n" + share("_3", "u j|a k"),
			want: []string{"22f32f01e7c8353a: u f | a g", "60dc02a9a5511504: u a | a bc",
				"7: u d | a e", "_3: u j | a k", "item-3: u h | a i"}},
		{name: "ids with an index that are whole",
			in: share("c_1", "u a|a b") + share("c_2", "u c|a d") +
				share("c_2", "u e|a f"), o: Options{Separate: true},
			want:  []string{"c_1: u a | a b", "c_2: u c | a d"},
			drops: "same id as an earlier item=1"},
		{name: "role and content are conversations already", in: chats("c_1", "c_2", "c_2") +
			share("c_2", "u s|a t") + share("c_1", "u q|a r"),
			want:  []string{"c: u q | a r | u s | a t", "c_1: u hi | a c_1", "c_2: u hi | a c_2"},
			drops: "same id as an earlier item=1"},
		{name: "parts of role and content", in: chats("c_2", "c_1"), o: Options{Join: true},
			want: []string{"c: u hi | a c_1 | u hi | a c_2"}},
		{name: "half of a pair", in: `{"id": "x_0", "conversations": [{"from": "human", ` +
			`"value": "a\ud83d"}, {"from": "gpt", "value": "\ud83d\ude42"}]}`,
			want: []string{"x: u a\uFFFD | a 🙂"}},
		{name: "limits of 0 are off", in: share("x_0", "u hi|a you"),
			o: Options{MaxItems: number(0), MinTurns: number(0), MaxTurns: number(0),
				MinLength: number(0), MaxLength: number(0)},
			want: []string{"x: u hi | a you"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			var rejects bytes.Buffer
			tc.o.Rejects = &rejects
			out, _, res, err := run(t, strings.NewReader(tc.in), tc.o, chat.JSONL, 0, "")
			if err != nil {
				t.Fatal(err)
			}
			if got := short(t, out); !slices.Equal(got, tc.want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(tc.want, "\n"))
			}
			if res.Written != len(tc.want) {
				t.Errorf("%d written, want %d", res.Written, len(tc.want))
			}
			var drops []string
			for _, d := range res.Dropped {
				drops = append(drops, fmt.Sprintf("%s=%d", d.Reason, d.Items+d.Conversations))
			}
			if got := strings.Join(drops, ", "); got != tc.drops {
				t.Errorf("dropped %s\nwant    %s", got, tc.drops)
			}
			n := strings.Count(rejects.String(), "\n") -
				strings.Count(rejects.String(), `"reason":"kept in part"`)
			if (n > 0) != (tc.drops != "") {
				t.Errorf("%d rejects for %q", n, tc.drops)
			}
			for line := range strings.Lines(rejects.String()) {
				if !json.Valid([]byte(line)) {
					t.Errorf("rejects: %s", line)
				}
			}
		})
	}
}

func TestRejectsAndSummary(t *testing.T) {
	t.Parallel()
	in := "[\n  " + share("a_0", "u hi|a you") + ",\n  " + share("b_1", "u c|t d") +
		",\n  " + share("b_0", "u a|a b") + ",\n  {\"id\": \"c\n,\n  {\n  \"id\": \"d\" " +
		"nonsense\n  }\n]\n"
	var rejects bytes.Buffer
	_, _, res, err := run(t, strings.NewReader(in), Options{Rejects: &rejects}, chat.JSONL, 0, "")
	if err != nil {
		t.Fatal(err)
	}
	const lostQuote = "a string holds a line break or another control character as such " +
		"(is its closing quote missing?)"
	want := `{"line":5,"item":4,"reason":"not valid JSON","detail":"` + lostQuote + `",` +
		`"data":"{\"id\": \"c"}
{"line":7,"item":5,"reason":"not valid JSON",` +
		`"detail":"want a comma or a closing bracket here (line 8)",` +
		`"data":"{\n  \"id\": \"d\" nonsense\n  }"}
{"line":4,"item":3,"reason":"unknown role","detail":"turn 4 is from \"robot\"",` +
		`"data":{"id":"b_0","conversations":` +
		`[{"from":"human","value":"a"},{"from":"gpt","value":"b"}]}}
{"line":3,"item":2,"reason":"unknown role","detail":"turn 4 is from \"robot\"",` +
		`"data":{"id":"b_1","conversations":` +
		`[{"from":"human","value":"c"},{"from":"robot","value":"d"}]}}
`
	if rejects.String() != want {
		t.Errorf("rejects\n%s\nwant\n%s", rejects.String(), want)
	}
	summary := `items read                                     5
  dropped: not valid JSON                      2  (first: line 5, item 4: ` + lostQuote + `)
conversations                                  2
  dropped: unknown role                        1  (first: line 4, item 3: turn 4 is from "robot")
conversations kept                             1  (2 messages)
  changed: roles renamed to user or assistant  1  (2 messages)
`
	if got := string(res.AppendSummary(nil)); got != summary {
		t.Errorf("summary\n%s\nwant\n%s", got, summary)
	}
}

func TestConvertKeptApart(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		in    string
		apart int
		id    string
	}{
		{chats("c_0", "c_1", "c_7", "d_0", "e", "e_"), 3, "c_0"},
		{chats("c_0", "d_0", "d_1"), 2, "d_0"},
		{chats("c_0", "d_0"), 0, ""},
		{share("c_0", "u a|a b") + share("c_1", "u a|a b"), 0, ""},
	} {
		_, _, res, err := run(t, strings.NewReader(tc.in), Options{}, chat.JSONL, 0, "")
		if err != nil || res.Apart != tc.apart || res.ApartID != tc.id {
			t.Errorf("%s: %d apart, %q, error %v", tc.in, res.Apart, res.ApartID, err)
		}
	}
}

// A file that is cut off anywhere is noticed, and what came is kept.
func TestConvertCutOff(t *testing.T) {
	t.Parallel()
	a, b := share("a_0", "u a|a b"), share("b_0", "u c|a \\\"d")
	for name, in := range map[string]string{
		"an array in one line": "[" + a + ", " + b + "]",
		"an array of lines":    "[\n  " + a + ",\n  " + b + "\n]",
		"lines":                a + "\n" + b,
	} {
		for n := len(in); n > strings.Index(in, b); n-- {
			_, _, res, err := run(t, strings.NewReader(in[:n]), Options{}, chat.JSONL, 0, "")
			if err != nil {
				t.Fatalf("%s, %d bytes: %v", name, n, err)
			}
			if n == len(in) {
				if res.CutOff != nil || res.Written != 2 {
					t.Errorf("%s, all: %+v, %d written", name, res.CutOff, res.Written)
				}
				continue
			}
			want := CutOff{Line: 1 + strings.Count(in[:n], "\n"), Bytes: int64(n)}
			if res.CutOff == nil || *res.CutOff != want || res.Written == 0 {
				t.Errorf("%s, %d bytes: %+v, %d written", name, n, res.CutOff, res.Written)
			}
		}
	}
	// An open string in the middle is not the end.
	_, _, res, err := run(t, strings.NewReader(a+"\n"+b[:len(b)-5]+"\n"+share("c_0", "u e|a f")),
		Options{}, chat.JSONL, 0, "")
	if err != nil || res.CutOff != nil || res.Written != 2 {
		t.Errorf("broken in the middle: %+v, %d written, %v", res.CutOff, res.Written, err)
	}
}

// many is a file of n conversations, some of them in parts.
func many(n int) string {
	var in strings.Builder
	for i := range n {
		fmt.Fprintln(&in, share(fmt.Sprintf("c%d_1", i), "u three|a four"))
		fmt.Fprintln(&in, share(fmt.Sprintf("c%d_0", i), "u one|a "+strings.Repeat("two ", i%50)))
	}
	return in.String()
}

// The same input gives the same output, however it is read and with any number
// of workers.
func TestConvertInputs(t *testing.T) {
	t.Parallel()
	in := many(3000)
	for _, o := range []Options{{Seed: big.NewInt(5)}, {Seed: big.NewInt(-5), MaxItems: number(100)}} {
		name := filepath.Join(t.TempDir(), "in.jsonl")
		if err := os.WriteFile(name, []byte(in), 0o600); err != nil {
			t.Fatal(err)
		}
		file, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		want, _, res, err := run(t, file, o, chat.Converted, 0, "")
		if err != nil || res.Written+res.NotSampled != 3000 || res.Items != 6000 {
			t.Fatalf("%+v, %v", res, err)
		}
		var packed bytes.Buffer
		z := gzip.NewWriter(&packed)
		z.Write([]byte(in))
		z.Close()
		o.Workers = 7
		for name, r := range map[string]io.Reader{"pipe": strings.NewReader(in), "packed": &packed} {
			if got, _, _, err := run(t, r, o, chat.Converted, 0, ""); err != nil || got != want {
				t.Errorf("%s: not the same output, error %v", name, err)
			}
		}
	}
}

// If no fault of the reference matters, the order and the sample equal the
// reference's.
func TestConvertOrderIsTheReferences(t *testing.T) {
	t.Parallel()
	in, err := os.ReadFile(filepath.Join("testdata", "reference", "max_items_5_of_30.input.json"))
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(
		filepath.Join("testdata", "reference", "max_items_5_of_30.output.json"))
	if err != nil {
		t.Fatal(err)
	}
	out, _, _, err := run(t, bytes.NewReader(in), Options{Seed: big.NewInt(7), MaxItems: number(5)},
		chat.Converted, 0, "")
	if err != nil || out != string(want) {
		t.Errorf("error %v, output %s", err, out)
	}
}

func TestConvertErrors(t *testing.T) {
	t.Parallel()
	if _, _, res, err := run(t, strings.NewReader(""), Options{}, chat.JSONL, 0,
		""); err != ErrNothingLeft || res == nil {
		t.Errorf("empty input: %v", err)
	}
	gone := errors.New("gone")
	if _, _, _, err := run(t, io.MultiReader(strings.NewReader(many(10)), &failing{gone}), Options{},
		chat.JSONL, 0, ""); !errors.Is(err, gone) || err.Error() != "INPUT: gone" {
		t.Errorf("broken input: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for _, n := range []int{1, 20000} {
		src, err := NewSource(strings.NewReader(many(n)), "INPUT")
		if err != nil {
			t.Fatal(err)
		}
		defer src.Close()
		if _, err := Convert(ctx, src, io.Discard, chat.JSONL, Options{}); !errors.Is(err,
			context.Canceled) {
			t.Errorf("%d conversations, cancelled: %v", n, err)
		}
	}
	src, err := NewSource(strings.NewReader(many(5000)), "INPUT")
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	if _, err := Convert(context.Background(), src, &failing{gone}, chat.JSONL,
		Options{}); !errors.Is(err, gone) {
		t.Errorf("broken output: %v", err)
	}
	o := Options{MaxItems: number(-1), MinTurns: number(3), MaxTurns: number(2), Language: "x"}
	if err := o.Validate(); err == nil || strings.Count(err.Error(), "\n") != 2 {
		t.Errorf("options: %v", err)
	}
}

type failing struct{ err error }

func (f *failing) Read([]byte) (int, error)  { return 0, f.err }
func (f *failing) Write([]byte) (int, error) { return 0, f.err }

func TestSplitID(t *testing.T) {
	t.Parallel()
	for id, want := range map[string]struct {
		name string
		part int64
	}{
		"a_0": {"a", 0}, "a_b_12": {"a_b", 12}, "a": {"a", 0}, "a_": {"a_", 0}, "_7": {"_7", 0},
		"a_x": {"a_x", 0}, "a_1x": {"a_1x", 0},
		"a_-1": {"a_-1", 0}, "a_99999999999999999999": {"a_99999999999999999999", 0}, "": {"", 0},
	} {
		if name, part := splitID(id); name != want.name || part != want.part {
			t.Errorf("splitID(%q) = %q, %d", id, name, part)
		}
	}
}

// The errors of Python's json module for broken files, with positions (from
// CPython 3.11).
func TestParitySyntaxErrors(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"": "JSONDecodeError: Expecting value: line 1 column 1 (char 0)",
		"[1, 2": "JSONDecodeError: Expecting ',' delimiter: line 1 column 6 " +
			"(char 5)",
		"[{}\n {}]": "JSONDecodeError: Expecting ',' delimiter: line 2 column 2 " +
			"(char 5)",
		"[{}] []": "JSONDecodeError: Extra data: line 1 column 6 (char 5)",
		"[{\"a\" 1}]": "JSONDecodeError: Expecting ':' delimiter: line 1 column 7 " +
			"(char 6)",
		"[{\"é\": \"x\\q\"}]":   `JSONDecodeError: Invalid \escape: line 1 column 10 (char 9)`,
		"[{\"a\": \"x\\u12\"}]": `JSONDecodeError: Invalid \uXXXX escape: line 1 column 11 (char 10)`,
		"[{\"a\": \"x": "JSONDecodeError: Unterminated string starting at: line 1 " +
			"column 8 (char 7)",
		"[{a: 1}]": "JSONDecodeError: Expecting property name enclosed in double " +
			"quotes: line 1 column 3 (char 2)",
		"[\r\n\r\n{\"a\": tru}]": "JSONDecodeError: Expecting value: line 3 column 7 (char 9)",
		"[{},]":                  "JSONDecodeError: Expecting value: line 1 column 5 (char 4)",
		"[" + strings.Repeat("9",
			4301) + "]": "ValueError: Exceeds the limit (4300 digits) for integer string " +
			"conversion: value has 4301 digits; use sys.set_int_max_str_digits() to increase " +
			"the limit",
	} {
		_, _, _, err := run(t, strings.NewReader(in), Options{Parity: true}, chat.Converted, 80, "")
		if err == nil || err.Error() != want {
			t.Errorf("%.20q\ngot  %v\nwant %s", in, err, want)
		}
	}
}

// The error is found while the rest of a pipe is still being read.
func TestParitySyntaxErrorEarly(t *testing.T) {
	t.Parallel()
	in := "[\n" + share("a_0",
		"u é|a é") + ",\n{\"id\": nul},\n" +
		strings.Repeat(share("b_0", "u "+strings.Repeat("x", 5000))+",\n", 3000) + "{}]"
	_, _, _, err := run(t, strings.NewReader(in), Options{Parity: true}, chat.Converted, 80, "")
	if err == nil || err.Error() != "JSONDecodeError: Expecting value: line 3 column 8 (char 107)" {
		t.Error(err)
	}
}

// For any input a conversion neither panics nor hangs, counts every item, and
// writes what can be read back.
func FuzzConvert(f *testing.F) {
	f.Add([]byte("["+share("a_0", "u hi|a you")+","+share("a_1", "u hi|a é")+"]"), false)
	f.Add([]byte(`[{"id":"x_0","conversations":[{"from":"human","value":"é \ud83d b"},`+
		`{"from":"gpt","value":"é"}]}]`), true)
	f.Add([]byte("{\"messages\": [{\"role\": \"user\", \"content\": [{\"text\": \"a\"}]}, "+
		"{\"role\": \"system\"}]}\n{\"id\": 1\n[[], 2"), false)
	for _, form := range []string{"system", "tools", "images", "lists"} {
		in, err := os.ReadFile(filepath.Join("testdata", "forms", form+".jsonl"))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(in, false)
		for line := range bytes.Lines(in) {
			f.Add(line, false)
		}
	}
	for _, g := range []string{"parts_out_of_order_seed_0", "lone_surrogate", "null_value",
		"empty_part_between", "byte_order_mark"} {
		in, err := os.ReadFile(filepath.Join("testdata", "reference", g+".input.json"))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(in, true)
	}
	f.Fuzz(func(t *testing.T, in []byte, parity bool) {
		var rejects bytes.Buffer
		o := Options{Parity: parity, Rejects: &rejects, Dedup: !parity && len(in)%2 == 0}
		out, _, res, err := run(t, bytes.NewReader(in), o,
			chat.Converted, 80, "")
		if err != nil {
			if strings.ContainsAny(strings.ReplaceAll(err.Error(), "isascii", ""), "\r\x00") &&
				!parity {
				t.Fatalf("error %q", err)
			}
			if !errors.Is(err, ErrNothingLeft) && !errors.As(err, new(*ReferenceError)) {
				t.Fatal(err)
			}
			return
		}
		if parity {
			var any []struct{ ID string }
			if err := json.Unmarshal([]byte(out), &any); err != nil || len(any) != res.Written {
				t.Fatalf("%d written, %d read, %v", res.Written, len(any), err)
			}
			return
		}
		if n := len(short(t, out)); n != res.Written {
			t.Fatalf("%d written, %d read", res.Written, n)
		}
		dropped := 0
		for _, d := range res.Dropped {
			dropped += d.Conversations
		}
		if dropped+res.Written != res.Conversations {
			t.Fatalf("%d conversations, %d written, %d dropped", res.Conversations,
				res.Written, dropped)
		}
		for line := range strings.Lines(rejects.String()) {
			var reject struct{ Line, Item int }
			if json.Unmarshal([]byte(line), &reject) != nil || reject.Line < 1 || reject.Item < 1 {
				t.Fatalf("reject %s", line)
			}
		}
	})
}

func TestResultStatistics(t *testing.T) {
	t.Parallel()
	_, _, res, err := run(t, strings.NewReader(share("a_0",
		"s be kind|u one two|a three|u four|a five six seven")),
		Options{Count: func(s string) int { return len(s) }}, chat.JSONL, 0, "")
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, r := range res.Kept.Table().Rows {
		got[r.Name] = r.Values[1]
	}
	want := map[string]float64{"user_turns": 2, "assistant_turns": 2, "user_words": 3,
		"assistant_words": 4, "conv_turns": 5, "conv_words": 9,
		"conv_characters": 7 + 4 + 5 + 14 + 7, "user_tokens": 5, "assistant_tokens": 9}
	want["conv_characters"] = float64(len("be kind") + len("one two") + len("three") + len("four") +
		len("five six seven"))
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v\nwant %v", got, want)
	}
}
