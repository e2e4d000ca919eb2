package record

// Preflight is what was learnt of the server's cache by sending one long prompt
// twice, and beginnings of it. No conversation shares the prompt.
type Preflight struct {
	// Reported reports whether usage has the number of cached tokens, in the field
	// CachedField. With ZeroOmitted the field is absent where nothing was cached, so
	// an absent field means 0 in this run.
	Reported    bool   `json:"reported"`
	CachedField string `json:"cached_field,omitempty"`
	ZeroOmitted bool   `json:"zero_omitted,omitempty"`
	// Caching is one of the Caching constants. Evidence is usage, counters (of
	// /metrics) or time (to the first token, which is a guess).
	Caching  string `json:"caching"`
	Evidence string `json:"evidence,omitempty"`
	// BlockSize is a guess in tokens from what was cached; 1 is a cache that is
	// exact to the token, 0 is unknown.
	BlockSize int `json:"block_size,omitempty" limit:"block"`
	// Advice is the option of the server that would report more, or enable the cache.
	Advice   string  `json:"advice,omitempty"`
	Requests []Probe `json:"requests,omitempty"`
	// Error is why a request failed; the rest is what was known until then.
	Error string `json:"error,omitempty"`
}

// Values of Preflight.Caching.
const (
	CachingOn      = "on"
	CachingOff     = "off"
	CachingUnknown = "unknown"
)

// Probe is one request of a preflight.
type Probe struct {
	Prompt int     `json:"prompt" limit:"tokens"`           // tokens, by usage
	Cached *int    `json:"cached,omitempty" limit:"tokens"` // nil: unknown
	TTFTMS float64 `json:"ttft_ms"`                         // time to the first token
}
