package record

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strings"
	"sync"

	"multiturn/internal/limits"
)

// Check makes the numbers of a record that cannot be true unknown: negative counts,
// times beyond limits.Clock, more tokens than a prompt can have, and so on. The
// record's field Implausible is then the first of them. Reader has checked what it
// returns, and nothing that reads records needs to check them again.
//
// The limits of a field follow from its type, or are those that its tag limit names.
func Check(rec any) {
	if t, ok := rec.(*Turn); ok {
		t.CheckUsage()
	}
	if bad := checkNumbers(rec); bad != "" {
		said := reflect.ValueOf(rec).Elem().FieldByName("Implausible")
		said.SetString(cmp.Or(said.String(), bad))
	}
}

// checkNumbers checks what rec points to by the types and tags of its fields.
func checkNumbers(rec any) (bad string) {
	v := reflect.ValueOf(rec).Elem()
	return checkStruct(v, rulesOf(v.Type()))
}

// CheckUsage makes usage unknown whose prompt or answer cannot have that many
// tokens, by BodyBytes and limits.Tokens, and numbers within it that no prompt can
// have. Implausible is then the first of them.
func (x *Exchange) CheckUsage() {
	u := x.Usage
	if u == nil {
		return
	}
	say := func(field string, n int) {
		x.Implausible = cmp.Or(x.Implausible, fmt.Sprintf("usage.%s %d", field, n))
	}
	part := func(field string, n **int) {
		if *n != nil && !limits.PlausiblePrompt(int64(**n), 0) {
			say(field, **n)
			*n = nil
		}
	}
	switch {
	case !limits.PlausiblePrompt(int64(u.Prompt), x.BodyBytes):
		say("prompt", u.Prompt)
		x.Usage = nil
		return
	case !limits.PlausiblePrompt(int64(u.Completion), 0):
		say("completion", u.Completion)
		x.Usage = nil
		return
	}
	part("reasoning", &u.Reasoning)
	part("cached", &u.Cached)
	part("created", &u.Created)
	if u.Cached == nil {
		u.CachedField = ""
	}
	for _, tier := range slices.Sorted(maps.Keys(u.Tiers)) {
		if n := u.Tiers[tier]; !limits.PlausiblePrompt(int64(n), 0) {
			say("tiers."+tier, n)
			delete(u.Tiers, tier)
		}
	}
}

// rule is how a field is checked.
type rule struct {
	index int
	name  string // in JSON; "" of embedded structs
	kind  fieldKind
	span
	inner []rule // of a struct, or of what is pointed to
}

type fieldKind int

const (
	integerField fieldKind = iota
	floatField
	structField
	pointerField
	listField // of structs
	gapsField
	valuesField // of metrics, by name
)

// span is the numbers that a field may have.
type span struct{ min, max float64 }

// spans are the limits that a tag can name.
var spans = map[string]span{
	"tokens":   {0, limits.Tokens},
	"block":    {0, limits.Block},
	"replicas": {0, limits.Replicas},
	"status":   {0, 999},
	"count":    {0, limits.Count},
	"signed":   {-limits.Count, limits.Count}, // below 0 has a meaning of its own
	"start":    {-limits.SampleStart, limits.SampleStart},
}

// spanOf returns the limits of a number by its type.
func spanOf(t reflect.Type) span {
	switch {
	case t == reflect.TypeFor[Clock]():
		return span{0, limits.Clock}
	case t.Kind() == reflect.Int:
		return span{0, limits.Count}
	case t.Kind() == reflect.Int64:
		return span{0, limits.Bytes}
	}
	// Nearly all are milliseconds, some of them differences.
	return span{-limits.Clock / 1e6, limits.Clock / 1e6}
}

var allRules sync.Map // of []rule, by reflect.Type

// rulesOf returns the rules of a struct's fields that have numbers.
func rulesOf(t reflect.Type) []rule {
	if rules, ok := allRules.Load(t); ok {
		return rules.([]rule)
	}
	var rules []rule
	for i := range t.NumField() {
		f := t.Field(i)
		if !f.IsExported() || f.Tag.Get("limit") == "-" {
			continue
		}
		r := rule{index: i}
		if !f.Anonymous {
			r.name, _, _ = strings.Cut(f.Tag.Get("json"), ",")
		}
		if r.of(f.Type, f.Tag.Get("limit")) {
			rules = append(rules, r)
		}
	}
	allRules.Store(t, rules)
	return rules
}

// of sets the rule of a type. It reports whether the type has numbers.
func (r *rule) of(t reflect.Type, limit string) bool {
	named := false
	if r.span, named = spans[limit]; !named {
		r.span = spanOf(t)
	}
	switch t.Kind() {
	case reflect.Int, reflect.Int64:
		r.kind = integerField
	case reflect.Float64:
		r.kind = floatField
	case reflect.Struct:
		r.kind, r.inner = structField, rulesOf(t)
		return len(r.inner) > 0
	case reflect.Pointer:
		to := rule{}
		known := to.of(t.Elem(), limit)
		r.kind, r.inner = pointerField, []rule{to}
		return known
	case reflect.Slice:
		return r.ofList(t)
	case reflect.Map:
		r.kind = valuesField
		return t.Elem().Kind() == reflect.Float64
	default:
		return false
	}
	return true
}

// ofList sets the rule of a list. It reports whether the list has numbers.
func (r *rule) ofList(t reflect.Type) bool {
	switch {
	case t == reflect.TypeFor[Gaps]():
		r.kind = gapsField
	case t.Elem().Kind() == reflect.Struct:
		r.kind, r.inner = listField, rulesOf(t.Elem())
	default:
		return false
	}
	return true
}

// checkStruct makes the fields of a struct unknown that are beyond their limits. It
// returns the first of them with its value, "" if there is none.
func checkStruct(v reflect.Value, rules []rule) (bad string) {
	for i := range rules {
		r := &rules[i]
		if found := r.check(v.Field(r.index)); found != "" && bad == "" {
			bad = r.path(found)
		}
	}
	return bad
}

// path puts the field's name before what is beneath it: a space and a value, or
// another field and its value.
func (r *rule) path(beneath string) string {
	if r.name == "" || beneath[0] == ' ' {
		return r.name + beneath
	}
	return r.name + "." + beneath
}

// check makes what is beyond its limits unknown and returns it, as path takes it; ""
// if nothing is.
func (r *rule) check(v reflect.Value) string {
	switch r.kind {
	case integerField:
		if n := v.Int(); float64(n) < r.min || float64(n) > r.max {
			v.SetZero()
			return fmt.Sprint(" ", n)
		}
	case floatField:
		if f := v.Float(); !(f >= r.min && f <= r.max) {
			v.SetZero()
			return fmt.Sprint(" ", f)
		}
	case structField:
		return checkStruct(v, r.inner)
	case pointerField:
		return r.pointed(v)
	case listField:
		return r.list(v)
	case gapsField:
		return checkGaps(v.Addr().Interface().(*Gaps))
	case valuesField:
		return checkValues(v.Interface().(map[string]float64))
	}
	return ""
}

// pointed checks what a pointer points to. A number beyond its limits is nil: it is
// unknown.
func (r *rule) pointed(v reflect.Value) string {
	if v.IsNil() {
		return ""
	}
	to := &r.inner[0]
	bad := to.check(v.Elem())
	if bad != "" && to.kind != structField {
		v.SetZero()
	}
	return bad
}

// list checks a list of structs.
func (r *rule) list(v reflect.Value) (bad string) {
	if n := v.Len(); n > limits.Replicas {
		v.SetZero()
		return fmt.Sprintf("length %d", n)
	}
	for i := range v.Len() {
		bad = cmp.Or(bad, checkStruct(v.Index(i), r.inner))
	}
	return bad
}

// checkGaps drops all gaps if one cannot be true: each stands for a chunk.
func checkGaps(g *Gaps) string {
	for _, n := range *g {
		if n < -limits.Clock/1000 || n > limits.Clock/1000 {
			*g = nil
			return fmt.Sprint(" ", n)
		}
	}
	return ""
}

// checkValues drops the values of metrics that cannot be true.
func checkValues(values map[string]float64) (bad string) {
	for name, f := range values {
		if !(math.Abs(f) <= limits.Metric) {
			delete(values, name)
			if one := fmt.Sprint(name, " ", f); bad == "" || one < bad {
				bad = one
			}
		}
	}
	return bad
}
