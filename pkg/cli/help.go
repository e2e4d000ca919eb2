package cli

import (
	"io"
	"strings"
	"text/template"
	"unicode/utf8"
)

const (
	// helpWidth is the greatest width of a line of help.
	helpWidth = 100
	// longTerm is the width from which a term has a line of its own: a column
	// as wide as the longest would leave little room for the explanations.
	longTerm = 32
)

// helpTemplate is the form of --help of every command and subcommand.
const helpTemplate = `{{wrap 2 (printf "%s - %s" .Name .Usage)}}

Usage:
{{range .Lines}}  {{.}}
{{end}}{{if .Description}}
{{wrap 0 .Description}}
{{end}}{{if .Commands}}
Commands:
{{range .Commands}}{{row . $.CommandColumn}}
{{end}}{{end}}{{range .Groups}}
{{.Title}}:
{{range .Rows}}{{row . $.Column}}
{{end}}{{end}}{{if .Examples}}
Examples:
{{range $i, $e := .Examples}}{{if $i}}
{{end}}{{if $e.About}}  # {{$e.About}}
{{end}}  {{$e.Line}}
{{end}}{{end}}
{{wrap 0 .More}}

` + exitCodes + "\n"

// exitCodes is the last line of help.
const exitCodes = "Exit codes: 0 done, 1 failed, 2 wrong usage, " +
	"3 finished but something was missed, 130 interrupted."

// precedence is how flags are read, in a few words.
const precedence = "Flags may stand anywhere. The command line wins over the environment, " +
	"that over --config, that over the default."

// helpView is what helpTemplate shows.
type helpView struct {
	Name, Usage, Description string
	Lines                    []string
	Commands                 []helpRow
	Groups                   []helpGroup
	Examples                 []Example
	Column, CommandColumn    int
	More                     string
}

type helpGroup struct {
	Title string
	Rows  []helpRow
}

// helpRow is a term with its explanation.
type helpRow struct{ Term, Text string }

// writeHelp writes the help of a command: the root's, with the flags of its
// default subcommand, unless a subcommand was named.
func writeHelp(w io.Writer, root, leaf *Command, named bool) error {
	shown, name := root, root.Name
	if named {
		shown, name = leaf, root.Name+" "+leaf.Name
	}
	v := helpView{
		Name: name, Usage: shown.Usage, Description: shown.Description, Examples: shown.Examples,
		More: precedence,
	}
	args := ""
	if leaf.Args != "" {
		args = " " + leaf.Args
	}
	if named || len(root.Commands) == 0 {
		v.Lines = []string{name + " [flags]" + args}
	} else {
		v.addCommands(root, leaf, args)
	}
	v.addFlags(root, leaf)
	funcs := template.FuncMap{"wrap": wrapText, "row": helpRow.String}
	return template.Must(template.New("help").Funcs(funcs).Parse(helpTemplate)).Execute(w, v)
}

// addCommands adds the subcommands of root; leaf is the default one, or root.
func (v *helpView) addCommands(root, leaf *Command, args string) {
	if leaf != root {
		v.Lines = append(v.Lines, root.Name+" ["+leaf.Name+"] [flags]"+args)
		if len(v.Examples) == 0 {
			v.Examples = leaf.Examples
		}
	}
	v.Lines = append(v.Lines, root.Name+" COMMAND [flags] [arguments]")
	for _, c := range root.Commands {
		text := c.Usage
		if c == leaf {
			text += " (when no command is named)"
		}
		v.Commands = append(v.Commands, helpRow{c.Name, text})
		v.CommandColumn = max(v.CommandColumn, len(c.Name)+4)
	}
	v.More = "Each command has its own help: " + root.Name + " COMMAND --help. " + precedence
}

// addFlags adds the flags of leaf that are not hidden.
func (v *helpView) addFlags(root, leaf *Command) {
	for _, g := range leaf.allGroups(new(common)) {
		shown := helpGroup{Title: g.Title}
		for i := range g.Flags {
			f := &g.Flags[i]
			if f.Hidden {
				continue
			}
			row := helpRow{f.term(), f.explain(f.variables(root, leaf))}
			if n := utf8.RuneCountInString(row.Term) + 4; n <= longTerm {
				v.Column = max(v.Column, n)
			}
			shown.Rows = append(shown.Rows, row)
		}
		if len(shown.Rows) > 0 {
			v.Groups = append(v.Groups, shown)
		}
	}
}

// term returns "-p, --num-clients N".
func (f *Flag) term() string {
	s := "    --" + f.Name
	if f.Short != "" {
		s = "-" + f.Short + ", --" + f.Name
	}
	if m := f.meta(); m != "" {
		s += " " + m
	}
	return s
}

// explain returns the usage with the default and the variables.
func (f *Flag) explain(variables []string) string {
	s := f.Usage
	def := f.DefaultText
	if def == "" && !f.isSwitch() && !f.Secret {
		def = f.Value.String()
		if def == "0" || def == "0s" {
			def = ""
		}
	}
	switch {
	case f.Required:
		s += " (needed)"
	case def != "":
		s += " (default " + def + ")"
	case f.isSwitch() && f.Value.String() == "true":
		s += " (default on)"
	}
	if len(variables) > 0 {
		s += " [$" + strings.Join(variables, ", $") + "]"
	}
	return s
}

// String returns the row in two columns. A term too long for its column has a
// line of its own.
func (r helpRow) String(column int) string {
	text := wrapText(column, r.Text)
	term := "  " + r.Term
	if n := utf8.RuneCountInString(term); n+2 <= column {
		return term + strings.Repeat(" ", column-n) + text
	}
	return term + "\n" + strings.Repeat(" ", column) + text
}

// wrapText breaks the text's lines at helpWidth and indents all but the first.
// Lines that begin with a space stay as they are.
func wrapText(indent int, text string) string {
	pad := "\n" + strings.Repeat(" ", indent)
	var out []string
	for line := range strings.SplitSeq(strings.TrimSpace(text), "\n") {
		if !strings.HasPrefix(line, " ") {
			line = wrapLine(indent, pad, line)
		}
		out = append(out, line)
	}
	return strings.Join(out, pad)
}

// wrapLine breaks one line, which begins at the column indent, with pad.
func wrapLine(indent int, pad, line string) string {
	var b strings.Builder
	width := indent
	for i, word := range strings.Fields(line) {
		n := utf8.RuneCountInString(word)
		switch {
		case i == 0:
		case width+1+n > helpWidth:
			b.WriteString(pad)
			width = indent
		default:
			b.WriteByte(' ')
			width++
		}
		b.WriteString(word)
		width += n
	}
	return b.String()
}
