package fakefleet

import (
	"fmt"
	"slices"
)

// Fleet is a set of servers and the kubeconfig that reaches them.
type Fleet struct {
	Kubeconfig Kubeconfig
	// HTTP2 makes servers that are started from now on speak it, as real ones do.
	// Faults that cut a connection need HTTP/1.1.
	HTTP2   bool
	servers map[string]*Server
}

// New returns a fleet without servers. Close must be called.
func New() *Fleet { return &Fleet{servers: map[string]*Server{}} }

// Up starts a server for each name, with the content of content/base.yaml, and
// adds a context of that name to the kubeconfig.
func (f *Fleet) Up(names ...string) error {
	for _, name := range names {
		if f.servers[name] != nil {
			return fmt.Errorf("%s is up already", name)
		}
		server, err := newServer(name, f.HTTP2)
		if err != nil {
			return err
		}
		f.servers[name] = server
		f.Kubeconfig.add(server)
	}
	return nil
}

// Server returns the server of that name.
func (f *Fleet) Server(name string) (*Server, error) {
	if s := f.servers[name]; s != nil {
		return s, nil
	}
	names := make([]string, 0, len(f.servers))
	for n := range f.servers {
		names = append(names, n)
	}
	slices.Sort(names)
	return nil, fmt.Errorf("no server is called %q; there are %q", name, names)
}

// Close ends all servers, whatever they hold back.
func (f *Fleet) Close() {
	for _, s := range f.servers {
		s.close()
	}
}
