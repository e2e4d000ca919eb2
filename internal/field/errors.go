package field

import (
	"errors"
	"fmt"
)

// Errors collects what is wrong with the fields of a struct of options, so
// that all of it can be reported at once. Fields have their Go names. A
// problem goes on from the field's name and may name other fields:
//
//	errs.Addf("Active", "is %d, less than Clients %d", o.Active, o.Clients)
//
// A command that binds the fields to flags shows the flags in their place.
type Errors []error

// Addf adds an Error.
func (e *Errors) Addf(field, format string, args ...any) {
	*e = append(*e, &Error{field, fmt.Sprintf(format, args...)})
}

// Err returns all errors joined, or nil if there are none.
func (e Errors) Err() error { return errors.Join(e...) }
