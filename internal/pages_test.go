package internal_test

import (
	"flag"
	"go/ast"
	"go/doc"
	"go/doc/comment"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the pages of docs that come from package documentation")

// pages are the pages whose second part comes from the documentation of packages, where it is
// written once. records are the types of records, whose fields the page has too.
var pages = []struct {
	name     string
	packages []string
	records  []string
}{
	{"conversations.md", []string{"chat"}, nil},
	{"generator-config.md", []string{"synth", "dist"}, nil},
	{"records.md", []string{"record"}, []string{"Run", "Turn", "Scrape", "Prefix", "End"}},
}

const mark = "<!-- From here on by `go test ./internal -run TestPages -update`, " +
	"out of the documentation of the package. -->\n"

// Pages have what the documentation of their packages says.
func TestPages(t *testing.T) {
	t.Parallel()
	for _, page := range pages {
		path := filepath.Join("../docs", page.name)
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		head, _, found := strings.Cut(string(text), mark)
		if !found {
			t.Errorf("%s lacks the line %s", path, mark)
			continue
		}
		want := head + mark
		for _, name := range page.packages {
			pkg := load(t, name)
			want += pkg.page(page.records)
			for _, field := range pkg.silent {
				t.Errorf("pkg/%s: %s has no comment", name, field)
			}
		}
		if want == string(text) {
			continue
		}
		if !*update {
			t.Errorf("%s differs from the documentation of its packages; "+
				"go test ./internal -run TestPages -update rewrites it", path)
		} else if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Error(err)
		}
	}
}

// source is the documentation of a package.
type source struct {
	name   string
	pkg    *doc.Package
	types  map[string]*doc.Type
	values []value
	silent []string // fields without a comment
}

// value is a constant that is a text.
type value struct{ name, typ, text, about string }

func load(t *testing.T, name string) *source {
	t.Helper()
	names, _ := filepath.Glob("../pkg/" + name + "/*.go")
	set := token.NewFileSet()
	var files []*ast.File
	for _, path := range names {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(set, path, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	pkg, err := doc.NewFromFiles(set, files, "multiturn/pkg/"+name)
	if err != nil {
		t.Fatal(err)
	}
	s := &source{name: name, pkg: pkg, types: map[string]*doc.Type{}}
	consts := pkg.Consts
	for _, typ := range pkg.Types {
		s.types[typ.Name] = typ
		consts = append(consts, typ.Consts...)
	}
	for _, group := range consts {
		for _, spec := range group.Decl.Specs {
			spec := spec.(*ast.ValueSpec)
			text, ok := spec.Values[0].(*ast.BasicLit)
			if !ok || text.Kind != token.STRING {
				continue
			}
			v := value{name: spec.Names[0].Name, text: "`" + strings.Trim(text.Value, `"`) + "`",
				about: spec.Doc.Text() + spec.Comment.Text()}
			if typ, ok := spec.Type.(*ast.Ident); ok {
				v.typ = typ.Name
			}
			s.values = append(s.values, v)
		}
	}
	return s
}

// page returns the package comment, and the fields of the records, as Markdown.
func (s *source) page(records []string) string {
	p := s.pkg.Printer()
	p.HeadingLevel = 2
	p.HeadingID = func(*comment.Heading) string { return "" }
	p.DocLinkURL = func(link *comment.DocLink) string { return "#" + strings.ToLower(link.Name) }
	out := fence(string(p.Markdown(s.pkg.Parser().Parse(s.pkg.Doc))))
	out = "\n# Package " + s.name + "\n\n" + out
	if len(records) > 0 {
		out += "\n## Fields\n\nFields that are marked ? are absent if they have nothing to say.\n"
	}
	done := map[string]bool{}
	for _, name := range records {
		out += s.table(name, done)
	}
	return out
}

// fence writes indented blocks of code as fenced ones, each paragraph as its own.
func fence(markdown string) string {
	var out strings.Builder
	open := false
	for line := range strings.Lines(markdown) {
		code, indented := strings.CutPrefix(line, "\t")
		switch {
		case indented && !open && strings.ContainsAny(code[:1], "{["):
			out.WriteString("```json\n")
		case indented && !open:
			out.WriteString("```\n")
		case !indented && open:
			out.WriteString("```\n")
		}
		if open = indented; !open {
			code = strings.ReplaceAll(code, `\_`, "_")
		}
		out.WriteString(code)
	}
	return out.String()
}

// word is a name in a comment: of a field, of one of another type, or of a constant.
var word = regexp.MustCompile(`\b(?:[A-Z]\w+\.)?[A-Z]\w+\b`)

// table returns the table of a type's fields, and those of the types that they have.
func (s *source) table(name string, done map[string]bool) string {
	if done[name] || s.types[name] == nil {
		return ""
	}
	done[name] = true
	of := s.fields(name)
	if len(of) == 0 {
		return ""
	}
	about, _ := strings.CutPrefix(s.types[name].Doc, name)
	about = name + " " + s.plain(name, about)
	out := "\n### " + name + "\n\n" + about + "\n\n| field | holds | |\n|---|---|---|\n"
	more := ""
	for _, f := range of {
		if f.about == "" && f.typ == "" {
			s.silent = append(s.silent, name+": "+f.names[0])
		}
		out += "| " + strings.Join(f.names, ", ") + " | " + f.kind + " | " + f.about + " |\n"
		more += s.table(f.typ, done)
	}
	return out + more
}

// row is a field in a table, or several that one comment explains.
type row struct {
	names            []string
	kind, typ, about string
}

func (s *source) fields(name string) (rows []row) {
	structure, ok := s.types[name].Decl.Specs[0].(*ast.TypeSpec).Type.(*ast.StructType)
	if !ok {
		return nil
	}
	for _, field := range structure.Fields.List {
		if field.Tag == nil {
			if id, ok := field.Type.(*ast.Ident); ok && len(field.Names) == 0 {
				rows = append(rows, s.fields(id.Name)...) // embedded
			}
			continue
		}
		tag := tagOf(field)
		kind, typ := kindOf(field.Type)
		about := s.plain(name, field.Doc.Text()+field.Comment.Text())
		if id, ok := field.Type.(*ast.Ident); ok {
			if list := s.list(func(v *value) bool { return v.typ == id.Name }); list != "" {
				about = strings.TrimSpace(about + " One of " + list + ".")
			}
		}
		shown := "`" + tag + "`"
		if strings.Contains(field.Tag.Value, ",omit") {
			shown += "?"
		}
		// A comment that names the field behind it explains both.
		if last := len(rows) - 1; about == "" && last >= 0 &&
			strings.Contains(rows[last].about, "`"+tag+"`") {
			if rows[last].names = append(rows[last].names, shown); rows[last].kind != kind {
				rows[last].kind += ", " + kind
			}
			continue
		}
		rows = append(rows, row{[]string{shown}, kind, typ, about})
	}
	return rows
}

func tagOf(field *ast.Field) string {
	_, tag, _ := strings.Cut(field.Tag.Value, `json:"`)
	tag, _, _ = strings.Cut(tag, `"`)
	tag, _, _ = strings.Cut(tag, ",")
	return tag
}

// list returns the values that are wanted, with their comments.
func (s *source) list(want func(*value) bool) string {
	var all []string
	for i := range s.values {
		if v := &s.values[i]; want(v) {
			text := v.text
			if v.about != "" {
				about := strings.TrimPrefix(strings.TrimPrefix(v.about, v.name+": "), v.name+" is ")
				text += " (" + strings.TrimSuffix(s.plain("", about), ".") + ")"
			}
			all = append(all, text)
		}
	}
	return strings.Join(all, ", ")
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// oneOf is how a comment refers to a group of constants by the beginning of their names.
var oneOf = regexp.MustCompile(`\w+ is one of the (\w+) constants`)

// plain writes a comment in the names of JSON: those of fields, and the values of constants.
func (s *source) plain(of, text string) string {
	tags := map[string]string{}
	if of != "" {
		s.tags(of, "", tags)
	}
	for name := range s.types {
		s.tags(name, name+".", tags)
	}
	if m := oneOf.FindStringSubmatch(text); m != nil {
		list := s.list(func(v *value) bool { return strings.HasPrefix(v.name, m[1]) })
		text = strings.Replace(text, m[0], "One of "+list, 1)
	}
	text = strings.ReplaceAll(text, "nil:", "absent:")
	text = word.ReplaceAllStringFunc(text, func(w string) string {
		if tag := tags[w]; tag != "" {
			return "`" + tag + "`"
		}
		if i := slices.IndexFunc(s.values, func(v value) bool { return v.name == w }); i >= 0 {
			return s.values[i].text
		}
		return w
	})
	return strings.ReplaceAll(oneLine(text), "|", `\|`)
}

// tags adds the names of a type's fields in JSON by their names in Go.
func (s *source) tags(name, prefix string, to map[string]string) {
	structure, ok := s.types[name].Decl.Specs[0].(*ast.TypeSpec).Type.(*ast.StructType)
	if !ok {
		return
	}
	for _, field := range structure.Fields.List {
		if id, ok := field.Type.(*ast.Ident); ok && len(field.Names) == 0 {
			s.tags(id.Name, prefix, to)
		}
		if field.Tag != nil {
			for _, n := range field.Names {
				to[prefix+n.Name] = strings.ToLower(prefix) + tagOf(field)
			}
		}
	}
}

// kindOf returns what JSON holds for a type, and the name of the package's type in it.
func kindOf(typ ast.Expr) (kind, name string) {
	switch t := typ.(type) {
	case *ast.StarExpr:
		return kindOf(t.X)
	case *ast.ArrayType:
		kind, name = kindOf(t.Elt)
		return "list of " + kind, name
	case *ast.MapType:
		kind, name = kindOf(t.Value)
		return "object of " + kind, name
	case *ast.SelectorExpr:
		return map[string]string{"Time": "time", "RawMessage": "JSON"}[t.Sel.Name], ""
	case *ast.Ident:
		kinds := map[string]string{"string": "text", "bool": "true or false", "int": "integer",
			"int64": "integer", "float64": "number", "Clock": "ms", "Gaps": "list of integer",
			"Outcome": "text", "ClockSource": "text"}
		if kind := kinds[t.Name]; kind != "" {
			return kind, ""
		}
		return "[" + t.Name + "](#" + strings.ToLower(t.Name) + ")", t.Name
	}
	return "", ""
}
