package sharegpt

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"multiturn/pkg/chat"
)

func TestParseCalls(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		`{"name": "f", "arguments": {"a": 1}}`:                   `f({"a":1})`,
		`{"name": "f", "parameters": {}}`:                        `f({})`,
		`{"name": "f", "arguments": "{\"a\": 1}"}`:               `f({"a": 1})`,
		`{"name": "f", "arguments": null}`:                       `f({})`,
		`{"function": "f", "args": [1, 2]}`:                      `f([1,2])`,
		`{"function": {"name": "f", "arguments": "x"}, "id":""}`: `f(x)`,
		`[{"name": "f"}, {"name": "g"}]`:                         `f({}) g({})`,
		"{\"name\": \"f\"}\n{\"name\": \"g\"}":                   `f({}) g({})`,
		`{'name': 'f', 'arguments': {'a': True, 'b': [None]}}`:   `f({"a":true,"b":[null]})`,
		`{'name': 'it\'s', 'arguments': {"a": "x\ty"}}`:          `it's({"a":"x\ty"})`,
		`{}`: "", `[]`: "", `[1]`: "", `7`: "", ``: "", `{"name": 7}`: "", `{"name": "f"`: "",
		`{"name": "f"} and more`: "", `[{"name": "f"}, {}]`: "", `call f`: "", `{'name': 'f}`: "",
	} {
		var got []string
		for _, c := range parseCalls([]byte(in)) {
			got = append(got, fmt.Sprintf("%s(%s)", c.name, c.arguments))
		}
		if s := strings.Join(got, " "); s != want {
			t.Errorf("%s: %s, want %s", in, s, want)
		}
	}
}

func TestPythonJSON(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		`{'a': 'b', "c": None, 'd': [True, False, 1.5e3, -2]}`: `{"a": "b", "c": null, ` +
			`"d": [true, false, 1.5e3, -2]}`,
		`'it\'s "x" \u00e9 \xe9 \\ \n'`: `"it's \"x\" é é \\ \n"`,
		`"https:\/\/x"`:                 `"https://x"`,
		`(1, 2)`:                        "", `{'a'}`: "", `'a`: "", `nan`: "", `'\z'`: "", "": "",
	} {
		if got := string(pythonJSON([]byte(in))); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}

func TestOpenAITools(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		`[{"type": "function", "function": {"name": "f"}}]`: `[{"type":"function",` +
			`"function":{"name":"f"}}] false true`,
		`[{"name": "f"}]`: `[{"type":"function","function":{"name":"f"}}] true true`,
		`{"name": "f"}`:   `[{"type":"function","function":{"name":"f"}}] true true`,
		`"[{\"name\": \"f\", \"parameters\": {}}]"`: `[{"type":"function",` +
			`"function":{"name":"f","parameters":{}}}] true true`,
		`"[{'name': 'f'}]"`: `[{"type":"function","function":{"name":"f"}}] true true`,
		`""`:                ` false true`, `[]`: ` false true`, `"[]"`: ` false true`, `null`: ` false true`,
		`"nonsense"`: ` false false`, `[1]`: ` false false`, `7`: ` false false`,
	} {
		list, changed, ok := openAITools([]byte(in))
		if got := fmt.Sprintf("%s %v %v", list, changed, ok); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}

// Whatever a text holds, what is made of it is JSON.
func FuzzTools(f *testing.F) {
	f.Add(`{'name': 'f', 'arguments': {'a': True}}`)
	f.Add(`"[{\"name\": \"f\"}]"`)
	f.Add(`I look. <tool_call>{"name": "f"}</tool_call><tool_call>[{"function": {"name": "g"}}]`)
	f.Add("<tool_response>\na\n</tool_response>\n<tool_response>b")
	f.Fuzz(func(t *testing.T, text string) {
		if j := pythonJSON([]byte(text)); j != nil && !json.Valid(j) {
			t.Fatalf("%q", j)
		}
		rest, calls, _ := splitCalls(text)
		for _, c := range append(calls, parseCalls([]byte(text))...) {
			if c.name == "" || !json.Valid(c.append(nil)) {
				t.Fatalf("%q: %+v", text, c)
			}
		}
		if len(rest) > len(text) {
			t.Fatalf("%q grew to %q", text, rest)
		}
		if json.Valid([]byte(text)) {
			if list, _, ok := openAITools([]byte(text)); list != nil && (!ok || !json.Valid(list)) {
				t.Fatalf("%q: %q", text, list)
			}
		}
		if len(splitResults(text, 2)) == 0 {
			t.Fatalf("%q has no result", text)
		}
	})
}

func TestParseLanguage(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"any": "any", "ascii": "ascii", "zh,en": "zh,en", " ZH , eng": "zh,en", "xx": "xx",
		"english": "", "": "", "zh,": "", "klingon": "", "e1": "",
	} {
		if got, err := ParseLanguage(in); string(got) != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v", in, got, err)
		}
	}
	for in, want := range map[string]string{
		"English": "en", "en": "en", "en-US": "en", "zh_Hans": "zh", "Chinese (simplified)": "zh",
		"jpn": "ja", "Klingon": "klingon", "unknown": "unknown",
	} {
		if got := languageCode(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
	if names := LanguageNames(); names[0] != "any" || len(names) < 60 {
		t.Errorf("names %v", names)
	}
}

func TestLanguageAndDedup(t *testing.T) {
	t.Parallel()
	item := func(id, language, text string) string {
		return fmt.Sprintf(`{"id": %q, "language": %q, "conversations": %s}`+"\n", id, language,
			turns("u "+text+"|a ok"))
	}
	in := item("a", "English", "one") + item("b", "Chinese", "two") + item("c", "zh-CN", "three") +
		item("d", "French", "four") + share("e", "u five|a ok") + item("f", "en", "one")
	for _, tc := range []struct {
		o           Options
		want, drops string
	}{
		{Options{Language: "zh,en"}, "a b c f", "language=2"},
		{Options{Language: "fr"}, "d", "language=5"},
		{Options{Dedup: true}, "a b c d e", "same messages as an earlier conversation=1"},
		{Options{}, "a b c d e f", ""},
	} {
		var rejects strings.Builder
		tc.o.Rejects = &rejects
		out, _, res, err := run(t, strings.NewReader(in), tc.o, chat.JSONL, 0, "")
		if err != nil {
			t.Fatal(err)
		}
		var ids, drops []string
		for _, line := range short(t, out) {
			id, _, _ := strings.Cut(line, ":")
			ids = append(ids, id)
		}
		n := 0
		for _, d := range res.Dropped {
			drops = append(drops, fmt.Sprintf("%s=%d", d.Reason, d.Items+d.Conversations))
			n += d.Items + d.Conversations
		}
		if got := strings.Join(ids, " "); got != tc.want || strings.Join(drops, " ") != tc.drops {
			t.Errorf("%+v: %s, dropped %v", tc.o.Language, got, drops)
		}
		if lines := strings.Count(rejects.String(), "\n"); lines != n {
			t.Errorf("%d rejects, want %d: %s", lines, n, &rejects)
		}
		if tc.o.Dedup && !strings.Contains(rejects.String(), `"detail":"a, in line 1"`) {
			t.Errorf("rejects %s", &rejects)
		}
	}
}

// What a kept conversation lost is in the rejects.
func TestRejectsOfParts(t *testing.T) {
	t.Parallel()
	var rejects strings.Builder
	in := share("x_0", "a hello|u a|a b|u c") + "\n" + share("y_0", "u a|a b")
	if _, _, _, err := run(t, strings.NewReader(in), Options{Rejects: &rejects}, chat.JSONL, 0, ""); err != nil {
		t.Fatal(err)
	}
	want := `{"line":1,"item":1,"reason":"kept in part",` +
		`"detail":"answers before the first question dropped (1 turn); ` +
		`last question dropped, it has no answer (1 turn)"}` + "\n"
	if rejects.String() != want {
		t.Errorf("rejects %s", &rejects)
	}
}
