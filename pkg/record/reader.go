package record

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/tidwall/gjson"

	"multiturn/internal/limits"
	"multiturn/internal/packed"
)

// keptErrors is how many errors of broken lines are kept: enough to show what is
// wrong with a file. All are counted.
const keptErrors = 10

// SyntaxError is an error about a line, or an item of an array, that is not a
// record.
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

// Reader reads a stream of records in the manner of bufio.Scanner. It also reads
// the reference's array of per-request measurements (--stats-json-output) as
// samples. Either may be packed with gzip or zstd.
//
// A broken line is counted and skipped. A failed read, and records of a newer major
// version, end the stream with an error.
type Reader struct {
	name   string
	src    io.Reader
	in     *bufio.Reader // nil until the first Scan
	array  *json.Decoder // the array that is being read, if one is
	breaks *lineBreaks   // of the array, and what its decoder has read behind it
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

// NewReader returns a reader of src. Errors have the name.
func NewReader(src io.Reader, name string) *Reader { return &Reader{name: name, src: src} }

// Scan advances to the next record. It returns false at the end or at an error.
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

// Record returns the current record: a *Run, *Turn, *Scrape, *Prefix, *End or
// *Sample. It is not reused.
func (r *Reader) Record() any { return r.rec }

// Err returns the error that ended the stream, or nil at its end.
func (r *Reader) Err() error { return r.err }

// Broken returns the number of lines and items that were skipped because they are
// not records, and the errors of the first few.
func (r *Reader) Broken() (n int, first []*SyntaxError) { return r.nbad, r.bad }

// open unpacks the input if it is packed, and starts.
func (r *Reader) open() bool {
	in, err := packed.NewJSONReader(r.src)
	if err != nil {
		return r.fail(err)
	}
	r.in = bufio.NewReaderSize(in, 256<<10)
	if mark, _ := r.in.Peek(3); string(mark) == "\xef\xbb\xbf" {
		_, _ = r.in.Discard(3)
	}
	return r.start()
}

// start finds out if an array or lines follow.
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
				r.breaks = &lineBreaks{in: r.in}
				r.array = json.NewDecoder(r.breaks)
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

// lineBreaks counts the line breaks that it hands on, and hands on no more than
// limits.Record bytes for one item.
type lineBreaks struct {
	in   io.Reader
	n    int
	item int // bytes since the item began
}

func (l *lineBreaks) Read(p []byte) (int, error) {
	if l.item > limits.Record {
		return 0, &limits.Exceeded{What: "it", Limit: limits.Record}
	}
	n, err := l.in.Read(p)
	l.n += bytes.Count(p[:n], []byte("\n"))
	l.item += n
	return n, err
}

// scanItem reads the next item of an array.
func (r *Reader) scanItem() {
	r.breaks.item = 0
	if !r.array.More() {
		if _, err := r.array.Token(); err != nil {
			r.item++
			r.cut(err)
			return
		}
		// The decoder has read more than the array.
		rest, _ := io.ReadAll(r.array.Buffered()) // of memory
		r.line += r.breaks.n - bytes.Count(rest, []byte("\n"))
		r.in = bufio.NewReaderSize(io.MultiReader(bytes.NewReader(rest), r.in), 256<<10)
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

// cut ends an array at a syntax error: the start of the next item is unknown.
func (r *Reader) cut(err error) {
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &syntax), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		// The decoder's offset is of its buffer, which is of no use in an error.
		if syntax != nil {
			err = fmt.Errorf("not JSON: %w, so the rest of the array is skipped", err)
		} else {
			err = errors.New("the array ends in the middle")
		}
		r.broken(err)
		r.finish = true
	case errors.As(err, new(*limits.Exceeded)):
		r.broken(fmt.Errorf("%w, so the rest of the array is skipped", err))
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

// readLine returns the next line, which is valid until the next call. It sets
// finish at the last line.
func (r *Reader) readLine() ([]byte, error) {
	r.line++
	line, err := r.in.ReadSlice('\n')
	if err == bufio.ErrBufferFull {
		r.long = append(r.long[:0], line...)
		for err == bufio.ErrBufferFull {
			line, err = r.in.ReadSlice('\n')
			if len(r.long) <= limits.Turn {
				r.long = append(r.long, line...)
			}
		}
		line = r.long
		if len(line) > limits.Turn {
			r.broken(tooLong(limits.Turn))
			line = nil
		}
	}
	switch {
	case err == io.EOF:
		r.finish = true
	case errors.As(err, new(*packed.Error)):
		// The packed file of a killed run: the cut line at its end counts as broken.
		r.finish = true
		if len(bytes.TrimSpace(line)) == 0 {
			r.broken(err)
		}
	case err != nil:
		return nil, err
	}
	return line, nil
}

func tooLong(limit int64) error {
	return &limits.Exceeded{What: "the line", Limit: limit}
}

// VersionError is an error about a header of another format or a newer version.
type VersionError struct{ Format, Version string }

func (e *VersionError) Error() string {
	if e.Format != Format {
		return fmt.Sprintf("the header has format %q, not %q: these are not records of a run",
			e.Format, Format)
	}
	return fmt.Sprintf("records of version %s, but this program reads up to %s.x: use a newer one",
		e.Version, major(Version))
}

func major(version string) string {
	m, _, _ := strings.Cut(version, ".")
	return m
}

// decode returns the record of a line, or nil if its type is unknown.
func decode(line []byte) (any, error) {
	// In a line that Writer wrote, the type is the first key, so that gjson reads no
	// further. gjson does not validate, but encoding/json below does.
	kind := gjson.GetBytes(line, "type")
	if kind.String() != TypeTurn && len(line) > limits.Record {
		return nil, tooLong(limits.Record)
	}
	var rec any
	switch kind.String() {
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
	Check(rec)
	return rec, nil
}

// checkVersion checks a header's version before the rest of it is read, which may
// have another shape in a newer version.
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

// plain words an error of encoding/json without Go's types.
func plain(err error) error {
	var (
		syntax *json.SyntaxError
		typ    *json.UnmarshalTypeError
	)
	switch {
	case errors.As(err, &syntax):
		return fmt.Errorf("not JSON: %s (at byte %d)", syntax.Error(), syntax.Offset)
	case errors.As(err, &typ):
		field := strings.TrimPrefix(typ.Field, "Exchange.") // embedded: JSON has no such field
		return fmt.Errorf("%s: got %s, want %s", field, typ.Value, kind(typ.Type.Kind().String()))
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
