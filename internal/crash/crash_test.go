package crash

import (
	"regexp"
	"strings"
	"testing"
)

func TestCaught(t *testing.T) {
	t.Parallel()
	caught := func(f func()) (err *Error) {
		defer func() { err = Caught(recover()) }()
		f()
		return nil
	}
	var none []int
	for name, tt := range map[string]struct {
		f    func()
		want string
	}{
		"an index":     {func() { _ = none[len(name(t))] }, "index out of range"},
		"a nil":        {func() { _ = (*Error)(nil).Place }, "nil pointer dereference"},
		"a panic":      {func() { panic("seven") }, "seven"},
		"of a library": {func() { _ = strings.Repeat("x", len(none)-1) }, "negative Repeat count"},
	} {
		err := caught(tt.f)
		if err == nil {
			t.Fatalf("%s: not caught", name)
		}
		want := regexp.MustCompile(`^a fault of this program at internal/crash/crash_test.go:\d+, ` +
			`not of the server: .*` + tt.want + `.*; please report it$`)
		if !want.MatchString(err.Error()) || !strings.Contains(string(err.Stack), "crash_test.go") {
			t.Errorf("%s: %v\n%s", name, err, err.Stack)
		}
	}
	if err := caught(func() {}); err != nil {
		t.Errorf("no panic: %v", err)
	}
}

func name(t *testing.T) string { return t.Name() }
