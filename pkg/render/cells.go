package render

import (
	"bytes"
	"encoding/json"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// Cells returns the fields of a struct as cells, named as in JSON.
//
// Fields of a struct within it are named after both: "limits ttft_ms". A list
// of strings gives a cell for each: of "reasons", "reason 1" and so on.
// Numbers that JSON omits are left out, and so are maps, lists of structs
// and types with a JSON form of their own, which have sections of their own,
// and the fields named in except.
func Cells(v any, except ...string) []Cell {
	value := reflect.ValueOf(v)
	for value.Kind() == reflect.Pointer {
		value = value.Elem()
	}
	return fields(nil, value, "", except)
}

var marshaler = reflect.TypeFor[json.Marshaler]()

func fields(cells []Cell, v reflect.Value, prefix string, except []string) []Cell {
	for i := range v.NumField() {
		f := v.Type().Field(i)
		tag := f.Tag.Get("json")
		name, options, _ := strings.Cut(tag, ",")
		switch {
		case f.Anonymous && name == "":
			cells = fields(cells, v.Field(i), prefix, except)
			continue
		case !f.IsExported() || name == "-":
			continue
		case name == "":
			name = f.Name
		}
		if slices.Contains(except, name) ||
			strings.Contains(options, "omit") && omitted(v.Field(i)) {
			continue
		}
		cells = field(cells, v.Field(i), prefix+name)
	}
	return cells
}

// omitted reports whether JSON leaves a field out. Strings are kept: an empty
// one means the same.
func omitted(v reflect.Value) bool { return v.Kind() != reflect.String && v.IsZero() }

func field(cells []Cell, v reflect.Value, name string) []Cell {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return append(cells, Cell{name, math.NaN()})
		}
		return field(cells, v.Elem(), name)
	case reflect.Struct:
		if v.Type().Implements(marshaler) {
			return cells
		}
		return fields(cells, v, name+" ", nil)
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.String {
			for i := range v.Len() {
				one := strings.TrimSuffix(name, "s") + " " + strconv.Itoa(i+1)
				cells = append(cells, Cell{one, v.Index(i).String()})
			}
		}
		return cells
	}
	if value := scalar(v); value != nil {
		cells = append(cells, Cell{name, value})
	}
	return cells
}

// scalar returns a value as cells hold it, nil for other kinds.
func scalar(v reflect.Value) any {
	switch {
	case v.CanInt():
		return v.Int()
	case v.CanUint():
		return int64(v.Uint())
	case v.CanFloat():
		return v.Float()
	case v.Kind() == reflect.String:
		return v.String()
	case v.Kind() == reflect.Bool:
		return v.Bool()
	}
	return nil
}

// Value returns a cell of a number, string or bool of any type.
func Value(name string, v any) Cell { return Cell{name, scalar(reflect.ValueOf(v))} }

// Tree returns all that JSON writes of v as cells with paths as names: server.kind,
// models.0. It is for values whose fields nobody knows beforehand.
func Tree(v any) ([]Cell, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	return branch(nil, dec, "")
}

// longestPath is the longest name of a cell that has a part of JSON. What is
// deeper stays JSON: names of any depth could be of any length, for each value.
const longestPath = 200

// branch reads one JSON value.
func branch(cells []Cell, dec *json.Decoder, path string) ([]Cell, error) {
	if len(path) > longestPath {
		var rest json.RawMessage
		err := dec.Decode(&rest)
		return append(cells, Cell{path, string(rest)}), err
	}
	token, err := dec.Token()
	if err != nil {
		return nil, err
	}
	open, ok := token.(json.Delim)
	if !ok {
		return append(cells, leaf(path, token)), nil
	}
	for i := 0; dec.More(); i++ {
		key := strconv.Itoa(i)
		if open == '{' {
			token, err := dec.Token()
			if err != nil {
				return nil, err
			}
			key, _ = token.(string)
		}
		if path != "" {
			key = path + "." + key
		}
		if cells, err = branch(cells, dec, key); err != nil {
			return nil, err
		}
	}
	_, err = dec.Token()
	return cells, err
}

func leaf(path string, token json.Token) Cell {
	switch v := token.(type) {
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return Cell{path, n}
		}
		f, err := v.Float64()
		if err != nil {
			return Cell{path, v.String()}
		}
		return Cell{path, f}
	case nil:
		return Cell{path, math.NaN()}
	}
	return Cell{path, token}
}
