package dashboard

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/vega-edge/vegad/runtime/link/payload"
	"github.com/vega-edge/vegad/runtime/scene"
)

// Bounds of what a browser may send.
const (
	bodyBytes   = 8 << 10
	headerBytes = 16 << 10
	connections = 64
	askWithin   = 10 * time.Second
	listenAgain = 10 * time.Second // after the address could not be had

	freeRange = scene.FreeRange
	client    = "dashboard" // the page's name among those who ask
)

//go:embed page
var embedded embed.FS

// assets serves the embedded files. Their common digest is the ETag: a new program is a new page.
func assets() (http.Handler, error) {
	files, err := fs.Sub(embedded, "page")
	if err != nil {
		return nil, err
	}
	digest := sha256.New()
	err = fs.WalkDir(files, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := fs.ReadFile(files, name)
		digest.Write([]byte(name))
		digest.Write(data)
		return err
	})
	if err != nil {
		return nil, err
	}
	tag := `"` + hex.EncodeToString(digest.Sum(nil)[:8]) + `"`
	server := http.FileServerFS(files)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-cache")
		w.Header().Set("ETag", tag)
		server.ServeHTTP(w, r)
	}), nil
}

// httpServer bounds everything that a peer could drag out.
func (s *Server) httpServer() *http.Server {
	return &http.Server{
		Handler: s.guard.wrap(s.routes()), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second,
		WriteTimeout: 30 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: headerBytes,
		ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
}

func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /style.css", s.files)
	mux.Handle("GET /login.html", s.files)
	mux.Handle("GET /icon.svg", s.files)
	mux.HandleFunc("POST /login", s.login)
	mux.Handle("GET /", s.private(s.files))
	mux.Handle("GET /live", s.private(http.HandlerFunc(s.live)))
	mux.Handle("POST /ask", s.private(http.HandlerFunc(s.ask)))
	mux.Handle("POST /watch", s.private(http.HandlerFunc(s.watch)))
	return mux
}

// private asks for the token: a person who opens the page for it in a form, anything else by a refusal.
func (s *Server) private(inner http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case s.guard.allowed(r):
			inner.ServeHTTP(w, r)
		case r.URL.Path == "/":
			http.Redirect(w, r, "/login.html", http.StatusSeeOther)
		default:
			http.Error(w, "the token is missing or wrong", http.StatusUnauthorized)
		}
	})
}

func (s *Server) login(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	if s.guard.token != "" && !s.guard.try(r.PostFormValue("token")) {
		http.Redirect(w, r, "/login.html#wrong", http.StatusSeeOther)
		return
	}
	if s.guard.token != "" {
		http.SetCookie(w, s.guard.cookie())
	}
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

// posted is what the page posts: a question, or the end of a standing one.
type posted struct {
	ID       string        `json:"id,omitempty"` // of the standing question to end
	Question string        `json:"question,omitempty"`
	Scope    payload.Scope `json:"scope,omitempty"`
	Cancel   bool          `json:"cancel,omitempty"`
}

// readPosted reads exactly one object of known fields.
func readPosted(data []byte) (posted, error) {
	var p posted
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&p); err != nil {
		return posted{}, fmt.Errorf("reading a question: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return posted{}, errors.New("reading a question: something follows the object")
	}
	return p, nil
}

// toAsk makes the message of it that a robot gets over MQTT, with the same checks.
func (p posted) toAsk(id string) (payload.Ask, error) {
	data, err := json.Marshal(payload.Ask{
		RequestID: id, Question: p.Question, Scope: p.Scope, Client: client, DeadlineMs: askWithin.Milliseconds(),
	})
	if err != nil {
		return payload.Ask{}, fmt.Errorf("writing a question: %w", err)
	}
	return payload.DecodeAsk(data)
}

func (p posted) toWatch(id string) (payload.Watch, error) {
	if p.Cancel {
		id = p.ID
	}
	data, err := json.Marshal(payload.Watch{
		RequestID: id, Question: p.Question, Scope: p.Scope, Client: client, Cancel: p.Cancel,
	})
	if err != nil {
		return payload.Watch{}, fmt.Errorf("writing a standing question: %w", err)
	}
	return payload.DecodeWatch(data)
}

// receive reads what was posted, or refuses it.
func (s *Server) receive(w http.ResponseWriter, r *http.Request) (posted, bool) {
	if r.Header.Get("Content-Type") != "application/json" {
		http.Error(w, "want application/json", http.StatusUnsupportedMediaType)
		return posted{}, false
	}
	data, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, "the question is too large or was cut off", http.StatusRequestEntityTooLarge)
		return posted{}, false
	}
	p, err := readPosted(data)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return posted{}, false
	}
	return p, true
}

// number names a question of the page; the start of the connection's clock keeps runs of the program apart.
func (s *Server) number() string { return "page-" + strconv.FormatUint(s.asked.Add(1), 10) }

func (s *Server) ask(w http.ResponseWriter, r *http.Request) {
	p, ok := s.receive(w, r)
	if !ok {
		return
	}
	ask, err := p.toAsk(s.number())
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	answer := s.cfg.Answerer.Ask(r.Context(), ask)
	answer.RequestID, answer.Question = ask.RequestID, ask.Question
	s.reply(w, s.keep(answer, client))
}

func (s *Server) watch(w http.ResponseWriter, r *http.Request) {
	p, ok := s.receive(w, r)
	if !ok {
		return
	}
	watch, err := p.toWatch(s.number())
	if err == nil {
		err = s.cfg.Answerer.Watch(watch)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.reply(w, posted{ID: watch.RequestID, Question: watch.Question, Cancel: watch.Cancel})
}

func (s *Server) reply(w http.ResponseWriter, v any) {
	m := s.encode(v)
	if m.data == nil {
		http.Error(w, "the answer cannot be written", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(m.data) // a viewer who has gone needs no answer
}

// listen waits for the address, and returns nil when ctx ends first.
func (s *Server) listen(ctx context.Context) net.Listener {
	var config net.ListenConfig
	for told := false; ; told = true {
		l, err := config.Listen(ctx, "tcp", s.cfg.Listen)
		if err == nil {
			return s.opened(l)
		}
		if !told && ctx.Err() == nil {
			s.log.Warn("the page is not served yet", "listen", s.cfg.Listen, "err", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(listenAgain):
		}
	}
}

func (s *Server) opened(l net.Listener) net.Listener {
	scheme := "http://"
	out := net.Listener(&limited{Listener: l, free: make(chan struct{}, connections)})
	if s.cfg.TLS != nil {
		scheme = "https://"
		out = tls.NewListener(out, s.cfg.TLS)
	} else if !s.guard.local {
		s.log.Warn("the page is served unencrypted beyond this machine; see dashboard.certFile", "listen", s.cfg.Listen)
	}
	address := scheme + l.Addr().String() + "/"
	s.address.Store(&address)
	s.log.Info("the page is served", "url", address)
	return out
}
