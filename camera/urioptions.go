package camera

import (
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// setter takes the text of one option.
type setter func(value string) error

// options reads a query into the fields that known names, each at most once.
func (u *URI) options(raw string, known map[string]setter) error {
	query, err := url.ParseQuery(raw)
	if err != nil {
		return fmt.Errorf("reading its options: %w", err)
	}
	for _, key := range slices.Sorted(maps.Keys(query)) {
		set, ok := known[key]
		if !ok {
			return fmt.Errorf("option %q is unknown, use %s", key, strings.Join(slices.Sorted(maps.Keys(known)), ", "))
		}
		if len(query[key]) != 1 {
			return fmt.Errorf("option %q is given %d times", key, len(query[key]))
		}
		if err := set(query.Get(key)); err != nil {
			return fmt.Errorf("option %q: %w", key, err)
		}
	}
	return nil
}

func setInt(to *int, low, high int) setter {
	return func(value string) error {
		n, err := strconv.Atoi(value)
		if err != nil || n < low || n > high {
			return fmt.Errorf("%q is no whole number from %d to %d", value, low, high)
		}
		*to = n
		return nil
	}
}

func setSide(to *int) setter { return setInt(to, 1, maxSide) }

func setRate(to *float64) setter {
	return func(value string) error {
		n, err := strconv.ParseFloat(value, 64)
		if err != nil || !(n > 0 && n <= 1000) {
			return fmt.Errorf("%q is no rate above 0 and up to 1000 frames per second", value)
		}
		*to = n
		return nil
	}
}

func setWord(to *string, words ...string) setter {
	return func(value string) error {
		if !slices.Contains(words, value) {
			return fmt.Errorf("%q is unknown, use %s", value, strings.Join(words, " or "))
		}
		*to = value
		return nil
	}
}

func setFourCC(to *string) setter {
	return func(value string) error {
		if len(value) != 4 || strings.ContainsFunc(value, func(r rune) bool { return r < '0' || r > 'z' }) {
			return fmt.Errorf("%q is no four-character code such as MJPG or YUYV", value)
		}
		*to = strings.ToUpper(value)
		return nil
	}
}

func setFlag(to *bool) setter {
	return func(value string) error {
		on, err := strconv.ParseBool(value)
		if err != nil {
			return fmt.Errorf("%q is neither 1 nor 0", value)
		}
		*to = on
		return nil
	}
}

func setPace(paced *bool) setter {
	return func(value string) error {
		if value != "realtime" && value != "off" {
			return fmt.Errorf("%q is unknown, use realtime or off", value)
		}
		*paced = value == "realtime"
		return nil
	}
}

func isNumber(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool { return r < '0' || r > '9' })
}

// credentials matches what stands between the scheme and the host of a URL. Passwords may hold any character when
// they are typed carelessly, so it reaches to the last @ of the word.
var credentials = regexp.MustCompile(`(?i)([a-z][a-z0-9+.-]*://)[^\s"']*@`)

// secrets matches the parameters in which some cameras and GStreamer elements take a password.
var secrets = regexp.MustCompile(`(?i)\b(password|passwd|pass|pwd|user-pw|proxy-pw|token)\s*=\s*("[^"]*"|[^&\s!]*)`)

// redact hides the credentials of every URL and every password parameter in a text.
func redact(s string) string {
	return secrets.ReplaceAllString(credentials.ReplaceAllString(s, "${1}***@"), "${1}=***")
}

// unknownForm names the supported form that looks most like what was typed.
func unknownForm(word string) error {
	examples := []struct{ name, form string }{
		{"room", "room:?seed=7"},
		{"v4l2", "/dev/video0"},
		{"video", "/dev/video0"},
		{"usb", "/dev/video0"},
		{"csi", "csi:0"},
		{"rtsp", "rtsp://host/stream"},
		{"rtsps", "rtsps://host/stream"},
		{"file", "file:PATH"},
		{"gst", "gst:PIPELINE"},
		{"gstreamer", "gst:PIPELINE"},
		{"replay", "replay:DIR"},
	}
	typed := strings.ToLower(strings.TrimRight(word, "0123456789"))
	typed = typed[:min(len(typed), 16)]
	best, distance := "", 3 // three changes make another word
	for _, e := range examples {
		if d := edits(typed, e.name); d < min(distance, len(e.name)) {
			best, distance = e.form, d
		}
	}
	if best == "" {
		return fmt.Errorf("%q is no kind of camera, use %s", redact(word), forms)
	}
	return fmt.Errorf("%q is no kind of camera, did you mean %s?", word, best)
}

// edits counts the insertions, deletions and replacements that turn a into b.
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j+1]+1, row[j]+1)
		}
	}
	return row[len(b)]
}
