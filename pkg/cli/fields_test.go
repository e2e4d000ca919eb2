package cli

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"multiturn/internal/field"
)

// In errors, flags replace the fields that they are bound to, in nested structs
// too.
func TestFieldErrors(t *testing.T) {
	t.Parallel()
	type inner struct {
		Rate float64
		Wait time.Duration
	}
	var o struct {
		inner
		Embedded    inner
		Clients     int
		Unbound     int
		Name        *string
		notExported int
	}
	_ = o.notExported
	bad := func() error {
		var errs field.Errors
		errs.Addf("Clients", "is 3, more than Rate (Wait: 1s) and than Unbound; a Client is "+
			"no field")
		errs.Addf("Unbound", "is 0")
		errs.Addf("Name", "is needed")
		return errs.Err()
	}
	command := func(err error) *Command {
		return &Command{
			Name: "demo", Options: []any{&o},
			Groups: []Group{{"Load", []Flag{
				{Name: "num-clients", Value: Int(&o.Clients)},
				{Name: "request-rate", Value: Float(&o.Embedded.Rate)},
				{Name: "timeout", Value: Duration(&o.Embedded.Wait)},
				{Name: "name", Value: Optional(&o.Name, "NAME",
					func(s string) (string, error) {
						return s, nil
					}, func(s string) string { return s })},
			}}},
			Run: func(context.Context, *Call) error { return err },
		}
	}
	want := "demo: --num-clients is 3, more than --request-rate (--timeout: 1s) and than " +
		"Unbound; a Client is no field\ndemo: Unbound: is 0\n" +
		"demo: --name is needed\n"
	for _, err := range []error{bad(), Exit(Usage, bad()), fmt.Errorf("%w", bad())} {
		r := call(command(err), nil)
		equal(t, "exit code", r.code, 2)
		equal(t, "stderr", r.errout, want)
	}
	r := call(command(Exit(Missed,
		errors.Join(errors.New("x"), &field.Error{Field: "Clients", Problem: "is 4"}))), nil)
	equal(t, "with a code of its own", fmt.Sprint(r.code, " ", r.errout),
		"3 demo: x\ndemo: --num-clients is 4\n")
}
