package tokenizer

import (
	"bytes"
	"compress/gzip"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Neither a large file nor a small one that unpacks to a large one is read to its
// end.
func TestLargeFiles(t *testing.T) {
	t.Parallel()
	const limit = 2048
	text := bytes.Repeat([]byte(" "), limit+1)
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	z.Write(text)
	z.Close()
	for name, data := range map[string][]byte{"tokenizer.json": text, "packed.json.gz": packed.Bytes()} {
		file := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(file, data, 0o666); err != nil {
			t.Fatal(err)
		}
		if _, err := readUpTo(limit, file); err == nil ||
			!strings.HasSuffix(err.Error(), "is larger than 2 KiB") {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := readUpTo(limit+1, file); err != nil {
			t.Error(err)
		}
	}
}
