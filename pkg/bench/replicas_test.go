package bench

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"multiturn/pkg/load"
	"multiturn/pkg/record"
)

// Requests go to the replica that their records name, retries too.
func TestReplicas(t *testing.T) {
	t.Parallel()
	dead := func(_ int, r *Request, rep *Reply) {
		if r.Replica == 1 {
			rep.Outcome = record.Connect
		}
	}
	for _, tc := range []struct {
		name    string
		o       load.Options
		retries int
		reply   func(int, *Request, *Reply)
		sent    string // conversation>replica, in order
		turns   string // conversation.turn@replica outcome
	}{
		{"one", load.Options{}, 0, nil, "c0>0 c0>0 c1>0 c1>0",
			"c0.0@0 ok c0.1@0 ok c1.0@0 ok c1.1@0 ok"},
		{"sticky", load.Options{Replicas: 2}, 0, nil, "c0>0 c0>0 c1>1 c1>1",
			"c0.0@1 ok c0.1@1 ok c1.0@2 ok c1.1@2 ok"},
		{"round robin", load.Options{Replicas: 3, Balance: load.BalanceRoundRobin}, 0, nil,
			"c0>0 c0>1 c1>2 c1>0", "c0.0@1 ok c0.1@2 ok c1.0@3 ok c1.1@1 ok"},
		{"a retry stays", load.Options{Replicas: 2}, 2, dead, "c0>0 c0>0 c1>1 c1>1 c1>1",
			"c0.0@1 ok c0.1@1 ok c1.0@2 connect"},
		{"both arms", load.Options{Replicas: 2, Control: load.AA, Mix: load.ByConversation}, 0, nil,
			"c0/no-reuse-1>0 c0/no-reuse-1>0 c0/no-reuse-2>0 c0/no-reuse-2>0 " +
				"c1/no-reuse-1>1 c1/no-reuse-1>1 c1/no-reuse-2>1 c1/no-reuse-2>1",
			"c0.0@1 ok c0.1@1 ok c0.0@1 ok c0.1@1 ok c1.0@2 ok c1.1@2 ok c1.0@2 ok c1.1@2 ok"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			o := of(tc.o)
			o.Retries, o.Salts = tc.retries, load.NewSalts([32]byte{}, words{})
			out := playAll(t, o, &fake{take: time.Second, reply: tc.reply}, conversations(2, 4))
			var sent, turns []string
			for _, r := range out.requests {
				sent = append(sent, fmt.Sprintf("%s>%d", r.Conversation, r.Replica))
			}
			for i := range out.turns {
				r := &out.turns[i]
				turns = append(turns, fmt.Sprintf("%s.%d@%d %s", r.Conversation, r.Turn, r.Replica, r.Outcome))
			}
			slices.Sort(sent)
			slices.Sort(turns)
			want := strings.Fields(tc.sent)
			slices.Sort(want)
			if got := strings.Join(sent, " "); got != strings.Join(want, " ") {
				t.Errorf("sent %s\nwant %s", got, tc.sent)
			}
			if got := strings.Join(turns, " "); got != sortedPairs(tc.turns) {
				t.Errorf("records %s\nwant    %s", got, tc.turns)
			}
		})
	}
}

// sortedPairs sorts pairs of words.
func sortedPairs(s string) string {
	words := strings.Fields(s)
	var pairs []string
	for i := 0; i+1 < len(words); i += 2 {
		pairs = append(pairs, words[i]+" "+words[i+1])
	}
	slices.Sort(pairs)
	return strings.Join(pairs, " ")
}
