package chat

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"
)

// The output of Python's json.dump with indent=4, and with indent=2 and
// ensure_ascii=False.
const (
	pythonIndent4 = `[
    {
        "id": "CONV_ID_0",
        "messages": [
            {
                "role": "user",
                "content": "a\"\\/\b\f\n\r\t\u0001\u001f\u007f\u00e9\u4f60\u2028\ud83d\ude42<&>"
            },
            {
                "role": "assistant",
                "content": ""
            }
        ]
    },
    {
        "id": "\u00e9",
        "messages": [
            {
                "role": "user",
                "content": "x"
            }
        ]
    }
]`
	pythonIndent2 = "[\n" +
		"  {\n    \"id\": \"CONV_ID_0\",\n    \"messages\": [\n" +
		"      {\n        \"role\": \"user\",\n" +
		"        \"content\": \"a\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\\u001f\x7fé你\u2028🙂<&>\"\n      },\n" +
		"      {\n        \"role\": \"assistant\",\n        \"content\": \"\"\n      }\n    ]\n  },\n" +
		"  {\n    \"id\": \"é\",\n    \"messages\": [\n" +
		"      {\n        \"role\": \"user\",\n        \"content\": \"x\"\n      }\n    ]\n  }\n]"
	lines = `{"id":"CONV_ID_0","messages":[{"role":"user",` +
		`"content":"a\"\\/\u0008\u000c\n\r\t\u0001\u001f` + "\x7fé你" +
		`\u2028🙂<&>"},{"role":"assistant","content":""}]}` +
		"\n" + `{"id":"é","messages":[{"role":"user","content":"x"}]}` + "\n"
)

func TestWriterFormats(t *testing.T) {
	t.Parallel()
	in := []*Conversation{
		{ID: "CONV_ID_0", Messages: []Message{{Role: User,
			Text: "a\"\\/\b\f\n\r\t\x01\x1f\x7fé你\u2028🙂<&>"}, {Role: Assistant}}},
		{ID: "é", Messages: []Message{{Role: User, Text: "x"}}},
	}
	for _, tc := range []struct {
		name   string
		format Format
		in     []*Conversation
		want   string
	}{
		{"generated", Generated, in, pythonIndent4},
		{"converted", Converted, in, pythonIndent2},
		{"lines", JSONL, in, lines},
		{"no conversation", Generated, nil, "[]"},
		{"no line", JSONL, nil, ""},
		{"steered and raw", Converted, []*Conversation{{ID: "a", Messages: []Message{
			{Role: User, Text: "x", Delay: 1500 * time.Microsecond},
			{Role: Assistant, Text: "y", OutputTokens: 3,
				Raw: json.RawMessage(`{"role":"assistant","content":"y","tool_calls":[]}`)}}}},
			"[\n  {\n    \"id\": \"a\",\n    \"messages\": [\n" +
				"      {\n        \"role\": \"user\",\n        \"content\": \"x\",\n" +
				"        \"delay_ms\": 1.5\n      },\n" +
				"      {\n        \"role\": \"assistant\",\n        \"content\": \"y\",\n" +
				"        \"tool_calls\": [],\n        \"output_tokens\": 3\n      }\n    ]\n  }\n]"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			w := NewWriter(&out, tc.format)
			for _, c := range tc.in {
				if err := w.Write(c); err != nil {
					t.Fatal(err)
				}
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			if out.String() != tc.want {
				t.Errorf("got\n%s\nwant\n%s", out.String(), tc.want)
			}
		})
	}
}

func TestFormatFor(t *testing.T) {
	t.Parallel()
	packed := func(f Format) Format { f.Packed = ".gz"; return f }
	for _, tc := range []struct {
		name, override string
		want           Format
	}{
		{"out.json", "", Generated},
		{"out.JSON.gz", "", packed(Generated)},
		{"out.jsonl", "", JSONL},
		{"out.ndjson.gz", "", packed(JSONL)},
		{"out", "", Generated},
		{"out.gz", "", packed(Generated)},
		{"-", "", JSONL},
		{"-", "json", Generated},
		{"out.json", "jsonl", JSONL},
		{"out.jsonl.gz", "json", packed(Generated)},
		{"out.jsonl.ZST", "", Format{Lines: true, Packed: ".zst"}},
	} {
		if got, err := FormatFor(tc.name, tc.override, Generated); err != nil || got != tc.want {
			t.Errorf("FormatFor(%q, %q) = %+v, %v", tc.name, tc.override, got, err)
		}
	}
	if _, err := FormatFor("out", "xml", Generated); err == nil ||
		err.Error() != `format is "xml", want json or jsonl` {
		t.Errorf("xml: %v", err)
	}
}

type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }

func TestWriterReportsErrors(t *testing.T) {
	t.Parallel()
	for _, f := range []Format{JSONL, Generated, {Packed: ".gz"}, {Packed: ".zst"}} {
		w := NewWriter(brokenPipe{}, f)
		w.Write(&Conversation{ID: "a",
			Messages: []Message{{Role: User, Text: strings.Repeat("x", 1<<20)}}})
		if err := w.Close(); err == nil || err.Error() != "broken pipe" {
			t.Errorf("%+v: %v", f, err)
		}
	}
}

func BenchmarkWriter(b *testing.B) {
	text := strings.Repeat("It was the best of times, \"it\" was the worst of times.\n", 20)
	c := &Conversation{ID: "a",
		Messages: []Message{{Role: User, Text: text}, {Role: Assistant, Text: text}}}
	for name, f := range map[string]Format{"lines": JSONL, "generated": Generated,
		"converted": Converted} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(2 * len(text)))
			b.ReportAllocs()
			var dst []byte
			for b.Loop() {
				dst = f.Append(dst[:0], c)
			}
		})
	}
}
