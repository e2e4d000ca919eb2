package sim

import (
	"strings"
	"testing"
	"testing/synctest"
)

// What strict servers refuse, and what they take.
func TestStrict(t *testing.T) {
	t.Parallel()
	const (
		user      = `{"role":"user","content":"q"}`
		says      = `{"role":"assistant","content":"a"}`
		empty     = `{"role":"assistant","content":""}`
		lacks     = `{"role":"assistant"}`
		calls     = `{"role":"assistant","content":null,"tool_calls":[{"id":"c"}]}`
		saysCalls = `{"role":"assistant","content":"a","tool_calls":[{"id":"c"},{"id":"d"}]}`
		tool      = `{"role":"tool","tool_call_id":"c","content":"3"}`
		other     = `{"role":"tool","tool_call_id":"d","content":"3"}`
		unset     = "content or tool_calls must be set"
		open      = "must be followed by tool messages"
		uncalled  = "must be a response to a preceding message"
	)
	for _, tc := range []struct {
		messages []string
		want     string // the error; "" = an answer
	}{
		{[]string{user}, ""},
		{[]string{user, says, user}, ""},
		{[]string{user, calls, tool}, ""},
		{[]string{user, saysCalls, other, tool, user}, ""},
		{[]string{user, calls, tool, says, user}, ""},
		{[]string{user, empty, user}, unset},
		{[]string{user, lacks, user}, unset},
		{[]string{user, calls, user}, open},
		{[]string{user, calls}, open},
		{[]string{user, saysCalls, tool, user}, open},
		{[]string{user, saysCalls, tool}, open},
		{[]string{user, tool}, uncalled},
		{[]string{user, says, tool}, uncalled},
		{[]string{user, calls, other}, uncalled},
		{[]string{user, calls, tool, tool}, uncalled},
	} {
		synctest.Test(t, func(t *testing.T) {
			s, _ := start(t, Options{})
			extra := `,"messages":[` + strings.Join(tc.messages, ",") + "]"
			w := exchange(t, s, "strict", extra)
			if tc.want == "" && w.res.StatusCode != 200 ||
				tc.want != "" && (w.res.StatusCode != 400 || !strings.Contains(w.body, tc.want)) {
				t.Errorf("%v: %s", tc.messages, w.raw)
			}
			if w := exchange(t, s, "", extra); w.res.StatusCode != 200 {
				t.Errorf("without the fault, %v: %s", tc.messages, w.raw)
			}
		})
	}
}
