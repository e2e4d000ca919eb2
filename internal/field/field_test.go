package field

import (
	"strings"
	"testing"
)

func TestSyntax(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ text, want string }{
		{"", "is empty, want an object: {...}"},
		{" \n", "is empty, want an object: {...}"},
		{"null", "holds null, want an object: {...}"},
		{"7", "holds number, want an object: {...}"},
		{"[{}]", "holds array, want an object: {...}"},
		{"{\n\"a\": 1,\n}", "line 3: not JSON: "},
		{"{\"a\": NaN}", "line 1: not JSON: "},
		{"{}\n{}", "line 2: not JSON: "},
		{"{\n", "line "},
	} {
		_, err := Parse([]byte(c.text), "")
		if err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%q: error %v, want %q", c.text, err, c.want)
		}
	}
	if _, err := Parse([]byte("\uFEFF{}"), ""); err != nil {
		t.Errorf("a byte order mark: %v", err)
	}
}

// TestFields reads every kind of field. Errors come in the order of the calls.
func TestFields(t *testing.T) {
	t.Parallel()
	o, err := Parse([]byte(`{
		"whole": 3, "real": 3.0, "exponent": 1e2, "yes": true, "huge": 1e999, "text": "a\u0062", "list": ["x", "y"],
		"holes": ["x", null], "mixed": ["x", 1], "none": null, "twice": 1, "twice": {"b": 2, "inner": {}},
		"long": "`+strings.Repeat("é", 100)+`"
	}`), "config")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		key  string
		want Number
		ok   bool
	}{
		{"whole", Number{3, false}, true},
		{"real", Number{3, true}, true},
		{"exponent", Number{100, true}, true},
		{"yes", Number{1, false}, true},
		{"huge", Number{}, false},
		{"text", Number{}, false},
		{"none", Number{}, false},
		{"absent", Number{}, false},
		{"list", Number{}, false},
	} {
		if got, ok := o.Number(c.key); got != c.want || ok != c.ok {
			t.Errorf("%s: %v, %v; want %v, %v", c.key, got, ok, c.want, c.ok)
		}
	}
	if s, ok := o.Text("text"); s != "ab" || !ok {
		t.Errorf("text: %q, %v", s, ok)
	}
	if _, ok := o.Text("none"); ok {
		t.Error("null is a text")
	}
	if l, ok := o.Texts("list"); len(l) != 2 || l[1] != "y" || !ok {
		t.Errorf("list: %q, %v", l, ok)
	}
	for _, key := range []string{"holes", "mixed", "none", "text", "absent"} {
		if _, ok := o.Texts(key); ok {
			t.Errorf("%s is a list of texts", key)
		}
	}
	if on, ok := o.Bool("yes"); !on || !ok {
		t.Error("yes is not a switch")
	}
	if _, ok := o.Bool("whole"); ok {
		t.Error("3 is a switch")
	}
	if !o.Null("none") || o.Null("absent") {
		t.Error("null is not told from nothing")
	}
	if o.Err() != nil || o.Problems() != 0 {
		t.Errorf("reading found errors: %v", o.Err())
	}

	if o.Object("whole", "a shape") != nil || o.Object("absent", "a shape") != nil {
		t.Error("an object out of nothing")
	}
	inner := o.Object("twice", "")
	inner.Only("inner", "a")
	inner.Object("inner", "").Refuse("x", "a number")
	o.Refuse("long", "a short text")
	want := `config.whole: holds 3, want a shape
config.absent: is missing, want a shape
config.twice.b: unknown key, known here: inner, a
config.twice.inner.x: is missing, want a number
config.long: holds "` + strings.Repeat("é", 56) + `..., want a short text`
	if got := o.Err().Error(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
