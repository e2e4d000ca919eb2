// Package texts finds and reads the text files that a generator's config names, for the commands that generate.
package texts

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"multiturn/internal/jsonseq"
	"multiturn/pkg/cli"
	"multiturn/pkg/synth"
)

// Add reads files, packed or not, into the corpus; - is stdin. A name that is not there is looked for in the folder,
// that of the config.
func Add(c *cli.Call, corpus *synth.Corpus, names []string, folder string) error {
	for _, name := range names {
		name = beside(name, folder)
		text, err := Read(c, name)
		if err != nil {
			return err
		}
		if name == "-" {
			name = "stdin"
		}
		if err := corpus.Add(name, string(text)); err != nil {
			return cli.Exit(cli.Usage, err)
		}
	}
	return nil
}

// Read returns the content of a file, unpacked if it is packed with gzip; - is stdin.
func Read(c *cli.Call, name string) ([]byte, error) {
	in, err := c.Open(name)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	r, err := jsonseq.Unpack(in)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	b, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return b, nil
}

// beside returns the name as it is or, if there is no such file, in the folder.
func beside(name, folder string) string {
	if name == "-" || folder == "" || filepath.IsAbs(name) {
		return name
	}
	if _, err := os.Stat(name); err != nil {
		if there := filepath.Join(folder, name); there != name {
			if _, err := os.Stat(there); err == nil {
				return there
			}
		}
	}
	return name
}
