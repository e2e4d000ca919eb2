package render

import (
	"encoding/csv"
	"encoding/json"
	"math"
	"reflect"
	"strings"
	"testing"

	"multiturn/internal/human"
)

// hostile is a text that acts on terminals and spreadsheets.
const hostile = "=cmd|'/c calc'!A0\x1b]0;x\a\u202eab\u009b\xff\r\n\t![x](http://h/)"

func hostileDocument() Document {
	rows := []Row{
		{hostile, "", []Cell{{"n", 1.5}, {hostile, hostile}, {"unknown", math.NaN()}}},
		{"+1 and more", hostile, []Cell{{"n", int64(2)}, {"dash", "-"}, {"number", "-5e3"}}},
	}
	return Document{
		Name: hostile, Label: hostile, Value: map[string]string{hostile: hostile},
		Sections: []Section{
			{Name: hostile, Title: hostile, About: hostile, Question: hostile, Rows: rows,
				Notes: []string{hostile, "  - " + hostile},
				Columns: []Column{Decimals("n", "n", 1), {Head: "x", Left: true,
					Text: func(r Row) string { return hostile + r.String(hostile) }}}},
			{Name: "facts", Text: Facts(8, Fact{hostile,
				[]string{hostile, strings.Repeat("ab ", 50) + hostile}})},
			{Name: "own", Text: func(heading func(string) string) string {
				return heading("\x1b[31m"+hostile[:24]) + "\n"
			}},
			List("list", Cell{hostile, hostile}),
		},
	}
}

// Nothing foreign acts on a terminal, in no format.
func TestNothingHidden(t *testing.T) {
	t.Parallel()
	docs := []Document{hostileDocument(), hostileDocument()}
	for _, f := range Formats() {
		var b strings.Builder
		if err := Write(&b, f, docs); err != nil {
			t.Fatal(err)
		}
		for _, r := range strings.ReplaceAll(b.String(), "\n", "") {
			if human.Hidden(r) || r == '\uFFFD' && f != JSON {
				t.Errorf("%s: %U in %q", f, r, b.String())
				break
			}
		}
		if f == Text {
			for line := range strings.Lines(b.String()) {
				if n := len([]rune(line)); n > 2*Width {
					t.Errorf("a line of %d characters: %s", n, line)
				}
			}
		}
	}
	var b strings.Builder
	if err := WriteText(&b, docs, true); err != nil {
		t.Fatal(err)
	}
	rest := strings.NewReplacer("\x1b[93m", "", "\x1b[0m", "", "\n", "").Replace(b.String())
	if strings.ContainsFunc(rest, human.Hidden) {
		t.Errorf("in colour: %q", rest)
	}
}

func TestCSVHasNoFormulas(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	if err := Write(&b, CSV, []Document{hostileDocument()}); err != nil {
		t.Fatal(err)
	}
	lines, err := csv.NewReader(strings.NewReader(b.String())).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var values []string
	for _, line := range lines {
		for i, cell := range line {
			if cell != "" && strings.ContainsRune("=+-@", rune(cell[0])) && i < len(line)-1 {
				t.Errorf("the cell %s is a formula", cell)
			}
		}
		if line[3] != "value" && (line[3] == "dash" || line[3] == "number" || line[3] == "n") {
			values = append(values, line[4])
		}
	}
	if got := strings.Join(values, " "); got != "1.5 2 - -5e3" {
		t.Errorf("numbers and dashes: %s", got)
	}
	for in, want := range map[string]string{
		"": "", "-": "-", "-1.5": "-1.5", "+3": "+3", "=1+1": "'=1+1", "@SUM(A1)": "'@SUM(A1)",
		"-2+3": "'-2+3", "+cmd": "'+cmd", "a=b": "a=b", "\tx": "'\tx", "\rx": "'\rx",
	} {
		if got := unformulated(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

func TestJSONMeansTheSame(t *testing.T) {
	t.Parallel()
	value := map[string]string{"a\u202eb": "\x7f\u009b\ufeff\U000e0041 é 🙂"}
	var b strings.Builder
	if err := Write(&b, JSON, []Document{{Value: value}}); err != nil {
		t.Fatal(err)
	}
	var got []map[string]string
	if err := json.Unmarshal([]byte(b.String()), &got); err != nil {
		t.Fatalf("%v: %s", err, b.String())
	}
	if len(got) != 1 || !reflect.DeepEqual(got[0], value) {
		t.Errorf("got %q, want %q", got, value)
	}
	if !strings.Contains(b.String(), "é 🙂") {
		t.Errorf("what can be seen is escaped: %s", b.String())
	}
}
