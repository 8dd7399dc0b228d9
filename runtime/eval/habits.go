package eval

import (
	"context"
	"slices"
	"strconv"
	"strings"
)

// habits answers without looking, from the right answers to the questions of training rooms.
type habits struct {
	numbers map[string][]float64 // by kind, and by kind and label
	words   map[string]float64   // how often a text was right, by kind and text
	offered map[string]float64   // how often it could have been
}

// numberKeys lists where a number is filed: by kind and labels, and by kind alone.
func numberKeys(q *Question) []string {
	names := slices.Sorted(slices.Values(q.labels))
	return []string{q.Kind + "/" + strings.Join(names, "/"), q.Kind}
}

// leastFiled is how many training answers make a prior.
const leastFiled = 5

// learn files the right answers.
func (h *habits) learn(questions []Question) {
	for i := range questions {
		q := &questions[i]
		if q.Metric == MRA {
			v, _ := number(q.GroundTruth)
			for _, k := range numberKeys(q) {
				h.numbers[k] = append(h.numbers[k], v)
			}
			continue
		}
		for _, o := range q.Options {
			letter, text, _ := strings.Cut(o, ". ")
			for at, word := range parts(q, text) {
				h.offered[word]++
				if letter == q.GroundTruth {
					h.words[word] += float64(len(parts(q, text)) - at)
				}
			}
		}
	}
}

// parts returns what of an option is counted: itself, and for an order its things by their places.
func parts(q *Question, text string) []string {
	if q.Kind == AppearanceOrder {
		list := strings.Split(text, ", ")
		for i := range list {
			list[i] = q.Kind + "/" + list[i]
		}
		return list
	}
	return []string{q.Kind + "/" + text}
}

func (h *habits) reply(_ context.Context, _ *tour, questions []Question) ([]Reply, error) {
	out := make([]Reply, len(questions))
	for i := range questions {
		q := &questions[i]
		out[i] = Reply{Type: answerLine, ID: q.ID, From: Blind, Answer: h.guess(q)}
	}
	return out, nil
}

func (h *habits) guess(q *Question) string {
	if q.Metric == Accuracy {
		return h.guessChoice(q)
	}
	for _, k := range numberKeys(q) {
		if list := h.numbers[k]; len(list) >= leastFiled {
			return strconv.FormatFloat(median(slices.Clone(list)), 'g', 6, 64)
		}
	}
	return ""
}

// guessChoice takes the option that was right most often when it was offered.
func (h *habits) guessChoice(q *Question) string {
	best, most := "", -1.0
	for _, o := range q.Options {
		letter, text, _ := strings.Cut(o, ". ")
		if s := h.liking(q, text); s > most {
			best, most = letter, s
		}
	}
	return best
}

// liking is the share of being right. Of an order, it is how well it follows the usual places.
func (h *habits) liking(q *Question, text string) float64 {
	parts := parts(q, text)
	sum := 0.0
	for at, p := range parts {
		if h.offered[p] > 0 {
			sum += float64(len(parts)-at) * h.words[p] / h.offered[p]
		}
	}
	return sum
}

// learnHabits walks through the first training rooms.
func learnHabits(ctx context.Context, s *studio, names []string, rooms int) (*habits, error) {
	h := &habits{numbers: map[string][]float64{}, words: map[string]float64{}, offered: map[string]float64{}}
	for seed := range uint64(rooms) {
		if err := context.Cause(ctx); err != nil {
			return nil, err
		}
		h.learn(examine(s.tour(ctx, seed, false), Test, names))
	}
	return h, nil
}
