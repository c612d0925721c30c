package fakefleet

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// listener can hold connections back before a single byte is read, and close
// its port for good.
type listener struct {
	net.Listener

	mu   sync.Mutex
	mute bool
	held []net.Conn
	port int // file descriptor that keeps a closed port ours
}

// Accept implements net.Listener.
func (l *listener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		l.mu.Lock()
		if !l.mute {
			l.mu.Unlock()
			return conn, nil
		}
		l.held = append(l.held, conn)
		l.mu.Unlock()
	}
}

// setMute makes the server accept connections and say nothing, not even hello.
func (l *listener) setMute(mute bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.mute = mute
}

// refuse closes the port. It stays bound, without anyone listening, so that no
// other server of the machine gets it while a test relies on nobody answering.
func (l *listener) refuse() error {
	address, isTCP := l.Addr().(*net.TCPAddr)
	if !isTCP {
		return fmt.Errorf("%s is no TCP address", l.Addr())
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		return err
	}
	syscall.CloseOnExec(fd)
	l.port = fd
	if err := sharePort(fd); err != nil {
		return err
	}
	// Before the port is given up: between the two somebody might take it.
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Port: address.Port, Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return err
	}
	return l.Close()
}

// listen opens a port that refuse can hold on to.
func listen() (*listener, error) {
	config := net.ListenConfig{Control: func(_, _ string, conn syscall.RawConn) error {
		var set error
		err := conn.Control(func(fd uintptr) { set = sharePort(int(fd)) })
		return errors.Join(err, set)
	}}
	tcp, err := config.Listen(context.Background(), "tcp", "127.0.0.1:0")
	return &listener{Listener: tcp}, err
}

// sharePort lets a second socket of ours be bound to the port.
func sharePort(fd int) error { return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1) }

// release gives up everything that is held.
func (l *listener) release() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, conn := range l.held {
		_ = conn.Close()
	}
	if l.port != 0 {
		_ = syscall.Close(l.port)
	}
}

// silentLog swallows what net/http has to say about clients that go away.
func silentLog() *log.Logger { return log.New(io.Discard, "", 0) }
