// Package field reads a config that people write as a JSON object. It collects
// the errors of all fields, so that one run reports them all: the field, what
// it holds, and what is allowed.
//
// Values are read as Python's json module reads them, because Python tools read
// the same configs: a number with a point or an exponent is a real and any
// other is an integer, true and false count as 1 and 0 where a number is
// wanted, and the last value of a repeated key holds. NaN and the infinities
// are refused: they are not JSON.
package field

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"multiturn/internal/human"
)

// Object is an object of a config. Its methods record an error and return a
// zero value if a field is wrong; Err returns the errors.
type Object struct {
	path   string // with a point at its end, empty for the outermost
	values map[string]json.RawMessage
	errs   *[]error
}

// Error is one error in a config.
type Error struct {
	// Field is the path of the field: prompt_input.num_tokens.max.
	Field string
	// Problem is what it holds and what is allowed.
	Problem string
}

func (e *Error) Error() string { return e.Field + ": " + e.Problem }

// Parse reads the outermost object. Errors name its fields with path and a
// point in front, if path is not empty. The error of Parse itself is a syntax
// error, with its line.
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

// syntax rewrites an error of encoding/json with its line and without Go's
// terms.
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

// Err returns all errors recorded so far in the whole config, or nil.
func (o *Object) Err() error { return errors.Join(*o.errs...) }

// Problems returns the number of errors recorded so far in the whole config.
func (o *Object) Problems() int { return len(*o.errs) }

// Has reports whether the object has the key.
func (o *Object) Has(key string) bool {
	_, ok := o.values[key]
	return ok
}

// Holds returns the JSON of a field, shortened to 60 characters so that an
// error stays one line.
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

// Notef records an error in a field.
func (o *Object) Notef(key, format string, args ...any) {
	*o.errs = append(*o.errs, &Error{o.path + key, fmt.Sprintf(format, args...)})
}

// Refuse records that a field is missing or holds something else than allowed.
func (o *Object) Refuse(key, allowed string) {
	if !o.Has(key) {
		o.Notef(key, "is missing, want %s", allowed)
		return
	}
	o.Notef(key, "holds %s, want %s", o.Holds(key), allowed)
}

// Only records an error for each key that is not in known, in alphabetical
// order, and suggests the nearest known key.
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

// Object returns the object in a required field. It records an error and
// returns nil if the field does not hold one.
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

// Number is a number as Python reads it.
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

// MarshalJSON writes the number so that it is read as real or as integer again.
func (n Number) MarshalJSON() ([]byte, error) {
	if !n.Real {
		return strconv.AppendFloat(nil, n.Value, 'f', -1, 64), nil
	}
	text := strconv.AppendFloat(nil, n.Value, 'g', -1, 64)
	if !bytes.ContainsAny(text, ".e") {
		text = append(text, ".0"...)
	}
	return text, nil
}

// Null reports whether a field holds null.
func (o *Object) Null(key string) bool { return string(o.values[key]) == "null" }
