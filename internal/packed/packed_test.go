package packed

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf16"
)

const text = `{"id":"a","messages":[{"role":"user","content":"Größe?"}]}` + "\n"

// pack packs data by a suffix.
func pack(t testing.TB, suffix, data string) string {
	t.Helper()
	var b bytes.Buffer
	w := NewWriter(&b, suffix)
	if _, err := io.WriteString(w, data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// read reads data in small pieces.
func read(data string) (string, error) {
	r, err := NewJSONReader(iotest.HalfReader(strings.NewReader(data)))
	if err != nil {
		return "", err
	}
	got, err := io.ReadAll(r)
	return string(got), err
}

func TestReader(t *testing.T) {
	t.Parallel()
	long := strings.Repeat(text, 5000)
	gz, zst := pack(t, ".gz", text), pack(t, ".zst", text)
	// An empty skippable frame, as some packers put before the data.
	const skip = "\x50\x2a\x4d\x18\x02\x00\x00\x00ab"
	for _, tc := range []struct{ name, in, want string }{
		{"nothing", "", ""},
		{"one byte", "1", "1"},
		{"plain", long, long},
		{"gzip", pack(t, ".gz", long), long},
		{"zstd", pack(t, ".zst", long), long},
		{"nothing in gzip", pack(t, ".gz", ""), ""},
		{"nothing in zstd", pack(t, ".zst", ""), ""},
		{"two members of gzip", gz + gz, text + text},
		{"two frames of zstd", zst + zst, text + text},
		{"a skippable frame", skip + zst, text},
		{"packed twice", pack(t, ".gz", zst), text},
		{"text that begins like a magic", "ORC and elf", "ORC and elf"},
	} {
		if got, err := read(tc.in); got != tc.want || err != nil {
			t.Errorf("%s: %d bytes, %v; want %d", tc.name, len(got), err, len(tc.want))
		}
	}
}

// What can be unpacked before the end of a broken file is not lost.
func TestBrokenData(t *testing.T) {
	t.Parallel()
	// Text that does not repeat fills several blocks.
	var b strings.Builder
	random := rand.New(rand.NewPCG(1, 2))
	for range 600000 {
		b.WriteByte("0123456789abcdef"[random.IntN(16)])
	}
	long := b.String()
	for _, suffix := range Suffixes {
		whole := pack(t, suffix, long)
		cut := whole[:len(whole)*3/4]
		got, err := read(cut)
		broken := new(Error)
		if !errors.As(err, &broken) || !broken.CutOff() || !strings.HasSuffix(err.Error(), " data is cut off") {
			t.Errorf("%s: %v", suffix, err)
		}
		if !strings.HasPrefix(long, got) || len(got) == 0 {
			t.Errorf("%s: %d bytes before the cut", suffix, len(got))
		}
		got, err = read(pack(t, suffix, text) + cut)
		if !errors.As(err, &broken) || !strings.HasPrefix(got, text) {
			t.Errorf("%s: second member cut off: %q, %v", suffix, got[:min(len(got), 10)], err)
		}
		damaged := []byte(whole)
		for i := len(damaged) / 2; i < len(damaged)/2+64; i++ {
			damaged[i] ^= 0x55
		}
		if _, err = read(string(damaged)); !errors.As(err, &broken) {
			t.Errorf("%s: damaged: %v", suffix, err)
		}
		if _, err = read(pack(t, suffix, text) + "rubbish behind it"); !errors.As(err, &broken) {
			t.Errorf("%s: rubbish behind it: %v", suffix, err)
		}
		if _, err = read(whole[:5]); !errors.As(err, &broken) || !broken.CutOff() {
			t.Errorf("%s: five bytes: %v", suffix, err)
		}
	}
}

// The error of a read stays what it is.
func TestReadError(t *testing.T) {
	t.Parallel()
	for _, suffix := range append(Suffixes, "") {
		data := pack(t, suffix, strings.Repeat(text, 100))
		r, err := NewReader(io.MultiReader(strings.NewReader(data[:len(data)/2]),
			iotest.ErrReader(os.ErrDeadlineExceeded)))
		if err == nil {
			_, err = io.ReadAll(r)
		}
		if err != os.ErrDeadlineExceeded {
			t.Errorf("%q: %v", suffix, err)
		}
	}
}

func utf16Of(s string, big bool) string {
	var b []byte
	for _, u := range utf16.Encode([]rune(s)) {
		if big {
			b = append(b, byte(u>>8), byte(u))
		} else {
			b = append(b, byte(u), byte(u>>8))
		}
	}
	return string(b)
}

func zipOf(t *testing.T, names ...string) string {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, name := range names {
		w, err := z.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(w, text)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func tarOf(t *testing.T) string {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	if err := w.WriteHeader(&tar.Header{Name: "data.jsonl", Size: int64(len(text))}); err != nil {
		t.Fatal(err)
	}
	io.WriteString(w, text)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestKinds(t *testing.T) {
	t.Parallel()
	binary := strings.Repeat("\x15\x00\xfe", 300)
	for _, tc := range []struct{ name, in, what, advice string }{
		{"parquet", "PAR1" + binary, "a Parquet file", "duckdb"},
		{"arrow", "ARROW1\x00\x00" + binary, "an Arrow file", "datasets"},
		{"arrow stream", "\xff\xff\xff\xff\x38\x02\x00\x00" + binary, "an Arrow stream", "datasets"},
		{"sqlite", "SQLite format 3\x00" + binary, "an SQLite database", "sqlite3 -json"},
		{"bzip2", "BZh91AY&SY" + binary, "packed with bzip2", "bunzip2"},
		{"xz", "\xfd7zXZ\x00" + binary, "packed with xz", "unxz"},
		{"lz4", "\x04\x22\x4d\x18" + binary, "packed with lz4", "unlz4"},
		{"7z", "7z\xbc\xaf\x27\x1c" + binary, "a 7z archive", "7z x"},
		{"zip", zipOf(t, "data.jsonl"), "a zip archive", "unzip"},
		{"xlsx", zipOf(t, "[Content_Types].xml", "xl/workbook.xml"), "an office document", "save"},
		{"tar", tarOf(t), "a tar archive", "tar -xf"},
		{"tar.gz", pack(t, ".gz", tarOf(t)), "a tar archive", "tar -xf"},
		{"parquet in zstd", pack(t, ".zst", "PAR1"+binary), "a Parquet file", "duckdb"},
		{"utf-16", "\xff\xfe" + utf16Of(text, false), "text in UTF-16", "iconv -f UTF-16"},
		{"utf-16 big", "\xfe\xff" + utf16Of(text, true), "text in UTF-16", "iconv -f UTF-16"},
		{"utf-16 without a mark", utf16Of(text, false), "text in UTF-16", "iconv -f UTF-16"},
		{"utf-16 big without a mark", utf16Of(text, true), "text in UTF-16", "iconv -f UTF-16"},
		{"utf-32", "\xff\xfe\x00\x00[\x00\x00\x00", "text in UTF-32", "iconv -f UTF-32"},
		{"utf-32 without a mark", "[\x00\x00\x00{\x00\x00\x00", "text in UTF-32", "iconv -f UTF-32"},
		{"pickle", "\x80\x04\x95" + binary, "a Python pickle", "trust"},
		{"lfs", "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n",
			"a Git LFS pointer", "git lfs pull"},
		{"pdf", "%PDF-1.7\n", "a PDF", "pdftotext"},
		{"nul", "abc\x01\x00" + binary, "binary data of an unknown kind", "UTF-8"},
		{"html", "\ufeff \n<!DOCTYPE html><title>Sign in</title>", "an HTML page", "/resolve/"},
		{"xml", "<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code></Error>", "an XML document",
			"login"},
		{"hub", "Entry not found", "the error message of a download", "/resolve/"},
		{"packed too often", pack(t, ".gz", pack(t, ".gz", pack(t, ".gz", text))),
			"data that is packed several times over", "unpack"},
	} {
		_, err := read(tc.in)
		e := new(KindError)
		if !errors.As(err, &e) || !strings.HasPrefix(e.What, tc.what) ||
			!strings.Contains(e.Advice, tc.advice) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", tc.name, err)
		}
	}
	for _, page := range []string{"<html>", "Entry not found", "%PD", "PK"} {
		r, err := NewReader(strings.NewReader(page))
		if err != nil {
			t.Errorf("%q is a text: %v", page, err)
			continue
		}
		if got, err := io.ReadAll(r); string(got) != page || err != nil {
			t.Errorf("%q: %q, %v", page, got, err)
		}
	}
}

func TestPacked(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		in     string
		packed bool
		kind   bool
	}{
		{text, false, false}, {"", false, false}, {pack(t, ".gz", text), true, false},
		{pack(t, ".zst", text), true, false}, {"PAR1\x15\x00", false, true},
	} {
		isPacked, err := Packed(strings.NewReader(tc.in))
		if isPacked != tc.packed || errors.As(err, new(*KindError)) != tc.kind {
			t.Errorf("%.10q: %v, %v", tc.in, isPacked, err)
		}
	}
	if _, err := Packed(closed(t)); err == nil {
		t.Error("a read error is lost")
	}
}

func closed(t *testing.T) *os.File {
	f, err := os.Create(filepath.Join(t.TempDir(), "x"))
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	return f
}

func TestCutSuffix(t *testing.T) {
	t.Parallel()
	for name, want := range map[string][2]string{
		"a.json": {"a.json", ""}, "a.json.gz": {"a.json", ".gz"}, "A.ZST": {"A", ".zst"},
		".gz": {"", ".gz"}, "gz": {"gz", ""}, "": {"", ""}, "a.gz.txt": {"a.gz.txt", ""},
	} {
		if base, suffix := CutSuffix(name); base != want[0] || suffix != want[1] {
			t.Errorf("%q: %q, %q", name, base, suffix)
		}
	}
}

// A reader neither panics nor hangs, and packed text comes back.
func FuzzReader(f *testing.F) {
	for _, suffix := range append(Suffixes, "") {
		f.Add(pack(f, suffix, text))
		f.Add(pack(f, suffix, text)[:10])
	}
	f.Add("PAR1\x15\x00")
	f.Add("\x50\x2a\x4d\x18\x02\x00\x00\x00ab")
	f.Fuzz(func(t *testing.T, data string) {
		if r, err := NewJSONReader(strings.NewReader(data)); err == nil {
			io.Copy(io.Discard, io.LimitReader(r, 1<<24))
		}
		for _, suffix := range Suffixes {
			r, err := NewReader(strings.NewReader(pack(t, suffix, "text: "+data)))
			if errors.As(err, new(*KindError)) {
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			if got, err := io.ReadAll(r); string(got) != "text: "+data || err != nil {
				t.Fatalf("%s: %q, %v", suffix, got, err)
			}
		}
	})
}
