// Command standin runs stand-in API servers that give pods, and little else, at
// the least cost: every body is made once. It ends when its stdin does.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/kubectl-fleet/kubectl-fleet/test/fakefleet"
)

func main() {
	servers := flag.Int("n", 1, "how many servers")
	pods := flag.Int("pods", 1000, "pods of each")
	latency := flag.Duration("latency", 0, "what each answer waits for")
	hung := flag.Int("hung", 0, "further servers that accept connections and never answer")
	kubeconfig := flag.String("kubeconfig", "", "file to write")
	flag.Parse()
	if err := run(*servers, *hung, *pods, *latency, *kubeconfig); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func run(servers, hung, pods int, latency time.Duration, kubeconfig string) error {
	fleet := fakefleet.New()
	defer fleet.Close()
	content := newContent(pods, latency)
	for i := range servers + hung {
		name := fmt.Sprintf("s%03d", i+1)
		if err := fleet.Up(name); err != nil {
			return err
		}
		server, err := fleet.Server(name)
		if err != nil {
			return err
		}
		server.Intercept(content.answer)
		if i < servers {
			continue
		}
		if err := server.AddFault(fakefleet.Fault{Kind: fakefleet.FaultMute}); err != nil {
			return err
		}
	}
	if err := fleet.Kubeconfig.Write(kubeconfig); err != nil {
		return err
	}
	fmt.Println("ready")
	_, err := io.Copy(io.Discard, os.Stdin)
	return err
}
