package record

import (
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"time"
)

// fill sets all settable fields of v to random values, so that a field that is
// missing in the encoder is noticed.
func fill(rng *rand.Rand, v reflect.Value) {
	switch v.Interface().(type) {
	case json.RawMessage:
		v.SetBytes([]byte(`{"a":[1,2.5,"x"]}`))
		return
	case time.Time:
		v.Set(reflect.ValueOf(time.Unix(rng.Int64N(1e9), rng.Int64N(1e9)).UTC()))
		return
	}
	switch v.Kind() {
	case reflect.String:
		texts := []string{"", "CONV_ID_7", "stop", "a \"b\"\\ <&>", "héllo\n\u2028",
			"\x00\x1f\x7f", "bad\xff"}
		v.SetString(texts[rng.IntN(len(texts))])
	case reflect.Int, reflect.Int64:
		v.SetInt(rng.Int64N(1e12) * rng.Int64N(2))
	case reflect.Float64:
		v.SetFloat([]float64{0, 1, 0.1, 1e-9, 1e21, 123.456789, rng.Float64()}[rng.IntN(7)])
	case reflect.Bool:
		v.SetBool(rng.IntN(2) == 0)
	case reflect.Pointer:
		if rng.IntN(3) > 0 {
			v.Set(reflect.New(v.Type().Elem()))
			fill(rng, v.Elem())
		}
	case reflect.Slice:
		if n := rng.IntN(4); n > 0 {
			v.Set(reflect.MakeSlice(v.Type(), n, n))
			for i := range n {
				fill(rng, v.Index(i))
			}
		}
	case reflect.Map:
		if n := rng.IntN(4); n > 0 {
			v.Set(reflect.MakeMap(v.Type()))
			for range n {
				key, val := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
				fill(rng, key)
				fill(rng, val)
				v.SetMapIndex(key, val)
			}
		}
	case reflect.Struct:
		for i := range v.NumField() {
			fill(rng, v.Field(i))
		}
	default:
		panic("fill does not know " + v.Kind().String())
	}
}
