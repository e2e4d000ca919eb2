package describe

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"multiturn/pkg/chat"
	"multiturn/pkg/render"
)

// words counts words in place of tokens.
func words(s string) int { return len(strings.Fields(s)) }

// describe reads conversations and describes them.
func describe(t *testing.T, text string) *Summary {
	t.Helper()
	r := chat.NewReader(strings.NewReader(text), "data")
	c, err := Run(context.Background(), func(yield func(*chat.Conversation) bool) {
		for r.Scan() && yield(r.Conversation()) {
		}
	}, words)
	if err != nil || r.Err() != nil {
		t.Fatal(err, r.Err())
	}
	return c.Summary("data", "conversations", "words")
}

// prompt is a system prompt of 100 words and more than three blocks.
var prompt = strings.TrimSpace(strings.Repeat("be kind ", 50))

func data() string {
	system := `{"role":"system","content":"` + prompt + `"},`
	return `{"id":"a","messages":[` + system + `{"role":"user","content":"one two"},` +
		`{"role":"assistant","content":"three"},{"role":"user","content":"four"},` +
		`{"role":"assistant","content":"five six seven"}]}` + "\n" +
		`{"id":"b","messages":[` + system + `{"role":"user","content":"other"},` +
		`{"role":"assistant","content":"x"}]}` + "\n" +
		`{"id":"c","messages":[{"role":"user","content":"other"},` +
		`{"role":"assistant","content":"x"}]}` + "\n" +
		`{"id":"d","messages":[{"role":"user","content":"other"},` +
		`{"role":"assistant","content":"x"}]}` + "\n" +
		`{"tools":[{"type":"function"}],"messages":[{"role":"user","content":` +
		`[{"type":"text","text":"Привет мир"},{"type":"image_url","image_url":{"url":"x"}}]},` +
		`{"role":"assistant","content":null,"tool_calls":[{"id":"1","function":{"name":"f",` +
		`"arguments":"{ }"}},{"id":"2","function":{"name":"g","arguments":"{}"}}]},` +
		`{"role":"tool","tool_call_id":"1","content":"r"},` +
		`{"role":"tool","tool_call_id":"2","content":"s"},` +
		`{"role":"assistant","content":"ok"}]}`
}

func TestSummary(t *testing.T) {
	t.Parallel()
	s := describe(t, data())
	if s.Conversations != 5 || s.Turns != 7 || s.Messages != 17 || s.Duplicates != 1 {
		t.Errorf("%d conversations, %d turns, %d messages, %d duplicates", s.Conversations, s.Turns,
			s.Messages, s.Duplicates)
	}
	// a: 100+2+1+1+3, b: 100+1+1, c and d: 2, the last: its tools 1, 2, "f{ }g{}" 2, 1, 1, 1.
	if s.Tokens != 107+102+2+2+8 {
		t.Errorf("%d tokens", s.Tokens)
	}
	if got := s.Longest[0]; got != (Longest{ID: "a", Turns: 2, Messages: 5, Tokens: 107}) {
		t.Errorf("longest %+v", got)
	}
	if got := s.Longest[2]; got != (Longest{ID: "conversation-5", Turns: 2, Messages: 5, Tokens: 8}) {
		t.Errorf("third longest %+v", got)
	}
	first := s.ByTurn[0]
	if len(s.ByTurn) != 2 || first.Count != 5 || first.PromptMax != 102 || first.AnswerP99 != 2 {
		t.Errorf("by turn %+v", s.ByTurn)
	}
	if second := s.ByTurn[1]; second.Count != 2 || second.PromptMax != 104 || second.NewP50 != 1 {
		t.Errorf("second turn %+v", second)
	}
	roles := map[string]int64{}
	for _, r := range s.Roles {
		roles[r.Name] = r.Count
	}
	if !reflect.DeepEqual(roles, map[string]int64{"user": 6, "assistant": 7, "system": 2, "tool": 2}) {
		t.Errorf("roles %v", roles)
	}
	if s.Tools != (Tools{Conversations: 1, Described: 1, Calls: 2, Results: 2}) {
		t.Errorf("tools %+v", s.Tools)
	}
	if !reflect.DeepEqual(s.Media, []Named{{"image_url", 1}}) ||
		!reflect.DeepEqual(s.Scripts, []Named{{"Latin", 4}, {"Cyrillic", 1}}) {
		t.Errorf("media %v, scripts %v", s.Media, s.Scripts)
	}
}

// The second of two conversations shares the blocks of the system prompt, and the
// fourth repeats a first prompt that is shorter than a block.
func TestPrefixes(t *testing.T) {
	t.Parallel()
	p := describe(t, data()).Prefixes
	shared := int64((len("tools\x00\x00system\x00") + len(prompt)) / blockBytes * blockBytes)
	if p.Shared != shared || p.Conversations != 1 || p.SystemPrompts != 1 || p.WithoutSystem != 3 {
		t.Errorf("%+v, want %d shared", p, shared)
	}
	s := describe(t, data())
	if len(s.Systems) != 1 || s.Systems[0].Conversations != 2 || s.Systems[0].Tokens != 100 ||
		!strings.HasSuffix(s.Systems[0].Begin, "...") {
		t.Errorf("systems %+v", s.Systems)
	}
	// What is alike behind a difference is no prefix.
	long := strings.Repeat("the same words ", 100)
	s = describe(t, `{"messages":[{"role":"user","content":"A `+long+`"}]}
{"messages":[{"role":"user","content":"B `+long+`"}]}
{"messages":[{"role":"user","content":"B `+long+` and more"}]}`)
	if p := s.Prefixes; p.Conversations != 1 || p.Shared == 0 || p.Shared > p.Bytes/2 {
		t.Errorf("%+v", p)
	}
}

func TestGroups(t *testing.T) {
	t.Parallel()
	for turn, want := range map[int]string{
		0: "1", 7: "8", 8: "9-16", 15: "9-16", 16: "17-32", 31: "17-32", 32: "33-64", 1000: "513-1024",
	} {
		if got := turnName(group(turn)); got != want {
			t.Errorf("turn %d is in %s, want %s", turn+1, got, want)
		}
	}
}

// Every format shows the numbers, and unknown ones are no numbers.
func TestFormats(t *testing.T) {
	t.Parallel()
	doc := describe(t, data()).Document()
	for _, f := range render.Formats() {
		var b bytes.Buffer
		if err := render.Write(&b, f, []render.Document{doc}); err != nil {
			t.Fatal(err)
		}
		if f == render.JSON && !json.Valid(b.Bytes()) || strings.Contains(b.String(), "NaN") ||
			!strings.Contains(b.String(), "107") || !strings.Contains(b.String(), "image_url") {
			t.Errorf("%s:\n%s", f, &b)
		}
	}
	empty := NewCounter().Summary("none", "", "").Document()
	if text, err := json.Marshal(empty.Value); err != nil || !json.Valid(text) {
		t.Error(err)
	}
}

// Scripts of texts.
func TestScripts(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"": "none", "12 + 3": "none", "hello": "Latin", "Größe": "Latin", "你好 ok": "Latin",
		"你好吗,今天天气": "Han", "これは日本語です": "Kana", "안녕하세요": "Hangul", "Привет": "Cyrillic",
		"مرحبا": "Arabic", "สวัสดี": "Thai", "ᓀᐦᐃᔭᐍᐏᐣ": "other",
	} {
		letters := map[string]int{}
		countScripts(letters, text)
		if got := mostFrequent(letters); got != want {
			t.Errorf("%q is %s, want %s", text, got, want)
		}
	}
}

// The result does not depend on how conversations are dealt to workers, and what
// is kept does not grow with the texts.
func TestRunKeepsLittle(t *testing.T) {
	const n = 2000
	long := strings.Repeat("word ", 4000)
	all := func(yield func(*chat.Conversation) bool) {
		for i := range n {
			c := &chat.Conversation{ID: fmt.Sprint(i), Messages: []chat.Message{
				{Role: chat.User, Text: fmt.Sprint(i, " ", long)}, {Role: chat.Assistant, Text: "ok"},
			}}
			if !yield(c) {
				return
			}
		}
	}
	c, err := Run(context.Background(), all, words)
	if err != nil {
		t.Fatal(err)
	}
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	s := c.Summary("", "", "")
	if s.Conversations != n || s.Tokens != n*4002 || s.Longest[0].ID != "0" {
		t.Errorf("%+v", s)
	}
	// The texts are 40 MB. The table of blocks is 32 MiB.
	if m.HeapAlloc > 64<<20 {
		t.Errorf("%d MiB are kept", m.HeapAlloc>>20)
	}
	runtime.KeepAlive(c)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Run(ctx, all, words); err == nil {
		t.Error("an ended context is no error")
	}
}

func BenchmarkRun(b *testing.B) {
	conversation := &chat.Conversation{ID: "a", Messages: []chat.Message{
		{Role: chat.User, Text: strings.Repeat("a question ", 50)},
		{Role: chat.Assistant, Text: strings.Repeat("an answer ", 200)},
	}}
	b.ReportAllocs()
	_, err := Run(context.Background(), func(yield func(*chat.Conversation) bool) {
		for b.Loop() && yield(conversation) {
		}
	}, words)
	if err != nil {
		b.Fatal(err)
	}
}
