// Package field reads the fields of a config that people write as a JSON object, and keeps what is wrong with each of
// them, so that all of it can be said at once: the field, what it holds, and what is allowed.
//
// Values are taken as Python's json module takes them, for configs that Python tools read too: a number with a point or
// an exponent is a real and any other an integer, true and false count as 1 and 0 where a number is wanted, and of a
// key given twice the last value holds. NaN and the infinities, which are not JSON, are refused.
package field

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"multiturn/internal/human"
)

// Object is an object of a config. Its methods note what is wrong and return a zero value then; Err returns the notes.
type Object struct {
	path   string // with a point at its end, empty for the outermost
	values map[string]json.RawMessage
	errs   *[]error
}

// Error is one thing that is wrong with a config.
type Error struct {
	// Field is the path of the field: prompt_input.num_tokens.max.
	Field string
	// Problem says what it holds and what is allowed.
	Problem string
}

func (e *Error) Error() string { return e.Field + ": " + e.Problem }

// Parse reads the outermost object. path comes before the names of its fields, with a point between; it may be empty.
// The error is one of syntax, with its line.
func Parse(text []byte, path string) (*Object, error) {
	text = bytes.TrimPrefix(text, []byte("\uFEFF"))
	var values map[string]json.RawMessage
	if err := json.Unmarshal(text, &values); err != nil {
		return nil, syntax(text, err)
	}
	if values == nil {
		return nil, errors.New("holds null, want an object: {...}")
	}
	if path != "" {
		path += "."
	}
	return &Object{path: path, values: values, errs: new([]error)}, nil
}

// syntax gives an error of package json its line, in words for people who do not know Go.
func syntax(text []byte, err error) error {
	var broken *json.SyntaxError
	var other *json.UnmarshalTypeError
	switch {
	case errors.As(err, &broken):
		if len(bytes.TrimSpace(text)) == 0 {
			return errors.New("is empty, want an object: {...}")
		}
		at := min(max(int(broken.Offset)-1, 0), len(text))
		return fmt.Errorf("line %d: not JSON: %w", 1+bytes.Count(text[:at], []byte("\n")), err)
	case errors.As(err, &other):
		return fmt.Errorf("holds %s, want an object: {...}", other.Value)
	}
	return err
}

// Err returns all that was found wrong so far, in the objects inside this one too, or nil.
func (o *Object) Err() error { return errors.Join(*o.errs...) }

// Problems is the number of things that were found wrong so far, in the whole config.
func (o *Object) Problems() int { return len(*o.errs) }

// Has says whether there is such a key.
func (o *Object) Has(key string) bool {
	_, ok := o.values[key]
	return ok
}

// Path is the path of a field of this object.
func (o *Object) Path(key string) string { return o.path + key }

// Holds shows what a field holds, shortened.
func (o *Object) Holds(key string) string {
	var out bytes.Buffer
	if json.Compact(&out, o.values[key]) != nil || out.Len() == 0 {
		return "nothing"
	}
	if text := []rune(out.String()); len(text) > 60 {
		return string(text[:57]) + "..."
	}
	return out.String()
}

// Notef notes that something is wrong with a field.
func (o *Object) Notef(key, format string, args ...any) {
	*o.errs = append(*o.errs, &Error{o.path + key, fmt.Sprintf(format, args...)})
}

// Refuse notes that a field is missing or holds what it must not.
func (o *Object) Refuse(key, allowed string) {
	if !o.Has(key) {
		o.Notef(key, "is missing, want %s", allowed)
		return
	}
	o.Notef(key, "holds %s, want %s", o.Holds(key), allowed)
}

// Only notes every key that is not one of those known, with the nearest known one, in the order of the alphabet.
func (o *Object) Only(known ...string) {
	for _, key := range slices.Sorted(maps.Keys(o.values)) {
		switch near := human.Nearest(key, known); {
		case slices.Contains(known, key):
		case near != "":
			o.Notef(key, "unknown key, did you mean %s?", near)
		default:
			o.Notef(key, "unknown key, known here: %s", strings.Join(known, ", "))
		}
	}
}

// Object returns the object in a required field. It is nil when there is none, which is then noted.
func (o *Object) Object(key, allowed string) *Object {
	var values map[string]json.RawMessage
	if raw := o.values[key]; raw == nil || json.Unmarshal(raw, &values) != nil || values == nil {
		o.Refuse(key, allowed)
		return nil
	}
	return &Object{path: o.path + key + ".", values: values, errs: o.errs}
}

// Text returns the text in a field.
func (o *Object) Text(key string) (text string, ok bool) {
	raw := o.values[key]
	if len(raw) == 0 || raw[0] != '"' || json.Unmarshal(raw, &text) != nil {
		return "", false
	}
	return text, true
}

// Texts returns the list of texts in a field.
func (o *Object) Texts(key string) (texts []string, ok bool) {
	var list []*string
	raw := o.values[key]
	if len(raw) == 0 || json.Unmarshal(raw, &list) != nil || list == nil {
		return nil, false
	}
	for _, text := range list {
		if text == nil {
			return nil, false
		}
		texts = append(texts, *text)
	}
	return texts, true
}

// Bool returns the switch in a field.
func (o *Object) Bool(key string) (on, ok bool) {
	switch string(o.values[key]) {
	case "true":
		return true, true
	case "false":
		return false, true
	}
	return false, false
}

// Number is a number as Python has it.
type Number struct {
	Value float64
	// Real is true for 3.0 and false for 3.
	Real bool
}

// Number returns the number in a field.
func (o *Object) Number(key string) (n Number, ok bool) {
	text := string(o.values[key])
	switch text {
	case "true":
		return Number{Value: 1}, true
	case "false":
		return Number{}, true
	}
	var value json.Number
	if text == "" || text[0] == '"' || json.Unmarshal([]byte(text), &value) != nil {
		return Number{}, false
	}
	f, err := value.Float64()
	if err != nil || math.IsInf(f, 0) {
		return Number{}, false
	}
	return Number{Value: f, Real: strings.ContainsAny(text, ".eE")}, true
}

// Null says whether a field holds null.
func (o *Object) Null(key string) bool { return string(o.values[key]) == "null" }
