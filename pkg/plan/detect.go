package plan

import (
	"bytes"
	"errors"
	"io"

	"github.com/tidwall/gjson"

	"multiturn/internal/jsonseq"
	"multiturn/internal/limits"
	"multiturn/internal/packed"
	"multiturn/pkg/chat"
	"multiturn/pkg/record"
)

// Kind is the kind of a file's content.
type Kind string

// Kinds of files.
const (
	Conversations Kind = "conversations"
	Generator     Kind = "generator" // a generator's config, from which conversations are made
	Records       Kind = "records"   // of runs
	Samples       Kind = "samples"   // the measurements that the reference writes
	Trace         Kind = "trace"
)

// detectItems is how many items Detect looks at, so that a broken line or an
// unknown record does not hide the kind.
const detectItems = 20

// Errors of Detect.
var (
	ErrEmpty   = errors.New("there is nothing in it")
	ErrUnknown = errors.New("neither conversations (id and messages; sharegpt2openai makes them " +
		"of ShareGPT's), nor records of a run, nor a trace (timestamp, input_length, hash_ids)")
)

// Detect returns the kind of a stream's content, by its first items, which end
// within limits.Item bytes, and a reader of the whole stream. If the stream is
// packed with gzip or zstd, the reader unpacks it.
func Detect(r io.Reader) (Kind, io.Reader, error) {
	r, err := packed.NewJSONReader(r)
	if err != nil {
		return "", nil, err
	}
	var head bytes.Buffer
	s := jsonseq.NewScanner(io.TeeReader(io.LimitReader(r, limits.Item), &head))
	s.Whole = chat.IsMessage
	kind := Kind("")
	unknown := ErrEmpty
	for i := 0; i < detectItems && kind == "" && s.Scan(); i++ {
		unknown = ErrUnknown
		if item := s.Item(); item.Err == nil && gjson.ValidBytes(item.Data) {
			kind = kindOf(item.Data)
		}
	}
	if err := s.Err(); err != nil && kind == "" {
		return "", nil, err
	}
	if kind == "" {
		return "", nil, unknown
	}
	return kind, io.MultiReader(&head, r), nil
}

// kindOf returns the kind of one item, "" if it is unknown.
func kindOf(item []byte) Kind {
	has := gjson.GetManyBytes(item, "type", "hash_ids", "messages", "filetype", "ttft_ms",
		"timestamp", "input_length")
	switch typ := has[0].String(); {
	case gjson.GetBytes(item, "0.role").Exists():
		return Conversations // an array of messages
	case !gjson.ParseBytes(item).IsObject():
		return ""
	case has[3].String() == "generate_conversations":
		return Generator
	case has[2].IsArray():
		return Conversations
	case typ == record.TypeRun, typ == record.TypeTurn, typ == record.TypeScrape,
		typ == record.TypeEnd:
		return Records
	case has[1].Exists() && has[6].Exists(), has[5].Exists() && has[6].Exists():
		return Trace
	case has[4].Exists():
		return Samples
	}
	return ""
}
