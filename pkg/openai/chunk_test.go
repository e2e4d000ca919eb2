package openai

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
	"time"
	"unicode/utf8"

	"github.com/tidwall/gjson"

	"multiturn/internal/httpclient"
	"multiturn/internal/jsonseq"
	"multiturn/pkg/chat"
	"multiturn/pkg/record"
	"multiturn/pkg/sockclock"
)

// FuzzScanner compares the scanner with encoding/json: what is valid, and the
// values of strings.
func FuzzScanner(f *testing.F) {
	for _, s := range []string{
		`{"a":[1,-0.5e+3,true,false,null,"x\u00e9\n\ud83d\ude42\ud83d"],"b":{}}`, `[]`, `"`,
		`{"a":1,}`, `[1,]`, `01`, `-`, `1.`, `"\u12"`,
		"\"\x01\"", `{"a" : "b"} x`, ` {} `, `nul`, `{"a":"b" "c":1}`, `[[[[]]]]`, `{1:2}`,
		`"\ud83dx"`, `"\ud83d\u0041"`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		cur := jsonseq.Cursor{Text: data, AnyBytes: true}
		v := cur.Skip()
		got := cur.End() == nil
		if want := json.Valid(data); got != want {
			t.Fatalf("%q: valid %v, encoding/json says %v", data, got, want)
		}
		if !got || len(v) == 0 || v[0] != '"' || !utf8.Valid(data) {
			return
		}
		var want string
		if err := json.Unmarshal(data, &want); err != nil {
			t.Fatal(err)
		}
		if got := unquote(v); got != want {
			t.Fatalf("%q: %q, encoding/json says %q", data, got, want)
		}
	})
}

func TestDepth(t *testing.T) {
	t.Parallel()
	cur := jsonseq.Cursor{Text: []byte(strings.Repeat("[", 10_000_000))}
	if cur.Skip(); cur.Err() == nil {
		t.Error("ten million brackets were taken")
	}
}

func TestChunk(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, data string
		bad        bool
		content    string
		reasoning  string
		finish     string
		failure    bool
	}{
		{name: "plain", data: `{"choices":[{"index":0,"delta":{"content":"a\"b"}}]}`,
			content: `a"b`},
		{name: "spaces",
			data: " {\n\"choices\" : [ { \"delta\" : { \"content\" : \"x\" } , " +
				"\"finish_reason\" : \"stop\" } ] } ", content: "x", finish: "stop"},
		{name: "escaped names", data: `{"cho\u0069ces":[{"d\u0065lta":{"c\u006fntent":"x"}}]}`,
			content: "x"},
		{name: "null everywhere",
			data: `{"choices":null,"usage":null,"error":null,"timings":null}`},
		{name: "null inside",
			data: `{"choices":[{"index":0,"delta":{"content":null,"reasoning":null,` +
				`"tool_calls":null,"role":"assistant"},"finish_reason":null}]}`},
		{name: "null delta",
			data: `{"choices":[{"index":0,"delta":null,"finish_reason":"stop"}]}`, finish: "stop"},
		{name: "reasoning", data: `{"choices":[{"delta":{"reasoning":"hm"}}]}`, reasoning: "hm"},
		{name: "reasoning_content",
			data:      `{"choices":[{"delta":{"reasoning_content":"hm","content":""}}]}`,
			reasoning: "hm"},
		{name: "both fields say the same",
			data:      `{"choices":[{"delta":{"reasoning":"hm","reasoning_content":"hm"}}]}`,
			reasoning: "hm"},
		{name: "one of both is empty",
			data:      `{"choices":[{"delta":{"reasoning":"hm","reasoning_content":""}}]}`,
			reasoning: "hm"},
		{name: "content and reasoning",
			data: `{"choices":[{"delta":{"reasoning":"hm","content":"x"}}]}`, reasoning: "hm",
			content: "x"},
		{name: "parts",
			data: `{"choices":[{"delta":{"content":[{"type":"thinking",` +
				`"thinking":[{"type":"text","text":"hm"}]},{"type":"text","text":"x"}]}}]}`,
			reasoning: "hm", content: "x"},
		{name: "first choice only",
			data: `{"choices":[{"index":1,"delta":{"content":"no"}},{"index":0,` +
				`"delta":{"content":"x"}}]}`, content: "x"},
		{name: "message", data: `{"choices":[{"message":{"role":"assistant","content":"x"}}]}`,
			content: "x"},
		{name: "no index", data: `{"choices":[{"index":null,"delta":{"content":"x"}}]}`,
			content: "x"},
		{name: "all so far beside the delta",
			data: `{"choices":[{"delta":{"content":"x"},"message":{"content":"wx"}}]}`, content: "x"},
		{name: "all so far before the delta",
			data: `{"choices":[{"message":{"content":"wx"},"delta":{"content":"x"}}]}`, content: "x"},
		{name: "all in the end", data: `{"choices":[{"message":{"content":"wx"},"delta":{},` +
			`"finish_reason":"stop"}]}`, finish: "stop"},
		{name: "refusal", data: `{"choices":[{"delta":{"refusal":"no","content":null}}]}`,
			content: "no"},
		{name: "no refusal", data: `{"choices":[{"delta":{"content":"x","refusal":null}}]}`,
			content: "x"},
		{name: "null in a text", data: `{"choices":[{"delta":{"content":"x"},"finish_reason":"null"}]}`,
			content: "x"},
		{name: "legacy text", data: `{"choices":[{"text":"x","index":0}]}`, content: "x"},
		{name: "a ping", data: `{"type":"ping"}`},
		{name: "error object", data: `{"error":{"message":"x"}}`, failure: true},
		{name: "error text", data: `{"error":"x"}`, failure: true},
		{name: "error false", data: `{"error":false,"choices":[]}`},
		{name: "error without a text", data: `{"error":"","choices":[]}`},
		{name: "error without anything", data: `{"error":{"code":0,"message":"","details":[]},"choices":[]}`},
		{name: "error with a code", data: `{"error":{"code":1,"message":""},"choices":[]}`, failure: true},
		{name: "detail", data: `{"detail":"Not Found"}`, failure: true},
		{name: "object error", data: `{"object":"error","message":"x"}`, failure: true},

		{name: "nothing", data: ``, bad: true},
		{name: "a number", data: `1`, bad: true},
		{name: "an array", data: `[]`, bad: true},
		{name: "two objects", data: `{}{}`, bad: true},
		{name: "a broken tail", data: `{"choices":[{"delta":{"content":"x"}}],"id":}`, bad: true},
		{name: "cut", data: `{"choices":[{"delta":{"content":"x"}}]`, bad: true},
		{name: "control character",
			data: "{\"choices\":[{\"delta\":{\"content\":\"\x01\"}}]}", bad: true},
		{name: "content is a number", data: `{"choices":[{"delta":{"content":1}}]}`, bad: true},
		{name: "choices is an object", data: `{"choices":{}}`, bad: true},
		{name: "a choice is a text", data: `{"choices":["x"]}`, bad: true},
		{name: "tool_calls is a text",
			data: `{"choices":[{"delta":{"tool_calls":"x"}}]}`, bad: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			d := decoder{api: &chatCompletions}
			for range 2 { // the second time by the quick way, where there is one
				chunk, ok := d.chunk([]byte(c.data))
				if ok == c.bad {
					t.Fatalf("ok %v", ok)
				}
				if !ok {
					return
				}
				content := spanText(chunk.content, c.data)
				reasoning := spanText(chunk.reasoning, c.data)
				if chunk.parts != nil {
					var said, thought text
					eachPart(chunk.parts, func(q string) { said.addQuoted([]byte(q)) },
						func(q string) { thought.addQuoted([]byte(q)) })
					content, reasoning = string(said.buf), string(thought.buf)
				}
				if content != c.content || reasoning != c.reasoning ||
					unquote(chunk.finish) != c.finish || (chunk.failure != nil) != c.failure {
					t.Errorf("content %q, reasoning %q, finish %q, failure %q", content, reasoning,
						chunk.finish, chunk.failure)
				}
				if text, thinking, ok := d.text([]byte(c.data)); ok {
					if thinking != (c.reasoning != "") ||
						spanText(text, c.data) != c.content+c.reasoning {
						t.Errorf("the quick way: %q, reasoning %v",
							spanText(text, c.data), thinking)
					}
				}
			}
		})
	}
}

// spanText returns the text of a string of data.
func spanText(s textSpan, data string) string {
	var t text
	t.add(s, []byte(data))
	return string(t.buf)
}

// FuzzQuick checks that the quick parser and the full one read the same from
// every chunk that the quick one accepts.
func FuzzQuick(f *testing.F) {
	before, after := `{"choices":[{"index":0,"delta":{"content":"`, `"},"finish_reason":null}]}`
	for _, s := range []string{"a", `\"`, `\\`, `","x":"`, `"},"finish_reason":null}]}`, `\u00e9`,
		`\`, "\x00", "é", `x"},"finish_reason":null}],"a":[{"b":{"content":"`} {
		f.Add([]byte(before+s+after), []byte(before+"learn"+after))
	}
	f.Fuzz(func(t *testing.T, data, first []byte) {
		d := decoder{api: &chatCompletions}
		d.chunk(first)
		text, thinking, quick := d.text(data)
		if !quick {
			return
		}
		full := decoder{api: &chatCompletions}
		c, ok := full.chunk(data)
		if !ok {
			t.Fatalf("%q was taken for a chunk after %q", data, first)
		}
		want := c.content
		if thinking {
			want = c.reasoning
		}
		if text != want || !full.known {
			t.Fatalf("%q after %q: text %v, want %v", data, first, text, want)
		}
	})
}

func TestToolCalls(t *testing.T) {
	t.Parallel()
	var calls toolCalls
	for _, c := range []struct {
		deltas string
		text   bool
	}{
		{`[{"index":0,"id":"a","type":"function","function":{"name":"f","arguments":""}}]`, true},
		{`[{"index":0,"function":{"arguments":"{\"x\":"}}]`, true},
		{`[{"index":1,"id":"b","function":{"name":"g"}}]`, true},
		{`[{"index":0,"id":"a","function":{"name":"f","arguments":"\"ü\"}"}}]`, true},
		{`[{"index":1,"function":{"arguments":""}}]`, false},
		{`[{"index":1,"function":{"arguments":{"y":1}}}]`, true},
		{`[]`, false},
		{`[1,null,"x"]`, false},
	} {
		if text := calls.add([]byte(c.deltas)); text != c.text {
			t.Errorf("%s: text %v", c.deltas, text)
		}
	}
	got := string((&toolCalls{calls: calls.calls[:2]}).appendJSON(nil))
	want := `[{"id":"a","type":"function","function":{"name":"f","arguments":"{\"x\":\"ü\"}"}},` +
		`{"id":"b","type":"function","function":{"name":"g","arguments":"{\"y\":1}"}}]`
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// TestToolCallsOfGateways reads calls that have no index of their own, ids that
// change, and the older form.
func TestToolCallsOfGateways(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		deltas []string
		want   []string // id, name and arguments of each call
	}{
		{"no index", []string{
			`[{"id":"a","function":{"name":"f","arguments":"{}"}}]`,
			`[{"id":"b","function":{"name":"g","arguments":"{\"x\":1}"}}]`,
		}, []string{"a f {}", `b g {"x":1}`}},
		{"index 0 for all, in pieces", []string{
			`[{"index":0,"id":"a","function":{"name":"f","arguments":"{"}}]`,
			`[{"index":0,"function":{"arguments":"}"}}]`,
			`[{"index":0,"id":"b","function":{"name":"f","arguments":"["}}]`,
			`[{"index":0,"function":{"arguments":"]"}}]`,
		}, []string{"a f {}", "b f []"}},
		{"another id in every delta", []string{
			`[{"index":0,"id":"a","function":{"name":"f"}}]`,
			`[{"index":0,"id":"b","function":{"arguments":"{}"}}]`,
		}, []string{"a f {}"}},
		{"function_call", []string{`{"name":"f","arguments":""}`, `{"arguments":"{}"}`},
			[]string{" f {}"}},
	} {
		var calls toolCalls
		for _, d := range c.deltas {
			if !calls.add([]byte(d)) {
				t.Errorf("%s: %s has no text", c.name, d)
			}
		}
		var got []string
		for _, call := range calls.calls {
			got = append(got, call.id+" "+call.name+" "+string(call.arguments.buf))
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// TestUsageInPieces reads usage whose prompt and answer come apart.
func TestUsageInPieces(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		usages []string
		want   string
	}{
		{"zeros for what was said", []string{`{"prompt_tokens":5,"completion_tokens":1}`,
			`{"prompt_tokens":0,"completion_tokens":3}`}, "5 3"},
		{"as Anthropic", []string{`{"input_tokens":1,"cache_read_input_tokens":4,"output_tokens":1}`,
			`{"output_tokens":3}`}, "5 3"},
		{"zeros at last", []string{`{"prompt_tokens":5,"completion_tokens":3}`,
			`{"prompt_tokens":0,"completion_tokens":0}`}, "5 3"},
		{"all at last", []string{`{"output_tokens":9}`, `{"prompt_tokens":5,"completion_tokens":3}`}, "5 3"},
	} {
		a := newAnswer(&Options{}, &endpoint{api: &chatCompletions}, sockclock.New(time.Now()))
		a.decide(formStream)
		for _, u := range c.usages {
			a.body([]byte(`data: {"choices":[],"usage":`+u+"}\n\n"), 0)
		}
		if u := a.finish(errCut, 1).Usage; u == nil || fmt.Sprint(u.Prompt, u.Completion) != c.want {
			t.Errorf("%s: %+v, want %s", c.name, u, c.want)
		}
	}
}

func TestUsage(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ usage, timings, sglext, want string }{
		{`{"prompt_tokens":5,"completion_tokens":2}`, "", "", "5 2 unknown unknown"},
		{`{"prompt_tokens":5,"completion_tokens":2,"prompt_tokens_details":{"cached_tokens":0}}`,
			"", "", "5 2 0 usage.prompt_tokens_details.cached_tokens"},
		{`{"prompt_tokens":5,"completion_tokens":2,"prompt_tokens_details":null}`, "", "",
			"5 2 unknown unknown"},
		{`{"prompt_tokens":5,"completion_tokens":2,` +
			`"prompt_tokens_details":{"cached_tokens":null},"prompt_cache_hit_tokens":3}`, "", "",
			"5 2 3 usage.prompt_cache_hit_tokens"},
		{`{"prompt_tokens":5,"completion_tokens":2,"cache_read_input_tokens":3,"cached_tokens":4}`,
			"", "", "5 2 3 usage.cache_read_input_tokens"},
		{`{"prompt_tokens":5,"completion_tokens":2,"cached_tokens":4}`, `{"cache_n":1}`, "",
			"5 2 4 usage.cached_tokens"},
		{`{"prompt_tokens":5,"completion_tokens":2}`, `{"cache_n":1,"prompt_n":4}`,
			`{"cached_tokens_details":{"device":3}}`, "5 2 1 timings.cache_n map[device:3]"},
		{`{"prompt_tokens":5,"completion_tokens":2}`, "",
			`{"cached_tokens_details":{"device":3,"host":1,"storage_backend":"x"}}`,
			"5 2 4 sglext.cached_tokens_details map[device:3 host:1]"},
		{`{"input_tokens":5,"output_tokens":2}`, "", "", "5 2 unknown unknown"},
		{`{"input_tokens":5,"output_tokens":2,"cache_read_input_tokens":30,"cache_creation_input_tokens":4}`,
			"", "", "39 2 30 usage.cache_read_input_tokens"},
		{`{"prompt_tokens":35,"completion_tokens":2,"cache_read_input_tokens":30}`, "", "",
			"35 2 30 usage.cache_read_input_tokens"},
		{``, `{"cache_n":1,"prompt_n":4,"predicted_n":2}`, "", "5 2 1 timings.cache_n"},
		{``, `{"prompt_n":4,"predicted_n":2}`, "", "4 2 unknown unknown"},
		{``, `{"time_to_first_token_ms":4}`, "", "none"},
		{``, ``, "", "none"},
	} {
		u := newUsage([]byte(c.usage), []byte(c.timings), []byte(c.sglext))
		got := "none"
		if u != nil {
			field := u.CachedField
			if field == "" {
				field = "unknown"
			}
			got = fmt.Sprint(u.Prompt, u.Completion, " ", show(u.Cached), " ", field)
			if u.Tiers != nil {
				got += fmt.Sprint(" ", u.Tiers)
			}
		}
		if got != c.want {
			t.Errorf("%s %s %s: %s, want %s", c.usage, c.timings, c.sglext, got, c.want)
		}
	}
}

// TestUsagePlaces reads events with usage at every place, in an order in which
// gateways send them.
func TestUsagePlaces(t *testing.T) {
	t.Parallel()
	const real, zeros = `{"prompt_tokens":5,"completion_tokens":2}`, `{"prompt_tokens":0,"completion_tokens":0}`
	top := func(usage string) string { return `{"choices":[],"usage":` + usage + `}` }
	choice := func(usage string) string {
		return `{"choices":[{"index":0,"delta":{},"finish_reason":"stop","usage":` + usage + `}]}`
	}
	for _, c := range []struct {
		name   string
		events []string
		want   string // prompt tokens; zeros; none
	}{
		{"top", []string{top(real)}, "5"},
		{"choice", []string{choice(real)}, "5"},
		{"x_groq", []string{`{"choices":[{"index":0,"delta":{}}],"x_groq":{"id":"1","usage":` + real + `}}`}, "5"},
		{"another x_", []string{`{"choices":[],"x_gateway":{"usage":` + real + `}}`}, "5"},
		{"x_ of another kind", []string{`{"choices":[],"x_id":"usage","x_list":[1]}`}, "none"},
		{"choice, and null at the top", []string{`{"choices":[{"delta":{},"usage":` + real + `}],"usage":null}`}, "5"},
		{"choice, and zeros at the top", []string{
			`{"usage":` + zeros + `,"choices":[{"delta":{},"usage":` + real + `}]}`}, "5"},
		{"the second choice", []string{`{"choices":[{"index":1,"delta":{},"usage":` + real + `}]}`}, "none"},
		{"zeros", []string{top(zeros)}, "zeros"},
		{"nothing in it", []string{top("{}")}, "zeros"},
		{"nulls", []string{top(`{"prompt_tokens":null,"completion_tokens":null}`)}, "zeros"},
		{"no prompt", []string{top(`{"completion_tokens":2}`)}, "zeros"},
		{"text", []string{top(`"unknown"`)}, "zeros"},
		{"null", []string{top("null")}, "none"},
		{"zeros last", []string{top(real), top(zeros)}, "5"},
		{"zeros first", []string{choice(zeros), top(real)}, "5"},
		{"the last one", []string{top(real), top(`{"prompt_tokens":6,"completion_tokens":2}`)}, "6"},
		{"timings alone", []string{`{"choices":[],"timings":{"cache_n":3,"prompt_n":4,"predicted_n":2}}`}, "7"},
		{"more than an int64", []string{top(`{"prompt_tokens":18446744073709551716}`)}, "9007199254740992"},
		{"the least int64s", []string{top(`{"input_tokens":1,"cache_read_input_tokens":-9223372036854775808,` +
			`"cache_creation_input_tokens":-9223372036854775808}`)}, "-18014398509481983"},
		{"timings and zeros", []string{`{"choices":[],"usage":{},"timings":{"prompt_n":4,"predicted_n":2}}`}, "4"},
	} {
		a := newAnswer(&Options{}, &endpoint{api: &chatCompletions}, sockclock.New(time.Now()))
		a.decide(formStream)
		a.res.Status = 200
		for _, e := range append([]string{`{"choices":[{"delta":{"content":"x"}}]}`}, c.events...) {
			a.body([]byte("data: "+e+"\n\n"), 0)
		}
		r := a.finish(nil, 1)
		got := "none"
		switch {
		case r.Usage != nil:
			got = fmt.Sprint(r.Usage.Prompt)
		case r.UsageZeros:
			got = "zeros"
		}
		if got != c.want || r.Outcome == record.BadEvent {
			t.Errorf("%s: %s (%s %s), want %s", c.name, got, r.Outcome, r.Error, c.want)
		}
		a.free()
	}
}

func TestBody(t *testing.T) {
	t.Parallel()
	zero, seed := 0.0, int64(-1)
	messages := [][]byte{[]byte(`{"role":"user","content":"a"}`),
		[]byte(`,{"role":"assistant","content":"b"}`)}
	session, err := ParseField("prompt_cache_key=s-{session}")
	if err != nil {
		t.Fatal(err)
	}
	tools := []chat.Field{{Name: "tools", Value: json.RawMessage(`[{"type":"function"}]`)},
		{Name: "tool_choice", Value: json.RawMessage(`"auto"`)}}
	for _, c := range []struct {
		name    string
		options Options
		request Request
		want    string
	}{
		{"tools", Options{NoUsage: true}, Request{Fields: tools, MaxTokens: 5},
			`"stream":true,"max_tokens":5`},
		{"fields win over tools", Options{NoUsage: true, Fields: []Field{{"tools", []byte(`[]`)}}},
			Request{Fields: tools}, `"stream":true,"tools":[]`},
		{"least", Options{}, Request{}, `"stream":true,"stream_options":{"include_usage":true}`},
		{"no usage", Options{NoUsage: true}, Request{}, `"stream":true`},
		{"no stream", Options{NoStream: true}, Request{}, `"stream":false`},
		{"lengths", Options{NoUsage: true}, Request{MaxTokens: 5, MinTokens: 4, IgnoreEOS: true},
			`"stream":true,"max_tokens":5,"min_tokens":4,"ignore_eos":true`},
		{"other name of the limit", Options{NoUsage: true, MaxTokensField: "max_completion_tokens"},
			Request{MaxTokens: 5}, `"stream":true,"max_completion_tokens":5`},
		{"sampling", Options{NoUsage: true, Temperature: &zero, Seed: &seed}, Request{},
			`"stream":true,"temperature":0,"seed":-1`},
		{"session", Options{NoUsage: true, SendSession: true,
			Fields: []Field{session}}, Request{Session: "c\"1"},
			`"stream":true,"prompt_cache_key":"s-c\"1","conversation_id":"c\"1"`},
		{"fields win",
			Options{Fields: []Field{{"stream_options", []byte(`{"x":1}`)},
				{"max_tokens", []byte("7")}, {"cache_salt", []byte(`"s"`)}}},
			Request{MaxTokens: 5},
			`"stream":true,"stream_options":{"x":1},"max_tokens":7,"cache_salt":"s"`},
	} {
		c.options.URL, c.options.Model = "http://localhost:1/v1", `m"1`
		client, err := New(c.options)
		if err != nil {
			t.Fatal(err)
		}
		c.request.Messages = messages
		body := client.template.body(&c.request)
		got, err := io.ReadAll(iotest.OneByteReader(&bodyReader{body: body}))
		if err != nil {
			t.Fatal(err)
		}
		own := map[string]string{"tools": `,"tools":[{"type":"function"}],"tool_choice":"auto"`,
			"fields win over tools": `,"tool_choice":"auto"`}[c.name]
		want := `{"model":"m\"1"` + own + `,"messages":[{"role":"user","content":"a"},{"role":"assistant",` +
			`"content":"b"}],` + c.want + "}"
		if string(got) != want || int64(len(got)) != body.size || !gjson.ValidBytes(got) {
			t.Errorf("%s: %d bytes\n%s\nwant\n%s", c.name, body.size, got, want)
		}
	}
}

func TestParseField(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"a=1": "a 1", `a={"b":[1]}`: `a {"b":[1]}`, "a=x y": `a "x y"`, "a=": `a ""`,
		`a="q"`: `a "q"`, " a =true": "a true", "a=b=c": `a "b=c"`,
		"a": "error", "=1": "error", "": "error",
	} {
		got := "error"
		if f, err := ParseField(in); err == nil {
			got = f.Name + " " + string(f.Value)
		}
		if got != want {
			t.Errorf("%q: %s, want %s", in, got, want)
		}
	}
}

func TestValidate(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		o    Options
		want string
	}{
		{Options{URL: "http://h", Model: "m"}, ""},
		{Options{}, "URL: is empty"},
		{Options{URL: "http://h"}, "Model: is empty"},
		{Options{URL: "localhost:8000", Model: "m"}, ""},
		{Options{URL: "http://h/v1/responses", Model: "m"}, ""},
		{Options{URL: "http://u:pass word@h", Model: "m"}, "URL: is not an address"},
		{Options{URL: "ftp://h", Model: "m"}, "URL: is not an address"},
		{Options{URL: "http://h", Model: "m",
			Config: httpclient.Config{Header: map[string][]string{"A b": {"x"}}}}, `Header: "A b"`},
		{Options{URL: "http://h", Model: "m",
			Config: httpclient.Config{Header: map[string][]string{"A": {"x\r\nB: y"}}}},
			`Header: "A"`},
		{Options{URL: "http://h", Model: "m",
			Fields: []Field{{"messages", []byte("[]")}}}, `Fields: "messages"`},
		{Options{URL: "http://h", Model: "m", Fields: []Field{{"x", []byte("{")}}}, `Fields: "x"`},
		{Options{URL: "https://h", Model: "m", Transport: Reactor}, "Transport: reactor"},
		{Options{URL: "http://h", Model: "m", Transport: "x"}, `Transport: is "x"`},
	} {
		err := c.o.Validate()
		if c.want == "" && err == nil {
			continue
		}
		if err == nil || c.want == "" || !strings.Contains(err.Error(), c.want) ||
			strings.Contains(err.Error(), "pass word") {
			t.Errorf("%+v: %v, want %q", c.o, err, c.want)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 5, 4, 3, 2, 1, 500e6, time.UTC)
	date := func(d time.Duration) string { return now.Add(d).Format(http.TimeFormat) }
	for _, tc := range []struct {
		after, ms, date string
		want            time.Duration
	}{
		{"3", "", "", 3 * time.Second},
		{" 0.25 ", "", "", 250 * time.Millisecond},
		{"3", "1500", "", 1500 * time.Millisecond},
		{"3", "soon", "", 3 * time.Second},
		{"", "20", "", 20 * time.Millisecond},
		{"", "", "", 0},
		{"0", "0", "", 0},
		{"-1", "-1", "", 0},
		{"NaN", "Inf", "", 0},
		{"1e300", "", "", 1e9 * time.Second},
		{"99999999999", "", "", 1e9 * time.Second},
		// A time since 1970, now and in two minutes.
		{strconv.FormatInt(now.Unix(), 10), "", "", 0},
		{strconv.FormatInt(now.Unix()+120, 10), "", "", 2 * time.Minute},
		{"soon", "", "", 0},
		// Dates have whole seconds: 10 s from the second in which now is.
		{date(10 * time.Second), "", "", 9500 * time.Millisecond},
		{date(-time.Hour), "", "", 0},
		// The server's clock is an hour late.
		{date(-time.Hour + 7*time.Second), "", date(-time.Hour), 7 * time.Second},
		{date(time.Minute), "", "no date", 59500 * time.Millisecond},
	} {
		h := http.Header{}
		for name, value := range map[string]string{
			"Retry-After": tc.after, "Retry-After-Ms": tc.ms, "Date": tc.date,
		} {
			if value != "" {
				h.Set(name, value)
			}
		}
		if got := retryAfter(h, now); got != tc.want {
			t.Errorf("%v: %v, want %v", h, got, tc.want)
		}
	}
}
