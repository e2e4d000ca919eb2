//go:build linux

package main

import (
	"fmt"
	"slices"
	"strings"

	"multiturn/pkg/sim"
	"multiturn/pkg/sim/hostile"
)

// values are those of the faults that take one. All are early and short, since
// answers are.
var values = map[string]string{
	"abort": "1", "bad-json": "0", "chunked": "twice", "clip": "1", "cut": "1", "eos": "1",
	"error": "1", "error-text": "1", "error-type": "1", "finish": "none", "headers": "5ms",
	"idle": "50ms", "like": "llamacpp", "ping": "5ms", "reasoning": "2", "reset": "1",
	"retry-after": "1", "role": "late", "split": "50/1ms", "stall": "1/20ms", "status": "503",
	"timings": "vllm", "tokens": "2", "truncate": "1", "type": "json", "unsupported": "seed",
	"usage": "continuous",
}

// leftOut are the faults that are not of a request's answer, with the reason.
var leftOut = map[string]string{
	"loading":  "of the server's first seconds",
	"tokenize": "of a question that the run does not ask",
	"hostile":  "played by name",
}

// faults returns all faults, each with that share of the requests. The attacks
// together have the share of one fault: those that the server ends soon.
func faults(share float64) (string, error) {
	var list []string
	for _, name := range sim.FaultNames() {
		if leftOut[name] != "" {
			continue
		}
		if v := values[name]; v != "" {
			name += "=" + v
		}
		list = append(list, fmt.Sprintf("%s@%g", name, share))
	}
	quick := slices.DeleteFunc(hostile.Names(), func(name string) bool {
		a := hostile.Find(name)
		return !a.Quick || a.Path != ""
	})
	for _, name := range quick {
		list = append(list, fmt.Sprintf("hostile=%s@%.6f", name, share/float64(len(quick))))
	}
	all := strings.Join(list, ",")
	_, err := sim.ParseFaults(all)
	return all, err
}
