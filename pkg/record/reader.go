package record

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/tidwall/gjson"
)

// maxLine is the longest line that is read as a record, in bytes; a turn of 100,000 chunks has about 1 MB.
const maxLine = 64 << 20

// keptErrors is how many broken lines are kept with their text; all are counted.
const keptErrors = 10

// SyntaxError is a line, or an item of an array, that is not a record.
type SyntaxError struct {
	Name string // of the input
	Line int    // from 1; 0 in an array
	Item int    // of an array, from 1; 0 for a line
	Err  error
}

func (e *SyntaxError) Error() string {
	if e.Item > 0 {
		return fmt.Sprintf("%s: item %d: %v", e.Name, e.Item, e.Err)
	}
	return fmt.Sprintf("%s:%d: %v", e.Name, e.Line, e.Err)
}

func (e *SyntaxError) Unwrap() error { return e.Err }

// Reader reads a stream of records, in the manner of bufio.Scanner. It also reads the array of per-request
// measurements that the reference writes (--stats-json-output), as samples, and either one packed with gzip.
//
// A broken line is counted and skipped. What ends the stream with an error is a failure to read, and records of a newer
// major version.
type Reader struct {
	name   string
	src    io.Reader
	in     *bufio.Reader // nil until the first Scan
	array  *json.Decoder // the array that is being read, if one is
	rec    any
	run    *Run
	line   int
	item   int
	nbad   int
	bad    []*SyntaxError
	err    error
	finish bool
	long   []byte // a line longer than in's buffer
}

// NewReader reads from src. The name stands for it in errors.
func NewReader(src io.Reader, name string) *Reader { return &Reader{name: name, src: src} }

// Scan goes to the next record; it returns false at the end or at an error.
func (r *Reader) Scan() bool {
	r.rec = nil
	if r.in == nil && !r.open() {
		return false
	}
	for r.rec == nil && r.err == nil && !r.finish {
		if r.array != nil {
			r.scanItem()
		} else {
			r.scanLine()
		}
	}
	return r.rec != nil && r.err == nil
}

// Record is the record that Scan went to: a *Run, *Turn, *Scrape, *Prefix, *End or *Sample, the caller's to keep.
func (r *Reader) Record() any { return r.rec }

// Run is the header that the current record belongs to; nil when none came before it.
func (r *Reader) Run() *Run { return r.run }

// Err is what ended the stream early, if something did.
func (r *Reader) Err() error { return r.err }

// Broken counts the lines and items that were no records and were skipped, and tells the first few.
func (r *Reader) Broken() (n int, first []*SyntaxError) { return r.nbad, r.bad }

// open looks at the first bytes: is it packed, is it an array.
func (r *Reader) open() bool {
	r.in = bufio.NewReaderSize(r.src, 256<<10)
	if magic, _ := r.in.Peek(2); len(magic) == 2 && magic[0] == 0x1f && magic[1] == 0x8b {
		unpacked, err := gzip.NewReader(r.in)
		if err != nil {
			return r.fail(err)
		}
		r.in = bufio.NewReaderSize(unpacked, 256<<10)
	}
	if mark, _ := r.in.Peek(3); string(mark) == "\xef\xbb\xbf" {
		_, _ = r.in.Discard(3)
	}
	return r.start()
}

// start finds out whether an array or lines come next.
func (r *Reader) start() bool {
	for {
		c, err := r.in.ReadByte()
		switch {
		case err == io.EOF:
			r.finish = true
			return false
		case err != nil:
			return r.fail(err)
		case c == '\n':
			r.line++
		case c == ' ' || c == '\t' || c == '\r':
		default:
			_ = r.in.UnreadByte()
			if c == '[' {
				r.array = json.NewDecoder(r.in)
				_, err := r.array.Token()
				return err == nil || r.fail(err)
			}
			return true
		}
	}
}

func (r *Reader) fail(err error) bool {
	r.err = fmt.Errorf("%s: %w", r.name, err)
	return false
}

func (r *Reader) broken(err error) {
	r.nbad++
	if len(r.bad) == keptErrors {
		return
	}
	bad := &SyntaxError{Name: r.name, Err: err}
	if r.array != nil {
		bad.Item = r.item
	} else {
		bad.Line = r.line
	}
	r.bad = append(r.bad, bad)
}

// scanItem reads the next item of an array.
func (r *Reader) scanItem() {
	if !r.array.More() {
		if _, err := r.array.Token(); err != nil {
			r.item++
			r.cut(err)
			return
		}
		// Whatever the decoder has read beyond the array is still to be read.
		rest := r.array.Buffered()
		r.in = bufio.NewReaderSize(io.MultiReader(rest, r.in), 256<<10)
		r.array, r.item = nil, 0
		r.start()
		return
	}
	r.item++
	var raw json.RawMessage
	if err := r.array.Decode(&raw); err != nil {
		r.cut(err)
		return
	}
	s := new(Sample)
	if err := json.Unmarshal(raw, s); err != nil {
		r.broken(plain(err))
		return
	}
	r.rec = s
}

// cut ends an array that cannot be followed any further. Nobody can tell where its next item would begin.
func (r *Reader) cut(err error) {
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &syntax), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		// The decoder's offset is of its buffer, no use to anybody.
		if syntax != nil {
			err = fmt.Errorf("not JSON: %w, so the rest of the array is skipped", err)
		} else {
			err = errors.New("the array ends in the middle")
		}
		r.broken(err)
		r.finish = true
	default:
		r.fail(err)
	}
}

// scanLine reads the next line.
func (r *Reader) scanLine() {
	line, err := r.readLine()
	if err != nil {
		r.fail(err)
		return
	}
	if line = bytes.TrimSpace(line); len(line) == 0 {
		return
	}
	rec, err := decode(line)
	var newer *VersionError
	switch {
	case errors.As(err, &newer):
		r.err = fmt.Errorf("%s:%d: %w", r.name, r.line, err)
	case err != nil:
		r.broken(plain(err))
	case rec != nil:
		if run, ok := rec.(*Run); ok {
			r.run = run
		}
		r.rec = rec
	}
}

// readLine returns the next line, which holds until the next call, and sets finish when it is the last.
func (r *Reader) readLine() ([]byte, error) {
	r.line++
	line, err := r.in.ReadSlice('\n')
	if err == bufio.ErrBufferFull {
		r.long = append(r.long[:0], line...)
		for err == bufio.ErrBufferFull {
			line, err = r.in.ReadSlice('\n')
			if len(r.long) <= maxLine {
				r.long = append(r.long, line...)
			}
		}
		line = r.long
		if len(line) > maxLine {
			r.broken(fmt.Errorf("the line is longer than %d MiB", maxLine>>20))
			line = nil
		}
	}
	switch {
	case err == io.EOF:
		r.finish = true
	case errors.Is(err, io.ErrUnexpectedEOF):
		// A packed file of a killed run: what could be unpacked is good, the cut line at its end counts as broken.
		r.finish = true
		if len(bytes.TrimSpace(line)) == 0 {
			r.broken(errors.New("the packed file ends in the middle"))
		}
	case err != nil:
		return nil, err
	}
	return line, nil
}

// VersionError is a header that this program cannot follow.
type VersionError struct{ Format, Version string }

func (e *VersionError) Error() string {
	if e.Format != Format {
		return fmt.Sprintf("the header says format %q, not %q: these are not records of a run", e.Format, Format)
	}
	return fmt.Sprintf("records of version %s, but this program reads up to %s.x: use a newer one", e.Version, major(Version))
}

func major(version string) string {
	m, _, _ := strings.Cut(version, ".")
	return m
}

// decode makes a record of a line; nil without an error when its type is not known.
func decode(line []byte) (any, error) {
	// The type is the first key of a line that we wrote: found without reading the rest. gjson does not validate, but
	// what follows does.
	var rec any
	switch kind := gjson.GetBytes(line, "type"); kind.String() {
	case TypeTurn:
		rec = new(Turn)
	case TypeScrape:
		rec = new(Scrape)
	case TypePrefix:
		rec = new(Prefix)
	case TypeEnd:
		rec = new(End)
	case TypeRun:
		if err := checkVersion(line); err != nil {
			return nil, err
		}
		rec = new(Run)
	default:
		var other map[string]json.RawMessage
		if err := json.Unmarshal(line, &other); err != nil {
			return nil, err
		}
		if kind.Type != gjson.String || kind.Str == "" {
			return nil, errors.New(`no "type": not a record`)
		}
		return nil, nil
	}
	if err := json.Unmarshal(line, rec); err != nil {
		return nil, err
	}
	return rec, nil
}

// checkVersion looks at what a header says of itself before the rest of it is read: in a newer version anything else
// may have another shape.
func checkVersion(line []byte) error {
	var head struct {
		Format  string `json:"format"`
		Version string `json:"version"`
	}
	if err := json.Unmarshal(line, &head); err != nil {
		return err
	}
	have, err := strconv.Atoi(major(head.Version))
	switch want, _ := strconv.Atoi(major(Version)); {
	case head.Format != Format || err == nil && have > want:
		return &VersionError{head.Format, head.Version}
	case err != nil:
		return fmt.Errorf("the header's version %q is not like %q", head.Version, Version)
	}
	return nil
}

// plain says what encoding/json found in words for people who do not know our types.
func plain(err error) error {
	var (
		syntax *json.SyntaxError
		typ    *json.UnmarshalTypeError
	)
	switch {
	case errors.As(err, &syntax):
		return fmt.Errorf("not JSON: %s (at byte %d)", syntax.Error(), syntax.Offset)
	case errors.As(err, &typ):
		field := strings.TrimPrefix(typ.Field, "Exchange.") // the embedded struct's, which JSON does not have
		return fmt.Errorf("%s: %s where %s is due", field, typ.Value, kind(typ.Type.Kind().String()))
	}
	return err
}

func kind(goKind string) string {
	switch {
	case strings.HasPrefix(goKind, "int"), strings.HasPrefix(goKind, "float"):
		return "a number"
	case goKind == "struct", goKind == "map":
		return "an object"
	case goKind == "slice":
		return "an array"
	}
	return "a " + goKind
}
