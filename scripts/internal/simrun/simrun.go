// Package simrun has what the scripts share that play against `mtbench sim`.
package simrun

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"multiturn/pkg/sim"
)

// Program returns the path of mtbench in the folder of the binaries.
func Program(bin string) (string, error) {
	path, err := filepath.Abs(filepath.Join(bin, "mtbench"))
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("%s does not exist: run make build first", path)
	}
	return path, nil
}

// Truth has the lines of a truth file.
type Truth struct {
	Start    time.Time
	Requests []sim.Truth // chat completions only
	End      *sim.TruthEnd
}

// ReadTruth reads a truth file.
func ReadTruth(path string) (*Truth, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	t := &Truth{}
	in := bufio.NewScanner(f)
	in.Buffer(make([]byte, 1<<20), 64<<20)
	for n := 1; in.Scan(); n++ {
		if err := t.add(in.Bytes()); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", path, n, err)
		}
	}
	if err := in.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if t.Start.IsZero() {
		return nil, fmt.Errorf("%s: no header", path)
	}
	return t, nil
}

func (t *Truth) add(line []byte) error {
	var kind struct {
		Type string `json:"type"`
	}
	if err := json.Unmarshal(line, &kind); err != nil {
		return err
	}
	switch kind.Type {
	case "sim":
		var h sim.TruthHeader
		err := json.Unmarshal(line, &h)
		t.Start = h.Start
		return err
	case "request":
		var r sim.Truth
		err := json.Unmarshal(line, &r)
		if err == nil && strings.HasSuffix(r.Path, "/chat/completions") {
			t.Requests = append(t.Requests, r)
		}
		return err
	case "end":
		t.End = new(sim.TruthEnd)
		return json.Unmarshal(line, t.End)
	}
	return nil
}
