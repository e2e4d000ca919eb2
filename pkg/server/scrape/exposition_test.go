package scrape

import (
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"multiturn/internal/limits"
)

// page makes a page of twice what may be known metrics.
func page(part func(i int) string) string {
	var b strings.Builder
	for i := 0; ; i++ {
		p := part(i)
		if b.Len()+len(p) > 2*limits.Series {
			return b.String()
		}
		b.WriteString(p)
	}
}

// What is not of the catalogue is not kept, and what is has a limit: a page takes
// little memory, whatever it has.
func TestHostilePages(t *testing.T) {
	const most = 64 << 20 // in all, so less at any one time
	label := strings.Repeat("x", 1<<16)
	for name, tt := range map[string]struct {
		text string
		want string
	}{
		"short series of one metric": {page(func(i int) string { return fmt.Sprintf("m{a=\"%d\"} 1\n", i) }),
			""},
		"a metric a line":    {page(func(i int) string { return fmt.Sprintf("m%d 1\n", i) }), ""},
		"types":              {page(func(i int) string { return fmt.Sprintf("# TYPE m%d counter\n", i) }), ""},
		"series of the same": {page(func(int) string { return "vllm:prompt_tokens_total 1\n" }), "known metrics"},
		"long labels": {page(func(int) string {
			return "vllm:prompt_tokens_total{a=\"" + label + "\"} 1\n"
		}), "known metrics"},
		"a line without end":  {page(func(int) string { return label }), "a line of it is larger than 2 MiB"},
		"nothing but breaks":  {page(func(int) string { return "\n\n\n\n" }), ""},
		"a page of something": {page(func(int) string { return "<html>\n" }), "line 1 is no metric"},
		"labels in one line": {"vllm:prompt_tokens_total{" +
			page(func(i int) string { return fmt.Sprintf("a%d=\"\",", i) })[:limits.Series*9/10] + "a=\"\"} 1\n", ""},
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		e, err := Parse(strings.NewReader(tt.text))
		runtime.ReadMemStats(&after)
		if err == nil && tt.want != "" || err != nil && (tt.want == "" || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s: error %v, want %q", name, err, tt.want)
		}
		if n := after.TotalAlloc - before.TotalAlloc; n > most {
			t.Errorf("%s: %d MiB were allocated for %v", name, n>>20, e)
		}
	}
}

func TestParse(t *testing.T) {
	t.Parallel()
	e, err := Parse(strings.NewReader(`# HELP vllm:prompt_tokens_total Tokens.
# TYPE vllm:prompt_tokens_total counter
vllm:prompt_tokens_total{engine="0",} 3
vllm:prompt_tokens_total{ engine = "a\"\\\nb}" , x="" } 4.5e3 1700000000000
vllm:prompt_tokens_total NaN
# TYPE process_cpu_seconds_total counter
process_cpu_seconds_total 4
go_gc{quantile="0"} 1
go_gc{quantile="1"} 2.5e-05
# TYPE vllm:request_prefill_time_seconds histogram
vllm:request_prefill_time_seconds_bucket{le="+Inf"} 2
vllm:request_prefill_time_seconds_sum	1.5

{"a.b"} +Inf
# EOF`))
	if err != nil {
		t.Fatal(err)
	}
	want := &Exposition{
		Series: map[string][]Series{
			"vllm:prompt_tokens_total": {
				{map[string]string{"engine": "0"}, 3},
				{map[string]string{"engine": "a\"\\\nb}", "x": ""}, 4500},
			},
			"vllm:request_prefill_time_seconds_sum": {{map[string]string{}, 1.5}},
		},
		Declared: map[string]bool{
			"vllm:prompt_tokens_total": true, "vllm:request_prefill_time_seconds": true,
		},
		Others: 4,
	}
	if !reflect.DeepEqual(e, want) {
		t.Errorf("%+v, want %+v", e, want)
	}
	for _, bad := range []string{"{", "{a} 1", "{a=b} 1", "{a=\"b} 1", "{a=\"b\\\"} 1", " x1", "{} ", ""} {
		if e, err := Parse(strings.NewReader("vllm:prompt_tokens_total" + bad)); err == nil {
			t.Errorf("%q is read as %+v", bad, e)
		}
	}
	broken := errors.New("broken")
	if _, err := Parse(iotest.ErrReader(broken)); err != broken {
		t.Errorf("error %v of a broken stream", err)
	}
}
