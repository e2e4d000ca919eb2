package cli

import (
	"fmt"
	"io"
	"strings"
	"text/template"
)

// briefExamples is how many examples --help shows, so that it fits a screen; it
// shows one below a list of commands.
const briefExamples = 2

// helpTemplate is the form of --help and --help-all of every command and
// subcommand.
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
{{range $i, $e := .Examples}}{{if and $i $.All}}
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
	All                      bool // flags, not only the essential ones
	Name, Usage, Description string
	Lines                    []string
	Commands                 []Term
	Groups                   []helpGroup
	Examples                 []Example
	Column, CommandColumn    int
	More                     string
}

type helpGroup struct {
	Title string
	Rows  []Term
}

// writeHelp writes the help of a command: the root's, with the flags of its
// default subcommand, unless a subcommand was named. Without all it has the
// essential flags only.
func writeHelp(w io.Writer, root, leaf *Command, named, all bool) error {
	shown, name := root, root.Name
	if named {
		shown, name = leaf, root.Name+" "+leaf.Name
	}
	v := helpView{
		All: all, Name: name, Usage: shown.Usage, Description: shown.Description,
		Examples: shown.Examples, More: precedence,
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
	if all {
		v.addAllFlags(root, leaf)
	} else {
		v.addEssentials(leaf)
		most := briefExamples
		if len(v.Commands) > 0 {
			most = 1
		}
		v.Examples = v.Examples[:min(len(v.Examples), most)]
	}
	if len(v.Commands) > 0 {
		v.More = "Each command has its own help: " + root.Name + " COMMAND --help. " + v.More
	}
	width := widthOf(w)
	funcs := template.FuncMap{"wrap": width.wrap, "row": width.row}
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
		v.Commands = append(v.Commands, Term{c.Name, text})
		v.CommandColumn = max(v.CommandColumn, len(c.Name)+4)
	}
}

// addAllFlags adds the flags of leaf that are not hidden, by their groups.
func (v *helpView) addAllFlags(root, leaf *Command) {
	for _, g := range leaf.allGroups(new(common)) {
		shown := helpGroup{Title: g.Title}
		for i := range g.Flags {
			if f := &g.Flags[i]; !f.Hidden {
				v.add(&shown, f, f.wholeUsage(), f.variables(root, leaf))
			}
		}
		if len(shown.Rows) > 0 {
			v.Groups = append(v.Groups, shown)
		}
	}
}

// addEssentials adds the essential flags of leaf.
func (v *helpView) addEssentials(leaf *Command) {
	shown := helpGroup{Title: "Flags"}
	n := 0
	for f := range leaf.flags(new(common)) {
		if !f.Hidden {
			n++
		}
		if f.Essential {
			v.add(&shown, f, firstSentence(f.Usage), nil)
		}
	}
	v.Groups = append(v.Groups, shown)
	v.More = fmt.Sprintf("These are %d of %d flags: %s --help-all explains all of them, "+
		"and their environment variables.", len(shown.Rows), n, v.Name)
}

// add adds a flag, with the names of its variables, to a group.
func (v *helpView) add(g *helpGroup, f *Flag, usage string, variables []string) {
	row := Term{f.term(), f.explain(usage, variables)}
	v.Column = row.widen(v.Column)
	g.Rows = append(g.Rows, row)
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

// wholeUsage returns the usage, with the choices if the term has no room for
// them.
func (f *Flag) wholeUsage() string {
	if m, ok := f.Value.(interface{ Choices() []string }); ok && f.meta() == manyChoices {
		if names := m.Choices(); len(names) > 0 {
			return f.Usage + "; one of " + orList(names)
		}
	}
	return f.Usage
}

// explain returns the usage with the default and the variables.
func (f *Flag) explain(s string, variables []string) string {
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
