package main

import (
	"bytes"
	"math/rand/v2"
	"os"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"multiturn/pkg/cli"
)

// recordFiles are real records that are mutated: with the first version of the
// format, and with arms, replicas, metrics and checked prefixes.
var recordFiles = []string{
	"../../pkg/record/testdata/run-1.0.jsonl", "testdata/records/arms.jsonl",
}

// readings are the commands that read records.
var readings = [][]string{
	{"report", "--full"}, {"report", "--format", "json", "--window", "steady"},
	{"report", "--merge", "--format", "md"},
	{"plan"}, {"plan", "--gpu-blocks", "50", "--cpu-blocks", "100", "--format", "csv"},
}

// mostAllocated is the most memory that a command may allocate over broken records of
// that many bytes. What it allocates is far more than what it holds at a time.
func mostAllocated(in []byte) uint64 { return 512<<20 + 2000*uint64(len(in)) }

// survive runs a command over records that may be broken in any way. It must end
// with an exit code that it documents, and with a line that names the input if it is
// not done.
func survive(t *testing.T, in []byte, args ...string) {
	t.Helper()
	var out, talk bytes.Buffer
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	code := cli.Main(command(), cli.Process{
		Args: append([]string{"mtbench"}, args...), Stdin: bytes.NewReader(in),
		Stdout: &out, Stderr: &talk,
	})
	runtime.ReadMemStats(&after)
	switch {
	case code == 0:
	case code > 3:
		t.Errorf("%v: exit code %d: %.300s", args, code, &talk)
	case !strings.Contains(talk.String(), "stdin"):
		t.Errorf("%v: the error does not say where: %.300s", args, &talk)
	}
	if n := after.TotalAlloc - before.TotalAlloc; n > mostAllocated(in) {
		t.Errorf("%v: %d MiB were allocated for %d bytes of records", args, n>>20, len(in))
	}
	if i := bytes.Index(out.Bytes(), []byte("--9")); i >= 0 && args[0] == "report" {
		t.Errorf("%v: a number overflowed: %.200s", args, out.Bytes()[max(0, i-100):])
	}
}

// Mutants of record files end no reader in another way than with a report, or with
// an error that says where.
func TestMutantsOfRecords(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 12))
	for _, name := range recordFiles {
		whole, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for i := range 100 {
			in := mutant(rng, whole)
			survive(t, in, readings[i%len(readings)]...)
			if t.Failed() {
				keep := t.ArtifactDir() + "/mutant.jsonl"
				_ = os.WriteFile(keep, in, 0o600)
				t.Fatalf("mutant %d of %s is kept in %s", i, name, keep)
			}
		}
	}
}

func FuzzRecords(f *testing.F) {
	rng := rand.New(rand.NewPCG(13, 14))
	for _, name := range recordFiles {
		whole, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(whole)
		f.Add(mutant(rng, whole))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		for _, command := range readings {
			survive(t, in, command...)
		}
	})
}

var (
	numberOfJSON = regexp.MustCompile(`[:\[,]-?[0-9][-+.0-9eE]*`)
	valueOfJSON  = regexp.MustCompile(`:("(?:[^"\\]|\\.)*"|-?[0-9][-+.0-9eE]*|true|false|null)`)
	fieldOfJSON  = regexp.MustCompile(`,"\w+":("[^"]*"|-?[.0-9]+|true|false)`)
	// oddNumbers are at the ends of types and of limits, and beyond.
	oddNumbers = strings.Fields(`0 -0 -1 1 0.5 -5 1e-300 100000 1000000 16777217 2147483647
		2147483648 -2147483648 4e8 400000000 1000000000 4294967296 9007199254740993
		9007199254.740992 8.9e9 1e18 9223372036854775807 -9223372036854775808
		9223372036854775808 1e308 -1e308 1e400 NaN 00 1.`)
	oddValues = []string{
		"null", "true", `"x"`, `""`, "[]", "{}", "[1,2]", `{"a":1}`, "[{}" + strings.Repeat(",{}", 2000) + "]",
		strings.Repeat("[", 900) + strings.Repeat("]", 900), strings.Repeat("[", 20000),
		strings.Repeat(`{"a":`, 500) + "1" + strings.Repeat("}", 500),
		`"` + strings.Repeat("x", 20000) + `"`, `"\u0000\u001b[31m"`, "\"\x1b[31m\"", "\"\xff\xfe\"",
		`"\ud800"`, `"9999-12-31T23:59:59Z"`, `"0001-01-01T00:00:00Z"`, `"yesterday"`,
	}
	oddBytes = []string{"\x00", "\xff", "\r", "\n", "\ufeff", "[", "]", "{", "}", ",", `"`}
)

// mutant returns lines of JSON with a few random changes: to numbers, values, fields,
// lines and bytes.
func mutant(rng *rand.Rand, text []byte) []byte {
	lines := strings.Split(string(text), "\n")
	for range 1 + rng.IntN(4) {
		i, j := rng.IntN(len(lines)), rng.IntN(len(lines))
		line := lines[i]
		at := rng.IntN(len(line) + 1)
		switch rng.IntN(10) {
		case 0, 1:
			lines[i] = replaceOne(rng, line, numberOfJSON, oneOf(rng, oddNumbers))
		case 2, 3:
			lines[i] = replaceOne(rng, line, valueOfJSON, oneOf(rng, oddValues))
		case 4: // the same number wherever a field is
			if key := fieldName(rng, line); key != "" {
				field := regexp.MustCompile(key + `-?[0-9][-+.0-9eE]*`)
				odd := key + oneOf(rng, oddNumbers)
				for k := range lines {
					lines[k] = field.ReplaceAllLiteralString(lines[k], odd)
				}
			}
		case 5:
			if f := fieldOfJSON.FindAllString(line, -1); f != nil {
				field := oneOf(rng, f)
				lines[i] = strings.Replace(line, field, strings.Repeat(field, 2*rng.IntN(2)), 1)
			}
		case 6:
			lines = append(lines[:j:j], append([]string{line}, lines[j:]...)...)
		case 7:
			lines[i], lines[j] = lines[j], lines[i]
		case 8:
			lines[i] = line[:at] + line[min(len(line), at+rng.IntN(40)):]
		case 9:
			lines[i] = line[:at] + strings.Repeat(oneOf(rng, oddBytes), 1+rng.IntN(2)*2000) + line[at:]
		}
	}
	return []byte(strings.Join(lines, "\n"))
}

func oneOf(rng *rand.Rand, list []string) string { return list[rng.IntN(len(list))] }

// replaceOne replaces a random match of the expression, but for its first byte.
func replaceOne(rng *rand.Rand, line string, of *regexp.Regexp, by string) string {
	all := of.FindAllStringIndex(line, -1)
	if all == nil {
		return line
	}
	m := all[rng.IntN(len(all))]
	return line[:m[0]+1] + by + line[m[1]:]
}

// fieldName returns a random key of a number, with its quotes and colon.
func fieldName(rng *rand.Rand, line string) string {
	keys := regexp.MustCompile(`"\w+":-?[0-9]`).FindAllString(line, -1)
	if keys == nil {
		return ""
	}
	key := oneOf(rng, keys)
	return key[:strings.Index(key, ":")+1]
}
