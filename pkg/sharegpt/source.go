package sharegpt

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"

	"multiturn/internal/packed"
)

// Source is input that can be read twice: an ordinary file as it is, a pipe or
// packed data through a temporary copy.
type Source struct {
	name  string
	first io.Reader // reads it all once, and fills the copy
	again io.ReaderAt
	copy  *os.File
	write *bufio.Writer
}

// NewSource returns a Source of r. Errors name it name. Close removes its
// temporary copy. An input that holds no text, such as a Parquet file, is an
// error that says what to do.
func NewSource(r io.Reader, name string) (*Source, error) {
	s := &Source{name: name}
	if f, ok := r.(*os.File); ok {
		if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
			isPacked, err := packed.Packed(f)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			if at, err := f.Seek(0, io.SeekCurrent); err == nil && at == 0 && !isPacked {
				s.first, s.again = f, f
				return s, nil
			}
		}
	}
	in, err := packed.NewJSONReader(r)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	s.copy, err = os.CreateTemp("", "sharegpt-*.json")
	if err != nil {
		return nil, fmt.Errorf("%s cannot be read twice and needs a temporary copy: %w", name, err)
	}
	// If the system allows it the copy loses its name at once, so even a crash
	// does not leave it behind.
	os.Remove(s.copy.Name())
	s.write = bufio.NewWriterSize(s.copy, 256<<10)
	s.first, s.again = io.TeeReader(in, s.write), s.copy
	return s, nil
}

// flush ends the first reading.
func (s *Source) flush() error {
	if s.write == nil {
		return nil
	}
	if err := s.write.Flush(); err != nil {
		return fmt.Errorf("writing the temporary copy of %s: %w", s.name, err)
	}
	return nil
}

// Close removes the temporary copy. It does not close the input.
func (s *Source) Close() error {
	if s.copy == nil {
		return nil
	}
	err := s.copy.Close()
	if e := os.Remove(s.copy.Name()); e != nil && !errors.Is(e, os.ErrNotExist) {
		err = errors.Join(err, e)
	}
	return err
}

// Spooled reports whether there is a temporary copy.
func (s *Source) Spooled() bool { return s.copy != nil }
