package record

// MayRetry reports whether the request failed in a way that another try may not:
// the connection could not be opened or broke before the head of an answer, or the
// status is one of 408 (timeout), 409 (conflict), 425 (too early), 429 (too many
// requests) and 5xx, but for 501 and 505, which say that the server cannot do what
// was asked. Other statuses blame the request, and an answer that had begun is a
// measurement, however it ended. So is one that did not come in time.
func (x *Exchange) MayRetry() bool {
	switch x.Outcome {
	case Connect:
		return true
	case HTTPStatus:
		switch x.Status {
		case 408, 409, 425, 429:
			return true
		case 501, 505:
			return false
		}
		return x.Status >= 500
	}
	return false
}
