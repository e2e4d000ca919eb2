// Command o200k packs a vocabulary in tiktoken's text format for pkg/tokenizer
// to embed:
//
//	dir=$(go mod download -json github.com/pkoukk/tiktoken-go-loader@v0.0.2 | sed -n 's/.*"Dir": "\(.*\)".*/\1/p')
//	go run ./scripts/o200k "$dir/assets/o200k_base.tiktoken" pkg/tokenizer/o200k_base.gz
//
// The output is gzip of the tokens in the order of their ranks, each preceded
// by its length in one byte.
package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"fmt"
	"os"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: o200k IN.tiktoken OUT.gz")
		os.Exit(2)
	}
	if err := pack(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "o200k:", err)
		os.Exit(1)
	}
}

func pack(in, out string) error {
	f, err := os.Open(in)
	if err != nil {
		return err
	}
	defer f.Close()
	var packed bytes.Buffer
	z, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if err != nil {
		return err
	}
	lines := bufio.NewScanner(f)
	for n := 0; lines.Scan(); n++ {
		var text string
		var rank int
		if _, err := fmt.Sscan(lines.Text(), &text, &rank); err != nil {
			return fmt.Errorf("line %d: %w", n+1, err)
		}
		token, err := base64.StdEncoding.DecodeString(text)
		switch {
		case err != nil:
			return fmt.Errorf("line %d: %w", n+1, err)
		case rank != n:
			return fmt.Errorf("line %d: rank %d", n+1, rank)
		case len(token) == 0 || len(token) > 255:
			return fmt.Errorf("line %d: a token of %d bytes", n+1, len(token))
		}
		if _, err := z.Write(append([]byte{byte(len(token))}, token...)); err != nil {
			return err
		}
	}
	if err := lines.Err(); err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return err
	}
	return os.WriteFile(out, packed.Bytes(), 0o644)
}
