package main

import (
	"bufio"
	"errors"
	"io"

	"multiturn/internal/packed"
	"multiturn/pkg/cli"
)

// rejects is the file of what was left out, packed if its name says so. A nil *rejects does nothing.
type rejects struct {
	file   *cli.Output
	packed io.WriteCloser
	buffer *bufio.Writer
}

func createRejects(c *cli.Call, name string) (*rejects, error) {
	file, err := c.Create(name)
	if err != nil {
		return nil, err
	}
	_, suffix := packed.CutSuffix(name)
	p := packed.NewWriter(file, suffix)
	return &rejects{file, p, bufio.NewWriter(p)}, nil
}

func (r *rejects) save() error {
	if r == nil {
		return nil
	}
	return r.file.Fill(func(io.Writer) error { return errors.Join(r.buffer.Flush(), r.packed.Close()) })
}

// close gives up what was not saved.
func (r *rejects) close() {
	if r != nil {
		r.file.Close()
	}
}
