package main

import (
	"fmt"
	"strings"

	"github.com/alecthomas/kong"
)

// completionCmd is vegad completion.
type completionCmd struct {
	Shell string `arg:"" enum:"bash,zsh" help:"bash or zsh."`
}

// Run prints what a shell reads to complete vegad's command line. It is made from the same model as the help.
func (c *completionCmd) Run(s streams, parsed *kong.Context) error {
	junctions := junctionsOf(parsed.Model.Node, "")
	if c.Shell == "zsh" {
		s.say("%s", zshCompletion(junctions))
		return nil
	}
	s.say("%s", bashCompletion(junctions))
	return nil
}

// junction is a command with what may follow it.
type junction struct {
	path   string // "/model/show"; empty is the program itself
	follow []word // subcommands and flags
	values []value
}

// word is something that can be typed, and what it means.
type word struct{ text, help string }

// value is what may follow a flag that wants one; no choices mean a file, or something that cannot be known.
type value struct {
	flag    string
	choices []string
}

// junctionsOf lists a command and those below it, without what is hidden.
func junctionsOf(node *kong.Node, path string) []junction {
	here := junction{path: path}
	var below []junction
	for _, child := range node.Children {
		if child.Hidden {
			continue
		}
		here.follow = append(here.follow, word{child.Name, child.Help})
		below = append(below, junctionsOf(child, path+"/"+child.Name)...)
	}
	for _, group := range node.AllFlags(true) {
		for _, flag := range group {
			here.addFlag(flag)
		}
	}
	for _, argument := range node.Positional {
		for _, choice := range choicesOf(argument) {
			here.follow = append(here.follow, word{choice, argument.Help})
		}
	}
	return append([]junction{here}, below...)
}

func (p *junction) addFlag(flag *kong.Flag) {
	names := []string{"--" + flag.Name}
	if flag.Short != 0 {
		names = append(names, "-"+string(flag.Short))
	}
	for _, name := range names {
		p.follow = append(p.follow, word{name, flag.Help})
		if !flag.IsBool() {
			p.values = append(p.values, value{name, choicesOf(flag.Value)})
		}
	}
}

func choicesOf(v *kong.Value) []string {
	if v.Enum == "" {
		return nil
	}
	return v.EnumSlice()
}

// quoted is a word of both shells that means itself.
func quoted(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }

// step is the case that goes down from a command to a subcommand.
func step(junctions []junction) string {
	paths := make([]string, 0, len(junctions))
	for _, p := range junctions {
		if p.path != "" {
			paths = append(paths, quoted(p.path))
		}
	}
	return strings.Join(paths, "|")
}

const bashFrame = `# bash completion for vegad, printed by: vegad completion bash
_vegad() {
  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} at= word offered
  COMPREPLY=()
  if [[ $cur == = ]]; then
    cur=
  elif [[ $prev == = ]]; then
    prev=${COMP_WORDS[COMP_CWORD-2]}
  fi
  for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$at/$word" in
      %s) at+=/$word ;;
    esac
  done
  case "$at:$prev" in
%s  esac
  case $at in
%s  esac
  COMPREPLY=($(compgen -W "$offered" -- "$cur"))
}
complete -o default -F _vegad vegad
`

// bashCompletion offers nothing where a file or something unknown is wanted: bash then completes files.
func bashCompletion(junctions []junction) string {
	var values, follow strings.Builder
	for _, p := range junctions {
		for _, v := range p.values {
			_, _ = fmt.Fprintf(&values, "    %s)\n      COMPREPLY=($(compgen -W %s -- \"$cur\"))\n      return\n      ;;\n",
				quoted(p.path+":"+v.flag), quoted(strings.Join(v.choices, " ")))
		}
		words := make([]string, len(p.follow))
		for i, w := range p.follow {
			words[i] = w.text
		}
		_, _ = fmt.Fprintf(&follow, "    %s) offered=%s ;;\n", quoted(p.path), quoted(strings.Join(words, " ")))
	}
	return fmt.Sprintf(bashFrame, step(junctions), values.String(), follow.String())
}

const zshFrame = `#compdef vegad
# zsh completion for vegad, printed by: vegad completion zsh
_vegad() {
  local at= word
  local -a offered
  for word in "${(@)words[2,CURRENT-1]}"; do
    case "$at/$word" in
      (%s) at+=/$word ;;
    esac
  done
  case "$at:${words[CURRENT-1]}" in
%s  esac
  case $at in
%s  esac
  _describe vegad offered || _files
}
_vegad "$@"
`

// zshCompletion also shows what each word means.
func zshCompletion(junctions []junction) string {
	var values, follow strings.Builder
	for _, p := range junctions {
		for _, v := range p.values {
			offer := "_files"
			if len(v.choices) > 0 {
				offer = "compadd " + strings.Join(v.choices, " ")
			}
			_, _ = fmt.Fprintf(&values, "    (%s) %s; return ;;\n", quoted(p.path+":"+v.flag), offer)
		}
		_, _ = fmt.Fprintf(&follow, "    (%s) offered=(", quoted(p.path))
		for _, w := range p.follow {
			_, _ = fmt.Fprintf(&follow, "\n      %s", quoted(w.text+":"+w.help))
		}
		follow.WriteString("\n    ) ;;\n")
	}
	return fmt.Sprintf(zshFrame, step(junctions), values.String(), follow.String())
}
