package internal_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"multiturn/pkg/chat"
	"multiturn/pkg/record"
	"multiturn/pkg/synth"
)

var example = regexp.MustCompile("(?ms)^```json\n(.*?)^```$")

// What the pages of formats show is what programs read.
func TestPageExamples(t *testing.T) {
	t.Parallel()
	for page, c := range map[string]struct {
		read  func(text string) error
		least int // examples, so that none is overlooked when their form changes
	}{
		"conversations.md":    {readConversations, 4},
		"generator-config.md": {readConfig, 4},
		"records.md":          {readRecord, 5},
	} {
		text, err := os.ReadFile(filepath.Join("../docs", page))
		if err != nil {
			t.Fatal(err)
		}
		examples := example.FindAllStringSubmatch(string(text), -1)
		if len(examples) < c.least {
			t.Errorf("%s has %d examples, want at least %d", page, len(examples), c.least)
		}
		for _, m := range examples {
			if err := c.read(m[1]); err != nil {
				t.Errorf("%s: %v in\n%s", page, err, m[1])
			}
		}
	}
}

func readConversations(text string) error {
	r := chat.NewReader(strings.NewReader(text), "example")
	n := 0
	for r.Scan() {
		n += len(r.Conversation().Cut(0))
	}
	if r.Err() == nil && n == 0 {
		return fmt.Errorf("no turn to send")
	}
	return r.Err()
}

// readConfig reads a config, or a distribution as one of a config.
func readConfig(text string) error {
	if strings.HasPrefix(text, `{"distribution"`) {
		text = strings.Replace(string(synth.Reference), `{
            "distribution": "constant",
            "value": 500
        }`, text, 1)
		if !strings.Contains(text, `"common_prefix_num_tokens": {"`) {
			return fmt.Errorf("the built-in config has changed")
		}
	}
	_, err := synth.Parse([]byte(text))
	return err
}

// readRecord reads a record that is broken into lines, writes it and reads it again: the
// types have all its fields.
func readRecord(text string) error {
	line := strings.ReplaceAll(text, "\n", "")
	rec, err := readOne(line)
	if err != nil {
		return err
	}
	strict := json.NewDecoder(strings.NewReader(line))
	strict.DisallowUnknownFields()
	if err := strict.Decode(reflect.New(reflect.TypeOf(rec).Elem()).Interface()); err != nil {
		return err
	}
	var written bytes.Buffer
	w := record.NewWriter(&written)
	switch rec := rec.(type) {
	case *record.Run:
		if rec.Version != record.Version {
			return fmt.Errorf("the version is %s, want %s", rec.Version, record.Version)
		}
		_ = w.Run(rec)
	case *record.Turn:
		_ = w.Turn(rec)
	case *record.Scrape:
		_ = w.Scrape(rec)
	case *record.Prefix:
		_ = w.Prefix(rec)
	case *record.End:
		_ = w.End(rec)
	}
	if err := w.Close(); err != nil {
		return err
	}
	again, err := readOne(written.String())
	if err == nil && !reflect.DeepEqual(again, rec) {
		err = fmt.Errorf("reads as %+v after it was written", again)
	}
	return err
}

func readOne(line string) (any, error) {
	r := record.NewReader(strings.NewReader(line), "example")
	if !r.Scan() {
		_, broken := r.Broken()
		return nil, fmt.Errorf("no record: %v %v", r.Err(), broken)
	}
	return r.Record(), nil
}
