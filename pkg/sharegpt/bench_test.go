package sharegpt

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"multiturn/pkg/chat"
)

// BenchmarkConvert converts a file of shared chats: a small one made here, or
// the one that SHAREGPT names.
func BenchmarkConvert(b *testing.B) {
	name := os.Getenv("SHAREGPT")
	if name == "" {
		name = filepath.Join(b.TempDir(), "in.json")
		var in strings.Builder
		text := strings.Repeat(`It was the best of times, it was the \"worst\" of times.\n`, 20)
		for i := range 2000 {
			fmt.Fprintf(&in, "%c\n  {\n    \"id\": \"c%d_%d\",\n    \"conversations\": [",
				"[,"[min(i, 1)], i/2, i%2)
			for j := range 4 {
				fmt.Fprintf(&in, "%s\n      {\n        \"from\": \"%s\",\n        \"value\": "+
					"\"%s\"\n      }", ",,"[:min(j, 1)], []string{"human", "gpt"}[j%2], text)
			}
			in.WriteString("\n    ]\n  }")
		}
		in.WriteString("\n]\n")
		if err := os.WriteFile(name, []byte(in.String()), 0o600); err != nil {
			b.Fatal(err)
		}
	}
	file, err := os.Open(name)
	if err != nil {
		b.Fatal(err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(info.Size())
	b.ReportAllocs()
	for b.Loop() {
		if _, err := file.Seek(0, io.SeekStart); err != nil {
			b.Fatal(err)
		}
		src, err := NewSource(file, name)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := Convert(context.Background(), src, io.Discard, chat.Converted,
			Options{}); err != nil {
			b.Fatal(err)
		}
	}
}
