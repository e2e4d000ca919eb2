package record

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
)

// Sample is the measurement of one successful request as the reference defines
// it, in the array of its --stats-json-output. Package report derives samples from
// turns. TPOTMS is NaN, and null in JSON, if it does not exist; the reference has 0
// then.
type Sample struct {
	TTFTMS    float64
	TPOTMS    float64
	LatencyMS float64
	// StartMS is on a monotonic clock with any origin.
	StartMS float64
	// InputTurns is the number of messages sent.
	InputTurns   int
	InputTokens  int
	OutputTokens int
	// OutputChunks does not count the first chunk.
	OutputChunks     int
	FirstChunkTokens int
	// ApproxCachedPercent is the share of the input that was sent before, whether a
	// cache hit or not.
	ApproxCachedPercent float64
	Conversation        string
	Client              int
}

// sampleJSON is a sample as it is read: a required field that is missing is nil.
type sampleJSON struct {
	TTFT         *float64 `json:"ttft_ms"`
	TPOT         *float64 `json:"tpot_ms"`
	Latency      *float64 `json:"latency_ms"`
	Start        *float64 `json:"start_time_ms" limit:"start"`
	Turns        float64  `json:"input_num_turns" limit:"count"`
	Input        float64  `json:"input_num_tokens" limit:"tokens"`
	Output       float64  `json:"output_num_tokens" limit:"tokens"`
	Chunks       float64  `json:"output_num_chunks" limit:"count"`
	First        float64  `json:"output_num_first_chunk_tokens" limit:"tokens"`
	Cached       float64  `json:"approx_cached_percent"`
	Conversation string   `json:"conversation_id"`
	Client       float64  `json:"client_id" limit:"count"`
}

// UnmarshalJSON reads an item of the reference's array. Its times are required;
// other keys may be missing, and unknown keys are ignored. A number that cannot be
// true is an error: nothing of the item is worth much then.
func (s *Sample) UnmarshalJSON(b []byte) error {
	var in sampleJSON
	if err := json.Unmarshal(b, &in); err != nil {
		return err
	}
	if in.TTFT == nil || in.Latency == nil || in.Start == nil {
		return errors.New("not a measurement of a request: want ttft_ms, latency_ms and " +
			"start_time_ms")
	}
	if bad := checkNumbers(&in); bad != "" {
		return fmt.Errorf("%s cannot be true", bad)
	}
	tpot := math.NaN()
	if in.TPOT != nil {
		tpot = *in.TPOT
	}
	*s = Sample{
		TTFTMS: *in.TTFT, TPOTMS: tpot, LatencyMS: *in.Latency, StartMS: *in.Start,
		InputTurns: int(in.Turns), InputTokens: int(in.Input), OutputTokens: int(in.Output),
		OutputChunks: int(in.Chunks), FirstChunkTokens: int(in.First),
		ApproxCachedPercent: in.Cached, Conversation: in.Conversation, Client: int(in.Client),
	}
	return nil
}

// AppendSample appends s as an item of the reference's array, with the bytes of
// Python's json.dump(indent=2).
func AppendSample(dst []byte, s *Sample) []byte {
	float := func(key string, f float64) {
		dst = append(append(append(dst, "    \""...), key...), "\": "...)
		dst = append(AppendPythonFloat(dst, f), ",\n"...)
	}
	integer := func(key string, n int) {
		dst = append(append(append(dst, "    \""...), key...), "\": "...)
		dst = append(strconv.AppendInt(dst, int64(n), 10), ",\n"...)
	}
	dst = append(dst, "  {\n"...)
	float("ttft_ms", s.TTFTMS)
	float("tpot_ms", s.TPOTMS)
	float("latency_ms", s.LatencyMS)
	float("start_time_ms", s.StartMS)
	integer("input_num_turns", s.InputTurns)
	integer("input_num_tokens", s.InputTokens)
	integer("output_num_tokens", s.OutputTokens)
	integer("output_num_chunks", s.OutputChunks)
	integer("output_num_first_chunk_tokens", s.FirstChunkTokens)
	float("approx_cached_percent", s.ApproxCachedPercent)
	dst = append(dst, "    \"conversation_id\": "...)
	dst = appendASCII(dst, s.Conversation)
	dst = append(dst, ",\n    \"client_id\": "...)
	dst = strconv.AppendInt(dst, int64(s.Client), 10)
	return append(dst, "\n  }"...)
}

// WriteSamples writes the whole array like the reference's --stats-json-output,
// without a line end.
func WriteSamples(w io.Writer, samples []Sample) error {
	buf := []byte("[")
	for i := range samples {
		if i > 0 {
			buf = append(buf, ',')
		}
		buf = AppendSample(append(buf, '\n'), &samples[i])
		if len(buf) >= flushSize {
			if _, err := w.Write(buf); err != nil {
				return err
			}
			buf = buf[:0]
		}
	}
	if len(samples) > 0 {
		buf = append(buf, '\n')
	}
	_, err := w.Write(append(buf, ']'))
	return err
}

// AppendPythonFloat appends f like Python's repr: the shortest decimal that reads
// back as f, with a point or an exponent. NaN and infinities are null, so that the
// result is JSON.
func AppendPythonFloat(dst []byte, f float64) []byte {
	if !finite(f) {
		return append(dst, "null"...)
	}
	abs := math.Abs(f)
	if abs != 0 && (abs < 1e-4 || abs >= 1e16) {
		return strconv.AppendFloat(dst, f, 'e', -1, 64)
	}
	n := len(dst)
	dst = strconv.AppendFloat(dst, f, 'f', -1, 64)
	for _, c := range dst[n:] {
		if c == '.' {
			return dst
		}
	}
	return append(dst, ".0"...)
}

// appendASCII appends s like Python's json, which escapes everything beyond ASCII.
func appendASCII(dst []byte, s string) []byte {
	dst = append(dst, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			dst = append(dst, '\\', byte(r))
		case r == '\n':
			dst = append(dst, `\n`...)
		case r == '\r':
			dst = append(dst, `\r`...)
		case r == '\t':
			dst = append(dst, `\t`...)
		case r == '\b':
			dst = append(dst, `\b`...)
		case r == '\f':
			dst = append(dst, `\f`...)
		case r < ' ' || r >= 0x7f && r < 0x10000:
			dst = fmt.Appendf(dst, `\u%04x`, r)
		case r >= 0x10000:
			r -= 0x10000
			dst = fmt.Appendf(dst, `\u%04x\u%04x`, 0xd800+r>>10, 0xdc00+r&0x3ff)
		default:
			dst = append(dst, byte(r))
		}
	}
	return append(dst, '"')
}
