package sharegpt

import (
	"reflect"
	"strings"
	"testing"

	"multiturn/pkg/chat"
)

// Each input is changed in one way, besides the roles that are renamed.
func TestChanges(t *testing.T) {
	t.Parallel()
	two := 2
	chats := func(messages string) string { return `{"id": "x", "messages": [` + messages + `]}` }
	said := `{"role": "user", "content": "a"}, {"role": "assistant", "content": `
	for _, tc := range []struct {
		name, in string
		o        Options
		want     []Change
	}{
		{"nothing", chats(said + `"b"}`), Options{}, nil},
		{"no id", `{"messages": [` + said + `"b"}]}`, Options{}, []Change{{NoID, 1, 1}}},
		{"three parts, one repeats a role", share("x_0", "u a|a b") + share("x_1", "a c|u d") +
			share("x_2", "a e"), Options{},
			[]Change{{Joined, 1, 3}, {Repeated, 1, 1}, {Renamed, 1, 4}}},
		{"a part that only repeats a role", share("x_0", "u a|a b") + share("x_1", "a c") +
			share("x_2", "u d|a e"), Options{},
			[]Change{{Joined, 1, 3}, {Repeated, 1, 1}, {Renamed, 1, 4}}},
		{"answers to nothing", share("x_0", "s be kind|a 1|a 2|u a|a b"), Options{},
			[]Change{{LeadingTurn, 1, 2}, {Renamed, 1, 2}}},
		{"cut, in two of three", share("x_0", "u a|a b|u c|a d|u e") +
			share("y_0", "u a|a b|u c") + share("z_0", "u a|a b"), Options{MaxTurns: &two},
			[]Change{{Cut, 2, 4}, {Renamed, 3, 6}}},
		{"last question", share("x_0", "u a|a b|u c"), Options{},
			[]Change{{LastQuestion, 1, 1}, {Renamed, 1, 2}}},
		{"last question kept", share("x_0", "u a|a b|u c"), Options{KeepOdd: true},
			[]Change{{Renamed, 1, 3}}},
		{"one text in a list", chats(said + `[{"text": "b"}]}`), Options{}, nil},
		{"two texts and a picture", chats(said + `[{"text": "b"}, {"image": 1}, {"text": "c"}]}`),
			Options{}, []Change{{JoinedText, 1, 1}, {LostContent, 1, 1}}},
		{"half a pair", chats(said + `"b \ud83d"}`), Options{}, []Change{{HalfPair, 1, 1}}},
		{"dropped ones do not count", share("y_0", "u a|a b|u c|t d") + chats(said+`"b"}`),
			Options{}, nil},
		{"parity", share("x_0", "u é|a é") + "," + share("x_1", "a c|u é"), Options{Parity: true},
			nil},
	} {
		in := tc.in
		if tc.o.Parity {
			in = "[" + in + "]"
		}
		_, _, res, err := run(t, strings.NewReader(in), tc.o, chat.JSONL, 80, "")
		if err != nil {
			t.Errorf("%s: %v", tc.name, err)
		} else if !reflect.DeepEqual(res.Changed, tc.want) {
			t.Errorf("%s: changed %v, want %v", tc.name, res.Changed, tc.want)
		}
	}
}
