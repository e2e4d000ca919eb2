package limits

import (
	"errors"
	"math"
	"strings"
	"testing"
	"testing/iotest"
)

func TestReadAll(t *testing.T) {
	t.Parallel()
	broken := iotest.ErrReader(errors.New("reset"))
	for _, tt := range []struct {
		text, want, err string
	}{
		{"", "", ""},
		{"1234", "1234", ""},
		{"12345", "1234", "the answer is larger than 4 bytes"},
	} {
		got, err := ReadAll(strings.NewReader(tt.text), 4, "the answer")
		if message := words(err); string(got) != tt.want || message != tt.err {
			t.Errorf("ReadAll of %q = %q, %q; want %q, %q", tt.text, got, message, tt.want, tt.err)
		}
	}
	if _, err := ReadAll(broken, 4, "the answer"); words(err) != "reset" {
		t.Errorf("ReadAll of a broken stream: error %v, want reset", err)
	}
}

func TestPlausiblePrompt(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		tokens, bytes int64
		want          bool
	}{
		{0, 0, true}, {-1, 0, false}, {Tokens, 0, true}, {Tokens + 1, 0, false},
		{math.MinInt64, 100, false}, {math.MaxInt64, math.MaxInt64, false},
		{100 + TokensUnseen, 100, true}, {101 + TokensUnseen, 100, false},
	} {
		if got := PlausiblePrompt(tt.tokens, tt.bytes); got != tt.want {
			t.Errorf("PlausiblePrompt(%d, %d) = %v", tt.tokens, tt.bytes, got)
		}
	}
}

func TestAnswerBytes(t *testing.T) {
	t.Parallel()
	const mib = 1 << 20
	for _, tt := range []struct {
		tokens        int
		request, want int64
	}{
		{1, 0, 16*mib + 16<<10},
		{64, mib, 33 * mib},
		{0, 0, (16 + 256) * mib},
		{-1, 0, (16 + 256) * mib},
		{math.MaxInt, math.MaxInt64, 1 << 30},
	} {
		if got := AnswerBytes(tt.tokens, tt.request); got != tt.want {
			t.Errorf("AnswerBytes(%d, %d) = %d, want %d", tt.tokens, tt.request, got, tt.want)
		}
	}
}

func TestTextBytes(t *testing.T) {
	t.Parallel()
	for tokens, want := range map[int]int64{
		1: 2<<20 + 128, 0: 4 << 20, -1: 4 << 20, math.MaxInt: 1 << 30,
	} {
		if got := TextBytes(tokens); got != want {
			t.Errorf("TextBytes(%d) = %d, want %d", tokens, got, want)
		}
	}
}

func words(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
