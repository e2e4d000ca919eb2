package record

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"multiturn/internal/limits"
)

func TestCheck(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		record, said string
		kept         string // what the checked record still has of the given one
	}{
		{`{"type":"turn","turn":3,"end_ms":5.5,"usage":{"prompt":5,"completion":0,"cached":4}}`, "",
			`"end_ms":5.5,"stream":false,"chunks":0,"usage":{"prompt":5,"completion":0,"cached":4}`},
		{`{"type":"turn","usage":{"prompt":-9223372036854775808,"completion":5}}`,
			"usage.prompt -9223372036854775808", ""},
		{`{"type":"turn","usage":{"prompt":5,"completion":400000000}}`,
			"usage.completion 400000000", ""},
		{`{"type":"turn","usage":{"prompt":5,"completion":6,"cached":-1,"reasoning":2}}`,
			"usage.cached -1", `"usage":{"prompt":5,"completion":6,"reasoning":2}`},
		{`{"type":"turn","usage":{"prompt":5,"completion":6,"tiers":{"host":-1,"disk":4}}}`,
			"usage.tiers.host -1", `"tiers":{"disk":4}`},
		{`{"type":"turn","body_bytes":100,"usage":{"prompt":1048677,"completion":6}}`,
			"usage.prompt 1048677", `"body_bytes":100`},
		{`{"type":"turn","body_bytes":100,"usage":{"prompt":1048676,"completion":6}}`,
			"", `"usage":{"prompt":1048676,"completion":6}`},
		{`{"type":"turn","implausible":"usage.prompt -7","end_ms":-1}`, "usage.prompt -7", ""},
		{`{"type":"turn","end_ms":-1,"sent_ms":1e300}`, "sent_ms 9223372036854775807", ""},
		{`{"type":"turn","turn":-1,"gaps_us":[5,-9223372036854775808],"client":9}`, "turn -1",
			`"client":9,"turn":0`},
		{`{"type":"turn","gaps_us":[5,-6]}`, "", `"gaps_us":[5,-6]`},
		{`{"type":"turn","counted":{"input":-1,"new_input":2}}`, "counted.input -1",
			`"counted":{"input":0,"new_input":2,`},
		{`{"type":"turn","paused_ms":1e308}`, "paused_ms 1e+308", ""},
		{`{"type":"turn","replica":1001,"status":1000}`, "replica 1001", ""},
		{`{"type":"run","clients":-1,"replicas":[{"block_size":16},{"gpu_blocks":-1}]}`,
			"clients -1", `"replicas":[{"block_size":16},{}]`},
		{`{"type":"run","seed":-9223372036854775808,"start":"0001-01-01T00:00:00Z"}`, "",
			`"seed":-9223372036854775808`},
		{`{"type":"run","dataset":{"think_ms":-1e300,"turns":4}}`, "dataset.think_ms -1e+300",
			`"turns":4}`},
		{`{"type":"run","load":{"min_answer":-1,"rate":1e300}}`, "load.rate 1e+300",
			`"min_answer":-1`},
		{`{"type":"run","preflight":{"requests":[{"cached":3},{"cached":-3}]}}`,
			"preflight.requests.cached -3", `[{"prompt":0,"cached":3,"ttft_ms":0},{"prompt":0,"ttft_ms":0}]`},
		{`{"type":"run","replicas":[` + strings.Repeat("{},", limits.Replicas) + `{}]}`,
			"replicas.length 1001", ""},
		{`{"type":"scrape","values":{"b":1e19,"a":-1e308,"c":5}}`, "values.a -1e+308", `"values":{"c":5}`},
		{`{"type":"end","at_ms":1e12,"turns":{"planned":-5}}`, "at_ms 1000000000000000000", ""},
		{`{"type":"prefix","prompt":-1,"char":-1}`, "prompt -1", `"char":-1`},
	} {
		r := NewReader(strings.NewReader(strings.Replace(tt.record, `"type":"run"`,
			`"type":"run","format":"multiturn-records","version":"1.3"`, 1)), "f")
		if !r.Scan() {
			_, bad := r.Broken()
			t.Errorf("%s: no record, %v", tt.record, bad)
			continue
		}
		if said := reflect.ValueOf(r.Record()).Elem().FieldByName("Implausible"); said.String() != tt.said {
			t.Errorf("%.90s: Implausible is %q, want %q", tt.record, said, tt.said)
		}
		if line, err := appendRecord(nil, r.Record()); err != nil || !strings.Contains(string(line), tt.kept) {
			t.Errorf("%.90s became\n%s, without %s", tt.record, line, tt.kept)
		}
	}
}

// Every number of every record has a limit: none stays as it is if all are as large,
// or as small, as their types allow.
func TestEveryNumberHasALimit(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(8, 9))
	for _, rec := range []any{new(Run), new(Turn), new(Scrape), new(Prefix), new(End)} {
		for _, least := range []bool{false, true} {
			for range 20 {
				v := reflect.ValueOf(rec).Elem()
				fill(rng, v)
				numbers(v, func(n reflect.Value) { extreme(n, least) })
				Check(rec)
				numbers(v, func(n reflect.Value) {
					if !n.IsZero() {
						t.Errorf("%T has a %v of %v", rec, n.Type(), n)
					}
				})
			}
		}
	}
}

// extreme sets a number to the largest or least of its type.
func extreme(n reflect.Value, least bool) {
	sign := 1
	if least {
		sign = -1
	}
	if n.Kind() == reflect.Float64 {
		n.SetFloat(float64(sign) * math.MaxFloat64)
		return
	}
	n.SetInt(int64(sign) * math.MaxInt64)
}

// numbers calls do for each number in a record, but for the seed, which may be any.
func numbers(v reflect.Value, do func(reflect.Value)) {
	switch v.Kind() {
	case reflect.Int, reflect.Int64, reflect.Float64:
		do(v)
	case reflect.Pointer:
		if !v.IsNil() {
			numbers(v.Elem(), do)
		}
	case reflect.Slice:
		for i := range v.Len() {
			numbers(v.Index(i), do)
		}
	case reflect.Map:
		for _, key := range v.MapKeys() {
			value := reflect.New(v.Type().Elem()).Elem()
			value.Set(v.MapIndex(key))
			numbers(value, do)
			v.SetMapIndex(key, value)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() && f.Name != "Seed" {
				numbers(v.Field(i), do)
			}
		}
	}
}

// A time is read as it was written, and one that no int64 holds is beyond all
// limits.
func TestClockAtItsEnds(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Clock{
		"0": 0, "0.000001": 1, "1.5": 15e5, "12.3456789": 12345679, "-1": -1e6, "1e3": 1e9,
		"9007199254.740992": limits.Clock, "9007199254.740993": limits.Clock + 1,
		"9007199254.740991": limits.Clock - 1, "1e300": math.MaxInt64, "-1e300": math.MinInt64,
		"123456789012345678901234567890": math.MaxInt64, "9223372036854.775807": math.MaxInt64,
	} {
		var c Clock
		if err := json.Unmarshal([]byte(text), &c); err != nil || c != want {
			t.Errorf("%s is %d, %v; want %d", text, c, err, want)
		}
	}
	for ns, want := range map[int64]string{
		math.MinInt64: "-9223372036854.775808", math.MaxInt64: "9223372036854.775807",
		-1: "-0.000001", -15e5: "-1.5",
	} {
		if got := appendMillis(nil, ns); string(got) != want {
			t.Errorf("%d ns are written as %s, want %s", ns, got, want)
		}
	}
}

func TestSampleLimits(t *testing.T) {
	t.Parallel()
	const whole = `{"ttft_ms":1,"latency_ms":2,"start_time_ms":3,"input_num_tokens":4}`
	in := "[" + whole + "," +
		strings.Replace(whole, ":1,", ":1e300,", 1) + "," +
		strings.Replace(whole, ":3,", ":1e14,", 1) + "," +
		strings.Replace(whole, ":4}", ":-4}", 1) + "]"
	r := NewReader(strings.NewReader(in), "f")
	if n := len(read(t, r)); n != 1 {
		t.Errorf("%d samples", n)
	}
	_, bad := r.Broken()
	var got []string
	for _, err := range bad {
		got = append(got, err.Error())
	}
	want := []string{"f: item 2: ttft_ms 1e+300 cannot be true",
		"f: item 3: start_time_ms 1e+14 cannot be true",
		"f: item 4: input_num_tokens -4 cannot be true"}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func BenchmarkCheck(b *testing.B) {
	t := typical()
	b.ReportAllocs()
	for b.Loop() {
		Check(t)
	}
}
