package member

import (
	"context"
	"net/http"
	"time"
)

// ClockAhead is by how much the cluster's clock is ahead of ours, as the Date of an
// answer says it: to a second, and half of the time that the answer took. known is false
// where nothing says so.
func (m *Member) ClockAhead(ctx context.Context) (ahead time.Duration, known bool) {
	url := m.rest.Get().AbsPath("/version").URL().String()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return 0, false
	}
	// Not through the REST client: it gives no headers.
	asked := time.Now()
	resp, err := m.client.Do(req)
	if err != nil {
		return 0, false
	}
	_ = resp.Body.Close()
	took := time.Since(asked)
	date, err := http.ParseTime(resp.Header.Get("Date"))
	if err != nil {
		return 0, false
	}
	// It is cut to the second: the middle of that is the best guess.
	return date.Add(time.Second / 2).Sub(asked.Add(took / 2)), true
}
