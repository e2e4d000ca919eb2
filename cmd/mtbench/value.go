package main

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"multiturn/pkg/cli"
	"multiturn/pkg/openai"
)

// optional is a value that may be absent: nothing is then sent.
func optional[T any](p **T, parse func(string) (T, error)) cli.Value {
	return cli.Parsed(p, "N", func(s string) (*T, error) {
		v, err := parse(s)
		return &v, err
	}, func(v *T) string {
		if v == nil {
			return ""
		}
		return fmt.Sprint(*v)
	})
}

func parseFloat(s string) (float64, error) {
	v, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
		return 0, errors.New("is not a number")
	}
	return v, nil
}

func parseInt(s string) (int64, error) {
	v, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return 0, errors.New("is not a whole number")
	}
	return v, nil
}

// fields is a list of body fields that grows with every use of the flag.
func fields(p *[]openai.Field) cli.Value { return &fieldList{p} }

type fieldList struct{ p *[]openai.Field }

func (l *fieldList) Set(s string) error {
	f, err := openai.ParseField(s)
	if err != nil {
		return err
	}
	*l.p = append(*l.p, f)
	return nil
}

func (l *fieldList) String() string {
	if l.p == nil {
		return ""
	}
	var names []string
	for _, f := range *l.p {
		names = append(names, f.Name+"="+string(f.Value))
	}
	return strings.Join(names, "\n")
}

func (l *fieldList) Meta() string { return "K=V" }

func (l *fieldList) Reset() { *l.p = nil }
