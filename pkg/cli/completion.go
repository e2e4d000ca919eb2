package cli

import (
	"fmt"
	"io"
	"strings"
)

// completeWord asks, as the first argument, for what may follow: the words typed so far come after it, the last of
// them unfinished. The answer is a candidate a line, with a tab and an explanation where there is one, or the line
// filesWord where a file's name is meant. The scripts below speak this way with the command; a user never does.
const (
	completeWord = "__complete"
	filesWord    = ":files"
)

// complete prints the candidates. It never fails on what is typed: half a line is half wrong.
func complete(w io.Writer, root *Command, words []string) error {
	if len(words) == 0 {
		words = []string{""}
	}
	typed, last := words[:len(words)-1], words[len(words)-1]
	leaf, place := root, -1
	if len(root.Commands) > 0 {
		if leaf, place = pickCommand(root, typed); leaf == nil {
			leaf, place = root, -1 // behind the word help come commands
		}
	}
	t := newFlagTable(leaf)
	add := func(word, about string) {
		if strings.HasPrefix(word, last) {
			fmt.Fprintf(w, "%s\t%s\n", word, about)
		}
	}
	value := func(f *Flag, prefix string) {
		if choices := f.choices(); choices != nil {
			for _, c := range choices {
				add(prefix+c, "")
			}
		} else if strings.Contains(f.meta(), "FILE") {
			fmt.Fprintln(w, filesWord)
		}
	}
	for i, word := range typed {
		if word == "--" {
			fmt.Fprintln(w, filesWord)
			return nil
		}
		if i == len(typed)-1 && strings.HasPrefix(word, "-") {
			if found, err := t.read(word); err == nil {
				if g := found[len(found)-1]; !g.hasValue && !g.flag.isSwitch() {
					value(g.flag, "")
					return nil
				}
			}
		}
	}
	name, _, assigned := strings.Cut(last, "=")
	switch {
	case assigned && strings.HasPrefix(last, "--"):
		if f := t.long[name[2:]]; f != nil {
			value(f, name+"=")
		}
	case strings.HasPrefix(last, "-") && last != "-":
		for _, n := range t.names {
			add("--"+n, firstSentence(t.long[n].Usage))
		}
	default:
		if len(root.Commands) > 0 && place < 0 {
			for _, c := range root.Commands {
				add(c.Name, c.Usage)
			}
		}
		if leaf.Args != "" {
			fmt.Fprintln(w, filesWord)
		}
		if last == "" || last == "-" {
			for _, n := range t.names {
				if strings.HasPrefix("--"+n, last) {
					fmt.Fprintf(w, "--%s\t%s\n", n, firstSentence(t.long[n].Usage))
				}
			}
		}
	}
	return nil
}

func firstSentence(s string) string {
	s, _, _ = strings.Cut(s, "\n")
	s, _, _ = strings.Cut(s, "; ")
	return s
}

// writeCompletion writes the script that makes the shell ask the command. Its words between @ are filled in.
func writeCompletion(w io.Writer, name, shell string) error {
	fn := "_" + strings.ToLower(envName(name, "complete"))
	_, err := io.WriteString(w, strings.NewReplacer("@PROG@", name, "@FUNC@", fn, "@WORD@", completeWord, "@FILES@", filesWord).Replace(completionScripts[shell]))
	return err
}

var completionScripts = map[string]string{
	"bash": `# bash completion for @PROG@. To use it: source <(@PROG@ --completion bash)
@FUNC@() {
  local cur line words word files=
  cur=${COMP_LINE:0:COMP_POINT}
  cur=${cur##*[[:space:]]}
  # bash breaks words at = and :, so the words behind the command are cut from the line itself.
  read -r -a words <<<"${COMP_LINE:0:COMP_POINT}"
  words=("${words[@]:1}")
  [[ -n $cur ]] && unset 'words[${#words[@]}-1]'
  COMPREPLY=()
  while IFS= read -r line; do
    word=${line%%$'\t'*}
    if [[ $word == @FILES@ ]]; then
      files=1
    else
      COMPREPLY+=("$word")
    fi
  done < <("${COMP_WORDS[0]}" @WORD@ "${words[@]}" "$cur" 2>/dev/null)
  # What stands before a = on the line is not part of the word that bash replaces.
  if [[ $cur == *=* ]]; then
    COMPREPLY=("${COMPREPLY[@]#"${cur%"${cur##*=}"}"}")
    cur=${cur##*=}
  fi
  if [[ -n $files && $cur != -* ]]; then
    compopt -o filenames 2>/dev/null
    while IFS= read -r line; do
      COMPREPLY+=("$line")
    done < <(compgen -f -- "$cur")
  fi
}
complete -F @FUNC@ @PROG@
`,
	"zsh": `#compdef @PROG@
# zsh completion for @PROG@. To use it: source <(@PROG@ --completion zsh), or put it on fpath as _@PROG@.
@FUNC@() {
  local line word about files=
  local -a list
  for line in "${(@f)$("${words[1]}" @WORD@ "${(@)words[2,CURRENT]}" 2>/dev/null)}"; do
    word=${line%%$'\t'*}
    about=${line#*$'\t'}
    if [[ $word == @FILES@ ]]; then
      files=1
    elif [[ -n $word ]]; then
      list+=("${word//:/\\:}:$about")
    fi
  done
  (( ${#list} )) && _describe '@PROG@' list
  [[ -n $files ]] && _files
}
if [[ ${funcstack[1]} == _@PROG@ ]]; then @FUNC@ "$@"; else compdef @FUNC@ @PROG@; fi
`,
	"fish": `# fish completion for @PROG@. To use it: @PROG@ --completion fish | source
function @FUNC@
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    # An empty word is no word at all for fish, but says here that a new one begins.
    test (count $current) -gt 0; or set current ''
    for line in ($words[1] @WORD@ $words[2..-1] $current 2>/dev/null)
        if test "$line" = @FILES@
            __fish_complete_path $current
        else
            echo $line
        end
    end
end
complete -c @PROG@ -f -a '(@FUNC@)'
`,
}
