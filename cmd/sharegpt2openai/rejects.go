package main

import (
	"bufio"
	"errors"

	"multiturn/pkg/cli"
)

// rejects is the file of what was left out. A nil *rejects does nothing.
type rejects struct {
	file   *cli.Output
	buffer *bufio.Writer
}

func createRejects(c *cli.Call, name string) (*rejects, error) {
	file, err := c.Create(name)
	if err != nil {
		return nil, err
	}
	return &rejects{file, bufio.NewWriter(file)}, nil
}

func (r *rejects) save() error {
	if r == nil {
		return nil
	}
	return errors.Join(r.buffer.Flush(), r.file.Commit())
}

// close gives up what was not saved.
func (r *rejects) close() {
	if r != nil {
		r.file.Close()
	}
}
