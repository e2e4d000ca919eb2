package dist

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"

	"multiturn/internal/field"
	"multiturn/internal/pyrand"
)

func parse(text string) (Distribution, error) {
	o, err := field.Parse([]byte(text), "tokens")
	if err != nil {
		return nil, err
	}
	return Parse(o), o.Err()
}

// TestGolden compares with numpy. Values are drawn together and one by one.
func TestGolden(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile("testdata/golden.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		Config   json.RawMessage
		N        int
		First    []float64
		Sum, Max float64
		Then     uint32
	}
	if err := json.Unmarshal(b, &cases); err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		t.Run(fmt.Sprintf("%s/%d", c.Config, c.N), func(t *testing.T) {
			t.Parallel()
			d, err := parse(string(c.Config))
			if err != nil {
				t.Fatal(err)
			}
			stream := pyrand.NewNumpy(20265)
			got := make([]float64, c.N)
			d.Fill(stream, got)
			sum, largest := 0.0, math.Inf(-1)
			for i, v := range got {
				if i < len(c.First) && !near(v, c.First[i]) {
					t.Errorf("value %d is %v, want %v", i, v, c.First[i])
				}
				sum += v
				largest = max(largest, v)
			}
			if !near(sum, c.Sum) || !near(largest, c.Max) {
				t.Errorf("sum and largest are %v and %v, want %v and %v", sum, largest,
					c.Sum, c.Max)
			}
			if then := stream.Uint32(); then != c.Then {
				t.Errorf("the stream goes on with %d, want %d", then, c.Then)
			}
			stream = pyrand.NewNumpy(20265)
			series := NewSeries(d, stream, c.N)
			for i := range got {
				if v := series.Next(); v != got[i] {
					t.Fatalf("value %d of the series is %v, want %v", i, v, got[i])
				}
			}
			if then := stream.Uint32(); then != c.Then {
				t.Errorf("behind the series the stream goes on with %d, want %d", then, c.Then)
			}
		})
	}
}

func near(a, b float64) bool { return math.Abs(a-b) <= 1e-12*math.Abs(b) }

// TestParse lists the configs that are accepted and the errors of others.
func TestParse(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		config string
		want   Distribution
		err    string // lines
	}{
		{`{"distribution":"constant","value":3}`, Constant{Value: 3}, ""},
		{`{"distribution":"constant","value":3.0}`, Constant{Value: 3, Real: true}, ""},
		{`{"distribution":"constant","value":true}`, Constant{Value: 1}, ""},
		{`{"distribution":"constant","value":" -1_000 "}`, Constant{Value: -1000, Text: true}, ""},
		{`{"distribution":"constant","value":1,"value":2}`, Constant{Value: 2}, ""},
		{`{"distribution":"uniform","min":true,"max":2}`, Uniform{Min: 1, Max: 2}, ""},
		{`{"distribution":"uniform","min":5,"max":20.0}`, Uniform{Min: 5, Max: 20, Real: true}, ""},
		{`{"distribution":"zipf","alpha":2,"max":null}`, Zipf{Alpha: 2}, ""},
		{`{"distribution":"zipf","alpha":2,"max":-1.5}`, Zipf{Alpha: 2, Max: Cap{-1.5, true}}, ""},
		{`{"distribution":"poisson","alpha":0}`, Poisson{}, ""},
		{`{"distribution":"lognormal","average":30,"mean":2,"sigma":1}`,
			LognormalAverage{Average: 30, MedianRatio: 0.85}, ""},
		{`{"distribution":"lognormal","mean":2,"sigma":0}`, Lognormal{Mu: 2}, ""},
		{`{"distribution":"exponential","mean":2}`, Exponential{Scale: 2}, ""},

		{`{}`, nil, "tokens.distribution: is missing, want one of constant, uniform, zipf, " +
			"poisson, lognormal, exponential"},
		{`{"distribution":7}`, nil,
			"tokens.distribution: holds 7, want one of constant, uniform, zipf, poisson, " +
				"lognormal, exponential"},
		{`{"distribution":"logNormal"}`, nil,
			`tokens.distribution: holds "logNormal", want one of constant, uniform, zipf, ` +
				`poisson, lognormal, exponential (did you mean lognormal?)`},
		{`{"distribution":"constant","value":"3.5"}`, nil,
			`tokens.value: holds "3.5", want a number, or a whole number as text`},
		{`{"distribution":"constant","value":"1__0"}`, nil,
			`tokens.value: holds "1__0", want a number, or a whole number as text`},
		{`{"distribution":"constant","value":[1]}`, nil,
			"tokens.value: holds [1], want a number, up to 2^53"},
		{`{"distribution":"constant","value":1e300}`, nil,
			"tokens.value: holds 1e300, want a number, up to 2^53"},
		{`{"distribution":"constant"}`, nil, "tokens.value: is missing, want a number, up to 2^53"},
		{`{"distribution":"uniform","min":3,"max":2,"mox":1}`, nil,
			"tokens.mox: unknown key, did you mean max?\ntokens.max: holds 2, want a number not " +
				"below min, up to 2^53"},
		{`{"distribution":"uniform","min":"1","max":1e99}`, nil,
			"tokens.min: holds \"1\", want a number above 0, up to 2^53\ntokens.max: holds " +
				"1e99, want a number not below min, up to 2^53"},
		{`{"distribution":"zipf","alpha":1025}`, nil,
			"tokens.alpha: holds 1025, want a number from 1.000001 to below 1025"},
		{`{"distribution":"zipf","alpha":2,"max":"5"}`, nil,
			`tokens.max: holds "5", want a number, or 0 for no cap`},
		{`{"distribution":"poisson","alpha":1e19}`, nil,
			"tokens.alpha: holds 1e19, want a number from 0 to about 9.2e18"},
		{`{"distribution":"lognormal"}`, nil,
			"tokens.average: is missing, want a number of 1 or more; or give mean and sigma"},
		{`{"distribution":"lognormal","median_ratio":0.5}`, nil,
			"tokens.average: is missing, want a number of 1 or more, up to 2^53"},
		{`{"distribution":"lognormal","mean":2}`, nil,
			"tokens.sigma: is missing, want a number of 0 or more (of the logarithms)"},
		{`{"distribution":"lognormal","mean":2,"sigma":1,"median_ratio":0.5}`, nil,
			"tokens.median_ratio: goes with average, not with mean and sigma"},
		{`{"distribution":"exponential","mean":0}`, nil,
			"tokens.mean: holds 0, want a number above 0"},
	} {
		d, err := parse(c.config)
		text := ""
		if err != nil {
			text = err.Error()
		}
		if text != c.err || (c.err == "" && d != c.want) {
			t.Errorf("%s:\ngot  %#v, %s\nwant %#v, %s", c.config, d, text, c.want, c.err)
		}
	}
}

// FuzzParse: every config gives an error or a distribution that can be drawn
// from.
func FuzzParse(f *testing.F) {
	b, err := os.ReadFile("testdata/golden.json")
	if err != nil {
		f.Fatal(err)
	}
	var cases []struct{ Config json.RawMessage }
	if err := json.Unmarshal(b, &cases); err != nil {
		f.Fatal(err)
	}
	for _, c := range cases {
		f.Add(string(c.Config))
	}
	f.Fuzz(func(t *testing.T, text string) {
		d, err := parse(text)
		if (err == nil) != (d != nil) {
			t.Fatalf("%s: a distribution %v with the error %v", text, d, err)
		}
		if err != nil {
			for line := range strings.Lines(err.Error()) {
				if strings.TrimSpace(line) == "" {
					t.Fatalf("an empty line in %q", err)
				}
			}
			return
		}
		var values [3]float64
		d.Fill(pyrand.NewNumpy(1), values[:])
		for _, v := range values {
			if math.IsNaN(v) || d.Whole() && v != math.Trunc(v) {
				t.Fatalf("%s: drew %v", text, v)
			}
		}
	})
}
