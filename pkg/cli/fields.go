package cli

import (
	"errors"
	"reflect"
	"regexp"
	"strings"

	"multiturn/internal/field"
)

// flagged returns the error with flags in place of the fields that are bound to
// them.
func (c *Command) flagged(err error) error {
	found := fieldErrors(err)
	if len(found) == 0 {
		return err
	}
	flags := c.fieldFlags()
	text := err.Error()
	for _, e := range found {
		flag := flags[e.Field]
		if flag == "" {
			continue
		}
		problem := word.ReplaceAllStringFunc(e.Problem, func(name string) string {
			if other := flags[name]; other != "" {
				return other
			}
			return name
		})
		text = strings.Replace(text, e.Error(), flag+" "+problem, 1)
	}
	return errors.New(text)
}

// word is a field's name, as Go writes it.
var word = regexp.MustCompile(`\b[A-Z]\w+\b`)

// fieldErrors returns the field errors within err.
func fieldErrors(err error) []*field.Error {
	switch e := err.(type) {
	case *field.Error:
		return []*field.Error{e}
	case interface{ Unwrap() error }:
		return fieldErrors(e.Unwrap())
	case interface{ Unwrap() []error }:
		var all []*field.Error
		for _, err := range e.Unwrap() {
			all = append(all, fieldErrors(err)...)
		}
		return all
	}
	return nil
}

// fieldFlags returns the flag that is bound to each field of the structs in
// Options, "--name" by the field's name.
func (c *Command) fieldFlags() map[string]string {
	flags := map[any]string{} // by the pointer to the variable
	for f := range all(c.Groups) {
		if b, ok := f.Value.(interface{ Bound() any }); ok {
			flags[b.Bound()] = "--" + f.Name
		}
	}
	fields := map[string]string{}
	for _, o := range c.Options {
		addFields(fields, flags, reflect.ValueOf(o).Elem())
	}
	return fields
}

// addFields adds the fields of a struct, and of structs in it, that flags are
// bound to.
func addFields(fields map[string]string, flags map[any]string, v reflect.Value) {
	for i := range v.NumField() {
		f := v.Field(i)
		if !f.CanInterface() {
			continue
		}
		if flag := flags[f.Addr().Interface()]; flag != "" {
			fields[v.Type().Field(i).Name] = flag
		} else if f.Kind() == reflect.Struct {
			addFields(fields, flags, f)
		}
	}
}
