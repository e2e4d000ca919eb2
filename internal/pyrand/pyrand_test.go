package pyrand

import (
	"fmt"
	"math"
	"math/big"
	"testing"
)

func Example() {
	n := NewNumpy(42) // numpy.random.seed(42)
	fmt.Println(n.Integers(12, 19), n.Poisson(7))

	p := NewPython(big.NewInt(99)) // random.seed(99)
	fmt.Println(p.Sample(100, 4))
	// Output:
	// 18 7
	// [51 48 25 76]
}

// TestIntegersTakesNothing checks that a range of one value leaves the stream
// where it was.
func TestIntegersTakesNothing(t *testing.T) {
	t.Parallel()
	a, b := NewNumpy(3), NewNumpy(3)
	if got := a.Integers(5, 6); got != 5 {
		t.Errorf("got %d, want 5", got)
	}
	if a.Uint32() != b.Uint32() {
		t.Error("the stream moved")
	}
}

// TestLibm checks the functions where their values are known, and against
// package math elsewhere.
func TestLibm(t *testing.T) {
	t.Parallel()
	inf := math.Inf(1)
	for _, c := range []struct {
		name      string
		got, want float64
	}{
		{"exp(0)", exp(0), 1},
		{"exp(1)", exp(1), math.E},
		{"exp(-1000)", exp(-1000), 0},
		{"exp(1000)", exp(1000), inf},
		{"exp(-inf)", exp(-inf), 0},
		{"log(1)", log(1), 0},
		{"log(2)", log(2), math.Ln2},
		{"log(10)", log(10), math.Ln10},
		{"log(0)", log(0), -inf},
		{"log(inf)", log(inf), inf},
		{"log(1+eps)", log(1 + 0x1p-52), 0x1.fffffffffffffp-53},
		{"log(smallest)", log(math.SmallestNonzeroFloat64), -0x1.74385446d71c3p+09},
		{"pow(2, 10)", pow(2, 10), 1024},
		{"pow(2, 0.5)", pow(2, 0.5), math.Sqrt2},
		{"pow(0.25, -1.5)", pow(0.25, -1.5), 8},
		{"pow(10, 22)", pow(10, 22), 1e22},
		{"pow(2, 2000)", pow(2, 2000), inf},
		{"pow(0.5, -1e308)", pow(0.5, -1e308), inf},
		{"pow(0.1, 1e308)", pow(0.1, 1e308), 0},
	} {
		if c.got != c.want {
			t.Errorf("%s = %v (%x), want %v (%x)", c.name, c.got, c.got, c.want, c.want)
		}
	}
	if !math.IsNaN(exp(math.NaN())) || !math.IsNaN(log(-1)) {
		t.Error("what is not a number has a value")
	}
	n := NewNumpy(1)
	for range 10000 {
		x, y := n.Uniform(0, 700), n.Uniform(-3, 3)
		near(t, "exp", exp(x), math.Exp(x))
		near(t, "log", log(x), math.Log(x))
		near(t, "pow", pow(x, y), math.Pow(x, y))
	}
}

func near(t *testing.T, name string, got, want float64) {
	t.Helper()
	if math.Abs(got-want) > 1e-15*math.Abs(want) {
		t.Errorf("%s: %v is far from %v", name, got, want)
	}
}

func BenchmarkNumpy(b *testing.B) {
	for _, kind := range []struct {
		name string
		draw func(*Numpy)
	}{
		{"Integers", func(n *Numpy) { n.Integers(120, 161) }},
		{"Exponential", func(n *Numpy) { n.Exponential(1) }},
		{"Lognormal", func(n *Numpy) { n.Lognormal(4.5, 0.6) }},
		{"Poisson7", func(n *Numpy) { n.Poisson(7) }},
		{"Poisson60", func(n *Numpy) { n.Poisson(60.5) }},
		{"Zipf1.2", func(n *Numpy) { n.Zipf(1.2) }},
		{"Zipf1.000001", func(n *Numpy) { n.Zipf(1.000001) }},
	} {
		b.Run(kind.name, func(b *testing.B) {
			n := NewNumpy(1)
			for b.Loop() {
				kind.draw(n)
			}
		})
	}
}
