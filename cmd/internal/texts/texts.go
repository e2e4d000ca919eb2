// Package texts reads generator configs and the text files that they name, for
// the commands that generate.
package texts

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"multiturn/internal/limits"
	"multiturn/internal/packed"
	"multiturn/pkg/cli"
	"multiturn/pkg/synth"
)

// Config parses a generator's config. Every line of its error begins with the
// name.
func Config(name string, text []byte) (*synth.Config, error) {
	cfg, err := synth.Parse(text)
	if err != nil {
		lines := strings.ReplaceAll(err.Error(), "\n", "\n"+name+": ")
		return nil, cli.UsageErrorf("%s: %s", name, lines)
	}
	return cfg, nil
}

// Add reads files, compressed or not, into the corpus; - is stdin. A file that
// does not exist is looked for in folder, the config's ("" if there is none).
func Add(c *cli.Call, corpus *synth.Corpus, names []string, folder string) error {
	for _, name := range names {
		name = Find(name, folder)
		if folder != "" && name != "-" && !filepath.IsAbs(name) && !exists(name) {
			return cli.UsageErrorf("%s, a text of the config, is neither here nor in the config's folder (%s)",
				name, folder)
		}
		text, err := Read(c, name, limits.Text)
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

// Read returns the content of a file, uncompressed, of at most limit bytes; - is
// stdin.
func Read(c *cli.Call, name string, limit int64) ([]byte, error) {
	in, err := c.Open(name)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	r, err := packed.NewReader(in)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	b, err := limits.ReadAll(r, limit, "it")
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return b, nil
}

// Find returns the name, or the path of that name in folder if only that exists.
func Find(name, folder string) string {
	if name == "-" || folder == "" || filepath.IsAbs(name) || exists(name) {
		return name
	}
	if there := filepath.Join(folder, name); exists(there) {
		return there
	}
	return name
}

func exists(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}
