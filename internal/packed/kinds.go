package packed

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// KindError is the error of data of a kind that cannot be read.
type KindError struct {
	What   string // it is: "a Parquet file"
	Advice string // what to do
}

func (e *KindError) Error() string { return "this is " + e.What + ": " + e.Advice }

// kind is a kind of file that is refused.
type kind struct {
	at           int // where its magic stands
	magic        string
	what, advice string
}

const (
	toJSONL  = `convert it to JSONL, such as with `
	toUTF8   = `convert it to UTF-8: iconv -f UTF-16 -t UTF-8 FILE > NEW`
	toUTF832 = `convert it to UTF-8: iconv -f UTF-32 -t UTF-8 FILE > NEW`
	fetch    = `fetch the file: git lfs pull`
	extract  = `extract its text: pdftotext FILE`
	arrow    = toJSONL + `python -c "import datasets; ` +
		`datasets.Dataset.from_file('FILE').to_json('NEW.jsonl')"`
)

// kinds are the kinds that have a magic, longer ones before shorter ones that
// they begin with.
var kinds = []kind{
	{0, "PAR1", "a Parquet file", toJSONL +
		`duckdb -c "COPY (FROM 'FILE') TO 'NEW.jsonl' (FORMAT json)"`},
	{0, "ARROW1", "an Arrow file", arrow},
	{0, "\xff\xff\xff\xff", "an Arrow stream", arrow},
	{0, "Obj\x01", "an Avro file", toJSONL + `avro-tools tojson FILE`},
	{0, "ORC", "an ORC file", toJSONL + `orc-tools data FILE`},
	{0, "SQLite format 3\x00", "an SQLite database", toJSONL +
		`sqlite3 -json FILE "SELECT * FROM TABLE" > NEW.json`},
	{0, "BZh", "packed with bzip2", `unpack it first: bunzip2 FILE`},
	{0, "\xfd7zXZ\x00", "packed with xz", `unpack it first: unxz FILE`},
	{0, "\x04\x22\x4d\x18", "packed with lz4", `unpack it first: unlz4 FILE`},
	{0, "LZIP", "packed with lzip", `unpack it first: lzip -d FILE`},
	{0, "\x1f\x9d", "packed with compress", `unpack it first: uncompress FILE`},
	{0, "\xff\x06\x00\x00sNaPpY", "packed with Snappy", `unpack it first`},
	{0, "7z\xbc\xaf\x27\x1c", "a 7z archive", `unpack it first: 7z x FILE`},
	{0, "Rar!\x1a", "a RAR archive", `unpack it first: unrar x FILE`},
	{257, "ustar", "a tar archive", `unpack it first: tar -xf FILE`},
	{0, "\x93NUMPY", "a NumPy array", toJSONL + `a Python script`},
	{0, "\x89HDF", "an HDF5 file", toJSONL + `a Python script`},
	{0, "\x80\x02", "a Python pickle", toJSONL + `a Python script, if you trust its source`},
	{0, "\x80\x03", "a Python pickle", toJSONL + `a Python script, if you trust its source`},
	{0, "\x80\x04", "a Python pickle", toJSONL + `a Python script, if you trust its source`},
	{0, "\x80\x05", "a Python pickle", toJSONL + `a Python script, if you trust its source`},
	{0, "GGUF", "a model in GGUF", `name the file of texts or conversations`},
	{0, "%PDF-", "a PDF", extract},
	{0, "\xff\xfe\x00\x00", "text in UTF-32", toUTF832},
	{0, "\x00\x00\xfe\xff", "text in UTF-32", toUTF832},
	{0, "\xff\xfe", "text in UTF-16", toUTF8},
	{0, "\xfe\xff", "text in UTF-16", toUTF8},
	{0, "version https://git-lfs", "a Git LFS pointer and not the file itself", fetch},
}

// pages are texts that stand for a failed download, in lower case.
var pages = []kind{
	{0, "<!doctype html", "an HTML page", download},
	{0, "<html", "an HTML page", download},
	{0, "<head", "an HTML page", download},
	{0, "<?xml", "an XML document", download},
	{0, "<error", "an XML document", download},
	{0, "entry not found", "the error message of a download", download},
	{0, "404: not found", "the error message of a download", download},
	{0, "repository not found", "the error message of a download", download},
	{0, "access to dataset", "the error message of a download", download},
}

const download = `the download may have failed or need a login; ` +
	`fetch the file itself (on the Hugging Face hub its address has /resolve/, not /blob/)`

// isText reports whether head can be the beginning of a text, which may begin
// with the letters of a magic.
func isText(head []byte) bool {
	for len(head) > 0 {
		r, n := utf8.DecodeRune(head)
		if r == utf8.RuneError && n == 1 {
			return len(head) < utf8.UTFMax && !utf8.FullRune(head)
		}
		if r < ' ' && !strings.ContainsRune("\t\n\v\f\r", r) {
			return false
		}
		head = head[n:]
	}
	return true
}

// refusal returns the error of data that begins with head, nil if it can be
// text. Only JSON is refused if it looks like the page of a failed download.
func refusal(head []byte, isJSON bool) error {
	if bytes.HasPrefix(head, []byte("PK\x03\x04")) || bytes.HasPrefix(head, []byte("PK\x05\x06")) {
		return zipFile(head)
	}
	for _, k := range kinds {
		if k.in(string(head)) && (!isText(head) || k.advice == fetch || k.advice == extract) {
			return &KindError{k.what, k.advice}
		}
	}
	if e := noBOM(head); e != nil {
		return e
	}
	if bytes.IndexByte(head, 0) >= 0 {
		return &KindError{"binary data of an unknown kind", "want text in UTF-8"}
	}
	if !isJSON {
		return nil
	}
	text := strings.ToLower(strings.TrimLeft(string(head), "\ufeff \t\r\n"))
	for _, k := range pages {
		if k.in(text) {
			return &KindError{k.what, k.advice}
		}
	}
	return nil
}

func (k *kind) in(head string) bool {
	return len(head) >= k.at && strings.HasPrefix(head[k.at:], k.magic)
}

// zipFile returns the error of a zip archive, which documents of office programs
// are too.
func zipFile(head []byte) error {
	if bytes.Contains(head, []byte("[Content_Types].xml")) || bytes.Contains(head, []byte("xl/")) ||
		bytes.Contains(head, []byte("mimetypeapplication/vnd.oasis")) {
		return &KindError{"an office document (a zip archive)",
			"save its content as text in UTF-8 or as JSON"}
	}
	return &KindError{"a zip archive", "unpack it first: unzip FILE"}
}

// noBOM returns the error of UTF-16 or UTF-32 without a byte order mark: every
// other byte of ASCII is 0.
func noBOM(head []byte) error {
	if len(head) < 4 {
		return nil
	}
	switch zero := [4]bool{head[0] == 0, head[1] == 0, head[2] == 0, head[3] == 0}; zero {
	case [4]bool{true, false, true, false}, [4]bool{false, true, false, true}:
		return &KindError{"text in UTF-16", toUTF8}
	case [4]bool{true, true, true, false}, [4]bool{false, true, true, true}:
		return &KindError{"text in UTF-32", toUTF832}
	}
	return nil
}
