package main

import (
	"encoding/json"
	"io"
	"os"
	"time"

	"multiturn/internal/field"
	"multiturn/internal/human"
	"multiturn/pkg/chat"
	"multiturn/pkg/cli"
	"multiturn/pkg/load"
	"multiturn/pkg/record"
)

// dataset is what a run plays.
type dataset struct {
	record.Dataset
	conversations []chat.Conversation
	named         int // conversations that have no id in the file
	// config is the generator's, when the input file is one.
	config json.RawMessage
}

// openDataset opens a file and reads it.
func openDataset(c *cli.Call, name string) (*dataset, error) {
	in, err := c.Open(name)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	return readDataset(in, name)
}

// readDataset reads conversations or a generator's config.
func readDataset(in io.Reader, name string) (*dataset, error) {
	d := &dataset{Dataset: record.Dataset{Name: name, File: isFile(name)}}
	r := chat.NewReader(in, inputName(name))
	if config := r.Config(); config != nil {
		d.config = append(d.config, config...)
	}
	for r.Scan() {
		d.conversations = append(d.conversations, *r.Conversation())
	}
	if err := r.Err(); err != nil {
		return nil, cli.Exit(cli.Usage, err)
	}
	d.named = chat.Name(d.conversations)
	return d, nil
}

// remarkNames says how conversations without an id are called in the records.
func (d *dataset) remarkNames(c *cli.Call) {
	if d.named > 0 {
		c.Remarkf("%s: %s without an id, called conversation-N by the place in the file",
			inputName(d.Name), human.Count(d.named, "conversation"))
	}
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

// describe counts and digests the conversations.
func (d *dataset) describe() {
	var think time.Duration
	for i := range d.conversations {
		for _, t := range d.conversations[i].Cut(0) {
			d.Turns++
			think += t.Think
		}
	}
	if d.Turns > 0 {
		ms := think.Seconds() * 1000 / float64(d.Turns)
		d.ThinkMS = &ms
	}
	d.SHA256, d.Conversations = chat.Digest(d.conversations), len(d.conversations)
}

// check describes the conversations. It is an error if there are too few of them
// for the load.
func (d *dataset) check(f *runFlags) error {
	name := inputName(d.Name)
	if len(d.conversations) == 0 {
		return cli.UsageErrorf("%s: no conversation in it", name)
	}
	d.describe()
	if d.Turns == 0 {
		return cli.UsageErrorf("%s: nothing to ask in it: no conversation has a user message", name)
	}
	api := f.openai.Endpoint()
	for i := range d.conversations {
		if what := api.Lacks(&d.conversations[i]); what != "" {
			return cli.UsageErrorf("%s: conversation %s has what a prompt of --api %s cannot hold "+
				"(%s): use --api chat or responses, or leave it out", name, d.conversations[i].ID,
				api, what)
		}
	}
	return enough(name, d.Conversations, &f.bench.Options)
}

// enough returns an error if the conversations are too few for the load.
func enough(name string, conversations int, o *load.Options) error {
	var errs field.Errors
	for _, limit := range []struct {
		field string
		n     int
	}{{"Clients", o.Clients}, {"Active", o.Active}} {
		// In two arms each conversation is in progress twice.
		if limit.n > conversations*o.Control.Arms() {
			errs.Addf(limit.field, "is %d, and %s has %s: lower it", limit.n, name,
				human.Count(conversations, "conversation"))
		}
	}
	return errs.Err()
}
