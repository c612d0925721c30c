// Command standin runs stand-in API servers that give pods, and keep what is
// applied, at the least cost: no body is made twice. A line of its stdin makes
// them forget what was written to them, and it ends when its stdin does.
package main

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"runtime/debug"
	"time"

	"github.com/kubectl-fleet/kubectl-fleet/test/fakefleet"
)

// sparing is how many percent of what is kept become garbage before it is collected:
// servers elsewhere would not take processors away from those who ask them.
const sparing = 1000

func main() {
	servers := flag.Int("n", 1, "how many servers")
	pods := flag.Int("pods", 0, "pods of each")
	latency := flag.Duration("latency", 0, "what each answer waits for")
	hung := flag.Int("hung", 0, "further servers that accept connections and never answer")
	http2 := flag.Bool("http2", false, "speak HTTP/2, as API servers do")
	kubeconfig := flag.String("kubeconfig", "", "file to write")
	flag.Parse()
	debug.SetGCPercent(sparing)
	s := standin{fleet: fakefleet.New(), content: newContent(*pods), latency: *latency}
	s.fleet.HTTP2 = *http2
	err := s.run(*servers, *hung, *kubeconfig)
	s.fleet.Close()
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

// standin is the servers and what they have.
type standin struct {
	fleet   *fakefleet.Fleet
	content *content
	latency time.Duration
	forget  []func() error
}

func (s *standin) run(servers, hung int, kubeconfig string) error {
	for i := range servers + hung {
		server, err := s.up(fmt.Sprintf("s%03d", i+1))
		if err != nil {
			return err
		}
		if i < servers {
			continue
		}
		if err := server.AddFault(fakefleet.Fault{Kind: fakefleet.FaultMute}); err != nil {
			return err
		}
	}
	if err := s.fleet.Kubeconfig.Write(kubeconfig); err != nil {
		return err
	}
	fmt.Println("ready")
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		for _, forget := range s.forget {
			if err := forget(); err != nil {
				return err
			}
		}
		fmt.Println("ready")
	}
	return nil
}

// up starts one server.
func (s *standin) up(name string) (*fakefleet.Server, error) {
	if err := s.fleet.Up(name); err != nil {
		return nil, err
	}
	server, err := s.fleet.Server(name)
	if err != nil {
		return nil, err
	}
	kept := newObjects()
	server.Intercept(func(w http.ResponseWriter, r *http.Request) bool {
		time.Sleep(s.latency)
		return s.content.answer(w, r) || kept.answer(w, r)
	})
	forget := func() error {
		kept.forget()
		return errors.Join(server.Restore(), server.Load([]byte(leases)))
	}
	s.forget = append(s.forget, forget)
	return server, forget()
}

// leases are the one type that a server without writes is not asked for.
const leases = `{apiVersion: apiextensions.k8s.io/v1, kind: CustomResourceDefinition, metadata: {name: leases.coordination.k8s.io},
  spec: {group: coordination.k8s.io, scope: Namespaced, names: {plural: leases, singular: lease, kind: Lease}, versions: [{name: v1, served: true, storage: true}]}}`
