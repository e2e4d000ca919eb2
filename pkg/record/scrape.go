package record

// Scrape is one reading of a server's metrics.
type Scrape struct {
	Type string `json:"type"`  // TypeScrape
	At   Clock  `json:"at_ms"` // when it was read
	URL  string `json:"url"`   // of the metrics
	// Replica is the number of the server in Run.Replicas, from 1; 0 if there was one
	// server only, or if these metrics are no single replica's.
	Replica int `json:"replica,omitempty" limit:"replicas"`
	// When is before, during or after the measured turns.
	When  string `json:"when"`
	Error string `json:"error,omitempty"` // why there are no values
	// Values are by quantity of the metrics catalogue. Quantities that the server
	// does not expose are absent.
	Values map[string]float64 `json:"values,omitempty"`
	// Names are the exposed metrics that Values were read from. They are in the
	// first reading of a URL, and in later ones if they changed.
	Names map[string]string `json:"names,omitempty"`
	// Implausible is as in turns.
	Implausible string `json:"implausible,omitempty"`
}

// Values of Scrape.When.
const (
	Before = "before"
	During = "during"
	After  = "after"
)
