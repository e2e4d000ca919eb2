package cli

import (
	"io"
	"strings"
	"text/template"
	"unicode/utf8"
)

// helpWidth is the greatest width of a line of help.
const helpWidth = 100

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
{{end}}{{end}}{{if .More}}
{{wrap 0 .More}}
{{end}}
` + exitCodes + "\n"

// exitCodes is the last line of help.
const exitCodes = "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 finished but something was missed, 130 interrupted."

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

// writeHelp writes the help of a command; of the root, with its default subcommand's flags, unless named.
func writeHelp(w io.Writer, root, leaf *Command, named bool) error {
	v := helpView{Name: root.Name, Usage: root.Usage, Description: root.Description, Examples: root.Examples}
	args := ""
	if leaf.Args != "" {
		args = " " + leaf.Args
	}
	switch {
	case named:
		v.Name, v.Usage, v.Description, v.Examples = root.Name+" "+leaf.Name, leaf.Usage, leaf.Description, leaf.Examples
		v.Lines = []string{v.Name + " [flags]" + args}
	case len(root.Commands) > 0:
		if leaf != root {
			v.Lines = append(v.Lines, root.Name+" ["+leaf.Name+"] [flags]"+args)
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
		if leaf != root && len(v.Examples) == 0 {
			v.Examples = leaf.Examples
		}
		v.More = "Each command has its own help: " + root.Name + " COMMAND --help."
	default:
		v.Lines = []string{v.Name + " [flags]" + args}
	}
	for _, g := range append(append([]Group(nil), leaf.Groups...), commonGroup(new(common))) {
		hg := helpGroup{Title: g.Title}
		for i := range g.Flags {
			if f := &g.Flags[i]; !f.Hidden {
				row := helpRow{f.term(), f.explain(root, leaf)}
				if n := utf8.RuneCountInString(row.Term) + 4; n <= 32 {
					v.Column = max(v.Column, n)
				}
				hg.Rows = append(hg.Rows, row)
			}
		}
		if len(hg.Rows) > 0 {
			v.Groups = append(v.Groups, hg)
		}
	}
	if v.More != "" {
		v.More += " "
	}
	v.More += "Flags may stand anywhere. The command line wins over the environment, that over --config, that over the default."
	funcs := template.FuncMap{"wrap": wrapText, "row": helpRow.String}
	return template.Must(template.New("help").Funcs(funcs).Parse(helpTemplate)).Execute(w, v)
}

// term is "-p, --num-clients N".
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

// explain is the usage with the default and the variables, of a flag of the command leaf.
func (f *Flag) explain(root, leaf *Command) string {
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
	case f.isSwitch() && f.DefaultText == "" && f.Value.String() == "true":
		s += " (default on)"
	}
	if stops(f.Name) {
		return s
	}
	s += " [$" + twin(root, leaf, f.Name)
	for _, e := range f.Env {
		s += ", $" + e
	}
	return s + "]"
}

// String is the row in two columns; a term too long for its column has a line of its own.
func (r helpRow) String(column int) string {
	text := wrapText(column, r.Text)
	term := "  " + r.Term
	if n := utf8.RuneCountInString(term); n+2 <= column {
		return term + strings.Repeat(" ", column-n) + text
	}
	return term + "\n" + strings.Repeat(" ", column) + text
}

// wrapText breaks the text's lines at helpWidth; further lines are indented. Lines that start with a space stay.
func wrapText(indent int, text string) string {
	pad := "\n" + strings.Repeat(" ", indent)
	var out []string
	for line := range strings.SplitSeq(strings.TrimSpace(text), "\n") {
		if strings.HasPrefix(line, " ") {
			out = append(out, line)
			continue
		}
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
		out = append(out, b.String())
	}
	return strings.Join(out, pad)
}
