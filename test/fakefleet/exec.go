package fakefleet

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/remotecommand"
	"k8s.io/klog/v2"
	"k8s.io/streaming/pkg/httpstream/wsstream"
)

// writeExec runs a command "in a pod": echo, cat, wait (for the connection's
// end) and fail CODE TEXT are all there is.
func (s *Server) writeExec(w http.ResponseWriter, r *http.Request, at location) {
	s.mu.Lock()
	known := false
	for _, pod := range s.store.find(s.store.kindAt(at), at.Namespace) {
		known = known || pod.GetName() == at.Name
	}
	s.mu.Unlock()
	if !known {
		writeStatus(w, http.StatusNotFound, at, "")
		return
	}
	// stdin, stdout, stderr, the status, resizing.
	channels := []wsstream.ChannelType{
		wsstream.ReadChannel, wsstream.WriteChannel, wsstream.WriteChannel, wsstream.WriteChannel, wsstream.ReadChannel,
	}
	conn := wsstream.NewConn(map[string]wsstream.ChannelProtocolConfig{
		remotecommand.StreamProtocolV5Name: {Binary: true, Channels: channels},
	})
	quiet := klog.NewContext(r.Context(), klog.Logger{}) // clients that hang up are what tests are about
	_, streams, err := conn.Open(w, r.WithContext(quiet))
	if err != nil {
		return // the other side hears of it
	}
	defer func() { _ = conn.Close() }()
	in := io.Reader(streams[0])
	if r.URL.Query().Get("stdin") != "true" {
		in = strings.NewReader("")
	}
	// Nobody sends sizes here: that channel ends with the connection.
	code := run(r.URL.Query()["command"], in, streams[1], streams[2], streams[4])
	status := metav1.Status{Status: metav1.StatusSuccess}
	if code != 0 {
		status = metav1.Status{Status: metav1.StatusFailure, Reason: remotecommand.NonZeroExitCodeReason, Details: &metav1.StatusDetails{
			Causes: []metav1.StatusCause{{Type: remotecommand.ExitCodeCauseType, Message: strconv.Itoa(code)}},
		}}
	}
	_ = json.NewEncoder(streams[3]).Encode(status)
}

func run(command []string, in io.Reader, out, errOut io.Writer, connection io.Reader) (code int) {
	switch args := command[1:]; command[0] {
	case "echo":
		_, _ = fmt.Fprintln(out, strings.Join(args, " "))
	case "cat":
		_, _ = io.Copy(out, in)
	case "wait":
		_, _ = fmt.Fprintln(out, "waiting")
		_, _ = io.Copy(io.Discard, connection)
	case "fail":
		_, _ = fmt.Fprintln(errOut, strings.Join(args[1:], " "))
		code, _ = strconv.Atoi(args[0])
	default:
		_, _ = fmt.Fprintf(errOut, "%s: not found\n", command[0])
		return 127
	}
	return code
}
