package limits

import (
	"errors"
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

func words(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
