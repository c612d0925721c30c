package fakefleet

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
)

// cut sends half of what the server would have said.
func (f *Fault) cut(s *Server, w http.ResponseWriter, r *http.Request, at location) {
	whole := httptest.NewRecorder()
	if at.Subresource == "log" {
		s.writeLog(whole, r, at, false)
	} else {
		s.answer(whole, r, at)
	}
	contentType, body := whole.Header().Get("Content-Type"), whole.Body.Bytes()
	half := body[:len(body)/2]
	if f.Kind == FaultTruncate {
		w.Header().Set("Content-Type", contentType)
		_, _ = w.Write(half)
		return
	}
	hijacker, can := w.(http.Hijacker)
	if !can {
		return
	}
	conn, buffered, err := hijacker.Hijack()
	if err != nil {
		return
	}
	defer func() { _ = conn.Close() }()
	_, _ = fmt.Fprintf(buffered, "HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s", contentType, len(body), half)
	_ = buffered.Flush()
	switch f.Kind { //nolint:exhaustive // the others end with the Close above
	case FaultStall:
		<-s.closed
	case FaultReset:
		reset(conn)
	}
}

// reset closes the connection with RST and not with FIN.
func reset(conn net.Conn) {
	if secure, is := conn.(*tls.Conn); is {
		conn = secure.NetConn()
	}
	if tcp, is := conn.(*net.TCPConn); is {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}
