package pyrand

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"os"
	"strconv"
	"strings"
	"testing"
)

// golden is a file written by testdata/golden.py.
type golden struct {
	Runs []struct {
		Seed  string
		Draws []draw
	}
	Digests []digest
}

type draw struct {
	name string
	args []json.Number
	want json.RawMessage
}

func (d *draw) UnmarshalJSON(b []byte) error {
	return json.Unmarshal(b, &[]any{&d.name, &d.args, &d.want})
}

type digest struct {
	name string
	args []json.Number
	want string
}

func (d *digest) UnmarshalJSON(b []byte) error {
	return json.Unmarshal(b, &[]any{&d.name, &d.args, &d.want})
}

func load(t *testing.T, file string) golden {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var g golden
	if err := json.Unmarshal(b, &g); err != nil {
		t.Fatal(err)
	}
	if len(g.Runs) == 0 || len(g.Digests) == 0 {
		t.Fatal("nothing to compare with")
	}
	return g
}

func real(t *testing.T, args []json.Number, i int) float64 {
	t.Helper()
	f, err := args[i].Float64()
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func integer(t *testing.T, args []json.Number, i int) int64 {
	t.Helper()
	n, err := args[i].Int64()
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func drawNumpy(t *testing.T, n *Numpy, name string, args []json.Number) any {
	t.Helper()
	switch name {
	case "Float64":
		return n.Float64()
	case "Uniform":
		return n.Uniform(real(t, args, 0), real(t, args, 1))
	case "Integers":
		return n.Integers(integer(t, args, 0), integer(t, args, 1))
	case "Exponential":
		return n.Exponential(real(t, args, 0))
	case "Normal":
		return n.Normal(real(t, args, 0), real(t, args, 1))
	case "Lognormal":
		return n.Lognormal(real(t, args, 0), real(t, args, 1))
	case "Poisson":
		return n.Poisson(real(t, args, 0))
	case "Zipf":
		return n.Zipf(real(t, args, 0))
	}
	t.Fatalf("unknown kind of draw %q", name)
	return nil
}

func drawPython(t *testing.T, p *Python, name string, args []json.Number) any {
	t.Helper()
	switch name {
	case "Float64":
		return p.Float64()
	case "Uniform":
		return p.Uniform(real(t, args, 0), real(t, args, 1))
	case "Bits":
		return p.Bits(int(integer(t, args, 0)))
	case "Below":
		return p.Below(int(integer(t, args, 0)))
	case "Choice":
		return p.Choice(int(integer(t, args, 0)))
	case "Shuffle":
		x := make([]int, integer(t, args, 0))
		for i := range x {
			x[i] = i
		}
		p.Shuffle(len(x), func(i, j int) { x[i], x[j] = x[j], x[i] })
		return x
	case "Sample":
		return p.Sample(int(integer(t, args, 0)), int(integer(t, args, 1)))
	}
	t.Fatalf("unknown kind of draw %q", name)
	return nil
}

// same compares a draw with its golden value. A real made with a logarithm, an
// exponential or a power may be off by one unit in the last place.
func same(t *testing.T, name string, got any, want json.RawMessage) bool {
	t.Helper()
	f, ok := got.(float64)
	if !ok {
		b, err := json.Marshal(got)
		if err != nil {
			t.Fatal(err)
		}
		return string(b) == strings.ReplaceAll(string(want), " ", "")
	}
	var s string
	if err := json.Unmarshal(want, &s); err != nil {
		t.Fatal(err)
	}
	w, err := strconv.ParseFloat(s, 64)
	if err != nil {
		t.Fatal(err)
	}
	switch name {
	case "Exponential", "Normal", "Lognormal":
		return f == w || math.Nextafter(f, w) == w
	}
	return f == w
}

func TestNumpyGolden(t *testing.T) {
	t.Parallel()
	g := load(t, "testdata/numpy.json")
	for _, run := range g.Runs {
		seed, err := strconv.ParseUint(run.Seed, 10, 32)
		if err != nil {
			t.Fatal(err)
		}
		n := NewNumpy(uint32(seed))
		for i, d := range run.Draws {
			if got := drawNumpy(t, n, d.name, d.args); !same(t, d.name, got, d.want) {
				t.Fatalf("seed %s, draw %d, %s%v: got %v, want %s", run.Seed, i, d.name,
					d.args, got, d.want)
			}
		}
	}
	for _, d := range g.Digests {
		n := NewNumpy(20265)
		if got := hashed(t, func() any { return drawNumpy(t, n, d.name, d.args) }); got != d.want {
			t.Errorf("%s%v: 2,000 draws hash to %s, want %s", d.name, d.args, got, d.want)
		}
	}
}

func TestPythonGolden(t *testing.T) {
	t.Parallel()
	g := load(t, "testdata/python.json")
	for _, run := range g.Runs {
		seed, ok := new(big.Int).SetString(run.Seed, 10)
		if !ok {
			t.Fatalf("bad seed %q", run.Seed)
		}
		p := NewPython(seed)
		for i, d := range run.Draws {
			if got := drawPython(t, p, d.name, d.args); !same(t, d.name, got, d.want) {
				t.Fatalf("seed %s, draw %d, %s%v: got %v, want %s", run.Seed, i, d.name,
					d.args, got, d.want)
			}
		}
	}
	for _, d := range g.Digests {
		p := NewPython(big.NewInt(20265))
		if got := hashed(t, func() any { return drawPython(t, p, d.name, d.args) }); got != d.want {
			t.Errorf("%s%v: 2,000 draws hash to %s, want %s", d.name, d.args, got, d.want)
		}
	}
}

// hashed hashes 2,000 draws written as golden.py writes them.
func hashed(t *testing.T, draw func() any) string {
	t.Helper()
	h := sha256.New()
	for range 2000 {
		switch v := draw().(type) {
		case float64:
			fmt.Fprintf(h, `"%s"`, hexReal(v))
		case []int:
			b, err := json.Marshal(v)
			if err != nil {
				t.Fatal(err)
			}
			h.Write([]byte(strings.ReplaceAll(string(b), ",", ", ")))
		default:
			fmt.Fprint(h, v)
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}

// hexReal writes a real in [0, 1) as Python's float.hex does.
func hexReal(v float64) string {
	if v == 0 {
		return "0x0.0p+0"
	}
	mantissa, exponent, _ := strings.Cut(strconv.FormatFloat(v, 'x', 13, 64), "p")
	n, _ := strconv.Atoi(exponent)
	return fmt.Sprintf("%sp%+d", mantissa, n)
}
