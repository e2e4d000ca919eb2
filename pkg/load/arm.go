package load

import (
	"multiturn/internal/field"
	"multiturn/pkg/record"
)

// Control is what the turns of a run are compared with in the same run.
type Control string

// Controls.
const (
	NoControl Control = "none"
	// NoReuse compares with prompts that share nothing. Those of the control arm
	// begin with a salt that is new in every request, those of the measured arm
	// with a salt as long that is the same in the whole arm and in no other run. So
	// what conversations share stays shared, and neither arm nor an earlier run
	// warms the other.
	NoReuse Control = record.ControlNoReuse
	// Cold compares with an empty cache: before every turn of the control arm the
	// server's cache is emptied, and nothing is put into prompts. As that empties
	// it for all, there is one client, and the arms are played ByBatch whatever the
	// Mix. The cache is also emptied between batches, so the measured arm hits only
	// what its batch has sent.
	Cold Control = record.ControlCold
	// AA compares NoReuse with itself: salts are new in every request of both arms.
	// The arms must not differ; if they do, the comparison is at fault.
	AA Control = record.ControlAA
)

// Arms returns how often every conversation is played.
func (c Control) Arms() int {
	if c == "" || c == NoControl {
		return 1
	}
	return 2
}

// Salted reports whether prompts begin with salts.
func (c Control) Salted() bool { return c == NoReuse || c == AA }

// Mix is how the two arms share a run.
type Mix string

// Mixes.
const (
	// ByBatch plays batches of at least Active conversations, each to its end in
	// one arm and then in the other. So each arm has the load and the cache to
	// itself, as in a run of its own. What changes with time comes between the
	// arms, balanced over batches; and the end of a batch, when fewer conversations
	// are left than clients, comes more often than without a control, in both arms
	// alike.
	ByBatch Mix = "batch"
	// ByConversation begins both plays of a conversation one after the other, under
	// one load, so nothing that changes with time can come between them. But each
	// arm affects the other: turns of the measured arm queue behind the control's
	// prompts, and the control's blocks take up room in the cache. On a busy server
	// the difference is then a fraction of that between a run with a cache and one
	// without; with one client and a cache large enough for everything it is the
	// same.
	ByConversation Mix = "conversation"
)

// Salting is which prompts of an arm begin with a salt. See Salts.
type Salting int

// The ways to salt.
const (
	Unsalted    Salting = iota
	SaltArm             // one salt for all prompts of the arm
	SaltRequest         // a new salt in every request
)

// Arm is one of the two ways to play a conversation.
type Arm struct {
	// Name is one of package record's names of arms; "" without a control.
	Name string
	// First is set for the arm whose conversations are the run's. The other is
	// played for comparison only.
	First bool
	Salt  Salting
	// Cold is set if the cache is emptied before every turn.
	Cold bool
}

// arms returns the arms that are compared, or the only one.
func (c Control) arms() []Arm {
	switch c {
	case NoReuse:
		return []Arm{
			{Name: record.ArmMeasured, First: true, Salt: SaltArm},
			{Name: record.ArmNoReuse, Salt: SaltRequest},
		}
	case AA:
		return []Arm{
			{Name: record.ArmAA1, First: true, Salt: SaltRequest},
			{Name: record.ArmAA2, Salt: SaltRequest},
		}
	case Cold:
		return []Arm{
			{Name: record.ArmMeasured, First: true},
			{Name: record.ArmCold, Cold: true},
		}
	}
	return []Arm{{First: true}}
}

// validateControl adds what is wrong with the options of control arms.
func (o *Options) validateControl(errs *field.Errors) {
	switch o.Mix {
	case "", ByBatch, ByConversation:
	default:
		errs.Addf("Mix", "is %q; it must be %s or %s", o.Mix, ByBatch, ByConversation)
	}
	switch o.Control {
	case "", NoControl, NoReuse, AA:
	case Cold:
		if o.Clients > 1 {
			errs.Addf("Control", "%s with Clients %d: a reset empties the cache for all requests, "+
				"and servers refuse it while some run; use 1 client, or Control %s",
				Cold, o.Clients, NoReuse)
		}
		if o.Warmup {
			errs.Addf("Control", "%s with Warmup: the first reset would undo the warm-up", Cold)
		}
	default:
		errs.Addf("Control", "is %q; it must be %s, %s, %s or %s",
			o.Control, NoControl, NoReuse, Cold, AA)
	}
	if o.MaxRequests > 0 && o.Control.Arms() > 1 {
		errs.Addf("Control", "%s plays every conversation twice, and MaxRequests would cut "+
			"one arm off: give fewer conversations, or MaxMessages", o.Control)
	}
}
