package pandas

import (
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"testing"
)

func Example() {
	f := Frame{
		Columns: []string{"count", "mean", "max"},
		Rows:    []Row{{"turns", []float64{8, 6, 8}}, {"tokens", []float64{8, 106.78125, 129.5}}},
	}
	fmt.Printf("%s", f.Append(nil, Options{Precision: 6}))
	// Output:
	//         count       mean    max
	// turns     8.0    6.00000    8.0
	// tokens    8.0  106.78125  129.5
}

// TestGolden compares with frames that pandas printed; testdata/golden.py
// writes them.
func TestGolden(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile("testdata/golden.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		Columns          []string
		Rows             []row
		Precision, Width int
		Want             string
	}
	if err := json.Unmarshal(b, &cases); err != nil {
		t.Fatal(err)
	}
	for i, c := range cases {
		f := Frame{Columns: c.Columns}
		for _, r := range c.Rows {
			f.Rows = append(f.Rows, Row(r))
		}
		if got := string(f.Append(nil, Options{c.Precision, c.Width})); got != c.Want {
			t.Errorf("frame %d, precision %d, width %d: got\n%s\nwant\n%s", i, c.Precision,
				c.Width, got, c.Want)
		}
	}
}

// row is a Row whose values are text, since JSON has no NaN and no infinities.
type row Row

func (r *row) UnmarshalJSON(b []byte) error {
	var values []string
	if err := json.Unmarshal(b, &[]any{&r.Name, &values}); err != nil {
		return err
	}
	for _, text := range values {
		v, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return err
		}
		r.Values = append(r.Values, v)
	}
	return nil
}
