package internal_test

import (
	"fmt"
	"go/ast"
	"go/constant"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"multiturn/internal/human"
)

const (
	limitsPage = "../docs/security.md"
	limitsMark = "<!-- From here on by `go test ./internal -run TestLimitsPage -update`, " +
		"out of the comments of internal/limits. -->\n"
)

// The page of security has every limit, with its value and its comment.
func TestLimitsPage(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(limitsPage)
	if err != nil {
		t.Fatal(err)
	}
	head, _, found := strings.Cut(string(text), limitsMark)
	if !found {
		t.Fatalf("%s lacks the line %s", limitsPage, limitsMark)
	}
	want := head + limitsMark + limitsTables(t)
	if want == string(text) {
		return
	}
	if !*update {
		t.Errorf("%s differs from internal/limits; "+
			"go test ./internal -run TestLimitsPage -update rewrites it", limitsPage)
	} else if err := os.WriteFile(limitsPage, []byte(want), 0o644); err != nil {
		t.Error(err)
	}
}

// limitsTables returns a table for each group of constants.
func limitsTables(t *testing.T) string {
	t.Helper()
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, "limits/limits.go", nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, d := range file.Decls {
		group, ok := d.(*ast.GenDecl)
		if !ok || group.Tok != token.CONST {
			continue
		}
		about := oneParagraph(group.Doc.Text())
		fmt.Fprintf(&b, "\n%s\n\n| limit | value | |\n|---|---|---|\n", about)
		for _, s := range group.Specs {
			spec := s.(*ast.ValueSpec)
			name := spec.Names[0].Name
			reason := strings.TrimPrefix(oneParagraph(spec.Doc.Text()), name+" is ")
			if reason == "" {
				t.Errorf("limits.%s has no comment", name)
			}
			value, err := types.Eval(set, nil, token.NoPos, types.ExprString(spec.Values[0]))
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&b, "| `%s` | %s | %s |\n", name, amount(value.Value, reason, about), reason)
		}
	}
	return b.String()
}

func oneParagraph(text string) string { return strings.Join(strings.Fields(text), " ") }

// counts are how the comments of limits begin that are not of bytes.
var counts = regexp.MustCompile(`^(the |how )?(deep|number of|largest number of|most tokens|` +
	`most connections|most servers|most of them)\b`)

// amount writes a limit in the unit that its comment names, or that of its group.
func amount(v constant.Value, reason, about string) string {
	n, exact := constant.Int64Val(constant.ToInt(v))
	switch {
	case !exact:
		return v.String()
	case strings.Contains(reason, "in nanoseconds"):
		if d := time.Duration(n); d < 24*time.Hour {
			return d.String()
		}
		return fmt.Sprintf("%d days", n/int64(24*time.Hour))
	case strings.Contains(reason, "in milliseconds"):
		return fmt.Sprintf("%.3g ms", float64(n))
	case !strings.Contains(about, "in bytes") || counts.MatchString(reason):
		if n > 1e15 {
			return fmt.Sprintf("%.3g", float64(n))
		}
		return human.Thousands(n)
	}
	return human.Bytes(n)
}
