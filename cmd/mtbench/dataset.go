package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"

	"multiturn/pkg/chat"
	"multiturn/pkg/cli"
	"multiturn/pkg/record"
)

// dataset is what a run plays.
type dataset struct {
	record.Dataset
	conversations []chat.Conversation
	// config is the generator's, when the input file is one.
	config json.RawMessage
}

// readDataset reads conversations, or a generator's config, from --input-file.
func readDataset(c *cli.Call, f *runFlags) (*dataset, error) {
	in, err := c.Open(f.input)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	d := &dataset{Dataset: record.Dataset{Name: f.input, File: isFile(f.input), CleanUpSpaces: f.cleanUpSpaces}}
	r := chat.NewReader(in, inputName(f.input))
	if config := r.Config(); config != nil {
		d.config = append(d.config, config...)
	}
	for r.Scan() {
		d.conversations = append(d.conversations, *r.Conversation())
	}
	if err := r.Err(); err != nil {
		return nil, cli.Exit(cli.Usage, err)
	}
	return d, nil
}

// byID finds conversations by their ids.
func (d *dataset) byID() map[string]*chat.Conversation {
	m := make(map[string]*chat.Conversation, len(d.conversations))
	for i := range d.conversations {
		m[d.conversations[i].ID] = &d.conversations[i]
	}
	return m
}

// isFile reports whether name is a regular file, which a reader of the records can
// look for again; - is stdin.
func isFile(name string) bool {
	info, err := os.Stat(name)
	return err == nil && name != "-" && info.Mode().IsRegular()
}

func inputName(name string) string {
	if name == "-" {
		return "stdin"
	}
	return name
}

// check counts and digests the conversations, and says when there are too few of them.
func (d *dataset) check(f *runFlags) error {
	name := inputName(f.input)
	if len(d.conversations) == 0 {
		return cli.UsageErrorf("%s: no conversation in it", name)
	}
	sum := sha256.New()
	var line []byte
	for i := range d.conversations {
		conv := &d.conversations[i]
		d.Turns += len(conv.Cut(0))
		line = append(chat.JSONL.Append(line[:0], conv), '\n')
		sum.Write(line)
	}
	d.SHA256 = hex.EncodeToString(sum.Sum(nil))
	d.Conversations = len(d.conversations)
	if d.Turns == 0 {
		return cli.UsageErrorf("%s: nothing to ask in it: no conversation has a user message", name)
	}
	for _, limit := range []struct {
		name  string
		value int
	}{{"num-clients", f.bench.Clients}, {"max-active-conversations", f.bench.Active}} {
		// In two arms each conversation is in progress twice.
		if limit.value > d.Conversations*f.bench.Control.Arms() {
			return cli.UsageErrorf("%s has %d conversations, less than --%s %d: lower it", name, d.Conversations, limit.name, limit.value)
		}
	}
	return nil
}
