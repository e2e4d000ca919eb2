package report

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"

	"multiturn/pkg/record"
)

// Parameter is a name and what the reference prints for it. Value is a string,
// an int or an int64.
type Parameter struct {
	Name  string `json:"name"`
	Value any    `json:"value"`
}

// parameters are those that the reference prints, in its order.
func parameters(r *record.Run) (run, generation []Parameter) {
	run = []Parameter{
		{"model", r.Model}, {"num_clients", r.Clients}, {"num_conversations", r.Dataset.Conversations},
		{"active_conversations", r.ActiveConversations}, {"seed", r.Seed},
	}
	l := loadOf(r)
	if l.MinAnswer > 0 {
		run = append(run, Parameter{"min_tokens", l.MinAnswer})
	}
	if l.MaxAnswer > 0 {
		run = append(run, Parameter{"max_tokens", l.MaxAnswer})
	}
	return run, generationParameters(r.Dataset.Generator)
}

// generationParameters are what the reference prints of a generator's config;
// nil if it is none.
func generationParameters(config json.RawMessage) []Parameter {
	type spec map[string]any
	var in struct {
		Texts  []string        `json:"text_files"`
		Input  map[string]spec `json:"prompt_input"`
		Output map[string]spec `json:"prompt_output"`
	}
	dec := json.NewDecoder(bytes.NewReader(config))
	dec.UseNumber() // 1000 and 1000.0 are printed as they are
	if len(config) == 0 || dec.Decode(&in) != nil {
		return nil
	}
	show := func(s spec) string {
		if s == nil {
			return "Constant[0]"
		}
		or := func(key, absent string) string {
			switch v := s[key].(type) {
			case nil:
				return absent
			case json.Number:
				return pythonNumber(v.String())
			case string:
				return v
			case bool: // Python's True is a number
				if v {
					return "True"
				}
				return "False"
			}
			return absent
		}
		switch name, _ := s["distribution"].(string); name {
		case "constant":
			return "Constant[" + or("value", "None") + "]"
		case "uniform":
			return "UniformDistribution[" + or("min", "None") + ", " + or("max", "None") + "]"
		case "zipf":
			return "ZipfDistribution[" + or("alpha", "None") + "]"
		case "poisson":
			return "PoissonDistribution[" + or("alpha", "None") + "]"
		case "lognormal":
			if s["average"] != nil {
				return "LognormalDistribution[" + or("average", "") + ", " + or("median_ratio",
					"0.85") + ", " + or("max", "None") + "]"
			}
			return "LognormalDistribution[" + or("mean", "None") + ", " + or("sigma",
				"None") + ", " + or("max", "None") + "]"
		default: // one of ours
			return name
		}
	}
	return []Parameter{
		{"text_files", strings.Join(in.Texts, ", ")},
		{"input_num_turns", show(in.Input["num_turns"])},
		{"input_common_prefix_num_tokens", show(in.Input["common_prefix_num_tokens"])},
		{"input_prefix_num_tokens", show(in.Input["prefix_num_tokens"])},
		{"input_num_tokens", show(in.Input["num_tokens"])},
		{"output_num_tokens", show(in.Output["num_tokens"])},
	}
}

// pythonNumber is a JSON number as Python prints what it reads.
func pythonNumber(s string) string {
	if !strings.ContainsAny(s, ".eE") {
		return s
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return s
	}
	return string(record.AppendPythonFloat(nil, f))
}
