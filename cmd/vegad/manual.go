package main

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/alecthomas/kong"
)

// manualCmd is vegad manual, which packages are made with.
type manualCmd struct{}

// Run prints the manual page vegad(1), made from the same model as the help.
func (*manualCmd) Run(s streams, parsed *kong.Context) error {
	var m manual
	m.line(".TH VEGAD 1 \"\" %s", roff(fmt.Sprintf("%q", "vegad "+programVersion().Version)))
	m.line(".SH NAME\nvegad \\- metric scene memory for robots")
	m.line(".SH SYNOPSIS\n.B vegad\n.I COMMAND\n[\\fIOPTION\\fR...] [\\fIARGUMENT\\fR...]")
	m.line(".SH DESCRIPTION")
	m.text("vegad watches a camera, keeps a metric picture of what stands where, and answers spatial questions over MQTT.")
	m.line(".SH COMMANDS")
	m.commands(parsed.Model.Node)
	m.line("%s", manualEnd)
	s.say("%s", m.String())
	return nil
}

// manualEnd is what no command's help says.
const manualEnd = `.SH EXIT STATUS
0 done, 1 failed, 2 wrong usage, 3 abstained or degraded.
.SH FILES
.TP
.I /etc/vegad/config.yaml
the configuration of vegad.service; \fB/etc/vegad/\fINAME\fB.yaml\fR that of vegad@\fINAME\fR.service
.TP
.I /etc/vegad/conf.d/*.yaml
are laid over it, in the order of their names
.TP
.I /usr/share/vegad/bundles
model bundles that came with the package; those installed later lie in
.I /var/lib/vegad
.TP
.I /var/cache/vegad/engines
what TensorRT has built
.SH ENVIRONMENT
.TP
.B VEGAD_ONNXRUNTIME
the ONNX Runtime library to load; without it, the one beside the program or the system's
.TP
.B VEGAD_BROKER_PASSWORD
the broker's password, if neither a file nor a systemd credential has it
.SH SEE ALSO
.BR systemctl (1),
.BR mosquitto_sub (1)`

// manual is a page in the language of man.
type manual struct{ strings.Builder }

func (m *manual) line(format string, args ...any) { _, _ = fmt.Fprintf(m, format+"\n", args...) }

// text writes a paragraph. A line that begins with a dot or an apostrophe would be an order.
func (m *manual) text(text string) {
	for line := range strings.Lines(text) {
		line = roff(strings.TrimSpace(line))
		if strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") {
			line = `\&` + line
		}
		m.line("%s", cmp.Or(line, ".PP"))
	}
}

// roff is text in which hyphens can be searched for and copied.
func roff(text string) string { return strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(text) }

// commands writes the commands that do something, with their flags.
func (m *manual) commands(root *kong.Node) {
	for _, node := range root.Leaves(true) {
		if node.Hidden || node.Parent.Hidden {
			continue
		}
		m.line(".SS %s", roff(node.Summary()))
		m.text(node.Help)
		for _, argument := range node.Positional {
			m.item(argument.ShortSummary(), argument.Help)
		}
		for _, flag := range node.Flags {
			if !flag.Hidden {
				m.item(flag.String(), flag.Help)
			}
		}
	}
}

func (m *manual) item(name, help string) {
	m.line(".TP\n.B %s", roff(name))
	m.text(help)
}
