package broker

import (
	"context"
	"log/slog"
)

// quiet passes the broker's own chatter on as debug messages and only its errors as they are: a client that goes
// without saying so is a warning to the broker and daily life to a robot.
type quiet struct{ slog.Handler }

func demote(level slog.Level) slog.Level {
	if level >= slog.LevelError {
		return level
	}
	return slog.LevelDebug
}

// Enabled reports whether a message of the level would be written.
func (q quiet) Enabled(ctx context.Context, level slog.Level) bool {
	return q.Handler.Enabled(ctx, demote(level))
}

// Handle writes a message.
func (q quiet) Handle(ctx context.Context, record slog.Record) error {
	record.Level = demote(record.Level)
	return q.Handler.Handle(ctx, record)
}

// WithAttrs keeps the result quiet.
func (q quiet) WithAttrs(attrs []slog.Attr) slog.Handler { return quiet{q.Handler.WithAttrs(attrs)} }

// WithGroup keeps the result quiet.
func (q quiet) WithGroup(name string) slog.Handler { return quiet{q.Handler.WithGroup(name)} }
