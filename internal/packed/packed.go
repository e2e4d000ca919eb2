// Package packed reads and writes compressed files, and recognises files that
// hold no text.
//
// What is read is recognised by its first bytes: gzip and zstd are unpacked,
// and files of other kinds, such as Parquet or UTF-16, are refused with what to
// do about them. What is written is packed by its name: .gz or .zst.
package packed

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/klauspost/compress/zstd"

	"multiturn/internal/human"
	"multiturn/internal/limits"
)

// maxLayers is how often a stream may be packed: a packed file that a web server
// packed again is packed twice.
const maxLayers = 3

// headSize is how many bytes are looked at. A tar archive is recognised behind
// byte 257.
const headSize = 512

// NewReader returns a reader of r's text, unpacked if r is packed with gzip or
// zstd, one member or several. It returns a *KindError if r holds no text. The
// reader returns an *Error if packed data is cut off or damaged, after all that
// could be unpacked.
func NewReader(r io.Reader) (io.Reader, error) { return open(r, false) }

// NewJSONReader is NewReader for streams of JSON. It also refuses HTML pages
// and other texts that stand for a failed download.
func NewJSONReader(r io.Reader) (io.Reader, error) { return open(r, true) }

func open(r io.Reader, isJSON bool) (io.Reader, error) {
	for range maxLayers {
		b := bufio.NewReaderSize(r, 64<<10)
		head, err := b.Peek(headSize) // the next read returns a read error again
		if broken := new(Error); len(head) == 0 && errors.As(err, &broken) {
			return nil, err
		}
		name, unpack := unpacker(head)
		if unpack == nil {
			if e := refusal(head, isJSON); e != nil {
				return nil, e
			}
			return b, nil
		}
		source := &source{r: b}
		unpacked, err := unpack(source)
		if err != nil {
			return nil, source.explain(name, err)
		}
		r = &layer{name: name, from: source, r: unpacked}
	}
	return nil, &KindError{What: "data that is packed several times over", Advice: "unpack it first"}
}

// Packed reports whether a file of JSON has to be unpacked. The error is a
// *KindError if the file holds no text.
func Packed(file io.ReaderAt) (bool, error) {
	head := make([]byte, headSize)
	n, err := file.ReadAt(head, 0)
	if err != nil && err != io.EOF {
		return false, err
	}
	if _, unpack := unpacker(head[:n]); unpack != nil {
		return true, nil
	}
	return false, refusal(head[:n], true)
}

// unpacker returns the name and the reader of a kind of packing, nil for data
// that is not packed.
func unpacker(head []byte) (string, func(io.Reader) (io.Reader, error)) {
	has := func(prefix string) bool { return bytes.HasPrefix(head, []byte(prefix)) }
	skippable := len(head) >= 4 && head[0]&0xf0 == 0x50 && string(head[1:4]) == "\x2a\x4d\x18"
	switch {
	case has("\x1f\x8b"):
		return "gzip", func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) }
	case has("\x28\xb5\x2f\xfd"), skippable:
		return "zstd", func(r io.Reader) (io.Reader, error) {
			// One goroutine, the caller's: nobody has to close the reader.
			return zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
				zstd.WithDecoderMaxWindow(limits.Window))
		}
	}
	return "", nil
}

// layer is unpacked data.
type layer struct {
	name string
	from *source
	r    io.Reader
}

func (l *layer) Read(p []byte) (int, error) {
	n, err := l.r.Read(p)
	if err != nil && err != io.EOF {
		err = l.from.explain(l.name, err)
	}
	return n, err
}

// source remembers the error of a read, to tell it from errors of the data.
type source struct {
	r   *bufio.Reader
	err error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if err != nil && err != io.EOF {
		s.err = err
	}
	return n, err
}

// ReadByte makes the source an io.ByteReader, so that gzip needs no buffer of its
// own.
func (s *source) ReadByte() (byte, error) {
	b, err := s.r.ReadByte()
	if err != nil && err != io.EOF {
		s.err = err
	}
	return b, err
}

// explain returns the error of reading, or an *Error.
func (s *source) explain(name string, err error) error {
	switch {
	case s.err != nil:
		return s.err
	case errors.Is(err, zstd.ErrWindowSizeExceeded):
		return &KindError{
			What:   "zstd data with a window above " + human.Bytes(limits.Window),
			Advice: "unpack it first: zstd -d --long=31 FILE",
		}
	}
	return &Error{Packing: name, Err: err}
}

// Error is the error of packed data that is cut off or damaged.
type Error struct {
	Packing string // gzip or zstd
	Err     error  // of the decoder
}

// CutOff reports whether the data ends too early, as after a broken download.
func (e *Error) CutOff() bool {
	return errors.Is(e.Err, io.ErrUnexpectedEOF) || errors.Is(e.Err, io.EOF)
}

func (e *Error) Error() string {
	switch {
	case e.CutOff():
		return "the " + e.Packing + " data is cut off"
	case errors.Is(e.Err, gzip.ErrHeader):
		return "the gzip data is followed by something else"
	}
	return fmt.Sprintf("the %s data is damaged: %v", e.Packing, e.Err)
}

func (e *Error) Unwrap() error { return e.Err }

// Suffixes are the endings of names that ask for packed output.
var Suffixes = []string{".gz", ".zst"}

// CutSuffix parts a file's name from its ending if that is one of Suffixes, in
// upper or lower case.
func CutSuffix(name string) (base, suffix string) {
	for _, s := range Suffixes {
		if n := len(name) - len(s); n >= 0 && strings.EqualFold(name[n:], s) {
			return name[:n], s
		}
	}
	return name, ""
}

// NewWriter returns a writer that packs for w by one of Suffixes. With any other
// suffix it writes to w as it is. Close ends the packed data, and does not close
// w.
func NewWriter(w io.Writer, suffix string) io.WriteCloser {
	switch suffix {
	case ".gz":
		return gzip.NewWriter(w)
	case ".zst":
		// Without a window of many MiB, and in the caller's goroutine.
		z, err := zstd.NewWriter(w, zstd.WithEncoderConcurrency(1), zstd.WithLowerEncoderMem(true),
			zstd.WithZeroFrames(true))
		if err != nil {
			panic(err) // the options are constants
		}
		return z
	}
	return plain{w}
}

type plain struct{ io.Writer }

func (plain) Close() error { return nil }
