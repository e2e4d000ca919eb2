package synth

import (
	"reflect"
	"strings"
	"testing"
)

// A config that is printed and read again is the same config.
func TestConfigJSON(t *testing.T) {
	t.Parallel()
	const rest = `"filetype": "generate_conversations", "num_conversations": 2, "text_files": ["<a>.txt"]`
	in := func(turns, tokens string) string {
		return `{` + rest + `, "prompt_input": {"num_turns": ` + turns + `, "num_tokens": ` + tokens +
			`, "prefix_num_tokens": {"distribution": "constant", "value": 0.0}},
			"prompt_output": {"num_tokens": ` + tokens + `}}`
	}
	const three = `{"distribution": "constant", "value": 3}`
	configs := []string{string(Reference),
		strings.Replace(in(three, three), rest, rest+`, "fillers": {"salt": "", "prefix": "<{number}>"}`, 1)}
	for _, tokens := range []string{
		three, `{"distribution": "constant", "value": 3.0}`, `{"distribution": "constant", "value": "30"}`,
		`{"distribution": "constant", "value": -2.5e-7}`, `{"distribution": "uniform", "min": 1, "max": 9}`,
		`{"distribution": "uniform", "min": 1.5, "max": 9}`, `{"distribution": "zipf", "alpha": 1.5}`,
		`{"distribution": "poisson", "alpha": 1e18, "max": 5.0}`,
		`{"distribution": "lognormal", "average": 90, "max": 5}`,
		`{"distribution": "lognormal", "average": 90, "median_ratio": 0.5, "max": -1}`,
		`{"distribution": "lognormal", "mean": 1e-300, "sigma": 0}`,
		`{"distribution": "exponential", "mean": 0.1, "max": 1e3}`,
	} {
		configs = append(configs, in(three, tokens))
	}
	for _, text := range configs {
		want, err := Parse([]byte(text))
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		printed, err := want.JSON()
		if err != nil {
			t.Fatal(err)
		}
		got, err := Parse(printed)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s\nis read as %+v, %v\nwant %+v", printed, got, err, want)
		}
	}
}
