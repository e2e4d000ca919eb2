package chat

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

// read returns all conversations of a stream and the error that ended it.
func read(in string) ([]*Conversation, error) {
	r := NewReader(strings.NewReader(in), "data.json")
	var all []*Conversation
	for r.Scan() {
		all = append(all, r.Conversation())
	}
	return all, r.Err()
}

func TestReaderShapes(t *testing.T) {
	t.Parallel()
	one := `{"id": "a", "messages": [{"role": "user", "content": "x"}]}`
	two := `{"id": "b", "messages": [{"role": "user", "content": "y"}]}`
	three := `{"messages": [{"content": "z", "role": "user"}], "id": "c", "source": [1, {"x": "]"}]}`
	pretty := "{\n  \"id\": \"b\",\n  \"messages\": [\n    {\n      \"role\": \"user\",\n      " +
		"\"content\": \"y\"\n    }\n  ]\n}"
	for name, in := range map[string]string{
		"array":               "[" + one + ", " + two + "," + three + "]",
		"array over lines":    "[\n  " + one + ",\n  " + two + ",\n  " + three + "\n]\n",
		"lines":               one + "\n" + two + "\n" + three + "\n",
		"no last line end":    one + "\n" + two + "\n" + three,
		"crlf":                one + "\r\n" + two + "\r\n" + three + "\r\n",
		"empty lines":         "\n\n" + one + "\n\n" + two + "\n" + three + "\n\n",
		"printed objects":     one + pretty + "\n" + three,
		"array and lines":     "[" + one + "]\n" + two + "\n[" + three + "]",
		"no space at all":     "[" + one + "][" + two + "]" + three,
		"empty arrays around": "[][" + one + "][]" + two + " [ ] " + three + "[]",
		"byte order marks":    "\uFEFF[" + one + "]\n\uFEFF" + two + "\n" + three,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			check := func(r *Reader) {
				t.Helper()
				var ids, texts string
				for r.Scan() {
					c := r.Conversation()
					ids += c.ID
					texts += c.Messages[0].Text
				}
				if r.Err() != nil || ids != "abc" || texts != "xyz" {
					t.Errorf("ids %q, texts %q, error %v", ids, texts, r.Err())
				}
			}
			check(NewReader(strings.NewReader(in), "data.json"))
			check(NewReader(iotest.OneByteReader(strings.NewReader(in)), "data.json"))
			check(NewReader(iotest.DataErrReader(strings.NewReader(in)), "data.json"))
			var packed bytes.Buffer
			z := gzip.NewWriter(&packed)
			z.Write([]byte(in))
			z.Close()
			check(NewReader(&packed, "data.json"))
			peeked := NewReader(strings.NewReader(in), "data.json")
			if config := peeked.Config(); config != nil {
				t.Errorf("taken for a config: %s", config)
			}
			check(peeked)
		})
	}
}

func TestReaderMessages(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, in string
		want     Message
	}{
		{"plain", `{"role": "user", "content": "a\n\"\u00e9\ud83d\ude42"}`,
			Message{Role: User, Text: "a\n\"é🙂"}},
		{"other role", `{"role": "developer", "content": ""}`, Message{Role: "developer"}},
		{"name kept", `{"role": "user", "name": "Ann", "content": "hi"}`,
			Message{Role: User, Text: "hi",
				Raw: json.RawMessage(`{"role":"user","name":"Ann","content":"hi"}`)}},
		{"steering keys", `{"role": "assistant", "content": "x", "output_tokens": 12}`,
			Message{Role: Assistant, Text: "x", OutputTokens: 12}},
		{"delay", `{"delay_ms": 1500.5, "role": "user", "content": "x"}`,
			Message{Role: User, Text: "x", Delay: 1500500 * time.Microsecond}},
		{"steering keys leave raw",
			`{"delay_ms": 2, "role": "user", "content": "x", "name": "<b>"}`,
			Message{Role: User, Text: "x", Delay: 2 * time.Millisecond,
				Raw: json.RawMessage(`{"role":"user","content":"x","name":"<b>"}`)}},
		{"parts", `{"role": "user", "content": [ {"type": "text", "text": "a"}, {"type": ` +
			`"image_url", "image_url": {"url": "u"}}, {"type": "text", "text": "b"} ]}`,
			Message{Role: User, Text: "ab",
				Raw: json.RawMessage(`{"role":"user","content":[{"type":"text","text":"a"},` +
					`{"type":"image_url","image_url":{"url":"u"}},{"type":"text","text":"b"}]}`)}},
		{"tool calls", `{"role": "assistant", "content": null, "tool_calls": [{"id": "1"}]}`,
			Message{Role: Assistant, Raw: json.RawMessage(`{"role":"assistant","content":null,` +
				`"tool_calls":[{"id":"1"}]}`)}},
		{"refusal", `{"role": "assistant", "content": null, "refusal": "no"}`,
			Message{Role: Assistant,
				Raw: json.RawMessage(`{"role":"assistant","content":null,"refusal":"no"}`)}},
		{"call of the older API",
			`{"role": "assistant", "content": null, "function_call": {"name": "f"}}`,
			Message{Role: Assistant, Raw: json.RawMessage(`{"role":"assistant","content":null,` +
				`"function_call":{"name":"f"}}`)}},
		{"length in place of text", `{"role": "assistant", "output_tokens": 7}`,
			Message{Role: Assistant, OutputTokens: 7,
				Raw: json.RawMessage(`{"role":"assistant"}`)}},
		{"tool result", `{"role": "tool", "tool_call_id": "1", "content": "42", "delay_ms": 0}`,
			Message{Role: Tool, Text: "42",
				Raw: json.RawMessage(`{"role":"tool","tool_call_id":"1","content":"42"}`)}},
		{"last of two keys", `{"role": "user", "content": "a", "content": "b"}`,
			Message{Role: User, Text: "b"}},
		{"lone surrogate", `{"role": "user", "content": "a\ud83dA"}`,
			Message{Role: User, Text: "a\uFFFDA"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			all, err := read(`{"id": "a", "messages": [` + tc.in + `]}`)
			if err != nil {
				t.Fatal(err)
			}
			if got := all[0].Messages[0]; !reflect.DeepEqual(got, tc.want) {
				t.Errorf("got %+v\nraw %s", got, got.Raw)
			}
		})
	}
}

// Files of other programs: OpenAI's for fine-tuning, arrays of messages, and ids
// that are numbers.
func TestReaderWithoutIDs(t *testing.T) {
	t.Parallel()
	const x, y = `{"role": "user", "content": "x"}`, `{"content": "y", "role": "assistant"}`
	for _, tc := range []struct{ name, in, want string }{
		{"fine-tuning", `{"messages": [` + x + `]}` + "\n" + `{"messages": [` + x + `, ` + y + `]}`,
			"conversation-1:x conversation-2:xy"},
		{"lines of messages", "[" + x + "]\n[" + x + ", " + y + "]\n",
			"conversation-1:x conversation-2:xy"},
		{"an array of arrays", "[[" + x + "],\n [" + x + "," + y + "]]",
			"conversation-1:x conversation-2:xy"},
		{"one array over lines", "[\n  " + x + ",\n  " + y + "\n]", "conversation-1:xy"},
		{"mixed", `{"id": "a", "messages": [` + y + `]}` + "\n[" + x + "]\n" +
			`[{"id": "b", "messages": [` + x + `]}]`, "a:y conversation-2:x b:x"},
		{"null and empty", `{"id": null, "messages": [` + x + `]}{"id": "", "messages": [` + y + `]}`,
			"conversation-1:x conversation-2:y"},
		{"numbers", `{"id": 0, "messages": [` + x + `]}{"id": -1.50, "messages": [` + y + `]}`,
			"0:x -1.50:y"},
		{"names that are taken", `{"messages": [` + x + `]}{"id": "conversation-1-2", ` +
			`"messages": [` + y + `]}{"id": "conversation-1", "messages": [` + y + `]}`,
			"conversation-1-3:x conversation-1-2:y conversation-1:y"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			for _, in := range []io.Reader{
				strings.NewReader(tc.in), iotest.OneByteReader(strings.NewReader(tc.in)),
			} {
				r := NewReader(in, "in")
				var all []Conversation
				for r.Scan() {
					all = append(all, *r.Conversation())
				}
				if r.Err() != nil {
					t.Fatal(r.Err())
				}
				without := 0
				for i := range all {
					if all[i].ID == "" {
						without++
					}
				}
				if n := Name(all); n != without {
					t.Errorf("%d named, of %d", n, without)
				}
				var got []string
				for i := range all {
					text := all[i].ID + ":"
					for _, m := range all[i].Messages {
						text += m.Text
					}
					got = append(got, text)
				}
				if got := strings.Join(got, " "); got != tc.want {
					t.Errorf("got %s, want %s", got, tc.want)
				}
			}
		})
	}
}

func TestReaderFields(t *testing.T) {
	t.Parallel()
	const messages = `"messages": [{"role": "user", "content": "x"}]`
	for _, tc := range []struct{ name, in, tools, fields string }{
		{"tools", `{"tools": [ {"type": "function"} ], ` + messages + `, "tool_choice": "auto"}`,
			`[{"type":"function"}]`, `,"tools":[{"type":"function"}],"tool_choice":"auto"`},
		{"as a text", `{"tools": "[{\"name\": \"a\\u00e9\"}]", ` + messages + `}`,
			`[{"name":"a\u00e9"}]`, `,"tools":[{"name":"a\u00e9"}]`},
		{"null and empty", `{"tools": null, "tool_choice": null, "functions": [], ` + messages + `}`,
			"", ""},
		{"twice", `{"tools": [1], "tools": [2], ` + messages + `}`, "[2]", `,"tools":[2]`},
		{"older", `{` + messages + `, "functions": [{}], "function_call": {"name": "f"}, ` +
			`"parallel_tool_calls": false, "weight": 1}`, "[{}]",
			`,"functions":[{}],"function_call":{"name":"f"},"parallel_tool_calls":false`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			all, err := read(tc.in)
			if err != nil {
				t.Fatal(err)
			}
			var fields []byte
			for _, f := range all[0].Fields {
				fields = AppendField(fields, f)
			}
			if got := all[0].Tools(); got != tc.tools || string(fields) != tc.fields {
				t.Errorf("tools %s, fields %s", got, fields)
			}
			all[0].ID = "a"
			for _, f := range []Format{JSONL, Generated, Converted} {
				again, err := read(string(f.Append(nil, all[0])))
				if err != nil || !reflect.DeepEqual(again[0], all[0]) {
					t.Errorf("written and read: %+v, error %v", again, err)
				}
			}
		})
	}
}

func TestAllText(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		in, text, without string
		calls             bool
	}{
		{`{"role":"assistant","content":"hi"}`, "hi", "hi", false},
		{`{"role":"assistant","content":null,"tool_calls":[{"id":"1","function":{"name":"f",` +
			`"arguments":"{\"x\": 1}"}},{"function":{"name":"g","arguments":{"y":2}}}]}`,
			`f{"x": 1}g{"y":2}`, "", true},
		{`{"role":"assistant","content":"so","function_call":{"name":"f","arguments":"{}"}}`,
			"sof{}", "so", true},
		{`{"role":"assistant","content":"so","tool_calls":[]}`, "so", "so", false},
		{`{"role":"assistant","content":"so","tool_calls":null,"function_call":null}`,
			"so", "so", false},
		{`{"role":"assistant","content":"so","tool_calls":[{"type":"custom","custom":` +
			`{"name":"f","input":"a b"}}]}`, "sofa b", "so", true},
		{`{"role":"tool","content":"so","tool_calls":[{"function":{"name":"f"}}]}`, "so", "so", false},
	} {
		all, err := read(`{"id": "a", "messages": [` + tc.in + `]}`)
		if err != nil {
			t.Fatal(err)
		}
		m := &all[0].Messages[0]
		without := m.WithoutCalls()
		if m.AllText() != tc.text || m.Calls() != tc.calls ||
			tc.calls && (without.Calls() || without.AllText() != tc.without) {
			t.Errorf("%s: text %q, calls %v, without them %s", tc.in, m.AllText(), m.Calls(), without.Raw)
		}
	}
}

func TestReaderErrors(t *testing.T) {
	t.Parallel()
	ok := `{"id": "ok", "messages": [{"role": "user", "content": "x"}]}`
	message := func(m string) string { return ok + "\n" + `{"id": "b", "messages": [` + m + `]}` }
	for _, tc := range []struct{ name, in, want string }{
		{"empty messages", "[\n  " + ok + ",\n  {\n    \"id\": \"b\",\n    \"messages\": []}]",
			"line 3: item 2: messages is empty: a conversation needs at least one"},
		{"no messages", ok + "\n\n" + `{"id": "b"}`,
			`line 3: item 2: messages is missing, want {"id": ..., "messages": [...]} (for ` +
				`ShareGPT's "conversations" run sharegpt2openai first)`},
		{"object as id", `{"id": {}, "messages": [{"role": "user", "content": "x"}]}`,
			"line 1: item 1: id is {}, want a string or a number"},
		{"a number twice", `{"id": 7, "messages": [{"role": "user", "content": "x"}]}` + "\n" +
			`{"id": "7", "messages": [{"role": "user", "content": "x"}]}`,
			`line 2: item 2: id "7" was used before in line 1: ids must be unique`},
		{"tools is an object", `{"id": "a", "tools": {}, "messages": []}`,
			"line 1: item 1: tools is {}, want an array of tools"},
		{"tools is a text", `{"id": "a", "tools": "[x]", "messages": []}`,
			`line 1: item 1: tools is "[x]", want an array of tools`},
		{"no message in an array", "[[" + `{"role": "user", "content": "x"}, 1` + "]]",
			"line 1: item 1: messages[1]: is 1, want an object with role and content"},
		{"a line of messages that is broken", ok + "\n" + `[{"role": "user", "content": "x"}, 1`,
			"line 2: item 2: the input ends inside an array or object"},
		{"same id", ok + "\n" + ok,
			`line 2: item 2: id "ok" was used before in line 1: ids must be unique`},
		{"messages is an object", `{"id": "a", "messages": {}}`,
			"line 1: item 1: messages is {}, want an array"},
		{"message is text", message(`"hi"`),
			`line 2: item 2: messages[0]: is "hi", want an object with role and content`},
		{"no role", message(`{"content": "x"}`), "line 2: item 2: messages[0]: role is missing"},
		{"role is null", message(`{"role": null, "content": "x"}`),
			"line 2: item 2: messages[0]: role is null, want a string"},
		{"no content", message(`{"role": "user"}`),
			"line 2: item 2: messages[0]: content is missing (only an assistant message with " +
				"tool_calls or output_tokens can do without)"},
		{"content is null", message(`{"role": "assistant", "content": null}`),
			"line 2: item 2: messages[0]: content is missing (only an assistant message with " +
				"tool_calls or output_tokens can do without)"},
		{"content is a number", message(`{"role": "user", "content": 1}`),
			"line 2: item 2: messages[0]: content is 1, want a string or an array of parts"},
		{"part is a number", message(`{"role": "user", "content": [1]}`),
			"line 2: item 2: messages[0]: content[0] is 1, want an object with type and text"},
		{"tokens negative", message(`{"role": "assistant", "content": "", "output_tokens": -1}`),
			"line 2: item 2: messages[0]: output_tokens is -1, want a whole number of tokens, at most 16,777,216"},
		{"tokens on user", message(`{"role": "user", "content": "", "output_tokens": 1}`),
			`line 2: item 2: messages[0]: output_tokens belongs on an assistant message, this one's role is "user"`},
		{"delay as text", message(`{"role": "user", "content": "", "delay_ms": "1s"}`),
			`line 2: item 2: messages[0]: delay_ms is "1s", want milliseconds as a number from 0, ` +
				"at most 9,007,199,254"},
		{"delay on assistant", message(`{"role": "assistant", "content": "", "delay_ms": 1}`),
			`line 2: item 2: messages[0]: delay_ms belongs on a user or tool message, this one's role is "assistant"`},
		{"a number", "[1]",
			`line 1: item 1: want a conversation, {"id": ..., "messages": [...]}, or an array of them`},
		{"text", "hello", "line 1: item 1: want a conversation, {\"id\": ..., \"messages\": " +
			"[...]}, or an array of them"},
		{"cut off", "[\n" + ok + ",\n" + ok[:12],
			"line 3: item 2: the input ends inside an array or object"},
		{"cut off in a string", ok + "\n" + ok[:len(ok)-5],
			"line 2: item 2: a string has no closing quote"},
		{"array not closed", "[\n" + ok + "\n",
			"line 3: item 2: the input ends inside an array or object"},
		{"trailing comma", "[" + ok + ",]", "line 1: item 2: want a value here"},
		{"missing comma", "[" + ok + " " + ok + "]",
			"line 1: item 2: want a comma or a closing bracket here"},
		{"error inside, over lines", "[\n{\"id\": \"a\",\n \"x\": nul,\n\"messages\": []}]",
			"line 3: item 1: want a value here"},
		{"not utf-8", message("{\"role\": \"user\", \"content\": \"\xff\"}"),
			"line 2: item 2: text is not UTF-8"},
		{"another filetype", `{"filetype": "other"}`,
			`line 1: item 1: filetype is "other": want conversations, or a config with ` +
				`"generate_conversations" as the only item`},
		{"config in the middle", ok + "\n" + `{"filetype": "generate_conversations"}`,
			`line 2: item 2: filetype is "generate_conversations": want conversations, or a ` +
				`config with "generate_conversations" as the only item`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			_, err := read(tc.in)
			if err == nil || err.Error() != "data.json: "+tc.want {
				t.Errorf("got  %v\nwant data.json: %s", err, tc.want)
			}
		})
	}
}

func TestReaderConfig(t *testing.T) {
	t.Parallel()
	config := `{"num_conversations": 2, "filetype": "generate_conversations", "text_files": ["a.txt"]}`
	r := NewReader(strings.NewReader("\n "+config+"\n"), "gen.json")
	if got := r.Config(); string(got) != config {
		t.Fatalf("got %s", got)
	}
	if r.Scan() || r.Err() != nil {
		t.Errorf("a conversation, or error %v, behind a config", r.Err())
	}
	r = NewReader(strings.NewReader(config+config), "gen.json")
	r.Config()
	if r.Scan() || r.Err() == nil ||
		!strings.Contains(r.Err().Error(),
			"gen.json: line 1: item 2: a generator's config stands alone") {
		t.Errorf("a config with something behind it: %v", r.Err())
	}
	r = NewReader(strings.NewReader(""), "gen.json")
	if r.Config() != nil || r.Scan() || r.Err() != nil {
		t.Errorf("empty input: %v", r.Err())
	}
	r = NewReader(iotest.ErrReader(fmt.Errorf("no disk")), "gen.json")
	if r.Config() != nil || r.Scan() || r.Err() == nil || r.Err().Error() != "gen.json: no disk" {
		t.Errorf("broken input: %v", r.Err())
	}
}

// For any input the Reader neither panics nor hangs, and what it accepts is the
// same after it is written and read in each format.
func FuzzReader(f *testing.F) {
	f.Add([]byte(`[{"id": "a", "messages": [{"role": "user", "content": "x\u00e9\n"}, {"role": ` +
		`"assistant", "content": [{"text": "y"}], "output_tokens": 3}]}]`))
	f.Add([]byte("{\"id\": \"a\", \"messages\": [{\"role\": \"user\", \"content\": \"x\", " +
		"\"delay_ms\": 1.5}]}\n[]\n[1"))
	f.Add([]byte(`{"filetype": "generate_conversations"}`))
	f.Add([]byte(`[{"role": "user", "content": "x"}]{"tools": "[{}]", "tool_choice": {"a": ` + "\n" +
		`"b"}, "messages": [{"role": "assistant", "content": null, "tool_calls": [{"function": ` +
		`{"name": "f", "arguments": "{}"}}]}]}`))
	f.Add([]byte("\uFEFF[{\"id\": \"\\ud83d\", \"messages\": [{\"role\": \"tool\", \"name\": " +
		"\"\\ud83d\x7f\", \"content\": null}]}]"))
	f.Fuzz(func(t *testing.T, in []byte) {
		r := NewReader(bytes.NewReader(in), "in")
		var all []*Conversation
		for r.Scan() {
			all = append(all, r.Conversation())
		}
		if err := r.Err(); err != nil && strings.ContainsAny(err.Error(), "\n\r") {
			t.Fatalf("an error of more than one line: %q", err)
		}
		for _, format := range []Format{JSONL, Generated, Converted, {Indent: 0, Packed: ".gz"},
			{Lines: true, Packed: ".zst"}} {
			var out bytes.Buffer
			w := NewWriter(&out, format)
			for _, c := range all {
				w.Write(c)
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			if format.ASCII &&
				strings.ContainsFunc(out.String(), func(r rune) bool { return r >= 0x7f }) {
				t.Fatalf("not ASCII: %q", out.String())
			}
			back := NewReader(&out, "out")
			for _, c := range all {
				if !back.Scan() {
					t.Fatalf("%+v: %v was not read back: %v", format, c, back.Err())
				}
				if got := back.Conversation(); !equal(got, c) {
					t.Fatalf("%+v: %+v came back as %+v", format, c, got)
				}
			}
			if back.Scan() || back.Err() != nil {
				t.Fatalf("%+v: error %v at the end", format, back.Err())
			}
		}
	})
}

// equal compares conversations. Escapes in Raw may differ.
func equal(a, b *Conversation) bool {
	if a.ID != b.ID || len(a.Messages) != len(b.Messages) {
		return false
	}
	for i := range a.Messages {
		m, n := a.Messages[i], b.Messages[i]
		var x, y any
		if (m.Raw == nil) != (n.Raw == nil) {
			return false
		}
		if m.Raw != nil && (json.Unmarshal(m.Raw, &x) != nil || json.Unmarshal(n.Raw, &y) != nil ||
			!reflect.DeepEqual(x, y)) {
			return false
		}
		m.Raw, n.Raw = nil, nil
		if d := m.Delay - n.Delay; d < -1 || d > 1 { // milliseconds are not exact in binary
			return false
		}
		m.Delay = n.Delay
		if !reflect.DeepEqual(m, n) {
			return false
		}
	}
	return true
}

func BenchmarkReader(b *testing.B) {
	text := strings.Repeat("It was the best of times, it was the worst of times.\n", 20)
	var in bytes.Buffer
	w := NewWriter(&in, JSONL)
	for i := range 1000 {
		w.Write(&Conversation{ID: fmt.Sprint(i),
			Messages: []Message{{Role: User, Text: text}, {Role: Assistant, Text: text}}})
	}
	w.Close()
	b.SetBytes(int64(in.Len()))
	b.ReportAllocs()
	for b.Loop() {
		r := NewReader(bytes.NewReader(in.Bytes()), "in")
		for r.Scan() {
		}
		if r.Err() != nil {
			b.Fatal(r.Err())
		}
	}
}
