package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// tool finds a program that make test installs; there its absence is a failure.
func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil && os.Getenv("VEGAD_REQUIRE_SHELLS") != "" {
		t.Fatal(err)
	}
	if err != nil {
		t.Skipf("%s is not installed", name)
	}
	return path
}

// completed has a shell complete the last of some words with the script that vegad prints for it.
func completed(t *testing.T, shell, ask string, words ...string) []string {
	t.Helper()
	script := filepath.Join(t.TempDir(), "_vegad")
	got := vegad(t, "completion", shell)
	if got.code != exitDone {
		t.Fatal(got.err)
	}
	if err := os.WriteFile(script, []byte(got.out), 0o600); err != nil {
		t.Fatal(err)
	}
	args := append([]string{"-c", ask, script}, words...)
	out, err := exec.Command(tool(t, shell), args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return strings.Fields(string(out))
}

// askBash sets what bash would when TAB is pressed behind the words.
const askBash = `source "$0"; COMP_WORDS=(vegad "$@"); COMP_CWORD=$#; _vegad; echo "${COMPREPLY[@]}"`

// askZsh puts printers in the place of zsh's own functions, which work only in its line editor.
const askZsh = `compadd() { print -r -- "$@" }; _files() { print -r -- FILES }
_describe() { local word; for word in "${(@P)2}"; do
  [[ ${word%%:*} == ${words[CURRENT]}* ]] && print -r -- "${word%%:*}"; done; true }
words=(vegad "$@"); CURRENT=${#words}; set --; source "$0"`

func TestCompletion(t *testing.T) {
	for _, c := range []struct {
		words string // the last is being typed
		with  string // must be offered
		not   string // must not be
	}{
		{"d", "demo doctor", "run eval manual"},
		{"model s", "show sign", "install --key run"},
		{"run --b", "--broker --bundle", "--camera --seed"},
		{"eval --precision ", "auto fp32 fp16 int8", "test --split"},
		{"eval --split s", "shift", "auto"},
		{"eval --json --sp", "--split", "shift"},
		{"completion ", "bash zsh", "fish"},
	} {
		words := strings.Split(c.words, " ")
		for shell, ask := range map[string]string{"bash": askBash, "zsh": askZsh} {
			t.Run(shell+" "+c.words, func(t *testing.T) {
				got := completed(t, shell, ask, words...)
				for want := range strings.FieldsSeq(c.with) {
					if !slices.Contains(got, want) {
						t.Errorf("%q is not offered but %q", want, got)
					}
				}
				for wrong := range strings.FieldsSeq(c.not) {
					if slices.Contains(got, wrong) {
						t.Errorf("%q is offered", wrong)
					}
				}
			})
		}
	}
}

// TestCompletionOfFiles leaves what vegad cannot know to the shell.
func TestCompletionOfFiles(t *testing.T) {
	if got := completed(t, "bash", askBash, "run", "--config", "x"); len(got) != 0 {
		t.Errorf("bash is offered %q, and would not look for files", got)
	}
	if got := completed(t, "bash", askBash, "eval", "--split", "=", "s"); !slices.Equal(got, []string{"shift"}) {
		t.Errorf("behind an equals sign: %q", got)
	}
	if got := completed(t, "zsh", askZsh, "run", "--config", "x"); !slices.Equal(got, []string{"FILES"}) {
		t.Errorf("zsh does %q", got)
	}
}

func TestManual(t *testing.T) {
	got := vegad(t, "manual")
	if got.code != exitDone {
		t.Fatal(got.err)
	}
	wantContains(t, "the page", got.out, ".TH VEGAD 1", ".SS run", ".SS model show", `.B \-c, \-\-config=FILE`,
		"/etc/vegad/config.yaml", "VEGAD_ONNXRUNTIME")
	if strings.Contains(got.out, "manual page") {
		t.Error("the page tells of a command that is hidden")
	}
	path := filepath.Join(t.TempDir(), "vegad.1")
	if err := os.WriteFile(path, []byte(got.out), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(tool(t, "mandoc"), "-T", "lint", "-W", "error", path).CombinedOutput(); err != nil {
		t.Errorf("mandoc: %v\n%s", err, out)
	}
}
