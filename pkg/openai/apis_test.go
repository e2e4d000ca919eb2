package openai

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"multiturn/pkg/chat"
	prompts "multiturn/pkg/chat/template"
	"multiturn/pkg/record"
	"multiturn/pkg/sim"
	"multiturn/pkg/sim/engine"
)

// raw returns a message as it is read from a file.
func raw(role, text, object string) chat.Message {
	return chat.Message{Role: role, Text: text, Raw: json.RawMessage(object)}
}

// encoded is the encoding of messages by an API, as a value of JSON.
func encoded(t *testing.T, o Options, messages []chat.Message) string {
	t.Helper()
	h := o.api().history(&o)
	_, value, _ := strings.Cut(h.open, ":")
	body := []byte(value)
	for i := range messages {
		var before *chat.Message
		if i > 0 {
			before = &messages[i-1]
		}
		body = h.encoder.Append(body, before, &messages[i])
	}
	body = append(body, h.close...)
	if !json.Valid(body) {
		t.Fatalf("not JSON: %s", body)
	}
	return string(body)
}

func TestResponsesInput(t *testing.T) {
	t.Parallel()
	messages := []chat.Message{
		{Role: chat.System, Text: "be"},
		raw(chat.User, "look", `{"role":"user","content":[{"type":"text","text":"look"},`+
			`{"type":"image_url","image_url":{"url":"data:x","detail":"low"}}],"name":"bo"}`),
		raw(chat.Assistant, "", `{"role":"assistant","content":null,"reasoning":"hm","tool_calls":`+
			`[{"id":"c1","type":"function","function":{"name":"f","arguments":"{\"a\":1}"}},`+
			`{"id":"c2","type":"function","function":{"name":"g","arguments":"{}"}}]}`),
		raw(chat.Tool, "42", `{"role":"tool","tool_call_id":"c1","content":"42"}`),
		raw(chat.Tool, "43", `{"role":"tool","tool_call_id":"c2","content":[{"type":"text",`+
			`"text":"43"}]}`),
		{Role: chat.Assistant, Text: "a \"b\""},
		raw(chat.Assistant, "calls", `{"role":"assistant","content":"calls","tool_calls":[{"id":"c3",`+
			`"function":{"name":"f","arguments":"{}"}}]}`),
	}
	want := `[{"role":"system","content":"be"},` +
		`{"role":"user","content":[{"type":"input_text","text":"look"},` +
		`{"type":"input_image","image_url":"data:x","detail":"low"}]},` +
		`{"type":"reasoning","summary":[],"content":[{"type":"reasoning_text","text":"hm"}]},` +
		`{"type":"function_call","call_id":"c1","name":"f","arguments":"{\"a\":1}"},` +
		`{"type":"function_call","call_id":"c2","name":"g","arguments":"{}"},` +
		`{"type":"function_call_output","call_id":"c1","output":"42"},` +
		`{"type":"function_call_output","call_id":"c2","output":[{"type":"input_text",` +
		`"text":"43"}]},` +
		`{"type":"message","role":"assistant","content":"a \"b\""},` +
		`{"type":"message","role":"assistant","content":"calls"},` +
		`{"type":"function_call","call_id":"c3","name":"f","arguments":"{}"}]`
	if got := encoded(t, Options{API: Responses}, messages); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestCompletionsPrompt(t *testing.T) {
	t.Parallel()
	messages := []chat.Message{
		{Role: chat.System, Text: "be"}, {Role: chat.User, Text: "say \"hi\"\n"},
		raw(chat.Assistant, "hi", `{"role":"assistant","content":"hi","reasoning_content":"hm"}`),
		raw(chat.User, "ab", `{"role":"user","content":[{"type":"text","text":"a"},"b"]}`),
	}
	for _, tc := range []struct {
		format *prompts.Template
		want   string
	}{
		{nil, `"<|im_start|>system\nbe<|im_end|>\n<|im_start|>user\nsay \"hi\"\n<|im_end|>\n` +
			`<|im_start|>assistant\n<think>hm</think>hi<|im_end|>\n` +
			`<|im_start|>user\nab<|im_end|>\n<|im_start|>assistant\n"`},
		{prompts.StripReasoning, `"<|im_start|>system\nbe<|im_end|>\n` +
			`<|im_start|>user\nsay \"hi\"\n<|im_end|>\n<|im_start|>assistant\nhi<|im_end|>\n` +
			`<|im_start|>user\nab<|im_end|>\n<|im_start|>assistant\n"`},
		{prompts.Gemma, `"<start_of_turn>user\nbe\n\nsay \"hi\"\n<end_of_turn>\n` +
			`<start_of_turn>model\n<think>hm</think>hi<end_of_turn>\n` +
			`<start_of_turn>user\nab<end_of_turn>\n<start_of_turn>model\n"`},
		{prompts.Plain, `"be\nsay \"hi\"\n\n<think>hm</think>hi\nab\n"`},
	} {
		if got := encoded(t, Options{API: Completions, Format: tc.format}, messages); got != tc.want {
			t.Errorf("got  %s\nwant %s", got, tc.want)
		}
	}
	for what, m := range map[string]chat.Message{
		"message 1: tool calls":                raw(chat.Assistant, "", `{"tool_calls":[{"id":"1"}]}`),
		"message 1: content of type image_url": raw(chat.User, "", `{"content":[{"type":"image_url"}]}`),
		"":                                     messages[3],
	} {
		c := chat.Conversation{Messages: []chat.Message{messages[1], m}}
		if got := Completions.Lacks(&c); got != what {
			t.Errorf("%s: lacks %q, want %q", m.Raw, got, what)
		}
		if got := Responses.Lacks(&c); got != "" {
			t.Errorf("%s: responses lack %q", m.Raw, got)
		}
	}
}

func TestFlatTools(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, value, want string }{
		{"tools", `[{"type":"function","function":{"name":"f","parameters":{"a":[1]}}},{"type":"x"}]`,
			`[{"type":"function","name":"f","parameters":{"a":[1]}},{"type":"x"}]`},
		{"tool_choice", `{"type":"function","function":{"name":"f"}}`,
			`{"type":"function","name":"f"}`},
		{"tool_choice", `"auto"`, `"auto"`},
		{"parallel_tool_calls", `false`, `false`},
	} {
		got := flatTools(chat.Field{Name: tc.name, Value: json.RawMessage(tc.value)})
		if got.Name != tc.name || string(got.Value) != tc.want {
			t.Errorf("%s %s: %s, want %s", tc.name, tc.value, got.Value, tc.want)
		}
	}
}

// A text that is put in front of a message's own is where it is in the message.
func TestSplit(t *testing.T) {
	t.Parallel()
	const mark = "salt \"x\"\n"
	first := chat.Message{Role: chat.System, Text: "be"}
	for _, api := range []API{Chat, Completions, Responses} {
		o := Options{API: api}
		e := o.api().history(&o).encoder
		for _, m := range []struct{ plain, marked chat.Message }{
			{chat.Message{Role: chat.User, Text: "hi"}, chat.Message{Role: chat.User, Text: mark + "hi"}},
			{raw(chat.User, "hi", `{"role":"user","content":[{"type":"text","text":"hi"}]}`),
				raw(chat.User, mark+"hi", `{"role":"user","content":[{"type":"text","text":"salt `+
					`\"x\"\n"},{"type":"text","text":"hi"}]}`)},
		} {
			for _, before := range []*chat.Message{nil, &first} {
				head, tail, quote := e.Split(before, &m.plain)
				got := string(head) + string(quote(mark)) + string(tail)
				if want := string(e.Append(nil, before, &m.marked)); got != want {
					t.Errorf("%s: got  %s\nwant %s", api, got, want)
				}
			}
		}
	}
}

func TestReadResponses(t *testing.T) {
	t.Parallel()
	const call = `[{"index":2166136261,"id":"","function":{"name":"","arguments":"{\""}}]`
	for _, tc := range []struct {
		data string
		want string // what is set in the chunk; "bad" = not part of an answer
	}{
		{`{"type":"response.created","response":{"status":"in_progress","usage":null}}`, ""},
		{`{"type":"response.output_text.delta","delta":"a\"b","sequence_number":4}`,
			`content a"b`},
		{`{"delta":"a","type":"response.output_text.delta"}`, "content a"},
		{`{"type":"response.output_text.delta","delta":""}`, ""},
		{`{"type":"response.output_text.done","text":"whole"}`, ""},
		{`{"type":"response.refusal.delta","delta":"no"}`, "content no"},
		{`{"type":"response.reasoning_text.delta","delta":"hm"}`, "reasoning hm"},
		{`{"type":"response.reasoning_summary_text.delta","delta":"hm"}`, "reasoning hm"},
		{`{"type":"response.function_call_arguments.delta","delta":"{\""}`, "tools " + call},
		{`{"type":"response.output_item.added","item":{"type":"message","content":[]}}`, ""},
		{`{"type":"response.completed","response":{"status":"completed","usage":{"input_tokens":3}}}`,
			`finish "stop" usage {"input_tokens":3} done`},
		{`{"type":"response.completed","response":{"status":"incomplete","incomplete_details":` +
			`{"reason":"max_output_tokens"}}}`, `finish "length" done`},
		{`{"type":"response.incomplete","response":{"status":"incomplete","incomplete_details":` +
			`{"reason":"content_filter"}}}`, `finish "content_filter" done`},
		{`{"type":"response.completed","response":{"status":"cancelled"}}`, `finish "abort" done`},
		{`{"type":"response.completed","response":{"status":"completed"},"timings":{"cache_n":3}}`,
			`finish "stop" timings {"cache_n":3} done`},
		{`{"type":"response.failed","response":{"status":"failed","error":{"message":"oom"}}}`,
			`finish "failed" failure {"message":"oom"}`},
		{`{"type":"response.failed","response":{"status":"failed","error":null}}`,
			`finish "failed" failure "the response failed"`},
		{`{"type":"response.completed","response":null}`, "bad"},
		{`{"type":"error","code":"x","message":"boom"}`,
			`failure {"type":"error","code":"x","message":"boom"}`},
		{`{"error":{"message":"boom"}}`, `failure {"message":"boom"}`},
		{`{"message":"boom"}`, `failure {"message":"boom"}`},
		{`{"type":"response.unheard_of","delta":{"a":1}}`, "bad"},
		{`[DONE]`, "done"},
		{`{"type":`, "bad"},
		{`"text"`, "bad"},
	} {
		var c chunk
		got := "bad"
		if readResponses([]byte(tc.data), &c) {
			got = shown(&c, []byte(tc.data))
		}
		if got != tc.want {
			t.Errorf("%s:\n%s, want\n%s", tc.data, got, tc.want)
		}
	}
}

// shown names what is set in a chunk.
func shown(c *chunk, data []byte) string {
	var parts []string
	add := func(name string, value []byte) {
		if value != nil {
			parts = append(parts, name+" "+string(value))
		}
	}
	for _, s := range []struct {
		name string
		span textSpan
	}{{"content", c.content}, {"reasoning", c.reasoning}} {
		if !s.span.empty() {
			text := unquote(data[s.span.start-1 : s.span.end+1])
			parts = append(parts, s.name+" "+text)
		}
	}
	add("parts", c.parts)
	add("tools", c.tools)
	add("finish", c.finish)
	add("failure", c.failure)
	add("usage", c.usage)
	add("timings", c.timings)
	if c.done {
		parts = append(parts, "done")
	}
	return strings.Join(parts, " ")
}

// TestRecordedAPIs plays what servers sent; testdata/apis/README.md has the origin.
func TestRecordedAPIs(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		file   string
		api    API
		want   string // outcome, finish, chunks, text, reasoning, prompt+completion/cached
		fails  string // part of the error
		stream bool
	}{
		{"vllm-completions-length", Completions,
			`ok length 5 ".YES fabulous.YES fabulous.YES" "" 10+5/0`, "", true},
		{"vllm-completions-nonstream", Completions,
			`ok length 1 ".YES fabulous.YES fabulous.YES" "" 10+5/0`, "", false},
		{"vllm-responses-length", Responses,
			`ok length 2 ".YES fabulous.YES fabulous.YES" "" 10+5/0`, "", true},
		{"vllm-responses-nonstream", Responses,
			`ok length 1 ".YES fabulous.YES fabulous.YES" "" 22+5/0`, "", false},
		{"vllm-responses-err400", Responses, `http_status  0 "" "" `, "max_tokens must be", false},
		{"openai-responses-tools", Responses, `ok stop 4 "" "look" 40+21/32`, "", true},
		{"openai-responses-failed", Responses, `error_in_stream failed 1 "Hel" "" `, "too hot", true},
		{"llamacpp-responses-reasoning", Responses, `ok stop 4 "Hello!" "hm hm" 30+9/12`, "", true},
	} {
		capture, err := os.ReadFile(filepath.Join("testdata", "apis", tc.file+".http"))
		if err != nil {
			t.Fatal(err)
		}
		for _, transport := range transports() {
			t.Run(fmt.Sprintf("%s/%s", tc.file, transport), func(t *testing.T) {
				t.Parallel()
				url := serve(t, func(c net.Conn) {
					if _, _, err := receive(bufio.NewReader(c)); err == nil {
						_, _ = c.Write(capture)
					}
				})
				r := newClient(t, Options{URL: url, API: tc.api, Transport: transport.Transport,
					Clocks: transport.Clocks}).Do(context.Background(), hello())
				got := fmt.Sprintf("%s %s %d %q %q ", r.Outcome, r.Finish, r.Chunks, r.Text,
					r.Reasoning)
				if u := r.Usage; u != nil {
					got += fmt.Sprintf("%d+%d/%s", u.Prompt, u.Completion, show(u.Cached))
				}
				if got != tc.want || r.Stream != tc.stream || !strings.Contains(r.Error, tc.fails) {
					t.Errorf("got  %s (%s)\nwant %s", got, r.Error, tc.want)
				}
				if tc.file == "openai-responses-tools" {
					const want = `[{"id":"call_1","type":"function","function":{"name":"lookup",` +
						`"arguments":"{\"q\":\"x\"}"}}]`
					if string(r.ToolCalls) != want {
						t.Errorf("tool calls %s", r.ToolCalls)
					}
				}
				ordered(t, r)
			})
		}
	}
}

// TestAPIsAgree plays the same conversation on every API of a simulator: the
// prompts, the answers and the hits are the same.
func TestAPIsAgree(t *testing.T) {
	t.Parallel()
	formats := []*prompts.Template{
		prompts.ChatML, prompts.StripReasoning, prompts.Llama3, prompts.Mistral, prompts.Gemma,
	}
	for _, format := range formats {
		for _, transport := range []Transport{NetHTTP, Auto} {
			for _, whole := range []bool{false, true} {
				name := fmt.Sprintf("%s/%s/%t", format.Name, transport, whole)
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					o := Options{Transport: transport, NoStream: whole}
					want := playOn(t, format, o, Chat)
					for _, api := range []API{Completions, Responses} {
						if got := playOn(t, format, o, api); got != want {
							t.Errorf("%s:\n%swant as in chats\n%s", api, got, want)
						}
					}
					if last := strings.LastIndex(want, "cached "); want[last:last+8] == "cached 0" {
						t.Errorf("nothing was hit:\n%s", want)
					}
				})
			}
		}
	}
}

// playOn returns what came of the turns of a conversation on an API.
func playOn(t *testing.T, format *prompts.Template, o Options, api API) string {
	s, err := sim.New(sim.Options{Template: format,
		Fixed: engine.FixedOptions{Base: 1, Interval: 1}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Skip("no loopback here: ", err)
	}
	go func() { _ = s.Serve(l) }()
	o.URL, o.API, o.Format = "http://"+l.Addr().String(), api, format
	c := newClient(t, o)
	messages := []chat.Message{
		{Role: chat.System, Text: "be \"good\"\n\nand kind"},
		{Role: chat.User, Text: "tell me of the sea and of the wind\nat length"},
	}
	var pieces [][]byte
	var before *chat.Message
	put := func(m *chat.Message) {
		pieces = append(pieces, c.Encoder().Append(nil, before, m))
		before = m
	}
	put(&messages[0])
	put(&messages[1])
	out := ""
	for turn := range 3 {
		r := c.Do(t.Context(), &Request{Messages: pieces, MaxTokens: 5 + turn})
		if r.Outcome != record.OK || r.Usage == nil {
			t.Fatalf("%s: %s %s", api, r.Outcome, r.Error)
		}
		out += fmt.Sprintf("%d prompt, %d generated, cached %s, finish %s: %s\n", r.Usage.Prompt,
			r.Usage.Completion, show(r.Usage.Cached), r.Finish, r.Text)
		put(&chat.Message{Role: chat.Assistant, Text: r.Text})
		put(&chat.Message{Role: chat.User, Text: fmt.Sprint("more ", turn)})
	}
	return out
}

func FuzzReadResponses(f *testing.F) {
	for _, s := range []string{
		`{"type":"response.output_text.delta","delta":"a"}`,
		`{"type":"response.output_item.added","item":{"type":"function_call","arguments":"x"}}`,
		`{"object":"response","status":"completed","output":[{"type":"message","content":[` +
			`{"type":"output_text","text":"a"},{"type":"refusal","refusal":"b"}]},` +
			`{"type":"reasoning","summary":[{"type":"summary_text","text":"c"}]},` +
			`{"type":"function_call","call_id":"1","name":"f","arguments":"{}"}],"usage":{}}`,
		`{"type":"response.completed","response":{"status":"completed"}}`, `[DONE]`, `{"error":1}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		d := decoder{api: &responses}
		c, ok := d.chunk(data)
		if !ok {
			return
		}
		if !c.done && !json.Valid(data) && strings.ToValidUTF8(string(data), "") == string(data) {
			t.Errorf("%q is not JSON", data)
		}
		for _, s := range []textSpan{c.content, c.reasoning} {
			if s.end < s.start || s.end > len(data) {
				t.Errorf("span %v of %d bytes", s, len(data))
			}
		}
		if c.tools != nil && !json.Valid(c.tools) && strings.ToValidUTF8(string(data), "") == string(data) {
			t.Errorf("tools %s of %s", c.tools, data)
		}
		if c.parts != nil && !json.Valid(c.parts) && strings.ToValidUTF8(string(data), "") == string(data) {
			t.Errorf("parts %s of %s", c.parts, data)
		}
		var calls toolCalls
		if c.tools != nil {
			calls.add(c.tools)
		}
	})
}

// FuzzEncoders encodes any message: the body stays JSON, with a mark and without.
func FuzzEncoders(f *testing.F) {
	f.Add(`{"role":"user","content":"hi"}`, "hi", "s")
	f.Add(`{"role":"assistant","content":null,"tool_calls":[{"function":{"arguments":{}}}]}`, "", "s")
	f.Add(`{"role":"tool","content":[{"type":"file","file":{"a":1}},"x",3]}`, "x", "\x00\"")
	f.Fuzz(func(t *testing.T, object, text, mark string) {
		var o map[string]json.RawMessage
		if json.Unmarshal([]byte(object), &o) != nil || o == nil {
			t.Skip("not a message")
		}
		var role string
		_ = json.Unmarshal(o["role"], &role)
		first := chat.Message{Role: chat.System, Text: text}
		for _, m := range []chat.Message{raw(role, text, object), {Role: role, Text: text}} {
			for _, api := range []API{Completions, Responses} {
				o := Options{API: api}
				h := o.api().history(&o)
				body := h.encoder.Append([]byte("{"+h.open), nil, &first)
				body = append(h.encoder.Append(body, &first, &m), h.close+"}"...)
				if !json.Valid(body) {
					t.Fatalf("%s: %s", api, body)
				}
				if c := o.content(&m); !c {
					continue
				}
				head, tail, quote := h.encoder.Split(nil, &m)
				body = append(append([]byte("{"+h.open), head...), quote(mark)...)
				body = append(append(body, tail...), h.close+"}"...)
				if !json.Valid(body) {
					t.Fatalf("%s, marked: %s", api, body)
				}
			}
		}
	})
}

// content reports whether a mark can be put before a message's text, as package
// bench decides it.
func (o *Options) content(m *chat.Message) bool {
	var object struct{ Content any }
	if m.Raw == nil {
		return true
	}
	if json.Unmarshal(m.Raw, &object) != nil {
		return false
	}
	switch object.Content.(type) {
	case string, []any:
		return true
	}
	return false
}

// TestFaultsOnAPIs compares what becomes of a server's faults on each API.
func TestFaultsOnAPIs(t *testing.T) {
	t.Parallel()
	s, err := sim.New(sim.Options{Fixed: engine.FixedOptions{Base: 1, Interval: 1}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Skip("no loopback here: ", err)
	}
	go func() { _ = s.Serve(l) }()
	for _, tc := range []struct {
		faults string
		want   string // outcome, finish, chunks of content, reasoning and calls, generated
	}{
		{"tokens=1", "ok length 6 0 0, 6"},
		{"tokens=4", "ok length 2 0 0, 6"},
		{"eos=3", "ok stop 2 0 0, 3"},
		{"crlf", "ok length 6 0 0, 6"},
		{"cr,no-space,comments", "ok length 6 0 0, 6"},
		{"bom,split=3", "ok length 6 0 0, 6"},
		{"json", "ok length 1 0 0, 6"},
		{"cut=2", "truncated  2 0 0, -"},
		{"truncate=2", "truncated  2 0 0, -"},
		{"bad-json=2", "bad_event length 5 0 0, 6"},
		{"error=2", "error_in_stream  2 0 0, -"},
		{"error-text=2", "error_in_stream  2 0 0, -"},
		{"error-type=2", "error_in_stream  2 0 0, -"},
		{"status=429", "http_status  0 0 0, -"},
		{"usage=absent", "ok length 6 0 0, -"},
		{"usage=null", "ok length 6 0 0, -"},
		{"usage=zero-omitted", "ok length 6 0 0, 6"},
		{"timings=llamacpp", "ok length 6 0 0, 6"},
		{"reasoning=3", "ok length 3 2 0, 6"},
		{"tools", "ok tool_calls 0 0 6, 6"},
	} {
		for _, transport := range []Transport{NetHTTP, Auto} {
			for _, api := range []API{Chat, Completions, Responses} {
				t.Run(fmt.Sprintf("%s/%s/%s", tc.faults, api, transport), func(t *testing.T) {
					t.Parallel()
					want := tc.want
					switch {
					case api == Completions && (tc.faults == "tools" || tc.faults == "reasoning=3"):
						t.Skip("a text has neither")
					case api == Responses && tc.faults == "tools":
						want = "ok stop 0 0 7, 6" // no word for it, and an event for the name
					}
					o := Options{URL: "http://" + l.Addr().String(), API: api, Transport: transport}
					o.Header = http.Header{sim.FaultHeader: {tc.faults}}
					c := newClient(t, o)
					question := chat.Message{Role: chat.User, Text: "hello"}
					r := c.Do(t.Context(), &Request{MaxTokens: 6,
						Messages: [][]byte{c.Encoder().Append(nil, nil, &question)}})
					generated := "-"
					if r.Usage != nil {
						generated = fmt.Sprint(r.Usage.Completion)
					}
					finish := r.Finish
					if r.Outcome == record.ErrorInStream {
						finish = "" // responses have one, chats do not
					}
					got := fmt.Sprintf("%s %s %d %d %d, %s", r.Outcome, finish, r.ChunksContent,
						r.ChunksReasoning, r.ChunksTool, generated)
					if got != want {
						t.Errorf("%s (%s), want %s", got, r.Error, want)
					}
					if tc.faults == "timings=llamacpp" && len(r.ServerTimings) == 0 {
						t.Error("no timings")
					}
				})
			}
		}
	}
}
