package dist

import (
	"encoding/json"
	"strconv"

	"multiturn/internal/field"
)

// printed is a distribution as a config has it.
type printed struct {
	Name        string        `json:"distribution"`
	Value       any           `json:"value,omitempty"` // of a constant
	Min         *field.Number `json:"min,omitempty"`
	Alpha       *field.Number `json:"alpha,omitempty"`
	Average     *field.Number `json:"average,omitempty"`
	MedianRatio *field.Number `json:"median_ratio,omitempty"`
	Mean        *field.Number `json:"mean,omitempty"`
	Sigma       *field.Number `json:"sigma,omitempty"`
	Max         *field.Number `json:"max,omitempty"`
}

func number(v float64, real bool) *field.Number { return &field.Number{Value: v, Real: real} }

func (c Cap) printed() *field.Number {
	if c.Value == 0 {
		return nil
	}
	return number(c.Value, c.Real)
}

// MarshalJSON writes the distribution as Parse reads it.
func (d Constant) MarshalJSON() ([]byte, error) {
	p := printed{Name: "constant", Value: number(d.Value, d.Real)}
	if d.Text {
		p.Value = strconv.FormatFloat(d.Value, 'f', -1, 64)
	}
	return json.Marshal(p)
}

// MarshalJSON writes the distribution as Parse reads it.
func (d Uniform) MarshalJSON() ([]byte, error) {
	return json.Marshal(printed{Name: "uniform", Min: number(d.Min, d.Real),
		Max: number(d.Max, d.Real)})
}

// MarshalJSON writes the distribution as Parse reads it.
func (d Zipf) MarshalJSON() ([]byte, error) {
	return json.Marshal(printed{Name: "zipf", Alpha: number(d.Alpha, false), Max: d.Max.printed()})
}

// MarshalJSON writes the distribution as Parse reads it.
func (d Poisson) MarshalJSON() ([]byte, error) {
	return json.Marshal(printed{Name: "poisson", Alpha: number(d.Lambda, false),
		Max: d.Max.printed()})
}

// MarshalJSON writes the distribution as Parse reads it.
func (d Lognormal) MarshalJSON() ([]byte, error) {
	return json.Marshal(printed{Name: "lognormal", Mean: number(d.Mu, false),
		Sigma: number(d.Sigma, false), Max: d.Max.printed()})
}

// MarshalJSON writes the distribution as Parse reads it.
func (d LognormalAverage) MarshalJSON() ([]byte, error) {
	return json.Marshal(printed{Name: "lognormal", Average: number(d.Average, false),
		MedianRatio: number(d.MedianRatio, false), Max: d.Max.printed()})
}

// MarshalJSON writes the distribution as Parse reads it.
func (d Exponential) MarshalJSON() ([]byte, error) {
	return json.Marshal(printed{Name: "exponential", Mean: number(d.Scale, false),
		Max: d.Max.printed()})
}
